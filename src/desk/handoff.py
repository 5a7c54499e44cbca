"""A human has the conversation: who is told of it, what the prospect hears when nobody comes, how the bot goes on afterwards.

Without a CRM the alarm is all that calls a person. It is raised when the conversation is handed over and, because that one
may be lost with its process, a second time from the ledger when nobody has answered within the time set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from src.agent.agenda import NOBODY_CAME, Entry
from src.agent.memory import Called
from src.agent.state import HISTORY_LIMIT, Conversation, HandoffReason, Line
from src.agent.texts import phrasebook
from src.desk.agenda import Done
from src.desk.ports import Alarm, Alert
from src.house.hours import ALWAYS, Hours
from src.messages import Content, Event

BOT_FAILED: HandoffReason = "bot_failed"
"""The reason when a turn could not be done and a human is called instead."""


class Handoffs:
    """What the worker does about a human's conversations. With `timeout_s` 0 nobody waits for the human to answer.

    Only time in which somebody is at the `office` counts, except for who is in danger.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 300.0,
        address: Literal["tu", "usted"] = "tu",
        alarm: Alarm = lambda _alert: None,
        office: Hours = ALWAYS,
    ) -> None:
        self._timeout = timedelta(seconds=timeout_s)
        self._address = address
        self._alarm = alarm
        self._office = office

    def begin(self, conversation: Conversation, reason: str, now: datetime, *, urgent: bool = False) -> Conversation:
        """The conversation as a human finds it: since when, why (of several reasons the last), and until when to answer."""
        since = conversation.memory.handoff.at if conversation.memory.handoff else now
        memory = msgspec.structs.replace(conversation.memory, handoff=Called(since, reason, urgent))
        agenda = conversation.agenda
        if self._timeout:
            in_office = None if urgent else self._office.after(now, self._timeout)
            agenda = agenda.with_entry(Entry(kind=NOBODY_CAME, due=in_office or now + self._timeout))
        return msgspec.structs.replace(conversation, owner="human", memory=memory, agenda=agenda)

    def call(self, contact: str, reason: str, *, urgent: bool) -> None:
        """Tells the people on duty that a conversation waits for them."""
        self._alarm(Alert("conversation.handed_over", contact, reason, urgent))

    def raise_alarm(self, alert: Alert) -> None:
        """The same of anything else."""
        self._alarm(alert)

    def nobody_came(self, conversation: Conversation, _entry: Entry, _now: datetime) -> Done:
        """Nobody has answered in time: the prospect is told so once, and the people on duty once more."""
        called = conversation.memory.handoff
        reason, urgent = (called.reason, called.urgent) if called else ("", False)
        return Done(
            word="unanswered",
            conversation=attended(conversation),
            says=(self._apology(conversation),),
            events=(Event("conversation.unanswered"),),
            counts={"handoff_timeouts": 1},
            alert=Alert("conversation.unanswered", conversation.contact.key, reason, urgent),
        )

    def _apology(self, conversation: Conversation) -> Content:
        """Somebody in danger is told where help is."""
        book = phrasebook(conversation.memory.language, self._address)
        in_danger = conversation.memory.handoff is not None and conversation.memory.handoff.reason == "self_harm"
        return Content(text=book.say("desk.nobody_yet_in_danger") if in_danger else book.say("desk.nobody_yet"))


def attended(conversation: Conversation) -> Conversation:
    """Somebody is there: nobody needs to be called again."""
    return msgspec.structs.replace(conversation, agenda=conversation.agenda.without(NOBODY_CAME))


def unanswered(conversation: Conversation, codes: str) -> Conversation:
    """What the person was told last has not arrived: the vendor's codes say why."""
    return msgspec.structs.replace(conversation, memory=msgspec.structs.replace(conversation.memory, undelivered=codes))


def answered(conversation: Conversation) -> Conversation:
    """They have written since, or somebody else is at it: what did not arrive is over."""
    return unanswered(conversation, "") if conversation.memory.undelivered else conversation


def taken_over(conversation: Conversation, now: datetime) -> Conversation:
    """A human took the conversation without being called, or answers the call."""
    called = conversation.memory.handoff or Called(now, "operator")
    memory = msgspec.structs.replace(conversation.memory, handoff=called)
    return attended(answered(msgspec.structs.replace(conversation, owner="human", memory=memory)))


def handed_back(conversation: Conversation, rows: Sequence[Mapping[str, Any]]) -> Conversation:
    """The bot has it again where the sale was, and knows what was said since a human came. `rows` is the transcript.

    An outcome that ended the sale stays; one that only interrupted it goes.
    """
    called = conversation.memory.handoff
    lines = [
        Line(row["role"], row["text"])
        for row in rows
        if called and row["text"] and row["status"] != "failed" and datetime.fromisoformat(row["at"]) > called.at
    ]
    return msgspec.structs.replace(
        attended(conversation),
        owner="bot",
        outcome=None if conversation.outcome in ("handed_over", "expired") else conversation.outcome,
        memory=msgspec.structs.replace(conversation.memory, handoff=None),
        history=[*conversation.history, *lines][-HISTORY_LIMIT:],
    )
