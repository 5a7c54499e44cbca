"""Answering as Chatwoot's bot on a line that it owns: WhatsApp's own, and Twilio's, which carries the body alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from src.integrations.chatwoot.api import ChatwootApi
from src.integrations.chatwoot.channel import ChatwootChannel, ChatwootLine, fields_of
from src.messages import Contact, Content, Option, Outbound, Template
from tests.kit.rig import Rig

ASKED = Content(kind="buttons", text="¿De acuerdo?", options=(Option(id="y", title="Sí"), Option(id="n", title="No")))
MARTA = Contact(key="whatsapp:34600111222", channel="whatsapp", phone="+34600111222")


@pytest.fixture(scope="module")
def started() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


@pytest.mark.parametrize(
    ("inbox_id", "sent"),
    [
        (2, {"to": "34600111222", "text": "¿De acuerdo?", "options": ["Sí", "No"]}),
        (3, {"to": "whatsapp:+34600111222", "text": "¿De acuerdo?\n\n1. Sí\n2. No", "options": []}),
    ],
    ids=["WhatsApp", "Twilio"],
)
def test_choices_arrive_on_either_line(started: Rig, inbox_id: int, sent: dict[str, Any]) -> None:
    started.reset()
    env = started.env("chatwoot")
    api = ChatwootApi(
        base_url=env["CHATWOOT_BASE_URL"],
        account_id=1,
        user_token=env["CHATWOOT_USER_TOKEN"],
        bot_token=env["CHATWOOT_BOT_TOKEN"],
    )
    api.call("t", "POST", f"inboxes/{inbox_id}/set_agent_bot", json={"agent_bot": 1})
    started.chatwoot.agent("customer", phone="+34600111222", inbox_id=inbox_id, content="hola")
    line = ChatwootLine(api, inbox_id=inbox_id)
    channel = ChatwootChannel(lambda: line, api.base_url)
    for _ in range(2):  # a second attempt finds the first
        channel.send(Outbound(id="1.0", contact=MARTA, content=ASKED), opaque="")
    (out,) = started.chatwoot.ledger()["lines"]
    assert {name: out[name] for name in sent} == sent


def test_the_values_of_a_template_are_nothing_to_liquid() -> None:
    body = {"type": "body", "parameters": [{"type": "text", "text": "{{contact.email}}"}]}
    template = Template(name="seguimiento", language="es", components=(body,))
    filled = fields_of(Content(kind="template", template=template))["template_params"]["processed_params"]
    assert "{{" not in filled["body"]["1"]
