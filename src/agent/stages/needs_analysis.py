"""NEEDS_ANALYSIS: asks only what is missing, one question at a time, and hands on as soon as a price can be made."""

from __future__ import annotations

from src.agent import facts
from src.agent.lookalikes import fold, rule
from src.agent.profile import AMOUNTS, FIELDS, OPTIONAL
from src.agent.stages import second, wishes
from src.agent.stages.answers import answer_aside, give_an_idea, note_asked_capital, wants_time
from src.agent.stages.endings import dismiss_minor, dismiss_over_age, give_up, refer_occupation
from src.agent.stages.parts import sentences
from src.agent.stages.questions import ask, may_ask, missed, next_missing, progressed
from src.agent.turn import Change, Turn
from src.agent.understanding import BANK_TIED, Reading


def needs_analysis(turn: Turn) -> str:
    """Takes facts in, answers what was asked in between, then asks for what is missing."""
    just_agreed = turn.conversation.stage != "NEEDS_ANALYSIS"
    turn.enter("NEEDS_ANALYSIS")
    if turn.conversation.awaiting == "consent" and not turn.changes:
        turn.say("consent.thanks")
    note_asked_capital(turn)
    if leaves(turn) or take_facts(turn):
        return "guarding_out"
    if not respond(turn) and not just_agreed:
        give_up(turn)
        return "guarding_out"
    if wants_time(turn):
        return "guarding_out"
    if turn.conversation.memory.price_for and "age" in turn.conversation.profile:
        give_an_idea(turn)
    missing = _undated(turn) or _age_for_a_price(turn) or next_missing(turn)
    if missing is None:
        return "COTIZACION"
    ask(turn, missing)
    return "guarding_out"


def leaves(turn: Turn) -> bool:
    """Somebody who is not interested may go at every question: asked back once, unless they are asked already."""
    reading, memory = turn.reading, turn.conversation.memory
    asked, memory.leaving = memory.leaving, False
    if (asked and reading.whole == "yes") or (reading.has("decline") and (asked or not turn.words)):
        turn.end("declined")
        turn.say("end.declined", comma_name=turn.comma_name)
        return True
    if asked and (reading.whole == "no" or any(intent.topic == "stay" for intent in reading.intents)):
        turn.reading = Reading(language=reading.language, text=reading.text)
        turn.say("ack.go_on")
        return False
    if not reading.has("decline") or reading.values:
        return False
    memory.leaving = True
    turn.conversation.awaiting = None  # so that a yes is no answer to what was asked before
    turn.say("end.leaving")
    turn.offer(("decline", "options.leave"), ("more:stay", "options.stay"))
    return True


def _undated(turn: Turn) -> str | None:
    """A date of birth that was tried but is not complete or not possible is asked for at once."""
    tried = turn.reading.value("details.birth_year") or any(i.topic == "invalid_date" for i in turn.reading.intents)
    return "birth_date" if tried and not turn.reading.value("birth_date") and may_ask(turn, "birth_date") else None


def _age_for_a_price(turn: Turn) -> str | None:
    """Who asks for a price is asked for the age first, because that is what is missing for one."""
    asks = any(intent.name == "question" and intent.topic == "price" for intent in turn.reading.intents)
    waits = asks and "age" not in turn.conversation.profile and not facts.doubts(turn)
    return "age" if waits and may_ask(turn, "age") else None


def take_facts(turn: Turn) -> bool:
    """Records what was told, acknowledges it, and ends the turn (True) when it makes the case one for a person."""
    if turn.conversation.awaiting != "consent":
        facts.record(turn)
        facts.settle_confirmation(turn)
        _note_connections(turn)
        wishes.take(turn)
    profile, details = turn.conversation.profile, turn.conversation.details
    limits = turn.catalogue.book.tariff.limits
    if profile.get("age", limits.entry_age_min) < limits.entry_age_min:
        dismiss_minor(turn)
        return True
    if profile.get("age", 0) > limits.entry_age_max and not facts.doubts(turn):
        dismiss_over_age(turn)
        return True
    if profile.get("occupation_class") == 4 or details.get("sport"):
        refer_occupation(turn)
        return True
    _acknowledge(turn)
    return False


def _note_connections(turn: Turn) -> None:
    """What several facts of one message say together."""
    if any(intent.name == "question" and intent.topic == BANK_TIED for intent in turn.reading.intents):
        turn.conversation.memory.bank_tied = True
    wishes.note_term(turn)
    if turn.reading.has("couple"):
        turn.conversation.details["insured_count"] = 2


def _acknowledge(turn: Turn) -> None:
    """One short word about what was just told; a value that replaces another is said back."""
    _condole(turn)
    named = any(change.key == "name" and change.before is None for change in turn.changes)
    say_corrections(turn)
    if named:
        turn.say("ack.name", name=turn.first_name)
    told = [change for change in turn.changes if change.before is None and change.key not in ("name", *wishes.NOTED_AS)]
    if told and turn.conversation.stage == "NEEDS_ANALYSIS":
        facts.say_back(turn, told, glue=" " if named else "\n\n")
    if turn.conversation.stage == "NEEDS_ANALYSIS":
        wishes.acknowledge(turn)
    explained = turn.conversation.awaiting == "confirm:smoker"
    if not explained and any(change.key == "smoker" and change.after for change in turn.changes):
        turn.say("ack.smoker_definition", glue=" ")
    memory = turn.conversation.memory
    theirs = turn.reading.value(second.KEY)
    of_the_second = theirs is not None and bool(set(theirs.value) - {"who"}) and second.state(turn) != second.BEGUN
    if of_the_second and not memory.told_of_second_person:
        memory.told_of_second_person = True
        turn.say("ack.second_person", glue=" ")
    if any(found.key.startswith("details.foreign_") for found in turn.reading.values):
        turn.say("unclear.foreign_money", glue=" ")
    if turn.reading.value("details.beneficiary"):
        turn.say("ack.beneficiary", glue=" ")
    if memory.implausible:
        memory.implausible = ""
        turn.say("unclear.invalid_value")


def say_corrections(turn: Turn) -> list[Change]:
    """Says back what replaces an earlier value, with an apology where that was wrong; what is new is returned."""
    replaced = [change for change in turn.changes if change.before is not None]
    for place, change in enumerate(replaced):
        label, value = facts.label_of(turn, change.key), turn.book.value(change.key, change.after)
        text = "ack.changed_wish" if FIELDS[change.key].prices == "wish" else "ack.correction"
        turn.say(text, glue="\n" if place else "\n\n", label=label, value=value)
    return [change for change in turn.changes if change.before is None]


_A_DEATH = r"\b(?:murio|fallecio|fallecido|enviud\w+|me quede viud[oa]|soy viud[oa]|(?:en paz|gloria) (?:este|descanse))\b"


def _condole(turn: Turn) -> None:
    """One short word, once, to somebody who says that they lost somebody."""
    memory, text = turn.conversation.memory, turn.reading.text
    widowed = any(change.key == "marital_status" and change.after == "widowed" for change in turn.changes)
    told = any("?" not in one and rule(_A_DEATH).search(fold(one).text) for one in sentences(text))
    if (widowed or told) and not memory.condoled:
        memory.condoled = True
        turn.say("ack.loss")


def respond(turn: Turn) -> bool:
    """Says what is to be said to everything but facts. False when it is time for a person: too often not understood."""
    reading = turn.reading
    answered = answer_aside(turn)
    undated = any(intent.topic == "invalid_date" for intent in reading.intents)
    if undated:
        turn.say("unclear.invalid_date")
    elif reading.value("details.birth_year") and not reading.value("birth_date"):
        turn.say("unclear.full_date")
    if answered or turn.changes or turn.doubted:
        progressed(turn)
        return True
    if reading.has("bye"):
        turn.say("ack.bye")
        return True
    if reading.has("dont_know", "deny"):
        return _left_blank(turn)
    if reading.has("affirm", "accept", "choice", "interest"):
        if not turn.has_spoken():
            turn.say("ack.value" if (turn.conversation.awaiting or "") in AMOUNTS else "ack.go_on")
        return True
    if reading.has("greeting", "resume") and not turn.has_spoken():
        turn.say("greeting.hello")
        return True
    return turn.has_spoken() or bool(reading.values) or not missed(turn)


def _left_blank(turn: Turn) -> bool:
    """Declining an optional fact is an answer; for the others it is said why they are needed."""
    awaiting = turn.conversation.awaiting or ""
    declined = turn.reading.intent("dont_know")
    key = declined.topic if declined and declined.topic in OPTIONAL else awaiting
    if key == "sum_assured":
        facts.skip(turn, key)
        turn.say("needs.calculator")
    elif key in OPTIONAL:
        facts.skip(turn, key)
        turn.say("ack.skipped")
    elif awaiting.startswith("confirm:"):
        pass  # what was not confirmed is asked openly
    else:
        return not missed(turn, f"why.{key}" if f"why.{key}" in turn.book else "why.other")
    progressed(turn)
    return True
