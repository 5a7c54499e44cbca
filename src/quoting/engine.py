"""From a risk to a premium: the actuarial arithmetic, in `Decimal`, each step kept by name.

One formula serves every product, because a renewable year is a level term of one year. For each cover,

    premium = (benefits / annuity + expense) / net_share
    benefits = sum over years of  insured * v^(t + 1/2) * capital * rate          annuity = sum of  insured * v^t

where v = 1 / (1 + interest), `insured` the chance to be still insured, and the rate of a cover paid while alive is times
(1 - q/2), q being the chance to die. Accidents carry no v^(1/2). Each line of the receipt is rounded half up to the cent,
and the receipt is the sum of its lines, by year and by month.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

import msgspec

from src.quoting.products import Book, CoverKind, Product, Receipt

ARITHMETIC = Context(prec=28)
"""The precision of every step, whatever the caller's own decimal context is: a price must not depend on it."""
CENT, ZERO, ONE = Decimal("0.01"), Decimal(0), Decimal(1)
CONSORCIO = "consorcio"


class Applicant(msgspec.Struct, frozen=True):
    """The risk, and nothing else about the person: `age` is the actuarial age in years, `occupation_class` 1 to 4."""

    age: int
    smoker: bool
    occupation_class: int
    risky_sport: bool = False


class Year(msgspec.Struct, frozen=True):
    """One year of the calculation, for somebody who is insured at its start with the chance `insured`.

    `table_rate` is the table's, `death_rate` this person's, `disability_rate` the chance of what ends the contract alive.
    """

    age: int
    capital: Decimal
    table_rate: Decimal
    death_rate: Decimal
    disability_rate: Decimal
    insured: Decimal
    discount: Decimal


class ReceiptLine(msgspec.Struct, frozen=True):
    """One line of the receipt and how it came about; EUR a year, except `monthly`. It is paid for `years` years.

    `factor` stands for this person: on the table's rate, or (accident) the rate itself, (waiver) the share of the other
    premiums, (consorcio) the rate on the capital. `premium` is (`benefits` / `annuity` + `expense`) / `net_share`, rounded;
    `annual` has the taxes; `monthly` is a twelfth of it with the surcharge for paying by month.
    """

    name: str
    years: int
    factor: Decimal
    benefits: Decimal
    annuity: Decimal
    expense: Decimal
    net_share: Decimal
    premium: Decimal
    insurance_tax: Decimal
    lea_levy: Decimal
    annual: Decimal
    monthly: Decimal


class Working(msgspec.Struct, frozen=True):
    """Everything that a price was made of: the first year's receipt and its sums, EUR; the years its benefits come from."""

    lines: tuple[ReceiptLine, ...]
    annual: Decimal
    monthly: Decimal
    course: tuple[Year, ...]
    technical_rate: Decimal
    discount_half_year: Decimal
    monthly_surcharge: Decimal


def price(
    book: Book, product: Product, applicant: Applicant, sum_assured: int, *, coverages: tuple[str, ...], years: int
) -> Working:
    """The receipt of the first year of a contract over `years` years. The caller has checked that all of it is allowed.

    `coverages` are in the product's order.
    """
    tariff = book.tariff
    with localcontext(ARITHMETIC):
        v = 1 / (1 + tariff.interest.technical_rate)
        half_year = v.sqrt()
        factors = {name: _factor(book, name, applicant) for name in coverages}
        capitals = _capitals(book, product, sum_assured, years)
        course = _course(book, product, capitals, entry_age=applicant.age, factors=factors, v=v)
        lines: list[ReceiptLine] = []
        for name, factor in factors.items():
            if book.coverages[name].kind == "waiver":
                lines.append(_waiver_line(book, name, factor, course, lines))
            else:
                lines.append(_cover_line(book, name, factor, course, half_year))
        lines.append(_consorcio_line(tariff.receipt, course[0].capital, years))
        return Working(
            lines=tuple(lines),
            annual=sum((line.annual for line in lines), ZERO),
            monthly=sum((line.monthly for line in lines), ZERO),
            course=course,
            technical_rate=tariff.interest.technical_rate,
            discount_half_year=half_year,
            monthly_surcharge=tariff.receipt.monthly_surcharge,
        )


def premium_in_year(book: Book, working: Working, year: int) -> tuple[Decimal, Decimal]:
    """What the contract costs by year and by month in a later year (0 is the first): covers that ended are paid no more."""
    with localcontext(ARITHMETIC):
        lines = [line for line in working.lines if year < line.years and line.name != CONSORCIO]
        lines.append(_consorcio_line(book.tariff.receipt, working.course[year].capital, 1))
        return sum((line.annual for line in lines), ZERO), sum((line.monthly for line in lines), ZERO)


def actuarial_age(birth_date: date, on: date) -> int:
    """The age in years at the nearest birthday; at equal distance the one to come.

    It prices; it does not tell who is a minor: at 17 years and a half it is 18.
    """
    age = on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))
    past, coming = _birthday(birth_date, birth_date.year + age), _birthday(birth_date, birth_date.year + age + 1)
    return age + (coming - on <= on - past)


def _birthday(birth_date: date, year: int) -> date:
    """The birthday in that year; who was born on 29 February has it on 1 March in other years."""
    try:
        return birth_date.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def _factor(book: Book, name: str, applicant: Applicant) -> Decimal:
    terms = book.tariff.covers[name]
    by_kind: dict[CoverKind, Decimal] = {"accident": terms.per_mille / 1000, "waiver": terms.share_of_premium}
    factor = by_kind.get(book.coverages[name].kind, terms.incidence)
    return factor * book.tariff.occupation_class[applicant.occupation_class] * (terms.smoker if applicant.smoker else 1)


def _capitals(book: Book, product: Product, sum_assured: int, years: int) -> list[Decimal]:
    """The capital at the start of each year: constant, or what is left of a loan."""
    capital = Decimal(sum_assured)
    if product.capital == "constant":
        return [capital] * years
    shrink = 1 / (1 + book.tariff.loan.yearly_rate)
    return [capital * (1 - shrink ** (years - year)) / (1 - shrink**years) for year in range(years)]


def _course(
    book: Book, product: Product, capitals: list[Decimal], *, entry_age: int, factors: dict[str, Decimal], v: Decimal
) -> tuple[Year, ...]:
    of_kind: dict[CoverKind, Decimal] = {book.coverages[name].kind: factor for name, factor in factors.items()}
    accelerated = of_kind.get("acceleration", ZERO)
    course: list[Year] = []
    insured = discount = ONE
    for age, capital in enumerate(capitals, start=entry_age):
        table_rate = book.rates[product.table][age]
        death_rate = min(ONE, table_rate * of_kind["death"])
        disability_rate = min(ONE, table_rate * accelerated) if age < book.tariff.limits.cover_to_age else ZERO
        course.append(Year(age, capital, table_rate, death_rate, disability_rate, insured, discount))
        insured *= (1 - death_rate) * (1 - disability_rate)
        discount *= v
    return tuple(course)


def _cover_line(book: Book, name: str, factor: Decimal, course: tuple[Year, ...], half_year: Decimal) -> ReceiptLine:
    kind, terms, loads = book.coverages[name].kind, book.tariff.covers[name], book.tariff.loads
    sublimit = Decimal(book.tariff.limits.sum_max if terms.sublimit is None else terms.sublimit)
    if kind != "death":
        course = _add_on_years(book, course)
    benefits = annuity = ZERO
    for year in course:
        weight = year.insured * year.discount
        annuity += weight
        benefits += weight * min(year.capital, sublimit) * _chance_of_payment(kind, factor, year)
    if kind != "accident":
        benefits *= half_year
    expense = loads.fixed_expense_yearly if kind == "death" else ZERO
    return _receipt_line(
        book.tariff.receipt,
        name,
        len(course),
        factor=factor,
        benefits=benefits,
        annuity=annuity,
        expense=expense,
        net_share=loads.net_share,
        taxable=terms.taxable,
    )


def _chance_of_payment(kind: CoverKind, factor: Decimal, year: Year) -> Decimal:
    """The chance that the cover pays within the year, for somebody insured at its start."""
    if kind == "death":
        return year.death_rate
    if kind == "accident":
        return factor
    return min(ONE, year.table_rate * factor) * (1 - year.death_rate / 2)


def _waiver_line(book: Book, name: str, factor: Decimal, course: tuple[Year, ...], before: list[ReceiptLine]) -> ReceiptLine:
    """A share of the commercial premiums of the other covers: they hold the loads already."""
    years, waived = len(_add_on_years(book, course)), factor * sum((line.premium for line in before), ZERO)
    taxable = book.tariff.covers[name].taxable
    return _receipt_line(book.tariff.receipt, name, years, factor=factor, benefits=waived, taxable=taxable)


def _add_on_years(book: Book, course: tuple[Year, ...]) -> tuple[Year, ...]:
    """The years in which add-ons are covered and paid: whole life outlasts them."""
    return course[: book.tariff.limits.cover_to_age - course[0].age]


def _consorcio_line(receipt: Receipt, capital: Decimal, years: int) -> ReceiptLine:
    """The levy of the Consorcio de Compensación de Seguros on the capital at risk."""
    rate = receipt.consorcio_per_mille / 1000
    return _receipt_line(receipt, CONSORCIO, years, factor=rate, benefits=capital * rate)


def _receipt_line(
    receipt: Receipt,
    name: str,
    years: int,
    *,
    factor: Decimal,
    benefits: Decimal,
    annuity: Decimal = ONE,
    expense: Decimal = ZERO,
    net_share: Decimal = ONE,
    taxable: bool = False,
) -> ReceiptLine:
    premium = _cents((benefits / annuity + expense) / net_share)
    insurance_tax = _cents(premium * receipt.insurance_tax) if taxable else _cents(ZERO)
    lea_levy = _cents(premium * receipt.lea_levy) if taxable else _cents(ZERO)
    annual = premium + insurance_tax + lea_levy
    monthly = _cents(annual * (1 + receipt.monthly_surcharge) / 12)
    return ReceiptLine(
        name=name,
        years=years,
        factor=factor,
        benefits=benefits,
        annuity=annuity,
        expense=expense,
        net_share=net_share,
        premium=premium,
        insurance_tax=insurance_tax,
        lea_levy=lea_levy,
        annual=annual,
        monthly=monthly,
    )


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)
