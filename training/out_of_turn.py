"""What the corpus teaches beside the questions after which it was said: facts that tell by themselves what they are about."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from src.agent.understanding.features import tokens_of
from src.agent.understanding.wording import word_of
from training.corpus import Utterance

_LEAST_SEEN, _MOSTLY = 4, 0.75
_MOST_FACTS = 3
"""Who tells more at once says nothing about which word goes with which of them."""
_SHORTEST_WORD = 4


def beside_the_question(corpus: Iterable[Utterance]) -> Iterator[Utterance]:
    """The same facts where nothing was asked, as far as their words tell what they are about."""
    said = list(corpus)
    telling = telling_words(said)
    for each in said:
        asked = each.awaiting is not None and not each.awaiting.startswith("confirm:")
        if asked and each.values and all(_is_told(value.key, each, telling) for value in each.values):
            yield replace(each, awaiting=None, candidate=None)


def telling_words(corpus: Iterable[Utterance]) -> Mapping[str, frozenset[str]]:
    """For each key the words and pairs of words that mostly come with it, whatever was asked."""
    met: Counter[str] = Counter()
    met_with: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for said in corpus:
        told = {value.key for value in said.values}
        words = _words(said)
        met.update(words)
        if len(told) <= _MOST_FACTS:
            for key in told:
                met_with[key].update(words)
    return {
        key: frozenset(word for word, count in words.items() if count >= _LEAST_SEEN and count >= _MOSTLY * met[word])
        for key, words in met_with.items()
    }


def _words(said: Utterance) -> frozenset[str]:
    words = [token.text for token in tokens_of(word_of(said.text).plain)]
    pairs = (pair for pair in pairwise(words) if any(len(word) >= _SHORTEST_WORD and word.isalpha() for word in pair))
    return frozenset([*(word for word in words if len(word) >= _SHORTEST_WORD and word.isalpha()), *map(" ".join, pairs)])


def _is_told(key: str, said: Utterance, telling: Mapping[str, frozenset[str]]) -> bool:
    return key != said.asked or not _words(said).isdisjoint(telling.get(key, frozenset()))
