"""What all pages share: headers, words for their templates, and errors that are pages too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from flask import Blueprint, Response, g, jsonify, redirect, render_template, request
from flask import url_for as address_of
from werkzeug.exceptions import HTTPException

from src.dashboard import wording
from src.errors import ConfigurationError, LedgerUnavailable, RejectedRequest, SalesAgentError, TooManyRequests, UnreadableState

_HEADERS = {  # beside those that every door gives
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
_NOTICES = {
    "reset": "The conversation was reset; the next message starts anew.",
    "erased": "Everything about that person was erased.",
    "taken_over": "You have the conversation: the bot is silent here until you hand it back.",
    "handed_back": "The bot has the conversation again.",
    "said": "Your message is on its way.",
    "corrected": "The profile was corrected; the bot goes on with the new values.",
    "unchanged": "Nothing was changed.",
    "paused": "The bot falls silent everywhere.",
    "resumed": "The bot speaks again.",
    "replayed": "It was put back into its lane and is tried again.",
    "replayed_all": "They were put back into their lanes, the oldest first.",
    "gone": "It is no longer among the dead letters: somebody tried it again, or the person was erased.",
}
"""What to say after a form was sent; the address that follows names one of them."""


def dress(blueprint: Blueprint, *, paused: Callable[[], bool], timezone: str) -> None:
    """Gives every page of the blueprint its headers, words and error pages. Times are shown in `timezone`."""
    log = structlog.stdlib.get_logger()

    def is_silenced() -> bool:
        try:
            return g.get("csrf") is not None and paused()
        except SalesAgentError:  # a page that says that the store is gone must not fail for want of it
            return False

    @blueprint.after_request
    def headers(answer: Response) -> Response:
        answer.headers.update(_HEADERS)
        answer.vary.add("Cookie")
        return answer

    @blueprint.context_processor
    def words() -> dict[str, Any]:
        return {
            "csrf": g.get("csrf"),
            "is_silenced": is_silenced,
            "notice": _NOTICES.get(request.args.get("done", "")),
            "wording": wording,
            "local": lambda moment: wording.local(moment, timezone),
        }

    @blueprint.errorhandler(HTTPException)
    def http(fault: HTTPException) -> Any:
        return _problem(fault.code or 500, fault.name, fault.description or "")

    @blueprint.errorhandler(RejectedRequest)
    def rejected(fault: RejectedRequest) -> Any:
        log.warning("request.rejected", door=_door(), code=fault.code, status=fault.status, detail=str(fault))
        return _problem(fault.status, "That cannot be done now", str(fault))

    @blueprint.errorhandler(TooManyRequests)
    def too_many(fault: TooManyRequests) -> Any:
        page, status = rejected(fault)
        return page, status, {"Retry-After": str(fault.retry_after_s)}

    @blueprint.errorhandler(UnreadableState)
    def unreadable(fault: UnreadableState) -> Any:
        log.error("state.unreadable", door=_door(), detail=str(fault))
        return _problem(409, "That cannot be done here", fault.advice)

    @blueprint.errorhandler(LedgerUnavailable)
    def unavailable(fault: LedgerUnavailable) -> Any:
        log.error("ledger.unavailable", door=_door(), detail=str(fault))
        return _problem(503, "The message store cannot be reached", "Nothing is lost. Try again in a moment.")

    @blueprint.errorhandler(ConfigurationError)
    def misconfigured(fault: ConfigurationError) -> Any:
        log.error("configuration.faulty", door=_door(), detail=str(fault))
        return _problem(503, "This service is not configured rightly", "Its log says what is wrong, and so do the checks.")

    @blueprint.errorhandler(Exception)
    def bug(fault: Exception) -> Any:
        log.error("request.failed", door=_door(), exc_info=fault)
        return _problem(500, "Something went wrong here", "It has been logged.")


def refused() -> Any:
    """The answer to who is not logged in."""
    if _wants_json():
        return _json_error(401, "unauthorized", "You are logged out.")
    return redirect(address_of("dashboard.login"), 303)


def _problem(status: int, heading: str, detail: str) -> tuple[Any, int]:
    if _wants_json():
        return _json_error(status, heading.casefold().replace(" ", "_"), detail)
    person = (request.view_args or {}).get("reference") if status == 409 else None
    return render_template("problem.html", heading=heading, detail=detail, person=person), status


def _json_error(status: int, code: str, message: str) -> tuple[Any, int]:
    return jsonify({"error": {"code": code, "message": message}}), status


def _wants_json() -> bool:
    """Our own script says so; a browser that goes to a page does not."""
    return request.accept_mimetypes.best == "application/json"


def _door() -> str:
    """The rule of the page, never the path: a path may hold a phone number."""
    return str(request.url_rule)
