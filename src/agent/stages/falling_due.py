"""What the sale does at a time of its own, without a message: one function for each kind of entry that is the sale's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from src.agent.agenda import CALL, EXPIRE, PROMISE, Entry
from src.agent.stages.promises import keep_promise, remind_of_call
from src.agent.turn import Turn


def expire(turn: Turn) -> None:
    """A proposal that ran out is marked so, in silence; one that has not is left alone."""
    conversation = turn.conversation
    entry = conversation.agenda.get(EXPIRE)
    if entry is None or entry.due > turn.now:
        return
    conversation.agenda = conversation.agenda.finished(entry, turn.now)
    if conversation.outcome is None:
        conversation.outcome = "expired"
        turn.count("quote.expired")


FALLING_DUE: Final[Mapping[str, Callable[[Turn, Entry], None]]] = {
    EXPIRE: lambda turn, _entry: expire(turn),
    CALL: remind_of_call,
    PROMISE: keep_promise,
}
"""By kind; those of `agenda.KINDS` that are the sale's, and no others."""
