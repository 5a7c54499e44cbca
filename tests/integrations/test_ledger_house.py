"""What the house decides, in the store: versions, clashes, who and when, and how every process learns of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from src.house.changes import back_to
from src.integrations.ledger.house import LOOK_EVERY_S, CurrentHouse, RedisHouse
from src.integrations.ledger.redis_ledger import RedisLedger

NewLedger = Callable[..., RedisLedger]


@pytest.fixture
def house(new_ledger: NewLedger) -> RedisHouse:
    return RedisHouse(new_ledger())


def test_nothing_is_stored_at_first(house: RedisHouse) -> None:
    assert (house.version(), house.read().values, house.changes()) == (0, {}, [])


def test_a_change_is_stored_with_who_and_when_and_what_was_before(house: RedisHouse) -> None:
    assert house.write({"company_name": "Ñandú/1", "retention_days": 20}, by="Ana", seen=None) == (1, [])
    assert house.write({"company_name": None}, by="Bea", seen=1) == (2, [])
    stored = house.read()
    assert (stored.version, stored.values) == (2, {"retention_days": 20})
    name = stored.settings["company_name"]
    assert (name.value, name.version, name.by) == (None, 2, "Bea")
    last, *_ = house.changes()
    assert (last.version, last.by, last.name, last.before, last.after) == (2, "Bea", "company_name", "Ñandú/1", None)
    assert abs((last.at - name.at).total_seconds()) == 0
    assert back_to(0, house.changes()) == {"company_name": None, "retention_days": None}


def test_what_stays_as_it_was_is_no_change(house: RedisHouse) -> None:
    house.write({"retention_days": 20}, by="Ana", seen=None)
    assert house.write({"retention_days": 20, "timezone": None}, by="Bea", seen=0) == (1, [])
    assert len(house.changes()) == 1


def test_of_two_who_change_one_setting_the_second_is_told_and_writes_nothing(house: RedisHouse) -> None:
    house.write({"retention_days": 20}, by="Ana", seen=0)
    assert house.write({"retention_days": 30, "company_name": "Bea"}, by="Bea", seen=0) == (0, ["retention_days"])
    assert house.read().values == {"retention_days": 20}


def test_two_who_change_different_settings_do_not_clash(house: RedisHouse) -> None:
    house.write({"retention_days": 20}, by="Ana", seen=0)
    assert house.write({"company_name": "Bea"}, by="Bea", seen=0) == (2, [])


def test_a_value_that_was_taken_away_meanwhile_clashes_too(house: RedisHouse) -> None:
    house.write({"retention_days": 20}, by="Ana", seen=0)
    house.write({"retention_days": None}, by="Ana", seen=1)
    assert house.write({"retention_days": 30}, by="Bea", seen=1) == (0, ["retention_days"])


def test_of_many_at_once_one_wins(new_ledger: NewLedger) -> None:
    houses = [RedisHouse(new_ledger()) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: houses[n].write({"retention_days": n + 1}, by=str(n), seen=0), range(8)))
    assert sorted(clashes == [] for _, clashes in answers) == [False] * 7 + [True]
    assert len(houses[0].changes()) == 1


class Time:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_another_process_knows_within_two_seconds(new_ledger: NewLedger) -> None:
    time, writer = Time(), RedisHouse(new_ledger())
    current = CurrentHouse(RedisHouse(new_ledger()), {"company_name": "Del entorno"}, time)
    before = current()
    writer.write({"retention_days": 20, "company_name": "Guardado"}, by="Ana", seen=None)
    assert current() is before
    time.now_s += LOOK_EVERY_S
    after = current()
    assert (after.retention_days, after.company_name) == (20, "Del entorno")
    time.now_s += LOOK_EVERY_S
    assert current() is after  # whoever made something of it need not make it again


def test_while_the_store_is_away_what_was_last_decided_holds() -> None:
    time = Time()

    def gone() -> None:
        raise ConnectionError

    ledger = RedisLedger(gone)  # type: ignore[arg-type]
    house = RedisHouse(ledger)
    current = CurrentHouse(house, {"retention_days": 40}, time)
    with pytest.MonkeyPatch.context() as patch:
        from src.errors import LedgerUnavailable  # noqa: PLC0415

        patch.setattr(house, "version", lambda: (_ for _ in ()).throw(LedgerUnavailable("away")))
        assert current().retention_days == 40
        time.now_s += LOOK_EVERY_S
        assert current().retention_days == 40
