"""The names of all keys of ours: the only place where they are made."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Mapping
from typing import Final, NewType, cast

from src.agent.state import STAGES
from src.desk.ports import LANES, Lane

Key = NewType("Key", str)
"""The name of a key. Whoever writes takes nothing else, and nobody but `Keys` makes one."""

FACETS: Final[Mapping[str, Mapping[str, str]]] = {
    "stage": {stage: f"by_stage:{stage}" for stage in STAGES},
    "owner": {"human": "by_human"},
}
"""What people find contacts by: for each facet the list of every value that has one. A facet that is also a field of the record
(the owner) is what the record says; the others are said with each change."""

_OF_CONTACT: Final[Mapping[str, str]] = {
    **{name: name for name in ("record", "log", "out", "seen")},
    "letters": "dead",
    **{f"lane.{lane}.{name}": f"{name}:{lane}" for lane in LANES for name in ("queue", "jobs")},
    "lane.mirror.notes": "crm",
}
_OF_SHARD: Final[Mapping[str, str]] = {
    **{name: name for name in ("depth", "dead", "events", "names")},
    "everybody": "index",
    **{f"lane.{lane}.due": f"due:{lane}" for lane in LANES},
    **{f"facet.{facet}.{value}": name for facet, lists in FACETS.items() for value, name in lists.items()},
}
_STORED: Final = {name: (f"{stored}:", True) for name, stored in _OF_CONTACT.items()} | {
    name: (stored, False) for name, stored in _OF_SHARD.items()
}
"""What scripts call a key → what it is called in the store, and whether it is one contact's, whose name follows then."""

MADE_APART: Final = ("gone", "hour")
"""Keys of a shard whose names take more than the contact: see `OpenStore.named`."""

LISTS: Final = ("everybody", "names", *(f"facet.{facet}.{value}" for facet, lists in FACETS.items() for value in lists))
"""Scripts' names of all lists that people look at."""


@functools.cache
def lane_names(*lanes: Lane) -> tuple[str, ...]:
    """Scripts' names of all that these lanes have."""
    return tuple(name for lane in lanes for name in _STORED if name.startswith(f"lane.{lane}."))


@functools.cache  # as many as there are calls in our code
def _stored(names: tuple[str, ...]) -> tuple[tuple[str, str, bool], ...]:
    return tuple((name, *_STORED[name]) for name in names if name not in MADE_APART)


class Keys:
    """A shard's tag keeps its keys in one slot of a Cluster; what is no shard's lies in a slot of its own."""

    META: Final = Key("iv:meta")
    PING: Final = Key("iv:ping")
    PAUSED: Final = Key("iv:paused")
    WORKERS: Final = Key("iv:workers")
    ERASED_AT: Final = Key("iv:erased_at")
    TIDYING: Final = Key("iv:tidying")
    POLL: Final = Key("iv:crm:poll")
    POLL_LOCK: Final = Key("iv:crm:poll:lock")
    POLL_READ: Final = Key("iv:crm:poll:read")
    POLL_WHOLE: Final = Key("iv:crm:poll:whole")
    POLL_FAILED: Final = Key("iv:crm:poll:failed")
    UNKNOWN_NUMBERS: Final = Key("iv:unknown_numbers")
    HOUSE: Final = Key("iv:{house}:settings")
    HOUSE_CHANGES: Final = Key("iv:{house}:changes")
    BELL: Final = "iv:bell"
    """A channel, no key."""

    def __init__(self, shards: int) -> None:
        self.shards = shards

    # -- of a contact and of its shard -----------------------------------------------------------------------------

    def shard(self, contact: str) -> int:
        return zlib.crc32(contact.encode()) % self.shards

    def of_shard(self, shard: int, name: str) -> Key:
        return Key(f"iv:{{s{shard:02d}}}:{name}")

    def of_contact(self, contact: str, name: str) -> Key:
        return Key(f"iv:{{s{self.shard(contact):02d}}}:{name}:{contact}")

    def lane(self, contact: str, lane: str) -> list[Key]:
        """Queue, jobs and due set."""
        due = self.of_shard(self.shard(contact), f"due:{lane}")
        return [self.of_contact(contact, f"queue:{lane}"), self.of_contact(contact, f"jobs:{lane}"), due]

    def named(self, contact: str, *names: str) -> dict[str, Key]:
        """The keys that scripts call by these names, of that contact and of its shard, but for those that are MADE_APART."""
        tag = f"iv:{{s{self.shard(contact):02d}}}:"
        made = {name: f"{tag}{stored}{contact}" if is_own else tag + stored for name, stored, is_own in _stored(names)}
        return cast("dict[str, Key]", made)

    def due(self, shard: int) -> dict[str, Key]:
        """What waits in a shard, by scripts' names."""
        return {f"lane.{lane}.due": self.of_shard(shard, f"due:{lane}") for lane in LANES}

    def everybody(self, shard: int) -> Key:
        """All contacts of a shard, by the time of the last change."""
        return self.of_shard(shard, _OF_SHARD["everybody"])

    def found_by(self, shard: int, facet: str, value: str) -> Key:
        """Those of them that have this value. Raises KeyError when there is no list of it."""
        return self.of_shard(shard, FACETS[facet][value])

    def gone(self, contact: str, contact_hash: str) -> Key:
        """The ids of an erased person, under a name that tells nobody who that was."""
        return self.of_shard(self.shard(contact), f"gone:{contact_hash}")

    def hour(self, shard: int, hour: int) -> Key:
        """Where an hour's events of a shard are counted."""
        return self.of_shard(shard, f"hour:{hour}")

    # -- in a slot of its own --------------------------------------------------------------------------------------

    def id(self, id_hash: str) -> Key:
        """Whose the message of that id is."""
        return Key(f"iv:id:{id_hash}")

    def alias(self, name: str) -> Key:
        """Whose that name is."""
        return Key(f"iv:alias:{name}")

    def sent(self, wamid_hash: str) -> Key:
        """Which message of ours the vendor calls so."""
        return Key(f"iv:sent:{wamid_hash}")

    def parked(self, wamid_hash: str) -> Key:
        """Receipts that came before their message was known."""
        return Key(f"iv:parked:{wamid_hash}")

    def number(self, number: str) -> Key:
        """The limit and the pause of a line of ours."""
        return Key(f"iv:number:{number}")

    def told(self, name: str) -> Key:
        """What one process said for all."""
        return Key(f"iv:told:{name}")

    def revoked(self, what_hash: str) -> Key:
        """When that was taken back."""
        return Key(f"iv:revoked:{what_hash}")

    def spent(self, month: str) -> Key:
        """What language models cost in that month, and on each of its days."""
        return Key(f"iv:spent:{month}")

    def crm_conversation(self, conversation_id: str) -> Key:
        """How a conversation of the CRM was last seen."""
        return Key(f"iv:crm:conversation:{conversation_id}")

    def crm_conversation_lock(self, conversation_id: str) -> Key:
        """Who looks at it."""
        return Key(f"iv:crm:conversation:{conversation_id}:lock")
