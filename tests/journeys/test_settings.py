"""The whole product while the house changes its mind: processes notice within seconds, and what they cannot open they say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.kit.product import OPERATOR, PROJECT, Product, eventually
from tests.kit.rig import Rig, free_port

pytestmark = pytest.mark.timeout(300)
PHONES = (f"34600333{number:03}" for number in range(1000))


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[tuple[Rig, Product]]:
    """An installation without any key, and Meta beside it."""
    port = free_port()
    with Rig(f"http://127.0.0.1:{port}") as rig:
        product = Product(tmp_path / "house", {"WORKER_PROCESSES": "2"}, port=port).start()
        yield rig, product
        product.stop()


def change(product: Product, **asked: Any) -> requests.Response:
    return requests.patch(f"{product.address}/webhook/settings", json=asked, headers=OPERATOR, timeout=30)


def greeting(product: Product) -> str:
    """What somebody new is told first."""
    phone = next(PHONES)
    assert product.say(phone, "hola").ok
    return str(eventually(lambda: product.replies(phone))[0]["text"])


def command(product: Product, *words: str, given: str = "") -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "src.cli", "settings", *words],
        cwd=PROJECT, env=product.env, input=given, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return ended.stdout + ended.stderr


def test_every_process_notices_a_change_without_a_restart(installed: tuple[Rig, Product]) -> None:
    _, product = installed
    running = {part: product.pids(part) for part in ("src.worker", "gunicorn")}
    assert "iAgente Vida" in greeting(product)
    assert change(product, settings={"company_name": "Correduría Ñandú"}, by="Ana").json()["version"] == 1
    eventually(lambda: "Correduría Ñandú" in greeting(product))
    assert "version 2" in command(product, "set", "company_name", "Seguros del Sur")
    eventually(lambda: "Seguros del Sur" in greeting(product))
    assert "Correduría Ñandú -> Seguros del Sur" in command(product, "history", "company_name")
    back = requests.post(f"{product.address}/webhook/settings/rollback", json={"version": 0}, headers=OPERATOR, timeout=30)
    assert back.json()["settings"]["company_name"]["source"] == "default"
    eventually(lambda: "iAgente Vida" in greeting(product))
    assert {part: product.pids(part) for part in running} == running


def test_a_vendor_is_entered_tried_and_taken_by_every_process(installed: tuple[Rig, Product]) -> None:
    rig, product = installed
    before = set(product.pids("src.worker"))
    access = rig.env("meta")
    refused = change(product, vendors={"whatsapp": {**access, "WHATSAPP_TOKEN": "EAAwrong"}})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "vendor_refused")
    half = {name: value for name, value in access.items() if name != "WHATSAPP_APP_SECRET"}
    assert "WHATSAPP_APP_SECRET" in change(product, vendors={"whatsapp": half}).json()["error"]["message"]
    assert product.say(next(PHONES), "hola").status_code == 200

    assert change(product, vendors={"whatsapp": access}, by="Ana").status_code == 200
    eventually(lambda: product.say(next(PHONES), "hola").status_code == 403)  # nothing unsigned any more
    eventually(lambda: not before & set(product.pids("src.worker")) and len(product.pids("src.worker")) == 2, within_s=60)
    product.wait_ready()
    phone = next(PHONES)
    rig.meta.inbound(phone, "hola")
    eventually(lambda: rig.meta.sent(phone), within_s=60)
    log = product.log_file.read_text()
    assert "process.died" not in log
    assert access["WHATSAPP_TOKEN"] not in log + product.get("/webhook/settings").text + product.get("/webhook/diag").text


def test_with_another_secret_key_the_vendor_is_named_and_the_rest_is_served(installed: tuple[Rig, Product]) -> None:
    rig, product = installed
    assert change(product, vendors={"whatsapp": rig.env("meta")}, settings={"company_name": "Ñandú"}).status_code == 200
    product.stop()
    (product.data_dir / "secret-key").unlink()
    product.start()
    shown = product.get("/webhook/settings").json()
    assert "enter it again" in shown["vendors"]["whatsapp"]["off"]
    assert shown["settings"]["company_name"]["value"] == "Ñandú"
    # That a vendor is there is known: nothing unsigned is taken, and Meta is to come again.
    assert product.say(next(PHONES), "hola").status_code == 503
    assert "vendor.off" in product.log_file.read_text()
    assert change(product, vendors={"whatsapp": rig.env("meta")}).status_code == 200
    eventually(lambda: product.get("/webhook/settings").json()["vendors"]["whatsapp"]["off"] == "")
    phone = next(PHONES)
    eventually(lambda: rig.meta.inbound(phone, "hola") and rig.meta.sent(phone), within_s=60, every_s=2.0)
