"""What is remembered of the CRM's conversations, beside the ledger: how they were last seen, who looks at one, how far the
poll has come. Nothing here is personal but the numbers of conversations, and those are forgotten after a season.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from src.desk.human_side import Sighting
from src.errors import LedgerUnavailable
from src.integrations.redis_ledger import RedisLedger
from src.integrations.redis_store import ledger_errors

KEPT_S = 90 * 86_400
_LOOK_S = 10.0
_WAIT_S = 3.0
_POLL = "iv:crm:poll"
_READ = f"{_POLL}:read"
_WHOLE = f"{_POLL}:whole"
_FAILED = f"{_POLL}:failed"
_TRIES_KEPT_S = 3_600


class RedisSightings:
    """Implements `desk.human_side.Sightings`, and keeps the poll's place. Threads may share one instance."""

    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger = ledger

    def last(self, conversation_id: str) -> Sighting | None:
        """See the port."""
        with ledger_errors():
            stored: Any = self._ledger.client.get(_key(conversation_id))
        try:
            return msgspec.json.decode(stored, type=Sighting) if stored else None
        except msgspec.MsgspecError:
            return None

    def keep(self, conversation_id: str, sighting: Sighting) -> None:
        """See the port."""
        with ledger_errors():
            self._ledger.client.set(_key(conversation_id), msgspec.json.encode(sighting), ex=KEPT_S)

    @contextmanager
    def alone(self, conversation_id: str) -> Iterator[None]:
        """See the port. Raises LedgerUnavailable when somebody else does not come to an end."""
        with self._held(f"{_key(conversation_id)}:lock", for_s=_LOOK_S, wait_s=_WAIT_S) as mine:
            if not mine:
                raise LedgerUnavailable("somebody else is busy with that conversation of the CRM")
            yield

    @contextmanager
    def polling(self, *, for_s: float) -> Iterator[bool]:
        """Whether this process may poll now: of all only one does at a time."""
        with self._held(f"{_POLL}:lock", for_s=for_s, wait_s=0.0) as mine:
            yield mine

    def place(self) -> float | None:
        """Up to which time there (seconds) the poll has seen everything; None before the first one."""
        with ledger_errors():
            stored: Any = self._ledger.client.get(_POLL)
        return float(stored) if stored else None

    def move_place(self, seconds: float) -> None:
        """Everything up to that time was seen."""
        with ledger_errors():
            self._ledger.client.set(_POLL, repr(seconds))

    def saw_everything(self, to_s: float, at_s: float) -> None:
        """Nothing up to that time there was left out, by a look that ended at `at_s` of our own time."""
        with ledger_errors():
            self._ledger.client.hset(_WHOLE, mapping={"to": repr(to_s), "at": repr(at_s)})

    def everything_to(self) -> float | None:
        """Up to which time there nothing was left out; None before anything was looked at."""
        with ledger_errors():
            stored: Any = self._ledger.client.hget(_WHOLE, "to")
        return float(stored) if stored else None

    def behind_s(self, now_s: float) -> float:
        """Seconds since the last look that left nothing out; 0 before the first."""
        with ledger_errors():
            stored: Any = self._ledger.client.hget(_WHOLE, "at")
        return max(0.0, now_s - float(stored)) if stored else 0.0

    def read_to(self, since_s: float) -> dict[str, float]:
        """Conversations whose messages were read, by the time there up to which. Those of before `since_s` are forgotten."""
        with ledger_errors():
            self._ledger.client.zremrangebyscore(_READ, "-inf", f"({since_s!r}")
            stored: Any = self._ledger.client.zrange(_READ, 0, -1, withscores=True)
        return {name.decode(): at for name, at in stored}

    def note_heard(self, conversation_id: str, to_s: float | None, at_s: float | None) -> None:
        """That conversation's messages were read up to that time there (None: there may be more), at `at_s` of our own time
        (None: they could not be)."""
        with ledger_errors():
            if to_s is not None:
                self._ledger.client.zadd(_READ, {conversation_id: to_s})
            if at_s is not None:
                self._ledger.client.hset(_WHOLE, "heard", repr(at_s))
                self._ledger.client.hdel(_FAILED, conversation_id)

    def heard_ago_s(self, now_s: float) -> float:
        """Seconds since any conversation could be read."""
        with ledger_errors():
            stored: Any = self._ledger.client.hget(_WHOLE, "heard")
        return now_s - float(stored) if stored else float("inf")

    def failing(self) -> frozenset[str]:
        """Conversations that could not be read lately."""
        with ledger_errors():
            stored: Any = self._ledger.client.hkeys(_FAILED)
        return frozenset(name.decode() for name in stored)

    def count_failure(self, conversation_id: str, *, counts: bool) -> int:
        """How often that conversation could not be read lately, this time included if it `counts`."""
        with ledger_errors():
            tries: Any = self._ledger.client.hincrby(_FAILED, conversation_id, int(counts))
            self._ledger.client.expire(_FAILED, _TRIES_KEPT_S)
        return int(tries)

    def once(self, name: str, *, for_s: float) -> bool:
        """Whether nobody said that name within so long: of all processes one is told yes."""
        with ledger_errors():
            return bool(self._ledger.client.set(f"{_POLL}:told:{name}", 1, nx=True, ex=round(for_s)))

    @contextmanager
    def _held(self, name: str, *, for_s: float, wait_s: float) -> Iterator[bool]:
        with ledger_errors():
            lock = self._ledger.client.lock(name, timeout=for_s, sleep=0.02)
            mine = lock.acquire(blocking=wait_s > 0, blocking_timeout=wait_s)
        try:
            yield mine
        finally:
            if mine:
                # It ran out by itself: somebody else may have it by now.
                with suppress(LedgerUnavailable), ledger_errors():
                    lock.release()


def _key(conversation_id: str) -> str:
    return f"iv:crm:conversation:{conversation_id}"
