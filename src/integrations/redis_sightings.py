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
