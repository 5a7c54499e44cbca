"""INICIO: what the first message holds, and what a yes, a no and anything else lead to."""

from __future__ import annotations

import msgspec
import pytest

from src.agent.state import Consent
from tests.agent.talk import HOUSE, Talk


@pytest.mark.parametrize("first", ["hola", "§question:price", "§age=35", "§unclear", "🙂", "¿cubre el suicidio?"])
def test_the_first_message_says_what_it_is_names_privacy_and_asks_for_consent(first: str) -> None:
    talk = Talk()
    talk.say(first)
    assert len(talk.replies) == 1
    assert "asistente automático" in talk.text
    assert "Correduría Ejemplo" in talk.text
    assert "privacidad" in talk.text.lower()
    assert "https://ejemplo.test/privacidad" in talk.text
    assert talk.options == ["consent:yes", "consent:no"]
    assert (talk.stage, talk.awaiting) == ("INICIO", "consent")
    assert len(talk.text) <= 600


def test_without_a_link_privacy_is_still_named() -> None:
    talk = Talk(msgspec.structs.replace(HOUSE, privacy_url=""))
    talk.say("hola")
    assert "privacidad" in talk.text
    assert "http" not in talk.text


def test_facts_told_before_the_consent_wait_for_it_and_count_with_it() -> None:
    talk = Talk()
    talk.mean('name="Luis"', "age=42", "smoker=false", "occupation_class=2", 'occupation="fontanero"', 'details.city="Soria"')
    told = talk.conversation
    assert (told.profile, told.details) == ({}, {})
    assert set(told.pending) == {"name", "age", "smoker", "occupation", "occupation_class", "details.city"}
    source = told.pending["age"]
    talk.press("consent:yes")
    assert talk.profile["age"] == 42
    assert talk.conversation.details == {"city": "Soria"}
    assert talk.conversation.profile_sources["age"].message_id == source.message_id
    assert talk.conversation.pending == {}
    assert talk.awaiting == "dependents"  # only what is missing


def test_consent_is_stored_with_the_wording_it_was_given_to() -> None:
    talk = Talk().agree()
    consent = talk.conversation.consents["quote"]
    assert consent.given
    assert consent.at == talk.now
    assert consent.text_version
    assert (talk.stage, talk.awaiting) == ("NEEDS_ANALYSIS", "name")


@pytest.mark.parametrize("refusal", ["consent:no", "decline"])
def test_refusing_ends_politely_and_keeps_nothing(refusal: str) -> None:
    talk = Talk()
    talk.mean('name="Luis"', "age=42")
    talk.press(refusal)
    assert (talk.stage, talk.awaiting, talk.conversation.outcome) == ("FINALIZADO", None, "consent_refused")
    assert not talk.conversation.consents["quote"].given
    assert (talk.profile, talk.conversation.pending) == ({}, {})
    assert "no guardo" in talk.text
    assert "human" in talk.options


def test_hesitation_gets_one_explanation() -> None:
    talk = Talk()
    talk.say("hola")
    talk.mean("dont_know")
    assert "Es solo para calcular" in talk.text
    talk.mean("dont_know")
    assert "Es solo para calcular" not in talk.text


def test_not_now_is_not_pressed() -> None:
    talk = Talk()
    talk.say("hola")
    talk.mean("objection:timing")
    assert "?" not in talk.text
    assert talk.awaiting == "consent"


def test_a_question_is_answered_and_the_consent_question_stays_open() -> None:
    talk = Talk()
    talk.say("hola")
    talk.mean("question:price")
    assert "precio" in talk.text
    assert talk.awaiting == "consent"
    assert talk.options == ["consent:yes", "consent:no"]


def test_facts_instead_of_an_answer_are_kept_back_and_said_so() -> None:
    talk = Talk()
    talk.say("hola")
    talk.mean("age=42")
    assert "cuentan en cuanto" in talk.text
    assert talk.profile == {}


def test_the_consent_is_asked_three_times_then_a_person_comes() -> None:
    talk = Talk()
    talk.say("hola")
    seen = {talk.text}
    for _ in range(2):
        talk.mean("unclear")
        assert talk.awaiting == "consent"
        seen.add(talk.text)
    talk.mean("unclear")
    assert len(seen) == 3
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == "not_understood"
    assert talk.options == []


def test_a_goodbye_is_returned_without_pressing() -> None:
    talk = Talk()
    talk.say("hola")
    talk.mean("bye")
    assert "?" not in talk.text
    assert talk.awaiting == "consent"


def test_a_greeting_again_is_greeted_back() -> None:
    talk = Talk()
    talk.say("hola")
    talk.mean("greeting")
    assert "¡Hola" in talk.text
    assert talk.awaiting == "consent"


def test_who_agreed_elsewhere_is_told_what_this_is_and_asked_at_once() -> None:
    talk = Talk()
    talk.conversation.consents["quote"] = Consent(given=True, at=talk.now, text_version="web")
    talk.mean("greeting", "age=35")
    assert "asistente automático" in talk.text
    assert "privacidad" in talk.text.lower()
    assert talk.awaiting == "name"
    assert talk.profile["age"] == 35


@pytest.mark.parametrize("first", ["¿cuánto cuesta?", "buenas, cuanto vale un seguro de vida para una familia"])
def test_who_begins_with_the_price_is_told_what_it_takes(first: str) -> None:
    talk = Talk()
    talk.say(first)
    assert "precio" in talk.text.lower()
    assert "fallecimiento" not in talk.text
    assert talk.awaiting == "consent"


def test_a_question_that_had_to_wait_for_the_consent_is_answered_with_it() -> None:
    talk = Talk()
    talk.say("¿qué documentos hacen falta para cobrar?")
    assert "En cuanto me digas que sí" in talk.text
    talk.say("sí")
    assert "certificado" in talk.text
    assert talk.awaiting == "name"
    talk.say("Toni")
    assert "certificado" not in talk.text


def test_a_question_that_waited_goes_with_the_refusal() -> None:
    talk = Talk()
    talk.say("¿me obliga el banco a contratar el seguro con ellos?")
    talk.say("no")
    assert not talk.conversation.memory.question
