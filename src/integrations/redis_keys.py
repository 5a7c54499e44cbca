"""The store, found to be ours: its keys' names, its keyed hash, its clock. What the parts of the ledger share."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from src.agent.state import STAGES
from src.desk.ports import LANES
from src.errors import ConfigurationError
from src.integrations.redis_store import Client, Scripts, ledger_errors
from src.messages import Contact

_FOR_EVER_MS = 2**53 - 1


class Keys:
    """The only place where the names of keys are made. A shard's tag keeps its keys in one slot of a Cluster."""

    def __init__(self, shards: int) -> None:
        self.shards = shards

    def shard(self, contact: str) -> int:
        return zlib.crc32(contact.encode()) % self.shards

    def of_shard(self, shard: int, name: str) -> str:
        return f"iv:{{s{shard:02d}}}:{name}"

    def of_contact(self, contact: str, name: str) -> str:
        return f"iv:{{s{self.shard(contact):02d}}}:{name}:{contact}"

    def lane(self, contact: str, lane: str) -> list[str]:
        """Queue, jobs and due set, in the order in which all scripts take them."""
        due = self.of_shard(self.shard(contact), f"due:{lane}")
        return [self.of_contact(contact, f"queue:{lane}"), self.of_contact(contact, f"jobs:{lane}"), due]

    def lanes(self, contact: str) -> list[str]:
        """All three lanes, in their order."""
        return [key for lane in LANES for key in self.lane(contact, lane)]

    def index(self, shard: int) -> list[str]:
        """What lists are read from: all by time, names, those a human has, then one per stage."""
        names = ("index", "names", "by_human", *(f"by_stage:{stage}" for stage in STAGES))
        return [self.of_shard(shard, name) for name in names]


class OpenStore:
    """One store with our keys in it. Constructing connects to nothing; threads may share one instance.

    `skew_ms` moves the store's clock, for tests. `clock` is this machine's own, in seconds since 1970, to hold against it.
    """

    def __init__(
        self, client: Callable[[], Client], *, shards: int, skew_ms: Callable[[], int], clock: Callable[[], float] | None = None
    ) -> None:
        self.keys = Keys(shards)
        self.skew_ms = skew_ms
        self._clock = clock
        self._client = client
        self._scripts = Scripts(client)
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
            client = self._client()
            client.hsetnx("iv:meta", "shards", str(self.keys.shards))
            client.hsetnx("iv:meta", "hash_key", secrets.token_hex(16))
            stored: list[Any] = client.hmget("iv:meta", ["shards", "hash_key"])
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

    def run(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """A script's answer. Raises LedgerUnavailable."""
        self.open()
        return self._scripts.run(script, keys, args)

    def run_many(self, script: str, calls: Sequence[tuple[Sequence[str], Sequence[Any]]], *, replicas: int = 0) -> list[Any]:
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

    def place_hash(self, place: str) -> str:
        """What remains of a conversation's number in a CRM; "" of none."""
        return self.hash(f"crm {place}") if place else ""

    # -- names -----------------------------------------------------------------------------------------------------

    def gone_key(self, contact: str) -> str:
        """The ids of an erased person, under a name that tells nobody who that was."""
        return self.keys.of_shard(self.keys.shard(contact), f"gone:{self.hash(contact)}")

    def hour_key(self, shard: int) -> str:
        """Where this hour's events of a shard are counted."""
        hour = int((time.time() + self.skew_ms() / 1000) // 3600)  # noqa: TID251 - names a counter, decides nothing
        return self.keys.of_shard(shard, f"hour:{hour}")


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
