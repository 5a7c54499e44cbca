"""What the desk does with entries of an agenda that are not the sale's, and what becomes of one that is due at a bad moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from src.agent.agenda import KINDS, Agenda, Entry, Fate, Kind
from src.agent.state import Conversation
from src.desk.ports import Alert
from src.messages import Content, Event

PAUSED_LOOK = timedelta(minutes=10)
"""While the bot is paused, what waits for its end is looked at again so often."""
UNKNOWN_LOOK = timedelta(days=1)
"""An entry of a kind that this version does not know waits for one that does."""
FAILED_WAIT = timedelta(minutes=1)
"""After so long what failed is tried again, after the second time ten times as long."""
MOST_TRIES = 3
SENT_WITHIN = timedelta(minutes=5)
"""So long before the reply window ends nothing is begun that must still get there."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry came to: written in one commit, the alarm raised behind it. `word` is for the log.

    `says` goes to the person as the system's words, unless the bot is paused; `notes` are for humans, in the CRM.
    """

    word: str
    conversation: Conversation
    says: tuple[Content, ...] = ()
    notes: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    counts: Mapping[str, int] = {}
    alert: Alert | None = None


Handler = Callable[[Conversation, Entry, datetime], Done]
"""What does an entry that is due. The entry is finished by it, whatever it says of the agenda."""
Opens = Callable[[datetime], datetime]
"""The same moment when the house is open then, else when it opens next."""


def fate_of(kind: Kind, now: datetime, *, human: bool, paused: bool, opens_at: datetime) -> tuple[Fate, datetime]:
    """What becomes of an entry that is due, and, where it waits, until when. A hand-back wakes what waits for one."""
    if human and kind.human != "do":
        return kind.human, now + UNKNOWN_LOOK
    if paused and kind.paused != "do":
        return kind.paused, now + PAUSED_LOOK
    if opens_at > now and kind.closed != "do":
        return kind.closed, opens_at
    return "do", now


def dropped(conversation: Conversation, entry: Entry, now: datetime) -> Done:
    """It is not done, and that is counted."""
    return Done(
        word="dropped",
        conversation=_finished(conversation, entry, now),
        events=(Event("agenda.dropped", {"kind": entry.kind}),),
        counts={"agenda_dropped": 1},
    )


def told(conversation: Conversation, entry: Entry, now: datetime, kinds: Mapping[str, Kind] = KINDS) -> Done:
    """A person has the conversation and is told that this is due: whether it is done is theirs to decide."""
    label = kinds[entry.kind].label or entry.kind
    return Done(
        word="told",
        conversation=_finished(conversation, entry, now),
        notes=(f"⏰ Para ahora estaba previsto: {label}. No lo hago yo, porque la conversación la lleva una persona.",),
        events=(Event("agenda.told", {"kind": entry.kind}),),
        alert=Alert("agenda.due", conversation.contact.key, entry.kind, urgent=False),
    )


def no_way(
    conversation: Conversation, entry: Entry, words: Sequence[Content], now: datetime, kinds: Mapping[str, Kind] = KINDS
) -> Done:
    """The reply window is closed and there is no template: a person is told what was to be said, and why it was not."""
    label, said = kinds[entry.kind].label or entry.kind, " ".join(content.text for content in words)
    consents = {name: given for name, given in conversation.consents.items() if name != "follow_up"}
    over = msgspec.structs.replace(_finished(conversation, entry, now), consents=consents)
    why = "Hace más de 24 horas que no escribe y no hay ninguna plantilla configurada (FOLLOW_UP_TEMPLATE)"
    return Done(
        word="no_way",
        conversation=over,
        notes=(f"⏰ Tocaba {label} y no he podido. {why}. Lo que iba a decirle:\n> {said}",),
        events=(Event("agenda.no_way", {"kind": entry.kind}),),
        counts={"agenda_no_way": 1},
        alert=Alert("agenda.no_way", conversation.contact.key, "window_closed", urgent=False),
    )


def failed(conversation: Conversation, entry: Entry, now: datetime) -> Done:
    """Doing it raised: it is tried again a little later, and after the last try a person is told instead."""
    event = Event("agenda.failed", {"kind": entry.kind, "tries": entry.tries + 1})
    if entry.tries + 1 < MOST_TRIES:
        later = conversation.agenda.put_off(entry, now + FAILED_WAIT * 10**entry.tries, failed=True)
        return Done(word="failed", conversation=_with(conversation, later), events=(event,), counts={"errors": 1})
    return Done(
        word="given_up",
        conversation=_finished(conversation, entry, now),
        events=(event,),
        counts={"errors": 1},
        alert=Alert("agenda.failed", conversation.contact.key, entry.kind, urgent=False),
    )


def waiting(conversation: Conversation, entry: Entry, until: datetime) -> Done:
    """It is looked at again then."""
    return Done(word="put_off", conversation=_with(conversation, conversation.agenda.put_off(entry, until)))


def _finished(conversation: Conversation, entry: Entry, now: datetime) -> Conversation:
    return _with(conversation, conversation.agenda.finished(entry, now))


def _with(conversation: Conversation, agenda: Agenda) -> Conversation:
    return msgspec.structs.replace(conversation, agenda=agenda)
