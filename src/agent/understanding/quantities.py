"""Numbers together with what they count: years, money, people, and over which time. Still no decision about the key."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from src.agent.understanding.fractions import find_numbers
from src.agent.understanding.numbers import Numeral

Unit = Literal["", "years", "months", "weeks", "days", "money", "children", "people", "smokes", "ordinal", "date", "other"]
Period = Literal["", "year", "month", "week", "day", "hour"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit in `plain[start:end]`; `number_end` is where the number alone ends.

    `high` closes a range. `rejected`: the words say that it is not this one ("45 no 54"). `foreign`: another currency.
    `article`: only "un" or "una", which counts nothing unless its unit does. `rough`: "y pico", "y tantos".
    """

    start: int
    number_end: int
    end: int
    value: float
    unit: Unit = ""
    period: Period = ""
    high: float | None = None
    sized: bool = False
    slang: bool = False
    foreign: bool = False
    rejected: bool = False
    article: bool = False
    rough: bool = False
    alternatives: tuple[float, ...] = ()

    @property
    def number(self) -> int | float:
        """The value as people say it: whole numbers are ints."""
        return as_number(self.value)


_UNITS: tuple[tuple[Unit, re.Pattern[str]], ...] = (
    (
        "years",
        re.compile(
            r"\s{0,3}-?\s{0,3}(?:de )?(?:(?<=\d)a|anos?|anitos?|anyos?|anys?|anios?|tacos?|tacazos|pirulos?|primaveras?|"
            r"abriles|castanas|jahren?|jahre alt|anni|ans|urte|years?(?:[ -]old)?|yrs?|y/o)\b"
        ),
    ),
    ("months", re.compile(r"\s{0,3}-?\s{0,3}(?:mes(?:es)?|mesecitos|months?|mesos)\b")),
    ("weeks", re.compile(r"\s{0,3}-?\s{0,3}(?:semanas?|semanitas|weeks?)\b")),
    ("days", re.compile(r"\s{0,3}-?\s{0,3}(?:dias?|days?)\b")),
    (
        "money",
        re.compile(
            r"\s*(?:(?:de )?(?:euros?|eurazos|euritos|eurillos|eurillos|pavos|lereles|napos|leuros|boniatos|"
            r"machacantes)\b|€|eur\b)"
        ),
    ),
    (
        "children",
        re.compile(
            r"\s*(?:hij[oa]s?|hijit[oa]s?|nin[oa]s?|nen[oa]s?|nenes?|crios?|crias?|peques?|pequen[oa]s|pequenines|"
            r"chiquill[oa]s?|chiquitines|chavales|chaval|"
            r"chamac[oa]s?|pibes?|pibas|pibit[oa]s?|guaguas?|bebes?|bebas|mellizos|mellizas|gemel[oa]s?|"
            r"ninyos|fills?|filles|filhos?|churumbeles|churumbel|retonos|"
            r"criaturas?|vastagos|huahuas|wawas|patojos|chinos\b(?! )|cipotes|carajitos|chavos|chavit[oa]s|"
            r"escuincles|gurises|botijas|renacuajos|enanos|bendiciones|"
            r"kids?|children|child|sons?|daughters?|menores(?: de edad)?|varones|varon|hembras?|chic[oa]s|jovencitos)\b"
        ),
    ),
    (
        "people",
        re.compile(
            r"\s*(?:personas?|dependientes?|familiares|cargas|bocas|adultos?|miembros|people|dependants?|dependents?|"
            r"padres|hermanos|a mi cargo|a cargo)\b"
        ),
    ),
    (
        "smokes",
        re.compile(
            r"\s*(?:cigarr\w+|cigarros?|pitis|pitillos?|paquetes?|paquetillas|cajetillas?|puchos?|fasos?|tabacos|"
            r"caladas|piti)\b"
        ),
    ),
    ("ordinal", re.compile(r"\s*(?:[ªº°]|[oa]\b(?<=\d[oa]))")),
    (
        "other",
        re.compile(
            r"\s*(?:%|(?:por ciento|porciento|percent|horas?|h|minutos?|kilometros?|kms?|kg|cm|metros?|m2|"
            r"perr[oa]s?|gat[oa]s?|coches?|motos?|veces|vez|casas?|"
            r"pisos?|habitaciones|dormitorios|empleados|trabajadores|mascotas?|empresas?|seguros|polizas|"
            r"preguntas|cosas|opciones|propuestas|dudas|momentos|amig[oa]s)\b)"
        ),
    ),
)
_FOREIGN = re.compile(
    r"\s*(?:de )?(?:dolares?|usd|us\$|\$|pesos?|mxn|cop|ars|clp|libras?|gbp|£|soles|bolivares|reales|"
    r"francos|mangos|dollars?|pounds?|pesetas?|pelas|quetzales|lempiras|colones|guaranies|bolivianos|zlotys?|dirhams?|lei|yuanes|rublos)(?![a-z])"
)
_FOREIGN_BEFORE = re.compile(r"(?:\$|us\$|usd|£)\s*$")
_EURO_BEFORE = re.compile(r"(?:€|\beur)\s*$")
_PERIOD_WORDS: tuple[tuple[Period, str], ...] = (
    (
        "month",
        (
            r"(?:al|por|cada|x|/|el|a|per)\s?(?:mes|month)\b(?! (?:que viene|proximo|siguiente|pasado))|"
            r"mensual(?:es|mente)?\b|/\s?m\b|monthly|al mesecito|mes\b(?! (?:que viene|proximo|siguiente|pasado))|"
            r"en cada nomina|por paga"
        ),
    ),
    (
        "year",
        (
            r"(?:al|por|cada|x|/|el|a|per)\s?(?:ano|year)\b|anual(?:es|mente)?\b|brutos? anuales|yearly|"
            r"a year|per annum|/\s?a\b"
        ),
    ),
    ("week", r"(?:a la|por|cada|/|per|a)\s?(?:semana|week)\b|semanal(?:es)?\b|weekly"),
    ("day", r"(?:al|por|cada|/|a)\s?(?:dia|day)\b|diari[oa]s?\b"),
    ("hour", r"(?:la|por|a la|/|an?)\s?(?:hora|hour)\b"),
)
_PERIODS: tuple[tuple[Period, re.Pattern[str]], ...] = tuple(
    (
        name,
        re.compile(
            r"[\s,]*(?:(?:limpios?|limpitos|netos?|brutos?|en mano|en bruto|en neto|mas o menos|aprox\w*|o asi|"
            r"o por ahi|mangos|gross|net)[\s,]+){0,3}(?:" + words + r")"
        ),
    )
    for name, words in _PERIOD_WORDS
)
_GROSS = re.compile(r"[\s,]*(?:brutos?|netos?|limpios?)\b")
_REJECTED_BEFORE = re.compile(
    r"(?:[^,.;:!¡¿?\s]\s*|,\s*(?:que |y )?)\b(?:y )?no (?:eran? |son |es |los |las |a los |tengo )?$|"
    r"\ben (?:vez|lugar) de (?:los |las |unos )?$|"
    r"\b(?:antes|dije|puse|habia dicho|habia puesto|te dije|he dicho|he puesto|escribi) (?:que )?(?:eran? |"
    r"son |tenia |los |las )?$"
)
_THOUGHT_BETTER = re.compile(
    r"[\s,.…]*(?:anos )?(?:bueno|digo|perdon|miento|mejor dicho|que digo|(?:ay|uy) no|no espera|espera no)[\s,.…]*"
    r"(?:que )?(?:son |eran |tengo |ya )?(?:los |unos )?"
)
"""Between a number and the one that somebody puts in its place: "44, bueno, 45"."""
_REJECTED_AFTER = re.compile(r"\s*no\b(?=\s*[,.;:]|\s+(?:son|es|eran|tengo)\b)")
_ROUGHLY = re.compile(r"\s*(?:y|i|e) (?:poc[oa]s|tant[oa]s|algo|pico|much[oa]s|largos)\b|\s*(?:largos|y tantos)\b|\s*pico\b")
_NO_MONTHS = 600  # "1500 mes" is an income
_MOST_NUMBERS = 64  # nobody tells more in one message; what pastes more is not answered number by number
_RATHER_THAN = re.compile(r"\b(?:mejor|prefiero|pon|ponme|cambia\w*)\b[^;!?]{1,40}$")
_RANGE = re.compile(
    r"\s*(?:euros |€ ?|mil |k )?(?P<link>a|o|u|y|-|to|or|and)\s*(?:los |las |unos |quiza |quizas |"
    r"tal vez |como mucho )?"
)


def find_quantities(plain: str) -> list[Quantity]:
    """Every number of a text with its unit and period, ranges joined, the number that was taken back marked."""
    numerals = [_larger_reading(each) for each in find_numbers(plain)[:_MOST_NUMBERS] if not each.fraction]
    found: list[Quantity] = []
    index = 0
    while index < len(numerals):
        first = numerals[index]
        second = numerals[index + 1] if index + 1 < len(numerals) else None
        if second is not None and _is_range(plain, first, second):
            low, high = _range_values(first, second)
            whole = replace(_with_unit(plain, second), start=first.start, value=low, high=high)
            if low < high:
                found.append(replace(whole, sized=first.sized or whole.sized or low >= 1000, alternatives=()))
                index += 2
                continue
        found.append(_with_unit(plain, first))
        index += 1
    return _mark_rejected(plain, _added_up(plain, found))


def _added_up(plain: str, found: list[Quantity]) -> list[Quantity]:
    """ "1200 más 300 de comisiones" is one amount."""
    joined: list[Quantity] = []
    for each in found:
        last = joined[-1] if joined else None
        money = last is not None and {last.unit, each.unit} <= {"", "money"} and last.value >= 100 and each.value >= 20
        if last is not None and _are_cents(plain, last, each):
            joined[-1] = replace(each, start=last.start, value=last.value + each.value / 100, unit="money", sized=True)
        elif last is not None and money and _PLUS.fullmatch(plain[last.end : each.start]) and last.period in ("", each.period):
            total = replace(
                each,
                start=last.start,
                value=last.value + each.value,
                sized=last.sized or each.sized,
                alternatives=(last.value,),
            )
            joined[-1] = total
        else:
            joined.append(each)
    return joined


def _are_cents(plain: str, euros: Quantity, cents: Quantity) -> bool:
    """ "25 con 50", "7 euros con 33"."""
    written = plain[cents.start : cents.number_end]
    return (
        euros.unit in ("", "money")
        and cents.unit in ("", "money")
        and euros.value.is_integer()
        and len(written) == 2
        and written.isdigit()
        and bool(_WITH_CENTS.fullmatch(plain[euros.end : cents.start]))
    )


_WITH_CENTS = re.compile(r"\s*con\s*")
_PLUS = re.compile(r"[\s,]*(?:y )?(?:mas|\+)\s*(?:unos |otros |como )?")


def _larger_reading(numeral: Numeral) -> Numeral:
    """Of "200,000" the reading that an amount is more likely to have; a dash before a number is a bullet, not a minus."""
    readings = sorted((abs(numeral.value), *numeral.alternatives), reverse=True)
    return replace(numeral, value=readings[0], alternatives=tuple(readings[1:]))


def _is_range(plain: str, first: Numeral, second: Numeral) -> bool:
    between = _RANGE.fullmatch(plain[first.end : second.start])
    if not between:
        return False
    before = plain[max(0, first.start - 16) : first.start]
    if between["link"] in ("y", "and"):
        return bool(re.search(r"\b(?:entre|between)\s+(?:los |las |unos )?$", before))
    return (
        between["link"] != "a"
        or bool(re.search(r"\b(?:de|unos|como)\s+(?:los |las )?$|^\W*$", before))
        or first.value < second.value < first.value * 3
    )


def _range_values(first: Numeral, second: Numeral) -> tuple[float, float]:
    low = first.value
    if second.scale > 1 and first.scale == 1 and not first.sized and low * second.scale < second.value:
        low *= second.scale
    return low, second.value


def _with_unit(plain: str, numeral: Numeral) -> Quantity:
    unit: Unit = ""
    end = numeral.end
    for name, pattern in _UNITS:
        match = pattern.match(plain, numeral.end)
        if match and not (name == "months" and numeral.value >= _NO_MONTHS):
            unit, end = name, match.end()
            break
    foreign = bool(_FOREIGN_BEFORE.search(plain[max(0, numeral.start - 8) : numeral.start]))
    abroad = _FOREIGN.match(plain, numeral.end)
    if not unit and (abroad or foreign):
        unit, end, foreign = "money", abroad.end() if abroad else end, True
    elif not unit and _EURO_BEFORE.search(plain[max(0, numeral.start - 8) : numeral.start]):
        unit = "money"
    period, end = _period(plain, end, unit)
    if period in ("month", "year", "week") and not unit:
        unit = "money"
    if not unit and numeral.sized and numeral.value >= 1000:
        unit = "money"
    article = plain[numeral.start : numeral.end] in ("un", "una", "uno")
    return Quantity(
        numeral.start,
        numeral.end,
        end,
        numeral.value,
        unit,
        period,
        None,
        numeral.sized,
        numeral.slang,
        foreign,
        article=article,
        rough=numeral.rough or bool(_ROUGHLY.match(plain, numeral.end)),
        alternatives=numeral.alternatives,
    )


def as_number(value: float) -> int | float:
    """An int when it is whole, else rounded to cents."""
    return int(value) if value.is_integer() else round(value, 2)


def _period(plain: str, end: int, unit: Unit) -> tuple[Period, int]:
    if unit not in ("", "money", "smokes"):
        return "", end
    for name, pattern in _PERIODS:
        match = pattern.match(plain, end)
        if match:
            return name, match.end()
    gross = _GROSS.match(plain, end)
    return "", gross.end() if gross else end


def _mark_rejected(plain: str, found: list[Quantity]) -> list[Quantity]:
    if len(found) < 2:
        return found
    marked: list[Quantity] = []
    for index, quantity in enumerate(found):
        before = plain[max(0, quantity.start - 40) : quantity.start]
        rejected = bool(_REJECTED_BEFORE.search(before) or _REJECTED_AFTER.match(plain, quantity.end))
        if not rejected and index and re.search(r"\bque (?:los |unos )?$", before):
            rejected = bool(_RATHER_THAN.search(plain[max(0, quantity.start - 60) : found[index - 1].end]))
        if index + 1 < len(found) and found[index + 1].unit in (quantity.unit, ""):
            rejected = rejected or bool(_THOUGHT_BETTER.fullmatch(plain, quantity.number_end, found[index + 1].start))
        marked.append(replace(quantity, rejected=rejected))
    return marked if any(not quantity.rejected for quantity in marked) else found
