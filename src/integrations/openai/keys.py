"""Keys that do not last: a command of the operator's prints the one that is valid now (`gcloud auth print-access-token`)."""

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from collections.abc import Callable

from src.errors import AccessDenied

KEPT_S = 300.0
"""Google's tokens last an hour, and the command costs a second."""
_WITHIN_S = 15.0


class KeyCommand:
    """What the command prints, kept for a while. Threads share it; constructing runs nothing."""

    def __init__(self, command: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._command, self._monotonic = shlex.split(command), monotonic
        self._lock = threading.Lock()
        self._key, self._until_s = "", 0.0

    def __call__(self) -> str:
        """The key that is valid now. Raises AccessDenied when the command gives none; what it printed is not shown."""
        with self._lock:
            if self._monotonic() >= self._until_s:
                self._key = self._printed()
                self._until_s = self._monotonic() + KEPT_S
            return self._key

    def _printed(self) -> str:
        try:
            ran = subprocess.run(self._command, capture_output=True, text=True, timeout=_WITHIN_S, check=False)  # noqa: S603 - the operator's own command
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise AccessDenied("model", "key", detail=f"OPENAI_API_KEY_COMMAND: {type(fault).__name__}") from None
        key = ran.stdout.strip()
        if ran.returncode or not key or "\n" in key:
            raise AccessDenied("model", "key", detail=f"OPENAI_API_KEY_COMMAND ended with {ran.returncode} and printed no key")
        return key


def bearer(api_key: str | Callable[[], str]) -> dict[str, str]:
    """The header that shows a key. Raises AccessDenied where none is to be had."""
    return {"Authorization": f"Bearer {api_key() if callable(api_key) else api_key}"}
