"""Which words of a message are a name or an occupation: each word judged by itself, its neighbours and the open question."""

from __future__ import annotations

from collections.abc import Sequence

from src.agent.understanding.features import Token, pieces_of, question_of
from src.agent.understanding.lexicon import words_of
from src.agent.understanding.names import PARTICLES
from src.agent.understanding.occupations import occupation_words
from src.agent.understanding.wording import Wording

NAME, OCCUPATION = "name", "occupation"
_GIVEN, _NO_NAME = words_of("given names"), words_of("no name")


def token_features(wording: Wording, tokens: Sequence[Token], place: int, before: str, awaiting: str | None) -> set[str]:
    """What speaks for the word at that place being part of a name or of an occupation; `before` is what the last one was."""
    question = question_of(awaiting)
    asked = "A:" + ((awaiting or "").removeprefix("confirm:") or "-")
    here = tokens[place]
    words = ["^^", "^", *(token.text for token in tokens), "$", "$$"]
    at = place + 2
    word = words[at]
    shape = _shape(wording, here)
    marks = [f"shape:{shape}", f"given:{word in _GIVEN}", f"no name:{word in _NO_NAME}", f"work:{word in occupation_words()}"]
    marks += [
        f"particle:{word in PARTICLES}",
        f"before:{before}",
        f"place:{min(place, 4)}",
        f"left:{min(len(tokens) - place, 5)}",
    ]
    found = {f"w:{word}", f"-1:{words[at - 1]}", f"-2:{words[at - 2]}", f"+1:{words[at + 1]}", f"+2:{words[at + 2]}"}
    found |= {f"-1w:{words[at - 1]} {word}", f"w+1:{word} {words[at + 1]}", f"-2-1:{words[at - 2]} {words[at - 1]}"}
    found |= {
        f"{asked}&w:{word}",
        f"{asked}&-1:{words[at - 1]}",
        f"{asked}&-2-1:{words[at - 2]} {words[at - 1]}",
        f"q:{question}",
        asked,
    }
    found |= {
        f"{asked}&+1:{words[at + 1]}",
        f"before:{before}&w:{word}",
        f"before:{before}&shape:{shape}",
        f"before:{before}&-1:{words[at - 1]}",
    }
    found.update(marks)
    found.update(f"{asked}&{mark}" for mark in marks)
    found.add(f"{asked}&{shape}&{before}&{word in _GIVEN}&{words[at - 1]}")
    found.add(f"{asked}&length:{min(len(tokens), 6)}&place:{min(place, 3)}&{before}")
    if len(word) > 2:
        found.update(f"c:{piece}" for piece in pieces_of(word))
    for other, side in ((words[at + 1], "+"), (words[at - 1], "-")):
        found.add(f"{side}given:{other in _GIVEN}")
        found.add(f"{side}work:{other in occupation_words()}")
        if len(other) > 4:
            found.add(f"{side}end:{other[-4:]}")
    return found


def _shape(wording: Wording, token: Token) -> str:
    if token.kind != "word":
        return token.kind
    written = wording.evidence(token.start, token.end)
    return "Xx" if written[:1].isupper() and not written.isupper() else "XX" if len(written) > 1 and written.isupper() else "x"
