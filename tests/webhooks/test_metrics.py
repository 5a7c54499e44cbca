"""/metrics tells what the ledger counts and how long things took; dashboard and alarms ask for nothing that is not there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import connect
from src.worker import Worker
from tests.conftest import Skew
from tests.desk.fakes import ANA, Office
from tests.kit import builders
from tests.kit.builders import BUSINESS, SENDER, text
from tests.kit.product import Product, eventually
from tests.kit.rig import PROJECT, free_port
from tests.webhooks.door_kit import DOOR, WHATSAPP, Doors

NewDoors = Callable[..., Doors]
ALARMS = PROJECT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = PROJECT / "deploy" / "grafana" / "dashboard.json"
DOORS_TIMED = "iagente_door_duration_seconds_count"


def read(exposed: str) -> dict[tuple[str, ...], float]:
    """What is exposed: (name, label values in the order of their names...) → value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposed)
        for sample in family.samples
    }


def figures(doors: Doors) -> dict[tuple[str, ...], float]:
    answer = doors.ask("/metrics")
    assert answer.status_code == 200
    return read(answer.text)


@pytest.fixture
def doors(new_doors: NewDoors, new_ledger: Callable[..., RedisLedger], tmp_path: Path) -> Doors:
    """With durations of this test alone."""
    return new_doors(WHATSAPP | {"DATA_DIR": str(tmp_path / "data")}, ledger=new_ledger(debounce_s=0.0))


# --- the door -----------------------------------------------------------------------------------------------------------


def test_it_is_for_the_operator_and_in_prometheus_words(doors: Doors) -> None:
    assert doors.ask("/metrics", token=None).status_code == 401
    assert doors.ask("/metrics", token="wrong").status_code == 401
    answer = doors.ask("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert ("iagente_build", "0.1.0") in read(answer.text)


def test_without_the_store_it_says_so_and_still_tells_durations(new_doors: NewDoors, tmp_path: Path) -> None:
    lost = RedisLedger(lambda: connect("unix:///nonexistent/store.sock"))
    doors = new_doors(WHATSAPP | {"DATA_DIR": str(tmp_path / "data")}, ledger=lost)
    assert doors.receive(text("hola")).status_code == 503
    found = figures(doors)
    assert found["iagente_store_up",] == 0
    assert found[DOORS_TIMED, DOOR, "POST", "503"] == 1
    assert not any(name.startswith("iagente_lane") for name, *_ in found)


# --- the ledger ---------------------------------------------------------------------------------------------------------


def test_counts_only_grow_also_when_their_hours_are_forgotten(doors: Doors, skew: Skew) -> None:
    before = figures(doors)
    assert before["iagente_inbound_total",] == before["iagente_receipts_total", "read"] == 0
    items = [text("hola", id="wamid.1"), text("hola", id="wamid.1"), text("qué tal", sender="34600000002")]
    doors.receive(*items)
    office = Office(doors.ledger, skew)
    [outbox_id] = office.queue("respuesta")
    office.attend("delivery")
    for status in ("sent", "delivered", "read", "sent"):
        office.receipt(status, outbox_id)
    office.receipt("read", "unknown", opaque=False, wamid="wamid.unknown")
    counted = figures(doors)
    assert counted["iagente_inbound_total",] == 3  # two of these and the one that the office heard
    assert counted["iagente_sent_total",] == 1
    assert [counted["iagente_receipts_total", status] for status in ("sent", "delivered", "read", "unknown")] == [0, 1, 1, 1]
    client: Any = doors.ledger.client
    hours = [key for key in client.scan_iter("iv:*") if b":hour:" in key]
    assert hours
    client.delete(*hours)
    assert figures(doors)["iagente_inbound_total",] == 3
    assert all(figures(doors)[key] >= value for key, value in counted.items() if key[0].endswith("_total"))


def test_turns_their_waiting_and_their_trouble_are_counted(doors: Doors, skew: Skew) -> None:
    office = Office(doors.ledger, skew)
    office.hears("hola", at_s=[-2.0])
    office.attend("turns")
    office.hears("otra vez")
    stale = office.claim("turns")
    office.ledger.forget(ANA, erase=False)
    with pytest.raises(Exception, match="reset"):
        office.turns.work(stale)
    office.hears("y otra")
    office.agent.fails(RuntimeError("a bug"))
    office.turns.give_up(office.claim("turns"), "its turn failed three times")
    office.hears("no es uno de los nombres conocidos")
    found = figures(doors)
    counts = {name: found[f"iagente_{name}_total",] for name in ("turns", "replies", "stale_commits", "buried", "errors")}
    assert counts == {"turns": 1, "replies": 1, "stale_commits": 1, "buried": 1, "errors": 1}
    assert found["iagente_waited_turns_total",] == 1
    assert found["iagente_waited_seconds_total",] >= 2
    assert found["iagente_handed_over_total",] == 1
    assert found["iagente_dead_letters",] == 1
    assert found["iagente_conversations", "human"] == 1


def test_a_count_that_nobody_foresaw_has_a_line_too(doors: Doors) -> None:
    doors.ledger.client.hincrby(doors.ledger.keys.of_shard(0, "depth"), "total.invented", 7)
    assert figures(doors)["iagente_invented_total",] == 7


def test_lanes_conversations_workers_and_pauses_are_as_they_are_now(doors: Doors, new_doors: NewDoors) -> None:
    doors.ledger.beat("host.1")
    doors.receive(text("hola"))
    found = figures(doors)
    assert [found["iagente_lane_depth", lane] for lane in ("turns", "delivery", "mirror")] == [1, 0, 0]
    assert found["iagente_workers_alive",] == found["iagente_store_up",] == 1
    assert found["iagente_bot_paused",] == found["iagente_channel_paused", "whatsapp"] == 0
    assert found["iagente_store_memory_bytes",] > 0
    doors.ledger.pause(True)
    doors.ledger.pause_number(BUSINESS.phone_number_id, for_s=60, reason="code 190")
    found = figures(new_doors())  # this process looks only once a second
    assert found["iagente_bot_paused",] == found["iagente_channel_paused", "whatsapp"] == 1
    doors.ledger.pause_number(BUSINESS.phone_number_id, for_s=-1, reason="")
    assert figures(doors)["iagente_channel_paused", "whatsapp"] == 0


def test_what_became_of_every_item_of_a_webhook_is_counted(doors: Doors) -> None:
    hers = {"from": SENDER, "timestamp": "1790000000"}
    odd = builders.raw_message(id="wamid.odd", type="location", location={"latitude": "40.4"}, **hers)
    nameless = builders.raw_message(**{"id": "wamid.nobody", "from": ["?"], "type": "text", "text": {"body": "hola"}})
    group = builders.raw_message(id="wamid.group", group_id="g", type="text", text={"body": "hola"}, **hers)
    items = [text("hola", id="wamid.1"), odd, nameless, group, builders.status("wamid.sent", "read")]
    for _ in range(2):
        assert doors.receive(*items).status_code == 200
    assert doors.receive(text("hola"), secret="wrong").status_code == 403
    found = figures(doors)
    counted = {parts[1]: value for parts, value in found.items() if parts[0] == "iagente_webhook_items_total"}
    assert counted == {"accepted": 2, "duplicate": 2, "unreadable": 2, "broken": 2, "noticed": 2, "receipt": 2}


# --- durations ----------------------------------------------------------------------------------------------------------


def test_doors_are_timed_by_rule_and_status_never_by_path(doors: Doors) -> None:
    doors.receive(text("hola"))
    doors.receive(text("hola"), secret="wrong")
    doors.ask(f"/webhook/conversation/{SENDER}")
    doors.ask(f"/somewhere/{SENDER}")
    doors.client.open("/healthz", method="INVENTED")
    doors.client.open("/healthz", method="INVENTED2")
    exposed = doors.ask("/metrics").text
    found = read(exposed)
    assert found[DOORS_TIMED, DOOR, "POST", "200"] == found[DOORS_TIMED, DOOR, "POST", "403"] == 1
    assert found[DOORS_TIMED, "/webhook/conversation/<path:reference>", "GET", "200"] == 1
    assert found[DOORS_TIMED, "none", "GET", "404"] == 1
    assert found[DOORS_TIMED, "none", "other", "405"] == 2
    assert found["iagente_door_duration_seconds_sum", DOOR, "POST", "200"] > 0
    assert SENDER not in exposed
    assert "INVENTED" not in exposed


def test_calls_to_a_vendor_are_timed_by_what_came_of_them(new_doors: NewDoors, tmp_path: Path) -> None:
    nobody_there = {"DATA_DIR": str(tmp_path / "data"), "WHATSAPP_API_BASE_URL": f"http://127.0.0.1:{free_port()}"}
    doors = new_doors(WHATSAPP | nobody_there)
    assert doors.ask("/webhook/diag/test", method="POST").status_code == 200
    found = figures(doors)
    assert found["iagente_vendor_call_duration_seconds_count", "check", "TemporaryFailure", "whatsapp"] == 1
    assert found["iagente_vendor_call_duration_seconds_bucket", "check", "+Inf", "TemporaryFailure", "whatsapp"] == 1


def test_a_worker_tells_what_came_of_every_claim(doors: Doors, skew: Skew) -> None:
    office = Office(doors.ledger, skew)
    told: list[tuple[str, str]] = []

    def measured(lane: str, outcome: str, took_s: float) -> None:
        assert took_s >= 0
        told.append((lane, outcome))

    office.worker = Worker(office.ledger, office.turns, office.deliveries, threads=1, measured=measured)
    office.hears("hola")
    office.attend("turns")
    office.attend("delivery")
    office.agent.fails(RuntimeError("a bug"))
    office.hears("otra vez")
    office.attend("turns")
    office.attend("turns")  # nothing is due
    assert told == [("turns", "answered"), ("delivery", "sent"), ("turns", "failed")]


def test_workers_without_a_port_are_seen_through_the_web_process(tmp_path: Path) -> None:
    with Product(tmp_path, {"WORKER_PROCESSES": "1", "WEB_PROCESSES": "2"}) as product:
        assert product.say("34600000000", "Hola").status_code == 200

        def answered() -> float:
            exposed = product.get("/metrics")
            return read(exposed.text).get(("iagente_work_duration_seconds_count", "turns", "answered"), 0.0)

        assert eventually(answered) == 1


# --- dashboard and alarms -----------------------------------------------------------------------------------------------


def asked_for() -> dict[str, str]:
    """Every expression of the dashboard and the alarms, by where it stands."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    targets = [(panel["title"], target) for panel in board["panels"] for target in panel.get("targets", ())]
    found = {f"{title} {target['refId']}": target["expr"] for title, target in targets}
    groups = yaml.safe_load(ALARMS.read_text(encoding="utf-8"))["groups"]
    return found | {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def test_dashboard_and_alarms_ask_only_for_what_is_there(doors: Doors) -> None:
    known = set()
    for family in text_string_to_metric_families(doors.ask("/metrics").text):
        endings = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",), "gauge": ("",)}[family.type]
        known |= {family.name + ending for ending in endings}
    used = {where: set(re.findall(r"iagente_\w+", expression)) for where, expression in asked_for().items()}
    assert all(used.values()), "an expression without a metric"
    assert {where: names - known for where, names in used.items() if names - known} == {}
    everywhere = set().union(*used.values())
    unused = {name for name in known - everywhere if not name.endswith(("_sum", "_bucket"))}
    assert unused == set(), "told to nobody"


def test_labels_asked_for_are_labels_that_are_there(doors: Doors) -> None:
    labels = {"lane", "stage", "owner", "status", "door", "method", "outcome", "vendor", "action", "channel", "version", "le"}
    for where, expression in asked_for().items():
        picked = re.findall(r"[{,](\w+)(?:=~|!=|!~|=)\"", expression)
        grouped = [name for names in re.findall(r"by \(([\w, ]+)\)", expression) for name in re.split(", *", names)]
        assert {*picked, *grouped} <= labels, where


def test_every_alarm_is_explained_to_who_is_woken() -> None:
    described = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    for group in yaml.safe_load(ALARMS.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            assert f"### {rule['alert']}\n" in described, rule["alert"]
            assert rule["labels"]["severity"] in ("critical", "warning", "info")
            assert rule["annotations"]["summary"]
            assert rule["alert"] in {alarm for alarm, *_ in ALARM_CASES}, "nobody has heard it ring"


def test_the_dashboard_can_be_imported() -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert board["templating"]["list"][0]["type"] == "datasource"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    cells: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not own & cells, f"{panel['title']} covers another panel"
        cells |= own


@pytest.fixture
def promtool() -> str:
    """Prometheus' own checker, where it is installed (Debian: apt install prometheus)."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed")
    return found


def test_prometheus_itself_takes_what_is_exposed(promtool: str, doors: Doors) -> None:
    doors.receive(text("hola"))
    exposed = doors.ask("/metrics").data
    checked = subprocess.run([promtool, "check", "metrics"], input=exposed, capture_output=True, timeout=30, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_prometheus_itself_takes_the_settings_and_the_alarms(promtool: str, tmp_path: Path) -> None:
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(ALARMS.parent / name, tmp_path)
    (tmp_path / "token").write_text("t")
    settings = tmp_path / "prometheus.yml"
    settings.write_text(settings.read_text().replace("/etc/prometheus/iagente-admin-token", str(tmp_path / "token")))
    command = [promtool, "check", "config", str(settings)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert checked.returncode == 0, checked.stderr


TIMES = 'door_duration_seconds_count{door="/webhook/whatsapp",method="POST",status='
CALLS = 'vendor_call_duration_seconds_count{vendor="whatsapp",action="send",outcome='
SLOW = 'door_duration_seconds_bucket{door="/webhook/whatsapp",method="POST",le='
TURNS = 'work_duration_seconds_count{lane="turns",outcome='
ITEMS = 'webhook_items_total{vendor="whatsapp",outcome='
OLDEST, PAUSED = 'lane_oldest_due_seconds{lane="turns"}', 'channel_paused{channel="whatsapp"}'
USED, MOST = "store_memory_bytes", "store_memory_limit_bytes"
ONCE, STEADY = "0x18 1x30", "1x60"


ALARM_CASES: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("NotWatched", {}, {"store_up": STEADY}),
    ("StoreDown", {"store_up": "0x60"}, {"store_up": STEADY}),
    ("NoWorkerAlive", {"workers_alive": "0x60"}, {"workers_alive": STEADY}),
    ("LaneBehind", {OLDEST: "31x60"}, {OLDEST: "20x60"}),
    ("DeadLettersGrow", {"buried_total": ONCE}, {"buried_total": STEADY}),
    ("TurnsFail", {f'{TURNS}"failed"}}': ONCE}, {f'{TURNS}"answered"}}': "0+1x60"}),
    ("StaleCommits", {"stale_commits_total": "0+1x60"}, {"stale_commits_total": ONCE}),
    ("VendorDenied", {PAUSED: STEADY}, {PAUSED: "0x60"}),
    ("VendorDenied", {f'{CALLS}"AccessDenied"}}': "0x18 0+1x30"}, {f'{CALLS}"ok"}}': "0+9x60"}),
    ("VendorFails", {f'{CALLS}"Rejected"}}': "0+1x60", f'{CALLS}"ok"}}': "0+1x60"}, {f'{CALLS}"ok"}}': "0+9x60"}),
    ("StoreNearlyFull", {USED: "80x60", MOST: "100x60"}, {USED: "80x60", MOST: "0x60"}),
    ("DoorErrors", {f'{TIMES}"500"}}': "0+1x60"}, {f'{TIMES}"200"}}': "0+1x60"}),
    ("DoorSlow", {f'{SLOW}"2.5"}}': "0+9x60", f'{SLOW}"1.0"}}': "0x60", f'{SLOW}"+Inf"}}': "0+9x60"},
                 {f'{SLOW}"0.05"}}': "0+9x60", f'{SLOW}"+Inf"}}': "0+9x60"}),
    ("WebhooksRefused", {f'{TIMES}"403"}}': "0+5x60"}, {f'{TIMES}"403"}}': ONCE}),
    ("MessagesUnreadable", {f'{ITEMS}"broken"}}': "0+1x60"}, {f'{ITEMS}"broken"}}': ONCE, f'{ITEMS}"accepted"}}': "0+9x60"}),
    ("HandedOverAndNobodyAnswers", {"handoff_timeouts_total": ONCE}, {"handoff_timeouts_total": STEADY}),
    ("LanguageModelFails", {"model_failed_total": "0+4x60"}, {"model_failed_total": "0+1x60"}),
    ("ClocksDisagree", {"clock_ahead_seconds": "-3700x60"}, {"clock_ahead_seconds": "3500x60"}),
    ("CrmPollBehind", {"crm_poll_behind_seconds": "601x60"}, {"crm_poll_behind_seconds": "20x60"}),
    ("BotPaused", {"bot_paused": STEADY}, {"bot_paused": "0x60"}),
]  # fmt: skip


@pytest.mark.parametrize(("alarm", "series", "quiet"), ALARM_CASES, ids=[alarm for alarm, *_ in ALARM_CASES])
def test_an_alarm_comes_when_it_should_and_not_otherwise(
    promtool: str, tmp_path: Path, alarm: str, series: dict[str, str], quiet: dict[str, str]
) -> None:
    """Looked at after 32 minutes, with a value a minute."""
    rules = {rule["alert"]: rule for group in yaml.safe_load(ALARMS.read_text())["groups"] for rule in group["rules"]}
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [rules[alarm]]}]}))

    def alarmed(given: dict[str, str]) -> bool:
        case = {
            "interval": "1m",
            "input_series": [{"series": f"iagente_{name}", "values": values} for name, values in given.items()],
            "promql_expr_test": [{"expr": f'count(ALERTS{{alertname="{alarm}",alertstate="firing"}})', "eval_time": "32m"}],
        }
        (tmp_path / "case.yml").write_text(yaml.safe_dump({"rule_files": ["alerts.yml"], "tests": [case]}))
        ended = subprocess.run(
            [promtool, "test", "rules", "case.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )
        # No sample is expected: a firing alarm makes the test fail and is told.
        assert ended.returncode == 0 or "got:" in ended.stderr + ended.stdout, ended.stderr
        return ended.returncode != 0

    assert alarmed(series)
    assert not alarmed(quiet)
