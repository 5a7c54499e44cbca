"""The simulated phone's door: what it takes, what it refuses, what it shows."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from src.desk import jobs
from src.messages import Content, Inbound, Option
from tests.dashboard.conftest import MARTA, MARTA_KEY, Office, Page, Visitor

ADDRESS = "/dashboard/try/messages"
PLAYED_KEY = f"simulator:{MARTA}"


def say(operator: Visitor, body: Any, *, csrf: str | None = None) -> TestResponse:
    headers = {"X-CSRF-Token": operator.csrf() if csrf is None else csrf, "Accept": "application/json"}
    kind = {"data": body} if isinstance(body, bytes) else {"json": body}
    return operator.client.post(ADDRESS, headers=headers, **kind)


def seen(operator: Visitor, number: str = MARTA) -> dict[str, Any]:
    return dict(operator.get(ADDRESS, query_string={"number": number}).json)


def heard(office: Office) -> list[Inbound]:
    claim = office.ledger.claim("turns", PLAYED_KEY)
    return [jobs.inbound_of(job.body) for job in claim.jobs] if claim else []


def test_somebody_new_is_made_up_each_time_and_kept_in_the_address(operator: Visitor) -> None:
    first, second = (operator.get("/dashboard/try").location for _ in range(2))
    assert first != second
    number = first.partition("number=")[2]
    assert f"+{number}" in Page(operator.get(first)).text
    assert f"/dashboard/conversations/simulator:{number}?queue=all" in Page(operator.get(first)).links()


def test_what_is_said_is_kept_like_a_message_from_whatsapp(operator: Visitor, office: Office) -> None:
    answer = say(operator, {"number": MARTA, "text": "  ¡Hola! 👋  "})
    assert answer.status_code == 200
    (inbound,) = heard(office)
    assert inbound.id == answer.json["id"]
    assert (inbound.contact.key, inbound.contact.channel) == (PLAYED_KEY, "simulator")
    assert (inbound.kind, inbound.text) == ("text", "¡Hola! 👋")


@pytest.mark.parametrize("kind", ["button", "list"])
def test_a_press_is_a_press(operator: Visitor, office: Office, kind: str) -> None:
    say(operator, {"number": MARTA, "text": "Sí, de acuerdo", "kind": kind, "reply_id": "consent:yes"})
    (inbound,) = heard(office)
    assert (inbound.kind, inbound.reply_id, inbound.is_press) == (kind, "consent:yes", True)


def test_saying_the_same_twice_is_two_messages(operator: Visitor, office: Office) -> None:
    for _ in range(2):
        say(operator, {"number": MARTA, "text": "sí"})
    assert [inbound.text for inbound in heard(office)] == ["sí", "sí"]


def test_the_phone_shows_the_transcript_with_styles_and_buttons(operator: Visitor, office: Office) -> None:
    assert seen(operator) == {"messages": [], "stage": "", "owner": None}
    say(operator, {"number": MARTA, "text": "<b>hola</b>"})
    choice = Option(id="consent:yes", title="Sí, de acuerdo")
    question = Content(kind="buttons", text="*Hola*, ¿seguimos?", options=(choice,))
    office.settles(channel="simulator", replies=(question,), stage="NEEDS_ANALYSIS")
    answer = seen(operator)
    assert (answer["stage"], answer["owner"]) == ("Needs", "bot")
    mine, theirs = answer["messages"]
    assert (mine["role"], mine["runs"]) == ("prospect", [["", "<b>hola</b>"]])
    assert (theirs["role"], theirs["kind"]) == ("bot", "buttons")
    assert theirs["runs"] == [["strong", "Hola"], ["", ", ¿seguimos?"]]
    assert theirs["options"] == [{"id": "consent:yes", "title": "Sí, de acuerdo"}]
    assert theirs["status"] == "queued"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"number": "34600000001", "text": "\\ud83d"}',
        {"number": MARTA},
        {"number": MARTA, "text": ""},
        {"number": MARTA, "text": " \n"},
        {"number": MARTA, "text": "x" * 4097},
        {"number": MARTA, "text": 7},
        {"number": MARTA, "text": "hola", "kind": "image"},
        {"number": MARTA, "text": "hola", "kind": "button", "reply_id": "x" * 257},
        {"number": MARTA, "text": "hola", "id": "wamid.forged"},
        {"number": "34911234567", "text": "hola"},
        {"number": f"{MARTA}\n", "text": "hola"},
        {"number": "٣٤٦٠٠٠٠٠٠٠١", "text": "hola"},
    ],
)
def test_what_this_page_does_not_send_is_refused_and_not_kept(operator: Visitor, office: Office, body: Any) -> None:
    answer = say(operator, body)
    assert answer.status_code == 400
    assert set(answer.json["error"]) == {"code", "message"}
    assert office.desk.conversation(PLAYED_KEY) is None


def test_without_the_sessions_proof_nothing_is_kept(operator: Visitor, office: Office) -> None:
    for csrf in ("", "wrong"):
        assert say(operator, {"number": MARTA, "text": "hola"}, csrf=csrf).status_code == 403
    assert office.desk.conversation(PLAYED_KEY) is None


@pytest.mark.parametrize("number", ["", "1", "34911234567", f"{MARTA}0", "../../x"])
def test_only_made_up_numbers_can_be_looked_at(operator: Visitor, number: str) -> None:
    assert operator.get(ADDRESS, query_string={"number": number}).status_code == 400
    assert operator.get("/dashboard/try", query_string={"number": number}).status_code == 400


def test_whom_operators_play_is_nobody_on_whatsapp(operator: Visitor, office: Office) -> None:
    """Whoever the number belongs to has a conversation of their own."""
    office.hears("soy la de verdad")
    assert seen(operator) == {"messages": [], "stage": "", "owner": None}
    say(operator, {"number": MARTA, "text": "bórralo todo"})
    assert [row["text"] for row in office.records.record(MARTA_KEY).rows] == ["soy la de verdad"]  # type: ignore[union-attr]
    assert [row["runs"] for row in seen(operator)["messages"]] == [[["", "bórralo todo"]]]
    real, played = (operator.get(f"/dashboard/conversations/{reference}").text for reference in (MARTA, PLAYED_KEY))
    assert ("soy la de verdad" in real, "soy la de verdad" in played) == (True, False)


def test_who_is_played_is_found_by_number_where_nobody_real_has_it(operator: Visitor) -> None:
    say(operator, {"number": MARTA, "text": "hola desde aquí"})
    for reference in (MARTA, f"+{MARTA}", PLAYED_KEY):
        assert "hola desde aquí" in operator.get(f"/dashboard/conversations/{reference}").text
