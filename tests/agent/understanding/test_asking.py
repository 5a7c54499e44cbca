"""What a question looks like to the head for topics: ideas, slips, parts."""

from __future__ import annotations

import pytest

from src.agent.knowledge.entries import OWN_ENTRIES, read_entries
from src.agent.understanding.asking import (
    NOT_ASKED,
    OTHER,
    TALKED_OF_AS,
    ideas_of,
    parts_of,
    question_features,
    topics_of,
    words_asked_with,
)
from src.agent.understanding.learnt import head
from training.corpus import TALK_TOPICS

IDS = {entry.id for entry in read_entries([OWN_ENTRIES])[0]}


def words(text: str) -> list[str]:
    return list(words_asked_with(text))


@pytest.mark.parametrize(
    ("text", "idea"),
    [
        ("si la palmo", "die"),
        ("me quedo en silla de ruedas", "disability"),
        ("me suicido", "suicide"),
        ("por su propia mano", "suicide"),
        ("¿y la guita?", "money"),
        ("hago parapente", "sport"),
        ("voy a Tailandia", "country"),
        ("TENGO LEUCEMIA", "grave_disease"),
        ("¿a quién le llega?", "beneficiary"),
    ],
)
def test_words_and_phrases_stand_for_ideas(text: str, idea: str) -> None:
    assert idea in ideas_of(words(text))


def test_a_phrase_stands_for_an_idea_only_as_a_whole() -> None:
    assert "disability" not in ideas_of(words("una silla"))
    assert ideas_of([]) == set()


def test_a_slip_is_read_as_the_word_that_was_meant() -> None:
    topics = head("topics")
    assert question_features("cubre el suicdio", topics) == question_features("cubre el suicidio", topics)
    assert question_features("cubre el suicdio") != question_features("cubre el suicidio")


def test_a_message_has_its_sentences_as_parts() -> None:
    assert parts_of("hola. ¿cubre el suicidio?") == ["hola. ¿cubre el suicidio?", "hola", "cubre el suicidio"]
    assert parts_of("¿cubre?") == ["¿cubre?"]
    assert parts_of("") == [""]


def test_topics_are_what_can_be_answered_and_add_up() -> None:
    topics = topics_of("hola. ¿cubre el suicidio?")
    assert sum(topics.values()) == pytest.approx(1)
    assert max(topics, key=lambda topic: topics[topic]) == "suicidio"
    assert topics.keys() >= IDS
    assert topics.keys() - IDS <= TALK_TOPICS | {NOT_ASKED, OTHER}
    assert TALKED_OF_AS.keys() <= IDS
    assert not TALK_TOPICS & topics.keys() & set(TALKED_OF_AS.values())


@pytest.mark.parametrize("text", ["", "?", "👍", "\x00", "\ud83d", "x" * 5000, "¿" * 300])
def test_no_text_breaks_it(text: str) -> None:
    assert sum(topics_of(text).values()) == pytest.approx(1)
