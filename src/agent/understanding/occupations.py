"""How risky what somebody does for a living is: by the list in `occupations.txt`, else by what the words resemble."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

from src.agent.understanding.features import pieces_of
from src.agent.understanding.learnt import head
from src.agent.understanding.lexicon import phrases_of
from src.agent.understanding.reading import Found
from src.agent.understanding.wording import Wording, fold

_LIST = Path(__file__).with_name("occupations.txt")
_LONGEST_WORDS = 5
_FUZZY_FROM = 88  # percent of similarity, and only for words of six letters or more
_RESEMBLES, _SURELY = 0.3, 0.8
_NOT_PRACTISED = re.compile(r"\b(?:no|nunca|ni|jamas|sin|antes|deje|hacia|practicaba|cubr\w+|incluy\w+|si)\b[^.;,]{0,30}$")


def class_of(phrase: str) -> tuple[int | None, bool]:
    """The risk class of a work in comparable words and whether that is certain; None when nothing speaks for one."""
    listed = listed_class(phrase)
    if listed is not None:
        return listed, True
    likely = head("risks").probabilities(occupation_features(phrase))
    risk, share = max(likely.items(), key=lambda each: each[1])
    met = [head("risks").knows(f"w:{word}") for word in re.findall(r"[a-z]{4,}", phrase)]
    if share < (_RESEMBLES if any(met) else _SURELY):
        return None, False
    return int(risk), share >= _SURELY and all(met)


def listed_class(phrase: str) -> int | None:
    """The class that the list knows, without anything learnt."""
    listed = _class_of(phrase, fuzzy=True)
    return None if listed in (None, "?") else int(listed)


def occupation_features(phrase: str) -> set[str]:
    """What the words for a work look like, for the head that knows how risky works are."""
    words = re.findall(r"[a-z]+", phrase)[: _LONGEST_WORDS * 2]
    found = {f"w:{word}" for word in words} | {f"b:{one} {other}" for one, other in pairwise(words)}
    return (
        found
        | {f"c:{piece}" for word in words if len(word) > 2 for piece in pieces_of(word)}
        | {f"first:{words[0]}" if words else "none"}
    )


def _class_of(phrase: str, *, fuzzy: bool) -> str | None:
    """The class of the longest known occupation in a phrase; the earlier one wins among equals."""
    known = known_occupations()
    words = re.findall(r"[a-z]+(?:'[a-z]+)?", phrase)[:12]
    best: tuple[int, int, str] | None = None
    for start in range(len(words)):
        for length in range(min(_LONGEST_WORDS, len(words) - start), 0, -1):
            risk = known.get(" ".join(words[start : start + length]))
            if risk is None:
                continue
            rank = (0 if risk == "?" else length, -start, risk)
            if best is None or rank > best:
                best = rank
            break
    if best is not None:
        return best[2]
    return _similar(" ".join(words[:2]), words, known) if fuzzy else None


def _similar(two: str, words: list[str], known: dict[str, str]) -> str | None:
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - only misspelt occupations come here

    for candidate in (two, *words[:2]):
        if len(candidate) < 6:
            continue
        match = process.extractOne(candidate, known.keys(), scorer=fuzz.ratio, score_cutoff=_FUZZY_FROM)
        if match:
            return known[match[0]]
    return None


@cache
def known_occupations() -> dict[str, str]:
    """Every form of the list without accents, and its class: "1" to "4", or "?" where the word does not say."""
    known: dict[str, str] = {}
    risk = "?"
    for line in _LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            risk = line[1:-1]
        elif line and not line.startswith("#"):
            for entry in line.split(","):
                for form in _forms(fold(entry.strip())):
                    known.setdefault(form, risk)
    return known


@cache
def occupation_words() -> frozenset[str]:
    """Every word of four letters or more that stands in the list of occupations."""
    return frozenset(word for form in known_occupations() for word in form.split() if len(word) > 3)


def _forms(entry: str) -> list[str]:
    forms = [entry.replace("@", "o"), entry.replace("@", "a")] if "@" in entry else [entry]
    expanded: list[str] = []
    for form in forms:
        ending = re.search(r"\((\w+)\)", form)
        if ending is None:
            expanded.append(form)
            continue
        expanded.append(re.sub(r"\(\w+\)", "", form))
        stem = form[: ending.start()]
        feminine = stem[:-1] + ending[1] if stem[-1] in "eo" and ending[1] == "a" else stem + ending[1]
        expanded.append(feminine + form[ending.end() :])
    return expanded


def risky_sport(wording: Wording) -> Found | None:
    """`details.sport` when somebody practises one that the insurer wants to know of."""
    for sport in phrases_of("risky sports"):
        match = re.search(rf"\b{sport}\b", wording.plain)
        if match and not _NOT_PRACTISED.search(wording.plain[: match.start()]) and "?" not in wording.plain[match.end() :]:
            words = wording.evidence(*match.span())
            return Found("details.sport", words.lower(), words)
    return None
