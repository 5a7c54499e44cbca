"""Signature, identity and parsing, on bodies made here."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.errors import BadSignature, MalformedPayload
from src.integrations.whatsapp.payloads import Parsed, check_signature, contact_key, parse
from src.messages import Inbound

# A busy machine is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SENT = NOW - timedelta(minutes=2)
NUMBER = "106540352242922"
OURS = "15550783881"
PHONE = "34600111222"
BSUID = "US.13491208655302741918"


def text_message(number: int = 1, **fields: Any) -> dict[str, Any]:
    message = {
        "from": PHONE,
        "id": f"wamid.TEST{number}",
        "timestamp": str(int(SENT.timestamp())),
        "type": "text",
        "text": {"body": f"mensaje {number}"},
    }
    return {key: value for key, value in (message | fields).items() if value is not ...}


def value_of(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": OURS, "phone_number_id": NUMBER},
        "contacts": [{"profile": {"name": "Marta"}, "wa_id": PHONE}],
        "messages": list(messages),
    } | fields


def envelope(*values: Any, field: Any = "messages") -> dict[str, Any]:
    changes = [{"value": value, "field": field} for value in values]
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}


def read(body: Any, *, number_id: str | None = NUMBER, lenient: bool = False) -> Parsed:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse(raw, numbers=None if number_id is None else [number_id], lenient=lenient, now=NOW)


def read_one(message: dict[str, Any], **fields: Any) -> Inbound:
    parsed = read(envelope(value_of(message, **fields)))
    assert not parsed.broken
    (inbound,) = parsed.inbounds
    return inbound


def assert_unreadable(parsed: Parsed, kind: str, why: str) -> None:
    """The first message is recorded as one that cannot be shown, with what is wrong and nothing of its content."""
    assert (parsed.inbounds[0].kind, parsed.inbounds[0].text, parsed.inbounds[0].media) == ("unsupported", "", None)
    assert parsed.inbounds[0].extra == {"type": kind, "unreadable": why} if kind else {"unreadable": why}
    (told,) = parsed.unreadable
    assert (told.where, told.why) == ("entry[0].changes[0].value.messages[0]", why)


def signature(raw: bytes, secret: str = "s3cret") -> str:
    return "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


class TestSignature:
    RAW = rb'{"text":"caf\u00e9 \/ \u003C"}'

    @pytest.mark.parametrize("secrets", [["s3cret"], ["older", "s3cret"], ["s3cret", "newer"], ["", "s3cret"]])
    def test_any_of_the_secrets_proves_the_origin(self, secrets: list[str]) -> None:
        check_signature(self.RAW, signature(self.RAW), secrets)
        check_signature(self.RAW, signature(self.RAW).encode(), secrets)

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            b"",
            "sha256=",
            signature(RAW)[7:],
            signature(RAW).upper(),
            signature(RAW)[:-1],
            signature(RAW) + "0",
            signature(RAW) + "\n",
            " " + signature(RAW),
            signature(RAW).replace("=", "= "),
            "sha1=" + "0" * 40,
            f"{signature(RAW)},{signature(RAW)}",
            signature(RAW)[:-1] + "ñ",
            signature(RAW)[:-1].encode() + b"\xf1",
            signature(RAW)[:-1] + "\ud800",
            "sha256=" + "١" * 64,
            signature(RAW + b" "),
            signature(RAW, "other"),
            "sha256=" + "f" * 7000,
        ],
    )
    def test_anything_else_is_refused(self, header: bytes | str | None) -> None:
        with pytest.raises(BadSignature):
            check_signature(self.RAW, header, ["s3cret"])

    @pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
    def test_an_empty_secret_never_matches(self, secrets: list[str]) -> None:
        with pytest.raises(BadSignature):
            check_signature(self.RAW, signature(self.RAW, ""), secrets)

    def test_the_bytes_count_not_what_they_mean(self) -> None:
        again = json.dumps(json.loads(self.RAW)).encode()
        with pytest.raises(BadSignature):
            check_signature(self.RAW, signature(again), ["s3cret"])


class TestContactKey:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("+34600111222", "34600111222"),
            ("+5511987654321", "+551187654321"),
            ("+5215512345678", "+525512345678"),
            ("+5491123456789", "+541123456789"),
        ],
    )
    def test_two_ways_of_writing_a_number_are_one_person(self, one: str, other: str) -> None:
        assert contact_key(one, None) == contact_key(other, BSUID)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("+551132345678", "+5511932345678"),  # a fixed line in Brazil has no ninth digit
            ("+34600111222", "+34600111223"),
            ("+525512345678", "+5255123456789"),
        ],
    )
    def test_other_numbers_stay_apart(self, one: str, other: str) -> None:
        assert contact_key(one, None) != contact_key(other, None)

    def test_form(self) -> None:
        assert contact_key("34600000000", None) == "whatsapp:34600000000"
        assert contact_key(None, BSUID) == f"whatsapp:{BSUID}"

    @UNHURRIED
    @given(st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True))
    def test_a_key_made_from_a_key_is_the_same(self, digits: str) -> None:
        key = contact_key(digits, None)
        assert contact_key(key.removeprefix("whatsapp:"), None) == key

    @pytest.mark.parametrize(
        "phone",
        ["34600:lock", "34600\r\nX", "34600111222\n", "٣٤٦٠٠١١١٢٢٢", "@phone:{*}|x", "3460", "1" * 16, "0034600111222", " "],
    )
    def test_hostile_phones_make_no_key(self, phone: str) -> None:
        with pytest.raises(ValueError, match="not an international phone number"):
            contact_key(phone, BSUID)

    @pytest.mark.parametrize("bsuid", [None, "", "us.1", "US.", "US.1:x", "US.1\n", "US." + "1" * 129, BSUID + "{"])
    def test_hostile_user_ids_make_no_key(self, bsuid: str | None) -> None:
        with pytest.raises(ValueError, match="neither"):
            contact_key(None, bsuid)


class TestIdentity:
    def test_phone(self) -> None:
        contact = read_one(text_message()).contact
        assert (contact.key, contact.phone, contact.name) == (f"whatsapp:{PHONE}", f"+{PHONE}", "Marta")

    def test_the_card_adds_the_user_id_and_the_username(self) -> None:
        card = {"profile": {"name": "Marta", "username": "@marta"}, "wa_id": PHONE, "user_id": BSUID}
        inbound = read_one(text_message(), contacts=[card])
        assert inbound.contact.bsuid == BSUID
        assert inbound.contact.key == f"whatsapp:{PHONE}"
        assert inbound.extra["username"] == "@marta"

    def test_a_person_without_a_phone_is_a_normal_contact(self) -> None:
        message = text_message(**{"from": ..., "from_user_id": BSUID, "from_parent_user_id": "US.ENT.118"})
        inbound = read_one(message, contacts=[{"profile": {"name": "Marta"}, "user_id": BSUID}])
        assert inbound.contact.key == f"whatsapp:{BSUID}"
        assert (inbound.contact.phone, inbound.contact.name) == (None, "Marta")
        assert inbound.extra["parent_user_id"] == "US.ENT.118"

    def test_the_card_of_a_user_id_may_still_tell_the_phone(self) -> None:
        message = text_message(**{"from": ..., "from_user_id": BSUID})
        assert read_one(message, contacts=[{"wa_id": PHONE, "user_id": BSUID}]).contact.phone == f"+{PHONE}"

    def test_nobody_gets_the_name_of_somebody_else(self) -> None:
        other = text_message(2, **{"from": "34600999888"})
        marta, stranger = read(envelope(value_of(text_message(), other))).inbounds
        assert (marta.contact.name, stranger.contact.name) == ("Marta", None)

    def test_a_user_id_finds_its_card_among_many(self) -> None:
        cards = [{"profile": {"name": f"N{n}"}, "user_id": f"ES.{n}"} for n in range(5)]
        message = text_message(**{"from": ..., "from_user_id": "ES.3"})
        assert read_one(message, contacts=cards).contact.name == "N3"

    def test_a_message_that_names_nobody_is_that_of_the_only_card(self) -> None:
        message = text_message(**{"from": ...})
        card = {"profile": {"name": "Marta"}, "user_id": BSUID}
        assert read_one(message, contacts=[card]).contact.key == f"whatsapp:{BSUID}"
        for cards in ([card, card], [], [{"profile": {"name": "Marta"}}], None, [5]):
            assert [broken.why for broken in read(envelope(value_of(message, contacts=cards))).broken] == ["from"]

    def test_a_brazilian_number_finds_its_card_with_the_ninth_digit(self) -> None:
        message = text_message(**{"from": "551187654321"})
        card = {"profile": {"name": "João"}, "wa_id": "5511987654321"}
        contact = read_one(message, contacts=[card]).contact
        assert (contact.name, contact.phone, contact.key) == ("João", "+551187654321", "whatsapp:5511987654321")

    @pytest.mark.parametrize("sender", ["34600:lock", "34600\r\nX", "٣٤٦٠٠١١١٢٢٢", "1" * 40, True, 34600111222, [], {}])
    def test_a_hostile_sender_breaks_the_item_and_only_it(self, sender: Any) -> None:
        parsed = read(envelope(value_of(text_message(1, **{"from": sender}), text_message(2))))
        assert [inbound.id for inbound in parsed.inbounds] == ["wamid.TEST2"]
        (broken,) = parsed.broken
        assert (broken.where, broken.why) == ("entry[0].changes[0].value.messages[0]", "from")

    def test_what_we_sent_ourselves_is_no_message(self) -> None:
        parsed = read(envelope(value_of(text_message(1, **{"from": OURS}), text_message(2))))
        assert [inbound.id for inbound in parsed.inbounds] == ["wamid.TEST2"]
        assert parsed.notices[0].summary == {"event": "own_message"}

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("Ana\r\n\x1b[31mROOT", "Ana [31mROOT"),
            ("\u202eatraM", "atraM"),
            ("a\x00b\u200b", "ab"),
            ("x" * 500, "x" * 128),
            ("\ud83d", "\ufffd"),
            ("", None),
            ({"a": 1}, None),
        ],
    )
    def test_names_are_cleaned(self, given: Any, kept: str | None) -> None:
        assert read_one(text_message(), contacts=[{"profile": {"name": given}, "wa_id": PHONE}]).contact.name == kept


class TestKinds:
    def test_text_with_context_and_referral(self) -> None:
        context = {"from": OURS, "id": "wamid.BEFORE", "referred_product": {"catalog_id": "1"}}
        inbound = read_one(text_message(context=context, referral={"source_type": "ad", "ctwa_clid": "C"}))
        assert (inbound.kind, inbound.text, inbound.at) == ("text", "mensaje 1", SENT)
        assert (inbound.reply_to, inbound.number_id, inbound.forwarded) == ("wamid.BEFORE", NUMBER, False)
        assert inbound.extra == {
            "referred_product": {"catalog_id": "1"},
            "referral": {"source_type": "ad", "ctwa_clid": "C"},
        }

    @pytest.mark.parametrize("mark", ["forwarded", "frequently_forwarded"])
    def test_forwarded(self, mark: str) -> None:
        assert read_one(text_message(context={mark: True})).forwarded

    @pytest.mark.parametrize(
        ("form", "kind"),
        [("button_reply", "button"), ("list_reply", "list")],
    )
    def test_a_press_gives_back_our_id(self, form: str, kind: str) -> None:
        reply = {"id": "quote:q1", "title": "Esencial", "description": "7,33 €"}
        inbound = read_one(text_message(type="interactive", text=..., interactive={"type": form, form: reply}))
        assert (inbound.kind, inbound.reply_id, inbound.text) == (kind, "quote:q1", "Esencial")
        assert inbound.extra == {"description": "7,33 €"}
        assert inbound.is_press

    def test_template_button(self) -> None:
        inbound = read_one(text_message(type="button", text=..., button={"payload": "SI", "text": "Sí"}))
        assert (inbound.kind, inbound.reply_id, inbound.text) == ("template_button", "SI", "Sí")

    def test_flow(self) -> None:
        answers = json.dumps({"flow_token": "t1", "edad": 40, "hijos": ["a"]})
        reply = {"name": "flow", "body": "Sent", "response_json": answers}
        inbound = read_one(text_message(type="interactive", text=..., interactive={"type": "nfm_reply", "nfm_reply": reply}))
        assert (inbound.kind, inbound.reply_id) == ("flow", "t1")
        assert inbound.text == "", "'Sent' is Meta's constant, and nobody's word"
        assert inbound.extra["flow"] == {"flow_token": "t1", "edad": 40, "hijos": ["a"]}

    @pytest.mark.parametrize("answers", [None, "", "{", "[1]", "NaN", "[" * 100_000, 5, "\ud83d"])
    def test_an_unreadable_flow_is_still_an_answer(self, answers: Any) -> None:
        interactive = {"type": "nfm_reply", "nfm_reply": {"response_json": answers}}
        inbound = read_one(text_message(type="interactive", text=..., interactive=interactive))
        assert (inbound.kind, inbound.extra) == ("flow", {"flow_unreadable": True})

    @pytest.mark.parametrize("junk", [None, 7, "x", [], [1], {}, True], ids=str)
    @pytest.mark.parametrize("kind", ["text", "interactive", "button", "location", "contacts", "order", "image", "edit"])
    def test_what_cannot_be_read_of_somebody_known_is_recorded_and_counted(self, kind: str, junk: Any) -> None:
        parsed = read(envelope(value_of({**text_message(type=kind, text=...), kind: junk})))
        (inbound,) = parsed.inbounds
        assert (inbound.id, inbound.contact.key, inbound.at) == ("wamid.TEST1", f"whatsapp:{PHONE}", SENT)
        assert parsed.broken == ()
        if parsed.unreadable:
            assert_unreadable(parsed, kind, parsed.unreadable[0].why)
        else:  # an empty picture is one; what Meta itself could not hand out is told by it
            empty = {"image": [{}], "order": [{}], "edit": [{}], "contacts": [[], [1]], "interactive": [None]}
            assert junk in empty.get(kind, [])

    @pytest.mark.parametrize("kind", [..., None, "", 7, [], {}, "a" * 65, "x y", "\ud83d"], ids=repr)
    def test_an_item_without_a_type_is_recorded_too(self, kind: Any) -> None:
        assert_unreadable(read(envelope(value_of(text_message(type=kind)))), "", "type")

    @pytest.mark.parametrize("group", ["Y2FwaV9ncm91cDoxMjM0NQ==", "1203630@g.us", 7, {"id": "x"}, True], ids=str)
    def test_what_is_said_in_a_group_is_noted_and_never_a_private_message(self, group: Any) -> None:
        said = [text_message(1, group_id=group), text_message(2), {"group_id": group, "type": "reaction"}]
        parsed = read(envelope(value_of(*said)))
        assert [inbound.id for inbound in parsed.inbounds] == ["wamid.TEST2"]
        assert [notice.summary for notice in parsed.notices] == 2 * [{"event": "group_message"}]
        assert not parsed.broken
        assert read(envelope(value_of(*said)), lenient=True).inbounds == parsed.inbounds

    @pytest.mark.parametrize("group", [None, ""])
    def test_no_group_is_none(self, group: Any) -> None:
        assert read_one(text_message(group_id=group)).text == "mensaje 1"

    def test_voice_note(self) -> None:
        audio = {"id": "65463453", "mime_type": "audio/ogg; codecs=opus", "sha256": "m04=", "voice": True}
        inbound = read_one(text_message(type="audio", text=..., audio=audio))
        assert inbound.media is not None
        assert (inbound.media.id, inbound.media.voice) == ("65463453", True)

    def test_a_voice_note_under_its_old_name(self) -> None:
        inbound = read_one(text_message(type="voice", text=..., voice={"id": "65463453", "mime_type": "audio/ogg"}))
        assert inbound.media is not None
        assert (inbound.kind, inbound.media.id, inbound.media.voice) == ("audio", "65463453", True)

    def test_document_with_caption(self) -> None:
        document = {
            "id": "1",
            "filename": "../../pól\u202eiza\x00.pdf",
            "caption": "mi póliza",
            "url": "http://evil/",
        }
        inbound = read_one(text_message(type="document", text=..., document=document))
        assert inbound.media is not None
        assert (inbound.text, inbound.media.filename, inbound.media.url) == ("mi póliza", ".._.._póliza.pdf", "")

    @pytest.mark.parametrize("media_id", ["../../me?access_token=x", "1/2", "", None, 5, "a b", "1\n"])
    def test_a_media_id_that_is_none_is_left_out(self, media_id: Any) -> None:
        inbound = read_one(text_message(type="image", text=..., image={"id": media_id, "mime_type": "image/jpeg"}))
        assert inbound.media is not None
        assert (inbound.kind, inbound.media.id) == ("image", "")

    def test_location(self) -> None:
        place = {"latitude": 40, "longitude": -3.7, "name": "Oficina", "address": "Calle Mayor"}
        inbound = read_one(text_message(type="location", text=..., location=place))
        assert inbound.location is not None
        assert (inbound.location.latitude, inbound.location.longitude) == (40.0, -3.7)

    @pytest.mark.parametrize("latitude", [91, True, "40", None, 1e999, [1]])
    def test_an_impossible_place_is_recorded_as_something_that_cannot_be_shown(self, latitude: Any) -> None:
        place = {"latitude": latitude, "longitude": 0}
        parsed = read(envelope(value_of(text_message(type="location", location=place), text_message(2))))
        assert [inbound.id for inbound in parsed.inbounds] == ["wamid.TEST1", "wamid.TEST2"]
        assert_unreadable(parsed, "location", "location")

    def test_reaction_and_its_removal(self) -> None:
        given = read_one(text_message(type="reaction", text=..., reaction={"message_id": "wamid.X", "emoji": "👍🏽"}))
        taken = read_one(text_message(type="reaction", text=..., reaction={"message_id": "wamid.X"}))
        assert (given.target, given.emoji, taken.target, taken.emoji) == ("wamid.X", "👍🏽", "wamid.X", "")

    def test_a_new_number_tells_both(self) -> None:
        system = {"body": "x", "type": "user_changed_number", "wa_id": "34600999888", "user_id": "ES.2"}
        message = text_message(type="system", text=..., system=system, from_user_id="ES.1")
        inbound = read_one(message, contacts=[])
        assert inbound.kind == "system"
        assert inbound.extra["old"] == {"phone": f"+{PHONE}", "bsuid": "ES.1"}
        assert inbound.extra["new"] == {"phone": "+34600999888", "bsuid": "ES.2"}
        assert inbound.extra["new_keys"] == ["whatsapp:34600999888", "whatsapp:ES.2"]

    @pytest.mark.parametrize(("known", "key"), [("wa_id", "whatsapp:34600999888"), ("user_id", "whatsapp:ES.2")])
    def test_one_new_identity_is_enough(self, known: str, key: str) -> None:
        both = {"wa_id": "34600999888", "user_id": "ES.2"}
        system = {"type": "user_changed_number", known: both[known]}
        inbound = read_one(text_message(type="system", text=..., system=system))
        assert inbound.extra["new_keys"] == [key]

    def test_a_new_user_id_comes_as_a_field_of_its_own(self) -> None:
        update = {
            "wa_id": PHONE,
            "user_id": {"previous": "ES.1", "current": "ES.2"},
            "timestamp": int(SENT.timestamp()),
        }
        body = envelope(value_of(user_id_update=[update, "x"]), field="user_id_update")
        parsed = read(body)
        (inbound,) = parsed.inbounds
        assert (inbound.kind, inbound.contact.key, inbound.at) == ("system", f"whatsapp:{PHONE}", SENT)
        assert inbound.extra["new"] == {"phone": f"+{PHONE}", "bsuid": "ES.2"}
        assert inbound.extra["new_keys"] == [f"whatsapp:{PHONE}", "whatsapp:ES.2"]
        assert inbound.id == read(body).inbounds[0].id
        assert len(parsed.broken) == 1

    def test_edit_and_revoke(self) -> None:
        edited = {"original_message_id": "wamid.X", "message": {"type": "text", "text": {"body": "41"}}}
        edit = read_one(text_message(type="edit", text=..., edit=edited))
        revoke = read_one(text_message(type="revoke", text=..., revoke={"original_message_id": "wamid.X"}))
        assert (edit.kind, edit.target, edit.text) == ("edit", "wamid.X", "41")
        assert (revoke.kind, revoke.target) == ("revoke", "wamid.X")

    def test_unsupported_and_unknown(self) -> None:
        errors = [{"code": 131051, "title": "Message type unknown", "error_data": {"details": "+34600111222"}}]
        unsupported = read_one(text_message(type="unsupported", text=..., errors=errors, unsupported={"type": "poll"}))
        unknown = read_one(text_message(type="poll_2027", text=..., poll_2027={"q": [1]}))
        assert unsupported.extra == {"errors": [{"code": 131051, "title": "Message type unknown"}], "type": "poll"}
        assert (unknown.kind, unknown.extra) == ("unknown", {"type": "poll_2027", "content": {"q": [1]}})

    def test_free_parts_are_bounded(self) -> None:
        deep: Any = "end"
        for _ in range(60):
            deep = {"a": deep}
        items = [{"n": number, "x": "y" * 5000} for number in range(500)]
        order = {"nan": 1e999, "big": 2**70, "deep": deep, "items": items}
        inbound = read_one(text_message(type="order", text=..., order=order))
        assert len(msgspec.json.encode(inbound)) < 150_000
        assert (inbound.extra["order"]["nan"], inbound.extra["order"]["big"]) == (None, None)

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ("a\x00b\x1b[2J\u0085c", "ab[2Jc"),
            ("uno\r\ndos\rtres\ttab", "uno\ndos\ntres\ttab"),
            ("\ud83d suelto", "\ufffd suelto"),
            ("👨‍👩‍👧 ñ € ١", "👨‍👩‍👧 ñ € ١"),
            ("", ""),
        ],
    )
    def test_texts_are_cleaned_and_otherwise_left_alone(self, body: str, text: str) -> None:
        assert read_one(text_message(text={"body": body})).text == text

    def test_a_text_longer_than_any_is_shortened_and_says_so(self) -> None:
        inbound = read_one(text_message(text={"body": "z" * 5000}))
        assert (len(inbound.text), inbound.extra) == (4096, {"shortened_from": 5000})


class TestTimes:
    @pytest.mark.parametrize("seconds", ["99999999999", "0", 10**17, "123456789012"])
    def test_a_time_that_cannot_be_true_is_now(self, seconds: Any) -> None:
        assert read_one(text_message(timestamp=seconds)).at == NOW

    def test_without_keys_an_old_example_counts_as_now(self) -> None:
        body = envelope(value_of(text_message(timestamp="1640995200")))
        assert read(body, lenient=True).inbounds[0].at == NOW
        assert read(body).inbounds[0].at == datetime(2022, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize("seconds", [None, [], "soon", "-5", 1.5, True, "1" * 4000])
    def test_no_time_is_now(self, seconds: Any) -> None:
        """The words matter more than when they were written."""
        status = {"id": "wamid.S", "status": "read", "timestamp": seconds}
        for lenient in (False, True):
            parsed = read(envelope(value_of(text_message(timestamp=seconds), statuses=[status])), lenient=lenient)
            assert [inbound.at for inbound in parsed.inbounds] == [receipt.at for receipt in parsed.receipts] == [NOW]
            assert not parsed.broken


class TestReceipts:
    def status(self, **fields: Any) -> dict[str, Any]:
        return {
            "id": "wamid.OUT",
            "status": "delivered",
            "timestamp": str(int(SENT.timestamp())),
            "recipient_id": PHONE,
        } | fields

    def test_everything_of_a_status(self) -> None:
        errors = [{"code": 131047, "title": "Re-engagement message", "message": "x"}, "junk", {"code": "no"}]
        status = self.status(
            status="failed",
            errors=errors,
            biz_opaque_callback_data="whatsapp:34600111222|o1",
            recipient_user_id=BSUID,
            pricing={"billable": True, "pricing_model": "PMP", "category": "utility"},
        )
        (receipt,) = read(envelope(value_of(statuses=[status]))).receipts
        assert (receipt.message_id, receipt.status, receipt.at) == ("wamid.OUT", "failed", SENT)
        assert (receipt.error_codes, receipt.error_detail) == (("131047",), "Re-engagement message")
        assert (receipt.opaque, receipt.phone, receipt.bsuid) == ("whatsapp:34600111222|o1", f"+{PHONE}", BSUID)
        assert receipt.pricing["category"] == "utility"

    def test_a_title_quotes_no_number(self) -> None:
        errors = [{"code": 131026, "title": "Undeliverable to +34 600 111 222, after 2 tries"}]
        (receipt,) = read(envelope(value_of(statuses=[self.status(status="failed", errors=errors)]))).receipts
        assert receipt.error_detail == "Undeliverable to …, after 2 tries"

    def test_played_is_read(self) -> None:
        (receipt,) = read(envelope(value_of(statuses=[self.status(status="played")]))).receipts
        assert receipt.status == "read"

    @pytest.mark.parametrize("bad", [{"status": "teleported"}, {"status": 1}, {"id": None}, {"id": "a b"}])
    def test_a_bad_status_does_not_lose_the_next_or_the_messages(self, bad: dict[str, Any]) -> None:
        parsed = read(envelope(value_of(text_message(), statuses=[self.status(**bad), self.status()])))
        assert (len(parsed.receipts), len(parsed.inbounds), len(parsed.broken)) == (1, 1, 1)


class TestEnvelope:
    def test_other_numbers_are_counted_and_not_returned(self) -> None:
        other = value_of(text_message(1), text_message(2), metadata={"phone_number_id": "999"}, statuses=[{}])
        parsed = read(envelope(other, value_of(text_message(3))))
        assert [inbound.id for inbound in parsed.inbounds] == ["wamid.TEST3"]
        assert (parsed.foreign, parsed.broken) == (3, ())

    @pytest.mark.parametrize("metadata", [None, [], {}, {"phone_number_id": 5}, {"phone_number_id": None}])
    def test_a_number_that_cannot_be_read_is_not_ours(self, metadata: Any) -> None:
        parsed = read(envelope(value_of(text_message(1), metadata=metadata), value_of(text_message(2))))
        assert [inbound.id for inbound in parsed.inbounds] == ["wamid.TEST2"]
        assert parsed.broken[0].where == "entry[0].changes[0].value.metadata"

    @pytest.mark.parametrize("field", ["account_update", "smb_app_state_sync", "calls", "history", "x"])
    def test_other_fields_are_notices_even_with_messages_inside(self, field: str) -> None:
        value = value_of(text_message(), event="SOMETHING", requester="34600111222", message_echoes=[text_message()])
        parsed = read(envelope(value, field=field))
        assert not parsed.inbounds
        (notice,) = parsed.notices
        assert notice.field == field
        assert notice.summary["event"] == "SOMETHING"
        assert PHONE not in str(notice.summary)
        assert "Marta" not in str(notice.summary)
        assert "mensaje" not in str(notice.summary)

    def test_errors_of_a_change_are_a_notice(self) -> None:
        parsed = read(envelope(value_of(text_message(), errors=[{"code": 131000, "title": "Wrong"}, None])))
        assert parsed.notices[0].summary == {"errors": [{"code": 131000, "title": "Wrong"}]}
        assert len(parsed.inbounds) == 1

    def test_the_old_guides_example(self) -> None:
        raw = (
            '{"entry":[{"changes":[{"value":{"messages":[{"id":"test123","from":"34600000000","type":"text",'
            '"timestamp":"1640995200","text":{"body":"Hola, quiero información sobre seguros"}}],'
            '"contacts":[{"profile":{"name":"Cliente Prueba"}}]}}]}]}'
        ).encode()
        (inbound,) = read(raw, number_id=None, lenient=True).inbounds
        assert (inbound.id, inbound.contact.key, inbound.at) == ("test123", "whatsapp:34600000000", NOW)
        assert inbound.contact.name == "Cliente Prueba"
        with pytest.raises(MalformedPayload):
            read(raw, number_id=None)

    def test_without_keys_a_missing_id_is_the_same_each_time(self) -> None:
        one, other = (envelope(value_of(text_message(number, id=...))) for number in (1, 2))
        first, again, second = (read(body, lenient=True).inbounds[0].id for body in (one, one, other))
        assert first == again != second
        assert read(one).broken[0].why == "id"

    @pytest.mark.parametrize("message_id", ["wamid.a\r\nb", "wamid.\x00", " ", "", 1.5, "á", "x" * 513, [], True])
    def test_a_hostile_id_breaks_the_item(self, message_id: Any) -> None:
        parsed = read(envelope(value_of(text_message(1, id=message_id), text_message(2))), lenient=True)
        assert [inbound.id for inbound in parsed.inbounds] == ["wamid.TEST2"]

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"null",
            b'"hola"',
            b"[]",
            b"{}",
            b'{"object":"page","entry":[]}',
            b'{"object":"whatsapp_business_account"}',
            b'{"object":"whatsapp_business_account","entry":"x"}',
            b'{"object":"whatsapp_business_account","entry":[],}',
            b'{"object":"\xf1"}',
            b'{"object":"\xc0\xaf"}',
            b"\x80\x04cos\nsystem\n.",
            b"\x1f\x8b\x08",
            '{"object":"whatsapp_business_account","entry":[]}'.encode("utf-16"),
            b"[" * 100_000,
            b'{"object":"whatsapp_business_account","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        ],
    )
    @pytest.mark.parametrize("lenient", [False, True])
    def test_what_is_no_webhook_is_malformed(self, raw: bytes, lenient: bool) -> None:
        with pytest.raises(MalformedPayload) as refused:
            read(raw, lenient=lenient)
        assert refused.value.status == 400

    def test_a_byte_order_mark_is_no_obstacle(self) -> None:
        assert len(read(b"\xef\xbb\xbf" + json.dumps(envelope(value_of(text_message()))).encode()).inbounds) == 1

    def test_a_thousand_messages_keep_their_order(self) -> None:
        parsed = read(envelope(value_of(*(text_message(number) for number in range(1000)))))
        assert [inbound.id for inbound in parsed.inbounds] == [f"wamid.TEST{number}" for number in range(1000)]


JUNK = [
    "null",
    "[]",
    "{}",
    '""',
    '"x"',
    "-1.5",
    "true",
    "1e999",
    "NaN",
    "-Infinity",
    "9" * 5000,
    '"\\ud83d"',
    '"\\u0000"',
    "[null,null]",
    "[" * 300 + "]" * 300,
    '{"a":' * 300 + "1" + "}" * 300,
]


def with_junk_at_every_node(tree: Any) -> Iterator[str]:
    """The tree as JSON with one node replaced by a hole, `"@@"`, for every node of it."""
    if isinstance(tree, dict | list):
        for key in tree if isinstance(tree, dict) else range(len(tree)):
            holed = copy.copy(tree)
            holed[key] = "@@"
            yield json.dumps(holed)
            for inner in with_junk_at_every_node(tree[key]):
                holed[key] = "@@"
                yield json.dumps(holed).replace('"@@"', inner, 1)


class TestNeighbours:
    """Whatever is wrong with one item, the items around it come through."""

    VICTIMS = (
        text_message(
            9, context={"id": "wamid.A", "forwarded": True}, referral={"source_id": "1"}, from_user_id=BSUID, errors=[{}]
        ),
        text_message(
            9, type="interactive", text=..., interactive={"type": "list_reply", "list_reply": {"id": "a", "title": "b"}}
        ),
        text_message(9, type="document", text=..., document={"id": "1", "filename": "f", "caption": "c", "mime_type": "m"}),
        text_message(9, type="location", text=..., location={"latitude": 1, "longitude": 2, "name": "n"}),
        text_message(9, type="system", text=..., system={"type": "user_changed_number", "wa_id": "34600999888"}),
        text_message(
            9, type="edit", text=..., edit={"original_message_id": "m", "message": {"type": "text", "text": {"body": "b"}}}
        ),
    )

    @pytest.mark.parametrize("victim", VICTIMS, ids=lambda victim: str(victim["type"]))
    def test_in_the_same_list(self, victim: dict[str, Any]) -> None:
        whole = json.dumps(envelope(value_of(text_message(1), "@@victim@@", text_message(2))))
        tried = 0
        for holed in with_junk_at_every_node(victim):
            for junk in JUNK:
                raw = whole.replace('"@@victim@@"', holed.replace('"@@"', junk)).encode()
                parsed = read(raw)
                ids = [inbound.id for inbound in parsed.inbounds]
                assert (ids[0], ids[-1]) == ("wamid.TEST1", "wamid.TEST2"), raw
                assert len(parsed.inbounds) + len(parsed.broken) + len(parsed.notices) == 3
                msgspec.json.encode(parsed)
                tried += 1
        assert tried > 100

    @UNHURRIED
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
            max_leaves=20,
        )
    )
    def test_whatever_stands_beside(self, junk: Any) -> None:
        for body in (
            envelope(value_of(junk, text_message(2))),
            envelope(junk, value_of(text_message(2))),
            envelope(value_of(text_message(2), statuses=junk, contacts=junk, errors=junk)),
            envelope(value_of(text_message(2, context=junk, referral=junk, errors=junk, identity=junk))),
        ):
            parsed = read(body)
            assert parsed.inbounds[-1].id == "wamid.TEST2"
            msgspec.json.encode(parsed)

    @UNHURRIED
    @given(st.binary(max_size=200) | st.text().map(str.encode))
    def test_any_bytes_are_a_webhook_or_malformed(self, raw: bytes) -> None:
        with contextlib.suppress(MalformedPayload):
            msgspec.json.encode(read(raw, lenient=True))


# -- coexistence: what the brokerage's people type into the phone itself ------------------------------------------------


def echo_body(*echoes: dict[str, Any]) -> bytes:
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": NUMBER}, "message_echoes": list(echoes)}
    change = {"field": "smb_message_echoes", "value": value}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}).encode()


def test_what_is_typed_into_the_phone_is_an_echo_and_nobodys_message() -> None:
    said = {"from": "34910000000", "id": "wamid.e1", "timestamp": "1764460000", "type": "text", "text": {"body": "Sigo yo"}}
    image = {"id": "m1", "mime_type": "image/png", "caption": "Mira"}
    photo = {"from": "34910000000", "to_user_id": "ES.123abc", "id": "wamid.e2", "timestamp": "1764460001", "type": "image"}
    nobody = {"from": "34910000000", "id": "wamid.e3", "type": "text", "text": {"body": "?"}}
    parsed = parse(echo_body({**said, "to": "34600000001"}, {**photo, "image": image}, nobody), numbers=[NUMBER], now=NOW)
    assert [(one.id, one.contact.key, one.kind, one.text) for one in parsed.echoes] == [
        ("wamid.e1", "whatsapp:34600000001", "text", "Sigo yo"),
        ("wamid.e2", "whatsapp:ES.123abc", "image", "Mira"),
    ]
    assert (parsed.inbounds, parsed.notices) == ((), ())
    assert [one.why for one in parsed.broken] == ["to"]


def test_an_echo_of_another_number_is_foreign() -> None:
    parsed = parse(echo_body({"id": "x", "to": "34600000001"}), numbers=["999"], now=NOW)
    assert (parsed.echoes, parsed.foreign) == ((), 1)
