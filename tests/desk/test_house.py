"""What people may change of the house, what they may not, and what they are told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from src.desk.house import HouseDesk, VendorAccess
from src.errors import AccessDenied, ConfigurationError, Conflict, InvalidRequest, VendorRefused
from src.house.changes import Change, Stored, StoredSetting
from src.integrations.sealing import Seals

NOW = datetime(2026, 11, 30, tzinfo=UTC)
KEY = "a key that is long enough for a test"
GOOD = {"OPENAI_API_KEY": "sk-good"}


class Memory:
    """A store in memory with the same promises."""

    def __init__(self) -> None:
        self.version = 0
        self.settings: dict[str, StoredSetting] = {}
        self.all: list[Change] = []

    def read(self) -> Stored:
        return Stored(self.version, dict(self.settings))

    def write(self, changes: Mapping[str, Any], *, by: str, seen: int | None) -> tuple[int, list[str]]:
        nothing = StoredSetting(None, 0, NOW, "")
        moved = {name: value for name, value in changes.items() if self.settings.get(name, nothing).value != value}
        clashes = [name for name in moved if seen is not None and self.settings.get(name, nothing).version > seen]
        if clashes or not moved:
            return self.version, clashes
        self.version += 1
        for name, value in moved.items():
            before = self.settings.get(name, nothing).value
            self.all.insert(0, Change(self.version, NOW, by, name, before, value))
            self.settings[name] = StoredSetting(value, self.version, NOW, by)
        return self.version, []

    def changes(self, limit: int = 1000) -> list[Change]:
        return self.all[:limit]


class Office:
    """A desk whose vendor knows the keys in `valid`."""

    def __init__(self, *, given: Mapping[str, Any] | None = None, variable: str = "", keys: tuple[str, ...] = (KEY,)) -> None:
        self.valid, self.asked, self.told = {"sk-good", "sk-better"}, 0, 0
        self.store = Memory()
        self.desk = self.with_keys(keys, given=given, variable=variable)

    def with_keys(self, keys: tuple[str, ...], given: Mapping[str, Any] | None = None, variable: str = "") -> HouseDesk:
        vendor = VendorAccess(variable=variable, check=self._check, test=self._test)
        return HouseDesk(self.store, Seals(lambda: keys), given or {}, {"openai": vendor}, changed=self._changed)

    def _check(self, values: Mapping[str, str]) -> None:
        if "OPENAI_API_KEY" not in values:
            raise ConfigurationError(["OPENAI_API_KEY: missing"])

    def _test(self, values: Mapping[str, str]) -> None:
        self.asked += 1
        if values["OPENAI_API_KEY"] not in self.valid:
            raise AccessDenied("model", "check", status=401)

    def _changed(self) -> None:
        self.told += 1


def test_a_change_is_shown_at_once_and_told_on() -> None:
    office = Office()
    shown = office.desk.change({"retention_days": "20"}, {}, by="Ana")
    assert shown["settings"]["retention_days"]["value"] == 20
    assert shown["settings"]["retention_days"]["source"] == "stored"
    assert shown["settings"]["retention_days"]["changed"]["by"] == "Ana"
    assert (shown["version"], office.told) == (1, 1)


def test_all_or_nothing_is_changed() -> None:
    office = Office()
    with pytest.raises(InvalidRequest) as refused:
        office.desk.change({"retention_days": 20, "agent_address": "vos"}, {"openai": {}, "nobody": None}, by="Ana")
    assert [fault.partition(":")[0] for fault in refused.value.faults] == ["agent_address", "OPENAI_API_KEY", "nobody"]
    assert office.store.version == 0


def test_what_the_environment_sets_is_read_only_and_copied_nowhere() -> None:
    office = Office(given={"company_name": "Del entorno"}, variable="OPENAI_API_KEY")
    for settings, vendors in (({"company_name": "Otro"}, {}), ({}, {"openai": GOOD}), ({"company_name": None}, {})):
        with pytest.raises(Conflict) as refused:
            office.desk.change(settings, vendors, by="Ana")
        [variable] = refused.value.details["variables"]
        assert (refused.value.code, variable in str(refused.value)) == ("set_by_environment", True)
        assert variable == ("COMPANY_NAME" if settings else "OPENAI_API_KEY")
    shown = office.desk.shown()
    assert shown["settings"]["company_name"]["value"] == "Del entorno"
    assert (shown["settings"]["company_name"]["source"], shown["vendors"]["openai"]["source"]) == ("environment",) * 2
    assert office.store.settings == {}


def test_of_two_people_who_edit_one_setting_the_second_sees_both_values() -> None:
    office = Office()
    seen = office.desk.shown()["version"]
    office.desk.change({"company_name": "De Ana"}, {}, by="Ana", seen=seen)
    with pytest.raises(Conflict) as refused:
        office.desk.change({"company_name": "De Bea"}, {}, by="Bea", seen=seen)
    assert refused.value.code == "changed_meanwhile"
    both = refused.value.details["settings"]["company_name"]
    assert (both["stored"], both["yours"], both["changed"]["by"]) == ("De Ana", "De Bea", "Ana")
    assert office.desk.shown()["settings"]["company_name"]["value"] == "De Ana"
    office.desk.change({"company_name": "De Bea"}, {}, by="Bea", seen=refused.value.details["version"])
    assert office.desk.shown()["settings"]["company_name"]["value"] == "De Bea"


def test_access_to_a_vendor_is_tried_before_it_replaces_what_works() -> None:
    office = Office()
    office.desk.change({}, {"openai": GOOD}, by="Ana")
    with pytest.raises(VendorRefused) as refused:
        office.desk.change({"retention_days": 20}, {"openai": {"OPENAI_API_KEY": "sk-wrong"}}, by="Ana")
    assert "sk-wrong" not in str(refused.value)
    shown = office.desk.shown()
    assert (shown["vendors"]["openai"]["set"], shown["settings"]["retention_days"]["value"]) == (["OPENAI_API_KEY"], 10)
    assert office.store.version == 1


def test_half_a_group_is_refused_and_the_vendor_not_asked() -> None:
    office = Office()
    for half in ({}, {"OPENAI_API_KEY": " "}, {"OPENAI_MODEL": "x"}, {"OPENAI_API_KEY": 5}, "x"):
        with pytest.raises(InvalidRequest):
            office.desk.change({}, {"openai": half}, by="Ana")
    assert (office.asked, office.store.version) == (0, 0)


def test_no_secret_is_shown_anywhere() -> None:
    office = Office()
    office.desk.change({}, {"openai": GOOD}, by="Ana")
    office.desk.change({}, {"openai": {"OPENAI_API_KEY": "sk-better"}}, by="Ana")
    with pytest.raises(Conflict) as refused:
        office.desk.change({}, {"openai": GOOD}, by="Bea", seen=1)
    everything = [office.desk.shown(), office.desk.history(), dict(refused.value.details), office.store.settings]
    assert "sk-" not in str(everything)
    first, second = office.desk.history(name="openai")
    assert (second["before"], second["after"], first["before"], first["after"]) == (None, "set", "set", "set")


def test_everything_goes_back_to_a_version_as_one_more_change() -> None:
    office = Office()
    office.desk.change({"company_name": "Uno"}, {"openai": GOOD}, by="Ana")
    office.desk.change({"company_name": "Dos", "retention_days": 20}, {"openai": {"OPENAI_API_KEY": "sk-better"}}, by="Ana")
    office.desk.change({}, {"openai": None}, by="Ana")
    shown = office.desk.roll_back(1, by="Bea")
    assert shown["settings"]["company_name"]["value"] == "Uno"
    assert (shown["settings"]["retention_days"]["source"], shown["version"]) == ("default", 4)
    assert shown["vendors"]["openai"]["set"] == ["OPENAI_API_KEY"]
    assert {change["by"] for change in office.desk.history() if change["version"] == 4} == {"Bea"}
    assert office.desk.roll_back(3, by="Bea")["vendors"]["openai"]["set"] == []


def test_access_that_has_been_withdrawn_since_does_not_come_back() -> None:
    office = Office()
    office.desk.change({}, {"openai": GOOD}, by="Ana")
    office.desk.change({}, {"openai": {"OPENAI_API_KEY": "sk-better"}}, by="Ana")
    office.valid.remove("sk-good")
    with pytest.raises(VendorRefused):
        office.desk.roll_back(1, by="Ana")
    assert office.store.version == 2


def test_to_a_version_that_never_was_nothing_goes_back() -> None:
    with pytest.raises(InvalidRequest, match="versions 0 to 0"):
        Office().desk.roll_back(5, by="Ana")


def test_with_another_key_a_vendor_is_named_and_entered_again() -> None:
    office = Office()
    office.desk.change({"retention_days": 20}, {"openai": GOOD}, by="Ana")
    elsewhere = office.with_keys(("another key of another host, as long.",))
    shown = elsewhere.shown()
    assert "enter it again" in shown["vendors"]["openai"]["off"]
    assert shown["settings"]["retention_days"]["value"] == 20
    assert elsewhere.change({}, {"openai": GOOD}, by="Bea")["vendors"]["openai"]["off"] == ""


def test_what_an_older_key_sealed_is_sealed_anew() -> None:
    office = Office()
    office.desk.change({}, {"openai": GOOD}, by="Ana")
    new = "a new key that is long enough for it"
    both = office.with_keys((new, KEY))
    assert both.shown()["vendors"]["openai"]["off"] == ""
    assert (both.reseal(by="Ana"), both.reseal(by="Ana")) == (["openai"], [])
    assert office.with_keys((new,)).shown()["vendors"]["openai"]["set"] == ["OPENAI_API_KEY"]
