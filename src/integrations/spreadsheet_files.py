"""Spreadsheets as files: an .xlsx workbook, or a folder with a .csv file for each sheet.

What a person who signs could not see is told as a fault: formulas, hidden rows, columns and sheets, merged cells.
"""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.quoting.spreadsheet import Cell, Fault, Sheet, Unusable, Workbook, letters

if TYPE_CHECKING:
    import openpyxl
    from openpyxl.worksheet.worksheet import Worksheet

MOST_BYTES, MOST_UNPACKED_BYTES = 20 * 2**20, 60 * 2**20
MOST_ROWS, MOST_COLUMNS = 5_000, 60
SAVE_AS = "save it as an Excel workbook (.xlsx), or every sheet as CSV UTF-8 in one folder"
FORMULA = Unusable("a formula stands there, and what it gives is nowhere signed", "paste its value in its place")
ERROR = Unusable("the spreadsheet shows an error there", "correct it, and enter a value")
MERGED = Unusable("the cell is part of merged cells", "unmerge them, and give each row its own value")
TIME = Unusable("a time of day stands there", "format the cell as a number and write it again")


def read_file(path: Path, known: Iterable[str]) -> Workbook:
    """The sheets of a workbook, or of a folder of .csv files. Those that are not `known` by name are left alone.

    Whatever is wrong with the file is in the faults; it raises nothing.
    """
    try:
        if path.is_dir():
            return _read_folder(path, frozenset(known))
        if path.stat().st_size > MOST_BYTES:
            return _refused(path, f"the file is larger than {MOST_BYTES >> 20} MB", "delete what does not belong to the tariff")
        return _read_workbook(path, frozenset(known))
    except OSError as fault:
        return _refused(path, f"it cannot be read: {fault.strerror}", "give the path of a workbook or of a folder")


def write_file(path: Path, workbook: Workbook) -> None:
    """Writes a workbook, or a folder of .csv files when the name does not end in .xlsx. Raises OSError; overwrites nothing."""
    if path.suffix.casefold() == ".xlsx":
        with path.open("xb") as file:
            _workbook(workbook).save(file)
        return
    path.mkdir(parents=True)
    for name, sheet in workbook.sheets.items():
        with (path / f"{name}.csv").open("x", encoding="utf-8-sig", newline="") as text:
            csv.writer(text).writerows([_written(cell) for cell in row] for row in sheet.rows)


def _refused(path: Path, what: str, remedy: str) -> Workbook:
    return Workbook(faults=(Fault(path.name, what, remedy),))


def _named(title: str) -> str:
    return title.strip().casefold().replace(" ", "_")


# -- .xlsx ---------------------------------------------------------------------------------------------------------------


def _read_workbook(path: Path, known: frozenset[str]) -> Workbook:
    import openpyxl  # noqa: PLC0415 - a third of a second that other commands need not wait

    content = io.BytesIO(path.read_bytes())
    try:
        with zipfile.ZipFile(content) as packed:
            if sum(part.file_size for part in packed.infolist()) > MOST_UNPACKED_BYTES:
                what = f"it unpacks to more than {MOST_UNPACKED_BYTES >> 20} MB"
                return _refused(path, what, "delete what does not belong to the tariff")
        with warnings.catch_warnings(action="ignore"):
            book = openpyxl.load_workbook(content, rich_text=False)
    except Exception:  # noqa: BLE001 - what the library makes of a broken file can be anything
        return _refused(path, "it is no Excel workbook, or a damaged one", SAVE_AS)
    sheets: dict[str, Sheet] = {}
    faults: list[Fault] = []
    for worksheet in book.worksheets:
        name = _named(worksheet.title)
        if name in sheets:
            faults.append(Fault(name, "two sheets have this name", "delete one of them"))
        elif name in known:
            sheets[name] = _sheet(name, worksheet)
    return Workbook(sheets, tuple(faults))


def _sheet(name: str, worksheet: Worksheet) -> Sheet:
    cells = {place: cell.value for place, cell in worksheet._cells.items() if cell.value is not None}
    height = min(max((row for row, _ in cells), default=0), MOST_ROWS)
    width = min(max((column for _, column in cells), default=0), MOST_COLUMNS)
    kinds = {place: cell.data_type for place, cell in worksheet._cells.items()}
    merged = {
        place
        for area in worksheet.merged_cells.ranges
        for place in _places(area.bounds, height, width)
        if area.size["rows"] * area.size["columns"] > 1
    }
    rows = [
        tuple(
            MERGED if (row, column) in merged else _cell(cells.get((row, column)), kinds.get((row, column), "n"))
            for column in range(1, width + 1)
        )
        for row in range(1, height + 1)
    ]
    return Sheet(name, tuple(rows), faults=tuple(_unseen(name, worksheet, cells)))


def _places(bounds: tuple[int, int, int, int], height: int, width: int) -> Iterator[tuple[int, int]]:
    left, top, right, bottom = bounds
    for row in range(top, min(bottom, height) + 1):
        for column in range(left, min(right, width) + 1):
            yield row, column


def _cell(value: Any, kind: str) -> Cell:
    if value is None or isinstance(value, bool):
        return value
    if kind == "f":
        return FORMULA
    if kind == "e":
        return ERROR
    if isinstance(value, datetime):
        return value.date() if value.time() == datetime.min.time() else TIME
    if isinstance(value, date):
        return value
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(f"{value:.15g}")  # as many digits as a spreadsheet shows
    return value if isinstance(value, str) else TIME


def _unseen(name: str, worksheet: Worksheet, cells: dict[tuple[int, int], Any]) -> Iterator[Fault]:
    """What is read and not seen, or not read although it is there."""
    if worksheet.sheet_state != "visible":
        yield Fault(name, "the sheet is hidden", "show it: what is signed must be seen")
    for row in sorted({row for row, _ in cells}):
        if row in worksheet.row_dimensions and worksheet.row_dimensions[row].hidden:
            yield Fault(name, "the row is hidden", "show it or delete it: what is signed must be seen", row)
    hidden = {
        column
        for dimension in worksheet.column_dimensions.values()
        if dimension.hidden
        for column in range(dimension.min or 0, min(dimension.max or 0, MOST_COLUMNS) + 1)
    }
    for column in sorted({column for _, column in cells} & hidden):
        shown = letters(column - 1)
        yield Fault(name, "the column is hidden", "show it or delete it: what is signed must be seen", column=shown)
    if any(row > MOST_ROWS or column > MOST_COLUMNS for row, column in cells):
        what = f"it goes beyond {MOST_ROWS} rows or {MOST_COLUMNS} columns"
        yield Fault(name, what, "delete what does not belong to the tariff")


def _workbook(workbook: Workbook) -> openpyxl.Workbook:
    import openpyxl  # noqa: PLC0415 - see above
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415

    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, sheet in workbook.sheets.items():
        worksheet = book.create_sheet(name)
        for at, row in enumerate(sheet.rows, start=1):
            for column, value in enumerate(row, start=1):
                cell = worksheet.cell(at, column)
                if isinstance(value, str):
                    cell.value, cell.number_format = value, "@"
                    cell.data_type = "s"  # words that begin with = are words
                    cell.alignment = Alignment(wrap_text=len(sheet.rows[0]) > 1, vertical="top")
                elif not isinstance(value, Unusable):
                    cell.value = ("yes" if value else "no") if isinstance(value, bool) else value
                    cell.alignment = Alignment(vertical="top")
                if at == 1:
                    cell.font = Font(bold=True)
        worksheet.freeze_panes = "A2"
        for column in range(1, max(map(len, sheet.rows), default=0) + 1):
            longest = max((len(str(row[column - 1])) for row in sheet.rows if len(row) >= column), default=0)
            worksheet.column_dimensions[letters(column - 1)].width = min(60, max(10, longest + 2))
    return book


# -- .csv ----------------------------------------------------------------------------------------------------------------


def _read_folder(folder: Path, known: frozenset[str]) -> Workbook:
    sheets: dict[str, Sheet] = {}
    faults: list[Fault] = []
    for path in sorted(folder.iterdir()):
        name = _named(path.stem)
        if path.suffix.casefold() != ".csv" or name not in known:
            continue
        if name in sheets:
            faults.append(Fault(name, "two files have this name", "delete one of them"))
        else:
            sheets[name] = _csv_sheet(name, path)
    return Workbook(sheets, tuple(faults))


def _csv_sheet(name: str, path: Path) -> Sheet:
    def refused(what: str, remedy: str) -> Sheet:
        return Sheet(name, (), faults=(Fault(name, what, remedy),))

    if path.stat().st_size > MOST_BYTES:
        return refused(f"the file is larger than {MOST_BYTES >> 20} MB", "delete what does not belong to the tariff")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return refused("it is not written in UTF-8", "save it as CSV UTF-8")
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    rows: list[tuple[Cell, ...]] = []
    faults: list[Fault] = []
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for line in lines:
            if len(rows) == MOST_ROWS:
                faults.append(Fault(name, f"it goes beyond {MOST_ROWS} rows", "delete what does not belong to the tariff"))
                break
            rows.append(tuple(map(_csv_cell, line[:MOST_COLUMNS])))
    except csv.Error as fault:
        what = f"from row {len(rows) + 1} on it cannot be read as CSV ({fault})"
        faults.append(Fault(name, what, "look for a quotation mark that is not closed, or save the file anew", len(rows) + 1))
    return Sheet(name, tuple(rows), decimal_mark="." if delimiter == "," else ",", faults=tuple(faults))


def _csv_cell(written: str) -> Cell:
    bare = written.strip()
    if bare.startswith("="):
        return FORMULA
    if bare.startswith("#") and bare.rstrip("!?").isupper() and " " not in bare:  # #REF!, #¡VALOR!, #N/A
        return ERROR
    return written or None


def _written(cell: Cell) -> str:
    if cell is None or isinstance(cell, Unusable):
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
