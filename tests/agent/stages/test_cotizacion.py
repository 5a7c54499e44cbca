"""COTIZACION: the need, the prices, and the refusals with their way on."""

from __future__ import annotations

from decimal import Decimal

import pytest

from src.agent.state import ProfileSource
from tests.agent.talk import Talk, at_proposal


def test_the_worked_example_reaches_the_prospect_to_the_cent() -> None:
    talk = Talk().agree().answer_until("dependents")
    talk.mean("sum_assured=150000")
    talk.answer_until()
    premiums = [(quote.annual_premium, quote.monthly_premium) for quote in talk.conversation.quotes]
    assert premiums[:2] == [(Decimal("85.39"), Decimal("7.33")), (Decimal("142.63"), Decimal("12.24"))]
    assert "7,33 € al mes* (85,39 € al año)" in talk.text


def test_the_need_is_reckoned_with_its_parts_and_shown() -> None:
    talk = at_proposal()
    need = talk.conversation.need
    assert need is not None
    assert need.capital == 240_000
    assert need.parts.income == 159_600
    for shown in ("240.000 €", "159.600 €", "50.000 €", "30.000 €", "70 %"):
        assert shown in talk.text
    talk.press("more:why")
    for shown in ("240.000 €", "159.600 €", "114.000 €", "228.000 €"):
        assert shown in talk.text


def test_what_may_be_spent_is_asked_before_a_price_that_is_much_for_that_income() -> None:
    talk = Talk().agree().answer_until("monthly_budget", age=58, monthly_income=1200)
    assert (talk.stage, talk.awaiting, talk.conversation.quotes) == ("COTIZACION", "monthly_budget", [])
    talk.mean("monthly_budget=40")
    assert talk.stage == "PRESENTACION_PROPUESTA"
    assert all(quote.monthly_premium <= 40 for quote in talk.conversation.quotes)


def test_who_does_not_say_what_may_be_spent_sees_all_there_is() -> None:
    talk = Talk().agree().answer_until("monthly_budget", age=58, monthly_income=1200)
    talk.mean("dont_know")
    assert (talk.stage, len(talk.conversation.quotes)) == ("PRESENTACION_PROPUESTA", 3)


def test_children_s_ages_count_the_children() -> None:
    talk = Talk().agree()
    talk.mean("dependents=3", "details.child_ages=[4]")
    talk.answer_until()
    assert talk.conversation.need is not None
    assert talk.conversation.need.parts.education == 15_000


def test_a_need_above_the_medical_limit_is_quoted_at_the_limit_and_said_so() -> None:
    talk = at_proposal(mortgage_balance=500_000)
    assert {quote.sum_assured for quote in talk.conversation.quotes} == {300_000}
    assert "revisión médica" in talk.text
    assert talk.conversation.owner == "bot"


def test_a_need_below_the_least_sum_is_quoted_at_the_least_sum() -> None:
    talk = at_proposal(dependents=0, mortgage_balance=5_000)
    assert {quote.sum_assured for quote in talk.conversation.quotes} == {20_000}
    assert "mínimo" in talk.text


def test_without_a_need_an_example_is_quoted_and_called_one() -> None:
    talk = at_proposal(dependents=0, mortgage_balance=0)
    assert {quote.sum_assured for quote in talk.conversation.quotes} == {100_000}
    assert "ejemplo" in talk.text


def test_the_prospect_s_own_figure_wins_and_the_difference_is_said() -> None:
    talk = at_proposal()
    talk.mean("sum_assured=150000")
    assert {quote.sum_assured for quote in talk.conversation.quotes} == {150_000}
    assert "240.000 €" in talk.text
    assert talk.profile["sum_assured"] == 150_000


def test_a_sum_for_medical_selection_goes_to_a_person() -> None:
    talk = at_proposal()
    talk.mean("sum_assured=350000")
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == "medical_selection"
    assert "300.000 €" in talk.text


@pytest.mark.parametrize(("wrong", "limit"), [(5_000, "20.000 €"), (2_000_000, "1.000.000 €")])
def test_a_sum_out_of_bounds_is_refused_with_the_bound_and_another_is_asked_for(wrong: int, limit: str) -> None:
    talk = at_proposal()
    talk.mean(f"sum_assured={wrong}")
    assert (talk.stage, talk.awaiting) == ("COTIZACION", "sum_assured")
    assert limit in talk.text
    assert "sum_assured" not in talk.profile
    talk.mean("question:price")
    assert (talk.stage, talk.awaiting) == ("COTIZACION", "sum_assured")
    talk.mean("sum_assured=100000")
    assert (talk.stage, talk.awaiting) == ("PRESENTACION_PROPUESTA", "choice")


def test_not_knowing_another_sum_leads_back_to_the_reckoned_one() -> None:
    talk = at_proposal()
    talk.mean("sum_assured=5000")
    talk.mean("dont_know:sum_assured")
    assert talk.stage == "PRESENTACION_PROPUESTA"
    assert {quote.sum_assured for quote in talk.conversation.quotes} == {240_000}


def test_failures_while_a_figure_is_missing_bring_a_person_too() -> None:
    talk = at_proposal()
    talk.mean("sum_assured=5000")
    for _ in range(3):
        talk.mean("unclear")
    assert talk.conversation.owner == "human"


def test_a_risk_that_turns_up_while_a_figure_is_missing_is_heard() -> None:
    talk = at_proposal()
    talk.mean("sum_assured=5000")
    talk.mean('details.sport="escalada"')
    assert talk.conversation.owner == "human"


def test_a_term_gives_a_level_price_and_one_that_is_too_long_is_refused() -> None:
    talk = at_proposal()
    talk.mean("term_years=20")
    assert {quote.product for quote in talk.conversation.quotes} == {"level_term"}
    assert "Dentro de" not in talk.text
    talk.mean("term_years!=60")
    assert (talk.stage, talk.awaiting) == ("COTIZACION", "term_years")
    assert "70" in talk.text
    talk.mean("term_years=1")
    assert talk.awaiting == "term_years"


def test_a_cover_for_the_mortgage_uses_the_mortgage_product() -> None:
    talk = Talk().agree().answer_until("mortgage_balance")
    talk.mean("question:vinculado-a-hipoteca")
    talk.mean("mortgage_balance=165000", "term_years=22")
    talk.answer_until()
    assert {quote.product for quote in talk.conversation.quotes} == {"mortgage_term"}
    assert {quote.sum_assured for quote in talk.conversation.quotes} == {165_000}
    assert "cubrir la hipoteca" in talk.text


def test_years_told_with_a_mortgage_are_the_loan_s_and_ask_for_no_other_product() -> None:
    talk = Talk().agree().answer_until("mortgage_balance")
    talk.mean("mortgage_balance=100000", "term_years=22")
    talk.answer_until()
    assert {quote.product for quote in talk.conversation.quotes} == {"renewable_term"}
    talk.mean("term_years!=20")
    assert {quote.product for quote in talk.conversation.quotes} == {"level_term"}


def test_a_budget_leads_to_the_most_capital_that_fits_and_the_gap_is_said() -> None:
    talk = at_proposal(age=47)
    talk.mean("monthly_budget=15")
    (quote,) = talk.conversation.quotes
    assert quote.monthly_premium <= 15
    assert talk.conversation.selected_quote == quote.id
    assert talk.awaiting == "accept"
    assert "baja el capital" in talk.text
    assert "sin cubrir" in talk.text
    talk.mean("affirm")
    assert talk.conversation.outcome == "accepted"


def test_a_budget_that_all_options_fit_changes_no_option() -> None:
    talk = at_proposal()
    before = [quote.id for quote in talk.conversation.quotes]
    talk.mean("monthly_budget=300")
    assert [quote.id for quote in talk.conversation.quotes] == before
    assert "Buena noticia" in talk.text


def test_a_budget_below_everything_is_refused_with_the_least_price() -> None:
    talk = at_proposal(age=60)
    talk.mean("monthly_budget=2")
    assert (talk.stage, talk.awaiting) == ("COTIZACION", "monthly_budget")
    assert "2 €" in talk.text
    assert "guard.reply_replaced" not in talk.events()


def test_seeing_all_options_again_sets_the_budget_aside() -> None:
    talk = at_proposal(age=47)
    talk.mean("monthly_budget=15")
    assert "more:all" in talk.options
    talk.press("more:all")
    assert len(talk.conversation.quotes) == 3
    assert talk.awaiting == "choice"
    assert talk.profile["monthly_budget"] == 15


def test_a_shorter_term_is_named_as_what_a_budget_costs() -> None:
    talk = at_proposal(age=50)
    talk.mean("term_years=20", "sum_assured=20000")
    talk.mean("monthly_budget=10")
    assert talk.conversation.quotes[0].monthly_premium <= 10


def test_an_unsure_sum_waits_for_its_confirmation_here() -> None:
    talk = at_proposal()
    before = talk.conversation.quotes
    talk.mean("sum_assured?=150000")
    assert (talk.stage, talk.awaiting) == ("COTIZACION", "confirm:sum_assured")
    assert talk.conversation.quotes == before
    talk.press("confirm:yes")
    assert talk.stage == "PRESENTACION_PROPUESTA"
    assert talk.conversation.quotes[0].sum_assured == 150_000


def test_an_unsure_sum_that_is_denied_leaves_the_proposal_as_it_was() -> None:
    talk = at_proposal()
    before = [quote.id for quote in talk.conversation.quotes]
    talk.mean("sum_assured?=150000")
    talk.press("confirm:no")
    assert talk.stage == "PRESENTACION_PROPUESTA"
    assert [quote.id for quote in talk.conversation.quotes] == before


def test_an_actuarial_age_over_the_limit_is_refused_like_any_other() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean('birth_date="1961-04-01"')  # 65 years old, nearer to 66
    talk.answer_until()
    assert (talk.stage, talk.conversation.outcome) == ("FINALIZADO", "ineligible")
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == "over_age"


def test_a_minor_s_age_entered_by_a_person_ends_and_erases() -> None:
    talk = at_proposal()
    talk.conversation.profile["age"] = 17
    talk.conversation.profile_sources["age"] = ProfileSource("", talk.now, "human")
    talk.mean("greeting")
    assert talk.step.erase
    assert talk.conversation.outcome == "ineligible"


def test_an_occupation_class_entered_by_a_person_may_refer() -> None:
    talk = at_proposal()
    talk.conversation.profile["occupation_class"] = 4
    talk.mean("greeting")
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == "occupation"
