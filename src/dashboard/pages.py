"""The operators' pages: log in, see what waits and what failed, read conversations, reset or erase them.

Rendered on the server, without inline scripts or styles, so that the browser can be told to run nothing but our own files.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog
from flask import Blueprint, Response, abort, g, jsonify, make_response, redirect, render_template, request, send_from_directory
from flask import url_for as address_of
from werkzeug.exceptions import HTTPException

from src.dashboard import wording
from src.dashboard.sessions import Patience, Sessions
from src.dashboard.simulator import Simulator
from src.desk.checks import WORKER_SILENCE_S
from src.desk.desk import Desk
from src.desk.ports import Clock
from src.errors import LedgerUnavailable

ANYONE, SESSION = "anyone", "session"
"""Who a page is for."""
PER_PAGE = 50
HOURS = 24
_STATIC = Path(__file__).resolve().parent / "static"
_NOT_FOUND = "There is no such page, or nobody is known by that phone or key."
_HEADERS = {  # beside those that every door gives
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
_NOTICES = {
    "reset": "The conversation was reset; the next message starts anew.",
    "erased": "Everything about that person was erased.",
}


class Backstage(msgspec.Struct, frozen=True, kw_only=True):
    """What the dashboard is given. Nothing in it is asked before the first request.

    `workers` gives the seconds since each worker's last sign of life, `channels` the state of each channel in a word,
    `paused` whether the bot is silent everywhere, `key_of` the contact key of a phone (ValueError when it is none).
    `simulating`: no vendor is configured, so operators may play a prospect. `secure`: people come over https. Times are
    shown in `timezone`.
    """

    desk: Desk
    admin_token: Callable[[], str]
    workers: Callable[[], Mapping[str, float]]
    channels: Mapping[str, str]
    paused: Callable[[], bool]
    key_of: Callable[[str], str]
    now: Clock
    simulating: bool
    secure: bool
    timezone: str


def pages(backstage: Backstage) -> Blueprint:
    """Every page and who may see it; each view says so in `guarded_for`."""
    sessions = Sessions(backstage.admin_token, secure=backstage.secure)
    here = _Pages(backstage, sessions)
    routes: list[tuple[str, str, Callable[..., Any], str]] = [
        ("GET", "/login", here.login, ANYONE),
        ("POST", "/login", here.log_in, ANYONE),
        ("POST", "/logout", here.log_out, SESSION),
        ("GET", "/dashboard/static/<name>", asset, ANYONE),
        ("GET", "/", here.overview, SESSION),
        ("GET", "/dashboard/conversations", here.conversations, SESSION),
        ("GET", "/dashboard/conversations/<reference>", here.conversation, SESSION),
        ("POST", "/dashboard/conversations/<reference>/reset", here.reset, SESSION),
        ("POST", "/dashboard/conversations/<reference>/erase", here.erase, SESSION),
    ]
    if backstage.simulating:
        simulator = Simulator(backstage.desk, backstage.key_of, backstage.now, backstage.timezone)
        routes += [
            ("GET", "/dashboard/try", simulator.phone, SESSION),
            ("GET", "/dashboard/try/messages", simulator.messages, SESSION),
            ("POST", "/dashboard/try/messages", simulator.say, SESSION),
        ]
    blueprint = Blueprint("dashboard", __name__, template_folder="templates")
    for method, rule, view, who in routes:
        blueprint.add_url_rule(rule, view.__name__, _guarded(view, who, sessions), methods=[method])
    _dress(blueprint, backstage)
    return blueprint


def _guarded(view: Callable[..., Any], who: str, sessions: Sessions) -> Callable[..., Any]:
    """The view, for whom it is meant. What changes something must come from one of our own pages."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if who == SESSION:
            g.csrf = sessions.csrf(request)
            if g.csrf is None:
                return _refused()
            if request.method == "POST" and not sessions.proves(request, g.csrf):
                abort(403, "This form is not from this session. Go back, load the page again and repeat.")
        return view(*args, **kwargs)

    guarded.guarded_for = who  # type: ignore[attr-defined]
    return guarded


def _refused() -> Any:
    if _wants_json():
        return _json_error(401, "unauthorized", "You are logged out.")
    return redirect(address_of("dashboard.login"), 303)


def _dress(blueprint: Blueprint, backstage: Backstage) -> None:
    """What all pages share: headers, words, and errors that look like pages."""

    @blueprint.after_request
    def headers(answer: Response) -> Response:
        answer.headers.update(_HEADERS)
        answer.vary.add("Cookie")
        return answer

    @blueprint.context_processor
    def words() -> dict[str, Any]:
        return {
            "csrf": g.get("csrf"),
            "simulating": backstage.simulating,
            "notice": _NOTICES.get(request.args.get("done", "")),
            "wording": wording,
            "local": lambda moment: wording.local(moment, backstage.timezone),
        }

    @blueprint.errorhandler(HTTPException)
    def http(fault: HTTPException) -> Any:
        return _problem(fault.code or 500, fault.name, fault.description or "")

    @blueprint.errorhandler(LedgerUnavailable)
    def unavailable(fault: LedgerUnavailable) -> Any:
        structlog.stdlib.get_logger().error("ledger.unavailable", door=str(request.url_rule), detail=str(fault))
        return _problem(503, "The message store cannot be reached", "Nothing is lost. Try again in a moment.")


def _problem(status: int, heading: str, detail: str) -> Any:
    if _wants_json():
        return _json_error(status, heading.casefold().replace(" ", "_"), detail)
    return render_template("problem.html", heading=heading, detail=detail), status


def _json_error(status: int, code: str, message: str) -> Any:
    return jsonify({"error": {"code": code, "message": message}}), status


def _wants_json() -> bool:
    """Our own script says so; a browser that goes to a page does not."""
    return request.accept_mimetypes.best == "application/json"


def asset(name: str) -> Response:
    """A style sheet, script or icon; the browser asks each time whether it has changed."""
    return send_from_directory(_STATIC, name)


class _Pages:
    def __init__(self, backstage: Backstage, sessions: Sessions) -> None:
        self._backstage = backstage
        self._desk = backstage.desk
        self._sessions = sessions
        self._patience = Patience()
        self._log = structlog.stdlib.get_logger()

    # -- coming and going ------------------------------------------------------------------------------------------

    def login(self) -> Any:
        """The form; its script takes the token from the address's fragment, which browsers never send."""
        return self._login_form()

    def log_in(self) -> Any:
        """Opens a session for who knows the admin token."""
        if not self._sessions.proves_login(request):
            return self._login_form(403, "This form was too old. Please try once more.")
        address = request.remote_addr or ""
        wait_s = self._patience.wait_s(address)
        if wait_s:
            answer = self._login_form(429, f"Too many wrong tokens. Wait {wording.duration(wait_s + 1)} and try again.")
            answer.headers["Retry-After"] = str(int(wait_s) + 1)
            return answer
        if not self._sessions.is_token(request.form.get("token", "").strip()):
            self._patience.failed(address)
            self._log.warning("dashboard.login_refused")
            return self._login_form(403, "That is not the admin token.")
        self._patience.succeeded(address)
        self._log.info("dashboard.logged_in")
        answer = make_response(redirect(address_of("dashboard.overview"), 303))
        self._sessions.open(answer)
        return answer

    def log_out(self) -> Any:
        """Closes the session of this browser."""
        answer = make_response(redirect(address_of("dashboard.login"), 303))
        self._sessions.close(answer)
        return answer

    def _login_form(self, status: int = 200, fault: str = "") -> Response:
        word = self._sessions.login_word(request)
        answer = make_response(render_template("login.html", login_word=word, fault=fault), status)
        self._sessions.offer_login(answer, word)
        return answer

    # -- looking ---------------------------------------------------------------------------------------------------

    def overview(self) -> Any:
        """Everything at a glance: the figures of /webhook/status."""
        figures, now = self._desk.figures(), self._backstage.now()
        workers = [(name, age_s, age_s < WORKER_SILENCE_S) for name, age_s in self._backstage.workers().items()]
        hours = _last_hours(figures["hours"], now)
        return render_template(
            "overview.html",
            now=now,
            figures=figures,
            channels=self._backstage.channels,
            paused=self._backstage.paused(),
            workers=workers,
            hours=hours,
            totals={name: sum(hour.counts.get(name, 0) for hour in hours) for name in _COUNTED},
            busiest=max((max(hour.heard, hour.said) for hour in hours), default=0),
        )

    def conversations(self) -> Any:
        """A page of summaries, newest first."""
        asked = {name: request.args.get(name, "").strip() for name in ("stage", "owner", "q", "cursor")}
        try:
            page = self._desk.conversations(
                cursor=asked["cursor"],
                limit=PER_PAGE,
                stage=asked["stage"],
                owner=asked["owner"],
                query=self._key(asked["q"]) or asked["q"],
            )
        except ValueError:
            abort(400, "That page of the list does not exist. Start again from its first page.")
        return render_template("conversations.html", asked=asked, **page)

    def conversation(self, reference: str) -> Any:
        """One conversation: transcript, facts with where they came from, offers, consents."""
        shown = self._desk.conversation(self._find(reference))
        if shown is None:
            abort(404, _NOT_FOUND)
        return render_template("conversation.html", **shown)

    # -- forgetting ------------------------------------------------------------------------------------------------

    def reset(self, reference: str) -> Any:
        """The state is forgotten, the transcript stays."""
        key = self._confirmed(reference)
        self._desk.reset(key)
        self._log.info("dashboard.conversation_reset")
        return redirect(address_of("dashboard.conversation", reference=key, done="reset"), 303)

    def erase(self, reference: str) -> Any:
        """Everything about the person goes."""
        self._desk.erase(self._confirmed(reference))
        self._log.info("dashboard.conversation_erased")
        return redirect(address_of("dashboard.conversations", done="erased"), 303)

    def _confirmed(self, reference: str) -> str:
        key = self._find(reference)
        if request.form.get("confirmed") != "yes":
            abort(400, "Tick the box that says that you mean it.")
        return key

    def _find(self, reference: str) -> str:
        key = self._desk.find(self._key(reference) or reference)
        if key is None:
            abort(404, _NOT_FOUND)
        return key

    def _key(self, typed: str) -> str | None:
        """The contact key for a phone as people type it, or None."""
        try:
            return self._backstage.key_of("".join(character for character in typed if character not in " -.()"))
        except ValueError:
            return None


_COUNTED = ("inbound", "replies", "errors", "waited_ms", "waited_turns")


class _Hour(msgspec.Struct, frozen=True):
    """What was counted in one hour."""

    begins: datetime
    counts: Mapping[str, int]

    @property
    def heard(self) -> int:
        return self.counts.get("inbound", 0)

    @property
    def said(self) -> int:
        return self.counts.get("replies", 0)


def _last_hours(counted: Mapping[str, Mapping[str, int]], now: datetime) -> Sequence[_Hour]:
    """The last hours up to the current one, those without any message too."""
    known = {datetime.fromisoformat(begins): counts for begins, counts in counted.items()}
    current = now.replace(minute=0, second=0, microsecond=0)
    begins = [current - timedelta(hours=ago) for ago in reversed(range(HOURS))]
    return [_Hour(hour, known.get(hour, {})) for hour in begins]
