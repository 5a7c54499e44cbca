"""Chatwoot lost everything: its copy is made anew from the transcripts, and a second time nothing is doubled."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.journeys.test_chatwoot_mirror import is_mirrored, nothing_waits, shown
from tests.kit.product import PROJECT, Product, eventually
from tests.kit.rig import Rig, free_port

PEOPLE = ("34600333111", "34600333222", "34600333333")


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Product]]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with Rig(address) as rig:
        env = {**rig.env("meta", "chatwoot"), "PUBLIC_BASE_URL": address, "LEASE_S": "2"}
        product = Product(tmp_path_factory.mktemp("resync"), env, port=port).start()
        yield rig, product
        product.stop()


def resync(product: Product, *who: str) -> str:
    command = [sys.executable, "-m", "src.cli", "resync-chatwoot", *(who or ("--all",))]
    ran = subprocess.run(command, cwd=PROJECT, env=product.env, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.timeout(180)
def test_everything_is_there_again_and_once(installed: tuple[Rig, Product]) -> None:
    rig, product = installed
    for phone in PEOPLE:
        for number, text in enumerate(("hola", "sí, de acuerdo", "quiero hablar con una persona"), start=1):
            rig.meta.inbound(phone, text)
            eventually(lambda phone=phone, number=number: len(rig.meta.sent(phone)) >= number)
    eventually(lambda: nothing_waits(product), within_s=60)
    rig.chatwoot.reset()
    assert rig.chatwoot.state()["conversations"] == []

    resync(product, PEOPLE[0])
    eventually(lambda: is_mirrored(rig, PEOPLE[0]), within_s=60)
    assert len(rig.chatwoot.state()["conversations"]) == 1
    for _ in range(2):
        assert "All are with the workers" in resync(product)
        eventually(lambda: nothing_waits(product), within_s=60)
    for phone in PEOPLE:
        mirror = shown(rig, phone)
        assert (mirror["conversations"], mirror["missing_in"], mirror["missing_out"]) == (1, [], [])
        assert (mirror["cw_in"], mirror["cw_out"]) == (mirror["wa_in"], mirror["wa_out"])
    conversations = rig.chatwoot.state()["conversations"]
    assert {conversation["status"] for conversation in conversations} == {"open"}
    assert all("derivar" in conversation["labels"] for conversation in conversations)
