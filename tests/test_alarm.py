"""Who is told when a human is wanted: the log always, by e-mail and WhatsApp where set; nobody's name or number is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from src.bootstrap import make_alarm, make_house, make_services
from src.desk.ports import Alert
from src.errors import ConfigurationError
from src.house.settings import resolved
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.simulator_channel import SimulatorChannel
from src.settings import load
from tests.desk.fakes import FakeChannel
from tests.integrations.smtp_kit import Server, smtp_server
from tests.kit.product import eventually
from tests.webhooks.log_kit import logging_to, written_to

PROSPECT = "whatsapp:34600000001"
ON_DUTY = "34699999999"
ALERT = Alert("conversation.handed_over", PROSPECT, "health", False)


@pytest.fixture
def store_url(valkey_url: str) -> str:
    return valkey_url


@pytest.fixture
def ledger(new_ledger: Callable[..., RedisLedger]) -> RedisLedger:
    return new_ledger()


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    with logging_to(tmp_path / "webhook.log") as path:
        yield path


@pytest.fixture
def smtp() -> Iterator[Server]:
    with smtp_server() as server:
        yield server


def raise_alarm(ledger: RedisLedger, alert: Alert = ALERT, *, channel: Any = None, **environment: str) -> None:
    settings = load(environment, dotenv=None)
    make_alarm(settings, ledger, {"whatsapp": channel or SimulatorChannel()}, make_house(settings, ledger))(alert)


def test_the_log_has_it_always(ledger: RedisLedger, log_file: Path) -> None:
    raise_alarm(ledger)
    [line] = written_to(log_file).splitlines()
    assert "event=conversation.handed_over" in line
    assert "level=warning" in line
    assert "reason=health" in line
    assert "34600000001" not in line


@pytest.mark.parametrize("name", ["conversation.handed_over", "conversation.unanswered"])
def test_the_mail_says_where_to_look_and_not_who_it_is(ledger: RedisLedger, log_file: Path, smtp: Server, name: Any) -> None:
    alert = Alert(name, PROSPECT, "self_harm", urgent=True)
    address = "https://bot.example.com"
    raise_alarm(ledger, alert, SMTP_URL=smtp.url(), ALERT_EMAIL="guardia@example.com", PUBLIC_BASE_URL=address)
    eventually(lambda: smtp.mails)
    [mail] = smtp.mails
    text = mail.get_payload(decode=True).decode()  # type: ignore[union-attr]
    subject = str(mail["Subject"])
    assert subject.startswith("URGENTE: ")
    assert "self_harm" in subject
    assert f"{address}/dashboard/conversations?owner=human" in text
    assert ledger.pseudonym(PROSPECT) in text
    assert "34600000001" not in str(mail)
    assert "whatsapp:" not in str(mail)


def test_nobody_is_woken_for_whom_operators_play(ledger: RedisLedger, log_file: Path, smtp: Server) -> None:
    played = Alert("conversation.handed_over", "simulator:34600000001", "self_harm", urgent=True)
    channel = FakeChannel()
    raise_alarm(ledger, played, channel=channel, SMTP_URL=smtp.url(), ALERT_EMAIL="g@example.com", ALERT_WHATSAPP=ON_DUTY)
    raise_alarm(ledger, SMTP_URL=smtp.url(), ALERT_EMAIL="g@example.com")
    eventually(lambda: smtp.mails)
    assert len(smtp.mails) == 1
    assert "URGENTE" not in str(smtp.mails[0]["Subject"])
    assert ledger.claim("delivery", f"whatsapp:{ON_DUTY}") is None
    assert written_to(log_file).count("conversation.handed_over") == 2


def test_a_mail_server_that_is_away_delays_nobody_and_is_logged(ledger: RedisLedger, log_file: Path, smtp: Server) -> None:
    smtp.answers = {"RCPT": "550 guardia@example.com unknown"}
    raise_alarm(ledger, SMTP_URL=smtp.url(), ALERT_EMAIL="guardia@example.com")
    eventually(lambda: "alarm.not_sent" in written_to(log_file))
    assert "guardia" not in written_to(log_file)


def test_a_message_goes_to_the_number_on_duty(ledger: RedisLedger, log_file: Path) -> None:
    raise_alarm(ledger, ALERT_WHATSAPP=f"+{ON_DUTY}")
    contact = f"whatsapp:{ON_DUTY}"
    claim = eventually(lambda: ledger.claim("delivery", contact))
    body = claim.jobs[0].body.decode()
    assert "Una persona espera respuesta" in body
    assert "34600000001" not in body


def test_a_number_on_duty_whose_window_is_closed_is_logged(ledger: RedisLedger, log_file: Path) -> None:
    raise_alarm(ledger, ALERT_WHATSAPP=ON_DUTY, channel=FakeChannel())
    eventually(lambda: "alarm.not_sent" in written_to(log_file))
    assert ON_DUTY not in written_to(log_file)


# --- configuration ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_URL", "http://mail.example.com"),
        ("SMTP_URL", "mail.example.com"),
        ("ALERT_EMAIL", "guardia"),
        ("ALERT_EMAIL", "a@b\nBcc: c@d"),
        ("ALERT_WHATSAPP", "six"),
        ("ALERT_WHATSAPP", "+34"),
        ("HANDOFF_TIMEOUT_S", "-1"),
        ("HANDOFF_TIMEOUT_S", "soon"),
    ],
)
def test_a_setting_that_cannot_work_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load({name: value}, dotenv=None)
    [fault] = refused.value.faults
    assert fault.startswith(f"{name}: ")
    if name != "HANDOFF_TIMEOUT_S":
        assert value not in fault


def test_nobody_is_named_when_settings_are_shown() -> None:
    given = {"SMTP_URL": "smtp://u:geheim@mail", "ALERT_EMAIL": "guardia@example.com", "ALERT_WHATSAPP": ON_DUTY}
    settings = load(given, dotenv=None)
    shown = settings.shown(resolved(settings.given, {}))
    assert [shown["smtp_url"], shown["alert_email"], shown["alert_whatsapp"]] == ["set"] * 3
    assert shown["handoff_timeout_s"] == 300


@pytest.mark.parametrize("half", [{"SMTP_URL": "smtp://localhost"}, {"ALERT_EMAIL": "guardia@example.com"}])
def test_half_an_alarm_by_mail_is_told_by_the_checks(ledger: RedisLedger, half: dict[str, str]) -> None:
    checks = {check.name: check for check in make_services(load(half, dotenv=None), ledger).checks()}
    assert not checks["alarm mail"].ok
    assert "SMTP_URL and ALERT_EMAIL" in checks["alarm mail"].found


def test_a_whole_one_is_tried(ledger: RedisLedger, smtp: Server) -> None:
    settings = load({"SMTP_URL": smtp.url(), "ALERT_EMAIL": "guardia@example.com"}, dotenv=None)
    checks = {check.name: check for check in make_services(settings, ledger).checks()}
    assert checks["alarm mail"].ok
    assert smtp.mails == []


# --- what is about nobody -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["crm.poll_behind", "crm.poll_passed_over", "clock.disagrees"])
def test_a_fault_of_the_installation_is_told_without_a_conversation(
    ledger: RedisLedger, log_file: Path, smtp: Server, name: Any
) -> None:
    raise_alarm(ledger, Alert(name, "", "behind", urgent=False), SMTP_URL=smtp.url(), ALERT_EMAIL="guardia@example.com")
    eventually(lambda: smtp.mails)
    [mail] = smtp.mails
    text = mail.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert "webhook.log" in text
    assert "Conversación:" not in text
    assert ledger.pseudonym("") not in text
    assert f"event={name}" in written_to(log_file)
