"""What Meta refuses in a message that a business sends."""

from __future__ import annotations

import json
import re
from typing import Any

from .errors import GraphError
from .state import MetaState

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
            raise GraphError(100, message="(#100) Invalid parameter", details=f'Unexpected key "{k}" on param "{path}".')


def check_media(sim: MetaState, m: dict, kind: str, path: str) -> None:
    allowed = {"id", "link", "caption", "filename", "provider", "voice"}
    only_keys(m, allowed, path)
    has_id, has_link = m.get("id") not in (None, ""), m.get("link") not in (None, "")
    if has_id == has_link:
        raise GraphError(100, "Either id or link is required, and not both" if has_id else f"{path} must have id or link")
    if has_link and not re.match(r"^https?://", str(m["link"])):
        raise bad(f"{path}['link'] is not a valid URI.")
    if has_id and sim.cfg["check_media_ids"] and str(m["id"]) not in sim.media:
        raise bad(f"{path}['id'] is not a valid whatsapp business account media attachment ID")
    if "caption" in m:
        if kind in ("audio", "sticker"):
            raise GraphError(100, message="(#100) Invalid parameter", details=f'Unexpected key "caption" on param "{path}".')
        need_str(m, "caption", path, 0, 1024, False)
    if "filename" in m and kind != "document":
        raise GraphError(100, message="(#100) Invalid parameter", details=f'Unexpected key "filename" on param "{path}".')
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
    elif t == "location_request_message" and a.get("name") != "send_location":
        raise bad("interactive['action']['name'] must be send_location")


def describe(payload: dict) -> str:
    """What the customer reads, for counting duplicates."""
    t = payload.get("type", "text")
    o = payload.get(t) or {}
    if isinstance(o, list):
        return f"{t}:{json.dumps(o, ensure_ascii=False)[:300]}"
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
        return "template:{}:{}".format(o.get("name"), "|".join(ps))
    if t == "reaction":
        return "reaction:{}".format(o.get("emoji", ""))
    return "{}:{}".format(t, o.get("caption") or o.get("id") or o.get("link") or o.get("name") or "")


def digits_of(phone: str) -> str:
    return re.sub(r"\D", "", phone)


def check_product(p: dict) -> None:
    if "messaging_product" not in p:
        raise GraphError(100, message="(#100) The parameter messaging_product is required.")
    product = p["messaging_product"]
    if product != "whatsapp":
        raise GraphError(100, message=f'(#100) Param messaging_product must be one of {{WHATSAPP}} - got "{product}".')
    kind = p.get("recipient_type", "individual")
    if "status" not in p and kind not in ("individual", "group"):
        raise GraphError(100, message=f'(#100) Param recipient_type must be one of {{GROUP, INDIVIDUAL}} - got "{kind}".')


def check_recipient(p: dict) -> tuple[str | None, str | None]:
    """(`to`: a phone, `recipient`: a business-scoped user id); at least one is there."""
    to, user_id = p.get("to") or None, p.get("recipient") or None
    if isinstance(to, int) and not isinstance(to, bool):
        to = str(to)
    if to is None and user_id is None:
        raise GraphError(100, message="(#100) The parameter to is required.")
    if isinstance(to, str) and BSUID.match(to):
        raise GraphError(100, "A business-scoped user ID goes in the parameter recipient, not in to")
    if to is not None and (not isinstance(to, str) or not PHONE.match(to) or not 7 <= len(digits_of(to)) <= 15):
        raise bad("Recipient phone number is not valid")
    if user_id is not None and (not isinstance(user_id, str) or not BSUID.match(user_id)):
        raise bad("recipient is not a valid business-scoped user ID")
    return to, user_id


def check_type(p: dict) -> str:
    """The message type; its object is there and has the right JSON type."""
    kind = p.get("type", "text")
    if kind not in TYPES:
        names = ", ".join(name.upper() for name in TYPES)
        raise GraphError(100, message=f'(#100) Param type must be one of {{{names}}} - got "{kind}".')
    if p.get(kind) is None:
        raise missing(kind)
    if kind != "contacts" and not isinstance(p[kind], dict):
        raise GraphError(100, message=f"(#100) Param {kind} must be a JSON object.")
    return kind


def check_content(sim: MetaState, kind: str, content: Any) -> None:
    if kind == "text":
        check_text(content)
    elif kind == "interactive":
        check_interactive(sim, content)
    elif kind in ("image", "audio", "video", "document", "sticker"):
        check_media(sim, content, kind, kind)
    elif kind == "contacts":
        check_contacts(content)
    elif kind == "location":
        check_location(content)
    elif kind == "reaction":
        check_reaction(content)


def check_text(text: dict) -> None:
    only_keys(text, {"body", "preview_url"}, "text")
    if text.get("body") is None:
        raise GraphError(100, message="(#100) The parameter text['body'] is required.")
    need_str(text, "body", "text", 1, 4096, True, 100)
    if "preview_url" in text and not isinstance(text["preview_url"], bool):
        raise GraphError(100, message="(#100) Param text['preview_url'] must be a boolean.")


def check_contacts(cards: Any) -> None:
    if not isinstance(cards, list) or not cards:
        raise bad("contacts must be a non-empty array")
    for card in cards:
        if not isinstance(card, dict) or not (card.get("name") or {}).get("formatted_name"):
            raise missing("contacts['name']['formatted_name']")
        if not any(value for part, value in card["name"].items() if part != "formatted_name"):
            raise bad("contacts['name'] needs one more part besides formatted_name")


def check_location(location: dict) -> None:
    for name, limit in (("latitude", 90), ("longitude", 180)):
        if location.get(name) is None:
            raise missing(f"location['{name}']")
        try:
            degrees = float(location[name])
        except (TypeError, ValueError):
            raise bad(f"location['{name}'] is not valid") from None
        if not abs(degrees) <= limit:
            raise bad(f"location['{name}'] is not valid")


def check_reaction(reaction: dict) -> None:
    only_keys(reaction, {"message_id", "emoji"}, "reaction")
    need_str(reaction, "message_id", "reaction", 1, 512)
    if not isinstance(reaction.get("emoji"), str):
        raise missing("reaction['emoji']")
    if len(reaction["emoji"]) > 12:
        raise bad("reaction['emoji'] must be one emoji")


def check_envelope(p: dict) -> str | None:
    """The opaque callback data, if any."""
    context = p.get("context")
    if context is not None and (
        not isinstance(context, dict) or not isinstance(context.get("message_id"), str) or not context["message_id"]
    ):
        raise missing("context['message_id']")
    callback_data = p.get("biz_opaque_callback_data")
    if callback_data is not None and (not isinstance(callback_data, str) or len(callback_data) > 512):
        raise GraphError(100, message="(#100) Param biz_opaque_callback_data must be at most 512 characters long.")
    return callback_data
