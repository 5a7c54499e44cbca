"""Debian's redis-server in numbers: a Cluster, and a master with its replica watched by three Sentinels.

Everything listens on loopback, keeps its files in a directory of the test, and ends with the process that started it.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
from redis.crc import key_slot

from src.integrations.ledger.embedded_valkey import die_with_parent
from tests.kit.product import eventually
from tests.kit.rig import free_port

NOTICED_WITHIN_MS = 1_000
"""After so long without an answer the others agree that a master is dead. Shorter than anybody's setting, for short tests."""

MASTER = "iagente"
SLOTS = 16_384


def redis_server() -> str:
    """Debian's binary. Missing, it skips the test here and fails it on CI."""
    binary = shutil.which("redis-server")
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail("redis-server is not installed: apt-get install redis-server")
        pytest.skip("redis-server is not installed here; on CI this fails")
    return binary


class Server:
    """One redis-server on a port of its own. `client` speaks to it alone."""

    def __init__(self, directory: Path, *options: object, config: Sequence[str] = (), password: str = "") -> None:
        directory.mkdir(parents=True)
        self.port = free_port()
        self.client: Any = redis.Redis(port=self.port, password=password or None, socket_timeout=2.0)
        self._config = directory / "server.conf"
        own = (f"port {self.port}", "bind 127.0.0.1", f"dir {directory}", f"logfile {directory / 'server.log'}", *config)
        self._config.write_text("\n".join(own) + "\n")
        self._command = [redis_server(), str(self._config), *map(str, options)]
        self.process: subprocess.Popen[bytes] | None = None
        self._frozen = False

    @property
    def alive(self) -> bool:
        """Whether it runs and is not frozen."""
        return self.process is not None and self.process.poll() is None and not self._frozen

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
        )
        eventually(self._answers, within_s=20, every_s=0.02)

    def _answers(self) -> bool:
        with suppress(redis.RedisError):
            return bool(self.client.ping())
        return False

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self.resume()
        self._end(signal.SIGTERM)
        self.client.close()

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def freeze(self) -> None:
        """SIGSTOP: it still has its connections, and says nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        self._frozen = True

    def resume(self) -> None:
        if self._frozen and self.process is not None:
            self.process.send_signal(signal.SIGCONT)
        self._frozen = False

    def lose_replicas(self) -> None:
        """Its replicas lose it and cannot come back, as when the network between them is down; clients notice nothing."""
        self.client.execute_command("ACL SETUSER", "default", "-psync", "-sync", "-replconf")
        self.client.execute_command("CLIENT KILL", "TYPE", "replica")

    def find_replicas(self) -> None:
        """The network is back. Returns when a replica has everything."""
        self.client.execute_command("ACL SETUSER", "default", "+psync", "+sync", "+replconf")
        eventually(self._is_followed, every_s=1.2)

    def _is_followed(self) -> bool:
        if self.has_replica():
            return True
        self.client.execute_command("CLIENT KILL", "TYPE", "replica")  # one that was half refused never says what it has
        return False

    def has_replica(self) -> bool:
        """Whether a replica follows it that has all it was ever told."""
        link = self.client.info("replication")
        return bool(link["connected_slaves"]) and all(
            link[f"slave{number}"]["state"] == "online" and link[f"slave{number}"]["offset"] == link["master_repl_offset"]
            for number in range(link["connected_slaves"])
        )


_DURABLE = (
    "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
    "--shutdown-timeout", 0, "--repl-diskless-sync-delay", 0,
)  # fmt: skip


class Cluster:
    """Three masters that share the slots, each with a replica when asked for. `url` names all of them."""

    def __init__(self, directory: Path, *, replicas: bool = False) -> None:
        self._masters = [self._node(directory / f"master-{number}") for number in range(3)]
        self._replicas = [self._node(directory / f"replica-{number}") for number in range(3)] if replicas else []
        self.servers = [*self._masters, *self._replicas]
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.servers)

    @staticmethod
    def _node(directory: Path) -> Server:
        return Server(
            directory, *_DURABLE, "--cluster-enabled", "yes", "--cluster-node-timeout", NOTICED_WITHIN_MS,
            "--cluster-port", free_port(), "--cluster-config-file", directory / "nodes.conf",
        )  # fmt: skip

    def start(self) -> None:
        """Returns when every slot is served and every replica is up to date."""
        for node in self.servers:
            node.start()
        ends = [0, 5461, 10923, SLOTS]
        for number, master in enumerate(self._masters):
            master.client.execute_command("CLUSTER ADDSLOTSRANGE", ends[number], ends[number + 1] - 1)
            master.client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node in self.servers[1:]:
            bus = node.client.config_get("cluster-port")["cluster-port"]
            self.servers[0].client.execute_command("CLUSTER MEET", "127.0.0.1", node.port, bus)
        for master, replica in zip(self._masters, self._replicas, strict=False):
            name = master.client.execute_command("CLUSTER MYID")
            eventually(functools.partial(_does, replica, "CLUSTER REPLICATE", name))
        eventually(self.is_whole, within_s=30)

    def is_whole(self) -> bool:
        """Whether all nodes run and agree, and every replica is up to date."""
        with suppress(redis.RedisError):
            told = [node.client.execute_command("CLUSTER INFO") for node in self.servers]
            masters = [node for node in self.servers if node.client.role()[0] == b"master"]
            agreed = all(info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(len(told)) for info in told)
            return agreed and len(masters) == 3 and (not self._replicas or all(node.has_replica() for node in masters))
        return False

    def master_of(self, key: str) -> Server | None:
        """Who has that key, or None while those who live do not agree."""
        slot = key_slot(key.encode())
        with suppress(redis.RedisError):
            ports = {
                row[2][1]
                for node in self.servers
                if node.alive
                for row in node.client.execute_command("CLUSTER SLOTS")
                if row[0] <= slot <= row[1]
            }
            if len(ports) == 1:
                return next(node for node in self.servers if node.port in ports)
        return None

    def notice_within(self, ms: int) -> None:
        """From now on a master that is silent for so long is taken for dead."""
        for node in self.servers:
            node.client.config_set("cluster-node-timeout", ms)

    def step_down(self, master: Server) -> None:
        """The operator lets the replica take over."""
        replica = next(node for node in self._replicas if node.client.role()[2] == master.port)
        replica.client.execute_command("CLUSTER FAILOVER")

    def stop(self) -> None:
        for node in self.servers:
            node.stop()


class Watched:
    """A master and its replica, watched by three Sentinels of which two must agree. `url` names all three."""

    def __init__(self, directory: Path, *, password: str = "") -> None:
        secret = [f"requirepass {password}", f"masterauth {password}"] if password else []
        first = Server(directory / "first", *_DURABLE, config=secret, password=password)
        second = Server(
            directory / "second", *_DURABLE, config=[*secret, f"replicaof 127.0.0.1 {first.port}"], password=password
        )
        self.servers = [first, second]
        orders = [f"sentinel monitor {MASTER} 127.0.0.1 {first.port} 2"]
        orders += [f"sentinel auth-pass {MASTER} {password}"] if password else []
        orders += [f"sentinel down-after-milliseconds {MASTER} {NOTICED_WITHIN_MS}", f"sentinel failover-timeout {MASTER} 6000"]
        self.sentinels = [Server(directory / f"sentinel-{number}", "--sentinel", config=orders) for number in range(3)]
        credentials = f":{quote(password, safe='')}@" if password else ""
        self.url = f"redis+sentinel://{credentials}{','.join(f'127.0.0.1:{one.port}' for one in self.sentinels)}/{MASTER}"

    def start(self) -> None:
        """Returns when the replica is up to date and the Sentinels know of each other."""
        for server in (*self.servers, *self.sentinels):
            server.start()
        eventually(self.is_whole, within_s=30)

    def is_whole(self) -> bool:
        """Whether all run, the Sentinels know of each other and agree, and the replica is up to date."""
        with suppress(redis.RedisError):
            seen = [one.client.sentinel_master(MASTER) for one in self.sentinels]
            watched = all(one["num-other-sentinels"] == 2 and one["num-slaves"] == 1 and not one["is_sdown"] for one in seen)
            master = self.master_of()
            return watched and master is not None and all(server.alive for server in self.servers) and master.has_replica()
        return False

    def master_of(self, _key: str = "") -> Server | None:
        """Who is the master, or None while the Sentinels do not agree."""
        ports = {one.client.sentinel_get_master_addr_by_name(MASTER)[1] for one in self.sentinels if one.alive}
        return next((server for server in self.servers if {server.port} == ports), None)

    def notice_within(self, ms: int) -> None:
        """From now on a master that is silent for so long is taken for dead."""
        for one in self.sentinels:
            one.client.execute_command("SENTINEL SET", MASTER, "down-after-milliseconds", ms)

    def step_down(self, _master: Server) -> None:
        """The operator lets the replica take over."""
        self.sentinels[0].client.execute_command("SENTINEL FAILOVER", MASTER)

    def stop(self) -> None:
        for server in (*self.sentinels, *self.servers):
            server.stop()


def _does(node: Server, *command: object) -> bool:
    with suppress(redis.ResponseError):
        node.client.execute_command(*command)
        return True
    return False
