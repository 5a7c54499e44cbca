"""A second look for danger, where the provider offers one: it can only make the reply more careful.

What the rules find stands, whatever the provider says; what only the provider finds is treated as if the rules had found it.
"""

from __future__ import annotations

import msgspec

from src.agent.guardrails import Finding
from src.agent.thinking.asking import account, may_ask
from src.agent.thinking.reading import masked
from src.agent.turn import Turn


def moderate(turn: Turn) -> None:
    """Adds danger to the verdict on what was written, when the provider sees it and the rules did not."""
    wanted = turn.assistance is not None and turn.assistance.moderation and turn.thinking is not None
    if not wanted or turn.thinking is None or not turn.words or turn.verdict.has("self_harm") or not may_ask(turn):
        return
    answer = turn.thinking.moderate(masked(turn, turn.words))
    account(turn, "moderate", "moderate", answer)
    if answer.failure:
        turn.count("model.failed", task="moderate", version="moderate", reason=answer.failure)
    elif (answer.content or {}).get("self_harm") is True:
        turn.count("model.danger_found")
        turn.verdict = msgspec.structs.replace(turn.verdict, findings=(Finding("self_harm"), *turn.verdict.findings))
