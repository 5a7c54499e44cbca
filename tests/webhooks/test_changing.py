"""The web application while access to vendors changes: built anew in place; nothing unsigned while nobody knows."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.test import Client

from src.errors import LedgerUnavailable
from src.settings import Settings, load, with_stored
from src.webhooks import changing
from src.webhooks.changing import Changing

BARE = load({}, dotenv=None)
OPENAI = {"openai": {"OPENAI_API_KEY": "k"}}


def saying(word: bytes) -> Any:
    def application(_environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [word]

    return application


def built(settings: Settings) -> Any:
    return saying(b"with a model" if settings.llm else b"without")


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(changing, "FIRST_LOOK_WITHIN_S", 5.0)


def test_what_is_stored_is_known_to_the_first_request() -> None:
    client = Client(Changing(saying(b"first"), BARE, lambda: with_stored(BARE, OPENAI, {}), built))
    assert client.get("/").data == b"with a model"


def test_a_change_is_taken_in_place_and_where_nothing_changes_nothing_is_built() -> None:
    stored: dict[str, dict[str, str]] = {}
    seen, made = threading.Event(), []

    def look() -> Settings:
        seen.set()
        return with_stored(BARE, stored, {})

    def build(settings: Settings) -> Any:
        made.append(settings)
        return built(settings)

    client = Client(Changing(saying(b"first"), BARE, look, build))
    for _ in range(3):
        seen.clear()
        assert client.get("/").data == b"first"
        assert seen.wait(5)
    assert made == []
    stored |= OPENAI
    for _ in range(2):  # the look that was under way may have seen nothing yet
        seen.clear()
        assert seen.wait(5)
    assert client.get("/").data == b"with a model"


def test_while_nobody_knows_what_is_stored_nothing_unsigned_is_taken() -> None:
    def look() -> Settings:
        raise LedgerUnavailable("away")

    client = Client(Changing(saying(b"taken"), BARE, look, built))
    refused = client.post("/webhook/whatsapp", data=b"{}")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert client.get("/healthz").data == b"taken"
    assert client.get("/webhook/whatsapp").data == b"taken"


def test_a_process_is_well_while_the_store_thinks() -> None:
    asked, answer = threading.Event(), threading.Event()

    def look() -> Settings:
        asked.set()
        answer.wait(30)
        return BARE

    client = Client(Changing(saying(b"ok"), BARE, look, built))
    assert client.get("/healthz").data == b"ok"
    assert asked.wait(5)
    answer.set()
