"""Twilio's forms: who wrote what, what became of ours, and that Twilio said so."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator, add_port, remove_port

from src.errors import BadSignature, MalformedPayload
from src.integrations.twilio.payloads import (
    NotForUs,
    Proof,
    check_signature,
    form_of,
    parse_message,
    parse_status,
    proven_fields,
)
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


def check(url: str, form: list[tuple[str, str]], header: str, token: str = TOKEN, settings: str = "") -> None:
    check_signature(Proof(url, header, settings), form, (token,))


ADDRESSES = [
    URL,
    "https://bot.example.com:443/webhook/twilio",
    "https://bot.example.com:8443/x?a=1",
    "http://bot.example.com:8080/webhook/twilio/status?outbox=7.1.0",
    "https://user:pass@bot.example.com/webhook/twilio",
    "https://bot.example.com/x?a=1&a=2&b=%20c%2Bd&e=",
]


@pytest.mark.parametrize("url", ADDRESSES)
@pytest.mark.parametrize("algorithm", ["HMAC_SHA1", "HMAC_SHA256"])
def test_what_twilios_own_validator_takes_is_taken(url: str, algorithm: str) -> None:
    theirs, parts = RequestValidator(TOKEN), urlsplit(url)
    settings = f"key=webhooks_sharedkey_1,algorithm={algorithm}"
    for written in {url, add_port(parts), remove_port(parts)}:
        signature = theirs.compute_signature(written, TEXT, algorithm)
        if not theirs.validate(url, TEXT, signature, algorithm):
            continue  # it forgets what stands behind a password's colon
        check(url, list(TEXT.items()), signature, settings=settings)
        with pytest.raises(BadSignature):
            check(url, [*TEXT.items(), ("x", "y")], signature, settings=settings)
        with pytest.raises(BadSignature):
            check(url.replace("/x", "/y").replace("/webhook", "/hook"), list(TEXT.items()), signature, settings=settings)


@pytest.mark.parametrize("signed_url", ["https://bot.example.com:8443/x?a=1", "https://bot.example.com/x?a=1"])
def test_a_signature_is_good_with_and_without_a_port_of_ones_own(signed_url: str) -> None:
    form = form_of(urlencode(TEXT).encode())
    check("https://bot.example.com:8443/x?a=1", form, signed(signed_url, TEXT))
    with pytest.raises(BadSignature):
        check("https://bot.example.com:8443/x?a=1", form, signed(signed_url.replace("/x", "/y"), TEXT))


def test_a_query_that_a_library_wrote_anew_is_the_same_query() -> None:
    for signed_url in ("https://h/p?who=it's+me&x=a%2Fb", "https://h/p?who=it's%20me&x=a%2Fb"):
        check("https://h/p?who=it's+me&x=a%2Fb", [], signed(signed_url, {}))


@pytest.mark.parametrize("settings", ["algorithm=HMAC_MD5", "key=k,algorithm=none"])
def test_an_algorithm_that_nobody_knows_proves_nothing(settings: str) -> None:
    with pytest.raises(BadSignature):
        check(URL, list(TEXT.items()), signed(URL, TEXT), settings=settings)


def test_another_key_signs_for_the_account_only_where_it_is_set() -> None:
    signature = signed(URL, TEXT, "shared-key")
    check_signature(Proof(URL, signature), list(TEXT.items()), (TOKEN, "shared-key"))
    with pytest.raises(BadSignature):
        check_signature(Proof(URL, signature), list(TEXT.items()), (TOKEN, ""))


BODY = b'{"MessageSid": "SM1", "Body": "ma\\u00f1ana"}'
HASH = hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("query", [f"bodySHA256={HASH}", f"a=1&bodySHA256={HASH}"])
def test_any_other_body_is_proven_by_its_hash_in_the_address(query: str) -> None:
    url = f"{URL}?{query}"
    signature = RequestValidator(TOKEN).compute_signature(url, {})
    assert RequestValidator(TOKEN).validate(url, BODY.decode(), signature)
    assert proven_fields(BODY, Proof(url, signature), is_form=False, secrets=(TOKEN,))["Body"] == "mañana"


@pytest.mark.parametrize("query", ["", "?bodySHA256=", "?bodySHA256=" + "0" * 64, f"?bodySHA256={HASH}&bodySHA256={HASH}"])
def test_a_body_whose_hash_is_not_the_one_named_is_refused(query: str) -> None:
    with pytest.raises(BadSignature):
        proven_fields(BODY, Proof(URL + query, signed(URL + query, {})), is_form=False, secrets=(TOKEN,))


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
        check(url, list(fields.items()), signed(URL, TEXT) if header is None else header, token)


def test_repeated_fields_are_signed_once_each_in_order() -> None:
    form = [("a", "2"), ("a", "1"), ("a", "2")]
    digest = hmac.new(TOKEN.encode(), (URL + "a1a2").encode(), hashlib.sha1).digest()
    check(URL, form, base64.b64encode(digest).decode())


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
    assert receipt.error_detail == "the person last wrote more than 24 hours ago: only a template may go"


def test_an_ad_is_told_in_metas_words() -> None:
    told = {"ReferralSourceType": "ad", "ReferralSourceId": "120208", "ReferralHeadline": "Vida", "ReferralCtwaClid": "ARAkLk"}
    (inbound,) = message(**told, ReferralNumMedia="0")
    assert inbound.extra == {
        "referral": {"source_type": "ad", "source_id": "120208", "headline": "Vida", "ctwa_clid": "ARAkLk"}
    }
    assert message(ReferralNumMedia="0")[0].extra == {}


def test_a_row_of_a_list_says_which() -> None:
    (inbound,) = message(ListId="choose:q1", ListTitle="Equilibrada", Body="Equilibrada")
    assert (inbound.kind, inbound.reply_id, inbound.text) == ("list", "choose:q1", "Equilibrada")


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
