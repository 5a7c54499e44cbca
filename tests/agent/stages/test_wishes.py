"""What somebody wants the insurance to be: each product with its own words, riders added and left out, nothing closed by it."""

from __future__ import annotations

import re

import pytest

from src.agent.memory import Riders
from src.quoting import load_catalogue
from tests.agent.talk import Talk, at_proposal

TERM_WORDS = re.compile(r"Años de|durante \d+ años|esos \d+ años|Dentro de")


def quoted(talk: Talk) -> set[tuple[str, int]]:
    return {(quote.product, quote.term_years) for quote in talk.conversation.quotes}


def covers(talk: Talk) -> list[set[str]]:
    return [set(quote.coverages) for quote in talk.conversation.quotes]


# --- products -----------------------------------------------------------------------------------------------------------


def test_a_level_premium_for_years_that_were_told() -> None:
    talk = at_proposal()
    talk.mean('details.product="level_term"', "term_years=20")
    assert quoted(talk) == {("level_term", 20)}
    assert "vida con prima constante durante 20 años" in talk.text
    assert "El precio no cambia en esos 20 años." in talk.text
    assert "Años de cobertura: 20 años" in talk.text
    assert "Dentro de" not in talk.text
    for quote in talk.conversation.quotes:
        assert {point.annual_premium for point in quote.projection} == {quote.annual_premium}


def test_the_years_of_a_level_premium_are_asked_for_with_the_usual_ones() -> None:
    talk = at_proposal()
    talk.mean('details.product="level_term"')
    assert (talk.stage, talk.awaiting) == ("COTIZACION", "term_years")
    assert talk.options == ["set:term_years:10", "set:term_years:20", "set:term_years:30"]
    talk.press("set:term_years:30")
    assert quoted(talk) == {("level_term", 30)}
    assert talk.awaiting == "choice"


def test_only_years_that_are_possible_are_offered() -> None:
    talk = at_proposal(age=52)
    talk.mean('details.product="level_term"')
    assert talk.options == ["set:term_years:10"]


def test_whoever_knows_no_years_is_told_which_were_taken() -> None:
    talk = at_proposal()
    talk.mean('details.product="level_term"')
    talk.mean("dont_know")
    assert quoted(talk) == {("level_term", 30)}
    assert "durante 30 años" in talk.text
    assert "Años de cobertura: 30 años" in talk.text
    assert "term_years" not in talk.profile, "nobody said so"


@pytest.mark.parametrize("answer", ["mortgage_balance=50000", "sum_assured=90000"])
def test_a_cover_for_the_mortgage_follows_it(answer: str) -> None:
    talk = Talk().agree()
    talk.mean('details.product="mortgage_term"', answer)
    assert "vida para la hipoteca" in talk.text
    talk.answer_until("term_years")
    assert "hipoteca" in talk.text or answer.startswith("sum")
    talk.mean("term_years=22")
    assert quoted(talk) == {("mortgage_term", 22)}
    [capital] = {quote.sum_assured for quote in talk.conversation.quotes}
    assert capital == int(answer.partition("=")[2])
    assert "vida para la hipoteca durante 22 años" in talk.text
    assert "El precio no sube en esos 22 años; el capital baja cada año" in talk.text
    talk.press("more:excluded")
    assert "si la hipoteca cambia, hay que ajustar el seguro" in talk.text


def test_only_the_mortgage_in_one_message() -> None:
    talk = at_proposal()
    talk.mean('details.product="mortgage_term"', "mortgage_balance!=120000", "term_years=25")
    assert quoted(talk) == {("mortgage_term", 25)}
    assert {quote.sum_assured for quote in talk.conversation.quotes} == {120_000}
    assert "Lo calculo para cubrir la hipoteca: *120.000 €* a 25 años" in talk.text


def test_without_a_mortgage_there_is_nothing_for_it_to_follow() -> None:
    talk = at_proposal(mortgage_balance=0)
    talk.mean('details.product="mortgage_term"')
    assert "Sin hipoteca no hay deuda que cubrir" in talk.text
    assert quoted(talk) == {("renewable_term", 1)}
    assert talk.awaiting == "choice"


def test_whole_life_names_no_term() -> None:
    talk = at_proposal()
    talk.mean("term_years=20")
    talk.mean('details.product="whole_life"')
    assert {product for product, _ in quoted(talk)} == {"whole_life"}
    assert "vida entera, sin fecha de fin" in talk.text
    assert "El precio no sube con los años. Las coberturas añadidas al fallecimiento terminan a los 70" in talk.text
    assert not TERM_WORDS.search(talk.text)
    talk.choose(0)
    assert "El precio no cambia con los años." in talk.text
    assert not TERM_WORDS.search(talk.text)
    talk.accept()
    assert talk.conversation.outcome == "accepted"
    assert not TERM_WORDS.search(talk.text)


@pytest.mark.parametrize("answers", [{}, {"age": 61}, {"smoker": True, "age": 52}])
def test_a_price_that_is_said_not_to_rise_does_not_rise(answers: dict[str, object]) -> None:
    for product, years in (("level_term", 9), ("mortgage_term", 9), ("whole_life", None)):
        talk = at_proposal(**answers)
        talk.mean(f'details.product="{product}"', *([f"term_years={years}"] if years else []))
        assert "El precio no" in talk.text
        offers = [load_catalogue().reprice(quote) for quote in talk.conversation.quotes]
        for offer in offers:
            assert all(point.annual_premium <= offer.annual_premium for point in offer.projection)  # type: ignore[union-attr]


def test_the_renewable_product_has_years_of_a_loan_but_none_of_its_own() -> None:
    talk = at_proposal()
    talk.mean("mortgage_balance!=165000", "term_years=22")
    assert quoted(talk) == {("renewable_term", 1)}
    assert "Años de hipoteca: 22 años" in talk.text
    assert "Años de cobertura" not in talk.text
    assert "El precio sube cada año con la edad" in talk.text


def test_the_years_of_a_loan_are_no_others() -> None:
    talk = at_proposal()
    talk.mean("mortgage_balance!=165000", "term_years=22")
    talk.mean('details.product="level_term"')
    assert talk.awaiting == "term_years"
    talk.mean("term_years=22")
    assert quoted(talk) == {("level_term", 22)}
    talk.mean('details.product="mortgage_term"')
    assert talk.awaiting == "term_years"
    assert "hipoteca" in talk.text
    talk.mean("term_years=25")
    assert quoted(talk) == {("mortgage_term", 25)}


def test_the_newest_word_wins() -> None:
    talk = at_proposal()
    talk.mean('details.product="whole_life"')
    talk.mean("term_years=20")
    assert quoted(talk) == {("level_term", 20)}
    talk.mean('details.product="renewable_term"')
    assert quoted(talk) == {("renewable_term", 1)}
    assert "Años de cobertura" not in talk.text


def test_a_product_wished_for_before_the_consent_is_the_one_that_is_quoted() -> None:
    talk = Talk()
    talk.mean("interest", 'details.product="whole_life"')
    talk.press("consent:yes")
    talk.answer_until()
    assert {product for product, _ in quoted(talk)} == {"whole_life"}


def test_another_product_is_not_said_to_be_dearer_but_shown_with_what_it_does_not_cover() -> None:
    talk = at_proposal()
    talk.mean('details.product="whole_life"')
    assert "pasa de" not in talk.text
    assert "No tiene valor de rescate" in talk.text


def test_the_same_product_again_changes_nothing_and_is_answered() -> None:
    talk = at_proposal()
    talk.mean('details.product="whole_life"')
    before = talk.conversation.quotes
    talk.mean('details.product="whole_life"')
    assert talk.conversation.quotes == before
    assert "No lo he entendido" not in talk.text
    assert not talk.conversation.memory.misses
    assert talk.awaiting == "choice"


def test_old_prices_are_not_compared_while_new_ones_are_made() -> None:
    talk = at_proposal()
    before = talk.conversation.quotes
    talk.mean('details.product="level_term"')
    talk.mean("question:compare")
    assert "guard.reply_replaced" not in talk.events()
    assert str(before[0].monthly_premium).replace(".", ",") not in talk.text
    assert talk.awaiting == "term_years"
    talk.mean("term_years=20", "question:compare")
    assert "guard.reply_replaced" not in talk.events()
    assert quoted(talk) == {("level_term", 20)}


def test_while_the_years_are_asked_for_another_product_may_be_wished_for() -> None:
    talk = at_proposal()
    talk.mean('details.product="level_term"')
    talk.mean('details.product="whole_life"')
    assert {product for product, _ in quoted(talk)} == {"whole_life"}
    assert talk.awaiting == "choice"


def test_a_budget_holds_for_the_wished_product() -> None:
    talk = at_proposal()
    talk.mean('details.product="level_term"', "term_years=20", "monthly_budget=20")
    [quote] = talk.conversation.quotes
    assert quote.product == "level_term"
    assert quote.monthly_premium <= 20


# --- riders -------------------------------------------------------------------------------------------------------------


def test_a_rider_is_added_to_every_option_that_lacks_it() -> None:
    talk = at_proposal()
    talk.mean("rider:add:critical_illness")
    assert all("critical_illness" in of_quote for of_quote in covers(talk))
    assert "*1. Esencial con enfermedades graves: " in talk.text
    assert "*3. Completa: " in talk.text
    assert talk.awaiting == "choice"


def test_the_least_option_with_one_rider() -> None:
    talk = at_proposal()
    talk.mean("choice:esencial", "rider:add:critical_illness")
    assert talk.awaiting == "accept", "shown, not closed"
    [chosen] = [quote for quote in talk.conversation.quotes if quote.id == talk.conversation.selected_quote]
    assert set(chosen.coverages) == {"death", "critical_illness"}
    assert "*Esencial con enfermedades graves: " in talk.text
    talk.accept()
    assert talk.conversation.outcome == "accepted"
    assert "Esencial con enfermedades graves" in talk.text


def test_a_rider_is_left_out_and_comes_back() -> None:
    talk = at_proposal()
    talk.choose(2)
    talk.mean("rider:drop:accidental_death")
    [chosen] = [quote for quote in talk.conversation.quotes if quote.id == talk.conversation.selected_quote]
    assert set(chosen.coverages) == {"death", "permanent_disability", "critical_illness"}
    assert "Completa sin accidente" in talk.text
    assert talk.conversation.outcome is None
    talk.mean("rider:add:accidental_death")
    assert talk.conversation.memory.riders == Riders(added=("accidental_death",))
    [chosen] = [quote for quote in talk.conversation.quotes if quote.id == talk.conversation.selected_quote]
    assert chosen.tier == "completa"


def test_options_that_become_the_same_are_shown_once_under_their_own_name() -> None:
    talk = at_proposal()
    talk.mean("rider:drop:permanent_disability")
    assert [quote.tier for quote in talk.conversation.quotes] == ["esencial", "completa"]
    talk.mean("rider:add:permanent_disability")
    assert [quote.tier for quote in talk.conversation.quotes] == ["equilibrada", "completa"]
    assert " con incapacidad" not in talk.text


def test_a_choice_stays_through_a_change_of_its_name() -> None:
    talk = at_proposal()
    talk.choose(0)
    talk.mean("rider:add:permanent_disability")
    assert talk.awaiting == "accept"
    [chosen] = [quote for quote in talk.conversation.quotes if quote.id == talk.conversation.selected_quote]
    assert chosen.tier == "equilibrada"


def test_which_rider_is_asked_with_things_to_press() -> None:
    talk = at_proposal()
    talk.mean("rider:add")
    assert (talk.awaiting, talk.conversation.selected_quote) == ("choice", None)
    assert [option.title for reply in talk.replies for option in reply.options] == [
        "Incapacidad",
        "Accidente",
        "Enfermedades graves",
        "Exoneración de pago",
    ]
    talk.press(talk.options[1])
    assert all("accidental_death" in of_quote for of_quote in covers(talk))
    talk.mean("choice:1", "rider:drop")
    assert len(talk.options) == 1
    talk.press(talk.options[0])
    assert covers(talk)[0] == {"death"}
    assert talk.awaiting == "accept"


def test_nothing_left_to_leave_out_is_a_plain_choice() -> None:
    """Only if I die, the rest is too much: the first option, summed up before anything is closed."""
    talk = at_proposal()
    talk.mean("choice:1", "rider:drop")
    assert talk.awaiting == "accept"
    assert "Repasemos antes de seguir" in talk.text
    assert talk.conversation.outcome is None


def test_the_main_cover_stays() -> None:
    talk = at_proposal()
    before = talk.conversation.quotes
    talk.mean("rider:drop:death")
    assert talk.conversation.quotes == before
    assert "es la base de este seguro" in talk.text
    assert talk.awaiting == "choice"
    talk.mean("rider:drop:death+accidental_death")
    assert "es la base de este seguro" in talk.text
    assert not any("accidental_death" in of_quote for of_quote in covers(talk))


def test_what_is_there_already_is_said_to_be() -> None:
    talk = at_proposal()
    talk.mean("rider:add:critical_illness")
    before = talk.conversation.quotes
    talk.mean("rider:add:critical_illness")
    assert talk.conversation.quotes == before
    assert "está así" in talk.text or "Así está" in talk.text
    talk.mean("rider:add:no_such_cover")
    assert talk.conversation.quotes == before


def test_riders_told_before_there_is_a_price_are_noted_and_kept() -> None:
    talk = Talk()
    talk.mean("interest", "rider:add:critical_illness")
    talk.press("consent:yes")
    talk.mean("rider:drop:accidental_death", "age=35")
    assert "Sin accidente, anotado." in talk.text
    talk.answer_until()
    assert covers(talk) == [
        {"death", "critical_illness"},
        {"death", "permanent_disability", "critical_illness"},
    ]


def test_riders_go_when_everything_told_goes() -> None:
    talk = at_proposal()
    talk.mean("rider:add:critical_illness")
    talk.mean("restart")
    talk.answer_until()
    assert covers(talk)[0] == {"death"}


def test_riders_hold_for_every_product_and_within_a_budget() -> None:
    talk = at_proposal()
    talk.mean("rider:add:premium_waiver")
    talk.mean('details.product="level_term"', "term_years=20")
    assert all("premium_waiver" in of_quote for of_quote in covers(talk))
    talk.mean("monthly_budget=25")
    [quote] = talk.conversation.quotes
    assert quote.monthly_premium <= 25
    assert quote.levers


@pytest.mark.parametrize("direction", ["add", "drop"])
@pytest.mark.parametrize("named", ["", ":accidental_death", ":death"])
@pytest.mark.parametrize("along", [[], ["accept"], ["affirm"], ["choice:2"], ["choice:2", "accept"]])
def test_a_wish_for_riders_never_accepts(direction: str, named: str, along: list[str]) -> None:
    for chosen in (False, True):
        talk = at_proposal()
        if chosen:
            talk.choose(1)
        talk.mean(f"rider:{direction}{named}", *along)
        assert talk.conversation.outcome is None
        assert talk.stage == "PRESENTACION_PROPUESTA"
        assert talk.awaiting in ("choice", "accept")


def test_after_the_acceptance_a_person_is_told() -> None:
    talk = at_proposal()
    talk.choose(0)
    talk.accept()
    for meaning in ("rider:add:critical_illness", 'details.product="whole_life"'):
        talk.mean(meaning)
        assert talk.step.handoff is not None
        assert talk.step.handoff.reason == "second_thoughts"


def test_a_proposal_stored_before_there_were_riders_is_not_made_anew() -> None:
    talk = at_proposal()
    talk.mean("question:price")
    assert talk.conversation.memory.riders == Riders()
    assert "recalculado" not in talk.text


def test_in_english_too() -> None:
    talk = at_proposal()
    talk.mean("language:en")
    talk.mean('details.product="whole_life"')
    assert "with no end date" in talk.text
    talk.mean("rider:add:premium_waiver")
    assert "with waiver of premium" in talk.text
