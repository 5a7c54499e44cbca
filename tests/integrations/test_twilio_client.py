"""Twilio's API over HTTP: what goes out, and what each refusal is taken for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
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


CONSENT = Content(kind="buttons", text="¿Seguimos?", options=(Option("consent:yes", "Sí"), Option("consent:no", "No")))
ROWS = Content(
    kind="list",
    text="¿Qué te ofrezco?",
    action="Ver opciones",
    options=tuple(Option(f"choose:{n}", f"Opción {n}", f"Para {n} personas") for n in range(1, 6)),
)


def in_the_window(rig: Rig) -> None:
    """Choices may be pressed without approval only where the person has written."""
    rig.twilio.inbound("+34600111222", "hola")


@pytest.mark.parametrize("content", [CONSENT, ROWS, msgspec.structs.replace(ROWS, options=ROWS.options[:1])], ids=str)
def test_choices_can_be_pressed(rig: Rig, content: Content) -> None:
    in_the_window(rig)
    (part,) = client(rig).parts(content)
    send(rig, part)
    (sent,) = rig.twilio.sent()
    assert sent["text"] == content.text
    assert [(option["id"], option["title"]) for option in sent["options"]] == [(o.id, o.title) for o in content.options]
    eventually(lambda: rig.twilio.sent()[0]["statuses"][-1:] == ["read"])


def test_a_shape_is_made_once_and_found_again_by_who_starts_later(rig: Rig) -> None:
    in_the_window(rig)
    first = client(rig)
    for text in ("¿Seguimos?", "¿Y ahora?\n\nDime."):
        first.send(Outbound(id="7.1.0", contact=MARTA, content=msgspec.structs.replace(CONSENT, text=text)), opaque="x 7.1.0")
    send(rig, CONSENT)
    assert [sent["text"] for sent in rig.twilio.sent()] == ["¿Seguimos?", "¿Y ahora?\n\nDime.", "¿Seguimos?"]
    assert len({sent["content_sid"] for sent in rig.twilio.sent()}) == 1
    assert rig.twilio.rejected() == []


@pytest.mark.parametrize(("numbered", "written"), [(True, "1. Sí\n2. No"), (False, "▸ Sí\n▸ No")])
@pytest.mark.parametrize("where", ["GET /v1/Content", "POST /v1/Content"])
def test_where_nothing_can_be_pressed_choices_are_written_below_the_text(
    rig: Rig, where: str, numbered: bool, written: str
) -> None:
    rig.twilio.faults({"kind": "error", "status": 403, "code": 20403, "times": 9, "match": where})
    send(rig, msgspec.structs.replace(CONSENT, numbered=numbered))
    assert rig.twilio.sent()[0]["text"] == f"¿Seguimos?\n\n{written}"


@pytest.mark.parametrize("code", [21655, 21656])
def test_choices_that_are_refused_as_such_go_out_in_words_at_once(rig: Rig, code: int) -> None:
    rig.twilio.faults({"kind": "error", "status": 400, "code": code, "times": 1, "match": "/Messages.json"})
    send(rig, CONSENT)
    (sent,) = rig.twilio.sent()
    assert sent["text"] == "¿Seguimos?\n\n▸ Sí\n▸ No"


def test_what_no_button_can_show_is_written(rig: Rig) -> None:
    many = msgspec.structs.replace(ROWS, options=tuple(Option(f"choose:{n}", f"Opción {n}") for n in range(12)))
    alike = msgspec.structs.replace(CONSENT, options=(Option("a", "Sí"), Option("b", "Sí")))
    for content in (many, alike):
        (part,) = client(rig).parts(content)
        assert part.kind == "text"
        assert all(option.title in part.text for option in content.options)


def test_a_long_text_with_choices_ends_in_what_can_be_pressed(rig: Rig) -> None:
    in_the_window(rig)
    text = "Una frase que dice algo. " * 120
    parts = client(rig).parts(msgspec.structs.replace(CONSENT, text=text))
    assert [part.kind for part in parts] == ["text"] * (len(parts) - 1) + ["buttons"]
    assert " ".join(part.text for part in parts) == text.strip()
    for part in parts:
        send(rig, part)
    assert len(rig.twilio.sent()[-1]["options"]) == 2


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


def test_check_asks_for_the_account_and_shows_no_number_whole(rig: Rig) -> None:
    in_the_window(rig)
    send(rig, Content(text="hola"))
    eventually(lambda: rig.twilio.sent()[0]["statuses"][-1:] == ["read"])
    found = client(rig).check()
    assert (found["status"], found["balance"], found["numbers"]) == ("active", "12.34 USD", "…8886")
    assert found["last messages"] == "read"
    assert not any(number in str(found) for number in ("34600111222", "14155238886"))
    with pytest.raises(AccessDenied):
        client(rig, auth_token="wrong").check()


@pytest.mark.parametrize("path", ["/Balance.json", "/IncomingPhoneNumbers.json", "/Messages.json"])
def test_an_account_that_may_not_say_everything_is_well(rig: Rig, path: str) -> None:
    rig.twilio.faults({"kind": "error", "status": 403, "code": 20403, "times": 1, "match": path})
    found = client(rig).check()
    assert found["status"] == "active"
    assert len(found) == 6
