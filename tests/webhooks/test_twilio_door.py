"""Twilio's doors on the real application: whoever proves it is Twilio is heard for what the form says, wherever it was sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.kit.contracts import assert_error
from tests.kit.simulators.twilio.rules import signature
from tests.webhooks.door_kit import KEY, Doors
from tests.webhooks.hostile_kit import ENVIRONMENT, PUBLIC, TWILIO_TOKEN
from tests.webhooks.log_kit import written_to

MESSAGES, STATUSES = "/webhook/twilio", "/webhook/twilio/status"
PERSON, OURS = f"whatsapp:+{KEY.partition(':')[2]}", ENVIRONMENT["TWILIO_WHATSAPP_FROM"]
ACCOUNT = {"AccountSid": ENVIRONMENT["TWILIO_ACCOUNT_SID"], "MessageSid": "SM1"}
MESSAGE = {**ACCOUNT, "From": PERSON, "To": OURS, "Body": "hola", "NumMedia": "0", "SmsStatus": "received"}
STATUS = {**ACCOUNT, "From": OURS, "To": PERSON, "MessageStatus": "delivered", "SmsStatus": "delivered"}


@pytest.fixture
def doors(new_doors: Callable[..., Doors]) -> Doors:
    return new_doors(ENVIRONMENT)


def post(doors: Doors, fields: dict[str, str], path: str = MESSAGES, **headers: str) -> Any:
    signed = signature(TWILIO_TOKEN, f"{PUBLIC}{path}", list(fields.items()))
    given = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signed, **headers}
    return doors.client.post(path, data=urlencode(fields), headers=given)


# --- one form, two doors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["queued", "accepted", "sending", "sent", "delivered", "read", "failed", "teleported"])
@pytest.mark.parametrize("named", [("MessageStatus",), ("SmsStatus",), ("MessageStatus", "SmsStatus")], ids=" ".join)
@pytest.mark.parametrize("sender", [OURS, PERSON], ids=["ours", "theirs"])
def test_a_status_at_the_messages_door_is_no_message(doors: Doors, status: str, named: tuple[str, ...], sender: str) -> None:
    told = {**ACCOUNT, "From": sender, "To": PERSON if sender == OURS else OURS, "Body": "hola"}
    assert post(doors, told | dict.fromkeys(named, status)).status_code == 200
    assert doors.transcript() == []


def test_a_status_counts_whichever_door_it_came_to(doors: Doors, log_file: Any) -> None:
    for path in (MESSAGES, STATUSES, f"{MESSAGES}?outbox=7.1.0"):
        assert post(doors, STATUS, path).status_code == 200
    assert written_to(log_file).count("{'unknown': 1}") == 3


@pytest.mark.parametrize("status", [{}, {"SmsStatus": "received"}, {"SmsStatus": "", "MessageStatus": "received"}], ids=str)
def test_what_somebody_wrote_is_heard_at_the_statuses_door_too(doors: Doors, status: dict[str, str]) -> None:
    fields = {name: value for name, value in MESSAGE.items() if name != "SmsStatus"}
    assert post(doors, fields | status, STATUSES).status_code == 200
    assert doors.texts() == ["hola"]


# --- a body that is JSON ------------------------------------------------------------------------------------------------


def post_json(doors: Doors, raw: bytes, *, named: str | None = None, signed: bytes | None = None, **query: str) -> Any:
    """As Twilio sends JSON: the signature is over the address, and the address names the body's hash."""
    digest = hashlib.sha256(raw if signed is None else signed).hexdigest() if named is None else named
    path = f"{MESSAGES}?{urlencode({'bodySHA256': digest} | query)}"
    headers = {"Content-Type": "application/json", "X-Twilio-Signature": signature(TWILIO_TOKEN, f"{PUBLIC}{path}", [])}
    return doors.client.post(path, data=raw, headers=headers)


def test_json_with_the_hash_of_its_body_is_judged_like_a_form(doors: Doors) -> None:
    assert post_json(doors, json.dumps(MESSAGE).encode(), more="1").status_code == 200
    assert doors.texts() == ["hola"]


@pytest.mark.parametrize("body", [{"a": 1}, {**MESSAGE, "Body": ["hola"], "From": {"a": 1}}, {**MESSAGE, "AccountSid": "AC1"}])
def test_json_that_tells_nothing_is_a_200_and_does_nothing(doors: Doors, body: dict[str, Any]) -> None:
    assert post_json(doors, json.dumps(body).encode()).status_code == 200
    assert doors.transcript() == []


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"null", b"[" * 100_000, b"\xff"], ids=lambda raw: repr(raw)[:12])
def test_a_proven_body_that_is_no_json_object_is_a_400(doors: Doors, raw: bytes) -> None:
    answer = post_json(doors, raw)
    assert answer.status_code == 400
    assert_error(answer.json, "malformed_payload")


@pytest.mark.parametrize(
    "forged",
    [{"signed": b"{}"}, {"named": ""}, {"named": "0" * 64}, {"named": "ñ" * 64}, {"named": hashlib.sha256(b"").hexdigest()}],
    ids=str,
)
def test_json_that_its_address_does_not_name_is_refused(doors: Doors, forged: dict[str, Any]) -> None:
    answer = post_json(doors, json.dumps(MESSAGE).encode(), **forged)
    assert answer.status_code == 403
    assert doors.transcript() == []


def test_a_signature_of_the_address_alone_proves_nothing_of_a_body_that_it_does_not_name(doors: Doors) -> None:
    raw = json.dumps(MESSAGE).encode()
    own = hashlib.sha256(raw).hexdigest()
    for path in (MESSAGES, f"{MESSAGES}?bodySHA256={own}&bodySHA256={'0' * 64}"):
        headers = {"Content-Type": "application/json", "X-Twilio-Signature": signature(TWILIO_TOKEN, f"{PUBLIC}{path}", [])}
        assert doors.client.post(path, data=raw, headers=headers).status_code == 403
    form, path = urlencode(MESSAGE), f"{MESSAGES}?bodySHA256={hashlib.sha256(b'').hexdigest()}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    headers["X-Twilio-Signature"] = signature(TWILIO_TOKEN, f"{PUBLIC}{path}", [])
    assert doors.client.post(path, data=form, headers=headers).status_code == 403
    assert doors.transcript() == []


# --- whose address it is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example.com", "localhost", "bot.example.com:8443"])
def test_the_signed_address_is_the_configured_one_whatever_the_request_says(doors: Doors, host: str) -> None:
    claims = {"Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": "http"}
    for_another = signature(TWILIO_TOKEN, f"http://{host}{MESSAGES}", list(MESSAGE.items()))
    assert post(doors, MESSAGE, **claims, **{"X-Twilio-Signature": for_another}).status_code == 403
    assert doors.transcript() == []
    assert post(doors, MESSAGE, **claims).status_code == 200
    assert doors.texts() == ["hola"]


# --- without keys -------------------------------------------------------------------------------------------------------


def post_unsigned(doors: Doors, fields: dict[str, str], path: str = "/api/v1/bot/whatsapp/", **more: Any) -> Any:
    return doors.client.post(path, data=urlencode(fields), content_type="application/x-www-form-urlencoded", **more)


CURL = {"Body": "Hola", "From": "whatsapp:+573001234567", "MessageSid": "SM123"}


@pytest.mark.parametrize(
    "fields", [CURL, {**CURL, "From": "+573001234567"}, {"Body": "Hola", "From": "whatsapp:+573001234567"}]
)
def test_a_newcomers_form_is_taken_from_this_machine(new_doors: Callable[..., Doors], monkeypatch: Any, fields: Any) -> None:
    monkeypatch.setattr("src.webhooks.twilio_webhook.REPLY_WITHIN_S", 0.1)
    doors = new_doors({})
    answer = post_unsigned(doors, fields)
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    conversation = doors.desk.conversation("whatsapp:573001234567")
    assert conversation is not None
    assert [row["text"] for row in conversation["messages"]] == ["Hola"]


@pytest.mark.parametrize(
    "fields", [{"Body": "Hola"}, {"Body": "Hola", "From": "whatsapp:x"}, {"From": CURL["From"]}, {**CURL, "Body": ""}], ids=str
)
def test_a_newcomers_form_that_says_too_little_is_told_what(new_doors: Callable[..., Doors], fields: Any) -> None:
    answer = post_unsigned(new_doors({}), fields)
    assert answer.status_code == 400
    assert_error(answer.json, "malformed_payload", ["573001234567"])
    assert answer.json["error"]["message"].startswith(("From:", "Body:"))


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Twilio-Signature": "x"},
        {"Host": "bot.example.com"},
        {"Origin": "https://evil.test"},
    ],
    ids=str,
)
def test_without_keys_no_form_comes_through_a_proxy_or_a_page(new_doors: Callable[..., Doors], headers: dict[str, str]) -> None:
    doors = new_doors({})
    assert post_unsigned(doors, CURL, headers=headers).status_code == 403
    assert post_unsigned(doors, CURL, environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 403
    assert doors.desk.conversation("whatsapp:573001234567") is None


def test_with_any_channel_no_unsigned_form_is_taken(new_doors: Callable[..., Doors]) -> None:
    assert post_unsigned(new_doors(ENVIRONMENT), CURL).status_code == 403
    only_meta = {name: value for name, value in ENVIRONMENT.items() if name.startswith("WHATSAPP_")}
    assert post_unsigned(new_doors(only_meta), CURL).status_code == 403
