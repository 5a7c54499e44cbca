"""The brokerage's phone on the same number: what is typed there is a person's, and the bot is silent from that moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from src.desk.crm import Mirrored
from src.errors import StaleCommit
from src.messages import Contact, Echo
from tests.desk.fakes import ANA, Office
from tests.desk.operators_kit import Counter

HER = Contact(key=ANA, channel="whatsapp", phone="+34600000001")


def echo(at: datetime, text: str = "Hola, soy Marta de la correduría: sigo yo contigo.", number: int = 1) -> Echo:
    return Echo(id=f"wamid.echo{number}", contact=HER, at=at, text=text)


@pytest.fixture
def counter(office: Office) -> Counter:
    return Counter(office)


def test_it_is_in_the_transcript_as_a_persons_and_the_bot_is_silent(counter: Counter) -> None:
    counter.greets()
    said = echo(counter.ledger.server_time())
    assert [counter.people.overhear(said) for _ in range(3)] == [True, False, False]
    assert counter.rows()[-1] == ("human", said.text, "sent")
    assert counter.owner() == "human"
    counter.hears("ok Marta")
    assert counter.turn() == "listened"
    assert counter.channel.texts == ["eco: hola"], "it has gone out already"
    assert counter.faults() == []


def test_a_turn_that_is_under_way_is_taken_again_in_silence(counter: Counter) -> None:
    counter.greets()
    counter.hears("¿cuánto cuesta?")
    claim = counter.claim("turns")
    counter.people.overhear(echo(counter.ledger.server_time()))
    with pytest.raises(StaleCommit):
        counter.turns.work(claim)
    assert counter.turn() == "listened"
    assert counter.channel.texts == ["eco: hola"]


def test_a_reply_that_waits_to_be_sent_is_withheld(counter: Counter) -> None:
    counter.greets()
    counter.hears("¿cuánto cuesta?")
    counter.turn()
    counter.people.overhear(echo(counter.ledger.server_time()))
    assert counter.deliver() == "withheld"
    assert counter.channel.texts == ["eco: hola"]


def test_after_the_hand_back_the_bot_knows_what_was_said_and_goes_on(counter: Counter) -> None:
    counter.greets()
    counter.skew.advance(1)
    counter.people.overhear(echo(counter.ledger.server_time(), "Te llamo mañana"))
    counter.skew.advance(1)
    counter.people.hand_back(ANA)
    assert [line.text for line in counter.conversation().history][-1] == "Te llamo mañana"
    counter.hears("vale")
    assert counter.turn() == "answered"


def test_what_is_said_to_a_person_binds_nobody(counter: Counter) -> None:
    """ "ok Marta" is no consent to the bot, and accepts nothing."""
    counter.greets()
    counter.people.overhear(echo(counter.ledger.server_time()))
    counter.agent.decides(changes={"outcome": "accepted", "stage": "FINALIZADO", "awaiting": None})
    counter.hears("ok Marta")
    assert counter.turn() == "listened"
    assert (counter.conversation().outcome, counter.conversation().stage) == (None, "INICIO")


def test_who_was_first_written_to_from_the_phone_is_the_brokerages(counter: Counter) -> None:
    assert counter.people.overhear(echo(counter.ledger.server_time()))
    assert counter.owner() == "human"
    counter.hears("¿quién eres?")
    assert counter.turn() == "listened"


def test_an_echo_that_comes_again_after_an_erasure_brings_nobody_back(counter: Counter) -> None:
    counter.greets()
    said = echo(counter.ledger.server_time())
    counter.people.overhear(said)
    other = echo(counter.ledger.server_time() - timedelta(minutes=1), number=2)
    counter.ledger.forget(ANA, erase=True)
    assert [counter.people.overhear(one) for one in (said, other)] == [False, False]
    assert counter.records.record(ANA) is None


def test_secrets_in_it_are_not_kept(counter: Counter) -> None:
    counter.greets()
    counter.people.overhear(echo(counter.ledger.server_time(), "tu DNI es 12345678Z"))
    assert "[DNI]" in counter.rows()[-1][1]


def test_the_crm_is_told_that_a_person_said_it_and_has_the_conversation(new_ledger: Any, office: Office) -> None:
    counter = Counter(Office(new_ledger(debounce_s=0, mirrors=True), office.skew))
    counter.greets()
    counter.people.overhear(echo(counter.ledger.server_time()))
    bodies = counter.ledger.client.hvals(counter.ledger.keys.lane(ANA, "mirror")[1])
    told = [msgspec.json.decode(body) for body in bodies]
    (shown,) = [msgspec.convert(one, Mirrored) for one in told if one.get("by_phone")]
    assert (shown.speaker, shown.text) == ("human", echo(shown.at).text)
    assert [one["owner"] for one in told if one["type"] == "owner"] == ["human"]
