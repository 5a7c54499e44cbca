"""Entries of the agenda at work: once, fenced like a turn, with a fate for bad moments, across restarts and upgrades."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from src.agent import state as states
from src.agent.agenda import EXPIRE, KINDS, NOBODY_CAME, RETENTION, Agenda, Entry, Fate, Kind
from src.agent.state import Conversation, Handoff, Step
from src.desk.agenda import MOST_TRIES, PAUSED_LOOK, Done, Handler
from src.desk.handoff import Handoffs
from src.desk.ports import Alert, Amendment, Settlement
from src.desk.turns import Turns
from src.errors import StaleCommit
from src.messages import Contact, Content, Event
from src.worker import Worker
from tests.desk.fakes import ANA, APOLOGY, RETENTION_DAYS, Office
from tests.desk.operators_kit import DAY_S, TIMEOUT_S, Counter, turns_of_another_process
from tests.kit.kept import a_quote

HOUR = timedelta(hours=1)
BIRTHDAY = "birthday"


class House(Counter):
    """An office with one kind more than we come with, and doors that are open or shut."""

    def __init__(self, office: Office) -> None:
        self.shut_for: timedelta | None = None
        self.done: list[Entry] = []
        self.breaks = 0
        super().__init__(office)
        self.knows(Kind(owner="handoffs", label="felicitar"))

    def knows(self, kind: Kind, handler: Handler | None = None) -> None:
        self.turns = Turns(
            self.ledger,
            self.agent,
            {"whatsapp": self.channel},
            apology=APOLOGY,
            retention_days=RETENTION_DAYS,
            courtesy=lambda courtesy: courtesy(),
            handoffs=Handoffs(timeout_s=TIMEOUT_S, alarm=self.alerts.append),
            kinds={**KINDS, BIRTHDAY: kind},
            handlers={BIRTHDAY: handler or self.congratulate},
            opens=lambda at: at + (self.shut_for or timedelta()),
        )
        self.worker = Worker(self.ledger, self.turns, self.deliveries, threads=1)

    def congratulate(self, conversation: Conversation, entry: Entry, now: datetime) -> Done:
        del now
        if self.breaks:
            self.breaks -= 1
            raise RuntimeError("a bug")
        self.done.append(entry)
        return Done(
            word="congratulated",
            conversation=conversation,
            says=(Content(text="¡Felicidades!"),),
            events=(Event("birthday"),),
            counts={"birthdays": 1},
            alert=Alert("agenda.due", conversation.contact.key, BIRTHDAY, urgent=False),
        )

    def plans(self, *entries: Entry) -> None:
        """A turn that puts these on the agenda."""

        def planning(conversation: Conversation, _inbounds: Any, now: datetime) -> Step:
            agenda = conversation.agenda
            for entry in entries:
                agenda = agenda.with_entry(entry)
            return Step(conversation=msgspec.structs.replace(conversation, agenda=agenda, updated_at=now))

        self.agent.decide = planning
        self.hears("hola")
        self.turn()
        self.agent.decide = self.agent.echo

    def in_s(self, seconds: float, kind: str = BIRTHDAY, key: str = "2026") -> Entry:
        return Entry(kind=kind, due=self.ledger.server_time() + timedelta(seconds=seconds), key=key)

    def entry(self, kind: str = BIRTHDAY) -> Entry | None:
        return self.conversation().agenda.get(kind)


@pytest.fixture
def house(office: Office) -> House:
    return House(office)


def test_a_new_kind_is_a_row_and_a_handler(house: House) -> None:
    house.plans(house.in_s(60))
    assert house.ledger.claim("turns", ANA) is None, "not before its time"
    house.skew.advance(61)
    assert house.turn() == "congratulated"
    assert [one.key for one in house.done] == ["2026"]
    assert house.deliver() == "sent"
    assert house.channel.texts == ["¡Felicidades!"]
    assert (house.counts("birthdays"), house.events().count("birthday")) == (1, 1)
    assert house.alerts == [Alert("agenda.due", ANA, BIRTHDAY, False)]
    assert house.entry() is None
    assert house.faults() == []
    house.skew.advance(3600)
    assert house.ledger.claim("turns", ANA) is None


def test_a_kind_without_a_handler_or_with_none_to_handle_does_not_start(house: House) -> None:
    with pytest.raises(ValueError, match="teapot"):
        Turns(
            house.ledger, house.agent, {}, apology=APOLOGY, retention_days=1, courtesy=lambda _: None,
            kinds={**KINDS, "teapot": Kind(owner="handoffs")},
        )  # fmt: skip
    with pytest.raises(ValueError, match="teapot"):
        Turns(
            house.ledger, house.agent, {}, apology=APOLOGY, retention_days=1, courtesy=lambda _: None,
            handlers={"teapot": house.congratulate},
        )  # fmt: skip


def test_every_kind_we_come_with_has_its_handler(office: Office) -> None:
    assert {kind.owner for kind in KINDS.values()} <= {"sale", "handoffs", "retention", "pause"}
    assert office.turns is not None  # it was made: see the check above


def test_what_was_done_is_not_taken_up_again_by_its_key(house: House) -> None:
    house.plans(house.in_s(60))
    house.skew.advance(61)
    house.turn()
    house.plans(house.in_s(60))
    house.skew.advance(61)
    assert house.ledger.claim("turns", ANA) is None
    assert len(house.done) == 1


def test_entries_due_together_are_done_one_by_one_in_their_order(house: House) -> None:
    house.plans(house.in_s(30, key="second"), house.in_s(20, key="first"), house.in_s(10, EXPIRE, ""))
    house.skew.advance(61)
    assert [house.turn(), house.turn(), house.turn()] == [EXPIRE, "congratulated", "congratulated"]
    assert [one.key for one in house.done] == ["first", "second"]
    assert house.ledger.claim("turns", ANA) is None


def test_a_message_goes_before_what_is_due_and_takes_nothing_of_it_along(house: House) -> None:
    house.plans(house.in_s(60))
    house.skew.advance(61)
    house.hears("¿me oye?")
    assert house.turn() == "answered"
    assert house.done == []
    assert house.turn() == "congratulated"


# --- fenced like a turn -------------------------------------------------------------------------------------------------


def test_a_worker_that_stood_still_does_nothing_a_second_time(house: House) -> None:
    house.plans(house.in_s(60))
    house.skew.advance(61)
    slow = house.claim("turns")
    house.skew.advance(house.ledger.lease_s + 1)
    assert house.turn() == "congratulated"
    with pytest.raises(StaleCommit):
        house.turns.work(slow)
    assert len(house.waiting("delivery")) == 1
    assert house.counts("birthdays") == 1
    assert len(house.alerts) == 1, "the alarm is raised behind the commit"


def test_an_answer_that_was_lost_is_given_again(house: House) -> None:
    house.plans(house.in_s(60))
    house.skew.advance(61)
    claim = house.claim("turns")
    house.turns.work(claim)
    house.turns.work(claim)
    assert len(house.waiting("delivery")) == 1


def test_a_worker_that_dies_leaves_it_to_the_next_one(house: House) -> None:
    house.plans(house.in_s(60))
    house.skew.advance(61)
    house.claim("turns")
    house.skew.advance(house.ledger.lease_s + 1)
    assert house.turn() == "congratulated"


def test_a_correction_meanwhile_makes_it_be_looked_at_anew(house: House) -> None:
    house.plans(house.in_s(60))
    house.skew.advance(61)
    claim = house.claim("turns")
    house.people.correct(ANA, {"age": 45})
    with pytest.raises(StaleCommit):
        house.turns.work(claim)
    house.done.clear()
    assert house.turn() == "congratulated"
    assert house.conversation().profile["age"] == 45


def test_an_erasure_takes_the_agenda_along(house: House) -> None:
    house.plans(house.in_s(60))
    house.ledger.forget(ANA, erase=True)
    house.skew.advance(61)
    assert house.ledger.claim("turns", ANA) is None


# --- bad moments --------------------------------------------------------------------------------------------------------


def a_person_has_it(house: House) -> None:
    house.people.take_over(ANA)


def it_is_paused(house: House) -> None:
    house.people.pause()
    turns_of_another_process(house)


def it_is_closed(house: House) -> None:
    house.shut_for = HOUR


MOMENTS: dict[str, Callable[[House], None]] = {"human": a_person_has_it, "paused": it_is_paused, "closed": it_is_closed}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("fate", ["do", "wait", "drop", "tell"])
def test_what_becomes_of_an_entry_at_a_bad_moment(house: House, moment: str, fate: Fate) -> None:
    house.knows(Kind(owner="handoffs", label="felicitar", **{moment: fate}))
    house.plans(house.in_s(60))
    MOMENTS[moment](house)
    house.skew.advance(61)
    word = house.turn()
    if moment == "human" and fate == "wait":  # doors look once that do not know this kind
        assert word == "nothing_due"
        assert house.ledger.claim("turns", ANA) is None, "it wakes nobody"
        assert house.entry()
        return
    assert word == {"do": "congratulated", "wait": "put_off", "drop": "dropped", "tell": "told"}[fate]
    assert len(house.done) == (fate == "do")
    assert (house.entry() is not None) == (fate == "wait")
    assert house.events().count("agenda.dropped") == (fate == "drop")
    assert house.alerts == ([Alert("agenda.due", ANA, BIRTHDAY, False)] if fate in ("do", "tell") else [])
    if fate == "do":
        assert len(house.waiting("delivery")) == (moment != "paused"), "paused, nothing is said to anybody"
    assert house.ledger.claim("turns", ANA) is None
    assert house.faults() == []


def test_what_waits_for_a_hand_back_is_done_then(house: House) -> None:
    house.knows(Kind(owner="handoffs", human="wait"))
    house.plans(house.in_s(60))
    house.people.take_over(ANA)
    house.skew.advance(DAY_S)
    assert house.turn() == "nothing_due"
    assert house.ledger.claim("turns", ANA) is None
    house.people.hand_back(ANA)
    assert house.turn() == "congratulated"


def test_what_waits_for_the_end_of_a_pause_is_done_soon_after(house: House) -> None:
    house.knows(Kind(owner="handoffs", paused="wait"))
    house.plans(house.in_s(60))
    it_is_paused(house)
    house.skew.advance(61)
    assert house.turn() == "put_off"
    house.people.resume()
    house.skew.advance(PAUSED_LOOK.total_seconds() + 1)
    assert house.turn() == "congratulated"


def test_what_waits_for_the_house_is_done_when_it_opens(house: House) -> None:
    house.knows(Kind(owner="handoffs", closed="wait"))
    house.plans(house.in_s(60))
    it_is_closed(house)
    house.skew.advance(61)
    assert house.turn() == "put_off"
    wait_s = house.due_in_s("turns")
    assert wait_s is not None
    assert abs(wait_s - HOUR.total_seconds()) < 10
    house.shut_for = None
    house.skew.advance(HOUR.total_seconds() + 1)
    assert house.turn() == "congratulated"


def test_a_human_who_replies_in_the_crm_stops_what_waits_for_a_hand_back_without_a_turn(house: House) -> None:
    """Their words change the owner beside the turns, so the store still wakes somebody, once."""
    house.knows(Kind(owner="handoffs", human="wait"))
    house.plans(house.in_s(60))
    house.ledger.speak(ANA, [("cw.1", b'"m"', b"{}")], owner="human")
    house.skew.advance(61)
    assert house.turn() == "nothing_due"
    assert house.ledger.claim("turns", ANA) is None
    house.people.hand_back(ANA)
    assert house.turn() == "congratulated"


# --- when it cannot be done ---------------------------------------------------------------------------------------------


def test_what_fails_is_tried_again_and_then_a_person_is_told(house: House) -> None:
    house.plans(house.in_s(60))
    house.breaks = MOST_TRIES
    for _ in range(MOST_TRIES):
        house.skew.advance(3600)
        house.attend("turns")
    assert house.entry() is None
    assert house.alerts == [Alert("agenda.failed", ANA, BIRTHDAY, False)]
    assert house.events().count("agenda.failed") == MOST_TRIES
    house.skew.advance(3600)
    assert house.ledger.claim("turns", ANA) is None


def test_what_failed_once_is_done_a_little_later(house: House) -> None:
    house.plans(house.in_s(60))
    house.breaks = 1
    house.skew.advance(61)
    house.attend("turns")
    assert house.ledger.claim("turns", ANA) is None, "not at once"
    house.skew.advance(61)
    assert house.turn() == "congratulated"
    assert house.alerts == [Alert("agenda.due", ANA, BIRTHDAY, False)]


def test_what_fails_holds_up_no_message(house: House) -> None:
    house.plans(house.in_s(60))
    house.breaks = MOST_TRIES
    house.skew.advance(61)
    house.attend("turns")
    house.hears("¿me oye?")
    assert house.turn() == "answered"


def test_a_kind_that_nobody_knows_yet_waits_for_who_does(house: House) -> None:
    house.plans(house.in_s(60, "of_a_later_version"))
    house.skew.advance(61)
    assert house.turn() == "put_off"
    assert house.entry("of_a_later_version")
    assert house.ledger.claim("turns", ANA) is None


# --- whose entries are whose --------------------------------------------------------------------------------------------


def test_the_end_of_the_sale_leaves_the_call_of_a_person_alone(house: House) -> None:
    """Who accepted while a person was being called is still told when nobody comes."""
    house.hands_over()
    house.agent.decides(changes={"agenda": house.conversation().agenda.after_end(opted_out=True)})
    house.hears("acepto")
    house.turn()
    assert house.entry(NOBODY_CAME)
    house.skew.advance(TIMEOUT_S + 1)
    assert house.turn() == "unanswered"


def test_what_a_human_is_told_leaves_the_agenda_as_it_was(house: House) -> None:
    house.plans(house.in_s(60))
    house.people.take_over(ANA)
    house.hears("me llamo Ana")
    assert house.turn() == "listened"
    assert house.entry()


def test_a_promise_keeps_somebody_until_it_is_done_and_the_time_of_everybody_after_that(house: House) -> None:
    house.knows(Kind(owner="handoffs", keeps=True))
    house.plans(house.in_s(40 * DAY_S))
    house.skew.advance(40 * DAY_S + 1)
    assert house.turn() == "congratulated"
    wait_s = house.due_in_s("turns")
    assert wait_s is not None
    assert abs(wait_s - RETENTION_DAYS * DAY_S) < 60
    house.skew.advance(RETENTION_DAYS * DAY_S + 60)
    assert house.turn() == "forgotten"


def test_what_was_promised_outlives_a_merge_of_two_conversations(house: House) -> None:
    """Ana wrote under her number and under a user id: of the two conversations one goes on, and both promises are kept."""
    house.knows(Kind(owner="handoffs", keeps=True))
    house.plans(house.in_s(60, key="of her number"))
    by_id = "whatsapp:ES.99"
    house.agent.decides(changes={"agenda": Agenda().with_entry(house.in_s(90, key="of her id")), "quotes": [a_quote()]})
    house.hears("hola", contact=by_id, who=Contact(key=by_id, channel="whatsapp", bsuid="ES.99"))
    house.turn(by_id)
    house.agent.decide = house.agent.echo
    assert house.ledger.alias(ANA, by_id) == ANA
    assert house.turn() == "recorded"
    assert house.waiting("turns") == []
    assert [entry.key for entry in house.conversation().agenda.entries if entry.kind == BIRTHDAY] == [
        "of her number",
        "of her id",
    ]
    assert house.conversation().quotes == [], "the rest is the conversation's that goes on"
    house.skew.advance(100)
    assert [house.turn(), house.turn()] == ["congratulated", "congratulated"]
    assert house.faults() == []


def test_a_left_over_conversation_that_nobody_can_read_is_buried(house: House) -> None:
    house.plans(house.in_s(60))
    by_id = "whatsapp:ES.99"
    house.hears("hola", contact=by_id, who=Contact(key=by_id, channel="whatsapp", bsuid="ES.99"))
    house.turn(by_id)
    house.ledger.write.hset(house.ledger.keys.of_contact(by_id, "record"), {"state": "{"})
    house.ledger.alias(ANA, by_id)
    assert house.turn() == "unreadable"
    assert [letter.lane for letter in house.records.dead_letters()] == ["turns"]
    house.skew.advance(61)
    assert house.turn() == "congratulated"


# --- upgraded in place --------------------------------------------------------------------------------------------------


def store_as_before(house: House, timers: dict[str, datetime], owner: str = "bot") -> None:
    """What the version before this one left of Ana: names and times in the state, the earliest one in the record."""
    stored = msgspec.json.decode(states.encode(house.conversation()))
    del stored["schema"], stored["agenda"]
    written = {name: at.isoformat() for name, at in timers.items()}
    record = house.records.record(ANA)
    assert record is not None
    amendment = Amendment(
        expected=record.state,
        state=msgspec.json.encode({**stored, "timers": written, "owner": owner}),
        stage="INICIO",
        name="",
        owner=owner,
        timer=min(timers.values()),
    )
    assert house.ledger.amend(ANA, amendment)


def test_timers_of_a_running_installation_go_on(house: House) -> None:
    house.greets()
    now = house.ledger.server_time()
    store_as_before(
        house,
        {NOBODY_CAME: now + HOUR, EXPIRE: now + 2 * HOUR, RETENTION: now + 5 * HOUR},
        owner="human",
    )
    house.skew.advance(3601)
    assert house.turn() == "unanswered"
    house.skew.advance(3601)
    assert house.turn() == EXPIRE
    house.skew.advance(RETENTION_DAYS * DAY_S)
    assert house.turn() == "forgotten"


def test_somebody_who_was_last_looked_at_by_the_old_version_is_forgotten_in_time(house: House) -> None:
    house.greets()
    store_as_before(house, {RETENTION: house.ledger.server_time() + HOUR})
    house.skew.advance(3601)
    assert house.turn() == "forgotten"
    assert house.records.record(ANA) is None


def test_a_message_after_the_upgrade_keeps_what_was_due(house: House) -> None:
    house.greets()
    expires = house.ledger.server_time() + 2 * HOUR
    store_as_before(house, {EXPIRE: expires, RETENTION: expires + HOUR})
    house.hears("sigo aquí")
    house.turn()
    entry = house.entry(EXPIRE)
    assert entry is not None
    assert entry.due == expires


def test_a_hand_over_from_before_ends_as_one_from_now(house: House) -> None:
    house.agent.decides(handoff=Handoff("asked"), changes={"owner": "human"})
    house.hears("una persona")
    house.turn()
    store_as_before(house, {NOBODY_CAME: house.ledger.server_time() + HOUR}, owner="human")
    house.people.say(ANA, {"text": "Hola, soy Marta."})
    assert house.entry(NOBODY_CAME) is None


def test_the_ledger_is_told_when_to_look_and_nothing_else(house: House) -> None:
    """Kinds, keys and data are the desk's: the store's record has one number."""
    house.plans(house.in_s(60), house.in_s(90, key="later"))
    record: Any = house.ledger.client.hgetall(house.ledger.keys.of_contact(ANA, "record"))
    entry = house.entry()
    assert entry is not None
    assert int(record[b"timer"]) == round(entry.due.timestamp() * 1000)
    assert not [name for name in record if b"birthday" in name]


def test_a_settlement_without_state_leaves_the_agenda(house: House) -> None:
    house.plans(house.in_s(60))
    house.hears("una más")
    claim = house.claim("turns")
    house.ledger.commit(claim, Settlement(done=[job.id for job in claim.jobs]))
    house.skew.advance(61)
    assert house.turn() == "congratulated"


def test_an_agenda_is_empty_for_somebody_new() -> None:
    assert Agenda().wakes_at(human=False) is None
