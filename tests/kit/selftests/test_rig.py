"""The synchronous helper over the simulators' process."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.kit.rig import PROJECT, Rig


@pytest.fixture(scope="module")
def running_rig() -> Iterator[Rig]:
    with Rig(config={"chatwoot": {"ownership_mode": True}}) as rig:
        yield rig


@pytest.fixture
def rig(running_rig: Rig) -> Rig:
    running_rig.reset()
    return running_rig


def send(rig: Rig, text: str, to: str = "34600111222") -> requests.Response:
    env = rig.env()
    return requests.post(
        f"{env['WHATSAPP_API_BASE_URL']}/v23.0/{env['WHATSAPP_PHONE_NUMBER_ID']}/messages",
        json={"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": text}},
        headers={"Authorization": f"Bearer {env['WHATSAPP_TOKEN']}"},
        timeout=10,
    )


def test_env_and_options(rig: Rig) -> None:
    assert rig.env()["CHATWOOT_BASE_URL"] == f"http://127.0.0.1:{rig.ports['chatwoot']}"
    assert {name.split("_")[0] for name in rig.env("meta", "llm")} == {"WHATSAPP", "OPENAI"}
    assert rig.chatwoot.config()["ownership_mode"] is True
    assert rig.meta.config(window_mode="sync")["window_mode"] == "sync"


def test_ledger_faults_clock_and_counters(rig: Rig) -> None:
    rig.meta.config(window_mode="off")
    rig.meta.faults({"kind": "error", "status": 500, "times": 1})
    assert [send(rig, "uno").status_code, send(rig, "dos").status_code] == [500, 200]
    assert [message["text"] for message in rig.meta.sent("34600111222")] == ["dos"]
    assert rig.meta.faults()[0]["hits"] == 1
    assert rig.meta.rejected()[0]["fault"] == "error"
    rig.clock.advance(3600)
    send(rig, "tres")
    first, second = rig.meta.sent()
    assert second["t"] - first["t"] >= 3600
    rig.wait_quiet(idle_ms=50)
    assert rig.counters()["totals"]["sends"] == 2
    assert rig.counters()["rig_errors"] == {}


def test_a_refused_control_call_says_why(rig: Rig) -> None:
    with pytest.raises(AssertionError, match="webhook_url"):
        rig.meta.inbound("34600111222", "hola")


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux only")
def test_nothing_is_left_when_the_test_run_is_killed() -> None:
    script = "from tests.kit.rig import Rig; import sys; print(Rig().process.pid, flush=True); sys.stdin.read()"
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        child = Path("/proc") / parent.stdout.readline().strip()
        assert child.exists()
        parent.kill()
    deadline = time.monotonic() + 10
    while child.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not child.exists()
