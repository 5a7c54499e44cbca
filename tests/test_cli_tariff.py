"""`python -m src.cli tariff`: exported, checked, signed, put on sale, and what then sells by it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result

from src.cli import cli
from src.errors import DamagedCatalogue
from src.quoting import Applicant, Offer, load_catalogue, quote_rows, stored
from src.quoting.products import PACKAGE
from tests.kit.rig import PROJECT

TODAY = date(2026, 11, 20)
RISK = Applicant(45, True, 2)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An operator's shell in an empty directory. What is loaded is not kept for the next test."""
    monkeypatch.setenv("TARIFF_DIR", "")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)
    yield
    load_catalogue.cache_clear()


def run(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["tariff", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result


def verdict(file: str, code: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run("check", file, "--json", code=code).stdout)
    assert answer["ok"] is (code == 0)
    return answer


def edited(file: str, change: Callable[[Any], object]) -> str:
    book = openpyxl.load_workbook(file)
    change(book)
    book.save(file)
    return file


def figure(name: str, value: object) -> Callable[[Any], object]:
    def change(book: Any) -> None:
        [row] = [row for row in book["figures"].iter_rows() if row[0].value == name]
        row[1].value = value

    return change


def exported(version: str = "2027.1", file: str = "tariff.xlsx") -> str:
    """Today's tariff under another version, as an actuary begins."""
    run("export", file)
    return edited(file, figure("version", version))


def signed(file: str) -> str:
    sha256 = verdict(file)["content_sha256"]

    def sign(book: Any) -> None:
        for row, value in zip(range(2, 6), ("A. Actuario", "actuario", date(2026, 10, 1), sha256), strict=True):
            book["signature"].cell(row, 2).value = value

    return edited(file, sign)


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    """The whole way as an operator types it, without a store and in a folder of its own."""

    def typed(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "src.cli", "tariff", *words]
        return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)

    file = tmp_path / "tariff.xlsx"
    assert typed("export", str(file)).returncode == 0
    checked = typed("check", str(file))
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "0 faults; " in checked.stdout
    refused = typed("import", str(file), "--into", str(tmp_path / "sold"))
    assert refused.returncode == 1
    assert "nobody has signed it" in refused.stderr
    assert not (tmp_path / "sold").exists()


# --- check --------------------------------------------------------------------------------------------------------------


def test_what_is_sold_passes_in_both_forms() -> None:
    run("export", "tariff.xlsx")
    run("export", "tariff")
    assert verdict("tariff.xlsx")["content_sha256"] == verdict("tariff")["content_sha256"] != ""
    assert "is there already" in run("export", "tariff.xlsx", code=1).output
    assert "is there already" in run("export", "tariff", code=1).output


def test_people_see_each_row_and_how_to_sign() -> None:
    shown = run("check", exported()).output
    sha256 = verdict("tariff.xlsx")["content_sha256"]
    assert "  2  85.39 / 7.33 " in shown
    assert "over_age" in shown
    assert f"It may be sold. To sign it, fill in the sheet signature, with content_sha256 {sha256}." in shown
    assert "Signed by A. Actuario on 2026-10-01." in run("check", signed("tariff.xlsx")).output


def test_faults_and_differences_are_told_with_an_exit_code() -> None:
    file = edited(exported(), figure("loads.margin", "5 %"))
    edited(file, lambda book: book["tiers"].__setitem__("B4", "death; life"))
    shown = run("check", file, code=1).output
    assert "FAULT  figures, row 11, column value (B11): '5 %' is no number" in shown
    assert "-> write a plain number, without unit or formula" in shown
    assert "FAULT  tiers, row 4, column covers (B4): there is no cover life" in shown
    assert "0 wrong, 34 not priced because of the faults above" in shown
    answer = verdict(edited(exported(file="other.xlsx"), figure("loads.margin", 0.06)), code=1)
    assert answer["faults"] == []
    assert answer["tests"][0]["difference"] == "+1.33 / +0.11"
    assert not any(test["passed"] for test in answer["tests"] if "/" in test["expected"])
    assert all(test["passed"] for test in answer["tests"] if "/" not in test["expected"])


def test_a_new_name_needs_words_first() -> None:
    def rename(book: Any) -> None:
        book["tiers"]["A4"] = "suprema"

    [fault] = verdict(edited(exported(), rename), code=1)["faults"]
    assert (fault["sheet"], fault["cell"]) == ("tiers", "A4")
    assert fault["what"] == "the assistant has no words for suprema"


def test_a_changed_tariff_needs_a_new_version() -> None:
    changed = edited(exported("2026.1"), figure("needs.income_share", 0.71))
    [fault] = verdict(changed, code=1)["faults"]
    assert "2026.1 is published already" in fault["what"]


@pytest.mark.parametrize("name", ["nothing.xlsx", "/proc/self/mem"])
def test_a_file_that_cannot_be_read_is_told(name: str) -> None:
    shown = run("check", name, code=1).output
    assert "it cannot be read" in shown
    assert "Traceback" not in shown


# --- import -------------------------------------------------------------------------------------------------------------


def test_what_was_signed_is_what_is_sold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The round trip: the files that the server reads price as the spreadsheet's tariff did, to the cent."""
    said = run("import", signed(exported()), "--into", "sold").output
    assert "Tariff 2027.1, signed by A. Actuario on 2026-10-01, is in sold." in said
    assert f"TARIFF_DIR={Path('sold').resolve()}" in said
    before, after = load_catalogue(), load_catalogue("", Path("sold"))
    assert after.book.tariff.version == "2027.1"
    assert after.book.rates == before.book.rates
    for term_years in (None, 20):
        rows = [quote_rows(catalogue, RISK, 150_000, TODAY, term_years=term_years) for catalogue in (before, after)]
        assert rows[0] == rows[1]
    assert (after.book.products, after.book.coverages) == (before.book.products, before.book.coverages)
    monkeypatch.setenv("TARIFF_DIR", "sold")
    assert "tariff 2027.1" in CliRunner().invoke(cli, ["quote", "--age", "45"]).output
    run("export", "again.xlsx")
    again = verdict("again.xlsx")
    assert (again["signed_by"], again["signed_on"]) == ("A. Actuario", "2026-10-01")
    assert again["content_sha256"] == verdict("tariff.xlsx")["content_sha256"]


def test_offers_of_before_keep_their_price(monkeypatch: pytest.MonkeyPatch) -> None:
    offer = load_catalogue().offer(RISK, "level_term", 150_000, ("death",), TODAY, term_years=20)
    assert isinstance(offer, Offer)
    file = edited(exported(), figure("loads.margin", 0.06))
    prices = {test["row"]: test["computed"].split(" / ") for test in verdict(file, code=1)["tests"]}

    def reckoned_anew(book: Any) -> None:
        for row, (annual, monthly) in ((row, price) for row, price in prices.items() if len(price) == 2):
            book["test_rows"].cell(row, 8).value, book["test_rows"].cell(row, 9).value = float(annual), float(monthly)

    run("import", signed(edited(file, reckoned_anew)), "--into", "sold")
    sold = load_catalogue("", Path("sold"))
    dearer = sold.offer(RISK, "level_term", 150_000, ("death",), TODAY, term_years=20)
    assert isinstance(dearer, Offer)
    assert dearer.annual_premium > offer.annual_premium
    assert sold.reprice(stored(offer)) == offer
    assert sold.reprice(stored(dearer)) == dearer


def test_the_next_tariff_lies_beside_the_first() -> None:
    run("import", signed(exported()), "--into", "sold")
    first = tree(Path("sold"))
    again = run("import", "tariff.xlsx", "--into", "sold", code=1)
    assert "2027.1 is published already" in again.output
    assert tree(Path("sold")) == first
    other = exported("2027.2", "next.xlsx")
    run("import", signed(other), "--into", "sold")
    assert load_catalogue("", Path("sold")).book.tariff.version == "2027.2"
    after = tree(Path("sold"))
    assert {name for name in first if after[name] != first[name]} == {"catalogue/current.toml"}
    for version in ("2026.1", "2027.1", "2027.2"):
        assert load_catalogue(version, Path("sold")).book.tariff.version == version


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "change",
    [
        lambda book: book["test_rows"].__setitem__("H2", 85.40),
        lambda book: book["tiers"].__setitem__("B4", "life"),
        lambda book: book["signature"].__setitem__("B5", "0" * 64),
        lambda book: book["signature"].__setitem__("B3", None),
    ],
    ids=["a cent", "a fault", "another content", "half a signature"],
)
def test_nothing_is_written_unless_everything_is_right(change: Callable[[Any], object]) -> None:
    file = edited(signed(exported()), change)
    assert "nothing was written" in run("import", file, "--into", "sold", code=1).output
    assert not Path("sold").exists()


def test_a_folder_that_cannot_be_written_is_told() -> None:
    said = run("import", signed(exported()), "--into", "/proc/sold", code=1).output
    assert said.startswith("Error: /proc/sold")


def test_whoever_edits_what_was_signed_is_found_out() -> None:
    """Even when the seals are entered anew: the signature is for the content."""
    run("import", signed(exported()), "--into", "sold")
    load_catalogue.cache_clear()
    file, index = Path("sold/catalogue/2027.1/tariff.toml"), Path("sold/catalogue/current.toml")
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_text(file.read_text(encoding="utf-8").replace("validity_days = 30", "validity_days = 90"), encoding="utf-8")
    index.write_text(index.read_text(encoding="utf-8").replace(before, hashlib.sha256(file.read_bytes()).hexdigest()))
    with pytest.raises(DamagedCatalogue, match=r"it is not what A\. Actuario signed"):
        load_catalogue("", Path("sold"))


def test_every_test_row_holds_the_program_from_then_on() -> None:
    run("import", signed(exported()), "--into", "sold")
    controls = load_catalogue("", Path("sold")).book.tariff.control
    assert len(controls) == 34
    assert {control.occupation_class for control in controls} == {1, 2, 3, 4}
    assert {control.refusal for control in controls} > {"over_age", "medical_selection"}


# --- what sells by it ---------------------------------------------------------------------------------------------------


def test_a_folder_without_tariffs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARIFF_DIR", "nowhere")
    for words in (["quote", "--age", "45"], ["tariff", "export", "tariff.xlsx"], ["tariff", "check", "tariff.xlsx"]):
        result = CliRunner().invoke(cli, words)
        assert result.exit_code == 1
        assert "current.toml cannot be read" in result.output


def test_the_tariffs_that_come_with_the_program_are_those_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    run("import", signed(exported()), "--into", "sold")
    for path in (PACKAGE / "catalogue" / "2026.1").iterdir():
        assert (Path("sold/catalogue/2026.1") / path.name).read_bytes() == path.read_bytes()
    assert Path("sold/mortality/pasem2020.csv").read_bytes() == (PACKAGE / "mortality" / "pasem2020.csv").read_bytes()
