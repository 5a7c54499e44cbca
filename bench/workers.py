"""What more worker processes bring: `python -m bench.workers` prints a table, then JSON.

People in the middle of a sale have all written at once, and the workers, stopped until then, are let go. Without vendor keys:
a reply counts as delivered, nothing waits for a network. `--quick` is for trying it out: its figures mean nothing.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from typing import Any, NamedTuple

from bench import sale
from bench.installation import Installation, machine

GIVEN_UP_AFTER_S = 300.0


class Plan(NamedTuple):
    """How many processes, one run each, and for how many waiting people."""

    processes: tuple[int, ...]
    people: int
    floor_s: float


FULL = Plan((1, 2, 4), people=3_000, floor_s=2.0)
QUICK = Plan((1,), people=30, floor_s=0.05)


def main(plan: Plan) -> None:
    about = machine()
    agent = sale.make_agent()
    played = sale.play(agent)
    rows = []
    for processes in plan.processes:
        floor_per_s = sale.bare_invokes_per_s(agent, played, seconds=plan.floor_s)
        rows.append(_run(sale.StoredSale(played), processes, plan.people) | {"floor_per_s": round(floor_per_s)})
    print(f"{'processes':>9}{'turns/s':>10}{'× one process':>15}{'× bare graph':>14}{'replies out/s':>15}")
    for row in rows:
        row["ratio_to_one"] = round(row["turns_per_s"] / rows[0]["turns_per_s"], 2)
        row["ratio"] = round(row["turns_per_s"] / row["floor_per_s"], 2)
        cells = f"{row['turns_per_s']:>10}{row['ratio_to_one']:>15}{row['ratio']:>14}{row['delivered_per_s']:>15}"
        print(f"{row['processes']:>9}{cells}")
    print(json.dumps({"bench": "workers", "machine": about, "people": plan.people, "runs": rows}))


def _run(stored: sale.StoredSale, processes: int, people: int) -> dict[str, Any]:
    with Installation({}) as product:
        stored.fill(product.ledger, range(people))
        product.start_workers(processes)
        for worker in product.workers:
            worker.send_signal(signal.SIGSTOP)
        product.ledger.accept([stored.next_arrival(number) for number in range(people)])
        turns_before = _totals(product)["turns"]
        for worker in product.workers:
            worker.send_signal(signal.SIGCONT)
        start_s = time.monotonic()
        while _totals(product)["turns"] < turns_before + people:
            _pause(start_s)
        turns_s = time.monotonic() - start_s
        while any(lane["depth"] for lane in product.records.figures()["lanes"].values()):
            _pause(start_s)
        out_s = time.monotonic() - start_s
        replies = _totals(product)["sent"]
    return {"processes": processes, "turns_per_s": round(people / turns_s), "delivered_per_s": round(replies / out_s)}


def _totals(product: Installation) -> dict[str, int]:
    totals: dict[str, int] = product.records.figures()["totals"]
    return totals


def _pause(start_s: float) -> None:
    assert time.monotonic() - start_s < GIVEN_UP_AFTER_S, "the workers do not finish"
    time.sleep(0.1)


if __name__ == "__main__":
    main(QUICK if "--quick" in sys.argv[1:] else FULL)
