"""Marital status, who depends on the person, and what was said of a second person."""

from __future__ import annotations

import re
from collections.abc import Sequence

from src.agent.understanding.answers import Answer
from src.agent.understanding.quantities import Quantity, as_number
from src.agent.understanding.reading import Context, Found
from src.agent.understanding.wording import Wording

_MARITAL: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "partner",
        re.compile(
            r"\b(?:pareja de hecho|(?:vivo|vivimos|estoy|convivo) (?:con|en) (?:mi |una )?(?:pareja|novi[oa]|"
            r"chic[oa]|companer[oa])|en pareja|emparejad[oa]|union libre|union estable|juntad[oa]s?|arrejuntad[oa]s?|"
            r"concubinato|arrimad[oa]s?|convivo|conviviendo|ajuntad[oa]s?|tengo (?:pareja|novi[oa])|living together|"
            r"with my partner|civil partner\w*|amancebad[oa]s?)\b"
        ),
    ),
    (
        "divorced",
        re.compile(
            r"\b(?:divorciad[oa]s?|separad[oa]s?|divorced|separated|mi ex(?: ?-?(?:mujer|marido|espos[oa]|"
            r"pareja))?|en tramites de divorcio|divorciandome|descasad[oa])\b"
        ),
    ),
    ("widowed", re.compile(r"\b(?:viud[oa]s?|widow(?:er|ed)?|enviude|viudit[oa])\b")),
    (
        "single",
        re.compile(
            r"\b(?:solter[oa]s?|solterit[oa]|solteron\w*|single|sin pareja|no tengo pareja|sin compromiso|"
            r"soltera y entera|unmarried|sin casar)\b"
        ),
    ),
    (
        "married",
        re.compile(
            r"\b(?:casad[oa]s?|casadit[oa]s?|(?<!otro )(?<!anterior )(?<!primer )matrimonio|"
            r"married|me case|nos casamos|recien casad[oa]s?|esposad[oa]s?|"
            r"desposad[oa])\b"
        ),
    ),
)
_SPOUSE = re.compile(r"\b(?:mi|la|con mi) (?:mujer|marido|espos[oa]|senora|conyuge|wife|husband)\b")
_PARTNER = re.compile(r"\b(?:mi|con mi) (?:pareja|novi[oa]|companer[oa]|chic[oa]|partner|girlfriend|boyfriend)\b")
_NOT = re.compile(r"\b(?:no (?:estoy|soy|estamos|somos)|nunca (?:me|nos) (?:he|hemos)?|sin|not)\s*$")
_SOMEBODY_ELSE = re.compile(
    r"\b(?:mis?|tus?|sus?|un|una|l[oa]s?|el) (?:hij|herman|padre|madre|amig|prim|tio|tia|suegr|cunad|"
    r"vecin|jef|companer|abuel)\w*\s+(?:\w+\s+){0,2}$"
)

_CHILD_WORD = (
    r"(?:hij[oa]s?|hijit[oa]s?|nin[oa]s?|nen[oa]s?|crios?|crias|peques?|pequen[oa]s|chiquill[oa]s?|chamac[oa]s?|"
    r"pib[ea]s?|bebes?|chaval(?:es)?|guaguas?|descendencia|descendientes|prole|churumbel(?:es)?|fills|"
    r"kids|children|criaturas?)"
)
_NO_CHILDREN = re.compile(
    r"\b(?:sin|no (?:tengo|tenemos|hay|tuve|tuvimos|tinc)(?: ni)?|ni(?: tengo| tenemos)?|tampoco (?:tengo|tenemos)?|cero|"
    rf"ningun|no kids|without|no) (?:ningun |mas |de los )?{_CHILD_WORD}\b|"
    rf"\b{_CHILD_WORD}[,:]? (?:no(?: tengo)?|ninguno|ninguna|cero|ni uno|nada|aun no|todavia no)\b|"
    r"\b(?:no tengo (?:a nadie|cargas|personas|familiares|a ninguno)|nadie (?:depende|mas)|sin cargas|"
    r"no (?:me )?depende nadie|solo yo|yo sol[oa]|(?:estoy|soy|vivo) sol[oa]|a nadie|de mi no depende|"
    r"nobody|no one|no dependants|no dependents|just me|nadie\b)"
)
_CHILD_NOUN = re.compile(rf"\b{_CHILD_WORD}\b")
_SOLE = re.compile(
    r"\b(?:(?:mi|nuestro|nuestra|el|la) (?:hij[oa]|hijit[oa]|nin[oa]|nen[oa]|peque|pequen[oa]|bebe|"
    r"crio|cria|chiquill[oa])\b|hij[oa] unic[oa]|my (?:son|daughter|kid))"
)
_TWINS = re.compile(r"\b(?:gemel[oa]s|melliz[oa]s|la parejita|twins|cuates|guachos|morochos)\b")
_TRIPLETS = re.compile(r"\btrilliz[oa]s\b")
_LARGE_FAMILY = re.compile(r"\bfamilia numerosa\b")
_EXPECTING = re.compile(
    r"\b(?:embarazad[oa]s?|esperando (?:un|a|el|mi|gemelos|nuestro)|(?:viene|llega|hay|otr[oa]|y un[oa]) (?:uno |"
    r"otro |otra |una )?(?:mas )?(?:que viene )?(?:en camino|de camino)|encinta|salgo de cuentas|a punto de ser (?:padre|"
    r"madre|papa|mama)|pregnant|voy a ser (?:padre|madre|papa|mama)|vamos a ser padres)\b"
)
_ADULT_DEPENDANT = re.compile(
    r"\b(?:mi|mis|nuestr[oa]s?|la|el) (?P<who>mujer|marido|espos[oa]|pareja|novi[oa]|conyuge|companer[oa]|"
    r"senora|madre|padre|padres|mama|papa|papas|suegr[oa]s?|herman[oa]s?|abuel[oa]s?|viejos|viejita|"
    r"wife|husband|parents|mother|father)\b"
)
_EARNS_NOTHING = re.compile(
    r"\b(?:que|porque) (?:ahora )?no (?:trabaja|gana nada|tiene trabajo|tiene ingresos|cobra nada)\b|"
    r"\bque (?:ahora )?esta en (?:el )?paro\b"
)
_CHILD_EMOJI = re.compile("[\U0001f476\U0001f9d2\U0001f466\U0001f467]")
_DEPENDS = re.compile(r"\b(?:depend|a (?:mi )?cargo|cargas|mantengo|mantener|vive[n]? conmigo|viven? con(?:migo| nosotros))")
_NOTHING_COUNTED = re.compile(
    r"\s*(?:$|[,.;:!?)\n]|y\b|de\b|en\b|a mi\b|contando|conmigo|mas\b|nada mas|por ahora|viven|que (?:depend|viv)|"
    r"pequen|mayores|menores|en total|gracias)"
)
_SMALL_WORDS = re.compile(
    r"\b(?:y|e|yo|pues|solo|tambien|a|con|mi|mis|de|bueno|si|nosotros|ya|estan?|son|mas|los|las|the|and|only|just)\b|\W+"
)
_IN_PAIRS = ("padres", "papas", "suegros", "suegras", "abuelos", "viejos", "parents")


def read_marital_status(wording: Wording, context: Context) -> list[Found]:
    """At most one status; the last one said counts ("estuve casado, ahora divorciado")."""
    found: list[tuple[int, Found]] = []
    for status, pattern in _MARITAL:
        for match in pattern.finditer(wording.plain):
            before = wording.plain[max(0, match.start() - 40) : match.start()]
            if _SOMEBODY_ELSE.search(before) or re.search(r"\b(?:estuve|estaba|era)\s*$", before):
                continue
            evidence = wording.evidence(*match.span())
            if _NOT.search(before):
                value = Found("marital_status", "single", evidence, 0.6, False, ("partner", "divorced"))
                found.append(
                    (match.start(), value if status == "married" else Found("marital_status", "married", evidence, 0.4))
                )
                continue
            found.append((match.start(), Found("marital_status", status, evidence)))
    if found:
        statuses = {value.value for _, value in found}
        last = max(found, key=lambda each: each[0])[1]
        if "partner" in statuses and "divorced" in statuses:
            last = next(value for _, value in found if value.value == "partner")
        return [last]
    if context.awaiting == "marital_status":
        for pattern, status in ((_SPOUSE, "married"), (_PARTNER, "partner")):
            lives_with = pattern.search(wording.plain)
            if lives_with:
                return [Found("marital_status", status, wording.evidence(*lives_with.span()), 0.8)]
    return []


def read_dependents(wording: Wording, quantities: Sequence[Quantity], context: Context, answer: Answer | None) -> list[Found]:
    """How many people depend on the person; "none" is 0."""
    plain = wording.plain
    asked = (context.awaiting or "").removeprefix("confirm:") == "dependents"
    none = _NO_CHILDREN.search(plain)
    counted = [each for each in quantities if each.unit == "children" and not each.rejected and each.value <= 15]
    counted = [each for each in counted if not _somebody_elses(plain, each)]
    if none and not counted:
        if not asked and not _CHILD_NOUN.search(none[0]) and not re.search(r"carg|depend", none[0]):
            return []
        adults = _ADULT_DEPENDANT.findall(plain) if asked else []
        if adults and re.search(r"\b(?:pero|solo|aunque)\b", plain):
            return [Found("dependents", _people(adults), wording.evidence(*none.span()), 0.7, False, (0,))]
        return [Found("dependents", 0, wording.evidence(*none.span()))]
    found = [_children(wording, counted, asked=asked)] if counted else _uncounted(wording, quantities, asked=asked)
    if not found and asked and answer is not None and answer.polarity == "deny":
        found = [Found("dependents", 0, wording.evidence(answer.start, answer.end), 1.0 if answer.confidence >= 0.9 else 0.6)]
    expecting = _EXPECTING.search(plain)
    if expecting and not re.search(r"\bno (?:estoy|esta)?\s*$", plain[max(0, expecting.start() - 12) : expecting.start()]):
        found.append(Found("details.expecting", True, wording.evidence(*expecting.span())))
    return found


def _somebody_elses(plain: str, quantity: Quantity) -> bool:
    before = plain[max(0, quantity.start - 30) : quantity.start]
    after = plain[quantity.end : quantity.end + 12]
    return bool(
        re.search(
            r"\b(?:mi (?:herman|amig|prim|vecin)\w+|quiero|querria|me gustaria tener|queremos|somos|eramos) (?:tiene |"
            r"tener )?$",
            before,
        )
    ) or bool(re.match(r"\s*(?:mas (?:que|de)|de mi (?:herman|amig))", after))


def _children(wording: Wording, counted: Sequence[Quantity], *, asked: bool) -> Found:
    first, last = counted[0], counted[-1]
    evidence = wording.evidence(first.start, last.end)
    listed = len(counted) > 1 and not re.search(
        r"\b(?:perdon|digo|mejor dicho|bueno)\b|\bno,", wording.plain[first.end : last.start]
    )
    total = sum(each.value for each in counted) if listed else last.value
    if listed and counted[0].value > 1 and counted[0].value == sum(each.value for each in counted[1:]):
        total = counted[0].value  # "tres hijos, dos niñas y un niño"
    if last.high is not None:
        return Found("dependents", as_number(last.value), evidence, 0.5, False, (as_number(last.high),))
    only = re.search(r"\b(?:pero|aunque) (?:solo |ya |solamente )?", wording.plain[last.end :])
    if only and re.search(r"\b(?:viven?|depend|conmigo|mayor|independiz|cargo)", wording.plain[last.end :]):
        return Found("dependents", int(total), evidence, 0.6)
    adults = _ADULT_DEPENDANT.findall(wording.plain) if asked else []
    if adults:
        return Found("dependents", int(total) + _people(adults), evidence, 0.8, False, (int(total),))
    return Found("dependents", int(total), evidence)


def _uncounted(wording: Wording, quantities: Sequence[Quantity], *, asked: bool) -> list[Found]:
    plain = wording.plain
    emoji = _CHILD_EMOJI.findall(plain)
    if emoji and len(emoji) <= 8:
        return [Found("dependents", len(emoji), "".join(emoji), 0.6)]
    for pattern, count in ((_TRIPLETS, 3), (_TWINS, 2)):
        match = pattern.search(plain)
        if match:
            return [Found("dependents", count, wording.evidence(*match.span()), 0.8 if asked else 0.7)]
    counted = _counted_people(wording, quantities, asked=asked)
    if counted:
        return [counted]
    named = _named_people(wording, asked=asked)
    if named:
        return [named]
    large = _LARGE_FAMILY.search(plain)
    return [Found("dependents", 3, wording.evidence(*large.span()), 0.5, False, (4, 5))] if large else []


def _counted_people(wording: Wording, quantities: Sequence[Quantity], *, asked: bool) -> Found | None:
    """ "dependen de mi 3 personas", or a bare number that answers the question."""
    plain = wording.plain
    about_it = bool(_DEPENDS.search(plain))
    short = len(plain.split()) <= 3
    for each in quantities:
        if each.rejected or each.value > 15 or not each.value.is_integer() or each.unit not in ("people", ""):
            continue
        people = each.unit == "people" and (about_it or (asked and (short or not each.article)))
        bare = each.unit == "" and asked and (short or not each.article) and _NOTHING_COUNTED.match(plain, each.end)
        if (people or bare) and each.value > 1 and re.search(r"\bsomos\s*$", plain[: each.start]):
            # Who counts the household counts themselves, and nobody knows who of the others earns.
            return Found("dependents", each.number - 1, wording.evidence(each.start, each.end), 0.6, False, (each.number,))
        if people or bare:
            others = () if each.high is None else (as_number(each.high),)
            confidence = 1.0 if each.high is None else 0.5
            return Found("dependents", each.number, wording.evidence(each.start, each.end), confidence, False, others)
    return None


def _named_people(wording: Wording, *, asked: bool) -> Found | None:
    """ "mi mujer", "mis padres y mi hija": counted only where nothing else is told about them."""
    plain = wording.plain
    own = _SOLE.findall(plain)
    if own and not asked and not re.search(r"\b(?:hij[oa] unic[oa]|tengo|para que)\b", own[0]):
        return None
    adults = _ADULT_DEPENDANT.findall(plain) if asked else []
    if not own and not adults:
        return None
    told = _EARNS_NOTHING.sub("", _ADULT_DEPENDANT.sub("", _SOLE.sub("", plain)))
    only_named = len(_SMALL_WORDS.sub("", told).split()) == 0
    if not only_named and not _DEPENDS.search(plain) and not (own and not adults):
        return None
    count = len(own) + _people(adults)
    with_self = bool(re.search(r"\by yo\b|\byo y\b|nosotros", plain))
    certainty = 0.6 if with_self else 0.8 if adults or "unic" in own[0] else 0.7
    return Found("dependents", count, wording.evidence(0, len(plain)), certainty, False, (0,) if adults and not own else ())


def _people(adults: Sequence[str]) -> int:
    return sum(2 if who in _IN_PAIRS else 1 for who in adults)
