"""Who is logged in: the operator's cookie, the proof that a form is ours, and patience with who guesses.

The cookie is a random word signed with a key made of the admin token, so sessions are kept nowhere and another token logs
everybody out. Kept is, until the cookie has run out, who logged out: a copy of it is then worth nothing. The same word, inside
the page, proves that a form or a script is ours (CSRF): other sites can neither read the page nor make the browser send the
cookie. Before there is a session the login form proves itself by a second random
word, in a cookie and in the form; it is not signed, so that nobody can test guesses of the token on it at home.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from flask import Request, Response
from itsdangerous import BadSignature, TimestampSigner

from src.desk.ports import Revocations
from src.errors import LedgerUnavailable

SESSION_S = 12 * 3600
LOGIN_FORM_S = 3600
FREE_FAILURES = 5
LONGEST_WAIT_S = 60.0
MOST_ADDRESSES = 10_000
CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
_WORD = re.compile(r"[A-Za-z0-9_-]{32}")


class Sessions:
    """The cookies of one installation. With `secure` browsers send them over https only and bind them to this host."""

    def __init__(self, admin_token: Callable[[], str], revocations: Revocations, *, secure: bool) -> None:
        self._admin_token = admin_token
        self._revocations = revocations
        self._secure = secure
        prefix = "__Host-" if secure else ""
        self.cookie, self._login_cookie = f"{prefix}iv-session", f"{prefix}iv-login"

    def is_token(self, given: str) -> bool:
        """Whether somebody knows the admin token; compared in constant time. Nobody knows an empty one."""
        token = self._admin_token()
        return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()) and bool(token)

    def csrf(self, request: Request) -> str | None:
        """What forms of this session must carry; None when nobody is logged in. Whether it was ended, `is_over` knows."""
        try:
            return self._signer().unsign(request.cookies.get(self.cookie, ""), max_age=SESSION_S).decode("ascii")
        except (BadSignature, UnicodeDecodeError):
            return None

    def proves(self, request: Request, csrf: str) -> bool:
        """Whether the request comes from a page of this session."""
        return _same(_given(request), csrf)

    def open(self, answer: Response) -> None:
        """Logs in, with a fresh word each time."""
        self._set(answer, self.cookie, self._signer().sign(secrets.token_urlsafe(24)).decode("ascii"), SESSION_S)
        self._drop(answer, self._login_cookie)

    def is_over(self, csrf: str) -> bool:
        """Whether somebody logged out of this session. Raises LedgerUnavailable."""
        return self._revocations.revoked_at(_named(csrf)) is not None

    def close(self, answer: Response, csrf: str) -> bool:
        """Logs this browser out, and whoever has a copy of its cookie: False where that could not be kept."""
        self._drop(answer, self.cookie)
        try:
            self._revocations.revoke(_named(csrf), for_s=SESSION_S)
        except LedgerUnavailable:
            return False
        return True

    def login_word(self, request: Request) -> str:
        """What the login form must carry: this browser's word, so that two tabs do not spoil each other, or a new one."""
        word = request.cookies.get(self._login_cookie, "")
        return word if _WORD.fullmatch(word) else secrets.token_urlsafe(24)

    def offer_login(self, answer: Response, word: str) -> None:
        """Lets the browser send a login form that carries this word."""
        self._set(answer, self._login_cookie, word, LOGIN_FORM_S)

    def proves_login(self, request: Request) -> bool:
        """Whether the login form is one that we gave to this browser."""
        return _same(_given(request), request.cookies.get(self._login_cookie, ""))

    def _signer(self) -> TimestampSigner:
        # An empty token would be a key that everybody knows.
        token = self._admin_token().encode() or secrets.token_bytes(32)
        key = hmac.digest(token, b"iAgente Vida: sessions of the dashboard", "sha256")
        return TimestampSigner(key, salt="session", key_derivation="hmac", digest_method=hashlib.sha256)

    def _set(self, answer: Response, name: str, value: str, for_s: int) -> None:
        answer.set_cookie(name, value, max_age=for_s, path="/", httponly=True, samesite="Strict", secure=self._secure)

    def _drop(self, answer: Response, name: str) -> None:
        answer.delete_cookie(name, path="/", httponly=True, samesite="Strict", secure=self._secure)


class Patience:
    """Makes who guesses wait: after some free failures twice as long each time, up to a minute. Per process and address."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Seconds until this address may try again; 0.0 when it may now."""
        _, until_s = self._failures.get(address, (0, 0.0))
        return max(0.0, until_s - self._monotonic())

    def failed(self, address: str) -> None:
        """Counts a wrong guess."""
        failures = self._failures.pop(address, (0, 0.0))[0] + 1
        wait_s = min(2.0 ** min(failures - FREE_FAILURES, 30), LONGEST_WAIT_S) if failures >= FREE_FAILURES else 0.0
        self._failures[address] = (failures, self._monotonic() + wait_s)
        while len(self._failures) > MOST_ADDRESSES:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Starts anew."""
        self._failures.pop(address, None)


def _named(csrf: str) -> str:
    return f"session {csrf}"


def _given(request: Request) -> str:
    return request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace")) and bool(expected)
