"""What comes in and is no question: each kind's fate by a table, at a first contact and in the middle of the questions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from src.integrations.whatsapp.payloads import parse
from src.messages import Inbound
from tests.agent.talk import CONTACT, START, Talk

NOTHING, GREETED, ASKED_AGAIN = "nothing", "greeted", "asked again"
CONTEXT = {"context": {"from": "34910000000", "id": "wamid.tpl"}}
FORM = {"response_json": "{}", "body": "Sent", "name": "flow"}
FATES: dict[str, tuple[dict[str, Any], str, str]] = {
    # what Meta sends: its fate at a first contact, and while the name is awaited
    "a message in a group": ({"type": "text", "group_id": "Y2Fw", "text": {"body": "¿quién trae la tarta?"}}, NOTHING, NOTHING),
    "the chat was opened": ({"type": "request_welcome"}, GREETED, NOTHING),
    "a reaction": ({"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "👍"}}, NOTHING, NOTHING),
    "a reaction taken back": ({"type": "reaction", "reaction": {"message_id": "wamid.x"}}, NOTHING, NOTHING),
    "a message taken back": ({"type": "revoke", "revoke": {"original_message_id": "wamid.x"}}, NOTHING, NOTHING),
    "another number": (
        {"type": "system", "system": {"type": "user_changed_number", "wa_id": "34600999888"}}, NOTHING, NOTHING,
    ),
    "another kind of system message": ({"type": "system", "system": {"type": "customer_identity_changed"}}, NOTHING, NOTHING),
    "what Meta cannot show": ({"type": "unsupported", "errors": [{"code": 131051, "title": "x"}]}, GREETED, ASKED_AGAIN),
    "a type that nobody knows": ({"type": "hologram", "hologram": {"a": 1}}, GREETED, ASKED_AGAIN),
    "a sticker": ({"type": "sticker", "sticker": {"id": "1", "mime_type": "image/webp"}}, GREETED, ASKED_AGAIN),
    "a place": ({"type": "location", "location": {"latitude": 40.4, "longitude": -3.7}}, GREETED, ASKED_AGAIN),
    "somebody's card": ({"type": "contacts", "contacts": [{"name": {"formatted_name": "Luis"}}]}, GREETED, ASKED_AGAIN),
    "an order": ({"type": "order", "order": {"catalog_id": "1", "product_items": []}}, GREETED, ASKED_AGAIN),
    "a template's button": (
        {"type": "button", "button": {"payload": "Ver planes", "text": "Ver planes"}, **CONTEXT}, GREETED, ASKED_AGAIN,
    ),
    "a filled-in form of another kind": (
        {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": FORM}}, GREETED, ASKED_AGAIN,
    ),
    "our own number": ({"type": "text", "from": "34910000000", "text": {"body": "hola"}}, NOTHING, NOTHING),
}  # fmt: skip


def arriving(message: dict[str, Any]) -> list[Inbound]:
    """As Meta's webhook brings it."""
    item = {"from": CONTACT.phone.removeprefix("+"), "id": "wamid.new", "timestamp": str(int(START.timestamp())), **message}  # type: ignore[union-attr]
    metadata = {"display_phone_number": "34910000000", "phone_number_id": "1"}
    value = {"metadata": metadata, "messages": [item]}
    body = {"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages", "value": value}]}]}
    return list(parse(json.dumps(body).encode(), numbers=["1"], now=START).inbounds)


def fate(talk: Talk, message: dict[str, Any]) -> str:
    before, greeted = talk.awaiting, talk.conversation.memory.greeted
    inbounds = arriving(message)
    if not inbounds or not talk.send(*inbounds).replies:
        assert talk.awaiting == before
        return NOTHING
    if not greeted:
        assert talk.awaiting == "consent"
        assert "privacidad" in talk.text.casefold()
        return GREETED
    assert talk.awaiting == before
    assert "name" not in talk.profile
    return ASKED_AGAIN


@pytest.mark.parametrize("what", FATES)
def test_at_a_first_contact(what: str) -> None:
    message, expected, _ = FATES[what]
    assert fate(Talk(), message) == expected


@pytest.mark.parametrize("what", FATES)
def test_while_the_name_is_awaited(what: str) -> None:
    message, _, expected = FATES[what]
    talk = Talk().agree()
    assert talk.awaiting == "name"
    assert fate(talk, message) == expected


def test_who_opens_the_chat_hears_the_greeting_and_nothing_about_a_message_that_was_not_seen() -> None:
    talk = Talk()
    talk.send(*arriving({"type": "request_welcome"}))
    opened = talk.text
    asked = Talk()
    asked.say("hola")
    assert opened == asked.text


def test_who_opens_the_chat_and_then_writes_is_answered_for_what_they_wrote() -> None:
    talk = Talk()
    talk.send(*arriving({"type": "request_welcome"}), talk._inbound("text", text="hola, tengo 45 años"))
    assert "45" in json.dumps(talk.conversation.pending, default=str)


# --- where they came from -----------------------------------------------------------------------------------------------

AD = {
    "source_url": "https://fb.me/x", "source_type": "ad", "source_id": "120208", "headline": "Vida desde 5 €",
    "body": "Calcula tu precio", "ctwa_clid": "ARAkLk", "media_type": "image", "image_url": "https://example.com/x",
}  # fmt: skip
KEPT = {"source": "ad", "headline": "Vida desde 5 €", "ad": "120208", "click": "ARAkLk"}


def from_an_ad(**changes: Any) -> Talk:
    talk = Talk()
    talk.send(*arriving({"type": "text", "text": {"body": "hola"}, "referral": {**AD, **changes}}))
    return talk


def test_an_ad_is_counted_at_once_and_kept_once_they_agreed() -> None:
    talk = from_an_ad()
    assert "referral.received" in talk.events()
    assert "referral" not in talk.conversation.details
    talk.press("consent:yes")
    assert talk.conversation.details["referral"] == KEPT


def test_who_does_not_agree_leaves_nothing_of_it() -> None:
    talk = from_an_ad()
    talk.press("consent:no")
    assert "120208" not in json.dumps([talk.conversation.details, talk.conversation.memory], default=str)


def test_an_ad_is_never_a_click_nor_the_other_way_round() -> None:
    talk = from_an_ad(ctwa_clid=None, source_id=7)
    talk.press("consent:yes")
    assert talk.conversation.details["referral"] == {"source": "ad", "headline": "Vida desde 5 €"}


def test_the_person_is_not_told_of_it_when_the_facts_are_summed_up() -> None:
    talk = from_an_ad()
    talk.press("consent:yes")
    talk.answer_until()
    talk.choose(1)
    assert not any("Vida desde 5" in said or "120208" in said for said in talk.said)


@pytest.mark.parametrize(
    "referral", [None, "ad", [], {"a": {"b": 1}}, {"headline": "x" * 9000, "ctwa_clid": {"a": 1}}], ids=lambda r: repr(r)[:20]
)
def test_a_referral_of_another_shape_breaks_nothing(referral: Any) -> None:
    talk = Talk()
    talk.send(*arriving({"type": "text", "text": {"body": "hola"}, "referral": referral}))
    talk.press("consent:yes")
    assert len(talk.conversation.details.get("referral", {}).get("headline", "")) <= 300
