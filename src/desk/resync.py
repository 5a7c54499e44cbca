"""The CRM's copy made anew from the transcript: what is there already, by its marker, is not written again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from src.desk import jobs
from src.desk.crm import Anew, Described, Mirrored, MirrorJob, Moved, Status
from src.desk.loading import readable_conversation
from src.desk.ports import Ledger, Record, Records

PAGE = 50
_TOLD_STATUSES = ("delivered", "read", "failed")


class Resync:
    """Gives people to the mirror lane, one after the other, newest first. Every method may raise LedgerUnavailable."""

    def __init__(self, ledger: Ledger, records: Records) -> None:
        self._ledger = ledger
        self._records = records

    def one(self, contact: str, name: str) -> int:
        """How many jobs were written for that person. `name` is unique to this run."""
        record = self._records.record(contact)
        if record is None:
            return 0
        told = [(f"{name}.{number}", msgspec.json.encode(what)) for number, what in enumerate(_told(record, name))]
        self._ledger.speak(record.contact, (), mirrors=told)
        return len(told)

    def everybody(self, cursor: str, name: str) -> Iterator[str]:
        """All people from `cursor` on ("" is the beginning); after each page the cursor to go on from, at last "".

        Who writes meanwhile moves to the front and is seen in a second look: see `since`.
        """
        while True:
            page = self._records.page(cursor=cursor, limit=PAGE, stage="", owner="", query="")
            for record in page.records:
                self.one(record.contact, name)
            cursor = page.next_cursor or ""
            yield cursor
            if not cursor:
                return

    def since(self, started_at: datetime, name: str) -> int:
        """The people who were heard of after that time, once more; how many."""
        count, cursor = 0, ""
        while True:
            page = self._records.page(cursor=cursor, limit=PAGE, stage="", owner="", query="")
            for record in page.records:
                if _touched(record) < started_at:
                    return count
                self.one(record.contact, name)
                count += 1
            cursor = page.next_cursor or ""
            if not cursor:
                return count


def _touched(record: Record) -> datetime:
    conversation = readable_conversation(record)
    return conversation.updated_at if conversation else record.created_at


def _told(record: Record, name: str) -> Iterator[MirrorJob]:
    yield Anew(id=f"{name}.anew")
    for row in record.rows:
        if jobs.crm_message_id(row["id"]):
            continue  # it was written there
        yield _mirrored(row)
        if row["role"] != "prospect" and row.get("status") in _TOLD_STATUSES:
            yield Status(id=row["id"], status=row["status"])
    if record.owner == "human":
        yield Moved(id=f"{name}.owner", owner="human")
    yield Described(id=f"{name}.lead")


def _mirrored(row: Any) -> Mirrored:
    at = row["at"] if isinstance(row["at"], datetime) else datetime.fromisoformat(row["at"])
    text = "\n".join([row["text"], *(f"▸ {option['title']}" for option in row.get("options", ()))])
    return Mirrored(id=row["id"], speaker=row["role"], text=text, at=at, kind=row.get("kind", "text"), again=True)
