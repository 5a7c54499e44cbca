"""Servers and ledgers for all tests. A server missing here skips; on CI it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import settings

from src.integrations.ledger.embedded_valkey import EmbeddedValkey
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from tests.kit.skips import pytest_sessionfinish, pytest_terminal_summary  # noqa: F401 - pytest looks for its hooks here

settings.register_profile("default", deadline=None)  # how long one example takes says more of the machine than of us
settings.register_profile("long", max_examples=4_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The embedded server, as shipped."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def debian_redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real redis-server, on a unix socket of its own."""
    binary = shutil.which("redis-server")
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail("redis-server is not installed: apt-get install redis-server")
        pytest.skip("redis-server is not installed here; on CI this fails")
    directory = tmp_path_factory.mktemp("redis")
    socket = directory / "redis.sock"
    process = subprocess.Popen(
        [binary, "--port", "0", "--unixsocket", str(socket), "--dir", str(directory), "--appendonly", "yes", "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    url = f"unix://{socket}"
    wait_for_store(url)
    yield url
    process.terminate()
    process.wait(timeout=10)


def wait_for_store(url: str, within_s: float = 15.0) -> None:
    """Returns when the store answers."""
    deadline_s = time.monotonic() + within_s
    client = connect(url)
    while True:
        try:
            client.ping()
        except redis.RedisError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.02)
        else:
            client.close()
            return


class Skew:
    """Moves the store's clock for a ledger under test."""

    def __init__(self) -> None:
        self.milliseconds = 0

    def advance(self, seconds: float) -> None:
        self.milliseconds += round(seconds * 1000)

    def __call__(self) -> int:
        return self.milliseconds


@pytest.fixture(params=["valkey", "redis"])
def store_url(request: pytest.FixtureRequest) -> str:
    """Both servers, one after the other."""
    return str(request.getfixturevalue("valkey_url" if request.param == "valkey" else "debian_redis_url"))


@pytest.fixture
def skew() -> Skew:
    return Skew()


@pytest.fixture
def new_ledger(store_url: str, skew: Skew) -> Iterator[Callable[..., RedisLedger]]:
    """Makes ledgers on an empty store; every one has its own connection."""
    client = connect(store_url)
    client.flushall()
    opened = [client]

    def make(**options: object) -> RedisLedger:
        own = connect(store_url)
        opened.append(own)
        return RedisLedger(lambda: own, skew_ms=skew, **options)  # type: ignore[arg-type]

    yield make
    for connection in opened:
        connection.close()


@pytest.fixture
def project_root() -> Path:
    return Path(__file__).resolve().parents[1]
