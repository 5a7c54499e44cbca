"""What is stored about one person: shown and erased."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from src import logs
from src.bootstrap import Services
from src.cli.shared import known_contact, services_at_hand
from src.integrations.ledger.dossier import dossier


@click.command()
@click.argument("who")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Into this file, for its owner's eyes only."
)
def export(*, who: str, output: Path | None) -> None:
    """Everything stored about one person (a phone or contact key), as JSON."""
    with services_at_hand() as services:
        contact = known_contact(services, who)
        conversation = services.desk.conversation(contact) or {}
        conversation.pop("messages", None)  # the transcript has them all
        everything = {"conversation": conversation, **(dossier(services.ledger, contact) or {})}
    written = msgspec.json.format(msgspec.json.encode(everything), indent=2)
    if output is None:
        click.echo(written)
        return
    try:
        output.touch(mode=0o600)
        output.chmod(0o600)
        output.write_bytes(written)
    except OSError as fault:
        raise click.FileError(str(output), fault.strerror) from fault


@click.command()
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(*, who: str, yes: bool) -> None:
    """Erases everything about one person (a phone or contact key). It cannot be undone."""
    with services_at_hand() as services:
        contact = known_contact(services, who)
        held = dossier(services.ledger, contact) or {"transcript": [], "dead_letters": [], "waiting": {}, "also_known_as": []}
        counted = {
            "messages": len(held["transcript"]),
            "waiting jobs": sum(held["waiting"].values()),
            "dead letters": len(held["dead_letters"]),
            "other names": len(held["also_known_as"]),
        }
        what = ", ".join(f"{count} {name}" for name, count in counted.items())
        if not yes:
            click.confirm(f"This removes the conversation and {what}, and cannot be undone. Go on?", abort=True)
        services.desk.erase(contact)
        _note_erasure(services, contact)
    click.echo(f"Erased: the conversation, {what}. Keyed hashes of message ids stay for 8 days, so that nothing comes back.")


def _note_erasure(services: Services, contact: str) -> None:
    """A line in the log, as when it is done at the door: that it was done, and by the pseudonym to whom."""
    settings = services.settings
    logs.configure(
        log_file=settings.log_file, log_format=settings.log_format, debug=settings.debug, process="command", stdout=False
    )
    logs.get_logger().info("conversation.erased", contact=services.ledger.pseudonym(contact))
    logs.flush()
