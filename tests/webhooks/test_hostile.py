"""Malformed and hostile webhooks (`hostile/`): each gets its expected answer, keeps its good parts and harms nobody.

The cases' own app secret is not known here, so right signatures are made anew, and the forged ones forged again with ours.
"""

from __future__ import annotations

import hmac
import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src.integrations.redis_ledger import RedisLedger
from tests.kit.simulators.meta.signing import sign
from tests.webhooks.conftest import HOSTILE_NUMBER, Served
from tests.webhooks.door_kit import DOOR, SECRET, WHATSAPP, Doors, written_ids

CASES = Path(__file__).parent / "hostile"
SIGNATURE = "X-Hub-Signature-256"
Headers = list[tuple[str, str]]

_FORGERIES: dict[str, Callable[[bytes], Headers]] = {
    "sig_missing": lambda raw: [],
    "sig_no_prefix": lambda raw: [(SIGNATURE, sign(SECRET, raw).removeprefix("sha256="))],
    "sig_prefix_only": lambda raw: [(SIGNATURE, "sha256=")],
    "sig_sha1_header_only": lambda raw: [("X-Hub-Signature", f"sha1={_digest('sha1', raw)}")],
    "sig_sha1_in_256": lambda raw: [(SIGNATURE, f"sha1={_digest('sha1', raw)}")],
    "sig_sha512": lambda raw: [(SIGNATURE, f"sha512={_digest('sha512', raw)}")],
    "sig_inner_space": lambda raw: [(SIGNATURE, sign(SECRET, raw).replace("=", "= "))],
    "sig_trunc32": lambda raw: [(SIGNATURE, sign(SECRET, raw)[: len("sha256=") + 32])],
    "sig_two_valid_invalid": lambda raw: [(SIGNATURE, sign(SECRET, raw)), (SIGNATURE, "sha256=" + 64 * "0")],
    "sig_latin1": lambda raw: [(SIGNATURE, "sha256=" + 64 * "ñ")],
    "sig_huge_header": lambda raw: [(SIGNATURE, "sha256=" + 7000 * "a")],
    "sig_empty_secret": lambda raw: [(SIGNATURE, sign("", raw))],
    "sig_empty_body_sig": lambda raw: [(SIGNATURE, sign(SECRET, b""))],
    "sig_reserialised": lambda raw: [(SIGNATURE, sign(SECRET, json.dumps(json.loads(raw), ensure_ascii=False).encode()))],
    "sig_sorted_keys": lambda raw: [(SIGNATURE, sign(SECRET, json.dumps(json.loads(raw), sort_keys=True).encode()))],
    "sig_newline_added": lambda raw: [(SIGNATURE, sign(SECRET, raw + b"\n"))],
}


def _digest(algorithm: str, raw: bytes) -> str:
    return hmac.digest(SECRET.encode(), raw, algorithm).hex()


def cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / "cases.jsonl").read_text(encoding="utf-8").splitlines()]


def headers_of(case: dict[str, Any], raw: bytes) -> Headers:
    kept = [(name, value) for name, value in case["headers"] if not name.startswith("X-Hub-Signature")]
    if case["group"] == "signature" and "200" not in case["status_ok"].split("|"):
        return kept + _FORGERIES[case["name"]](raw)
    return [*kept, (SIGNATURE, sign(SECRET, raw))]


def assert_as_expected(case: dict[str, Any], status: int, ledger: RedisLedger) -> None:
    assert str(status) in case["status_ok"].split("|")
    ids = written_ids(ledger)
    assert len(ids) == len(set(ids))
    assert case["min_processed"] <= len(ids) <= case["max_processed"]
    assert set(case["must_ids"]) <= set(ids)
    assert not set(case["must_not_ids"]) & set(ids)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in cases()])
def test_a_hostile_webhook_gets_its_expected_answer(case: dict[str, Any], new_doors: Callable[..., Doors]) -> None:
    if case["endpoint"] != "meta":
        pytest.skip(f"the door for {case['endpoint']} does not exist yet")
    doors = new_doors({**WHATSAPP, "WHATSAPP_PHONE_NUMBER_ID": HOSTILE_NUMBER})
    raw = (CASES / case["file"]).read_bytes()
    for _ in range(case["repeat"]):
        answer: Any = doors.client.post(DOOR, data=raw, headers=headers_of(case, raw))
    assert_as_expected(case, answer.status_code, doors.ledger)
    if answer.status_code != 200:
        assert set(answer.json) == {"error"}


# What a server may change on its way to the application: odd headers, encodings, and bodies that are not text.
_OVER_HTTP = [
    case
    for case in cases()
    if case["endpoint"] == "meta"
    and (case["group"] in ("signature", "syntax", "ids") or "Content-Encoding" in str(case["headers"]))
]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in _OVER_HTTP])
def test_gunicorn_changes_nothing_about_it(
    case: dict[str, Any], served: Served, new_ledger: Callable[..., RedisLedger]
) -> None:
    ledger = new_ledger()
    raw = (CASES / case["file"]).read_bytes()
    assert_as_expected(case, _post(served.port, headers_of(case, raw), raw), ledger)
    assert served.process.poll() is None


def _post(port: int, headers: Headers, raw: bytes) -> int:
    """A request with exactly these headers, repeated ones too."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest("POST", DOOR)
        for name, value in [*headers, ("Content-Length", str(len(raw)))]:
            connection.putheader(name, value)
        connection.endheaders(raw)
        return connection.getresponse().status
    finally:
        connection.close()
