"""What operators type becomes values and messages of ours, and nothing that they did not touch is changed."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.agent.profile import COUNTED, FIELDS, ProfileKey
from src.dashboard import forms


def typed(**values: str) -> dict[str, str]:
    """A form whose fields stood empty."""
    return {**{f"before-{key}": "" for key in values}, **values}


def test_every_value_that_can_be_corrected_has_a_field() -> None:
    assert set(forms.FIELDS) == set(FIELDS) == set(get_args(ProfileKey))
    assert set(forms.CHOICES["marital_status"]) == set(FIELDS["marital_status"].choices)
    assert all(forms.FIELDS[key] == "number" or key in forms.CHOICES for key in COUNTED)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0", 0),
        ("130000", 130_000),
        ("130.000", 130_000),
        ("130,000", 130_000),
        ("130 000 €", 130_000),
        ("1.234.567", 1_234_567),
        ("1.234.567,89", 1_234_567.89),
        ("1,234,567.89", 1_234_567.89),
        ("1.500,5", 1500.5),
        ("20,5", 20.5),
        ("20.50", 20.5),
        ("36 ", 36),
        # these say nothing certain, and are refused as they stand
        ("0.500", "0.500"),
        ("1.500.50", "1.500.50"),
        ("1,5,0", "1,5,0"),
        ("12.3456", "12.3456"),
        ("-5", "-5"),
        ("1e6", "1e6"),
        ("٣٦", "٣٦"),
        ("treinta", "treinta"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_numbers_are_read_as_spaniards_and_others_write_them(written: str, meant: Any) -> None:
    read = forms.profile_changes(typed(savings=written))["savings"]
    assert (read, type(read)) == (meant, type(meant))


@given(st.integers(0, 99_999_999), st.sampled_from([",", ".", " ", ""]))
def test_a_grouped_number_is_the_number(amount: int, mark: str) -> None:
    written = f"{amount:,}".replace(",", mark)
    assert forms.profile_changes(typed(savings=written)) == {"savings": amount}


@pytest.mark.parametrize(
    ("key", "written", "meant"),
    [
        ("smoker", "yes", True),
        ("smoker", "no", False),
        ("smoker", "maybe", "maybe"),
        ("occupation_class", "3", 3),
        ("marital_status", "widowed", "widowed"),
        ("birth_date", "1985-07-31", "1985-07-31"),
        ("occupation", "  enfermera ", "enfermera"),
        ("postal_code", "08001", "08001"),
    ],
)
def test_values_are_of_their_keys_kind(key: str, written: str, meant: Any) -> None:
    assert forms.profile_changes(typed(**{key: written})) == {key: meant}


PROFILE: dict[str, Any] = {
    "name": "Marta", "smoker": False, "age": 36, "monthly_income": 2100.5, "savings": 12_000.0, "occupation_class": 1,
    "marital_status": "married", "birth_date": "1990-01-31",
}  # fmt: skip


def sent(profile: dict[str, Any]) -> dict[str, str]:
    """The form as the browser sends it when nothing was touched."""
    form: dict[str, str] = {}
    for field in forms.profile_fields(profile, {}):
        form |= {field.key: field.typed, f"before-{field.key}": field.before}
    return form


def test_what_is_not_touched_is_not_changed() -> None:
    assert forms.profile_changes(sent(PROFILE)) == {}
    assert forms.profile_changes({}) == {}


@pytest.mark.parametrize("key", PROFILE)
def test_an_emptied_field_takes_its_value_out_and_a_refilled_one_is_the_same(key: str) -> None:
    form = sent(PROFILE)
    shown = form[key]
    assert shown
    assert forms.profile_changes({**form, key: " "}) == {key: None}
    assert forms.profile_changes({**form, f"before-{key}": ""}) == {key: PROFILE[key]}
    assert forms.profile_changes({**form, key: f" {shown} "}) == {}


def test_a_form_that_comes_back_shows_what_was_typed_and_remembers_what_stood_there() -> None:
    form = {**sent(PROFILE), "age": "400", "name": "Marta Ruiz"}
    fields = {field.key: field for field in forms.profile_fields(PROFILE, form)}
    assert (fields["age"].typed, fields["age"].before) == ("400", "36")
    assert (fields["name"].typed, fields["name"].before) == ("Marta Ruiz", "Marta")


def test_faults_go_to_the_fields_they_begin_with() -> None:
    faults = [
        "age: a number: from 0",
        "template.name: lower-case",
        "template.language: a code",
        "nothing to say",
        "age: second",
    ]
    assert forms.by_field(faults) == {
        "age": "a number: from 0", "template": "lower-case", "language": "a code", "nothing to say": "nothing to say",
    }  # fmt: skip


def test_a_text_goes_as_it_was_typed() -> None:
    assert forms.message({"text": " hola\n"}) == {"text": " hola\n"}
    assert forms.message({}) == {"text": ""}


def test_a_template_is_filled_line_by_line() -> None:
    form = {"template": " seguimiento ", "language": "es", "parameters": "Marta Ruiz\r\n\r\n 12,50 € \n"}
    parameters = [{"type": "text", "text": "Marta Ruiz"}, {"type": "text", "text": "12,50 €"}]
    components = [{"type": "body", "parameters": parameters}]
    assert forms.message(form) == {"template": {"name": "seguimiento", "language": "es", "components": components}}
    assert forms.message({"template": "hola", "language": "es"})["template"]["components"] == []
