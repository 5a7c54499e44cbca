"""Personal numbers and health text are taken out before anything is written.

A number may be broken up by anything that is neither letter nor digit: "4111 1111 …", "4|1|1|1|…", "4😀1😀1😀1…". Its check
digits decide what it is, and how it is grouped, whether it could also be amounts or telephone numbers, which stay.

The doors use this, so it imports nothing heavy. The runs of digits are found once, and every rule looks at a bounded window of
a run: the time is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from operator import mul
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


def clean(text: str, most: int = MAX_CHARACTERS) -> str:
    """NFC without control characters (tab and newline stay) or lone surrogates, at most so many code points."""
    text = text[: 4 * most].replace("\r\n", "\n").replace("\r", "\n")
    text = _LONE_SURROGATES.sub("\ufffd", _CONTROLS.sub("", text))
    return unicodedata.normalize("NFC", text)[:most]


def redact(text: str) -> Redacted:
    """The text without DNI, NIE, IBAN (or Spanish account number), payment card, its expiry and its security code."""
    folded = fold(text)
    if not rule(_THREE_DIGITS).search(folded.text):
        return Redacted(text, ())
    digits = _digits_of(folded.text)
    hits: list[_Hit] = []
    taken = bytearray(len(folded.text))
    for find in (_ibans, _cards, _nies, _dnis, _security_codes):
        for hit in find(digits):
            if not any(taken[hit.start : hit.end]):
                hits.append(hit)
                taken[hit.start : hit.end] = b"\1" * (hit.end - hit.start)
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


# --- runs of digits ---------------------------------------------------------------------------------------------------

_THREE_DIGITS = r"[0-9][^0-9]*+[0-9][^0-9]*+[0-9]"  # nothing is shorter than a security code
_NOT_WITHIN_A_WORD = r"(?<![0-9a-z])"
_GAP = r"[\W_]*+"  # whatever is neither letter nor digit, none of it or a lot
_RUN = r"[0-9]++(?:[\W_]++[0-9]++)*+"
_GROUP = r"[0-9]+"
_UNUSUAL = r"[^\w\s.,;:'+()/€$£%-]|_"
"""What neither amounts nor telephone numbers are grouped with."""
_INTERNATIONAL = r"(?<![0-9])\+$"
_LONGEST_TELEPHONE = 15  # E.164
_SHORTEST_NUMBER = 7  # a DNI without its zero


class _Run:
    """Groups of digits with nothing but gaps between them, from the first of them to the last."""

    def __init__(self, text: str, start: int, end: int) -> None:
        groups = [(each.start(), each[0]) for each in rule(_GROUP).finditer(text, start, end)]
        self.starts = [start for start, _ in groups]
        self.sizes = [len(group) for _, group in groups]
        self.digits = "".join(group for _, group in groups)
        self.offsets = list(accumulate(self.sizes, initial=0))
        """So many digits stand before each group; one more for all of them."""
        self.group_ending = {offset: group for group, offset in enumerate(self.offsets[1:])}
        """From a number of digits to the group that ends with them."""
        self._text = text

    def end(self, group: int) -> int:
        """Where in the text the group ends."""
        return self.starts[group] + self.sizes[group]

    def group_beginning(self, offset: int) -> int | None:
        """The group that so many digits stand before, or None."""
        before = -1 if offset == 0 else self.group_ending.get(offset)
        return None if before is None else before + 1

    def is_within_a_word(self, first: int, last: int) -> bool:
        """Whether a letter touches those groups."""
        end = self.end(last)
        return _begins_within_a_word(self._text, self.starts[first]) or self._text[end : end + 1].isalnum()

    def is_no_amount(self, first: int, last: int, shapes: frozenset[tuple[int, ...]]) -> bool:
        """Whether these groups are not like amounts or telephone numbers: in one piece, digit by digit, in fours, in one of
        these shapes, or broken up by what those are never broken up by."""
        more_than_two_from, other_than_four_from, usual_gap_from = self._landmarks
        return (
            first == last
            or more_than_two_from[first] > last
            or (other_than_four_from[first] >= last and self.sizes[last] <= 4)
            or tuple(self.sizes[first : last + 1]) in shapes
            or usual_gap_from[first + 1] > last
        )

    @cached_property
    def _landmarks(self) -> tuple[list[int], list[int], list[int]]:
        """For every group the first one, from it on, with more than two digits, with other than four, behind a usual gap."""
        gaps = [self._text[self.end(group) : start] for group, start in enumerate(self.starts[1:])]
        usual = [False, *(not rule(_UNUSUAL).search(gap) for gap in gaps)]
        return (
            _first_from([size > 2 for size in self.sizes]),
            _first_from([size != 4 for size in self.sizes]),
            _first_from(usual),
        )


def _first_from(marked: list[bool]) -> list[int]:
    """For every place the first marked one from it on."""
    following, found = len(marked), []
    for place in range(len(marked) - 1, -1, -1):
        following = place if marked[place] else following
        found.append(following)
    return found[::-1]


class _Digits(NamedTuple):
    """A folded text and its runs of digits that may hold a number, in order."""

    text: str
    runs: list[_Run]


def _digits_of(text: str) -> _Digits:
    spans = [found.span() for found in rule(_RUN).finditer(text)]
    return _Digits(text, [_Run(text, start, end) for start, end in spans if end - start >= _SHORTEST_NUMBER])


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
_DIGITS_ONLY = frozenset(("at", "be", "de", "dk", "es", "fi", "hr", "is", "lt", "me", "no", "pl", "pt", "rs", "se", "si", "sk"))
"""Countries whose numbers hold no letter, so that "de 35 a 40" is the beginning of none."""
_IBAN_START = rf"(?:{_NOT_WITHIN_A_WORD}|(?<=iban))([a-z]){_GAP}([a-z]){_GAP}(?=[0-9]{_GAP}[0-9])"
_ACCOUNT_WORD = r"iban|cuenta|account|domicili"
# A Spanish one that breaks off is as personal as a whole one.
_SPANISH_IBAN_BEGINNING = rf"{_NOT_WITHIN_A_WORD}es[0-9]{{2}}(?:{_GAP}[0-9]){{8,21}}(?![0-9a-z])"
_ACCOUNT = 20
_ACCOUNT_SHAPES = frozenset({(4, 4, 2, 10), (4, 4, 12), (8, 2, 10), (8, 12), (10, 10)})
_CONTROL_WEIGHTS = (1, 2, 4, 8, 5, 10, 9, 7, 3, 6)  # the powers of two, by eleven


def _ibans(digits: _Digits) -> Iterator[_Hit]:
    text = digits.text
    for start in rule(_IBAN_START).finditer(text):
        country = start[1] + start[2]
        length = _IBAN_LENGTH.get(country)
        if length is None:
            continue
        character = "[0-9]" if country in _DIGITS_ONLY else "[0-9a-z]"
        rest = rule(rf"(?:{_GAP}{character}){{{length - 2}}}").match(text, start.end())
        if not rest:
            continue
        number = rule(r"[\W_]+").sub("", rest[0])
        written_as_one = country == "es" and text[start.start() : start.start() + 4] == country + number[:2]
        named = number.isdigit() and (written_as_one or _near(_ACCOUNT_WORD, text, start.start()))
        if named or _iban_checks(country + number):
            yield _Hit(start.start(), rest.end(), "iban")
    for beginning in rule(_SPANISH_IBAN_BEGINNING).finditer(text):
        yield _Hit(beginning.start(), beginning.end(), "iban")
    for run in digits.runs:
        yield from _spanish_accounts(run)


def _iban_checks(iban: str) -> bool:
    """ISO 13616: the first four characters moved to the end, letters as 10 to 35, remainder 1 by 97."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def _spanish_accounts(run: _Run) -> Iterator[_Hit]:
    """The old account numbers of twenty digits (CCC), the ninth and tenth of which are control digits."""
    if len(run.digits) < _ACCOUNT:
        return
    values = list(map(int, run.digits))
    for group, first in enumerate(run.offsets[:-1]):
        last = run.group_ending.get(first + _ACCOUNT)
        if (
            last is not None
            and _control(values[first : first + 8], 2) == values[first + 8]
            and _control(values[first + 10 : first + 20], 0) == values[first + 9]
            and run.is_no_amount(group, last, _ACCOUNT_SHAPES)
            and not run.is_within_a_word(group, last)
        ):
            yield _Hit(run.starts[group], run.end(last), "iban")


def _control(values: list[int], skipped: int) -> int:
    remainder: int = 11 - sum(map(mul, values, _CONTROL_WEIGHTS[skipped:])) % 11
    return {11: 0, 10: 1}.get(remainder, remainder)


# --- payment card -----------------------------------------------------------------------------------------------------

_CARD_WORD = r"tarjeta|card|visa|mastercard|amex|american express|maestro|credito|debito"
_SHORTEST_CARD, _USUAL_CARD = 13, 16
_CARD_SHAPES = frozenset({(4, 6, 5), (4, 6, 4), (8, 8), (4, 4, 8), (8, 4, 4)})
_EXPIRY_AND_CODE = (
    r"(?:[\s,;:.y-]{0,4}(?:cad\w{0,10}|exp\w{0,10}|vence\w{0,4}|valid\w{0,4})?[\s:]{0,3}\d{1,2} ?[/-] ?\d{2,4}(?!\d))?"
    r"(?:[\s,;:-]{1,4}\d{3,4}(?![\d.,]{0,12}\d)(?!\s{0,2}(?:€|eur|mil\b|k\b|al mes|anos|a[nñ]os)))?"
)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def _cards(digits: _Digits) -> Iterator[_Hit]:
    for run in digits.runs:
        if len(run.digits) < _SHORTEST_CARD:
            continue
        numbers = _CardNumbers(digits.text, run)
        group = 0
        while group < len(run.starts):
            last = numbers.last_group(group)
            if last is None:
                group += 1
                continue
            tail = rule(_EXPIRY_AND_CODE).match(digits.text, run.end(last))
            end = tail.end() if tail else run.end(last)
            yield _Hit(run.starts[group], end, "card")
            while group < len(run.starts) and run.starts[group] < end:
                group += 1


class _CardNumbers:
    """The card numbers in a run. What every question about it needs is computed once."""

    def __init__(self, text: str, run: _Run) -> None:
        self._text, self._run = text, run
        self._named = _near(_CARD_WORD, text, run.starts[0])
        values = list(map(int, run.digits))
        # The sums of all digits up to a place, with those at even and at odd places doubled: Luhn's sum of any part.
        self._sums = [
            list(accumulate((_DOUBLED[v] if at % 2 == parity else v for at, v in enumerate(values)), initial=0))
            for parity in (0, 1)
        ]

    def last_group(self, first: int) -> int | None:
        """The last group of the card number that begins with the group `first`, or None."""
        run, begin = self._run, self._run.offsets[first]
        for length in _issued_lengths(run.digits[begin : begin + 4]):
            last = run.group_ending.get(begin + length)
            if last is None or not self._luhn_checks(begin, begin + length):
                continue
            if (self._named or run.is_no_amount(first, last, _CARD_SHAPES)) and self._stands_alone(first, last):
                return last
        last = run.group_ending.get(begin + _USUAL_CARD) if self._named else None
        misspelt = last is not None and run.sizes[first : last + 1] in ([4, 4, 4, 4], [16]) and self._stands_alone(first, last)
        return last if misspelt else None

    def _luhn_checks(self, begin: int, end: int) -> bool:
        sums = self._sums[end % 2]
        return (sums[end] - sums[begin]) % 10 == 0

    def _stands_alone(self, first: int, last: int) -> bool:
        """Whether it is no part of a word, other than its name, and no telephone number with its country."""
        start, length = self._run.starts[first], self._run.offsets[last + 1] - self._run.offsets[first]
        before = self._text[max(0, start - 2) : start]
        if self._run.sizes[first] > 1 and length <= _LONGEST_TELEPHONE and rule(_INTERNATIONAL).search(before):
            return False
        return self._named or not self._run.is_within_a_word(first, last)


def _issued_lengths(beginning: str) -> Sequence[int]:
    """How many digits a number with these first four may have, by the network that issues it (ISO/IEC 7812), likeliest first
    and then the longest: more digits of it may follow, as likely as one in ten with the right sum."""
    two = beginning[:2]
    if two in ("34", "37"):
        return (15,)
    if two in ("30", "36", "38", "39"):
        return (14,)
    if two == "35" or "51" <= two <= "55" or "2221" <= beginning <= "2720":
        return (16,)
    if beginning[0] == "4":
        return (16, 19, 13)
    return (16, 19, 18, 17, 15, 14, 13) if two in ("50", "56", "57", "58") or beginning[0] == "6" else ()


_SECURITY_CODE = (
    r"(?:\bcvv2?|\bcvc2?|\bcvn|codigo (?:de seguridad|cvv|secreto)|security code|numeros? de (?:detras|atras))"
    r"[^\d\n]{0,24}?(\d[ ]?\d[ ]?\d(?:[ ]?\d)?|\d(?:[\W_]++\d){2,3})(?!\d)"
)


def _security_codes(digits: _Digits) -> Iterator[_Hit]:
    for code in rule(_SECURITY_CODE).finditer(digits.text):
        yield _Hit(code.start(1), code.end(1), "cvv")


# --- DNI and NIE ------------------------------------------------------------------------------------------------------

_CONTROL_LETTERS = "trwagmyfpdxbnjzsqvhlcke"
_IDENTITY_WORD = r"\bd\.?n\.?i\b|dni|\bn\.?i\.?[fe]\b|documento|identidad|cedula|\bid card"
_IDENTITY_WORD_FOLLOWS = r"[\s(,]{0,2}(?:es )?(?:mi |el |de )?(?:dni|d\.n\.i|nif|nie)\b"
# Between the word and the number one of these says that the number is something else.
_OTHER_NUMBER = r"telefono|movil|\btel|fecha|naci|capital|hipoteca|euros?|€|\d"
_IDENTITY_WORD_GLUED = ("dni", "nif", "nie")
_DNI_SHAPES = frozenset({(8,), (7,), (1, 3, 3), (2, 3, 3), (4, 4), (2, 2, 2, 2), (1,) * 7, (1,) * 8})
_DNI_LENGTHS = (8, 7)
_NIE_LENGTH = 7
_NIE_BEGIN = rf"[xyz]{_GAP}(?=[0-9])"
_LETTER = rf"(?P<gap>{_GAP})(?P<called>(?:con |la |y )*letra{_GAP}(?:es )?(?:la )?)?(?P<letter>[a-z])(?![0-9a-z])"
_CLOSE = r"(?:[./_-][ ./_-]{0,2})?"
_CURRENCY_FOLLOWS = r"\s{0,2}(?:€|eur|\$|pesos|mil\b)"
_MORE_DIGITS_FOLLOW = r"[ .,-]?\d"  # part of a longer number
_WORD_FOLLOWS = r" {1,9}[a-z0-9]"
_SINGLE_LETTER_WORDS = "aeouy"


class _Letter(NamedTuple):
    """A single letter behind a number. `close`: nothing but a mark stands between, or it is called its letter."""

    letter: str
    end: int
    close: bool


def _nies(digits: _Digits) -> Iterator[_Hit]:
    text = digits.text
    begins = {begin.end(): begin.start() for begin in rule(_NIE_BEGIN).finditer(text)}
    for run in digits.runs:
        start, last = begins.get(run.starts[0]), run.group_ending.get(_NIE_LENGTH)
        if start is None or last is None or not _begins_freely(text, start):
            continue
        number = str("xyz".index(text[start])) + run.digits[:_NIE_LENGTH]
        letter = _letter_behind(text, run.end(last))
        end = letter.end if letter else run.end(last)
        if (letter and _control_letter(number) == letter.letter) or _named_as_identity(text, start, end):
            yield _Hit(start, end, "nie")


def _dnis(digits: _Digits) -> Iterator[_Hit]:
    text = digits.text
    for run in digits.runs:
        groups = len(run.sizes)
        letter = _letter_behind(text, run.end(groups - 1)) if len(run.digits) >= min(_DNI_LENGTHS) else None
        for length in _DNI_LENGTHS:
            for first, last in ((run.group_beginning(len(run.digits) - length), groups - 1), (0, run.group_ending.get(length))):
                if first is None or last is None or not _begins_freely(text, run.starts[first]):
                    continue
                shaped = tuple(run.sizes[first : last + 1]) in _DNI_SHAPES
                own = letter if last == groups - 1 else None
                end = own.end if own else run.end(last)
                number = run.digits[run.offsets[first] : run.offsets[last + 1]]
                checks = own is not None and _control_letter(number) == own.letter and (length == 8 or (shaped and own.close))
                if checks or (shaped and _named_as_identity(text, run.starts[first], end)):
                    yield _Hit(run.starts[first], end, "dni")


def _letter_behind(text: str, end: int) -> _Letter | None:
    found = rule(_LETTER).match(text, end)
    if not found:
        return None
    called = found["called"] is not None
    if not called and found["gap"] and found["letter"] in _SINGLE_LETTER_WORDS and rule(_WORD_FOLLOWS).match(text, found.end()):
        return None  # "12345678 y mi nombre": the letter is a word
    return _Letter(found["letter"], found.end(), called or rule(_CLOSE).fullmatch(found["gap"]) is not None)


def _control_letter(number: str) -> str:
    return _CONTROL_LETTERS[int(number) % 23]


def _begins_freely(text: str, start: int) -> bool:
    """Whether it is no part of a word, other than one that says what it is."""
    return not _begins_within_a_word(text, start) or text[max(0, start - 3) : start] in _IDENTITY_WORD_GLUED


def _begins_within_a_word(text: str, start: int) -> bool:
    return start > 0 and text[start - 1].isalnum()


def _named_as_identity(text: str, start: int, end: int) -> bool:
    """Whether the words around say that this is an identity number, and nothing says that it is an amount."""
    if rule(_CURRENCY_FOLLOWS).match(text, end) or rule(_MORE_DIGITS_FOLLOW).match(text, end):
        return False
    before = text[max(0, start - 32) : start]
    words = list(rule(_IDENTITY_WORD).finditer(before))
    if words:
        return not rule(_OTHER_NUMBER).search(before, words[-1].end())
    return bool(rule(_IDENTITY_WORD_FOLLOWS).match(text, end))


def _near(word: str, text: str, start: int) -> bool:
    return bool(rule(word).search(text, max(0, start - 40), start))
