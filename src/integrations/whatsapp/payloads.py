"""What Meta sends: proof of origin, and webhook bodies turned into our own words.

This file and `client` know Meta's JSON; nothing else does. Everything here is pure. Facts are from Meta's
"Webhooks" reference (payloads of messages, statuses and account fields) and "Business-scoped user IDs".

A body holds entries, changes and, in one change, up to a thousand messages and statuses. Each of them stands alone: what
cannot be read becomes a `Broken`, and its neighbours go on. Of a message only id and sender must be right: with any other
content it is a message that cannot be shown, so that whoever wrote it gets an answer. Trimmings that are not right (time,
context, referral, profile) are left out. What is said in a group is nobody's private message to us.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from src.errors import BadSignature, MalformedPayload
from src.integrations.identity import CHANNEL, bsuid_of, contact_key, is_same_number, phone_of
from src.integrations.untrusted import json_object, line_of, name_of, text_of, tree_of
from src.messages import Broken, Contact, Echo, Inbound, InboundKind, Location, Media, Notice, Receipt

__all__ = ["Parsed", "check_signature", "contact_key", "parse"]

TEXT_LIMIT = 4096

_SIGNATURE = re.compile(rb"sha256=([0-9a-f]{64})")
_ID = re.compile(r"[!-~]{1,512}")
_MEDIA_ID = re.compile(r"[A-Za-z0-9_-]{1,256}")
_TYPE_NAME = re.compile(r"[A-Za-z0-9_.]{1,64}")
_DIGITS = re.compile(r"[0-9]{1,12}")
_LONG_NUMBER = re.compile(r"\+?[0-9][0-9 ().-]{5,}[0-9]")

_MEDIA_KINDS: dict[str, InboundKind] = {
    "image": "image",
    "audio": "audio",
    "voice": "audio",  # a voice note as the API called it once
    "video": "video",
    "document": "document",
    "sticker": "sticker",
}
_STATUSES = {"sent": "sent", "delivered": "delivered", "read": "read", "played": "read", "failed": "failed"}
_ITEMS = ("messages", "statuses", "user_id_update", "message_echoes")
# The only parts of an account webhook that are kept; everything else in them may name a person.
# fmt: off
_NOTICE_KEYS = frozenset((
    "event", "decision", "reason", "status", "type", "category", "value", "direction", "duration", "phase",
    "chunk_order", "progress", "country", "message_template_id", "message_template_name",
    "message_template_language", "message_template_category", "previous_category", "new_category",
    "correct_category", "previous_quality_score", "new_quality_score", "current_limit", "old_limit",
    "max_daily_conversation_per_phone", "max_daily_conversations_per_business", "max_phone_numbers_per_business",
    "max_phone_numbers_per_waba", "waba_ban_state", "waba_ban_date", "violation_type", "restriction_type",
    "expiration", "alert_severity", "alert_status", "alert_type", "entity_type", "entity_id", "rejection_reason",
    "disable_date", "tier", "effective_month", "pricing_category", "solution_id", "solution_status",
    "configuration_name", "provider_name", "provider_mid", "action", "code", "title",
))
# fmt: on


class Parsed(msgspec.Struct, frozen=True):
    """What one webhook body holds, in its order.

    `broken` is lost; `unreadable` tells of those among the inbounds whose content could not be read. `foreign` counts items
    meant for another number; they are not returned. `unknown_numbers` are Meta's names of those.
    """

    inbounds: tuple[Inbound, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    echoes: tuple[Echo, ...] = ()
    notices: tuple[Notice, ...] = ()
    broken: tuple[Broken, ...] = ()
    unreadable: tuple[Broken, ...] = ()
    foreign: int = 0
    unknown_numbers: tuple[str, ...] = ()


class _Unreadable(Exception):
    """An item cannot be read; the message names the part and never its content."""


def check_signature(raw: bytes, header: bytes | str | None, secrets: Sequence[str]) -> None:
    """Return when `header` (X-Hub-Signature-256) proves that Meta sent exactly `raw`, else raise BadSignature.

    Meta signs the bytes it sends, HMAC-SHA256 with the app secret, so they must not have been parsed and written again.
    Every secret is tried, all in constant time; an empty one never matches.
    """
    given = header.encode("utf-8", "backslashreplace") if isinstance(header, str) else header or b""
    match = _SIGNATURE.fullmatch(given)
    if match is None:
        raise BadSignature("the signature header is missing or has another form")
    digest = bytes.fromhex(match[1].decode("ascii"))
    proven = False
    for secret in secrets:
        expected = hmac.digest(secret.encode("utf-8"), raw, "sha256")
        proven |= hmac.compare_digest(expected, digest) and bool(secret)
    if not proven:
        raise BadSignature("the signature does not belong to this body")


def parse(raw: bytes, *, numbers: Collection[str] | None, lenient: bool = False, now: datetime) -> Parsed:
    """Everything in a webhook body. Raises MalformedPayload only when the body as a whole is no WhatsApp webhook.

    Items for another number than `numbers` are counted, not returned; None takes every number. `lenient` is for a
    newcomer's curl without keys: no `object`, no `metadata`, no message id, any timestamp. `now` (aware) stands in for a
    time that cannot be true.
    """
    body = json_object(raw)
    kind = body.get("object")
    if kind != "whatsapp_business_account" and not (lenient and kind is None):
        raise MalformedPayload("not a WhatsApp webhook")
    entries = body.get("entry")
    if not isinstance(entries, list):
        raise MalformedPayload("the webhook has no entries")
    reader = _Reader(numbers, lenient, now)
    for index, entry in enumerate(entries):
        where = f"entry[{index}]"
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if isinstance(changes, list):
            for position, change in enumerate(changes):
                reader.read_change(change, f"{where}.changes[{position}]")
        else:
            reader.broken.append(Broken(where=where, why="no list of changes"))
    return reader.result()


class _Reader:
    """Collects what the changes of one body hold."""

    def __init__(self, numbers: Collection[str] | None, lenient: bool, now: datetime) -> None:
        self.numbers, self.lenient, self.now = numbers, lenient, now
        self.inbounds: list[Inbound] = []
        self.receipts: list[Receipt] = []
        self.echoes: list[Echo] = []
        self.notices: list[Notice] = []
        self.broken: list[Broken] = []
        self.unreadable: list[Broken] = []
        self.foreign = 0
        self.unknown_numbers: set[str] = set()

    def result(self) -> Parsed:
        return Parsed(
            inbounds=tuple(self.inbounds),
            receipts=tuple(self.receipts),
            echoes=tuple(self.echoes),
            notices=tuple(self.notices),
            broken=tuple(self.broken),
            unreadable=tuple(self.unreadable),
            foreign=self.foreign,
            unknown_numbers=tuple(sorted(self.unknown_numbers)),
        )

    def read_change(self, change: Any, where: str) -> None:
        value = change.get("value") if isinstance(change, dict) else None
        if not isinstance(value, dict):
            self.broken.append(Broken(where=where, why="no value"))
            return
        field = change.get("field")
        if field is None:
            # Some recorded webhooks have lost their field: the content still says what it is.
            field = "messages" if {"messages", "statuses", "errors"} & value.keys() else "unnamed"
        if not isinstance(field, str) or not _TYPE_NAME.fullmatch(field):
            self.broken.append(Broken(where=where, why="no field name"))
        elif field not in ("messages", "user_id_update", "smb_message_echoes"):
            self.notices.append(Notice(field=field, summary=_summary(value)))
        elif self._is_for_us(value, where):
            if field == "messages":
                self._read_messages(value, f"{where}.value")
            elif field == "smb_message_echoes":
                number = _reference(_dict(value.get("metadata")).get("phone_number_id"))
                self._each(value, "message_echoes", f"{where}.value", lambda echo, place: self._read_echo(echo, place, number))
            else:
                number = _reference(_dict(value.get("metadata")).get("phone_number_id"))
                self._each(value, field, f"{where}.value", lambda update, _: self._read_id_update(update, number))

    def _is_for_us(self, value: dict[str, Any], where: str) -> bool:
        if self.numbers is None:
            return True
        number = _dict(value.get("metadata")).get("phone_number_id")
        if isinstance(number, str) and number in self.numbers:
            return True
        if isinstance(number, str) and number:
            if named := _reference(number):
                self.unknown_numbers.add(named)
            self.foreign += sum(
                len(_list(value.get(key))) for key in ("messages", "statuses", "user_id_update", "message_echoes")
            )
        elif number is None and self.lenient:
            return True
        else:
            self.broken.append(Broken(where=f"{where}.value.metadata", why="no phone_number_id"))
        return False

    def _read_messages(self, value: dict[str, Any], where: str) -> None:
        metadata, cards = _dict(value.get("metadata")), _Cards(_list(value.get("contacts")))
        self._each(value, "messages", where, lambda message, place: self._read_message(message, place, metadata, cards))
        self._each(value, "statuses", where, lambda status, _: self._read_status(status))
        if errors := _errors(value.get("errors")):
            self.notices.append(Notice(field="messages.errors", summary={"errors": errors}))

    def _each(self, value: dict[str, Any], key: str, where: str, read: Callable[[dict[str, Any], str], None]) -> None:
        items = value.get(key)
        if items is None:
            return
        if not isinstance(items, list):
            self.broken.append(Broken(where=f"{where}.{key}", why="not a list"))
            return
        for index, item in enumerate(items):
            place = f"{where}.{key}[{index}]"
            try:
                read(_object(item), place)
            except _Unreadable as problem:
                self.broken.append(Broken(where=place, why=str(problem)))

    def _read_message(self, message: dict[str, Any], where: str, metadata: dict[str, Any], cards: _Cards) -> None:
        if message.get("group_id") not in (None, ""):
            self.notices.append(Notice(field="messages", summary={"event": "group_message"}))
            return
        contact, extra = _sender(message, cards)
        if contact.phone and is_same_number(contact.phone, metadata.get("display_phone_number")):
            self.notices.append(Notice(field="messages", summary={"event": "own_message"}))
            return
        context = _dict(message.get("context"))
        if referred := context.get("referred_product"):
            extra["referred_product"] = tree_of(referred)
        for key in ("referral", "identity"):
            if key in message:
                extra[key] = tree_of(message[key])
        if isinstance(message.get("origin"), str):
            extra["origin"] = text_of(message["origin"], 128)
        if "errors" in message:
            extra["errors"] = _errors(message["errors"])
        message_id = self._message_id(message)
        try:
            content = _content(message, contact)
        except _Unreadable as problem:
            self.unreadable.append(Broken(where=where, why=str(problem)))
            content = _unsupported(message.get("type"), unreadable=str(problem))
        self.inbounds.append(
            Inbound(
                id=message_id,
                contact=contact,
                at=self._time(message.get("timestamp")),
                reply_to=_reference(context.get("id")),
                forwarded=True in (context.get("forwarded"), context.get("frequently_forwarded")),
                number_id=_reference(metadata.get("phone_number_id")),
                extra=extra | content.pop("extra", {}),
                **content,
            )
        )

    def _read_echo(self, message: dict[str, Any], where: str, number: str) -> None:
        """Coexistence: what was typed into WhatsApp's own app on the business's phone."""
        phone, bsuid = phone_of(message.get("to")), bsuid_of(message.get("to_user_id"))
        if phone is None and bsuid is None:
            raise _Unreadable("to")
        contact = Contact(key=contact_key(phone, bsuid), channel=CHANNEL, phone=phone, bsuid=bsuid)
        try:
            content = _content(message, contact)
        except _Unreadable as problem:
            self.unreadable.append(Broken(where=where, why=str(problem)))
            content = _unsupported(message.get("type"), unreadable=str(problem))
        self.echoes.append(
            Echo(
                id=self._message_id(message),
                contact=contact,
                at=self._time(message.get("timestamp")),
                reply_to=_reference(_dict(message.get("context")).get("id")),
                number_id=number,
                **{name: value for name, value in content.items() if name in ("kind", "text", "media")},
            )
        )

    def _message_id(self, message: dict[str, Any]) -> str:
        given = message.get("id")
        if given is None and self.lenient:
            # The same body sent again must still be recognised as the same message.
            return _derived_id("message", message)
        if not isinstance(given, str) or not _ID.fullmatch(given):
            raise _Unreadable("id")
        return given

    def _time(self, seconds: Any) -> datetime:
        """Meta's seconds since 1970 as aware UTC; `now` for what cannot be read or cannot be true."""
        readable = (isinstance(seconds, str) and _DIGITS.fullmatch(seconds)) or type(seconds) is int
        # A copied example has an old time; without keys there is no redelivery that could explain it.
        oldest = self.now - timedelta(days=8) if self.lenient else datetime(2009, 1, 1, tzinfo=UTC)
        newest = self.now + timedelta(minutes=10)
        stamp = int(seconds) if readable else -1
        if not oldest.timestamp() <= stamp <= newest.timestamp():
            return self.now.astimezone(UTC)
        return datetime.fromtimestamp(stamp, UTC)

    def _read_status(self, status: dict[str, Any]) -> None:
        message_id, name = status.get("id"), status.get("status")
        if not isinstance(message_id, str) or not _ID.fullmatch(message_id):
            raise _Unreadable("id")
        if not isinstance(name, str) or name not in _STATUSES:
            raise _Unreadable("status")
        opaque = status.get("biz_opaque_callback_data")
        errors = _errors(status.get("errors"))
        pricing = tree_of(_dict(status.get("pricing")))
        self.receipts.append(
            Receipt(
                message_id=message_id,
                status=_STATUSES[name],  # type: ignore[arg-type]  # the table's values are the literal's
                at=self._time(status.get("timestamp")),
                opaque=text_of(opaque, 512) if isinstance(opaque, str) else "",
                error_codes=tuple(str(error["code"]) for error in errors if "code" in error),
                error_detail=next((error["title"] for error in errors if error.get("title")), ""),
                pricing=pricing,
                phone=phone_of(status.get("recipient_id")) or phone_of(status.get("recipient_participant_id")),
                bsuid=bsuid_of(status.get("recipient_user_id")) or bsuid_of(status.get("recipient_participant_user_id")),
            )
        )

    def _read_id_update(self, update: dict[str, Any], number: str) -> None:
        """Field `user_id_update`: the person has a new business-scoped user id."""
        ids = update.get("user_id")
        previous = bsuid_of(_dict(ids).get("previous")) or bsuid_of(update.get("previous_user_id"))
        current = bsuid_of(_dict(ids).get("current")) or bsuid_of(update.get("new_user_id")) or bsuid_of(ids)
        phone = phone_of(update.get("wa_id"))
        if current is None or not (phone or previous):
            raise _Unreadable("user_id")
        self.inbounds.append(
            Inbound(
                id=_derived_id("user_id_update", update),
                contact=Contact(key=contact_key(phone, previous), channel=CHANNEL, phone=phone, bsuid=previous),
                kind="system",
                at=self._time(update.get("timestamp")),
                number_id=number,
                extra={
                    "event": "user_changed_user_id",
                    "old": _identity(phone, previous),
                    "new": _identity(phone, current),
                    "new_keys": _keys(phone, current),
                },
            )
        )


class _Cards:
    """The contact cards of one change. Nobody gets the card of somebody else who wrote in the same batch."""

    def __init__(self, given: list[Any]) -> None:
        cards = [card for card in given if isinstance(card, dict)]
        self._by_key: dict[str, dict[str, Any]] = {}
        for card in cards:
            for key in _keys(phone_of(card.get("wa_id")), bsuid_of(card.get("user_id"))):
                self._by_key.setdefault(key, card)
        self._only = cards[0] if len(cards) == 1 else {}

    def of(self, phone: str | None, bsuid: str | None) -> dict[str, Any]:
        """The sender's card, or an empty one. When card or message names nobody, an only card is the sender's."""
        keys = _keys(phone, bsuid)
        if not keys or not self._by_key:
            return self._only
        return next((self._by_key[key] for key in keys if key in self._by_key), {})


def _sender(message: dict[str, Any], cards: _Cards) -> tuple[Contact, dict[str, Any]]:
    """Who wrote, and what the profile says besides the name."""
    given = message.get("from")
    phone, bsuid = phone_of(given), bsuid_of(message.get("from_user_id"))
    if phone is None and given not in (None, ""):
        raise _Unreadable("from")
    card = cards.of(phone, bsuid)
    phone = phone or phone_of(card.get("wa_id"))
    bsuid = bsuid or bsuid_of(card.get("user_id"))
    if phone is None and bsuid is None:
        raise _Unreadable("from")
    profile = _dict(card.get("profile"))
    extra: dict[str, Any] = {}
    if parent := bsuid_of(message.get("from_parent_user_id")) or bsuid_of(card.get("parent_user_id")):
        extra["parent_user_id"] = parent
    if username := name_of(profile.get("username")):
        extra["username"] = username
    name = name_of(profile.get("name")) or None
    return Contact(key=contact_key(phone, bsuid), channel=CHANNEL, phone=phone, bsuid=bsuid, name=name), extra


def _content(message: dict[str, Any], contact: Contact) -> dict[str, Any]:
    """The fields of an Inbound that depend on the message's type."""
    kind = message.get("type")
    if not isinstance(kind, str) or not _TYPE_NAME.fullmatch(kind):
        raise _Unreadable("type")
    if kind in _MEDIA_KINDS:
        return _media_content(kind, message)
    if kind == "system":
        return _system(message, contact)
    if kind in _READERS:
        return _READERS[kind](message)
    content = message.get(kind)
    return {"kind": "unknown", "extra": {"type": kind} | ({} if content is None else {"content": tree_of(content)})}


def _text(message: dict[str, Any]) -> dict[str, Any]:
    body = _part(message, "text").get("body")
    if not isinstance(body, str):
        raise _Unreadable("text.body")
    return {"kind": "text", **_readable(body)}


def _readable(text: str) -> dict[str, Any]:
    cut = {"extra": {"shortened_from": len(text)}} if len(text) > TEXT_LIMIT else {}
    return {"text": text_of(text, TEXT_LIMIT), **cut}


def _media_content(kind: str, message: dict[str, Any]) -> dict[str, Any]:
    part = _part(message, kind)
    media_id, url, caption = part.get("id"), part.get("url"), part.get("caption")
    media = Media(
        id=media_id if isinstance(media_id, str) and _MEDIA_ID.fullmatch(media_id) else "",
        mime_type=line_of(part.get("mime_type"), 128),
        sha256=line_of(part.get("sha256"), 128),
        filename=line_of(part.get("filename"), 255).replace("/", "_").replace("\\", "_"),
        url=url if isinstance(url, str) and url.startswith("https://") and _ID.fullmatch(url) else "",
        voice=kind == "voice" or part.get("voice") is True,
    )
    extra = {"animated": True} if part.get("animated") is True else {}
    return {"kind": _MEDIA_KINDS[kind], "media": media, "text": text_of(caption, TEXT_LIMIT), "extra": extra}


def _interactive(message: dict[str, Any]) -> dict[str, Any]:
    part = message.get("interactive")
    if part is None:
        # Meta could not put it into a webhook; the change's `errors` say so.
        return _unsupported("interactive")
    if not isinstance(part, dict) or not isinstance(form := part.get("type"), str):
        raise _Unreadable("interactive")
    if form in ("button_reply", "list_reply"):
        reply = _part(part, form)
        reply_id, title = reply.get("id"), reply.get("title")
        if not isinstance(reply_id, str) or not isinstance(title, str):
            raise _Unreadable(f"interactive.{form}")
        kind: InboundKind = "button" if form == "button_reply" else "list"
        extra = {"description": line_of(reply["description"], 256)} if reply.get("description") else {}
        return {"kind": kind, "reply_id": line_of(reply_id, 256), "text": line_of(title, 256), "extra": extra}
    if form == "nfm_reply":
        return _flow(_part(part, form))
    return {"kind": "unknown", "extra": {"type": f"interactive.{line_of(form, 64)}", "content": tree_of(part.get(form))}}


def _flow(reply: dict[str, Any]) -> dict[str, Any]:
    given = reply.get("response_json")
    try:
        answers = json_object(given.encode("utf-8", "replace")) if isinstance(given, str) else {}
    except MalformedPayload:
        answers = {}
    return {
        "kind": "flow",  # its body is a constant of Meta's, "Sent", and nobody's words
        "reply_id": line_of(answers.get("flow_token"), 256),
        "extra": {"flow": tree_of(answers)} if answers else {"flow_unreadable": True},
    }


def _template_button(message: dict[str, Any]) -> dict[str, Any]:
    part = _part(message, "button")
    text, payload = part.get("text"), part.get("payload")
    if not isinstance(text, str) and not isinstance(payload, str):
        raise _Unreadable("button")
    return {"kind": "template_button", "text": line_of(text, 256), "reply_id": line_of(payload, 256)}


def _location(message: dict[str, Any]) -> dict[str, Any]:
    part = _part(message, "location")
    latitude, longitude = (_degrees(part.get(key), limit) for key, limit in (("latitude", 90), ("longitude", 180)))
    location = Location(
        latitude=latitude,
        longitude=longitude,
        name=line_of(part.get("name"), 256),
        address=line_of(part.get("address"), 512),
    )
    return {"kind": "location", "location": location}


def _degrees(value: Any, limit: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > limit:
        raise _Unreadable("location")
    return float(value)


def _contacts(message: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(message.get("contacts"), list):
        raise _Unreadable("contacts")
    return {"kind": "contacts", "extra": {"contacts": tree_of(message["contacts"])}}


def _reaction(message: dict[str, Any]) -> dict[str, Any]:
    part = _part(message, "reaction")
    # No emoji, or an empty one, means that the reaction was taken back.
    return {"kind": "reaction", "target": _reference(part.get("message_id")), "emoji": line_of(part.get("emoji"), 32)}


def _order(message: dict[str, Any]) -> dict[str, Any]:
    part = _part(message, "order")
    return {"kind": "order", "text": text_of(part.get("text"), TEXT_LIMIT), "extra": {"order": tree_of(part)}}


def _system(message: dict[str, Any], contact: Contact) -> dict[str, Any]:
    part = _part(message, "system")
    new_phone = phone_of(part.get("wa_id")) or phone_of(part.get("new_wa_id"))
    old_phone = phone_of(part.get("customer")) or contact.phone
    extra: dict[str, Any] = {"event": line_of(part.get("type"), 64)}
    new_bsuid = bsuid_of(part.get("user_id"))
    if new_phone or new_bsuid:
        extra["old"] = _identity(old_phone, contact.bsuid)
        extra["new"] = _identity(new_phone, new_bsuid)
        extra["new_keys"] = _keys(new_phone, new_bsuid)
    return {"kind": "system", "extra": extra}


def _edit(message: dict[str, Any]) -> dict[str, Any]:
    part = _part(message, "edit")
    edited = _dict(part.get("message"))
    kind = line_of(edited.get("type"), 64)
    content: dict[str, Any] = {"extra": {}}
    if kind == "text":
        content = _text(edited)
    elif kind in _MEDIA_KINDS:
        content = _media_content(kind, edited)
    extra = {"edited_kind": kind} | content.get("extra", {})
    return content | {"kind": "edit", "target": _reference(part.get("original_message_id")), "extra": extra}


def _revoke(message: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "revoke", "target": _reference(_part(message, "revoke").get("original_message_id"))}


def _not_supported_by_meta(message: dict[str, Any]) -> dict[str, Any]:
    return _unsupported(line_of(_dict(message.get("unsupported")).get("type"), 64))


def _unsupported(kind: Any, **why: str) -> dict[str, Any]:
    """Something that cannot be shown. `kind` is kept when it is the name of one."""
    named = isinstance(kind, str) and _TYPE_NAME.fullmatch(kind)
    return {"kind": "unsupported", "extra": ({"type": kind} if named else {}) | why}


_READERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "text": _text,
    "interactive": _interactive,
    "button": _template_button,
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "order": _order,
    "edit": _edit,
    "revoke": _revoke,
    "unsupported": _not_supported_by_meta,
    "request_welcome": lambda _: {"kind": "welcome"},
}


def _part(whole: dict[str, Any], key: str) -> dict[str, Any]:
    part = whole.get(key)
    if not isinstance(part, dict):
        raise _Unreadable(key)
    return part


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Unreadable("not an object")
    return value


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _identity(phone: str | None, bsuid: str | None) -> dict[str, str]:
    return {key: value for key, value in (("phone", phone), ("bsuid", bsuid)) if value}


def _keys(phone: str | None, bsuid: str | None) -> list[str]:
    """The contact keys under which the person may be met from now on."""
    return [contact_key(*one) for one in ((phone, None), (None, bsuid)) if any(one)]


def _reference(value: Any) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _derived_id(kind: str, item: dict[str, Any]) -> str:
    content = json.dumps(tree_of(item), sort_keys=True)
    return f"{kind}.{hashlib.sha256(content.encode()).hexdigest()[:32]}"


def _errors(value: Any) -> list[dict[str, Any]]:
    """Meta's errors as code and title; the longer wording may quote the message."""
    errors = []
    for error in _list(value)[:10]:
        code, title = _dict(error).get("code"), _LONG_NUMBER.sub("…", line_of(_dict(error).get("title"), 200))
        if type(code) is int or title:
            errors.append(({"code": code} if type(code) is int else {}) | ({"title": title} if title else {}))
    return errors


def _summary(value: dict[str, Any]) -> dict[str, Any]:
    """The facts of an account webhook, without anything that could name a person."""
    summary: dict[str, Any] = {}

    def collect(part: Any, depth: int) -> None:
        for key, inner in part.items() if isinstance(part, dict) else ():
            if isinstance(inner, dict | list) and depth < 4:
                for each in inner[:20] if isinstance(inner, list) else [inner]:
                    collect(each, depth + 1)
            elif key in _NOTICE_KEYS and key not in summary and isinstance(inner, str | int | float):
                kept = tree_of(inner)
                summary[key] = _LONG_NUMBER.sub("…", kept[:200]) if isinstance(kept, str) and "_id" not in key else kept

    collect(value, 0)
    for key, inner in value.items():
        if isinstance(inner, list) and _TYPE_NAME.fullmatch(key):
            summary[f"{key}_count"] = len(inner)
    return summary
