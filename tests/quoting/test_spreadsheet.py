"""The tariff as a spreadsheet: what is right passes; what is wrong is told with its place, beside its good neighbours."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.quoting import load_catalogue
from src.quoting.products import PACKAGE, Signature
from src.quoting.spreadsheet import Cell, Fault, Published, Sayable, Unusable, Verdict, Workbook, check, write
from src.quoting.spreadsheet.cells import Ambiguous, letters, number_in
from src.quoting.spreadsheet.layout import COLUMNS, TEST_ROWS
from src.quoting.tables import read_columns
from tests.quoting.conftest import VERSION

TODAY = date(2027, 1, 15)
TABLE = PACKAGE / "mortality" / "pasem2020.csv"
EXPORTED = write(load_catalogue(), read_columns(TABLE.read_bytes(), "table"))
FORMULA = Unusable("a formula stands there", "paste its value")


def judged(workbook: Workbook, **known: Any) -> Verdict:
    return check(workbook, TODAY, **known)


def rows_of(workbook: Workbook, sheet: str) -> list[list[Cell]]:
    return [list(row) for row in workbook.sheets[sheet].rows]


def with_rows(workbook: Workbook, sheet: str, rows: list[list[Cell]]) -> Workbook:
    changed = msgspec.structs.replace(workbook.sheets[sheet], rows=tuple(map(tuple, rows)))
    return Workbook({**workbook.sheets, sheet: changed}, workbook.faults)


def column_of(sheet: str, column: str) -> int:
    return [one.name for one in COLUMNS[sheet]].index(column)


def with_cell(workbook: Workbook, sheet: str, row: int, column: str, value: Cell) -> Workbook:
    """The workbook with another value in that row (as a spreadsheet counts) and column."""
    rows = rows_of(workbook, sheet)
    assert rows[row - 1][column_of(sheet, column)] != value, "the edit changes nothing"
    rows[row - 1][column_of(sheet, column)] = value
    return with_rows(workbook, sheet, rows)


def with_figure(workbook: Workbook, figure: str, value: Cell) -> Workbook:
    row = next(at for at, cells in enumerate(rows_of(workbook, "figures"), start=1) if cells[0] == figure)
    return with_cell(workbook, "figures", row, "value", value)


def signed(workbook: Workbook, sha256: str, by: str = "A. Actuario", on: Cell = TODAY) -> Workbook:
    return with_rows(
        workbook,
        "signature",
        [["field", "value"], ["signed_by", by], ["role", "actuario"], ["signed_on", on], ["content_sha256", sha256]],
    )


def places(verdict: Verdict) -> list[tuple[str, int, str]]:
    return [(fault.sheet, fault.row, fault.column) for fault in verdict.faults]


def the_fault(verdict: Verdict) -> Fault:
    assert len(verdict.faults) == 1, [str(fault) for fault in verdict.faults]
    return verdict.faults[0]


# --- what is right ------------------------------------------------------------------------------------------------------


def test_the_tariff_that_is_sold_passes() -> None:
    verdict = judged(EXPORTED)
    assert verdict.ok, [str(fault) for fault in verdict.faults]
    assert (verdict.version, verdict.signed_by, verdict.untested) == (VERSION, "", 0)
    assert len(verdict.tests) > 30
    assert all(test.passed and test.expected == test.computed for test in verdict.tests)


def test_reading_gives_back_what_was_written() -> None:
    book, draft = load_catalogue().book, judged(EXPORTED).draft
    assert draft.coverages == book.coverages
    assert draft.products == book.products
    assert draft.tariff is not None
    assert msgspec.structs.replace(draft.tariff, control=()) == msgspec.structs.replace(book.tariff, control=())
    assert draft.tariff.control[: len(book.tariff.control)] == book.tariff.control


def test_what_is_signed_is_the_content_and_not_its_form() -> None:
    """Empty rows, the order of columns, notes, and how a number is written say nothing."""
    sha256 = judged(EXPORTED).content_sha256
    rows = [[*row[::-1]] for row in rows_of(EXPORTED, TEST_ROWS)]
    reordered = with_rows(EXPORTED, TEST_ROWS, [rows[0], *([None] * len(row) for row in rows[:2]), *rows[1:], ["  "]])
    retyped = with_cell(reordered, "figures", 8, "value", "0.01950")
    without_notes = with_rows(retyped, "figures", [row[:2] for row in rows_of(retyped, "figures")])
    verdict = judged(without_notes)
    assert verdict.ok, [str(fault) for fault in verdict.faults]
    assert verdict.content_sha256 == sha256
    assert verdict.tests[0].row == 4, "rows are counted as the spreadsheet shows them"


def test_any_other_figure_word_or_test_row_is_another_content() -> None:
    contents = {
        judged(changed).content_sha256
        for changed in (
            EXPORTED,
            with_figure(EXPORTED, "needs.income_share", Decimal("0.71")),
            with_figure(EXPORTED, "version", "2027.1"),
            with_cell(EXPORTED, "products", 2, "summary", "Otro texto."),
            with_cell(EXPORTED, TEST_ROWS, 2, "annual_premium", Decimal("85.40")),
            with_rows(EXPORTED, TEST_ROWS, rows_of(EXPORTED, TEST_ROWS)[:-1]),
        )
    }
    assert len(contents) == 6
    assert "" not in contents


# --- what is wrong ------------------------------------------------------------------------------------------------------

WRONG: list[tuple[str, int, str, Cell, str]] = [
    ("figures", 8, "value", None, "the cell is empty"),
    ("figures", 8, "value", "1,95 %", "'1,95 %' is no number"),
    ("figures", 8, "value", Decimal("1.95"), "not between 0 and 0.1"),
    ("figures", 8, "value", "1.955", "may mean 1955 or 1.955"),
    ("figures", 8, "value", True, "true is no number"),
    ("figures", 8, "value", date(2026, 1, 9), "is a date, no number"),
    ("figures", 8, "value", FORMULA, "a formula stands there"),
    ("figures", 8, "figure", "interest.rate", "'interest.rate' is no figure"),
    ("figures", 2, "value", Decimal("2027.1"), "2027.1 is no text"),
    ("figures", 2, "value", "../2027", "'../2027' is not written as"),
    ("figures", 3, "value", "USD", "'usd' is none of eur"),
    ("figures", 5, "value", "../table.csv", "is not written as the name of a file"),
    ("figures", 4, "value", Decimal("30.5"), "30.5 is no whole number"),
    ("occupation", 4, "factor", Decimal("1.05"), "factors of occupation classes are out of order"),
    ("occupation", 3, "class", Decimal(1), "1 stands in row 2 already"),
    ("covers", 2, "kind", "life", "'life' is none of death"),
    ("covers", 2, "taxable", "perhaps", "'perhaps' is neither yes nor no"),
    ("covers", 2, "smoker", Decimal("0.5"), "not between 1 and 5"),
    ("covers", 2, "incidence", None, "cover death costs nothing"),
    ("covers", 2, "per_mille", Decimal(1), "does not count for a cover of kind death"),
    ("covers", 5, "sublimit", Decimal(80_000), "does not tell the customer its sublimit of 80000"),
    ("covers", 3, "name", "Incapacidad\x00", "characters that cannot be seen"),
    ("covers", 3, "words", "a" * 601, "the text has 601 characters"),
    ("products", 3, "covers", "death; dismemberment", "there is no cover dismemberment"),
    ("products", 3, "covers", "death; death", "a cover stands there twice"),
    ("products", 3, "covers", "permanent_disability; death", "must begin with death"),
    ("products", 3, "table", "rel2", "'rel2' is none of norel, rel"),
    ("products", 3, "terms_years", Decimal("10.2"), "10.2 is no whole number"),
    ("products", 3, "to_ages", "65, setenta", "is no list of whole numbers"),
    ("products", 3, "to_ages", "75", "impossible terms"),
    ("products", 3, "term_years_min", None, "the cell is empty"),
    ("products", 2, "term_years_min", Decimal(5), "of duration year has no terms"),
    ("products", 3, "product", "tariff", "cannot be called tariff"),
    ("products", 3, "product", "../level", "is not written as small letters"),
    ("tiers", 3, "covers", "death", "tier equilibrada is not more than the one before"),
    ("plausible", 2, "per_mille_min", Decimal(5), "per_mille_max"),
    ("plausible", 2, "per_mille_max", Decimal("0.55"), "out of its plausible span: it costs 0.57 per mille"),
    ("mortality", 52, "q1_norel_m", Decimal("0.5"), "q2_general_m"),
    ("mortality", 52, "q1_norel_m", Decimal(0), "is no probability"),
    ("mortality", 52, "age", Decimal(51), "51 stands in row"),
    ("test_rows", 2, "product", "annual_term", "there is no product annual_term"),
    ("test_rows", 2, "annual_premium", Decimal("85.391"), "no amount in euros and cents"),
    ("test_rows", 2, "annual_premium", None, "the expected premium is missing"),
    ("test_rows", 2, "refusal", "over_age", "either premiums or a refusal"),
    ("test_rows", 2, "age", "treinta y cinco", "is no number"),
]


@pytest.mark.parametrize(("sheet", "row", "column", "value", "complaint"), WRONG)
def test_what_is_wrong_is_told_with_its_place(sheet: str, row: int, column: str, value: Cell, complaint: str) -> None:
    verdict = judged(with_cell(EXPORTED, sheet, row, column, value))
    assert not verdict.ok
    told = [fault for fault in verdict.faults if complaint in fault.what]
    assert told, [str(fault) for fault in verdict.faults]
    assert told[0].sheet == sheet
    assert all(fault.remedy for fault in verdict.faults)
    assert all(
        fault.cell in ("", f"{letters(column_of(fault.sheet, fault.column))}{fault.row}") for fault in told if fault.column
    )
    elsewhere = sheet == "mortality" or "per_mille_max" in complaint  # what was edited makes another cell wrong
    assert elsewhere or row in [fault.row for fault in told]


def test_an_edited_cell_is_named_as_the_spreadsheet_names_it() -> None:
    fault = the_fault(judged(with_cell(EXPORTED, TEST_ROWS, 7, "monthly_premium", "gratis")))
    assert (fault.row, fault.column, fault.cell) == (7, "monthly_premium", "I7")
    assert str(fault) == "test_rows, row 7, column monthly_premium (I7): 'gratis' is no number"


def test_bad_rows_hide_none_of_their_good_neighbours() -> None:
    workbook = with_cell(EXPORTED, TEST_ROWS, 3, "age", "?")
    workbook = with_cell(workbook, TEST_ROWS, 5, "covers", "life")
    workbook = with_cell(workbook, TEST_ROWS, 6, "annual_premium", Decimal("417.92"))
    workbook = with_cell(workbook, "tiers", 4, "covers", None)
    workbook = with_cell(workbook, "products", 5, "summary", None)
    verdict = judged(workbook)
    assert {(fault.sheet, fault.row) for fault in verdict.faults if fault.row} == {
        ("test_rows", 3),
        ("test_rows", 5),
        ("tiers", 4),
        ("products", 5),
    }
    told = {test.row: test for test in verdict.tests}
    assert not told[6].passed
    assert told[6].difference == "+0.01 / 0.00"
    assert told[2].passed
    assert not {3, 5} & told.keys()
    whole_life = list(range(22, 26))
    assert not set(whole_life) & told.keys(), "a product that is not right has no price"
    assert verdict.untested == len(whole_life)
    assert all(test.passed for row, test in told.items() if row != 6)


def test_what_follows_from_a_fault_is_no_fault() -> None:
    """A cover that is left out is missed by products, tiers and test rows; only its own fault is told."""
    assert the_fault(judged(with_cell(EXPORTED, "covers", 2, "kind", "life"))).sheet == "covers"
    assert the_fault(judged(with_cell(EXPORTED, "products", 3, "table", "rel2"))).sheet == "products"
    assert the_fault(judged(with_cell(EXPORTED, "occupation", 3, "factor", "high"))).sheet == "occupation"


def test_a_fault_in_what_every_price_is_made_of_prices_nothing_and_says_so() -> None:
    verdict = judged(with_figure(EXPORTED, "loads.margin", "a lot"))
    assert the_fault(verdict).column == "value"
    assert (verdict.tests, verdict.content_sha256) == ((), "")
    assert verdict.untested > 30


@pytest.mark.parametrize("sheet", [name for name in EXPORTED.sheets if name != "read_me"])
def test_a_missing_sheet_or_header_is_told(sheet: str) -> None:
    without = Workbook({name: rest for name, rest in EXPORTED.sheets.items() if name != sheet})
    assert any(fault.sheet == sheet and "missing" in fault.what for fault in judged(without).faults)
    header, *rows = rows_of(EXPORTED, sheet)
    renamed = judged(with_rows(EXPORTED, sheet, [["what", *header[1:]], *rows]))
    assert {"'what' is no column", f"has no column {header[0]}"} <= {
        complaint for fault in renamed.faults for complaint in ("'what' is no column", f"has no column {header[0]}")
        if fault.sheet == sheet and complaint in fault.what
    }  # fmt: skip
    twice = judged(with_rows(EXPORTED, sheet, [[*row, row[0]] for row in [header, *rows]]))
    assert any("two columns" in fault.what for fault in twice.faults)
    assert not judged(with_rows(EXPORTED, sheet, [])).ok


@pytest.mark.parametrize("figure", [row[0] for row in rows_of(EXPORTED, "figures")[1:]])
def test_every_figure_is_needed_once(figure: str) -> None:
    header, *rows = rows_of(EXPORTED, "figures")
    missing = judged(with_rows(EXPORTED, "figures", [header, *(row for row in rows if row[0] != figure)]))
    assert f"the figure {figure} is missing" in [fault.what for fault in missing.faults]
    twice = judged(with_rows(EXPORTED, "figures", [header, *rows, *(row for row in rows if row[0] == figure)]))
    assert [fault.row for fault in twice.faults] == [len(rows) + 2]


def test_every_wrong_cell_of_the_mortality_table_is_told() -> None:
    workbook = with_cell(EXPORTED, "mortality", 60, "q1_norel_f", "n. d.")
    workbook = with_cell(workbook, "mortality", 61, "q1_norel_f", None)
    workbook = with_cell(workbook, "mortality", 80, "q2_general_unisex5050", Decimal("0.9"))
    told = judged(workbook).faults
    assert {(fault.row, fault.column) for fault in told} == {
        (60, "q1_norel_f"),
        (61, "q1_norel_f"),
        (80, "q2_general_unisex5050"),
        (81, "q2_general_unisex5050"),
    }


# --- test rows ----------------------------------------------------------------------------------------------------------


def test_a_cent_is_a_difference() -> None:
    verdict = judged(with_cell(EXPORTED, TEST_ROWS, 2, "monthly_premium", Decimal("7.32")))
    assert not verdict.ok
    assert not verdict.faults
    [wrong] = [test for test in verdict.tests if not test.passed]
    assert (wrong.row, wrong.expected, wrong.computed) == (2, "85.39 / 7.32", "85.39 / 7.33")
    assert wrong.difference == "0.00 / +0.01"


def test_an_expected_refusal_must_be_just_that_refusal() -> None:
    rows = rows_of(EXPORTED, TEST_ROWS)
    row = next(at for at, cells in enumerate(rows, start=1) if "over_age" in cells)
    other = judged(with_cell(EXPORTED, TEST_ROWS, row, "refusal", "under_age"))
    assert [test.difference for test in other.tests if not test.passed] == ["another outcome"]
    allowed = judged(with_cell(EXPORTED, TEST_ROWS, row, "age", Decimal(60)))
    assert [test.row for test in allowed.tests if not test.passed] == [row]


@pytest.mark.parametrize(
    ("drop", "missing"),
    [
        (lambda row: row["product"] == "whole_life", "the product whole_life"),
        (lambda row: row["product"] == "mortgage_term", "the product mortgage_term"),
        (lambda row: "premium_waiver" in row["covers"], "the cover premium_waiver"),
        (lambda row: row["smoker"], "smokers"),
        (lambda row: not row["smoker"], "people who do not smoke"),
        (lambda row: row["occupation_class"] == 2, "occupation class 2"),
        (lambda row: row["age"] == 18, "the youngest who may enter, at 18"),
        (lambda row: row["age"] == 65, "the oldest who may enter, at 65"),
    ],
)
def test_whatever_no_test_row_prices_is_missing(drop: Any, missing: str) -> None:
    header, *rows = rows_of(EXPORTED, TEST_ROWS)
    kept = [row for row in rows if not drop(dict(zip(header, row, strict=True)))]
    verdict = judged(with_rows(EXPORTED, TEST_ROWS, [header, *kept]))
    assert f"no test row prices {missing}" in [fault.what for fault in verdict.faults]
    assert not verdict.ok


def test_a_refusal_is_no_price() -> None:
    header, *rows = rows_of(EXPORTED, TEST_ROWS)
    refused = [row for row in rows if row[column_of(TEST_ROWS, "refusal")]]
    verdict = judged(with_rows(EXPORTED, TEST_ROWS, [header, *refused]))
    assert len(verdict.faults) > 10
    assert all("no test row prices" in fault.what for fault in verdict.faults)


# --- published, said, signed --------------------------------------------------------------------------------------------


def test_a_published_version_or_table_is_never_changed() -> None:
    book = load_catalogue().book
    known = Published(lambda version: book if version == VERSION else None, {"pasem2020.csv": book.tariff.mortality.sha256})
    assert judged(EXPORTED, published=known).ok
    dearer = with_figure(EXPORTED, "loads.fixed_expense_yearly", Decimal(19))
    assert ("figures", 2, "value") in places(judged(dearer, published=known))
    renamed = judged(with_figure(dearer, "version", "2027.1"), published=known)
    assert not renamed.faults
    assert not renamed.ok, "the test rows are still those of before"
    other_table = Published(tables={"pasem2020.csv": "0" * 64})
    assert "other rates" in the_fault(judged(EXPORTED, published=other_table)).what


def test_what_the_assistant_has_no_words_for_is_not_sold() -> None:
    book = load_catalogue().book
    known = Sayable(
        frozenset(book.products) - {"whole_life"},
        frozenset(book.coverages) - {"death"},
        frozenset(tier.name for tier in book.tariff.tiers) - {"completa"},
    )
    verdict = judged(EXPORTED, sayable=known)
    assert places(verdict) == [("products", 5, "product"), ("covers", 2, "cover"), ("tiers", 4, "tier")]


def test_a_signature_is_for_one_content() -> None:
    sha256 = judged(EXPORTED).content_sha256
    verdict = judged(signed(EXPORTED, sha256))
    assert verdict.ok
    assert (verdict.signed_by, verdict.signed_on, verdict.content_sha256) == ("A. Actuario", "2027-01-15", sha256)
    dearer = judged(signed(with_figure(EXPORTED, "needs.income_share", Decimal("0.71")), sha256))
    assert "something was changed after A. Actuario signed" in the_fault(dearer).what
    assert dearer.content_sha256 in the_fault(dearer).what
    assert dearer.signed_by == ""


@pytest.mark.parametrize(
    ("by", "on", "complaint"),
    [
        ("A. Actuario", "2027-01-16", "still to come"),
        ("A. Actuario", "16/01/2027", "is no day"),
        ("A. Actuario", Decimal(46038), "is no day"),
        ("", "2027-01-15", "the signature lacks signed_by"),
        ("A. Actuario", None, "the signature lacks signed_on"),
    ],
)
def test_a_signature_is_whole(by: str, on: Cell, complaint: str) -> None:
    verdict = judged(signed(EXPORTED, judged(EXPORTED).content_sha256, by, on))
    assert complaint in the_fault(verdict).what
    assert not verdict.ok


def test_a_signed_tariff_is_written_as_it_was_signed() -> None:
    draft = judged(EXPORTED).draft
    assert draft.tariff is not None
    seal = judged(EXPORTED).content_sha256
    tariff = msgspec.structs.replace(draft.tariff, signature=Signature("A. Actuario", "actuario", TODAY, seal))
    catalogue = load_catalogue()
    sold = msgspec.structs.replace(catalogue, book=msgspec.structs.replace(catalogue.book, tariff=tariff))
    verdict = judged(write(sold, read_columns(TABLE.read_bytes(), "table")))
    assert (verdict.ok, verdict.content_sha256, verdict.signed_by) == (True, seal, "A. Actuario")


# --- numbers that are text ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mark", "number"),
    [
        ("85,39", "", "85.39"),
        ("85.39", "", "85.39"),
        ("1.234,56", "", "1234.56"),
        ("1,234.56", "", "1234.56"),
        ("1.234.567", "", "1234567"),
        ("1.234.567,8", ".", "1234567.8"),
        ("-0,5", "", "-0.5"),
        ("0.155", "", "0.155"),
        ("1.155", ".", "1.155"),
        ("1,155", ",", "1.155"),
        (" 150\u00a0000 ", "", "150000"),
        ("1e5", "", None),
        ("12 €", "", None),
        ("1,2,3", "", None),
        ("1.234.56", "", None),
        ("", "", None),
        ("NaN", "", None),
        ("--1", "", None),
    ],
)
def test_numbers_in_texts(text: str, mark: str, number: str | None) -> None:
    assert number_in(text, mark) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(("text", "mark", "whole"), [("1.155", "", False), ("1.155", ",", False), ("150.000", ".", True)])
def test_a_number_that_may_be_two_is_never_guessed(text: str, mark: str, whole: bool) -> None:
    with pytest.raises(Ambiguous):
        number_in(text, mark, whole=whole)


def test_columns_are_called_as_in_a_spreadsheet() -> None:
    assert [letters(position) for position in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


JUNK = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.sampled_from(["1.234,56", "=1+1", "yes", "death", "1;2", "\x00", "9" * 400]),
    st.booleans(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.just(FORMULA),
)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_cell_whatever_it_holds_stops_the_check(data: st.DataObject) -> None:
    workbook = EXPORTED
    for _ in range(data.draw(st.integers(1, 3))):
        sheet = data.draw(st.sampled_from([name for name in EXPORTED.sheets if name != "read_me"]))
        rows = rows_of(workbook, sheet)
        row = data.draw(st.integers(0, min(len(rows) - 1, 40)))
        rows[row][data.draw(st.integers(0, len(rows[row]) - 1))] = data.draw(JUNK)
        workbook = with_rows(workbook, sheet, rows)
    verdict = judged(workbook)
    assert verdict.ok == (not verdict.faults and all(test.passed for test in verdict.tests))
    assert msgspec.json.encode(verdict.to_json())
    if verdict.ok:
        assert verdict.content_sha256
