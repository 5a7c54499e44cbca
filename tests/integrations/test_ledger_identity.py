"""Two identities turn out to be one person: at any moment, interrupted after any step, from both sides at once."""

# ruff: noqa: B023 - what is made within a round is used within it
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from src.desk.jobs import LEFT_OVER
from src.desk.ports import Arrival, Origin, Settlement
from src.errors import StaleCommit
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from src.integrations.ledger.views import RedisRecords
from src.messages import Receipt
from tests.conftest import Skew
from tests.integrations.ledger_kit import (
    ANA,
    ANA_BY_ID,
    NOW,
    Killed,
    NewLedger,
    arrival,
    audit,
    die,
    done,
    due,
    finish_all,
    interposed,
    queued,
    take,
    texts,
    traces,
)

MOST_COMMANDS = 40


class TwoSided:
    """A store where the same person is known by phone and by id: each with a state, work in every lane and a dead letter."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = Skew()
        self._client = connect(url)
        self._client.flushall()
        self.ledger = RedisLedger(lambda: self._client, skew_ms=self.clock, debounce_s=0.0)
        self.ids = {lane: set[str]() for lane in ("turns", "delivery", "mirror")}
        self.accepted: list[Arrival] = []
        for contact in (ANA, ANA_BY_ID):
            self._live(contact)

    def _live(self, contact: str) -> None:
        ledger, name = self.ledger, contact.partition(":")[2]
        ledger.accept([arrival(f"{name} first", contact)])
        turn = take(ledger, "turns", contact)
        outgoing = [f"{name}.sent", f"{name}.waiting"]
        ledger.commit(
            turn,
            done(
                turn,
                state=b'{"of":"%s"}' % name.encode(),
                stage="COTIZACION",
                name=name.casefold(),
                deliveries=[(outbox_id, b'"m"') for outbox_id in outgoing],
                mirrors=[(f"{name}.mirror", b'"m"')],
            ),
        )
        sent = take(ledger, "delivery", contact)
        ledger.renew(sent, sending=outgoing[0])
        ledger.commit(sent, done(sent, statuses={outgoing[0]: ("sent", f"wamid.{name}", "")}))
        ledger.remember_sent(contact, outgoing[0], f"wamid.{name}")
        ledger.accept([arrival(f"{name} dead", contact)])
        hopeless = take(ledger, "turns", contact)
        ledger.commit(hopeless, Settlement(buried=[hopeless.jobs[0].id], reason="hopeless"))
        ledger.accept([arrival(f"{name} last", contact)])
        self.ids["turns"] |= {*queued(ledger, "turns", contact)}
        self.ids["delivery"].add(outgoing[1])
        self.ids["mirror"].add(f"{name}.mirror")

    def other(self) -> tuple[RedisLedger, Any]:
        """A second process, whose every command can be interrupted."""
        client = interposed(self.url)
        ledger = RedisLedger(lambda: client, skew_ms=self.clock, debounce_s=0.0)
        ledger.ping()
        return ledger, client

    def accept(self, contact: str, **who: str) -> None:
        item = arrival("meanwhile", contact, **who)
        assert self.ledger.accept([item]) == ["accepted"]
        self.accepted.append(item)

    @property
    def now_ms(self) -> int:
        return round(self.ledger.server_time().timestamp() * 1000)

    def close(self) -> None:
        self._client.close()


def each_moment(url: str) -> Iterator[tuple[TwoSided, RedisLedger, Any, int]]:
    """A fresh store for every command of an operation; ends when the operation is over before the command is reached."""
    for command in range(1, MOST_COMMANDS):
        store = TwoSided(url)
        acting, client = store.other()
        yield store, acting, client, command
        over = not client.reached
        client.close()
        store.close()
        if over:
            return
    raise AssertionError("the operation has more commands than expected")


def assert_one_person(store: TwoSided, moment: int) -> None:
    """Everything of both is there once, under one name, and gets done."""
    ledger = store.ledger
    faults = audit(ledger, store.now_ms)
    assert faults == [], f"before command {moment}: {faults}"
    finished = finish_all(ledger, store.clock)
    expected = {lane: sorted(ids) for lane, ids in store.ids.items()}
    # Both had a conversation: the one that does not go on comes as a job, once.
    left_over = [job for job in finished["turns"] if job.startswith(LEFT_OVER)]
    assert len(left_over) == 1, f"before command {moment}"
    written = (ledger._store.hash(item.inbound.id) for item in store.accepted)
    expected["turns"] = sorted([*expected["turns"], *written, *left_over])
    assert {lane: sorted(ids) for lane, ids in finished.items()} == expected, f"before command {moment}"
    assert audit(ledger, store.now_ms) == []
    # Whoever writes next, under both names, is one and the same.
    both = arrival("both", ANA, bsuid="ES.99")
    assert ledger.accept([both, arrival("id only", ANA_BY_ID, bsuid="ES.99")]) == ["accepted", "accepted"]
    assert sorted(texts(take(ledger))) == ["both", "id only"], f"before command {moment}"
    assert ledger.resolve(ANA_BY_ID) == ANA
    record = RedisRecords(ledger).record(ANA)
    assert record is not None
    said = [row.get("text", "") for row in record.rows]
    for name in ("34600000001", "ES.99"):
        assert [text for text in said if text.startswith(name)] == [f"{name} {which}" for which in ("first", "dead", "last")]
        late = Receipt(message_id=f"wamid.{name}", status="read", at=NOW, opaque=f"whatsapp:{name} {name}.sent")
        assert ledger.receive_receipt(late) == "applied", f"a receipt of {name}, before command {moment}"
    assert len(RedisRecords(ledger).dead_letters()) == 2
    for letter in RedisRecords(ledger).dead_letters():
        assert ledger.replay(letter.contact, letter.lane, letter.id)
    assert RedisRecords(ledger).dead_letters() == []
    assert [row.contact for row in RedisRecords(ledger).page(cursor="", limit=10, stage="", owner="", query="").records] == [
        ANA
    ]


def test_a_merge_interrupted_at_any_step_is_finished_by_the_workers(valkey_url: str) -> None:
    for store, acting, client, command in each_moment(valkey_url):
        client.arm(command, die)
        with suppress(Killed):
            acting.merge(ANA, ANA_BY_ID)
        begun = store.ledger.client.hexists(store.ledger.keys.of_contact(ANA_BY_ID, "record"), "moved_to")
        store.clock.advance(store.ledger.lease_s + 1)
        for contact in due(store.ledger):
            claim = store.ledger.claim("turns", contact)
            if claim:
                store.ledger.retry(claim, after_s=0, uncount=True)
        if not begun:
            store.ledger.merge(ANA, ANA_BY_ID)
        assert_one_person(store, command)


def test_a_merge_interrupted_at_any_step_is_finished_by_the_next_message(valkey_url: str) -> None:
    for store, acting, client, command in each_moment(valkey_url):
        client.arm(command, die)
        item = arrival("both", ANA, bsuid="ES.99")
        with suppress(Killed):
            acting.accept([item])
        store.ledger.accept([item])
        assert store.ledger.accept([item]) == ["duplicate"]
        store.accepted.append(item)
        assert_one_person(store, command)


RACES: dict[str, Callable[[TwoSided], object]] = {
    "a message by phone": lambda store: store.accept(ANA),
    "a message by id": lambda store: store.accept(ANA_BY_ID, bsuid="ES.99"),
    "a message by both": lambda store: store.accept(ANA, bsuid="ES.99"),
    "a message with a third name": lambda store: store.accept(ANA_BY_ID, bsuid="ES.100"),
    "the same merge": lambda store: store.ledger.merge(ANA, ANA_BY_ID),
    "the merge the other way round": lambda store: store.ledger.merge(ANA_BY_ID, ANA),
}


@pytest.mark.parametrize("race", RACES)
def test_a_merge_races_with(race: str, valkey_url: str) -> None:
    for store, acting, client, command in each_moment(valkey_url):
        client.arm(command, lambda: RACES[race](store))
        acting.merge(ANA, ANA_BY_ID)
        assert_one_person(store, command)


@pytest.mark.parametrize("race", RACES)
def test_a_merge_dies_where_it_races_with(race: str, valkey_url: str) -> None:
    for store, acting, client, command in each_moment(valkey_url):

        def race_and_die() -> None:
            RACES[race](store)
            die()

        client.arm(command, race_and_die)
        with suppress(Killed):
            acting.merge(ANA, ANA_BY_ID)
        store.ledger.merge(ANA, ANA_BY_ID)
        assert_one_person(store, command)


@pytest.mark.parametrize("erased", [ANA, ANA_BY_ID])
def test_nothing_comes_back_when_a_merge_races_with_an_erasure(erased: str, valkey_url: str) -> None:
    """Erasing who stays erases both once the merge is known of; erasing who leaves leaves the other alone before that."""
    for store, acting, client, command in each_moment(valkey_url):
        known: list[bool] = []

        def erase() -> None:
            record = store.ledger.keys.of_contact(ANA, "record")
            known.append(store.ledger.client.hexists(record, f"joins {ANA_BY_ID}"))
            store.ledger.forget(erased, erase=True)

        client.arm(command, erase)
        acting.merge(ANA, ANA_BY_ID)
        if not client.reached:
            erase()
        if erased == ANA and known == [True]:
            assert traces(store.ledger.client, "34600000001", "ES.99") == [], f"before command {command}"
        assert audit(store.ledger, store.now_ms) == []
        finish_all(store.ledger, store.clock)
        name = erased.partition(":")[2]
        holding = traces(store.ledger.client, f"{name} first", f"{name} last", f"{name}.sent", f"{name}.mirror")
        assert holding == [], f"before command {command}"
        if not traces(store.ledger.client, "ES.99 last", "34600000001 last"):
            assert traces(store.ledger.client, "34600000001", "ES.99") == [], f"before command {command}"
        if erased == ANA_BY_ID:
            assert traces(store.ledger.client, "ES.99") == [], f"before command {command}"
        # Afterwards both are still reachable, and erasing the rest leaves nothing at all.
        store.ledger.accept([arrival("again", ANA, bsuid="ES.99")])
        store.ledger.forget(ANA, erase=True)
        assert traces(store.ledger.client, "34600000001", "ES.99") == [], f"before command {command}"


def test_a_turn_in_flight_on_either_side_does_not_overwrite_the_other(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("known", ANA_BY_ID)])
    known = take(ledger, "turns", ANA_BY_ID)
    ledger.commit(known, done(known, state=b"long history", stage="COTIZACION", owner="human", name="ana"))
    ledger.accept([arrival("leaving", ANA_BY_ID), arrival("staying", ANA)])
    leaving, staying = take(ledger, "turns", ANA_BY_ID), take(ledger, "turns", ANA)
    ledger.merge(ANA, ANA_BY_ID)
    for flying in (leaving, staying):
        with pytest.raises(StaleCommit):
            ledger.commit(flying, done(flying, state=b"a new person"))
    merged = take(ledger)
    assert (merged.state, merged.owner) == (b"long history", "human")
    assert sorted(texts(merged) + texts(leaving)) == ["leaving", "leaving", "staying"] or texts(merged) == ["staying"]
    ledger.commit(merged, done(merged))
    listed = RedisRecords(ledger).page(cursor="", limit=5, stage="COTIZACION", owner="human", query="").records
    assert [record.contact for record in listed] == [ANA]


def test_a_merge_leaves_the_conversation_with_the_human_who_had_either(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    for contact, owner, stage in ((ANA, "", "COTIZACION"), (ANA_BY_ID, "human", "FINALIZADO")):
        ledger.accept([arrival("hola", contact)])
        turn = take(ledger, "turns", contact)
        ledger.commit(turn, done(turn, state=b"{}", stage=stage, owner=owner, name="ana"))
    assert ledger.merge(ANA, ANA_BY_ID) == ANA
    listed = RedisRecords(ledger).page(cursor="", limit=5, stage="", owner="human", query="").records
    assert [record.contact for record in listed] == [ANA]
    assert RedisRecords(ledger).figures()["conversations"]["by_stage"]["COTIZACION"] == 1
    assert audit(ledger, round(ledger.server_time().timestamp() * 1000)) == []


def test_a_turn_that_ends_while_its_contact_moves_counts_wholly_or_not_at_all(valkey_url: str) -> None:
    for store, acting, client, command in each_moment(valkey_url):
        flying = take(store.ledger, "turns", ANA_BY_ID)
        counted: list[bool] = []

        def end_turn() -> None:
            try:
                store.ledger.commit(flying, done(flying, deliveries=[("reply", b'"m"')]))
            except StaleCommit:
                counted.append(False)
            else:
                counted.append(True)

        client.arm(command, end_turn)
        acting.merge(ANA, ANA_BY_ID)
        if not client.reached:
            end_turn()
        if counted == [True]:
            store.ids["delivery"].add("reply")
            store.ids["turns"] -= {job.id for job in flying.jobs}
        assert_one_person(store, command)


def test_a_merge_of_somebody_with_nothing_to_do_is_finished_too(valkey_url: str) -> None:
    for command in range(1, MOST_COMMANDS):
        own, client, skew = connect(valkey_url), interposed(valkey_url), Skew()
        own.flushall()
        ledger = RedisLedger(lambda: own, skew_ms=skew, debounce_s=0.0)
        doomed = RedisLedger(lambda: client, skew_ms=skew, debounce_s=0.0)
        for contact in (ANA, ANA_BY_ID):
            ledger.accept([arrival("hola", contact)])
            turn = take(ledger, "turns", contact)
            ledger.commit(turn, done(turn, state=b"{}"))
        doomed.ping()
        client.arm(command, die)
        with suppress(Killed):
            doomed.merge(ANA, ANA_BY_ID)
        skew.advance(ledger.lease_s + 1)
        for contact in due(ledger):
            claim = ledger.claim("turns", contact)  # what is left over of two conversations is all there is
            assert claim is None or [job.id.startswith(LEFT_OVER) for job in claim.jobs] == [True], f"died before {command}"
            assert claim is None or contact == ANA, f"died before {command}"
        assert not ledger.client.hexists(ledger.keys.of_contact(ANA_BY_ID, "record"), "moving"), f"died before {command}"
        assert audit(ledger, round(ledger.server_time().timestamp() * 1000)) == []
        own.close()
        client.close()
        if not client.reached:
            return


def test_a_turn_in_flight_goes_on_when_it_loses_nothing(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("uno", ANA), arrival("dos", ANA_BY_ID)])
    flying = take(ledger)
    ledger.merge(ANA, ANA_BY_ID)
    ledger.commit(flying, done(flying, state=b"kept"))
    rest = take(ledger)
    assert (texts(rest), rest.state) == (["dos"], b"kept")


def test_a_merge_of_a_merge_keeps_every_name(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    second_id = "whatsapp:ES.98"
    ledger.accept([arrival("a", ANA_BY_ID, bsuid="ES.99"), arrival("b", second_id, bsuid="ES.98"), arrival("c", ANA)])
    assert ledger.alias(second_id, ANA_BY_ID) == second_id, "between two alike the smaller key stays"
    assert ledger.alias(ANA_BY_ID, ANA) == ANA
    for name in (ANA_BY_ID, second_id):
        assert ledger.resolve(name) == ANA
    assert ledger.accept([arrival("d", ANA_BY_ID, bsuid="ES.99"), arrival("e", second_id, bsuid="ES.98")]) == ["accepted"] * 2
    assert sorted(texts(take(ledger))) == list("abcde")
    ledger.forget(second_id, erase=True)
    assert traces(ledger.client, "34600000001", "ES.9") == []


def test_a_poisonous_message_keeps_counting_attempts_across_a_merge(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("poison", ANA_BY_ID)])
    take(ledger, "turns", ANA_BY_ID)
    skew.advance(8.1)
    take(ledger, "turns", ANA_BY_ID)
    ledger.merge(ANA, ANA_BY_ID)
    assert [job.attempts for job in take(ledger).jobs] == [3]


def test_a_message_being_sent_while_its_contact_moves_is_not_sent_twice(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola", ANA_BY_ID)])
    turn = take(ledger, "turns", ANA_BY_ID)
    ledger.commit(turn, done(turn, deliveries=[("o1", b'"m"')]))
    flying = take(ledger, "delivery", ANA_BY_ID)
    ledger.renew(flying, sending="o1")
    ledger.merge(ANA, ANA_BY_ID)
    with pytest.raises(StaleCommit):
        ledger.commit(flying, done(flying, statuses={"o1": ("sent", "wamid.o1", "")}))
    assert take(ledger, "delivery").sending_status == "sending", "the next worker waits for a receipt"
    ledger.remember_sent(ANA_BY_ID, "o1", "wamid.o1")
    assert ledger.receive_receipt(Receipt(message_id="wamid.o1", status="sent", at=NOW)) == "applied"


def test_a_redelivery_under_another_identity_is_a_duplicate(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("uno", ANA, message_id="wamid.same")])
    assert ledger.accept([arrival("uno", ANA_BY_ID, message_id="wamid.same", bsuid="ES.99")]) == ["duplicate"]
    assert ledger.resolve(ANA_BY_ID) == ANA
    ledger.forget(ANA, erase=True)
    assert ledger.accept([arrival("uno", ANA_BY_ID, message_id="wamid.same", bsuid="ES.99")]) == ["duplicate"]
    assert traces(ledger.client, "34600000001", "ES.99") == []


def test_a_new_address_of_a_known_person_is_found_by_an_erasure(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("uno", ANA)])
    assert ledger.alias(ANA, "whatsapp:34600000002") == ANA
    assert ledger.accept([arrival("dos", "whatsapp:34600000002")]) == ["accepted"]
    assert texts(take(ledger)) == ["uno", "dos"]
    ledger.forget("whatsapp:34600000002", erase=False)
    assert ledger.resolve("whatsapp:34600000002") == ANA
    ledger.forget(ANA, erase=True)
    assert traces(ledger.client, "3460000000") == []


def test_whom_a_human_wrote_to_first_is_found_by_that_name(new_ledger: NewLedger) -> None:
    """Also when the writer was killed before the name was known: whoever says it again makes good for it."""
    ledger = new_ledger()
    said = ("cw.1", b'"m"', b'{"text":"from there"}')
    origin = Origin("1", NOW)
    assert ledger.speak(ANA_BY_ID, [said], origin=origin) == 1
    ledger.client.delete(f"iv:alias:{ANA_BY_ID}")
    ledger.client.hdel(ledger.keys.of_contact(ANA_BY_ID, "record"), f"alias {ANA_BY_ID}")
    assert ledger.speak(ANA_BY_ID, [said], origin=origin) == 0
    ledger.accept([arrival("hola", ANA, bsuid=ANA_BY_ID.partition(":")[2])])
    assert ledger.resolve(ANA_BY_ID) == ledger.resolve(ANA) == ANA_BY_ID
    assert len(queued(ledger, "turns", ANA_BY_ID)) == 1


def test_a_merge_brings_along_when_to_look_and_what_was_promised(new_ledger: NewLedger) -> None:
    """Of somebody without a conversation the other's goes on, with its time; of two, the one that does not comes as a job."""
    for states in ((b"", b'{"promised":1}'), (b'{"goes on":1}', b'{"promised":1}')):
        ledger = new_ledger(debounce_s=0.0)
        ledger.client.flushall()
        due_at = ledger.server_time() + timedelta(hours=1)
        for contact, state in zip((ANA, ANA_BY_ID), states, strict=True):
            ledger.accept([arrival("hola", contact)])
            turn = take(ledger, "turns", contact)
            kept = {"state": state, "stage": "COTIZACION", "timer": due_at} if state else {}
            ledger.commit(turn, done(turn, **kept))
        assert ledger.merge(ANA, ANA_BY_ID) == ANA
        record = ledger.client.hgetall(ledger.keys.of_contact(ANA, "record"))
        assert int(record[b"timer"]) == round(due_at.timestamp() * 1000)
        assert record[b"state"] == (states[0] or states[1])
        left_over = [job.body for job in take(ledger).jobs if job.id.startswith(LEFT_OVER)] if states[0] else []
        assert left_over == ([states[1]] if states[0] else [])
