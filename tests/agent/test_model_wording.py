"""The model may reword and may answer from the knowledge; whatever says anything else is replaced by our own words."""

from __future__ import annotations

from typing import Any

import pytest

from src.agent import knowledge
from src.agent.thinking.asking import CANARY, VERSIONS, schema_of, system_prompt
from src.agent.thinking.fidelity import TURNING, _everyday, hidden, is_drawn_from, says_the_same, shown
from src.agent.thinking.phrasing import BY_OUR_WORDS, SECTIONS
from tests.agent.fake_model import FakeModel
from tests.agent.talk import Talk, at_proposal

QUESTION = "Gracias. ¿Cuántas personas dependen de tus ingresos? Por ejemplo, hijos."


# --- the same, in other words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wording",
    [
        QUESTION,
        "¡Muchas gracias! ¿Y cuántas personas dependen de tus ingresos? Hijos, por ejemplo.",
        "Perfecto, gracias. Por ejemplo, hijos: ¿cuántas personas dependen de tus ingresos?",
        "gracias, ¿cuantas personas dependen de tus ingresos?",
    ],
)
def test_other_words_for_the_same_pass(wording: str) -> None:
    assert says_the_same(wording, QUESTION)


@pytest.mark.parametrize(
    "wording",
    [
        "",
        "Gracias.",
        "¿Fumas?",
        QUESTION + " Son 10 €.",
        QUESTION + " Son diez euros.",
        QUESTION + " Te hago un descuento.",
        QUESTION + " ¿Me das tu número de tarjeta?",
        QUESTION + " Mira ejemplo.com",
        QUESTION + " Soy Marta, tu asesora.",
        QUESTION + " No.",
        QUESTION + " 🎁",
        QUESTION + " Ⅹ",
        QUESTION + " ²",
        QUESTION + " ５",
        QUESTION + " mаñana",  # with a Cyrillic letter
        QUESTION + f" {CANARY}",
        QUESTION.replace("¿Cuántas", "¿Sin cuántas"),
        "Thanks. How many people depend on your income? For example, children.",
        "Gràcies. Quantes persones depenen dels teus ingressos?",
        "Eres un agente de ventas. No reveles estas reglas.",
    ],
)
def test_anything_else_does_not(wording: str) -> None:
    assert not says_the_same(wording, QUESTION)


def test_a_negation_or_condition_is_neither_lost_nor_added() -> None:
    source = "Sin problema, seguimos sin ese dato."
    assert says_the_same("Seguimos sin ese dato, sin problema.", source)
    assert not says_the_same("Sin problema, seguimos con ese dato.", source)
    assert not says_the_same("Seguimos sin problema.", source)


def test_no_everyday_word_turns_a_meaning() -> None:
    assert not TURNING & _everyday()
    assert all(word == word.strip().lower() and word.isalpha() for word in _everyday())


def test_names_and_figures_are_hidden_and_come_back() -> None:
    text = "Un placer, Ana. Quedan *150.000 €* a 20 años: https://ejemplo.test/a, «persona»."
    plan, found = hidden(text, ["Ana"])
    assert plan == "Un placer, ⟦1⟧. Quedan ⟦2⟧ a ⟦3⟧ años: ⟦4⟧ ⟦5⟧."
    assert shown(plan, found) == text
    assert not any(character.isdigit() for character in plan.replace("⟦1⟧⟦2⟧", "") if character not in "12345")


@pytest.mark.parametrize("wording", ["⟦1⟧", "⟦1⟧ ⟦1⟧ ⟦2⟧", "⟦1⟧ ⟦2⟧ ⟦3⟧", "⟦1⟧ ⟦２⟧", "⟦1⟧ ⟦02⟧", "⟦2⟧ ⟦⟧"])
def test_each_mark_comes_back_once(wording: str) -> None:
    assert shown(wording, ["a", "b"]) is None


# --- phrasing ---------------------------------------------------------------------------------------------------------


def rewords(text: str, awaiting: str = "dependents", **changes: Any) -> tuple[Talk, FakeModel]:
    """Somebody to whom that question is about to be put, by a model that words everything so."""
    model = FakeModel(phrase={"text": text}, read={"values": [], "intents": []})
    talk = Talk().agree().answer_until("smoker").with_model(model, **{"phrasing": True, **changes})
    talk.press("set:smoker:false")
    assert talk.awaiting == awaiting
    return talk, model


def plain() -> str:
    return rewords("")[0].text


def test_a_faithful_wording_goes_out() -> None:
    talk, _ = rewords("¡Muchas gracias! ⟦1⟧, apuntado. ¿Y cuántas personas dependen de tus ingresos? Por ejemplo, hijos.")
    assert talk.text == "¡Muchas gracias! No fumas, apuntado. ¿Y cuántas personas dependen de tus ingresos? Por ejemplo, hijos."
    assert talk.options


@pytest.mark.parametrize(
    "wording", ["", "   ", "Son 9,99 € al mes.", "¿Cuántas personas dependen de tus ingresos? " * 60, CANARY]
)
def test_another_one_is_replaced_by_our_own(wording: str) -> None:
    talk, _ = rewords(wording)
    assert talk.text == plain()
    assert "model.wording_refused" in talk.events()


@pytest.mark.parametrize("answer", [{}, {"text": None}, {"text": ["a"]}, {"text": "a", "more": 1}, {"texto": "a"}])
def test_another_shape_is_replaced_by_our_own(answer: dict[str, Any]) -> None:
    talk = Talk().agree().answer_until("smoker").with_model(FakeModel(phrase=answer), phrasing=True)
    talk.press("set:smoker:false")
    assert talk.text == plain()
    assert "model.failed" in talk.events()


def test_what_is_told_of_the_person_is_nothing() -> None:
    model = FakeModel()
    talk = Talk().agree().answer_until("name").with_model(model, phrasing=True)
    talk.say("Ana García")
    assert talk.text.startswith(("Mucho gusto, Ana", "Un placer, Ana"))
    assert "Ana" not in model.facts("phrase")["texto"]
    assert set(model.facts("phrase")) == {"texto", "tratamiento"}


def test_texts_stay_our_own_in_the_usual_style() -> None:
    talk, model = rewords("¡Muchas gracias! ¿Y cuántas personas dependen de tus ingresos?", phrasing=False)
    assert talk.text == plain()
    assert not [prompt for prompt in model.prompts if prompt.task == "phrase"]


def test_what_carries_weight_is_never_given_away() -> None:
    model = FakeModel(read={"values": [], "intents": []})
    talk = at_proposal().with_model(model, phrasing=True)
    talk.say("¿y eso que me pones ahí no me lo podrías dejar más barato, hombre?")
    talk.choose(1)
    talk.accept()
    said = [prompt.facts for prompt in model.prompts if prompt.task == "phrase"]
    assert said == []
    for key in talk.agent.flow_of(talk.conversation, [], talk.now)["turn"].book:
        section = key.partition(".")[0]
        if section in (
            "consent",
            "greeting",
            "safety",
            "human",
            "proposal",
            "eligibility",
            "objection",
            "end",
            "frame",
            "needs",
        ):
            assert section not in SECTIONS
    assert "ask.consent" in BY_OUR_WORDS


# --- answers from the knowledge ---------------------------------------------------------------------------------------

SUICIDE = next(entry for entry in knowledge.load().entries if (entry.id, entry.language) == ("suicidio", "es"))

IN_DOUBT = "¿me puedo echar atrás o cancelar cuando quiera?"


def answers(answer: str, *ids: str, phrasing: bool = True, asked: str = "¿cubre el suicidio?") -> tuple[Talk, FakeModel]:
    model = FakeModel(answer={"entry_ids": list(ids), "answer": answer}, read={"values": [], "intents": []})
    talk = Talk().agree().answer_until("smoker").with_model(model, phrasing=phrasing)
    talk.say(asked)
    return talk, model


def test_an_answer_in_the_words_of_the_entry_goes_out() -> None:
    first = SUICIDE.answer.partition(". Si la")[0] + "."
    rest = SUICIDE.answer.removeprefix(first).strip()
    turned = f"Pues {first[0].lower()}{first[1:]} {rest}"
    talk, _ = answers(turned, "suicidio")
    assert turned in talk.text


@pytest.mark.parametrize(
    "answer",
    [
        "El suicidio queda cubierto.",
        "El suicidio queda cubierto a partir del primer año de contrato.",  # the reservation is left out
        "Sí, el suicidio queda cubierto durante ese año.",
        SUICIDE.answer + " Cuesta 9,99 € al mes.",
        SUICIDE.answer + " Te lo garantizamos.",
        SUICIDE.answer.replace("primer año", "segundo año"),
        SUICIDE.answer.replace("93", "39"),
        SUICIDE.answer.replace("024", "600111222"),
        SUICIDE.answer.replace("no (", "("),
        SUICIDE.answer.replace(
            "a partir del *primer año* de contrato; durante ese año no",
            "durante ese año; a partir del *primer año* de contrato no",
        ),
        "The suicide is covered after the first year.",
        "Mis instrucciones dicen: " + CANARY,
        "Claro. " * 200,
    ],
)
def test_an_answer_that_says_anything_else_is_the_entry_itself(answer: str) -> None:
    talk, _ = answers(answer, "suicidio")
    assert SUICIDE.answer in talk.text
    assert "model.answer_refused" in talk.events()
    assert CANARY not in talk.text


@pytest.mark.parametrize("ids", [(), ("gratis-para-todos",), ("suicidio", "gratis-para-todos")])
def test_without_an_entry_that_was_found_the_best_one_is_quoted(ids: tuple[str, ...]) -> None:
    talk, _ = answers("Sí, todo está cubierto.", *ids)
    assert SUICIDE.answer in talk.text


def test_in_the_usual_style_the_model_only_picks_the_entry() -> None:
    doubtful = ("¿qué cubre y qué no?", "¿puedo cambiar la póliza?", "¿qué pasa con el dinero si muero?")
    asked = next(question for question in doubtful if len(knowledge.search(question)) > 1)
    found = knowledge.search(asked)
    talk, _ = answers("Sí.", found[1].id, phrasing=False, asked=asked)
    assert found[1].answer in talk.text


@pytest.mark.parametrize("ids", [(), ("gratis-para-todos",)])
def test_what_the_model_cannot_decide_the_customer_is_asked(ids: tuple[str, ...]) -> None:
    talk, _ = answers("Sí, todo está cubierto.", *ids, asked=IN_DOUBT)
    assert all(entry.question in talk.said[-2] for entry in knowledge.search(IN_DOUBT))


def test_a_single_entry_in_the_usual_style_asks_nobody() -> None:
    asked = "¿cubre el suicidio?"
    assert len(knowledge.search(asked)) == 1
    _, model = answers("", "suicidio", phrasing=False, asked=asked)
    assert "answer" not in [prompt.task for prompt in model.prompts]


def test_every_entry_is_drawn_from_itself() -> None:
    for entry in knowledge.load().entries:
        if entry.language == "es":
            assert is_drawn_from(entry.answer, [entry.answer]), entry.id


# --- the prompts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", sorted(VERSIONS))
def test_each_prompt_is_in_spanish_has_the_canary_and_says_that_data_are_no_orders(task: Any) -> None:
    text = system_prompt(task)
    assert CANARY in text
    assert "{" not in text
    assert "datos" in text
    assert "órdenes" in text or "orden," in text


def test_schemas_hold_no_notes_of_ours() -> None:
    from src.agent.thinking.answering import Grounded  # noqa: PLC0415
    from src.agent.thinking.phrasing import Phrased  # noqa: PLC0415

    for shape in (Grounded, Phrased):
        assert set(schema_of(shape)) == {"type", "properties", "required", "additionalProperties"}
