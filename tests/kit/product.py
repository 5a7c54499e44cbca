"""The product as a user runs it: `python run_webhook.py` in a process of its own, driven over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import requests

from tests.kit.rig import free_port

PROJECT = Path(__file__).resolve().parents[2]
ADMIN_TOKEN = "operator-for-tests"
START_TIMEOUT_S = 100.0
STOP_TIMEOUT_S = 60.0

Answer = TypeVar("Answer")


def eventually(look: Callable[[], Answer], *, within_s: float = 20.0, every_s: float = 0.05) -> Answer:
    """The first true answer of `look`; fails with the last one when none comes in time."""
    deadline_s = time.monotonic() + within_s
    while not (answer := look()):
        assert time.monotonic() < deadline_s, f"still {answer!r} after {within_s} s"
        time.sleep(every_s)
    return answer


class Product:
    """One installation on its own data directory. `port` may be given before, so that simulators know where to post."""

    def __init__(self, data_dir: Path, env: Mapping[str, str] | None = None, *, port: int | None = None) -> None:
        self.port = port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.data_dir = data_dir
        self.log_file = data_dir / "webhook.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WHATSAPP_", "REDIS_"))}
        self.env = {
            **inherited,
            "DATA_DIR": str(data_dir),
            "LOG_FILE": str(self.log_file),
            "WEBHOOK_PORT": str(self.port),
            "ADMIN_TOKEN": ADMIN_TOKEN,
            "LIMIT_CONTACT_PER_MINUTE": "10000",
            "LIMIT_CONTACT_PER_DAY": "100000",
            "DEBOUNCE_S": "0.2",
            **(env or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.output = data_dir / "output.txt"

    def start(self, *, ready: bool = True) -> Self:
        """Starts everything; returns when a worker answers (`ready`) or at once."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(PROJECT / "run_webhook.py")],
                cwd=PROJECT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self) -> None:
        """Returns when messages are kept and answered; fails with what the product printed."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._ready():
            assert self.process is not None
            assert self.process.poll() is None, f"the product ended:\n{self.output.read_text()}"
            assert time.monotonic() < deadline_s, f"the product is not ready:\n{self.output.read_text()}"
            time.sleep(0.05)

    def _ready(self) -> bool:
        try:
            return requests.get(f"{self.address}/readyz", timeout=2).ok
        except requests.RequestException:
            return False

    def stop(self) -> int:
        """Ctrl-C; the exit code. Fails when a process is left."""
        if self.process is None:
            return 0
        session = self.process.pid
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(STOP_TIMEOUT_S)
        self.process = None
        left = processes_of_session(session)
        assert not left, f"left running: {left}"
        return code

    def kill_everything(self) -> None:
        """SIGKILL to every process at once, as when a machine dies."""
        assert self.process is not None
        for pid in processes_of_session(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        self.process = None

    def pids(self, part: str) -> list[int]:
        """Processes whose command line holds `part`: `src.worker`, `valkey-server`, `gunicorn`."""
        assert self.process is not None
        return [pid for pid, command in processes_of_session(self.process.pid).items() if part in command]

    def get(self, path: str, **query: Any) -> requests.Response:
        return requests.get(f"{self.address}{path}", params=query, headers=OPERATOR, timeout=10)

    def conversation(self, contact: str) -> dict[str, Any]:
        """The conversation object; fails when there is none."""
        answer = self.get(f"/webhook/conversation/{contact}")
        assert answer.ok, answer.text
        return dict(answer.json())

    def say(self, contact: str, text: str, **more: Any) -> requests.Response:
        """An unsigned text, as the old guide's curl sends it. Only without WhatsApp keys."""
        message = {"id": f"wamid.{time.monotonic_ns()}", "from": contact, "type": "text", "text": {"body": text}, **more}
        body = {"entry": [{"changes": [{"value": {"messages": [message]}}]}]}
        return requests.post(f"{self.address}/webhook/whatsapp", json=body, timeout=10)

    def replies(self, contact: str) -> list[dict[str, Any]]:
        """What the bot said so far, oldest first."""
        return [row for row in self.conversation(contact)["messages"] if row["role"] == "bot"]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.stop()
        elif self.process is not None:
            self.kill_everything()


OPERATOR = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


def processes_of_session(session: int) -> dict[int, str]:
    """Live processes of that session with their command lines (Linux)."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session and fields[0] != "Z":
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (OSError, IndexError):
                continue
    return found
