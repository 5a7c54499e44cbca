"""Whether a text says what another one says, and nothing else: by its words, one by one.

A model that may choose its words freely can promise, deny, price or lead somewhere in a thousand ways, and a list of them is
never complete. So it is the other way round: it may use the words of the text before it and a few that say nothing
(`everyday.es.txt`), and the small words that turn a meaning round must be those of the text, as often. Names, figures and
links are hidden from it (`hidden`) and put back afterwards.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from src.agent.lookalikes import fold

LEAST_KEPT = 0.6
"""The share of the telling words that must come back."""
TURNING = frozenset(
    (
        *("sí", "no", "ni", "nunca", "jamas", "tampoco", "sin", "nada", "nadie", "ningun", "ninguno", "ninguna"),
        *("salvo", "excepto", "menos", "mas", "solo", "solamente", "unicamente", "siempre", "pero", "aunque", "si"),
        *("hasta", "desde", "todo", "toda", "todos", "todas", "cualquier", "cualquiera", "cada", "quizas"),
        *("puede", "pueden", "debe", "deben", "hace"),
    )
)
"""Words that turn, limit or widen a meaning."""
_TOKEN = re.compile(r"⟦\d+⟧|\d+(?:[.,:/]\d+)*|[^\W\d_]+")
_BETWEEN = re.compile(r"[\s.,;:¡!¿?()«»\"'…*_%€–—•-]*")
_SENTENCE_END = re.compile(r"(?<=[.!?])[)_*]*\s+|\n+")


def says_the_same(text: str, source: str) -> bool:
    """Whether `text` is `source` in other words: nothing added, nothing turned round, most of it kept."""
    return _is_carried(text, source) and _kept(text, source) >= LEAST_KEPT


def is_drawn_from(text: str, sources: Iterable[str]) -> bool:
    """Whether each sentence of `text` says what one sentence of the sources says, in its order, with every reservation.

    The first source is the one that answers: each of its sentences that limits or denies something must come back.
    """
    first, *others = [_sentences(source) for source in sources]
    everything = [*first, *(sentence for other in others for sentence in other)]
    told = _sentences(text)
    drawn = all(any(_is_carried(one, source) and _in_order(one, source) for source in everything) for one in told)
    reservations = [sentence for sentence in first if _turns(sentence) or "_(" in sentence]
    return drawn and all(any(says_the_same(one, reservation) for one in told) for reservation in reservations)


def hidden(text: str, names: Iterable[str]) -> tuple[str, list[str]]:
    """The text with a numbered mark for each name, figure, link and emphasis, and what stands behind the marks."""
    known = "|".join(re.escape(name) for name in sorted(set(names), key=len, reverse=True) if name)
    pattern = rf"(?<!\w)(?:{known})(?!\w)|{_FIXED}" if known else _FIXED
    found: list[str] = []

    def mark(match: re.Match[str]) -> str:
        found.append(match[0])
        return f"⟦{len(found)}⟧"

    return re.sub(pattern, mark, text), found


def shown(text: str, found: list[str]) -> str | None:
    """The text with what stands behind its marks; None unless each mark is there exactly once."""
    if sorted(re.findall(r"⟦(.*?)⟧", text)) != sorted(str(number + 1) for number in range(len(found))):
        return None
    return re.sub(r"⟦(\d+)⟧", lambda match: found[int(match[1]) - 1], text)


_FIXED = r"\*[^*\n]+\*|_[^_\n]+_|«[^»\n]*»|https?://\S+|\S+@\S+|\d(?:[\d.,:/]*\d)?(?:\s?[€%])?"


def _is_carried(text: str, source: str) -> bool:
    words, known = _words(text), set(_words(source))
    emoji = set(_rest(text)) - set(_rest(source))
    return (
        not emoji
        and all(word in known or word in _everyday() for word in words)
        and _turns(text) == _turns(source)
        and text.count("?") == source.count("?")
    )


def _in_order(text: str, source: str) -> bool:
    """Whether the words stand as they stood: "covered, but not that year" in another order is another promise."""
    left = iter(_words(source))
    return all(word in left for word in _words(text) if word not in _everyday())


def _kept(text: str, source: str) -> float:
    telling = [word for word in _words(source) if word not in _everyday()]
    there = set(_words(text))
    return sum(word in there for word in telling) / len(telling) if telling else 1.0


def _turns(text: str) -> Counter[str]:
    return Counter(word for word in _words(text) if word in TURNING)


def _words(text: str) -> list[str]:
    """Figures and marks as they stand, words in lower case without accents; "sí" keeps its own, as "si" is another word."""
    written = unicodedata.normalize("NFC", text).lower()
    return [word if word == "sí" else fold(word).text for word in _TOKEN.findall(written)]


def _rest(text: str) -> str:
    """What is neither a word nor usual punctuation, such as emoji."""
    return _BETWEEN.sub("", _TOKEN.sub("", unicodedata.normalize("NFC", text)))


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in _SENTENCE_END.split(text) if _words(sentence)]


@cache
def _everyday() -> frozenset[str]:
    lines = Path(__file__).with_name("everyday.es.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
