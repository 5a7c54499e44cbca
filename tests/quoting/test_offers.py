"""Limits, tiers, budgets, the quote object of the contract, and its explanation."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest

from src.errors import DamagedCatalogue
from src.quoting import QUOTE_COLUMNS, Applicant, Catalogue, Offer, Refusal, actuarial_age, explain, quote_rows, stored
from tests.quoting.conftest import TODAY

APPLICANT = Applicant(35, smoker=False, occupation_class=1)
DEATH = ("death",)
DISABILITY = ("death", "permanent_disability")


def offer(catalogue: Catalogue, product: str = "renewable_term", **changes) -> Offer:
    asked = {"applicant": APPLICANT, "sum_assured": 150_000, "coverages": DEATH, "on": TODAY} | changes
    result = catalogue.offer(product=product, **asked)
    assert isinstance(result, Offer), result
    return result


@pytest.mark.parametrize(
    ("applicant", "sum_assured", "refusal"),
    [
        (Applicant(17, False, 1), 150_000, Refusal("under_age", 18)),
        (Applicant(66, False, 1), 150_000, Refusal("over_age", 65)),
        (Applicant(35, False, 4), 150_000, Refusal("occupation_refer", 3)),
        (Applicant(35, False, 1, risky_sport=True), 150_000, Refusal("sport_refer")),
        (APPLICANT, 19_999, Refusal("sum_too_low", 20_000)),
        (APPLICANT, 300_001, Refusal("medical_selection", 300_000)),
        (APPLICANT, 1_000_000, Refusal("medical_selection", 300_000)),
        (APPLICANT, 1_000_001, Refusal("sum_too_high", 1_000_000)),
        (Applicant(17, False, 4), 1, Refusal("under_age", 18)),
    ],
)
def test_refusals_name_the_limit(catalogue: Catalogue, applicant: Applicant, sum_assured: int, refusal: Refusal) -> None:
    assert catalogue.offer(applicant, "renewable_term", sum_assured, DEATH, TODAY) == refusal
    assert catalogue.proposal(applicant, sum_assured, TODAY) == refusal
    assert catalogue.fit_budget(applicant, sum_assured, Decimal(20), TODAY) == refusal


@pytest.mark.parametrize(("age", "sum_assured"), [(18, 20_000), (65, 300_000)])
@pytest.mark.parametrize("product", ["renewable_term", "level_term", "mortgage_term", "whole_life"])
def test_the_limits_themselves_are_insurable(catalogue: Catalogue, product: str, age: int, sum_assured: int) -> None:
    assert offer(catalogue, product, applicant=Applicant(age, True, 3), sum_assured=sum_assured).annual_premium > 0


@pytest.mark.parametrize(
    ("code", "human"),
    [
        ("medical_selection", True),
        ("occupation_refer", True),
        ("sport_refer", True),
        ("under_age", False),
        ("budget_too_low", False),
    ],
)
def test_some_refusals_are_for_a_human_to_decide(code: str, human: bool) -> None:
    assert Refusal(code).refer_to_human is human


@pytest.mark.parametrize(
    ("product", "age", "term_years", "expected"),
    [
        ("level_term", 40, 31, Refusal("cover_ends_over_age", 70)),
        ("level_term", 40, 30, 30),
        ("level_term", 40, 4, Refusal("term_too_short", 5)),
        ("level_term", 40, 22, 22),
        ("level_term", 40, None, 25),
        ("level_term", 60, None, 5),
        ("level_term", 61, None, 9),
        ("mortgage_term", 65, None, 5),
        ("renewable_term", 40, 30, 1),
        ("renewable_term", 40, 31, Refusal("cover_ends_over_age", 70)),
        ("whole_life", 40, 10, 81),
    ],
)
def test_terms(catalogue: Catalogue, product: str, age: int, term_years: int | None, expected: int | Refusal) -> None:
    result = catalogue.offer(Applicant(age, False, 1), product, 100_000, DEATH, TODAY, term_years=term_years)
    if isinstance(expected, Refusal):
        assert result == expected
    else:
        assert isinstance(result, Offer)
        assert result.term_years == expected == len(result.working.course)


@pytest.mark.parametrize(
    ("product", "coverages"), [("car", DEATH), ("level_term", ("death", "theft")), ("level_term", ()), ("", DEATH)]
)
def test_what_does_not_exist_is_the_callers_mistake(catalogue: Catalogue, product: str, coverages: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"no product|is death and any of"):
        catalogue.offer(APPLICANT, product, 150_000, coverages, TODAY)


def test_the_proposal_holds_three_tiers_of_growing_cover(catalogue: Catalogue) -> None:
    offers = catalogue.proposal(APPLICANT, 150_000, TODAY)
    assert not isinstance(offers, Refusal)
    assert [(found.tier, found.product, found.sum_assured) for found in offers] == [
        ("esencial", "renewable_term", 150_000),
        ("equilibrada", "renewable_term", 150_000),
        ("completa", "renewable_term", 150_000),
    ]
    assert [str(found.annual_premium) for found in offers[:2]] == ["85.39", "142.63"]
    assert offers[2].coverages == ("death", "permanent_disability", "accidental_death", "critical_illness")
    assert all(set(lesser.exclusions) < set(fuller.exclusions) for lesser, fuller in pairwise(offers))


def test_a_wanted_term_makes_it_a_level_premium(catalogue: Catalogue) -> None:
    offers = catalogue.proposal(APPLICANT, 150_000, TODAY, term_years=20)
    assert not isinstance(offers, Refusal)
    assert {(found.product, found.term_years) for found in offers} == {("level_term", 20)}
    mortgage = catalogue.proposal(APPLICANT, 150_000, TODAY, product="mortgage_term", term_years=22)
    assert not isinstance(mortgage, Refusal)
    assert {(found.product, found.term_years) for found in mortgage} == {("mortgage_term", 22)}


def test_riders_are_added_to_and_left_out_of_every_tier(catalogue: Catalogue) -> None:
    def covers(**riders: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
        offers = catalogue.proposal(APPLICANT, 150_000, TODAY, **riders)  # type: ignore[arg-type]
        assert not isinstance(offers, Refusal)
        assert all(catalogue.reprice(stored(offer)) == offer for offer in offers)
        return [(offer.tier, offer.coverages) for offer in offers]

    fullest = ("death", "permanent_disability", "accidental_death", "critical_illness")
    assert covers(added=("premium_waiver",)) == [
        ("esencial", ("death", "premium_waiver")),
        ("equilibrada", ("death", "permanent_disability", "premium_waiver")),
        ("completa", (*fullest, "premium_waiver")),
    ]
    assert covers(dropped=("accidental_death", "death")) == [
        ("esencial", ("death",)),
        ("equilibrada", ("death", "permanent_disability")),
        ("completa", ("death", "permanent_disability", "critical_illness")),
    ]
    assert covers(added=("permanent_disability", "no_such_cover")) == [
        ("equilibrada", ("death", "permanent_disability")),
        ("completa", fullest),
    ]


def summary(answer: tuple[Offer, ...] | Refusal) -> list[tuple[str, int, int, tuple[str, ...]]]:
    assert not isinstance(answer, Refusal)
    return [(found.tier, found.sum_assured, found.term_years, found.levers) for found in answer]


def test_a_budget_that_fits_everything_pulls_no_lever(catalogue: Catalogue) -> None:
    answer = catalogue.fit_budget(APPLICANT, 150_000, Decimal("20.12"), TODAY)
    assert answer == catalogue.proposal(APPLICANT, 150_000, TODAY)


def test_a_tight_budget_takes_covers_or_capital_away(catalogue: Catalogue) -> None:
    assert summary(catalogue.fit_budget(APPLICANT, 150_000, Decimal(20), TODAY)) == [
        ("esencial", 150_000, 1, ("fewer_covers",)),
        ("equilibrada", 150_000, 1, ("fewer_covers",)),
        ("completa", 148_000, 1, ("lower_capital",)),
    ]
    assert summary(catalogue.fit_budget(APPLICANT, 150_000, Decimal(5), TODAY)) == [
        ("esencial", 79_000, 1, ("lower_capital",)),
        ("equilibrada", 39_000, 1, ("lower_capital",)),
    ]


def test_the_wanted_cover_is_the_most_a_budget_is_fitted_with(catalogue: Catalogue) -> None:
    answer = catalogue.fit_budget(APPLICANT, 150_000, Decimal(10), TODAY, coverages=DISABILITY)
    assert [(found.tier, found.levers) for found in answer] == [
        ("esencial", ("fewer_covers",)),
        ("equilibrada", ("lower_capital",)),
    ]


def test_a_wanted_cover_that_is_no_tier_is_fitted_as_well(catalogue: Catalogue) -> None:
    wanted = ("death", "accidental_death")
    answer = catalogue.fit_budget(APPLICANT, 150_000, Decimal(9), TODAY, coverages=wanted)
    assert [(found.coverages, found.levers) for found in answer] == [
        (DEATH, ("fewer_covers",)),
        (wanted, ("lower_capital",)),
    ]


def test_a_loan_keeps_its_term_whatever_the_budget(catalogue: Catalogue) -> None:
    answer = catalogue.fit_budget(APPLICANT, 150_000, Decimal(14), TODAY, product="mortgage_term", term_years=30)
    assert {found.term_years for found in answer} == {30}
    assert {found.levers for found in answer} == {("lower_capital",)}


def test_a_level_premium_can_also_be_fitted_by_its_term(catalogue: Catalogue) -> None:
    answer = catalogue.fit_budget(APPLICANT, 150_000, Decimal(25), TODAY, term_years=30)
    assert [levers for *_, levers in summary(answer)] == [("lower_capital",), ("shorter_term",), ("lower_capital",)]
    assert answer[1].term_years < 30
    assert answer[1].sum_assured == 150_000


def test_a_budget_below_every_price_is_refused_with_the_least_price(catalogue: Catalogue) -> None:
    least = offer(catalogue, sum_assured=20_000).monthly_premium
    assert summary(catalogue.fit_budget(APPLICANT, 20_000, float(least), TODAY))[0][0] == "esencial"
    assert catalogue.fit_budget(APPLICANT, 150_000, Decimal(1), TODAY) == Refusal("budget_too_low", least)
    assert summary(catalogue.fit_budget(APPLICANT, 150_000, least, TODAY)) == [("esencial", 20_000, 1, ("lower_capital",))]
    assert catalogue.fit_budget(APPLICANT, 20_000, Decimal(1), TODAY) == Refusal("budget_too_low", least)


def test_the_quote_object_is_the_contracts(catalogue: Catalogue) -> None:
    quote = stored(offer(catalogue)).to_json()
    assert msgspec.json.decode(msgspec.json.encode(quote)) == quote
    promised = {
        "tier": "esencial",
        "product": "renewable_term",
        "sum_assured": 150_000,
        "coverages": ["death"],
        "monthly_premium": 7.33,
        "annual_premium": 85.39,
        "currency": "EUR",
        "tariff": "2026.1",
        "valid_until": "2026-12-20",
    }
    assert promised.items() <= quote.items()
    assert [set(point) >= {"year", "annual_premium"} for point in quote["projection"]] == [True, True]
    assert isinstance(quote["id"], str)


def test_an_offer_of_today_is_the_same_for_ever(catalogue: Catalogue) -> None:
    """Ids are in buttons and stores, hashes in files: neither may change for a published tariff."""
    quote = stored(offer(catalogue, "level_term", coverages=DISABILITY, term_years=30)).to_json()
    assert quote["id"] == "e7c9bfb85a5a"
    assert quote["working_sha256"] == "890e42ac9c071cf9b3f0ea196acfbdd010f5d971d5aab4b681ed26fbbe1b02c8"


def test_a_stored_quote_is_priced_again_by_its_own_tariff(catalogue: Catalogue) -> None:
    fitted = catalogue.fit_budget(APPLICANT, 150_000, Decimal(5), TODAY)
    assert not isinstance(fitted, Refusal)
    for found in fitted:
        assert catalogue.reprice(stored(found)) == found
    unknown = msgspec.structs.replace(stored(found), tariff="1999.1")
    with pytest.raises(DamagedCatalogue, match="1999"):
        catalogue.reprice(unknown)
    impossible = msgspec.structs.replace(stored(found), sum_assured=1)
    assert catalogue.reprice(impossible) == Refusal("sum_too_low", 20_000)


def test_the_explanation_holds_every_step(catalogue: Catalogue) -> None:
    lines = explain(offer(catalogue, coverages=DISABILITY, applicant=Applicant(35, True, 1)))
    text = "\n".join(lines)
    for figure in (
        "0.0002504764",  # the table's rate
        "0.0004383337",  # times 1.75 for the smoker
        "0.9903903155",  # half a year's discount
        "18.00",
        "0.65",
        "127.87",
        "71.54",
        "0.45",
        "199.86",
        "17.16",
        "tariff 2026.1",
    ):
        assert figure in text
    assert "age 35, smoker, occupation class 1" in text
    assert "after 5 years: 314.72 a year" in text
    assert sum(line.startswith("year ") for line in lines) == 1


def test_rows_for_a_table_show_every_product_and_its_refusals(catalogue: Catalogue) -> None:
    rows = quote_rows(catalogue, APPLICANT, 150_000, TODAY)
    assert len(rows) == 12
    assert all(tuple(row) == QUOTE_COLUMNS for row in rows)
    first = next(row for row in rows if (row["product"], row["tier"]) == ("renewable_term", "esencial"))
    assert first == {
        "product": "renewable_term",
        "tier": "esencial",
        "sum_assured": "150000",
        "term_years": "1",
        "monthly": "7.33",
        "annual": "85.39",
        "in_5_years": "123.68",
        "in_10_years": "223.08",
        "note": "",
    }
    refused = quote_rows(catalogue, Applicant(50, False, 1), 150_000, TODAY, term_years=25)
    assert [row["note"] for row in refused].count("cover_ends_over_age (70)") == 3
    sport = quote_rows(catalogue, Applicant(50, False, 1, risky_sport=True), 150_000, TODAY)
    assert {row["note"] for row in sport} == {"sport_refer"}


@pytest.mark.parametrize(
    ("born", "on", "age"),
    [
        ("1991-11-20", "2026-11-20", 35),
        ("1991-05-20", "2026-11-18", 35),  # 182 days after a birthday, 183 before the next
        ("1991-05-20", "2026-11-19", 36),
        ("1992-02-29", "2027-02-28", 35),
        ("1992-02-29", "2027-08-30", 35),
        ("1992-02-29", "2027-08-31", 36),
        ("2026-11-20", "2026-11-20", 0),
        ("1991-11-21", "2026-11-20", 35),
        ("1991-11-19", "2026-11-20", 35),
    ],
)
def test_actuarial_age_is_that_of_the_nearest_birthday(born: str, on: str, age: int) -> None:
    assert actuarial_age(date.fromisoformat(born), date.fromisoformat(on)) == age


def test_at_equal_distance_the_coming_birthday_counts() -> None:
    """In the 366 days before a birthday that follows a leap day, the middle is as far from the one as from the other."""
    born, middle = date(1990, 1, 1), date(2028, 7, 2)
    assert middle - date(2028, 1, 1) == date(2029, 1, 1) - middle
    assert actuarial_age(born, middle) == 39


def test_the_sold_words_are_spanish_and_there(catalogue: Catalogue) -> None:
    for product in catalogue.book.products.values():
        assert product.name
        assert product.summary
        assert product.excluded
    for cover in catalogue.book.coverages.values():
        assert cover.name
        assert cover.covers
        assert cover.excluded
