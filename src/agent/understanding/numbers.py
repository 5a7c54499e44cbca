"""Numbers as people write them: digits with either kind of separator, words, and mixtures such as "150 mil".

A numeral that can be read in two ways carries both readings; nothing here chooses what a number is about.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from src.agent.understanding.lexicon import ENGLISH_NUMBERS, HUNDREDS, SCALES, TEENS, TENS, UNITS

Kind = Literal["", "units", "teens", "tens", "hundreds", "scale", "english"]

_WORDS: dict[str, tuple[Kind, int]] = {
    **{word: ("units", value) for word, value in UNITS.items()},
    **{word: ("teens", value) for word, value in TEENS.items()},
    **{word: ("tens", value) for word, value in TENS.items()},
    **{word: ("hundreds", value) for word, value in HUNDREDS.items()},
    **{word: ("scale", value) for word, value in SCALES.items()},
}
_SCALES_AFTER_DIGITS = {
    **SCALES, "thousand": 10**3, "million": 10**6, "k": 10**3, "kk": 10**6, "mm": 10**6, "mill": 10**6, "mll": 10**6,
    "luca": 10**3, "lucas": 10**3, "kilo": 10**6, "kilos": 10**6, "palo": 10**6, "palos": 10**6,
}  # fmt: skip
_SLANG_SCALES = ("kilo", "kilos", "palo", "palos")
_SLANG_PLURALS = ("kilos", "palos", "lucas")
_AND_A_HALF = (["y", "medio"], ["y", "media"], ["y", "pico"])
_SCALES_GLUED_ONLY = {"m": 10**6}
_EUROS = ("€", "eur", "euros")

_VAGUE = frozenset(("pico", "tantos", "tantas", "muchos", "muchas", "algo", "pocos", "pocas", "largos"))
_GLUED_VAGUENESS = re.compile(
    r"(?P<ten>veint|treint|cuarent|cincuent|sesent|setent|ochent|novent)[aei]?[iy]?(?:pico|tantos|tantas)"
)
_GLUED_TENS = re.compile(r"(?P<tens>treint|cuarent|cincuent|sesent|setent|ochent|novent)(?:a|ai|ay|y|i)?(?P<unit>[a-z]+)")
_GLUED_VEINTI = re.compile(r"veint[iey](?P<unit>un[oa]?|dos|tres|cuatro|cinco|seis|siete|ocho|nueve)")
_TOKEN = re.compile(
    r"(?P<digits>\d{1,3}(?:[ \u00a0']\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d{1,3}(?:\.\d{3})+(?:,\d+)?(?![.,]?\d)|"
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![.,]?\d)|"
    r"(?<!\d[.,])\d+[.,]\d+(?![.,]?\d)|\d+)|(?P<word>[a-z]+)|(?P<other>\S)"
)
_HIGHEST_AFTER: dict[str, int] = {"": 4, "scale": 4, "hundreds": 3, "tens": 1, "teens": 0, "units": 0}
_SIZE: dict[str, int] = {"hundreds": 4, "tens": 3, "teens": 3, "units": 1}


LARGEST = 1e100
"""A longer row of digits is no number of anything; what is computed with smaller ones stays finite."""


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number in `plain[start:end]`.

    `scale` is the multiplier that was said (1000 for "mil" or "k"), `sized` that its size is beyond doubt, unlike "150" which
    may stand for 150,000. `slang`: kilo and palo, which do not mean the same everywhere.
    `fraction`: a part, a power or a suffix that only the wider grammar reads; it counts neither years nor people.
    """

    start: int
    end: int
    value: float
    digits: bool
    scale: float = 1
    sized: bool = False
    slang: bool = False
    fraction: bool = False
    rough: bool = False
    alternatives: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def find_numerals(plain: str) -> list[Numeral]:
    """Every number in the comparable form of a text, in order."""
    tokens = [_Token(match.lastgroup or "", match[0], match.start(), match.end()) for match in _TOKEN.finditer(plain)]
    tokens, rough = _without_vagueness(tokens)
    found: list[Numeral] = []
    index = 0
    while index < len(tokens):
        numeral, after = _numeral_at(tokens, index)
        if numeral is not None and numeral.value <= LARGEST:
            vague = any(numeral.start <= place < numeral.end for place in rough)
            found.append(replace(numeral, rough=True) if vague else numeral)
        index = max(after, index + 1)
    return found


def _without_vagueness(tokens: list[_Token]) -> tuple[list[_Token], list[int]]:
    """The tokens of "cuarenta y muchos mil" without "y muchos", and where such words stood."""
    kept: list[_Token] = []
    rough: list[int] = []
    index = 0
    while index < len(tokens):
        words = [token.text for token in tokens[index : index + 3]]
        glued = _GLUED_VAGUENESS.fullmatch(words[0])
        if len(words) == 3 and words[0] in ("y", "i", "e") and words[1] in _VAGUE and words[2] in _SCALES_AFTER_DIGITS:
            rough.append(tokens[index].start)
            index += 2
        elif glued and len(words) > 1 and words[1] in _SCALES_AFTER_DIGITS:
            rough.append(tokens[index].start)
            ten = next(word for word in TENS if word.startswith(glued["ten"]))
            kept.append(_Token("word", ten, tokens[index].start, tokens[index].end))
            index += 1
        else:
            kept.append(tokens[index])
            index += 1
    return kept, rough


def digits_value(written: str) -> tuple[float, bool, tuple[float, ...]]:
    """(value, whether its size is certain, other readings) of a run of digits with separators."""
    compact = re.sub(r"[ \u00a0']", "", written)
    dots, commas = compact.count("."), compact.count(",")
    if dots and commas:
        decimal_mark = "," if compact.rfind(",") > compact.rfind(".") else "."
        thousands_mark = "." if decimal_mark == "," else ","
        whole, _, fraction = compact.replace(thousands_mark, "").partition(decimal_mark)
        return float(f"{whole}.{fraction.replace(decimal_mark, '')}"), True, ()
    if not dots and not commas:
        return float(compact), compact != written, ()
    mark = "." if dots else ","
    whole, *groups = compact.split(mark)
    if len(groups) > 1 and all(len(group) == 3 for group in groups):
        return float(whole + "".join(groups)), True, ()
    fraction = "".join(groups)
    if len(groups) == 1 and len(fraction) == 3 and len(whole) <= 3 and not whole.startswith("0"):
        thousands, decimal = float(whole + fraction), float(f"{whole}.{fraction}")
        return (decimal, True, (thousands,)) if mark == "," else (thousands, True, ())
    return float(f"{whole}.{fraction}"), False, ()


def word_value(word: str) -> tuple[Kind, int]:
    """The kind and value of one number word, also when glued: "treintaycinco", "dosmil"."""
    known = _WORDS.get(word)
    if known:
        return known
    veinti = _GLUED_VEINTI.fullmatch(word)
    if veinti:
        return "teens", 20 + UNITS[veinti["unit"]]
    glued = _GLUED_TENS.fullmatch(word)
    if glued:
        unit = glued["unit"].removeprefix("y").removeprefix("i")
        if unit in UNITS and unit != "cero":
            return "teens", TENS[glued["tens"] + "a"] + UNITS[unit]
    if word.endswith("mil") and word[:-3] in _WORDS:
        return "scale", _WORDS[word[:-3]][1] * 1000
    return "", 0


def _numeral_at(tokens: list[_Token], index: int, below: float = math.inf) -> tuple[Numeral | None, int]:
    token = tokens[index]
    if token.kind == "digits":
        return _from_digits(tokens, index, below)
    if token.kind != "word" or (token.text in ("cien", "ciento") and index and tokens[index - 1].text == "por"):
        return None, index + 1
    if token.text in ("medio", "media"):
        return _half(tokens, index)
    if token.text == "par" or [each.text for each in tokens[index : index + 2]] == ["un", "par"]:
        after = index + (1 if token.text == "par" else 2)
        return Numeral(token.start, tokens[after - 1].end, 2.0, digits=False), after
    if token.text in ENGLISH_NUMBERS and token.text not in SCALES:
        return _from_english(tokens, index)
    return _from_words(tokens, index)


def _from_digits(tokens: list[_Token], index: int, below: float) -> tuple[Numeral, int]:
    """The number whose digits stand there. What follows its scale joins it while scales shrink: "2 millones 300 mil 500" does,
    the second of "19 mil 19 mil" does not, so that no list of amounts is read one inside the other."""
    token = tokens[index]
    value, sized, alternatives = digits_value(token.text)
    index, end, scale, slang = index + 1, token.end, 1.0, False
    while index < len(tokens) and tokens[index].kind == "word":
        word, glued = tokens[index].text, tokens[index].start == end
        beside = tokens[index + 1].text if index + 1 < len(tokens) else ""
        factor = _SCALES_AFTER_DIGITS.get(word) or (_SCALES_GLUED_ONLY.get(word) if glued or beside in _EUROS else None)
        if factor is None or (scale > 1 and factor >= scale and factor != 10**6):
            break
        value, scale, sized, slang, end = (
            value * factor,
            scale * factor,
            True,
            slang or word in _SLANG_SCALES,
            tokens[index].end,
        )
        alternatives = ()  # "1,500 k": only the decimal reading can still be multiplied
        index += 1
        inside = tokens[index] if index < len(tokens) else None
        if (
            glued
            and inside
            and inside.kind == "digits"
            and inside.start == end
            and inside.text.isdigit()
            and len(inside.text) <= 3
        ):
            value, end, index = value + int(inside.text) * factor / 10 ** len(inside.text), inside.end, index + 1  # "1k7"
            break
        extra, after = _after_scale(tokens, index, factor) if factor < below else (0.0, index)
        if extra:
            value, end, index = value + extra, tokens[after - 1].end, after
            break
    return Numeral(token.start, end, value, True, scale, sized, slang, alternatives=alternatives), index


def _after_scale(tokens: list[_Token], index: int, scale: float) -> tuple[float, int]:
    """What follows a scale: "2 mil quinientos", "1 millon y medio", "3 mil 500"."""
    words = [token.text for token in tokens[index : index + 2]]
    if len(words) == 2 and words[0] == "y" and words[1] in ("medio", "media", "pico"):
        return (0.0 if words[1] == "pico" else scale / 2), index + 2
    if not words or tokens[index].text in ("medio", "media", "un", "una", "y"):
        return 0.0, index
    rest, after = _numeral_at(tokens, index, scale)
    if rest is None or rest.value >= scale or not rest.value.is_integer():
        return 0.0, index
    filled = rest.value * 10 >= scale / 10 or not tokens[index].text.isdigit()  # not "2 mil 5"
    return (rest.value, after) if filled else (0.0, index)


def _half(tokens: list[_Token], index: int) -> tuple[Numeral | None, int]:
    noun = tokens[index + 1].text if index + 1 < len(tokens) else ""
    if noun in ("millon", "kilo", "palo"):
        end = tokens[index + 1].end
        slang = noun in _SLANG_SCALES
        return Numeral(tokens[index].start, end, 500_000.0, False, 10**6, sized=True, slang=slang), index + 2
    if noun == "docena":
        return Numeral(tokens[index].start, tokens[index + 1].end, 6.0, digits=False), index + 2
    return None, index + 1


@dataclass(slots=True)
class _Spelling:
    """A number being read word by word. `group` is below a thousand, `section` below a million, `total` the rest."""

    total: float = 0
    section: float = 0
    group: float = 0
    lead: float = 0
    ceiling: float = float("inf")
    smallest: float = float("inf")
    last: Kind = ""
    slang: bool = False

    def add(self, word: str, *, number_follows: bool) -> bool:
        """Whether the word goes on with the number; if so, it is taken in."""
        kind, value = word_value(word)
        if (self.last == "units" and self.group == 1 and word in _SLANG_SCALES) or (self.last and word in _SLANG_PLURALS):
            kind, value, self.slang = "scale", _SCALES_AFTER_DIGITS[word], True
        if word == "-" and self.last == "units":
            return True  # "dos-cents"
        if self.last == "units" and self._times_a_hundred(word, number_follows=number_follows):
            self.last, self.group = "hundreds", self.group * 100
            return True
        if kind == "scale":
            if not self._multiply(value):
                return False
        elif kind and _SIZE[kind] <= _HIGHEST_AFTER[self.last]:
            self.group += value
        else:
            return False
        self.last = kind
        return True

    def _times_a_hundred(self, word: str, *, number_follows: bool) -> bool:
        """ "dos cientos", and "un ciento" when it stands alone."""
        alone = self.group == 1 and not self.total and not self.section and not number_follows
        return 0 < self.group < 10 and (word in ("cientos", "cents", "centos") or (word == "ciento" and alone))

    def _multiply(self, scale: int) -> bool:
        if scale < 10**6 and not self.section:
            self.lead = self.lead or self.group or 1
            self.section, self.group = (self.group or 1) * scale, 0
        elif 10**6 <= scale < self.ceiling:
            self.lead = self.lead or self.section or self.group or 1
            self.total, self.section, self.group = self.total + ((self.section + self.group) or 1) * scale, 0, 0
            self.ceiling = scale
        else:
            return False
        self.smallest = scale
        return True

    def numeral(self, start: int, end: int) -> Numeral:
        amount = float(self.total + self.section + self.group)
        sized = self.smallest < float("inf")
        whole = sized and not self.group and not amount % self.lead
        scale = amount / self.lead if whole else self.smallest
        return Numeral(start, end, amount, False, scale if sized else 1, sized, self.slang)


def _from_words(tokens: list[_Token], index: int) -> tuple[Numeral | None, int]:
    start, spelling = index, _Spelling()
    while index < len(tokens):
        word = tokens[index].text
        if spelling.last == "scale" and [each.text for each in tokens[index : index + 2]] in _AND_A_HALF:
            spelling.total += spelling.smallest / 2 if tokens[index + 1].text != "pico" else 0
            index += 2
            break
        if _joins(tokens, index, spelling):
            spelling.last = "tens" if spelling.last == "teens" else spelling.last
        elif not spelling.add(word, number_follows=_number_follows(tokens, index)):
            break
        index += 1
    if not spelling.last:
        return None, start + 1
    return spelling.numeral(tokens[start].start, tokens[index - 1].end), index


def _joins(tokens: list[_Token], index: int, spelling: _Spelling) -> bool:
    """Whether a "y" or a hyphen stands between tens and units; after a scale only where the text ends ("mil y uno")."""
    word = tokens[index].text
    following = [each.text for each in tokens[index + 1 : index + 4]]
    if word not in ("y", "i", "e", "-") or not following:
        return False
    while following and following[0] in ("y", "i", "e", "-"):
        following = following[1:]
    units = bool(following) and word_value(following[0])[0] == "units"
    if word == "-":
        return units and spelling.last == "tens"
    ten = spelling.last == "teens" and spelling.group == 10
    return units and (spelling.last == "tens" or ten or (spelling.last == "scale" and index + 2 == len(tokens)))


def _number_follows(tokens: list[_Token], index: int) -> bool:
    return index + 1 < len(tokens) and bool(word_value(tokens[index + 1].text)[0])


def _from_english(tokens: list[_Token], index: int) -> tuple[Numeral | None, int]:
    start, end = index, tokens[index].start
    total = group = scale = 0.0
    while index < len(tokens):
        word = tokens[index].text
        if word in ENGLISH_NUMBERS:
            group += ENGLISH_NUMBERS[word]
        elif word == "hundred":
            group = (group or 1) * 100
        elif word in ("thousand", "million"):
            scale = _SCALES_AFTER_DIGITS[word]
            total, group = total + (group or 1) * scale, 0
        elif word in ("-", "and") and index + 1 < len(tokens) and tokens[index + 1].text in ENGLISH_NUMBERS:
            index += 1
            continue
        else:
            break
        end, index = tokens[index].end, index + 1
    return Numeral(tokens[start].start, end, total + group, False, scale or 1, sized=scale > 1), index
