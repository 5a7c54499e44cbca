"""The current proposal: which quotes are there, and how they are put into words."""

from __future__ import annotations

from typing import Any

from src.agent.stages.turn import Turn
from src.agent.texts import Phrasebook

EXAMPLE_CAPITAL = 100_000
"""Quoted as an example, and called one, when neither a need nor a wish is known. EUR."""


def quote_by_id(turn: Turn, quote_id: str | None) -> dict[str, Any] | None:
    """That quote of the current proposal, or None."""
    return next((quote for quote in turn.conversation.quotes if quote["id"] == quote_id), None)


def selected(turn: Turn) -> dict[str, Any] | None:
    """The quote that was chosen, or None."""
    return quote_by_id(turn, turn.conversation.selected_quote)


def expired(turn: Turn) -> bool:
    """Whether the proposal's prices hold no longer."""
    return any(quote["valid_until"] < turn.today.isoformat() for quote in turn.conversation.quotes)


def is_tied_to_mortgage(turn: Turn) -> bool:
    """Whether the cover is to pay the loan, as the bank asks for."""
    profile = turn.conversation.profile
    tied = turn.conversation.details.get("product") == "mortgage_linked"
    return tied and bool(profile.get("mortgage_balance")) and "term_years" in profile


def capital_of(turn: Turn) -> int:
    """The capital to quote, in EUR: the prospect's own figure, else the loan it is tied to, the need, or an example."""
    profile = turn.conversation.profile
    if "sum_assured" in profile:
        return int(profile["sum_assured"])
    if is_tied_to_mortgage(turn):
        return int(profile["mortgage_balance"])
    need = turn.conversation.need or {}
    return int(need["sum_assured"]) if need.get("capital") else EXAMPLE_CAPITAL


def words(turn: Turn, quote: dict[str, Any]) -> dict[str, Any]:
    """A quote's figures, written for people in the language of the conversation."""
    book = turn.book
    product = f"product.{quote['product']}"
    return {
        "tier": book.say(f"tier.{quote['tier'] or 'own'}"),
        "product": book.say(product) if product in book else turn.catalogue.book.products[quote["product"]].name,
        "capital": book.money(quote["sum_assured"]),
        "monthly": book.money(quote["monthly_premium"]),
        "annual": book.money(quote["annual_premium"]),
        "covers": book.listing([cover_name(turn, name, book) for name in quote["coverages"]]),
        "valid_until": book.date(quote["valid_until"]),
    }


def cover_name(turn: Turn, name: str, book: Phrasebook) -> str:
    """A cover's name within a sentence; the catalogue's own where the language has none."""
    sold = turn.catalogue.book
    if f"cover.{name}" in book:
        return book.say(f"cover.{name}", limit=book.money(sold.tariff.covers[name].sublimit or 0))
    known = sold.coverages[name].name
    return known[:1].lower() + known[1:]


def exclusions(turn: Turn, quote: dict[str, Any]) -> list[str]:
    """What the quote does not cover, in the catalogue's words: of the product, then of each cover."""
    sold = turn.catalogue.book
    covers = (sold.coverages[name] for name in quote["coverages"])
    return [*sold.products[quote["product"]].excluded, *(text for cover in covers for text in cover.excluded)]


def left_out(turn: Turn, quote: dict[str, Any]) -> list[str]:
    """The covers of the fullest tier that this quote does not have, in words."""
    fullest = turn.catalogue.book.tariff.tiers[-1].coverages
    return [cover_name(turn, name, turn.book) for name in fullest if name not in quote["coverages"]]


def later(turn: Turn, quote: dict[str, Any]) -> str:
    """What the same cover costs later on; that it stays the same for a level premium."""
    book = turn.book
    points = [point for point in quote["projection"] if point["annual_premium"] != quote["annual_premium"]]
    if len(points) == 2:
        first, second = (book.money(point["annual_premium"]) for point in points)
        return book.say("proposal.later", year5=first, year10=second)
    if points:
        return book.say("proposal.later_one", year=points[0]["year"], amount=book.money(points[0]["annual_premium"]))
    return ""
