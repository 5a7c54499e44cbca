"""What the desk needs from the outside: a ledger that remembers, a channel that speaks, a clock.

Adapters in `integrations` implement these; tests give their own. Times are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import msgspec

from src.agent.agenda import Entry
from src.agent.state import Conversation, Step
from src.desk.crm import File
from src.messages import Content, Inbound, Media, Outbound, Receipt

Lane = Literal["turns", "delivery", "mirror"]
REMEMBERED = timedelta(days=8)
"""So long the id of a message is known: Meta delivers a webhook again for up to seven days. Of an older message nobody can say
whether it was answered before."""
CLOCKS_APART = timedelta(hours=1)
"""While the store's clock and our own disagree by more, nothing is done by the time that cannot be undone."""
LANES: tuple[Lane, ...] = ("turns", "delivery", "mirror")


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a webhook on its way into the ledger: its job, its row in the transcript, whether it is answered at once.

    `mirror` is what the CRM is told of it, or nothing.
    """

    inbound: Inbound
    job: bytes
    row: bytes
    urgent: bool = False
    mirror: bytes = b""


class Job(msgspec.Struct, frozen=True):
    """One job handed out by a claim. `attempts` counts this one too."""

    id: str
    body: bytes
    attempts: int


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The right to work on one lane of one contact until the lease ends.

    `now` is the store's time at the claim, `lease_until_s` the monotonic second at which the lease ends here. `state` is
    the stored conversation or None; `heard_at` is when the person last wrote. `sending_status`, `sending_since` and
    `sending_wamid` tell how far the head of the delivery lane had come before. `crm` is what the mirror lane keeps.
    `clock_off` is how far the store's clock is ahead of our own.
    """

    lane: Lane
    contact: str
    token: str
    epoch: str
    state: bytes | None
    owner: str
    now: datetime
    lease_until_s: float
    jobs: tuple[Job, ...]
    heard_at: datetime | None = None
    sending_status: str = ""
    sending_since: datetime | None = None
    sending_wamid: str = ""
    crm: Mapping[str, str] = {}
    clock_off: timedelta = timedelta()

    @property
    def clock_agrees(self) -> bool:
        """Whether two clocks say the same, so that what cannot be undone may be done by them."""
        return abs(self.clock_off) <= CLOCKS_APART

    @property
    def turn_id(self) -> str:
        """Names this claim for ever: the epoch is never used twice, the token grows with each claim."""
        return f"{self.epoch}.{self.token}"


class Settlement(msgspec.Struct, kw_only=True):
    """What a claim comes to, written in one commit.

    `done` and `buried` are ids of claimed jobs (`reason` says why they were buried). `state` None leaves the state alone.
    `owner` "" leaves the owner alone. `timer`: None leaves it, a datetime sets it, `NO_TIMER` clears it. `statuses` are
    outbox id → (status, vendor's message id, error codes). `hold_s` makes the lane wait, `wait_for` is the outbox id whose
    receipt ends the wait early. `uncounted` are claimed jobs whose attempt does not count: nothing was wrong with them.
    `crm` are fields that the mirror lane keeps; an empty value removes one. `kept` are bodies of what was sent, by outbox id,
    to be sent again if it turns out not to have arrived. `undelivered` are jobs of the turns lane about what did not arrive.
    """

    done: Sequence[str] = ()
    buried: Sequence[str] = ()
    reason: str = ""
    state: bytes | None = None
    stage: str = ""
    name: str = ""
    owner: str = ""
    timer: datetime | Literal["none"] | None = None
    rows: Sequence[bytes] = ()
    statuses: Mapping[str, tuple[str, str, str]] = msgspec.field(default_factory=dict)
    deliveries: Sequence[tuple[str, bytes]] = ()
    mirrors: Sequence[tuple[str, bytes]] = ()
    events: Sequence[bytes] = ()
    counts: Mapping[str, int] = msgspec.field(default_factory=dict)
    hold_s: float = 0.0
    wait_for: str = ""
    uncounted: Sequence[str] = ()
    crm: Mapping[str, str] = msgspec.field(default_factory=dict)
    kept: Mapping[str, bytes] = msgspec.field(default_factory=dict)
    undelivered: Sequence[tuple[str, bytes]] = ()


class Amendment(msgspec.Struct, kw_only=True):
    """A conversation changed by an operator between turns. It holds only while the stored state still is `expected`.

    `owner` "" leaves the owner alone.
    """

    expected: bytes | None
    state: bytes
    stage: str
    name: str
    owner: str
    timer: datetime | None
    row: bytes = b""
    mirrors: Sequence[tuple[str, bytes]] = ()


class Origin(msgspec.Struct, frozen=True):
    """Where and when words were written that come from a CRM: the number of the conversation there."""

    place: str
    at: datetime


class Offers(msgspec.Struct, frozen=True):
    """Contacts that need attention, by lane, and the lanes in which `more` do than there was room for.

    `next_in_s` is how long until the next one of the other lanes (None: nothing is waiting there).
    """

    contacts: Mapping[Lane, Sequence[str]]
    next_in_s: float | None
    more: frozenset[Lane] = frozenset()


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One contact as stored, for people to look at. `rows` is the transcript, oldest first; a message that failed has the
    `codes` that say why."""

    contact: str
    state: bytes | None
    owner: str
    created_at: datetime
    heard_at: datetime | None = None
    rows: Sequence[Mapping[str, Any]] = ()


class Page(msgspec.Struct, frozen=True):
    """Some contacts, newest first, and where to go on."""

    records: Sequence[Record]
    next_cursor: str | None


class DeadLetter(msgspec.Struct, frozen=True):
    """A job that was given up: where it was, why, and how often it was tried. The body stays in the ledger."""

    id: str
    lane: str
    contact: str
    reason: str
    at: datetime
    attempts: int


class Ledger(Protocol):
    """The one truth, and all that doors, desk and workers ask of it. Every method may raise LedgerUnavailable."""

    @property
    def mirrors(self) -> bool:
        """Whether a CRM is told of everything: only then are jobs for it to be given."""

    @property
    def shards(self) -> int:
        """How many parts the contacts are divided into: workers look at one after the other."""

    @property
    def lease_s(self) -> float:
        """How long a claim holds that nobody renews."""

    def ping(self) -> None:
        """Raises when the store does not answer, cannot be written, or belongs to another configuration."""

    def server_time(self) -> datetime:
        """The store's clock: what people wrote and what is due is timed by it."""

    def clock_off_s(self) -> float:
        """How far that is ahead of our own."""

    def pseudonym(self, contact: str) -> str:
        """A stable name for logs that tells nothing to who has not the store's key."""

    def once(self, name: str, *, for_s: float) -> bool:
        """Whether nobody said that name within so long: of all processes one is told yes."""

    def listen(self, ring: Callable[[int, float], None], stopped: Callable[[], bool]) -> None:
        """Calls `ring(shard, in_s)` whenever something will need attention. Returns when `stopped`; a lost ring does no harm.

        Raises LedgerUnavailable when the connection breaks: call again.
        """

    def beat(self, worker: str) -> None:
        """A worker says that it is alive."""

    def leave(self, worker: str) -> None:
        """A worker stops in good order."""

    def tidy(self) -> None:
        """What is put off until there is time: that nothing of an erased person stays in the store's files.

        To be called now and then, by anybody.
        """

    def workers(self) -> dict[str, float]:
        """Seconds since each worker's last sign of life, of those heard of within the hour."""

    def durability(self) -> dict[str, str]:
        """How the store keeps what it is told, as far as it says."""

    def accept(self, arrivals: Sequence[Arrival]) -> list[str]:
        """Writes each item durably, once: "accepted" or "duplicate" for each, in their order."""

    def receive_receipt(self, receipt: Receipt) -> str:
        """Applies a receipt by rank: "applied", "again" (it did not arrive, and is on its way once more), "older", or "unknown"
        (kept until its message is known)."""

    def offer(self, shard: int, room: Mapping[Lane, int]) -> Offers:
        """Contacts of a shard that need attention now, at most `room` of each lane."""

    def claim(self, lane: Lane, contact: str, *, despite_hold: bool = False) -> Claim | None:
        """The lane of that contact, or None when there is nothing to do or somebody else has it. `despite_hold`: also while the
        lane waits for something."""

    def await_replies(self, contact: str, *, for_s: float) -> bool:
        """What is said to that contact within so long is left to the caller, who claims it `despite_hold`; then it goes its
        usual way. False when nobody is known by that key."""

    def is_busy(self, contact: str) -> bool:
        """Whether that contact is still to be answered, or something to be sent to them."""

    def renew(self, claim: Claim, *, sending: str = "") -> tuple[float, str]:
        """Keeps the lease; returns its new end (monotonic seconds) and the owner now. Raises StaleCommit when lost.

        `sending` is the outbox id of a message about to be sent: written down before the attempt.
        """

    def commit(self, claim: Claim, settlement: Settlement) -> None:
        """All of it or nothing. Repeating a commit that was done is fine. Raises StaleCommit."""

    def retry(self, claim: Claim, *, after_s: float, uncount: bool = False) -> None:
        """Gives the claim back to be tried again later. A lost lease is no error: somebody else has it."""

    def forget(
        self, contact: str, *, erase: bool, claim: Claim | None = None, farewell: tuple[str, bytes] | None = None
    ) -> None:
        """Reset or erase. From within a turn the claim is given, and StaleCommit is raised when it is lost."""

    def amend(self, contact: str, amendment: Amendment) -> bool:
        """Writes an operator's change; False when the state changed meanwhile, or when there is no such contact."""

    def speak(
        self,
        contact: str,
        messages: Sequence[tuple[str, bytes, bytes]],
        *,
        owner: str = "",
        mirrors: Sequence[tuple[str, bytes]] = (),
        origin: Origin | None = None,
        already: str = "",
    ) -> int:
        """Messages beside the turns, in order: outbox id, job of the delivery lane, row of the transcript.

        Returns how many were new: one with an id that was spoken before is not spoken again. When any is, the
        conversation is `owner`'s from then on ("" leaves it), and the CRM is given the jobs in `mirrors`. What has an
        `origin` is remembered beyond an erasure, and is not spoken when it was written before one, or where the person is
        about to go. What was said `already`, under that id at the vendor, is only written down. Without messages nobody comes
        into being.
        """

    def replay(self, contact: str, lane: str, job_id: str) -> bool:
        """Puts a dead letter back into its lane with no attempt counted. False when there is none by that id."""

    def pause(self, paused: bool) -> None:
        """The bot falls silent everywhere, or speaks again."""

    def paused(self) -> bool:
        """Whether the bot is silent everywhere; may be a second old."""

    def alias(self, contact: str, alias: str) -> str:
        """From now on `alias` (a key) means that contact; merges when it meant another. Returns who it is now."""

    def remember_sent(self, contact: str, outbox_id: str, wamid: str) -> None:
        """From now on receipts find the message by the vendor's id; those that came too early are applied."""

    def outbox_id_of(self, message_id: str) -> str:
        """The id here of a message of ours, by the vendor's; "" for any other, and for what was sent long ago."""

    def wait_for_number(self, number: str) -> float:
        """Seconds to wait before sending on that number; 0.0 when a place was taken."""

    def pause_number(self, number: str, *, for_s: float, reason: str) -> None:
        """Nothing is sent on that number for a time."""


class Channel(Protocol):
    """Something that speaks to people. `number` names the line that its limits belong to."""

    @property
    def number(self) -> str:
        """The vendor's id of the line we speak on."""

    @property
    def confirms(self) -> bool:
        """Whether receipts follow a send, so that the next message waits for them, and a 24 h window holds."""

    def parts(self, content: Content) -> Sequence[Content]:
        """The same content in as many messages as the channel's limits ask for."""

    def send(self, outbound: Outbound, *, opaque: str, timeout_s: float | None = None) -> str:
        """Sends one message and returns the vendor's id. Raises TemporaryFailure or PermanentFailure."""

    def download(self, media: Media, *, max_bytes: int) -> File:
        """A file that somebody sent. May raise IntegrationError."""

    def check(self) -> dict[str, str]:
        """Asks the vendor, now, whether we may speak; what it says of our line. May raise IntegrationError."""

    def mark_read(self, message_id: str, *, typing: bool) -> None:
        """Shows that a message was seen and, if wanted, that an answer is coming. May raise IntegrationError."""


class Agent(Protocol):
    """The sale: a pure function of what was and what came."""

    def advance(self, conversation: Conversation, inbounds: Sequence[Inbound], now: datetime) -> Step:
        """One turn: what comes of messages."""

    def fall_due(self, conversation: Conversation, entry: Entry, now: datetime) -> Step:
        """One turn without a message: what comes of an entry of the sale's that is due."""


class TurnWork(Protocol):
    """What is done with claims of the turns lane."""

    def work(self, claim: Claim) -> str:
        """Takes one turn; returns a word for what was done."""

    def give_up(self, claim: Claim, reason: str) -> None:
        """Puts away what could not be answered, and calls a human."""


class Records(Protocol):
    """Looking at the ledger: every answer costs the same however many conversations there are."""

    def record(self, contact: str) -> Record | None:
        """One contact with its transcript, or None."""

    def page(self, *, cursor: str, limit: int, stage: str, owner: str, query: str) -> Page:
        """Contacts without transcripts, newest first, or with a query in the order of the search. Raises ValueError for a
        cursor that is none of ours."""

    def people(self, *, cursor: str, limit: int, stage: str = "", owner: str = "") -> tuple[list[str], str | None]:
        """Contacts of one list, newest first, and where to go on; some may have another owner. Raises ValueError."""

    def search(self, query: str, *, cursor: str, limit: int) -> tuple[list[str], str | None]:
        """Contacts that are found by words that hold all of the query, and where to go on. Raises ValueError."""

    def briefly(self, contacts: Sequence[str], *, rows: int) -> list[Record]:
        """Those of them that are there, each with the last rows of its transcript, at the cost of one."""

    def version(self, contact: str) -> str:
        """Another one whenever anything changed that is shown of the contact."""

    def vendor_id(self, contact: str, outbox_id: str) -> str:
        """The vendor's id of a message of ours; "" while it has none."""

    def resolve(self, reference: str) -> str:
        """The contact key for a key or alias; the reference itself when nobody goes by it."""

    def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """What was given up, newest first."""

    def figures(self) -> dict[str, Any]:
        """Depth and oldest age of each lane, dead letters, conversations by stage, counts of the last hours."""


class Alert(msgspec.Struct, frozen=True):
    """Something that the people on duty must know. `reason` is a stable word; the contact key must not leave our machines, and
    is "" where it is not about a person."""

    name: Literal[
        "conversation.handed_over",
        "conversation.unanswered",
        "conversation.undelivered",
        "agenda.due",
        "agenda.failed",
        "agenda.no_way",
        "crm.poll_behind",
        "crm.poll_passed_over",
        "clock.disagrees",
    ]
    contact: str
    reason: str
    urgent: bool


class Alarm(Protocol):
    """Tells the people on duty, in whatever ways are configured. Returns at once and raises nothing."""

    def __call__(self, alert: Alert, /) -> None: ...


class Revocations(Protocol):
    """What was let in and is no longer. Both may raise LedgerUnavailable."""

    def revoke(self, what: str, *, for_s: int) -> None:
        """From now on that is worth nothing, until it has run out by itself after so many seconds."""

    def revoked_at(self, what: str) -> datetime | None:
        """When that was revoked, or None."""


class Clock(Protocol):
    """The time, in UTC; tests give their own."""

    def __call__(self) -> datetime: ...
