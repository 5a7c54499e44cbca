"""The mortality table: read from the package, checked cell by cell, or the program does not start.

PASEM 2020 (DGSFP Resolution of 17-12-2020, BOE-A-2020-17154): second order General, and the two first order bases that are
the General rate times a published factor. Premiums must not depend on sex (C-236/09), so only the unisex columns are sold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Literal, NamedTuple

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


Columns = dict[str, tuple[Decimal, ...]]
"""The columns of the table behind `age`, by name: one rate for each age, 0 to 120."""


class TableFlaw(NamedTuple):
    """What no whole, plausible table has, and where."""

    age: int
    column: str
    what: str


def read_rates(content: bytes, where: str) -> dict[Basis, tuple[Decimal, ...]]:
    """The yearly unisex death rates of each first order basis, indexed by age 0 to 120, exactly as published.

    Raises DamagedCatalogue, naming the line, when the file is not the whole, plausible table.
    """
    columns = read_columns(content, where)
    for flaw in table_flaws(columns):
        raise _damaged(f"{where}, line {flaw.age + 2}, column {flaw.column}", flaw.what)
    return basis_rates(columns)


def write_columns(columns: Columns) -> bytes:
    """The file that `read_rates` reads."""
    rows = ([str(age), *(f"{columns[name][age]:.10f}" for name in HEADER[1:])] for age in range(LAST_AGE + 1))
    return "".join(f"{','.join(row)}\r\n" for row in (HEADER, *rows)).encode("ascii")


def basis_rates(columns: Columns) -> dict[Basis, tuple[Decimal, ...]]:
    """The unisex rates of each first order basis."""
    return {basis: columns[f"q1_{basis}_unisex5050"] for basis in BASIS_FACTORS}


def table_flaws(columns: Columns) -> Iterator[TableFlaw]:
    """Every cell that cannot be right beside the others. Columns that are missing are looked at no further."""
    for basis, factor in BASIS_FACTORS.items():
        for sex in ("f", "m"):
            source, derived = f"q2_general_{sex}", f"q1_{basis}_{sex}"
            if {source, derived} <= columns.keys():
                expected = [min(Decimal(1), rate * factor) for rate in columns[source]]
                yield from _different(columns, derived, expected, f"{factor} times {source}")
    for basis_column in ("q2_general", "q1_norel", "q1_rel"):
        female, male, both = (f"{basis_column}_{sex}" for sex in ("f", "m", "unisex5050"))
        if {female, male, both} <= columns.keys():
            expected = [(one + other) / 2 for one, other in zip(columns[female], columns[male], strict=True)]
            yield from _different(columns, both, expected, "the mean of both sexes")
    for name, rates in columns.items():
        yield from _course_flaws(name, rates)


def never_falling(rates: tuple[Decimal, ...], from_age: int) -> tuple[Decimal, ...]:
    """The rates, each raised to the one before it where it is lower, from that age on."""
    risen = list(rates)
    for age in range(from_age + 1, len(risen)):
        risen[age] = max(risen[age], risen[age - 1])
    return tuple(risen)


def read_columns(content: bytes, where: str) -> Columns:
    """The file's cells as they stand. Raises DamagedCatalogue when it has not the table's form."""
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


def _different(columns: Columns, name: str, expected: list[Decimal], what: str) -> Iterator[TableFlaw]:
    for age, (rate, wanted) in enumerate(zip(columns[name], expected, strict=True)):
        if abs(rate - wanted) > ROUNDING:
            yield TableFlaw(age, name, f"is not {what}")


def _course_flaws(name: str, rates: tuple[Decimal, ...]) -> Iterator[TableFlaw]:
    for age, (rate, following) in enumerate(pairwise(rates), start=1):
        if age > RISING_FROM_AGE and following < rate:
            yield TableFlaw(age, name, f"falls at age {age}: mortality never falls from age {RISING_FROM_AGE} on")
        elif age > ADULT_FROM_AGE and not STEEPEST_FALL <= following / rate <= STEEPEST_RISE:
            yield TableFlaw(age, name, f"jumps at age {age}")
    if rates[-1] != 1:
        yield TableFlaw(LAST_AGE, name, f"does not end with certainty at age {LAST_AGE}")


def _damaged(where: str, what: str) -> DamagedCatalogue:
    return DamagedCatalogue(f"{where} {what}. Restore the file from the release that you run.")
