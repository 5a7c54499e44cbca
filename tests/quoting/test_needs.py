"""How much cover a household needs."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from src.quoting import Catalogue, size_need


def test_the_need_and_its_parts_add_up() -> None:
    need = size_need(
        monthly_income=2_000,
        mortgage_balance=90_000,
        other_debts=6_000,
        dependents=1,
        savings=10_000,
        existing_cover=30_000,
    )
    assert msgspec.structs.asdict(need.parts) == {
        "debts": 6_000,
        "mortgage": 90_000,
        "income": 168_000,  # 24,000 a year x 70 % x 10 years
        "education": 15_000,
        "savings": -10_000,
        "existing_cover": -30_000,
    }
    assert need.capital == need.parts.total() == need.sum_assured == 239_000
    assert need.rule_of_thumb == (120_000, 240_000)
    assert not need.capped


@pytest.mark.parametrize(
    ("facts", "years"),
    [({}, 0), ({"partner": True}, 5), ({"dependents": 2}, 10), ({"dependents": 2, "years": 18}, 18)],
)
def test_the_years_follow_from_who_depends_on_the_income(facts: dict, years: int) -> None:
    need = size_need(monthly_income=1_000, **facts)
    assert need.years == years
    assert need.parts.income == 8_400 * years


def test_the_capital_is_rounded_up_to_thousands() -> None:
    assert size_need(mortgage_balance=Decimal("100000.40")).capital == 100_000
    assert size_need(mortgage_balance=100_000.5).capital == 101_000


def test_dependants_who_are_no_children_need_no_education() -> None:
    assert size_need(dependents=2, children=0).parts.education == 0
    assert size_need(dependents=2).parts.education == 30_000


def test_enough_savings_leave_no_need_but_the_least_sum_can_be_quoted(catalogue: Catalogue) -> None:
    need = size_need(monthly_income=1_500, savings=1_000_000, dependents=1, catalogue=catalogue)
    assert (need.capital, need.sum_assured, need.capped) == (0, 20_000, False)


def test_a_need_above_medical_selection_is_capped_and_says_so() -> None:
    need = size_need(monthly_income=4_000, mortgage_balance=200_000, dependents=2)
    assert need.capital == 566_000
    assert (need.sum_assured, need.capped) == (300_000, True)


def test_json_has_plain_values() -> None:
    need = size_need(monthly_income=1_000, partner=True)
    assert need.to_json() == {
        "capital": 42_000,
        "sum_assured": 42_000,
        "capped": False,
        "parts": {"debts": 0, "mortgage": 0, "income": 42_000, "education": 0, "savings": 0, "existing_cover": 0},
        "income_share": 0.7,
        "years": 5,
        "rule_of_thumb": [60_000, 120_000],
    }
