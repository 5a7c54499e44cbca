"""The lead of a real sale in Chatwoot over HTTP, against the simulator: what is shown, what humans edit, what is an echo."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from src.agent.corrections import correct
from src.agent.state import Conversation
from src.desk.crm import Note, Place
from src.desk.lead import PERSON_KEYS, lead_of, profile_from_attributes
from src.desk.lead_rules import load_rules
from src.desk.notes import Notes
from src.integrations.chatwoot.api import ChatwootApi
from src.integrations.chatwoot.client import ChatwootClient
from src.quoting import load_catalogue
from tests.agent.talk import CONTACT, at_proposal
from tests.kit.rig import Rig

RULES, _ = load_rules()
TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def started() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


class Office:
    """Our side and the agents' side of one person's mirror."""

    def __init__(self, rig: Rig) -> None:
        env = rig.env("chatwoot")
        self.api = ChatwootApi(
            base_url=env["CHATWOOT_BASE_URL"],
            account_id=int(env["CHATWOOT_ACCOUNT_ID"]),
            user_token=env["CHATWOOT_USER_TOKEN"],
            bot_token=env["CHATWOOT_BOT_TOKEN"],
        )
        self.crm = ChatwootClient(self.api, inbox_id=1)
        self._place: Place | None = None

    @property
    def place(self) -> Place:
        self._place = self.crm.place(CONTACT, "", self._place)
        return self._place

    def describes(self, conversation: Conversation) -> None:
        self.crm.describe(self.place, lead_of(conversation, RULES))

    def person(self) -> dict[str, Any]:
        shown = self.api.call("test", "GET", f"contacts/{self.place.person_id}")["payload"]
        return {**shown["custom_attributes"], "name": shown["name"], "email": shown["email"]}

    def conversation(self) -> dict[str, Any]:
        return dict(self.api.call("test", "GET", f"conversations/{self.place.conversation_id}"))

    def edits(self, **fields: Any) -> None:
        self.api.call("test", "PATCH", f"contacts/{self.place.person_id}", json=fields)

    def means(self, conversation: Conversation) -> dict[str, Any]:
        return profile_from_attributes(self.person(), conversation, TODAY).changes


@pytest.fixture
def office(started: Rig) -> Iterator[Office]:
    started.reset()
    yield Office(started)
    assert started.counters()["rig_errors"] == {}


def test_the_lead_of_a_sale_is_shown_as_it_is(office: Office) -> None:
    talk = at_proposal()
    office.describes(talk.conversation)
    talk.choose(1)
    talk.accept()
    office.describes(talk.conversation)
    lead, shown, person = lead_of(talk.conversation, RULES), office.conversation(), office.person()
    assert set(shown["labels"]) == set(lead.labels)
    assert shown["priority"] == "urgent"
    told = {key: value for key, value in lead.conversation.items() if value is not None}
    assert {key: shown["custom_attributes"].get(key) for key in lead.conversation if key in told} == told
    assert {key: person.get(key) for key in PERSON_KEYS} == {key: lead.person[key] for key in PERSON_KEYS}
    assert person["name"] == "Ana"


def test_what_a_human_edits_is_taken_over_and_nothing_that_we_wrote_is(office: Office) -> None:
    talk = at_proposal()
    office.describes(talk.conversation)
    assert office.means(talk.conversation) == {}
    office.edits(custom_attributes={"age": 36, "smoker": True})
    office.describes(talk.conversation)  # a turn that went on meanwhile does not undo it
    changes = office.means(talk.conversation)
    assert changes == {"age": 36, "smoker": True}
    talk.conversation = correct(talk.conversation, changes, talk.now, "chatwoot")
    office.describes(talk.conversation)
    assert office.means(talk.conversation) == {}
    assert (office.person()["age"], office.person()["smoker"]) == (36, True)


def test_an_echo_from_before_a_new_start_brings_nothing_back(office: Office) -> None:
    talk = at_proposal()
    office.describes(talk.conversation)
    talk.press("restart")
    assert office.means(talk.conversation) == {}
    office.describes(talk.conversation)
    assert office.means(talk.conversation) == {}
    assert not set(PERSON_KEYS) & set(office.person())


def test_what_a_brokerage_knew_before_is_not_taken_away(office: Office) -> None:
    office.api.call(
        "test",
        "POST",
        "contacts",
        json={"name": "Ana", "phone_number": CONTACT.phone, "custom_attributes": {"savings": 9000, "club": "oro"}},
    )
    talk = at_proposal()
    office.describes(talk.conversation)
    person = office.person()
    assert (person["savings"], person["club"], person["age"]) == (9000, "oro", 35)
    assert office.means(talk.conversation) == {"savings": 9000}


def test_notes_arrive_as_they_were_written(office: Office) -> None:
    talk = at_proposal()
    talk.choose(1)
    talk.accept()
    note = Notes(load_catalogue()).about(talk.conversation, "accepted", talk.now)
    office.crm.note(office.place, Note(id="note.1", text=note), [])
    path = f"conversations/{office.place.conversation_id}/messages"
    [shown] = office.api.call("test", "GET", path)["payload"]
    assert (shown["content"], shown["private"]) == (note, True)
