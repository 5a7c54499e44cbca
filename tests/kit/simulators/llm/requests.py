"""What the API refuses in a chat completion request."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from .policy import flat_text

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
RESPONSE_FORMATS = (None, "text", "json_object", "json_schema")


class Refusal(NamedTuple):
    message: str
    status: int = 400
    code: str | None = None
    param: str | None = None


def problem(body: Any, only_models: Collection[str] | None) -> Refusal | None:
    """The first thing wrong; `only_models`: those that exist, None when any name will do."""
    if not isinstance(body, dict):
        return Refusal("We could not parse the JSON body of your request.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        return Refusal("you must provide a model parameter")
    if only_models is not None and model not in only_models:
        return Refusal(f"The model `{model}` does not exist or you do not have access to it.", 404, "model_not_found")
    return _messages_problem(body.get("messages")) or _tools_problem(body.get("tools")) or _format_problem(body)


def _messages_problem(messages: Any) -> Refusal | None:
    if not isinstance(messages, list) or not messages:
        empty = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        return Refusal(empty, code="empty_array", param="messages")
    open_calls: set[Any] = set()
    for i, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return Refusal(f"Invalid value for messages[{i}].role", param=f"messages[{i}].role")
        role = message["role"]
        if role in ("system", "user", "developer") and message.get("content") is None:
            null = f"Invalid value for 'content': expected a string, got null. messages[{i}]"
            return Refusal(null, param=f"messages[{i}].content")
        if role == "tool":
            if message.get("tool_call_id") not in open_calls:
                orphan = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                return Refusal("Invalid parameter: " + orphan, param=f"messages[{i}].role")
            open_calls.discard(message["tool_call_id"])
        elif open_calls:
            unanswered = "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
            return Refusal(f"{unanswered} 'tool_call_id'.", param=f"messages[{i}].role")
        open_calls.update(call.get("id") for call in message.get("tool_calls") or [])
    return None


def _tools_problem(tools: Any) -> Refusal | None:
    for tool in tools or []:
        name = (tool.get("function") or {}).get("name") if isinstance(tool, dict) else None
        if not name or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
            return Refusal("Invalid 'tools[0].function.name'", param="tools[0].function.name")
    return None


def _format_problem(body: dict[str, Any]) -> Refusal | None:
    wanted = body.get("response_format") or {}
    if wanted.get("type") not in RESPONSE_FORMATS:
        return Refusal("Invalid value for response_format.type", param="response_format.type")
    if wanted.get("type") == "json_object" and "json" not in flat_text(body["messages"]).lower():
        unsaid = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        return Refusal(unsaid, param="messages")
    if wanted.get("type") != "json_schema":
        return None
    described = wanted.get("json_schema") or {}
    if not described.get("name"):
        param = "response_format.json_schema.name"
        return Refusal(f"Missing required parameter: '{param}'.", param=param)
    loose = _strict_problem(described.get("schema") or {}, "()") if described.get("strict") else None
    if loose:
        message = f"Invalid schema for response_format '{described['name']}': {loose}"
        return Refusal(message, code="invalid_json_schema", param="response_format")
    return None


def _strict_problem(schema: Any, path: str) -> str | None:
    """Strict schemas list every property as required and allow no others."""
    if not isinstance(schema, dict):
        return None
    properties = schema.get("properties") or {}
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            return f"In context={path}, 'additionalProperties' is required to be supplied and to be false."
        missing = set(properties) - set(schema.get("required") or [])
        if missing:
            return (
                f"In context={path}, 'required' is required to be supplied and to be an array including every key in"
                f" properties. Missing '{min(missing)}'."
            )
    parts = [(inner, f"{path}.{name}") for name, inner in properties.items()]
    parts += [(schema.get("items"), path + "[]")]
    parts += [(inner, path) for inner in [*(schema.get("anyOf") or []), *(schema.get("$defs") or {}).values()]]
    return next((found for inner, where in parts if (found := _strict_problem(inner, where))), None)
