"""What goes to Meta: request bodies within its limits, and texts in parts that fit."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.errors import Rejected, Unreachable
from src.integrations.parts import parts_of, split_text
from src.integrations.whatsapp.messages import payload_of
from src.messages import Contact, Content, ContentKind, Option, Outbound, Template

# A busy machine is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

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

    @UNHURRIED
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
        if SPEC.is_file():
            assert_meta_would_take(body)
        assert len(body.get("text", {}).get("body", "")) <= 4096
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

    @UNHURRIED
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

    @UNHURRIED
    @given(
        st.sampled_from(["text", "buttons", "list", "cta_url"]),
        st.text(st.sampled_from("ab.ñ \n*👍🏽"), max_size=80).map(lambda text: text * 80),
    )
    def test_no_word_is_lost(self, kind: ContentKind, text: str) -> None:
        content = Content(kind=kind, text=text, options=options(2), link="https://example.com")
        parts = parts_of(content)
        assert "".join("".join(part.text for part in parts).split()) == "".join(text.split())
        assert parts[-1].kind == kind
