"""What was understood of one turn of the prospect: intents, and values with their evidence."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

IntentName = Literal[
    "greeting",
    "affirm",
    "deny",
    "dont_know",
    "interest",  # wants a quote or to hear about the insurance; topic: "quote" | "info"
    "question",  # topic: a knowledge topic or "price", "why", "resend_proposal", "compare", "coverage", ...
    "objection",  # topic: price | trust | need | timing | competitor
    "choice",  # topic: the option's id, or "1".."3", or "cheapest" | "middle" | "most_complete"
    "accept",
    "decline",
    "human",
    "opt_out",
    "restart",
    "data_copy",
    "data_erase",
    "withdraw_consent",
    "are_you_a_robot",
    "thanks",
    "bye",
    "insult",
    "threat",
    "self_harm",
    "health",  # topic: "cancer_over_5_years" or "other"
    "sensitive_ids",  # a DNI, IBAN or card number stood here; it was removed before anybody saw it
    "injection",
    "couple",
    "resume",
    "off_topic",
    "language",  # topic: the ISO code the person writes in or asks for
    "unclear",
    "rider",  # topic: "add" | "drop"
    "change",  # wants something else than what was understood or shown, and does not say what
    "not_prospect",  # topic: claim | policy | renewal | cancellation | other_insurance | supplier | job
]
Whole = Literal["", "yes", "no"]
"""Whether a message is nothing but a yes, or nothing but a no."""


class Intent(msgspec.Struct, frozen=True):
    """What the person wants with the message. `evidence` are the words that say so.

    `covers` are the names of the covers that a `rider` is about, as the catalogue has them; empty when it is not said which.
    """

    name: IntentName
    topic: str = ""
    confidence: float = 1.0
    evidence: str = ""
    covers: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """A value of a profile key (or of `details.<name>`), with the words it was read from.

    `details.product` is what is to be quoted: `renewable_term`, `level_term`, `mortgage_term`, `whole_life`, or
    `mortgage_linked` for what a bank asks for.

    `confidence` below `CONFIRM_BELOW`: ask "confirm:<key>" before it counts. `correction`: the words say that an earlier
    value was wrong. `alternatives`: other values the same words may mean, most likely first.
    """

    key: str
    value: Any
    evidence: str = ""
    confidence: float = 1.0
    correction: bool = False
    alternatives: tuple[Any, ...] = ()


CONFIRM_BELOW = 0.75


class Reading(msgspec.Struct, frozen=True):
    """All that was understood, most certain intent first. `whole`: the message says yes or no and nothing else."""

    intents: tuple[Intent, ...] = ()
    values: tuple[Found, ...] = ()
    language: str = "es"
    text: str = ""
    whole: Whole = ""

    def has(self, *names: IntentName) -> bool:
        """Whether any of these intents was read."""
        return any(intent.name in names for intent in self.intents)

    def intent(self, name: IntentName) -> Intent | None:
        """The first intent of that name, or None."""
        return next((intent for intent in self.intents if intent.name == name), None)

    def value(self, key: str) -> Found | None:
        """The value read for that key, or None."""
        return next((found for found in self.values if found.key == key), None)


class Context(msgspec.Struct, frozen=True):
    """What the reader must know of the conversation: short answers mean nothing without the question.

    `awaiting` is the conversation's (`consent`, a profile key, `confirm:<key>`, `choice`, `accept` or None); `profile` what
    is known; `candidate` the value that a `confirm:` question proposes; `options` the ids of the options shown, in order,
    `titles` and `premiums` (EUR a month) what stands beside them; `today` an ISO date; `language` the one spoken so
    far; `birth_year` what was told of the date of birth, or 0; `guarded` what the guardrails found in the message, None
    when they have not looked.
    """

    awaiting: str | None = None
    profile: dict[str, Any] = msgspec.field(default_factory=dict)
    candidate: Any = None
    options: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    premiums: tuple[float, ...] = ()
    today: str = ""
    language: str = "es"
    stage: str = "INICIO"
    birth_year: int = 0
    guarded: tuple[Intent, ...] | None = None
