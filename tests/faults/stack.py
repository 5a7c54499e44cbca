"""Store, web server and echo workers as processes that can be killed one by one, with somebody who starts them again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import requests

from src.integrations.ledger.embedded_valkey import EmbeddedValkey
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from tests.kit.product import PROJECT
from tests.kit.rig import Rig, free_port


class Store(Protocol):
    """A store that can be hurt. `url` is known before it runs."""

    url: str

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def fail(self) -> None:
        """What served dies, and something serves again sooner or later."""


class RestartedValkey(EmbeddedValkey):
    """SIGKILL, and it is started again on the same files."""

    def fail(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.start()


class Stack:
    """A whole installation against the Meta simulator, on the embedded store unless another is given. `rig` posts to it and
    counts what comes back."""

    def __init__(
        self,
        data_dir: Path,
        *,
        store: Store | None = None,
        wait_replicas: int = 0,
        workers: int = 2,
        thinking_ms: int = 30,
        lease_s: float = 3.0,
        vendors: Sequence[str] = ("meta",),
    ) -> None:
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self.rig = Rig(self.address, config={"meta": {"pair_limit": False}})
        self.store = store or RestartedValkey(data_dir)
        self.env = {
            **os.environ,
            **self.rig.env(*vendors),
            "DATA_DIR": str(data_dir),
            "LOG_FILE": str(data_dir / "webhook.log"),
            "WEBHOOK_PORT": str(port),
            "WORKER_PROCESSES": "0",
            "DEBOUNCE_S": "0.3",
            "DEBOUNCE_MAX_S": "1.0",
            "LEASE_S": str(lease_s),
            "LEDGER_WAIT_REPLICAS": str(wait_replicas),
            "ADMIN_TOKEN": "operator-for-tests",
            **({"REDIS_URL": store.url} if store else {}),
        }
        self._worker_command = [sys.executable, "-m", "tests.faults.echo_worker", str(thinking_ms)]
        web_command = [sys.executable, "-m", "gunicorn", "src.webhooks.whatsapp_webhook:app"]
        self.store.start()
        self.web = self._start(web_command)
        self.workers = [self._start(self._worker_command) for _ in range(workers)]
        self.ledger = RedisLedger(lambda: self._client)
        self._client = connect(self.store.url)
        self.kills = {"worker": 0, "store": 0}
        self._wait_for_web()

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, cwd=PROJECT, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def _wait_for_web(self) -> None:
        deadline_s = time.monotonic() + 30
        while True:
            try:
                if requests.get(f"{self.address}/healthz", timeout=2).ok:
                    return
            except requests.RequestException:
                assert time.monotonic() < deadline_s, "the web server does not start"
                time.sleep(0.05)

    def kill_worker(self, which: int) -> None:
        """SIGKILL, and another one takes its place."""
        self.workers[which].kill()
        self.workers[which].wait()
        self.workers[which] = self._start(self._worker_command)
        self.kills["worker"] += 1

    def kill_store(self) -> None:
        self.store.fail()
        self.kills["store"] += 1

    def freeze_worker(self, which: int, for_s: float) -> None:
        """SIGSTOP, then on it goes as if nothing had happened."""
        self.workers[which].send_signal(signal.SIGSTOP)
        time.sleep(for_s)
        self.workers[which].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        for process in (*self.workers, self.web):
            process.terminate()
        for process in (*self.workers, self.web):
            try:
                process.wait(25)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.rig.stop()
        self._client.close()
        self.store.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def kill_until(done: Callable[[], bool], stack: Stack, *, seed: int, every_s: float, most: int) -> None:
    """Kills workers, and now and then the store, at random moments of a seeded plan.

    Runs in the main thread: on Linux a child dies with the thread that started it.
    """
    dice = random.Random(seed)
    for kill in range(most):
        wake_s = time.monotonic() + every_s * dice.uniform(0.5, 1.5)
        while time.monotonic() < wake_s:
            if done():
                return
            time.sleep(0.05)
        if kill % 5 == 4:
            stack.kill_store()
        else:
            stack.kill_worker(dice.randrange(len(stack.workers)))
