"""What the sale remembers of a conversation besides the facts: how to speak, what was said, shown, noticed and put aside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from src.agent.profile import PRICING


class Doubt(msgspec.Struct):
    """A value that must be confirmed before it counts, and what else the same words may mean."""

    key: str
    value: Any
    message_id: str
    alternatives: list[Any] = msgspec.field(default_factory=list)


class Riders(msgspec.Struct, frozen=True):
    """The covers beside the main one that every option is to have besides, or to do without."""

    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


class Called(msgspec.Struct, frozen=True):
    """Since when a person has the conversation, and why."""

    at: datetime
    reason: str = ""
    urgent: bool = False


class Spent(msgspec.Struct, frozen=True):
    """What a language model was used for this person: tokens on `day` (the house's, ISO), and of all days."""

    day: str = ""
    tokens_today: int = 0
    tokens: int = 0
    cost_usd_millionths: int = 0


class Memory(msgspec.Struct, omit_defaults=True):
    """All of it. What a new beginning leaves is in `kept`.

    How to speak: `language` (ISO), `address` ("": the house's), `foreign` while a language is written that is not spoken here,
    `offered_languages` once others were offered. What was said: `greeted`, `hesitated` and `refused_once` over the consent,
    `question` of the first message that waits for it, `leaving` while it is asked whether somebody really goes,
    `perhaps_not_a_prospect` what somebody may have come for instead, `told_of_second_person`, `told_by_human` which changes of
    a person were told, by their time, `limits_told` checksums of the exclusions shown. What was heard: `couple`, `bank_tied`,
    `objections` (topics), `insults` and `misses` (how many), `skipped` (keys left blank), `doubts`, `implausible` (a key),
    `loan_years` whether the years told are a loan's, `riders`, `budget_waived` the budget that was set aside.
    What can be pressed: `offered` titles with their ids, `numbered` ids in their order. What the proposal was made of:
    `quoted_for` and `summed_up` are fingerprints. Limits: `turn_times` (Unix seconds), `limit_noticed`, `model`. Since when and
    why a person has it: `handoff`. The ad or post that somebody came from, until they agreed: `referral`. Of promises:
    `asked_when` while somebody who wants to be written to has not said when, `written_to` from then on until they answer,
    `offered_call` when the house opens again, offered for a call. `undelivered`: the vendor's codes of what was said last
    and did not arrive. `condoled` once somebody was told that
    we are sorry for their loss; `price_for` a capital whose price was asked for, until the age is known.
    """

    language: str = "es"
    address: Literal["", "tu", "usted"] = ""
    foreign: bool = False
    offered_languages: bool = False
    greeted: bool = False
    hesitated: bool = False
    refused_once: bool = False
    question: str = ""
    leaving: bool = False
    perhaps_not_a_prospect: str = ""
    told_of_second_person: bool = False
    told_by_human: dict[str, datetime] = msgspec.field(default_factory=dict)
    limits_told: list[str] = msgspec.field(default_factory=list)
    couple: bool = False
    bank_tied: bool = False
    objections: list[str] = msgspec.field(default_factory=list)
    insults: int = 0
    misses: int = 0
    skipped: list[str] = msgspec.field(default_factory=list)
    doubts: list[Doubt] = msgspec.field(default_factory=list)
    implausible: str = ""
    loan_years: bool = False
    riders: Riders = Riders()
    budget_waived: int | float | None = None
    offered: dict[str, str] = msgspec.field(default_factory=dict)
    numbered: list[str] = msgspec.field(default_factory=list)
    quoted_for: str = ""
    summed_up: str = ""
    turn_times: list[int] = msgspec.field(default_factory=list)
    limit_noticed: bool = False
    model: Spent = Spent()
    handoff: Called | None = None
    undelivered: str = ""
    asked_when: bool = False
    written_to: bool = False
    offered_call: datetime | None = None
    condoled: bool = False
    price_for: int | None = None
    referral: dict[str, str] = msgspec.field(default_factory=dict)

    def kept(self) -> Memory:
        """What a new beginning leaves known: how to speak, and what limits count."""
        return Memory(
            language=self.language,
            address=self.address,
            greeted=self.greeted,
            turn_times=self.turn_times,
            model=self.model,
        )


def fingerprint_of(profile: Mapping[str, Any], details: Mapping[str, Any], riders: Riders) -> str:
    """Changes when anything changes that the price or the need depends on; a question that nobody was asked changes nothing."""
    facts = {key: profile[key] for key in PRICING if profile.get(key) is not None}
    wished = {key: details[key] for key in ("child_ages", "product") if details.get(key) is not None}
    asked_for = {"riders": riders} if riders != Riders() else {}
    return msgspec.json.encode({**facts, **wished, **asked_for}, order="sorted").decode()
