"""What is written into the ledger around a turn: jobs, transcript rows, events. All of it JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from src.agent.redaction import redact
from src.agent.redaction import without_secrets as _safe_text
from src.desk.crm import Mirrored, Note
from src.desk.ports import Arrival
from src.messages import Contact, Content, Echo, Event, Inbound, Outbound

_EXTRA_DEPTH = 8
_IDENTITIES = frozenset({"old", "new", "new_keys", "parent_user_id"})
"""Parts of `Inbound.extra` that name a person. A user id may look like a card number, and altered it names nobody."""


def arrival(inbound: Inbound, *, mirrored: bool = False) -> Arrival:
    """An inbound made ready for the ledger. What must not be stored anywhere is taken out here, before it is written.

    `mirrored`: a CRM is told of it, too.
    """
    safe = without_secrets(inbound)
    row = {"id": safe.id, "role": "prospect", "kind": safe.kind, "text": shown_text(safe), "at": safe.at}
    told = msgspec.json.encode(_mirrored(safe)) if mirrored else b""
    return Arrival(inbound=safe, job=msgspec.json.encode(safe), row=msgspec.json.encode(row), urgent=safe.is_press, mirror=told)


def _mirrored(inbound: Inbound) -> Mirrored:
    place = inbound.location
    where = f"{place.name} {place.address} ({place.latitude}, {place.longitude})".strip() if place else ""
    return Mirrored(
        id=inbound.id,
        speaker="prospect",
        text=shown_text(inbound) or where,
        at=inbound.at,
        kind=inbound.kind,
        media=inbound.media,
        reply_to=inbound.reply_to,
    )


def mirrored(outbound: Outbound) -> tuple[str, bytes]:
    """The job that shows a message of ours in the CRM."""
    content = _kept(outbound)
    text = "\n".join([readable(content), *(f"▸ {option.title}" for option in content.options)])
    told = Mirrored(id=outbound.id, speaker=outbound.speaker, text=text, at=outbound.at, kind=content.kind)
    return outbound.id, msgspec.json.encode(told)


LEFT_OVER = "state."
"""How the id of a job of the turns lane begins that brings the conversation of a contact which became part of this one."""
FROM_CRM = "cw."
"""How the id of a message begins that a human wrote in the CRM: its id there follows."""


UNDELIVERED = "undelivered "
"""How the id of a job of the turns lane begins that tells of a message of the bot's which did not arrive."""


def undelivered(outbox_id: str, codes: str) -> tuple[str, bytes]:
    """The job that tells so: the codes say why."""
    return f"{UNDELIVERED}{outbox_id}", msgspec.json.encode({"codes": codes})


FROM_PHONE = "ph."
"""How the id of a message begins that somebody of the brokerage wrote on the phone itself: its id at the vendor follows."""


def overheard(echo: Echo) -> tuple[tuple[str, bytes, bytes], tuple[str, bytes]]:
    """What was written on the phone itself, as the ledger takes words that are said already; and its job for the CRM."""
    text = _safe_text(echo.text)
    name = f"{FROM_PHONE}{echo.id}"
    row = {"id": name, "role": "human", "kind": echo.kind, "text": text, "at": echo.at}
    told = Mirrored(
        id=name, speaker="human", text=text, at=echo.at, kind=echo.kind, media=echo.media, by_phone=True, reply_to=echo.reply_to
    )
    return (name, b"{}", msgspec.json.encode(row)), (name, msgspec.json.encode(told))


def crm_message_id(outbox_id: str) -> str:
    """The CRM's own id of a message that was written there; nothing for any other."""
    return outbox_id.removeprefix(FROM_CRM).partition(".")[0] if outbox_id.startswith(FROM_CRM) else ""


def attempt_of(outbox_id: str) -> tuple[str, int]:
    """The id that a message had at first, and how often it was tried anew since."""
    first, _, again = outbox_id.rpartition(".r")
    return (first, int(again)) if first and again.isdigit() else (outbox_id, 0)


def another_attempt(outbox_id: str) -> str:
    """The id of the same message when it is tried anew."""
    first, times = attempt_of(outbox_id)
    return f"{first}.r{times + 1}"


def failed_parts(rows: Sequence[Mapping[str, Any]], message_id: str) -> tuple[str, ...]:
    """Of what was written in the CRM as that message, the parts whose last attempt failed."""
    last: dict[str, tuple[int, str, bool]] = {}
    for row in rows:
        if crm_message_id(row["id"]) == message_id:
            first, times = attempt_of(row["id"])
            last[first] = max(last.get(first, (-1, "", False)), (times, row["id"], row.get("status") == "failed"))
    return tuple(name for _, name, failed in last.values() if failed)


def without_secrets(inbound: Inbound) -> Inbound:
    """The same inbound without DNI, NIE, IBAN, card numbers or health disclosures in anything a person may have typed."""
    media = inbound.media
    if media is not None:
        typed = {name: _safe_text(getattr(media, name)) for name in ("filename", "mime_type", "sha256")}
        media = msgspec.structs.replace(media, **typed)
    location = inbound.location
    if location is not None:
        location = msgspec.structs.replace(location, name=_safe_text(location.name), address=_safe_text(location.address))
    contact = inbound.contact
    if contact.name:
        contact = msgspec.structs.replace(contact, name=_safe_text(contact.name)[:128] or None)
    return msgspec.structs.replace(
        inbound,
        contact=contact,
        text=_safe_text(inbound.text),
        reply_id=_safe_text(inbound.reply_id),
        emoji=_safe_text(inbound.emoji),
        media=media,
        location=location,
        extra={key: value if key in _IDENTITIES else _safe(value, _EXTRA_DEPTH) for key, value in inbound.extra.items()},
    )


def _safe(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _safe_text(value)
    if isinstance(value, dict) and depth:
        return {_safe_text(key): _safe(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list) and depth:
        return [_safe(inner, depth - 1) for inner in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):  # a form may give a card number as a number
        return redacted.text if (redacted := redact(f"{value:.0f}")).kinds else value
    return ""


def shown_text(inbound: Inbound) -> str:
    """What a person reading the transcript sees of it."""
    return inbound.text or inbound.emoji


def inbound_of(body: bytes) -> Inbound:
    """The inbound in a job of the turns lane. Raises msgspec.MsgspecError when it cannot be read."""
    return msgspec.json.decode(body, type=Inbound)


def outbound_of(body: bytes) -> Outbound:
    """The outbound in a job of the delivery lane. Raises msgspec.MsgspecError when it cannot be read."""
    return msgspec.json.decode(body, type=Outbound)


def outbound_row(outbound: Outbound) -> bytes:
    """The transcript's row of a message of ours; its status is kept beside the transcript."""
    content = _kept(outbound)
    row: dict[str, Any] = {
        "id": outbound.id,
        "role": "bot" if outbound.speaker == "system" else outbound.speaker,
        "kind": content.kind,
        "text": readable(content),
        "at": outbound.at,
    }
    if content.options:
        row["options"] = [{"id": option.id, "title": option.title} for option in content.options]
    return msgspec.json.encode(row)


def _kept(outbound: Outbound) -> Content:
    """What is kept of a message once it is gone. The bot says only what was redacted before; people write what they like."""
    content = outbound.content
    if outbound.speaker != "human":
        return content
    typed = {name: _safe_text(getattr(content, name)) for name in ("text", "header", "footer", "link")}
    return msgspec.structs.replace(content, **typed)


def readable(content: Content) -> str:
    """The content as text, for a transcript."""
    if content.template is not None:
        return f"[{content.template.name}]"
    return "\n".join(part for part in (content.header, content.text or content.emoji, content.footer, content.link) if part)


def heard(voice_id: str, text: str, at: datetime) -> tuple[bytes, tuple[str, bytes]]:
    """What a voice note says: its row in the transcript, and the job that notes it in the CRM. `text` is safe already."""
    row = msgspec.json.encode({"id": f"{voice_id}.heard", "role": "prospect", "kind": "audio", "text": text, "at": at})
    note = Note(id=f"{voice_id}.heard", text=f"🎙️ {text}")
    return row, (note.id, msgspec.json.encode(note))


def event(event_: Event, at: datetime, turn_id: str) -> bytes:
    """An event as the stream keeps it: by turn, never by person."""
    return msgspec.json.encode({"name": event_.name, "at": at, "turn": turn_id, "data": event_.data})


def contact_of(key: str) -> Contact:
    """What a contact key alone tells of a person."""
    channel, _, address = key.partition(":")
    is_phone = address.isascii() and address.isdigit()
    return Contact(key=key, channel=channel, phone=f"+{address}" if is_phone else None, bsuid=None if is_phone else address)
