"""What variables may be called: second names, secrets in files, the host on a platform, names that do nothing here."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.environment import SECOND_NAMES, WHERE_TO_FIND, WITHOUT_EFFECT, named
from src.errors import ConfigurationError
from src.processes import banner
from src.settings import Settings, child_environment, load

TWILIO = {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "secret-twilio"}
SENDER = "whatsapp:+14155238886"


def read(**environment: str) -> Settings:
    return load(environment, dotenv=None)


def faults(**environment: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        read(**environment)
    return list(refused.value.faults)


# --- second names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "theirs"), [(name, other) for name, others in SECOND_NAMES.items() for other in others])
def test_a_second_name_says_the_same_and_both_may_agree(ours: str, theirs: str) -> None:
    assert named({theirs: " 8080 "}).values[ours] == "8080"
    assert named({theirs: "8080", ours: ""}).values[ours] == "8080"
    assert named({theirs: "8080", ours: "8080"}).faults == ()
    [fault] = named({theirs: "8080", ours: "secret"}).faults
    assert fault == f"{ours}: {theirs} says something else; remove one of them"


def test_an_installation_of_twilio_and_gemini_starts_with_its_own_names() -> None:
    settings = read(**TWILIO, TWILIO_WHATSAPP_FROM=SENDER, SITE_URL="https://bot.example.com/", GEMINI_API_KEY="secret-gemini")
    assert settings.twilio
    assert settings.public_base_url == "https://bot.example.com"
    assert settings.llm
    assert settings.llm.api_key == "secret-gemini"


@pytest.mark.parametrize("name", ["TWILIO_WHATSAPP_FROM", "TWILIO_WHATSAPP_NUMBER"])
@pytest.mark.parametrize(
    "written", [SENDER, "+14155238886", "14155238886", " +1 415 523 8886 ", "whatsapp:14155238886", "+1 (415) 523-8886"]
)
def test_a_sender_is_understood_as_it_is_written(name: str, written: str) -> None:
    twilio = read(**TWILIO, **{name: written}, SITE_URL="https://bot.example.com").twilio
    assert twilio
    assert twilio.sender == SENDER


@pytest.mark.parametrize("written", ["whatsapp:", "abc", "whatsapp:+0", "MG0123456789abcdef0123456789abcdef", "+34 600"])
def test_what_is_no_sender_stops_the_start(written: str) -> None:
    [fault] = faults(**TWILIO, TWILIO_WHATSAPP_FROM=written, SITE_URL="https://bot.example.com")
    assert fault == "TWILIO_WHATSAPP_FROM: not an address such as whatsapp:+34600000000"


def test_what_is_missing_is_named_with_the_place_where_it_is() -> None:
    """Installations of Meta that never checked signatures have no app secret."""
    [fault] = faults(WHATSAPP_TOKEN="secret", WHATSAPP_PHONE_NUMBER_ID="1", WHATSAPP_VERIFY_TOKEN="secret-verify")
    assert fault.startswith("WhatsApp: WHATSAPP_APP_SECRET missing (set: ")
    assert "App settings > Basic" in fault
    assert "secret-verify" not in fault


def test_every_member_of_a_group_can_be_found() -> None:
    for prefix, members in (("WHATSAPP", 4), ("TWILIO", 3), ("CHATWOOT", 3)):
        assert len([name for name in WHERE_TO_FIND if name.startswith(prefix)]) == members


# --- secrets in files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "WHATSAPP_TOKEN", "WHATSAPP_VERIFY_TOKEN", "WHATSAPP_APP_SECRET", "TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID",
        "CHATWOOT_USER_TOKEN", "CHATWOOT_BOT_TOKEN", "CHATWOOT_WEBHOOK_SECRET", "OPENAI_API_KEY",
        "OPENAI_TRANSCRIPTION_API_KEY", "OPENAI_MODERATION_API_KEY", "GEMINI_API_KEY", "ADMIN_TOKEN", "SECRET_KEY",
        "REDIS_URL", "SMTP_URL", "LINE_MADRID_WHATSAPP_TOKEN", "LINE_2_TWILIO_AUTH_TOKEN",
    ],
)  # fmt: skip
def test_every_secret_may_stand_in_a_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-the-file\n")
    found = named({f"{name}_FILE": str(tmp_path / "secret")})
    assert (found.values[name], found.faults) == ("from-the-file", ())
    [fault] = named({f"{name}_FILE": str(tmp_path / "secret"), name: "x"}).faults
    assert fault == f"{name}_FILE: {name} is set, too; remove one of them"
    [fault] = named({f"{name}_FILE": str(tmp_path / "nowhere")}).faults
    assert fault == f"{name}_FILE: '{tmp_path / 'nowhere'}' cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "holds no text"), (b"a\nb", "holds more than one line")],
)
def test_a_file_that_holds_no_secret_stops_the_start_by_name(content: bytes, why: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    assert f"ADMIN_TOKEN_FILE: '{file}' {why}" in faults(ADMIN_TOKEN_FILE=str(file))
    file.write_bytes(b"x" * 70_000)
    assert faults(ADMIN_TOKEN_FILE=str(file)) == [f"ADMIN_TOKEN_FILE: '{file}' is too large for a secret"]
    assert f"ADMIN_TOKEN_FILE: '{tmp_path}' cannot be read: Is a directory" in faults(ADMIN_TOKEN_FILE=str(tmp_path))


def test_a_group_is_on_with_secrets_from_files_and_faults_do_not_show_them(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-of-the-file")
    settings = read(**TWILIO | {"TWILIO_AUTH_TOKEN": ""}, TWILIO_AUTH_TOKEN_FILE=str(tmp_path / "token"),
                    TWILIO_WHATSAPP_FROM=SENDER, PUBLIC_BASE_URL="https://bot.example.com")  # fmt: skip
    assert settings.twilio
    assert settings.twilio.auth_token == "secret-of-the-file"
    assert "secret-of-the-file" not in "".join(faults(SMTP_URL_FILE=str(tmp_path / "token")))


def test_a_log_file_is_no_secret() -> None:
    assert read(LOG_FILE="elsewhere.log").log_file == "elsewhere.log"


# --- where it listens ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", [{"PORT": "8080"}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, {"K_SERVICE": "bot"}])
def test_on_a_platform_it_listens_to_the_outside(platform: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert read().webhook_host == "127.0.0.1"
    assert read(**platform).webhook_host == "0.0.0.0"
    assert read(**platform, WEBHOOK_HOST="10.1.1.1").webhook_host == "10.1.1.1"
    assert read(PORT="8080").webhook_port == 8080


def test_a_process_started_by_ours_is_told_one_port_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8080")
    monkeypatch.setenv("ADMIN_TOKEN_FILE", "/run/secrets/token")
    started = load(child_environment({"WEBHOOK_PORT": "6000", "ADMIN_TOKEN": "x" * 24}), dotenv=None)
    assert (started.webhook_port, started.admin_token) == (6000, "x" * 24)


# --- names that do nothing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_a_known_name_that_does_nothing_is_said_at_start_with_what_to_do(name: str, tmp_path: Path) -> None:
    settings = read(**{name: "False", "DATA_DIR": str(tmp_path)})
    [remark] = settings.remarks
    assert remark == f"{name} does nothing here: {WITHOUT_EFFECT[name]}"
    assert f"  note          {remark}\n" in banner(settings, to_a_person=True)


def test_nothing_is_said_of_names_that_nobody_uses() -> None:
    assert read(HOME="/root", PATH="/bin", VALIDATE_TWILIO_SIGNATURE="").remarks == ()
