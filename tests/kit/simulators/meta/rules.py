"""What Meta refuses in a message that a business sends; what the customer reads of it."""

from __future__ import annotations

import json
import re
from typing import Any

from .errors import GraphError
from .fields import bad, check_media, missing, need_str, only_keys
from .interactive import check_interactive
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
BSUID = re.compile(r"^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$")
PHONE = re.compile(r"^\+?[0-9][0-9 ()\-.]{4,24}$")


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
    need_str(text, "body", "text", 1, 4096, 100)
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
