"""Office hours as values: what people write of them, the next opening, office time over nights, weekends and holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.house.hours import (
    ALWAYS,
    DAY_MINUTES,
    DECENT,
    Hours,
    Span,
    days_off,
    holiday_place,
    house_hours,
    knows_holidays_of,
    opens_of,
    read_week,
)

MADRID = ZoneInfo("Europe/Madrid")
NOON_BREAK = "lunes a jueves de 9 a 14 y de 16 a 19; viernes de 8 a 15"


def hours(text: str = NOON_BREAK, **more: object) -> Hours:
    week = read_week(text)
    assert week is not None
    return Hours(week=week, **more)  # type: ignore[arg-type]


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=MADRID).astimezone(UTC)


def spans(*pairs: tuple[float, float]) -> tuple[Span, ...]:
    return tuple(Span(round(opens * 60), round(closes * 60)) for opens, closes in pairs)


OFFICE = spans((9, 18))
WORKDAYS = (*((OFFICE,) * 5), (), ())

WRITTEN = {
    "L-V 9:00-18:00": WORKDAYS,
    "L–V 9–18": WORKDAYS,
    "l a v de 9 a 18 h": WORKDAYS,
    "L,M,X,J,V 9.00-18.00": WORKDAYS,
    "lunes a viernes, de 9:00 a 18:00": WORKDAYS,
    "De lunes a viernes de 9h a 18h": WORKDAYS,
    "Lunes a viernes de 9 a 6": WORKDAYS,
    "lun-vie 09:00 – 18:00h": WORKDAYS,
    "Mon-Fri 9am-6pm": WORKDAYS,
    "Monday to Friday, 9 a.m. to 6 p.m.": WORKDAYS,
    "9:00-18:00": WORKDAYS,
    "de 9 a 18": WORKDAYS,
    "entre semana de 9 a 18": WORKDAYS,
    "laborables 9-18 (festivos cerrado)": WORKDAYS,
    "lunes a viernes 9:00-18:00, sábados y domingos cerrado": WORKDAYS,
    "de lunes a viernes, excepto festivos, de 9:00 a 18:00": WORKDAYS,
    "L-V 9-18, S 10-14": (*((OFFICE,) * 5), spans((10, 14)), ()),
    "de lunes a viernes de 9 a 18 y los sábados de 10 a 14": (*((OFFICE,) * 5), spans((10, 14)), ()),
    "L-J 9-18 / V 9-15": (*((OFFICE,) * 4), spans((9, 15)), (), ()),
    NOON_BREAK: (*((spans((9, 14), (16, 19)),) * 4), spans((8, 15)), (), ()),
    "lunes a viernes de 9 a 2 y de 4 a 7": (*((spans((9, 14), (16, 19)),) * 5), (), ()),
    "L-V 9:00-14:00 y 16:30-19:30": (*((spans((9, 14), (16.5, 19.5)),) * 5), (), ()),
    "martes y jueves de 10 a 13": ((), spans((10, 13)), (), spans((10, 13)), (), (), ()),
    "S-D 10-12": ((), (), (), (), (), spans((10, 12)), spans((10, 12))),
    "V-L 10-12": (spans((10, 12)), (), (), (), *((spans((10, 12)),) * 3)),
    "todos los días de 8 a 20": (spans((8, 20)),) * 7,
    "24 horas todos los días": (spans((0, 24)),) * 7,
    "24/7": (spans((0, 24)),) * 7,
    "9:00-18:00 de lunes a viernes": WORKDAYS,
    "de 9 a 18 de lunes a viernes y de 10 a 14 los sábados": (*((OFFICE,) * 5), spans((10, 14)), ()),
    "viernes de 22 a 6": ((), (), (), (), spans((22, 24)), spans((0, 6)), ()),
    "L-V 9:00-medianoche": (*((spans((9, 24)),) * 5), (), ()),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_hours_are_read_as_people_write_them(text: str) -> None:
    assert read_week(text) == WRITTEN[text]
    assert read_week(text.upper()) == WRITTEN[text]


@pytest.mark.parametrize(
    "text", ["", "cuando quieras", "de lunes a viernes", "a partir de las 9", "L-V 9-14-18", "25:00-26:00", "9" * 600]
)
def test_what_is_not_understood_is_no_week(text: str) -> None:
    assert read_week(text) is None


@given(st.text(max_size=80))
def test_no_text_is_too_strange(text: str) -> None:
    week = read_week(text)
    assert week is None or (len(week) == 7 and any(week))
    for day in week or ():
        assert all(0 <= span.opens < span.closes <= DAY_MINUTES for span in day)
        assert all(one.closes < other.opens for one, other in pairwise(day))


def test_open_and_the_next_opening() -> None:
    house = hours()
    assert house.is_open(local(2026, 11, 30, 10))
    assert not house.is_open(local(2026, 11, 30, 15)), "lunch"
    assert not house.is_open(local(2026, 11, 30, 14)), "the end is no part of it"
    assert house.next_opening(local(2026, 11, 30, 15)) == local(2026, 11, 30, 16)
    assert house.next_opening(local(2026, 12, 4, 16)) == local(2026, 12, 7, 9), "a weekend"
    assert house.next_closing(local(2026, 11, 30, 10)) == local(2026, 11, 30, 14)


def test_office_time_is_only_what_passes_while_somebody_is_there() -> None:
    house = hours()
    assert house.after(local(2026, 11, 30, 13, 58), timedelta(minutes=5)) == local(2026, 11, 30, 16, 3)
    assert house.after(local(2026, 12, 4, 14, 59), timedelta(minutes=5)) == local(2026, 12, 7, 9, 4)
    assert house.after(local(2026, 12, 5, 12), timedelta(hours=8)) == local(2026, 12, 7, 19)
    assert house.after(local(2026, 12, 5, 12), timedelta()) == local(2026, 12, 7, 9)


def test_public_holidays_and_days_of_the_house() -> None:
    plain, madrid = hours(), hours(country="ES", region="MD")
    immaculate = local(2026, 12, 8, 10)
    assert plain.is_open(immaculate)
    assert not madrid.is_open(immaculate)
    assert madrid.next_opening(immaculate) == local(2026, 12, 9, 9)
    community = date(2028, 5, 2)  # of Madrid alone, a Tuesday
    assert hours(country="ES", region="MD").is_day_off(community)
    assert not hours(country="ES", region="CT").is_day_off(community)
    assert not hours(country="ES").is_day_off(community)
    own = hours(days_off=frozenset(("2026-12-24", "12-31")))
    assert [own.is_day_off(date(year, 12, day)) for year, day in ((2026, 24), (2027, 24), (2026, 31), (2027, 31))] == [
        True,
        False,
        True,
        True,
    ]


def test_what_is_known_of_holidays_is_asked_before_it_is_believed() -> None:
    assert knows_holidays_of("ES", "MD")
    assert knows_holidays_of("ES", "")
    assert not knows_holidays_of("ES", "ZZ")
    assert not knows_holidays_of("Spain?", "")


def test_a_house_that_is_never_open_says_so() -> None:
    shut = Hours(week=((),) * 7)
    assert shut.next_opening(local(2026, 11, 30, 10)) is None
    assert shut.after(local(2026, 11, 30, 10), timedelta(minutes=1)) is None
    at = local(2026, 11, 30, 10)
    assert opens_of(shut)(at) == at, "then nothing waits for it"
    assert opens_of(None)(at) == at
    assert opens_of(hours())(local(2026, 12, 5)) == local(2026, 12, 7, 9)


# --- the nights when the clocks change ----------------------------------------------------------------------------------

SPRING, AUTUMN = (2027, 3, 28), (2026, 10, 25)


def test_an_hour_of_office_time_is_an_hour_also_when_the_clocks_change() -> None:
    always = hours("24/7")
    for year, month, day in (SPRING, AUTUMN):
        begun = local(year, month, day)
        assert always.after(begun, timedelta(hours=5)) == begun + timedelta(hours=5)


def test_a_house_opens_at_its_local_time_on_both_sides_of_the_change() -> None:
    house = hours("todos los días de 9 a 18")
    assert house.next_opening(local(2027, 3, 27, 20)) == datetime(2027, 3, 28, 7, tzinfo=UTC)
    assert house.next_opening(local(2027, 3, 26, 20)) == datetime(2027, 3, 27, 8, tzinfo=UTC)
    assert house.next_opening(local(2026, 10, 24, 20)) == datetime(2026, 10, 25, 8, tzinfo=UTC)


def test_a_time_that_the_clocks_leave_out_begins_when_they_jump() -> None:
    night = hours("todos los días de 2:30 a 6:00")
    assert night.next_opening(local(*SPRING)) == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    assert night.next_closing(local(*SPRING)) == datetime(2027, 3, 28, 4, tzinfo=UTC)
    within = hours("todos los días de 2:00 a 3:00")
    opening = within.next_opening(local(*SPRING))
    assert opening is not None
    assert opening.astimezone(MADRID).date() == date(2027, 3, 29), "there is no such hour that night"


MOMENTS = st.integers(0, 211 * 86_400).map(lambda second: local(2026, 10, 1) + timedelta(seconds=second))
WEEKS = st.sampled_from([text for text in WRITTEN if text != "24/7"])


@given(MOMENTS, WEEKS, st.integers(0, 60 * 60))
def test_office_time_adds_up_and_ends_while_somebody_is_there(at: datetime, text: str, minutes: int) -> None:
    house = hours(text, country="ES", region="CT")
    opening, end = house.next_opening(at), house.after(at, timedelta(minutes=minutes))
    assert opening is not None
    assert end is not None
    assert at <= opening <= end
    assert house.is_open(opening)
    assert minutes == 0 or house.is_open(end - timedelta(microseconds=1))
    half = house.after(at, timedelta(minutes=minutes // 2))
    assert half is not None
    if minutes // 2:
        assert house.after(half, timedelta(minutes=minutes - minutes // 2)) == end


@given(MOMENTS)
def test_minute_by_minute_is_the_same(at: datetime) -> None:
    """The next opening is the first minute that is open."""
    house, minute = hours(country="ES", region="MD"), at.replace(second=0, microsecond=0)
    opening = house.next_opening(minute)
    assert opening is not None
    looked = [minute + timedelta(minutes=15 * step) for step in range(round((opening - minute) / timedelta(minutes=15)))]
    assert not any(house.is_open(moment) for moment in looked)


def test_weeks_that_come_with_the_program() -> None:
    assert ALWAYS.is_open(local(2026, 12, 25, 3))
    assert not Hours(week=DECENT).is_open(local(2026, 12, 6, 12)), "nobody is written to on a Sunday"


def test_settings_are_texts() -> None:
    house = house_hours("L-V 9:00-18:00", zone="Atlantic/Canary", holidays="es-cn", off="2026-12-24, 12-31")
    assert house is not None
    assert (house.country, house.region, house.days_off) == ("ES", "CN", {"2026-12-24", "12-31"})
    assert house.next_opening(local(2026, 11, 30, 9)) == local(2026, 11, 30, 10), "an hour behind"
    assert house_hours("cuando quieras", zone="Europe/Madrid") is None
    assert holiday_place("none") == ("", "")
    for place in ("ES-ZZ", "Madrid"):
        with pytest.raises(ValueError, match="holidays"):
            holiday_place(place)
    for day in ("24/12", "2026-02-30", "13-01"):
        with pytest.raises(ValueError, match=r".+"):
            days_off(day)
