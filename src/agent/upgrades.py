"""Stored conversations of earlier schemas, lifted step by step: from the JSON of one to that of the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from src.agent.agenda import from_timers
from src.agent.memory import Riders, fingerprint_of

Json = dict[str, Any]

_PRICING_OF_2 = (
    *("age", "birth_date", "smoker", "occupation_class", "dependents", "monthly_income", "mortgage_balance", "other_debts"),
    *("savings", "existing_cover", "marital_status", "sum_assured", "monthly_budget", "term_years"),
)


def _from_1(stored: Json) -> Json:
    """Timers became an agenda."""
    rest = {name: value for name, value in stored.items() if name != "timers"}
    return {**rest, "agenda": from_timers(stored.get("timers", {})), "schema": 2}


def _from_2(stored: Json) -> Json:
    """Memory became a struct, and a fingerprint names its facts; quotes name no working, which the tariff still knows."""
    memory = dict(stored.get("memory", {}))
    for name in ("quoted_for", "summed_up"):
        if name in memory:
            memory[name] = _fingerprint_of_2(memory[name])
    return {**stored, "memory": memory, "schema": 3}


def _fingerprint_of_2(written: str) -> str:
    facts = msgspec.json.decode(written)
    known, (child_ages, product, *riders) = facts[: len(_PRICING_OF_2)], facts[len(_PRICING_OF_2) :]
    profile: Mapping[str, Any] = dict(zip(_PRICING_OF_2, known, strict=True))
    wished = {"child_ages": child_ages, "product": product}
    return fingerprint_of(profile, wished, msgspec.convert(riders[0], Riders) if riders else Riders())


UPGRADES: Mapping[int, Callable[[Json], Json]] = {1: _from_1, 2: _from_2}
"""From a schema number to the function that lifts its JSON to the next one."""
