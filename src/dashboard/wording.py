"""How values look to an operator: titles of stages and profile keys, money, moments, ages, WhatsApp's way of writing bold."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from src.agent.profile import AMOUNTS, IN_YEARS
from src.desk import words as said

STAGES = {stage: words.english for stage, words in said.STAGES.items()}
OUTCOMES = {outcome: words.english for outcome, words in said.OUTCOMES.items()}
ROLES = said.SPEAKERS_IN_ENGLISH
LANES = said.LANES_IN_ENGLISH
_MONEY = frozenset((*AMOUNTS, "capital"))
_YEARS = frozenset((*IN_YEARS, "years"))
_STYLES = {"*": "strong", "_": "em", "~": "s"}
# Every alternative stops at its own marker and at the end of the line, so a hostile text costs no more than its length.
_STYLED = re.compile(
    r"(?<!\w)(?:"
    r"\*([^\s*](?:[^*\n]*[^\s*])?)\*|"
    r"_([^\s_](?:[^_\n]*[^\s_])?)_|"
    r"~([^\s~](?:[^~\n]*[^\s~])?)~"
    r")(?!\w)"
)


def title(key: Any) -> str:
    """A name of the contract as words: `mortgage_balance` becomes "Mortgage balance"."""
    words = str(key).replace("_", " ").replace(":", ": ")
    return words[:1].upper() + words[1:]


def unit(key: str) -> str:
    """What a value of the profile is counted in when its name does not say so; else ""."""
    return "€" if key in _MONEY else ""


def money(value: Any) -> str:
    """An amount in EUR, with cents only when there are some."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f} €" if float(value).is_integer() else f"{value:,.2f} €"


def shown(value: Any, key: str = "") -> str:
    """A value of the profile, of the details or of the need, in words."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{title(name).lower()} {shown(inner, name)}" for name, inner in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(shown(inner, key) for inner in value) or "–"
    if key in _MONEY:
        return money(value)
    return f"{value} years" if key in _YEARS else str(value)


def duration(seconds: Any) -> str:
    """An age or a waiting time, in the two largest units that matter; short ones to a tenth of a second."""
    whole = max(0, round(float(seconds)))
    if whole < 10:
        return f"{max(0.0, float(seconds)):.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def local(value: datetime | str, timezone: str) -> datetime:
    """A moment of the store, which keeps UTC, on the operators' clock. Raises ValueError for a text that is no moment."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(_zone(timezone))


def runs(text: str) -> list[tuple[str, str]]:
    """The text in pieces, each with the element it is shown in ("" for none): *strong*, _em_ and ~s~, as on WhatsApp."""
    pieces: list[tuple[str, str]] = []
    position = 0
    for match in _STYLED.finditer(text):
        pieces += [("", text[position : match.start()]), (_STYLES[match[0][0]], match[0][1:-1])]
        position = match.end()
    pieces.append(("", text[position:]))
    return [piece for piece in pieces if piece[1]]


@cache
def _zone(timezone: str) -> ZoneInfo:
    return ZoneInfo(timezone)
