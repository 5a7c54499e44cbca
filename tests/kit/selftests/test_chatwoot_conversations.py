"""Chatwoot's rules 28 to 42: conversations, assignment, lists, reply windows. The number in a test's name is the rule's."""

import asyncio


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


async def test_r31_r38_a_bot_owns_what_is_pending(api):
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
    await api.incoming(did)
    assert (await g())[1]["can_reply"] is True
    api.rig.chatwoot.clock.advance(24 * 3600 + 5)
    assert (await g())[1]["can_reply"] is False
    await api.message(did, "se puede igual")  # not enforced on POST
    for bad in ("0", "-3", "abc"):
        assert (await api.cw("PATCH", "inboxes/1", {"channel": {"additional_attributes": {"agent_reply_time_window": bad}}}))[
            0
        ] == 422
    await api.cw("PATCH", "inboxes/1", {"channel": {"additional_attributes": {}}})
    assert (await g())[1]["can_reply"] is True  # unset


async def test_deletion(api):
    cid, did = await api.new_conv()
    await api.message(did)
    assert (await api.cw("DELETE", f"conversations/{did}", token="rig-cw-agent"))[0] == 401
    assert (await api.cw("DELETE", f"conversations/{did}", token="rig-cw-bot"))[0] == 401
    assert (await api.cw("DELETE", f"conversations/{did}"))[0] == 200
    assert (await api.cw("GET", f"conversations/{did}"))[0] == 404
    assert (await api.cw("GET", f"contacts/{cid}"))[0] == 200
    api.rig.chatwoot.configure({"deletion_delay_s": 0.05})
    _, did = await api.new_conv("+34600111333")
    assert (await api.cw("DELETE", f"conversations/{did}"))[0] == 200
    assert (await api.cw("GET", f"conversations/{did}"))[0] == 200
    await asyncio.sleep(0.1)
    assert (await api.cw("DELETE", f"conversations/{did}"))[0] == 404
