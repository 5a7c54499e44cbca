"""What was let in and is no longer: sessions that were closed, links that were taken back. Forgotten when they would have run
out by themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from src.integrations.ledger.keys import Key
from src.integrations.ledger.opening import moment_of
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import ledger_errors


class RedisRevocations:
    """Implements `desk.ports.Revocations`. Threads may share one instance. Names are hashed before they are stored."""

    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger = ledger

    def revoke(self, what: str, *, for_s: int) -> None:
        """See the port."""
        now_ms = round(self._ledger.server_time().timestamp() * 1000)
        self._ledger.write.set(self._key(what), now_ms, for_s=for_s)

    def revoked_at(self, what: str) -> datetime | None:
        """See the port."""
        key = self._key(what)
        with ledger_errors():
            stored: Any = self._ledger.client.get(key)
        return moment_of(stored) if stored else None

    def _key(self, what: str) -> Key:
        return self._ledger.keys.revoked(self._ledger.keyed_hash(what))
