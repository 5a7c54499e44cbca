"""What the desk needs of a CRM: people, conversations, messages, what is known of a lead, and what humans do there.

Adapters in `integrations` implement `Crm`. Everything that is written there carries a marker of ours, by which an echo is
recognised and a repeated attempt finds what the first one left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from src.messages import Contact, Media, Speaker, Value

Owner = Literal["bot", "human"]


class Place(Value, frozen=True):
    """Where a person is in the CRM: the ids of their contact and of their conversation there."""

    person_id: str
    conversation_id: str


class File(Value, frozen=True):
    """A file on its way into the CRM or out of it."""

    data: bytes
    filename: str
    mime_type: str


class Mirrored(Value, frozen=True, tag="message"):
    """One message as the CRM is to show it. `id` is the marker; `media` is still at the vendor.

    `again`: it may be there already, from another time. `by_phone`: somebody of the brokerage wrote it on the phone itself.
    `reply_to` is the id here of the message that it quotes, or the vendor's.
    """

    id: str
    speaker: Speaker
    text: str
    at: datetime
    kind: str = "text"
    media: Media | None = None
    again: bool = False
    by_phone: bool = False
    reply_to: str = ""


class Status(Value, frozen=True, tag="status"):
    """What became of a message that went out: sent, delivered, read or failed, with the vendor's reason."""

    id: str
    status: str
    detail: str = ""


class Note(Value, frozen=True, tag="note"):
    """Words for the people of the brokerage only. `id` is the marker. `again`: they may be there already."""

    id: str
    text: str
    file: str = ""
    again: bool = False


class Described(Value, frozen=True, tag="lead"):
    """The lead changed: what the CRM shows of it is to be brought up to date from the state as it is then."""

    id: str


class Moved(Value, frozen=True, tag="owner"):
    """The conversation went to a human or back to the bot on our side: the CRM is to show it so."""

    id: str
    owner: Owner
    reason: str = ""


class Anew(Value, frozen=True, tag="anew"):
    """Where the person is there is to be found out anew, and the lead shown whatever was shown before."""

    id: str


class Erased(Value, frozen=True, tag="erased"):
    """Everything about the person is to go there too. Tried until it is confirmed, however long that takes."""

    id: str
    contact: Contact
    place: Place | None = None


class Retried(Value, frozen=True, tag="retried"):
    """A human pressed "retry" on words of theirs: `parts` are those that failed, by their ids here."""

    id: str
    message_id: str
    parts: tuple[str, ...]


MirrorJob = Mirrored | Status | Note | Described | Moved | Anew | Erased | Retried


class Lead(Value, frozen=True):
    """How a lead is shown. `labels` are those of `ours` that hold now: labels that people set are none of them and stay.

    An attribute that is None is taken away there before the others are written, or with them: what is there and was not
    written by us counts as a human's edit. "" says nothing about name, e-mail, priority or team.
    """

    labels: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    person: Mapping[str, Any] = {}
    conversation: Mapping[str, Any] = {}
    name: str = ""
    email: str = ""
    priority: Literal["", "low", "medium", "high", "urgent"] = ""
    team: str = ""


class Crm(Protocol):
    """A CRM. Every method may raise TemporaryFailure or PermanentFailure, and may be repeated without harm.

    A PermanentFailure with status 404 says that the place is gone: it is found anew with `known` None.
    """

    def place(self, contact: Contact, name: str, known: Place | None) -> Place:
        """Where the person is; made where they are not there yet. `known` is where they were last time."""

    def post(self, place: Place, message: Mirrored, files: Sequence[File], *, again: bool = False) -> str:
        """The id that the message has there. With `again`, what is there already (by its marker) is not written again.

        `again` is for a job that may have been tried before: looking costs a call, which a first attempt need not pay.
        """

    def note(self, place: Place, note: Note, files: Sequence[File], *, again: bool = False) -> str:
        """The same for words that only the people of the brokerage see."""

    def settle(self, place: Place, message_id: str, status: Status) -> None:
        """Shows what became of a message."""

    def retried(self, place: Place, message_id: str) -> AgentSaid | None:
        """What a human wrote, when the CRM does not show it as failed any more: they want it tried again. None otherwise."""

    def describe(self, place: Place, lead: Lead) -> None:
        """Labels, attributes, priority and team as they are to be now; what people added stays."""

    def move(self, place: Place, owner: Owner) -> None:
        """The conversation waits for humans, or is the bot's again. Nothing happens when it is so already."""

    def erase(self, contact: Contact, place: Place | None) -> None:
        """Removes the person and their conversations; returns when they are gone, also when they never were there."""

    def check(self) -> dict[str, str]:
        """Asks, now, whether we may do all this; what it says of itself."""


# -- what humans do there ------------------------------------------------------------------------------------------


class Attachment(Value, frozen=True):
    """A file that a human attached; `url` is at the CRM."""

    url: str
    kind: Literal["image", "audio", "video", "document"]
    filename: str = ""


class Whose(Value, frozen=True):
    """Whose conversation something happened in: where it is there, and by what the person can be found here."""

    conversation_id: str
    person_id: str = ""
    source_id: str = ""
    phone: str = ""


class AgentSaid(Value, frozen=True, tag="said"):
    """A human wrote to the person. `template` is {"name", "language", "components"} or None; `reply_to` is the id here of the
    message that they quote, or the vendor's."""

    whose: Whose
    message_id: str
    at: datetime
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    template: dict[str, Any] | None = None
    reply_to: str = ""


class AgentRetried(Value, frozen=True, tag="retried"):
    """Words of a human were changed there and bear no error: perhaps they want them tried again."""

    whose: Whose
    message_id: str


class AgentDeleted(Value, frozen=True, tag="deleted"):
    """A human deleted words of theirs there."""

    whose: Whose
    message_id: str


class OwnerChanged(Value, frozen=True, tag="owner_changed"):
    """What the CRM shows of a conversation: its status, and who has it: a human, a bot, or another AI of the CRM's own.

    `version` grows with every change of the conversation there: an older one says nothing new.
    """

    whose: Whose
    status: Literal["open", "pending", "resolved", "snoozed"]
    assigned_to: Literal["", "human", "bot", "other_ai"]
    version: float


class LeadEdited(Value, frozen=True, tag="edited"):
    """The attributes of a person there, as they are now, with `name` and `email` beside them."""

    whose: Whose
    attributes: dict[str, Any]


CrmEvent = AgentSaid | AgentRetried | AgentDeleted | OwnerChanged | LeadEdited
