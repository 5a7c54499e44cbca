"""Who is who on WhatsApp: phone numbers and business-scoped user ids, and the key made of them.

A business-scoped user id ("BSUID") names a person to one business: country, a dot, up to 128 letters and digits, as in
`US.13491208655302741918`. Since 2026 it may come without a phone. Source: Meta, "Business-scoped user IDs".
"""

from __future__ import annotations

import re
from typing import Any

CHANNEL = "whatsapp"

_PHONE = re.compile(r"\+?([1-9][0-9]{6,14})")
_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")


def contact_key(phone: str | None, bsuid: str | None) -> str:
    """The key that names a person on WhatsApp for ever: by phone when there is one, else by business-scoped user id.

    `phone` is digits of an international number, with or without the plus sign. Numbers that WhatsApp writes in two ways
    are one person: Brazil's mobile numbers with and without the ninth digit, Mexico's 52 and 521, Argentina's 54 and 549.
    Raises ValueError when neither is usable.
    """
    if phone:
        number = phone_of(phone)
        if number is None:
            raise ValueError("not an international phone number")
        return f"{CHANNEL}:{_canonical(number[1:])}"
    user_id = bsuid_of(bsuid)
    if user_id is None:
        raise ValueError("neither a phone number nor a user id")
    return f"{CHANNEL}:{user_id}"


def typed_key(typed: str) -> str | None:
    """The key for a phone as people type it, with spaces, dots, dashes or brackets; None for anything else."""
    try:
        return contact_key("".join(character for character in typed if character not in " -.()"), None)
    except ValueError:
        return None


def phone_of(value: Any) -> str | None:
    """The number with its plus sign, as WhatsApp wrote it; None for anything that is no number."""
    match = _PHONE.fullmatch(value) if isinstance(value, str) else None
    return f"+{match[1]}" if match else None


def bsuid_of(value: Any) -> str | None:
    """The user id, or None for anything that is none."""
    return value if isinstance(value, str) and _BSUID.fullmatch(value) else None


def is_same_number(phone: str, other: Any) -> bool:
    """Whether both are one person's number, in whichever way it is written."""
    number = phone_of(other.replace(" ", "").replace("-", "")) if isinstance(other, str) else None
    return number is not None and contact_key(number, None) == contact_key(phone, None)


def ways_to_write(phone: str) -> tuple[str, ...]:
    """The number, with its plus sign, in every way that WhatsApp and people may write it; as it was given first."""
    digits = phone.removeprefix("+")
    person = _canonical(digits)
    others = (person, f"{person[:4]}{person[5:]}", f"521{person[2:]}", f"54{person[3:]}")
    return tuple(f"+{way}" for way in dict.fromkeys((digits, *others)) if _canonical(way) == person)


def _canonical(digits: str) -> str:
    if digits.startswith("55") and len(digits) == 12 and digits[4] in "6789":
        return f"{digits[:4]}9{digits[4:]}"
    if digits.startswith("521") and len(digits) == 13:
        return f"52{digits[3:]}"
    if digits.startswith("54") and not digits.startswith("549") and len(digits) == 12:
        return f"549{digits[2:]}"
    return digits
