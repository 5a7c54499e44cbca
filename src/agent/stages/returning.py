"""Coming back: after a pause, from a person's hands, to a proposal that ran out, or to start anew."""

from __future__ import annotations

from datetime import timedelta

from src.agent import facts
from src.agent.profile import PRICING
from src.agent.stages import quotes
from src.agent.stages.questions import ask
from src.agent.turn import Turn

PAUSE = timedelta(hours=12)
"""After a silence this long somebody is greeted again and told where the conversation was left."""


def welcome_back(turn: Turn) -> None:
    """Says hello by name, what a person changed meanwhile, and where things stand, to somebody who was away."""
    conversation = turn.conversation
    if conversation.outcome in ("handed_over", "expired"):
        conversation.outcome = None
    _tell_what_a_person_changed(turn)
    away = turn.now - conversation.updated_at >= PAUSE or turn.reading.has("resume")
    if away and conversation.turns and conversation.stage not in ("INICIO", "FINALIZADO"):
        _greet_and_recall(turn)


def _greet_and_recall(turn: Turn) -> None:
    """Hello by name, and where the conversation was left."""
    conversation = turn.conversation
    turn.say("greeting.back", comma_name=turn.comma_name, company=turn.house.company_name)
    if conversation.quotes:
        chosen = quotes.selected(turn) or (conversation.quotes[0] if len(conversation.quotes) == 1 else None)
        where = (
            turn.book.say("end.where_proposal", **quotes.words(turn, chosen)) if chosen else turn.book.say("end.where_options")
        )
    else:
        where = turn.book.say("end.where_needs")
    turn.say("end.recall", where=where, glue=" ")
    turn.returned = True


def _tell_what_a_person_changed(turn: Turn) -> None:
    conversation, book = turn.conversation, turn.book
    told = conversation.memory.told_by_human
    for key, source in conversation.profile_sources.items():
        if source.by == "human" and told.get(key) != source.at:
            told[key] = source.at
            if key in PRICING and f"label.{key}" in book:
                value = book.value(key, conversation.profile[key])
                turn.say("ack.by_human", label=book.say(f"label.{key}"), value=value)


def restart(turn: Turn) -> str:
    """Everything told is forgotten and the sale begins anew; an agreement that was given still holds."""
    turn.count("conversation.restarted")
    last_said = [line for line in turn.conversation.history if line.speaker == "bot"][-1:]
    facts.forget(turn)
    turn.conversation.history = last_said  # so that it is not said again
    turn.say("end.restarted")
    turn.reading = type(turn.reading)(language=turn.reading.language, text=turn.reading.text)
    if turn.consented:
        return "NEEDS_ANALYSIS"
    turn.conversation.consents.pop("quote", None)
    turn.enter("INICIO")
    ask(turn, "consent")
    return "guarding_out"


def reopen(turn: Turn) -> str:
    """A closed conversation goes on where it was left: at the proposal if there is one, else at the questions."""
    turn.conversation.outcome = None
    _greet_and_recall(turn)
    if not turn.consented:
        turn.conversation.consents.pop("quote", None)
        turn.enter("INICIO")
        turn.conversation.awaiting = "consent"
        return "INICIO"
    if turn.conversation.quotes:
        turn.conversation.awaiting = "choice"
        return "PRESENTACION_PROPUESTA"
    return "NEEDS_ANALYSIS"
