"""The link to a lead as Chatwoot shows it: in the conversation it was asked for, beside what is there already."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from src.desk.crm import Mirrored, Place
from src.integrations.chatwoot.api import ChatwootApi
from src.integrations.chatwoot.client import ChatwootClient
from src.integrations.chatwoot.links import ATTRIBUTE, show_link
from src.messages import Contact
from tests.kit.rig import Rig

MARTA = Contact(key="whatsapp:34600111222", channel="whatsapp", phone="+34600111222", name="Marta")


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


@pytest.fixture
def api(rig: Rig) -> ChatwootApi:
    rig.reset()
    env = rig.env("chatwoot")
    account = int(env["CHATWOOT_ACCOUNT_ID"])
    return ChatwootApi(base_url=env["CHATWOOT_BASE_URL"], account_id=account, user_token=env["CHATWOOT_USER_TOKEN"])


@pytest.fixture
def place(rig: Rig, api: ChatwootApi) -> Place:
    """Marta's conversation, with a message of hers."""
    client = ChatwootClient(api, inbox_id=int(rig.env("chatwoot")["CHATWOOT_WHATSAPP_INBOX_ID"]))
    found = client.place(MARTA, "Marta", None)
    client.post(found, Mirrored(id="1", speaker="prospect", text="hola", at=datetime.now(UTC)), [])
    return found


def attributes(api: ChatwootApi, place: Place) -> dict[str, Any]:
    return dict(api.call("t", "GET", f"conversations/{place.conversation_id}")["custom_attributes"])


def test_it_is_written_for_the_person_of_that_conversation_and_the_rest_stays(api: ChatwootApi, place: Place) -> None:
    api.call(
        "t", "POST", f"conversations/{place.conversation_id}/custom_attributes", json={"custom_attributes": {"stage": "x"}}
    )
    asked: list[str] = []
    for link in ("42.1.first", "42.2.second"):
        assert show_link(api, place.conversation_id, lambda key, link=link: asked.append(key) or link)  # type: ignore[misc]
        assert attributes(api, place) == {"stage": "x", ATTRIBUTE: link}
    assert asked == 2 * [MARTA.key]


def test_for_nobody_that_we_know_nothing_is_written(api: ChatwootApi, place: Place) -> None:
    assert not show_link(api, place.conversation_id, lambda _: None)
    assert attributes(api, place) == {}


@pytest.mark.parametrize("number", ["999", "", "0", "../contacts/1", "1/messages", "1?x", "٤٢", "9" * 11])
def test_what_is_no_conversation_there_is_none(api: ChatwootApi, place: Place, number: str) -> None:
    assert not show_link(api, number, lambda _: pytest.fail("nobody's link was asked for"))
    assert attributes(api, place) == {}
