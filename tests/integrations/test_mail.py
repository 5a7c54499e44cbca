"""E-mail to the people on duty, against a small SMTP server on loopback."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from src.errors import AccessDenied, PermanentFailure, Rejected, TemporaryFailure
from src.integrations.mail import Mail
from tests.integrations.smtp_kit import Server, smtp_server

PASSWORD = "geheim-1"


@pytest.fixture
def server() -> Iterator[Server]:
    with smtp_server() as made:
        yield made


def test_a_message_reaches_the_people_on_duty(server: Server) -> None:
    Mail(server.url(), "guardia@example.com").send("Una persona espera", "Motivo: asked\nañadido")
    [mail] = server.mails
    assert (mail["To"], mail["From"], mail["Subject"]) == ("guardia@example.com", "guardia@example.com", "Una persona espera")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "añadido" in mail.get_payload(decode=True).decode()  # type: ignore[union-attr]


def test_it_logs_in_with_what_the_address_holds(server: Server) -> None:
    Mail(server.url(f"bot%40example.com:{PASSWORD}@"), "guardia@example.com").send("s", "t")
    [login] = [line for line in server.heard if line.startswith("AUTH PLAIN")]
    assert base64.b64decode(login.split()[2]).decode() == f"\0bot@example.com\0{PASSWORD}"
    assert server.mails[0]["From"] == "bot@example.com"


def test_a_check_logs_in_and_sends_nothing(server: Server) -> None:
    assert Mail(server.url(f"u:{PASSWORD}@"), "guardia@example.com").check() == {"server": "answers"}
    assert server.mails == []


@pytest.mark.parametrize(
    ("answers", "error", "status"),
    [
        ({"AUTH": "535 5.7.8 bot@example.com no"}, AccessDenied, 535),
        ({"RCPT": "550 5.1.1 guardia@example.com unknown"}, Rejected, 550),
        ({"RCPT": "451 4.7.1 later guardia@example.com"}, TemporaryFailure, 451),
        ({"DATA": "554 5.6.0 no"}, Rejected, 554),
        ({"MAIL": "452 4.3.1 full"}, TemporaryFailure, 452),
    ],
    ids=str,
)
def test_a_refusal_is_an_error_that_tells_nothing_personal(
    server: Server, answers: dict[str, str], error: type[Exception], status: int
) -> None:
    server.answers = answers
    with pytest.raises(error) as refused:
        Mail(server.url(f"bot%40example.com:{PASSWORD}@"), "guardia@example.com").send("s", "t")
    assert refused.value.status == status  # type: ignore[attr-defined]
    for secret in (PASSWORD, "guardia", "bot@"):
        assert secret not in str(refused.value)


def test_nobody_there_is_worth_another_try() -> None:
    with Server() as gone:
        url = gone.url()
    with pytest.raises(TemporaryFailure):
        Mail(url, "guardia@example.com", timeout_s=1).check()


def test_a_name_that_leads_nowhere_is_not() -> None:
    with pytest.raises(PermanentFailure):
        Mail("smtp://nowhere.invalid", "guardia@example.com").check()


def test_a_password_does_not_leave_this_machine_in_clear(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the server were on another machine: it offers no STARTTLS."""
    monkeypatch.setattr("src.integrations.mail._LOCAL", ())
    with pytest.raises(AccessDenied) as refused:
        Mail(server.url(f"u:{PASSWORD}@"), "guardia@example.com").send("s", "t")
    assert "encryption" in str(refused.value)
    assert not any(line.startswith("AUTH") for line in server.heard)


def test_encryption_that_is_offered_is_used(server: Server) -> None:
    """This server offers it and cannot do it: nothing is sent in clear."""
    server.answers = {"EHLO": "250-here\r\n250 STARTTLS", "STARTTLS": "454 4.7.0 not now"}
    with pytest.raises((TemporaryFailure, PermanentFailure)):
        Mail(server.url(), "guardia@example.com").send("s", "t")
    assert server.mails == []
    assert "STARTTLS" in server.heard
