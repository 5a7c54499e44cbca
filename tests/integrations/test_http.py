"""The outgoing rules, against servers on this machine."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import requests

from src.errors import AccessDenied, Rejected, TemporaryFailure
from src.integrations import http
from src.integrations.http import AllowedHosts, Answer, Outgoing

TOKEN = {"Authorization": "Bearer a-token-that-must-not-leak"}


class Server:
    """Answers every request with `behave(handler)`; remembers what was asked."""

    def __init__(self, behave: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.end = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                self.rfile.read(length)
                outer.requests.append((self.command, self.path, dict(self.headers)))
                behave(self)

            do_GET = do_POST = handle_one  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(behave: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[Server]:
    server = Server(behave)
    thread = threading.Thread(target=server.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.end.set()
        server.server.shutdown()
        thread.join()
        server.server.server_close()


def answering(status: int = 200, body: bytes = b"{}", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}"]
    names = ["-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *names], check=True, capture_output=True)
    return key, certificate


@pytest.fixture
def outgoing() -> Iterator[Outgoing]:
    made = Outgoing("vendor")
    yield made
    for session in made._sessions.values():
        session.close()


def call(outgoing: Outgoing, url: str, *, timeout_s: float = 5.0, **content: Any) -> Answer:
    return outgoing.call("act", "POST", url, timeout_s=timeout_s, headers=TOKEN, **content)


def fetch(outgoing: Outgoing, url: str, *, home: str = "", hosts: str = "files.example", max_bytes: int = 1000) -> Answer:
    allowed = AllowedHosts(frozenset({hosts}), home)
    return outgoing.fetch("get", url, allowed=allowed, timeout_s=5.0, headers=TOKEN, max_bytes=max_bytes)


class TestCall:
    def test_an_answer_is_an_answer_whatever_its_status(self, outgoing: Outgoing) -> None:
        with serving(answering(429, b'{"a":1}', Retry_After="7")) as server:
            answer = call(outgoing, server.url, json={"x": 1})
        assert (answer.status, answer.json_object(), answer.retry_after_s) == (429, {"a": 1}, 7.0)
        assert server.requests[0][2]["Authorization"] == TOKEN["Authorization"]

    @pytest.mark.parametrize("body", [b"", b"[1]", b"null", b"<html>", b"[" * 100_000, b"\xff"])
    def test_a_body_that_is_no_object_reads_as_empty(self, outgoing: Outgoing, body: bytes) -> None:
        with serving(answering(200, body)) as server:
            assert call(outgoing, server.url).json_object() == {}

    @pytest.mark.parametrize(
        ("header", "seconds"), [("3", 3.0), ("0.5", 0.5), ("86400", 3600.0), ("-1", None), ("soon", None), ("nan", None)]
    )
    def test_retry_after(self, header: str, seconds: float | None) -> None:
        assert Answer(429, {"Retry-After": header}, b"").retry_after_s == seconds

    def test_a_redirect_is_not_followed(self, outgoing: Outgoing) -> None:
        with serving(answering()) as other, serving(answering(302, b"", Location=other.url)) as server:
            assert call(outgoing, server.url).status == 302
        assert other.requests == []

    def test_neither_cookies_nor_the_environment_take_part(self, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        with serving(answering(200, b"{}", Set_Cookie="a=b")) as server:
            call(outgoing, server.url)
            call(outgoing, server.url)
        assert "Cookie" not in server.requests[1][2]
        assert server.requests[0][2]["Accept-Encoding"] == "identity"

    def test_connections_are_kept(self, outgoing: Outgoing) -> None:
        ports = set()

        def behave(handler: BaseHTTPRequestHandler) -> None:
            ports.add(handler.client_address[1])
            answering()(handler)

        with serving(behave) as server:
            for _ in range(5):
                call(outgoing, server.url)
        assert len(ports) == 1

    def test_a_child_process_does_not_share_connections(self, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch) -> None:
        ours = outgoing._session(False)
        assert outgoing._session(False) is ours
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert outgoing._session(False) is not ours

    def test_nobody_there_means_nothing_happened(self, outgoing: Outgoing) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            with pytest.raises(TemporaryFailure) as failed:
                call(outgoing, f"http://127.0.0.1:{free.getsockname()[1]}/")
        assert not failed.value.maybe_done

    def test_a_name_that_leads_nowhere_means_nothing_happened(
        self, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def nowhere(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(-2, "unknown")

        monkeypatch.setattr(socket, "getaddrinfo", nowhere)
        with pytest.raises(TemporaryFailure) as failed:
            call(outgoing, "http://vendor.example/")
        assert not failed.value.maybe_done

    def test_silence_after_the_request_may_hide_a_success(self, outgoing: Outgoing) -> None:
        def wait(_: BaseHTTPRequestHandler) -> None:
            server.end.wait(30)

        with serving(wait) as server:
            with pytest.raises(TemporaryFailure) as failed:
                call(outgoing, server.url, timeout_s=0.2)
            server.end.set()
        assert failed.value.maybe_done

    def test_a_cut_connection_may_hide_a_success(self, outgoing: Outgoing) -> None:
        def hang_up(handler: BaseHTTPRequestHandler) -> None:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)

        with serving(hang_up) as server, pytest.raises(TemporaryFailure) as failed:
            call(outgoing, server.url)
        assert failed.value.maybe_done

    def test_a_dripping_answer_ends_at_the_deadline(self, outgoing: Outgoing) -> None:
        def drip(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            while not server.end.wait(0.02):
                handler.wfile.write(b" ")

        with serving(drip) as server:
            with pytest.raises(TemporaryFailure) as failed:
                call(outgoing, server.url, timeout_s=0.3)
            server.end.set()
        assert failed.value.maybe_done

    def test_a_beginning_and_then_silence_ends_at_the_deadline(self, outgoing: Outgoing) -> None:
        def stall(handler: BaseHTTPRequestHandler) -> None:
            answering(200, b"{", Content_Length="2")(handler)
            server.end.wait(30)

        with serving(stall) as server:
            with pytest.raises(TemporaryFailure) as failed:
                call(outgoing, server.url, timeout_s=0.3)
            server.end.set()
        assert failed.value.maybe_done

    def test_each_wait_is_what_is_left_of_the_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        response = Mock()
        monkeypatch.setattr(time, "monotonic", lambda: 100.0)
        http._next_chunk(response, 101.5)
        response.raw.connection.sock.settimeout.assert_called_once_with(1.5)
        with pytest.raises(TimeoutError):
            http._next_chunk(response, 100.0)

    def test_a_kept_connection_has_its_full_time_again(self, outgoing: Outgoing) -> None:
        turn = threading.Event()

        def slower_the_second_time(handler: BaseHTTPRequestHandler) -> None:
            if server.requests[1:]:
                turn.wait(0.2)
            answering()(handler)

        with serving(slower_the_second_time) as server:
            call(outgoing, server.url, timeout_s=0.1)
            assert call(outgoing, server.url, timeout_s=5.0).status == 200

    def test_half_an_answer_is_none(self, outgoing: Outgoing) -> None:
        def half(handler: BaseHTTPRequestHandler) -> None:
            answering(200, b'{"id":1}', Content_Length="100")(handler)
            handler.close_connection = True

        with serving(half) as server, pytest.raises(TemporaryFailure):
            call(outgoing, server.url)

    def test_an_answer_that_cannot_be_parsed_may_hide_a_success(self, outgoing: Outgoing) -> None:
        def two_lengths(handler: BaseHTTPRequestHandler) -> None:
            answering(200, b"{}", content_length="5")(handler)
            handler.close_connection = True

        with serving(two_lengths) as server, pytest.raises(TemporaryFailure) as failed:
            call(outgoing, server.url)
        assert failed.value.maybe_done

    def test_an_endless_answer_is_cut(self, outgoing: Outgoing) -> None:
        with serving(answering(200, b"x" * (http.ANSWER_LIMIT_BYTES + 1))) as server, pytest.raises(TemporaryFailure) as failed:
            call(outgoing, server.url)
        assert failed.value.maybe_done

    @pytest.mark.parametrize(
        ("url", "token"),
        [("http://127.0.0.1:1", "a\r\nX: secret-token"), ("http://", "t"), ("ftp://x/", "t"), ("nonsense", "t")],
    )
    def test_a_request_that_cannot_be_written_is_the_operators(self, outgoing: Outgoing, url: str, token: str) -> None:
        with pytest.raises(AccessDenied) as refused:
            outgoing.call("act", "GET", url, timeout_s=1.0, headers={"Authorization": token})
        assert "secret-token" not in str(refused.value)
        assert refused.value.__cause__ is None


class TestAllowedHosts:
    ALLOWED = AllowedHosts(frozenset({"graph.facebook.com"}), "https://graph.example:8443/base")

    @pytest.mark.parametrize(
        ("url", "private"),
        [
            ("https://graph.facebook.com/v1/x?y=1", False),
            ("HTTPS://Graph.Facebook.com:443/", False),
            ("https://graph.example:8443/other", True),
        ],
    )
    def test_admitted(self, url: str, private: bool) -> None:
        assert self.ALLOWED.admit(url)[1] is private

    @pytest.mark.parametrize(
        "url",
        [
            "http://graph.facebook.com/",
            "https://graph.facebook.com:8443/",
            "https://graph.facebook.com.evil.example/",
            "https://evil.example/graph.facebook.com",
            "https://graph.facebook.com@evil.example/",
            "https://user:pw@graph.facebook.com/",
            "https://evil.example\\@graph.facebook.com/",
            "https://evil.example#@graph.facebook.com/",
            "https://graph.facebook.com\t.evil.example/",
            "https://graph.facebook.com\r\n/",
            "https://ｇraph.facebook.com/",
            "https://graph.example/",
            "http://graph.example:8443/",
            "https://169.254.169.254/latest/meta-data",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://2130706433/",
            "file:///etc/passwd",
            "gopher://graph.facebook.com/",
            "//graph.facebook.com/",
            "graph.facebook.com",
            "https://",
            "",
        ],
    )
    def test_refused(self, outgoing: Outgoing, url: str) -> None:
        with pytest.raises(Rejected) as refused:
            outgoing.fetch("get", url, allowed=self.ALLOWED, timeout_s=1.0, headers=TOKEN, max_bytes=10)
        assert "evil" not in str(refused.value)

    @pytest.mark.parametrize("home", ["http://127.0.0.1:8101", "http://localhost:8101", "http://[::1]:8101"])
    def test_plain_http_only_on_this_machine(self, home: str) -> None:
        assert AllowedHosts(frozenset(), home).admit(f"{home}/x") == (f"{home}/x", True)
        with pytest.raises(ValueError, match="https"):
            AllowedHosts(frozenset(), "http://10.0.0.5:8101").admit("http://10.0.0.5:8101/x")

    def test_another_port_of_this_machine_is_another_host(self) -> None:
        with pytest.raises(ValueError, match="https"):
            AllowedHosts(frozenset(), "http://127.0.0.1:8101").admit("http://127.0.0.1:6379/")

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1%eth0",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2001:db8::1",
            # Not to be reached over the public internet either, though not everywhere known as such.
            "fec0::1",
            "feff:ffff::1",
            "3fff::1",
            "3fff:fff:ffff::1",
            "192.88.99.0",
            "192.88.99.255",
            "192.0.0.8",
            "192.0.0.170",
            "::ffff:192.88.99.1",
            "64:ff9b::c058:6301",
            "64:ff9b:1::9df0:101",
            "::7f00:1",
            "::9df0:101",
            "::ffff:0:9df0:101",
            "100:0:0:1::1",
            "2001:0:9df0:101::1",
            "2001:2::1",
            "2001:20::1",
            "2002:9df0:101::1",
            "4000::1",
            "5f00::1",
            "fbff::1",
        ],
    )
    def test_private_addresses(self, address: str) -> None:
        assert not http._is_public(address)

    @pytest.mark.parametrize(
        "address",
        ["157.240.1.1", "2a03:2880:f12f:83:face:b00c:0:25de", "64:ff9b::9df0:101", "::ffff:157.240.1.1", "2001:4860:4860::8888",
         "2001:200::1", "3ffe::1", "3fff:1000::1", "192.88.98.255", "192.88.100.0"],
    )  # fmt: skip
    def test_public_addresses(self, address: str) -> None:
        assert http._is_public(address)


class TestFetch:
    def test_from_home(self, outgoing: Outgoing) -> None:
        with serving(answering(200, b"file", Content_Type="image/png")) as server:
            answer = fetch(outgoing, f"{server.url}/f", home=server.url)
        assert (answer.body, answer.headers["content-type"]) == (b"file", "image/png")

    @pytest.mark.parametrize("chunked", [False, True])
    def test_no_more_is_read_than_allowed(self, outgoing: Outgoing, chunked: bool) -> None:
        def endless(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            if chunked:
                handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            handler.close_connection = True
            try:
                while not server.end.is_set():
                    handler.wfile.write(b"3e8\r\n" + b"x" * 1000 + b"\r\n" if chunked else b"x" * 1000)
            except OSError:
                pass

        with serving(endless) as server, pytest.raises(Rejected, match="larger than 5000"):
            fetch(outgoing, server.url, home=server.url, max_bytes=5000)

    def test_a_declared_size_is_enough_to_refuse(self, outgoing: Outgoing) -> None:
        with serving(answering(200, b"", Content_Length="5001")) as server, pytest.raises(Rejected, match="larger"):
            fetch(outgoing, server.url, home=server.url, max_bytes=5000)

    def test_exactly_the_size_is_fine(self, outgoing: Outgoing) -> None:
        with serving(answering(200, b"x" * 5000)) as server:
            assert len(fetch(outgoing, server.url, home=server.url, max_bytes=5000).body) == 5000

    def test_a_compressed_answer_is_not_blown_up(self, outgoing: Outgoing) -> None:
        bomb = gzip.compress(b"0" * 10_000_000)
        with serving(answering(200, bomb, Content_Encoding="gzip")) as server:
            assert fetch(outgoing, server.url, home=server.url, max_bytes=20_000).body == bomb

    def test_a_listed_name_with_a_private_address_is_not_connected_to(
        self, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            asked.append(host)
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, ("157.240.1.1", port)), (*kind, ("127.0.0.1", port))]

        connected = []
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(socket.socket, "connect", lambda _, address: connected.append(address))
        with pytest.raises(Rejected, match="no public address"):
            fetch(outgoing, "https://files.example/x")
        assert asked == ["files.example"]
        assert connected == []

    def test_it_connects_to_the_address_that_was_checked(self, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch) -> None:
        """The name is asked for once, so a second answer cannot lead elsewhere."""
        asked: list[str] = []
        connected: list[Any] = []

        def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("157.240.1.1", port))]

        def connect(_: socket.socket, address: Any) -> None:
            connected.append(address)
            raise ConnectionRefusedError

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(socket.socket, "connect", connect)
        with pytest.raises(TemporaryFailure) as failed:
            fetch(outgoing, "https://files.example/x")
        assert not failed.value.maybe_done
        assert asked.count("files.example") == 1
        assert connected == [("157.240.1.1", 443)]

    def test_the_certificate_must_be_the_names_though_the_address_was_checked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key, certificate = self_signed(tmp_path, "files.example")
        resolve = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda _, port, *a, **k: resolve("127.0.0.1", port, *a, **k))
        monkeypatch.setattr(http, "_is_public", lambda address: address == "127.0.0.1")
        with serving(answering(200, b"file")) as server, http.new_session(public_only=True) as session:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate, key)
            server.server.socket = tls.wrap_socket(server.server.socket, server_side=True)
            session.verify = str(certificate)
            assert session.get(f"https://files.example:{server.port}/x", timeout=5).content == b"file"
            assert server.requests[0][2]["Host"] == f"files.example:{server.port}"
            with pytest.raises(requests.exceptions.SSLError):
                session.get(f"https://other.example:{server.port}/x", timeout=5)
        assert len(server.requests) == 1

    def test_a_public_session_speaks_no_plain_http(self) -> None:
        session = http.new_session(public_only=True)
        with serving(answering()) as server, pytest.raises(KeyError):
            session.get(server.url, timeout=1)
        assert server.requests == []
        session.close()
