"""Files of humans: fetched from Chatwoot and its store only, stored at Meta once, shown as what WhatsApp can show."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from src.desk.failures import reason_of
from src.errors import Rejected, TemporaryFailure
from src.integrations.chatwoot.files import ChatwootFiles
from src.messages import Content

MB = 1024 * 1024
FILES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/foto.png": (200, {"Content-Type": "image/png"}, b"png"),
    "/grande.png": (200, {"Content-Type": "image/png"}, b"x" * (5 * MB + 1)),
    "/foto.webp": (200, {"Content-Type": "image/webp"}, b"webp"),
    "/nota.ogg": (200, {"Content-Type": "audio/ogg; codecs=opus"}, b"ogg"),
    "/voz.webm": (200, {"Content-Type": "audio/webm;codecs=opus"}, b"webm"),
    "/oferta.pdf": (200, {"Content-Type": "application/pdf"}, b"%PDF"),
    "/vacio.pdf": (200, {"Content-Type": "application/pdf"}, b""),
    "/lleva": (302, {"Location": "/foto.png"}, b""),
    "/vueltas": (302, {"Location": "/vueltas"}, b""),
    "/otro": (302, {"Location": "http://169.254.169.254/latest/meta-data"}, b""),
    "/ninguno": (302, {}, b""),
    "/nada": (404, {}, b""),
    "/mal": (503, {"Retry-After": "7"}, b""),
}


class Store(BaseHTTPRequestHandler):
    asked: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        self.asked.append((self.path, dict(self.headers)))
        status, headers, body = FILES[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Tests are quiet."""


class Meta:
    def __init__(self) -> None:
        self.stored: list[tuple[int, str, str]] = []

    def upload(self, data: bytes, mime: str, filename: str) -> str:
        self.stored.append((len(data), mime, filename))
        return f"media{len(self.stored)}"


@pytest.fixture
def chatwoot() -> Iterator[str]:
    Store.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def meta() -> Meta:
    return Meta()


@pytest.fixture
def files(chatwoot: str, meta: Meta) -> ChatwootFiles:
    return ChatwootFiles(chatwoot, meta.upload)


@pytest.mark.parametrize(
    ("path", "kind", "mime"),
    [
        ("/foto.png", "image", "image/png"),
        ("/lleva", "image", "image/png"),
        ("/grande.png", "document", "image/png"),
        ("/foto.webp", "document", "image/webp"),
        ("/nota.ogg", "audio", "audio/ogg"),
        ("/oferta.pdf", "document", "application/pdf"),
    ],
)
def test_a_file_is_stored_at_meta_and_sent_as_what_whatsapp_can_show(
    chatwoot: str, files: ChatwootFiles, meta: Meta, path: str, kind: str, mime: str
) -> None:
    ready = files.ready(Content(kind="image", link=chatwoot + path, text="Mire", filename="f"))
    assert (ready.kind, ready.media_id, ready.link, ready.text, ready.filename) == (kind, "media1", "", "Mire", "f")
    assert [stored[1:] for stored in meta.stored] == [(mime, "f")]


def test_a_second_attempt_has_the_file_at_hand(chatwoot: str, files: ChatwootFiles, meta: Meta) -> None:
    for text in ("uno", "dos"):
        assert files.ready(Content(kind="image", link=f"{chatwoot}/foto.png", text=text)).text == text
    assert len(meta.stored) == 1


@pytest.mark.parametrize("path", ["/nada", "/vacio.pdf", "/otro", "/vueltas", "/ninguno"])
def test_a_file_that_cannot_be_had_is_a_refusal_with_its_code(
    chatwoot: str, files: ChatwootFiles, meta: Meta, path: str
) -> None:
    with pytest.raises(Rejected) as refusal:
        files.ready(Content(kind="image", link=chatwoot + path))
    assert refusal.value.vendor_code in ("file", "")
    assert "169.254" not in str(refusal.value)
    assert meta.stored == []


def test_a_store_that_is_tired_is_asked_again_later(chatwoot: str, files: ChatwootFiles) -> None:
    with pytest.raises(TemporaryFailure) as failure:
        files.ready(Content(kind="image", link=f"{chatwoot}/mal"))
    assert failure.value.retry_after_s == 7


def test_nothing_but_files_of_chatwoot_is_fetched(chatwoot: str, files: ChatwootFiles) -> None:
    for content in (
        Content(text="hola"),
        Content(kind="image", link="http://169.254.169.254/foto.png"),
        Content(kind="image", link="https://elsewhere.test/foto.png"),
        Content(kind="image", media_id="m1"),
        Content(kind="cta_url", link=f"{chatwoot}/foto.png", text="x", action="y"),
        Content(kind="image", link="http://[::bad/foto.png"),
    ):
        assert files.ready(content) == content
    assert Store.asked == []


def test_no_credentials_travel_along(chatwoot: str, files: ChatwootFiles) -> None:
    files.ready(Content(kind="image", link=f"{chatwoot}/foto.png"))
    ((_, headers),) = Store.asked
    assert not {"authorization", "api-access-token", "cookie"} & {name.casefold() for name in headers}


def test_what_a_browser_recorded_is_refused_with_a_reason_of_its_own(chatwoot: str, files: ChatwootFiles, meta: Meta) -> None:
    with pytest.raises(Rejected) as refusal:
        files.ready(Content(kind="audio", link=f"{chatwoot}/voz.webm"))
    assert refusal.value.vendor_code == "file_webm"
    assert "webm" in reason_of(refusal.value.vendor_code)
    assert meta.stored == []
