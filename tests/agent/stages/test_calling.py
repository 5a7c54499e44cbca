"""When to call is said back as a person would say it, whatever it was told like; after a hand-over nothing is asked."""

from __future__ import annotations

import pytest

from tests.agent.talk import Talk, at_proposal


def accepted() -> Talk:
    talk = at_proposal()
    talk.choose(1)
    talk.accept()
    return talk


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("por las tardes", "te llamamos por las tardes"),
        ("tardes a partir de las 17", "te llamamos por las tardes a partir de las 17"),
        ("jueves después de las seis tarde", "te llamamos el jueves después de las seis de la tarde"),
        ("por la mañana sobre las 10", "te llamamos por la mañana sobre las 10"),
        ("mañana a las 10", "te llamamos mañana a las 10"),
        ("por las mañanas no puedo, mejor por las tardes", "te llamamos por las tardes"),
        ("menos por la mañana, que estoy en la obra", "menos por la mañana"),
        ("cuando quieras menos por la mañana que estoy en la obra", "menos por la mañana"),
        ("cuando queráis", "te llamamos a cualquier hora"),
        ("cualquier hora menos a la hora de comer", "menos a la hora de comer"),
    ],
)
def test_a_time_is_said_back_as_a_person_would(told: str, said: str) -> None:
    talk = accepted()
    talk.say(told)
    assert said in talk.text
    assert talk.conversation.details["callback"] in talk.text or "menos" in talk.text


@pytest.mark.parametrize("words", ["quiero menos capital", "¿me llamáis cuando quiera?", "pago menos en mi banco"])
def test_what_is_no_time_is_none(words: str) -> None:
    talk = accepted()
    talk.say(words)
    assert "callback" not in talk.conversation.details


def test_who_is_handed_over_is_left_without_a_question_that_nobody_answers() -> None:
    talk = Talk().agree()
    talk.say("quiero hablar con una persona")
    assert talk.conversation.owner == "human"
    assert "?" not in talk.text
    assert "a qué teléfono" in talk.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Me podéis llamar el jueves después de las seis? quiero hablar con una persona", "el jueves después de las seis"),
        ("quiero hablar con alguien, llamadme por las tardes", "por las tardes"),
    ],
)
def test_a_time_that_was_told_is_said_back_at_the_hand_over(words: str, said: str) -> None:
    talk = Talk()
    talk.say(words)
    assert talk.conversation.owner == "human"
    assert f"Te llamarán {said}" in talk.text
    assert "a qué hora" not in talk.text
