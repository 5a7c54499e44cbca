"""Options where they can only be written: they are counted where a number can mean nothing else, and then it is a press."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from src.messages import Inbound
from tests.agent.talk import CONTACT, Talk


class Written(Talk):
    """Somebody on a channel that may write options below the text."""

    def _inbound(self, kind: Any, *, text: str = "", **more: Any) -> Inbound:
        inbound = super()._inbound(kind, text=text, **more)
        return msgspec.structs.replace(inbound, contact=msgspec.structs.replace(CONTACT, channel="twilio"))


@pytest.mark.parametrize("typed", ["1", " 1. ", "1)"])
def test_a_number_is_a_press_where_options_are_counted(typed: str) -> None:
    talk = Written()
    talk.say("hola")
    assert [reply.numbered for reply in talk.replies] == [True]
    assert talk.options[0] == "consent:yes"
    talk.say(typed)
    assert talk.conversation.consents["quote"].given


def test_where_buttons_are_shown_a_number_is_none() -> None:
    talk = Talk()
    talk.say("hola")
    talk.say("1")
    assert "quote" not in talk.conversation.consents


@pytest.mark.parametrize("typed", ["2", "1"])
def test_a_number_that_was_asked_for_stays_a_number(typed: str) -> None:
    talk = Written().agree().answer_until("dependents")
    assert talk.options
    assert not any(reply.numbered for reply in talk.replies)
    talk.say(typed)
    assert talk.profile["dependents"] == int(typed)


@pytest.mark.parametrize("typed", ["9", "0", "12", "1 2"])
def test_a_number_that_counts_nothing_presses_nothing(typed: str) -> None:
    talk = Written()
    talk.say("hola")
    talk.say(typed)
    assert "quote" not in talk.conversation.consents


def test_a_quote_and_its_number_are_the_same_and_beside_quotes_nothing_else_is_counted() -> None:
    talk = Written().agree().answer_until()
    assert talk.replies[-1].numbered
    second = talk.conversation.quotes[1].id
    talk.say("2")
    assert talk.conversation.selected_quote == second
    assert talk.awaiting == "accept"
    assert not talk.replies[-1].numbered
