"""Simulator of Meta's WhatsApp Cloud API (Graph) and of its signed webhooks.

Facts come from Meta's public documentation and OpenAPI description; what is inferred is listed in README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import random
import re
import sys
import time
from collections import deque
from urllib.parse import parse_qsl

from aiohttp import web

from .common import ENTRY, Fault, Sim, cut, jdumps, jloads

# --------------------------------------------------------------------------------------------- signed bodies


def escape_body(payload) -> bytes:
    """JSON the way Meta puts it on the wire and signs it: lower-case \\uXXXX for everything outside ASCII, '/' as \\/,
    and '<', '%', '@' as upper-case escapes. Those characters occur only inside strings, so plain replacement is safe."""
    s = json.dumps(payload, ensure_ascii=True, separators=(",", ":"))
    s = s.replace("/", "\\/").replace("<", "\\u003C").replace("%", "\\u0025").replace("@", "\\u0040")
    return s.encode("ascii")


def sign(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def wamid(phone: str, inbound: bool, rng: random.Random) -> str:
    p = phone.encode()[:60]
    n = 20 if inbound else 18
    h = ("3A" if inbound else "") + "%0*X" % (
        n - (2 if inbound else 0),
        rng.getrandbits(4 * (n - (2 if inbound else 0))),
    )
    raw = (
        b"\x1c\x18"
        + bytes([len(p)])
        + p
        + b"\x15\x02\x00"
        + (b"\x12\x18\x14" if inbound else b"\x11\x18\x12")
        + h.encode()
        + b"\x00"
    )
    return "wamid." + base64.b64encode(raw).decode()


# --------------------------------------------------------------------------------------------- errors

# code -> (http status, title). Status codes as in Meta's error table (Dec 2025).
ERRORS = {
    0: (401, "AuthException"),
    1: (400, "API Unknown"),
    2: (503, "API Service"),
    3: (500, "API Method"),
    4: (400, "Application request limit reached"),
    10: (403, "Permission denied"),
    33: (400, "Parameter value is not valid"),
    100: (400, "Invalid parameter"),
    190: (401, "Access token has expired"),
    368: (403, "Temporarily blocked for policies violations"),
    80007: (400, "Rate limit issues"),
    130429: (400, "Rate limit hit"),
    130472: (400, "User's number is part of an experiment"),
    130497: (403, "Business account is restricted from messaging users in this country."),
    131000: (500, "Something went wrong"),
    131005: (403, "Access denied"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131016: (500, "Service unavailable"),
    131021: (400, "Recipient cannot be sender"),
    131026: (400, "Message undeliverable"),
    131030: (400, "Recipient phone number not in allowed list"),
    131031: (403, "Account has been locked"),
    131037: (400, "Display name approval needed"),
    131042: (400, "Business eligibility payment issue"),
    131045: (500, "Incorrect certificate"),
    131047: (400, "Re-engagement message"),
    131048: (400, "Spam rate limit hit"),
    131049: (400, "This message was not delivered to maintain healthy ecosystem engagement."),
    131050: (400, "User has stopped marketing messages"),
    131051: (400, "Unsupported message type"),
    131052: (400, "Media download error"),
    131053: (400, "Media upload error"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: (500, "Account in maintenance mode"),
    131062: (400, "Business-scoped User ID (BSUID) recipients are not supported for this message."),
    132000: (400, "Number of parameters does not match the expected number of params"),
    132001: (404, "Template name does not exist in the translation"),
    132005: (400, "Translated text too long"),
    132007: (400, "Template format character policy violated"),
    132012: (400, "Parameter format does not match format in the created template"),
    132015: (400, "Template is paused"),
    132016: (400, "Template is disabled"),
    132018: (400, "Template parameter is not valid"),
    132068: (400, "Flow is blocked"),
    132069: (400, "Flow is throttled"),
    133004: (503, "Server temporarily unavailable"),
    133010: (400, "Phone number not registered"),
    133016: (400, "Account register deregister rate limit exceeded"),
    135000: (400, "Generic user error"),
}
DETAILS = {
    130429: "Cloud API message throughput has been reached.",
    131047: "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
    131056: "Message failed to send because there were too many messages sent from this phone number to the same phone number in a short period of time",
    131026: "Message Undeliverable.",
    131049: "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
    131000: "Message failed to send due to an unknown error.",
    131016: "Service temporarily unavailable.",
    131062: "Business-scoped User ID (BSUID) recipients are not supported for this message.",
    131021: "Recipient phone number is the same as sender phone number.",
}


class GraphError(Exception):
    def __init__(
        self,
        code: int,
        details: str | None = None,
        http: int | None = None,
        message: str | None = None,
        typ: str = "OAuthException",
        subcode: int | None = None,
    ) -> None:
        st, title = ERRORS.get(code, (http or 400, "Error"))
        self.http = http or st
        self.code = code
        self.typ = typ
        self.subcode = subcode
        self.message = message or f"(#{code}) {title}"
        self.details = details if details is not None else DETAILS.get(code)


def graph_body(e: GraphError, rng: random.Random) -> dict:
    err: dict = {"message": e.message, "type": e.typ, "code": e.code}
    if e.subcode is not None:
        err["error_subcode"] = e.subcode
    if e.details is not None:
        err["error_data"] = {"messaging_product": "whatsapp", "details": e.details}
    err["fbtrace_id"] = "A" + "".join(
        rng.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", k=22)
    )
    return {"error": err}


# --------------------------------------------------------------------------------------------- validation

TYPES = (
    "audio",
    "contacts",
    "document",
    "image",
    "interactive",
    "location",
    "reaction",
    "sticker",
    "template",
    "text",
    "video",
)
INTERACTIVE = (
    "button",
    "list",
    "cta_url",
    "flow",
    "product",
    "product_list",
    "catalog_message",
    "location_request_message",
    "address_message",
    "carousel",
    "request_contact_info",
    "call_permission_request",
    "order_details",
    "order_status",
    "voice_call",
)
BSUID = re.compile(r"^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$")
PHONE = re.compile(r"^\+?[0-9][0-9 ()\-.]{4,24}$")


def bad(details: str, code: int = 131009) -> GraphError:
    return GraphError(code, details)


def missing(name: str) -> GraphError:
    return GraphError(131008, f"Required parameter {name} is missing")


def need_str(o: dict, key: str, path: str, lo: int, hi: int, required: bool = True, code: int = 131009) -> str | None:
    v = o.get(key)
    if v is None:
        if required:
            raise missing(f"{path}['{key}']")
        return None
    if not isinstance(v, str):
        raise GraphError(100, message=f"(#100) Param {path}['{key}'] must be a string.")
    if len(v) < lo or (lo > 0 and not v.strip()):
        raise bad(f"{path}['{key}'] length invalid. Min length: {lo}, Max length: {hi}", code)
    if len(v) > hi:
        if code == 100:
            raise GraphError(100, message=f"(#100) Param {path}['{key}'] must be at most {hi} characters long.")
        raise bad(f"{path}['{key}'] length invalid. Min length: {lo}, Max length: {hi}", code)
    return v


def need_obj(o: dict, key: str, path: str, required: bool = True) -> dict | None:
    v = o.get(key)
    if v is None:
        if required:
            raise missing(f"{path}{key}")
        return None
    if not isinstance(v, dict):
        raise GraphError(100, message=f"(#100) Param {path}{key} must be a JSON object.")
    return v


def only_keys(o: dict, allowed, path: str) -> None:
    for k in o:
        if k not in allowed:
            raise GraphError(
                100, message="(#100) Invalid parameter", details=f'Unexpected key "{k}" on param "{path}".'
            )


def check_media(sim: MetaSim, m: dict, kind: str, path: str) -> None:
    allowed = {"id", "link", "caption", "filename", "provider", "voice"}
    only_keys(m, allowed, path)
    has_id, has_link = m.get("id") not in (None, ""), m.get("link") not in (None, "")
    if has_id == has_link:
        raise GraphError(
            100, "Either id or link is required, and not both" if has_id else f"{path} must have id or link"
        )
    if has_link and not re.match(r"^https?://", str(m["link"])):
        raise bad(f"{path}['link'] is not a valid URI.")
    if has_id and sim.cfg["check_media_ids"] and str(m["id"]) not in sim.media:
        raise bad(f"{path}['id'] is not a valid whatsapp business account media attachment ID")
    if "caption" in m:
        if kind in ("audio", "sticker"):
            raise GraphError(
                100, message="(#100) Invalid parameter", details=f'Unexpected key "caption" on param "{path}".'
            )
        need_str(m, "caption", path, 0, 1024, False)
    if "filename" in m and kind != "document":
        raise GraphError(
            100, message="(#100) Invalid parameter", details=f'Unexpected key "filename" on param "{path}".'
        )
    if "voice" in m and kind != "audio":
        raise GraphError(100, message="(#100) Invalid parameter", details=f'Unexpected key "voice" on param "{path}".')


def check_header(sim, h: dict, allowed: tuple) -> None:
    t = h.get("type")
    if t not in allowed:
        raise bad(f"interactive['header']['type'] must be one of {', '.join(allowed)}")
    if t == "text":
        need_str(h, "text", "interactive['header']", 1, 60)
    else:
        check_media(sim, need_obj(h, t, "interactive['header']") or {}, t, f"interactive['header']['{t}']")


def check_interactive(sim, it: dict) -> None:
    t = it.get("type")
    if t is None:
        raise missing("interactive['type']")
    if t not in INTERACTIVE:
        raise bad(f"interactive['type'] must be one of {', '.join(INTERACTIVE)}")
    only_keys(it, {"type", "header", "body", "footer", "action"}, "interactive")
    body_max = 4096 if t == "list" else 1024
    body = need_obj(
        it,
        "body",
        "interactive.",
        required=t
        in (
            "button",
            "list",
            "cta_url",
            "flow",
            "location_request_message",
            "product_list",
            "catalog_message",
            "request_contact_info",
        ),
    )
    if body is not None:
        only_keys(body, {"text"}, "interactive['body']")
        need_str(body, "text", "interactive['body']", 1, body_max)
    foot = need_obj(it, "footer", "interactive.", False)
    if foot is not None:
        only_keys(foot, {"text"}, "interactive['footer']")
        need_str(foot, "text", "interactive['footer']", 1, 60)
    head = need_obj(it, "header", "interactive.", False)
    if head is not None:
        check_header(sim, head, ("text",) if t in ("list", "product_list") else ("text", "image", "video", "document"))
    a = need_obj(it, "action", "interactive.", required=True)
    if t == "button":
        only_keys(a, {"buttons"}, "interactive['action']")
        bs = a.get("buttons")
        if not isinstance(bs, list) or not 1 <= len(bs) <= 3:
            raise bad("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3")
        ids, titles = set(), set()
        for b in bs:
            if not isinstance(b, dict) or b.get("type") != "reply" or not isinstance(b.get("reply"), dict):
                raise bad("interactive['action']['buttons'] must be of type reply with a reply object")
            only_keys(b["reply"], {"id", "title"}, "interactive['action']['buttons']['reply']")
            i = need_str(b["reply"], "id", "Button reply", 1, 256)
            ti = need_str(b["reply"], "title", "Button", 1, 20)
            if i != i.strip():
                raise bad("Button id cannot have leading or trailing spaces")
            if i in ids:
                raise bad(f"Duplicated reply button id: {i}")
            if ti in titles:
                raise bad(f"Duplicated reply button title: {ti}")
            ids.add(i)
            titles.add(ti)
    elif t == "list":
        only_keys(a, {"button", "sections"}, "interactive['action']")
        need_str(a, "button", "interactive['action']", 1, 20)
        secs = a.get("sections")
        if not isinstance(secs, list) or not 1 <= len(secs) <= 10:
            raise bad("Invalid sections count. Min allowed sections: 1, Max allowed sections: 10")
        ids, total = set(), 0
        for s in secs:
            if not isinstance(s, dict):
                raise GraphError(100, "sections must hold objects")
            only_keys(s, {"title", "rows"}, "interactive['action']['sections']")
            need_str(s, "title", "Section", 1, 24, required=len(secs) > 1)
            rows = s.get("rows")
            if not isinstance(rows, list) or not rows:
                raise bad("Section must have at least one row")
            for r in rows:
                if not isinstance(r, dict):
                    raise GraphError(100, "rows must hold objects")
                only_keys(r, {"id", "title", "description"}, "interactive['action']['sections']['rows']")
                i = need_str(r, "id", "Row", 1, 200)
                need_str(r, "title", "Row", 1, 24)
                need_str(r, "description", "Row", 0, 72, False)
                if i in ids:
                    raise bad(f"Duplicated row id: {i}")
                ids.add(i)
                total += 1
        if total > 10:
            raise bad(f"Total row count exceed max allowed count: 10. Current: {total}")
    elif t == "cta_url":
        if a.get("name") != "cta_url":
            raise bad("interactive['action']['name'] must be cta_url")
        p = need_obj(a, "parameters", "interactive['action'].")
        need_str(p, "display_text", "interactive['action']['parameters']", 1, 20)
        u = need_str(p, "url", "interactive['action']['parameters']", 1, 2000)
        if not re.match(r"^https?://", u):
            raise bad("interactive['action']['parameters']['url'] is not a valid URI.")
    elif t == "flow":
        if a.get("name") != "flow":
            raise bad("interactive['action']['name'] must be flow")
        p = need_obj(a, "parameters", "interactive['action'].")
        if str(p.get("flow_message_version")) != "3":
            raise bad("flow_message_version must be 3")
        if bool(p.get("flow_id")) == bool(p.get("flow_name")):
            raise bad("exactly one of flow_id and flow_name is required")
        need_str(p, "flow_cta", "flow", 1, 30)
        if p.get("flow_action", "navigate") not in ("navigate", "data_exchange"):
            raise bad("flow_action must be navigate or data_exchange")
    elif t == "location_request_message":
        if a.get("name") != "send_location":
            raise bad("interactive['action']['name'] must be send_location")


VAR = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


def check_template(sim: MetaSim, t: dict, version: float) -> dict:
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
                f"{part}: number of localizable_params ({len(given)}) does not match the expected number of params ({len(want)})",
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
                txt = re.sub(r"\{\{\s*%s\s*\}\}" % re.escape(w), lambda _: str(val), txt)
            if len(txt) > 1024:
                raise GraphError(132005)
    return tpl


def describe(payload: dict) -> str:
    """What the customer reads, for counting duplicates."""
    t = payload.get("type", "text")
    o = payload.get(t) or {}
    if isinstance(o, list):
        return "%s:%s" % (t, json.dumps(o, ensure_ascii=False)[:300])
    if t == "text":
        return str(o.get("body", ""))
    if t == "interactive":
        return "\n".join(
            x for x in [((o.get("header") or {}).get("text") or ""), ((o.get("body") or {}).get("text") or "")] if x
        )
    if t == "template":
        ps = [
            str(p.get("text", p.get(p.get("type", ""), "")))
            for c in o.get("components") or []
            for p in c.get("parameters") or []
        ]
        return "template:%s:%s" % (o.get("name"), "|".join(ps))
    if t == "reaction":
        return "reaction:%s" % o.get("emoji", "")
    return "%s:%s" % (t, o.get("caption") or o.get("id") or o.get("link") or o.get("name") or "")


# --------------------------------------------------------------------------------------------- inbound builders

TINY_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TINY_OGG = b"OggS\x00\x02" + b"\x00" * 20 + b"OpusHead\x01\x01" + b"\x00" * 40


class Builder:
    """Builds webhook values. Every message dict comes back together with the contact it needs."""

    def __init__(self, sim: MetaSim) -> None:
        self.s = sim

    def contact(self, spec: dict) -> dict:
        c: dict = {"profile": {"name": spec.get("name", "Cliente Prueba")}}
        if spec.get("username"):
            c["profile"]["username"] = spec["username"]
        if spec.get("from"):
            c["wa_id"] = spec["from"]
        if spec.get("user_id"):
            c["user_id"] = spec["user_id"]
        if spec.get("parent_user_id"):
            c["parent_user_id"] = spec["parent_user_id"]
        return c

    def message(self, spec: dict) -> dict:
        """spec: {from, user_id?, type, id?, timestamp?, context_id?, forwarded?, referral?, ...type fields}"""
        s, typ = self.s, spec.get("type", "text")
        phone = spec.get("from") or ""
        m: dict = {}
        if spec.get("context_id") or spec.get("forwarded") or spec.get("frequently_forwarded"):
            ctx: dict = {}
            if spec.get("forwarded"):
                ctx["forwarded"] = True
            if spec.get("frequently_forwarded"):
                ctx["frequently_forwarded"] = True
            if spec.get("context_id"):
                ctx.update({"from": s.cfg["display_phone_number"], "id": spec["context_id"]})
            m["context"] = ctx
        if phone:
            m["from"] = phone
        if spec.get("user_id"):
            m["from_user_id"] = spec["user_id"]
        if spec.get("parent_user_id"):
            m["from_parent_user_id"] = spec["parent_user_id"]
        m["id"] = spec.get("id") or wamid(phone or spec.get("user_id", "0"), True, s.idrng)
        m["timestamp"] = str(int(spec.get("timestamp", s.clock.now())))
        if typ == "text":
            m["type"] = "text"
            m["text"] = {"body": spec.get("body", spec.get("text", ""))}
        elif typ in ("button_reply", "list_reply"):
            m["type"] = "interactive"
            r = {"id": spec.get("reply_id", ""), "title": spec.get("title", "")}
            if typ == "list_reply" and spec.get("description"):
                r["description"] = spec["description"]
            m["interactive"] = {"type": typ, typ: r}
            m.setdefault(
                "context",
                {
                    "from": s.cfg["display_phone_number"],
                    "id": spec.get("context_id") or s.last_out.get(phone) or wamid(phone, False, s.idrng),
                },
            )
        elif typ == "nfm_reply":
            m["type"] = "interactive"
            m["interactive"] = {
                "type": "nfm_reply",
                "nfm_reply": {"response_json": json.dumps(spec.get("response", {})), "body": "Sent", "name": "flow"},
            }
        elif typ == "button":
            m["type"] = "button"
            m["button"] = {"payload": spec.get("payload", spec.get("text", "")), "text": spec.get("text", "")}
            m.setdefault(
                "context",
                {"from": s.cfg["display_phone_number"], "id": s.last_out.get(phone) or wamid(phone, False, s.idrng)},
            )
        elif typ in ("image", "audio", "voice", "video", "document", "sticker"):
            real = "audio" if typ == "voice" else typ
            mime = (
                spec.get("mime_type")
                or {
                    "image": "image/png",
                    "audio": "audio/mpeg",
                    "voice": "audio/ogg; codecs=opus",
                    "video": "video/mp4",
                    "document": "application/pdf",
                    "sticker": "image/webp",
                }[typ]
            )
            data = (
                base64.b64decode(spec["data_b64"])
                if spec.get("data_b64")
                else (
                    TINY_OGG
                    if real == "audio"
                    else TINY_PNG
                    if typ == "image"
                    else b"%PDF-1.4 rig\n"
                    if typ == "document"
                    else b"RIG" + os.urandom(5)
                )
            )
            mid = s.add_media(data, mime, days=7)
            o: dict = {"mime_type": mime, "sha256": s.media[mid]["sha256"], "id": mid}
            if spec.get("caption"):
                o = {"caption": spec["caption"], **o}
            if typ == "document":
                o["filename"] = spec.get("filename", "documento.pdf")
            if s.cfg["webhook_media_url"]:
                o["url"] = s.media_url(mid, "webhook")
            if typ == "voice":
                o["voice"] = True
            elif typ == "audio":
                o["voice"] = False
            if typ == "sticker":
                o["animated"] = False
            m["type"] = real
            m[real] = o
        elif typ == "location":
            m["location"] = {k: spec[k] for k in ("address", "latitude", "longitude", "name", "url") if k in spec} or {
                "latitude": 40.4168,
                "longitude": -3.7038,
            }
            m["type"] = "location"
        elif typ == "contacts":
            m["type"] = "contacts"
            m["contacts"] = spec.get("contacts") or [
                {
                    "name": {"first_name": "Luc\u00eda", "formatted_name": "Luc\u00eda G\u00f3mez"},
                    "phones": [{"phone": "+34 600 111 222", "wa_id": "34600111222", "type": "MOBILE"}],
                }
            ]
        elif typ == "reaction":
            m["type"] = "reaction"
            r = {"message_id": spec.get("message_id") or s.last_out.get(phone) or wamid(phone, False, s.idrng)}
            if spec.get("emoji", "\U0001f44d") is not None:
                r["emoji"] = spec.get("emoji", "\U0001f44d")
            m["reaction"] = r
        elif typ == "order":
            m["type"] = "order"
            m["order"] = {
                "catalog_id": "194836987003835",
                "text": spec.get("text", ""),
                "product_items": [{"product_retailer_id": "sku1", "quantity": 1, "item_price": 30, "currency": "EUR"}],
            }
        elif typ == "unsupported":
            m["errors"] = [
                {
                    "code": 131051,
                    "title": "Message type unknown",
                    "message": "Message type unknown",
                    "error_data": {"details": "Message type is currently not supported."},
                }
            ]
            m["type"] = "unsupported"
            if spec.get("unsupported_type"):
                m["unsupported"] = {"type": spec["unsupported_type"]}
        elif typ == "media_error":
            m["errors"] = [
                {
                    "code": 131052,
                    "title": "Media download error",
                    "message": "Media download error",
                    "error_data": {"details": "Failed to download the media from the sender."},
                }
            ]
            m["type"] = "unsupported"
        elif typ == "system":
            new = spec.get("new_wa_id", "")
            m["system"] = {
                "body": spec.get("body") or f"User {spec.get('name', 'Cliente Prueba')} changed from {phone} to {new}",
                "wa_id": new,
                "type": spec.get("system_type", "user_changed_number"),
            }
            if spec.get("new_user_id"):
                m["system"]["user_id"] = spec["new_user_id"]
            m["type"] = "system"
        elif typ == "request_welcome":
            m["type"] = "request_welcome"
        elif typ == "raw":
            m.update(spec.get("fields") or {})
        else:
            raise ValueError("unknown inbound type " + typ)
        if spec.get("referral"):
            m["referral"] = (
                spec["referral"]
                if isinstance(spec["referral"], dict)
                else {
                    "source_url": "https://fb.me/3cr4Wqqkv",
                    "source_id": "120226305854810726",
                    "source_type": "ad",
                    "body": "Oferta de verano",
                    "headline": "Escr\u00edbenos",
                    "media_type": "image",
                    "image_url": "https://scontent.example.invalid/v/t45.1",
                    "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQKj9e",
                }
            )
        return m

    def value(self, messages=None, contacts=None, statuses=None, errors=None) -> dict:
        v: dict = {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": self.s.cfg["display_phone_number"],
                "phone_number_id": self.s.cfg["phone_number_id"],
            },
        }
        if contacts:
            v["contacts"] = contacts
        if messages:
            v["messages"] = messages
        if statuses:
            v["statuses"] = statuses
        if errors:
            v["errors"] = errors
        return v

    def envelope(self, values_by_entry: list[list[dict]], field: str = "messages") -> dict:
        return {
            "object": "whatsapp_business_account",
            "entry": [
                {"id": self.s.cfg["waba_id"], "changes": [{"value": v, "field": field} for v in vs]}
                for vs in values_by_entry
            ],
        }

    def inbound(self, specs: list[dict], layout: str = "batch", statuses: list | None = None) -> dict:
        """layout: batch = one change with all messages, changes = one change each, entries = one entry each."""
        parts = []
        for sp in specs:
            msg = self.message(sp)
            parts.append((msg, None if sp.get("type") == "system" else self.contact(sp)))
        if layout == "batch":
            seen, cs = set(), []
            for _, c in parts:
                if c is not None and (k := (c.get("wa_id"), c.get("user_id"))) not in seen:
                    seen.add(k)
                    cs.append(c)
            vals = [[self.value([m for m, _ in parts], cs, statuses)]]
        elif layout == "changes":
            vals = [[self.value([m], [c] if c else None) for m, c in parts]]
            if statuses:
                vals[0].append(self.value(statuses=statuses))
        elif layout == "entries":
            vals = [[self.value([m], [c] if c else None)] for m, c in parts]
            if statuses:
                vals.append([self.value(statuses=statuses)])
        else:
            raise ValueError("layout")
        return self.envelope(vals)


# --------------------------------------------------------------------------------------------- simulator

MIME_LIMITS = {
    "audio/aac": 16,
    "audio/amr": 16,
    "audio/mpeg": 16,
    "audio/mp4": 16,
    "audio/ogg": 16,
    "image/jpeg": 5,
    "image/png": 5,
    "video/mp4": 16,
    "video/3gpp": 16,
    "image/webp": 0.5,
    "text/plain": 100,
    "application/pdf": 100,
    "application/msword": 100,
    "application/vnd.ms-excel": 100,
    "application/vnd.ms-powerpoint": 100,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": 100,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": 100,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": 100,
}

SEED_TEMPLATES = [
    {
        "name": "hello_world",
        "language": "en_US",
        "category": "UTILITY",
        "components": [
            {"type": "HEADER", "format": "TEXT", "text": "Hello World"},
            {"type": "BODY", "text": "Welcome and congratulations!!"},
            {"type": "FOOTER", "text": "WhatsApp Business Platform sample message"},
        ],
    },
    {
        "name": "rig_seguimiento",
        "language": "es",
        "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Hola {{1}}, retomamos tu consulta sobre {{2}}."}],
    },
    {
        "name": "rig_sin_variables",
        "language": "es",
        "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Hola, \u00bfseguimos con tu consulta?"}],
    },
    {
        "name": "rig_promo",
        "language": "es",
        "category": "MARKETING",
        "components": [
            {"type": "HEADER", "format": "IMAGE"},
            {"type": "BODY", "text": "Hola {{nombre}}, tenemos novedades."},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "No recibir m\u00e1s"}]},
        ],
    },
    {
        "name": "rig_codigo",
        "language": "es",
        "category": "AUTHENTICATION",
        "components": [{"type": "BODY", "text": "{{1}} es tu c\u00f3digo."}],
    },
]


class MetaSim(Sim):
    name = "meta"
    DEFAULTS = {
        "token": "rig-wa-token",
        "phone_number_id": "106540352242922",
        "waba_id": "102290129340398",
        "display_phone_number": "15550783881",
        "app_secret": "rig-app-secret",
        "verify_token": "rig-verify",
        "webhook_url": "",
        "seed": 7,
        "latency": 0,
        # statuses
        "statuses": ["sent", "delivered", "read"],
        "status_delays": {"sent": 0.05, "delivered": 0.15, "read": 0.4},
        "status_batch": 1,
        "status_shuffle": False,
        "status_duplicate": 0.0,
        "omit_delivered_when_read": 0.0,
        "contacts_in_statuses": True,
        "pricing_in_statuses": True,
        # limits
        "window_mode": "async",
        "window_hours": 24,
        "pair_limit": True,
        "pair_burst": 45,
        "pair_interval_s": 6.0,
        "throughput_limit": True,
        "throughput_mps": 80,
        # checks
        "check_media_ids": True,
        "check_templates": True,
        "check_message_ids": True,
        "allowed_recipients": None,
        "wa_id_map": {},
        "expired_versions_below": 21.0,
        "latest_version": 26.0,
        # webhooks
        "webhook_timeout": 10.0,
        "webhook_concurrency": 64,
        "retry_schedule": [0.0, 0.5, 1.5, 4.0, 10.0, 20.0],
        "duplicate_webhooks": 0.0,
        "webhook_media_url": True,
        "template_review_s": 0.5,
        "template_review": "APPROVED",
        "batch_under_load": True,
    }

    def init_state(self) -> None:
        self.ledger: list[dict] = []
        self.rejected: list[dict] = []
        self.inbound_log: list[dict] = []
        self.seq = 0
        self.contacts: dict[str, dict] = {}  # key -> {name, wa_id, user_id, last_inbound, turn}
        self.alias: dict[str, str] = {}  # phone or BSUID -> key
        self.pair: dict[str, tuple[float, float]] = {}
        self.bucket = (float(self.cfg["throughput_mps"]), time.monotonic())
        self.media: dict[str, dict] = {}
        self.media_tokens: dict[str, tuple[str, float]] = {}
        self.templates: dict[tuple, dict] = {}
        self.known_in: set[str] = set()
        self.out_ids: dict[str, dict] = {}
        self.last_out: dict[str, str] = {}
        self.fail_rules: list[dict] = []
        self.build = Builder(self)
        self.status_queue: deque = deque()
        self.status_due = False
        self.next_id = getattr(self, "next_id", 1000000000000000 + self.idrng.randint(1, 10**14))
        self.subscribed = True
        for t in SEED_TEMPLATES:
            self.put_template({**t, "status": "APPROVED"})

    # ---- small helpers
    def new_id(self) -> str:
        self.next_id += self.idrng.randint(1, 9999)
        return str(self.next_id)

    def put_template(self, t: dict) -> dict:
        t = {"id": self.new_id(), "quality_score": {"score": "UNKNOWN"}, "parameter_format": "POSITIONAL", **t}
        self.templates[(t["name"], t["language"])] = t
        return t

    def add_media(self, data: bytes, mime: str, days: int) -> str:
        mid = self.new_id()
        self.media[mid] = {
            "id": mid,
            "data": data,
            "mime_type": mime,
            "sha256": base64.b64encode(hashlib.sha256(data).digest()).decode(),
            "expires": self.clock.now() + days * 86400,
        }
        return mid

    def media_url(self, mid: str, source: str = "getMedia") -> str:
        tok = "%032x" % self.idrng.getrandbits(128)
        self.media_tokens[tok] = (mid, self.clock.now() + 300)
        return f"{self.base_url}/whatsapp_business/attachments/?mid={mid}&source={source}&ext={int(self.clock.now()) + 300}&hash={tok}"

    def key(self, phone: str | None, user_id: str | None = None) -> str:
        for a in (phone, user_id):
            if a and a in self.alias:
                k = self.alias[a]
                break
        else:
            k = phone or user_id or ""
        c = self.contacts.setdefault(
            k, {"key": k, "wa_id": None, "user_id": None, "name": None, "last_inbound": None, "turn": 0}
        )
        if phone:
            c["wa_id"] = phone
            self.alias[phone] = k
        if user_id:
            c["user_id"] = user_id
            self.alias[user_id] = k
        return k

    def note_inbound(self, spec: dict, msg: dict) -> None:
        k = self.key(spec.get("from"), spec.get("user_id"))
        c = self.contacts[k]
        c["name"] = spec.get("name") or c["name"]
        if msg.get("type") == "system":
            new = (msg.get("system") or {}).get("wa_id")
            if new:
                self.key(new)
            return
        c["last_inbound"] = self.clock.now()
        c["turn"] += 1
        self.known_in.add(msg["id"])
        self.seq += 1
        self.inbound_log.append(
            {
                "seq": self.seq,
                "t": self.clock.now(),
                "contact": k,
                "turn": c["turn"],
                "id": msg["id"],
                "type": msg.get("type"),
                "body": (msg.get("text") or {}).get("body") or spec.get("title") or spec.get("text") or "",
                "spec": spec,
            }
        )
        if self.cfg["throughput_limit"]:
            self._take_throughput()

    def _take_throughput(self) -> bool:
        cap = float(self.cfg["throughput_mps"])
        level, t = self.bucket
        n = time.monotonic()
        level = min(cap, level + (n - t) * cap)
        if level < 1:
            self.bucket = (level, n)
            return False
        self.bucket = (level - 1, n)
        return True

    def _take_pair(self, k: str) -> bool:
        cap, every = float(self.cfg["pair_burst"]), float(self.cfg["pair_interval_s"])
        n = self.clock.now()
        level, t = self.pair.get(k, (cap, n))
        level = min(cap, level + (n - t) / every)
        if level < 1:
            self.pair[k] = (level, n)
            return False
        self.pair[k] = (level - 1, n)
        return True

    # ---- routes
    def routes(self, app: web.Application) -> None:
        r = app.router
        r.add_get("/whatsapp_business/attachments/", self.h_download)
        for v in (r"/{version:v\d+\.\d+}", ""):
            r.add_post(v + r"/{node:[0-9A-Za-z_.-]+}/messages", self.h_messages)
            r.add_post(v + r"/{node:[0-9]+}/media", self.h_upload)
            r.add_route("*", v + r"/{node:[0-9]+}/message_templates", self.h_templates)
            r.add_route(
                "*",
                v + r"/{node:[0-9]+}/{edge:phone_numbers|subscribed_apps|whatsapp_business_profile|register}",
                self.h_edges,
            )
            r.add_route("*", v + r"/{node:[0-9]+}", self.h_node)
        r.add_route("*", "/{tail:.*}", self.h_unknown)

    def fault_response(self, f: Fault, request) -> web.Response:
        code = f.d.get("code")
        http = f.d.get("status")
        if code is None:
            code = {401: 190, 429: 4, 500: 131000, 503: 131016}.get(int(http or 500), 1)
        e = GraphError(int(code), f.d.get("details"), http=http, message=f.d.get("message"))
        if "body" in f.d:
            b = f.d["body"]
            return web.Response(
                body=b.encode() if isinstance(b, str) else jdumps(b),
                status=e.http,
                content_type=f.d.get("content_type", "application/json"),
            )
        return web.Response(
            body=jdumps(graph_body(e, self.rng)),
            status=e.http,
            content_type="application/json",
            headers=f.d.get("headers"),
        )

    def on_fault(self, f, request, facts):
        self.rejected.append(
            {
                "t": self.clock.now(),
                "fault": f.kind,
                "path": request.path,
                "facts": facts,
                "code": f.d.get("code"),
                "http": f.d.get("status"),
            }
        )

    def facts(self, request) -> dict:
        try:
            b = jloads(request._read_bytes) if request._read_bytes else {}
            if isinstance(b, dict):
                return {
                    "to": str(b.get("to") or b.get("recipient") or "").lstrip("+"),
                    "type": b.get("type") or ("read" if b.get("status") else None),
                }
        except Exception:
            pass
        return {}

    async def around(self, request, handler):
        try:
            resp = await handler(request)
        except GraphError as e:
            self.seq += 1
            self.rejected.append(
                {
                    "seq": self.seq,
                    "t": self.clock.now(),
                    "path": request.path,
                    "method": request.method,
                    "http": e.http,
                    "code": e.code,
                    "message": e.message,
                    "details": e.details,
                    "body": (request._read_bytes or b"")[:4000].decode("utf-8", "replace"),
                }
            )
            h = {}
            if e.code in (190, 104, 0):
                h["WWW-Authenticate"] = 'OAuth "Facebook Platform" "invalid_token" "%s"' % e.message.replace('"', "'")
            resp = web.Response(
                body=jdumps(graph_body(e, self.rng)), status=e.http, content_type="application/json", headers=h
            )
        except web.HTTPMethodNotAllowed:
            e = GraphError(100, message="Unsupported request method.", typ="GraphMethodException")
            resp = web.Response(body=jdumps(graph_body(e, self.rng)), status=400, content_type="application/json")
        v = request.match_info.get("version") if request.match_info else None
        resp.headers["facebook-api-version"] = v or "v%.1f" % self.cfg["latest_version"]
        return resp

    def auth(self, request) -> float:
        h = request.headers.get("Authorization", "")
        tok = (
            h[7:]
            if h[:7].lower() in ("bearer ",)
            else h[6:]
            if h[:6].lower() == "oauth "
            else request.query.get("access_token", "")
        )
        if not tok:
            raise GraphError(190, message="An access token is required to request this resource.", http=401)
        if tok != self.cfg["token"]:
            raise GraphError(190, message="Invalid OAuth access token - Cannot parse access token", http=401)
        v = request.match_info.get("version")
        n = float(v[1:]) if v else self.cfg["latest_version"]
        if n > self.cfg["latest_version"]:
            raise GraphError(2500, message=f"Unknown path components: {request.path}", http=400)
        return n

    def wrong_node(self, node: str, method: str) -> GraphError:
        return GraphError(
            100,
            message=f"Unsupported {method} request. Object with ID '{node}' does not exist, cannot be loaded due to missing permissions, "
            "or does not support this operation. Please read the Graph API documentation at https://developers.facebook.com/docs/graph-api",
            typ="GraphMethodException",
            subcode=33,
        )

    @staticmethod
    async def params(request) -> dict:
        raw = await request.read()
        ct = request.headers.get("Content-Type", "")
        if ct.startswith("application/x-www-form-urlencoded"):
            out: dict = {}
            for k, v in parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True):
                try:
                    out[k] = jloads(v) if v[:1] in "{[" or v in ("true", "false") else v
                except Exception:
                    out[k] = v
            return out
        try:
            b = jloads(raw) if raw else {}
        except Exception:
            return {}  # the Graph API treats an unreadable body as no parameters
        return b if isinstance(b, dict) else {}

    async def h_unknown(self, request):
        raise GraphError(2500, message=f"Unknown path components: {request.path}", http=400)

    # ---- sending
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
                message='(#100) Param messaging_product must be one of {WHATSAPP} - got "%s".' % p["messaging_product"],
            )
        if "status" in p:
            return self.mark_read(p, t_arr, request)
        if "typing_indicator" in p and "type" not in p:
            raise missing("status")
        rt = p.get("recipient_type", "individual")
        if rt not in ("individual", "group"):
            raise GraphError(
                100, message='(#100) Param recipient_type must be one of {GROUP, INDIVIDUAL} - got "%s".' % rt
            )
        to, rec = p.get("to"), p.get("recipient")
        if isinstance(to, int) and not isinstance(to, bool):
            to = str(to)
        if to in (None, "") and rec in (None, ""):
            raise GraphError(100, message="(#100) The parameter to is required.")
        t = p.get("type", "text")
        if t not in TYPES:
            raise GraphError(
                100,
                message='(#100) Param type must be one of {%s} - got "%s".' % (", ".join(x.upper() for x in TYPES), t),
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
            raise GraphError(100, message='(#100) Param status must be one of {READ} - got "%s".' % p["status"])
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

    # ---- statuses
    def plan_statuses(self, entry: dict, c: dict, late: bool) -> None:
        if not self.cfg["webhook_url"]:
            return
        code = None
        for r in self.fail_rules:
            if (
                r.get("times", 1) != 0
                and (not r.get("to") or r["to"] in (entry["contact"], entry["wa_id"]))
                and (not r.get("type") or r["type"] == entry["type"])
            ):
                r["times"] = r.get("times", 1) - 1
                code = int(r.get("code", 131026))
                break
        if late:
            code = 131047
        loop = asyncio.get_running_loop()
        epoch = self.outbox.epoch
        dl = self.cfg["status_delays"]
        if code:
            seq = [("failed", dl.get("failed", dl.get("sent", 0.05)))]
        else:
            names = ["sent"] if entry["type"] == "reaction" else list(self.cfg["statuses"])
            if "read" in names and "delivered" in names and self.rng.random() < self.cfg["omit_delivered_when_read"]:
                names.remove("delivered")
            seq = [(n, dl.get(n, 0.2)) for n in names]
            if self.cfg["status_shuffle"]:
                ds = [d for _, d in seq]
                self.rng.shuffle(ds)
                seq = [(n, d) for (n, _), d in zip(seq, ds)]
            seq += [(n, d + 0.1) for n, d in seq if self.rng.random() < self.cfg["status_duplicate"]]
        for n, d in seq:
            self.outbox.pending += 1
            loop.call_later(d, self._status_due, epoch, entry, c, n, code)

    def status_obj(self, entry: dict, c: dict, status: str, code: int | None) -> tuple[dict, dict | None]:
        s: dict = {"id": entry["id"], "status": status, "timestamp": str(int(self.clock.now()))}
        if entry["wa_id"] or c.get("wa_id"):
            s["recipient_id"] = entry["wa_id"] or c["wa_id"]
        if entry["recipient"] or (c.get("user_id") and status != "failed"):
            s["recipient_user_id"] = entry["recipient"] or c["user_id"]
        if entry["callback_data"] is not None:
            s["biz_opaque_callback_data"] = entry["callback_data"]
        if status == "failed":
            title = ERRORS.get(code, (0, "Message undeliverable"))[1]
            s["errors"] = [
                {
                    "code": code,
                    "title": title,
                    "message": title,
                    "error_data": {"details": DETAILS.get(code, title)},
                    "href": "/documentation/business-messaging/whatsapp/support/error-codes",
                }
            ]
            return s, None
        if self.cfg["pricing_in_statuses"] and (status == "sent" or status == "delivered"):
            tpl = entry["type"] == "template"
            s["pricing"] = {
                "billable": tpl,
                "pricing_model": "PMP",
                "type": "regular" if tpl else "free_customer_service",
                "category": "utility" if tpl else "service",
            }
        co = None
        if self.cfg["contacts_in_statuses"]:
            co = {"profile": {"name": c.get("name") or "Cliente Prueba"}}
            if s.get("recipient_id"):
                co["wa_id"] = s["recipient_id"]
            if s.get("recipient_user_id"):
                co["user_id"] = s["recipient_user_id"]
        return s, co

    def _status_due(self, epoch, entry, c, status, code) -> None:
        if epoch != self.outbox.epoch:
            return
        if entry["response"] in ("drop_after",) and self.cfg.get("silent_after_drop"):
            self.outbox.pending -= 1
            return
        entry["statuses"].append(status)
        self.status_queue.append(self.status_obj(entry, c, status, code))
        # one POST per status, unless asked to batch or far behind (Meta batches up to 1000 updates)
        if not self.status_due:
            self.status_due = True
            asyncio.get_running_loop().call_soon(self._flush_statuses)

    def _flush_statuses(self) -> None:
        self.status_due = False
        q = self.status_queue
        size = int(self.cfg["status_batch"])
        if self.cfg["batch_under_load"] and (len(q) > 64 or self.outbox.pending > 4000):
            size = max(size, 200)
        while q:
            part = [q.popleft() for _ in range(min(size, len(q)))]
            cs, seen = [], set()
            for _, co in part:
                if co and (kk := (co.get("wa_id"), co.get("user_id"))) not in seen:
                    seen.add(kk)
                    cs.append(co)
            v = self.build.value(statuses=[s for s, _ in part], contacts=cs or None)
            self.outbox.pending -= len(part)
            self.deliver(self.build.envelope([[v]]), {"what": "status", "n": len(part)})

    # ---- webhooks to the product
    def deliver(self, payload: dict | bytes, meta: dict, signature: str = "ok", url: str | None = None) -> asyncio.Task:
        body = payload if isinstance(payload, bytes) else escape_body(payload)
        return self.outbox.spawn(self._deliver(body, meta, signature, url or self.cfg["webhook_url"]))

    def headers_for(self, body: bytes, signature: str) -> dict:
        h = {"Content-Type": "application/json", "User-Agent": "facebookexternalua", "Accept": "*/*"}
        if signature == "ok":
            h["X-Hub-Signature-256"] = sign(self.cfg["app_secret"], body)
            h["X-Hub-Signature"] = "sha1=" + hmac.new(self.cfg["app_secret"].encode(), body, hashlib.sha1).hexdigest()
        elif signature == "wrong":
            h["X-Hub-Signature-256"] = sign(self.cfg["app_secret"] + "x", body)
        elif signature == "sha1_only":
            h["X-Hub-Signature"] = "sha1=" + hmac.new(self.cfg["app_secret"].encode(), body, hashlib.sha1).hexdigest()
        elif signature == "garbage":
            h["X-Hub-Signature-256"] = "sha256=zz"
        elif signature == "other_body":
            h["X-Hub-Signature-256"] = sign(self.cfg["app_secret"], body + b" ")
        elif signature == "reserialised":  # signed over parse+dump: must be refused, the bytes differ
            h["X-Hub-Signature-256"] = sign(self.cfg["app_secret"], json.dumps(json.loads(body)).encode())
        return h

    async def _deliver(self, body: bytes, meta: dict, signature: str, url: str) -> list[dict]:
        """Meta: any answer but 200, or none, is a failure and is retried with decreasing frequency."""
        recs = []
        f = self.faults.pick({"lost_webhook"}, "", meta)
        if f:
            return recs
        f = self.faults.pick({"delay_webhook"}, "", meta)
        if f:
            await asyncio.sleep(float(f.d.get("seconds", 1)))
        copies = 1 + (1 if self.rng.random() < float(self.cfg["duplicate_webhooks"]) else 0)
        f = self.faults.pick({"duplicate_webhook"}, "", meta)
        if f:
            copies += int(f.d.get("n", 1))
        for i in range(copies):
            r = await self.outbox.post(
                url,
                body,
                self.headers_for(body, signature),
                float(self.cfg["webhook_timeout"]),
                {**meta, "attempt": 1, "copy": i},
            )
            recs.append(r)
        sched = self.cfg["retry_schedule"] if signature == "ok" else []
        attempt = 1
        for wait in sched:
            if recs[-1]["status"] == 200:
                break
            self.outbox.retrying += 1
            try:
                await asyncio.sleep(float(wait))
            finally:
                self.outbox.retrying = max(0, self.outbox.retrying - 1)
            attempt += 1
            recs.append(
                await self.outbox.post(
                    url,
                    body,
                    self.headers_for(body, signature),
                    float(self.cfg["webhook_timeout"]),
                    {**meta, "attempt": attempt, "copy": 0},
                )
            )
        recs[-1]["gave_up"] = recs[-1]["status"] != 200 and bool(sched)
        return recs

    async def send_inbound(self, req: dict) -> dict:
        """req: {messages:[spec…] | message fields at top level, layout, signature, duplicates, reorder, split, statuses, wait, raw}

        split: true posts one webhook per message; reorder shuffles those posts and sends them concurrently;
        duplicates N posts everything N extra times; gap_s waits between posts; wait: return after the answers.
        """
        specs = req.get("messages")
        if specs is None:
            specs = (
                [req["message"]]
                if "message" in req
                else (
                    [{k: v for k, v in req.items() if k not in ("wait", "signature", "duplicates", "layout")}]
                    if "from" in req or "user_id" in req
                    else []
                )
            )
        sig = req.get("signature", "ok")
        url = req.get("url") or self.cfg["webhook_url"]
        if not url:
            raise ValueError("no webhook_url configured")
        payloads: list[tuple] = []
        if "raw" in req:
            raw = req["raw"]
            payloads.append((raw.encode() if isinstance(raw, str) else escape_body(raw), 0))
        elif req.get("split"):
            for sp in specs:
                payloads.append((self.build.inbound([sp]), 1))
        elif specs or req.get("statuses"):
            payloads.append(
                (
                    self.build.inbound(specs, req.get("layout", "batch"), req.get("statuses"))
                    if specs
                    else self.build.envelope([[self.build.value(statuses=req["statuses"])]]),
                    len(specs),
                )
            )
        ids = []
        i = 0
        for pl, _ in payloads:
            if isinstance(pl, bytes):
                continue
            for en in pl["entry"]:
                for ch in en["changes"]:
                    for m in ch["value"].get("messages", []):
                        ids.append(m["id"])
                        if sig == "ok":
                            self.note_inbound(specs[i], m)
                        i += 1
        todo = [p for p, _ in payloads] * (1 + int(req.get("duplicates", 0)))
        if req.get("reorder"):
            self.rng.shuffle(todo)
        tasks = []
        for p in todo:
            tasks.append(self.deliver(p, {"what": "inbound", "signature": sig}, sig, url))
            if req.get("gap_s"):
                await asyncio.sleep(float(req["gap_s"]))
        out: dict = {"ids": ids, "posts": len(todo)}
        if req.get("wait", True):
            # for a wrong signature there are no retries, so this ends after one attempt
            res = await asyncio.gather(*tasks, return_exceptions=True)
            out["results"] = [
                [{k: r.get(k) for k in ("status", "error", "ms", "attempt")} for r in rs]
                if isinstance(rs, list)
                else repr(rs)
                for rs in res
            ]
        return out

    async def verify_webhook(
        self, token: str | None = None, challenge: str = "1158201444", mode: str = "subscribe"
    ) -> dict:
        """The GET handshake. ok is true when the product answered 200 with the bare challenge."""
        async with self.outbox.session.get(
            self.cfg["webhook_url"],
            params={
                "hub.mode": mode,
                "hub.challenge": challenge,
                "hub.verify_token": self.cfg["verify_token"] if token is None else token,
            },
        ) as r:
            t = await r.text()
            return {
                "status": r.status,
                "body": t,
                "ok": r.status == 200 and t == challenge,
                "content_type": r.headers.get("Content-Type"),
            }

    # ---- media
    async def h_upload(self, request):
        self.auth(request)
        if request.match_info["node"] != self.cfg["phone_number_id"]:
            raise self.wrong_node(request.match_info["node"], "post")
        if not request.content_type.startswith("multipart/"):
            raise GraphError(100, message="(#100) The parameter file is required.")
        f = await request.post()
        if f.get("messaging_product") != "whatsapp":
            raise GraphError(100, message="(#100) The parameter messaging_product is required.")
        up = f.get("file")
        if up is None or isinstance(up, str):
            raise GraphError(100, message="(#100) The parameter file is required.")
        data = up.file.read()
        mime = (f.get("type") or up.content_type or "").strip()
        base = mime.split(";")[0].strip().lower()
        if base not in MIME_LIMITS:
            raise GraphError(
                100,
                message="(#100) Param file must be a file with one of the following types: %s. Received file of type '%s'."
                % (", ".join(MIME_LIMITS), base),
            )
        if len(data) > MIME_LIMITS[base] * 1024 * 1024 or not data:
            raise (
                GraphError(131053, f"File size invalid: {len(data)} bytes for {base}")
                if data
                else GraphError(131053, "File is empty")
            )
        mid = self.add_media(data, mime, 30)
        self.seq += 1
        e = {
            "seq": self.seq,
            "t": self.clock.now(),
            "kind": "upload",
            "id": mid,
            "mime_type": mime,
            "bytes": len(data),
            "response": "ok",
        }
        self.ledger.append(e)
        request[ENTRY] = e
        return web.json_response({"id": mid})

    async def h_download(self, request):
        h = request.headers.get("Authorization", "")
        if h != "Bearer " + self.cfg["token"]:
            return web.Response(status=401, body=b"")
        got = self.media_tokens.get(request.query.get("hash", ""))
        if not got or got[1] < self.clock.now() or got[0] not in self.media:
            return web.Response(status=404, body=b"")
        m = self.media[got[0]]
        return web.Response(body=m["data"], headers={"Content-Type": m["mime_type"]})

    async def h_node(self, request):
        self.auth(request)
        node, meth = request.match_info["node"], request.method
        if node in self.media:
            m = self.media[node]
            pn = request.query.get("phone_number_id")
            if m["expires"] < self.clock.now() or (pn and pn != self.cfg["phone_number_id"]):
                raise self.wrong_node(node, meth.lower())
            if meth == "DELETE":
                del self.media[node]
                return web.json_response({"success": True})
            return web.json_response(
                {
                    "messaging_product": "whatsapp",
                    "url": self.media_url(node),
                    "mime_type": m["mime_type"],
                    "sha256": m["sha256"],
                    "file_size": len(m["data"]),
                    "id": node,
                }
            )
        if meth == "GET" and node == self.cfg["phone_number_id"]:
            return web.json_response(
                {
                    "verified_name": "Rig",
                    "display_phone_number": self.cfg["display_phone_number"],
                    "quality_rating": "GREEN",
                    "code_verification_status": "VERIFIED",
                    "platform_type": "CLOUD_API",
                    "throughput": {"level": "STANDARD"},
                    "id": node,
                }
            )
        if meth == "GET" and node == self.cfg["waba_id"]:
            return web.json_response(
                {"id": node, "name": "Rig WABA", "timezone_id": "1", "message_template_namespace": "rig_namespace"}
            )
        tp = next((t for t in self.templates.values() if t["id"] == node), None)
        if tp and meth == "GET":
            return web.json_response(tp)
        raise self.wrong_node(node, meth.lower())

    async def h_edges(self, request):
        self.auth(request)
        node, edge = request.match_info["node"], request.match_info["edge"]
        if edge == "phone_numbers" and node == self.cfg["waba_id"]:
            return web.json_response(
                {
                    "data": [
                        {
                            "verified_name": "Rig",
                            "display_phone_number": self.cfg["display_phone_number"],
                            "id": self.cfg["phone_number_id"],
                            "quality_rating": "GREEN",
                        }
                    ],
                    "paging": {"cursors": {"before": "a", "after": "a"}},
                }
            )
        if edge == "subscribed_apps" and node == self.cfg["waba_id"]:
            if request.method == "GET":
                return web.json_response(
                    {"data": [{"whatsapp_business_api_data": {"id": "1", "name": "rig"}}] if self.subscribed else []}
                )
            self.subscribed = request.method == "POST"
            return web.json_response({"success": True})
        if edge == "whatsapp_business_profile" and node == self.cfg["phone_number_id"]:
            return web.json_response(
                {"data": [{"about": "Rig", "messaging_product": "whatsapp"}]}
                if request.method == "GET"
                else {"success": True}
            )
        if edge == "register" and node == self.cfg["phone_number_id"]:
            return web.json_response({"success": True})
        raise self.wrong_node(node, request.method.lower())

    # ---- templates
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
                cur = lambda n: base64.b64encode(str(n).encode()).decode()
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
                message="(#100) Param name must contain only lowercase letters, numbers and underscores, at most 512 characters.",
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
                    raise GraphError(
                        100, message="Invalid parameter", details="BUTTONS limits exceeded", subcode=2388043
                    )
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

    # ---- views
    def ledger_view(
        self, since: int = 0, limit: int | None = None, contact: str | None = None, kind: str | None = None, **_
    ) -> dict:
        rows = [
            e
            for e in self.ledger
            if (not contact or e.get("contact") == contact or e.get("wa_id") == contact)
            and (not kind or e["kind"] == kind)
        ]
        return {
            "accepted": cut(rows, since, limit),
            "rejected": self.rejected[-(limit or 100000) :],
            "inbound": cut(self.inbound_log, since, limit),
        }

    def state_view(self) -> dict:
        return {
            "contacts": list(self.contacts.values()),
            "templates": list(self.templates.values()),
            "media": len(self.media),
            "fail_rules": self.fail_rules,
            "webhooks": self.outbox.stats(),
            "requests": self.n_requests,
            "accepted_messages": sum(1 for e in self.ledger if e["kind"] == "message"),
            "rejected": len(self.rejected),
        }


# --------------------------------------------------------------------------------------------- command line


def main(argv=None) -> int:
    """python -m tests.kit.simulators.meta send --url … --secret … --from 34600111222 --text hola   (one signed inbound webhook)"""
    ap = argparse.ArgumentParser(prog="python -m tests.kit.simulators.meta")
    ap.add_argument("cmd", choices=["send", "print", "verify"])
    ap.add_argument("--url", default="http://127.0.0.1:5000/webhook/whatsapp")
    ap.add_argument("--secret", default=MetaSim.DEFAULTS["app_secret"])
    ap.add_argument("--verify-token", default=MetaSim.DEFAULTS["verify_token"])
    ap.add_argument("--phone-number-id", default=MetaSim.DEFAULTS["phone_number_id"])
    ap.add_argument("--from", dest="frm", default="34600111222")
    ap.add_argument("--text", default="hola")
    ap.add_argument("--spec", help="JSON: a message spec, or a list of them")
    ap.add_argument("--layout", default="batch")
    ap.add_argument("--signature", default="ok")
    ap.add_argument("--duplicates", type=int, default=0)
    a = ap.parse_args(argv)

    async def go():
        sim = MetaSim(
            webhook_url=a.url,
            app_secret=a.secret,
            verify_token=a.verify_token,
            phone_number_id=a.phone_number_id,
            seed=int(time.time() * 1000) & 0xFFFFFF,
        )
        sim.base_url = "http://127.0.0.1:0"
        specs = json.loads(a.spec) if a.spec else {"from": a.frm, "type": "text", "body": a.text}
        specs = specs if isinstance(specs, list) else [specs]
        if a.cmd == "print":
            b = escape_body(sim.build.inbound(specs, a.layout))
            print(b.decode())
            print("X-Hub-Signature-256:", sign(a.secret, b), file=sys.stderr)
            return
        await sim.outbox.start()
        try:
            print(
                json.dumps(
                    await (
                        sim.verify_webhook()
                        if a.cmd == "verify"
                        else sim.send_inbound(
                            {
                                "messages": specs,
                                "layout": a.layout,
                                "signature": a.signature,
                                "duplicates": a.duplicates,
                            }
                        )
                    ),
                    indent=1,
                )
            )
        finally:
            await sim.outbox.stop()

    asyncio.run(go())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
