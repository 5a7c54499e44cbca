"""What kinds of values there are among the settings of the house, and what is none of them.

A kind reads what somebody wrote, in the environment (always a text) or at a door (JSON). What cannot be read is a ValueError,
whose message goes on after the setting's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
_PHONE = re.compile(r"\+?[0-9]{8,15}")


def template_name(text: str) -> None:
    """Raises ValueError for what cannot be the name of a template, with a language behind it or without."""
    if not re.fullmatch(r"[a-z0-9_]{1,512}(?:/[a-z]{2,3}(?:_[A-Z]{2})?)?", text):
        raise ValueError("is not a template such as seguimiento or seguimiento/es_ES")


class Kind(Protocol):
    """Reads one value. `name` is a stable word for whoever draws a form."""

    @property
    def name(self) -> str:
        """text, whole, number, choice, address, zone, email, phone."""

    def read(self, written: Any) -> Any:
        """The value. Raises ValueError."""


class Text(msgspec.Struct, frozen=True):
    """Words, of `least` to `most` characters. `check` raises ValueError for those that mean nothing here."""

    most: int
    least: int = 0
    check: Callable[[str], Any] | None = None
    name: str = "text"

    def read(self, written: Any) -> str:
        """See the protocol."""
        value = _text(written)
        if not self.least <= len(value) <= self.most:
            raise ValueError(f"is not from {self.least} to {self.most} characters long")
        if value and self.check:
            self.check(value)
        return value


class Number(msgspec.Struct, frozen=True):
    """A number within bounds, of the unit that the setting's name says."""

    least: float
    most: float
    name: str = "number"

    def read(self, written: Any) -> float:
        """See the protocol."""
        value = _number(written)
        if not self.least <= value <= self.most:
            raise ValueError(f"{value:g} is not between {self.least:g} and {self.most:g}")
        return value


class Whole(msgspec.Struct, frozen=True):
    """A whole number within bounds."""

    least: int
    most: int
    name: str = "whole"

    def read(self, written: Any) -> int:
        """See the protocol."""
        value = Number(self.least, self.most).read(written)
        if value != int(value):
            raise ValueError(f"{value:g} is not a whole number")
        return int(value)


class Choice(msgspec.Struct, frozen=True):
    """One of a few words."""

    words: tuple[str, ...]
    name: str = "choice"

    def read(self, written: Any) -> str:
        """See the protocol."""
        value = _text(written)
        if value not in self.words:
            raise ValueError(f"'{value[:40]}' is none of {', '.join(self.words)}")
        return value


class Address(msgspec.Struct, frozen=True):
    """An address on the web, or nothing. A fault does not show it: there may be a password in it."""

    name: str = "address"

    def read(self, written: Any) -> str:
        """See the protocol."""
        value = _text(written)
        try:
            parts = urlsplit(value)
            complete = parts.scheme in ("https", "http") and bool(parts.netloc)
        except ValueError:
            complete = False
        if value and not complete:
            raise ValueError("not an address that begins with https://, http://")
        return value


class Zone(msgspec.Struct, frozen=True):
    """A time zone of the IANA's list."""

    name: str = "zone"

    def read(self, written: Any) -> str:
        """See the protocol."""
        value = _text(written)
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"'{value[:40]}' is not a time zone such as Europe/Madrid") from None
        return value


class Shaped(msgspec.Struct, frozen=True):
    """A text of a certain shape, or nothing. A fault does not show it: it is somebody's."""

    name: str
    shape: re.Pattern[str]
    what: str

    def read(self, written: Any) -> str:
        """See the protocol."""
        value = _text(written)
        if value and not self.shape.fullmatch(value):
            raise ValueError(f"not {self.what}")
        return value


EMAIL = Shaped("email", _EMAIL, "an e-mail address")
PHONE = Shaped("phone", _PHONE, "a phone number with its country code")


def _text(written: Any) -> str:
    if not isinstance(written, str):
        raise ValueError("is not a text")  # noqa: TRY004 - a kind of fault among others
    return written.strip()


def _number(written: Any) -> float:
    if isinstance(written, bool) or not isinstance(written, str | int | float):
        raise ValueError("is not a number")  # noqa: TRY004 - see above
    try:
        return float(written)
    except (ValueError, OverflowError):
        raise ValueError(f"'{str(written)[:40]}' is not a number") from None
