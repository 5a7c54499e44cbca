"""The words all sides share: who, what came in, what happened to it, what goes out.

Values only. They are encoded as JSON in the store, so a field may be added with a default but never renamed.
Times are timezone-aware and in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

InboundKind = Literal[
    "text",
    "button",  # a reply button was pressed
    "list",  # a row of a list was chosen
    "flow",  # a filled-in form came back
    "template_button",  # quick reply of a template
    "image",
    "audio",  # a voice note when media.voice
    "video",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "order",
    "system",  # the number or the user id changed
    "edit",
    "revoke",
    "welcome",  # the chat was opened for the first time
    "unsupported",  # the vendor says that it cannot show it to us
    "unknown",  # a type that this program does not know
]
PLAYED = "simulator"
"""The channel of people whom operators play. Nobody on it is real, whatever else is configured: their keys begin with it."""
DeliveryStatus = Literal["queued", "sending", "sent", "delivered", "read", "failed"]
Speaker = Literal["prospect", "bot", "human", "system"]
ContentKind = Literal[
    "text", "buttons", "list", "cta_url", "template", "image", "audio", "video", "document", "sticker", "reaction"
]


class Value(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Base of the values below: immutable, compared by content, defaults left out of the JSON."""


class Contact(Value, frozen=True):
    """Who. `key` never changes and names the person in every store; phone and bsuid are aliases of it.

    `phone` is E.164 with the plus sign, as the channel gave it; `bsuid` is WhatsApp's business-scoped user id.
    At least one of them is there.
    """

    key: str
    channel: str
    phone: str | None = None
    bsuid: str | None = None
    name: str | None = None


FIRST_LINE = "main"
"""What the line is called that had no name before there were others."""


class Line(Value, frozen=True):
    """One number of the house: `number` is the vendor's name for it (Meta's phone_number_id, Twilio's sender)."""

    id: str
    channel: Literal["whatsapp", "twilio"]
    number: str

    @property
    def way(self) -> str:
        """How a conversation on it goes out and comes in; contact keys begin with it, but for those of the first line."""
        return self.channel if self.id == FIRST_LINE else f"{self.channel}@{self.id}"


def channel_of(way: str) -> str:
    """The channel of `whatsapp@ventas`, and of `whatsapp`."""
    return way.partition("@")[0]


def line_of(contact_key: str) -> str:
    """The line that a contact's conversation is on."""
    return contact_key.partition(":")[0].partition("@")[2] or FIRST_LINE


def is_played(contact_key: str) -> bool:
    """Whether that is nobody real: no vendor, no CRM and nobody on duty is told of them."""
    return contact_key.partition(":")[0] == PLAYED


class Media(Value, frozen=True):
    """A file at the vendor: `id` to ask for it there, never its bytes."""

    id: str = ""
    mime_type: str = ""
    sha256: str = ""
    filename: str = ""
    url: str = ""
    voice: bool = False


class Location(Value, frozen=True):
    """A point that somebody shared; degrees."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


class Inbound(Value, frozen=True):
    """One thing a person sent. `id` is the vendor's message id, unique for ever; `at` is the vendor's time.

    `text` is what can be read: the body, a caption, the title of the button or row that was chosen. `reply_id` is the id
    that we gave to that button or row; `reply_to` the id of the message it quotes. `target` is the id of the message that
    a reaction, edit or revoke speaks of. `extra` keeps what else is worth keeping, by the vendor's names.
    """

    id: str
    contact: Contact
    kind: InboundKind
    at: datetime
    text: str = ""
    reply_id: str = ""
    reply_to: str = ""
    target: str = ""
    emoji: str = ""
    media: Media | None = None
    location: Location | None = None
    forwarded: bool = False
    number_id: str = ""
    extra: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def is_press(self) -> bool:
        """A button or a row was chosen: a finished thought, to be answered at once."""
        return self.kind in ("button", "list", "flow", "template_button")


class Echo(Value, frozen=True):
    """What somebody of the brokerage wrote to `contact` in the phone's own app. It has gone out, as `id` at the vendor."""

    id: str
    contact: Contact
    at: datetime
    kind: InboundKind = "text"
    text: str = ""
    media: Media | None = None
    reply_to: str = ""
    number_id: str = ""


class Receipt(Value, frozen=True):
    """What became of a message that we sent. `opaque` is what we gave along with it, if the vendor returned it."""

    message_id: str
    status: Literal["sent", "delivered", "read", "failed"]
    at: datetime
    opaque: str = ""
    error_codes: tuple[str, ...] = ()
    error_detail: str = ""
    pricing: dict[str, Any] = msgspec.field(default_factory=dict)
    phone: str | None = None
    bsuid: str | None = None


class Notice(Value, frozen=True):
    """Something about the account or its templates, not about a person: logged as an event. Holds nothing personal."""

    field: str
    summary: dict[str, Any] = msgspec.field(default_factory=dict)


class Broken(Value, frozen=True):
    """An item that could not be read. `where` is its path in the payload, `why` has nothing of its content."""

    where: str
    why: str


class Option(Value, frozen=True):
    """Something to press: `id` comes back in `Inbound.reply_id`."""

    id: str
    title: str
    description: str = ""


class Template(Value, frozen=True):
    """An approved template: the only thing that may go out more than 24 hours after the person wrote."""

    name: str
    language: str
    components: tuple[dict[str, Any], ...] = ()


class Content(Value, frozen=True):
    """What is said, whoever says it and to whom.

    text: `text`. buttons: `text` and at most three `options`. list: `text`, at most ten `options`, `action` opens it;
    `numbered`: a number alone means one of the options, so where they can only be written they are counted.
    cta_url: `text`, `action` is the label, `link` the address. template: `template`. Media kinds: `link` or `media_id`,
    `text` is the caption. reaction: `emoji` on the message `reply_to`.
    """

    kind: ContentKind = "text"
    text: str = ""
    options: tuple[Option, ...] = ()
    header: str = ""
    footer: str = ""
    action: str = ""
    link: str = ""
    media_id: str = ""
    mime_type: str = ""
    filename: str = ""
    template: Template | None = None
    emoji: str = ""
    reply_to: str = ""
    numbered: bool = False


class Outbound(Value, frozen=True):
    """One message to one person. `id` is ours, given before the first attempt, and goes along as opaque data."""

    id: str
    contact: Contact
    content: Content
    speaker: Speaker = "bot"
    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)


class Event(Value, frozen=True):
    """Something worth counting. `name` is dotted and past tense; `data` holds nothing personal."""

    name: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)
