"""No text, up to the longest that is accepted, costs a reader more depth or much more time than ordinary talk of that length.

Time is counted as the processor time of this thread, in units of what the same reader needs for ordinary talk, and at least a
quarter of what reading it takes: a cheap reader may be slower by more.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from src.agent.figures import figures
from src.agent.guardrails import Facts, check_reply, inspect
from src.agent.redaction import MAX_CHARACTERS, clean, redact, redact_health, without_secrets
from src.agent.understanding import Context, read

CONTEXT = {"options": ("a", "b", "c"), "today": "2026-11-20", "candidate": 35}
READERS: dict[str, Callable[[str], object]] = {
    "read": lambda text: read(text, Context(**CONTEXT)),  # type: ignore[arg-type]
    **{
        f"read, asked for {awaiting}": lambda text, awaiting=awaiting: read(text, Context(awaiting=awaiting, **CONTEXT))  # type: ignore[misc,arg-type]
        for awaiting in ("consent", "name", "birth_date", "occupation", "dependents", "mortgage_balance", "email", "choice")
    },
    "redact": redact,
    "redact_health": redact_health,
    "without_secrets": without_secrets,
    "clean": clean,
    "inspect": inspect,
    "check_reply": lambda text: check_reply(text, Facts(), max_characters=MAX_CHARACTERS),
    "figures": figures,
}
MOST_FRAMES = 70
"""Of Python calls one inside the other."""
MOST_TIMES_ORDINARY = 6

UTTERANCES = (Path(__file__).parents[2] / "corpus" / "development.txt").read_text(encoding="utf-8")
SAID = [line.partition(" =>")[0].strip() for line in UTTERANCES.splitlines() if " =>" in line]
ORDINARY = ". ".join(SAID)[-MAX_CHARACTERS:]
PROPOSAL = "Esencial: 150.000 € por 7,33 € al mes (85,39 € al año), válido hasta el 20/12/2026. "
ORDINARY_FOR = dict.fromkeys(("check_reply", "figures"), (PROPOSAL * 50)[:MAX_CHARACTERS])
"""What is ordinary for those who look at what we say ourselves."""
WORDS = sorted({word for said in SAID for word in said.split()})
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from([" ", "  ", "\n", ". ", ",", "-", "/", "?", "¿", "!", "(", "[", "@", "'", '"', "*", "|", "+", "%", "€"]),
    st.sampled_from(
        ["0", "1", "12", "1.", "1,5", "4111", "19mil", "0,5mil", "2 mil", "1 millon", "x1", "es91", "dni", "1/2", "^9"]
    ),
    st.sampled_from(["ª", "½", "😀", "\u200b", "\u0301", "\x00", "\ud800", "ﷺ", "١", "і"]),
    st.text(max_size=3),
)
UNITS = st.lists(PIECES, min_size=1, max_size=4).flatmap(lambda pieces: st.sampled_from([" ".join(pieces), "".join(pieces)]))


def repeated(before: str, unit: str, after: str) -> str:
    """As long as is accepted: what stands before, the unit again and again, what stands after."""
    room = MAX_CHARACTERS - len(before) - len(after)
    return before + (unit * (room // len(unit) + 1))[:room] + after


LONGEST = st.builds(repeated, st.just("") | UNITS, UNITS.filter(bool), st.just("") | UNITS)


@cache
def ordinary_s(name: str) -> float:
    text = ORDINARY_FOR.get(name, ORDINARY)
    READERS[name](text)  # what is compiled at the first use
    own_s = min(taken_s(name, text) for _ in range(5))
    return own_s if name == "read" else max(own_s, ordinary_s("read") / 4)


def taken_s(name: str, text: str) -> float:
    began_s = time.thread_time()
    READERS[name](text)
    return time.thread_time() - began_s


def is_bounded(name: str, text: str) -> None:
    """Fails when that reader needs too many frames or too much time for that text."""
    most_s = MOST_TIMES_ORDINARY * ordinary_s(name)
    usual, depth = sys.getrecursionlimit(), 0
    frame = sys._getframe()
    while frame:
        frame, depth = frame.f_back, depth + 1  # type: ignore[assignment]
    sys.setrecursionlimit(depth + MOST_FRAMES)
    try:
        took_s = taken_s(name, text)
    finally:
        sys.setrecursionlimit(usual)
    for _ in range(4):
        if took_s <= most_s:
            break
        took_s = min(took_s, taken_s(name, text))
    assert took_s <= most_s, f"{name}: {took_s / ordinary_s(name):.1f} times what ordinary talk takes"


@pytest.mark.parametrize(
    "text",
    [
        "19mil " * 327,
        "0,5mil" * 600,
        "2 mil 0,5mil " * 300,
        "millon " * 500,
        "9" * 4000 + " coma 5",
        "uno y " * 600,
        "mil " * 1000,
    ],
)
def test_numbers_one_after_the_other_are_not_read_one_inside_the_other(text: str) -> None:
    is_bounded("read", text)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(text=LONGEST)
def test_no_text_costs_a_reader_much_more_than_ordinary_talk(name: str, text: str) -> None:
    is_bounded(name, text)
