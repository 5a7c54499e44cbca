"""The ledger on Redis or Valkey: what is true about every contact, and what is still to be done for them.

Every contact belongs to a shard; all its keys carry the shard's hash tag, so one script touches one slot. Whatever must happen
together is written by a script beside this file (`lua/`), which is given its keys by name and one document; single commands go
through `Writes` (opening.py), and nobody else writes. See ARCHITECTURE.md, "The ledger".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
from redis.cluster import RedisCluster
from redis.exceptions import NoPermissionError, ResponseError

from src.agent.state import STAGES
from src.desk import jobs as jobs_of_desk
from src.desk.crm import Status
from src.desk.failures import MOST_RESENDS, is_passing
from src.desk.ports import LANES, Amendment, Arrival, Claim, Job, Lane, Offers, Origin, Settlement
from src.errors import LedgerUnavailable, StaleCommit
from src.integrations.ledger.keys import LISTS, Key, Keys, lane_names
from src.integrations.ledger.opening import OpenStore, Writes, aliases_of, moment_of, text_of
from src.integrations.ledger.people import HOPS, REMEMBER_IDS_S, RedisPeople
from src.integrations.ledger.store import Client, as_text, ledger_errors, servers
from src.messages import Receipt

REMEMBER_SENT_S = 31 * 86_400
"""A message waits up to thirty days for a phone that is off."""
COUNTERS_S = 8 * 86_400
EVENTS_KEPT = 10_000
TRANSCRIPT_KEPT_S = 400 * 86_400
"""Rows older than this leave the transcript also of somebody who keeps writing."""
PUT_OFF_MS = 1_000
MEMORY_HEADROOM = 0.85
MOST_UNKNOWN_NUMBERS = 100
_MOST_JOBS: dict[Lane, int] = {"turns": 50, "delivery": 1, "mirror": 20}
_SHOWN_STATUSES = ("sent", "delivered", "read", "failed")
_LANES: dict[bytes, Lane] = {lane.encode(): lane for lane in LANES}
_SENDS: dict[Lane, tuple[str, ...]] = {"delivery": ("out",)}
"""What a lane that sends needs beside its own keys: what became of its messages."""
_NEW = {"stage": STAGES[0]}
"""What somebody new is found by."""

# The keys of each script, by the names it has for them.
_ACCEPT = (
    *("record", "seen", "gone", "log", "depth", "hour", "everybody"),
    *(f"facet.{facet}.{value}" for facet, value in _NEW.items()),
    *lane_names("turns", "mirror"),
)
_COMMIT = ("record", "log", "out", "events", "hour", "depth", "dead", "letters", *LISTS, *lane_names(*LANES))
_RECEIPT = ("record", "out", "hour", "depth", *lane_names("delivery", "turns", "mirror"))
_AMEND = ("record", "log", "depth", *LISTS, *lane_names("turns", "mirror"))
_SPEAK = ("record", "log", "out", "depth", "seen", "gone", *LISTS, *lane_names("delivery", "mirror"))


class RedisLedger:
    """Implements `desk.ports.Ledger`. Constructing connects to nothing; threads may share one instance.

    `clock` is this machine's own, in seconds since 1970: what cannot be undone waits while it disagrees with the store's.
    Each of our numbers sends at most `messages_per_s`, or what `rates` says of it.
    """

    def __init__(
        self,
        client: Callable[[], Client],
        *,
        shards: int = 16,
        lease_s: float = 8.0,
        debounce_s: float = 1.0,
        debounce_max_s: float = 4.0,
        messages_per_s: float = 80.0,
        rates: Mapping[str, float] = {},
        wait_replicas: int = 0,
        mirrors: bool = False,
        skew_ms: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        windows = {"debounce_ms": round(debounce_s * 1000), "cap_ms": round(debounce_max_s * 1000), "timed": True}
        self._store = OpenStore(client, shards=shards, skew_ms=skew_ms, clock=clock, lanes={"turns": windows})
        self._people = RedisPeople(self._store, lease_s=lease_s, mirrors=mirrors)
        self.keys = self._store.keys
        self.lease_s = lease_s
        self._messages_per_s, self._rates = messages_per_s, dict(rates)
        self._wait_replicas = wait_replicas
        self.mirrors = mirrors
        self._memory = (0.0, False)
        self._paused = (0.0, False)

    # -- the store itself ------------------------------------------------------------------------------------------

    @property
    def client(self) -> Client:
        """The connection, after the store was found to be ours. Raises LedgerUnavailable, ConfigurationError."""
        return self._store.client

    @property
    def shards(self) -> int:
        """See the port."""
        return self.keys.shards

    @property
    def write(self) -> Writes:
        """Single commands, for what lies beside the ledger."""
        return self._store.write

    def run(self, script: str, keys: Mapping[str, Key], asked: Mapping[str, Any]) -> Any:
        """A script, for what lies beside the ledger."""
        return self._store.run(script, keys, asked)

    def server_time(self) -> datetime:
        """The store's clock."""
        return self._store.server_time()

    def clock_off_s(self) -> float:
        """How far the store's clock is ahead of this machine's; 0 where this machine's was not given."""
        return self._store.off_ms(_ms(self.server_time())) / 1000

    def once(self, name: str, *, for_s: float) -> bool:
        """See the port."""
        return self.write.set(self.keys.told(name), 1, nx=True, for_s=round(for_s))

    def once_more(self, name: str) -> None:
        """From now on `once` says yes to that name again."""
        self.write.delete(self.keys.told(name))

    def search(self, keys: Mapping[str, Key], asked: Mapping[str, Any]) -> Any:
        """What the script of that name answers: it only reads."""
        return self._store.run("search", keys, dict(asked))

    # -- people: see people.py -------------------------------------------------------------------------------

    def alias(self, contact: str, alias: str) -> str:
        """See the port."""
        return self._people.alias(contact, alias)

    def merge(self, one: str, other: str) -> str:
        """Makes two contacts one; returns the key that stays."""
        return self._people.merge(one, other)

    def resolve(self, reference: str) -> str:
        """The contact key for a key or alias; the reference itself when nobody goes by it."""
        return self._people.resolve(reference)

    def forget(
        self, contact: str, *, erase: bool, claim: Claim | None = None, farewell: tuple[str, bytes] | None = None
    ) -> None:
        """See the port."""
        self._people.forget(contact, erase=erase, claim=claim, farewell=farewell)

    def tidy(self) -> None:
        """See the port: has the store write its files anew some time after an erasure."""
        self._people.tidy()

    def ping(self) -> None:
        """Raises LedgerUnavailable when the store does not answer or cannot be written."""
        self.write.set(Keys.PING, "1", for_s=60)

    # -- the door --------------------------------------------------------------------------------------------------

    def accept(self, arrivals: Sequence[Arrival]) -> list[str]:
        """See the port. On a single node each item is one script; all go in one round trip."""
        self._refuse_when_full()
        answers = ["" for _ in arrivals]
        pending = [(position, arrival, arrival.inbound.contact.key) for position, arrival in enumerate(arrivals)]
        for _ in range(HOPS):
            if not pending:
                break
            redirected: list[tuple[int, Arrival, str]] = []
            results = self._accept_round([(arrival, key) for _, arrival, key in pending])
            for (position, arrival, _), result in zip(pending, results, strict=True):
                if result[0] in ("accepted", "duplicate"):
                    answers[position] = result[0]
                else:
                    redirected.append((position, arrival, self._people.follow(result, arrival.inbound)))
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
                results[position] = self._people.identify_stepwise(arrival, key)
            if results[position] is None:
                calls.append((position, self._accept_call(arrival, key, single_node)))
        answers = self._store.run_many("accept", [call for _, call in calls], replicas=self._wait_replicas)
        for (position, _), answer in zip(calls, answers, strict=True):
            results[position] = [text_of(part) for part in answer]
        return [result for result in results if result is not None]

    def _accept_call(self, arrival: Arrival, key: str, single_node: bool) -> tuple[dict[str, Key], dict[str, Any]]:
        id_hash = self._store.hash(arrival.inbound.id)
        aliases = aliases_of(arrival.inbound.contact)
        keys = self._store.named(key, *_ACCEPT)
        if single_node:
            keys["id"] = self.keys.id(id_hash)
            keys |= {f"aliases.{place}": self.keys.alias(alias) for place, alias in enumerate(aliases, 1)}
        told = arrival.mirror if self.mirrors else b""
        asked = self._store.asked(
            key,
            lane="turns",
            id_hash=id_hash,
            body=as_text(arrival.job),
            row=as_text(arrival.row),
            urgent=arrival.urgent,
            heard_ms=_ms(arrival.inbound.at),
            names=aliases,
            facets=_NEW,
            told=_told([(id_hash, told)]),
            remember_ms=REMEMBER_IDS_S * 1000,
            hour_ttl_s=COUNTERS_S,
            here_ms=self._store.here_ms(),
        )
        return keys, asked

    def _refuse_when_full(self) -> None:
        """Leaves room for the commits of what was accepted: they free memory, new items only take it."""
        checked_at, full = self._memory
        if time.monotonic() - checked_at > 1.0:
            self._memory = (time.monotonic(), full)  # one asks, the others need not wait
            used, most = self.memory_bytes()
            full = used > MEMORY_HEADROOM * most > 0
            self._memory = (time.monotonic(), full)
        if full:
            raise LedgerUnavailable(f"the store is over {MEMORY_HEADROOM:.0%} of its maxmemory")

    def memory_bytes(self) -> tuple[int, int]:
        """What the store uses and the most it may (0: no limit); of a Cluster, the master nearest to its limit that answers."""
        told, silent = [], None
        for server in servers(self.client):
            try:
                with ledger_errors():
                    memory: Any = server.info("memory")
            except LedgerUnavailable as error:
                silent = error
            else:
                told.append((int(memory["used_memory"]), int(memory.get("maxmemory", 0))))
        if silent and not told:
            raise silent
        return max(told, key=lambda node: (node[0] / node[1] if node[1] else 0.0, node[0]))

    def number_paused(self, number: str) -> bool:
        """Whether a line of ours rests, because its credentials were refused."""
        with ledger_errors():
            until_ms: Any = self.client.hget(self.keys.number(number), "paused_until")
        return until_ms is not None and int(until_ms) > self.server_time().timestamp() * 1000

    # -- lanes -----------------------------------------------------------------------------------------------------

    def offer(self, shard: int, room: Mapping[Lane, int]) -> Offers:
        """See the port."""
        asked = {
            "skew": self._store.skew_ms(),
            "put_off_ms": PUT_OFF_MS,
            "room": {lane: room.get(lane, 0) for lane in LANES},
        }
        now_ms, next_ms, *lanes = self._store.run("offer", self.keys.due(shard), asked)
        contacts: dict[Lane, list[str]] = {}
        more: set[Lane] = set()
        for name, others_are_due, offered in lanes:
            lane = _LANES[name]
            contacts[lane] = [text_of(contact) for contact in offered]
            if others_are_due:
                more.add(lane)
        next_in_s = None if int(next_ms) < 0 else (int(next_ms) - int(now_ms)) / 1000
        return Offers(contacts, next_in_s, frozenset(more))

    def await_replies(self, contact: str, *, for_s: float) -> bool:
        """See the port."""
        keys = self._store.named(contact, "record", *lane_names("delivery"))
        asked = self._store.asked(contact, lane="delivery", hold_ms=round(for_s * 1000))
        return text_of(self._store.run("await", keys, asked)) == "waited"

    def is_busy(self, contact: str) -> bool:
        """See the port."""
        queues = [self.keys.of_contact(contact, f"queue:{lane}") for lane in ("turns", "delivery")]
        with ledger_errors():
            return bool(self.client.exists(*queues))

    def claim(self, lane: Lane, contact: str, *, despite_hold: bool = False) -> Claim | None:
        """See the port."""
        keys = self._store.named(contact, "record", *lane_names(lane), *_SENDS.get(lane, ()))
        asked = self._store.asked(
            contact, lane=lane, lease_ms=round(self.lease_s * 1000), most=_MOST_JOBS[lane], despite_hold=despite_hold
        )
        asked_at = time.monotonic()
        answer = self._store.run("claim", keys, asked)
        if answer == b"moving":
            self._people.home(contact)
        if not isinstance(answer, list):
            return None
        token, epoch, state, owner, heard_ms, now_ms, handed, sending, crm = answer
        jobs = [
            Job(text_of(handed[i]), bytes(handed[i + 1]), int(handed[i + 2]))
            for i in range(0, len(handed), 3)
            if handed[i + 1] is not None
        ]
        status, since_ms, wamid = (text_of(part) for part in (*sending, None, None, None)[:3])
        return Claim(
            lane=lane,
            contact=contact,
            token=text_of(token),
            epoch=text_of(epoch),
            state=bytes(state) or None,
            owner=text_of(owner),
            now=moment_of(now_ms),
            heard_at=moment_of(heard_ms) if heard_ms else None,
            lease_until_s=asked_at + self.lease_s,
            jobs=tuple(jobs),
            sending_status=status,
            sending_since=moment_of(since_ms) if since_ms else None,
            sending_wamid=wamid,
            clock_off=timedelta(milliseconds=self._store.off_ms(int(now_ms))),
            crm={text_of(name): text_of(value) for name, value in zip(crm[::2], crm[1::2], strict=True)},
        )

    def renew(self, claim: Claim, *, sending: str = "") -> tuple[float, str]:
        """See the port."""
        keys = self._store.named(claim.contact, "record", f"lane.{claim.lane}.due", "out")
        asked = self._store.asked(
            claim.contact,
            lane=claim.lane,
            token=claim.token,
            epoch=claim.epoch,
            lease_ms=round(self.lease_s * 1000),
            outbox_id=sending,
        )
        asked_at = time.monotonic()
        # A message goes out only when a replica knows of it, and so of all that led to it: one that takes over repeats nothing.
        replicas = self._wait_replicas if sending else 0
        owner = self._store.run_many("renew", [(keys, asked)], replicas=replicas)[0]
        if owner is None:
            raise StaleCommit(f"the lease on the {claim.lane} lane is lost")
        return asked_at + self.lease_s, text_of(owner)

    def commit(self, claim: Claim, settlement: Settlement) -> None:
        """See the port."""
        keys = self._store.named(claim.contact, *_COMMIT)
        answer = text_of(self._store.run("commit", keys, self._settled(claim, settlement)))
        if answer == "gone":
            self._people.note_erasure()
        if answer == "stale":
            raise StaleCommit(f"the {claim.lane} lane was taken over, reset or erased meanwhile")

    def _settled(self, claim: Claim, settlement: Settlement) -> dict[str, Any]:
        """A settlement as the script takes it."""
        timer = settlement.timer
        statuses = [[outbox_id, *status] for outbox_id, status in settlement.statuses.items()]
        statuses += [[outbox_id, "queued", "", ""] for outbox_id, _ in settlement.deliveries]
        mirrors = [*settlement.mirrors, *(map(_status_job, settlement.statuses.items()) if self.mirrors else ())]
        return self._store.asked(
            claim.contact,
            lane=claim.lane,
            token=claim.token,
            epoch=claim.epoch,
            turn=claim.turn_id,
            done=list(settlement.done),
            buried=list(settlement.buried),
            uncounted=list(settlement.uncounted),
            reason=settlement.reason,
            state=as_text(settlement.state) if settlement.state else None,
            owner=settlement.owner,
            timer_ms=None if timer is None else 0 if timer == "none" else _ms(timer),
            rows=[as_text(row) for row in settlement.rows],
            rows_kept_ms=TRANSCRIPT_KEPT_S * 1000,
            here_ms=self._store.here_ms(),
            statuses=statuses,
            events=[as_text(event) for event in settlement.events],
            events_kept=EVENTS_KEPT,
            counts=dict(settlement.counts),
            hour_ttl_s=COUNTERS_S,
            jobs=[
                *_jobs("delivery", settlement.deliveries),
                *_jobs("turns", settlement.undelivered),
                *_told(mirrors),
            ],
            kept={name: as_text(body) for name, body in settlement.kept.items()},
            notes=dict(settlement.crm),
            facets={"stage": settlement.stage} if settlement.stage else {},
            name=settlement.name if settlement.stage else None,
            hold_ms=round(settlement.hold_s * 1000),
            wait=settlement.wait_for,
        )

    def retry(self, claim: Claim, *, after_s: float, uncount: bool = False) -> None:
        """See the port."""
        keys = self._store.named(claim.contact, "record", *lane_names(claim.lane))
        asked = self._store.asked(
            claim.contact,
            lane=claim.lane,
            token=claim.token,
            epoch=claim.epoch,
            delay_ms=round(after_s * 1000),
            uncount=[job.id for job in claim.jobs] if uncount else [],
        )
        self._store.run("retry", keys, asked)

    def listen(self, ring: Callable[[int, float], None], stopped: Callable[[], bool]) -> None:
        """See the port."""
        with ledger_errors():
            client = self.client
            node: Any = client.get_random_node().redis_connection if isinstance(client, RedisCluster) else client  # type: ignore[no-untyped-call]
            with node.pubsub(ignore_subscribe_messages=True) as heard:
                heard.subscribe(Keys.BELL)
                while not stopped():
                    message = heard.get_message(timeout=0.5)
                    if message:
                        shard, _, in_ms = text_of(message["data"]).partition(" ")
                        ring(int(shard), int(in_ms) / 1000)

    def beat(self, worker: str) -> None:
        """See the port."""
        now_s = self.server_time().timestamp()
        self.write.zadd(Keys.WORKERS, {worker: now_s})
        self.write.zforget(Keys.WORKERS, now_s - 3600)

    def leave(self, worker: str) -> None:
        """See the port."""
        self.write.zrem(Keys.WORKERS, worker)

    def workers(self) -> dict[str, float]:
        """See the port."""
        now_s = self.server_time().timestamp()
        with ledger_errors():
            beats: Any = self.client.zrange(Keys.WORKERS, 0, -1, withscores=True)
        return {text_of(name): round(now_s - at, 1) for name, at in beats}

    def pseudonym(self, contact: str) -> str:
        """See the port."""
        return self.keyed_hash(contact)[:10]

    def keyed_hash(self, text: str) -> str:
        """A name for anything, 120 bits long, that tells nothing to who has not the store's key."""
        return self._store.hash(text)

    # -- receipts and sending --------------------------------------------------------------------------------------

    def receive_receipt(self, receipt: Receipt) -> str:
        """See the port. The opaque data is "<contact> <outbox id>"; without it the vendor's id is looked up."""
        contact, _, outbox_id = receipt.opaque.rpartition(" ")
        if not contact:
            with ledger_errors():
                found = text_of(self.client.get(self.keys.sent(self._store.hash(receipt.message_id))))
            contact, _, outbox_id = found.rpartition(" ")
        answer = self._apply_receipt(contact, outbox_id, receipt) if contact else "unknown"
        return self._park(receipt) if answer == "unknown" else answer

    def _apply_receipt(self, contact: str, outbox_id: str, receipt: Receipt) -> str:
        codes = ",".join(receipt.error_codes)
        told = [_status_job((outbox_id, (receipt.status, "", codes)))] if self.mirrors else []
        for _ in range(HOPS):
            asked = self._store.asked(
                contact,
                lane="delivery",
                outbox_id=outbox_id,
                status=receipt.status,
                wamid=receipt.message_id,
                codes=codes,
                at_ms=_ms(receipt.at),
                hour_ttl_s=COUNTERS_S,
                told=_told(told),
                passing=is_passing(codes),
                most_tries=MOST_RESENDS,
                undelivered=_jobs("turns", [jobs_of_desk.undelivered(outbox_id, codes)])[0],
            )
            keys = self._store.named(contact, *_RECEIPT)
            answer = [text_of(part) for part in self._store.run("receipt", keys, asked)]
            if answer[0] != "moved":
                return answer[0]
            contact = self._people.home(answer[1])
        raise LedgerUnavailable("a contact kept moving")

    def _park(self, receipt: Receipt) -> str:
        hashed = self._store.hash(receipt.message_id)
        key, hour = self.keys.parked(hashed), self._store.hour_key(0)
        kept = msgspec.structs.replace(receipt, phone=None, bsuid=None, opaque="")
        self.write.rpush(key, msgspec.json.encode(kept))
        self.write.expire(key, REMEMBER_IDS_S)
        self.write.hincrby(hour, "receipt.unknown")
        self.write.expire(hour, COUNTERS_S)
        self.write.hincrby(self.keys.of_shard(0, "depth"), "total.receipt.unknown")
        # Who sent the message may have looked for early receipts just before this one lay there.
        with ledger_errors():
            contact, _, outbox_id = text_of(self.client.get(self.keys.sent(hashed))).rpartition(" ")
        return self._apply_receipt(contact, outbox_id, receipt) if contact else "unknown"

    def remember_sent(self, contact: str, outbox_id: str, wamid: str) -> None:
        """See the port. Nothing is remembered of somebody who was erased. On a single node all of it is one step."""
        hashed = self._store.hash(wamid)
        found_by = {"sent": self.keys.sent(hashed), "parked": self.keys.parked(hashed)}
        at_once = {} if isinstance(self.client, RedisCluster) else found_by
        while True:
            keys = self._store.named(contact, "record", "out") | at_once
            asked = self._store.asked(contact, outbox_id=outbox_id, wamid=wamid, remember_s=REMEMBER_SENT_S)
            noted = self._store.run("sent", keys, asked)
            if noted[0] != b"moved":
                break
            contact = self._people.home(contact)
        if noted[0] != b"noted":
            return
        parked: Any = noted[1] if at_once else self._find_by(found_by, contact, outbox_id)
        for body in parked:
            self._apply_receipt(contact, outbox_id, msgspec.json.decode(body, type=Receipt))
        if parked:
            self.write.delete(found_by["parked"])

    def outbox_id_of(self, message_id: str) -> str:
        """See the port."""
        with ledger_errors():
            found = text_of(self.client.get(self.keys.sent(self._store.hash(message_id))))
        return found.rpartition(" ")[2]

    def _find_by(self, keys: Mapping[str, Key], contact: str, outbox_id: str) -> list[bytes]:
        """The rest of `remember_sent`, key by key. Returns the receipts that came before."""
        self.write.set(keys["sent"], f"{contact} {outbox_id}", for_s=REMEMBER_SENT_S)
        with ledger_errors():
            known = self.client.hexists(self.keys.of_contact(contact, "out"), f"w:{outbox_id}")
        if not known:  # erased or merged between the two steps
            self.write.delete(keys["sent"])
            return []
        with ledger_errors():
            found: Any = self.client.lrange(keys["parked"], 0, -1)
        return list(found)

    def wait_for_number(self, number: str) -> float:
        """See the port."""
        per_s = self._rates.get(number, self._messages_per_s)
        asked = {"skew": self._store.skew_ms(), "per_s": per_s, "burst": max(1.0, per_s / 4), "wanted": 1}
        return int(self._store.run("bucket", {"number": self.keys.number(number)}, asked)) / 1000

    def note_unknown_number(self, number: str, items: int) -> None:
        """Something was proven to be from the vendor, but for a number that is no line of ours: how often, since when, until
        when. Nothing of what it was is kept."""
        now = self.server_time().isoformat()
        with ledger_errors():
            known: Any = self.client.hget(Keys.UNKNOWN_NUMBERS, number)
            full = known is None and self.client.hlen(Keys.UNKNOWN_NUMBERS) >= MOST_UNKNOWN_NUMBERS
        if not full:
            before: dict[str, Any] = msgspec.json.decode(known) if known else {"items": 0, "first_at": now}
            noted = {"items": before["items"] + items, "first_at": before["first_at"], "last_at": now}
            self.write.hset(Keys.UNKNOWN_NUMBERS, {number: msgspec.json.encode(noted).decode()})

    def unknown_numbers(self) -> dict[str, dict[str, Any]]:
        """Numbers that are no line of ours and were written to all the same."""
        with ledger_errors():
            found: Any = self.client.hgetall(Keys.UNKNOWN_NUMBERS)
        return {text_of(number): msgspec.json.decode(noted) for number, noted in found.items()}

    def pause_number(self, number: str, *, for_s: float, reason: str) -> None:
        """See the port."""
        until_ms = round(self.server_time().timestamp() * 1000 + for_s * 1000)
        self.write.hset(self.keys.number(number), {"paused_until": until_ms, "reason": reason})

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
                told |= {text_of(name): text_of(value) for name, value in node.config_get("appendfsync").items()}
        return told

    # -- people ----------------------------------------------------------------------------------------------------

    def amend(self, contact: str, amendment: Amendment) -> bool:
        """See the port. A turn in flight loses its claim and is taken again on the new state."""
        asked = self._store.asked(
            contact,
            lane="turns",
            expected=as_text(amendment.expected or b""),
            state=as_text(amendment.state),
            owner=amendment.owner,
            timer_ms=0 if amendment.timer is None else _ms(amendment.timer),
            facets={"stage": amendment.stage},
            name=amendment.name,
            row=as_text(amendment.row),
            told=_told(amendment.mirrors),
        )
        return text_of(self._store.run("amend", self._store.named(contact, *_AMEND), asked)) == "ok"

    def speak(
        self,
        contact: str,
        messages: Sequence[tuple[str, bytes, bytes]],
        *,
        owner: str = "",
        mirrors: Sequence[tuple[str, bytes]] = (),
        origin: Origin | None = None,
        already: str = "",
    ) -> int:
        """See the port."""
        written = None
        if origin and origin.place:
            written = {"place": self._store.place_hash(origin.place), "written_ms": _ms(origin.at)}
        said = [[name, self._store.hash(name), as_text(body), as_text(row)] for name, body, row in messages]
        for _ in range(HOPS):
            asked = self._store.asked(
                contact,
                lane="delivery",
                owner=owner,
                messages=said,
                told=_told(mirrors),
                origin=written,
                remember_ms=REMEMBER_IDS_S * 1000,
                already=already or None,
            )
            answer = self._store.run("speak", self._store.named(contact, *_SPEAK), asked)
            if text_of(answer[0]) == "moved":
                contact = text_of(answer[1])
                continue
            if messages and answer[2:] == [1]:  # who writes next under two names is found under this one
                self._people.alias(contact, contact)
            return int(answer[1])
        raise LedgerUnavailable("a contact kept moving while a message was written")

    def pause(self, paused: bool) -> None:
        """See the port."""
        if paused:
            self.write.set(Keys.PAUSED, "1")
        else:
            self.write.delete(Keys.PAUSED)
        self._paused = (time.monotonic(), paused)  # who did it sees it at once

    def paused(self) -> bool:
        """See the port. Workers ask this for every turn; it is looked up once a second."""
        looked_s, paused = self._paused
        if time.monotonic() - looked_s > 1.0:
            with ledger_errors():
                paused = bool(self.client.exists(Keys.PAUSED))
            self._paused = (time.monotonic(), paused)
        return paused

    # -- dead letters ----------------------------------------------------------------------------------------------

    def replay(self, contact: str, lane: str, job_id: str) -> bool:
        """Puts a dead letter back into its lane with no attempt counted. False when there is none by that id."""
        contact = self._people.home(contact)
        known = _LANES.get(lane.encode())
        if known is None:
            return False
        keys = self._store.named(contact, "record", "depth", "dead", "letters", *lane_names(known), *_SENDS.get(known, ()))
        return text_of(self._store.run("replay", keys, self._store.asked(contact, lane=lane, id=job_id))) == "ok"


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _status_job(status: tuple[str, tuple[str, str, str]]) -> tuple[str, bytes]:
    """What the CRM is told of a message's status; nothing of one that is only on its way."""
    outbox_id, (name, _wamid, codes) = status
    shown = msgspec.json.encode(Status(id=outbox_id, status=name, detail=codes)) if name in _SHOWN_STATUSES else b""
    return f"{outbox_id}.{name}", shown


def _jobs(lane: Lane, jobs: Sequence[tuple[str, bytes]]) -> list[tuple[Lane, str, msgspec.Raw]]:
    """Jobs as the scripts take them."""
    return [(lane, job_id, as_text(body)) for job_id, body in jobs]


def _told(jobs: Sequence[tuple[str, bytes]]) -> list[tuple[Lane, str, msgspec.Raw]]:
    """What the CRM is told. A job that says nothing is none."""
    return _jobs("mirror", [(job_id, body) for job_id, body in jobs if body])
