"""Birth dates in every usual form. Spanish order: day, month, year; what cannot be a date is not made into one."""

from __future__ import annotations

import re
from datetime import date

from src.agent.understanding.numbers import Numeral, find_numerals
from src.agent.understanding.reading import Context, Found
from src.agent.understanding.wording import Wording

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
    r"(?<![\d.,/])(?:dia )?(?P<a>\d{1,2})(?: del?)(?: mes)? (?P<b>\d{1,2})(?: del?)(?: ano)? (?P<c>\d{4}|\d{2})(?![\d/]|[.,]\d)"
)
_COMPACT = re.compile(r"(?<!\d)(?P<d>0[1-9]|[12]\d|3[01])(?P<m>0[1-9]|1[0-2])(?P<y>(?:19|20)\d{2})(?!\d)")
_DAY_AND_MONTH = re.compile(r"^\W*(?:el )?(?P<d>\d{1,2})\s?(?:[/.\-]|del? )\s?(?P<m>\d{1,2})\W*$")
_YEAR_ONLY = re.compile(
    rf"(?:\b(?:{_MONTH_WORD})\s+(?:de|del)\s+(?:ano\s+)?'?(?P<month_year>(?:19|20)\d{{2}}|\d{{2}})(?![\d.,]*\d))|"
    r"(?:\bnac\w*|\bsoy|\bborn|\bnascut|\bnasci|\bdesde|\bmi ano|\bquinta|\bgeneracion|\bcosecha|\bmodelo|"
    r"\bquinto|\bvine al mundo)\s+(?:(?:en|del|de|el|in|la|a|al|ano|os?|lo)\s+){0,4}'?(?P<year>(?:19|"
    r"20)\d{2}|\d{2})(?![\d.,]*\d)(?!\s*(?:anos|de [a-z]|tacos|%|hijos|pirulos))"
)
_YEAR_WORDS = re.compile(
    r"(?:\bnac\w*|\bsoy|\bquinta|\bcosecha)\s+(?:(?:en|del|de|el|la|ano)\s+){1,4}(?P<words>(?:mil|"
    r"dos mil|sesenta|setenta|ochenta|noventa|cincuenta|cuarenta)[a-z ]*)"
)
_BARE_YEAR_WORDS = re.compile(
    r"^\W*(?:soy )?(?:en el|del|de el)(?: ano)? "
    r"(?P<words>(?:cuarenta|cincuenta|sesenta|setenta|ochenta|noventa)(?: y \w+)?)\W*$"
)
_BARE_YEAR = re.compile(
    r"^\W*(?:en |el |del |de |año |ano )*(?P<month_year>(?!))?(?P<year>19\d{2}|20\d{2}|(?<=del )\d{2}|(?<=del ano )\d{2})\W*$"
)
_OTHERS = re.compile(
    r"\b(?:mi|mis|su|la|el|nuestr[oa])\s+(?:hij|nin|mujer|marido|espos|pareja|novi|padre|madre|hermano|"
    r"hermana|crio|peque|nen)\w*[^.;]{0,25}$|\b(?:ella|el) nacio[^.;]{0,12}$"
)


def read_birth_dates(wording: Wording, context: Context) -> tuple[list[Found], list[Span]]:
    """`birth_date`, or `details.birth_year` when only the year was said, and the parts of `plain` that were dates."""
    today = _today(context)
    awaiting = (context.awaiting or "").removeprefix("confirm:")
    plain = wording.plain
    expected = awaiting in ("birth_date", "age")
    about_birth = bool(re.search(r"\bnac|\bcumple|\bborn|\bbirth|\bfecha\b|\bf\.?n\.?\b|\bsoy del\b|\bvine al mundo", plain))
    found: list[Found] = []
    spans: list[Span] = []
    for start, end, candidates in _dates(plain, today, context.birth_year if awaiting == "birth_date" else None):
        if not (expected or about_birth or _alone(plain, start, end)):
            spans.append((start, end))
            continue
        spans.append((start, end))
        if _OTHERS.search(plain[max(0, start - 60) : start]):
            continue
        plausible = [each for each in candidates if 0 <= (today - each).days <= 120 * 366]
        if not plausible:
            continue
        first = plausible[0].isoformat()
        others = tuple(each.isoformat() for each in plausible[1:])
        found.append(Found("birth_date", first, wording.evidence(start, end), 1.0 if not others else 0.7, False, others))
    if not found and not spans:
        year = _year_only(wording, today, expected=expected)
        if year:
            found.append(year[0])
            spans.append(year[1])
    return found[-1:], spans


def impossible_date(wording: Wording, context: Context) -> str:
    """The words of a date that no calendar has ("31/02/1978"), or nothing."""
    for start, end, candidates in _dates(wording.plain, _today(context)):
        if not candidates:
            return wording.evidence(start, end)
    return ""


def _today(context: Context) -> date:
    try:
        return date.fromisoformat(context.today)
    except ValueError:
        return date(2026, 1, 1)


def _alone(plain: str, start: int, end: int) -> bool:
    return not re.search(r"[a-z]{2}", plain[:start] + plain[end:])


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


def _year_only(wording: Wording, today: date, *, expected: bool) -> tuple[Found, Span] | None:
    plain = wording.plain
    match = _YEAR_ONLY.search(plain)
    words = None if match else _YEAR_WORDS.search(plain) or (_BARE_YEAR_WORDS.match(plain) if expected else None)
    bare = _BARE_YEAR.match(plain) if expected and not match and not words else None
    source = match or bare
    if words:
        numerals = find_numerals(words["words"])
        year = _spoken_year(numerals[0], today) if numerals else None
        span = words.span()
    elif source:
        written = source["year"] or source["month_year"]
        year, span = _full_year(written, today), source.span()
    else:
        return None
    if year is None or not today.year - 120 < year <= today.year or _OTHERS.search(plain[max(0, span[0] - 60) : span[0]]):
        return None
    if match and "soy" in match[0] and not re.search(r"soy\s+(?:del?|de la quinta|quinta)", match[0]):
        return None
    return Found("details.birth_year", year, wording.evidence(*span)), span
