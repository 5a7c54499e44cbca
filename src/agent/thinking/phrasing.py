"""The model words a reply anew, where nothing depends on the wording: small talk, questions, acknowledgements.

It gets the text alone, with marks in place of names and figures, and nothing about the person. Consents and legal notices,
health, danger, hand-overs, proposals, summaries, answers to objections and whatever else carries weight keep our own words.
"""

from __future__ import annotations

import msgspec

from src.agent.thinking.asking import ask, shaped
from src.agent.thinking.fidelity import hidden, says_the_same, shown
from src.agent.turn import Draft, Turn

SECTIONS = frozenset(("ack", "ask", "why", "unclear"))
BY_OUR_WORDS = frozenset(
    ("ask.consent", "ask.confirm", "ask.choice", "ask.accept", "why.consent", "ack.by_human", "ack.smoker_definition")
)
"""Within those sections: what is agreed to, confirmed or defined."""
LEAST_WORDS, LONGEST, ANSWER_TOKENS = 4, 400, 300


class Phrased(msgspec.Struct, forbid_unknown_fields=True):
    """The text in other words."""

    text: str


def phrased(turn: Turn, draft: Draft, text: str) -> str:
    """The text as the model words it, or as it is."""
    if turn.assistance is None or not turn.assistance.phrasing or not _may_be_reworded(turn, draft, text):
        return text
    names = [str(value) for piece in draft.pieces for value in piece.values.values()]
    plan, figures = hidden(text, [*names, turn.first_name])
    facts = {
        "tratamiento": "usted" if (turn.conversation.memory.address or turn.house.address) == "usted" else "tú",
        "texto": plan,
    }
    content = ask(turn, "phrase", facts, Phrased, answer_tokens=ANSWER_TOKENS)
    said = shaped(turn, "phrase", content, Phrased) if content is not None else None
    if said is None:
        return text
    wording = said.text.strip()
    filled = shown(wording, figures) if len(wording) <= 2 * len(plan) + 40 and says_the_same(wording, plan) else None
    if filled is None:
        turn.count("model.wording_refused")
        return text
    return filled


def _may_be_reworded(turn: Turn, draft: Draft, text: str) -> bool:
    keys = [piece.key for piece in draft.pieces]
    ours = all(key.partition(".")[0] in SECTIONS and key not in BY_OUR_WORDS for key in keys)
    return ours and turn.book.language == "es" and len(text) <= LONGEST and len(text.split()) >= LEAST_WORDS
