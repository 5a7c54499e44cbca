"""Who may come in: the operator's token, the limits of a request, and errors that tell nothing they should not."""

from __future__ import annotations

import functools
import hmac
import ipaddress
import itertools
import os
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from flask import Flask, Request, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from src import logs
from src.errors import ConfigurationError, LedgerUnavailable, PayloadTooLarge, RejectedRequest, TooManyRequests, UnreadableState

ANYONE, OPERATOR, VENDOR, LEAD_PAGE = "anyone", "operator", "vendor", "lead page"
"""Who a door is for. A vendor proves itself by its signature, inside the view; the page in Chatwoot by a token of its own."""
MAX_BODY_BYTES = 3 * 1024 * 1024
"""Meta's largest webhook."""
_TOO_LARGE = f"The body is larger than {MAX_BODY_BYTES // 2**20} MiB."
_PROXY_HEADERS = ("Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip")
"""What stands in a request that came through somebody, beside everything that starts with X-Forwarded-."""


def error(status: int, code: str, message: str) -> tuple[Response, int]:
    """The one shape of every error answer."""
    return jsonify({"error": {"code": code, "message": message}}), status


def same_secret(given: bytes, secret: str) -> bool:
    """Whether somebody knows a secret of ours; compared in constant time. Nobody knows an empty one."""
    return hmac.compare_digest(given, secret.encode()) and bool(secret)


def is_operator(request_: Request, admin_token: str) -> bool:
    """Whether the request carries the operator's token."""
    scheme, _, given = request_.headers.get("Authorization", "").partition(" ")
    # WSGI gives the header's bytes as Latin-1.
    return same_secret(given.strip().encode("latin-1", "replace"), admin_token) and scheme.casefold() == "bearer"


def whole_body(request_: Request) -> bytes:
    """The body as it came. Raises PayloadTooLarge, also for one that does not say its length."""
    raw = request_.get_data(cache=False)
    if len(raw) > MAX_BODY_BYTES:
        raise PayloadTooLarge(_TOO_LARGE)
    return raw


def guard(view: Callable[..., Any], who: str, admin_token: Callable[[], str]) -> Callable[..., Any]:
    """The view, for whom it is meant. `guarded_for` on the result tells tests which rule it has."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if who in (OPERATOR, LEAD_PAGE) and not is_operator(request, admin_token()):
            answer, status = error(401, "unauthorized", "This door needs the admin token: Authorization: Bearer …")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer, status
        return view(*args, **kwargs)

    guarded.guarded_for = who  # type: ignore[attr-defined]
    return guarded


def is_local(request_: Request) -> bool:
    """Whether the caller sits on this machine and nobody stands between: no proxy's header, a loopback address."""
    if any(name in request_.headers for name in _PROXY_HEADERS):
        return False
    if any(name.casefold().startswith("x-forwarded") for name in request_.headers.keys()):  # noqa: SIM118 - no dictionary
        return False
    try:
        address = ipaddress.ip_address(request_.remote_addr or "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _correlation_ids() -> Callable[[], str]:
    """Names for requests: chance once for a process, then counted, so that no request waits for the system's randomness."""
    made: dict[int, tuple[str, Iterator[int]]] = {}

    def next_cid() -> str:
        if os.getpid() not in made:  # after a fork another process, another beginning
            made[os.getpid()] = (secrets.token_hex(3), itertools.count(1))
        beginning, counter = made[os.getpid()]
        return f"{beginning}{next(counter) % 0x1000000:06x}"

    return next_cid


next_cid = _correlation_ids()


def install(app: Flask) -> None:
    """Marks in the log, error handlers and headers for every door."""
    log = logs.get_logger()
    # A body that does not say its length is silently cut off here: the one byte more shows that it was too large.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1

    @app.before_request
    def mark() -> None:
        """All that is logged of one request carries one mark. Threads serve many, so the last one's goes first."""
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(cid=next_cid())

    @app.errorhandler(RejectedRequest)
    def rejected(fault: RejectedRequest) -> Any:
        log.warning("request.rejected", door=_door(), code=fault.code, status=fault.status, detail=str(fault))
        return error(fault.status, fault.code, str(fault))

    @app.errorhandler(TooManyRequests)
    def too_many(fault: TooManyRequests) -> Any:
        answer, status = rejected(fault)
        answer.headers["Retry-After"] = str(fault.retry_after_s)
        return answer, status

    @app.errorhandler(LedgerUnavailable)
    def unavailable(fault: LedgerUnavailable) -> Any:
        log.error("ledger.unavailable", door=_door(), detail=str(fault))
        answer, status = error(503, "ledger_unavailable", "The message store cannot be reached; please send it again.")
        answer.headers["Retry-After"] = "2"
        return answer, status

    @app.errorhandler(UnreadableState)
    def unreadable(fault: UnreadableState) -> Any:
        log.error("state.unreadable", door=_door(), detail=str(fault))
        return error(409, "unreadable_state", fault.advice)

    @app.errorhandler(ConfigurationError)
    def misconfigured(fault: ConfigurationError) -> Any:
        """Found out only now, when the store was first asked. The sender comes again, perhaps to a mended one."""
        log.error("configuration.faulty", door=_door(), detail=str(fault))
        return error(503, "misconfigured", "This service is not configured rightly; its log says what is wrong.")

    @app.errorhandler(HTTPException)
    def http(fault: HTTPException) -> Any:
        if fault.code == 413:
            return error(413, PayloadTooLarge.code, _TOO_LARGE)
        code = (fault.name or "error").casefold().replace(" ", "_")
        answer, status = error(fault.code or 500, code, fault.description or fault.name or "error")
        if fault.code == 405:
            answer.headers["Allow"] = ", ".join(sorted(getattr(fault, "valid_methods", None) or ()))
        return answer, status

    @app.errorhandler(Exception)
    def bug(fault: Exception) -> Any:
        log.error("request.failed", door=_door(), exc_info=fault)
        return error(500, "internal_error", "Something went wrong here; it has been logged.")

    @app.after_request
    def headers(answer: Response) -> Response:
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer


def _door() -> str:
    """The rule of the door, never the path: a path may hold a phone number."""
    return str(request.url_rule) if request.url_rule else "none"
