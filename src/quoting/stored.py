"""A quote as it is kept: everything that a proposal says of it, so that a document can be made of it without the tariff."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from src.quoting.engine import Applicant, Working
from src.quoting.offers import Cover, Lever, Offer, Projection

_NO_WORKING = msgspec.Raw(b"null")


class StoredQuote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An `Offer` that was shown; premiums are EUR, first year, all taxes in.

    `covered` are its covers with the customer's words and what each does not cover, `excluded` what the product does not.
    `working` is how the price came about, as JSON that is carried along and read on demand (`offer`). These are missing, and
    `covered` is empty, where a version wrote the quote that did not keep them: the tariff still knows (`Catalogue.reprice`).
    """

    id: str
    tier: str
    product: str
    product_name: str
    applicant: Applicant
    sum_assured: int
    coverages: tuple[str, ...]
    term_years: int
    cover_to_age: int | None
    monthly_premium: Decimal
    annual_premium: Decimal
    currency: str
    projection: tuple[Projection, ...]
    tariff: str
    tariff_sha256: str = ""
    quoted_on: date
    valid_until: date
    levers: tuple[Lever, ...] = ()
    covered: tuple[Cover, ...] = ()
    excluded: tuple[str, ...] = ()
    working_sha256: str
    working: msgspec.Raw = _NO_WORKING

    @property
    def exclusions(self) -> tuple[str, ...]:
        """All that is not covered, in the customer's words: by the product, then by each cover; () where it was not kept."""
        return (*self.excluded, *(text for cover in self.covered for text in cover.excluded))

    @property
    def amounts(self) -> tuple[int | Decimal, ...]:
        """Every amount of EUR that a proposal names."""
        later = (amount for point in self.projection for amount in (point.annual_premium, point.monthly_premium))
        return (self.sum_assured, self.monthly_premium, self.annual_premium, *later)

    def offer(self) -> Offer | None:
        """The offer as it was made, to the last figure of its working; None where that was not kept."""
        if self.working == _NO_WORKING:
            return None
        return Offer(
            **{name: getattr(self, name) for name in Offer.__struct_fields__ if name != "working"},
            working=msgspec.json.decode(self.working, type=Working),
        )

    def to_json(self) -> dict[str, Any]:
        """The quote as the outside sees it, in plain JSON values; the working stays here."""
        return {
            "id": self.id,
            "tier": self.tier,
            "product": self.product,
            "product_name": self.product_name,
            "sum_assured": self.sum_assured,
            "coverages": list(self.coverages),
            "monthly_premium": float(self.monthly_premium),
            "annual_premium": float(self.annual_premium),
            "currency": self.currency,
            "projection": [
                {
                    "year": point.year,
                    "annual_premium": float(point.annual_premium),
                    "monthly_premium": float(point.monthly_premium),
                }
                for point in self.projection
            ],
            "tariff": self.tariff,
            "valid_until": self.valid_until.isoformat(),
            "quoted_on": self.quoted_on.isoformat(),
            "term_years": self.term_years,
            "cover_to_age": self.cover_to_age,
            "levers": list(self.levers),
            "applicant": msgspec.to_builtins(self.applicant),
            "working_sha256": self.working_sha256,
        }


def stored(offer: Offer) -> StoredQuote:
    """The offer as it is kept."""
    working = msgspec.json.encode(offer.working)
    return StoredQuote(
        **{name: getattr(offer, name) for name in Offer.__struct_fields__ if name != "working"},
        working_sha256=hashlib.sha256(working).hexdigest(),
        working=msgspec.Raw(working),
    )
