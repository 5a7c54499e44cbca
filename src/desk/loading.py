"""A stored conversation, read with what the ledger knows better: whose it is. And whether a person may be written to freely."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec

from src.agent import state as states
from src.agent.state import Conversation
from src.desk import jobs
from src.desk.ports import Channel, Record
from src.errors import UnreadableState

REPLY_WINDOW = timedelta(hours=24)


class Stored(Protocol):
    """What a claim and a record say of a conversation."""

    @property
    def contact(self) -> str: ...
    @property
    def state(self) -> bytes | None: ...
    @property
    def owner(self) -> str: ...


def stored_conversation(stored: Stored) -> Conversation | None:
    """The conversation as stored, None when there is none yet. Raises UnreadableState."""
    if stored.state is None:
        return None
    conversation = states.decode(stored.state)
    return msgspec.structs.replace(conversation, owner="human" if stored.owner == "human" else "bot")


def readable_conversation(stored: Stored | None) -> Conversation | None:
    """The same for who can do without: None also when a newer version stored it."""
    with suppress(UnreadableState):
        return stored_conversation(stored) if stored else None
    return None


def conversation_or_new(record: Record) -> Conversation:
    """The stored conversation, or the one that is about to begin. Raises UnreadableState."""
    return stored_conversation(record) or _begun(record)


def shown_conversation(record: Record) -> Conversation:
    """For people who look: what cannot be read is shown as just begun, so that they still find the transcript."""
    return readable_conversation(record) or _begun(record)


def _begun(record: Record) -> Conversation:
    conversation = states.new_conversation(jobs.contact_of(record.contact), record.created_at)
    return msgspec.structs.replace(conversation, owner="human" if record.owner == "human" else "bot")


def reply_window(channel: Channel, heard_at: datetime | None, now: datetime) -> Literal["open", "closed", "unknown"]:
    """Whether the channel takes any message for somebody who last wrote at `heard_at`, or only templates.

    Unknown when nobody ever wrote, or everything about them was forgotten: then only the vendor can tell.
    """
    if not channel.confirms:
        return "open"
    if heard_at is None:
        return "unknown"
    return "closed" if now - heard_at > REPLY_WINDOW else "open"
