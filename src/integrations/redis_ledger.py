"""The ledger on Redis or Valkey: what is true about every contact, and what is still to be done for them.

Every contact belongs to a shard; all its keys carry the shard's hash tag, so one script touches one slot. The scripts beside
this file (`lua/`) are the only writers. See ARCHITECTURE.md, "The ledger".
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from redis.cluster import RedisCluster
from redis.exceptions import NoPermissionError, ResponseError

from src.agent.state import STAGES
from src.desk.ports import LANES, Amendment, Arrival, Claim, Job, Lane, Offers, Settlement
from src.errors import ConfigurationError, LedgerUnavailable, StaleCommit
from src.integrations.redis_store import Client, Scripts, ledger_errors
from src.messages import Contact, Inbound, Receipt

REMEMBER_IDS_S = 8 * 86_400
"""Meta delivers a webhook again for up to seven days."""
REMEMBER_SENT_S = 31 * 86_400
"""A message waits up to thirty days for a phone that is off."""
COUNTERS_S = 8 * 86_400
EVENTS_KEPT = 10_000
TRANSCRIPT_KEPT_S = 400 * 86_400
"""Rows older than this leave the transcript also of somebody who keeps writing."""
PUT_OFF_MS = 1_000
MEMORY_HEADROOM = 0.85
BELL = "iv:bell"
_HOPS = 6


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
        return [key for lane in LANES for key in self.lane(contact, lane)]

    def index(self, shard: int) -> list[str]:
        """What lists are read from: all by time, names, those a human has, then one per stage."""
        names = ("index", "names", "by_human", *(f"by_stage:{stage}" for stage in STAGES))
        return [self.of_shard(shard, name) for name in names]


class RedisLedger:
    """Implements `desk.ports.Ledger`. Constructing connects to nothing; threads may share one instance."""

    def __init__(
        self,
        client: Callable[[], Client],
        *,
        shards: int = 16,
        lease_s: float = 8.0,
        debounce_s: float = 1.0,
        debounce_max_s: float = 4.0,
        messages_per_s: float = 80.0,
        wait_replicas: int = 0,
        skew_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        self.keys = Keys(shards)
        self.lease_s = lease_s
        self._client = client
        self._scripts = Scripts(client)
        self._debounce = (round(debounce_s * 1000), round(debounce_max_s * 1000))
        self._messages_per_s = messages_per_s
        self._wait_replicas = wait_replicas
        self._skew_ms = skew_ms
        self._hash_key: bytes | None = None
        self._opening = threading.Lock()
        self._memory = (0.0, False)
        self._paused = (0.0, False)

    # -- the store itself ------------------------------------------------------------------------------------------

    @property
    def client(self) -> Client:
        """The connection, after the store was found to be ours. Raises LedgerUnavailable, ConfigurationError."""
        self._open()
        return self._client()

    def _open(self) -> bytes:
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

    def _hash(self, text: str) -> str:
        """A keyed hash: what remains of an id after an erasure tells nothing to who has not the store's key."""
        return hmac.digest(self._open(), text.encode("utf-8", "replace"), hashlib.sha256)[:15].hex()

    def ping(self) -> None:
        """Raises LedgerUnavailable when the store does not answer or cannot be written."""
        self._open()
        with ledger_errors():
            self._client().set("iv:ping", "1", ex=60)

    def server_time(self) -> datetime:
        """The store's clock."""
        with ledger_errors():
            seconds, micros = self.client.time()
        return datetime.fromtimestamp(int(seconds) + int(micros) / 1e6 + self._skew_ms() / 1000, UTC)

    # -- the door --------------------------------------------------------------------------------------------------

    def accept(self, arrivals: Sequence[Arrival]) -> list[str]:
        """See the port. On a single node each item is one script; all go in one round trip."""
        self._refuse_when_full()
        answers = ["" for _ in arrivals]
        pending = [(position, arrival, arrival.inbound.contact.key) for position, arrival in enumerate(arrivals)]
        for _ in range(_HOPS):
            if not pending:
                break
            redirected: list[tuple[int, Arrival, str]] = []
            results = self._accept_round([(arrival, key) for _, arrival, key in pending])
            for (position, arrival, _), result in zip(pending, results, strict=True):
                if result[0] in ("accepted", "duplicate"):
                    answers[position] = result[0]
                else:
                    redirected.append((position, arrival, self._follow(result, arrival.inbound)))
            pending = redirected
        if pending:
            raise LedgerUnavailable("a contact's aliases kept changing while an item was written")
        return answers

    def _accept_round(self, items: Sequence[tuple[Arrival, str]]) -> list[list[str]]:
        single_node = not isinstance(self.client, RedisCluster)
        results: list[list[str] | None] = [None] * len(items)
        calls = []
        for position, (arrival, key) in enumerate(items):
            if not single_node:
                results[position] = self._identify_stepwise(arrival, key)
            if results[position] is None:
                calls.append((position, self._accept_call(arrival, key, single_node)))
        answers = self._scripts.run_many("accept", [call for _, call in calls], replicas=self._wait_replicas)
        for (position, _), answer in zip(calls, answers, strict=True):
            results[position] = [_text(part) for part in answer]
        return [result for result in results if result is not None]

    def _accept_call(self, arrival: Arrival, key: str, single_node: bool) -> tuple[list[str], list[Any]]:
        shard = self.keys.shard(key)
        id_hash = self._hash(arrival.inbound.id)
        aliases = _aliases(arrival.inbound.contact)
        keys = [
            self.keys.of_contact(key, "record"),
            *self.keys.lane(key, "turns"),
            self.keys.of_contact(key, "seen"),
            self._gone_key(key),
            self.keys.of_contact(key, "log"),
            self.keys.of_shard(shard, "depth"),
            self._hour_key(shard),
        ]
        if single_node:
            keys += [f"iv:id:{id_hash}", *(f"iv:alias:{alias}" for alias in aliases)]
        debounce_ms, cap_ms = self._debounce
        args = [
            self._skew_ms(), key, shard, id_hash, id_hash, arrival.job, arrival.row, int(arrival.urgent),
            debounce_ms, cap_ms, REMEMBER_IDS_S * 1000, COUNTERS_S, round(arrival.inbound.at.timestamp() * 1000),
            int(single_node), *aliases,
        ]  # fmt: skip
        return keys, args

    def _identify_stepwise(self, arrival: Arrival, key: str) -> list[str] | None:
        """What `_identify.lua` does, in idempotent steps, for a Cluster where id and aliases live in other slots."""
        id_key = f"iv:id:{self._hash(arrival.inbound.id)}"
        alias_keys = [f"iv:alias:{alias}" for alias in _aliases(arrival.inbound.contact)]
        with ledger_errors():
            owner = _text(self._client().get(id_key))
            if owner == "-":
                return ["duplicate"]
            if owner and owner != key:
                return ["other", owner]
            known = [_text(self._client().get(alias_key)) for alias_key in alias_keys]
            found = sorted({alias for alias in known if alias})
            if len(found) > 1:
                return ["merge", *found]
            if found and found[0] != key and not owner:
                return ["other", found[0]]
            for alias_key in alias_keys:
                self._client().set(alias_key, key, nx=True)
            self._client().set(id_key, key, nx=True, px=REMEMBER_IDS_S * 1000)
            owner = _text(self._client().get(id_key))  # of two that come at once under two identities, one was first
            if owner != key:
                return ["duplicate"] if owner == "-" else ["other", owner]
        return None

    def _follow(self, result: list[str], inbound: Inbound) -> str:
        """Where an item goes that does not belong where it was brought."""
        kind, *contacts = result
        if kind == "other":
            return contacts[0]
        home = self.merge(*contacts) if kind == "merge" else self._home(contacts[0])
        for name in (f"iv:id:{self._hash(inbound.id)}", *(f"iv:alias:{alias}" for alias in _aliases(inbound.contact))):
            with ledger_errors():
                known = _text(self._client().get(name))
            if known not in ("", "-", home):  # it was claimed for a contact just when that one moved or went
                self._scripts.run("repoint", [name], [known, home if kind == "merge" else self._home(known)])
        return home

    def _refuse_when_full(self) -> None:
        """Leaves room for the commits of what was accepted: they free memory, new items only take it."""
        checked_at, full = self._memory
        if time.monotonic() - checked_at > 1.0:
            used, most = self.memory_bytes()
            full = used > MEMORY_HEADROOM * most > 0
            self._memory = (time.monotonic(), full)
        if full:
            raise LedgerUnavailable(f"the store is over {MEMORY_HEADROOM:.0%} of its maxmemory")

    def memory_bytes(self) -> tuple[int, int]:
        """What the store uses and the most it may (0: no limit); of a Cluster, the node that is nearest to its limit."""
        with ledger_errors():
            answer: Any = self.client.info("memory")
        nodes = [answer] if "used_memory" in answer else list(answer.values())  # a Cluster answers for each node
        told = [(int(node["used_memory"]), int(node.get("maxmemory", 0))) for node in nodes]
        return max(told, key=lambda node: (node[0] / node[1] if node[1] else 0.0, node[0]))

    def number_paused(self, number: str) -> bool:
        """Whether a line of ours rests, because its credentials were refused."""
        with ledger_errors():
            until_ms: Any = self.client.hget(f"iv:number:{number}", "paused_until")
        return until_ms is not None and int(until_ms) > self.server_time().timestamp() * 1000

    # -- identities ------------------------------------------------------------------------------------------------

    def alias(self, contact: str, alias: str) -> str:
        """From now on `alias` ("channel:address") means that contact; merges when it meant another. Returns who it is now."""
        self._open()
        contact = self._home(contact)
        with ledger_errors():
            # The record knows first: an erasure finds the alias whatever happens in between.
            self._client().hsetnx(self.keys.of_contact(contact, "record"), f"alias {alias}", "1")
            self._client().set(f"iv:alias:{alias}", contact, nx=True)
            known = _text(self._client().get(f"iv:alias:{alias}"))
        return contact if known == contact else self.merge(contact, known)

    def merge(self, one: str, other: str) -> str:
        """Two contacts were found to be one person: one becomes part of the other. Returns the key that stays: the one with
        a phone, between two alike the smaller, so that two merges at once agree. Every step may be repeated, and a merge
        that was interrupted is finished by whoever meets it."""
        for _ in range(_HOPS):
            one, other = self._home(one), self._home(other)
            if one == other:
                return one
            keep, leave = sorted((one, other), key=lambda contact: (not _has_phone(contact), contact))
            if self._move(leave, keep) == "nobody":
                return keep
        raise LedgerUnavailable("two contacts kept changing while they were merged")

    def _home(self, contact: str) -> str:
        """Where everything of that contact is now. Finishes a merge that was interrupted."""
        for _ in range(_HOPS):
            with ledger_errors():
                stored: Any = self._client().hmget(self.keys.of_contact(contact, "record"), ["moved_to", "moving"])
            if stored[0] is None:
                return contact
            destination = _text(stored[0])
            if stored[1] is None:
                contact = destination
            else:
                self._move(contact, self._home(destination))
        raise LedgerUnavailable("a contact kept moving")

    def _move(self, leave: str, keep: str) -> str:
        """One try: "done", "nobody" when there is nothing to move, or "changed" when something else happened to one of the
        two: then nothing is lost, and the next look at `leave` tells."""
        staying = self.keys.of_contact(keep, "record")
        with ledger_errors():
            # Announced before anything moves: an erasure of the one that stays must know of the other.
            self._client().hset(staying, f"joins {leave}", "1")
        leaving = [self._skew_ms(), leave, self.keys.shard(leave), keep]
        answer = self._scripts.run("leave", self._merge_keys(leave), [*leaving, 0, round(self.lease_s * 1000)])
        if answer[0] != b"leaving":
            with ledger_errors():
                self._client().hdel(staying, f"joins {leave}")
            return "nobody" if answer[0] == b"gone" else "changed"
        _, has, id_hashes, names = answer
        aliases = [f"iv:alias:{_text(name)[6:]}" for name in names if name.startswith(b"alias ")]
        for name in (*(f"iv:id:{_text(id_hash)}" for id_hash in id_hashes), *aliases):
            self._scripts.run("repoint", [name], [leave, keep])
        args = [self._skew_ms(), keep, self.keys.shard(keep), leave, has, *STAGES]
        joined = _text(self._scripts.run("join", self._merge_keys(keep), args)[0])
        if joined not in ("ok", "done"):
            return "changed"
        self._scripts.run("leave", self._merge_keys(leave), [*leaving, 1, 0])
        return "done"

    def _merge_keys(self, contact: str) -> list[str]:
        shard = self.keys.shard(contact)
        return [
            *(self.keys.of_contact(contact, name) for name in ("record", "log", "seen", "out")),
            self.keys.of_shard(shard, "dead"),
            self.keys.of_contact(contact, "dead"),
            *self.keys.index(shard),
            self.keys.of_shard(shard, "depth"),
            *self.keys.lanes(contact),
        ]

    def resolve(self, reference: str) -> str:
        """The contact key for a key or alias; the reference itself when nobody goes by it."""
        with ledger_errors():
            return _text(self.client.get(f"iv:alias:{reference}")) or reference

    # -- lanes -----------------------------------------------------------------------------------------------------

    def offer(self, shard: int, room: Mapping[Lane, int]) -> Offers:
        """See the port."""
        self._open()
        keys = [self.keys.of_shard(shard, f"due:{lane}") for lane in LANES]
        answer = self._scripts.run("offer", keys, [self._skew_ms(), PUT_OFF_MS, *(room.get(lane, 0) for lane in LANES)])
        contacts = {lane: [_text(contact) for contact in offered] for lane, offered in zip(LANES, answer, strict=False)}
        now_ms, next_ms = int(answer[-2]), int(answer[-1])
        return Offers(contacts, None if next_ms < 0 else max(0.0, (next_ms - now_ms) / 1000))

    def claim(self, lane: Lane, contact: str) -> Claim | None:
        """See the port."""
        self._open()
        keys = [self.keys.of_contact(contact, "record"), *self.keys.lane(contact, lane), self.keys.of_contact(contact, "out")]
        most = 50 if lane == "turns" else 1
        args = [
            self._skew_ms(),
            lane,
            contact,
            self.keys.shard(contact),
            round(self.lease_s * 1000),
            most,
            *self._windows(lane),
        ]
        asked_at = time.monotonic()
        answer = self._scripts.run("claim", keys, args)
        if answer == b"moving":
            self._home(contact)
        if not isinstance(answer, list):
            return None
        token, epoch, state, owner, heard_ms, now_ms, handed, sending = answer
        jobs = [
            Job(_text(handed[i]), bytes(handed[i + 1]), int(handed[i + 2]))
            for i in range(0, len(handed), 3)
            if handed[i + 1] is not None
        ]
        status, since_ms, wamid = (_text(part) for part in (*sending, None, None, None)[:3])
        return Claim(
            lane=lane,
            contact=contact,
            token=_text(token),
            epoch=_text(epoch),
            state=bytes(state) or None,
            owner=_text(owner),
            now=_moment(now_ms),
            heard_at=_moment(heard_ms) if heard_ms else None,
            lease_until_s=asked_at + self.lease_s,
            jobs=tuple(jobs),
            sending_status=status,
            sending_since=_moment(since_ms) if since_ms else None,
            sending_wamid=wamid,
        )

    def renew(self, claim: Claim, *, sending: str = "") -> tuple[float, str]:
        """See the port."""
        keys = [
            self.keys.of_contact(claim.contact, "record"),
            self.keys.lane(claim.contact, claim.lane)[2],
            self.keys.of_contact(claim.contact, "out"),
        ]
        args = [self._skew_ms(), claim.lane, claim.contact, claim.token, claim.epoch, round(self.lease_s * 1000), sending]
        asked_at = time.monotonic()
        owner = self._scripts.run("renew", keys, args)
        if owner is None:
            raise StaleCommit(f"the lease on the {claim.lane} lane is lost")
        return asked_at + self.lease_s, _text(owner)

    def commit(self, claim: Claim, settlement: Settlement) -> None:
        """See the port."""
        contact, lane, shard = claim.contact, claim.lane, self.keys.shard(claim.contact)
        keys = [
            *(self.keys.of_contact(contact, name) for name in ("record", "log", "out")),
            self.keys.of_shard(shard, "events"),
            self._hour_key(shard),
            self.keys.of_shard(shard, "depth"),
            self.keys.of_shard(shard, "dead"),
            self.keys.of_contact(contact, "dead"),
            *self.keys.index(shard),
            *self.keys.lanes(contact),
        ]
        document = msgspec.json.encode(self._document(claim, settlement, shard))
        answer = _text(self._scripts.run("commit", keys, [document, settlement.state or b""]))
        if answer == "stale":
            raise StaleCommit(f"the {lane} lane was taken over, reset or erased meanwhile")

    def _document(self, claim: Claim, settlement: Settlement, shard: int) -> dict[str, Any]:
        debounce_ms, cap_ms = self._debounce
        timer = settlement.timer
        statuses = [[outbox_id, *status] for outbox_id, status in settlement.statuses.items()]
        statuses += [[outbox_id, "queued", "", ""] for outbox_id, _ in settlement.deliveries]
        return {
            "skew": self._skew_ms(),
            "lane": claim.lane,
            "contact": claim.contact,
            "shard": shard,
            "token": claim.token,
            "epoch": claim.epoch,
            "turn": claim.turn_id,
            "done": list(settlement.done),
            "buried": list(settlement.buried),
            "reason": settlement.reason,
            "owner": settlement.owner,
            "timer": -1 if timer is None else 0 if timer == "none" else round(timer.timestamp() * 1000),
            "rows": [row.decode() for row in settlement.rows],
            "rows_kept_ms": TRANSCRIPT_KEPT_S * 1000,
            "statuses": statuses,
            "events": [event.decode() for event in settlement.events],
            "events_kept": EVENTS_KEPT,
            "counts": dict(settlement.counts),
            "hour_ttl_s": COUNTERS_S,
            "delivery": [[job, body.decode()] for job, body in settlement.deliveries],
            "mirror": [[job, body.decode()] for job, body in settlement.mirrors],
            "stage": settlement.stage,
            "stages": STAGES,
            "name": settlement.name,
            "hold_ms": round(settlement.hold_s * 1000),
            "wait": settlement.wait_for,
            "debounce_ms": debounce_ms,
            "cap_ms": cap_ms,
        }

    def retry(self, claim: Claim, *, after_s: float, uncount: bool = False) -> None:
        """See the port."""
        keys = [self.keys.of_contact(claim.contact, "record"), *self.keys.lane(claim.contact, claim.lane)]
        shard = self.keys.shard(claim.contact)
        args = [
            self._skew_ms(), claim.lane, claim.contact, shard, claim.token, claim.epoch,
            round(after_s * 1000), int(uncount), *(job.id for job in claim.jobs),
        ]  # fmt: skip
        self._scripts.run("retry", keys, args)

    def _windows(self, lane: str) -> tuple[int, int]:
        return self._debounce if lane == "turns" else (0, 0)

    def listen(self, ring: Callable[[int, float], None], stopped: Callable[[], bool]) -> None:
        """Calls `ring(shard, in_s)` whenever something will need attention. Returns when `stopped`; a lost ring does no harm.

        Raises LedgerUnavailable when the connection breaks: call again.
        """
        with ledger_errors():
            client = self.client
            node: Any = client.get_random_node().redis_connection if isinstance(client, RedisCluster) else client  # type: ignore[no-untyped-call]
            with node.pubsub(ignore_subscribe_messages=True) as heard:
                heard.subscribe(BELL)
                while not stopped():
                    message = heard.get_message(timeout=0.5)
                    if message:
                        shard, _, in_ms = _text(message["data"]).partition(" ")
                        ring(int(shard), int(in_ms) / 1000)

    def beat(self, worker: str) -> None:
        """A worker says that it is alive."""
        now_s = self.server_time().timestamp()
        with ledger_errors():
            self._client().zadd("iv:workers", {worker: now_s})
            self._client().zremrangebyscore("iv:workers", "-inf", now_s - 3600)

    def leave(self, worker: str) -> None:
        """A worker stops in good order."""
        with ledger_errors():
            self.client.zrem("iv:workers", worker)

    def workers(self) -> dict[str, float]:
        """Seconds since each worker's last beat, of those heard of within the hour."""
        now_s = self.server_time().timestamp()
        with ledger_errors():
            beats: Any = self._client().zrange("iv:workers", 0, -1, withscores=True)
        return {_text(name): round(now_s - at, 1) for name, at in beats}

    def pseudonym(self, contact: str) -> str:
        """A stable name for logs that tells nothing to who has not the store's key."""
        return self._hash(contact)[:10]

    # -- receipts and sending --------------------------------------------------------------------------------------

    def receive_receipt(self, receipt: Receipt) -> str:
        """See the port. The opaque data is "<contact> <outbox id>"; without it the vendor's id is looked up."""
        contact, _, outbox_id = receipt.opaque.rpartition(" ")
        if not contact:
            with ledger_errors():
                found = _text(self.client.get(f"iv:sent:{self._hash(receipt.message_id)}"))
            contact, _, outbox_id = found.rpartition(" ")
        answer = self._apply_receipt(contact, outbox_id, receipt) if contact else "unknown"
        return self._park(receipt) if answer == "unknown" else answer

    def _apply_receipt(self, contact: str, outbox_id: str, receipt: Receipt) -> str:
        at_ms = round(receipt.at.timestamp() * 1000)
        codes = ",".join(receipt.error_codes)
        for _ in range(_HOPS):
            shard = self.keys.shard(contact)
            queue, _jobs, due = self.keys.lane(contact, "delivery")
            counters = (self._hour_key(shard), self.keys.of_shard(shard, "depth"))
            keys = [*(self.keys.of_contact(contact, name) for name in ("record", "out")), queue, due, *counters]
            args = [self._skew_ms(), contact, shard, outbox_id, receipt.status, receipt.message_id, codes, at_ms, COUNTERS_S]
            answer = [_text(part) for part in self._scripts.run("receipt", keys, args)]
            if answer[0] != "moved":
                return answer[0]
            contact = self._home(answer[1])
        raise LedgerUnavailable("a contact kept moving")

    def _park(self, receipt: Receipt) -> str:
        hashed = self._hash(receipt.message_id)
        key = f"iv:parked:{hashed}"
        kept = msgspec.structs.replace(receipt, phone=None, bsuid=None, opaque="")
        with ledger_errors():
            self.client.rpush(key, msgspec.json.encode(kept))
            self._client().expire(key, REMEMBER_IDS_S)
            self._client().hincrby(self._hour_key(0), "receipt.unknown", 1)
            self._client().expire(self._hour_key(0), COUNTERS_S)
            self._client().hincrby(self.keys.of_shard(0, "depth"), "total.receipt.unknown", 1)
            # Who sent the message may have looked for early receipts just before this one lay there.
            contact, _, outbox_id = _text(self._client().get(f"iv:sent:{hashed}")).rpartition(" ")
        return self._apply_receipt(contact, outbox_id, receipt) if contact else "unknown"

    def remember_sent(self, contact: str, outbox_id: str, wamid: str) -> None:
        """See the port. Nothing is remembered of somebody who was erased."""
        hashed = self._hash(wamid)
        contact = self._home(contact)
        out = self.keys.of_contact(contact, "out")
        noted = self._scripts.run("sent", [self.keys.of_contact(contact, "record"), out], [outbox_id, wamid])
        if noted[0] != b"noted":
            return
        with ledger_errors():
            self._client().set(f"iv:sent:{hashed}", f"{contact} {outbox_id}", ex=REMEMBER_SENT_S)
            if not self._client().hexists(out, f"w:{outbox_id}"):  # erased or merged between the two steps
                self._client().delete(f"iv:sent:{hashed}")
                return
            parked: Any = self._client().lrange(f"iv:parked:{hashed}", 0, -1)
            for body in parked:
                self._apply_receipt(contact, outbox_id, msgspec.json.decode(body, type=Receipt))
            if parked:
                self._client().delete(f"iv:parked:{hashed}")

    def wait_for_number(self, number: str) -> float:
        """See the port."""
        args = [self._skew_ms(), self._messages_per_s, max(1.0, self._messages_per_s / 4), 1]
        return int(self._scripts.run("bucket", [f"iv:number:{number}"], args)) / 1000

    def pause_number(self, number: str, *, for_s: float, reason: str) -> None:
        """See the port."""
        until_ms = round(self.server_time().timestamp() * 1000 + for_s * 1000)
        with ledger_errors():
            self.client.hset(f"iv:number:{number}", mapping={"paused_until": until_ms, "reason": reason})

    # -- forgetting ------------------------------------------------------------------------------------------------

    def forget(
        self, contact: str, *, erase: bool, claim: Claim | None = None, farewell: tuple[str, bytes] | None = None
    ) -> None:
        """See the port. What lies in other slots goes first, so that an interrupted erasure can be repeated."""
        self._open()
        for _ in range(_HOPS):
            answer = self._forget_once(contact, "erase" if erase else "reset", claim, farewell)
            if answer[0] == "ok":
                return
            if answer[0] == "stale":
                raise StaleCommit("the conversation was taken over, reset or erased meanwhile")
            contact = self._home(contact)
        raise LedgerUnavailable("a contact kept changing while it was forgotten")

    def _forget_once(
        self, contact: str, how: str, claim: Claim | None = None, farewell: tuple[str, bytes] | None = None
    ) -> list[str]:
        held = (claim.lane, claim.token, claim.epoch) if claim else ("", "", "")
        known = "" if how == "reset" else self._erase_elsewhere(contact, held)
        if known is None:
            return ["stale"]
        shard = self.keys.shard(contact)
        keys = [
            *(self.keys.of_contact(contact, name) for name in ("record", "log", "out")),
            self.keys.of_shard(shard, "dead"),
            self.keys.of_contact(contact, "dead"),
            *self.keys.index(shard),
            self.keys.of_contact(contact, "seen"),
            self._gone_key(contact),
            self.keys.of_shard(shard, "depth"),
            *self.keys.lanes(contact),
        ]
        args = [
            self._skew_ms(), contact, shard, how, *held, REMEMBER_IDS_S * 1000, known,
            *(farewell or ("", "")), *STAGES, *(job.id for job in (claim.jobs if claim else ())),
        ]  # fmt: skip
        return [_text(part) for part in self._scripts.run("forget", keys, args)]

    def _erase_elsewhere(self, contact: str, held: tuple[str, str, str]) -> str | None:
        """Removes what one script cannot reach. Returns what was known of, or None when the claim is lost."""
        keys = [self.keys.of_contact(contact, name) for name in ("record", "seen", "out")]
        found = self._scripts.run("foreign", keys, held)
        if found is None:
            return None
        id_hashes, wamids, names, known = found
        for id_hash in id_hashes:
            self._scripts.run("repoint", [f"iv:id:{_text(id_hash)}"], ["", "-"])
        with ledger_errors():
            client = self._client()
            for wamid in wamids:
                client.delete(f"iv:sent:{self._hash(_text(wamid))}")
            for field in names:
                kind, _, name = _text(field).partition(" ")
                if kind == "alias":
                    client.delete(f"iv:alias:{name}")
                else:  # "joins" or "joined": what a merge left, or all of it when the merge was interrupted
                    while self._forget_once(name, "erase_source") == ["again"]:
                        pass
        return _text(known)

    def durability(self) -> dict[str, str]:
        """How the store keeps what it is told, as far as it says: `appendonly`, `appendfsync`, `maxmemory-policy`, `version`.

        A user without the right to CONFIG learns only what INFO tells.
        """
        with ledger_errors():
            client = self.client
            node: Any = client.get_random_node().redis_connection if isinstance(client, RedisCluster) else client  # type: ignore[no-untyped-call]
            info: Any = node.info()
            server = "valkey" if "valkey_version" in info else "redis"
            told = {
                "version": f"{server} {info.get(f'{server}_version', '?')}",
                "appendonly": "yes" if info.get("aof_enabled") else "no",
                "maxmemory-policy": str(info.get("maxmemory_policy", "?")),
            }
            with suppress(NoPermissionError, ResponseError):
                told |= {_text(name): _text(value) for name, value in node.config_get("appendfsync").items()}
        return told

    # -- people ----------------------------------------------------------------------------------------------------

    def amend(self, contact: str, amendment: Amendment) -> bool:
        """See the port. A turn in flight loses its claim and is taken again on the new state."""
        shard = self.keys.shard(contact)
        keys = [
            *(self.keys.of_contact(contact, name) for name in ("record", "log")),
            *self.keys.index(shard),
            *self.keys.lane(contact, "turns"),
        ]
        timer_ms = 0 if amendment.timer is None else round(amendment.timer.timestamp() * 1000)
        args = [
            self._skew_ms(), contact, shard, *self._debounce, amendment.expected or b"", amendment.state, amendment.owner,
            timer_ms, amendment.stage, amendment.name, amendment.row, *STAGES,
        ]  # fmt: skip
        return _text(self._scripts.run("amend", keys, args)) == "ok"

    def speak(self, contact: str, messages: Sequence[tuple[str, bytes, bytes]]) -> None:
        """See the port."""
        for _ in range(_HOPS):
            keys = [
                *(self.keys.of_contact(contact, name) for name in ("record", "log", "out")),
                self.keys.of_shard(self.keys.shard(contact), "depth"),
                *self.keys.lane(contact, "delivery"),
            ]
            parts = [part for message in messages for part in message]
            answer = self._scripts.run("speak", keys, [self._skew_ms(), contact, self.keys.shard(contact), *parts])
            if _text(answer[0]) == "ok":
                return
            contact = _text(answer[1])
        raise LedgerUnavailable("a contact kept moving while a message was written")

    def pause(self, paused: bool) -> None:
        """See the port."""
        with ledger_errors():
            if paused:
                self.client.set("iv:paused", "1")
            else:
                self.client.delete("iv:paused")

    def paused(self) -> bool:
        """See the port. Workers ask this for every turn; it is looked up once a second."""
        looked_s, paused = self._paused
        if time.monotonic() - looked_s > 1.0:
            with ledger_errors():
                paused = bool(self.client.exists("iv:paused"))
            self._paused = (time.monotonic(), paused)
        return paused

    # -- dead letters ----------------------------------------------------------------------------------------------

    def replay(self, contact: str, lane: str, job_id: str) -> bool:
        """Puts a dead letter back into its lane with no attempt counted. False when there is none by that id."""
        self._open()
        contact = self._home(contact)
        shard = self.keys.shard(contact)
        keys = [
            self.keys.of_contact(contact, "record"),
            *(self.keys.of_shard(shard, name) for name in ("depth", "dead")),
            self.keys.of_contact(contact, "dead"),
            *self.keys.lane(contact, lane),
            self.keys.of_contact(contact, "out"),
        ]
        return _text(self._scripts.run("replay", keys, [self._skew_ms(), contact, shard, lane, job_id])) == "ok"

    # -- names -----------------------------------------------------------------------------------------------------

    def _gone_key(self, contact: str) -> str:
        """The ids of an erased person, under a name that tells nobody who that was."""
        return self.keys.of_shard(self.keys.shard(contact), f"gone:{self._hash(contact)}")

    def _hour_key(self, shard: int) -> str:
        hour = int((time.time() + self._skew_ms() / 1000) // 3600)  # noqa: TID251 - names a counter, decides nothing
        return self.keys.of_shard(shard, f"hour:{hour}")


def _aliases(contact: Contact) -> list[str]:
    names = {contact.key}
    if contact.bsuid:
        names.add(f"{contact.channel}:{contact.bsuid}")
    return sorted(names)


def _has_phone(contact: str) -> bool:
    return contact.rpartition(":")[2].isdigit()


def _text(stored: Any) -> str:
    return stored.decode() if isinstance(stored, bytes) else "" if stored is None else str(stored)


def _moment(milliseconds: Any) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
