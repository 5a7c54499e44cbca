"""INICIO: says what it is and why it asks, and gets the consent without which nothing personal counts."""

from __future__ import annotations

from src.agent import facts
from src.agent.stages import wishes
from src.agent.stages.answers import answer_aside, answer_from_knowledge, wants_time
from src.agent.stages.endings import give_up
from src.agent.stages.questions import ask, missed, progressed
from src.agent.turn import Turn

FIRST_ANSWER_ROOM = 250
"""Characters there are for an answer beside greeting, privacy and consent question in the first message."""
QUESTION_KEPT = 300
"""Characters of a question that waits for the consent."""


def inicio(turn: Turn) -> str:
    """Greets once, then waits for the consent; facts that come along wait for it too."""
    reading = turn.reading
    facts.record(turn)
    wishes.take(turn)
    if not turn.conversation.memory.greeted:
        return _greet(turn)
    if _refuses(turn):
        facts.refuse_consent(turn)
        turn.say("consent.refused")
        turn.offer(("human", "options.human"))
        turn.end("consent_refused")
        return "guarding_out"
    if reading.whole == "yes":
        facts.give_consent(turn)
        progressed(turn)
        _answer_what_waited(turn)
        return "NEEDS_ANALYSIS"
    _take_up(turn)
    return "guarding_out"


SHORT_REFUSAL_WORDS = 4
PLAIN_REFUSALS = ("no acepto", "no autorizo", "no consiento", "no doy", "no quiero dar", "no os doy", "no te doy")
"""A no in more words than this may be about something else, and is asked about once."""


def _refuses(turn: Turn) -> bool:
    """Whether the answer is wholly a no: one in few words at once, any other the second time it is said."""
    reading, memory = turn.reading, turn.conversation.memory
    if reading.has("withdraw_consent"):
        return True
    refusing = reading.has("deny", "decline") and not reading.has("affirm", "accept", "interest", "not_prospect")
    if not refusing:
        return False
    plain = reading.text.lower().startswith(PLAIN_REFUSALS) or len(reading.text.split()) <= SHORT_REFUSAL_WORDS
    if (reading.whole == "no" and plain) or memory.refused_once:
        return True
    memory.refused_once = True
    return False


def _greet(turn: Turn) -> str:
    turn.conversation.memory.greeted = True
    turn.count("conversation.greeted")
    turn.say("greeting.new", company=turn.house.company_name)
    if turn.book.language != "es":
        turn.say("language.offer", glue=" ")
    if turn.house.privacy_url:
        turn.say("greeting.privacy_link", privacy_url=turn.house.privacy_url)
    else:
        turn.say("greeting.privacy_plain")
    if turn.consented:
        return "NEEDS_ANALYSIS"
    if turn.reading.has("couple"):
        turn.say("safety.couple")
        turn.conversation.memory.couple = True
    question = turn.reading.intent("question")
    if question and question.topic == "price":
        turn.say("proposal.price_unknown")
    elif question and not answer_from_knowledge(turn, at_most=FIRST_ANSWER_ROOM):
        if turn.search(turn.reading.text, turn.book.language):
            turn.say("greeting.question_waits")
            turn.conversation.memory.question = turn.reading.text[:QUESTION_KEPT]
        elif "?" in turn.reading.text:
            turn.say("greeting.question_for_people")
    elif turn.conversation.pending:
        turn.say("greeting.facts_wait")
    ask(turn, "consent")
    return "guarding_out"


def _answer_what_waited(turn: Turn) -> None:
    """The question of the first message that was too long to answer there."""
    memory = turn.conversation.memory
    question, memory.question = memory.question, ""
    if question:
        answer_from_knowledge(turn, asked=question)


def _take_up(turn: Turn) -> None:
    """Neither yes nor no: answer, explain once, or try again; the consent question stays open."""
    reading, memory = turn.reading, turn.conversation.memory
    if answer_aside(turn):
        progressed(turn)
        if wants_time(turn):
            return
        if reading.has("affirm", "accept"):
            turn.say("consent.plain_yes", glue=" ")
    elif reading.has("bye"):
        turn.say("ack.bye")
        return
    elif reading.has("dont_know", "objection", "deny", "decline") and not memory.hesitated:
        memory.hesitated = True
        turn.say("consent.hesitation")
    elif reading.has("affirm", "accept") and not reading.values:
        turn.say("consent.plain_yes")
    elif reading.values:
        turn.say("greeting.facts_wait")
    elif reading.has("greeting", "resume", "interest"):
        turn.say("greeting.hello")
    elif not turn.has_spoken() and missed(turn):
        give_up(turn)
        return
    ask(turn, "consent")
