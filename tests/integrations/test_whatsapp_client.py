"""What the client sends and what Meta's answers mean to it; over real HTTP against the simulator."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from src.desk.ports import Channel
from src.errors import (
    AccessDenied,
    IntegrationError,
    PermanentFailure,
    Rejected,
    TemporaryFailure,
    Unreachable,
    WindowClosed,
)
from src.integrations.whatsapp.client import WhatsAppClient
from src.messages import Contact, Content, Media, Template
from tests.integrations.test_http import Server, answering, serving
from tests.integrations.test_whatsapp_messages import MARTA, NAMELESS, PHONE, SENDABLE, message
from tests.kit.rig import Rig


@pytest.fixture(scope="module")
def started_rig() -> Iterator[Rig]:
    limits = {"pair_limit": False, "throughput_limit": False, "window_mode": "off"}
    with Rig("http://127.0.0.1:9", config={"meta": limits}) as rig:
        yield rig


@pytest.fixture
def rig(started_rig: Rig) -> Rig:
    started_rig.meta.reset()
    return started_rig


def client_for(rig: Rig, **changes: Any) -> WhatsAppClient:
    env = rig.env("meta")
    settings = {
        "token": env["WHATSAPP_TOKEN"],
        "number_id": env["WHATSAPP_PHONE_NUMBER_ID"],
        "base_url": env["WHATSAPP_API_BASE_URL"],
        "api_version": env["WHATSAPP_API_VERSION"],
    }
    return WhatsAppClient(**(settings | changes))


def fail_with(rig: Rig, content: Content = SENDABLE["text"], **changes: Any) -> IntegrationError:
    with pytest.raises(IntegrationError) as failed:
        client_for(rig, **changes).send(message(content), opaque="o1", timeout_s=2.0)
    return failed.value


class TestSending:
    @pytest.mark.parametrize("name", SENDABLE)
    @pytest.mark.parametrize("contact", [MARTA, NAMELESS], ids=["phone", "bsuid"])
    def test_every_kind_is_accepted(self, rig: Rig, name: str, contact: Contact) -> None:
        message_id = client_for(rig).send(message(SENDABLE[name], contact), opaque="whatsapp:x|o1")
        (sent,) = rig.meta.sent()
        assert sent["id"] == message_id
        assert sent["callback_data"] == "whatsapp:x|o1"
        assert sent["to_has_plus"] is (contact is MARTA)

    def test_the_version_may_lack_its_letter(self, rig: Rig) -> None:
        client_for(rig, api_version="23.0").send(message(SENDABLE["text"]), opaque="")
        assert rig.meta.sent()[0]["version"] == "v23.0"

    def test_read_mark_with_typing(self, rig: Rig) -> None:
        (message_id,) = rig.meta.inbound(PHONE, "hola", wait=False)["ids"]
        client_for(rig).mark_read(message_id, typing=True)
        client_for(rig).mark_read(message_id, typing=False)
        assert [entry["kind"] for entry in rig.meta.ledger()["accepted"]] == ["typing", "read"]

    def test_threads_share_a_client(self, rig: Rig) -> None:
        client = client_for(rig)

        def send(number: int) -> str:
            return client.send(message(Content(text=f"mensaje {number}")), opaque=str(number))

        with ThreadPoolExecutor(8) as threads:
            ids = list(threads.map(send, range(64)))
        assert len(set(ids)) == 64
        assert Counter(sent["callback_data"] for sent in rig.meta.sent()) == Counter(map(str, range(64)))

    def test_is_a_channel_of_the_desk(self, rig: Rig) -> None:
        channel: Channel = client_for(rig)
        assert channel.number == rig.env("meta")["WHATSAPP_PHONE_NUMBER_ID"]
        assert channel.confirms
        assert len(channel.parts(Content(text="palabra " * 600))) == 2

    def test_check(self, rig: Rig) -> None:
        assert client_for(rig).check()["verified_name"] == "Rig"
        with pytest.raises(AccessDenied):
            client_for(rig, token="wrong").check()
        with pytest.raises(AccessDenied):
            client_for(rig, number_id="1234567").check()

    def test_constructing_connects_nowhere_and_imports_little(self) -> None:
        heavy = "{'flask', 'redis', 'langgraph', 'langchain_core', 'openai', 'phonenumbers', 'click'}"
        probe = (
            "import sys, socket\n"
            "def refuse(*a, **k): raise SystemExit('connected')\n"
            "socket.socket.connect = socket.getaddrinfo = refuse\n"
            "from src.integrations.whatsapp.client import WhatsAppClient\n"
            "import src.integrations.whatsapp.payloads\n"
            "WhatsAppClient(token='t', number_id='1', base_url='https://graph.facebook.com', api_version='v23.0')\n"
            f"raise SystemExit(str({heavy} & set(sys.modules) or ''))\n"
        )
        ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
        assert ran.stderr.strip() == ""


# The facts sheet's error codes: what the client makes of each, whatever the HTTP status.
TEMPORARY = [1, 2, 4, 80007, 130429, 131000, 131016, 131053, 131056, 131057, 133004, 133016]
DENIED = [0, 3, 10, 190, 200, 250, 299, 368, 131005, 131031, 131037, 131042, 131045]
DENIED += [133005, 133006, 133008, 133009, 133010, 133015, 134011]
UNREACHABLE = [131026, 131021, 130497, 131030]
REJECTED = [33, 100, 130472, 131008, 131009, 131048, 131049, 131050, 131051, 131052, 131062, 132000, 132001, 132005]
REJECTED += [132007, 132012, 132015, 132016, 132018, 132068, 132069, 135000]
MEANINGS: list[tuple[int, type[IntegrationError]]] = [
    *((code, TemporaryFailure) for code in TEMPORARY),
    *((code, AccessDenied) for code in DENIED),
    *((code, Unreachable) for code in UNREACHABLE),
    *((code, Rejected) for code in REJECTED),
    (131047, WindowClosed),
]


class TestRefusals:
    @pytest.mark.parametrize(("code", "meaning"), MEANINGS)
    def test_the_code_decides(self, rig: Rig, code: int, meaning: type[IntegrationError]) -> None:
        fault = {"kind": "error", "code": code}
        statuses = (400, 403, 500)
        rig.meta.faults(fault, *(fault | {"status": status} for status in statuses))
        client = client_for(rig)
        for status in (None, *statuses):
            with pytest.raises(IntegrationError) as failed:
                client.send(message(SENDABLE["text"]), opaque="o1")
            assert type(failed.value) is meaning
            assert failed.value.vendor_code == str(code)
            assert failed.value.status == (status or failed.value.status)

    @pytest.mark.parametrize(
        ("status", "meaning"),
        [
            (408, TemporaryFailure),
            (429, TemporaryFailure),
            (500, TemporaryFailure),
            (503, TemporaryFailure),
            (401, AccessDenied),
            (403, AccessDenied),
            (302, AccessDenied),
            (400, Rejected),
            (404, Rejected),
            (418, Rejected),
        ],
    )
    @pytest.mark.parametrize("body", ["", "<html>", "[]", '{"error":"x"}', '{"error":{"code":"1"}}', '{"error":{"code":9}}'])
    def test_without_a_known_code_the_status_decides(self, status: int, meaning: type[IntegrationError], body: str) -> None:
        with serving(answering(status, body.encode())) as server, pytest.raises(IntegrationError) as failed:
            client_of(server).send(message(SENDABLE["text"]), opaque="")
        assert type(failed.value) is meaning

    def test_the_pair_limit_is_told_apart(self, rig: Rig) -> None:
        rig.meta.faults({"kind": "error", "code": 131056}, {"kind": "error", "code": 130429})
        pair, number = fail_with(rig), fail_with(rig)
        assert isinstance(pair, TemporaryFailure)
        assert isinstance(number, TemporaryFailure)
        assert (pair.pair_limited, pair.maybe_done, number.pair_limited) == (True, False, False)

    def test_how_long_to_wait(self, rig: Rig) -> None:
        rig.meta.faults({"kind": "error", "code": 4, "status": 429, "headers": {"Retry-After": "12"}})
        failure = fail_with(rig)
        assert isinstance(failure, TemporaryFailure)
        assert failure.retry_after_s == 12

    @pytest.mark.parametrize(
        ("fault", "happened"),
        [
            ({"kind": "drop_after"}, True),
            ({"kind": "hang_after", "seconds": 20}, True),
            ({"kind": "error_after_commit", "status": 500}, True),
            ({"kind": "hang", "seconds": 20}, False),
            ({"kind": "drop_before"}, False),
        ],
        ids=lambda value: value["kind"] if isinstance(value, dict) else "",
    )
    def test_a_failure_that_may_hide_a_success_says_so(self, rig: Rig, fault: dict[str, Any], happened: bool) -> None:
        rig.meta.faults(fault)
        with pytest.raises(TemporaryFailure) as failed:
            client_for(rig).send(message(SENDABLE["text"]), opaque="o1", timeout_s=0.5)
        assert failed.value.maybe_done
        assert bool(rig.meta.sent()) is happened

    def test_nobody_listening_is_certainly_not_done(self, rig: Rig) -> None:
        failure = fail_with(rig, base_url="http://127.0.0.1:9")
        assert isinstance(failure, TemporaryFailure)
        assert not failure.maybe_done

    @pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"messages":[]}', b'{"messages":[{"id":7}]}', b"<html>"])
    def test_accepted_without_an_id_may_be_done(self, body: bytes) -> None:
        with serving(answering(200, body)) as server, pytest.raises(TemporaryFailure) as failed:
            client_of(server).send(message(SENDABLE["text"]), opaque="")
        assert failed.value.maybe_done

    def test_a_real_refusal_for_each_reason(self, rig: Rig) -> None:
        assert type(fail_with(rig, token="wrong")) is AccessDenied
        assert type(fail_with(rig, number_id="99")) is AccessDenied
        assert type(fail_with(rig, api_version="v99.0")) is AccessDenied
        assert type(fail_with(rig, Content(kind="template", template=Template("no_such", "es")))) is Rejected
        rig.meta.config(window_mode="sync")
        assert type(fail_with(rig)) is WindowClosed
        rig.meta.config(window_mode="off", pair_limit=True, pair_burst=1)
        client_for(rig).send(message(SENDABLE["text"]), opaque="")
        failure = fail_with(rig)
        assert isinstance(failure, TemporaryFailure)
        assert failure.pair_limited

    def test_no_error_quotes_a_person_or_a_token(self) -> None:
        details = f"Recipient +{PHONE} / 34 600 111 222, token EAAGm0PX4ZCpsBAKZCzzzzzzzzzz, https://x.example/?p=1"
        for error in (
            {"code": 100, "message": "m", "error_data": {"details": details}},
            {"code": 100, "message": details},
        ):
            with serving(answering(400, json.dumps({"error": error}).encode())) as server:
                with pytest.raises(PermanentFailure) as failed:
                    client_of(server).send(message(SENDABLE["text"]), opaque="")
                assert not re.search(r"600|EAAG|example", str(failed.value))
                assert "Recipient" in failed.value.detail


def client_of(server: Server, **changes: Any) -> WhatsAppClient:
    settings: dict[str, Any] = {"token": "t", "number_id": "123", "base_url": server.url, "api_version": "v23.0"}
    return WhatsAppClient(**(settings | changes))


class TestFiles:
    def test_there_and_back(self, rig: Rig) -> None:
        client = client_for(rig)
        media_id = client.upload(b"%PDF-1.4 test", "application/pdf", '../../pó"li\r\nza.pdf')
        got = client.download(Media(id=media_id), max_bytes=1000)
        assert (got.data, got.mime_type) == (b"%PDF-1.4 test", "application/pdf")
        client.send(message(Content(kind="document", media_id=media_id, filename="póliza.pdf")), opaque="")

    def test_a_voice_note_that_came_in(self, rig: Rig) -> None:
        rig.meta.inbound(PHONE, type="voice", data_b64="T2dnUw==", id="wamid.VOICE", wait=False)
        media_id = client_for(rig).upload(b"OggS", "audio/ogg; codecs=opus", "voz.ogg")
        assert client_for(rig).download(Media(id=media_id), max_bytes=4).mime_type == "audio/ogg; codecs=opus"

    def test_too_large_is_rejected_before_it_is_fetched(self, rig: Rig) -> None:
        media_id = client_for(rig).upload(b"x" * 1001, "application/pdf", "a.pdf")
        with pytest.raises(Rejected, match="larger than 1000"):
            client_for(rig).download(Media(id=media_id), max_bytes=1000)

    def test_what_meta_refuses_to_store(self, rig: Rig) -> None:
        for mime in ("application/x-sh", "no type", "a/b\r\nX: y"):
            with pytest.raises(Rejected):
                client_for(rig).upload(b"x", mime, "a")

    @pytest.mark.parametrize("media_id", ["", "../me", "1?access_token=x", "1/2", "x" * 300])
    def test_an_id_that_is_none_asks_nobody(self, media_id: str) -> None:
        with serving(answering()) as server, pytest.raises(Rejected):
            client_of(server).download(Media(id=media_id), max_bytes=10)
        assert server.requests == []

    def test_an_unknown_id_is_rejected_and_does_not_stop_the_number(self, rig: Rig) -> None:
        for media_id in ("1234567890", rig.env("meta")["WHATSAPP_PHONE_NUMBER_ID"] + "0"):
            with pytest.raises(Rejected):
                client_for(rig).download(Media(id=media_id), max_bytes=10)

    def test_an_address_that_has_run_out_is_asked_for_again_once(self) -> None:
        fetched = []

        def behave(handler: Any) -> None:
            if handler.path.startswith("/file"):
                fetched.append(handler.path)
                answering(404 if len(fetched) == 1 else 200, b"ok", Content_Type="image/png")(handler)
            else:
                answering(200, json.dumps({"url": f"{server.url}/file{len(fetched)}"}).encode())(handler)

        with serving(behave) as server:
            got = client_of(server).download(Media(id="1"), max_bytes=10)
        assert got.data == b"ok"
        assert fetched == ["/file0", "/file1"]

    def test_a_file_that_stays_away_is_rejected(self) -> None:
        def behave(handler: Any) -> None:
            found = json.dumps({"url": f"{server.url}/file"}).encode()
            answering(404, b"")(handler) if handler.path == "/file" else answering(200, found)(handler)

        with serving(behave) as server, pytest.raises(Rejected):
            client_of(server).download(Media(id="1"), max_bytes=10)
        assert [path for _, path, _ in server.requests].count("/file") == 2

    @pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/x", "https://evil.example/x", "file:///etc/passwd", "", 5])
    def test_the_token_never_goes_to_another_host(self, url: Any) -> None:
        with serving(answering()) as other:
            found = json.dumps({"url": url.format(port=other.port) if isinstance(url, str) else url}).encode()
            with serving(answering(200, found)) as server, pytest.raises(IntegrationError) as failed:
                client_of(server).download(Media(id="1"), max_bytes=10)
            assert type(failed.value) is (Rejected if isinstance(url, str) else TemporaryFailure)
        assert other.requests == []

    def test_a_redirect_is_refused(self) -> None:
        with serving(answering(200, b"secret")) as other:

            def behave(handler: Any) -> None:
                if handler.path == "/file":
                    answering(302, b"", Location=f"{other.url}/x")(handler)
                else:
                    answering(200, json.dumps({"url": f"{server.url}/file"}).encode())(handler)

            with serving(behave) as server, pytest.raises(PermanentFailure):
                client_of(server).download(Media(id="1"), max_bytes=10)
        assert other.requests == []

    def test_hosts_can_be_listed_and_must_still_be_public(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with serving(answering(200, b'{"url":"https://localhost/x"}')) as server:
            with pytest.raises(Rejected, match="not on the list"):
                client_of(server).download(Media(id="1"), max_bytes=10)
            with pytest.raises(Rejected, match="no public address"):
                client_of(server, media_hosts=frozenset({"localhost"})).download(Media(id="1"), max_bytes=10)
