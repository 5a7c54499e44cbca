"""Looks at everything the product depends on, now, and says what to do about what is not well."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from src.desk.ports import Channel, Ledger
from src.errors import ConfigurationError, IntegrationError, LedgerUnavailable

WORKER_SILENCE_S = 15.0
"""A worker says every two seconds that it is alive."""


class Check(msgspec.Struct, frozen=True):
    """One thing looked at: whether it is well, what was found, and what to do when it is not."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def run_checks(ledger: Ledger, channels: Mapping[str, Channel], *, embedded: bool) -> list[Check]:
    """The store and how it keeps things, the workers, every channel's vendor. Raises nothing.

    An `embedded` store is for trying and small offices: that it is synced only every second is no fault there.
    """
    return [*_store(ledger, embedded=embedded), *(_channel(name, channel) for name, channel in channels.items())]


def _store(ledger: Ledger, *, embedded: bool) -> list[Check]:
    try:
        ledger.ping()
        policy, beats_s = ledger.durability(), ledger.workers().values()
    except (LedgerUnavailable, ConfigurationError) as fault:
        return [Check("store", False, str(fault), "check REDIS_URL and that the server runs")]
    kept = policy.get("appendonly") == "yes"
    fsync = policy.get("appendfsync", "unknown") if kept else "no append-only file"
    evicts = policy.get("maxmemory-policy", "?")
    alive = sum(beat_s < WORKER_SILENCE_S for beat_s in beats_s)
    return [
        Check("store", True, f"answers: {policy.get('version', '?')}"),
        _check("store durability", fsync == "always" or embedded, fsync, "set appendonly yes and appendfsync always"),
        _check("store eviction", evicts == "noeviction", evicts, "set maxmemory-policy noeviction"),
        _check("workers", alive > 0, f"{alive} alive of {len(beats_s)} seen", "start one: python -m src.worker"),
    ]


def _channel(name: str, channel: Channel) -> Check:
    try:
        found = channel.check()
    except IntegrationError as fault:
        return Check(f"channel {name}", False, str(fault), "check the vendor's token, number and version, and the network")
    return Check(f"channel {name}", True, ", ".join(f"{key} {value}" for key, value in found.items()) or "answers")


def _check(name: str, ok: bool, found: str, remedy: str) -> Check:
    return Check(name, ok, found, "" if ok else remedy)
