"""What is right and what is wrong about a reading: the judge of `make eval`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from src.agent.profile import COUNTED, FIELDS
from src.agent.understanding import CONFIRM_BELOW, Found, Reading
from src.agent.understanding.asking import TALKED_OF_AS
from src.agent.understanding.wording import fold
from training.corpus import Meant, Utterance

Kind = Literal["missed value", "wrong value", "false value", "missed intent", "false intent"]
KINDS: tuple[Kind, ...] = get_args(Kind)

JUDGED = frozenset(FIELDS) | {"details.birth_year"}
"""Values that count; what is noted of others beside them does not."""
MAY_FOLLOW = frozenset(("occupation_class", "marital_status"))
"""Values that are no fault where nobody labelled them: they follow from other words."""
ACTING = frozenset((
    "affirm", "deny", "accept", "choice", "decline", "opt_out", "human", "data_erase", "data_copy", "withdraw_consent",
    "objection", "couple", "health", "self_harm", "restart", "not_prospect",
))  # fmt: skip
"""Intents that bind or act: one of them that was not meant is a fault."""
_YES, _NO = frozenset(("affirm", "accept")), frozenset(("deny", "decline"))
_OPTIONS = {"cheapest": "1", "esencial": "1", "middle": "2", "equilibrada": "2", "most_complete": "3", "completa": "3"}
_WITH_TOPIC = frozenset(("choice", "objection", "rider", "not_prospect", "language"))
"""Intents that are another one with another topic. What a question is about is judged by itself."""
_CHANGES = frozenset(("change", "question", "correction"))
_NEAR = 0.02


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong; `asked`: the value would be asked about, not stored."""

    kind: Kind
    what: str
    got: str = ""
    asked: bool = False

    @property
    def stores_what_is_wrong(self) -> bool:
        """Whether a value that nobody meant would be stored without a question."""
        return self.kind in ("wrong value", "false value") and not self.asked

    def __str__(self) -> str:
        return f"{self.kind} {self.what}{f' ({self.got})' if self.got else ''}{', asked about' if self.asked else ''}"


@dataclass
class Verdict:
    """What became of a set of messages."""

    faults: list[tuple[Utterance, list[Fault]]] = field(default_factory=list)
    right_values: int = 0
    right_intents: int = 0
    topics: Counter[str] = field(default_factory=Counter)
    """How often the topic of a question was right, none or wrong."""

    def hear(self, said: Utterance, reading: Reading) -> None:
        """Judges one reading."""
        faults = [*_values_judged(said, reading), *_intents_judged(said, reading)]
        self.faults.append((said, faults))
        missing = Counter(fault.kind for fault in faults)
        wanted = [each for each in said.values if each.key in JUDGED and reading.value(each.key)]
        self.right_values += len(wanted) - missing["wrong value"]
        self.topics.update(filter(None, [_topic_judged(said, reading)]))
        self.right_intents += 0 if said.wants_unsaid else len(said.intents) - missing["missed intent"]

    @property
    def fully_right(self) -> float:
        """The share of messages without any fault."""
        return self._share(sum(not faults for _, faults in self.faults))

    @property
    def stored_wrong(self) -> float:
        """The share of messages from which a value that nobody meant is stored without a question."""
        return self._share(sum(any(fault.stores_what_is_wrong for fault in faults) for _, faults in self.faults))

    @property
    def acted_wrongly(self) -> float:
        """The share of messages from which an intent was read that binds or acts and that nobody meant."""
        return self._share(sum(any(fault.kind == "false intent" for fault in faults) for _, faults in self.faults))

    def count(self, kind: Kind, *, asked: bool | None = None) -> int:
        """How many faults of a kind; with `asked` only those that would or would not be asked about."""
        faults = (fault for _, faults in self.faults for fault in faults if fault.kind == kind)
        return sum(asked is None or fault.asked == asked for fault in faults)

    def by_fault(self) -> Counter[str]:
        """How often each kind of fault befell each key or intent."""
        return Counter(f"{fault.kind} {fault.what}" for _, faults in self.faults for fault in faults)

    def by_question(self) -> dict[str, tuple[int, int]]:
        """For each open question how many messages were fully right, and how many there are."""
        all_of, right = (
            Counter(_question(said) for said, _ in self.faults),
            Counter(_question(s) for s, f in self.faults if not f),
        )
        return {question: (right[question], count) for question, count in all_of.most_common()}

    def _share(self, count: int) -> float:
        return count / len(self.faults) if self.faults else 0.0


def _question(said: Utterance) -> str:
    return "confirm" if (said.awaiting or "").startswith("confirm:") else said.awaiting or "nothing"


def _values_judged(said: Utterance, reading: Reading) -> Iterator[Fault]:
    wanted = {each.key: each for each in said.values if each.key in JUDGED}
    for key, meant in wanted.items():
        found = reading.value(key)
        if found is None and not meant.optional:
            yield Fault("missed value", key)
        elif found is not None and not _is_meant(found, meant):
            yield Fault("wrong value", key, str(found.value), asked=_is_asked(found))
    for found in reading.values:
        if found.key in JUDGED - MAY_FOLLOW - wanted.keys() and not _follows_from_the_answer(found, said):
            yield Fault("false value", found.key, str(found.value), asked=_is_asked(found))


def _follows_from_the_answer(found: Found, said: Utterance) -> bool:
    """Whether it is the value that was proposed and agreed to, or the only other one of a flag that was denied."""
    if found.key != said.asked or said.candidate is None:
        return False
    meant = {each for alternatives in said.intents for each in alternatives}
    if isinstance(said.candidate, bool) and found.value is not said.candidate:
        return bool(meant & _NO)
    return found.value == said.candidate and bool(meant & _YES)


def _is_asked(found: Found) -> bool:
    return found.confidence < CONFIRM_BELOW


def _is_meant(found: Found, meant: Meant) -> bool:
    return any(wanted == "*" or _is_same(found.key, found.value, wanted) for wanted in meant.values)


def _is_same(key: str, value: Any, wanted: Any) -> bool:
    """Counts and flags to the unit, money to two percent, words without case and accents, a work by a word of it."""
    if isinstance(wanted, bool) or isinstance(value, bool) or key in COUNTED or key == "details.birth_year":
        return bool(value == wanted)
    if isinstance(wanted, int | float) and isinstance(value, int | float):
        return abs(value - wanted) <= _NEAR * abs(wanted)
    if key == "occupation":
        return bool(_words(value) & _words(wanted)) or not _words(wanted)
    return fold(str(value)) == fold(str(wanted))


def _words(written: Any) -> set[str]:
    return set(re.findall(r"[^\W\d_]{3,}", fold(str(written))))


def _intents_judged(said: Utterance, reading: Reading) -> Iterator[Fault]:
    """A missing intent is a fault, a false one only where it binds or acts."""
    if said.wants_unsaid:
        return
    read = {_called(intent.name, intent.topic) for intent in reading.intents}
    names = {intent.name for intent in reading.intents}
    wanted = [frozenset(_called(*_parts(each)) for each in alternatives) for alternatives in said.intents]
    confirmed = any(_follows_from_the_answer(found, said) for found in reading.values)
    for alternatives in wanted:
        if confirmed and alternatives & (_YES | _NO):
            continue
        if not any(_is_there(each, read, names, said.awaiting) for each in alternatives):
            yield Fault("missed intent", "/".join(sorted(alternatives)))
    meant = {each for alternatives in wanted for each in alternatives}
    for each in sorted(read):
        if _name(each) in ACTING and not _goes_with(each, meant):
            yield Fault("false intent", each)


def _goes_with(intent: str, meant: set[str]) -> bool:
    """Whether it says the same as something that was meant: a yes in other words, a no, another kind of the same objection.

    Another option than the one chosen never does.
    """
    names = {_name(each) for each in meant}
    if _name(intent) == "choice":
        return intent in meant or "choice" in meant
    return _name(intent) in names or any(_name(intent) in group and names & group for group in (_YES, _NO))


def _parts(intent: str) -> tuple[str, str]:
    name, _, topic = intent.partition(":")
    return name, topic


def _name(intent: str) -> str:
    return _parts(intent)[0]


def _called(name: str, topic: str) -> str:
    """An intent as the labels and the reader both call it."""
    if name == "skip":
        return "dont_know"
    if name == "choice":
        topic = _OPTIONS.get(topic, topic)
    return f"{name}:{topic}" if name in _WITH_TOPIC and topic else name


def _is_there(wanted: str, read: set[str], names: set[Any], awaiting: str | None) -> bool:
    if wanted in read or wanted in names:
        return True
    if wanted in _YES and awaiting in ("accept", "choice"):
        return bool(_YES & names)
    return wanted == "change" and bool(_CHANGES & names)


def _topic_judged(said: Utterance, reading: Reading) -> str:
    """Whether it was read what the only question of a message is about: "right", "none" or "wrong"; "" where none was read."""
    topics = {
        topic for alternatives in said.intents for name, topic in map(_parts, alternatives) if name == "question" and topic
    }
    read = [intent.topic for intent in reading.intents if intent.name == "question"]
    if len(topics) != 1 or not read:
        return ""
    topic = topics.pop()
    wanted = {topic, TALKED_OF_AS.get(topic, topic)} if topic != "other" else {""}
    return "right" if wanted & set(read) else "none" if not any(read) else "wrong"
