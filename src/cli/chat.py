"""Talk to the bot in this terminal, over HTTP."""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import click
import requests

from src.bootstrap import make_ledger, now_stored
from src.cli.shared import ROOT, console, settings_at_hand
from src.data_dir import admin_token
from src.errors import LedgerUnavailable
from src.integrations.identity import contact_key
from src.settings import Settings, child_environment

_REAL_PEOPLE = ("WHATSAPP_", "TWILIO_", "CHATWOOT_", "LINE_", "ALERT_", "SMTP_")
"""How variables begin through which somebody could be reached: a chat to try the bot is told none of them."""


@click.command()
@click.option("--phone", default="", help="Go on as this person (digits with country code). Default: somebody new.")
def chat(phone: str) -> None:
    """Talk to the bot in this terminal, through the same door, ledger, worker and agent as on WhatsApp.

    A running server without any channel is used; otherwise one is started for this chat alone, with no keys at all.
    """
    settings = settings_at_hand()
    with contextlib.suppress(LedgerUnavailable):  # then no server runs that could be used
        settings = now_stored(settings, make_ledger(settings))
    number = phone.lstrip("+") or f"3460{secrets.randbelow(10**7):07d}"
    with _simulating_server(settings) as (address, token):
        console.print(
            f"[dim]You are +{number}. Write to the bot; /quit ends, /reset starts anew, a number presses a button.[/]"
        )
        _Chat(address, token, number).run()


class _Chat:
    """One person in a terminal. Everything goes over HTTP."""

    def __init__(self, address: str, admin_token: str, number: str) -> None:
        self._address, self._number = address, number
        self._conversation = f"{address}/webhook/conversation/{contact_key(number, None)}"
        self._operator = {"Authorization": f"Bearer {admin_token}"}
        self._shown: set[str] = set()
        self._options: list[dict[str, str]] = []

    def run(self) -> None:
        self._shown.update(row["id"] for row in self._bot_rows())
        while True:
            try:
                text = input("> ").strip()
            except (EOFError, KeyboardInterrupt):
                break
            if text in ("/quit", "/salir"):
                break
            if text == "/reset":
                requests.delete(self._conversation, headers=self._operator, timeout=10)
                console.print("[dim]Forgotten; the next message starts anew.[/]")
            elif text:
                self._post(self._message(text))
                self._show_replies()

    def _message(self, text: str) -> dict[str, Any]:
        if text.isdigit() and 0 < int(text) <= len(self._options):
            option = self._options[int(text) - 1]
            reply = {"type": "button_reply", "button_reply": {"id": option["id"], "title": option["title"]}}
            return {"type": "interactive", "interactive": reply}
        return {"type": "text", "text": {"body": text}}

    def _post(self, message: dict[str, Any]) -> None:
        item = {"id": f"chat.{secrets.token_hex(8)}", "from": self._number, "timestamp": str(int(time.monotonic())), **message}
        body = {"entry": [{"changes": [{"value": {"messages": [item]}}]}]}
        answer = requests.post(f"{self._address}/webhook/whatsapp", json=body, timeout=10)
        answer.raise_for_status()

    def _show_replies(self, within_s: float = 30.0) -> None:
        """Shows what comes, until it has been quiet for a moment."""
        deadline_s, quiet_since_s = time.monotonic() + within_s, None
        while time.monotonic() < deadline_s:
            fresh = [row for row in self._bot_rows() if row["id"] not in self._shown]
            for row in fresh:
                self._show(row)
            if fresh:
                quiet_since_s = time.monotonic()
            elif quiet_since_s is not None and time.monotonic() - quiet_since_s > 0.6:
                return
            time.sleep(0.1)
        console.print("[dim]No answer came. Is a worker running? The log is webhook.log.[/]")

    def _show(self, row: dict[str, Any]) -> None:
        self._shown.add(row["id"])
        self._options = row.get("options", [])
        console.print(f"\n[green]{row['role']}[/]  ", end="")
        console.print(row["text"], markup=False)
        for position, option in enumerate(self._options, start=1):
            console.print(f"   [{position}] {option['title']}", style="cyan", markup=False)

    def _bot_rows(self) -> list[dict[str, Any]]:
        answer = requests.get(self._conversation, headers=self._operator, timeout=10)
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        return [row for row in answer.json()["messages"] if row["role"] != "prospect"]


@contextlib.contextmanager
def _simulating_server(settings: Settings) -> Iterator[tuple[str, str]]:
    """A server that reaches nobody: the running one when no channel is configured, else one of our own without any."""
    if settings.is_tried_out and _answers(settings.web_address):
        yield settings.web_address, admin_token(settings)
        return
    with tempfile.TemporaryDirectory(prefix="iagente-chat-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        token = secrets.token_urlsafe(16)
        changes = {
            "DATA_DIR": folder, "REDIS_URL": "", "WEBHOOK_HOST": "127.0.0.1", "WEBHOOK_PORT": str(port),
            "ADMIN_TOKEN": token, "LOG_FILE": f"{folder}/webhook.log", "WEB_PROCESSES": "1", "WORKER_PROCESSES": "1",
        }  # fmt: skip
        command = [sys.executable, str(ROOT / "run_webhook.py")]
        server = subprocess.Popen(command, env=child_environment(changes, without=_REAL_PEOPLE), stdout=subprocess.DEVNULL)  # noqa: S603
        address = f"http://127.0.0.1:{port}"
        try:
            with console.status("Starting a server for this chat ..."):
                _await_ready(address, server)
            yield address, token
        finally:
            server.terminate()
            server.wait(timeout=60)


def _answers(address: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{address}/readyz", timeout=1).ok
    return False


def _await_ready(address: str, server: subprocess.Popen[bytes], within_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not _answers(address):
        if server.poll() is not None or time.monotonic() > deadline_s:
            raise click.ClickException("the server for this chat did not start; what it said stands above")
        time.sleep(0.1)
