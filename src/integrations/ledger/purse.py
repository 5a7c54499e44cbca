"""What was spent on language models, by day and month, for all processes together; and whether there is anything left.

Days and months are those of UTC, by the store's clock. What is spent at the same moment by several threads may go over the
ceiling by their questions, and no further.
"""

from __future__ import annotations

import time
from typing import Any

from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import ledger_errors

LOOK_S = 5.0
"""How long an answer holds: the ceiling is looked up this often, not before every question."""
_KEPT_S = 62 * 86_400
_MILLION = 1_000_000


class RedisPurse:
    """Threads may share one. 0 US dollars: no ceiling. Both methods may raise LedgerUnavailable."""

    def __init__(self, ledger: RedisLedger, *, daily_usd: float, monthly_usd: float) -> None:
        self._ledger = ledger
        self._ceilings = {"day": daily_usd * _MILLION, "month": monthly_usd * _MILLION}
        self._looked = (-LOOK_S, False)

    def spend(self, usd_millionths: int) -> None:
        """Notes what a question cost."""
        if not usd_millionths or not any(self._ceilings.values()):
            return
        month, fields = self._now()
        key = self._ledger.keys.spent(month)
        for field in fields.values():
            self._ledger.write.hincrby(key, field, usd_millionths)
        self._ledger.write.expire(key, _KEPT_S)

    def is_empty(self) -> bool:
        """Whether a ceiling is reached; may be some seconds old."""
        looked_s, empty = self._looked
        if not any(self._ceilings.values()) or time.monotonic() - looked_s < LOOK_S:
            return empty
        month, fields = self._now()
        with ledger_errors():
            spent: Any = self._ledger.client.hmget(self._ledger.keys.spent(month), list(fields.values()))
        reached = [
            ceiling and int(amount or 0) >= ceiling
            for ceiling, amount in zip((self._ceilings[name] for name in fields), spent, strict=True)
        ]
        self._looked = (time.monotonic(), any(reached))
        return any(reached)

    def _now(self) -> tuple[str, dict[str, str]]:
        now = self._ledger.server_time()
        return f"{now:%Y-%m}", {"day": f"{now:%d}", "month": "all"}
