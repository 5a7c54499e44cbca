"""The lead beside its conversation in Chatwoot: framed by Chatwoot alone, asked for with a link to this one lead alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from src.data_dir import lead_token
from src.errors import AccessDenied, TemporaryFailure
from src.integrations.ledger.redis_ledger import RedisLedger
from src.webhooks.lead_page.links import LINK_S
from tests.conftest import Skew
from tests.integrations.ledger_kit import contents
from tests.kit.builders import SENDER, text
from tests.webhooks.door_kit import ADMIN, KEY, WHATSAPP, Doors
from tests.webhooks.log_kit import written_to

CHATWOOT = {
    "CHATWOOT_BASE_URL": "https://chat.example.com",
    "CHATWOOT_ACCOUNT_ID": "1",
    "CHATWOOT_USER_TOKEN": "token-of-the-tests",
}
PROOF = lead_token(ADMIN)
"""Stands in the address that Chatwoot was given."""
OTHER = "34600999888"
MARTA = {"conversation": "42", "source_id": f"wa:{SENDER}", "phone": ""}
ACTS = ("card", "takeover", "handback")
NewDoors = Callable[..., Doors]


class Desktop:
    """Chatwoot as far as links go: whose a conversation is, and what was written there for its agents."""

    def __init__(self) -> None:
        self.whose = {"42": KEY, "43": f"whatsapp:{OTHER}"}
        self.shown: dict[str, str] = {}
        self.fails: Exception | None = None

    def __call__(self, conversation: str, link_of: Callable[[str], str | None]) -> bool:
        if self.fails:
            raise self.fails
        key = self.whose.get(conversation)
        link = link_of(key) if key else None
        if link:
            self.shown[conversation] = link
        return bool(link)


@pytest.fixture
def desktop() -> Desktop:
    return Desktop()


@pytest.fixture
def new_chatted(new_doors: NewDoors, desktop: Desktop) -> NewDoors:
    """Marta and somebody else have written, and Chatwoot shows them."""

    def make(environment: dict[str, str] | None = None, **more: Any) -> Doors:
        from src.webhooks.whatsapp_webhook import create_app  # noqa: PLC0415

        doors = new_doors({**WHATSAPP, **CHATWOOT, **(environment or {})}, **more)
        doors.receive(text("hola"), text("yo también", OTHER))
        doors.services = msgspec.structs.replace(doors.services, show_lead_link=desktop)
        doors.app = create_app(doors.services)
        doors.client = doors.app.test_client()
        return doors

    return make


@pytest.fixture
def chatted(new_chatted: NewDoors) -> Doors:
    return new_chatted()


def ask(doors: Doors, what: str, body: Any, token: str) -> Any:
    return doors.client.post(f"/chatwoot/lead/{what}", json=body, headers={"Authorization": f"Bearer {token}"})


def link(doors: Doors, desktop: Desktop, conversation: str = "42") -> str:
    """As the page gets it: asked for with the proof, read in Chatwoot."""
    answer = ask(doors, "link", {"conversation": conversation}, PROOF)
    assert answer.status_code == 202
    assert desktop.shown[conversation] not in answer.text, "it goes through Chatwoot, to who may see the conversation"
    return desktop.shown[conversation]


# --- the page -----------------------------------------------------------------------------------------------------------


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
    assert PROOF not in page.text
    for name in ("lead.js", "lead.css"):
        assert chatted.client.get(f"/chatwoot/lead/files/{name}").status_code == 200
    for name in ("lead.html", "links.py", "..%2f__init__.py"):
        assert chatted.client.get(f"/chatwoot/lead/files/{name}").status_code == 404


@pytest.mark.parametrize(
    "who", [MARTA, {**MARTA, "source_id": "", "phone": f"+{SENDER}"}, {**MARTA, "source_id": "a-uuid", "phone": f"+{SENDER}"}]
)
def test_the_card_of_the_open_conversation(chatted: Doors, desktop: Desktop, who: dict[str, str]) -> None:
    card = ask(chatted, "card", who, link(chatted, desktop)).json
    assert (card["stage"], card["owner"], card["quotes"]) == ("Primer contacto", "bot", [])


def test_taking_over_and_handing_back(chatted: Doors, desktop: Desktop) -> None:
    given = link(chatted, desktop)
    assert ask(chatted, "takeover", MARTA, given).json["owner"] == "human"
    assert chatted.desk.conversation(KEY)["owner"] == "human"  # type: ignore[index]
    assert ask(chatted, "handback", MARTA, given).json["owner"] == "bot"


# --- the link -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ACTS)
def test_nothing_is_told_or_done_without_a_link_to_this_lead(chatted: Doors, desktop: Desktop, what: str) -> None:
    given = link(chatted, desktop)
    theirs = link(chatted, desktop, "43")
    number, issued, mac = given.split(".")
    forged = [
        *("", "wrong", ADMIN, PROOF, theirs, given[:-1], f"{given}0", given.upper(), ".".join([mac] * 3)),
        *(f"43.{issued}.{mac}", f"٤٢.{issued}.{mac}", f"ñ.{issued}.{mac}"),
        *(f"{number}.{int(issued) + 1}.{mac}", f"{number}.{issued}.{'0' * 64}"),
    ]
    for token in forged:
        assert ask(chatted, what, MARTA, token).status_code == 401, token
    somebody = {"conversation": "42", "source_id": f"wa:{OTHER}", "phone": ""}
    assert ask(chatted, what, somebody, given).status_code == 401, "a link to one person opens nobody else"
    assert ask(chatted, what, {**MARTA, "conversation": "43"}, given).status_code == 401, "nor in another conversation"
    assert ask(chatted, what, {**MARTA, "source_id": "wa:34999999999"}, given).status_code == 401, "nor tells who is known"
    assert chatted.desk.conversation(KEY)["owner"] == "bot"  # type: ignore[index]
    assert ask(chatted, what, MARTA, given).status_code == 200


def test_a_link_is_good_for_a_quarter_of_an_hour(
    new_chatted: NewDoors, new_ledger: Callable[..., RedisLedger], desktop: Desktop, skew: Skew
) -> None:
    doors = new_chatted(ledger=new_ledger())
    given = link(doors, desktop)
    skew.advance(LINK_S - 2)
    assert ask(doors, "card", MARTA, given).status_code == 200
    skew.advance(4)
    assert ask(doors, "card", MARTA, given).status_code == 401
    assert ask(doors, "card", MARTA, link(doors, desktop)).status_code == 200
    skew.advance(-2 * LINK_S)
    assert ask(doors, "card", MARTA, desktop.shown["42"]).status_code == 401, "nor is one from the future"


def test_an_operator_takes_the_links_to_somebody_back(chatted: Doors, desktop: Desktop, skew: Skew) -> None:
    given, theirs = link(chatted, desktop), link(chatted, desktop, "43")
    answer = chatted.ask(f"/webhook/conversation/{SENDER}/lead-links", method="DELETE")
    assert (answer.status_code, answer.json) == (200, {"status": "revoked"})
    assert ask(chatted, "card", MARTA, given).status_code == 401
    their_card = {"conversation": "43", "source_id": f"wa:{OTHER}", "phone": ""}
    assert ask(chatted, "card", their_card, theirs).status_code == 200
    skew.advance(1)
    assert ask(chatted, "card", MARTA, link(chatted, desktop)).status_code == 200, "who may see the conversation gets a new one"
    assert chatted.ask("/webhook/conversation/34999999999/lead-links", method="DELETE").status_code == 404


def test_another_admin_token_takes_all_links_back(new_chatted: NewDoors, desktop: Desktop) -> None:
    given = link(new_chatted(), desktop)
    assert ask(new_chatted(admin_token="another-token-of-the-tests"), "card", MARTA, given).status_code == 401
    assert ask(new_chatted(admin_token=""), "card", MARTA, given).status_code == 401


def test_an_erased_person_has_no_links(chatted: Doors, desktop: Desktop) -> None:
    given = link(chatted, desktop)
    chatted.desk.erase(KEY)
    assert ask(chatted, "card", MARTA, given).status_code == 401
    assert ask(chatted, "link", {"conversation": "42"}, PROOF).status_code == 404


def test_nothing_of_a_link_names_anybody_or_is_kept_or_logged(chatted: Doors, desktop: Desktop, log_file: Any) -> None:
    given = link(chatted, desktop)
    ask(chatted, "takeover", MARTA, given)
    ask(chatted, "card", MARTA, given[:-1])
    assert SENDER not in given

    everything = str(contents(chatted.ledger.client)) + written_to(log_file)
    assert given not in everything
    assert given.rpartition(".")[2] not in everything


# --- how it is asked for ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "wrong", ADMIN, PROOF[:-1]])
def test_a_link_is_shown_only_where_chatwoot_was_told_to_ask(chatted: Doors, desktop: Desktop, token: str) -> None:
    assert ask(chatted, "link", {"conversation": "42"}, token).status_code == 401
    assert desktop.shown == {}


@pytest.mark.parametrize("conversation", ["44", "", "0", "-1", "42/../43", "42?x=1", "9" * 11, "٤٢"])
def test_a_conversation_of_nobody_we_know_gets_none(chatted: Doors, desktop: Desktop, conversation: str) -> None:
    assert ask(chatted, "link", {"conversation": conversation}, PROOF).status_code == 404
    assert desktop.shown == {}


def test_without_chatwoot_there_are_none(doors: Doors) -> None:
    assert ask(doors, "link", {"conversation": "42"}, PROOF).status_code == 404


@pytest.mark.parametrize("fault", [TemporaryFailure("chatwoot", "x", status=503), AccessDenied("chatwoot", "x", status=401)])
def test_a_chatwoot_that_cannot_show_it_is_no_fault_of_ours(
    chatted: Doors, desktop: Desktop, log_file: Any, fault: Exception
) -> None:

    desktop.fails = fault
    answer = ask(chatted, "link", {"conversation": "42"}, PROOF)
    assert (answer.status_code, answer.json["error"]["code"]) == (502, "chatwoot_unavailable")
    assert "request.failed" not in written_to(log_file)
    assert "lead_link.not_shown" in written_to(log_file)


def test_neither_opens_anything_else(chatted: Doors, desktop: Desktop) -> None:
    for token in (PROOF, link(chatted, desktop)):
        for path in ("/webhook/conversations", f"/webhook/conversation/{KEY}", "/metrics"):
            assert chatted.ask(path, token=token).status_code == 401


@pytest.mark.parametrize("body", [[], 5, {"source_id": 5}, {"phone": {}}, {"source_id": "\ud83d"}, {"conversation": 42}])
def test_an_odd_body_is_the_callers_fault(chatted: Doors, desktop: Desktop, body: Any) -> None:
    given = link(chatted, desktop)
    assert ask(chatted, "card", body, given).status_code in (400, 401)
    assert ask(chatted, "link", body, PROOF).status_code in (400, 404)


def test_working_in_it_counts_as_no_failed_guess(new_chatted: NewDoors, desktop: Desktop) -> None:
    doors = new_chatted({"LIMIT_IP_PER_MINUTE": "5"})
    given = link(doors, desktop)
    assert {ask(doors, "card", MARTA, given).status_code for _ in range(12)} == {200}
    assert {ask(doors, "card", MARTA, "wrong").status_code for _ in range(12)} == {401, 429}
