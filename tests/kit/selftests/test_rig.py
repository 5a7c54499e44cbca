"""The synchronous helper over the simulators' process."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.kit.builders import signed
from tests.kit.rig import PROJECT, Rig, free_port


@pytest.fixture(scope="module")
def running_rig() -> Iterator[Rig]:
    with Rig(config={"chatwoot": {"version": "4.17.0"}}) as rig:
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
    assert rig.chatwoot.config()["version"] == "4.17.0"
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


class Product(BaseHTTPRequestHandler):
    """Takes Meta's webhooks like a product: handshake, signature, 200."""

    posts: ClassVar[list[tuple[bytes, str]]] = []

    def do_GET(self) -> None:
        self.answer(parse_qs(urlsplit(self.path).query)["hub.challenge"][0].encode())

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.posts.append((raw, self.headers["X-Hub-Signature-256"]))
        self.answer(b"")

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet: the test reads `posts`."""


def test_a_prospect_writes_to_a_product() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Product)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with Rig(f"http://127.0.0.1:{server.server_port}") as rig:
            assert rig.meta.verify()["ok"]
            seen = rig.meta.inbound("34600111222", "hola", name="Marta", duplicates=1)
            rig.wait_quiet(idle_ms=50)
            assert [tries[0]["status"] for tries in seen["results"]] == [200, 200]
            assert [delivery["what"] for delivery in rig.meta.deliveries()] == ["inbound", "inbound"]
            assert rig.counters("34600111222")["totals"]["inbound"] == 1
            secret = rig.env()["WHATSAPP_APP_SECRET"]
    finally:
        server.shutdown()
        server.server_close()
    (first, signature), (second, _) = Product.posts
    assert first == second
    assert signed(first, secret)[1]["X-Hub-Signature-256"] == signature
    value = json.loads(first)["entry"][0]["changes"][0]["value"]
    assert (value["messages"][0]["id"], value["contacts"][0]["profile"]["name"]) == (seen["ids"][0], "Marta")


def test_a_language_model_answers_as_told(rig: Rig) -> None:
    rig.llm.script({"content": "uno"})
    rig.llm.rules({"match": "hola", "reply": {"content": "dos"}})
    env, request = rig.env(), {"model": "m", "messages": [{"role": "user", "content": "hola, soy 600111222"}]}
    for expected in ("uno", "dos"):
        answer = requests.post(
            env["OPENAI_BASE_URL"] + "/chat/completions",
            json=request,
            headers={"Authorization": f"Bearer {env['OPENAI_API_KEY']}"},
            timeout=10,
        )
        assert answer.json()["choices"][0]["message"]["content"] == expected
    assert rig.llm.search(r"600\d{6}", "nunca") == {r"600\d{6}": [1, 2], "nunca": []}


def test_a_person_works_in_chatwoot(rig: Rig) -> None:
    env = rig.env()
    base = f"{env['CHATWOOT_BASE_URL']}/api/v1/accounts/{env['CHATWOOT_ACCOUNT_ID']}"
    headers = {"api_access_token": env["CHATWOOT_USER_TOKEN"]}
    inbox = int(env["CHATWOOT_WHATSAPP_INBOX_ID"])
    new = {"name": "Marta", "phone_number": "+34600111222", "inbox_id": inbox}
    contact = requests.post(f"{base}/contacts", json=new, headers=headers, timeout=10).json()["payload"]["contact"]
    started = rig.chatwoot.agent("new_conversation", phone=contact["phone_number"], content="Hola, soy Beto")
    assert rig.chatwoot.agent("resolve", phone=contact["phone_number"])["conversation"]["status"] == "resolved"
    written = [m["content"] for m in rig.chatwoot.ledger(conversation=started["conversation_id"])["messages"]]
    assert "Hola, soy Beto" in written
    with pytest.raises(AssertionError, match="unknown action"):
        rig.chatwoot.agent("dance", phone=contact["phone_number"])


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
