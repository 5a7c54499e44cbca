"""The door against the same application's empty route: `python -m bench.ingress` prints a table, then JSON.

Both are served by one gunicorn (gthread) in one run, in turns, so that the machine's mood strikes both. The door checks the
signature, parses, redacts and writes durably to the embedded store (append-only file, synced every second).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

from bench import load
from src.integrations.embedded_valkey import EmbeddedValkey
from tests.kit.builders import BUSINESS, signed, text, webhook
from tests.kit.rig import free_port

SECRET = "bench-secret"
CONNECTIONS, ROUNDS, REQUESTS = 32, 5, 2_500
TARGET = 0.5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedValkey(Path(folder))
        store.start()
        port = free_port()
        web = _serve(folder, port)
        try:
            rounds = [_round(port, number) for number in range(ROUNDS + 1)][1:]  # the first one warms up
        finally:
            web.terminate()
            web.wait(30)
            store.stop()
    empty = statistics.median(one["empty"].requests_per_s for one in rounds)
    door = statistics.median(one["door"].requests_per_s for one in rounds)
    ratio = statistics.median(one["door"].requests_per_s / one["empty"].requests_per_s for one in rounds)
    print(f"{'route':<34}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}")
    for name in ("empty", "door"):
        label = "empty route" if name == "empty" else "door: signature and durable write"
        p50, p99 = (statistics.median(getattr(one[name], field) for one in rounds) for field in ("p50_ms", "p99_ms"))
        print(f"{label:<34}{empty if name == 'empty' else door:>12.0f}{p50:>9.1f}{p99:>9.1f}")
    print(f"ratio {ratio:.2f} (target at least {TARGET})")
    failed = sum(one[name].failed for one in rounds for name in one)
    result = {"empty_per_s": round(empty), "door_per_s": round(door), "ratio": round(ratio, 3), "failed": failed}
    print(json.dumps({"bench": "ingress", "target": TARGET, **result}))


def _serve(folder: str, port: int) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "WHATSAPP_TOKEN": "t",
        "WHATSAPP_PHONE_NUMBER_ID": BUSINESS.phone_number_id,
        "WHATSAPP_VERIFY_TOKEN": "v",
        "WHATSAPP_APP_SECRET": SECRET,
        "DATA_DIR": folder,
        "LOG_FILE": f"{folder}/webhook.log",
        "WEBHOOK_PORT": str(port),
        "WORKER_PROCESSES": "0",
    }
    command = [sys.executable, "-m", "gunicorn", "src.webhooks.whatsapp_webhook:app"]
    web = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        try:
            requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5)
        except requests.RequestException:
            time.sleep(0.05)
        else:
            return web
    raise SystemExit("gunicorn does not start")


def _round(port: int, number: int) -> dict[str, load.Measured]:
    messages = []
    for position in range(REQUESTS):
        item = text("Hola, quiero información", sender=f"34600{position % 1000:06d}", id=f"wamid.{number}.{position}")
        body, headers = signed(webhook(item), SECRET)
        messages.append(load.post("/webhook/whatsapp", body, headers))
    return {
        "empty": load.run(port, [load.get("/healthz")] * REQUESTS, connections=CONNECTIONS),
        "door": load.run(port, messages, connections=CONNECTIONS),
    }


if __name__ == "__main__":
    main()
