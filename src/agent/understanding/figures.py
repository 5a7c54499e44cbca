"""Numbers that the words beside them explain: whose age, whose sum, how old the children are, what a first person says.

Of what is told plainly the heads need not guess; where they know better, they are left to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from src.agent.profile import NONE_IS_ZERO
from src.agent.understanding.amounts import MONEY_KEYS, amount_of
from src.agent.understanding.deciding import CERTAIN, DOUBTFUL, LIKELY, SURE, Role
from src.agent.understanding.grammar import Grammar
from src.agent.understanding.outline import ME, PARTNER, SECOND_PERSON, Detail, Outline, Span
from src.agent.understanding.quantities import Quantity, as_number
from src.agent.understanding.reading import Context, Found
from src.agent.understanding.roles import NOTHING


def figures_told(outline: Outline, roles: Sequence[Role], context: Context) -> Iterator[Detail]:
    """Every number that is explained."""
    yield from _side_by_side(outline, roles, context)
    yield from _same_age(outline)
    yield from _term_of_a_loan(outline, roles)
    yield from _child_ages(outline, roles)
    if context.awaiting not in ("age", "birth_date"):
        yield from _birthday_to_come(outline, roles)
    yield from _plainly_told(outline, roles, context)
    yield from _cover_named(outline, context)
    yield from _no_mortgage(outline)
    yield from _another_sum(outline, roles, context)
    yield from _drawn_children(outline)
    yield from _only_supposed(outline, roles)


# --- oneself and the partner ------------------------------------------------------------------------------------------

_SUCH = r"(?:ya|que|con|de|los|unos|casi|solo|son)"
_THEIRS = rf"(?P<who>P+)[\s=:](?:(?:{_SUCH}|tiene|(?P<earns>gana|cobra)) )*"
_MINE = rf"(?P<me>yo|mi)[\s=:](?:(?:{_SUCH}|tengo) )*"
_PERSON_FIRST = re.compile(rf"\b(?:{_THEIRS}|{_MINE})(?P<number>N+)\b(?! no\b(?! fum))")
_NUMBER_FIRST = re.compile(r"(?P<number>N+)\s(?:para )?(?:(?P<who>P+)|(?P<me>yo\b|mi\b(?! (?!y\b)[a-zO])))(?P<earns>)")
_OF_BOTH = re.compile(r"B+ (?:tenemos )?(?:los )?(?P<a>N+)|\btenemos (?P<b>N+) B+")
_ONLY_THEY_AND_NUMBERS = re.compile(r"(?:[NPB\W]|\b(?:yo|y|e|mi|para|de|tiene|tengo|tenemos)\b)*")
_NEITHERS = ("child.age", "details.birth_year", "dependents", "term_years")
_GROWN_UP, _TOO_OLD = 16, 100
_LARGEST_UNSAID_THOUSANDS = 1_000


@dataclass(frozen=True, slots=True)
class _Bound:
    """A number that stands beside a person."""

    who: str
    span: Span
    place: int
    number: Quantity
    earned: bool


def _side_by_side(outline: Outline, roles: Sequence[Role], context: Context) -> Iterator[Detail]:
    known = {role.place for role in roles if role.name in _NEITHERS and role.likely >= SURE}
    bound = [each for each in _bound_numbers(outline) if each.place not in known and outline.tells(each.span)]
    asked = (context.awaiting or "").removeprefix("confirm:")
    both = len({each.who for each in bound}) > 1
    sums = both and (asked == "sum_assured" or any(each.number.value >= _TOO_OLD for each in bound))
    told = []
    for each in bound:
        key = _key_of(each, asked, sums=sums)
        if not key or (each.who == ME and key == "monthly_income"):  # what somebody earns is read as any answer is
            told += [Detail(numbers=(each.place,))] if both and each.who == PARTNER and asked in MONEY_KEYS else []
            continue
        values, sure = amount_of(key, each.number)
        evidence = outline.evidence(each.span)
        if each.who == PARTNER:
            told.append(Detail(Found(SECOND_PERSON, {key: values[0]}, evidence), (each.place,)))
        elif asked not in MONEY_KEYS or asked == key:
            told.append(Detail(Found(key, values[0], evidence, sure, False, values[1:]), (each.place,)))
    yield from told
    if told and _ONLY_THEY_AND_NUMBERS.fullmatch(outline.text):
        yield Detail(not_mine=("smoker", *NONE_IS_ZERO))


def _bound_numbers(outline: Outline) -> list[_Bound]:
    """Each number with the person beside it. Where both sides would do, the order that binds more of them."""
    orders = sorted(([*p.finditer(outline.text)] for p in (_PERSON_FIRST, _NUMBER_FIRST)), key=len, reverse=True)
    bound: list[_Bound] = []
    taken: set[Span] = set()
    for match in (match for order in orders for match in order):
        spans = {match.span("number"), match.span("who" if match["who"] else "me")}
        if spans & taken:
            continue
        taken |= spans
        place, number = outline.number_at(match.start("number"))
        who = PARTNER if match["who"] else ME
        bound.append(_Bound(who, match.span("number"), place, number, bool(match["earns"])))
    return bound


def _key_of(bound: _Bound, asked: str, *, sums: bool) -> str:
    """What such a number is: an age, what is earned, or the sum to be insured; "" when nothing says so."""
    number = bound.number
    if number.high is not None or number.rough or number.foreign or not number.value:
        return ""
    money = number.unit in ("", "money")
    if money and bound.earned:
        return "monthly_income"
    aged = number.value.is_integer() and _GROWN_UP <= number.value < _TOO_OLD and not number.sized
    if aged and (number.unit == "years" or (number.unit == "" and not sums and asked not in MONEY_KEYS)):
        return "age"
    if money and sums and (number.sized or number.value <= _LARGEST_UNSAID_THOUSANDS) and not number.period:
        return "sum_assured" if asked == "sum_assured" or asked not in MONEY_KEYS else ""
    return ""


def _same_age(outline: Outline) -> Iterator[Detail]:
    for match in _OF_BOTH.finditer(outline.text):
        span = match.span("a") if match["a"] else match.span("b")
        place, number = outline.number_at(span[0])
        bound = _Bound(ME, span, place, number, earned=False)
        if outline.tells(match.span()) and _key_of(bound, "", sums=False) == "age":
            evidence = outline.evidence(span)
            yield Detail(Found("age", number.number, evidence), (place,))
            yield Detail(Found(SECOND_PERSON, {"age": number.number}, evidence))


# --- a verb and its number --------------------------------------------------------------------------------------------

_I_AM = r"(?:tengo|cumpli|he cumplido|acabo de cumplir|mi edad es)"
_ABOUT = r"(?: ya| solo| unos| unas| como| casi| todavia| aun)*"
_ENDS = r"(?=\W*$|\s*[,.;:!)\n]|\s+(?:y|e|pero|no (?:fumo|tengo)|quiero|soy|vivo|estoy|trabajo|fumo)\b)"
_PLAIN = (
    ("age", re.compile(rf"(?<!no )(?<!que )\b{_I_AM}{_ABOUT} (?P<number>N+){_ENDS}")),
    ("monthly_income", re.compile(rf"\b(?:gano|cobro|ingreso){_ABOUT} (?P<number>N+)(?! pagas)")),
    ("other_debts", re.compile(rf"\b(?:debo|debemos){_ABOUT} (?P<number>N+)")),
)
_HOME = re.compile(r"\b(?:hipotec\w*|casa|piso|vivienda|chalet|banco)\b")
_YOUNGEST_UNASKED, _OLDEST = 14, 119
_SMALLEST_AMOUNT_EUR = 300


def _plainly_told(outline: Outline, roles: Sequence[Role], context: Context) -> Iterator[Detail]:
    """ "tengo 16 años", "cobro 24.000 al año": a verb in the first person says what its number is, if no head knows better."""
    for key, pattern in _PLAIN:
        for match in pattern.finditer(outline.text):
            place, number = outline.number_at(match.start("number"))
            guessed = ("mortgage_balance", NOTHING) if key == "other_debts" else (NOTHING,)  # the home is what is owed mostly
            known = any(role.place == place and role.name not in guessed and role.likely >= SURE for role in roles)
            rival = any(role.place != place and role.name == key and role.likely >= LIKELY for role in roles)
            past = "ó" in outline.evidence((match.start(), match.start("number")))  # "cobró" is somebody else's
            if known or rival or past or not _is_plain(number) or not outline.tells(match.span()):
                continue
            told = _own_age(number, context) if key == "age" else _own_amount(key, number, outline, match.span(), context)
            if told:
                yield Detail(msgspec.structs.replace(told, evidence=outline.evidence(match.span("number"))), (place,))


def _own_age(number: Quantity, context: Context) -> Found | None:
    asked = (context.awaiting or "").removeprefix("confirm:")
    bare = number.unit == "" and not number.sized and asked not in (*MONEY_KEYS, "dependents", "term_years")
    fits = number.value.is_integer() and _YOUNGEST_UNASKED <= number.value <= _OLDEST
    return Found("age", number.number) if fits and (bare or number.unit == "years") else None


def _own_amount(key: str, number: Quantity, outline: Outline, span: Span, context: Context) -> Found | None:
    """What is owed is owed for the home where that is named or asked about; where it may be either, it is asked about."""
    if number.unit != "money" and number.value < _SMALLEST_AMOUNT_EUR:
        return None
    sure = CERTAIN
    if key == "other_debts":
        asked = (context.awaiting or "").removeprefix("confirm:") == "mortgage_balance"
        if asked or _HOME.search(outline.text[slice(*outline.clause(span))]):
            key = "mortgage_balance"
        elif "mortgage_balance" not in context.profile:
            sure = DOUBTFUL
    values, plain = amount_of(key, number)
    return Found(key, values[0], "", min(sure, plain), False, values[1:])


def _is_plain(number: Quantity) -> bool:
    return number.high is None and not (number.rough or number.foreign or number.article)


_OF_SUCH_AGE = r"(?:de|con|que tienen?|tienen?)(?: ya| unos| los)*"
_AGE = r"N+(?!\w|\s(?!(?:y|e|que|en|ya)\b)[a-zO])"
_AGES = rf"(?P<ages>{_AGE}(?:(?:, | y | e )(?:de )?{_AGE})*)"
_CHILD_AGES = re.compile(rf"(?<!hasta que )(?P<who>O+),? {_OF_SUCH_AGE} {_AGES}")
_OLDEST_CHILD = 45


def _child_ages(outline: Outline, roles: Sequence[Role]) -> Iterator[Detail]:
    """ "un hijo de 6", "dos niñas de ocho y once años": as many ages as children, beside those that the heads know."""
    heads = {
        role.place: outline.seen.numbers[role.place] for role in roles if role.name == "child.age" and role.likely >= LIKELY
    }
    ages = {place for place, number in heads.items() if not outline.supposes((number.start, number.end))}
    for match in _CHILD_AGES.finditer(outline.text):
        child = outline.mentions_in(match.span("who"))[-1]
        places = outline.places_in(match.span("ages"))
        if child.child and outline.tells(match.span()):
            ages.update(places[: child.count] if child.sure else places)
    numbers = [(place, outline.seen.numbers[place]) for place in sorted(ages)]
    told = [(place, number) for place, number in numbers if number.unit in ("", "years", "months") and _is_plain(number)]
    years = [int(number.value) // 12 if number.unit == "months" else int(number.value) for _, number in told]
    if told and max(years) <= _OLDEST_CHILD:
        yield Detail(Found("details.child_ages", years), tuple(place for place, _ in told))


_OF_AGE = 18


def of_that_age(found: Sequence[Found], seen: Grammar) -> list[Found]:
    """Children whose ages are told one by one are dependants, also where so much else is told that nothing else says so."""
    ages: list[int] = next((each.value for each in found if each.key == "details.child_ages"), [])
    counted = [mention for mention in seen.mentions if mention.child and mention.count == len(ages)]
    if not ages or not counted or any(each.key == "dependents" for each in found) or max(ages) >= _OF_AGE:
        return []
    return [Found("dependents", len(ages), seen.wording.evidence(counted[0].start, counted[0].end))]


def _only_supposed(outline: Outline, roles: Sequence[Role]) -> Iterator[Detail]:
    """Ages of others that are only supposed: nobody has them."""
    for role in roles:
        number = outline.seen.numbers[role.place]
        if role.name in ("partner.age", "child.age") and outline.supposes((number.start, number.end)):
            yield Detail(numbers=(role.place,))


_COMING = re.compile(r"(?P<a>N+) (?:los )?(?:cumplo|hago)\b|\b(?:cumplo|hago)(?: ya| los)* (?P<b>N+)")


def _birthday_to_come(outline: Outline, roles: Sequence[Role]) -> Iterator[Detail]:
    """ "tengo 37, bueno 38 cumplo en marzo": which of the two is asked about."""
    aged = {role.place for role in roles if role.name == "age" and role.likely >= LIKELY}
    ages = {each.value: place for place, each in enumerate(outline.seen.numbers) if each.unit == "years" or place in aged}
    for match in _COMING.finditer(outline.text):
        place, coming = outline.number_at(match.start("a") if match["a"] else match.start("b"))
        now = ages.get(coming.value - 1)
        if now is not None and outline.tells(match.span()):
            number = outline.seen.numbers[now]
            evidence = outline.evidence((number.start, number.end))
            yield Detail(Found("age", number.number, evidence, DOUBTFUL, False, (coming.number,)), (now, place))


_OVER_YEARS = re.compile(r"(?P<money>N+)(?: de hipoteca)?,? (?:a|en|y) (?P<years>N+)")
_LONGEST_LOAN_YEARS = 50


def _term_of_a_loan(outline: Outline, roles: Sequence[Role]) -> Iterator[Detail]:
    """ "debo 165.000 a 22 años": years that may be a term are one behind what is owed for a home."""
    owed = {role.place for role in roles if role.name == "mortgage_balance" and role.likely >= LIKELY}
    terms = {role.place for role in roles if role.odds.get("term_years", 0.0) >= LIKELY}
    for match in _OVER_YEARS.finditer(outline.text):
        (money, _), (place, years) = outline.number_at(match.start("money")), outline.number_at(match.start("years"))
        fits = years.unit == "years" and years.value.is_integer() and 0 < years.value <= _LONGEST_LOAN_YEARS
        if money in owed and place in terms and fits and _is_plain(years) and outline.tells(match.span()):
            yield Detail(Found("term_years", years.number, outline.evidence(match.span("years"))), (place,))


_SO_MUCH = r"(?: de| por| con| en| unos| unas| a| solo| los)*"
_TIERS = r"(?:esencial|equilibrada|completa|primera|segunda|tercera|barata|basica|de en medio)"
_HAS_COVER = (
    re.compile(rf"\b(?:tengo|tenemos)(?: ya)? asegurad\w*{_SO_MUCH} (?P<number>N+)"),
    re.compile(r"(?P<number>N+)(?: euros)? (?:es|son) lo que (?:ya )?(?:tengo|tenemos) asegurad"),
    re.compile(rf"\b(?:mi|el) seguro(?: actual| que tengo| de ahora| del banco)* (?:es|cubre|son){_SO_MUCH} (?P<number>N+)"),
    re.compile(rf"\bel (?:de ahora|del banco|que tengo) (?:me )?cubre{_SO_MUCH} (?P<number>N+)"),
)
_WANTS_COVER = (
    re.compile(rf"\b(?:asegur(?:ar(?:me)?|o|e)|capital){_SO_MUCH} (?P<number>N+)"),
    re.compile(r"(?P<number>N+)(?: euros)? (?:de capital|es lo que quiero (?:asegurar|de seguro))"),
    re.compile(rf"\b(?:el|un) seguro{_SO_MUCH} (?P<number>N+)"),
    re.compile(r"\b(?:cuant\w+|precio)\b(?:(?!hipotec|gan|deb)[^.;?]){0,24}\b(?:para|por|de)\W+(?:un[oa]s )?(?P<number>N+)"),
)
_IS_ENOUGH = r"me (?:vale|sobra|basta|apano|conformo)|nos vale|ya (?:esta|me vale)|es suficiente"
_OF_WHAT_IS_SHOWN = (
    re.compile(rf"\b(?:la |las )?(?:{_TIERS}|N)\b(?:,| pero| y)?{_SO_MUCH} (?P<number>N+)"),
    re.compile(rf"\b(?:con|por|a) (?P<number>N+)(?: euros)? (?:(?:solo )?la {_TIERS}|{_IS_ENOUGH}|cuanto)"),
    re.compile(r"\b(?:con|a) (?P<number>N+)\b\W*(?:lo justo|lo que debo|lo de la hipoteca|nada mas|no mas)"),
)  # fmt: skip
_ALREADY = re.compile(r"\b(?:ya )?(?:tengo|tenemos|tenia|pago|cubre)\b")
_LEAST_SUM_EUR = 5_000


def _cover_named(outline: Outline, context: Context) -> Iterator[Detail]:
    """Amounts that the words call a cover: one that there is already, or the capital that is wanted."""
    wanted = (*_WANTS_COVER, *(_OF_WHAT_IS_SHOWN if context.options else ()))
    for key, patterns in (("existing_cover", _HAS_COVER), ("sum_assured", wanted)):
        for match in (match for pattern in patterns for match in pattern.finditer(outline.text)):
            place, number = outline.number_at(match.start("number"))
            fits = number.unit in ("", "money") and not number.period and number.value >= _LEAST_SUM_EUR and _is_plain(number)
            others = key == "sum_assured" and _ALREADY.search(outline.text[slice(*outline.clause(match.span()))])
            if fits and not others and not number.rejected:
                evidence = outline.evidence(match.span("number"))
                yield Detail(Found(key, as_number(number.value), evidence, CERTAIN), (place,))


_WITHOUT_MORTGAGE = re.compile(
    r"\b(?:no (?:tengo|hay|tenemos|debo|existe)|sin|ni)(?: ni)?(?: ninguna)? hipoteca\b(?! con| en| de)"
)


def _no_mortgage(outline: Outline) -> Iterator[Detail]:
    match = _WITHOUT_MORTGAGE.search(outline.text)
    if match and outline.tells(match.span()):
        yield Detail(Found("mortgage_balance", 0, outline.evidence(match.span()), CERTAIN))


_INSTEAD = r"\b(?:mejor|que sean|pon\w*|sub[ea]\w*|baj[ae]\w*)(?: a| con| unos| de)*"
_RATHER = re.compile(rf"{_INSTEAD} (?P<a>N+)|(?P<b>N+)(?: de capital)? mejor\b")
_SMALLEST_SUM_EUR, _LIKE_SIZE = 1_000, 5


def _another_sum(outline: Outline, roles: Sequence[Role], context: Context) -> Iterator[Detail]:
    """ "medio kilo mejor": an amount instead of a known one of about its size, which is asked about. The sum before others."""
    sure = {role.place for role in roles if role.name not in (NOTHING, "option") and role.likely >= LIKELY}
    for match in _RATHER.finditer(outline.text):
        span = match.span("a") if match["a"] else match.span("b")
        place, number = outline.number_at(span[0])
        if number.unit not in ("", "money") or number.value < _SMALLEST_SUM_EUR or place in sure or not outline.tells(span):
            continue
        sizes = {key: context.profile[key] for key in ("sum_assured", *MONEY_KEYS) if context.profile.get(key)}
        alike = [key for key, known in sizes.items() if number.value / _LIKE_SIZE <= known <= number.value * _LIKE_SIZE]
        taken_back = any(each.rejected for each in outline.seen.numbers)
        if alike and not taken_back:
            yield Detail(Found(alike[0], as_number(number.value), outline.evidence(span), DOUBTFUL), (place,))


def _drawn_children(outline: Outline) -> Iterator[Detail]:
    """Children who are drawn in a message without words: so many are asked about."""
    drawn = [mention for mention in outline.seen.mentions if mention.child]
    if drawn and not any(letter.isalpha() for letter in outline.seen.wording.text):
        evidence = outline.evidence((drawn[0].start, drawn[-1].end))
        count = sum(mention.count for mention in drawn)
        yield Detail(Found("dependents", count, evidence, DOUBTFUL), persons=tuple(mention.start for mention in drawn))
