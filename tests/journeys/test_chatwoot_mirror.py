"""What people and the bot say appears in Chatwoot: once, in order, whatever happens to Chatwoot meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.kit.product import OPERATOR, Product, eventually
from tests.kit.rig import Rig, free_port

MARTA = "34600111222"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Product]]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with Rig(address) as rig:
        env = {**rig.env("meta", "chatwoot"), "PUBLIC_BASE_URL": address, "LEASE_S": "2"}
        product = Product(tmp_path_factory.mktemp("mirror"), env, port=port).start()
        yield rig, product
        product.stop()


@pytest.fixture
def office(installed: tuple[Rig, Product]) -> tuple[Rig, Product]:
    rig, product = installed
    eventually(lambda: nothing_waits(product), within_s=60)
    rig.reset()
    return rig, product


def nothing_waits(product: Product) -> bool:
    lanes = product.get("/webhook/status").json()["lanes"]
    return all(lane["depth"] == 0 for lane in lanes.values())


def shown(rig: Rig, phone: str) -> dict[str, Any]:
    """The one conversation of that person in Chatwoot, with its messages."""
    return dict(rig.counters(phone)["mirror"][phone])


def is_mirrored(rig: Rig, phone: str) -> bool:
    mirror = shown(rig, phone)
    return not mirror["missing_in"] and not mirror["missing_out"] and mirror["wa_in"] > 0 and mirror["wa_out"] > 0


def assert_mirrored_once(rig: Rig, phone: str) -> None:
    eventually(lambda: is_mirrored(rig, phone), within_s=60)
    rig.wait_quiet(idle_ms=1500, timeout_s=60)
    mirror = shown(rig, phone)
    assert (mirror["contacts_in_chatwoot"], mirror["conversations"]) == (1, 1)
    assert (mirror["cw_in"], mirror["cw_out"]) == (mirror["wa_in"], mirror["wa_out"])
    assert [mirror[name] for name in ("extra_in", "extra_out", "duplicate_in", "duplicate_out")] == [[], [], [], []]


def messages_of(rig: Rig) -> list[dict[str, Any]]:
    return list(rig.chatwoot.ledger(kind="message")["messages"])


def test_a_talk_is_there_word_for_word_with_its_lead(office: tuple[Rig, Product]) -> None:
    rig, _ = office
    for number, text in enumerate(["hola", "sí, de acuerdo", "me llamo Marta", "tengo 35 años y no fumo"], start=1):
        rig.meta.inbound(MARTA, text)
        eventually(lambda number=number: len(rig.meta.sent(MARTA)) >= number)
    assert_mirrored_once(rig, MARTA)
    state = rig.chatwoot.state()
    (conversation,) = state["conversations"]
    assert conversation["status"] == "pending"
    assert "needs_analysis" in conversation["labels"]
    (person,) = [contact for contact in state["contacts"] if contact["phone_number"] == f"+{MARTA}"]
    assert person["name"] == "Marta"
    assert person["custom_attributes"]["age"] == 35
    eventually(lambda: {m["status"] for m in messages_of(rig) if m["message_type"] == 1 and not m["private"]} == {"read"})


def test_asking_for_a_person_opens_it_with_a_note(office: tuple[Rig, Product]) -> None:
    rig, product = office
    rig.meta.inbound("34600111333", "hola")
    eventually(lambda: rig.meta.sent("34600111333"))
    rig.meta.inbound("34600111333", "quiero hablar con una persona")
    eventually(lambda: rig.chatwoot.state()["conversations"][0]["status"] == "open")
    eventually(lambda: "derivar" in rig.chatwoot.state()["conversations"][0]["labels"])
    notes = eventually(lambda: [message for message in messages_of(rig) if message["private"]])
    assert len(notes) == 1
    assert "Para una persona del equipo" in notes[0]["content"]
    assert product.conversation("34600111333")["owner"] == "human"


def test_an_outage_delays_no_reply_and_is_made_up_for_in_order(office: tuple[Rig, Product]) -> None:
    rig, _ = office
    phone = "34600111444"
    rig.chatwoot.faults({"kind": "error", "status": 503, "times": 1000})
    for number, text in enumerate(["hola", "sí, de acuerdo", "me llamo Ana"], start=1):
        rig.meta.inbound(phone, text)
        eventually(lambda number=number: len(rig.meta.sent(phone)) >= number)
    rig.chatwoot.clear_faults()
    assert_mirrored_once(rig, phone)
    said = [message["content"] for message in messages_of(rig) if message["message_type"] == 0]
    assert said == ["hola", "sí, de acuerdo", "me llamo Ana"]


@pytest.mark.parametrize("kind", ["error_after_commit", "drop_after"])
def test_what_was_written_before_an_error_is_not_written_again(office: tuple[Rig, Product], kind: str) -> None:
    rig, _ = office
    phone = "34600111555"
    rig.chatwoot.faults({"kind": kind, "status": 500, "times": 3, "match": "POST /api/v1/accounts/1/conversations/"})
    for number, text in enumerate(["hola", "sí, de acuerdo"], start=1):
        rig.meta.inbound(phone, text)
        eventually(lambda number=number: len(rig.meta.sent(phone)) >= number)
    assert_mirrored_once(rig, phone)
    assert [fault["hits"] for fault in rig.chatwoot.faults()] == [3]


def test_a_photo_is_there_as_a_file(office: tuple[Rig, Product]) -> None:
    rig, _ = office
    rig.meta.inbound("34600111666", type="image", caption="mi casa")
    eventually(lambda: rig.meta.sent("34600111666"))
    (photo,) = eventually(lambda: [message for message in messages_of(rig) if message["message_type"] == 0])
    assert len(photo["attachments"]) == 1


def test_an_erased_person_is_gone_there_too_also_after_an_outage(office: tuple[Rig, Product]) -> None:
    rig, product = office
    phone = "34600111777"
    rig.meta.inbound(phone, "hola")
    eventually(lambda: rig.meta.sent(phone))
    assert_mirrored_once(rig, phone)
    rig.chatwoot.faults({"kind": "error", "status": 503, "times": 5})
    answer = requests.delete(
        f"{product.address}/webhook/conversation/{phone}", params={"erase": "true"}, headers=OPERATOR, timeout=10
    )
    assert answer.ok
    eventually(lambda: not rig.chatwoot.state()["conversations"], within_s=60)
    assert not [contact for contact in rig.chatwoot.state()["contacts"] if contact["phone_number"] == f"+{phone}"]
    eventually(lambda: nothing_waits(product))
    assert product.get(f"/webhook/conversation/{phone}").status_code == 404


def test_killed_workers_mirror_nothing_twice_and_lose_nothing(office: tuple[Rig, Product]) -> None:
    rig, product = office
    people = [f"346002220{number:02d}" for number in range(8)]
    rig.chatwoot.config(latency=0.05)
    for round_, text in enumerate(["hola", "sí, de acuerdo", "me llamo Eva"]):
        for phone in people:
            rig.meta.inbound(phone, text)
        for pid in product.pids("src.worker")[round_ % 2 :: 2]:
            os.kill(pid, signal.SIGKILL)
    for phone in people:
        eventually(lambda phone=phone: len(rig.meta.sent(phone)) >= 1, within_s=60)
    eventually(lambda: nothing_waits(product), within_s=90)
    for phone in people:
        mirror = shown(rig, phone)
        assert (mirror["conversations"], mirror["missing_in"], mirror["missing_out"]) == (1, [], [])
        assert mirror["cw_in"] == mirror["wa_in"]
        assert mirror["duplicate_in"] == []
