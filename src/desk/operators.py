"""What operators do with conversations: correct, take over, hand back, write themselves, silence the bot."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from src.agent import state as states
from src.agent.corrections import correct
from src.agent.state import Conversation
from src.desk import jobs
from src.desk.ports import Amendment, Channel, Clock, DeadLetter, Ledger, Record, Records
from src.errors import Conflict, InvalidRequest, UnknownContact
from src.messages import Contact, Content, Outbound, Template

TRIES = 5
REPLY_WINDOW = timedelta(hours=24)
LONGEST_TEXT = 4096


class Operators:
    """One per process. Methods take a contact key that exists and may raise LedgerUnavailable."""

    def __init__(self, ledger: Ledger, records: Records, channels: Mapping[str, Channel], clock: Clock) -> None:
        self._ledger = ledger
        self._records = records
        self._channels = channels
        self._clock = clock

    def take_over(self, contact: str) -> None:
        """From now on a human has the conversation, and the bot is silent; a reply of its own on the way is withheld."""
        self._amend(contact, lambda conversation: msgspec.structs.replace(conversation, owner="human"))

    def hand_back(self, contact: str) -> None:
        """The bot has the conversation again and goes on where the sale was; an outcome "handed over" is void."""

        def back(conversation: Conversation) -> Conversation:
            outcome = None if conversation.outcome == "handed_over" else conversation.outcome
            memory = {**conversation.memory, "handed_back": True}
            timers = {name: at for name, at in conversation.timers.items() if not name.startswith("handoff")}
            return msgspec.structs.replace(conversation, owner="bot", outcome=outcome, memory=memory, timers=timers)

        self._amend(contact, back)

    def correct(self, contact: str, changes: Mapping[str, Any]) -> None:
        """Profile values by hand. Raises InvalidRequest."""
        now = self._clock()
        self._amend(contact, lambda conversation: correct(conversation, changes, now, "operator"))

    def say(self, contact: str, body: Mapping[str, Any], *, to_anybody: bool = False) -> str:
        """A message by hand: {"text": …} or {"template": {"name", "language", "components"}}. Returns its id.

        Raises InvalidRequest; UnknownContact unless it may go `to_anybody`; Conflict when only a template may go.
        """
        content = _content(body)
        record = self._records.record(contact)
        if record is None and not to_anybody:
            raise UnknownContact("Nobody is known by that phone or key.")
        who = _who(record) if record else jobs.contact_of(contact)
        channel = self._channels.get(who.channel)
        if channel is None:
            raise Conflict("no_channel", f"No channel is configured for {who.channel}.")
        now = self._clock()
        heard_at = record.heard_at if record else None
        if channel.confirms and content.kind != "template" and (heard_at is None or now - heard_at > REPLY_WINDOW):
            raise Conflict(
                "window_closed", "The person last wrote more than 24 hours ago: WhatsApp takes only an approved template now."
            )
        first = f"h{secrets.token_hex(8)}"
        outbounds = [
            Outbound(id=f"{first}.{position}", contact=who, content=part, speaker="human", at=now)
            for position, part in enumerate(channel.parts(content))
        ]
        self._ledger.speak(contact, [(one.id, msgspec.json.encode(one), jobs.outbound_row(one)) for one in outbounds])
        return outbounds[0].id

    def pause(self) -> None:
        """The bot falls silent everywhere; messages are still recorded."""
        self._ledger.pause(True)

    def resume(self) -> None:
        """The bot speaks again."""
        self._ledger.pause(False)

    def paused(self) -> bool:
        """Whether the bot is silent everywhere."""
        return self._ledger.paused()

    def dead_letters(self) -> list[DeadLetter]:
        """What was given up, newest first, at most a hundred."""
        return self._records.dead_letters(100)

    def replay(self, letter_id: str) -> bool:
        """Tries a dead letter again as if for the first time. False when there is none by that id."""
        letter = next((one for one in self._records.dead_letters(10_000) if dead_letter_id(one) == letter_id), None)
        return letter is not None and self._ledger.replay(letter.contact, letter.lane, letter.id)

    def _amend(self, contact: str, change: Callable[[Conversation], Conversation]) -> None:
        for _ in range(TRIES):
            record = self._records.record(contact)
            if record is None:
                break
            before = states.decode(record.state) if record.state else states.new_conversation(_who(record), record.created_at)
            after = change(msgspec.structs.replace(before, owner="human" if record.owner == "human" else "bot"))
            after = msgspec.structs.replace(after, updated_at=self._clock())
            amendment = Amendment(
                expected=record.state,
                state=states.encode(after),
                stage=after.stage,
                name=jobs.listed_name(after),
                owner=after.owner,
                timer=min(after.timers.values(), default=None),
            )
            if self._ledger.amend(contact, amendment):
                return
        raise Conflict("busy", "The conversation kept changing; please try again.")


def dead_letter_id(letter: DeadLetter) -> str:
    """A name for one dead letter that tells nobody whose it is."""
    return f"{letter.lane}-{letter.id}"


def _who(record: Record) -> Contact:
    if record.state:
        return msgspec.structs.replace(states.decode(record.state).contact, key=record.contact)
    return jobs.contact_of(record.contact)


def _content(body: Mapping[str, Any]) -> Content:
    text, template = body.get("text"), body.get("template")
    if (text is None) == (template is None):
        raise InvalidRequest(['give either "text" or "template"'])
    if text is not None:
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_TEXT:
            raise InvalidRequest([f"text: from 1 to {LONGEST_TEXT} characters"])
        return Content(text=text.strip())
    try:
        return Content(kind="template", template=msgspec.convert(template, Template))
    except msgspec.ValidationError as fault:
        raise InvalidRequest([f"template: {fault}"]) from fault
