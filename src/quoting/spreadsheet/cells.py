"""Cells of a spreadsheet and what they may hold: each is read on its own, and what is wrong with it is told with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from datetime import date
from decimal import Decimal
from typing import TypeVar

import msgspec

MOST_CHARACTERS = 600
LETTERS = 26
BEYOND_ANY_FIGURE = 10**12


class Unusable(msgspec.Struct, frozen=True):
    """What stands in a cell and is no value: a formula, an error, a part of merged cells."""

    what: str
    remedy: str


Cell = str | bool | Decimal | date | Unusable | None


class Fault(msgspec.Struct, frozen=True):
    """What is wrong, where, and what to do. `row` counts from 1 as in a spreadsheet; 0: the sheet as a whole."""

    sheet: str
    what: str
    remedy: str
    row: int = 0
    column: str = ""
    cell: str = ""

    def __str__(self) -> str:
        row = f", row {self.row}" if self.row else ""
        column = f", column {self.column}" if self.column else ""
        cell = f" ({self.cell})" if self.cell else ""
        return f"{self.sheet}{row}{column}{cell}: {self.what}"


class Sheet(msgspec.Struct, frozen=True):
    """One sheet as it was found, the header included. `decimal_mark`: how its numbers are written when they are text, if known.

    `faults`: what is wrong with it before any cell is read.
    """

    name: str
    rows: tuple[tuple[Cell, ...], ...]
    decimal_mark: str = ""
    faults: tuple[Fault, ...] = ()


class Workbook(msgspec.Struct, frozen=True):
    """All sheets that were found, by name, and what is wrong with the file itself."""

    sheets: dict[str, Sheet] = msgspec.field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """Where something was read: a row, and its columns by name with the letters of a spreadsheet."""

    sheet: str
    row: int = 0
    letters: dict[str, str] = msgspec.field(default_factory=dict)

    def fault(self, what: str, remedy: str, column: str = "") -> Fault:
        """A fault at this place; in that column, where there is one of the name."""
        known = column if column in self.letters else ""
        cell = f"{self.letters[known]}{self.row}" if known and self.row else ""
        return Fault(self.sheet, what, remedy, self.row, known, cell)


def letters(position: int) -> str:
    """The letters of the column at that position, the first being 0: A, B, … Z, AA."""
    before, last = divmod(position, LETTERS)
    return (letters(before - 1) if before else "") + chr(ord("A") + last)


# -- numbers that are text -----------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_GROUPED = re.compile(r"([+-]?\d{1,3})((?:\.\d{3})+|(?:,\d{3})+)(?:([.,])(\d+))?")


class Ambiguous(Exception):
    """A text that may be two numbers."""

    def __init__(self, readings: tuple[str, str]) -> None:
        self.readings = readings
        super().__init__(" or ".join(readings))


def number_in(text: str, decimal_mark: str, *, whole: bool = False) -> Decimal | None:
    """The number that a text writes, in the Spanish or the English way; None when it writes none.

    "1.155" is 1155 in one place and 1.155 in another: it raises Ambiguous unless its decimal mark is the sheet's and a
    fraction may be meant.
    """
    bare = text.replace("\u00a0", "").replace("\u202f", "").strip()
    grouped = _GROUPED.fullmatch(bare)
    if grouped is not None and grouped[3] != grouped[2][0]:
        thousands = Decimal(grouped[1] + grouped[2].replace(grouped[2][0], ""))
        if grouped[3]:
            return Decimal(f"{thousands}.{grouped[4]}")
        if len(grouped[2]) > len(".000"):
            return thousands
        fraction = Decimal(bare.replace(",", "."))
        if grouped[1].lstrip("+-").startswith("0"):
            return fraction
        if not whole and decimal_mark == grouped[2][0]:
            return fraction
        raise Ambiguous((str(thousands), f"{fraction.normalize():f}"))
    return Decimal(bare.replace(",", ".")) if _PLAIN.fullmatch(bare) else None


# -- a table of rows -----------------------------------------------------------------------------------------------------

YES = frozenset(("yes", "true", "sí", "si", "verdadero"))
NO = frozenset(("no", "false", "falso"))
Value = TypeVar("Value")


class Table:
    """The rows of a sheet under its header, each cell read by the name of its column. Faults gather in `faults`."""

    def __init__(self, sheet: Sheet, columns: tuple[str, ...], for_people: tuple[str, ...], faults: list[Fault]) -> None:
        """`columns` are needed; those `for_people` may be there and are not read."""
        self.sheet, self.faults = sheet, faults
        self._positions: dict[str, int] = {}
        header = sheet.rows[0] if sheet.rows else ()
        for position, cell in enumerate(header):
            if cell is None or (isinstance(cell, str) and not cell.strip()):
                continue
            name = cell.strip().casefold().replace(" ", "_") if isinstance(cell, str) else ""
            place = Place(sheet.name, 1, {"header": letters(position)})
            if name in for_people:
                continue
            if name not in columns:
                shown = "this" if isinstance(cell, Unusable) else _shown(cell)
                remedy = f"the columns are {', '.join(columns)}; notes of your own belong on a sheet of your own"
                faults.append(place.fault(f"{shown} is no column of this sheet", remedy, "header"))
            elif name in self._positions:
                faults.append(place.fault(f"there are two columns {name}", "delete one of them", "header"))
            else:
                self._positions[name] = position
        self.missing = tuple(name for name in columns if name not in self._positions)
        if self.missing:
            what = f"the first row has no column {', '.join(self.missing)}"
            faults.append(Fault(sheet.name, what, "write these names into the first row, one to a column", 1))
        self.letters = {name: letters(position) for name, position in self._positions.items()}

    def __iter__(self) -> Iterator[Row]:
        """Every row that is not empty."""
        for number, cells in enumerate(self.sheet.rows[1:], start=2):
            named = {name: cells[at] if at < len(cells) else None for name, at in self._positions.items()}
            if any(not _is_empty(cell) for cell in named.values()):
                yield Row(self, number, named)


class Row:
    """One row, the `at`-th of its sheet. Whatever is asked of it is a value or nothing.

    `sound` tells whether all that was asked for was there and right.
    """

    def __init__(self, table: Table, number: int, cells: dict[str, Cell]) -> None:
        self._table, self.at, self._cells = table, number, cells
        self.place = Place(table.sheet.name, number, table.letters)
        self.sound = True

    def fail(self, column: str, what: str, remedy: str) -> None:
        """Something is wrong in that column of this row."""
        self.sound = False
        if column not in self._table.missing:  # told once, for the sheet
            self._table.faults.append(self.place.fault(what, remedy, column))

    def is_empty(self, column: str) -> bool:
        """Whether nothing stands there."""
        return _is_empty(self._cells.get(column))

    def text(self, column: str, *, needed: bool = True, most: int = MOST_CHARACTERS) -> str:
        """Words, as they stand; "" when there are none."""
        cell = self._value(column, needed=needed)
        if cell is None:
            return ""
        if not isinstance(cell, str):
            self.fail(column, f"{_shown(cell)} is no text", "format the cell as text and write it again")
            return ""
        written = cell.replace("\r\n", "\n").strip()
        if any(not one.isprintable() and one != "\n" for one in written):
            self.fail(column, "the text has characters that cannot be seen", "write it again by hand")
            return ""
        if len(written) > most:
            self.fail(column, f"the text has {len(written)} characters", f"shorten it to {most}")
        return written

    def shaped(self, column: str, shape: re.Pattern[str], example: str) -> str:
        """A text of that shape, such as a name that files and buttons are called by."""
        written = self.text(column, most=80)
        if written and not shape.fullmatch(written):
            self.fail(column, f"'{written}' is not written as {example}", f"write it as {example}")
        return written

    def choice(self, column: str, allowed: Collection[str]) -> str:
        """One of these words; "" for any other."""
        written = self.text(column).casefold()
        if written and written not in allowed:
            self.fail(column, f"'{written}' is none of {', '.join(allowed)}", "write one of these")
            return ""
        return written

    def flag(self, column: str) -> bool:
        """Yes or no."""
        cell = self._value(column)
        word = "" if cell is None else ("yes" if cell else "no") if isinstance(cell, bool) else str(cell).strip().casefold()
        if cell is not None and word not in YES | NO:
            self.fail(column, f"{_shown(cell)} is neither yes nor no", "write yes or no")
        return word in YES

    def number(self, column: str, *, needed: bool = True) -> Decimal | None:
        """A number, with or without a fraction."""
        return self._number(column, needed=needed, whole=False)

    def whole(self, column: str, *, needed: bool = True, least: int = 0, most: int = 10**9) -> int | None:
        """A whole number."""
        found = self._number(column, needed=needed, whole=True)
        return None if found is None else self._whole(column, found, least, most)

    def cents(self, column: str, *, needed: bool = True) -> Decimal | None:
        """An amount to the cent, with two decimals."""
        found = self._number(column, needed=needed, whole=False)
        if found is not None and (found != round(found, 2) or found < 0):
            self.fail(column, f"{found} is no amount in euros and cents", "write it with two decimals")
        return None if found is None else round(found, 2)

    def names(self, column: str) -> tuple[str, ...]:
        """Names in a row, separated by semicolons."""
        return tuple(filter(None, re.split(r"[;,\s]+", self.text(column))))

    def wholes(self, column: str, *, needed: bool = True) -> tuple[int, ...]:
        """Whole numbers in a row, separated by semicolons."""
        cell = self._value(column, needed=needed)
        if cell is None:
            return ()
        if isinstance(cell, Decimal):
            found = self._whole(column, cell, 0, 10**9)
            return () if found is None else (found,)
        parts = list(filter(None, re.split(r"[;,\s]+", cell))) if isinstance(cell, str) else []
        if not parts or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
            self.fail(column, f"{_shown(cell)} is no list of whole numbers", "write them as text with semicolons: 10; 20; 30")
            return ()
        return tuple(map(int, parts))

    def lines(self, column: str) -> tuple[str, ...]:
        """Sentences, one to a line of the cell."""
        return tuple(filter(None, (line.strip() for line in self.text(column, most=3 * MOST_CHARACTERS).splitlines())))

    def day(self, column: str) -> date | None:
        """A day: a date cell, or text such as 2027-01-31."""
        cell = self._value(column)
        if cell is None or isinstance(cell, date):
            return cell
        try:
            return date.fromisoformat(cell.strip() if isinstance(cell, str) else "")
        except ValueError:
            self.fail(column, f"{_shown(cell)} is no day", "write it as 2027-01-31, or as a date")
            return None

    def _value(self, column: str, *, needed: bool = True) -> str | bool | Decimal | date | None:
        cell = self._cells.get(column)
        if isinstance(cell, Unusable):
            self.fail(column, cell.what, cell.remedy)
            return None
        if _is_empty(cell):
            if needed:
                self.fail(column, "the cell is empty", "fill it in, or delete the whole row")
            return None
        return cell

    def _number(self, column: str, *, needed: bool, whole: bool) -> Decimal | None:
        cell = self._value(column, needed=needed)
        if cell is None:
            return None
        if isinstance(cell, date):
            self.fail(column, f"{_shown(cell)} is a date, no number", "format the cell as a number and write it again")
            return None
        found = cell if isinstance(cell, Decimal) else None
        if isinstance(cell, str):
            try:
                found = number_in(cell, self._table.sheet.decimal_mark, whole=whole)
            except Ambiguous as doubt:
                self.fail(column, f"{_shown(cell)} is text and may mean {doubt}", "write it as a number, without grouping")
                return None
        if found is None or abs(found) >= BEYOND_ANY_FIGURE:
            self.fail(column, f"{_shown(cell)} is no number", "write a plain number, without unit or formula")
            return None
        return found

    def _whole(self, column: str, found: Decimal, least: int, most: int) -> int | None:
        if found != found.to_integral_value() or not least <= found <= most:
            self.fail(column, f"{found} is no whole number from {least} to {most}", "write a whole number")
            return None
        return int(found)


def unique(row: Row, column: str, key: Value, seen: dict[Value, int], say: Callable[[Value], str] = str) -> None:
    """Fails the row when an earlier one has the same key."""
    first = seen.setdefault(key, row.at)
    if first != row.at:
        row.fail(column, f"{say(key)} stands in row {first} already", "delete one of the two rows")


def _is_empty(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _shown(cell: str | bool | Decimal | date) -> str:
    if isinstance(cell, str):
        bare = "".join(one if one.isprintable() else "?" for one in " ".join(cell.split()))
        return f"'{bare[:40]}…'" if len(bare) > 40 else f"'{bare}'"
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell).casefold()
