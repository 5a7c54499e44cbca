"""Further numbers of one house: whole or not at all, each number once, the first one called as ever."""

from __future__ import annotations

import pytest

from src.bootstrap import make_channels, make_ledger, make_metrics
from src.errors import ConfigurationError
from src.messages import FIRST_LINE, Line, channel_of, line_of
from src.settings import Settings, load, read_group

FIRST = {
    "WHATSAPP_TOKEN": "secret-token",
    "WHATSAPP_PHONE_NUMBER_ID": "106540352242922",
    "WHATSAPP_VERIFY_TOKEN": "secret-verify",
    "WHATSAPP_APP_SECRET": "secret-app",
}
SECOND = {f"LINE_SERVICIO_{name}": value for name, value in FIRST.items()} | {"LINE_SERVICIO_WHATSAPP_PHONE_NUMBER_ID": "2065"}
TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + 32 * "0",
    "TWILIO_AUTH_TOKEN": "secret-twilio",
    "TWILIO_WHATSAPP_FROM": "whatsapp:+34910000000",
}
TWILIO_LINE = {f"LINE_T2_{name}": value for name, value in TWILIO.items()}
PUBLIC = {"PUBLIC_BASE_URL": "https://bot.example.com"}


def read(environment: dict[str, str]) -> Settings:
    return load({"DATA_DIR": "/nonexistent", **environment}, dotenv=None)


def faults(environment: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        read(environment)
    assert "secret-" not in str(refused.value)
    return list(refused.value.faults)


def test_lines_have_variables_of_their_own_beside_todays_names() -> None:
    settings = read(FIRST | SECOND | TWILIO_LINE | PUBLIC)
    assert {way: line.phone_number_id for way, line in settings.whatsapps.items()} == {
        "whatsapp": "106540352242922",
        "whatsapp@servicio": "2065",
    }
    assert list(settings.twilios) == ["twilio@t2"]
    assert settings.channels_in_words == {"WhatsApp": "on", "WhatsApp (servicio)": "on", "Twilio (t2)": "on"}
    assert "secret-" not in repr(settings) + str(settings.shown)


def test_a_line_alone_is_a_channel_and_nothing_is_tried_out() -> None:
    assert not read(SECOND).is_tried_out


@pytest.mark.parametrize("missing", FIRST)
def test_a_half_set_line_stops_the_start_by_name(missing: str) -> None:
    [fault] = faults({name: value for name, value in SECOND.items() if name != f"LINE_SERVICIO_{missing}"})
    assert f"LINE_SERVICIO_{missing}" in fault.partition("missing")[0]


def test_two_lines_with_one_number_stop_the_start_by_name() -> None:
    same = {"LINE_SERVICIO_WHATSAPP_PHONE_NUMBER_ID": FIRST["WHATSAPP_PHONE_NUMBER_ID"]}
    assert faults(FIRST | SECOND | same) == [
        "WHATSAPP_PHONE_NUMBER_ID, LINE_SERVICIO_WHATSAPP_PHONE_NUMBER_ID: two lines with one number"
    ]
    assert faults(TWILIO | TWILIO_LINE | PUBLIC) == [
        "TWILIO_WHATSAPP_FROM, LINE_T2_TWILIO_WHATSAPP_FROM: two lines with one number"
    ]
    third = {name.replace("SERVICIO", "OTRA"): value for name, value in SECOND.items()}
    [fault] = faults(SECOND | third)
    assert "LINE_OTRA_WHATSAPP_PHONE_NUMBER_ID" in fault


def test_what_is_stored_takes_no_number_of_a_line() -> None:
    with pytest.raises(ConfigurationError, match="two lines with one number"):
        read_group(read(SECOND), "whatsapp", FIRST | {"WHATSAPP_PHONE_NUMBER_ID": "2065"})


@pytest.mark.parametrize(
    "name",
    [
        "LINE_MAIN_WHATSAPP_TOKEN",
        "LINE_ABCDEFGHIJKLMNOPQ_WHATSAPP_TOKEN",
        "LINE_ventas_WHATSAPP_TOKEN",
        "LINE__WHATSAPP_TOKEN",
        "LINE_VENTAS_OPENAI_API_KEY",
        "LINE_VENTAS",
    ],
)
def test_a_name_that_is_no_line_stops_the_start(name: str) -> None:
    [fault] = faults({name: "x"})
    assert fault.startswith(name)


@pytest.mark.parametrize("name", ["LINE_SERVICIO_WHATSAPP_TOKENS", "LINE_SERVICIO_TWILIO_API_BASE", "LINE_X_CHATWOOT_INBOX_ID"])
def test_a_variable_that_no_line_has_stops_the_start(name: str) -> None:
    assert any(name in fault for fault in faults(SECOND | {name: "7"}))


def test_secrets_of_a_line_are_checked_like_the_first_ones() -> None:
    [fault] = faults(SECOND | {"LINE_SERVICIO_WHATSAPP_VERIFY_TOKEN": "short"})
    assert fault.startswith("LINE_SERVICIO_WHATSAPP_VERIFY_TOKEN: at least 8 characters")


def test_every_line_speaks_on_its_own_number_at_its_own_pace() -> None:
    settings = read(FIRST | SECOND | {"LINE_SERVICIO_WHATSAPP_MESSAGES_PER_SECOND": "5"})
    channels = make_channels(settings, make_metrics(settings))
    assert (channels["whatsapp"].number, channels["whatsapp@servicio"].number) == ("106540352242922", "2065")
    assert make_ledger(settings)._rates == {"106540352242922": 80.0, "2065": 5.0}


def test_inboxes_of_chatwoot_belong_to_lines() -> None:
    assert read(SECOND | {"LINE_SERVICIO_CHATWOOT_INBOX_ID": "7"}).line_inboxes == {"whatsapp@servicio": 7}


def test_a_way_says_its_line() -> None:
    assert Line(id=FIRST_LINE, channel="whatsapp", number="1").way == "whatsapp"
    assert Line(id="ventas", channel="twilio", number="1").way == "twilio@ventas"
    assert [line_of(key) for key in ("whatsapp:34600", "twilio@ventas:34600")] == ["main", "ventas"]
    assert [channel_of(way) for way in ("whatsapp", "twilio@ventas")] == ["whatsapp", "twilio"]
