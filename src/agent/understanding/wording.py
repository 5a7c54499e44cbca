"""Text made comparable: no accents, no case, no chat spelling, while every letter remembers where it stood.

Grammar rules match on `plain`; `evidence` gives back the person's own words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from src.agent.understanding.lexicon import ABBREVIATIONS, DRAWN, DRAWN_ALONE, REPAIRABLE, REPAIRABLE_AFTER_A_SLIP, words_of

MAX_CHARS = 4096
MOST_SPACES = 8

_TOKEN = re.compile(r"[^\W\d_]+|\d+|\s+|.", re.DOTALL)
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_VULGAR_FRACTIONS = str.maketrans({"½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3", "⅛": " 1/8", "⁄": "/"})
_PUNCTUATION = str.maketrans(
    {"’": "'", "‘": "'", "´": "'", "`": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "‑": "-", "−": "-"}
)


@dataclass(frozen=True, slots=True)
class Wording:
    """`text` is what was written, cleaned; `plain` its comparable form."""

    text: str
    plain: str
    _starts: tuple[int, ...]
    _ends: tuple[int, ...]

    def evidence(self, start: int, end: int) -> str:
        """The original words behind `plain[start:end]`."""
        if start >= end:
            return ""
        return self.text[self._starts[start] : self._ends[end - 1]].strip()

    def blank(self, spans: Iterable[tuple[int, int]]) -> Wording:
        """The same wording with these parts of `plain` read already, so that no later rule reads them again."""
        letters = list(self.plain)
        for start, end in spans:
            letters[start:end] = "\x1f" * (end - start)
        return Wording(self.text, "".join(letters), self._starts, self._ends)


def clean(text: str) -> str:
    """At most `MAX_CHARS` of it, compatibility forms unified, invisible and control characters gone."""
    if text.isascii() and len(text) <= MAX_CHARS and not _CONTROL.search(text):
        return text
    visible = _INVISIBLE.sub("", _CONTROL.sub(" ", text[:MAX_CHARS])).translate(_VULGAR_FRACTIONS)
    return unicodedata.normalize("NFKC", visible.replace("´", "'").replace("¨", ""))[:MAX_CHARS]


def word_of(text: str) -> Wording:
    """The wording of a message."""
    cleaned = clean(text)
    plain: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    after_digit = glued = False
    drawings = DRAWN if re.search(r"\w", cleaned) else {**DRAWN, **DRAWN_ALONE}
    for match in _TOKEN.finditer(cleaned):
        token, start, end = match[0], match.start(), match.end()
        canonical = f" {drawings[token]} " if token in drawings else fold(token)
        if len(token) > MOST_SPACES and token.isspace():  # else every rule that begins with spaces would go through them all
            canonical = "\n" if "\n" in token else " "
        elided = len(token) == 1 and cleaned[end : end + 1] in ("'", "’")
        if canonical.isalpha() and not elided and not (after_digit and (glued or canonical == "k")):
            canonical = repaired(canonical)
        plain.append(canonical)
        if len(canonical) == end - start:
            starts.extend(range(start, end))
            ends.extend(range(start + 1, end + 1))
        else:
            starts.extend([start] * len(canonical))
            ends.extend([end] * len(canonical))
        glued = not token.isspace()
        after_digit = token[-1:].isdigit() if glued else after_digit
    return Wording(cleaned, "".join(plain), tuple(starts), tuple(ends))


@lru_cache(maxsize=16384)
def fold(token: str) -> str:
    """Lower case without accents, tildes and typographic punctuation."""
    if token.isascii():
        return token.lower()
    decomposed = unicodedata.normalize("NFD", token.translate(_PUNCTUATION).lower())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


@lru_cache(maxsize=16384)
def repaired(word: str) -> str:
    """The word meant by chat spelling (`kiero`, `ijos`, `tngo`) or by one slip of the finger in a word we wait for."""
    if word in ABBREVIATIONS:
        return ABBREVIATIONS[word]
    short = _STRETCHED.sub(r"\1", word)
    if short in ABBREVIATIONS:
        return ABBREVIATIONS[short]
    if short in REPAIRABLE or short in words_of("never repaired") or len(short) < 3:
        return short
    by_sound = _SOUNDS.get(sound(short))
    if by_sound:
        return by_sound
    return _one_slip_away(short) or short


def sound(word: str) -> str:
    """How a word is pronounced where s, c and z, b and v, y and ll are the same and h is silent."""
    for written, spoken in _SPELLINGS:
        word = word.replace(written, spoken)
    return re.sub(r"(.)\1", r"\1", word)


_SPELLINGS = (
    ("ch", "C"),
    ("h", ""),
    ("ll", "y"),
    ("qu", "k"),
    ("gue", "Ge"),
    ("gui", "Gi"),
    ("ge", "je"),
    ("gi", "ji"),
    ("ce", "se"),
    ("ci", "si"),
    ("z", "s"),
    ("c", "k"),
    ("v", "b"),
    ("w", "u"),
    ("y", "i"),
    ("mb", "nb"),
    ("mp", "np"),
)
_SOUNDS = {sound(word): word for word in sorted(REPAIRABLE)}
_BY_INITIAL: dict[str, list[str]] = {}
for _word in sorted(REPAIRABLE_AFTER_A_SLIP):
    _BY_INITIAL.setdefault(_word[0], []).append(_word)


def _one_slip_away(word: str) -> str | None:
    if len(word) < 7:
        return None
    candidates = _BY_INITIAL.get(word[0])
    if not candidates:
        return None
    from rapidfuzz.distance import OSA  # noqa: PLC0415 - most messages never come here

    near = [known for known in candidates if OSA.distance(word, known, score_cutoff=1) <= 1]
    return near[0] if len(near) == 1 else None
