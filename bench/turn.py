"""A whole turn against the bare graph: `python -m bench.turn` prints a table, then JSON.

The same messages of the same sale, in turns: once `graph.invoke` alone, once claim, state, graph and commit on the embedded
store, which is what a worker does. One thread, one process.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from src.agent.graph import SalesAgent
from src.agent.state import Conversation, House, new_conversation
from src.desk import jobs
from src.desk.turns import Turns
from src.integrations.embedded_valkey import EmbeddedValkey
from src.integrations.redis_ledger import RedisLedger
from src.integrations.redis_store import connect
from src.integrations.simulator_channel import SimulatorChannel
from src.messages import Contact, Content, Inbound
from src.quoting import load_catalogue

SALE = ("hola", "sí", "Marta", "35", "no", "administrativa", "dos", "1900 al mes", "120.000", "la de en medio", "sí")
PEOPLE, TARGET = 60, 1.5


def main() -> None:
    agent = SalesAgent(House(), load_catalogue())
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
        bare, advance, whole = _measure(agent, ledger, turns)
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


def _measure(agent: SalesAgent, ledger: RedisLedger, turns: Turns) -> tuple[list[float], list[float], list[float]]:
    bare: list[float] = []
    advance: list[float] = []
    whole: list[float] = []
    for person in range(PEOPLE):
        contact = Contact(key=f"whatsapp:346{person:08d}", channel="whatsapp", phone=f"+346{person:08d}")
        conversation = new_conversation(contact, datetime.now(UTC))
        for position, words in enumerate(SALE):
            inbound = Inbound(
                id=f"{person}.{position}", contact=contact, kind="text", at=datetime.now(UTC), text=words
            )  # fmt: skip
            bare.append(_timed(_bare_invoke(agent, conversation, inbound)))
            advance.append(_timed(lambda c=conversation, i=inbound: agent.advance(c, [i], i.at)))
            ledger.accept([jobs.arrival(inbound)])
            whole.append(_timed(lambda key=contact.key: _turn(ledger, turns, key)))
            conversation = agent.advance(conversation, [inbound], inbound.at).conversation
    return bare[len(SALE) :], advance[len(SALE) :], whole[len(SALE) :]


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
    main()
