"""What humans do in the CRM, done here: their words go out, their conversations are theirs, their corrections hold.

Events may come twice, late, in another order, or be seen by a poll after they were lost: every one may be given again. Who
has a conversation follows from what changed there, not from what is: a conversation that is pending and still assigned to
somebody was handed to them or given back by them, and only the order tells which. The echo of our own changes finds them
done already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from typing import Literal, Protocol

import msgspec

from src.desk import jobs
from src.desk.crm import (
    AgentDeleted,
    AgentRetried,
    AgentSaid,
    CrmEvent,
    LeadEdited,
    Moved,
    Note,
    Owner,
    OwnerChanged,
    Retried,
    Whose,
)
from src.desk.human_words import contents_of
from src.desk.lead import profile_from_attributes
from src.desk.loading import readable_conversation, stored_conversation
from src.desk.operators import Operators
from src.desk.ports import Channel, Clock, Ledger, Origin, Record, Records
from src.errors import Conflict, InvalidRequest, UnknownContact, UnreadableState
from src.messages import Contact, Content, Outbound

_STAYS = "⚠️ Ese mensaje ya ha salido por WhatsApp y allí no se puede borrar: solo se ha borrado aquí."
_A_MOMENT = timedelta(milliseconds=1)


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """How a conversation was last seen in the CRM. `given_back_at` is the time there when humans last gave it to the bot."""

    status: str
    assigned_to: str
    version: float
    given_back_at: float = 0.0


class Sightings(Protocol):
    """What is remembered of the CRM's conversations from one event to the next. Every method may raise LedgerUnavailable."""

    def last(self, conversation_id: str) -> Sighting | None:
        """How that conversation was last seen, if it ever was."""

    def keep(self, conversation_id: str, sighting: Sighting) -> None:
        """Remembers how it is seen now."""

    def alone(self, conversation_id: str) -> AbstractContextManager[None]:
        """Within it nobody else looks at that conversation's events."""


class HumanSide:
    """One per process. `key_of` finds the contact key of a person in the CRM, or None when WhatsApp cannot know them."""

    def __init__(
        self,
        ledger: Ledger,
        records: Records,
        operators: Operators,
        channels: Mapping[str, Channel],
        *,
        sightings: Sightings,
        clock: Clock,
        key_of: Callable[[Whose], str | None],
    ) -> None:
        self._ledger = ledger
        self._records = records
        self._operators = operators
        self._channels = channels
        self._sightings = sightings
        self._clock = clock
        self._key_of = key_of

    def take(self, event: CrmEvent) -> str:
        """Does what the event means; returns a word for what was done. It is durable then.

        Raises LedgerUnavailable, and Conflict when a conversation kept changing: to be given again.
        """
        key = self._key_of(event.whose)
        if key is None:
            return "nobody_known"
        contact = self._records.resolve(key)
        if isinstance(event, AgentSaid):
            return self._say(contact, event)
        if isinstance(event, AgentRetried):
            return self._try_again(contact, event)
        if isinstance(event, AgentDeleted):
            return self._say_that_it_stays(contact, event)
        if isinstance(event, LeadEdited):
            return self._correct(contact, event)
        with self._sightings.alone(event.whose.conversation_id):
            return self._follow_owner(contact, event)

    # -- what they say -------------------------------------------------------------------------------------------------

    def _say(self, contact: str, said: AgentSaid) -> str:
        """Their words are queued and the bot is silent from then on, in one step; once, however often the event comes.

        Nothing is refused here: outside the 24 h window the delivery lane finds so, and the CRM is told that it failed.
        """
        record = self._records.record(contact)
        contact = record.contact if record else contact
        who = _who(contact, record)
        channel = self._channels.get(who.channel)
        if channel is None:
            return "no_channel"
        now = self._clock()
        first, *others = contents_of(said) or [Content()]
        quoting = [msgspec.structs.replace(first, reply_to=self._quoted(contact, said.reply_to)), *others]
        outbounds = [
            Outbound(
                id=f"{jobs.FROM_CRM}{said.message_id}" + (f".{position}" if position else ""),
                contact=who,
                content=part,
                speaker="human",
                at=now,
            )
            for position, part in enumerate(part for content in quoting for part in channel.parts(content))
        ]
        is_theirs = not self._was_given_back_since(said)
        mirrors = self._shown_as_theirs(said) if is_theirs and not (record and record.owner == "human") else ()
        messages = [(one.id, msgspec.json.encode(one), jobs.outbound_row(one)) for one in outbounds]
        origin = Origin(said.whose.conversation_id, said.at)
        if not self._ledger.speak(contact, messages, owner="human" if is_theirs else "", mirrors=mirrors, origin=origin):
            return "duplicate"
        if is_theirs:
            # The words are on their way and the bot is silent: what is missing is only when that began, for the hand-back.
            with suppress(Conflict, UnknownContact, UnreadableState):
                self._operators.take_over(contact, since=now - _A_MOMENT, shown=True)
        return "said"

    def _say_that_it_stays(self, contact: str, event: AgentDeleted) -> str:
        """WhatsApp lets no business take its words back: who deletes them there has to know that they arrived all the same."""
        record = self._records.record(contact)
        arrived = [row for row in record.rows if jobs.crm_message_id(row["id"]) == event.message_id] if record else []
        if not self._ledger.mirrors or all(row.get("status") == "failed" for row in arrived):
            return "unchanged"
        note = Note(id=f"{jobs.FROM_CRM}{event.message_id}.deleted", text=_STAYS, again=True)
        self._ledger.speak(contact, [], mirrors=[(note.id, msgspec.json.encode(note))])
        return "told"

    def _quoted(self, contact: str, reply_to: str) -> str:
        """The vendor's id of the message that they quote: of one of ours by our id, else it is that id."""
        if not reply_to or reply_to.startswith("wamid."):
            return reply_to
        return self._records.vendor_id(contact, reply_to)

    def _try_again(self, contact: str, event: AgentRetried) -> str:
        """Whether they really want that is asked of the CRM, behind all that it was told of what failed."""
        record = self._records.record(contact)
        failed = jobs.failed_parts(record.rows, event.message_id) if record and self._ledger.mirrors else ()
        if not failed:
            return "unchanged"
        retried = Retried(id=f"{failed[0]}.again", message_id=event.message_id, parts=failed)
        self._ledger.speak(contact, [], mirrors=[(retried.id, msgspec.json.encode(retried))])
        return "asked"

    def _was_given_back_since(self, said: AgentSaid) -> bool:
        """Whether humans gave the conversation to the bot after they wrote that: the event is late, and they are gone."""
        seen = self._sightings.last(said.whose.conversation_id)
        return seen is not None and said.at.timestamp() < seen.given_back_at

    def _shown_as_theirs(self, said: AgentSaid) -> Sequence[tuple[str, bytes]]:
        """A reply alone opens no conversation in the CRM."""
        if not self._ledger.mirrors:
            return ()
        moved = Moved(id=f"{jobs.FROM_CRM}{said.message_id}.owner", owner="human", reason="replied")
        return [(moved.id, msgspec.json.encode(moved))]

    # -- whose conversation it is --------------------------------------------------------------------------------------

    def _follow_owner(self, contact: str, seen: OwnerChanged) -> str:
        before = self._sightings.last(seen.whose.conversation_id)
        if before and seen.version < before.version:
            return "older"
        owner = owner_after(before, seen)
        done = self._give_to(contact, owner, seen) if owner else "unchanged"
        given_back_at = seen.version if owner == "bot" else before.given_back_at if before else 0.0
        sighting = Sighting(status=seen.status, assigned_to=seen.assigned_to, version=seen.version, given_back_at=given_back_at)
        self._sightings.keep(seen.whose.conversation_id, sighting)
        return done

    def _give_to(self, contact: str, owner: Owner, seen: OwnerChanged) -> str:
        record = self._records.record(contact)
        if record is None:
            return "nobody_known"
        if (record.owner or "bot") == owner:
            return "unchanged"
        shown = seen.status != ("pending" if owner == "human" else "open")
        try:
            if owner == "human":
                self._operators.take_over(record.contact, shown=shown)
            else:
                self._operators.hand_back(record.contact, shown=shown)
        except (UnknownContact, UnreadableState) as fault:
            return fault.code if isinstance(fault, UnknownContact) else "unreadable_state"
        return "taken_over" if owner == "human" else "handed_back"

    # -- what they correct ---------------------------------------------------------------------------------------------

    def _correct(self, contact: str, edited: LeadEdited) -> str:
        record = self._records.record(contact)
        try:
            conversation = stored_conversation(record) if record else None
        except UnreadableState:
            return "unreadable_state"
        if record is None or conversation is None:
            return "nobody_known"
        edits = profile_from_attributes(edited.attributes, conversation, self._clock().date())
        if not edits.changes:
            return "unchanged"
        with suppress(UnknownContact):  # forgotten meanwhile
            try:
                self._operators.correct(record.contact, edits.changes, note="crm")
            except InvalidRequest:
                return "refused"
        return "corrected"


def owner_after(before: Sighting | None, seen: OwnerChanged) -> Literal["", "human", "bot"]:
    """To whom humans gave the conversation between two looks at it; "" when to nobody.

    Assigning a human takes over; assigning a bot, marking as pending and resolving give back; opening takes over, which may be
    two changes there: first the conversation is open, then the bot no longer owns it. What is seen for the first time may be
    from before our own change of it, so that being pending says nothing then. Another AI is nobody of ours: that it has a
    conversation changes nothing here.
    """
    reassigned = seen.assigned_to != (before.assigned_to if before else "")
    moved = before is None or seen.status != before.status
    if seen.status == "resolved":
        return "bot" if moved else ""
    if reassigned and seen.assigned_to == "human":
        return "human"
    if before and reassigned and seen.assigned_to == "bot":
        return "bot"
    let_go = reassigned and before is not None and before.assigned_to == "bot"
    if seen.status == "open" and (moved or let_go) and seen.assigned_to in ("", "human"):
        return "human"
    return "bot" if before and moved and seen.status == "pending" and seen.assigned_to != "other_ai" else ""


def _who(contact: str, record: Record | None) -> Contact:
    """The person as they are addressed now: as far as is known, by what they wrote from last."""
    conversation = readable_conversation(record)
    return msgspec.structs.replace(conversation.contact, key=contact) if conversation else jobs.contact_of(contact)
