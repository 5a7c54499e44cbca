"""What a code is called for people stands in one file, whoever shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from src.desk import words

SOURCES = Path("src")
SHORTEST = 13
"""Characters: shorter ones, such as "baja" or "Qué necesita", are words of other sentences too."""


def spelled() -> Iterator[str]:
    tables = (words.STAGES, words.OUTCOMES, words.TEMPERATURES, words.REASONS, words.AWAITED, words.CONSENTS)
    for row in (row for table in tables for row in table.values()):
        parts = [row] if isinstance(row, str) else msgspec.structs.astuple(row)
        yield from (part for part in parts if isinstance(part, str) and part != getattr(row, "english", ""))
        yield from (part.description for part in parts if isinstance(part, words.Label))


def test_nobody_else_spells_them() -> None:
    others = "\n".join(file.read_text(encoding="utf-8") for file in SOURCES.rglob("*.py") if file.name != "words.py")
    phrases = {phrase for phrase in spelled() if len(phrase) >= SHORTEST}
    assert len(phrases) > 40
    assert [phrase for phrase in phrases if f'"{phrase}"' in others] == []
