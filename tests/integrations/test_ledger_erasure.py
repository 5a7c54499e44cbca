"""An erasure leaves nothing: whatever happens meanwhile, wherever it is interrupted, whatever is still on its way."""

# ruff: noqa: B023 - what is made within a round is used within it
from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import msgspec
import pytest

from src.desk.crm import Erased, MirrorJob, Place
from src.desk.ports import Arrival, Origin, Settlement
from src.errors import StaleCommit
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from src.integrations.ledger.views import RedisRecords
from src.messages import Contact, Receipt
from tests.conftest import Skew
from tests.integrations.ledger_kit import (
    ANA,
    ANA_BY_ID,
    NOW,
    Killed,
    NewLedger,
    arrival,
    audit,
    contents,
    die,
    done,
    finish_all,
    interposed,
    take,
    traces,
)

PERSONAL = ("34600000001", "ES.9", "Marta", "secreto")
FIRST = arrival("secreto", bsuid="ES.99", message_id="wamid.first")


def live(ledger: RedisLedger) -> None:
    """Somebody with something in every place where the ledger keeps things."""
    ledger.accept([FIRST])
    turn = take(ledger)
    ledger.commit(
        turn,
        done(
            turn, state=b'{"name":"Marta"}', stage="COTIZACION", name="Marta", owner="human", timer=ledger.server_time(),
            rows=[b'{"text":"secreto"}'], deliveries=[("o1", b"secreto"), ("o2", b"secreto")], mirrors=[("m1", b"secreto")],
        ),
    )  # fmt: skip
    sent = take(ledger, "delivery")
    ledger.renew(sent, sending="o1")
    ledger.commit(sent, done(sent, statuses={"o1": ("sent", "wamid.o1", "")}, hold_s=3, wait_for="o1"))
    ledger.remember_sent(ANA, "o1", "wamid.o1")
    ledger.accept([arrival("Marta secreto")])
    hopeless = take(ledger)
    ledger.commit(hopeless, Settlement(buried=[hopeless.jobs[0].id], reason="hopeless"))
    ledger.accept([arrival("secreto", ANA_BY_ID, bsuid="ES.99")])


def assert_gone(ledger: RedisLedger, skew: Skew, where: str = "") -> None:
    assert traces(ledger.client, *PERSONAL) == [], where
    assert audit(ledger, round(ledger.server_time().timestamp() * 1000)) == [], where
    assert finish_all(ledger, skew) == {"turns": [], "delivery": [], "mirror": []}, where
    assert ledger.accept([FIRST]) == ["duplicate"], where
    assert traces(ledger.client, *PERSONAL) == [], where


def test_everything_goes_but_keyed_hashes(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    live(ledger)
    assert len(traces(ledger.client, *PERSONAL)) > 15
    ledger.forget(ANA, erase=True)
    assert_gone(ledger, skew)
    kinds = {key.replace("{", "").split(":")[1 if "{" not in key else 2] for key in contents(ledger.client)}
    assert kinds == {"meta", "id", "gone", "hour", "depth", "erased_at"}
    assert all(ledger.client.ttl(key) > 0 for key in contents(ledger.client) if ":gone:" in key or key.startswith("iv:id:"))
    late = Receipt(message_id="wamid.o1", status="read", at=NOW, opaque=f"{ANA} o1", phone="+34600000001")
    assert ledger.receive_receipt(late) == "unknown"
    assert ledger.receive_receipt(Receipt(message_id="wamid.o1", status="read", at=NOW)) == "unknown"
    assert_gone(ledger, skew)


def test_an_interrupted_erasure_can_be_repeated(valkey_url: str) -> None:
    for command in range(1, 40):
        skew, client, own = Skew(), interposed(valkey_url), connect(valkey_url)
        own.flushall()
        ledger = RedisLedger(lambda: own, skew_ms=skew, debounce_s=0.0)
        acting = RedisLedger(lambda: client, skew_ms=skew)
        live(ledger)
        acting.ping()
        client.arm(command, die)
        with suppress(Killed):
            acting.forget(ANA, erase=True)
        ledger.forget(ANA, erase=True)
        assert_gone(ledger, skew, f"died before command {command}")
        client.close()
        own.close()
        if not client.reached:
            return
    raise AssertionError("an erasure has more commands than expected")


MEANWHILE: dict[str, Callable[[RedisLedger], object]] = {
    "a message": lambda ledger: ledger.accept([arrival("secreto")]),
    "a message by id": lambda ledger: ledger.accept([arrival("secreto", ANA_BY_ID, bsuid="ES.99")]),
    "a message with a new name": lambda ledger: ledger.accept([arrival("secreto", bsuid="ES.97")]),
    "a redelivery": lambda ledger: ledger.accept([FIRST]),
    "a new address": lambda ledger: ledger.alias(ANA, "whatsapp:ES.98"),
    "the answer to a send": lambda ledger: ledger.remember_sent(ANA, "o2", "wamid.o2"),
    "a receipt": lambda ledger: ledger.receive_receipt(
        Receipt(message_id="wamid.o1", status="read", at=NOW, opaque=f"{ANA} o1")
    ),
    "a reset": lambda ledger: ledger.forget(ANA, erase=False),
    "a merge": lambda ledger: (ledger.accept([arrival("secreto", "whatsapp:ES.96")]), ledger.merge(ANA, "whatsapp:ES.96")),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_what_comes_meanwhile_goes_too_or_starts_anew(what: str, valkey_url: str) -> None:
    """It counts as before the erasure, and is gone; or as after it, and all of it can be erased again."""
    for command in range(1, 40):
        skew, client, own = Skew(), interposed(valkey_url), connect(valkey_url)
        own.flushall()
        ledger = RedisLedger(lambda: own, skew_ms=skew, debounce_s=0.0)
        acting = RedisLedger(lambda: client, skew_ms=skew)
        live(ledger)
        acting.ping()
        client.arm(command, lambda: MEANWHILE[what](ledger))
        acting.forget(ANA, erase=True)
        left = traces(ledger.client, *PERSONAL)
        if left:  # only what came after the last moment, complete in itself
            assert what.startswith(("a message", "a merge", "a new address")), f"{what} before command {command} left {left}"
            assert not traces(ledger.client, "Marta"), f"{what} before command {command}"
            ledger.forget(ANA, erase=True)
            ledger.forget("whatsapp:ES.96", erase=True)
            ledger.forget("whatsapp:ES.99", erase=True)
        assert_gone(ledger, skew, f"{what} before command {command}")
        client.close()
        own.close()
        if not client.reached:
            return
    raise AssertionError("an erasure has more commands than expected")


def test_the_answer_to_a_send_that_crosses_an_erasure_leaves_nothing(valkey_url: str) -> None:
    for command in range(1, 20):
        skew, client, own = Skew(), interposed(valkey_url), connect(valkey_url)
        own.flushall()
        ledger = RedisLedger(lambda: own, skew_ms=skew, debounce_s=0.0)
        acting = RedisLedger(lambda: client, skew_ms=skew)
        live(ledger)
        acting.ping()
        client.arm(command, lambda: ledger.forget(ANA, erase=True))
        acting.remember_sent(ANA, "o2", "wamid.o2")
        if not client.reached:
            ledger.forget(ANA, erase=True)
        assert_gone(ledger, skew, f"erased before command {command}")
        client.close()
        own.close()
        if not client.reached:
            return


def test_the_farewell_goes_out_and_takes_the_rest_with_it(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    live(ledger)
    asked = take(ledger)
    ledger.forget(ANA, erase=True, claim=asked, farewell=("bye", b"adios"))
    ledger.forget(ANA, erase=False)
    with pytest.raises(StaleCommit):
        ledger.forget(ANA, erase=True, claim=asked, farewell=("bye", b"adios"))
    bye = take(ledger, "delivery")
    assert [job.id for job in bye.jobs] == ["bye"]
    ledger.renew(bye, sending="bye")
    settlement = done(
        bye,
        statuses={"bye": ("sent", "wamid.bye", "")},
        hold_s=3,
        wait_for="bye",
        mirrors=[("m9", b"secreto")],
        rows=[b"secreto"],
    )
    ledger.remember_sent(ANA, "bye", "wamid.early")
    ledger.commit(bye, settlement)
    ledger.remember_sent(ANA, "bye", "wamid.bye")
    assert ledger.receive_receipt(Receipt(message_id="wamid.bye", status="sent", at=NOW, opaque=f"{ANA} bye")) == "unknown"
    assert_gone(ledger, skew)


def test_a_farewell_that_cannot_be_sent_is_not_kept_as_a_dead_letter(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    live(ledger)
    ledger.forget(ANA, erase=True, farewell=("bye", b"adios"))
    bye = take(ledger, "delivery")
    ledger.retry(bye, after_s=1)
    skew.advance(1.1)
    bye = take(ledger, "delivery")
    ledger.commit(bye, Settlement(buried=["bye"], reason="refused", statuses={"bye": ("failed", "", "131026")}))
    assert RedisRecords(ledger).dead_letters() == []
    assert_gone(ledger, skew)


def test_who_comes_back_before_the_farewell_is_out_is_somebody_new(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    live(ledger)
    ledger.forget(ANA, erase=True, farewell=("bye", b"adios"))
    assert ledger.accept([arrival("hola otra vez")]) == ["accepted"]
    bye = take(ledger, "delivery")
    ledger.commit(bye, done(bye, statuses={"bye": ("sent", "wamid.bye", "")}))
    again = take(ledger)
    assert again.state is None
    ledger.commit(again, done(again, state=b"{}", stage="INICIO"))
    record = RedisRecords(ledger).record(ANA)
    assert record is not None, "the person is shown like any other"
    assert len(record.rows) == 1


def test_a_turn_that_lost_its_lease_erases_nothing(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    live(ledger)
    frozen = take(ledger)
    skew.advance(8.1)
    other = take(ledger)
    before = contents(ledger.client)
    with pytest.raises(StaleCommit):
        ledger.forget(ANA, erase=True, claim=frozen)
    assert contents(ledger.client) == before
    ledger.commit(other, done(other))


# -- what was said before it ---------------------------------------------------------------------------------------------


def words(number: int) -> tuple[str, bytes, bytes]:
    """What a human wrote in the CRM."""
    return (f"cw.{number}", b"secreto", b'{"text":"secreto"}')


def say(ledger: RedisLedger, number: int, *, contact: str = ANA, place: str = "42", ago_s: float = 0.0) -> int:
    written_at = ledger.server_time() - timedelta(seconds=ago_s)
    return ledger.speak(contact, [words(number)], owner="human", origin=Origin(place, written_at))


def test_what_humans_said_is_known_after_an_erasure_and_goes_out_no_more(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    live(ledger)
    assert say(ledger, 501) == 1
    ledger.forget(ANA, erase=True)
    assert say(ledger, 501, ago_s=-600) == 0, "the same, by a clock that is ahead"
    assert say(ledger, 502, ago_s=60) == 0, "from before"
    assert say(ledger, 501, contact=ANA_BY_ID, ago_s=-600) == 0, "by another name"
    assert_gone(ledger, skew)
    assert say(ledger, 503, ago_s=-60) == 1, "whoever is written to anew is known again"


@pytest.mark.parametrize("told", [502, 501], ids=["something new", "the same again"])
def test_words_that_cross_an_erasure_go_too_or_are_refused(told: int, valkey_url: str) -> None:
    """Whatever the moment: what was said before leaves nothing, and nothing is said twice."""
    for command in range(1, 40):
        skew, client, own = Skew(), interposed(valkey_url), connect(valkey_url)
        own.flushall()
        ledger = RedisLedger(lambda: own, skew_ms=skew, debounce_s=0.0)
        acting = RedisLedger(lambda: client, skew_ms=skew)
        live(ledger)
        assert say(ledger, 501) == 1
        acting.ping()
        client.arm(command, lambda: say(ledger, told, ago_s=30))
        acting.forget(ANA, erase=True)
        assert say(ledger, told, ago_s=30) == 0
        assert say(ledger, told, contact=ANA_BY_ID, ago_s=30) == 0
        assert_gone(ledger, skew, f"said before command {command}")
        client.close()
        own.close()
        if not client.reached:
            return
    raise AssertionError("an erasure has more commands than expected")


def test_an_interrupted_erasure_forgets_nothing_that_was_said(valkey_url: str) -> None:
    for command in range(1, 40):
        skew, client, own = Skew(), interposed(valkey_url), connect(valkey_url)
        own.flushall()
        ledger = RedisLedger(lambda: own, skew_ms=skew, debounce_s=0.0)
        acting = RedisLedger(lambda: client, skew_ms=skew)
        live(ledger)
        say(ledger, 501)
        acting.ping()
        client.arm(command, die)
        with suppress(Killed):
            acting.forget(ANA, erase=True)
        ledger.forget(ANA, erase=True)
        for contact in (ANA, ANA_BY_ID):
            assert say(ledger, 501, contact=contact, ago_s=-600) == 0, f"died before command {command}"
        assert_gone(ledger, skew, f"died before command {command}")
        client.close()
        own.close()
        if not client.reached:
            return


def test_nothing_is_said_where_the_person_is_about_to_go(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0, mirrors=True)
    live(ledger)
    mirrored = take(ledger, "mirror")
    ledger.commit(mirrored, done(mirrored, crm={"person": "7", "conversation": "42"}))
    ledger.forget(ANA, erase=True)
    for contact in (ANA, ANA_BY_ID):
        assert say(ledger, 502, contact=contact, ago_s=-3600) == 0
    assert say(ledger, 503, place="43", ago_s=-3600) == 1


def test_the_crm_is_told_where_the_person_was_until_it_has_heard(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0, mirrors=True)
    live(ledger)
    mirrored = take(ledger, "mirror")
    ledger.commit(mirrored, done(mirrored, crm={"person": "7", "conversation": "42"}))
    ledger.forget(ANA, erase=True)
    assert ledger.claim("mirror", ANA) is None, "whoever is writing there has time to finish"
    new_ledger(debounce_s=0.0).forget(ANA, erase=True)  # once more, by a process that has no CRM and knows of no place
    skew.advance(60)
    word = take(ledger, "mirror")
    assert [msgspec.json.decode(job.body, type=MirrorJob) for job in word.jobs] == [
        Erased(id="erased", contact=Contact(key=ANA, channel="whatsapp"), place=Place(person_id="7", conversation_id="42"))
    ]
    ledger.commit(word, done(word))
    assert ledger.client.exists(ledger.keys.of_contact(ANA, "record")) == 0


def test_the_crm_is_told_nothing_of_whom_it_does_not_know(new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0, mirrors=True)
    ledger.accept([arrival("hola")])
    ledger.forget(ANA, erase=True)
    skew.advance(60)
    assert ledger.claim("mirror", ANA) is None


def test_who_comes_back_and_turns_out_to_be_somebody_else_hears_nothing_again(new_ledger: NewLedger) -> None:
    """Erased by one name, back by it, and then one with another number."""
    ledger = new_ledger(debounce_s=0.0)
    live(ledger)
    say(ledger, 501)
    ledger.forget(ANA, erase=True)
    ledger.accept([arrival("hola de nuevo", ANA_BY_ID, bsuid="ES.99"), arrival("hola", "whatsapp:34600000007")])
    kept = ledger.merge(ANA_BY_ID, "whatsapp:34600000007")
    assert say(ledger, 501, contact=kept, ago_s=-600) == 0
    assert say(ledger, 502, contact=kept, ago_s=60) == 1, "nobody erased this one"


def test_a_place_found_in_the_middle_of_an_erasure_is_one_where_nothing_is_said(valkey_url: str) -> None:
    for command in range(1, 40):
        skew, client, own = Skew(), interposed(valkey_url), connect(valkey_url)
        own.flushall()
        ledger = RedisLedger(lambda: own, skew_ms=skew, debounce_s=0.0, mirrors=True)
        acting = RedisLedger(lambda: client, skew_ms=skew, mirrors=True)
        live(ledger)
        mirrored = take(ledger, "mirror")
        acting.ping()
        found = done(mirrored, crm={"person": "7", "conversation": "42"})
        client.arm(command, lambda: ledger.commit(mirrored, found))
        with suppress(StaleCommit):  # what is too late counts for nothing
            acting.forget(ANA, erase=True)
            assert not client.reached or say(ledger, 502, ago_s=-3600) == 0, f"found before command {command}"
        client.close()
        own.close()
        if not client.reached:
            return
    raise AssertionError("an erasure has more commands than expected")


def test_an_erasure_by_a_clock_that_is_days_ahead_silences_nobody_afterwards(new_ledger: NewLedger, skew: Skew) -> None:
    """What counts is the earlier of the store's time and our own."""
    ledger = new_ledger(debounce_s=0.0, clock=time.time)
    live(ledger)
    skew.advance(5 * 86_400)
    ledger.forget(ANA, erase=True)
    skew.advance(-5 * 86_400)
    assert say(ledger, 502, ago_s=60) == 0
    assert say(ledger, 503, ago_s=-60) == 1


def test_what_a_vendor_could_not_bring_in_time_brings_nobody_back(new_ledger: NewLedger, skew: Skew) -> None:
    """Meta tries again for days; what the person wrote afterwards, to be forgotten, came through at once."""
    ledger = new_ledger(debounce_s=0.0)
    live(ledger)
    ledger.forget(ANA, erase=True)
    for name in ({"contact": ANA}, {"contact": ANA_BY_ID, "bsuid": "ES.99"}):
        assert ledger.accept([written(arrival("secreto", **name), -60)]) == ["duplicate"]
    assert_gone(ledger, skew)
    assert ledger.accept([written(arrival("hola de nuevo"), 60)]) == ["accepted"]


def written(item: Arrival, after_s: float) -> Arrival:
    inbound = msgspec.structs.replace(item.inbound, at=item.inbound.at + timedelta(seconds=after_s))
    return msgspec.structs.replace(item, inbound=inbound)


def test_what_is_only_for_the_crm_makes_nobody(new_ledger: NewLedger, skew: Skew) -> None:
    """As when everything is written there anew, and somebody is erased in the middle of it."""
    ledger = new_ledger(debounce_s=0.0, mirrors=True)
    live(ledger)
    ledger.forget(ANA, erase=True, farewell=("bye", b"adios"))
    assert ledger.speak(ANA, (), mirrors=[("r1", b"secreto")]) == 0
    assert [job.id for job in take(ledger, "delivery").jobs] == ["bye"]
    skew.advance(60)
    assert [job.id for job in take(ledger, "mirror").jobs] == ["erased"]
    assert ledger.speak("whatsapp:34600000009", (), mirrors=[("r1", b"secreto")]) == 0
    assert traces(ledger.client, "34600000009") == []
