"""Personal numbers and health text are taken out before anything is written.

The doors use this, so it imports nothing heavy, and every rule looks at a bounded window: the time is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from src.agent.health_disclosure import CANCER_OVERCOME_MARK, HEALTH_MARK, redact_health
from src.agent.lookalikes import fold, rule

__all__ = [
    "CANCER_OVERCOME_MARK",
    "HEALTH_MARK",
    "MARKS",
    "MAX_CHARACTERS",
    "Redacted",
    "clean",
    "redact",
    "redact_health",
    "without_secrets",
]

MAX_CHARACTERS = 4096
"""WhatsApp's own limit of a text message, in code points."""

MARKS = {"dni": "[DNI]", "nie": "[NIE]", "iban": "[IBAN]", "card": "[tarjeta]", "cvv": "[CVV]"}
"""What stands in the text instead, by kind."""


class Redacted(NamedTuple):
    """The text with marks, and the kinds of what was taken out (keys of MARKS), sorted."""

    text: str
    kinds: tuple[str, ...]


class _Hit(NamedTuple):
    start: int
    end: int
    kind: str


# C0 and C1 without tab and newline; the bidirectional overrides make a text read differently from what is stored.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """NFC without control characters (tab and newline stay) or lone surrogates, at most MAX_CHARACTERS code points."""
    text = text[: 4 * MAX_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n")
    text = _LONE_SURROGATES.sub("\ufffd", _CONTROLS.sub("", text))
    return unicodedata.normalize("NFC", text)[:MAX_CHARACTERS]


def redact(text: str) -> Redacted:
    """The text without DNI, NIE, IBAN (or Spanish account number), payment card, its expiry and its security code."""
    folded = fold(text)
    if not rule(_ANY_DIGIT).search(folded.text):
        return Redacted(text, ())
    hits: list[_Hit] = []
    for find in (_ibans, _cards, _nies, _dnis, _security_codes):
        for hit in find(folded.text):
            if not any(hit.start < other.end and other.start < hit.end for other in hits):
                hits.append(hit)
    if not hits:
        return Redacted(text, ())
    pieces: list[str] = []
    cursor = 0
    for hit in sorted(hits):
        start, end = folded.span_in_original(hit.start, hit.end)
        pieces += (text[cursor:start], MARKS[hit.kind])
        cursor = end
    return Redacted("".join((*pieces, text[cursor:])), tuple(sorted({hit.kind for hit in hits})))


def without_secrets(text: str) -> str:
    """What a person typed or said as it may be kept: clean, without personal numbers and without health."""
    return redact_health(redact(clean(text)).text) if text else ""


_ANY_DIGIT = r"\d"
_NOT_WITHIN_A_WORD = r"(?<![0-9a-z])"
_SEPARATOR = r"[ \t\n.,/_·•:*-]"

# --- IBAN -------------------------------------------------------------------------------------------------------------

# Length by country, from the SWIFT IBAN registry.
_IBAN_LENGTHS = {
    length: countries.split()
    for length, countries in {
        15: "no",
        16: "be",
        18: "dk fi fk fo gl nl sd",
        19: "mk si",
        20: "at ba ee kz lt lu mn xk",
        21: "ch cr hr li lv",
        22: "bg bh de gb ge ie me rs va",
        23: "ae gi il iq om so tl",
        24: "ad cz es md pk ro sa se sk tn vg",
        25: "ly pt st",
        26: "is tr",
        27: "bi dj fr gr it mc mr sm",
        28: "al az by cy do gt hu lb ni pl sv",
        29: "br eg ps qa ua",
        30: "jo kw mu",
        31: "mt sc",
        32: "lc",
        33: "ru",
    }.items()
}
_IBAN_LENGTH = {country: length for length, countries in _IBAN_LENGTHS.items() for country in countries}
_IBAN_START = rf"(?:{_NOT_WITHIN_A_WORD}|(?<=iban))([a-z]){_SEPARATOR}?([a-z])(?={_SEPARATOR}{{0,3}}\d{_SEPARATOR}{{0,3}}\d)"
_ALPHANUMERIC_STEP = rf"{_SEPARATOR}{{0,3}}([0-9a-z])"
_ACCOUNT_WORD = r"iban|cuenta|account|domicili"
_SPANISH_ACCOUNT = rf"{_NOT_WITHIN_A_WORD}\d(?:{_SEPARATOR}{{0,2}}\d){{19}}(?![0-9a-z])"
# A Spanish one that breaks off is as personal as a whole one.
_SPANISH_IBAN_BEGINNING = rf"{_NOT_WITHIN_A_WORD}es\d\d(?:{_SEPARATOR}{{0,2}}\d){{8,21}}(?![0-9a-z])"


def _ibans(text: str) -> Iterator[_Hit]:
    for start in rule(_IBAN_START).finditer(text):
        country = start[1] + start[2]
        length = _IBAN_LENGTH.get(country)
        if length is None:
            continue
        compact, end = _walk(text, start.end(), length - 2)
        if len(compact) < length - 2 or not compact[:2].isdigit():
            continue
        plausible = country == "es" and compact.isdigit()
        if plausible or _iban_checks(country + compact) or (compact.isdigit() and _near(_ACCOUNT_WORD, text, start.start())):
            yield _Hit(start.start(), end, "iban")
    for beginning in rule(_SPANISH_IBAN_BEGINNING).finditer(text):
        yield _Hit(beginning.start(), beginning.end(), "iban")
    for account in rule(_SPANISH_ACCOUNT).finditer(text):
        if _spanish_account_checks(_digits(account[0])):
            yield _Hit(account.start(), account.end(), "iban")


def _walk(text: str, position: int, count: int) -> tuple[str, int]:
    """Up to `count` letters and digits from here, separators skipped, and where they end."""
    found: list[str] = []
    while len(found) < count and (step := rule(_ALPHANUMERIC_STEP).match(text, position)):
        found.append(step[1])
        position = step.end()
    return "".join(found), position


def _iban_checks(iban: str) -> bool:
    """ISO 13616: the first four characters moved to the end, letters as 10 to 35, remainder 1 by 97."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def _spanish_account_checks(digits: str) -> bool:
    """The two control digits of the old twenty-digit account number (CCC)."""

    def control(of: str) -> str:
        remainder = 11 - sum(int(digit) * 2**position for position, digit in enumerate(of)) % 11
        return str({11: 0, 10: 1}.get(remainder, remainder))

    return digits[8:10] == control("00" + digits[:8]) + control(digits[10:])


# --- payment card -----------------------------------------------------------------------------------------------------

_DIGIT_GROUPS = rf"(?<![0-9a-z+])\d+(?:{_SEPARATOR}{{1,3}}\d+)*(?![0-9a-z])"
_GROUP = r"\d+"
_CARD_WORD = r"tarjeta|card|visa|mastercard|amex|american express|maestro|credito|debito"
_MAX_GROUPS = 19
_EXPIRY_AND_CODE = (
    r"(?:[\s,;:.y-]{0,4}(?:cad\w{0,10}|exp\w{0,10}|vence\w{0,4}|valid\w{0,4})?[\s:]{0,3}\d{1,2} ?[/-] ?\d{2,4}(?!\d))?"
    r"(?:[\s,;:-]{1,4}\d{3,4}(?![\d.,]*\d)(?!\s{0,2}(?:€|eur|mil\b|k\b|al mes|anos|a[nñ]os)))?"
)


def _cards(text: str) -> Iterator[_Hit]:
    for run in rule(_DIGIT_GROUPS).finditer(text):
        if len(run[0]) < 13:
            continue
        groups = [(group.start() + run.start(), group[0]) for group in rule(_GROUP).finditer(run[0])]
        named = _near(_CARD_WORD, text, run.start())
        first = 0
        while first < len(groups):
            last = _card_end(groups, first, named=named)
            if last is None:
                first += 1
                continue
            end = groups[last - 1][0] + len(groups[last - 1][1])
            tail = rule(_EXPIRY_AND_CODE).match(text, end)
            end = tail.end() if tail else end
            yield _Hit(groups[first][0], end, "card")
            while first < len(groups) and groups[first][0] < end:
                first += 1


def _card_end(groups: list[tuple[int, str]], first: int, *, named: bool) -> int | None:
    """One past the last group of a card number that begins with the group `first`, or None."""
    digits = ""
    sizes: list[int] = []
    for last in range(first, min(first + _MAX_GROUPS, len(groups))):
        digits += groups[last][1]
        sizes.append(len(groups[last][1]))
        if len(digits) > 19:
            return None
        if len(digits) < 13 or not (named or _written_like_a_card(sizes)):
            continue
        if (_issued(digits) and _luhn_checks(digits)) or (named and len(digits) == 16 and sizes in ([4, 4, 4, 4], [16])):
            return last + 1
    return None


def _written_like_a_card(sizes: list[int]) -> bool:
    """Not like two phone numbers or an amount: in one piece, in fours, as on an Amex, or digit by digit."""
    in_fours = all(size == 4 for size in sizes[:-1]) and sizes[-1] <= 4
    return len(sizes) == 1 or in_fours or sizes in ([4, 6, 5], [4, 6, 4]) or all(size <= 2 for size in sizes)


def _issued(digits: str) -> bool:
    """Whether a network issues numbers with this beginning and length (ISO/IEC 7812)."""
    two, length = int(digits[:2]), len(digits)
    if two in (34, 37):
        return length == 15
    if two in (30, 36, 38, 39):
        return length == 14
    if two == 35 or 51 <= two <= 55 or 2221 <= int(digits[:4]) <= 2720:
        return length == 16
    if digits[0] == "4":
        return length in (13, 16, 19)
    return two in (50, 56, 57, 58) or digits[0] == "6"


def _luhn_checks(digits: str) -> bool:
    doubled = (int(digit) * (2 if position % 2 else 1) for position, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


_SECURITY_CODE = (
    r"(?:\bcvv2?|\bcvc2?|\bcvn|codigo (?:de seguridad|cvv|secreto)|security code|numeros? de (?:detras|atras))"
    r"[^\d\n]{0,24}?(\d[ ]?\d[ ]?\d(?:[ ]?\d)?)(?!\d)"
)


def _security_codes(text: str) -> Iterator[_Hit]:
    for code in rule(_SECURITY_CODE).finditer(text):
        yield _Hit(code.start(1), code.end(1), "cvv")


# --- DNI and NIE ------------------------------------------------------------------------------------------------------

_CONTROL_LETTERS = "trwagmyfpdxbnjzsqvhlcke"
_IDENTITY_WORD = r"\bd\.?n\.?i\b|dni|\bn\.?i\.?[fe]\b|documento|identidad|cedula|\bid card"
_IDENTITY_WORD_FOLLOWS = r"[\s(,]{0,2}(?:es )?(?:mi |el |de )?(?:dni|d\.n\.i|nif|nie)\b"
# Between the word and the number one of these says that the number is something else.
_OTHER_NUMBER = r"telefono|movil|\btel|fecha|naci|capital|hipoteca|euros?|€|\d"
_ID_BEGIN = r"(?:(?<![0-9a-z])|(?<=dni)|(?<=nif)|(?<=nie))"
_EIGHT_DIGITS = r"(?:\d{8}|\d{1,2}[ .,-]\d{3}[ .,-]\d{3}|\d{4}[ .-]\d{4}|\d(?:[ .,_/-]\d){7})"
_DNI = rf"{_ID_BEGIN}(?P<digits>{_EIGHT_DIGITS}|\d{{7}})(?:(?P<gap>[ ./_-]{{0,3}})(?P<letter>[a-z])(?![0-9a-z]))?"
_NIE = (
    rf"{_ID_BEGIN}(?P<begin>[xyz])[ ./_-]{{0,3}}(?P<digits>\d(?:[ .,_/-]?\d){{6}})"
    r"(?:[ ./_-]{0,3}(?P<letter>[a-z])(?![0-9a-z]))?(?!\d)"
)
_CURRENCY_FOLLOWS = r"\s{0,2}(?:€|eur|\$|pesos|mil\b)"
_MORE_DIGITS_FOLLOW = r"[ .,-]?\d"  # part of a longer number
_WORD_FOLLOWS = r" +[a-z]"
_SINGLE_LETTER_WORDS = "aeouy"


def _nies(text: str) -> Iterator[_Hit]:
    for match in rule(_NIE).finditer(text):
        number = str("xyz".index(match["begin"])) + _digits(match["digits"])
        checks = match["letter"] is not None and _CONTROL_LETTERS[int(number) % 23] == match["letter"]
        if checks or _named_as_identity(text, match.start(), match.end()):
            yield _Hit(match.start(), match.end(), "nie")


def _dnis(text: str) -> Iterator[_Hit]:
    for match in rule(_DNI).finditer(text):
        number = _digits(match["digits"])
        letter, end = match["letter"], match.end()
        if letter and match["gap"] and letter in _SINGLE_LETTER_WORDS and rule(_WORD_FOLLOWS).match(text, end):
            letter, end = None, match.end("digits")  # "12345678 y mi nombre": the letter is a word
        if rule(_MORE_DIGITS_FOLLOW).match(text, end):
            continue
        if letter and _CONTROL_LETTERS[int(number) % 23] == letter:
            if len(number) == 8 or not match["gap"].startswith(" "):
                yield _Hit(match.start(), end, "dni")
        elif _named_as_identity(text, match.start(), end):
            yield _Hit(match.start(), end, "dni")


def _named_as_identity(text: str, start: int, end: int) -> bool:
    """Whether the words around say that this is an identity number, and nothing says that it is an amount."""
    if rule(_CURRENCY_FOLLOWS).match(text, end):
        return False
    before = text[max(0, start - 32) : start]
    words = list(rule(_IDENTITY_WORD).finditer(before))
    if words:
        return not rule(_OTHER_NUMBER).search(before, words[-1].end())
    return bool(rule(_IDENTITY_WORD_FOLLOWS).match(text, end))


def _near(word: str, text: str, start: int) -> bool:
    return bool(rule(word).search(text, max(0, start - 40), start))


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())
