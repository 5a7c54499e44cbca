"""What the house decides about its business, as against what the server needs to run: one schema for everybody who writes it.

A setting comes from the environment, else from the store, else it is the default. Adding one is a row of `HouseSettings`: it is
then read from the environment, stored, checked, listed and rolled back like the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec

from src.house.hours import days_off, holiday_place
from src.house.kinds import EMAIL, PHONE, Address, Choice, Kind, Number, Text, Whole, Zone, template_name

Form = Literal["tu", "usted"]


class HouseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The house as it is decided now. Of each setting: its kind, what people of the house call it, its default."""

    company_name: Annotated[str, Text(200, least=1), "Nombre de la correduría"] = "iAgente Vida"
    company_legal_notice: Annotated[str, Text(4000), "Aviso legal"] = ""
    privacy_url: Annotated[str, Address(), "Dirección de la política de privacidad"] = ""
    agent_address: Annotated[Form, Choice(("tu", "usted")), "Tratamiento"] = "tu"
    agent_style: Annotated[str, Choice(("templates", "model")), "Quién redacta"] = "templates"
    timezone: Annotated[str, Zone(), "Zona horaria"] = "Europe/Madrid"
    business_hours: Annotated[str, Text(2000), "Horario de atención"] = ""
    holidays: Annotated[str, Text(20, check=holiday_place), "Festivos (ES, ES-MD, none…)"] = "ES"
    days_off: Annotated[str, Text(2000, check=days_off), "Días que la correduría no abre"] = ""
    follow_up_template: Annotated[str, Text(600, check=template_name), "Plantilla para escribir a quien lo pidió"] = ""
    retention_days: Annotated[int, Whole(1, 3650), "Días que se guarda una conversación sin contrato"] = 10
    limit_contact_per_minute: Annotated[int, Whole(1, 10_000), "Mensajes por minuto y persona"] = 10
    limit_contact_per_day: Annotated[int, Whole(1, 100_000), "Mensajes por día y persona"] = 30
    handoff_timeout_s: Annotated[float, Number(0, 86_400), "Segundos hasta avisar de que nadie contesta"] = 300.0
    lead_rules: Annotated[str, Text(100_000), "Reglas de los leads (TOML)"] = ""
    alert_email: Annotated[str, EMAIL, "Correo de guardia"] = ""
    alert_whatsapp: Annotated[str, PHONE, "WhatsApp de guardia"] = ""


class Setting(msgspec.Struct, frozen=True):
    """One row of the schema. `variable` is what sets it in the environment."""

    name: str
    kind: Kind
    label: str
    default: Any

    @property
    def variable(self) -> str:
        return self.name.upper()

    def read(self, written: Any, *, called: str) -> Any:
        """The value. Raises ValueError that begins with what the setting is `called` where it was written."""
        try:
            return self.kind.read(written)
        except ValueError as fault:
            raise ValueError(f"{called}: {fault}") from None


def _schema() -> dict[str, Setting]:
    hints = get_type_hints(HouseSettings, include_extras=True)
    rows = {}
    for name, default in zip(HouseSettings.__struct_fields__, HouseSettings.__struct_defaults__, strict=True):
        _, kind, label = get_args(hints[name])
        rows[name] = Setting(name, kind, label, default)
    return rows


SCHEMA: Mapping[str, Setting] = _schema()


def from_environment(environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """What the environment says of the house, by the settings' names, and what is wrong with it. An empty variable is none."""
    given: dict[str, Any] = {}
    faults: list[str] = []
    for name, setting in SCHEMA.items():
        if written := environment.get(setting.variable, "").strip():
            try:
                given[name] = setting.read(written, called=setting.variable)
            except ValueError as fault:
                faults.append(str(fault))
    return given, faults


def checked(changes: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Changes as they are stored, None for what is to be the default again, and what is wrong with them."""
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, written in changes.items():
        setting = SCHEMA.get(name)
        if setting is None:
            faults.append(f"{name[:64]}: there is no such setting")
            continue
        try:
            values[name] = None if written is None else setting.read(written, called=name)
        except ValueError as fault:
            faults.append(str(fault))
    return values, faults


def resolved(given: Mapping[str, Any], stored: Mapping[str, Any]) -> HouseSettings:
    """The environment over the store over defaults. What another version stored, and this one cannot read, is left out."""
    known, _ = checked({name: value for name, value in stored.items() if name in SCHEMA and value is not None})
    return HouseSettings(**{**known, **given})
