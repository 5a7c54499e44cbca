"""What a whole collection of hostile webhooks leaves in webhook.log."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src.errors import LedgerUnavailable
from src.integrations.ledger.redis_ledger import RedisLedger
from tests.kit import builders
from tests.webhooks.door_kit import ADMIN, DOOR, KEY, SECRET, VERIFY, WHATSAPP, Doors
from tests.webhooks.hostile_kit import CHATWOOT_SECRET, ENVIRONMENT, TWILIO_TOKEN, cases, knock_of
from tests.webhooks.hostile_kit import NUMBER as HOSTILE_NUMBER
from tests.webhooks.log_kit import READERS, lines_of, logging_to, written_to


@pytest.mark.parametrize("log_format", READERS)
def test_the_whole_hostile_collection_leaves_a_readable_log_that_names_nobody(
    log_format: str, tmp_path: Path, new_ledger: Callable[..., RedisLedger]
) -> None:
    with logging_to(tmp_path / "webhook.log", log_format=log_format, debug=True) as path:
        doors = Doors(new_ledger(), ENVIRONMENT)
        private: set[str] = {ADMIN, VERIFY, SECRET, WHATSAPP["WHATSAPP_TOKEN"], TWILIO_TOKEN, CHATWOOT_SECRET}
        for knock in map(knock_of, cases()):
            doors.client.open(knock.path, method=knock.method, data=knock.body, headers=knock.headers)
            private |= _personal(knock.body)
        body = builders.webhook(builders.text("Me llamo Marta Ejemplo", "34655443322", name="Marta Ejemplo"))
        body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = HOSTILE_NUMBER
        assert doors.post(body).status_code == 200
        for address in (
            "/webhook/conversation/34655443322",
            "/webhook/conversations?q=Marta",
            "/34655443322",
            "/%0aforged=1",
        ):
            doors.ask(address)
            doors.ask(address, method="DELETE")
        doors.client.get(f"{DOOR}?hub.mode=subscribe&hub.verify_token=34655443322%0aforged=1")
    private |= {"34655443322", "655443322", "Marta", "forged"}
    found = [READERS[log_format](line) for line in lines_of(path)]
    assert len(found) > 150
    assert all({"at", "level", "event", "process"} <= line.keys() for line in found)
    text = written_to(path)
    assert len(private) > 100
    assert [value for value in private if value in text] == []


def _personal(raw: bytes) -> set[str]:
    """Texts, names and numbers of people in a body."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return set()
    found: set[str] = set()

    def collect(part: Any, key: str) -> None:
        if isinstance(part, dict):
            for name, inner in part.items():
                collect(inner, name)
        elif isinstance(part, list):
            for inner in part:
                collect(inner, key)
        elif isinstance(part, str) and key in ("body", "name", "from", "wa_id", "recipient_id", "caption", "id"):
            found.add(part)

    collect(body, "")
    ours = {HOSTILE_NUMBER, "200000000000001"}
    return {text for text in found - ours if len(text.strip()) >= 5}


def test_every_line_of_a_request_carries_its_mark_and_no_two_requests_share_one(doors: Doors, log_file: Path) -> None:
    broken = builders.raw_message(id="wamid.broken", type="text")
    requests: list[Callable[[], Any]] = [
        lambda: doors.receive(builders.text("hola"), broken),
        lambda: doors.receive(builders.text("hola"), secret="wrong"),
        lambda: doors.client.get(DOOR),
        lambda: doors.ask(f"/webhook/conversation/{KEY}", method="DELETE"),
    ]
    marks: list[str | None] = []
    read = 0
    for request in requests:
        request()
        lines = lines_of(log_file)
        [mark] = {READERS["text"](line).get("cid") for line in lines[read:]}
        marks.append(mark)
        read = len(lines)
    assert None not in marks
    assert len(set(marks)) == len(requests)


def test_a_failure_is_marked_like_what_led_to_it(doors: Doors, log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_arrivals: Any) -> list[str]:
        raise LedgerUnavailable("ConnectionError")

    monkeypatch.setattr(doors.ledger, "accept", refuse)
    assert doors.receive(builders.text("hola")).status_code == 503
    [line] = [READERS["text"](line) for line in lines_of(log_file) if "ledger.unavailable" in line]
    assert line["cid"]
