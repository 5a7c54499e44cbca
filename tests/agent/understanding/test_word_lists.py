"""The data files of the reader: complete, well formed, without contradictions."""

from __future__ import annotations

import re

import pytest

from src.agent.understanding.language import LANGUAGES, detect_language
from src.agent.understanding.lexicon import REPAIRABLE, words_of
from src.agent.understanding.occupations import known_occupations
from src.agent.understanding.wording import fold, repaired, word_of


def test_occupations_are_many_and_well_formed() -> None:
    known = known_occupations()
    assert len(known) >= 600
    assert {"1", "2", "3", "4", "?"} == set(known.values())
    assert [form for form in known if not re.fullmatch(r"[a-z][a-z' -]*[a-z]", form)] == []
    assert [form for form in known if fold(form) != form] == []


@pytest.mark.parametrize(
    ("form", "risk"),
    [
        ("fontanero", "2"),
        ("fontanera", "2"),
        ("profesor", "1"),
        ("profesora", "1"),
        ("jefe de cocina", "2"),
        ("jefa de cocina", "2"),
        ("alcaldesa", "1"),
        ("bombera", "4"),
        ("camionera", "3"),
        ("autonoma", "?"),
        ("colectivero", "2"),
        ("mesera", "2"),
    ],
)
def test_both_genders_and_both_shores(form: str, risk: str) -> None:
    assert known_occupations()[form] == risk


def test_no_word_is_repaired_and_protected_at_once() -> None:
    assert REPAIRABLE & words_of("never repaired") == frozenset()


@pytest.mark.parametrize("word", ["siento", "cuento", "cuarto", "cumplí", "casa", "hasta", "paga", "casas", "pareja", "vez"])
def test_words_that_exist_stay(word: str) -> None:
    assert repaired(fold(word)) == fold(word)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ijos", "hijos"),
        ("zinco", "cinco"),
        ("ipoteca", "hipoteca"),
        ("kiero", "quiero"),
        ("tngo", "tengo"),
        ("hipotca", "hipoteca"),
        ("siiii", "si"),
    ],
)
def test_chat_spelling_is_repaired(written: str, meant: str) -> None:
    assert repaired(written) == meant


def test_evidence_keeps_the_words_as_written() -> None:
    wording = word_of("Tngo DOS Ijos  ")
    assert wording.plain == "tengo dos hijos  "
    assert wording.evidence(6, 15) == "DOS Ijos"
    assert wording.evidence(3, 3) == ""


def test_nine_languages_and_spanish_by_default() -> None:
    assert {"es", "en", "ca", "gl", "eu", "pt", "fr", "de", "it"} <= LANGUAGES
    for text in ("", "ok", "35", "👍", "Marta", "no", "vale", "si", "150.000 €"):
        assert detect_language(text, "es") == "es"
    assert detect_language("35", "en") == "en"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I would like to know how much it costs for me and my wife", "en"),
        ("m'agradaria saber quant costa per a mi i la meva dona", "ca"),
        ("gostaría de saber canto custa para min e a miña muller", "gl"),
        ("jakin nahi nuke zenbat kostatzen den niretzat eta nire emaztearentzat", "eu"),
        ("gostaria de saber quanto custa para mim e para a minha mulher", "pt"),
        ("je voudrais savoir combien ça coûte pour moi et ma femme", "fr"),
        ("ich möchte wissen, wie viel es für mich und meine Frau kostet", "de"),
        ("vorrei sapere quanto costa per me e mia moglie", "it"),
        ("quisiera saber cuánto cuesta para mí y para mi mujer", "es"),
        ("kiero saver quanto kuesta pa mi y mi muger", "es"),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert detect_language(text) == language
