"""The corpus: it is large, every line says something that is known, and what is held out stays out of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench.eval import PEOPLE
from src.agent.understanding.wording import fold
from training.corpus import (
    INTENTS,
    ROOT,
    TALK_TOPICS,
    VALUE_KEYS,
    CorpusError,
    Utterance,
    read_corpus,
    read_file,
    read_meaning,
    unknown_labels,
)

CORPUS = read_corpus()
SPOKEN = [said for said in CORPUS if said.by_speaker]
SPEAKERS = {said.number for said in SPOKEN}


def lines(tmp_path: Path, *written: str) -> list[Utterance]:
    """Those lines as a file of the corpus."""
    file = tmp_path / "001.txt"
    file.write_text("\n".join(written) + "\n", encoding="utf-8")
    return list(read_file(file))


def test_it_is_large_and_varied() -> None:
    assert len(SPEAKERS) >= 80
    assert len(SPOKEN) >= 5_000
    assert len({said.awaiting for said in CORPUS}) >= 20
    assert min(sum(said.number == speaker for said in SPOKEN) for speaker in SPEAKERS) >= 60


def test_everything_that_it_names_is_known() -> None:
    assert unknown_labels(CORPUS) == []


def test_every_fifth_speaker_and_every_fifth_question_is_held_out() -> None:
    assert {said.number for said in SPOKEN if said.held_out} == {number for number in SPEAKERS if number % 5 == 0}
    questions = [said for said in CORPUS if said.place.startswith("questions.txt")]
    assert sum(said.held_out for said in questions) >= len(questions) // 6
    assert not any(said.held_out for said in CORPUS if said.place.startswith(("development.txt", "manners.txt", "rare.txt")))


def test_every_speaker_has_traits_and_nobody_else_has() -> None:
    header, *rows = (ROOT / "speakers.tsv").read_text(encoding="utf-8").splitlines()
    assert header == "number\ttraits"
    assert {int(row.partition("\t")[0]) for row in rows} == SPEAKERS
    assert all(row.partition("\t")[2].strip() for row in rows)


def test_nobody_is_in_it_who_judges_it() -> None:
    """Answers of at most three words are everybody's; anything longer was written by one person alone."""
    if not PEOPLE.exists():
        pytest.skip("../shared/nlu is not here")
    told = {_comparable(said.text) for said in CORPUS}
    people = (json.loads(line)["text"] for line in PEOPLE.read_text(encoding="utf-8").splitlines())
    assert [text for text in people if len(text.split()) > 3 and _comparable(text) in told] == []


def _comparable(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text)))


def test_its_description_names_every_key_intent_and_topic() -> None:
    described = set(re.findall(r"`([\w:<>|./-]+)`", (ROOT / "README.md").read_text(encoding="utf-8")))
    named = {part for each in described for part in re.split(r"[:|]", each)} | described
    internal = {"sensitive_ids", "injection", "unclear"}
    assert (VALUE_KEYS | INTENTS | TALK_TOPICS) - named - internal - {"details.birth_year"} == set()


@pytest.mark.parametrize("line", ["hola", "hola => edad 3", "hola => age"])
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(CorpusError, match=r"001\.txt:2"):
        lines(tmp_path, "[-]", line)


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("tengo 3 => edad=3", "edad"),
        ("él 3 => cousin.age=3", "cousin.age"),
        ("sí => | agree", "agree"),
        ("la 4 => | choice:4", "choice:4"),
        ("una => | choice", "choice"),
        ("¿qué? => | question:que", "question:que"),
        ("no => | objection:colour", "objection:colour"),
        ("otra => | change:colour", "change:colour"),
    ],
)
def test_what_nobody_knows_is_named_with_its_place(tmp_path: Path, line: str, unknown: str) -> None:
    [told] = unknown_labels(lines(tmp_path, "[-]", "hola => | greeting", line))
    assert told.startswith("001.txt:3")
    assert f"'{unknown}'" in told


def test_a_question_that_is_never_asked_is_named(tmp_path: Path) -> None:
    [told] = unknown_labels(lines(tmp_path, "[shoe_size]", "44 => "))
    assert "'shoe_size'" in told


def test_meanings_are_read() -> None:
    values, intents = read_meaning("~monthly_income=1200/1400, !age=33, email?=a@b.es | affirm/accept, objection:price/timing")
    assert [(each.key, each.values, each.optional, each.unsure, each.correction) for each in values] == [
        ("monthly_income", (1200, 1400), False, True, False),
        ("age", (33,), False, False, True),
        ("email", ("a@b.es",), True, False, False),
    ]
    assert intents == (frozenset(("affirm", "accept")), frozenset(("objection:price", "objection:timing")))


def test_a_comma_within_a_value_and_a_line_break_within_a_message_are_kept(tmp_path: Path) -> None:
    [said] = lines(tmp_path, "[occupation]", "en un bar, de noche⏎hola => occupation=en un bar, de noche, age=3")
    assert said.text == "en un bar, de noche\nhola"
    assert [(each.key, each.values) for each in said.values] == [("occupation", ("en un bar, de noche",)), ("age", (3,))]


def test_what_a_confirmation_asks_about_is_kept(tmp_path: Path) -> None:
    [said] = lines(tmp_path, "[confirm:mortgage_balance 75000]", "así es => | affirm")
    assert (said.awaiting, said.candidate, said.asked) == ("confirm:mortgage_balance", 75000, "mortgage_balance")
