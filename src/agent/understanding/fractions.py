"""The wider grammar of numbers: signs, spoken decimals, fractions, powers and dozens, on top of the plain numerals.

"tres cuartos de millon" is an amount and "dos coma cinco millones" too; "un cuarto" alone may be a room, so fractions are
marked and whoever counts years or people leaves them alone.
"""

from __future__ import annotations

import re
from dataclasses import replace

from src.agent.understanding.lexicon import SCALES
from src.agent.understanding.numbers import LARGEST, Numeral, find_numerals, word_value

_DENOMINATORS = {
    "medi": 2, "terci": 3, "tercer": 3, "cuart": 4, "quint": 5, "sext": 6, "septim": 7, "octav": 8, "noven": 9, "decim": 10,
    "undecim": 11, "duodecim": 12, "vigesim": 20, "trigesim": 30, "cuadragesim": 40, "quincuagesim": 50, "sexagesim": 60,
    "septuagesim": 70, "octogesim": 80, "nonagesim": 90, "centesim": 100, "ducentesim": 200, "tricentesim": 300,
    "cuadringentesim": 400, "quingentesim": 500, "sexcentesim": 600, "septingentesim": 700, "octingentesim": 800,
    "noningentesim": 900,
    "milesim": 1000, "diezmilesim": 10**4, "cienmilesim": 10**5, "millonesim": 10**6, "milmillonesim": 10**9, "centav": 100,
    "billonesim": 10**12,
}  # fmt: skip
_ORDINAL_UNITS = {
    "primer": 1, "segund": 2, "tercer": 3, "cuart": 4, "quint": 5, "sext": 6, "septim": 7, "octav": 8, "noven": 9,
}  # fmt: skip
_DENOMINATOR = re.compile(
    r"\s+(?P<stem>[a-z]+?)[oa](?P<plural>s?)(?:\s?(?P<unit>primer|segund|tercer|cuart|quint|sext|septim|"
    r"octav|noven)[oa]s?)?\b"
)
_AVOS = re.compile(r"\s+(?P<below>(?:[a-z]+ ){0,4}?[a-z]+?)av[oa]s?\b")
_TENS_OF_AVOS = re.compile(r"\s+y\s+(?P<unit>un|dos|tres|cuatro|cinco|seis|siete|ocho|nueve)av[oa]s?\b")
_SPLIT_TENS = re.compile(
    r"\b(?:treinta|cuarenta|cincuenta|sesenta|setenta|ochenta|noventa) (?P<unit>un[oa]?|dos|tres|cuatro|"
    r"cinco|seis|siete|ocho|nueve)$"
)
_AND_FRACTION = re.compile(r"\s+(?:enteros?\s+)?(?:y|con)\s+(?=[a-z\d])")
_HALF_OR_QUARTER = re.compile(r"(?:medi[oa]|cuarto)\b(?! (?:millon|docena|kilo|hora|ano))")
_JUXTAPOSED = re.compile(r"\s+(?=[a-z])")
_SPOKEN_POINT = re.compile(r"\s+(?:coma|punto)\s+")
_POINT_FIRST = re.compile(r"\W*(?:coma|punto)\s+")
_NUMBER_WORDS = (
    r"(?:cero|un[oa]?|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|trece|catorce|quince|"
    r"cien|ciento|[a-z]+cient[oa]s|quinient[oa]s|"
    r"(?:dieci|veinti|treint|cuarent|cincuent|sesent|setent|ochent|novent)[a-z]*|veinte)"
)
_SPOKEN_WITH = re.compile(
    rf"\s+con\s+(?={_NUMBER_WORDS}(?: (?:y )?{_NUMBER_WORDS}){{0,4}}\W*(?:$|[.,;!?]|euros?|millones|por ciento))"
)
_SLASH = re.compile(r"\s?/\s?(?P<below>\d+)(?![\d,]{0,12}[/.]\d)")
_OVER = re.compile(r"\s+(?:sobre|dividido (?:por|entre))\s+")
_POWER = re.compile(r"\s?(?:\^|\*\*|elevado a(?: la)?)\s?(?P<exponent>[+-]?\d+(?:[.,]\d+)?)|e(?P<tens>[+-]?\d+)\b")
_SPOKEN_POWER = re.compile(r"\s+elevado a(?: la)?\s+")
_SUFFIX = re.compile(r"\s?(?P<suffix>[kmgtb])\b(?![.'/])")
_SUFFIXES = {"k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_GROUPS = re.compile(r"\s+(?P<group>decena|docena|veintena|centena|centenar|millar)(?:e?s)?\b")
_HALF_GROUP = re.compile(r"\s+y\s+medi[oa]\b")
_GROUP_SIZES = {"decena": 10, "docena": 12, "veintena": 20, "centena": 100, "centenar": 100, "millar": 1000}
_NOT_A_NUMBER = re.compile(
    r"(?<![\w.])(?:[a-z]+\d+[a-z\d]*|\d+(?:am|pm|st|nd|rd|th|d|x|v|kms?|cm|kgs?|mg|ml|gb|mb|tb|hz|kw|cv|hp|m2|mts|min|seg|hs?)(?![a-z]))(?![\w.]*\d)|"
    r"(?:\bhttps?:/|\bwww\.)\S+|(?<![\w-])[a-z\d-]+\.(?:com|es|org|net|html?|php|pdf|jpe?g|png)\b\S*|(?<![a-z])[a-z]+-\d+|(?<!\d)\d+-[a-z]+\d*"
)
_LEADING_POINT = re.compile(r"(?:^|(?<=[\s(-]))[.,]$")
_MINUS_BEFORE = re.compile(r"(?:^|[\s(])(?:-\s?|(?:menos|negativo)\s+)$")
_MINUS_FROM = re.compile(r"\d\s*-\s?$")
_OF_SCALE = re.compile(r"\s+(?:de\s+)?(?P<scale>mill(?:on|ones)|mil|billon(?:es)?)\b")
_HALF_WORD = re.compile(r"\b(?:medi[oa]|mitad)\b(?=\s+(?:docena|millon|kilo|palo)|\W|$)")
_PART_OF = re.compile(r"\b(?:la|una) (?P<stem>tercer|cuart|quint|sext|septim|octav|noven|decim|centesim|milesim)a parte\b")
_HALF_OF = re.compile(r"\b(?:la )?mitad de (?=(?:un |medio )?(?:millon|kilo)\b)")


def find_numbers(plain: str) -> list[Numeral]:
    """Every number, fractions and powers included, in order."""
    codes = {position for match in _NOT_A_NUMBER.finditer(plain) for position in range(*match.span())}
    numerals = [each for each in find_numerals(plain) if each.start not in codes]
    found: list[Numeral] = []
    index = 0
    while index < len(numerals):
        number, index = _extended(plain, numerals, index)
        if abs(number.value) <= LARGEST:
            found.append(_signed(plain, number))
    return _with_halves(plain, found)


def _extended(plain: str, numerals: list[Numeral], index: int) -> tuple[Numeral, int]:
    """The numeral at `index` with the decimals, fraction, power or suffix that follow it, and the next index."""
    number = numerals[index]
    index += 1
    if number.digits and _LEADING_POINT.search(plain[max(0, number.start - 2) : number.start]):
        digits = plain[number.start : number.end]
        if digits.isdigit():
            number = replace(number, start=number.start - 1, value=float(f"0.{digits}"), sized=False)
    if (
        not number.digits
        and _POINT_FIRST.fullmatch(plain[: min(number.start, 20)])
        and number.start < 20
        and number.value < 1000
    ):
        number = replace(number, start=0, value=float(f"0.{int(number.value)}"), fraction=True)
    point = _SPOKEN_POINT.match(plain, number.end) or (None if number.digits else _SPOKEN_WITH.match(plain, number.end))
    if point and index < len(numerals) and numerals[index].start == point.end():
        number, index = _spoken_decimals(plain, number, numerals, index)
    slash = _SLASH.match(plain, number.end) if number.digits else None
    if slash and float(slash["below"]):
        number = _fraction(number, number.value, float(slash["below"]), slash.end())
        index = _skip(numerals, index, number.end)
    over = _OVER.match(plain, number.end)
    if over and index < len(numerals) and numerals[index].start == over.end() and numerals[index].value:
        number, index = _fraction(number, number.value, numerals[index].value, numerals[index].end), index + 1
    mixed = _mixed(plain, number, numerals, index)
    if mixed:
        return mixed
    tens = _TENS_OF_AVOS.match(plain, number.end) if not number.digits else None
    if (
        tens
        and (last := word_value(plain[number.start : number.end].rsplit(maxsplit=1)[-1]))[0] == "tens"
        and number.value > last[1]
    ):
        below_value = last[1] + word_value(tens["unit"])[1]
        return _fraction(number, number.value - last[1], below_value, tens.end()), _skip(numerals, index, tens.end())
    below = _denominator(plain, number.end, plural=number.value > 1)
    if below and number.value.is_integer() and number.value > 0 and not number.fraction:
        split = _SPLIT_TENS.search(plain[number.start : number.end])  # "treinta dos quintos" is 30 and two fifths
        above = word_value(split["unit"])[1] if split else 0
        number = replace(_fraction(number, above or number.value, below[0], below[1]))
        if split:
            number = replace(number, value=number.value + numerals[index - 1].value - above)
        index = _skip(numerals, index, number.end)
        scale = _OF_SCALE.match(plain, number.end)
        if scale:
            factor = SCALES[scale["scale"]]
            number = replace(number, value=number.value * factor, end=scale.end(), scale=factor, sized=True, fraction=False)
            index = _skip(numerals, index, number.end)
    return _powered(plain, number, numerals, index)


def _spoken_decimals(plain: str, whole: Numeral, numerals: list[Numeral], index: int) -> tuple[Numeral, int]:
    """ "cinco coma dos tres" is 5.23; a scale at the end multiplies it all."""
    digits, end, scale = "", whole.end, 1.0
    while index < len(numerals) and (not digits or plain[end : numerals[index].start].isspace()):
        part = numerals[index]
        scale = part.scale
        digits += str(int(part.value / scale)) if part.value.is_integer() else ""
        end, index = part.end, index + 1
        if scale > 1:
            break
    follows = _OF_SCALE.match(plain, end)
    if scale == 1 and follows:
        scale, end = SCALES[follows["scale"]], follows.end()
        index = _skip(numerals, index, end)
    value = float(f"{int(whole.value)}.{digits or '0'}") * scale
    return replace(whole, end=end, value=value, scale=scale, sized=scale > 1, alternatives=()), index


def _mixed(plain: str, whole: Numeral, numerals: list[Numeral], index: int) -> tuple[Numeral, int] | None:
    """ "uno y medio", "tres y dos tercios", "1 1/2"; None when no fraction follows."""
    if whole.fraction or not whole.value.is_integer():
        return None
    linked = _AND_FRACTION.match(plain, whole.end)
    joined = linked or (None if whole.digits else _JUXTAPOSED.match(plain, whole.end))
    after = joined.end() if joined else whole.end
    half = _HALF_OR_QUARTER.match(plain, after) if linked else None
    if half:
        part_value = 0.25 if half[0] == "cuarto" else 0.5
        mixed = replace(whole, end=half.end(), value=whole.value + part_value, fraction=True)
        return mixed, _skip(numerals, index, half.end())
    if index >= len(numerals):
        return None
    part = numerals[index]
    if joined and part.start == after:
        below = _denominator(plain, part.end, plural=part.value > 1)
        if below and part.value < below[0]:
            value = whole.value + part.value / below[0]
            return replace(whole, end=below[1], value=value, fraction=True), _skip(numerals, index + 1, below[1])
    slash = _SLASH.match(plain, part.end) if part.digits else None
    if (
        slash
        and whole.digits
        and plain[whole.end : part.start].strip() in ("", "y", "con")
        and 0 < part.value < float(slash["below"])
    ):
        value = whole.value + part.value / float(slash["below"])
        return replace(whole, end=slash.end(), value=value, fraction=True), _skip(numerals, index + 1, slash.end())
    return None


def _fraction(number: Numeral, above: float, below: float, end: int) -> Numeral:
    return replace(number, end=end, value=above / below, fraction=True, sized=False, scale=1, alternatives=())


def _denominator(plain: str, position: int, *, plural: bool) -> tuple[float, int] | None:
    """The denominator that starts there and where it ends: "tercios", "trigesimos quintos", "treinta y dosavos"."""
    match = _DENOMINATOR.match(plain, position)
    below = _ordinal(match["stem"]) if match and bool(match["plural"]) == plural else None
    if match and below:
        return below + (_ORDINAL_UNITS[match["unit"]] if match["unit"] else 0), match.end()
    avos = _AVOS.match(plain, position)
    if not avos:
        return None
    stem = avos["below"].replace("z", "c")
    for ending in ("", "e", "a", "o", "ta", "s", "os"):
        numerals = find_numerals(stem + ending)
        if len(numerals) == 1 and numerals[0].end == len(stem + ending) and numerals[0].start == 0:
            return numerals[0].value, avos.end()
    return None


def _ordinal(stem: str) -> float | None:
    """The number behind an ordinal's stem: "terci", "vigesim", "doscientesim", "diezmilesim"."""
    known = _DENOMINATORS.get(stem)
    if known or not stem.endswith("esim"):
        return known
    for ending in ("", "os", "o", "e", "a"):
        value = word_value(stem[:-4] + ending)[1]
        if value:
            return value
    return None


def _powered(plain: str, number: Numeral, numerals: list[Numeral], index: int) -> tuple[Numeral, int]:
    if not number.digits or number.fraction:
        spoken = _SPOKEN_POWER.match(plain, number.end)
        if (
            spoken
            and index < len(numerals)
            and numerals[index].start == spoken.end()
            and abs(number.value) <= 1000
            and numerals[index].value <= 90
        ):
            exponent = numerals[index]
            return replace(number, end=exponent.end, value=number.value**exponent.value, fraction=True), index + 1
        return _grouped(plain, number), index
    power = _POWER.match(plain, number.end)
    if power:
        base = number.value
        try:
            value = (
                base ** float(power["exponent"].replace(",", ".")) if power["exponent"] else base * 10.0 ** int(power["tens"])
            )
        except (OverflowError, ZeroDivisionError):
            return number, index
        if isinstance(value, float) and abs(value) < 1e300:
            end = power.end()
            return replace(number, end=end, value=value, fraction=True, alternatives=()), _skip(numerals, index, end)
    suffix = _SUFFIX.match(plain, number.end) if not number.scale > 1 else None
    if suffix:
        factor = _SUFFIXES[suffix["suffix"]]
        value = number.value * factor
        return replace(number, end=suffix.end(), value=value, scale=factor, sized=True, alternatives=(), fraction=True), index
    return _grouped(plain, number), index


def _grouped(plain: str, number: Numeral) -> Numeral:
    """ "dos docenas" is 24."""
    group = _GROUPS.match(plain, number.end)
    if not group or number.fraction:
        return number
    half = _HALF_GROUP.match(plain, group.end())
    amount = number.value + 0.5 if half else number.value
    return replace(number, end=(half or group).end(), value=amount * _GROUP_SIZES[group["group"]])


def _skip(numerals: list[Numeral], index: int, end: int) -> int:
    while index < len(numerals) and numerals[index].start < end:
        index += 1
    return index


def _signed(plain: str, number: Numeral) -> Numeral:
    window = max(0, number.start - 12)
    minus = _MINUS_BEFORE.search(plain[window : number.start])
    if minus and not _MINUS_FROM.search(plain[window : number.start]):
        return replace(number, start=window + minus.start() + (plain[window + minus.start()] not in "-mn"), value=-number.value)
    return number


def _with_halves(plain: str, found: list[Numeral]) -> list[Numeral]:
    """ "la mitad de un millon"; a "medio" that stands alone counts as well, marked as a fraction."""
    halves: list[Numeral] = []
    for match in _HALF_OF.finditer(plain):
        owner = next((number for number in found if number.start == match.end()), None)
        if owner is not None:
            found = [
                replace(number, start=match.start(), value=number.value / 2) if number is owner else number for number in found
            ]
    halves += [
        Numeral(match.start(), match.end(), 0.5, digits=False, fraction=True)
        for match in _HALF_WORD.finditer(plain)
        if not any(number.start <= match.start() < number.end for number in found)
    ]
    for match in _PART_OF.finditer(plain):
        found = [number for number in found if not match.start() <= number.start < match.end()]
        halves.append(Numeral(match.start(), match.end(), 1 / _DENOMINATORS[match["stem"]], digits=False, fraction=True))
    return sorted([*found, *halves], key=lambda number: number.start)
