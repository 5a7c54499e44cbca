"""NEEDS_ANALYSIS: asks only what is missing, one question at a time, and hands on as soon as a price can be made."""

from __future__ import annotations

from src.agent.stages import facts
from src.agent.stages.answers import answer_aside
from src.agent.stages.handover import call_human
from src.agent.stages.questions import OPTIONAL, ask, missed, next_missing, progressed
from src.agent.stages.turn import Turn


def needs_analysis(turn: Turn) -> str:
    """Takes facts in, answers what was asked in between, then asks for what is missing."""
    turn.enter("NEEDS_ANALYSIS")
    just_consented = turn.conversation.awaiting == "consent"
    take_facts(turn)
    if referred(turn):
        return "guarding_out"
    understood = hear(turn)
    if turn.reading.has("bye") and not turn.changes:
        turn.say("ack.bye")
        return "guarding_out"
    missing = next_missing(turn)
    if missing is None:
        return "COTIZACION"
    if not understood and not just_consented and not turn.has_spoken() and missed(turn):
        give_up(turn)
        return "guarding_out"
    ask(turn, missing)
    return "guarding_out"


def take_facts(turn: Turn) -> None:
    """Records what was told, acknowledges it briefly, and settles a `confirm:` question that was answered."""
    awaiting = turn.conversation.awaiting or ""
    before = len(facts.doubts(turn))
    if turn.conversation.awaiting != "consent":
        facts.record(turn)
    if awaiting.startswith("confirm:") and turn.reading.has("deny", "dont_know") and not turn.changes:
        if len(facts.doubts(turn)) <= before:
            facts.settle_doubt(turn, awaiting.removeprefix("confirm:"))
        turn.conversation.memory["denied"] = awaiting.removeprefix("confirm:")
    acknowledge(turn)


def acknowledge(turn: Turn) -> None:
    """One short word about what was just told; a replaced value is said back."""
    book = turn.book
    replaced = [change for change in turn.changes if change.before is not None and f"label.{change.key}" in book]
    named = next((change for change in turn.changes if change.key == "name" and change.before is None), None)
    glue = "\n\n"
    for change in replaced[:3]:
        turn.say("ack.correction", glue=glue, label=book.say(f"label.{change.key}"), value=book.value(change.key, change.after))
        glue = "\n"
    if replaced:
        return
    if named:
        turn.say("ack.name", name=turn.first_name)
    elif turn.changes:
        turn.say("ack.value")
    if any(change.key == "smoker" and change.after for change in turn.changes):
        turn.say("ack.smoker_definition", glue=" ")
    if turn.conversation.memory.pop("implausible", None):
        turn.say("unclear.invalid_value")


def hear(turn: Turn) -> bool:
    """Whether this turn brought anything that moves the conversation on; says what is to be said to the rest."""
    reading, awaiting = turn.reading, turn.conversation.awaiting or ""
    answered = answer_aside(turn)
    denied = turn.conversation.memory.pop("denied", None)
    if turn.changes or answered or denied or facts.doubts(turn):
        progressed(turn)
        return True
    if reading.has("dont_know", "deny", "decline"):
        return _left_blank(turn, awaiting)
    if reading.has("greeting", "resume"):
        turn.say("greeting.hello")
        return True
    if reading.has("affirm", "accept", "choice"):
        turn.say("ack.go_on")
        return awaiting not in ("smoker",)
    return bool(turn.reading.values)


def _left_blank(turn: Turn, awaiting: str) -> bool:
    """Declining an optional fact is an answer; for the others it is said why they are needed."""
    skipped = turn.reading.intent("dont_know")
    key = skipped.topic if skipped and skipped.topic in OPTIONAL else awaiting
    if key == "sum_assured" or (skipped and skipped.topic == "sum_assured"):
        facts.skip(turn, "sum_assured")
        turn.say("needs.calculator")
        return True
    if key in OPTIONAL:
        facts.skip(turn, key)
        turn.say("ack.skipped")
        progressed(turn)
        return True
    if f"why.{key}" in turn.book:
        turn.say(f"why.{key}")
    return False


def referred(turn: Turn) -> bool:
    """Cases for a person: a risky occupation or sport, an age over the limit. True when the turn is over."""
    profile, details = turn.conversation.profile, turn.conversation.details
    limits = turn.catalogue.book.tariff.limits
    if profile.get("age", 0) > limits.entry_age_max and not facts.doubts(turn):
        turn.say("safety.over_age", age=profile["age"], limit=limits.entry_age_max)
        turn.end("ineligible")
        call_human(turn, "over_age")
        return True
    if profile.get("occupation_class") == 4 or details.get("risky_sport") or details.get("sport"):
        turn.say("safety.occupation")
        call_human(turn, "occupation")
        return True
    return False


def give_up(turn: Turn) -> None:
    """Three times not understood: a person goes on."""
    turn.drafts[-1].pieces.clear()
    turn.say("human.not_understood")
    call_human(turn, "not_understood")
