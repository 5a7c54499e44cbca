"""Starts and restarts the processes of one machine: the embedded store, the web server, the workers.

`python run_webhook.py` runs all of them; `python -m src.processes` runs the store and the workers beside a web server that
somebody else started (gunicorn.conf.py does), and ends when that one does.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import requests

from src import logs
from src.data_dir import admin_token, verify_token
from src.errors import ConfigurationError, LedgerUnavailable
from src.integrations.ledger.embedded_valkey import EmbeddedValkey, die_with_parent
from src.integrations.ledger.house import RedisHouse
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from src.settings import Settings, child_environment, load
from src.vendors import with_stored_vendors

ROOT = Path(__file__).resolve().parents[1]
WORKER_STOPS_WITHIN_S = 25.0
WEB_STOPS_WITHIN_S = 20.0
_STEADY_S = 10.0
_BAD_CONFIGURATION = 2
_BEGINS_ANEW = 3
"""The exit codes of our processes: see `worker.main`."""


@dataclass
class _Child:
    """One process that should always run. It is restarted when it dies, more slowly when it dies at once."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    start_again_s: float = 0.0
    deaths: int = field(default=0)

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own command line
            self.command,
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C reaches the supervisor alone, which then stops everything in order
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
        )
        self.started_s = time.monotonic()

    def died(self) -> int | None:
        """The exit code of a death that was not yet seen, or None."""
        if self.process is None or self.process.poll() is None:
            return None
        code = self.process.returncode
        self.process = None
        self.deaths = 1 if time.monotonic() - self.started_s > _STEADY_S else self.deaths + 1
        self.start_again_s = time.monotonic() + min(0.1 * 2**self.deaths, 5.0)
        return code

    def stop(self, within_s: float) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(timeout=within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Supervisor:
    """Runs until told to stop. `serve_web` is false beside a web server that somebody else runs."""

    def __init__(self, settings: Settings, *, serve_web: bool) -> None:
        self._settings = settings
        self._store = None if settings.redis_url else EmbeddedValkey(settings.data_dir)
        self._stopping = threading.Event()
        self._log = logs.get_logger()
        # A person at a terminal reads the banner and then webhook.log; anybody else gets the lines on stdout too.
        quiet = {"LOG_STDOUT": "0"} if serve_web and sys.stdout.isatty() else {}
        workers = [
            _Child(f"worker {number}", [sys.executable, "-m", "src.worker"], child_environment(quiet))
            for number in range(1, settings.worker_processes + 1)
        ]
        # The web server must not start workers beside itself: we do.
        web = _Child(
            "web",
            [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "src.webhooks.whatsapp_webhook:app"],
            child_environment({"WORKER_PROCESSES": "0", **quiet}),
        )
        self._web = [web] if serve_web else []
        self._workers = workers

    def run(self, ready: Callable[[], None], *, parent: int | None = None) -> int:
        """Starts everything, calls `ready` when it answers, keeps it running. Returns the exit code.

        With `parent`, ends when that process is no longer ours.
        """
        with _only_one(self._settings.data_dir):
            try:
                if self._store:
                    self._store.start()
                for child in (*self._web, *self._workers):
                    child.start()
                threading.Thread(target=self._announce, args=(ready,), daemon=True).start()
                return self._keep_running(parent)
            finally:
                self._stop()

    def stop(self) -> None:
        """May be called from a signal handler."""
        self._stopping.set()

    def _keep_running(self, parent: int | None) -> int:
        while not self._stopping.wait(0.1):
            if parent is not None and os.getppid() != parent:
                return 0
            if self._store and not self._store.alive():
                self._log.error("process.died", name="store")
                self._store.start()
            for child in (*self._web, *self._workers):
                code = child.died()
                if code == _BAD_CONFIGURATION:
                    return code
                if code == _BEGINS_ANEW:
                    self._log.info("process.begins_anew", name=child.name)
                    child.deaths, child.start_again_s = 0, 0.0
                elif code is not None:
                    self._log.error("process.died", name=child.name, code=code, deaths=child.deaths)
                if child.process is None and time.monotonic() >= child.start_again_s:
                    child.start()
        return 0

    def _announce(self, ready: Callable[[], None]) -> None:
        if not self._web:
            ready()
            return
        while not self._stopping.wait(0.05):
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self._settings.web_address}/healthz", timeout=1).ok:
                    ready()
                    return

    def _stop(self) -> None:
        """In order: no new messages, then the turns in hand, then the store."""
        for child in self._web:
            child.stop(WEB_STOPS_WITHIN_S)
        stoppers = [threading.Thread(target=child.stop, args=(WORKER_STOPS_WITHIN_S,)) for child in self._workers]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()
        if self._store:
            self._store.stop()
        self._log.info("processes.stopped")


@contextlib.contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    """Two supervisors on one data directory would start two stores on one file."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as taken:
            lock.seek(0)
            raise ConfigurationError([f"DATA_DIR: '{data_dir}' is in use by process {lock.read().strip() or '?'}"]) from taken
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _check_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.webhook_host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.webhook_host, settings.webhook_port))
        except OSError as taken:
            fault = f"WEBHOOK_PORT: {settings.webhook_host}:{settings.webhook_port} cannot be used ({taken.strerror})"
            raise ConfigurationError([f"{fault}; stop what uses it or set another port"]) from taken


def is_read_by_a_person() -> bool:
    """Whether what is printed is seen and then gone. What reads a pipe keeps it, and so does whatever gave a container its
    terminal: there nobody but the first process stands above us."""
    return sys.stdout.isatty() and 1 not in (os.getpid(), os.getppid())


def banner(settings: Settings, *, to_a_person: bool) -> str:
    """What is running and where. Tokens that were made here are shown `to_a_person` only; those that were set, to nobody."""
    files = settings.data_dir
    admin, verify = admin_token(settings), verify_token(settings)  # made now, so that whoever looks for them finds them
    link = f"#{admin}" if to_a_person and not settings.admin_token else ""
    tokens = {"admin": admin if to_a_person else f"in {files / 'admin-token'}"}
    tokens["verify"] = verify if to_a_person else f"in {files / 'verify-token'}"
    if settings.admin_token:
        tokens["admin"] = "ADMIN_TOKEN, as it was set"
    if settings.whatsapp:
        tokens["verify"] = "WHATSAPP_VERIFY_TOKEN, as it was set"
    channel = "the simulator (no keys are set)" if settings.is_tried_out else ", ".join(settings.channels_in_words)
    store = "configured by REDIS_URL" if settings.redis_url else f"embedded, in {files}"
    remarks = "".join(f"  note          {remark}\n" for remark in settings.remarks)
    return (
        f"\niAgente Vida is running.\n"
        f"  address       {settings.web_address}\n"
        f"  log in        {settings.web_address}/login{link}\n"
        f"  verify token  {tokens['verify']}\n"
        f"  admin token   {tokens['admin']}\n"
        f"  channel       {channel}\n"
        f"  store         {store}\n"
        f"{remarks}"
        f"  try it        make chat      (in another terminal; the curl lines are in README.md)\n"
        f"  stop          Ctrl-C\n\n"
    )


def _with_stored(settings: Settings) -> Settings:
    """The settings with the vendors that are stored, as far as they can be looked up now."""
    url = settings.redis_url or EmbeddedValkey(settings.data_dir).url
    ledger = RedisLedger(functools.cache(lambda: connect(url)), shards=settings.ledger_shards)
    with contextlib.suppress(LedgerUnavailable, ConfigurationError):
        return with_stored_vendors(settings, RedisHouse(ledger))
    return settings


def run(*, serve_web: bool) -> int:
    """The whole program of this machine, until SIGTERM or SIGINT. Exit codes: 0 stopped, 2 the configuration cannot work."""
    try:
        settings = load()
        logs.configure(
            log_file=settings.log_file,
            log_format=settings.log_format,
            debug=settings.debug,
            process="main",
            stdout=settings.log_stdout and not sys.stdout.isatty(),
        )
        for remark in settings.remarks:
            logs.get_logger().warning("settings.remark", detail=remark)
        if serve_web:
            _check_port(settings)
        supervisor = Supervisor(settings, serve_web=serve_web)

        def handle(_number: int, _frame: FrameType | None) -> None:
            supervisor.stop()

        signal.signal(signal.SIGTERM, handle)
        signal.signal(signal.SIGINT, handle)

        def ready() -> None:
            if serve_web:
                sys.stdout.write(banner(_with_stored(settings), to_a_person=is_read_by_a_person()))
                sys.stdout.flush()

        return supervisor.run(ready, parent=None if serve_web else os.getppid())
    except (ConfigurationError, LedgerUnavailable) as fault:
        sys.stderr.write(f"{fault}\n")
        return _BAD_CONFIGURATION


if __name__ == "__main__":
    raise SystemExit(run(serve_web=False))
