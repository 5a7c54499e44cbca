"""The catalogue's files: products, covers and the tariff, as TOML; read, checked and sealed.

`catalogue/current.toml` names the tariff that is sold and holds the SHA-256 of every file of every tariff ever published.
A published tariff is never edited, so that each offer can be priced again for ever. To change anything: copy the newest
folder to a new name, change the copy and `version` in its tariff.toml, enter what `sha256sum` says of its files under its
name in current.toml, and point `current` at it. `python -m src.cli tariff import` does all of that from a spreadsheet.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from src.errors import DamagedCatalogue
from src.quoting.tables import LAST_AGE, Basis, never_falling, read_rates

PACKAGE = Path(__file__).parent
INDEX_FILE, TARIFF_FILE, COVERAGES_FILE = "current.toml", "tariff.toml", "coverages.toml"
REPAIR = "Restore the files from the release that you run; a change of the tariff is published as a new version."

MAIN_COVER = "death"
"""The cover that every contract has; its kind is `death`."""
RENEWABLE, LEVEL = "renewable_term", "level_term"
"""The products that a proposal is made of when none is named: without and with a wanted term."""
CoverKind = Literal["death", "acceleration", "illness", "accident", "waiver"]
CONTROL_SUM, CONTROL_CLASS = 150_000, 1
"""What the plausible prices of every tariff are for, and the control prices that do not say."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what the files hold: every key is named, none is left over."""


class Index(Record, frozen=True):
    """Which tariff is sold, and the seals: tariff version -> file name -> SHA-256."""

    current: str
    seals: dict[str, dict[str, str]]


class Mortality(Record, frozen=True):
    """Which table, its seal, and from which age on its rates may not fall."""

    file: str
    sha256: str
    source: str
    never_falling_from_age: int


class Interest(Record, frozen=True):
    """The technical rate of interest, a share per year."""

    technical_rate: Decimal


class Loads(Record, frozen=True):
    """What is added for the business: shares of the gross premium, and EUR per year and policy."""

    acquisition: Decimal
    management: Decimal
    margin: Decimal
    fixed_expense_yearly: Decimal

    @property
    def net_share(self) -> Decimal:
        """What is left of the gross premium for the risk."""
        return 1 - self.acquisition - self.management - self.margin


class Receipt(Record, frozen=True):
    """What the receipt adds: a levy on the capital at risk, tax and levy on taxable covers, the price of paying monthly."""

    consorcio_per_mille: Decimal
    insurance_tax: Decimal
    lea_levy: Decimal
    monthly_surcharge: Decimal
    note: str


class Limits(Record, frozen=True):
    """Who may buy how much: ages in years, sums in EUR."""

    entry_age_min: int
    entry_age_max: int
    cover_to_age: int
    sum_min: int
    sum_max: int
    sum_without_medical_selection: int


class Loan(Record, frozen=True):
    """The loan that a falling capital follows: its interest, a share per year."""

    yearly_rate: Decimal


class CoverTerms(Record, frozen=True):
    """What a cover costs. Which of the figures count depends on its kind, see `Coverage`."""

    taxable: bool
    incidence: Decimal = Decimal(0)
    smoker: Decimal = Decimal(1)
    sublimit: int | None = None
    per_mille: Decimal = Decimal(0)
    share_of_premium: Decimal = Decimal(0)


class Needs(Record, frozen=True):
    """How much cover a household needs: shares of income, years, EUR per child, rounding step in EUR."""

    income_share: Decimal
    income_share_low: Decimal
    income_share_high: Decimal
    years_with_dependants: int
    years_with_partner_only: int
    years_alone: int
    education_per_child: int
    rounding: int
    rule_of_thumb_low_years: int
    rule_of_thumb_high_years: int


class Tier(Record, frozen=True):
    """One of the options of a proposal."""

    name: str
    coverages: tuple[str, ...]


class Plausible(Record, frozen=True):
    """The span in which a price must lie, per mille of the capital and year, or something is wrong with the tariff."""

    ages: tuple[int, ...]
    coverages: tuple[str, ...]
    per_mille_min: Decimal
    per_mille_max: Decimal


class Control(Record, frozen=True):
    """What was published with the tariff for one risk, EUR: a price to the cent, or the code of a refusal to quote."""

    age: int
    smoker: bool
    product: str
    coverages: tuple[str, ...]
    annual_premium: Decimal | None = None
    monthly_premium: Decimal | None = None
    term_years: int | None = None
    sum_assured: int = CONTROL_SUM
    occupation_class: int = CONTROL_CLASS
    refusal: str = ""


class Signature(Record, frozen=True):
    """Who answers for a tariff, since when, and for what exactly: the `fingerprint` of the content that was signed."""

    signed_by: str
    role: str
    signed_on: date
    content_sha256: str


class Tariff(Record, frozen=True):
    """Every assumption behind a price. `covers` is what each cover costs; `occupation_class` the factor of each class."""

    version: str
    currency: str
    validity_days: int
    mortality: Mortality
    interest: Interest
    loads: Loads
    receipt: Receipt
    limits: Limits
    occupation_class: dict[int, Decimal]
    loan: Loan
    covers: dict[str, CoverTerms]
    needs: Needs
    tiers: tuple[Tier, ...]
    plausible: tuple[Plausible, ...]
    control: tuple[Control, ...]
    signature: Signature | None = None


class Coverage(Record, frozen=True):
    """A cover and the customer's words for it (Spanish).

    death: the capital, once. acceleration: the capital while alive, which ends the contract too. illness: up to a sublimit
    while alive, the contract goes on. accident: the capital again. waiver: the other premiums are paid for the customer.
    """

    kind: CoverKind
    name: str
    covers: str
    excluded: tuple[str, ...]


class Product(Record, frozen=True):
    """What is sold: the customer's words for it (Spanish), its table, how long it lasts and how its capital runs.

    `coverages` are the names it may hold, in the order of the receipt. For a term: `terms_years` are the usual ones,
    `term_years_min` the shortest, `to_ages` the ages it usually runs to.
    """

    id: str
    name: str
    summary: str
    table: Basis
    duration: Literal["year", "term", "life"]
    capital: Literal["constant", "loan"]
    coverages: tuple[str, ...]
    excluded: tuple[str, ...]
    terms_years: tuple[int, ...] = ()
    term_years_min: int = 0
    to_ages: tuple[int, ...] = ()


class Book(msgspec.Struct, frozen=True):
    """One tariff with all that it prices, checked. `rates` are yearly death rates by age; `sha256` covers every file."""

    tariff: Tariff
    products: dict[str, Product]
    coverages: dict[str, Coverage]
    rates: dict[Basis, tuple[Decimal, ...]]
    sha256: str


def read_book(version: str = "", package: Path = PACKAGE) -> Book:
    """The tariff of that version, by default the one that is sold. Raises DamagedCatalogue: what, where, what to do."""
    catalogue = package / "catalogue"
    index = read_index(package)
    version = version or index.current
    if version not in index.seals:
        raise DamagedCatalogue(f"{INDEX_FILE} has no tariff {version!r}. {REPAIR}")
    seals = index.seals[version]
    files = {name: _sealed(catalogue / version / name, seal) for name, seal in seals.items()}
    for required in (TARIFF_FILE, COVERAGES_FILE):
        if required not in files:
            raise DamagedCatalogue(f"{INDEX_FILE} has no seal of {version}/{required}. {REPAIR}")
    tariff = _convert(files.pop(TARIFF_FILE), Tariff, TARIFF_FILE)
    coverages = _convert(files.pop(COVERAGES_FILE), dict[str, Coverage], COVERAGES_FILE)
    products = {name.removesuffix(".toml"): _convert(content, Product, name) for name, content in files.items()}
    flaws = [*_misnamed(tariff, version), *flaws_of(tariff, coverages, products)]
    if flaws:
        raise DamagedCatalogue(f"tariff {version} cannot work: {'; '.join(flaw.what for flaw in flaws)}. {REPAIR}")
    table = _sealed(package / "mortality" / tariff.mortality.file, tariff.mortality.sha256)
    return Book(
        tariff=tariff,
        products=products,
        coverages=coverages,
        rates=sold_rates(tariff, read_rates(table, tariff.mortality.file)),
        sha256=hashlib.sha256(msgspec.json.encode(seals, order="sorted")).hexdigest(),
    )


def read_index(package: Path = PACKAGE) -> Index:
    """Which tariff that folder sells, and the seals of all that it has. Raises DamagedCatalogue."""
    return _convert(_read(package / "catalogue" / INDEX_FILE), Index, INDEX_FILE)


def sold_rates(tariff: Tariff, published: dict[Basis, tuple[Decimal, ...]]) -> dict[Basis, tuple[Decimal, ...]]:
    """The rates that prices are made of: the table's, where it may not fall."""
    return {basis: never_falling(rates, tariff.mortality.never_falling_from_age) for basis, rates in published.items()}


def fingerprint(tariff: Tariff, coverages: Mapping[str, Coverage], products: Mapping[str, Product]) -> str:
    """The SHA-256 of everything that a price, a limit or a customer's word comes from, in whatever file it is written.

    The table counts by its own SHA-256; the signature, which names the fingerprint, does not count.
    """
    content = {
        "tariff": msgspec.structs.replace(tariff, signature=None),
        "coverages": dict(coverages),
        "products": dict(products),
    }
    plain = _plain(msgspec.to_builtins(content, builtin_types=(Decimal,), str_keys=True))
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()


def _plain(value: Any) -> Any:
    """The value with each number written in one way only: 0.20 and 0.2 are the same tariff."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return f"{value.normalize():f}" if isinstance(value, Decimal) and value.is_finite() else value


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as damage:
        raise DamagedCatalogue(f"{path.name} cannot be read ({type(damage).__name__}). {REPAIR}") from damage


def _sealed(path: Path, seal: str) -> bytes:
    content = _read(path)
    found = hashlib.sha256(content).hexdigest()
    if found != seal:
        raise DamagedCatalogue(f"{path.name} is not the published file: SHA-256 {found}, sealed as {seal}. {REPAIR}")
    return content


Read = TypeVar("Read")


def _convert(content: bytes, shape: type[Read], where: str) -> Read:
    try:
        record: Any = tomllib.loads(content.decode("utf-8"), parse_float=Decimal)
        return msgspec.convert(record, shape, str_keys=True)
    except ValueError as damage:  # not UTF-8, not TOML, or not of that shape
        raise DamagedCatalogue(f"{where} cannot be understood: {damage}. {REPAIR}") from damage


class Flaw(NamedTuple):
    """What makes a tariff impossible. `where` are keys of the files: ("limits", "sum_min"), ("covers", "death", "smoker")."""

    where: tuple[str, ...]
    what: str


def _misnamed(tariff: Tariff, version: str) -> Iterator[Flaw]:
    if tariff.version != version:
        yield Flaw(("version",), f"it calls itself {tariff.version!r}")


def flaws_of(tariff: Tariff, coverages: Mapping[str, Coverage], products: Mapping[str, Product]) -> Iterator[Flaw]:
    """What makes it impossible to sell by these figures, whoever sealed or signed them."""
    yield from figure_flaws(tariff)
    yield from _signature_flaws(tariff, coverages, products)
    yield from _catalogue_flaws(tariff, coverages, products)


def figure_flaws(tariff: Tariff) -> Iterator[Flaw]:
    """Figures that cannot be, or do not go together. Prices must not be reckoned from them."""
    astray = [
        Flaw(where, f"{'.'.join(where)} is {value}, not between {low} and {high}")
        for where, value, low, high in _spans(tariff)
        if not (value.is_finite() and Decimal(low) <= value <= Decimal(high))
    ]
    yield from astray
    if astray:
        return  # what follows compares figures
    if tariff.loads.net_share <= Decimal("0.2"):
        yield Flaw(("loads",), "loads leave less than a fifth of the premium for the risk")
    for name, steps in _ascending(tariff).items():
        for before, after in pairwise(steps):
            if after.value < before.value:
                lower = ".".join(before.where) or before.value
                yield Flaw(after.where, f"{name} are out of order: {'.'.join(after.where)} belongs above {lower}")
    labels = list(tariff.occupation_class)
    if labels != list(range(1, len(labels) + 1)) or not labels:
        yield Flaw(("occupation_class",), "occupation classes do not count up from 1")
    if not (tariff.plausible and tariff.control):
        yield Flaw(("plausible",), "it has no plausible or control prices")


class Step(NamedTuple):
    """A figure among others that go up."""

    where: tuple[str, ...]
    value: Decimal | int


def _ascending(tariff: Tariff) -> dict[str, list[Step]]:
    """Figures of which each must be at least the one before it, by what they are called together."""
    limits, needs = tariff.limits, tariff.needs

    def of(table: str, record: Limits | Needs, *names: str) -> list[Step]:
        return [Step((table, name), getattr(record, name)) for name in names]

    years_to_protect = ("years_alone", "years_with_partner_only", "years_with_dependants")
    return {
        "ages of limits": [
            Step((), 18),
            *of("limits", limits, "entry_age_min", "entry_age_max"),
            Step(("limits", "cover_to_age"), limits.cover_to_age - 1),
        ],
        "sums of limits": [Step((), 1), *of("limits", limits, "sum_min", "sum_without_medical_selection", "sum_max")],
        "shares of income": of("needs", needs, "income_share_low", "income_share", "income_share_high"),
        "years to protect": [Step((), 0), *of("needs", needs, *years_to_protect)],
        "rule of thumb": [Step((), 1), *of("needs", needs, "rule_of_thumb_low_years", "rule_of_thumb_high_years")],
        "validity": [Step((), 1), Step(("validity_days",), tariff.validity_days)],
        "education": [Step((), 1), *of("needs", needs, "education_per_child")],
        "rounding": [Step((), 1), *of("needs", needs, "rounding")],
        "never_falling_from_age": [
            Step((), 0),
            Step(("mortality", "never_falling_from_age"), tariff.mortality.never_falling_from_age),
            *of("limits", limits, "entry_age_min"),
        ],
        "factors of occupation classes": [
            Step(("occupation_class", str(label)), factor) for label, factor in tariff.occupation_class.items()
        ],
    }


def _spans(tariff: Tariff) -> Iterator[tuple[tuple[str, ...], Decimal, str, str]]:
    loads, receipt, needs = tariff.loads, tariff.receipt, tariff.needs
    yield ("interest", "technical_rate"), tariff.interest.technical_rate, "0", "0.1"
    yield ("loads", "acquisition"), loads.acquisition, "0", "0.6"
    yield ("loads", "management"), loads.management, "0", "0.6"
    yield ("loads", "margin"), loads.margin, "0", "0.6"
    yield ("loads", "fixed_expense_yearly"), loads.fixed_expense_yearly, "0", "200"
    yield ("receipt", "consorcio_per_mille"), receipt.consorcio_per_mille, "0", "0.1"
    yield ("receipt", "insurance_tax"), receipt.insurance_tax, "0", "0.25"
    yield ("receipt", "lea_levy"), receipt.lea_levy, "0", "0.05"
    yield ("receipt", "monthly_surcharge"), receipt.monthly_surcharge, "0", "0.2"
    yield ("loan", "yearly_rate"), tariff.loan.yearly_rate, "0.001", "0.15"
    yield ("limits", "cover_to_age"), Decimal(tariff.limits.cover_to_age), "0", str(LAST_AGE)
    for label, factor in tariff.occupation_class.items():
        yield ("occupation_class", str(label)), factor, "1", "5"
    for name in ("income_share_low", "income_share", "income_share_high"):
        yield ("needs", name), getattr(needs, name), "0", "1"
    for name, terms in tariff.covers.items():
        yield ("covers", name, "incidence"), terms.incidence, "0", "10"
        yield ("covers", name, "smoker"), terms.smoker, "1", "5"
        yield ("covers", name, "per_mille"), terms.per_mille, "0", "5"
        yield ("covers", name, "share_of_premium"), terms.share_of_premium, "0", "0.5"
        if terms.sublimit is not None:
            yield ("covers", name, "sublimit"), Decimal(terms.sublimit), "1", str(tariff.limits.sum_max)
    for number, plausible in enumerate(tariff.plausible):
        yield ("plausible", str(number), "per_mille_min"), plausible.per_mille_min, "0.01", "100"
        yield ("plausible", str(number), "per_mille_max"), plausible.per_mille_max, str(plausible.per_mille_min), "100"


def _signature_flaws(tariff: Tariff, coverages: Mapping[str, Coverage], products: Mapping[str, Product]) -> Iterator[Flaw]:
    if tariff.signature and tariff.signature.content_sha256 != fingerprint(tariff, coverages, products):
        yield Flaw(("signature", "content_sha256"), f"it is not what {tariff.signature.signed_by} signed")


def _catalogue_flaws(tariff: Tariff, coverages: Mapping[str, Coverage], products: Mapping[str, Product]) -> Iterator[Flaw]:
    """What the files ask of each other and do not find."""
    if set(coverages) != set(tariff.covers):
        yield Flaw(("covers",), f"{COVERAGES_FILE} and the tariff's covers differ")
        return
    if MAIN_COVER not in coverages or coverages[MAIN_COVER].kind != "death":
        yield Flaw(("covers", MAIN_COVER, "kind"), f"{COVERAGES_FILE} has no cover {MAIN_COVER}")
    for name, cover in coverages.items():
        terms = tariff.covers[name]
        figure = PRICED_BY[cover.kind]
        if not getattr(terms, figure):
            yield Flaw(("covers", name, figure), f"cover {name} costs nothing")
        if terms.sublimit is not None and f"{terms.sublimit:,}".replace(",", ".") not in cover.covers:
            what = f"cover {name} does not tell the customer its sublimit of {terms.sublimit}"
            yield Flaw(("covers", name, "covers"), what)
    for name in sorted({RENEWABLE, LEVEL} - set(products)):
        yield Flaw(("products",), f"product {name} is missing")
    for name, product in products.items():
        yield from _product_flaws(name, product, coverages)
        if product.duration == "term":
            yield from _term_flaws(product, tariff.limits)
    yield from _tier_flaws(tariff.tiers, products)


PRICED_BY: dict[CoverKind, str] = {
    "death": "incidence",
    "acceleration": "incidence",
    "illness": "incidence",
    "accident": "per_mille",
    "waiver": "share_of_premium",
}
"""Which of its terms a cover of that kind is priced by."""


def _product_flaws(name: str, product: Product, coverages: Mapping[str, Coverage]) -> Iterator[Flaw]:
    kinds = [coverages[cover].kind for cover in product.coverages if cover in coverages]
    where = ("products", name, "coverages")
    if product.id != name or len(kinds) != len(product.coverages):
        yield Flaw(where, f"product {name} has another id or unknown covers")
    elif product.coverages[:1] != (MAIN_COVER,) or len(set(kinds)) < len(kinds) or "waiver" in kinds[:-1]:
        yield Flaw(where, f"product {name} must begin with {MAIN_COVER}, hold one cover of a kind at most, and a waiver last")


def _term_flaws(product: Product, limits: Limits) -> Iterator[Flaw]:
    ages = product.to_ages
    shortest = min((product.term_years_min, *product.terms_years))
    if shortest < max(1, product.term_years_min) or not ages or list(ages) != sorted(ages) or ages[-1] > limits.cover_to_age:
        yield Flaw(("products", product.id, "terms_years"), f"product {product.id} has impossible terms")
    elif ages[-1] - limits.entry_age_max < product.term_years_min:
        yield Flaw(("products", product.id, "to_ages"), f"product {product.id} has no term for the oldest who may enter")


def _tier_flaws(tiers: tuple[Tier, ...], products: Mapping[str, Product]) -> Iterator[Flaw]:
    narrower = {MAIN_COVER}
    for position, tier in enumerate(tiers):
        covers, where = set(tier.coverages), ("tiers", str(position), "coverages")
        if not (narrower < covers or (position == 0 and covers == narrower)):
            yield Flaw(where, f"tier {tier.name} is not more than the one before")
        if not all(covers <= set(product.coverages) for product in products.values()):
            yield Flaw(where, f"tier {tier.name} has covers that a product lacks")
        narrower = covers
    if not tiers:
        yield Flaw(("tiers",), "there is no tier")
