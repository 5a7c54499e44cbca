"""Who somebody is in the store, and that they were ever there: aliases, merges of two contacts, resets and erasures.

What one script cannot reach because it lies in other slots is done in steps of which each may be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from src.agent.state import STAGES
from src.desk.ports import Arrival, Claim
from src.errors import LedgerUnavailable, StaleCommit
from src.integrations.redis_keys import OpenStore, aliases_of, text_of
from src.integrations.redis_store import ledger_errors, servers
from src.messages import Inbound

HOPS = 6
"""How often a contact may turn out to be somebody else before we give up and are asked again."""
TIDY_AFTER_S = 5
_ERASED_AT, _TIDYING = "iv:erased_at", "iv:tidying"
_MARKS = (b"erased", b"heard")
"""Beside the hashes of somebody who was erased: when that was, and when they had last written."""
REMEMBER_IDS_S = 8 * 86_400
"""Meta delivers a webhook again for up to seven days."""


class RedisPeople:
    """The part of the ledger that knows identities. `lease_s` is how long an interrupted merge rests."""

    def __init__(self, store: OpenStore, *, lease_s: float, mirrors: bool) -> None:
        self._store = store
        self._keys = store.keys
        self._lease_s = lease_s
        self._mirrors = mirrors

    def identify_stepwise(self, arrival: Arrival, key: str) -> list[str] | None:
        """What `_identify.lua` does, in idempotent steps, for a Cluster where id and aliases live in other slots."""
        id_key = f"iv:id:{self._store.hash(arrival.inbound.id)}"
        alias_keys = [f"iv:alias:{alias}" for alias in aliases_of(arrival.inbound.contact)]
        with ledger_errors():
            owner = text_of(self._store.client.get(id_key))
            if owner == "-" or self._is_from_before_an_erasure(arrival, key):
                return ["duplicate"]
            if owner and owner != key:
                return ["other", owner]
            known = [text_of(self._store.client.get(alias_key)) for alias_key in alias_keys]
            found = sorted({alias for alias in known if alias})
            if len(found) > 1:
                return ["merge", *found]
            if found and found[0] != key and not owner:
                return ["other", found[0]]
            for alias_key in alias_keys:
                self._store.client.set(alias_key, key, nx=True)
            self._store.client.set(id_key, key, nx=True, px=REMEMBER_IDS_S * 1000)
            owner = text_of(self._store.client.get(id_key))  # of two that come at once under two identities, one was first
            if owner != key:
                return ["duplicate"] if owner == "-" else ["other", owner]
        return None

    def _is_from_before_an_erasure(self, arrival: Arrival, key: str) -> bool:
        """Then no name may be claimed for it: nothing would take it away again."""
        heard_ms: Any = self._store.client.zscore(self._store.gone_key(key), "heard")
        return heard_ms is not None and arrival.inbound.at.timestamp() * 1000 < heard_ms

    def follow(self, result: list[str], inbound: Inbound) -> str:
        """Where an item goes that does not belong where it was brought."""
        kind, *contacts = result
        if kind == "other":
            return contacts[0]
        home = self.merge(*contacts) if kind == "merge" else self.home(contacts[0])
        for name in (f"iv:id:{self._store.hash(inbound.id)}", *(f"iv:alias:{alias}" for alias in aliases_of(inbound.contact))):
            with ledger_errors():
                known = text_of(self._store.client.get(name))
            if known not in ("", "-", home):  # it was claimed for a contact just when that one moved or went
                self._store.run("repoint", [name], [known, home if kind == "merge" else self.home(known)])
        return home

    def alias(self, contact: str, alias: str) -> str:
        """From now on `alias` ("channel:address") means that contact; merges when it meant another. Returns who it is now."""
        self._store.open()
        contact = self.home(contact)
        with ledger_errors():
            # The record knows first: an erasure finds the alias whatever happens in between.
            self._store.client.hsetnx(self._keys.of_contact(contact, "record"), f"alias {alias}", "1")
            self._store.client.set(f"iv:alias:{alias}", contact, nx=True)
            known = text_of(self._store.client.get(f"iv:alias:{alias}"))
        return contact if known == contact else self.merge(contact, known)

    def merge(self, one: str, other: str) -> str:
        """Two contacts were found to be one person: one becomes part of the other. Returns the key that stays: the one with
        a phone, between two alike the smaller, so that two merges at once agree. Every step may be repeated, and a merge
        that was interrupted is finished by whoever meets it."""
        for _ in range(HOPS):
            one, other = self.home(one), self.home(other)
            if one == other:
                return one
            keep, leave = sorted((one, other), key=lambda contact: (not _has_phone(contact), contact))
            if self._move(leave, keep) == "nobody":
                return keep
        raise LedgerUnavailable("two contacts kept changing while they were merged")

    def home(self, contact: str) -> str:
        """Where everything of that contact is now. Finishes a merge that was interrupted."""
        for _ in range(HOPS):
            with ledger_errors():
                stored: Any = self._store.client.hmget(self._keys.of_contact(contact, "record"), ["moved_to", "moving"])
            if stored[0] is None:
                return contact
            destination = text_of(stored[0])
            if stored[1] is None:
                contact = destination
            else:
                self._move(contact, self.home(destination))
        raise LedgerUnavailable("a contact kept moving")

    def _move(self, leave: str, keep: str) -> str:
        """One try: "done", "nobody" when there is nothing to move, or "changed" when something else happened to one of the
        two: then nothing is lost, and the next look at `leave` tells."""
        staying = self._keys.of_contact(keep, "record")
        with ledger_errors():
            # Announced before anything moves: an erasure of the one that stays must know of the other.
            self._store.client.hset(staying, f"joins {leave}", "1")
            self._carry_hashes(leave, keep)
        leaving = [self._store.skew_ms(), leave, self._keys.shard(leave), keep]
        answer = self._store.run("leave", self._merge_keys(leave), [*leaving, 0, round(self._lease_s * 1000)])
        if answer[0] != b"leaving":
            with ledger_errors():
                self._store.client.hdel(staying, f"joins {leave}")
            return "nobody" if answer[0] == b"gone" else "changed"
        _, has, id_hashes, names = answer
        aliases = [f"iv:alias:{text_of(name)[6:]}" for name in names if name.startswith(b"alias ")]
        for name in (*(f"iv:id:{text_of(id_hash)}" for id_hash in id_hashes), *aliases):
            self._store.run("repoint", [name], [leave, keep])
        args = [self._store.skew_ms(), keep, self._keys.shard(keep), leave, has, *STAGES]
        joined = text_of(self._store.run("join", self._merge_keys(keep), args)[0])
        if joined not in ("ok", "done"):
            return "changed"
        self._store.run("leave", self._merge_keys(leave), [*leaving, 1, 0])
        return "done"

    def _carry_hashes(self, leave: str, keep: str) -> None:
        """Whoever was erased under one name and is one with another now is told nothing twice either. Not the marks of when
        that was: the other was not erased."""
        known: Any = self._store.client.zrange(self._store.gone_key(leave), 0, -1, withscores=True)
        if hashes := {name: at for name, at in known if name not in _MARKS}:
            self._store.client.zadd(self._store.gone_key(keep), hashes)
            self._store.client.pexpire(self._store.gone_key(keep), REMEMBER_IDS_S * 1000)

    def _merge_keys(self, contact: str) -> list[str]:
        shard = self._keys.shard(contact)
        return [
            *(self._keys.of_contact(contact, name) for name in ("record", "log", "seen", "out")),
            self._keys.of_shard(shard, "dead"),
            self._keys.of_contact(contact, "dead"),
            *self._keys.index(shard),
            self._keys.of_shard(shard, "depth"),
            *self._keys.lanes(contact),
            self._keys.of_contact(contact, "crm"),
        ]

    def resolve(self, reference: str) -> str:
        """The contact key for a key or alias; the reference itself when nobody goes by it."""
        with ledger_errors():
            return text_of(self._store.client.get(f"iv:alias:{reference}")) or reference

    def forget(
        self, contact: str, *, erase: bool, claim: Claim | None = None, farewell: tuple[str, bytes] | None = None
    ) -> None:
        """See the port. What lies in other slots goes first, so that an interrupted erasure can be repeated."""
        self._store.open()
        for _ in range(HOPS):
            answer = self._forget_once(contact, "erase" if erase else "reset", claim, farewell)
            if answer[0] == "ok":
                if erase:
                    self.note_erasure()
                return
            if answer[0] == "stale":
                raise StaleCommit("the conversation was taken over, reset or erased meanwhile")
            contact = self.home(contact)
        raise LedgerUnavailable("a contact kept changing while it was forgotten")

    def note_erasure(self) -> None:
        """The store's files still hold what was erased, until they are written anew: see `tidy`."""
        try:
            with ledger_errors():
                self._store.client.set(_ERASED_AT, round(self._store.server_time().timestamp() * 1000))
        except LedgerUnavailable:  # a full store keeps no note: it is done at once
            self._rewrite_files()

    def tidy(self) -> None:
        """Some time after an erasure has the store write its files anew, so that nothing of the person is left in them.

        To be called now and then, by anybody. A store that does not let us keeps its files until it rewrites them itself.
        """
        with ledger_errors():
            client = self._store.client
            erased_at: Any = client.get(_ERASED_AT)
            waited_ms = self._store.server_time().timestamp() * 1000 - int(erased_at) if erased_at else 0
            if erased_at is None or waited_ms < TIDY_AFTER_S * 1000 or not client.set(_TIDYING, 1, nx=True, ex=TIDY_AFTER_S):
                return
            # Forgotten before the rewrite begins: whoever is erased meanwhile is noted for the next one.
            client.delete(_ERASED_AT)
        self._rewrite_files()

    def _rewrite_files(self) -> None:
        with ledger_errors():
            for server in servers(self._store.client):
                with suppress(NoPermissionError, ResponseError):
                    server.bgrewriteaof()

    def _forget_once(
        self, contact: str, how: str, claim: Claim | None = None, farewell: tuple[str, bytes] | None = None
    ) -> list[str]:
        held = (claim.lane, claim.token, claim.epoch) if claim else ("", "", "")
        erased_there = ("", "") if how == "reset" else self._erase_elsewhere(contact, held)
        if erased_there is None:
            return ["stale"]
        known, place_hash = erased_there
        shard = self._keys.shard(contact)
        keys = [
            *(self._keys.of_contact(contact, name) for name in ("record", "log", "out")),
            self._keys.of_shard(shard, "dead"),
            self._keys.of_contact(contact, "dead"),
            *self._keys.index(shard),
            self._keys.of_contact(contact, "seen"),
            self._store.gone_key(contact),
            self._keys.of_shard(shard, "depth"),
            *self._keys.lanes(contact),
            self._keys.of_contact(contact, "crm"),
        ]
        crm_wait_ms = round(self._lease_s * 1000) if self._mirrors else -1
        args = [
            self._store.skew_ms(), contact, shard, how, *held, REMEMBER_IDS_S * 1000, known,
            *(farewell or ("", "")), crm_wait_ms, *STAGES, self._store.here_ms(), place_hash,
            *(job.id for job in (claim.jobs if claim else ())),
        ]  # fmt: skip
        return [text_of(part) for part in self._store.run("forget", keys, args)]

    def _erase_elsewhere(self, contact: str, held: tuple[str, str, str]) -> tuple[str, str] | None:
        """Removes what one script cannot reach. Returns what was known of, and the hash of the conversation in the CRM ("" for
        none); None when the claim is lost."""
        keys = [self._keys.of_contact(contact, name) for name in ("record", "seen", "out", "crm")]
        found = self._store.run("foreign", keys, held)
        if found is None:
            return None
        id_hashes, wamids, names, known, place, heard_ms = found
        place_hash = self._store.place_hash(text_of(place))
        for id_hash in id_hashes:
            self._store.run("repoint", [f"iv:id:{text_of(id_hash)}"], ["", "-"])
        with ledger_errors():
            client = self._store.client
            for wamid in wamids:
                client.delete(f"iv:sent:{self._store.hash(text_of(wamid))}")
            for field in names:
                kind, _, name = text_of(field).partition(" ")
                if name != contact:
                    self._remember_gone(name, [*map(text_of, id_hashes), place_hash], text_of(heard_ms))
                if kind == "alias":
                    client.delete(f"iv:alias:{name}")
                else:  # "joins" or "joined": what a merge left, or all of it when the merge was interrupted
                    while self._forget_once(name, "erase_source") == ["again"]:
                        pass
        return text_of(known), place_hash

    def _remember_gone(self, name: str, hashes: Sequence[str], heard_ms: str) -> None:
        """What comes again may come under another of the person's names, all of which lead nowhere from now on."""
        now_ms = round(self._store.server_time().timestamp() * 1000)
        marks: dict[str, float] = dict.fromkeys(filter(None, hashes), now_ms)
        marks |= {"erased": min(now_ms, self._store.here_ms())} | ({"heard": int(heard_ms)} if heard_ms else {})
        key = self._store.gone_key(name)
        self._store.client.zadd(key, marks)
        self._store.client.pexpire(key, REMEMBER_IDS_S * 1000)


def _has_phone(contact: str) -> bool:
    return contact.rpartition(":")[2].isdigit()
