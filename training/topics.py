"""What questions teach: what each of them is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from src.agent.knowledge.entries import OWN_ENTRIES, read_entries
from src.agent.understanding.asking import NOT_ASKED, TALKED_OF_AS, question_features, words_asked_with
from src.agent.understanding.deciding import MEANING
from training.choose import Asked
from training.corpus import Utterance

_ONE_IN, _ONE_IN_OF_SHORT = 4, 2
"""Of what asks nothing so few are shown, more of bare answers: more of it than of any topic would drown the topics."""
_SHORT = 3
_ANSWERED_BY = {talk: answer for answer, talk in TALKED_OF_AS.items() if answer != "asesoramiento"}


def topic_examples(corpus: Iterable[Utterance]) -> Iterator[Asked]:
    """The questions of the corpus, those under which the answers are filed, and some messages that ask nothing."""
    silent = short = 0
    for said in corpus:
        intents = {each for alternatives in said.intents for each in alternatives}
        topics = {each.removeprefix("question:") for each in intents if each.startswith("question:")} - {MEANING}
        if topics:
            yield _asked(said.text, {_ANSWERED_BY.get(topic, topic) for topic in topics})
        elif not intents & {"question", f"question:{MEANING}"} and not said.wants_unsaid:
            brief = len(said.text.split()) <= _SHORT
            short, silent = short + brief, silent + (not brief)
            if "off_topic" in intents or (short % _ONE_IN_OF_SHORT if brief else silent % _ONE_IN) == 0:
                yield _asked(said.text, {NOT_ASKED})
    for entry in read_entries([OWN_ENTRIES])[0]:
        for question in entry.questions:
            yield _asked(question, {entry.id})


def _asked(text: str, labels: set[str]) -> Asked:
    return Asked(question_features(text), sorted(labels), tuple(words_asked_with(text)))
