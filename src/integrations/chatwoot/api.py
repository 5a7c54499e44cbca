"""Calls to Chatwoot's REST API: who asks, what the answers mean, how fast we may go. What is asked for is its callers' matter.

Facts: Chatwoot v4.15 to v4.17. A refused right is a 401 as a bad token is; 422 has two shapes; 500 also stands for a lost race.
The header is written with hyphens because nginx drops names with underscores.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import requests

from src.errors import AccessDenied, IntegrationError, Rejected, TemporaryFailure
from src.integrations.http import Answer, Outgoing, new_session
from src.integrations.untrusted import wording_of

VENDOR = "chatwoot"
TIMEOUT_S = 10.0
ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
"""A page of 25 conversations shows two messages of each, a message may have 150,000 characters, and JSON six bytes for one. An
answer that is too large would never be read: so none that Chatwoot may give is."""
LONGEST_PAUSE_S = 60.0
"""Chatwoot counts requests per minute, so nothing need wait longer."""
_TOO_FAST = "Too many messages"
_TOO_FAST_RETRY_S = 20.0

Measure = Callable[[str, str], AbstractContextManager[None]]
"""What a call of (vendor, action) is measured by: `ProcessMetrics.vendor_call`."""


VERSIONS_READ = ((4, 13), (4, 17))
"""The first version that signs what it tells, and the last one whose changes were read. What a later one brought is not
known here; nothing is done that the oldest would not understand."""


def version_numbers(version: str) -> tuple[int, ...]:
    """Major and minor number; () for what names no version."""
    return tuple(int(number) for number in re.findall(r"[0-9]{1,9}", version)[:2])


class NotThere(Rejected):
    """404: what the path names is not there, or not any more, or belongs to another account."""


class ChatwootApi:
    """One account's API. Shared by threads and processes; constructing connects nowhere.

    `bot_token` may be empty: then callers that would act as the bot must act as the user.
    """

    def __init__(
        self,
        *,
        base_url: str,
        account_id: int,
        user_token: str,
        bot_token: str = "",
        session_factory: Callable[..., requests.Session] = new_session,
        timeout_s: float = TIMEOUT_S,
        measure: Measure = lambda _vendor, _action: nullcontext(),
    ) -> None:
        self.base_url, self.account_id = base_url.rstrip("/"), account_id
        self._user_token, self._bot_token = user_token, bot_token
        self._timeout_s = timeout_s
        self._measure = measure
        self._http = Outgoing(VENDOR, session_factory)
        self._closed_until_s: dict[str, float] = {}

    @property
    def has_bot(self) -> bool:
        """Whether calls may be made as the bot."""
        return bool(self._bot_token)

    def call(self, action: str, method: str, path: str, *, as_bot: bool = False, **content: Any) -> Any:
        """The JSON of the answer; None when it is empty, as it is for some calls that only do something.

        `path` is below the account (`contacts/7`), or below the server with a slash before it (`/api/v1/profile`). `action`
        names the call in errors and metrics. `content` is json, params, or data and files. Raises NotThere (404), Rejected
        (422; `vendor_code` names the attributes at fault), AccessDenied (bad token, missing right, or not Chatwoot at all)
        and TemporaryFailure.
        """
        with self._measure(VENDOR, action):
            self._heed_the_pause(action)
            token = self._bot_token if as_bot else self._user_token
            url = self.base_url + (path if path.startswith("/") else f"/api/v1/accounts/{self.account_id}/{path}".rstrip("/"))
            headers = {"Api-Access-Token": token, "Accept": "application/json"}
            answer = self._http.call(
                action, method, url, timeout_s=self._timeout_s, headers=headers, limit_bytes=ANSWER_LIMIT_BYTES, **content
            )
            if answer.status == 429:
                asked_s = answer.retry_after_s
                pause_s = LONGEST_PAUSE_S if asked_s is None else min(asked_s, LONGEST_PAUSE_S)
                self._closed_until_s[action] = time.monotonic() + pause_s
            if not 200 <= answer.status < 300:
                raise _failure(action, answer)
            return _json(action, answer)

    def _heed_the_pause(self, action: str) -> None:
        """Within the pause that the server asked for, no such call is made: each one would lengthen it. Others go on, as
        Chatwoot limits some actions (deletions, searches) far below the rest."""
        left_s = self._closed_until_s.get(action, 0.0) - time.monotonic()
        if left_s > 0:
            raise TemporaryFailure(VENDOR, action, status=429, detail="asked to wait", retry_after_s=left_s)


def _json(action: str, answer: Answer) -> Any:
    if not answer.body.strip():
        return None
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        # Something in front of Chatwoot answered: it may have passed the request on or not.
        raise TemporaryFailure(VENDOR, action, status=answer.status, detail="not JSON", maybe_done=True) from None


def _failure(action: str, answer: Answer) -> IntegrationError:
    """The error that an answer stands for."""
    status, body = answer.status, answer.json_object()
    wording = wording_of(body.get("error") or body.get("message"))
    facts: dict[str, Any] = {"status": status, "vendor_code": _attributes(body), "detail": wording}
    if status == 422 and _TOO_FAST in wording:
        return TemporaryFailure(VENDOR, action, **facts, retry_after_s=_TOO_FAST_RETRY_S)
    if status in (408, 425, 429) or status >= 500:
        return TemporaryFailure(VENDOR, action, **facts, retry_after_s=answer.retry_after_s, maybe_done=status >= 500)
    if status == 404:
        return NotThere(VENDOR, action, **facts)
    # A redirect means that the base URL is not the API's; 403 is what a proxy says, or an inbox of another type.
    return (AccessDenied if status in (401, 403) or status < 400 else Rejected)(VENDOR, action, **facts)


def _attributes(body: Mapping[str, Any]) -> str:
    """The attributes that a validation named, as in `phone_number,email`."""
    names = body.get("attributes")
    known = [name for name in names if isinstance(name, str) and name.isidentifier()] if isinstance(names, list) else []
    return ",".join(known)[:100]
