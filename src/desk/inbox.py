"""The inbox: who is to be looked after, in four queues, each at a cost that does not grow with how many have written.

`needs` are those a person of the house has to answer, longest waiting first: handed over, or written after our last answer,
or sold and not yet called. `waiting` are those who were answered by a person and are expected to write. `bot` is what the
assistant has in hand, `closed` what has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from src.agent.agenda import UNANSWERED
from src.agent.state import Conversation
from src.desk.loading import REPLY_WINDOW, shown_conversation
from src.desk.ports import Record, Records
from src.messages import is_played

Queue = Literal["needs", "bot", "waiting", "closed"]
QUEUES: tuple[Queue, ...] = ("needs", "bot", "waiting", "closed")
MOST_WITH_PEOPLE = 300
"""So many of those that people have are sorted by who waits longest: the newest of them."""
_LATELY_CLOSED, _LATELY = 60, 100
_ROWS_LOOKED_AT = 12
_PORTION = 60
_MOST_PORTIONS = 6
LONGEST_PREVIEW = 140


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the inbox. `unread` counts what they wrote since anybody of ours did, `waits_since` is since when a person is
    waited for, `reason` why a person is asked for (or "paused"), `window_until` until when one may write freely."""

    key: str
    name: str
    address: str
    queue: Queue
    owner: str
    stage: str
    outcome: str
    last_role: str
    last_kind: str
    last_text: str
    last_at: datetime
    unread: int
    reason: str
    urgent: bool
    waits_since: datetime | None
    premium: float | None
    window_until: datetime | None
    is_played: bool


class Listed(msgspec.Struct, frozen=True):
    """A page of a queue and where to go on."""

    entries: Sequence[Entry]
    next_cursor: str | None


class Inbox:
    """One per process. Every method may raise LedgerUnavailable, and ValueError for a cursor that is none of ours."""

    def __init__(self, records: Records, *, shows_played: bool = True) -> None:
        """`shows_played`: whom the house's people play themselves is in the queues like anybody else."""
        self._records = records
        self._shows_played = shows_played

    def queue(self, queue: str, *, cursor: str = "", limit: int = 40, stage: str = "") -> Listed:
        """A page of one of the queues; of everybody, newest first, where it is none of them."""
        if queue in ("needs", "waiting"):
            entries = [entry for entry in self._with_people() if entry.queue == queue and stage in ("", entry.stage)]
            if queue == "needs":
                entries.sort(key=lambda entry: (not entry.urgent, entry.waits_since or entry.last_at))
            return Listed(entries, None)
        wanted = "FINALIZADO" if queue == "closed" else stage
        entries, further = [], cursor or None
        for _ in range(_MOST_PORTIONS):
            people, further = self._records.people(cursor=further or "", limit=limit - len(entries), stage=wanted)
            entries += [
                entry
                for entry in self._entries(people)
                if queue not in QUEUES or (entry.queue == queue and stage in ("", entry.stage) and self._counts(entry))
            ]
            if further is None or len(entries) >= limit:
                break
        return Listed(entries, further)

    def find(self, query: str, *, cursor: str = "", limit: int = 40, stage: str = "") -> Listed:
        """A page of those who are found by that, whatever queue they are in."""
        people, further = self._records.search(query, cursor=cursor, limit=limit)
        entries = [entry for entry in self._entries(people) if stage in ("", entry.stage)]
        return Listed(sorted(entries, key=lambda entry: entry.last_at, reverse=True), further)

    def waiting_for_people(self) -> int:
        """How many need somebody of the house."""
        return sum(entry.queue == "needs" for entry in self._with_people())

    def _with_people(self) -> list[Entry]:
        """All that people have, and what was sold lately: that needs somebody too."""
        theirs, _ = self._records.people(cursor="", limit=MOST_WITH_PEOPLE, owner="human")
        closed, _ = self._records.people(cursor="", limit=_LATELY_CLOSED, stage="FINALIZADO")
        newest, _ = self._records.people(cursor="", limit=_LATELY)  # among them who wrote during a pause
        return [entry for entry in self._entries(dict.fromkeys((*theirs, *closed, *newest))) if self._counts(entry)]

    def _counts(self, entry: Entry) -> bool:
        return self._shows_played or not entry.is_played

    def _entries(self, people: Iterable[str]) -> list[Entry]:
        records = self._records.briefly(list(people), rows=_ROWS_LOOKED_AT)
        return [_entry(record, shown_conversation(record)) for record in records]


def _entry(record: Record, conversation: Conversation) -> Entry:
    rows = record.rows
    last: Mapping[str, Any] = rows[-1] if rows else {}
    unheard = _after_last(rows, ("human",))
    contact = conversation.contact
    during_pause = record.owner != "human" and conversation.agenda.get(UNANSWERED) is not None
    answered = not unheard and any(row.get("role") == "human" for row in rows)
    queue: Queue = "needs" if during_pause else _queue(record, conversation, answered=answered)
    called = conversation.memory.handoff if record.owner == "human" else None
    sold = conversation.outcome == "accepted" and record.owner != "human"
    waits = called.at if called and not any(row.get("role") == "human" for row in rows) else None
    waits = waits or (unheard[0]["at"] if unheard else None)
    chosen = next((quote for quote in conversation.quotes if quote.id == conversation.selected_quote), None)
    quote = chosen or next(iter(conversation.quotes), None)
    return Entry(
        key=record.contact,
        name=str(conversation.profile.get("name") or contact.name or ""),
        address=contact.phone or contact.bsuid or record.contact,
        queue=queue,
        owner=record.owner,
        stage=conversation.stage,
        outcome=conversation.outcome or "",
        last_role=str(last.get("role", "")),
        last_kind=str(last.get("kind", "")),
        last_text=" ".join(str(last.get("text", ""))[: 2 * LONGEST_PREVIEW].split())[:LONGEST_PREVIEW],
        last_at=_moment(last["at"]) if last else record.created_at,
        unread=len(_after_last(rows, ("bot", "human"))) if queue == "needs" else 0,
        reason="paused" if during_pause else "accepted" if sold and queue == "needs" else called.reason if called else "",
        urgent=called is not None and called.urgent,
        waits_since=_moment(waits) if waits and queue == "needs" else None,
        premium=float(quote.monthly_premium) if quote else None,
        window_until=record.heard_at + REPLY_WINDOW if record.heard_at else None,
        is_played=is_played(record.contact),
    )


def _queue(record: Record, conversation: Conversation, *, answered: bool) -> Queue:
    if record.owner == "human":
        return "waiting" if answered else "needs"
    if conversation.outcome == "accepted":
        return "closed" if any(row.get("role") == "human" for row in record.rows) else "needs"
    return "closed" if conversation.stage == "FINALIZADO" else "bot"


def _after_last(rows: Sequence[Mapping[str, Any]], roles: Sequence[str]) -> list[Mapping[str, Any]]:
    """What they wrote since one of these did, of the last rows."""
    ours = max((place for place, row in enumerate(rows) if row.get("role") in roles), default=-1)
    return [row for row in rows[ours + 1 :] if row.get("role") == "prospect"]


def _moment(written: Any) -> datetime:
    return written if isinstance(written, datetime) else datetime.fromisoformat(str(written))
