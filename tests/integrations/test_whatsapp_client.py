"""What goes to Meta, and what its answers mean; over real HTTP against the simulator."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from src.integrations.whatsapp_client import WhatsAppClient, parts_of, payload_of, split_text
from src.messages import Contact, Content, ContentKind, Media, Option, Outbound, Template
from tests.integrations.test_http import Server, answering, serving
from tests.kit.rig import Rig

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "meta-cloud-api-messages.json"
PHONE = "34600111222"
MARTA = Contact(key=f"whatsapp:{PHONE}", channel="whatsapp", phone=f"+{PHONE}")
NAMELESS = Contact(key="whatsapp:US.13491208655302741918", channel="whatsapp", bsuid="US.13491208655302741918")
REMINDER = Template(
    name="rig_seguimiento",
    language="es",
    components=(
        {"type": "body", "parameters": [{"type": "text", "text": "Marta\nGómez"}, {"type": "text", "text": "7,33     €"}]},
    ),
)


def options(count: int) -> tuple[Option, ...]:
    return tuple(Option(id=f"quote:{n}", title=f"Opción {n}", description=f"{n},50 € al mes") for n in range(1, count + 1))


def message(content: Content, contact: Contact = MARTA) -> Outbound:
    return Outbound(id="o1", contact=contact, content=content)


def payload(kind: ContentKind, **fields: Any) -> dict[str, Any]:
    return payload_of(message(Content(kind=kind, **fields)))


SENDABLE = {
    "text": Content(text="Hola, Marta"),
    "reply": Content(text="Sí", reply_to="wamid.ABC"),
    "buttons": Content(kind="buttons", text="¿Cuál?", options=options(3), header="Tu seguro", footer="Orientativo"),
    "list": Content(kind="list", text="¿Cuál?", options=options(10), action="Ver", header="Tu seguro", footer="x"),
    "many buttons": Content(kind="buttons", text="¿Cuál?", options=options(7)),
    "too many": Content(kind="list", text="¿Cuál?", options=options(25)),
    "long buttons": Content(kind="buttons", text="palabra " * 300, options=options(2)),
    "twins": Content(kind="buttons", text="¿Cuál?", options=(Option("a", "x" * 30), Option("b", "x" * 30))),
    "cta_url": Content(kind="cta_url", text="Tu póliza", action="Abrir", link="https://example.com/a?b=1"),
    "template": Content(kind="template", template=REMINDER),
    "image": Content(kind="image", link="https://example.com/a.png", text="pie"),
    "audio": Content(kind="audio", link="https://example.com/a.ogg", mime_type="audio/ogg; codecs=opus", text="pie"),
    "video": Content(kind="video", link="https://example.com/a.mp4", text="pie"),
    "document": Content(kind="document", link="https://example.com/a.pdf", filename="póliza.pdf", text="pie " * 600),
    "sticker": Content(kind="sticker", link="https://example.com/a.webp"),
    "reaction": Content(kind="reaction", emoji="👍", reply_to="wamid.ABC"),
    "reaction taken back": Content(kind="reaction", reply_to="wamid.ABC"),
}


@functools.cache
def validators() -> tuple[jsonschema.Draft202012Validator, jsonschema.Draft202012Validator]:
    """Meta's request body, and its description of a button or list message."""
    if not SPEC.is_file():
        pytest.skip("../shared/specs is not here")
    spec = json.loads(SPEC.read_text(encoding="utf-8"))
    post = spec["paths"]["/{Version}/{Phone-Number-ID}/messages"]["post"]
    whole = post["requestBody"]["content"]["application/json"]["schema"]
    # The description gives all interactive messages the limit of button messages; the page about lists says 4,096.
    spec["components"]["schemas"]["BodyObject"]["properties"]["text"]["maxLength"] = 4096
    interactive = {"$ref": "#/components/schemas/InteractiveObject", "components": spec["components"]}
    return (
        jsonschema.Draft202012Validator(whole | {"components": spec["components"]}),
        jsonschema.Draft202012Validator(interactive),
    )


def assert_meta_would_take(body: dict[str, Any]) -> None:
    whole, interactive = validators()
    whole.validate(body)
    if body["type"] == "interactive" and body["interactive"]["type"] in ("button", "list"):
        interactive.validate(body["interactive"])


class TestPayload:
    @pytest.mark.parametrize("name", SENDABLE)
    @pytest.mark.parametrize("contact", [MARTA, NAMELESS], ids=["phone", "bsuid"])
    def test_keeps_to_metas_description(self, name: str, contact: Contact) -> None:
        assert_meta_would_take(payload_of(message(SENDABLE[name], contact)))

    def test_the_number_always_has_its_plus_sign(self) -> None:
        bare = Contact(key="k", channel="whatsapp", phone=PHONE, bsuid="US.1")
        assert payload_of(message(Content(text="a"), bare))["to"] == f"+{PHONE}"
        assert "recipient" not in payload_of(message(Content(text="a"), bare))

    def test_without_a_phone_the_user_id_is_the_recipient(self) -> None:
        body = payload_of(message(Content(text="a"), NAMELESS))
        assert body["recipient"] == NAMELESS.bsuid
        assert "to" not in body

    def test_nobody_is_unreachable(self) -> None:
        with pytest.raises(Unreachable):
            payload_of(message(Content(text="a"), Contact(key="k", channel="whatsapp")))

    def test_a_reply_quotes_but_a_reaction_does_not(self) -> None:
        assert payload("text", text="a", reply_to="wamid.A")["context"] == {"message_id": "wamid.A"}
        body = payload("reaction", emoji="👍", reply_to="wamid.A")
        assert "context" not in body
        assert body["reaction"] == {"message_id": "wamid.A", "emoji": "👍"}

    def test_buttons(self) -> None:
        interactive = payload("buttons", text="¿Cuál?", options=options(2), header="Tu\nseguro")["interactive"]
        assert interactive == {
            "type": "button",
            "header": {"type": "text", "text": "Tu seguro"},
            "body": {"text": "¿Cuál?"},
            "action": {
                "buttons": [
                    {"type": "reply", "reply": {"id": "quote:1", "title": "Opción 1"}},
                    {"type": "reply", "reply": {"id": "quote:2", "title": "Opción 2"}},
                ]
            },
        }

    def test_more_than_three_buttons_become_a_list(self) -> None:
        interactive = payload("buttons", text="¿Cuál?", options=options(4))["interactive"]
        rows = interactive["action"]["sections"][0]["rows"]
        assert interactive["type"] == "list"
        assert rows[3] == {"id": "quote:4", "title": "Opción 4", "description": "4,50 € al mes"}

    def test_a_body_too_long_for_buttons_becomes_a_list_and_loses_nothing(self) -> None:
        text = "palabra " * 300 + "fin"
        assert payload("buttons", text=text, options=options(2))["interactive"]["body"]["text"] == text

    def test_more_than_ten_rows_become_numbered_text(self) -> None:
        body = payload("list", text="¿Cuál?", options=options(11), header="Tu seguro", footer="Orientativo")
        lines = body["text"]["body"].splitlines()
        assert lines[0] == "Tu seguro"
        assert lines[-1] == "11. Opción 11: 11,50 € al mes"
        assert "Orientativo" in lines

    def test_when_numbered_text_is_too_long_the_body_gives_way(self) -> None:
        body = payload("list", text="palabra " * 600, options=options(11))["text"]["body"]
        assert len(body) <= 4096
        assert body.endswith("11. Opción 11: 11,50 € al mes")
        assert "…" in body

    def test_a_choice_without_options_is_a_text(self) -> None:
        assert payload("buttons", text="Hola")["text"]["body"] == "Hola"

    def test_a_row_title_that_is_cut_is_told_in_full_below(self) -> None:
        row = payload("list", text="a", options=(Option("1", "Protección equilibrada para tu familia", "9 €"),))
        assert row["interactive"]["action"]["sections"][0]["rows"] == [
            {"id": "1", "title": "Protección equilibrada…", "description": "Protección equilibrada para tu familia: 9 €"}
        ]

    def test_titles_that_become_equal_are_told_apart_and_ids_are_taken_once(self) -> None:
        twins = (Option("a", "Protección equilibrada A"), Option("b", "Protección equilibrada B"), Option("a", "otra"))
        buttons = payload("buttons", text="a", options=twins)["interactive"]["action"]["buttons"]
        assert [button["reply"]["id"] for button in buttons] == ["a", "b"]
        assert len({button["reply"]["title"] for button in buttons}) == 2

    def test_a_link_button_and_what_it_becomes_when_it_does_not_fit(self) -> None:
        link = "https://example.com/" + "a" * 100
        fits = payload("cta_url", text="Mira", link=link, action="Ver la propuesta completa")["interactive"]
        assert fits["action"]["parameters"] == {"display_text": "Ver la propuesta…", "url": link}
        for text in ("palabra " * 600, ""):
            body = payload("cta_url", text=text, link=link)["text"]["body"]
            assert body.endswith(link)
            assert len(body) <= 4096

    def test_template_parameters_are_one_line(self) -> None:
        template = payload("template", template=REMINDER)["template"]
        assert [parameter["text"] for parameter in template["components"][0]["parameters"]] == ["Marta Gómez", "7,33 €"]

    def test_only_files_with_room_for_it_have_a_caption(self) -> None:
        assert payload("audio", media_id="1", text="pie", mime_type="audio/ogg")["audio"] == {"id": "1", "voice": True}
        assert payload("audio", media_id="1", mime_type="audio/mpeg")["audio"] == {"id": "1"}
        assert payload("image", media_id="1", text="pie", filename="x")["image"] == {"id": "1", "caption": "pie"}

    @pytest.mark.parametrize(
        "content",
        [
            Content(text=" \n"),
            Content(kind="buttons", options=options(2)),
            Content(kind="template"),
            Content(kind="reaction", emoji="👍"),
            Content(kind="image"),
            Content(kind="image", link="file:///etc/passwd"),
            Content(kind="image", link="https://a.example/", media_id="1"),
            Content(kind="cta_url", text="a", link="javascript:alert(1)"),
            Content(kind="cta_url", text="a", link="https://a b"),
        ],
    )
    def test_nothing_to_send_is_rejected(self, content: Content) -> None:
        with pytest.raises(Rejected):
            payload_of(message(content))

    WORDS = st.text(st.sampled_from("aé ñ\n.👍🏽🇪🇸*_😀x"), max_size=60).map(lambda text: text * 30)

    @given(
        kind=st.sampled_from(["text", "buttons", "list", "cta_url"]),
        text=WORDS,
        header=WORDS,
        action=WORDS,
        options=st.lists(st.builds(Option, st.text(max_size=300), WORDS, WORDS), max_size=14),
    )
    def test_whatever_the_words_the_limits_hold(self, kind: ContentKind, text: str, options: Any, **more: str) -> None:
        content = Content(kind=kind, text=text, options=tuple(options), link="https://example.com", **more)
        try:
            body = payload_of(message(content))
        except Rejected:
            assert not text.strip()
            return
        assert_meta_would_take(body)
        interactive = body.get("interactive", {})
        if interactive.get("type") == "button":
            replies = [button["reply"] for button in interactive["action"]["buttons"]]
            assert all(reply["title"].strip() and reply["id"] == reply["id"].strip() != "" for reply in replies)
            assert len({reply["title"] for reply in replies}) == len({reply["id"] for reply in replies}) == len(replies)
        elif interactive.get("type") == "list":
            rows = interactive["action"]["sections"][0]["rows"]
            assert all(0 < len(row["title"]) <= 24 and 0 < len(row["id"]) <= 200 for row in rows)
            assert all(0 < len(row.get("description", "x")) <= 72 for row in rows)
            assert len({row["id"] for row in rows}) == len(rows) <= 10


class TestSplit:
    def test_short_is_one(self) -> None:
        assert split_text(" hola \n") == ["hola"]
        assert split_text("  ") == []

    @pytest.mark.parametrize(
        ("text", "limit", "parts"),
        [
            ("Uno dos.\n\nTres cuatro. Cinco", 22, ["Uno dos.", "Tres cuatro. Cinco"]),
            ("Uno dos. Tres.\nCuatro cinco", 20, ["Uno dos. Tres.", "Cuatro cinco"]),
            ("Uno dos. ¿Tres? Cuatro", 18, ["Uno dos. ¿Tres?", "Cuatro"]),
            ('Dijo "hola." Y se fue', 15, ['Dijo "hola."', "Y se fue"]),
            ("uno dos tres cuatro", 14, ["uno dos tres", "cuatro"]),
            ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
            ("Ya uno. *dos tres cuatro* fin", 20, ["Ya uno.", "*dos tres cuatro*", "fin"]),
            ("uno dos *tres cuatro* cinco", 14, ["uno dos", "*tres cuatro*", "cinco"]),
            ("*uno dos tres cuatro cinco*", 15, ["*uno dos tres", "cuatro cinco*"]),
        ],
    )
    def test_borders(self, text: str, limit: int, parts: list[str]) -> None:
        assert split_text(text, limit) == parts

    @pytest.mark.parametrize("emoji", ["👨‍👩‍👧‍👦", "👍🏽", "🇪🇸", "é", "1️⃣", "🏴\U000e0067\U000e0062\U000e007f"])
    def test_an_emoji_is_never_torn(self, emoji: str) -> None:
        for limit in (20, 21):
            for part in split_text(emoji * 50, limit):
                assert part.replace(emoji, "") == ""

    @given(st.text(st.sampled_from("ab.ñ \n*_👍🏽🇪🇸‍!?"), max_size=300), st.integers(1, 40))
    def test_nothing_but_space_is_lost_and_no_part_is_too_long(self, text: str, limit: int) -> None:
        parts = split_text(text, limit)
        assert all(0 < len(part) <= limit for part in parts)
        assert "".join("".join(parts).split()) == "".join(text.split())


class TestParts:
    LONG = "Frase de unas palabras. " * 300

    def test_what_fits_is_left_alone(self) -> None:
        for content in SENDABLE.values():
            if len(content.text) < 1024:
                assert parts_of(content) == [content]

    @pytest.mark.parametrize(
        "content",
        [
            Content(text=LONG, reply_to="wamid.A"),
            Content(kind="buttons", text=LONG, options=options(2), reply_to="wamid.A"),
            Content(kind="list", text=LONG, options=options(10), header="h", reply_to="wamid.A"),
            Content(kind="list", text=LONG, options=options(20), header="h", footer="f", reply_to="wamid.A"),
            Content(kind="cta_url", text=LONG, link="https://example.com", reply_to="wamid.A"),
            Content(kind="document", media_id="1", text=LONG, reply_to="wamid.A"),
        ],
        ids=lambda content: f"{content.kind}{len(content.options) or ''}",
    )
    def test_what_does_not_fit_is_told_in_full_and_in_order(self, content: Content) -> None:
        parts = parts_of(content)
        assert len(parts) > 1
        assert " ".join(part.text for part in parts).split() == content.text.split()
        assert [bool(part.reply_to) for part in parts] == [True] + [False] * (len(parts) - 1)
        where = 0 if content.kind == "document" else -1
        assert parts[where].kind == content.kind
        assert [part.kind for part in parts].count("text") >= len(parts) - 1
        for part in parts:
            assert "…" not in json.dumps(payload_of(message(part)), ensure_ascii=False)

    @given(
        st.sampled_from(["text", "buttons", "list", "cta_url"]),
        st.text(st.sampled_from("ab.ñ \n*👍🏽"), max_size=80).map(lambda text: text * 80),
    )
    def test_no_word_is_lost(self, kind: ContentKind, text: str) -> None:
        content = Content(kind=kind, text=text, options=options(2), link="https://example.com")
        parts = parts_of(content)
        assert "".join("".join(part.text for part in parts).split()) == "".join(text.split())
        assert parts[-1].kind == kind


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
            "from src.integrations.whatsapp_client import WhatsAppClient\n"
            "import src.integrations.whatsapp_payloads\n"
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
        assert (got.data, got.mime) == (b"%PDF-1.4 test", "application/pdf")
        client.send(message(Content(kind="document", media_id=media_id, filename="póliza.pdf")), opaque="")

    def test_a_voice_note_that_came_in(self, rig: Rig) -> None:
        rig.meta.inbound(PHONE, type="voice", data_b64="T2dnUw==", id="wamid.VOICE", wait=False)
        media_id = client_for(rig).upload(b"OggS", "audio/ogg; codecs=opus", "voz.ogg")
        assert client_for(rig).download(Media(id=media_id), max_bytes=4).mime == "audio/ogg; codecs=opus"

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
