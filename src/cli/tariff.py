"""The tariff as a spreadsheet."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import click
import msgspec

from src.agent.texts import phrasebook
from src.bootstrap import tariff_folder
from src.cli.shared import file_faults_told, settings_at_hand
from src.integrations import spreadsheet_files
from src.integrations import tariff_folder as tariffs
from src.quoting import load_catalogue
from src.quoting import spreadsheet as tariff_sheets
from src.quoting.tables import read_columns

SPREADSHEET = click.Path(path_type=Path)


@click.group()
def tariff() -> None:
    """The tariff as a spreadsheet: written, checked to the cent, and put on sale."""


@tariff.command("export")
@click.argument("file", type=SPREADSHEET)
def export_tariff(*, file: Path) -> None:
    """Writes the tariff that is sold into FILE.xlsx, or into a new folder with a .csv file for each sheet."""
    with file_faults_told():
        folder = tariff_folder(settings_at_hand())
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
    with file_faults_told():
        verdict = _judged(file, tariff_folder(settings_at_hand()))
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
    with file_faults_told():
        sold = tariff_folder(settings_at_hand())
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
