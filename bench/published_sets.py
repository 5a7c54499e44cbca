"""Sets that others have published, and how much of them the reader's parts read: for judging only, never for learning.

They lie in ../shared/nlu: Microsoft Recognizers' Spanish specs (MIT) and the Spanish banking part of Multi3NLU++ (CC-BY-4.0).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.agent.understanding import Context, Reading, read
from src.agent.understanding.fractions import find_numbers
from src.agent.understanding.quantities import find_quantities
from src.agent.understanding.wording import word_of

SHARED = Path(__file__).resolve().parents[2] / "shared" / "nlu"
MICROSOFT, MULTI3NLUPP = SHARED / "microsoft", SHARED / "multi3nlupp"
TODAY = "2026-11-20"
_UNITS = {"Año": "years", "Mes": "months", "Semana": "weeks", "Día": "days"}


@dataclass
class Score:
    """One line of the table. `wrong` counts answers that say the opposite or act without a wish."""

    name: str
    target: str
    right: int = 0
    total: int = 0
    wrong: int = 0
    reached: bool = True
    note: str = ""
    failures: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """The share of what is right."""
        return self.right / self.total if self.total else 0.0

    def mark(self, text: str, expected: object, got: object) -> None:
        """Counts one answer."""
        self.total += 1
        if expected == got:
            self.right += 1
        else:
            self.failures.append(f"{text!r}: expected {expected}, got {got}")


def _microsoft(name: str) -> list[dict[str, Any]]:
    specs: list[dict[str, Any]] = json.loads((MICROSOFT / name).read_text(encoding="utf-8-sig"))
    return specs


def _multi3nlupp() -> Iterator[dict[str, Any]]:
    for path in sorted(MULTI3NLUPP.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def _answer(text: str) -> Reading:
    """The text as an answer to a question of yes or no."""
    return read(text, Context(awaiting="consent", today=TODAY))


def booleans() -> Score:
    score = Score("microsoft booleans", "≥ 95 %")
    for spec in _microsoft("Choice_Spanish_BooleanModel.json"):
        expected = [result["Resolution"]["value"] for result in spec["Results"]]
        reading = _answer(spec["Input"])
        score.mark(spec["Input"], expected, [reading.has("affirm")] if reading.has("affirm", "deny", "decline") else [])
    score.reached = score.share >= 0.95
    return score


def ages() -> Score:
    score = Score("microsoft ages", "≥ 95 %")
    for spec in _microsoft("NumberWithUnit_Spanish_AgeModel.json"):
        expected = [(float(each["Resolution"]["value"]), _UNITS[each["Resolution"]["unit"]]) for each in spec["Results"]]
        found = find_quantities(word_of(spec["Input"]).plain)
        timed = [each for each in found if each.unit in _UNITS.values()]
        score.mark(spec["Input"], expected, [(each.value if each.high is None else each.high, each.unit) for each in timed])
    score.reached = score.share >= 0.95
    return score


def numbers() -> Score:
    score = Score("microsoft numbers", "≥ 90 %")
    for spec in _microsoft("Number_Spanish_NumberModel.json"):
        expected = sorted(float(each["Resolution"]["value"].replace(",", ".")) for each in spec["Results"])
        got = sorted(each.value for each in find_numbers(word_of(spec["Input"]).plain))
        same = len(expected) == len(got) and all(math.isclose(a, b, rel_tol=1e-9) for a, b in zip(expected, got, strict=True))
        score.mark(spec["Input"], expected, expected if same else got)
    score.reached = score.share >= 0.90
    return score


def yes_no() -> Score:
    score = Score("multi3nlu++ affirm/deny", "≥ 90 %, 0 wrong")
    elsewhere = 0
    for row in _multi3nlupp():
        labels = {"affirm", "deny"} & set(row.get("intents", ()))
        got = {intent.name for intent in _answer(row["text"]).intents} & {"affirm", "deny"}
        if len(labels) != 1:
            elsewhere += bool(got) and "acknowledge" not in row.get("intents", ())
            continue
        score.wrong += bool(got - labels)
        score.mark(row["text"], labels, got)
    score.reached = score.share >= 0.90 and score.wrong == 0
    score.note = f"{score.wrong} wrong; read in {elsewhere} messages labelled neither"
    return score


def amounts() -> Score:
    score = Score("multi3nlu++ amounts", "≥ 98 %")
    for row in _multi3nlupp():
        slot = row.get("slots", {}).get("amount_of_money")
        if not slot or "value" not in slot:
            continue
        amount = float(slot["value"]["amount"])
        found = [each for each in find_quantities(word_of(row["text"]).plain) if each.unit in ("", "money")]
        values = [value for each in found for value in (each.value, each.high, *each.alternatives) if value is not None]
        score.mark(row["text"], amount, amount if amount in values else values)
    score.reached = score.share >= 0.98
    return score


def hand_off() -> Score:
    score = Score("multi3nlu++ hand-off", "≥ 75 %, ≤ 2 false")
    for row in _multi3nlupp():
        wants = read(row["text"], Context(today=TODAY)).has("human")
        if "handoff" in row.get("intents", ()):
            score.mark(row["text"], expected=True, got=wants)
        elif wants:
            score.wrong += 1
            score.failures.append(f"false: {row['text']!r}")
    score.note = f"{score.wrong} false"
    score.reached = score.share >= 0.75 and score.wrong <= 2
    return score


SETS: tuple[tuple[Callable[[], Score], Path], ...] = (
    (booleans, MICROSOFT),
    (ages, MICROSOFT),
    (numbers, MICROSOFT),
    (yes_no, MULTI3NLUPP),
    (amounts, MULTI3NLUPP),
    (hand_off, MULTI3NLUPP),
)
"""What is measured, and the folder it needs."""
