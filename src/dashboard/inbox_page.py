"""The inbox: who is to be looked after, one conversation beside the list, and what the house's people do in it.

Pages keep themselves fresh by short questions: what changed since the last answer comes back as pieces of the page, and while
nothing changed the answer costs a look at one contact and, once a second for all who look at the same list, the list.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from zlib import crc32

import msgspec
import structlog
from flask import Response, abort, render_template, request
from flask import url_for as address_of

from src.dashboard import forms, frame, wording
from src.dashboard.frame import NOT_FOUND, t, words
from src.desk.desk import Desk
from src.desk.inbox import QUEUES, Entry, Inbox, Listed
from src.desk.loading import REPLY_WINDOW
from src.desk.operators import Operators
from src.desk.ports import Clock
from src.errors import Conflict, InvalidRequest
from src.messages import is_played

QUICK_REPLIES = (
    "¡Hola! Soy de la correduría y sigo yo contigo por aquí. ¿En qué te ayudo?",
    "¿A qué hora te viene bien que te llame?",
    "Lo miro y te digo algo hoy mismo.",
    "¿Me confirmas tu correo para enviarte la documentación?",
)
PER_PAGE = 40
ROWS_SHOWN = 300
ROWS_WATCHED = 30
"""Of so many messages a new status is shown while the page is open."""
_SOON = timedelta(hours=4)
_TINTS = 6
_LIST_KEPT_S = 1.0
_MOST_LISTS_KEPT = 64
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Shown(msgspec.Struct, frozen=True):
    """An entry of the inbox as it is drawn: with a face, and the time that is left where it is short."""

    entry: Entry
    initials: str
    tint: int
    closes_in: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.entry, name)


class InboxPages:
    """The views of the inbox. A reference is a phone as people type it, or a contact key; nobody's is a 404."""

    def __init__(self, desk: Desk, inbox: Inbox, operators: Operators, now: Clock) -> None:
        self._desk = desk
        self._inbox = inbox
        self._operators = operators
        self._now = now
        self._lists: dict[tuple[str, ...], tuple[float, Listed]] = {}
        self._log = structlog.stdlib.get_logger()

    def conversations(self) -> Any:
        """The list alone."""
        return render_template("inbox.html", **self._list())

    def conversation(self, reference: str) -> Any:
        """The list, and one conversation: transcript, facts with where they came from, offers, consents, and the forms."""
        return self._page(self._find(reference))

    def live(self) -> Any:
        """What changed of a page that is open: its list, and its conversation. Each with a version to ask with next time."""
        listed = self._list()
        said = f"{words().language} {listed['now']:%H:%M}"  # waiting times are told in minutes
        version = _version(msgspec.json.encode(listed["entries"]) + said.encode())
        answer: dict[str, Any] = {"needs": listed["waiting"], "list": version}
        key = request.args.get("open", "")
        context: dict[str, Any] = {**listed, "one": None}
        if key:
            answer["version"] = self._desk.version(key)
            if answer["version"] != request.args.get("version"):
                context = {**listed, **self._one(key)}
                answer |= self._pieces(context)
            else:
                context["one"] = {"contact": {"key": key}}
        if version != request.args.get("list"):
            answer["people"] = _drawn("people", context)
        return _json(answer)

    def _pieces(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """The parts of a conversation that may have changed. Messages after the last one that the page has, and the newest of
        those it has, as their status may be another."""
        rows, seen = context["rows"], request.args.get("last", "")
        known = next((place for place, row in reversed(list(enumerate(rows))) if row["id"] == seen), -1)
        day = words().local(rows[known]["at"]).date().isoformat() if known >= 0 else ""
        return {
            "rows": _drawn("transcript", context, rows[known + 1 :], day),
            "bubbles": {
                row["id"]: _drawn("bubble", context, row)
                for row in rows[max(0, known + 1 - ROWS_WATCHED) : known + 1]
                if row["role"] != "prospect"
            },
            "standing": _drawn("standing", context),
            "awaited": _drawn("awaited", context),
            "facts": render_template("facts.html", **context),
        }

    def take_over(self, reference: str) -> Any:
        """The bot is silent here from now on."""
        key = self._find(reference)
        self._operators.take_over(key)
        return self._done(key, "taken_over")

    def hand_back(self, reference: str) -> Any:
        """The bot goes on."""
        key = self._find(reference)
        self._operators.hand_back(key)
        return self._done(key, "handed_back")

    def write(self, reference: str) -> Any:
        """A message by hand. What was typed is shown again with the reason when it may not go."""
        key = self._find(reference)
        try:
            self._operators.say(key, forms.message(request.form))
        except InvalidRequest as fault:
            return self._page(key, fault.status, request.form.to_dict(), forms.by_field(fault.faults))
        except Conflict as fault:
            return self._page(
                key, fault.status, request.form.to_dict(), {"text": frame.words().refusal(fault.code, str(fault))}
            )
        return self._done(key, "said", part="newest")

    def correct(self, reference: str) -> Any:
        """Profile values by hand: all that were changed, or none when one of them cannot be."""
        key = self._find(reference)
        changes = forms.profile_changes(request.form)
        if not changes:
            return frame.done("unchanged", address_of("dashboard.conversation", reference=key))
        try:
            self._operators.correct(key, changes)
        except InvalidRequest as fault:
            return self._page(key, fault.status, request.form.to_dict(), forms.by_field(fault.faults))
        return self._done(key, "corrected")

    def reset(self, reference: str) -> Any:
        """The state is forgotten, the transcript stays."""
        key = self._confirmed(reference)
        self._desk.reset(key)
        return self._done(key, "reset")

    def erase(self, reference: str) -> Any:
        """Everything about the person goes."""
        self._desk.erase(self._confirmed(reference))
        self._log.info("dashboard.conversation_erased")
        return frame.done("erased", address_of("dashboard.conversations"))

    def _list(self) -> dict[str, Any]:
        """The list that the address asks for, with what the page around it needs."""
        asked = {name: request.args.get(name, "").strip() for name in ("queue", "stage", "owner", "q", "cursor")}
        if asked["queue"] not in wording.QUEUES:  # older links say who has the conversation
            asked["queue"] = {"human": "needs", "bot": "bot"}.get(asked["owner"], "all" if asked["stage"] else "needs")
        try:
            listed = self._looked_up(asked)
            waiting = len(self._looked_up({**asked, "queue": "needs", "q": "", "cursor": "", "stage": ""}).entries)
        except ValueError:
            abort(400, t("Esa página de la lista no existe. Vuelve a la primera."))
        now = self._now()
        return {
            "asked": asked,
            "queues": wording.QUEUES,
            "entries": [_shown(entry, now) for entry in listed.entries[:ROWS_SHOWN]],
            "next_cursor": listed.next_cursor,
            "waiting": waiting,
            "now": now,
            "one": None,
            "query_string": "&".join(f"{name}={value}" for name, value in asked.items() if value and name != "owner"),
        }

    def _looked_up(self, asked: Mapping[str, str]) -> Listed:
        """Many look at the same list: it is looked up once a second."""
        key = tuple(asked[name] for name in ("queue", "stage", "q", "cursor"))
        kept = self._lists.get(key)
        if kept and time.monotonic() - kept[0] < _LIST_KEPT_S and request.path.endswith("/live"):
            return kept[1]
        queue, stage, query, cursor = key
        if query:
            listed = self._inbox.find(self._known(query) or query, cursor=cursor, limit=PER_PAGE, stage=stage)
        else:
            listed = self._inbox.queue(queue if queue in QUEUES else "", cursor=cursor, limit=PER_PAGE, stage=stage)
        if len(self._lists) >= _MOST_LISTS_KEPT:
            self._lists.clear()
        self._lists[key] = (time.monotonic(), listed)
        return listed

    def _known(self, query: str) -> str | None:
        with suppress(Conflict):  # several go by it: the search shows them all
            return self._desk.known(query)
        return None

    def _one(self, key: str) -> dict[str, Any]:
        """One conversation, and what its parts need beside it."""
        version = self._desk.version(key)
        shown = self._desk.conversation(key)
        if shown is None:
            abort(404, t(NOT_FOUND))
        rows = shown["messages"][-ROWS_SHOWN:]
        contact, now = shown["contact"], self._now()
        heard = [row["at"] for row in rows if row["role"] == "prospect"]
        left = words().local(heard[-1]) + REPLY_WINDOW - now if heard and not is_played(key) else timedelta()
        return {
            "one": shown,
            "rows": rows,
            "who": shown["profile"].get("name") or contact["name"] or contact["phone"] or contact["bsuid"],
            "version": version,
            "is_played": is_played(key),
            "evidence": {row["id"]: row["text"][:120] for row in rows if row["role"] == "prospect" and row["text"]},
            "closes_in": words().span(left.total_seconds()) if left > timedelta() else "",
            "closes_soon": left < _SOON,
            "now": now,
            "fields": forms.profile_fields(shown["profile"], _NOTHING),
            "typed": _NOTHING,
            "faults": _NOTHING,
        }

    def _page(
        self, key: str, status: int = 200, typed: Mapping[str, str] = _NOTHING, faults: Mapping[str, str] = _NOTHING
    ) -> Any:
        one = self._one(key)
        context = {
            **self._list(),
            **one,
            "obstacle": self._operators.obstacle(key),
            "quick_replies": QUICK_REPLIES,
            "fields": forms.profile_fields(one["one"]["profile"], typed),
            "typed": typed,
            "faults": faults,
        }
        return render_template("inbox.html", **context), status

    def _done(self, key: str, what: str, *, part: str | None = None) -> Any:
        self._log.info(f"dashboard.conversation_{what}")
        return frame.done(what, address_of("dashboard.conversation", reference=key, _anchor=part))

    def _confirmed(self, reference: str) -> str:
        key = self._find(reference)
        if request.form.get("confirmed") != "yes":
            abort(400, t("Marca la casilla para confirmarlo."))
        return key

    def _find(self, reference: str) -> str:
        key = self._desk.known(reference)
        if key is None:
            abort(404, t(NOT_FOUND))
        return key


def _shown(entry: Entry, now: datetime) -> Shown:
    named = re.findall(r"\w+", entry.name)
    initials = "".join(word[0] for word in (named[:1] + named[1:][-1:])).upper() if named else "·"
    left = entry.window_until - now if entry.window_until and not entry.is_played else timedelta()
    closes = words().span(left.total_seconds()) if timedelta() < left < _SOON and entry.queue != "closed" else ""
    return Shown(entry, initials, crc32(entry.key.encode()) % _TINTS, closes)


def _drawn(macro: str, context: Mapping[str, Any], *arguments: Any) -> str:
    """One part of the page, as the whole page draws it."""
    return render_template("inbox_piece.html", macro=macro, arguments=arguments, **context)


def _version(drawn: bytes) -> str:
    return hashlib.sha256(drawn).hexdigest()[:16]


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")
