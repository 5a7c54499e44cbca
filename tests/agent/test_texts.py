"""The copy: both languages say the same things, in one form of address, and nothing lies about unused."""

from __future__ import annotations

import re
import string
from datetime import date
from pathlib import Path

import pytest

from src.agent.texts import Phrasebook, phrasebook

ES, USTED, EN = phrasebook("es", "tu"), phrasebook("es", "usted"), phrasebook("en", "tu")
SOURCES = Path(__file__).resolve().parents[2] / "src"


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_english_says_everything_that_spanish_says() -> None:
    assert set(ES) == set(EN)


@pytest.mark.parametrize("key", sorted(EN))
def test_the_same_things_are_filled_in(key: str) -> None:
    expected = set().union(*map(fields, ES.variants(key)))
    assert set().union(*map(fields, EN.variants(key))) <= expected


@pytest.mark.parametrize("key", sorted(key for key in ES if key.startswith("ask.")))
def test_every_question_has_three_wordings(key: str) -> None:
    for book in (ES, USTED, EN):
        assert len(set(book.variants(key))) == 3


def test_usted_never_slips_into_tu() -> None:
    familiar = re.compile(
        r"\b(tú|te|ti|tu|tus|contigo|eres|estás|has|tienes|quieres|puedes|prefieres|necesitas|dime|elige|fumas|ganas)\b",
        re.IGNORECASE,
    )
    slips = {
        key: found[0]
        for key in USTED
        if not key.startswith("foreign.")
        for text in USTED.variants(key)
        if (found := familiar.search(text.replace("«persona»", "")))
    }
    assert slips == {}


def test_tu_never_slips_into_usted() -> None:
    formal = re.compile(r"\b(usted|dígame|prefiere|quiere|su presupuesto)\b", re.IGNORECASE)
    assert {key for key in ES for text in ES.variants(key) if formal.search(text)} == set()


def test_no_text_asks_for_or_names_an_identity_or_account_number() -> None:
    for book in (ES, USTED, EN):
        for key in book:
            for text in book.variants(key):
                assert not re.search(r"\b(dni|nie|iban|tarjeta|passport|card number)\b", text, re.IGNORECASE), key


def test_no_text_promises_or_advises() -> None:
    for book in (ES, USTED, EN):
        for key in book:
            for text in book.variants(key):
                assert not re.search(r"garantiz|recomend|aconsej|guarantee|recommend", text, re.IGNORECASE), key


def test_titles_of_buttons_fit() -> None:
    for book in (ES, USTED, EN):
        for key in book:
            if key.startswith(("options.", "tier.")):
                assert all(len(text) <= 20 for text in book.variants(key)), key


def test_every_text_is_used() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py")).replace("'", '"')
    composed = {match.split("{")[0] for match in re.findall(r'f"([a-z_]+\.[a-z_]*\{[^"]*)"', source)}
    composed |= {"ask.", "foreign."}
    unused = {key for key in ES if f'"{key}"' not in source and not any(key.startswith(prefix) for prefix in composed)}
    assert unused == set()


def test_money_is_written_as_people_write_it() -> None:
    assert [ES.money(amount) for amount in (7.33, 1295.02, 150_000, 1_000_000.5)] == [
        "7,33 €",
        "1.295,02 €",
        "150.000 €",
        "1.000.000,50 €",
    ]
    assert EN.money(1295.02) == "€1,295.02"


def test_values_are_said_as_people_say_them() -> None:
    assert ES.value("smoker", False) == "no"
    assert ES.value("birth_date", "1985-05-03") == "03/05/1985"
    assert ES.value("age", 35) == "35 años"
    assert ES.value("marital_status", "married") == "casado o casada"
    assert ES.value("occupation", "maestra") == "maestra"
    assert ES.date(date(2026, 12, 20)) == "20/12/2026"


def test_names_are_joined_by_the_word_spanish_wants() -> None:
    assert ES.listing(["fallecimiento", "incapacidad"]) == "fallecimiento e incapacidad"
    assert ES.listing(["a", "b", "hielo"]) == "a, b y hielo"
    assert ES.listing(["a"]) == "a"
    assert EN.listing(["death", "illness"]) == "death and illness"


def test_an_unknown_language_is_answered_in_spanish() -> None:
    assert phrasebook("ca", "tu").language == "es"


def test_variants_go_round_for_ever() -> None:
    book = Phrasebook("es", "tu")
    wordings = book.variants("ack.value")
    assert book.say("ack.value", len(wordings)) == book.say("ack.value", 0)
    assert "ack.value" in book


IMPOSSIBLE_PAIRS = re.compile(r"\b(?:les? l[oa]s?|se les? l[oa]s?|te se|me se)\b", re.IGNORECASE)
"""Pronouns that no Spanish verb bears together: "le lo", which people say as "se lo"."""


@pytest.mark.parametrize("book", [ES, USTED], ids=["tú", "usted"])
def test_no_two_pronouns_meet_that_cannot(book: Phrasebook) -> None:
    """Whichever of the two forms of address is taken: "[te|se] lo aclara", never "le lo"."""
    met = {key: found[0] for key in book for text in book.variants(key) if (found := IMPOSSIBLE_PAIRS.search(text))}
    assert met == {}
