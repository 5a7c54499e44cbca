"""One turn of the prospect, read by rules alone: each reader takes its part, and what was asked settles the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from src.agent.guardrails import inspect
from src.agent.redaction import CANCER_OVERCOME_MARK, HEALTH_MARK, redact, redact_health
from src.agent.understanding.answers import Answer, read_answer, will_not_tell
from src.agent.understanding.birth_dates import impossible_date, read_birth_dates
from src.agent.understanding.contact_details import read_contact_details
from src.agent.understanding.household import read_dependents, read_marital_status
from src.agent.understanding.intents import dont_know_topic, leaves, read_intents
from src.agent.understanding.language import detect_language, wished_language
from src.agent.understanding.money import MONEY_KEYS, read_money
from src.agent.understanding.names import read_name
from src.agent.understanding.occupations import read_occupation
from src.agent.understanding.quantities import Quantity, find_quantities
from src.agent.understanding.reading import CONFIRM_BELOW, Context, Found, Intent, Reading, Whole
from src.agent.understanding.replies import confirmed_candidate, read_reply
from src.agent.understanding.smoking import read_smoking
from src.agent.understanding.wording import Wording, clean, word_of
from src.agent.understanding.years import YOUNGEST_UNASKED, read_enumerated_age, read_years

NONE_IS_ZERO = ("mortgage_balance", "other_debts", "savings", "existing_cover")
_NONE_OF: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (
        key,
        re.compile(
            r"\b(?:no (?:tengo|tenemos|hay|pago|me queda|nos queda|debo|tinc)|sin|ni|ninguna?|nada de|cero|"
            rf"tampoco(?: tengo)?|no)\s+(?:ni |ya |ningun[a]? |mas |tengo |la |el |de )*(?:{words})\b|\b(?:{words})[,:]"
            r"?\s+(?:no(?: tengo)?|ninguna?|cero|nada|pagada|liquidad[ao]|terminada|cancelada)\b"
        ),
    )
    for key, words in (
        ("mortgage_balance", r"hipotec\w*|mortgage"),
        ("other_debts", r"debo nada|debemos nada|deud\w*|prestamos?|creditos?|debts?"),
        ("savings", r"ahorr\w*|ahorrado|savings"),
        ("existing_cover", r"(?:otro |otros |mas )?(?:seguros?(?: de vida)?|polizas?|cobertura)"),
    )
)
_PAID_OFF = re.compile(
    r"\b(?:(?:la |el )?(?:casa|piso|vivienda|hipoteca) (?:ya )?(?:esta |la tengo |lo tengo )?(?:pagad[ao]|"
    r"liquidad[ao])|(?:vivo|estoy|estamos|vivimos) (?:de|en) (?:alquiler|renta|arriendo)|de alquiler|"
    r"alquilad[ao]|alquilo|alquiler|vivo con mis padres|con mis padres|es de mis padres|casa propia|"
    r"no debo nada|(?:la|lo|ya) (?:ya )?(?:pague|pagamos|liquide|cancele|termine de pagar|acabe de pagar)|"
    r"esta (?:ya )?(?:pagad[ao]|liquidad[ao])|(?:ya )?(?:la )?(?:termine|acabe|acabamos) de pagar|"
    r"(?:la )?tengo pagada|paid off|i rent|arriendo|rento)\b"
)
_TAKEN_BACK = re.compile(
    r"\b(?:perdon[ae]?|disculp\w+|me (?:he )?(?:equivo\w+|confund\w+|lie|liado)|corrijo|correccion|"
    r"rectific\w+|quise decir|queria decir|quiero decir|digo\b|mejor dicho|errata|ups|mal escrito|"
    r"fe de erratas|"
    r"(?:antes|te|os) (?:te |os |le )?(?:dije|puse|habia dicho|he dicho) (?:mal|que (?:no|si)\b)|lo (?:he puesto|"
    r"puse|escribi|dije) mal|i meant|correction|no es cierto lo)\b"
)
_CHANGED = re.compile(
    r"^\W*no,? (?:lo de|eran?|son|es|mejor|que|\d)|^\W*no, |\b(?:en realidad|ahora (?:tengo|gano|son|"
    r"soy|es|fumo|cobro|somos)|cambi(?:a|ar|o|ad|e)|actualiz\w+|al final|mejor|he cambiado|ponia|lo de|"
    r"ya no|espera|sorry|actually|prefiero|cumpli|he cumplido|pon|ponme|sube\w*|baja\w*)\b"
)
_NOT_FLAT_NO = re.compile(r"^\W*no,? (?:lo de|eran?|son|es|tengo|mejor|que|\d|la |el |mi )")
_YES_NO_KEYS = ("smoker",)
_NONE = re.compile(r"\b(?:nada|ningun[oa]?|cero|no (?:tengo|hay|tenemos|me queda))\b")
_BENEFICIARY = re.compile(
    r"\b(?:beneficiari[oa]s?)\b[^a-z\d]{0,3}(?:(?:es|seria|sera|serian|son|sean|que sea|pon|a|al|ponme)\s+)?(?:el |"
    r"la |los |las |mis? )?(?P<who>banco|hij[oa]s?|mujer|marido|espos[oa]|pareja|padres?|madre|herman[oa]s?|"
    r"novi[oa]|familia|sobrin[oa]s?|herederos legales)"
)
_BENEFICIARY_NAMES = {"banco": "bank"}
_CALLBACK = re.compile(
    r"\b(?:(?:pasado )?manana(?: (?:por|a|en) la (?:manana|tarde|noche|mediodia))?|(?:esta|hoy por la) (?:tarde|"
    r"noche|manana)|hoy|(?:el |los |proximo |este )?(?:lunes|martes|miercoles|jueves|viernes|sabado|"
    r"domingo)(?: (?:por|a|en) la (?:manana|tarde|noche))?|por las? (?:mananas?|tardes?|noches?)|"
    r"a partir de las? \w+|a las (?:\d{1,2}(?::\d{2})?|una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|"
    r"diez|once|doce)(?: de la (?:manana|tarde|noche)| y media| h)?|entre las \w+ y las \w+|despues de comer|"
    r"al mediodia|la semana que viene|cuando (?:querais|quieras|puedas|podais))\b"
)
_IN_CALLBACK = re.compile(r"\b(?:por|a|en|el|los|la|las|de)\b\s*")
_WANTS_CALL = re.compile(r"\b(?:llam\w+|telefono|contact\w+|hablar|call)\b")


@dataclass(frozen=True, slots=True)
class _Heard:
    """The text as every reader gets it: redacted, comparable, with the answer it begins with."""

    wording: Wording
    answer: Answer | None
    awaiting: str


def read(text: str, context: Context, reply_id: str = "") -> Reading:
    """What was understood of `text`, given what was just asked. Never raises; what means nothing has intent `unclear`.

    Health disclosures and identity numbers are taken out before anything is read: `Reading.text` is safe to keep.
    """
    if reply_id:
        pressed = read_reply(reply_id, clean(text), context)
        return pressed if pressed is not None else _foreign_press(text, context)
    return _said(text, context)


def _foreign_press(text: str, context: Context) -> Reading:
    """A button that somebody else gave out, a campaign's for example: what it wants counts, but it answers no question."""
    said = _said(text, msgspec.structs.replace(context, awaiting=None, candidate=None))
    intents = tuple(intent for intent in said.intents if intent.name not in ("affirm", "deny", "accept", "unclear"))
    return msgspec.structs.replace(said, intents=intents or (Intent("interest", "", 0.5, said.text),), values=(), whole="")


def _said(text: str, context: Context) -> Reading:
    heard = _hear(text, context)
    wording = heard.wording
    values = [] if leaves(wording) else _not_only_supposed(_values(heard, context), wording, context)
    language = detect_language(wording.text, context.language)
    guarded = _guarded(wording)
    intents = [
        *guarded,
        *(intent for intent in read_intents(wording, context) if not guarded or intent.name not in _NOT_BESIDE_ABUSE),
    ]
    if any(intent.name == "injection" for intent in guarded):
        values = []
    intents += _answered(heard, context, intents, values)
    intents += _asides(heard, context, values, language)
    if any(intent.name == "language" and intent.confidence > 0.9 for intent in intents):
        intents = [intent for intent in intents if (intent.name, intent.topic) != ("question", "")]
    intents = list({(intent.name, intent.topic): intent for intent in reversed(intents)}.values())[::-1]
    if not intents and not values:
        intents = [Intent("unclear", confidence=0.5)]
    return Reading(tuple(intents), tuple(values), language, wording.text, _whole(wording, intents, values))


_LESS_THAN_WHOLE = re.compile(
    r"[?¿]|\b(?:pero|aunque|salvo|excepto|siempre que|siempre y cuando|a condicion|con tal|a menos|mientras|"
    r"hasta que|en cuanto|"
    r"cuando|antes|primero|sin|quitando|menos|but|if|unless|when|otra|otro|mejor|manana|luego|despues|pienso|leo|leido|miro|consult\w*|"
    r"habl\w*|digo|dire|aceptaria|diria|gustaria|casi|depende|quita\w*|explicad[oa]|con (?:mas|menos))\b|\bsi\b(?![\s.!]*$)"
)
_YES_TO_BEGIN_WITH = re.compile(
    r"(?:\W|(?:claro|bueno|pues|que|ah|ay|vale|venga|ok|hombre|mujer|por favor|gracias)\b|"
    r"si\b(?=\W*(?:$|[^\w\s]|si\b|claro|por favor|gracias|vale|venga|ok\b|adelante|quiero|acepto|perfecto|de acuerdo|"
    r"por supuesto|calcul)))*"
)
_MOST_WORDS_OF_AN_ANSWER = 8
_YES: frozenset[str] = frozenset(("affirm", "accept"))
_BESIDE_A_YES = frozenset(("interest", "greeting", "thanks", "language"))


def _whole(wording: Wording, intents: list[Intent], values: list[Found]) -> Whole:
    """Whether the message is nothing but a yes or nothing but a no: a question, a condition or a "but" makes it less."""
    names = {str(intent.name) for intent in intents}
    sure = all(intent.confidence >= CONFIRM_BELOW for intent in intents if intent.name in _YES)
    if values or len(wording.plain.split()) > _MOST_WORDS_OF_AN_ANSWER or re.search(r"\d", wording.plain):
        return ""
    if names & _YES and names <= _YES | _BESIDE_A_YES and sure and not _hedged(wording):
        return "yes"
    no = names & {"deny", "decline"} and names <= {"deny", "decline", "greeting", "thanks", "language"}
    return "no" if no and not re.search(r"[?¿]", wording.plain) else ""


def _hedged(wording: Wording) -> bool:
    """A question, a condition, a "but"; "sí", which is no "if", may stand anywhere."""
    if re.search(r"[?¿]", wording.plain):
        return True
    start = _YES_TO_BEGIN_WITH.match(wording.plain)
    for match in _LESS_THAN_WHOLE.finditer(wording.plain, start.end() if start else 0):
        if match[0] != "si" or wording.evidence(*match.span()).lower() != "sí":
            return True
    return False


def _hear(text: str, context: Context) -> _Heard:
    wording = word_of(redact_health(redact(clean(text)).text))
    return _Heard(wording, read_answer(wording), (context.awaiting or "").removeprefix("confirm:"))


_DAY_OF_A_MONTH = re.compile(
    r"\b\d{1,2}(?:ro|er|º)? de (?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|sep?tiembre|octubre|noviembre|diciembre)\b"
)
"""Without a year it tells no date, and its number is no age."""
_SUPPOSED = re.compile(r"\bsi\b|(?<!vez en )\bcuando\b")


def _not_only_supposed(values: list[Found], wording: Wording, context: Context) -> list[Found]:
    """Without what would overwrite a fact though it is only asked about or supposed: "¿se mantiene los 28 años?"."""
    spans = (match.span() for match in _SUPPOSED.finditer(wording.plain))
    supposed = any(wording.evidence(*span).lower() != "sí" for span in spans)
    if "?" not in wording.plain and not supposed:
        return values
    asked = (context.awaiting or "").removeprefix("confirm:")
    at_risk = _OVERWRITTEN & context.profile.keys()
    return [each for each in values if each.key == asked or each.key not in at_risk or (each.correction and not supposed)]


_OVERWRITTEN = frozenset(
    ("age", "birth_date", "smoker", "occupation", "occupation_class", "dependents", "monthly_income", "name")
)


# --- values -----------------------------------------------------------------------------------------------------------


def _values(heard: _Heard, context: Context) -> list[Found]:
    wording = heard.wording
    contacts, spans = read_contact_details(wording, context)
    wording = wording.blank(spans)
    dates, spans = read_birth_dates(wording, context)
    wording = wording.blank(spans)
    marks = [match.span() for match in re.finditer(r"\[[^\]]{2,60}\]", wording.plain)]
    wording = wording.blank(marks)
    wording = wording.blank(match.span() for match in _DAY_OF_A_MONTH.finditer(wording.plain))
    quantities = [each for each in find_quantities(wording.plain) if each.unit != "ordinal"]
    replaced = _replaced(wording, quantities, context)
    if replaced:
        quantities = []

    ages, aged = read_years(wording, quantities, context)
    if not aged:
        ages, aged = read_enumerated_age(wording, quantities)
    left = [each for each in quantities if each not in aged]
    answer = _about_the_value(heard, context)
    smoking = read_smoking(wording, quantities, context, answer)
    family = read_dependents(
        wording, [each for each in quantities if each not in aged or each.unit == "children"], context, answer
    )
    counted = family[0].evidence if family and family[0].key == "dependents" else ""
    amounts, _ = read_money(
        wording, [each for each in left if not counted or wording.evidence(each.start, each.end) != counted], context
    )
    found = [
        *([replaced] if replaced else []),
        *contacts,
        *dates,
        *ages,
        *smoking,
        *family,
        *amounts,
        *read_marital_status(wording, context),
    ]
    found += _couple(heard, wording, left, found)
    found += _zeroes(heard.awaiting, answer, wording, found)
    found += read_occupation(wording, context)
    name = read_name(wording, context, busy=bool(found))
    if name and not any(other.key == "occupation" and other.value == name.value for other in found):
        found.insert(0, name)
    found += _details(wording)
    return _corrected(_one_per_key(found), heard, context)


def _about_the_value(heard: _Heard, context: Context) -> Answer | None:
    """The answer, where it may say what a value is. A "no" to "2 children, is that right?" does not say that there are none."""
    answer = heard.answer
    if answer is None or will_not_tell(heard.wording) or leaves(heard.wording):
        return None  # who is not interested says nothing about what was asked
    confirming = (context.awaiting or "").startswith("confirm:") and heard.awaiting not in _YES_NO_KEYS
    if confirming and answer.polarity == "deny" and not _NONE.search(heard.wording.plain[answer.start : answer.end]):
        return None
    return answer


def _replaced(wording: Wording, quantities: list[Quantity], context: Context) -> Found | None:
    """ "45 no 54" when 54 is what we know: the number taken back tells which value is meant."""
    if len(quantities) != 2 or [each.rejected for each in quantities] == [False, False]:
        return None
    new, old = sorted(quantities, key=lambda each: each.rejected)
    keys = [
        key
        for key, value in context.profile.items()
        if not isinstance(value, bool) and value in (old.number, old.number * 1000)
    ]
    if len(keys) != 1 or new.high is not None:
        return None
    thousands = keys[0] in MONEY_KEYS and not new.sized and context.profile[keys[0]] != old.number
    value = new.number * 1000 if thousands else new.number
    return Found(keys[0], value, wording.evidence(new.start, new.end), 1.0, correction=True)


_PARTNER_AFTER = re.compile(
    r"\s*(?:para )?(?:ella\b|el(?=$|[^\w\s]| (?:y|e|pero)\b)|mi (?:mujer|marido|pareja|espos[oa])\b)"  # "el mes" is nobody
)


def _couple(heard: _Heard, wording: Wording, left: list[Quantity], found: list[Found]) -> list[Found]:
    """What is said of oneself and a partner side by side: "yo 41 y ella 39", "150 yo y 100 ella"."""
    numbers = [each for each in left if each.unit in ("", "money")]
    merged: dict[str, Any] = {}
    evidence: list[str] = []
    mine: list[Found] = []
    for each in numbers:
        after, before = wording.plain[each.end : each.end + 14], wording.plain[max(0, each.start - 14) : each.start]
        theirs = _PARTNER_AFTER.match(after)
        own = re.match(r"\s*(?:para )?(?:yo|mi)\b(?! (?:mujer|marido|pareja|espos))", after) or re.search(
            r"\b(?:yo|para mi) $", before
        )
        if (
            each.article
            or not (theirs or own)
            or not re.search(r"\b(?:ella|el|mi (?:mujer|marido|pareja|espos[oa]))\b", wording.plain)
        ):
            continue
        evidence.append(wording.evidence(each.start, each.end))
        if each.value < 100 and each.unit == "":
            if (
                own
                and each.value >= YOUNGEST_UNASKED
                and heard.awaiting not in MONEY_KEYS
                and not any(other.key == "age" for other in found)
            ):
                mine.append(Found("age", each.number, evidence[-1]))
            continue
        if heard.awaiting in MONEY_KEYS and heard.awaiting != "sum_assured":
            continue  # "1800 yo y 1500 él" answers what was asked
        unsure = not each.sized and each.value < 2000
        value = each.number * 1000 if unsure else each.number
        if theirs:
            merged["sum_assured"] = value
        elif not any(other.key == "sum_assured" for other in found):
            mine.append(
                Found("sum_assured", value, evidence[-1], 0.6 if unsure else 1.0, False, (each.number,) if unsure else ())
            )
    return [*mine, *([Found("details.second_person", merged, " ".join(evidence), 0.8)] if merged else [])]


def _zeroes(awaiting: str, answer: Answer | None, wording: Wording, found: list[Found]) -> list[Found]:
    """Keys of which the person has none."""
    known = {each.key for each in found}
    zeroes: list[Found] = []
    for key, pattern in _NONE_OF:
        match = pattern.search(wording.plain)
        if match and key not in known:
            zeroes.append(Found(key, 0, wording.evidence(*match.span())))
    known |= {each.key for each in zeroes}
    if awaiting == "mortgage_balance" and "mortgage_balance" not in known:
        paid = _PAID_OFF.search(wording.plain)
        if paid:
            zeroes.append(Found("mortgage_balance", 0, wording.evidence(*paid.span())))
            known.add("mortgage_balance")
    if awaiting in NONE_IS_ZERO and awaiting not in known and answer is not None and answer.polarity == "deny":
        zeroes.append(Found(awaiting, 0, wording.evidence(answer.start, answer.end), 1.0 if answer.confidence >= 0.9 else 0.6))
    return zeroes


def _details(wording: Wording) -> list[Found]:
    found: list[Found] = []
    beneficiary = _BENEFICIARY.search(wording.plain)
    if beneficiary and "?" not in wording.plain[beneficiary.end() :]:
        who = beneficiary["who"]
        found.append(
            Found(
                "details.beneficiary",
                _BENEFICIARY_NAMES.get(who, wording.evidence(*beneficiary.span("who"))),
                wording.evidence(*beneficiary.span()),
            )
        )
    when = _CALLBACK.search(wording.plain)
    phone = re.search(r"\x1f{6}", wording.plain)
    if when and (phone or _WANTS_CALL.search(wording.plain)):
        words = wording.evidence(*when.span())
        found.append(Found("details.callback", " ".join(_IN_CALLBACK.sub("", words.lower()).split()) or words, words))
    return found


def _one_per_key(found: list[Found]) -> list[Found]:
    merged: dict[str, Found] = {}
    for each in found:
        earlier = merged.get(each.key)
        if earlier is None:
            merged[each.key] = each
        elif isinstance(earlier.value, dict) and isinstance(each.value, dict):
            merged[each.key] = msgspec.structs.replace(earlier, value={**earlier.value, **each.value})
    return list(merged.values())


def _corrected(found: list[Found], heard: _Heard, context: Context) -> list[Found]:
    """Marks the values whose words take something back; a value that confirms the candidate needs no further question."""
    strong = bool(_TAKEN_BACK.search(heard.wording.plain))
    weak = bool(_CHANGED.search(heard.wording.plain))
    result: list[Found] = []
    for each in found:
        known = context.profile.get(each.key)
        contradicts = (
            known is not None and known != each.value and bool(re.match(r"\W*(?:bueno|ah|ahora|ya no)\b", heard.wording.plain))
        )
        takes_back = strong or (weak and known is not None)
        denied = heard.answer is not None and heard.answer.polarity == "deny"
        confirmed = (
            context.awaiting == f"confirm:{each.key}"
            and not denied
            and each.confidence < CONFIRM_BELOW
            and _settles(each, context)
        )
        if confirmed:
            each = msgspec.structs.replace(each, value=context.candidate, confidence=0.9, alternatives=())  # noqa: PLW2901
        result.append(msgspec.structs.replace(each, correction=True) if takes_back or contradicts else each)
    return result


def _settles(found: Found, context: Context) -> bool:
    return (
        context.candidate is not None
        and context.candidate in (found.value, *found.alternatives[:1])
        and found.value == context.candidate
    )


# --- intents ----------------------------------------------------------------------------------------------------------

_NOT_BESIDE_ABUSE = ("question", "interest", "are_you_a_robot", "decline", "objection")
_GUARD_INTENTS = {
    "self_harm": "self_harm",
    "injection": "injection",
    "exfiltration": "injection",
    "insult": "insult",
    "threat": "threat",
}


def _guarded(wording: Wording) -> list[Intent]:
    """What the guardrails found, as intents; the marks that redaction left stand for what was there."""
    found: list[Intent] = []
    for finding in inspect(wording.text).findings:
        name = _GUARD_INTENTS.get(finding.name)
        if name:
            topic = "exfiltration" if finding.name == "exfiltration" else ""
            found.append(msgspec.convert({"name": name, "topic": topic, "evidence": finding.evidence}, Intent))
    if HEALTH_MARK in wording.text:
        found.append(Intent("health", "other", evidence=HEALTH_MARK))
    elif CANCER_OVERCOME_MARK in wording.text:
        found.append(Intent("health", "cancer_over_5_years", evidence=CANCER_OVERCOME_MARK))
    identity = re.search(r"\[(?:DNI|NIE|IBAN|tarjeta|CVV)\]", wording.text)
    if identity:
        found.append(Intent("sensitive_ids", evidence=identity[0]))
    return found


def _answered(heard: _Heard, context: Context, intents: list[Intent], values: list[Found]) -> list[Intent]:
    """Yes, no or don't know as intents; a "yes" to a proposed value makes it certain."""
    answer, wording = heard.answer, heard.wording
    if answer is None:
        return []
    names = {intent.name for intent in intents}
    evidence = wording.evidence(answer.start, answer.end)
    if names & {"self_harm", "opt_out", "data_erase", "injection", "threat", "insult"} and answer.polarity != "affirm":
        return []
    if answer.confidence < CONFIRM_BELOW and context.awaiting == "consent":
        return [Intent("dont_know", "", 0.9, evidence)]  # consent and its refusal must be beyond doubt
    if answer.polarity == "deny":
        corrects = any(found.correction for found in values) and _NOT_FLAT_NO.match(wording.plain)
        return [] if corrects else [Intent("deny", "", answer.confidence, evidence)]
    if answer.polarity == "dont_know":
        settled = any(found.key == heard.awaiting for found in values)
        return [] if settled else [Intent("dont_know", dont_know_topic(wording.plain), answer.confidence, evidence)]
    if answer.confidence >= CONFIRM_BELOW and not any(found.key == heard.awaiting for found in values):
        values.extend(confirmed_candidate(context, evidence))
    return [Intent("affirm", "", answer.confidence, evidence)]


def _asides(heard: _Heard, context: Context, values: list[Found], language: str) -> list[Intent]:
    found: list[Intent] = []
    wish = wished_language(heard.wording.plain)
    if wish:
        found.append(Intent("language", wish, 0.95))
    elif language not in (context.language, "es"):
        found.append(Intent("language", language, 0.8))
    impossible = impossible_date(heard.wording, context)
    if impossible and not any(each.key == "birth_date" for each in values):
        found.append(Intent("unclear", "invalid_date", 0.9, impossible))
    return found
