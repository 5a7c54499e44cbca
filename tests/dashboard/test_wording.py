"""Values in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.agent.state import STAGES, Outcome
from src.dashboard import wording
from src.desk.ports import LANES
from src.messages import Speaker


def test_every_word_of_the_contract_has_one_for_people() -> None:
    assert tuple(wording.STAGES) == STAGES
    assert set(wording.OUTCOMES) == set(get_args(Outcome))
    assert set(wording.LANES) == set(LANES)
    assert set(wording.ROLES) == set(get_args(Speaker))


@pytest.mark.parametrize(
    ("value", "key", "words"),
    [
        (150_000, "sum_assured", "150,000 €"),
        (20.5, "monthly_budget", "20.50 €"),
        (0, "savings", "0 €"),
        (36, "age", "36 years"),
        (True, "smoker", "yes"),
        (False, "mortgage_balance", "no"),
        (None, "age", "–"),
        (2, "dependents", "2"),
        ("enfermera", "occupation", "enfermera"),
        ("unos cien", "savings", "unos cien"),
        ([63, 54], "age", "63 years, 54 years"),
        ([], "age", "–"),
        ({"since_year": 2020, "packs": None}, "details", "since year 2020, packs –"),
    ],
)
def test_values_are_shown_with_their_units(value: Any, key: str, words: str) -> None:
    assert wording.shown(value, key) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0.0 s"), (0.24, "0.2 s"), (9.4, "9.4 s"), (9.6, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"),
     (3600, "1 h 0 min"), (86_399, "23 h 59 min"), (90_000, "1 d 1 h")],
)  # fmt: skip
def test_times_have_the_units_that_matter(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(
    "stored",
    [datetime(2026, 7, 1, 22, 30, tzinfo=UTC), "2026-07-01T22:30:00Z", datetime(2026, 7, 1, 22, 30)],  # noqa: DTZ001
)
def test_moments_are_on_the_operators_clock(stored: datetime | str) -> None:
    assert wording.local(stored, "Europe/Madrid").isoformat() == "2026-07-02T00:30:00+02:00"


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("hola", [("", "hola")]),
        ("*Esencial*: 9,19 €", [("strong", "Esencial"), ("", ": 9,19 €")]),
        ("un _poco_ de ~todo~", [("", "un "), ("em", "poco"), ("", " de "), ("s", "todo")]),
        ("2*3*4 y mi_correo_es", [("", "2*3*4 y mi_correo_es")]),
        ("* no * y *\nno*", [("", "* no * y *\nno*")]),
        ("", []),
    ],
)
def test_bold_is_what_whatsapp_shows_as_bold(text: str, runs: list[tuple[str, str]]) -> None:
    assert wording.runs(text) == runs


@given(st.text(alphabet="ab *_~\n<", max_size=40))
def test_no_character_is_lost_or_added_by_styling(text: str) -> None:
    marks = {"": "", "strong": "*", "em": "_", "s": "~"}
    assert "".join(f"{marks[style]}{piece}{marks[style]}" for style, piece in wording.runs(text)) == text
