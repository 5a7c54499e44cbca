"""The lead beside its conversation in Chatwoot: framed by Chatwoot alone, asked for by its own token alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from src.settings import lead_token
from tests.kit.builders import SENDER, text
from tests.webhooks.door_kit import ADMIN, KEY, Doors

CHATWOOT = {
    "CHATWOOT_BASE_URL": "https://chat.example.com",
    "CHATWOOT_ACCOUNT_ID": "1",
    "CHATWOOT_USER_TOKEN": "token-of-the-tests",
}
TOKEN = lead_token(ADMIN)
MARTA = {"source_id": f"wa:{SENDER}", "phone": ""}


@pytest.fixture
def chatted(new_doors: Callable[..., Doors]) -> Doors:
    doors = new_doors(CHATWOOT)
    doors.receive(text("hola"))
    return doors


def ask(doors: Doors, what: str, body: Any, token: str = TOKEN) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return doors.client.post(f"/chatwoot/lead/{what}", json=body, headers=headers)


def test_only_the_configured_chatwoot_may_frame_it(chatted: Doors, doors: Doors) -> None:
    page = chatted.client.get("/chatwoot/lead")
    assert "frame-ancestors https://chat.example.com" in page.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in page.headers
    assert 'data-chatwoot="https://chat.example.com"' in page.text
    assert "frame-ancestors 'none'" in doors.client.get("/chatwoot/lead").headers["Content-Security-Policy"]


def test_the_page_itself_tells_nothing(chatted: Doors) -> None:
    page = chatted.client.get("/chatwoot/lead")
    assert "<script src=" in page.text
    assert "onclick" not in page.text
    assert TOKEN not in page.text
    for name in ("lead.js", "lead.css"):
        assert chatted.client.get(f"/chatwoot/lead/files/{name}").status_code == 200
    assert chatted.client.get("/chatwoot/lead/files/lead.html").status_code == 404
    assert chatted.client.get("/chatwoot/lead/files/..%2f__init__.py").status_code == 404


@pytest.mark.parametrize(
    "who", [MARTA, {"source_id": "", "phone": f"+{SENDER}"}, {"source_id": "a-uuid", "phone": f"+{SENDER}"}]
)
def test_the_card_of_the_open_conversation(chatted: Doors, who: dict[str, str]) -> None:
    card = ask(chatted, "card", who).json
    assert (card["stage"], card["owner"], card["quotes"]) == ("Primer contacto", "bot", [])


def test_taking_over_and_handing_back(chatted: Doors) -> None:
    assert ask(chatted, "takeover", MARTA).json["owner"] == "human"
    assert chatted.desk.conversation(KEY)["owner"] == "human"  # type: ignore[index]
    assert ask(chatted, "handback", MARTA).json["owner"] == "bot"


@pytest.mark.parametrize("token", ["", "wrong", ADMIN, TOKEN[:-1]])
@pytest.mark.parametrize("what", ["card", "takeover", "handback"])
def test_nothing_is_told_or_done_without_its_token(chatted: Doors, what: str, token: str) -> None:
    assert ask(chatted, what, MARTA, token).status_code == 401


def test_its_token_opens_nothing_else(chatted: Doors) -> None:
    assert chatted.ask("/webhook/conversations", token=TOKEN).status_code == 401
    assert chatted.ask(f"/webhook/conversation/{KEY}", token=TOKEN).status_code == 401


@pytest.mark.parametrize("body", [[], 5, {"source_id": 5}, {"phone": {}}, {"source_id": "\ud83d"}])
def test_an_odd_body_is_the_callers_fault(chatted: Doors, body: Any) -> None:
    assert ask(chatted, "card", body).status_code in (400, 404)


def test_nobody_known_is_a_404(chatted: Doors) -> None:
    assert ask(chatted, "card", {"source_id": "wa:34999999999", "phone": ""}).status_code == 404


def test_working_in_it_counts_as_no_failed_guess(new_doors: Callable[..., Doors]) -> None:
    doors = new_doors({**CHATWOOT, "LIMIT_IP_PER_MINUTE": "5"})
    doors.receive(text("hola"))
    assert {ask(doors, "card", MARTA).status_code for _ in range(12)} == {200}
    assert {ask(doors, "card", MARTA, "wrong").status_code for _ in range(12)} == {401, 429}
