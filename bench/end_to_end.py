"""Webhook in, reply out, against Meta's simulator in another process: `python -m bench.end_to_end` prints a table, then JSON.

Many prospects play the same sale, each taking about a second to answer; statuses come back for every reply. Twice for each
delay that a language model would add: with more people than can be served, for the replies a second, and with half of what
that came to, for how long a person waits. The floor is the bare graph on one core, measured just before. `--quick` is for
trying it out: its figures mean nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import requests

from bench import sale
from bench.installation import Installation, cpu_s_of, machine
from tests.kit.product import PROJECT

THINK_S = 1.0
DOOR_TARGET_MS = 50


class Delay(NamedTuple):
    """What the model takes, what is to be reached with it, and the threads of each worker that it needs."""

    delay_ms: int
    target_per_s: int
    worker_threads: int


class Plan(NamedTuple):
    """How long it all takes."""

    delays: Sequence[Delay]
    workers: int
    crowd: float  # people, as a multiple of those who would make the target if nobody waited
    warm_up_s: float
    measured_s: float
    floor_s: float


FULL = Plan((Delay(0, 300, 8), Delay(500, 150, 64)), workers=2, crowd=1.3, warm_up_s=6.0, measured_s=20.0, floor_s=2.0)
QUICK = Plan((Delay(20, 150, 8),), workers=1, crowd=0.1, warm_up_s=0.2, measured_s=1.5, floor_s=0.05)


class Crowd:
    """Prospects in a process of their own; see bench/prospects.py."""

    def __init__(self, product_url: str, played: Sequence[sale.Turn]) -> None:
        command = [sys.executable, "-m", "bench.prospects", product_url]
        self._process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        announced = json.loads(self._process.stdout.readline())
        self.env: dict[str, str] = announced["env"]
        self._url, self._sale = announced["url"], list(played)

    def tell(self, what: str, **more: Any) -> dict[str, Any]:
        """start, measure, report or stop; what it says to that."""
        answer = requests.post(f"{self._url}/prospects/{what}", json=more, timeout=120)
        answer.raise_for_status()
        return dict(answer.json())

    def start(self, people: int, think_s: float = THINK_S) -> None:
        lines = [turn.said.text for turn in self._sale]
        replies = [len(turn.step.replies) for turn in self._sale]
        self.tell("start", lines=lines, replies=replies, people=people, think_s=think_s)

    def cpu_s(self) -> float:
        return cpu_s_of(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        if self._process.stdout:
            self._process.stdout.close()


def main(plan: Plan) -> None:
    agent = sale.make_agent()
    played = sale.play(agent)
    about, rows = machine(), []
    for delay in plan.delays:
        env = {"WORKER_THREADS": str(delay.worker_threads), "WHATSAPP_MESSAGES_PER_SECOND": "10000"}
        with Installation(env) as product, Crowd(product.address, played) as crowd:
            product.start_web(crowd.env)
            product.start_workers(plan.workers, "bench.thinking_worker", str(delay.delay_ms))
            floor_per_s = sale.bare_invokes_per_s(agent, played, seconds=plan.floor_s)
            between_s = THINK_S + delay.delay_ms / 1000  # at best, from one thing that somebody says to their next
            full = _run(product, crowd, plan, round(delay.target_per_s * between_s * plan.crowd))
            half = _run(product, crowd, plan, max(1, round(full["replies_per_s"] / 2 * between_s)))
        for load, figures in (("all it takes", full), ("half of that", half)):
            ratio = figures["replies_per_s"] / floor_per_s
            rows.append({"delay_ms": delay.delay_ms, "load": load, **figures, "floor_per_s": floor_per_s, "ratio": ratio})
    _print(rows)
    targets = {str(delay.delay_ms): delay.target_per_s for delay in plan.delays}
    result = {"bench": "end_to_end", "machine": about, "targets_per_s": targets, "target_door_p99_ms": DOOR_TARGET_MS}
    print(json.dumps({**result, "runs": rows}, default=str))


def _run(product: Installation, crowd: Crowd, plan: Plan, people: int) -> dict[str, Any]:
    crowd.start(people)
    time.sleep(plan.warm_up_s)
    before = product.cpu_s() | {"vendor and prospects": crowd.cpu_s()}
    crowd.tell("measure")
    time.sleep(plan.measured_s)
    figures = crowd.tell("report")
    after = product.cpu_s() | {"vendor and prospects": crowd.cpu_s()}
    replies = max(1.0, figures["replies_per_s"] * plan.measured_s)
    cpu_ms = {part: round((after[part] - before[part]) * 1000 / replies, 2) for part in after}
    return {"people": people, **figures, **crowd.tell("stop"), "cpu_ms_per_reply": cpu_ms}


def _print(rows: Sequence[dict[str, Any]]) -> None:
    print(f"{'':28}{'replies/s':>10}{'× floor':>9}  {'first reply ms p50/p95/p99':<28}{'door ms p50/p95/p99':<22}{'lost':>5}")
    for row in rows:
        name = f"model {row['delay_ms']} ms, {row['load']}"
        waits, door = ("/".join(f"{value:.0f}" for value in row[part].values()) for part in ("first_reply_ms", "door_ms"))
        lost = row["unanswered"] + row["webhooks_refused"] + row["sends_refused"]
        print(f"{name:28}{row['replies_per_s']:>10.0f}{row['ratio']:>9.2f}  {waits:<28}{door:<22}{lost:>5}")
    for row in rows:
        parts = ", ".join(f"{part} {cpu_ms}" for part, cpu_ms in row["cpu_ms_per_reply"].items())
        print(f"processor ms for each reply, model {row['delay_ms']} ms, {row['load']}: {parts}")


if __name__ == "__main__":
    main(QUICK if "--quick" in sys.argv[1:] else FULL)
