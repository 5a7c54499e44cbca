"""`provision-chatwoot` as an operator types it, against the simulator."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from src.cli import cli
from src.settings import PROVISIONED, chatwoot_of, load
from tests.kit.rig import Rig


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rig: Rig) -> None:
    rig.reset()
    env = rig.env("chatwoot")
    for name in ("CHATWOOT_BASE_URL", "CHATWOOT_ACCOUNT_ID", "CHATWOOT_USER_TOKEN"):
        monkeypatch.setenv(name, env[name])
    for name in ("CHATWOOT_BOT_TOKEN", "CHATWOOT_WHATSAPP_INBOX_ID", "CHATWOOT_WEBHOOK_SECRET", "CHATWOOT_MODE", "LEAD_RULES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://bot.example.com")
    monkeypatch.chdir(tmp_path)


def provision(*options: str) -> Result:
    return CliRunner().invoke(cli, ["provision-chatwoot", *options])


def test_what_is_made_is_kept_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    assert provision().exit_code == 0
    file = tmp_path / "data" / PROVISIONED
    kept = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    chatwoot = chatwoot_of(load())
    assert chatwoot is not None
    assert chatwoot.inbox_id > 0
    assert chatwoot.bot_token
    assert chatwoot.webhook_secrets
    again = provision("--json")
    assert {step["result"] for step in json.loads(again.stdout)["steps"]} == {"unchanged"}
    assert file.read_bytes() == kept
    assert chatwoot.bot_token not in again.output


def test_a_wrong_token_is_exit_code_1_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATWOOT_USER_TOKEN", "a-wrong-one")
    told = provision()
    assert told.exit_code == 1
    assert "-> set CHATWOOT_BASE_URL" in told.output
    assert "a-wrong-one" not in told.output


def test_without_an_account_there_is_nothing_to_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHATWOOT_BASE_URL", "CHATWOOT_ACCOUNT_ID", "CHATWOOT_USER_TOKEN"):
        monkeypatch.delenv(name)
    told = provision()
    assert told.exit_code == 1
    assert "CHATWOOT_USER_TOKEN" in told.output


def test_a_failed_run_leaves_what_was_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert provision().exit_code == 0
    kept = (tmp_path / "data" / PROVISIONED).read_bytes()
    monkeypatch.setenv("CHATWOOT_ACCOUNT_ID", "999")
    assert provision().exit_code == 1
    assert (tmp_path / "data" / PROVISIONED).read_bytes() == kept
