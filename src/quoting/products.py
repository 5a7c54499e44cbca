"""The catalogue's files: products, covers and the tariff, as TOML; read, checked and sealed.

`catalogue/current.toml` names the tariff that is sold and holds the SHA-256 of every file of every tariff ever published.
A published tariff is never edited, so that each offer can be priced again for ever. To change anything: copy the newest
folder to a new name, change the copy and `version` in its tariff.toml, enter what `sha256sum` says of its files under its
name in current.toml, and point `current` at it.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar

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
    """A price that was published with the tariff, for 150,000 EUR and occupation class 1."""

    age: int
    smoker: bool
    product: str
    coverages: tuple[str, ...]
    annual_premium: Decimal
    monthly_premium: Decimal
    term_years: int | None = None


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
    index = _convert(_read(catalogue / INDEX_FILE), Index, INDEX_FILE)
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
    faults = [*_tariff_faults(tariff, version), *_catalogue_faults(tariff, coverages, products)]
    if faults:
        raise DamagedCatalogue(f"tariff {version} cannot work: {'; '.join(faults)}. {REPAIR}")
    table = _sealed(package / "mortality" / tariff.mortality.file, tariff.mortality.sha256)
    rates = read_rates(table, tariff.mortality.file)
    return Book(
        tariff=tariff,
        products=products,
        coverages=coverages,
        rates={basis: never_falling(column, tariff.mortality.never_falling_from_age) for basis, column in rates.items()},
        sha256=hashlib.sha256(msgspec.json.encode(seals, order="sorted")).hexdigest(),
    )


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


def _tariff_faults(tariff: Tariff, version: str) -> Iterator[str]:
    """What makes the tariff's figures impossible, whoever sealed them."""
    if tariff.version != version:
        yield f"it calls itself {tariff.version!r}"
    for name, value, low, high in _spans(tariff):
        if not (value.is_finite() and Decimal(low) <= value <= Decimal(high)):
            yield f"{name} is {value}, not between {low} and {high}"
            return  # what follows compares figures
    if tariff.loads.net_share <= Decimal("0.2"):
        yield "loads leave less than a fifth of the premium for the risk"
    limits, needs = tariff.limits, tariff.needs
    ascending: dict[str, tuple[Decimal | int, ...]] = {
        "ages of limits": (18, limits.entry_age_min, limits.entry_age_max, limits.cover_to_age - 1, LAST_AGE - 1),
        "sums of limits": (1, limits.sum_min, limits.sum_without_medical_selection, limits.sum_max),
        "shares of income": (needs.income_share_low, needs.income_share, needs.income_share_high),
        "years to protect": (0, needs.years_alone, needs.years_with_partner_only, needs.years_with_dependants),
        "rule of thumb": (1, needs.rule_of_thumb_low_years, needs.rule_of_thumb_high_years),
        "validity, education, rounding": (1, min(tariff.validity_days, needs.education_per_child, needs.rounding)),
        "never_falling_from_age": (0, tariff.mortality.never_falling_from_age, limits.entry_age_min),
        "factors of occupation classes": tuple(tariff.occupation_class.values()),
    }
    for name, values in ascending.items():
        if any(after < before for before, after in pairwise(values)):
            yield f"{name} are out of order"
    if list(tariff.occupation_class) != list(range(1, len(tariff.occupation_class) + 1)) or not tariff.occupation_class:
        yield "occupation classes do not count up from 1"
    if not (tariff.plausible and tariff.control):
        yield "it has no plausible or control prices"


def _spans(tariff: Tariff) -> Iterator[tuple[str, Decimal, str, str]]:
    loads, receipt, needs = tariff.loads, tariff.receipt, tariff.needs
    yield "technical_rate", tariff.interest.technical_rate, "0", "0.1"
    yield "acquisition", loads.acquisition, "0", "0.6"
    yield "management", loads.management, "0", "0.6"
    yield "margin", loads.margin, "0", "0.6"
    yield "fixed_expense_yearly", loads.fixed_expense_yearly, "0", "200"
    yield "consorcio_per_mille", receipt.consorcio_per_mille, "0", "0.1"
    yield "insurance_tax", receipt.insurance_tax, "0", "0.25"
    yield "lea_levy", receipt.lea_levy, "0", "0.05"
    yield "monthly_surcharge", receipt.monthly_surcharge, "0", "0.2"
    yield "loan.yearly_rate", tariff.loan.yearly_rate, "0.001", "0.15"
    for label, factor in tariff.occupation_class.items():
        yield f"occupation_class.{label}", factor, "1", "5"
    for share in (needs.income_share_low, needs.income_share, needs.income_share_high):
        yield "income_share", share, "0", "1"
    for name, terms in tariff.covers.items():
        yield f"covers.{name}.incidence", terms.incidence, "0", "10"
        yield f"covers.{name}.smoker", terms.smoker, "1", "5"
        yield f"covers.{name}.per_mille", terms.per_mille, "0", "5"
        yield f"covers.{name}.share_of_premium", terms.share_of_premium, "0", "0.5"
        if terms.sublimit is not None:
            yield f"covers.{name}.sublimit", Decimal(terms.sublimit), "1", str(tariff.limits.sum_max)
    for plausible in tariff.plausible:
        yield "plausible.per_mille_min", plausible.per_mille_min, "0.01", "100"
        yield "plausible.per_mille_max", plausible.per_mille_max, str(plausible.per_mille_min), "100"


def _catalogue_faults(tariff: Tariff, coverages: dict[str, Coverage], products: dict[str, Product]) -> Iterator[str]:
    """What the files ask of each other and do not find."""
    if set(coverages) != set(tariff.covers):
        yield f"{COVERAGES_FILE} and the tariff's covers differ"
        return
    if MAIN_COVER not in coverages or coverages[MAIN_COVER].kind != "death":
        yield f"{COVERAGES_FILE} has no cover {MAIN_COVER}"
    for name, cover in coverages.items():
        terms = tariff.covers[name]
        priced = {
            "death": terms.incidence,
            "acceleration": terms.incidence,
            "illness": terms.incidence,
            "accident": terms.per_mille,
            "waiver": terms.share_of_premium,
        }[cover.kind]
        if not priced:
            yield f"cover {name} costs nothing"
        if terms.sublimit is not None and f"{terms.sublimit:,}".replace(",", ".") not in cover.covers:
            yield f"cover {name} does not tell the customer its sublimit of {terms.sublimit}"
    for name in {RENEWABLE, LEVEL} - set(products):
        yield f"product {name} is missing"
    for name, product in products.items():
        kinds = [coverages[cover].kind for cover in product.coverages if cover in coverages]
        if product.id != name or len(kinds) != len(product.coverages):
            yield f"product {name} has another id or unknown covers"
        elif product.coverages[:1] != (MAIN_COVER,) or len(set(kinds)) < len(kinds) or "waiver" in kinds[:-1]:
            yield f"product {name} must begin with {MAIN_COVER}, hold one cover of a kind at most, and a waiver last"
        if product.duration == "term":
            yield from _term_faults(product, tariff.limits)
    yield from _tier_faults(tariff.tiers, products)


def _term_faults(product: Product, limits: Limits) -> Iterator[str]:
    ages = product.to_ages
    shortest = min((product.term_years_min, *product.terms_years))
    if shortest < max(1, product.term_years_min) or not ages or list(ages) != sorted(ages) or ages[-1] > limits.cover_to_age:
        yield f"product {product.id} has impossible terms"
    elif ages[-1] - limits.entry_age_max < product.term_years_min:
        yield f"product {product.id} has no term for the oldest who may enter"


def _tier_faults(tiers: tuple[Tier, ...], products: dict[str, Product]) -> Iterator[str]:
    narrower = {MAIN_COVER}
    for position, tier in enumerate(tiers):
        covers = set(tier.coverages)
        if not (narrower < covers or (position == 0 and covers == narrower)):
            yield f"tier {tier.name} is not more than the one before"
        if not all(covers <= set(product.coverages) for product in products.values()):
            yield f"tier {tier.name} has covers that a product lacks"
        narrower = covers
    if not tiers:
        yield "there is no tier"
