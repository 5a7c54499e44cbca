"""What somebody wants the insurance to be, in words: which product, with or without which covers.

Which words name what stands in `words.txt`; whether it is wished for, the words around them say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import msgspec

from src.agent.understanding.deciding import LIKELY, SURE, Acts
from src.agent.understanding.grammar import Grammar
from src.agent.understanding.lexicon import phrases_of
from src.agent.understanding.reading import Found, Intent

PRODUCTS = ("level_term", "mortgage_term", "whole_life", "renewable_term")
COVERS = ("permanent_disability", "accidental_death", "critical_illness", "premium_waiver")
_WITHOUT = re.compile(r"\b(?:sin|quit\w*|elimin\w*|sobra\w*|fuera|no quiero|no necesito|menos)\b[^.;!?]{0,24}$")
_WITH = re.compile(
    r"\b(?:con|mas|anad\w*|agreg\w*|inclu\w*|met\w{1,5}|pon\w{0,4}|sum\w{1,4}|tambien|quiero|quisiera|y)\b[^.;!?]{0,24}$"
)
_BEFORE = 48
"""Characters before a cover's name that say what is to become of it."""
_PRICE_ASKED = re.compile(r"\bcuant[oa]|\bprecio\b|\bsaldria\b|\bcostaria\b")


def product_wished(seen: Grammar, acts: Acts) -> list[Found]:
    """The product that is asked for by name: not where something is only asked about it."""
    asked_about = "?" in seen.plain or acts.get("question", 0.0) >= SURE
    if asked_about and not _PRICE_ASKED.search(seen.plain):
        return []
    for product in PRODUCTS:
        match = _named(f"product {product}").search(seen.plain)
        before = seen.plain[: match.start()] if match else ""
        if match and not re.search(r"\bno\b[^.;,]{0,16}$|\bde $", before):
            return [Found("details.product", product, seen.wording.evidence(*match.span()))]
    return []


def with_riders(intents: list[Intent], seen: Grammar, acts: Acts, *, offered: bool) -> list[Intent]:
    """The intents with the covers that are to be added or left out; only where options were shown."""
    if not offered:
        return intents
    wanted = {topic: tuple(_covers(seen, topic)) for topic in ("add", "drop")}
    heard = [
        msgspec.structs.replace(intent, covers=wanted.get(intent.topic, ())) if intent.name == "rider" else intent
        for intent in intents
    ]
    known = {intent.topic for intent in heard if intent.name == "rider"}
    asks = "?" in seen.plain or acts.get("question", 0.0) >= LIKELY
    plain = [topic for topic in ("add", "drop") if wanted[topic] and topic not in known and not asks]
    return [*heard, *(Intent("rider", topic, SURE, seen.wording.text, wanted[topic]) for topic in plain)]


def _covers(seen: Grammar, topic: str) -> Iterator[str]:
    for cover in COVERS:
        match = _named(f"cover {cover}").search(seen.plain)
        if match is None:
            continue
        before = seen.plain[max(0, match.start() - _BEFORE) : match.start()]
        if topic == ("drop" if _WITHOUT.search(before) else "add" if _WITH.search(before) else ""):
            yield cover


@cache
def _named(section: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases_of(section))})\b")
