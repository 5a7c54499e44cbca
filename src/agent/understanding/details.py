"""What is told beside the answers: when to call, who is to get the money, what others charge, how somebody smokes.

Each kind is a pattern or two on the outline of the message, in which a number or a person is one letter. What is asked or
supposed is not told. A number that is explained here is not for the heads to guess about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import msgspec

from src.agent.understanding.amounts import amount_of
from src.agent.understanding.deciding import LIKELY, SURE, Acts, Role
from src.agent.understanding.figures import figures_told
from src.agent.understanding.grammar import Grammar
from src.agent.understanding.lexicon import words_of
from src.agent.understanding.outline import Detail, Outline, outline_of
from src.agent.understanding.reading import Context, Found, Intent
from src.agent.understanding.smoking import smoking_told

CALLBACK = "details.callback"
"""What is open after the acceptance: when to call."""
BANK_TIED = "vinculado-a-hipoteca"
"""What somebody asks about whose bank wants its own insurance with the mortgage."""


def details_of(seen: Grammar, acts: Acts, roles: Sequence[Role], context: Context) -> list[Detail]:
    """Everything of that kind in a message. No two explain the same number."""
    outline = outline_of(seen)
    found = [
        *_callback(outline, acts, context),
        *_beneficiary(outline),
        *_prices(outline, roles, context),
        *smoking_told(outline, acts, context),
        *figures_told(outline, roles, context),
    ]
    kept: list[Detail] = []
    for each in found:
        if not any(set(each.numbers) & set(other.numbers) for other in kept):
            kept.append(each)
    return kept


def unexplained(seen: Grammar, roles: Sequence[Role], details: Sequence[Detail]) -> tuple[Grammar, list[Role]]:
    """The persons and numbers that are left to decide about."""
    numbers = {place for each in details for place in each.numbers}
    persons = {start for each in details for start in each.persons}
    mentions = tuple(mention for mention in seen.mentions if mention.start not in persons)
    return replace(seen, mentions=mentions), [role for role in roles if role.place not in numbers]


def with_details(found: Sequence[Found], details: Sequence[Detail], context: Context, text: str) -> list[Found]:
    """The values together with the details, which stand where both speak; what is told of the partner adds up."""
    not_mine = {key for each in details for key in each.not_mine}
    told = {value.key: value for value in found if not (value.key in not_mine and value.evidence == text)}
    told = {key: value for key, value in told.items() if not (key in _IN_WORDS and not _has_letters(value.evidence))}
    settled: set[str] = set()
    for value in (each.value for each in details if each.value):
        earlier = told.get(value.key)
        if earlier and isinstance(earlier.value, dict):
            told[value.key] = msgspec.structs.replace(value, value={**earlier.value, **value.value})
        elif value.key not in settled:
            replaces = value.key in context.profile and context.profile[value.key] != value.value
            told[value.key] = msgspec.structs.replace(value, correction=value.correction or replaces)
        settled.add(value.key)
    return list(told.values())


_IN_WORDS = ("name", "occupation")


def _has_letters(words: str) -> bool:
    return any(letter.isalpha() for letter in words)


# --- when to call -----------------------------------------------------------------------------------------------------

_PART = r"(?:por|a|en|de) las? (?:mananas?|tardes?|noches?)|esta (?:manana|tarde|noche)|al? mediodia|despues de comer"
_CLOCK = r"(?:N+|\d+)(?:[:.](?:N+|\d+))?(?: ?h\b)?"
_TILL = rf"(?: y (?:las? {_CLOCK}|media|cuarto))?"
_FROM_TO = rf"(?:de|entre) (?:las? )?(?:{_CLOCK}(?: a| y)(?: las?)? {_CLOCK}|N{{4,}})"
_HOUR = rf"(?:a partir de|desde|despues de|antes de|sobre|hacia|a eso de|entre|a) las {_CLOCK}{_TILL}|a la (?:una|1)"
_WEEKDAY = r"(?:(?:el|los|este|proximo) )*(?:lunes|martes|miercoles|jueves|viernes|sabados?|domingos?)"
_DAY = rf"(?:pasado )?manana|hoy|{_WEEKDAY}|entre semana|la semana que viene|(?:el |este )?fin de semana"
_WHEN = re.compile(rf"\b(?:(?P<part>{_PART})|(?P<hour>{_HOUR})|(?P<day>{_DAY}))(?!\w)")
_WHEN_ASKED = re.compile(
    rf"\b(?:(?P<part>(?:menos |mejor )?(?:{_PART})|(?:las )?(?:mananas|tardes|noches))|(?P<hour>{_FROM_TO}|{_HOUR})|"
    rf"(?P<day>{_DAY}))(?!\w)"
)
"""Where it is asked when to call, fewer words tell a time."""
_NOT_THEN = re.compile(r"\b(?:no (?:puedo|me (?:va|viene|cuadra)|estoy|estare)|imposible|ni (?:hablar|de broma))\b")
_CALL_ME = (
    r"llam(?:a|e|ad|en)d?me|(?:me|nos) llam(?!o\b|amos\b)\w+|llamar(?:me|nos)|llamada|contactar\w*|"
    r"hablar con (?:un |una |algun[oa]? )?\w+"
)
_CALL = re.compile(rf"\b(?:{_CALL_ME}|(?:me|nos) (?:pued|pod)\w+ llamar)\b|^\W*llamar\b")
_NO_CALL = re.compile(r"\bno (?:me |nos |(?:puedo|quiero) )*(?:llam|cog|atend|habl)")
_AT_WORK = re.compile(r"\b(?:trabajo|curro|entro|salgo|estoy|duermo|cumplo|naci)\b")
_SMALL = re.compile(r"\W|\b(?:mejor|pues|vale|si|ok|por favor|gracias|puedo|me va bien|me viene bien|estaria bien|o)\b")
_MOST_TIMES = 8
_NEAR = 60
"""Characters there may be between a time and the call it is meant for."""


def _callback(outline: Outline, acts: Acts, context: Context) -> Iterator[Detail]:
    times = _times(outline, _WHEN_ASKED if context.awaiting == CALLBACK else _WHEN)
    phone = any(contact.key == "details.phone" for contact in outline.seen.contacts)
    anchors = [match.span() for match in _CALL.finditer(outline.text)]
    anchors += [match.span() for match in re.finditer("\x1f{6,}", outline.text)] if phone else []
    if not times or _NO_CALL.search(outline.text):
        return
    if context.awaiting == CALLBACK:
        chosen = times[0]
    elif anchors:
        gaps = [(min(max(start - time[-1].end(), time[0].start() - end) for start, end in anchors), time) for time in times]
        gap, chosen = min(gaps, key=lambda each: each[0])
        if gap > _NEAR:
            return
    else:
        chosen = times[0]
        rest = outline.text[: chosen[0].start()] + outline.text[chosen[-1].end() :]
        exact = len(chosen) > 1 or chosen[0]["hour"]
        if _SMALL.sub("", rest) or not exact or acts["smoker=true"] >= LIKELY or acts["objection:timing"] >= SURE:
            return
    said = [(match, outline.evidence(match.span()).lower()) for match in chosen]
    words = [part for _, part in said]
    span = chosen[0].start(), chosen[-1].end()
    yield Detail(Found("details.callback", " ".join(words), outline.evidence(span)), outline.places_in(span))


def _times(outline: Outline, named: re.Pattern[str]) -> list[list[re.Match[str]]]:
    """The points in time that are named, each with all of its parts: "mañana", "por la tarde"."""
    times: list[list[re.Match[str]]] = []
    for match in islice(named.finditer(outline.text), _MOST_TIMES):
        around = outline.text[slice(*outline.clause(match.span()))]
        if _NOT_THEN.search(around) or (_AT_WORK.search(around) and not match[0].startswith("menos")):
            continue
        if times and not outline.text[times[-1][-1].end() : match.start()].strip(" ,"):
            times[-1].append(match)
        else:
            times.append([match])
    return times


# --- who is to get the money ------------------------------------------------------------------------------------------

_HEIR = r"(?:[PO]+|(?:el |mi )?banco|(?:los |mis )?herederos(?: legales)?|(?:la |mi )?familia)"
_HEIRS = rf"(?P<who>{_HEIR}(?:(?:,| y| e) (?:a )?{_HEIR})*)"
_IS = r"(?:(?:es|son|sea|sean|seria|serian|que|quiero|pon|ponme|a|al|como|de|para)\W{1,2}){0,4}"
_BENEFICIARY = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\bbeneficiari[oa]s?\W{{1,3}}{_IS}{_HEIRS}",
        rf"(?<!¿)(?<!su ){_HEIRS} {_IS}(?:(?:el|la|los|las|unic[oa]s?) )*beneficiari[oa]s?\b",
        rf"\bque (?:l[oa]s? )?(?:cobren?|reciban?|hereden?)(?: todo| el dinero| el capital)? {_HEIRS}",
        rf"\bque {_HEIRS} (?:l[oa]s? )?(?:cobren?|reciban?|hereden?)\b",
        rf"\b(?:dinero|capital|indemnizacion|todo) (?:que )?(?:es|sea|vaya|quede|seria) para {_HEIRS}",
    )
)
_TAKEN_OUT = re.compile(r"\b(?:no|nunca|quit\w+|sac\w+|elimin\w+|borr\w+|en vez|puedo|podria)\b")
_WHOSE = re.compile(r"^(?:mis?|el|la|los|las|nuestr[oa]s?|[ty]us?) ", re.IGNORECASE)


def _beneficiary(outline: Outline) -> Iterator[Detail]:
    for match in (match for pattern in _BENEFICIARY for match in pattern.finditer(outline.text)):
        if not outline.tells(match.span()) or _TAKEN_OUT.search(outline.text, outline.sentence(match.span())[0], match.end()):
            continue
        heirs = [outline.evidence(span) for span in outline.spans(_HEIR, match.span("who"))]
        names = ["bank" if heir.lower().endswith("banco") else _WHOSE.sub("", heir) for heir in heirs]
        persons = tuple(mention.start for mention in outline.mentions_in(match.span("who")))
        yield Detail(Found("details.beneficiary", " y ".join(names), outline.evidence(match.span("who"))), persons=persons)
        return


# --- what others charge -----------------------------------------------------------------------------------------------

_OTHER_HOUSE = r"otr[oa]s? (?:aseguradora|compania|sitio|lado|entidad|empresa)|competencia|en (?:el|mi) banco"
_RIVAL = re.compile(rf"\b(?:{_OTHER_HOUSE}|{'|'.join(sorted(words_of('insurers')))})")
_OFFERED = re.compile(
    r"\b(?:me|nos) (?:l[oa] )?(?:dejan?|cobran?|ofrecen?|piden?|sale|hacen?|dan?|ha[ns]? (?:ofrecido|dado))\b"
)
_I_PAY = re.compile(r"\b(?:pago|pagamos)\b")
_A_LOAN = re.compile(r"\b(?:hipoteca|prestamo|letra|cuota del|comision)")
_SEEMS = r"(?:me |se me |lo )?(?:es|son|parecen?|veo|hacen?|resulta|sigue siendo)"
_TOO_MUCH = re.compile(
    rf"(?<!\bla )(?P<number>N+)\W{{1,3}}{_SEEMS} (?:un poco |muy )?(?:mucho|car|demasiad|excesiv|una pasada)"
)
_AMOUNT = re.compile(r"N+(?!\w| (?!(?:al|por|cada|y|pero|con)\b)[a-z])")
_LARGEST_PREMIUM_EUR = 400


def _prices(outline: Outline, roles: Sequence[Role], context: Context) -> Iterator[Detail]:
    answers = {role.place for role in roles if role.name == context.awaiting and role.likely >= SURE}
    known = [role.place for role in roles if role.name == "other.price" and role.likely >= LIKELY]
    rival = _RIVAL.search(outline.text)
    if rival and not known:
        first, last = outline.sentence(rival.span())
        offer = _OFFERED.search(outline.text, first, last) or _I_PAY.search(outline.text, first, last)
        amount = _AMOUNT.search(outline.text, offer.end(), last) if offer else None
        if amount and not _A_LOAN.search(outline.text, first, last) and outline.tells(amount.span()):
            known = [outline.number_at(amount.start())[0]]
    high = [
        outline.number_at(match.start("number"))[0] for match in _TOO_MUCH.finditer(outline.text) if outline.tells(match.span())
    ]
    for key, places in (("details.competitor_month", known[:1]), ("details.current_quote_month", high)):
        for place in places:
            number = outline.seen.numbers[place]
            values, _ = amount_of("other.price", number)
            if place not in answers and number.unit in ("", "money") and 0 < values[0] <= _LARGEST_PREMIUM_EUR:
                yield Detail(Found(key, values[0], outline.evidence((number.start, number.end))), (place,))


# --- what is wanted ---------------------------------------------------------------------------------------------------

_FORCES = r"(?:oblig|exig|impon|fuerz|condicion)\w*"
_MUST = r"(?:tengo|tenemos|hay) que .{0,25}\bcon (?:ellos|el banco)"
_TIED = re.compile(rf"\bbanco\b.{{0,25}}\b{_FORCES}|\b{_FORCES}.{{0,25}}\bbanco\b|\b{_MUST}\b")
_INSURANCE = re.compile(r"\b(?:seguro|poliza|con ellos|el suyo|contrat\w+)\b")
_UNKNOWN = re.compile(r"\b(?:ni idea|no (?:lo )?se(?! que de\b)|no sabria|no tengo (?:ni )?idea|no tengo claro)\b.{0,30}")
_KEYS_IN_WORDS = (
    ("sum_assured", re.compile(r"\b(?:capital|asegurar|cobertura)")),
    ("monthly_income", re.compile(r"\b(?:gano|cobro|ingres\w+|sueldo)")),
    ("mortgage_balance", re.compile(r"\bhipoteca")),
)


def intents_of(seen: Grammar, details: Sequence[Detail]) -> list[Intent]:
    """What the same patterns say of what somebody wants: a price that is too high, a bank that insists, a figure unknown."""
    text, told = seen.plain, {each.value.key: each.value.evidence for each in details if each.value}
    found: list[Intent] = []
    if "details.current_quote_month" in told:
        found.append(Intent("objection", "price", SURE, told["details.current_quote_month"]))
    if "details.competitor_month" in told and _OFFERED.search(text):
        found.append(Intent("objection", "competitor", SURE, told["details.competitor_month"]))
    tied, unknown = _TIED.search(text), _UNKNOWN.search(text)
    if tied and _INSURANCE.search(text):
        found.append(Intent("question", BANK_TIED, SURE, seen.wording.evidence(*tied.span())))
    if unknown and "?" not in text:
        key = next((key for key, words in _KEYS_IN_WORDS if words.search(unknown[0])), "")
        found += [Intent("dont_know", key, SURE, seen.wording.evidence(*unknown.span()))] if key else []
    return found
