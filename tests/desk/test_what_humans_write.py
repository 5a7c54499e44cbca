"""What operators and people in the CRM write goes out as they wrote it, and is kept without what must not be kept."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from src.agent.redaction import HEALTH_MARK
from src.desk import jobs
from src.desk.crm import Attachment
from src.errors import Rejected
from src.messages import Contact, Content, Option, Outbound
from tests.desk.fakes import ANA
from tests.desk.operators_kit import Counter
from tests.desk.test_human_side import Brokerage
from tests.integrations.ledger_kit import contents

SECRETS = {
    "[DNI]": "12345678Z",
    "[NIE]": "X1234567L",
    "[IBAN]": "ES91 2100 0418 4502 0005 1332",
    "[tarjeta]": "4111 1111 1111 1111",
    HEALTH_MARK: "tengo diabetes",
}
MARKED = [pytest.param(mark, secret, id=mark) for mark, secret in SECRETS.items()]


@pytest.fixture
def brokerage(new_ledger: Any, office: Any) -> Brokerage:
    """With a CRM that is told of everything."""
    return Brokerage(type(office)(new_ledger(debounce_s=0, mirrors=True), office.skew))


def compact(value: str) -> str:
    return re.sub(r"[\s.%+\-]", "", value).casefold()


def kept(counter: Counter, secret: str) -> list[str]:
    """The keys of the store that hold it."""
    return [key for key, parts in contents(counter.ledger.client).items() if compact(secret) in compact(" ".join(parts))]


@pytest.mark.parametrize(("mark", "secret"), MARKED)
def test_an_operators_words_go_out_as_written_and_are_kept_without(brokerage: Brokerage, mark: str, secret: str) -> None:
    brokerage.greets()
    words = f"Le confirmo: {secret}."
    brokerage.people.say(ANA, {"text": words})
    [(role, row, _)] = brokerage.rows()[-1:]
    assert (role, secret in row, mark in row) == ("human", False, True)
    assert [key for key in kept(brokerage, secret) if ":delivery:" not in key] == [], "only the message itself waits as it is"
    assert any(mark in job for job in queued_bodies(brokerage, "mirror"))
    brokerage.delivers_all()
    assert brokerage.channel.texts[-1] == words
    assert kept(brokerage, secret) == []


@pytest.mark.parametrize(("mark", "secret"), MARKED)
def test_an_agents_words_go_out_as_written_and_are_kept_without(brokerage: Brokerage, mark: str, secret: str) -> None:
    brokerage.greets()
    words = f"Le confirmo: {secret}."
    assert brokerage.humans.take(brokerage.said(words)) == "said"
    [(role, row, _)] = brokerage.rows()[-1:]
    assert (role, secret in row, mark in row) == ("human", False, True)
    brokerage.delivers_all()
    assert brokerage.channel.texts[-1] == words
    assert kept(brokerage, secret) == []


def test_the_name_of_an_agents_file_is_kept_without_too(brokerage: Brokerage) -> None:
    brokerage.greets()
    file = Attachment(
        url="https://chat.acme.test/rails/blobs/x/DNI-12345678Z.pdf", kind="document", filename="DNI-12345678Z.pdf"
    )
    brokerage.humans.take(brokerage.said("su documento", attachments=(file,)))
    assert "[DNI]" in brokerage.rows()[-1][1]
    brokerage.delivers_all()
    assert brokerage.channel.sent[-1].content.link == file.url
    assert kept(brokerage, "12345678Z") == []


def test_what_nobody_can_deliver_stays_as_written_until_it_is_replayed_or_erased(brokerage: Brokerage) -> None:
    """A letter that was changed would be another one. docs/privacy.md says so."""
    brokerage.greets()
    brokerage.people.say(ANA, {"text": "mi DNI es 12345678Z"})
    brokerage.channel.script = [Rejected("whatsapp", "send", status=400, vendor_code="131009")]
    assert brokerage.deliver() == "buried_rejected"
    assert [key.split(":")[2] for key in kept(brokerage, "12345678Z")] == ["dead"]
    brokerage.ledger.forget(ANA, erase=True)
    assert kept(brokerage, "12345678Z") == []


def test_ordinary_words_stay_readable(brokerage: Brokerage) -> None:
    words = "Serían 7,33 € al mes por 150.000 €, llámeme al 600 123 123 o al +34 910 000 000. Válido hasta el 20/12/2026."
    brokerage.greets()
    brokerage.people.say(ANA, {"text": words})
    assert brokerage.rows()[-1][1] == words


def test_what_the_bot_says_is_kept_as_it_is_said() -> None:
    """It is made of what was redacted already, and figures of a proposal must not be taken for something else."""
    content = Content(text="Opción 1: 12345678Z", options=(Option(id="choose:1", title="Uno"),))
    said = Outbound(id="1.0", contact=Contact(key=ANA, channel="whatsapp"), content=content)
    assert msgspec.json.decode(jobs.outbound_row(said))["text"] == content.text


def queued_bodies(counter: Counter, lane: Any) -> list[str]:
    client: Any = counter.ledger.client
    return [body.decode() for body in client.hvals(counter.ledger.keys.lane(ANA, lane)[1])]
