"""What holds for the reading of every message of the corpus, whatever it means."""

from __future__ import annotations

from typing import Any

import pytest

from src.agent.understanding import Context, read
from training.corpus import read_corpus

CORPUS = read_corpus()
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_evidence_is_what_was_written_and_confidence_a_share(part: int) -> None:
    for said in CORPUS[part :: PARTS * 10]:
        reading = read(said.text, said.context)
        written = reading.text.lower()
        for found in reading.values:
            assert 0 < found.confidence <= 1, said.place
            assert all(word.lower() in written for word in found.evidence.split()), said.place
        for intent in reading.intents:
            assert 0 <= intent.confidence <= 1, said.place
            assert all(word.lower() in written for word in intent.evidence.split()), said.place


def test_the_same_words_give_the_same_reading() -> None:
    for said in CORPUS[::70]:
        assert read(said.text, said.context) == read(said.text, said.context), said.place


@pytest.mark.parametrize(
    ("text", "awaiting", "values"),
    [
        ("SOY FONTANERO Y TENGO 45 AÑOS", None, {"occupation": "FONTANERO", "occupation_class": 2, "age": 45}),
        ("tengo\u200b 45 años", None, {"age": 45}),
        ("ｔｅｎｇｏ ４５ años", None, {"age": 45}),
        ("tengo 45 an\u0303os", None, {"age": 45}),
        ("45\n2 hijos\nno fumo", "age", {"age": 45, "dependents": 2, "smoker": False}),
    ],
)
def test_other_letters_for_the_same_words(text: str, awaiting: str | None, values: dict[str, Any]) -> None:
    assert {found.key: found.value for found in read(text, Context(awaiting=awaiting)).values} == values
