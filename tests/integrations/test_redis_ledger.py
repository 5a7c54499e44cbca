"""What the ledger promises, on the embedded Valkey and on Debian's Redis."""

from __future__ import annotations

import msgspec
import pytest

from src.desk.ports import Settlement
from src.errors import ConfigurationError, StaleCommit
from src.messages import Receipt
from tests.conftest import Skew
from tests.integrations.ledger_kit import NOW, NewLedger, arrival, done, due, take, texts


def test_a_message_becomes_one_turn_and_a_redelivery_nothing(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger()
    item = arrival("hola")
    assert ledger.accept([item]) == ["accepted"]
    assert ledger.accept([item, item]) == ["duplicate", "duplicate"]
    assert due(ledger) == set()
    skew.advance(1.0)
    assert due(ledger) == {"whatsapp:34600000001"}
    claim = take(ledger)
    assert texts(claim) == ["hola"]
    ledger.commit(claim, done(claim, state=b'{"a":1}', stage="INICIO"))
    skew.advance(100)
    assert due(ledger) == set()
    assert ledger.accept([item]) == ["duplicate"]


def test_a_burst_is_one_turn_and_a_press_is_answered_at_once(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger()
    for text in ("a", "b", "c", "d", "e", "f", "g"):
        ledger.accept([arrival(text)])
        assert due(ledger) == set()
        skew.advance(0.6)
    assert due(ledger) == {"whatsapp:34600000001"}, "the cap of 4 s ends the wait"
    claim = take(ledger)
    assert texts(claim) == list("abcdefg")
    ledger.accept([arrival("pressed", urgent=True)])
    ledger.commit(claim, done(claim))
    assert due(ledger) == {"whatsapp:34600000001"}


def test_a_killed_worker_gives_way_and_its_late_commit_is_refused(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola")])
    lost = take(ledger)
    assert ledger.claim("turns", lost.contact) is None
    skew.advance(8.1)
    assert due(ledger) == {lost.contact}
    again = take(ledger)
    assert [job.attempts for job in again.jobs] == [2]
    with pytest.raises(StaleCommit):
        ledger.commit(lost, done(lost, state=b"late"))
    ledger.commit(again, done(again, state=b"right"))
    ledger.commit(again, done(again, state=b"right"))
    ledger.accept([arrival("otra")])
    assert take(ledger).state == b"right"


def test_a_turn_hands_its_replies_to_the_delivery_lane_in_order(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola")])
    turn = take(ledger)
    ledger.commit(turn, done(turn, deliveries=[("o1", b'"one"'), ("o2", b'"two"')]))
    assert due(ledger, "delivery") == {turn.contact}
    first = take(ledger, "delivery")
    assert [job.id for job in first.jobs] == ["o1"]
    ledger.renew(first, sending="o1")
    ledger.commit(first, done(first, statuses={"o1": ("sent", "wamid.out", "")}, hold_s=3.0, wait_for="o1"))
    assert due(ledger, "delivery") == set()
    receipt = Receipt(message_id="wamid.out", status="delivered", at=NOW, opaque=f"{turn.contact} o1")
    assert ledger.receive_receipt(receipt) == "applied"
    assert ledger.receive_receipt(msgspec.structs.replace(receipt, status="sent")) == "older"
    assert due(ledger, "delivery") == {turn.contact}
    second = take(ledger, "delivery")
    assert [job.id for job in second.jobs] == ["o2"]


def test_a_receipt_without_our_data_waits_until_its_message_is_known(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola")])
    turn = take(ledger)
    ledger.commit(turn, done(turn, deliveries=[("o1", b'"one"')]))
    sending = take(ledger, "delivery")
    ledger.renew(sending, sending="o1")
    early = Receipt(message_id="wamid.out", status="read", at=NOW)
    assert ledger.receive_receipt(early) == "unknown"
    ledger.remember_sent(turn.contact, "o1", "wamid.out")
    assert ledger.receive_receipt(msgspec.structs.replace(early, status="delivered")) == "older"


def test_one_poisonous_message_does_not_take_its_neighbours_along(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("poison"), arrival("fine")])
    assert len(take(ledger).jobs) == 2
    for attempts in (2, 3):
        skew.advance(8.1)
        alone = take(ledger)
        assert texts(alone) == ["poison"]
        assert alone.jobs[0].attempts == attempts
    ledger.commit(alone, Settlement(buried=[alone.jobs[0].id], reason="poison"))
    rest = take(ledger)
    assert texts(rest) == ["fine"]
    ledger.commit(rest, done(rest))
    assert ledger.replay(rest.contact, "turns", alone.jobs[0].id)
    assert texts(take(ledger)) == ["poison"]


def test_erasing_stops_the_turn_in_flight_and_an_old_webhook_resurrects_nothing(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    item = arrival("hola", bsuid="ES.123")
    ledger.accept([item])
    flying = take(ledger)
    ledger.forget(flying.contact, erase=True, farewell=("bye", b'"adios"'))
    with pytest.raises(StaleCommit):
        ledger.commit(flying, done(flying, state=b"resurrected"))
    assert ledger.accept([item]) == ["duplicate"]
    farewell = take(ledger, "delivery")
    assert farewell.jobs[0].id == "bye"
    ledger.commit(farewell, done(farewell, statuses={"bye": ("sent", "wamid.bye", "")}))
    left = [key.decode() for key in ledger.client.scan_iter("*")]
    assert not [key for key in left if "34600000001" in key or "ES.123" in key]
    skew.advance(60)
    assert ledger.accept([arrival("soy yo otra vez")]) == ["accepted"]
    assert take(ledger).state is None


def test_reset_keeps_the_transcript_and_forgets_the_state(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola")])
    turn = take(ledger)
    ledger.commit(turn, done(turn, state=b'{"x":1}', stage="COTIZACION", deliveries=[("o1", b'"one"')]))
    ledger.forget(turn.contact, erase=False)
    ledger.accept([arrival("otra vez")])
    again = take(ledger)
    assert again.state is None
    assert texts(again) == ["otra vez"]
    assert ledger.claim("delivery", turn.contact) is None


def test_a_phone_and_a_user_id_turn_out_to_be_one_person(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    by_id = arrival("uno", "whatsapp:ES.99", bsuid="ES.99")
    by_phone = arrival("dos", "whatsapp:34600000001")
    ledger.accept([by_id, by_phone])
    both = arrival("tres", "whatsapp:34600000001", bsuid="ES.99", phone="+34600000001")
    assert ledger.accept([both]) == ["accepted"]
    assert ledger.claim("turns", "whatsapp:ES.99") is None
    assert sorted(texts(take(ledger))) == ["dos", "tres", "uno"]
    assert ledger.accept([by_id, by_phone, both]) == ["duplicate"] * 3
    assert ledger.accept([arrival("cuatro", "whatsapp:ES.99", bsuid="ES.99")]) == ["accepted"]
    assert ledger.resolve("whatsapp:ES.99") == "whatsapp:34600000001"


def test_the_number_of_shards_belongs_to_the_store(new_ledger: NewLedger) -> None:
    new_ledger().ping()
    with pytest.raises(ConfigurationError, match="16 shards"):
        new_ledger(shards=4).ping()


def test_the_number_has_its_own_limit_and_can_be_paused(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(messages_per_s=80.0)
    granted = sum(ledger.wait_for_number("n") == 0.0 for _ in range(60))
    assert 20 <= granted < 60
    ledger.pause_number("n", for_s=30.0, reason="access denied")
    assert ledger.wait_for_number("n") > 29
    skew.advance(31)
    assert ledger.wait_for_number("n") == 0.0
