"""One message by hand."""

from __future__ import annotations

import time
from typing import Any

import click

from src.bootstrap import Services
from src.cli.shared import console, found_contact, services_at_hand
from src.errors import (
    InvalidRequest,
)
from src.integrations.identity import typed_key


@click.command()
@click.argument("to")
@click.option("--text", help="What is said. Only within 24 hours of the person's last message.")
@click.option("--template", help="The name of an approved template.")
@click.option("--language", default="es", show_default=True, help="The template's language.")
@click.option("--param", "params", multiple=True, help="What fills {{1}}, {{2}} … of the template's body; once for each.")
@click.option("--wait", "wait_s", default=30.0, show_default=True, help="Seconds to wait for the message to leave; 0: none.")
def send(*, to: str, text: str | None, template: str | None, language: str, params: tuple[str, ...], wait_s: float) -> None:
    """Sends one message by hand to a phone or contact key, and shows what became of it."""
    body: dict[str, Any] = {} if text is None else {"text": text}
    if template is not None:
        filled = [{"type": "body", "parameters": [{"type": "text", "text": value} for value in params]}] if params else []
        body["template"] = {"name": template, "language": language, "components": filled}
    with services_at_hand() as services:
        contact = found_contact(services, to) or typed_key(to)
        if contact is None:
            raise InvalidRequest(["TO: a phone number with its country code, or a contact key"])
        message_id = services.operators.say(contact, body, to_anybody=True)
        with console.status("Sending ..."):
            status = _await_status(services, contact, message_id, wait_s)
    click.echo(f"{message_id}  {status}")
    if status in ("queued", "sending") and wait_s:
        raise click.ClickException("it has not left yet: is a worker running? It goes out as soon as one is")
    if status == "failed":
        raise click.ClickException("it failed for good: dead-letters list says why")


def _await_status(services: Services, contact: str, message_id: str, wait_s: float) -> str:
    """The status of the message's last part, once it has left or failed, or when the time is over."""
    deadline_s = time.monotonic() + wait_s
    while True:
        shown = services.desk.conversation(contact) or {"messages": []}
        parts = [row for row in shown["messages"] if row["id"].startswith(message_id.rpartition(".")[0] + ".")]
        statuses = [row["status"] for row in parts]
        status = "failed" if "failed" in statuses else statuses[-1] if statuses else "queued"
        if status not in ("queued", "sending") or time.monotonic() >= deadline_s:
            return str(status)
        time.sleep(0.1)
