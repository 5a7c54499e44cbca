"""Humans in Chatwoot, the bot and a person on WhatsApp: the whole way in, against the simulators over HTTP."""

from __future__ import annotations

import base64
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.kit.product import OPERATOR, Product, eventually
from tests.kit.rig import Rig, free_port

REPLY_WITHIN_S = 2.0
POLL_WITHIN_S = 60.0
_numbers = iter(range(34_600_500_001, 34_600_500_900))


class Town:
    """A rig with a product on it, and one person after the other."""

    def __init__(self, rig: Rig, product: Product) -> None:
        self.rig, self.product = rig, product
        self.phone = ""

    def newcomer(self) -> str:
        """Somebody new writes and is answered; their conversation is in Chatwoot."""
        self.phone = str(next(_numbers))
        self.rig.meta.inbound(self.phone, "hola")
        eventually(self.heard)
        eventually(self.conversation_there)
        self.rig.wait_quiet(idle_ms=700, only="meta,chatwoot")
        return self.phone

    def heard(self) -> list[str]:
        """What came to the person's phone."""
        return [str(one["text"]) for one in self.rig.meta.sent(self.phone)]

    def agent(self, action: str, **more: Any) -> dict[str, Any]:
        where = {} if "conversation_id" in more else {"phone": self.phone}
        return self.rig.chatwoot.agent(action, **where, **more)

    def owner(self) -> str:
        return str(self.product.conversation(self.phone)["owner"])

    def conversation_there(self) -> dict[str, Any] | None:
        found = [
            one
            for one in self.rig.chatwoot.state()["conversations"]
            if one["meta"]["sender"]["phone_number"] == f"+{self.phone}" and one["inbox_id"] == 1
        ]
        return found[-1] if found else None

    def status_there(self) -> str:
        found = self.conversation_there()
        return str(found["status"]) if found else ""

    def requests(self, what: str) -> int:
        """How often Chatwoot was asked for that: method and path."""
        return sum(f"{one['method']} {one['path']}" == what for one in self.rig.chatwoot.ledger()["requests"])

    def message_there(self, message_id: int) -> dict[str, Any]:
        return next(one for one in self.rig.chatwoot.ledger(kind="message")["messages"] if one["id"] == message_id)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    port = free_port()
    with Rig(f"http://127.0.0.1:{port}") as rig:
        data = tmp_path_factory.mktemp("humans")
        environment = {**rig.env("meta", "chatwoot"), "HANDOFF_TIMEOUT_S": "600"}
        product = Product(data, environment, port=port).start()
        yield Town(rig, product)
        product.stop()


@pytest.fixture(autouse=True)
def _no_faults(town: Town) -> Iterator[None]:
    yield
    town.rig.chatwoot.clear_faults()
    town.rig.meta.clear_faults()
    assert town.rig.counters()["rig_errors"] == {}


def test_a_reply_is_on_the_phone_within_two_seconds_and_the_bot_is_silent(town: Town) -> None:
    town.newcomer()
    began_s = time.monotonic()
    said = town.agent("reply", content="Hola, soy Beto")["message"]
    eventually(lambda: "Hola, soy Beto" in town.heard(), within_s=10, every_s=0.02)
    assert (time.monotonic() - began_s) / REPLY_WITHIN_S < 1
    assert town.owner() == "human"
    eventually(lambda: town.status_there() == "open")
    eventually(lambda: town.message_there(said["id"])["status"] == "read")
    before = len(town.heard())
    town.rig.meta.inbound(town.phone, "¿sigue ahí?")
    town.rig.wait_quiet(idle_ms=1500, only="meta,chatwoot")
    assert len(town.heard()) == before


def test_it_is_handed_back_and_the_bot_goes_on(town: Town) -> None:
    town.newcomer()
    town.agent("reply", content="Le atiendo yo")
    eventually(lambda: town.owner() == "human")
    eventually(lambda: town.status_there() == "open")
    town.agent("pending")
    eventually(lambda: town.owner() == "bot")
    before = len(town.heard())
    town.rig.meta.inbound(town.phone, "sí, de acuerdo")
    eventually(lambda: len(town.heard()) > before)


def test_resolving_gives_back_and_an_assignment_takes_over(town: Town) -> None:
    town.newcomer()
    town.agent("assign", assignee_id=2)
    eventually(lambda: town.owner() == "human")
    eventually(lambda: town.status_there() == "open")
    town.agent("resolve")
    eventually(lambda: town.owner() == "bot")
    before = len(town.heard())
    town.rig.meta.inbound(town.phone, "sí, de acuerdo")
    eventually(lambda: len(town.heard()) > before)
    assert town.owner() == "bot"


@pytest.mark.parametrize(
    "switch",
    [
        {"kind": "duplicate_delivery", "n": 3, "times": -1},
        {"kind": "duplicate_delivery", "n": 2, "new_id": True, "gap_s": 0.2, "times": -1},
        {"kind": "reorder", "seconds": 0.4, "p": 0.5, "times": -1},
        {"kind": "late_snapshot", "seconds": 0.4, "times": -1},
        {"kind": "stale_snapshot", "seconds": 0.4, "times": -1},
        {"kind": "webhook_before_response", "times": -1},
    ],
    ids=lambda switch: switch["kind"] + str(switch.get("n", "")),
)
def test_however_webhooks_come_everything_is_said_once_and_ends_where_it_was_left(town: Town, switch: dict[str, Any]) -> None:
    town.rig.chatwoot.faults(switch)
    town.newcomer()
    for words in ("uno", "dos", "tres"):
        town.agent("reply", content=words)
        eventually(lambda words=words: words in town.heard())
    town.agent("resolve")
    eventually(lambda: town.owner() == "bot")
    town.rig.wait_quiet(idle_ms=1200, only="meta,chatwoot")
    assert sorted(words for words in town.heard() if words in ("uno", "dos", "tres")) == ["dos", "tres", "uno"]
    assert town.owner() == "bot"


def test_what_no_webhook_brought_is_found(town: Town) -> None:
    town.newcomer()
    town.rig.chatwoot.faults({"kind": "lost_delivery", "times": -1})
    town.agent("reply", content="¿Me lee?")
    eventually(lambda: "¿Me lee?" in town.heard(), within_s=POLL_WITHIN_S)
    assert town.owner() == "human"
    town.agent("resolve")
    eventually(lambda: town.owner() == "bot", within_s=POLL_WITHIN_S)
    assert town.heard().count("¿Me lee?") == 1


@pytest.mark.timeout(240)
def test_what_was_said_to_somebody_who_was_erased_is_found_there_and_not_said_again(town: Town) -> None:
    """Chatwoot cannot delete yet when the poll comes by."""
    town.newcomer()
    town.rig.chatwoot.faults({"kind": "error", "status": 503, "times": -1, "match": "DELETE /api"})
    phone, there = town.phone, town.conversation_there()
    assert there is not None
    town.agent("reply", content="Hola, soy Beto otra vez")
    eventually(lambda: "Hola, soy Beto otra vez" in town.heard())
    town.rig.chatwoot.faults({"kind": "lost_delivery", "times": -1})
    town.agent("reply", content="de esto no supo nadie")
    erased = requests.delete(
        f"{town.product.address}/webhook/conversation/{phone}", params={"erase": "true"}, headers=OPERATOR, timeout=10
    )
    assert erased.ok
    heard = town.heard()
    read = f"GET /api/v1/accounts/1/conversations/{there['id']}/messages"
    before = town.requests(read)
    town.agent("note", content="¿y esta clienta?")  # something happens there: it is read again in any case
    eventually(lambda: town.requests(read) > before, within_s=POLL_WITHIN_S)
    town.rig.wait_quiet(idle_ms=1500, only="meta")
    assert town.heard() == heard
    assert town.product.get(f"/webhook/conversation/{phone}").status_code == 404


def test_everything_echoed_three_times_ends(town: Town) -> None:
    """No loop, ever."""
    town.rig.chatwoot.config(inbox_webhook=True, bot_outgoing_url=f"{town.product.address}/webhook/chatwoot")
    town.rig.chatwoot.faults({"kind": "duplicate_delivery", "n": 2, "new_id": True, "times": -1})
    try:
        town.newcomer()
        town.agent("reply", content="Aquí Beto")
        eventually(lambda: "Aquí Beto" in town.heard())
        town.rig.meta.inbound(town.phone, "gracias")
        town.agent("pending")
        eventually(lambda: town.owner() == "bot")
        town.rig.wait_quiet(idle_ms=1500, only="meta,chatwoot")
        messages = len(town.rig.chatwoot.ledger(kind="message")["messages"])
        heard = town.heard()
        town.rig.wait_quiet(idle_ms=2500, only="meta,chatwoot")
        assert len(town.rig.chatwoot.ledger(kind="message")["messages"]) == messages
        assert town.heard() == heard
        assert heard.count("Aquí Beto") == 1
    finally:
        town.rig.chatwoot.config(inbox_webhook=False, bot_outgoing_url="")


def test_notes_and_what_nobody_in_particular_says_stay_there(town: Town) -> None:
    town.newcomer()
    town.agent("note", content="nota privada")
    town.agent("automation", content="automático")
    town.agent("reply", content="esto sí")
    eventually(lambda: "esto sí" in town.heard())
    town.rig.wait_quiet(idle_ms=800, only="meta,chatwoot")
    assert not {"nota privada", "automático"} & set(town.heard())


def test_an_attachment_arrives_with_its_words(town: Town) -> None:
    town.newcomer()
    there = town.conversation_there()
    assert there is not None
    environment = town.rig.env("chatwoot")
    answer = requests.post(
        f"{environment['CHATWOOT_BASE_URL']}/api/v1/accounts/1/conversations/{there['id']}/messages",
        headers={"Api-Access-Token": environment["CHATWOOT_USER_TOKEN"]},
        data={"content": "Le paso la oferta", "message_type": "outgoing"},
        files={"attachments[]": ("oferta.png", _PNG, "image/png")},
        timeout=10,
    )
    assert answer.ok, answer.text
    (sent,) = eventually(lambda: [one for one in town.rig.meta.sent(town.phone) if one["type"] == "image"])
    assert sent["payload"]["image"]["caption"] == "Le paso la oferta"
    assert sent["payload"]["image"]["id"]


def test_outside_the_window_the_editor_is_locked_words_of_programs_fail_and_a_template_goes(town: Town) -> None:
    """The person never wrote: only a template may begin."""
    phone = str(next(_numbers))
    environment = town.rig.env("chatwoot")
    headers = {"Api-Access-Token": environment["CHATWOOT_USER_TOKEN"]}
    account = f"{environment['CHATWOOT_BASE_URL']}/api/v1/accounts/1"
    person = {"name": "Nuevo", "phone_number": f"+{phone}"}
    assert requests.post(f"{account}/contacts", headers=headers, json=person, timeout=10).ok
    town.phone = phone
    template = {"name": "rig_sin_variables", "language": "es", "category": "UTILITY", "processed_params": {}}
    began = town.rig.chatwoot.agent("new_conversation", phone=f"+{phone}", content="plantilla", template_params=template)
    (sent,) = eventually(lambda: town.rig.meta.sent(phone))
    assert (sent["type"], sent["payload"]["template"]["name"]) == ("template", "rig_sin_variables")
    with pytest.raises(AssertionError, match="locked"):
        town.agent("reply", conversation_id=began["conversation_id"], content="¿Le interesa?")
    messages = f"{account}/conversations/{began['conversation_id']}/messages"
    said = requests.post(messages, headers=headers, json={"content": "¿Le interesa?"}, timeout=10).json()
    eventually(lambda: town.message_there(said["id"])["status"] == "failed")
    assert "24 horas" in town.message_there(said["id"])["content_attributes"]["external_error"]


def test_a_person_who_opens_a_bots_conversation_has_it(town: Town) -> None:
    """Two saves there: open, then without the bot. An administrator is not even assigned."""
    town.newcomer()
    town.agent("open", user_id=1)
    eventually(lambda: town.owner() == "human")
    before = len(town.heard())
    town.rig.meta.inbound(town.phone, "¿hola?")
    town.rig.wait_quiet(idle_ms=1200, only="meta,chatwoot")
    assert len(town.heard()) == before


def test_what_an_agent_formats_is_formatted_on_the_phone_by_webhook_and_by_poll(town: Town) -> None:
    town.newcomer()
    words = "**Hola Luis**, tu precio es **7,33 €**\\\nal mes: [condiciones](https://acme.es/c_1)"
    shown = "*Hola Luis*, tu precio es *7,33 €*\nal mes: condiciones (https://acme.es/c_1)"
    town.agent("reply", content=words)
    eventually(lambda: shown in town.heard())
    town.rig.chatwoot.faults({"kind": "lost_delivery", "times": -1})
    town.agent("reply", content=f"Otra vez: {words}")
    eventually(lambda: f"Otra vez: {shown}" in town.heard(), within_s=POLL_WITHIN_S)


def test_seven_thousand_characters_of_an_agent_arrive_in_order_and_whole(town: Town) -> None:
    town.newcomer()
    clauses = "\n\n".join(f"Cláusula {number}: lo que cubre y lo que no cubre, con sus límites." for number in range(1, 120))
    words = f"{clauses}\n\nFIN"
    said = town.agent("reply", content=words)["message"]
    eventually(lambda: town.heard()[-1].endswith("FIN"), within_s=30)
    parts = [heard for heard in town.heard() if "Cláusula" in heard]
    assert "\n\n".join(parts) == words
    assert len(parts) > 1
    eventually(lambda: town.message_there(said["id"])["status"] == "read")


def test_quotes_are_kept_both_ways(town: Town) -> None:
    town.newcomer()
    there = town.conversation_there()
    assert there is not None

    def rows() -> list[dict[str, Any]]:
        return list(town.rig.chatwoot.ledger(conversation=there["id"])["messages"])

    hello = next(one for one in rows() if one["message_type"] == 0)
    greeting = next(one for one in rows() if one["message_type"] == 1)
    for quoted, words in ((hello, "a tu hola"), (greeting, "a lo del asistente")):
        town.agent("reply", content=words, content_attributes={"in_reply_to": quoted["id"]})
        eventually(lambda words=words: words in town.heard())
    sent = {one["text"]: one for one in town.rig.meta.sent(town.phone)}
    bots = next(one for one in town.rig.meta.sent(town.phone) if "asistente" in str(one["text"]))
    assert sent["a tu hola"]["payload"]["context"]["message_id"] == hello["source_id"]
    assert sent["a lo del asistente"]["payload"]["context"]["message_id"] == bots["id"]
    town.rig.meta.inbound(town.phone, "sí", context_id=bots["id"])
    answer = eventually(lambda: [one for one in rows() if one["content"] == "sí"])[0]
    assert answer["content_attributes"]["in_reply_to"] == greeting["id"]


def test_a_failed_reply_is_sent_again_by_retry(town: Town) -> None:
    town.newcomer()
    town.rig.meta.fail_next(131026, to=town.phone)
    said = town.agent("reply", content="¿Le llegó la propuesta?")["message"]
    eventually(lambda: town.message_there(said["id"])["status"] == "failed")
    assert "número" in town.message_there(said["id"])["content_attributes"]["external_error"]
    town.agent("retry", message_id=said["id"])
    eventually(lambda: town.heard().count("¿Le llegó la propuesta?") == 2)
    eventually(lambda: town.message_there(said["id"])["status"] == "read")
    town.rig.wait_quiet(idle_ms=1000, only="meta,chatwoot")
    assert town.heard().count("¿Le llegó la propuesta?") == 2


def test_the_bot_calls_somebody_and_an_answer_ends_the_call(town: Town) -> None:
    town.newcomer()
    town.rig.meta.inbound(town.phone, "quiero hablar con una persona")
    eventually(lambda: town.owner() == "human")
    eventually(lambda: town.status_there() == "open")
    town.rig.wait_quiet(idle_ms=800, only="meta,chatwoot")
    assert town.owner() == "human"  # the echo of our own opening changes nothing
    town.agent("reply", content="Soy Beto, dígame")
    eventually(lambda: "Soy Beto, dígame" in town.heard())
    town.agent("resolve")
    eventually(lambda: town.owner() == "bot")


@pytest.mark.parametrize("version", ["4.15.1", "4.16.2"])
def test_where_conversations_have_owners_it_is_the_same(town: Town, version: str) -> None:
    """Before 4.16.2 no bot owns a conversation; since then it is assigned to what is new. Either way it ends the same."""
    town.rig.chatwoot.config(version=version)
    try:
        town.newcomer()
        assert (town.owner(), town.status_there()) == ("bot", "pending")
        town.agent("assign", assignee_id=2)
        eventually(lambda: town.owner() == "human")
        town.agent("reply", content="Desde la 4.16")
        eventually(lambda: "Desde la 4.16" in town.heard())
        town.agent("assign_bot", bot_id=1)
        eventually(lambda: town.owner() == "bot")
        town.rig.wait_quiet(idle_ms=1000, only="meta,chatwoot")
        assert (town.owner(), town.status_there()) == ("bot", "pending")
    finally:
        town.rig.chatwoot.config(version="4.16.2")


def test_what_a_human_corrects_there_is_what_the_bot_knows(town: Town) -> None:
    town.newcomer()
    for words in ("sí, de acuerdo", "tengo 35 años"):
        town.rig.meta.inbound(town.phone, words)
        town.rig.wait_quiet(idle_ms=1200, only="meta,chatwoot")
    eventually(lambda: town.product.conversation(town.phone)["profile"].get("age") == 35)

    def shown_there() -> bool:
        found = town.conversation_there()
        return bool(found) and found["meta"]["sender"]["custom_attributes"].get("age") == 35

    eventually(shown_there)
    town.agent("contact", custom_attributes={"age": 41})
    eventually(lambda: town.product.conversation(town.phone)["profile"]["age"] == 41)
    assert town.product.conversation(town.phone)["profile_sources"]["age"]["by"] == "human"


def echo_of(town: Town, text: str, name: str) -> dict[str, Any]:
    """Meta's webhook of what was typed into the business's phone."""
    number = town.rig.env("meta")["WHATSAPP_PHONE_NUMBER_ID"]
    said = {"from": "34910000000", "to": town.phone, "id": f"wamid.echo.{name}", "timestamp": str(int(time.time()))}
    echo = {**said, "type": "text", "text": {"body": text}}
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": number}, "message_echoes": [echo]}
    change = {"field": "smb_message_echoes", "value": value}
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}


def test_the_phone_answers_in_the_middle_of_a_turn_while_workers_are_killed(town: Town) -> None:
    """Coexistence: from that moment the bot is silent, and Chatwoot shows the words and the conversation as a person's."""
    town.newcomer()
    before = town.heard()
    town.rig.meta.inbound(town.phone, "sí, de acuerdo")
    town.rig.meta.inbound_raw(echo_of(town, "Hola, soy Marta: sigo yo contigo.", town.phone))
    for worker in town.product.pids("src.worker"):
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: town.owner() == "human")
    town.rig.meta.inbound(town.phone, "ok Marta")
    town.rig.meta.inbound_raw(echo_of(town, "Hola, soy Marta: sigo yo contigo.", town.phone))
    eventually(lambda: town.status_there() == "open", within_s=60)
    eventually(lambda: "ok Marta" in [row["text"] for row in town.product.conversation(town.phone)["messages"]])
    town.rig.wait_quiet(idle_ms=2500, only="meta,chatwoot")
    said = [row for row in town.product.conversation(town.phone)["messages"] if row["role"] == "human"]
    assert [row["text"] for row in said] == ["Hola, soy Marta: sigo yo contigo."]
    assert town.heard()[: len(before)] == before
    assert len(town.heard()) <= len(before) + 1, "at most the answer that was on its way when the phone answered"
    there = town.conversation_there()
    assert there is not None
    rows = [
        one for one in town.rig.chatwoot.ledger(conversation=there["id"])["messages"] if "Marta: sigo" in (one["content"] or "")
    ]
    assert [(one["sender_type"], one["message_type"]) for one in rows] == [("User", 1)]


# -- where Chatwoot owns the line --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Inbox 2 is WhatsApp's, and Chatwoot tells its bot what people write."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with Rig(address) as rig:
        environment = {**rig.env("chatwoot"), "CHATWOOT_MODE": "agent-bot", "CHATWOOT_WHATSAPP_INBOX_ID": "2"}
        connected = requests.post(
            f"{environment['CHATWOOT_BASE_URL']}/api/v1/accounts/1/inboxes/2/set_agent_bot",
            headers={"Api-Access-Token": environment["CHATWOOT_USER_TOKEN"]},
            json={"agent_bot": 1},
            timeout=10,
        )
        assert connected.ok, connected.text
        members = {"inbox_id": 2, "user_ids": [2]}
        path = f"{environment['CHATWOOT_BASE_URL']}/api/v1/accounts/1/inbox_members"
        assert requests.post(
            path, headers={"Api-Access-Token": environment["CHATWOOT_USER_TOKEN"]}, json=members, timeout=10
        ).ok
        product = Product(tmp_path_factory.mktemp("line"), environment, port=port).start()
        yield Town(rig, product)
        product.stop()


def test_as_chatwoots_bot_people_are_answered_and_humans_are_not_said_twice(line: Town) -> None:
    phone = line.phone = str(next(_numbers))
    line.rig.chatwoot.agent("customer", phone=f"+{phone}", inbox_id=2, content="hola")

    def said_there() -> list[dict[str, Any]]:
        rows = line.rig.chatwoot.ledger(kind="message")["messages"]
        return [one for one in rows if one["inbox_id"] == 2 and one["message_type"] == 1 and not one["private"]]

    (greeting,) = eventually(said_there)
    assert greeting["sender_type"] == "AgentBot"
    assert "privacidad" in greeting["content"].casefold()
    line.agent("reply", content="Soy Beto")
    eventually(lambda: line.owner() == "human")
    line.rig.wait_quiet(idle_ms=1200, only="chatwoot")
    assert [one["content"] for one in said_there()][1:] == ["Soy Beto"]
    assert line.owner() == "human"
    line.agent("resolve")
    eventually(lambda: line.owner() == "bot")
    line.rig.chatwoot.agent("customer", phone=f"+{phone}", inbox_id=2, content="sí, de acuerdo")
    eventually(lambda: len(said_there()) > 2)
    line.agent("external_echo", content="Soy Marta, sigo yo")
    eventually(lambda: line.owner() == "human")
    before = len(said_there())
    line.rig.chatwoot.agent("customer", phone=f"+{phone}", inbox_id=2, content="ok Marta")
    line.rig.wait_quiet(idle_ms=1500, only="chatwoot")
    assert len(said_there()) == before


def test_as_chatwoots_bot_what_no_webhook_brought_is_answered(line: Town) -> None:
    phone = line.phone = str(next(_numbers))
    line.rig.chatwoot.faults({"kind": "lost_delivery", "times": -1})
    line.rig.chatwoot.agent("customer", phone=f"+{phone}", inbox_id=2, content="hola")

    def answered() -> list[dict[str, Any]]:
        return [one for one in line.rig.chatwoot.ledger()["lines"] if one["to"] == phone]

    eventually(answered, within_s=POLL_WITHIN_S)
    line.rig.chatwoot.clear_faults()
    line.rig.wait_quiet(idle_ms=1000, only="chatwoot")
    assert len(answered()) == 1


_PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==")
