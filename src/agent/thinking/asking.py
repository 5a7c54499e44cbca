"""The one way to the model: whether it may be asked at all, what its answer is parsed into, and what it cost whom."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from src.agent.memory import Spent
from src.agent.model import Answer, Prompt, Task
from src.agent.turn import Turn

FOLDER = Path(__file__).parent / "prompts"
VERSIONS: dict[Task, str] = {"read": "read.es.v1", "answer": "answer.es.v1", "phrase": "phrase.es.v1"}
CANARY = "zarzamora-7f3a-violeta"
"""Stands in every system prompt and nowhere else: a reply that holds it repeats the prompt, and never goes out."""
CHARACTERS_PER_TOKEN = 4

Shape = TypeVar("Shape")


def ask(turn: Turn, task: Task, facts: dict[str, Any], shape: type, *, answer_tokens: int) -> dict[str, Any] | None:
    """The model's answer to the schema of `shape`, as it wrote it, or None when it may not be asked or cannot answer.

    What went wrong is counted: nobody who asks needs to know.
    """
    if turn.thinking is None or not may_ask(turn):
        return None
    prompt = Prompt(
        task=task,
        version=VERSIONS[task],
        system=system_prompt(task),
        facts=msgspec.json.encode(facts).decode(),
        schema=schema_of(shape),
        answer_tokens=answer_tokens,
    )
    answer = turn.thinking.ask(prompt)
    account(turn, task, prompt.version, _with_tokens(prompt, answer))
    if answer.content is None:
        turn.count("model.failed", task=task, version=prompt.version, reason=answer.failure or "empty")
    return answer.content


def shaped(turn: Turn, task: Task, content: dict[str, Any], shape: type[Shape]) -> Shape | None:
    """What the model wrote as that type; None, and counted, when it is something else."""
    try:
        return msgspec.convert(content, shape)
    except msgspec.ValidationError:
        turn.count("model.failed", task=task, version=VERSIONS[task], reason="wrong_shape")
        return None


def may_ask(turn: Turn) -> bool:
    """Nothing goes to a provider before the prospect agreed, while a person answers, or beyond what a day may cost."""
    if turn.assistance is None or not turn.consented or turn.conversation.owner == "human":
        return False
    if _spent_today(turn) < turn.assistance.daily_tokens:
        return True
    turn.count("model.over_daily_cap")
    return False


def _spent_today(turn: Turn) -> int:
    spent = turn.conversation.memory.model
    return spent.tokens_today if spent.day == turn.today.isoformat() else 0


def _with_tokens(prompt: Prompt, answer: Answer) -> Answer:
    """Where a provider names no tokens, or nothing came back, what was sent is estimated: a cap must not wait for figures."""
    if answer.input_tokens or not answer.calls:
        return answer
    sent = len(prompt.system) + len(prompt.facts)
    return msgspec.structs.replace(answer, input_tokens=answer.calls * sent // CHARACTERS_PER_TOKEN)


def account(turn: Turn, task: Task, version: str, answer: Answer) -> None:
    """What an answer cost, kept with the conversation and written together with the turn: no crash gets past a cap."""
    if not answer.calls:
        return
    memory, tokens = turn.conversation.memory, answer.input_tokens + answer.output_tokens
    spent = memory.model
    memory.model = Spent(
        day=turn.today.isoformat(),
        tokens_today=_spent_today(turn) + tokens,
        tokens=spent.tokens + tokens,
        cost_usd_millionths=spent.cost_usd_millionths + (answer.cost_usd_millionths or 0),
    )
    turn.count(
        "model.used",
        task=task,
        version=version,
        calls=answer.calls,
        input_tokens=answer.input_tokens,
        cached_tokens=answer.cached_tokens,
        output_tokens=answer.output_tokens,
        cost_usd_millionths=answer.cost_usd_millionths,
    )


@cache
def system_prompt(task: Task) -> str:
    """The instructions of a task: the same bytes for everybody, so that a provider may cache them."""
    text = (FOLDER / f"{VERSIONS[task]}.txt").read_text(encoding="utf-8")
    return text.replace("{canary}", CANARY)


@cache
def schema_of(shape: type) -> dict[str, Any]:
    """The JSON schema of a type, as strict providers want it: every property required, no other allowed."""
    _, parts = msgspec.json.schema_components([shape], ref_template="#/$defs/{name}")
    root: dict[str, Any] = _strict(parts.pop(shape.__name__))
    return {**root, "$defs": _strict(parts)} if parts else root


def _strict(schema: Any) -> Any:
    """Without our own notes, and with a type beside every enumeration."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _strict(part) for key, part in schema.items() if key not in ("title", "description")}
    return {"type": "string", **kept} if "enum" in kept else kept
