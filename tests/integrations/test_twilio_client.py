"""Twilio's API over HTTP: what goes out, and what each refusal is taken for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from src.errors import AccessDenied, Rejected, TemporaryFailure, Unreachable
from src.integrations.twilio.client import TwilioClient
from src.messages import Contact, Content, Media, Option, Outbound, Template
from tests.kit.product import eventually
from tests.kit.rig import Rig

STATUSES = "http://127.0.0.1:9/webhook/twilio/status"
MARTA = Contact(key="whatsapp:34600111222", channel="twilio", phone="+34600111222")


@pytest.fixture(scope="module")
def started() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


@pytest.fixture
def rig(started: Rig) -> Rig:
    started.reset()
    return started


def client(rig: Rig, **changes: str) -> TwilioClient:
    env = rig.env("twilio")
    given: dict[str, Any] = {
        "account_sid": env["TWILIO_ACCOUNT_SID"],
        "auth_token": env["TWILIO_AUTH_TOKEN"],
        "sender": env["TWILIO_WHATSAPP_FROM"],
        "base_url": env["TWILIO_API_BASE"],
        "status_url": STATUSES,
    }
    return TwilioClient(**{**given, **changes})


def send(rig: Rig, content: Content, contact: Contact = MARTA, **changes: str) -> str:
    outbound = Outbound(id="7.1.0", contact=contact, content=content)
    return client(rig, **changes).send(outbound, opaque="whatsapp:34600111222 7.1.0")


def test_a_text_goes_out_and_its_statuses_know_which_it_was(rig: Rig) -> None:
    sid = send(rig, Content(text="Hola, Marta"))
    (sent,) = rig.twilio.sent()
    assert sid.startswith("SM")
    assert sent["text"] == "Hola, Marta"
    # Statuses come to the address that was given: it says which message, and not whose.
    eventually(rig.twilio.deliveries)
    assert {attempt["url"] for attempt in rig.twilio.deliveries()} == {f"{STATUSES}?outbox=7.1.0"}


def test_choices_are_written_below_the_text(rig: Rig) -> None:
    choice = Content(kind="buttons", text="¿Seguimos?", options=(Option("consent:yes", "Sí"), Option("consent:no", "No")))
    (part,) = client(rig).parts(choice)
    send(rig, part)
    assert rig.twilio.sent()[0]["text"] == "¿Seguimos?\n\n▸ Sí\n▸ No"


def test_a_long_text_goes_in_parts_that_twilio_takes(rig: Rig) -> None:
    for part in client(rig).parts(Content(text="palabra " * 500)):
        send(rig, part)
    texts = [sent["text"] for sent in rig.twilio.sent()]
    assert len(texts) > 1
    assert " ".join(texts) == ("palabra " * 500).strip()


def test_a_template_is_found_by_its_name(rig: Rig) -> None:
    body = {"type": "body", "parameters": [{"type": "text", "text": "Marta"}, {"type": "text", "text": "tu seguro"}]}
    send(rig, Content(kind="template", template=Template("rig_seguimiento", "es", (body,))))
    assert rig.twilio.sent()[0]["text"] == "Hola Marta, retomamos tu consulta sobre tu seguro."


def test_a_template_that_nobody_knows_is_refused(rig: Rig) -> None:
    with pytest.raises(Rejected):
        send(rig, Content(kind="template", template=Template("nobody_knows", "es")))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"auth_token": "wrong"}, AccessDenied), ({"sender": "whatsapp:+34999999999"}, AccessDenied)],
)
def test_wrong_credentials_stop_the_line(rig: Rig, changes: dict[str, str], expected: type[Exception]) -> None:
    with pytest.raises(expected) as refusal:
        send(rig, Content(text="hola"), **changes)
    assert "34600111222" not in str(refusal.value)


def test_somebody_who_cannot_be_reached(rig: Rig) -> None:
    with pytest.raises(Unreachable):
        send(rig, Content(text="hola"), contact=Contact(key="whatsapp:1", channel="twilio", phone="+1"))


@pytest.mark.parametrize(("status", "maybe_done"), [(429, False), (500, True), (503, True)])
def test_what_passes_is_tried_again(rig: Rig, status: int, maybe_done: bool) -> None:
    rig.twilio.faults({"kind": "error", "status": status, "times": 1})
    with pytest.raises(TemporaryFailure) as failure:
        send(rig, Content(text="hola"))
    assert failure.value.maybe_done is maybe_done
    send(rig, Content(text="hola"))


@pytest.mark.parametrize("content", [Content(kind="reaction", emoji="👍", reply_to="SM1"), Content(kind="image", media_id="1")])
def test_what_twilio_cannot_send_is_refused_here(rig: Rig, content: Content) -> None:
    with pytest.raises(Rejected):
        send(rig, content)
    assert rig.twilio.sent() == []


def test_files_come_from_twilio_only(rig: Rig) -> None:
    with pytest.raises(Rejected):
        client(rig).download(Media(url="http://169.254.169.254/latest/meta-data"), max_bytes=1000)


def test_check_asks_for_the_account(rig: Rig) -> None:
    assert client(rig).check()["status"] == "active"
    with pytest.raises(AccessDenied):
        client(rig, auth_token="wrong").check()
