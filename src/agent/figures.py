"""The amounts, percentages, dates, links and addresses that a text names, in digits or in words.

One reader for both sides of the last check: what a reply says, and what the texts that it may quote say. It reads what a
customer would take for a figure, so that nothing gets past the check by being written differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import msgspec

from src.agent.lookalikes import fold, rule


class Figure(msgspec.Struct, frozen=True):
    """A value in one fixed spelling, and the words it was read from."""

    value: str
    evidence: str


class Figures(msgspec.Struct, frozen=True):
    """All that was found, in reading order, by kind.

    Amounts in euros and percentages are plain decimal numbers ("150000", "7.33", "8" for 8 %); dates are "2026-12-20",
    "12-20" without a year, "2026-12" without a day, or the words themselves when no such day exists. Links come without
    scheme, "www." and closing slash; links and e-mails are lower case; phone numbers are digits only.
    """

    amounts: tuple[Figure, ...] = ()
    percentages: tuple[Figure, ...] = ()
    dates: tuple[Figure, ...] = ()
    links: tuple[Figure, ...] = ()
    emails: tuple[Figure, ...] = ()
    phones: tuple[Figure, ...] = ()


def figures(text: str) -> Figures:
    """Every figure of the text."""
    left = fold(rule("[0-9]\ufe0f?\u20e3").sub(" ", text)).text  # 1️⃣ numbers an option, it is no amount
    left = rule(r"[*_~`|]").sub("", rule(r"[ \t]+").sub(" ", left))
    left, emails = _take(left, _EMAIL, lambda match: match[0])
    left, links = _take(left, _LINK, lambda match: plain_link(match[0]))
    left, spoken = _take(left, _SPOKEN_PHONE, lambda match: match[0])
    left = _words_to_digits(left)
    left, dates = _take(left, _DATE, _date)
    left, phones = _take(left, _PHONE, lambda match: "".join(filter(str.isdigit, match[0])))
    percentages, amounts = _numbers(left)
    return Figures(amounts=amounts, percentages=percentages, dates=dates, links=links, emails=emails, phones=phones + spoken)


def spelled(number: Decimal | int | float | str) -> str:
    """The one spelling of a number: no exponent, no closing zeros."""
    text = format(Decimal(str(number)), "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def plain_link(link: str) -> str:
    """The one spelling of a link: what tells two addresses apart, without what a sentence puts around them."""
    bare = rule(r"^(?:https?://)?(?:www\.)?").sub("", link.lower())
    return bare.rstrip(".,;:!?)]}»\"'").rstrip("/")


def date_spellings(iso_day: str) -> tuple[str, str, str]:
    """The spellings of an ISO day under which `figures` may find it: in full, without year, without day."""
    return iso_day, iso_day[5:], iso_day[:7]


def _take(text: str, pattern: str, value_of: Callable[[re.Match[str]], str]) -> tuple[str, tuple[Figure, ...]]:
    """What the pattern finds, and the text without it, so that no later pattern reads it as something else."""
    found = tuple(Figure(value_of(match), match[0].strip()) for match in rule(pattern).finditer(text))
    return (rule(pattern).sub(" ¦ ", text) if found else text), found


_EMAIL = r"[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4}"
_TOP_LEVEL = "com|es|net|org|eu|info|io|app|me|ly|co|gl|cat|gal|eus|gob|ru|cn|xyz|site|online|link|shop|top|biz|dev|ai|tv|uk|us"
_LINK = (
    r"(?:https?://|www\.|javascript:|data:)\S+"
    rf"|(?<![a-z0-9@.])[a-z0-9-]{{1,63}}(?:\.[a-z0-9-]{{1,63}}){{0,4}}\.(?:{_TOP_LEVEL})\b(?![.][a-z])(?:[/?#:]\S*)?"
    r"|(?<![a-z0-9@.])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,4}\.[a-z]{2,12}/\S+"
    # Addresses that are written so that no program takes them for one.
    r"|\bhxxps?:\S+|\b[a-z0-9-]{1,63} ?[\[({] ?(?:\.|dot|punto) ?[\])}] ?[a-z]{2,12}\b"
    r"|\b[a-z0-9-]{1,63} (?:punto|dot) (?:com|es|net|org|info|io)\b"
)
_PHONE = (
    r"(?<![\d.,])(?:\+|00)\d(?:[ ().-]{0,2}\d){7,14}(?!\d)|(?<![\d.,])[6-9]\d\d(?:[ -]?\d{3}){2}(?!\d)"
    r"|(?<![\d.,])[6-9]\d\d(?:[ -]?\d\d){3}(?!\d)|(?<![\d.,])\d{10,}(?!\d)"
)
_DIGIT_WORD = "cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|zero|one|two|three|four|five|six|seven|eight|nine"
_SPOKEN_PHONE = rf"\b(?:{_DIGIT_WORD})(?:[ ,.-]{{1,3}}(?:{_DIGIT_WORD})){{5,14}}\b"

# --- numbers ----------------------------------------------------------------------------------------------------------

# Three digits behind a separator are thousands, in Spanish and in English; anything else behind one is a fraction.
_NUMBER = (
    r"(?<![\d.,])(?:[1-9]\d{0,2}(?P<group>[. ,'])\d{3}(?:(?P=group)\d{3}){0,3}(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?)"
    r"(?![.,]?\d)"
)
_PERCENT_FOLLOWS = r" ?(?:[%‰]|por ?100\b(?! ?(?:€|eur))|por mil\b|per ?cent\b)"
_SCALE = r" ?(?:(?P<thousand>mil\b|k\b|thousand\b)|(?P<million>millon(?:es)?\b|m\b|million\b))(?: de\b)?"
_CURRENCY = r" ?(?:€|euros?\b|eur\b|\$|dolares\b|usd\b|pavos\b)"
_CENTS = r" (?:(?:con|y|and) )?(?P<cents>\d{1,2})(?: (?:centimos?|cents?)\b|(?! ?[\d%€$]|[.,]\d| [a-z]))"
_EVERY = (
    r" ?(?:al (?:mes|ano)\b|por (?:mes|ano)\b|(?:a|per) (?:month|year)\b|mensual|anual|monthly|yearly|cada mes|"
    r"/ ?(?:mes|ano|month|year)\b|centimos?\b|cents?\b)"
)
_COUNTED = (
    r" ?(?:anos?|mes(?:es)?|dias?|horas?|hij[oa]s?|personas?|coberturas?|opciones|preguntas?|veces|minutos?|h|"
    r"years?|months?|days?|hours?|children|people|options|questions?|minutes?)\b"
)
_MONEY_BEFORE = (
    r"(?:€|\$|\beur|\b(?:primas?|precios?|cuotas?|cuest\w{1,3}|costaria|coste|capital|pag\w{1,5}|importe|suma|cobr\w{1,5}|"
    r"premium|price|costs?|pay)\b(?: (?:es|son|de|del|seria|sera|queda|en|por|unos|solo|is|of|would|be|only|"
    r"about)){0,3}) ?[:=]? ?$"
)
_NOT_MONEY_BEFORE = (
    r"(?:\bpostal|\bcp|\bley|\bart(?:iculo|s)?\.?|\brdl?|\bclave|\bregistro|\bnumero|n\.?º|\banos?(?: \w{1,3})?|\ben) ?:?$"
)


def _numbers(text: str) -> tuple[tuple[Figure, ...], tuple[Figure, ...]]:
    """The percentages, and the amounts of money."""
    percentages: list[Figure] = []
    amounts: list[Figure] = []
    end = 0
    for match in rule(_NUMBER).finditer(text):
        if match.start() < end:  # the cents of the amount before
            continue
        number, before = _decimal(match[0]), text[max(0, match.start() - 40) : match.start()]
        percent = rule(_PERCENT_FOLLOWS).match(text, match.end())
        if percent:
            percentages.append(Figure(spelled(number), text[match.start() : percent.end()]))
            continue
        scale = rule(_SCALE).match(text, match.end())
        end = scale.end() if scale else match.end()
        currency = rule(_CURRENCY).match(text, end)
        end = currency.end() if currency else end
        cents = rule(_CENTS).match(text, end) if currency and match[0].isdigit() else None
        end = cents.end() if cents else end
        if not (scale or currency) and not _reads_as_money(match[0], before, text, end):
            continue
        if scale:
            number *= 1000 if scale["thousand"] else 1_000_000
        if cents:
            number += Decimal(cents["cents"]) / 100
        amounts.append(Figure(spelled(number), text[match.start() : end].strip()))
    return tuple(percentages), tuple(amounts)


def _reads_as_money(written: str, before: str, text: str, end: int) -> bool:
    """Whether a number without a currency would be taken for one: by its neighbours, its cents or its size."""
    if rule(_EVERY).match(text, end):
        return True
    if rule(_COUNTED).match(text, end):
        return False
    if rule(_MONEY_BEFORE).search(before):
        return True
    if rule(_NOT_MONEY_BEFORE).search(before):
        return False
    number = _decimal(written)
    is_year = written.isdigit() and 1900 <= number <= 2100
    return bool(rule(r"[.,]\d\d$").search(written)) or (number >= 1000 and not is_year)


def _decimal(written: str) -> Decimal:
    """The number as a person reads it: "150.000" and "150,000" are thousands, "7,33" and "7.33" are not."""
    groups = rule(r"^([1-9]\d{0,2})((?:[. ,']\d{3})+)(?:[.,](\d{1,2}))?$").match(written)
    if groups:
        whole = groups[1] + "".join(filter(str.isdigit, groups[2]))
        return Decimal(f"{whole}.{groups[3] or 0}")
    return Decimal(written.replace(",", "."))


# --- number words -----------------------------------------------------------------------------------------------------

_UNITS = {
    word: value
    for value, words in {
        0: "cero zero", 1: "un uno una one", 2: "dos two", 3: "tres three", 4: "cuatro four", 5: "cinco five",
        6: "seis six", 7: "siete seven", 8: "ocho eight", 9: "nueve nine", 10: "diez ten", 11: "once eleven",
        12: "doce twelve", 13: "trece thirteen", 14: "catorce fourteen", 15: "quince fifteen", 16: "dieciseis sixteen",
        17: "diecisiete seventeen", 18: "dieciocho eighteen", 19: "diecinueve nineteen", 20: "veinte twenty",
        21: "veintiuno veintiun veintiuna", 22: "veintidos", 23: "veintitres", 24: "veinticuatro", 25: "veinticinco",
        26: "veintiseis", 27: "veintisiete", 28: "veintiocho", 29: "veintinueve", 30: "treinta thirty",
        40: "cuarenta forty", 50: "cincuenta fifty", 60: "sesenta sixty", 70: "setenta seventy", 80: "ochenta eighty",
        90: "noventa ninety", 100: "cien ciento", 200: "doscientos doscientas", 300: "trescientos trescientas",
        400: "cuatrocientos cuatrocientas", 500: "quinientos quinientas", 600: "seiscientos seiscientas",
        700: "setecientos setecientas", 800: "ochocientos ochocientas", 900: "novecientos novecientas",
    }.items()
    for word in words.split()
}  # fmt: skip
_MULTIPLIERS = {"mil": 1000, "thousand": 1000, "millon": 10**6, "millones": 10**6, "million": 10**6, "hundred": 100}
_WORD = "|".join((*_UNITS, *_MULTIPLIERS, "medio", "media"))
_NUMBER_WORDS = rf"(?<![a-z0-9])(?<!\d )(?:{_WORD})(?:(?: y |[ -]| and )(?:{_WORD})(?![a-z])){{0,11}}(?![a-z])"
# An article is no number, unless it counts money.
_COUNTS_MONEY = r" ?(?:€|euros?\b|por ?cien|por mil\b|per ?cent|pavos\b)"


def _words_to_digits(text: str) -> str:
    return rule(_NUMBER_WORDS).sub(lambda match: _in_digits(match[0], text[match.end() : match.end() + 12]), text)


def _in_digits(words: str, after: str) -> str:
    """The words as digits; words that are only an article, a scale behind digits or a half stay."""
    parts = rule(r"[ -]").split(words)
    if parts[0] in ("medio", "media"):
        return "500000" if parts[1:] in (["millon"], ["million"]) else words
    alone = len(parts) == 1
    if alone and (parts[0] in _MULTIPLIERS or _UNITS.get(parts[0]) == 1) and not rule(_COUNTS_MONEY).match(after):
        return words
    total = group = 0
    for part in parts:
        if part in _MULTIPLIERS:
            scale = _MULTIPLIERS[part]
            if scale == 100:
                group = max(group, 1) * 100
            else:
                total, group = total + max(group, 1) * scale, 0
        else:
            group += _UNITS.get(part, 0)
    return str(total + group)


# --- dates ------------------------------------------------------------------------------------------------------------

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "enero january jan", "febrero february feb", "marzo march mar", "abril april apr", "mayo may",
            "junio june jun", "julio july jul", "agosto august aug", "septiembre setiembre september sep",
            "octubre october oct", "noviembre november nov", "diciembre december dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE = (
    r"(?<![\d.,/-])(?:(?P<iso>\d{4}-\d\d-\d\d)|(?P<d>\d{1,2})(?P<sep>[/.-])(?P<m>\d{1,2})(?P=sep)(?P<y>\d{4}|(?<=/)\d\d)"
    r"|(?<=el )(?P<d2>\d{1,2})/(?P<m2>\d{1,2}))(?![\d/]|[.,]\d)"
    rf"|(?<![\d.,])(?P<d3>\d{{1,2}})(?:st|nd|rd|th|º)?(?: de| of)? (?P<m3>{_MONTH})\b(?:(?: de| del|,)? (?P<y3>\d{{4}}))?(?!\d)"
    rf"|\b(?P<m4>{_MONTH}) (?P<d4>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<y4>\d{{4}}))?(?![\d.,]\d|\d)"
    rf"|\b(?P<m5>{_MONTH})(?: de| del|,)? (?P<y5>\d{{4}})(?!\d)"
)


def _date(match: re.Match[str]) -> str:
    """The date as ISO writes it."""
    if match["iso"]:
        return match["iso"]
    named = {name: value for name, value in match.groupdict().items() if value}
    day, month, year = (next((v for name, v in named.items() if name[0] == part), "") for part in "dmy")
    month_number = int(month) if month.isdigit() else _MONTHS[month]
    year = f"20{year}" if len(year) == 2 else year
    return "-".join((*([year] if year else []), f"{month_number:02}", *([f"{int(day):02}"] if day else [])))
