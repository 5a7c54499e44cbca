"""A message as a rule looks at it: every number and person is one capital letter, as long as its words were.

N is a number, P the partner, B both of a couple, O somebody else: so a pattern is a few words long, and all keeps its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from src.agent.understanding.grammar import Grammar
from src.agent.understanding.lexicon import words_of
from src.agent.understanding.people import Mention
from src.agent.understanding.quantities import Quantity
from src.agent.understanding.reading import Found

Span = tuple[int, int]
ME, PARTNER, BOTH, OTHER = "yo", "P", "B", "O"
SECOND_PERSON = "details.second_person"

_PARTNER = re.compile(rf"\b(?:mi|la|el) (?:{'|'.join(sorted(words_of('partners')))})\b|\bella\b")
_HE = re.compile(r"\bel\b(?= (?:si|no|tambien|tampoco|fuma|vapea|tiene|gana|cobra)\b)")
_HE_TOO = re.compile(r"(?<=N )el\b|\bel(?= N)")
_I_WITH_A_NUMBER = re.compile(r"\byo N|N yo\b")
_BOTH = re.compile(r"\b(?<!entre )(?:(?:los|las|nosotr[oa]s) dos|ambos|ambas)\b|P+ y yo\b(?! N)|(?<!N )\byo y P+\b(?! N)")
_OTHERS = re.compile(r"\b(?:mis?|las?|los|el|nuestr[oa]s?) (?=O)")
_CLAUSE = re.compile(r"[.,;:!?¿¡\n]+|\b(?:y|e|pero|aunque|sino)\b")
_SENTENCE = re.compile(r"[.;!?\n]")
_SUPPOSED = re.compile(r"\bsi\b|(?<!en )\bcuando\b|\b(?:imagin|pong|supon)(?:a|e|gamos|ga|iendo)\b")


_LONGEST = 60
"""Characters of a number that somebody means."""


@dataclass(frozen=True, slots=True)
class Detail:
    """A value that the words tell plainly, with the numbers (by their places) and persons (by their starts) that it explains.

    `not_mine`: of these keys the message as a whole seems to tell something, but it is said of somebody else.
    """

    value: Found | None = None
    numbers: tuple[int, ...] = ()
    persons: tuple[int, ...] = ()
    not_mine: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """`text` is the message's comparable form with the capitals in it."""

    seen: Grammar
    text: str

    def number_at(self, start: int) -> tuple[int, Quantity]:
        """The number there, with its place among the numbers."""
        return next((place, each) for place, each in enumerate(self.seen.numbers) if each.start <= start < each.end)

    def places_in(self, span: Span) -> tuple[int, ...]:
        """The places of the numbers within a part."""
        return tuple(place for place, number in enumerate(self.seen.numbers) if span[0] <= number.start < span[1])

    def mentions_in(self, span: Span) -> list[Mention]:
        """The persons who are named within a part."""
        return [mention for mention in self.seen.mentions if span[0] <= mention.start < span[1]]

    def spans(self, pattern: str, within: Span) -> list[Span]:
        """Where a pattern is found within a part."""
        return [match.span() for match in re.compile(pattern).finditer(self.text, *within)]

    def evidence(self, span: Span) -> str:
        """The person's own words there."""
        return self.seen.wording.evidence(*span)

    def clauses(self) -> Iterator[Span]:
        """The parts between commas, stops and the words that join sentences."""
        start = 0
        for border in [*_CLAUSE.finditer(self.text), None]:
            end = border.start() if border else len(self.text)
            if self.text[start:end].strip():
                yield start, end
            start = border.end() if border else end

    def clause(self, span: Span) -> Span:
        """The clause in which a part begins."""
        return next((each for each in self.clauses() if each[0] <= span[0] < each[1]), span)

    def sentence(self, span: Span) -> Span:
        """The sentence around a part of it."""
        stops = [match.start() for match in _SENTENCE.finditer(self.text)]
        first = max((stop + 1 for stop in stops if stop < span[0]), default=0)
        return first, min((stop for stop in stops if stop >= span[1]), default=len(self.text))

    def tells(self, span: Span) -> bool:
        """Whether it is said there, and neither asked nor supposed."""
        return not self.asks(span) and not self.supposes(span)

    def asks(self, span: Span) -> bool:
        """Whether it is part of a question, which begins at "¿", or without one behind the last comma."""
        first, last = self.sentence(span)
        begun = "¿" in self.text[first : span[0]] or not re.search(r"[,¿]", self.text[span[1] : last])
        return self.text[last : last + 1] == "?" and begun

    def supposes(self, span: Span) -> bool:
        """Whether an "if" or "when" goes before it."""
        first, _ = self.sentence(span)
        before = self.text[first : span[0]]
        clause = first + max(before.rfind(","), before.rfind("¿")) + 1
        ifs = _SUPPOSED.finditer(self.text, clause, span[1])
        return not all(self.evidence(match.span()).lower() == "sí" or _is_a_yes(self.text, match) for match in ifs)


def _is_a_yes(text: str, match: re.Match[str]) -> bool:
    """ "ella si", "el si fuma": a "si" behind a person is no "if"."""
    return match[0] == "si" and text[: match.start()].rstrip()[-1:] in ("P", "B", "O")


def outline_of(seen: Grammar) -> Outline:
    """The outline of a message."""
    text = seen.plain.lower()
    persons = [match.span() for match in _PARTNER.finditer(text)]
    persons += [match.span() for match in re.finditer(r"\bel\b", text) if seen.wording.evidence(*match.span()).lower() == "él"]
    couples = [match.span() for match in _BOTH.finditer(text)]
    text = _drawn(text, ((mention.start, mention.end) for mention in seen.mentions), "O")
    counted = [
        each
        for each in seen.numbers
        if not (each.article and not each.unit) and "O" not in text[each.start : each.end] and each.end - each.start < _LONGEST
    ]
    text = _drawn(text, ((each.start, each.end) for each in counted if each.unit != "date" and not each.rejected), "N")
    text = _drawn(text, persons, "P")
    text = _drawn(text, (match.span() for match in _OTHERS.finditer(text)), "O", gap=True)
    text = _drawn(text, (match.span() for match in _HE.finditer(text)), "P")
    if _I_WITH_A_NUMBER.search(text):
        text = _drawn(text, (match.span() for match in _HE_TOO.finditer(text)), "P")
    couples += [match.span() for match in _BOTH.finditer(text)]
    return Outline(seen, _drawn(text, couples, "B"))


def _drawn(text: str, spans: Iterable[Span], letter: str, *, gap: bool = False) -> str:
    """The text with a letter all over these parts of it; `gap`: over the space behind a part as well."""
    letters = list(text)
    for start, end in spans:
        last = end if gap else len(text[:end].rstrip())
        letters[start:last] = letter * (last - start)
    return "".join(letters)
