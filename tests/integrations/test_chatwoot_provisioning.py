"""Setting up a Chatwoot account, against the simulator: fresh, again, half there, without rights, down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from src.desk.lead_rules import load_rules
from src.desk.words import LABELS
from src.integrations.chatwoot.api import ChatwootApi
from src.integrations.chatwoot.provisioning import EVENTS, Provisioning
from tests.integrations.test_http import answering, serving
from tests.kit.rig import Rig

DOOR = "https://bot.example.com/webhook/chatwoot"
TEMPLATES = [{"name": "seguimiento", "language": "es", "status": "APPROVED", "components": [{"type": "BODY", "text": "Hola"}]}]


@pytest.fixture(scope="module")
def started() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


@pytest.fixture
def api(started: Rig) -> Iterator[ChatwootApi]:
    started.reset()
    env = started.env("chatwoot")
    yield ChatwootApi(
        base_url=env["CHATWOOT_BASE_URL"],
        account_id=int(env["CHATWOOT_ACCOUNT_ID"]),
        user_token=env["CHATWOOT_USER_TOKEN"],
    )
    assert started.counters()["rig_errors"] == {}


def provisioning(api: ChatwootApi, **changes: Any) -> Provisioning:
    given: dict[str, Any] = {"inbox_id": 0, "owns_line": False, "webhook_url": DOOR, "teams": load_rules()[0].team}
    given |= {"lead_page_url": "https://bot.example.com/chatwoot/lead#proof", "templates": lambda: TEMPLATES}
    return Provisioning(api, **(given | changes))


def results(run: Provisioning) -> dict[str, str]:
    return {step.name: step.result for step in run.run()}


def test_a_second_run_finds_what_the_first_made(api: ChatwootApi) -> None:
    first, second = provisioning(api), provisioning(api)
    assert "failed" not in results(first).values()
    assert set(results(second).values()) == {"unchanged"}
    assert second.made == first.made
    assert first.made.inbox_id
    assert first.made.bot_token
    assert first.made.webhook_secrets


def test_what_is_missing_is_added_and_the_rest_stays(api: ChatwootApi) -> None:
    provisioning(api).run()
    label = next(one for one in api.call("t", "GET", "labels")["payload"] if one["title"] == LABELS[0].title)
    api.call("t", "DELETE", f"labels/{label['id']}")
    hook = next(one for one in api.call("t", "GET", "webhooks")["payload"]["webhooks"] if one["url"] == DOOR)
    api.call("t", "PATCH", f"webhooks/{hook['id']}", json={"subscriptions": ["contact_created"]})
    again = results(provisioning(api))
    assert {name for name, result in again.items() if result != "unchanged"} == {"labels", "webhook"}
    hook = next(one for one in api.call("t", "GET", "webhooks")["payload"]["webhooks"] if one["url"] == DOOR)
    assert set(hook["subscriptions"]) == {*EVENTS, "contact_created"}


def test_our_address_in_the_inbox_would_double_every_event(api: ChatwootApi) -> None:
    first = provisioning(api)
    first.run()
    path = f"inboxes/{first.made.inbox_id}"
    api.call("t", "PATCH", path, json={"channel": {"webhook_url": DOOR}})
    assert results(provisioning(api))["inbox"] == "changed"
    assert not api.call("t", "GET", path)["webhook_url"]


def test_without_an_address_only_the_webhook_is_left(api: ChatwootApi) -> None:
    failed = [step for step in provisioning(api, webhook_url="", lead_page_url="").run() if step.result == "failed"]
    assert [step.name for step in failed] == ["webhook", "lead page"]


def test_a_wrong_token_is_told_once(api: ChatwootApi) -> None:
    wrong = ChatwootApi(base_url=api.base_url, account_id=api.account_id, user_token="wrong")
    [step] = provisioning(wrong).run()
    assert (step.name, step.result) == ("access", "failed")
    assert "CHATWOOT_USER_TOKEN" in step.by_hand
    assert "wrong" not in step.detail


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b'{"version":"4.12.9"}'), (200, b"{}"), (200, b"[]"), (503, b"<html>")],
    ids=["old", "no version", "no object", "down"],
)
def test_what_is_no_chatwoot_of_ours_is_left_alone(status: int, body: bytes) -> None:
    with serving(answering(status, body)) as server:
        [step] = provisioning(ChatwootApi(base_url=server.url, account_id=1, user_token="t")).run()
        assert {method for method, *_ in server.requests} == {"GET"}
    assert step.result == "failed"


def test_an_agent_is_told_what_an_administrator_has_to_do(api: ChatwootApi) -> None:
    agent = ChatwootApi(base_url=api.base_url, account_id=api.account_id, user_token="rig-cw-agent")
    steps = {step.name: step for step in provisioning(agent).run()}
    assert steps["access"].result == "unchanged"
    failed = {name for name, step in steps.items() if step.result == "failed"}
    assert {"inbox", "labels", "attributes", "webhook"} <= failed
    assert all(steps[name].by_hand for name in failed)
    assert DOOR in steps["webhook"].by_hand


def test_a_bot_that_is_given_by_its_token_is_adopted_with_its_inbox(started: Rig, api: ChatwootApi) -> None:
    env = started.env("chatwoot")
    inbox_id = int(env["CHATWOOT_WHATSAPP_INBOX_ID"])
    told = results(provisioning(api, inbox_id=inbox_id, bot_token=env["CHATWOOT_BOT_TOKEN"]))
    assert (told["agent bot"], told["bot in inbox"]) == ("unchanged", "unchanged")
    assert results(provisioning(api, inbox_id=inbox_id))["bot in inbox"] == "failed", "another one's bot stays"


# -- the first day ------------------------------------------------------------------------------------------------------


def listed(started: Rig, token: str) -> int:
    """How many conversations that user has in their list."""
    env = started.env("chatwoot")
    api = ChatwootApi(base_url=env["CHATWOOT_BASE_URL"], account_id=1, user_token=token)
    return int(api.call("t", "GET", "conversations", params={"status": "all"})["data"]["meta"]["all_count"])


def conversation_in(api: ChatwootApi, inbox_id: int) -> int:
    person = api.call("t", "POST", "contacts", json={"name": "Eva", "phone_number": "+34600111222", "inbox_id": inbox_id})
    asked = {"inbox_id": inbox_id, "contact_id": person["payload"]["contact"]["id"]}
    return int(api.call("t", "POST", "conversations", json=asked)["id"])


def test_agents_see_what_comes_in_from_the_first_day(started: Rig, api: ChatwootApi) -> None:
    run = provisioning(api)
    told = {step.name: step for step in run.run()}
    conversation_in(api, run.made.inbox_id)
    assert [listed(started, token) for token in ("rig-cw-agent", "rig-cw-agent2")] == [1, 1]
    assert (told["agents"].result, told["agents"].detail) == ("changed", "2 see the conversations")


def test_who_was_chosen_there_stays_alone_and_the_others_are_told_of(started: Rig, api: ChatwootApi) -> None:
    first = provisioning(api)
    first.run()
    api.call("t", "DELETE", "inbox_members", json={"inbox_id": first.made.inbox_id, "user_ids": [3]})
    step = next(step for step in provisioning(api).run() if step.name == "agents")
    assert step.result == "unchanged"
    assert "1 agents of the account are not" in step.detail
    named = next(step for step in provisioning(api, agents=["Carla@acme.test"]).run() if step.name == "agents")
    assert named.result == "changed"
    conversation_in(api, first.made.inbox_id)
    assert listed(started, "rig-cw-agent2") == 1
    unknown = next(step for step in provisioning(api, agents=["nadie@acme.test"]).run() if step.name == "agents")
    assert (unknown.result, bool(unknown.by_hand)) == ("failed", True)
    assert "nadie" not in unknown.detail


def test_after_a_day_the_picker_shows_the_approved_templates(started: Rig, api: ChatwootApi) -> None:
    run = provisioning(api)
    run.run()
    path = f"inboxes/{run.made.inbox_id}"
    number = conversation_in(api, run.made.inbox_id)
    chosen = {"name": "seguimiento", "language": "es", "processed_params": {}}
    assert started.chatwoot.agent("template", conversation_id=number, template_params=chosen, content="Hola")
    attributes = api.call("t", "GET", path)["additional_attributes"]
    assert "plantilla" in attributes["agent_reply_time_window_message"]
    api.call("t", "PATCH", path, json={"channel": {"additional_attributes": {**attributes, "suyo": 1}}})
    more = [*TEMPLATES, {**TEMPLATES[0], "name": "aviso"}]
    again = {step.name: step for step in provisioning(api, templates=lambda: more).run()}
    assert (again["templates"].result, again["inbox"].result) == ("changed", "unchanged")
    attributes = api.call("t", "GET", path)["additional_attributes"]
    assert [one["name"] for one in attributes["message_templates"]] == ["aviso", "seguimiento"]
    assert (attributes["suyo"], attributes["agent_reply_time_window"]) == (1, 24)
    without = {step.name: step for step in provisioning(api, templates=None).run()}
    assert "WHATSAPP_BUSINESS_ACCOUNT_ID" in without["templates"].by_hand


def test_in_agent_bot_mode_the_bot_has_an_address_and_its_secret_is_accepted(api: ChatwootApi) -> None:
    run = provisioning(api, inbox_id=2, owns_line=True)
    told = {step.name: step.result for step in run.run()}
    assert told["agent bot"] == "made"
    bots = {one["name"]: one for one in api.call("t", "GET", "agent_bots")}
    assert bots["iAgente Vida"]["outgoing_url"] == DOOR
    assert len(run.made.webhook_secrets) == 2
    assert bots["iAgente Vida"]["secret"] in run.made.webhook_secrets
    moved = provisioning(api, inbox_id=2, owns_line=True, webhook_url="https://neu.example.com/webhook/chatwoot")
    assert results(moved)["agent bot"] == "changed"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:5000/x", "http://10.0.0.7/x", "http://iagente:5000/x", "https://bot.internal/x"]
)
def test_an_address_that_chatwoot_refuses_is_said(api: ChatwootApi, url: str) -> None:
    step = next(step for step in provisioning(api, webhook_url=url).run() if step.name == "webhook")
    assert "SAFE_FETCH_ALLOW_PRIVATE_NETWORK" in step.detail


def test_a_version_that_nobody_read_is_said(started: Rig, api: ChatwootApi) -> None:
    assert "not read" not in provisioning(api).run()[0].detail
    started.chatwoot.config(version="4.18.1")
    step = provisioning(api).run()[0]
    assert (step.result, "not read" in step.detail) == ("unchanged", True)
