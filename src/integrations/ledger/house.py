"""What the house decides, as it is stored: each setting with who wrote it and when, and every change that led there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from src.errors import LedgerUnavailable
from src.house.changes import Change, Stored, StoredSetting
from src.house.settings import HouseSettings, resolved
from src.integrations.ledger.keys import Keys
from src.integrations.ledger.opening import moment_of, text_of
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import ledger_errors

CHANGES_KEPT = 1000
LOOK_EVERY_S = 2.0
"""A change is seen everywhere within this."""
_IS = "is "


class RedisHouse:
    """Implements `desk.house.HouseStore`. Every method may raise LedgerUnavailable."""

    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger = ledger

    def version(self) -> int:
        """How often something was changed."""
        with ledger_errors():
            found: Any = self._ledger.client.hget(Keys.HOUSE, "version")
        return int(found or 0)

    def read(self) -> Stored:
        """All that is stored."""
        with ledger_errors():
            found: Any = self._ledger.client.hgetall(Keys.HOUSE)
        fields = {text_of(name): text_of(value) for name, value in found.items()}
        settings = {name.removeprefix(_IS): _setting(value) for name, value in fields.items() if name.startswith(_IS)}
        return Stored(int(fields.get("version", 0)), settings)

    def write(self, changes: Mapping[str, Any], *, by: str, seen: int | None) -> tuple[int, list[str]]:
        """Changes all of these, None taking a value away. The version now, and nothing else; or the names that were changed by
        somebody else since version `seen`: then nothing was written."""
        asked = {
            "skew": 0,
            "seen": seen,
            "by": by,
            "kept": CHANGES_KEPT,
            "changes": [[name, "" if value is None else _json(value)] for name, value in changes.items()],
        }
        word, *rest = self._ledger.run("house", {"settings": Keys.HOUSE, "changes": Keys.HOUSE_CHANGES}, asked)
        return (0, [text_of(name) for name in rest]) if word == b"clash" else (int(rest[0]), [])

    def changes(self, limit: int = CHANGES_KEPT) -> list[Change]:
        """The last changes, newest first."""
        with ledger_errors():
            found: Any = self._ledger.client.xrevrange(Keys.HOUSE_CHANGES, count=limit)
        return [_change(msgspec.json.decode(entry[b"change"])) for _, entry in found]


class CurrentHouse:
    """The house as it is decided now: looked up at most every two seconds, and as it last was while the store is away.

    Calls return the same object until something changes. Threads may share one instance; constructing connects to nothing.
    """

    def __init__(self, store: RedisHouse, given: Mapping[str, Any], monotonic: Callable[[], float]) -> None:
        self._store, self._given, self._monotonic = store, given, monotonic
        self._version = -1
        self._looked_s = float("-inf")
        self._house = resolved(given, {})
        self._looking = threading.Lock()

    def __call__(self) -> HouseSettings:
        """See the class. Raises nothing."""
        if self._monotonic() - self._looked_s >= LOOK_EVERY_S and self._looking.acquire(blocking=self._version < 0):
            try:
                if self._monotonic() - self._looked_s >= LOOK_EVERY_S:
                    self._looked_s = self._monotonic()
                    with suppress(LedgerUnavailable):
                        self._look()
            finally:
                self._looking.release()
        return self._house

    def look_again(self) -> None:
        """Whoever changed something sees it at once."""
        self._looked_s = float("-inf")

    def _look(self) -> None:
        version = self._store.version()
        if version != self._version:
            stored = self._store.read()
            self._house = resolved(self._given, stored.values)
            self._version = stored.version


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _value(stored: str) -> Any:
    return msgspec.json.decode(stored) if stored else None


def _setting(stored: str) -> StoredSetting:
    raw: dict[str, Any] = msgspec.json.decode(stored)
    return StoredSetting(_value(raw["value"]), int(raw["version"]), moment_of(raw["at"]), raw["by"])


def _change(raw: dict[str, Any]) -> Change:
    before, after = _value(raw["before"]), _value(raw["after"])
    return Change(int(raw["version"]), moment_of(raw["at"]), raw["by"], raw["name"], before, after)
