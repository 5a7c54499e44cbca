"""How many offers a second one core prices: `python -m bench.quoting` prints a table, then the same as JSON.

Every offer is asked with another risk and capital, so nothing can be answered from memory. The floor beside each row is the
bare formula (the same sums in `Decimal`, nothing kept, no receipt, no words) in the same run; the ratio is what the
engine keeps of it and depends little on the machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from src.quoting import Applicant, Catalogue, Offer, load_catalogue

ON = date(2026, 11, 20)
TARGET_OFFERS_PER_S = 2000
SECONDS_PER_ROW = 0.5


def main() -> None:
    """Measure every product in every tier, and the three tiers of a proposal together."""
    catalogue = load_catalogue()
    rows = []
    for product in catalogue.book.products:
        for tier in catalogue.book.tariff.tiers:
            offers_per_s = rate(lambda turn, p=product, c=tier.coverages: price(catalogue, p, c, turn))
            floor_per_s = rate(lambda turn, p=product, c=tier.coverages: bare_formula(catalogue, p, c, turn))
            rows.append(
                {
                    "product": product,
                    "tier": tier.name,
                    "offers_per_s": round(offers_per_s),
                    "floor_per_s": round(floor_per_s),
                    "ratio": round(offers_per_s / floor_per_s, 2),
                }
            )
    proposals_per_s = rate(lambda turn: catalogue.proposal(applicant(turn), capital(turn), ON))
    slowest = min(row["offers_per_s"] for row in rows)
    print(f"{'product':<16}{'tier':<14}{'offers/s':>10}{'floor/s':>10}{'ratio':>8}")
    for row in rows:
        print(f"{row['product']:<16}{row['tier']:<14}{row['offers_per_s']:>10}{row['floor_per_s']:>10}{row['ratio']:>8}")
    print(f"whole proposals of three offers: {proposals_per_s:.0f}/s")
    print(f"slowest row {slowest}/s; the target is {TARGET_OFFERS_PER_S}/s on one core")
    print(json.dumps({"rows": rows, "proposals_per_s": round(proposals_per_s), "target_offers_per_s": TARGET_OFFERS_PER_S}))


def rate(work: Callable[[int], object]) -> float:
    """Runs a second of processor time, over half a second of it."""
    turn, start = 0, time.process_time()
    while (spent := time.process_time() - start) < SECONDS_PER_ROW:
        work(turn)
        turn += 1
    return turn / spent


def applicant(turn: int) -> Applicant:
    return Applicant(18 + turn % 48, smoker=turn % 2 == 0, occupation_class=1 + turn % 3)


def capital(turn: int) -> int:
    return 20_000 + turn * 37 % 280_000


def price(catalogue: Catalogue, product: str, coverages: tuple[str, ...], turn: int) -> Offer:
    offer = catalogue.offer(applicant(turn), product, capital(turn), coverages, ON)
    assert isinstance(offer, Offer)
    return offer


def bare_formula(catalogue: Catalogue, product: str, coverages: tuple[str, ...], turn: int) -> list[Decimal]:
    """Benefits over annuity of each cover, with one rate for all: no less can be computed for a price."""
    who, amount = applicant(turn), Decimal(capital(turn))
    rates = catalogue.book.rates[catalogue.book.products[product].table]
    years = {"year": 1, "term": max(5, 65 - who.age), "life": 121 - who.age}[catalogue.book.products[product].duration]
    v = 1 / (1 + catalogue.book.tariff.interest.technical_rate)
    premiums = []
    for _ in coverages:
        benefits = annuity = Decimal(0)
        weight = Decimal(1)
        for year in rates[who.age : who.age + years]:
            benefits += weight * amount * year
            annuity += weight
            weight *= v * (1 - year)
        premiums.append(benefits / annuity)
    return premiums


if __name__ == "__main__":
    main()
