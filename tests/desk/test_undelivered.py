"""What did not arrive after all: sent again when that may help, and else somebody knows that a person waits for an answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from src.desk.desk import Desk
from src.desk.failures import MOST_RESENDS
from src.errors import Rejected
from src.messages import Receipt
from tests.desk.fakes import ANA, Office
from tests.desk.operators_kit import Counter


@pytest.fixture
def counter(new_ledger: Any, office: Office) -> Counter:
    return Counter(Office(new_ledger(debounce_s=0, mirrors=True), office.skew))


def fails(counter: Counter, outbox_id: str, code: str) -> str:
    """The vendor took it, and tells later that it did not arrive."""
    told = Receipt(
        message_id="wamid.late",
        status="failed",
        at=counter.ledger.server_time(),
        opaque=f"{ANA} {outbox_id}",
        error_codes=(code,),
    )
    return counter.ledger.receive_receipt(told)


def told_the_crm(counter: Counter, kind: str) -> list[dict[str, Any]]:
    bodies: Any = counter.ledger.client.hvals(counter.ledger.keys.lane(ANA, "mirror")[1])
    found = (msgspec.json.decode(body) for body in bodies if body.startswith(b"{"))
    return [one for one in found if one["type"] == kind]


def shown(counter: Counter) -> dict[str, Any]:
    return Desk(counter.ledger, counter.records).conversation(ANA) or {}


@pytest.mark.parametrize("code", ["131016", "131000", "63018"])
def test_what_failed_for_a_passing_reason_is_sent_again(counter: Counter, code: str) -> None:
    counter.greets()
    name = counter.channel.sent[-1].id
    assert fails(counter, name, code) == "again"
    counter.skew.advance(3)
    assert counter.deliver() == "sent"
    assert [one.id for one in counter.channel.sent] == [name, name]
    assert counter.receipt("delivered", name) == "applied"
    assert counter.status(name) == "delivered"
    assert (shown(counter)["unanswered"], counter.alerts) == (None, [])
    assert not [key for key in counter.ledger.client.hkeys(counter.ledger.keys.of_contact(ANA, "out")) if key[:2] == b"b:"]
    assert counter.faults() == []


def test_after_the_last_try_somebody_is_told(counter: Counter) -> None:
    counter.greets()
    name = counter.channel.sent[-1].id
    for _ in range(MOST_RESENDS):
        assert fails(counter, name, "131016") == "again"
        counter.skew.advance(120)
        assert counter.deliver() == "sent"
        counter.skew.advance(4)
    assert fails(counter, name, "131016") == "applied"
    assert counter.turn() == "undelivered"
    assert len(counter.channel.sent) == 1 + MOST_RESENDS
    assert [(one.name, one.reason) for one in counter.alerts] == [("conversation.undelivered", "131016")]


@pytest.mark.parametrize(
    ("code", "word"), [("131026", "número"), ("131049", "mañana"), ("131047", "24 horas"), ("63013", "normas")]
)
def test_what_failed_for_good_leaves_somebody_waiting(counter: Counter, code: str, word: str) -> None:
    """An alarm, a note with the reason, a mark on the conversation: an unanswered customer is a waiting customer."""
    counter.greets()
    name = counter.channel.sent[-1].id
    assert [fails(counter, name, code) for _ in range(2)] == ["applied", "older"]
    assert counter.turn() == "undelivered"
    assert shown(counter)["unanswered"] == "undelivered"
    (note,) = told_the_crm(counter, "note")
    assert word in note["text"]
    assert len(counter.alerts) == 1
    assert counter.owner() == "bot"
    row = next(one for one in shown(counter)["messages"] if one["id"] == name)
    assert row["error"]["code"] == code
    assert word in row["error"]["reason"]
    counter.hears("¿hola?")
    assert counter.turn() == "answered"
    assert shown(counter)["unanswered"] is None
    assert counter.faults() == []


def test_who_takes_over_is_the_answer(counter: Counter) -> None:
    counter.greets()
    fails(counter, counter.channel.sent[-1].id, "131026")
    counter.turn()
    counter.people.take_over(ANA)
    assert shown(counter)["unanswered"] is None


def test_what_the_vendor_refuses_at_once_is_told_too(counter: Counter) -> None:
    counter.hears("hola")
    counter.turn()
    counter.channel.script = [Rejected("whatsapp", "send", status=400, vendor_code="131009")]
    assert counter.deliver() == "buried_rejected"
    assert counter.turn() == "undelivered"
    assert len(counter.alerts) == 1


def test_a_persons_words_are_theirs_to_send_again_and_are_kept_nowhere(counter: Counter) -> None:
    counter.greets()
    counter.people.say(ANA, {"text": "mi DNI es 12345678Z"})
    counter.deliver()
    name = counter.channel.sent[-1].id
    assert fails(counter, name, "131016") == "applied"
    assert counter.status(name) == "failed 131016"
    assert len(counter.channel.sent) == 2
    assert [one["status"] for one in told_the_crm(counter, "status") if one["id"] == name][-1] == "failed"


def test_who_wrote_meanwhile_gets_an_answer_to_that(counter: Counter) -> None:
    counter.greets()
    fails(counter, counter.channel.sent[-1].id, "131026")
    counter.hears("¿sigues ahí?")
    assert counter.turn() == "answered"
    assert counter.alerts == []


def test_after_an_erasure_nothing_of_it_is_left(counter: Counter) -> None:
    counter.greets()
    name = counter.channel.sent[-1].id
    counter.ledger.forget(ANA, erase=True)
    assert fails(counter, name, "131016") == "unknown"
    assert counter.records.record(ANA) is None
