"""The catalogue's files: products, covers and the tariff, as TOML; read, checked and sealed.

`catalogue/current.toml` names the tariff that is sold and holds the SHA-256 of every file of every tariff ever published.
A published tariff is never edited, so that each offer can be priced again for ever. To change anything, copy the newest
folder to a new name, change `version` in its tariff.toml, then enter `seal(folder)` and `current` in current.toml.
"""

from __future__ import annotations

import hashlib
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from src.errors import DamagedCatalogue
from src.quoting.tables import LAST_AGE, Basis, never_falling, read_rates

PACKAGE = Path(__file__).parent
TARIFF_FILE, COVERAGES_FILE = "tariff.toml", "coverages.toml"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what the files hold: every key is named, none is left over."""


class Mortality(Record):
    """Which table, its seal, and from which age on its rates may not fall."""

    file: str
    sha256: str
    source: str
    never_falling_from_age: int


class Interest(Record):
    """The technical rate of interest, a share per year."""

    technical_rate: Decimal


class Loads(Record):
    """What is added for the business: shares of the gross premium, and EUR per year and policy."""

    acquisition: Decimal
    management: Decimal
    margin: Decimal
    fixed_expense_yearly: Decimal

    @property
    def net_share(self) -> Decimal:
        """What is left of the gross premium for the risk."""
        return 1 - self.acquisition - self.management - self.margin


class Receipt(Record):
    """What the receipt adds: a levy on the capital at risk, tax and levy on taxable add-ons, the price of paying monthly."""

    consorcio_per_mille: Decimal
    insurance_tax: Decimal
    lea_levy: Decimal
    monthly_surcharge: Decimal
    note: str = ""


class Limits(Record):
    """Who may buy how much: ages in years, sums in EUR."""

    entry_age_min: int
    entry_age_max: int
    cover_to_age: int
    sum_min: int
    sum_max: int
    sum_without_medical_selection: int


class Risk(Record):
    """Factors on the death rate."""

    smoker: Decimal
    occupation_class: dict[int, Decimal]


class Needs(Record):
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


class Tier(Record):
    """One of the options of a proposal."""

    name: str
    coverages: tuple[str, ...]


class Plausible(Record):
    """The span in which a price must lie, per mille of the capital and year, or something is wrong with the tariff."""

    ages: tuple[int, ...]
    coverages: tuple[str, ...]
    per_mille_min: Decimal
    per_mille_max: Decimal


class Tariff(Record):
    """Every assumption behind a price."""

    version: str
    currency: str
    validity_days: int
    mortality: Mortality
    interest: Interest
    loads: Loads
    receipt: Receipt
    limits: Limits
    risk: Risk
    needs: Needs
    tiers: tuple[Tier, ...]
    plausible: tuple[Plausible, ...]


class Coverage(Record):
    """A cover: the customer's words for it (Spanish), and what its kind needs to price it.

    death: paid once, ends the contract. acceleration: the capital while alive, ends the contract too. illness: up to
    `sublimit` while alive, the contract goes on. accident: the capital again. waiver: a share of the other premiums.
    """

    kind: Literal["death", "acceleration", "illness", "accident", "waiver"]
    name: str
    covers: str
    excluded: tuple[str, ...]
    taxable: bool
    incidence: Decimal = Decimal(0)
    smoker: Decimal = Decimal(1)
    sublimit: int | None = None
    rate_per_mille: Decimal = Decimal(0)
    share_of_premium: Decimal = Decimal(0)


class Product(Record):
    """What is sold: the customer's words for it (Spanish), its table, how long it lasts and how its capital runs."""

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
    loan_rate: Decimal = Decimal(0)


class Book(msgspec.Struct, frozen=True):
    """One tariff with all it prices: the files' content, checked. `sha256` covers every one of them."""

    tariff: Tariff
    products: dict[str, Product]
    coverages: dict[str, Coverage]
    rates: dict[Basis, tuple[Decimal, ...]]
    sha256: str


def read_book(version: str = "", package: Path = PACKAGE) -> Book:
    """The tariff of that version, by default the one that is sold. Raises DamagedCatalogue: what, where, what to do."""
    current = tomllib.loads((package / "catalogue" / "current.toml").read_text(encoding="utf-8"))
    folder = package / "catalogue" / (version or current["current"])
    records = {path.name: _load(path) for path in sorted(folder.glob("*.toml"))}
    tariff = msgspec.convert(records.pop(TARIFF_FILE), Tariff, strict=False)
    coverages = msgspec.convert(records.pop(COVERAGES_FILE), dict[str, Coverage])
    products = [msgspec.convert(record, Product) for record in records.values()]
    table = package / "mortality" / tariff.mortality.file
    rates = read_rates(table.read_bytes(), table.name)
    start = tariff.mortality.never_falling_from_age
    return Book(
        tariff=tariff,
        products={product.id: product for product in products},
        coverages=coverages,
        rates={basis: never_falling(column, start) for basis, column in rates.items()},
        sha256="",
    )


def _load(path: Path) -> dict[str, object]:
    return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
