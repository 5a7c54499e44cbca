"""What somebody does for a living, in their words, with the risk class of the list in `occupations.txt`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from src.agent.understanding.reading import Context, Found
from src.agent.understanding.wording import Wording, fold

_LIST = Path(__file__).with_name("occupations.txt")
_LONGEST_WORDS = 5
_FUZZY_FROM = 88  # percent of similarity, and only for words of six letters or more

_LEAD = re.compile(
    r"\b(?:(?P<am>soy|somos|fui|i am an?|i'm an?|i work as an?|soc|sou)|(?P<works>trabajo|curro|laburo|"
    r"chambeo|camello|trabajando|estoy trabajando|ejerzo|hago|estoy)(?: actualmente| ahora)?(?: de|"
    r" como| en| para| con)?|me dedico al?|de profesion,?|"
    r"(?P<own>tengo|llevo|regento|dirijo) (?=un[oa]? )|mi (?:profesion|trabajo|oficio|ocupacion|curro) es(?: de|"
    r" ser| el de| la de)?|profesion:?|ocupacion:?|oficio:?|puesto de|i work in|estudio|my job is)\s+(?:un |"
    r"una |el |la |de |como |profesional de |en |an? )*"
)
_END = re.compile(
    r"[,.;:!?\n()]|\s(?:y|e|pero|aunque|desde|hace|con (?:\d|sueldo|contrato|mi)|tengo|gano|cobro|"
    r"porque|no|ni|que|cuando|mientras|and|but|de momento|actualmente|ahora|por ahora|llevo|en (?:madrid|"
    r"barcelona|valencia|sevilla|bilbao|malaga))\b"
)
_BARE_LEAD = re.compile(
    r"^\W*(?:pues |bueno |eh |mira |hola |si,? |yo |a ver,? )*(?:soy |trabajo (?:de |como |en )?|de |"
    r"como |un |una |en |es |curro (?:de |en )?|me dedico a(?:l)? |estoy (?:de |en )?|(?:tengo|llevo|"
    r"regento|dirijo) (?=un[oa]? ))*"
)
_ITEM_BORDER = re.compile(r"[,.;:!?\n]|\by yo (?:soy )?")
_NOT_WORK = re.compile(
    r"^(?!por (?:mi cuenta|cuenta))(?:ver|saber|mas informacion|empezar|comenzar|quiero|acuerdo|de acuerdo|entendido|ja(?:ja)+|"
    r"si|no|nada|vale|ok|claro|hola|gracias|bien|dale|perfecto|luego|"
    r"por que|para que|cuanto|que|cual|eso|ninguno|ninguna|y eso|importa|es necesario|prefiero no|"
    r"no quiero|paso|depende|mucho|poco|otra|otro|desde|hasta|hace|para|por|muchas|todos?|toda|mi|"
    r"mis|me llam\w+|(?:me|te) lo|lo (?:pienso|veo|miro)|cerca|lejos|aqui|ahi|casa|fumador[a]?|solo|sola|bien|mal)\b"
)
_CLASS_WORDS = tuple(
    (risk, re.compile(rf"^\W*(?:(?:a |de )?(?:la |el |lo |opcion |numero )*(?:{number}))\W*$|\b(?:{words})\b"))
    for risk, number, words in (
        (4, "4|cuatro|cuart[oa]|ultim[oa]", r"(?:alto|mucho) riesgo|peligros[oa]|arriesgad[oa]|high risk|dangerous"),
        (3, "3|tres|tercer[oa]", r"maquinaria|maquinas|en alturas?|de alturas?|altura|obras?|machinery|heights?"),
        (2, "2|dos|segund[oa]", r"manual(?:es)?|con las manos|(?:de|en la) calle|al aire libre|outdoors?"),
        (1, "1|un[oa]|primer[oa]", r"oficina|despacho|sentad[oa]|ordenador|similar|office|desk"),
    )
)
_SECTOR_ALONE = re.compile(r"\b(?:trabajo|curro|laburo|estoy|chambeo|ahi|empleo)\b[^.;,]{0,20}\ben\s+$")

RISKY_SPORTS = re.compile(
    r"\b(?P<sport>paracaidis\w+|parapente|ala delta|ala-delta|escalad(?:a|or|ora)(?: (?:en roca|libre|"
    r"deportiva))?|escalo\b|alpinis\w+|montanismo|alta montana|ochomil\w*|himalayismo|espeleolog\w+|"
    r"barranquis\w+|descenso de barrancos|puenting|bungee|"
    r"salto base|base jump\w*|wingsuit|rafting|buceo|buceo con botella|submarinis\w+|apnea|pesca submarina|"
    r"rall(?:y|ie)s?|carreras de (?:motos|coches|karts)|motocross|moto ?gp|enduro|boxeo|kick ?boxing|"
    r"mma|artes marciales mixtas|lucha libre|muay thai|"
    r"esqui (?:fuera de pista|extremo|de travesia)|freeride|heliesqui|snowboard extremo|vuelo (?:sin motor|"
    r"acrobatico)|ultraligeros?|avioneta|planeador|pilotar|skydiving|rock climbing|scuba diving|paragliding|"
    r"motorbike racing|encierros|correr (?:los )?encierros|"
    r"toreo|rodeo|kitesurf|downhill|descenso en bici|parkour|highline|via ferrata|vias ferratas|ciclismo de descenso|"
    r"puentismo)\b"
)
_NOT_PRACTISED = re.compile(
    r"\b(?:antes|hacia|practicaba|hice|de joven)\b[^.;]{0,30}$|\b(?:no|nunca|ni|tampoco|jamas|ya no|"
    r"deje|sin)\b[^.;,]{0,30}$|\b(?:cubre|cubris|cubren|incluye|si) [^.;,]{0,25}$"
)


def read_occupation(wording: Wording, context: Context) -> list[Found]:
    """`occupation` as it was said and, when the list knows it, `occupation_class`; `details.sport` for a risky one."""
    awaiting = (context.awaiting or "").removeprefix("confirm:")
    asked = awaiting in ("occupation", "occupation_class")
    found = _occupation(wording, asked=asked)
    if awaiting == "occupation_class" and not any(each.key == "occupation_class" for each in found):
        resembles = _class_in_words(wording)
        if resembles or (found and found[0].value == wording.text.strip()):
            found = resembles  # what is asked now is what it resembles: words that nobody knows are no second occupation
    sport = _risky_sport(wording)
    return [*found, sport] if sport else found


def _occupation(wording: Wording, *, asked: bool) -> list[Found]:
    plain = wording.plain
    best: tuple[str | None, int, int] | None = None
    for lead in _LEAD.finditer(plain):
        phrase_end = _phrase_end(plain, lead.end())
        phrase = plain[lead.end() : phrase_end].strip()
        if not phrase:
            continue
        matched = _class_of(phrase, fuzzy=asked)
        if lead["own"] and not (asked and matched):
            continue
        if (
            matched is None
            and lead["works"]
            and (asked or not re.match(r"hago|estoy", lead["works"]))
            and _worth_keeping(phrase)
        ):
            best = best or (None, lead.end(), phrase_end)
        elif matched is not None and (best is None or best[0] in (None, "?")):
            best = (matched, lead.end(), phrase_end)
    if best is None:
        best = _bare(plain) if asked else _listed(plain)
    if best is None:
        return []
    risk, start, end = best
    words = _tidy(wording.evidence(start, end))
    if not words:
        return []
    found = [Found("occupation", words, words)]
    if risk and risk != "?":
        found.append(Found("occupation_class", int(risk), words))
    return found


def _class_in_words(wording: Wording) -> list[Found]:
    """The class that the offered descriptions name, by its number or in their words."""
    for risk, pattern in _CLASS_WORDS:
        match = pattern.search(wording.plain)
        if match:
            return [Found("occupation_class", risk, wording.evidence(*match.span()))]
    return []


def _bare(plain: str) -> tuple[str | None, int, int] | None:
    if "?" in plain or "[" in plain:
        return None
    lead = _BARE_LEAD.match(plain)
    start = lead.end() if lead else 0
    end = _phrase_end(plain, start)
    phrase = plain[start:end].strip()
    whole = _class_of(plain[start:].strip(), fuzzy=False)
    matched = _class_of(phrase, fuzzy=True)
    if matched in (None, "?") and whole not in (None, "?"):
        return whole, start, len(plain)
    if matched is not None:
        return matched, start, end
    if not _worth_keeping(phrase) or len(phrase) > 60 or any(letter.isdigit() for letter in phrase):
        return None
    return None, start, end


def _listed(plain: str) -> tuple[str | None, int, int] | None:
    """An occupation that is a whole item of an enumeration: "29 años, enfermera, sin hijos"."""
    borders = [*(match.span() for match in _ITEM_BORDER.finditer(plain)), (len(plain), len(plain))]
    if len(borders) < 2:
        return None
    start = 0
    for end, following in borders:
        item = plain[start:end]
        risk = known_occupations().get(item.strip())
        if risk not in (None, "?"):
            return risk, start + len(item) - len(item.lstrip()), end
        start = following
    return None


def _worth_keeping(phrase: str) -> bool:
    return len(phrase) >= 3 and not _NOT_WORK.match(phrase) and bool(re.match(r"[a-z]", phrase))


def _phrase_end(plain: str, start: int) -> int:
    stop = _END.search(plain, start)
    return stop.start() if stop else len(plain)


def _tidy(words: str) -> str:
    return re.sub(r"^(?:un|una|de|como|en una?|en)\s+|[\s.,!]+$", "", words.strip(), flags=re.IGNORECASE).strip()[:80]


def _class_of(phrase: str, *, fuzzy: bool) -> str | None:
    """The class of the longest known occupation in a phrase; the earlier one wins among equals."""
    known = known_occupations()
    words = re.findall(r"[a-z]+(?:'[a-z]+)?", phrase)[:12]
    best: tuple[int, int, str] | None = None
    for start in range(len(words)):
        for length in range(min(_LONGEST_WORDS, len(words) - start), 0, -1):
            risk = known.get(" ".join(words[start : start + length]))
            if risk is None:
                continue
            rank = (0 if risk == "?" else length, -start, risk)
            if best is None or rank > best:
                best = rank
            break
    if best is not None:
        return best[2]
    return _similar(" ".join(words[:2]), words, known) if fuzzy else None


def _similar(two: str, words: list[str], known: dict[str, str]) -> str | None:
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - only misspelt occupations come here

    for candidate in (two, *words[:2]):
        if len(candidate) < 6:
            continue
        match = process.extractOne(candidate, known.keys(), scorer=fuzz.ratio, score_cutoff=_FUZZY_FROM)
        if match:
            return known[match[0]]
    return None


@cache
def known_occupations() -> dict[str, str]:
    """Every form of the list without accents, and its class: "1" to "4", or "?" where the word does not say."""
    known: dict[str, str] = {}
    risk = "?"
    for line in _LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            risk = line[1:-1]
        elif line and not line.startswith("#"):
            for entry in line.split(","):
                for form in _forms(fold(entry.strip())):
                    known.setdefault(form, risk)
    return known


def _forms(entry: str) -> list[str]:
    forms = [entry.replace("@", "o"), entry.replace("@", "a")] if "@" in entry else [entry]
    expanded: list[str] = []
    for form in forms:
        ending = re.search(r"\((\w+)\)", form)
        if ending is None:
            expanded.append(form)
            continue
        expanded.append(re.sub(r"\(\w+\)", "", form))
        stem = form[: ending.start()]
        feminine = stem[:-1] + ending[1] if stem[-1] in "eo" and ending[1] == "a" else stem + ending[1]
        expanded.append(feminine + form[ending.end() :])
    return expanded


def _risky_sport(wording: Wording) -> Found | None:
    for match in RISKY_SPORTS.finditer(wording.plain):
        before = wording.plain[max(0, match.start() - 60) : match.start()]
        asked_about = "?" in wording.plain[match.end() : match.end() + 40] and re.search(
            r"\b(?:cubre|cubris|cubren|incluye|si)\b", before
        )
        if not asked_about and not _NOT_PRACTISED.search(before[-45:]):
            words = wording.evidence(*match.span("sport"))
            return Found("details.sport", words.lower(), words)
    return None
