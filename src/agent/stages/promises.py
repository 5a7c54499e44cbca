"""What is promised for later: to write again at a time that somebody names, and to be called when it suits them."""

from __future__ import annotations

from datetime import datetime

from src.agent.agenda import CALL, PROMISE, Entry
from src.agent.lookalikes import fold
from src.agent.stages.calling import ANY_TIME
from src.agent.state import Handoff
from src.agent.turn import WANTS_NOTHING_MORE, Turn
from src.agent.understanding.moments import moment_in, wants_to_be_written_to


def promise_to_write(turn: Turn) -> bool:
    """Somebody wants to be written to later: that is confirmed with its date and kept, once; without a time it is asked for."""
    conversation, words = turn.conversation, fold(turn.words).text
    if (
        conversation.outcome == "accepted"
        or conversation.outcome in WANTS_NOTHING_MORE
        or turn.reading.value("details.callback")
    ):
        return False
    asked, conversation.memory.asked_when = conversation.memory.asked_when, False
    wants, at = wants_to_be_written_to(words), _ahead(turn, words)
    if not (wants or (asked and at)):
        return False
    turn.fall_silent()
    if at is None:
        ask_when(turn)
        return True
    entry = Entry(kind=PROMISE, due=at, key=f"{turn.now:%Y%m%dT%H%M%S}", data={"asked_at": turn.now.isoformat()})
    conversation.agenda = conversation.agenda.without(PROMISE).with_entry(entry)
    turn.say("later.noted", comma_name=turn.comma_name, when=turn.moment(at))
    turn.count("later.promised", days=(at - turn.now).days)
    return True


def ask_when(turn: Turn) -> None:
    """When they want to be written to."""
    turn.conversation.memory.asked_when = True
    turn.say("later.when")


def keep_promise(turn: Turn, entry: Entry) -> None:
    """Writes to somebody who asked for it, once, unless they want nothing any more."""
    del entry
    conversation = turn.conversation
    conversation.consents.pop("follow_up", None)  # what it was given for is done
    if conversation.outcome == "accepted" or conversation.outcome in WANTS_NOTHING_MORE:
        return
    conversation.memory.written_to = True
    turn.say("later.back", comma_name=turn.comma_name, company=turn.house.company_name)
    turn.offer(("human", "options.human"))
    turn.count("later.kept")


def withdraw_promises(turn: Turn) -> None:
    """Who writes again needs no reminder; a "thanks" to the promise itself leaves it."""
    reading = turn.reading
    small = all(intent.name in ("thanks", "bye", "affirm", "unclear") for intent in reading.intents)
    if not (small and not reading.values):
        turn.conversation.agenda = turn.conversation.agenda.without(PROMISE)


def plan_call(turn: Turn) -> None:
    """When somebody says when to call them, that time is kept, within the hours of the house."""
    told = turn.reading.value("details.callback")
    offered = turn.conversation.memory.offered_call
    if told:
        at = None if str(told.value).startswith(ANY_TIME) else _ahead(turn, fold(str(told.value)).text)
    elif offered and turn.reading.has("affirm") and not turn.reading.has("deny"):
        at = offered
        turn.conversation.details["callback"] = turn.moment(at)
    else:
        return
    turn.conversation.memory.offered_call = None
    if at and at > turn.now:
        entry = Entry(kind=CALL, due=at, key=f"{turn.now:%Y%m%dT%H%M%S}", data={"asked_at": turn.now.isoformat()})
        turn.conversation.agenda = turn.conversation.agenda.without(CALL).with_entry(entry)


def planned_call(turn: Turn) -> datetime | None:
    """When the person is going to be called."""
    entry = turn.conversation.agenda.get(CALL)
    return entry.due if entry else None


def remind_of_call(turn: Turn, entry: Entry) -> None:
    """A person is told that it is time to call."""
    del entry
    turn.handoff = Handoff("call_due")
    turn.count("call.due")


def _ahead(turn: Turn, plain: str) -> datetime | None:
    """The moment that these words name, at a time when the house may write or call."""
    hours = turn.house.writing_hours
    named = moment_in(plain, turn.local_now)
    return (hours.next_opening(named) or named) if named else None
