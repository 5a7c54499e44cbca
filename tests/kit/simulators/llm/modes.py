"""Ways of a model to misbehave."""

from __future__ import annotations

import json
from typing import Any

from .policy import HALLUCINATED, LEAK, SENTENCE

Decision = dict[str, Any]  # {"content": …} or {"tool_calls": [(name, arguments)]}
MISLEADING_TEXTS = {
    "prices": HALLUCINATED,
    "leak": LEAK,
    "huge": (SENTENCE + " ") * 2000,
    "text_instead_of_json": SENTENCE,
}


def apply_mode(mode: str, decision: Decision, request: dict[str, Any]) -> tuple[Decision, str, str | None]:
    """The decision as the mode spoils it, the finish reason, and the refusal text."""
    calls = decision.get("tool_calls")
    finish = "tool_calls" if calls else "stop"
    if mode in MISLEADING_TEXTS:
        return _misleading(MISLEADING_TEXTS[mode], mode != "text_instead_of_json", decision, request)
    if mode == "malformed_json":
        if calls:
            return {"tool_calls": [(name, '{"campo": "valor", ') for name, _ in calls]}, finish, None
        return {"content": '```json\n{"respuesta": "hola", '}, "stop", None
    if mode == "wrong_schema":
        if calls:
            return {"tool_calls": [(name, {"inesperado": [1, 2, {"x": None}]}) for name, _ in calls]}, finish, None
        return {"content": json.dumps({"inesperado": True, "lista": [1, "dos"]})}, "stop", None
    if mode == "bad_tool":
        return {"tool_calls": [("herramienta_que_no_existe", {"a": 1})]}, "tool_calls", None
    if mode == "empty":
        return {"content": ""}, "stop", None
    if mode == "null":
        return {"content": None}, "stop", None
    if mode == "refusal":
        return {"content": None}, "stop", "Lo siento, no puedo ayudar con eso."
    if mode == "truncated":
        if calls:
            cut = [(name, json.dumps(arguments, ensure_ascii=False)[:-3]) for name, arguments in calls]
            return {"tool_calls": cut}, "length", None
        text = decision.get("content") or SENTENCE
        return {"content": text[: max(1, len(text) // 2)]}, "length", None
    return decision, finish, None


def _misleading(text: str, keep_shape: bool, decision: Decision, request: dict[str, Any]) -> tuple[Decision, str, str | None]:
    """Inside a structured answer the text goes into every string that is there."""
    if keep_shape and decision.get("tool_calls"):
        tools = {t["function"]["name"]: t["function"].get("parameters") or {} for t in request.get("tools") or []}
        calls = [(name, _filled(tools.get(name, {}), given, text)) for name, given in decision["tool_calls"]]
        return {"tool_calls": calls}, "tool_calls", None
    wanted = request.get("response_format") or {}
    if keep_shape and wanted.get("type") == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema") or {}
        try:
            given = json.loads(decision.get("content") or "{}")
        except ValueError:  # a scripted answer that is no JSON
            return {"content": text}, "stop", None
        return {"content": json.dumps(_filled(schema, given, text), ensure_ascii=False)}, "stop", None
    return {"content": text}, "stop", None


def _filled(schema: Any, value: Any, text: str) -> Any:
    """The text in all strings, also in those that the schema makes optional; an enum keeps its valid member."""
    schema = schema if isinstance(schema, dict) else {}
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        return {key: _filled(properties.get(key, {}), inner, text) for key, inner in value.items()}
    if "enum" in schema:
        return value
    if isinstance(value, list):
        return [_filled({}, inner, text) for inner in value]
    declared = schema.get("type")
    types = declared if isinstance(declared, list) else [declared, *(o.get("type") for o in schema.get("anyOf") or [])]
    return text if isinstance(value, str) or (value is None and "string" in types) else value
