"""Chatwoot's rules 1 to 27: access, error shapes, contacts and their identities. The number in a test's name
is the rule's.
"""

C = {"name": "ana lopez", "phone_number": "+34600111222"}


async def test_r01_token(api):
    assert await api.cw("GET", "contacts", token="nope") == (401, {"error": "Invalid Access Token"})
    assert (await api.cw("GET", "contacts", token=None))[0] == 401
    st, _b = await api.call("chatwoot", "GET", "/api/v1/accounts/1/contacts", {"Api-Access-Token": "rig-cw-admin"})
    assert st == 200
    assert (await api.call("chatwoot", "GET", "/api"))[1]["version"] == "4.16.2"


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
    assert (await api.cw("GET", "conversations?status=all", token="rig-cw-agent2"))[1]["data"]["meta"]["all_count"] == 0  # R71


async def test_r06_admin_only(api):
    for p in ("labels", "webhooks", "inboxes", "teams", "custom_attribute_definitions", "agent_bots"):
        assert await api.cw("POST", p, {"title": "x"}, token="rig-cw-agent") == (
            401,
            {"error": "You are not authorized to do this action"},
        ), p
    assert (await api.cw("POST", "canned_responses", {"short_code": "a", "content": "b"}, token="rig-cw-agent"))[0] == 200


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
