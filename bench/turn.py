"""A whole turn against the bare graph: `python -m bench.turn` prints a table, then JSON.

The same messages of the same sale, in turns: once `graph.invoke` alone, once claim, state, graph and commit on the embedded
store, which is what a worker does. One thread, one process. `--quick` is for trying it out: its figures mean nothing.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench import sale
from src.agent.graph import SalesAgent
from src.agent.state import Conversation
from src.desk import jobs
from src.desk.turns import Turns
from src.integrations.ledger.embedded_valkey import EmbeddedValkey
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from src.integrations.simulator_channel import SimulatorChannel
from src.messages import Content, Inbound

PEOPLE, TARGET = 60, 1.5


def main(people: int) -> None:
    agent = sale.make_agent()
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedValkey(Path(folder))
        store.start()
        client = connect(store.url)
        ledger = RedisLedger(lambda: client, debounce_s=0.0)
        turns = Turns(
            ledger,
            agent,
            {"whatsapp": SimulatorChannel()},
            apology=Content(text="-"),
            retention_days=10,
            courtesy=lambda _: None,
        )
        bare, advance, whole = _measure(agent, ledger, turns, people)
        client.close()
        store.stop()
    rows = {"graph.invoke alone": bare, "agent.advance": advance, "claim + graph + commit": whole}
    print(f"{'turn':<26}{'median ms':>11}{'p95 ms':>9}")
    for name, times in rows.items():
        print(f"{name:<26}{statistics.median(times) * 1000:>11.2f}{sorted(times)[int(len(times) * 0.95)] * 1000:>9.2f}")
    ratio = statistics.median(w / b for w, b in zip(whole, bare, strict=True))
    print(f"ratio {ratio:.2f} (target at most {TARGET})")
    medians = {name: round(statistics.median(times) * 1000, 3) for name, times in rows.items()}
    print(json.dumps({"bench": "turn", "target": TARGET, "ratio": round(ratio, 3), "median_ms": medians}))


def _measure(agent: SalesAgent, ledger: RedisLedger, turns: Turns, people: int) -> tuple[list[float], list[float], list[float]]:
    bare: list[float] = []
    advance: list[float] = []
    whole: list[float] = []
    for person in range(people + 1):
        played = sale.play(agent, person)
        for turn in played:
            ledger.accept([jobs.arrival(turn.said)])
            bare.append(_timed(_bare_invoke(agent, turn.before, turn.said)))
            advance.append(_timed(lambda turn=turn: agent.advance(turn.before, [turn.said], turn.said.at)))
            whole.append(_timed(lambda key=turn.said.contact.key: _turn(ledger, turns, key)))
    first = len(played)  # the first sale is for warming up
    return bare[first:], advance[first:], whole[first:]


def _bare_invoke(agent: SalesAgent, conversation: Conversation, inbound: Inbound) -> Callable[[], object]:
    """The compiled graph with its input ready, nothing else."""
    flow = agent.flow_of(msgspec.structs.replace(conversation), [inbound], inbound.at)
    return lambda: agent.graph.invoke(flow)


def _turn(ledger: RedisLedger, turns: Turns, contact: str) -> None:
    claim = ledger.claim("turns", contact)
    assert claim is not None
    turns.work(claim)


def _timed(work: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


if __name__ == "__main__":
    main(2 if "--quick" in sys.argv[1:] else PEOPLE)
