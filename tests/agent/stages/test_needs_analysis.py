"""NEEDS_ANALYSIS: what is asked, what is not, and what an answer leaves behind."""

from __future__ import annotations

import pytest

from src.agent.memory import Doubt
from src.agent.profile import ASKED
from src.agent.turn import MAX_ASKS
from tests.agent.talk import Talk


def test_a_silent_prospect_hears_at_most_eight_questions() -> None:
    talk = Talk().agree().answer_until()
    assert sum(talk.conversation.asked.values()) - talk.conversation.asked["choice"] == 8
    assert set(talk.conversation.asked) == {"consent", *ASKED, "choice"}


def test_what_is_known_is_not_asked() -> None:
    talk = Talk().agree()
    talk.mean('name="Luis"', "age=42", "smoker=false", "dependents=2", "monthly_income=2500")
    assert talk.awaiting == "mortgage_balance"
    talk.mean("mortgage_balance=0", 'occupation="fontanero"', "occupation_class=2")
    assert talk.awaiting == "choice"
    assert talk.conversation.asked.keys() == {"consent", "name", "mortgage_balance", "choice"}


def test_a_birth_date_answers_the_question_for_the_age_and_the_age_grows_with_time() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean('birth_date="1991-11-25"')
    assert talk.profile["age"] == 28 + 6
    assert talk.conversation.profile_sources["age"].by == "system"
    talk.wait(days=10)
    talk.mean("greeting")
    assert talk.profile["age"] == 35
    assert talk.conversation.profile_sources["age"].replaced == [34]


def test_an_age_that_contradicts_the_birth_date_is_the_newer_word() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean('birth_date="1991-11-25"')
    talk.mean("age!=40")
    assert talk.profile["age"] == 40
    assert "birth_date" not in talk.profile


def test_a_value_keeps_where_it_came_from_and_what_it_replaced() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("age=54")
    talk.mean("age!=45")
    source = talk.conversation.profile_sources["age"]
    assert talk.profile["age"] == 45
    assert source.replaced == [54]
    assert (source.by, source.at, source.message_id) == ("prospect", talk.now, f"wamid.{talk._count}")
    talk.mean("age!=46")
    assert talk.conversation.profile_sources["age"].replaced == [54, 45]
    assert "46" in talk.text


def test_the_same_value_again_changes_nothing() -> None:
    talk = Talk().agree().answer_until("smoker")
    before = talk.conversation.profile_sources["age"]
    talk.mean("age=35", "affirm")
    assert talk.conversation.profile_sources["age"] == before
    assert talk.awaiting == "smoker"


def test_none_is_zero_not_absence() -> None:
    talk = Talk().agree().answer_until("mortgage_balance")
    talk.press("set:mortgage_balance:0")
    assert talk.profile["mortgage_balance"] == 0
    assert talk.awaiting == "occupation"


@pytest.mark.parametrize("key", ["name", "dependents", "monthly_income", "mortgage_balance"])
def test_declining_an_optional_fact_is_an_answer(key: str) -> None:
    talk = Talk().agree().answer_until(key)
    talk.mean("dont_know")
    assert talk.awaiting != key
    assert key not in talk.profile
    talk.answer_until()
    assert key not in talk.profile
    assert talk.awaiting == "choice"


@pytest.mark.parametrize("key", ["age", "smoker", "occupation"])
def test_a_needed_fact_is_explained_then_a_person_helps(key: str) -> None:
    talk = Talk().agree().answer_until(key)
    talk.mean("dont_know")
    assert talk.awaiting == key
    assert "precio" in talk.text
    talk.mean("dont_know")
    talk.mean("dont_know")
    assert talk.conversation.owner == "human"
    assert talk.conversation.asked[key] == MAX_ASKS


def test_three_failures_rephrase_twice_and_then_bring_a_person() -> None:
    talk = Talk().agree().answer_until("age")
    first = talk.text
    talk.mean("unclear")
    second = talk.text
    talk.mean("unclear")
    third = talk.text
    assert len({first, second, third}) == 3
    assert talk.awaiting == "age"
    talk.mean("unclear")
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == "not_understood"
    assert talk.conversation.outcome == "handed_over"


def test_understanding_something_counts_failures_anew() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("unclear")
    talk.mean("unclear")
    talk.mean("age=35")
    talk.mean("unclear")
    assert talk.conversation.owner == "bot"
    assert talk.awaiting == "smoker"


def test_side_questions_never_ask_a_fourth_time_and_keep_the_question_open() -> None:
    talk = Talk().agree().answer_until("smoker")
    for _ in range(5):
        talk.mean("question:price")
        assert talk.awaiting == "smoker"
    assert talk.conversation.asked["smoker"] == MAX_ASKS
    assert talk.conversation.owner == "bot"
    assert "¿" not in talk.text
    talk.mean("smoker=false")
    assert talk.awaiting == "dependents"


def test_an_unsure_value_is_confirmed_before_it_counts() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("age?=37")
    assert talk.awaiting == "confirm:age"
    assert "age" not in talk.profile
    assert "37" in talk.text
    assert talk.options == ["confirm:yes", "confirm:no"]
    talk.press("confirm:yes")
    assert talk.profile["age"] == 37
    assert talk.awaiting == "smoker"


def test_a_plain_yes_confirms_too() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("age?=37")
    talk.mean("affirm")
    assert talk.profile["age"] == 37


def test_what_is_not_confirmed_is_asked_openly() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("age?=37")
    talk.press("confirm:no")
    assert talk.awaiting == "age"
    assert "age" not in talk.profile


def test_the_right_value_instead_of_a_confirmation_settles_it() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("age?=37")
    talk.mean("deny", "age!=38")
    assert talk.profile["age"] == 38
    assert talk.awaiting == "smoker"


def test_a_confirmation_that_is_not_understood_brings_a_person_in_the_end() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("age?=37")
    texts = {talk.text}
    for _ in range(2):
        talk.mean("unclear")
        assert talk.awaiting == "confirm:age"
        texts.add(talk.text)
    talk.mean("unclear")
    assert talk.conversation.owner == "human"
    assert len(texts) == 3


def test_an_occupation_is_confirmed_together_with_its_class() -> None:
    for answer, known in (("affirm", True), ("deny", False)):
        talk = Talk().agree().answer_until("occupation")
        talk.mean('occupation?="electricista"', "occupation_class?=2")
        assert talk.awaiting == "confirm:occupation"
        talk.mean(answer)
        assert talk.awaiting == ("choice" if known else "occupation")
        assert (talk.profile.get("occupation_class") == 2) is known


def test_two_doubts_are_settled_one_after_the_other() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("age?=37", "smoker?=true")
    assert talk.awaiting == "confirm:age"
    talk.press("confirm:yes")
    assert talk.awaiting == "confirm:smoker"
    talk.press("confirm:yes")
    assert talk.profile["smoker"] is True


def test_a_doubt_about_what_is_known_anyway_is_none() -> None:
    talk = Talk().agree().answer_until("smoker")
    talk.mean("age?=35")
    assert talk.awaiting == "smoker"


@pytest.mark.parametrize(
    "value",
    [
        "age=150",
        "age=-1",
        "age=35.5",
        'birth_date="2090-01-01"',
        'marital_status="confused"',
        "smoker=1",
        "dependents=true",
        "monthly_income=-5",
        'name=""',
        'birth_date="1985-02-31"',
        'age="40"',
    ],
)
def test_a_value_that_cannot_be_is_not_taken(value: str) -> None:
    talk = Talk().agree().answer_until("age")
    before = dict(talk.profile)
    talk.mean(value)
    assert talk.profile == before
    assert "cifra" in talk.text
    assert talk.awaiting == "age"


def test_an_unknown_key_is_not_kept() -> None:
    talk = Talk().agree()
    talk.mean("shoe_size=42")
    assert talk.profile == {}


def test_only_the_year_of_birth_leads_to_the_whole_date() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("details.birth_year=1978")
    assert talk.awaiting == "birth_date"
    assert talk.conversation.details["birth_year"] == 1978
    talk.mean("unclear:invalid_date")
    assert talk.awaiting == "birth_date"
    talk.mean('birth_date="1978-03-01"')
    assert talk.profile["age"] == 48


def test_an_own_figure_needs_no_sizing() -> None:
    talk = Talk().agree().answer_until("dependents")
    talk.mean("sum_assured=150000")
    assert talk.awaiting == "occupation"


def test_nobody_to_provide_for_needs_no_income() -> None:
    talk = Talk().agree().answer_until("dependents")
    talk.press("set:dependents:0")
    assert talk.awaiting == "mortgage_balance"


def test_without_an_income_the_sum_is_asked_and_without_a_sum_an_example_is_quoted() -> None:
    talk = Talk().agree().answer_until("monthly_income")
    talk.press("skip:monthly_income")
    talk.answer_until("sum_assured")
    assert talk.options == ["set:sum_assured:100000", "set:sum_assured:150000", "set:sum_assured:200000"]
    talk.mean("dont_know:sum_assured")
    assert talk.awaiting == "choice"
    assert "sum_assured" not in talk.profile


def test_an_occupation_without_a_class_is_asked_about() -> None:
    talk = Talk().agree().answer_until("occupation")
    talk.mean('occupation="domador de pulgas"')
    assert talk.awaiting == "occupation_class"
    talk.press("set:occupation_class:2")
    assert talk.awaiting == "choice"
    assert talk.profile["occupation"] == "domador de pulgas"


@pytest.mark.parametrize("risk", ["occupation_class=4", 'details.sport="paracaidismo"'])
def test_a_risky_job_or_sport_goes_to_a_person(risk: str) -> None:
    talk = Talk().agree().answer_until("occupation")
    talk.mean('occupation="bombero"', risk)
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == "occupation"
    assert talk.conversation.owner == "human"
    assert talk.conversation.quotes == []


def test_over_the_age_limit_is_said_kindly_and_a_person_is_told() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("age=82")
    assert (talk.stage, talk.conversation.outcome, talk.awaiting) == ("FINALIZADO", "ineligible", None)
    assert talk.step.handoff is not None
    assert talk.step.handoff.reason == "over_age"
    assert "65" in talk.text


def test_a_goodbye_in_between_leaves_the_question_open() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("bye")
    assert talk.awaiting == "age"
    assert "?" not in talk.text


def test_smoking_now_and_then_is_explained() -> None:
    talk = Talk().agree().answer_until("smoker")
    talk.mean("smoker=true")
    assert "de vez en cuando" in talk.text


def test_another_persons_facts_are_kept_apart() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("couple")
    assert talk.conversation.details["insured_count"] == 2
    talk.mean("age=41", 'details.second_person={"age": 39}', 'details.beneficiary="mi mujer"')
    assert talk.profile["age"] == 41
    assert talk.conversation.details["second_person"] == {"age": 39}
    assert "aparte" in talk.text
    assert "beneficiario" in talk.text


def test_a_mortgage_told_with_its_years_is_the_cover_s_purpose() -> None:
    talk = Talk().agree().answer_until("mortgage_balance")
    talk.mean("question:vinculado-a-hipoteca")
    talk.mean("mortgage_balance=165000", "term_years=22")
    assert talk.conversation.details["product"] == "mortgage_linked"


def test_a_yes_to_an_amount_asks_for_the_amount() -> None:
    talk = Talk().agree().answer_until("mortgage_balance")
    talk.mean("affirm")
    assert talk.awaiting == "mortgage_balance"
    assert "Seguimos" not in talk.text


def test_not_now_is_not_pressed() -> None:
    talk = Talk().agree().answer_until("age")
    talk.mean("objection:timing")
    assert "?" not in talk.text
    assert talk.awaiting == "age"


def test_a_stale_button_does_not_answer_another_question() -> None:
    talk = Talk().agree().answer_until("smoker")
    talk.press("confirm:yes")
    assert "smoker" not in talk.profile
    talk.press("consent:yes")
    assert "smoker" not in talk.profile
    talk.press("skip:monthly_income")
    assert talk.awaiting == "smoker"
    assert talk.conversation.memory.misses == 0


def test_why_is_answered_for_the_open_question_and_for_the_capital() -> None:
    talk = Talk().agree().answer_until("occupation")
    talk.mean("question:why")
    assert "riesgo del trabajo" in talk.text
    talk.mean('occupation="domador de pulgas"')
    talk.mean("question:why")
    assert "La cuenta es" in talk.text
    assert "faltan" in talk.text


def test_an_answer_with_a_question_mark_is_an_answer() -> None:
    talk = Talk(search=lambda query, language: ()).agree().answer_until("age")
    talk.mean("age=35", "question:")
    assert talk.profile["age"] == 35
    assert "persona" not in talk.text


def test_another_reading_of_the_same_words_can_be_pressed_unless_it_cannot_be_meant() -> None:
    talk = Talk().agree().answer_until("smoker")
    talk.conversation.memory.doubts = [Doubt("age", 37, "1", [37, 38])]
    talk.mean("unclear")
    assert talk.options == ["confirm:yes", "set:age:38", "confirm:no"]
    talk.press("set:age:38")
    assert talk.profile["age"] == 38
    talk.conversation.memory.doubts = [Doubt("sum_assured", 150_000, "1", [150])]
    talk.mean("unclear")
    assert talk.options == ["confirm:yes", "confirm:no"]


def test_what_is_told_of_another_person_in_pieces_adds_up() -> None:
    talk = Talk()
    talk.mean("couple")
    assert "Cada persona" in talk.text or "por separado" in talk.text
    talk.press("consent:yes")
    assert talk.conversation.details["insured_count"] == 2
    talk.mean('details.second_person={"age": 39}')
    assert "aparte" in talk.text
    talk.mean('details.second_person={"smoker": true}')
    assert "aparte" not in talk.text
    assert talk.conversation.details["second_person"] == {"age": 39, "smoker": True}


def test_day_and_month_complete_the_year_that_was_told() -> None:
    for rest in ("12 de mayo", "12/05", "el 12 del 5"):
        talk = Talk().agree().answer_until("age")
        talk.say("soy del 78")
        assert talk.awaiting == "birth_date"
        talk.say(rest)
        assert talk.profile["birth_date"] == "1978-05-12", rest


def test_a_trade_that_is_also_a_word_for_a_person_is_a_trade_where_it_is_asked() -> None:
    talk = Talk().agree().answer_until("occupation")
    talk.say("comercial")
    assert talk.conversation.owner == "bot"
    assert talk.profile["occupation"] == "comercial"
    talk = Talk().agree().answer_until("occupation")
    talk.say("quiero hablar con un comercial")
    assert talk.conversation.owner == "human"


def test_nobody_ever_agrees_to_a_value_that_was_not_shown() -> None:
    talk = Talk().agree().answer_until("monthly_income")
    for words in ("entre 1500 y 1800", "mmm", "bueno", "eh", "la 2", "pues"):
        talk.say(words)
        if talk.conversation.owner == "bot" and (talk.awaiting or "").startswith("confirm:"):
            shown = talk.agent.flow_of(talk.conversation, [], talk.now)["turn"]
            (doubt, *_) = shown.conversation.memory.doubts
            assert f"{doubt.value:,}".replace(",", ".") in talk.text


@pytest.mark.parametrize(
    ("name", "called"), [("J. Antonio", "J. Antonio"), ("señora García", "Señora García"), ("Marta Ruiz", "Marta")]
)
def test_people_are_called_by_more_than_an_initial_or_a_title(name: str, called: str) -> None:
    talk = Talk().agree()
    talk.say(name)
    assert f"Mucho gusto, {called}." in talk.text
