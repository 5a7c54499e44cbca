"""The store, found to be ours: its keyed hash, its clock, the two ways to write into it. What the parts of the ledger share."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from src.errors import ConfigurationError, LedgerUnavailable
from src.integrations.ledger.keys import Key, Keys
from src.integrations.ledger.store import Client, Document, Scripts, ledger_errors
from src.messages import Contact

_FOR_EVER_MS = 2**53 - 1


class Writes:
    """One command on one key: what needs no script. Whatever is not written by a script is written here, and only under names
    that `Keys` made. Methods are called like the commands; each may raise LedgerUnavailable.
    """

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client

    def set(self, key: Key, value: str | bytes | float, *, for_s: int | None = None, nx: bool = False) -> bool:
        """Whether it was written: with `nx` only when nothing was there."""
        with ledger_errors():
            return bool(self._client().set(key, value, ex=for_s, nx=nx))

    def delete(self, key: Key) -> None:
        with ledger_errors():
            self._client().delete(key)

    def expire(self, key: Key, in_s: int) -> None:
        with ledger_errors():
            self._client().expire(key, in_s)

    def hset(self, key: Key, fields: Mapping[str, str | float]) -> None:
        with ledger_errors():
            written: dict[Any, Any] = {**fields}
            self._client().hset(key, mapping=written)

    def hsetnx(self, key: Key, field: str, value: str) -> None:
        with ledger_errors():
            self._client().hsetnx(key, field, value)

    def hdel(self, key: Key, field: str) -> None:
        with ledger_errors():
            self._client().hdel(key, field)

    def hincrby(self, key: Key, field: str, by: int = 1) -> int:
        with ledger_errors():
            counted: Any = self._client().hincrby(key, field, by)
        return int(counted)

    def rpush(self, key: Key, value: bytes) -> None:
        with ledger_errors():
            self._client().rpush(key, value)

    def zadd(self, key: Key, scores: Mapping[Any, float]) -> None:
        with ledger_errors():
            self._client().zadd(key, dict(scores))

    def zrem(self, key: Key, member: str) -> None:
        with ledger_errors():
            self._client().zrem(key, member)

    def zforget(self, key: Key, below: float) -> None:
        """Removes what has a lower score."""
        with ledger_errors():
            self._client().zremrangebyscore(key, "-inf", f"({below!r}")

    @contextmanager
    def lock(self, key: Key, *, for_s: float, wait_s: float) -> Iterator[bool]:
        """Whether it is ours: of all that ask at a time one is told yes. It runs out by itself after `for_s`."""
        with ledger_errors():
            lock = self._client().lock(key, timeout=for_s, sleep=0.02)
            mine = lock.acquire(blocking=wait_s > 0, blocking_timeout=wait_s)
        try:
            yield mine
        finally:
            if mine:
                # It ran out by itself: somebody else may have it by now.
                with suppress(LedgerUnavailable), ledger_errors():
                    lock.release()


class OpenStore:
    """One store with our keys in it. Constructing connects to nothing; threads may share one instance.

    `skew_ms` moves the store's clock, for tests. `clock` is this machine's own, in seconds since 1970, to hold against it.
    `lanes` is what is particular about a lane (see `_contact.lua`).
    """

    def __init__(
        self,
        client: Callable[[], Client],
        *,
        shards: int,
        skew_ms: Callable[[], int],
        clock: Callable[[], float] | None = None,
        lanes: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.keys = Keys(shards)
        self.write = Writes(lambda: self.client)
        self.skew_ms = skew_ms
        self._clock = clock
        self._client = client
        self._scripts = Scripts(client, {"bell": Keys.BELL, "lanes": lanes})
        self._hash_key: bytes | None = None
        self._opening = threading.Lock()

    @property
    def client(self) -> Client:
        """The connection, after the store was found to be ours. Raises LedgerUnavailable, ConfigurationError."""
        self.open()
        return self._client()

    def open(self) -> bytes:
        """Looks once whether the store is ours; the key of its hashes. Raises LedgerUnavailable, ConfigurationError."""
        if self._hash_key is not None:
            return self._hash_key
        with self._opening, ledger_errors():
            write = Writes(self._client)
            write.hsetnx(Keys.META, "shards", str(self.keys.shards))
            write.hsetnx(Keys.META, "hash_key", secrets.token_hex(16))
            stored: Any = self._client().hmget(Keys.META, ["shards", "hash_key"])
            shards = int(stored[0])
            if shards != self.keys.shards:
                raise ConfigurationError(
                    [f"LEDGER_SHARDS: the store was made with {shards} shards, this process has {self.keys.shards}"]
                )
            self._hash_key = bytes(stored[1])
        return self._hash_key

    def hash(self, text: str) -> str:
        """A keyed hash: what remains of an id after an erasure tells nothing to who has not the store's key."""
        return hmac.digest(self.open(), text.encode("utf-8", "replace"), hashlib.sha256)[:15].hex()

    def named(self, contact: str, *names: str) -> dict[str, Key]:
        """The keys of that contact and of its shard that scripts call by these names."""
        keys = self.keys.named(contact, *names)
        if "gone" in names:
            keys["gone"] = self.gone_key(contact)
        if "hour" in names:
            keys["hour"] = self.hour_key(self.keys.shard(contact))
        return keys

    def asked(self, contact: str, **asked: Any) -> dict[str, Any]:
        """What a script is asked about a contact, with what all such scripts need."""
        return {"skew": self.skew_ms(), "contact": contact, "shard": self.keys.shard(contact), **asked}

    def run(self, script: str, keys: Mapping[str, Key], asked: Document) -> Any:
        """A script's answer. Raises LedgerUnavailable."""
        self.open()
        return self._scripts.run(script, keys, asked)

    def run_many(self, script: str, calls: Sequence[tuple[Mapping[str, Key], Document]], *, replicas: int = 0) -> list[Any]:
        """One script many times. Raises LedgerUnavailable."""
        self.open()
        return self._scripts.run_many(script, calls, replicas=replicas)

    def server_time(self) -> datetime:
        """The store's clock."""
        with ledger_errors():
            seconds, micros = self.client.time()
        return datetime.fromtimestamp(int(seconds) + int(micros) / 1e6 + self.skew_ms() / 1000, UTC)

    def here_ms(self) -> int:
        """This machine's own time; the end of time where nobody gave a clock, so that the store's is the earlier one."""
        return _FOR_EVER_MS if self._clock is None else round(self._clock() * 1000)

    def off_ms(self, store_ms: int) -> int:
        """How far the store's time is ahead of this machine's own; 0 where nobody gave a clock."""
        return 0 if self._clock is None else store_ms - self.here_ms()

    def place_hash(self, place: str) -> str:
        """What remains of a conversation's number in a CRM; "" of none."""
        return self.hash(f"crm {place}") if place else ""

    # -- names -----------------------------------------------------------------------------------------------------

    def gone_key(self, contact: str) -> Key:
        """See `Keys.gone`."""
        return self.keys.gone(contact, self.hash(contact))

    def hour_key(self, shard: int) -> Key:
        """Where this hour's events of a shard are counted."""
        hour = int((time.time() + self.skew_ms() / 1000) // 3600)  # noqa: TID251 - names a counter, decides nothing
        return self.keys.hour(shard, hour)


def aliases_of(contact: Contact) -> list[str]:
    """The names a contact goes by, each the name of an alias."""
    names = {contact.key}
    if contact.bsuid:
        # The person's own, whichever way they write to us: the key says what kind of address it is.
        names.add(f"{contact.key.partition(':')[0]}:{contact.bsuid}")
    return sorted(names)


def text_of(stored: Any) -> str:
    """What was stored, as text; nothing is the empty text."""
    return stored.decode() if isinstance(stored, bytes) else "" if stored is None else str(stored)


def moment_of(milliseconds: Any) -> datetime:
    """A time of the store, in UTC."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
