"""Reading: the words of a burst taken together, the buttons by their ids, and a word to what cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

from src.agent.stages import facts
from src.agent.stages.guarding import UNANSWERED_KINDS
from src.agent.stages.turn import Turn
from src.agent.texts import LANGUAGES
from src.agent.understanding import Context, Intent, Reading
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


def reading(turn: Turn) -> str:
    """Leaves in `turn.reading` all that the inbounds of this turn say, whatever their kinds."""
    conversation = turn.conversation
    presses = [inbound for inbound in turn.inbounds if inbound.reply_id]
    words = "\n".join(i.text for i in turn.inbounds if i.text and not i.reply_id and i.kind not in UNANSWERED_KINDS)
    readings = [turn.reader(press.text, context_of(turn), press.reply_id) for press in presses]
    if words:
        readings.append(turn.reader(words, context_of(turn), ""))
    turn.reading = _merged(readings)
    if conversation.owner == "human":
        facts.record(turn)  # a person will answer; what is told meanwhile is kept for them
        turn.changes.clear()
        return "guarding_out"
    _settle_language(turn)
    for unreadable in _unreadable(turn.inbounds):
        turn.say(unreadable)
    return "duties"


def context_of(turn: Turn) -> Context:
    """What the reader must know of the conversation."""
    conversation = turn.conversation
    waiting = facts.doubts(turn)
    confirming = (conversation.awaiting or "").startswith("confirm:")
    return Context(
        awaiting=conversation.awaiting,
        profile=conversation.profile,
        candidate=waiting[0]["value"] if waiting and confirming else None,
        options=tuple(quote["id"] for quote in conversation.quotes),
        today=turn.today.isoformat(),
        language=conversation.memory.get("language", "es"),
        stage=conversation.stage,
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
    return Reading(tuple(intents), tuple(values.values()), language, "\n".join(one.text for one in readings))


def _settle_language(turn: Turn) -> None:
    memory, spoken = turn.conversation.memory, turn.reading.language
    wish = turn.reading.intent("language")
    if wish and wish.topic in LANGUAGES:
        memory["language"] = wish.topic
    elif turn.reading.text and spoken in LANGUAGES:
        memory["language"] = spoken


def _unreadable(inbounds: Sequence[Inbound]) -> list[str]:
    keys: list[str] = []
    for inbound in inbounds:
        if inbound.kind in UNANSWERED_KINDS or inbound.text or inbound.reply_id:
            continue
        key = UNREADABLE.get(inbound.kind, "media.other")
        if key not in keys:
            keys.append(key)
    return keys[:1]
