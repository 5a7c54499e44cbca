"""Message templates: what a send must match, and `/<WABA id>/message_templates`."""

from __future__ import annotations

import asyncio
import base64
import re

from aiohttp import web

from .errors import GraphError
from .fields import bad, check_media, missing, need_obj, need_str, only_keys
from .graph import GraphApi
from .state import MetaState

VAR = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


def check_template(sim: MetaState, t: dict, version: float) -> dict:
    only_keys(t, {"name", "language", "components", "namespace"}, "template")
    name = need_str(t, "name", "template", 1, 512)
    lang = need_obj(t, "language", "template.")
    code = need_str(lang, "code", "template['language']", 2, 15)
    if lang.get("policy", "deterministic") != "deterministic":
        raise bad("template['language']['policy'] must be deterministic")
    comps = t.get("components") or []
    if not isinstance(comps, list):
        raise GraphError(100, message="(#100) Param template['components'] must be an array.")
    tpl = sim.templates.get((name, code))
    if tpl is None:
        if sim.cfg["check_templates"]:
            raise GraphError(132001, f"template name ({name}) does not exist in {code}")
        tpl = {"name": name, "language": code, "category": "UTILITY", "components": None, "status": "APPROVED"}
    if tpl["status"] == "PAUSED":
        raise GraphError(132015)
    if tpl["status"] == "DISABLED":
        raise GraphError(132016)
    if tpl["status"] != "APPROVED":
        raise GraphError(132001, f"template name ({name}) does not exist in {code}")
    by = {}
    for c in comps:
        if not isinstance(c, dict) or str(c.get("type", "")).lower() not in (
            "header",
            "body",
            "button",
            "footer",
            "carousel",
            "limited_time_offer",
        ):
            raise bad("template['components'] has an invalid type")
        ct = c["type"].lower()
        if ct == "button":
            if str(c.get("sub_type", "")).lower() not in (
                "quick_reply",
                "url",
                "catalog",
                "flow",
                "copy_code",
                "mpm",
                "order_details",
                "voice_call",
            ):
                raise bad("template button sub_type is not valid")
            if c.get("index") is None:
                raise missing("template['components']['index']")
        else:
            by[ct] = c
        for p in c.get("parameters") or []:
            if not isinstance(p, dict) or "type" not in p:
                raise missing("parameters['type']")
            pt = p["type"]
            if pt == "text":
                tx = p.get("text")
                if tx is None or (isinstance(tx, str) and tx == ""):
                    raise GraphError(131008, "Parameter of type text is missing text value")
                if isinstance(tx, str) and ct in ("body", "header") and re.search(r"[\n\t]| {5,}", tx):
                    raise GraphError(
                        132018 if version >= 23 else 100,
                        "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
                    )
            elif pt in ("image", "video", "document"):
                check_media(sim, need_obj(p, pt, "parameter."), pt, f"parameter['{pt}']")
            elif pt not in (
                "currency",
                "date_time",
                "payload",
                "action",
                "location",
                "coupon_code",
                "limited_time_offer",
                "product",
                "order_status",
            ):
                raise bad(f"parameter type {pt} is not valid")
    for part in ("header", "body"):
        spec = next((c for c in tpl["components"] or [] if c.get("type", "").upper() == part.upper()), None)
        if spec is None:
            continue
        given = (by.get(part) or {}).get("parameters") or []
        if part == "header" and spec.get("format", "TEXT").upper() in ("IMAGE", "VIDEO", "DOCUMENT", "LOCATION"):
            if not given:
                raise GraphError(132012, f"header: Format mismatch, expected {spec['format']}, received UNKNOWN")
            if given[0].get("type", "").upper() != spec["format"].upper():
                raise GraphError(
                    132012,
                    f"header: Format mismatch, expected {spec['format']}, received {given[0].get('type', '').upper()}",
                )
            continue
        want = list(dict.fromkeys(VAR.findall(spec.get("text", ""))))
        if len(given) != len(want):
            raise GraphError(
                132000,
                f"{part}: number of localizable_params ({len(given)}) does not match the expected number of params"
                f" ({len(want)})",
            )
        if part == "body" and want:
            txt = spec["text"]
            for i, w in enumerate(want):
                p = next((g for g in given if g.get("parameter_name") == w), given[i])
                val = (
                    p.get("text") or (p.get(p["type"]) or {}).get("fallback_value", "")
                    if isinstance(p.get(p["type"]), (dict, str))
                    else p.get("text", "")
                )
                txt = re.sub(rf"\{{\{{\s*{re.escape(w)}\s*\}}\}}", lambda _, val=val: str(val), txt)
            if len(txt) > 1024:
                raise GraphError(132005)
    return tpl


class TemplatesApi(GraphApi):
    """Lists, creates, reviews and deletes templates."""

    async def h_templates(self, request):
        self.auth(request)
        node = request.match_info["node"]
        if node != self.cfg["waba_id"]:
            raise self.wrong_node(node, request.method.lower())
        if request.method == "GET":
            q = request.query
            rows = [
                t
                for t in self.templates.values()
                if (not q.get("name") or q["name"] in t["name"])
                and (not q.get("status") or t["status"] == q["status"].upper())
                and (not q.get("language") or t["language"] == q["language"])
                and (not q.get("category") or t["category"] == q["category"].upper())
            ]
            lim = max(1, min(1000, int(q.get("limit", 25))))
            start = int(base64.b64decode(q["after"]).decode()) if q.get("after") else 0
            page = rows[start : start + lim]
            if q.get("fields"):
                keep = set(q["fields"].split(",")) | {"id"}
                page = [{k: v for k, v in t.items() if k in keep} for t in page]
            out: dict = {"data": page}
            if page:

                def cur(n):
                    return base64.b64encode(str(n).encode()).decode()

                out["paging"] = {"cursors": {"before": cur(start), "after": cur(start + len(page))}}
                if start + lim < len(rows):
                    out["paging"]["next"] = f"{self.base_url}{request.path}?limit={lim}&after={cur(start + lim)}"
            return web.json_response(out)
        if request.method == "DELETE":
            n = request.query.get("name")
            if not n:
                raise GraphError(100, message="(#100) The parameter name is required.")
            hit = [
                k
                for k, t in self.templates.items()
                if k[0] == n and (not request.query.get("hsm_id") or t["id"] == request.query["hsm_id"])
            ]
            if not hit:
                raise GraphError(100, message="Invalid parameter", details=None, subcode=2593002)
            for k in hit:
                del self.templates[k]
            return web.json_response({"success": True})
        if request.method != "POST":
            raise GraphError(100, message="Unsupported request method.", typ="GraphMethodException")
        p = await self.params(request)
        for k in ("name", "language", "category"):
            if not p.get(k):
                raise GraphError(100, message=f"(#100) The parameter {k} is required.")
        if not re.fullmatch(r"[a-z0-9_]{1,512}", p["name"]):
            raise GraphError(
                100,
                message="(#100) Param name must contain only lowercase letters, numbers and underscores, at most 512"
                " characters.",
            )
        if str(p["category"]).upper() not in ("AUTHENTICATION", "MARKETING", "UTILITY"):
            raise GraphError(100, message="(#100) Param category must be one of {AUTHENTICATION, MARKETING, UTILITY}.")
        if (p["name"], p["language"]) in self.templates:
            raise GraphError(100, message="Invalid parameter", details=None, subcode=2388024)
        comps = p.get("components") or []
        body = next((c for c in comps if str(c.get("type", "")).upper() == "BODY"), None)
        if body is None:
            raise GraphError(100, message="Invalid parameter", details="A BODY component is required", subcode=2388043)
        for c in comps:
            ct = str(c.get("type", "")).upper()
            lim = {"HEADER": 60, "BODY": 1024, "FOOTER": 60}.get(ct)
            if lim and len(c.get("text") or "") > lim:
                raise GraphError(
                    100,
                    message="Invalid parameter",
                    details=f"{ct} text must be at most {lim} characters",
                    subcode=2388040,
                )
            if ct == "BODY":
                vs = VAR.findall(c.get("text") or "")
                if vs and not c.get("example"):
                    raise GraphError(
                        100, message="Invalid parameter", details="BODY with variables needs example", subcode=2388043
                    )
                if re.match(r"^\s*\{\{", c.get("text") or "") or re.search(r"\}\}\s*$", c.get("text") or ""):
                    raise GraphError(
                        100,
                        message="Invalid parameter",
                        details="Variables can't be at the start or end of the template.",
                        subcode=2388299,
                    )
            if ct == "BUTTONS":
                bs = c.get("buttons") or []
                if (
                    len(bs) > 10
                    or sum(b.get("type") == "URL" for b in bs) > 2
                    or sum(b.get("type") == "PHONE_NUMBER" for b in bs) > 1
                    or any(len(b.get("text") or "") > 25 for b in bs)
                ):
                    raise GraphError(100, message="Invalid parameter", details="BUTTONS limits exceeded", subcode=2388043)
        t = self.put_template(
            {
                "name": p["name"],
                "language": p["language"],
                "category": p["category"].upper(),
                "components": comps,
                "status": "PENDING",
            }
        )
        self.seq += 1
        self.ledger.append(
            {
                "seq": self.seq,
                "t": self.clock.now(),
                "kind": "template_create",
                "id": t["id"],
                "payload": p,
                "response": "ok",
            }
        )
        self.outbox.spawn(self._review(t))
        return web.json_response({"id": t["id"], "status": "PENDING", "category": t["category"]})

    async def _review(self, t: dict) -> None:
        await asyncio.sleep(float(self.cfg["template_review_s"]))
        verdict = self.cfg["template_review"]
        t["status"] = verdict
        if self.cfg["webhook_url"]:
            v = {
                "event": verdict,
                "message_template_id": int(t["id"]),
                "message_template_name": t["name"],
                "message_template_language": t["language"],
                "reason": "NONE" if verdict == "APPROVED" else "INVALID_FORMAT",
            }
            pl = {
                "object": "whatsapp_business_account",
                "entry": [
                    {
                        "id": self.cfg["waba_id"],
                        "time": int(self.clock.now()),
                        "changes": [{"value": v, "field": "message_template_status_update"}],
                    }
                ],
            }
            self.deliver(pl, {"what": "template_status"})
