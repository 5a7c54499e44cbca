"""What lies ahead, as people say it, on a Monday morning and on the last day of a year."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.agent.lookalikes import fold
from src.agent.understanding.moments import LONGEST, moment_in, wants_to_be_written_to

MADRID = ZoneInfo("Europe/Madrid")
MONDAY = datetime(2026, 11, 30, 11, 20, tzinfo=MADRID)

SAID = {
    "más tarde": (2026, 11, 30, 14, 20),
    "luego": (2026, 11, 30, 14, 20),
    "en media hora": (2026, 11, 30, 11, 50),
    "dentro de dos horas": (2026, 11, 30, 13, 20),
    "esta tarde": (2026, 11, 30, 17, 0),
    "esta noche": (2026, 11, 30, 20, 0),
    "a las 5": (2026, 11, 30, 17, 0),
    "a las 10": (2026, 12, 1, 10, 0),
    "mañana": (2026, 12, 1, 10, 0),
    "mañana por la tarde": (2026, 12, 1, 17, 0),
    "mañana por la mañana": (2026, 12, 1, 10, 0),
    "mañana a las 17:30": (2026, 12, 1, 17, 30),
    "mañana a las 5 y media": (2026, 12, 1, 17, 30),
    "mañana a partir de las 18": (2026, 12, 1, 18, 0),
    "por la mañana": (2026, 12, 1, 10, 0),
    "pasado mañana": (2026, 12, 2, 10, 0),
    "el jueves": (2026, 12, 3, 10, 0),
    "el lunes": (2026, 12, 7, 10, 0),
    "el lunes que viene a las 9": (2026, 12, 7, 9, 0),
    "la semana que viene": (2026, 12, 7, 10, 0),
    "el martes de la semana que viene": (2026, 12, 8, 10, 0),
    "en tres días": (2026, 12, 3, 10, 0),
    "dentro de un par de semanas": (2026, 12, 14, 10, 0),
    "en un mes": (2026, 12, 30, 10, 0),
    "dentro de 3 meses": (2027, 2, 28, 10, 0),
    "el mes que viene": (2026, 12, 1, 10, 0),
    "en enero": (2027, 1, 1, 10, 0),
    "a mediados de enero": (2027, 1, 15, 10, 0),
    "a finales de diciembre": (2026, 12, 25, 10, 0),
    "en noviembre": (2027, 11, 1, 10, 0),
    "cuando cobre": (2026, 12, 1, 10, 0),
    "cuando me paguen la nómina": (2026, 12, 1, 10, 0),
    "a fin de mes": (2026, 12, 28, 10, 0),
    "después de Navidad": (2027, 1, 8, 10, 0),
    "pasadas las fiestas": (2027, 1, 8, 10, 0),
    "después del verano": (2027, 9, 7, 10, 0),
    "el año que viene": (2027, 1, 8, 10, 0),
    "el 15": (2026, 12, 15, 10, 0),
    "el día 15 por la tarde": (2026, 12, 15, 17, 0),
    "el 15 de enero": (2027, 1, 15, 10, 0),
    "el 15/1 a las 12": (2027, 1, 15, 12, 0),
    "next week": (2026, 12, 7, 10, 0),
    "tomorrow at 5": (2026, 12, 1, 17, 0),
    "in two weeks": (2026, 12, 14, 10, 0),
}


@pytest.mark.parametrize("words", SAID)
def test_a_moment_is_the_one_that_people_mean(words: str) -> None:
    for text in (words, f"mejor {words}, ¿vale?", f"avísame {words}"):
        assert moment_in(fold(text).text, MONDAY) == datetime(*SAID[words], tzinfo=MADRID), text  # type: ignore[arg-type]


@pytest.mark.parametrize("words", ["", "no me interesa", "tengo 45 años", "gano 1.800 euros", "vale, gracias"])
def test_what_names_no_moment_is_none(words: str) -> None:
    assert moment_in(fold(words).text, MONDAY) is None


def test_at_the_end_of_the_year_it_goes_on() -> None:
    eve = datetime(2026, 12, 31, 23, 50, tzinfo=MADRID)
    assert moment_in("manana", eve) == datetime(2027, 1, 1, 10, tzinfo=MADRID)
    assert moment_in("en enero", eve) == datetime(2027, 1, 1, 10, tzinfo=MADRID)
    assert moment_in("en un mes", eve) == datetime(2027, 1, 31, 10, tzinfo=MADRID)
    assert moment_in("el 31", eve) == datetime(2027, 1, 31, 10, tzinfo=MADRID)


WORDS = st.lists(st.sampled_from([*SAID, "el 31", "31/2", "a las 25", "en 999 días", "y", "o", "no"]), max_size=4).map(" ".join)


@given(WORDS, st.integers(0, 400))
def test_whatever_is_said_lies_ahead_and_not_too_far(words: str, days: int) -> None:
    now = MONDAY + timedelta(days=days)
    at = moment_in(fold(words).text, now)
    assert at is None or now < at <= now + LONGEST


@given(st.text(max_size=60))
def test_no_text_is_too_strange(text: str) -> None:
    at = moment_in(fold(text).text, MONDAY)
    assert at is None or at > MONDAY


@pytest.mark.parametrize(
    ("words", "wants"),
    [
        ("avísame más tarde", True),
        ("Avísame en enero", True),
        ("recuérdamelo la semana que viene", True),
        ("¿me puedes escribir cuando cobre?", True),
        ("¿me escribes cuando cobre?", True),
        ("escríbeme el lunes", True),
        ("mejor me avisas en enero", True),
        ("remind me next week", True),
        ("no me escribas más", False),
        ("no hace falta que me avises", False),
        ("no quiero que me escribáis el lunes", False),
        ("llámame el lunes", False),
        ("vale", False),
        ("en enero", False),
    ],
)
def test_who_wants_to_be_written_to(words: str, wants: bool) -> None:
    assert wants_to_be_written_to(fold(words).text) is wants
