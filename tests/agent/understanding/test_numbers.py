"""Numbers in digits and words, plain and with fractions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.agent.understanding.fractions import find_numbers
from src.agent.understanding.numbers import find_numerals
from src.agent.understanding.quantities import find_quantities
from src.agent.understanding.wording import word_of

UNITS = "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince".split()  # noqa: SIM905
TENS = {
    20: "veinte",
    30: "treinta",
    40: "cuarenta",
    50: "cincuenta",
    60: "sesenta",
    70: "setenta",
    80: "ochenta",
    90: "noventa",
}
HUNDREDS = (
    "",
    "ciento",
    "doscientos",
    "trescientos",
    "cuatrocientos",
    "quinientos",
    "seiscientos",
    "setecientos",
    "ochocientos",
    "novecientos",
)


def spelled(number: int) -> str:
    """A second way to the same numbers, written for this test: how Spanish spells an integer below a thousand million."""
    if number < 16:
        return UNITS[number]
    if number < 20:
        return f"dieci{UNITS[number - 10]}"
    if 20 < number < 30:
        return f"veinti{UNITS[number - 20]}"
    if number < 100:
        tens, unit = number - number % 10, number % 10
        return TENS[tens] + (f" y {UNITS[unit]}" if unit else "")
    if number < 1000:
        rest = number % 100
        return "cien" if number == 100 else HUNDREDS[number // 100] + (f" {spelled(rest)}" if rest else "")
    size, word = (1000, "mil") if number < 10**6 else (10**6, "millones")
    front, rest = divmod(number, size)
    head = word if (front, word) == (1, "mil") else "un millon" if front == 1 else f"{_before_scale(front)} {word}"
    return head + (f" {spelled(rest)}" if rest else "")


def _before_scale(number: int) -> str:
    words = spelled(number)
    return words.removesuffix("uno") + "un" if words.endswith("uno") else words


@given(st.integers(min_value=0, max_value=999_999_999))
def test_every_integer_in_words(number: int) -> None:
    assert [each.value for each in find_numerals(spelled(number))] == [number]


@given(st.integers(min_value=0, max_value=10**12))
def test_every_integer_in_digits_with_either_separator(number: int) -> None:
    for written in (str(number), f"{number:,}".replace(",", "."), f"{number:,}".replace(",", " ")):
        assert [each.value for each in find_numerals(written)] == [number]
    found = find_numerals(f"{number:,}")
    assert len(found) == 1
    assert number in (found[0].value, *found[0].alternatives)


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=99))
def test_cents(euros: int, cents: int) -> None:
    spanish = f"{euros:,}".replace(",", ".") + f",{cents:02d}"
    english = f"{euros:,}.{cents:02d}"
    for written in (spanish, english):
        assert [each.value for each in find_numerals(written)] == [pytest.approx(euros + cents / 100)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("tres y dos tercios", [3 + 2 / 3]),
        ("treinta dos quintos", [30.4]),
        ("treinta y dos quintos", [6.4]),
        ("un veinteavo", [0.05]),
        ("cincuenta y tres doceavos", [53 / 12]),
        ("siete diezmilésimas", [0.0007]),
        ("3/4", [0.75]),
        ("2 ½", [2.5]),
        ("tres cuartos de millón", [750_000]),
        ("la mitad de un millón", [500_000]),
        ("dos coma cinco millones", [2_500_000]),
        ("nueve coma nueve nueve", [9.99]),
        ("ocho con cinco", [8.5]),
        ("2 docenas", [24]),
        ("10^-3", [0.001]),
        ("2e5", [200_000]),
        ("menos cuatro", [-4]),
        ("2,33 k", [2330]),
        ("1, 2, 3", [1, 2, 3]),
        ("mp3 a las 10am", []),
        ("el 5 por ciento", [5]),
        ("dos mil millones", [2e9]),
        ("un par", [2]),
        ("ciento tres y dos tercios", [103 + 2 / 3]),
        ("cien treinta y cincoavos", [100 / 35]),
        ("un ciento treinta y cincoavo", [1 / 135]),
        ("cuatro sobre siete", [4 / 7]),
        ("tres y cuarto", [3.25]),
        ("cuatro enteros y un quinto", [4.2]),
        ("menos un tercio", [-1 / 3]),
        ("2 docenas y media", [30]),
        ("diez elevado a cinco", [100_000]),
        ("23 T", [2.3e13]),
        ("punto ocho", [0.8]),
        ("la cuarta parte", [0.25]),
        ("diez y seis", [16]),
        ("dos cientos", [200]),
        ("un ciento", [100]),
        ("uno coma cinco millones", [1_500_000]),
        ("5 mil 500", [5500]),
        ("2 millones y medio", [2_500_000]),
        ("mil y uno", [1001]),
        ("treinta-y-dos", [32]),
        ("thirty-five thousand", [35_000]),
        ("two hundred and ten", [210]),
        ("un kilo y medio", [1_500_000]),
        ("1,234.56", [1234.56]),
        ("12.345", [12_345]),
        ("veintidós mil", [22_000]),
        ("treintaycinco", [35]),
        ("dosmil", [2000]),
        ("una doceava", [1 / 12]),
        ("tres trigésimos segundos", [3 / 32]),
        ("un doscientosavo", [1 / 200]),
    ],
)
def test_the_wider_grammar(text: str, values: list[float]) -> None:
    assert [each.value for each in find_numbers(word_of(text).plain)] == [pytest.approx(value) for value in values]


@pytest.mark.parametrize(
    ("text", "value", "unit", "period"),
    [
        ("2 mil euros al mes", 2000, "money", "month"),
        ("30k brutos al año", 30_000, "money", "year"),
        ("45 tacos", 45, "years", ""),
        ("3 meses", 3, "months", ""),
        ("dos ijos", 2, "children", ""),
        ("4 personas", 4, "people", ""),
        ("5 %", 5, "other", ""),
        ("3.000 dólares", 3000, "money", ""),
    ],
)
def test_units(text: str, value: float, unit: str, period: str) -> None:
    found = find_quantities(word_of(text).plain)
    assert [(each.value, each.unit, each.period) for each in found] == [(value, unit, period)]


def test_the_number_taken_back_is_marked() -> None:
    assert [each.rejected for each in find_quantities("45 no 54")] == [False, True]
    assert [each.rejected for each in find_quantities("120 no, 130 mil")] == [True, False]
    assert [each.rejected for each in find_quantities("no 45")] == [False]
