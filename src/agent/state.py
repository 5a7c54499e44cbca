"""One conversation as it is stored, and the pure vocabulary of a turn.

The stored form is our own versioned JSON: readable with redis-cli, independent of any library, upgraded on reading.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from src.agent.agenda import Agenda
from src.agent.memory import Memory
from src.agent.upgrades import UPGRADES
from src.errors import DamagedState, UnreadableState
from src.house.hours import DECENT, Hours
from src.messages import Contact, Content, Event
from src.quoting import Need, StoredQuote

SCHEMA = 3
HISTORY_LIMIT = 12

Stage = Literal["INICIO", "NEEDS_ANALYSIS", "COTIZACION", "PRESENTACION_PROPUESTA", "FINALIZADO"]
Owner = Literal["bot", "human"]
Outcome = Literal["accepted", "declined", "ineligible", "opted_out", "consent_refused", "handed_over", "expired"]
HandoffReason = Literal[
    "asked",
    "health",
    "medical_selection",
    "occupation",
    "over_age",
    "not_understood",
    "language",
    "abuse",
    "threat",
    "self_harm",
    "claim",
    "policy",
    "renewal",
    "cancellation",
    "other_insurance",
    "supplier",
    "job",
    "bot_failed",
    "operator",
    "accepted",
    "changed_after_acceptance",
    "second_thoughts",
    "call_due",
]
"""Why a person is called. With the last four the bot keeps the conversation: a lead was won, and what came of it."""
STAGES: tuple[Stage, ...] = ("INICIO", "NEEDS_ANALYSIS", "COTIZACION", "PRESENTACION_PROPUESTA", "FINALIZADO")


class ProfileSource(msgspec.Struct, omit_defaults=True):
    """Where a profile value came from, and the values it replaced, oldest first."""

    message_id: str
    at: datetime
    by: Literal["prospect", "human", "system"] = "prospect"
    replaced: list[Any] = msgspec.field(default_factory=list)


class Held(msgspec.Struct):
    """A fact that was told before the consent, as it was read (`understanding.Found`), and when."""

    found: dict[str, Any]
    message_id: str
    at: datetime


class Consent(msgspec.Struct):
    """What somebody agreed to or refused, when, and to which wording."""

    given: bool
    at: datetime
    text_version: str


class Line(msgspec.Struct, omit_defaults=True):
    """One line of the capped history: enough for a model to follow, never the transcript."""

    speaker: str
    text: str


class Conversation(msgspec.Struct, omit_defaults=True):
    """Everything the sale needs to know about one person, between turns.

    The fields up to `consents` are those the outside sees, by these names. The rest is the agent's own memory:
    `pending` holds facts given before consent (confirmed by it), `asked` how often each key was asked, `memory` what the
    sale must remember, `history` the last lines, `agenda` what is due without a message.
    """

    contact: Contact
    created_at: datetime
    updated_at: datetime
    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # written down also while it is the newest
    stage: Stage = "INICIO"
    owner: Owner = "bot"
    outcome: Outcome | None = None
    awaiting: str | None = None
    profile: dict[str, Any] = msgspec.field(default_factory=dict)
    profile_sources: dict[str, ProfileSource] = msgspec.field(default_factory=dict)
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    need: Need | None = None
    quotes: list[StoredQuote] = msgspec.field(default_factory=list)
    selected_quote: str | None = None
    consents: dict[str, Consent] = msgspec.field(default_factory=dict)
    pending: dict[str, Held] = msgspec.field(default_factory=dict)
    asked: dict[str, int] = msgspec.field(default_factory=dict)
    memory: Memory = msgspec.field(default_factory=Memory)
    history: list[Line] = msgspec.field(default_factory=list)
    agenda: Agenda = msgspec.field(default_factory=Agenda)
    turns: int = 0


class House(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent knows of the business it speaks for."""

    company_name: str = "iAgente Vida"
    legal_notice: str = ""
    privacy_url: str = ""
    address: Literal["tu", "usted"] = "tu"
    timezone: str = "Europe/Madrid"
    business_hours: str = ""
    hours: Hours | None = None
    retention_days: int = 10
    contact_per_minute: int = 10
    contact_per_day: int = 30

    @property
    def writing_hours(self) -> Hours:
        """When people may be written to first: the house's hours, else decent ones."""
        return self.hours or Hours(week=DECENT, zone=self.timezone)


class Handoff(msgspec.Struct, frozen=True):
    """The conversation goes to a human, or one is called beside the bot."""

    reason: HandoffReason
    urgent: bool = False


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn decided. `erase` means that everything about the person goes, except the replies given here.

    `heard` is what voice notes said, by the id of their message: made safe, as nothing of it was written down before.
    """

    conversation: Conversation
    replies: tuple[Content, ...] = ()
    events: tuple[Event, ...] = ()
    handoff: Handoff | None = None
    erase: bool = False
    heard: dict[str, str] = msgspec.field(default_factory=dict)


def new_conversation(contact: Contact, now: datetime) -> Conversation:
    """A conversation in which nothing was said yet."""
    return Conversation(contact=contact, created_at=now, updated_at=now)


class _Schema(msgspec.Struct):
    """The schema number of a stored conversation; the first one left it out."""

    schema: int = 1


_SCHEMA_OF = msgspec.json.Decoder(_Schema)
_DECODER = msgspec.json.Decoder(Conversation)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
"""Amounts are numbers in JSON, exact to the cent."""


def encode(conversation: Conversation) -> bytes:
    """The stored form: one JSON object."""
    return _ENCODER.encode(conversation)


_DAMAGE = (msgspec.MsgspecError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading, and lifting to a newer schema, raise on what was never written by any version."""


def decode(stored: bytes) -> Conversation:
    """The conversation, upgraded to this version's schema. Raises UnreadableState for a newer one, DamagedState for one that
    nobody can read."""
    try:
        schema = _SCHEMA_OF.decode(stored).schema
        if schema > SCHEMA:
            raise UnreadableState(f"conversation has schema {schema}; this version knows up to {SCHEMA}")
        if schema < SCHEMA:
            raw = msgspec.json.decode(stored)
            for older in range(schema, SCHEMA):
                raw = UPGRADES[older](raw)
            stored = _ENCODER.encode(raw)
        return _DECODER.decode(stored)
    except _DAMAGE as damage:
        raise DamagedState(f"conversation cannot be read: {type(damage).__name__}") from damage
