"""What Meta posts: signatures, statuses, prospects' messages, retries."""

import asyncio
import hashlib
import hmac
import json

import pytest

from tests.kit.simulators.meta.server import MetaSim
from tests.kit.simulators.meta.signing import escape_body, sign

P = "/webhook/whatsapp"


def test_hmac_known_vector():
    # RFC 4231 test case 2
    assert (
        sign("Jefe", b"what do ya want for nothing?")
        == "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_escaping_like_meta():
    b = escape_body({"a": "ni\u00f1o \u00e9/x <b> 50% a@b \U0001f600"})
    assert b == b'{"a":"ni\\u00f1o \\u00e9\\/x \\u003Cb> 50\\u0025 a\\u0040b \\ud83d\\ude00"}'
    assert json.loads(b)["a"] == "ni\u00f1o \u00e9/x <b> 50% a@b \U0001f600"
    assert json.dumps(json.loads(b)).encode() != b
    assert json.dumps(json.loads(b), separators=(",", ":")).encode() != b


async def test_inbound_is_signed_over_the_bytes_sent(api):
    r = await api.rig.meta.send_inbound({"from": "34600111222", "type": "text", "body": "a\u00f1o 1/2 <x>"})
    g = api.stub.got[-1]
    assert g["headers"]["X-Hub-Signature-256"] == "sha256=" + hmac.new(b"rig-app-secret", g["raw"], hashlib.sha256).hexdigest()
    assert b"a\\u00f1o 1\\/2 \\u003Cx>" in g["raw"]
    assert r["results"][0][0]["status"] == 200


@pytest.mark.parametrize("kind", ["wrong", "missing", "sha1_only", "garbage", "other_body", "reserialised"])
async def test_bad_signatures(api, kind):
    api.stub.answer = lambda p, n, r: (401, b"")
    out = await api.rig.meta.send_inbound(
        {"message": {"from": "34600111222", "type": "text", "body": "\u00e9"}, "signature": kind}
    )
    g = api.stub.got[-1]
    good = "sha256=" + hmac.new(b"rig-app-secret", g["raw"], hashlib.sha256).hexdigest()
    assert g["headers"].get("X-Hub-Signature-256") != good
    assert len(out["results"][0]) == 1
    assert not api.rig.meta.known_in


async def test_verification_handshake(api):
    assert (await api.rig.meta.verify_webhook())["ok"]
    assert (await api.rig.meta.verify_webhook(token="no"))["status"] == 403


async def test_status_webhooks(api):
    await api.open_window()
    await api.text(biz_opaque_callback_data="clave-1")
    ss = await api.statuses()
    assert [s["status"] for s in ss] == ["sent", "delivered", "read"]
    assert all(s["biz_opaque_callback_data"] == "clave-1" and s["recipient_id"] == "34600111222" for s in ss)
    assert ss[0]["pricing"]["pricing_model"] == "PMP"
    assert "pricing" not in ss[2]
    for g in api.stub.got:
        assert (
            g["headers"]["X-Hub-Signature-256"] == "sha256=" + hmac.new(b"rig-app-secret", g["raw"], hashlib.sha256).hexdigest()
        )


async def test_reaction_only_sent_and_failed_status(api):
    await api.open_window()
    await api.send({"to": "+34600111222", "type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "\U0001f44d"}})
    assert [s["status"] for s in await api.statuses()] == ["sent"]
    await api.ctl("POST", "/meta/fail", {"to": "34600111222", "code": 131026})
    await api.text(body="2")
    s = (await api.statuses())[-1]
    assert s["status"] == "failed"
    assert s["errors"][0]["code"] == 131026
    assert s["errors"][0]["error_data"]["details"]
    last = api.stub.json(P)[-1]["entry"][0]["changes"][0]["value"]
    assert "contacts" not in last  # failed statuses omit contacts


async def test_status_shuffle_duplicate_batch(api):
    await api.open_window()
    api.rig.meta.configure(
        {"status_duplicate": 1.0, "status_batch": 50, "status_delays": {"sent": 0.02, "delivered": 0.02, "read": 0.02}}
    )
    for i in range(5):
        await api.text(body=str(i))
    ss = await api.statuses()
    assert len(ss) == 30


async def test_inbound_media_download(api):
    await api.rig.meta.send_inbound({"from": "34600111222", "type": "voice"})
    a = api.stub.json(P)[-1]["entry"][0]["changes"][0]["value"]["messages"][0]["audio"]
    assert a["voice"]
    assert a["mime_type"] == "audio/ogg; codecs=opus"
    h = {"Authorization": "Bearer rig-wa-token"}
    _st, m = await api.call("meta", "GET", f"/v23.0/{a['id']}", h)
    async with api.s.get(m["url"], headers=h) as r:
        assert (await r.read())[:4] == b"OggS"
    async with api.s.get(a["url"], headers=h) as r:
        assert r.status == 200
    api.rig.meta.clock.advance(8 * 86400)
    assert (await api.call("meta", "GET", f"/v23.0/{a['id']}", h))[0] == 400  # 7 days


SPECS = [
    ({"type": "text", "body": "x"}, lambda m: m["text"]["body"] == "x"),
    (
        {"type": "button_reply", "reply_id": "a", "title": "A"},
        lambda m: m["interactive"]["button_reply"]["id"] == "a" and m["context"]["id"],
    ),
    (
        {"type": "list_reply", "reply_id": "a", "title": "A", "description": "d"},
        lambda m: m["interactive"]["list_reply"]["description"] == "d",
    ),
    ({"type": "button", "text": "No", "payload": "P"}, lambda m: m["button"] == {"payload": "P", "text": "No"}),
    ({"type": "image", "caption": "c"}, lambda m: m["image"]["caption"] == "c" and m["image"]["sha256"]),
    ({"type": "audio"}, lambda m: m["audio"]["voice"] is False),
    ({"type": "document"}, lambda m: m["document"]["filename"]),
    ({"type": "video"}, lambda m: m["video"]["id"]),
    ({"type": "sticker"}, lambda m: m["sticker"]["mime_type"] == "image/webp"),
    ({"type": "location", "latitude": 1.5, "longitude": 2.5}, lambda m: m["location"]["latitude"] == 1.5),
    ({"type": "contacts"}, lambda m: m["contacts"][0]["name"]["formatted_name"]),
    ({"type": "reaction", "emoji": None}, lambda m: "emoji" not in m["reaction"]),
    ({"type": "order"}, lambda m: m["order"]["product_items"]),
    (
        {"type": "unsupported", "unsupported_type": "edit"},
        lambda m: m["errors"][0]["code"] == 131051 and m["unsupported"],
    ),
    (
        {"type": "nfm_reply", "response": {"a": 1}},
        lambda m: json.loads(m["interactive"]["nfm_reply"]["response_json"]) == {"a": 1},
    ),
    ({"type": "text", "body": "x", "referral": True}, lambda m: m["referral"]["source_type"] == "ad"),
    ({"type": "text", "body": "x", "forwarded": True}, lambda m: m["context"] == {"forwarded": True}),
]


@pytest.mark.parametrize(("spec", "check"), SPECS)
async def test_inbound_shapes(api, spec, check):
    await api.rig.meta.send_inbound({"messages": [{"from": "34600111222", "name": "Ana", **spec}]})
    v = api.stub.json(P)[-1]["entry"][0]["changes"][0]["value"]
    m = v["messages"][0]
    assert check(m)
    assert m["from"] == "34600111222"
    assert m["timestamp"].isdigit()
    assert v["contacts"] == [{"profile": {"name": "Ana"}, "wa_id": "34600111222"}]


async def test_system_and_bsuid_only(api):
    await api.rig.meta.send_inbound({"messages": [{"from": "34600111222", "type": "system", "new_wa_id": "34600999000"}]})
    v = api.stub.json(P)[-1]["entry"][0]["changes"][0]["value"]
    assert "contacts" not in v
    assert v["messages"][0]["system"]["type"] == "user_changed_number"
    await api.rig.meta.send_inbound({"messages": [{"user_id": "ES.1349", "username": "@ana", "type": "text", "body": "x"}]})
    v = api.stub.json(P)[-1]["entry"][0]["changes"][0]["value"]
    assert "wa_id" not in v["contacts"][0]
    assert "from" not in v["messages"][0]
    assert v["messages"][0]["from_user_id"] == "ES.1349"
    await api.send({"recipient": "ES.1349", "type": "text", "text": {"body": "hola"}})
    s = (await api.statuses())[0]
    assert "recipient_id" not in s
    assert s["recipient_user_id"] == "ES.1349"
    assert api.rig.meta.ledger[-1]["inside_window"]
    await api.rig.meta.send_inbound({"messages": [{"from": "34611", "user_id": "ES.77", "type": "text", "body": "a"}]})
    assert api.rig.meta.key("34611") == api.rig.meta.key(None, "ES.77")  # one person


async def test_batches(api):
    ms = [{"from": f"3460000000{i % 3}", "type": "text", "body": str(i)} for i in range(9)]
    for layout, entries, changes in (("batch", 1, 1), ("changes", 1, 9), ("entries", 9, 1)):
        await api.rig.meta.send_inbound({"messages": ms, "layout": layout})
        j = api.stub.json(P)[-1]
        assert len(j["entry"]) == entries
        assert len(j["entry"][0]["changes"]) == changes
        assert sum(len(c["value"]["messages"]) for e in j["entry"] for c in e["changes"]) == 9
    assert len(api.stub.json(P)[0]["entry"][0]["changes"][0]["value"]["contacts"]) == 3


async def test_duplicates_reorder_split(api):
    ms = [{"from": "34600111222", "type": "text", "body": str(i)} for i in range(6)]
    out = await api.rig.meta.send_inbound({"messages": ms, "split": True, "reorder": True, "duplicates": 1})
    assert out["posts"] == 12
    assert len(api.stub.got) == 12
    assert len(set(out["ids"])) == 6
    assert len(api.rig.meta.inbound_log) == 6


async def test_retry_until_200(api):
    api.stub.answer = lambda p, n, r: (500, b"") if n <= 2 else (200, b"")
    out = await api.rig.meta.send_inbound({"from": "34600111222", "type": "text", "body": "x"})
    assert [r["status"] for r in out["results"][0]] == [500, 500, 200]
    assert len({g["raw"] for g in api.stub.got}) == 1  # same bytes each time
    api.stub.answer = lambda p, n, r: (204, b"")  # anything but 200 is a failure
    out = await api.rig.meta.send_inbound({"from": "34600111222", "type": "text", "body": "y"})
    assert len(out["results"][0]) == 4


async def test_retry_on_timeout_and_random_duplicates(api):
    api.rig.meta.configure({"webhook_timeout": 0.1, "retry_schedule": [0.01]})
    api.stub.delay = 0.4
    out = await api.rig.meta.send_inbound({"from": "34600111222", "type": "text", "body": "x"})
    assert [r["error"] for r in out["results"][0]] == ["timeout", "timeout"]
    api.stub.delay = 0
    await asyncio.sleep(0.5)
    n = len(api.stub.got)
    api.rig.meta.configure({"webhook_timeout": 5, "duplicate_webhooks": 1.0})
    await api.rig.meta.send_inbound({"from": "34600111222", "type": "text", "body": "y"})
    assert len(api.stub.got) == n + 2


def test_ids_do_not_repeat_after_reset():
    s = MetaSim()
    s.base_url = "http://127.0.0.1:1"
    a = s.inbound_message({"from": "34600", "body": "x"})["id"]
    s.reset()
    assert s.inbound_message({"from": "34600", "body": "x"})["id"] != a
