"""What is due without a message: typed entries, each kind with one owner, one handler, and a fate for bad moments.

Entries are part of the conversation and are written in the same commit as all else a turn decides, so that none is lost or
done twice. A new kind is a row of `KINDS` and a handler; the ledger knows only when somebody is to be looked at next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

Owner = Literal["sale", "handoffs", "retention", "pause"]
"""Whose entry it is: only the owner makes, changes and cancels it."""
Fate = Literal["do", "wait", "drop", "tell"]
"""What becomes of an entry that is due at a bad moment: it is done all the same, waits for a better one, is dropped (and
counted), or a person is told instead of it being done."""
EXPIRE: Final = "expire"
NOBODY_CAME: Final = "handoff_timeout"
RETENTION: Final = "retention"
CALL: Final = "call"
PROMISE: Final = "promise"
UNANSWERED: Final = "unanswered"
DONE_KEPT = 50
"""So many names of what was done are remembered with a conversation."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of entry. `human`, `paused`, `closed`: its fate when it is due while a person has the conversation, while the
    bot is paused, outside the house's hours; the first of them that applies and is not "do" decides.

    `lasts`: it outlives the end of the sale, though not a BAJA. `keeps`: nobody is forgotten before it is done. `label`: what
    humans of the house call it, in Spanish.
    """

    owner: Owner
    human: Fate = "do"
    paused: Fate = "do"
    closed: Fate = "do"
    lasts: bool = False
    keeps: bool = False
    label: str = ""


KINDS: Final[Mapping[str, Kind]] = {
    # A proposal ran out: it is marked so, in silence.
    EXPIRE: Kind(owner="sale", label="la propuesta caduca"),
    # A person was called and nobody has answered: the prospect is told once, people are told again.
    NOBODY_CAME: Kind(owner="handoffs", label="nadie ha contestado todavía"),
    # The time at which somebody wanted to be called: a person is told that it has come.
    CALL: Kind(owner="sale", human="tell", closed="wait", lasts=True, keeps=True, label="llamar a esta persona"),
    # Somebody asked to be written to later.
    PROMISE: Kind(
        owner="sale", human="tell", paused="wait", closed="wait", lasts=True, keeps=True, label="escribirle, como pidió"
    ),
    # The bot was paused when this came: it is answered when it speaks again, unless a person has the conversation by then.
    UNANSWERED: Kind(owner="pause", human="drop", paused="wait", label="contestar lo que llegó en la pausa"),
    # Everything about somebody goes after so much silence.
    RETENTION: Kind(owner="retention", label="los datos se borran"),
}


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to be done at a time. Kind and `key` name it: there is one by a name, and one that was done under a key is not
    taken up again. `tries` counts how often doing it failed."""

    kind: str
    due: datetime
    key: str = ""
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    tries: int = 0

    @property
    def name(self) -> str:
        """What it is known by among those of one person."""
        return f"{self.kind} {self.key}"


class Agenda(msgspec.Struct, omit_defaults=True):
    """The entries of one person, and the names of those with a key that were done: name → when. Methods give a new agenda."""

    entries: tuple[Entry, ...] = ()
    done: dict[str, datetime] = msgspec.field(default_factory=dict)

    def with_entry(self, entry: Entry) -> Agenda:
        """One more; it replaces the one by its name. One that was done by that key stays done."""
        if entry.name in self.done:
            return self
        others = tuple(each for each in self.entries if each.name != entry.name)
        return Agenda(tuple(sorted((*others, entry), key=lambda each: (each.due, each.name))), self.done)

    def without(self, *kinds: str) -> Agenda:
        """Those of these kinds are cancelled."""
        return Agenda(tuple(each for each in self.entries if each.kind not in kinds), self.done)

    def finished(self, entry: Entry, at: datetime) -> Agenda:
        """That one was done, or is not going to be: it is not taken up again."""
        others = tuple(each for each in self.entries if each.name != entry.name)
        done = {**self.done, entry.name: at} if entry.key else self.done
        return Agenda(others, dict(sorted(done.items(), key=lambda each: each[1])[-DONE_KEPT:]))

    def put_off(self, entry: Entry, until: datetime, *, failed: bool = False) -> Agenda:
        """That one is looked at again later."""
        later = msgspec.structs.replace(entry, due=until, tries=entry.tries + failed)
        return Agenda(tuple(each for each in self.entries if each.name != entry.name), self.done).with_entry(later)

    def get(self, kind: str, key: str | None = None) -> Entry | None:
        """The earliest one of a kind, or the one by that key."""
        return next((each for each in self.entries if each.kind == kind and key in (None, each.key)), None)

    def due(self, now: datetime, *, human: bool, kinds: Mapping[str, Kind] = KINDS) -> Entry | None:
        """The one that is to be looked at now; what waits for a person's conversation to come back is not."""
        return next((each for each in self._awake(human, kinds) if each.due <= now), None)

    def wakes_at(self, *, human: bool, kinds: Mapping[str, Kind] = KINDS) -> datetime | None:
        """When somebody must look next, though nothing be written. None: nobody must. A hand-back asks anew."""
        return min((each.due for each in self._awake(human, kinds)), default=None)

    def of_owner(self, owner: Owner, kinds: Mapping[str, Kind] = KINDS) -> Iterable[Entry]:
        """Those that this owner made."""
        return (each for each in self.entries if each.kind in kinds and kinds[each.kind].owner == owner)

    def after_end(self, *, opted_out: bool, kinds: Mapping[str, Kind] = KINDS) -> Agenda:
        """The sale is over: its own entries are cancelled, after a BAJA also those that outlive it; nobody else's are."""
        ours = {each.name for each in self.of_owner("sale", kinds) if opted_out or not kinds[each.kind].lasts}
        return Agenda(tuple(each for each in self.entries if each.name not in ours), self.done)

    def joined(self, other: Agenda, kinds: Mapping[str, Kind] = KINDS) -> Agenda:
        """With what was promised in another conversation of the same person, and what was done there. What is due in a sale
        that does not go on is not taken over."""
        done = {**other.done, **self.done}
        taken = [each for each in other.entries if each.kind in kinds and (kinds[each.kind].keeps or each.kind == NOBODY_CAME)]
        joint = Agenda(tuple(each for each in self.entries if not each.key or each.name not in done), done)
        for each in taken:
            joint = joint if joint.get(each.kind, each.key) else joint.with_entry(each)
        return joint

    def kept_until(self, kinds: Mapping[str, Kind] = KINDS) -> datetime | None:
        """Until when nobody may forget this person: the last of what they are waiting for, or when the last of it was done."""
        keeping = {name for name, kind in kinds.items() if kind.keeps}
        ahead = [each.due for each in self.entries if each.kind in keeping]
        behind = [at for name, at in self.done.items() if name.partition(" ")[0] in keeping]
        return max([*ahead, *behind], default=None)

    def _awake(self, human: bool, kinds: Mapping[str, Kind]) -> Iterable[Entry]:
        return (each for each in self.entries if not (human and each.kind in kinds and kinds[each.kind].human == "wait"))


def from_timers(timers: Mapping[str, Any]) -> dict[str, Any]:
    """The agenda as JSON out of what stood in its place before there were kinds: names and times."""
    entries: Sequence[dict[str, Any]] = [{"kind": name, "due": due} for name, due in timers.items() if name in KINDS]
    return {"entries": sorted(entries, key=lambda each: (msgspec.convert(each["due"], datetime), each["kind"]))}
