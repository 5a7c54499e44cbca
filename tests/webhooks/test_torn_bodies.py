"""A body that breaks off or is framed wrongly, over real sockets: the sender's fault, told to the sender and to nobody else."""

from __future__ import annotations

import socket

import pytest
import requests

from tests.webhooks.conftest import Served
from tests.webhooks.door_kit import ADMIN

FRAMED_WRONGLY = {
    "size is no number": b"zz\r\nhola\r\n0\r\n\r\n",
    "size is empty": b"\r\nhola\r\n0\r\n\r\n",
    "size is negative": b"-5\r\nhola\r\n0\r\n\r\n",
    "size is longer than any": b"F" * 10_000 + b"\r\n",
    "chunk longer than its size": b"2\r\nhola\r\n0\r\n\r\n",
    "chunk shorter than its size": b"9\r\nhola\r\n0\r\n\r\n",
    "extension with a bare return": b"4;a\rb\r\nhola\r\n0\r\n\r\n",
    "extension that is none": b'4;"\r\nhola\r\n0\r\n\r\n',
    "trailer that is none": b"4\r\nhola\r\n0\r\nno header\r\n\r\n",
    "trailer with a bare newline": b"4\r\nhola\r\n0\r\na: b\n\r\n",
    "trailer without an end": b"4\r\nhola\r\n0\r\na: b\r\n",
    "nothing at all": b"",
    "only a beginning": b"4\r\nho",
}
DOORS = {
    "meta": "/webhook/whatsapp",
    "twilio": "/webhook/twilio",
    "chatwoot": "/webhook/chatwoot",
    "operator": "/webhook/diag/send",
    "login": "/login",
}


def send(port: int, path: str, framing: str, body: bytes) -> tuple[int, bytes]:
    """The status and what else came: the connection is half closed after the body, so that whoever waits sees the end."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {ADMIN}\r\n{framing}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    first, _, rest = answer.partition(b"\r\n")
    return int(first.split()[1]), rest


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("body", FRAMED_WRONGLY.values(), ids=FRAMED_WRONGLY)
def test_chunks_that_are_none_are_a_400_and_no_alarm(served: Served, door: str, body: bytes) -> None:
    before = failures(served)
    status, rest = send(served.port, DOORS[door], f"{kind_of(door)}\r\nTransfer-Encoding: chunked", body)
    assert status == 400
    assert b"HTTP/1." not in rest, "what follows a body without an end was taken for a request"
    assert failures(served) == before


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("body", [b"", b"{", b"hola"], ids=repr)
def test_a_body_that_ends_before_its_length_is_a_400_and_no_alarm(served: Served, door: str, body: bytes) -> None:
    before = failures(served)
    status, _ = send(served.port, DOORS[door], f"{kind_of(door)}\r\nContent-Length: 100", body)
    assert status == 400
    assert failures(served) == before


def test_the_door_of_a_torn_body_is_still_there_for_the_next(served: Served) -> None:
    for body in FRAMED_WRONGLY.values():
        send(served.port, DOORS["meta"], "Transfer-Encoding: chunked", body)
    for length in (10**17, 10**18, int("9" * 1000)):
        assert send(served.port, DOORS["meta"], f"Content-Length: {length}", b"hola")[0] in (400, 413)
    assert requests.get(f"{served.address}/healthz", timeout=10).status_code == 200
    assert served.process.poll() is None


def kind_of(door: str) -> str:
    return f"Content-Type: application/{'x-www-form-urlencoded' if door in ('twilio', 'login') else 'json'}"


def failures(served: Served) -> int:
    """What wakes somebody: a line about a fault of ours."""
    log = served.log_file.read_text(encoding="utf-8") if served.log_file.exists() else ""
    return log.count("request.failed") + log.count("level=error")
