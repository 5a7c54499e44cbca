"""Chatwoot's rules 71 to 84: what 4.16.2 does, and 4.15 and 4.17 otherwise. The number in a test's name is the rule's."""

import pytest

from tests.kit.simulators.chatwoot.person import NotPossible

TEMPLATE = {
    "name": "seguimiento",
    "language": "es",
    "status": "APPROVED",
    "components": [{"type": "BODY", "text": "Hola {{1}}"}],
}


def shown(api, did):
    return api.rig.chatwoot.conv_json(api.rig.chatwoot.by_display[(1, did)])


async def test_r71_lists_go_by_membership_of_the_inbox(api):
    """A new inbox has no members: then only administrators have anything in their lists."""
    _, made = await api.cw("POST", "inboxes", {"name": "Nuevo", "channel": {"type": "api"}})
    _, did = await api.new_conv(inbox=made["id"])
    assert (await api.cw("GET", "conversations?status=all"))[1]["data"]["meta"]["all_count"] == 1
    agents = "conversations?status=all", None, "rig-cw-agent"
    assert (await api.cw("GET", *agents))[1]["data"]["meta"]["all_count"] == 0
    await api.cw("POST", f"conversations/{did}/assignments", {"team_id": 1})
    assert (await api.cw("GET", *agents))[1]["data"]["meta"]["all_count"] == 0
    assert (await api.cw("GET", f"conversations/{did}", None, "rig-cw-agent"))[0] == 200, "by its number a team sees it"
    await api.cw("POST", "inbox_members", {"inbox_id": made["id"], "user_ids": [2]})
    assert (await api.cw("GET", *agents))[1]["data"]["meta"]["all_count"] == 1


async def test_r72_outside_the_window_the_editor_is_locked_and_the_picker_shows_what_the_inbox_holds(api):
    sim = api.rig.chatwoot
    _, did = await api.new_conv()
    wanted = {"action": "template", "conversation_id": did, "template_params": {"name": "seguimiento", "language": "es"}}
    with pytest.raises(NotPossible, match="window"):
        sim.agent({"action": "reply", "conversation_id": did, "content": "hola"})
    with pytest.raises(NotPossible, match="picker"):
        sim.agent(wanted)
    attributes = {"agent_reply_time_window": 24, "message_templates": [TEMPLATE]}
    await api.cw("PATCH", "inboxes/1", {"channel": {"additional_attributes": attributes}})
    assert sim.agent(wanted)["message"]["message_type"] == 1
    await api.cw("PATCH", "inboxes/1", {"channel": {"additional_attributes": {"agent_reply_time_window": 24}}})
    with pytest.raises(NotPossible):  # the whole object was replaced
        sim.agent(wanted)
    await api.incoming(did)
    assert sim.agent({"action": "reply", "conversation_id": did, "content": "hola"})


@pytest.mark.parametrize(
    ("version", "told"), [("4.12.9", "**uno**\\\ndos"), ("4.15.1", "**uno**\ndos"), ("4.16.2", "**uno**\ndos")]
)
async def test_r73_what_the_editor_writes_is_markdown_and_rest_shows_its_hard_breaks_too(api, version, told):
    api.rig.chatwoot.cfg["version"] = version
    _, did = await api.new_conv()
    await api.message(did, "**uno**\\\ndos")
    await api.drain()
    assert [one["content"] for one in api.events("message_created")] == [told]
    assert (await api.cw("GET", f"conversations/{did}/messages"))[1]["payload"][-1]["content"] == "**uno**\\\ndos"


async def test_r74_a_retry_makes_it_sent_again_and_sends_nothing(api):
    _, did = await api.new_conv()
    said = await api.message(did, "hola", content_attributes={"mark": "x"})
    path = f"conversations/{did}/messages/{said['id']}"
    await api.cw("PATCH", path, {"status": "failed", "external_error": "131026"})
    await api.drain()
    before = len(api.events("message_updated"))
    status, answer = await api.cw("POST", f"{path}/retry")
    assert (status, answer["status"], answer["content_attributes"]) == (200, "sent", {})
    await api.drain()
    updates = api.events("message_updated")[before:]
    assert [one["content_attributes"] for one in updates][-1] == {}
    assert len(updates) == 2


async def test_r75_before_4_16_2_no_bot_owns_a_conversation(api):
    api.rig.chatwoot.cfg["version"] = "4.15.1"
    _, did = await api.new_conv()
    assert "assignee" not in shown(api, did)["meta"]
    api.rig.chatwoot.cfg["version"] = "4.16.2"
    _, did = await api.new_conv("+34600111223")
    assert shown(api, did)["meta"]["assignee_type"] == "AgentBot"


async def test_r76_a_person_opens_a_bots_conversation_in_two_saves(api):
    api.rig.chatwoot.users[2]["online"] = False
    _, did = await api.new_conv()
    await api.drain()
    before = len(api.events("conversation_updated"))
    api.rig.chatwoot.agent({"action": "open", "conversation_id": did, "user_id": 1})
    await api.drain()
    changes = [one["changed_attributes"] for one in api.events("conversation_updated")[before:]]
    changed = [{name for part in change for name in part} - {"updated_at"} for change in changes]
    assert sorted(changed, key=len) == [{"status"}, {"assignee_agent_bot_id"}] or {"status"} in changed
    assert {"assignee_agent_bot_id"} in changed
    assert "assignee" not in shown(api, did)["meta"], "an administrator is not assigned by that"
    _, other = await api.new_conv("+34600111223")
    await api.cw("POST", f"conversations/{other}/toggle_status", {"status": "open"}, token="rig-cw-agent")
    assert shown(api, other)["meta"]["assignee_type"] == "User"


async def test_r77_since_4_17_captain_owns_conversations(api):
    _, did = await api.new_conv()
    with pytest.raises(NotPossible):
        api.rig.chatwoot.agent({"action": "assign_captain", "conversation_id": did})
    api.rig.chatwoot.cfg["version"] = "4.17.0"
    owned = api.rig.chatwoot.agent({"action": "assign_captain", "conversation_id": did})["conversation"]
    assert (owned["meta"]["assignee_type"], owned["status"]) == ("Captain::Assistant", "pending")


async def test_r78_since_4_17_what_is_pending_takes_notes_only(api):
    _, did = await api.new_conv()
    await api.incoming(did)
    reply = {"action": "reply", "conversation_id": did, "content": "hola"}
    assert api.rig.chatwoot.agent(reply)
    api.rig.chatwoot.cfg["version"] = "4.17.0"
    with pytest.raises(NotPossible, match="take over"):
        api.rig.chatwoot.agent(reply)
    assert api.rig.chatwoot.agent({**reply, "action": "note"})
    assert (await api.cw("POST", f"conversations/{did}/messages", {"content": "por REST"}))[0] == 200


async def test_r79_deletions_are_throttled_without_a_word_on_when_to_come_again(api):
    api.rig.chatwoot.configure({"rack_attack": True, "deletion_limit_per_min": 2})
    dids = [(await api.new_conv(f"+3460011122{n}"))[1] for n in range(3)]
    assert [(await api.cw("DELETE", f"conversations/{did}"))[0] for did in dids] == [200, 200, 429]
    assert (await api.cw("GET", f"conversations/{dids[2]}"))[0] == 200
    async with api.s.delete(
        api.url("chatwoot", f"/api/v1/accounts/1/conversations/{dids[2]}"), headers={"api_access_token": "rig-cw-admin"}
    ) as answer:
        assert (answer.status, "Retry-After" in answer.headers) == (429, False)


async def test_r80_the_free_plan_answers_403_and_tells_no_webhook(api):
    _, did = await api.new_conv()
    await api.drain()
    before = len(api.events())
    api.rig.chatwoot.cfg["free_plan"] = True
    assert (await api.cw("GET", f"conversations/{did}"))[0] == 403
    api.rig.chatwoot.agent({"action": "resolve", "conversation_id": did})
    await api.drain()
    assert len(api.events()) == before


async def test_r81_the_values_of_a_template_go_through_liquid(api):
    _, did = await api.new_conv()
    params = {"name": "seguimiento", "language": "es", "processed_params": {"body": {"1": "{{contact.name}}"}}}
    await api.message(did, "Hola", template_params=params)
    await api.drain()
    told = api.events("message_created")[-1]["additional_attributes"]["template_params"]
    assert told["processed_params"] == {"body": {"1": "Ana Lopez"}}


async def test_r82_bots_tokens_and_pages_are_administrators_matters(api):
    app = {"title": "iAgente", "content": [{"type": "frame", "url": "https://bot.example.com"}]}
    agent = "rig-cw-agent"
    assert (await api.cw("POST", "dashboard_apps", app, agent))[0] == 401
    assert "access_token" not in (await api.cw("GET", "agent_bots", None, agent))[1][0]
    assert (await api.cw("GET", "agent_bots"))[1][0]["access_token"]
    api.rig.chatwoot.cfg["version"] = "4.15.1"
    assert (await api.cw("POST", "dashboard_apps", app, agent))[0] == 200
    assert (await api.cw("GET", "agent_bots", None, agent))[1][0]["access_token"]


async def test_r83_a_twilio_line_sends_the_body_alone(api):
    select = {"content_type": "input_select", "content_attributes": {"items": [{"title": "Sí", "value": "y"}]}}
    for inbox in (2, 3):
        _, did = await api.new_conv(f"+3460011122{inbox}", inbox=inbox)
        await api.message(did, "¿De acuerdo?", **select)
    sent = [(one["to"], one["text"], one["options"]) for one in api.rig.chatwoot.line_log]
    assert sent == [("34600111222", "¿De acuerdo?", ["Sí"]), ("whatsapp:+34600111223", "¿De acuerdo?", [])]


async def test_r84_of_a_quote_both_ids_are_known(api):
    _, did = await api.new_conv()
    first = await api.incoming(did, "hola", source_id="wamid.1")
    by_id = await api.message(did, "eso", content_attributes={"in_reply_to": first["id"]})
    assert by_id["content_attributes"]["in_reply_to_external_id"] == "wamid.1"
    by_source = await api.incoming(did, "y eso", content_attributes={"in_reply_to_external_id": "wamid.1"})
    assert by_source["content_attributes"]["in_reply_to"] == first["id"]
    lost = await api.message(did, "eso", content_attributes={"in_reply_to": 999_999})
    assert "in_reply_to_external_id" not in lost["content_attributes"]
