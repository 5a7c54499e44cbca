"""Configuration: every fault at once and by name, a vendor's group on or off, `.env` under the environment, secrets unseen."""

from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.pretty import pretty_repr

from src.data_dir import admin_token, verify_token
from src.errors import ConfigurationError
from src.house.settings import resolved
from src.settings import Settings, child_environment, load
from tests.kit.rig import PROJECT

WHATSAPP = {
    "WHATSAPP_TOKEN": "EAAsecret-token",
    "WHATSAPP_PHONE_NUMBER_ID": "106540352242922",
    "WHATSAPP_VERIFY_TOKEN": "secret-verify",
    "WHATSAPP_APP_SECRET": "secret-app",
}


def read(**environment: str) -> Settings:
    return load(environment, dotenv=None)


def faults(**environment: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        read(**environment)
    return list(refused.value.faults)


def test_with_nothing_set_everything_has_a_default() -> None:
    settings = read()
    assert settings.whatsapp is None
    assert settings.redis_url == ""
    assert (settings.webhook_port, settings.lease_s, settings.debounce_s, settings.debounce_max_s) == (5000, 8.0, 1.0, 4.0)
    house = resolved(settings.given, {})
    assert (house.limit_contact_per_minute, house.limit_contact_per_day, house.retention_days) == (10, 30, 10)
    assert (house.timezone, house.agent_address) == ("Europe/Madrid", "tu")
    assert (settings.given, settings.sources) == ({}, {})


def test_every_fault_is_told_at_once_by_its_name() -> None:
    wrong = {
        "WHATSAPP_TOKEN": "EAAsecret",
        "REDIS_URL": "http://localhost",
        "LEDGER_SHARDS": "many",
        "WEBHOOK_PORT": "70000",
        "DEBUG": "perhaps",
        "LEASE_S": "nan",
        "DEBOUNCE_S": "-1",
        "AGENT_ADDRESS": "vos",
        "TIMEZONE": "Europe/Atlantis",
        "RETENTION_DAYS": "1.5",
        "LOG_FORMAT": "xml",
        "WORKER_PROCESSES": "1e9",
        "PUBLIC_BASE_URL": "example.com",
    }
    found = faults(**wrong)
    assert len(found) == len(wrong)
    missing = {"WHATSAPP_TOKEN": "WHATSAPP_PHONE_NUMBER_ID"}  # a half set group names what is missing
    assert [name for name in wrong if not any(missing.get(name, name) in fault for fault in found)] == []
    assert "secret" not in str(found)


def test_the_message_of_the_error_names_them_all() -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(LEASE_S="x", DEBUG="y")
    assert "LEASE_S" in str(refused.value)
    assert "DEBUG" in str(refused.value)


@pytest.mark.parametrize("missing", WHATSAPP)
@pytest.mark.parametrize("empty", [None, "", "  "])
def test_a_half_set_group_names_what_is_missing(missing: str, empty: str | None) -> None:
    given = {name: value for name, value in WHATSAPP.items() if name != missing}
    if empty is not None:
        given[missing] = empty
    [fault] = faults(**given)
    assert missing in fault.partition("missing")[0]
    assert "secret" not in fault


def test_a_group_is_off_when_all_of_it_is_empty() -> None:
    assert read(**dict.fromkeys(WHATSAPP, "")).whatsapp is None


def test_a_group_is_on_when_all_of_it_is_set() -> None:
    whatsapp = read(**WHATSAPP).whatsapp
    assert whatsapp is not None
    assert whatsapp.app_secrets == ("secret-app",)
    assert whatsapp.api_base_url == "https://graph.facebook.com"


def test_several_app_secrets_while_they_rotate() -> None:
    whatsapp = read(**WHATSAPP | {"WHATSAPP_APP_SECRET": " new , old "}).whatsapp
    assert whatsapp is not None
    assert whatsapp.app_secrets == ("new", "old")


TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + 32 * "0",
    "TWILIO_AUTH_TOKEN": "secret-twilio",
    "TWILIO_WHATSAPP_FROM": "whatsapp:+34910000000",
}


@pytest.mark.parametrize("base", [{}, {"PUBLIC_BASE_URL": " "}], ids=str)
def test_twilio_does_not_start_without_the_address_that_it_signs(base: dict[str, str]) -> None:
    """Whatever stood there instead would come from the caller."""
    [fault] = faults(**TWILIO, **base)
    assert fault.startswith("PUBLIC_BASE_URL: missing; Twilio signs")
    assert read(**TWILIO, PUBLIC_BASE_URL="https://bot.example.com/").public_base_url == "https://bot.example.com"


@pytest.mark.parametrize("listed", ["new,", ",old", "new,,old", ",", "new, ,old"])
def test_an_empty_secret_in_the_list_stops_the_start(listed: str) -> None:
    """Everybody could sign with it."""
    [fault] = faults(**WHATSAPP | {"WHATSAPP_APP_SECRET": listed})
    assert fault.startswith("WHATSAPP_APP_SECRET")


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379/0",
        "rediss://user:password@host:6379",
        "unix:///run/valkey.sock",
        "redis+cluster://host:7000",
        "redis+sentinel://host:26379/mymaster",
    ],
)
def test_every_kind_of_store_has_an_address(url: str) -> None:
    assert read(REDIS_URL=url).redis_url == url


@pytest.mark.parametrize(
    "url",
    ["localhost:6379", "http://user:password@localhost", "redis", "redis:/x", "redis://[::1", "postgres://password@host/x"],
)
def test_an_address_of_another_kind_stops_the_start_without_being_shown(url: str) -> None:
    [fault] = faults(REDIS_URL=url)
    assert fault.startswith("REDIS_URL")
    assert "password" not in fault


@pytest.mark.parametrize("name", ["PUBLIC_BASE_URL", "PRIVACY_URL"])
@pytest.mark.parametrize("address", ["example.com", "ftp://example.com", "https://", "javascript:alert(1)", "//example.com"])
def test_an_address_that_people_are_sent_to_is_one(name: str, address: str) -> None:
    [fault] = faults(**{name: address})
    assert fault.startswith(name)


def test_addresses_lose_their_last_stroke() -> None:
    assert read(PUBLIC_BASE_URL="https://example.com/").public_base_url == "https://example.com"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBHOOK_PORT", "0"),
        ("WEBHOOK_PORT", "5000.5"),
        ("LEASE_S", "inf"),
        ("LEASE_S", "0"),
        ("RETENTION_DAYS", "0"),
        ("WORKER_PROCESSES", "-1"),
        ("LEDGER_SHARDS", "0"),
        ("TIMEZONE", "../../etc/passwd"),
        ("TIMEZONE", "Europe"),
    ],
)
def test_a_value_that_cannot_work_stops_the_start(name: str, value: str) -> None:
    [fault] = faults(**{name: value})
    assert fault.startswith(name)


@pytest.mark.parametrize(
    ("written", "meant"), [("1", True), ("TRUE", True), (" on ", True), ("0", False), ("no", False), ("", False)]
)
def test_a_flag_is_written_in_many_ways(written: str, meant: bool) -> None:
    assert read(DEBUG=written).debug is meant


# --- .env ---------------------------------------------------------------------------------------------------------------


def test_the_environment_is_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text('# office\nWEBHOOK_PORT=6000\nexport COMPANY_NAME="Seguros Ñandú"\nLEASE_S=9\nRETENTION_DAYS\n')
    settings = load({"LEASE_S": "12"}, dotenv=dotenv)
    assert (settings.webhook_port, settings.given, settings.lease_s) == (6000, {"company_name": "Seguros Ñandú"}, 12.0)


def test_without_a_file_nothing_is_missing(tmp_path: Path) -> None:
    assert load({}, dotenv=tmp_path / ".env").webhook_port == 5000


def test_faults_of_the_file_are_told_like_others(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WEBHOOK_PORT=x\nWHATSAPP_TOKEN=secret\n")
    with pytest.raises(ConfigurationError) as refused:
        load({}, dotenv=tmp_path / ".env")
    assert len(refused.value.faults) == 2
    assert "secret" not in str(refused.value)


def test_a_process_with_a_faulty_configuration_says_why_and_ends(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(PROJECT), "WEBHOOK_PORT": "x", "WHATSAPP_TOKEN": "secret", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        [sys.executable, "-m", "src.processes"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "WEBHOOK_PORT" in ended.stderr
    assert "WHATSAPP_APP_SECRET" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "secret" not in ended.stderr


# --- addresses ----------------------------------------------------------------------------------------------------------


def test_trusted_proxies_are_addresses_and_networks_and_nobody_by_default() -> None:
    assert read().trusted_proxies == ()
    believed = read(TRUSTED_PROXIES="172.30.57.2, 10.1.2.3/8 fd00::/64").trusted_proxies
    assert [str(network) for network in believed] == ["172.30.57.2/32", "10.0.0.0/8", "fd00::/64"]
    assert faults(TRUSTED_PROXIES="nginx, 10.0.0.0/8, 10.0.0.0/33") == [
        "TRUSTED_PROXIES: 'nginx' is neither an address nor a network such as 10.0.0.0/8",
        "TRUSTED_PROXIES: '10.0.0.0/33' is neither an address nor a network such as 10.0.0.0/8",
    ]


# --- secrets ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "show",
    [repr, str, "{}".format, lambda settings: pretty_repr(settings, max_width=200)],
    ids=["repr", "str", "format", "rich"],
)
def test_no_way_of_showing_the_settings_shows_a_secret(show: object) -> None:
    assert callable(show)
    settings = read(**WHATSAPP, ADMIN_TOKEN="secret-admin-token", REDIS_URL="redis://user:secret-password@host")
    for shown in (show(settings), show(settings.whatsapp)):
        assert "secret-" not in shown
        assert "106540352242922" in shown


@pytest.mark.parametrize(
    ("name", "least", "others"),
    [("ADMIN_TOKEN", 16, {}), ("WHATSAPP_VERIFY_TOKEN", 8, WHATSAPP)],
)
def test_a_secret_of_ones_own_that_is_short_stops_the_start_and_says_how_to_make_one(
    name: str, least: int, others: dict[str, str]
) -> None:
    for secret in ("x", "q" * (least - 1), f" {'q' * (least - 1)} "):
        [fault] = faults(**{**others, name: secret})
        assert fault == f"{name}: at least {least} characters, so that nobody guesses it; make one: openssl rand -hex 24"
    assert read(**{**others, name: "q" * least})


def test_what_a_vendor_gave_is_as_long_as_the_vendor_wants() -> None:
    assert read(**WHATSAPP | {"WHATSAPP_TOKEN": "E", "WHATSAPP_APP_SECRET": "s"}).whatsapp
    assert read(**TWILIO | {"TWILIO_AUTH_TOKEN": "t"}, PUBLIC_BASE_URL="https://bot.example.com").twilio


@pytest.mark.parametrize("name", ["admin-token", "verify-token"])
def test_a_kept_secret_that_somebody_shortened_is_none(tmp_path: Path, name: str) -> None:
    settings = read(DATA_DIR=str(tmp_path))
    (tmp_path / name).write_text("short\n")
    with pytest.raises(ConfigurationError) as refused:
        (admin_token if name == "admin-token" else verify_token)(settings)
    [fault] = refused.value.faults
    assert str(tmp_path / name) in fault
    assert "short\n" not in fault


def test_a_child_gets_the_environment_with_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANY_NAME", "Corredora")
    assert child_environment({"WORKER_PROCESSES": "0"}).items() >= {("COMPANY_NAME", "Corredora"), ("WORKER_PROCESSES", "0")}


def test_a_child_can_be_started_without_a_vendor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("WHATSAPP_VERIFY_TOKEN=secret\n")
    monkeypatch.setenv("WHATSAPP_TOKEN", "secret")
    environment = child_environment({}, without=("WHATSAPP_",))
    assert load(environment, dotenv=tmp_path / ".env").whatsapp is None


def test_a_secret_of_our_own_is_made_once_and_seen_by_its_owner_only(tmp_path: Path) -> None:
    settings = read(DATA_DIR=str(tmp_path / "var"))
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(lambda _: admin_token(settings), range(32)))
    [token] = tokens
    assert len(token) >= 32
    assert token != verify_token(settings)
    [kept] = (tmp_path / "var").glob("admin-token")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "var").iterdir() if path.name.startswith(".")] == []


def test_a_secret_that_a_power_cut_left_empty_is_made_anew(tmp_path: Path) -> None:
    settings = read(DATA_DIR=str(tmp_path))
    (tmp_path / "admin-token").touch(mode=0o600)
    token = admin_token(settings)
    assert len(token) >= 32
    assert admin_token(settings) == token


def test_a_given_token_is_used_and_not_written_down(tmp_path: Path) -> None:
    settings = read(**WHATSAPP, DATA_DIR=str(tmp_path), ADMIN_TOKEN=" given-by-somebody ")
    assert (admin_token(settings), verify_token(settings)) == ("given-by-somebody", "secret-verify")
    assert list(tmp_path.iterdir()) == []
