"""COTIZACION: sizes the need and has the engine price it; what cannot be priced is said with its reason and a way on."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from src.agent import facts
from src.agent.agenda import EXPIRE, Entry
from src.agent.profile import SIZING
from src.agent.stages import quotes, wishes
from src.agent.stages.endings import call_human, dismiss_minor, dismiss_over_age, give_up, refer_occupation
from src.agent.stages.needs_analysis import respond, take_facts
from src.agent.stages.questions import ask, may_ask, next_missing
from src.agent.turn import Turn
from src.quoting import Applicant, Offer, Refusal, StoredQuote, actuarial_age, size_need, stored


def cotizacion(turn: Turn) -> str:
    """Makes the proposal. The conversation stays here only while something stands in the way of a price."""
    waited = turn.conversation.stage == "COTIZACION"
    turn.enter("COTIZACION")
    if waited:
        if take_facts(turn):
            return "guarding_out"
        if not respond(turn):
            give_up(turn)
            return "guarding_out"
    wishes.give_up_impossible(turn)
    missing = next_missing(turn)
    if missing is None and waited and not _may_be_priced(turn):
        missing = turn.conversation.awaiting
    if missing:
        ask(turn, missing)
        return "guarding_out"
    offers = _offers(turn)
    if isinstance(offers, Refusal):
        _refused(turn, offers)
        return "guarding_out"
    if _is_dear(turn, offers) and may_ask(turn, "monthly_budget"):
        turn.say("proposal.budget_first")
        ask(turn, "monthly_budget")
        return "guarding_out"
    _keep(turn, offers)
    return "PRESENTACION_PROPUESTA"


STUDIES_UNTIL = 25
"""Years of age of the eldest child whose studies are still reckoned with."""
DEAR_SHARE = Decimal("0.05")
"""Of the income: when the middle option takes more, it is asked first what may be spent."""


def _is_dear(turn: Turn, offers: tuple[Offer, ...]) -> bool:
    """Whether a first proposal would ask for more than somebody with that income expects, and no budget was named."""
    profile, income = turn.conversation.profile, Decimal(str(turn.conversation.profile.get("monthly_income", 0)))
    unasked = "monthly_budget" not in profile and not facts.is_skipped(turn, "monthly_budget")
    first = not turn.conversation.quotes and len(offers) > 1
    return first and unasked and income > 0 and offers[len(offers) // 2].monthly_premium > DEAR_SHARE * income


def _may_be_priced(turn: Turn) -> bool:
    """After a refusal only something new can lead to a price: another figure, or doing without the refused one."""
    awaiting = turn.conversation.awaiting or ""
    return bool(turn.changes) or awaiting.startswith("confirm:") or facts.is_skipped(turn, awaiting)


def _offers(turn: Turn) -> tuple[Offer, ...] | Refusal:
    profile, memory = turn.conversation.profile, turn.conversation.memory
    _size(turn)
    applicant, capital = _applicant(turn), quotes.capital_of(turn)
    wished, term_years, (added, dropped) = wishes.product(turn), wishes.term_years(turn), wishes.riders(turn)
    product = wished.id if wished else None
    offers = turn.catalogue.proposal(
        applicant, capital, turn.today, product=product, term_years=term_years, added=added, dropped=dropped
    )
    budget = profile.get("monthly_budget")
    if isinstance(offers, Refusal) or budget is None or memory.budget_waived == budget:
        return offers
    limit = Decimal(str(budget))
    if all(offer.monthly_premium <= limit for offer in offers):
        return offers
    fullest = offers[-1].coverages if added or dropped else ()
    fitting = turn.catalogue.fit_budget(
        applicant, capital, limit, turn.today, product=product, term_years=term_years, coverages=fullest
    )
    if isinstance(fitting, Refusal):
        return fitting
    # One option: the most capital that fits, then the most cover. With more of them "that one" would mean nothing.
    return (max(fitting, key=lambda offer: (offer.sum_assured, len(offer.coverages))),)


def _applicant(turn: Turn) -> Applicant:
    profile, born = turn.conversation.profile, facts.birth_date(turn)
    age = actuarial_age(born, turn.today) if born else profile["age"]
    return Applicant(age=age, smoker=profile["smoker"], occupation_class=profile["occupation_class"])


def _size(turn: Turn) -> None:
    profile, details = turn.conversation.profile, turn.conversation.details
    ages, children = details.get("child_ages"), details.get("children")
    if isinstance(ages, list):  # who is grown has no studies to be paid
        grown = sum(age > STUDIES_UNTIL for age in ages)
        children = max(children or 0, len(ages)) - grown
    if children is not None:
        children = min(children, profile.get("dependents", 0))
    need = size_need(
        **{key: profile.get(key, 0) for key in SIZING},
        partner=profile.get("marital_status") in ("married", "partner"),
        children=children,
        catalogue=turn.catalogue,
    )
    turn.conversation.need = need


def _keep(turn: Turn, offers: tuple[Offer, ...]) -> None:
    """The proposal replaces the one before; a choice that was made stays with its tier."""
    conversation, chosen = turn.conversation, quotes.selected(turn)
    turn.quotes_before = conversation.quotes
    conversation.quotes = [stored(offer) for offer in offers]
    conversation.selected_quote = _still_chosen(turn, chosen) if chosen else None
    conversation.memory.quoted_for = facts.fingerprint(turn)
    conversation.agenda = conversation.agenda.with_entry(Entry(kind=EXPIRE, due=_end_of(offers[0].valid_until)))
    turn.requote = turn.requote or ("changed" if turn.quotes_before else "new")
    turn.count("quote.made", tariff=offers[0].tariff, options=len(offers), reason=turn.requote)


def _still_chosen(turn: Turn, chosen: StoredQuote) -> str | None:
    """The quote that the chosen one became: with its covers as they are wished for now, else of its tier."""
    added, dropped = wishes.riders(turn)
    wanted = (set(chosen.coverages) | set(added)) - set(dropped)
    alike = [quote.id for quote in turn.conversation.quotes if (added or dropped) and set(quote.coverages) == wanted]
    same_tier = [quote.id for quote in turn.conversation.quotes if quote.tier == chosen.tier]
    return next(iter([*alike, *same_tier]), None)


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def _refused(turn: Turn, refusal: Refusal) -> None:
    """Why there is no price, and the way on: another figure, or a person."""
    turn.count("quote.refused", code=refusal.code)
    limit = refusal.limit or 0
    turn.figures.append(limit)
    if refusal.code == "under_age":
        dismiss_minor(turn)
    elif refusal.code == "over_age":
        dismiss_over_age(turn)
    elif refusal.code == "medical_selection":
        turn.say("safety.medical", limit=turn.book.money(limit))
        call_human(turn, refusal.code)
    elif refusal.code in ("occupation_refer", "sport_refer"):
        refer_occupation(turn)
    elif refusal.code in ("sum_too_low", "sum_too_high"):
        turn.say(f"eligibility.{refusal.code}", limit=turn.book.money(limit))
        _ask_for_another(turn, "sum_assured")
    elif refusal.code == "budget_too_low":
        budget = turn.conversation.profile["monthly_budget"]
        turn.figures.append(budget)  # it may stem from an earlier turn, and goes now
        turn.say("proposal.budget_too_low", budget=turn.book.money(budget), cheapest=turn.book.money(limit))
        _ask_for_another(turn, "monthly_budget")
    else:
        turn.say(f"eligibility.{refusal.code}", limit=limit)
        _ask_for_another(turn, "term_years")


def _ask_for_another(turn: Turn, key: str) -> None:
    """The figure cannot be used: it goes, and another is asked for."""
    turn.conversation.profile.pop(key, None)
    turn.conversation.profile_sources.pop(key, None)
    ask(turn, key)
