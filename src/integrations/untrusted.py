"""Values of a vendor's JSON, made safe to keep: any type goes in, a text or a small tree that every store takes comes out.

But for a body that is no JSON object nothing here raises. What has the wrong type is empty, what is too large is cut.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from src.agent.redaction import clean
from src.errors import MalformedPayload

TREE_VALUES, TREE_DEPTH, TREE_TEXT = 200, 6, 1024

# Characters that hide or reorder what surrounds them: fine in a text, a disguise in a name.
_DISGUISE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

_NOT_A_VALUE = object()  # stands where JSON held a number that no field of a vendor's can hold


def json_object(raw: bytes) -> dict[str, Any]:
    """A body that says it is JSON. Raises MalformedPayload."""

    def whole_number(literal: str) -> Any:
        # Thousands of digits would take the whole body down.
        return int(literal) if len(literal) <= 18 else _NOT_A_VALUE

    try:
        body = json.loads(raw.decode("utf-8-sig"), parse_int=whole_number)
    except (ValueError, RecursionError) as error:
        raise MalformedPayload("the body is not JSON") from error
    if not isinstance(body, dict):
        raise MalformedPayload("the body is not a JSON object")
    return body


def text_of(value: Any, limit: int) -> str:
    """Without control characters and lone surrogates; lines stay lines."""
    return clean(value, limit) if isinstance(value, str) else ""


def line_of(value: Any, limit: int) -> str:
    """The same on one line, with single spaces."""
    return " ".join(text_of(value, limit).split())


def name_of(value: Any) -> str:
    """What somebody calls himself, fit to be shown beside others."""
    return _DISGUISE.sub("", line_of(value, 128)).strip()


def wording_of(value: Any) -> str:
    """A vendor's wording of an error without the numbers, tokens and links that it may quote."""
    if not isinstance(value, str):
        return ""
    masked = re.sub(r"https?://\S+|\+?\d[\d ().-]{5,}\d|[A-Za-z0-9_-]{24,}|[^ -~]+", "…", value[:1000])
    return " ".join(masked.split())[:200]


def tree_of(value: Any) -> Any:
    """A free-form part: at most 200 values in 6 levels, with texts of 1,024 characters; None for what is cut off."""
    left = TREE_VALUES

    def copy(part: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > TREE_DEPTH:
            return None
        if isinstance(part, dict):
            return {line_of(key, 64): copy(inner, depth + 1) for key, inner in part.items() if left > 0}
        if isinstance(part, list):
            return [copy(inner, depth + 1) for inner in part if left > 0]
        if isinstance(part, str):
            return text_of(part, TREE_TEXT)
        if isinstance(part, float):
            return part if math.isfinite(part) else None
        # JSON stores hold whole numbers of 64 bits.
        return part if isinstance(part, int) and abs(part) < 2**63 else None

    return copy(value, 0)
