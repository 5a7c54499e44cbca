"""The web application while access to vendors changes in the store: built anew, in place, when it does.

Importing the application connects to nothing, so what is stored is looked up with the first request, and every two seconds from
then on. Requests that are under way end with what they began with.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from src import logs
from src.errors import ConfigurationError, LedgerUnavailable
from src.integrations.ledger.house import LOOK_EVERY_S
from src.settings import Settings

FIRST_LOOK_WITHIN_S = 3.0
"""So long the first requests wait to know what is stored; then they are answered as if nothing were."""
_NOT_NOW = b'{"error":{"code":"ledger_unavailable","message":"The message store cannot be reached; please send it again."}}'
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Changing:
    """WSGI. `look` gives the settings with what is stored now (may raise LedgerUnavailable), `build` an application by them."""

    def __init__(
        self, first: Wsgi, settings: Settings, look: Callable[[], Settings], build: Callable[[Settings], Wsgi]
    ) -> None:
        self._now, self._settings, self._look, self._build = first, settings, look, build
        self._begun = threading.Lock()
        self._looked = threading.Event()
        self._known = False
        self._thread: threading.Thread | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not self._looked.is_set():
            self._begin()
            if environ.get("PATH_INFO") != "/healthz":
                self._looked.wait(FIRST_LOOK_WITHIN_S)
        if not self._known and self._settings.is_tried_out and _is_a_message(environ):
            # Where the store has a vendor's secret, nothing unsigned is to be taken.
            start_response("503 SERVICE UNAVAILABLE", [("Content-Type", "application/json"), ("Retry-After", "2")])
            return [_NOT_NOW]
        return self._now(environ, start_response)

    def _begin(self) -> None:
        with self._begun:
            if self._thread is None:  # not before the first request: threads do not survive a fork
                self._thread = threading.Thread(target=self._keep_looking, name="vendors", daemon=True)
                self._thread.start()

    def _keep_looking(self) -> None:
        while True:
            with suppress(LedgerUnavailable, ConfigurationError):  # the doors tell of it
                self._look_once()
            self._looked.set()
            time.sleep(LOOK_EVERY_S)

    def _look_once(self) -> None:
        settings = self._look()
        self._known = True
        if settings == self._settings:
            return
        self._now, self._settings = self._build(settings), settings
        for name, why in settings.off.items():
            logs.get_logger().error("vendor.off", vendor=name, why=why)
        logs.get_logger().info(
            "vendors.taken", vendors=[name for name, source in settings.sources.items() if source == "stored"]
        )


def _is_a_message(environ: dict[str, Any]) -> bool:
    return environ["REQUEST_METHOD"] == "POST" and str(environ.get("PATH_INFO", "")).startswith(("/webhook", "/api"))
