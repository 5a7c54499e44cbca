"""The verdict on a spreadsheet: its faults, every test row priced by the engine, what no test row covers, who signed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal

import msgspec

from src.quoting.offers import Catalogue, Offer, Refusal, confirms, implausible, quoted
from src.quoting.products import Book, Control, Flaw, Tariff, fingerprint, flaws_of, sold_rates
from src.quoting.spreadsheet import layout
from src.quoting.spreadsheet.cells import Fault, Workbook
from src.quoting.spreadsheet.reading import Draft, read
from src.quoting.tables import basis_rates

ADD_A_ROW = f"add a row to the sheet {layout.TEST_ROWS}, with the premiums that the actuary reckons"

MADE_OF: dict[str, frozenset[str]] = {
    "occupation_class": frozenset((layout.OCCUPATION,)),
    "covers": frozenset((layout.COVERS,)),
    "products": frozenset((layout.COVERS, layout.PRODUCTS)),
    "tiers": frozenset((layout.COVERS, layout.PRODUCTS, layout.TIERS)),
    "plausible": frozenset((layout.PLAUSIBLE, layout.TEST_ROWS)),
}
"""Which sheets a part of the tariff is compared with: while one has faults, the comparison says nothing."""


class Published(msgspec.Struct, frozen=True):
    """What is published already: `book_of` a version, or None; the SHA-256 of each mortality table by its file's name."""

    book_of: Callable[[str], Book | None] = lambda _version: None
    tables: Mapping[str, str] = msgspec.field(default_factory=dict)


class Sayable(msgspec.Struct, frozen=True):
    """The products, covers and tiers that the assistant has words for."""

    products: frozenset[str]
    covers: frozenset[str]
    tiers: frozenset[str]


class Tested(msgspec.Struct, frozen=True):
    """One test row: what it is about, what it expects, what the engine says, and the difference in EUR a year and a month."""

    row: int
    about: str
    expected: str
    computed: str
    difference: str
    passed: bool


class Verdict(msgspec.Struct, frozen=True):
    """What became of a check. `content_sha256` is what is signed; "" while the content is not whole.

    `signed_by` and `signed_on` are empty unless the signature is for just this content.
    """

    ok: bool
    version: str
    content_sha256: str
    signed_by: str
    signed_on: str
    faults: tuple[Fault, ...]
    tests: tuple[Tested, ...]
    untested: int
    """Test rows that could not be priced because of other faults."""
    draft: Draft

    def to_json(self) -> dict[str, object]:
        """The verdict for programs."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__ if name != "draft"}
        plain: dict[str, object] = msgspec.to_builtins(shown)
        return plain


def check(workbook: Workbook, today: date, *, published: Published | None = None, sayable: Sayable | None = None) -> Verdict:
    """Reads the sheets, and finds everything that keeps them from being sold. `today` judges the signature's date."""
    draft = read(workbook)
    tests: tuple[Tested, ...] = ()
    sha256 = ""
    if draft.tariff is not None:
        whole = not draft.faults
        _note_flaws(draft, draft.tariff)
        if draft.prices_can_be_reckoned:
            tests = tuple(_tested(draft, draft.tariff))
        draft.faults.extend(_uncovered(draft, draft.tariff))
        draft.faults.extend(_taken(draft, draft.tariff, published or Published()))
        if sayable:
            draft.faults.extend(_unsayable(draft, sayable))
        if whole:
            sha256 = fingerprint(draft.tariff, draft.coverages, draft.products)
            draft.faults.extend(_signature_faults(draft, draft.tariff, today, sha256))
    signature = draft.tariff.signature if draft.tariff and not draft.faults else None
    return Verdict(
        ok=not draft.faults and all(test.passed for test in tests),
        version=draft.tariff.version if draft.tariff else "",
        content_sha256=sha256,
        signed_by=signature.signed_by if signature else "",
        signed_on=signature.signed_on.isoformat() if signature else "",
        faults=tuple(draft.faults),
        tests=tests,
        untested=len(draft.test_rows) - len(tests),
        draft=draft,
    )


def book_of(draft: Draft, tariff: Tariff) -> Book:
    """The tariff in the form that the engine reckons with."""
    sha256 = fingerprint(tariff, draft.coverages, draft.products)
    rates = sold_rates(tariff, basis_rates(draft.columns))
    return Book(tariff=tariff, products=draft.products, coverages=draft.coverages, rates=rates, sha256=sha256)


def _note_flaws(draft: Draft, tariff: Tariff) -> None:
    """What does not go together. Rows that were left out as faulty are missed by nobody: that is told already."""
    faulty = {fault.sheet for fault in draft.faults}
    unsigned = msgspec.structs.replace(tariff, signature=None)
    for flaw in flaws_of(unsigned, draft.coverages, draft.products):
        if not MADE_OF.get(flaw.where[0], frozenset()) & faulty:
            draft.note(flaw, "correct it here, or what it does not go with")
    if draft.prices_can_be_reckoned:
        for place, what in implausible(Catalogue(book_of(draft, tariff))):
            remedy = "correct the tariff, or the span when the market has moved"
            draft.note(Flaw(("plausible", str(place)), what), remedy)


# -- test rows -----------------------------------------------------------------------------------------------------------


def _tested(draft: Draft, tariff: Tariff) -> Iterator[Tested]:
    catalogue = Catalogue(book_of(draft, tariff))
    for row, control in zip(draft.test_rows, tariff.control, strict=True):
        product = draft.products.get(control.product)
        if product is None or not set(control.coverages) <= draft.coverages.keys():
            continue  # told where it stands
        answer = quoted(catalogue, control)
        yield Tested(
            row=row,
            about=_about(control),
            expected=control.refusal or _premiums(control.annual_premium, control.monthly_premium),
            computed=_told(answer),
            difference=_difference(control, answer),
            passed=confirms(control, answer),
        )


def _about(control: Control) -> str:
    term = f", {control.term_years} years" if control.term_years else ""
    return (
        f"{control.product} {'+'.join(control.coverages)}, {control.sum_assured} EUR{term}, age {control.age}, "
        f"{'smoker' if control.smoker else 'no smoker'}, class {control.occupation_class}"
    )


def _told(answer: Offer | Refusal | None) -> str:
    if answer is None:
        return "the product has no such covers"
    return answer.code if isinstance(answer, Refusal) else _premiums(answer.annual_premium, answer.monthly_premium)


def _premiums(annual: Decimal | None, monthly: Decimal | None) -> str:
    return f"{annual} / {monthly}"


def _difference(control: Control, answer: Offer | Refusal | None) -> str:
    if not isinstance(answer, Offer) or control.annual_premium is None or control.monthly_premium is None:
        return "" if confirms(control, answer) else "another outcome"
    annual, monthly = answer.annual_premium - control.annual_premium, answer.monthly_premium - control.monthly_premium
    return " / ".join(f"{change:+}" if change else "0.00" for change in (annual, monthly))


def _uncovered(draft: Draft, tariff: Tariff) -> Iterator[Fault]:
    """Whatever no test row with a premium is about: a tariff is only as good as what of it was reckoned by hand."""
    priced = [control for control in tariff.control if not control.refusal]
    wanted: dict[str, bool] = {}
    for product in draft.products:
        wanted[f"the product {product}"] = any(control.product == product for control in priced)
    for cover in draft.coverages:
        wanted[f"the cover {cover}"] = any(cover in control.coverages for control in priced)
    for smoker, who in ((True, "smokers"), (False, "people who do not smoke")):
        wanted[who] = any(control.smoker is smoker for control in priced)
    for label in tariff.occupation_class:
        wanted[f"occupation class {label}"] = any(control.occupation_class == label for control in priced)
    for border, who in ((tariff.limits.entry_age_min, "youngest"), (tariff.limits.entry_age_max, "oldest")):
        wanted[f"the {who} who may enter, at {border}"] = any(control.age == border for control in priced)
    for what, is_covered in wanted.items():
        if not is_covered:
            yield Fault(layout.TEST_ROWS, f"no test row prices {what}", ADD_A_ROW)


# -- what is published, said and signed ----------------------------------------------------------------------------------


def _taken(draft: Draft, tariff: Tariff, published: Published) -> Iterator[Fault]:
    """A published tariff is never edited: offers were made by it."""
    place, _ = draft.place(("version",))
    known = published.book_of(tariff.version)
    if known and _without_tests(known.tariff, known) != _without_tests(tariff, draft):
        what = f"{tariff.version} is published already, with other figures or words"
        yield place.fault(what, "give the changed tariff a new version", "value")
    place, _ = draft.place(("mortality", "file"))
    if published.tables.get(tariff.mortality.file, tariff.mortality.sha256) != tariff.mortality.sha256 and draft.columns:
        what = f"{tariff.mortality.file} is published already, with other rates"
        yield place.fault(what, "give the changed table a new name", "value")


def _without_tests(tariff: Tariff, rest: Book | Draft) -> str:
    return fingerprint(msgspec.structs.replace(tariff, control=()), rest.coverages, rest.products)


def _unsayable(draft: Draft, sayable: Sayable) -> Iterator[Fault]:
    """What the assistant could not name: it would fail in front of a customer."""
    remedy = "use one of these names, or have the new name entered in src/agent/texts first: "
    tiers = draft.tariff.tiers if draft.tariff else ()
    named = [
        *((name, ("products", name), "product", sayable.products) for name in draft.products),
        *((name, ("covers", name), "cover", sayable.covers) for name in draft.coverages),
        *((tier.name, ("tiers", str(number)), "tier", sayable.tiers) for number, tier in enumerate(tiers)),
    ]
    for name, where, column, known in named:
        if name not in known:
            place, _ = draft.place(where)
            yield place.fault(f"the assistant has no words for {name}", remedy + ", ".join(sorted(known)), column)


def _signature_faults(draft: Draft, tariff: Tariff, today: date, sha256: str) -> Iterator[Fault]:
    signature = tariff.signature
    if signature is None:
        return
    if signature.content_sha256 != sha256:
        place, _ = draft.place(("signature", "content_sha256"))
        what = f"something was changed after {signature.signed_by} signed: the content is {sha256} now"
        yield place.fault(what, "look at what was changed, and have it signed anew", "value")
    if signature.signed_on > today:
        place, _ = draft.place(("signature", "signed_on"))
        yield place.fault(f"{signature.signed_on} is still to come", "enter the day of the signature", "value")
