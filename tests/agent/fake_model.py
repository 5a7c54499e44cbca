"""A language model in a test: what it answers is written out, what it was asked is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from src.agent.model import Answer, Failure, Prompt
from src.messages import Inbound

Answering = Callable[..., Any]
"""From a prompt and its facts (or a voice note) to what the model writes: a JSON object, or None for no answer."""


class FakeModel:
    """Answers by task; a task without an answer gets none. It is the port itself and a turn's view of it."""

    def __init__(self, *, failure: Failure = "timeout", tokens: int = 100, **answers: Answering | dict[str, Any]) -> None:
        self._answers, self._failure, self._tokens = answers, failure, tokens
        self.prompts: list[Prompt] = []
        self.turns = 0
        self.listened: list[str] = []
        self.moderated: list[str] = []

    def begin(self) -> FakeModel:
        self.turns += 1
        return self

    def ask(self, prompt: Prompt) -> Answer:
        self.prompts.append(prompt)
        given = self._answers.get(prompt.task)
        content = given(prompt, json.loads(prompt.facts)) if callable(given) else given
        if content is None:
            return Answer(failure=self._failure, calls=1)
        return Answer(content=content, calls=1, input_tokens=self._tokens, output_tokens=10, cost_usd_millionths=42)

    def listen(self, voice: Inbound) -> Answer:
        """What `listen` says, whatever the recording."""
        self.listened.append(voice.id)
        given = self._answers.get("listen")
        if given is None:
            return Answer(failure="deaf")
        content = given(voice) if callable(given) else given
        return Answer(content=content, calls=1, input_tokens=self._tokens)

    def moderate(self, text: str) -> Answer:
        """What `moderate` says, whatever the text."""
        self.moderated.append(text)
        given = self._answers.get("moderate")
        return Answer(content=given, calls=1) if isinstance(given, dict) else Answer(failure=self._failure, calls=1)

    def facts(self, task: str = "read") -> dict[str, Any]:
        """What the last question of that task was about."""
        last = next(prompt for prompt in reversed(self.prompts) if prompt.task == task)
        found: dict[str, Any] = json.loads(last.facts)
        return found
