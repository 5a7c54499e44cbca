"""Reading: the words of a burst taken together, the buttons by their ids, and a word to what cannot be read."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from src.agent import facts
from src.agent.lookalikes import fold
from src.agent.stages import second
from src.agent.stages.calling import worded
from src.agent.stages.parts import taken_apart
from src.agent.texts import LANGUAGES
from src.agent.thinking.listening import doubting
from src.agent.thinking.reading import read_along
from src.agent.turn import WORDLESS_KINDS, Turn
from src.agent.understanding import Context, Intent, Reading
from src.agent.understanding.reader import guard_intents
from src.messages import Inbound

UNREADABLE = {
    "image": "media.image",
    "audio": "media.voice",
    "video": "media.video",
    "document": "media.document",
    "sticker": "media.sticker",
    "location": "media.location",
    "contacts": "media.contacts",
}
WORDS_THAT_TELL = 3
"""Fewer words than this are no evidence of another language in a conversation that goes on in one."""
CERTAIN_WISH = 0.9
"""A language asked for by name, not one that only seems to be spoken."""


def reading(turn: Turn) -> str:
    """Leaves in `turn.reading` all that the inbounds of this turn say, whatever their kinds."""
    guarded = guard_intents(turn.verdict)
    presses = [inbound for inbound in turn.inbounds if inbound.reply_id]
    readings = [_read_press(turn, press) for press in presses]
    if turn.words:
        context = msgspec.structs.replace(context_of(turn), guarded=guarded)
        read = read_along(turn, turn.reader(turn.words, context, ""), context)
        read = worded(turn, doubting(read, context) if turn.heard else read)
        read = read if presses else taken_apart(turn, read, context)
        readings.append(second.taken(turn, read))
    turn.reading = _with_what_the_gate_found(_merged(readings), guarded)
    _settle_language(turn)
    _settle_address(turn)
    unreadable = _unreadable(turn.inbounds)
    if unreadable:
        turn.say(unreadable)
    return "duties"


def _read_press(turn: Turn, press: Inbound) -> Reading:
    """What a button says; one that answers a question which is no longer open says nothing more."""
    pressed = turn.reader(press.text, context_of(turn), press.reply_id)
    awaiting, (verb, _, rest) = turn.conversation.awaiting or "", press.reply_id.partition(":")
    agreeing = verb == "consent" and rest == "yes" and turn.consented
    stale = (verb == "confirm" and not awaiting.startswith("confirm:")) or (verb == "skip" and rest != awaiting)
    if agreeing or stale:
        turn.say("unclear.old_button")
        return Reading(language=pressed.language)
    return pressed


def context_of(turn: Turn) -> Context:
    """What the reader must know of the conversation."""
    conversation = turn.conversation
    waiting = facts.doubts(turn)
    confirming = (conversation.awaiting or "").startswith("confirm:")
    open_question = "confirm:leaving" if conversation.memory.leaving else conversation.awaiting
    if conversation.outcome == "accepted" and "callback" not in conversation.details:
        open_question = "details.callback"  # asked for beside the acceptance, and never insisted on
    of_the_second = second.open_question(turn)
    return Context(
        awaiting=of_the_second or open_question,
        profile=second.known(turn) if of_the_second else conversation.profile,
        candidate=waiting[0].value if waiting and confirming else None,
        options=tuple(quote.id for quote in conversation.quotes),
        titles=tuple(turn.book.say(f"tier.{quote.tier or 'own'}") for quote in conversation.quotes),
        premiums=tuple(float(quote.monthly_premium) for quote in conversation.quotes),
        today=turn.today.isoformat(),
        language=conversation.memory.language,
        stage=conversation.stage,
        birth_year=int(conversation.details.get("birth_year") or 0),
    )


def _merged(readings: list[Reading]) -> Reading:
    """One reading of several; a press comes first and its value stands."""
    if len(readings) == 1:
        return readings[0]
    intents: list[Intent] = [intent for one in readings for intent in one.intents]
    if len(intents) > 1:
        intents = [intent for intent in intents if intent.name != "unclear"] or intents[:1]
    values = {found.key: found for one in reversed(readings) for found in one.values}
    language = readings[-1].language if readings else "es"
    whole = readings[0].whole if readings else ""  # a press says what it says, whatever stands beside it
    return Reading(tuple(intents), tuple(values.values()), language, "\n".join(one.text for one in readings), whole)


def _with_what_the_gate_found(reading: Reading, guarded: Sequence[Intent]) -> Reading:
    """Its word comes first and stands, whatever the reader made of the message."""
    missed = [intent for intent in guarded if intent not in reading.intents]
    return msgspec.structs.replace(reading, intents=(*missed, *reading.intents)) if missed else reading


def _settle_language(turn: Turn) -> None:
    memory, reading = turn.conversation.memory, turn.reading
    before, spoken = memory.language, reading.language
    wish = reading.intent("language")
    if wish and wish.topic in LANGUAGES and wish.confidence >= CERTAIN_WISH:
        spoken = wish.topic
    elif turn.conversation.turns and len(reading.text.split()) < WORDS_THAT_TELL:
        spoken = before  # a "yes" or an "ok" is no change of language
    if spoken in LANGUAGES:
        memory.language = spoken
        turn.switched = bool(turn.conversation.turns and (spoken != before or memory.foreign))


_FORMAL = re.compile(
    r"\b(?:usted|disculpe|perdone|digame|expliqueme|le agradeceria|estimad[oa]s?|senor(?:es|ita)? mi[oa]s?)\b|"
    r"(?:^|[.,;:!?¿\n]|\b(?:hola|buenas|buenos dias|buenas tardes|por favor))\W*(?:me (?:puede|podria)|sabe si)\b"
)
_INFORMAL = re.compile(
    r"\b(?:tutea(?:me|rme|nos)|(?:habl|trat|escrib)\w* de tu|de tu (?:por favor|porfa|mejor)|no me (?:hables|trates) de usted)"
)


def _settle_address(turn: Turn) -> None:
    """Whoever says "usted" to us is addressed like that from then on, unless they ask for "tú"."""
    said, memory = fold(turn.words).text, turn.conversation.memory
    if _INFORMAL.search(said):
        memory.address = "tu"
    elif _FORMAL.search(said) and memory.address != "tu":
        memory.address = "usted"


def _unreadable(inbounds: Sequence[Inbound]) -> str:
    """The text for the first inbound of the burst that nothing can be read from, or nothing."""
    silent = (i for i in inbounds if not (i.text or i.reply_id or i.kind in WORDLESS_KINDS))
    return next((UNREADABLE.get(inbound.kind, "media.other") for inbound in silent), "")
