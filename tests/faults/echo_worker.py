"""A worker process like `src.worker`, with an agent that says which messages it answers, so that answers can be counted.

`python -m tests.faults.echo_worker THINKING_MS`: each turn takes that long, so that it can be killed in the middle.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from datetime import datetime

import msgspec

from src import logs
from src.agent.agenda import Entry
from src.agent.state import Conversation, Step
from src.bootstrap import make_channels, make_house, make_ledger, make_metrics, make_mirror
from src.desk.delivery import Deliveries
from src.desk.turns import Turns
from src.messages import Content, Inbound
from src.settings import load
from src.worker import Worker


class EchoAgent:
    """Answers each turn with its number and the texts it answers."""

    def __init__(self, thinking_s: float) -> None:
        self._thinking_s = thinking_s

    def advance(self, conversation: Conversation, inbounds: Sequence[Inbound], now: datetime) -> Step:
        time.sleep(self._thinking_s)
        turns = conversation.turns + 1
        words = " ".join(inbound.text for inbound in inbounds)
        return Step(
            conversation=msgspec.structs.replace(conversation, turns=turns, updated_at=now),
            replies=(Content(text=f"{turns}: {words}"),),
        )

    def fall_due(self, conversation: Conversation, entry: Entry, now: datetime) -> Step:
        del entry, now
        return Step(conversation=conversation)


def main() -> None:
    settings = load()
    logs.configure(log_file=settings.log_file, log_format="json", process="worker", stdout=False)
    ledger = make_ledger(settings)
    metrics = make_metrics(settings)
    channels = make_channels(settings, metrics)
    turns = Turns(
        ledger,
        EchoAgent(int(sys.argv[1]) / 1000),
        channels,
        apology=Content(text="apology"),
        retention_days=10,
        courtesy=lambda courtesy: None,
    )
    deliveries = Deliveries(ledger, channels, monotonic=time.monotonic)
    mirror = make_mirror(settings, ledger, channels, metrics, make_house(settings, ledger))
    worker = Worker(ledger, turns, deliveries, mirror, threads=settings.worker_threads)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    worker.run()


if __name__ == "__main__":
    main()
