"""What must not be stored is taken out before anything is written: no value in the store or the log holds it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src.agent.redaction import HEALTH_MARK
from src.desk.jobs import inbound_of
from src.integrations.ledger.redis_ledger import RedisLedger
from tests.integrations.ledger_kit import contents, take
from tests.kit import builders
from tests.kit.builders import Item, text
from tests.webhooks.door_kit import KEY, Doors
from tests.webhooks.log_kit import written_to

DNI, NIE, IBAN, CARD = "12345678Z", "X1234567L", "ES91 2100 0418 4502 0005 1332", "4111 1111 1111 1111"
HEALTH = "tengo diabetes"
SECRETS = {"dni": DNI, "nie": NIE, "iban": IBAN, "card": CARD, "health": HEALTH}


def said(secret: str) -> str:
    return f"mire: {secret}."


# Everything in a message that a person may have typed.
PLACES: dict[str, Callable[[str], Item]] = {
    "text": text,
    "name": lambda secret: text("hola", name=secret),
    "username": lambda secret: text("hola", username=secret),
    "image caption": lambda secret: builders.image(caption=secret),
    "video caption": lambda secret: builders.video(caption=secret),
    "document caption": lambda secret: builders.document(caption=secret),
    "file name": lambda secret: builders.document(filename=f"{secret}.pdf"),
    "flow answer": lambda secret: builders.flow_reply({"respuesta": secret}),
    "nested flow answer": lambda secret: builders.flow_reply({"a": [{"b": secret}]}),
    "name of a flow answer": lambda secret: builders.flow_reply({secret: True}),
    "name on a contact card": lambda secret: builders.contact_card(contacts=[{"name": {"formatted_name": secret}}]),
    "note on a contact card": lambda secret: builders.contact_card(contacts=[{"note": secret, "org": {"title": secret}}]),
    "phone on a contact card": lambda secret: builders.contact_card(contacts=[{"phones": [{"phone": secret}]}]),
    "place's name": lambda secret: builders.location(name=secret),
    "place's address": lambda secret: builders.location(address=secret),
    "order": lambda secret: typed("order", order={"text": secret, "product_items": []}),
    "edit": lambda secret: typed(
        "edit", edit={"original_message_id": "wamid.a", "message": {"type": "text", "text": {"body": secret}}}
    ),
    "edited caption": lambda secret: typed(
        "edit", edit={"original_message_id": "wamid.a", "message": {"type": "image", "image": {"caption": secret}}}
    ),
    "unknown kind": lambda secret: typed("hologram", hologram={"caption": secret}),
    "unknown reply": lambda secret: typed("interactive", interactive={"type": "new_reply", "new_reply": {"said": secret}}),
    "advertisement": lambda secret: text("hola", referral={"body": secret, "headline": secret}),
    "title of a button": lambda secret: builders.button_reply("si", secret),
    "description of a row": lambda secret: builders.list_reply("q1", "Uno", description=secret),
    "template's button": lambda secret: builders.template_button(secret, "payload"),
    "id of a button": lambda secret: builders.button_reply(secret, "Sí"),
    "id of a row": lambda secret: builders.list_reply(secret, "Uno"),
    "payload of a template's button": lambda secret: builders.template_button("Sí", secret),
    "token of a flow": lambda secret: builders.flow_reply({"flow_token": secret}),
    "kind of a file": lambda secret: typed("document", document={"id": "1", "mime_type": secret, "sha256": secret}),
    "reaction": lambda secret: builders.reaction(secret, "wamid.a"),
    "reason for not supporting it": lambda secret: typed("unsupported", unsupported={"type": secret}),
}


def typed(kind: str, **content: Any) -> Item:
    return builders.raw_message(
        **{"id": builders.new_wamid(), "from": builders.SENDER, "timestamp": "1790000000", "type": kind, **content}
    )


def compact(value: str) -> str:
    return re.sub(r"[\s.\-]", "", value).casefold()


@pytest.mark.parametrize("place", PLACES)
def test_personal_numbers_and_health_are_written_nowhere(doors: Doors, log_file: Path, place: str) -> None:
    for secret in SECRETS.values():
        assert doors.receive(PLACES[place](said(secret))).status_code == 200
    assert len(doors.transcript()) == len(SECRETS)
    everything = compact(" ".join(part for parts in contents(doors.ledger.client).values() for part in parts))
    # A reaction holds 32 characters and a name for a flow's answer 64, so a long secret may come as its beginning.
    kept = [name for name, secret in SECRETS.items() if compact(secret)[:10] in everything]
    logged = [name for name, secret in SECRETS.items() if compact(secret) in compact(written_to(log_file))]
    assert (kept, logged) == ([], [])


@pytest.mark.parametrize("number", [4111111111111111, 4111111111111111.0, "4111111111111111"])
def test_a_card_number_is_not_kept_because_it_came_as_a_number(doors: Doors, number: Any) -> None:
    doors.receive(builders.flow_reply({"tarjeta": number, "edad": 41, "fuma": False, "peso": 71.5}))
    job = " ".join(contents(doors.ledger.client)[doors.ledger.keys.lane(KEY, "turns")[1]])
    assert "411111" not in job
    assert '"edad":41' in job
    assert '"fuma":false' in job
    assert '"peso":71.5' in job


@pytest.mark.parametrize(
    "ours",
    ["consent:yes", "confirm:no", "skip:monthly_income", "choose:1f2e3d4c5b6a", "accept:123456789012", "more:all", "decline",
     'set:birth_date:"1980-12-31"', "set:sum_assured:150000", "set:monthly_income:12345678", "human"],
)  # fmt: skip
def test_the_ids_that_we_give_to_buttons_come_back_as_they_are(doors: Doors, ours: str) -> None:
    doors.receive(builders.button_reply(ours, "Sí"))
    assert inbound_of(take(doors.ledger, "turns", KEY).jobs[0].body).reply_id == ours


def test_what_stays_is_readable(doors: Doors) -> None:
    doors.receive(text(f"Soy Marta, mi DNI es {DNI} y {HEALTH}. ¿Cuánto cuesta?"))
    [shown] = doors.texts()
    assert "Soy Marta" in shown
    assert "[DNI]" in shown
    assert HEALTH_MARK in shown
    assert "¿Cuánto cuesta?" in shown


# Valid identifiers that look like a payment card: thirteen digits and a right check digit.
LOOKS_LIKE_A_CARD = ["5491161234560", "5511961234560", "4222222222222"]


@pytest.mark.parametrize("number", LOOKS_LIKE_A_CARD)
@pytest.mark.parametrize("user_id", ["ES.9tSc4Yk2mVb7Qw1Lx0Rz", "ES.4111111111111111"])
def test_a_new_address_is_kept_as_it_is(
    new_doors: Callable[..., Doors], new_ledger: Callable[..., RedisLedger], number: str, user_id: str
) -> None:
    """Somebody's new number or user id is who they are from now on, whatever else it looks like."""
    doors = new_doors(ledger=new_ledger(debounce_s=0))
    doors.receive(builders.number_change(number, new_user_id=user_id))
    moved = inbound_of(take(doors.ledger, "turns", KEY).jobs[0].body)
    assert moved.extra["new"] == {"phone": f"+{number}", "bsuid": user_id}
    assert moved.extra["new_keys"] == [f"whatsapp:{number}", f"whatsapp:{user_id}"]
