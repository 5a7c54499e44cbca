"""Everything the assistant says, read from one file per language, and how figures are written in it."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

from src.agent.profile import FIELDS

FOLDER = Path(__file__).parent
LANGUAGES = ("es", "en")
CONSENT_TEXTS = frozenset(
    ("greeting.new", "greeting.privacy_link", "greeting.privacy_plain", "ask.consent", "consent.hesitation")
)
_ADDRESS = re.compile(r"\[([^\[\]|]*)\|([^\[\]|]*)\]")


class Phrasebook:
    """The texts of one language in one form of address. Keys are `section.name`, as in the files."""

    def __init__(self, language: str, address: str) -> None:
        self.language = language
        form = 2 if address == "usted" else 1
        self._variants: dict[str, tuple[str, ...]] = {}
        for file in (f"{language}.toml", "foreign.toml"):
            for section, texts in tomllib.loads((FOLDER / file).read_text(encoding="utf-8")).items():
                for name, text in texts.items():
                    variants = text if isinstance(text, list) else [text]
                    self._variants[f"{section}.{name}"] = tuple(_ADDRESS.sub(rf"\{form}", one) for one in variants)

    @property
    def version(self) -> str:
        """Names the wording that a consent is given to: it changes whenever the texts around the consent change."""
        wording = "\n".join(text for key in sorted(self._variants) if key in CONSENT_TEXTS for text in self._variants[key])
        return f"{self.language}-{hashlib.sha256(wording.encode()).hexdigest()[:8]}"

    def __contains__(self, key: str) -> bool:
        return key in self._variants

    def __iter__(self) -> Iterator[str]:
        """The key of every text there is."""
        return iter(self._variants)

    def variants(self, key: str) -> tuple[str, ...]:
        """All wordings of one message, placeholders not filled in."""
        return self._variants[key]

    def say(self, key: str, variant: int = 0, **values: Any) -> str:
        """One wording of a message; `variant` counts on for ever and goes round."""
        wordings = self._variants[key]
        return wordings[variant % len(wordings)].format(**values)

    def money(self, amount: Decimal | float) -> str:
        """An amount of euros: cents only where there are any."""
        exact = Decimal(str(amount)).quantize(Decimal("0.01"), ROUND_HALF_UP)
        written = f"{exact:,.0f}" if exact == exact.to_integral_value() else f"{exact:,.2f}"
        if self.language == "en":
            return f"€{written}"
        return f"{written.translate(str.maketrans(',.', '.,'))} €"

    def date(self, day: date | str) -> str:
        """A day, as people write it."""
        exact = date.fromisoformat(day) if isinstance(day, str) else day
        return f"{exact:%d/%m/%Y}"

    def moment(self, local: datetime, now: datetime) -> str:
        """A day and a time, as they are said now: "mañana a las 9:00", "el jueves 7 de enero a las 17:30"."""
        days = (local.date() - now.date()).days
        if days in (0, 1):
            day = self.say("when.today" if days == 0 else "when.tomorrow")
        else:
            weekday, month = self.say("when.weekday", local.weekday()), self.say("when.month", local.month - 1)
            day = self.say("when.day", weekday=weekday, day=local.day, month=month)
        return self.say("when.at_one" if local.hour == 1 else "when.at", day=day, time=f"{local.hour}:{local:%M}")

    def value(self, key: str, value: Any) -> str:
        """The value of a profile key, as people say it."""
        if isinstance(value, bool):
            return self.say("value.yes" if value else "value.no")
        field = FIELDS.get(key)
        if field is None:
            named = f"product.{'mortgage_term' if value == 'mortgage_linked' else value}" if key == "product" else ""
        elif field.kind == "amount":
            return self.money(value)
        elif field.kind == "date":
            return self.date(str(value))
        elif field.unit == "years":
            return self.say(f"value.{key}", n=value)
        else:
            named = field.choices.get(value, "") if field.choices else ""
        return self.say(named) if named in self else str(value)

    def listing(self, names: list[str]) -> str:
        """Names in a row, the last one joined by a word."""
        if len(names) < 2:
            return "".join(names)
        before_i = self.language == "es" and re.match(r"h?i(?!e)", names[-1], re.IGNORECASE)
        return f"{', '.join(names[:-1])} {'e' if before_i else self.say('value.and')} {names[-1]}"


@cache
def phrasebook(language: str, address: str) -> Phrasebook:
    """The texts of a language; of Spanish where there are none in it."""
    return Phrasebook(language if language in LANGUAGES else "es", address)
