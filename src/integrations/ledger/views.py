"""Looking at the ledger: single contacts, pages of contacts, figures. Reads only; each answer costs the same however many
conversations there are.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import heapq
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from src.agent.state import STAGES
from src.desk.finding import terms
from src.desk.ports import LANES, DeadLetter, Page, Record
from src.integrations.ledger.keys import Key
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import as_text, ledger_errors

ROWS_SHOWN = 1_000
HOURS_SHOWN = 24
EVER = "total."
"""Counts since the store was made stand under this beside the depths."""
_NAMES_READ = 20_000
"""Names that one search looks at before it says where to go on."""
_MOST_LOOKS = 8
_ROWS_WATCHED = 20
"""Of so many messages a new status is seen."""


class RedisRecords:
    """Implements `desk.ports.Records`. Every method may raise LedgerUnavailable."""

    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger = ledger
        self._keys = ledger.keys

    def resolve(self, reference: str) -> str:
        """See the port."""
        return self._ledger.resolve(reference)

    def vendor_id(self, contact: str, outbox_id: str) -> str:
        """See the port."""
        with ledger_errors():
            found: Any = self._ledger.client.hget(self._keys.of_contact(contact, "out"), f"w:{outbox_id}")
        return found.decode() if found else ""

    def record(self, contact: str) -> Record | None:
        """See the port."""
        with ledger_errors():
            client = self._ledger.client
            wanted = ["state", "owner", "created", "heard", "moved_to"]
            stored: Any = client.hmget(self._keys.of_contact(contact, "record"), wanted)
            state, owner, created, heard, moved_to = stored
            if moved_to:
                return self.record(moved_to.decode())
            if created is None:
                return None
            entries: Any = client.xrevrange(self._keys.of_contact(contact, "log"), count=ROWS_SHOWN)
            rows = [row_of(entry_id, entry) for entry_id, entry in reversed(entries)]
            ours = [row["id"] for row in rows if row.get("role") != "prospect"]
            statuses = self._statuses(contact, ours)
        for row in rows:
            status, codes = statuses.get(row["id"], ("delivered" if row.get("role") == "prospect" else "queued", ""))
            row["status"] = status
            if status == "failed":
                row["codes"] = codes
        heard_at = _moment(heard) if heard else None
        return Record(
            contact=contact, state=state, owner=_owner(owner), created_at=_moment(created), heard_at=heard_at, rows=rows
        )

    def _statuses(self, contact: str, outbox_ids: list[str]) -> dict[str, tuple[str, str]]:
        """What became of each, and the vendor's codes or our own word for why."""
        if not outbox_ids:
            return {}
        wanted = [f"{kind}:{name}" for name in outbox_ids for kind in ("s", "e")]
        stored: Any = self._ledger.client.hmget(self._keys.of_contact(contact, "out"), wanted)
        found = zip(outbox_ids, stored[::2], stored[1::2], strict=True)
        return {name: (status.decode(), codes.decode() if codes else "") for name, status, codes in found if status}

    def page(self, *, cursor: str, limit: int, stage: str, owner: str, query: str) -> Page:
        """See the port."""
        if not query:
            people, further = self.people(cursor=cursor, limit=limit, stage=stage, owner=owner)
            return Page([record for record in self.briefly(people, rows=0) if _matches(record, owner)], further)
        records: list[Record] = []
        further = cursor or None
        for _ in range(_MOST_LOOKS):
            people, further = self.search(query, cursor=further or "", limit=limit - len(records))
            records += [
                record
                for record in self.briefly(people, rows=0)
                if _matches(record, owner) and self._is_in(stage, record) and len(records) < limit
            ]
            if not further or len(records) >= limit:
                break
        return Page(records, further)

    def people(self, *, cursor: str, limit: int, stage: str = "", owner: str = "") -> tuple[list[str], str | None]:
        """Contacts of the shortest list that has all of those, newest first, and where to go on. Some may have another owner.

        Raises ValueError for a cursor that is none of ours.
        """
        with ledger_errors():
            listed = self._listed(stage, owner)
            before = _read_cursor(cursor)
            newest = heapq.merge(
                *(self._newest(listed(shard), before, limit) for shard in range(self._keys.shards)), reverse=True
            )
            found = list(itertools.islice(newest, limit + 1))
        further = _cursor(found[limit - 1]) if len(found) > limit else None
        return [contact for _, contact in found[:limit]], further

    def search(self, query: str, *, cursor: str, limit: int) -> tuple[list[str], str | None]:
        """Contacts that go by words that hold all of the query, at most so many, and where to go on: it looks at some thousands
        at a time. Raises ValueError for a cursor that is none of ours."""
        shard, after = _read_search(cursor)
        found: list[str] = []
        if not cursor:
            exact = self.resolve(query)
            if self.briefly([exact], rows=0):
                return [exact], None
        budget, wanted = _NAMES_READ, list(terms(query))
        while shard < self._keys.shards and len(found) < limit and budget > 0:
            asked = {"skew": 0, "terms": wanted, "after": as_text(after), "most": limit - len(found), "budget": budget}
            contacts, after, looked = self._ledger.search({"names": self._keys.of_shard(shard, "names")}, asked)
            found += [contact.decode() for contact in contacts]
            budget -= looked
            shard += not after
        return found, None if shard >= self._keys.shards else _search_cursor(shard, after)

    def briefly(self, contacts: Sequence[str], *, rows: int) -> list[Record]:
        """Those of them that are there, each with the last rows of its transcript: in one round trip, however many."""
        with ledger_errors():
            pipeline = self._ledger.client.pipeline(transaction=False)
            for contact in contacts:
                pipeline.hmget(self._keys.of_contact(contact, "record"), ["state", "owner", "created", "heard"])
                if rows:
                    pipeline.xrevrange(self._keys.of_contact(contact, "log"), count=rows)
            answers: list[Any] = pipeline.execute()
        step = 2 if rows else 1
        found = []
        for place, contact in enumerate(contacts):
            state, owner, created, heard = answers[place * step]
            if created is None:
                continue
            entries = answers[place * step + 1] if rows else ()
            found.append(
                Record(
                    contact=contact,
                    state=state,
                    owner=_owner(owner),
                    created_at=_moment(created),
                    heard_at=_moment(heard) if heard else None,
                    rows=[row_of(entry_id, entry) for entry_id, entry in reversed(entries)],
                )
            )
        return found

    def version(self, contact: str) -> str:
        """Another one whenever anything that is shown of the contact changed: the state, who has it, a message, a status."""
        with ledger_errors():
            record, log = self._keys.of_contact(contact, "record"), self._keys.of_contact(contact, "log")
            pipeline = self._ledger.client.pipeline(transaction=False)
            pipeline.hmget(record, ["state", "owner", "moved_to"])
            pipeline.xrevrange(log, count=_ROWS_WATCHED)
            known, entries = pipeline.execute()
            ids = [row_of(entry_id, entry)["id"] for entry_id, entry in entries]
            statuses: Any = (
                self._ledger.client.hmget(self._keys.of_contact(contact, "out"), [f"s:{name}" for name in ids]) if ids else ()
            )
        parts = (*known, entries[0][0] if entries else b"", *statuses)
        return hashlib.sha256(b"\x00".join(part or b"-" for part in parts)).hexdigest()[:16]

    def _listed(self, stage: str, owner: str) -> Callable[[int], Key]:
        """The shortest list of a shard that has all of them."""
        if stage in STAGES:
            return lambda shard: self._keys.found_by(shard, "stage", stage)
        if owner == "human":
            return lambda shard: self._keys.found_by(shard, "owner", owner)
        return self._keys.everybody

    def _newest(self, key: Key, before: tuple[int, str] | None, limit: int) -> Iterable[tuple[int, str]]:
        """Contacts of one list, newest first, read in portions as they are asked for."""
        highest = before[0] if before else "+inf"
        offset = 0
        while True:
            portion: Any = self._ledger.client.zrange(
                key, highest, "-inf", desc=True, byscore=True, offset=offset, num=limit + 1, withscores=True
            )  # fmt: skip
            for contact, score in portion:
                item = (int(score), contact.decode())
                if before is None or item < before:
                    yield item
            if len(portion) <= limit:
                return
            offset += len(portion)

    def _is_in(self, stage: str, record: Record) -> bool:
        if stage not in STAGES:
            return True
        listed: Any = self._ledger.client.hget(self._keys.of_contact(record.contact, "record"), "i.stage")
        return bool(listed == stage.encode())

    def figures(self) -> dict[str, Any]:
        """See the port."""
        now = self._ledger.server_time()
        hour_now = int(now.timestamp() // 3600)
        lanes: dict[str, dict[str, float]] = {lane: {"depth": 0, "oldest_age_s": 0.0} for lane in LANES}
        stages = dict.fromkeys(STAGES, 0)
        totals: dict[str, dict[str, int]] = {str(hour): {} for hour in range(hour_now - HOURS_SHOWN + 1, hour_now + 1)}
        ever: dict[str, int] = {}
        dead = by_human = conversations = 0
        with ledger_errors():
            for shard in range(self._keys.shards):
                pipeline = self._ledger.client.pipeline(transaction=False)
                pipeline.hgetall(self._keys.of_shard(shard, "depth"))
                for lane in LANES:
                    pipeline.zrange(self._keys.of_shard(shard, f"due:{lane}"), 0, 0, withscores=True)
                for stage in STAGES:
                    pipeline.zcard(self._keys.found_by(shard, "stage", stage))
                pipeline.zcard(self._keys.of_shard(shard, "dead"))
                pipeline.zcard(self._keys.found_by(shard, "owner", "human"))
                pipeline.zcard(self._keys.everybody(shard))
                for hour in totals:
                    pipeline.hgetall(self._keys.hour(shard, int(hour)))
                answers: list[Any] = pipeline.execute()
                depth = {key.decode(): int(value) for key, value in answers[0].items()}
                for name, count in depth.items():
                    if name.startswith(EVER):
                        ever[name.removeprefix(EVER)] = ever.get(name.removeprefix(EVER), 0) + count
                for lane, head in zip(LANES, answers[1:4], strict=True):
                    lanes[lane]["depth"] += depth.get(lane, 0)
                    overdue_s = now.timestamp() - head[0][1] / 1000 if head else 0.0
                    lanes[lane]["oldest_age_s"] = round(max(lanes[lane]["oldest_age_s"], overdue_s), 3)
                for stage, count in zip(STAGES, answers[4:9], strict=True):
                    stages[stage] += count
                dead, by_human, conversations = dead + answers[9], by_human + answers[10], conversations + answers[11]
                for hour, counts in zip(totals, answers[12:], strict=True):
                    for name, count in counts.items():
                        totals[hour][name.decode()] = totals[hour].get(name.decode(), 0) + int(count)
        return {
            "lanes": lanes,
            "dead_letters": dead,
            "totals": ever,
            "conversations": {"total": conversations, "with_human": by_human, "by_stage": stages},
            "hours": {
                datetime.fromtimestamp(int(hour) * 3600, UTC).isoformat(): counts for hour, counts in totals.items() if counts
            },
        }

    def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """What was given up, newest first."""
        letters: list[DeadLetter] = []
        with ledger_errors():
            for shard in range(self._keys.shards):
                names: Any = self._ledger.client.zrange(self._keys.of_shard(shard, "dead"), 0, limit - 1, desc=True)
                for name in names:
                    contact, _, letter_id = name.decode().rpartition(" ")
                    body: Any = self._ledger.client.hget(self._keys.of_contact(contact, "dead"), letter_id)
                    if body:
                        raw = letter_of(body)
                        letters.append(
                            DeadLetter(raw["id"], raw["lane"], contact, raw["reason"], _moment(raw["at"]), raw["attempts"])
                        )
        return sorted(letters, key=lambda letter: letter.at, reverse=True)[:limit]


def row_of(entry_id: bytes, entry: Mapping[bytes, bytes]) -> dict[str, Any]:
    """One row of a transcript. One that cannot be read is shown as such: those beside it can."""
    with suppress(msgspec.MsgspecError, RecursionError, KeyError):
        row: Any = msgspec.json.decode(entry[b"row"])
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            return row
    at = _moment(entry_id.partition(b"-")[0]).isoformat()
    return {"id": entry_id.decode(), "role": "system", "kind": "unknown", "text": "", "at": at}


def letter_of(stored: bytes) -> dict[str, Any]:
    """One dead letter. The job in it may be there because nobody could read it."""
    letter: dict[str, Any] = msgspec.json.decode(stored.decode("utf-8", "replace"))
    return letter


def _matches(record: Record, owner: str) -> bool:
    return not owner or record.owner == owner


def _owner(stored: bytes | None) -> str:
    return "human" if stored == b"human" else "bot"


def _moment(milliseconds: Any) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _cursor(last: tuple[int, str] | None) -> str | None:
    return base64.urlsafe_b64encode(f"{last[0]} {last[1]}".encode()).decode() if last else None


def _search_cursor(shard: int, after: bytes) -> str:
    return base64.urlsafe_b64encode(b"s%d " % shard + after).decode()


def _read_search(cursor: str) -> tuple[int, bytes]:
    if not cursor:
        return 0, b""
    try:
        place, _, after = base64.urlsafe_b64decode(cursor.encode()).partition(b" ")
        return int(place.removeprefix(b"s")), after
    except (ValueError, binascii.Error) as error:
        raise ValueError("this cursor was not given by this door") from error


def _read_cursor(cursor: str) -> tuple[int, str] | None:
    if not cursor:
        return None
    try:
        score, _, contact = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return int(score), contact
    except (ValueError, binascii.Error) as error:
        raise ValueError("this cursor was not given by this door") from error
