"""nginx as shipped: what it lets through, what it stops, what it writes down, and how it bears slow clients."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import trustme

from src.integrations.ledger.embedded_valkey import EmbeddedValkey
from tests.deploy.deploy_kit import DEPLOY, Nginx, compose, running, wait_for
from tests.kit import builders
from tests.kit.product import eventually
from tests.kit.rig import free_port

SECRET = "app-secret-of-the-tests"
DOOR = "/webhook/whatsapp"
SLOW_CLIENTS = 300
ANSWERED_WITHIN_S = 1.0


class Echo(ThreadingHTTPServer):
    """In the place of web: answers 200 and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], int]] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                self.rfile.read(length)
                asked.append((self.path, dict(self.headers.items()), length))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def nginx(echo: Echo, tmp_path: Path) -> Iterator[Nginx]:
    with Nginx(tmp_path / "nginx", echo.server_port) as server:
        yield server


def signed(text: str = "hola") -> tuple[bytes, dict[str, str]]:
    return builders.signed(builders.webhook(builders.text(text)), SECRET)


def test_the_files_as_shipped_are_valid(tmp_path: Path) -> None:
    nginx = Nginx(tmp_path / "nginx", 5000)
    shutil.copy(DEPLOY / "nginx-tls.conf", tmp_path / "nginx" / "local")
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    nginx.replace("local/nginx-tls.conf", "/etc/nginx/certificate/fullchain.pem", str(tmp_path / "both.pem"))
    nginx.replace("local/nginx-tls.conf", "/etc/nginx/certificate/privkey.pem", str(tmp_path / "both.pem"))
    checked = subprocess.run(nginx.command("-t"), check=False, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr


def test_what_a_client_claims_about_itself_does_not_reach_web(nginx: Nginx, echo: Echo) -> None:
    claims = {
        "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "1",
        "X-Real-IP": "203.0.113.9", "X-Forwarded-Proto": "https", "Forwarded": "for=203.0.113.9",
        "Via": "1.1 evil", "X_Forwarded_For": "203.0.113.9",
    }  # fmt: skip
    assert requests.get(f"{nginx.address}/webhook/status", headers=claims, timeout=5).ok
    headers = {name.casefold(): value for name, value in echo.asked[0][1].items()}
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert not {"x-forwarded-host", "x-forwarded-port", "x-real-ip", "forwarded", "via", "x_forwarded_for"} & set(headers)


def test_bodies_up_to_three_mebibytes_pass_and_no_byte_more(nginx: Nginx, echo: Echo) -> None:
    largest = 3 * 1024 * 1024
    assert requests.post(f"{nginx.address}{DOOR}", data=b"x" * largest, timeout=10).ok
    refused = requests.post(f"{nginx.address}{DOOR}", data=b"x" * (largest + 1), timeout=10)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "payload_too_large")
    pieces = requests.post(f"{nginx.address}{DOOR}", data=(b"x" * 65536 for _ in range(49)), timeout=10)
    assert pieces.status_code == 413
    assert [length for _, _, length in echo.asked] == [largest]


def test_signed_webhooks_are_never_limited_and_everything_else_is(nginx: Nginx) -> None:
    body, headers = signed()
    with requests.Session() as session:

        def statuses(path: str, count: int, **headers: str) -> list[int]:
            return [
                session.post(f"{nginx.address}{path}", data=body, headers=headers, timeout=5).status_code for _ in range(count)
            ]

        assert statuses(DOOR, 60).count(429) > 0
        assert statuses(DOOR, 60, **{"X-Hub-Signature-256": "sha256=short"}).count(429) > 0
        for path, signature in (
            (DOOR, {"X-Hub-Signature-256": headers["X-Hub-Signature-256"]}),
            ("/webhook/twilio/status", {"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}),
            ("/webhook/chatwoot", {"X-Chatwoot-Signature": "sha256=" + "0f" * 32}),
        ):
            assert set(statuses(path, 200, **signature)) == {200}
            assert statuses("/webhook/conversations", 60, **signature).count(429) > 0, "a header opens no other door"
        refused = session.get(f"{nginx.address}/webhook/status", timeout=5)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
    assert refused.headers["Retry-After"]


def test_the_log_tells_doors_and_times_and_nothing_personal(nginx: Nginx) -> None:
    secrets = ("34600123456", "verify-me-canary", "Canario")
    requests.get(f"{nginx.address}{DOOR}?hub.verify_token={secrets[1]}", timeout=5)
    requests.delete(f"{nginx.address}/webhook/conversation/{secrets[0]}?erase=true", timeout=5)
    requests.get(
        f"{nginx.address}/{secrets[0]}/{secrets[2]}", headers={"User-Agent": secrets[2], "Referer": secrets[2]}, timeout=5
    )
    requests.post(f"{nginx.address}/webhook/conversation/{secrets[0]}/messages", data=b"x" * 4_000_000, timeout=5)
    eventually(lambda: len(nginx.logged()) == 4)
    shown = "/webhook/conversation/…"
    assert [(row["door"], row["status"]) for row in nginx.logged()] == [(DOOR, 200), (shown, 200), ("other", 200), (shown, 413)]
    written = nginx.output.read_text()
    assert [canary for canary in secrets if canary in written] == []


def test_a_web_process_that_is_gone_is_told_as_503(echo: Echo, tmp_path: Path) -> None:
    with Nginx(tmp_path / "nginx", free_port()) as nginx:
        answer = requests.get(f"{nginx.address}/healthz", timeout=10)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        assert "34600123456" not in nginx.output.read_text()


def test_the_doors_over_tls(echo: Echo, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    nginx = Nginx(tmp_path / "nginx", echo.server_port)
    shutil.copy(DEPLOY / "nginx-tls.conf", tmp_path / "nginx" / "local")
    mounted = compose({"CERTIFICATE_DIR": "/certificates"}, "compose.tls.yaml")["services"]["nginx"]["volumes"]
    assert mounted == ["./deploy/nginx-tls.conf:/etc/nginx/local/tls.conf:ro", "/certificates:/etc/nginx/certificate:ro"]
    port = free_port()
    nginx.replace("local/nginx-tls.conf", "listen 8443", f"listen 127.0.0.1:{port}")
    for file in ("fullchain", "privkey"):
        nginx.replace("local/nginx-tls.conf", f"/etc/nginx/certificate/{file}.pem", str(tmp_path / "both.pem"))
    with nginx:
        answer = requests.get(f"https://127.0.0.1:{port}/webhook/status", verify=str(tmp_path / "ca.pem"), timeout=5)
    assert answer.ok
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert echo.asked[0][1]["X-Forwarded-Proto"] == "https"


# -- slow clients --------------------------------------------------------------------------------------------------


class SlowClients:
    """Half never finish their headers, half never finish a body that looks signed; each sends a byte now and then."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drip)
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> SlowClients:
        for number in range(SLOW_CLIENTS):
            self._sockets.append(self._connect(number))
        self._thread.start()
        return self

    def _connect(self, number: int) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self._port), timeout=5)
        signature = f"X-Hub-Signature-256: sha256={number:064x}"
        headers = f"POST {DOOR} HTTP/1.1\r\nHost: h\r\n{signature}\r\nContent-Length: 1000\r\nX-Slow: "
        client.sendall(f"{headers}x\r\n\r\n{{".encode() if number % 2 else headers.encode())
        client.setblocking(False)
        return client

    def _drip(self) -> None:
        while not self._stop.wait(0.5):
            for client in self._sockets:
                try:
                    client.send(b"x")
                except OSError:
                    continue

    def still_open(self) -> int:
        """How many nobody has hung up on."""
        return sum(not self._ended(client) for client in self._sockets)

    @staticmethod
    def _ended(client: socket.socket) -> bool:
        try:
            return not client.recv(4096, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for client in self._sockets:
            client.close()


@pytest.fixture(scope="module")
def web_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The real application under gunicorn as in compose.yaml, on a store of its own."""
    directory = tmp_path_factory.mktemp("web")
    store = EmbeddedValkey(directory)
    store.start()
    port = free_port()
    command = compose({"STORE_PASSWORD": "x"})["services"]["web"]["command"]
    environment = {
        "WHATSAPP_TOKEN": "EAAtokenofthetests", "WHATSAPP_PHONE_NUMBER_ID": builders.BUSINESS.phone_number_id,
        "WHATSAPP_VERIFY_TOKEN": "verify-for-tests", "WHATSAPP_APP_SECRET": SECRET, "DATA_DIR": str(directory),
        "ADMIN_TOKEN": "operator-for-tests", "LOG_FILE": str(directory / "webhook.log"), "WEBHOOK_PORT": str(port),
        "WEBHOOK_HOST": "127.0.0.1", "WORKER_PROCESSES": "0", "GUNICORN_CMD_ARGS": "--no-control-socket",
    }  # fmt: skip
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WHATSAPP_", "REDIS_"))}
    output = directory / "output.txt"
    with running([sys.executable, "-m", *command], output, environment={**inherited, **environment}):
        wait_for(f"http://127.0.0.1:{port}/healthz", output)
        yield port
    store.stop()


def answer_times_s(port: int, count: int) -> list[float]:
    """How long each of so many good webhooks took, a few at a time; each must be taken."""

    def send(number: int) -> float:
        body, headers = signed(f"hola {number}")
        began_s = time.monotonic()
        answer = requests.post(f"http://127.0.0.1:{port}{DOOR}", data=body, headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text
        return time.monotonic() - began_s

    with ThreadPoolExecutor(4) as senders:
        return list(senders.map(send, range(count)))


def test_three_hundred_slow_clients_keep_nobody_waiting(web_port: int, tmp_path: Path) -> None:
    with Nginx(tmp_path / "nginx", web_port) as nginx:
        with SlowClients(nginx.port) as slow:
            times_s = answer_times_s(nginx.port, 20)
            assert slow.still_open() == SLOW_CLIENTS
        assert max(times_s) < ANSWERED_WITHIN_S, times_s


def test_a_bare_gunicorn_is_stopped_by_them(web_port: int) -> None:
    """Why nginx is needed, and proof that these slow clients are an attack."""
    body, headers = signed()
    with SlowClients(web_port), pytest.raises(requests.Timeout):
        requests.post(f"http://127.0.0.1:{web_port}{DOOR}", data=body, headers=headers, timeout=3 * ANSWERED_WITHIN_S)
