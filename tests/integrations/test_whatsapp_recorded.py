"""Recorded webhooks, which stay outside the project in ../shared and are skipped where that is not, and hostile ones."""

from __future__ import annotations

import csv
import functools
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from src.errors import BadSignature, MalformedPayload
from src.integrations.whatsapp.payloads import Parsed, check_signature, parse
from tests.integrations.test_whatsapp_payloads import JUNK, envelope, text_message, value_of, with_junk_at_every_node

SHARED = Path(__file__).resolve().parents[3] / "shared"
PAYLOADS = SHARED / "payloads" / "meta"
HOSTILE = Path(__file__).resolve().parents[1] / "webhooks" / "hostile"
HOSTILE_NUMBER = "100000000000001"
NOW = datetime(2026, 11, 20, tzinfo=UTC)

needs_payloads = pytest.mark.skipif(not PAYLOADS.is_dir(), reason="../shared/payloads is not here")

KINDS = {
    "button": "template_button",
    "interactive.button_reply": "button",
    "interactive.list_reply": "list",
    "interactive.nfm_reply": "flow",
    "interactive.None": "unsupported",
    "interactive.call_permission_reply": "unknown",
    "interactive.payment_method": "unknown",
    "audio.voice": "audio",
    "reaction.removed": "reaction",
    "system.user_changed_number": "system",
    "system.customer_identity_changed": "system",
}
# Documentation leaves holes where a person or a time would stand.
HOLES = (
    (r'"(from|to)": ?"[^"0-9]+"', r'"\1": "16505551234"'),
    (r'"(timestamp)": ?"[^"0-9]+"', r'"\1": "1750030073"'),
)


@functools.cache
def manifest() -> list[dict[str, str]]:
    if not PAYLOADS.is_dir():
        return []
    with (PAYLOADS / "manifest.csv").open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def read(raw: bytes, *, lenient: bool = False) -> Parsed:
    return parse(raw, numbers=None, lenient=lenient, now=NOW)


def is_whole(row: dict[str, str]) -> bool:
    """Not transcribed with parts left out (chatwoot's fixtures, two examples of account_update)."""
    return row["source_repo"] != "chatwoot/chatwoot" and row["kind"] != ""


@needs_payloads
def test_all_of_them_are_here() -> None:
    assert len(manifest()) >= 179


@needs_payloads
@pytest.mark.parametrize("row", manifest(), ids=lambda row: str(row["file"]))
def test_a_recorded_webhook_is_what_its_manifest_says(row: dict[str, str]) -> None:
    raw = (PAYLOADS / row["file"]).read_bytes()
    if is_whole(row):
        read(raw)
    text = raw.decode()
    for hole, filling in HOLES:
        text = re.sub(hole, filling, text)
    parsed = read(text.encode(), lenient=not is_whole(row))
    msgspec.json.encode(parsed)
    assert not parsed.broken
    assert not parsed.foreign

    what, *marks = row["kind"].split() or [""]
    subject, _, detail = what.partition(":")
    if "autofill_button" in row["file"]:
        # Its sender is the business's own number.
        assert parsed.notices[0].summary == {"event": "own_message"}
    elif subject == "msg" and '"group_id"' in text:
        assert parsed.notices  # what is said in a group is nobody's private message
        assert not parsed.inbounds
    elif detail == "smb_message_echoes":
        (echo,) = parsed.echoes  # typed into the business's own phone
        assert echo.contact.key.startswith("whatsapp:")
        assert [f"msg:{echo.kind}"] == [mark for mark in marks if mark.startswith("msg:")]
        assert not parsed.inbounds
    elif subject == "msg":
        assert_message(parsed, detail, marks)
    elif subject == "status":
        assert_status(parsed, detail, marks)
    else:
        assert not parsed.inbounds
        assert not parsed.receipts
        (notice,) = parsed.notices
        names = {"field": detail.partition(":")[0], "value_errors": "messages.errors", "": "unnamed"}
        assert notice.field == names[subject]
        if subject == "field" and ":" in detail:
            assert detail.partition(":")[2] in notice.summary.values()
        assert notice.summary


def assert_message(parsed: Parsed, detail: str, marks: list[str]) -> None:
    (inbound,) = parsed.inbounds
    assert inbound.kind == KINDS.get(detail, detail)
    assert inbound.contact.key.startswith("whatsapp:")
    if inbound.kind in ("image", "audio", "video", "document", "sticker"):
        assert inbound.media is not None
        assert inbound.media.id
        assert inbound.media.voice == (detail == "audio.voice")
    if inbound.kind == "reaction":
        assert bool(inbound.emoji) == (detail == "reaction")
    if inbound.kind in ("reaction", "edit", "revoke"):
        assert inbound.target
    if inbound.kind in ("text", "button", "list", "template_button"):
        assert inbound.text
    if inbound.is_press and inbound.kind != "flow":
        assert inbound.reply_id
    if inbound.kind == "location":
        assert inbound.location is not None
    if detail == "system.user_changed_number":
        assert inbound.extra["old"] != inbound.extra["new"]
    checks = {
        "+context": bool(inbound.reply_to) or inbound.forwarded,
        "+forwarded": inbound.forwarded,
        "+no_phone": inbound.contact.phone is None and inbound.contact.bsuid is not None,
        "+username": "username" in inbound.extra,
        "+referral": bool(inbound.extra.get("referral")),
        "+referred_product": bool(inbound.extra.get("referred_product")),
        "+msg_errors": bool(inbound.extra.get("errors")),
        "value_errors": [notice.field for notice in parsed.notices] == ["messages.errors"],
        "+bsuid": True,  # may belong to another person in the same file
    }
    assert [mark for mark in marks if not checks[mark]] == []


def assert_status(parsed: Parsed, detail: str, marks: list[str]) -> None:
    assert not parsed.inbounds
    (receipt,) = parsed.receipts
    assert receipt.status == ("read" if detail == "played" else detail)
    for mark in marks:
        name, _, value = mark.partition(":")
        if name == "+pricing":
            assert receipt.pricing["pricing_model"] == value
        elif name == "+status_errors":
            assert receipt.error_codes == (value,)
            assert receipt.error_detail
        elif name == "+biz_opaque":
            assert receipt.opaque
        elif name == "+no_phone":
            assert receipt.phone is None
            assert receipt.bsuid


@needs_payloads
def test_no_summary_names_a_person() -> None:
    for row in manifest():
        for notice in read((PAYLOADS / row["file"]).read_bytes(), lenient=True).notices:
            summary = {k: v for k, v in notice.summary.items() if not k.endswith("_id") and k != "expiration"}
            assert not re.search(r"[0-9]{7}|Test Name|wamid|wacid", json.dumps(summary)), row["file"]


@needs_payloads
def test_no_node_gone_wrong_loses_the_next_entry() -> None:
    guard = json.dumps(envelope(value_of(text_message(7)))["entry"][0])
    tried = 0
    for row in manifest():
        (entry,) = json.loads((PAYLOADS / row["file"]).read_bytes()).get("entry") or [None]
        for holed in with_junk_at_every_node(entry):
            for junk in JUNK:
                spoilt = holed.replace('"@@"', junk)
                raw = f'{{"object":"whatsapp_business_account","entry":[{spoilt},{guard}]}}'.encode()
                parsed = read(raw)
                assert parsed.inbounds[-1].id == "wamid.TEST7", raw
                msgspec.json.encode(parsed)
                tried += 1
    assert tried > 40_000


def hostile_cases() -> list[dict[str, Any]]:
    lines = (HOSTILE / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [case for case in map(json.loads, lines) if case["endpoint"] == "meta"]


def hostile_id(case: dict[str, Any]) -> str:
    return str(case["name"])


@pytest.mark.parametrize("case", [case for case in hostile_cases() if case["group"] != "signature"], ids=hostile_id)
def test_a_hostile_body_gives_what_is_expected(case: dict[str, Any]) -> None:
    raw = (HOSTILE / case["file"]).read_bytes()
    try:
        parsed = parse(raw, numbers=[HOSTILE_NUMBER], now=NOW)
    except MalformedPayload as refused:
        assert str(refused.status) in case["status_ok"].split("|")  # noqa: PT017
        assert case["min_processed"] == 0
        return
    assert "200" in case["status_ok"].split("|")
    msgspec.json.encode(parsed)
    ids = [inbound.id for inbound in parsed.inbounds]
    # The ledger, not the parser, takes the same id only once.
    assert case["min_processed"] <= len(set(ids)) <= case["max_processed"]
    assert set(case["must_ids"]) <= set(ids)
    assert not set(case["must_not_ids"]) & set(ids)


@pytest.mark.parametrize("case", [case for case in hostile_cases() if case["group"] == "signature"], ids=hostile_id)
def test_a_forged_signature_is_refused(case: dict[str, Any]) -> None:
    """None of the headers was made with this secret; those that are well-formed and right are so for another."""
    given = [value for name, value in case["headers"] if name == "X-Hub-Signature-256"]
    with pytest.raises(BadSignature):
        check_signature((HOSTILE / case["file"]).read_bytes(), ",".join(given) or None, ["another secret"])
