"""The operator's commands. `python -m src.cli --help`"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec
import requests
from rich import box
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table

from src import logs
from src.agent import reading_lines
from src.agent.texts import phrasebook
from src.bootstrap import Services, make_services, set_up_chatwoot, tariff_folder
from src.desk.checks import Check, SetupStep, judged
from src.desk.operators import MOST_LETTERS, dead_letter_id
from src.desk.resync import PAGE as RESYNC_PAGE
from src.desk.resync import Resync
from src.errors import (
    ConfigurationError,
    DamagedCatalogue,
    InvalidRequest,
    LedgerUnavailable,
    SalesAgentError,
    UnknownContact,
)
from src.integrations import spreadsheet_files
from src.integrations import tariff_folder as tariffs
from src.integrations.redis_dossier import dossier
from src.integrations.whatsapp_identity import CHANNEL, contact_key, typed_key
from src.quoting import QUOTE_COLUMNS, Applicant, Refusal, explain, load_catalogue, quote_rows
from src.quoting import spreadsheet as tariff_sheets
from src.quoting.tables import read_columns
from src.settings import Settings, admin_token, chatwoot_of, child_environment, load, verify_token

ROOT = Path(__file__).resolve().parents[1]
_MOST_WAITING = 2_000
_LEAST_FREE_MB = 500
_REAL_PEOPLE = ("WHATSAPP_", "TWILIO_", "CHATWOOT_", "LINE_", "ALERT_", "SMTP_")
"""How variables begin through which somebody could be reached: a chat to try the bot is told none of them."""
_console = Console(highlight=False)


@click.group()
def cli() -> None:
    """Talk to the bot, look after it."""


# -- chat --------------------------------------------------------------------------------------------------------------


@cli.command()
@click.option("--phone", default="", help="Go on as this person (digits with country code). Default: somebody new.")
def chat(phone: str) -> None:
    """Talk to the bot in this terminal, through the same door, ledger, worker and agent as on WhatsApp.

    A running server without any channel is used; otherwise one is started for this chat alone, with no keys at all.
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


# -- read -------------------------------------------------------------------------------------------------------------


@cli.command("read")
def read_messages() -> None:
    """Reads messages, one JSON line each, and answers each with a line of what was understood. For measuring.

    {"text": "tengo 42", "awaiting": "age"}; docs/commands.md has all the keys. No store and no network are used. Exit code 1
    when a line could not be read; its error stands in its place.
    """
    today, well = date.today().isoformat(), True
    while line := _line_of(sys.stdin.buffer):
        told, readable = reading_lines.answer(line, today)
        well = well and readable
        sys.stdout.buffer.write(told + b"\n")
        sys.stdout.buffer.flush()
    sys.exit(0 if well else 1)


def _line_of(stream: BinaryIO) -> bytes:
    """The next line, or so much of it as shows that it is too long; nothing at the end."""
    line = read = stream.readline(reading_lines.LONGEST_LINE_BYTES + 3)
    while read and not read.endswith(b"\n"):
        read = stream.readline(reading_lines.LONGEST_LINE_BYTES)
    return line


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
    with _told():
        catalogue = load_catalogue("", tariff_folder(_settings()))
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


# -- tariff ------------------------------------------------------------------------------------------------------------

SPREADSHEET = click.Path(path_type=Path)


@cli.group()
def tariff() -> None:
    """The tariff as a spreadsheet: written, checked to the cent, and put on sale."""


@tariff.command("export")
@click.argument("file", type=SPREADSHEET)
def export_tariff(*, file: Path) -> None:
    """Writes the tariff that is sold into FILE.xlsx, or into a new folder with a .csv file for each sheet."""
    with _told():
        folder = tariff_folder(_settings())
        catalogue = load_catalogue("", folder)
        table = catalogue.book.tariff.mortality.file
        columns = read_columns((folder / "mortality" / table).read_bytes(), table)
        spreadsheet_files.write_file(file, tariff_sheets.write(catalogue, columns))
    click.echo(f"{file}: tariff {catalogue.book.tariff.version}. Check it: python -m src.cli tariff check {file}")


@tariff.command("check")
@click.argument("file", type=SPREADSHEET)
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def check_tariff(*, file: Path, as_json: bool) -> None:
    """Tells every fault of a spreadsheet, and prices its test rows. Exit code 1 when it may not be sold."""
    with _told():
        verdict = _judged(file, tariff_folder(_settings()))
    if as_json:
        click.echo(msgspec.json.encode(verdict.to_json()))
    else:
        _show_verdict(verdict)
    sys.exit(0 if verdict.ok else 1)


@tariff.command("import")
@click.argument("file", type=SPREADSHEET)
@click.option("--into", type=SPREADSHEET, required=True, help="The folder that TARIFF_DIR names; made when it is not there.")
def import_tariff(*, file: Path, into: Path) -> None:
    """Puts a checked and signed spreadsheet on sale: writes the files that the server reads."""
    with _told():
        sold = tariff_folder(_settings())
        has_tariffs = (into / "catalogue").exists()
        verdict = _judged(file, into if has_tariffs else sold)
        if not verdict.ok or verdict.draft.tariff is None:
            _show_verdict(verdict)
            raise click.ClickException("nothing was written")
        if not verdict.signed_by:
            raise click.ClickException(f"nobody has signed it. {_how_to_sign(verdict)}")
        files, table = tariff_sheets.published_files(verdict.draft, verdict.draft.tariff)
        named = (verdict.draft.tariff.mortality.file, table)
        catalogue = tariffs.publish(into, verdict.version, files, named, before=sold)
    click.echo(f"Tariff {catalogue.book.tariff.version}, signed by {verdict.signed_by} on {verdict.signed_on}, is in {into}.")
    click.echo(f"Set TARIFF_DIR={into.resolve()} and restart the workers: they sell by it from then on.")


def _judged(file: Path, folder: Path) -> tariff_sheets.Verdict:
    words = list(phrasebook("es", "tu"))

    def said(section: str) -> frozenset[str]:
        return frozenset(key.removeprefix(f"{section}.") for key in words if key.startswith(f"{section}."))

    return tariff_sheets.check(
        spreadsheet_files.read_file(file, tariff_sheets.COLUMNS),
        date.today(),
        published=tariffs.published_in(folder),
        sayable=tariff_sheets.Sayable(said("product"), said("cover"), said("tier")),
    )


def _show_verdict(verdict: tariff_sheets.Verdict) -> None:
    for fault in verdict.faults:
        click.echo(f"{click.style('FAULT', fg='red', bold=True)}  {fault}\n       -> {fault.remedy}")
    if verdict.tests:
        click.echo("\nrow  expected, a year / a month  computed                    difference")
    for test in verdict.tests:
        word = click.style("ok", fg="green") if test.passed else click.style("DIFFERS", fg="red", bold=True)
        click.echo(f"{test.row:>3}  {test.expected:<27}  {test.computed:<26}  {test.difference:<17}  {word}  {test.about}")
    failed = sum(not test.passed for test in verdict.tests)
    untested = f", {verdict.untested} not priced because of the faults above" if verdict.untested else ""
    click.echo(f"\n{len(verdict.faults)} faults; {len(verdict.tests) - failed} test rows right, {failed} wrong{untested}.")
    if verdict.content_sha256:
        click.echo(f"Tariff {verdict.version}, content SHA-256 {verdict.content_sha256}")
    if verdict.ok:
        signed = f"Signed by {verdict.signed_by} on {verdict.signed_on}." if verdict.signed_by else _how_to_sign(verdict)
        click.echo(f"It may be sold. {signed}")
    else:
        click.echo("It may not be sold.")


def _how_to_sign(verdict: tariff_sheets.Verdict) -> str:
    return f"To sign it, fill in the sheet signature, with content_sha256 {verdict.content_sha256}."


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Known faults of the files are told in one line."""
    try:
        yield
    except FileExistsError as fault:
        raise click.ClickException(f"{fault.filename} is there already; give another name") from fault
    except OSError as fault:
        raise click.ClickException(f"{fault.filename}: {fault.strerror}") from fault
    except DamagedCatalogue as fault:
        raise click.ClickException(str(fault)) from fault


# -- doctor ------------------------------------------------------------------------------------------------------------


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def doctor(*, as_json: bool) -> None:
    """Looks at everything the product depends on and says what to do. Exit code 1 when something is not well."""
    with _console.status("Looking ..."):
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
    services = make_services(settings)
    words = settings.channels_in_words
    channels = "no keys: the simulator is the channel" if settings.is_tried_out else f"channels: {', '.join(words)}"
    checks = [
        Check("settings", True, f"complete; {channels}"),
        _data_dir(settings.data_dir),
        _tariff(settings),
        _written_answers(settings),
        *services.checks(),
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


# -- send --------------------------------------------------------------------------------------------------------------


@cli.command()
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
    with _services() as services:
        contact = _found(services, to) or typed_key(to)
        if contact is None:
            raise InvalidRequest(["TO: a phone number with its country code, or a contact key"])
        message_id = services.operators.say(contact, body, to_anybody=True)
        with _console.status("Sending ..."):
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


# -- one person --------------------------------------------------------------------------------------------------------


@cli.command()
@click.argument("who")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Into this file, for its owner's eyes only."
)
def export(*, who: str, output: Path | None) -> None:
    """Everything stored about one person (a phone or contact key), as JSON."""
    with _services() as services:
        contact = _known(services, who)
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


@cli.command()
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(*, who: str, yes: bool) -> None:
    """Erases everything about one person (a phone or contact key). It cannot be undone."""
    with _services() as services:
        contact = _known(services, who)
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


def _known(services: Services, who: str) -> str:
    contact = _found(services, who)
    if contact is None:
        raise UnknownContact("nobody is known by that phone or key")
    return contact


def _found(services: Services, who: str) -> str | None:
    return services.desk.find(typed_key(who) or who) or services.desk.find(f"{CHANNEL}:{who}")


# -- dead letters ------------------------------------------------------------------------------------------------------


@cli.group("dead-letters")
def dead_letters() -> None:
    """What was given up, and trying it again."""


@dead_letters.command("list")
@click.option("--limit", type=click.IntRange(1, MOST_LETTERS), default=100, show_default=True)
@click.option("--contacts", is_flag=True, help="Show whose they are.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON list.")
def list_letters(*, limit: int, contacts: bool, as_json: bool) -> None:
    """What was given up, newest first, with the reason."""
    with _services() as services:
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
    elif _console.is_terminal:
        table = Table(*letters[0], box=box.SIMPLE)
        for letter in letters:
            table.add_row(*letter.values())
        _console.print(table)
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
    with _services() as services:
        letters = [
            one for one in services.operators.dead_letters(MOST_LETTERS) if everything or dead_letter_id(one) == letter_id
        ]
        if letter_id is not None and not letters:
            raise click.ClickException("there is no dead letter by that id")
        # Oldest first: what a person wrote first is answered first.
        in_order = track(letters[::-1], "Replaying", console=_console, disable=not _console.is_terminal)
        done = sum(services.operators.replay_letter(letter) for letter in in_order)
    click.echo(f"{done} put back into their lanes")


# -- Chatwoot ----------------------------------------------------------------------------------------------------------


@cli.command("provision-chatwoot")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def provision_chatwoot(*, as_json: bool) -> None:
    """Sets up the Chatwoot account: inbox, bot, labels, attributes, teams, webhook. What is there already is adopted.

    What it makes is kept in the data directory. It may be run as often as one likes. Exit code 1 when a step is left to do.
    """
    settings = _settings()
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


@cli.command("resync-chatwoot")
@click.argument("who", required=False)
@click.option("--all", "everybody", is_flag=True, help="Everybody. It goes on where an interrupted run stopped.")
def resync_chatwoot(*, who: str | None, everybody: bool) -> None:
    """Makes Chatwoot's copy of one person (a phone or contact key) or of everybody anew from the transcripts.

    What is there already is not written again. The workers do the writing, at the pace that Chatwoot allows.
    """
    if everybody == (who is not None):
        raise click.UsageError("give either one person or --all")
    with _services() as services:
        if not services.ledger.mirrors:
            raise click.ClickException("set CHATWOOT_BASE_URL, CHATWOOT_ACCOUNT_ID and CHATWOOT_USER_TOKEN first")
        resync, name = Resync(services.ledger, services.records), f"r{secrets.token_hex(4)}"
        if who is not None:
            click.echo(f"{resync.one(_known(services, who), name)} jobs are with the workers")
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
    with Progress(console=_console, disable=not _console.is_terminal) as progress:
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


# -- shared ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _services() -> Iterator[Services]:
    """The product's parts, straight on the store: the web process may be down. Known faults are told in one line."""
    try:
        yield make_services(load())
    except ConfigurationError as fault:
        raise click.ClickException(str(fault)) from fault
    except LedgerUnavailable as fault:
        raise click.ClickException(f"the store does not answer ({fault}); start it (make run) or set REDIS_URL") from fault
    except SalesAgentError as fault:
        raise click.ClickException(str(fault)) from fault


def _settings() -> Settings:
    try:
        return load()
    except ConfigurationError as fault:
        raise click.ClickException(str(fault)) from fault


if __name__ == "__main__":
    cli()
