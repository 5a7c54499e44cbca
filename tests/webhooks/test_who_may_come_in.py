"""Every door says for whom it is and keeps to it; what comes in oddly is refused in one shape."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from src.dashboard.pages import SESSION
from src.webhooks.security import ANYONE, LEAD_LINK, LEAD_PAGE, OPERATOR, VENDOR
from tests.kit.builders import text
from tests.kit.contracts import assert_error
from tests.webhooks.door_kit import ADMIN, DOOR, KEY, SECRET, VERIFY, Doors
from tests.webhooks.log_kit import written_to

NewDoors = Callable[..., Doors]
PATH = f"/webhook/conversation/{KEY}"
TOKENS = {"no token": None, "a wrong one": "wrong", "an empty one": "", "not ASCII": "contraseña", "almost": ADMIN + "x"}


WITHOUT_TOKEN = {
    ANYONE: {200, 303, 400, 401, 403, 404, 503},
    VENDOR: {400, 403},
    OPERATOR: {401},
    LEAD_PAGE: {401},
    LEAD_LINK: {400, 401},
    SESSION: {303, 401, 403},
}
VALUES = {"<path:reference>": KEY, "<reference>": KEY, "<letter_id>": "turns-x", "<name>": "x", "<language>": "en"}


def rules(doors: Doors) -> list[tuple[str, str, str]]:
    """Every door: its method, an address of it, and for whom it is."""
    found = []
    for rule in doors.app.url_map.iter_rules():
        view = doors.app.view_functions[rule.endpoint]
        assert hasattr(view, "guarded_for"), f"{rule} does not say who may use it"
        address = re.sub("<[^>]+>", lambda match: VALUES[match[0]], rule.rule)
        found += [(method, address, view.guarded_for) for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
    return found


def test_every_door_says_for_whom_it_is_and_keeps_to_it(doors: Doors) -> None:
    doors.receive(text("hola"))
    for method, address, who in rules(doors):
        for what, token in TOKENS.items():
            answer = doors.ask(address, method=method, token=token)
            assert answer.status_code in WITHOUT_TOKEN[who], f"{method} {address} with {what}"
            if answer.status_code >= 400 and answer.is_json:
                assert_error(answer.json, private=[ADMIN, VERIFY, SECRET, KEY])
        if who == SESSION:  # a page's session and a program's token are two things
            assert doors.ask(address, method=method).status_code in WITHOUT_TOKEN[SESSION]
    assert doors.texts() == ["hola"]


def test_the_token_opens_every_door_of_the_operator(doors: Doors) -> None:
    for method, address, who in rules(doors):
        if who == OPERATOR:
            doors.receive(text("hola"))
            assert doors.ask(address, method=method).status_code in (200, 202, 400, 404, 405, 409), f"{method} {address}"


ODD_BODIES: list[Any] = [
    b"", b"{", b"\xff\xfe", b"null", b"[]", b"1e999", b'{"age": 1e999}', b'{"age": NaN}', 5000 * b"[", b'{"a":' + 5000 * b"[",
    {"text": 5}, {"text": None}, {"text": ""}, {"text": " "}, {"text": "x", "template": {}}, {"text": 5000 * "x"},
    {"text": "\ud83d"}, {"text": "a\x00b"}, {"template": 5}, {"template": {"name": "\ud83d", "language": "es"}},
    {"template": {"name": "x"}}, {"template": {"name": "x", "language": "es", "components": [[]]}}, {"to": 5, "text": "x"},
    {"to": "+34", "text": "x"}, {"to": "+34600000009", "text": "\ud83d"}, {"age": "x"}, {"age": 10**30}, {"age": []},
    {"smoker": 2}, {"name": "\ud83d"}, {"name": {}}, {"nothing": 1}, {"\ud83d": 1}, {"birth_date": "2026-13-45"},
    {"monthly_income": -1}, {"email": "x"},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD_BODIES, ids=lambda odd: repr(odd)[:40])
def test_an_odd_body_is_the_callers_fault_at_every_door(doors: Doors, odd: Any) -> None:
    raw = odd if isinstance(odd, bytes) else json.dumps(odd).encode()
    for method, address, who in rules(doors):
        if who == OPERATOR and method in ("POST", "PATCH", "PUT"):
            doors.receive(text("hola", timestamp=int(doors.ledger.server_time().timestamp())))
            headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
            answer: Any = doors.client.open(address, method=method, data=raw, headers=headers)
            assert answer.status_code < 500, f"{method} {address}"
            if answer.status_code >= 400:
                assert set(answer.json) == {"error"}


def test_only_these_doors_need_no_token(doors: Doors) -> None:
    """Whoever opens another one must say so here."""
    opened = {(method, address) for method, address, who in rules(doors) if who in (ANYONE, VENDOR)}
    assert opened == {
        ("GET", DOOR),
        ("POST", DOOR),
        ("POST", "/webhook/twilio"),
        ("POST", "/webhook/twilio/status"),
        ("POST", "/webhook/chatwoot"),
        ("GET", "/webhook"),
        ("POST", "/webhook"),
        ("POST", "/api/v1/bot/whatsapp/"),
        ("POST", "/api/v1/twilio/webhook/receive"),
        ("POST", "/api/v1/twilio/webhook/status"),
        ("POST", "/api/v1/whatsapp/webhook"),
        ("GET", "/api/v1/bot/health/"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/webhook/status"),
        ("GET", "/login"),
        ("POST", "/login"),
        ("GET", "/dashboard/static/x"),
        ("GET", "/dashboard/language/en"),
        ("GET", "/chatwoot/lead"),
        ("GET", "/chatwoot/lead/files/x"),
    }


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {ADMIN}", 200),
        (f"bearer  {ADMIN} ", 200),
        (f"Basic {ADMIN}", 401),
        (ADMIN, 401),
        ("Bearer", 401),
        ("", 401),
        ("Bearer \xff\xfe", 401),
        (f"Bearer {ADMIN}, Bearer {ADMIN}", 401),
    ],
)
def test_the_token_comes_as_a_bearer_token_only(doors: Doors, header: str, status: int) -> None:
    answer = doors.client.get("/webhook/conversations", headers={"Authorization": header})
    assert answer.status_code == status
    assert (answer.headers.get("WWW-Authenticate") == "Bearer") == (status == 401)


def test_a_token_in_the_address_is_none(doors: Doors) -> None:
    """Addresses end up in logs and histories."""
    assert doors.ask("/webhook/conversations", token=None, query={"token": ADMIN, "access_token": ADMIN}).status_code == 401


def test_an_empty_admin_token_opens_nothing(new_doors: NewDoors) -> None:
    doors = new_doors(admin_token="")
    for header in ("Bearer ", "Bearer", ""):
        answer = doors.client.get("/webhook/conversations", headers={"Authorization": header})
        assert answer.status_code == 401


def test_a_token_may_have_any_letters(new_doors: NewDoors) -> None:
    doors = new_doors(admin_token="contraseña")
    header = "Bearer contraseña".encode().decode("latin-1")  # as WSGI hands it over
    assert doors.client.get("/webhook/conversations", headers={"Authorization": header}).status_code == 200


# --- HTTP ---------------------------------------------------------------------------------------------------------------


def test_a_wrong_method_says_the_right_ones(doors: Doors) -> None:
    answer = doors.ask(PATH, method="PUT")
    assert answer.status_code == 405
    assert {"GET", "DELETE"} <= set(answer.headers["Allow"].split(", "))
    assert_error(answer.json, "method_not_allowed")


@pytest.mark.parametrize(
    "path", ["/webhooks", "/webhook/conversation/", "/webhook/whatsapp/", "/webhook/../etc/passwd", "/%00"]
)
def test_what_is_not_there_is_a_404_in_the_same_shape(doors: Doors, path: str) -> None:
    answer = doors.ask(path)
    assert answer.status_code == 404
    assert_error(answer.json)


def test_head_and_options_are_answered_like_get_without_a_body(doors: Doors) -> None:
    assert doors.ask("/healthz", method="HEAD").status_code == 200
    assert doors.ask("/healthz", method="HEAD").data == b""
    assert doors.ask("/webhook/conversations", method="HEAD", token=None).status_code == 401
    assert "GET" in doors.ask("/webhook/conversations", method="OPTIONS", token=None).headers["Allow"]


def test_nothing_is_cached_or_guessed_at(doors: Doors) -> None:
    for path in ("/healthz", "/webhook/conversations", "/nowhere"):
        answer = doors.ask(path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.mimetype == "application/json"


def test_a_bug_is_a_500_that_tells_nothing(doors: Doors, monkeypatch: pytest.MonkeyPatch, log_file: Any) -> None:
    def fail(_contact: str) -> None:
        raise RuntimeError("+34600111222 said hola with EAAtokenofthetests")

    monkeypatch.setattr(doors.desk, "conversation", fail)
    doors.receive(text("hola"))
    answer = doors.ask(PATH)
    assert answer.status_code == 500
    assert_error(answer.json, "internal_error", private=["34600111222", "EAAtoken", "RuntimeError"])
    logged = written_to(log_file)
    assert "RuntimeError" in logged
    assert "34600111222" not in logged
    assert "EAAtoken" not in logged
