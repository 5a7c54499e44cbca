"""What the house decides: listed, changed, its history, taken back."""

from __future__ import annotations

import getpass
import sys
from typing import Any

import click
import msgspec
from dotenv import dotenv_values

from src.cli.shared import services_at_hand
from src.desk.house import HouseDesk
from src.errors import RejectedRequest
from src.settings import GROUPS


@click.group("settings")
def settings() -> None:
    """What the house decides: its name, its hours, its limits, its vendors. Every process knows within seconds."""


@settings.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs: as GET /webhook/settings answers.")
def list_settings(*, as_json: bool) -> None:
    """Every setting with its value and where that comes from; of secrets only which are set."""
    with services_at_hand() as services:
        shown = services.house_desk.shown()
    if as_json:
        click.echo(msgspec.json.encode(shown))
        return
    for name, one in shown["settings"].items():
        click.echo(f"{name:<26} {_written(one['value']):<40} {_source(one)}")
    for name, one in shown["vendors"].items():
        held = one["off"] or ", ".join(one["set"]) or ("on" if one["source"] == "environment" else "off")
        click.echo(f"{name:<26} {held:<40} {_source(one)}")
    click.echo(f"version {shown['version']}")


@settings.command("get")
@click.argument("name")
def get_setting(*, name: str) -> None:
    """One value, and nothing else on standard output."""
    with services_at_hand() as services:
        shown = services.house_desk.shown()
        if name in GROUPS:
            click.echo("\n".join(shown["vendors"][name]["set"]))
        elif name in shown["settings"]:
            click.echo(_written(shown["settings"][name]["value"]))
        else:
            raise click.ClickException(f"{name}: there is no such setting; `settings list` has them all")


@settings.command("set")
@click.argument("name")
@click.argument("value", required=False)
@click.option("--default", "to_default", is_flag=True, help="Take the stored value away; of a vendor, all access.")
@click.option("--version", type=click.IntRange(min=0), help="Only if nobody changed it since this version.")
def set_setting(*, name: str, value: str | None, to_default: bool, version: int | None) -> None:
    """Sets one value; - reads it from standard input. Of a vendor (whatsapp, twilio, chatwoot, openai, mail) its variables come
    on standard input, a line NAME=VALUE each, so that no secret stands in the list of processes; they are tried there first."""
    if (value is not None or name in GROUPS) == to_default and not (name in GROUPS and value is None):
        raise click.UsageError("give a value, or --default")
    value = sys.stdin.read() if value == "-" else value
    with services_at_hand() as services:
        desk = services.house_desk
        if name in GROUPS:
            access = None if to_default else _variables()
            _tell(desk, lambda: desk.change({}, {name: access}, by=_who(), seen=version), name)
        else:
            _tell(desk, lambda: desk.change({name: None if to_default else value}, {}, by=_who(), seen=version), name)


@settings.command("history")
@click.argument("name", required=False, default="")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON list.")
def history(*, name: str, limit: int, as_json: bool) -> None:
    """The last changes, newest first: version, when, who, what, before and after."""
    with services_at_hand() as services:
        changes = services.house_desk.history(limit, name)
    if as_json:
        click.echo(msgspec.json.encode(changes))
        return
    for one in changes:
        what = f"{one['name']}: {_written(one['before'])} -> {_written(one['after'])}"
        click.echo(f"{one['version']:>5}  {one['at']:%Y-%m-%d %H:%M}  {one['by']:<20}  {what}")
    if not changes:
        click.echo("Nothing was changed yet.")


@settings.command("rollback")
@click.argument("version", type=click.IntRange(min=0))
def roll_back(*, version: int) -> None:
    """Everything as it was at that version, as one more change."""
    with services_at_hand() as services:
        desk = services.house_desk
        _tell(desk, lambda: desk.roll_back(version, by=_who()), f"everything as at version {version}")


@settings.command("reseal")
def reseal() -> None:
    """Seals stored secrets anew with the first key of SECRET_KEY; after this the others are not needed any more."""
    with services_at_hand() as services:
        vendors = services.house_desk.reseal(by=_who())
    click.echo(f"Sealed anew: {', '.join(vendors)}" if vendors else "All of it is sealed with the first key already.")


def _tell(desk: HouseDesk, change: Any, what: str) -> None:
    try:
        before, shown = desk.shown()["version"], change()
    except RejectedRequest as fault:
        details = f"\n{msgspec.json.encode(dict(fault.details)).decode()}" if fault.details else ""
        raise click.ClickException(f"{fault}{details}") from fault
    word = "nothing changed" if shown["version"] == before else f"version {shown['version']}"
    click.echo(f"{what}: {word}")


def _variables() -> dict[str, str]:
    if sys.stdin.isatty():
        click.echo("NAME=VALUE, a line each; Ctrl-D ends.", err=True)
    return {name: value or "" for name, value in dotenv_values(stream=sys.stdin, interpolate=False).items()}


def _who() -> str:
    try:
        return f"{getpass.getuser()} (command)"
    except (OSError, KeyError, ImportError):  # a container may have no name for its user
        return "command"


def _written(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _source(one: dict[str, Any]) -> str:
    return f"environment ({one['variable']})" if one["source"] == "environment" else str(one["source"])
