"""The worker process: who is due is worked on as soon as there is room, and doors are served first."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from bench.installation import Installation
from src import worker
from src.desk.delivery import Deliveries
from src.desk.ports import Claim, Settlement
from src.integrations.ledger.redis_ledger import RedisLedger
from src.worker import Worker
from tests.integrations.ledger_kit import arrival
from tests.kit.product import eventually


class SettlingTurns:
    """Does nothing and says so."""

    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger = ledger
        self.answered: list[str] = []

    def work(self, claim: Claim) -> str:
        self._ledger.commit(claim, Settlement(done=[job.id for job in claim.jobs]))
        self.answered.append(claim.contact)
        return "answered"


def test_nobody_waits_for_a_poll_when_all_wrote_at_once(
    new_ledger: Callable[..., RedisLedger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More people on every shard than one thread may take in hand, and no bell: they wrote before the worker came."""
    monkeypatch.setattr(worker, "POLL_S", 3600.0)
    ledger = new_ledger(debounce_s=0.0, shards=8)
    people = [f"whatsapp:346000{number:05d}" for number in range(60)]
    ledger.accept([arrival("hola", contact) for contact in people])
    turns: Any = SettlingTurns(ledger)
    process = Worker(ledger, turns, Deliveries(ledger, {}, monotonic=lambda: 0.0), threads=1)
    others = set(threading.enumerate())
    running = threading.Thread(target=process.run)
    running.start()
    try:
        eventually(lambda: len(turns.answered) == len(people), within_s=15)
        assert sorted(turns.answered) == people
    finally:
        process.stop()
        running.join()
        helpers = ("(_listen)", "(_beat)", "(_renew)")
        eventually(lambda: not [one for one in threading.enumerate() if one not in others and one.name.endswith(helpers)])


def test_doors_and_store_come_first() -> None:
    with Installation({}) as product:
        product.start_workers(1)
        here = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, product.workers[0].pid) == min(here + worker.NICENESS, 19)
