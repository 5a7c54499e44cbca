"""The second person: quoted beside the prospect's own without asking again what is known, and never mixed up with them."""

from __future__ import annotations

import pytest

from src.quoting import Applicant, Refusal, load_catalogue
from tests.agent.talk import START, Talk, at_proposal


def accepted() -> Talk:
    talk = at_proposal()
    talk.choose(1)
    talk.accept()
    return talk


def money(amount: float) -> str:
    return f"{amount:.2f}".replace(".", ",").removesuffix(",00")


@pytest.mark.parametrize(
    "words",
    [
        "y para mi mujer cuánto?",
        "quiero asegurar también a mi esposo",
        "ahora el de mi pareja",
        "¿y cuánto saldría para mi novia?",
    ],
)
@pytest.mark.parametrize("start", [at_proposal, accepted])
def test_a_quote_for_the_partner_is_begun_at_any_time_after_the_first(words: str, start: type) -> None:
    talk = start()
    before = dict(talk.profile)
    talk.say(words)
    assert "Cuántos años tiene" in talk.text or "cuántos años tiene" in talk.text
    assert talk.text.count("?") == 1
    talk.say("39")
    talk.say("no")
    talk.say("enfermera")
    assert talk.profile == before, "nothing of the partner is the speaker's"
    own = talk.conversation.quotes[1]
    offers = load_catalogue().proposal(Applicant(39, False, 1), own.sum_assured, START.date())
    assert not isinstance(offers, Refusal)
    for offer in offers:
        assert money(float(offer.monthly_premium)) in talk.text
    both = round(float(offers[1].monthly_premium) + float(own.monthly_premium), 2)
    assert f"= *{money(both)} € al mes*" in talk.text
    assert "dar su permiso" in talk.text
    assert "prices" in talk.conversation.details["second_person"]
    assert "guard.reply_replaced" not in talk.events()


@pytest.mark.parametrize("words", ["mi marido 41, no fuma, conductor", "mi mujer tiene 39 y no fuma, es maestra"])
def test_what_was_told_at_once_is_not_asked(words: str) -> None:
    talk = at_proposal()
    before = dict(talk.profile)
    talk.say(words)
    assert {key: talk.profile[key] for key in before} == before
    assert "Los dos" in talk.text or "A qué se dedica" in talk.text
    assert "años tiene" not in talk.text


def test_another_insurance_for_the_partner_is_a_quote_not_a_second_thought() -> None:
    talk = accepted()
    talk.say("quiero otro seguro para mi mujer")
    assert "años tiene tu mujer" in talk.text


@pytest.mark.parametrize(
    "words", ["para mi mujer y para mí, tengo 41 años y no fumo", "queremos uno cada uno mi marido y yo, 41 años"]
)
def test_before_the_first_proposal_what_is_told_is_the_speakers_own(words: str) -> None:
    talk = Talk().agree().answer_until("age")
    talk.say(words)
    told = talk.conversation.details.get("second_person", {})
    assert "age" not in told
    assert "He apuntado los datos" not in talk.text
    assert talk.conversation.asked["second"] == 1
    assert talk.profile["age"] == 41


def test_a_name_is_theirs_and_no_new_name_of_the_speaker() -> None:
    talk = accepted()
    talk.say("y ahora para Javi")
    assert talk.profile["name"] == "Ana"
    assert "años tiene Javi" in talk.text


def test_a_yes_to_a_question_about_the_partner_accepts_nothing() -> None:
    talk = at_proposal()
    talk.choose(1)
    talk.say("¿y para mi marido cuánto sería?")
    talk.say("41")
    talk.say("sí")
    assert talk.conversation.outcome is None
    assert talk.conversation.details["second_person"]["smoker"] is True
    assert talk.profile["smoker"] is False


def test_what_is_promised_for_later_is_said_once_and_done_after_the_acceptance() -> None:
    talk = Talk().agree().answer_until("mortgage_balance")
    talk.say("quiero uno para mí y otro para mi marido")
    assert talk.awaiting == "mortgage_balance"
    talk.answer_until()
    talk.choose(1)
    talk.accept()
    assert "tu marido" in talk.text
    talk.say("por las tardes")
    assert "años tiene tu marido" in talk.text
    talk.say("43")
    talk.say("no fuma")
    talk.say("camionero")
    assert "Los dos" in talk.text
    assert talk.step.handoff is not None


def test_the_speakers_own_choice_goes_first_and_the_partner_after_it() -> None:
    talk = at_proposal()
    talk.say("la 2. para mi marido también")
    assert talk.awaiting == "accept"
    assert talk.conversation.selected_quote == talk.conversation.quotes[1].id
    talk.accept()
    assert "tu marido" in talk.text


def test_whom_nobody_can_price_here_goes_to_a_person() -> None:
    talk = at_proposal()
    talk.say("¿y para mi suegro cuánto?")
    talk.say("81")
    talk.say("no")
    talk.say("jubilado")
    assert "una persona del equipo" in talk.text
    assert talk.awaiting == "choice"


def test_a_question_in_between_is_answered_and_the_partner_not_forgotten() -> None:
    talk = at_proposal()
    talk.say("y para mi mujer cuánto?")
    talk.say("¿qué es una correduría?")
    assert "años tiene" in talk.text
    assert "knowledge.answered" in talk.events()


def test_a_partner_named_as_beneficiary_is_no_second_quote() -> None:
    talk = accepted()
    talk.say("la beneficiaria es mi mujer")
    assert "años tiene" not in talk.text
