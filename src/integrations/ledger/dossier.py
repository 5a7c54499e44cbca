"""All that the ledger holds about one person, for that person: the right of access (GDPR, articles 15 and 20)."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from src.desk.ports import LANES
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import ledger_errors
from src.integrations.ledger.views import letter_of, row_of

_FACTS = {"s": "status", "w": "vendor_id", "e": "error_codes", "t": "receipt_at"}
"""What is kept beside the transcript about a message of ours, by the letter it stands under."""


def dossier(ledger: RedisLedger, contact: str) -> dict[str, Any] | None:
    """Everything stored about that contact, as JSON values, or None. The whole transcript, however long. Nothing is changed.

    `events` are those of this person's turns since the last reset: an event names a turn, never a person. Raises
    LedgerUnavailable.
    """
    keys = ledger.keys
    with ledger_errors():
        client: Any = ledger.client
        record = _texts(client.hgetall(keys.of_contact(contact, "record")))
        if "created" not in record:
            return None
        sent = _texts(client.hgetall(keys.of_contact(contact, "out")))
        rows = [row_of(entry_id, entry) for entry_id, entry in client.xrange(keys.of_contact(contact, "log"))]
        letters = [letter_of(body) for body in client.hvals(keys.of_contact(contact, "dead"))]
        stream = client.xrange(keys.of_shard(keys.shard(contact), "events"))
        waiting = {lane: int(client.zcard(keys.lane(contact, lane)[0])) for lane in LANES}
    events = [msgspec.json.decode(entry[b"event"]) for _, entry in stream]
    return {
        "key": contact,
        "also_known_as": sorted({name.partition(" ")[2] for name in record if " " in name} - {contact}),
        "owner": record.get("owner") or "bot",
        "created_at": _moment(record["created"]),
        "last_wrote_at": _moment(record["heard"]) if "heard" in record else None,
        "state": _json(record["state"]) if "state" in record else None,
        "transcript": [row | _facts_of(row["id"], sent) for row in rows],
        "events": [event for event in events if str(event.get("turn", "")).startswith(f"{record.get('epoch')}.")],
        "waiting": waiting,
        "dead_letters": [{name: letter[name] for name in ("lane", "id", "reason", "attempts", "body")} for letter in letters],
    }


def _facts_of(message_id: str, sent: dict[str, str]) -> dict[str, str]:
    facts = {name: sent[f"{letter}:{message_id}"] for letter, name in _FACTS.items() if f"{letter}:{message_id}" in sent}
    if "receipt_at" in facts:
        facts["receipt_at"] = _moment(facts["receipt_at"])
    return facts


def _texts(stored: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode("utf-8", "replace") for name, value in stored.items()}


def _json(stored: str) -> Any:
    """What is stored as it is when it is no JSON: it is about the person all the same."""
    with suppress(msgspec.MsgspecError, RecursionError):
        return msgspec.json.decode(stored)
    return stored


def _moment(milliseconds: str) -> str:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).isoformat()
