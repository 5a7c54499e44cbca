"""The agenda as a value: names, once-keys, whose entries are whose, and conversations that were stored before there was one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.agent import state as states
from src.agent.agenda import DONE_KEPT, EXPIRE, KINDS, NOBODY_CAME, RETENTION, Agenda, Entry, Kind
from src.errors import DamagedState
from tests.agent.talk import Talk

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
SOME = {
    **KINDS,
    "reminder": Kind(owner="sale", human="wait", lasts=True, keeps=True),
    "nudge": Kind(owner="sale", human="drop"),
}


def entry(kind: str, in_s: float, key: str = "") -> Entry:
    return Entry(kind=kind, due=NOW + timedelta(seconds=in_s), key=key)


def agenda(*entries: Entry) -> Agenda:
    made = Agenda()
    for one in entries:
        made = made.with_entry(one)
    return made


def test_there_is_one_entry_by_a_name_and_the_newer_counts() -> None:
    made = agenda(entry("nudge", 10, "a"), entry("nudge", 20, "b"), entry("nudge", 5, "a"))
    assert [(one.key, one.due) for one in made.entries] == [
        ("a", NOW + timedelta(seconds=5)),
        ("b", NOW + timedelta(seconds=20)),
    ]


def test_what_was_done_under_a_key_is_not_taken_up_again() -> None:
    done = agenda(entry("nudge", 0, "first")).finished(entry("nudge", 0, "first"), NOW)
    assert done.with_entry(entry("nudge", 50, "first")).entries == ()
    assert done.with_entry(entry("nudge", 50, "second")).entries != ()
    without_key = agenda(entry(EXPIRE, 0)).finished(entry(EXPIRE, 0), NOW)
    assert without_key.with_entry(entry(EXPIRE, 50)).entries != (), "what has no key may come again"


def test_not_everything_that_was_ever_done_is_remembered() -> None:
    made = Agenda()
    for number in range(DONE_KEPT + 5):
        made = made.finished(entry("nudge", 0, str(number)), NOW + timedelta(seconds=number))
    assert len(made.done) == DONE_KEPT
    assert "nudge 0" not in made.done
    assert f"nudge {DONE_KEPT + 4}" in made.done


def test_what_waits_for_a_hand_back_wakes_nobody_while_a_person_has_the_conversation() -> None:
    made = agenda(entry("reminder", -5, "x"), entry("nudge", 30, "y"))
    assert made.wakes_at(human=False, kinds=SOME) == NOW - timedelta(seconds=5)
    assert made.wakes_at(human=True, kinds=SOME) == NOW + timedelta(seconds=30)
    assert made.due(NOW, human=True, kinds=SOME) is None
    assert made.due(NOW, human=False, kinds=SOME) == entry("reminder", -5, "x")


@pytest.mark.parametrize("opted_out", [False, True])
def test_the_end_of_a_sale_cancels_what_is_its_own(opted_out: bool) -> None:
    made = agenda(entry(EXPIRE, 1), entry("reminder", 2, "x"), entry(NOBODY_CAME, 3), entry(RETENTION, 4))
    left = [one.kind for one in made.after_end(opted_out=opted_out, kinds=SOME).entries]
    assert left == ([] if opted_out else ["reminder"]) + [NOBODY_CAME, RETENTION]


def test_somebody_who_was_promised_something_is_kept_until_it_is_done() -> None:
    made = agenda(entry("reminder", 60, "x"), entry("nudge", 900, "y"))
    assert made.kept_until(SOME) == NOW + timedelta(seconds=60)
    done = made.finished(entry("reminder", 60, "x"), NOW + timedelta(seconds=65))
    assert done.kept_until(SOME) == NOW + timedelta(seconds=65)
    assert agenda(entry("nudge", 900, "y")).kept_until(SOME) is None


NAMES = st.tuples(st.sampled_from(sorted(SOME)), st.sampled_from(["", "a", "b"]))
STEPS = st.lists(st.tuples(st.sampled_from(["put", "finish", "put off", "cancel"]), NAMES, st.integers(-50, 50)), max_size=30)


@given(STEPS)
def test_whatever_is_done_entries_stay_in_order_one_by_a_name_and_never_after_they_were_done(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    made, done = Agenda(), set()
    for what, (kind, key), in_s in steps:
        one = entry(kind, in_s, key)
        if what == "put":
            made = made.with_entry(one)
        elif what == "finish" and made.get(kind, key):
            made = made.finished(one, NOW)
            done |= {one.name} if key else set()
        elif what == "put off" and made.get(kind, key):
            made = made.put_off(one, NOW + timedelta(seconds=in_s))
        elif what == "cancel":
            made = made.without(kind)
        names = [each.name for each in made.entries]
        assert len(names) == len(set(names))
        assert done.isdisjoint(names)
        assert [each.due for each in made.entries] == sorted(each.due for each in made.entries)
        for human in (True, False):
            wakes, first = made.wakes_at(human=human, kinds=SOME), made.due(NOW, human=human, kinds=SOME)
            assert (first is not None) == (wakes is not None and wakes <= NOW), "who wakes finds what is due, and only then"


def test_a_conversation_keeps_its_agenda_when_it_is_stored() -> None:
    conversation = Talk().agree().conversation
    conversation.agenda = agenda(Entry(kind="nudge", due=NOW, key="a", data={"step": 1})).finished(entry("x", 0, "k"), NOW)
    assert states.decode(states.encode(conversation)).agenda == conversation.agenda


def test_what_was_stored_says_by_which_version() -> None:
    """Else the next reader would take it for the first one's, and lift it once more."""
    stored = msgspec.json.decode(states.encode(Talk().agree().conversation))
    assert stored["schema"] == states.SCHEMA


# --- stored before there was an agenda ----------------------------------------------------------------------------------


def as_before(timers: dict[str, str]) -> bytes:
    """A conversation as the first schema stored it: without its number, and with names and times."""
    stored = msgspec.json.decode(states.encode(Talk().agree().conversation))
    del stored["schema"], stored["agenda"]
    return msgspec.json.encode({**stored, "timers": timers})


def test_timers_of_before_are_entries_now() -> None:
    timers = {
        "retention": "2026-12-10T10:00:00Z",
        "expire": "2026-12-01T22:59:59.999999Z",
        "handoff_timeout": "2026-11-30T11:05:00+01:00",
        "never_heard_of": "2026-12-02T00:00:00Z",
    }
    read = states.decode(as_before(timers))
    assert [(one.kind, one.due) for one in read.agenda.entries] == [
        (NOBODY_CAME, datetime(2026, 11, 30, 10, 5, tzinfo=UTC)),
        (EXPIRE, datetime(2026, 12, 1, 22, 59, 59, 999999, tzinfo=UTC)),
        (RETENTION, datetime(2026, 12, 10, 10, 0, tzinfo=UTC)),
    ]
    assert states.decode(states.encode(read)) == read


def test_without_timers_there_is_an_empty_agenda() -> None:
    stored = msgspec.json.decode(as_before({}))
    del stored["timers"]
    assert states.decode(msgspec.json.encode(stored)).agenda == Agenda()


@pytest.mark.parametrize("timers", [5, [], {"expire": "tomorrow"}, {"expire": None}])
def test_timers_that_nobody_can_read_are_damage(timers: object) -> None:
    stored = {**msgspec.json.decode(as_before({})), "timers": timers}
    with pytest.raises(DamagedState):
        states.decode(msgspec.json.encode(stored))
