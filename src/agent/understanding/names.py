"""How a name is written."""

from __future__ import annotations

from collections.abc import Sequence

from src.agent.understanding.wording import fold

PARTICLES = frozenset(("de", "del", "la", "las", "los", "y", "i", "da", "dos", "san", "santa", "von", "van"))


def full_name(words: Sequence[str]) -> str:
    """The words of a name as it is written; "Mª Carmen" as it is said."""
    said = [
        "María" if place == 0 and len(words) > 1 and fold(word).rstrip(".") in ("ma", "mª") else word
        for place, word in enumerate(words)
    ]
    return " ".join(capitalised(word) for word in said)


def capitalised(word: str) -> str:
    """A word of a name with its capitals, where the person wrote none or nothing but capitals."""
    if fold(word) in PARTICLES:
        return word.lower()
    if word.islower() or (word.isupper() and len(word) > 2):
        return "-".join(part[:1].upper() + part[1:].lower() for part in word.split("-"))
    return word
