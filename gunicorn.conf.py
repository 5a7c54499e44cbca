"""How gunicorn serves the doors. `gunicorn "src.webhooks.whatsapp_webhook:app"` finds this file by itself.

Workers (the processes that answer) run beside it unless WORKER_PROCESSES=0 or `python run_webhook.py` started it.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from typing import Any

from src.settings import load

_settings = load()

bind = f"{_settings.webhook_host}:{_settings.webhook_port}"
workers = _settings.web_processes
worker_class = "gthread"
threads = _settings.web_threads
backlog = 1024
timeout = 30
graceful_timeout = 15
keepalive = 5
max_requests = 0
limit_request_line = 4094
accesslog = None
errorlog = "-"
loglevel = "warning"
control_socket_disable = True
proc_name = "iagente-vida-web"
worker_tmp_dir = "/dev/shm" if sys.platform == "linux" else None  # noqa: S108 - heartbeats belong in memory

_beside: list[subprocess.Popen[bytes]] = []


def when_ready(server: Any) -> None:
    """The doors are open: start those who answer."""
    del server
    if _settings.worker_processes:
        _beside.append(subprocess.Popen([sys.executable, "-m", "src.processes"], process_group=0))


def on_exit(server: Any) -> None:
    """Let them finish what is in hand."""
    del server
    for process in _beside:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        deadline_s = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline_s:
            time.sleep(0.05)
