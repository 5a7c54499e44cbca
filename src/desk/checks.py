"""Looks at everything the product depends on, now, and says what to do about what is not well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from src.desk.ports import Clock, Ledger
from src.errors import ConfigurationError, IntegrationError, LedgerUnavailable

WORKER_SILENCE_S = 15.0
"""A worker says every two seconds that it is alive."""
LARGEST_SKEW_S = 5.0
"""Signatures, windows and leases are reckoned with two clocks: a few seconds between them do no harm."""

Question = Callable[[], Mapping[str, str]]
"""Asks a vendor something harmless and returns what it said. May raise IntegrationError."""


class Check(msgspec.Struct, frozen=True):
    """One thing looked at: whether it is well, what was found, and what to do when it is not."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


class SetupStep(msgspec.Struct, frozen=True):
    """What became of one thing that was to be set up. `by_hand` says what a person has to do where we could not."""

    name: str
    result: Literal["made", "changed", "unchanged", "failed"]
    detail: str = ""
    by_hand: str = ""


def run_checks(ledger: Ledger, vendors: Mapping[str, Question], *, clock: Clock, embedded: bool) -> list[Check]:
    """The store and how it keeps things, the workers, the clocks, every vendor. Raises nothing.

    An `embedded` store is for trying and small offices: that it is synced only every second is no fault there.
    """
    return [*_store(ledger, clock, embedded=embedded), *(_vendor(name, ask) for name, ask in vendors.items())]


def judged(name: str, ok: bool, found: str, remedy: str) -> Check:
    """A check whose remedy is only told when it is needed."""
    return Check(name, ok, found, "" if ok else remedy)


def _store(ledger: Ledger, clock: Clock, *, embedded: bool) -> list[Check]:
    try:
        ledger.ping()
        policy, beats_s = ledger.durability(), ledger.workers().values()
        skew_s = abs((clock() - ledger.server_time()).total_seconds())
    except (LedgerUnavailable, ConfigurationError) as fault:
        remedy = "start it: make run" if embedded else "check REDIS_URL and that the server runs"
        return [Check("store", False, str(fault), remedy)]
    fsync = policy.get("appendfsync", "unknown") if policy.get("appendonly") == "yes" else "no append-only file"
    evicts = policy.get("maxmemory-policy", "?")
    alive = sum(beat_s < WORKER_SILENCE_S for beat_s in beats_s)
    return [
        Check("store", True, f"answers: {policy.get('version', '?')}"),
        judged("store durability", fsync == "always" or embedded, fsync, "set appendonly yes and appendfsync always"),
        judged("store eviction", evicts == "noeviction", evicts, "set maxmemory-policy noeviction"),
        judged("workers", alive > 0, f"{alive} alive of {len(beats_s)} seen", "start one: python -m src.worker"),
        judged(
            "clock", skew_s <= LARGEST_SKEW_S, f"{skew_s:.1f} s from the store's", "synchronise both machines' clocks (NTP)"
        ),
    ]


def _vendor(name: str, ask: Question) -> Check:
    try:
        found = ask()
    except IntegrationError as fault:
        return Check(name, False, str(fault), "check the vendor's address, credentials and version, and the network")
    return Check(name, True, ", ".join(f"{key} {value}" for key, value in found.items()) or "answers")
