"""How hot a lead is, how urgent, whose, and how many points it has: rules in a file that a brokerage can read and replace."""

from __future__ import annotations

import tomllib
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec

from src.agent.profile import ProfileKey
from src.agent.state import Conversation, HandoffReason, Outcome, Stage
from src.desk.words import Objection, Temperature

OWN_RULES = Path(__file__).with_name("lead.toml")
MOST_POINTS = 100

Priority = Literal["urgent", "high", "medium", "low", "none"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Points = Annotated[int, msgspec.Meta(ge=-MOST_POINTS, le=MOST_POINTS)]


class Team(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A team in the CRM. Names are in lower case there."""

    name: Name
    description: str = ""


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rule looks at. Everything that is named must hold; nothing named always holds."""

    stage: tuple[Stage, ...] | None = None
    outcome: tuple[Outcome, ...] | None = None
    handoff: tuple[HandoffReason, ...] | None = None
    objection: tuple[Objection, ...] | None = None
    consented: bool | None = None
    quoted: bool | None = None
    chosen: bool | None = None
    known: tuple[ProfileKey, ...] = ()
    at_least: dict[ProfileKey, float] = {}

    def holds(self, conversation: Conversation) -> bool:
        """Whether the conversation, as it is now, is one that the rule speaks of."""
        consent = conversation.consents.get("quote")
        heard = objections(conversation)
        return (
            (self.stage is None or conversation.stage in self.stage)
            and (self.outcome is None or conversation.outcome in self.outcome)
            and (self.handoff is None or handoff_reason(conversation) in self.handoff)
            and (self.objection is None or any(topic in self.objection for topic in heard))
            and self.consented in (None, consent is not None and consent.given)
            and self.quoted in (None, bool(conversation.quotes))
            and self.chosen in (None, conversation.selected_quote is not None)
            and all(key in conversation.profile for key in self.known)
            and all(_reaches(conversation.profile.get(key), least) for key, least in self.at_least.items())
        )


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is thought of a lead that the rule speaks of; None where the rule has no word on it."""

    name: Name
    when: When
    temperature: Temperature | None = None
    priority: Priority | None = None
    team: Name | None = None
    points: Points = 0


class Verdict(msgspec.Struct, frozen=True):
    """What the rules come to. Nothing said is "" and 0; `because` names the rule that decided the temperature."""

    temperature: Literal["", "caliente", "templado", "frio"] = ""
    priority: Literal["", "urgent", "high", "medium", "low"] = ""
    team: str = ""
    score: int = 0
    because: str = ""


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Teams that rules may name, and the rules in their order."""

    rule: tuple[Rule, ...]
    team: tuple[Team, ...] = ()

    def judge(self, conversation: Conversation) -> Verdict:
        """The first rule that holds and has a word on a thing decides it; points add up, between 0 and 100."""
        holding = [rule for rule in self.rule if rule.when.holds(conversation)]
        warm = next((rule for rule in holding if rule.temperature), None)
        priority = next((rule.priority for rule in holding if rule.priority), None)
        return Verdict(
            temperature=(warm and warm.temperature) or "",
            priority="" if priority is None or priority == "none" else priority,
            team=next((rule.team.casefold() for rule in holding if rule.team), ""),
            score=min(max(sum(rule.points for rule in holding), 0), MOST_POINTS),
            because=warm.name if warm else "",
        )


def load_rules(own: Path | None = None) -> tuple[Rules, str]:
    """The rules of the brokerage's own file, else ours; and what is wrong with its file when it could not be used, else ""."""
    if own is None:
        return _our_rules(), ""
    try:
        return _read(own), ""
    except OSError as fault:
        return _our_rules(), f"{own}: {fault.strerror}"
    except ValueError as fault:  # of which a TOML, an encoding and a type error are kinds
        return _our_rules(), f"{own}: {fault}"


@cache
def _our_rules() -> Rules:
    return _read(OWN_RULES)


def _read(file: Path) -> Rules:
    return read_rules(file.read_text(encoding="utf-8-sig"))


@lru_cache(maxsize=4)  # those of now, and of a moment ago
def read_rules(text: str) -> Rules:
    """Rules written in TOML, as in lead.toml. Raises ValueError."""
    rules = msgspec.convert(tomllib.loads(text), Rules)
    teams = [team.name.casefold() for team in rules.team]
    for place, team in enumerate(teams):
        if team in teams[:place]:
            raise ValueError(f"two teams are called {team} - at `$.team[{place}].name`")
    for place, rule in enumerate(rules.rule):
        if rule.team and rule.team.casefold() not in teams:
            raise ValueError(f"no [[team]] is called {rule.team} - at `$.rule[{place}].team`")
    return rules


def handoff_reason(conversation: Conversation) -> str:
    """Why a person has the conversation, a stable word; "" while the bot has it."""
    called = conversation.memory.handoff
    return called.reason if called and conversation.owner == "human" else ""


def objections(conversation: Conversation) -> tuple[str, ...]:
    """The topics of the objections that were heard, in the order in which they came first."""
    return tuple(topic for topic in conversation.memory.objections if topic in get_args(Objection))


def _reaches(value: object, least: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= least
