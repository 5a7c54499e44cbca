"""Servers that speak OpenAI's protocol in their own way: what each refuses, in its words, and how it wraps an answer.

Wordings are from public documentation and issues; no server was asked. Each imitation has one named behaviour or the few that
belong together.
"""

from __future__ import annotations

from typing import Any

from .requests import Refusal

IMITATIONS: dict[str, dict[str, Any]] = {
    "openai": {},
    "gpt5": {"refuses": ["max_tokens", "temperature"], "thinks": 600},
    "azure": {"refuses": ["temperature"]},
    "azure_old": {"refuses": ["max_completion_tokens"]},
    "gemini": {"refuses": ["max_completion_tokens"], "thinks": 478, "wrong_key_status": 400},
    "mistral": {"refuses": ["max_completion_tokens_422"], "lists_only": True},
    "groq": {"refuses": ["json_schema"]},
    "deepseek": {"refuses": ["max_completion_tokens", "response_format_unavailable"]},
    "deepseek_reasoner": {"refuses": ["json_schema", "temperature"], "wraps": "think"},
    "openrouter": {"refuses": ["strict"], "lists_only": True},
    "ollama": {"wraps": "fence", "refuses": ["strict"], "keyless": True},
    "llamacpp": {"wraps": "sentence", "refuses": ["grammar"], "lists_only": True, "keyless": True},
    "vllm": {"refuses": ["max_completion_tokens_422"], "wraps": "bom", "lists_only": True, "keyless": True},
    "lm_studio": {"refuses": ["json_object", "json_schema"], "wraps": "fence", "keyless": True},
    "gemma": {"refuses": ["system"], "wraps": "parts"},
    "plain": {"refuses": ["json_schema", "json_object", "temperature", "reasoning_effort", "max_completion_tokens"]},
}
"""The options of the simulator for each."""

_WORDS: dict[str, str] = {
    "max_completion_tokens": "Unsupported parameter: 'max_completion_tokens' is not supported. Use 'max_tokens' instead.",
    "max_tokens": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "temperature": "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) is.",
    "reasoning_effort": "Unrecognized request argument supplied: reasoning_effort",
    "strict": "Invalid JSON payload received. Unknown name \"strict\" at 'response_format.json_schema': Cannot find field.",
    "json_schema": "This model does not support response format `json_schema`. See supported models in the documentation.",
    "response_format_unavailable": "This response_format type is unavailable now",
    "grammar": "Failed to parse grammar for the given json schema: unresolved $ref",
    "json_object": "'response_format.type' must be 'json_schema' or 'text', not 'json_object'",
    "system": "System role not supported",
}


def refused(body: dict[str, Any], refuses: list[str]) -> Refusal | None:
    """What this server will not take of the request, in its words."""
    wanted = body.get("response_format") or {}
    kind, strict = wanted.get("type"), (wanted.get("json_schema") or {}).get("strict")
    there = {
        "max_completion_tokens": "max_completion_tokens" in body,
        "max_completion_tokens_422": "max_completion_tokens" in body,
        "max_tokens": "max_tokens" in body,
        "temperature": body.get("temperature") not in (None, 1),
        "reasoning_effort": "reasoning_effort" in body,
        "strict": strict is not None,
        "json_schema": kind == "json_schema",
        "response_format_unavailable": kind == "json_schema",
        "grammar": kind == "json_schema",
        "json_object": kind == "json_object",
        "system": any(message.get("role") in ("system", "developer") for message in body["messages"]),
    }
    for name in refuses:
        if there[name] and name.endswith("_422"):
            field = name.removesuffix("_422")
            return Refusal(
                f"[{{'type': 'extra_forbidden', 'loc': ['body', '{field}'], 'msg': 'Extra inputs are not permitted'}}]", 422
            )
        if there[name]:
            return Refusal(_WORDS[name], 400, "unsupported_parameter", None if name == "system" else name)
    return None


def wrapped(content: str, how: str) -> Any:
    """The same answer as that server gives it."""
    ways = {
        "fence": f"```json\n{content}\n```",
        "think": f"<think>\nEl usuario dice {{algo}} y yo pienso.\n</think>\n\n{content}",
        "sentence": f"Claro, aquí tienes el resultado:\n\n{content}\n\nEspero que sirva.",
        "bom": f"\ufeff{content}",
    }
    return [{"type": "text", "text": content}] if how == "parts" else ways.get(how, content)
