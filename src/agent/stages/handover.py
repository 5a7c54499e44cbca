"""Passing the conversation to a person, with everything that person needs to know."""

from __future__ import annotations

from typing import Any

from src.agent.stages import facts
from src.agent.stages.turn import Turn
from src.agent.texts import Phrasebook, phrasebook


def call_human(turn: Turn, reason: str, *, urgent: bool = False) -> None:
    """The conversation goes to a person together with the lead note."""
    turn.hand_over(reason, lead_note(turn, reason), urgent=urgent)


def lead_note(turn: Turn, reason: str) -> str:
    """What a colleague needs: why, who, what was told, the need, the option, the consent. Nothing that was redacted."""
    conversation, book = turn.conversation, _team_book(turn)
    lines = [book.say("note.title" if reason == "accepted" else "note.handoff", reason=reason)]
    known = facts.summary(turn, book)
    if known:
        lines += ["", f"{book.say('note.facts')}:", *(f"- {label}: {value}" for label, value in known)]
    if "occupation_class" in conversation.profile:
        lines.append(f"- {book.say('note.occupation_class')}: {conversation.profile['occupation_class']}")
    if conversation.details:
        lines.append(
            book.say("note.details", details="; ".join(f"{key}: {value}" for key, value in conversation.details.items()))
        )
    if conversation.need:
        lines += ["", book.say("note.need", amount=book.money(conversation.need["capital"]))]
    lines += _offers(turn)
    consent = conversation.consents.get("quote")
    if consent and consent.given:
        lines += ["", book.say("note.consent", at=f"{consent.at:%Y-%m-%d %H:%M} UTC", version=consent.text_version)]
    if reason == "accepted":
        lines.append(book.say("note.next"))
    return "\n".join(lines)


def _offers(turn: Turn) -> list[str]:
    conversation, book = turn.conversation, _team_book(turn)
    if not conversation.quotes:
        return []
    chosen = quote_by_id(turn, conversation.selected_quote)
    if chosen is None:
        shown = "; ".join(f"{quote['tier']} {book.money(quote['monthly_premium'])}" for quote in conversation.quotes)
        return [book.say("note.pending", options=shown)]
    return [book.say("note.offer", **quote_words(turn, chosen, book), tariff=chosen["tariff"])]


def quote_by_id(turn: Turn, quote_id: str | None) -> dict[str, Any] | None:
    """That quote of the current proposal, or None."""
    return next((quote for quote in turn.conversation.quotes if quote["id"] == quote_id), None)


def quote_words(turn: Turn, quote: dict[str, Any], book: Phrasebook | None = None) -> dict[str, Any]:
    """A quote's figures, written for people; by default in the language of the conversation."""
    book = book or turn.book
    return {
        "tier": book.say(f"tier.{quote['tier'] or 'own'}"),
        "product": _product_name(turn, quote, book),
        "capital": book.money(quote["sum_assured"]),
        "monthly": book.money(quote["monthly_premium"]),
        "annual": book.money(quote["annual_premium"]),
        "covers": book.listing([cover_name(turn, name, book) for name in quote["coverages"]]),
        "valid_until": book.date(quote["valid_until"]),
    }


def cover_name(turn: Turn, name: str, book: Phrasebook) -> str:
    """A cover's name within a sentence; the catalogue's own where the language has none."""
    if f"cover.{name}" in book:
        return book.say(f"cover.{name}")
    known = turn.catalogue.book.coverages[name].name
    return known[:1].lower() + known[1:]


def _product_name(turn: Turn, quote: dict[str, Any], book: Phrasebook) -> str:
    key = f"product.{quote['product']}"
    return book.say(key) if key in book else turn.catalogue.book.products[quote["product"]].name


def _team_book(turn: Turn) -> Phrasebook:
    return phrasebook("es", turn.house.address)
