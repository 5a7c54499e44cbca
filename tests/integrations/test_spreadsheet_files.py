"""Spreadsheets as files: both forms say the same, and what nobody would see on the screen is told."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from src.integrations import spreadsheet_files
from src.integrations.spreadsheet_files import ERROR, FORMULA, MERGED, TIME, read_file, write_file
from src.quoting import load_catalogue
from src.quoting.products import PACKAGE
from src.quoting.spreadsheet import COLUMNS, Cell, Verdict, Workbook, check, write
from src.quoting.tables import read_columns

TODAY = date(2027, 1, 15)
NINTH = datetime(2026, 1, 9)  # noqa: DTZ001 - a spreadsheet's days have no zone
TABLE = PACKAGE / "mortality" / "pasem2020.csv"
EXPORTED = write(load_catalogue(), read_columns(TABLE.read_bytes(), "table"))


def judged(path: Path) -> Verdict:
    return check(read_file(path, COLUMNS), TODAY)


@pytest.fixture
def xlsx(tmp_path: Path) -> Path:
    path = tmp_path / "tariff.xlsx"
    write_file(path, EXPORTED)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "tariff"
    write_file(path, EXPORTED)
    return path


def edited(path: Path, change: Callable[[Any], object]) -> Path:
    """What somebody does to the workbook in a spreadsheet program."""
    book = openpyxl.load_workbook(path)
    change(book)
    book.save(path)
    return path


def told(path: Path) -> list[str]:
    return [str(fault) for fault in judged(path).faults]


def one_sheet(tmp_path: Path, fill: Callable[[Any], object]) -> Workbook:
    book = openpyxl.Workbook()
    [sheet] = book.worksheets
    sheet.title = "Figures "
    fill(sheet)
    path = tmp_path / "one.xlsx"
    book.save(path)
    return read_file(path, COLUMNS)


def test_both_forms_say_what_was_written(xlsx: Path, folder: Path) -> None:
    in_memory = check(EXPORTED, TODAY)
    assert in_memory.ok
    for path in (xlsx, folder):
        verdict = judged(path)
        assert verdict.ok, told(path)
        assert verdict.content_sha256 == in_memory.content_sha256


def test_the_workbook_is_one_a_person_can_work_with(xlsx: Path) -> None:
    book = openpyxl.load_workbook(xlsx)
    assert book.sheetnames == ["read_me", *COLUMNS]
    assert book["figures"].freeze_panes == "A2"
    version = book["figures"]["B2"]
    assert (version.value, version.number_format) == ("2026.1", "@"), "2026.10 must not become 2026.1"
    assert book["figures"]["B8"].data_type == "n"


def test_nothing_is_overwritten(xlsx: Path, folder: Path) -> None:
    for path in (xlsx, folder):
        with pytest.raises(FileExistsError):
            write_file(path, EXPORTED)


def test_words_that_begin_like_a_formula_are_words(tmp_path: Path) -> None:
    rows: tuple[tuple[Cell, ...], ...] = (("figure", "value"), ("receipt.note", "=1+1"))
    path = tmp_path / "note.xlsx"
    write_file(path, Workbook({"figures": EXPORTED.sheets["figures"].__class__("figures", rows)}))
    assert read_file(path, COLUMNS).sheets["figures"].rows == rows


# --- cells of a workbook ------------------------------------------------------------------------------------------------


def test_cells_that_hold_no_value(tmp_path: Path) -> None:
    def fill(sheet: Any) -> None:
        sheet.append(["=1+1", "#REF!", NINTH, NINTH.replace(hour=12), time(12, 30), True, 0.1 + 0.2, 7])
        sheet.append([None, "", "  ", "1.234,56", "'=1"])
        sheet["B1"].data_type = "e"
        sheet.append([None] * 8)
        sheet.append(["below an empty row"])
        sheet.merge_cells("A5:B6")
        sheet["A5"] = "both"
        sheet["A8"] = "last"

    sheet = one_sheet(tmp_path, fill).sheets["figures"]
    first, second, third, fourth, fifth, sixth, *_ = sheet.rows
    assert first == (FORMULA, ERROR, date(2026, 1, 9), TIME, TIME, True, Decimal("0.3"), 7)
    assert second[3:5] == ("1.234,56", "'=1")
    assert not any(third)
    assert fourth[0] == "below an empty row"
    assert (fifth[:3], sixth[:3]) == ((MERGED, MERGED, None), (MERGED, MERGED, None))
    assert not sheet.faults


def test_array_formulas_are_formulas(tmp_path: Path) -> None:
    def fill(sheet: Any) -> None:
        sheet["A1"] = openpyxl.worksheet.formula.ArrayFormula("A1:A2", "=B1:B2*2")

    assert one_sheet(tmp_path, fill).sheets["figures"].rows == ((FORMULA,),)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda book: setattr(book["products"], "sheet_state", "hidden"), "products: the sheet is hidden"),
        (lambda book: setattr(book["products"], "sheet_state", "veryHidden"), "products: the sheet is hidden"),
        (lambda book: setattr(book["test_rows"].row_dimensions[7], "hidden", True), "test_rows, row 7: the row is hidden"),
        (lambda book: setattr(book["covers"].column_dimensions["G"], "hidden", True), "covers, column G: the column is hidden"),
        (lambda book: book["covers"].column_dimensions.group("G", "H", hidden=True), "covers, column H: the column is hidden"),
        (lambda book: book["products"].merge_cells("D3:D4"), "products, row 4, column table (D4): the cell is part of merged"),
        (lambda book: book["figures"].__setitem__("B8", "=0.01+0.0095"), "figures, row 8, column value (B8): a formula"),
        (lambda book: book["figures"].__setitem__("B8", NINTH), "2026-01-09 is a date, no number"),
        (lambda book: book["figures"].__setitem__("A6000", "x"), "figures: it goes beyond 5000 rows or 60 columns"),
        (lambda book: book["figures"].__setitem__("ZZ1", "x"), "figures: it goes beyond 5000 rows or 60 columns"),
        (lambda book: book.create_sheet("Figures "), "figures: two sheets have this name"),
        (lambda book: book.remove(book["tiers"]), "tiers: the sheet is missing"),
    ],
)
def test_what_nobody_would_see_is_told(xlsx: Path, change: Callable[[Any], object], complaint: str) -> None:
    assert any(complaint in line for line in told(edited(xlsx, change)))
    assert not judged(xlsx).ok


def test_sheets_of_ones_own_and_empty_formats_are_left_alone(xlsx: Path) -> None:
    def change(book: Any) -> None:
        own = book.create_sheet("my workings")
        own["A1"] = "=1/0"
        own.merge_cells("A1:C3")
        own.sheet_state = "hidden"
        book["figures"]["A9000"].number_format = "0.00"
        book["tiers"].row_dimensions[400].hidden = True

    assert judged(edited(xlsx, change)).ok, told(xlsx)


def test_text_numbers_in_a_workbook(xlsx: Path) -> None:
    def as_text(value: str) -> Callable[[Any], object]:
        return lambda book: book["figures"].__setitem__("B21", value)

    assert judged(edited(xlsx, as_text("20.000,00"))).ok, told(xlsx)
    assert any("'20.000' is text and may mean 20000 or 20" in line for line in told(edited(xlsx, as_text("20.000"))))


# --- files that are none ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a workbook",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),  # .xls, and a workbook with a password
        b"PK\x03\x04" + bytes(60),
        b"PK\x05\x06" + bytes(18),  # an empty zip
    ],
)
def test_what_is_no_workbook_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tariff.xlsx"
    path.write_bytes(content)
    [fault] = read_file(path, COLUMNS).faults
    assert "it is no Excel workbook, or a damaged one" in str(fault)
    assert not judged(path).ok


def test_a_damaged_workbook_is_told_whatever_is_damaged(xlsx: Path, tmp_path: Path) -> None:
    sha256 = judged(xlsx).content_sha256
    with zipfile.ZipFile(xlsx) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    for damaged in parts:
        if damaged.startswith(("docProps", "xl/theme")):
            continue
        for content in (None, b"", b"<a>", parts[damaged][: len(parts[damaged]) // 2]):
            path = tmp_path / "damaged.xlsx"
            with zipfile.ZipFile(path, "w") as packed:
                for name, part in parts.items():
                    if name != damaged or content is not None:
                        packed.writestr(name, content if name == damaged and content is not None else part)
            verdict = judged(path)
            assert verdict.ok == (verdict.content_sha256 == sha256), damaged


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for part in range(7):
            packed.writestr(f"xl/worksheets/sheet{part}.xml", b" " * 10 * 2**20)
    monkeypatch.setattr(openpyxl, "load_workbook", None)
    [fault] = read_file(path, COLUMNS).faults
    assert "unpacks to more than 60 MB" in fault.what


def test_a_file_that_is_not_there_or_too_large_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [fault] = read_file(tmp_path / "nothing.xlsx", COLUMNS).faults
    assert "it cannot be read: No such file" in fault.what
    monkeypatch.setattr(spreadsheet_files, "MOST_BYTES", 1000)
    large = tmp_path / "large.xlsx"
    large.write_bytes(bytes(1001))
    [fault] = read_file(large, COLUMNS).faults
    assert "larger than" in fault.what


# --- folders of .csv ----------------------------------------------------------------------------------------------------


def test_a_spanish_spreadsheets_csv_says_the_same(folder: Path) -> None:
    """Semicolons, decimal commas, yes and no in Spanish, capitals, blank lines at the end."""
    for path in folder.glob("*.csv"):
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
        written = io.StringIO(newline="")
        csv.writer(written, delimiter=";").writerows([spanish(cell) for cell in row] for row in [*rows, [""] * 3])
        path.unlink()
        path.with_name(path.name.upper()).write_text(written.getvalue(), encoding="utf-8-sig", newline="")
    verdict = judged(folder)
    assert verdict.ok, told(folder)
    assert verdict.content_sha256 == check(EXPORTED, TODAY).content_sha256


def spanish(cell: str) -> str:
    words = {"yes": "VERDADERO", "no": "Falso"}
    is_number = cell.count(".") == 1 and cell.replace(".", "").isdigit() and cell != "2026.1"
    return words.get(cell, cell.replace(".", ",") if is_number else cell)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "has no column"),
        ("tier;covers\nesencial;«muerte»".encode("cp1252"), "not written in UTF-8"),
        (b'tier;covers\n"esencial;death\n', "from row 2 on it cannot be read as CSV"),
        (b"tier;covers\nesencial;=A1\n", "row 2, column covers (B2): a formula"),
        ("tier;covers\nesencial;#¡REF!\n".encode(), "row 2, column covers (B2): the spreadsheet shows an error"),
        (b"tier;covers\nesencial;death\x00\n", "characters that cannot be seen"),
        (b"tier;covers\n" + b";\n" * 5000, "goes beyond 5000 rows"),
        (b"tier;covers;" + b"x" * 140_000, "it cannot be read as CSV"),
    ],
)
def test_a_csv_file_that_cannot_be_read_is_told(folder: Path, content: bytes, complaint: str) -> None:
    (folder / "tiers.csv").write_bytes(content)
    lines = told(folder)
    assert any(line.startswith("tiers") and complaint in line for line in lines), lines


def test_two_files_of_one_name_and_a_missing_one_are_told(folder: Path) -> None:
    (folder / "Tiers.CSV").write_bytes((folder / "tiers.csv").read_bytes())
    (folder / "products.csv").rename(folder / "products.txt")
    lines = told(folder)
    assert "tiers: two files have this name" in lines
    assert "products: the sheet is missing" in lines
