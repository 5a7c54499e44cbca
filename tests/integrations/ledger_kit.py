"""What the ledger's tests share: items to accept, a clock that stands still, and an auditor that reads every key."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import redis
from redis.cluster import ClusterNode, RedisCluster

from src.agent import state as states
from src.desk.ports import LANES, Arrival, Claim, Lane, Settlement
from src.errors import UnreadableState
from src.integrations.ledger.keys import FACETS, LISTS, Keys
from src.integrations.ledger.redis_ledger import PUT_OFF_MS, RedisLedger
from src.messages import Contact, Inbound

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ANA = "whatsapp:34600000001"
ANA_BY_ID = "whatsapp:ES.99"
NewLedger = Callable[..., RedisLedger]
_numbers = itertools.count(1)


def arrival(text: str, contact: str = ANA, *, urgent: bool = False, message_id: str = "", **who: str) -> Arrival:
    """Something a person wrote, ready to be accepted."""
    inbound = Inbound(
        id=message_id or f"wamid.{next(_numbers)}",
        contact=Contact(key=contact, channel="whatsapp", **who),
        kind="button" if urgent else "text",
        at=NOW,
        text=text,
    )
    row = msgspec.json.encode({"id": inbound.id, "role": "prospect", "text": text})
    return Arrival(inbound=inbound, job=msgspec.json.encode(inbound), row=row, urgent=urgent)


def texts(claim: Claim) -> list[str]:
    return [msgspec.json.decode(job.body, type=Inbound).text for job in claim.jobs]


def take(ledger: RedisLedger, lane: Lane = "turns", contact: str = ANA) -> Claim:
    claim = ledger.claim(lane, contact)
    assert claim is not None
    return claim


def due(ledger: RedisLedger, lane: Lane = "turns") -> set[str]:
    """Contacts that are offered now. Looking puts them off by a second."""
    room: dict[Lane, int] = dict.fromkeys(LANES, 100)
    return {contact for shard in range(ledger.keys.shards) for contact in ledger.offer(shard, room).contacts[lane]}


def done(claim: Claim, **more: Any) -> Settlement:
    return Settlement(done=[job.id for job in claim.jobs], **more)


class FrozenClock:
    """The store's time for one ledger: it moves only when told to, whatever the machine is doing."""

    def __init__(self) -> None:
        self.now_ms = round(time.time() * 1000)

    def advance(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)

    def __call__(self) -> int:
        return self.now_ms - round(time.time() * 1000)


class Killed(BaseException):
    """The process died here. No `except Exception` sees it."""


def die() -> None:
    raise Killed


class Interposed:
    """A client that does something of ours just before its nth command: what another process did meanwhile, or its death."""

    def arm(self, before_command: int, action: Callable[[], object]) -> None:
        self._left, self._action = before_command, action

    @property
    def reached(self) -> bool:
        return getattr(self, "_left", 0) < 0

    def _count(self) -> None:
        self._left = getattr(self, "_left", -1) - 1
        if self._left == -1 and hasattr(self, "_action"):
            self._action()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        self._count()
        return super().execute_command(*args, **options)  # type: ignore[misc]

    def pipeline(self, *args: Any, **options: Any) -> Any:
        self._count()
        return super().pipeline(*args, **options)  # type: ignore[misc]


class InterposedServer(Interposed, redis.Redis):
    """Of a single server."""


class InterposedCluster(Interposed, RedisCluster):
    """Of a Cluster, whose commands find their nodes afterwards."""


def interposed(url: str) -> Any:
    """The same store through a client that can be interrupted."""
    if url.startswith("unix://"):
        return InterposedServer(unix_socket_path=url.removeprefix("unix://"), socket_timeout=5.0)
    nodes = [urlsplit(f"//{node}") for node in urlsplit(url).netloc.split(",")]
    return InterposedCluster(startup_nodes=[ClusterNode(node.hostname, node.port) for node in nodes], socket_timeout=5.0)


def contents(client: Any) -> dict[str, list[str]]:
    """Every key of the store with all that it holds, as texts."""
    readers: dict[str, Callable[[str], Iterable[Any]]] = {
        "string": lambda key: [client.get(key)],
        "hash": lambda key: itertools.chain.from_iterable(client.hgetall(key).items()),
        "zset": lambda key: client.zrange(key, 0, -1),
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "stream": lambda key: [value for _, row in client.xrange(key) for value in row.values()],
    }
    found = {}
    for raw in client.scan_iter("*", count=1000):
        key = raw.decode()
        kind = client.type(key).decode()
        if kind != "none":
            found[key] = [part.decode("utf-8", "replace") for part in readers[kind](key) if part is not None]
    return found


def traces(client: Any, *names: str) -> list[str]:
    """Where any of these names still is: in a key's name or in what it holds."""
    return [
        key
        for key, parts in contents(client).items()
        if any(name in key or any(name in part for part in parts) for name in names)
    ]


def queued(ledger: RedisLedger, lane: Lane, contact: str) -> list[str]:
    ids: Any = ledger.client.zrange(ledger.keys.lane(contact, lane)[0], 0, -1)
    return [name.decode() for name in ids]


def audit(ledger: RedisLedger, now_ms: int) -> list[str]:
    """What is wrong with the store: work that nobody will wake up for, counters that lie, leftovers. Empty when all is well."""
    client: Any = ledger.client
    keys = [raw.decode() for raw in client.scan_iter("iv:{*", count=1000)]
    contacts = {key.split(":", 3)[3] for key in keys if key.split(":", 3)[2] == "record"}
    contacts |= {key.split(":", 4)[4] for key in keys if key.split(":", 3)[2] in ("queue", "jobs")}
    faults = []
    depth = {(shard, lane): 0 for shard in range(ledger.keys.shards) for lane in LANES}
    for contact in contacts:
        record = {name.decode(): value.decode() for name, value in _record(client, ledger.keys, contact).items()}
        for lane in LANES:
            queue, jobs, due_set = ledger.keys.lane(contact, lane)
            ids = {name.decode() for name in client.zrange(queue, 0, -1)}
            depth[ledger.keys.shard(contact), lane] += len(ids)
            bodies = {name.decode()[2:] for name in client.hkeys(jobs)}
            if ids != bodies:
                faults.append(f"{lane} of {contact}: queue {ids} and jobs {bodies} differ")
            wakes_at = client.zscore(due_set, contact)
            timer = float(record.get("timer", 0)) if lane == "turns" else 0.0
            if (ids or timer) and ("moved_to" not in record or "moving" in record):
                latest = max(float(record.get(f"{lane}.{name}", 0)) for name in ("lease", "hold"))
                latest = max(latest, now_ms + 1000 * ledger.lease_s) if ids else max(latest, timer)
                if wakes_at is None and "moving" not in record:
                    faults.append(f"{lane} of {contact}: work and no due time")
                elif wakes_at is not None and wakes_at > latest + PUT_OFF_MS + 1000:
                    faults.append(f"{lane} of {contact}: wakes {wakes_at - latest} ms too late")
            elif "moved_to" in record and ids:
                faults.append(f"{lane} of {contact}: work was left behind by a merge")
        if "moving" in record and not any(client.zscore(ledger.keys.lane(contact, lane)[2], contact) for lane in LANES):
            faults.append(f"{contact}: nobody will finish its merge")
        faults += _audit_agenda(contact, record)
    for (shard, lane), jobs_there in depth.items():
        counted = int(client.hget(ledger.keys.of_shard(shard, "depth"), lane) or 0)
        if counted != jobs_there:
            faults.append(f"shard {shard}: {lane} counts {counted} and has {jobs_there}")
    return faults + _audit_lists(ledger, contacts)


def _audit_agenda(contact: str, record: dict[str, str]) -> list[str]:
    """Whether the record wakes somebody before the earliest entry of what is stored with it."""
    try:
        agenda = states.decode(record.get("state", "").encode()).agenda
    except UnreadableState:
        return []
    wakes_at = agenda.wakes_at(human=record.get("owner") == "human")
    timer = float(record.get("timer", 0))
    if wakes_at is not None and not 0 < timer <= wakes_at.timestamp() * 1000 + 1:
        return [f"{contact}: an entry is due at {wakes_at} and nobody wakes before {timer}"]
    return []


def _audit_lists(ledger: RedisLedger, contacts: Iterable[str]) -> list[str]:
    """Where the lists that people look at say something else than the records."""
    client: Any = ledger.client
    should: dict[str, set[str]] = {}
    for contact in contacts:
        record = {name.decode(): value.decode() for name, value in _record(client, ledger.keys, contact).items()}
        if "i.name" not in record:
            continue
        keys = ledger.keys.named(contact, *LISTS)
        values = {facet: record.get(facet, record.get(f"i.{facet}")) for facet in FACETS}
        names = ["everybody", *(f"facet.{facet}.{value}" for facet, value in values.items())]
        for name in names:
            if name in keys:
                should.setdefault(keys[name], set()).add(contact)
        if record["i.name"]:
            should.setdefault(keys["names"], set()).add(f"{record['i.name']}\n{contact}")
    faults = []
    stored = {"index", "names", *(name for lists in FACETS.values() for name in lists.values())}
    for shard in range(ledger.keys.shards):
        for name in stored:
            key = ledger.keys.of_shard(shard, name)
            listed = {member.decode() for member in client.zrange(key, 0, -1)}
            if listed != should.get(key, set()):
                faults.append(f"{key} lists {listed}, the records say {should.get(key, set())}")
    return faults


def _record(client: Any, keys: Keys, contact: str) -> dict[bytes, bytes]:
    stored: dict[bytes, bytes] = client.hgetall(keys.of_contact(contact, "record"))
    return stored


def finish_all(ledger: RedisLedger, clock: Any, most_rounds: int = 200) -> dict[str, list[str]]:
    """Works like a healthy process until nothing is left to do. Returns the ids done, by lane, in their order."""
    finished: dict[str, list[str]] = {lane: [] for lane in LANES}
    room: dict[Lane, int] = dict.fromkeys(LANES, 100)
    for _ in range(most_rounds):
        for shard in range(ledger.keys.shards):
            for lane, contacts in ledger.offer(shard, room).contacts.items():
                for contact in contacts:
                    claim = ledger.claim(lane, contact)
                    if claim is not None:
                        ledger.commit(claim, done(claim, timer="none"))
                        finished[lane] += [job.id for job in claim.jobs]
        if not any(
            ledger.client.exists(ledger.keys.of_shard(shard, f"due:{lane}"))
            for shard in range(ledger.keys.shards)
            for lane in LANES
        ):
            return finished
        clock.advance(ledger.lease_s / 2)
    raise AssertionError(f"work was left after {most_rounds} rounds")
