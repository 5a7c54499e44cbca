"""FINALIZADO: closes the sale, and receives those who come back to a closed one."""

from __future__ import annotations

from datetime import timedelta

from src.agent.stages import facts
from src.agent.stages.answers import answer_aside
from src.agent.stages.handover import call_human, lead_note, quote_by_id, quote_words
from src.agent.stages.questions import ask
from src.agent.stages.turn import Turn
from src.agent.state import Consent, Handoff
from src.agent.texts import TEXT_VERSION

SILENT_AFTER_OPT_OUT = frozenset(("thanks", "bye", "affirm", "deny", "unclear", "off_topic", "insult", "dont_know"))
PAUSE = timedelta(hours=12)


def finalizado(turn: Turn) -> str:
    """An acceptance that has just been given is closed; otherwise somebody has come back."""
    outcome = turn.conversation.outcome
    if turn.conversation.stage != "FINALIZADO":
        _close(turn)
        return "guarding_out"
    if turn.reading.has("restart"):
        return restart(turn)
    if outcome == "accepted":
        return _accepted_again(turn)
    if outcome == "opted_out":
        return _after_opt_out(turn)
    if outcome == "consent_refused":
        return _after_refusal(turn)
    if outcome in ("declined", "expired"):
        return _after_decline(turn)
    return _after_ineligible(turn)


def _close(turn: Turn) -> None:
    chosen = quote_by_id(turn, turn.conversation.selected_quote)
    if chosen is None:  # cannot be reached: the stage before accepts only a chosen quote
        raise LookupError("nothing was chosen")
    comma_name = f", {turn.first_name}" if turn.first_name else ""
    turn.drafts[-1].proposal = True
    turn.say("end.accepted", comma_name=comma_name, **quote_words(turn, chosen))
    if "email" in turn.conversation.profile:
        turn.say("end.email_noted", email=turn.conversation.profile["email"])
    turn.end("accepted")
    turn.handoff = Handoff("accepted", note=lead_note(turn, "accepted"))


def restart(turn: Turn) -> str:
    """Everything told is forgotten and the sale begins anew; an agreement that was given still holds."""
    turn.count("conversation.restarted")
    facts.forget(turn)
    turn.say("end.restarted")
    if turn.consented:
        return "NEEDS_ANALYSIS"
    turn.enter("INICIO")
    ask(turn, "consent")
    return "guarding_out"


def _accepted_again(turn: Turn) -> str:
    facts.record(turn)
    chosen = quote_by_id(turn, turn.conversation.selected_quote)
    answered = answer_aside(turn)
    if turn.changes:
        turn.say("ack.kept")
        turn.handoff = Handoff("changed_after_acceptance", note=lead_note(turn, "changed_after_acceptance"))
    if not answered and chosen:
        turn.say("end.accepted_again", **quote_words(turn, chosen))
    return "guarding_out"


def _after_opt_out(turn: Turn) -> str:
    """Whoever writes again after BAJA wants something, unless it is only a last word."""
    reading = turn.reading
    if not reading.values and all(intent.name in SILENT_AFTER_OPT_OUT for intent in reading.intents):
        return "guarding_out"
    return _reopen(turn)


def _after_refusal(turn: Turn) -> str:
    if turn.reading.has("affirm", "accept", "resume"):
        facts.give_consent(turn)
        turn.conversation.outcome = None
        return "NEEDS_ANALYSIS"
    if not answer_aside(turn):
        turn.say("consent.still_refused")
    turn.conversation.pending = {}
    turn.offer(("consent:yes", "options.consent"), ("human", "options.human"))
    return "guarding_out"


def _after_decline(turn: Turn) -> str:
    reading = turn.reading
    if any(intent.name == "question" and intent.topic == "follow_up" for intent in reading.intents):
        turn.conversation.consents["follow_up"] = Consent(given=True, at=turn.now, text_version=TEXT_VERSION)
        turn.say("end.follow_up_on")
        return "guarding_out"
    if reading.has("thanks", "bye", "deny", "decline") and not reading.has("question", "affirm"):
        turn.say("ack.bye")
        return "guarding_out"
    return _reopen(turn)


def _after_ineligible(turn: Turn) -> str:
    facts.record(turn)
    age = turn.conversation.profile.get("age")
    limits = turn.catalogue.book.tariff.limits
    if turn.changes and age is not None and limits.entry_age_min <= age <= limits.entry_age_max:
        turn.conversation.outcome = None
        return "NEEDS_ANALYSIS" if turn.consented else "INICIO"
    if not answer_aside(turn):
        turn.say("end.ineligible_again")
    turn.offer(("restart", "options.restart"), ("human", "options.human"))
    return "guarding_out"


def _reopen(turn: Turn) -> str:
    """Back to where it was left: the proposal if there is one, else the questions."""
    turn.conversation.outcome = None
    comma_name = f", {turn.first_name}" if turn.first_name else ""
    turn.say("greeting.back", comma_name=comma_name, company=turn.house.company_name)
    if not turn.consented:
        turn.enter("INICIO")
        return "INICIO"
    if turn.conversation.quotes:
        turn.requote = "expired" if any(q["valid_until"] < turn.today.isoformat() for q in turn.conversation.quotes) else ""
        turn.enter("PRESENTACION_PROPUESTA")
        return "COTIZACION" if turn.requote else "PRESENTACION_PROPUESTA"
    return "NEEDS_ANALYSIS"


__all__ = ["PAUSE", "call_human", "finalizado", "restart"]
