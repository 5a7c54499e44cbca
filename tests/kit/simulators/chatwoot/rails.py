"""How Rails reads values and says no: the shapes of refusals, truthiness, dates."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any


class Http(Exception):
    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body


def invalid(msgs: list[tuple[str, str]]) -> Http:
    """ActiveRecord::RecordInvalid outside messages#create (R8). msgs: (attribute, full message)."""
    return Http(422, {"message": ", ".join(m for _, m in msgs), "attributes": list(dict.fromkeys(a for a, _ in msgs))})


def not_found() -> Http:
    return Http(404, {"error": "Resource could not be found"})  # R7


def unauthorized(msg: str = "You are not authorized to do this action") -> Http:
    return Http(401, {"error": msg})  # R4


class NotUnique(Exception):
    pass


def human(attr: str) -> str:
    return attr.replace("_", " ").capitalize()


def to_i(v: Any) -> int:
    """Ruby's String#to_i: leading digits, else 0."""
    m = re.match(r"\s*[+-]?\d+", str(v if v is not None else ""))
    return int(m.group()) if m else 0


def truthy(v: Any) -> bool:
    return v not in (None, False, "", "false", "0", 0, "f", "off")


def present(v: Any) -> bool:
    return not (v is None or v is False or v == {} or v == [] or (isinstance(v, str) and not v.strip()))


def iso(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
