"""Setting up Chatwoot, and making its copy anew."""

from __future__ import annotations

import contextlib
import secrets
import sys
import time
from datetime import datetime

import click
import msgspec
from rich.progress import Progress

from src.bootstrap import Services, set_up_chatwoot
from src.cli.shared import console, known_contact, services_at_hand, settings_at_hand
from src.data_dir import chatwoot_of
from src.desk.checks import SetupStep
from src.desk.resync import PAGE as RESYNC_PAGE
from src.desk.resync import Resync

_MOST_WAITING = 2_000


@click.command("provision-chatwoot")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def provision_chatwoot(*, as_json: bool) -> None:
    """Sets up the Chatwoot account: inbox, bot, labels, attributes, teams, webhook. What is there already is adopted.

    What it makes is kept in the data directory. It may be run as often as one likes. Exit code 1 when a step is left to do.
    """
    settings = settings_at_hand()
    chatwoot = chatwoot_of(settings)
    if chatwoot is None:
        raise click.ClickException("set CHATWOOT_BASE_URL, CHATWOOT_ACCOUNT_ID and CHATWOOT_USER_TOKEN first")
    if not as_json:
        click.echo("Chatwoot calls no private address unless it runs with SAFE_FETCH_ALLOW_PRIVATE_NETWORK=true.")
    steps = set_up_chatwoot(settings, chatwoot, _nothing if as_json else _show_step)
    well = all(step.result != "failed" for step in steps)
    if as_json:
        click.echo(msgspec.json.encode({"ok": well, "steps": steps}))
    sys.exit(0 if well else 1)


@click.command("resync-chatwoot")
@click.argument("who", required=False)
@click.option("--all", "everybody", is_flag=True, help="Everybody. It goes on where an interrupted run stopped.")
def resync_chatwoot(*, who: str | None, everybody: bool) -> None:
    """Makes Chatwoot's copy of one person (a phone or contact key) or of everybody anew from the transcripts.

    What is there already is not written again. The workers do the writing, at the pace that Chatwoot allows.
    """
    if everybody == (who is not None):
        raise click.UsageError("give either one person or --all")
    with services_at_hand() as services:
        if not services.ledger.mirrors:
            raise click.ClickException("set CHATWOOT_BASE_URL, CHATWOOT_ACCOUNT_ID and CHATWOOT_USER_TOKEN first")
        resync, name = Resync(services.ledger, services.records), f"r{secrets.token_hex(4)}"
        if who is not None:
            click.echo(f"{resync.one(known_contact(services, who), name)} jobs are with the workers")
        else:
            _resync_everybody(services, resync, name)


def _resync_everybody(services: Services, resync: Resync, name: str) -> None:
    """Page by page, no further ahead of the workers than `_MOST_WAITING` jobs. Where it stands is kept after each page."""
    kept = services.settings.data_dir / "resync-chatwoot.json"
    started_at, cursor = services.ledger.server_time(), ""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        started_at, cursor = msgspec.json.decode(kept.read_bytes(), type=tuple[datetime, str])
        click.echo("Going on where the last run stopped.")
    total = services.records.figures()["conversations"]["total"]
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Resyncing", total=total or None)
        for cursor in resync.everybody(cursor, name):  # noqa: B020 - where it stands and where it goes on are one thing
            kept.write_bytes(msgspec.json.encode((started_at, cursor)))
            progress.advance(task, RESYNC_PAGE)
            while services.records.figures()["lanes"]["mirror"]["depth"] > _MOST_WAITING:
                time.sleep(0.5)
    more = resync.since(started_at, f"{name}b")
    kept.unlink(missing_ok=True)
    click.echo(f"All are with the workers, {more} of them twice because they wrote meanwhile")


def _nothing(_step: SetupStep) -> None:
    pass


def _show_step(step: SetupStep) -> None:
    word = click.style(f"{step.result:<9}", fg="red" if step.result == "failed" else "green")
    click.echo(f"{word}  {step.name:<12}  {step.detail}".rstrip())
    if step.by_hand:
        click.echo(f"{'':<25}-> {step.by_hand}")
