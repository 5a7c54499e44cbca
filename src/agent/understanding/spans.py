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
    return lone_features(wording, tokens, place, awaiting) | linked_features(wording, tokens, place, before, awaiting)


def lone_features(wording: Wording, tokens: Sequence[Token], place: int, awaiting: str | None) -> set[str]:
    """The part of them that does not depend on what the word before is."""
    question, asked = question_of(awaiting), _asked(awaiting)
    here = tokens[place]
    words = ["^^", "^", *(token.text for token in tokens), "$", "$$"]
    at = place + 2
    word, last, following = words[at], words[at - 1], words[at + 1]
    marks = [
        f"shape:{_shape(wording, here)}",
        f"given:{word in _GIVEN}",
        f"no name:{word in _NO_NAME}",
        f"work:{word in occupation_words()}",
        f"particle:{word in PARTICLES}",
        f"place:{min(place, 4)}",
        f"left:{min(len(tokens) - place, 5)}",
    ]
    found = {f"w:{word}", f"-1:{last}", f"-2:{words[at - 2]}", f"+1:{following}", f"+2:{words[at + 2]}", f"q:{question}", asked}
    found |= {f"-1w:{last} {word}", f"w+1:{word} {following}", f"-2-1:{words[at - 2]} {last}"}
    found |= {f"{asked}&w:{word}", f"{asked}&-1:{last}", f"{asked}&-2-1:{words[at - 2]} {last}", f"{asked}&+1:{following}"}
    found.update(marks)
    found.update(f"{asked}&{mark}" for mark in marks)
    if len(word) > 2:
        found.update(f"c:{piece}" for piece in pieces_of(word))
    for other, side in ((following, "+"), (last, "-")):
        found.add(f"{side}given:{other in _GIVEN}")
        found.add(f"{side}work:{other in occupation_words()}")
        if len(other) > 4:
            found.add(f"{side}end:{other[-4:]}")
    return found


def linked_features(wording: Wording, tokens: Sequence[Token], place: int, before: str, awaiting: str | None) -> set[str]:
    """The part of them that looks at what the word before is."""
    asked, word = _asked(awaiting), tokens[place].text
    last, shape = tokens[place - 1].text if place else "^", _shape(wording, tokens[place])
    return {
        f"before:{before}",
        f"{asked}&before:{before}",
        f"before:{before}&w:{word}",
        f"before:{before}&shape:{shape}",
        f"before:{before}&-1:{last}",
        f"{asked}&{shape}&{before}&{word in _GIVEN}&{last}",
        f"{asked}&length:{min(len(tokens), 6)}&place:{min(place, 3)}&{before}",
    }


def _asked(awaiting: str | None) -> str:
    return "A:" + ((awaiting or "").removeprefix("confirm:") or "-")


def _shape(wording: Wording, token: Token) -> str:
    if token.kind != "word":
        return token.kind
    written = wording.evidence(token.start, token.end)
    return "Xx" if written[:1].isupper() and not written.isupper() else "XX" if len(written) > 1 and written.isupper() else "x"
