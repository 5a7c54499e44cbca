"""What operators do with conversations: correct, take over, hand back, write themselves, silence the bot."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec

from src.agent import state as states
from src.agent.agenda import NOBODY_CAME, RETENTION, Entry
from src.agent.corrections import correct
from src.agent.redaction import clean
from src.agent.state import Conversation
from src.desk import handoff, jobs
from src.desk.crm import Moved
from src.desk.finding import listed_under
from src.desk.human_words import from_typing
from src.desk.loading import conversation_or_new, readable_conversation, reply_window
from src.desk.mirror import jobs_of_lead
from src.desk.ports import Amendment, Channel, Clock, DeadLetter, Ledger, Origin, Record, Records
from src.errors import Conflict, InvalidRequest, LedgerUnavailable, UnknownContact, UnreadableState
from src.messages import Contact, Content, Echo, Outbound, Template

TRIES = 5
LONGEST_TEXT = 4096
LARGEST_TEMPLATE = 16_384
MOST_TEMPLATE_PARTS = 200
MOST_LETTERS = 10_000
_TEMPLATE_NAME = re.compile(r"[a-z0-9_]{1,512}")
_A_MOMENT = timedelta(milliseconds=1)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:_[A-Z]{2})?")

Change = Callable[[Conversation, Record], Conversation]


class Operators:
    """One per process. Every method may raise LedgerUnavailable; those that name a contact, UnknownContact,
    Conflict and UnreadableState.

    `clock` is the store's: what people wrote was timed by it. Somebody without a conversation is forgotten after
    `retention_days()` of silence, like everybody else.
    """

    def __init__(
        self,
        ledger: Ledger,
        records: Records,
        channels: Mapping[str, Channel],
        clock: Clock,
        *,
        retention_days: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._records = records
        self._channels = channels
        self._clock = clock
        self._retention_days = retention_days

    def take_over(self, contact: str, *, since: datetime | None = None, shown: bool = False) -> None:
        """From now on a human has the conversation, and the bot is silent; a reply of its own on the way is withheld.

        What was said after `since` (now) is what the bot will be told at the hand-back. `shown`: the CRM shows it so already.
        """
        from_then = since or self._clock()
        self._amend(contact, lambda conversation, _: handoff.taken_over(conversation, from_then), shown=shown)

    def hand_back(self, contact: str, *, shown: bool = False) -> None:
        """The bot has the conversation again and goes on where the sale was, knowing what was said in between."""
        self._amend(contact, lambda conversation, record: handoff.handed_back(conversation, record.rows), shown=shown)

    def opt_out(self, contact: str) -> None:
        """The person wants no more messages, as they said on another line: the sale is over, and nobody begins it again."""
        self._amend(contact, lambda conversation, _: _opted_out(conversation))

    def correct(self, contact: str, changes: Mapping[str, Any], *, note: str = "operator") -> None:
        """Profile values by hand; `note` says where that was. Raises InvalidRequest."""
        now = self._clock()
        self._amend(contact, lambda conversation, _: correct(conversation, changes, now, note))

    def say(self, contact: str, body: Mapping[str, Any], *, to_anybody: bool = False) -> str:
        """A message by hand: {"text": …} or {"template": {"name", "language", "components"}}. Returns its id.

        Raises InvalidRequest; UnknownContact unless it may go `to_anybody`; Conflict when only a template may go.
        """
        content = _content(body)
        record = self._records.record(contact) if to_anybody else self._record(contact)
        conversation = readable_conversation(record)
        key = record.contact if record else contact
        who = msgspec.structs.replace(conversation.contact, key=key) if conversation else jobs.contact_of(key)
        now = self._clock()
        channel = self._channels.get(who.channel)
        if channel is None:
            raise _no_channel(who)
        if content.kind != "template" and reply_window(channel, record.heard_at if record else None, now) != "open":
            raise _window_closed()
        first = f"h{secrets.token_hex(8)}"
        outbounds = [
            Outbound(id=f"{first}.{position}", contact=who, content=part, speaker="human", at=now)
            for position, part in enumerate(channel.parts(content))
        ]
        messages = [(one.id, msgspec.json.encode(one), jobs.outbound_row(one)) for one in outbounds]
        self._ledger.speak(key, messages, mirrors=[*map(jobs.mirrored, outbounds)] if self._ledger.mirrors else ())
        if record is None or (conversation and conversation.agenda.get(NOBODY_CAME)):
            # The message is on its way: whoever were told that it failed would send it again.
            with suppress(Conflict, UnknownContact, UnreadableState, LedgerUnavailable):
                self._amend(key, lambda awaited, _: handoff.attended(awaited))
        return outbounds[0].id

    def overhear(self, echo: Echo) -> bool:
        """What somebody of the brokerage wrote on the phone itself: from then on the conversation is theirs, in one step with
        its being written down. False when it was known before."""
        contact = self._records.resolve(echo.contact.key)
        record = self._records.record(contact)
        is_new_owner = record is None or record.owner != "human"
        message, told = jobs.overheard(echo)
        moved = Moved(id=f"{message[0]}.owner", owner="human", reason="replied")
        mirrors = [told, *([(moved.id, msgspec.json.encode(moved))] if is_new_owner else [])] if self._ledger.mirrors else []
        origin = Origin("phone", echo.at)  # it may come again days later, after an erasure
        if not self._ledger.speak(contact, [message], owner="human", mirrors=mirrors, origin=origin, already=echo.id):
            return False
        # The bot is silent already: what is missing is only since when, for the hand-back.
        with suppress(Conflict, UnknownContact, UnreadableState):
            self.take_over(contact, since=min(echo.at, self._clock()) - _A_MOMENT, shown=True)
        return True

    def obstacle(self, contact: str) -> Conflict | None:
        """What a text to that person meets with now: the Conflict that `say` would raise, or None when it may go."""
        record = self._record(contact)
        conversation = readable_conversation(record)
        who = conversation.contact if conversation else jobs.contact_of(record.contact)
        channel = self._channels.get(who.channel)
        if channel is None:
            return _no_channel(who)
        return _window_closed() if reply_window(channel, record.heard_at, self._clock()) != "open" else None

    def pause(self) -> None:
        """The bot falls silent everywhere; messages are still recorded."""
        self._ledger.pause(True)

    def resume(self) -> None:
        """The bot speaks again."""
        self._ledger.pause(False)

    def paused(self) -> bool:
        """Whether the bot is silent everywhere."""
        return self._ledger.paused()

    def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """What was given up, newest first, at most so many."""
        return self._records.dead_letters(limit)

    def replay(self, letter_id: str) -> bool:
        """Tries a dead letter again as if for the first time. False when there is none by that id."""
        letter = next((one for one in self._records.dead_letters(MOST_LETTERS) if dead_letter_id(one) == letter_id), None)
        return letter is not None and self.replay_letter(letter)

    def replay_letter(self, letter: DeadLetter) -> bool:
        """The same with the letter itself."""
        return self._ledger.replay(letter.contact, letter.lane, letter.id)

    def _record(self, contact: str) -> Record:
        record = self._records.record(contact)
        if record is None:
            raise UnknownContact("Nobody is known by that phone or key.")
        return record

    def _amend(self, contact: str, change: Change, *, shown: bool = False) -> None:
        """Changes the state, over again when somebody else did meanwhile. `shown`: the CRM need not be told who has it."""
        for _ in range(TRIES):
            record = self._record(contact)
            now = self._clock()
            before = conversation_or_new(record)
            if record.state is None:
                forget_at = (record.heard_at or now) + timedelta(days=self._retention_days())
                before.agenda = before.agenda.with_entry(Entry(kind=RETENTION, due=forget_at))
            after = msgspec.structs.replace(change(before, record), updated_at=now)
            amendment = Amendment(
                expected=record.state,
                state=states.encode(after),
                stage=after.stage,
                name=listed_under(after),
                owner=after.owner if after.owner != record.owner else "",
                timer=after.agenda.wakes_at(human=after.owner == "human"),
                mirrors=self._told(before, after, shown=shown),
            )
            if self._ledger.amend(record.contact, amendment):
                return
        raise Conflict("busy", "The conversation kept changing; please try again.")

    def _told(self, before: Conversation, after: Conversation, *, shown: bool) -> Sequence[tuple[str, bytes]]:
        """What the CRM is told of a change made here."""
        if not self._ledger.mirrors:
            return ()
        name = f"a{secrets.token_hex(8)}"
        moved = [] if shown or after.owner == before.owner else [Moved(id=f"{name}.owner", owner=after.owner)]
        return jobs_of_lead(name, moved)


def _opted_out(conversation: Conversation) -> Conversation:
    return msgspec.structs.replace(
        conversation,
        stage="FINALIZADO",
        outcome="opted_out",
        awaiting=None,
        consents={name: consent for name, consent in conversation.consents.items() if name != "follow_up"},
        agenda=conversation.agenda.after_end(opted_out=True),
    )


def dead_letter_id(letter: DeadLetter) -> str:
    """A name for one dead letter that tells nobody whose it is."""
    return f"{letter.lane}-{letter.id}"


def _no_channel(who: Contact) -> Conflict:
    return Conflict("no_channel", f"No channel is configured for {who.channel}.")


def _window_closed() -> Conflict:
    return Conflict(
        "window_closed", "The person has not written within the last 24 hours: WhatsApp takes only an approved template now."
    )


def _content(body: Mapping[str, Any]) -> Content:
    text, template = body.get("text"), body.get("template")
    if (text is None) == (template is None):
        raise InvalidRequest(['give either "text" or "template"'])
    if template is not None:
        return Content(kind="template", template=_template(template))
    words = from_typing(clean(text)).strip() if isinstance(text, str) and len(text.strip()) <= LONGEST_TEXT else ""
    if not words:
        raise InvalidRequest([f"text: from 1 to {LONGEST_TEXT} characters"])
    return Content(text=words)


def _template(given: Any) -> Template:
    try:
        template = msgspec.convert(given, Template)
    except msgspec.ValidationError as fault:
        raise InvalidRequest([f"template: {fault}"]) from fault
    faults = []
    if not _TEMPLATE_NAME.fullmatch(template.name):
        faults.append("template.name: lower-case letters, digits and underscores, as at WhatsApp")
    if not _LANGUAGE.fullmatch(template.language):
        faults.append("template.language: a code such as es or es_ES")
    if _is_too_large(template):
        faults.append(f"template: at most {LARGEST_TEMPLATE} characters and {MOST_TEMPLATE_PARTS} lists and objects")
    if faults:
        raise InvalidRequest(faults)
    return template


def _is_too_large(template: Template) -> bool:
    """Also whether it is nested so deeply that somebody further on could not read it."""
    try:
        written = msgspec.json.encode(template)
    except RecursionError:
        return True
    return len(written) > LARGEST_TEMPLATE or written.count(b"[") + written.count(b"{") > MOST_TEMPLATE_PARTS
