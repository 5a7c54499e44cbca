"""Webhook bodies as Meta sends them, built from short descriptions. Pure: ids and times are given."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Business:
    """The receiving side, as it stands in every webhook."""

    phone_number_id: str
    display_phone_number: str
    waba_id: str


def contact(spec: Json) -> Json:
    """The `contacts` row of a message's sender."""
    profile = {"name": spec.get("name", "Cliente Prueba")}
    if spec.get("username"):
        profile["username"] = spec["username"]
    identity = {"wa_id": spec.get("from"), "user_id": spec.get("user_id"), "parent_user_id": spec.get("parent_user_id")}
    return {"profile": profile} | {key: value for key, value in identity.items() if value}


def message(
    spec: Json, business: Business, *, message_id: str, timestamp_s: float, answered_id: str, media: Json | None = None
) -> Json:
    """One inbound message. `spec` holds `from`, `user_id`, `type`, `context_id`, `forwarded`, `referral` and the fields
    of its type; `answered_id` is the business's message that a button or reaction refers to; `media` is the stored file.
    ValueError for an unknown type."""
    kind = spec.get("type", "text")
    if kind not in CONTENT:
        raise ValueError(f"unknown inbound type {kind}")
    built: Json = {}
    context = _context(spec, business)
    if context:
        built["context"] = context
    if spec.get("from"):
        built["from"] = spec["from"]
    if spec.get("user_id"):
        built["from_user_id"] = spec["user_id"]
    if spec.get("parent_user_id"):
        built["from_parent_user_id"] = spec["parent_user_id"]
    built |= {"id": message_id, "timestamp": str(int(timestamp_s))}
    if kind in ("button_reply", "list_reply", "button"):
        built.setdefault("context", {"from": business.display_phone_number, "id": answered_id})
    built |= CONTENT[kind]({**spec, "answered_id": answered_id, "media": media})
    if spec.get("referral"):
        built["referral"] = spec["referral"] if isinstance(spec["referral"], dict) else AD_REFERRAL
    return built


def value(
    business: Business,
    messages: list[Json] | None = None,
    contacts: list[Json] | None = None,
    statuses: list[Json] | None = None,
    errors: list[Json] | None = None,
) -> Json:
    """The value of one `messages` change; empty parts are left out, as Meta does."""
    metadata = {"display_phone_number": business.display_phone_number, "phone_number_id": business.phone_number_id}
    parts = {"contacts": contacts, "messages": messages, "statuses": statuses, "errors": errors}
    given = {name: rows for name, rows in parts.items() if rows}
    return {"messaging_product": "whatsapp", "metadata": metadata} | given


def envelope(business: Business, values_by_entry: list[list[Json]], field: str = "messages") -> Json:
    """The whole body: per entry, its changes' values."""
    entries = [
        {"id": business.waba_id, "changes": [{"value": change, "field": field} for change in changes]}
        for changes in values_by_entry
    ]
    return {"object": "whatsapp_business_account", "entry": entries}


def inbound(
    business: Business,
    messages_and_contacts: list[tuple[Json, Json | None]],
    layout: str = "batch",
    statuses: list[Json] | None = None,
) -> Json:
    """`layout`: batch = one change with all messages, changes = one change each, entries = one entry each."""
    one_each = [value(business, [built], [who] if who else None) for built, who in messages_and_contacts]
    if layout == "batch":
        people = unique_contacts([who for _, who in messages_and_contacts])
        return envelope(business, [[value(business, [built for built, _ in messages_and_contacts], people, statuses)]])
    tail = [value(business, statuses=statuses)] if statuses else []
    if layout == "changes":
        return envelope(business, [one_each + tail])
    if layout == "entries":
        return envelope(business, [[single] for single in one_each + tail])
    raise ValueError(f"unknown layout {layout}")


def unique_contacts(contacts: list[Json | None]) -> list[Json]:
    """Each person once, in order."""
    people: dict[tuple[str | None, str | None], Json] = {}
    for who in contacts:
        if who:
            people.setdefault((who.get("wa_id"), who.get("user_id")), who)
    return list(people.values())


def _context(spec: Json, business: Business) -> Json:
    context: Json = {flag: True for flag in ("forwarded", "frequently_forwarded") if spec.get(flag)}
    if spec.get("context_id"):
        context |= {"from": business.display_phone_number, "id": spec["context_id"]}
    return context


def _text(spec: Json) -> Json:
    return {"type": "text", "text": {"body": spec.get("body", spec.get("text", ""))}}


def _reply(spec: Json) -> Json:
    kind = spec["type"]
    chosen = {"id": spec.get("reply_id", ""), "title": spec.get("title", "")}
    if kind == "list_reply" and spec.get("description"):
        chosen["description"] = spec["description"]
    return {"type": "interactive", "interactive": {"type": kind, kind: chosen}}


def _flow_reply(spec: Json) -> Json:
    reply = {"response_json": json.dumps(spec.get("response", {})), "body": "Sent", "name": "flow"}
    return {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": reply}}


def _template_button(spec: Json) -> Json:
    text = spec.get("text", "")
    return {"type": "button", "button": {"payload": spec.get("payload", text), "text": text}}


def _media(spec: Json) -> Json:
    kind = "audio" if spec["type"] == "voice" else spec["type"]
    file: Json = {"caption": spec["caption"]} if spec.get("caption") else {}
    stored = dict(spec["media"] or {})
    link = stored.pop("url", None)
    file |= stored
    if kind == "document":
        file["filename"] = spec.get("filename", "documento.pdf")
    if link:
        file["url"] = link
    if kind == "audio":
        file["voice"] = spec["type"] == "voice"
    if kind == "sticker":
        file["animated"] = False
    return {"type": kind, kind: file}


def _location(spec: Json) -> Json:
    place = {key: spec[key] for key in ("address", "latitude", "longitude", "name", "url") if key in spec}
    return {"location": place or {"latitude": 40.4168, "longitude": -3.7038}, "type": "location"}


def _contacts(spec: Json) -> Json:
    card = {
        "name": {"first_name": "Lucía", "formatted_name": "Lucía Gómez"},
        "phones": [{"phone": "+34 600 111 222", "wa_id": "34600111222", "type": "MOBILE"}],
    }
    return {"type": "contacts", "contacts": spec.get("contacts") or [card]}


def _reaction(spec: Json) -> Json:
    reaction = {"message_id": spec.get("message_id") or spec["answered_id"]}
    emoji = spec.get("emoji", "👍")
    if emoji is not None:  # a removed reaction has no emoji
        reaction["emoji"] = emoji
    return {"type": "reaction", "reaction": reaction}


def _order(spec: Json) -> Json:
    items = [{"product_retailer_id": "sku1", "quantity": 1, "item_price": 30, "currency": "EUR"}]
    return {
        "type": "order",
        "order": {"catalog_id": "194836987003835", "text": spec.get("text", ""), "product_items": items},
    }


def _unsupported(spec: Json) -> Json:
    built = _with_error(131051, "Message type unknown", "Message type is currently not supported.")
    if spec.get("unsupported_type"):
        built["unsupported"] = {"type": spec["unsupported_type"]}
    return built


def _media_error(_: Json) -> Json:
    return _with_error(131052, "Media download error", "Failed to download the media from the sender.")


def _with_error(code: int, title: str, details: str) -> Json:
    error = {"code": code, "title": title, "message": title, "error_data": {"details": details}}
    return {"errors": [error], "type": "unsupported"}


def _system(spec: Json) -> Json:
    new = spec.get("new_wa_id", "")
    changed = f"User {spec.get('name', 'Cliente Prueba')} changed from {spec.get('from') or ''} to {new}"
    system = {
        "body": spec.get("body") or changed,
        "wa_id": new,
        "type": spec.get("system_type", "user_changed_number"),
    }
    if spec.get("new_user_id"):
        system["user_id"] = spec["new_user_id"]
    return {"system": system, "type": "system"}


AD_REFERRAL = {
    "source_url": "https://fb.me/3cr4Wqqkv",
    "source_id": "120226305854810726",
    "source_type": "ad",
    "body": "Oferta de verano",
    "headline": "Escríbenos",
    "media_type": "image",
    "image_url": "https://scontent.example.invalid/v/t45.1",
    "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQKj9e",
}

MEDIA_TYPES = {
    "image": "image/png",
    "audio": "audio/mpeg",
    "voice": "audio/ogg; codecs=opus",
    "video": "video/mp4",
    "document": "application/pdf",
    "sticker": "image/webp",
}

CONTENT: dict[str, Callable[[Json], Json]] = {
    "text": _text,
    "button_reply": _reply,
    "list_reply": _reply,
    "nfm_reply": _flow_reply,
    "button": _template_button,
    **dict.fromkeys(MEDIA_TYPES, _media),
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "order": _order,
    "unsupported": _unsupported,
    "media_error": _media_error,
    "system": _system,
    "request_welcome": lambda _: {"type": "request_welcome"},
    "raw": lambda spec: dict(spec.get("fields") or {}),
}
