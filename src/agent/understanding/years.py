"""What a number of years is about: the person's age, a child's, somebody else's, a term, or how long ago something was."""

from __future__ import annotations

import re
from collections.abc import Sequence

from src.agent.understanding.quantities import Quantity
from src.agent.understanding.reading import Context, Found
from src.agent.understanding.wording import Wording

OLDEST = 119
YOUNGEST_UNASKED = 14
"""Smaller numbers of years are hardly the age of somebody who writes about insurance, unless they say so."""
_CHILD = (
    r"(?:hij[oa]s?|hijit[oa]s?|nin[oa]s?|nen[oa]s?|crios?|crias?|peques?|pequen[oa]s?|chiquill[oa]s?|"
    r"chamac[oa]s?|pibes?|pibit[oa]s?|bebes?|mellizos|gemel[oa]s?|"
    r"mayor|mediano|mediana|menor|kids?|children|child|son|daughter|chaval(?:es)?|guaguas?|chic[oa]s|"
    r"fills?|filla|filles)"
)
_PARTNER = r"(?:mi|la|el) (?:mujer|marido|espos[oa]|pareja|novi[oa]|conyuge|companer[oa]|senora|parienta|media naranja)"
_AGO = re.compile(
    r"\b(?:hace|hara|desde hace|va para|van|llevo|llevamos|llevaba|lleva)(?: ya| unos| casi| mas de|"
    r" como| un par de| aproximadamente| cosa de| alrededor de)*\s*$"
)
_TERM_BEFORE = re.compile(
    r"\b(?:plazo(?: de)?|durante|faltan?|quedan?|restan|en|por|duracion(?: de)?|para|proximos|term of|"
    r"over|for|a)(?: unos| los proximos| los| otros| como| solo| aun| todavia| ya solo| por pagar)*\s*$"
)
_TERM_AFTER = re.compile(
    r"\s*(?:mas )?(?:de (?:hipoteca|plazo|prestamo|pagos|letras|credito|duracion|cobertura|seguro)|"
    r"para (?:acabar|terminar|pagar|liquidar|que acabe)|por delante|que (?:me )?quedan|pendientes|"
    r"restantes)\b"
)
_NOT_AGE_AFTER = re.compile(
    r"\s*(?:para (?:jubil|la jubil|cumplir|que)|de (?:experiencia|"
    r"casad|matrimonio|relacion|novi|cotiza|antiguedad|carne|servicio|fumador|"
    r"contrato|trabajo)|cotiza|casad|fumando|trabajando|viviendo|juntos|sin fumar|cotizados|en (?:la |"
    r"esta |el )?(?:empresa|espana|trabajo|puesto|banco))"
)
_UNTIL = re.compile(r"\bhasta (?:que (?:tenga|cumpla) |mis |los |las )*\s*$")
_SINCE = re.compile(
    r"\b(?:desde|a partir de|con mas de|menos de|mas de)(?: los| mis)?\s*$|\bcuando tenia\s*$|\b(?:a|"
    r"con) (?:los|mis)\s*$|\bjubil\w+ a (?:los )?\s*$|\ba los\s*$"
)
_NEXT = re.compile(
    r"\b(?:cumplo|cumplire|voy a cumplir|hago|hare|a punto de (?:cumplir|hacer)|por cumplir|voy a hacer|"
    r"voy para|rozando|casi|para|i turn|turning|tirando a)(?: ya| los| mis)?\s*$"
)
_FOR = re.compile(r"(?<!voy )\bpara\s*$")
_REACHED = re.compile(
    r"\b(?:cumpli|he cumplido|acabo de cumplir|recien cumplid[oa]s|cumplidos|hice|ahora tengo|ya tengo)(?: ya|"
    r" los| mis)?\s*$"
)
_MINE = re.compile(
    r"\b(?:tengo|tendre|edad|edad, (?:son|es)|yo|yo tengo|soy de|tinc|tenho|teno|ho|j'ai|ich bin|bin|i am|i'm|im|age|"
    r"aged|anda por los|ando por los|ando en los|rondo los|mis|years|con|vivo|years of)(?: ya| los|"
    r" unos| como| casi| exactamente| solo| justo| recien| now| es| de| actualmente| ahora| por los|"
    r" en los| mas o menos)*[:\s]*$"
)
_NEXT_AFTER = re.compile(r"\s*(?:anos )?(?:ya )?(?:los )?(?:cumplo|hago|cumplire|hare|voy a cumplir|cumplidos en)\b")
_RELATIVE = re.compile(
    r"\bmis? (?:herman|amig|prim|padre|madre|papa|mama|ti[oa]|suegr|cunad|vecin|jef|abuel|sobrin|compan)[a-z]* (?:[a-z]"
    r"+ ){0,2}(?:tiene|tienen|cumple|con|de|va)?\s*(?:ya |unos |los )?$"
)
_END_OF_AGE = re.compile(
    r"\s*(?:$|[,.;:!?)\n]|y\b|e\b|pero\b|no\b|tacos|and\b|but\b|i\b|recien|cumplid|ahora|bueno|casi|para|"
    r"en \w+ (?:cumplo|hago))"
)
_AHEAD = re.compile(r"\b(?:dentro de|de aqui a|cada|los proximos|in) (?:unos )?$")
_ROUGHLY = re.compile(r"\s*(?:y|i) (?:poc[oa]s|tant[oa]s|algo|pico|largos|muchos)\b|\s*(?:mas o menos|aprox\w*|largos)\b")
_COMPARED = re.compile(r"\s*(?:anos )?(?:mas|menos) (?:que|joven|mayor)")
_CLAUSE_BEFORE = 70


def read_years(wording: Wording, quantities: Sequence[Quantity], context: Context) -> tuple[list[Found], list[Quantity]]:
    """Ages, terms and children's ages, and the quantities they took."""
    awaiting = (context.awaiting or "").removeprefix("confirm:")
    found: list[Found] = []
    taken: list[Quantity] = []
    child_ages: list[int] = []
    partner_age: Found | None = None
    for quantity in quantities:
        if quantity.unit not in ("", "years", "months") or (quantity.article and quantity.unit != "years"):
            continue
        before = wording.plain[max(0, quantity.start - _CLAUSE_BEFORE) : quantity.start]
        role = _role(wording.plain, before, quantity, awaiting, child_ages)
        if not role:
            continue
        taken.append(quantity)
        evidence = wording.evidence(quantity.start, quantity.end)
        if quantity.rejected or not quantity.value.is_integer():
            continue
        years = int(quantity.value)
        if role == "child":
            child_ages.append(years if quantity.unit != "months" else years // 12)
        elif role == "partner":
            partner_age = Found("details.second_person", {"age": years}, evidence)
        elif role in ("term", "until"):
            found.append(Found("term_years" if role == "term" else "details.until_age", years, evidence))
        elif role in ("age", "next", "reached"):
            rough = bool(_ROUGHLY.match(wording.plain, quantity.number_end))
            _add_age(found, years, role, quantity, evidence, rough=rough)
    if child_ages:
        found.append(Found("details.child_ages", child_ages, ""))
    if partner_age:
        found.append(partner_age)
    return found, taken


def read_enumerated_age(wording: Wording, quantities: Sequence[Quantity]) -> tuple[list[Found], list[Quantity]]:
    """A bare number that is a whole item of an enumeration of words: "Luis, 45, fontanero"."""
    items = [item.strip() for item in wording.plain.split(",")]
    if len(items) < 3 or not all(re.fullmatch(r"\d{2}|[a-z ]{2,40}", item) for item in items):
        return [], []
    bare = [
        each
        for each in quantities
        if each.unit == "" and YOUNGEST_UNASKED <= each.value < 100 and wording.plain[each.start : each.end] in items
    ]
    if len(bare) != 1:
        return [], []
    return [Found("age", int(bare[0].value), wording.evidence(bare[0].start, bare[0].end), 0.8)], bare


def _role(plain: str, before: str, quantity: Quantity, awaiting: str, child_ages: list[int]) -> str:
    """ "age", "next", "reached", "child", "partner", "term", "until", "ago", or "" when it is no number of years."""
    bare = quantity.unit == ""
    role = _not_the_age(plain, before, quantity, awaiting, child_ages)
    if role is not None:
        return role
    if awaiting not in ("age", "birth_date") and quantity.unit == "years" and _FOR.search(before):
        return "term"
    if (_NEXT.search(before) or _NEXT_AFTER.match(plain, quantity.end)) and not (awaiting == "term_years" and not bare):
        return "next" if YOUNGEST_UNASKED < quantity.value <= OLDEST else ""
    if _REACHED.search(before) and YOUNGEST_UNASKED < quantity.value <= OLDEST:
        return "reached"
    mine = bool(_MINE.search(before))
    return _bare_role(plain, quantity, awaiting, mine=mine) if bare else _role_of_years(before, quantity, awaiting, mine=mine)


def _not_the_age(plain: str, before: str, quantity: Quantity, awaiting: str, child_ages: list[int]) -> str | None:
    """What the words around say it is instead, or None when it may be the person's age."""
    bare = quantity.unit == ""
    after = plain[quantity.end : quantity.end + 40]
    clause = re.split(r"[.;!?\n]", before)[-1]
    if _AGO.search(before) or _COMPARED.match(after):
        return "" if bare else "ago"
    if _NOT_AGE_AFTER.match(after):
        return "ago"
    if _UNTIL.search(before) and 40 <= quantity.value <= 100:
        return "until"
    if _TERM_AFTER.match(after) and not bare:
        return "term"
    if _partner_near(clause, after, bare=bare):
        return "partner" if 16 <= quantity.value <= (99 if bare else OLDEST) else ""
    if _child_near(clause, quantity, child_ages, asked=awaiting == "dependents"):
        return "child"
    return "" if quantity.unit == "months" or _RELATIVE.search(clause) else None


def _role_of_years(before: str, quantity: Quantity, awaiting: str, *, mine: bool) -> str:
    if _SINCE.search(before):
        return "ago"
    if not mine and (awaiting == "term_years" or (_TERM_BEFORE.search(before) and quantity.value <= 50)):
        return "term"
    plausible = mine or awaiting in ("age", "birth_date") or quantity.value >= YOUNGEST_UNASKED
    return "age" if plausible and 0 < quantity.value <= OLDEST and not _AHEAD.search(before) else "ago"


def _bare_role(plain: str, quantity: Quantity, awaiting: str, *, mine: bool) -> str:
    if awaiting == "term_years" and not mine:
        return "term" if 0 < quantity.value <= 60 else ""
    if quantity.sized or not YOUNGEST_UNASKED <= quantity.value <= OLDEST:
        return ""
    ends = _END_OF_AGE.match(plain, quantity.end)
    return "age" if (mine and ends) or awaiting in ("age", "birth_date") else ""


def _partner_near(clause: str, after: str, *, bare: bool) -> bool:
    if re.search(
        rf"(?:\b(?:y )?(?:ella|el)|{_PARTNER})\s+(?:(?:que )?(?:tiene|tenia|cumple|con|de|es de|ya tiene|"
        r"va a cumplir)\s+)?(?:los |unos )?$",
        clause,
    ):
        return not re.search(r"\b(?:cumpl[ií]|hasta|con|por) el $", clause)
    return bare and bool(re.match(r"\s+(?:ella|mi mujer|mi marido|mi pareja)\b", after))


def _child_near(clause: str, quantity: Quantity, child_ages: list[int], *, asked: bool) -> bool:
    if quantity.value > 45:
        return False
    if asked and re.search(r"(?:^|[,\s])de (?:unos )?$", clause):
        return True
    linked = re.search(
        rf"\b{_CHILD}(?:,?\s+(?:[a-z]+ ){{0,2}}?(?:de|tiene|tienen|con|es de|aged|que tiene|que tienen|"
        r"ya tiene|cumple)|\s*\(|,? ?:?)\s*(?:apenas |solo |unos |los |ya )?$",
        clause,
    )
    if linked:
        return True
    if re.search(r"\b(?:el|la) otr[oa] (?:de |tiene |con )?$|\buno de $|\buna de $|\botr[oa] de $", clause):
        return bool(child_ages) or bool(re.search(rf"\b{_CHILD}", clause))
    return (
        bool(child_ages)
        and bool(
            re.search(
                r"\d\s*(?:anos|anitos)?\s*(?:,|y|e|,? y (?:el |la )?otr[oa] de)\s*(?:de )?$|[a-z]+ (?:y|"
                r",) (?:de )?$",
                clause,
            )
        )
        and not re.search(r"\b(?:yo|tengo)\b", re.split(rf"\b{_CHILD}\b", clause)[-1])
    )


def _add_age(found: list[Found], years: int, role: str, quantity: Quantity, evidence: str, *, rough: bool) -> None:
    """The last age said counts; a birthday to come confirms or contradicts the age said before it."""
    earlier = next((index for index, other in enumerate(found) if other.key == "age"), None)
    if role == "next":
        if earlier is None:
            found.append(Found("age", years - 1, evidence, 0.6, False, (years,)))
        elif found[earlier].value == years - 1 and found[earlier].confidence == 1.0:
            found[earlier] = Found("age", years - 1, found[earlier].evidence, 0.7, False, (years,))
        return
    doubtful = quantity.high is not None or rough
    alternatives = (int(quantity.high),) if quantity.high is not None else ()
    value = Found("age", years, evidence, 0.5 if doubtful else 1.0, False, alternatives)
    if earlier is None:
        found.append(value)
    else:
        was = found[earlier]
        found[earlier] = Found("age", years, evidence, 0.7, True, (was.value,))
