"""Whatever happens in whatever order, the ledger does what the plain model does, and the auditor finds nothing.

`HYPOTHESIS_PROFILE=long` looks much longer.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from src.agent.state import STAGES
from src.desk.jobs import LEFT_OVER
from src.desk.ports import Amendment, Arrival, Claim, Lane, Origin, Settlement
from src.errors import StaleCommit
from src.integrations.ledger.opening import moment_of
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from src.messages import Receipt
from tests.integrations.ledger_kit import (
    NOW,
    FrozenClock,
    Killed,
    arrival,
    audit,
    die,
    finish_all,
    interposed,
    queued,
    traces,
)
from tests.integrations.ledger_model import CAP_S, DEBOUNCE_S, LEASE_S, Person, planned

PHONE, OTHER_PHONE, BY_ID = "whatsapp:34600000001", "whatsapp:34600000007", "whatsapp:ES.31"
NAMES = st.sampled_from([PHONE, OTHER_PHONE, BY_ID])
TIMERS = st.sampled_from(["keep", "none", "soon"])
A_FEW = st.integers(0, 9)
MOSTLY, SELDOM = st.sampled_from([True, True, True, False]), st.sampled_from([False, False, False, True])
BLUR_MS = 2_000
"""The model does not decide what happens within this of a border: the machine lets more time pass first."""


class LedgerMachine(RuleBasedStateMachine):
    """Doors, workers, operators and the passing of time, on one store."""

    url: ClassVar[str] = ""
    accepted = Bundle("accepted")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock()
        self.client: Any = connect(self.url)
        self.client.flushall()
        self.ledger = self._new_ledger(self.client)
        self.people: dict[str, Person] = {}
        self.aliases: dict[str, str] = {}
        self.place: dict[str, str] = {}
        self.given: list[Claim] = []
        self.turn_ids: set[str] = set()
        self.tokens: dict[tuple[str, str, str], int] = {}
        self.remembered: set[str] = set()
        self.parked: dict[str, list[str]] = {}
        self.said: list[tuple[str, tuple[str, bytes, bytes]]] = []
        self.erased_at: dict[str, int] = {}
        self.entries: dict[str, str] = {}
        self.left_over: dict[str, bytes] = {}
        self.count = 0

    def _new_ledger(self, client: Any) -> RedisLedger:
        return RedisLedger(
            lambda: client, shards=2, lease_s=LEASE_S, debounce_s=DEBOUNCE_S, debounce_max_s=CAP_S, skew_ms=self.clock
        )

    def teardown(self) -> None:
        if self.url:
            try:
                self._nothing_is_stuck()
            finally:
                self.client.close()

    def _nothing_is_stuck(self) -> None:
        finish_all(self.ledger, self.clock)
        assert audit(self.ledger, self.clock.now_ms) == []

    # -- what the model knows ---------------------------------------------------------------------------------------

    def _number(self) -> int:
        self.count += 1
        return self.count

    def _who(self, *names: str) -> Person:
        """Who comes under these names; makes one person of several."""
        known = sorted({self.aliases[name] for name in names if name in self.aliases}, key=lambda key: ("ES" in key, key))
        key = known[0] if known else names[0]
        person = self.people.setdefault(key, Person(key))
        for other in known[1:]:
            self._absorb(person, self.people.pop(other))
        for name in names:
            self.aliases[name] = key
            person.names.add(name)
        return person

    def _absorb(self, person: Person, other: Person) -> None:
        left_over = person.absorb(other)
        if left_over is not None:
            [job] = [
                job for job in queued(self.ledger, "turns", person.key) if job.startswith(LEFT_OVER) and job not in self.place
            ]
            person.lanes["turns"].queue.append(job)
            self.left_over[job], self.place[job] = left_over, "waiting"
        self.aliases = {name: person.key if key == other.key else key for name, key in self.aliases.items()}
        self.aliases[other.key] = person.key

    def _holder(self, claim: Claim) -> Person | None:
        """Whose claim this is, while it may still be settled."""
        person = self.people.get(claim.contact)
        return person if person is not None and person.lanes[claim.lane].claim is claim else None

    def _claim(self, number: int, *, late: bool) -> Claim | None:
        """One that may still be settled; or, `late`, any that was ever given."""
        known = self.given if late else [claim for claim in self.given if self._holder(claim)]
        return known[-1 - number % len(known)] if known else None

    def _settle_clock(self, person: Person, lane: Lane) -> None:
        while True:
            borders = [person.lanes[lane].lease, person.due_at(lane) or 0]
            if not any(abs(border - self.clock.now_ms) < BLUR_MS for border in borders):
                return
            self.clock.advance(2 * BLUR_MS / 1000)

    # -- the door ---------------------------------------------------------------------------------------------------

    @initialize(target=accepted, name=NAMES)
    def begins(self, name: str) -> Arrival:
        return self._accept(arrival("hola", name, message_id="wamid.0"), (name,), urgent=False)

    @rule(target=accepted, name=NAMES, urgent=st.booleans())
    def accepts(self, name: str, urgent: bool) -> Arrival:
        item = arrival("hola", name, message_id=f"wamid.{self._number()}", urgent=urgent)
        return self._accept(item, (name,), urgent=urgent)

    @rule(target=accepted)
    def accepts_under_both_names(self) -> Arrival:
        """The vendor tells phone and id at once: from now on they are one person."""
        item = arrival("both", PHONE, message_id=f"wamid.{self._number()}", bsuid=BY_ID.partition(":")[2])
        return self._accept(item, (PHONE, BY_ID), urgent=False)

    def _accept(self, item: Arrival, names: tuple[str, ...], *, urgent: bool) -> Arrival:
        assert self.ledger.accept([item]) == ["accepted"]
        is_new = not any(name in self.aliases for name in names) and names[0] not in self.people
        person, job = self._who(*names), self.ledger._store.hash(item.inbound.id)
        if is_new:
            person.stage = "INICIO"
        work = person.lanes["turns"]
        work.queue.append(job)
        work.first = self.clock.now_ms if work.first is None else work.first
        work.last = self.clock.now_ms
        work.urgent = work.urgent or urgent
        person.erased = False
        self.place[job] = "waiting"
        return item

    @rule(item=accepted, name=NAMES)
    def redelivers(self, item: Arrival, name: str) -> None:
        """The same message again, perhaps under another identity."""
        again = arrival("hola", name, message_id=item.inbound.id)
        assert self.ledger.accept([again]) == ["duplicate"]
        job = self.ledger._store.hash(item.inbound.id)
        if self.place[job] != "erased" and name not in self.aliases:
            owner = next(person for person in self.people.values() if job in self._items_of(person))
            self.aliases[name] = owner.key
            owner.names.add(name)

    def _items_of(self, person: Person) -> set[str]:
        return {job for job, key in self.owners.items() if self.aliases.get(key, key) == person.key}

    @property
    def owners(self) -> dict[str, str]:
        """Which contact keeps the memory of each message id."""
        client, keys = self.client, self.ledger.keys
        return {
            id_hash.decode(): person.key
            for person in self.people.values()
            for id_hash in client.zrange(keys.of_contact(person.key, "seen"), 0, -1)
        }

    # -- workers ----------------------------------------------------------------------------------------------------

    @rule(
        name=NAMES,
        lane=st.sampled_from(["turns", "turns", "delivery", "delivery", "mirror"]),
        wait_for=st.sampled_from(["nothing", "due", "lease"]),
    )
    def claims(self, name: str, lane: Lane, wait_for: str) -> None:
        self._take(name, lane, wait_for)

    @rule()
    def nothing_is_given_before_its_time(self) -> None:
        now = self.clock.now_ms
        for person in self.people.values():
            for lane, work in person.lanes.items():
                at = person.due_at(lane)
                if work.lease > now + BLUR_MS or (at is not None and at > now + BLUR_MS):
                    assert self.ledger.claim(lane, person.key) is None, f"{lane} of {person.key}"

    @rule(name=NAMES, replies=st.integers(1, 2), timer=TIMERS)
    def a_turn_is_taken(self, name: str, replies: int, timer: str) -> None:
        """The usual case, so that there is something to send."""
        claim = self._take(name, "turns", "lease")
        if claim is not None:
            self._settle(claim, "all", replies, 1, timer, 0.0)

    @rule(name=NAMES, finish=st.sampled_from(["all", "all", "none", "bury"]), hold_s=st.sampled_from([0.0, 30.0]))
    def a_message_is_sent(self, name: str, finish: str, hold_s: float) -> None:
        claim = self._take(name, "delivery", "lease")
        if claim is not None:
            self._renew(claim, claim.jobs[0].id)
            self._settle(claim, finish, 0, 0, "keep", hold_s)

    def _take(self, name: str, lane: Lane, wait_for: str) -> Claim | None:
        person = self.people.get(self.aliases.get(name, name))
        if person is None:
            assert self.ledger.claim(lane, name) is None
            return None
        if wait_for != "nothing" and person.due_at(lane) is not None:
            ready = max(person.due_at(lane) or 0, person.lanes[lane].lease if wait_for == "lease" else 0) + BLUR_MS
            self.clock.advance(max(0, ready - self.clock.now_ms) / 1000)
        self._settle_clock(person, lane)
        work, at, now = person.lanes[lane], person.due_at(lane), self.clock.now_ms
        claim = self.ledger.claim(lane, person.key)
        if work.lease > now or at is None or at > now:
            assert claim is None, f"claimed: lease {work.lease - now} ms, due {at}"
            return None
        assert claim is not None, f"due since {now - at} ms and not given"
        assert [job.id for job in claim.jobs] == person.handed(lane)
        assert [job.attempts for job in claim.jobs] == [work.attempts.get(job.id, 0) + 1 for job in claim.jobs]
        assert (claim.state, claim.owner) == (person.state, person.owner)
        if lane == "delivery":
            assert claim.sending_status == person.statuses.get(claim.jobs[0].id, "")
        assert claim.turn_id not in self.turn_ids
        self.turn_ids.add(claim.turn_id)
        line = (person.key, lane, claim.epoch)
        assert int(claim.token) > self.tokens.get(line, 0), "fencing tokens only grow"
        self.tokens[line] = int(claim.token)
        person.take(lane, claim, now)
        self.given.append(claim)
        return claim

    @precondition(lambda self: self.given)
    @rule(
        number=A_FEW, late=SELDOM, finish=st.sampled_from(["all", "first", "none", "bury"]), replies=st.integers(0, 2),
        mirrors=st.integers(0, 1), timer=TIMERS, hold_s=st.sampled_from([0.0, 30.0]),
    )  # fmt: skip
    def commits(self, number: int, late: bool, finish: str, replies: int, mirrors: int, timer: str, hold_s: float) -> None:
        """In time, late or again."""
        claim = self._claim(number, late=late)
        if claim is not None:
            self._settle(claim, finish, replies, mirrors, timer, hold_s)

    def _settle(self, claim: Claim, finish: str, replies: int, mirrors: int, timer: str, hold_s: float) -> None:
        number = self._number()
        ids = [job.id for job in claim.jobs]
        done = {"all": ids, "first": ids[:1], "none": [], "bury": ids[1:]}[finish]
        agenda, fell_due = self._looked_at(claim, done, timer, f"e{number}") if claim.lane == "turns" else ({}, "")
        wakes_at = min(agenda.values(), default=0)
        settlement = Settlement(
            done=done,
            buried=ids[:1] if finish == "bury" else [],
            reason="hopeless",
            state=json.dumps({"turn": number, "agenda": agenda}).encode() if claim.lane == "turns" else None,
            stage=STAGES[number % len(STAGES)] if claim.lane == "turns" else "",
            name=("ana", "Ana", "")[number % 3] if claim.lane == "turns" else "",
            owner=("", "", "human", "bot")[number % 4] if claim.lane == "turns" else "",
            timer=None if claim.lane != "turns" else moment_of(wakes_at) if wakes_at else "none",
            rows=[b'{"n":%d}' % number],
            deliveries=[(f"o{number}.{place}", b'"m"') for place in range(replies)]
            + ([(f"entry.{fell_due}", b'"m"')] if fell_due else []),
            mirrors=[(f"m{number}.{place}", b'"m"') for place in range(mirrors)],
        )
        if claim.lane == "delivery":
            word = "failed" if finish == "bury" else "queued" if finish == "none" else "sent"
            settlement.statuses = {ids[0]: (word, "", "")}
            settlement.hold_s, settlement.wait_for = hold_s, ids[0] if word == "sent" and hold_s else ""
        self._commit(claim, settlement)

    def _looked_at(self, claim: Claim, done: list[str], timer: str, new: str) -> tuple[dict[str, int], str]:
        """The agenda after a turn, and the entry that was done in it: without messages the earliest one that is due."""
        agenda = planned(claim.state)
        for job in done:
            agenda |= planned(self.left_over.get(job))
        now_ms = round(claim.now.timestamp() * 1000)
        ready = sorted((due, name) for name, due in agenda.items() if due <= now_ms)
        fell_due = ready[0][1] if ready and not claim.jobs else ""
        agenda.pop(fell_due, None)
        agenda = {} if timer == "none" else agenda | ({new: now_ms} if timer == "soon" else {})
        return agenda, fell_due

    def _commit(self, claim: Claim, settlement: Settlement) -> None:
        person = self._holder(claim)
        if person is None:
            there = self.people.get(claim.contact)
            if there is not None and there.lanes[claim.lane].committed == claim.turn_id:
                self.ledger.commit(claim, settlement)
                return
            with pytest.raises(StaleCommit):
                self.ledger.commit(claim, settlement)
            return
        self.ledger.commit(claim, settlement)
        if settlement.state is not None:
            self._note_entries(person, settlement)
        work = person.lanes[claim.lane]
        for job in settlement.done:
            work.drop(job)
            self.place[job] = "committed"
        for job in settlement.buried:
            work.drop(job)
            self.place[job] = "erased" if person.erased else "buried"
            if not person.erased:
                person.letters.add((claim.lane, job))
        if settlement.state is not None:
            person.state, person.stage = settlement.state, settlement.stage
            person.owner = settlement.owner or person.owner
        if settlement.timer is not None:
            person.timer = None if settlement.timer == "none" else round(settlement.timer.timestamp() * 1000)
        for outbox_id, (status, _, _) in settlement.statuses.items():
            person.say(outbox_id, status)
        work.committed = claim.turn_id
        work.give_back()
        if settlement.hold_s and settlement.wait_for not in person.told:
            work.hold, work.wait = self.clock.now_ms + round(settlement.hold_s * 1000), settlement.wait_for
        if person.erased:
            if not person.lanes["delivery"].queue:
                del self.people[person.key]
            return
        for outbox_id, _ in settlement.deliveries:
            person.say(outbox_id, "queued")
        for lane, jobs in (("delivery", settlement.deliveries), ("mirror", settlement.mirrors)):
            for job, _ in jobs:
                person.lanes[lane].queue.append(job)  # type: ignore[index]
                self.place[job] = "waiting"

    def _note_entries(self, person: Person, settlement: Settlement) -> None:
        before, after = planned(person.state), planned(settlement.state)
        for job in settlement.done:
            before |= planned(self.left_over.get(job))
        self.entries |= dict.fromkeys(before.keys() - after.keys(), "cancelled")
        self.entries |= dict.fromkeys(after, "waiting")
        for outbox_id, _ in settlement.deliveries:
            name = outbox_id.removeprefix("entry.")
            if name != outbox_id:
                assert outbox_id not in self.place, f"{name} was done twice"
                self.entries[name] = "done"

    @precondition(lambda self: self.given)
    @rule(number=A_FEW, late=SELDOM, sending=MOSTLY)
    def renews(self, number: int, late: bool, sending: bool) -> None:
        claim = self._claim(number, late=late)
        if claim is not None:
            self._renew(claim, claim.jobs[0].id if sending and claim.lane == "delivery" else "")

    def _renew(self, claim: Claim, outbox_id: str) -> None:
        person = self._holder(claim)
        if person is None:
            with pytest.raises(StaleCommit):
                self.ledger.renew(claim, sending=outbox_id)
            return
        self.ledger.renew(claim, sending=outbox_id)
        person.lanes[claim.lane].lease = self.clock.now_ms + round(LEASE_S * 1000)
        if outbox_id:
            person.say(outbox_id, "sending")

    @precondition(lambda self: self.given)
    @rule(number=A_FEW, late=SELDOM, uncount=st.booleans())
    def retries(self, number: int, late: bool, uncount: bool) -> None:
        claim = self._claim(number, late=late)
        if claim is None:
            return
        self.ledger.retry(claim, after_s=50.0, uncount=uncount)
        person = self._holder(claim)
        if person is None:
            return
        work = person.lanes[claim.lane]
        if uncount:
            for job in claim.jobs:
                work.attempts[job.id] -= 1
        work.give_back()
        work.hold, work.urgent = self.clock.now_ms + 50_000, True

    @rule(seconds=st.sampled_from([3.0, 13.0, 37.0, 97.0]))
    def time_passes(self, seconds: float) -> None:
        """Also how a crash looks: a claim that nobody settles until its lease has ended."""
        self.clock.advance(seconds)

    # -- receipts ---------------------------------------------------------------------------------------------------

    def _sender(self, number: int) -> tuple[Person, str] | None:
        known = sorted((outbox_id, person.key) for person in self.people.values() for outbox_id in person.statuses)
        if not known:
            return None
        outbox_id, key = known[number % len(known)]
        return self.people[key], outbox_id

    @precondition(lambda self: any(person.statuses for person in self.people.values()))
    @rule(number=st.integers(0, 20), status=st.sampled_from(["sent", "delivered", "read", "failed"]), opaque=st.booleans())
    def receives_receipt(self, number: int, status: Any, opaque: bool) -> None:
        found = self._sender(number)
        if found is None:
            return
        person, outbox_id = found
        wamid = f"wamid.{outbox_id}"
        receipt = Receipt(message_id=wamid, status=status, at=NOW, opaque=f"{person.key} {outbox_id}" if opaque else "")
        answer = self.ledger.receive_receipt(receipt)
        if opaque or outbox_id in self.remembered:
            assert answer == person.hear(outbox_id, status)
        else:
            assert answer == "unknown"
            self.parked.setdefault(outbox_id, []).append(status)

    @precondition(lambda self: any(person.statuses for person in self.people.values()))
    @rule(number=st.integers(0, 20))
    def remembers_sent(self, number: int) -> None:
        found = self._sender(number)
        if found is None:
            return
        person, outbox_id = found
        self.ledger.remember_sent(person.key, outbox_id, f"wamid.{outbox_id}")
        if person.erased:
            return
        self.remembered.add(outbox_id)
        for status in self.parked.pop(outbox_id, []):
            person.hear(outbox_id, status)

    # -- operators --------------------------------------------------------------------------------------------------

    @precondition(lambda self: any(person.letters for person in self.people.values()))
    @rule(number=st.integers(0, 20))
    def replays(self, number: int) -> None:
        letters = sorted((*letter, person.key) for person in self.people.values() for letter in person.letters)
        if not letters:
            return
        lane, job, key = letters[number % len(letters)]
        person = self.people[key]
        assert self.ledger.replay(key, lane, job)
        assert not self.ledger.replay(key, lane, job)
        person.letters.remove((lane, job))
        person.lanes[lane].queue.append(job)
        if lane == "delivery":
            person.statuses[job] = "queued"
        self.place[job] = "waiting"

    @rule(name=NAMES, sure=SELDOM)
    def resets(self, name: str, sure: bool) -> None:
        if not sure:
            return
        key = self.aliases.get(name, name)
        self.ledger.forget(key, erase=False)
        person = self.people.get(key)
        if person is not None and not person.erased:
            self._reset(person, [])

    def _reset(self, person: Person, finished: list[str]) -> None:
        for job in person.lanes["delivery"].queue:
            self.place[job] = "erased"
        for job in finished:
            self.place[job] = "committed"
            self.entries |= dict.fromkeys(planned(self.left_over.get(job)), "gone")
        self.entries |= dict.fromkeys(planned(person.state), "gone")
        person.reset(finished)

    @rule(name=NAMES, takes=SELDOM)
    def an_operator_speaks(self, name: str, takes: bool) -> None:
        person = self.people.get(self.aliases.get(name, name))
        if person is None or person.erased:
            return
        outbox_id = f"p{self._number()}"
        owner = "human" if takes else ""
        self.ledger.speak(person.key, [(outbox_id, b'"m"', b'{"text":"by hand"}')], owner=owner)
        person.owner = owner or person.owner
        person.lanes["delivery"].queue.append(outbox_id)
        person.statuses[outbox_id] = "queued"
        self.place[outbox_id] = "waiting"

    @rule(name=NAMES, ago_s=st.sampled_from([0.0, 0.0, 60.0]))
    def a_human_says_something_in_the_crm(self, name: str, ago_s: float) -> None:
        """Perhaps some time ago, and nobody told us."""
        outbox_id = f"cw.{self._number()}"
        message = (outbox_id, b'"m"', b'{"text":"from there"}')
        written_ms = self.clock.now_ms - round(ago_s * 1000)
        key = self.aliases.get(name, name)
        is_old = written_ms <= self.erased_at.get(key, 0) + 5_000
        assert self._says(key, message, written_ms) == (not is_old)
        if is_old:
            return
        self.said.append((name, message))
        person = self.people.setdefault(key, Person(key))
        self.aliases[name] = key
        person.names.add(name)
        person.erased = False
        person.lanes["delivery"].queue.append(outbox_id)
        person.statuses[outbox_id] = "queued"
        self.place[outbox_id] = "waiting"

    @precondition(lambda self: self.said)
    @rule(number=st.integers(0, 20))
    def what_was_said_there_is_found_again(self, number: int) -> None:
        """By a clock that is ahead, whoever the person has become since, also after an erasure."""
        name, message = self.said[number % len(self.said)]
        assert self._says(self.aliases.get(name, name), message, self.clock.now_ms + 3_600_000) == 0

    def _says(self, key: str, message: tuple[str, bytes, bytes], written_ms: int) -> int:
        origin = Origin("1", datetime.fromtimestamp(written_ms / 1000, UTC))
        return self.ledger.speak(key, [message], origin=origin)

    @rule(name=NAMES, outdated=SELDOM)
    def an_operator_amends(self, name: str, outdated: bool) -> None:
        person = self.people.get(self.aliases.get(name, name))
        if person is None:
            return
        self._settle_clock(person, "turns")
        agenda = planned(person.state)
        state = json.dumps({"amended": self._number(), "agenda": agenda}).encode()
        expected = b"outdated" if outdated else person.state
        timer = min(agenda.values(), default=None)
        amendment = Amendment(
            expected=expected, state=state, stage="COTIZACION", name="", owner="bot", timer=moment_of(timer) if timer else None
        )
        assert self.ledger.amend(person.key, amendment) == (not outdated and not person.erased)
        if not outdated and not person.erased:
            person.state, person.timer = state, timer
            person.stage, person.owner = "COTIZACION", "bot"
            person.interrupt_turn(self.clock.now_ms)

    @precondition(lambda self: self.given)
    @rule(number=A_FEW, late=SELDOM, erase=SELDOM, farewell=st.booleans())
    def forgets_within_a_turn(self, number: int, late: bool, erase: bool, farewell: bool) -> None:
        claim = self._claim(number, late=late)
        if claim is None or claim.lane != "turns":
            return
        last_word = (f"bye{self._number()}", b'"adios"') if erase and farewell else None
        person = self._holder(claim)
        if person is None:
            with pytest.raises(StaleCommit):
                self.ledger.forget(claim.contact, erase=erase, claim=claim, farewell=last_word)
            return
        self.ledger.forget(claim.contact, erase=erase, claim=claim, farewell=last_word)
        if erase:
            self._erase(person, last_word)
        elif not person.erased:
            self._reset(person, [job.id for job in claim.jobs])

    @rule(name=NAMES, die_before=st.integers(0, 8), sure=SELDOM)
    def erases(self, name: str, die_before: int, sure: bool) -> None:
        """Perhaps interrupted and repeated."""
        if not sure:
            return
        key = self.aliases.get(name, name)
        person = self.people.get(key)
        self._interrupted(die_before, lambda ledger: ledger.forget(key, erase=True))
        self.erased_at[key] = self.clock.now_ms  # also of somebody who was never there
        if person is not None:
            self._erase(person, None)
        else:  # whoever wrote to them before that stays away all the same
            self.erased_at[key] = self.clock.now_ms

    def _erase(self, person: Person, farewell: tuple[str, bytes] | None) -> None:
        self.entries |= dict.fromkeys(planned(person.state), "gone")
        for work in person.lanes.values():
            for job in work.queue:
                self.place[job] = "erased"
        for _, job in person.letters:
            self.place[job] = "erased"
        for job, key in self._owners_before.items():
            if key == person.key:
                self.place[job] = "erased"
        del self.people[person.key]
        self.erased_at |= dict.fromkeys({person.key, *person.names}, self.clock.now_ms)
        self.aliases = {name: key for name, key in self.aliases.items() if key != person.key}
        if farewell:
            reborn = Person(person.key, erased=True)
            reborn.lanes["delivery"].queue.append(farewell[0])
            self.place[farewell[0]] = "waiting"
            self.people[person.key] = reborn

    @precondition(lambda self: len(self.people) > 1)
    @rule(die_before=st.integers(0, 14), turned=st.booleans())
    def merges(self, die_before: int, turned: bool) -> None:
        """Two of those who are there; perhaps interrupted, and finished by whoever comes next."""
        keys = sorted((key for key in self.people), key=lambda key: ("ES" in key, key))
        if len(keys) < 2:
            return
        pair = keys[1::-1] if turned else keys[:2]
        self._interrupted(die_before, lambda ledger: ledger.merge(*pair))
        self._absorb(self.people[keys[0]], self.people.pop(keys[1]))

    def _interrupted(self, die_before: int, operation: Any) -> None:
        if die_before:
            client = interposed(self.url)
            doomed = self._new_ledger(client)
            doomed.ping()
            client.arm(die_before, die)
            with suppress(Killed):
                operation(doomed)
            client.close()
        operation(self.ledger)

    # -- what is always true ----------------------------------------------------------------------------------------

    @invariant()
    def the_store_is_what_the_model_says(self) -> None:
        self._owners_before = self.owners
        keys = self.ledger.keys
        for person in self.people.values():
            for lane, work in person.lanes.items():
                assert queued(self.ledger, lane, person.key) == work.queue, f"{lane} of {person.key}"
                at, wakes_at = person.due_at(lane), self.client.zscore(keys.lane(person.key, lane)[2], person.key)
                if at is not None:
                    latest = work.lease if work.lease > self.clock.now_ms else max(at, self.clock.now_ms)
                    assert wakes_at is not None, f"{lane} of {person.key} sleeps for ever"
                    assert wakes_at < latest + BLUR_MS, f"{lane} of {person.key} wakes too late"
                stored = self.client.hgetall(keys.lane(person.key, lane)[1])
                attempts = {name[2:].decode(): int(tried) for name, tried in stored.items() if name.startswith(b"a:")}
                assert {job: tried for job, tried in attempts.items() if tried} == {
                    job: tried for job, tried in work.attempts.items() if tried
                }
            out = self.client.hgetall(keys.of_contact(person.key, "out"))
            statuses = {name[2:].decode(): status.decode() for name, status in out.items() if name.startswith(b"s:")}
            assert statuses == person.statuses
            letters = {name.decode() for name in self.client.hkeys(keys.of_contact(person.key, "dead"))}
            assert letters == {f"{lane}:{job}" for lane, job in person.letters}
            state, stage, owner = self.client.hmget(keys.of_contact(person.key, "record"), "state", "i.stage", "owner")
            assert state == person.state
            assert (stage.decode() if stage else None, (owner or b"").decode()) == (person.stage, person.owner)

    @invariant()
    def everything_accepted_is_exactly_once_somewhere(self) -> None:
        waiting = [job for person in self.people.values() for work in person.lanes.values() for job in work.queue]
        buried = [job for person in self.people.values() for _, job in person.letters]
        assert sorted(waiting) == sorted(job for job, place in self.place.items() if place == "waiting")
        assert sorted(buried) == sorted(job for job, place in self.place.items() if place == "buried")
        dead = {
            name.decode().rpartition(":")[2]
            for shard in range(2)
            for name in self.client.zrange(f"iv:{{s{shard:02d}}}:dead", 0, -1)
        }
        assert dead == set(buried)

    @invariant()
    def every_entry_is_once_somewhere_and_wakes_somebody(self) -> None:
        """In the agenda of a conversation, or in one that was left over by a merge and has not been looked at yet."""
        for job, state in self.left_over.items():
            if self.place[job] == "erased":
                self.entries |= dict.fromkeys(planned(state), "gone")
        found = [name for person in self.people.values() for name in planned(person.state)]
        found += [
            name for job, state in self.left_over.items() if self.place[job] in ("waiting", "buried") for name in planned(state)
        ]
        assert sorted(found) == sorted(name for name, where in self.entries.items() if where == "waiting")
        for person in self.people.values():
            due = min(planned(person.state).values(), default=None)
            timer = self.client.hget(self.ledger.keys.of_contact(person.key, "record"), "timer")
            assert due is None or (timer is not None and int(timer) <= due), f"{person.key} sleeps through an entry"

    @invariant()
    def nothing_sleeps_and_no_counter_lies(self) -> None:
        assert audit(self.ledger, self.clock.now_ms) == []

    @invariant()
    def nothing_is_left_of_who_was_erased(self) -> None:
        present = {name for person in self.people.values() for name in (person.key, *person.names)}
        present |= set(self.aliases)
        absent = [name.partition(":")[2] for name in (PHONE, OTHER_PHONE, BY_ID) if name not in present]
        if absent:
            assert traces(self.client, *absent) == []


def run(url: str, max_examples: int, *, only_find: bool = False) -> None:
    """Looks for a history in which the ledger and the model differ. Raises what it finds; `only_find`: the same search every
    time, and what is found is not made shorter."""
    bound = type("BoundMachine", (LedgerMachine,), {"url": url})
    patient = settings(
        max_examples=max_examples,
        stateful_step_count=50,
        deadline=None,
        database=None,
        print_blob=False,
        derandomize=only_find,
        phases=[Phase.generate] if only_find else [Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(bound, settings=patient)


@pytest.mark.timeout(3_600)
def test_the_ledger_does_what_the_model_does(valkey_url: str) -> None:
    run(valkey_url, settings().max_examples // 2)
