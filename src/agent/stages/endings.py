"""Ways out of the sale that do not lead to a contract."""

from __future__ import annotations

from src.agent import facts
from src.agent.state import HandoffReason
from src.agent.turn import Turn


def call_human(turn: Turn, reason: HandoffReason, *, urgent: bool = False) -> None:
    """The conversation goes to a person, of whom is said when they are there, unless it is urgent."""
    if not urgent:
        _say_when(turn)
    turn.hand_over(reason, urgent=urgent)


def _say_when(turn: Turn) -> None:
    """The hours of the house; when nobody is there now, also from when on somebody is, and that time is offered for a call."""
    if turn.house.business_hours:
        turn.say("human.hours", hours=turn.house.business_hours)
    opens_at = turn.house.hours.next_opening(turn.now) if turn.house.hours else None
    if opens_at and opens_at > turn.now:
        turn.say("human.closed", glue=" ", when=turn.moment(opens_at))
        turn.conversation.memory.offered_call = opens_at


def give_up(turn: Turn) -> None:
    """Not understood too often: a person goes on, and nothing else is said."""
    turn.drafts[-1].pieces.clear()
    turn.drafts[-1].options.clear()
    turn.say("human.not_understood")
    call_human(turn, "not_understood")


def dismiss_minor(turn: Turn) -> None:
    """Nobody under age is asked anything more, and what they told is erased."""
    turn.fall_silent()
    facts.forget(turn)
    turn.conversation.consents.clear()
    turn.say("safety.minor", limit=turn.catalogue.book.tariff.limits.entry_age_min)
    turn.end("ineligible")
    turn.erase = True
    turn.count("data.erased", reason="minor")


def dismiss_over_age(turn: Turn) -> None:
    """Too old for this insurance: said kindly, and a person looks whether there is another way."""
    limit = turn.catalogue.book.tariff.limits.entry_age_max
    turn.fall_silent()
    turn.say("safety.over_age", age=turn.conversation.profile["age"], limit=limit)
    turn.end("ineligible")
    call_human(turn, "over_age")


def refer_occupation(turn: Turn) -> None:
    """A risky job or sport is priced by a person."""
    turn.say("safety.occupation")
    call_human(turn, "occupation")
