"""Changes of what the house decides: what is stored now, what was before, and how to go back there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec


class StoredSetting(msgspec.Struct, frozen=True):
    """A value as somebody entered it; None: they took it away. `version` is that of the change."""

    value: Any
    version: int
    at: datetime
    by: str


class Stored(msgspec.Struct, frozen=True):
    """All that is stored. `version` counts the changes there have been."""

    version: int
    settings: Mapping[str, StoredSetting]

    @property
    def values(self) -> dict[str, Any]:
        """What is stored of each setting that has a value of its own."""
        return {name: one.value for name, one in self.settings.items() if one.value is not None}


class Change(msgspec.Struct, frozen=True):
    """One setting changed. None stands for no value: the default held."""

    version: int
    at: datetime
    by: str
    name: str
    before: Any
    after: Any


def back_to(version: int, changes: Sequence[Change]) -> dict[str, Any]:
    """What every setting that was changed after that version had then. `changes` are all of them, newest first.

    Raises LookupError when that version lies before what is remembered, or has not been yet.
    """
    newest = changes[0].version if changes else 0
    oldest = changes[-1].version if changes and changes[-1].version > 1 else 0
    if not oldest <= version <= newest:  # of the oldest itself something may be forgotten already
        raise LookupError(f"versions {oldest} to {newest} are remembered")
    values: dict[str, Any] = {}
    for change in changes:  # newest first: of one setting the oldest change has the last word
        if change.version > version:
            values[change.name] = change.before
    return values
