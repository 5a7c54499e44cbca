"""What a start prints: where everything is; what opens something is for a person's eyes, and never for a file."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from src.data_dir import admin_token, verify_token
from src.processes import banner, is_read_by_a_person
from src.settings import load
from tests.kit.product import Product
from tests.kit.rig import PROJECT, free_port
from tests.webhooks.hostile_kit import ENVIRONMENT

SET = {"ADMIN_TOKEN": "an-admin-token-that-was-set", **ENVIRONMENT}


def shown(tmp_path: Path, *, to_a_person: bool, **environment: str) -> str:
    return banner(load({"DATA_DIR": str(tmp_path / "var"), **environment}, dotenv=None), to_a_person=to_a_person)


def test_a_person_gets_a_link_that_logs_in_and_the_tokens_that_were_made(tmp_path: Path) -> None:
    settings = load({"DATA_DIR": str(tmp_path / "var")}, dotenv=None)
    printed = shown(tmp_path, to_a_person=True)
    assert f"http://127.0.0.1:5000/login#{admin_token(settings)}\n" in printed
    assert f"verify token  {verify_token(settings)}\n" in printed
    assert "the simulator" in printed


def test_anything_else_that_reads_is_told_where_they_are(tmp_path: Path) -> None:
    printed = shown(tmp_path, to_a_person=False)
    settings = load({"DATA_DIR": str(tmp_path / "var")}, dotenv=None)
    for token, file in ((admin_token(settings), "admin-token"), (verify_token(settings), "verify-token")):
        assert token not in printed
        assert str(tmp_path / "var" / file) in printed
    assert "http://127.0.0.1:5000/login\n" in printed


@pytest.mark.parametrize("to_a_person", [True, False])
def test_what_was_set_is_known_to_who_set_it(tmp_path: Path, to_a_person: bool) -> None:
    printed = shown(tmp_path, to_a_person=to_a_person, **SET)
    secrets = [value for name, value in SET.items() if re.search("TOKEN|SECRET|ADMIN", name)]
    assert len(secrets) == 8
    assert [secret for secret in secrets if secret in printed] == []
    assert "ADMIN_TOKEN, as it was set" in printed
    assert "WHATSAPP_VERIFY_TOKEN, as it was set" in printed


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        (("TWILIO_", "PUBLIC_"), "Twilio"),
        (("CHATWOOT_",), "Chatwoot"),
        (("WHATSAPP_", "TWILIO_", "CHATWOOT_", "PUBLIC_"), "WhatsApp, Twilio, Chatwoot"),
    ],
)
def test_the_channels_that_are_configured_are_named(tmp_path: Path, channels: tuple[str, ...], words: str) -> None:
    given = {name: value for name, value in ENVIRONMENT.items() if name.startswith(channels)}
    printed = shown(tmp_path, to_a_person=True, **given)
    assert f"channel       {words}\n" in printed
    assert "simulator" not in printed


@pytest.mark.parametrize(("pid", "parent"), [(1, 0), (7, 1)])
def test_a_containers_terminal_is_its_log(monkeypatch: pytest.MonkeyPatch, pid: int, parent: int) -> None:
    """`docker run -t` gives a terminal, and keeps all that is written to it."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr(os, "getpid", lambda: 4711)
    monkeypatch.setattr(os, "getppid", lambda: 4710)
    assert is_read_by_a_person()
    monkeypatch.setattr(os, "getpid", lambda: pid)
    monkeypatch.setattr(os, "getppid", lambda: parent)
    assert not is_read_by_a_person()


def test_in_a_pipe_no_token_is_printed_and_in_a_terminal_the_link_works(tmp_path: Path) -> None:
    product = Product(tmp_path, {"ADMIN_TOKEN": "", "WORKER_PROCESSES": "1", "WEB_PROCESSES": "1"})
    product.start()
    product.stop()
    made = [(tmp_path / name).read_text() for name in ("admin-token", "verify-token")]
    printed = product.output.read_text()
    assert product.address in printed
    assert [token for token in made if token in printed] == []

    port = free_port()
    ours, theirs = pty.openpty()
    environment = {**product.env, "WEBHOOK_PORT": str(port)}
    command = [sys.executable, str(PROJECT / "run_webhook.py")]
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = ""
    try:
        while "Ctrl-C" not in seen:
            seen += os.read(ours, 4096).decode()
        link = f"http://127.0.0.1:{port}/login#{made[0]}"
        assert link in seen
        assert requests.get(link, timeout=10).ok
        assert made[1] in seen
    finally:
        process.terminate()
        process.wait(60)
        os.close(ours)
    assert [token for token in made if token in product.log_file.read_text()] == []
