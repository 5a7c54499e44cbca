"""Durations in files: exact among threads and processes, kept when a process is killed, and never in the way of the work."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict

from src.errors import AccessDenied, TemporaryFailure
from src.integrations.process_metrics import DOOR, WORK, MeasuredChannel, ProcessMetrics
from src.messages import Contact, Content, Outbound
from tests.desk.fakes import FakeChannel
from tests.kit.rig import PROJECT

ANSWERED = ("turns", "answered")
OUTBOUND = Outbound(
    id="o1",
    contact=Contact(key="whatsapp:34600000001", channel="whatsapp"),
    content=Content(text="hola"),
    at=datetime(2026, 11, 20, tzinfo=UTC),
)
OBSERVE = """
import signal, sys
from pathlib import Path
from src.integrations.process_metrics import WORK, ProcessMetrics
metrics = ProcessMetrics(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    metrics.observe(WORK, ("turns", "answered"), 0.5)
print("done", flush=True)
signal.pause()
"""


def samples(metrics: ProcessMetrics) -> dict[tuple[str, ...], float]:
    """What is exposed: (name, label values...) → value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for metric in metrics.collect()
        for sample in metric.samples
    }


def count(metrics: ProcessMetrics, labels: tuple[str, ...] = ANSWERED) -> float:
    return samples(metrics).get(("iagente_work_duration_seconds_count", *labels), 0.0)


def observer(directory: Path, times: int) -> subprocess.Popen[bytes]:
    """Another process that observes so often, and then stays."""
    process = subprocess.Popen([sys.executable, "-c", OBSERVE, str(directory), str(times)], cwd=PROJECT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"done\n"
    return process


def end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)
    process.wait(timeout=10)
    assert process.stdout is not None
    process.stdout.close()


def test_durations_fall_into_their_buckets(tmp_path: Path) -> None:
    metrics = ProcessMetrics(tmp_path / "metrics")
    for took_s in (0.001, 0.005, 0.006, 31.0):
        metrics.observe(WORK, ANSWERED, took_s)
    metrics.observe(WORK, ("delivery", "sent"), 0.2)
    shown = samples(metrics)
    name = "iagente_work_duration_seconds"
    found = {key[2]: value for key, value in shown.items() if key[0] == f"{name}_bucket" and "answered" in key}
    assert list(found) == list(WORK.bounds)
    assert (found["0.005"], found["0.01"], found["30.0"], found["+Inf"]) == (2, 3, 3, 4)
    assert shown[f"{name}_count", "turns", "answered"] == 4
    assert shown[f"{name}_sum", "turns", "answered"] == pytest.approx(31.012)
    assert shown[f"{name}_count", "delivery", "sent"] == 1


def test_nothing_is_touched_before_something_is_observed(tmp_path: Path) -> None:
    metrics = ProcessMetrics(tmp_path / "metrics")
    assert [metric.samples for metric in metrics.collect()] == [[], [], [], []]
    assert not (tmp_path / "metrics").exists()


def test_threads_lose_nothing(tmp_path: Path) -> None:
    metrics = ProcessMetrics(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: metrics.observe(WORK, ("turns", f"kind {number % 7}"), 0.01), range(2_800)))
    assert [count(metrics, ("turns", f"kind {number}")) for number in range(7)] == [400] * 7


def test_processes_are_added_up_and_a_killed_ones_share_stays(tmp_path: Path) -> None:
    web = ProcessMetrics(tmp_path)
    web.observe(WORK, ANSWERED, 0.5)
    workers = [observer(tmp_path, times) for times in (10, 100)]
    assert count(web) == 111
    end(workers[0], signal.SIGKILL)
    assert count(web) == 111
    again = observer(tmp_path, 1_000)  # its start adds up what the dead one left
    assert count(web) == 1_111
    assert len(list(tmp_path.glob("*-*.db"))) == 3
    end(workers[1], signal.SIGTERM)
    end(again, signal.SIGKILL)
    assert count(ProcessMetrics(tmp_path)) == 1_111


def test_restarts_leave_one_file_and_an_exact_sum(tmp_path: Path) -> None:
    for number in range(20):
        metrics = ProcessMetrics(tmp_path)
        metrics.observe(WORK, ANSWERED, 0.5)
        metrics.observe(WORK, ("turns", f"kind {number}"), 0.5)
        del metrics
    assert count(ProcessMetrics(tmp_path)) == 20
    assert len(list(tmp_path.glob("*.db"))) == 2
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_000_000


def test_a_file_that_cannot_be_read_takes_nothing_else_along(tmp_path: Path) -> None:
    metrics = ProcessMetrics(tmp_path)
    metrics.observe(WORK, ANSWERED, 0.5)
    (tmp_path / "1-torn.db").write_bytes(b"\xff\xff\xff\x7f" + b"\x00" * 100)
    (tmp_path / "2-empty.db").write_bytes(b"")
    (tmp_path / "3-other.db").write_bytes(b"not one of ours " * 10)
    for number, key in enumerate(("no json", "7", "[]", '["iagente_work_duration_seconds", {}, [], 1]')):
        ours = MmapedDict(str(tmp_path / f"4-{number}.db"))
        ours.write_value(key, 1.0, 0.0)
        ours.close()
    assert count(metrics) == 1
    other = ProcessMetrics(tmp_path)
    other.observe(WORK, ANSWERED, 0.5)
    assert count(metrics) == 2


def test_durations_of_another_version_are_left_out(tmp_path: Path) -> None:
    metrics = ProcessMetrics(tmp_path)
    metrics.observe(WORK, ANSWERED, 0.5)
    metrics._add('["iagente_of_yesterday_seconds", "turns", "sum"]', 1.0)
    metrics._add('["iagente_work_duration_seconds", "turns", "with", "more", "labels", "sum"]', 1.0)
    assert {key[0].rpartition("_")[0] for key in samples(metrics)} == {"iagente_work_duration_seconds"}


def test_a_directory_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("a file")
    metrics = ProcessMetrics(tmp_path / "metrics")
    metrics.observe(WORK, ANSWERED, 0.5)
    metrics.observe(DOOR, ("GET", "/", "200"), 0.5)
    assert samples(metrics) == {}


def test_calls_to_a_vendor_are_measured_by_what_came_of_them(tmp_path: Path) -> None:
    metrics, vendor = ProcessMetrics(tmp_path), FakeChannel()
    channel = MeasuredChannel(vendor, metrics, "whatsapp")
    denied, later = AccessDenied("whatsapp", "send", status=401), TemporaryFailure("whatsapp", "send", status=500)
    vendor.script, vendor.fail_to_mark = [denied, later], True
    for error in (AccessDenied, TemporaryFailure):
        with pytest.raises(error):
            channel.send(OUTBOUND, opaque="o", timeout_s=1.0)
    assert channel.send(OUTBOUND, opaque="o", timeout_s=2.0) == "wamid.sent.1"
    with pytest.raises(TemporaryFailure):
        channel.mark_read("wamid.1", typing=True)
    assert (channel.check(), channel.number, channel.confirms, len(channel.parts(Content(text="a|b")))) == (
        {},
        vendor.number,
        True,
        2,
    )
    assert vendor.timeouts_s == [2.0]
    counts = {
        key[1:]: value for key, value in samples(metrics).items() if key[0] == "iagente_vendor_call_duration_seconds_count"
    }
    assert counts == {
        ("check", "ok", "whatsapp"): 1,
        ("mark_read", "TemporaryFailure", "whatsapp"): 1,
        ("send", "AccessDenied", "whatsapp"): 1,
        ("send", "TemporaryFailure", "whatsapp"): 1,
        ("send", "ok", "whatsapp"): 1,
    }
