"""What the person is called, as they write it."""

from __future__ import annotations

import re

from src.agent.understanding.lexicon import words_of
from src.agent.understanding.reading import Context, Found
from src.agent.understanding.wording import Wording, fold

_INTRODUCED = re.compile(
    r"\b(?:me llamo|mi nombre(?: completo)? es|nombre(?: completo)?:|me dicen|me llaman|puedes llamarme|"
    r"puede llamarme|llamame|llameme|dime(?= [a-z]+$)|dimelo a|me pusieron|"
    r"(?:te|le|os) (?:habla|escribe|saluda)|habla(?= [a-z]+ [a-z]+\W*$)|aqui(?= [a-z]+\b)|my name is|"
    r"my name's|call me|em dic|chamome|je m'appelle|ich heisse|mi chiamo|naiz)\s+"
)
_SOY = re.compile(r"\b(?:soy|i am|i'm|im|soc|sou|som)\s+")
_ARTICLE = re.compile(r"(?:la |el |don |dona |tu amig[oa] )?")
_FIRST_ITEM = re.compile(r"^(?:hola,? |buenas,? )?(?P<name>[a-z]+(?: [a-z]+){0,3}),[^?]*,")
_BEGINS_WITH_IT = re.compile(r"^(?:hola,? |buenas,? )?(?P<name>[a-z]+(?: [a-z]+){0,3})(?=,|\.| y tengo| tengo)")
_AT_END = re.compile(
    r"^\W*(?P<name>[a-z]+(?: [a-z]+){0,3}) (?:al habla|para servir\w*|al aparato|a (?:sus|tus) ordenes|presente)\b"
)
_PARTICLES = frozenset(["de", "del", "la", "las", "los", "y", "i", "da", "dos", "san", "santa", "von", "van"])
_ENDS_A_NAME, _NO_NAME, _GIVEN = words_of("ends a name"), words_of("no name"), words_of("given names")
_BARE_LEAD = re.compile(
    r"^(?:\W|(?:hola|buenas|buenos dias|buenas tardes|buenas noches|pues|bueno|si|claro|vale|ok|encantad[oa]|"
    r"mucho gusto|eh|ah|mira|a ver|es|el mio es|soy|yo soy|me llamo|con|hi|hello|it's|dale|perfecto|"
    r"de acuerdo|genial|por supuesto|mi nombre es|digame)\b)*"
)
_ASKED_BACK = re.compile(r"(?<![\s,.;!])[\s,.;!]*¿?\by (?:tu|usted|vos)(?: como te llamas)?[^\w?]*+\?\W*$")
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
    listed = _FIRST_ITEM.match(plain)
    if listed and listed["name"].split()[0] in _GIVEN:
        name = _name_at(wording, listed.start("name"))
        if name:
            return Found("name", name, name)
    begins = _BEGINS_WITH_IT.match(plain) if asked else None
    if begins and begins["name"].split()[0] in _GIVEN:
        name = _name_at(wording, begins.start("name"))
        if name:
            return Found("name", name, name)
    for match in _SOY.finditer(plain):
        start = match.end() + len(_ARTICLE.match(plain, match.end())[0])  # type: ignore[index]  # matches the empty text too
        name = _name_at(wording, start)
        if name and _sounds_like_a_name(wording.evidence(start, len(plain)), name, asked=asked):
            return Found("name", name, name)
    return _bare(wording) if asked and not busy else None


def _sounds_like_a_name(written: str, name: str, *, asked: bool) -> bool:
    first = fold(name.split(maxsplit=1)[0])
    if first in _NO_NAME or len(first) < 2:
        return False
    return first in _GIVEN or asked or (written[:1].isupper() and not written[:3].isupper())


def _bare(wording: Wording) -> Found | None:
    plain = _ASKED_BACK.sub("", wording.plain)
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
    known = words[0] in _GIVEN
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
    if len(words) > 1 and fold(words[0]) == "ma":  # "Mª Carmen", as it is written and never said
        words[0] = "María"
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
