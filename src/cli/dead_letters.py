"""What was given up, and trying it again."""

from __future__ import annotations

import click
import msgspec
from rich import box
from rich.progress import track
from rich.table import Table

from src.cli.shared import console, services_at_hand
from src.desk.operators import MOST_LETTERS, dead_letter_id


@click.group("dead-letters")
def dead_letters() -> None:
    """What was given up, and trying it again."""


@dead_letters.command("list")
@click.option("--limit", type=click.IntRange(1, MOST_LETTERS), default=100, show_default=True)
@click.option("--contacts", is_flag=True, help="Show whose they are.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON list.")
def list_letters(*, limit: int, contacts: bool, as_json: bool) -> None:
    """What was given up, newest first, with the reason."""
    with services_at_hand() as services:
        letters = [
            {
                "id": dead_letter_id(letter),
                "at": f"{letter.at:%Y-%m-%d %H:%M}",
                "lane": letter.lane,
                "contact": letter.contact if contacts else services.ledger.pseudonym(letter.contact),
                "attempts": str(letter.attempts),
                "reason": letter.reason,
            }
            for letter in services.operators.dead_letters(limit)
        ]
    if as_json:
        click.echo(msgspec.json.encode(letters))
    elif not letters:
        click.echo("No dead letters.")
    elif console.is_terminal:
        table = Table(*letters[0], box=box.SIMPLE)
        for letter in letters:
            table.add_row(*letter.values())
        console.print(table)
    else:
        for letter in letters:
            click.echo("\t".join(letter.values()))


@dead_letters.command("replay")
@click.argument("letter_id", required=False)
@click.option("--all", "everything", is_flag=True, help="Every one of them.")
def replay_letters(*, letter_id: str | None, everything: bool) -> None:
    """Tries a dead letter again as if for the first time, or all of them."""
    if everything == (letter_id is not None):
        raise click.UsageError("give either one id or --all")
    with services_at_hand() as services:
        letters = [
            one for one in services.operators.dead_letters(MOST_LETTERS) if everything or dead_letter_id(one) == letter_id
        ]
        if letter_id is not None and not letters:
            raise click.ClickException("there is no dead letter by that id")
        # Oldest first: what a person wrote first is answered first.
        in_order = track(letters[::-1], "Replaying", console=console, disable=not console.is_terminal)
        done = sum(services.operators.replay_letter(letter) for letter in in_order)
    click.echo(f"{done} put back into their lanes")
