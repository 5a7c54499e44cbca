"""Redis or Valkey as a thing that runs scripts: addresses, scripts, and errors turned into ours.

Versions from 6.2, no modules, a single node, Sentinel or a Cluster.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import re
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import AbstractConnection, ConnectionPool
from redis.exceptions import MasterDownError, MovedError, NoScriptError, RedisClusterException, RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection, SentinelManagedSSLConnection

from src.errors import ConfigurationError, LedgerUnavailable

_LUA = Path(__file__).parent / "lua"
_PARTS = {
    **dict.fromkeys(("amend", "commit", "join", "leave", "speak"), ("_lists",)),
    "accept": ("_lists", "_identify"),
    "foreign": ("_foreign",),
    "forget": ("_lists", "_foreign"),
}
"""What a script is made of beside what all of them share."""
SOCKET_TIMEOUT_S = 2.5
CONNECT_TIMEOUT_S = 1.0
REPLICAS_WITHIN_MS = 500
_OPTIONS: dict[str, Any] = {
    "socket_timeout": SOCKET_TIMEOUT_S,
    "socket_connect_timeout": CONNECT_TIMEOUT_S,
    "health_check_interval": 30,
}

Client = redis.Redis | RedisCluster
Document = Mapping[str, Any]
"""What a script is asked, by name. Texts that are bytes go through `as_text`."""
_pack = msgspec.msgpack.Encoder().encode
_KEY_NAME = re.compile(r"\w+(\.\w+)*", re.ASCII)


def connect(url: str) -> Client:
    """A client for redis://, rediss://, unix://, redis+cluster://host:port,… or redis+sentinel://host:port,…/master[/db].

    Of a Cluster or of the Sentinels any that lives will do; `?ssl=true` encrypts, `&sentinel_username=` and
    `&sentinel_password=` are what the Sentinels themselves ask for. Credentials are percent-encoded. It connects on first use,
    except to a Cluster, whose layout it learns at once. A broken connection is tried once more at once: every script may
    safely be repeated. A connection to a server that is not the primary (any more) is a broken one, and with it all others:
    the next command goes to whoever has the name by then. A store that does not answer in time is not asked again: whoever
    waits for us has no time for that.
    Raises ConfigurationError.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "redis+cluster":
        return _cluster(_Address.read(rest))
    if scheme == "redis+sentinel":
        return _sentinel_master(_Address.read(rest))
    if scheme not in ("redis", "rediss", "unix"):
        raise ConfigurationError(
            [f"REDIS_URL: '{scheme}://' is not known; use redis, rediss, unix, redis+cluster, redis+sentinel"]
        )
    client: redis.Redis = redis.Redis.from_url(url, retry=_once_more(), **_OPTIONS)
    pool: Any = client.connection_pool
    pool.connection_class = _NAMED[pool.connection_class]
    return _leaving_together(client)


def _once_more() -> Retry:
    return Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))


class NotPrimary(redis.ConnectionError):
    """Who answers there cannot write, or does not serve at all yet. Of what it answered this to, nothing was written."""


_REFUSED = re.compile(r"(?:^|: -|because of: )(?:READONLY|MASTERDOWN|LOADING) ")
"""The word comes first, or within another error: of a script up to version 6.2, of a transaction."""


class _PrimaryConnection(AbstractConnection):
    """Ends when its server is not the primary, and with it the others of its pool: those that lie idle now, those in use as
    soon as they are given back or, listening, wait again. They would be refused too, or read what has long been overwritten."""

    def __init__(self, *, pool: weakref.ref[ConnectionPool], **options: Any) -> None:
        self._pool = pool
        super().__init__(**options)

    def on_connect_check_health(self, check_health: bool = True) -> None:
        super().on_connect_check_health(check_health=check_health)
        greeting: Any = self.handshake_metadata or {}  # a greeting comes with protocol 3 alone
        if greeting.get(b"role", greeting.get("role")) in (b"replica", "replica"):
            raise NotPrimary("READONLY the name leads to a replica")

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)
        except (redis.ResponseError, redis.BusyLoadingError) as error:
            known = isinstance(error, (redis.ReadOnlyError, MasterDownError, redis.BusyLoadingError))
            if not known and not _REFUSED.search(str(error)):
                raise
            pool = self._pool()
            if pool is not None:
                pool.update_active_connections_for_reconnect()
                pool.disconnect(inuse_connections=False)
            self.disconnect()  # type: ignore[no-untyped-call]
            raise NotPrimary(f"{getattr(error, 'status_code', None) or ''} {error}") from error


class _Named(_PrimaryConnection, redis.Connection):
    """By host and port."""


class _EncryptedNamed(_PrimaryConnection, redis.SSLConnection):
    """The same over TLS."""


class _LocalNamed(_PrimaryConnection, redis.UnixDomainSocketConnection):
    """By a path."""


_NAMED: dict[type, type] = {
    redis.Connection: _Named,
    redis.SSLConnection: _EncryptedNamed,
    redis.UnixDomainSocketConnection: _LocalNamed,
}


def _leaving_together(client: redis.Redis) -> redis.Redis:
    """Tells its connections, all of them yet to be made, which others to end."""
    client.connection_pool.connection_kwargs["pool"] = weakref.ref(client.connection_pool)
    return client


@dataclass(frozen=True)
class _Address:
    """An address that names several hosts, which no library reads."""

    hosts: tuple[tuple[str, int | None], ...]
    username: str | None
    password: str | None
    path: tuple[str, ...]
    query: dict[str, str]

    @classmethod
    def read(cls, text: str) -> _Address:
        parts = urlsplit(f"//{text}")
        credentials, _, hosts = parts.netloc.rpartition("@")
        username, _, password = (unquote(part) or None for part in credentials.partition(":"))
        try:
            each = [urlsplit(f"//{host}") for host in hosts.split(",")]
            named = tuple((host.hostname or "", host.port) for host in each)
        except ValueError:
            named = ()
        if not all(name for name, _ in named) or not named:
            raise ConfigurationError(["REDIS_URL: its hosts are written host:port,host:port"])
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return cls(named, username, password, tuple(piece for piece in parts.path.split("/") if piece), query)

    @property
    def encrypted(self) -> bool:
        return self.query.get("ssl") == "true"


class _Cluster(RedisCluster):
    """A node that does not answer in time is not asked again."""

    ERRORS_ALLOW_RETRY = tuple(  # type: ignore[assignment]  # one fewer than there were
        error for error in RedisCluster.ERRORS_ALLOW_RETRY if error is not redis.TimeoutError
    )


def _cluster(address: _Address) -> RedisCluster:
    if address.path not in ((), ("0",)):
        raise ConfigurationError(["REDIS_URL: a Cluster has one database: redis+cluster://host:6379,host:6379"])
    nodes = [ClusterNode(host, port or 6379) for host, port in address.hosts]  # type: ignore[no-untyped-call]
    return _Cluster(
        startup_nodes=nodes,
        username=address.username,
        password=address.password,
        ssl=address.encrypted,
        retry=_once_more(),
        **_OPTIONS,
    )


class _Sentinels(Sentinel):
    """Threads may ask them at the same time: whoever answered is put first in a list of one's own."""

    def discover_master(self, service_name: str) -> Any:
        asking = copy.copy(self)
        asking.sentinels = list(self.sentinels)
        found = Sentinel.discover_master(asking, service_name)  # type: ignore[no-untyped-call]
        self.sentinels = asking.sentinels
        return found


class _MasterConnection(SentinelManagedConnection, _PrimaryConnection):
    """Ends when an answer does not come in time, as every other connection does: else the next command would be given it,
    and a master that hangs would be asked for ever."""

    def read_response(self, *args: Any, disconnect_on_error: bool | None = True, **options: Any) -> Any:
        return super().read_response(*args, disconnect_on_error=disconnect_on_error, **options)


class _EncryptedMasterConnection(_MasterConnection, SentinelManagedSSLConnection):
    """The same over TLS."""


def _sentinel_master(address: _Address) -> redis.Redis:
    name, _, database = "/".join(address.path).partition("/")
    database = database or address.query.get("db", "0")
    if not name or not database.isdecimal():
        raise ConfigurationError(
            ["REDIS_URL: redis+sentinel:// needs the master's name as path: redis+sentinel://host:26379/mymaster"]
        )
    asked = {
        "socket_timeout": CONNECT_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),  # there is another one to ask
        "username": address.query.get("sentinel_username"),
        "password": address.query.get("sentinel_password"),
        "ssl": address.encrypted,
    }
    hosts = [(host, port or 26379) for host, port in address.hosts]
    sentinels = _Sentinels(hosts, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
    master: redis.Redis = sentinels.master_for(  # type: ignore[no-untyped-call]
        name,
        db=int(database),
        username=address.username,
        password=address.password,
        connection_class=_EncryptedMasterConnection if address.encrypted else _MasterConnection,
        retry=_once_more(),
        **_OPTIONS,
    )
    return _leaving_together(master)


def servers(client: Client) -> list[redis.Redis]:
    """The servers behind it that are written to: one, or the masters of a Cluster."""
    if isinstance(client, RedisCluster):
        return [client.get_redis_connection(node) for node in client.get_primaries()]  # type: ignore[no-untyped-call]
    return [client]


@contextmanager
def ledger_errors() -> Iterator[None]:
    """Whatever keeps the store from answering becomes LedgerUnavailable, with the store's word and nothing of the data."""
    try:
        yield
    except (RedisError, RedisClusterException) as error:  # the latter, of a Cluster that cannot be reached, is no RedisError
        first_words = " ".join(str(error).split()[:6])
        raise LedgerUnavailable(f"{type(error).__name__}: {first_words}") from error


def as_text(data: bytes) -> msgspec.Raw:
    """Bytes for a document: the scripts' msgpack is from before it had bytes, and takes any for a text."""
    return msgspec.Raw(b"\xdb" + len(data).to_bytes(4, "big") + data)


class Scripts:
    """Our Lua, run by digest. A store that does not know a script yet (or any more) is given its text.

    A script finds its keys by name in `K`, what it is asked in `A`, and `constants` in `C`. Which key stands where is part of
    its text, and so is what never changes: one text serves all calls with keys of the same names, and no call carries either.
    """

    def __init__(self, client: Callable[[], Client], constants: Mapping[str, Any]) -> None:
        self._client = client
        self._constants = f"local C = {_in_lua(constants)}"

    @functools.cache  # noqa: B019 - one instance per process, a dozen scripts, each with a few sets of keys
    def load(self, name: str, key_names: tuple[str, ...]) -> tuple[str, str]:
        """The text and the digest of a script for keys of these names in this order."""
        parts = ("_prelude", "_contact", *_PARTS.get(name, ()), name)
        texts = ((_LUA / f"{part}.lua").read_text(encoding="utf-8") for part in parts)
        text = "\n".join((_places_of(key_names), self._constants, *texts))
        return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def run(self, name: str, keys: Mapping[str, str], asked: Document) -> Any:
        """The script's answer. Raises LedgerUnavailable."""
        text, digest = self.load(name, tuple(keys))
        client = self._client()
        with ledger_errors():
            try:
                return client.evalsha(digest, len(keys), *keys.values(), _pack(asked))
            except NoScriptError:
                return client.eval(text, len(keys), *keys.values(), _pack(asked))

    def run_many(self, name: str, calls: Sequence[tuple[Mapping[str, str], Document]], *, replicas: int = 0) -> list[Any]:
        """One script many times: in one round trip on a single node, one by one on a Cluster until one fails. Raises
        LedgerUnavailable when one of them could not be done, or fewer than `replicas` replicas say that they have it."""
        client = self._client()
        if isinstance(client, RedisCluster):
            return [
                self._on_its_node(client, name, keys, asked, replicas) if replicas else self.run(name, keys, asked)
                for keys, asked in calls
            ]
        if len(calls) == 1 and not replicas:
            return [self.run(name, *calls[0])]
        return self._pipelined(client, name, calls, replicas)

    def _on_its_node(self, client: RedisCluster, name: str, keys: Mapping[str, str], asked: Document, replicas: int) -> Any:
        """On a connection to one node, because WAIT speaks of what was written on its own connection."""
        slot_of = next(iter(keys.values()))

        def once() -> Any:
            with ledger_errors():
                node = client.get_redis_connection(client.get_node_from_key(slot_of))  # type: ignore[no-untyped-call]
            return self._pipelined(node, name, [(keys, asked)], replicas)[0]

        try:
            return once()
        except LedgerUnavailable as failure:
            if not isinstance(failure.__cause__, (redis.ConnectionError, MovedError)):
                raise
            with ledger_errors():
                client.exists(slot_of)  # the slot has moved: this finds out where to
            return once()

    def _pipelined(
        self, client: redis.Redis, name: str, calls: Sequence[tuple[Mapping[str, str], Document]], replicas: int
    ) -> list[Any]:
        loaded = [self.load(name, tuple(keys)) for keys, _ in calls]
        with ledger_errors():
            pipeline = client.pipeline(transaction=False)
            for (keys, asked), (_, digest) in zip(calls, loaded, strict=True):
                pipeline.evalsha(digest, len(keys), *keys.values(), _pack(asked))
            if replicas:  # waits for what was written on the same connection
                pipeline.execute_command("WAIT", replicas, REPLICAS_WITHIN_MS)  # type: ignore[no-untyped-call]
            answers = pipeline.execute(raise_on_error=False)
            confirmed = answers.pop() if replicas else 0
            unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if unknown:
                for text in {loaded[place][0] for place in unknown}:
                    client.script_load(text)
                again = self._pipelined(client, name, [calls[place] for place in unknown], replicas)
                answers = [again.pop(0) if place in unknown else answer for place, answer in enumerate(answers)]
            for answer in [*answers, confirmed]:
                if isinstance(answer, Exception):
                    raise answer
            if confirmed < replicas:
                raise LedgerUnavailable(f"written, but only {confirmed} of {replicas} replicas have it")
        return answers


def _places_of(key_names: Sequence[str]) -> str:
    """Lua that makes `K`: "lane.turns.queue" as the third name is K.lane.turns.queue = KEYS[3], "aliases.1" is K.aliases[1]."""
    keys: dict[str, Any] = {}
    for place, name in enumerate(key_names, 1):
        if not _KEY_NAME.fullmatch(name):
            raise ValueError(f"no name of a key: {name!r}")
        *path, last = name.split(".")
        branch = keys
        for step in path:
            branch = branch.setdefault(step, {})
        branch[last] = _Place(f"KEYS[{place}]")
    return f"local K = {_in_lua(keys)}"


class _Place(str):
    """Lua that is no text."""

    __slots__ = ()


def _in_lua(value: Any) -> str:
    """Names of ours, numbers, yes and no, and tables of such."""
    if isinstance(value, Mapping):
        named = (f"[{name if name.isdecimal() else _in_lua(name)}] = {_in_lua(part)}" for name, part in value.items())
        return f"{{ {', '.join(named)} }}"
    if isinstance(value, str) and not isinstance(value, _Place):
        return f"'{value}'"
    return str(value).lower() if isinstance(value, bool) else str(value)
