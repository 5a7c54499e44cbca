"""What the learnt heads look at: words, their neighbours and their pieces, each beside the question that was open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from src.agent.profile import AMOUNTS, IN_YEARS
from src.agent.understanding.wording import Wording

_TOKEN = re.compile(r"(?P<number>\d[\d.,]*)|(?P<word>[a-z]+)|(?P<sign>[^\w\s])")
_SHORT = 3
"""A message of so few words is a feature as a whole."""
_PIECES = (3, 4, 5)
_LONGEST_READ = 60
"""Words of a message that are looked at: its beginning and its end."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or sign of `plain[start:end]`; `text` is how it counts: numbers by their size only."""

    text: str
    start: int
    end: int
    kind: str


def tokens_of(plain: str) -> list[Token]:
    """The tokens of a comparable form."""
    found: list[Token] = []
    for match in _TOKEN.finditer(plain):
        kind = match.lastgroup or "sign"
        found.append(Token(_sized(match[0]) if kind == "number" else match[0], match.start(), match.end(), kind))
    return found


def _sized(digits: str) -> str:
    whole = re.sub(r"\D", "", re.split(r"[.,](?=\d{1,2}$)", digits.rstrip(".,"))[0])
    if digits.rstrip(".,") in ("0", "1", "2", "3"):
        return digits[0]
    return f"#{len(whole)}" if len(whole) < 7 else "#7"


def question_of(awaiting: str | None) -> str:
    """The open question as the heads know it: the key, with every confirmation alike."""
    awaiting = awaiting or "-"
    return "confirm" if awaiting.startswith("confirm:") else awaiting


_ALIKE = {
    **dict.fromkeys(AMOUNTS, "money"),
    **dict.fromkeys(("consent", "confirm", "accept"), "yes or no"),
    **dict.fromkeys(("birth_date", *IN_YEARS), "years"),
    **dict.fromkeys(("name", "occupation", "occupation_class"), "words"),
}
"""Questions that are answered alike."""


def message_features(wording: Wording, awaiting: str | None, pointers: Iterable[str] = ()) -> set[str]:
    """What a whole message looks like. `pointers` are the ways in which it points at the options shown."""
    tokens = tokens_of(wording.plain)
    if len(tokens) > _LONGEST_READ:
        tokens = [*tokens[: _LONGEST_READ // 2], *tokens[-_LONGEST_READ // 2 :]]
    words = [token.text for token in tokens]
    question = question_of(awaiting)
    found = {f"q:{question}", f"Q:{awaiting or '-'}", f"n:{_bucket(len(words))}", f"n:{question}:{_bucket(len(words))}"}
    padded = ["^", *words, "$"]
    alike = _ALIKE.get(question, question)
    for place, word in enumerate(words):
        found |= {f"w:{word}", f"{question}|{word}", f"{alike}||{word}"}
        if len(word) > 2 and word.isalpha():
            found.update(f"c:{piece}" for piece in pieces_of(word))
        if place < 3:
            found.add(f"^{place}:{word}")
    for one, other in pairwise(padded):
        found |= {f"b:{one} {other}", f"{question}|{one} {other}", f"{alike}||{one} {other}"}
    for three in zip(padded, padded[1:], padded[2:], strict=False):
        found.add(f"t:{' '.join(three)}")
    for one, other in zip(padded, padded[2:], strict=False):
        found.add(f"s:{one} {other}")
    if len(words) <= _SHORT:
        found |= {f"whole:{' '.join(words)}", f"{question}|whole:{' '.join(words)}"}
    found.update(f"accent:{word}" for word in _accented(wording, tokens))
    for pointer in pointers:
        found |= {pointer, f"{question}|{pointer}"}
    return found


def pieces_of(word: str) -> Iterator[str]:
    """The letter groups of a word, its borders marked."""
    bordered = f"<{word}>"
    for size in _PIECES:
        for start in range(len(bordered) - size + 1):
            yield bordered[start : start + size]


def _accented(wording: Wording, tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.kind == "word" and len(token.text) <= 5:
            written = wording.evidence(token.start, token.end).lower()
            if written != token.text and not written.isascii():
                yield written


def _bucket(count: int) -> str:
    return str(count) if count < 6 else "6-9" if count < 10 else "10-17" if count < 18 else "18+"


def around(tokens: Sequence[Token], start: int, end: int, reach: int = 5) -> tuple[list[str], list[str]]:
    """The words before (nearest first) and after `plain[start:end]`."""
    before = [token.text for token in tokens if token.end <= start][-reach:][::-1]
    after = [token.text for token in tokens if token.start >= end][:reach]
    return before, after
