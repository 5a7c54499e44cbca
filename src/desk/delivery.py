"""One message on its way to a person: in order, at the pace the vendor allows, once as far as that can be had.

Meta has no idempotency key. So "sending" is written before the attempt, and after a crash a short grace is given for a
receipt that proves the message went out; only then is it sent again. At most one duplicate for a crash in that window,
never a loss.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta

import msgspec

from src.desk import jobs
from src.desk.loading import reply_window
from src.desk.ports import Channel, Claim, Ledger, Settlement
from src.errors import AccessDenied, IntegrationError, PermanentFailure, StaleCommit, TemporaryFailure, WindowClosed
from src.messages import Content, Event, Outbound, channel_of

GRACE_S = 10.0
"""How long a receipt may take to prove that a message went out before a crash."""
ORDER_WAIT_S = 3.0
"""How long the next message waits for the receipt of the one before: vendors do not promise an order."""
DEADLINE = timedelta(hours=24)
"""After this long a reply is worth nothing: it is buried, and so is what was to follow it."""
FILE_DEADLINE = timedelta(hours=1)
"""After this long without its file a message is buried: what waits behind it is worth more."""
ELSEWHERE_S = 5.0
"""So long a message waits for another process, again and again: one that has the channel may be faster next time."""
PAUSE_S = 60.0
"""How long a number rests after its credentials were refused."""
_LONGEST_SEND_S = 6.0
_SHARE_OF_LEASE = 0.75
"""A send ends well before the lease does, so that nobody else can begin the same one."""


class Deliveries:
    """Works on claims of the delivery lane. `monotonic` gives seconds that only grow. What goes out on one of the channels
    `elsewhere` waits for a process that can speak there: this one could not open its credentials.

    `ready` gives a message's content fit to be sent, as by storing its file at the vendor. It may take longer than a lease,
    and what it did must be at hand when it is asked again. It may raise IntegrationError.
    """

    def __init__(
        self,
        ledger: Ledger,
        channels: Mapping[str, Channel],
        *,
        monotonic: Callable[[], float],
        elsewhere: Collection[str] = (),
        ready: Callable[[Outbound], Content] = lambda outbound: outbound.content,
    ) -> None:
        self._ledger = ledger
        self._channels = channels
        self._monotonic = monotonic
        self._elsewhere = frozenset(elsewhere)
        self._ready = ready

    def channel_of(self, contact: str) -> Channel | None:
        """The channel a contact is reached on."""
        return self._channels.get(contact.partition(":")[0])

    def work(self, claim: Claim) -> str:
        """Sends the message at the head of the lane, or decides what becomes of it; returns a word for what was done.

        Raises StaleCommit when somebody else has the lane by now.
        """
        job = claim.jobs[0]
        try:
            outbound = jobs.outbound_of(job.body)
        except msgspec.MsgspecError:
            return self._bury(claim, "the job cannot be read", "unreadable")
        channel = self._channels.get(outbound.contact.channel)
        if channel is None and channel_of(outbound.contact.channel) in self._elsewhere:
            self._ledger.retry(claim, after_s=ELSEWHERE_S, uncount=True)
            return "elsewhere"
        if channel is None:
            return self._bury(claim, f"no channel is configured for {outbound.contact.channel}", "no_channel")
        if claim.sending_status in ("sent", "delivered", "read", "failed"):
            # A receipt told what became of it before the worker that sent it could.
            self._ledger.commit(claim, Settlement(done=[job.id]))
            return f"found_{claim.sending_status}"
        if claim.clock_agrees and claim.now - outbound.at > DEADLINE:
            return self._bury(claim, "it could not be delivered within a day", "too_late")
        if self._may_be_out(claim):
            rest_s = GRACE_S - (claim.now - claim.sending_since).total_seconds() if claim.sending_since else GRACE_S
            self._ledger.retry(claim, after_s=max(0.1, rest_s), uncount=True)
            return "waits_for_receipt"
        if self._window_is_closed(claim, channel, outbound):
            return self._bury(claim, "the person last wrote more than 24 hours ago: only a template may go", "window_closed")
        return self._send(claim, channel, outbound)

    @staticmethod
    def _may_be_out(claim: Claim) -> bool:
        since = claim.sending_since
        return claim.sending_status == "sending" and since is not None and (claim.now - since).total_seconds() < GRACE_S

    @staticmethod
    def _window_is_closed(claim: Claim, channel: Channel, outbound: Outbound) -> bool:
        if outbound.content.kind == "template" or not claim.clock_agrees:  # the vendor knows
            return False
        return reply_window(channel, claim.heard_at, claim.now) == "closed"

    def _send(self, claim: Claim, channel: Channel, outbound: Outbound) -> str:
        try:
            outbound = msgspec.structs.replace(outbound, content=self._ready(outbound))
        except IntegrationError as failure:
            return self._not_ready(claim, outbound, failure)
        lease_until_s, owner = self._ledger.renew(claim, sending=outbound.id)
        if outbound.speaker == "bot" and (owner == "human" or self._ledger.paused()):
            return self._withhold(claim, outbound)
        timeout_s = min(_LONGEST_SEND_S, (lease_until_s - self._monotonic()) * _SHARE_OF_LEASE)
        if timeout_s <= 0:
            # This process stood still since it renewed. It stays "sending": whoever has the lease now gives it the grace.
            raise StaleCommit("the lease on the delivery lane ended before the message was sent")
        try:
            message_id = channel.send(outbound, opaque=f"{claim.contact} {outbound.id}", timeout_s=timeout_s)
        except AccessDenied as refusal:
            self._ledger.pause_number(channel.number, for_s=PAUSE_S, reason=f"code {refusal.vendor_code or refusal.status}")
            return self._put_off(claim, outbound, PAUSE_S, "delivery.number_paused", refusal)
        except PermanentFailure as refusal:
            word = "window_closed" if isinstance(refusal, WindowClosed) else type(refusal).__name__.lower()
            return self._bury(claim, str(refusal), word, refusal.vendor_code)
        except TemporaryFailure as failure:
            return self._after(claim, outbound, failure)
        waits = channel.confirms
        settlement = Settlement(
            done=[outbound.id],
            statuses={outbound.id: ("sent" if waits else "delivered", message_id, "")},
            hold_s=ORDER_WAIT_S if waits else 0.0,
            wait_for=outbound.id if waits else "",
            counts={"sent": 1},
            # What a person wrote is kept nowhere once it is out: they are told when it did not arrive, and decide themselves.
            kept={outbound.id: claim.jobs[0].body} if waits and outbound.speaker != "human" else {},
        )
        self._ledger.commit(claim, settlement)
        if waits and message_id:
            self._ledger.remember_sent(claim.contact, outbound.id, message_id)
        return "sent"

    def _not_ready(self, claim: Claim, outbound: Outbound, failure: IntegrationError) -> str:
        """Nothing was sent yet, so there is nothing to wait for."""
        hopeless = isinstance(failure, PermanentFailure) and not isinstance(failure, AccessDenied)
        if hopeless or (isinstance(failure, TemporaryFailure) and claim.now - outbound.at > FILE_DEADLINE):
            return self._bury(claim, str(failure), "file", failure.vendor_code)
        asked_s = failure.retry_after_s if isinstance(failure, TemporaryFailure) else PAUSE_S
        delay_s = max(backoff_s(claim.jobs[0].attempts, claim.turn_id), asked_s or 0.0)
        return self._put_off(claim, outbound, delay_s, "delivery.put_off", failure)

    def _after(self, claim: Claim, outbound: Outbound, failure: TemporaryFailure) -> str:
        attempts = claim.jobs[0].attempts
        if failure.maybe_done:
            # It stays "sending": the next claim gives a receipt the time to come.
            self._ledger.retry(claim, after_s=GRACE_S)
            return "waits_for_receipt"
        delay_s = float(min(4 ** (attempts - 1), 3600)) if failure.pair_limited else backoff_s(attempts, claim.turn_id)
        return self._put_off(claim, outbound, max(delay_s, failure.retry_after_s or 0.0), "delivery.put_off", failure)

    def _put_off(self, claim: Claim, outbound: Outbound, delay_s: float, name: str, failure: IntegrationError) -> str:
        """The vendor certainly did not take it: back to "queued", to be tried again later."""
        data = {"vendor": failure.vendor, "status": failure.status, "code": failure.vendor_code}
        settlement = Settlement(
            statuses={outbound.id: ("queued", "", "")},
            hold_s=delay_s,
            events=[jobs.event(Event(name, data), claim.now, claim.turn_id)],
            counts={"put_off": 1},
        )
        self._ledger.commit(claim, settlement)
        return name.rpartition(".")[2]

    def _withhold(self, claim: Claim, outbound: Outbound) -> str:
        """A human took the conversation over while this was waiting, or the bot was paused: it stays silent."""
        settlement = Settlement(
            done=[outbound.id],
            statuses={outbound.id: ("failed", "", "withheld")},
            events=[jobs.event(Event("delivery.withheld"), claim.now, claim.turn_id)],
        )
        self._ledger.commit(claim, settlement)
        return "withheld"

    def _bury(self, claim: Claim, reason: str, word: str, code: str = "") -> str:
        job = claim.jobs[0]
        settlement = Settlement(
            buried=[job.id],
            reason=reason,
            statuses={job.id: ("failed", "", code or word)},
            events=[jobs.event(Event("delivery.buried", {"reason": word, "code": code}), claim.now, claim.turn_id)],
            counts={"errors": 1},
            undelivered=[] if word == "no_channel" or _is_a_persons(job.body) else [jobs.undelivered(job.id, code or word)],
        )
        self._ledger.commit(claim, settlement)
        return f"buried_{word}"


def _is_a_persons(body: bytes) -> bool:
    """Whether somebody of the brokerage wrote it: they see themselves that it did not go out."""
    try:
        return jobs.outbound_of(body).speaker == "human"
    except msgspec.MsgspecError:
        return False


def backoff_s(attempts: int, seed: str, *, most_s: float = 300.0) -> float:
    """Exponential back-off from one second. The jitter comes from `seed`: the same input always waits the same time."""
    spread = zlib.crc32(seed.encode()) % 1000 / 1000
    return float(min(most_s, 2 ** min(max(attempts, 1) - 1, 16))) * (0.5 + spread / 2)
