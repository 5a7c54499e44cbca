"""Chatwoot's door on the real application: who may come in, what is durable when it answers, and what it never says."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import redis

from src.errors import LedgerUnavailable
from tests.integrations.test_chatwoot_events import conversation, message
from tests.kit.builders import text
from tests.kit.contracts import assert_error
from tests.webhooks.door_kit import KEY, WHATSAPP, Doors
from tests.webhooks.log_kit import written_to

DOOR = "/webhook/chatwoot"
SECRET, OLD_SECRET = "chatwoot-secret-of-the-tests", "chatwoot-secret-before"
CHATWOOT = {
    "CHATWOOT_BASE_URL": "https://chat.acme.test",
    "CHATWOOT_ACCOUNT_ID": "1",
    "CHATWOOT_USER_TOKEN": "user-token-of-the-tests",
    "CHATWOOT_BOT_TOKEN": "bot-token-of-the-tests",
    "CHATWOOT_WHATSAPP_INBOX_ID": "3",
    "CHATWOOT_WEBHOOK_SECRET": f"{SECRET}, {OLD_SECRET}",
}
HERS = conversation(contact_inbox={"source_id": f"wa:{KEY.partition(':')[2]}"})
NewDoors = Callable[..., Doors]


def post(doors: Doors, body: Any, *, secret: str = SECRET, signed_at: float | None = None, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    stamp = str(int(time.time() if signed_at is None else signed_at))
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + raw, hashlib.sha256).hexdigest()
    given = {
        "Content-Type": "application/json",
        "X-Chatwoot-Delivery": str(uuid.uuid4()),
        "X-Chatwoot-Timestamp": stamp,
        "X-Chatwoot-Signature": f"sha256={digest}",
        **headers,
    }
    return doors.client.post(DOOR, data=raw, headers={name: value for name, value in given.items() if value})


@pytest.fixture
def doors(new_doors: NewDoors) -> Doors:
    return new_doors({**WHATSAPP, **CHATWOOT})


def owner(doors: Doors) -> str:
    record = doors.records.record(KEY)
    return record.owner if record else "nobody"


def test_a_reply_is_durable_when_the_door_answers(doors: Doors) -> None:
    doors.receive(text("hola"))
    assert post(doors, message(conversation=HERS)).status_code == 200
    assert (doors.texts(), owner(doors)) == (["hola", "Hola"], "human")
    assert [row["role"] for row in doors.transcript()] == ["prospect", "human"]


def test_the_same_told_by_every_webhook_that_is_set_up_is_taken_once(doors: Doors) -> None:
    for _ in range(3):
        assert post(doors, message(conversation=HERS)).status_code == 200
    assert doors.texts() == ["Hola"]


def test_both_secrets_are_good_while_one_replaces_the_other(doors: Doors) -> None:
    assert post(doors, message(conversation=HERS), secret=OLD_SECRET).status_code == 200


@pytest.mark.parametrize(
    "refused",
    [
        {"secret": "wrong"},
        {"secret": ""},
        {"signed_at": 1_700_000_000},
        {"X-Chatwoot-Signature": ""},
        {"X-Chatwoot-Timestamp": ""},
        {"X-Chatwoot-Signature": "sha256=" + 64 * "ñ"},
        {"X-Chatwoot-Timestamp": "٣"},
    ],
    ids=str,
)
def test_nobody_else_speaks_for_chatwoot(doors: Doors, refused: dict[str, Any]) -> None:
    refused = {name: value.encode().decode("latin-1") if "X-" in name else value for name, value in refused.items()}
    answer = post(doors, message(conversation=HERS), **refused)
    assert answer.status_code == 403
    assert_error(answer.json, "bad_signature", private=[SECRET])
    assert doors.texts() == []


@pytest.mark.parametrize("environment", [WHATSAPP, {**WHATSAPP, **CHATWOOT, "CHATWOOT_WEBHOOK_SECRET": ""}])
def test_without_chatwoot_or_its_secret_everything_is_refused(new_doors: NewDoors, environment: dict[str, str]) -> None:
    answer = post(new_doors(environment), message(conversation=HERS), secret="")
    assert answer.status_code == 403


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"{}", b"[" * 100_000, b"\xff\xfe"], ids=lambda raw: repr(raw)[:12])
def test_what_is_no_webhook_is_a_400(doors: Doors, raw: bytes) -> None:
    answer = post(doors, raw)
    assert answer.status_code == 400
    assert_error(answer.json, "malformed_payload")


def test_what_is_too_large_is_a_413(doors: Doors) -> None:
    assert post(doors, b" " * (3 * 1024 * 1024 + 1)).status_code == 413


def test_what_is_not_for_us_is_a_200_and_does_nothing(doors: Doors) -> None:
    for body in (
        message(conversation=HERS, account={"id": 2}),
        message(conversation={**HERS, "inbox_id": 4}),
        message(conversation=HERS, private=True),
        message(conversation=HERS, content_attributes={"iagente_id": "1.0"}),
        {"event": "webwidget_triggered", "account": {"id": 1}},
    ):
        assert post(doors, body).status_code == 200
    assert doors.texts() == []


def test_while_the_store_is_away_the_door_says_so(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("away")

    monkeypatch.setattr(doors.ledger, "speak", away)
    answer = post(doors, message(conversation=HERS))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    monkeypatch.undo()
    assert post(doors, message(conversation=HERS)).status_code == 200
    assert doors.texts() == ["Hola"]


def test_status_and_assignment_move_the_conversation(doors: Doors) -> None:
    doors.receive(text("hola"))

    def shows(event: str, version: float, **more: Any) -> None:
        body = {**HERS, "event": event, "account": {"id": 1}, "updated_at": version, **more}
        assert post(doors, body).status_code == 200

    shows("conversation_status_changed", 1.0, status="open")
    assert owner(doors) == "human"
    shows("conversation_status_changed", 2.0, status="pending")
    assert owner(doors) == "bot"
    shows("conversation_updated", 1.5, status="open")
    assert owner(doors) == "bot"


def test_nothing_personal_is_logged(doors: Doors, log_file: Any) -> None:
    doors.receive(text("hola"))
    post(doors, message(conversation=HERS, content="Le llamo al 600123123"))
    post(doors, {**HERS, "event": "conversation_updated", "account": {"id": 1}})
    person = {"id": 11, "name": "Ana Pérez", "email": "ana@acme.test", "phone_number": "+" + KEY.partition(":")[2]}
    post(doors, {**person, "event": "contact_updated", "account": {"id": 1}})
    written = written_to(log_file)
    assert "crm.event" in written
    for private in ("600123123", KEY.partition(":")[2], "Pérez", "ana@acme.test", SECRET):
        assert private not in written


def test_as_its_bot_what_people_write_is_accepted_once(new_doors: NewDoors) -> None:
    doors = new_doors({**CHATWOOT, "CHATWOOT_MODE": "agent-bot"})
    line = conversation(contact_inbox={"source_id": KEY.partition(":")[2]})
    incoming = message(message_type="incoming", sender={"id": 11, "name": "Lead"}, conversation=line, content="hola")
    for _ in range(2):
        assert post(doors, incoming).status_code == 200
    assert doors.texts() == ["hola"]


def test_as_its_bot_what_chatwoot_tells_nothing_of_is_recorded_as_such(new_doors: NewDoors) -> None:
    doors = new_doors({**CHATWOOT, "CHATWOOT_MODE": "agent-bot"})
    line = conversation(contact_inbox={"source_id": KEY.partition(":")[2]})
    place = [{"file_type": "location", "coordinates_lat": "40.4", "coordinates_long": "-3.7"}]
    told = message(message_type="incoming", sender={"id": 11}, conversation=line, content=None, attachments=place)
    assert post(doors, told).status_code == 200
    assert [row["kind"] for row in doors.transcript()] == ["unsupported"]


def test_in_the_other_mode_what_people_write_comes_from_whatsapp_alone(doors: Doors) -> None:
    assert post(doors, message(message_type="incoming", conversation=HERS)).status_code == 200
    assert doors.texts() == []


def test_a_store_that_breaks_is_no_traceback(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(doors.ledger.client, "get", broken)
    assert post(doors, {**HERS, "event": "conversation_updated", "account": {"id": 1}}).status_code == 503
