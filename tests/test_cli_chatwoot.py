"""`provision-chatwoot` as an operator types it, against the simulator."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from src.bootstrap import make_services, set_up_chatwoot
from src.cli import cli
from src.data_dir import PROVISIONED, admin_token, chatwoot_of
from src.settings import load
from src.webhooks.whatsapp_webhook import create_app
from tests.dashboard.conftest import Page, Visitor, form_word
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


def test_the_page_does_what_the_command_does(
    rig: Rig, tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", valkey_url)  # who logged out is known there
    app = create_app(make_services(load()))
    visitor = Visitor(app)
    assert visitor.log_in(admin_token(load())).status_code == 303
    page = Page(visitor.post("/dashboard/chatwoot", csrf=form_word(visitor.get("/dashboard/chatwoot"))))
    assert "Everything is there" in page.text
    chatwoot = chatwoot_of(load())
    assert chatwoot is not None
    assert chatwoot.inbox_id > 0
    assert chatwoot.bot_token not in page.text
    steps = json.loads(provision("--json").stdout)["steps"]
    assert {step["result"] for step in steps} == {"unchanged"}
    assert all(step["name"] in page.text for step in steps)


def test_who_clicks_twice_makes_everything_once(rig: Rig) -> None:
    settings = load()
    given = settings.chatwoot
    assert given is not None
    with ThreadPoolExecutor(4) as clicks:
        runs = list(clicks.map(lambda _: set_up_chatwoot(settings, given), range(4)))
    made = [step.name for run in runs for step in run if step.result == "made"]
    assert len(made) == len(set(made))
    assert {"inbox", "agent bot", "webhook"} <= set(made)


def test_a_folder_that_cannot_be_written_is_a_step_left_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "data"
    blocked.write_text("a file where the folder should be")
    monkeypatch.setenv("ADMIN_TOKEN", "x" * 32)
    told = provision()
    assert told.exit_code == 1
    assert "kept" in told.output
    assert "writable" in told.output


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
