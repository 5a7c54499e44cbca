"""FINALIZADO: closes the sale, and receives those who come back to a closed one."""

from __future__ import annotations

from src.agent import facts
from src.agent.lookalikes import any_of, fold, rule
from src.agent.stages import quotes, second, wishes
from src.agent.stages.answers import answer_aside
from src.agent.stages.calling import ANY_TIME
from src.agent.stages.needs_analysis import say_corrections
from src.agent.stages.promises import ask_when, plan_call, planned_call
from src.agent.stages.questions import ask
from src.agent.stages.returning import reopen
from src.agent.state import Consent, Handoff
from src.agent.turn import Turn

LAST_WORDS = frozenset(("thanks", "bye", "affirm", "deny", "decline", "unclear", "off_topic", "dont_know", "insult"))
"""What somebody may add to a goodbye without wanting anything."""

_OTHERWISE = any_of(
    r"""
    \b(?:cancel|anul|arrepent|arrepient|desist)\w*
    \bme (?:lo )?he (?:pensado mejor|echado atras)\b
    \bya no (?:lo |la )?(?:quiero|necesito|me interesa)\b
    \ben (?:vez|lugar) de\b
    \b(?:quiero|quisiera|prefiero|necesito) (?:cambiar|la otra|otra opcion|otro)
    \b(?:nadie|no) (?:me )?(?:ha|han|hab\w+) (?:llamado|escrito|contactado|dicho nada)\b
    \bsigo esperando\b
    \b(?:changed my mind|nobody (?:has )?(?:called|wrote|written)|don't want it|instead of)\b
    """
)


def finalizado(turn: Turn) -> str:
    """An acceptance that has just been given is closed; otherwise somebody has come back."""
    if turn.conversation.stage != "FINALIZADO":
        return _close(turn)
    outcome = turn.conversation.outcome
    if outcome == "accepted":
        return _accepted_again(turn)
    if outcome == "opted_out":
        return _after_opt_out(turn)
    if outcome == "consent_refused":
        return _after_refusal(turn)
    if outcome == "ineligible":
        return _after_ineligible(turn)
    return _after_decline(turn)


def _close(turn: Turn) -> str:
    """Summary and next steps; a person is called for the papers."""
    conversation = turn.conversation
    chosen = next(quote for quote in conversation.quotes if quote.id == conversation.selected_quote)
    turn.drafts[-1].proposal = True
    turn.say("end.accepted", comma_name=turn.comma_name, **quotes.words(turn, chosen))
    if "email" in conversation.profile:
        turn.say("end.email_noted", email=conversation.profile["email"])
    if second.state(turn) == second.LATER:
        turn.say("second.after_this", who=second.named(turn))
    turn.end("accepted")
    turn.handoff = Handoff("accepted")
    return "guarding_out"


def _accepted_again(turn: Turn) -> str:
    """Questions are answered; a fact that changes goes to the person who has the case."""
    facts.record(turn)
    greeted = turn.reading.has("greeting", "resume")
    if greeted:
        turn.say("greeting.hello_name", comma_name=turn.comma_name)
    if second.goes_on(turn):
        return "guarding_out"
    told = _say_back(turn)
    if turn.changes or told:
        turn.handoff = Handoff("changed_after_acceptance")
    chosen = quotes.selected(turn)
    if chosen and any(intent.name == "question" and intent.topic == "price" for intent in turn.reading.intents):
        turn.say("end.accepted_price", **quotes.words(turn, chosen))
    elif _wants_it_otherwise(turn):
        turn.say("end.passed_on")
        turn.handoff = Handoff("second_thoughts")
    elif told and not turn.reading.text.rstrip().endswith("?"):
        pass  # who tells something and asks nothing is answered by its being said back
    elif not answer_aside(turn) and chosen and (greeted or not told):
        turn.say("end.accepted_again", **quotes.words(turn, chosen))
    if told and second.begin_if_promised(turn):
        turn.handoff = Handoff("changed_after_acceptance")
    return "guarding_out"


def _say_back(turn: Turn) -> bool:
    """What was told for the person who finishes the papers: when to call, where to write, who is to get the money."""
    when, who = turn.reading.value("details.callback"), turn.reading.value("details.beneficiary")
    if when:
        plan_call(turn)
        at_any_time = str(when.value).startswith(ANY_TIME)
        but = str(when.value).removeprefix(ANY_TIME).strip(" ,")
        if at_any_time and but:
            turn.say("end.call_any_time", but=but)
        else:
            turn.say("end.call_noted", when=when.value)
        if (at := planned_call(turn)) is not None:
            turn.say("end.call_at", glue=" ", when=turn.moment(at))
    if who:
        turn.say("end.beneficiary_noted", who=who.value)
    new = say_corrections(turn)
    if new:
        facts.say_back(turn, new)
    phone = turn.reading.value("details.phone") is not None
    if phone and not (when or who or turn.changes):
        turn.say("ack.kept")
    return bool(when or who or phone or turn.changes)


def _wants_it_otherwise(turn: Turn) -> bool:
    """Whether somebody who accepted takes it back, wants something else, or waits in vain."""
    questions = [intent.topic for intent in turn.reading.intents if intent.name == "question"]
    if set(questions) & {"other_sum", "cheaper", "change"}:
        return True
    if wishes.names_product(turn):
        return True
    if turn.reading.has("decline", "choice", "couple", "rider") and not questions:
        return True
    return bool(rule(_OTHERWISE).search(fold(turn.reading.text).text)) and "?" not in turn.reading.text


def _is_last_word(turn: Turn) -> bool:
    return not turn.reading.values and all(intent.name in LAST_WORDS for intent in turn.reading.intents)


AGAIN = frozenset(("price", "compare", "cheaper", "other_sum", "resend_proposal", "coverage", "excluded"))
"""What somebody asks about who takes the sale up again."""


def _wants_again(turn: Turn) -> bool:
    """Whether somebody who left plainly wants the insurance after all; a question about anything else is only a question."""
    reading = turn.reading
    if any(intent.name == "question" and intent.topic in AGAIN for intent in reading.intents):
        return True
    asks = reading.has("question", "data_copy", "are_you_a_robot", "objection")
    return bool(reading.values) or (not asks and not _is_last_word(turn))


def _after_opt_out(turn: Turn) -> str:
    """Silence, unless somebody plainly wants something again; a question is answered, and nothing is sold with it."""
    if _wants_again(turn):
        return reopen(turn)
    if not turn.reading.has("question", "data_copy", "are_you_a_robot") or not answer_aside(turn):
        turn.fall_silent()
    return "guarding_out"


def _after_refusal(turn: Turn) -> str:
    """General questions are answered; nothing is kept until there is consent, and a mere "ok" is none."""
    reading, conversation = turn.reading, turn.conversation
    conversation.pending = {}
    if any(intent.name == "affirm" and intent.topic == "consent" for intent in reading.intents):
        facts.give_consent(turn)
        conversation.outcome = None
        return "NEEDS_ANALYSIS"
    if reading.has("thanks", "bye"):
        turn.say("ack.bye")
        return "guarding_out"
    if answer_aside(turn):
        turn.offer(("consent:yes", "options.consent"), ("human", "options.human"))
    elif reading.has("affirm", "accept", "resume", "interest"):
        conversation.outcome = None
        conversation.consents.pop("quote", None)
        turn.enter("INICIO")
        ask(turn, "consent")
    else:
        turn.say("consent.still_refused")
        turn.offer(("consent:yes", "options.consent"), ("human", "options.human"))
    return "guarding_out"


def _after_decline(turn: Turn) -> str:
    """A follow-up only for those who ask for it (LSSI, art. 21); whoever wants to go on goes on where it was left."""
    if any(intent.name == "question" and intent.topic == "follow_up" for intent in turn.reading.intents):
        turn.conversation.consents["follow_up"] = Consent(given=True, at=turn.now, text_version=turn.book.version)
        ask_when(turn)
        return "guarding_out"
    memory = turn.conversation.memory
    written_to, memory.written_to = memory.written_to, False
    if written_to and turn.reading.has("affirm"):
        return reopen(turn)
    if _wants_again(turn):
        return reopen(turn)
    if not answer_aside(turn) and not turn.has_spoken():
        turn.say("ack.bye")
    return "guarding_out"


def _after_ineligible(turn: Turn) -> str:
    """Only another age changes anything."""
    if turn.consented:
        facts.record(turn)
    age, limits = turn.conversation.profile.get("age"), turn.catalogue.book.tariff.limits
    if turn.changes and age is not None and limits.entry_age_min <= age <= limits.entry_age_max:
        return reopen(turn)
    if not answer_aside(turn):
        turn.say("end.ineligible_again")
    turn.offer(("restart", "options.restart"), ("human", "options.human"))
    return "guarding_out"
