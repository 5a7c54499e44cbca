"""Whether it stays as fast with many conversations: `python -m bench.scale` prints a table, then JSON.

One store for each size, all running, measured in turns, so that the machine's mood strikes all of them. The conversations are
those of one sale that has come a different way for each person. `--quick` is for trying it out: its figures mean nothing.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from bench import sale
from bench.installation import machine
from src.desk.desk import Desk
from src.desk.turns import Turns
from src.integrations.ledger.embedded_valkey import EmbeddedValkey
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from src.integrations.ledger.views import RedisRecords
from src.integrations.simulator_channel import SimulatorChannel
from src.messages import Content

TARGET = 1.2
PAGE = 50
FILLERS = 3
"""Threads that write: while the store works for one, another prepares."""


class Plan(NamedTuple):
    """How many conversations, and how often everything is measured."""

    sizes: tuple[int, ...]
    rounds: int


FULL = Plan((1_000, 10_000, 100_000), rounds=300)
QUICK = Plan((40, 120), rounds=10)


class Filled(NamedTuple):
    """A store with conversations in it, and what can be done with it."""

    size: int
    ledger: RedisLedger
    turns: Turns
    desk: Desk
    bytes_each: float
    filled_in_s: float


def main(plan: Plan) -> None:
    about = machine()
    agent = sale.make_agent()
    stored = sale.StoredSale(sale.play(agent))
    with contextlib.ExitStack() as stack:
        stores = [stack.enter_context(_filled(stored, agent, size)) for size in plan.sizes]
        for store in stores:
            _wait_until_calm(store.ledger)
        for number in range(stored.lengths):  # patterns are made, scripts are known
            for store in stores:
                _measure_once(store, stored, number)
        times: dict[int, list[dict[str, float]]] = {store.size: [] for store in stores}
        for number in range(stored.lengths, stored.lengths + plan.rounds):
            for store in stores:
                times[store.size].append(_measure_once(store, stored, number))
    rows = [_row(store, times[store.size], times[plan.sizes[0]]) for store in stores]
    _print(rows)
    print(json.dumps({"bench": "scale", "machine": about, "target_turn_ratio": TARGET, "sizes": rows}))


@contextlib.contextmanager
def _filled(stored: sale.StoredSale, agent: Any, size: int) -> Iterator[Filled]:
    with tempfile.TemporaryDirectory(prefix="iagente-bench-") as folder:
        store = EmbeddedValkey(Path(folder))
        store.start()
        client = connect(store.url)
        ledger = RedisLedger(lambda: client, debounce_s=0.0)
        try:
            ledger.ping()
            empty_bytes, _ = ledger.memory_bytes()
            start_s = time.monotonic()
            share = -(-size // FILLERS)
            shares = [range(start, min(start + share, size)) for start in range(0, size, share)]
            with ThreadPoolExecutor(FILLERS) as pool:
                list(pool.map(lambda numbers: stored.fill(ledger, numbers), shares))
            filled_in_s = time.monotonic() - start_s
            turns = Turns(
                ledger,
                agent,
                {"whatsapp": SimulatorChannel()},
                apology=Content(text="-"),
                retention_days=10,
                courtesy=lambda _: None,
            )
            used_bytes, _ = ledger.memory_bytes()
            desk = Desk(ledger, RedisRecords(ledger))
            yield Filled(size, ledger, turns, desk, (used_bytes - empty_bytes) / size, filled_in_s)
        finally:
            client.close()
            store.stop()


def _measure_once(store: Filled, stored: sale.StoredSale, number: int) -> dict[str, float]:
    """Seconds of everything, on a conversation as long as that of `number`, somewhere in the whole store."""
    # Steps of a prime spread the people over the store, each once; a multiple of `lengths` leaves the conversation as long.
    nth, alike = number // stored.lengths, store.size // stored.lengths
    person = number % stored.lengths + stored.lengths * (nth * 7_919 % alike)
    contact = sale.contact_of(person).key
    return {
        "accept": _timed(lambda: store.ledger.accept([stored.next_arrival(person)])),
        "turn": _timed(lambda: _turn(store, contact)),
        "one_conversation": _timed(lambda: store.desk.conversation(contact)),
        "figures": _timed(store.desk.figures),
        "page": _timed(lambda: store.desk.conversations(limit=PAGE)),
        "page_of_a_stage": _timed(lambda: store.desk.conversations(limit=PAGE, stage="NEEDS_ANALYSIS")),
    }


def _turn(store: Filled, contact: str) -> None:
    claim = store.ledger.claim("turns", contact)
    assert claim is not None
    store.turns.work(claim)


def _timed(work: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


def _wait_until_calm(ledger: RedisLedger) -> None:
    """A store that is writing its file anew is measured afterwards."""
    client: Any = ledger.client
    while client.info("persistence").get("aof_rewrite_in_progress") or client.info("persistence").get("aof_rewrite_scheduled"):
        time.sleep(0.2)


def _row(store: Filled, times: list[dict[str, float]], smallest: list[dict[str, float]]) -> dict[str, Any]:
    medians_ms = {name: statistics.median(one[name] for one in times) * 1000 for name in times[0]}
    ratios = {
        name: statistics.median(one[name] / least[name] for one, least in zip(times, smallest, strict=True))
        for name in times[0]
    }
    return {
        "conversations": store.size,
        "bytes_per_conversation": round(store.bytes_each),
        "filled_in_s": round(store.filled_in_s, 1),
        "median_ms": {name: round(value, 3) for name, value in medians_ms.items()},
        "ratio_to_smallest": {name: round(value, 2) for name, value in ratios.items()},
    }


def _print(rows: list[dict[str, Any]]) -> None:
    names = list(rows[0]["median_ms"])
    print(f"{'conversations':>13}{'bytes each':>12}" + "".join(f"{name.replace('_', ' '):>20}" for name in names))
    for row in rows:
        cells = (f"{row['median_ms'][name]:.2f} ms ×{row['ratio_to_smallest'][name]:.2f}" for name in names)
        print(f"{row['conversations']:>13}{row['bytes_per_conversation']:>12}" + "".join(f"{cell:>20}" for cell in cells))
    print(f"a turn with most conversations: ×{rows[-1]['ratio_to_smallest']['turn']:.2f} (target at most {TARGET})")


if __name__ == "__main__":
    main(QUICK if "--quick" in sys.argv[1:] else FULL)
