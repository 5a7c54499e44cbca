"""The forty dialogues with a language model over HTTP: answering perfectly, answering nonsense, and down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from src.agent.profile import ReadKey
from src.agent.thinking.asking import VERSIONS, system_prompt
from src.agent.understanding import Context, read
from src.integrations.openai.client import Breaker, OpenAiModel
from tests.agent.talk import Talk
from tests.agent.test_dialogues import BEGINNINGS, DIALOGUES, KEYS, problems_of
from tests.kit.rig import Rig, free_port

READ_KEYS = get_args(ReadKey)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig(f"http://127.0.0.1:{free_port()}") as running:
        yield running


@pytest.fixture(scope="module")
def model(rig: Rig) -> Iterator[OpenAiModel]:
    env = rig.env("llm")
    patient = Breaker(after=10_000)  # every turn of every dialogue shall meet the fault, not the first few
    one = OpenAiModel(
        api_key=env["OPENAI_API_KEY"],
        base_url=env["OPENAI_BASE_URL"],
        model="gpt-4o-mini",
        timeout_s=8,
        breaker=patient,
        sleep=lambda _s: None,
    )
    yield one
    one.close()


def play(name: str, model: OpenAiModel, before_turn: Any = lambda _turn, _talk: None) -> str:
    talk = BEGINNINGS[name]().with_model(model, phrasing=True, daily_tokens=10_000_000)
    return problems_of(name, talk, before_turn)


def perfect(turn: dict[str, Any], talk: Talk) -> dict[str, Any]:
    """What a reader that makes no mistake says to that turn: what its outline expects, pointed out in its words."""
    by_rules = read(turn["user"], Context(awaiting=talk.awaiting, today=talk.now.date().isoformat()))
    evidence = {found.key: found.evidence for found in by_rules.values}
    expected = {KEYS.get(slot, slot): value for slot, value in turn["expect"].get("slots", {}).items()}
    values = [
        {"key": key, "value": value, "evidence": evidence.get(key, turn["user"])}
        for key, value in expected.items()
        if key in READ_KEYS and isinstance(value, bool | int | float | str)
    ]
    return {"values": values, "intents": []}


@pytest.mark.parametrize("name", sorted(DIALOGUES))
def test_with_a_model_that_reads_perfectly(rig: Rig, model: OpenAiModel, name: str) -> None:
    rig.llm.reset()

    def script(turn: dict[str, Any], talk: Talk) -> None:
        rig.llm.rules({"match": "mensaje", "reply": {"content": json.dumps(perfect(turn, talk))}})

    assert play(name, model, script) == ""


@pytest.mark.parametrize("name", sorted(DIALOGUES))
def test_with_a_model_that_answers_nonsense(rig: Rig, model: OpenAiModel, name: str) -> None:
    rig.llm.reset()
    rig.llm.config(policy="tests.journeys.model_policies:nonsense")
    assert play(name, model) == ""


@pytest.mark.parametrize("mode", ["wrong_schema", "prices"])
@pytest.mark.parametrize("name", sorted(DIALOGUES))
def test_with_a_model_gone_wrong(rig: Rig, model: OpenAiModel, name: str, mode: str) -> None:
    rig.llm.reset()
    rig.llm.config(mode=mode)
    assert play(name, model) == ""


@pytest.mark.parametrize("name", sorted(DIALOGUES))
def test_with_a_model_that_is_down(rig: Rig, model: OpenAiModel, name: str) -> None:
    rig.llm.reset()
    rig.llm.faults({"kind": "error", "status": 503, "times": -1, "match": "/chat/completions"})
    assert play(name, model) == ""


def test_the_model_is_really_asked(rig: Rig, model: OpenAiModel) -> None:
    rig.llm.reset()
    for name in sorted(DIALOGUES):
        play(name, model)
    asked = {system_prompt(task): 0 for task in VERSIONS}
    for request in rig.llm.ledger():
        asked[request["messages"][0]["content"]] += 1
    assert min(asked.values()) >= 1
    assert sum(asked.values()) >= 50
