"""Each turn of the forty dialogue outlines is read with the question that precedes it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from src.agent.understanding import Context, Reading, read
from tests.kit.rig import PROJECT

OUTLINES = PROJECT / "tests" / "agent" / "dialogues.yaml"
KEYS = {
    "children": "dependents",
    "marital": "marital_status",
    "capital": "sum_assured",
    "income_month": "monthly_income",
    "debts": "other_debts",
    "budget_month": "monthly_budget",
}
KEYS_AS_THEY_ARE = ("name", "age", "smoker", "occupation", "mortgage_balance", "term_years", "email", "birth_date")
ASKED = {
    "name": "name",
    "age": "age",
    "children": "dependents",
    "smoker": "smoker",
    "occupation": "occupation",
    "capital": "sum_assured",
    "income_month": "monthly_income",
    "mortgage_balance": "mortgage_balance",
}
INTENTS = {
    "greet": "greeting",
    "affirm": "affirm",
    "deny": "deny",
    "dont_know": "dont_know",
    "handoff": "human",
    "opt_out": "opt_out",
    "abuse": "insult",
    "jailbreak": "injection",
    "data_exfiltration": "injection",
    "health_disclosure": "health",
    "self_harm_signal": "self_harm",
    "gdpr_access": "data_copy",
    "gdpr_erase": "data_erase",
    "ask_is_bot": "are_you_a_robot",
    "sensitive_ids": "sensitive_ids",
    "resume": "resume",
    "objection_price": "objection",
    "objection_competitor": "objection",
    "ask_price": "question",
    "ask_why": "question",
    "faq_suicide": "question",
    "faq_bank_tied": "question",
    "choose_option": "choice",
    "accept": "accept",
    "ask_info": "interest",
}
OFFERED = ("esencial", "equilibrada", "completa")


def turns() -> list[Any]:
    outlines = yaml.safe_load(OUTLINES.read_text(encoding="utf-8"))["dialogues"]
    return [
        pytest.param(turn, {"first": number == 0}, id=f"{outline['id']}-{number + 1}")
        for outline in outlines
        for number, turn in enumerate(outline["turns"])
    ]


def hear(turn: dict[str, Any]) -> Reading:
    slots = turn["expect"].get("slots", {})
    asked = next((ASKED[slot] for slot in ("mortgage_balance", "capital", *slots) if slot in slots and slot in ASKED), None)
    offered = OFFERED if turn["expect"].get("intent") in ("choose_option", "accept") else ()
    return read(turn["user"], Context(awaiting=asked, options=offered, today="2026-11-20"))


@pytest.mark.parametrize(("turn", "place"), turns())
def test_turn(turn: dict[str, Any], place: dict[str, Any]) -> None:
    reading = hear(turn)
    expected = turn["expect"]
    for slot, value in expected.get("slots", {}).items():
        key = KEYS.get(slot, slot if slot in KEYS_AS_THEY_ARE else None)
        if key is not None:
            found = reading.value(key)
            assert found is not None, key
            assert found.value == value, key
    wanted = INTENTS.get(expected.get("intent", ""))
    if wanted:
        alike = ("accept", "affirm") if wanted == "accept" else (wanted,)  # to an offer a yes is one
        assert reading.has(*alike), [intent.name for intent in reading.intents]  # type: ignore[arg-type]
    if "language" in expected:
        assert reading.language == expected["language"]
