"""Numbers as people write them: digits with either kind of separator, words, and mixtures such as "150 mil".

A numeral that can be read in two ways carries both readings; nothing here chooses what a number is about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from src.agent.understanding.lexicon import HUNDREDS, SCALES, TEENS, TENS, UNITS

_WORD_VALUES = {**UNITS, **TEENS, **TENS, **HUNDREDS}
_ENGLISH = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18,
    "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
_ENGLISH_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6}
_GLUED = re.compile(
    r"(?P<tens>treinta|cuarenta|cincuenta|sesenta|setenta|ochenta|noventa|treint|cuarent|cincuent|sesent|setent|ochent|novent)"
    r"(?:ay|ai|a|i|y)?(?P<unit>un|uno|una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve)"
)
_GLUED_SCALE = re.compile(r"(?P<front>[a-z]{3,}?)(?P<scale>mil|millon|millones)")
_SLANG_SCALES = {"k": 1000, "kk": 10**6, "m": 10**6, "mm": 10**6, "mll": 10**6, "mill": 10**6, "luca": 1000, "lucas": 1000}

_TOKEN = re.compile(
    r"(?P<digits>\d{1,3}(?:[ \u00a0']\d{3})+(?:[.,]\d{1,2})?(?![\d])|\d+(?:[.,]\d+)*)|(?P<word>[a-z]+)|(?P<other>\S)"
)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number in `plain[start:end]`. `scaled`: its size was said (mil, k, separators), so it is not "150" for 150,000."""

    start: int
    end: int
    value: float
    digits: bool
    scaled: bool = False
    alternatives: tuple[float, ...] = ()

    @property
    def whole(self) -> bool:
        return float(self.value).is_integer()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def find_numerals(plain: str) -> list[Numeral]:
    """Every number in the comparable form of a text, in order."""
    tokens = [_Token(match.lastgroup or "other", match[0], match.start(), match.end()) for match in _TOKEN.finditer(plain)]
    found: list[Numeral] = []
    index = 0
    while index < len(tokens):
        numeral, after = _numeral_at(tokens, index)
        if numeral is None:
            index += 1
            continue
        found.append(numeral)
        index = after
    return found


def digits_value(written: str) -> tuple[float, bool, tuple[float, ...]]:
    """(value, whether its size is certain, other readings) of a run of digits with separators."""
    compact = re.sub(r"[ \u00a0']", "", written)
    dots, commas = compact.count("."), compact.count(",")
    grouped = compact != written
    if dots and commas:
        decimal_mark = "," if compact.rfind(",") > compact.rfind(".") else "."
        other = "." if decimal_mark == "," else ","
        return float(compact.replace(other, "").replace(decimal_mark, ".")), True, ()
    mark = "." if dots else ","
    if not dots and not commas:
        return float(compact), grouped, ()
    parts = compact.split(mark)
    if len(parts) > 2:
        if all(len(part) == 3 for part in parts[1:]):
            return float("".join(parts)), True, ()
        return float(parts[0] + "." + "".join(parts[1:])), False, ()
    whole, fraction = parts
    if len(fraction) == 3 and 1 <= len(whole) <= 3 and whole != "0":
        thousands, decimals = float(whole + fraction), float(f"{whole}.{fraction}")
        return (thousands, True, ()) if mark == "." else (thousands, True, (decimals,))
    return float(f"{whole}.{fraction}"), False, ()


def _numeral_at(tokens: list[_Token], index: int) -> tuple[Numeral | None, int]:
    token = tokens[index]
    if token.kind == "digits":
        return _from_digits(tokens, index)
    if token.kind != "word":
        return None, index + 1
    if token.text in ("medio", "media"):
        return _half(tokens, index)
    if token.text in _ENGLISH:
        return _from_english(tokens, index)
    return _from_words(tokens, index)


def _from_digits(tokens: list[_Token], index: int) -> tuple[Numeral, int]:
    token = tokens[index]
    value, certain, alternatives = digits_value(token.text)
    index += 1
    end = token.end
    scaled = certain
    while index < len(tokens) and tokens[index].kind == "word":
        scale = _scale(tokens[index].text, glued=tokens[index].start == end)
        if scale is None:
            break
        value, scaled, end = value * scale, True, tokens[index].end
        alternatives = tuple(other * scale for other in alternatives)
        index += 1
        if scale >= 1000:
            rest, after = _remainder(tokens, index, scale)
            if rest is not None:
                value, end, index = value + rest.value, rest.end, after
    return Numeral(token.start, end, value, digits=True, scaled=scaled, alternatives=alternatives), index


def _remainder(tokens: list[_Token], index: int, scale: float) -> tuple[Numeral | None, int]:
    """What follows a scale: "2 mil quinientos", "1 millon y medio", "3 mil 500"."""
    if index + 1 < len(tokens) and tokens[index].text == "y" and tokens[index + 1].text in ("medio", "media"):
        half = tokens[index + 1]
        return Numeral(half.start, half.end, scale / 2, digits=False), index + 2
    if index < len(tokens) and tokens[index].kind in ("digits", "word"):
        rest, after = _numeral_at(tokens, index) if tokens[index].text not in ("medio", "media", "un") else (None, index)
        if rest is not None and rest.value < scale and rest.value >= scale / 1000 * 10 and rest.whole:
            return rest, after
    return None, index


def _scale(word: str, *, glued: bool) -> float | None:
    if word in ("mil", "millon", "millones", "thousand", "million"):
        return {**SCALES, **_ENGLISH_SCALES}[word]
    if word in ("k", "kk", "mm", "luca", "lucas", "mill") or (glued and word == "m"):
        return _SLANG_SCALES[word]
    return None


def _half(tokens: list[_Token], index: int) -> tuple[Numeral | None, int]:
    after = index + 1
    if after < len(tokens) and tokens[after].text in ("millon", "kilo", "palo"):
        return Numeral(tokens[index].start, tokens[after].end, 500_000, digits=False, scaled=True), after + 1
    if after < len(tokens) and tokens[after].text == "docena":
        return Numeral(tokens[index].start, tokens[after].end, 6, digits=False), after + 1
    return None, index + 1


def _from_words(tokens: list[_Token], index: int) -> tuple[Numeral | None, int]:
    start = index
    total = group = 0.0
    last, ceiling = "", float("inf")
    end, scaled = tokens[index].start, False
    while index < len(tokens) and tokens[index].kind == "word":
        word = tokens[index].text
        if word == "y":
            follows = tokens[index + 1].text if index + 1 < len(tokens) else ""
            if last == "tens" and _word_value(follows) in range(1, 10):
                index += 1
                continue
            if last == "scale" and follows in ("medio", "media"):
                total += ceiling / 2
                end, index = tokens[index + 1].end, index + 2
            break
        kind, value = _classify(word)
        if kind == "scale" and value < ceiling:
            total += (group or 1) * value
            group, ceiling, scaled = 0, value, True
        elif kind and kind != "scale" and _fits(kind, last):
            group += value
        else:
            break
        last, end = kind, tokens[index].end
        index += 1
    if index == start:
        return None, start + 1
    if not last:
        return None, start + 1
    return Numeral(tokens[start].start, end, total + group, digits=False, scaled=scaled), index


def _fits(kind: str, last: str) -> bool:
    order = {"": 4, "scale": 4, "hundreds": 3, "tens": 2, "teens": 0, "units": 0}
    size = {"hundreds": 4, "tens": 3, "teens": 3, "units": 2}
    return size[kind] <= order[last] or (kind == "units" and last in ("hundreds", "tens"))


@dataclass(frozen=True, slots=True)
class _Glued:
    tens: int
    unit: int


def _classify(word: str) -> tuple[str, float]:
    if word in UNITS:
        return "units", UNITS[word]
    if word in TEENS:
        return "teens", TEENS[word]
    if word in TENS:
        return "tens", TENS[word]
    if word in HUNDREDS:
        return "hundreds", HUNDREDS[word]
    if word in SCALES:
        return "scale", SCALES[word]
    glued = _GLUED.fullmatch(word)
    if glued:
        tens = next(value for name, value in TENS.items() if name.startswith(glued["tens"]))
        return "teens", tens + UNITS[glued["unit"]]
    front = _GLUED_SCALE.fullmatch(word)
    if front and front["scale"] == "mil" and front["front"] in _WORD_VALUES:
        return "scale", _WORD_VALUES[front["front"]] * 1000
    return "", 0


def _word_value(word: str) -> int | None:
    return _WORD_VALUES.get(word)


def _from_english(tokens: list[_Token], index: int) -> tuple[Numeral | None, int]:
    start, total, group, end, scaled = index, 0, 0, tokens[index].start, False
    while index < len(tokens):
        word = tokens[index].text
        if word in _ENGLISH:
            group += _ENGLISH[word]
        elif word == "hundred":
            group = (group or 1) * 100
        elif word in ("thousand", "million"):
            total, group, scaled = total + (group or 1) * _ENGLISH_SCALES[word], 0, True
        elif word in ("-", "and") and index + 1 < len(tokens) and tokens[index + 1].text in _ENGLISH and index > start:
            index += 1
            continue
        else:
            break
        end = tokens[index].end
        index += 1
    return Numeral(tokens[start].start, end, float(total + group), digits=False, scaled=scaled), index
