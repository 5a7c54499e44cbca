"""A human is called, comes or does not come, and gives the conversation back to a bot that knows what was said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from src.agent import state as states
from src.agent.agenda import NOBODY_CAME, RETENTION
from src.agent.memory import Memory
from src.agent.state import Conversation, Handoff, Line
from src.desk.handoff import BOT_FAILED, Handoffs
from src.desk.operators import Operators
from src.desk.ports import Alert
from src.desk.turns import MOST_ATTEMPTS
from src.errors import StaleCommit
from src.house.hours import Hours, Span
from src.messages import Content
from tests.desk.fakes import ANA, Office
from tests.desk.operators_kit import TIMEOUT_S, Counter, turns_of_another_process

HANDED = Handoff(reason="asked")


@pytest.fixture
def counter(office: Office) -> Counter:
    return Counter(office)


# --- handing back -------------------------------------------------------------------------------------------------------


def test_a_hand_back_takes_the_outcome_away_and_leaves_the_question_open(counter: Counter) -> None:
    counter.greets()
    counter.hands_over()
    counter.people.hand_back(ANA)
    conversation = counter.conversation()
    assert (conversation.owner, conversation.outcome, conversation.awaiting) == ("bot", None, "age")
    counter.hears("¿seguimos?")
    assert counter.turn() == "answered"


def test_an_outcome_of_the_sale_stays(counter: Counter) -> None:
    counter.agent.decides(handoff=Handoff("accepted"), changes={"owner": "human", "outcome": "accepted", "stage": "FINALIZADO"})
    counter.hears("acepto")
    counter.turn()
    counter.people.hand_back(ANA)
    assert counter.conversation().outcome == "accepted"


def test_prices_that_ran_out_are_no_end_of_the_sale(counter: Counter) -> None:
    counter.agent.decides(handoff=HANDED, changes={"owner": "human", "outcome": "expired"})
    counter.hears("quiero hablar con alguien")
    counter.turn()
    counter.people.hand_back(ANA)
    assert counter.conversation().outcome is None


def test_the_agent_is_given_what_was_said_in_between(counter: Counter) -> None:
    counter.greets()
    counter.hands_over()
    before = counter.conversation().history
    counter.skew.advance(10)
    counter.hears("¿hay alguien?")
    counter.turn()
    counter.people.say(ANA, {"text": "Sí, soy Marta."})
    counter.deliver()
    counter.people.hand_back(ANA)
    seen: list[Conversation] = []

    def look(conversation: Conversation, inbounds: Any, now: datetime) -> Any:
        seen.append(conversation)
        return counter.agent.echo(conversation, inbounds, now)

    counter.agent.decide = look
    counter.hears("gracias")
    counter.turn()
    assert seen[0].history == [*before, Line("prospect", "¿hay alguien?"), Line("human", "Sí, soy Marta.")]
    assert seen[0].memory.handoff is None


def test_what_is_told_to_a_human_is_known_afterwards_and_its_lines_are_there_once(counter: Counter) -> None:
    counter.greets()
    counter.people.take_over(ANA)
    counter.skew.advance(1)
    counter.agent.decides(
        replies=(Content(text="¡Gracias!"),),
        changes={"profile": {"age": 45}, "history": [Line("prospect", "tengo 45"), Line("bot", "¡Gracias!")], "turns": 7},
    )
    counter.hears("tengo 45")
    assert counter.turn() == "listened"
    assert counter.waiting("delivery") == []
    counter.people.hand_back(ANA)
    conversation = counter.conversation()
    assert conversation.profile == {"age": 45}
    assert conversation.history == [Line("prospect", "tengo 45")]


def test_of_a_long_talk_the_end_is_given(counter: Counter) -> None:
    counter.greets()
    counter.people.take_over(ANA)
    counter.skew.advance(1)
    counter.hears(*(f"línea {number}" for number in range(30)))
    counter.turn()
    counter.people.hand_back(ANA)
    history = counter.conversation().history
    assert len(history) == states.HISTORY_LIMIT
    assert history[-1] == Line("prospect", "línea 29")


def test_handing_back_what_the_bot_has_changes_nothing_that_is_seen(counter: Counter) -> None:
    counter.greets()
    before = counter.conversation()
    counter.people.hand_back(ANA)
    after = counter.conversation()
    assert msgspec.structs.replace(after, updated_at=before.updated_at) == before


# --- nobody comes -------------------------------------------------------------------------------------------------------


def test_who_is_on_duty_is_told_with_the_reason_and_it_is_counted(counter: Counter) -> None:
    counter.greets()
    counter.hands_over("health", urgent=True)
    assert counter.alerts == [Alert("conversation.handed_over", ANA, "health", True)]
    assert counter.counts("handed_over") == 1
    assert counter.events().count("conversation.handed_over") == 1


def test_a_human_is_called_when_the_bot_fails(counter: Counter) -> None:
    counter.hears("algo raro")
    counter.agent.fails(RuntimeError("a bug"))
    for _ in range(MOST_ATTEMPTS):
        counter.attend("turns")
        counter.skew.advance(60)
    assert counter.alerts == [Alert("conversation.handed_over", ANA, BOT_FAILED, False)]
    assert counter.counts("handed_over") == 1
    assert counter.conversation().agenda.get(NOBODY_CAME)


def test_a_lost_turn_alarms_nobody(counter: Counter) -> None:
    counter.greets()
    counter.agent.decides(handoff=HANDED, changes={"owner": "human"})
    counter.hears("persona")
    claim = counter.claim("turns")
    counter.people.correct(ANA, {"age": 45})
    with pytest.raises(StaleCommit):
        counter.turns.work(claim)
    assert counter.alerts == []


def test_when_nobody_answers_in_time_that_is_said_once_and_somebody_is_called_again(counter: Counter) -> None:
    counter.greets()
    counter.hands_over()
    due_s = counter.due_in_s("turns")
    assert due_s is not None
    assert TIMEOUT_S - 10 < due_s <= TIMEOUT_S
    counter.skew.advance(TIMEOUT_S)
    assert counter.turn() == "unanswered"
    assert counter.deliver() == "sent"
    assert "nadie" in counter.channel.texts[-1]
    assert counter.alerts[1:] == [Alert("conversation.unanswered", ANA, "asked", False)]
    assert counter.counts("handoff_timeouts") == 1
    assert "conversation.unanswered" in counter.events()
    assert counter.owner() == "human"
    counter.skew.advance(10 * TIMEOUT_S)
    assert counter.ledger.claim("turns", ANA) is None, "once"
    counter.hears("¿hola?")
    assert counter.turn() == "listened"


def test_only_office_time_counts_until_nobody_has_come(counter: Counter) -> None:
    now = counter.ledger.server_time()
    opens = now + timedelta(hours=15)
    minute = opens.hour * 60 + opens.minute
    day_of_opening = tuple((Span(minute, minute + 30),) if minute + 30 < 1440 else (Span(0, 1440),) for _ in range(7))
    office = Hours(week=day_of_opening, zone="UTC")
    counter.use(Handoffs(timeout_s=TIMEOUT_S, alarm=counter.alerts.append, office=office))
    counter.greets()
    counter.hands_over()
    entry = counter.conversation().agenda.get(NOBODY_CAME)
    assert entry is not None
    assert entry.due == office.after(counter.conversation().updated_at, timedelta(seconds=TIMEOUT_S))
    assert entry.due - now > timedelta(minutes=20)


def test_who_is_in_danger_does_not_wait_for_the_office(counter: Counter) -> None:
    counter.use(Handoffs(timeout_s=TIMEOUT_S, alarm=counter.alerts.append, office=Hours(week=((),) * 7)))
    counter.greets()
    counter.hands_over("self_harm", urgent=True)
    counter.skew.advance(TIMEOUT_S)
    assert counter.turn() == "unanswered"


def test_it_is_said_also_when_the_prospect_writes_just_then(counter: Counter) -> None:
    counter.greets()
    counter.hands_over()
    counter.skew.advance(TIMEOUT_S + 1)
    counter.hears("¿hola?")
    assert counter.turn() == "listened"
    assert counter.turn() == "unanswered"
    assert counter.waiting("turns") == []
    assert ("prospect", "¿hola?", "delivered") in counter.rows()


@pytest.mark.parametrize(("language", "words"), [("es", "nadie del equipo"), ("en", "Nobody from the team")])
def test_it_is_said_in_their_language(counter: Counter, language: str, words: str) -> None:
    counter.agent.decides(handoff=HANDED, changes={"owner": "human", "memory": Memory(language=language)})
    counter.hears("hola")
    counter.turn()
    counter.skew.advance(TIMEOUT_S)
    counter.turn()
    assert words in counter.rows()[-1][1]


def test_somebody_in_danger_is_told_where_help_is(counter: Counter) -> None:
    counter.hands_over("self_harm", urgent=True)
    counter.skew.advance(TIMEOUT_S)
    counter.turn()
    assert "024" in counter.rows()[-1][1]
    assert counter.alerts[-1] == Alert("conversation.unanswered", ANA, "self_harm", True)


@pytest.mark.parametrize(
    "answer",
    [
        lambda people: people.say(ANA, {"text": "Hola, soy Marta."}),
        lambda people: people.take_over(ANA),
        lambda people: people.hand_back(ANA),
    ],
    ids=["writes", "takes over", "hands back"],
)
def test_nobody_is_called_again_once_somebody_is_there(counter: Counter, answer: Callable[[Operators], object]) -> None:
    counter.greets()
    counter.hands_over()
    answer(counter.people)
    assert counter.conversation().agenda.get(NOBODY_CAME) is None
    counter.skew.advance(TIMEOUT_S + 1)
    assert counter.ledger.claim("turns", ANA) is None
    assert len(counter.alerts) == 1
    assert counter.conversation().agenda.get(RETENTION)


def test_while_the_bot_is_paused_only_people_are_told(counter: Counter) -> None:
    counter.greets()
    counter.hands_over()
    counter.people.pause()
    counter.skew.advance(TIMEOUT_S)
    turns_of_another_process(counter)
    assert counter.turn() == "unanswered"
    assert counter.waiting("delivery") == []
    assert len(counter.alerts) == 2


def test_without_a_time_limit_nobody_is_called_twice(counter: Counter) -> None:
    counter.use(Handoffs(timeout_s=0, alarm=counter.alerts.append))
    counter.hands_over()
    assert len(counter.alerts) == 1
    assert counter.conversation().agenda.get(NOBODY_CAME) is None


def test_a_message_on_its_way_is_no_failure_when_the_alarm_could_not_be_stopped(counter: Counter) -> None:
    """Whoever were told so would send it again."""
    counter.greets()
    counter.hands_over()
    counter.ledger.amend = lambda _contact, _amendment: False  # type: ignore[method-assign]
    assert counter.people.say(ANA, {"text": "Hola, soy Marta."})
    assert counter.deliver() == "sent"
