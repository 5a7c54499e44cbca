"""The corpus as read: who said what after which question, and what was meant. The format is described in corpus/README.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from src.agent.knowledge.entries import OWN_ENTRIES, read_entries
from src.agent.profile import FIELDS
from src.agent.understanding.grammar import Grammar, grammar_of
from src.agent.understanding.reading import Context, IntentName

ROOT = Path(__file__).resolve().parents[1] / "corpus"
HELD_OUT_EVERY = 5
ONE_PERSON_A_LINE = frozenset(("questions",))
"""Collected files in which every line is somebody else's, so that every fifth line is held out."""

TODAY = "2026-11-30"
"""The day on which everything was said."""
TITLES, PREMIUMS = ("Esencial", "Equilibrada", "Completa"), (14.20, 24.80, 36.10)
"""What speakers saw where options were shown; EUR a month."""

VALUE_KEYS = frozenset((*FIELDS, "phone", "details.birth_year", "child.age"))
"""Facts of the speaker; after "partner.", "other." or "foreign." those of somebody else, or in other money."""
OTHERS_KEYS = VALUE_KEYS | {"price", "payment", "home"}
TOPICS = {
    "choice": frozenset(("1", "2", "3", "cheapest", "middle", "most_complete")),
    "objection": frozenset(("price", "trust", "need", "timing", "competitor")),
    "rider": frozenset(("add", "drop")),
    "not_prospect": frozenset(("claim", "policy", "renewal", "cancellation", "other_insurance", "supplier", "job")),
}
INTENTS = frozenset(get_args(IntentName)) | {"skip"}
TALK_TOPICS = frozenset((
    "price", "cheaper", "why", "meaning", "compare", "coverage", "resend_proposal", "other_sum", "next_steps", "status",
    "can_do", "other",
))  # fmt: skip
"""What questions are about besides the entries of the knowledge."""

_SECTION = re.compile(r"\[(?P<awaiting>[a-z_]+(?::[a-z_]+)?|-)(?:\s+(?P<candidate>.+?))?\]")
_VALUE = re.compile(r"(?P<mark>[~!]*)(?P<key>[a-z_]+(?:\.[a-z_]+)?)(?P<optional>\??)=(?P<values>.*)")
_LANGUAGE = re.compile(r"language:[a-z]{2}")


@dataclass(frozen=True)
class Meant:
    """A value that was meant: any of `values` is right (`*` is anything)."""

    key: str
    values: tuple[Any, ...]
    optional: bool = False
    unsure: bool = False
    correction: bool = False


@dataclass(frozen=True)
class Utterance:
    """One message. `number` is the speaker's, or that of the line where every line is another person's, else 0.

    Of each item of `intents` any one reading is right; "?" among them: what was wanted is not said.
    """

    number: int
    awaiting: str | None
    candidate: Any
    text: str
    values: tuple[Meant, ...]
    intents: tuple[frozenset[str], ...]
    place: str

    @property
    def context(self) -> Context:
        """The conversation in which it was said."""
        shown = self.awaiting in ("choice", "accept")
        return Context(
            awaiting=self.awaiting,
            candidate=self.candidate,
            options=("1", "2", "3") if shown else (),
            titles=TITLES if shown else (),
            premiums=PREMIUMS if shown else (),
            today=TODAY,
            stage="PRESENTACION_PROPUESTA" if shown else "NEEDS_ANALYSIS",
        )

    @cached_property
    def grammar(self) -> Grammar:
        """What the reader's grammar finds in it."""
        return grammar_of(self.text, self.awaiting, TODAY)

    @property
    def by_speaker(self) -> bool:
        """Whether it stands in a speaker's file, not among what was collected."""
        return Path(self.place.partition(":")[0]).stem.isdigit()

    @property
    def held_out(self) -> bool:
        """Whether nothing may be learnt from it: what every fifth speaker said, and every fifth of the collected questions."""
        return self.number > 0 and self.number % HELD_OUT_EVERY == 0

    @property
    def asked(self) -> str:
        """The key that the open question is about, "" for none."""
        return (self.awaiting or "").removeprefix("confirm:")

    @property
    def wants_unsaid(self) -> bool:
        """Whether its labels tell nothing about what was wanted."""
        return any("?" in alternatives for alternatives in self.intents)

    def meant(self, key: str) -> Meant | None:
        """What was meant under that key, or None."""
        return next((each for each in self.values if each.key == key), None)


class CorpusError(ValueError):
    """Lines of the corpus that cannot be used: the file, the line, and what is wrong."""


def read_corpus(root: Path = ROOT) -> list[Utterance]:
    """Every utterance, speakers first. Raises CorpusError at the first line that cannot be read."""
    return [each for file in corpus_files(root) for each in read_file(file)]


def corpus_files(root: Path) -> list[Path]:
    """The corpus's files, in the order in which they are read."""
    return [*sorted((root / "speakers").glob("*.txt")), *sorted(root.glob("*.txt"))]


def read_file(file: Path) -> Iterator[Utterance]:
    """The utterances of one file."""
    speaker = int(file.stem) if file.stem.isdigit() else 0
    awaiting, candidate = None, None
    for line_number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        place = f"{file.name}:{line_number}"
        if not line.strip() or line.startswith("#"):
            continue
        section = _SECTION.fullmatch(line.strip())
        if section:
            awaiting = None if section["awaiting"] == "-" else section["awaiting"]
            candidate = scalar(section["candidate"]) if section["candidate"] else None
            continue
        text, arrow, meaning = line.rpartition("=>")
        if not arrow:
            raise CorpusError(f"{place}: neither a section nor 'text => meaning'")
        values, intents = read_meaning(meaning, place)
        number = line_number if file.stem in ONE_PERSON_A_LINE else speaker
        yield Utterance(number, awaiting, candidate, text.strip().replace("⏎", "\n"), values, intents, place)


def read_meaning(meaning: str, place: str = "") -> tuple[tuple[Meant, ...], tuple[frozenset[str], ...]]:
    """What stands right of the arrow: values and intents."""
    told, _, wanted = meaning.partition("|")
    values = tuple(_read_value(part, place) for part in _parts(told))
    intents = tuple(frozenset(each.strip() for each in _spread(part)) for part in _parts(wanted))
    return values, intents


def _read_value(part: str, place: str) -> Meant:
    match = _VALUE.fullmatch(part)
    if match is None:
        raise CorpusError(f"{place}: '{part}' is no key=value")
    key, written = match["key"], match["values"]
    # An occupation is told in the person's own words, which may hold a slash.
    values = (written,) if key == "occupation" else tuple(scalar(each) for each in written.split("/"))
    return Meant(key, values, bool(match["optional"]), "~" in match["mark"], "!" in match["mark"])


def _spread(part: str) -> list[str]:
    """ "objection:price/timing" means either topic; "choice:1/question" either intent."""
    first, *others = part.split("/")
    name = first.partition(":")[0]
    return [first, *(f"{name}:{other}" if other in TOPICS.get(name, ()) else other for other in others)]


def _parts(text: str) -> list[str]:
    """Split at commas that begin a new value: "occupation=bar, de noche" keeps its comma."""
    parts: list[str] = []
    for piece in (piece.strip() for piece in text.split(",")):
        if not piece:
            continue
        if _VALUE.fullmatch(piece) or not parts or "=" not in parts[-1]:
            parts.append(piece)
        else:
            parts[-1] += f", {piece}"
    return parts


def scalar(written: str) -> Any:
    """A value as it is stored: numbers and booleans as such, everything else as text."""
    written = written.strip()
    if written in ("true", "false"):
        return written == "true"
    if re.fullmatch(r"-?\d+", written) and not (len(written) > 1 and written.startswith("0")):
        return int(written)
    if re.fullmatch(r"-?\d+\.\d+", written):
        return float(written)
    return written


def unknown_labels(corpus: Iterable[Utterance]) -> list[str]:
    """What the lines name that nobody knows: keys, intents and topics, each with its place."""
    questions = TALK_TOPICS | {entry.id for entry in read_entries([OWN_ENTRIES])[0]}
    found: list[str] = []
    for said in corpus:
        if said.asked and said.asked not in VALUE_KEYS | {"consent", "choice", "accept"}:
            found.append(f"{said.place}: nothing asks for '{said.asked}'")
        found += [f"{said.place}: no value is called '{each.key}'" for each in said.values if not _known_key(each.key)]
        intents = sorted(intent for alternatives in said.intents for intent in alternatives)
        found += [f"{said.place}: no intent is called '{each}'" for each in intents if not _known_intent(each, questions)]
    return found


def _known_key(key: str) -> bool:
    whose, _, what = key.rpartition(".")
    return key in VALUE_KEYS or (whose in ("partner", "other", "foreign") and what in OTHERS_KEYS)


def _known_intent(intent: str, questions: Iterable[str]) -> bool:
    name, _, topic = intent.partition(":")
    topics = {**TOPICS, "question": questions, "change": VALUE_KEYS}
    if not topic:
        return intent == "?" or (name in INTENTS and name not in ("choice", "objection", "rider", "not_prospect", "change"))
    return topic in topics.get(name, ()) or bool(_LANGUAGE.fullmatch(intent))
