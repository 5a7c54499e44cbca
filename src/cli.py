"""The operator's commands. `python -m src.cli --help`"""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import click
import requests
from rich import box
from rich.console import Console
from rich.table import Table

from src.errors import ConfigurationError
from src.integrations.whatsapp_payloads import contact_key
from src.quoting import QUOTE_COLUMNS, Applicant, Refusal, explain, load_catalogue, quote_rows
from src.settings import Settings, admin_token, child_environment, load

ROOT = Path(__file__).resolve().parents[1]
_VENDORS = ("WHATSAPP_", "TWILIO_", "CHATWOOT_")
_console = Console(highlight=False)


@click.group()
def cli() -> None:
    """Talk to the bot, look after it."""


# -- chat --------------------------------------------------------------------------------------------------------------


@cli.command()
@click.option("--phone", default="", help="Go on as this person (digits with country code). Default: somebody new.")
def chat(phone: str) -> None:
    """Talk to the bot in this terminal, through the same door, ledger, worker and agent as on WhatsApp.

    A running server without WhatsApp keys is used; otherwise one is started for this chat alone, with no keys at all.
    """
    settings = _settings()
    number = phone.lstrip("+") or f"3460{secrets.randbelow(10**7):07d}"
    with _simulating_server(settings) as (address, token):
        _console.print(
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
                _console.print("[dim]Forgotten; the next message starts anew.[/]")
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
        _console.print("[dim]No answer came. Is a worker running? The log is webhook.log.[/]")

    def _show(self, row: dict[str, Any]) -> None:
        self._shown.add(row["id"])
        self._options = row.get("options", [])
        _console.print(f"\n[green]{row['role']}[/]  ", end="")
        _console.print(row["text"], markup=False)
        for position, option in enumerate(self._options, start=1):
            _console.print(f"   [{position}] {option['title']}", style="cyan", markup=False)

    def _bot_rows(self) -> list[dict[str, Any]]:
        answer = requests.get(self._conversation, headers=self._operator, timeout=10)
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        return [row for row in answer.json()["messages"] if row["role"] != "prospect"]


@contextlib.contextmanager
def _simulating_server(settings: Settings) -> Iterator[tuple[str, str]]:
    """A server that answers here and not on WhatsApp: the running one when it has no keys, else one of our own."""
    if settings.whatsapp is None and _answers(settings.web_address):
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
        server = subprocess.Popen(command, env=child_environment(changes, without=_VENDORS), stdout=subprocess.DEVNULL)  # noqa: S603
        address = f"http://127.0.0.1:{port}"
        try:
            with _console.status("Starting a server for this chat ..."):
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


# -- quote -------------------------------------------------------------------------------------------------------------


@cli.command()
@click.option("--age", type=click.IntRange(0, 120), required=True, help="Years, at the nearest birthday.")
@click.option("--sum", "sum_assured", type=click.IntRange(1), default=150_000, show_default=True, help="Euros.")
@click.option("--smoker/--non-smoker", default=False, show_default=True)
@click.option("--class", "occupation_class", type=click.IntRange(1, 4), default=1, show_default=True, help="Occupation.")
@click.option("--term", "term_years", type=click.IntRange(1, 60), default=None, help="Years, where a product has a term.")
@click.option("--explain", "explained", is_flag=True, help="Every step of each price.")
def quote(*, age: int, sum_assured: int, smoker: bool, occupation_class: int, term_years: int | None, explained: bool) -> None:
    """What every product costs for given inputs, tier by tier, as of today."""
    catalogue = load_catalogue()
    applicant = Applicant(age=age, smoker=smoker, occupation_class=occupation_class)
    today = date.today()
    table = Table(*QUOTE_COLUMNS, box=box.SIMPLE, title=f"tariff {catalogue.book.tariff.version}")
    for row in quote_rows(catalogue, applicant, sum_assured, today, term_years=term_years):
        table.add_row(*(row[column] for column in QUOTE_COLUMNS))
    _console.print(table)
    if explained:
        for product in catalogue.book.products:
            offers = catalogue.proposal(applicant, sum_assured, today, product=product, term_years=term_years)
            for offer in () if isinstance(offers, Refusal) else offers:
                _console.print("", *explain(offer), sep="\n", markup=False)


def _settings() -> Settings:
    try:
        return load()
    except ConfigurationError as fault:
        raise click.ClickException(str(fault)) from fault


if __name__ == "__main__":
    cli()
