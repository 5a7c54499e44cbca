"""The description of the doors: it names every door, real answers keep to it, and hostile input brings nothing down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from src.agent import state as states
from src.integrations.ledger.redis_ledger import RedisLedger
from src.messages import Contact
from src.webhooks import openapi
from src.webhooks.security import OPERATOR
from tests.agent.talk import at_proposal
from tests.integrations.ledger_kit import done, take
from tests.kit.builders import text
from tests.webhooks.door_kit import ADMIN, KEY, Doors

OPERATORS = {"Authorization": f"Bearer {ADMIN}"}
PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def doors(new_doors: Callable[..., Doors], new_ledger: Callable[..., RedisLedger]) -> Doors:
    """Without vendors: nothing here goes to the internet."""
    return new_doors({}, ledger=new_ledger(debounce_s=0))


@pytest.fixture
def described(doors: Doors) -> dict[str, Any]:
    answer = doors.ask("/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json)


def test_it_is_for_the_operator(doors: Doors) -> None:
    assert doors.ask("/openapi.json", token=None).status_code == 401


def test_every_door_is_described(doors: Doors, described: dict[str, Any]) -> None:
    assert openapi.undescribed(doors.app) == []
    there = {operation["operationId"].partition(" ")[0] for path in described["paths"].values() for operation in path.values()}
    assert there == set(openapi.DOORS) & set(doors.app.view_functions)


def test_a_door_that_is_not_described_is_found_out(doors: Doors) -> None:
    doors.app._got_first_request = False
    doors.app.add_url_rule("/new", "operations.new", lambda: "")
    assert openapi.undescribed(doors.app) == ["operations.new"]


def test_what_needs_the_token_says_so(doors: Doors, described: dict[str, Any]) -> None:
    guarded = {name for name, view in doors.app.view_functions.items() if getattr(view, "guarded_for", "") == OPERATOR}
    said = {
        operation["operationId"].partition(" ")[0]  # a second name says which door it is one of
        for path in described["paths"].values()
        for operation in path.values()
        if operation["security"] == [{"operator": []}] and "401" in operation["responses"]
    }
    assert said == guarded


def test_every_door_says_what_it_is_for(described: dict[str, Any]) -> None:
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert len(operation["summary"]) > 10, f"{method} {path}"


def test_it_is_openapi(described: dict[str, Any]) -> None:
    """By the document's own schema, as schemathesis knows it."""
    assert schemathesis.openapi.from_dict(described).validate() is None


# --- real answers -------------------------------------------------------------------------------------------------------


def test_a_conversation_at_its_fullest_keeps_to_its_description(doors: Doors) -> None:
    doors.receive(text("hola"), secret=None, environ_base={"REMOTE_ADDR": "127.0.0.1"})
    claim = take(doors.ledger, "turns", KEY)
    talk = at_proposal(email="ana@example.com")
    talk.choose(0)
    conversation = msgspec.structs.replace(talk.conversation, contact=Contact(key=KEY, channel="whatsapp", name="Ana"))
    doors.ledger.commit(claim, done(claim, state=states.encode(conversation), stage=conversation.stage, name="ana"))
    doors.services.operators.correct(KEY, {"savings": 10_000})
    doors.services.operators.say(KEY, {"text": "Buenos días"})
    sent = take(doors.ledger, "delivery", KEY)
    doors.ledger.commit(sent, done(sent, statuses={sent.jobs[0].id: ("failed", "", "131026")}))
    shown = msgspec.json.decode(doors.ask(f"/webhook/conversation/{KEY}").data, type=openapi.Conversation)
    assert len(shown.quotes) == 3
    assert {"prospect", "human"} == {row.role for row in shown.messages}
    assert [row.error.code for row in shown.messages if row.error] == ["131026"]
    page = msgspec.json.decode(doors.ask("/webhook/conversations").data, type=openapi.Page)
    assert page.conversations[0].contact.key == KEY
    doors.ledger.beat("w1")
    status = msgspec.json.decode(doors.ask("/webhook/status").data, type=openapi.Status)
    assert set(status.lanes) == {"turns", "delivery", "mirror"}  # type: ignore[arg-type]


# --- hostile input ------------------------------------------------------------------------------------------------------


@pytest.fixture
def api(doors: Doors) -> Iterator[Any]:
    """The doors as schemathesis sees them from this machine, with one person known."""
    inside = doors.app.wsgi_app
    from_here = {"REMOTE_ADDR": "127.0.0.1"}
    doors.app.wsgi_app = lambda environ, start: inside({**environ, **from_here}, start)  # type: ignore[method-assign]
    doors.receive(text("hola"), secret=None)
    doors.ledger.beat("w1")
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.CRITICAL)
    yield schemathesis.openapi.from_wsgi("/openapi.json", doors.app, headers=OPERATORS)
    root.setLevel(level)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("name", sorted(openapi.DOORS))
def test_no_input_brings_a_door_down_and_every_answer_is_as_described(api: Any, name: str, mode: GenerationMode) -> None:
    """Half of what asks for somebody asks for the one who is there."""
    operation = api.find_operation_by_id(name)
    codes: set[int] = set()

    @seed(7)
    @settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(case=operation.as_strategy(generation_mode=mode), known=booleans())
    def attack(case: Any, known: bool) -> None:
        if known and "reference" in (case.path_parameters or {}):
            case.path_parameters["reference"] = KEY
        codes.add(case.call_and_validate(checks=PROMISES, headers=OPERATORS).status_code)

    try:
        attack()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "nothing that is right could be made up"
        pytest.skip("this door takes nothing, so nothing can be wrong")
    assert codes
