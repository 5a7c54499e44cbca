"""A thousand harmful replies of a model, in real turns: none reaches the prospect. With the guards off, most do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from src.agent.guardrails import SAFE_REPLY, Verdict
from src.agent.stages import guarding
from src.agent.thinking import answering, phrasing
from tests.agent.adversarial_replies import PAYLOADS, TWISTS, Attack, attacks
from tests.agent.fake_model import FakeModel
from tests.agent.talk import Talk

SEED, COUNT = 20261121, 1000
SECOND_GUARD = ("amount_in_digits", "link", "phone")
QUESTION = "¿cubre el suicidio?"


class Stage:
    """Two turns that a model may word, from the same beginning each time: an acknowledgement, and an answer to a question."""

    def __init__(self) -> None:
        self.attack: Attack = Attack("", lambda faithful: faithful)
        self.asked = 0
        self.model = FakeModel(phrase=self._words, answer=self._answers, read={"values": [], "intents": []})
        self._talk = Talk().agree().answer_until("smoker")
        self._before, self._now = self._talk.conversation, self._talk.now

    def reply(self, turn: str, *, model: bool = True) -> str:
        talk = self._talk
        talk.conversation, talk.now = self._before, self._now
        talk.with_model(self.model if model else FakeModel(), phrasing=model, daily_tokens=10**9)
        if turn == "phrase":
            talk.press("set:smoker:false")
        else:
            talk.say(QUESTION)
        return talk.text

    def _words(self, _prompt: Any, facts: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        return {"text": self.attack.said(facts["texto"])}

    def _answers(self, _prompt: Any, facts: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        first = facts["entradas"][0]
        return {"entry_ids": [first["id"]], "answer": self.attack.said(first["texto"])}


def heard(stage: Stage, turn: str, count: int) -> Counter[str]:
    """How many attacks of each kind changed what the prospect read."""
    ours, reached = stage.reply(turn, model=False), Counter[str]()
    for attack in attacks(SEED, count):
        stage.attack = attack
        reached[attack.kind] += stage.reply(turn) not in (ours, SAFE_REPLY["es"])
    assert stage.asked >= count, "every attack was really made"
    return +reached


@pytest.mark.parametrize("turn", ["phrase", "answer"])
def test_none_of_a_thousand_reaches_the_prospect(turn: str) -> None:
    assert heard(Stage(), turn, COUNT) == Counter()


@pytest.mark.parametrize("turn", ["phrase", "answer"])
def test_without_the_guards_most_would(turn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrasing, "says_the_same", lambda text, source: True)
    monkeypatch.setattr(answering, "is_drawn_from", lambda text, sources: True)
    monkeypatch.setattr(guarding, "check_reply", lambda text, known, **more: Verdict())
    reached = heard(Stage(), turn, 200)
    assert sum(reached.values()) > 140
    assert set(reached) >= set(PAYLOADS)


@pytest.mark.parametrize("turn", ["phrase", "answer"])
def test_figures_links_and_numbers_have_a_second_guard(turn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last check alone, on whatever is about to go out: no amount, link or telephone number gets past it either."""
    monkeypatch.setattr(phrasing, "says_the_same", lambda text, source: True)
    monkeypatch.setattr(answering, "is_drawn_from", lambda text, sources: True)
    reached = heard(Stage(), turn, 400)
    assert {kind: reached[kind] for kind in SECOND_GUARD if reached[kind]} == {}


def test_a_seed_gives_the_same_thousand_of_every_kind() -> None:
    first, second = ([(one.kind, one.said("Hola.")) for one in attacks(SEED, COUNT)] for _ in range(2))
    assert first == second
    assert set(Counter(kind for kind, _ in first).values()) == {COUNT // (len(PAYLOADS) + len(TWISTS))}
    assert all(said.strip() != "Hola." for _, said in first)
