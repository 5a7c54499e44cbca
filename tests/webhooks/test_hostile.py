"""Malformed and hostile webhooks (`hostile/`): each gets its expected answer, keeps its good parts and harms nobody."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from src.integrations.ledger.redis_ledger import RedisLedger
from tests.webhooks.conftest import Served
from tests.webhooks.door_kit import Doors, written_ids
from tests.webhooks.hostile_kit import CASES, ENVIRONMENT, Knock, cases, knock_of


def assert_as_expected(case: dict[str, Any], status: int, ledger: RedisLedger) -> None:
    assert str(status) in case["status_ok"].split("|")
    # What an agent wrote in Chatwoot bears its number there.
    ids = [name.replace("cw.", "cw:", 1) if case["endpoint"] == "chatwoot" else name for name in written_ids(ledger)]
    assert len(ids) == len(set(ids))
    assert case["min_processed"] <= len(ids) <= case["max_processed"]
    assert set(case["must_ids"]) <= set(ids)
    assert not set(case["must_not_ids"]) & set(ids)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in cases()])
def test_a_hostile_webhook_gets_its_expected_answer(
    case: dict[str, Any], new_doors: Callable[..., Doors], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(requests.Session, "request", lambda *what, **_: fetched.append(str(what)))
    doors = new_doors(ENVIRONMENT)
    knock = knock_of(case)
    for _ in range(case["repeat"]):
        answer: Any = doors.client.open(knock.path, method=knock.method, data=knock.body, headers=knock.headers)
    assert_as_expected(case, answer.status_code, doors.ledger)
    if answer.status_code != 200:
        assert set(answer.json) == {"error"}
    assert fetched == []


def test_every_vendor_has_its_cases() -> None:
    """None is passed over: whoever adds a door without its cases, or a case without its door, sees it here."""
    assert Counter(case["endpoint"] for case in cases()) == {"meta": 119, "twilio": 30, "chatwoot": 11}
    assert {path.name for path in (CASES / "bodies").iterdir()} == {Path(case["file"]).name for case in cases()}


# What a server may change on its way to the application: odd headers, encodings, and bodies that are not text.
_OVER_HTTP = [
    case
    for case in cases()
    if case["group"] in ("signature", "syntax", "ids", "tw_signature", "tw_syntax", "chatwoot")
    or "Content-Encoding" in str(case["headers"])
]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in _OVER_HTTP])
def test_gunicorn_changes_nothing_about_it(
    case: dict[str, Any], served: Served, new_ledger: Callable[..., RedisLedger]
) -> None:
    ledger = new_ledger()
    assert_as_expected(case, _send(served.port, knock_of(case)), ledger)
    assert served.process.poll() is None


def _send(port: int, knock: Knock) -> int:
    """A request with exactly these headers, repeated ones too."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(knock.method, knock.path)
        for name, value in [*knock.headers, ("Content-Length", str(len(knock.body)))]:
            connection.putheader(name, value)
        connection.endheaders(knock.body)
        return connection.getresponse().status
    finally:
        connection.close()
