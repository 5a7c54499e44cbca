"""Vendors whose access is stored instead of standing in the environment: found, opened, taken into the settings."""

from __future__ import annotations

from src.data_dir import secret_keys
from src.errors import SealedElsewhere
from src.integrations.ledger.house import RedisHouse
from src.integrations.sealing import Seals
from src.settings import Settings, with_stored

STORED_AS = "vendor."
"""How the name begins under which a vendor's group is stored among what the house decides."""


def make_seals(settings: Settings) -> Seals:
    """Seals with this machine's keys; one is made where there is none."""
    return Seals(lambda: secret_keys(settings))


def with_stored_vendors(settings: Settings, house: RedisHouse) -> Settings:
    """The settings with what is stored now. A group that cannot be opened here is off, and `Settings.off` says why.

    Raises LedgerUnavailable.
    """
    seals = make_seals(settings)
    opened: dict[str, dict[str, str]] = {}
    off: dict[str, str] = {}
    for name, value in house.read().values.items():
        group = name.removeprefix(STORED_AS)
        if name.startswith(STORED_AS) and group not in settings.sources:
            try:
                opened[group] = seals.open(group, value)
            except SealedElsewhere as fault:
                off[group] = f"{fault}: enter it again"
    return with_stored(settings, opened, off)
