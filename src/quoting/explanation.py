"""An offer for people who check it: every step with its figures, and rows for a printed table."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from src.quoting.engine import Applicant, ReceiptLine, Working, Year
from src.quoting.offers import Catalogue, Offer, Refusal

QUOTE_COLUMNS = ("product", "tier", "sum_assured", "term_years", "monthly", "annual", "in_5_years", "in_10_years", "note")


def explain(offer: Offer) -> tuple[str, ...]:
    """Every step of the price, one line each, from the table's rates to the receipt; amounts in the offer's currency."""
    working, who = offer.working, offer.applicant
    smoker = "smoker" if who.smoker else "non-smoker"
    return (
        f"{offer.product} ({offer.product_name}), {offer.sum_assured} {offer.currency}, {offer.term_years} years",
        f"age {who.age}, {smoker}, occupation class {who.occupation_class}, on {offer.quoted_on}",
        f"tariff {offer.tariff}, SHA-256 {offer.tariff_sha256}",
        f"technical rate {working.technical_rate}: half a year is discounted by {_figure(working.discount_half_year)}",
        *(_year(number, year) for number, year in enumerate(working.course, start=1)),
        *(_line(line, working) for line in working.lines),
        f"premium: {' + '.join(str(line.annual) for line in working.lines)} = {offer.annual_premium} a year",
        f"premium: {' + '.join(str(line.monthly) for line in working.lines)} = {offer.monthly_premium} a month",
        *(
            f"after {point.year} years: {point.annual_premium} a year, {point.monthly_premium} a month"
            for point in offer.projection
        ),
    )


def quote_rows(
    catalogue: Catalogue, applicant: Applicant, sum_assured: int, on: date, *, term_years: int | None = None
) -> list[dict[str, str]]:
    """Every product in every tier for that applicant: one row of texts under `QUOTE_COLUMNS`, refusals in `note`."""
    rows = []
    for product in catalogue.book.products:
        offers = catalogue.proposal(applicant, sum_assured, on, product=product, term_years=term_years)
        if isinstance(offers, Refusal):
            limit = "" if offers.limit is None else f" ({offers.limit})"
            rows.append(_row(product=product, sum_assured=str(sum_assured), note=f"{offers.code}{limit}"))
            continue
        for offer in offers:
            later = {point.year: str(point.annual_premium) for point in offer.projection}
            rows.append(
                _row(
                    product=product,
                    tier=offer.tier,
                    sum_assured=str(offer.sum_assured),
                    term_years=str(offer.term_years),
                    monthly=str(offer.monthly_premium),
                    annual=str(offer.annual_premium),
                    in_5_years=later.get(5, ""),
                    in_10_years=later.get(10, ""),
                )
            )
    return rows


def _row(**cells: str) -> dict[str, str]:
    return {column: cells.get(column, "") for column in QUOTE_COLUMNS}


def _year(number: int, year: Year) -> str:
    return (
        f"year {number}, age {year.age}: insured {_figure(year.insured)}, discount {_figure(year.discount)}, "
        f"capital {_figure(year.capital)}, table rate {_figure(year.table_rate)}, "
        f"death rate {_figure(year.death_rate)}, disability rate {_figure(year.disability_rate)}"
    )


def _line(line: ReceiptLine, working: Working) -> str:
    return (
        f"{line.name}, factor {_figure(line.factor)}, {line.years} years: "
        f"({_figure(line.benefits)} / {_figure(line.annuity)} + {line.expense}) / {line.net_share} = {line.premium}; "
        f"+ insurance tax {line.insurance_tax} + LEA levy {line.lea_levy} = {line.annual} a year; "
        f"* (1 + {working.monthly_surcharge}) / 12 = {line.monthly} a month"
    )


def _figure(value: Decimal) -> str:
    """Up to ten decimals, as the table has them."""
    return f"{value:.10f}".rstrip("0").rstrip(".")
