"""Several things in one message: a choice or an answer is kept beside a question or a "pero"; nothing of it binds."""

from __future__ import annotations

import pytest

from src.agent.stages.parts import questions, sentences
from tests.agent.talk import Talk, at_proposal


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("la 2. ¿y puedo cancelar luego?", 1),
        ("la 1 ¿sube cada año?", 0),
        ("La completa. ¿Qué pasa si dejo de pagar?", 2),
        ("cojo la equilibrada, ¿me lo mandáis por escrito?", 1),
        ("¿quién cobra si no nombro a nadie? me quedo con la 3", 2),
    ],
)
def test_a_choice_beside_a_question_is_kept_and_the_question_answered(text: str, place: int) -> None:
    talk = at_proposal()
    talk.say(text)
    assert talk.conversation.selected_quote == talk.conversation.quotes[place].id
    assert "knowledge.answered" in talk.events() or "knowledge.asked_which" in talk.events()
    assert (talk.stage, talk.awaiting, talk.conversation.outcome) == ("PRESENTACION_PROPUESTA", "accept", None)


@pytest.mark.parametrize(
    ("text", "place", "noted"),
    [
        ("si, la 1, pero primero quiero leer la póliza", 0, "leer la póliza"),
        ("la 1, pero quiero que el 50% sea pa cada niño", 0, "50%"),
        ("la completa, pero que lo administre mi hermana", 2, "mi hermana"),
    ],
)
def test_a_remark_beside_a_choice_is_noted_for_the_person_who_prepares_the_papers(text: str, place: int, noted: str) -> None:
    talk = at_proposal()
    talk.say(text)
    assert talk.conversation.selected_quote == talk.conversation.quotes[place].id
    assert noted in " ".join(talk.conversation.details.get("notes", []))
    assert talk.awaiting == "accept"


@pytest.mark.parametrize("text", ["¿y si cojo la 2 sube?", "¿la 2 qué tal es?", "y si me quedo con la 1, ¿puedo cambiar?"])
def test_what_is_only_asked_about_is_no_choice(text: str) -> None:
    talk = at_proposal()
    talk.say(text)
    assert talk.conversation.selected_quote is None


@pytest.mark.parametrize(
    "text",
    [
        "sí, pero apunta lo de mi hermana",
        "vale, ¿y cuándo empieza?",
        "adelante. ¿me llega un correo?",
        "sí, aunque quiero leerlo antes",
        "la 2, sí, pero mándame antes los papeles a ana@example.com",
    ],
)
def test_a_yes_with_anything_beside_it_accepts_nothing_and_is_told_warmly_what_is_missing(text: str) -> None:
    talk = at_proposal()
    talk.choose(1)
    talk.say(text)
    assert (talk.stage, talk.awaiting, talk.conversation.outcome) == ("PRESENTACION_PROPUESTA", "accept", None)
    assert "sin nada más" not in talk.text
    assert "no lo he entendido" not in talk.text


def test_a_consent_beside_a_question_is_none_but_only_the_yes_is_missing() -> None:
    talk = Talk()
    talk.say("hola")
    talk.say("sí claro. una pregunta, ¿me cubre si viajo a México?")
    assert talk.awaiting == "consent"
    assert "tu «sí»" in talk.text
    assert not talk.conversation.consents


@pytest.mark.parametrize("text", ["sí, correcto. ¿falta mucho?", "sí. ¿y para mi mujer también se puede?"])
def test_a_confirmation_beside_a_question_counts(text: str) -> None:
    talk = Talk().agree().answer_until("monthly_income")
    talk.mean("monthly_income?=1750")
    assert talk.awaiting == "confirm:monthly_income"
    talk.say(text)
    assert talk.profile["monthly_income"] == 1750


def test_two_questions_are_both_answered() -> None:
    talk = at_proposal()
    talk.say("¿sube cada año? ¿y quién cobra el dinero?")
    assert "nueva edad" in talk.text
    assert "beneficiarios" in talk.text


def test_a_sum_beside_a_choice_keeps_the_choice() -> None:
    talk = at_proposal()
    talk.mean("choice:2", "sum_assured=120000")
    assert talk.awaiting == "accept"
    chosen = next(quote for quote in talk.conversation.quotes if quote.id == talk.conversation.selected_quote)
    assert (chosen.tier, chosen.sum_assured) == ("equilibrada", 120_000)


def test_sentences_end_where_people_end_them() -> None:
    assert sentences("la 2. ¿y puedo cancelar?") == ["la 2.", "¿y puedo cancelar?"]
    assert questions("la 2. ¿sube? vale. ¿quién cobra?") == ["¿sube?", "¿quién cobra?"]
