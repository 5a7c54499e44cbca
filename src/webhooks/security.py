"""Who may come in: the operator's token, the limits of a request, and errors that tell nothing they should not."""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from src import logs
from src.errors import LedgerUnavailable, RejectedRequest

ANYONE, OPERATOR, VENDOR = "anyone", "operator", "vendor"
"""Who a door is for. A vendor proves itself by its signature, inside the view."""
MAX_BODY_BYTES = 3 * 1024 * 1024
"""Meta's largest webhook."""


def error(status: int, code: str, message: str) -> tuple[Response, int]:
    """The one shape of every error answer."""
    return jsonify({"error": {"code": code, "message": message}}), status


def is_operator(request_: Request, admin_token: str) -> bool:
    """Whether the request carries the operator's token; compared in constant time, on bytes."""
    scheme, _, given = request_.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), admin_token.encode())
    return scheme.casefold() == "bearer" and same


def guard(view: Callable[..., Any], who: str, admin_token: Callable[[], str]) -> Callable[..., Any]:
    """The view, for whom it is meant. `guarded_for` on the result tells tests which rule it has."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if who == OPERATOR and not is_operator(request, admin_token()):
            answer, status = error(401, "unauthorized", "This door needs the admin token: Authorization: Bearer …")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer, status
        return view(*args, **kwargs)

    guarded.guarded_for = who  # type: ignore[attr-defined]
    return guarded


def is_local(request_: Request) -> bool:
    """Whether the caller sits on this machine and nobody stands between: no proxy's header, a loopback address."""
    forwarded = any(name in request_.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"))
    address = request_.remote_addr or ""
    return not forwarded and (address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1"))


def install(app: Flask) -> None:
    """Error handlers and headers for every door."""
    log = logs.get_logger()
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES

    @app.errorhandler(RejectedRequest)
    def rejected(fault: RejectedRequest) -> Any:
        log.warning("request.rejected", door=_door(), code=fault.code, status=fault.status, detail=str(fault))
        return error(fault.status, fault.code, str(fault))

    @app.errorhandler(LedgerUnavailable)
    def unavailable(fault: LedgerUnavailable) -> Any:
        log.error("ledger.unavailable", door=_door(), detail=str(fault))
        answer, status = error(503, "ledger_unavailable", "The message store cannot be reached; please send it again.")
        answer.headers["Retry-After"] = "2"
        return answer, status

    @app.errorhandler(HTTPException)
    def http(fault: HTTPException) -> Any:
        if fault.code == 413:
            return error(413, "payload_too_large", f"The body is larger than {MAX_BODY_BYTES} bytes.")
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
