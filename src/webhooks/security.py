"""Who may come in: the operator's token, the limits of a request, and errors that tell nothing they should not."""

from __future__ import annotations

import functools
import hmac
import itertools
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import structlog
from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException

from src import logs
from src.errors import ConfigurationError, LedgerUnavailable, PayloadTooLarge, RejectedRequest, TooManyRequests, UnreadableState
from src.settings import Settings

ANYONE, OPERATOR, VENDOR, LEAD_PAGE, LEAD_LINK = "anyone", "operator", "vendor", "lead page", "lead link"
"""Who a door is for. A vendor proves itself by its signature, inside the view, as does who has a link to a lead; the page in
Chatwoot that asks for links by a token of its own."""
MAX_BODY_BYTES = 3 * 1024 * 1024
"""Meta's largest webhook."""
_TOO_LARGE = f"The body is larger than {MAX_BODY_BYTES // 2**20} MiB."


def error(status: int, code: str, message: str, details: Mapping[str, Any] = MappingProxyType({})) -> tuple[Response, int]:
    """The one shape of every error answer. `details`, where there are any, are for programs."""
    answer = msgspec.json.encode({"error": {"code": code, "message": message} | ({"details": details} if details else {})})
    return Response(answer, mimetype="application/json"), status


def same_secret(given: bytes, secret: str) -> bool:
    """Whether somebody knows a secret of ours; compared in constant time. Nobody knows an empty one."""
    return hmac.compare_digest(given, secret.encode()) and bool(secret)


def bearer(request_: Request) -> bytes:
    """The token that the request carries, or nothing."""
    scheme, _, given = request_.headers.get("Authorization", "").partition(" ")
    # WSGI gives the header's bytes as Latin-1.
    return given.strip().encode("latin-1", "replace") if scheme.casefold() == "bearer" else b""


def is_operator(request_: Request, admin_token: str) -> bool:
    """Whether the request carries the operator's token."""
    return same_secret(bearer(request_), admin_token)


def unauthorized(message: str) -> tuple[Response, int]:
    """The answer to who has shown no token, or another one."""
    answer, status = error(401, "unauthorized", message)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer, status


def closed_here(vendor: str, settings: Settings) -> ConfigurationError:
    """A vendor whose access this process cannot open: whoever knocks is to come again, perhaps to one that can."""
    return ConfigurationError([f"{vendor}: {settings.off[vendor]}"])


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
            return unauthorized("This door needs the admin token: Authorization: Bearer …")
        return view(*args, **kwargs)

    guarded.guarded_for = who  # type: ignore[attr-defined]
    return guarded


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
    app.wsgi_app = _WholeBodies(app.wsgi_app)  # type: ignore[method-assign]
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
        return error(fault.status, fault.code, str(fault), fault.details)

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


class _WholeBodies:
    """WSGI: a body that breaks off before its length, or whose chunks are none, is its sender's fault: 400, not a bug of ours.

    A server's own errors about it are of kinds that no library knows, and the end of a connection looks like that of a body.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input"] = _Body(environ["wsgi.input"], environ.get("CONTENT_LENGTH") or "")
        return self._app(environ, start_response)


class _Body:
    """What Werkzeug reads of a stream. An OSError, where the body is not what was announced, it answers with 400."""

    def __init__(self, stream: Any, length: str) -> None:
        self._stream = stream
        self._missing = int(length) if length.isascii() and length.isdigit() and len(length) <= 18 else 0

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, all when it is negative; none at the end."""
        try:
            read: bytes = self._stream.read(size)
        except Exception as fault:
            raise OSError("the body cannot be read") from fault
        self._missing -= len(read)
        if not read and size and self._missing > 0:
            raise OSError("the body ended before its length")
        return read


def _door() -> str:
    """The rule of the door, never the path: a path may hold a phone number."""
    return str(request.url_rule) if request.url_rule else "none"
