"""What is asked, in which order, how often, and with which buttons."""

from __future__ import annotations

import json
from typing import Any

from src.agent import facts
from src.agent.profile import ASKED, FIELDS, OPTIONAL
from src.agent.stages import wishes
from src.agent.turn import MAX_ASKS, Turn
from src.messages import Option

MISSES_BEFORE_A_HUMAN = 3


def next_missing(turn: Turn) -> str | None:
    """The key of the next question before a quote can be made, or None. What is known or declined is not asked."""
    for doubt in list(facts.doubts(turn)):
        confirming = f"confirm:{doubt.key}"
        if may_ask(turn, confirming):
            return confirming
        # Asked often enough without an answer: openly then, so that no yes can ever mean a value that was not shown.
        facts.settle_doubt(turn, doubt.key)
        del turn.conversation.asked[confirming]
    key = _next_open(turn)
    if key:
        return "birth_date" if key == "age" and "birth_year" in turn.conversation.details else key
    profile = turn.conversation.profile
    if "occupation_class" not in profile:
        return "occupation_class"
    if wishes.lacks_term(turn) and not facts.is_skipped(turn, "term_years") and may_ask(turn, "term_years"):
        return "term_years"
    unsized = facts.is_skipped(turn, "monthly_income") and profile.get("dependents", 1) > 0
    if unsized and "sum_assured" not in profile and not facts.is_skipped(turn, "sum_assured"):
        return "sum_assured"
    return None


def _next_open(turn: Turn) -> str | None:
    """The open question stays open through whatever is not an answer; a key asked often enough waits behind the others."""
    unsettled = [key for key in ASKED if not _is_settled(turn, key)]
    awaiting = "age" if turn.conversation.awaiting == "birth_date" else turn.conversation.awaiting
    if awaiting in unsettled and not turn.changes:
        return awaiting
    needed = [key for key in unsettled if key not in OPTIONAL]
    return next((key for key in unsettled if may_ask(turn, key)), needed[0] if needed else None)


def _is_settled(turn: Turn, key: str) -> bool:
    profile = turn.conversation.profile
    if key in profile or facts.is_skipped(turn, key):
        return True
    if key == "occupation":
        return "occupation_class" in profile
    if FIELDS[key].prices == "need" and "sum_assured" in profile:
        return True  # the prospect's own figure needs no sizing
    has_partner = profile.get("marital_status") in ("married", "partner")
    return key == "monthly_income" and profile.get("dependents") == 0 and not has_partner


def may_ask(turn: Turn, key: str) -> bool:
    """Whether that question may still be put."""
    return turn.conversation.asked.get(key, 0) < MAX_ASKS


def ask(turn: Turn, key: str) -> None:
    """Puts the question and leaves it awaited. A question that was put three times stays open without being repeated."""
    conversation = turn.conversation
    conversation.awaiting = key
    times = conversation.asked.get(key, 0)
    if times >= MAX_ASKS and key not in ("choice", "accept"):
        turn.say("ack.waiting")
        return
    conversation.asked[key] = times + 1
    if key.startswith("confirm:"):
        _ask_to_confirm(turn, times)
        return
    of_the_loan = key == "term_years" and wishes.is_tied_to_mortgage(turn)
    turn.say("ask.loan_years" if of_the_loan else f"ask.{key}", variant=times)
    turn.drafts[-1].options = options_of(turn, key)


def _ask_to_confirm(turn: Turn, times: int) -> None:
    doubt = facts.doubts(turn)[0]
    key, book = doubt.key, turn.book
    if key == "smoker" and doubt.value:
        turn.say("ack.smoker_definition")
    turn.say("ask.confirm", variant=times, label=book.say(f"label.{key}"), value=book.value(key, doubt.value))
    options = [
        Option(id="confirm:yes", title=book.say("options.correct")),
        Option(id="confirm:no", title=book.say("options.wrong")),
    ]
    least = turn.catalogue.book.tariff.limits.sum_min if key == "sum_assured" else 0
    # A title "sí" or "no" would stand for a value, and be typed in answer to "is that correct?".
    stated = [] if isinstance(doubt.value, bool) else doubt.alternatives
    others = [value for value in stated if value != doubt.value and (not least or value >= least)][:1]
    options[1:1] = [Option(id=f"set:{key}:{json.dumps(value)}", title=book.value(key, value)[:20]) for value in others]
    turn.drafts[-1].options = options


def options_of(turn: Turn, key: str) -> list[Option]:
    """The buttons of a question whose usual answers are few."""
    book = turn.book
    if key == "consent":
        return [
            Option(id="consent:yes", title=book.say("options.consent_yes")),
            Option(id="consent:no", title=book.say("options.consent_no")),
        ]
    if key == "term_years":
        return [
            Option(id=f"set:term_years:{years}", title=book.value("term_years", years)) for years in wishes.usual_terms(turn)
        ]
    if key == "choice":
        return [
            Option(id=f"choose:{quote.id}", title=book.say(f"tier.{quote.tier or 'own'}")) for quote in turn.conversation.quotes
        ]
    if key == "accept":
        chosen, alone = turn.conversation.selected_quote, len(turn.conversation.quotes) == 1
        return [
            Option(id=f"accept:{chosen}", title=book.say("options.accept")),
            Option(id="more:all", title=book.say("options.all"))
            if alone
            else Option(id="more:change", title=book.say("options.change")),
            Option(id="decline", title=book.say("options.decline")),
        ]
    return [_button(turn, key, value, title) for value, title in FIELDS[key].buttons] if key in FIELDS else []


def _button(turn: Turn, key: str, value: Any, title: str) -> Option:
    reply_id = f"skip:{key}" if value is None else f"set:{key}:{json.dumps(value)}"
    return Option(id=reply_id, title=turn.book.say(title) if title else turn.book.value(key, value))


def missed(turn: Turn, instead: str = "") -> bool:
    """The answer was not understood. True when it is time for a human; otherwise a word is said (`instead`: which)."""
    memory = turn.conversation.memory
    memory.misses += 1
    awaiting = turn.conversation.awaiting
    exhausted = awaiting not in (None, "choice", "accept") and not may_ask(turn, str(awaiting))
    if memory.misses >= MISSES_BEFORE_A_HUMAN or exhausted:
        return True
    turn.say(instead or ("unclear.first" if memory.misses == 1 else "unclear.second"))
    return False


def progressed(turn: Turn) -> None:
    """Something was understood: failures are counted anew."""
    turn.conversation.memory.misses = 0
