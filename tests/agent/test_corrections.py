"""What a person corrects: every key of the profile, right and wrong, and what else changes with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest

from src.agent.corrections import correct
from src.agent.memory import Doubt, Memory
from src.agent.profile import FIELDS, ProfileKey
from src.agent.state import Conversation, Held, ProfileSource, new_conversation
from src.errors import InvalidRequest
from tests.agent.talk import CONTACT, START, Talk, at_proposal

LATER = START + timedelta(minutes=5)


def conversation(**profile: Any) -> Conversation:
    made = new_conversation(CONTACT, START)
    made.profile = profile
    made.profile_sources = {key: ProfileSource("wamid.1", START) for key in profile}
    return made


def corrected(before: Conversation | None = None, **changes: Any) -> Conversation:
    return correct(before or conversation(), changes, LATER, "operator")


def faults(**changes: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidRequest) as refused:
        corrected(**changes)
    return refused.value.faults


RIGHT: dict[str, list[Any]] = {
    "name": ["Ana", "José Mª García-Núñez"],
    "birth_date": ["1985-05-03"],
    "age": [0, 45, 120],
    "smoker": [True, False],
    "occupation": ["enfermera"],
    "occupation_class": [1, 4],
    "marital_status": ["single", "widowed"],
    "dependents": [0, 20],
    "monthly_income": [0, 1900.5],
    "mortgage_balance": [0, 150_000],
    "other_debts": [0, 1],
    "savings": [0, 1],
    "existing_cover": [0, 1],
    "sum_assured": [1, 150_000],
    "monthly_budget": [1, 30.5],
    "term_years": [1, 80],
    "email": ["ana@example.com"],
    "postal_code": ["28001", "08001"],
}
NO_TEXT: list[Any] = [1, True, [], {}, "", "   ", "\x00", "x" * 201]
WRONG: dict[str, list[Any]] = {
    "name": [*NO_TEXT, "12345678Z"],
    "birth_date": [
        19850503,
        "19850503",
        "1985-W01-1",
        "1985-5-3",
        "1985-02-30",
        "2085-01-01",
        "1850-01-01",
        "3/5/1985",
        "",
        [],
    ],
    "smoker": ["yes", 1, 0, []],
    "occupation": [*NO_TEXT, "tengo cáncer y soy ES9121000418450200051332"],
    "marital_status": ["Single", "", 1, [], {}],
    "email": [*NO_TEXT, "ana", "ana@", "@example.com", "ana@example", "a b@example.com"],
    "postal_code": [*NO_TEXT, "1", "28001-28001-28", "ñ8001"],
    **{
        key: ["1", True, [], {}, float("nan"), float("inf"), least - 1, most + 1, 10**400]
        for key, (least, most) in ((key, field.bounds) for key, field in FIELDS.items() if field.bounds)
    },
}


def test_these_are_all_the_keys_of_the_contract() -> None:
    assert set(FIELDS) == set(get_args(ProfileKey)) == set(RIGHT) == set(WRONG)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in RIGHT.items() for value in values])
def test_a_right_value_is_kept_with_its_source(key: str, value: Any) -> None:
    before = conversation(name="Eva")
    after = corrected(before, **{key: value})
    assert after.profile[key] == value
    source = after.profile_sources[key]
    assert (source.by, source.at, source.message_id) == ("human", LATER, "operator")
    assert before.profile == {"name": "Eva"}, "the conversation that was given is left as it is"


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values], ids=repr)
def test_a_wrong_value_is_refused_by_the_name_of_its_key(key: str, value: Any) -> None:
    [fault] = faults(**{key: value})
    assert fault.startswith(f"{key}: ")
    assert "12345678Z" not in fault


@pytest.mark.parametrize("key", ["dependents", "age", "term_years", "occupation_class"])
def test_a_count_is_whole(key: str) -> None:
    assert faults(**{key: 2.5}) == (f"{key}: a whole number",)
    kept = corrected(**{key: 2.0}).profile[key]
    assert (kept, type(kept)) == (2, int)


def test_every_fault_is_told_at_once() -> None:
    found = faults(age="old", smoker="no", nickname="Anita", sum_assured=0)
    assert [fault.partition(":")[0] for fault in found] == ["age", "smoker", "nickname", "sum_assured"]


def test_one_wrong_value_changes_nothing() -> None:
    before = conversation(age=40)
    with pytest.raises(InvalidRequest):
        corrected(before, age=41, smoker="no")
    assert before.profile == {"age": 40}


def test_nothing_to_correct_is_a_fault() -> None:
    assert "give one or more of name, birth_date" in faults()[0]


@pytest.mark.parametrize("key", ["34600111222", "Ana Ruiz", "x" * 5000, "", "age "])
def test_what_is_no_key_is_not_said_back(key: str) -> None:
    [fault] = faults(**{key: 1})
    assert fault.startswith("one of the keys: not a profile value")


def test_the_values_before_are_remembered_oldest_first() -> None:
    after = corrected(corrected(conversation(age=54), age=45), age=46)
    assert after.profile_sources["age"].replaced == [54, 45]


def test_the_same_value_again_replaces_nothing() -> None:
    assert corrected(conversation(age=45), age=45).profile_sources["age"].replaced == []


@pytest.mark.parametrize("key", RIGHT)
def test_nothing_takes_a_value_out_with_its_source(key: str) -> None:
    after = corrected(conversation(**{key: RIGHT[key][0], "existing_cover": 0}), **{key: None})
    assert key not in after.profile
    assert key not in after.profile_sources


def test_taking_out_what_is_not_there_is_fine() -> None:
    assert corrected(email=None).profile == {}


def test_a_date_of_birth_brings_the_age_with_it() -> None:
    after = corrected(conversation(age=54), birth_date="1985-11-21")
    assert after.profile == {"age": 40, "birth_date": "1985-11-21"}
    assert (after.profile_sources["age"].by, after.profile_sources["age"].replaced) == ("system", [54])


def test_an_age_takes_the_date_of_birth_along_with_its_source() -> None:
    after = corrected(corrected(birth_date="1985-05-03"), age=30)
    assert after.profile == {"age": 30}
    assert set(after.profile_sources) == {"age"}


def test_age_and_date_of_birth_at_once_are_one_too_many() -> None:
    assert faults(age=40, birth_date="1985-05-03") == ("age: it follows from birth_date; give one of the two",)
    assert corrected(conversation(birth_date="1990-01-01"), age=40, birth_date=None).profile == {"age": 40}


def test_an_occupation_brings_its_class_with_it() -> None:
    after = corrected(conversation(occupation="albañil", occupation_class=3), occupation="administrativa")
    assert (after.profile["occupation_class"], after.profile_sources["occupation_class"].by) == (1, "system")


def test_a_class_that_is_unknown_is_asked_for_rather_than_left_as_it_was() -> None:
    after = corrected(conversation(occupation="albañil", occupation_class=3), occupation="xilófagoterapeuta")
    assert after.profile == {"occupation": "xilófagoterapeuta"}


def test_a_class_given_along_holds() -> None:
    for changes in (
        {"occupation": "administrativa", "occupation_class": 2},
        {"occupation_class": 2, "occupation": "administrativa"},
    ):
        assert corrected(**changes).profile["occupation_class"] == 2


def test_what_was_going_to_be_confirmed_is_settled() -> None:
    before = conversation()
    before.awaiting = "confirm:age"
    before.memory = Memory(doubts=[Doubt("age", 54, "m1"), Doubt("savings", 1, "m1")], skipped=["age", "email"])
    before.pending = {"age": Held({"key": "age", "value": 54}, "m1", before.created_at)}
    after = corrected(before, age=45)
    assert after.awaiting is None
    assert after.memory == Memory(doubts=[Doubt("savings", 1, "m1")], skipped=["email"])
    assert after.pending == {}


def test_the_open_question_stays_open_unless_it_was_answered() -> None:
    before = conversation(age=40)
    before.awaiting = "smoker"
    assert corrected(before, age=41).awaiting == "smoker"
    assert corrected(before, smoker=None).awaiting == "smoker"
    assert corrected(before, smoker=True).awaiting is None


# --- what the agent makes of it -----------------------------------------------------------------------------------------


def after_correction(talk: Talk, **changes: Any) -> Talk:
    talk.conversation = correct(talk.conversation, changes, talk.now, "operator")
    return talk


def test_the_agent_uses_it_and_says_so_when_the_price_depends_on_it() -> None:
    talk = at_proposal(smoker=False)
    prices = [quote.monthly_premium for quote in talk.conversation.quotes]
    after_correction(talk, smoker=True).say("¿entonces?")
    assert all(now > before for now, before in zip([q.monthly_premium for q in talk.conversation.quotes], prices, strict=True))
    assert "Fuma" in talk.text
    talk.say("vale")
    assert "Fuma: sí" not in talk.text, "it is said once"


@pytest.mark.parametrize(
    "first", [{"birth_date": "1985-05-03"}, {"age": 40}, {"occupation": "albañil"}, {"email": "a@example.com"}]
)
@pytest.mark.parametrize(
    "second", [{"birth_date": "1991-05-03"}, {"age": 41}, {"occupation": None}, {"email": None}, {"age": None}]
)
def test_whatever_is_corrected_after_whatever_the_conversation_goes_on(first: Any, second: Any) -> None:
    talk = after_correction(after_correction(at_proposal(), **first), **second)
    assert talk.say("hola, ¿seguimos?").replies


def test_what_is_corrected_is_not_asked_again() -> None:
    talk = Talk().agree().answer_until("smoker")
    after_correction(talk, smoker=False).say("hola")
    assert talk.awaiting != "smoker"


def test_a_correction_survives_storing() -> None:
    after = corrected(name="Ana", monthly_income=1900.5, smoker=False, birth_date="1985-05-03")
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(after)), Conversation) == after
