"""A newcomer without any keys: the old guide's commands against `make run`, stop, start again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.kit.product import OPERATOR, Product, eventually

PHONE = "34600000000"
OLD_GUIDE = {
    "entry": [
        {
            "changes": [
                {
                    "value": {
                        "messages": [
                            {
                                "id": "test123",
                                "from": PHONE,
                                "type": "text",
                                "timestamp": "1640995200",
                                "text": {"body": "Hola, quiero información sobre seguros"},
                            }
                        ],
                        "contacts": [{"profile": {"name": "Cliente Prueba"}}],
                    }
                }
            ]
        }
    ]
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    running = Product(tmp_path_factory.mktemp("newcomer")).start()
    yield running
    running.stop()


def test_the_old_guides_commands_work(product: Product) -> None:
    verify_token = (product.data_dir / "verify-token").read_text()
    asked = {"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": "test123"}
    handshake = requests.get(f"{product.address}/webhook/whatsapp", params=asked, timeout=5)
    assert (handshake.status_code, handshake.text) == (200, "test123")

    assert requests.post(f"{product.address}/webhook/whatsapp", json=OLD_GUIDE, timeout=5).status_code == 200
    replies = eventually(lambda: product.replies(PHONE))
    assert "privacidad" in replies[0]["text"].casefold()

    assert requests.get(f"{product.address}/webhook/status", timeout=5).json()["status"] == "ok"
    listed = product.get("/webhook/conversations").json()["conversations"]
    assert [summary["contact"]["phone"] for summary in listed] == [f"+{PHONE}"]

    reset = requests.delete(f"{product.address}/webhook/conversation/{PHONE}", headers=OPERATOR, timeout=5)
    assert reset.json() == {"status": "reset"}
    assert product.conversation(PHONE)["stage"] == "INICIO"


def test_the_curl_of_an_installation_of_twilio_is_answered_with_twiml(product: Product) -> None:
    form = {"Body": "Hola", "From": "whatsapp:+573001234567", "MessageSid": "SM1234567890"}
    answer = requests.post(f"{product.address}/api/v1/bot/whatsapp/", data=form, timeout=20)
    assert answer.headers["Content-Type"].startswith("text/xml")
    assert "<Response><Message><Body>" in answer.text
    assert "privacidad" in answer.text.casefold()
    assert [row["status"] for row in product.replies("573001234567")] == ["delivered"]
    requests.delete(f"{product.address}/whatsapp/sessions/573001234567", headers=OPERATOR, timeout=5).raise_for_status()
    erased = {"erase": "true"}
    requests.delete(f"{product.address}/whatsapp/sessions/573001234567", params=erased, headers=OPERATOR, timeout=5)


def test_what_it_prints_and_logs_helps_and_betrays_nobody(product: Product) -> None:
    printed = product.output.read_text()
    assert product.address in printed
    assert "make chat" in printed
    log = product.log_file.read_text()
    for secret in (PHONE, "573001234567", "Cliente", "información", "operator-for-tests"):
        assert secret not in log


def test_ctrl_c_leaves_nothing_running_and_a_second_start_knows_everything(tmp_path: Path) -> None:
    product = Product(tmp_path)
    product.start()
    product.say(PHONE, "hola")
    eventually(lambda: product.replies(PHONE))
    before = product.conversation(PHONE)
    assert product.stop() == 0
    product.start()
    assert product.conversation(PHONE) == before
    product.stop()


def test_a_supervisor_killed_outright_takes_its_processes_along_and_loses_nothing(tmp_path: Path) -> None:
    product = Product(tmp_path)
    product.start()
    product.say(PHONE, "hola")
    product.kill_everything()
    product.start()
    assert eventually(lambda: product.replies(PHONE))
    product.stop()
