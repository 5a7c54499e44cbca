"""The contract checks accept the example of the contract and name what is wrong in a broken one."""

import copy
from typing import Any

import pytest

from tests.kit.contracts import assert_conversation, assert_conversations, assert_error, assert_public_status, assert_status

AT = "2026-11-20T10:00:00Z"
CONVERSATION: dict[str, Any] = {
    "contact": {
        "key": "whatsapp:34600000000",
        "channel": "whatsapp",
        "phone": "+34600000000",
        "bsuid": None,
        "name": "Marta",
    },
    "stage": "PRESENTACION_PROPUESTA",
    "owner": "bot",
    "outcome": None,
    "awaiting": "choice",
    "profile": {"age": 45, "smoker": False, "dependents": 0, "marital_status": "married", "monthly_income": 2100.5},
    "profile_sources": {"age": {"message_id": "wamid.1", "at": AT, "by": "prospect", "replaced": [54]}},
    "details": {"sport": "escalada"},
    "need": None,
    "quotes": [
        {
            "id": "q1",
            "tier": "esencial",
            "product": "Vida Renovable",
            "sum_assured": 150000,
            "coverages": ["death"],
            "monthly_premium": 7.33,
            "annual_premium": 85.39,
            "currency": "EUR",
            "projection": [{"year": 5, "annual_premium": 101.2}],
            "tariff": "2026.1",
            "valid_until": "2026-12-20",
        }
    ],
    "selected_quote": None,
    "consents": {"quote": {"given": True, "at": AT, "text_version": "1"}},
    "messages": [
        {"id": "m1", "role": "prospect", "kind": "text", "text": "hola", "at": AT, "status": None},
        {"id": "m2", "role": "bot", "kind": "text", "text": "Hola", "at": AT, "status": "delivered"},
    ],
    "created_at": AT,
    "updated_at": "2026-11-20T10:00:01.250+00:00",
}


def broken(path: str, value: Any) -> dict[str, Any]:
    answer = copy.deepcopy(CONVERSATION)
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    node: Any = answer
    for part in parents:
        node = node[part]
    node[last] = value
    return answer


def test_the_example_of_the_contract_passes_and_may_hold_more() -> None:
    assert_conversation(CONVERSATION)
    assert_conversation({**CONVERSATION, "temperature": "warm"})
    assert_conversation(broken("awaiting", "confirm:monthly_income"))


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("stage", "inicio", r"conversation\.stage"),
        ("awaiting", "shoe_size", r"conversation\.awaiting: 'shoe_size'"),
        ("profile.shoe_size", 41, r"conversation\.profile: .*shoe_size"),
        ("profile.smoker", "no", r"conversation\.profile\.smoker"),
        ("profile.age", True, r"conversation\.profile\.age"),
        ("profile_sources", {"email": {"message_id": "x", "at": AT, "by": "human"}}, "without a value"),
        ("contact.phone", "600000000", r"conversation\.contact\.phone"),
        ("quotes.0.currency", "USD", r"conversation\.quotes\[0\]\.currency"),
        ("quotes.0.monthly_premium", "7,33", r"conversation\.quotes\[0\]\.monthly_premium"),
        ("selected_quote", "q9", "q9 is none of"),
        ("messages.1.id", "m1", "ids repeat"),
        ("messages.1.status", None, r"messages\[1\]: sent by us"),
        ("updated_at", "ayer", r"conversation\.updated_at"),
        ("updated_at", "2026-11-20T10:00:00", r"conversation\.updated_at"),
        ("outcome", "accepted", "PRESENTACION_PROPUESTA after accepted"),
        ("consents", {}, "without a word on consent"),
    ],
)
def test_a_broken_promise_is_named(path: str, value: Any, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        assert_conversation(broken(path, value))


def test_a_missing_key_is_named() -> None:
    with pytest.raises(AssertionError, match="'quotes' is a required property"):
        assert_conversation({key: value for key, value in CONVERSATION.items() if key != "quotes"})


def test_a_page_of_conversations_is_newest_first() -> None:
    old = {"contact": {"key": "whatsapp:1"}, "stage": "INICIO", "owner": "bot", "updated_at": "2026-11-19T10:00:00Z"}
    new = {**old, "contact": {"key": "whatsapp:2"}, "updated_at": AT}
    assert_conversations({"conversations": [new, old], "next_cursor": None})
    with pytest.raises(AssertionError, match="newest first"):
        assert_conversations({"conversations": [old, new], "next_cursor": "abc"})
    with pytest.raises(AssertionError, match="repeat"):
        assert_conversations({"conversations": [new, new], "next_cursor": None})


def test_status_shows_nothing_to_strangers_and_no_secret_to_anybody() -> None:
    assert_public_status({"status": "ok", "version": "1.0"})
    with pytest.raises(AssertionError, match="lanes"):
        assert_public_status({"status": "ok", "version": "1.0", "lanes": {}})
    assert_status({"status": "ok", "version": "1.0", "lanes": {}}, secrets=["s3cret"])
    with pytest.raises(AssertionError, match="private") as caught:
        assert_status({"status": "ok", "version": "1.0", "token": "s3cret"}, secrets=["s3cret"])
    assert "s3cret" not in str(caught.value)


def test_an_error_says_what_without_saying_who() -> None:
    assert_error({"error": {"code": "not_found", "message": "There is no such conversation."}}, code="not_found")
    for wrong in (
        {"error": "not found"},
        {"error": {"code": "Not Found", "message": "x"}},
        {"error": {"code": "not_found", "message": "No conversation with 34600000000."}},
        {"error": {"code": "other", "message": "x"}},
    ):
        with pytest.raises(AssertionError):
            assert_error(wrong, code="not_found")
    with pytest.raises(AssertionError, match="private"):
        assert_error({"error": {"code": "x", "message": "Marta no está."}}, private=["Marta"])
