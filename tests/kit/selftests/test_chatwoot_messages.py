"""Chatwoot's rules 43 to 59: messages, and what an administrator sets up. The number in a test's name is the rule's."""

import json

import aiohttp
import pytest

from tests.kit.simulators.chatwoot.liquid import LiquidError, liquid
from tests.kit.simulators.chatwoot.vocabulary import LABEL

C = {"name": "ana lopez", "phone_number": "+34600111222"}


async def test_r43_incoming_only_api(api):
    cid = (await api.cw("POST", "contacts", C))[1]["payload"]["contact"]["id"]
    did = (await api.cw("POST", "conversations", {"inbox_id": 2, "contact_id": cid}))[1]["id"]
    assert await api.cw("POST", f"conversations/{did}/messages", {"content": "x", "message_type": "incoming"}) == (
        422,
        {"error": "Incoming messages are only allowed in Api inboxes"},
    )


async def test_r44_senders(api):
    _cid, did = await api.new_conv()
    assert (await api.incoming(did))["sender"]["type"] == "contact"
    assert (await api.message(did))["sender"]["type"] == "user"
    assert (await api.message(did, token="rig-cw-bot"))["sender"]["type"] == "agent_bot"
    assert (await api.message(did, sender_type="AgentBot", sender_id=1))["sender"] == {
        "id": 1,
        "name": "Rig Bot",
        "avatar_url": "",
        "type": "agent_bot",
    }


async def test_r45_r46_r47_no_dedupe_echo_attrs(api):
    _, did = await api.new_conv()
    a = await api.message(did, source_id="wamid.1", echo_id="e1", content_attributes={"bot_key": "k"})
    b = await api.message(did, source_id="wamid.1", echo_id="e1")
    assert a["id"] != b["id"]
    assert a["echo_id"] == "e1"
    assert a["content_attributes"] == {"bot_key": "k"}
    await api.drain()
    e = next(x for x in api.events("message_created") if x["id"] == a["id"])
    assert "echo_id" not in json.dumps(e)
    assert e["content_attributes"] == {"bot_key": "k"}
    assert e["source_id"] == "wamid.1"
    assert "echo_id" not in (await api.cw("GET", f"conversations/{did}/messages"))[1]["payload"][0]
    assert (await api.message(did, content_attributes='{"x":1}'))["content_attributes"] == {"x": 1}


async def test_r48_limits(api):
    _, did = await api.new_conv()
    assert (await api.cw("POST", f"conversations/{did}/messages", {}))[0] == 200  # content is optional
    f = aiohttp.FormData()
    for i in range(16):
        f.add_field("attachments[]", b"x", filename=f"{i}.txt", content_type="text/plain")
    h = {"api_access_token": "rig-cw-admin"}
    assert (await api.call("chatwoot", "POST", f"/api/v1/accounts/1/conversations/{did}/messages", h, data=f))[0] == 422
    api.rig.chatwoot.cfg["messages_per_minute"] = 3
    codes = [(await api.cw("POST", f"conversations/{did}/messages", {"content": str(i)})) for i in range(4)]
    assert codes[-1] == (422, {"error": "Validation failed: Too many messages"})
    api.rig.chatwoot.clock.advance(61)
    assert (await api.cw("POST", f"conversations/{did}/messages", {"content": "x"}))[0] == 200


async def test_multipart_attachments(api):
    _, did = await api.new_conv()
    f = aiohttp.FormData()
    f.add_field("content", "mira")
    f.add_field("message_type", "incoming")
    f.add_field("content_attributes", '{"k":"v"}')
    f.add_field("attachments[]", b"\x89PNG", filename="a.png", content_type="image/png")
    await api.ctl(
        "POST", "/chatwoot/faults", {"kind": "error", "match": "/nunca"}
    )  # an unrelated switch must not disturb uploads
    st, b = await api.call(
        "chatwoot",
        "POST",
        f"/api/v1/accounts/1/conversations/{did}/messages",
        {"api_access_token": "rig-cw-admin"},
        data=f,
    )
    assert st == 200
    assert b["attachments"][0]["file_type"] == "image"
    assert b["message_type"] == 0
    assert b["content_attributes"] == {"k": "v"}
    async with api.s.get(b["attachments"][0]["data_url"]) as r:
        assert await r.read() == b"\x89PNG"


async def test_r49_liquid(api):
    _, did = await api.new_conv()
    assert (await api.message(did, "Hola {{ contact.name }} / {{contact.nada}}!"))["content"] == "Hola Ana Lopez / !"
    assert (await api.message(did, "mira `{{ contact.name }}`"))["content"] == "mira `{{ contact.name }}`"
    assert (await api.message(did, "roto {{ contact.name"))["content"] == "roto {{ contact.name"
    assert (await api.message(did, "{% nada %}"))["content"] == "{% nada %}"
    assert (await api.incoming(did, "{{ contact.name }}"))["content"] == "{{ contact.name }}"
    assert liquid("{% if contact.name %}si{% else %}no{% endif %}", {"contact": {"name": "x"}}) == "si"
    with pytest.raises(LiquidError):
        liquid("{% if x %}", {})


async def test_r50_reopen(api):
    _cid, did = await api.new_conv()

    def st():
        return api.rig.chatwoot.by_display[(1, did)]["status"]

    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "resolved"})
    await api.incoming(did)
    assert st() == "pending"  # active bot
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "snoozed"})
    await api.incoming(did)
    assert st() == "open"
    await api.cw("POST", "inboxes/1/set_agent_bot", {})
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "resolved"})
    await api.incoming(did)
    assert st() == "open"  # no bot
    await api.cw("POST", f"conversations/{did}/mute")
    await api.incoming(did)
    assert st() == "resolved"  # muted: nothing


async def test_r51_r52_human_reply(api):
    _, did = await api.new_conv()
    c = api.rig.chatwoot.by_display[(1, did)]
    await api.incoming(did)
    assert c["waiting_since"]
    await api.message(did, "bot", token="rig-cw-bot")
    assert c["waiting_since"] is None
    assert c["first_reply_created_at"] is None
    assert c["status"] == "pending"
    await api.incoming(did)
    await api.message(did, "nota", private=True, token="rig-cw-agent")
    assert c["waiting_since"]
    assert c["first_reply_created_at"] is None
    await api.message(did, "persona", token="rig-cw-agent")
    assert c["first_reply_created_at"]
    assert c["waiting_since"] is None
    assert c["status"] == "pending"


async def test_r53_status_patch(api):
    _, did = await api.new_conv()
    m = await api.message(did)

    def p(**b):
        return api.cw("PATCH", f"conversations/{did}/messages/{m['id']}", b)

    assert (await p(status="read"))[1]["status"] == "read"
    assert (await p(status="delivered"))[1]["status"] == "read"
    b = (await p(status="failed", external_error="131047"))[1]
    assert b["status"] == "failed"
    assert b["content_attributes"]["external_error"] == "131047"
    b = (await p(status="sent", external_error="x"))[1]
    assert b["status"] == "sent"
    assert "external_error" not in b["content_attributes"]
    assert (await p(status="raro"))[0] == 200
    await api.drain()
    assert len(api.events("message_updated")) == 3
    cid = (await api.cw("POST", "contacts", {"phone_number": "+34600999888"}))[1]["payload"]["contact"]["id"]
    d2 = (await api.cw("POST", "conversations", {"inbox_id": 2, "contact_id": cid}))[1]["id"]
    m2 = await api.message(d2)
    assert await api.cw("PATCH", f"conversations/{d2}/messages/{m2['id']}", {"status": "read"}) == (
        403,
        {"error": "Message status update is only allowed for API inboxes"},
    )


async def test_r54_windows(api):
    api.rig.chatwoot.cfg["messages_per_minute"] = 10_000
    _, did = await api.new_conv()
    ids = [(await api.message(did, str(i), private=i % 2 == 0))["id"] for i in range(30)]

    def g(q=""):
        return api.cw("GET", f"conversations/{did}/messages{q}")

    got = [m["id"] for m in (await g())[1]["payload"]]
    assert got == ids[-20:]
    assert [m["id"] for m in (await g(f"?before={ids[25]}"))[1]["payload"]] == ids[5:25]
    assert [m["id"] for m in (await g(f"?after={ids[2]}"))[1]["payload"]] == ids[3:]
    assert [m["id"] for m in (await g(f"?after={ids[2]}&before={ids[5]}"))[1]["payload"]] == ids[2:5]
    assert len((await g("?filter_internal_messages=1"))[1]["payload"]) == 15


async def test_r55_items(api):
    _, did = await api.new_conv()

    def p(ct, items):
        return api.cw(
            "POST",
            f"conversations/{did}/messages",
            {"content": "x", "content_type": ct, "content_attributes": {"items": items}},
        )

    assert (await p("input_select", [{"title": "a", "value": "1"}]))[0] == 200
    assert (await p("input_select", [{"title": "a", "id": "1"}]))[0] == 422
    assert (await p("input_select", []))[0] == 422
    assert (await p("cards", [{"title": "a", "actions": [{"text": "t", "type": "link", "uri": "x"}]}]))[0] == 200
    assert (await p("cards", [{"title": "a"}]))[0] == 422
    assert (await p("article", [{"title": "a", "url": "x"}]))[0] == 422
    assert (await api.cw("POST", f"conversations/{did}/messages", {"content": "x", "content_type": "raro"}))[0] == 422


async def test_r56_greeting_and_csat(api):
    api.rig.chatwoot.inboxes[1].update(
        {"greeting_enabled": True, "greeting_message": "Bienvenido", "csat_survey_enabled": True}
    )
    _, did = await api.new_conv()
    await api.incoming(did)
    await api.incoming(did)
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "resolved"})
    await api.drain()
    t = [e for e in api.events("message_created") if e["message_type"] == "template"]
    assert [x["content_type"] for x in t] == ["text", "input_csat"]
    assert t[0]["content"] == "Bienvenido"
    assert t[0]["sender"] is None
    assert "survey" in t[1]["content"]


async def test_r56_out_of_office(api):
    api.rig.chatwoot.cfg["out_of_office"] = True
    await api.cw("PATCH", "inboxes/1", {"out_of_office_message": "Cerrado"})
    _, did = await api.new_conv()
    await api.incoming(did)
    await api.incoming(did)
    await api.drain()
    assert [e["content"] for e in api.events("message_created") if e["message_type"] == "template"] == ["Cerrado"]


async def test_r57_labels(api):
    assert (await api.cw("POST", "labels", {"title": "Lead-Caliente"}))[1]["title"] == "lead-caliente"
    for bad in ("lead-caliente", "a", "con espacio", "a:b", "-x", "_x", ""):
        assert (await api.cw("POST", "labels", {"title": bad}))[0] == 422, bad
    assert LABEL.match("ni\u00f1o")
    assert (await api.cw("GET", "labels"))[1]["payload"][0]["title"] == "lead-caliente"
    lid = (await api.cw("GET", "labels"))[1]["payload"][0]["id"]
    assert (await api.cw("PATCH", f"labels/{lid}", {"color": "#fff"}))[1]["color"] == "#fff"
    assert (await api.cw("DELETE", f"labels/{lid}"))[0] == 200


async def test_r58_attribute_definitions(api):
    d = {
        "attribute_display_name": "Etapa",
        "attribute_key": "etapa",
        "attribute_display_type": "list",
        "attribute_values": ["a"],
        "attribute_model": "conversation_attribute",
    }

    def p(**k):
        return api.cw("POST", "custom_attribute_definitions", {**d, **k})

    st, b = await p()
    assert st == 200
    assert b["attribute_display_type"] == "list"
    assert (await p())[0] == 422
    assert (await p(attribute_model="contact_attribute"))[0] == 200
    assert (await p(attribute_key="status"))[0] == 422
    assert (await p(attribute_key="con espacio"))[0] == 422
    assert (await p(attribute_key="name", attribute_model=1))[0] == 422
    assert (await p(attribute_key="otra.clave-1", attribute_display_type=0, attribute_model=0))[1][
        "attribute_model"
    ] == "conversation_attribute"
    assert (await p(attribute_key="zz", attribute_display_type="raro"))[0] == 500
    assert len((await api.cw("GET", "custom_attribute_definitions?attribute_model=0"))[1]) == 2
    _cid, did = await api.new_conv()
    await api.cw("POST", f"conversations/{did}/custom_attributes", {"custom_attributes": {"etapa": "a"}})
    f = (
        await api.cw(
            "POST",
            "conversations/filter",
            {"payload": [{"attribute_key": "etapa", "filter_operator": "equal_to", "values": ["a"], "query_operator": None}]},
        )
    )[1]
    assert [c["id"] for c in f["payload"]] == [did]


async def test_r59_webhooks(api):
    def p(**k):
        return api.cw("POST", "webhooks", {"url": "https://x.test/h", **k})

    b = (await p())[1]["payload"]["webhook"]
    assert len(b["subscriptions"]) == 8
    assert b["secret"]
    assert "conversation_typing_on" not in b["subscriptions"]
    assert (await p())[1]["attributes"] == ["url"]
    for bad in ([], ["nada"], "message_created"):
        st, e = await p(url="https://y.test/h", subscriptions=bad)
        assert st == 422
        assert "Invalid events" in e["message"]
    assert (await p(url="nada"))[0] == 422
    assert (await api.cw("PATCH", f"webhooks/{b['id']}", {"subscriptions": ["message_created"]}))[1]["payload"]["webhook"][
        "subscriptions"
    ] == ["message_created"]
    assert len((await api.cw("GET", "webhooks"))[1]["payload"]["webhooks"]) == 2
    assert (await api.cw("DELETE", f"webhooks/{b['id']}"))[0] == 200


async def test_setup_objects(api):
    b = (await api.cw("POST", "agent_bots", {"name": "Otro", "outgoing_url": ""}))[1]
    assert b["access_token"]
    assert b["secret"]
    assert b["system_bot"] is False
    assert (await api.cw("POST", "inboxes/1/set_agent_bot", {"agent_bot": b["id"]}))[0] == 200
    assert (await api.cw("GET", "inboxes/1/agent_bot"))[1]["agent_bot"]["id"] == b["id"]
    i = (await api.cw("POST", "inboxes", {"name": "Nuevo", "channel": {"type": "api", "webhook_url": "https://x"}}))[1]
    assert i["channel_type"] == "Channel::Api"
    assert i["inbox_identifier"]
    assert i["secret"]
    assert i["webhook_url"] == "https://x"
    assert (await api.cw("POST", "inboxes", {"name": "N", "channel": {"type": "raro"}}))[0] == 422
    assert "secret" not in (await api.cw("GET", "inboxes/1", token="rig-cw-agent"))[1]
    assert (await api.cw("POST", "teams", {"name": "Soporte"}))[1]["name"] == "soporte"
    assert len((await api.cw("GET", "agents"))[1]) == 3
    a = (await api.cw("POST", "dashboard_apps", {"title": "x", "content": [{"type": "frame", "url": "https://x"}]}))[1]
    assert (await api.cw("GET", f"dashboard_apps/{a['id']}"))[1]["title"] == "x"
    assert (await api.cw("POST", "dashboard_apps", {"title": "x", "content": [{"type": "iframe", "url": "x"}]}))[0] == 422
    c = (await api.cw("POST", "canned_responses", {"short_code": "hola", "content": "Hola"}))[1]
    assert [x["id"] for x in (await api.cw("GET", "canned_responses?search=hol"))[1]] == [c["id"]]
    assert (await api.cw("POST", "canned_responses", {"short_code": "hola", "content": "x"}))[0] == 422
    _st, b = await api.call("chatwoot", "GET", "/api/v1/profile", {"api_access_token": "rig-cw-admin"})
    assert b["role"] == "administrator"
