"""Everybody is given to the mirror once, also by a run that goes on where another stopped."""

from __future__ import annotations

from collections.abc import Callable

from src.desk import jobs
from src.desk.resync import PAGE, Resync
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.views import RedisRecords
from tests.integrations.ledger_kit import arrival

PEOPLE = [f"whatsapp:346{number:08d}" for number in range(PAGE + 20)]


def test_an_interrupted_run_goes_on_where_it_stopped(new_ledger: Callable[..., RedisLedger]) -> None:
    ledger = new_ledger(debounce_s=0.0, mirrors=True)
    ledger.accept([jobs.arrival(arrival("hola", contact).inbound) for contact in PEOPLE])
    resync = Resync(ledger, RedisRecords(ledger))
    started_at = ledger.server_time()
    cursor = next(resync.everybody("", "r1"))
    waiting = sum(ledger.claim("mirror", contact) is not None for contact in PEOPLE)
    assert (bool(cursor), waiting) == (True, PAGE)
    assert list(resync.everybody(cursor, "r2"))[-1] == ""
    waiting += sum(ledger.claim("mirror", contact) is not None for contact in PEOPLE)
    assert waiting == len(PEOPLE)
    ledger.accept([jobs.arrival(arrival("otra vez", PEOPLE[3]).inbound)])
    assert resync.since(started_at, "r3") <= 1


def test_nobody_is_nobody(new_ledger: Callable[..., RedisLedger]) -> None:
    ledger = new_ledger(mirrors=True)
    assert Resync(ledger, RedisRecords(ledger)).one("whatsapp:34600000009", "r") == 0
