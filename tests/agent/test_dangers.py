"""What must never happen, whatever the words: a sale closed, a consent given or refused, a fact overwritten by mistake."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.agent.understanding import Context, read
from tests.agent.talk import Talk, at_proposal

SHOWN: dict[str, Any] = {
    "options": ("e1", "e2", "e3"),
    "titles": ("Esencial", "Equilibrada", "Completa"),
    "premiums": (14.2, 24.8, 36.1),
    "stage": "PRESENTACION_PROPUESTA",
    "today": "2026-11-30",
}


def at_accept() -> Talk:
    talk = at_proposal()
    talk.choose(1)
    assert talk.awaiting == "accept"
    return talk


def asked(key: str) -> Talk:
    return Talk().agree().answer_until(key)


@pytest.mark.parametrize(
    "words",
    [
        "va, la 2 definitivo",
        "de acuerdo pero sin lo de accidentes",
        "perfecto, lo leo y te digo",
        "sí, si me lo bajáis",
        "vale, ¿y si luego no puedo pagar?",
        "ok, cuando me confirme mi mujer",
        "me parece bien aunque un poco caro",
        "sí, pero quítame las enfermedades",
        "adelante si el precio no sube",
        "genial, mañana lo firmo",
        "de acuerdo, siempre que sea fijo",
        "sí claro, ¿y un café?",
        "muy bien explicado, gracias",
        "me gusta, lo consulto en casa",
        "casi casi, si fueran 5 euros menos te diría que sí",
        "aceptaría con menos capital",
        "sí quiero, pero la otra",
        "gracias, ya lo he leído",
    ],
)
def test_what_is_no_whole_yes_closes_nothing(words: str) -> None:
    talk = at_accept()
    talk.say(words)
    assert talk.conversation.outcome != "accepted", talk.text


@pytest.mark.parametrize(
    "words", ["sí", "Sí, adelante", "vale", "de acuerdo", "adelante", "tramítalo", "perfecto", "👍", "venga, hecho"]
)
def test_a_whole_yes_closes_the_sale(words: str) -> None:
    talk = at_accept()
    talk.say(words)
    assert talk.conversation.outcome == "accepted", talk.text


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["sí", "vale", "acepto", "de acuerdo", "adelante", "me la quedo", "trato hecho"]),
    st.sampled_from([" pero ", ", aunque ", " si ", "? ", " ¿", ", siempre que ", ", cuando ", " salvo "]),
    st.sampled_from(
        ["me bajas el precio", "no suba", "mi mujer quiere", "lo veo claro", "cobre la extra", "sea fijo", "haya carencia"]
    ),
)
def test_no_message_with_a_question_a_condition_or_a_but_is_wholly_a_yes(yes: str, hedge: str, rest: str) -> None:
    for awaiting in ("accept", "consent"):
        assert read(f"{yes}{hedge}{rest}", Context(awaiting=awaiting, **SHOWN)).whole == ""
        assert read(f"{rest}{hedge}{yes}", Context(awaiting=awaiting, **SHOWN)).whole == ""


@pytest.mark.parametrize(
    "words",
    [
        "y si digo que sí, ¿qué hacéis con mis datos?",
        "sí, pero ¿quién los ve?",
        "depende, si los borráis luego",
        "vale si no me llamáis",
        "a ver, ¿para qué los queréis?",
        "ok Marta, ¿cuánto cuesta?",
    ],
)
def test_what_is_no_whole_yes_gives_no_consent(words: str) -> None:
    talk = Talk()
    talk.say("hola")
    talk.say(words)
    assert not (talk.conversation.consents.get("quote") and talk.conversation.consents["quote"].given), talk.text


@pytest.mark.parametrize(
    "words",
    [
        "pues nada, adelante",
        "no me digas más, sí",
        "no hay problema",
        "no el de vida no, el del entierro",
        "no veo por qué no",
        "no sé, ¿qué datos son?",
        "¿y si digo que no?",
        "no es que no quiera, es que no sé para qué",
    ],
)
def test_what_is_no_whole_no_refuses_nothing(words: str) -> None:
    talk = Talk()
    talk.say("hola")
    talk.say(words)
    assert talk.conversation.outcome != "consent_refused", talk.text


@pytest.mark.parametrize("words", ["no", "no, gracias", "no quiero", "para nada"])
def test_a_plain_no_refuses_the_consent(words: str) -> None:
    talk = Talk()
    talk.say("hola")
    talk.say(words)
    assert talk.conversation.outcome == "consent_refused"


@pytest.mark.parametrize(("candidate", "word"), [(False, "sí"), (False, "si"), (True, "sí")])
def test_a_typed_yes_confirms_what_was_shown(candidate: bool, word: str) -> None:
    talk = asked("smoker")
    talk.mean(f"smoker?={str(candidate).lower()}")
    assert talk.awaiting == "confirm:smoker"
    assert not any(option.startswith("set:smoker") for option in talk.options)
    talk.say(word)
    assert talk.profile["smoker"] is candidate


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("¿el precio se mantiene los 28 años?", "age"),
        ("si cambio de trabajo a uno más peligroso", "occupation"),
        ("¿y si fumara?", "smoker"),
        ("mi hermano paga 30 en Mapfre", "monthly_budget"),
        ("cuando cumpla 50, ¿subirá mucho?", "age"),
        ("mi madre tiene 82 años, ¿puede hacerse uno?", "age"),
        ("¿y si cobrara 3000?", "monthly_income"),
        ("mi marido fuma, ¿importa?", "smoker"),
    ],
)
def test_questions_hypotheses_and_others_overwrite_nothing(words: str, key: str) -> None:
    talk = at_proposal()
    before = talk.profile.get(key)
    talk.say(words)
    assert talk.profile.get(key) == before, talk.text


@pytest.mark.parametrize(
    "words", ["de acuerdo", "soy fontanero", "tengo 50 años", "gano 3000", "no fumo", "me llamo Pedro", "somos cuatro en casa"]
)
def test_while_a_person_has_the_conversation_nothing_is_learnt(words: str) -> None:
    talk = asked("occupation")
    talk.say("quiero hablar con una persona")
    before = dict(talk.profile)
    talk.say(words)
    assert talk.profile == before


def test_while_a_person_has_the_conversation_how_to_reach_somebody_is_noted() -> None:
    talk = asked("occupation")
    talk.say("quiero hablar con una persona")
    talk.say("mi correo es ana@example.com")
    assert talk.profile["email"] == "ana@example.com"


@pytest.mark.parametrize(
    "words",
    [
        "Nací en abril del 87",
        "septiembre 15 de 1980",
        "soy del 3 de mayo del 79",
        "en el 85",
        "nací un 15 de agosto",
        "cosecha del 77",
    ],
)
def test_years_and_days_of_birth_send_nobody_away(words: str) -> None:
    talk = asked("age")
    talk.say(words)
    assert talk.conversation.outcome != "ineligible", talk.text
    assert talk.profile.get("age") not in (87, 15, 3, 79, 85, 77)


@pytest.mark.parametrize("words", ["solo puedo pagar 25 con 50", "25,50 como mucho", "podría pagar 18 con 90 al mes"])
def test_cents_are_no_age(words: str) -> None:
    talk = at_proposal()
    before = talk.profile["age"]
    talk.say(words)
    assert talk.profile["age"] == before


@pytest.mark.parametrize("key", ["name", "age", "smoker", "dependents", "monthly_income", "mortgage_balance", "occupation"])
@pytest.mark.parametrize(
    "words", ["no me interesa, gracias", "mira, déjalo, no quiero seguir", "al final no quiero ningún seguro"]
)
def test_leaving_is_possible_at_every_question(key: str, words: str) -> None:
    talk = asked(key)
    before = dict(talk.profile)
    talk.say(words)
    assert talk.profile == before, talk.text
    assert talk.conversation.outcome == "declined" or "dejamos aquí" in talk.text
    if talk.conversation.outcome != "declined":
        talk.say("sí")
        assert (talk.conversation.outcome, talk.profile) == ("declined", before)


@pytest.mark.parametrize(
    "words",
    [
        "Detener promociones",
        "detener promociones",
        "Stop promotions",
        "No recibir más promociones",
        "Cancelar suscripción",
        "Dejar de recibir mensajes",
        "BAJA",
        "baja por favor",
        "no quiero que me mandéis más publicidad",
    ],
)
@pytest.mark.parametrize("key", ["name", "smoker", "occupation"])
def test_an_opt_out_is_one_at_every_question(words: str, key: str) -> None:
    talk = asked(key)
    talk.say(words)
    assert talk.conversation.outcome == "opted_out", talk.text


@pytest.mark.parametrize("key", ["name", "occupation"])
@pytest.mark.parametrize(
    "words", ["Ver planes", "Más información", "Saber más", "Empezar", "Sí, de acuerdo", "Quiero presupuesto"]
)
def test_titles_of_buttons_are_no_names_and_no_jobs(words: str, key: str) -> None:
    talk = asked(key)
    talk.say(words)
    assert key not in talk.profile, talk.text


@pytest.mark.parametrize("words", ["ok", "vale", "de acuerdo", "gracias", "jajaja", "👍", "entendido"])
@pytest.mark.parametrize("key", ["name", "age", "dependents", "monthly_income", "mortgage_balance", "occupation"])
def test_what_says_nothing_is_no_value(words: str, key: str) -> None:
    talk = asked(key)
    talk.say(words)
    assert key not in talk.profile, talk.text


def test_an_age_in_a_story_sends_nobody_away_before_it_was_confirmed() -> None:
    talk = asked("age")
    talk.say("uy pues yo de joven, con 15 años, ya trabajaba, imagínate tú")
    assert talk.conversation.outcome != "ineligible"


@pytest.mark.parametrize(
    "words",
    ["nada de eso", "ni por asomo", "de ninguna de las maneras", "quita, quita, nada", "ni soñarlo", "pues va a ser que no"],
)
def test_a_yes_with_a_no_in_it_gives_no_consent(words: str) -> None:
    talk = Talk()
    talk.say("hola")
    talk.say(words)
    given = talk.conversation.consents.get("quote")
    assert given is None or not given.given, talk.text


@pytest.mark.parametrize(
    "words",
    [
        "¿estoy con un humano o con un robot?",
        "¿esto lo lleva alguien o es un bot?",
        "perdone, ¿es usted un programa o una persona?",
        "hablo con una máquina o con una persona",
    ],
)
def test_asking_who_answers_calls_nobody(words: str) -> None:
    talk = Talk().agree()
    talk.say(words)
    assert talk.conversation.owner == "bot", talk.text
    assert talk.step.handoff is None


@pytest.mark.parametrize("words", ["¿y para Lucía cuánto sería?", "a Tomás le interesaría también", "mi hija se llama Vera"])
def test_the_name_of_somebody_else_is_not_theirs(words: str) -> None:
    talk = Talk().agree().answer_until("choice")
    before = talk.profile["name"]
    talk.say(words)
    assert talk.profile["name"] == before, talk.text


@pytest.mark.parametrize(
    ("words", "age"),
    [
        ("44, digo 45", 45),
        ("tengo 38... perdón, 39", 39),
        ("52 bueno 53 ya", 53),
        ("treinta y uno, mejor dicho treinta y dos", 32),
    ],
)
def test_of_two_figures_the_one_that_was_thought_better_of_counts(words: str, age: int) -> None:
    talk = Talk().agree().answer_until("age")
    talk.say(words)
    assert talk.profile.get("age", talk.candidate) == age, talk.text
