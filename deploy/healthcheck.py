"""Whether this container does its work; the image has no curl.

    python deploy/healthcheck.py /healthz     the web process of this container answers
    python deploy/healthcheck.py /readyz      it can keep messages, and a worker is alive somewhere to answer them
    python deploy/healthcheck.py worker       a worker of this container told the store lately that it is alive

Exit codes: 0 it does, 1 it does not; standard error says why.
"""

from __future__ import annotations

import http.client
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from src.bootstrap import make_ledger
from src.errors import LedgerUnavailable
from src.settings import Settings, load

ANSWERS_WITHIN_S = 5.0
WORKER_SILENCE_S = 15.0
"""A worker says every two seconds that it is alive."""


def fault_of_web(settings: Settings, path: str) -> str | None:
    """What is wrong with the web process, or None."""
    address = urlsplit(settings.web_address)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=ANSWERS_WITHIN_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(1024).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {type(error).__name__}"
    finally:
        connection.close()
    return None if answer.status == 200 else f"{answer.status}: {body}"


def fault_of_worker(settings: Settings) -> str | None:
    """What is wrong with this host's workers, or None. They are named host.pid."""
    try:
        beats = make_ledger(settings).workers()
    except LedgerUnavailable as error:
        return str(error)
    here = [age_s for name, age_s in beats.items() if name.rpartition(".")[0] == socket.gethostname()]
    return None if here and min(here) < WORKER_SILENCE_S else "no worker of this container has been heard of lately"


def main(what: str) -> int:
    """The exit code."""
    settings = load()
    fault = fault_of_worker(settings) if what == "worker" else fault_of_web(settings, what)
    if fault:
        sys.stderr.write(f"{fault}\n")
    return 1 if fault else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else "/readyz"))
