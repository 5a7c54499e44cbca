"""Messages as JSON lines, for whoever measures how well they are understood: one line in, one reading out.

The format stands in docs/commands.md. A line that cannot be read is answered with an error in its place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from src.agent.understanding import CONFIRM_BELOW, Context, Found, Intent, Reading, read

LONGEST_LINE_BYTES = 64 * 1024


class _Option(msgspec.Struct, frozen=True):
    """An option as it was shown; `monthly_premium` in EUR."""

    id: str | int
    title: str | None = None
    tier: str | None = None
    monthly_premium: float | None = None


class _Said(msgspec.Struct, frozen=True):
    """A message and the conversation in which it was said; unknown keys are ignored."""

    text: str
    awaiting: str | None = None
    profile: dict[str, Any] | None = None
    candidate: Any = None
    options: list[_Option] | None = None
    language: str | None = None
    reply_id: str | None = None


_ASSUMED = (_Option("1", "Esencial"), _Option("2", "Equilibrada"), _Option("3", "Completa"))
"""What is shown where an option is asked for and none is given."""
_NO_PREMIUM = -1.0
"""An option's price that nobody can name."""


class _Unreadable(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def answer(line: bytes, today: str) -> tuple[bytes, bool]:
    """The line that answers a line, without its end, and whether it is a reading and no error. `today` is an ISO date."""
    try:
        said = _said(line)
    except _Unreadable as fault:
        return _encoded({"error": {"code": fault.code, "message": str(fault)}}), False
    options = _shown(said)
    reading = read(said.text, _context(said, options, today), said.reply_id or "")
    return _encoded(_told(reading, said, options)), True


def _said(line: bytes) -> _Said:
    if len(line.rstrip(b"\r\n")) > LONGEST_LINE_BYTES:
        raise _Unreadable("too_long", f"a line has at most {LONGEST_LINE_BYTES} bytes")
    try:
        # Unlike msgspec's, this decoder takes half a surrogate pair: a text may hold anything, and is cleaned on reading.
        written = json.loads(line, parse_constant=_no_number, parse_float=_number)
    except (ValueError, RecursionError):
        raise _Unreadable("no_json", "the line is no JSON") from None
    if not isinstance(written, dict):
        raise _Unreadable("no_object", "the line is no JSON object")
    if "text" not in written:
        raise _Unreadable("no_text", "the key text is missing")
    if not isinstance(written["text"], str):
        raise _Unreadable("text_no_string", "text must be a string")
    try:
        return msgspec.convert(written, _Said)
    except msgspec.ValidationError as fault:
        raise _Unreadable("bad_value", str(fault)) from None


def _number(written: str) -> float:
    number = float(written)
    return number if math.isfinite(number) else _no_number(written)


def _no_number(written: str) -> float:
    raise ValueError(f"{written} is no number in JSON")


def _shown(said: _Said) -> Sequence[_Option]:
    if said.options is not None:
        return said.options
    return _ASSUMED if said.awaiting in ("choice", "accept") else ()


def _context(said: _Said, options: Sequence[_Option], today: str) -> Context:
    profile = said.profile or {}
    birth_year = profile.get("details.birth_year")
    return Context(
        awaiting=said.awaiting or None,
        profile=profile,
        candidate=said.candidate,
        options=tuple(str(option.id) for option in options),
        titles=tuple(option.title or option.tier or "" for option in options),
        premiums=tuple(_NO_PREMIUM if option.monthly_premium is None else option.monthly_premium for option in options),
        today=today,
        language=said.language or "es",
        stage="PRESENTACION_PROPUESTA" if options else "NEEDS_ANALYSIS",
        birth_year=birth_year if isinstance(birth_year, int) else 0,
    )


def _told(reading: Reading, said: _Said, options: Sequence[_Option]) -> dict[str, Any]:
    places = {} if said.reply_id else {str(place): str(option.id) for place, option in enumerate(options, 1)}
    return {
        "values": {found.key: _value(found) for found in reading.values},
        "intents": [_intent(intent, places) for intent in reading.intents],
        "language": reading.language,
    }


def _value(found: Found) -> dict[str, Any]:
    return {
        "value": found.value,
        "confidence": round(found.confidence, 3),
        "confirm": found.confidence < CONFIRM_BELOW,
        "correction": found.correction,
        "alternatives": list(found.alternatives),
    }


def _intent(intent: Intent, places: dict[str, str]) -> dict[str, Any]:
    """The intent; a choice is told by the option's id, not by its place."""
    topic = places.get(intent.topic, intent.topic) if intent.name == "choice" else intent.topic
    return {"name": intent.name, "topic": topic, "confidence": round(intent.confidence, 3)}


def _encoded(told: dict[str, Any]) -> bytes:
    # What UTF-8 has no letter for is written as the JSON escape that it came as.
    return json.dumps(told, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")
