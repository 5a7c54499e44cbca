"""Whoever is erased is nowhere: not in the store's files, not in the data directory, not in the logs; and stays away."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.kit.product import OPERATOR, Product, eventually

PHONE = "34655443322"
CANARIES = (PHONE, "Zacariasina", "pajarera de hierro", "zaca.riasina@correo.example")


TOLD = ("hola", "sí", "me llamo Zacariasina", "soy constructora de una pajarera de hierro", "zaca.riasina@correo.example")


def holders_of(canary: str, *places: Path) -> list[str]:
    """Files that hold those bytes. The store replaces its files while we look."""
    held = []
    for file in (file for place in places for file in place.rglob("*")):
        with suppress(FileNotFoundError, IsADirectoryError):
            if file.is_file() and canary.encode() in file.read_bytes():
                held.append(str(file))
    return held


@pytest.mark.timeout(120)
def test_nothing_of_an_erased_person_is_left_in_any_file(tmp_path: Path) -> None:
    with Product(tmp_path / "data") as product:
        for number, text in enumerate(TOLD, start=1):
            product.say(PHONE, text)
            eventually(lambda number=number: len(product.replies(PHONE)) >= number)
        assert all(holders_of(canary, product.data_dir / "store") for canary in CANARIES), "the canaries were never kept"
        old = {"id": "wamid.old", "type": "text", "text": {"body": "hola"}}
        product.say(PHONE, "hola", id=old["id"])
        eventually(lambda: product.get("/webhook/status").json()["lanes"]["turns"]["depth"] == 0)

        erased = requests.delete(
            f"{product.address}/webhook/conversation/{PHONE}", params={"erase": "true"}, headers=OPERATOR, timeout=10
        )
        assert erased.ok
        assert product.get(f"/webhook/conversation/{PHONE}").status_code == 404
        for canary in CANARIES:
            eventually(lambda canary=canary: not holders_of(canary, product.data_dir), within_s=60)
        product.say(PHONE, "hola", id=old["id"])
        assert product.get(f"/webhook/conversation/{PHONE}").status_code == 404, "an old webhook brought somebody back"
    assert [canary for canary in CANARIES if holders_of(canary, tmp_path)] == []
