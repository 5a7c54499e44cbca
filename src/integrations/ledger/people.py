"""Who somebody is in the store, and that they were ever there: aliases, merges of two contacts, resets and erasures.

What one script cannot reach because it lies in other slots is done in steps of which each may be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from redis.exceptions import NoPermissionError, ResponseError

from src.agent.state import STAGES
from src.desk.crm import Erased, Place
from src.desk.ports import LANES, REMEMBERED, Arrival, Claim
from src.errors import LedgerUnavailable, StaleCommit
from src.integrations.ledger.keys import LISTS, Key, Keys, lane_names
from src.integrations.ledger.opening import OpenStore, aliases_of, text_of
from src.integrations.ledger.store import as_text, ledger_errors, servers
from src.messages import Contact, Inbound

HOPS = 6
"""How often a contact may turn out to be somebody else before we give up and are asked again."""
TIDY_AFTER_S = 5
_MARKS = (b"erased", b"heard")
"""Beside the hashes of somebody who was erased: when that was, and when they had last written."""
REMEMBER_IDS_S = round(REMEMBERED.total_seconds())
_OUTLIVE_A_RESET = ("seq", "created", "heard", "timer", "turns.first", "turns.last")
"""Of a record, beside all names: when the person came and wrote, when to look again, how long what waits has waited."""
_WHERE = {"mirror": ("person", "conversation")}
"""The notes that say where somebody is in the CRM."""

# The keys of each script, by the names it has for them.
_MERGE = ("record", "log", "seen", "out", "dead", "letters", "depth", *LISTS, *lane_names(*LANES))
_FOREIGN = ("record", "seen", "out", "lane.mirror.notes")
_FORGET = ("record", "log", "out", "dead", "letters", "seen", "gone", "depth", *LISTS, *lane_names(*LANES))


class _Elsewhere(NamedTuple):
    """What of a person lay in other slots and was removed there: what was known, marks to be kept, the place in the CRM."""

    known: str = ""
    marks: tuple[str, ...] = ()
    place: Place | None = None


class RedisPeople:
    """The part of the ledger that knows identities. `lease_s` is how long an interrupted merge rests."""

    def __init__(self, store: OpenStore, *, lease_s: float, mirrors: bool) -> None:
        self._store = store
        self._keys = store.keys
        self._lease_s = lease_s
        self._mirrors = mirrors

    def identify_stepwise(self, arrival: Arrival, key: str) -> list[str] | None:
        """What `_identify.lua` does, in idempotent steps, for a Cluster where id and aliases live in other slots."""
        id_key = self._keys.id(self._store.hash(arrival.inbound.id))
        alias_keys = [self._keys.alias(alias) for alias in aliases_of(arrival.inbound.contact)]
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
                self._store.write.set(alias_key, key, nx=True)
            self._store.write.set(id_key, key, nx=True, for_s=REMEMBER_IDS_S)
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
        for name in (self._keys.id(self._store.hash(inbound.id)), *map(self._keys.alias, aliases_of(inbound.contact))):
            with ledger_errors():
                known = text_of(self._store.client.get(name))
            if known not in ("", "-", home):  # it was claimed for a contact just when that one moved or went
                self._repoint(name, known, home if kind == "merge" else self.home(known))
        return home

    def _repoint(self, name: Key, means: str, to: str) -> None:
        """A name that `means` one contact ("": whichever) means another from now on."""
        self._store.run("repoint", {"name": name}, {"from": means, "to": to})

    def alias(self, contact: str, alias: str) -> str:
        """From now on `alias` ("channel:address") means that contact; merges when it meant another. Returns who it is now."""
        self._store.open()
        contact = self.home(contact)
        # The record knows first: an erasure finds the alias whatever happens in between.
        self._store.write.hsetnx(self._keys.of_contact(contact, "record"), f"alias {alias}", "1")
        self._store.write.set(self._keys.alias(alias), contact, nx=True)
        with ledger_errors():
            known = text_of(self._store.client.get(self._keys.alias(alias)))
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
        # Announced before anything moves: an erasure of the one that stays must know of the other.
        self._store.write.hset(staying, {f"joins {leave}": "1"})
        self._carry_hashes(leave, keep)
        leaving, rest_ms = self._store.named(leave, *_MERGE), round(self._lease_s * 1000)
        asked = self._store.asked(leave, destination=keep, lane="turns", again_ms=rest_ms)
        answer = self._store.run("leave", leaving, asked)
        if answer[0] != b"leaving":
            self._store.write.hdel(staying, f"joins {leave}")
            return "nobody" if answer[0] == b"gone" else "changed"
        _, has, id_hashes, names = answer
        aliases = [self._keys.alias(text_of(name)[6:]) for name in names if name.startswith(b"alias ")]
        for name in (*(self._keys.id(text_of(id_hash)) for id_hash in id_hashes), *aliases):
            self._repoint(name, leave, keep)
        asked = self._store.asked(keep, source=leave, has=as_text(has), lane="turns", owner="human")
        joined = text_of(self._store.run("join", self._store.named(keep, *_MERGE), asked)[0])
        if joined not in ("ok", "done"):
            return "changed"
        self._store.run("leave", leaving, self._store.asked(leave, destination=keep, drop=True))
        return "done"

    def _carry_hashes(self, leave: str, keep: str) -> None:
        """Whoever was erased under one name and is one with another now is told nothing twice either. Not the marks of when
        that was: the other was not erased."""
        with ledger_errors():
            known: Any = self._store.client.zrange(self._store.gone_key(leave), 0, -1, withscores=True)
        if hashes := {name: at for name, at in known if name not in _MARKS}:
            self._store.write.zadd(self._store.gone_key(keep), hashes)
            self._store.write.expire(self._store.gone_key(keep), REMEMBER_IDS_S)

    def resolve(self, reference: str) -> str:
        """The contact key for a key or alias; the reference itself when nobody goes by it."""
        with ledger_errors():
            return text_of(self._store.client.get(self._keys.alias(reference))) or reference

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
            self._store.write.set(Keys.ERASED_AT, round(self._store.server_time().timestamp() * 1000))
        except LedgerUnavailable:  # a full store keeps no note: it is done at once
            self._rewrite_files()

    def tidy(self) -> None:
        """Some time after an erasure has the store write its files anew, so that nothing of the person is left in them.

        To be called now and then, by anybody. A store that does not let us keeps its files until it rewrites them itself.
        """
        with ledger_errors():
            erased_at: Any = self._store.client.get(Keys.ERASED_AT)
        waited_ms = self._store.server_time().timestamp() * 1000 - int(erased_at) if erased_at else 0
        if erased_at is None or waited_ms < TIDY_AFTER_S * 1000:
            return
        if not self._store.write.set(Keys.TIDYING, 1, nx=True, for_s=TIDY_AFTER_S):
            return
        # Forgotten before the rewrite begins: whoever is erased meanwhile is noted for the next one.
        self._store.write.delete(Keys.ERASED_AT)
        self._rewrite_files()

    def _rewrite_files(self) -> None:
        with ledger_errors():
            for server in servers(self._store.client):
                with suppress(NoPermissionError, ResponseError):
                    server.bgrewriteaof()

    def _forget_once(
        self, contact: str, how: str, claim: Claim | None = None, farewell: tuple[str, bytes] | None = None
    ) -> list[str]:
        held = {"lane": claim.lane, "token": claim.token, "epoch": claim.epoch} if claim else None
        elsewhere = _Elsewhere() if how == "reset" else self._erase_elsewhere(contact, held)
        if elsewhere is None:
            return ["stale"]
        asked = self._store.asked(
            contact,
            how=how,
            held=held,
            done=[job.id for job in claim.jobs] if claim else [],
            drops=["delivery"],
            keeps=_OUTLIVE_A_RESET,
            facets={"stage": STAGES[0]},
            where=_WHERE,
            known=elsewhere.known,
            marks=elsewhere.marks,
            remember_ms=REMEMBER_IDS_S * 1000,
            here_ms=self._store.here_ms(),
            farewell=["delivery", farewell[0], as_text(farewell[1])] if farewell else None,
            last_word=self._last_word(contact, elsewhere.place),
        )
        return [text_of(part) for part in self._store.run("forget", self._store.named(contact, *_FORGET), asked)]

    def _last_word(self, contact: str, place: Place | None) -> dict[str, Any]:
        """The CRM is to forget the person, too. Without one, what it was to be told before still is."""
        who = Contact(key=contact, channel=contact.partition(":")[0])
        body = msgspec.json.encode(Erased(id="erased", contact=who, place=place)) if self._mirrors else b""
        return {"lane": "mirror", "id": "erased", "body": as_text(body), "wait_ms": round(self._lease_s * 1000)}

    def _erase_elsewhere(self, contact: str, held: dict[str, str] | None) -> _Elsewhere | None:
        """Removes what one script cannot reach. None when the claim is lost."""
        found = self._store.run("foreign", self._store.named(contact, *_FOREIGN), {"held": held, "where": _WHERE})
        if found is None:
            return None
        id_hashes, wamids, names, places, known, heard_ms = found
        person, conversation = (text_of(place) for _lane, _name, place in places)
        marks = [self._store.place_hash(conversation)] if conversation else []
        for id_hash in id_hashes:
            self._repoint(self._keys.id(text_of(id_hash)), "", "-")
        for wamid in wamids:
            self._store.write.delete(self._keys.sent(self._store.hash(text_of(wamid))))
        for field in names:
            kind, _, name = text_of(field).partition(" ")
            if name != contact:
                self._remember_gone(name, [*map(text_of, id_hashes), *marks], text_of(heard_ms))
            if kind == "alias":
                self._store.write.delete(self._keys.alias(name))
            else:  # "joins" or "joined": what a merge left, or all of it when the merge was interrupted
                while self._forget_once(name, "erase_source") == ["again"]:
                    pass
        there = Place(person_id=person, conversation_id=conversation) if person and conversation else None
        return _Elsewhere(text_of(known), tuple(marks), there)

    def _remember_gone(self, name: str, hashes: Sequence[str], heard_ms: str) -> None:
        """What comes again may come under another of the person's names, all of which lead nowhere from now on."""
        now_ms = round(self._store.server_time().timestamp() * 1000)
        marks: dict[str, float] = dict.fromkeys(hashes, now_ms)
        marks |= {"erased": min(now_ms, self._store.here_ms())} | ({"heard": int(heard_ms)} if heard_ms else {})
        key = self._store.gone_key(name)
        self._store.write.zadd(key, marks)
        self._store.write.expire(key, REMEMBER_IDS_S)


def _has_phone(contact: str) -> bool:
    return contact.rpartition(":")[2].isdigit()
