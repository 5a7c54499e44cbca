"""One turn at work: the turn's own copy of the conversation, what was read, and what is going to be said.

The stages write down *what* to say (`say`, `ask`); how it is worded is settled at the end, when it is known what was said
last, so that nothing is ever said twice in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from src.agent.guardrails import Verdict
from src.agent.model import Assistance, Thinking
from src.agent.state import Conversation, Handoff, HandoffReason, House, Outcome, Stage
from src.agent.texts import Phrasebook, phrasebook
from src.agent.understanding import Context, Reading
from src.messages import Content, Event, Inbound, Option
from src.quoting import Catalogue, StoredQuote

_TITLES = frozenset(("don", "doña", "señor", "señora", "señorita", "sr", "sra", "dr", "dra"))
UNANSWERED_KINDS = frozenset(("reaction", "revoke", "system"))
"""What somebody does without saying anything."""
WORDLESS_KINDS = UNANSWERED_KINDS | {"welcome"}
"""What nothing can be read from and nothing is missed in. Who opens the chat is greeted, once."""
WANTS_NOTHING_MORE: frozenset[Outcome] = frozenset(("opted_out", "consent_refused", "ineligible"))
"""After these ends nothing that was promised is kept, either."""
MAX_ASKS = 3
"""No value is asked for more often than this."""


class Entry(Protocol):
    """What a search finds: an entry of the knowledge, by its id, how it is best asked, and the answer it gives."""

    @property
    def id(self) -> str: ...
    @property
    def question(self) -> str: ...
    @property
    def answer(self) -> str: ...


Reader = Callable[[str, Context, str], Reading]
Search = Callable[[str, str], Sequence[Entry]]
"""What is asked, or an entry's id, and the language: one entry answers, several are those between which there is doubt."""


@dataclass(slots=True)
class Said:
    """One piece of a message: a text by its key, with what fills it. `variant` None: whichever was not said last."""

    key: str
    values: dict[str, Any]
    variant: int | None = None
    glue: str = "\n\n"


@dataclass(slots=True)
class Draft:
    """A message in the making. A proposal may be longer than other messages."""

    pieces: list[Said] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    proposal: bool = False


@dataclass(slots=True)
class Change:
    """A profile value that this turn set. `before` is None when nothing was known."""

    key: str
    before: Any
    after: Any


@dataclass(slots=True)
class Turn:
    """Everything the nodes of the graph share. `conversation` is the turn's own copy and is worked on in place.

    `figures` are amounts that were reckoned from known ones in this turn, `quoted` texts that are repeated as they stand:
    both may appear in a reply. `requote` says why a proposal is (to be) made: new, changed, expired, again. `returned`: after
    a pause; `switched`: to another language; `doubted`: a value was told that must be confirmed; `aside`: the words that stood
    beside an answer and were not part of it. `assistance` is what may be
    used of a language model, `thinking` that model during this turn; both None: the rules and the texts alone. `heard`: what
    voice notes said, by the id of their message.
    """

    house: House
    catalogue: Catalogue
    reader: Reader
    search: Search
    now: datetime
    inbounds: Sequence[Inbound]
    conversation: Conversation
    verdict: Verdict = field(default_factory=Verdict)
    reading: Reading = field(default_factory=Reading)
    drafts: list[Draft] = field(default_factory=lambda: [Draft()])
    replies: tuple[Content, ...] = ()
    events: list[Event] = field(default_factory=list)
    figures: list[Any] = field(default_factory=list)
    quoted: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    handoff: Handoff | None = None
    erase: bool = False
    requote: str = ""
    returned: bool = False
    switched: bool = False
    doubted: bool = False
    aside: str = ""
    quotes_before: list[StoredQuote] = field(default_factory=list)
    heard: dict[str, str] = field(default_factory=dict)
    assistance: Assistance | None = None
    thinking: Thinking | None = None

    @property
    def book(self) -> Phrasebook:
        """The texts of the language that is being spoken."""
        memory = self.conversation.memory
        return phrasebook(memory.language, memory.address or self.house.address)

    @property
    def today(self) -> date:
        """The house's calendar day."""
        return self.now.astimezone(_zone(self.house.timezone)).date()

    @property
    def local_now(self) -> datetime:
        """Now, by the clock of the house."""
        return self.now.astimezone(_zone(self.house.timezone))

    def moment(self, at: datetime) -> str:
        """A time as it is said today, where the house is; what is said with it may name that time."""
        said = self.book.moment(at.astimezone(_zone(self.house.timezone)), self.local_now)
        self.quoted.append(said)
        return said

    @property
    def words(self) -> str:
        """What was written in this burst, line by line; buttons are not words."""
        return "\n".join(
            inbound.text
            for inbound in self.inbounds
            if inbound.text and not inbound.reply_id and inbound.kind not in UNANSWERED_KINDS
        )

    @property
    def last_message_id(self) -> str:
        """The vendor's id of the newest message of this turn."""
        return self.inbounds[-1].id if self.inbounds else ""

    @property
    def consented(self) -> bool:
        """Whether personal data may be used for a quote."""
        consent = self.conversation.consents.get("quote")
        return consent is not None and consent.given

    @property
    def first_name(self) -> str:
        """What the prospect is called by, or nothing: the given name; behind an initial or a title the next word, too."""
        words = str(self.conversation.profile.get("name", "")).split()
        alone = not words or not (words[0].endswith(".") or words[0].casefold() in _TITLES)
        return " ".join(words[:1] if alone else words[:2])

    @property
    def comma_name(self) -> str:
        """The given name as it follows a greeting, or nothing."""
        return f", {self.first_name}" if self.first_name else ""

    def say(self, key: str, *, variant: int | None = None, glue: str = "\n\n", **values: Any) -> None:
        """Adds a text to the message in the making."""
        self.drafts[-1].pieces.append(Said(key, values, variant, glue))

    def next_message(self, *, proposal: bool = False) -> None:
        """What is said from here on is a message of its own."""
        if self.drafts[-1].pieces:
            self.drafts.append(Draft())
        self.drafts[-1].proposal = proposal

    def offer(self, *options: tuple[str, str]) -> None:
        """Things to press under the message in the making: ids and the keys of their titles."""
        self.drafts[-1].options = [Option(id=reply_id, title=self.book.say(title)) for reply_id, title in options]

    def fall_silent(self) -> None:
        """Forgets what was going to be said."""
        self.drafts = [Draft()]

    def has_spoken(self) -> bool:
        """Whether anything is going to be said."""
        return any(draft.pieces for draft in self.drafts)

    def count(self, name: str, **data: Any) -> None:
        """Notes an event worth counting; `data` holds nothing personal."""
        self.events.append(Event(name, data))

    def enter(self, stage: Stage) -> None:
        """The conversation is in that stage from now on."""
        if self.conversation.stage != stage:
            self.count("stage.entered", stage=stage)
        self.conversation.stage = stage

    def end(self, outcome: Outcome) -> None:
        """The sale is over, one way or the other: nothing is asked any more."""
        self.enter("FINALIZADO")
        self.conversation.outcome = outcome
        self.conversation.awaiting = None
        self.conversation.agenda = self.conversation.agenda.after_end(opted_out=outcome in WANTS_NOTHING_MORE)
        self.count("conversation.ended", outcome=outcome)

    def hand_over(self, reason: HandoffReason, *, urgent: bool = False) -> None:
        """A person takes over; the question that was open stays open for when the conversation is handed back."""
        self.handoff = Handoff(reason, urgent=urgent)
        self.conversation.owner = "human"
        if self.conversation.outcome is None:
            self.conversation.outcome = "handed_over"
        self.count("handoff.requested", reason=reason, urgent=urgent)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
