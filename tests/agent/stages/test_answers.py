"""Where it may be either of two answers both are offered, and a press brings the one that was meant."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from src.agent.knowledge import Entry, search
from tests.agent.talk import Talk


def entry(id_: str, question: str, answer: str) -> Entry:
    return Entry(id=id_, topic="contract", question=question, answer=answer)


TAKES_BACK = entry("take-back", "¿Puedo arrepentirme después de contratar?", "Sí, hay treinta días.")
ENDS = entry("end", "¿Puedo dejarlo cuando quiera?", "Sí, avisando antes del vencimiento.")


def in_doubt(query: str, language: str) -> Sequence[Entry]:
    both = (TAKES_BACK, ENDS)
    return tuple(each for each in both if each.id == query) or both


def asked(*entries: Entry) -> Talk:
    talk = Talk(search=(lambda query, language: entries) if entries else in_doubt).agree().answer_until("smoker")
    talk.mean("question:anything")
    return talk


def test_both_are_offered_in_full_and_neither_is_answered() -> None:
    talk = asked()
    offered, question = talk.replies
    assert TAKES_BACK.question in offered.text
    assert ENDS.question in offered.text
    assert TAKES_BACK.answer not in offered.text
    assert [option.id for option in offered.options] == ["more:take-back", "more:end"]
    assert all(len(option.title) <= 20 for option in offered.options)
    assert offered.kind == question.kind == "buttons"
    assert "knowledge.asked_which" in talk.events()
    assert talk.awaiting == "smoker"


def test_what_was_asked_before_is_asked_again_with_its_own_buttons() -> None:
    question = asked().replies[-1]
    assert [option.id for option in question.options] == ["set:smoker:true", "set:smoker:false"]


def test_a_press_brings_the_answer_that_was_meant() -> None:
    talk = asked()
    talk.press("more:end", "Puedo dejarlo cuando…")
    assert ENDS.answer in talk.text
    assert talk.awaiting == "smoker"


@pytest.mark.parametrize("typed", ["Puedo arrepentirme…", "puedo arrepentirme"])
def test_the_title_that_is_typed_is_as_good_as_a_press(typed: str) -> None:
    talk = asked()
    talk.say(typed)
    assert TAKES_BACK.answer in talk.text


def test_titles_that_would_be_the_same_are_told_apart() -> None:
    papers = "¿Qué documentos hacen falta para {}?"
    talk = asked(entry("a", papers.format("cobrar"), "x"), entry("b", papers.format("contratar"), "y"))
    titles = [option.title for option in talk.replies[0].options]
    assert len(set(titles)) == 2
    assert all(title.endswith("…") and len(title) <= 20 for title in titles)


def test_the_first_message_has_no_room_for_two() -> None:
    talk = Talk(search=in_doubt)
    talk.say("hola, ¿me puedo echar atrás o cancelar cuando quiera?")
    assert TAKES_BACK.question not in talk.text
    talk.press("consent:yes")
    assert TAKES_BACK.question in talk.said[-2]


def test_the_entries_that_come_along_are_found_by_a_press_too() -> None:
    talk = Talk().agree().answer_until("smoker")
    talk.press("more:eutanasia", "Cubre la eutanasia")
    assert search("eutanasia")[0].answer in talk.text
