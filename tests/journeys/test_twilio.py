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
