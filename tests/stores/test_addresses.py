"""What `REDIS_URL` may say of a Cluster and of Sentinels, and what happens when those it names are gone."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis

from src.errors import ConfigurationError, LedgerUnavailable
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import CONNECT_TIMEOUT_S, connect
from tests.integrations.ledger_kit import arrival, take, texts
from tests.kit.rig import free_port
from tests.stores.servers import Cluster


def asked(url: str) -> list[tuple[str, int]]:
    """The Sentinels that this address leads to."""
    pool: Any = connect(url).connection_pool  # type: ignore[union-attr]
    told = [sentinel.connection_pool.connection_kwargs for sentinel in pool.sentinel_manager.sentinels]
    return [(options["host"], options["port"]) for options in told]


def options(url: str) -> dict[str, Any]:
    """What the master is told by whoever connects to this address."""
    pool: Any = connect(url).connection_pool  # type: ignore[union-attr]
    return {"master": pool.service_name, **pool.connection_kwargs}


def test_all_sentinels_of_an_address_are_asked() -> None:
    assert asked("redis+sentinel://one:1,two,[::1]:3,[fe80::1]/house") == [
        ("one", 1), ("two", 26379), ("::1", 3), ("fe80::1", 26379),
    ]  # fmt: skip


@pytest.mark.parametrize("database", ["/house/7", "/house?db=7"])
def test_the_master_is_told_who_we_are_and_which_database(database: str) -> None:
    told = options(f"redis+sentinel://io%40house:p%2Fa%3As%40s@one,two{database}")
    assert (told["master"], told["db"], told["username"], told["password"]) == ("house", 7, "io@house", "p/a:s@s")


def test_a_password_alone_belongs_to_the_default_user() -> None:
    told = options("redis+sentinel://:secret@one/house")
    assert (told["username"], told["password"], told["db"]) == (None, "secret", 0)


def test_nobody_is_told_a_password_that_was_not_given() -> None:
    told = options("redis+sentinel://one/house")
    assert (told["username"], told["password"]) == (None, None)


def test_sentinels_may_have_a_password_of_their_own() -> None:
    pool: Any = connect("redis+sentinel://:of-master@one/house?sentinel_password=of%2Fsentinel").connection_pool  # type: ignore[union-attr]
    asked_with = pool.sentinel_manager.sentinels[0].connection_pool.connection_kwargs
    assert asked_with["password"] == "of/sentinel"
    assert pool.connection_kwargs["password"] == "of-master"


def test_everything_is_encrypted_when_asked_for() -> None:
    pool: Any = connect("redis+sentinel://one/house?ssl=true").connection_pool  # type: ignore[union-attr]
    assert issubclass(pool.connection_class, redis.SSLConnection)
    assert issubclass(pool.sentinel_manager.sentinels[0].connection_pool.connection_class, redis.SSLConnection)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one:26379",
        "redis+sentinel://one:x/house",
        "redis+sentinel://one:99999/house",
        "redis+sentinel:///house",
        "redis+sentinel://one/house/seven",
        "redis+cluster://one:x",
        "redis+cluster://",
        "redis+cluster://one:7000/3",
        "http://one:6379",
    ],
)
def test_an_address_that_cannot_work_is_a_fault_of_the_configuration(url: str) -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL"):
        connect(url)


def test_a_cluster_is_found_by_any_node_that_lives(cluster: Cluster) -> None:
    living = cluster.servers[1].port
    client = connect(f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{living}")
    ledger = RedisLedger(lambda: client, debounce_s=0.0)
    client.flushall()
    ledger.accept([arrival("hola")])
    assert texts(take(ledger)) == ["hola"]
    client.close()


@pytest.mark.parametrize(
    "url", ["redis+cluster://127.0.0.1:{0},127.0.0.1:{1}", "redis+sentinel://127.0.0.1:{0},127.0.0.1:{1}/house"]
)
def test_a_store_of_which_nobody_answers_is_unavailable(url: str) -> None:
    address = url.format(free_port(), free_port())
    began_s = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        RedisLedger(lambda: connect(address)).ping()
    assert time.monotonic() - began_s < 2 * CONNECT_TIMEOUT_S, "those who are gone were asked again and again"
