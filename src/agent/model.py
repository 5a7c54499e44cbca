"""The port to a language model: one question at a time, asked with a schema, within the budget of one turn.

A model may read and may phrase; it never prices, decides where the sale goes or picks who is written to. So it is asked
little, and whatever it answers is only material: the callers in `stages` check all of it against what they asked.
Whatever goes wrong is a value (`Answer.failure`), never an exception: then the rules and the texts go on alone.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

from src.messages import Inbound

Task = Literal["read", "answer", "phrase", "listen", "moderate"]
Failure = Literal[
    "paused",  # an operator silenced the bot
    "spent",  # what the house spends on models in a day or a month is used up
    "no_time",  # the turn's budget is used up
    "open",  # the circuit is open: the model failed so often that it is left alone for a while
    "timeout",
    "unreachable",
    "rate_limited",
    "server_error",
    "access_denied",
    "rejected",  # the request itself was refused (4xx)
    "refused",  # the model would rather not
    "empty",
    "truncated",
    "too_large",
    "garbage",  # no JSON, or JSON of another kind than was asked for
    "deaf",  # nobody listens to voice notes here, or looks for danger
    "no_recording",  # the vendor of the channel did not hand out the recording
]


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What the model is asked. `system` and `schema` are the same bytes for everybody, so that they can be cached.

    `facts` is a JSON object: what this question is about, as far as the task needs it. `schema` is a JSON schema in which
    every property is required and no other is allowed. `answer_tokens` is the most the answer may take.
    """

    task: Task
    version: str
    system: str
    facts: str
    schema: dict[str, Any]
    answer_tokens: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. `content` is a JSON object as the model wrote it, unchecked; None with the reason in `failure`.

    `calls` counts requests, retries included. Tokens are the provider's own figures (0 when it names none), of the input
    those read from its cache apart in `cached_tokens`; `cost_usd_millionths` is None when the model's price is not known.
    """

    content: dict[str, Any] | None = None
    failure: Failure | None = None
    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd_millionths: int | None = None


class Thinking(Protocol):
    """The model during one turn: all questions share one budget of time."""

    def ask(self, prompt: Prompt) -> Answer:
        """The answer, or why there is none. Returns within what is left of the turn's budget, and never raises."""
        ...

    def listen(self, voice: Inbound) -> Answer:
        """What is said in a voice note, as {"text": …}, within the same budget. Never raises."""
        ...

    def moderate(self, text: str) -> Answer:
        """Whether somebody seems to be in danger, as {"self_harm": …}, within the same budget. Never raises."""
        ...


class Model(Protocol):
    """A language model."""

    def begin(self) -> Thinking:
        """A turn begins, and its budget of time with it."""
        ...


class Assistance(msgspec.Struct, frozen=True):
    """How much of a model the sale may use. `phrasing`: it may reword what is said, not only read.

    `daily_tokens` is the most that is spent on one person in a day; 0 means that the model is not asked at all. With
    `moderation` the provider is asked, too, whether somebody is in danger.
    """

    model: Model
    phrasing: bool = False
    daily_tokens: int = 40_000
    moderation: bool = False
