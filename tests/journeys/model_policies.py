"""What the language-model simulator answers when it is asked to be of no use: the right shape, and nonsense in it."""

from __future__ import annotations

import json
import random
from typing import Any

KEYS = ("age", "smoker", "occupation", "marital_status", "dependents", "monthly_income", "mortgage_balance", "sum_assured")
INTENTS = ("greeting", "dont_know", "interest", "question", "objection", "choice", "thanks", "bye", "couple", "off_topic")
VALUES = (0, 1, 17, 99, 3500, 1_000_000, -4, 2.5, True, False, "astronauta", "widowed", "", None, [1], {"x": 1})


def nonsense(request: dict[str, Any]) -> dict[str, Any]:
    """Values and wishes at random, pointing at words that were really said; answers and wordings that say something else."""
    facts = json.loads(request["messages"][-1]["content"])
    chance = random.Random(request["messages"][-1]["content"])
    words = str(facts.get("mensaje", "")).split() or ["nada"]

    def evidence() -> str:
        first = chance.randrange(len(words))
        return " ".join(words[first : first + chance.randint(1, 4)])

    values = [{"key": chance.choice(KEYS), "value": chance.choice(VALUES), "evidence": evidence()} for _ in range(5)]
    intents = [{"name": chance.choice(INTENTS), "topic": chance.choice(("price", "1", "")), "evidence": evidence()}]
    said = {
        "values": values,
        "intents": intents,
        "answer": "La fibra cuesta 9,99 € al mes.",
        "entry_ids": ["x"],
        "text": "¡Arr!",
    }
    return {"content": json.dumps(said)}
