"""What a reader sees in a text, whatever code points it is written with.

People paste full-width digits, phones insert zero-width characters, and attackers write a Cyrillic "і" for an "i". The
rules of redaction and of the guardrails are written once, in lower-case ASCII, and look at the folded text; the positions
lead back to the text as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from textwrap import dedent
from typing import NamedTuple

# Letters of other scripts that look like Latin ones (a subset of Unicode TR 39's confusables, those seen in chats).
_HOMOGLYPHS = dict(
    zip(
        "авекмнорстухіјѕһԁԛԝьіɡαεικνορτυχσγηωℓıɑɩ",
        "abekmhopctyxijshdqwbigaeiknoptuxoynwliai",
        strict=True,
    )
)
# They take no width although Unicode files them under letters or symbols.
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0\u2800"


class Folded(NamedTuple):
    """`text` in lower-case look-alike form; its character `i` stands at `positions[i]` of the original."""

    text: str
    positions: Sequence[int]

    def span_in_original(self, start: int, end: int) -> tuple[int, int]:
        """Where the non-empty slice `text[start:end]` stands in the original."""
        return self.positions[start], self.positions[end - 1] + 1


def fold(text: str) -> Folded:
    """Lower case, no accents, ASCII digits, plain spaces and hyphens, Latin look-alikes; what has no width is left out."""
    if text.isascii():
        return Folded(text.lower(), range(len(text)))
    seen = [_SEEN_AS[character] for character in text]
    if all(seen):
        return Folded("".join(seen), range(len(text)))
    return Folded("".join(seen), [position for position, seen_as in enumerate(seen) if seen_as])


@cache
def rule(pattern: str) -> re.Pattern[str]:
    """A rule over folded text, compiled when it is first needed: compiling all of them would double a door's start."""
    return re.compile(pattern)


def any_of(lines: str, **parts: str) -> str:
    """A rule from alternatives, one a line; an indented line goes on with the line before; `{name}` is that part."""
    block = dedent(lines).strip("\n")
    joined = "|".join(re.sub(r"\n +", "", block).split("\n"))
    for name, part in parts.items():
        joined = joined.replace(f"{{{name}}}", part)
    return f"(?:{joined})"


def _seen_as(character: str) -> str:
    """One character or none, so that positions stay countable."""
    if character.isascii():
        return character.lower()
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Me") or character in _BLANK_LETTERS:
        return ""
    if category == "Zs":
        return " "
    if category == "Pd" or character == "\u2212":
        return "-"
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKD", character).lower()[0]
    return _HOMOGLYPHS.get(plain, plain)


class _SeenAs(dict[str, str]):
    """`_seen_as` of the characters met so far. Of a million that exist, chats need a few hundred: only so many are kept."""

    def __missing__(self, character: str) -> str:
        seen_as = _seen_as(character)
        if len(self) < _CHARACTERS_KEPT:
            self[character] = seen_as
        return seen_as


_CHARACTERS_KEPT = 4096
_SEEN_AS = _SeenAs()
