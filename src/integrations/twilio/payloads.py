"""What Twilio sends: proof of origin, and its forms turned into our own words.

This file and `client` know Twilio's fields; nothing else does. Everything here is pure. Facts are from Twilio's
"Webhook request", "WhatsApp" and "Validating requests" documents and its own library.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import msgspec

from src.errors import BadSignature, MalformedPayload
from src.integrations.identity import bsuid_of, contact_key, phone_of
from src.integrations.twilio.codes import meaning_of
from src.integrations.untrusted import json_object, line_of, name_of, text_of
from src.messages import Contact, Inbound, InboundKind, Location, Media, Receipt

CHANNEL = "twilio"
"""How a person is reached. The person is the same as on any other way to WhatsApp: the key is."""
OUTBOX_ID = "outbox"
"""The parameter of our status address that says which message a status belongs to."""
TEXT_LIMIT, MOST_FIELDS, MOST_FILES = 4096, 300, 10
_DEFAULT_PORTS = {"https": 443, "http": 80}
_SID = re.compile(r"[A-Za-z0-9]{2,64}")
_OUTBOX = re.compile(r"[A-Za-z0-9._-]{1,128}")
_ADDRESS = "whatsapp:"
_BODY_HASH = "bodySHA256"
_OF_WHAT_CAME_IN = ("", "received", "receiving")
_STATUSES: Mapping[str, Literal["sent", "delivered", "read", "failed"]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
    "undelivered": "failed",
    "canceled": "failed",
}
Fields = Mapping[str, str]


class NotForUs(Exception):
    """A form that is signed but tells nothing to act on; the message says why, with nothing of its content."""


class Proof(msgspec.Struct, frozen=True):
    """What a request shows for its origin: the address as Twilio knows it, with its query, and two of its headers.

    `signature` is X-Twilio-Signature; `settings` X-Twilio-Webhooks-Signature-Settings, which names another algorithm where
    Twilio signs with a key of its own.
    """

    url: str
    signature: str
    settings: str = ""


def proven_fields(raw: bytes, proof: Proof, *, is_form: bool, secrets: Sequence[str]) -> dict[str, str]:
    """The fields of a body that Twilio sent: one of `secrets` signed it. Raises BadSignature and MalformedPayload.

    A form is signed field by field. Of any other body the address names the hash, and only the address is signed.
    """
    if is_form:
        form = form_of(raw)
        check_signature(proof, form, secrets)
        return dict(form)
    named = [value for name, value in parse_qsl(urlsplit(proof.url).query, keep_blank_values=True) if name == _BODY_HASH]
    digest = hashlib.sha256(raw).hexdigest().encode()
    if len(named) != 1 or not hmac.compare_digest(digest, named[0].encode("utf-8", "backslashreplace")):
        raise BadSignature("the address does not name the hash of this body")
    check_signature(proof, (), secrets)
    return {name: value for name, value in json_object(raw).items() if isinstance(value, str)}


def form_of(raw: bytes) -> list[tuple[str, str]]:
    """Names and values in their order. Raises MalformedPayload."""
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise MalformedPayload("the body is no form") from error


def check_signature(proof: Proof, form: Sequence[tuple[str, str]], secrets: Sequence[str]) -> None:
    """Return when Twilio sent this form there, else raise BadSignature.

    Twilio signs an address with or without its port, also one of its own, and its own libraries take a query written anew.
    """
    algorithm = _algorithm_of(proof.settings)
    if algorithm is None:
        raise BadSignature("the signature is of an algorithm that is not known here")
    values: dict[str, set[str]] = {}
    for name, value in form:
        values.setdefault(name, set()).add(value)
    tail = "".join(name + value for name in sorted(values) for value in sorted(values[name]))
    given = proof.signature.encode("utf-8", "backslashreplace")
    proven = False
    for written in _ways_to_write(proof.url):
        for secret in filter(None, secrets):
            digest = hmac.digest(secret.encode(), (written + tail).encode("utf-8", "backslashreplace"), algorithm)
            proven |= hmac.compare_digest(base64.b64encode(digest), given)
    if not proven:
        raise BadSignature("the signature does not belong to this address and form")


def _algorithm_of(settings: str) -> str | None:
    named = [part.partition("=")[2].strip() for part in settings.split(",") if part.partition("=")[0].strip() == "algorithm"]
    return {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}.get((next(filter(None, named), "HMAC_SHA1")).upper())


def _ways_to_write(url: str) -> list[str]:
    parts = urlsplit(url)
    host = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    hosts = [parts.netloc, host, f"{host}:{port}"] if port else [parts.netloc]
    anew = urlencode(parse_qsl(parts.query, keep_blank_values=True), quote_via=quote, safe="!'()*")
    return list(
        dict.fromkeys(
            urlunsplit(parts._replace(netloc=written, query=query)) for written in hosts for query in (parts.query, anew)
        )
    )


def parse(
    fields: Fields, *, account_sid: str, number: str, outbox_id: str, now: datetime
) -> tuple[list[Inbound], list[Receipt]]:
    """What somebody sent, or what became of a message of ours: the form says which, not the door. Raises NotForUs."""
    if _status_of(fields) in _OF_WHAT_CAME_IN:
        return parse_message(fields, account_sid=account_sid, number=number, now=now), []
    return [], [parse_status(fields, account_sid=account_sid, number=number, outbox_id=outbox_id, now=now)]


def parse_message(fields: Fields, *, account_sid: str, number: str, now: datetime) -> list[Inbound]:
    """What somebody sent: one inbound, and one more for every further file, as of `now`: no time is sent. Raises NotForUs."""
    _check_recipient(fields, account_sid, fields.get("To", ""), number)
    message_id = fields.get("MessageSid") or fields.get("SmsMessageSid") or fields.get("SmsSid") or ""
    if not _SID.fullmatch(message_id):
        raise NotForUs("no message id")
    files = _files(fields)
    first = Inbound(
        id=message_id,
        contact=_sender(fields),
        at=now,
        reply_to=line_of(fields.get("OriginalRepliedMessageSid", ""), 64),
        forwarded="true" in (fields.get("Forwarded"), fields.get("FrequentlyForwarded")),
        number_id=number,
        extra=_referral(fields),
        **{"text": text_of(fields.get("Body", ""), TEXT_LIMIT), **_content(fields, files)},
    )
    more = [
        Inbound(id=f"{message_id}.{n}", contact=first.contact, at=now, kind=kind, media=media, number_id=number)
        for n, (kind, media) in enumerate(files[1:], start=1)
    ]
    return [first, *more]


def parse_status(fields: Fields, *, account_sid: str, number: str, outbox_id: str, now: datetime) -> Receipt:
    """What became of a message of ours. `outbox_id` is what our status address said. Raises NotForUs."""
    _check_recipient(fields, account_sid, fields.get("From", ""), number)
    message_id = fields.get("MessageSid") or fields.get("SmsSid") or ""
    status = _STATUSES.get(_status_of(fields))
    if not _SID.fullmatch(message_id):
        raise NotForUs("no message id")
    if status is None:
        raise NotForUs("no status that tells anything")
    phone, bsuid = _identity(fields.get("To", ""))
    known = _OUTBOX.fullmatch(outbox_id) and (phone or bsuid)
    code = fields.get("ErrorCode", "")
    known_code = code.isascii() and code.isdigit() and len(code) <= 6
    return Receipt(
        message_id=message_id,
        status=status,
        at=now,
        opaque=f"{contact_key(phone, bsuid)} {outbox_id}" if known else "",
        error_codes=(code,) if known_code else (),
        error_detail=meaning_of(int(code)) if known_code else "",
        phone=phone,
        bsuid=bsuid,
    )


def _status_of(fields: Fields) -> str:
    return (fields.get("MessageStatus") or fields.get("SmsStatus") or "").casefold()


def _check_recipient(fields: Fields, account_sid: str, ours: str, number: str) -> None:
    if fields.get("AccountSid") != account_sid:
        raise NotForUs("another account")
    if ours != number:
        raise NotForUs("another number")


def _sender(fields: Fields) -> Contact:
    phone, bsuid = _identity(fields.get("From", ""))
    bsuid = bsuid or bsuid_of(fields.get("ExternalUserId", "").removeprefix(_ADDRESS))
    phone = phone or phone_of(fields.get("WaId", ""))
    if phone is None and bsuid is None:
        raise NotForUs("no WhatsApp sender")
    name = name_of(fields.get("ProfileName", ""))
    return Contact(key=contact_key(phone, bsuid), channel=CHANNEL, phone=phone, bsuid=bsuid, name=name or None)


def _identity(address: str) -> tuple[str | None, str | None]:
    """Phone and user id of `whatsapp:+34…` or `whatsapp:US.…`."""
    if not address.startswith(_ADDRESS):
        return None, None
    written = address.removeprefix(_ADDRESS)
    return phone_of(written), bsuid_of(written)


def _content(fields: Fields, files: Sequence[tuple[InboundKind, Media]]) -> dict[str, Any]:
    payload, title = text_of(fields.get("ButtonPayload", ""), 256), text_of(fields.get("ButtonText", ""), 256)
    if row := text_of(fields.get("ListId", ""), 256):  # of a list; what else Twilio says of it is not published
        return {"kind": "list", "text": text_of(fields.get("ListTitle", ""), 256) or title or row, "reply_id": row}
    if payload:
        return {"kind": "button", "text": title or payload, "reply_id": payload}
    if title:
        return {"kind": "template_button", "text": title}
    if files:
        return {"kind": files[0][0], "media": files[0][1]}
    place = _location(fields)
    if place is not None:
        return {"kind": "location", "location": place}
    if fields.get("Body"):
        return {"kind": "text"}
    return {"kind": "reaction"} if fields.get("MessageType") == "reaction" else {"kind": "unsupported"}


_REFERRAL = {
    "SourceType": "source_type", "SourceId": "source_id", "SourceUrl": "source_url", "Headline": "headline", "Body": "body",
    "CtwaClid": "ctwa_clid",
}  # fmt: skip


def _referral(fields: Fields) -> dict[str, Any]:
    """The ad or post that somebody pressed, in Meta's own names."""
    told = {name: text_of(value, 512) for field, name in _REFERRAL.items() if (value := fields.get(f"Referral{field}", ""))}
    return {"referral": told} if told else {}


def _files(fields: Fields) -> list[tuple[InboundKind, Media]]:
    number = fields.get("NumMedia", "0")
    count = min(int(number), MOST_FILES) if number.isascii() and number.isdigit() and len(number) < 4 else 0
    found: list[tuple[InboundKind, Media]] = []
    for n in range(count):
        url, mime = text_of(fields.get(f"MediaUrl{n}", ""), 1024), line_of(fields.get(f"MediaContentType{n}", ""), 128).lower()
        if url:
            voice = mime.startswith("audio/ogg")
            found.append((_kind_of(mime), Media(id=url.rpartition("/")[2], url=url, mime_type=mime, voice=voice)))
    return found


def _kind_of(mime: str) -> InboundKind:
    family = mime.partition("/")[0]
    if mime == "image/webp":
        return "sticker"
    if mime in ("text/vcard", "text/x-vcard"):
        return "contacts"
    if family == "image":
        return "image"
    if family == "audio":
        return "audio"
    return "video" if family == "video" else "document"


def _location(fields: Fields) -> Location | None:
    try:
        latitude, longitude = float(fields.get("Latitude", "")), float(fields.get("Longitude", ""))
    except ValueError:
        return None
    if not (math.isfinite(latitude) and math.isfinite(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180):
        return None
    return Location(
        latitude=latitude,
        longitude=longitude,
        name=line_of(fields.get("Label", ""), 256),
        address=line_of(fields.get("Address", ""), 512),
    )
