from urllib.parse import parse_qsl

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from tests.kit.simulators.twilio.rules import signature, split_overrides

T, F = "whatsapp:+34600111222", "whatsapp:+14155238886"
OK = {"To": T, "From": F, "Body": "hola"}
IN, ST = "/webhook/twilio", "/webhook/twilio/status"


def test_published_vector():
    # the example of Twilio's own helper library tests
    p = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
        "Caller": "+14158675309",
    }
    uri = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert (
        signature("12345", uri, list(p.items()))
        == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
        == RequestValidator("12345").compute_signature(uri, p)
    )


def test_repeated_values_like_the_validator():
    class Multi(dict):
        def getall(self, k):
            return self[k]

    p = Multi({"a": ["2", "1", "1"], "B": ["x"]})
    assert signature("t", "https://h/p", [("a", "2"), ("a", "1"), ("a", "1"), ("B", "x")]) == RequestValidator(
        "t"
    ).compute_signature("https://h/p", p)


async def test_inbound_signature_and_fields(api):
    await api.rig.twilio.send_inbound({"from": "+34600111222", "body": " hola \u00f1 ", "name": "Ana"})
    g = api.stub.got[-1]
    p = dict(parse_qsl(g["raw"].decode(), keep_blank_values=True))
    v = RequestValidator("rig-twilio-token")
    assert v.validate(api.stub_url + IN, p, g["headers"]["X-Twilio-Signature"])
    assert not v.validate(api.stub_url + IN + "/", p, g["headers"]["X-Twilio-Signature"])
    assert not v.validate(api.stub_url + IN, {**p, "Body": p["Body"].strip()}, g["headers"]["X-Twilio-Signature"])
    assert p["From"] == T
    assert p["WaId"] == "34600111222"
    assert p["MessageSid"].startswith("SM")
    assert p["SmsStatus"] == "received"
    assert p["Body"] == " hola \u00f1 "


async def test_public_url_is_what_gets_signed(api):
    api.rig.twilio.configure({"signing_url": "https://bot.example.com/webhook/twilio#rc=2"})
    await api.rig.twilio.send_inbound({"from": "+34600111222", "body": "x"})
    g = api.stub.got[-1]
    assert RequestValidator("rig-twilio-token").validate(
        "https://bot.example.com/webhook/twilio",
        dict(parse_qsl(g["raw"].decode(), keep_blank_values=True)),
        g["headers"]["X-Twilio-Signature"],
    )


@pytest.mark.parametrize("kind", ["wrong", "missing", "other_url", "other_params"])
async def test_bad_signature(api, kind):
    await api.rig.twilio.send_inbound({"message": {"from": "+34600111222", "body": "x"}, "signature": kind})
    g = api.stub.got[-1]
    assert not RequestValidator("rig-twilio-token").validate(
        api.stub_url + IN,
        dict(parse_qsl(g["raw"].decode(), keep_blank_values=True)),
        g["headers"].get("X-Twilio-Signature", ""),
    )


async def test_inbound_kinds(api):
    await api.rig.twilio.send_inbound(
        {
            "messages": [
                {"from": "+34600111222", "body": "f", "media": [{"type": "image/jpeg"}]},
                {"from": "+34600111222", "button_text": "Si", "button_payload": "p"},
                {"from": "+34600111222", "latitude": 1, "longitude": 2, "label": "Casa"},
                {"from": "ES.1234", "user_id": "ES.1234", "body": "b"},
            ]
        }
    )
    ps = [dict(parse_qsl(g["raw"].decode(), keep_blank_values=True)) for g in api.stub.got]
    by = {p["MessageType"] + p["From"]: p for p in ps}
    img = by["image" + T]
    assert img["NumMedia"] == "1"
    assert img["MediaContentType0"] == "image/jpeg"
    a = api.tw_auth()
    async with api.s.get(img["MediaUrl0"]) as r:
        assert r.status == 401
    async with api.s.get(img["MediaUrl0"], headers=a) as r:
        assert r.status == 200
    assert by["button" + T]["ButtonPayload"] == "p"
    assert by["location" + T]["Latitude"] == "1"
    assert "WaId" not in by["textwhatsapp:ES.1234"]
    assert by["textwhatsapp:ES.1234"]["ExternalUserId"] == "whatsapp:ES.1234"


BAD = [
    ({"From": F, "Body": "x"}, 400, 21604),
    ({"To": T, "Body": "x"}, 400, 21603),
    ({"To": "+34600111222", "From": F, "Body": "x"}, 400, 21910),
    ({"To": "whatsapp:600", "From": F, "Body": "x"}, 400, 21211),
    ({"To": T, "From": "whatsapp:+1999", "Body": "x"}, 400, 63007),
    ({"To": T, "From": F}, 400, 21619),
    ({"To": T, "From": F, "Body": "x" * 1601}, 400, 21617),
    ({"To": T, "From": F, "ContentSid": "HXnope"}, 400, 21655),
    ({"To": T, "From": F, "ContentSid": "HX" + "b2" * 16, "ContentVariables": "{no"}, 400, 21656),
    ({**OK, "MediaUrl": "ftp://x"}, 400, 21620),
    ({**OK, "StatusCallback": "nada"}, 400, 21609),
]


@pytest.mark.parametrize(("form", "http", "code"), BAD)
async def test_rejected(api, form, http, code):
    st, b = await api.tw(form)
    assert (st, b["code"], b["status"]) == (http, code, http)
    assert b["more_info"].endswith(str(code))
    assert not api.rig.twilio.ledger


async def test_auth_and_account(api):
    st, b = await api.tw(OK, auth=False)
    assert st == 401
    assert b["code"] == 20003
    assert (await api.tw(OK, sid="AC" + "0" * 32))[0] == 404
    t = api.rig.twilio.cfg
    a = api.tw_auth()
    st, b = await api.call("twilio", "GET", f"/2010-04-01/Accounts/{t['account_sid']}.json", headers=a)
    assert st == 200
    assert b["status"] == "active"
    assert b["sid"] == t["account_sid"]


async def test_send_fetch_and_status_callbacks(api):
    await api.rig.twilio.send_inbound({"from": "+34600111222", "body": "hola"})
    st, b = await api.tw({**OK, "Body": "x" * 1600, "StatusCallback": api.stub_url + ST})
    assert st == 201
    assert b["status"] == "queued"
    assert b["sid"].startswith("SM")
    assert b["direction"] == "outbound-api"
    await api.quiet(200)
    cbs = [g for g in api.stub.got if g["path"] == ST]
    ps = [dict(parse_qsl(g["raw"].decode(), keep_blank_values=True)) for g in cbs]
    assert [p["MessageStatus"] for p in ps] == ["sent", "delivered", "read"]
    assert all(p["MessageSid"] == b["sid"] for p in ps)
    for g, p in zip(cbs, ps, strict=True):
        assert RequestValidator("rig-twilio-token").validate(api.stub_url + ST, p, g["headers"]["X-Twilio-Signature"])
    t = api.rig.twilio.cfg
    a = api.tw_auth()
    st, m = await api.call("twilio", "GET", f"/2010-04-01/Accounts/{t['account_sid']}/Messages/{b['sid']}.json", headers=a)
    assert m["status"] == "read"


async def test_window_and_content(api):
    st, b = await api.tw(OK)
    assert st == 201
    await api.quiet(200)
    p = [dict(parse_qsl(g["raw"].decode())) for g in api.stub.got if g["path"] == ST][-1]
    assert p["MessageStatus"] == "failed"
    assert p["ErrorCode"] == "63016"
    st, b = await api.tw({"To": T, "From": F, "ContentSid": "HX" + "b2" * 16, "ContentVariables": '{"1":"Ana","2":"fibra"}'})
    assert st == 201
    assert "Ana" in b["body"]
    await api.quiet(200)
    assert api.rig.twilio.ledger[-1]["statuses"] == ["sent", "delivered", "read"]
    await api.ctl("POST", "/twilio/fail", {"to": T, "code": 63003})
    await api.tw({"To": T, "From": F, "ContentSid": "HX" + "b2" * 16, "ContentVariables": '{"1":"Ana","2":"fibra"}'})
    await api.quiet(200)
    assert api.rig.twilio.ledger[-1]["statuses"] == ["undelivered"]


async def test_faults_and_rate(api):
    await api.ctl("POST", "/twilio/faults", {"kind": "error", "status": 429, "code": 20429})
    st, b = await api.tw(OK)
    assert st == 429
    assert b["code"] == 20429
    assert not api.rig.twilio.ledger
    await api.ctl("POST", "/twilio/faults", {"kind": "drop_after"})
    with pytest.raises(aiohttp.ClientError):
        await api.tw(OK)
    await api.tw(OK)
    assert (await api.ctl("GET", "/counters"))["totals"]["duplicates"] == 1
    api.rig.twilio.configure({"rate_limit": True, "rate_limit_mps": 2})
    assert 429 in [(await api.tw(OK))[0] for _ in range(4)]


async def test_timeouts_and_retry_policy(api):
    t = api.rig.twilio
    assert (t.cfg["read_timeout"], t.cfg["total_timeout"], t.cfg["retry_count"], t.cfg["retry_policy"]) == (
        15.0,
        15.0,
        1,
        "ct",
    )
    api.stub.answer = lambda p, n, r: (500, b"")
    out = await t.send_inbound({"from": "+34600111222", "body": "x"})
    assert len(out["results"][0]) == 1
    assert t.alerts[-1]["code"] == 11200
    t.cfg["signing_url"] = t.cfg["webhook_url"] + "#rc=2&rp=all"
    out = await t.send_inbound({"from": "+34600111222", "body": "y"})
    assert len(out["results"][0]) == 3
    t.cfg["signing_url"] = ""
    good = t.cfg["webhook_url"]
    t.cfg["webhook_url"] = "http://127.0.0.1:9/webhook/twilio"  # nobody listens: one retry
    out = await t.send_inbound({"from": "+34600111222", "body": "z"})
    assert len(out["results"][0]) == 2
    t.configure({"webhook_url": good, "read_timeout": 0.15, "total_timeout": 0.4, "retry_policy": "ct,rt"})
    api.stub.delay = 1
    out = await t.send_inbound({"from": "+34600111222", "body": "w"})
    assert [r["error"] for r in out["results"][0]] == ["timeout", "timeout"]


def test_overrides():
    assert split_overrides("https://h/p?a=1#rc=3&rp=5xx") == ("https://h/p?a=1", {"rc": "3", "rp": "5xx"})


async def test_twiml_replies_are_counted(api):
    api.stub.answer = lambda p, n, r: (
        200,
        b"<Response><Message>uno</Message><Message><Body>dos</Body></Message></Response>",
        "application/xml",
    )
    await api.rig.twilio.send_inbound({"from": "+34600111222", "body": "x"})
    assert [e["text"] for e in api.rig.twilio.ledger] == ["uno", "dos"]
    api.stub.answer = lambda p, n, r: (200, b"<Response/>", "application/xml")
    await api.rig.twilio.send_inbound({"from": "+34600111222", "body": "x"})
    assert len(api.rig.twilio.ledger) == 2


async def test_typing(api):
    out = await api.rig.twilio.send_inbound({"from": "+34600111222", "body": "x"})
    a = api.tw_auth()
    assert (
        await api.call(
            "twilio",
            "POST",
            "/v3/Indicators/Typing.json",
            data={"messageId": out["ids"][0], "channel": "whatsapp"},
            headers=a,
        )
    )[1] == {"success": True}
    assert (
        await api.call(
            "twilio", "POST", "/v3/Indicators/Typing.json", data={"messageId": "SMx", "channel": "whatsapp"}, headers=a
        )
    )[0] == 404
