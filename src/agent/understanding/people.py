"""Persons who are named in a message: "mi mujer", "dos crios", "mis padres", each with how many they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from src.agent.understanding.features import Token
from src.agent.understanding.lexicon import words_of
from src.agent.understanding.quantities import Quantity

CHILDREN, ADULTS, PAIRS, TRIPLES = (words_of(name) for name in ("children", "adults", "in pairs", "in threes"))
_NEARBY = 14
"""Characters there may be between a count and the persons counted: "2 niñas", "dos hijas pequeñas", "un par de nenes"."""


@dataclass(frozen=True, slots=True)
class Mention:
    """Persons in `plain[start:end]`. `sure`: their number was said or can be only one, unlike that of "mis hijos"."""

    start: int
    end: int
    count: int
    child: bool
    sure: bool
    counted: bool = False


def mentions_of(tokens: Sequence[Token], quantities: Sequence[Quantity]) -> list[Mention]:
    """Every mention, in order."""
    found: list[Mention] = []
    for token in tokens:
        word = _plain_form(token.text)
        child, adult = word in CHILDREN, word in ADULTS
        if not child and not adult:
            continue
        count = _counted(token, quantities)
        start = count.start if count else token.start
        if count is not None:
            found.append(Mention(start, token.end, int(count.value), child, sure=True, counted=True))
        elif word in TRIPLES or word in PAIRS:
            found.append(Mention(start, token.end, 3 if word in TRIPLES else 2, child, sure=True))
        else:
            plural = word.endswith("s") and len(word) > 3
            found.append(Mention(start, token.end, 2 if plural else 1, child, sure=not plural))
    return found


_SMALL = re.compile(r"(?:[ce]?c?it|ill|in|ic|uc|et)([oa]s?)$")


@cache
def _plain_form(word: str) -> str:
    """The word without what makes it small: "hermanita", "nenucos"."""
    if word in CHILDREN or word in ADULTS:
        return word
    stem = _SMALL.sub(r"\1", word)
    return stem if stem in CHILDREN or stem in ADULTS else word


def _counted(token: Token, quantities: Sequence[Quantity]) -> Quantity | None:
    """The number that counts those persons."""
    for quantity in quantities:
        covers = quantity.number_end <= token.start < quantity.end
        beside = quantity.unit in ("", "children", "people") and 0 <= token.start - quantity.number_end <= 1
        if (covers or beside) and quantity.value.is_integer() and 0 <= quantity.value <= 15:
            return quantity
    return None
