"""How much cover a household needs, and how that was reckoned."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from src.quoting.offers import Catalogue, load_catalogue


class Parts(msgspec.Struct, frozen=True):
    """What a need is made of, in whole EUR; `savings` and `existing_cover` are negative."""

    debts: int
    mortgage: int
    income: int
    education: int
    savings: int
    existing_cover: int

    def total(self) -> int:
        """Their sum."""
        return sum(msgspec.structs.astuple(self))


class Need(msgspec.Struct, frozen=True):
    """The capital that closes the gap, in whole EUR, and its parts. It is kept with the conversation as it is.

    `capital` is the sum of the parts, rounded up, never below 0. `sum_assured` is the capital that can be quoted without a
    human: `capital` kept between the least sum and the limit of medical selection; `capped` says that the need is above it.
    `rule_of_thumb` is 5 to 10 times the yearly income, for comparison.
    """

    capital: int
    sum_assured: int
    capped: bool
    parts: Parts
    income_share: Decimal
    years: int
    rule_of_thumb: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values by the field names."""
        return {
            "capital": self.capital,
            "sum_assured": self.sum_assured,
            "capped": self.capped,
            "parts": msgspec.structs.asdict(self.parts),
            "income_share": float(self.income_share),
            "years": self.years,
            "rule_of_thumb": list(self.rule_of_thumb),
        }


def size_need(
    *,
    monthly_income: int | float | Decimal = 0,
    mortgage_balance: int | float | Decimal = 0,
    other_debts: int | float | Decimal = 0,
    dependents: int = 0,
    savings: int | float | Decimal = 0,
    existing_cover: int | float | Decimal = 0,
    partner: bool = False,
    children: int | None = None,
    years: int | None = None,
    catalogue: Catalogue | None = None,
) -> Need:
    """Debts and mortgage + income x share x years + education per child - savings - existing cover.

    Amounts in EUR; what is not known is 0. `children` is by default `dependents`; `years` to protect follow from whether
    anybody depends on the income, unless given. Shares and years are the tariff's.
    """
    tariff = (catalogue or load_catalogue()).book.tariff
    needs, limits = tariff.needs, tariff.limits
    if years is None:
        years = needs.years_alone
        if partner:
            years = needs.years_with_partner_only
        if dependents:
            years = needs.years_with_dependants
    yearly_income = _euros(monthly_income) * 12
    parts = Parts(
        debts=_euros(other_debts),
        mortgage=_euros(mortgage_balance),
        income=_euros(yearly_income * needs.income_share * years),
        education=needs.education_per_child * (dependents if children is None else children),
        savings=-_euros(savings),
        existing_cover=-_euros(existing_cover),
    )
    capital = max(0, -(-parts.total() // needs.rounding) * needs.rounding)
    return Need(
        capital=capital,
        sum_assured=min(max(capital, limits.sum_min), limits.sum_without_medical_selection),
        capped=capital > limits.sum_without_medical_selection,
        parts=parts,
        income_share=needs.income_share,
        years=years,
        rule_of_thumb=(
            yearly_income * needs.rule_of_thumb_low_years,
            yearly_income * needs.rule_of_thumb_high_years,
        ),
    )


def _euros(amount: float | Decimal) -> int:
    return int(Decimal(str(amount)).to_integral_value(rounding=ROUND_HALF_UP))
