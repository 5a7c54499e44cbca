"""A phone in the browser: operators play a prospect, through the same desk, ledger, workers and agent as on WhatsApp.

On a channel of its own: what the bot answers goes nowhere but into the transcript, which the page shows, and nobody on WhatsApp
can have such a conversation, whoever the number that is played may belong to.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
from flask import Response, abort, redirect, render_template, request
from flask import url_for as address_of

from src.dashboard import way
from src.dashboard.frame import t, words
from src.desk.desk import Desk
from src.desk.ports import Clock
from src.messages import PLAYED, Contact, Inbound

ROWS_SHOWN = 100
STARTERS = (
    "Hola, quiero un seguro de vida",
    "¿Cuánto cuesta?",
    "¿Qué cubre?",
    "Quiero hablar con una persona",
)
"""What one may begin with instead of an empty box."""
_MADE_UP = re.compile(r"3460[0-9]{7}")
"""The numbers that may be played: the same range as `make chat` uses."""


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page posts: a text, or a button or row that was pressed (`reply_id` is its id, `text` its title)."""

    number: str
    text: str
    kind: Literal["text", "button", "list"] = "text"
    reply_id: str = ""


class Persona(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody to try the assistant with: what they are like, and what they say."""

    name: str
    who: str
    lines: tuple[str, ...]


@cache
def personas() -> Mapping[str, Persona]:
    """Those who can be played at a click, by the word in the address."""
    written = (Path(__file__).parent / "personas.toml").read_bytes()
    return msgspec.toml.decode(written, type=dict[str, Persona])


class Simulator:
    """The views of the simulated phone. Each browser tab plays the number in its address."""

    def __init__(self, desk: Desk, now: Clock) -> None:
        self._desk = desk
        self._now = now

    def phone(self) -> Any:
        """The page. Without a number somebody new is made up; `play` names who talks by themselves."""
        number, playing = request.args.get("number"), request.args.get("play", "")
        if number is None:
            fresh = f"3460{secrets.randbelow(10**7):07d}"
            return redirect(address_of("dashboard.phone", number=fresh, play=playing or None), 303)
        return render_template(
            "try.html",
            number=_made_up(number),
            key=_key(number),
            personas=personas(),
            playing=playing,
            lines=personas()[playing].lines if playing in personas() else (),
            starters=STARTERS,
            way_width=way.WIDTH,
            way_height=way.HEIGHT,
            way_boxes=way.boxes(),
            way_lines=way.lines(),
        )

    def messages(self) -> Any:
        """The last rows of the transcript, ready to be shown, where the sale stands and what it knows; the version alone where
        that is the one that the page has."""
        key = _key(_made_up(request.args.get("number", "")))
        version = self._desk.version(key)
        if version == request.args.get("version"):
            return _json({"version": version})
        one = self._desk.conversation(key)
        if one is None:
            return _json({"messages": [], "stage": "", "owner": None})
        rows = one["messages"][-ROWS_SHOWN:]
        known = {"one": one, "evidence": {row["id"]: row["text"][:120] for row in rows if row["text"]}}
        return _json(
            {
                "messages": [self._row(row) for row in rows],
                "stage": words().stage(one["stage"]),
                "code": one["stage"],
                "owner": one["owner"],
                "version": version,
                "learnt": render_template("learnt.html", **known),
                "priced": render_template("priced.html", **known),
            }
        )

    def say(self) -> Any:
        """Hands in what the prospect said; it is kept when this returns."""
        try:
            said = msgspec.json.decode(request.get_data(), type=Said)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            abort(400, t("Eso no es un mensaje de esta página."))
        if not said.text.strip() or len(said.text) > 4096 or len(said.reply_id) > 256:
            abort(400, t("Un mensaje tiene entre 1 y 4.096 caracteres."))
        number = _made_up(said.number)
        contact = Contact(key=_key(number), channel=PLAYED, phone=f"+{number}")
        inbound = Inbound(
            id=f"try.{secrets.token_hex(8)}",
            contact=contact,
            kind=said.kind,
            at=self._now(),
            text=said.text.strip(),
            reply_id=said.reply_id,
        )
        self._desk.receive([inbound], [])
        return _json({"id": inbound.id})

    def _row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": row["id"],
            "role": row["role"],
            "kind": row["kind"],
            "runs": words().runs(row["text"]),
            "options": row.get("options", []),
            "clock": words().clock(row["at"]),
            "status": row["status"],
        }


def _made_up(number: str) -> str:
    if not _MADE_UP.fullmatch(number):
        abort(400, t("Solo se prueba con números inventados: 3460 y siete cifras más."))
    return number


def _key(number: str) -> str:
    return f"{PLAYED}:{number}"


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")
