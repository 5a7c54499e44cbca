"""Twilio's forms: who wrote what, what became of ours, and that Twilio said so."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.errors import BadSignature, MalformedPayload
from src.integrations.twilio.payloads import NotForUs, check_signature, form_of, parse_message, parse_status
from src.messages import Inbound

ACCOUNT, NUMBER, TOKEN = "AC" + "0" * 32, "whatsapp:+34910000000", "token-of-the-tests"
URL = "https://bot.example.com/webhook/twilio"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RECORDED = Path(__file__).resolve().parents[3] / "shared" / "payloads" / "twilio" / "courier"
MARTA = "whatsapp:+34600111222"
TEXT = {"MessageSid": "SM1", "AccountSid": ACCOUNT, "From": MARTA, "To": NUMBER, "Body": "hola", "NumMedia": "0"}
STATUS = {"MessageSid": "SM9", "AccountSid": ACCOUNT, "To": MARTA, "From": NUMBER, "ErrorCode": "63016"}


def message(**changes: str) -> list[Inbound]:
    return parse_message({**TEXT, **changes}, account_sid=ACCOUNT, number=NUMBER, now=NOW)


def signed(url: str, fields: dict[str, str], token: str = TOKEN) -> str:
    written = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), written.encode(), hashlib.sha1).digest()).decode()


@pytest.mark.parametrize("signed_url", [URL, "https://bot.example.com:443/webhook/twilio"])
def test_a_signature_is_good_with_and_without_the_port_that_goes_without_saying(signed_url: str) -> None:
    form = form_of(urlencode(TEXT).encode())
    check_signature(URL, form, signed(signed_url, TEXT), TOKEN)


@pytest.mark.parametrize("signed_url", ["https://bot.example.com:8443/x?a=1", "https://bot.example.com/x?a=1"])
def test_a_signature_is_good_with_and_without_a_port_of_ones_own(signed_url: str) -> None:
    form = form_of(urlencode(TEXT).encode())
    check_signature("https://bot.example.com:8443/x?a=1", form, signed(signed_url, TEXT), TOKEN)
    with pytest.raises(BadSignature):
        check_signature("https://bot.example.com:8443/x?a=1", form, signed(signed_url.replace("/x", "/y"), TEXT), TOKEN)


@pytest.mark.parametrize(
    ("url", "fields", "header", "token"),
    [
        (URL.replace("https", "http"), TEXT, None, TOKEN),
        (URL + "/", TEXT, None, TOKEN),
        (URL + "?outbox=1", TEXT, None, TOKEN),
        (URL, {**TEXT, "Body": "otra cosa"}, None, TOKEN),
        (URL, TEXT, "", TOKEN),
        (URL, TEXT, "contraseña", TOKEN),
        (URL, TEXT, signed(URL, TEXT, ""), ""),
    ],
)
def test_any_other_signature_is_refused(url: str, fields: dict[str, str], header: str | None, token: str) -> None:
    with pytest.raises(BadSignature):
        check_signature(url, list(fields.items()), signed(URL, TEXT) if header is None else header, token)


def test_repeated_fields_are_signed_once_each_in_order() -> None:
    form = [("a", "2"), ("a", "1"), ("a", "2")]
    digest = hmac.new(TOKEN.encode(), (URL + "a1a2").encode(), hashlib.sha1).digest()
    check_signature(URL, form, base64.b64encode(digest).decode(), TOKEN)


def test_a_text() -> None:
    (inbound,) = message(ProfileName="Marta\u202e", WaId="34600111222")
    assert (inbound.id, inbound.kind, inbound.text, inbound.at) == ("SM1", "text", "hola", NOW)
    assert (inbound.contact.key, inbound.contact.channel) == ("whatsapp:34600111222", "twilio")
    assert (inbound.contact.phone, inbound.contact.name) == ("+34600111222", "Marta")


def test_a_person_with_a_user_id_and_no_phone() -> None:
    (inbound,) = message(From="whatsapp:US.13491208655302741918")
    assert (inbound.contact.key, inbound.contact.phone) == ("whatsapp:US.13491208655302741918", None)
    (both,) = message(ExternalUserId="whatsapp:US.1234")
    assert (both.contact.key, both.contact.bsuid) == ("whatsapp:34600111222", "US.1234")


def test_a_button_says_which() -> None:
    (inbound,) = message(ButtonPayload="consent:yes", ButtonText="Sí", Body="Sí")
    assert (inbound.kind, inbound.reply_id, inbound.text) == ("button", "consent:yes", "Sí")


@pytest.mark.parametrize("body", ["", "Ver planes"])
def test_a_templates_button_without_an_id_is_a_press_and_nothing_typed(body: str) -> None:
    (inbound,) = message(ButtonText="Ver planes", Body=body)
    assert (inbound.kind, inbound.reply_id, inbound.text) == ("template_button", "", "Ver planes")
    assert inbound.is_press


def test_every_file_is_a_message_and_the_first_has_the_words() -> None:
    files = {"MediaUrl0": "https://x/M/ME1", "MediaContentType0": "image/jpeg", "MediaUrl1": "https://x/M/ME2"}
    first, second = message(NumMedia="2", Body="mi casa", **files, MediaContentType1="audio/ogg; codecs=opus")
    assert (first.kind, first.text, first.id) == ("image", "mi casa", "SM1")
    assert (second.kind, second.text, second.id) == ("audio", "", "SM1.1")
    assert second.media is not None
    assert second.media.voice


def test_a_place() -> None:
    (inbound,) = message(Latitude="40.4", Longitude="-3.7", Label="Casa", Body="")
    assert inbound.location is not None
    assert (inbound.kind, inbound.location.latitude, inbound.location.name) == ("location", 40.4, "Casa")


@pytest.mark.parametrize(("latitude", "longitude"), [("nan", "1"), ("1", "inf"), ("91", "1"), ("x", "1")])
def test_a_place_that_is_nowhere_is_none(latitude: str, longitude: str) -> None:
    (inbound,) = message(Latitude=latitude, Longitude=longitude)
    assert inbound.kind == "text"


@pytest.mark.parametrize(
    "changes",
    [{"AccountSid": "AC1"}, {"To": "whatsapp:+1"}, {"From": "+34600111222"}, {"From": "whatsapp:x"}, {"MessageSid": "../x"}],
)
def test_what_is_not_for_us_says_why_without_saying_who(changes: dict[str, str]) -> None:
    with pytest.raises(NotForUs) as reason:
        message(**changes)
    assert "34600111222" not in str(reason.value)


@pytest.mark.parametrize(
    ("written", "status"),
    [("sent", "sent"), ("DELIVERED", "delivered"), ("read", "read"), ("undelivered", "failed"), ("failed", "failed")],
)
def test_a_status_finds_its_message(written: str, status: str) -> None:
    fields = STATUS | {"MessageStatus": written}
    receipt = parse_status(fields, account_sid=ACCOUNT, number=NUMBER, outbox_id="7.1.0", now=NOW)
    assert (receipt.message_id, receipt.status, receipt.opaque) == ("SM9", status, "whatsapp:34600111222 7.1.0")
    assert receipt.error_codes == ("63016",)


@pytest.mark.parametrize("status", ["queued", "accepted", "", "?"])
def test_a_status_before_anything_happened_tells_nothing(status: str) -> None:
    fields = STATUS | {"MessageStatus": status}
    with pytest.raises(NotForUs):
        parse_status(fields, account_sid=ACCOUNT, number=NUMBER, outbox_id="", now=NOW)


@pytest.mark.parametrize("raw", [b"\xff\xfe", "Body=ñ".encode(), b"Body=%FF", b"&".join([b"a=1"] * 400)])
def test_what_is_no_form_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedPayload):
        form_of(raw)


FIELDS = ["From", "Body", "NumMedia", "MediaUrl0", "MediaContentType0", "Latitude", "Longitude", "ButtonPayload", "ProfileName"]


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=40)))
def test_no_field_breaks_anything(odd: dict[str, str]) -> None:
    try:
        inbounds = message(**{**odd, "To": NUMBER, "From": odd.get("From", TEXT["From"])})
    except NotForUs:
        return
    assert inbounds[0].contact.key.startswith("whatsapp:")


@pytest.mark.skipif(not RECORDED.is_dir(), reason="../shared/payloads is not here")
@pytest.mark.parametrize("name", sorted(path.stem for path in RECORDED.glob("*.json")))
def test_recorded_forms(name: str) -> None:
    recorded = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    fields = dict(form_of(recorded["raw_body"].encode()))
    number = fields.get("To", "")
    try:
        (first, *_) = parse_message(fields, account_sid=fields.get("AccountSid", ""), number=number, now=NOW)
    except NotForUs:
        assert not fields.get("From", "").startswith("whatsapp:+"), f"{name}: a person on WhatsApp was not heard"
    else:
        assert first.contact.key.startswith("whatsapp:")
        assert first.id == fields["MessageSid"]
