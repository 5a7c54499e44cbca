"""Buttons and rows by their ids: exact, and never guessed."""

from __future__ import annotations

from typing import Any

import pytest

from src.agent.understanding import Context, read


@pytest.mark.parametrize(
    ("reply_id", "intent", "topic"),
    [
        ("consent:yes", "affirm", "consent"),
        ("consent:no", "deny", "consent"),
        ("confirm:no", "deny", "confirm"),
        ("skip:savings", "dont_know", "savings"),
        ("choose:q-2026-1", "choice", "q-2026-1"),
        ("accept:q:1", "accept", "q:1"),
        ("decline", "decline", ""),
        ("human", "human", ""),
        ("restart", "restart", ""),
        ("more:coverage", "question", "coverage"),
    ],
)
def test_intents(reply_id: str, intent: str, topic: str) -> None:
    reading = read("título que diría otra cosa: no", Context(), reply_id)
    assert [(each.name, each.topic, each.confidence) for each in reading.intents] == [(intent, topic, 1.0)]
    assert reading.values == ()


@pytest.mark.parametrize(
    ("reply_id", "key", "value"),
    [
        ("set:smoker:true", "smoker", True),
        ("set:smoker:false", "smoker", False),
        ("set:dependents:0", "dependents", 0),
        ('set:marital_status:"single"', "marital_status", "single"),
        ("set:details.sport:null", "details.sport", None),
    ],
)
def test_values(reply_id: str, key: str, value: Any) -> None:
    reading = read("Sí", Context(), reply_id)
    assert [(found.key, found.value, found.confidence) for found in reading.values] == [(key, value, 1.0)]
    assert type(reading.values[0].value) is type(value)


def test_confirming_takes_the_candidate() -> None:
    reading = read("Sí", Context(awaiting="confirm:age", candidate=37), "confirm:yes")
    assert reading.has("affirm")
    assert [(found.key, found.value) for found in reading.values] == [("age", 37)]


@pytest.mark.parametrize(
    "reply_id", ["set:smoker:perhaps", "set::1", "set:smoker", "choose:", "consent:maybe", "other", "skip:"]
)
def test_an_unknown_id_falls_back_to_the_title(reply_id: str) -> None:
    assert read("Quiero hablar con una persona", Context(), reply_id).has("human")
