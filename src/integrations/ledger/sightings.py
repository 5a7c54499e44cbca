"""What is remembered of the CRM's conversations, beside the ledger: how they were last seen, who looks at one, how far the
poll has come. Nothing here is personal but the numbers of conversations, and those are forgotten after a season.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from src.desk.human_side import Sighting
from src.errors import LedgerUnavailable
from src.integrations.ledger.keys import Keys
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import ledger_errors

KEPT_S = 90 * 86_400
_LOOK_S = 10.0
_WAIT_S = 3.0
_TRIES_KEPT_S = 3_600


class RedisSightings:
    """Implements `desk.human_side.Sightings`, and keeps the poll's place. Threads may share one instance."""

    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger = ledger
        self._keys = ledger.keys
        self._write = ledger.write

    def last(self, conversation_id: str) -> Sighting | None:
        """See the port."""
        with ledger_errors():
            stored: Any = self._ledger.client.get(self._keys.crm_conversation(conversation_id))
        try:
            return msgspec.json.decode(stored, type=Sighting) if stored else None
        except msgspec.MsgspecError:
            return None

    def keep(self, conversation_id: str, sighting: Sighting) -> None:
        """See the port."""
        self._write.set(self._keys.crm_conversation(conversation_id), msgspec.json.encode(sighting), for_s=KEPT_S)

    @contextmanager
    def alone(self, conversation_id: str) -> Iterator[None]:
        """See the port. Raises LedgerUnavailable when somebody else does not come to an end."""
        with self._write.lock(self._keys.crm_conversation_lock(conversation_id), for_s=_LOOK_S, wait_s=_WAIT_S) as mine:
            if not mine:
                raise LedgerUnavailable("somebody else is busy with that conversation of the CRM")
            yield

    @contextmanager
    def polling(self, *, for_s: float) -> Iterator[bool]:
        """Whether this process may poll now: of all only one does at a time."""
        with self._write.lock(Keys.POLL_LOCK, for_s=for_s, wait_s=0.0) as mine:
            yield mine

    def place(self) -> float | None:
        """Up to which time there (seconds) the poll has seen everything; None before the first one."""
        with ledger_errors():
            stored: Any = self._ledger.client.get(Keys.POLL)
        return float(stored) if stored else None

    def move_place(self, seconds: float) -> None:
        """Everything up to that time was seen."""
        self._write.set(Keys.POLL, repr(seconds))

    def saw_everything(self, to_s: float, at_s: float) -> None:
        """Nothing up to that time there was left out, by a look that ended at `at_s` of our own time."""
        self._write.hset(Keys.POLL_WHOLE, {"to": repr(to_s), "at": repr(at_s)})

    def everything_to(self) -> float | None:
        """Up to which time there nothing was left out; None before anything was looked at."""
        with ledger_errors():
            stored: Any = self._ledger.client.hget(Keys.POLL_WHOLE, "to")
        return float(stored) if stored else None

    def behind_s(self, now_s: float) -> float:
        """Seconds since the last look that left nothing out; 0 before the first."""
        with ledger_errors():
            stored: Any = self._ledger.client.hget(Keys.POLL_WHOLE, "at")
        return max(0.0, now_s - float(stored)) if stored else 0.0

    def read_to(self, since_s: float) -> dict[str, float]:
        """Conversations whose messages were read, by the time there up to which. Those of before `since_s` are forgotten."""
        self._write.zforget(Keys.POLL_READ, since_s)
        with ledger_errors():
            stored: Any = self._ledger.client.zrange(Keys.POLL_READ, 0, -1, withscores=True)
        return {name.decode(): at for name, at in stored}

    def note_heard(self, conversation_id: str, to_s: float | None, at_s: float | None) -> None:
        """That conversation's messages were read up to that time there (None: there may be more), at `at_s` of our own time
        (None: they could not be)."""
        if to_s is not None:
            self._write.zadd(Keys.POLL_READ, {conversation_id: to_s})
        if at_s is not None:
            self._write.hset(Keys.POLL_WHOLE, {"heard": repr(at_s)})
            self._write.hdel(Keys.POLL_FAILED, conversation_id)

    def heard_ago_s(self, now_s: float) -> float:
        """Seconds since any conversation could be read."""
        with ledger_errors():
            stored: Any = self._ledger.client.hget(Keys.POLL_WHOLE, "heard")
        return now_s - float(stored) if stored else float("inf")

    def failing(self) -> frozenset[str]:
        """Conversations that could not be read lately."""
        with ledger_errors():
            stored: Any = self._ledger.client.hkeys(Keys.POLL_FAILED)
        return frozenset(name.decode() for name in stored)

    def count_failure(self, conversation_id: str, *, counts: bool) -> int:
        """How often that conversation could not be read lately, this time included if it `counts`."""
        tries = self._write.hincrby(Keys.POLL_FAILED, conversation_id, int(counts))
        self._write.expire(Keys.POLL_FAILED, _TRIES_KEPT_S)
        return tries

    def once(self, name: str, *, for_s: float) -> bool:
        """Whether nobody told that of the poll within so long."""
        return self._ledger.once(f"crm.poll.{name}", for_s=for_s)
