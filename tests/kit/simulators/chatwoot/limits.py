"""What the models refuse: attribute sizes, reply windows, the items of structured messages."""

from __future__ import annotations

import re
from typing import Any

from .rails import human, invalid, present

ITEM_KEYS = {
    "input_select": "title value",
    "cards": "title description media_url actions",
    "article": "title description link",
    "form": "type placeholder label name options default required pattern title pattern_error",
}
CARD_ACTION_KEYS = ("text", "type", "payload", "uri")


def check_jsonb(field: str, attributes: dict[str, Any]) -> None:  # R32
    for key, value in attributes.items():
        if isinstance(value, str) and len(value) > 1500:
            raise invalid([(field, f"{human(field)} {key} length should be < 1500")])
        if isinstance(value, int) and not isinstance(value, bool) and value > 9_999_999_999:
            raise invalid([(field, f"{human(field)} {key} value should be < 9999999999")])


def check_window(channel_attributes: dict[str, Any]) -> None:  # R42
    window = channel_attributes.get("agent_reply_time_window")
    if not present(window):
        return
    hours = re.match(r"\s*([+-]?\d+)", str(window))
    if not hours or int(hours[1]) <= 0:
        field = "agent_reply_time_window"
        raise invalid([(field, f"Agent reply time window {field} must be greater than 0")])


def content_attribute_errors(content_type: str, attributes: dict[str, Any]) -> list[str]:  # R55
    if content_type not in ITEM_KEYS:
        return []
    items = attributes.get("items")
    if not items:
        return ["Content attributes At least one item is required."]
    if not isinstance(items, list) or any(not isinstance(item, dict) for item in items):
        return ["Content attributes Items should be a hash."]
    errors = []
    unknown = [f":{key}" for item in items for key in item if key not in ITEM_KEYS[content_type].split()]
    if unknown:
        errors.append(f"Content attributes contains invalid keys for items : [{', '.join(unknown)}]")
    if content_type != "cards":
        return errors
    if any(not item.get("actions") for item in items):
        return [*errors, "Content attributes contains items missing actions"]
    actions = [action for item in items for action in item["actions"]]
    unknown = [f":{key}" for action in actions for key in action if key not in CARD_ACTION_KEYS]
    if unknown:
        errors.append(f"Content attributes contains invalid keys for actions:  [{', '.join(unknown)}]")
    return errors
