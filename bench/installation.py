"""Store, web server and workers as processes of their own, the way production runs them, and what each of them costs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from src.integrations.ledger.embedded_valkey import EmbeddedValkey
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from src.integrations.ledger.views import RedisRecords
from tests.kit.product import PROJECT
from tests.kit.rig import free_port

READY_WITHIN_S = 120.0
STOPS_WITHIN_S = 25.0


class Installation:
    """A whole installation on a data directory of its own. The ledger here is the bench's own look at the store."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="iagente-bench-")
        folder = self._folder.name
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WHATSAPP_", "REDIS_"))}
        self._env = {
            **inherited,
            "DATA_DIR": folder,
            "LOG_FILE": f"{folder}/webhook.log",
            "LOG_STDOUT": "0",
            "WEBHOOK_PORT": str(self.port),
            "WORKER_PROCESSES": "0",
            "DEBOUNCE_S": "0",
            "LIMIT_CONTACT_PER_MINUTE": "10000",
            "LIMIT_CONTACT_PER_DAY": "100000",
            **env,
        }
        self._store = EmbeddedValkey(Path(folder))
        self._store.start()
        self._client = connect(self._store.url)
        self.ledger = RedisLedger(lambda: self._client, debounce_s=0.0)
        self.records = RedisRecords(self.ledger)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.web: subprocess.Popen[bytes] | None = None

    def start_web(self, env: Mapping[str, str]) -> None:
        """gunicorn as production runs it; returns when it answers."""
        self._env.update(env)
        self.web = self._start(["gunicorn", "src.webhooks.whatsapp_webhook:app"])
        give_up_s = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < give_up_s and self.web.poll() is None:
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.address}/healthz", timeout=2).ok:
                    return
            time.sleep(0.05)
        raise SystemExit("the web server does not start")

    def start_workers(self, count: int, module: str = "src.worker", *arguments: str) -> None:
        """Returns when all of them have said that they are alive."""
        self.workers = [self._start([module, *arguments]) for _ in range(count)]
        give_up_s = time.monotonic() + READY_WITHIN_S
        while len(self.ledger.workers()) < count:
            if time.monotonic() > give_up_s:
                raise SystemExit("the workers do not start")
            time.sleep(0.1)

    def stop_workers(self) -> None:
        """In good order: what is in hand is finished."""
        _stop(self.workers)
        self.workers = []

    def cpu_s(self) -> dict[str, float]:
        """Processor seconds each part has used since it started (Linux)."""
        parts = {
            "store": [self._store.process] if self._store.process else [],
            "web": [self.web] if self.web else [],
            "workers": self.workers,
        }
        return {name: sum(cpu_s_of(process.pid) for process in processes) for name, processes in parts.items()}

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", *command], cwd=PROJECT, env=self._env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _stop([*self.workers, *([self.web] if self.web else [])])
        self._client.close()
        self._store.stop()
        self._folder.cleanup()


def cpu_s_of(process: int) -> float:
    """Processor seconds of a process and of its living children (Linux)."""
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    spent_s = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if process in (int(stat.parent.name), int(fields[1])):
                spent_s += (int(fields[11]) + int(fields[12])) / ticks_per_s
    return spent_s


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def machine() -> dict[str, object]:
    """What the figures were taken on, and how busy it was with other things just before."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cores": cores, "load_average_before": [round(load, 2) for load in os.getloadavg()]}
