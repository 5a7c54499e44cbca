"""Workers and the store are killed while people write. Nothing is lost, nothing answered twice, all in order.

The short runs are part of `make test`; the long one (`make faults`) is the one whose figures stand in docs/reliability.md.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from src.desk.ports import LANES
from tests.faults.stack import Stack, kill_until
from tests.kit.product import eventually

ANSWER = re.compile(r"(\d+): (.*)")


class Tally(NamedTuple):
    """What a run came to. `resent` are messages that went out twice because a kill hid the vendor's answer."""

    messages: int
    lost: int
    answered_twice: int
    out_of_order: int
    resent: int
    gaps: int
    stale_commits: int
    kills: dict[str, int]


def write(stack: Stack, *, contacts: int, each: int, seed: int, spread_s: float) -> dict[str, list[tuple[int, int, str]]]:
    """Everybody writes `each` messages: some delivered twice, some overtaken by the next. Returns, for each contact,
    (vendor's second, arrival, text) of every message."""
    chance = random.Random(seed)
    written: dict[str, list[tuple[int, int, str]]] = {}
    plans = {f"3460000{number:04d}": random.Random(chance.random()) for number in range(contacts)}

    def one_person(phone: str) -> None:
        dice, arrived, second = plans[phone], [], 1_800_000_000
        order = list(range(each))
        for position in range(0, each - 1, 2):
            if dice.random() < 0.15:
                order[position], order[position + 1] = order[position + 1], order[position]
        for arrival, number in enumerate(order):
            text = f"{phone[-4:]}-{number:03d}"
            arrived.append((second + number, arrival, text))
            message = {"from": phone, "type": "text", "body": text, "timestamp": str(second + number)}
            times = 1 if dice.random() < 0.2 else 0
            stack.rig.meta.inbound_batch([message], duplicates=times, wait=True)
            time.sleep(dice.uniform(0, spread_s))
        written[phone] = arrived

    with ThreadPoolExecutor(contacts) as people:
        for done in [people.submit(one_person, phone) for phone in plans]:
            done.result()
    return written


def tally(stack: Stack, written: dict[str, list[tuple[int, int, str]]]) -> Tally:
    """Compares what was written with what the simulator was asked to send."""
    lost = twice = out_of_order = resent = gaps = 0
    for phone, messages in written.items():
        outbox: dict[str, str] = {}
        for sent in stack.rig.meta.sent(phone):
            outbox_id = sent["payload"]["biz_opaque_callback_data"]
            resent += outbox_id in outbox
            outbox.setdefault(outbox_id, sent["text"])
        answers = [ANSWER.fullmatch(text) for text in outbox.values()]
        assert all(answers), outbox
        gaps += [int(answer[1]) for answer in answers if answer] != list(range(1, len(answers) + 1))
        answered = [text for answer in answers if answer for text in answer[2].split()]
        counts = Counter(answered)
        lost += sum(text not in counts for _, _, text in messages)
        twice += sum(count > 1 for count in counts.values())
        place = {text: position for position, text in enumerate(answered)}
        known = [(second, arrival, place[text]) for second, arrival, text in messages if text in place]
        out_of_order += sum(
            a[0] < b[0] and a[1] < b[1] and a[2] > b[2] for i, a in enumerate(known) for b in known[i + 1 :]
        )  # fmt: skip
    return Tally(
        messages=sum(len(messages) for messages in written.values()),
        lost=lost,
        answered_twice=twice,
        out_of_order=out_of_order,
        resent=resent,
        gaps=gaps,
        stale_commits=stale_commits(stack),
        kills=dict(stack.kills),
    )


def stale_commits(stack: Stack) -> int:
    keys: Any = stack.ledger.client.scan_iter("iv:{s*}:hour:*")
    return sum(int(stack.ledger.client.hget(key, "stale_commits") or 0) for key in keys)


def everything_is_settled(stack: Stack) -> bool:
    keys: Any = stack.ledger.client.scan_iter("iv:{s*}:depth")
    return all(int(count or 0) == 0 for key in keys for count in stack.ledger.client.hmget(key, LANES))


def run(stack: Stack, *, contacts: int, each: int, seed: int, spread_s: float, every_s: float, most: int) -> Tally:
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write, stack, contacts=contacts, each=each, seed=seed, spread_s=spread_s)
        kill_until(writing.done, stack, seed=seed, every_s=every_s, most=most)
        written = writing.result()
    eventually(lambda: everything_is_settled(stack), within_s=90)
    stack.rig.wait_quiet(idle_ms=500, timeout_s=60)
    result = tally(stack, written)
    print(json.dumps(result._asdict()))
    return result


def assert_kept_its_word(result: Tally) -> None:
    assert (result.lost, result.answered_twice, result.out_of_order, result.gaps) == (0, 0, 0, 0), result
    assert result.resent <= sum(result.kills.values()), result


@pytest.mark.timeout(240)
def test_killing_workers_and_store_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with Stack(tmp_path) as stack:
        result = run(stack, contacts=20, each=6, seed=7, spread_s=2.5, every_s=1.2, most=10)
    assert_kept_its_word(result)
    assert result.kills["worker"] >= 4
    assert result.kills["store"] >= 1


@pytest.mark.timeout(240)
def test_a_frozen_worker_wakes_up_to_a_refusal(tmp_path: Path) -> None:
    with Stack(tmp_path, thinking_ms=400, lease_s=1.0) as stack:
        frozen = ThreadPoolExecutor(1).submit(freeze_in_mid_turn, stack)
        written = write(stack, contacts=12, each=4, seed=3, spread_s=1.0)
        frozen.result()
        eventually(lambda: everything_is_settled(stack), within_s=60)
        stack.rig.wait_quiet(idle_ms=500, timeout_s=60)
        result = tally(stack, written)
    assert (result.lost, result.answered_twice, result.out_of_order, result.gaps) == (0, 0, 0, 0), result
    assert result.stale_commits > 0, "nobody was frozen in the middle of a turn"


def freeze_in_mid_turn(stack: Stack) -> None:
    for which in (0, 1, 0, 1):
        stack.freeze_worker(which, for_s=2.5)


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_four_hundred_messages_and_forty_kills(tmp_path: Path, seed: int) -> None:
    with Stack(tmp_path) as stack:
        result = run(stack, contacts=40, each=10, seed=seed, spread_s=14.0, every_s=1.6, most=40)
    assert_kept_its_word(result)
    assert sum(result.kills.values()) >= 35
