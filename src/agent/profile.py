"""What may be known of a prospect: one row for each value. Whoever needs a list of keys takes it from this table.

A question more is a row here, its texts (`label`, `echo`, `ask`, `why`) in `texts/`, and what reads it in `understanding/`.
Named by its key elsewhere is only what behaves unlike any other value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import msgspec

Kind = Literal["text", "date", "yes_or_no", "choice", "count", "amount"]
"""`count` is a whole number, `amount` one of EUR that may have cents; a `choice` is one of `choices`."""
Unit = Literal["", "EUR", "EUR a month", "years", "people"]
_NOTHING: Mapping[Any, str] = MappingProxyType({})


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One value of the profile.

    `bounds`: what life allows, of numbers. `plausible`: between these a bare number means what it says; outside, thousands
    were left unsaid or somebody is asked. `prices`: what it decides about a price: the risk, the need, or what is wished for.
    `asked`: its place among the questions, 0 for what is only heard or asked where something hangs on it. `optional`: it may
    be left blank. `none_is_zero`: "none" is an answer, 0. `may_model_read`: whether a language model may read it out of
    words; `mask` stands in a model's text for what says who somebody is. `choices`: the values and the keys of their texts.
    `buttons`: values to press (None: to leave it blank) and the keys of their titles, "" for the value as it is said.
    `shape` is a regular expression, `example` what fits it. `summed_up`: told when everything is summed up. `told_after`:
    the key it is told after, where the order of the table would be odd.
    """

    key: str
    kind: Kind
    unit: Unit = ""
    bounds: tuple[int, int] | None = None
    plausible: tuple[int, int] | None = None
    prices: Literal["", "risk", "need", "wish"] = ""
    asked: int = 0
    optional: bool = False
    none_is_zero: bool = False
    may_model_read: bool = True
    mask: str = ""
    choices: Mapping[Any, str] = _NOTHING
    buttons: tuple[tuple[Any, str], ...] = ()
    shape: str = ""
    example: str = ""
    summed_up: bool = True
    told_after: str = ""

    @property
    def label(self) -> str:
        """The key of the text that names it."""
        return f"label.{self.key}"

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers within `bounds`."""
        return self.bounds is not None


_OLDEST = 120
_OWED_OR_OWNED = (0, 20_000_000)
_INSURED_OR_SAVED = (0, 100_000_000)
_IN_THOUSANDS = 2_000
"""EUR. Nobody owes or insures 150 EUR: a smaller bare number is thousands."""

_TABLE = (
    Field(key="name", kind="text", asked=10, optional=True, may_model_read=False, mask="[nombre]"),
    Field(
        key="birth_date",
        kind="date",
        prices="risk",
        may_model_read=False,
        mask="[fecha]",
        shape=r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
        example="a date in the past as YYYY-MM-DD",
        summed_up=False,
        told_after="age",
    ),
    Field(key="age", kind="count", unit="years", bounds=(0, _OLDEST), prices="risk", asked=20),
    Field(
        key="smoker",
        kind="yes_or_no",
        prices="risk",
        asked=30,
        buttons=((True, "options.yes_smoker"), (False, "options.no_smoker")),
    ),
    Field(key="occupation", kind="text", asked=70),
    Field(
        key="occupation_class",
        kind="count",
        bounds=(1, 4),
        prices="risk",
        may_model_read=False,
        choices={number: f"options.class_{number}" for number in (1, 2, 3, 4)},
        buttons=tuple((number, "") for number in (1, 2, 3, 4)),
        summed_up=False,
    ),
    Field(
        key="marital_status",
        kind="choice",
        prices="need",
        choices={status: f"value.{status}" for status in ("single", "married", "partner", "divorced", "widowed")},
        told_after="existing_cover",
    ),
    Field(
        key="dependents",
        kind="count",
        unit="people",
        bounds=(0, 20),
        prices="need",
        asked=40,
        optional=True,
        none_is_zero=True,
        buttons=((0, "options.nobody"), (1, ""), (2, "")),
    ),
    Field(
        key="monthly_income",
        kind="amount",
        unit="EUR a month",
        bounds=(0, 1_000_000),
        plausible=(0, 7_000),
        prices="need",
        asked=50,
        optional=True,
        none_is_zero=True,
        buttons=((None, "options.skip"),),
    ),
    Field(
        key="mortgage_balance",
        kind="amount",
        unit="EUR",
        bounds=_OWED_OR_OWNED,
        plausible=(_IN_THOUSANDS, _OWED_OR_OWNED[1]),
        prices="need",
        asked=60,
        optional=True,
        none_is_zero=True,
        buttons=((0, "options.no_mortgage"),),
    ),
    Field(
        key="other_debts",
        kind="amount",
        unit="EUR",
        bounds=_OWED_OR_OWNED,
        plausible=(_IN_THOUSANDS, _OWED_OR_OWNED[1]),
        prices="need",
        none_is_zero=True,
    ),
    Field(
        key="savings",
        kind="amount",
        unit="EUR",
        bounds=_INSURED_OR_SAVED,
        plausible=(_IN_THOUSANDS, _INSURED_OR_SAVED[1]),
        prices="need",
        none_is_zero=True,
    ),
    Field(
        key="existing_cover",
        kind="amount",
        unit="EUR",
        bounds=_INSURED_OR_SAVED,
        plausible=(_IN_THOUSANDS, _INSURED_OR_SAVED[1]),
        prices="need",
        none_is_zero=True,
    ),
    Field(
        key="sum_assured",
        kind="amount",
        unit="EUR",
        bounds=(1, 100_000_000),
        plausible=(_IN_THOUSANDS, 100_000_000),
        prices="wish",
        optional=True,
        buttons=((100_000, ""), (150_000, ""), (200_000, "")),
    ),
    Field(
        key="monthly_budget",
        kind="amount",
        unit="EUR a month",
        bounds=(1, 100_000),
        plausible=(1, 400),
        prices="wish",
        optional=True,
        buttons=((None, "options.unknown"),),
    ),
    Field(key="term_years", kind="count", unit="years", bounds=(1, 80), prices="wish", optional=True),
    Field(
        key="email",
        kind="text",
        may_model_read=False,
        mask="[correo]",
        shape=r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+",
        example="an address such as name@example.com",
    ),
    Field(
        key="postal_code",
        kind="text",
        may_model_read=False,
        mask="[código postal]",
        shape=r"[0-9A-Za-z][0-9A-Za-z -]{2,9}",
    ),
)
FIELDS: Mapping[str, Field] = MappingProxyType({field.key: field for field in _TABLE})
"""The table, in the order in which people find the values in forms."""

if TYPE_CHECKING:
    ProfileKey = str
    ReadKey = str
else:
    ProfileKey = Literal[tuple(FIELDS)]
    ReadKey = Literal[tuple(key for key, field in FIELDS.items() if field.may_model_read)]
"""A key, and one that a language model may read: whatever is checked against these knows every row of the table."""


def _in_order_of_telling() -> tuple[str, ...]:
    keys = [key for key, field in FIELDS.items() if not field.told_after]
    for key, field in FIELDS.items():
        if field.told_after:
            keys.insert(keys.index(field.told_after) + 1, key)
    return tuple(keys)


TOLD = _in_order_of_telling()
"""Every key, in the order in which people are told what is known."""
SUMMED_UP = tuple(key for key in TOLD if FIELDS[key].summed_up)
PRICING = tuple(key for key in TOLD if FIELDS[key].prices)
ASKED = tuple(sorted((key for key, field in FIELDS.items() if field.asked), key=lambda key: FIELDS[key].asked))
"""The questions that everybody is asked, in their order."""
OPTIONAL = frozenset(key for key, field in FIELDS.items() if field.optional)
AMOUNTS = tuple(key for key, field in FIELDS.items() if field.kind == "amount")
COUNTED = frozenset(key for key, field in FIELDS.items() if field.kind == "count")
IN_YEARS = frozenset(key for key, field in FIELDS.items() if field.unit == "years")
MASKED = tuple(key for key, field in FIELDS.items() if field.mask)
"""Who somebody is and where they live."""
BALANCES = tuple(key for key, field in FIELDS.items() if field.unit == "EUR" and field.none_is_zero)
"""What is owed or owned: told in several parts, it adds up."""
SIZING = tuple(key for key, field in FIELDS.items() if field.prices == "need" and field.none_is_zero)
"""What the need is reckoned from, by the names that the reckoning has for it."""
NONE_IS_ZERO = (*BALANCES, *(key for key, field in FIELDS.items() if field.none_is_zero and key not in BALANCES))


def years_between(born: date, day: date) -> int:
    """Completed years of life."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def age_from(written: Any, day: date, otherwise: int | None = None) -> int | None:
    """The age on that day of somebody born on that ISO date; `otherwise` when it is no date."""
    try:
        return years_between(date.fromisoformat(str(written)), day)
    except ValueError:
        return otherwise


def is_plausible(key: str, value: Any, today: date) -> bool:
    """Whether a value is of its key's kind and within what life allows."""
    field = FIELDS.get(key)
    if field is not None and field.bounds is not None:
        kinds = int if field.kind == "count" else (int, float)
        least, most = field.bounds
        return isinstance(value, kinds) and not isinstance(value, bool) and least <= value <= most
    match field.kind if field else "text":
        case "date":
            years = age_from(value, today)
            return years is not None and 0 <= years <= _OLDEST
        case "yes_or_no":
            return isinstance(value, bool)
        case "choice":
            return isinstance(value, str) and value in FIELDS[key].choices
    return isinstance(value, str) and bool(value.strip())


def is_well_formed(key: str, text: str) -> bool:
    """Whether a text has the shape of its key's values."""
    shape = FIELDS[key].shape or "|".join(FIELDS[key].choices if FIELDS[key].kind == "choice" else ())
    return not shape or bool(re.fullmatch(shape, text))


def expected(key: str) -> str:
    """What a value must be, for people."""
    field = FIELDS[key]
    if field.bounds:
        return f"a number from {field.bounds[0]} to {field.bounds[1]}"
    if field.kind == "choice":
        return f"one of {', '.join(sorted(field.choices))}"
    return field.example or ("true or false" if field.kind == "yes_or_no" else "a text that is not empty")
