"""What Chatwoot sends, or shows when it is asked: proof of origin, and what humans did there in our own words.

Everything here is pure. Facts: Chatwoot v4.15 to v4.17 (payloads of account, API inbox and agent bot webhooks; the message and
conversation objects of its REST API, which write the same things a little differently).

Everything that we write comes back as an event, to every webhook that is set up. So the first question is always whether
a message is ours, by the marker on it; the webhook may come before the answer to our own request.

Not passed on, on purpose: notes, what is deleted, what nobody in particular wrote (automation rules, campaigns, greetings,
surveys): the bot or a human talks to the person, and nothing else does.
"""

from __future__ import annotations

import hmac
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec

from src.desk.crm import AgentDeleted, AgentRetried, AgentSaid, Attachment, CrmEvent, LeadEdited, OwnerChanged, Whose
from src.desk.human_words import from_editor
from src.errors import BadSignature, MalformedPayload
from src.integrations.chatwoot.messages import MARKER, SOURCE_PREFIX, contact_key_of, quoted_in
from src.integrations.identity import bsuid_of, contact_key, phone_of
from src.integrations.untrusted import json_object, line_of, name_of, text_of, tree_of
from src.messages import Contact, Inbound, Media

FRESH_S = 300
"""How old, or how far ahead, the time in a signature may be."""
TEXT_LIMIT = 4096
"""Of what people write on WhatsApp."""
AGENTS_TEXT_LIMIT = 150_000
"""Of what Chatwoot stores; what is too long for one message of WhatsApp becomes several."""
MOST_ATTACHMENTS = 15

_SIGNATURE = re.compile(rb"sha256=([0-9a-f]{64})")
_TIMESTAMP = re.compile(rb"[0-9]{1,12}")
_FILE_KINDS: dict[str, Literal["image", "audio", "video", "document"]] = {"image": "image", "audio": "audio", "video": "video"}
_TYPES = ("incoming", "outgoing", "activity", "template")
_ABOUT_CONVERSATIONS = (
    "conversation_updated",
    "conversation_status_changed",
    "conversation_opened",
    "conversation_resolved",
)
_STATUSES = ("open", "resolved", "pending", "snoozed")
_TEMPLATE_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:_[A-Z]{2})?")
_MEDIA_HEADERS = ("image", "video", "document")


class Parsed(msgspec.Struct, frozen=True):
    """What one webhook says: what humans did, what a person wrote (only where Chatwoot owns the line), or why neither."""

    events: tuple[CrmEvent, ...] = ()
    inbounds: tuple[Inbound, ...] = ()
    passed_over: str = ""


class NotForUs(Exception):
    """Nothing here is to be done; the message is a stable word with nothing of the content."""


def check_signature(raw: bytes, signature: str | None, timestamp: str | None, secrets: Sequence[str], *, now: datetime) -> None:
    """Returns when Chatwoot signed exactly `raw` within the last minutes, else raises BadSignature.

    The signature (X-Chatwoot-Signature) is over X-Chatwoot-Timestamp, a dot and the bytes. Every secret is tried, all in
    constant time; an empty one never matches. The headers may hold any letters.
    """
    match = _SIGNATURE.fullmatch((signature or "").encode("utf-8", "backslashreplace"))
    signed_at = (timestamp or "").encode("utf-8", "backslashreplace")
    if match is None or not _TIMESTAMP.fullmatch(signed_at):
        raise BadSignature("a header of the signature is missing or has another form")
    digest = bytes.fromhex(match[1].decode("ascii"))
    proven = False
    for secret in secrets:
        expected = hmac.digest(secret.encode("utf-8"), signed_at + b"." + raw, "sha256")
        proven |= hmac.compare_digest(expected, digest) and bool(secret)
    if not proven:
        raise BadSignature("the signature does not belong to this body")
    if abs(now.timestamp() - int(signed_at)) > FRESH_S:
        raise BadSignature("the signature is too old, or one of the two clocks is wrong")


def parse(raw: bytes, *, account_id: int, inbox_id: int, further_inboxes: Sequence[int] = (), as_bot: bool = False) -> Parsed:
    """What one webhook of that account and inbox says. Raises MalformedPayload when it is no webhook of Chatwoot's.

    `as_bot`: Chatwoot owns the line and we answer as its bot, so what people write there is read, too.
    """
    body = json_object(raw)
    event = body.get("event")
    if not isinstance(event, str):
        raise MalformedPayload("the webhook names no event")
    try:
        return _read(event, body, account_id, (inbox_id, *further_inboxes), as_bot)
    except NotForUs as why:
        return Parsed(passed_over=str(why))


def _read(event: str, body: dict[str, Any], account_id: int, inboxes: Sequence[int], as_bot: bool) -> Parsed:
    if _number(_dict(body.get("account")).get("id")) != account_id:
        raise NotForUs("another_account")
    if event == "message_created":
        whose = whose_of(_dict(body.get("conversation")), *inboxes)
        if as_bot and _type_of(body) == "incoming":
            return Parsed(inbounds=(heard_in(body, whose),))
        return Parsed((said_in(body, whose, as_bot=as_bot),))
    if event == "message_updated" and not as_bot:  # where Chatwoot sends, it sends again itself
        whose, attributes = whose_of(_dict(body.get("conversation")), *inboxes), _dict(body.get("content_attributes"))
        if attributes.get("deleted") and _is_a_persons(body):
            return Parsed((AgentDeleted(whose=whose, message_id=str(message_number(body))),))
        said = said_in(body, whose)
        if "external_error" in _dict(body.get("content_attributes")):
            raise NotForUs("failed")
        return Parsed((AgentRetried(whose=said.whose, message_id=said.message_id),))
    if event in _ABOUT_CONVERSATIONS:
        return Parsed((owner_in(body, whose_of(body, *inboxes)),))
    if event == "contact_updated":
        return Parsed((_edited_in(body, _whose_of_person(body)),))
    raise NotForUs("another_event")


def key_of(whose: Whose) -> str | None:
    """The contact key of a person in Chatwoot; None for somebody that WhatsApp cannot know.

    Our own source id says it, and where Chatwoot owns the line its own is the address itself. One that it made up, for a
    conversation that an agent began in our inbox, says nothing, and the phone does.
    """
    if key := contact_key_of(whose.source_id):
        return key
    for phone, bsuid in ((whose.source_id.removeprefix("whatsapp:"), ""), ("", whose.source_id), (whose.phone, "")):
        try:
            return contact_key(phone or None, bsuid or None)
        except ValueError:
            continue
    return None


# -- conversations and people ------------------------------------------------------------------------------------------


def whose_of(conversation: dict[str, Any], *inboxes: int) -> Whose:
    """Whose conversation that is. Raises NotForUs when it is in none of these inboxes, or cannot be read."""
    if _number(conversation.get("inbox_id")) not in inboxes:
        raise NotForUs("another_inbox")
    number = _number(conversation.get("id"))
    if number is None:
        raise NotForUs("no_conversation")
    person = _dict(_dict(conversation.get("meta")).get("sender"))
    source_id = _dict(conversation.get("contact_inbox")).get("source_id")
    if source_id is None:  # the REST API shows it with the messages only
        source_id = _dict(
            _dict(_dict(conversation.get("last_non_activity_message")).get("conversation")).get("contact_inbox")
        ).get("source_id")
    known = _whose_of_person(person)
    return msgspec.structs.replace(
        known, conversation_id=str(number), source_id=line_of(source_id, 255) if source_id else known.source_id
    )


def _whose_of_person(person: dict[str, Any]) -> Whose:
    number, identifier = _number(person.get("id")), line_of(person.get("identifier"), 255)
    return Whose(
        conversation_id="",
        person_id="" if number is None else str(number),
        source_id=identifier if identifier.startswith(SOURCE_PREFIX) else "",
        phone=phone_of(person.get("phone_number")) or "",
    )


def owner_in(conversation: dict[str, Any], whose: Whose) -> OwnerChanged:
    """Who has that conversation as it is shown there. Raises NotForUs."""
    status, version = conversation.get("status"), _seconds(conversation.get("updated_at"))
    if status not in _STATUSES or version is None:
        raise NotForUs("unreadable_conversation")
    meta = _dict(conversation.get("meta"))
    return OwnerChanged(whose=whose, status=status, assigned_to=_owner_of(meta), version=version)


def _owner_of(meta: dict[str, Any]) -> Literal["", "human", "bot", "other_ai"]:
    """Who is assigned. Since 4.17 that may be Captain, Chatwoot's own AI; whatever else is not named there is a human."""
    assignee = _dict(meta.get("assignee"))
    kinds = {line_of(meta.get("assignee_type"), 64), line_of(assignee.get("type"), 64)}
    if kinds & {"AgentBot", "agent_bot"}:
        return "bot"
    if any(kind.casefold().startswith("captain") for kind in kinds):
        return "other_ai"
    return "human" if assignee else ""


def edited_in(conversation: dict[str, Any], whose: Whose) -> LeadEdited:
    """What that conversation shows of its person."""
    return _edited_in(_dict(_dict(conversation.get("meta")).get("sender")), whose)


def _edited_in(person: dict[str, Any], whose: Whose) -> LeadEdited:
    attributes = tree_of(_dict(person.get("custom_attributes")))
    about = {"name": name_of(person.get("name")), "email": line_of(person.get("email"), 254)}
    return LeadEdited(whose=whose, attributes={**attributes, **about})


# -- messages ----------------------------------------------------------------------------------------------------------


def said_in(message: dict[str, Any], whose: Whose, *, as_bot: bool = False) -> AgentSaid:
    """What a human wrote to the person. Raises NotForUs for every other message.

    `as_bot`: Chatwoot owns the line, so what was typed into the phone's own app is here too, of no sender, and is a human's.
    """
    attributes = _dict(message.get("content_attributes"))
    if MARKER in attributes:
        raise NotForUs("ours")
    if _type_of(message) != "outgoing":
        raise NotForUs("not_outgoing")
    if message.get("private") is not False:
        raise NotForUs("private")
    if attributes.get("deleted"):
        raise NotForUs("deleted")
    by_phone = as_bot and attributes.get("external_echo") is True
    if _sender_type(message) != "user" and not by_phone:
        raise NotForUs("nobody_in_particular")
    number = _number(message.get("id"))
    if number is None:
        raise NotForUs("no_message_id")
    text = from_editor(text_of(message.get("content"), AGENTS_TEXT_LIMIT)).strip()
    attachments = _attachments(message.get("attachments"))
    template = _template(_dict(message.get("additional_attributes")).get("template_params"))
    if not (text or attachments or template):
        raise NotForUs("empty")
    return AgentSaid(
        whose=whose,
        message_id=str(number),
        at=_moment(message.get("created_at")),
        text=text,
        attachments=attachments,
        template=template,
        reply_to=quoted_in(attributes),
    )


def _is_a_persons(message: dict[str, Any]) -> bool:
    """Whether a user wrote it to the person."""
    is_public = message.get("private") is False and MARKER not in _dict(message.get("content_attributes"))
    return is_public and _type_of(message) == "outgoing" and _sender_type(message) == "user"


def is_incoming(message: dict[str, Any]) -> bool:
    """Whether the person wrote it."""
    return _type_of(message) == "incoming"


def message_number(message: dict[str, Any]) -> int:
    """The number of a message, by which messages are in order; 0 when it has none."""
    return _number(message.get("id")) or 0


def _type_of(message: dict[str, Any]) -> str:
    """The type of a message: webhooks write it as a word, the REST API as its number."""
    kind = message.get("message_type")
    if type(kind) is int and 0 <= kind < len(_TYPES):
        return _TYPES[kind]
    return kind if isinstance(kind, str) else ""


def _sender_type(message: dict[str, Any]) -> str:
    kind = _dict(message.get("sender")).get("type")
    return kind.casefold() if isinstance(kind, str) else ""


def _attachments(given: Any) -> tuple[Attachment, ...]:
    found = []
    for one in given[:MOST_ATTACHMENTS] if isinstance(given, list) else ():
        url = _dict(one).get("data_url")
        if isinstance(url, str) and len(url) <= 2048 and url.startswith(("https://", "http://")):
            kind = _FILE_KINDS.get(line_of(one.get("file_type"), 16), "document")
            found.append(Attachment(url=url, kind=kind, filename=_filename(url)))
    return tuple(found)


def _filename(url: str) -> str:
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    return name_of(unquote(path.rpartition("/")[2], errors="replace").replace("/", "_"))


def _template(given: Any) -> dict[str, Any] | None:
    """The template that an agent chose, as Meta wants it; None when there is none or it cannot be one.

    `processed_params` are {"1": "Ana"}, or {"body": {…}, "header": {"media_url", "media_type", "media_name"},
    "buttons": [{"type", "parameter"}]}; keys that are no numbers are names of parameters.
    """
    params = _dict(given)
    name, language = params.get("name"), params.get("language")
    if not (isinstance(name, str) and _TEMPLATE_NAME.fullmatch(name)):
        return None
    if not (isinstance(language, str) and _LANGUAGE.fullmatch(language)):
        return None
    filled = _dict(tree_of(params.get("processed_params")))
    parted = any(isinstance(part, dict | list) for part in filled.values())
    components = [*_header(_dict(filled.get("header"))), *_body(_dict(filled.get("body")))] if parted else _body(filled)
    return {"name": name, "language": language, "components": [*components, *(_buttons(filled) if parted else ())]}


def _body(filled: dict[str, Any]) -> list[dict[str, Any]]:
    given = {key: value for key, value in filled.items() if isinstance(value, str | int | float)}
    if not given:
        return []
    if all(key.isascii() and key.isdigit() for key in given):
        parameters = [{"type": "text", "text": str(given[key])} for key in sorted(given, key=int)]
    else:
        parameters = [{"type": "text", "parameter_name": key, "text": str(value)} for key, value in given.items()]
    return [{"type": "body", "parameters": parameters}]


def _header(filled: dict[str, Any]) -> list[dict[str, Any]]:
    url, kind, name = filled.get("media_url"), filled.get("media_type"), filled.get("media_name")
    if isinstance(url, str) and url and kind in _MEDIA_HEADERS:
        file = {"link": url} | ({"filename": name_of(name)} if kind == "document" and name_of(name) else {})
        return [{"type": "header", "parameters": [{"type": kind, kind: file}]}]
    texts = [{"type": "text", "text": value} for key, value in filled.items() if isinstance(value, str) and "media" not in key]
    return [{"type": "header", "parameters": texts}] if texts else []


def _buttons(filled: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for index, button in enumerate(filled["buttons"] if isinstance(filled.get("buttons"), list) else ()):
        parameter, kind = _dict(button).get("parameter"), _dict(button).get("type")
        if isinstance(parameter, str) and parameter:
            coded = kind == "copy_code"
            value = {"type": "coupon_code", "coupon_code": parameter} if coded else {"type": "text", "text": parameter}
            sub_type = "copy_code" if coded else "url"
            found.append({"type": "button", "sub_type": sub_type, "index": str(index), "parameters": [value]})
    return found


def heard_in(message: dict[str, Any], whose: Whose) -> Inbound:
    """What a person wrote, where Chatwoot owns the line. It keeps a button's title and not its id."""
    if _type_of(message) != "incoming":
        raise NotForUs("not_incoming")
    key, number = key_of(whose), _number(message.get("id"))
    if key is None or number is None:
        raise NotForUs("nobody_known")
    person = _dict(message.get("sender"))
    files = _attachments(message.get("attachments"))
    media = Media(url=files[0].url, filename=files[0].filename) if files else None
    text = text_of(message.get("content"), TEXT_LIMIT)
    address = key.partition(":")[2]
    contact = Contact(
        key=key,
        channel="whatsapp",
        phone=whose.phone or phone_of(address),
        bsuid=bsuid_of(address),
        name=name_of(person.get("name")) or None,
    )
    return Inbound(
        id=f"cw.{number}",
        contact=contact,
        kind=files[0].kind if files else "text" if text else "unsupported",  # a place, a card: it tells nothing of them
        at=_moment(message.get("created_at")),
        text=text,
        media=media,
    )


# -- values of any type ------------------------------------------------------------------------------------------------


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 2**53 else None


def _seconds(value: Any) -> float | None:
    """A time as a number of seconds, or as ISO 8601."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value[:40]).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0 < value < 2**33 else None


def _moment(value: Any) -> datetime:
    """When that was; long ago when it cannot be said: it is never taken for news."""
    return datetime.fromtimestamp(_seconds(value) or 0, UTC)
