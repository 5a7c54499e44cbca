"""webhook.log: every line can be read by a machine, tells nothing personal, and none is lost when several processes write."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from src import logs
from src.errors import TemporaryFailure
from src.logs import masked
from tests.kit.rig import PROJECT
from tests.webhooks.log_kit import READERS, lines_of, logfmt, logging_to


@pytest.fixture(params=READERS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What was logged, read back, in both formats."""
    with logging_to(tmp_path / "webhook.log", log_format=request.param) as path:
        yield lambda: [READERS[request.param](line) for line in lines_of(path)]


Written = Callable[[], list[dict[str, Any]]]


def test_a_line_says_when_what_where_and_for_which_request(written: Written) -> None:
    with structlog.contextvars.bound_contextvars(cid="0123456789ab"):
        logs.get_logger().info("webhook.received", accepted=3)
    [line] = written()
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d+Z", line["at"])
    assert (line["level"], line["process"], line["event"]) == ("info", "web", "webhook.received")
    assert str(line["accepted"]) == "3"
    assert line["cid"] == "0123456789ab"


@pytest.mark.parametrize("log_format", ["json"])
def test_clouds_find_the_severity_in_their_spelling(tmp_path: Path, log_format: str) -> None:
    with logging_to(tmp_path / "webhook.log", log_format=log_format) as path:
        log = logs.get_logger()
        log.info("a.line")
        log.warning("b.line")
        log.error("c.line")
        logs.flush()
        assert [line["severity"] for line in map(json.loads, path.read_text().splitlines())] == ["INFO", "WARNING", "ERROR"]


@pytest.mark.parametrize("cid", ["1795219381004512.7", "123456789012", "0f1234567890"])
def test_what_ties_lines_together_is_never_masked(written: Written, cid: str) -> None:
    """A turn is named by digits only; masked, all turns would have one name."""
    with structlog.contextvars.bound_contextvars(cid=cid, contact="1234567890"):
        logs.get_logger().info("work.done")
    [line] = written()
    assert (line["cid"], line["contact"]) == (cid, "1234567890")


@pytest.mark.parametrize("contact", ["34600111222", "whatsapp:34600111222", "+34600111222"])
def test_a_contact_that_was_not_given_as_a_pseudonym_is_masked(written: Written, contact: str) -> None:
    logs.get_logger().info("work.done", contact=contact)
    assert "600111222" not in str(written())


@pytest.mark.parametrize(
    "personal",
    [
        "+34 600 111 222",
        "34600111222",
        "600-111-222",
        "600.11.12.22",
        "ES9121000418450200051332",
        "4111 1111 1111 1111",
        "Bearer EAAtokenofthetests",
        "token=abcdef",
        "secret: abcdef",
        "EAAGm0PX4ZCpsBAKZC",
        "sk-proj-abcdefgh",
        "redis://user:password@host:6379/0",
    ],
)
@pytest.mark.parametrize(
    "shape",
    [
        lambda text: text,
        lambda text: f"before {text} after",
        lambda text: [text],
        lambda text: {"a": {"b": [text]}},
        lambda text: (text,),
        lambda text: text.encode(),
        ValueError,
        lambda text: {text: 1},
    ],
    ids=["text", "within", "list", "nested", "tuple", "bytes", "error", "key"],
)
def test_what_looks_personal_is_masked_in_whatever_it_is(written: Written, personal: str, shape: Callable[[str], Any]) -> None:
    logs.get_logger().warning("something", detail=shape(personal))
    shown = str(written())
    digits = re.sub(r"\D", "", personal)
    assert personal not in shown
    assert not digits or len(digits) < 7 or digits not in re.sub(r"[^\d]", "", shown.rpartition("detail")[2])
    for word in ("abcdef", "EAAtoken", "password@"):
        assert word not in shown


def test_a_phone_that_came_as_a_number_is_masked_and_figures_are_not() -> None:
    assert masked(34600111222) == "[number]"
    assert [masked(value) for value in (0, 41, 3_145_728, 12.5, True, None)] == [0, 41, 3_145_728, 12.5, True, None]


INJECTED = [
    "x\nat=2026-01-01 level=error event=forged",
    "x\r\nforged",
    "x\rforged",
    "x\x0bforged",
    "x\x0cforged",
    "x\x1cforged",
    "x\x85forged",
    "x\u2028forged",
    "x\u2029forged",
    "x\x00forged",
    "x\x1b[31mforged",
    'x" level="error',
    'x="',
    "x\\",
    "x \\",
    'x \\" level=error',
    "x\ty",
    "\ud83d",
    "\u202eforged",
    "",
    " ",
]


@pytest.mark.parametrize("text", INJECTED, ids=repr)
def test_a_value_cannot_forge_a_line_or_a_field(written: Written, text: str) -> None:
    logs.get_logger().warning("something", detail=text, after="here")
    [line] = written()
    assert (line["level"], line["event"], line["after"]) == ("warning", "something", "here")
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in str(line["detail"]))


@pytest.mark.parametrize("text", INJECTED, ids=repr)
def test_a_librarys_message_cannot_either(written: Written, text: str) -> None:
    logging.getLogger("some.library").warning("failed: %s", text)
    [line] = written()
    assert line["level"] == "warning"
    assert line["event"].startswith("failed:")


def test_of_an_error_only_the_kind_and_the_place_are_written(written: Written) -> None:
    def where_it_happened() -> None:
        raise ValueError("34600111222 said: tengo diabetes")

    try:
        where_it_happened()
    except ValueError:
        logs.get_logger().error("work.failed", exc_info=True)
    [line] = written()
    assert line["error"] == "ValueError"
    assert "test_logs.py" in line["where"]
    assert "where_it_happened" in line["where"]
    assert "diabetes" not in str(line)


def test_our_own_errors_keep_their_wording(written: Written) -> None:
    failure = TemporaryFailure("whatsapp", "send", status=500, vendor_code="131000", detail="Something went wrong")
    logs.get_logger().error("delivery.failed", exc_info=failure)
    [line] = written()
    assert "131000" in line["detail"]


_WRITER = """
import sys
from src import logs
logs.MAX_BYTES, logs.BACKUPS = 20_000, 99
logs.configure(log_file=sys.argv[1], log_format="text", process=sys.argv[2], stdout=False)
log = logs.get_logger()
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    log.info("work.done", number=number, padding=20 * "ñ")
"""


def test_several_processes_write_and_rotate_one_log_without_losing_a_line(tmp_path: Path) -> None:
    log_file, each = tmp_path / "webhook.log", 400
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(log_file), name, str(each)], cwd=PROJECT, stdin=subprocess.PIPE, text=True
        )
        for name in ("web", "worker", "main")
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.close()
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    files = sorted(tmp_path.glob("webhook.log*"))
    assert len(files) > 5
    found = [logfmt(line) for file in files for line in lines_of(file)]
    numbers = {
        name: sorted(int(line["number"]) for line in found if line["process"] == name) for name in ("web", "worker", "main")
    }
    assert numbers == {name: list(range(each)) for name in ("web", "worker", "main")}


def test_the_log_keeps_ten_megabytes_five_times() -> None:
    assert (logs.MAX_BYTES, logs.BACKUPS) == (10_000_000, 5)


def test_setting_up_again_leaves_no_thread_behind(tmp_path: Path) -> None:
    def writers() -> int:
        return sum(thread.name == "log" for thread in threading.enumerate())

    for number in range(6):
        with logging_to(tmp_path / f"{number}.log"):
            logs.get_logger().info("a.line", number=number)
    until = time.monotonic() + 10
    while writers() > 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert writers() <= 2
