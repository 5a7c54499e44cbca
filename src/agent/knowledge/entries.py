"""The entries as people write them: one Markdown file each, TOML between two lines of `+++` on top.

+++
id = "desistimiento"
topic = "contract"
questions = ["¿Puedo arrepentirme?", "¿Cuántos días tengo para desistir?"]
keywords = "desistir echarse atrás"      # optional: more words people use
language = "es"                          # optional
confirm_with_counsel = true              # optional: `doctor` tells the operator until counsel has confirmed it
+++

Sí. Hay *30 días* desde que se recibe la póliza.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import msgspec

MAX_ANSWER_CHARACTERS = 500
OWN_ENTRIES = Path(__file__).parent / "entries"

LANGUAGES = ("es", "en")
_FENCE = "+++"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One answer as it may be sent. `question` is how it is best asked; `score`, 0 to 1, how well it fitted a search.

    `to_be_confirmed`: counsel has not looked at it yet, which is for the operator to know and not for the prospect.
    """

    id: str
    topic: str
    question: str
    answer: str
    language: str = "es"
    questions: tuple[str, ...] = ()
    keywords: str = ""
    score: float = 0.0
    to_be_confirmed: bool = False


class Fault(msgspec.Struct, frozen=True):
    """A file that could not be used, and what is wrong with it, for the operator."""

    file: Path
    why: str


class _FrontMatter(msgspec.Struct, forbid_unknown_fields=True):
    """What may stand between the fences."""

    id: str
    topic: str
    questions: list[str]
    keywords: str = ""
    language: str = "es"
    confirm_with_counsel: bool = False


def read_entries(folders: Iterable[Path]) -> tuple[tuple[Entry, ...], tuple[Fault, ...]]:
    """Every usable entry of the folders and their subfolders, and the faults of the files that are not.

    An entry of a later folder replaces one of the same id and language, so that an operator can reword an answer.
    """
    entries: dict[tuple[str, str], Entry] = {}
    faults: list[Fault] = []
    for folder in folders:
        if not folder.is_dir():
            faults.append(Fault(folder, "there is no such folder"))
            continue
        seen: dict[tuple[str, str], Path] = {}
        for file in sorted(folder.rglob("*.md")):
            try:
                entry = _read_entry(file)
            except (OSError, ValueError) as fault:
                faults.append(Fault(file, str(fault)))
                continue
            key = (entry.id, entry.language)
            if key in seen:
                faults.append(Fault(file, f'the id "{entry.id}" is already used by {seen[key].name}'))
                continue
            seen[key] = file
            entries[key] = entry
    return tuple(entries.values()), tuple(faults)


def _read_entry(file: Path) -> Entry:
    """The entry of one file. Raises ValueError (of which TOML, Unicode and type errors are kinds) that says what is wrong."""
    opening, *parts = file.read_text(encoding="utf-8-sig").replace("\r\n", "\n").split(f"{_FENCE}\n", 2)
    if opening.strip() or len(parts) != 2:
        raise ValueError(f"it must begin with a line {_FENCE}, fields, and another line {_FENCE}")
    front = msgspec.convert(tomllib.loads(parts[0]), _FrontMatter)
    answer = parts[1].strip()
    if not front.id.strip():
        raise ValueError("the id is empty")
    if not any(question.strip() for question in front.questions):
        raise ValueError("it has no question")
    if not answer:
        raise ValueError("it has no answer below the fields")
    if front.language not in LANGUAGES:
        raise ValueError(f'language "{front.language}" is not one of {", ".join(LANGUAGES)}')
    if len(answer) > MAX_ANSWER_CHARACTERS:
        raise ValueError(f"the answer has {len(answer)} characters, the limit is {MAX_ANSWER_CHARACTERS}")
    questions = tuple(question.strip() for question in front.questions if question.strip())
    return Entry(
        id=front.id.strip(),
        topic=front.topic,
        question=questions[0],
        answer=answer,
        language=front.language,
        questions=questions,
        keywords=front.keywords,
        to_be_confirmed=front.confirm_with_counsel,
    )
