"""What a message teaches about its words: which are a name, which an occupation, and how risky that is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from src.agent.understanding.features import Token, tokens_of
from src.agent.understanding.occupations import known_occupations, occupation_features
from src.agent.understanding.spans import NAME, OCCUPATION, token_features
from src.agent.understanding.wording import Wording, fold, word_of
from training.corpus import Meant, Utterance
from training.learn import Example

_PARTICLES = ("de", "la", "y", "del", "los", "las", "i")


def word_examples(corpus: Iterable[Utterance]) -> Iterator[Example]:
    """Every word, and whether it is part of the author's name or occupation."""
    for said in corpus:
        if said.wants_unsaid and not said.values:
            continue
        wording = word_of(said.text)
        tokens = tokens_of(wording.plain)
        tags = tags_of(said, wording, tokens)
        for place, tag in enumerate(tags or ()):
            before = tags[place - 1] if tags and place else ""
            yield Example(token_features(wording, tokens, place, before, said.awaiting), (tag,) if tag else ())


def tags_of(said: Utterance, wording: Wording, tokens: Sequence[Token]) -> list[str] | None:
    """For each word what it is part of, "" for neither; None where what was meant is not found in the words."""
    tags = [""] * len(tokens)
    for meant in said.values:
        if meant.key in (NAME, OCCUPATION):
            places = _name_places(meant, wording, tokens) if meant.key == NAME else _occupation_places(meant, tokens)
            if not places:
                return None
            for place in places:
                tags[place] = meant.key
    return tags


def _name_places(meant: Meant, wording: Wording, tokens: Sequence[Token]) -> Sequence[int]:
    """The words of the name, without particles before and behind."""
    parts = {piece for value in meant.values for piece in re.split(r"[-.\s]+", fold(str(value))) if piece}
    places = [place for place, token in enumerate(tokens) if fold(wording.evidence(token.start, token.end)) in parts]
    telling = [place for place in places if tokens[place].text not in _PARTICLES]
    return [place for place in places if telling and telling[0] <= place <= telling[-1]]


def _occupation_places(meant: Meant, tokens: Sequence[Token]) -> Sequence[int]:
    """The words of the occupation, which stand in the message as they do in the label."""
    words = [token.text for token in tokens]
    for written in str(meant.values[0]).split("/"):
        wanted = [token.text for token in tokens_of(word_of(written.strip()).plain)]
        for start in range(len(words) - len(wanted) + 1):
            if wanted and words[start : start + len(wanted)] == wanted:
                return range(start, start + len(wanted))
    return ()


def risk_examples(corpus: Iterable[Utterance]) -> Iterator[Example]:
    """Which class an occupation is: the list, and what speakers said of theirs."""
    for form, listed in sorted(known_occupations().items()):
        if listed != "?":
            yield Example(occupation_features(form), (listed,))
    for said in corpus:
        risk, work = said.meant("occupation_class"), said.meant("occupation")
        if risk is not None and (work is not None or said.awaiting == "occupation_class"):
            words = str(work.values[0]).split("/")[0] if work is not None else said.text
            yield Example(occupation_features(word_of(words).plain), (str(risk.values[0]),))
