"""The answers that come along, how they are found, and what an operator's file may do wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.answered import Answered, plain_questions, questions_of_held_out_speakers, unusual_questions
from src.agent import knowledge
from src.agent.guardrails import Facts, check_reply, inspect
from src.agent.knowledge import Entry, Knowledge, load, search
from src.agent.knowledge.entries import MAX_ANSWER_CHARACTERS
from src.agent.knowledge.index import MAX_RESULTS
from src.agent.redaction import redact, redact_health

HERE = Path(__file__).parent


def rows(name: str) -> list[list[str]]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


OWN = load()


def own(id_: str) -> Entry:
    return next(entry for entry in OWN.entries if entry.id == id_ and entry.language == "es")


QUESTIONS = rows("questions.tsv")
OFF_TOPIC = rows("off_topic.tsv")


# --- what comes along -------------------------------------------------------------------------------------------------


def test_the_entries_that_come_along_are_all_usable() -> None:
    assert OWN.faults == ()
    ids = {language: {entry.id for entry in OWN.entries if entry.language == language} for language in ("es", "en")}
    assert len(ids["es"]) >= 45
    assert len(ids["en"]) >= 12
    assert ids["en"] <= ids["es"]


@pytest.mark.parametrize("entry", OWN.entries, ids=lambda entry: f"{entry.language}-{entry.id}")
def test_an_answer_is_short_neutral_and_passes_the_guards(entry: Entry) -> None:
    assert len(entry.answer) <= MAX_ANSWER_CHARACTERS
    assert check_reply(entry.answer, Facts().and_texts(entry.answer)).passed
    assert redact(entry.answer).kinds == ()
    assert "IBAN" not in entry.answer
    assert "DNI" not in entry.answer
    if entry.language == "es":
        addressing = re.search(
            r"\b(?:tú|ti|tu|tus|contigo|usted|ustedes|tienes|puedes|quieres|debes)\b", entry.answer, re.IGNORECASE
        )
        assert addressing is None, f"reads as one form of address only: {addressing}"


@pytest.mark.parametrize("entry", OWN.entries, ids=lambda entry: f"{entry.language}-{entry.id}")
def test_an_entry_is_found_by_each_of_its_own_questions(entry: Entry) -> None:
    for question in entry.questions:
        assert search(question, entry.language)[0].id == entry.id


@pytest.mark.parametrize("id_", ["desistimiento", "desgravacion", "impuestos-al-cobrar", "vinculado-a-hipoteca"])
def test_what_counsel_must_confirm_is_known_and_not_said(id_: str) -> None:
    assert own(id_).to_be_confirmed
    assert "confirmar con" not in own(id_).answer


@pytest.mark.parametrize(
    ("id_", "fact"),
    [
        ("suicidio", "artículo 93"),
        ("desistimiento", "30 días"),
        ("enfermedades-graves", "75.000 €"),
        ("formas-de-pago", "3 %"),
        ("fumador", "1,75"),
        ("limites-de-capital", "20.000 €"),
        ("limites-de-edad", "65"),
        ("olvido-oncologico", "5 años"),
        ("privacidad", "10 días"),
        ("suicidio", "024"),
    ],
)
def test_the_facts_a_customer_relies_on(id_: str, fact: str) -> None:
    assert fact in own(id_).answer


@pytest.mark.parametrize("question", [row[2] for row in QUESTIONS])
def test_no_question_is_taken_for_an_attack_or_a_disclosure(question: str) -> None:
    assert inspect(question).passed or "suicid" in question or "mato" in question
    assert "[" not in redact_health(question) or "tuv" in question


# --- search -----------------------------------------------------------------------------------------------------------


def test_nine_in_ten_questions_find_their_entry_first() -> None:
    assert len(QUESTIONS) >= 120
    missed = [(question, id_) for language, id_, question in QUESTIONS if not _finds(question, language, id_)]
    assert len(missed) <= 0.1 * len(QUESTIONS), missed


def _finds(question: str, language: str, id_: str) -> bool:
    found = search(question, language)
    return bool(found) and found[0].id == id_


def test_nothing_is_found_for_what_is_none_of_our_business() -> None:
    assert len(OFF_TOPIC) >= 30
    found = [(text, search(text, language)[0].id) for language, text in OFF_TOPIC if search(text, language)]
    assert found == []


IN_DOUBT = "¿me puedo echar atrás o cancelar cuando quiera?"


def test_of_two_that_are_close_both_are_found_the_better_first_and_the_same_every_time() -> None:
    found = search(IN_DOUBT)
    assert {entry.id for entry in found} == {"cancelar", "desistimiento"}
    assert len(found) == MAX_RESULTS
    assert 1 > found[0].score >= found[1].score > 0
    assert load().search(IN_DOUBT) == found == OWN.search(IN_DOUBT)


def test_a_clear_winner_is_found_alone() -> None:
    assert len(search("¿cubre el suicidio?")) == 1
    assert len(search("do you cover suicide", "en")) == 1


@pytest.mark.parametrize("id_", ["sin-beneficiario", "olvido-oncologico"])
def test_an_id_finds_its_entry(id_: str) -> None:
    assert [entry.id for entry in search(id_)] == [id_]


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("mi perro se llama Toby y tengo una duda, cubre el suicidio", "suicidio"),
        ("hola buenas. soy de Lugo. ¿y si quiebra la aseguradora?", "quiebra-de-la-aseguradora"),
        ("me llamo Ana y no fumo\nqué papeles necesita mi marido para cobrar", "documentos-para-cobrar"),
    ],
)
def test_what_stands_beside_a_question_does_not_hide_it(text: str, id_: str) -> None:
    assert search(text)[0].id == id_


@pytest.mark.parametrize(
    "measure", [plain_questions, questions_of_held_out_speakers, unusual_questions], ids=lambda one: one.__name__
)
def test_questions_are_answered_as_well_as_they_were(measure: Callable[[], Answered]) -> None:
    """`make eval` tells the figures; the floors lie a little below them."""
    answered = measure()
    assert answered.reached, answered.line()


@pytest.mark.parametrize(
    "text",
    [
        "cubre el sucidio",
        "CUBRE EL SUICIDIO??",
        "ｓｕｉｃｉｄｉｏ",
        "tengo 35 años y no fumo. ¿cubre el suicidio?",
        "suic\u200bidio",
    ],
)
def test_typing_errors_case_and_company_do_not_matter(text: str) -> None:
    assert search(text)[0].id == "suicidio"


def test_other_forms_of_a_word_are_the_same_word() -> None:
    assert search("¿lo desgravaríamos?")[0].id == "desgravacion"


def test_a_negation_turns_the_question_round() -> None:
    assert search("¿qué cubre?")[0].id == "que-cubre"
    assert search("¿qué no cubre?")[0].id == "exclusiones"


@pytest.mark.parametrize("text", ["", " ", "¿?", "👍", "de la que", "x" * 5000, "\x00", "\ud83d"])
def test_nothing_that_can_be_read_finds_nothing(text: str) -> None:
    assert search(text) == ()


def test_an_unknown_language_finds_nothing() -> None:
    assert search("¿cubre el suicidio?", "ca") == ()


@given(st.text(max_size=200))
def test_no_text_breaks_the_search(text: str) -> None:
    assert len(search(text)) <= MAX_RESULTS


def test_a_search_costs_little_beside_reading_the_entries_again() -> None:
    """No absolute time: a hundred searches are cheaper than one load, which takes some tenths of a second."""
    searching = min(
        repeat(lambda: [OWN.search(question, language) for language, _, question in QUESTIONS[:100]], number=1, repeat=3)
    )
    assert searching < min(repeat(load, number=1, repeat=2))


# --- the operator's files ---------------------------------------------------------------------------------------------

GOOD = """+++
id = "aparcamiento"
topic = "office"
questions = ["¿Hay aparcamiento en la oficina?"]
+++

Sí, hay aparcamiento gratuito.
"""


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_bytes(text.encode())
    return file


def test_a_file_of_the_operator_is_found_without_code(tmp_path: Path) -> None:
    (tmp_path / "oficina").mkdir()
    write(tmp_path / "oficina", "aparcamiento.md", "\ufeff" + GOOD.replace("\n", "\r\n"))
    operators = load([tmp_path])
    assert operators.faults == ()
    assert operators.search("¿teneis aparcamiento?")[0].answer == "Sí, hay aparcamiento gratuito."
    assert operators.search("¿cubre el suicidio?")[0].id == "suicidio"
    assert search("¿teneis aparcamiento?") == ()


def test_an_answer_of_ours_can_be_reworded(tmp_path: Path) -> None:
    write(
        tmp_path,
        "suicidio.md",
        GOOD.replace("aparcamiento", "suicidio", 1).replace("¿Hay aparcamiento en la oficina?", "¿Cubre el suicidio?"),
    )
    operators = load([tmp_path])
    assert operators.search("¿Cubre el suicidio?")[0].answer == "Sí, hay aparcamiento gratuito."
    assert len(operators.entries) == len(OWN.entries)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Solo texto", "must begin with a line"),
        ("+++\nid = 1\n", "must begin with a line"),
        ("hola\n" + GOOD, "must begin with a line"),
        (GOOD.replace('id = "aparcamiento"\n', ""), "id"),
        (GOOD.replace('"aparcamiento"', '" "'), "the id is empty"),
        (GOOD.replace('["¿Hay aparcamiento en la oficina?"]', '["  "]'), "no question"),
        (GOOD.replace('["¿Hay aparcamiento en la oficina?"]', "7"), "questions"),
        (GOOD.replace("Sí, hay aparcamiento gratuito.", ""), "no answer"),
        (GOOD.replace("topic", "tema"), "tema"),
        (GOOD.replace('topic = "office"', "topic = "), "line 2"),
        (GOOD.replace("gratuito", "x" * 600), "the limit is 500"),
        (GOOD.replace('topic = "office"', 'topic = "office"\nlanguage = "xx"'), 'language "xx"'),
    ],
)
def test_a_malformed_file_is_named_and_loses_no_neighbour(text: str, why: str, tmp_path: Path) -> None:
    broken = write(tmp_path, "a_broken.md", text)
    write(tmp_path, "b_good.md", GOOD)
    operators = load([tmp_path])
    assert [fault.file for fault in operators.faults] == [broken]
    assert why in operators.faults[0].why
    assert operators.search("¿hay aparcamiento?")[0].id == "aparcamiento"


def test_files_that_cannot_be_read_are_named_too(tmp_path: Path) -> None:
    (tmp_path / "latin.md").write_bytes(b"+++\n\xe1\n+++\n")
    (tmp_path / "folder.md").mkdir()
    faults = load([tmp_path, tmp_path / "missing"]).faults
    assert {fault.file.name for fault in faults} == {"latin.md", "folder.md", "missing"}


def test_the_same_id_twice_in_a_folder_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, "a.md", GOOD)
    write(tmp_path, "b.md", GOOD)
    faults = load([tmp_path]).faults
    assert [fault.file.name for fault in faults] == ["b.md"]
    assert "a.md" in faults[0].why


def test_an_answer_in_english_that_counsel_must_confirm(tmp_path: Path) -> None:
    extra = 'topic = "office"\nlanguage = "en"\nconfirm_with_counsel = true'
    write(
        tmp_path,
        "parking.md",
        GOOD.replace('topic = "office"', extra).replace("¿Hay aparcamiento en la oficina?", "Is there parking?"),
    )
    assert load([tmp_path]).search("is there parking", "en")[0].to_be_confirmed


def test_an_empty_knowledge_finds_nothing() -> None:
    assert Knowledge([]).search("¿cubre el suicidio?") == ()


def test_entries_without_a_word_in_their_questions_do_no_harm() -> None:
    mute = Entry(id="1", topic="t", question="¿?", answer="a", questions=("¿?",))
    assert Knowledge([mute]).search("¿cubre?") == ()


def test_what_the_package_offers() -> None:
    assert set(knowledge.__all__) == {"Entry", "Fault", "Knowledge", "load", "search"}
