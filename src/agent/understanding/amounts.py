"""How much a number is, once it is known what it is about: thousands left unsaid, a year's sum by the month."""

from __future__ import annotations

from src.agent.profile import AMOUNTS, FIELDS
from src.agent.understanding.quantities import Quantity, as_number

MONEY_KEYS = AMOUNTS
IN_THOUSANDS = frozenset(key for key in AMOUNTS if FIELDS[key].unit == "EUR")
"""Where a small bare number is thousands."""
YEARS_KEYS = ("age", "term_years", "partner.age", "child.age", "details.birth_year", "dependents")

_YEARLY_PLAUSIBLE_EUR = 12_000
_MONTHS_PER = {"month": 1.0, "year": 1 / 12, "week": 52 / 12, "day": 365 / 12, "": 1.0}
_WORKING_HOURS_A_MONTH = 160
SURE, LIKELY, GUESS = 1.0, 0.7, 0.5


def amount_of(key: str, quantity: Quantity) -> tuple[tuple[int | float, ...], float]:
    """The values the number may stand for under that key, likeliest first, and how certain the first one is."""
    readings = [quantity.value, *quantity.alternatives]
    if quantity.high is not None:
        middle = (quantity.value + quantity.high) / 2
        readings = [quantity.high, quantity.value] if key == "monthly_budget" else [quantity.value, quantity.high]
        readings = [middle, *readings] if key in MONEY_KEYS and key != "monthly_budget" else readings
    sure = SURE
    if key in IN_THOUSANDS:
        readings, sure = _in_thousands(key, readings, quantity)
    elif key in ("monthly_income", "monthly_budget", "other.price", "other.payment"):
        readings, sure = _per_month(key, readings, quantity)
    elif key in YEARS_KEYS and quantity.unit == "months":
        readings = [reading // 12 for reading in readings]
    if quantity.high is not None or (quantity.alternatives and key in MONEY_KEYS):
        sure = min(sure, GUESS)
    if quantity.slang:
        sure = min(sure, LIKELY)
    return tuple(dict.fromkeys(as_number(round(reading, 2)) for reading in readings)), sure


def _in_thousands(key: str, readings: list[float], quantity: Quantity) -> tuple[list[float], float]:
    if quantity.sized or quantity.value == 0 or quantity.value >= _plausible(key)[0]:
        return readings, SURE
    thousands = [reading * 1000 for reading in readings]
    if quantity.unit == "money":  # "800 euros" is what it says, however little
        return [*readings, *thousands], LIKELY
    return ([*readings, *thousands], GUESS) if quantity.value > 1000 else ([*thousands, *readings], LIKELY)


def _per_month(key: str, readings: list[float], quantity: Quantity) -> tuple[list[float], float]:
    value = quantity.value
    if quantity.period == "hour":
        return [reading * _WORKING_HOURS_A_MONTH for reading in readings], GUESS
    in_thousands = key == "monthly_income" and not quantity.sized and 0 < value < 200
    if quantity.period:
        if in_thousands and quantity.period in ("month", "year") and (quantity.period == "year" or value < 10):
            return [reading * 1000 * _MONTHS_PER[quantity.period] for reading in readings] + readings, LIKELY
        return [reading * _MONTHS_PER[quantity.period] for reading in readings], SURE
    if key != "monthly_income":
        return readings, SURE if value <= _plausible("monthly_budget")[1] or key == "other.payment" else GUESS
    if in_thousands:
        factor = 1000 if value < 10 else 1000 / 12
        return [reading * factor for reading in readings] + readings, GUESS
    if value >= _YEARLY_PLAUSIBLE_EUR:
        return [reading / 12 for reading in readings] + readings, LIKELY
    return readings, SURE if value < _plausible(key)[1] else GUESS


def _plausible(key: str) -> tuple[int, int]:
    return FIELDS[key].plausible or (0, 0)
