"""An offer in words for people who check it: every step with its figures, and rows for a table."""

from __future__ import annotations

from src.quoting.offers import Offer


def explain(offer: Offer) -> tuple[str, ...]:
    """Every step of the price with its figures, one line each."""
    return tuple(
        f"{line.name}: ({line.benefits:f} / {line.annuity:f} + {line.expense}) / {line.net_share} = {line.premium}"
        f" + tax {line.insurance_tax} + levy {line.lea_levy} = {line.annual} a year, {line.monthly} a month"
        for line in offer.working.lines
    )


def table_rows(offers: tuple[Offer, ...]) -> list[dict[str, str]]:
    """One row of texts for each offer, for a printed table."""
    return [
        {
            "tier": offer.tier,
            "product": offer.product_name,
            "capital": f"{offer.sum_assured:,}",
            "monthly": str(offer.monthly_premium),
            "annual": str(offer.annual_premium),
        }
        for offer in offers
    ]
