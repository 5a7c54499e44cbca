"""The model answers a question from the entries of the knowledge that were found, and from nothing else.

It names the entry that answers, and may put it shorter. Whatever it says must stand in the entries, sentence by sentence,
with every reservation; otherwise the entry goes out as it is written.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from src.agent.thinking.asking import ask, shaped
from src.agent.thinking.fidelity import is_drawn_from
from src.agent.thinking.reading import masked
from src.agent.turn import Entry, Turn

ANSWER_TOKENS = 400
LONGEST_QUESTION = 600
ROOM_TO_OPEN = 40
"""Characters an answer may be longer than what it stands on."""


class Grounded(msgspec.Struct, forbid_unknown_fields=True):
    """An answer and the ids of the entries it stands on, the one that answers first; none when no entry answers."""

    entry_ids: list[str]
    answer: str


def answer_from(turn: Turn, question: str, entries: Sequence[Entry]) -> tuple[Entry, str] | None:
    """The entry that answers, and what to say: its own words, or shorter ones that say the same. None: in doubt."""
    unaided = (entries[0], entries[0].answer) if len(entries) == 1 else None
    if turn.assistance is None or turn.book.language != "es" or (unaided and not turn.assistance.phrasing):
        return unaided
    facts = {
        "entradas": [{"id": entry.id, "texto": entry.answer} for entry in entries],
        "pregunta": masked(turn, question, turn.reading)[:LONGEST_QUESTION],
    }
    content = ask(turn, "answer", facts, Grounded, answer_tokens=ANSWER_TOKENS)
    said = shaped(turn, "answer", content, Grounded) if content is not None else None
    known = {entry.id: entry for entry in entries}
    if said is None or not said.entry_ids or not known.keys() >= set(said.entry_ids):
        return unaided
    cited = [known[one] for one in said.entry_ids]
    wording = said.answer.strip()
    if not turn.assistance.phrasing or not wording:
        return cited[0], cited[0].answer
    if len(wording) > sum(len(entry.answer) for entry in cited) + ROOM_TO_OPEN or not is_drawn_from(
        wording, [one.answer for one in cited]
    ):
        turn.count("model.answer_refused")
        return cited[0], cited[0].answer
    return cited[0], wording
