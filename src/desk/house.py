"""What people change of the house's settings: checked by one schema, written with who and when, taken back.

Access to vendors is changed whole, is tried at the vendor before it replaces what was there, and is stored sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from src.errors import ConfigurationError, Conflict, IntegrationError, InvalidRequest, SealedElsewhere, VendorRefused
from src.house.changes import Change, Stored, StoredSetting, back_to
from src.house.settings import SCHEMA, HouseSettings, checked, resolved

VENDOR = "vendor."
"""How the stored name of a vendor's access begins."""
LONGEST_NAME = 80
MOST_CHANGES = 1000


class HouseStore(Protocol):
    """Where it is stored. Every method may raise LedgerUnavailable."""

    def read(self) -> Stored:
        """All that is stored."""

    def write(self, changes: Mapping[str, Any], *, by: str, seen: int | None) -> tuple[int, list[str]]:
        """The new version; or the names that somebody else changed after version `seen`, and then nothing is written."""

    def changes(self, limit: int = MOST_CHANGES) -> list[Change]:
        """The last changes, newest first."""


class Safe(Protocol):
    """Seals secrets."""

    def seal(self, name: str, values: Mapping[str, str]) -> Any:
        """What may be stored."""

    def open(self, name: str, stored: Any) -> dict[str, str]:
        """What was sealed. Raises SealedElsewhere."""

    def is_of_first_key(self, stored: Any) -> bool:
        """Whether it need not be sealed anew."""


class VendorAccess(msgspec.Struct, frozen=True):
    """What is known of a vendor's group: the variable that sets it in the environment ("" none does), how its variables are
    checked (raises ConfigurationError) and tried at the vendor (raises IntegrationError), and why it is off here, if it is."""

    variable: str
    check: Callable[[Mapping[str, str]], Any]
    test: Callable[[Mapping[str, str]], None]
    off: str = ""


class HouseDesk:
    """One per process. Every method may raise LedgerUnavailable.

    `given` is what the environment says of the house. `checks` know of some settings what
    the schema does not (raising ValueError); `changed` is told after every change.
    """

    def __init__(
        self,
        store: HouseStore,
        safe: Safe,
        given: Mapping[str, Any],
        vendors: Mapping[str, VendorAccess],
        *,
        checks: Mapping[str, Callable[[str], Any]] = MappingProxyType({}),
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._checks = checks
        self._store, self._safe, self._given, self._vendors, self._changed = store, safe, given, vendors, changed

    def shown(self) -> dict[str, Any]:
        """Every setting with its value, where that comes from and who may change it; of secrets only which are set."""
        stored = self._store.read()
        house = resolved(self._given, stored.values)
        return {
            "version": stored.version,
            "settings": {name: self._setting(name, house, stored.settings.get(name)) for name in SCHEMA},
            "vendors": {name: self._vendor(name, stored.settings.get(VENDOR + name)) for name in self._vendors},
        }

    def change(
        self, settings: Mapping[str, Any], vendors: Mapping[str, Any], *, by: str, seen: int | None = None
    ) -> dict[str, Any]:
        """Changes all of these or nothing; None takes a stored value away. The settings afterwards, as they are shown.

        `seen` is the version that whoever changes them had before them. Raises InvalidRequest, VendorRefused, and Conflict when
        the environment sets one of them or somebody else changed it since.
        """
        values, faults = checked(settings)
        faults += [fault for name, value in values.items() if value and (fault := self._fault_of(name, value))]
        wanted: dict[str, dict[str, str] | None] = {}
        for name, given in vendors.items():
            try:
                wanted[name] = self._checked_vendor(name, given)
            except ConfigurationError as fault:
                faults += fault.faults
        if faults:
            raise InvalidRequest(faults)
        self._refuse_what_the_environment_sets([*values], [*wanted])
        for name, access in wanted.items():
            if access is not None:
                self._try(name, access)
        sealed = {VENDOR + name: access and self._safe.seal(name, access) for name, access in wanted.items()}
        self._write({**values, **sealed}, by=by, seen=seen)
        return self.shown()

    def _fault_of(self, name: str, value: Any) -> str:
        try:
            self._checks.get(name, bool)(value)
        except ValueError as fault:
            return f"{name}: {str(fault)[:300]}"
        return ""

    def history(self, limit: int = 100, name: str = "") -> list[dict[str, Any]]:
        """The last changes, newest first, of one setting or of all. Of secrets only whether there were any."""
        found = [change for change in self._store.changes() if name in ("", change.name, change.name.removeprefix(VENDOR))]
        return [_shown_change(change) for change in found[:limit]]

    def roll_back(self, version: int, *, by: str) -> dict[str, Any]:
        """Everything as it was at that version, as one more change. Raises what `change` raises, and Conflict when a secret of
        then cannot be opened any more."""
        now = self._store.read()
        try:
            before = back_to(version, self._store.changes())
        except LookupError as fault:
            raise InvalidRequest([f"version: {fault.args[0]}"]) from fault
        settings = {name: value for name, value in before.items() if name in SCHEMA}
        vendors: dict[str, Any] = {}
        for name, value in before.items():
            group = name.removeprefix(VENDOR)
            if name.startswith(VENDOR) and group in self._vendors:
                vendors[group] = None if value is None else self._opened(group, value)
        return self.change(settings, vendors, by=by, seen=now.version)

    def reseal(self, *, by: str) -> list[str]:
        """Seals anew, with the first of our keys, what another of them sealed; the vendors concerned. Raises Conflict."""
        stored = self._store.read()
        old = {
            name: value
            for name, value in stored.values.items()
            if name.startswith(VENDOR) and not self._safe.is_of_first_key(value)
        }
        groups = {name.removeprefix(VENDOR): value for name, value in old.items()}
        anew = {VENDOR + group: self._safe.seal(group, self._opened(group, value)) for group, value in groups.items()}
        self._write(anew, by=by, seen=stored.version)
        return [*groups]

    # -- shown -----------------------------------------------------------------------------------------------------

    def _setting(self, name: str, house: HouseSettings, stored: StoredSetting | None) -> dict[str, Any]:
        setting = SCHEMA[name]
        is_stored = stored is not None and stored.value is not None
        return {
            "value": getattr(house, name),
            "source": "environment" if name in self._given else "stored" if is_stored else "default",
            "variable": setting.variable,
            "default": setting.default,
            "label": setting.label,
            "kind": {"name": setting.kind.name, **_limits(setting.kind)},
            "changed": _changed(stored),
        }

    def _vendor(self, name: str, stored: StoredSetting | None) -> dict[str, Any]:
        vendor = self._vendors[name]
        is_stored = stored is not None and stored.value is not None
        return {
            "source": "environment" if vendor.variable else "stored" if is_stored else "none",
            "variable": vendor.variable or None,
            "off": vendor.off or self._unopened(name, stored),
            "set": [] if vendor.variable else self._variables(name, stored),
            "changed": _changed(stored),
        }

    def _unopened(self, name: str, stored: StoredSetting | None) -> str:
        try:
            if stored is not None and stored.value is not None:
                self._safe.open(name, stored.value)
        except SealedElsewhere as fault:
            return f"{fault}: enter it again"
        return ""

    def _variables(self, name: str, stored: StoredSetting | None) -> list[str]:
        if stored is None or stored.value is None or self._unopened(name, stored):
            return []
        return sorted(self._safe.open(name, stored.value))

    # -- changed ---------------------------------------------------------------------------------------------------

    def _checked_vendor(self, name: str, given: Any) -> dict[str, str] | None:
        """The variables of a vendor that are set, or None when it is to be off. Raises ConfigurationError."""
        vendor = self._vendors.get(name)
        if vendor is None:
            raise ConfigurationError([f"{name[:64]}: there is no such vendor; known are {', '.join(self._vendors)}"])
        if given is None:
            return None
        if not isinstance(given, Mapping) or not all(isinstance(value, str) for value in given.values()):
            raise ConfigurationError([f"{name}: variables and their values, all of them texts"])
        access = {str(variable): value.strip() for variable, value in given.items() if value.strip()}
        vendor.check(access)
        return access

    def _refuse_what_the_environment_sets(self, settings: Sequence[str], vendors: Sequence[str]) -> None:
        variables = [SCHEMA[name].variable for name in settings if name in self._given]
        variables += [self._vendors[name].variable for name in vendors if self._vendors[name].variable]
        if variables:
            raise Conflict(
                "set_by_environment",
                f"{', '.join(variables)}: set in the environment, which goes before what is stored; change it there.",
                {"variables": variables},
            )

    def _try(self, name: str, access: Mapping[str, str]) -> None:
        try:
            self._vendors[name].test(access)
        except IntegrationError as failure:
            raise VendorRefused(f"{name}: nothing was changed, because trying it failed ({failure})") from failure

    def _opened(self, group: str, value: Any) -> dict[str, str]:
        try:
            return self._safe.open(group, value)
        except SealedElsewhere as fault:
            raise Conflict("sealed_elsewhere", f"{group}: {fault}; enter it again", {"vendor": group}) from fault

    def _write(self, values: Mapping[str, Any], *, by: str, seen: int | None) -> None:
        who = " ".join(by.split())[:LONGEST_NAME]
        _, clashes = self._store.write(values, by=who, seen=seen)
        if clashes:
            raise self._clash(clashes, values)
        self._changed()

    def _clash(self, names: Sequence[str], wanted: Mapping[str, Any]) -> Conflict:
        """Somebody else was faster: what they made of it, and what was to be made of it."""
        stored = self._store.read()
        both = {}
        for name in names:
            theirs = stored.settings.get(name)
            secret = name.startswith(VENDOR)
            both[name.removeprefix(VENDOR)] = {
                "stored": _masked(theirs.value if theirs else None, secret=secret),
                "yours": _masked(wanted[name], secret=secret),
                "changed": _changed(theirs),
            }
        return Conflict(
            "changed_meanwhile",
            f"Somebody else has changed {', '.join(both)} since you looked; nothing was written.",
            {"version": stored.version, "settings": both},
        )


def _masked(value: Any, *, secret: bool) -> Any:
    return value if not secret else None if value is None else "set"


def _changed(stored: StoredSetting | None) -> dict[str, Any] | None:
    return {"version": stored.version, "at": stored.at, "by": stored.by} if stored else None


def _shown_change(change: Change) -> dict[str, Any]:
    secret = change.name.startswith(VENDOR)
    return {
        "version": change.version,
        "at": change.at,
        "by": change.by,
        "name": change.name.removeprefix(VENDOR),
        "before": _masked(change.before, secret=secret),
        "after": _masked(change.after, secret=secret),
    }


def _limits(kind: Any) -> dict[str, Any]:
    """What a form can say of a value before it is sent."""
    return {name: getattr(kind, name) for name in ("least", "most", "words") if hasattr(kind, name)}
