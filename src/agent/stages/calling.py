"""When somebody would like to be called: what they said of it, as it can be said back, and what is said when a person comes."""

from __future__ import annotations

import re

import msgspec

from src.agent.lookalikes import fold, rule
from src.agent.turn import Turn
from src.agent.understanding import Context, Found, Reading

WHEN = "details.callback"
ANY_TIME = "a cualquier hora"
_ASKED = Context(awaiting=WHEN)
_PART = r"(?:mañanas?|tardes?|noches?)"
_BEFORE = {
    **dict.fromkeys(("mañanas", "tardes", "noches"), "por las "),
    **dict.fromkeys(("tarde", "noche"), "por la "),
    **dict.fromkeys(("lunes", "martes", "miércoles", "miercoles", "jueves", "viernes", "sábado", "sabado", "domingo"), "el "),
}
"""What stands before the first word of a time that was said without it."""
_PART_BEHIND = re.compile(rf"^ (?:de |por )?(?:la )?({_PART})\b", re.IGNORECASE)
_PART_IN_FRONT = re.compile(r"\b(?:mañanas|tardes|noches)[ ,]+$", re.IGNORECASE)
_NOT_THEN = re.compile(r"\b(?:menos|salvo|excepto|que no sea)(?: (?:el|los))?\s*$", re.IGNORECASE)
_CANNOT = re.compile(r"^,? (?:no (?:puedo|me|estoy)|imposible|trabajo)\b", re.IGNORECASE)
_WHENEVER = r"\b(?:cuando (?:quier\w+|quera\w+|pued\w+|poda\w+|os venga)|cualquier hora|(?:me )?da igual)\b"
_TIMES = r"mananas?|tardes?|noches?|mediodia|comer|comida|finde|lunes|martes|miercoles|jueves|viernes|sabados?|domingos?"
_EXCEPT = rf"\b(?:menos|salvo|excepto) (?:(?:por|a|al|en|de|el|los|las|la|hora) )*(?:{_TIMES})\b"


def worded(turn: Turn, read: Reading) -> Reading:
    """The reading with the time for a call as it can be said back: "por las tardes", "el jueves después de las seis"."""
    found = read.value(WHEN)
    if found is not None:
        told = _said(turn, read.text, found)
    elif turn.conversation.outcome == "accepted" and "callback" not in turn.conversation.details:
        told = _whenever(read.text)
    else:
        told = ""
    if not told:
        return read
    others = tuple(value for value in read.values if value.key != WHEN)
    intents = tuple(
        intent for intent in read.intents if intent.name not in ("unclear", "dont_know", "question") or "?" in read.text
    )
    return msgspec.structs.replace(read, intents=intents, values=(*others, Found(WHEN, told, told)))


def _said(turn: Turn, text: str, found: Found) -> str:
    place = text.find(found.evidence)
    if not found.evidence or place < 0:
        return str(found.value)
    before, after = text[:place], text[place + len(found.evidence) :]
    if _CANNOT.match(after):
        other = turn.reader(after, msgspec.structs.replace(_ASKED, today=turn.today.isoformat()), "").value(WHEN)
        return _article(other.evidence) if other else f"{ANY_TIME} menos {_article(found.evidence)}"
    if _NOT_THEN.search(before):
        return f"{ANY_TIME} menos {_article(found.evidence)}"
    part, earlier = _PART_BEHIND.match(after), _PART_IN_FRONT.search(before)
    if earlier:
        return _article(f"{earlier[0].strip(' ,')} {found.evidence}")
    return _article(f"{found.evidence} de la {part[1]}" if part else found.evidence)


def _article(when: str) -> str:
    """The time with the words that belong before it."""
    when = when.lower().strip(" .,").removeprefix("mejor ")
    return f"{_BEFORE.get(when.split()[0], '')}{when}" if when else when


def _whenever(text: str) -> str:
    """An answer that leaves the time to us, with what it leaves out; "" for any other."""
    if "?" in text:
        return ""
    plain = fold(text)
    excepted = rule(_EXCEPT).search(plain.text)
    if excepted:
        return f"{ANY_TIME}, {text[slice(*plain.span_in_original(*excepted.span()))].lower()}"
    return ANY_TIME if rule(_WHENEVER).search(plain.text) else ""


def ask_for_time(turn: Turn) -> None:
    """Beside a hand-over: what was told of when to call is said back, what was not may be left in writing.

    It is no question: whoever could answer it is not there yet.
    """
    told = _known(turn, "callback")
    if told:
        turn.say("human.calls_then", when=told)
    elif turn.conversation.memory.offered_call is None:  # otherwise a time was just offered
        turn.say("human.leave_time" if _known(turn, "phone") else "human.leave_time_and_phone", glue=" ")


def _known(turn: Turn, name: str) -> str:
    """A detail of this message or an earlier one, told before the consent or after it; "" for none."""
    key, conversation = f"details.{name}", turn.conversation
    now, held = turn.reading.value(key), conversation.pending.get(key)
    return str(now.value if now else held.found["value"] if held else conversation.details.get(name, ""))
