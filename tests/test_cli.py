"""The commands, as an operator types them: on the store itself, without a web process, and never with a stack trace."""

from __future__ import annotations

import io
import json
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from src.agent.state import Held
from src.cli import cli
from src.desk import jobs
from src.desk.delivery import Deliveries
from src.desk.operators import dead_letter_id
from src.desk.ports import Settlement
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.views import RedisRecords
from src.integrations.simulator_channel import SimulatorChannel
from src.messages import Contact, Event, Inbound
from tests.conftest import Skew
from tests.desk.fakes import Office
from tests.integrations.ledger_kit import take, traces
from tests.kit.builders import new_wamid
from tests.kit.rig import PROJECT

ANA = "whatsapp:34600000001"
PHONE = "+34 600 000 001"
VERIFY = "verify-token-of-the-tests"


@pytest.fixture
def store_url(valkey_url: str) -> str:
    return valkey_url


@pytest.fixture
def ledger(new_ledger: Callable[..., RedisLedger]) -> RedisLedger:
    return new_ledger(debounce_s=0)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, valkey_url: str) -> None:
    """An operator's shell in an empty directory."""
    for name in (
        "WHATSAPP_TOKEN",
        "WHATSAPP_PHONE_NUMBER_ID",
        "WHATSAPP_VERIFY_TOKEN",
        "WHATSAPP_APP_SECRET",
        "PUBLIC_BASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REDIS_URL", valkey_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)


def run(*words: str, code: int = 0, typed: str | None = None) -> Result:
    result = CliRunner().invoke(cli, words, input=typed)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def hears(ledger: RedisLedger, *texts: str) -> None:
    contact = Contact(key=ANA, channel="whatsapp", phone="+34600000001", name="Ana Ruiz")
    now = ledger.server_time()
    ledger.accept([jobs.arrival(Inbound(id=new_wamid(), contact=contact, kind="text", at=now, text=text)) for text in texts])


def bury(ledger: RedisLedger, reason: str) -> str:
    hears(ledger, "algo raro")
    claim = take(ledger, "turns", ANA)
    ledger.commit(claim, Settlement(buried=[job.id for job in claim.jobs], reason=reason))
    return dead_letter_id(RedisRecords(ledger).dead_letters()[0])


@pytest.fixture
def postman(ledger: RedisLedger) -> Iterator[None]:
    """A worker that delivers, on the simulator's channel."""
    deliveries = Deliveries(ledger, {"whatsapp": SimulatorChannel()}, monotonic=time.monotonic)
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            claim = ledger.claim("delivery", ANA)
            if claim:
                deliveries.work(claim)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


# --- doctor -------------------------------------------------------------------------------------------------------------


def examined(code: int = 0) -> dict[str, Any]:
    answer = json.loads(run("doctor", "--json", code=code).stdout)
    assert answer["ok"] is (code == 0)
    return {check["name"]: check for check in answer["checks"]}


@pytest.fixture
def durable(ledger: RedisLedger) -> Iterator[RedisLedger]:
    """As in production, with a worker."""
    client: Any = ledger.client
    client.config_set("appendfsync", "always")
    ledger.beat("w1")
    yield ledger
    client.config_set("appendfsync", "everysec")


def test_the_doctor_finds_all_well(durable: RedisLedger) -> None:
    checks = examined()
    assert all(check["ok"] and not check["remedy"] for check in checks.values())
    assert {"settings", "data directory", "store", "store durability", "store eviction", "workers", "clock"} <= set(checks)
    assert "channel whatsapp" in checks


def test_the_doctor_speaks_to_people_too(durable: RedisLedger) -> None:
    lines = run("doctor").stdout.splitlines()
    assert all(line.startswith("ok") for line in lines)
    assert "\x1b" not in "".join(lines), "no colours when it is not a terminal"


def test_the_doctor_says_who_signed_the_tariff(durable: RedisLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert examined()["tariff"]["found"] == "2026.1, signed by nobody, for illustration"
    monkeypatch.setenv("TARIFF_DIR", "nowhere")
    check = examined(code=1)["tariff"]
    assert "nowhere: current.toml cannot be read" in check["found"]
    assert check["remedy"] == "correct TARIFF_DIR, or import the tariff again"


def test_the_doctor_says_which_answers_counsel_has_yet_to_confirm(
    durable: RedisLedger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = examined()["answers"]["found"]
    assert "counsel has yet to confirm" in found
    assert "desistimiento" in found
    assert "formas-de-pago" not in found
    (tmp_path / "torn.md").write_text("no fences", encoding="utf-8")
    monkeypatch.setenv("KNOWLEDGE_DIR", str(tmp_path))
    check = examined(code=1)["answers"]
    assert "torn.md: it must begin with" in check["found"]
    assert "KNOWLEDGE_DIR" in check["remedy"]


def test_what_is_not_well_comes_with_its_remedy(ledger: RedisLedger) -> None:
    """Synced once a second, and no worker."""
    checks = examined(code=1)
    assert checks["store durability"]["remedy"] == "set appendonly yes and appendfsync always"
    assert checks["workers"]["remedy"] == "start one: python -m src.worker"
    output = run("doctor", code=1).stdout
    assert "FAIL  workers" in output
    assert "-> start one: python -m src.worker" in output


def test_faults_of_the_settings_are_the_first_thing_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_S", "long")
    monkeypatch.setenv("WHATSAPP_TOKEN", "EAAsecret")
    result = run("doctor", "--json", code=1)
    checks = json.loads(result.stdout)["checks"]
    assert [check["name"] for check in checks] == ["settings", "settings"]
    assert "EAAsecret" not in result.output


def test_a_store_that_is_away_is_one_fault_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://default:geheim@127.0.0.1:1/0")
    checks = examined(code=1)
    assert "REDIS_URL" in checks["store"]["remedy"]
    assert checks["settings"]["ok"]
    assert checks["channel whatsapp"]["ok"]
    assert "geheim" not in json.dumps(checks)


def test_without_a_store_of_our_own_running_it_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    assert examined(code=1)["store"]["remedy"] == "start it: make run"


def test_a_data_directory_that_cannot_be_one_is_found_out(
    durable: RedisLedger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATA_DIR", "/proc/nowhere")
    check = examined(code=1)["data directory"]
    assert "cannot be written" in check["found"]
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "not" / "yet"))
    assert examined()["data directory"]["ok"]
    assert not (tmp_path / "not").exists(), "looking makes nothing"


def test_a_full_disk_is_found_out(durable: RedisLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 5 * 2**20})
    monkeypatch.setattr("src.cli.doctor.shutil.disk_usage", lambda _folder: usage)
    assert "5 MB free" in examined(code=1)["data directory"]["found"]


class Public(BaseHTTPRequestHandler):
    """Our own door as the internet sees it."""

    answers: Callable[[str], tuple[int, str]]

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        assert query["hub.verify_token"] == [VERIFY]
        status, body = type(self).answers(query["hub.challenge"][0])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def public(durable: RedisLedger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Public]]:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "verify-token").write_text(VERIFY)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Public)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("PUBLIC_BASE_URL", f"http://127.0.0.1:{server.server_address[1]}")
    yield Public
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("answer", "well"),
    [
        (lambda challenge: (200, challenge), True),
        (lambda challenge: (200, f'"{challenge}"'), False),
        (lambda challenge: (200, "welcome to nginx"), False),
        (lambda challenge: (403, challenge), False),
        (lambda challenge: (302, challenge), False),
    ],
    ids=["the challenge", "not bare", "somebody else", "refused", "elsewhere"],
)
def test_our_own_door_is_called_as_meta_does(
    public: type[Public], answer: Callable[[str], tuple[int, str]], well: bool
) -> None:
    public.answers = staticmethod(answer)
    check = examined(code=0 if well else 1)["public webhook"]
    assert check["ok"] is well
    assert VERIFY not in json.dumps(check)
    assert "nginx" not in check["found"]


def test_a_door_that_nobody_answers_is_found_out_without_the_token(
    durable: RedisLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_BASE_URL", "http://127.0.0.1:1")
    check = examined(code=1)["public webhook"]
    assert "ConnectionError" in check["found"]
    assert "verify" not in check["found"]


def test_a_token_that_cannot_be_kept_is_no_stack_trace(durable: RedisLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("DATA_DIR", "/proc/nowhere")
    assert not examined(code=1)["public webhook"]["ok"]


# --- send ---------------------------------------------------------------------------------------------------------------


def test_a_text_is_sent_and_its_status_shown(ledger: RedisLedger, postman: None) -> None:
    hears(ledger, "hola")
    result = run("send", PHONE, "--text", "Buenos días")
    assert result.stdout.split()[-1] == "delivered"
    record = RedisRecords(ledger).record(ANA)
    assert record is not None
    assert [(row["role"], row["text"]) for row in record.rows] == [("prospect", "hola"), ("human", "Buenos días")]


def test_a_template_is_filled_in_order(ledger: RedisLedger) -> None:
    run("send", PHONE, "--template", "rig_seguimiento", "--language", "es", "--param", "Ana", "--param", "x=1", "--wait", "0")
    body = json.loads(take(ledger, "delivery", ANA).jobs[0].body)
    template = body["content"]["template"]
    assert (template["name"], template["language"]) == ("rig_seguimiento", "es")
    assert [parameter["text"] for parameter in template["components"][0]["parameters"]] == ["Ana", "x=1"]


def test_without_a_worker_it_says_so_and_the_message_stays(ledger: RedisLedger) -> None:
    result = run("send", PHONE, "--text", "hola", "--wait", "0.2", code=1)
    assert "is a worker running?" in result.stderr
    assert take(ledger, "delivery", ANA).jobs


def test_a_message_that_fails_for_good_is_a_failure(ledger: RedisLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.cli.send._await_status", lambda *_: "failed")
    assert "dead-letters" in run("send", PHONE, "--text", "hola", code=1).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((PHONE,), "text"),
        ((PHONE, "--text", "a", "--template", "b"), "either"),
        ((PHONE, "--text", ""), "characters"),
        ((PHONE, "--template", "A B"), "template.name"),
        (("nobody", "--text", "hola"), "phone number"),
    ],
)
def test_what_cannot_be_sent_is_said_in_one_line(words: tuple[str, ...], said: str, ledger: RedisLedger) -> None:
    result = run("send", *words, code=1)
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_outside_the_window_it_says_why(ledger: RedisLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TOKEN": "EAAx", "PHONE_NUMBER_ID": "1065403", "VERIFY_TOKEN": VERIFY, "APP_SECRET": "s"}.items():
        monkeypatch.setenv(f"WHATSAPP_{name}", value)
    assert "24 hours" in run("send", PHONE, "--text", "hola", code=1).stderr


# --- one person ---------------------------------------------------------------------------------------------------------


HELD = Held({"key": "smoker", "value": True}, "wamid.told", datetime(2026, 11, 30, tzinfo=UTC))


@pytest.fixture
def known(ledger: RedisLedger, skew: Skew) -> Office:
    """Ana wrote, was answered, and something of hers was given up."""
    office = Office(ledger, skew)
    office.agent.decides(
        replies=(),
        changes={"profile": {"age": 41}, "pending": {"smoker": HELD}, "history": []},
    )
    hears(ledger, "tengo 41")
    office.turn()
    office.agent.decide = office.agent.echo
    hears(ledger, "sigo")
    office.turn()
    office.deliver()
    bury(ledger, "why")
    return office


@pytest.mark.parametrize("who", [PHONE, "34600000001", ANA])
def test_an_export_has_everything_about_one_person(known: Office, who: str) -> None:
    exported = json.loads(run("export", who).stdout)
    assert exported["conversation"]["profile"] == {"age": 41}
    assert exported["conversation"]["consents"] == {}
    assert exported["state"]["pending"]["smoker"]["message_id"] == HELD.message_id, "also what the doors do not show"
    assert [row["text"] for row in exported["transcript"]] == ["tengo 41", "sigo", "eco: sigo", "algo raro"]
    assert exported["transcript"][2]["vendor_id"].startswith("wamid.")
    assert exported["also_known_as"] == []
    assert exported["dead_letters"][0]["reason"] == "why"
    assert exported["key"] == ANA


def test_events_of_others_are_not_in_it(known: Office) -> None:
    everybodys = known.events()
    hears(known.ledger, "una cosa más")
    claim = known.claim("turns")
    ours = jobs.event(Event("quote.made"), claim.now, claim.turn_id)
    others = jobs.event(Event("quote.made"), claim.now, "1111111111111111.1")
    known.ledger.commit(claim, Settlement(done=[job.id for job in claim.jobs], events=[ours, others]))
    exported = json.loads(run("export", ANA).stdout)
    assert len(known.events()) == len(everybodys) + 2
    assert [event["turn"] for event in exported["events"] if event["name"] == "quote.made"] == [claim.turn_id]


def test_the_whole_transcript_is_exported_however_long(ledger: RedisLedger) -> None:
    hears(ledger, *(f"línea {number}" for number in range(1_200)))
    exported = json.loads(run("export", ANA).stdout)
    assert len(exported["transcript"]) == 1_200
    assert exported["waiting"]["turns"] == 1_200


def test_an_export_into_a_file_is_its_owners_alone(known: Office, tmp_path: Path) -> None:
    path = tmp_path / "ana.json"
    path.write_text("something older that everybody may read")
    path.chmod(0o644)
    result = run("export", PHONE, "-o", str(path))
    assert result.output == ""
    assert json.loads(path.read_text())["key"] == ANA
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_said(known: Office) -> None:
    assert "Could not open" in run("export", PHONE, "-o", "/proc/nowhere/ana.json", code=1).stderr


@pytest.mark.parametrize("command", ["export", "erase"])
def test_who_is_unknown_is_said_in_one_line(ledger: RedisLedger, command: str) -> None:
    result = run(command, "+34699999999", code=1)
    assert "nobody is known" in result.stderr
    assert "699999999" not in result.output


def test_an_erasure_asks_first(known: Office) -> None:
    assert "Aborted" in run("erase", PHONE, code=1, typed="n\n").output
    assert RedisRecords(known.ledger).record(ANA) is not None


def test_an_erasure_leaves_nothing_and_says_what_went(known: Office) -> None:
    result = run("erase", PHONE, "--yes")
    assert "4 messages" in result.stdout
    assert "1 dead letters" in result.stdout
    assert traces(known.ledger.client, "34600000001", "tengo 41", "Ana Ruiz") == []
    assert "Ana" not in result.output


def test_an_erasure_that_is_confirmed_is_done(known: Office) -> None:
    run("erase", PHONE, typed="y\n")
    assert RedisRecords(known.ledger).record(ANA) is None


# --- dead letters -------------------------------------------------------------------------------------------------------


def test_letters_are_listed_without_saying_whose_they_are(ledger: RedisLedger) -> None:
    name = bury(ledger, "its turn failed three times")
    plain = run("dead-letters", "list").stdout
    assert plain.startswith(name)
    assert "its turn failed three times" in plain
    assert ANA not in plain
    assert ledger.pseudonym(ANA) in plain
    assert ANA in run("dead-letters", "list", "--contacts").stdout
    [letter] = json.loads(run("dead-letters", "list", "--json").stdout)
    assert (letter["id"], letter["lane"]) == (name, "turns")


def test_none_is_an_answer_too(ledger: RedisLedger) -> None:
    assert run("dead-letters", "list").stdout == "No dead letters.\n"
    assert json.loads(run("dead-letters", "list", "--json").stdout) == []
    assert run("dead-letters", "replay", "--all").stdout == "0 put back into their lanes\n"


def test_one_letter_is_replayed(ledger: RedisLedger) -> None:
    first = bury(ledger, "one")
    bury(ledger, "two")
    assert "1 put back" in run("dead-letters", "replay", first).stdout
    assert [letter.reason for letter in RedisRecords(ledger).dead_letters()] == ["two"]
    assert "no dead letter by that id" in run("dead-letters", "replay", first, code=1).stderr


def test_all_letters_are_replayed_oldest_first_without_a_bar_in_a_pipe(ledger: RedisLedger, skew: Skew) -> None:
    for reason in ("one", "two", "three"):
        bury(ledger, reason)
        skew.advance(1)
    letters = RedisRecords(ledger).dead_letters()
    assert run("dead-letters", "replay", "--all").output == "3 put back into their lanes\n"
    claim = take(ledger, "turns", ANA)
    assert [job.id for job in claim.jobs] == [letter.id for letter in letters[::-1]]


def test_in_a_terminal_there_are_a_table_and_a_bar(ledger: RedisLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr("src.cli.dead_letters.console", Console(file=shown, force_terminal=True, width=200))
    name = bury(ledger, "its turn failed three times")
    run("dead-letters", "list")
    assert name in shown.getvalue()
    assert "reason" in shown.getvalue()
    run("dead-letters", "replay", "--all")
    assert "Replaying" in shown.getvalue()


@pytest.mark.parametrize("words", [(), ("some-id", "--all")])
def test_replaying_needs_one_id_or_all(ledger: RedisLedger, words: tuple[str, ...]) -> None:
    assert "either one id or --all" in run("dead-letters", "replay", *words, code=2).stderr


# --- chat ---------------------------------------------------------------------------------------------------------------


CHANNELS = {
    "WhatsApp": {
        "WHATSAPP_TOKEN": "EAAx",
        "WHATSAPP_PHONE_NUMBER_ID": "1",
        "WHATSAPP_VERIFY_TOKEN": VERIFY,
        "WHATSAPP_APP_SECRET": "s",
    },
    "Twilio": {
        "TWILIO_ACCOUNT_SID": "AC1",
        "TWILIO_AUTH_TOKEN": "t",
        "TWILIO_WHATSAPP_FROM": "whatsapp:+34910000000",
        "PUBLIC_BASE_URL": "https://bot.example.com",
    },
    "Chatwoot": {"CHATWOOT_BASE_URL": "https://chat.example.com", "CHATWOOT_ACCOUNT_ID": "1", "CHATWOOT_USER_TOKEN": "t"},
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_chat_with_any_channel_configured_is_had_with_a_server_that_reaches_nobody(
    monkeypatch: pytest.MonkeyPatch, channel: str
) -> None:
    """The running one would have answered a real number."""
    reachable = {
        **CHANNELS[channel],
        "ALERT_EMAIL": "g@example.com",
        "ALERT_WHATSAPP": "34699999999",
        "SMTP_URL": "smtp://mail",
    }
    for name, value in reachable.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("src.cli.chat._answers", lambda _address: True)
    started: list[dict[str, str]] = []

    class Server:
        def __init__(self, _command: Any, *, env: dict[str, str], **_: Any) -> None:
            started.append(env)

        def poll(self) -> None:
            return None

        def terminate(self) -> None:
            pass

        def wait(self, timeout: float) -> None:
            pass

    monkeypatch.setattr("src.cli.chat.subprocess.Popen", Server)
    monkeypatch.setattr("src.cli.chat._Chat.run", lambda _chat: None)
    run("chat")
    [environment] = started
    assert [name for name in reachable if environment.get(name) and name != "PUBLIC_BASE_URL"] == []
    assert environment["REDIS_URL"] == ""


# --- every command ------------------------------------------------------------------------------------------------------


COMMANDS = [
    ("send", PHONE, "--text", "hola"),
    ("export", PHONE),
    ("erase", PHONE, "--yes"),
    ("dead-letters", "list"),
    ("dead-letters", "replay", "--all"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_without_the_store_a_command_says_so_in_one_line(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://default:geheim@127.0.0.1:1/0")
    result = run(*words, code=1)
    assert "the store does not answer" in result.stderr
    assert "geheim" not in result.output


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_faulty_settings_are_told_by_name(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_S", "long")
    assert "LEASE_S" in run(*words, code=1).stderr


def test_every_command_is_described() -> None:
    listed = run("--help").stdout
    for name in ("chat", "quote", "doctor", "send", "export", "erase", "dead-letters"):
        assert name in listed
        assert len(run(name, "--help").stdout.splitlines()) > 4


def test_it_runs_as_a_module_and_is_written_down() -> None:
    shown = subprocess.run([sys.executable, "-m", "src.cli", "--help"], cwd=PROJECT, capture_output=True, text=True, check=True)
    documented = (PROJECT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name in cli.commands:
        assert name in shown.stdout
        assert f"python -m src.cli {name}" in documented, f"{name} is not in docs/commands.md"
