"""Doors on an empty store, through a WSGI client or through gunicorn."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from src.integrations.ledger.redis_ledger import RedisLedger
from tests.kit.rig import PROJECT, free_port
from tests.webhooks.door_kit import ADMIN, WHATSAPP, Doors
from tests.webhooks.hostile_kit import ENVIRONMENT
from tests.webhooks.log_kit import logging_to


@pytest.fixture
def store_url(valkey_url: str) -> str:
    """The doors do not care which server it is: the ledger's own tests run on both."""
    return valkey_url


@pytest.fixture(autouse=True, scope="session")
def _import_without_traces(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Importing the module makes its `app` from the environment: its log and data go where tests may write."""
    directory = tmp_path_factory.mktemp("import")
    with pytest.MonkeyPatch.context() as patch, logging_to(directory / "before.log"):
        patch.chdir(directory)
        for name in WHATSAPP:
            patch.delenv(name, raising=False)
        import src.webhooks.whatsapp_webhook  # noqa: F401, PLC0415


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """webhook.log of this test."""
    with logging_to(tmp_path / "webhook.log") as path:
        yield path


@pytest.fixture
def new_doors(new_ledger: Callable[..., RedisLedger], log_file: Path) -> Callable[..., Doors]:
    """Makes applications on one store."""
    del log_file

    def make(environment: dict[str, str] | None = None, *, ledger: RedisLedger | None = None, **tokens: str) -> Doors:
        return Doors(ledger or new_ledger(), WHATSAPP if environment is None else environment, **tokens)

    return make


@pytest.fixture
def doors(new_doors: Callable[..., Doors]) -> Doors:
    return new_doors()


class Served:
    """gunicorn with one process, as `gunicorn.conf.py` configures it."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log_file = directory / "webhook.log"
        self._log = (directory / "gunicorn.log").open("wb")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--config",
                str(PROJECT / "gunicorn.conf.py"),
                "src.webhooks.whatsapp_webhook:app",
            ],
            cwd=directory,  # without a .env of whoever works here
            env={
                **environment,
                "PYTHONPATH": str(PROJECT),
                "ADMIN_TOKEN": ADMIN,
                "DATA_DIR": str(directory / "var"),
                "LOG_FILE": str(self.log_file),
                "WEBHOOK_HOST": "127.0.0.1",
                "WEBHOOK_PORT": str(self.port),
                "WEB_PROCESSES": "1",
                "WORKER_PROCESSES": "0",
            },
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        deadline_s = time.monotonic() + 30
        while time.monotonic() < deadline_s and self.process.poll() is None:
            try:
                requests.get(f"{self.address}/healthz", timeout=5).raise_for_status()
            except requests.RequestException:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise AssertionError((directory / "gunicorn.log").read_text())

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()


@pytest.fixture(scope="session")
def served(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The doors of every vendor, with the numbers of the hostile cases. Tests that use it also use `new_ledger` for an empty
    store."""
    server = Served(tmp_path_factory.mktemp("served"), {**ENVIRONMENT, "REDIS_URL": valkey_url})
    yield server
    server.stop()
