"""Workers, the store and Chatwoot's answers are killed while people write: in Chatwoot everything is there once, in order."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.faults.stack import Stack, kill_until
from tests.faults.test_kills import everything_is_settled, write
from tests.kit.product import eventually


class Mirrored(NamedTuple):
    """What a run came to, both ways: what people wrote and what was answered."""

    messages: int
    lost: int
    twice: int
    out_of_order: int
    conversations: int
    kills: dict[str, int]
    faults: int


def trouble(stack: Stack) -> None:
    """Chatwoot answers wrongly or not at all, before or after it did what was asked."""
    stack.rig.chatwoot.faults(
        {"kind": "error_after_commit", "status": 500, "times": -1, "p": 0.06, "match": "POST"},
        {"kind": "drop_after", "times": -1, "p": 0.05, "match": "POST"},
        {"kind": "drop_before", "times": -1, "p": 0.05},
        {"kind": "error", "status": 503, "times": -1, "p": 0.05},
    )


def run(stack: Stack, *, contacts: int, each: int, seed: int, spread_s: float, every_s: float, most: int) -> Mirrored:
    trouble(stack)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write, stack, contacts=contacts, each=each, seed=seed, spread_s=spread_s)
        kill_until(writing.done, stack, seed=seed, every_s=every_s, most=most)
        written = writing.result()
    hits = sum(fault["hits"] for fault in stack.rig.chatwoot.faults())
    stack.rig.chatwoot.clear_faults()
    eventually(lambda: everything_is_settled(stack), within_s=300)
    result = compared(stack, written, hits)
    print(json.dumps(result._asdict()))
    return result


def compared(stack: Stack, written: dict[str, list[tuple[int, int, str]]], hits: int) -> Mirrored:
    lost = twice = out_of_order = 0
    rows: list[dict[str, Any]] = stack.rig.chatwoot.ledger(kind="message")["messages"]
    public = [row for row in rows if not row["private"] and row["message_type"] in (0, 1)]
    state = stack.rig.chatwoot.state()
    for phone, messages in written.items():
        (person,) = [contact for contact in state["contacts"] if contact["phone_number"] == f"+{phone}"]
        there = {one["id"] for one in state["conversations"] if one["meta"]["sender"]["id"] == person["id"]}
        shown = [row for row in public if row["conversation_id"] in there]
        heard = [row["content"] for row in shown if row["message_type"] == 0]
        said = [row["content"] for row in shown if row["message_type"] == 1]
        sent = list(dict.fromkeys(message["text"] for message in stack.rig.meta.sent(phone)))
        for wanted, found in ((Counter(text for _, _, text in messages), Counter(heard)), (Counter(sent), Counter(said))):
            lost += sum((wanted - found).values())
            twice += sum((found - wanted).values())
        accepted = [row["text"] for row in transcript(stack, phone) if row["role"] == "prospect"]
        out_of_order += heard != accepted or said != sent
    return Mirrored(
        messages=sum(len(messages) for messages in written.values()),
        lost=lost,
        twice=twice,
        out_of_order=out_of_order,
        conversations=len(state["conversations"]),
        kills=dict(stack.kills),
        faults=hits,
    )


def transcript(stack: Stack, phone: str) -> list[dict[str, Any]]:
    client: Any = stack.ledger.client
    log = stack.ledger.keys.of_contact(f"whatsapp:{phone}", "log")
    return [json.loads(row[b"row"]) for _, row in client.xrange(log)]


def assert_told_once(result: Mirrored, contacts: int) -> None:
    assert (result.lost, result.twice, result.out_of_order) == (0, 0, 0), result
    assert result.conversations == contacts, result
    assert result.faults > 0


@pytest.mark.timeout(400)
def test_what_is_mirrored_survives_kills_and_lost_answers(tmp_path: Path) -> None:
    with Stack(tmp_path, vendors=("meta", "chatwoot"), lease_s=2.0) as stack:
        result = run(stack, contacts=10, each=5, seed=11, spread_s=2.0, every_s=1.5, most=6)
    assert_told_once(result, 10)
    assert result.kills["worker"] >= 3


@pytest.mark.faults
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [1, 2])
def test_three_hundred_messages_mirrored_through_thirty_kills(tmp_path: Path, seed: int) -> None:
    with Stack(tmp_path, vendors=("meta", "chatwoot"), lease_s=2.0) as stack:
        result = run(stack, contacts=30, each=10, seed=seed, spread_s=12.0, every_s=1.8, most=30)
    assert_told_once(result, 30)
