"""One house with two numbers: one person writes to both, is answered by each, and what they ask for holds on both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.product import Product, eventually
from tests.kit.rig import Rig, free_port

SERVICE = {"phone_number_id": "206540000000001", "app_secret": "secret-of-service", "display_phone_number": "34911222333"}
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Rig, Product]]:
    """The number for sales, the number for service, and the product behind both."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with Rig(address) as sales, Rig(address, config={"meta": SERVICE}) as service:
        second = {f"LINE_SERVICIO_{name}": value for name, value in service.env("meta").items()}
        second |= {
            "LINE_SERVICIO_WHATSAPP_PHONE_NUMBER_ID": SERVICE["phone_number_id"],
            "LINE_SERVICIO_WHATSAPP_APP_SECRET": SERVICE["app_secret"],
        }
        product = Product(tmp_path_factory.mktemp("lines"), {**sales.env("meta"), **second}, port=port).start()
        yield sales, service, product
        product.stop()


def greeted(rig: Rig, phone: str) -> str:
    """Somebody writes there first and is answered there."""
    rig.meta.inbound(phone, "hola")
    return str(eventually(lambda: rig.meta.sent(phone), within_s=60)[0]["text"])


def test_one_person_writes_to_both_and_is_answered_by_each(house: tuple[Rig, Rig, Product]) -> None:
    sales, service, product = house
    phone = "34600444001"
    assert "privacidad" in greeted(sales, phone).casefold()
    assert service.meta.sent(phone) == []
    assert "privacidad" in greeted(service, phone).casefold()
    service.meta.inbound(phone, "sí, de acuerdo")
    eventually(lambda: len(service.meta.sent(phone)) == 2, within_s=60)
    service.wait_quiet(idle_ms=1000)
    assert len(sales.meta.sent(phone)) == 1
    one, other = product.conversation(f"whatsapp:{phone}"), product.conversation(f"whatsapp@servicio:{phone}")
    assert (one["line"], one["stage"]) == ("main", "INICIO")
    assert (other["line"], other["stage"]) == ("servicio", "NEEDS_ANALYSIS")
    statuses = {row["status"] for row in other["messages"] if row["role"] == "bot"}
    assert statuses <= {"sent", "delivered", "read"}
    refused = product.get(f"/webhook/conversation/{phone}")
    assert (refused.status_code, len(refused.json()["error"]["details"]["keys"])) == (409, 2)
    assert sales.counters()["rig_errors"] == service.counters()["rig_errors"] == {}


def test_a_baja_on_one_line_holds_on_the_other(house: tuple[Rig, Rig, Product]) -> None:
    sales, service, product = house
    phone = "34600444002"
    greeted(sales, phone)
    greeted(service, phone)
    sales.meta.inbound(phone, "BAJA")
    eventually(lambda: product.conversation(f"whatsapp:{phone}")["outcome"] == "opted_out", within_s=60)
    other = product.conversation(f"whatsapp@servicio:{phone}")
    assert (other["outcome"], other["stage"], other["awaiting"]) == ("opted_out", "FINALIZADO", None)
    assert len(service.meta.sent(phone)) == 1  # nobody is told twice


def test_an_erasure_on_one_line_leaves_nothing_on_the_other(house: tuple[Rig, Rig, Product]) -> None:
    sales, service, product = house
    phone = "34600444003"
    greeted(sales, phone)
    greeted(service, phone)
    service.meta.inbound(phone, "borra todos mis datos")
    for key in (f"whatsapp:{phone}", f"whatsapp@servicio:{phone}"):
        eventually(lambda key=key: product.get(f"/webhook/conversation/{key}").status_code == 404, within_s=60)
    assert len(service.meta.sent(phone)) == 2  # the farewell goes out where it was asked for
    assert len(sales.meta.sent(phone)) == 1
