"""The corpus as read: who said what after which question, and what was meant. The format is described in corpus/README.md."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.agent.understanding.reading import Context

ROOT = Path(__file__).resolve().parents[1] / "corpus"
HELD_OUT_EVERY = 5

_SECTION = re.compile(r"\[(?P<awaiting>[a-z_]+(?::[a-z_]+)?|-)(?:\s+(?P<candidate>.+?))?\]")
_VALUE = re.compile(r"(?P<mark>[~!]*)(?P<key>[a-z_]+(?:\.[a-z_]+)?)(?P<optional>\??)=(?P<values>.*)")


TODAY = "2026-11-30"
"""The day on which everything was said."""
TITLES, PREMIUMS = ("Esencial", "Equilibrada", "Completa"), (14.20, 24.80, 36.10)
"""What speakers saw where options were shown; EUR a month."""


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
    """One message; `number` is the speaker's, or that of a collected question, else 0.

    Each item of `intents` is a set of readings of which any one is right.
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

    @property
    def held_out(self) -> bool:
        """Whether nothing may be learnt from it: what every fifth speaker said, and every fifth of the collected questions."""
        return self.number > 0 and self.number % HELD_OUT_EVERY == 0


class CorpusError(ValueError):
    """A line of the corpus that cannot be read: the file, the line, and what is wrong."""


def read_corpus(root: Path = ROOT) -> list[Utterance]:
    """Every utterance, file by file. Raises CorpusError at the first line that cannot be read."""
    return [each for file in sorted(root.rglob("*.txt")) for each in read_file(file)]


def corpus_hash(root: Path = ROOT) -> str:
    """The checksum of everything that is learnt from."""
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.txt")):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def read_file(file: Path) -> Iterator[Utterance]:
    """The utterances of one file."""
    speaker = int(file.stem) if file.stem.isdigit() else 0
    awaiting, candidate = None, None
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        place = f"{file.name}:{number}"
        if not line.strip() or line.startswith("#"):
            continue
        section = _SECTION.fullmatch(line.strip())
        if section:
            awaiting = None if section["awaiting"] == "-" else section["awaiting"]
            candidate = scalar(section["candidate"]) if section["candidate"] else None
            continue
        text, arrow, meant = line.rpartition("=>")
        if not arrow:
            raise CorpusError(f"{place}: neither a section nor 'text => meaning'")
        values, intents = read_meaning(meant, place)
        yield Utterance(
            number if file.stem == "questions" else speaker,
            awaiting,
            candidate,
            text.strip().replace("⏎", "\n"),
            values,
            intents,
            place,
        )


def read_meaning(meant: str, place: str = "") -> tuple[tuple[Meant, ...], tuple[frozenset[str], ...]]:
    """What stands right of the arrow."""
    told, _, wanted = meant.partition("|")
    values: list[Meant] = []
    for part in _parts(told):
        match = _VALUE.fullmatch(part)
        if match is None:
            raise CorpusError(f"{place}: '{part}' is no key=value")
        values.append(
            Meant(
                match["key"],
                tuple(scalar(each) for each in match["values"].split("/"))
                if match["key"] != "occupation"
                else (match["values"],),
                bool(match["optional"]),
                "~" in match["mark"],
                "!" in match["mark"],
            )
        )
    intents = tuple(frozenset(each.strip() for each in _spread(part)) for part in _parts(wanted))
    return tuple(values), intents


def _spread(part: str) -> list[str]:
    """ "objection:price/timing" means either topic; "choice:1/question" either intent."""
    first, *others = part.split("/")
    name = first.partition(":")[0]
    topics = {"price", "trust", "need", "timing", "competitor", "add", "drop", "1", "2", "3"}
    return [first, *(f"{name}:{other}" if other in topics else other for other in others)]


def _parts(text: str) -> list[str]:
    """Split at commas that begin a new value: "occupation=bar, de noche" keeps its comma."""
    parts: list[str] = []
    for piece in text.split(","):
        piece = piece.strip()  # noqa: PLW2901
        if not piece:
            continue
        begins = _VALUE.fullmatch(piece) or not parts or "=" not in parts[-1]
        if begins:
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
