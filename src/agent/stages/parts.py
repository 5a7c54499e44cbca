"""A message of several sentences, taken one by one: what is told beside a question, or with a "pero", is not lost for it.

Nothing here binds anybody: an agreement and an acceptance are still a press, or a message that says nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from src.agent.turn import Turn
from src.agent.understanding import CONFIRM_BELOW, Context, Found, Intent, Reading

_ENDS = re.compile(r"(?<=[.!?;…])\s+|\s*\n+\s*|\s*(?=¿)|,\s+|\s+(?=(?:pero|aunque|but)\b)")
_SUPPOSES = ("y si ", "¿", "cuando ", "como ", "and if ", "what if ")
_BUTS = ("pero ", "aunque ", "but ")
_WANTS_ANOTHER = ("other_sum", "cheaper", "change")
_ANY_WORDS = ("name", "occupation")  # a part of a sentence would pass for either
MOST_PARTS = 6


def sentences(text: str) -> list[str]:
    """The text in pieces that may each say something of their own, in order."""
    return [part.strip(" ,;") for part in _ENDS.split(text) if part.strip(" ,.;!?¿¡")]


def questions(text: str) -> list[str]:
    """The sentences that ask, whole: a comma ends none of them."""
    found: list[str] = []
    begun = ""
    for part in re.split(r"(?<=[.!?;…])\s+|\s*\n+\s*|\s*(?=¿)", text):
        begun = part.strip()
        if "?" in begun or "¿" in begun:
            found.append(begun)
    return found


def taken_apart(turn: Turn, read: Reading, context: Context) -> Reading:
    """The reading together with what one of its sentences answers, alone, to the open question; `turn.aside` keeps the rest.

    A choice, a yes or a no, and the value that was asked for are looked for, and only where the whole message gave none.
    """
    parts = sentences(read.text)[:MOST_PARTS]
    if read.whole or len(parts) < 2 or not context.awaiting:
        return read
    plain = {place: part for place, part in enumerate(parts) if not _asks(parts, place)}
    readings = {place: turn.reader(part, context, "") for place, part in plain.items()}
    found = _answer(read, readings, context)
    if found is None:
        return read
    place, intents, values = found
    rest = [part for other, part in enumerate(parts) if other != place and not _is_explained(part, readings.get(other))]
    turn.aside = ", ".join(rest).removeprefix("pero ")
    others = tuple(intent for intent in read.intents if intent.name not in ("unclear", "choice"))
    known = tuple(value for value in read.values if value.key not in {each.key for each in values})
    return msgspec.structs.replace(read, intents=(*others, *intents), values=(*known, *values))


def _is_explained(part: str, alone: Reading | None) -> bool:
    """Whether a part is a mere yes, or tells a fact without a "but": then nothing of it is left over."""
    return alone is not None and bool(alone.whole or alone.values) and not part.casefold().startswith(_BUTS)


def _asks(parts: Sequence[str], place: int) -> bool:
    """Whether that part is a question or supposes something; one that was begun with "¿" lasts until its "?"."""
    before = "".join(parts[:place])
    within = before.rfind("¿") > before.rfind("?")
    return within or "?" in parts[place] or parts[place].casefold().startswith(_SUPPOSES)


def _answer(
    read: Reading, readings: dict[int, Reading], context: Context
) -> tuple[int, tuple[Intent, ...], tuple[Found, ...]] | None:
    awaiting = context.awaiting or ""
    elsewhere = read.has("rider", "change", "decline", "objection")
    elsewhere = elsewhere or any(intent.name == "question" and intent.topic in _WANTS_ANOTHER for intent in read.intents)
    if awaiting in ("choice", "accept") and context.options and not elsewhere:
        chosen = {place: one.intent("choice") for place, one in readings.items()}
        named = {place: intent for place, intent in chosen.items() if intent and intent.topic}
        if len({intent.topic for intent in named.values()}) == 1:
            place, intent = next(iter(named.items()))
            return place, (intent,), ()
    if awaiting in ("consent", "accept") or awaiting.startswith("confirm:"):
        if read.has("affirm", "accept", "deny", "decline"):
            return None
        first = readings.get(0)
        said = {"yes": "affirm", "no": "deny"}.get(first.whole) if first else None
        if said == "affirm" or (said == "deny" and awaiting.startswith("confirm:")):
            return 0, (Intent(said),), ()  # type: ignore[arg-type]
        return None
    if read.value(awaiting) is not None or awaiting in _ANY_WORDS:
        return None
    for place, one in readings.items():
        value = one.value(awaiting)
        if value is not None and value.confidence >= CONFIRM_BELOW:
            return place, (), tuple(each for each in one.values if each.key in (awaiting, f"{awaiting}_class"))
    return None
