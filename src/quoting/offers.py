"""What may be offered to whom, at what price: limits first, then the engine, then the words around it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from src.errors import DamagedCatalogue
from src.quoting.engine import Applicant, Working, premium_in_year, price
from src.quoting.products import (
    CONTROL_SUM,
    LEVEL,
    MAIN_COVER,
    PACKAGE,
    RENEWABLE,
    REPAIR,
    Book,
    Control,
    Product,
    read_book,
)
from src.quoting.tables import LAST_AGE

if TYPE_CHECKING:  # which is made of what is here
    from src.quoting.stored import StoredQuote

RefusalCode = Literal[
    "under_age",
    "over_age",
    "sum_too_low",
    "sum_too_high",
    "medical_selection",
    "occupation_refer",
    "sport_refer",
    "cover_ends_over_age",
    "term_too_short",
    "budget_too_low",
]
REFERRED: frozenset[RefusalCode] = frozenset({"medical_selection", "occupation_refer", "sport_refer"})
PROJECTED_YEARS = (5, 10)
CONTROL_DAY = date(2026, 1, 1)
"""When the plausible and the control prices of every tariff are quoted; the day changes no price."""
Lever = Literal["fewer_covers", "lower_capital", "shorter_term"]


class Refusal(msgspec.Struct, frozen=True):
    """Why there is no offer. `limit` is the bound that was missed: years of age, EUR of capital, years, or EUR a month."""

    code: RefusalCode
    limit: int | Decimal | None = None

    @property
    def refer_to_human(self) -> bool:
        """A person may still offer it: medical selection, a risky occupation or sport."""
        return self.code in REFERRED


class Projection(msgspec.Struct, frozen=True):
    """What the same cover costs `year` years after it began, at today's tariff."""

    year: int
    annual_premium: Decimal
    monthly_premium: Decimal


class Cover(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cover of an offer with the customer's words for what it pays and what it does not; `sublimit` is its most, in EUR."""

    id: str
    name: str
    covers: str
    excluded: tuple[str, ...]
    sublimit: int | None = None


class Offer(msgspec.Struct, frozen=True):
    """A price that holds until `valid_until`, with everything it was made of. Premiums are EUR, first year, all taxes in.

    `term_years` is how long the contract runs: 1 for the renewable product, which is renewed up to `cover_to_age`, and to the
    table's end for whole life, which has no such age.
    `coverages` are the names of what is `covered`, `excluded` is what the product does not cover; `levers` tells what a budget
    made cheaper.
    """

    id: str
    tier: str
    product: str
    product_name: str
    applicant: Applicant
    sum_assured: int
    coverages: tuple[str, ...]
    term_years: int
    cover_to_age: int | None
    monthly_premium: Decimal
    annual_premium: Decimal
    currency: str
    projection: tuple[Projection, ...]
    tariff: str
    tariff_sha256: str
    quoted_on: date
    valid_until: date
    covered: tuple[Cover, ...]
    excluded: tuple[str, ...]
    working: Working
    levers: tuple[Lever, ...] = ()

    @property
    def exclusions(self) -> tuple[str, ...]:
        """All that is not covered, in the customer's words: by the product, then by each cover."""
        return (*self.excluded, *(text for cover in self.covered for text in cover.excluded))


class Catalogue(msgspec.Struct, frozen=True):
    """One tariff and all that can be asked of it. Every answer depends on the arguments and the tariff only.

    `package` is the folder it comes from, where the tariffs before it are, too.
    """

    book: Book
    package: Path = PACKAGE

    def offer(
        self,
        applicant: Applicant,
        product: str,
        sum_assured: int,
        coverages: tuple[str, ...],
        on: date,
        *,
        term_years: int | None = None,
        tier: str = "",
    ) -> Offer | Refusal:
        """The price on that day, or why there is none.

        `coverages` are names of the product's covers, in any order. `term_years` sets how long a term product runs (by default
        to its first age that leaves the shortest term); for the renewable product it is only how long it is to be renewed,
        for whole life it means nothing. Raises ValueError for a product or cover that does not exist.
        """
        sold, names = self._named(product, coverages)
        refusal = self._refusal(applicant, sum_assured)
        if refusal:
            return refusal
        years = self._years(sold, applicant.age, term_years)
        if isinstance(years, Refusal):
            return years
        return self._priced(applicant, sold, sum_assured, names, on=on, years=years, tier=tier or self._tier(names), levers=())

    def proposal(
        self,
        applicant: Applicant,
        sum_assured: int,
        on: date,
        *,
        product: str | None = None,
        term_years: int | None = None,
        added: tuple[str, ...] = (),
        dropped: tuple[str, ...] = (),
    ) -> tuple[Offer, ...] | Refusal:
        """The tiers at that capital, cheapest first; by default of the renewable product, or level when a term is wanted.

        `added` and `dropped` are riders that each tier is to have besides, or to do without; what becomes the same is offered
        once, and under the name of the tier that it is. Covers that the product lacks are not added.
        """
        sold = self._wanted(product, term_years)
        offers: dict[tuple[str, ...], Offer] = {}
        for tier in self.book.tariff.tiers:
            wanted = ({*tier.coverages, *added} - set(dropped)) | {MAIN_COVER}
            names = tuple(name for name in self.book.products[sold].coverages if name in wanted)
            named = self._tier(names) or tier.name
            offer = self.offer(applicant, sold, sum_assured, names, on, term_years=term_years, tier=named)
            if isinstance(offer, Refusal):
                return offer
            offers.setdefault(names, offer)
        return tuple(offers.values())

    def fit_budget(
        self,
        applicant: Applicant,
        sum_assured: int,
        monthly_budget: Decimal | float,
        on: date,
        *,
        product: str | None = None,
        term_years: int | None = None,
        coverages: tuple[str, ...] = (),
    ) -> tuple[Offer, ...] | Refusal:
        """At most three offers within the budget (EUR a month), by honest means only; `levers` tells which.

        First the tiers that fit at the whole capital (`fewer_covers` when a wanted one does not), then those that do not, with
        the largest capital in steps of 1,000 EUR that fits (`lower_capital`) or the longest shorter term (`shorter_term`;
        a cover that follows a loan keeps the loan's). `coverages` is the fullest cover wanted, by default the fullest tier.
        When nothing fits: `budget_too_low`, with the least monthly premium there is at that term as its limit.
        """
        budget = Decimal(str(monthly_budget))
        sold = self._wanted(product, term_years)
        whole: list[Offer] = []
        for names in self._no_fuller_than(coverages):
            offer = self.offer(applicant, sold, sum_assured, names, on, term_years=term_years)
            if isinstance(offer, Refusal):
                return offer
            whole.append(offer)
        fitting = [offer for offer in whole if offer.monthly_premium <= budget]
        if len(fitting) < len(whole):
            fitting = [msgspec.structs.replace(offer, levers=("fewer_covers",)) for offer in fitting]
        for offer in whole:
            if offer.monthly_premium > budget:
                fitting.extend(self._with_lower_capital(offer, budget))
                fitting.extend(self._with_shorter_term(offer, budget))
        if fitting:
            return tuple(fitting[:3])
        least = self._variant(whole[0], sum_assured=self.book.tariff.limits.sum_min)
        return Refusal("budget_too_low", least.monthly_premium)

    def reprice(self, quote: StoredQuote) -> Offer | Refusal:
        """The offer behind a stored quote, computed again with the tariff version that it names."""
        catalogue = self if quote.tariff == self.book.tariff.version else load_catalogue(quote.tariff, self.package)
        offer = catalogue.offer(
            quote.applicant,
            quote.product,
            quote.sum_assured,
            quote.coverages,
            quote.quoted_on,
            term_years=quote.term_years,
            tier=quote.tier,
        )
        return offer if isinstance(offer, Refusal) else msgspec.structs.replace(offer, levers=quote.levers)

    def _wanted(self, product: str | None, term_years: int | None) -> str:
        return product or (RENEWABLE if term_years is None else LEVEL)

    def _no_fuller_than(self, coverages: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The tiers within those coverages, cheapest first, and those coverages themselves when they are no tier."""
        tiers = [tier.coverages for tier in self.book.tariff.tiers]
        if not coverages:
            return tiers
        within = [tier for tier in tiers if set(tier) < set(coverages)]
        return [*within, coverages]

    def _named(self, product: str, coverages: tuple[str, ...]) -> tuple[Product, tuple[str, ...]]:
        sold = self.book.products.get(product)
        if sold is None:
            raise ValueError(f"no product {product!r}; there are {', '.join(self.book.products)}")
        unknown = set(coverages) - set(sold.coverages)
        if unknown or MAIN_COVER not in coverages:
            raise ValueError(f"{product} is {MAIN_COVER} and any of {', '.join(sold.coverages)}, not {', '.join(coverages)}")
        return sold, tuple(name for name in sold.coverages if name in coverages)

    def _refusal(self, applicant: Applicant, sum_assured: int) -> Refusal | None:
        limits = self.book.tariff.limits
        if applicant.age < limits.entry_age_min:
            return Refusal("under_age", limits.entry_age_min)
        if applicant.age > limits.entry_age_max:
            return Refusal("over_age", limits.entry_age_max)
        if applicant.occupation_class not in self.book.tariff.occupation_class:
            return Refusal("occupation_refer", max(self.book.tariff.occupation_class))
        if applicant.risky_sport:
            return Refusal("sport_refer")
        if sum_assured < limits.sum_min:
            return Refusal("sum_too_low", limits.sum_min)
        if sum_assured > limits.sum_max:
            return Refusal("sum_too_high", limits.sum_max)
        if sum_assured > limits.sum_without_medical_selection:
            return Refusal("medical_selection", limits.sum_without_medical_selection)
        return None

    def _years(self, product: Product, age: int, term_years: int | None) -> int | Refusal:
        to_age = self.book.tariff.limits.cover_to_age
        if product.duration == "life":
            return LAST_AGE + 1 - age
        if term_years is not None and age + term_years > to_age:
            return Refusal("cover_ends_over_age", to_age)
        if product.duration == "year":
            return 1
        if term_years is None:
            return next(end - age for end in product.to_ages if end - age >= product.term_years_min)
        if term_years < product.term_years_min:
            return Refusal("term_too_short", product.term_years_min)
        return term_years

    def _tier(self, coverages: tuple[str, ...]) -> str:
        return next((tier.name for tier in self.book.tariff.tiers if set(tier.coverages) == set(coverages)), "")

    def _priced(
        self,
        applicant: Applicant,
        product: Product,
        sum_assured: int,
        coverages: tuple[str, ...],
        *,
        on: date,
        years: int,
        tier: str,
        levers: tuple[Lever, ...],
    ) -> Offer:
        tariff = self.book.tariff
        working = price(self.book, product, applicant, sum_assured, coverages=coverages, years=years)
        identity = [*msgspec.to_builtins(applicant).values(), product.id, sum_assured, *coverages, years]
        return Offer(
            id=_short_hash([*identity, tariff.version, on.isoformat()]),
            tier=tier,
            product=product.id,
            product_name=product.name,
            applicant=applicant,
            sum_assured=sum_assured,
            coverages=coverages,
            term_years=years,
            cover_to_age=_cover_to_age(product, applicant.age + years, tariff.limits.cover_to_age),
            monthly_premium=working.monthly,
            annual_premium=working.annual,
            currency=tariff.currency,
            projection=tuple(self._projection(applicant, product, sum_assured, coverages, working)),
            tariff=tariff.version,
            tariff_sha256=self.book.sha256,
            quoted_on=on,
            valid_until=on + timedelta(days=tariff.validity_days),
            covered=tuple(self._cover(name) for name in coverages),
            excluded=product.excluded,
            working=working,
            levers=levers,
        )

    def _cover(self, name: str) -> Cover:
        words, terms = self.book.coverages[name], self.book.tariff.covers[name]
        return Cover(name, words.name, words.covers, words.excluded, terms.sublimit)

    def _projection(
        self, applicant: Applicant, product: Product, sum_assured: int, coverages: tuple[str, ...], working: Working
    ) -> Iterator[Projection]:
        for year in PROJECTED_YEARS:
            if product.duration == "year" and applicant.age + year < self.book.tariff.limits.cover_to_age:
                older = msgspec.structs.replace(applicant, age=applicant.age + year)
                renewed = price(self.book, product, older, sum_assured, coverages=coverages, years=1)
                yield Projection(year, renewed.annual, renewed.monthly)
            elif year < len(working.course):
                yield Projection(year, *premium_in_year(self.book, working, year))

    def _variant(self, offer: Offer, *, sum_assured: int = 0, term_years: int = 0, lever: Lever | None = None) -> Offer:
        return self._priced(
            offer.applicant,
            self.book.products[offer.product],
            sum_assured or offer.sum_assured,
            offer.coverages,
            on=offer.quoted_on,
            years=term_years or offer.term_years,
            tier=offer.tier,
            levers=(lever,) if lever else (),
        )

    def _with_lower_capital(self, offer: Offer, budget: Decimal) -> Iterator[Offer]:
        """The largest smaller capital within the budget; a premium never falls when the capital rises, so it is bisected."""
        step = self.book.tariff.needs.rounding
        low, high = -(-self.book.tariff.limits.sum_min // step), offer.sum_assured // step
        found: Offer | None = None
        while low <= high:
            middle = (low + high) // 2
            candidate = self._variant(offer, sum_assured=middle * step, lever="lower_capital")
            if candidate.monthly_premium <= budget:
                found, low = candidate, middle + 1
            else:
                high = middle - 1
        if found:
            yield found

    def _with_shorter_term(self, offer: Offer, budget: Decimal) -> Iterator[Offer]:
        product = self.book.products[offer.product]
        if product.duration != "term" or product.capital == "loan":  # the loan sets the term
            return
        for years in range(offer.term_years - 1, product.term_years_min - 1, -1):
            candidate = self._variant(offer, term_years=years, lever="shorter_term")
            if candidate.monthly_premium <= budget:
                yield candidate
                return


@cache
def load_catalogue(version: str = "", package: Path = PACKAGE) -> Catalogue:
    """The catalogue of that tariff, by default the one that is sold; read and checked once.

    Raises DamagedCatalogue, saying what is wrong, where, and what to do.
    """
    catalogue = Catalogue(read_book(version, package), package)
    faults = [*(what for _, what in implausible(catalogue)), *_changed(catalogue)]
    if faults:
        raise DamagedCatalogue(f"tariff {catalogue.book.tariff.version} prices wrongly: {'; '.join(faults)}. {REPAIR}")
    return catalogue


def implausible(catalogue: Catalogue) -> Iterator[tuple[int, str]]:
    """Prices that nobody on the market would ask: the place of their span among the tariff's, and what is wrong."""
    for place, span in enumerate(catalogue.book.tariff.plausible):
        for age in span.ages:
            control = Control(age=age, smoker=False, product=RENEWABLE, coverages=span.coverages)
            offer, covers = quoted(catalogue, control), "+".join(span.coverages)
            if not isinstance(offer, Offer):
                yield place, f"{covers} at {age} is out of its plausible span: it has no price"
            elif not (span.per_mille_min <= offer.annual_premium * 1000 / CONTROL_SUM <= span.per_mille_max):
                per_mille = (offer.annual_premium * 1000 / CONTROL_SUM).quantize(Decimal("0.01"))
                yield place, f"{covers} at {age} is out of its plausible span: it costs {per_mille} per mille"


def quoted(catalogue: Catalogue, control: Control) -> Offer | Refusal | None:
    """What the engine says today about the risk of a control price; None for a product or cover that does not exist."""
    applicant = Applicant(control.age, control.smoker, control.occupation_class)
    try:
        return catalogue.offer(
            applicant, control.product, control.sum_assured, control.coverages, CONTROL_DAY, term_years=control.term_years
        )
    except ValueError:
        return None


def confirms(control: Control, answer: Offer | Refusal | None) -> bool:
    """Whether the engine's answer is the published one, to the cent."""
    if isinstance(answer, Offer):
        published = (control.annual_premium, control.monthly_premium)
        return not control.refusal and (answer.annual_premium, answer.monthly_premium) == published
    return answer is not None and control.refusal == answer.code


def _changed(catalogue: Catalogue) -> Iterator[str]:
    """Prices that are not those published with the tariff: the program reckons otherwise than it did."""
    for control in catalogue.book.tariff.control:
        if not confirms(control, quoted(catalogue, control)):
            published = control.refusal or control.annual_premium
            yield f"{control.product} {'+'.join(control.coverages)} at {control.age} is not {published}"


def _short_hash(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()[:12]


def _cover_to_age(product: Product, ends_at: int, renewed_to: int) -> int | None:
    return {"year": renewed_to, "term": ends_at, "life": None}[product.duration]
