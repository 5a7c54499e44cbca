"""What the person is called, as they write it."""

from __future__ import annotations

import re

from src.agent.understanding.lexicon import GIVEN_NAMES
from src.agent.understanding.reading import Context, Found
from src.agent.understanding.wording import Wording, fold

_INTRODUCED = re.compile(
    r"\b(?:me llamo|mi nombre(?: completo)? es|nombre(?: completo)?:|me dicen|me llaman|puedes llamarme|puede llamarme|llamame|llameme|dime(?= [a-z]+$)|dimelo a|me pusieron|"
    r"(?:te|le|os) (?:habla|escribe|saluda)|habla(?= [a-z]+ [a-z]+\W*$)|aqui(?= [a-z]+\b)|my name is|my name's|call me|em dic|chamome|je m'appelle|ich heisse|mi chiamo|naiz)\s+"
)
_SOY = re.compile(r"\b(?:soy|i am|i'm|im|soc|sou|som)\s+")
_AT_END = re.compile(r"^\W*(?P<name>[a-z]+(?: [a-z]+){0,3}) (?:al habla|para servir\w*|al aparato|a (?:sus|tus) ordenes|presente)\b")
_PARTICLES = frozenset(["de", "del", "la", "las", "los", "y", "i", "da", "dos", "san", "santa", "von", "van"])
_ENDS_A_NAME = frozenset(
    ["y", "e", "o", "tengo", "tengo", "de?", "con", "gano", "cobro", "vivo", "trabajo", "soy", "estoy", "pero", "que", "quiero", "quisiera", "no", "si", "fumo", "mi", "mis", "un", "una", "el", "en", "para", "por", "me", "te", "le", "nos", "ahora", "casado", "casada", "soltero", "soltera", "and", "i", "from", "desde", "aunque", "porque", "gracias", "hola", "encantado", "encantada", "mucho", "gusto", "a", "quien", "pregunta", "nacido", "nacida", "naci", "vengo", "escribo", "llamo", "al", "ya"]
)
_NO_NAME = frozenset(
    ["si", "no", "ya", "vale", "ok", "hola", "buenas", "bueno", "gracias", "nada", "nadie", "ninguno", "claro", "dale", "perfecto", "adelante", "adios", "luego", "quiero", "tengo", "soy", "estoy", "fumo", "por", "para", "que", "quien", "como", "cuando", "donde", "cual", "cuanto", "porque", "un", "una", "el", "la", "los", "las", "mi", "tu", "su", "yo", "ella", "mujer", "hombre", "espanol", "espanola", "mexicano", "mexicana", "argentino", "argentina", "colombiano", "colombiana", "peruano", "peruana", "chileno", "cubano", "cubana", "venezolano", "venezolana", "ecuatoriano", "ecuatoriana", "dominicano", "boliviano", "uruguayo", "europeo", "extranjero", "extranjera", "padre", "madre", "papa", "mama", "abuelo", "abuela", "hijo", "hija", "cliente", "clienta", "nuevo", "nueva", "mayor", "joven", "viejo", "vieja", "consciente", "autonomo", "autonoma", "fumador", "fumadora", "exfumador", "soltero", "soltera", "casado", "casada", "viudo", "viuda", "divorciado", "divorciada", "separado", "separada", "diabetico", "diabetica", "persona", "humano", "robot", "muy", "mas", "menos", "bastante", "alto", "bajo", "feliz", "pobre", "rico", "sincero", "sincera", "responsable", "capaz", "realista", "de", "del", "yo", "todo", "oidos", "tonto", "tonta", "listo", "lista", "bien", "mal", "regular", "aqui", "alli", "ahi", "asi", "entonces", "igual", "depende", "prefiero", "paso", "secreto", "anonimo", "mañana", "manana", "tarde", "noche", "luego", "despues", "ahora", "info", "informacion", "precio", "seguro", "seguros", "vida", "hipoteca", "ayuda", "baja", "stop", "start", "humano", "agente", "asesor", "ninguna", "jaja", "jajaja", "jeje", "ufff", "buf", "hmm", "sip", "nop", "interested", "fine", "sorry", "good", "ok", "married", "single", "smoker", "nonsmoker", "looking", "from", "not", "a", "an", "the", "just", "pues", "eh", "mira", "oye", "perdon", "disculpa", "disculpe", "bon", "dia", "qué"]
)
_BARE_LEAD = re.compile(
    r"^(?:\W|(?:hola|buenas|buenos dias|buenas tardes|buenas noches|pues|bueno|si|claro|vale|ok|encantad[oa]|mucho gusto|eh|ah|mira|a ver|es|el mio es|soy|yo soy|me llamo|con|hi|hello|it's|dale|perfecto|de acuerdo|genial|por supuesto|mi nombre es|digame)\b)*"
)
_LETTERS = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*\.?")
_MAX_WORDS = 5


def read_name(wording: Wording, context: Context, *, busy: bool) -> Found | None:
    """The name, or None. `busy`: the message holds other values, so a bare word in it is hardly a name."""
    plain = wording.plain
    asked = (context.awaiting or "").removeprefix("confirm:") == "name"
    for match in _INTRODUCED.finditer(plain):
        name = _name_at(wording, match.end())
        if name and fold(name.split()[0]) not in _NO_NAME:
            return Found("name", name, name)
    end = _AT_END.match(plain)
    if end:
        name = _name_at(wording, end.start("name"))
        if name and fold(name.split()[0]) not in _NO_NAME:
            return Found("name", name, name)
    for match in _SOY.finditer(plain):
        name = _name_at(wording, match.end())
        if name and _sounds_like_a_name(wording.evidence(match.end(), len(plain)), name, asked=asked):
            return Found("name", name, name)
    return _bare(wording) if asked and not busy else None


def _sounds_like_a_name(written: str, name: str, *, asked: bool) -> bool:
    first = fold(name.split(maxsplit=1)[0])
    if first in _NO_NAME or len(first) < 2:
        return False
    return first in GIVEN_NAMES or asked or (written[:1].isupper() and not written[:3].isupper())


def _bare(wording: Wording) -> Found | None:
    plain = wording.plain
    if "?" in plain or "[" in plain or re.search(r"[\d@]", plain):
        return None
    lead = _BARE_LEAD.match(plain)
    start = lead.end() if lead else 0
    name = _name_at(wording, start)
    if not name:
        return None
    words = fold(name).split()
    rest = plain[start:].strip(" .,!;:)(\n")
    if words[0] in _NO_NAME or any(word in _NO_NAME and word not in _PARTICLES for word in words):
        return None
    known = words[0] in GIVEN_NAMES
    complete = len(rest) - len(name) <= 3
    if not known and not complete:
        return None
    return Found("name", name, name, 1.0 if known or len(words) <= 4 else 0.7)


def _name_at(wording: Wording, start: int) -> str:
    """Up to five words of a name from there on, with capitals where the person wrote none."""
    if start >= len(wording.plain):
        return ""
    written = wording.evidence(start, len(wording.plain)).lstrip(" :,\"'«¡")
    words: list[str] = []
    position = 0
    for match in _LETTERS.finditer(written):
        gap = written[position : match.start()]
        word = match[0].rstrip(".") if len(match[0]) > 3 else match[0]
        folded = fold(word)
        if gap.strip() or (words and "\n" in gap) or len(words) == _MAX_WORDS:
            break
        if folded in _ENDS_A_NAME and not (folded in _PARTICLES and words and _continues(written, match.end())):
            break
        if folded in _NO_NAME and folded not in _PARTICLES:
            if not words:
                return ""
            break
        words.append(word)
        position = match.end()
    while words and fold(words[-1]) in _PARTICLES:
        words.pop()
    return " ".join(_capitalised(word) for word in words)


def _continues(written: str, position: int) -> bool:
    following = written[position:].lstrip()
    return following[:1].isupper()


def _capitalised(word: str) -> str:
    if fold(word) in _PARTICLES:
        return word.lower()
    if word.islower() or (word.isupper() and len(word) > 2):
        return "-".join(part[:1].upper() + part[1:].lower() for part in word.split("-"))
    return word
