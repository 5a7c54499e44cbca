"""Two numbers behind one door: each message to its own line, a number that is none of ours answered by nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.kit import builders
from tests.kit.builders import text
from tests.webhooks.door_kit import ADMIN, DOOR, KEY, SECRET, WHATSAPP, Doors

OTHER_NUMBER, OTHER_SECRET, OTHER_VERIFY = "20650000000001", "secret-of-the-other-app", "verify-token-of-the-other"
LINES = WHATSAPP | {
    "LINE_SERVICIO_WHATSAPP_TOKEN": "EAAother",
    "LINE_SERVICIO_WHATSAPP_PHONE_NUMBER_ID": OTHER_NUMBER,
    "LINE_SERVICIO_WHATSAPP_VERIFY_TOKEN": OTHER_VERIFY,
    "LINE_SERVICIO_WHATSAPP_APP_SECRET": OTHER_SECRET,
}
OTHER_KEY = f"whatsapp@servicio:{builders.SENDER}"


@pytest.fixture
def doors(new_doors: Callable[..., Doors]) -> Doors:
    return new_doors(LINES)


def to(number: str, *items: builders.Item) -> dict[str, Any]:
    """The same webhook, for another of our numbers."""
    raw = msgspec.json.encode(builders.webhook(*items)).replace(
        f'"{builders.BUSINESS.phone_number_id}"'.encode(), f'"{number}"'.encode()
    )
    return dict(msgspec.json.decode(raw))


def test_who_writes_to_two_numbers_has_two_conversations(doors: Doors) -> None:
    assert doors.receive(text("a la primera")).status_code == 200
    assert doors.post(to(OTHER_NUMBER, text("a la segunda")), secret=OTHER_SECRET).status_code == 200
    assert (doors.texts(KEY), doors.texts(OTHER_KEY)) == (["a la primera"], ["a la segunda"])
    shown = doors.ask(f"/webhook/conversation/{OTHER_KEY}").json
    assert (shown["line"], shown["contact"]["channel"], shown["contact"]["key"]) == ("servicio", "whatsapp", OTHER_KEY)
    assert doors.ask(f"/webhook/conversation/{KEY}").json["line"] == "main"
    lines = {one["contact"]["key"]: one["line"] for one in doors.ask("/webhook/conversations").json["conversations"]}
    assert lines == {KEY: "main", OTHER_KEY: "servicio"}


def test_a_secret_proves_nothing_for_the_other_line(doors: Doors) -> None:
    assert doors.post(to(OTHER_NUMBER, text("x")), secret=SECRET).status_code == 200
    assert doors.texts(OTHER_KEY) == []
    assert doors.post(to(OTHER_NUMBER, text("x")), secret="nobodys").status_code == 403


def test_lines_of_one_app_come_in_one_body(new_doors: Callable[..., Doors]) -> None:
    doors = new_doors({**LINES, "LINE_SERVICIO_WHATSAPP_APP_SECRET": SECRET})
    both = builders.webhook(text("uno"))
    both["entry"] += to(OTHER_NUMBER, text("dos"))["entry"]
    assert doors.post(both).status_code == 200
    assert (doors.texts(KEY), doors.texts(OTHER_KEY)) == (["uno"], ["dos"])


def test_a_number_that_is_no_line_is_recorded_counted_and_never_answered(doors: Doors) -> None:
    for _ in range(2):
        assert doors.post(to("999999999", text("¿hola?"), text("¿hay alguien?"))).status_code == 200
    status = doors.ask("/webhook/status").json
    noted = status["unknown_numbers"]["999999999"]
    assert noted["items"] == 4
    assert noted["first_at"] < noted["last_at"]
    assert "hay alguien" not in str(status)
    assert doors.ask("/webhook/conversations").json["conversations"] == []
    assert status["lanes"]["turns"]["depth"] == 0
    assert 'outcome="foreign"' in doors.ask("/metrics").text


def test_both_handshakes_are_answered(doors: Doors) -> None:
    for token, status in ((OTHER_VERIFY, 200), ("somebody-elses", 403)):
        query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "c"}
        assert doors.client.get(DOOR, query_string=query).status_code == status


def test_a_phone_means_its_only_conversation_and_of_several_the_keys_are_told(doors: Doors) -> None:
    doors.post(to(OTHER_NUMBER, text("a la segunda")), secret=OTHER_SECRET)
    for reference in (builders.SENDER, f"+{builders.SENDER}", OTHER_KEY):
        assert doors.ask(f"/webhook/conversation/{reference}").json["contact"]["key"] == OTHER_KEY
    doors.receive(text("a la primera"))
    refused = doors.ask(f"/webhook/conversation/{builders.SENDER}")
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "several_conversations")
    assert sorted(refused.json["error"]["details"]["keys"]) == sorted([KEY, OTHER_KEY])
    assert builders.SENDER not in refused.json["error"]["message"]
    assert doors.ask(f"/webhook/conversation/{KEY}").json["contact"]["key"] == KEY
    assert doors.ask(f"/webhook/conversation/{builders.SENDER}", method="DELETE").status_code == 409
    assert doors.texts(KEY) == ["a la primera"]


def test_an_erasure_holds_on_all_lines(doors: Doors) -> None:
    doors.receive(text("a la primera"))
    doors.post(to(OTHER_NUMBER, text("a la segunda")), secret=OTHER_SECRET)
    headers = {"Authorization": f"Bearer {ADMIN}"}
    assert doors.client.delete(f"/webhook/conversation/{OTHER_KEY}?erase=true", headers=headers).status_code == 200
    assert doors.ask("/webhook/conversations").json["conversations"] == []
    again = doors.post(to(OTHER_NUMBER, text("a la segunda")), secret=OTHER_SECRET)
    assert again.status_code == 200


def test_a_reset_is_of_one_conversation_only(doors: Doors) -> None:
    doors.receive(text("a la primera"))
    doors.post(to(OTHER_NUMBER, text("a la segunda")), secret=OTHER_SECRET)
    assert doors.ask(f"/webhook/conversation/{OTHER_KEY}", method="DELETE").status_code == 200
    assert doors.texts(KEY) == ["a la primera"]
