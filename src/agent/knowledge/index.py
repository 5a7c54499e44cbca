"""Finds the entry that answers a question, by what was learnt about questions and by the words of the entry.

By its words: stemmed, weighted by how rare they are, typing errors forgiven. Which share of what was asked an entry knows of
(coverage) and how close the nearest of its wordings is (cosine) make its nearness, 0 to 1. In Spanish the reader's head for
topics says how likely a question is about each entry, or about nothing that is answered here; nearness shifts that. An entry
that the head was not taught, an operator's, is found by its words alone, as every entry is in a language without a head.

Doubt is a result: a clear winner is found alone, two that are close are found together, and nothing where nothing is close.
"""

from __future__ import annotations

import math
import tomllib
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec
import snowballstemmer  # type: ignore[import-untyped]
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from src.agent.knowledge.entries import Entry
from src.agent.lookalikes import fold, rule
from src.agent.understanding.asking import NOT_ASKED, OTHER, parts_of, topics_of_part

MAX_RESULTS = 2
CLEAR, CLOSE, SECOND = 0.72, 0.60, 0.12
"""An entry so likely answers; two are offered that are so likely together, the second by itself so likely. Measured on the
questions that nothing is learnt from: `make eval`."""

_NEAR_FROM, _NEAR_WEIGHT = 0.4, 3.0
"""Nearness counts from here on, so much on top of the log of the head's likelihood."""
_UNTAUGHT, _UNTAUGHT_WEIGHT = 0.02, 12.0
"""The likelihood that stands for the head's of an entry it does not know, and the weight of such an entry's nearness."""
_LEAST_LIKELY = 1e-5
_WITHOUT_A_HEAD, _HEADLESS_LEAD = 0.55, 0.05
"""Without a head: how near an entry must be to be found, and how far ahead of the next to be found alone."""
_HEADS = frozenset(("es",))
_COVERAGE_SHARE = 0.65
_ANSWER_SHARE = 0.5  # a word that stands in the answer only says less than one that people ask with
_WORDS = Path(__file__).with_name("words.toml")

_UNKNOWN_WEIGHT = 0.8  # of a word that no entry holds, as a share of the rarest word's weight
_LIGHT_WEIGHT = 0.35  # of a word that says how something is asked; a rare word that says what about weighs ten times that
_NEGATION_WEIGHT = 1.0  # "¿qué no cubre?" is another question than "¿qué cubre?"
_LIGHT_ALONE = 0.85  # how near a wording must be when nothing but light words was said


class _Wording(msgspec.Struct, frozen=True):
    """One way to ask for an entry: the length of its vector of weighted stems."""

    entry: int
    norm: float


class Index:
    """The entries of one language, ready to be searched. Never changes after it was made."""

    def __init__(self, entries: Sequence[Entry], language: str) -> None:
        self._entries = tuple(entries)
        self._has_head = language in _HEADS
        self._words = _Words(language)
        bags = [frozenset(self._words.stems(_everything_asked(entry))) for entry in self._entries]
        frequency = Counter(stem for bag in bags for stem in bag)
        self._weight = {
            stem: self._words.fixed_weight.get(stem, math.log(1 + len(bags) / count)) for stem, count in frequency.items()
        }
        self._unknown_weight = _UNKNOWN_WEIGHT * max(self._weight.values(), default=1.0)
        self._holders: dict[str, list[tuple[int, float]]] = {}  # stem -> entries, and how much its being there says
        for number, (entry, bag) in enumerate(zip(self._entries, bags, strict=True)):
            for stem in bag:
                self._holders.setdefault(stem, []).append((number, 1.0))
            for stem in set(self._words.stems(entry.answer)) - bag - self._words.fixed_weight.keys():
                self._holders.setdefault(stem, []).append((number, _ANSWER_SHARE))
                self._weight.setdefault(stem, math.log(1 + len(bags)))
        self._called = {entry.id: number for number, entry in enumerate(self._entries)}
        self._asked_as: dict[tuple[str, ...], int] = {}  # the whole of a wording, stem by stem
        self._wordings: list[_Wording] = []
        self._wordings_with: dict[str, list[int]] = {}
        for number, question in ((n, question) for n, entry in enumerate(self._entries) for question in entry.questions):
            in_order = self._words.stems(question)
            self._asked_as.setdefault(tuple(in_order), number)
            stems = frozenset(in_order)
            for stem in stems:
                self._wordings_with.setdefault(stem, []).append(len(self._wordings))
            self._wordings.append(_Wording(number, math.sqrt(sum(self._weight[stem] ** 2 for stem in stems))))
        self._vocabulary = sorted(set(self._weight) - self._words.fixed_weight.keys())
        self._known_as = lru_cache(maxsize=2048)(self._look_up)

    def search(self, query: str) -> tuple[Entry, ...]:
        """The entry that answers, two when it may be either, none when nothing fits; best first. An id finds its entry.

        The part of a long message that says most plainly counts: "tengo 35 años. ¿cubre el suicidio?" asks for one thing.
        """
        if query in self._called:
            return (msgspec.structs.replace(self._entries[self._called[query]], score=1.0),)
        found = [self._scored(part) for part in parts_of(query)]
        scores = max(found, key=lambda scores: max(scores.values(), default=0.0))
        ranked = sorted((-score, self._entries[number].id, number) for number, score in scores.items())[:MAX_RESULTS]
        best, second = (*(-score for score, _, _ in ranked), 0.0, 0.0)[:2]
        if self._has_head:
            wanted = 1 if best >= CLEAR else 2 if best + second >= CLOSE and second >= SECOND else 0
        else:
            wanted = 0 if best < _WITHOUT_A_HEAD else 1 if best - second >= _HEADLESS_LEAD else 2
        return tuple(
            msgspec.structs.replace(self._entries[number], score=round(-negative, 4)) for negative, _, number in ranked[:wanted]
        )

    def _scored(self, part: str) -> dict[int, float]:
        """The entries that part of a message may ask for, and how surely."""
        exactly = tuple(self._words.stems(part))
        if exactly and exactly in self._asked_as:
            return {self._asked_as[exactly]: 1.0}
        return self._likely(part) if self._has_head else dict(self._scores(part))

    def _likely(self, part: str) -> dict[int, float]:
        """How likely each entry is what is asked about, beside whatever else the head knows of."""
        near, topics = dict(self._scores(part)), topics_of_part(part)
        odds = {topic: math.log(share + _LEAST_LIKELY) for topic, share in topics.items()}
        for number, entry in enumerate(self._entries):
            lead = max(near.get(number, 0.0) - _NEAR_FROM, 0.0)
            if entry.id in topics:
                odds[entry.id] += _NEAR_WEIGHT * lead
            elif lead:
                odds[entry.id] = math.log(_UNTAUGHT) + _UNTAUGHT_WEIGHT * lead
        powers = {topic: math.exp(value) for topic, value in odds.items()}
        total = sum(powers.values())
        return {
            number: powers[entry.id] / total
            for number, entry in enumerate(self._entries)
            if entry.id in powers and entry.id not in (NOT_ASKED, OTHER)
        }

    def _scores(self, query: str) -> Iterable[tuple[int, float]]:
        """Each entry that shares a word with the query, by number, and how well it fits."""
        asked: dict[str, float] = {}  # stem -> how certain it is that this word was meant
        unknown = 0
        for stem in dict.fromkeys(self._words.stems(query)):
            known, certainty = self._known_as(stem)
            if known:
                asked[known] = max(asked.get(known, 0.0), certainty)
            elif stem not in self._words.fixed_weight:
                unknown += 1
        total = sum(self._weight[stem] for stem in asked) + unknown * self._unknown_weight
        norm = math.sqrt(sum(self._weight[stem] ** 2 for stem in asked) + unknown * self._unknown_weight**2)
        shares: dict[int, float] = {}
        products: dict[int, float] = {}
        for stem, certainty in asked.items():
            weight = self._weight[stem]
            for number, share in self._holders[stem]:
                shares[number] = shares.get(number, 0.0) + share * certainty * weight / total
            for wording in self._wordings_with.get(stem, ()):
                products[wording] = products.get(wording, 0.0) + certainty * weight**2
        nearest: dict[int, float] = {}
        for wording, product in products.items():
            entry, wording_norm = self._wordings[wording].entry, self._wordings[wording].norm
            nearest[entry] = max(nearest.get(entry, 0.0), product / (norm * wording_norm))
        only_light = all(stem in self._words.fixed_weight for stem in asked)
        for number, share in shares.items():
            near = nearest.get(number, 0.0)
            if not only_light or near >= _LIGHT_ALONE:
                yield number, _COVERAGE_SHARE * share + (1 - _COVERAGE_SHARE) * near

    def _look_up(self, stem: str) -> tuple[str, float]:
        """The stem that was meant and how certain that is, 0 to 1; ("", 0.0) when no entry holds anything like it."""
        if stem in self._weight:
            return stem, 1.0
        if len(stem) < 6 or stem in self._words.fixed_weight:
            return "", 0.0
        found = process.extractOne(
            stem, self._vocabulary, scorer=DamerauLevenshtein.distance, score_cutoff=1 if len(stem) < 8 else 2
        )
        if found is not None and found[0].lstrip("h")[:1] == stem.lstrip("h")[:1]:
            return found[0], 1.0 - 0.15 * found[1]
        return self._same_beginning(stem)

    def _same_beginning(self, stem: str) -> tuple[str, float]:
        """Another form of the same word that the stemmer did not bring together: "detect" and "detectaron"."""
        at = bisect_left(self._vocabulary, stem)
        for neighbour in self._vocabulary[max(0, at - 1) : at + 1]:
            needed = max(4, math.ceil(0.7 * max(len(stem), len(neighbour))))
            if stem[:needed] == neighbour[:needed]:
                return neighbour, 0.8
        return "", 0.0


class _Words:
    """The words of a text as stems; `fixed_weight` holds those that do not say what a text is about."""

    def __init__(self, language: str) -> None:
        known = _words_of_languages()[language]
        stemmer = snowballstemmer.stemmer({"es": "spanish", "en": "english"}[language])
        self._stem: Callable[[str], str] = lru_cache(maxsize=4096)(stemmer.stemWord)
        self._same = {
            self._stem(fold(word).text): self._stem(fold(group.split()[0]).text)
            for group in known["same"]
            for word in group.split()
        }
        self.fixed_weight = {self._stem(fold(word).text): _LIGHT_WEIGHT for word in known["light"].split()}
        self.fixed_weight |= {self._stem(fold(word).text): _NEGATION_WEIGHT for word in known["negations"].split()}

    def stems(self, text: str) -> list[str]:
        """In reading order, with repetitions."""
        folded = rule(r"n[’'´]t\b").sub(" not", rule(r"\bwon[’'´]t\b").sub("will not", fold(text).text))
        words = rule(r"[a-z]+").findall(folded)  # a figure says nothing about what is asked
        return [self._same.get(stem, stem) for stem in map(self._stem, words)]


@cache
def _words_of_languages() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(_WORDS.read_text(encoding="utf-8"))


def _everything_asked(entry: Entry) -> str:
    return " ".join((*entry.questions, entry.keywords, entry.id.replace("-", " ")))
