"""Answering in the very request that brought a message: the replies are handed to the caller instead of a vendor.

What is handed over counts as sent before the caller has it, so that nothing goes out twice; what is ready too late goes its
usual way. Statuses settle the rest, as with every other message.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from src.desk.crm import File
from src.desk.delivery import Deliveries
from src.desk.jobs import outbound_of
from src.desk.ports import Claim, Ledger
from src.errors import Rejected, StaleCommit
from src.messages import Content, Media, Outbound

LOOK_S = 0.05
"""How often it is looked whether the turn was taken."""
_AFTERWARDS_S = 1.0
"""So much longer than the caller waits nobody else sends: whoever takes what is ready must be able to finish."""


class Answering:
    """One per process. `places` are how many requests may wait at the same time; `monotonic` gives seconds that only grow.

    `channel` is whose replies are handed over, `can_say` whether a response can hold a content, `confirms` whether statuses
    follow.
    """

    def __init__(
        self,
        ledger: Ledger,
        channel: str,
        *,
        places: int,
        can_say: Callable[[Content], bool],
        confirms: bool,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger, self._channel, self._confirms = ledger, channel, confirms
        self._can_say = can_say
        self._monotonic, self._sleep = monotonic, sleep
        self._places = threading.BoundedSemaphore(places) if places else None

    def replies_to(self, contact: str, *, within_s: float) -> list[Outbound]:
        """What is said to that contact within so long, in order; none when it is said later, or when all places are taken.

        Raises LedgerUnavailable.
        """
        if self._places is None or not self._places.acquire(blocking=False):
            return []
        try:
            if not self._ledger.await_replies(contact, for_s=within_s + _AFTERWARDS_S):
                return []
            return self._wait_for(contact, self._monotonic() + within_s)
        finally:
            self._places.release()

    def _wait_for(self, contact: str, until_s: float) -> list[Outbound]:
        handed: list[Outbound] = []
        while self._monotonic() < until_s:
            while self._take(contact, handed):
                pass
            if handed or not self._ledger.is_busy(contact):
                break
            self._sleep(LOOK_S)
        return handed

    def _take(self, contact: str, handed: list[Outbound]) -> bool:
        """Takes the message at the head of the lane; whether there may be another. What cannot be handed over stays."""
        claim = self._ledger.claim("delivery", contact, despite_hold=True)
        if claim is None or not claim.jobs:
            return False
        hand = _Hand(self._confirms)
        try:
            if not self._can_be_handed_over(claim):
                self._ledger.retry(claim, after_s=0.0, uncount=True)
                return False
            Deliveries(self._ledger, {self._channel: hand}, monotonic=self._monotonic).work(claim)
        except StaleCommit:
            return False  # it may be somebody else's by now: what is not written down as sent is not handed over
        handed += hand.taken
        return bool(hand.taken)

    def _can_be_handed_over(self, claim: Claim) -> bool:
        """Whether it is one of the channel's, of a kind that a response can hold, and nobody has begun to send it."""
        try:
            outbound = outbound_of(claim.jobs[0].body)
        except msgspec.MsgspecError:
            return False
        begun = claim.sending_status not in ("", "queued")
        return not begun and outbound.contact.channel == self._channel and self._can_say(outbound.content)


class _Hand:
    """A channel that keeps what it is to send."""

    def __init__(self, confirms: bool) -> None:
        self.taken: list[Outbound] = []
        self._confirms = confirms

    @property
    def number(self) -> str:
        """No line of its own: what the vendor limits is what is sent by us."""
        return "response"

    @property
    def confirms(self) -> bool:
        """As the vendor does."""
        return self._confirms

    def parts(self, content: Content) -> Sequence[Content]:
        """They are parts already."""
        return [content]

    def send(self, outbound: Outbound, *, opaque: str, timeout_s: float | None = None) -> str:
        """Keeps it. The vendor gives it an id later."""
        del opaque, timeout_s
        self.taken.append(outbound)
        return ""

    def download(self, media: Media, *, max_bytes: int) -> File:
        """There are no files here."""
        del media, max_bytes
        raise Rejected("response", "download", detail="a response holds no files")

    def check(self) -> dict[str, str]:
        """Always well."""
        return {}

    def mark_read(self, message_id: str, *, typing: bool) -> None:
        """The response itself shows it."""
        del message_id, typing
