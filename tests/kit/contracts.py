"""What the doors promise to the outside, as checks that say where an answer breaks its promise.

    assert_conversation(response.json())
    assert_error(response.json(), code="not_found")

More keys than promised are welcome, except in the profile, which is a closed set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import jsonschema

STAGES = ("INICIO", "NEEDS_ANALYSIS", "COTIZACION", "PRESENTACION_PROPUESTA", "FINALIZADO")
OUTCOMES = ("accepted", "declined", "ineligible", "opted_out", "consent_refused", "handed_over", "expired")
ENDS = frozenset({"accepted", "declined", "ineligible", "opted_out", "consent_refused"})
MESSAGE_STATES = ("queued", "sent", "delivered", "read", "failed")

Schema = dict[str, Any]

DATE: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
MOMENT: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$"}
MONEY: Schema = {"type": "number", "minimum": 0}
COUNT: Schema = {"type": "integer", "minimum": 0}
TEXT: Schema = {"type": "string", "minLength": 1}


def one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def record(**fields: Schema) -> Schema:
    """An object that has at least these keys."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


PROFILE: dict[str, Schema] = {
    "name": TEXT,
    "birth_date": DATE,
    "age": {"type": "integer", "minimum": 0, "maximum": 130},
    "smoker": {"type": "boolean"},
    "occupation": TEXT,
    "occupation_class": {"type": "integer", "minimum": 1, "maximum": 4},
    "marital_status": one_of("single", "married", "partner", "divorced", "widowed"),
    "dependents": COUNT,
    "monthly_income": MONEY,
    "mortgage_balance": MONEY,
    "other_debts": MONEY,
    "savings": MONEY,
    "existing_cover": MONEY,
    "sum_assured": MONEY,
    "monthly_budget": MONEY,
    "term_years": COUNT,
    "email": {"type": "string", "pattern": "^[^@]+@[^@]+$"},
    "postal_code": TEXT,
}
AWAITED = (
    *("consent", "choice", "accept", *PROFILE),
    *(f"confirm:{key}" for key in PROFILE),
)

CONTACT = record(
    key={"type": "string", "pattern": "^[a-z]+:.+$"},
    channel=TEXT,
    phone=or_null({"type": "string", "pattern": r"^\+[1-9]\d{6,14}$"}),
    bsuid=or_null(TEXT),
    name=or_null({"type": "string"}),
)
QUOTE = record(
    id=TEXT,
    tier=one_of("esencial", "equilibrada", "completa"),
    product=TEXT,
    sum_assured=MONEY,
    coverages={"type": "array", "items": TEXT, "minItems": 1, "uniqueItems": True},
    monthly_premium=MONEY,
    annual_premium=MONEY,
    currency=one_of("EUR"),
    projection=list_of(record(year={"type": "integer"}, annual_premium=MONEY)),
    tariff=TEXT,
    valid_until=DATE,
)
MESSAGE = record(
    id=TEXT,
    role=one_of("prospect", "bot", "human", "system"),
    kind=TEXT,
    text=or_null({"type": "string"}),
    at=MOMENT,
    status=or_null(one_of(*MESSAGE_STATES)),
)
SOURCE: Schema = {
    "type": "object",
    "properties": {
        "message_id": {"type": "string"},
        "at": MOMENT,
        "by": one_of("prospect", "human", "system"),
        "replaced": {"type": "array"},
    },
    "required": ["message_id", "at", "by"],
}
CONVERSATION = record(
    contact=CONTACT,
    stage=one_of(*STAGES),
    owner=one_of("bot", "human"),
    outcome=or_null(one_of(*OUTCOMES)),
    awaiting=or_null(one_of(*AWAITED)),
    profile={"type": "object", "properties": PROFILE, "additionalProperties": False},
    profile_sources={"type": "object", "propertyNames": one_of(*PROFILE), "additionalProperties": SOURCE},
    details={"type": "object"},
    need=or_null({"type": "object"}),
    quotes=list_of(QUOTE),
    selected_quote=or_null(TEXT),
    consents={"type": "object", "additionalProperties": record(given={"type": "boolean"}, at=MOMENT, text_version=TEXT)},
    messages=list_of(MESSAGE),
    created_at=MOMENT,
    updated_at=MOMENT,
)
CONVERSATIONS = record(
    conversations=list_of(
        record(contact=record(key=TEXT), stage=one_of(*STAGES), owner=one_of("bot", "human"), updated_at=MOMENT)
    ),
    next_cursor=or_null(TEXT),
)
PUBLIC_STATUS = {**record(status=one_of("ok"), version=TEXT), "additionalProperties": False}
STATUS = record(status=TEXT, version=TEXT)
ERROR = record(error=record(code={"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}, message=TEXT))


def assert_conversation(answer: Any) -> None:
    """`GET /webhook/conversation/<contact>`."""
    _assert_matches(answer, CONVERSATION, "conversation")
    stray = set(answer["profile_sources"]) - set(answer["profile"])
    assert not stray, f"conversation.profile_sources: keys without a value in the profile: {sorted(stray)}"
    quotes = [quote["id"] for quote in answer["quotes"]]
    assert len(set(quotes)) == len(quotes), f"conversation.quotes: ids repeat: {quotes}"
    chosen = answer["selected_quote"]
    assert chosen is None or chosen in quotes, f"conversation.selected_quote: {chosen} is none of {quotes}"
    messages = [message["id"] for message in answer["messages"]]
    assert len(set(messages)) == len(messages), "conversation.messages: ids repeat"
    for position, message in enumerate(answer["messages"]):
        outgoing = message["role"] in ("bot", "human")
        assert message["status"] or not outgoing, f"conversation.messages[{position}]: sent by us and without a status"
    if answer["outcome"] in ENDS:
        assert answer["stage"] == "FINALIZADO", f"conversation.stage: {answer['stage']} after {answer['outcome']}"
    if answer["stage"] != "INICIO" and answer["outcome"] is None:
        assert "quote" in answer["consents"], "conversation.consents: past INICIO without a word on consent"


def assert_conversations(answer: Any) -> None:
    """`GET /webhook/conversations`: newest first."""
    _assert_matches(answer, CONVERSATIONS, "conversations")
    keys = [row["contact"]["key"] for row in answer["conversations"]]
    assert len(set(keys)) == len(keys), f"conversations: contacts repeat on one page: {keys}"
    moments = [row["updated_at"] for row in answer["conversations"]]
    assert moments == sorted(moments, reverse=True), f"conversations: not newest first: {moments}"


def assert_public_status(answer: Any) -> None:
    """`GET /webhook/status` without a token: nothing but that it lives."""
    _assert_matches(answer, PUBLIC_STATUS, "status")


def assert_status(answer: Any, secrets: Iterable[str] = ()) -> None:
    """`GET /webhook/status` with the token; none of the secrets stands in it."""
    _assert_matches(answer, STATUS, "status")
    _assert_hides(answer, secrets, "status")


def assert_error(answer: Any, code: str | None = None, private: Iterable[str] = ()) -> None:
    """Any error body; `private`: tokens, phones and texts that must not stand in it."""
    _assert_matches(answer, ERROR, "error body")
    found = answer["error"]["code"]
    assert code is None or found == code, f"error body: code {found}, expected {code}"
    number = re.search(r"\d{7,}", answer["error"]["message"])
    assert not number, "error body: the message holds a long number, perhaps a phone"
    _assert_hides(answer, private, "error body")


def _assert_matches(answer: Any, schema: Schema, what: str) -> None:
    errors = jsonschema.Draft202012Validator(schema).iter_errors(answer)
    faults = [f"{what}{error.json_path[1:]}: {_reason(error)}" for error in errors]
    assert not faults, "the contract is broken\n" + "\n".join(f"  {fault}" for fault in sorted(faults))


def _reason(error: jsonschema.ValidationError) -> str:
    if error.validator == "anyOf":  # every alternative here is "this or null"
        return f"{error.instance!r} is neither null nor what {error.validator_value[0]} allows"
    return str(error.message)[:300]


def _assert_hides(answer: Any, private: Iterable[str], what: str) -> None:
    text = repr(answer)
    shown = sum(1 for value in private if value and value in text)
    assert not shown, f"{what}: {shown} private value(s) shown"  # which ones stays out of the test log too
