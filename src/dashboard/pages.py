"""The operators' pages: who may see which, and those about the whole: how it goes, the list, what got stuck, checks, the pause.

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
from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request, send_from_directory
from flask import url_for as address_of

from src.dashboard import frame
from src.dashboard.frame import NOT_FOUND, t, words
from src.dashboard.inbox_page import InboxPages
from src.dashboard.sessions import Patience, Sessions
from src.dashboard.simulator import Simulator
from src.desk.checks import WORKER_SILENCE_S, Check, SetupStep
from src.desk.desk import Desk
from src.desk.inbox import Inbox
from src.desk.operators import MOST_LETTERS, Operators, dead_letter_id
from src.desk.ports import Clock, Revocations
from src.errors import LedgerUnavailable

ANYONE, SESSION = "anyone", "session"
"""Who a page is for."""
LETTERS_SHOWN = 100
HOURS = 24
_STATIC = Path(__file__).resolve().parent / "static"


class Backstage(msgspec.Struct, frozen=True, kw_only=True):
    """What the dashboard is given. Nothing in it is asked before the first request.

    `checks` looks at everything the product depends on. `set_up_chatwoot` makes what is missing in the Chatwoot account, None
    when none is configured. `workers` gives the seconds since each worker's last sign of life,
    `channels` the state of each channel in a word,
    `secure`: people come over https. Times are shown in `timezone`. `is_tried_out`: no channel is connected, so nobody but the
    house's own people is answered.
    """

    desk: Desk
    inbox: Inbox
    operators: Operators
    checks: Callable[[], Sequence[Check]]
    set_up_chatwoot: Callable[[], Sequence[SetupStep]] | None
    admin_token: Callable[[], str]
    workers: Callable[[], Mapping[str, float]]
    channels: Mapping[str, str]
    now: Clock
    revocations: Revocations
    secure: bool
    timezone: Callable[[], str]
    is_tried_out: bool


def pages(backstage: Backstage) -> Blueprint:
    """Every page and who may see it; each view says so in `guarded_for`."""
    sessions = Sessions(backstage.admin_token, backstage.revocations, secure=backstage.secure)
    here = _Pages(backstage, sessions)
    simulator = Simulator(backstage.desk, backstage.now)
    one = InboxPages(backstage.desk, backstage.inbox, backstage.operators, backstage.now)
    routes: list[tuple[str, str, Callable[..., Any], str]] = [
        ("GET", "/login", here.login, ANYONE),
        ("POST", "/login", here.log_in, ANYONE),
        ("POST", "/logout", here.log_out, SESSION),
        ("GET", "/dashboard/static/<name>", asset, ANYONE),
        ("GET", "/dashboard/language/<language>", here.language, ANYONE),
        ("GET", "/", here.landing, SESSION),
        ("GET", "/dashboard/", here.entrance, SESSION),
        ("GET", "/dashboard/activity", here.activity, SESSION),
        ("GET", "/dashboard/technical", here.technical, SESSION),
        ("GET", "/dashboard/conversations", one.conversations, SESSION),
        ("GET", "/dashboard/live", one.live, SESSION),
        ("GET", "/dashboard/conversations/<reference>", one.conversation, SESSION),
        ("POST", "/dashboard/conversations/<reference>/takeover", one.take_over, SESSION),
        ("POST", "/dashboard/conversations/<reference>/handback", one.hand_back, SESSION),
        ("POST", "/dashboard/conversations/<reference>/messages", one.write, SESSION),
        ("POST", "/dashboard/conversations/<reference>/profile", one.correct, SESSION),
        ("POST", "/dashboard/conversations/<reference>/reset", one.reset, SESSION),
        ("POST", "/dashboard/conversations/<reference>/erase", one.erase, SESSION),
        ("POST", "/dashboard/pause", here.pause, SESSION),
        ("POST", "/dashboard/resume", here.resume, SESSION),
        ("GET", "/dashboard/dead-letters", here.dead_letters, SESSION),
        ("POST", "/dashboard/dead-letters/replay", here.replay_all, SESSION),
        ("POST", "/dashboard/dead-letters/<letter_id>/replay", here.replay, SESSION),
        ("GET", "/dashboard/checks", here.checks, SESSION),
        ("GET", "/dashboard/chatwoot", here.chatwoot, SESSION),
        ("POST", "/dashboard/chatwoot", here.set_up_chatwoot, SESSION),
        ("GET", "/dashboard/try", simulator.phone, SESSION),
        ("GET", "/dashboard/try/messages", simulator.messages, SESSION),
        ("POST", "/dashboard/try/messages", simulator.say, SESSION),
        ("GET POST", "/dashboard/<path:reference>", here.nowhere, SESSION),
    ]
    blueprint = Blueprint("dashboard", __name__, template_folder="templates")
    for methods, rule, view, who in routes:
        blueprint.add_url_rule(rule, view.__name__, _guarded(view, who, sessions), methods=methods.split())
    frame.dress(blueprint, paused=backstage.operators.paused, timezone=backstage.timezone, context=here.around)
    return blueprint


def _guarded(view: Callable[..., Any], who: str, sessions: Sessions) -> Callable[..., Any]:
    """The view, for whom it is meant. What changes something must come from one of our own pages."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if who == SESSION:
            g.csrf = sessions.csrf(request)
            if g.csrf is None or _is_over(sessions):
                g.csrf = None
                return frame.refused()
            if request.method == "POST" and not sessions.proves(request, g.csrf):
                abort(403, t("No es de esta sesión. Vuelve atrás, carga la página otra vez y repítelo."))
        return view(*args, **kwargs)

    guarded.guarded_for = who  # type: ignore[attr-defined]
    return guarded


def _is_over(sessions: Sessions) -> bool:
    """Whether this session was ended. Without the store nobody can tell: it may look at what needs none, and leave."""
    try:
        return sessions.is_over(g.csrf)
    except LedgerUnavailable:
        if request.method == "GET" or request.endpoint == "dashboard.log_out":
            return False
        raise


def asset(name: str) -> Response:
    """A style sheet, script or icon; the browser asks each time whether it has changed."""
    answer = send_from_directory(_STATIC, name)
    answer.direct_passthrough = False  # so that it can be compressed
    return answer


class _Pages:
    def __init__(self, backstage: Backstage, sessions: Sessions) -> None:
        self._backstage = backstage
        self._desk = backstage.desk
        self._operators = backstage.operators
        self._sessions = sessions
        self._patience = Patience()
        self._log = structlog.stdlib.get_logger()

    # -- coming and going ------------------------------------------------------------------------------------------

    def login(self) -> Any:
        """The form; its script takes the token from the address's fragment, which browsers never send."""
        return self._login_form()

    def log_in(self) -> Any:
        """Opens a session for who knows the admin token, on the page that they wanted."""
        if not self._sessions.proves_login(request):
            return self._login_form(403, t("Este formulario era demasiado antiguo. Prueba otra vez."))
        address = request.remote_addr or ""
        wait_s = self._patience.wait_s(address)
        if wait_s:
            wait = words().duration(wait_s + 1)
            answer = self._login_form(429, t("Demasiados intentos. Espera {wait} y prueba otra vez.", wait=wait))
            answer.headers["Retry-After"] = str(int(wait_s) + 1)
            return answer
        if not self._sessions.is_token(request.form.get("token", "").strip()):
            self._patience.failed(address)
            self._log.warning("dashboard.login_refused")
            return self._login_form(403, t("Esa no es la clave de administración."))
        self._patience.succeeded(address)
        self._log.info("dashboard.logged_in")
        answer = make_response("", 303)
        self._sessions.open(answer)
        answer.location = frame.wanted(answer)
        return answer

    def log_out(self) -> Any:
        """Ends the session, in this browser and wherever else its cookie is."""
        answer = make_response(redirect(address_of("dashboard.login"), 303))
        if not self._sessions.close(answer, g.csrf):
            self._log.warning("dashboard.logout_not_kept")
        return answer

    def _login_form(self, status: int = 200, fault: str = "") -> Response:
        word = self._sessions.login_word(request)
        answer = make_response(render_template("login.html", login_word=word, fault=fault), status)
        self._sessions.offer_login(answer, word)
        return answer

    # -- looking ---------------------------------------------------------------------------------------------------

    def language(self, language: str) -> Any:
        """From now on pages are in that language, for this browser."""
        back = request.args.get("back", "")
        answer = make_response(redirect(back if frame.is_ours(back) else address_of("dashboard.landing"), 303))
        frame.speak(language, answer)
        return answer

    def landing(self) -> Any:
        """Where one begins: while nothing is connected at trying the bot, then at the people who write."""
        first = "dashboard.phone" if self._backstage.is_tried_out else "dashboard.conversations"
        return redirect(address_of(first), 303)

    def entrance(self) -> Any:
        """Where people look for the first page."""
        return redirect(address_of("dashboard.landing"), 303)

    def around(self) -> Mapping[str, Any]:
        """What the frame of every page shows."""
        return {"is_tried_out": self._backstage.is_tried_out}

    def activity(self) -> Any:
        """What came in and what became of it."""
        figures, now = self._desk.figures(), self._backstage.now()
        hours = _last_hours(figures["hours"], now)
        return render_template(
            "activity.html",
            now=now,
            figures=figures,
            hours=hours,
            totals={name: sum(hour.counts.get(name, 0) for hour in hours) for name in _COUNTED},
            busiest=max((max(hour.heard, hour.said) for hour in hours), default=0),
        )

    def technical(self) -> Any:
        """How the machine is, for whoever runs it: the figures of /webhook/status."""
        workers = [(name, age_s, age_s < WORKER_SILENCE_S) for name, age_s in self._backstage.workers().items()]
        return render_template(
            "technical.html",
            now=self._backstage.now(),
            figures=self._desk.figures(),
            channels=self._backstage.channels,
            workers=workers,
        )

    # -- looking after it ------------------------------------------------------------------------------------------

    def pause(self) -> Any:
        """The bot falls silent everywhere."""
        self._operators.pause()
        self._log.warning("dashboard.bot_paused")
        return frame.done("paused", _back())

    def resume(self) -> Any:
        """The bot speaks again."""
        self._operators.resume()
        self._log.info("dashboard.bot_resumed")
        return frame.done("resumed", _back())

    def dead_letters(self) -> Any:
        """What was given up, newest first, and why."""
        letters = self._operators.dead_letters(LETTERS_SHOWN + 1)
        return render_template(
            "dead_letters.html",
            letters=[(dead_letter_id(letter), letter) for letter in letters[:LETTERS_SHOWN]],
            more=len(letters) > LETTERS_SHOWN,
        )

    def replay(self, letter_id: str) -> Any:
        """Tries one of them again."""
        done = "replayed" if self._operators.replay(letter_id) else "gone"
        self._log.info(f"dashboard.dead_letter_{done}")
        return frame.done(done, address_of("dashboard.dead_letters"))

    def replay_all(self) -> Any:
        """Tries all of them again, the oldest first: what a person wrote first is answered first."""
        if request.form.get("confirmed") != "yes":
            abort(400, t("Marca la casilla para confirmarlo."))
        letters = self._operators.dead_letters(MOST_LETTERS)
        replayed = sum(self._operators.replay_letter(letter) for letter in reversed(letters))
        self._log.info("dashboard.dead_letters_replayed", count=replayed)
        return frame.done("replayed_all", address_of("dashboard.dead_letters"))

    def checks(self) -> Any:
        """Asks the store and every configured vendor now."""
        return render_template("checks.html", checks=self._backstage.checks())

    def chatwoot(self) -> Any:
        """How Chatwoot is connected, and the button that sets it up."""
        return render_template("chatwoot.html", configured=self._backstage.set_up_chatwoot is not None, steps=())

    def set_up_chatwoot(self) -> Any:
        """Makes what is missing in the account, and shows what became of each step."""
        if self._backstage.set_up_chatwoot is None:
            abort(409, t("No hay ninguna cuenta de Chatwoot conectada."))
        steps = self._backstage.set_up_chatwoot()
        failed = sum(step.result == "failed" for step in steps)
        self._log.info("dashboard.chatwoot_set_up", steps=len(steps), failed=failed)
        return render_template("chatwoot.html", configured=True, steps=steps)

    def nowhere(self, reference: str) -> Any:
        """There is no such page; said as one."""
        del reference
        abort(404, t(NOT_FOUND))


def _back() -> str:
    """The page whose form was sent, where it is one of ours."""
    back = request.form.get("back", "")
    return back if frame.is_ours(back) else address_of("dashboard.activity")


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
