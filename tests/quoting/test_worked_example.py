"""The published figures to the cent, and every product against an independent calculation in floating point."""

from __future__ import annotations

import csv
import math
from decimal import Decimal

import pytest

from src.quoting import Applicant, Catalogue, Offer
from src.quoting.products import PACKAGE
from tests.quoting.conftest import TODAY

DEATH = ("death",)
DISABILITY = ("death", "permanent_disability")
ACCIDENT = ("death", "permanent_disability", "accidental_death")
FULL = ("death", "permanent_disability", "accidental_death", "critical_illness", "premium_waiver")


def offer(catalogue: Catalogue, applicant: Applicant, product: str, *args, **kwargs) -> Offer:
    result = catalogue.offer(applicant, product, *args, **kwargs)
    assert isinstance(result, Offer), result
    return result


@pytest.mark.parametrize(
    ("age", "smoker", "coverages", "annual", "monthly"),
    [
        (35, False, DEATH, "85.39", "7.33"),
        (35, False, DISABILITY, "142.63", "12.24"),
        (35, False, ACCIDENT, "172.58", "14.81"),
        (35, True, DISABILITY, "199.86", "17.16"),
        (45, False, DISABILITY, "417.93", None),
        (55, False, DISABILITY, "1295.02", None),
        (64, False, DISABILITY, "2577.34", None),
    ],
)
def test_renewable_term_gives_the_published_premium(
    catalogue: Catalogue, age: int, smoker: bool, coverages: tuple[str, ...], annual: str, monthly: str | None
) -> None:
    result = offer(catalogue, Applicant(age, smoker, 1), "renewable_term", 150_000, coverages, TODAY)
    assert result.annual_premium == Decimal(annual)
    if monthly:
        assert result.monthly_premium == Decimal(monthly)


@pytest.mark.parametrize(("coverages", "annual"), [(DEATH, "431.90"), (DISABILITY, "824.49")])
def test_level_term_to_65_gives_the_published_premium(catalogue: Catalogue, coverages: tuple[str, ...], annual: str) -> None:
    by_default = offer(catalogue, Applicant(35, False, 1), "level_term", 150_000, coverages, TODAY)
    by_years = offer(catalogue, Applicant(35, False, 1), "level_term", 150_000, coverages, TODAY, term_years=30)
    assert by_default == by_years
    assert by_default.annual_premium == Decimal(annual)
    assert by_default.cover_to_age == 65


def test_renewal_costs_what_the_older_applicant_pays_today(catalogue: Catalogue) -> None:
    now = offer(catalogue, Applicant(35, False, 1), "renewable_term", 150_000, DISABILITY, TODAY)
    later = offer(catalogue, Applicant(45, False, 1), "renewable_term", 150_000, DISABILITY, TODAY)
    assert [point.year for point in now.projection] == [5, 10]
    assert (now.projection[1].annual_premium, now.projection[1].monthly_premium) == (
        later.annual_premium,
        later.monthly_premium,
    )


def _table(column: str) -> list[float]:
    with (PACKAGE / "mortality" / "pasem2020.csv").open() as lines:
        rates = [float(row[column]) for row in csv.DictReader(lines)]
    for age in range(19, len(rates)):
        rates[age] = max(rates[age], rates[age - 1])
    return rates


@pytest.mark.parametrize("product", ["renewable_term", "level_term", "mortgage_term", "whole_life"])
@pytest.mark.parametrize(
    ("age", "smoker", "occupation_class"), [(18, False, 1), (29, True, 3), (41, False, 2), (60, True, 1), (65, True, 3)]
)
def test_every_cover_agrees_with_an_independent_calculation(
    catalogue: Catalogue, product: str, age: int, smoker: bool, occupation_class: int
) -> None:
    capital, v = 130_000, 1 / 1.0195
    years = {"renewable_term": 1, "whole_life": 121 - age}.get(product, 5)
    table = _table("q1_rel_unisex5050" if product == "mortgage_term" else "q1_norel_unisex5050")
    class_factor = {1: 1.0, 2: 1.15, 3: 1.35}[occupation_class]
    sums = dict.fromkeys(("death", "permanent_disability", "accidental_death", "critical_illness", "annuity"), 0.0)
    all_annuity, insured = 0.0, 1.0
    for t in range(years):
        base = table[age + t] * class_factor
        q = min(1.0, base * (1.75 if smoker else 1))
        balance = capital
        if product == "mortgage_term":  # what is owed after t yearly instalments
            instalment = capital * 0.03 / (1 - 1.03**-years)
            balance = capital * 1.03**t - instalment * (1.03**t - 1) / 0.03
        paid = insured * v**t
        half = math.sqrt(v)
        sums["death"] += paid * half * balance * q
        all_annuity += paid
        i = 0.0
        if age + t < 70:
            i = base * (1.25 if smoker else 1)
            sums["permanent_disability"] += paid * half * balance * i * (1 - q / 2)
            sums["critical_illness"] += paid * half * min(balance, 75_000) * base * 2 * (1.5 if smoker else 1) * (1 - q / 2)
            sums["accidental_death"] += paid * balance * 0.00012 * class_factor
            sums["annuity"] += paid
        insured *= (1 - q) * (1 - i)
    expected = {name: sums[name] / sums["annuity"] / 0.65 for name in sums if name not in ("death", "annuity")}
    expected["death"] = (sums["death"] / all_annuity + 18) / 0.65
    expected["premium_waiver"] = sum(expected.values()) * 0.03 * class_factor

    result = offer(catalogue, Applicant(age, smoker, occupation_class), product, capital, FULL, TODAY, term_years=years)

    found = {line.name: line for line in result.working.lines}
    for name, premium in expected.items():
        assert float(found[name].premium) == pytest.approx(premium, abs=0.0051)
        tax = 0.0815 if name in ("accidental_death", "critical_illness", "premium_waiver") else 0
        assert float(found[name].annual) == pytest.approx(premium * (1 + tax), abs=0.017)
        assert float(found[name].monthly) == pytest.approx(premium * (1 + tax) * 1.03 / 12, abs=0.0066)
    assert float(found["consorcio"].annual) == pytest.approx(0.39)


def test_half_a_cent_is_rounded_up(catalogue: Catalogue) -> None:
    """0.003 per mille of 35,000 is 10.5 cents: half to even would make it 10."""
    result = offer(catalogue, Applicant(35, False, 1), "renewable_term", 35_000, DEATH, TODAY)
    assert result.working.lines[-1].annual == Decimal("0.11")


def test_whole_life_stops_charging_for_add_ons_when_they_end(catalogue: Catalogue) -> None:
    result = offer(catalogue, Applicant(65, False, 1), "whole_life", 50_000, FULL, TODAY)
    death_only = offer(catalogue, Applicant(65, False, 1), "whole_life", 50_000, DEATH, TODAY)
    in_five_years = result.projection[0].annual_premium
    assert in_five_years < result.annual_premium
    assert in_five_years == result.working.lines[0].annual + result.working.lines[-1].annual
    assert death_only.projection[0].annual_premium == death_only.annual_premium


def test_a_mortgage_cover_falls_with_the_loan(catalogue: Catalogue) -> None:
    result = offer(catalogue, Applicant(40, False, 1), "mortgage_term", 120_000, DEATH, TODAY, term_years=20)
    capitals = [year.capital for year in result.working.course]
    assert capitals[0] == 120_000
    assert capitals == sorted(capitals, reverse=True)
    instalment = 120_000 * 0.03 / (1 - 1.03**-20)
    assert float(capitals[-1]) * 1.03 == pytest.approx(instalment)
    level = offer(catalogue, Applicant(40, False, 1), "level_term", 120_000, DEATH, TODAY, term_years=20)
    assert result.annual_premium < level.annual_premium
    assert [point.year for point in result.projection] == [5, 10]
    for point in result.projection:
        levy = (result.working.course[point.year].capital * 3 / 1_000_000).quantize(Decimal("0.01"))
        assert point.annual_premium == result.working.lines[0].annual + levy
        assert point.annual_premium < result.annual_premium
