"""The model reads along: what the rules did not understand it may point out, and where it reads otherwise somebody asks.

It points at words, and the words must be there. A figure counts at once only when the rules, shown those words alone, read
the same; whatever else fits the words is asked about before it counts, and the rest is dropped. It decides nothing that the
rules decide alone: consent, acceptance, BAJA, a person, danger, erasure, what is removed from a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from src.agent.lookalikes import fold, rule
from src.agent.profile import FIELDS, MASKED, ReadKey, is_plausible
from src.agent.thinking.asking import ask
from src.agent.turn import Turn
from src.agent.understanding import CONFIRM_BELOW, Context, Found, Intent, IntentName, Reading
from src.agent.understanding.quantities import find_quantities

ReadIntent = Literal[
    "greeting",
    "dont_know",
    "interest",
    "question",
    "objection",
    "choice",
    "are_you_a_robot",
    "thanks",
    "bye",
    "couple",
    "off_topic",
]
"""What a model may understand: nothing that gives or takes a consent, ends a sale, or calls a person."""
TOPICS: Mapping[str, tuple[str, ...]] = {
    "question": ("price", "compare", "coverage", "why", "cheaper", "change"),
    "objection": ("price", "trust", "need", "timing", "competitor"),
    "choice": ("1", "2", "3", "cheapest", "middle", "most_complete"),
    "interest": ("quote", "info"),
}
ALONE: frozenset[IntentName] = frozenset(
    (
        "human",
        "opt_out",
        "restart",
        "data_copy",
        "data_erase",
        "withdraw_consent",
        "insult",
        "threat",
        "self_harm",
        "health",
        "sensitive_ids",
        "injection",
    )
)
"""Where the rules read one of these, nothing is left to ask, and the words go nowhere."""
PERSONAL = ("consent", *MASKED)
"""Questions whose answers are nobody else's business: they are read by the rules alone."""
HISTORY_LINES, LINE_LENGTH, MOST_ITEMS, ANSWER_TOKENS = 4, 200, 20, 700
BARE_ANSWER_WORDS = 4
"""So short an answer that the rules understood means what they read."""
LIKELY, UNSURE = 0.9, 0.5


class ReadValue(msgspec.Struct, forbid_unknown_fields=True):
    """A value as the model reads it, and the words it points at."""

    key: ReadKey
    value: bool | float | str
    evidence: str


class ReadWish(msgspec.Struct, forbid_unknown_fields=True):
    """An intent as the model reads it. `topic` may be empty."""

    name: ReadIntent
    topic: str
    evidence: str


class ModelReading(msgspec.Struct, forbid_unknown_fields=True):
    """What the model is asked for."""

    values: list[ReadValue]
    intents: list[ReadWish]


def read_along(turn: Turn, read: Reading, context: Context) -> Reading:
    """The rules' reading with what the model adds to it or doubts in it; the rules' own when there is nothing to ask."""
    if turn.thinking is None or is_plain(read, context):
        return read
    text = masked(turn, read.text, read)
    content = ask(turn, "read", _facts(turn, text, read, context), ModelReading, answer_tokens=ANSWER_TOKENS)
    if content is None:
        return read
    told = _each(content.get("values"), ReadValue)
    values = _joined(turn, read, context, [value for value in told if _is_said(value.evidence, text)])
    if values != read.values or not _is_blank(read):
        return msgspec.structs.replace(read, values=values, intents=_without_unclear(read, values))
    wishes = [wish for wish in _each(content.get("intents"), ReadWish) if _is_said(wish.evidence, text)]
    intents = tuple(intent for wish in wishes if (intent := _understood(wish, context)))
    return msgspec.structs.replace(read, intents=intents or read.intents)


def is_plain(read: Reading, context: Context) -> bool:
    """Whether the rules' reading needs nobody's help, or is nobody else's business."""
    if read.has(*ALONE) or context.awaiting in PERSONAL or not read.text.strip():
        return True
    certain = all(found.confidence >= CONFIRM_BELOW for found in read.values)
    understood = bool(read.values or read.intents) and not read.has("unclear")
    return certain and understood and len(read.text.split()) <= BARE_ANSWER_WORDS


def _is_blank(read: Reading) -> bool:
    """Whether the rules understood nothing at all, or nothing that they would bet on."""
    return not read.values and all(
        (intent.name == "unclear" and not intent.topic) or intent.confidence < UNSURE for intent in read.intents
    )


# --- what is sent -----------------------------------------------------------------------------------------------------


def _facts(turn: Turn, text: str, read: Reading, context: Context) -> dict[str, Any]:
    """What the model must know to read one message: no name, no address of any kind, no date of birth."""
    known = {key: value for key, value in context.profile.items() if key in FIELDS and FIELDS[key].may_model_read}
    lines = turn.conversation.history[-HISTORY_LINES:]
    return {
        "perfil": known,
        "ultimas_lineas": [
            {"habla": "asistente" if line.speaker == "bot" else "prospecto", "texto": masked(turn, line.text)[:LINE_LENGTH]}
            for line in lines
        ],
        "pregunta_pendiente": context.awaiting,
        "lectura_previa": {
            "valores": {
                found.key: found.value for found in read.values if found.key in FIELDS and FIELDS[found.key].may_model_read
            },
            "intenciones": [intent.name for intent in read.intents],
        },
        "mensaje": text,
    }


_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}")
_PHONE = re.compile(r"(?<![\w.,])(?:\+|00)?\d(?:[ .\-()]{0,2}\d){8,14}(?![\w€%])")
_DATE = re.compile(r"\b\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b|\b\d{4}-\d\d-\d\d\b")
_POSTAL_CODE = re.compile(
    r"(?<![\w.,])(?:0[1-9]|[1-4]\d|5[0-2])(?!\d00)\d{3}(?![\d€%]|[.,]\d|\s?(?:€|eur|mil\b|al mes|mensual|anual|de capital))"
    r"|(?<=postal )\d{5}\b",
    re.IGNORECASE,
)
"""Of a Spanish province, where nothing says money. An amount taken for one is read by the rules all the same."""
_MARKS = {key: FIELDS[key].mask for key in MASKED}


def masked(turn: Turn, text: str, read: Reading | None = None) -> str:
    """The text without names, e-mail addresses, telephone numbers and dates, as far as they are known or can be seen."""
    for found in read.values if read else ():
        if found.key in _MARKS and found.evidence:
            text = text.replace(found.evidence, _MARKS[found.key])
    text = _DATE.sub("[fecha]", _PHONE.sub("[teléfono]", _EMAIL.sub("[correo]", text)))
    text = _POSTAL_CODE.sub("[código postal]", text)
    source = turn.conversation.profile_sources.get("name")
    earlier = " ".join(map(str, source.replaced)) if source else ""
    names = f"{turn.conversation.profile.get('name', '')} {earlier} {turn.conversation.contact.name or ''}".split()
    for name in {name for name in names if len(name) > 2 and name.isalpha()}:
        text = re.sub(rf"\b{re.escape(name)}\b", "[nombre]", text, flags=re.IGNORECASE)
    return text


# --- what comes back --------------------------------------------------------------------------------------------------


def _each(items: Any, shape: Any) -> list[Any]:
    """Every item that is of that shape: a bad one does not lose its good neighbours."""
    good: list[Any] = []
    for item in items[:MOST_ITEMS] if isinstance(items, list) else ():
        try:
            good.append(msgspec.convert(item, shape))
        except msgspec.ValidationError:
            continue
    return good


def _plain(text: str) -> str:
    return rule(r"\s+").sub(" ", fold(text).text).strip()


def _is_said(evidence: str, text: str) -> bool:
    """Whether those words stand in the text, and are words of it."""
    words = _plain(evidence)
    return bool(words) and bool(re.search(rf"(?<!\w){re.escape(words)}(?!\w)", _plain(text)))


def _joined(turn: Turn, read: Reading, context: Context, told: Iterable[ReadValue]) -> tuple[Found, ...]:
    """The rules' values, those in doubt that the model reads otherwise, and what it found besides."""
    values = {found.key: found for found in read.values}
    blank, seen = _is_blank(read), set[str]()
    for one in told:
        mine = read.value(one.key)
        if one.key in seen or (mine is not None and _same(mine.value, one.value) and mine.confidence >= CONFIRM_BELOW):
            continue
        seen.add(one.key)
        taken = _is_taken(one, (found for found in read.values if found.key != one.key))
        theirs = None if taken else _checked(turn, one, context, blank=blank, disputed=mine is not None)
        if theirs is None:
            turn.count("model.value_dropped", key=one.key)
        elif mine is not None and _same(mine.value, theirs.value):
            if not isinstance(mine.value, bool):
                continue  # a figure in doubt stays one, whoever reads it the same way
            values[one.key] = msgspec.structs.replace(mine, confidence=max(mine.confidence, theirs.confidence))
        elif mine is not None:
            turn.count("model.value_disputed", key=one.key)
            alternatives = (theirs.value, *(other for other in mine.alternatives if other != theirs.value))
            values[one.key] = msgspec.structs.replace(mine, confidence=UNSURE, alternatives=alternatives)
        elif not _same(context.profile.get(one.key), one.value):
            values[one.key] = theirs
    return tuple(values.values())


def _checked(turn: Turn, told: ReadValue, context: Context, *, blank: bool, disputed: bool) -> Found | None:
    """The value as far as its words carry it: by what the rules read from them alone, else (to be asked) by their numbers.

    Words without a number can carry anything, so they are only asked about when the rules understood nothing (`blank`).
    """
    value = int(told.value) if isinstance(told.value, float) and told.value.is_integer() else told.value
    found = Found(told.key, value, told.evidence, UNSURE)
    if not is_plausible(found.key, found.value, turn.today):
        return None
    alone = turn.reader(told.evidence, msgspec.structs.replace(context, awaiting=None, profile={}, candidate=None), "")
    seen = alone.value(told.key)
    if seen is not None:
        certain = seen.confidence >= CONFIRM_BELOW and context.profile.get(told.key) is None
        return msgspec.structs.replace(found, confidence=LIKELY if certain else UNSURE) if _same(seen.value, value) else None
    may_be_asked = blank or (disputed and not isinstance(value, bool | str))
    return found if may_be_asked and _fits(found) else None


def _fits(found: Found) -> bool:
    """Whether the words hold the value at all: its number, or the very words of a text."""
    words = _plain(found.evidence)
    if isinstance(found.value, bool) or found.key == "marital_status":
        return True
    if isinstance(found.value, str):
        return _is_said(found.value, words)
    numbers = {quantity.number for quantity in find_quantities(words)}
    return bool({found.value, found.value / 1000, found.value * 12} & numbers)


def _is_taken(told: ReadValue, values: Iterable[Found]) -> bool:
    """Whether the rules read another key from those words."""
    words = _plain(told.evidence)
    return any(_plain(found.evidence) in words or words in _plain(found.evidence) for found in values if found.evidence)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return _plain(one) == _plain(other)
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _without_unclear(read: Reading, values: tuple[Found, ...]) -> tuple[Intent, ...]:
    return tuple(intent for intent in read.intents if intent.name != "unclear" or intent.topic or not values)


def _understood(wish: ReadWish, context: Context) -> Intent | None:
    """The intent as the sale knows it; a topic that it does not know says nothing."""
    if wish.name == "choice" and (context.awaiting != "choice" or wish.topic not in TOPICS["choice"]):
        return None
    topic = wish.topic if wish.topic in TOPICS.get(wish.name, ()) else ""
    if wish.name == "objection" and not topic:
        return None
    return Intent(wish.name, topic, LIKELY, wish.evidence)
