"""Links to leads: each to one person in one conversation of Chatwoot, good for a quarter of an hour, taken back at any time.

A link names nobody and is kept nowhere: it is the number of the conversation, the time, and a seal over both and the person,
made with a key that follows from the admin token.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from datetime import timedelta

from src.desk.ports import Clock, Revocations
from src.integrations.ledger.opening import moment_of

LINK_S = 15 * 60
_LINK = re.compile(r"([1-9][0-9]{0,9})\.([0-9]{1,15})\.([0-9a-f]{64})")
_CLOCKS_APART = timedelta(seconds=5)


class Links:
    """One per process. `now` is the store's clock."""

    def __init__(self, admin_token: Callable[[], str], revocations: Revocations, now: Clock) -> None:
        self._admin_token = admin_token
        self._revocations = revocations
        self._now = now

    def make(self, conversation: str, contact: str) -> str:
        """A fresh link. Raises LedgerUnavailable."""
        issued_ms = round(self._now().timestamp() * 1000)
        return f"{conversation}.{issued_ms}.{self._seal(conversation, contact, issued_ms)}"

    def open(self, link: str, conversation: str, contact: str) -> bool:
        """Whether that link leads to this person in this conversation now. Raises LedgerUnavailable."""
        given = _LINK.fullmatch(link)
        if given is None or given[1] != conversation:
            return False
        issued_ms = int(given[2])
        if not hmac.compare_digest(given[3], self._seal(conversation, contact, issued_ms)) or not self._admin_token():
            return False
        issued_at, now = moment_of(issued_ms), self._now()
        if not now - timedelta(seconds=LINK_S) <= issued_at <= now + _CLOCKS_APART:
            return False
        revoked_at = self._revocations.revoked_at(_named(contact))
        return revoked_at is None or revoked_at < issued_at

    def revoke(self, contact: str) -> None:
        """All links to that person are worth nothing from now on. Raises LedgerUnavailable."""
        self._revocations.revoke(_named(contact), for_s=LINK_S + 60)

    def _seal(self, conversation: str, contact: str, issued_ms: int) -> str:
        key = hmac.digest(self._admin_token().encode(), b"iAgente Vida: links to leads in Chatwoot", "sha256")
        return hmac.digest(key, f"{conversation}\n{contact}\n{issued_ms}".encode(), "sha256").hex()


def _named(contact: str) -> str:
    return f"lead links {contact}"
