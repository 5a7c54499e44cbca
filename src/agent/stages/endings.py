"""Ways out of the sale that do not lead to a contract, and the note with which a person takes over."""

from __future__ import annotations

from src.agent.stages import facts, quotes
from src.agent.stages.turn import Turn
from src.agent.texts import Phrasebook, phrasebook


def call_human(turn: Turn, reason: str, *, urgent: bool = False) -> None:
    """The conversation goes to a person together with the lead note."""
    turn.hand_over(reason, lead_note(turn, reason), urgent=urgent)


def give_up(turn: Turn) -> None:
    """Not understood too often: a person goes on, and nothing else is said."""
    turn.drafts[-1].pieces.clear()
    turn.drafts[-1].options.clear()
    turn.say("human.not_understood")
    call_human(turn, "not_understood")


def dismiss_minor(turn: Turn) -> None:
    """Nobody under age is asked anything more, and what they told is erased."""
    turn.fall_silent()
    facts.forget(turn)
    turn.conversation.consents.clear()
    turn.say("safety.minor", limit=turn.catalogue.book.tariff.limits.entry_age_min)
    turn.end("ineligible")
    turn.erase = True
    turn.count("data.erased", reason="minor")


def dismiss_over_age(turn: Turn) -> None:
    """Too old for this insurance: said kindly, and a person looks whether there is another way."""
    limit = turn.catalogue.book.tariff.limits.entry_age_max
    turn.fall_silent()
    turn.say("safety.over_age", age=turn.conversation.profile["age"], limit=limit)
    turn.end("ineligible")
    call_human(turn, "over_age")


def refer_occupation(turn: Turn) -> None:
    """A risky job or sport is priced by a person."""
    turn.say("safety.occupation")
    call_human(turn, "occupation")


def lead_note(turn: Turn, reason: str) -> str:
    """What a colleague needs: why, who, what was told, the need, the option, the consent. Nothing that was redacted."""
    conversation = turn.conversation
    book = phrasebook("es", turn.house.address)
    lines = [book.say("note.title" if reason == "accepted" else "note.handoff", reason=reason)]
    known = facts.summary(turn, book)
    if "occupation_class" in conversation.profile:
        known.append((book.say("note.occupation_class"), str(conversation.profile["occupation_class"])))
    known += facts.summary_of_details(turn, book)
    if known:
        lines += ["", f"{book.say('note.facts')}:", *(f"- {label}: {value}" for label, value in known)]
    if conversation.need:
        lines += ["", book.say("note.need", amount=book.money(conversation.need["capital"]))]
    if conversation.quotes:
        lines.append(_offer_line(turn, book))
    consent = conversation.consents.get("quote")
    if consent and consent.given:
        lines += ["", book.say("note.consent", at=f"{consent.at:%Y-%m-%d %H:%M} UTC", version=consent.text_version)]
    if reason == "accepted":
        lines.append(book.say("note.next"))
    return "\n".join(lines)


def _offer_line(turn: Turn, book: Phrasebook) -> str:
    chosen = quotes.selected(turn)
    if chosen:
        return book.say("note.offer", tariff=chosen["tariff"], **quotes.words(turn, chosen, book))
    shown = "; ".join(f"{quote['tier']} {book.money(quote['monthly_premium'])}" for quote in turn.conversation.quotes)
    return book.say("note.pending", options=shown)
