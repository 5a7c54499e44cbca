"""A human has the conversation: who is told of it, what the prospect hears when nobody comes, how the bot goes on afterwards.

Without a CRM the alarm is all that calls a person. It is raised when the conversation is handed over and, because that one
may be lost with its process, a second time from the ledger when nobody has answered within the time set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from src.agent.state import HISTORY_LIMIT, Conversation, HandoffReason, Line
from src.agent.texts import phrasebook
from src.desk.ports import Alarm, Alert
from src.messages import Content

NOBODY_CAME = "handoff_timeout"
"""The name of the timer after which the prospect is told that nobody is there yet."""
BOT_FAILED: HandoffReason = "bot_failed"
"""The reason when a turn could not be done and a human is called instead."""
_SINCE = "handoff"


class Handoffs:
    """What the worker does about a human's conversations. With `timeout_s` 0 nobody waits for the human to answer."""

    def __init__(
        self, *, timeout_s: float = 300.0, address: Literal["tu", "usted"] = "tu", alarm: Alarm = lambda _alert: None
    ) -> None:
        self._timeout = timedelta(seconds=timeout_s)
        self._address = address
        self._alarm = alarm

    def begin(self, conversation: Conversation, reason: str, now: datetime, *, urgent: bool = False) -> Conversation:
        """The conversation as a human finds it: since when, why (of several reasons the last), and until when to answer."""
        since = conversation.memory.get(_SINCE, {}).get("at", now.isoformat())
        memory = {**conversation.memory, _SINCE: {"at": since, "reason": reason, "urgent": urgent}}
        timers = dict(conversation.timers)
        if self._timeout:
            timers[NOBODY_CAME] = now + self._timeout
        return msgspec.structs.replace(conversation, owner="human", memory=memory, timers=timers)

    def call(self, contact: str, reason: str, *, urgent: bool) -> None:
        """Tells the people on duty that a conversation waits for them."""
        self._alarm(Alert("conversation.handed_over", contact, reason, urgent))

    def call_again(self, conversation: Conversation) -> None:
        """Tells them that nobody has answered."""
        since = conversation.memory.get(_SINCE, {})
        alert = Alert("conversation.unanswered", conversation.contact.key, since.get("reason", ""), since.get("urgent", False))
        self._alarm(alert)

    def apology(self, conversation: Conversation) -> Content:
        """What the prospect is told, once, when nobody has answered. Somebody in danger is told where help is."""
        book = phrasebook(conversation.memory.get("language", "es"), self._address)
        in_danger = conversation.memory.get(_SINCE, {}).get("reason") == "self_harm"
        return Content(text=book.say("desk.nobody_yet_in_danger") if in_danger else book.say("desk.nobody_yet"))


def is_overdue(conversation: Conversation, now: datetime) -> bool:
    """Whether a human should have answered by now, and the prospect was not told yet that nobody did."""
    return NOBODY_CAME in conversation.timers and conversation.timers[NOBODY_CAME] <= now


def attended(conversation: Conversation) -> Conversation:
    """Somebody is there: nobody needs to be called again."""
    timers = {name: at for name, at in conversation.timers.items() if name != NOBODY_CAME}
    return msgspec.structs.replace(conversation, timers=timers)


def taken_over(conversation: Conversation, now: datetime) -> Conversation:
    """A human took the conversation without being called, or answers the call."""
    since = conversation.memory.get(_SINCE) or {"at": now.isoformat(), "reason": "operator", "urgent": False}
    memory = {**conversation.memory, _SINCE: since}
    return attended(msgspec.structs.replace(conversation, owner="human", memory=memory))


def handed_back(conversation: Conversation, rows: Sequence[Mapping[str, Any]]) -> Conversation:
    """The bot has it again where the sale was, and knows what was said since a human came. `rows` is the transcript.

    An outcome that ended the sale stays; one that only interrupted it goes.
    """
    memory = dict(conversation.memory)
    since = memory.pop(_SINCE, None)
    lines = [
        Line(row["role"], row["text"])
        for row in rows
        if since and row["text"] and row["status"] != "failed" and _moment(row["at"]) > _moment(since["at"])
    ]
    return msgspec.structs.replace(
        attended(conversation),
        owner="bot",
        outcome=None if conversation.outcome in ("handed_over", "expired") else conversation.outcome,
        memory=memory,
        history=[*conversation.history, *lines][-HISTORY_LIMIT:],
    )


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written)
