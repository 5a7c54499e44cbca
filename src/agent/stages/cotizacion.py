"""COTIZACION: sizes the need and has the engine price it; what cannot be priced is said with its reason and a way on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from src.agent.stages import facts
from src.agent.stages.handover import call_human
from src.agent.stages.needs_analysis import hear, take_facts
from src.agent.stages.questions import ask, missed, next_missing
from src.agent.stages.turn import Turn
from src.quoting import Applicant, Offer, Refusal, actuarial_age, size_need

EXAMPLE_CAPITAL = 100_000
"""Quoted as an example, and called one, when neither a need nor a wish is known. EUR."""


def cotizacion(turn: Turn) -> str:
    """Makes the proposal. Stays here only while something stands in the way of a price."""
    waiting = turn.conversation.stage == "COTIZACION"
    turn.enter("COTIZACION")
    if waiting and not turn.requote:
        take_facts(turn)
        if not hear(turn) and not turn.has_spoken() and missed(turn):
            turn.say("human.not_understood")
            call_human(turn, "not_understood")
            return "guarding_out"
    missing = next_missing(turn)
    if missing:
        ask(turn, missing)
        return "guarding_out"
    offers = _offers(turn)
    if isinstance(offers, Refusal):
        _refused(turn, offers)
        return "guarding_out"
    _keep(turn, offers)
    return "PRESENTACION_PROPUESTA"


def _offers(turn: Turn) -> tuple[Offer, ...] | Refusal:
    profile = turn.conversation.profile
    _size(turn)
    applicant, capital = _applicant(turn), capital_of(turn)
    product, term_years = _product(turn), profile.get("term_years")
    offers = turn.catalogue.proposal(applicant, capital, turn.today, product=product, term_years=term_years)
    budget = profile.get("monthly_budget")
    if isinstance(offers, Refusal) or budget is None:
        return offers
    limit = Decimal(str(budget))
    if all(offer.monthly_premium <= limit for offer in offers):
        return offers
    fitting = turn.catalogue.fit_budget(applicant, capital, limit, turn.today, product=product, term_years=term_years)
    if isinstance(fitting, Refusal):
        return fitting
    # One option: the most capital that fits, then the most cover. More would leave "that one" without a meaning.
    return (max(fitting, key=lambda offer: (offer.sum_assured, len(offer.coverages))),)


def _applicant(turn: Turn) -> Applicant:
    profile = turn.conversation.profile
    born = facts.birth_date(turn)
    age = actuarial_age(born, turn.today) if born else profile["age"]
    return Applicant(age=age, smoker=profile["smoker"], occupation_class=profile["occupation_class"])


def _product(turn: Turn) -> str | None:
    """The mortgage product when the cover is tied to the loan and its term is known; else what the catalogue proposes."""
    linked = turn.conversation.details.get("product") == "mortgage_linked"
    return "mortgage_term" if linked and "term_years" in turn.conversation.profile else None


def _size(turn: Turn) -> None:
    profile, details = turn.conversation.profile, turn.conversation.details
    ages = details.get("child_ages")
    need = size_need(
        **{
            key: profile.get(key, 0)
            for key in ("monthly_income", "mortgage_balance", "other_debts", "dependents", "savings", "existing_cover")
        },
        partner=profile.get("marital_status") in ("married", "partner"),
        children=len(ages) if isinstance(ages, list) else None,
        catalogue=turn.catalogue,
    )
    turn.conversation.need = need.to_json()


def capital_of(turn: Turn) -> int:
    """The capital to quote in EUR: the prospect's own figure, else the need, else an example."""
    named = turn.conversation.profile.get("sum_assured")
    if named is not None:
        return int(named)
    need: dict[str, Any] = turn.conversation.need or {}
    return int(need["sum_assured"]) if need.get("capital") else EXAMPLE_CAPITAL


def _keep(turn: Turn, offers: tuple[Offer, ...]) -> None:
    conversation = turn.conversation
    turn.quotes_before = conversation.quotes
    chosen = next((quote for quote in conversation.quotes if quote["id"] == conversation.selected_quote), None)
    conversation.quotes = [offer.to_json() for offer in offers]
    same_tier = [quote["id"] for quote in conversation.quotes if chosen and quote["tier"] == chosen["tier"]]
    conversation.selected_quote = same_tier[0] if same_tier else None
    conversation.memory["quoted_for"] = facts.fingerprint(turn)
    turn.requote = turn.requote or "new"
    turn.count("quote.made", tariff=offers[0].tariff, options=len(offers), reason=turn.requote)


def _refused(turn: Turn, refusal: Refusal) -> None:
    """Why there is no price, and the way on: another figure, or a person."""
    turn.count("quote.refused", code=refusal.code)
    book, limit, profile = turn.book, refusal.limit, turn.conversation.profile
    if refusal.code in ("under_age", "over_age"):
        turn.say("safety.minor" if refusal.code == "under_age" else "safety.over_age", age=profile["age"], limit=limit)
        turn.end("ineligible")
        if refusal.code == "over_age":
            call_human(turn, "over_age")
    elif refusal.code == "medical_selection":
        turn.say("safety.medical", limit=book.money(limit or 0))
        call_human(turn, "medical_selection")
    elif refusal.refer_to_human:
        turn.say("safety.occupation")
        call_human(turn, "occupation")
    elif refusal.code in ("sum_too_low", "sum_too_high"):
        turn.say(f"eligibility.{refusal.code}", limit=book.money(limit or 0))
        _ask_again(turn, "sum_assured")
    elif refusal.code in ("cover_ends_over_age", "term_too_short"):
        turn.say(f"eligibility.{refusal.code}", limit=limit)
        _ask_again(turn, "term_years")
    elif refusal.code == "budget_too_low":
        budget = book.money(profile["monthly_budget"])
        turn.say("proposal.budget_too_low", budget=budget, cheapest=book.money(limit or 0))
        _ask_again(turn, "monthly_budget")


def _ask_again(turn: Turn, key: str) -> None:
    """The figure cannot be used: it goes (its source remembers it) and another is asked for."""
    turn.conversation.profile.pop(key, None)
    ask(turn, key)
