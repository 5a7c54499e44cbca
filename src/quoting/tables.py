"""The mortality table: read from the package, checked cell by cell, or the program does not start.

PASEM 2020 (DGSFP Resolution of 17-12-2020, BOE-A-2020-17154): second order General, and the two first order bases that are
the General rate times a published factor. Premiums must not depend on sex (C-236/09), so only the unisex columns are sold.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from src.errors import DamagedCatalogue

Basis = Literal["norel", "rel"]

LAST_AGE = 120
BASIS_FACTORS: dict[Basis, Decimal] = {"norel": Decimal("1.155"), "rel": Decimal("1.101875")}
"""First order rate over second order rate, as the resolution publishes them; `rel` is for covers tied to a loan."""

HEADER = (
    "age",
    *(f"{basis}_{sex}" for basis in ("q2_general", "q1_norel", "q1_rel") for sex in ("f", "m", "unisex5050")),
)
CELL = re.compile(r"[01]\.[0-9]{10}")
ROUNDING = Decimal("0.0000000002")
"""Cells have ten decimals and come from unrounded rates, so a derived cell is right within two units of the last one."""

RISING_FROM_AGE = 32
ADULT_FROM_AGE = 12
STEEPEST_FALL, STEEPEST_RISE = Decimal("0.93"), Decimal("1.35")
"""From one age to the next: the published table falls by at most 6 % (young women) and rises by at most 29 %."""


def read_rates(content: bytes, where: str) -> dict[Basis, tuple[Decimal, ...]]:
    """The yearly unisex death rates of each first order basis, indexed by age 0 to 120, exactly as published.

    Raises DamagedCatalogue, naming the line, when the file is not the whole, plausible table.
    """
    columns = _columns(content, where)
    for basis, factor in BASIS_FACTORS.items():
        for sex in ("f", "m"):
            expected = [min(Decimal(1), rate * factor) for rate in columns[f"q2_general_{sex}"]]
            _compare(columns, f"q1_{basis}_{sex}", expected, f"{factor} times q2_general_{sex}", where)
    for basis_column in ("q2_general", "q1_norel", "q1_rel"):
        halves = zip(columns[f"{basis_column}_f"], columns[f"{basis_column}_m"], strict=True)
        expected = [(female + male) / 2 for female, male in halves]
        _compare(columns, f"{basis_column}_unisex5050", expected, "the mean of both sexes", where)
    for name, rates in columns.items():
        _check_course(name, rates, where)
    return {basis: columns[f"q1_{basis}_unisex5050"] for basis in BASIS_FACTORS}


def never_falling(rates: tuple[Decimal, ...], from_age: int) -> tuple[Decimal, ...]:
    """The rates, each raised to the one before it where it is lower, from that age on."""
    risen = list(rates)
    for age in range(from_age + 1, len(risen)):
        risen[age] = max(risen[age], risen[age - 1])
    return tuple(risen)


def _columns(content: bytes, where: str) -> dict[str, tuple[Decimal, ...]]:
    try:
        header, *lines = content.decode("ascii").splitlines()
    except (UnicodeDecodeError, ValueError) as damage:
        raise _damaged(where, "is empty or not plain ASCII text") from damage
    if tuple(header.split(",")) != HEADER:
        raise _damaged(f"{where}, line 1", f"has other columns than {', '.join(HEADER)}")
    if len(lines) != LAST_AGE + 1:
        raise _damaged(where, f"has {len(lines)} ages instead of {LAST_AGE + 1}")
    rows = [_row(line, age, f"{where}, line {age + 2}") for age, line in enumerate(lines)]
    return dict(zip(HEADER[1:], zip(*rows, strict=True), strict=True))


def _row(line: str, age: int, where: str) -> list[Decimal]:
    label, *cells = line.split(",")
    if label != str(age):
        raise _damaged(where, f"should be age {age}")
    if len(cells) != len(HEADER) - 1 or not all(CELL.fullmatch(cell) for cell in cells):
        raise _damaged(where, f"does not hold {len(HEADER) - 1} rates with ten decimals")
    rates = [Decimal(cell) for cell in cells]
    if not all(0 < rate <= 1 for rate in rates):
        raise _damaged(where, "holds a rate that is no probability above zero")
    return rates


def _compare(columns: dict[str, tuple[Decimal, ...]], name: str, expected: list[Decimal], what: str, where: str) -> None:
    for age, (rate, wanted) in enumerate(zip(columns[name], expected, strict=True)):
        if abs(rate - wanted) > ROUNDING:
            raise _damaged(f"{where}, line {age + 2}, column {name}", f"is not {what}")


def _check_course(name: str, rates: tuple[Decimal, ...], where: str) -> None:
    for age, (rate, following) in enumerate(pairwise(rates)):
        place = f"{where}, line {age + 3}, column {name}"
        if age >= RISING_FROM_AGE and following < rate:
            raise _damaged(place, f"falls at age {age + 1}: mortality never falls from age {RISING_FROM_AGE} on")
        if age >= ADULT_FROM_AGE and not STEEPEST_FALL <= following / rate <= STEEPEST_RISE:
            raise _damaged(place, f"jumps at age {age + 1}")
    if rates[-1] != 1:
        raise _damaged(f"{where}, column {name}", f"does not end with certainty at age {LAST_AGE}")


def _damaged(where: str, what: str) -> DamagedCatalogue:
    return DamagedCatalogue(f"{where} {what}. Restore the file from the release that you run.")
