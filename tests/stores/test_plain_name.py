"""A store behind one name, as managed stores and service names are: the primary is demoted, keeps every connection open, and
the name leads to another server from then on."""

from __future__ import annotations

import functools
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from src.errors import LedgerUnavailable
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from tests.integrations.ledger_kit import arrival, take, texts
from tests.kit.product import eventually
from tests.kit.rig import free_port
from tests.stores.servers import Server
from tests.stores.test_failover import Listener, attempts_until_done

A_FEW = 3


class Name(socketserver.ThreadingTCPServer):
    """Passes new connections on to whom it leads to now. Those there are stay where they are."""

    daemon_threads = True

    def __init__(self, leads_to: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.leads_to = leads_to
        self.url = f"redis://127.0.0.1:{self.server_address[1]}"


class _Passage(socketserver.BaseRequestHandler):
    server: Name

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.leads_to)) as beyond:
            ends = {self.request: beyond, beyond: self.request}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    try:
                        data = end.recv(65_536)
                        ends[end].sendall(data)
                    except OSError:
                        return
                    if not data:
                        return


class Managed:
    """Two servers behind one name; the second has what the first has."""

    def __init__(self, directory: Path) -> None:
        quick = ("--save", "", "--shutdown-timeout", 0, "--repl-diskless-sync-delay", 0)
        self.first = Server(directory / "first", *quick)
        self.second = Server(directory / "second", *quick, "--replicaof", "127.0.0.1", self.first.port)
        self.name = Name(self.first.port)

    def __enter__(self) -> Managed:
        self.first.start()
        self.second.start()
        eventually(self.first.has_replica, within_s=30)
        threading.Thread(target=self.name.serve_forever, daemon=True, kwargs={"poll_interval": 0.05}).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.name.shutdown()
        self.name.server_close()
        self.second.stop()
        self.first.stop()

    def demote(self) -> None:
        """The second takes over. Nothing reaches the first any more, and the name does not know it yet."""
        eventually(self.first.has_replica, within_s=30)
        self.second.client.replicaof("NO", "ONE")
        self.first.client.replicaof("127.0.0.1", free_port())

    def lead_on(self) -> None:
        """The name leads to the second."""
        self.name.leads_to = self.second.port


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Managed]:
    with Managed(tmp_path / "servers") as servers:
        yield servers


@pytest.fixture
def ledger(store: Managed) -> Iterator[RedisLedger]:
    client = connect(store.name.url)
    yield RedisLedger(lambda: client, debounce_s=0.0)
    client.close()


@contextmanager
def connected(ledger: RedisLedger, number: int) -> Iterator[None]:
    """Afterwards that many connections lie in the pool."""
    pool: Any = ledger.client.connection_pool  # type: ignore[union-attr]
    with ExitStack() as released:
        for _ in range(number):
            released.callback(pool.release, pool.get_connection())
    yield


def by_command(ledger: RedisLedger) -> object:
    ledger.ping()
    return None


def by_script(ledger: RedisLedger) -> object:
    return ledger.accept([arrival("one")])


def by_pipeline(ledger: RedisLedger) -> object:
    return ledger.accept([arrival("one"), arrival("two")])


@pytest.mark.parametrize("write", [by_command, by_script, by_pipeline])
def test_a_demoted_primary_is_left(write: Callable[[RedisLedger], object], store: Managed, ledger: RedisLedger) -> None:
    write(ledger)
    with connected(ledger, 4):
        store.demote()
        for _ in range(A_FEW):
            with pytest.raises(LedgerUnavailable):
                write(ledger)
        store.lead_on()
        assert len(attempts_until_done(functools.partial(write, ledger), within_s=3)) <= A_FEW


def test_what_was_refused_is_done_once(store: Managed, ledger: RedisLedger) -> None:
    ledger.accept([arrival("one")])
    store.demote()
    item = arrival("two")
    with pytest.raises(LedgerUnavailable):
        ledger.accept([item])
    store.lead_on()
    attempts_until_done(lambda: ledger.accept([item]), within_s=3)
    assert texts(take(ledger)) == ["one", "two"]


def test_once_the_name_has_changed_nobody_notices(store: Managed, ledger: RedisLedger) -> None:
    ledger.accept([arrival("one")])
    store.demote()
    store.lead_on()
    ledger.accept([arrival("two")])
    assert texts(take(ledger)) == ["one", "two"]


def test_nobody_reads_what_a_demoted_primary_remembers(store: Managed, ledger: RedisLedger) -> None:
    with connected(ledger, 4):
        client: Any = ledger.client
        pool = client.connection_pool
        in_use = pool.get_connection()
        store.demote()
        store.lead_on()
        client.set("told", "after")
        pool.release(in_use)
        with ExitStack() as released:
            for _ in range(5):
                connection = pool.get_connection()
                released.callback(pool.release, connection)
                connection.send_command("GET", "told")
                assert connection.read_response() == b"after"


def test_one_that_lost_its_primary_and_says_nothing_stale_is_left(store: Managed, ledger: RedisLedger) -> None:
    ledger.ping()
    store.first.client.config_set("replica-serve-stale-data", "no")
    store.demote()
    with pytest.raises(LedgerUnavailable):
        ledger.paused()
    store.lead_on()
    assert len(attempts_until_done(ledger.ping, within_s=3)) <= A_FEW


SAYS = [
    "READONLY You can't write against a read only replica. script: 0, on @user_script:1.",
    "ERR Error running script (call to f_0): @user_script:1: @user_script: 1: -READONLY You can't write against a replica.",
    "EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "LOADING Redis is loading the dataset in memory",
]  # fmt: skip


@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize("pipelined", [False, True])
def test_however_a_server_says_that_it_is_not_the_primary(says: str, pipelined: bool, store: Managed) -> None:
    """Versions word it differently: the server that cannot write is made to say it in those words."""
    refused = "if done.err then return redis.error_reply(ARGV[1]) end"
    script = f"local done = redis.pcall('SET', KEYS[1], '1')\n{refused}\nreturn 'written'"

    def write(client: Any) -> Any:
        if not pipelined:
            return client.eval(script, 1, "told", says)
        pipeline = client.pipeline(transaction=False)
        pipeline.eval(script, 1, "told", says)
        return pipeline.execute(raise_on_error=False)[0]

    with connect(store.name.url) as client:
        write(client)
        store.demote()
        with pytest.raises(redis.ConnectionError):
            write(client)
        store.lead_on()
        assert write(client) == b"written"


def test_an_error_of_another_kind_keeps_the_connection(store: Managed) -> None:
    with connect(store.name.url) as client:
        before: Any = client.client_id()
        with pytest.raises(redis.ResponseError, match="READONLY"):
            client.eval("return redis.error_reply('ERR a customer wrote READONLY once')", 0)
        assert client.client_id() == before


@pytest.mark.parametrize("late", [False, True])
def test_the_doorbell_is_heard_from_the_new_primary(late: bool, store: Managed, ledger: RedisLedger) -> None:
    """In one process, as in a worker: whoever writes notices, and whoever only listens is told."""
    ledger.ping()
    with Listener(ledger) as listener:
        eventually(lambda: ledger.accept([arrival("one")]) and listener.rung.wait(0.2))
        store.demote()
        if late:
            with pytest.raises(LedgerUnavailable):
                ledger.ping()
            eventually(lambda: store.first.client.pubsub_numsub("iv:bell")[0][1] == 0)
        store.lead_on()
        attempts_until_done(ledger.ping, within_s=3)
        listener.rung.clear()
        eventually(lambda: ledger.accept([arrival("two")]) and listener.rung.wait(0.2), within_s=5)
