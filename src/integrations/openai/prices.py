"""What models cost, as far as that is known: model_prices.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import msgspec

_PRICES = Path(__file__).with_name("model_prices.toml")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider counted; `cached` is a part of `input`."""

    input: int = 0
    cached: int = 0
    output: int = 0


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars for a million tokens."""

    input: float
    cached: float
    output: float

    def of(self, tokens: Tokens) -> int:
        """The cost in millionths of a dollar, rounded up to the next."""
        fresh = max(0, tokens.input - tokens.cached)
        return -int(-(fresh * self.input + tokens.cached * self.cached + tokens.output * self.output) // 1)


def price_of(model: str) -> Price | None:
    """What that model costs, also under its dated names ("gpt-4o-mini-2024-07-18"); None when it is not known."""
    prices = msgspec.convert(tomllib.loads(_PRICES.read_text(encoding="utf-8")), dict[str, Price])
    dated = [name for name in prices if model == name or model.startswith(f"{name}-20")]
    return prices[dated[0]] if dated else None
