"""From the tariff that is sold to a spreadsheet, with a test row for everything that must have one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import reduce
from typing import Any

import msgspec

from src.quoting.offers import Catalogue, Offer, quoted
from src.quoting.products import MAIN_COVER, RENEWABLE, Book, Control, Product
from src.quoting.spreadsheet import layout
from src.quoting.spreadsheet.cells import Cell, Sheet, Workbook
from src.quoting.tables import LAST_AGE, Columns

INTRODUCTION = (
    "The tariff of the life insurance that the assistant quotes. Change the figures, then have the file checked:",
    "    python -m src.cli tariff check FILE",
    "It tells every fault with its sheet, row and column, prices every row of the sheet test_rows and compares to the cent.",
    "The premiums in test_rows were reckoned by this program. Replace them by what the actuary reckons independently.",
    "Each product, each cover, smokers and others, each occupation class, the youngest and the oldest need a test row.",
    "Enter values, no formulas. Shares are numbers: 0.0195 is 1.95 %. Empty rows and the order of columns do not matter.",
    "To sign: when the check passes, enter in the sheet signature who signs, as what, when, and the SHA-256 that it prints.",
    "The SHA-256 stands for everything that is read; whatever is changed later shows. This sheet and notes are not read.",
    "Columns:",
)


def write(catalogue: Catalogue, columns: Columns) -> Workbook:
    """The tariff as sheets. `columns` are those of its mortality table, as published."""
    book = catalogue.book
    rows: dict[str, Iterable[tuple[Cell, ...]]] = {
        layout.FIGURES: _figures(book),
        layout.OCCUPATION: ((Decimal(label), factor) for label, factor in book.tariff.occupation_class.items()),
        layout.COVERS: _covers(book),
        layout.PRODUCTS: map(_product, book.products.values()),
        layout.TIERS: ((tier.name, _listed(tier.coverages)) for tier in book.tariff.tiers),
        layout.PLAUSIBLE: (
            (_listed(span.ages), _listed(span.coverages), span.per_mille_min, span.per_mille_max)
            for span in book.tariff.plausible
        ),
        layout.MORTALITY: ((Decimal(age), *(rates[age] for rates in columns.values())) for age in range(LAST_AGE + 1)),
        layout.TEST_ROWS: map(_test_row, *zip(*_controls(catalogue), strict=True)),
        layout.SIGNATURE: _signature(book),
    }
    sheets = {name: Sheet(name, (_header(name), *of_sheet)) for name, of_sheet in rows.items()}
    return Workbook({layout.READ_ME: Sheet(layout.READ_ME, tuple(_introduction()))} | sheets)


def _introduction() -> Iterator[tuple[Cell, ...]]:
    for line in INTRODUCTION:
        yield (line,)
    for sheet, columns in layout.COLUMNS.items():
        for column in columns:
            yield (f"{sheet}: {column.name} - {column.meaning}",)


def _header(name: str) -> tuple[Cell, ...]:
    return tuple(column.name for column in layout.COLUMNS[name])


def _figures(book: Book) -> Iterator[tuple[Cell, ...]]:
    for figure in layout.FIGURE_ROWS:
        value: Any = reduce(getattr, figure.path.split("."), book.tariff)
        yield figure.path, Decimal(value) if isinstance(value, int) else value, figure.unit, figure.meaning


def _covers(book: Book) -> Iterator[tuple[Cell, ...]]:
    for name, cover in book.coverages.items():
        terms = book.tariff.covers[name]
        yield (
            name,
            cover.kind,
            cover.name,
            cover.covers,
            "\n".join(cover.excluded),
            terms.taxable,
            terms.incidence or None,
            terms.per_mille or None,
            terms.share_of_premium or None,
            terms.smoker if terms.smoker != 1 else None,
            None if terms.sublimit is None else Decimal(terms.sublimit),
        )


def _product(product: Product) -> tuple[Cell, ...]:
    has_term = product.duration == "term"
    return (
        product.id,
        product.name,
        product.summary,
        product.table,
        product.duration,
        product.capital,
        _listed(product.coverages),
        "\n".join(product.excluded),
        _listed(product.terms_years) if has_term else None,
        Decimal(product.term_years_min) if has_term else None,
        _listed(product.to_ages) if has_term else None,
    )


def _listed(parts: Iterable[object]) -> str:
    return "; ".join(map(str, parts))


def _signature(book: Book) -> Iterator[tuple[Cell, ...]]:
    for field in layout.SIGNATURE_FIELDS:
        yield field, getattr(book.tariff.signature, field) if book.tariff.signature else None


# -- test rows -----------------------------------------------------------------------------------------------------------


def _test_row(control: Control, note: str) -> tuple[Cell, ...]:
    return (
        Decimal(control.age),
        control.smoker,
        Decimal(control.occupation_class),
        control.product,
        _listed(control.coverages),
        Decimal(control.sum_assured),
        None if control.term_years is None else Decimal(control.term_years),
        control.annual_premium,
        control.monthly_premium,
        control.refusal or None,
        note,
    )


def _controls(catalogue: Catalogue) -> list[tuple[Control, str]]:
    """The published ones. To those that do not cover everything yet, one of each kind is added with the engine's own answer."""
    published = catalogue.book.tariff.control
    rows = [(control, "") for control in published]
    if catalogue.book.tariff.signature:  # signed with these rows and no others
        return rows
    known = {_question(control) for control in published}
    for asked, note in _worth_asking(catalogue.book):
        answer = quoted(catalogue, asked)
        if answer is None or _question(asked) in known:
            continue
        known.add(_question(asked))
        outcome: dict[str, Any] = (
            {"annual_premium": answer.annual_premium, "monthly_premium": answer.monthly_premium}
            if isinstance(answer, Offer)
            else {"refusal": answer.code}
        )
        rows.append((msgspec.structs.replace(asked, **outcome), note))
    return rows


def _question(control: Control) -> Control:
    return msgspec.structs.replace(control, annual_premium=None, monthly_premium=None, refusal="")


def _worth_asking(book: Book) -> Iterator[tuple[Control, str]]:
    """Risks in the middle and at every border, for every product, cover and class."""
    limits, tiers = book.tariff.limits, book.tariff.tiers
    classes = sorted(book.tariff.occupation_class)
    middle = min(150_000, limits.sum_without_medical_selection)
    for product in book.products.values():
        ask = _asker(product, middle)
        yield ask(35, tiers[0].coverages, term_years=20), "the least cover"
        yield ask(45, tiers[-1].coverages, smoker=True, occupation_class=classes[-1]), "the fullest option, the worst risk"
        yield ask(limits.entry_age_min, product.coverages, sum_assured=limits.sum_min), "the youngest, every cover, least sum"
        most = limits.sum_without_medical_selection
        yield ask(limits.entry_age_max, product.coverages, sum_assured=most), "the oldest, every cover, greatest sum"
    ask = _asker(book.products[RENEWABLE], middle)
    for label in classes:
        yield ask(35, tiers[0].coverages, occupation_class=label), f"occupation class {label}"
    for cover in book.products[RENEWABLE].coverages[1:]:
        yield ask(35, (MAIN_COVER, cover)), f"{cover} alone"
    yield ask(limits.entry_age_min - 1, (MAIN_COVER,)), "a year too young"
    yield ask(limits.entry_age_max + 1, (MAIN_COVER,)), "a year too old"
    yield ask(35, (MAIN_COVER,), occupation_class=classes[-1] + 1), "a class that goes to a person"
    yield ask(35, (MAIN_COVER,), sum_assured=limits.sum_min - 1), "a euro too little"
    yield ask(35, (MAIN_COVER,), sum_assured=limits.sum_without_medical_selection + 1), "a euro above what needs no doctor"


def _asker(product: Product, middle: int) -> Callable[..., Control]:
    def ask(
        age: int,
        coverages: tuple[str, ...],
        *,
        smoker: bool = False,
        occupation_class: int = 1,
        sum_assured: int = middle,
        term_years: int | None = None,
    ) -> Control:
        return Control(
            age=age,
            smoker=smoker,
            product=product.id,
            coverages=tuple(name for name in product.coverages if name in coverages),
            term_years=term_years if product.duration == "term" else None,
            sum_assured=sum_assured,
            occupation_class=occupation_class,
        )

    return ask
