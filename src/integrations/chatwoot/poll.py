"""Looks in Chatwoot for what its webhooks did not bring: each is sent once, and lost when we are away for a moment.

One process at a time asks in which conversations of our inbox something happened since the last look, and reads the newest
messages of those. All of it is given to the same code as the webhooks' events, which knows what it had before.

What is news is told by Chatwoot's own times, whatever our clocks say. However much there is, a look makes few calls, begins
with what is oldest, and the next one goes on from there; a conversation that cannot be read holds nobody up for long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, NamedTuple, Protocol

from src.desk.crm import CrmEvent, Whose
from src.desk.human_side import HumanSide
from src.errors import Conflict, LedgerUnavailable, TemporaryFailure
from src.integrations.chatwoot.api import ChatwootApi, NotThere
from src.integrations.chatwoot.events import NotForUs, edited_in, heard_in, is_incoming, owner_in, said_in, whose_of
from src.integrations.chatwoot.said import pages_of
from src.messages import Inbound

EVERY_S = 20.0
AT_ONCE_S = 1.0
"""The pause after a look that left something to be read."""
OVERLAP_S = 90.0
"""Every look goes back this far behind the last: what was being written then was not seen."""
LONGEST_BACK_S = 24 * 3600.0
"""After a longer outage only this much is caught up with: what is older, nobody waits for any more."""
MOST_READ = 50
"""Conversations whose messages are read in one look."""
MOST_PAGES = 20
"""Pages of conversations in one look; when there are more, it is the oldest ones."""
MOST_TRIES = 5
"""Looks in which a conversation could not be read, while others could: then it is passed over."""
BEHIND_S = 600.0
"""Somebody is told when no look has seen everything for so long."""
_MOST_FAILURES = 5
_OTHERS_COULD_S = 300.0
_LAST_PAGE = 1 << 16
_LOOK_S = 120.0
_TELL_AGAIN_S = 3600.0
_SETTLED_S = 5.0
"""Activity is shown in whole seconds, so more may have been written in the same one."""
_MOST_PAGES_OF_MESSAGES = 10
_FULL_PAGE_OF_MESSAGES = 20
_TOO_FAST = 429

Connect = Callable[[], tuple[ChatwootApi, int] | None]
"""The API and the number of our inbox; None while it is not provisioned."""


class PollSightings(Protocol):
    """What the poll remembers from one look to the next, see `RedisSightings`. Times are seconds since 1970: of the
    conversations, there; `at_s` and `now_s`, ours. Every method may raise LedgerUnavailable.
    """

    def polling(self, *, for_s: float) -> AbstractContextManager[bool]: ...
    def place(self) -> float | None: ...
    def move_place(self, seconds: float) -> None: ...
    def saw_everything(self, to_s: float, at_s: float) -> None: ...
    def everything_to(self) -> float | None: ...
    def behind_s(self, now_s: float) -> float: ...
    def read_to(self, since_s: float) -> dict[str, float]: ...
    def note_heard(self, conversation_id: str, to_s: float | None, at_s: float | None) -> None: ...
    def heard_ago_s(self, now_s: float) -> float: ...
    def failing(self) -> frozenset[str]: ...
    def count_failure(self, conversation_id: str, *, counts: bool) -> int: ...
    def once(self, name: str, *, for_s: float) -> bool: ...


class _Changed(NamedTuple):
    """Conversations in which something happened since `since_s`, longest ago first: all of those up to `to_s`, and `whole`
    says whether that is all there are. `newest_s` is when something happened last."""

    conversations: list[dict[str, Any]]
    since_s: float
    to_s: float
    newest_s: float
    whole: bool


class ChatwootPoll:
    """To be asked every `EVERY_S` by every worker, or `AT_ONCE_S` after a look when it `has_more`.

    `hear` is given what people wrote, where Chatwoot owns their line, and says whether that was news.
    `clock` gives seconds since 1970. `told` is given a stable word, "behind" or "passed_over", and a detail when people
    have to look.
    """

    def __init__(
        self,
        connect: Connect,
        humans: HumanSide,
        sightings: PollSightings,
        *,
        clock: Callable[[], float],
        told: Callable[[str, str], None] = lambda _reason, _detail: None,
        further_inboxes: Sequence[int] = (),
        hear: Callable[[Inbound], bool] | None = None,
    ) -> None:
        self._prospect_said = hear
        self._connect = connect
        self._further_inboxes = further_inboxes
        self._humans = humans
        self._sightings = sightings
        self._clock = clock
        self._told = told
        self.has_more = False

    def look_alone(self) -> int:
        """One look, unless another process is looking: then nothing was found. Raises IntegrationError, LedgerUnavailable."""
        self.has_more = False
        with self._sightings.polling(for_s=_LOOK_S) as mine:
            try:
                return self.look() if mine else 0
            finally:
                if mine:
                    self._tell_when_behind()

    def look(self) -> int:
        """How many events were found that no webhook had brought. Raises IntegrationError, LedgerUnavailable."""
        self.has_more = False
        connected = self._connect()
        if connected is None:
            return 0
        api, inboxes = connected[0], (connected[1], *self._further_inboxes)
        place_s = self._sightings.place()
        if place_s is None:  # nothing from before the installation is taken for news
            now_s = self._clock()
            self._sightings.move_place(now_s)
            self._sightings.saw_everything(now_s, now_s)
            return 0
        changed = _changed_since(api, inboxes, place_s)
        read_to, failing = self._sightings.read_to(changed.since_s), self._sightings.failing()
        # Whatever moved to the front before it was read is read from where the last look that left nothing out ended.
        everything_to_s = self._sightings.everything_to()
        heard_since_s = (place_s if everything_to_s is None else everything_to_s) - OVERLAP_S
        heard_since_s = max(heard_since_s, changed.newest_s - LONGEST_BACK_S)
        found = reads = 0
        left: list[float] = []
        failed: dict[str, tuple[float, Exception]] = {}
        # Those that could not be read come last, so that it shows whether others can.
        for conversation in sorted(changed.conversations, key=lambda one: str(one.get("id")) in failing):
            try:
                whose = whose_of(conversation, *inboxes)
            except NotForUs:
                continue
            name, at_s = whose.conversation_id, _activity(conversation)
            is_news = at_s > read_to.get(name, 0.0)
            if is_news and (len(failed) == _MOST_FAILURES or (reads == MOST_READ and name not in failing)):
                left.append(at_s)
                continue
            try:
                if is_news:
                    reads += 1
                    found += self._hear(api, conversation, whose, heard_since_s)
                # After the words: who wrote and then resolved it is not taken for somebody who came back.
                found += self._follow(conversation, whose)
            except LedgerUnavailable:
                raise
            except NotThere:  # deleted meanwhile
                continue
            except Exception as fault:
                # Whatever is wrong with one conversation must not hold up the others.
                if isinstance(fault, TemporaryFailure) and fault.status == _TOO_FAST:
                    raise
                failed[name] = (at_s, fault)
        left += self._not_passed_over(failed)
        self._sightings.move_place(max(place_s, min([changed.to_s, *left])))
        if changed.whole and not left:
            self._sightings.saw_everything(max(changed.newest_s, place_s), self._clock())
        self.has_more = not failed and bool(left or not changed.whole)
        return found

    def _hear(self, api: ChatwootApi, conversation: dict[str, Any], whose: Whose, since_s: float) -> int:
        found = 0
        for message in _messages(api, whose.conversation_id, conversation, since_s):
            with suppress(NotForUs):
                if self._prospect_said is not None and is_incoming(message):
                    inbound = heard_in(message, whose)
                    found += inbound.at.timestamp() >= since_s and self._prospect_said(inbound)
                    continue
                said = said_in(message, whose, as_bot=self._prospect_said is not None)
                if said.at.timestamp() >= since_s:
                    found += self._is_news(said)
        now_s, at_s = self._clock(), _activity(conversation)
        self._sightings.note_heard(whose.conversation_id, at_s if now_s - at_s > _SETTLED_S else None, now_s)
        return found

    def _follow(self, conversation: dict[str, Any], whose: Whose) -> int:
        try:
            owner = owner_in(conversation, whose)
        except NotForUs:
            return 0
        return self._is_news(owner) + self._is_news(edited_in(conversation, whose))

    def _is_news(self, event: CrmEvent) -> bool:
        try:
            return self._humans.take(event) in ("said", "taken_over", "handed_back", "corrected")
        except Conflict:  # it keeps changing: it is among those that changed at the next look, too
            return False

    def _not_passed_over(self, failed: dict[str, tuple[float, Exception]]) -> list[float]:
        """When something happened in those that will be tried again. While nothing can be read, it is not their fault."""
        again = []
        others_could = self._sightings.heard_ago_s(self._clock()) < _OTHERS_COULD_S
        for name, (at_s, fault) in failed.items():
            tries = self._sightings.count_failure(name, counts=others_could)
            if tries < MOST_TRIES:
                again.append(at_s)
            else:
                self._sightings.note_heard(name, at_s, None)
                self._told("passed_over", f"conversation {name}: {type(fault).__name__}: {fault}")
        return again

    def _tell_when_behind(self) -> None:
        behind_s = self._sightings.behind_s(self._clock())
        if behind_s > BEHIND_S and self._connect() and self._sightings.once("behind", for_s=_TELL_AGAIN_S):
            self._told("behind", f"{behind_s / 60:.0f} minutes")


# -- what Chatwoot shows -----------------------------------------------------------------------------------------------


def _changed_since(api: ChatwootApi, inboxes: Sequence[int], place_s: float) -> _Changed:
    """From the newest page back to where the last look ended; when that is far, the pages just before it.

    Whatever happens meanwhile moves its conversation to the front and pushes others on to older pages, never to newer ones:
    pages are read from newer to older, so that none of them is missed.
    """

    mine = {"inbox_id": inboxes[0]} if len(inboxes) == 1 else {}  # of several: all of the account, and others are left out

    def page(number: int) -> list[dict[str, Any]]:
        asked = {**mine, "status": "all", "assignee_type": "all", "sort_by": "last_activity_at_desc"}
        answer = api.call("poll_conversations", "GET", "conversations", params={**asked, "page": number})
        return _rows(answer.get("data") if isinstance(answer, dict) else None)

    def is_last(rows: list[dict[str, Any]]) -> bool:
        oldest_s = next(filter(None, map(_activity, reversed(rows))), 0.0)
        return len(rows) < len(first) or not rows or 0.0 < oldest_s < since_s

    first = page(1)
    newest_s = max(map(_activity, first), default=place_s)
    since_s = max(place_s - OVERLAP_S, newest_s - LONGEST_BACK_S)
    rows, number, read = list(first), 1, first
    while not is_last(read) and number < MOST_PAGES:
        number += 1
        read = page(number)
        rows += read
    to_s, whole = newest_s, is_last(read)
    if not whole:
        last = _first_after(MOST_PAGES, lambda number: is_last(page(number)))
        rows = [row for number in range(last - MOST_PAGES + 1, last + 1) for row in page(number)]
        to_s = max(map(_activity, rows), default=since_s)
    # What moved while it was looked at may have been seen twice.
    changed = {row.get("id"): row for row in rows if max(_activity(row), _number(row.get("updated_at"))) > since_s}
    return _Changed(sorted(changed.values(), key=_activity), since_s, to_s, newest_s, whole)


def _first_after(known: int, holds: Callable[[int], bool]) -> int:
    """The first number after `known`, for which it does not hold, that it holds for: it goes on holding from there."""
    low, high = known, 2 * known
    while high < _LAST_PAGE and not holds(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _messages(api: ChatwootApi, conversation_id: str, conversation: dict[str, Any], since_s: float) -> list[dict[str, Any]]:
    """The messages since then, oldest first. Only the last one is shown with the template that an agent chose."""
    last = conversation.get("last_non_activity_message")
    last = last if isinstance(last, dict) else {}
    found: list[dict[str, Any]] = []
    for number, rows in enumerate(pages_of(api, conversation_id, action="poll_messages"), start=1):
        found = rows + found
        is_old = _number(rows[0].get("created_at")) < since_s
        if is_old or len(rows) < _FULL_PAGE_OF_MESSAGES or number == _MOST_PAGES_OF_MESSAGES:
            break
    chosen = {"additional_attributes": last.get("additional_attributes")}
    return [row | chosen if row["id"] == last.get("id") else row for row in found]


def _rows(answer: Any) -> list[dict[str, Any]]:
    payload = answer.get("payload") if isinstance(answer, dict) else None
    return [one for one in payload if isinstance(one, dict)] if isinstance(payload, list) else []


def _activity(conversation: dict[str, Any]) -> float:
    return _number(conversation.get("last_activity_at"))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
