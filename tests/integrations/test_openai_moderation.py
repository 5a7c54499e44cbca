"""The provider's moderation over HTTP: what it says, and that whatever else comes is no answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from src.integrations.openai.moderation import Moderator
from tests.kit.rig import Rig


@pytest.fixture(scope="module")
def started() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


@pytest.fixture
def rig(started: Rig) -> Rig:
    started.reset()
    started.llm.config(flag_words=["peligro"])
    return started


def moderator(rig: Rig, **changes: str) -> Moderator:
    env = rig.env("llm")
    return Moderator(**{"api_key": env["OPENAI_API_KEY"], "base_url": env["OPENAI_BASE_URL"], **changes})


@pytest.mark.parametrize(("text", "danger"), [("estoy en peligro", True), ("quiero un seguro", False)])
def test_what_it_says(rig: Rig, text: str, danger: bool) -> None:
    assert moderator(rig)(text, 5.0).content == {"self_harm": danger}


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ({"kind": "error", "status": 500}, "server_error"),
        ({"kind": "error", "status": 429}, "rate_limited"),
        ({"kind": "error", "status": 404}, "rejected"),
        ({"kind": "error", "status": 200, "body": "[]"}, "garbage"),
        ({"kind": "error", "status": 200, "body": '{"results": [{"categories": 5}]}'}, "garbage"),
        ({"kind": "drop_before"}, "unreachable"),
        ({"kind": "hang", "seconds": 5}, "timeout"),
    ],
)
def test_whatever_else_comes_is_no_answer(rig: Rig, fault: dict[str, Any], failure: str) -> None:
    rig.llm.faults({**fault, "match": "moderations"})
    answer = moderator(rig)("hola", 0.5)
    assert (answer.content, answer.failure) == (None, failure)


def test_a_wrong_key_is_said(rig: Rig) -> None:
    assert moderator(rig, api_key="wrong")("hola", 5.0).failure == "access_denied"
