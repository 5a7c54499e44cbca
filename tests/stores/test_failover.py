"""A master dies, hangs or steps down under a ledger that is being used: whoever was connected goes on by himself."""

from __future__ import annotations

import functools
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from src.errors import LedgerUnavailable
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import SOCKET_TIMEOUT_S, connect
from src.integrations.ledger.views import RedisRecords
from tests.integrations.ledger_kit import ANA, arrival, audit, done, queued, take, texts
from tests.kit.product import eventually
from tests.stores.servers import NOTICED_WITHIN_MS, Cluster, Server, Watched

Replicated = Cluster | Watched
EVERYBODY = [ANA, *(f"whatsapp:346000003{number:02d}" for number in range(7))]


@contextmanager
def started(kind: str, directory: Path) -> Iterator[Replicated]:
    """Every master has a replica."""
    servers = Cluster(directory, replicas=True) if kind == "cluster" else Watched(directory, password="p/a:s@s")
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


@pytest.fixture(scope="module", params=["cluster", "sentinel"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicated]:
    """For tests that leave it as it was; the one that does not comes last."""
    with started(request.param, tmp_path_factory.mktemp(request.param) / "servers") as servers:
        yield servers


@pytest.fixture(params=["cluster", "sentinel"])
def own_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Replicated]:
    with started(request.param, tmp_path / "servers") as servers:
        yield servers


@contextmanager
def ledger_on(store: Replicated, **options: Any) -> Iterator[RedisLedger]:
    """A process of its own on that store."""
    client = connect(store.url)
    yield RedisLedger(lambda: client, debounce_s=0.0, **options)
    client.close()


@pytest.fixture
def ledger(store: Replicated) -> Iterator[RedisLedger]:
    with ledger_on(store) as on_store:
        on_store.client.flushall()
        yield on_store


def master_of(store: Replicated, ledger: RedisLedger) -> Server:
    """Who has Ana's data."""
    master = eventually(lambda: store.master_of(ledger.keys.of_contact(ANA, "record")))
    assert master is not None
    return master


def has_changed(store: Replicated, ledger: RedisLedger, old: Server) -> bool:
    return store.master_of(ledger.keys.of_contact(ANA, "record")) not in (old, None)


def test_a_late_answer_is_nobody_elses(store: Replicated, ledger: RedisLedger) -> None:
    store.notice_within(60_000)
    client: Any = ledger.client
    one, other = (ledger.keys.of_contact(ANA, name) for name in ("one", "other"))
    client.mset({one: "for one", other: "for the other"})
    master = master_of(store, ledger)
    master.freeze()
    with pytest.raises(redis.TimeoutError):
        client.get(one)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(client.get, other)
        time.sleep(0.3)
        master.resume()
        assert answer.result() == b"for the other"
    store.notice_within(NOTICED_WITHIN_MS)


def test_without_its_replica_nothing_is_accepted_that_should_be_there_twice(store: Replicated, ledger: RedisLedger) -> None:
    item = arrival("dos")
    master = master_of(store, ledger)
    with ledger_on(store, wait_replicas=1) as careful:
        careful.accept([arrival("uno")])
        master.lose_replicas()
        with pytest.raises(LedgerUnavailable, match="0 of 1 replicas"):
            careful.accept([item])
        master.find_replicas()
        attempts_until_done(lambda: careful.accept([item]))
    assert texts(take(ledger)) == ["uno", "dos"]


def dies(_: Replicated, master: Server) -> None:
    master.kill()


def hangs(_: Replicated, master: Server) -> None:
    master.freeze()


def steps_down(store: Replicated, master: Server) -> None:
    store.step_down(master)


@pytest.mark.faults
@pytest.mark.parametrize("falls", [hangs, steps_down])
def test_whoever_was_connected_goes_on_after(falls: Callable[[Replicated, Server], None], own_store: Replicated) -> None:
    with ledger_on(own_store) as ledger:
        goes_on(own_store, ledger, falls)


@pytest.mark.faults
def test_who_comes_back_is_a_replica_and_may_take_over_again(own_store: Replicated) -> None:
    with ledger_on(own_store) as ledger:
        for number in range(3):
            item = arrival(f"n{number}")
            attempts_until_done(functools.partial(ledger.accept, [item]))
            old = master_of(own_store, ledger)
            eventually(old.has_replica)
            old.kill()
            eventually(functools.partial(has_changed, own_store, ledger, old), within_s=30)
            old.start()
            eventually(own_store.is_whole, within_s=60)
        assert texts(take(ledger)) == ["n0", "n1", "n2"]


def test_whoever_was_connected_goes_on_when_another_takes_over(store: Replicated, ledger: RedisLedger) -> None:
    goes_on(store, ledger, dies)


def goes_on(store: Replicated, ledger: RedisLedger, falls: Callable[[Replicated, Server], None]) -> None:
    ledger.accept([arrival("uno", contact) for contact in EVERYBODY])
    turn = take(ledger)
    old = master_of(store, ledger)
    eventually(old.has_replica)
    with ledger_on(store) as listening, Listener(listening) as listener:
        falls(store, old)
        refused = attempts_until_done(lambda: ledger.commit(turn, done(turn, state=b"{}", deliveries=[("o1", b"1")])))
        refused += attempts_until_done(lambda: ledger.accept([arrival("dos", contact) for contact in EVERYBODY]))
        eventually(lambda: has_changed(store, ledger, old))

        if falls is not steps_down:
            assert refused, "nobody noticed"
        assert texts(take(ledger)) == ["dos"]
        assert queued(ledger, "delivery", ANA) == ["o1"]
        assert RedisRecords(ledger).figures()["lanes"]["turns"]["depth"] == 2 * len(EVERYBODY) - 1
        assert audit(ledger, round(ledger.server_time().timestamp() * 1000)) == []
        listener.rung.clear()
        eventually(lambda: ledger.accept([arrival("tres", EVERYBODY[1])]) and listener.rung.wait(0.2))

    for failure, took_s in refused:
        assert_tells_nothing_personal(failure)
        assert took_s < 2.5 * SOCKET_TIMEOUT_S


def attempts_until_done(attempt: Callable[[], object], within_s: float = 30.0) -> list[tuple[LedgerUnavailable, float]]:
    """Tries like somebody who is told 503, until it works. Returns what came in between, with the seconds each took; any
    other error fails the test."""
    refused: list[tuple[LedgerUnavailable, float]] = []
    deadline_s = time.monotonic() + within_s
    while True:
        began_s = time.monotonic()
        try:
            attempt()
        except LedgerUnavailable as failure:
            refused.append((failure, time.monotonic() - began_s))
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)
        else:
            return refused


def assert_tells_nothing_personal(failure: BaseException) -> None:
    told: BaseException | None = failure
    while told is not None:
        assert not re.search(r"34600000|wamid|\bdos\b", repr(told)), repr(told)
        told = told.__cause__


class Listener:
    """Hears the doorbell as a worker does: when the connection breaks it listens again."""

    def __init__(self, ledger: RedisLedger) -> None:
        self.rung = threading.Event()
        self._stopped = threading.Event()
        self._ledger = ledger
        self._thread = threading.Thread(target=self._listen)

    def _listen(self) -> None:
        while not self._stopped.is_set():
            try:
                self._ledger.listen(lambda shard, in_s: self.rung.set(), self._stopped.is_set)
            except LedgerUnavailable:
                self._stopped.wait(0.1)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
