"""The door against the same application's empty route: `python -m bench.ingress` prints a table, then JSON.

Both are served by one gunicorn (gthread) in one run, in turns, so that the machine's mood strikes both. The door checks the
signature, parses, redacts and writes durably to the embedded store (append-only file, synced every second). `--quick` is for
trying it out: its figures mean nothing.
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
from bench.installation import cpu_s_of
from src.integrations.ledger.embedded_valkey import EmbeddedValkey
from tests.kit.builders import BUSINESS, signed, text, webhook
from tests.kit.rig import free_port

SECRET = "bench-secret"
CONNECTIONS, ROUNDS, REQUESTS = 32, 5, 2_500
TARGET = 0.5


def main(rounds: int, requests_each: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedValkey(Path(folder))
        store.start()
        port = free_port()
        web = _serve(folder, port)
        try:
            assert store.process is not None
            served = (web.pid, store.process.pid)
            measured = [_round(port, number, requests_each, served) for number in range(rounds + 1)][1:]  # the first warms up
        finally:
            web.terminate()
            web.wait(30)
            store.stop()
    print(f"{'route':<34}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'processor us':>14}")
    medians: dict[str, dict[str, float]] = {}
    for name, label in (("empty", "empty route"), ("door", "door: signature and durable write")):
        runs, used_s = [one[name][0] for one in measured], [one[name][1] for one in measured]
        medians[name] = {field: statistics.median(getattr(run, field) for run in runs) for field in load.Measured._fields}
        medians[name]["processor_us"] = statistics.median(used_s) * 1e6
        row = medians[name]
        print(
            f"{label:<34}{row['requests_per_s']:>12.0f}{row['p50_ms']:>9.1f}{row['p99_ms']:>9.1f}{row['processor_us']:>14.0f}"
        )
    ratio = statistics.median(one["door"][0].requests_per_s / one["empty"][0].requests_per_s for one in measured)
    processor_ratio = statistics.median(one["empty"][1] / one["door"][1] for one in measured)
    print(f"ratio {ratio:.2f} of requests/s (target at least {TARGET}); {processor_ratio:.2f} of processor time, web and store")
    failed = sum(one[name][0].failed for one in measured for name in one)
    result = {
        "empty_per_s": round(medians["empty"]["requests_per_s"]),
        "door_per_s": round(medians["door"]["requests_per_s"]),
        "ratio": round(ratio, 3),
        "processor_ratio": round(processor_ratio, 3),
        "failed": failed,
    }
    print(json.dumps({"bench": "ingress", "target": TARGET, **result}))


def _serve(folder: str, port: int) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "WHATSAPP_TOKEN": "t",
        "WHATSAPP_PHONE_NUMBER_ID": BUSINESS.phone_number_id,
        "WHATSAPP_VERIFY_TOKEN": "verify-for-tests",
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


def _round(port: int, number: int, requests_each: int, processes: tuple[int, ...]) -> dict[str, tuple[load.Measured, float]]:
    messages = []
    for position in range(requests_each):
        item = text("Hola, quiero información", sender=f"34600{position % 1000:06d}", id=f"wamid.{number}.{position}")
        body, headers = signed(webhook(item), SECRET)
        messages.append(load.post("/webhook/whatsapp", body, headers))
    measured = {}
    for name, requests_ in (("empty", [load.get("/healthz")] * requests_each), ("door", messages)):
        before_s = sum(map(cpu_s_of, processes))
        result = load.run(port, requests_, connections=CONNECTIONS)
        measured[name] = (result, (sum(map(cpu_s_of, processes)) - before_s) / requests_each)
    return measured


if __name__ == "__main__":
    quick = "--quick" in sys.argv[1:]
    main(1 if quick else ROUNDS, 100 if quick else REQUESTS)
