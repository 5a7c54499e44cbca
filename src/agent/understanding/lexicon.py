"""Words the grammar waits for, and how people spell them in chats."""

from __future__ import annotations

from functools import cache
from pathlib import Path

ABBREVIATIONS = {
    "non": "no", "nao": "no", "teno": "tengo", "tinc": "tengo", "tenho": "tengo", "muller": "mujer", "fillos": "hijos",
    "fillas": "hijas", "fillo": "hijo", "filla": "hija", "fill": "hijo", "fills": "hijos", "filles": "hijas", "filhos": "hijos",
    "quero": "quiero", "vull": "quiero", "dous": "dos", "duas": "dos", "nens": "ninos", "nena": "nina", "endavant": "adelante",
    "dilluns": "lunes", "dimarts": "martes", "dimecres": "miercoles", "dijous": "jueves", "divendres": "viernes",
    "luns": "lunes", "xoves": "jueves", "venres": "viernes", "persoa": "persona", "treballo": "trabajo", "traballo": "trabajo",
    "grazas": "gracias", "gracies": "gracias", "anys": "anos",
    "q": "que", "k": "que", "ke": "que", "qe": "que", "xq": "porque", "pq": "porque", "xk": "porque", "porq": "porque",
    "x": "por", "d": "de", "pa": "para", "tngo": "tengo", "tego": "tengo", "tnego": "tengo", "tng": "tengo", "toy": "estoy",
    "tb": "tambien", "tmb": "tambien", "tmbn": "tambien", "tbn": "tambien", "bn": "bien", "ola": "hola", "hla": "hola",
    "ns": "no se", "nc": "no se", "nose": "no se", "nosé": "no se", "aprox": "unos", "kero": "quiero", "kiero": "quiero",
    "qiero": "quiero", "grax": "gracias", "grcs": "gracias", "gcias": "gracias", "msj": "mensaje", "dnd": "donde",
    "vdd": "verdad", "sip": "si", "sep": "si", "sipi": "si", "sisi": "si", "sii": "si", "sipo": "si", "nope": "no", "nop": "no",
    "nopo": "no", "noo": "no", "nono": "no", "nanai": "no", "oki": "ok", "okey": "ok", "okay": "ok", "okis": "ok", "okei": "ok",
    "okk": "ok", "okok": "ok", "vle": "vale", "bale": "vale", "tra": "trabajo", "dl": "del", "ing": "ingeniero",
    "trienta": "treinta", "cuarnta": "cuarenta", "cincunta": "cincuenta", "setena": "setenta",
    "vente": "veinte", "bente": "veinte", "sinc": "cinco", "to": "todo", "na": "nada", "ta": "esta",
    "hipo": "hipoteca", "hipot": "hipoteca", "aut": "autonomo", "admin": "administrativo", "hab": "habitantes",
}  # fmt: skip
"""Chat spelling and clipped words, word for word."""

DRAWN = {
    "🚭": "no fumo", "🚬": "fumo", "👶": "bebe", "🍼": "bebe", "👦": "nino", "🧒": "nino", "👧": "nina",
    **dict.fromkeys("♀♂🏻🏼🏽🏾🏿", ""),
}  # fmt: skip
"""Drawings that tell a fact, wherever they stand, as the words they stand for; what only colours another one is nothing."""
DRAWN_ALONE = {"👋": "hola", "🙋": "hola", "🤷": "no se"}
"""Gestures: they mean their words in a message without words, and otherwise only go with what is said."""

UNITS = {
    "cero": 0, "un": 1, "uno": 1, "una": 1, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6, "siete": 7, "ocho": 8,
    "nueve": 9,
    "dues": 2, "quatre": 4, "cinc": 5, "sis": 6, "vuit": 8, "nou": 9, "unha": 1, "dous": 2, "duas": 2, "catro": 4, "sete": 7,
    "oito": 8, "nove": 9, "tre": 3,
}  # fmt: skip
TEENS = {
    "diez": 10, "once": 11, "doce": 12, "trece": 13, "catorce": 14, "quince": 15, "dieciseis": 16, "diecisiete": 17,
    "dieciocho": 18, "diecinueve": 19, "veintiun": 21, "veintiuno": 21, "veintiuna": 21, "veintidos": 22, "veintitres": 23,
    "veinticuatro": 24, "veinticinco": 25, "veintiseis": 26, "veintisiete": 27, "veintiocho": 28, "veintinueve": 29,
    "deu": 10, "onze": 11, "dotze": 12, "tretze": 13, "catorze": 14, "quinze": 15, "setze": 16, "disset": 17, "divuit": 18,
    "dinou": 19, "dez": 10, "dezaseis": 16, "dezasete": 17, "dezaoito": 18, "dezanove": 19,
}  # fmt: skip
TENS = {
    "veinte": 20, "treinta": 30, "cuarenta": 40, "cincuenta": 50, "sesenta": 60, "setenta": 70, "ochenta": 80, "noventa": 90,
    "vint": 20, "trenta": 30, "quaranta": 40, "cinquanta": 50, "seixanta": 60, "vuitanta": 80, "noranta": 90, "vinte": 20,
    "trinta": 30, "corenta": 40, "oitenta": 80,
}  # fmt: skip
HUNDREDS = {
    "cien": 100, "ciento": 100, "doscientos": 200, "doscientas": 200, "trescientos": 300, "trescientas": 300,
    "cuatrocientos": 400, "cuatrocientas": 400, "quinientos": 500, "quinientas": 500, "seiscientos": 600, "seiscientas": 600,
    "setecientos": 700, "setecientas": 700, "ochocientos": 800, "ochocientas": 800, "novecientos": 900, "novecientas": 900,
    "cent": 100, "cento": 100, "cen": 100, "cents": 100, "douscentos": 200, "trescentos": 300, "catrocentos": 400,
    "cincocentos": 500, "seiscentos": 600, "setecentos": 700, "oitocentos": 800, "novecentos": 900,
}  # fmt: skip
SCALES = {
    "mil": 10**3, "miles": 10**3, "millon": 10**6, "millones": 10**6, "billon": 10**12, "billones": 10**12,
    "trillon": 10**18, "trillones": 10**18, "cuatrillon": 10**24, "cuatrillones": 10**24,
}  # fmt: skip

ENGLISH_NUMBERS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip


@cache
def words_of(name: str) -> frozenset[str]:
    """One of the lists of `words.txt`; KeyError when there is none of that name."""
    return _lists()[name]


@cache
def phrases_of(name: str) -> tuple[str, ...]:
    """A list of `words.txt` whose lines are phrases, in its order."""
    inside, found = False, []
    for line in Path(__file__).with_name("words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            inside = line.strip("[]") == name
        elif inside and line and not line.startswith("#"):
            found.append(line)
    return tuple(found)


def lists_named(prefix: str) -> dict[str, frozenset[str]]:
    """The lists whose names begin with a word, by the rest of their names."""
    return {name.removeprefix(prefix).strip(): words for name, words in _lists().items() if name.startswith(prefix)}


@cache
def _lists() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    current: set[str] = set()
    for line in Path(__file__).with_name("words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = found.setdefault(line.strip("[]"), set())
        elif not line.startswith("#"):
            current.update(line.split())
    return {name: frozenset(words) for name, words in found.items()}


_NUMBERS = frozenset([*UNITS, *TEENS, *TENS, *HUNDREDS, *SCALES]) - {"un", "uno", "una"}
REPAIRABLE = words_of("repaired into") | words_of("repaired into verbs") | _NUMBERS
"""Words that chat spelling is repaired into."""

REPAIRABLE_AFTER_A_SLIP = frozenset(word for word in REPAIRABLE if len(word) >= 7) - words_of("repaired into verbs")
"""Words that one wrong letter is repaired into. Verbs are left out: one letter is another person or tense."""
