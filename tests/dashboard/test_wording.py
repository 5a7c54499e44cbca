"""Values in words, in Spanish and in English."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.agent.profile import FIELDS
from src.dashboard import wording
from src.dashboard.forms import CHOICES
from src.dashboard.wording import Words
from src.desk.ports import LANES
from src.messages import DeliveryStatus
from tests.dashboard.texts import texts

ES, EN = Words("es", "Europe/Madrid"), Words("en", "Europe/Madrid")


def test_every_word_of_the_contract_has_one_for_people() -> None:
    assert set(wording.LANES) == set(LANES)
    assert set(wording.STATUSES) == set(get_args(DeliveryStatus))
    assert set(FIELDS) <= set(wording.TITLES)
    assert set(CHOICES["marital_status"]) == set(wording.VALUES)


def test_every_text_of_the_pages_is_there_in_english_and_none_is_left_over() -> None:
    assert set(wording.english()) == texts()


def test_a_text_is_filled_in_the_same_in_both_languages() -> None:
    for spanish, english in wording.english().items():
        assert set(re.findall(r"\{\w+\}", spanish)) == set(re.findall(r"\{\w+\}", english)), spanish
        assert ("|" in spanish) == ("|" in english), spanish


def test_one_and_many_and_numbers_are_as_the_language_has_them() -> None:
    text = "{n} mensaje|{n} mensajes"
    assert [ES.t(text, n=n) for n in (0, 1, 12_345)] == ["0 mensajes", "1 mensaje", "12.345 mensajes"]
    assert EN.t("{n} año|{n} años", n=1_200) == "1,200 years"
    assert ES.t("nadie lo ha traducido") == EN.t("nadie lo ha traducido") == "nadie lo ha traducido"


@pytest.mark.parametrize(
    ("value", "key", "spanish", "english"),
    [
        (150_000, "sum_assured", "150.000 €", "150,000 €"),
        (20.5, "monthly_budget", "20,50 €", "20.50 €"),
        (0, "savings", "0 €", "0 €"),
        (36, "age", "36 años", "36 years"),
        (True, "smoker", "sí", "yes"),
        (False, "mortgage_balance", "no", "no"),
        (None, "age", "–", "–"),
        (2, "dependents", "2", "2"),
        ("enfermera", "occupation", "enfermera", "enfermera"),
        ("unos cien", "savings", "unos cien", "unos cien"),
        ("married", "marital_status", "casada o casado", "married"),
        ("1985-07-31", "birth_date", "31 jul 1985", "Jul 31, 1985"),
        ("hoy", "birth_date", "hoy", "hoy"),
        ([63, 54], "age", "63 años, 54 años", "63 years, 54 years"),
        ([], "age", "–", "–"),
        ({"since_year": 2020, "packs": None}, "",
         "desde el año 2020, cajetillas al día –", "since the year 2020, packs a day –"),
    ],
)  # fmt: skip
def test_values_are_shown_with_their_units(value: Any, key: str, spanish: str, english: str) -> None:
    assert [said.shown(value, key).replace("\xa0", " ") for said in (ES, EN)] == [spanish, english]


@pytest.mark.parametrize(
    ("said", "spanish"),
    [
        ("a number from 18 to 64", "un número del 18 al 64"),
        ("at most 200 characters", "como mucho 200 caracteres"),
        ("one of divorced, married, single", "una de las opciones"),
        ("something new", "something new"),
    ],
)
def test_what_is_wrong_with_a_value_is_said_in_the_readers_language(said: str, spanish: str) -> None:
    assert ES.fault(said) == spanish


def test_what_the_sale_waits_for_is_a_sentence() -> None:
    assert ES.awaited("choice") == "que elija una opción"
    assert ES.awaited("confirm:age") == "que confirme: edad"
    assert EN.awaited("smoker") == "to say: smoker"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0.0 s"), (0.24, "0.2 s"), (9.4, "9.4 s"), (9.6, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"),
     (3600, "1 h 0 min"), (86_399, "23 h 59 min"), (90_000, "1 d 1 h")],
)  # fmt: skip
def test_times_have_the_units_that_matter(seconds: float, words: str) -> None:
    assert EN.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "0 min"), (59, "0 min"), (3599, "59 min"), (3600, "1 h"), (86_400, "24 h"), (172_800, "2 d")]
)
def test_a_waiting_time_is_read_at_a_glance(seconds: float, words: str) -> None:
    assert ES.span(seconds) == words


@pytest.mark.parametrize(
    "stored",
    [datetime(2026, 7, 1, 22, 30, tzinfo=UTC), "2026-07-01T22:30:00Z", datetime(2026, 7, 1, 22, 30)],  # noqa: DTZ001
)
def test_moments_are_on_the_operators_clock(stored: datetime | str) -> None:
    assert ES.local(stored).isoformat() == "2026-07-02T00:30:00+02:00"
    assert (ES.moment(stored), EN.moment(stored)) == ("2 jul, 00:30", "Jul 2, 00:30")
    assert ES.day(stored) == "jueves, 2 de julio"


def test_when_something_was_is_said_as_people_do() -> None:
    now = datetime(2026, 7, 10, 10, 0, tzinfo=UTC)
    ago = [timedelta(minutes=5), timedelta(hours=13), timedelta(days=3), timedelta(days=30)]
    assert [ES.lately(now - one, now) for one in ago] == ["11:55", "ayer", "mar", "10 jun"]


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
