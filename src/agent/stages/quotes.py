"""The current proposal: which quotes are there, and how they are put into words."""

from __future__ import annotations

import hashlib
from typing import Any

from src.agent.stages import wishes
from src.agent.texts import Phrasebook
from src.agent.turn import Turn
from src.quoting import StoredQuote
from src.quoting.products import Product

EXAMPLE_CAPITAL = 100_000
"""Quoted as an example, and called one, when neither a need nor a wish is known. EUR."""


def quote_by_id(turn: Turn, quote_id: str | None) -> StoredQuote | None:
    """That quote of the current proposal, or None."""
    return next((quote for quote in turn.conversation.quotes if quote.id == quote_id), None)


def selected(turn: Turn) -> StoredQuote | None:
    """The quote that was chosen, or None."""
    return quote_by_id(turn, turn.conversation.selected_quote)


def expired(turn: Turn) -> bool:
    """Whether the proposal's prices hold no longer."""
    return any(quote.valid_until < turn.today for quote in turn.conversation.quotes)


def capital_of(turn: Turn) -> int:
    """The capital to quote, in EUR: the prospect's own figure, else the loan it is tied to, the need, or an example."""
    profile = turn.conversation.profile
    if "sum_assured" in profile:
        return int(profile["sum_assured"])
    if wishes.is_tied_to_mortgage(turn):
        return wishes.loan(turn)
    need = turn.conversation.need
    return need.sum_assured if need and need.capital else EXAMPLE_CAPITAL


def words(turn: Turn, quote: StoredQuote) -> dict[str, Any]:
    """A quote's figures, written for people in the language of the conversation."""
    book = turn.book
    return {
        "tier": _tier(turn, quote),
        "product": _product(turn, quote),
        "capital": book.money(quote.sum_assured),
        "monthly": book.money(quote.monthly_premium),
        "annual": book.money(quote.annual_premium),
        "covers": book.listing([cover_name(turn, name, book) for name in quote.coverages]),
        "valid_until": book.date(quote.valid_until),
    }


def sold(turn: Turn, quote: StoredQuote) -> Product:
    """The product that the quote is for."""
    return turn.catalogue.book.products[quote.product]


def _tier(turn: Turn, quote: StoredQuote) -> str:
    """The tier's name, with the riders that it has not or lacks here."""
    book = turn.book
    named = book.say(f"tier.{quote.tier or 'own'}")
    usual = next((tier.coverages for tier in turn.catalogue.book.tariff.tiers if tier.name == quote.tier), None)
    if usual is None:
        return named
    more, less = (
        [wishes.rider_name(turn, name) for name in these if name not in those]
        for these, those in ((quote.coverages, usual), (usual, quote.coverages))
    )
    differs = [
        *([book.say("wish.with", covers=book.listing(more))] if more else []),
        *([book.say("wish.without", covers=book.listing(less))] if less else []),
    ]
    return f"{named} {book.listing(differs)}" if differs else named


def _product(turn: Turn, quote: StoredQuote) -> str:
    """The product's name, and how long it runs where that is more than a year."""
    book, product, name = turn.book, sold(turn, quote), f"product.{quote.product}"
    named = book.say(name) if name in book else product.name
    lasts = {"term": "wish.for_years", "life": "wish.for_life"}.get(product.duration)
    return f"{named}{book.say(lasts, years=quote.term_years)}" if lasts else named


def price_course(turn: Turn, quote: StoredQuote) -> str:
    """Whether the price changes, for a product whose price does not rise with the age; "" for others, see `later`."""
    book, product = turn.book, sold(turn, quote)
    if product.duration == "year":
        return ""
    if product.duration == "term":
        return book.say("wish.price_of_a_loan" if product.capital == "loan" else "wish.price_of_a_term", years=quote.term_years)
    has_riders, to_age = len(quote.coverages) > 1, turn.catalogue.book.tariff.limits.cover_to_age
    return book.say("wish.price_for_life_with_riders" if has_riders else "wish.price_for_life", age=to_age)


def cover_name(turn: Turn, name: str, book: Phrasebook) -> str:
    """A cover's name within a sentence; the catalogue's own where the language has none."""
    tariff, coverages = turn.catalogue.book.tariff, turn.catalogue.book.coverages
    if f"cover.{name}" in book:
        return book.say(f"cover.{name}", limit=book.money(tariff.covers[name].sublimit or 0))
    known = coverages[name].name
    return known[:1].lower() + known[1:]


def exclusions(turn: Turn, quote: StoredQuote) -> list[str]:
    """What the quote does not cover, as it was quoted: of the product, then of each cover."""
    if quote.covered:
        return list(quote.exclusions)
    covers = (turn.catalogue.book.coverages[name] for name in quote.coverages)
    return [*sold(turn, quote).excluded, *(text for cover in covers for text in cover.excluded)]


def limits_told(turn: Turn, quote: StoredQuote) -> bool:
    """Whether everything that the option does not cover was shown in this conversation."""
    return {_mark(text) for text in exclusions(turn, quote)} <= set(turn.conversation.memory.limits_told)


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def say_exclusions(turn: Turn, shown: list[StoredQuote], *, in_short: bool = False) -> None:
    """All that the options shown do not cover, once each; in Spanish, as the catalogue has it. `in_short`: as one sentence."""
    texts = dict.fromkeys(text for quote in shown for text in exclusions(turn, quote))
    told = turn.conversation.memory.limits_told
    turn.conversation.memory.limits_told = sorted({*told, *map(_mark, texts)})
    if not texts:
        return
    if in_short:
        of_product = list(dict.fromkeys(text for quote in shown for text in sold(turn, quote).excluded))
        of_covers = [text[:1].lower() + text[1:].removesuffix(".") for text in texts if text not in of_product]
        listed = f"{' '.join(of_product)} {turn.book.say('proposal.left_out', excluded='; '.join(of_covers))}"
        turn.say("proposal.excluded_in_short", excluded=listed)
    else:
        listed = "".join(f"\n• {text}" for text in texts)
        turn.say("proposal.excluded", excluded=listed)
    turn.quoted.append(listed)


def left_out(turn: Turn, quote: StoredQuote) -> list[str]:
    """The covers of the fullest tier that this quote does not have, in words."""
    fullest = turn.catalogue.book.tariff.tiers[-1].coverages
    return [cover_name(turn, name, turn.book) for name in fullest if name not in quote.coverages]


def later(turn: Turn, quote: StoredQuote) -> str:
    """What the same cover costs later on, where the price goes up with the age."""
    book = turn.book
    if sold(turn, quote).duration != "year":
        return ""
    points = [point for point in quote.projection if point.annual_premium != quote.annual_premium]
    if len(points) == 2:
        first, second = (book.money(point.annual_premium) for point in points)
        return book.say("proposal.later", year5=first, year10=second)
    if points:
        return book.say("proposal.later_one", year=points[0].year, amount=book.money(points[0].annual_premium))
    return ""
