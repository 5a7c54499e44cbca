"""Personal numbers and health text never pass; what only looks like them stays."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.agent import redaction
from src.agent.lookalikes import fold
from src.agent.redaction import (
    CANCER_OVERCOME_MARK,
    HEALTH_MARK,
    MARKS,
    MAX_CHARACTERS,
    clean,
    redact,
    redact_health,
)

LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"

# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left", "kinds"),
    [
        ("mi dni es 12345678Z y soy Ana", "mi dni es [DNI] y soy Ana", ("dni",)),
        ("12345678z", "[DNI]", ("dni",)),
        ("12.345.678-Z", "[DNI]", ("dni",)),
        ("12 345 678 Z", "[DNI]", ("dni",)),
        ("1 2 3 4 5 6 7 8 Z", "[DNI]", ("dni",)),
        ("１２３４５６７８Ｚ", "[DNI]", ("dni",)),
        ("١٢٣٤٥٦٧٨Z", "[DNI]", ("dni",)),
        ("1234\u200b5678\u2060Z", "[DNI]", ("dni",)),
        ("dni12345678Z", "dni[DNI]", ("dni",)),
        ("DNI: 12345678", "DNI: [DNI]", ("dni",)),
        ("12345678 es mi dni", "[DNI] es mi dni", ("dni",)),
        ("mi nif es 12345678A", "mi nif es [DNI]", ("dni",)),
        ("dni 12345678 y me llamo Ana", "dni [DNI] y me llamo Ana", ("dni",)),
        ("X1234567L", "[NIE]", ("nie",)),
        ("y-1234567-x", "[NIE]", ("nie",)),
        ("nie Z1234567", "nie [NIE]", ("nie",)),
        ("ES91 2100 0418 4502 0005 1332", "[IBAN]", ("iban",)),
        ("es9121000418450200051332", "[IBAN]", ("iban",)),
        ("ES91.2100.0418.4502.0005.1332 ok", "[IBAN] ok", ("iban",)),
        ("ES00 2100 0418 4502 0005 1332", "[IBAN]", ("iban",)),
        ("ES91 2100 0418 4502", "[IBAN]", ("iban",)),
        ("ES\u200b91 ２１００ 0418 4502 0005 1332", "[IBAN]", ("iban",)),
        ("GB82 WEST 1234 5698 7654 32", "[IBAN]", ("iban",)),
        ("DE89 3704 0044 0532 0130 00, gracias", "[IBAN], gracias", ("iban",)),
        ("mi cuenta: DE00370400440532013000", "mi cuenta: [IBAN]", ("iban",)),
        ("2100 0418 45 0200051332", "[IBAN]", ("iban",)),
        ("4111 1111 1111 1111", "[tarjeta]", ("card",)),
        ("4111-1111-1111-1111 12/27 123", "[tarjeta]", ("card",)),
        ("5555555555554444", "[tarjeta]", ("card",)),
        ("3782 822463 10005", "[tarjeta]", ("card",)),
        ("3056 930902 5904", "[tarjeta]", ("card",)),
        ("3530 1113 3330 0000", "[tarjeta]", ("card",)),
        ("6011 1111 1111 1117", "[tarjeta]", ("card",)),
        ("mi visa es 4111 1111 1111 1112", "mi visa es [tarjeta]", ("card",)),
        ("4111 1111 1111 1111 y luego 4012 8888 8888 1881", "[tarjeta] y luego [tarjeta]", ("card",)),
        ("tarjeta 4111111111111111 cvv 123", "tarjeta [tarjeta] cvv [CVV]", ("card", "cvv")),
        ("el código de seguridad es 1234", "el código de seguridad es [CVV]", ("cvv",)),
        ("4😀5😀3😀2😀0😀1😀5😀1😀1😀2😀8😀3😀0😀3😀6😀6", "[tarjeta]", ("card",)),
        ("4532|0151|1283|0366", "[tarjeta]", ("card",)),
        ("4532; 0151; 1283; 0366", "[tarjeta]", ("card",)),
        ("4532+0151+1283+0366", "[tarjeta]", ("card",)),
        ("4532~0151~1283~0366", "[tarjeta]", ("card",)),
        ("#4532#0151#1283#0366#", "#[tarjeta]#", ("card",)),
        ("453|201|511|283|036|6", "[tarjeta]", ("card",)),
        ("45320151 12830366", "[tarjeta]", ("card",)),
        ("4 - 5 - 3 - 2 - 0 - 1 - 5 - 1 - 1 - 2 - 8 - 3 - 0 - 3 - 6 - 6", "[tarjeta]", ("card",)),
        ("3 2 4 5 3 2 0 1 5 1 1 2 8 3 0 3 6 6", "3 2 [tarjeta]", ("card",)),
        ("visa4532015112830366", "visa[tarjeta]", ("card",)),
        ("4️⃣5️⃣3️⃣2️⃣ 0151 1283 0366", "[tarjeta]", ("card",)),
        ("mi tarjeta es 4532 0151 1283 0366 12/27 123", "mi tarjeta es [tarjeta]", ("card",)),
        ("12345678 letra Z", "[DNI]", ("dni",)),
        ("12345678, con letra Z", "[DNI]", ("dni",)),
        ("12.345.678 y la letra es la Z", "[DNI]", ("dni",)),
        ("12😀34😀56😀78😀Z", "[DNI]", ("dni",)),
        ("1|2|3|4|5|6|7|8|Z", "[DNI]", ("dni",)),
        ("12345678;Z;", "[DNI];", ("dni",)),
        ("12345678 ~ Z", "[DNI]", ("dni",)),
        ("dni 1😀2😀3😀4😀5😀6😀7😀8", "dni [DNI]", ("dni",)),
        ("soy 12345678Z 35 años", "soy [DNI] 35 años", ("dni",)),
        ("dni 12345678; 35 años", "dni [DNI]; 35 años", ("dni",)),
        ("1234567 letra L", "[DNI]", ("dni",)),
        ("x+1234567+l", "[NIE]", ("nie",)),
        ("X😀1😀2😀3😀4😀5😀6😀7😀L", "[NIE]", ("nie",)),
        ("X 1234567 letra L", "[NIE]", ("nie",)),
        ("ES91|2100|0418|4502|0005|1332", "[IBAN]", ("iban",)),
        ("E~S~9~1~2~1~0~0~0~4~1~8~4~5~0~2~0~0~0~5~1~3~3~2", "[IBAN]", ("iban",)),
        ("ES91😀2100😀0418😀4502", "[IBAN]", ("iban",)),
        ("GB82 # WEST # 1234 # 5698 # 7654 # 32", "[IBAN]", ("iban",)),
        ("2100|0418|45|0200051332", "[IBAN]", ("iban",)),
        ("7 2 1 0 0 0 4 1 8 4 5 0 2 0 0 0 5 1 3 3 2", "7 [IBAN]", ("iban",)),
        ("cvv 1😀2😀3", "cvv [CVV]", ("cvv",)),
        ("cvv: 1 + 2 + 3", "cvv: [CVV]", ("cvv",)),
        (
            "dni 12345678Z, cuenta ES9121000418450200051332, tengo 35 años",
            "dni [DNI], cuenta [IBAN], tengo 35 años",
            ("dni", "iban"),
        ),
    ],
)
def test_personal_numbers_are_replaced(text: str, left: str, kinds: tuple[str, ...]) -> None:
    assert redact(text) == (left, kinds)


@pytest.mark.parametrize(
    "text",
    [
        "612 34 56 78",
        "+34 612 345 678",
        "34600000000",
        "0034612345678",
        "612345678 699123456",
        "34612345678 34699123456",
        "5491122334455",
        "llámame al 612345678 a las 5",
        "150.000",
        "150.000 €",
        "12.345.678 €",
        "gano 30000 y debo 12345678 y ya",
        "1.500.000.000.000 euros",
        "dni no, pero tengo 12.345.678 euros",
        "03/05/1985",
        "03051985",
        "nací el 03051985, no tengo dni",
        "2026-11-20T10:00:00",
        "28013",
        "wamid.HBgLMzQ2MDAwMDAwMDAwFQIAERgSQjA1RjA1",
        "1995 2000 2005 2010",
        "1640995200000",
        "12345678A",
        "1234567 L",
        "XX00 1234 5678 9012 3456",
        "ES91 hola",
        "4111 1111 1111 1112",
        "6000 100 2000 300 4000 1",
        "tengo 2 hijos y 35 años",
        "0000 0000 0000 0000",
        "",
        "hola 👋",
        "1.500 € | 2.000 € | 150.000 €",
        "150.000 € + 250.000 € + 12.345.678 €",
        "120.000; 90.000; 60.000; 30.000; 15.000",
        "entre 12.345.678 y 15.000.000 de pesos",
        "el 03/05/1985 y el 12/11/1987",
        "+34 612 345 678; +34 699 123 456",
        "612 345 678 / 699 123 456",
        "tel. 91 234 56 78 y 612 34 56 78 a las 5",
        "de 35 a 40 años y de 2000 a 2500 al mes, con 3 hijos de 5, 8 y 12",
        "es 35 y 2000; es 150000 - 250000",
        "tengo 12345678 letras",
        "la casa es de 1985, pago 600 y debo 90.000",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert redact(text) == (text, ())


@given(st.integers(0, 99_999_999), st.sampled_from(["", " ", "-", "."]))
def test_any_valid_dni_is_found(number: int, gap: str) -> None:
    assert redact(f"soy {number:08}{gap}{LETTERS[number % 23]}, hola") == ("soy [DNI], hola", ("dni",))


@given(st.sampled_from("XYZ"), st.integers(0, 9_999_999))
def test_any_valid_nie_is_found(first: str, number: int) -> None:
    letter = LETTERS[int(f"{'XYZ'.index(first)}{number:07}") % 23]
    assert redact(f"{first}{number:07}{letter}").text == "[NIE]"


@given(st.integers(0, 10**18 - 1), st.sampled_from(["DE", "PT"]), st.sampled_from(["", " ", ".", "-"]))
def test_any_valid_iban_is_found(number: int, country: str, separator: str) -> None:
    bban = f"{number:0{18 if country == 'DE' else 21}}"
    check = 98 - int("".join(str(int(c, 36)) for c in f"{bban}{country}00")) % 97
    iban = f"{country}{check:02}{bban}"
    written = separator.join(re.findall(".{1,4}", iban))
    assert redact(f"es {written} ok") == ("es [IBAN] ok", ("iban",))


@given(st.integers(0, 10**14 - 1), st.sampled_from(["", " ", "-"]))
def test_any_valid_card_is_found(number: int, separator: str) -> None:
    digits = f"4{number:014}"
    total = sum(sum(divmod(int(d) * (2 if at % 2 == 0 else 1), 10)) for at, d in enumerate(digits))
    written = separator.join(re.findall(".{4}", f"{digits}{-total % 10}"))
    assert redact(f"es {written}.") == ("es [tarjeta].", ("card",))


def luhn_completed(digits: str) -> str:
    """With the one digit more that makes it check."""
    total = sum(sum(divmod(int(d) * (2 if at % 2 == 0 else 1), 10)) for at, d in enumerate(reversed(digits)))
    return f"{digits}{-total % 10}"


GAPS = st.text(
    st.characters(categories=["Zs", "Pc", "Pd", "Ps", "Pe", "Po", "Sm", "Sc", "Sk", "So"]).filter(
        lambda character: not any(map(str.isalnum, fold(character).text))
    )
    | st.sampled_from("|;+~#😀👍🏽_*/\n"),
    min_size=1,
    max_size=4,
).filter(lambda gap: fold(gap).text.strip(" ") != "")
"""What is neither letter nor digit, and more than blanks."""


@given(
    st.sampled_from(["4", "51", "2221", "6011"]),
    st.integers(0, 10**14 - 1),
    st.lists(GAPS, min_size=15, max_size=15),
    st.sampled_from([1, 2, 4]),
)
def test_a_card_is_found_whatever_stands_between_its_digits(beginning: str, number: int, gaps: list[str], size: int) -> None:
    digits = luhn_completed(f"{beginning}{number:014}"[:15])
    groups = [digits[at : at + size] for at in range(0, 16, size)]
    written = "".join(piece for pair in zip(groups, ["", *gaps], strict=False) for piece in reversed(pair))
    assert redact(f"es {written} vale") == ("es [tarjeta] vale", ("card",))


@given(
    st.integers(0, 99_999_999),
    st.lists(GAPS, min_size=8, max_size=8),
    st.sampled_from([1, 2, 4, 8]),
    st.sampled_from(["", "letra ", "con letra "]),
)
def test_a_dni_is_found_whatever_stands_between_its_digits(number: int, gaps: list[str], size: int, called: str) -> None:
    groups = [f"{number:08}"[at : at + size] for at in range(0, 8, size)]
    written = "".join(piece for pair in zip(groups, ["", *gaps], strict=False) for piece in reversed(pair))
    assert redact(f"soy {written}{gaps[-1]}{called}{LETTERS[number % 23]}, hola") == ("soy [DNI], hola", ("dni",))


@given(st.integers(0, 10**20 - 1), st.lists(GAPS, min_size=23, max_size=23), st.sampled_from([1, 4]))
def test_an_iban_is_found_whatever_stands_between_its_digits(number: int, gaps: list[str], size: int) -> None:
    check = 98 - int(f"{number:020}142800") % 97
    iban = f"ES{check:02}{number:020}"
    groups = [iban[at : at + size] for at in range(0, 24, size)]
    written = "".join(piece for pair in zip(groups, ["", *gaps], strict=False) for piece in reversed(pair))
    assert redact(f"va: {written} ok") == ("va: [IBAN] ok", ("iban",))


AMOUNTS = st.builds(
    lambda euros, after: f"{euros:,}{after}".replace(",", "."),
    st.integers(10_000, 9_999_999),
    st.sampled_from(["", " €", "€", " euros", " al mes"]),
)
TELEPHONES = st.builds(
    lambda country, number, groups: country + re.sub(groups, lambda part: " ".join(filter(None, part.groups())), f"{number}"),
    st.sampled_from(["", "+34 ", "0034 "]),
    st.integers(600_000_000, 799_999_999),
    st.sampled_from([r"(\d{3})(\d{3})(\d{3})", r"(\d{3})(\d\d)(\d\d)(\d\d)", r"(\d{9})"]),
)


@given(
    st.lists(AMOUNTS | TELEPHONES, min_size=1, max_size=6),
    st.sampled_from([" y ", ", ", "; ", " / ", " - ", "\n", " + ", " (", " o "]),
)
def test_amounts_and_telephone_numbers_stay(said: list[str], between: str) -> None:
    text = f"son {between.join(said)}."
    assert redact(text) == (text, ())


@given(st.text(max_size=200) | st.text(alphabet="0123456789 .-XYZESesdniafb/", max_size=80))
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = redact(text).text
    assert redact(once) == (once, ()) or redact(redact(once).text).text == redact(once).text
    assert redact_health(redact_health(text)) == redact_health(text)


@pytest.mark.parametrize("finder", ["_ibans", "_cards", "_nies", "_dnis", "_security_codes"])
def test_a_finder_that_is_switched_off_is_missed(finder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutation: each finder alone stands between its kind of number and the store."""
    samples = {
        "_ibans": "GB82 WEST 1234 5698 7654 32",
        "_cards": "4111 1111 1111 1111",
        "_nies": "X1234567L",
        "_dnis": "12345678Z",
        "_security_codes": "cvv 123",
    }
    assert redact(samples[finder]).kinds
    monkeypatch.setattr(redaction, finder, lambda _text: iter(()))
    assert redact(samples[finder]).kinds in ((), ("dni",))  # without the NIE's finder the rest reads as a short DNI


def test_the_marks_are_what_others_rely_on() -> None:
    assert MARKS == {"dni": "[DNI]", "nie": "[NIE]", "iban": "[IBAN]", "card": "[tarjeta]", "cvv": "[CVV]"}
    assert HEALTH_MARK == "[dato de salud]"
    assert CANCER_OVERCOME_MARK == "[cáncer superado hace más de 5 años]"


# --- clean ------------------------------------------------------------------------------------------------------------


def test_clean_keeps_what_can_be_read() -> None:
    assert clean("a\x00b\x1b[31mc\x85\td\r\ne\rf\ud83d g\u202eh") == "ab[31mc\td\ne\nf\ufffd gh"
    assert clean("jose\u0301") == "josé"
    assert clean("👨‍👩‍👧") == "👨‍👩‍👧"
    assert len(clean("x" * 9000)) == MAX_CHARACTERS


@given(st.text(alphabet=st.characters(), max_size=200) | st.text(alphabet="\ud800\udfff\x00a\u0301", max_size=50))
def test_clean_text_can_always_be_stored(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert "\x00" not in cleaned
    assert cleaned.encode().decode() == cleaned


# --- health -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("tuve un infarto el año pasado y tomo sintrom", "[dato de salud]"),
        ("soy diabética", "[dato de salud]"),
        ("Hola, soy Luis, tengo 42 años y soy diabético", "Hola, soy Luis, tengo 42 años y [dato de salud]"),
        ("tengo 45 años, diabetes tipo 2 y dos hijos", "tengo 45 años, [dato de salud] y dos hijos"),
        ("me llamo Ana, tengo 38, tomo metformina y gano 1800", "me llamo Ana, tengo 38, [dato de salud] y gano 1800"),
        (
            "hola soy maria tengo 45 años tuve un infarto hace dos años no fumo y tengo dos hijos",
            "hola soy maria tengo 45 años [dato de salud] no fumo y tengo dos hijos",
        ),
        ("tengo 50 años y hace tres me dio un infarto, no fumo", "tengo 50 años y [dato de salud], no fumo"),
        ("me operaron de la rodilla en 2019. Gano 2000 al mes", "[dato de salud]. Gano 2000 al mes"),
        ("tengo ansiedad y depresión", "[dato de salud]"),
        ("estoy en tratamiento psiquiátrico", "[dato de salud]"),
        ("estoy de baja por depresión", "[dato de salud]"),
        ("estoy embarazada", "[dato de salud]"),
        ("voy al psicólogo", "[dato de salud]"),
        ("mi madre murió de cáncer de mama", "[dato de salud]"),
        ("mi padre tuvo un infarto a los 60", "[dato de salud]"),
        ("mi hermano tiene párkinson", "[dato de salud]"),
        ("en mi familia hay antecedentes de ictus", "[dato de salud]"),
        ("mi mujer tiene diabetes", "[dato de salud]"),
        ("tengo diabetes, ¿me cubre?", "[dato de salud], ¿me cubre?"),
        ("¿me aseguráis si soy diabético?", "¿me aseguráis [dato de salud]?"),
        ("infarto en 2019", "[dato de salud]"),
        ("soy VIH positivo", "[dato de salud]"),
        ("tengo una discapacidad del 33%", "[dato de salud]"),
        ("ＴＥＮＧＯ dia\u200bbetes", "[dato de salud]"),
        ("I have diabetes and I earn 2000", "[dato de salud] and I earn 2000"),
        ("my father died of cancer", "[dato de salud]"),
        ("me rompí la pierna en enero", "[dato de salud]"),
        ("padezco del corazón", "[dato de salud]"),
        ("peso 130 kilos", "[dato de salud]"),
        ("estoy deprimido", "[dato de salud]"),
        ("me están haciendo quimio", "[dato de salud]"),
        ("mi hijo tiene autismo", "[dato de salud]"),
        ("hace dos años me pusieron un stent", "[dato de salud]"),
        ("tengo cáncer", "[dato de salud]"),
        ("tuve cáncer hace 3 años", "[dato de salud]"),
        ("tuve cáncer en 2023", "[dato de salud]"),
        ("tuve cáncer hace 10 años y recaí hace 2", "[dato de salud]"),
        ("tuve cáncer hace 10 años y soy diabético", "[dato de salud]"),
        ("tuve cáncer", "[dato de salud]"),
    ],
)
def test_a_disclosure_is_taken_out_and_the_rest_stays(text: str, left: str) -> None:
    assert redact_health(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("tuve cáncer de mama pero acabé el tratamiento hace 6 años sin recaídas", "{}"),
        ("tuve un cáncer hace 10 años y ya está superado", "{}"),
        ("superé un linfoma en 2012", "{}"),
        ("hace más de cinco años que superé un cáncer", "{}"),
        ("me operaron de un melanoma hace ocho años", "{}"),
        ("hace 8 años tuve un cáncer de tiroides y estoy curada", "{}"),
        ("soy superviviente de cáncer, hace 9 años", "{}"),
        ("tuve cáncer hace más de 5 años", "{}"),
        ("I had breast cancer 8 years ago", "{}"),
        ("tengo 50 años, tuve leucemia de niño, hace 30 años, no fumo", "tengo 50 años, {}, no fumo"),
        ("tuve un tumor en 2010. Ahora estoy bien. Gano 2000", "{}. Gano 2000"),
    ],
)
def test_a_cancer_overcome_long_ago_has_a_mark_of_its_own(text: str, left: str) -> None:
    assert redact_health(text) == left.format(CANCER_OVERCOME_MARK)


KEPT = """
    ¿cubre el cáncer?
    y el cáncer?
    ¿cubre el infarto?
    does it cover cancer?
    what if I get cancer?
    ¿y si me da un infarto?
    ¿cubre si me operan?
    si me pongo enfermo me pagáis?
    me preocupa tener un cáncer y no poder pagar
    soy visitador médico, vendo insulina
    mi jefe me tiene enfermo
    tengo tratamiento de IVA reducido
    qué pasa si me diagnostican un cáncer
    ¿si tengo un infarto cobro?
    qué enfermedades graves incluye la completa
    necesito un seguro que cubra el cáncer
    ¿la incapacidad permanente está incluida?
    quiero que cubra fallecimiento e incapacidad
    ¿pedís cuestionario médico?
    casi me da un infarto con ese precio
    me va a dar un infarto
    precio de infarto
    soy alérgico a los comerciales
    no tengo ninguna enfermedad
    nunca he tenido cáncer
    estoy sana, no tomo medicación
    quiero darme de baja
    mi padre murió el año pasado
    mi marido murió
    soy enfermera y tengo 35 años
    mi mujer es enfermera
    trabajo en un hospital
    soy médico
    soy psicóloga
    soy cirujano cardiaco
    soy fisioterapeuta
    mi hipoteca son 120.000
    tengo la hipoteca con el banco y la operación se firma el lunes
    me ingresaron la nómina
    dejé de fumar hace 2 años
    tengo 42 años y dos hijos
    por si me pasa algo
    soy tutor legal de mi hermano
    la de en medio
    [dato de salud]
    [cáncer superado hace más de 5 años]
""".strip().split("\n")


@pytest.mark.parametrize("text", [text.strip() for text in KEPT])
def test_questions_sayings_and_trades_are_no_disclosure(text: str) -> None:
    assert redact_health(text) == text


# --- cost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("redacting", [redact, redact_health, clean])
@pytest.mark.parametrize(
    "unit", ["1 ", "12345678", "4111 ", "es91", "x1", "tengo cáncer, ", "me ", "\u200b", "dni ", "mi padre ", "a\u0301", "no "]
)
def test_the_time_grows_with_the_length_not_faster(redacting: Callable[[str], object], unit: str) -> None:
    """Counted in units of a short text's time; a squared rule would need 64."""
    short, long = (unit * 600)[:512], (unit * 4800)[:4096]

    def best(text: str) -> float:
        return min(repeat(lambda: redacting(text), timer=time.thread_time, number=1, repeat=5))

    assert best(long) < 40 * max(best(short), 2e-5)


def test_the_door_pays_no_heavy_import() -> None:
    """What a door imports with it is the standard library's small part only."""
    listing = (
        "import __future__, sys, re, typing, unicodedata, textwrap; before = set(sys.modules); import src.agent.redaction; "
    )
    listing += "print(sorted(name for name in set(sys.modules) - before if not name.startswith('src')))"
    shown = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "[]"
