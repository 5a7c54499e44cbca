"""Who wants to be written to later, and who wants to be called: understood, confirmed with a date, kept, taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from src.agent.agenda import CALL, PROMISE
from src.house.hours import house_hours
from tests.agent.talk import HOUSE, START, Talk, at_proposal

OFFICE = msgspec.structs.replace(
    HOUSE, hours=house_hours("L-V 9:00-14:00 y 16:00-19:00", zone="Europe/Madrid", holidays="ES-MD")
)


def talking(stage: str = "asked") -> Talk:
    talk = Talk(OFFICE)
    if stage != "new":
        talk.agree().answer_until("smoker")
    if stage in ("proposal", "declined"):
        talk.answer_until()
    if stage == "declined":
        talk.press("decline")
    return talk


def utc(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


SAID = {  # START is Friday, 20 November, 11:00 where the house is
    "avísame luego": (utc(11, 20, 15), "hoy a las 16:00"),
    "mejor escríbeme mañana": (utc(11, 23, 8), "el lunes 23 de noviembre a las 9:00"),
    "ahora no puedo, avísame la semana que viene": (utc(11, 23, 9), "el lunes 23 de noviembre a las 10:00"),
    "recuérdamelo en enero": (utc(1, 4, 8, year=2027), "el lunes 4 de enero a las 9:00"),
    "avísame cuando cobre": (utc(12, 1, 9), "el martes 1 de diciembre a las 10:00"),
    "¿me escribes el 8 de diciembre?": (utc(12, 9, 8), "el miércoles 9 de diciembre a las 9:00"),
}


@pytest.mark.parametrize("words", SAID)
@pytest.mark.parametrize("stage", ["asked", "proposal", "declined"])
def test_it_is_confirmed_with_a_date_within_hours_and_kept(words: str, stage: str) -> None:
    talk = talking(stage)
    talk.now = START - talk.pause
    talk.say(words)
    due, when = SAID[words]
    entry = talk.conversation.agenda.get(PROMISE)
    assert entry is not None
    assert abs(entry.due - due) < timedelta(hours=1, minutes=30)
    assert entry.due == due or "luego" in words
    assert when in talk.text or "luego" in words
    assert "guard.reply_replaced" not in talk.events()
    assert talk.conversation.owner == "bot"


def test_without_a_time_it_is_asked_for() -> None:
    talk = talking()
    talk.say("avísame")
    assert "Cuándo" in talk.text
    assert talk.conversation.agenda.get(PROMISE) is None
    talk.say("en enero")
    assert talk.conversation.agenda.get(PROMISE) is not None


def test_the_button_after_a_no_asks_when() -> None:
    talk = talking("declined")
    talk.press("more:follow_up")
    assert "Cuándo" in talk.text
    talk.say("la semana que viene")
    assert talk.conversation.agenda.get(PROMISE) is not None


def test_a_newer_promise_replaces_the_one_before() -> None:
    talk = talking()
    talk.say("avísame en enero")
    talk.say("mejor avísame en febrero")
    assert [entry.due.month for entry in talk.conversation.agenda.entries if entry.kind == PROMISE] == [2]


def test_thanks_leave_it_and_going_on_ends_it() -> None:
    talk = talking()
    talk.say("avísame en enero")
    talk.mean("thanks")
    assert talk.conversation.agenda.get(PROMISE)
    talk.mean("smoker=false")
    assert talk.conversation.agenda.get(PROMISE) is None


@pytest.mark.parametrize("intent", ["opt_out", "data_erase"])
def test_baja_and_erasure_end_it(intent: str) -> None:
    talk = talking()
    talk.say("avísame en enero")
    talk.mean(intent)
    assert talk.conversation.agenda.get(PROMISE) is None


@pytest.mark.parametrize("words", ["no me escribas más", "no hace falta que me avises", "en enero me caso", "tengo 45 años"])
def test_who_does_not_ask_for_it_is_promised_nothing(words: str) -> None:
    talk = talking()
    talk.say(words)
    assert talk.conversation.agenda.get(PROMISE) is None


def kept(stage: str) -> Talk:
    talk = talking(stage)
    talk.say("avísame en enero")
    entry = talk.conversation.agenda.get(PROMISE)
    assert entry is not None
    talk.now = entry.due
    talk.step = talk.agent.fall_due(talk.conversation, entry, entry.due)
    talk.conversation = talk.step.conversation
    return talk


@pytest.mark.parametrize("stage", ["asked", "proposal", "declined"])
def test_then_it_is_written_and_a_yes_goes_on(stage: str) -> None:
    talk = kept(stage)
    assert "BAJA" in talk.step.replies[0].text
    assert "guard.reply_replaced" not in [event.name for event in talk.step.events]
    talk.mean("affirm")
    assert talk.stage != "FINALIZADO"
    assert talk.awaiting is not None


def test_who_wants_nothing_any_more_is_not_written_to() -> None:
    talk = talking()
    talk.say("avísame en enero")
    entry = talk.conversation.agenda.get(PROMISE)
    assert entry is not None
    for outcome in ("opted_out", "consent_refused", "ineligible", "accepted"):
        talk.conversation.outcome = outcome  # type: ignore[assignment]
        assert talk.agent.fall_due(talk.conversation, entry, entry.due).replies == ()


# --- to be called -------------------------------------------------------------------------------------------------------


def accepted() -> Talk:
    talk = at_proposal()
    talk.agent = Talk(OFFICE).agent
    talk.choose(1)
    talk.accept()
    return talk


def test_the_time_to_call_is_kept_after_an_acceptance_and_a_person_is_told_then() -> None:
    talk = accepted()
    talk.say("mañana por la tarde")
    entry = talk.conversation.agenda.get(CALL)
    assert entry is not None
    assert entry.due == utc(11, 23, 8), "tomorrow is a Saturday: when somebody is there next"
    assert "el lunes 23 de noviembre a las 9:00" in talk.text
    step = talk.agent.fall_due(talk.conversation, entry, entry.due)
    assert step.handoff is not None
    assert step.handoff.reason == "call_due"
    assert (step.replies, step.conversation.owner) == ((), "bot")


def test_who_is_offered_a_call_when_nobody_is_there_and_says_yes_is_called_then() -> None:
    talk = talking()
    talk.now = datetime(2026, 12, 4, 20, 0, tzinfo=UTC)
    talk.mean("human")
    talk.mean("affirm")
    entry = talk.conversation.agenda.get(CALL)
    assert entry is not None
    assert entry.due == utc(12, 9, 8), "Monday and Tuesday are holidays"
    assert talk.step.replies == ()


def test_who_names_another_time_is_called_then() -> None:
    talk = talking()
    talk.mean("human")
    talk.say("el martes a las 17")
    entry = talk.conversation.agenda.get(CALL)
    assert entry is not None
    assert entry.due == utc(11, 24, 16)


def test_baja_ends_a_call_and_a_decline_does_not() -> None:
    talk = accepted()
    talk.say("mañana por la tarde")
    talk.mean("opt_out")
    assert talk.conversation.agenda.get(CALL) is None
