"""A whole installation whose store fails over while people write. What that can lose is measured: docs/reliability.md.

`python -m pytest -m faults -s tests/stores/test_installation.py` prints a line for every run.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from src.integrations.ledger.keys import Keys
from tests.faults.stack import Stack
from tests.faults.test_kills import ANSWER, Tally, everything_is_settled, tally, write
from tests.integrations.ledger_kit import audit
from tests.kit.product import eventually
from tests.stores.servers import Cluster, Server, Watched

CONTACTS, EACH, SPREAD_S = 24, 7, 2.0
SLACK_S = 0.3
"""What the clocks of this measurement may differ by: a time is taken after the answer came."""


class FailingOver:
    """A store whose master, of the first person's data, dies after its replica lost it for `cut_s`; another takes over, and the
    dead one comes back as its replica."""

    def __init__(self, servers: Cluster | Watched, *, cut_s: float) -> None:
        self.url = servers.url
        self._servers = servers
        self._cut_s = cut_s
        self.cut_at = self.dead_at = self.taken_over_s = 0.0

    def start(self) -> None:
        self._servers.start()

    def stop(self) -> None:
        self._servers.stop()

    def master_of(self, contact: str) -> Server | None:
        return self._servers.master_of(Keys(16).of_contact(contact, "record"))

    def fail(self) -> None:
        old = self.master_of(contact_of(phones()[0]))
        assert old is not None
        self.cut_at = time.time()
        if self._cut_s:
            old.lose_replicas()
            time.sleep(self._cut_s)
        old.kill()
        self.dead_at = time.time()
        eventually(lambda: self.master_of(contact_of(phones()[0])) not in (old, None), within_s=30, every_s=0.02)
        self.taken_over_s = time.time() - self.dead_at
        old.start()


class Outcome(NamedTuple):
    """`forgotten` are people whose conversation went back to an earlier turn; `silent_s` the longest that nobody of the dead
    master's got an answer. `doors` counts what the web server answered, by status."""

    tally: Tally
    taken_over_s: float
    silent_s: float
    doors: dict[str, int]


def phones() -> list[str]:
    return [f"3460000{number:04d}" for number in range(CONTACTS)]


def contact_of(phone: str) -> str:
    return f"whatsapp:{phone}"


def run(stack: Stack, store: FailingOver, seed: int) -> tuple[Outcome, dict[str, list[tuple[int, int, str]]], dict[str, float]]:
    """People write, the master dies, everything settles. Returns what came of it, what was written, and when each was answered
    200 at the door."""
    affected = [phone for phone in phones() if store.master_of(contact_of(phone)) is store.master_of(contact_of(phones()[0]))]
    accepted_at: dict[str, float] = {}
    post = stack.rig.meta.inbound_batch

    def noted(messages: list[dict[str, Any]], **delivery: Any) -> dict[str, Any]:
        answer = post(messages, **delivery)
        accepted_at[messages[0]["body"]] = time.time()
        return answer

    stack.rig.meta.inbound_batch = noted  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write, stack, contacts=CONTACTS, each=EACH, seed=seed, spread_s=SPREAD_S)
        time.sleep(2.0 + random.Random(seed).random())
        stack.kill_store()
        written = writing.result()
    eventually(lambda: everything_is_settled(stack), within_s=90)
    stack.rig.wait_quiet(idle_ms=500, timeout_s=60)
    sent_at = sorted(sent["t"] for phone in affected for sent in stack.rig.meta.sent(phone))
    around = [at for at in sent_at if store.cut_at - 1 < at < store.dead_at + 30]
    silent_s = max((later - earlier for earlier, later in itertools.pairwise(around)), default=0.0)
    doors = Counter(str(row["status"] or row["error"]) for row in stack.rig.meta.deliveries())
    return Outcome(tally(stack, written), round(store.taken_over_s, 1), round(silent_s, 1), dict(doors)), written, accepted_at


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("wait_replicas", [0, 1])
@pytest.mark.parametrize("cut_s", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["cluster", "sentinel"])
def test_what_a_failover_loses(kind: str, cut_s: float, wait_replicas: int, seed: int, tmp_path: Path) -> None:
    servers = Cluster(tmp_path / "servers", replicas=True) if kind == "cluster" else Watched(tmp_path / "servers")
    store = FailingOver(servers, cut_s=cut_s)
    with Stack(tmp_path / "data", store=store, wait_replicas=wait_replicas) as stack:
        outcome, written, accepted_at = run(stack, store, seed)
        print(json.dumps({"store": kind, "cut_s": cut_s, "wait": wait_replicas, "seed": seed, **outcome._asdict()}))
        assert audit(stack.ledger, round(stack.ledger.server_time().timestamp() * 1000)) == [], "a lane is stuck"
        assert {status for status in outcome.doors if status.isdigit()} <= {"200", "503"}, outcome.doors
        found = outcome.tally
        assert found.out_of_order == 0 or found.answered_twice  # what is answered again is answered late
        assert found.resent <= 2
        if wait_replicas:
            assert (found.lost, found.answered_twice, found.gaps) == (0, 0, 0), found
        else:
            answered = answers(stack)
            for text in (text for messages in written.values() for _, _, text in messages):
                if text not in answered:
                    assert accepted_at[text] > store.cut_at - SLACK_S, f"{text} was lost, and the replica had it"
                elif len(answered[text]) > 1:
                    assert answered[text][0] > store.cut_at - SLACK_S, f"{text} was answered, and the replica knew"


def answers(stack: Stack) -> dict[str, list[float]]:
    """When each text was answered, once for every message of ours that holds it."""
    found: dict[str, list[float]] = {}
    ours: set[str] = set()
    for phone in phones():
        for sent in stack.rig.meta.sent(phone):
            answer = ANSWER.fullmatch(sent["text"])
            assert answer
            outbox_id = sent["payload"]["biz_opaque_callback_data"]
            if outbox_id not in ours:
                ours.add(outbox_id)
                for text in answer[2].split():
                    found.setdefault(text, []).append(sent["t"])
    return found
