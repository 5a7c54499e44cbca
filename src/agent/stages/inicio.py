"""INICIO: says what it is and why it asks, and gets the consent without which nothing personal counts."""

from __future__ import annotations

from src.agent.stages import facts
from src.agent.stages.answers import answer_aside
from src.agent.stages.handover import call_human
from src.agent.stages.questions import ask, missed, progressed
from src.agent.stages.turn import Turn

FIRST_MESSAGE_ROOM = 250
"""Characters left for an answer beside greeting, privacy and consent question in the first message."""


def inicio(turn: Turn) -> str:
    """Greets once, then waits for the consent; facts that come along wait for it too."""
    memory = turn.conversation.memory
    facts.record(turn)
    if not memory.get("greeted"):
        return _greet(turn)
    reading = turn.reading
    if reading.has("deny", "decline", "withdraw_consent") and not reading.has("affirm"):
        facts.refuse_consent(turn)
        turn.say("consent.refused")
        turn.offer(("human", "options.human"))
        turn.end("consent_refused")
        return "guarding_out"
    if reading.has("affirm", "accept"):
        facts.give_consent(turn)
        progressed(turn)
        return "NEEDS_ANALYSIS"
    _take_up(turn)
    return "guarding_out"


def _greet(turn: Turn) -> str:
    turn.conversation.memory["greeted"] = True
    turn.say("greeting.new", company=turn.house.company_name)
    if turn.book.language != "es":
        turn.say("language.offer", glue=" ")
    if turn.house.privacy_url:
        turn.say("greeting.privacy_link", privacy_url=turn.house.privacy_url)
    else:
        turn.say("greeting.privacy_plain")
    turn.count("conversation.greeted")
    if turn.consented:
        return "NEEDS_ANALYSIS"
    if turn.reading.has("question"):
        turn.say("greeting.question_waits")
    elif turn.conversation.pending:
        turn.say("greeting.facts_wait")
    ask(turn, "consent")
    return "guarding_out"


def _take_up(turn: Turn) -> None:
    """Neither yes nor no: answer, explain once, or try again; the consent question stays open."""
    reading, memory = turn.reading, turn.conversation.memory
    answered = answer_aside(turn)
    if reading.has("greeting") and not answered:
        turn.say("greeting.hello")
    elif reading.has("dont_know", "objection") and not memory.get("hesitated"):
        memory["hesitated"] = True
        turn.say("consent.hesitation")
    elif reading.values and not answered:
        turn.say("greeting.facts_wait")
    elif reading.has("bye"):
        turn.say("ack.bye")
        return
    elif not turn.has_spoken() and missed(turn):
        turn.say("human.not_understood")
        call_human(turn, "not_understood")
        return
    ask(turn, "consent")
