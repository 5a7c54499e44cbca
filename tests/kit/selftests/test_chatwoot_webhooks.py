"""Chatwoot's rules 60 to 70: events, signatures, deliveries; and the person in the dashboard. The number in a test's name
is the rule's.
"""

import asyncio
import hashlib
import hmac
import json

import aiohttp
import pytest

from tests.kit.simulators.chatwoot.deliveries import sign

H = "/webhook/chatwoot"


async def test_r60_fan_out(api):
    api.rig.chatwoot.inboxes[1]["channel"]["webhook_url"] = api.stub_url + "/inbox"
    api.rig.chatwoot.bots[1]["outgoing_url"] = api.stub_url + "/bot"
    _, did = await api.new_conv()
    await api.drain()
    api.stub.got.clear()
    await api.message(did)
    await api.drain()
    mc = [
        (g["path"], g["headers"]["X-Chatwoot-Delivery"])
        for g in api.stub.got
        if json.loads(g["raw"])["event"] == "message_created"
    ]
    assert sorted(p for p, _ in mc) == ["/bot", "/inbox", H]
    assert len({d for _, d in mc}) == 3
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "resolved"})
    await api.drain()
    paths = {p: {json.loads(g["raw"])["event"] for g in api.stub.got if g["path"] == p} for p in (H, "/bot", "/inbox")}
    assert "conversation_resolved" in paths["/bot"]
    assert "conversation_resolved" not in paths[H]
    assert "contact_updated" not in paths["/inbox"]


async def test_r61_r62_r63_echo_and_shape(api):
    _, did = await api.new_conv()
    await api.incoming(did, "entrante")
    a = await api.message(did, "publico", token="rig-cw-bot")
    n = await api.message(did, "nota", private=True, token="rig-cw-agent")
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "open"}, token="rig-cw-bot")
    await api.drain()
    ev = {e["content"]: e for e in api.events("message_created")}
    assert set(ev) == {"entrante", "publico", "nota"}  # our own writes, private notes; no activity
    assert any(m["message_type"] == 2 for m in api.rig.chatwoot.msgs.values())
    i, p, q = ev["entrante"], ev["publico"], ev["nota"]
    assert i["message_type"] == "incoming"
    assert "status" not in i
    assert "type" not in i["sender"]
    assert i["sender"]["account"]["id"] == 1
    assert i["sender"]["phone_number"] == "+34600111222"
    assert p["sender"] == {"id": 1, "name": "Rig Bot", "type": "agent_bot"}
    assert p["conversation"]["messages"][0]["message_type"] == 1
    assert p["conversation"]["messages"][0]["status"] == "sent"
    assert q["sender"]["type"] == "user"
    assert q["private"] is True
    assert q["conversation"]["messages"][0]["content"] == "publico"
    assert p["id"] == a["id"]
    assert p["conversation"]["id"] == did
    assert p["account"] == {"id": 1, "name": "Acme"}
    assert p["inbox"] == {"id": 1, "name": "WhatsApp"}
    assert p["created_at"].endswith("Z")
    assert p["conversation"]["contact_inbox"]["source_id"]
    assert p["conversation"]["meta"]["sender"]["type"] == "contact"
    assert isinstance(p["conversation"]["created_at"], int)
    assert n["private"]


async def test_r64_status_events(api):
    _, did = await api.new_conv()
    await api.drain()
    api.stub.got.clear()
    api.rig.chatwoot.users[2]["online"] = False
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "open"}, token="rig-cw-bot")
    await api.drain()
    s = api.events("conversation_status_changed")
    assert len(s) == 1
    assert s[0]["changed_attributes"] is None
    assert s[0]["status"] == "open"
    assert s[0]["id"] == did
    u = api.events("conversation_updated")
    assert {"status": {"previous_value": "pending", "current_value": "open"}} in u[0]["changed_attributes"]
    api.stub.got.clear()
    await api.cw("POST", f"conversations/{did}/labels", {"labels": ["a"]})
    await api.drain()
    assert api.events("conversation_updated")[0]["changed_attributes"][0] == {
        "label_list": {"previous_value": [], "current_value": ["a"]}
    }
    api.stub.got.clear()
    await api.cw("POST", f"conversations/{did}/labels", {"labels": ["a"]})
    await api.drain()
    assert not api.stub.got  # nothing changed, nothing sent


async def test_r65_contact_updated(api):
    _, did = await api.new_conv()
    await api.drain()
    n = len(api.events("contact_updated"))
    await api.incoming(did)
    await api.incoming(did)
    await api.drain()
    assert len(api.events("contact_updated")) == n + 2
    assert api.events("contact_created")
    assert api.events("conversation_created")


def test_r66_vector():
    body = b'{"event":"message_created"}'
    assert sign("secret", "1700000000", body) == "sha256=4fbf414139098588cc31e819ccebf960699d147368b51572e7657c1332d9c962"


async def test_r66_headers(api):
    _, did = await api.new_conv()
    await api.drain()
    g = api.stub.got[-1]
    h = g["headers"]
    assert (
        h["X-Chatwoot-Signature"]
        == "sha256="
        + hmac.new(b"rig-cw-secret", h["X-Chatwoot-Timestamp"].encode() + b"." + g["raw"], hashlib.sha256).hexdigest()
    )
    assert len(h["X-Chatwoot-Delivery"]) == 36
    for k in api.rig.chatwoot.hooks.values():
        k["secret"] = None
    await api.message(did)
    await api.drain()
    h = api.stub.got[-1]["headers"]
    assert "X-Chatwoot-Signature" not in h
    assert "X-Chatwoot-Timestamp" not in h
    assert h["X-Chatwoot-Delivery"]


async def test_r67_single_attempt_and_inbox_failure(api):
    _, did = await api.new_conv()
    await api.drain()
    api.stub.answer = lambda p, n, r: (500, b"")
    n0 = len(api.stub.got)
    m = await api.message(did)
    await api.drain()
    assert len([1 for g in api.stub.got[n0:] if json.loads(g["raw"])["event"] == "message_created"]) == 1
    assert api.rig.chatwoot.msgs[m["id"]]["status"] == "sent"
    api.rig.chatwoot.inboxes[1]["channel"]["webhook_url"] = api.stub_url + "/inbox"
    m = await api.incoming(did)
    await api.drain()
    x = api.rig.chatwoot.msgs[m["id"]]
    assert x["status"] == "failed"
    assert x["content_attributes"]["external_error"] == "500"
    assert any(json.loads(g["raw"])["event"] == "message_updated" for g in api.stub.got)
    api.rig.chatwoot.cfg["webhook_timeout"] = 0.1
    api.stub.answer = lambda p, n, r: (200, b"")
    api.stub.delay = 0.5
    m = await api.message(did)
    await api.drain()
    assert api.rig.chatwoot.msgs[m["id"]]["content_attributes"]["external_error"] == "timeout"


async def test_r68_bot_retries(api):
    api.rig.chatwoot.bots[1]["outgoing_url"] = api.stub_url + "/bot"
    api.rig.chatwoot.users[2]["online"] = False
    _, did = await api.new_conv()
    c = api.rig.chatwoot.by_display[(1, did)]
    await api.drain()
    api.stub.answer = lambda p, n, r: (500, b"") if p == "/bot" else (200, b"")
    api.stub.got.clear()
    m = await api.incoming(did)
    await api.drain()
    bot = [
        g
        for g in api.stub.got
        if g["path"] == "/bot"
        and json.loads(g["raw"]).get("id") == m["id"]
        and json.loads(g["raw"])["event"] == "message_created"
    ]
    assert len(bot) == 3
    assert len({g["headers"]["X-Chatwoot-Delivery"] for g in bot}) == 1
    assert c["status"] == "open"
    assert any("error with the agent bot" in (x["content"] or "") for x in api.rig.chatwoot.msgs.values())
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "pending"})
    await api.drain()
    api.stub.answer = lambda p, n, r: (404, b"") if p == "/bot" else (200, b"")
    api.stub.got.clear()
    m = await api.incoming(did)
    await api.drain()
    assert len([g for g in api.stub.got if g["path"] == "/bot" and json.loads(g["raw"])["event"] == "message_created"]) == 1
    assert c["status"] == "open"
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "pending"})
    api.rig.chatwoot.cfg["keep_pending_on_bot_failure"] = True
    await api.incoming(did)
    await api.drain()
    assert c["status"] == "pending"


async def test_r69_private_network(api):
    api.rig.chatwoot.cfg["allow_private_network"] = False
    _, did = await api.new_conv()
    await api.message(did)
    await api.drain()
    assert not api.stub.got
    assert any(d["error"] == "private_network_refused" for d in api.rig.chatwoot.outbox.log)


async def test_r70_switches(api):
    _, did = await api.new_conv()
    await api.drain()
    api.stub.got.clear()
    mc = {"where": {"event": "message_created"}}
    await api.ctl("POST", "/chatwoot/faults", {"kind": "duplicate_delivery", **mc})
    await api.message(did, "doble")
    await api.drain()
    got = [g for g in api.stub.got if json.loads(g["raw"])["event"] == "message_created"]
    assert len(got) == 2
    assert len({g["headers"]["X-Chatwoot-Delivery"] for g in got}) == 1
    api.stub.got.clear()
    await api.ctl("POST", "/chatwoot/faults", {"kind": "duplicate_delivery", "new_id": True, **mc})
    await api.message(did, "doble2")
    await api.drain()
    assert (
        len({g["headers"]["X-Chatwoot-Delivery"] for g in api.stub.got if json.loads(g["raw"])["event"] == "message_created"})
        == 2
    )
    api.stub.got.clear()
    await api.ctl("POST", "/chatwoot/faults", {"kind": "reorder", "seconds": 0.15, **mc})
    await api.message(did, "primero")
    await api.message(did, "segundo")
    await api.drain()
    assert [e["content"] for e in api.events("message_created")] == ["segundo", "primero"]
    api.stub.got.clear()
    await api.ctl("POST", "/chatwoot/faults", {"kind": "lost_delivery", **mc})
    await api.message(did, "perdido")
    await api.drain()
    assert not api.events("message_created")
    await api.ctl("POST", "/chatwoot/faults", {"kind": "late_snapshot", "seconds": 0.15, **mc})
    await api.message(did, "foto")
    await api.cw("POST", f"conversations/{did}/labels", {"labels": ["despues"]})
    await api.drain()
    assert api.events("message_created")[-1]["conversation"]["labels"] == ["despues"]
    await api.ctl("POST", "/chatwoot/faults", {"kind": "stale_snapshot", "seconds": 0.15, **mc})
    await api.message(did, "vieja")
    await asyncio.sleep(0.05)
    await api.cw("POST", f"conversations/{did}/labels", {"labels": ["otra"]})
    await api.drain()
    assert api.events("message_created")[-1]["conversation"]["labels"] == ["despues"]


async def test_r70_http_switches(api):
    _, did = await api.new_conv()
    await api.drain()
    await api.ctl("POST", "/chatwoot/faults", {"kind": "error_after_commit", "match": "/messages"})
    st, _ = await api.cw("POST", f"conversations/{did}/messages", {"content": "una"})
    assert st == 500
    assert [m["content"] for m in api.rig.chatwoot.msgs.values()] == ["una"]
    await api.ctl("POST", "/chatwoot/faults", {"kind": "drop_after", "match": "/messages"})
    with pytest.raises(aiohttp.ClientError):
        await api.cw("POST", f"conversations/{did}/messages", {"content": "dos"})
    assert len(api.rig.chatwoot.msgs) == 2
    await api.ctl("POST", "/chatwoot/faults", {"kind": "outage", "for_s": 0.2})
    assert (await api.cw("GET", "labels"))[0] == 503
    await asyncio.sleep(0.25)
    assert (await api.cw("GET", "labels"))[0] == 200
    api.stub.got.clear()
    await api.ctl("POST", "/chatwoot/faults", {"kind": "webhook_before_response"})
    t = asyncio.ensure_future(api.cw("POST", f"conversations/{did}/messages", {"content": "antes"}))
    while not any(e["content"] == "antes" for e in api.events("message_created")):
        await asyncio.sleep(0.001)
    st, b = await t
    assert st == 200
    assert [e["id"] for e in api.events("message_created")] == [b["id"]]
    rec = next(d for d in api.rig.chatwoot.outbox.log if d.get("message_id") == b["id"] and d["event"] == "message_created")
    req = api.rig.chatwoot.requests_log[-1]
    assert rec["t"] + rec["ms"] / 1000 <= req["t"] + 0.02


async def test_agent_control(api):
    _cid, did = await api.new_conv()
    await api.incoming(did)
    listed = {"name": "rig_seguimiento", "language": "es", "status": "APPROVED"}
    api.rig.chatwoot.inboxes[1]["channel"]["additional_attributes"]["message_templates"] = [listed]

    def a(**k):
        return api.ctl("POST", "/chatwoot/agent", {"conversation_id": did, **k})

    c = api.rig.chatwoot.by_display[(1, did)]
    assert (await a(action="reply", content="soy Beto"))["message"]["sender"]["type"] == "user"
    assert c["status"] == "pending"
    assert (await a(action="note", content="ojo"))["message"]["private"] is True
    m = (
        await a(
            action="template",
            content="Hola",
            template_params={
                "name": "rig_seguimiento",
                "category": "UTILITY",
                "language": "es",
                "processed_params": {"body": {"1": "Ana"}},
            },
        )
    )["message"]
    await a(action="assign", assignee_id=2)
    await a(action="resolve")
    assert c["status"] == "resolved"
    assert c["assignee_id"] == 2
    await a(action="open")
    await a(action="pending")
    await a(action="add_label", label="caliente")
    await a(action="attributes", attributes={"etapa": "x"})
    assert c["status"] == "pending"
    assert c["labels"] == ["caliente"]
    assert c["custom_attributes"] == {"etapa": "x"}
    assert (await a(action="external_echo", content="desde el movil"))["message"].get("sender") is None
    await a(action="delete_message", message_id=m["id"])
    await a(action="snooze", seconds=60)
    n = await api.ctl("POST", "/chatwoot/agent", {"action": "new_conversation", "phone": "+34600111222", "content": "x"})
    assert n["conversation_id"] == did + 1
    await api.drain()
    ev = api.events()
    tp = next(e for e in ev if e["event"] == "message_created" and e["id"] == m["id"])
    assert tp["additional_attributes"]["template_params"]["name"] == "rig_seguimiento"
    assert [e for e in ev if e["event"] == "message_updated"][-1]["content_attributes"] == {"deleted": True}
    assert (await a(action="nada"))["error"]


async def test_typing_events_only_when_subscribed(api):
    _, did = await api.new_conv()
    await api.ctl("POST", "/chatwoot/agent", {"conversation_id": did, "action": "typing"})
    await api.drain()
    assert not api.events("conversation_typing_on")
    api.rig.chatwoot.hooks[1]["subscriptions"].append("conversation_typing_on")
    await api.ctl("POST", "/chatwoot/agent", {"conversation_id": did, "action": "typing"})
    await api.drain()
    assert api.events("conversation_typing_on")[0]["user"]["type"] == "user"
