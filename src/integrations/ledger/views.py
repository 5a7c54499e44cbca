"""Looking at the ledger: single contacts, pages of contacts, figures. Reads only; each answer costs the same however many
conversations there are.
"""

from __future__ import annotations

import base64
import binascii
import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from src.agent.state import STAGES
from src.desk.ports import LANES, DeadLetter, Page, Record
from src.integrations.ledger.keys import Key
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import ledger_errors

ROWS_SHOWN = 1_000
HOURS_SHOWN = 24
EVER = "total."
"""Counts since the store was made stand under this beside the depths."""
_NAMES_READ, _MOST_NAMES = 200, 2_000
"""Names of one shard read at once, and at most: whoever looks for "a" gets an answer in time, perhaps not everybody."""


class RedisRecords:
    """Implements `desk.ports.Records`. Every method may raise LedgerUnavailable."""

    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger = ledger
        self._keys = ledger.keys

    def resolve(self, reference: str) -> str:
        """See the port."""
        return self._ledger.resolve(reference)

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
        """See the port. With `query`: a name's beginning, a phone or a key; such a page has no further ones."""
        with ledger_errors():
            if query:
                wanted = (record for record in self._found(query) if _matches(record, owner) and self._is_in(stage, record))
                return Page(list(itertools.islice(wanted, limit)), None)
            listed = self._listed(stage, owner)
            before = _read_cursor(cursor)
            newest = heapq.merge(
                *(self._newest(listed(shard), before, limit) for shard in range(self._keys.shards)), reverse=True
            )
            records: list[Record] = []
            last: tuple[int, str] | None = None
            for score, contact in newest:
                if len(records) == limit:
                    return Page(records, _cursor(last))
                last = (score, contact)
                summary = self._without_rows(contact)
                if summary is not None and _matches(summary, owner):
                    records.append(summary)
        return Page(records, None)

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

    def _without_rows(self, contact: str) -> Record | None:
        stored: Any = self._ledger.client.hmget(self._keys.of_contact(contact, "record"), ["state", "owner", "created"])
        state, owner, created = stored
        if created is None:
            return None
        return Record(contact=contact, state=state, owner=_owner(owner), created_at=_moment(created))

    def _is_in(self, stage: str, record: Record) -> bool:
        if stage not in STAGES:
            return True
        listed: Any = self._ledger.client.hget(self._keys.of_contact(record.contact, "record"), "i.stage")
        return bool(listed == stage.encode())

    def _found(self, query: str) -> Iterator[Record]:
        """Who goes by that, or everybody whose name begins so, read in portions as they are asked for."""
        exact = self._without_rows(self.resolve(query))
        if exact is not None:
            yield exact
            return
        start = query.casefold().encode()
        for shard in range(self._keys.shards):
            key, offset = self._keys.of_shard(shard, "names"), 0
            while offset < _MOST_NAMES:
                names: Any = self._ledger.client.zrange(
                    key, b"[" + start, b"[" + start + b"\xff", bylex=True, offset=offset, num=_NAMES_READ
                )  # fmt: skip
                yield from filter(None, (self._without_rows(name.decode().partition("\n")[2]) for name in names))
                offset += len(names)
                if len(names) < _NAMES_READ:
                    break

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


def _read_cursor(cursor: str) -> tuple[int, str] | None:
    if not cursor:
        return None
    try:
        score, _, contact = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return int(score), contact
    except (ValueError, binascii.Error) as error:
        raise ValueError("this cursor was not given by this door") from error
