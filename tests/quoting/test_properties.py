"""What must hold for every price: worse risks and more cover never cost less, cents are exact, answers repeat."""

from __future__ import annotations

from decimal import Decimal, getcontext, localcontext
from typing import Any, NamedTuple

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from src.quoting import Applicant, Offer, Refusal, StoredQuote, load_catalogue, stored
from src.quoting.products import MAIN_COVER
from tests.quoting.conftest import TODAY

CATALOGUE = load_catalogue()
LIMITS = CATALOGUE.book.tariff.limits
ADD_ONS = tuple(name for name in CATALOGUE.book.coverages if name != MAIN_COVER)
PRODUCTS = tuple(CATALOGUE.book.products)


class Asked(NamedTuple):
    applicant: Applicant
    product: str
    sum_assured: int
    coverages: tuple[str, ...]
    term_years: int | None

    def priced(self, **changes: Any) -> Offer | Refusal:
        asked = self._replace(**changes)
        return CATALOGUE.offer(
            asked.applicant, asked.product, asked.sum_assured, asked.coverages, TODAY, term_years=asked.term_years
        )

    def offer(self, **changes: Any) -> Offer:
        answer = self.priced(**changes)
        assume(isinstance(answer, Offer))
        assert isinstance(answer, Offer)
        return answer

    def applicant_with(self, **changes: Any) -> Applicant:
        return msgspec.structs.replace(self.applicant, **changes)


applicants = st.builds(
    Applicant,
    age=st.integers(LIMITS.entry_age_min, LIMITS.entry_age_max),
    smoker=st.booleans(),
    occupation_class=st.integers(1, 3),
)
covers = st.sets(st.sampled_from(ADD_ONS)).map(lambda chosen: (MAIN_COVER, *sorted(chosen)))
questions = st.builds(
    Asked,
    applicant=applicants,
    product=st.sampled_from(PRODUCTS),
    sum_assured=st.integers(LIMITS.sum_min, LIMITS.sum_without_medical_selection),
    coverages=covers,
    term_years=st.none() | st.integers(5, 30),
)


def never_cheaper(cheaper: Offer, dearer: Offer) -> bool:
    return cheaper.annual_premium <= dearer.annual_premium and cheaper.monthly_premium <= dearer.monthly_premium


@settings(deadline=None)
@given(questions, st.integers(1, 30))
def test_older_is_never_cheaper(asked: Asked, years: int) -> None:
    older = asked.applicant_with(age=asked.applicant.age + years)
    assert never_cheaper(asked.offer(), asked.offer(applicant=older))


@settings(deadline=None)
@given(questions, st.sampled_from([65, 70]))
def test_starting_later_for_the_same_end_age_is_never_cheaper_a_year(asked: Asked, to_age: int) -> None:
    asked = asked._replace(product="level_term", term_years=to_age - asked.applicant.age)
    older = asked.applicant_with(age=asked.applicant.age + 1)
    assert never_cheaper(asked.offer(), asked.offer(applicant=older, term_years=to_age - older.age))


@settings(deadline=None)
@given(questions)
def test_smoking_is_never_cheaper(asked: Asked) -> None:
    clean, smoking = (asked.applicant_with(smoker=smoker) for smoker in (False, True))
    assert asked.offer(applicant=clean).annual_premium < asked.offer(applicant=smoking).annual_premium


@settings(deadline=None)
@given(questions, st.integers(1, 2))
def test_a_riskier_occupation_is_never_cheaper(asked: Asked, occupation_class: int) -> None:
    safer, riskier = (asked.applicant_with(occupation_class=occupation_class + step) for step in (0, 1))
    assert asked.offer(applicant=safer).annual_premium < asked.offer(applicant=riskier).annual_premium


@settings(deadline=None)
@given(questions, st.integers(1, 100_000))
def test_more_capital_is_never_cheaper(asked: Asked, more: int) -> None:
    assert never_cheaper(asked.offer(), asked.offer(sum_assured=asked.sum_assured + more))


@settings(deadline=None)
@given(questions, st.sampled_from(ADD_ONS))
def test_more_cover_is_never_cheaper(asked: Asked, extra: str) -> None:
    assume(extra not in asked.coverages)
    assert never_cheaper(asked.offer(), asked.offer(coverages=(*asked.coverages, extra)))


@settings(deadline=None)
@given(questions)
def test_cents_are_exact_and_the_receipt_adds_up(asked: Asked) -> None:
    offer = asked.offer()
    lines = offer.working.lines
    assert [line.name for line in lines][:-1] == list(offer.coverages)
    assert offer.annual_premium == sum(line.annual for line in lines)
    assert offer.monthly_premium == sum(line.monthly for line in lines)
    for amount in (offer.annual_premium, offer.monthly_premium, *(line.annual for line in lines)):
        assert amount > 0
        assert amount.as_tuple().exponent == -2
    quote = stored(offer).to_json()
    assert Decimal(str(quote["annual_premium"])) == offer.annual_premium
    assert Decimal(str(quote["monthly_premium"])) == offer.monthly_premium


@settings(deadline=None)
@given(questions)
def test_the_working_alone_gives_the_price(asked: Asked) -> None:
    """Whoever has the working needs no program to check the price."""
    offer = asked.offer()
    working = offer.working
    v = 1 / (1 + working.technical_rate)
    insured = Decimal(1)
    for t, year in enumerate(working.course):
        assert abs(year.insured - insured) < Decimal("1e-20")
        assert abs(year.discount - v**t) < Decimal("1e-20")
        insured *= (1 - year.death_rate) * (1 - year.disability_rate)
    assert abs(working.discount_half_year**2 - v) < Decimal("1e-20")
    death = sum(year.insured * year.discount * year.capital * year.death_rate for year in working.course)
    assert abs(working.lines[0].benefits - death * working.discount_half_year) < Decimal("1e-15")
    for line in working.lines:
        assert abs((line.benefits / line.annuity + line.expense) / line.net_share - line.premium) <= Decimal("0.005")
        assert line.annual == line.premium + line.insurance_tax + line.lea_levy
        assert abs(line.annual * (1 + working.monthly_surcharge) / 12 - line.monthly) <= Decimal("0.005")


@settings(deadline=None)
@given(questions, st.randoms(use_true_random=False))
def test_the_same_question_has_the_same_answer(asked: Asked, random: Any) -> None:
    offer = asked.offer()
    mixed = list(asked.coverages)
    random.shuffle(mixed)
    with localcontext() as foreign:
        foreign.prec = 6
        again = asked.offer(coverages=tuple(mixed))
    assert again == offer
    assert getcontext().prec == 28
    assert CATALOGUE.reprice(msgspec.json.decode(msgspec.json.encode(stored(offer)), type=StoredQuote)) == offer


@settings(deadline=None)
@given(questions, questions)
def test_an_id_belongs_to_one_question(one: Asked, other: Asked) -> None:
    assume(one.offer() != other.offer())
    assert one.offer().id != other.offer().id


@settings(deadline=None)
@given(
    st.builds(Applicant, age=st.integers(-5, 130), smoker=st.booleans(), occupation_class=st.integers(-1, 9)),
    st.sampled_from(PRODUCTS),
    st.integers(-10, 2_000_000),
    covers,
    st.none() | st.integers(-3, 130),
)
def test_beyond_a_limit_there_is_a_refusal_and_within_all_an_offer(
    applicant: Applicant, product: str, sum_assured: int, coverages: tuple[str, ...], term_years: int | None
) -> None:
    answer = CATALOGUE.offer(applicant, product, sum_assured, coverages, TODAY, term_years=term_years)
    insurable = (
        LIMITS.entry_age_min <= applicant.age <= LIMITS.entry_age_max
        and applicant.occupation_class in (1, 2, 3)
        and LIMITS.sum_min <= sum_assured <= LIMITS.sum_without_medical_selection
    )
    if isinstance(answer, Offer):
        assert insurable
        assert answer.working.course[0].capital == sum_assured
        if product != "whole_life":
            assert answer.working.course[-1].age < LIMITS.cover_to_age
    else:
        terminable = term_years is not None and product != "whole_life"
        assert not insurable or (terminable and answer.code in ("cover_ends_over_age", "term_too_short"))


@settings(deadline=None, max_examples=40)
@given(questions, st.integers(1, 400))
def test_a_budget_is_kept_by_the_levers_it_names(asked: Asked, euros: int) -> None:
    answer = CATALOGUE.fit_budget(
        asked.applicant,
        asked.sum_assured,
        Decimal(euros),
        TODAY,
        product=asked.product,
        term_years=asked.term_years,
    )
    if isinstance(answer, Refusal):
        if answer.code == "budget_too_low":
            assert answer.limit is not None
            assert answer.limit > euros
        return
    assert 1 <= len(answer) <= 3
    assert len({offer.id for offer in answer}) == len(answer)
    whole = asked.offer(coverages=(MAIN_COVER,))
    for offer in answer:
        assert offer.monthly_premium <= euros
        assert (offer.sum_assured < asked.sum_assured) == (offer.levers == ("lower_capital",))
        assert (offer.term_years < whole.term_years) == (offer.levers == ("shorter_term",))
        if offer.levers == ("lower_capital",):
            assert offer.sum_assured % 1000 == 0
            one_step_more = min(offer.sum_assured + 1000, asked.sum_assured)
            dearer = asked.offer(sum_assured=one_step_more, coverages=offer.coverages)
            assert dearer.monthly_premium > euros
        if offer.levers == ("shorter_term",):
            dearer = asked.offer(term_years=offer.term_years + 1, coverages=offer.coverages)
            assert dearer.monthly_premium > euros
