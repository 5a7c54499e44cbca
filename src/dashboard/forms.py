"""What operators type into a conversation's forms, made into messages and profile values, and faults sorted by field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from src.agent.profile import FIELDS as VALUES

Kind = Literal["text", "number", "date", "choice"]
CHOICES: Mapping[str, Mapping[str, Any]] = {
    key: {"yes": True, "no": False} if field.kind == "yes_or_no" else {str(value): value for value in field.choices}
    for key, field in VALUES.items()
    if field.choices or field.kind == "yes_or_no"
}
FIELDS: Mapping[str, Kind] = {
    key: "choice" if key in CHOICES else "number" if field.is_number else "date" if field.kind == "date" else "text"
    for key, field in VALUES.items()
}
"""The profile's values in the order in which people find them."""
_BEFORE = "before-"
_MOST_DIGITS = 40
# A mark before three digits groups thousands, as 130.000 does in Spain and 130,000 elsewhere; before one or two it begins
# the cents. The two must differ.
_NUMBER = re.compile(
    r"(?P<whole>[1-9][0-9]{0,2}(?P<mark>[., ])[0-9]{3}(?:(?P=mark)[0-9]{3})*|[0-9]+)(?:(?!(?P=mark))[.,](?P<cents>[0-9]{1,2}))?"
)


class Field(msgspec.Struct, frozen=True):
    """One field of the profile's form. `before` is what stood in it when the operator began."""

    key: str
    kind: Kind
    typed: str
    before: str
    choices: tuple[str, ...]


def profile_fields(profile: Mapping[str, Any], form: Mapping[str, str]) -> list[Field]:
    """The form as it is shown: what is known, or what was typed into it when it comes back."""
    fields = []
    for key, kind in FIELDS.items():
        known = _as_typed(key, profile.get(key))
        fields.append(
            Field(
                key=key,
                kind=kind,
                typed=form.get(key, known),
                before=form.get(f"{_BEFORE}{key}", known),
                choices=tuple(CHOICES.get(key, ())),
            )
        )
    return fields


def profile_changes(form: Mapping[str, str]) -> dict[str, Any]:
    """The values that the operator changed, None for those that were emptied.

    Only those: what the prospect told while the form was open stays. What cannot be read stays as it was typed.
    """
    changes: dict[str, Any] = {}
    for key in FIELDS:
        typed = form.get(key, "").strip()
        if typed != form.get(f"{_BEFORE}{key}", "").strip():
            changes[key] = _value(key, typed)
    return changes


def message(form: Mapping[str, str]) -> dict[str, Any]:
    """The message in the shape that operators send it in. A template's parameters stand one in a line."""
    if "template" not in form:
        return {"text": form.get("text", "")}
    values = [line.strip() for line in form.get("parameters", "").splitlines() if line.strip()]
    filled = [{"type": "body", "parameters": [{"type": "text", "text": value} for value in values]}] if values else []
    return {"template": {"name": form["template"].strip(), "language": form.get("language", "").strip(), "components": filled}}


def by_field(faults: Iterable[str]) -> dict[str, str]:
    """The faults of an InvalidRequest by the field that they begin with, without its name."""
    sorted_: dict[str, str] = {}
    for fault in faults:
        field, _, what = fault.partition(": ")
        sorted_.setdefault({"template.name": "template", "template.language": "language"}.get(field, field), what or fault)
    return sorted_


def _as_typed(key: str, value: Any) -> str:
    if value is None:
        return ""
    if key in CHOICES:
        return next((written for written, meant in CHOICES[key].items() if meant == value), "")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _value(key: str, typed: str) -> Any:
    if not typed:
        return None
    if key in CHOICES:
        return CHOICES[key].get(typed, typed)
    return _number(typed) if FIELDS[key] == "number" else typed


def _number(typed: str) -> int | float | str:
    match = _NUMBER.fullmatch(typed.removesuffix("€").strip()) if len(typed) <= _MOST_DIGITS else None
    if match is None:
        return typed
    whole = re.sub("[., ]", "", match["whole"])
    return float(f"{whole}.{match['cents']}") if match["cents"] else int(whole)
