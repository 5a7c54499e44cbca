"""How a message points at the options that were shown: by name or by price. That one of them is chosen is another question."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from src.agent.understanding.features import Token
from src.agent.understanding.quantities import Quantity
from src.agent.understanding.reading import Context
from src.agent.understanding.wording import fold, sound

_SHORTEST_NAME = 4


def pointers_of(tokens: Sequence[Token], numbers: Sequence[Quantity], context: Context) -> Iterator[str]:
    """ "named:2" for the second option's title, "priced:1" for the first one's premium, whole or without the cents."""
    sounds = {sound(token.text) for token in tokens if token.kind == "word"}
    for place, title in enumerate(context.titles, 1):
        if any(sound(word) in sounds for word in fold(title).split() if len(word) >= _SHORTEST_NAME):
            yield f"named:{place}"
    for place, premium in enumerate(context.premiums, 1):
        if any(is_premium(number, premium) for number in numbers):
            yield f"priced:{place}"
    if len(context.options) == 1:
        yield "one option"


def is_premium(number: Quantity, premium: float) -> bool:
    """Whether a number is that premium: to the cent, or its euros alone."""
    value = number.value
    return math.isclose(value, premium, abs_tol=0.005) or (
        value.is_integer() and value in (math.floor(premium), round(premium)) and value > 3
    )
