"""Content of Twilio's Content API: what may be in one, and what a person sees when its variables are filled.

Facts are from Twilio's pages on twilio/quick-reply, twilio/list-picker and on variables. That an action's id may hold a
variable is inferred from "actions: variable support yes".
"""

from __future__ import annotations

import re
from typing import Any

from .rules import TwilioError

_BLANK = re.compile(r"\{\{\s*(\w+)\s*\}\}")
MOST_VARIABLES, LONGEST_VALUE = 100, 1600


def check_created(given: dict[str, Any]) -> None:
    """Raises TwilioError for what the API refuses to make."""
    types = given.get("types")
    if not given.get("language") or not isinstance(types, dict) or not types:
        raise TwilioError(20001, message="language and types are required", http=400)
    if len(given.get("variables") or {}) > MOST_VARIABLES:
        raise TwilioError(20001, message="too many variables", http=400)
    quick, picker = types.get("twilio/quick-reply"), types.get("twilio/list-picker")
    if quick is not None:
        actions = quick.get("actions") or []
        if not quick.get("body") or not 1 <= len(actions) <= 10 or any(not one.get("title") for one in actions):
            raise TwilioError(20001, message="twilio/quick-reply: body and 1 to 10 actions with titles", http=400)
    if picker is not None:
        items = picker.get("items") or []
        complete = all(one.get("item") and one.get("id") for one in items)
        if not picker.get("body") or not picker.get("button") or not 1 <= len(items) <= 10 or not complete:
            raise TwilioError(20001, message="twilio/list-picker: body, button and 1 to 10 items with ids", http=400)


def check_variables(values: Any) -> None:
    """Raises TwilioError for ContentVariables that the API refuses: neither null nor empty, and no longer than allowed."""
    if not isinstance(values, dict):
        raise TwilioError(21656)
    for value in values.values():
        if not isinstance(value, str | int | float) or value == "" or len(str(value)) > LONGEST_VALUE:
            raise TwilioError(21656)


def shown(content: dict[str, Any], values: dict[str, Any]) -> tuple[str, list[dict[str, str]], str, int | None]:
    """What a person sees: the text, what can be pressed, the label of a list's button, and the error instead of it, if any."""
    defaults = content.get("variables") or {}

    def filled(text: Any) -> str:
        return _BLANK.sub(lambda match: str(values.get(match[1], defaults.get(match[1], ""))), str(text or ""))

    types = content.get("types") or {}
    quick, picker = types.get("twilio/quick-reply"), types.get("twilio/list-picker")
    if picker is not None:
        options = [
            {"id": filled(one.get("id")), "title": filled(one.get("item")), "description": filled(one.get("description"))}
            for one in picker["items"]
        ]
        text, button = filled(picker["body"]), filled(picker["button"])
        longest = [(one["title"], 24) for one in options] + [(one["id"], 200) for one in options] + [(button, 20), (text, 1024)]
        fits = all(0 < len(part) <= limit for part, limit in longest) and all(len(one["description"]) <= 72 for one in options)
        unique = len({one["id"] for one in options}) == len(options)
        return text, options, button, None if fits and unique else 63021
    if quick is not None:
        options = [{"id": filled(one.get("id")), "title": filled(one["title"])} for one in quick["actions"]]
        text = filled(quick["body"])
        most = 10 if content.get("approved") else 3
        fits = all(0 < len(one["title"]) <= 20 and len(one["id"]) <= 256 for one in options)
        unique = len({one["id"] for one in options}) == len({one["title"] for one in options}) == len(options)
        return text, options, "", None if fits and unique and len(options) <= most and 0 < len(text) <= 1024 else 63021
    return filled(content.get("body", "")), [], "", None
