"""Two clocks that disagree, and messages from long ago: nobody is erased by mistake, nothing is answered as if it were new."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from src.agent.agenda import RETENTION
from src.desk.delivery import DEADLINE
from src.desk.ports import CLOCKS_APART, REMEMBERED
from src.desk.turns import CLOCK_PAUSE_S
from src.messages import Content, Media
from tests.conftest import Skew
from tests.desk.fakes import ANA, RETENTION_DAYS, Office

DAY_S = 86_400.0


class Ours:
    """The clock of the machine that works, which tests can move."""

    def __init__(self) -> None:
        self.off_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.off_s


@pytest.fixture
def ours() -> Ours:
    return Ours()


@pytest.fixture
def office(new_ledger: Any, skew: Skew, ours: Ours) -> Office:
    return Office(new_ledger(debounce_s=0, clock=ours), skew)


# -- the store's clock jumps ---------------------------------------------------------------------------------------------


def pass_time(skew: Skew, ours: Ours, seconds: float) -> None:
    """For both clocks."""
    skew.advance(seconds)
    ours.off_s += seconds


@pytest.mark.parametrize("was_reset", [False, True])
def test_a_jump_of_the_stores_clock_erases_nobody(office: Office, skew: Skew, ours: Ours, was_reset: bool) -> None:
    office.hears("Soy Anacleta")
    office.turn()
    if was_reset:
        office.ledger.forget(ANA, erase=False)
    skew.advance((RETENTION_DAYS + 1) * DAY_S)
    for _ in range(3):
        assert office.turn() == "clock_disagrees"
        assert office.ledger.claim("turns", ANA) is None, "looked at again at once"
        skew.advance(CLOCK_PAUSE_S + 1)
    record = office.records.record(ANA)
    assert record is not None
    assert [row["text"] for row in record.rows] == ["Soy Anacleta", "eco: Soy Anacleta"]
    office.hears("¿siguen ahí?")
    assert office.turn() == "answered"


def test_once_the_clock_is_right_again_whoever_was_silent_long_enough_is_forgotten(
    office: Office, skew: Skew, ours: Ours
) -> None:
    office.hears("hola")
    office.turn()
    skew.advance(30 * DAY_S)
    assert office.turn() == "clock_disagrees"
    skew.advance(-30 * DAY_S)
    office.hears("sigo aquí")
    assert office.turn() == "answered"
    pass_time(skew, ours, RETENTION_DAYS * DAY_S + 60)
    assert office.turn() == "forgotten"
    assert office.records.record(ANA) is None


@pytest.mark.parametrize("off_s", [0.9, 1.1])
@pytest.mark.parametrize("ahead", [True, False])
def test_clocks_may_be_an_hour_apart(office: Office, skew: Skew, ours: Ours, off_s: float, ahead: bool) -> None:
    office.hears("hola")
    office.turn()
    pass_time(skew, ours, (RETENTION_DAYS + 1) * DAY_S)
    ours.off_s += off_s * CLOCKS_APART.total_seconds() * (-1 if ahead else 1)
    assert office.turn() == ("forgotten" if off_s < 1 else "clock_disagrees")


def test_a_reply_on_its_way_when_the_clock_jumps_goes_out(office: Office, skew: Skew) -> None:
    """It is not too late, and nobody's window is closed: the vendor knows better than a clock that is wrong."""
    office.hears("hola")
    office.turn()
    skew.advance(3 * DEADLINE.total_seconds())
    assert office.deliver() == "sent"
    assert office.channel.texts == ["eco: hola"]


def test_with_clocks_that_agree_it_is_too_late_all_the_same(office: Office, skew: Skew, ours: Ours) -> None:
    office.hears("hola")
    office.turn()
    pass_time(skew, ours, DEADLINE.total_seconds() + 60)
    assert office.deliver() == "buried_too_late"


def test_what_was_put_off_by_a_clock_that_was_ahead_holds_nobody_up_when_it_is_right_again(office: Office, skew: Skew) -> None:
    office.hears("hola")
    skew.advance(5 * DAY_S)
    office.ledger.retry(office.claim("turns"), after_s=60)
    office.hears("¿hola?")
    claim = None
    skew.advance(61)
    claim = office.claim("turns")  # and its worker dies
    assert claim.jobs
    skew.advance(-5 * DAY_S)
    office.hears("¿siguen ahí?")
    assert office.turn() == "answered"


# -- messages from long ago ----------------------------------------------------------------------------------------------

LONG_AGO_S = -(REMEMBERED.total_seconds() + 60)


def test_a_message_from_before_what_is_remembered_is_recorded_and_not_answered(office: Office) -> None:
    """It may have been answered weeks ago: its id would not be known any more."""
    office.hears("hola, quiero un seguro", at_s=(LONG_AGO_S,))
    assert office.turn() == "recorded"
    assert office.agent.heard == []
    assert office.channel.seen == []
    assert (office.waiting("turns"), office.waiting("delivery")) == ([], [])
    record = office.records.record(ANA)
    assert record is not None
    assert [row["text"] for row in record.rows] == ["hola, quiero un seguro"]
    assert office.conversation().agenda.get(RETENTION), "they are forgotten like anybody else"
    office.hears("hola")
    assert office.turn() == "answered"
    assert office.agent.heard == [["hola"]]


def test_what_is_remembered_is_answered(office: Office) -> None:
    office.hears("hola", at_s=(LONG_AGO_S + 3600,))
    assert office.turn() == "answered"


def test_beside_new_messages_old_ones_are_only_recorded(office: Office) -> None:
    office.hears("de hace semanas", "de ahora", at_s=(3 * LONG_AGO_S, 0))
    assert office.turn() == "answered"
    assert office.agent.heard == [["de ahora"]]
    assert office.waiting("turns") == []


@pytest.mark.parametrize("owner", ["bot", "human"])
def test_nothing_that_was_asked_long_ago_is_done_now(office: Office, owner: str) -> None:
    """Neither an erasure nor a hand-over nor a change of number: whoever it was may have come back since."""
    office.hears("hola")
    office.turn()
    office.set_owner(owner)
    office.agent.decides(erase=True, replies=(Content(text="adiós"),))
    office.hears("bórralo todo", at_s=(2 * LONG_AGO_S,))
    assert office.turn() == "recorded"
    moved = {"event": "user_changed_number", "new": {"phone": "+34600000002"}, "new_keys": ["whatsapp:34600000002"]}
    office.hears("", kind="system", extra=moved, at_s=(2 * LONG_AGO_S,))
    assert office.turn() == "recorded"
    assert office.records.record(ANA) is not None
    assert office.records.resolve("whatsapp:34600000002") == "whatsapp:34600000002"
    assert office.owner() == owner


def test_the_crm_shows_it_too(new_ledger: Any, skew: Skew) -> None:
    office = Office(new_ledger(debounce_s=0, mirrors=True), skew)
    office.hears("", kind="image", media=Media(id="M1"), at_s=(LONG_AGO_S,))
    assert office.turn() == "recorded"
    assert len(office.claim("mirror").jobs) == 2, "the message and the lead"


def test_a_clock_that_is_weeks_ahead_makes_nothing_old(office: Office, skew: Skew, ours: Ours) -> None:
    now = office.ledger.server_time()
    skew.advance(30 * DAY_S)
    ahead = office.ledger.server_time()
    office.hears("hola", at_s=((now - ahead).total_seconds(),))
    assert office.turn() == "answered"
    skew.advance(-30 * DAY_S)
    ours.off_s = 30 * DAY_S
    office.hears("hola")
    assert office.turn() == "answered"


def test_how_far_the_clocks_are_apart_is_known(office: Office, skew: Skew) -> None:
    assert abs(office.ledger.clock_off_s()) < 60
    skew.advance(2 * DAY_S)
    assert abs(office.ledger.clock_off_s() - 2 * DAY_S) < 60
    office.hears("hola")
    claim = office.claim("turns")
    assert not claim.clock_agrees
    assert abs(claim.clock_off - timedelta(days=2)) < timedelta(seconds=60)
