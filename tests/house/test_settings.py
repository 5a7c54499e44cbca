"""One schema for everybody who writes a setting; the environment over the store over defaults; the way back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from src.house.changes import Change, back_to
from src.house.settings import SCHEMA, HouseSettings, checked, from_environment, resolved

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def test_every_setting_has_a_default_of_its_own_kind() -> None:
    for name, setting in SCHEMA.items():
        assert setting.read(setting.default, called=name) == setting.default
        assert setting.label
    assert resolved({}, {}) == HouseSettings()


def test_the_environment_is_over_the_store_and_the_store_over_defaults() -> None:
    house = resolved({"company_name": "Del entorno"}, {"company_name": "Guardado", "retention_days": 20})
    assert (house.company_name, house.retention_days, house.agent_address) == ("Del entorno", 20, "tu")


def test_what_another_version_stored_and_this_one_cannot_read_is_left_out() -> None:
    house = resolved({}, {"retention_days": "mucho", "of_the_future": {"a": 1}, "agent_address": "usted"})
    assert (house.retention_days, house.agent_address) == (10, "usted")


def test_an_empty_variable_says_nothing() -> None:
    assert from_environment({"COMPANY_NAME": "  ", "RETENTION_DAYS": ""}) == ({}, [])


def test_every_fault_is_told_by_its_variable() -> None:
    given, faults = from_environment({"RETENTION_DAYS": "1.5", "TIMEZONE": "Europe/Atlantis", "COMPANY_NAME": "Ñandú"})
    assert given == {"company_name": "Ñandú"}
    assert faults == [
        "TIMEZONE: 'Europe/Atlantis' is not a time zone such as Europe/Madrid",
        "RETENTION_DAYS: 1.5 is not a whole number",
    ]


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("retention_days", "30", 30),
        ("retention_days", 30, 30),
        ("handoff_timeout_s", "0", 0.0),
        ("company_name", "  Seguros Ñandú ", "Seguros Ñandú"),
        ("privacy_url", "https://example.com/privacidad", "https://example.com/privacidad"),
        ("alert_whatsapp", "+34600000000", "+34600000000"),
        ("company_legal_notice", "", ""),
        ("timezone", None, None),
    ],
)
def test_what_is_right_is_read(name: str, written: Any, value: Any) -> None:
    assert checked({name: written}) == ({name: value}, [])


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("retention_days", True),
        ("retention_days", "nan"),
        ("retention_days", 0),
        ("retention_days", [1]),
        ("retention_days", 10**400),
        ("company_name", ""),
        ("company_name", 5),
        ("company_name", "x" * 201),
        ("agent_address", "vos"),
        ("privacy_url", "javascript:alert(1)"),
        ("timezone", "../../etc/passwd"),
        ("alert_email", "nobody"),
        ("no_such_thing", "x"),
    ],
)
def test_what_is_wrong_is_a_fault_that_names_it(name: str, written: Any) -> None:
    values, faults = checked({name: written, "agent_style": "model"})
    assert values == {"agent_style": "model"}
    [fault] = faults
    assert fault.startswith(f"{name}: ")


def test_what_is_somebodys_is_not_shown_in_a_fault() -> None:
    _, faults = checked(
        {"alert_email": "ana(at)example.com", "alert_whatsapp": "600 secreto", "privacy_url": "ftp://u:geheim@x"}
    )
    assert len(faults) == 3
    assert not any(word in str(faults) for word in ("ana", "secreto", "geheim"))


CHANGES = [
    Change(3, NOW, "b", "company_name", "Uno", "Dos"),
    Change(3, NOW, "b", "timezone", None, "Europe/Lisbon"),
    Change(2, NOW, "a", "retention_days", None, 20),
    Change(1, NOW, "a", "company_name", None, "Uno"),
]


@pytest.mark.parametrize(
    ("version", "then"),
    [
        (3, {}),
        (2, {"company_name": "Uno", "timezone": None}),
        (1, {"company_name": "Uno", "timezone": None, "retention_days": None}),
        (0, {"company_name": None, "timezone": None, "retention_days": None}),
    ],
)
def test_the_way_back_to_a_version(version: int, then: dict[str, Any]) -> None:
    assert back_to(version, CHANGES) == then


@pytest.mark.parametrize("version", [4, -1])
def test_there_is_no_way_to_a_version_that_never_was(version: int) -> None:
    with pytest.raises(LookupError):
        back_to(version, CHANGES)


def test_there_is_no_way_back_beyond_what_is_remembered() -> None:
    with pytest.raises(LookupError, match="versions 2 to 3"):
        back_to(1, CHANGES[:3])
