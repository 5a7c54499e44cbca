"""The ledger's promises one by one, on the embedded Valkey and on Debian's Redis.

The design's bullets and where each is shown (R = test_redis_ledger, P = here, I = test_ledger_identity,
E = test_ledger_erasure, S = test_ledger_store, M = test_ledger_machine):

| bullet                                          | shown by                                                                  |
|-------------------------------------------------|---------------------------------------------------------------------------|
| one shard per contact, one slot per script      | S …keeps_to_its_declared_keys_in_one_slot, S …runs_on_a_cluster |
| three lanes, one mechanism; due sets            | R a_turn_hands_its_replies…, P test_a_timer_set_by_another_lane…, M        |
| a killed worker's contact becomes due again     | R a_killed_worker_gives_way…, M                                           |
| scripts: accept, claim, commit, renew, retry, bury | R, P test_nothing_can_be_done_with_a_claim_after_its_commit, M         |
| NOSCRIPT falls back                             | S test_a_store_that_forgot_the_scripts_is_given_them_again                |
| a lease is its own field                        | P test_what_arrives_during_a_turn_waits_for_its_end                       |
| debounce, cap, a press at once, 0 is legal      | R a_burst_is_one_turn…, P test_without_debounce_a_message_is_due_at_once  |
| order; never two answers in parallel            | S test_racing_workers_never_share_a_contact, M                            |
| attempts count at claim; poison is isolated     | R one_poisonous_message…, I …keeps_counting_attempts                      |
| a dead head never blocks                        | P test_a_buried_head_lets_its_followers_go_on                             |
| doorbell with the due time; a poll suffices     | P test_the_doorbell_tells_when, R (all of it polls)                       |
| the number of shards is the store's             | R the_number_of_shards_belongs_to_the_store                               |
| lease renewed in long turns                     | P test_a_long_turn_keeps_its_lease                                        |
| dedupe, also under another identity             | R a_message_becomes_one_turn…, I test_a_redelivery_under_another_identity… |
| aliases, merge with an epoch                    | I (each step interrupted, both directions), M                             |
| receipts by opaque data, parked, by vendor's id | R a_receipt_without_our_data…, P test_a_receipt_that_crosses_its_answer…  |
| the next message waits for the one before       | R a_turn_hands_its_replies…, P test_a_receipt_faster_than_the_answer…     |
| the number's own bucket                         | R the_number_has_its_own_limit…                                           |
| erase: epoch, keyed hashes, farewell            | E                                                                         |
| nothing pending has a TTL; trims                | P test_nothing_pending_has_a_ttl, P test_the_transcript_is_trimmed_by_age |
| full store: accept refuses, commits fit         | S test_a_full_store_refuses_items_and_finishes_its_work                   |
| WAIT                                            | S test_waiting_for_replicas_that_are_not_there                            |
| failover, read-only, paused, restarted          | S                                                                         |
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from src.desk.ports import Amendment, Lane, Settlement
from src.errors import StaleCommit
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.views import RedisRecords
from src.messages import Receipt
from tests.conftest import Skew
from tests.integrations.ledger_kit import ANA, NOW, NewLedger, arrival, done, due, interposed, queued, take, texts


def sending(ledger: RedisLedger, *outbox_ids: str) -> None:
    """Brings a contact to where these messages wait to be sent, and nothing else is to be done."""
    ledger.accept([arrival("hola")])
    turn = take(ledger)
    ledger.commit(turn, done(turn, deliveries=[(outbox_id, b'"m"') for outbox_id in outbox_ids], state=b"{}", stage="INICIO"))


def status(ledger: RedisLedger, outbox_id: str) -> str:
    stored: Any = ledger.client.hget(ledger.keys.of_contact(ANA, "out"), f"s:{outbox_id}")
    return str((stored or b"").decode())


def receipt(outbox_id: str, what: str = "sent", wamid: str = "") -> Receipt:
    return Receipt(message_id=wamid or f"wamid.{outbox_id}", status=what, at=NOW, opaque=f"{ANA} {outbox_id}")  # type: ignore[arg-type]


def test_without_debounce_a_message_is_due_at_once(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola")])
    assert due(ledger) == {ANA}


def test_what_arrives_during_a_turn_waits_for_its_end(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=1.0)
    ledger.accept([arrival("uno", urgent=True)])
    turn = take(ledger)
    ledger.accept([arrival("dos", urgent=True)])
    skew.advance(5)
    assert due(ledger) == set()
    assert ledger.claim("turns", ANA) is None
    ledger.commit(turn, done(turn))
    assert texts(take(ledger)) == ["dos"]


def test_a_long_turn_keeps_its_lease(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola")])
    turn = take(ledger)
    for _ in range(4):
        skew.advance(6)
        ledger.renew(turn)
        assert due(ledger) == set()
    ledger.commit(turn, done(turn))
    with pytest.raises(StaleCommit):
        ledger.renew(turn)


def test_a_commit_after_the_lease_ended_counts_while_nobody_else_came(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola")])
    turn = take(ledger)
    skew.advance(60)
    ledger.commit(turn, done(turn, state=b"late but alone"))
    ledger.accept([arrival("otra")])
    assert take(ledger).state == b"late but alone"


def test_nothing_can_be_done_with_a_claim_after_its_commit(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola")])
    turn = take(ledger)
    ledger.commit(turn, done(turn))
    with pytest.raises(StaleCommit):
        ledger.renew(turn)
    ledger.retry(turn, after_s=600)
    ledger.commit(turn, done(turn, state=b"a repeat changes nothing"))
    with pytest.raises(StaleCommit):
        ledger.forget(ANA, erase=False, claim=turn)
    ledger.accept([arrival("otra")])
    again = take(ledger)
    assert texts(again) == ["otra"]
    assert again.state is None


def test_who_gave_a_claim_back_cannot_commit_it(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola")])
    turn = take(ledger)
    ledger.retry(turn, after_s=5, uncount=True)
    ledger.retry(turn, after_s=500, uncount=True)
    with pytest.raises(StaleCommit):
        ledger.commit(turn, done(turn))
    ledger.accept([arrival("press", urgent=True)])
    assert due(ledger) == set(), "a back-off holds for new arrivals too"
    skew.advance(5.1)
    again = take(ledger)
    assert [job.attempts for job in again.jobs] == [1, 1]


def test_no_two_claims_have_the_same_name(new_ledger: NewLedger, skew: Skew) -> None:
    """Ids of messages and mirror jobs are made from it."""
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger, "o1")
    ledger.accept([arrival("otra")])
    names = []
    for _ in range(3):
        names += [take(ledger, "turns").turn_id, take(ledger, "delivery").turn_id]
        skew.advance(8.1)
    ledger.forget(ANA, erase=False)
    names.append(take(ledger).turn_id)
    assert len(set(names)) == len(names)


def test_a_claim_that_a_failover_forgot_cannot_be_mistaken_for_a_later_one(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    client: Any = ledger.client
    record = ledger.keys.of_contact(ANA, "record")
    ledger.accept([arrival("hola")])
    as_the_replica_has_it = client.dump(record)
    forgotten = take(ledger)
    client.restore(record, 0, as_the_replica_has_it, replace=True)
    later = take(ledger)
    assert later.turn_id != forgotten.turn_id
    with pytest.raises(StaleCommit):
        ledger.commit(forgotten, done(forgotten, state=b"of a turn that nobody knows"))
    ledger.commit(later, done(later))


def test_a_timer_set_by_another_lane_wakes_the_turns(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger, "o1")
    sent = take(ledger, "delivery")
    ledger.commit(sent, done(sent, timer=ledger.server_time()))
    skew.advance(1)
    assert due(ledger) == {ANA}
    timer = take(ledger)
    assert timer.jobs == ()
    ledger.commit(timer, Settlement(timer="none"))
    assert ledger.claim("turns", ANA) is None


def test_a_timer_that_fails_waits_out_its_back_off(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger)
    ledger.accept([arrival("hola")])
    turn = take(ledger)
    ledger.commit(turn, done(turn, timer=ledger.server_time()))
    skew.advance(1)
    ledger.retry(take(ledger), after_s=30)
    skew.advance(20)
    assert due(ledger) == set()
    assert ledger.claim("turns", ANA) is None
    skew.advance(11)
    assert due(ledger) == {ANA}


def test_a_buried_head_lets_its_followers_go_on(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger, "o1", "o2")
    head = take(ledger, "delivery")
    ledger.commit(head, Settlement(buried=["o1"], reason="refused", statuses={"o1": ("failed", "", "131026")}))
    follower = take(ledger, "delivery")
    assert [job.id for job in follower.jobs] == ["o2"]
    ledger.commit(follower, done(follower))
    assert ledger.replay(ANA, "delivery", "o1")
    assert not ledger.replay(ANA, "delivery", "o1")
    assert take(ledger, "delivery").jobs[0].attempts == 1
    assert status(ledger, "o1") == "queued"


def test_a_receipt_faster_than_the_answer_is_not_lost(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger, "o1", "o2")
    first = take(ledger, "delivery")
    ledger.renew(first, sending="o1")
    assert ledger.receive_receipt(receipt("o1", "delivered")) == "applied"
    ledger.commit(first, done(first, statuses={"o1": ("sent", "wamid.o1", "")}, hold_s=3.0, wait_for="o1"))
    assert status(ledger, "o1") == "delivered"
    assert due(ledger, "delivery") == {ANA}, "what the next message would wait for has come"


def test_a_late_receipt_does_not_end_another_messages_back_off(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger, "o1", "o2")
    first = take(ledger, "delivery")
    ledger.commit(first, done(first, statuses={"o1": ("sent", "wamid.o1", "")}, hold_s=3.0, wait_for="o1"))
    skew.advance(3.1)
    second = take(ledger, "delivery")
    ledger.retry(second, after_s=60)
    ledger.receive_receipt(receipt("o1"))
    assert due(ledger, "delivery") == set()


def test_a_receipt_ends_the_doubt_about_a_message_after_a_crash(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger, "o1")
    ledger.renew(take(ledger, "delivery"), sending="o1")
    skew.advance(8.1)
    in_doubt = take(ledger, "delivery")
    assert in_doubt.sending_status == "sending"
    ledger.retry(in_doubt, after_s=10, uncount=True)
    assert due(ledger, "delivery") == set()
    ledger.receive_receipt(receipt("o1"))
    assert due(ledger, "delivery") == {ANA}
    assert take(ledger, "delivery").sending_status == "sent"


def test_what_was_certainly_not_sent_is_queued_again(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger, "o1")
    tried = take(ledger, "delivery")
    ledger.renew(tried, sending="o1")
    ledger.commit(tried, Settlement(statuses={"o1": ("queued", "", "")}, hold_s=2.0))
    assert due(ledger, "delivery") == set()
    skew.advance(2.1)
    again = take(ledger, "delivery")
    assert (again.sending_status, again.jobs[0].attempts) == ("queued", 2)


@pytest.mark.parametrize(
    ("told", "shown"),
    [(["sent", "delivered", "read"], "read"), (["read", "delivered", "sent"], "read"), (["failed", "delivered"], "delivered"),
     (["sent", "failed", "sent"], "failed")],
)  # fmt: skip
def test_a_status_never_goes_backwards(new_ledger: NewLedger, told: list[str], shown: str) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger, "o1")
    for what in told:
        ledger.receive_receipt(receipt("o1", what))
    assert status(ledger, "o1") == shown


def test_a_receipt_that_crosses_its_answer_is_applied(new_ledger: NewLedger, store_url: str) -> None:
    """The receipt finds no message and is about to be parked; just then the message becomes known."""
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger, "o1")
    ledger.renew(take(ledger, "delivery"), sending="o1")
    bare = msgspec.structs.replace(receipt("o1", "read"), opaque="")
    for command in range(1, 12):
        client = interposed(store_url)
        crossing = RedisLedger(lambda: client)  # noqa: B023 - used within this round
        crossing.ping()
        wamid = f"wamid.{command}"
        client.arm(command, lambda: ledger.remember_sent(ANA, "o1", wamid))  # noqa: B023
        ledger.client.hset(ledger.keys.of_contact(ANA, "out"), "s:o1", "sending")
        crossing.receive_receipt(msgspec.structs.replace(bare, message_id=wamid))
        if not client.reached:
            ledger.remember_sent(ANA, "o1", wamid)
        assert status(ledger, "o1") == "read", f"lost when crossed before command {command}"
        client.close()


def test_a_reset_leaves_the_names_for_a_later_erasure(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola", bsuid="ES.99")])
    turn = take(ledger)
    ledger.commit(turn, done(turn, state=b"{}", stage="COTIZACION", deliveries=[("o1", b'"m"')], timer=ledger.server_time()))
    ledger.forget(ANA, erase=False)
    assert status(ledger, "o1") == "failed", "nobody will send it"
    left = take(ledger)
    assert (left.state, left.jobs) == (None, ()), "its timer stays: that is how the transcript will go one day"
    assert [record.contact for record in _page(ledger, stage="INICIO")] == [ANA]
    assert _page(ledger, stage="COTIZACION") == []
    ledger.forget(ANA, erase=True)
    assert ledger.resolve("whatsapp:ES.99") == "whatsapp:ES.99"


@pytest.mark.parametrize("erase", [False, True])
def test_a_turn_from_before_a_reset_cannot_end_after_it(new_ledger: NewLedger, erase: bool) -> None:
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola")])
    old = take(ledger)
    ledger.forget(ANA, erase=erase)
    ledger.accept([arrival("otra")])
    new = take(ledger)
    assert new.turn_id != old.turn_id
    for late in (lambda: ledger.commit(old, done(old, state=b"old")), lambda: ledger.renew(old)):
        with pytest.raises(StaleCommit):
            late()
    ledger.retry(old, after_s=600)
    ledger.commit(new, done(new, state=b"new"))


def test_a_reset_of_nobody_makes_nobody(new_ledger: NewLedger) -> None:
    ledger = new_ledger()
    ledger.forget(ANA, erase=False)
    assert _page(ledger) == []
    assert not [key for key in ledger.client.scan_iter("*") if b"34600000001" in key]


def test_who_has_a_conversation_is_listed_at_once(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger, "o1")
    sent = take(ledger, "delivery")
    ledger.commit(sent, done(sent, owner="human"))
    assert [record.contact for record in _page(ledger, owner="human")] == [ANA]


def _page(ledger: RedisLedger, *, stage: str = "", owner: str = "") -> list[Any]:
    return list(RedisRecords(ledger).page(cursor="", limit=10, stage=stage, owner=owner, query="").records)


def test_an_amendment_holds_against_a_turn_whose_lease_has_ended(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger)
    ledger.accept([arrival("hola")])
    slow = take(ledger)
    skew.advance(8.1)
    amendment = Amendment(expected=b"{}", state=b'{"by":"hand"}', stage="INICIO", name="", owner="human", timer=None)
    assert ledger.amend(ANA, amendment)
    with pytest.raises(StaleCommit):
        ledger.commit(slow, done(slow, state=b"overwritten"))
    assert take(ledger).state == b'{"by":"hand"}'


def test_an_amendment_brings_nobody_back(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger)
    ledger.forget(ANA, erase=True, farewell=("bye", b"adios"))
    amendment = Amendment(expected=None, state=b"{}", stage="INICIO", name="ana", owner="bot", timer=None)
    assert not ledger.amend(ANA, amendment)
    assert _page(ledger) == []


def test_the_doorbell_tells_when(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=1.0)
    rings: list[tuple[int, float]] = []
    with ledger.client.pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe("iv:bell")
        heard.get_message(timeout=1)
        ledger.accept([arrival("hola"), arrival("press", urgent=True)])
        turn = take(ledger)
        ledger.commit(turn, done(turn, state=b"{}", stage="INICIO", timer=ledger.server_time() + timedelta(days=10)))
        ledger.accept([arrival("another press", urgent=True)])
        while len(rings) < 3:
            message = heard.get_message(timeout=5)
            assert message is not None
            shard, _, in_ms = message["data"].decode().partition(" ")
            rings.append((int(shard), int(in_ms)))
    assert rings == [(ledger.keys.shard(ANA), in_ms) for in_ms in (1000, 0, 0)], "what is days away wakes nobody"


def test_nothing_pending_has_a_ttl(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger, "o1", "o2")
    ledger.accept([arrival("more")])
    ledger.receive_receipt(Receipt(message_id="unknown", status="sent", at=NOW))
    ledger.receive_receipt(receipt("o1"))
    turn = take(ledger)
    ledger.retry(turn, after_s=0)
    with pytest.raises(StaleCommit):
        ledger.commit(turn, done(turn))
    passing = {
        key.decode().replace("{", "").split(":")[1 if b"{" not in key else 2]
        for key in ledger.client.scan_iter("*")
        if ledger.client.ttl(key) > 0
    }
    assert passing == {"id", "seen", "hour", "parked", "ping"} - {"ping"}


def test_the_transcript_is_trimmed_by_age(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger)
    log = ledger.keys.of_contact(ANA, "log")
    assert ledger.client.xlen(log) == 1
    skew.advance(401 * 86_400)
    sending(ledger)
    assert ledger.client.xlen(log) == 0
    assert queued(ledger, "turns", ANA) == []


def test_the_events_are_trimmed_by_number(new_ledger: NewLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.integrations.ledger.redis_ledger.EVENTS_KEPT", 10)
    ledger = new_ledger(debounce_s=0.0)
    ledger.accept([arrival("hola")])
    turn = take(ledger)
    ledger.commit(turn, done(turn, events=[b'{"n":1}'] * 500))
    assert ledger.client.xlen(ledger.keys.of_shard(ledger.keys.shard(ANA), "events")) < 200


def test_a_clock_that_is_ahead_of_ours_takes_nothing_away(new_ledger: NewLedger, skew: Skew) -> None:
    """Neither rows of the transcript nor the memory of ids: what is gone does not come back with the right time."""
    ledger = new_ledger(debounce_s=0.0, clock=time.time)
    sending(ledger)
    skew.advance(401 * 86_400)
    sending(ledger)
    assert ledger.client.xlen(ledger.keys.of_contact(ANA, "log")) == 2
    assert ledger.client.zcard(ledger.keys.of_contact(ANA, "seen")) == 2


@pytest.mark.parametrize("lane", ["turns", "delivery"])
def test_what_a_clock_that_was_ahead_put_off_is_not_put_off_when_it_is_right(
    new_ledger: NewLedger, skew: Skew, lane: Lane
) -> None:
    ledger = new_ledger(debounce_s=0.0)
    sending(ledger, "o1", "o2")
    ledger.accept([arrival("hola")])
    skew.advance(5 * 86_400)
    ledger.retry(take(ledger, lane), after_s=60)
    skew.advance(61 - 5 * 86_400)
    take(ledger, lane)
    skew.advance(5 * 86_400)
    skew.advance(ledger.lease_s + 1)
    take(ledger, lane)  # and its worker dies
    skew.advance(-5 * 86_400)
    take(ledger, lane)
