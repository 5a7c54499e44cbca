"""The reader against its own labelled utterances, and what must hold for each of them whatever they mean."""

from __future__ import annotations

from typing import Any

import pytest

from bench.eval import context_of, development_cases, observed
from src.agent.understanding import Context, read

CASES = development_cases()


def test_set_is_large_and_varied() -> None:
    assert len(CASES) >= 600
    assert len({case["awaiting"] for case in CASES}) >= 20


def test_reads_what_the_labels_say() -> None:
    wrong = [(case["awaiting"], case["text"], case["expect"], observed(case)) for case in CASES]
    wrong = [each for each in wrong if each[2] != each[3]]
    assert len(wrong) <= len(CASES) * 0.01, "\n".join(map(str, wrong))


@pytest.mark.parametrize("start", range(0, len(CASES), 100))
def test_evidence_is_what_was_written_and_confidence_a_share(start: int) -> None:
    for case in CASES[start : start + 100]:
        reading = read(case["text"], context_of(case))
        for found in reading.values:
            assert 0 < found.confidence <= 1
            for word in found.evidence.split():
                assert word.lower() in reading.text.lower(), case["text"]
        assert all(intent.evidence.lower() in reading.text.lower() or intent.evidence for intent in reading.intents)


def test_same_words_give_the_same_reading() -> None:
    for case in CASES[::7]:
        assert read(case["text"], context_of(case)) == read(case["text"], context_of(case))


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
