"""Meta webhook bodies for tests that need no simulator.

    body, headers = signed(webhook(text("hola"), status("wamid.x", "read")), secret)

An item is one message or one status; `webhook` puts items into one change, `batch` lays them out over entries × changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.kit.simulators.meta import payloads
from tests.kit.simulators.meta.signing import escape_body, sign

Json = dict[str, Any]

BUSINESS = payloads.Business(phone_number_id="106540352242922", display_phone_number="15550783881", waba_id="102290129340398")
SENDER = "34600111222"
USER_ID = "ES.9tSc4Yk2mVb7Qw1Lx0Rz"
SENT_AT = 1_767_262_800  # 2026-01-01 11:20 in Madrid
_number = itertools.count(1)


@dataclass(frozen=True)
class Item:
    """One message with its sender's `contacts` row, or one status."""

    message: Json | None = None
    contact: Json | None = None
    status: Json | None = None

    @property
    def id(self) -> str:
        return str((self.message or self.status or {})["id"])


def new_wamid() -> str:
    """A message id that no other item of this test run has."""
    return f"wamid.HBgLMzQ2MDAxMTEyMjIVAgASGBQ{next(_number):016X}AA=="


def text(body: str, sender: str | None = SENDER, **fields: Any) -> Item:
    """`fields`, here and below: `id`, `timestamp` (Unix seconds), `name`, `user_id`, `context_id` (a reply to that message),
    `forwarded`, `referral` (True or a dict)."""
    return _message("text", sender, {"body": body, **fields})


def bsuid_text(body: str, user_id: str = USER_ID, **fields: Any) -> Item:
    """From somebody whose phone number Meta does not tell."""
    return text(body, sender=None, user_id=user_id, **fields)


def button_reply(reply_id: str, title: str, sender: str | None = SENDER, **fields: Any) -> Item:
    return _message("button_reply", sender, {"reply_id": reply_id, "title": title, **fields})


def list_reply(reply_id: str, title: str, sender: str | None = SENDER, **fields: Any) -> Item:
    return _message("list_reply", sender, {"reply_id": reply_id, "title": title, **fields})


def flow_reply(response: Json, sender: str | None = SENDER, **fields: Any) -> Item:
    return _message("nfm_reply", sender, {"response": response, **fields})


def template_button(text: str, payload: str, sender: str | None = SENDER, **fields: Any) -> Item:
    return _message("button", sender, {"text": text, "payload": payload, **fields})


def image(sender: str | None = SENDER, *, caption: str = "", **fields: Any) -> Item:
    return _file("image", sender, {"caption": caption, **fields})


def voice(sender: str | None = SENDER, **fields: Any) -> Item:
    return _file("voice", sender, fields)


def audio(sender: str | None = SENDER, **fields: Any) -> Item:
    return _file("audio", sender, fields)


def video(sender: str | None = SENDER, *, caption: str = "", **fields: Any) -> Item:
    return _file("video", sender, {"caption": caption, **fields})


def document(sender: str | None = SENDER, *, filename: str = "póliza.pdf", caption: str = "", **fields: Any) -> Item:
    return _file("document", sender, {"filename": filename, "caption": caption, **fields})


def sticker(sender: str | None = SENDER, **fields: Any) -> Item:
    return _file("sticker", sender, fields)


def location(latitude: float = 40.4168, longitude: float = -3.7038, sender: str | None = SENDER, **fields: Any) -> Item:
    return _message("location", sender, {"latitude": latitude, "longitude": longitude, **fields})


def contact_card(sender: str | None = SENDER, **fields: Any) -> Item:
    return _message("contacts", sender, fields)


def reaction(emoji: str | None, message_id: str, sender: str | None = SENDER, **fields: Any) -> Item:
    """`emoji=None`: the reaction is taken back."""
    return _message("reaction", sender, {"emoji": emoji, "message_id": message_id, **fields})


def unsupported(sender: str | None = SENDER, **fields: Any) -> Item:
    return _message("unsupported", sender, fields)


def number_change(new: str, sender: str = SENDER, *, new_user_id: str | None = None, **fields: Any) -> Item:
    """The system message after a person took another number; it comes without a `contacts` row."""
    item = _message("system", sender, {"new_wa_id": new, "new_user_id": new_user_id, **fields})
    return Item(message=item.message)


def raw_message(**fields: Any) -> Item:
    """A message exactly as given: for kinds that do not exist yet, and for broken ones."""
    return Item(message=fields)


def status(
    message_id: str,
    state: str = "delivered",
    recipient: str | None = SENDER,
    *,
    user_id: str | None = None,
    callback_data: str | None = None,
    timestamp: int = SENT_AT,
    error_code: int = 131026,
    error_title: str = "Message undeliverable",
) -> Item:
    """`state`: sent, delivered, read, failed; `callback_data`: what was sent as `biz_opaque_callback_data`."""
    row: Json = {"id": message_id, "status": state, "timestamp": str(timestamp)}
    optional = {"recipient_id": recipient, "recipient_user_id": user_id, "biz_opaque_callback_data": callback_data}
    row |= {key: value for key, value in optional.items() if value is not None}
    if state in ("sent", "delivered"):
        row["pricing"] = {
            "billable": False,
            "pricing_model": "PMP",
            "category": "service",
            "type": "free_customer_service",
        }
    if state == "failed":
        error = {"code": error_code, "title": error_title, "message": error_title}
        row["errors"] = [error | {"error_data": {"details": error_title}}]
    return Item(status=row)


def webhook(*items: Item, business: payloads.Business = BUSINESS) -> Json:
    """One entry with one change that holds all items."""
    return batch([[items]], business=business)


def batch(entries: Sequence[Sequence[Sequence[Item]]], *, business: payloads.Business = BUSINESS) -> Json:
    """Entries of changes of items, e.g. `[[[text("a"), text("b")], [status("wamid.x")]], [[text("c")]]]`."""
    return payloads.envelope(business, [[_change(items, business) for items in changes] for changes in entries])


def other_field(field: str, value: Json) -> Json:
    """A webhook that is not about messages: `account_update`, `message_template_status_update` …"""
    return payloads.envelope(BUSINESS, [[value]], field)


def signed(body: Json | bytes, secret: str) -> tuple[bytes, dict[str, str]]:
    """The bytes as Meta writes them (or as given) and the headers that prove them."""
    raw = body if isinstance(body, bytes) else escape_body(body)
    return raw, {"Content-Type": "application/json", "X-Hub-Signature-256": sign(secret, raw)}


def _message(kind: str, sender: str | None, fields: Json) -> Item:
    spec: Json = {"type": kind, **fields, **({"from": sender} if sender else {})}
    message = payloads.message(
        spec,
        BUSINESS,
        message_id=spec.get("id") or new_wamid(),
        timestamp_s=spec.get("timestamp", SENT_AT),
        answered_id=spec.get("context_id") or "wamid.HBgLMzQ2MDAxMTEyMjIVAgARGBI0QTE=",
        media=spec.get("media"),
    )
    return Item(message=message, contact=payloads.contact(spec))


def _file(kind: str, sender: str | None, fields: Json) -> Item:
    stored = {
        "mime_type": payloads.MEDIA_TYPES[kind],
        "sha256": "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=",
        "id": "1037543291543636",
    }
    return _message(kind, sender, {**fields, "media": {**stored, **fields.get("media", {})}})


def _change(items: Sequence[Item], business: payloads.Business) -> Json:
    return payloads.value(
        business,
        messages=[item.message for item in items if item.message],
        contacts=payloads.unique_contacts([item.contact for item in items]),
        statuses=[item.status for item in items if item.status],
    )
