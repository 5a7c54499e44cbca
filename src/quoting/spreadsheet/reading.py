"""From sheets to a tariff: every row on its own, so that a bad one hides none of its good neighbours."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, get_args

import msgspec

from src.quoting.products import (
    COVERAGES_FILE,
    PRICED_BY,
    TARIFF_FILE,
    Control,
    Coverage,
    CoverKind,
    CoverTerms,
    Flaw,
    Plausible,
    Product,
    Signature,
    Tariff,
    Tier,
    figure_flaws,
)
from src.quoting.spreadsheet import layout
from src.quoting.spreadsheet.cells import Fault, Place, Row, Sheet, Table, Workbook, unique
from src.quoting.tables import BASIS_FACTORS, HEADER, LAST_AGE, Columns, table_flaws, write_columns

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
VERSION = re.compile(r"[A-Za-z0-9]{1,20}(?:[._-][A-Za-z0-9]{1,20}){0,4}")
TABLE_FILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}\.csv")
SEAL = re.compile(r"[0-9a-f]{64}")
RATE = Decimal("0.0000000001")
Path = tuple[str, ...]

IN_SHEET: dict[Path, str] = {
    ("covers",): layout.COVERS,
    ("occupation_class",): layout.OCCUPATION,
    ("products",): layout.PRODUCTS,
    ("tiers",): layout.TIERS,
    ("plausible",): layout.PLAUSIBLE,
    ("control",): layout.TEST_ROWS,
    ("signature",): layout.SIGNATURE,
}
"""The sheet that holds a part of the tariff's files; all else is in `figures`."""
IN_COLUMN: dict[Path, str] = {
    ("covers", "covers"): "words",
    ("products", "coverages"): "covers",
    ("tiers", "coverages"): "covers",
}
"""What a key of the files is called in its sheet, where that differs."""


class Draft(msgspec.Struct):
    """What a spreadsheet says. Without a fault it is a whole tariff; else it holds the rows that are right.

    `tariff` is None when its figures are not all there; `prices_can_be_reckoned` tells whether everything that a price is made
    of is right. `test_rows` are the numbers of the rows of `tariff.control`; `places` where each part of the tariff stands.
    """

    faults: list[Fault] = msgspec.field(default_factory=list)
    places: dict[Path, Place] = msgspec.field(default_factory=dict)
    tariff: Tariff | None = None
    coverages: dict[str, Coverage] = msgspec.field(default_factory=dict)
    products: dict[str, Product] = msgspec.field(default_factory=dict)
    columns: Columns = msgspec.field(default_factory=dict)
    test_rows: tuple[int, ...] = ()
    prices_can_be_reckoned: bool = False

    def place(self, where: Path) -> tuple[Place, str]:
        """The nearest place of a part of the tariff, and its column there."""
        column = IN_COLUMN.get((where[0], where[-1]), where[-1]) if where else ""
        column = "factor" if where[:1] == ("occupation_class",) else column
        for length in range(len(where), 0, -1):
            if where[:length] in self.places:
                return self.places[where[:length]], column
        return Place(IN_SHEET.get(where[:1], layout.FIGURES)), ""

    def note(self, flaw: Flaw, remedy: str) -> None:
        """A flaw becomes a fault at its place."""
        place, column = self.place(flaw.where)
        self.faults.append(place.fault(flaw.what, remedy, "value" if "value" in place.letters else column))


def read(workbook: Workbook) -> Draft:
    """Everything that the sheets say, and every fault of theirs that shows without a price."""
    draft = Draft(faults=list(workbook.faults))
    reader = _Reader(workbook, draft)
    figures = reader.figures()
    occupation = reader.occupation()
    terms = reader.covers()
    priced_so_far = not draft.faults
    reader.mortality()
    known_covers = reader.ids(layout.COVERS, "cover")
    reader.products(known_covers)
    tiers = reader.tiers(known_covers)
    plausible = reader.plausible(known_covers)
    control = reader.test_rows(known_covers, reader.ids(layout.PRODUCTS, "product"))
    signature = reader.signature()
    if figures is None:
        return draft
    table = write_columns(draft.columns) if len(draft.columns) == len(HEADER) - 1 else b""
    figures["mortality"]["sha256"] = hashlib.sha256(table).hexdigest()
    draft.tariff = Tariff(
        **{name: _record(name, value) for name, value in figures.items()},
        occupation_class=occupation,
        covers=terms,
        tiers=tiers,
        plausible=plausible,
        control=control,
        signature=signature,
    )
    draft.prices_can_be_reckoned = priced_so_far and bool(table) and not any(figure_flaws(draft.tariff))
    return draft


def _record(name: str, value: Any) -> Any:
    shape = {field.name: field.type for field in msgspec.structs.fields(Tariff)}[name]
    return shape(**value) if isinstance(value, dict) else value


class _Reader:
    """Reads one sheet after the other into the draft."""

    def __init__(self, workbook: Workbook, draft: Draft) -> None:
        self._sheets, self._draft = workbook.sheets, draft

    def _table(self, name: str, faults: list[Fault] | None = None) -> Iterable[Row]:
        faults = self._draft.faults if faults is None else faults
        sheet = self._sheets.get(name)
        if sheet is None:
            what = "the sheet is missing"
            faults.append(Fault(name, what, "python -m src.cli tariff export writes a file with all of them"))
            return ()
        faults.extend(sheet.faults)
        return Table(sheet, layout.read_columns_of(name), layout.FOR_PEOPLE.get(name, ()), faults)

    def ids(self, name: str, column: str) -> set[str]:
        """What the rows of a sheet are called, those that have other faults included."""
        sheet = self._sheets.get(name)
        return set() if sheet is None else {row.text(column) for row in _quietly(sheet, name)} - {""}

    def figures(self) -> dict[str, Any] | None:
        """The figures that stand one to a row, as the tariff's file nests them; None when one is missing or wrong."""
        known = {figure.path: figure for figure in layout.FIGURE_ROWS}
        seen: dict[str, int] = {}
        found: dict[str, Any] = {}
        for row in self._table(layout.FIGURES):
            path = row.text("figure")
            if path not in known:
                if path:
                    row.fail("figure", f"'{path}' is no figure of a tariff", "delete the row, or correct the name")
                continue
            unique(row, "figure", path, seen)
            self._draft.places[tuple(path.split("."))] = row.place
            value = _figure(row, known[path])
            if row.sound and value is not None:
                found[path] = value
        if layout.FIGURES in self._sheets:
            for path in known.keys() - seen.keys():
                remedy = f"add a row with {path} and its value"
                self._draft.faults.append(Fault(layout.FIGURES, f"the figure {path} is missing", remedy))
        return _nested(found) if len(found) == len(known) else None

    def occupation(self) -> dict[int, Decimal]:
        classes: dict[int, Decimal] = {}
        seen: dict[int, int] = {}
        for row in self._table(layout.OCCUPATION):
            label, factor = row.whole("class", least=1, most=9), row.number("factor")
            if label is not None:
                unique(row, "class", label, seen)
                self._draft.places["occupation_class", str(label)] = row.place
                if row.sound and factor is not None:
                    classes[label] = factor
        return dict(sorted(classes.items()))

    def covers(self) -> dict[str, CoverTerms]:
        terms: dict[str, CoverTerms] = {}
        seen: dict[str, int] = {}
        for row in self._table(layout.COVERS):
            name, kind = row.shaped("cover", NAME, "small letters and _"), row.choice("kind", get_args(CoverKind))
            figures = {
                "incidence": row.number("incidence", needed=False),
                "per_mille": row.number("per_mille", needed=False),
                "share_of_premium": row.number("share_of_premium", needed=False),
                "smoker": row.number("smoker", needed=False),
                "sublimit": row.whole("sublimit", needed=False),
            }
            of_its_kind = {figure: kind for kind, figure in PRICED_BY.items()}
            for figure in of_its_kind:
                if kind and figures[figure] and figure != PRICED_BY[_kind(kind)]:
                    what, counted = f"it does not count for a cover of kind {kind}", PRICED_BY[_kind(kind)]
                    row.fail(figure, what, f"delete it; such a cover is priced by {counted}")
            words, excluded, taxable = row.text("words"), row.lines("excluded"), row.flag("taxable")
            title = row.text("name", most=80)
            if name:
                unique(row, "cover", name, seen)
                self._draft.places["covers", name] = row.place
            if row.sound:
                given = {figure: value for figure, value in figures.items() if value is not None}
                terms[name] = CoverTerms(taxable=taxable, **given)  # type: ignore[arg-type]
                self._draft.coverages[name] = Coverage(kind=_kind(kind), name=title, covers=words, excluded=excluded)
        return terms

    def products(self, known_covers: set[str]) -> None:
        seen: dict[str, int] = {}
        for row in self._table(layout.PRODUCTS):
            name = row.shaped("product", NAME, "small letters and _")
            if f"{name}.toml" in (TARIFF_FILE, COVERAGES_FILE):
                row.fail("product", f"a product cannot be called {name}", "give it another name")
            duration = row.choice("duration", ("year", "term", "life"))
            has_term = duration == "term"
            terms_years, to_ages = row.wholes("terms_years", needed=has_term), row.wholes("to_ages", needed=has_term)
            term_years_min = row.whole("term_years_min", needed=has_term, most=LAST_AGE)
            for column in ("terms_years", "term_years_min", "to_ages"):
                if duration and not has_term and not row.is_empty(column):
                    row.fail(column, f"a product of duration {duration} has no terms", "delete it")
            read = {
                "id": name,
                "name": row.text("name", most=80),
                "summary": row.text("summary"),
                "table": row.choice("table", tuple(BASIS_FACTORS)),
                "duration": duration,
                "capital": row.choice("capital", ("constant", "loan")),
                "coverages": _known(row, "covers", known_covers),
                "excluded": row.lines("excluded"),
                "terms_years": terms_years,
                "term_years_min": term_years_min or 0,
                "to_ages": to_ages,
            }
            if name:
                unique(row, "product", name, seen)
                self._draft.places["products", name] = row.place
            if row.sound:
                self._draft.products[name] = msgspec.convert(read, Product)

    def tiers(self, known_covers: set[str]) -> tuple[Tier, ...]:
        tiers: list[Tier] = []
        seen: dict[str, int] = {}
        for row in self._table(layout.TIERS):
            name, covers = row.shaped("tier", NAME, "small letters and _"), _known(row, "covers", known_covers)
            if name:
                unique(row, "tier", name, seen)
            if row.sound:
                self._draft.places["tiers", str(len(tiers))] = row.place
                tiers.append(Tier(name, covers))
        return tuple(tiers)

    def plausible(self, known_covers: set[str]) -> tuple[Plausible, ...]:
        spans: list[Plausible] = []
        for row in self._table(layout.PLAUSIBLE):
            ages, covers = row.wholes("ages"), _known(row, "covers", known_covers)
            least, most = row.number("per_mille_min"), row.number("per_mille_max")
            if row.sound and least is not None and most is not None:
                self._draft.places["plausible", str(len(spans))] = row.place
                spans.append(Plausible(ages, covers, least, most))
        return tuple(spans)

    def mortality(self) -> None:
        """The table's columns, when each of its cells is right by itself; then each is compared with the others."""
        rates: dict[str, dict[int, Decimal]] = {name: {} for name in HEADER[1:]}
        places: dict[int, Place] = {}
        seen: dict[int, int] = {}
        for row in self._table(layout.MORTALITY):
            age = row.whole("age", most=LAST_AGE)
            if age is not None:
                unique(row, "age", age, seen)
                places.setdefault(age, row.place)
            for name in HEADER[1:]:
                rate = row.number(name)
                if rate is not None:
                    rate = rate.quantize(RATE, rounding=ROUND_HALF_UP)
                    if not 0 < rate <= 1:
                        row.fail(name, f"{rate} is no probability above zero", "write a rate between 0 and 1")
                    elif age is not None:
                        rates[name].setdefault(age, rate)
        missing = [str(age) for age in range(LAST_AGE + 1) if age not in places]
        if missing and layout.MORTALITY in self._sheets:
            what = f"the ages {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''} are missing"
            self._draft.faults.append(Fault(layout.MORTALITY, what, f"add a row for each age from 0 to {LAST_AGE}"))
        whole = {
            name: tuple(column[age] for age in range(LAST_AGE + 1))
            for name, column in rates.items()
            if len(column) == LAST_AGE + 1
        }
        flaws = list(table_flaws(whole))
        for flaw in flaws:
            remedy = "correct the rate; the columns of a first order basis are those of second order times its factor"
            self._draft.faults.append(places[flaw.age].fault(f"the rate {flaw.what}", remedy, flaw.column))
        self._draft.columns = {} if flaws or len(seen) != LAST_AGE + 1 else whole

    def test_rows(self, known_covers: set[str], known_products: set[str]) -> tuple[Control, ...]:
        controls: list[Control] = []
        numbers: list[int] = []
        for row in self._table(layout.TEST_ROWS):
            product = row.text("product")
            if product and product not in known_products:
                row.fail("product", f"there is no product {product}", f"write one of {', '.join(sorted(known_products))}")
            annual, monthly = row.cents("annual_premium", needed=False), row.cents("monthly_premium", needed=False)
            refusal = row.text("refusal", needed=False, most=80)
            if refusal and not (row.is_empty("annual_premium") and row.is_empty("monthly_premium")):
                row.fail("refusal", "a row has either premiums or a refusal", "delete one of them")
            for column in ("annual_premium", "monthly_premium"):
                if not refusal and row.is_empty(column):
                    row.fail(column, "the expected premium is missing", "write it to the cent, or a refusal instead")
            read = {
                "age": row.whole("age", most=LAST_AGE),
                "smoker": row.flag("smoker"),
                "product": product,
                "coverages": _known(row, "covers", known_covers),
                "annual_premium": annual,
                "monthly_premium": monthly,
                "term_years": row.whole("term_years", needed=False, least=1, most=LAST_AGE),
                "sum_assured": row.whole("sum_assured", least=1),
                "occupation_class": row.whole("occupation_class", least=1, most=9),
                "refusal": refusal,
            }
            if row.sound:
                self._draft.places["control", str(len(controls))] = row.place
                controls.append(msgspec.convert(read, Control))
                numbers.append(row.at)
        self._draft.test_rows = tuple(numbers)
        return tuple(controls)

    def signature(self) -> Signature | None:
        """Who signed; None when nobody has, or not all of it is there."""
        found: dict[str, Any] = {}
        given: list[Row] = []
        seen: dict[str, int] = {}
        for row in self._table(layout.SIGNATURE):
            field = row.text("field").casefold()
            if field not in layout.SIGNATURE_FIELDS:
                row.fail("field", f"'{field}' is no field of the signature", f"keep {', '.join(layout.SIGNATURE_FIELDS)}")
                continue
            unique(row, "field", field, seen)
            self._draft.places["signature", field] = row.place
            if row.is_empty("value"):
                continue
            given.append(row)
            if field == "signed_on":
                found[field] = row.day("value")
            elif field == "content_sha256":
                found[field] = row.shaped("value", SEAL, "64 digits and letters a to f, as tariff check prints them")
            else:
                found[field] = row.text("value", most=120)
        lacking = [field for field in layout.SIGNATURE_FIELDS if field not in found]
        if found and lacking:
            what = f"the signature lacks {', '.join(lacking)}"
            self._draft.faults.append(Fault(layout.SIGNATURE, what, "fill in all of it, or empty all of it"))
            return None
        return Signature(**found) if found and all(row.sound for row in given) else None


def _quietly(sheet: Sheet, name: str) -> Iterable[Row]:
    return Table(sheet, layout.read_columns_of(name), layout.FOR_PEOPLE.get(name, ()), [])


def _figure(row: Row, figure: layout.Figure) -> Any:
    if figure.kind == "whole":
        return row.whole("value")
    if figure.kind == "number":
        return row.number("value")
    if figure.kind == "version":
        return row.shaped("value", VERSION, "text such as 2027.1")
    if figure.kind == "file":
        return row.shaped("value", TABLE_FILE, "the name of a file such as table2027.csv")
    return row.text("value") if figure.kind == "text" else row.choice("value", ("eur",)).upper()


def _nested(found: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in found.items():
        table, _, name = path.rpartition(".")
        (nested.setdefault(table, {}) if table else nested)[name] = value
    return nested


def _known(row: Row, column: str, known: set[str]) -> tuple[str, ...]:
    """Names of covers that there are, each once."""
    names = row.names(column)
    for name in names:
        if name not in known:
            row.fail(column, f"there is no cover {name}", f"write names of the sheet {layout.COVERS}, with semicolons")
    if len(set(names)) < len(names):
        row.fail(column, "a cover stands there twice", "delete one of the two")
    return names


def _kind(kind: str) -> CoverKind:
    known: CoverKind = msgspec.convert(kind, CoverKind)
    return known
