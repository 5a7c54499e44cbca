"""Points in time that lie ahead, as people name them in passing: "mañana por la tarde", "en enero", "cuando cobre", "a las 5".

Over folded text (`lookalikes.fold`), by the clock of whoever is spoken to. What has a day and no hour is in the morning.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, datetime, time, timedelta
from typing import Final

MORNING, MIDDAY, AFTERNOON, EVENING = time(10), time(13), time(17), time(20)
IN_A_WHILE: Final = timedelta(hours=3)
"""What "más tarde" is."""
AFTER_THE_HOLIDAYS: Final = (1, 8)
AFTER_THE_SUMMER: Final = (9, 7)
END_OF_MONTH: Final = 28
LONGEST: Final = timedelta(days=400)
"""Nobody means anything that is further ahead."""

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "enero january", "febrero february", "marzo march", "abril april", "mayo may", "junio june", "julio july",
            "agosto august", "septiembre setiembre september", "octubre october", "noviembre november", "diciembre december",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_WEEKDAYS: Final = {
    name: number
    for number, names in enumerate(
        (
            "lunes monday", "martes tuesday", "miercoles wednesday", "jueves thursday", "viernes friday", "sabado saturday",
            "domingo sunday",
        )
    )
    for name in names.split()
}  # fmt: skip
_NUMBERS: Final = {
    "un": 1, "una": 1, "a": 1, "one": 1, "dos": 2, "two": 2, "un par de": 2, "tres": 3, "three": 3, "cuatro": 4, "four": 4,
    "unos": 3, "unas": 3, "cinco": 5, "seis": 6, "siete": 7, "ocho": 8, "diez": 10, "quince": 15, "veinte": 20, "treinta": 30,
}  # fmt: skip
_MONTH, _WEEKDAY = "|".join(_MONTHS), "|".join(_WEEKDAYS)
_COUNT = "|".join(sorted(_NUMBERS, key=len, reverse=True))
_UNIT = r"(?P<unit>minut|min\b|hora|hour|dia|day|semana|week|mes|month)\w*"
_IN = re.compile(rf"\b(?:en|dentro de|de aqui a|in) (?:(?P<n>\d{{1,3}})|(?P<word>{_COUNT})) {_UNIT}")
_HALF_AN_HOUR = re.compile(r"\b(?:en|dentro de|in) (?:media hora|half an hour)\b")
_WHILE = re.compile(r"\b(?:mas tarde|luego|despues|un rat(?:o|ito)|later|in a while)\b(?! de\b)")
_DATE = re.compile(
    rf"\b(?P<day>[0-3]?\d)(?: ?(?:de|of) ?(?P<month>{_MONTH})|/(?P<number>[01]?\d)(?:/(?:20)?\d\d)?)\b"
    rf"|\b(?:el|para el|the)(?: dia)? (?P<alone>[0-3]?\d)(?:th|st|nd|rd)?\b(?! ?(?:%|euro|€|ano|hijo|/|(?:de|of) (?:{_MONTH})))"
)
_IN_MONTH = re.compile(rf"\b(?P<part>principios|primeros|mediados|finales)?(?: ?de)? ?\b(?P<month>{_MONTH})\b")
_NEXT_WEEK = re.compile(r"\b(?:semana que viene|proxima semana|semana proxima|next week)\b")
_NEXT_MONTH = re.compile(r"\b(?:mes que viene|proximo mes|mes proximo|next month)\b")
_NEXT_YEAR = re.compile(r"\b(?:ano que viene|proximo ano|ano nuevo|next year)\b")
_PAID = re.compile(
    r"\bcuando (?:cobr|me pagu|me ingres|tenga la nomina)\w*|\b(?:primeros|principios) de mes\b|\bcon la nomina\b|"
    r"\bwhen i(?:'m| am| get) paid\b"
)
_END_OF_MONTH = re.compile(r"\b(?:fin(?:al)?(?:es)? de mes|end of the month)\b")
_HOLIDAYS = re.compile(
    r"\b(?:despues de|pasad[oa]s?|after)(?: las?| the)? (?:navidad(?:es)?|fiestas|reyes|christmas|holidays)\b"
)
_SUMMER = re.compile(r"\b(?:despues|pasad[oa]s?|a la vuelta|after)(?: del?| the)?(?: las?)? (?:verano|vacaciones|summer)\b")
_TOMORROW = re.compile(r"(?<!la )(?<!esta )(?<!pasado )\b(?:manana|tomorrow)\b")
_AFTER_TOMORROW = re.compile(r"\b(?:pasado manana|the day after tomorrow)\b")
_TODAY = re.compile(r"\b(?:hoy|esta (?:tarde|noche|manana)|today|tonight|this (?:afternoon|evening))\b")
_DAY_OF_WEEK = re.compile(rf"\b(?P<weekday>{_WEEKDAY})s?\b")
_HOUR = re.compile(
    r"\b(?:a partir de|desde|sobre|hacia|a eso de|a|at|after) (?:las? )?(?P<hour>[01]?\d|2[0-3])(?:[:.h](?P<minute>[0-5]\d))?"
    r"(?P<half> y media)?(?P<quarter> y cuarto)?(?! ?(?:de (?:enero|f|m|a|j|s|o|n|d)|/|dias?|semanas?|mes|%|euro|€))"
)
_PARTS: Final = (
    (re.compile(r"\b(?:mediodia|noon)\b"), MIDDAY),
    (re.compile(r"\b(?:por|a|en|esta|de) (?:la )?tarde\b|\bafternoon\b|\bdespues de comer\b"), AFTERNOON),
    (re.compile(r"\b(?:por|a|en|esta|de) (?:la )?noche\b|\bevening\b|\btonight\b"), EVENING),
    (re.compile(r"\b(?:por|a|en|esta|de) (?:la )?manana\b|\bmorning\b"), MORNING),
)


def moment_in(plain: str, now: datetime) -> datetime | None:
    """The first moment after `now` (aware, local) that these words may mean, or None when they name none."""
    if _HALF_AN_HOUR.search(plain):
        return now + timedelta(minutes=30)
    counted = _IN.search(plain)
    if counted and counted["unit"][:3] in ("min", "hor", "hou"):
        minutes = (1 if counted["unit"].startswith("min") else 60) * _count(counted)
        return now + timedelta(minutes=minutes)
    part = next((part for pattern, part in _PARTS if pattern.search(plain)), None)
    hour = _hour(plain, part)
    day = _day(plain, now.date(), counted)
    if day is None:
        if hour is None and part is None:
            return now + IN_A_WHILE if _WHILE.search(plain) else None
        day = now.date()
    at = datetime.combine(day, hour or part or MORNING, now.tzinfo)
    if at <= now and day == now.date():
        at += timedelta(days=1)
    return at if now < at <= now + LONGEST else None


def _count(counted: re.Match[str]) -> int:
    return int(counted["n"]) if counted["n"] else _NUMBERS[counted["word"]]


def _hour(plain: str, part: time | None) -> time | None:
    """The time of day. Five is in the afternoon, unless something else is said."""
    told = _HOUR.search(plain)
    if told is None:
        return None
    hour = int(told["hour"])
    late = hour < 12 and part in (AFTERNOON, EVENING)
    if late or (1 <= hour <= 7 and part is not MORNING):
        hour += 12
    return time(hour % 24, 30 if told["half"] else 15 if told["quarter"] else int(told["minute"] or 0))


def _day(plain: str, today: date, counted: re.Match[str] | None) -> date | None:
    weekday = _DAY_OF_WEEK.search(plain)
    if counted:
        return _later(today, _count(counted), counted["unit"])
    if _AFTER_TOMORROW.search(plain):
        return today + timedelta(days=2)
    if _NEXT_WEEK.search(plain):
        monday = today + timedelta(days=7 - today.weekday())
        return monday + timedelta(days=_WEEKDAYS[weekday["weekday"]] if weekday else 0)
    if (on := _DATE.search(plain)) and (day := _date(on, today)):
        return day
    if weekday:
        return today + timedelta(days=(_WEEKDAYS[weekday["weekday"]] - today.weekday() - 1) % 7 + 1)
    if _HOLIDAYS.search(plain) or _NEXT_YEAR.search(plain):
        return _next(today, *AFTER_THE_HOLIDAYS)
    if _SUMMER.search(plain):
        return _next(today, *AFTER_THE_SUMMER)
    if _PAID.search(plain) or _NEXT_MONTH.search(plain):
        return _later(today.replace(day=1), 1, "mes")
    if _END_OF_MONTH.search(plain):
        end = today.replace(day=END_OF_MONTH)
        return end if end > today else _later(today.replace(day=1), 1, "mes").replace(day=END_OF_MONTH)
    if month := _IN_MONTH.search(plain):
        day_of_month = {"mediados": 15, "finales": 25}.get(month["part"] or "", 1)
        return _next(today, _MONTHS[month["month"]], day_of_month)
    if _TOMORROW.search(plain):
        return today + timedelta(days=1)
    return today if _TODAY.search(plain) else None


def _later(day: date, count: int, unit: str) -> date:
    if unit.startswith(("mes", "month")):
        months = day.month - 1 + count
        year, month = day.year + months // 12, months % 12 + 1
        return date(year, month, min(day.day, monthrange(year, month)[1]))
    return day + timedelta(days=count * (7 if unit.startswith(("semana", "week")) else 1))


def _next(today: date, month: int, day: int) -> date:
    """The next such day after today."""
    this_year = date(today.year, month, min(day, monthrange(today.year, month)[1]))
    return this_year if this_year > today else date(today.year + 1, month, min(day, monthrange(today.year + 1, month)[1]))


def _date(on: re.Match[str], today: date) -> date | None:
    day = int(on["day"] or on["alone"])
    if on["alone"]:
        month = today.replace(day=1) if day > today.day else _later(today.replace(day=1), 1, "mes")
        return month.replace(day=day) if 1 <= day <= monthrange(month.year, month.month)[1] else None
    number = _MONTHS[on["month"]] if on["month"] else int(on["number"])
    return _next(today, number, day) if 1 <= number <= 12 and 1 <= day <= 31 else None


# --- who wants to be written to ---------------------------------------------------------------------------------------

_WRITE_ME = re.compile(
    r"\b(?:avis(?:a|e|ar)(?:me|nos)|recuerd(?:a|e)(?:me|nos)(?:lo)?|record(?:ar|ad)(?:me|nos)(?:lo)?|escrib(?:e|a|ir)(?:me|nos)|"
    r"contact(?:a|e|ar)(?:me|nos)|hab(?:la|le)(?:me|nos)|pregunt(?:a|e|ar)(?:me|nos)|"
    r"(?:me|nos) (?:lo )?(?:pued[ea]s? |podr[ií]as? )?(?:avis|escrib|record|recuerd|contact|pregunt)[aeio]\w*|"
    r"(?:remind|message|text|write to|write) me|let me know)\b"
)
_NOT_ME = re.compile(
    r"\bno (?:hace falta|quiero|es necesario|me|nos)\b[^.!?]{0,30}(?:avis|escrib|record|recuerd|contact|pregunt)|"
    r"\b(?:don't|do not) (?:remind|message|text|write)"
)


def wants_to_be_written_to(plain: str) -> bool:
    """Whether somebody asks to be written to; when, they may say beside it."""
    return bool(_WRITE_ME.search(plain)) and not _NOT_ME.search(plain)
