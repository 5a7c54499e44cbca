"""The doors of older installations: every command of theirs, against the same application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from src.webhooks.second_doors import SECOND_NAMES
from tests.kit import builders
from tests.kit.contracts import assert_error
from tests.kit.simulators.twilio.rules import signature
from tests.webhooks.door_kit import ADMIN, KEY, SECRET, VERIFY, WHATSAPP, Doors
from tests.webhooks.hostile_kit import ENVIRONMENT, PUBLIC, TWILIO_TOKEN
from tests.webhooks.test_twilio_door import MESSAGE, STATUS

TOKEN = {"Authorization": f"Bearer {ADMIN}"}


@pytest.fixture
def doors(new_doors: Callable[..., Doors]) -> Doors:
    return new_doors(ENVIRONMENT)


def form(doors: Doors, path: str, fields: dict[str, str]) -> Any:
    """`curl -X POST … -d …`, signed for exactly this address."""
    signed = signature(TWILIO_TOKEN, f"{PUBLIC}{path}", list(fields.items()))
    headers = {"X-Twilio-Signature": signed, "Content-Type": "application/x-www-form-urlencoded"}
    return doors.client.post(path, data=urlencode(fields), headers=headers)


@pytest.mark.parametrize(
    "path",
    ["/api/v1/bot/whatsapp/", "/api/v1/bot/whatsapp", "/api/v1/twilio/webhook/receive", "/api/v1/whatsapp/webhook"],
)
def test_twilios_messages_come_to_the_address_that_stands_in_its_console(doors: Doors, path: str) -> None:
    answer = form(doors, path, MESSAGE)
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert doors.texts() == ["hola"]
    unsigned = doors.client.post(path, data=urlencode(MESSAGE), content_type="application/x-www-form-urlencoded")
    assert unsigned.status_code == 403


def test_twilios_statuses_come_to_their_old_address(doors: Doors) -> None:
    assert form(doors, "/api/v1/twilio/webhook/status", STATUS).status_code == 200


def test_metas_webhook_under_its_short_name(new_doors: Callable[..., Doors]) -> None:
    doors = new_doors(WHATSAPP)
    asked = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "test123"}
    answer = doors.client.get("/webhook", query_string=asked)
    assert (answer.status_code, answer.text) == (200, "test123")
    assert doors.client.get("/webhook", query_string={**asked, "hub.verify_token": "x"}).status_code == 403
    raw, headers = builders.signed(builders.webhook(builders.text("hola")), SECRET)
    assert doors.client.post("/webhook", data=raw, headers=headers).status_code == 200
    assert doors.texts() == ["hola"]
    assert doors.client.post("/webhook", data=raw).status_code == 403


def test_health_is_for_anybody(doors: Doors) -> None:
    for path in ("/api/v1/bot/health/", "/api/v1/bot/health"):
        assert doors.client.get(path).json == {"status": "ok"}


def test_sessions_are_listed_and_forgotten_with_the_token(doors: Doors) -> None:
    form(doors, "/webhook/twilio", MESSAGE)
    phone = KEY.partition(":")[2]
    assert doors.client.get("/whatsapp/sessions").status_code == 401
    assert doors.client.delete(f"/whatsapp/sessions/{phone}").status_code == 401
    listed = doors.client.get("/whatsapp/sessions", headers=TOKEN).json["conversations"]
    assert [row["contact"]["key"] for row in listed] == [KEY]
    assert doors.client.delete(f"/whatsapp/sessions/{phone}", headers=TOKEN).json == {"status": "reset"}
    assert doors.client.delete("/whatsapp/sessions/34600999999", headers=TOKEN).status_code == 404


def test_test_and_diag_need_the_token_and_show_no_secret(doors: Doors) -> None:
    for path in ("/api/v1/whatsapp/test", "/api/v1/whatsapp/diag"):
        assert doors.client.get(path).status_code == 401
    shown = doors.client.get("/api/v1/whatsapp/diag", headers=TOKEN)
    assert shown.json["channels"]["twilio"]["state"] == "on"
    assert TWILIO_TOKEN not in shown.text


def test_a_test_message_is_sent_by_post_with_the_token_and_a_link_sends_nothing(doors: Doors) -> None:
    form(doors, "/webhook/twilio", MESSAGE)
    said = {"to": f"whatsapp:+{KEY.partition(':')[2]}", "text": "Prueba"}
    path = f"/api/v1/whatsapp/send-test?{urlencode(said)}"
    assert doors.client.post(path).status_code == 401
    refused = doors.client.get(path, headers=TOKEN)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "POST")
    assert_error(refused.json, "method_not_allowed")
    assert doors.client.post(path, headers=TOKEN).status_code == 202
    assert [row["text"] for row in doors.transcript() if row["role"] == "human"] == ["Prueba"]
    wrong = doors.client.post("/api/v1/whatsapp/send-test?to=x&text=a", headers=TOKEN)
    assert wrong.status_code == 400


@pytest.mark.parametrize(("method", "path", "endpoint"), SECOND_NAMES)
def test_every_second_name_is_the_same_view_and_described_as_such(doors: Doors, method: str, path: str, endpoint: str) -> None:
    rule = next(rule for rule in doors.app.url_map.iter_rules() if rule.rule == path and method in (rule.methods or ()))
    assert rule.endpoint == endpoint
    document = doors.client.get("/openapi.json", headers=TOKEN).json
    described = document["paths"][path.replace("<path:reference>", "{reference}")][method.lower()]
    assert described["deprecated"] is True
