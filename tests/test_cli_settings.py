"""The commands of the settings, on the store itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from src.cli import cli
from src.integrations.ledger.redis_ledger import RedisLedger
from src.settings import GROUPS
from tests.kit.rig import Rig

Command = Callable[..., Result]


@pytest.fixture
def store_url(valkey_url: str) -> str:
    return valkey_url


@pytest.fixture
def command(new_ledger: Callable[..., RedisLedger], store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`settings …` on an empty store."""
    new_ledger()
    monkeypatch.chdir(tmp_path)
    begins = tuple(part for group in GROUPS.values() for part in group.begins)
    for name in list(os.environ):
        if name.startswith(begins):
            monkeypatch.delenv(name)
    for name, value in {"REDIS_URL": store_url, "DATA_DIR": str(tmp_path / "var"), "LOG_FILE": str(tmp_path / "log")}.items():
        monkeypatch.setenv(name, value)

    def run(*words: str, given: str = "") -> Result:
        return CliRunner().invoke(cli, ["settings", *words], input=given)

    return run


def test_a_setting_is_set_shown_and_taken_back(command: Command) -> None:
    assert command("set", "company_name", "Ñandú").output == "company_name: version 1\n"
    assert command("get", "company_name").output == "Ñandú\n"
    assert command("set", "company_name", "Ñandú").output == "company_name: nothing changed\n"
    assert command("set", "retention_days", "20").exit_code == 0
    assert "20" in next(line for line in command("list").output.splitlines() if line.startswith("retention_days"))
    assert json.loads(command("list", "--json").output)["settings"]["retention_days"]["value"] == 20
    assert "company_name: - -> Ñandú" in command("history").output
    assert json.loads(command("history", "company_name", "--json").output)[0]["after"] == "Ñandú"
    assert command("rollback", "0").output == "everything as at version 0: version 3\n"
    assert command("get", "company_name").output == "iAgente Vida\n"
    assert command("set", "retention_days", "--default").output == "retention_days: nothing changed\n"


def test_a_vendor_comes_on_standard_input_and_is_tried_first(command: Command) -> None:
    with Rig() as rig:
        access = "\n".join(f"{name}={value}" for name, value in rig.env("meta").items())
        refused = command("set", "whatsapp", given=access.replace("WHATSAPP_TOKEN=", "WHATSAPP_TOKEN=wrong"))
        assert refused.exit_code == 1
        assert "nothing was changed" in refused.output
        assert command("set", "whatsapp", given=access).output == "whatsapp: version 1\n"
    assert "WHATSAPP_TOKEN" in command("get", "whatsapp").output
    assert rig.env("meta")["WHATSAPP_TOKEN"] not in command("list").output + command("history", "--json").output
    assert "already" in command("reseal").output
    assert command("set", "whatsapp", "--default").output == "whatsapp: version 2\n"


def test_rules_of_leads_come_on_standard_input_and_are_read_before_they_are_stored(command: Command) -> None:
    rules = '[[rule]]\nname = "todos"\nwhen.consented = true\ntemperature = "caliente"\n'
    refused = command("set", "lead_rules", "-", given=rules.replace("caliente", "ardiente"))
    assert (refused.exit_code, "rule[0].temperature" in refused.output) == (1, True)
    assert command("set", "lead_rules", "-", given=rules).output == "lead_rules: version 1\n"
    assert command("get", "lead_rules").output.strip() == rules.strip()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "retention_days", "x"), "retention_days: 'x' is not a number"),
        (("set", "nobody", "x"), "nobody: there is no such setting"),
        (("get", "nobody"), "there is no such setting"),
        (("rollback", "7"), "versions 0 to 0 are remembered"),
        (("set", "whatsapp"), "nothing is set"),
        (("set", "retention_days"), "give a value, or --default"),
        (("set", "retention_days", "5", "--default"), "give a value, or --default"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(command: Command, words: tuple[str, ...], said: str) -> None:
    ended = command(*words)
    assert ended.exit_code in (1, 2)
    assert said in ended.output
    assert "Traceback" not in ended.output


def test_what_the_environment_sets_is_left_to_it(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANY_NAME", "Del entorno")
    refused = command("set", "company_name", "Otro")
    assert (refused.exit_code, "COMPANY_NAME" in refused.output) == (1, True)
    assert "environment (COMPANY_NAME)" in command("list").output


def test_of_two_who_edit_one_setting_the_second_is_told(command: Command) -> None:
    command("set", "company_name", "De Ana", "--version", "0")
    second = command("set", "company_name", "De Bea", "--version", "0")
    assert second.exit_code == 1
    assert "De Ana" in second.output
    assert "De Bea" in second.output
