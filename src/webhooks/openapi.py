"""What the doors take and answer, as OpenAPI 3.1: made from the URL map, the views' docstrings and the types below.

A door that stands in the URL map and not in `DOORS` is a fault that a test finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from flask import Blueprint, Flask, Response, current_app
from msgspec import UNSET, Meta, UnsetType

from src import __version__
from src.agent.corrections import LONGEST_TEXT
from src.agent.profile import FIELDS, Field, ProfileKey
from src.agent.state import STAGES, Consent, Outcome, Owner, Stage
from src.bootstrap import Services
from src.desk.checks import Check
from src.desk.operators import LONGEST_TEXT as LONGEST_MESSAGE
from src.desk.ports import Lane
from src.messages import ContentKind, DeliveryStatus, InboundKind, Speaker, Template
from src.webhooks import security
from src.webhooks.second_doors import SECOND_NAMES
from src.webhooks.security import ANYONE, OPERATOR
from src.webhooks.settings_doors import SettingsChange, SettingsRollback

_A_PHONE = r"^\+?[1-9][0-9]{6,14}$"
Count = Annotated[int, Meta(ge=0)]


class Exact(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of the answers below: these fields and no others."""


class Fault(Exact):
    """Why something was refused: `code` is stable, `message` is for people and holds nothing personal."""

    code: str
    message: str
    details: dict[str, Any] | UnsetType = UNSET


class Refusal(Exact):
    """The one shape of every refusal."""

    error: Fault


class Done(Exact):
    """What was done."""

    status: Literal["ok", "erased", "reset", "revoked", "paused", "running", "queued"]


class Queued(Exact):
    """A message on its way; its status is found in the conversation by this id."""

    status: Literal["queued"]
    id: str


class Ready(Exact):
    """Messages are kept and answered."""

    status: Literal["ready"]
    workers: Count


class Who(Exact):
    """A person on a channel. `key` never changes."""

    key: str
    channel: str
    phone: str | None
    bsuid: str | None
    name: str | None


class CalledPerson(Exact):
    """Why a person has the conversation, and since when."""

    reason: str
    since: datetime | None
    urgent: bool


class Summary(Exact):
    """One conversation in a list."""

    contact: Who
    stage: Stage
    line: str
    owner: Owner
    outcome: Outcome | None
    awaiting: str | None
    handoff: CalledPerson | None
    name: str | None
    created_at: datetime
    updated_at: datetime


class Page(Exact):
    """Some conversations, newest first; `next_cursor` asks for the next ones."""

    conversations: list[Summary]
    next_cursor: str | None


class Source(Exact):
    """Where a profile value came from, and the values it replaced, oldest first."""

    message_id: str
    at: datetime
    by: Literal["prospect", "human", "system"]
    replaced: list[Any]


class Quote(msgspec.Struct, kw_only=True):
    """One option of the current proposal; premiums in `currency`."""

    id: str
    tier: str
    product: str
    sum_assured: Count
    coverages: list[str]
    monthly_premium: float
    annual_premium: float
    currency: str
    projection: list[dict[str, Any]]
    tariff: str
    valid_until: str


class Press(Exact):
    """Something that could be pressed."""

    id: str
    title: str


class Failure(Exact):
    """Why a message did not arrive: the vendor's code or a word of ours, and what it means (in Spanish)."""

    code: str
    reason: str


class Message(Exact):
    """One row of the transcript. `error` stands beside the status `failed`."""

    id: str
    role: Speaker
    kind: InboundKind | ContentKind
    text: str
    at: datetime
    status: DeliveryStatus
    options: list[Press] | UnsetType = UNSET
    error: Failure | UnsetType = UNSET


def _values(of_texts: Any, *, nullable: bool) -> list[tuple[str, Any, Any]]:
    kinds = {key: _type_of(field, of_texts) for key, field in FIELDS.items()}
    return [(key, kind | UnsetType | None if nullable else kind | UnsetType, UNSET) for key, kind in kinds.items()]


def _type_of(field: Field, of_texts: Any) -> Any:
    if field.bounds:
        number: Any = int if field.kind == "count" else float
        return Annotated[number, Meta(ge=field.bounds[0], le=field.bounds[1])]
    if field.kind == "choice":
        return Literal[tuple(sorted(field.choices))]
    return bool if field.kind == "yes_or_no" else of_texts


Profile = msgspec.defstruct("Profile", _values(str, nullable=False), bases=(Exact,), kw_only=True)
Profile.__doc__ = "What is known of a person, each value present only when known. Amounts in EUR, `monthly_` ones a month."
Correction = msgspec.defstruct(
    "Correction", _values(Annotated[str, Meta(max_length=LONGEST_TEXT)], nullable=True), bases=(Exact,), kw_only=True
)
Correction.__doc__ = (
    "Values by hand, at least one; null takes a value out. `age` and `birth_date` (YYYY-MM-DD) exclude each other."
)


class Conversation(Exact):
    """Everything about one conversation, with the last messages."""

    contact: Who
    line: str
    stage: Stage
    owner: Owner
    outcome: Outcome | None
    awaiting: str | None
    handoff: CalledPerson | None
    unanswered: Literal["human", "paused", "opted_out", "limit", "waiting"] | None
    profile: Profile  # type: ignore[valid-type]
    profile_sources: dict[ProfileKey, Source]
    details: dict[str, Any]
    need: dict[str, Any] | None
    quotes: list[Quote]
    selected_quote: str | None
    consents: dict[str, Consent]
    messages: list[Message]
    created_at: datetime
    updated_at: datetime


class LaneFigures(Exact):
    """How much waits in a lane, and since when the oldest is overdue."""

    depth: Count
    oldest_age_s: float


class WorkerFigures(Exact):
    """One worker process."""

    id: str
    last_seen_s: float
    alive: bool


class Status(msgspec.Struct, kw_only=True):
    """Without the token only the first two; `hours` counts by the hour (UTC)."""

    status: Literal["ok"]
    version: str
    channels: dict[str, dict[str, Any]] | UnsetType = UNSET
    workers: list[WorkerFigures] | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    unknown_numbers: dict[str, dict[str, Any]] | UnsetType = UNSET
    lanes: dict[Lane, LaneFigures] | UnsetType = UNSET
    dead_letters: Count | UnsetType = UNSET
    conversations: dict[str, Any] | UnsetType = UNSET
    hours: dict[str, dict[str, int]] | UnsetType = UNSET


class TextMessage(Exact):
    """What a person says. Only within 24 hours of the prospect's last message."""

    text: Annotated[str, Meta(min_length=1, max_length=LONGEST_MESSAGE)]


class TemplateMessage(Exact):
    """An approved template, at any time."""

    template: Template


class TextToAnybody(TextMessage):
    """The same to a phone with its country code."""

    to: Annotated[str, Meta(pattern=_A_PHONE)]


class TemplateToAnybody(TemplateMessage):
    """The same to a phone with its country code."""

    to: Annotated[str, Meta(pattern=_A_PHONE)]


class DeadLetterShown(Exact):
    """A job that was given up."""

    id: str
    lane: Lane
    contact: str
    reason: str
    attempts: Count
    at: datetime


class DeadLetters(Exact):
    """What was given up, newest first."""

    dead_letters: list[DeadLetterShown]


class Checks(Exact):
    """Everything that was looked at."""

    checks: list[Check]


class Diagnosis(Exact):
    """How this process is configured."""

    version: str
    channels: dict[str, dict[str, Any]]
    settings: dict[str, Any]


class SettingsShown(Exact):
    """What the house decides: of each setting its value and where that comes from; of vendors only which variables are set."""

    version: Count
    settings: dict[str, dict[str, Any]]
    vendors: dict[str, dict[str, Any]]


class SettingChanged(Exact):
    """One setting changed; null stands for no value. Of vendors only whether there was access."""

    version: Count
    at: datetime
    by: str
    name: str
    before: Any
    after: Any


class SettingsHistory(Exact):
    """The last changes, newest first."""

    changes: list[SettingChanged]


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """One door. `takes`: the types that a JSON body may have. `answers`: by status a type, None for no body, str for text.

    `query` names the parameters behind the question mark with their types; `refuses` the statuses it may refuse with,
    besides those that every door of its kind has.
    """

    answers: dict[int, Any]
    takes: tuple[Any, ...] = ()
    query: dict[str, Any] = {}
    refuses: tuple[int, ...] = ()


_Limit = Annotated[int, Meta(ge=1, le=1000)]
_Digits = Annotated[int, Meta(ge=1, le=200)]
_ANYTHING = dict[str, Any]
_YES_OR_NO = Literal["true", "false", "1", "0", "yes", "no"]
DOORS: dict[str, Door] = {
    "whatsapp.verify": Door(
        answers={200: str}, query={"hub.mode": str, "hub.verify_token": str, "hub.challenge": str}, refuses=(403,)
    ),
    "whatsapp.receive": Door(answers={200: None}, takes=(_ANYTHING,), refuses=(400, 403, 413)),
    "twilio.receive": Door(answers={200: str}, takes=(_ANYTHING,), refuses=(400, 403, 413)),
    "twilio.status": Door(answers={200: str}, takes=(_ANYTHING,), refuses=(400, 403, 413)),
    "chatwoot.receive": Door(answers={200: None}, takes=(_ANYTHING,), refuses=(400, 403, 409, 413)),
    "operations.healthz": Door(answers={200: Done}),
    "operations.readyz": Door(answers={200: Ready}),
    "operations.status": Door(answers={200: Status}),
    "operations.conversations": Door(
        answers={200: Page},
        query={"cursor": str, "limit": _Digits, "stage": Literal[STAGES], "owner": Owner, "q": str},
        refuses=(400,),
    ),
    "operations.conversation": Door(answers={200: Conversation}, refuses=(404,)),
    "operations.forget": Door(answers={200: Done}, query={"erase": _YES_OR_NO}, refuses=(400, 404)),
    "operations.say": Door(answers={202: Queued}, takes=(TextMessage, TemplateMessage), refuses=(400, 404, 409, 413)),
    "operations.takeover": Door(answers={200: Conversation}, refuses=(404, 409)),
    "operations.handback": Door(answers={200: Conversation}, refuses=(404, 409)),
    "operations.correct": Door(answers={200: Conversation}, takes=(Correction,), refuses=(400, 404, 409, 413)),
    "operations.revoke_links": Door(answers={200: Done}, refuses=(404,)),
    "operations.pause": Door(answers={200: Done}),
    "operations.resume": Door(answers={200: Done}),
    "operations.dead_letters": Door(answers={200: DeadLetters}),
    "operations.replay": Door(answers={202: Done}, refuses=(404,)),
    "operations.diag": Door(answers={200: Diagnosis}),
    "operations.diag_test": Door(answers={200: Checks}),
    "operations.send_test_by_get": Door(answers={}, refuses=(405,)),
    "operations.diag_send": Door(answers={202: Queued}, takes=(TextToAnybody, TemplateToAnybody), refuses=(400, 409, 413)),
    "settings.read": Door(answers={200: SettingsShown}),
    "settings.change": Door(answers={200: SettingsShown}, takes=(SettingsChange,), refuses=(400, 409, 413, 422)),
    "settings.history": Door(answers={200: SettingsHistory}, query={"limit": _Limit, "name": str}, refuses=(400,)),
    "settings.rollback": Door(answers={200: SettingsShown}, takes=(SettingsRollback,), refuses=(400, 409, 413, 422)),
    "metrics.metrics": Door(answers={200: str}),
    "openapi.openapi": Door(answers={200: _ANYTHING}),
}
_OUTSIDE = ("dashboard.", "lead.")
"""Pages for people, not doors for programs."""


def doors(services: Services) -> Blueprint:
    """`GET /openapi.json` for the operator."""

    def openapi() -> Response:
        """This description of every door."""
        return Response(msgspec.json.encode(document(current_app)), mimetype="application/json")

    blueprint = Blueprint("openapi", __name__)
    guarded = security.guard(openapi, OPERATOR, services.admin_token)
    blueprint.add_url_rule("/openapi.json", "openapi", guarded, methods=["GET"])
    return blueprint


def document(app: Flask) -> dict[str, Any]:
    """The whole description of this application's doors."""
    described = {name: door for name, door in DOORS.items() if name in app.view_functions}
    types = [kind for door in described.values() for kind in _types_of(door)]
    schemas, components = msgspec.json.schema_components([Refusal, *types], ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(map(repr, [Refusal, *types]), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint not in described:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            operation = _operation(described[rule.endpoint], app.view_functions[rule.endpoint], rule.arguments, schema_of)
            second = (method, rule.rule) in {(by, name) for by, name, _ in SECOND_NAMES}
            named = {"operationId": f"{rule.endpoint} {path}", "deprecated": True} if second else {"operationId": rule.endpoint}
            paths.setdefault(path, {})[method.lower()] = {**named, **operation}
    return {
        "openapi": "3.1.0",
        "info": {"title": "iAgente Vida", "version": __version__},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"operator": {"type": "http", "scheme": "bearer"}}},
    }


def undescribed(app: Flask) -> list[str]:
    """Doors that stand in the URL map and are not described."""
    return sorted(name for name in app.view_functions if name not in DOORS and not name.startswith(_OUTSIDE))


def _types_of(door: Door) -> Iterable[Any]:
    yield from (kind for kind in door.answers.values() if kind not in (None, str))
    yield from door.query.values()
    yield from door.takes


def _operation(door: Door, view: Callable[..., Any], arguments: Iterable[str], schema_of: dict[str, Any]) -> dict[str, Any]:
    who = getattr(view, "guarded_for", ANYONE)
    words = " ".join((view.__doc__ or "").split())
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in sorted(arguments)]
    parameters += [{"name": name, "in": "query", "schema": schema_of[repr(kind)]} for name, kind in door.query.items()]
    refusals = {*door.refuses, 429, 503, *((401,) if who == OPERATOR else ())}
    answers = {str(status): _answer(kind, schema_of) for status, kind in door.answers.items()}
    answers |= {str(status): _answer(Refusal, schema_of) for status in sorted(refusals)}
    operation: dict[str, Any] = {
        "summary": words.partition(". ")[0].rstrip("."),
        "description": words,
        "parameters": parameters,
        "responses": answers,
        "security": [{"operator": []}] if who == OPERATOR else [],
    }
    if door.takes:
        bodies = {"oneOf": [schema_of[repr(kind)] for kind in door.takes]}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": bodies}}}
    return operation


def _answer(kind: Any, schema_of: dict[str, Any]) -> dict[str, Any]:
    if kind is None:
        return {"description": "nothing else"}
    if kind is str:
        return {"description": "plain text", "content": {"text/plain": {"schema": {"type": "string"}}}}
    what = " ".join((getattr(kind, "__doc__", "") or "").split())
    return {"description": what or "an object", "content": {"application/json": {"schema": schema_of[repr(kind)]}}}
