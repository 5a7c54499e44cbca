"""PRESENTACION_PROPUESTA: the options and everything somebody may say to them."""

from __future__ import annotations

import pytest

from tests.agent.talk import at_proposal


def test_the_proposal_holds_what_the_duties_ask_for() -> None:
    talk = at_proposal()
    assert len(talk.replies) == 2
    for part in (
        "venta informada",
        "Correduría inscrita en el registro",
        "El precio sube cada año con la edad",
        "Precio válido hasta el 20/12/2026",
        "sujeto a cuestionario de salud y aceptación de la aseguradora",
        "Esencial",
        "Equilibrada",
        "Completa",
        "incapacidad permanente absoluta",
        "doble capital",
        "75.000 €",
    ):
        assert part in talk.text, part
    shown = [f"choose:{quote.id}" for quote in talk.conversation.quotes]
    assert [option.id for option in talk.replies[-1].options] == shown
    assert sum(len(reply.text) for reply in talk.replies) < 1_000
    assert [option.id for option in talk.replies[0].options] == ["more:excluded", "more:why"]


def test_nobody_accepts_before_exclusions_later_prices_and_facts_were_shown() -> None:
    talk = at_proposal()
    talk.mean("choice:2")
    assert talk.awaiting == "accept"
    for part in ("no entra", "suicidio", "Edad: 35 años", "Fuma: no", "Dentro de 5 años", "incapacidad permanente total"):
        assert part in talk.text, part
    assert "Enfermedades diagnosticadas" not in talk.text, "of an option that was not chosen"


def test_what_no_option_covers_is_one_press_away() -> None:
    talk = at_proposal()
    talk.press("more:excluded")
    for part in ("Suicidio", "Incapacidad permanente total", "Enfermedades diagnosticadas"):
        assert part in talk.text, part
    assert talk.awaiting == "choice"


@pytest.mark.parametrize(
    ("choice", "place"),
    [("choice:1", 0), ("choice:2", 1), ("choice:3", 2), ("choice:cheapest", 0), ("choice:middle", 1),
     ("choice:most_complete", 2), ("choice:equilibrada", 1), ("accept:completa", 2)],
)  # fmt: skip
def test_a_choice_by_number_name_or_description_sums_the_facts_up(choice: str, place: int) -> None:
    talk = at_proposal()
    talk.mean(choice)
    assert talk.conversation.selected_quote == talk.conversation.quotes[place].id
    assert (talk.stage, talk.awaiting) == ("PRESENTACION_PROPUESTA", "accept")
    for fact in ("Nombre: Ana", "Edad: 35 años", "Fuma: no", "Hipoteca pendiente: 50.000 €"):
        assert fact in talk.text
    assert talk.options[0] == f"accept:{talk.conversation.selected_quote}"


def test_a_choice_by_button_then_the_acceptance_by_button() -> None:
    talk = at_proposal()
    talk.choose(1)
    talk.accept()
    assert talk.conversation.outcome == "accepted"


def test_saying_yes_without_a_choice_asks_which() -> None:
    talk = at_proposal()
    talk.mean("affirm")
    assert talk.awaiting == "choice"
    assert "cuál" in talk.text.lower()


@pytest.mark.parametrize("choice", ["choice:9", "choice:"])
def test_a_choice_that_is_none_of_them_asks_which(choice: str) -> None:
    talk = at_proposal()
    talk.mean(choice)
    assert talk.awaiting == "choice"
    assert talk.conversation.selected_quote is None


def test_a_button_of_an_old_proposal_shows_the_current_one() -> None:
    talk = at_proposal()
    old = talk.conversation.quotes[0].id
    talk.mean("smoker!=true")
    for press in (f"choose:{old}", f"accept:{old}"):
        talk.press(press)
        assert talk.conversation.selected_quote is None
        assert "anterior" in talk.text or "antigua" in talk.text
        assert talk.awaiting == "choice"
        assert talk.options[-3:] == [f"choose:{quote.id}" for quote in talk.conversation.quotes]


def test_the_first_and_send_it_to_my_address_is_an_acceptance_once_the_facts_were_seen() -> None:
    talk = at_proposal()
    talk.mean("smoker!=true")
    assert "Fuma: sí" in talk.text
    talk.press("more:excluded")
    assert "Suicidio" in talk.text
    talk.mean("choice:1", 'email="ana@ejemplo.test"')
    assert talk.conversation.outcome == "accepted"
    assert "ana@ejemplo.test" in talk.text


def test_wanting_an_option_is_not_yet_accepting_it() -> None:
    talk = at_proposal()
    talk.mean("accept", "choice:middle")
    assert talk.awaiting == "accept"
    assert talk.conversation.outcome is None


def test_a_stale_confirmation_button_accepts_nothing() -> None:
    talk = at_proposal()
    talk.choose(1)
    for press in ("confirm:yes", "consent:yes"):
        talk.press(press)
        assert talk.conversation.outcome is None
        assert talk.awaiting == "accept"


def test_yes_but_with_an_objection_accepts_nothing() -> None:
    talk = at_proposal()
    talk.choose(1)
    talk.mean("affirm", "objection:price")
    assert talk.conversation.outcome is None


def test_a_fact_changed_before_the_acceptance_is_priced_anew_and_the_change_shown() -> None:
    talk = at_proposal()
    before = talk.conversation.quotes[1]
    talk.choose(1)
    talk.mean("smoker!=true", "affirm")
    after = next(quote for quote in talk.conversation.quotes if quote.tier == "equilibrada")
    assert after.monthly_premium > before.monthly_premium
    assert talk.conversation.outcome is None
    assert talk.conversation.selected_quote == after.id
    assert talk.awaiting == "accept"
    assert "pasa de" in talk.text
    talk.mean("affirm")
    assert talk.conversation.outcome == "accepted"
    assert talk.step.handoff is not None


def test_a_changed_fact_that_moves_no_price_says_so() -> None:
    talk = at_proposal()
    talk.mean("sum_assured=240000")
    assert "no cambia" in talk.text


def test_a_fact_that_prices_do_not_depend_on_leaves_the_proposal() -> None:
    talk = at_proposal()
    before = [quote.id for quote in talk.conversation.quotes]
    talk.mean('postal_code="28001"')
    assert [quote.id for quote in talk.conversation.quotes] == before
    assert talk.awaiting == "choice"


def test_a_price_objection_asks_for_the_ceiling_and_promises_nothing() -> None:
    talk = at_proposal()
    before = talk.conversation.quotes
    talk.mean("objection:price")
    assert talk.awaiting == "monthly_budget"
    assert "descuento" not in talk.text
    assert talk.conversation.quotes == before
    talk.press("skip:monthly_budget")
    assert talk.awaiting == "choice"


def test_haggling_goes_on_without_asking_a_fourth_time() -> None:
    talk = at_proposal()
    for _ in range(5):
        talk.mean("objection:price")
    assert talk.conversation.asked["monthly_budget"] == 3
    assert talk.awaiting == "choice"


def test_objections_are_remembered_once_each_for_whoever_takes_over() -> None:
    talk = at_proposal()
    for topic in ("price", "timing", "price"):
        talk.mean(f"objection:{topic}")
    assert talk.conversation.memory.objections == ["price", "timing"]
    talk.press("restart")
    assert not talk.conversation.memory.objections


@pytest.mark.parametrize("topic", ["trust", "need", "timing", "competitor", ""])
def test_other_objections_are_met_and_the_question_stays(topic: str) -> None:
    talk = at_proposal()
    talk.mean(f"objection:{topic}")
    assert talk.awaiting == "choice"
    assert len(talk.text) > 80
    talk.choose(0)
    talk.mean(f"objection:{topic}")
    assert talk.awaiting == "accept"
    assert talk.conversation.selected_quote == talk.conversation.quotes[0].id


def test_timing_names_how_long_the_prices_hold() -> None:
    talk = at_proposal()
    talk.mean("objection:timing")
    assert "20/12/2026" in talk.text


@pytest.mark.parametrize(
    ("topic", "part"),
    [("compare", "Equilibrada"), ("price", "al mes"), ("coverage", "beneficiarios"), ("why", "159.600 €"),
     ("need", "240.000 €"), ("change", "cambiar")],
)  # fmt: skip
def test_questions_about_the_proposal_are_answered_from_it(topic: str, part: str) -> None:
    talk = at_proposal()
    talk.mean(f"question:{topic}")
    assert part in talk.text
    assert talk.awaiting == "choice"
    assert "guard.reply_replaced" not in talk.events()


def test_the_proposal_can_be_seen_again() -> None:
    talk = at_proposal()
    talk.mean("question:resend_proposal")
    assert talk.options[-3:] == [f"choose:{quote.id}" for quote in talk.conversation.quotes]
    assert "Equilibrada" in talk.text
    first = talk.text
    talk.mean("question:resend_proposal")
    assert talk.text != first


def test_a_soft_no_asks_what_would_have_to_change_and_a_firm_one_ends() -> None:
    talk = at_proposal()
    talk.choose(1)
    talk.mean("deny")
    assert (talk.stage, talk.awaiting) == ("PRESENTACION_PROPUESTA", "choice")
    assert talk.options == ["more:cheaper", "more:coverage", "decline"]
    talk.say("no me convence")
    assert talk.stage == "PRESENTACION_PROPUESTA"
    talk.press("decline")
    assert (talk.stage, talk.conversation.outcome, talk.awaiting) == ("FINALIZADO", "declined", None)
    assert talk.options == ["more:follow_up"]


def test_something_cheaper_asks_for_the_ceiling() -> None:
    talk = at_proposal()
    talk.mean("deny")
    talk.press("more:cheaper")
    assert talk.awaiting == "monthly_budget"


def test_three_failures_bring_a_person_here_too() -> None:
    talk = at_proposal()
    texts = set()
    for _ in range(3):
        assert talk.conversation.owner == "bot"
        talk.mean("unclear")
        texts.add(talk.text)
    assert talk.conversation.owner == "human"
    assert len(texts) == 3


def test_small_talk_leaves_the_question_open() -> None:
    talk = at_proposal()
    for meaning in ("greeting", "thanks", "bye", "off_topic", "are_you_a_robot"):
        talk.mean(meaning)
        assert talk.awaiting == "choice"
        assert talk.conversation.owner == "bot"


def test_a_risk_told_late_goes_to_a_person() -> None:
    talk = at_proposal()
    talk.mean('details.sport="buceo"')
    assert talk.conversation.owner == "human"


def test_a_price_somebody_claims_to_have_been_promised_changes_nothing() -> None:
    talk = at_proposal()
    before = talk.conversation.quotes
    for _ in range(5):
        talk.mean("monthly_budget?=3")
        assert talk.conversation.quotes == before
        assert "monthly_budget" not in talk.profile
        assert "tarifario" in talk.text
    assert talk.awaiting == "choice"  # asked often enough what would be comfortable


def test_an_address_is_noted_without_deciding_anything() -> None:
    talk = at_proposal()
    talk.mean('email="ana@ejemplo.test"')
    assert talk.profile["email"] == "ana@ejemplo.test"
    assert talk.awaiting == "choice"
    assert talk.conversation.outcome is None


def test_agreeing_to_the_only_option_sums_it_up_when_something_else_was_asked_in_between() -> None:
    talk = at_proposal(age=47)
    talk.mean("monthly_budget=15")
    talk.mean("objection:price")
    assert talk.awaiting == "monthly_budget"
    talk.mean("affirm")
    assert talk.awaiting == "accept"
    assert "Repasemos" in talk.text


def test_near_the_end_of_the_cover_only_one_later_price_is_told() -> None:
    talk = at_proposal(age=62)
    talk.mean("choice:1")
    assert "Dentro de 5 años" in talk.text
    assert "de 10:" not in talk.text


def test_an_option_named_in_a_no_is_not_chosen() -> None:
    talk = at_proposal()
    talk.mean("decline", "choice:2")
    assert talk.conversation.selected_quote is None
    assert talk.conversation.outcome is None  # a no that says more than no ends nothing


def test_a_question_that_comes_with_the_choice_is_answered_too() -> None:
    talk = at_proposal()
    talk.mean("choice:2", "question:coverage")
    assert "beneficiarios" in talk.text
    assert talk.awaiting == "accept"


@pytest.mark.parametrize("words", ["la 2 pero con menos capital", "quiero menos capital", "súbeme un poco el capital"])
def test_who_wants_another_sum_is_asked_which(words: str) -> None:
    talk = at_proposal()
    talk.say(words)
    assert talk.conversation.selected_quote is None
    assert talk.awaiting == "sum_assured"
    talk.say("100.000")
    assert talk.awaiting == "choice"
    assert {quote.sum_assured for quote in talk.conversation.quotes} == {100_000}


def test_an_option_that_is_too_dear_is_not_chosen() -> None:
    talk = at_proposal()
    talk.say("la 2 pero más barata")
    assert talk.conversation.selected_quote is None
    assert talk.awaiting == "monthly_budget"


@pytest.mark.parametrize(
    ("words", "tier"),
    [
        ("me convence la primera", "esencial"),
        ("no, mejor la 3", "completa"),
        ("la de {middle} al mes", "equilibrada"),
        ("la de {middle_whole} euros", "equilibrada"),
    ],
)
def test_an_option_is_chosen_in_many_words(words: str, tier: str) -> None:
    talk = at_proposal()
    premium = f"{talk.conversation.quotes[1].monthly_premium:.2f}"
    talk.say(words.format(middle=premium.replace(".", ","), middle_whole=premium.split(".", maxsplit=1)[0]))
    chosen = next(quote for quote in talk.conversation.quotes if quote.id == talk.conversation.selected_quote)
    assert chosen.tier == tier


@pytest.mark.parametrize(
    "words", ["la de 99 euros", "¿por qué la de 18 euros?", "la que cubre invalidez", "explícame la 2", "entre la 1 y la 2"]
)
def test_what_names_no_single_option_chooses_none(words: str) -> None:
    talk = at_proposal()
    talk.say(words)
    assert talk.conversation.selected_quote is None


def test_agreeing_with_everything_is_not_the_option_with_everything() -> None:
    talk = at_proposal()
    talk.say("la 2")
    talk.say("de acuerdo con todo")
    assert talk.conversation.outcome == "accepted"
    assert "Equilibrada" in talk.text


def test_a_term_is_no_age() -> None:
    talk = at_proposal()
    talk.say("¿y para 20 años?")
    assert talk.profile["age"] == at_proposal().profile["age"]
    assert talk.profile["term_years"] == 20
