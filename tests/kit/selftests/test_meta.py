import asyncio
import hashlib
import hmac
import json

import aiohttp
import pytest

from tests.kit.simulators.meta.server import MetaSim
from tests.kit.simulators.meta.signing import escape_body, sign

P = "/webhook/whatsapp"
OK = {"to": "+34600111222", "type": "text", "text": {"body": "hola"}}


def btn(n=1, title="Si", **kw):
    return {
        "to": "+34600111222",
        "type": "interactive",
        "interactive": {
            "type": "button",
            "body": {"text": "b"},
            "action": {"buttons": [{"type": "reply", "reply": {"id": f"i{i}", "title": f"{title}{i}"}} for i in range(n)]},
            **kw,
        },
    }


def lst(sections, **kw):
    return {
        "to": "+34600111222",
        "type": "interactive",
        "interactive": {"type": "list", "body": {"text": "b"}, "action": {"button": "Ver", "sections": sections}, **kw},
    }


def rows(n, **kw):
    return [{"id": f"r{i}", "title": f"t{i}", **kw} for i in range(n)]


async def window(api, phone="34600111222"):
    await api.rig.meta.send_inbound({"from": phone, "type": "text", "body": "hola"})


# ---------------------------------------------------------------- signatures
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


# ---------------------------------------------------------------- sending: auth, routing, shapes
async def test_auth_and_node(api):
    st, b = await api.send(OK, token="bad")
    assert st == 401
    assert b["error"]["code"] == 190
    assert b["error"]["type"] == "OAuthException"
    assert b["error"]["fbtrace_id"]
    st, b = await api.send(OK, path="/v23.0/1/messages")
    assert st == 400
    assert b["error"]["code"] == 100
    assert b["error"]["error_subcode"] == 33
    st, b = await api.send(OK, path="/v99.0/106540352242922/messages")
    assert st == 400
    assert b["error"]["code"] == 2500
    assert (await api.send(OK, path="/106540352242922/messages"))[0] == 200  # unversioned
    st, b = await api.call("meta", "POST", "/v23.0/106540352242922/messages", json=OK)
    assert st == 401


async def test_answer_like_meta(api):
    st, b = await api.send(OK)
    assert st == 200
    assert b["messaging_product"] == "whatsapp"
    assert b["contacts"] == [{"input": "+34600111222", "wa_id": "34600111222"}]
    assert b["messages"][0]["id"].startswith("wamid.HBgL")
    st, b = await api.send({"recipient": "ES.13491208655302741918", "type": "text", "text": {"body": "x"}})
    assert st == 200
    assert b["contacts"] == [{"input": "ES.13491208655302741918", "user_id": "ES.13491208655302741918"}]
    st, b = await api.send({**OK, "recipient": "ES.1349"})
    assert b["contacts"] == [{"input": "+34600111222", "wa_id": "34600111222", "user_id": "ES.1349"}]
    assert [e["seq"] for e in api.rig.meta.ledger] == sorted(e["seq"] for e in api.rig.meta.ledger)
    st, b = await api.send({"to": "+34600111222", "text": {"body": "sin tipo"}})
    assert st == 200


BAD = [
    ({"to": "+34600111222"}, 131008),
    ({"type": "text", "text": {"body": "x"}}, 100),
    ({**OK, "type": "foo"}, 100),
    ({**OK, "to": "abc"}, 131009),
    ({**OK, "to": "ES.1349"}, 100),
    ({**OK, "to": "+15550783881"}, 131021),
    ({**OK, "recipient_type": "x"}, 100),
    ({**OK, "text": {"body": "x" * 4097}}, 100),
    ({**OK, "text": {"body": ""}}, 100),
    ({**OK, "text": {"body": "x", "foo": 1}}, 100),
    ({**OK, "text": "x"}, 100),
    ({**OK, "text": {"body": "x", "preview_url": "si"}}, 100),
    ({**OK, "context": {}}, 131008),
    ({**OK, "biz_opaque_callback_data": "x" * 513}, 100),
    ({**OK, "recipient": "zz", "to": None}, 131009),
    (btn(4), 131009),
    (btn(0), 131009),
    (btn(1, "x" * 20), 131009),
    (btn(1, footer={"text": "x" * 61}), 131009),
    (btn(1, header={"type": "text", "text": "x" * 61}), 131009),
    (btn(1, body={"text": "x" * 1025}), 131009),
    (btn(1, body=None), 131008),
    (btn(1, header={"type": "location"}), 131009),
    (lst([{"rows": rows(11)}]), 131009),
    (lst([{"rows": rows(5)}, {"rows": rows(5)}]), 131008),
    (
        lst([{"title": "a", "rows": rows(6)}, {"title": "b", "rows": [{"id": f"z{i}", "title": "t"} for i in range(5)]}]),
        131009,
    ),
    (lst([{"rows": [{"id": "a", "title": "x" * 25}]}]), 131009),
    (lst([{"rows": [{"id": "a", "title": "x", "description": "d" * 73}]}]), 131009),
    (lst([{"rows": [{"id": "a" * 201, "title": "x"}]}]), 131009),
    (lst([{"rows": [{"id": "a", "title": "x"}, {"id": "a", "title": "y"}]}]), 131009),
    (lst([]), 131009),
    (lst([{"rows": rows(1)}], header={"type": "image", "image": {"link": "https://x/y.png"}}), 131009),
    (lst([{"rows": rows(1)}], body={"text": "x" * 4097}), 131009),
    ({"to": "+34600111222", "type": "image", "image": {}}, 100),
    ({"to": "+34600111222", "type": "image", "image": {"id": "1", "link": "https://x"}}, 100),
    ({"to": "+34600111222", "type": "image", "image": {"id": "999"}}, 131009),
    ({"to": "+34600111222", "type": "image", "image": {"link": "ftp://x"}}, 131009),
    ({"to": "+34600111222", "type": "audio", "audio": {"link": "https://x/a.ogg", "caption": "no"}}, 100),
    ({"to": "+34600111222", "type": "image", "image": {"link": "https://x/a.png", "caption": "c" * 1025}}, 131009),
    ({"to": "+34600111222", "type": "location", "location": {"latitude": 1}}, 131008),
    ({"to": "+34600111222", "type": "location", "location": {"latitude": 91, "longitude": 0}}, 131009),
    ({"to": "+34600111222", "type": "reaction", "reaction": {"message_id": "wamid.x"}}, 131008),
    ({"to": "+34600111222", "type": "contacts", "contacts": []}, 131009),
    (
        {
            "to": "+34600111222",
            "type": "interactive",
            "interactive": {
                "type": "cta_url",
                "body": {"text": "b"},
                "action": {"name": "cta_url", "parameters": {"display_text": "x" * 21, "url": "https://x"}},
            },
        },
        131009,
    ),
    (
        {
            "to": "+34600111222",
            "type": "interactive",
            "interactive": {
                "type": "cta_url",
                "body": {"text": "b"},
                "action": {"name": "cta_url", "parameters": {"display_text": "x", "url": "javascript:1"}},
            },
        },
        131009,
    ),
    ({"to": "+34600111222", "type": "interactive", "interactive": {"type": "nope"}}, 131009),
]


@pytest.mark.parametrize(("body", "code"), BAD)
async def test_rejected(api, body, code):
    st, b = await api.send(body)
    assert (st, b["error"]["code"]) == (400, code), b
    assert api.rig.meta.ledger == []
    assert len(api.rig.meta.rejected) == 1


GOOD = [
    OK,
    {**OK, "text": {"body": "x" * 4096, "preview_url": True}},
    {**OK, "to": "+34 600-111-222"},
    {**OK, "context": {"message_id": "wamid.x"}},
    btn(3),
    btn(1, footer={"text": "x" * 60}, header={"type": "text", "text": "h" * 60}),
    lst([{"rows": rows(10, description="d" * 72)}]),
    lst(
        [
            {"title": "a" * 24, "rows": rows(5)},
            {"title": "b", "rows": [{"id": f"z{i}", "title": "t" * 24} for i in range(5)]},
        ],
        body={"text": "x" * 4096},
    ),
    {"to": "+34600111222", "type": "image", "image": {"link": "https://x/a.png", "caption": "c" * 1024}},
    {"to": "+34600111222", "type": "document", "document": {"link": "https://x/a.pdf", "filename": "a.pdf"}},
    {"to": "+34600111222", "type": "audio", "audio": {"link": "https://x/a.ogg", "voice": True}},
    {"to": "+34600111222", "type": "location", "location": {"latitude": "40.4", "longitude": -3.7}},
    {"to": "+34600111222", "type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": ""}},
    {"to": "+34600111222", "type": "contacts", "contacts": [{"name": {"formatted_name": "A B", "first_name": "A"}}]},
    {
        "to": "+34600111222",
        "type": "interactive",
        "interactive": {
            "type": "cta_url",
            "body": {"text": "b"},
            "action": {"name": "cta_url", "parameters": {"display_text": "Ver", "url": "https://x"}},
        },
    },
    {
        "to": "+34600111222",
        "type": "interactive",
        "interactive": {"type": "location_request_message", "body": {"text": "b"}, "action": {"name": "send_location"}},
    },
    {
        "to": "+34600111222",
        "type": "interactive",
        "interactive": {
            "type": "flow",
            "body": {"text": "b"},
            "action": {
                "name": "flow",
                "parameters": {"flow_message_version": "3", "flow_id": "1", "flow_cta": "Abrir"},
            },
        },
    },
    {"to": "+34600111222", "type": "template", "template": {"name": "hello_world", "language": {"code": "en_US"}}},
]


@pytest.mark.parametrize("body", GOOD)
async def test_accepted(api, body):
    st, b = await api.send(body)
    assert st == 200, b


async def test_unreadable_body_and_form(api):
    h = {"Authorization": "Bearer rig-wa-token"}
    st, b = await api.call("meta", "POST", "/v23.0/106540352242922/messages", h, data=b"{nope")
    assert st == 400
    assert "messaging_product is required" in b["error"]["message"]
    st, b = await api.call(
        "meta",
        "POST",
        "/v23.0/106540352242922/messages",
        h,
        data={"messaging_product": "whatsapp", "to": "+34600111222", "type": "text", "text": '{"body":"x"}'},
    )
    assert st == 200


async def test_templates_checked(api):
    def t(name, lang="es", comps=None):
        return {
            "to": "+34600111222",
            "type": "template",
            "template": {"name": name, "language": {"code": lang}, **({"components": comps} if comps else {})},
        }

    def p(*xs):
        return [{"type": "body", "parameters": [{"type": "text", "text": x} for x in xs]}]

    assert (await api.send(t("nada")))[0] == 404
    assert (await api.send(t("nada")))[1]["error"]["code"] == 132001
    assert (await api.send(t("rig_seguimiento", "en")))[1]["error"]["code"] == 132001
    assert (await api.send(t("rig_seguimiento", comps=p("a"))))[1]["error"]["code"] == 132000
    assert (await api.send(t("rig_seguimiento", comps=p("a", "b\nc"))))[1]["error"]["code"] == 132018
    assert (await api.send(t("rig_seguimiento", comps=p("a", "b     c"))))[1]["error"]["code"] == 132018
    assert (await api.send(t("rig_seguimiento", comps=p("a", ""))))[1]["error"]["code"] == 131008
    assert (await api.send(t("rig_seguimiento", comps=p("a", "x" * 1024))))[1]["error"]["code"] == 132005
    assert (await api.send(t("rig_promo", comps=p("a"))))[1]["error"]["code"] == 132012
    st, b = await api.send(t("rig_seguimiento", comps=p("Ana", "fibra")))
    assert st == 200
    assert b["messages"][0]["message_status"] == "accepted"
    await api.ctl("POST", "/meta/templates", {"name": "rig_seguimiento", "language": "es", "status": "PAUSED"})
    assert (await api.send(t("rig_seguimiento", comps=p("a", "b"))))[1]["error"]["code"] == 132015
    st, b = await api.send(
        {
            "recipient": "ES.1",
            "type": "template",
            "template": {"name": "rig_codigo", "language": {"code": "es"}, "components": p("123")},
        }
    )
    assert b["error"]["code"] == 131062


async def test_template_admin(api):
    h = {"Authorization": "Bearer rig-wa-token"}
    u = "/v23.0/102290129340398/message_templates"
    st, b = await api.call("meta", "GET", u + "?limit=2", h)
    assert st == 200
    assert len(b["data"]) == 2
    assert b["paging"]["cursors"]["after"]
    assert "next" in b["paging"]
    st, b2 = await api.call("meta", "GET", u + "?limit=2&after=" + b["paging"]["cursors"]["after"], h)
    assert not {t["id"] for t in b["data"]} & {t["id"] for t in b2["data"]}
    new = {
        "name": "nueva",
        "language": "es",
        "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Hola {{1}}, gracias.", "example": {"body_text": [["Ana"]]}}],
    }
    api.rig.meta.cfg["template_review_s"] = 0.05
    st, b = await api.call("meta", "POST", u, h, json=new)
    assert st == 200
    assert b["status"] == "PENDING"
    assert (
        await api.send({"to": "+34600111222", "type": "template", "template": {"name": "nueva", "language": {"code": "es"}}})
    )[1]["error"]["code"] == 132001
    await api.quiet(200)
    v = [j for j in api.stub.json(P) if j["entry"][0]["changes"][0]["field"] == "message_template_status_update"]
    assert v
    assert v[0]["entry"][0]["changes"][0]["value"]["event"] == "APPROVED"
    assert (await api.call("meta", "POST", u, h, json=new))[1]["error"]["error_subcode"] == 2388024
    assert (await api.call("meta", "POST", u, h, json={**new, "name": "Mal Nombre"}))[0] == 400
    assert (
        await api.call(
            "meta", "POST", u, h, json={**new, "name": "larga", "components": [{"type": "BODY", "text": "x" * 1025}]}
        )
    )[0] == 400
    assert (await api.call("meta", "DELETE", u + "?name=nueva", h))[1] == {"success": True}
    assert (await api.call("meta", "DELETE", u + "?name=nueva", h))[0] == 400


async def test_mark_read_and_typing(api):
    await window(api)
    mid = api.rig.meta.inbound_log[0]["id"]
    assert (await api.send({"status": "read", "message_id": mid}))[1] == {"success": True}
    assert (await api.send({"status": "read", "message_id": mid, "typing_indicator": {"type": "text"}}))[1] == {"success": True}
    assert (await api.send({"status": "read", "message_id": mid, "typing_indicator": {"type": "x"}}))[0] == 400
    assert (await api.send({"status": "read", "message_id": "wamid.no"}))[0] == 400
    assert (await api.send({"status": "delivered", "message_id": mid}))[0] == 400
    assert [e["kind"] for e in api.rig.meta.ledger] == ["read", "typing"]


# ---------------------------------------------------------------- statuses
async def statuses(api):
    await api.quiet(250)
    return [s for j in api.stub.json(P) for e in j["entry"] for c in e["changes"] for s in c["value"].get("statuses", [])]


async def test_status_webhooks(api):
    await window(api)
    await api.text(biz_opaque_callback_data="clave-1")
    ss = await statuses(api)
    assert [s["status"] for s in ss] == ["sent", "delivered", "read"]
    assert all(s["biz_opaque_callback_data"] == "clave-1" and s["recipient_id"] == "34600111222" for s in ss)
    assert ss[0]["pricing"]["pricing_model"] == "PMP"
    assert "pricing" not in ss[2]
    for g in api.stub.got:
        assert (
            g["headers"]["X-Hub-Signature-256"] == "sha256=" + hmac.new(b"rig-app-secret", g["raw"], hashlib.sha256).hexdigest()
        )


async def test_reaction_only_sent_and_failed_status(api):
    await window(api)
    await api.send({"to": "+34600111222", "type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "\U0001f44d"}})
    assert [s["status"] for s in await statuses(api)] == ["sent"]
    await api.ctl("POST", "/meta/fail", {"to": "34600111222", "code": 131026})
    await api.text(body="2")
    s = (await statuses(api))[-1]
    assert s["status"] == "failed"
    assert s["errors"][0]["code"] == 131026
    assert s["errors"][0]["error_data"]["details"]
    last = api.stub.json(P)[-1]["entry"][0]["changes"][0]["value"]
    assert "contacts" not in last  # failed statuses omit contacts


async def test_status_shuffle_duplicate_batch(api):
    await window(api)
    api.rig.meta.configure(
        {"status_duplicate": 1.0, "status_batch": 50, "status_delays": {"sent": 0.02, "delivered": 0.02, "read": 0.02}}
    )
    for i in range(5):
        await api.text(body=str(i))
    ss = await statuses(api)
    assert len(ss) == 30


# ---------------------------------------------------------------- limits
async def test_window_modes(api):
    api.rig.meta.cfg["window_mode"] = "sync"
    st, b = await api.text()
    assert st == 400
    assert b["error"]["code"] == 131047
    await window(api)
    assert (await api.text())[0] == 200
    api.rig.meta.clock.advance(24 * 3600 + 1)
    assert (await api.text())[1]["error"]["code"] == 131047
    assert (
        await api.send(
            {
                "to": "+34600111222",
                "type": "template",
                "template": {"name": "rig_sin_variables", "language": {"code": "es"}},
            }
        )
    )[0] == 200
    api.rig.meta.cfg["window_mode"] = "async"
    st, _ = await api.text(body="tarde")
    assert st == 200
    assert not api.rig.meta.ledger[-1]["inside_window"]
    assert [s["errors"][0]["code"] for s in await statuses(api) if s["status"] == "failed"] == [131047]
    api.rig.meta.cfg["window_mode"] = "off"
    await api.text(body="x")
    assert (await statuses(api))[-1]["status"] == "read"


async def test_pair_limit(api):
    await window(api)
    codes = [(await api.text(body=str(i))) for i in range(47)]
    assert [c[0] for c in codes[:45]] == [200] * 45
    assert codes[45][0] == 400
    assert codes[45][1]["error"]["code"] == 131056
    assert (await api.text(to="+34600999888"))[0] == 200  # other pair
    api.rig.meta.clock.advance(6.1)
    assert (await api.text())[0] == 200
    assert (await api.text())[0] == 400
    api.rig.meta.cfg["pair_limit"] = False
    assert (await api.text())[0] == 200


async def test_throughput_limit(api):
    api.rig.meta.configure({"throughput_limit": True, "throughput_mps": 10, "pair_limit": False})
    api.rig.meta.bucket = (10.0, 0)
    rs = await asyncio.gather(*[api.text(to=f"+3460000{i:04d}") for i in range(30)])
    bad = [b for s, b in rs if s != 200]
    assert bad
    assert all(b["error"]["code"] == 130429 for b in bad)
    assert 10 <= 30 - len(bad) <= 16


# ---------------------------------------------------------------- faults
async def test_faults_errors(api):
    await api.ctl("POST", "/meta/faults", {"kind": "error", "status": 500, "code": 131000, "times": 2, "match": "messages"})
    rs = [await api.text() for _ in range(3)]
    assert [r[0] for r in rs] == [500, 500, 200]
    assert rs[0][1]["error"]["code"] == 131000
    assert len(api.rig.meta.ledger) == 1
    await api.ctl("POST", "/meta/faults", {"kind": "error", "code": 131056, "where": {"to": "34600111222"}})
    assert (await api.text(to="+34600999888"))[0] == 200
    st, b = await api.text()
    assert st == 400
    assert b["error"]["code"] == 131056
    await api.ctl(
        "POST",
        "/meta/faults",
        {"kind": "error", "status": 502, "body": "<html>bad gateway</html>", "content_type": "text/html"},
    )
    assert (await api.text())[0] == 502


async def test_drop_before_and_after(api):
    await api.ctl("POST", "/meta/faults", [{"kind": "drop_before"}])
    with pytest.raises(aiohttp.ClientError):
        await api.text(body="uno")
    assert api.rig.meta.ledger == []
    await api.ctl("POST", "/meta/faults", [{"kind": "drop_after"}])
    with pytest.raises(aiohttp.ClientError):
        await api.text(body="uno")
    await api.text(body="uno")  # a blind retry
    assert [e["response"] for e in api.rig.meta.ledger] == ["drop_after", "ok"]
    c = await api.ctl("GET", "/counters")
    assert c["totals"]["duplicates"] == 1
    assert c["contacts"]["34600111222"]["duplicates"][0]["count"] == 2
    await api.ctl("POST", "/meta/faults", [{"kind": "error_after_commit", "status": 503}])
    assert (await api.text(body="dos"))[0] == 503
    assert api.rig.meta.ledger[-1]["text"] == "dos"


async def test_hang_slow_latency_outage(api):
    await api.ctl("POST", "/meta/faults", {"kind": "hang", "seconds": 30})
    with pytest.raises(asyncio.TimeoutError):
        async with asyncio.timeout(0.3):
            await api.text()
    assert (await api.quiet(100))["quiet"]  # a hanging call does not keep the rig busy
    t = asyncio.get_running_loop().time()
    await api.ctl("POST", "/meta/faults", {"kind": "slow", "seconds": 0.2})
    await api.text()
    assert asyncio.get_running_loop().time() - t >= 0.2
    api.rig.meta.cfg["latency"] = {"dist": "uniform", "min": 0.05, "max": 0.06}
    t = asyncio.get_running_loop().time()
    await api.text()
    assert asyncio.get_running_loop().time() - t >= 0.05
    await api.ctl("POST", "/meta/faults", {"kind": "outage", "for_s": 0.3})
    assert (await api.text())[0] == 503
    await asyncio.sleep(0.35)
    assert (await api.text())[0] == 200


# ---------------------------------------------------------------- media
async def test_media(api):
    h = {"Authorization": "Bearer rig-wa-token"}
    f = aiohttp.FormData()
    f.add_field("messaging_product", "whatsapp")
    f.add_field("file", b"\x89PNG123", filename="a.png", content_type="image/png")
    st, b = await api.call("meta", "POST", "/v23.0/106540352242922/media", h, data=f)
    mid = b["id"]
    assert st == 200
    assert (await api.send({"to": "+34600111222", "type": "image", "image": {"id": mid}}))[0] == 200
    st, m = await api.call("meta", "GET", f"/v23.0/{mid}", h)
    assert st == 200
    assert m["mime_type"] == "image/png"
    assert m["file_size"] == 7
    assert m["sha256"]
    async with api.s.get(m["url"]) as r:
        assert r.status == 401
    async with api.s.get(m["url"], headers=h) as r:
        assert r.status == 200
        assert await r.read() == b"\x89PNG123"
    api.rig.meta.clock.advance(301)
    async with api.s.get(m["url"], headers=h) as r:
        assert r.status == 404  # the URL lives 5 minutes
    assert (await api.call("meta", "GET", f"/v23.0/{mid}?phone_number_id=1", h))[0] == 400
    bad = aiohttp.FormData()
    bad.add_field("messaging_product", "whatsapp")
    bad.add_field("file", b"x", filename="a.exe", content_type="application/x-msdownload")
    assert (await api.call("meta", "POST", "/v23.0/106540352242922/media", h, data=bad))[0] == 400
    assert (await api.call("meta", "DELETE", f"/v23.0/{mid}", h))[1] == {"success": True}
    assert (await api.call("meta", "GET", f"/v23.0/{mid}", h))[0] == 400


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


# ---------------------------------------------------------------- inbound shapes and delivery
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
    s = (await statuses(api))[0]
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


async def test_wa_id_map_and_allow_list(api):
    api.rig.meta.configure({"wa_id_map": {"5511912345678": "551112345678"}, "allowed_recipients": ["551112345678"]})
    st, b = await api.text(to="+5511912345678")
    assert st == 200
    assert b["contacts"][0] == {"input": "+5511912345678", "wa_id": "551112345678"}
    assert (await api.text(to="+34600111222"))[1]["error"]["code"] == 131030
