"""Birth dates in every usual form. Spanish order: day, month, year; what cannot be a date is not made into one."""

from __future__ import annotations

import re
from datetime import date

from src.agent.understanding.numbers import Numeral, find_numerals
from src.agent.understanding.reading import Context

Span = tuple[int, int]

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "enero ene january jan gener janeiro xaneiro",
            "febrero feb febr february febrer fevereiro",
            "marzo mar march marc",
            "abril abr april apr",
            "mayo may maig maio",
            "junio jun june juny junho xuno",
            "julio jul july juliol julho xullo",
            "agosto ago ag august aug agost",
            "septiembre setiembre sep sept set september setembre setembro",
            "octubre oct october octubre outubro",
            "noviembre nov november novembre novembro",
            "diciembre dic dec december desembre dezembro",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH_WORD = "|".join(sorted(_MONTHS, key=len, reverse=True))
_NUMERIC = re.compile(
    r"(?<![\d.,/])(?P<a>\d{1,4})\s?(?P<mark>[/.\-])\s?(?P<b>\d{1,2})\s?(?P=mark)\s?(?P<c>\d{2,4})(?![\d/]|[.,]\d)"
)
_SPACED = re.compile(r"(?<![\d.,/])(?P<a>\d{1,2})\s(?P<b>\d{1,2})\s(?P<c>(?:19|20)\d{2})(?!\d)")
_NAMED = re.compile(
    rf"(?:(?P<day>\d{{1,2}})(?:\s?[oº°]|ro|er|st|nd|rd|th)?|(?P<first>primero)|(?P<dayword>(?:treinta y un|"
    rf"treinta|veinti?[a-z]{{0,10}}|[a-z]{{3,12}})[oa]?))[\s,/-]*+(?:de\s|del\s|d[e']\s?|of\s)?\s*(?:mes de )?"
    rf"\b(?P<month>{_MONTH_WORD}"
    r")\b\.?"
    rf"(?:[\s,/.-]*(?:del?\s(?:ano\s|el\s)?|de l'|d[eo] )?(?:')?(?P<year>\d{{4}}|\d{{2}}(?![\d.,]*\d)(?!\s*(?:anos|"
    r"y tengo)))?)?"
)
_ENGLISH_ORDER = re.compile(
    rf"\b(?P<month>{_MONTH_WORD})\s+(?:el )?(?P<day>\d{{1,2}})(?:ro|er|st|nd|rd|th)?(?:,| del?)?\s+(?:ano )?(?P<year>\d{{4}})\b"
)
_WITH_WORDS = re.compile(
    r"(?<![\d.,/])(?:dia )?(?P<a>\d{1,2})(?: del?)?(?: mes)? (?P<b>\d{1,2})(?: del?)?(?: ano)? (?P<c>\d{4}|\d{2})"
    r"(?![\d/]|[.,]\d)"
)
_COMPACT = re.compile(r"(?<!\d)(?P<d>0[1-9]|[12]\d|3[01])(?P<m>0[1-9]|1[0-2])(?P<y>(?:19|20)\d{2})(?!\d)")
_DAY_AND_MONTH = re.compile(r"^\W*(?:el )?(?P<d>\d{1,2})\s?(?:[/.\-]|del? )\s?(?P<m>\d{1,2})\W*$")


def find_dates(plain: str, context: Context) -> list[tuple[Span, list[date]]]:
    """Where dates stand, and the days each may mean: none for one that no calendar has."""
    known = context.birth_year if (context.awaiting or "").removeprefix("confirm:") == "birth_date" else None
    return [((start, end), days) for start, end, days in _dates(plain, _today(context), known or None)]


def _today(context: Context) -> date:
    try:
        return date.fromisoformat(context.today)
    except ValueError:
        return date(2026, 1, 1)


def _dates(plain: str, today: date, known_year: int | None = None) -> list[tuple[int, int, list[date]]]:
    """Where dates stand, and what each may mean. Day and month alone are one when the year was told before."""
    found: list[tuple[int, int, list[date]]] = []
    rest = _DAY_AND_MONTH.match(plain) if known_year else None
    if rest and known_year:
        return [(*rest.span(), _valid(known_year, int(rest["m"]), int(rest["d"])))]
    for pattern in (_NUMERIC, _SPACED, _WITH_WORDS, _COMPACT, _ENGLISH_ORDER, _NAMED):
        for match in pattern.finditer(plain):
            if any(start < match.end() and match.start() < end for start, end, _ in found):
                continue
            parts = match.groupdict()
            if "month" in parts:
                day, year, tail = _named_parts(plain, match, today)
                year = year or known_year or None
                if day is None or year is None:
                    continue
                found.append((match.start(), tail, _valid(year, _MONTHS[parts["month"]], day)))
            elif "d" in parts:
                found.append((*match.span(), _valid(int(parts["y"]), int(parts["m"]), int(parts["d"]))))
            else:
                found.append((*match.span(), _numeric(parts["a"], parts["b"], parts["c"], today)))
    return sorted(found, key=lambda each: each[0])


def _numeric(a: str, b: str, c: str, today: date) -> list[date]:
    if len(a) == 4:
        return _valid(int(a), int(b), int(c))
    if len(a) == 3 or len(c) == 3:
        return []
    year = _full_year(c, today)
    day_first = _valid(year, int(b), int(a))
    return day_first or _valid(year, int(a), int(b))


def _named_parts(plain: str, match: re.Match[str], today: date) -> tuple[int | None, int | None, int]:
    parts = match.groupdict()
    end = match.end()
    if parts.get("day"):
        day: int | None = int(parts["day"])
    elif parts.get("first"):
        day = 1
    else:
        numerals = find_numerals(parts.get("dayword") or "")
        day = int(numerals[0].value) if numerals and numerals[0].value < 32 else None
    if parts.get("year"):
        return day, _full_year(parts["year"], today), end
    lead = re.compile(r"[\s,]*(?:del?\s)?(?:ano\s)?").match(plain, end)
    after = lead.end() if lead else end
    in_words = [numeral for numeral in find_numerals(plain[after : after + 50]) if numeral.start == 0]
    if in_words and not in_words[0].digits:
        spoken = _spoken_year(in_words[0], today)
        if spoken:
            return day, spoken, after + in_words[0].end
    return day, None, end


def _spoken_year(numeral: Numeral, today: date) -> int | None:
    value = int(numeral.value)
    if 1900 <= value <= today.year:
        return value
    return _full_year(str(value), today) if 20 <= value <= 99 else None


def _full_year(written: str, today: date) -> int:
    if len(written) == 4:
        return int(written)
    year = int(written)
    return 2000 + year if year <= today.year % 100 else 1900 + year


def _valid(year: int, month: int, day: int) -> list[date]:
    try:
        return [date(year, month, day)]
    except ValueError:
        return []
