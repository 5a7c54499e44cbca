"""What the house decides, for programs with the admin token: read, changed, its history, taken back."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, TypeVar

import msgspec
from flask import Blueprint, Response, request
from msgspec import UNSET, Meta, UnsetType

from src import logs
from src.bootstrap import Services
from src.errors import InvalidRequest
from src.webhooks import security
from src.webhooks.security import OPERATOR

Asked = TypeVar("Asked", bound=msgspec.Struct)
Who = Annotated[str, Meta(max_length=80)]
Version = Annotated[int, Meta(ge=0, le=2**53)]


class SettingsChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """New values by name; null goes back to the default. Of a vendor all variables that it is to have, null for none. `version`
    is the one that whoever changes them had read: what somebody else changed since is not written over then. `by` says who."""

    settings: dict[str, Any] = {}
    vendors: dict[str, dict[str, str] | None] = {}
    version: Version | UnsetType = UNSET
    by: Who = "admin token"


class SettingsRollback(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Everything as it was at that version."""

    version: Version
    by: Who = "admin token"


def doors(services: Services) -> Blueprint:
    """The four of them."""
    desk, log = services.house_desk, logs.get_logger()

    def read() -> Response:
        """Every setting of the house: its value, where that comes from, who changed it last. Of secrets only which are set."""
        return _json(desk.shown())

    def change() -> Response:
        """Changes settings, all of them or none. Access to a vendor is tried there before it replaces what was."""
        asked = _read(SettingsChange)
        seen = None if asked.version is UNSET else asked.version
        shown = desk.change(asked.settings, asked.vendors, by=asked.by, seen=seen)
        log.info("settings.changed", names=[*asked.settings, *asked.vendors], version=shown["version"])
        return _json(shown)

    def history() -> Response:
        """The last changes, newest first: who, when, what before and after."""
        limit = request.args.get("limit", "100")
        if not limit.isascii() or not limit.isdecimal() or not 1 <= int(limit[:6]) <= 1000:
            raise InvalidRequest(["limit: a whole number from 1 to 1000"])
        return _json({"changes": desk.history(int(limit), request.args.get("name", ""))})

    def rollback() -> Response:
        """Everything as it was at a version, as one more change."""
        asked = _read(SettingsRollback)
        shown = desk.roll_back(asked.version, by=asked.by)
        log.info("settings.rolled_back", to=asked.version, version=shown["version"])
        return _json(shown)

    blueprint = Blueprint("settings", __name__)
    for method, rule, view in (
        ("GET", "/webhook/settings", read),
        ("PATCH", "/webhook/settings", change),
        ("GET", "/webhook/settings/history", history),
        ("POST", "/webhook/settings/rollback", rollback),
    ):
        guarded = security.guard(view, OPERATOR, services.admin_token)
        blueprint.add_url_rule(rule, view.__name__, guarded, methods=[method])
    return blueprint


def _read(kind: type[Asked]) -> Asked:
    raw = security.whole_body(request)
    if request.is_json:
        with suppress(RecursionError, UnicodeDecodeError):
            try:
                return msgspec.json.decode(raw, type=kind)
            except msgspec.ValidationError as fault:
                raise InvalidRequest([str(fault)]) from fault
            except msgspec.DecodeError:
                pass
    raise InvalidRequest(["the body is a JSON object, sent as application/json"])


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")
