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
    given["lead_page_url"] = "https://bot.example.com/chatwoot/lead#proof"
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
    assert first.made.webhook_secret


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
