"""When people of the house are there: a week with several spans a day, days off, a time zone. Nothing here reads a clock.

All moments that go in or come out are aware; what comes out is in UTC. Time passes as clocks run, so that an hour of office
time is an hour also on the night when the clocks change.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

DAY_MINUTES: Final = 24 * 60
LOOK_AHEAD_DAYS: Final = 400
"""A house that opens on no day of more than a year never opens."""
MONDAY, SATURDAY, SUNDAY = 0, 5, 6


class Span(NamedTuple):
    """Minutes after midnight, local time; `closes` may be 24:00."""

    opens: int
    closes: int


Week = tuple[tuple[Span, ...], ...]
"""Seven days from Monday, each with its spans in order and apart from each other."""


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """When the house is open. `country` and `region` name public holidays as the `holidays` library does ("ES", "MD"; "" for
    none of a region, or none at all); `days_off` are the house's own, once ("2026-12-24") or every year ("12-24").
    """

    week: Week
    zone: str = "Europe/Madrid"
    country: str = ""
    region: str = ""
    days_off: frozenset[str] = frozenset()

    def is_open(self, at: datetime) -> bool:
        """Whether somebody is there."""
        return self.next_opening(at) == at

    def next_opening(self, at: datetime) -> datetime | None:
        """The same moment when the house is open then, else when it opens next. None: never."""
        opening = next(self._open_from(at), None)
        return opening[0] if opening else None

    def next_closing(self, at: datetime) -> datetime | None:
        """Until when the house that is open at that moment stays so, or the end of the next time it is open."""
        opening = next(self._open_from(at), None)
        return opening[1] if opening else None

    def after(self, at: datetime, office_time: timedelta) -> datetime | None:
        """When so much time has passed in which the house was open. None: never."""
        left = office_time
        for opens, closes in self._open_from(at):
            if closes - opens >= left:
                return opens + left
            left -= closes - opens
        return None

    def is_day_off(self, day: date) -> bool:
        """Whether that is a public holiday where the house is, or a day that it takes off."""
        if day.isoformat() in self.days_off or f"{day:%m-%d}" in self.days_off:
            return True
        return bool(self.country) and day in _public_holidays(self.country, self.region, day.year)

    def day_of(self, at: datetime) -> date:
        """The house's calendar day."""
        return at.astimezone(ZoneInfo(self.zone)).date()

    def at(self, day: date, minute: int) -> datetime:
        """A local time of a day, in UTC. For one that the clocks leave out they have not been put on yet; of two, the first."""
        return _moment(day, minute, ZoneInfo(self.zone))

    def _open_from(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The times in which the house is open, from a moment on, in order: beginnings and ends."""
        begun, first = at.astimezone(UTC), self.day_of(at)
        for days in range(-1, LOOK_AHEAD_DAYS):
            day = first + timedelta(days=days)
            if self.is_day_off(day):
                continue
            for span in self.week[day.weekday()]:
                opens, closes = self.at(day, span.opens), self.at(day, span.closes)
                if closes > begun and closes > opens:
                    yield max(opens, begun), closes


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    on = day + timedelta(days=minute // DAY_MINUTES)
    return datetime.combine(on, time(minute % DAY_MINUTES // 60, minute % 60), zone).astimezone(UTC)


@cache
def _public_holidays(country: str, region: str, year: int) -> frozenset[date]:
    """Raises NotImplementedError for a country or region that the library does not know."""
    import holidays  # noqa: PLC0415 - only where somebody asks for them

    return frozenset(holidays.country_holidays(country, subdiv=region or None, years=year))


def holiday_place(text: str) -> tuple[str, str]:
    """Country and region out of "ES-MD", "ES" or "none" (both ""). Raises ValueError for one of which nothing is known."""
    country, _, region = text.strip().upper().partition("-")
    if country == "NONE":
        return "", ""
    if (country, region) != ("ES", "") and not knows_holidays_of(country, region):
        raise ValueError(f"no holidays are known of {text!r}")
    return country, region


def days_off(text: str) -> frozenset[str]:
    """Days out of "2026-12-24, 12-31". Raises ValueError for what is none."""
    written = frozenset(filter(None, re.split(r"[\s,;]+", text)))
    for day in written:
        date.fromisoformat(day if len(day) > 5 else f"2024-{day}")
    return written


def house_hours(text: str, *, zone: str, holidays: str = "none", off: str = "") -> Hours | None:
    """The house's hours out of what was written of them; None when there is nothing, or nobody can tell what it means."""
    week = read_week(text)
    if week is None:
        return None
    country, region = holiday_place(holidays)
    return Hours(week=week, zone=zone, country=country, region=region, days_off=days_off(off))


def knows_holidays_of(country: str, region: str) -> bool:
    """Whether public holidays are known there."""
    try:
        _public_holidays(country, region, 2026)
    except (NotImplementedError, KeyError):
        return False
    return True


# --- what people write ------------------------------------------------------------------------------------------------

_DAYS: Final[Mapping[str, Sequence[int]]] = {
    **{
        name: (number,)
        for number, names in enumerate(
            (
                "l lu lun lunes mon monday",
                "m ma mar martes tue tues tuesday",
                "x mi mie mier miercoles wed wednesday",
                "j ju jue jueves thu thur thurs thursday",
                "v vi vie viernes fri friday",
                "s sa sab sabado sabados sat saturday saturdays",
                "d do dom domingo domingos sun sunday sundays",
            )
        )
        for name in names.split()
    },
    **dict.fromkeys(("laborables", "laborable", "weekdays", "entresemana"), tuple(range(5))),
    **dict.fromkeys(("findesemana", "finesdesemana", "weekend", "weekends"), (SATURDAY, SUNDAY)),
    **dict.fromkeys(("diario", "diariamente", "siempre", "daily", "everyday", "todoslosdias"), tuple(range(7))),
}
_PHRASES = (
    (re.compile(r"\b(?:24 ?/ ?7|24 ?x ?7)\b"), " todoslosdias 0:00-24:00 "),
    (re.compile(r"\b24 ?(?:horas|h|hours)\b"), " 0:00-24:00 "),
    (re.compile(r"\btodos los dias\b|\bevery day\b|\bcada dia\b|\blos siete dias\b"), " todoslosdias "),
    (re.compile(r"\bentre semana\b|\bdias laborables\b"), " laborables "),
    (re.compile(r"\bfin(?:es)? de semana\b"), " findesemana "),
    (re.compile(r"\b(?:festivos?|holidays)\b"), " "),
    (re.compile(r"\bmediodia\b|\bnoon\b"), " 12:00 "),
    (re.compile(r"\bmedianoche\b|\bmidnight\b"), " 24:00 "),
)
_TOKEN = re.compile(
    r"(?P<time>(?<![\d:.])(?P<hour>[01]?\d|2[0-4])(?:[:.h](?P<minute>[0-5]\d)(?!\d))?"
    r"(?: ?(?P<half>[ap])\.?m\b\.?| ?h(?:s|oras?)?\b\.?)?(?![\d:]))"
    r"|(?P<word>[a-z]+)|(?P<dash>[-–—])|(?P<and>[,;/&+])"
)
_RANGE_WORDS = frozenset(("a", "al", "hasta", "to", "till", "until", "through"))
_CLOSED_WORDS = frozenset(("cerrado", "cerrados", "closed", "no"))
MOST_LETTERS: Final = 500


class _Group:
    """Days that were named together, and the times that follow them."""

    def __init__(self) -> None:
        self.days: list[int] = []
        self.minutes: list[tuple[int, bool]] = []
        self.closed = False


def read_week(text: str) -> Week | None:
    """A week as people write it: "L-V 9:00-18:00", "lunes a jueves de 9 a 14 y de 16 a 19; viernes de 8 a 15".

    None when it is not understood. Times without a day are Monday's to Friday's. "De 9 a 6" ends at 18:00.
    """
    if len(text) > MOST_LETTERS:
        return None
    groups = _groups(_plain(text))
    if groups is None:
        return None
    week: list[list[Span]] = [[] for _ in range(7)]
    for group in groups:
        spans = _spans(group.minutes)
        if spans is None or not (spans or group.closed):
            return None
        for day in group.days or range(5):
            for opens, closes in [] if group.closed else spans:
                week[day].append(Span(opens, min(closes, DAY_MINUTES)))
                if closes > DAY_MINUTES:  # past midnight: the rest is the next day's
                    week[(day + 1) % 7].append(Span(0, closes - DAY_MINUTES))
    return tuple(_apart(spans) for spans in week) if any(week) else None


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFD", text.lower())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    for pattern, becomes in _PHRASES:
        plain = pattern.sub(becomes, plain)
    return plain


def _groups(plain: str) -> list[_Group] | None:
    groups, group, ranging = [], _Group(), False
    for token in _TOKEN.finditer(plain):
        word = token["word"]
        if word in _DAYS:
            if group.minutes or group.closed:
                groups.append(group)
                group = _Group()
            group.days += _ranged(group.days, _DAYS[word]) if ranging else _DAYS[word]
            ranging = False
        elif token["time"]:
            group.minutes.append(_minute(token))
            ranging = False
        elif token["dash"] or word in _RANGE_WORDS:
            ranging = bool(group.days) and not group.minutes
        elif word in _CLOSED_WORDS and group.days and not group.minutes:
            group.closed = True
    groups.append(group)
    if len(groups) > 1 and not groups[0].days and not groups[-1].minutes:  # the days stand behind their times
        for one, other in pairwise(groups):
            one.days = other.days
        groups.pop()
    return groups if any(one.minutes for one in groups) else None


def _ranged(days: list[int], end: Sequence[int]) -> list[int]:
    """The days after the last one, up to the end, also over a Sunday."""
    between = (end[0] - days[-1]) % 7
    return [(days[-1] + step) % 7 for step in range(1, between + 1)]


def _minute(token: re.Match[str]) -> tuple[int, bool]:
    """A time in minutes, and whether it says itself which half of the day is meant."""
    hour, minute = int(token["hour"]), int(token["minute"] or 0)
    if token["half"] and hour <= 12:
        return hour % 12 * 60 + minute + (720 if token["half"] == "p" else 0), True
    return hour * 60 + minute, hour > 12 or (len(token["hour"]) == 2 and token["hour"].startswith("0"))


def _spans(minutes: Sequence[tuple[int, bool]]) -> list[tuple[int, int]] | None:
    """Beginnings and ends in pairs. Who works from nine to two and from four to seven does so before and after noon."""
    if len(minutes) % 2:
        return None
    spans: list[tuple[int, int]] = []
    earlier = 0
    for (opens, opens_surely), (closes, closes_surely) in zip(minutes[::2], minutes[1::2], strict=True):
        begins = opens + 720 if opens < earlier and not opens_surely and opens + 720 < DAY_MINUTES else opens
        ends = closes
        if ends <= begins and not closes_surely and begins < ends + 720 <= DAY_MINUTES:
            ends += 720
        if ends <= begins:
            ends += DAY_MINUTES
        spans.append((begins, ends))
        earlier = ends
    return spans


def _apart(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The same times in order; spans that touch are one."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.opens <= joined[-1].closes:
            joined[-1] = Span(joined[-1].opens, max(joined[-1].closes, span.closes))
        else:
            joined.append(span)
    return tuple(joined)


ALWAYS: Final = Hours(week=((Span(0, DAY_MINUTES),),) * 7)
"""A house that told nobody when it is closed."""
DECENT: Final[Week] = (*(((Span(9 * 60, 20 * 60),),) * 5), (Span(10 * 60, 14 * 60),), ())
"""When people may be written to first, by a house that told no hours of its own."""


def opens_of(hours: Hours | None) -> Callable[[datetime], datetime]:
    """When the house is open, at that moment or next; a house without hours, or one that never opens, is always."""
    return lambda at: (hours.next_opening(at) if hours else None) or at
