"""What Chatwoot sends is proven, read, and never believed further than it can be."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from src.desk.crm import AgentDeleted, AgentRetried, AgentSaid, LeadEdited, OwnerChanged, Whose
from src.errors import BadSignature, MalformedPayload
from src.integrations.chatwoot.events import FRESH_S, Parsed, check_signature, key_of, parse

SIGNED_AT = datetime.fromtimestamp(1_700_000_000, UTC)
BODY = b'{"event":"message_created"}'
SIGNATURE = "sha256=4fbf414139098588cc31e819ccebf960699d147368b51572e7657c1332d9c962"
"""Made by Chatwoot's own code: secret "secret", timestamp 1700000000, the body above."""


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(1_700_000_000 + seconds, UTC)


def conversation(**more: Any) -> dict[str, Any]:
    return {
        "id": 42,
        "inbox_id": 3,
        "status": "pending",
        "updated_at": 1781697600.12,
        "contact_inbox": {"source_id": "wa:34600000001"},
        "meta": {"sender": {"id": 11, "name": "Lead", "phone_number": "+34600000001"}, "assignee": None, "assignee_type": None},
        **more,
    }


def message(**more: Any) -> dict[str, Any]:
    return {
        "event": "message_created",
        "id": 501,
        "content": "Hola",
        "content_attributes": {},
        "additional_attributes": {},
        "message_type": "outgoing",
        "private": False,
        "created_at": "2026-06-17T12:00:00.250Z",
        "account": {"id": 1},
        "inbox": {"id": 3},
        "sender": {"id": 7, "name": "Ana", "type": "user"},
        "conversation": conversation(),
        **more,
    }


def read(body: Any, *, as_bot: bool = False) -> Parsed:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse(raw, account_id=1, inbox_id=3, as_bot=as_bot)


def said(body: Any) -> AgentSaid:
    (event,) = read(body).events
    assert isinstance(event, AgentSaid)
    return event


# -- proof of origin ---------------------------------------------------------------------------------------------------


def test_what_chatwoot_signed_is_taken_by_any_of_the_secrets() -> None:
    for secrets in (["secret"], ["newer", "secret"], ["", "secret"]):
        check_signature(BODY, SIGNATURE, "1700000000", secrets, now=SIGNED_AT)


@pytest.mark.parametrize(
    ("signature", "timestamp", "secrets"),
    [
        (SIGNATURE, "1700000000", ["other"]),
        (SIGNATURE, "1700000000", [""]),
        (SIGNATURE, "1700000000", []),
        (SIGNATURE, "1700000001", ["secret"]),
        (SIGNATURE, "01700000000", ["secret"]),
        (SIGNATURE, "", ["secret"]),
        (SIGNATURE, None, ["secret"]),
        (SIGNATURE, "1" * 40, ["secret"]),
        (SIGNATURE, "١٧٠٠٠٠٠٠٠٠", ["secret"]),
        (SIGNATURE, "-1700000000", ["secret"]),
        (SIGNATURE.removeprefix("sha256="), "1700000000", ["secret"]),
        (SIGNATURE.upper(), "1700000000", ["secret"]),
        ("sha256=" + "ñ" * 64, "1700000000", ["secret"]),
        ("sha256=" + "\ud83d" * 64, "1700000000", ["secret"]),
        ("", "1700000000", ["secret"]),
        (None, "1700000000", ["secret"]),
    ],
)
def test_every_other_signature_is_refused(signature: str | None, timestamp: str | None, secrets: list[str]) -> None:
    with pytest.raises(BadSignature):
        check_signature(BODY, signature, timestamp, secrets, now=SIGNED_AT)


def test_an_altered_body_is_refused() -> None:
    with pytest.raises(BadSignature):
        check_signature(BODY + b" ", SIGNATURE, "1700000000", ["secret"], now=SIGNED_AT)


@pytest.mark.parametrize("seconds", [-FRESH_S, 0, FRESH_S])
def test_a_signature_holds_for_five_minutes(seconds: int) -> None:
    check_signature(BODY, SIGNATURE, "1700000000", ["secret"], now=at(seconds))


@pytest.mark.parametrize("seconds", [-FRESH_S - 1, FRESH_S + 1, 86_400])
def test_a_signature_of_another_time_is_refused(seconds: int) -> None:
    with pytest.raises(BadSignature):
        check_signature(BODY, SIGNATURE, "1700000000", ["secret"], now=at(seconds))


# -- what a human wrote ------------------------------------------------------------------------------------------------


def test_a_reply_is_read_with_whose_it_is_and_when() -> None:
    event = said(message())
    assert (event.message_id, event.text, event.template, event.attachments) == ("501", "Hola", None, ())
    assert event.at == datetime(2026, 6, 17, 12, 0, 0, 250_000, UTC)
    assert event.whose == Whose(conversation_id="42", person_id="11", source_id="wa:34600000001", phone="+34600000001")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"content_attributes": {"iagente_id": "7.1.0"}}, "ours"),
        ({"content_attributes": {"iagente_id": None}}, "ours"),
        ({"content_attributes": {"deleted": True}}, "deleted"),
        ({"private": True}, "private"),
        ({"private": None}, "private"),
        ({"private": "false"}, "private"),
        ({"message_type": "incoming"}, "not_outgoing"),
        ({"message_type": "activity"}, "not_outgoing"),
        ({"message_type": "template"}, "not_outgoing"),
        ({"message_type": 3}, "not_outgoing"),
        ({"message_type": True}, "not_outgoing"),
        ({"sender": None}, "nobody_in_particular"),
        ({"sender": {"type": "agent_bot", "id": 1}}, "nobody_in_particular"),
        ({"account": {"id": 2}}, "another_account"),
        ({"account": {"id": "1"}}, "another_account"),
        ({"account": {"id": True}}, "another_account"),
        ({"conversation": conversation(inbox_id=4)}, "another_inbox"),
        ({"conversation": None}, "another_inbox"),
        ({"conversation": conversation(id="42")}, "no_conversation"),
        ({"id": None}, "no_message_id"),
        ({"id": -1}, "no_message_id"),
        ({"content": None}, "empty"),
        ({"content": " \n"}, "empty"),
        ({"content": {"text": "Hola"}}, "empty"),
        ({"event": "message_updated", "sender": None}, "nobody_in_particular"),
        ({"event": "webwidget_triggered"}, "another_event"),
    ],
)
def test_what_is_no_reply_is_passed_over(change: dict[str, Any], why: str) -> None:
    assert read(message(**change)) == Parsed(passed_over=why)


def test_the_marker_is_looked_at_before_anything_else() -> None:
    """The echo of our own writing is ours whoever it says it is by."""
    echo = message(content_attributes={"iagente_id": "x"}, private=True, message_type="incoming")
    assert read(echo).passed_over == "ours"


def test_attachments_come_with_their_kind_and_name() -> None:
    files = [
        {"file_type": "image", "data_url": "https://chat.acme.test/rails/active_storage/x/foto%20casa.png"},
        {"file_type": "file", "data_url": "https://chat.acme.test/x/oferta.pdf"},
        {"file_type": "location", "data_url": ""},
        {"file_type": ["image"], "data_url": "https://chat.acme.test/x/raro"},
        {"data_url": "javascript:alert(1)"},
        {"data_url": 5},
        None,
    ]
    found = said(message(content=None, attachments=files)).attachments
    assert [(one.kind, one.filename) for one in found] == [
        ("image", "foto casa.png"),
        ("document", "oferta.pdf"),
        ("document", "raro"),
    ]


@pytest.mark.parametrize(
    ("params", "components"),
    [
        (None, []),
        ({}, []),
        ({"2": "mañana", "1": "Ana", "10": "x"}, [["Ana", "mañana", "x"]]),
        ({"body": {"1": "Ana"}}, [["Ana"]]),
        ({"body": {"1": {"no": 1}}}, []),
        (["Ana"], []),
    ],
)
def test_a_template_becomes_what_meta_wants(params: Any, components: list[list[str]]) -> None:
    chosen = {"name": "seguimiento", "category": "UTILITY", "language": "es_ES", "processed_params": params}
    template = said(message(additional_attributes={"template_params": chosen})).template
    assert template is not None
    assert (template["name"], template["language"]) == ("seguimiento", "es_ES")
    assert [[one["text"] for one in part["parameters"]] for part in template["components"]] == components


def test_a_template_with_every_part() -> None:
    filled = {
        "header": {"media_url": "https://x.test/a.png", "media_type": "image"},
        "body": {"nombre": "Ana"},
        "buttons": [{"type": "url", "parameter": "abc"}, None, {"type": "copy_code", "parameter": "VIDA"}],
    }
    chosen = {"name": "promo", "language": "es", "processed_params": filled}
    template = said(message(additional_attributes={"template_params": chosen})).template
    assert template is not None
    header, body, link, code = template["components"]
    assert header["parameters"] == [{"type": "image", "image": {"link": "https://x.test/a.png"}}]
    assert body["parameters"] == [{"type": "text", "parameter_name": "nombre", "text": "Ana"}]
    assert (link["sub_type"], link["index"], code["sub_type"], code["index"]) == ("url", "0", "copy_code", "2")


@pytest.mark.parametrize(
    "chosen", [5, [], {}, {"name": "X"}, {"name": "x"}, {"name": "x", "language": "de la"}, {"name": ["x"]}]
)
def test_what_is_no_template_leaves_the_words(chosen: Any) -> None:
    event = said(message(additional_attributes={"template_params": chosen}))
    assert (event.template, event.text) == (None, "Hola")


# -- whose it is -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("whose", "key"),
    [
        (Whose(conversation_id="1", source_id="wa:34600000001", phone="+34999999999"), "whatsapp:34600000001"),
        (Whose(conversation_id="1", source_id="wa:ES.abc"), "whatsapp:ES.abc"),
        (
            Whose(conversation_id="1", source_id="8a6a3b52-0d43-4f3e-9f8e-1c1b5a1c2d3e", phone="+34600000001"),
            "whatsapp:34600000001",
        ),
        (Whose(conversation_id="1", phone="+5511987654321"), "whatsapp:5511987654321"),
        (Whose(conversation_id="1", source_id="34600000001"), "whatsapp:34600000001"),
        (Whose(conversation_id="1", source_id="whatsapp:+34600000001"), "whatsapp:34600000001"),
        (Whose(conversation_id="1", source_id="ES.abc"), "whatsapp:ES.abc"),
        (Whose(conversation_id="1", source_id="8a6a3b52-0d43-4f3e-9f8e-1c1b5a1c2d3e"), None),
        (Whose(conversation_id="1"), None),
    ],
)
def test_the_person_is_found_by_our_source_id_or_by_phone(whose: Whose, key: str | None) -> None:
    assert key_of(whose) == key


# -- who has the conversation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meta", "assigned_to"),
    [
        ({}, ""),
        ({"assignee": None, "assignee_type": None}, ""),
        ({"assignee": {"id": 2, "type": "user"}, "assignee_type": "User"}, "human"),
        ({"assignee": {"id": 2}}, "human"),
        ({"assignee": {"id": 1, "type": "agent_bot"}}, "bot"),
        ({"assignee": {"id": 1}, "assignee_type": "AgentBot"}, "bot"),
        ({"assignee": "Ana"}, ""),
        ([], ""),
    ],
)
def test_the_assignee_is_a_human_a_bot_or_nobody(meta: Any, assigned_to: str) -> None:
    (event,) = read({**conversation(meta=meta), "event": "conversation_updated", "account": {"id": 1}}).events
    assert isinstance(event, OwnerChanged)
    assert (event.status, event.assigned_to, event.version) == ("pending", assigned_to, 1781697600.12)


@pytest.mark.parametrize("change", [{"status": "closed"}, {"status": None}, {"updated_at": None}, {"updated_at": math.inf}])
def test_a_conversation_without_status_or_time_says_nothing(change: dict[str, Any]) -> None:
    body = {**conversation(**change), "event": "conversation_status_changed", "account": {"id": 1}}
    assert read(body).passed_over == "unreadable_conversation"


def test_an_edited_person_comes_with_name_and_email() -> None:
    person = {
        "id": 11,
        "name": "Ana",
        "email": "ana@acme.test",
        "phone_number": "+34600000001",
        "custom_attributes": {"age": 40},
    }
    (event,) = read({**person, "event": "contact_updated", "account": {"id": 1}}).events
    assert isinstance(event, LeadEdited)
    assert event.attributes == {"age": 40, "name": "Ana", "email": "ana@acme.test"}
    assert key_of(event.whose) == "whatsapp:34600000001"


# -- where Chatwoot owns the line --------------------------------------------------------------------------------------


def test_as_its_bot_what_people_write_is_read() -> None:
    sender = {"id": 11, "name": "Lead\u202e", "phone_number": "+34600000001"}
    line = conversation(contact_inbox={"source_id": "34600000001"})
    (inbound,) = read(message(message_type="incoming", sender=sender, conversation=line), as_bot=True).inbounds
    assert (inbound.id, inbound.text, inbound.kind, inbound.contact.key) == ("cw.501", "Hola", "text", "whatsapp:34600000001")
    assert (inbound.contact.phone, inbound.contact.name) == ("+34600000001", "Lead")
    assert read(message(conversation=line), as_bot=True).events  # a human's reply is one as ever


# -- bodies of any kind ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"5",
        b'"x"',
        b"[" * 100_000,
        b'{"event":' + b"[" * 100_000,
        b"{}",
        b'{"event":5}',
    ],
    ids=lambda raw: repr(raw)[:20],
)
def test_what_is_no_webhook_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedPayload):
        read(raw)


ODD: list[Any] = [None, True, 0, -1, 10**17, 1e308, "", "\ud83d", "x" * 5000, [], [[]], {}, {"id": {}}, {"type": []}, [None]]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
def test_any_part_may_be_of_any_type(odd: Any) -> None:
    """Nothing but MalformedPayload is ever raised."""
    whole = message(attachments=[{"data_url": "https://x.test/a", "file_type": "image"}])
    for event in ("message_created", "conversation_updated", "contact_updated"):
        body = {**whole, **conversation(), "event": event, "conversation": conversation(), "custom_attributes": {"age": 40}}
        for path in _paths(body):
            for as_bot in (False, True):
                changed = json.loads(json.dumps(body))
                _put(changed, path, odd)
                try:
                    read(changed, as_bot=as_bot)
                except MalformedPayload:
                    assert path == ("event",)


def test_a_number_of_thousands_of_digits_spoils_only_its_own_part() -> None:
    raw = json.dumps(message()).encode().replace(b'"id": 501', b'"id": ' + b"9" * 5000)
    assert read(raw).passed_over == "no_message_id"


def _paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in parts for path in ((*above, key), *_paths(inner, (*above, key)))]


def _put(body: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        body = body[key]
    body[path[-1]] = value


def test_what_is_typed_into_the_phone_is_a_persons_where_chatwoot_owns_the_line() -> None:
    line = conversation(contact_inbox={"source_id": "34600000001"})
    typed = message(sender=None, content_attributes={"external_echo": True}, conversation=line)
    (said,) = read(typed, as_bot=True).events
    assert isinstance(said, AgentSaid)
    assert said.text
    assert read(typed).passed_over == "nobody_in_particular"
    rule = message(sender=None, content_attributes={"automation_rule_id": 1}, conversation=line)
    assert read(rule, as_bot=True).passed_over == "nobody_in_particular"


def test_words_that_were_changed_and_bear_no_error_may_be_tried_again() -> None:
    (event,) = read(message(event="message_updated")).events
    assert isinstance(event, AgentRetried)
    assert event.message_id == str(message()["id"])
    assert read(message(event="message_updated", content_attributes={"external_error": "131026"})).passed_over == "failed"
    (gone,) = read(message(event="message_updated", content_attributes={"deleted": True})).events
    assert isinstance(gone, AgentDeleted)
    private = message(event="message_updated", content_attributes={"deleted": True}, private=True)
    assert read(private).passed_over == "private"
    assert read(message(event="message_updated", content_attributes={"iagente_id": "x"})).passed_over == "ours"
    assert read(message(event="message_updated"), as_bot=True).passed_over == "another_event"


def test_nothing_of_what_an_agent_wrote_is_cut_off() -> None:
    words = "Cláusula: lo que cubre. " * 400 + "FIN"
    assert said(message(content=words)).text == words
