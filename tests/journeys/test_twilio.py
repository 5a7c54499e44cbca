"""A sale begun through Twilio: signed forms in, replies out, statuses back; beside Meta the same person is one conversation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.kit.product import Product, eventually
from tests.kit.rig import Rig, free_port

PHONE = "+34600111222"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Product]]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with Rig(address) as rig:
        data: Path = tmp_path_factory.mktemp("twilio")
        product = Product(data, {**rig.env("meta", "twilio"), "PUBLIC_BASE_URL": address}, port=port).start()
        yield rig, product
        product.stop()


def test_one_person_is_one_conversation_and_is_answered_the_way_they_wrote(installed: tuple[Rig, Product]) -> None:
    rig, product = installed
    first = rig.twilio.inbound(PHONE, "hola", duplicates=2)
    assert first
    eventually(rig.twilio.sent)
    rig.wait_quiet(idle_ms=1000)
    (greeting,) = rig.twilio.sent()
    assert "privacidad" in greeting["text"].casefold()
    rig.twilio.inbound(PHONE, "sí, de acuerdo")
    eventually(lambda: len(rig.twilio.sent()) == 2)
    rig.wait_quiet(idle_ms=1000)
    conversation = product.conversation(PHONE.removeprefix("+"))
    assert (conversation["contact"]["key"], conversation["contact"]["channel"]) == ("whatsapp:34600111222", "twilio")
    assert conversation["stage"] == "NEEDS_ANALYSIS"
    assert [row["status"] for row in conversation["messages"] if row["role"] == "bot"] == ["read", "read"]
    assert rig.meta.sent() == []

    rig.meta.inbound(PHONE.removeprefix("+"), "sigo por aquí")
    eventually(rig.meta.sent)
    rig.wait_quiet(idle_ms=1000)
    assert len(rig.twilio.sent()) == 2
    assert product.conversation(PHONE.removeprefix("+"))["stage"] == "NEEDS_ANALYSIS"
    assert rig.counters()["rig_errors"] == {}


def test_a_played_prospect_with_a_real_ones_number_reaches_nobody(installed: tuple[Rig, Product]) -> None:
    rig, product = installed
    rig.twilio.inbound("+34600777666", "hola, soy de verdad")
    eventually(lambda: product.replies("34600777666"))
    rig.wait_quiet(idle_ms=1000)
    before = rig.twilio.sent(), rig.meta.sent(), product.conversation("whatsapp:34600777666")
    with requests.Session() as operator:
        page = operator.get(f"{product.address}/login").text
        word = page.partition('name="csrf" value="')[2].partition('"')[0]
        overview = operator.post(f"{product.address}/login", data={"token": product.env["ADMIN_TOKEN"], "csrf": word}).text
        proof = {"X-CSRF-Token": overview.partition('name="csrf" value="')[2].partition('"')[0]}
        door, number = f"{product.address}/dashboard/try/messages", {"number": "34600777666"}

        def rows() -> list[str]:
            return [row["role"] for row in operator.get(door, params=number).json()["messages"]]

        for text, answered in (("hola", True), ("sí, de acuerdo", True), ("bórralo todo", False)):
            assert operator.post(door, json={**number, "text": text}, headers=proof).ok
            eventually(lambda answered=answered: rows()[-1:] == (["bot"] if answered else []))  # erased at last
    assert product.say("34600777666", "bórralo todo").status_code == 403
    rig.wait_quiet(idle_ms=1000)
    assert (rig.twilio.sent(), rig.meta.sent(), product.conversation("whatsapp:34600777666")) == before


@pytest.mark.parametrize("signature", ["wrong", "missing", "other_url", "other_params"])
def test_nobody_else_speaks_for_twilio(installed: tuple[Rig, Product], signature: str) -> None:
    rig, product = installed
    rig.twilio.inbound("+34600999888", "hola", signature=signature)
    answer = requests.get(
        f"{product.address}/webhook/conversation/34600999888",
        headers={"Authorization": f"Bearer {product.env['ADMIN_TOKEN']}"},
        timeout=10,
    )
    assert answer.status_code == 404


# --- answered in Twilio's own request -----------------------------------------------------------------------------------


def test_with_twiml_people_are_answered_in_the_response_once_and_statuses_settle_it(tmp_path: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with Rig(address) as rig:
        given = {**rig.env("twilio"), "PUBLIC_BASE_URL": address, "TWILIO_REPLY": "twiml", "WEB_PROCESSES": "1"}
        with Product(tmp_path, given, port=port) as product:
            rig.twilio.inbound(PHONE, "hola", duplicates=2)
            eventually(rig.twilio.sent)
            rig.wait_quiet(idle_ms=1000)
            (greeting,) = rig.twilio.sent()
            assert greeting["via"] == "outbound-reply"
            assert "\n1. " in greeting["text"]
            rig.twilio.inbound(PHONE, "1")
            eventually(lambda: len(rig.twilio.sent()) == 2)
            rig.wait_quiet(idle_ms=1000)
            conversation = product.conversation(PHONE.removeprefix("+"))
            assert conversation["consents"]["quote"]["given"]
            assert [row["status"] for row in conversation["messages"] if row["role"] == "bot"] == ["read", "read"]
            assert len(rig.twilio.sent()) == 2
            assert rig.counters()["rig_errors"] == {}


def test_a_second_address_for_when_the_first_fails_loses_and_doubles_nothing(installed: tuple[Rig, Product]) -> None:
    rig, product = installed
    rig.twilio.config(webhook_url="http://127.0.0.1:9/nobody", fallback_url=f"{product.address}/api/v1/bot/whatsapp/")
    try:
        rig.twilio.inbound("+34600222333", "hola")
        eventually(lambda: rig.twilio.sent("34600222333"))
        rig.wait_quiet(idle_ms=1000)
        assert len(rig.twilio.sent("34600222333")) == 1
    finally:
        rig.twilio.config(webhook_url=f"{product.address}/webhook/twilio", fallback_url="")
