"""Redis or Valkey as a thing that runs scripts: addresses, scripts, and errors turned into ours.

Versions from 6.2, no modules, a single node, Sentinel or a Cluster.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel

from src.errors import ConfigurationError, LedgerUnavailable

_LUA = Path(__file__).parent / "lua"
_PARTS = {
    "accept": ("_contact", "_identify"),
    "foreign": ("_contact", "_foreign"),
    "forget": ("_contact", "_foreign"),
}
SOCKET_TIMEOUT_S = 2.5
CONNECT_TIMEOUT_S = 1.0
REPLICAS_WITHIN_MS = 500

Client = redis.Redis | RedisCluster


def connect(url: str) -> Client:
    """A client for redis://, rediss://, unix://, redis+cluster:// or redis+sentinel://host:port,…/master.

    It connects on first use. A broken connection is tried once more at once: every script may safely be repeated. A store
    that does not answer in time is not asked again: whoever waits for us has no time for that.
    """
    options: dict[str, Any] = {
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        "health_check_interval": 30,
    }
    parts = urlsplit(url)
    if parts.scheme == "redis+cluster":
        plain = urlunsplit(parts._replace(scheme="rediss" if "ssl=true" in parts.query else "redis", query=""))
        cluster: RedisCluster = RedisCluster.from_url(plain, **options)
        return cluster
    if parts.scheme == "redis+sentinel":
        return _sentinel_master(url, options)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ConfigurationError(
            [f"REDIS_URL: '{parts.scheme}://' is not known; use redis, rediss, unix, redis+cluster, redis+sentinel"]
        )
    client: redis.Redis = redis.Redis.from_url(url, **options)
    return client


def _sentinel_master(url: str, options: dict[str, Any]) -> redis.Redis:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    nodes = []
    for host in hosts.split(","):
        name, _, port = host.partition(":")
        nodes.append((name, int(port or 26379)))
    path = [piece for piece in parts.path.split("/") if piece]
    if not path:
        raise ConfigurationError(
            ["REDIS_URL: redis+sentinel:// needs the master's name as path: redis+sentinel://host:26379/mymaster"]
        )
    database = int(path[1]) if len(path) > 1 else int(parse_qs(parts.query).get("db", ["0"])[0])
    sentinel = Sentinel(nodes, socket_timeout=CONNECT_TIMEOUT_S)  # type: ignore[no-untyped-call]
    master: redis.Redis = sentinel.master_for(  # type: ignore[no-untyped-call]
        path[0], db=database, username=username or None, password=password or None, **options
    )
    return master


@contextmanager
def ledger_errors() -> Iterator[None]:
    """Whatever keeps the store from answering becomes LedgerUnavailable, with the store's word and nothing of the data."""
    try:
        yield
    except RedisError as error:
        first_words = " ".join(str(error).split()[:8])
        raise LedgerUnavailable(f"{type(error).__name__}: {first_words}") from error


class Scripts:
    """Our Lua, run by digest. A store that does not know a script yet (or any more) is given its text."""

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client

    @functools.cache  # noqa: B019 - one instance per process, a dozen scripts
    def _load(self, name: str) -> tuple[str, str]:
        parts = (*_PARTS.get(name, ("_contact",)), name)
        text = "\n".join((_LUA / f"{part}.lua").read_text(encoding="utf-8") for part in parts)
        return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def run(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """The script's answer. Raises LedgerUnavailable."""
        text, digest = self._load(name)
        client = self._client()
        with ledger_errors():
            try:
                return client.evalsha(digest, len(keys), *keys, *args)
            except NoScriptError:
                return client.eval(text, len(keys), *keys, *args)

    def run_many(self, name: str, calls: Sequence[tuple[Sequence[str], Sequence[Any]]], *, replicas: int = 0) -> list[Any]:
        """One script many times: in one round trip on a single node, one by one on a Cluster. Raises LedgerUnavailable when
        one of them could not be done; the others were. `replicas`: how many must have it too (a single node only)."""
        client = self._client()
        if isinstance(client, RedisCluster) or (len(calls) == 1 and not replicas):
            return [self.run(name, keys, args) for keys, args in calls]
        text, digest = self._load(name)
        with ledger_errors():
            pipeline = client.pipeline(transaction=False)
            for keys, args in calls:
                pipeline.evalsha(digest, len(keys), *keys, *args)
            if replicas:  # waits for what was written on the same connection
                pipeline.execute_command("WAIT", replicas, REPLICAS_WITHIN_MS)  # type: ignore[no-untyped-call]
            answers = pipeline.execute(raise_on_error=False)
            confirmed = answers.pop() if replicas else 0
            unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if unknown:
                client.script_load(text)
                again = self.run_many(name, [calls[place] for place in unknown], replicas=replicas)
                answers = [again.pop(0) if place in unknown else answer for place, answer in enumerate(answers)]
            for answer in [*answers, confirmed]:
                if isinstance(answer, Exception):
                    raise answer
            if confirmed < replicas:
                raise LedgerUnavailable(f"written, but only {confirmed} of {replicas} replicas have it")
        return answers
