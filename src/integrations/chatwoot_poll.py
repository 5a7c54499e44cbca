"""Looks in Chatwoot for what its webhooks did not bring: each is sent once, and lost when we are away for a moment.

One process at a time asks which conversations of our inbox changed since the last look, and reads the newest messages of those
that somebody wrote in. All of it is given to the same code as the webhooks' events, which knows what it had before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from src.desk.crm import CrmEvent, Whose
from src.desk.human_side import HumanSide
from src.errors import Conflict
from src.integrations.chatwoot_api import ChatwootApi
from src.integrations.chatwoot_events import NotForUs, edited_in, message_number, owner_in, said_in, whose_of
from src.integrations.redis_sightings import RedisSightings

EVERY_S = 20.0
OVERLAP_S = 90.0
"""Every look goes back this far behind the last: clocks differ, and what was being written then was not seen."""
LONGEST_BACK_S = 24 * 3600.0
"""After a longer outage only this much is caught up with: what is older, nobody waits for any more."""
MOST_READ = 50
"""Conversations whose messages are read in one look; the next look goes on where this one ended."""
_LOOK_S = 120.0
_REMEMBERED = 10_000
_SETTLED_S = 5.0
"""Activity is shown in whole seconds, so more may have been written in the same one."""

Connect = Callable[[], tuple[ChatwootApi, int] | None]
"""The API and the number of our inbox; None while it is not provisioned."""


class ChatwootPoll:
    """To be asked every `EVERY_S` by every worker. `clock` gives seconds since 1970."""

    def __init__(self, connect: Connect, humans: HumanSide, sightings: RedisSightings, *, clock: Callable[[], float]) -> None:
        self._connect = connect
        self._humans = humans
        self._sightings = sightings
        self._clock = clock
        self._read: dict[str, float] = {}

    def look_alone(self) -> int:
        """One look, unless another process is looking: then nothing was found. Raises IntegrationError, LedgerUnavailable."""
        with self._sightings.polling(for_s=_LOOK_S) as mine:
            return self.look() if mine else 0

    def look(self) -> int:
        """How many events were found that no webhook had brought. Raises IntegrationError, LedgerUnavailable."""
        connected = self._connect()
        if connected is None:
            return 0
        began_s, place_s = self._clock(), self._sightings.place()
        if place_s is None:  # nothing from before the installation is taken for news
            self._sightings.move_place(began_s)
            return 0
        since_s = max(place_s - OVERLAP_S, began_s - LONGEST_BACK_S)
        found = reads = 0
        reached_s = began_s
        for conversation in _changed_since(*connected, round(began_s - since_s) + 1):
            try:
                whose = whose_of(conversation, connected[1])
            except NotForUs:
                continue
            if _activity(conversation) > max(since_s, self._read.get(whose.conversation_id, 0.0)):
                if reads == MOST_READ:
                    reached_s = _activity(conversation)
                    break
                reads += 1
                found += self._hear(connected[0], conversation, whose, since_s)
            # After the words: who wrote and then resolved it is not taken for somebody who came back.
            found += self._follow(conversation, whose)
        self._sightings.move_place(reached_s)
        return found

    def _hear(self, api: ChatwootApi, conversation: dict[str, Any], whose: Whose, since_s: float) -> int:
        found = 0
        for message in _messages(api, whose.conversation_id, conversation):
            try:
                said = said_in(message, whose)
            except NotForUs:
                continue
            if said.at.timestamp() >= since_s:
                found += self._is_news(said)
        if len(self._read) >= _REMEMBERED:
            self._read.clear()
        if self._clock() - _activity(conversation) > _SETTLED_S:
            self._read[whose.conversation_id] = _activity(conversation)
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


def _changed_since(api: ChatwootApi, inbox_id: int, within_s: int) -> list[dict[str, Any]]:
    """Conversations of our inbox that changed, those in which nothing was written for longest first."""
    asked = {"inbox_id": inbox_id, "status": "all", "assignee_type": "all", "updated_within": within_s}
    answer = api.call("poll_conversations", "GET", "conversations", params=asked)
    data = answer.get("data") if isinstance(answer, dict) else None
    return sorted(_rows(data), key=_activity)


def _messages(api: ChatwootApi, conversation_id: str, conversation: dict[str, Any]) -> list[dict[str, Any]]:
    """The newest messages, oldest first. Only the last one is shown with the template that an agent chose."""
    last = conversation.get("last_non_activity_message")
    last = last if isinstance(last, dict) else {}
    rows = _rows(api.call("poll_messages", "GET", f"conversations/{conversation_id}/messages"))
    chosen = {"additional_attributes": last.get("additional_attributes")}
    return sorted((row | chosen if row.get("id") == last.get("id") else row for row in rows), key=message_number)


def _rows(answer: Any) -> list[dict[str, Any]]:
    payload = answer.get("payload") if isinstance(answer, dict) else None
    return [one for one in payload if isinstance(one, dict)] if isinstance(payload, list) else []


def _activity(conversation: dict[str, Any]) -> float:
    moment = conversation.get("last_activity_at")
    return float(moment) if isinstance(moment, int | float) else 0.0
