"""Everything the product depends on, looked at."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

import click
import msgspec
import requests

from src.bootstrap import make_ledger, make_services, now_stored, tariff_folder
from src.cli.shared import console
from src.data_dir import verify_token
from src.desk.checks import Check, judged
from src.errors import (
    ConfigurationError,
    DamagedCatalogue,
    LedgerUnavailable,
)
from src.quoting import load_catalogue
from src.settings import Settings, load

_LEAST_FREE_MB = 500


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def doctor(*, as_json: bool) -> None:
    """Looks at everything the product depends on and says what to do. Exit code 1 when something is not well."""
    with console.status("Looking ..."):
        checks = _examined()
    well = all(check.ok for check in checks)
    if as_json:
        click.echo(msgspec.json.encode({"ok": well, "checks": checks}))
    else:
        for check in checks:
            word = click.style("ok  ", fg="green") if check.ok else click.style("FAIL", fg="red", bold=True)
            click.echo(f"{word}  {check.name:<18}  {check.found}")
            if check.remedy:
                click.echo(f"{'':<26}-> {check.remedy}")
    sys.exit(0 if well else 1)


def _examined() -> list[Check]:
    try:
        settings = load()
    except ConfigurationError as fault:
        return [Check("settings", False, line, "correct it in the environment or in .env") for line in fault.faults]
    with contextlib.suppress(LedgerUnavailable):  # the store's own check says so
        settings = now_stored(settings, make_ledger(settings))
    services = make_services(settings)
    words = settings.channels_in_words
    channels = "no keys: the simulator is the channel" if settings.is_tried_out else f"channels: {', '.join(words)}"
    checks = [
        Check("settings", True, "; ".join(("complete", channels, *settings.remarks))),
        _data_dir(settings.data_dir),
        _tariff(settings),
        _written_answers(settings),
        *services.checks(),
        *(Check(f"access: {name}", False, why, f"enter it again: settings set {name}") for name, why in settings.off.items()),
    ]
    return [*checks, _public_door(settings)] if settings.public_base_url else checks


def _data_dir(directory: Path) -> Check:
    name = "data directory"
    nearest = next(folder for folder in (directory.resolve(), *directory.resolve().parents) if folder.is_dir())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            free_mb = shutil.disk_usage(nearest).free // 2**20
    except OSError as fault:
        return Check(
            name, False, f"{directory} cannot be written: {fault.strerror}", "give this user the right, or set DATA_DIR"
        )
    return judged(
        name, free_mb >= _LEAST_FREE_MB, f"{directory}, {free_mb:,} MB free", "make room, or set DATA_DIR to another disk"
    )


def _written_answers(settings: Settings) -> Check:
    from src.agent import knowledge  # noqa: PLC0415 - only doctor reads them here

    known = knowledge.load([Path(settings.knowledge_dir)] if settings.knowledge_dir else [])
    open_ids = sorted({entry.id for entry in known.entries if entry.to_be_confirmed})
    if known.faults:
        files = "; ".join(f"{fault.file.name}: {fault.why}" for fault in known.faults)
        return Check("answers", False, files, "correct these files in KNOWLEDGE_DIR: they are left out until then")
    found = f"{len(known.entries)} answers"
    return Check("answers", True, f"{found}; counsel has yet to confirm: {', '.join(open_ids)}" if open_ids else found)


def _tariff(settings: Settings) -> Check:
    folder, name = tariff_folder(settings), "tariff"
    try:
        sold = load_catalogue("", folder).book.tariff
    except DamagedCatalogue as fault:
        return Check(name, False, f"{folder}: {fault}", "correct TARIFF_DIR, or import the tariff again")
    signature = sold.signature
    by = f"signed by {signature.signed_by} on {signature.signed_on}" if signature else "signed by nobody, for illustration"
    return Check(name, True, f"{sold.version}, {by}")


def _public_door(settings: Settings) -> Check:
    """Knocks as Meta does. The address may lead anywhere: no redirect is followed, and nothing of the answer is shown."""
    challenge = secrets.token_hex(8)
    address = f"{settings.public_base_url}/webhook/whatsapp"
    try:
        query = {"hub.mode": "subscribe", "hub.verify_token": verify_token(settings), "hub.challenge": challenge}
        answer = requests.get(address, params=query, timeout=10, allow_redirects=False)
    except OSError as fault:  # of the network, or of the directory that keeps the token
        found, well = f"{address}: {type(fault).__name__}", False
    else:
        well = answer.status_code == 200 and answer.text == challenge
        found = f"{address} answers {answer.status_code}" + ("" if well else ", not the challenge")
    return judged(
        "public webhook", well, found, "check PUBLIC_BASE_URL, DNS, the certificate, nginx and that the web process runs"
    )
