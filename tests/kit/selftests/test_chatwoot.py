"""One test per rule (or family) of the Chatwoot rule list; the number in the name is the rule's."""

import asyncio
import hashlib
import hmac
import json

import aiohttp
import pytest

from tests.kit.simulators.chatwoot.deliveries import sign
from tests.kit.simulators.chatwoot.liquid import LiquidError, liquid
from tests.kit.simulators.chatwoot.vocabulary import LABEL

H = "/webhook/chatwoot"
C = {"name": "ana lopez", "phone_number": "+34600111222"}


def events(api, name=None):
    return [j for j in api.stub.json(H) if not name or j["event"] == name]


async def drain(api):
    await api.quiet(80)


async def msg(api, did, content="hola", token="rig-cw-admin", **kw):
    st, b = await api.cw("POST", f"conversations/{did}/messages", {"content": content, **kw}, token=token)
    assert st == 200, b
    return b


async def incoming(api, did, content="hola", **kw):
    return await msg(api, did, content, message_type="incoming", **kw)


# ---------------------------------------------------------------- auth and errors
async def test_r01_token(api):
    assert await api.cw("GET", "contacts", token="nope") == (401, {"error": "Invalid Access Token"})
    assert (await api.cw("GET", "contacts", token=None))[0] == 401
    st, _b = await api.call("chatwoot", "GET", "/api/v1/accounts/1/contacts", {"Api-Access-Token": "rig-cw-admin"})
    assert st == 200
    assert (await api.call("chatwoot", "GET", "/api"))[1]["version"] == "4.15.1"


async def test_r02_bot_scope(api):
    _, did = await api.new_conv()
    for m, p in (
        ("GET", "contacts"),
        ("POST", "contacts"),
        ("GET", "conversations"),
        ("GET", f"conversations/{did}/messages"),
        ("PATCH", f"conversations/{did}/messages/1"),
        ("GET", "labels"),
        ("POST", "contact_inboxes/filter"),
        ("POST", "conversations/filter"),
        ("GET", "inboxes"),
    ):
        st, b = await api.cw(m, p, {} if m != "GET" else None, token="rig-cw-bot")
        assert (st, b) == (401, {"error": "Access to this endpoint is not authorized for bots"}), p
    for m, p, body in (
        ("GET", f"conversations/{did}", None),
        ("POST", f"conversations/{did}/toggle_status", {"status": "open"}),
        ("POST", f"conversations/{did}/messages", {"content": "x"}),
        ("POST", f"conversations/{did}/custom_attributes", {"custom_attributes": {}}),
        ("POST", f"conversations/{did}/assignments", {"assignee_id": None}),
        ("GET", f"conversations/{did}/labels", None),
        ("POST", f"conversations/{did}/labels", {"labels": []}),
        ("POST", f"conversations/{did}/toggle_typing_status", {"typing_status": "on"}),
        ("PATCH", f"conversations/{did}", {"priority": "high"}),
        ("POST", f"conversations/{did}/toggle_priority", {"priority": "low"}),
    ):
        assert (await api.cw(m, p, body, token="rig-cw-bot"))[0] == 200, p


async def test_r03_bot_of_other_account(api):
    st, b = await api.cw("GET", "conversations/1", token="rig-cw-bot", acc=2)
    assert (st, b["error"]) == (401, "Bot is not authorized to access this account")
    st, b = await api.cw("GET", "conversations/1", token="rig-cw-admin", acc=2)
    assert (st, b["error"]) == (401, "You are not authorized to access this account")


async def test_r04_r05_visibility(api):
    _, did = await api.new_conv()
    assert await api.cw("GET", f"conversations/{did}", token="rig-cw-agent2") == (
        401,
        {"error": "You are not authorized to do this action"},
    )
    assert (await api.cw("GET", f"conversations/{did}", token="rig-cw-agent"))[0] == 200  # member of the inbox
    api.rig.chatwoot.teams[1]["members"].append(3)
    await api.cw("POST", f"conversations/{did}/assignments", {"team_id": 1})
    assert (await api.cw("GET", f"conversations/{did}", token="rig-cw-agent2"))[0] == 200  # member of the team
    assert (await api.cw("GET", "conversations?status=all", token="rig-cw-agent2"))[1]["data"]["meta"]["all_count"] == 1


async def test_r06_admin_only(api):
    for p in ("labels", "webhooks", "inboxes", "teams", "custom_attribute_definitions", "agent_bots"):
        assert await api.cw("POST", p, {"title": "x"}, token="rig-cw-agent") == (
            401,
            {"error": "You are not authorized to do this action"},
        ), p
    assert (await api.cw("POST", "canned_responses", {"short_code": "a", "content": "b"}, token="rig-cw-agent"))[0] == 200
    assert (
        await api.cw(
            "POST",
            "dashboard_apps",
            {"title": "x", "content": [{"type": "frame", "url": "https://x"}]},
            token="rig-cw-agent",
        )
    )[0] == 200


async def test_r07_not_found(api):
    nf = (404, {"error": "Resource could not be found"})
    assert await api.cw("GET", "contacts/99999") == nf
    assert await api.cw("GET", "conversations/99999") == nf
    _st, c = await api.cw("POST", "contacts", C, token="rig-cw-other", acc=2)
    assert await api.cw("GET", f"contacts/{c['payload']['contact']['id']}") == nf


async def test_r08_error_shapes(api):
    st, b = await api.cw("POST", "contacts", {"phone_number": "600"})
    assert st == 422
    assert b == {"message": "Phone number should be in e164 format", "attributes": ["phone_number"]}
    _, did = await api.new_conv()
    st, b = await api.cw("POST", f"conversations/{did}/messages", {"content": "x" * 150_001})
    assert st == 422
    assert b["error"].startswith("Validation failed: ")
    assert "attributes" not in b


async def test_r09_bad_enum(api):
    cid, did = await api.new_conv()
    assert (await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "cerrada"}))[0] == 500
    assert (await api.cw("POST", "conversations", {"inbox_id": 1, "contact_id": cid, "status": "bot"}))[0] == 500


async def test_r10_rack_attack(api):
    assert all([(await api.cw("GET", "contacts/search?q=a"))[0] == 200 for _ in range(3)])
    api.rig.chatwoot.configure({"rack_attack": True, "search_limit_per_min": 5})
    codes = [(await api.cw("GET", "contacts/search?q=a"))[0] for _ in range(7)]
    assert codes == [200] * 5 + [429] * 2
    api.rig.chatwoot.configure({"ip_limit_per_min": 8})
    assert [(await api.cw("GET", "labels"))[0] for _ in range(3)][-1] == 429


async def test_r11_flat_json_and_forms(api):
    assert (await api.cw("POST", "labels", {"title": "caliente"}))[0] == 200
    assert (await api.cw("POST", "labels", {"label": {"title": "fria"}}))[0] == 200
    h = {"api_access_token": "rig-cw-admin"}
    st, b = await api.call("chatwoot", "POST", "/api/v1/accounts/1/labels", h, data={"title": "forma"})
    assert st == 422
    assert b["error"] == "param is missing or the value is empty: label"
    assert (await api.call("chatwoot", "POST", "/api/v1/accounts/1/labels", h, data={"label[title]": "forma"}))[0] == 200


# ---------------------------------------------------------------- contacts
async def test_r12_phone_anchor(api):
    assert (await api.cw("POST", "contacts", {"phone_number": "whatsapp:+34600111222"}))[0] == 200
    for bad in ("34600111222", "+0600111222", "+34 600", "+346001112223334445", "+34600111222\n"):
        assert (await api.cw("POST", "contacts", {"phone_number": bad}))[0] == 422, bad


async def test_r13_unique(api):
    await api.cw("POST", "contacts", {**C, "identifier": "wa:1", "email": "A@x.com"})
    for f in ({"phone_number": C["phone_number"]}, {"identifier": "wa:1"}, {"email": "a@x.COM"}):
        st, b = await api.cw("POST", "contacts", f)
        k = next(iter(f))
        assert st == 422
        assert b["attributes"] == [k]
        assert "has already been taken" in b["message"]
        assert "id" not in b


async def test_r14_race_switch(api):
    await api.cw("POST", "contacts", C)
    await api.ctl("POST", "/chatwoot/faults", {"kind": "race_duplicate_phone"})
    assert (await api.cw("POST", "contacts", C))[0] == 200
    assert (await api.cw("POST", "contacts", C))[0] == 422


async def test_r15_create_shape(api):
    _st, b = await api.cw("POST", "contacts", C)
    assert b["payload"]["contact_inbox"] == {"inbox": None, "source_id": None}
    _st, b = await api.cw("POST", "contacts", {"name": "x", "inbox_id": 1, "source_id": "wa:34600"})
    assert b["payload"]["contact_inbox"]["source_id"] == "wa:34600"
    assert b["payload"]["contact_inbox"]["inbox"]["id"] == 1
    assert b["payload"]["contact"]["contact_inboxes"][0]["source_id"] == "wa:34600"


async def test_r16_atomic(api):
    st, _b = await api.cw("POST", "contacts", {**C, "inbox_id": 2, "source_id": "no vale"})
    assert st == 422
    assert (await api.cw("GET", "contacts/search?q=%2B34600"))[1]["payload"] == []


async def test_r17_merge(api):
    _st, b = await api.cw(
        "POST", "contacts", {**C, "custom_attributes": {"a": 1, "b": 2}, "additional_attributes": {"city": "x"}}
    )
    cid = b["payload"]["contact"]["id"]
    for m in ("PATCH", "PUT"):
        _st, b = await api.cw(
            m, f"contacts/{cid}", {"custom_attributes": {"b": 3}, "additional_attributes": {"company_name": "y"}}
        )
        assert b["payload"]["custom_attributes"] == {"a": 1, "b": 3}
        assert b["payload"]["additional_attributes"] == {
            "city": "x",
            "company_name": "y",
        }
    _st, b = await api.cw("POST", f"contacts/{cid}/destroy_custom_attributes", {"custom_attributes": ["a"]})
    assert b["payload"]["custom_attributes"] == {"b": 3}


async def test_r18_long_name(api):
    assert (await api.cw("POST", "contacts", {"name": "x" * 255}))[0] == 200
    assert (await api.cw("POST", "contacts", {"name": "x" * 256}))[1]["attributes"] == ["name"]


async def test_r19_search(api):
    for i in range(16):
        await api.cw("POST", "contacts", {"name": f"Lead {i}", "phone_number": f"+3460000{i:04d}"})
    b = (await api.cw("GET", "contacts/search?q=lead"))[1]
    assert len(b["payload"]) == 15
    assert b["meta"]["has_more"] is True
    assert b["meta"]["count"] == 15
    b = (await api.cw("GET", "contacts/search?q=lead&page=2"))[1]
    assert len(b["payload"]) == 1
    assert b["meta"]["has_more"] is False
    assert (await api.cw("GET", "contacts/search?q=%2B3460000000"))[1]["meta"]["count"] == 10  # substring
    st, b = await api.call("chatwoot", "GET", "/api/v1/accounts/1/contacts/search?q=", {"api_access_token": "rig-cw-admin"})
    assert st == 200
    assert b["payload"] == []


async def test_r20_filter(api):
    await api.cw("POST", "contacts", C)

    def f(*rows):
        return api.cw("POST", "contacts/filter", {"payload": list(rows)})

    row = {
        "attribute_key": "phone_number",
        "filter_operator": "equal_to",
        "values": ["34600111222"],
        "query_operator": None,
    }
    st, b = await f(row)
    assert st == 200
    assert b["meta"]["count"] == 1
    for bad in (
        {**row, "attribute_key": "nada"},
        {**row, "filter_operator": "like"},
        {**row, "values": []},
        {**row, "query_operator": "XOR"},
    ):
        st, b = await f(bad)
        assert (st, set(b)) == (422, {"error"}), bad
    assert (await f({**row, "query_operator": "AND"}))[0] == 500  # dangling
    st, b = await f(
        {**row, "query_operator": "OR"},
        {"attribute_key": "name", "filter_operator": "contains", "values": ["ana"], "query_operator": None},
    )
    assert st == 200
    assert b["meta"]["count"] == 1


async def test_r21_contact_inbox_filter(api):
    cid, _ = await api.new_conv(source="wa:34600111222")
    st, b = await api.cw("POST", "contact_inboxes/filter", {"inbox_id": 1, "source_id": "wa:34600111222"})
    assert st == 200
    assert b["id"] == cid
    assert await api.cw("POST", "contact_inboxes/filter", {"inbox_id": 1, "source_id": "otro"}) == (404, b"")


async def test_r22_contact_labels(api):
    cid, _ = await api.new_conv()
    await api.cw("POST", f"contacts/{cid}/labels", {"labels": ["a", "b"]})
    assert (await api.cw("POST", f"contacts/{cid}/labels", {"labels": ["c"]}))[1] == {"payload": ["c"]}


# ---------------------------------------------------------------- contact inboxes
async def test_r23_r24_r25_api_inbox(api):
    c1 = (await api.cw("POST", "contacts", C))[1]["payload"]["contact"]["id"]
    c2 = (await api.cw("POST", "contacts", {"name": "b"}))[1]["payload"]["contact"]["id"]

    def ci(c, **k):
        return api.cw("POST", f"contacts/{c}/contact_inboxes", {"inbox_id": 1, **k})

    assert (await ci(c1, source_id="s"))[1]["source_id"] == "s"
    assert (await ci(c1, source_id="s"))[0] == 200
    assert len(list(api.rig.chatwoot.cis.values())) == 1  # R23
    a, b = (await ci(c1))[1]["source_id"], (await ci(c1))[1]["source_id"]
    assert a != b
    assert len(a) == 36
    assert (await ci(c2, source_id="s"))[0] == 500  # R25
    st, b = await api.cw("POST", "conversations", {"inbox_id": 1, "contact_id": c2, "source_id": "s"})
    assert (st, b) == (422, {"error": "source_id should be unique"})


async def test_r26_r27_whatsapp_inbox(api):
    c1 = (await api.cw("POST", "contacts", C))[1]["payload"]["contact"]["id"]
    c2 = (await api.cw("POST", "contacts", {"phone_number": "+34600999888"}))[1]["payload"]["contact"]["id"]
    c3 = (await api.cw("POST", "contacts", {"name": "sin"}))[1]["payload"]["contact"]["id"]

    def ci(c, ib, **k):
        return api.cw("POST", f"contacts/{c}/contact_inboxes", {"inbox_id": ib, **k})

    assert (await ci(c1, 2))[1]["source_id"] == "34600111222"
    assert (await ci(c1, 3))[1]["source_id"] == "whatsapp:+34600111222"
    assert (await ci(c2, 2, source_id="34600111222"))[0] == 200  # R26: stolen
    assert next(
        x["source_id"] for x in api.rig.chatwoot.cis.values() if x["contact_id"] == c1 and x["inbox_id"] == 2
    ).startswith("whatsapp:34600111222")
    for ib, s, ok in (
        (2, "ES.1349", 200),
        (2, "ES.ENT.1349", 200),
        (2, "+34600", 422),
        (2, "wa:1", 422),
        (3, "whatsapp:+346", 200),
        (3, "34600", 422),
    ):
        assert (await ci(c2, ib, source_id=s))[0] == ok, s  # R27
    assert (await ci(c3, 2))[0] == 422


# ---------------------------------------------------------------- conversations
async def test_r28_r29_r30_create(api):
    cid, d1 = await api.new_conv(status="open", source="wa:1")
    _st, v = await api.cw("POST", "conversations", {"inbox_id": 1, "contact_id": cid, "source_id": "wa:1", "status": "open"})
    assert v["id"] == d1 + 1
    assert v["status"] == "pending"
    api.rig.chatwoot.inboxes[1]["lock_to_single_conversation"] = True
    await api.cw("POST", f"conversations/{v['id']}/toggle_status", {"status": "resolved"})
    _st, v2 = await api.cw("POST", "conversations", {"inbox_id": 1, "contact_id": cid, "source_id": "wa:1"})
    assert v2["id"] == v["id"]
    assert v2["status"] == "resolved"
    _st, v3 = await api.cw("POST", "conversations", {"inbox_id": 1, "contact_id": cid})
    assert v3["id"] == v["id"] + 1  # a fresh UUID contact inbox, so a new one
    await api.cw("PATCH", f"contacts/{cid}", {"blocked": True})
    _st, v4 = await api.cw("POST", "conversations", {"inbox_id": 1, "contact_id": cid})
    assert v4["status"] == "resolved"  # R30
    await api.cw("POST", "inboxes/1/set_agent_bot", {"agent_bot": None})
    await api.cw("PATCH", f"contacts/{cid}", {"blocked": False})
    assert (await api.cw("POST", "conversations", {"inbox_id": 1, "contact_id": cid}))[1]["status"] == "open"
    assert (await api.cw("POST", "conversations", {"source_id": "wa:1"}))[0] == 200  # lookup by source_id only
    assert (await api.cw("POST", "conversations", {"source_id": "wa:nadie"}))[0] == 404
    assert (await api.cw("POST", "conversations", {"inbox_id": 1, "contact_id": cid, "message": {"content": "hola"}}))[1][
        "messages"
    ][0]["content"] == "hola"


async def test_r31_r38_ownership_mode(api):
    api.rig.chatwoot.cfg["ownership_mode"] = True
    _, did = await api.new_conv()
    v = (await api.cw("GET", f"conversations/{did}"))[1]
    assert v["meta"]["assignee_type"] == "AgentBot"
    assert v["status"] == "pending"
    await api.cw("POST", f"conversations/{did}/assignments", {"assignee_id": 2})
    v = (await api.cw("GET", f"conversations/{did}"))[1]
    assert v["status"] == "open"
    assert v["meta"]["assignee_type"] == "User"
    await api.cw("POST", f"conversations/{did}/assignments", {"assignee_id": 1, "assignee_type": "AgentBot"})
    assert (await api.cw("GET", f"conversations/{did}"))[1]["status"] == "pending"
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "open"}, token="rig-cw-bot")
    assert api.rig.chatwoot.by_display[(1, did)]["assignee_agent_bot_id"] is None


async def test_r32_attribute_limits(api):
    cid, did = await api.new_conv()
    for bad in ({"a": "x" * 1501}, {"a": 10_000_000_000}):
        assert (await api.cw("POST", f"conversations/{did}/custom_attributes", {"custom_attributes": bad}))[0] == 422
        assert (await api.cw("POST", "conversations", {"inbox_id": 1, "contact_id": cid, "additional_attributes": bad}))[
            0
        ] == 422
    assert (await api.cw("POST", f"conversations/{did}/custom_attributes", {"custom_attributes": {"a": "34600111222333"}}))[
        0
    ] == 200


async def test_r33_replace(api):
    _, did = await api.new_conv()
    await api.cw("POST", f"conversations/{did}/custom_attributes", {"custom_attributes": {"a": 1, "b": 2}})
    assert (await api.cw("POST", f"conversations/{did}/custom_attributes", {"custom_attributes": {"c": 3}}))[1] == {
        "custom_attributes": {"c": 3}
    }
    await api.cw("POST", f"conversations/{did}/labels", {"labels": ["desconocida", "b"]})
    assert (await api.cw("POST", f"conversations/{did}/labels", {"labels": ["z"]}))[1] == {"payload": ["z"]}
    assert (await api.cw("POST", f"conversations/{did}/labels", {}))[1] == {"payload": []}
    assert (await api.cw("GET", f"conversations/{did}"))[1]["labels"] == []


async def test_r34_handoff_and_autoassign(api):
    _, did = await api.new_conv()
    api.rig.chatwoot.users[2]["online"] = False
    _st, b = await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "open"}, token="rig-cw-bot")
    assert b["payload"]["success"] is None
    assert b["payload"]["current_status"] == "open"
    assert b["meta"] == {}
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "pending"})
    _st, b = await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "open"})
    assert b["payload"]["success"] is True
    assert api.rig.chatwoot.by_display[(1, did)]["assignee_id"] is None
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "pending"})
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "open"}, token="rig-cw-agent")
    assert api.rig.chatwoot.by_display[(1, did)]["assignee_id"] == 2


async def test_r35_r36_toggle_and_snooze(api):
    _, did = await api.new_conv()

    def t(b=None):
        return api.cw("POST", f"conversations/{did}/toggle_status", b or {})

    assert (await t())[1]["payload"]["current_status"] == "open"
    assert (await t())[1]["payload"]["current_status"] == "resolved"
    assert (await t())[1]["payload"]["current_status"] == "open"
    b = (await t({"status": "snoozed", "snoozed_until": 4102444800}))[1]
    assert b["payload"]["snoozed_until"].startswith("2100-01-01")
    assert (await t())[1]["payload"]["current_status"] == "open"
    assert (await api.cw("GET", f"conversations/{did}"))[1]["snoozed_until"] is None


async def test_r37_r39_assign(api):
    _, did = await api.new_conv()

    def a(b):
        return api.cw("POST", f"conversations/{did}/assignments", b)

    assert (await a({"assignee_id": 2}))[1]["id"] == 2
    assert await a({"assignee_id": 9999}) == (200, None)
    assert api.rig.chatwoot.by_display[(1, did)]["assignee_id"] is None
    assert (await a({"assignee_id": 1, "assignee_type": "AgentBot"}))[1]["name"] == "Rig Bot"
    await a({"assignee_id": 2})
    assert api.rig.chatwoot.by_display[(1, did)]["assignee_agent_bot_id"] is None
    assert await a({"assignee_id": None}) == (200, None)
    await a({"assignee_id": 1})
    assert (await a({"team_id": 1}))[1]["name"] == "ventas"
    assert api.rig.chatwoot.by_display[(1, did)]["assignee_id"] == 2  # outsider dropped, online member picked


async def test_r40_lists(api):
    for i in range(27):
        await api.new_conv(f"+3460000{i:04d}")
    b = (await api.cw("GET", "conversations"))[1]
    assert b["data"]["meta"]["all_count"] == 0  # default is open; these are pending
    b = (await api.cw("GET", "conversations?status=pending"))[1]["data"]
    assert len(b["payload"]) == 25
    assert b["meta"]["all_count"] == 27
    assert len((await api.cw("GET", "conversations?status=all&page=2"))[1]["data"]["payload"]) == 2
    f = (
        await api.cw(
            "POST",
            "conversations/filter",
            {
                "payload": [
                    {
                        "attribute_key": "status",
                        "filter_operator": "equal_to",
                        "values": ["pending"],
                        "query_operator": None,
                    }
                ]
            },
        )
    )[1]
    assert set(f) == {"meta", "payload"}
    assert f["meta"]["all_count"] == 27


async def test_r41_r42_can_reply(api):
    _, did = await api.new_conv()

    def g():
        return api.cw("GET", f"conversations/{did}")

    assert (await g())[1]["can_reply"] is False  # nothing incoming yet
    await incoming(api, did)
    assert (await g())[1]["can_reply"] is True
    api.rig.chatwoot.clock.advance(24 * 3600 + 5)
    assert (await g())[1]["can_reply"] is False
    await msg(api, did, "se puede igual")  # not enforced on POST
    for bad in ("0", "-3", "abc"):
        assert (await api.cw("PATCH", "inboxes/1", {"channel": {"additional_attributes": {"agent_reply_time_window": bad}}}))[
            0
        ] == 422
    await api.cw("PATCH", "inboxes/1", {"channel": {"additional_attributes": {}}})
    assert (await g())[1]["can_reply"] is True  # unset


# ---------------------------------------------------------------- messages
async def test_r43_incoming_only_api(api):
    cid = (await api.cw("POST", "contacts", C))[1]["payload"]["contact"]["id"]
    did = (await api.cw("POST", "conversations", {"inbox_id": 2, "contact_id": cid}))[1]["id"]
    assert await api.cw("POST", f"conversations/{did}/messages", {"content": "x", "message_type": "incoming"}) == (
        422,
        {"error": "Incoming messages are only allowed in Api inboxes"},
    )


async def test_r44_senders(api):
    _cid, did = await api.new_conv()
    assert (await incoming(api, did))["sender"]["type"] == "contact"
    assert (await msg(api, did))["sender"]["type"] == "user"
    assert (await msg(api, did, token="rig-cw-bot"))["sender"]["type"] == "agent_bot"
    assert (await msg(api, did, sender_type="AgentBot", sender_id=1))["sender"] == {
        "id": 1,
        "name": "Rig Bot",
        "avatar_url": "",
        "type": "agent_bot",
    }


async def test_r45_r46_r47_no_dedupe_echo_attrs(api):
    _, did = await api.new_conv()
    a = await msg(api, did, source_id="wamid.1", echo_id="e1", content_attributes={"bot_key": "k"})
    b = await msg(api, did, source_id="wamid.1", echo_id="e1")
    assert a["id"] != b["id"]
    assert a["echo_id"] == "e1"
    assert a["content_attributes"] == {"bot_key": "k"}
    await drain(api)
    e = next(x for x in events(api, "message_created") if x["id"] == a["id"])
    assert "echo_id" not in json.dumps(e)
    assert e["content_attributes"] == {"bot_key": "k"}
    assert e["source_id"] == "wamid.1"
    assert "echo_id" not in (await api.cw("GET", f"conversations/{did}/messages"))[1]["payload"][0]
    assert (await msg(api, did, content_attributes='{"x":1}'))["content_attributes"] == {"x": 1}


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
    assert (await msg(api, did, "Hola {{ contact.name }} / {{contact.nada}}!"))["content"] == "Hola Ana Lopez / !"
    assert (await msg(api, did, "mira `{{ contact.name }}`"))["content"] == "mira `{{ contact.name }}`"
    assert (await msg(api, did, "roto {{ contact.name"))["content"] == "roto {{ contact.name"
    assert (await msg(api, did, "{% nada %}"))["content"] == "{% nada %}"
    assert (await incoming(api, did, "{{ contact.name }}"))["content"] == "{{ contact.name }}"
    assert liquid("{% if contact.name %}si{% else %}no{% endif %}", {"contact": {"name": "x"}}) == "si"
    with pytest.raises(LiquidError):
        liquid("{% if x %}", {})


async def test_r50_reopen(api):
    _cid, did = await api.new_conv()

    def st():
        return api.rig.chatwoot.by_display[(1, did)]["status"]

    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "resolved"})
    await incoming(api, did)
    assert st() == "pending"  # active bot
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "snoozed"})
    await incoming(api, did)
    assert st() == "open"
    await api.cw("POST", "inboxes/1/set_agent_bot", {})
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "resolved"})
    await incoming(api, did)
    assert st() == "open"  # no bot
    await api.cw("POST", f"conversations/{did}/mute")
    await incoming(api, did)
    assert st() == "resolved"  # muted: nothing


async def test_r51_r52_human_reply(api):
    _, did = await api.new_conv()
    c = api.rig.chatwoot.by_display[(1, did)]
    await incoming(api, did)
    assert c["waiting_since"]
    await msg(api, did, "bot", token="rig-cw-bot")
    assert c["waiting_since"] is None
    assert c["first_reply_created_at"] is None
    assert c["status"] == "pending"
    await incoming(api, did)
    await msg(api, did, "nota", private=True, token="rig-cw-agent")
    assert c["waiting_since"]
    assert c["first_reply_created_at"] is None
    await msg(api, did, "persona", token="rig-cw-agent")
    assert c["first_reply_created_at"]
    assert c["waiting_since"] is None
    assert c["status"] == "pending"


async def test_r53_status_patch(api):
    _, did = await api.new_conv()
    m = await msg(api, did)

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
    await drain(api)
    assert len(events(api, "message_updated")) == 3
    cid = (await api.cw("POST", "contacts", {"phone_number": "+34600999888"}))[1]["payload"]["contact"]["id"]
    d2 = (await api.cw("POST", "conversations", {"inbox_id": 2, "contact_id": cid}))[1]["id"]
    m2 = await msg(api, d2)
    assert await api.cw("PATCH", f"conversations/{d2}/messages/{m2['id']}", {"status": "read"}) == (
        403,
        {"error": "Message status update is only allowed for API inboxes"},
    )


async def test_r54_windows(api):
    api.rig.chatwoot.cfg["messages_per_minute"] = 10_000
    _, did = await api.new_conv()
    ids = [(await msg(api, did, str(i), private=i % 2 == 0))["id"] for i in range(30)]

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
    await incoming(api, did)
    await incoming(api, did)
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "resolved"})
    await drain(api)
    t = [e for e in events(api, "message_created") if e["message_type"] == "template"]
    assert [x["content_type"] for x in t] == ["text", "input_csat"]
    assert t[0]["content"] == "Bienvenido"
    assert t[0]["sender"] is None
    assert "survey" in t[1]["content"]


async def test_r56_out_of_office(api):
    api.rig.chatwoot.cfg["out_of_office"] = True
    await api.cw("PATCH", "inboxes/1", {"out_of_office_message": "Cerrado"})
    _, did = await api.new_conv()
    await incoming(api, did)
    await incoming(api, did)
    await drain(api)
    assert [e["content"] for e in events(api, "message_created") if e["message_type"] == "template"] == ["Cerrado"]


# ---------------------------------------------------------------- setup
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


# ---------------------------------------------------------------- events
def base(api):
    return api.rig.chatwoot.cfg["webhook_url"].rsplit("/webhook", 1)[0]


async def test_r60_fan_out(api):
    api.rig.chatwoot.inboxes[1]["channel"]["webhook_url"] = base(api) + "/inbox"
    api.rig.chatwoot.bots[1]["outgoing_url"] = base(api) + "/bot"
    _, did = await api.new_conv()
    await drain(api)
    api.stub.got.clear()
    await msg(api, did)
    await drain(api)
    mc = [
        (g["path"], g["headers"]["X-Chatwoot-Delivery"])
        for g in api.stub.got
        if json.loads(g["raw"])["event"] == "message_created"
    ]
    assert sorted(p for p, _ in mc) == ["/bot", "/inbox", H]
    assert len({d for _, d in mc}) == 3
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "resolved"})
    await drain(api)
    paths = {p: {json.loads(g["raw"])["event"] for g in api.stub.got if g["path"] == p} for p in (H, "/bot", "/inbox")}
    assert "conversation_resolved" in paths["/bot"]
    assert "conversation_resolved" not in paths[H]
    assert "contact_updated" not in paths["/inbox"]


async def test_r61_r62_r63_echo_and_shape(api):
    _, did = await api.new_conv()
    await incoming(api, did, "entrante")
    a = await msg(api, did, "publico", token="rig-cw-bot")
    n = await msg(api, did, "nota", private=True, token="rig-cw-agent")
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "open"}, token="rig-cw-bot")
    await drain(api)
    ev = {e["content"]: e for e in events(api, "message_created")}
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
    await drain(api)
    api.stub.got.clear()
    api.rig.chatwoot.users[2]["online"] = False
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "open"}, token="rig-cw-bot")
    await drain(api)
    s = events(api, "conversation_status_changed")
    assert len(s) == 1
    assert s[0]["changed_attributes"] is None
    assert s[0]["status"] == "open"
    assert s[0]["id"] == did
    u = events(api, "conversation_updated")
    assert {"status": {"previous_value": "pending", "current_value": "open"}} in u[0]["changed_attributes"]
    api.stub.got.clear()
    await api.cw("POST", f"conversations/{did}/labels", {"labels": ["a"]})
    await drain(api)
    assert events(api, "conversation_updated")[0]["changed_attributes"][0] == {
        "label_list": {"previous_value": [], "current_value": ["a"]}
    }
    api.stub.got.clear()
    await api.cw("POST", f"conversations/{did}/labels", {"labels": ["a"]})
    await drain(api)
    assert not api.stub.got  # nothing changed, nothing sent


async def test_r65_contact_updated(api):
    _, did = await api.new_conv()
    await drain(api)
    n = len(events(api, "contact_updated"))
    await incoming(api, did)
    await incoming(api, did)
    await drain(api)
    assert len(events(api, "contact_updated")) == n + 2
    assert events(api, "contact_created")
    assert events(api, "conversation_created")


def test_r66_vector():
    body = b'{"event":"message_created"}'
    assert sign("secret", "1700000000", body) == "sha256=4fbf414139098588cc31e819ccebf960699d147368b51572e7657c1332d9c962"


async def test_r66_headers(api):
    _, did = await api.new_conv()
    await drain(api)
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
    await msg(api, did)
    await drain(api)
    h = api.stub.got[-1]["headers"]
    assert "X-Chatwoot-Signature" not in h
    assert "X-Chatwoot-Timestamp" not in h
    assert h["X-Chatwoot-Delivery"]


async def test_r67_single_attempt_and_inbox_failure(api):
    _, did = await api.new_conv()
    await drain(api)
    api.stub.answer = lambda p, n, r: (500, b"")
    n0 = len(api.stub.got)
    m = await msg(api, did)
    await drain(api)
    assert len([1 for g in api.stub.got[n0:] if json.loads(g["raw"])["event"] == "message_created"]) == 1
    assert api.rig.chatwoot.msgs[m["id"]]["status"] == "sent"
    api.rig.chatwoot.inboxes[1]["channel"]["webhook_url"] = base(api) + "/inbox"
    m = await incoming(api, did)
    await drain(api)
    x = api.rig.chatwoot.msgs[m["id"]]
    assert x["status"] == "failed"
    assert x["content_attributes"]["external_error"] == "500"
    assert any(json.loads(g["raw"])["event"] == "message_updated" for g in api.stub.got)
    api.rig.chatwoot.cfg["webhook_timeout"] = 0.1
    api.stub.answer = lambda p, n, r: (200, b"")
    api.stub.delay = 0.5
    m = await msg(api, did)
    await drain(api)
    assert api.rig.chatwoot.msgs[m["id"]]["content_attributes"]["external_error"] == "timeout"


async def test_r68_bot_retries(api):
    api.rig.chatwoot.bots[1]["outgoing_url"] = base(api) + "/bot"
    api.rig.chatwoot.users[2]["online"] = False
    _, did = await api.new_conv()
    c = api.rig.chatwoot.by_display[(1, did)]
    await drain(api)
    api.stub.answer = lambda p, n, r: (500, b"") if p == "/bot" else (200, b"")
    api.stub.got.clear()
    m = await incoming(api, did)
    await drain(api)
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
    await drain(api)
    api.stub.answer = lambda p, n, r: (404, b"") if p == "/bot" else (200, b"")
    api.stub.got.clear()
    m = await incoming(api, did)
    await drain(api)
    assert len([g for g in api.stub.got if g["path"] == "/bot" and json.loads(g["raw"])["event"] == "message_created"]) == 1
    assert c["status"] == "open"
    await api.cw("POST", f"conversations/{did}/toggle_status", {"status": "pending"})
    api.rig.chatwoot.cfg["keep_pending_on_bot_failure"] = True
    await incoming(api, did)
    await drain(api)
    assert c["status"] == "pending"


async def test_r69_private_network(api):
    api.rig.chatwoot.cfg["allow_private_network"] = False
    _, did = await api.new_conv()
    await msg(api, did)
    await drain(api)
    assert not api.stub.got
    assert any(d["error"] == "private_network_refused" for d in api.rig.chatwoot.outbox.log)


async def test_r70_switches(api):
    _, did = await api.new_conv()
    await drain(api)
    api.stub.got.clear()
    mc = {"where": {"event": "message_created"}}
    await api.ctl("POST", "/chatwoot/faults", {"kind": "duplicate_delivery", **mc})
    await msg(api, did, "doble")
    await drain(api)
    got = [g for g in api.stub.got if json.loads(g["raw"])["event"] == "message_created"]
    assert len(got) == 2
    assert len({g["headers"]["X-Chatwoot-Delivery"] for g in got}) == 1
    api.stub.got.clear()
    await api.ctl("POST", "/chatwoot/faults", {"kind": "duplicate_delivery", "new_id": True, **mc})
    await msg(api, did, "doble2")
    await drain(api)
    assert (
        len({g["headers"]["X-Chatwoot-Delivery"] for g in api.stub.got if json.loads(g["raw"])["event"] == "message_created"})
        == 2
    )
    api.stub.got.clear()
    await api.ctl("POST", "/chatwoot/faults", {"kind": "reorder", "seconds": 0.15, **mc})
    await msg(api, did, "primero")
    await msg(api, did, "segundo")
    await drain(api)
    assert [e["content"] for e in events(api, "message_created")] == ["segundo", "primero"]
    api.stub.got.clear()
    await api.ctl("POST", "/chatwoot/faults", {"kind": "lost_delivery", **mc})
    await msg(api, did, "perdido")
    await drain(api)
    assert not events(api, "message_created")
    await api.ctl("POST", "/chatwoot/faults", {"kind": "late_snapshot", "seconds": 0.15, **mc})
    await msg(api, did, "foto")
    await api.cw("POST", f"conversations/{did}/labels", {"labels": ["despues"]})
    await drain(api)
    assert events(api, "message_created")[-1]["conversation"]["labels"] == ["despues"]
    await api.ctl("POST", "/chatwoot/faults", {"kind": "stale_snapshot", "seconds": 0.15, **mc})
    await msg(api, did, "vieja")
    await asyncio.sleep(0.05)
    await api.cw("POST", f"conversations/{did}/labels", {"labels": ["otra"]})
    await drain(api)
    assert events(api, "message_created")[-1]["conversation"]["labels"] == ["despues"]


async def test_r70_http_switches(api):
    _, did = await api.new_conv()
    await drain(api)
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
    while not any(e["content"] == "antes" for e in events(api, "message_created")):
        await asyncio.sleep(0.001)
    st, b = await t
    assert st == 200
    assert [e["id"] for e in events(api, "message_created")] == [b["id"]]
    rec = next(d for d in api.rig.chatwoot.outbox.log if d.get("message_id") == b["id"] and d["event"] == "message_created")
    req = api.rig.chatwoot.requests_log[-1]
    assert rec["t"] + rec["ms"] / 1000 <= req["t"] + 0.02


async def test_agent_control(api):
    _cid, did = await api.new_conv()

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
    await drain(api)
    ev = events(api)
    tp = next(e for e in ev if e["event"] == "message_created" and e["id"] == m["id"])
    assert tp["additional_attributes"]["template_params"]["name"] == "rig_seguimiento"
    assert [e for e in ev if e["event"] == "message_updated"][-1]["content_attributes"] == {"deleted": True}
    assert (await a(action="nada"))["error"]


async def test_typing_events_only_when_subscribed(api):
    _, did = await api.new_conv()
    await api.ctl("POST", "/chatwoot/agent", {"conversation_id": did, "action": "typing"})
    await drain(api)
    assert not events(api, "conversation_typing_on")
    api.rig.chatwoot.hooks[1]["subscriptions"].append("conversation_typing_on")
    await api.ctl("POST", "/chatwoot/agent", {"conversation_id": did, "action": "typing"})
    await drain(api)
    assert events(api, "conversation_typing_on")[0]["user"]["type"] == "user"
