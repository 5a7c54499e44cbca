"""`POST /<phone number id>/messages`: sending, mark as read, typing indicator."""

from __future__ import annotations

import re

from aiohttp import web

from tests.kit.simulators.simulator import ENTRY, jdumps

from .errors import GraphError
from .graph import GraphApi
from .rules import BSUID, PHONE, TYPES, bad, check_interactive, check_media, describe, missing, need_str, only_keys
from .signing import wamid
from .templates import check_template


class MessagesApi(GraphApi):
    """Accepts or refuses what the product sends."""

    async def h_messages(self, request):
        t_arr = self.clock.now()
        version = self.auth(request)
        node = request.match_info["node"]
        if node != self.cfg["phone_number_id"]:
            raise self.wrong_node(node, "post")
        p = await self.params(request)
        if p.get("messaging_product") != "whatsapp":
            if "messaging_product" not in p:
                raise GraphError(100, message="(#100) The parameter messaging_product is required.")
            raise GraphError(
                100,
                message='(#100) Param messaging_product must be one of {{WHATSAPP}} - got "{}".'.format(p["messaging_product"]),
            )
        if "status" in p:
            return self.mark_read(p, t_arr, request)
        if "typing_indicator" in p and "type" not in p:
            raise missing("status")
        rt = p.get("recipient_type", "individual")
        if rt not in ("individual", "group"):
            raise GraphError(100, message=f'(#100) Param recipient_type must be one of {{GROUP, INDIVIDUAL}} - got "{rt}".')
        to, rec = p.get("to"), p.get("recipient")
        if isinstance(to, int) and not isinstance(to, bool):
            to = str(to)
        if to in (None, "") and rec in (None, ""):
            raise GraphError(100, message="(#100) The parameter to is required.")
        t = p.get("type", "text")
        if t not in TYPES:
            raise GraphError(
                100,
                message='(#100) Param type must be one of {{{}}} - got "{}".'.format(", ".join(x.upper() for x in TYPES), t),
            )
        user_id = None
        wa = None
        if to not in (None, ""):
            if not isinstance(to, str) or not PHONE.match(to):
                raise (
                    bad("Recipient phone number is not valid")
                    if not (isinstance(to, str) and BSUID.match(to))
                    else GraphError(100, "A business-scoped user ID goes in the parameter recipient, not in to")
                )
            digits = re.sub(r"\D", "", to)
            if not 7 <= len(digits) <= 15:
                raise bad("Recipient phone number is not valid")
            wa = self.cfg["wa_id_map"].get(digits, digits)
        if rec not in (None, ""):
            if not isinstance(rec, str) or not BSUID.match(rec):
                raise bad("recipient is not a valid business-scoped user ID")
            user_id = rec
        obj = p.get(t)
        if obj is None:
            raise missing(t)
        if t == "contacts":
            if not isinstance(obj, list) or not obj:
                raise bad("contacts must be a non-empty array")
            for c in obj:
                if not isinstance(c, dict) or not (c.get("name") or {}).get("formatted_name"):
                    raise missing("contacts['name']['formatted_name']")
                if len([k for k in c["name"] if k != "formatted_name" and c["name"][k]]) < 1:
                    raise bad("contacts['name'] needs one more part besides formatted_name")
        elif not isinstance(obj, dict):
            raise GraphError(100, message=f"(#100) Param {t} must be a JSON object.")
        tpl = None
        if t == "text":
            only_keys(obj, {"body", "preview_url"}, "text")
            if obj.get("body") is None:
                raise GraphError(100, message="(#100) The parameter text['body'] is required.")
            need_str(obj, "body", "text", 1, 4096, True, 100)
            if "preview_url" in obj and not isinstance(obj["preview_url"], bool):
                raise GraphError(100, message="(#100) Param text['preview_url'] must be a boolean.")
        elif t == "interactive":
            check_interactive(self, obj)
        elif t == "template":
            tpl = check_template(self, obj, version)
        elif t in ("image", "audio", "video", "document", "sticker"):
            check_media(self, obj, t, t)
        elif t == "location":
            for k, lim in (("latitude", 90), ("longitude", 180)):
                if obj.get(k) is None:
                    raise missing(f"location['{k}']")
                try:
                    if abs(float(obj[k])) > lim:
                        raise ValueError
                except (TypeError, ValueError):
                    raise bad(f"location['{k}'] is not valid")
        elif t == "reaction":
            only_keys(obj, {"message_id", "emoji"}, "reaction")
            need_str(obj, "message_id", "reaction", 1, 512)
            if not isinstance(obj.get("emoji"), str):
                raise missing("reaction['emoji']")
            if len(obj["emoji"]) > 12:
                raise bad("reaction['emoji'] must be one emoji")
        ctx = p.get("context")
        if ctx is not None and (
            not isinstance(ctx, dict) or not isinstance(ctx.get("message_id"), str) or not ctx["message_id"]
        ):
            raise missing("context['message_id']")
        cb = p.get("biz_opaque_callback_data")
        if cb is not None and (not isinstance(cb, str) or len(cb) > 512):
            raise GraphError(100, message="(#100) Param biz_opaque_callback_data must be at most 512 characters long.")
        if wa and wa == re.sub(r"\D", "", self.cfg["display_phone_number"]):
            raise GraphError(131021)
        if wa and self.cfg["allowed_recipients"] is not None and wa not in self.cfg["allowed_recipients"]:
            raise GraphError(
                131030,
                "Recipient phone number not in allowed list: Add recipient phone number to recipient list and try again.",
            )
        if user_id and not wa and tpl and tpl.get("category") == "AUTHENTICATION":
            raise GraphError(131062)
        if self.cfg["throughput_limit"] and not self._take_throughput():
            raise GraphError(130429)
        k = self.key(wa, user_id)
        c = self.contacts[k]
        if self.cfg["pair_limit"] and not self._take_pair(k):
            raise GraphError(131056)
        li = c["last_inbound"]
        inside = li is not None and self.clock.now() - li < float(self.cfg["window_hours"]) * 3600
        late = t != "template" and not inside and self.cfg["window_mode"] != "off"
        if late and self.cfg["window_mode"] == "sync":
            raise GraphError(131047)
        mid = wamid(wa or user_id, False, self.idrng)
        self.seq += 1
        entry = {
            "seq": self.seq,
            "t": t_arr,
            "kind": "message",
            "contact": k,
            "to": to,
            "recipient": rec,
            "wa_id": wa,
            "type": t,
            "text": describe(p),
            "id": mid,
            "turn": c["turn"],
            "inside_window": inside,
            "payload": p,
            "response": "ok",
            "to_has_plus": bool(to and to.startswith("+")),
            "version": request.match_info.get("version"),
            "callback_data": cb,
            "statuses": [],
        }
        self.ledger.append(entry)
        self.out_ids[mid] = entry
        self.last_out[k] = mid
        if wa:
            self.last_out[wa] = mid
        request[ENTRY] = entry
        co: dict = {"input": rec if (user_id and not wa) else to}
        if wa:
            co["wa_id"] = wa
        if user_id:
            co["user_id"] = user_id
        m: dict = {"id": mid}
        if t == "template":
            m["message_status"] = "accepted"
        self.plan_statuses(entry, c, late)
        return web.Response(
            body=jdumps({"messaging_product": "whatsapp", "contacts": [co], "messages": [m]}),
            content_type="application/json",
        )

    def mark_read(self, p: dict, t_arr: float, request) -> web.Response:
        if p["status"] != "read":
            raise GraphError(100, message='(#100) Param status must be one of {{READ}} - got "{}".'.format(p["status"]))
        mid = p.get("message_id")
        if not isinstance(mid, str) or not mid:
            raise GraphError(100, message="(#100) The parameter message_id is required.")
        ti = p.get("typing_indicator")
        if ti is not None and (not isinstance(ti, dict) or ti.get("type") != "text"):
            raise bad("typing_indicator['type'] must be text")
        if self.cfg["check_message_ids"] and mid not in self.known_in:
            raise GraphError(131009, "Invalid WhatsApp message id")
        k = next((i["contact"] for i in reversed(self.inbound_log) if i["id"] == mid), None)
        self.seq += 1
        e = {
            "seq": self.seq,
            "t": t_arr,
            "kind": "typing" if ti else "read",
            "message_id": mid,
            "contact": k,
            "payload": p,
            "response": "ok",
        }
        self.ledger.append(e)
        request[ENTRY] = e
        return web.Response(body=b'{"success":true}', content_type="application/json")
