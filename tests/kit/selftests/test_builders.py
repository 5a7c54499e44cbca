"""The builders make what Meta sends; the bytes are signed as Meta signs them."""

import hashlib
import hmac
import json

import pytest

from tests.kit import builders
from tests.kit.builders import batch, bsuid_text, number_change, signed, status, text, webhook


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (text("hola"), "text"),
        (builders.button_reply("si", "Sí"), "interactive"),
        (builders.list_reply("q1", "Esencial"), "interactive"),
        (builders.flow_reply({"edad": 41}), "interactive"),
        (builders.template_button("No recibir más", "baja"), "button"),
        (builders.image(caption="mi DNI"), "image"),
        (builders.voice(), "audio"),
        (builders.audio(), "audio"),
        (builders.video(), "video"),
        (builders.document(), "document"),
        (builders.sticker(), "sticker"),
        (builders.location(), "location"),
        (builders.contact_card(), "contacts"),
        (builders.reaction("👍", "wamid.x"), "reaction"),
        (builders.unsupported(), "unsupported"),
        (number_change("34600999888"), "system"),
    ],
)
def test_a_message_says_its_kind_and_holds_its_content(item: builders.Item, kind: str) -> None:
    message = webhook(item)["entry"][0]["changes"][0]["value"]["messages"][0]
    assert message["type"] == kind
    assert message["from"] == builders.SENDER
    assert kind in message or kind == "unsupported"


def test_a_voice_note_is_told_from_an_audio_file() -> None:
    assert [item.message and item.message["audio"]["voice"] for item in (builders.voice(), builders.audio())] == [True, False]


def test_ids_are_unique_unless_given() -> None:
    assert text("a").id != text("a").id
    assert text("a", id="wamid.same").id == "wamid.same"


def test_a_person_without_a_phone() -> None:
    value = webhook(bsuid_text("hola"))["entry"][0]["changes"][0]["value"]
    assert "from" not in value["messages"][0]
    assert value["messages"][0]["from_user_id"] == value["contacts"][0]["user_id"] == builders.USER_ID
    assert "wa_id" not in value["contacts"][0]


def test_a_batch_keeps_its_layout_and_names_each_person_once() -> None:
    body = batch([[[text("a"), text("b")], [status("wamid.x", "read")]], [[text("c", sender="34600999888")]]])
    changes = [[change["value"] for change in entry["changes"]] for entry in body["entry"]]
    assert [len(entry) for entry in changes] == [2, 1]
    assert [message["text"]["body"] for message in changes[0][0]["messages"]] == ["a", "b"]
    assert len(changes[0][0]["contacts"]) == 1
    assert "messages" not in changes[0][1]


def test_a_failed_status_says_why() -> None:
    row = status("wamid.x", "failed", error_code=131047, callback_data="outbox-7").status
    assert row is not None
    assert row["errors"][0]["code"] == 131047
    assert row["biz_opaque_callback_data"] == "outbox-7"


def test_the_signature_covers_the_escaped_bytes() -> None:
    raw, headers = signed(webhook(text("¿cuánto? 50% <a@b.es> 👍 a/b")), "secret")
    assert b"\\u00bfcu\\u00e1nto? 50\\u0025 \\u003Ca\\u0040b.es> \\ud83d\\udc4d a\\/b" in raw
    assert headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(b"secret", raw, hashlib.sha256).hexdigest()
    assert json.loads(raw)["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"] == "¿cuánto? 50% <a@b.es> 👍 a/b"
