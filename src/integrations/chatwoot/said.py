"""Finds what an earlier attempt left in a Chatwoot conversation, by the marker: Chatwoot itself knows no idempotency key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from src.integrations.chatwoot.api import ChatwootApi
from src.integrations.chatwoot.messages import MARKER

_CLOCKS_APART = timedelta(minutes=10)
_REMEMBERED_CONVERSATIONS = 1_000


class _Read:
    """What was read of one conversation: our messages by marker, and up to which id nothing was left out."""

    def __init__(self) -> None:
        self.ours: dict[str, str] = {}
        self.complete_to = 0


class Said:
    """The messages of conversations, read from the newest back, twenty in a call. Shared by threads.

    What was read once is not read again, so that writing a long conversation anew costs one call for each message.
    """

    def __init__(self, api: ChatwootApi) -> None:
        self._api = api
        self._read: dict[str, _Read] = {}

    def find(self, conversation_id: str, marker: str, since: datetime | None) -> str | None:
        """The id of the message with that marker, or None; `since` is a moment before which it was not written.

        Clocks may be ten minutes apart. Raises what the API raises.
        """
        if len(self._read) >= _REMEMBERED_CONVERSATIONS:
            self._read.clear()
        read = self._read.setdefault(conversation_id, _Read())
        newest = 0
        for page in pages_of(self._api, conversation_id, action="find_message"):
            newest = newest or page[-1]["id"]
            for message in page:
                attributes = message.get("content_attributes")
                if isinstance(attributes, dict) and isinstance(attributes.get(MARKER), str):
                    read.ours[attributes[MARKER]] = str(message["id"])
            if marker in read.ours:
                return read.ours[marker]
            if page[0]["id"] <= read.complete_to:
                break
            written_at_s = page[0].get("created_at")
            if since is not None and isinstance(written_at_s, int) and written_at_s < (since - _CLOCKS_APART).timestamp():
                return None
        read.complete_to = max(read.complete_to, newest)
        return None


def pages_of(api: ChatwootApi, conversation_id: str, *, action: str) -> Iterator[list[dict[str, Any]]]:
    """A conversation's messages, twenty in a page, by falling ids, each page in rising order; empty ones are none."""
    before: dict[str, str] = {}
    oldest = float("inf")
    while True:
        answer = api.call(action, "GET", f"conversations/{conversation_id}/messages", params=before)
        rows = answer.get("payload") if isinstance(answer, dict) else None
        page = [row for row in rows if isinstance(row, dict) and type(row.get("id")) is int] if isinstance(rows, list) else []
        page.sort(key=lambda message: int(message["id"]))
        if not page or page[0]["id"] >= oldest:
            return
        yield page
        oldest = page[0]["id"]
        before = {"before": str(oldest)}
