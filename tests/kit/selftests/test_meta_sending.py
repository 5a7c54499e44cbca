"""What Meta accepts and refuses, its limits and its faults."""

import asyncio

import aiohttp
import pytest

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
    await api.open_window()
    mid = api.rig.meta.inbound_log[0]["id"]
    assert (await api.send({"status": "read", "message_id": mid}))[1] == {"success": True}
    assert (await api.send({"status": "read", "message_id": mid, "typing_indicator": {"type": "text"}}))[1] == {"success": True}
    assert (await api.send({"status": "read", "message_id": mid, "typing_indicator": {"type": "x"}}))[0] == 400
    assert (await api.send({"status": "read", "message_id": "wamid.no"}))[0] == 400
    assert (await api.send({"status": "delivered", "message_id": mid}))[0] == 400
    assert [e["kind"] for e in api.rig.meta.ledger] == ["read", "typing"]


async def test_window_modes(api):
    api.rig.meta.cfg["window_mode"] = "sync"
    st, b = await api.text()
    assert st == 400
    assert b["error"]["code"] == 131047
    await api.open_window()
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
    assert [s["errors"][0]["code"] for s in await api.statuses() if s["status"] == "failed"] == [131047]
    api.rig.meta.cfg["window_mode"] = "off"
    await api.text(body="x")
    assert (await api.statuses())[-1]["status"] == "read"


async def test_pair_limit(api):
    await api.open_window()
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


async def test_wa_id_map_and_allow_list(api):
    api.rig.meta.configure({"wa_id_map": {"5511912345678": "551112345678"}, "allowed_recipients": ["551112345678"]})
    st, b = await api.text(to="+5511912345678")
    assert st == 200
    assert b["contacts"][0] == {"input": "+5511912345678", "wa_id": "551112345678"}
    assert (await api.text(to="+34600111222"))[1]["error"]["code"] == 131030
