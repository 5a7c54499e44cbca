"""From a risk to a premium: the actuarial arithmetic, in `Decimal`, each step kept by name.

One formula serves every product, because a renewable year is a level term of one year:

    premium = (sum over years of  p * v^(t+1/2) * C * [q + i(1 - q/2)]  /  annuity  +  expense) / (1 - loads)

with p the chance to be still insured (each year times (1-q)(1-i)), v = 1/(1+interest), C the year's capital, q the chance
to die and i that to be disabled. Accidents carry no v^(1/2). Each line of the receipt is rounded half up to the cent, and the
receipt is the sum of its lines, by year and by month.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

import msgspec

from src.quoting.products import Book, Coverage, Product
from src.quoting.tables import LAST_AGE

ARITHMETIC = Context(prec=28)
"""The precision of every step, whatever the caller's own decimal context is: a price must not depend on it."""
CENT = Decimal("0.01")
ONE, MONTHS = Decimal(1), Decimal(12)
CONSORCIO = "consorcio"


class Applicant(msgspec.Struct, frozen=True):
    """The risk, and nothing about the person: `age` is the actuarial age in years, `occupation_class` 1 to 4."""

    age: int
    smoker: bool
    occupation_class: int
    risky_sport: bool = False


class Year(msgspec.Struct, frozen=True):
    """One year of the calculation. Rates are chances within the year; `insured` is the chance to be still insured."""

    age: int
    capital: Decimal
    death_rate: Decimal
    disability_rate: Decimal
    insured: Decimal
    discount: Decimal


class ReceiptLine(msgspec.Struct, frozen=True):
    """One line of the receipt, in EUR a year unless said otherwise; `years` is how long it is paid.

    (`benefits` / `annuity` + `expense`) / `net_share`, rounded, is the commercial `premium`; `insurance_tax` and `lea_levy` are
    due on it; `annual` is the three together and `monthly` a twelfth of that with the surcharge for paying monthly.
    """

    name: str
    years: int
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
    """Everything a price was made of: the receipt's lines, and the years that the benefits were summed over."""

    lines: tuple[ReceiptLine, ...]
    course: tuple[Year, ...]
    discount_half_year: Decimal


def price(
    book: Book, product: Product, applicant: Applicant, sum_assured: int, coverages: tuple[str, ...], years: int
) -> Working:
    """The receipt of the first year of a contract over `years` years. The caller has checked that all of it is allowed."""
    with localcontext(ARITHMETIC):
        half_year = (1 / (1 + book.tariff.interest.technical_rate)).sqrt()
        course = _course(book, product, applicant, sum_assured, coverages, years)
        lines: list[ReceiptLine] = []
        for name in coverages:
            lines.append(_line(book, name, applicant, course, half_year, lines))
        lines.append(_consorcio_line(book, course[0].capital, years))
        return Working(lines=tuple(lines), course=course, discount_half_year=half_year)


def premium_in_year(book: Book, working: Working, year: int) -> tuple[Decimal, Decimal]:
    """What a level contract costs in a later year (0 is the first), by year and by month: ended add-ons are paid no more."""
    with localcontext(ARITHMETIC):
        due = [line for line in working.lines[:-1] if year < line.years]
        due.append(_consorcio_line(book, working.course[year].capital, 1))
        return sum((line.annual for line in due), Decimal(0)), sum((line.monthly for line in due), Decimal(0))


def _course(
    book: Book, product: Product, applicant: Applicant, sum_assured: int, coverages: tuple[str, ...], years: int
) -> tuple[Year, ...]:
    rates, to_age = book.rates[product.table], book.tariff.limits.cover_to_age
    class_factor = book.tariff.risk.occupation_class[applicant.occupation_class]
    death_factor = class_factor * (book.tariff.risk.smoker if applicant.smoker else ONE)
    accelerations = [cover for cover in map(book.coverages.__getitem__, coverages) if cover.kind == "acceleration"]
    yearly_discount = 1 / (1 + book.tariff.interest.technical_rate)
    course: list[Year] = []
    insured = discount = ONE
    for capital, age in zip(_capitals(product, sum_assured, years), range(applicant.age, LAST_AGE + 1), strict=False):
        death_rate = min(ONE, rates[age] * death_factor)
        disability_rate = Decimal(0)
        if age < to_age:
            for cover in accelerations:
                disability_rate += min(ONE, _incidence(rates[age], cover, applicant, class_factor))
        course.append(Year(age, capital, death_rate, disability_rate, insured, discount))
        insured *= (1 - death_rate) * (1 - disability_rate)
        discount *= yearly_discount
    return tuple(course)


def _capitals(product: Product, sum_assured: int, years: int) -> list[Decimal]:
    """The capital at the start of each year: constant, or what is left of a loan (French amortisation)."""
    capital = Decimal(sum_assured)
    if product.capital == "constant":
        return [capital] * years
    shrink = 1 / (1 + product.loan_rate)
    whole = 1 - shrink**years
    return [capital * (1 - shrink ** (years - year)) / whole for year in range(years)]


def _incidence(rate: Decimal, cover: Coverage, applicant: Applicant, class_factor: Decimal) -> Decimal:
    return rate * cover.incidence * class_factor * (cover.smoker if applicant.smoker else ONE)


def _line(
    book: Book, name: str, applicant: Applicant, course: tuple[Year, ...], half_year: Decimal, before: list[ReceiptLine]
) -> ReceiptLine:
    cover, loads = book.coverages[name], book.tariff.loads
    class_factor = book.tariff.risk.occupation_class[applicant.occupation_class]
    insured_years = course if cover.kind == "death" else _until(course, book.tariff.limits.cover_to_age)
    annuity = sum((year.insured * year.discount for year in insured_years), Decimal(0))
    expense, net_share, benefits = Decimal(0), loads.net_share, Decimal(0)
    if cover.kind == "death":
        expense = loads.fixed_expense_yearly
        for year in insured_years:
            benefits += year.insured * year.discount * year.capital * year.death_rate
        benefits *= half_year
    elif cover.kind == "acceleration":
        for year in insured_years:
            benefits += year.insured * year.discount * year.capital * year.disability_rate * (1 - year.death_rate / 2)
        benefits *= half_year
    elif cover.kind == "illness":
        limit = Decimal(cover.sublimit or course[0].capital)
        for year in insured_years:
            rate = min(ONE, _incidence(book.rates["norel"][year.age], cover, applicant, class_factor))
            paid = min(year.capital, limit)
            benefits += year.insured * year.discount * paid * rate * (1 - year.death_rate / 2)
        benefits *= half_year
    elif cover.kind == "accident":
        rate = cover.rate_per_mille / 1000 * class_factor
        for year in insured_years:
            benefits += year.insured * year.discount * year.capital * rate
    else:
        annuity = net_share = ONE
        benefits = cover.share_of_premium * class_factor * sum((line.premium for line in before), Decimal(0))
    premium = _cents((benefits / annuity + expense) / net_share)
    return _receipt_line(book, name, len(insured_years), benefits, annuity, expense, net_share, premium, cover.taxable)


def _until(course: tuple[Year, ...], age: int) -> tuple[Year, ...]:
    return tuple(year for year in course if year.age < age)


def _consorcio_line(book: Book, capital: Decimal, years: int) -> ReceiptLine:
    levy = capital * book.tariff.receipt.consorcio_per_mille / 1000
    return _receipt_line(book, CONSORCIO, years, levy, ONE, Decimal(0), ONE, _cents(levy), taxable=False)


def _receipt_line(
    book: Book,
    name: str,
    years: int,
    benefits: Decimal,
    annuity: Decimal,
    expense: Decimal,
    net_share: Decimal,
    premium: Decimal,
    taxable: bool,
) -> ReceiptLine:
    receipt = book.tariff.receipt
    insurance_tax = _cents(premium * receipt.insurance_tax) if taxable else Decimal("0.00")
    lea_levy = _cents(premium * receipt.lea_levy) if taxable else Decimal("0.00")
    annual = premium + insurance_tax + lea_levy
    monthly = _cents(annual * (1 + receipt.monthly_surcharge) / MONTHS)
    return ReceiptLine(name, years, benefits, annuity, expense, net_share, premium, insurance_tax, lea_levy, annual, monthly)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def actuarial_age(birth_date: date, on: date) -> int:
    """The age in years at the nearest birthday; at equal distance the one to come."""
    age = on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))
    past, coming = _birthday(birth_date, birth_date.year + age), _birthday(birth_date, birth_date.year + age + 1)
    return age + (coming - on <= on - past)


def _birthday(birth_date: date, year: int) -> date:
    """The birthday in that year; who was born on 29 February has it on 1 March in other years."""
    try:
        return birth_date.replace(year=year)
    except ValueError:
        return date(year, 3, 1)
