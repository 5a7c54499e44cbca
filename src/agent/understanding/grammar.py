"""The parts of a message that are a grammar: numbers with units, dates, persons, addresses; not yet what they are about."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from src.agent.redaction import redact, redact_health
from src.agent.understanding.birth_dates import Span, find_dates
from src.agent.understanding.contact_details import read_contact_details
from src.agent.understanding.features import Token, tokens_of
from src.agent.understanding.people import Mention, mentions_of
from src.agent.understanding.quantities import Quantity, find_quantities
from src.agent.understanding.reading import Context, Found
from src.agent.understanding.wording import Wording, clean, word_of

_MOST_TOKENS, _MOST_NUMBERS, _MOST_MENTIONS = 160, 24, 12
"""Nobody tells more in one message; what pastes more is read from its beginning."""
_MARKED = re.compile(r"\[[^\]]{2,60}\]")


@dataclass(frozen=True, slots=True)
class Grammar:
    """`plain` is the comparable text in which everything has its place; parts that are read whole (addresses, marks) are
    blanked in it, and in `spoken`, its wording. `numbers` hold dates as well (unit "date"); `dates` says, by their places,
    which days those may mean."""

    wording: Wording
    spoken: Wording
    plain: str
    tokens: tuple[Token, ...]
    numbers: tuple[Quantity, ...]
    mentions: tuple[Mention, ...]
    contacts: tuple[Found, ...] = ()
    dates: dict[int, tuple[date, ...]] = field(default_factory=dict)


def grammar_of(text: str, awaiting: str | None = None, today: str = "", birth_year: int = 0) -> Grammar:
    """What the grammar finds in a message, made safe first."""
    wording = word_of(redact_health(redact(clean(text)).text))
    context = Context(awaiting=awaiting, today=today, birth_year=birth_year)
    contacts, taken = read_contact_details(wording, context)
    seen = wording.blank(taken).blank([match.span() for match in _MARKED.finditer(wording.plain)])
    dates = find_dates(seen.plain, context)
    numbers = _numbers(seen.blank([span for span, _ in dates]), [span for span, _ in dates])
    tokens = tuple(tokens_of(seen.plain)[:_MOST_TOKENS])
    mentions = mentions_of(tokens, numbers)[:_MOST_MENTIONS]
    places = {number.start: place for place, number in enumerate(numbers)}
    return Grammar(
        wording,
        seen,
        seen.plain,
        tokens,
        tuple(numbers),
        tuple(mentions),
        tuple(contacts),
        {places[span[0]]: tuple(days) for span, days in dates if span[0] in places},
    )


def _numbers(seen: Wording, dates: list[Span]) -> list[Quantity]:
    numbers = [each for each in find_quantities(seen.plain) if each.unit != "ordinal" or each.value <= 3]
    numbers += [Quantity(start, end, end, 0.0, "date") for start, end in dates]
    return sorted(numbers, key=lambda each: each.start)[:_MOST_NUMBERS]
