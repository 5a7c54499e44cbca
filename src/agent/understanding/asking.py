"""What a question looks like to the head that says what it is about: words, their neighbours, their pieces, what they mean.

Each kind of feature counts by itself, so that a few ideas are not drowned in many pieces of words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import combinations, pairwise
from pathlib import Path

import snowballstemmer  # type: ignore[import-untyped]

from src.agent.understanding.features import tokens_of
from src.agent.understanding.learnt import Groups, Head, head
from src.agent.understanding.wording import fold, word_of

NOT_ASKED = "nothing"
"""The label of what asks nothing that can be answered: "soy fontanero"."""
OTHER = "other"
"""The label of a question that no answer fits."""
TALKED_OF_AS = {
    "cuanto-cuesta": "price",
    "que-cubre": "coverage",
    "diferencias-entre-opciones": "compare",
    "asesoramiento": "compare",
    "siguientes-pasos": "next_steps",
}
"""Answers that have a better one once there is a proposal, and what the question is then called."""

_SHARES = {"words": 21, "neighbours": 8, "pieces": 14, "ideas": 19, "pairs": 11}
"""How much each kind of feature counts, in sixteenths; measured on the questions that are held out."""
_PIECES = (4, 5)
_SHORTEST_WITH_PIECES = 4
_SHORTEST_MENDED, _LONG = 6, 9
_LONGEST_READ = 600
_STEMMER = snowballstemmer.stemmer("spanish")
_IDEAS = Path(__file__).with_name("concepts.txt")


def topics_of(text: str) -> dict[str, float]:
    """How likely a question is about each topic; they add up to 1. The part of a message that says most plainly counts."""
    return max(map(topics_of_part, parts_of(text)), key=_plainness)


def parts_of(text: str) -> list[str]:
    """The whole message, and each of its sentences when it has several: "tengo 35 años. ¿cubre el suicidio?" asks one thing."""
    text = text[:_LONGEST_READ]
    sentences = [part for part in re.split(r"[.!?¿¡\n;]+", text) if part.strip()]
    return [text, *sentences] if len(sentences) > 1 else [text]


def topics_of_part(text: str) -> dict[str, float]:
    """How likely that sentence is about each topic, read as one."""
    topics = head("topics")
    return topics.shares(question_features(text, topics))


def _plainness(topics: dict[str, float]) -> float:
    return max(share for topic, share in topics.items() if topic not in (NOT_ASKED, OTHER))


def question_features(text: str, known: Head | None = None) -> Groups:
    """The features of a question, kind by kind. Words that a head does not know are taken for slips of ones that it knows."""
    words = [token.text for token in tokens_of(word_of(text).plain) if token.kind != "sign"]
    if known is not None:
        words = [_mended(word, known.words) for word in words]
    stems = [_stem(word) for word in words]
    padded = ["^", *stems, "$"]
    ideas = sorted(ideas_of(words))
    found: dict[str, set[str]] = {
        "words": {f"s:{stem}" for stem in stems},
        "neighbours": {f"b:{one} {other}" for one, other in pairwise(padded)}
        | {f"k:{one} {other}" for one, other in zip(stems, stems[2:], strict=False)},
        "pieces": {f"c:{piece}" for word in words for piece in _pieces_of(word)},
        "ideas": {f"i:{idea}" for idea in ideas},
        "pairs": {f"p:{one}+{other}" for one, other in combinations(ideas, 2)},
    }
    return tuple((share, frozenset(found[kind])) for kind, share in _SHARES.items())


def words_asked_with(text: str) -> Iterable[str]:
    """The words of a question, as they are compared with those of others."""
    return (token.text for token in tokens_of(word_of(text).plain) if token.kind == "word")


def ideas_of(words: Sequence[str]) -> set[str]:
    """What those words mean, by the list of ideas."""
    found: set[str] = set()
    for place, word in enumerate(words):
        for idea, phrase in _phrases_beginning(word):
            here = words[place : place + len(phrase)]
            if len(here) == len(phrase) and all(map(_fits, here, phrase)):
                found.add(idea)
    return found


@cache
def _stem(word: str) -> str:
    stem: str = _STEMMER.stemWord(word)
    return stem


def _pieces_of(word: str) -> Iterator[str]:
    if len(word) < _SHORTEST_WITH_PIECES:
        return
    bordered = f"<{word}>"
    for size in _PIECES:
        for start in range(len(bordered) - size + 1):
            yield bordered[start : start + size]


_Phrase = tuple[str, ...]


@lru_cache(maxsize=8192)
def _phrases_beginning(word: str) -> tuple[tuple[str, _Phrase], ...]:
    """The ideas, and the phrases that stand for them, that may begin with that word."""
    by_first = _ideas()
    starts = [word, *(f"{word[:length]}*" for length in range(1, len(word) + 1))]
    return tuple(each for start in starts for each in by_first.get(start, ()))


def _fits(word: str, wanted: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted


@cache
def _ideas() -> dict[str, list[tuple[str, _Phrase]]]:
    """The list of ideas by the first word of each phrase."""
    found: dict[str, list[tuple[str, _Phrase]]] = {}
    for line in _IDEAS.read_text(encoding="utf-8").splitlines():
        idea, colon, phrases = line.partition(":")
        if colon and not line.startswith("#"):
            for written in phrases.split():
                phrase = tuple(fold(written).split("_"))
                found.setdefault(phrase[0], []).append((idea, phrase))
    return found


def _mended(word: str, known: frozenset[str]) -> str:
    """The word that was meant where one or two letters went astray; itself where it is known, short or like no other."""
    if len(word) < _SHORTEST_MENDED or word in known or not known:
        return word
    return _nearest(word, known)


@lru_cache(maxsize=4096)
def _nearest(word: str, known: frozenset[str]) -> str:
    from rapidfuzz import process  # noqa: PLC0415 - most messages never come here
    from rapidfuzz.distance import DamerauLevenshtein  # noqa: PLC0415

    near = process.extractOne(
        word,
        _by_initial(known).get(word[0], ()),
        scorer=DamerauLevenshtein.distance,
        score_cutoff=1 if len(word) < _LONG else 2,
    )
    return str(near[0]) if near else word


@lru_cache(maxsize=4)
def _by_initial(known: frozenset[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in sorted(known):
        if len(word) >= _SHORTEST_MENDED - 1:
            found.setdefault(word[0], []).append(word)
    return found
