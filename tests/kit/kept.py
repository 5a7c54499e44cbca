"""Quotes as a conversation keeps them."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from src.quoting import Applicant, Offer, StoredQuote, load_catalogue, stored


def a_quote(**changes: Any) -> StoredQuote:
    """Two covers for somebody of 36; the changes need not fit the rest."""
    covers = ("death", "permanent_disability")
    offer = load_catalogue().offer(Applicant(36, False, 1), "renewable_term", 150_000, covers, date(2026, 11, 20))
    assert isinstance(offer, Offer)
    return msgspec.structs.replace(stored(offer), **changes)
