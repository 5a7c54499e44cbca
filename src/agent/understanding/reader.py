"""One turn of the prospect, read: the grammar finds numbers, dates and persons, what was learnt says what they are about.

What the law or somebody's safety hangs on is found by rules beside it. Doubt is a result: what is likely is asked about.
"""

from __future__ import annotations

import re

import msgspec

from src.agent.guardrails import Verdict, inspect
from src.agent.redaction import CANCER_OVERCOME_MARK, HEALTH_MARK
from src.agent.understanding.amounts import MONEY_KEYS
from src.agent.understanding.deciding import (
    DOUBTFUL,
    LIKELY,
    MEANING,
    SURE,
    Acts,
    Role,
    acts_of,
    all_known,
    option_of,
    roles_of,
    told_by_words,
    topic_of,
    values_of,
)
from src.agent.understanding.details import details_of, intents_of, unexplained, with_details
from src.agent.understanding.features import question_of
from src.agent.understanding.figures import of_that_age
from src.agent.understanding.grammar import Grammar, grammar_of
from src.agent.understanding.language import detect_language, wished_language
from src.agent.understanding.occupations import known_occupations, risky_sport
from src.agent.understanding.outline import Detail
from src.agent.understanding.quantities import as_number
from src.agent.understanding.reading import CONFIRM_BELOW, Context, Found, Intent, IntentName, Reading, Whole
from src.agent.understanding.replies import confirmed_candidate, read_reply
from src.agent.understanding.safety import asks_who_answers, urgent_wishes
from src.agent.understanding.wishes import product_wished, with_riders
from src.agent.understanding.wording import Wording, clean, fold


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
    """What was said in answer to the open question or, where that makes no sense, beside it."""
    if context.awaiting is None and context.options:
        context = msgspec.structs.replace(context, awaiting="choice")
    reading = _answering(text, context)
    if context.awaiting is not None:
        answered = _answers(reading, context)
        by_a_part = None if _is_answered(reading, context) else _answer_in_a_part(text, reading, context)
        if by_a_part is not None:
            return by_a_part
        return _with_questions_beside(reading, context) if answered else _with_asides(reading, text, context)
    if not _is_unclear(reading) and not _is_guessed(reading):
        return reading
    question = "choice" if offer_on_the_table(context) else "consent"
    for part in (text, text.partition(",")[0]):
        answer = _answering(part, msgspec.structs.replace(context, awaiting=question), again=True)
        intents = tuple(intent for intent in answer.intents if intent.name in _BARE_ANSWERS)
        if intents and (answer.whole or answer.has("dont_know") or (_is_guessed(reading) and intents[0].confidence >= SURE)):
            return msgspec.structs.replace(answer, intents=intents, values=(), text=reading.text, whole="")
    said = _particle(reading.text) if _is_unclear(reading) else None
    return msgspec.structs.replace(reading, intents=(said,)) if said else reading


def _particle(text: str) -> Intent | None:
    """The yes or no with which a message begins, where no more was understood of it: never a whole answer."""
    match = _PARTICLE.match(text)
    if match is None:
        return None
    return Intent("deny" if match[1].lower() == "no" else "affirm", "", DOUBTFUL, match[1])


_WHO_ANSWERS = frozenset(("human", "are_you_a_robot", "question"))
_YES_OR_NO = frozenset(("consent", "confirm"))
_ANSWERING = frozenset(("affirm", "deny", "accept", "decline", "choice", "opt_out", "data_erase", "withdraw_consent"))
_PARTICLE = re.compile(r"\W*(no(?! s[eé]\b)|sí|si(?=\W*$|[,.!;])|exacto|correcto|claro|vale)\b", re.IGNORECASE)
"""How an answer begins."""

_BARE_ANSWERS = frozenset(("affirm", "deny", "choice", "accept", "dont_know"))
"""What may be said to a question that we do not know of."""


def _answers(reading: Reading, context: Context) -> bool:
    """Whether the open question was answered, or anything was said that needs no answer to it."""
    asked = _key(context.awaiting)
    return any(value.key == asked for value in reading.values) or any(i.name not in _NO_ANSWER for i in reading.intents)


_NO_ANSWER = frozenset(("unclear", "language", "question", "greeting", "interest", "thanks"))


def _with_asides(reading: Reading, text: str, context: Context) -> Reading:
    """The reading with what the same words tell where nothing is asked."""
    aside = _answering(text, msgspec.structs.replace(context, awaiting=None, candidate=None), again=True)
    if _is_unclear(aside):
        return reading
    known = {value.key for value in reading.values} | {value.evidence for value in reading.values}
    beside = [value for value in aside.values if value.key not in known and value.evidence not in known]
    beside = [value for value in beside if value.key != "name" or _is_introduced(value, text, context)]
    values = (*reading.values, *map(_unasked, beside))
    intents = (aside.intents or reading.intents) if _is_unclear(reading) else reading.intents
    return msgspec.structs.replace(reading, values=values, intents=intents)


_BINDING = frozenset(("consent", "accept"))


def _is_answered(reading: Reading, context: Context) -> bool:
    """Whether the open question itself was answered, or left behind."""
    names = {intent.name for intent in reading.intents}
    return any(value.key == _key(context.awaiting) for value in reading.values) or bool(names & _ANSWERING)


_BESIDE_A_PART = frozenset(("question", "unclear", "greeting", "thanks", "language", "interest"))
_PARTS_TRIED, _LONGEST_PART = 3, 8


def _answer_in_a_part(text: str, reading: Reading, context: Context) -> Reading | None:
    """The reading with the answer that one clause gives beside a question: "la 2. ¿y puedo cancelar luego?".

    What binds is never answered by a part.
    """
    parts = [part for part in _CLAUSES.split(text) if part and part.strip()]
    if context.awaiting in _BINDING or not 1 < len(parts) <= _MOST_PARTS:
        return None
    asks, asked = "?" in text, _key(context.awaiting)
    talks = any(i.name not in _BESIDE_A_PART or i.topic in _TALKED_OVER.values() for i in reading.intents)
    for part in () if talks else parts[:_PARTS_TRIED]:
        if "?" in part or "¿" in part or len(part.split()) > _LONGEST_PART:
            continue
        answer = _answering(part, msgspec.structs.replace(context, guarded=()), again=True)
        # Beside another fact a clause may be only half of an answer.
        values = [value for value in answer.values if asks and value.key == asked and value.confidence >= CONFIRM_BELOW]
        chosen = [i for i in answer.intents if i.name == "choice" and i.confidence >= SURE and not answer.has("question")]
        if values or chosen:
            kept = [intent for intent in reading.intents if intent.name not in ("unclear", "choice")]
            others = [value for value in reading.values if value.key != asked]
            return msgspec.structs.replace(reading, intents=(*chosen, *kept), values=(*values, *others), whole="")
    return None


_BESIDE_A_FACT = frozenset(("question", "objection", "human"))
_OF_AN_OFFER = frozenset(("choice", "accept"))
_SHORTEST_ASIDE = 3
"""Words."""


def _with_questions_beside(reading: Reading, context: Context) -> Reading:
    """The reading with what is asked beside a fact: "Laura Gil. ¿Y sale más barato que en el banco?"

    The words that told the fact are left out, so that they drown nothing. A question that was found already without its
    topic may get one here.
    """
    told = [value.evidence for value in reading.values if value.evidence]
    rest = " ".join(part.strip() for part in _CLAUSES.split(reading.text) if not any(words in part for words in told)).strip()
    asked = any(intent.name == "question" and intent.topic for intent in reading.intents)
    if not told or asked or len(rest.split()) < _SHORTEST_ASIDE or context.awaiting in _OF_AN_OFFER:
        return reading
    alone = _answering(rest, msgspec.structs.replace(context, awaiting=None, candidate=None, guarded=()), again=True)
    plain = "?" in rest
    beside = [i for i in alone.intents if i.name in _BESIDE_A_FACT and i.confidence >= (LIKELY if plain else SURE)]
    names = {intent.name for intent in beside}
    kept = tuple(intent for intent in reading.intents if intent.name not in names and intent.name != "unclear")
    return msgspec.structs.replace(reading, intents=(*kept, *beside)) if beside else reading


_CLAUSES = re.compile(r"(?<=[.;!?\n])\s+|(?<!\d),\s+|\s+(?=pero\b)")


def _is_guessed(reading: Reading) -> bool:
    """Whether nothing was read but a question that has no question mark and is not sure to be one."""
    guessed = all(intent.name in ("question", "language") and intent.confidence < SURE for intent in reading.intents)
    return guessed and not reading.values and "?" not in reading.text


def _is_unclear(reading: Reading) -> bool:
    return not reading.values and all(intent.name in ("unclear", "language") for intent in reading.intents)


def _unasked(found: Found) -> Found:
    """An amount that nobody asked for is asked about."""
    if found.key in MONEY_KEYS and found.value:
        return msgspec.structs.replace(found, confidence=min(found.confidence, DOUBTFUL))
    return found


def _answering(text: str, context: Context, *, again: bool = False) -> Reading:
    """What was said if that question is open. `again`: its parts were read before, each by itself."""
    seen = grammar_of(text, context.awaiting, context.today, context.birth_year)
    language = detect_language(seen.wording.text, context.language)
    guarded = _guarded(seen.wording, context)
    if any(intent.name == "injection" for intent in guarded):
        return Reading(tuple(guarded), (), language, seen.wording.text)
    acts, roles = acts_of(seen, context), roles_of(seen, context)
    details = details_of(seen, acts, roles, context)
    values = _values(seen, acts, roles, details, context)
    values = values if again else _part_by_part(text, values, context)
    values = [value for value in values if value.key != "name" or _is_introduced(value, text, context)]
    values = [_with_the_given_name(value, seen, context) for value in values]
    values += product_wished(seen, acts)
    sport = risky_sport(seen.wording)
    values += [sport] if sport else []
    urgent = [intent for intent in urgent_wishes(seen.wording) if not _is_a_trade(intent, seen, context)]
    learnt = _learnt(seen, _pointing(seen, acts, unexplained(seen, roles, details)[1], context), values, context)
    if asks_who_answers(seen.wording):
        learnt = [Intent("are_you_a_robot", "", SURE, seen.wording.text), *(i for i in learnt if i.name not in _WHO_ANSWERS)]
    learnt = with_riders(learnt, seen, acts, offered=bool(context.options))
    learnt = _with_plain_ones(learnt, intents_of(seen, details), asks="?" in seen.plain)
    intents = [*guarded, *urgent, *(intent for intent in learnt if not _outranked(intent, [*guarded, *urgent]))]
    intents += _asides(seen, language, context)
    if question_of(context.awaiting) in _YES_OR_NO and not any(intent.name in _ANSWERING for intent in intents):
        said = _particle(seen.wording.text)
        told = any(value.key == _key(context.awaiting) for value in values)
        intents += [said] if said and not told and not (said.name == "affirm" and _hedged(seen)) else []
    whole = _whole(seen, acts, intents, values)
    values = _after_confirmation(values, intents, context, whole, seen)
    if context.candidate is not None and any(value.value == context.candidate and value.confidence == 1 for value in values):
        intents = [intent for intent in intents if intent.name != "deny"]  # "no tengo" agrees that there is none
    if not intents and not values:
        intents = [Intent("unclear", confidence=0.5)]
    unique = {(intent.name, intent.topic): intent for intent in reversed(intents)}
    return Reading(tuple(unique.values())[::-1], tuple(values), language, seen.wording.text, whole)


def _values(seen: Grammar, acts: Acts, roles: list[Role], details: list[Detail], context: Context) -> list[Found]:
    """What the details tell, and what the heads make of the rest."""
    left, unread = unexplained(seen, roles, details)
    values = with_details(values_of(left, acts, unread, context), details, context, seen.wording.text)
    return [*values, *of_that_age(values, seen)]


_MOST_PARTS = 8
_PARTS = re.compile(r"\n|(?<=[?!])|(?<!\d)[.;,]\s|[.;,](?!\d)|\s(?:y|e|i|pero)\s(?=[a-z]{2})")
_SHORTEST_SAID_IN_PARTS = 6
"""Words."""
_DROWNED = frozenset(("smoker", "marital_status", "name", "occupation", "occupation_class"))
"""What is read from all words of a message, and from few of many less surely."""


def _part_by_part(text: str, found: list[Found], context: Context) -> list[Found]:
    """What was found in the whole message, with what each line or clause tells by itself and tells more plainly.

    Long messages tell many facts, each in few words that the others drown out.
    """
    parts = [part for part in _PARTS.split(text) if part.strip()]
    lines = "\n" in text
    if not 1 < len(parts) <= _MOST_PARTS or (not lines and len(text.split()) < _SHORTEST_SAID_IN_PARTS):
        return found
    told = {value.key: value for value in found}
    alone = msgspec.structs.replace(context, awaiting=None, candidate=None)
    for part in parts:
        if "?" in part:
            continue
        for value in _told_alone(part, alone, words_only=not lines):
            if not lines and (value.key not in _DROWNED or (value.key == "name" and not _is_introduced(value, part, context))):
                continue
            earlier = told.get(value.key)
            plainer = earlier is not None and earlier.confidence < value.confidence and earlier.value == value.value
            if plainer or (earlier is None and value.confidence >= CONFIRM_BELOW):
                told[value.key] = value
    return list(told.values())


def _told_alone(part: str, alone: Context, *, words_only: bool) -> list[Found]:
    """What a part of a message tells by itself. `words_only`: no numbers, unless somebody else may be spoken of."""
    seen = grammar_of(part, None, alone.today)
    acts = acts_of(seen, alone)
    smokes = max(acts.get("smoker=true", 0.0), acts.get("smoker=false", 0.0)) >= LIKELY  # how, the details know
    if words_only and not smokes and not seen.mentions and not _SOMEBODY.search(seen.plain):
        return told_by_words(seen, acts, alone)
    roles = roles_of(seen, alone)
    return _values(seen, acts, roles, details_of(seen, acts, roles, alone), alone)


_SOMEBODY = re.compile(r"\b(?:el|ella|ellos|ellas|los dos|las dos|amb[oa]s)\b")
_SURNAME = re.compile(r"\bapellidos? (?:es|son|seria)?\W*$")


def _with_the_given_name(found: Found, seen: Grammar, context: Context) -> Found:
    """A surname told by itself belongs to the name that is known: "mi apellido es Ibarrondo"."""
    given = context.profile.get("name")
    place = seen.wording.text.find(found.evidence)
    if found.key != "name" or not given or place < 0 or not _SURNAME.search(seen.wording.text[:place].lower()):
        return found
    return found if str(given) in str(found.value) else msgspec.structs.replace(found, value=f"{given} {found.value}")


_INTRODUCES = re.compile(r"(?:soy|me llamo|mi nombre es|apellidos? (?:es|son)|aqu[ií])\W+", re.IGNORECASE)


def _is_introduced(name: Found, part: str, context: Context) -> bool:
    """Whether somebody tells their own name: nothing else is open, or the words before it say so ("y para Javi" does not)."""
    before = part[: max(part.find(name.evidence), 0)]
    if _NAMES_ANOTHER.search(fold(before)):
        return False
    return _key(context.awaiting) in ("", "name", "consent") or any(
        part[match.end() :].startswith(name.evidence) for match in _INTRODUCES.finditer(part)
    )


_NAMES_ANOTHER = re.compile(r"\b(?:se llam(?:a|aba|an)|llamad[oa]|(?:hablar|habl\w|pas\w+) con|de parte de|de nombre)\W+$")
"""Behind these words stands somebody else's name."""


# --- intents ----------------------------------------------------------------------------------------------------------

_GUARD_INTENTS: dict[str, IntentName] = {
    "self_harm": "self_harm",
    "injection": "injection",
    "exfiltration": "injection",
    "insult": "insult",
    "threat": "threat",
}
_LEARNT: dict[str, IntentName] = {
    name: name
    for name in (
        "greeting",
        "affirm",
        "deny",
        "accept",
        "dont_know",
        "interest",
        "choice",
        "objection",
        "decline",
        "human",
        "opt_out",
        "data_erase",
        "data_copy",
        "withdraw_consent",
        "restart",
        "resume",
        "are_you_a_robot",
        "thanks",
        "bye",
        "insult",
        "couple",
        "off_topic",
        "rider",
        "not_prospect",
        "change",
        "question",
    )
}
_TALKED_OVER = {"change:sum_assured": "other_sum", "change:monthly_budget": "cheaper"}
_ONLY_BY_RULE = frozenset(("data_erase", "withdraw_consent"))
"""What erases data is meant only where it was said in so many words; what resembles it is asked about."""


def _learnt(seen: Grammar, acts: Acts, values: list[Found], context: Context) -> list[Intent]:
    """The acts that are likely enough, most likely first."""
    text = seen.wording.text
    found: list[Intent] = []
    chosen = max((label for label in acts if label.startswith("choice:")), key=lambda label: acts[label], default="")
    for label, likely in sorted(acts.items(), key=lambda each: -each[1]):
        name, _, topic = label.partition(":")
        if likely < LIKELY or "=" in label or (name == "choice" and label != chosen):
            continue
        if name == "skip":
            found.append(Intent("dont_know", _key(context.awaiting), likely, text))
        elif label == MEANING:
            found.append(Intent("question", MEANING, likely, text))
        elif label in _TALKED_OVER:
            found.append(Intent("question", _TALKED_OVER[label], likely, text))
        elif name in _LEARNT:
            found.append(Intent(_LEARNT[name], topic, likely, text))
    found = [intent for intent in found if _possible(intent, found, values, context)]
    found = [_with_topic(intent, seen) for intent in found]
    if any(intent.topic == MEANING for intent in found):
        about = {intent.topic for intent in found if intent.name == "question"} - {MEANING, ""}
        found = [intent for intent in found if intent.name != "question" or (intent.topic == MEANING) != bool(about)]
    return found


def _with_plain_ones(learnt: list[Intent], plain: list[Intent], *, asks: bool) -> list[Intent]:
    """The intents with those that a pattern found, which stand where both are of one kind, except beside a question mark."""
    if asks and any(intent.name == "question" for intent in learnt):
        plain = [intent for intent in plain if intent.name != "question"]
    names = {intent.name for intent in plain}
    if "dont_know" in names:
        names.add("question")  # "ni idea de cuánto capital" asks nothing
    return [*plain, *(intent for intent in learnt if intent.name not in names)]


def _pointing(seen: Grammar, acts: Acts, roles: list[Role], context: Context) -> Acts:
    """The acts, with the option that a number points at: the number says which, the words whether it is taken."""
    option, likely = option_of(seen, roles, context)
    if not option:
        return acts
    others = {label: 0.0 for label in acts if label.startswith("choice:")}
    return {**acts, **others, f"choice:{option}": max(likely, acts.get(f"choice:{option}", 0.0))}


def _is_a_trade(intent: Intent, seen: Grammar, context: Context) -> bool:
    """ "comercial" says what somebody does where that is asked, and calls no person."""
    asked = context.awaiting in ("occupation", "occupation_class")
    return asked and intent.name == "human" and seen.wording.plain.strip(" .!") in known_occupations()


def _key(awaiting: str | None) -> str:
    return (awaiting or "").removeprefix("confirm:")


def _possible(intent: Intent, found: list[Intent], values: list[Found], context: Context) -> bool:
    """Whether it can be meant here: nothing is chosen where nothing is shown, and a new value is more than a no."""
    told = any(value.key == _key(context.awaiting) for value in values)
    if intent.name == "choice" or (intent.name == "accept" and context.awaiting is not None):
        return offer_on_the_table(context)
    if intent.name in ("affirm", "deny") and (told or _says_the_opposite(intent, found)):
        return False
    if intent.name == "deny":
        return not any(other.name in ("decline", "choice") and other.confidence > intent.confidence for other in found)
    if intent.name == "human":
        return intent.confidence >= SURE and not told
    if intent.name == "question" and intent.confidence < _NO_GUESS:
        return not any(other.name in _BARE_ANSWERS and other.confidence >= SURE for other in found)
    return intent.name not in _ONLY_BY_RULE


_NO_GUESS = 0.6
"""A question that is less likely is none beside a plain answer: "sí, venga, dime"."""


def _says_the_opposite(intent: Intent, found: list[Intent]) -> bool:
    """Whether a yes beside a likelier no is none, or the other way round."""
    opposite = "deny" if intent.name == "affirm" else "affirm"
    return any(other.name == opposite and other.confidence > intent.confidence for other in found)


def offer_on_the_table(context: Context) -> bool:
    """Whether options were shown, so that "la segunda" or "me la quedo" mean one of them."""
    return (
        bool(context.options)
        or context.awaiting in ("choice", "accept")
        or context.stage in ("PRESENTACION_PROPUESTA", "COTIZACION")
    )


def _with_topic(intent: Intent, seen: Grammar) -> Intent:
    if intent.name == "question" and not intent.topic:
        return msgspec.structs.replace(intent, topic=topic_of(seen))
    return intent


_ENDS_IT = frozenset(("opt_out", "data_erase", "withdraw_consent", "insult", "threat", "self_harm"))
_GIVES_WAY = frozenset(("decline", "objection", "question", "data_copy", "accept", "interest", "affirm", "deny", "dont_know"))


def _outranked(intent: Intent, urgent: list[Intent]) -> bool:
    """Whether an urgent wish was read from the same words."""
    names = {other.name for other in urgent}
    if intent.name in names:
        return True
    if intent.name in _GIVES_WAY and names & _ENDS_IT:
        return True
    return intent.name in ("question", "interest", "objection") and "human" in names


def guard_intents(verdict: Verdict) -> tuple[Intent, ...]:
    """What the guardrails found, as intents."""
    return tuple(
        Intent(_GUARD_INTENTS[found.name], "exfiltration" if found.name == "exfiltration" else "", evidence=found.evidence)
        for found in verdict.findings
        if found.name in _GUARD_INTENTS
    )


def _guarded(wording: Wording, context: Context) -> list[Intent]:
    """What the guardrails found; the marks that redaction left stand for what was there."""
    gate = guard_intents(inspect(wording.text)) if context.guarded is None else context.guarded
    # What the guardrails quote is folded; who wrote it otherwise is shown all of it.
    found = [i if i.evidence in wording.text else msgspec.structs.replace(i, evidence=wording.text) for i in gate]
    if HEALTH_MARK in wording.text:
        found.append(Intent("health", "other", evidence=HEALTH_MARK))
    elif CANCER_OVERCOME_MARK in wording.text:
        found.append(Intent("health", "cancer_over_5_years", evidence=CANCER_OVERCOME_MARK))
    identity = re.search(r"\[(?:DNI|NIE|IBAN|tarjeta|CVV)\]", wording.text)
    if identity:
        found.append(Intent("sensitive_ids", evidence=identity[0]))
    return found


def _asides(seen: Grammar, language: str, context: Context) -> list[Intent]:
    found: list[Intent] = []
    wish = wished_language(seen.wording.plain)
    if wish:
        found.append(Intent("language", wish, 0.95))
    elif language not in (context.language, "es"):
        found.append(Intent("language", language, 0.8))
    for place, days in seen.dates.items():
        if not days:
            number = seen.numbers[place]
            found.append(Intent("unclear", "invalid_date", 0.9, seen.wording.evidence(number.start, number.end)))
    return found


# --- the answer as a whole --------------------------------------------------------------------------------------------

_HEDGED = re.compile(
    r"[?¿]|\b(?:pero|aunque|salvo|excepto|siempre que|siempre y cuando|a condicion|con tal|a menos|mientras|hasta que|"
    r"en cuanto|cuando|antes|primero|sin(?! (?:ningun )?problemas?\b| duda)|quitando|menos|solo si|but|if|unless|when)\b|"
    r"\bsi\b(?![\s.!]*$)"
)
_YES_TO_BEGIN_WITH = re.compile(
    r"(?:\W|(?:claro|bueno|pues|que|ah|ay|vale|venga|ok|hombre|mujer|rapido|por favor|gracias)\b|"
    r"si\b(?=\W*(?:$|[^\w\s]|si\b|claro|por (?:favor|supuesto)|gracias|vale|venga|rapido|ok\b|adelante|quiero|acepto|perfecto|"
    r"(?:estoy )?de acuerdo|senor(?:a|ita)?\b|hij[oa]\b|mujer\b|hombre\b|como no\b|desde luego|seguro\b|correcto|exacto|eso\b|"
    r"(?:tu )?dale\b|hazlo\b|de una\b|conforme|(?:lo |la )?autorizo|"
    r"(?:(?:te|le|os|les) )?doy (?:mi |el )?(?:permiso|consentimiento)|(?:no hay|sin|ningun) problema|"
    r"(?:esta|todo|me parece) bien\W*$)))*"
)
_YES: frozenset[str] = frozenset(("affirm", "accept"))
_BESIDE_AN_ANSWER = frozenset(("greeting", "thanks", "bye", "language"))


def _whole(seen: Grammar, acts: Acts, intents: list[Intent], values: list[Found]) -> Whole:
    """Whether the message is wholly a yes or wholly a no: nothing binds that is only part of one."""
    names = {intent.name for intent in intents}
    rest = names - _BESIDE_AN_ANSWER
    told = [value for value in values if value.confidence and value.key != "marital_status"]
    if told or not rest:
        return ""
    if (
        rest <= (_YES | {"interest"})
        and rest & _YES
        and not _hedged(seen)
        and not _may_be_a_no(seen, acts)
        and all_known(seen)
        and max(acts.get("affirm", 0.0), acts.get("accept", 0.0)) >= SURE
    ):
        return "yes"
    if (
        rest <= {"deny", "decline"}
        and not re.search(r"[?¿]", seen.plain)
        and max(acts.get("deny", 0.0), acts.get("decline", 0.0)) >= SURE
    ):
        return "no"
    return ""


_NO_WORDS = frozenset(("no", "nada", "nunca", "ni", "tampoco", "jamas", "ninguna", "ninguno", "sin"))
_BEYOND_DOUBT, _SHORT = 0.97, 4


def _may_be_a_no(seen: Grammar, acts: Acts) -> bool:
    """Whether a word of denial stands in it: "no hay problema" is a yes, "de eso nada" is none, and only few words are sure."""
    denies = any(token.text in _NO_WORDS for token in seen.tokens)
    sure = max(acts.get("affirm", 0.0), acts.get("accept", 0.0)) >= _BEYOND_DOUBT and len(seen.tokens) <= _SHORT
    return denies and not sure


def _hedged(seen: Grammar) -> bool:
    """A question, a condition, a "but": with one of them nothing is agreed to. "sí", which is no "if", may stand anywhere."""
    start = _YES_TO_BEGIN_WITH.match(seen.plain)
    if "?" in seen.plain or "¿" in seen.plain:
        return True
    for match in _HEDGED.finditer(seen.plain, start.end() if start else 0):
        if match[0] != "si" or seen.wording.evidence(*match.span()).lower() != "sí":
            return True
    return False


def _after_confirmation(
    values: list[Found], intents: list[Intent], context: Context, whole: Whole, seen: Grammar
) -> list[Found]:
    """A yes to a proposed value makes it certain; the same value said again does, too."""
    key = _key(context.awaiting)
    if not (context.awaiting or "").startswith("confirm:"):
        return values
    if context.candidate is True and whole == "no":
        return [Found(key, False, intents[0].evidence)]  # a "no" to "he or she smokes" says the opposite
    agreed = any(intent.name in _YES for intent in intents) and not any(intent.name == "deny" for intent in intents)
    others = [value for value in values if value.key != key]
    if _repeats(seen, context) or (context.candidate in (0, False) and _DENIES_HAVING.match(seen.plain)):
        return [*others, *confirmed_candidate(context, seen.wording.text)]
    instead = _said_instead(seen, context)
    if instead is not None:
        return [*others, instead]
    if agreed and not any(value.key == key for value in values):
        return [*values, *confirmed_candidate(context, intents[0].evidence)]
    return [
        msgspec.structs.replace(value, confidence=1.0) if value.key == key and value.value == context.candidate else value
        for value in values
    ]


_AGREES = re.compile(r"\W*(?:si|claro|exacto|eso|correcto|vale|asi es|efectivamente)\b(?!\W*(?:pero|aunque)\b)")


def _repeats(seen: Grammar, context: Context) -> bool:
    """Whether somebody agrees and says the very number again that is asked about, whatever else they tell beside it."""
    candidate = context.candidate
    if isinstance(candidate, bool) or not isinstance(candidate, int | float) or not _AGREES.match(seen.plain):
        return False
    return any(number.value == candidate and not number.rejected for number in seen.numbers)


_HAVING = r"(?:(?:la |lo |de eso )?(?:tengo|fumo|hay|tenemos|debo|queda))"
_NONE_OF_IT = r"(?:ningun[oa]?|nada|cero)"
_DENIES_HAVING = re.compile(
    rf"\W*(?:no,? )?(?:no,? |que no,? )?(?:{_HAVING}\b(?: (?:no|{_NONE_OF_IT}))?|{_NONE_OF_IT}\b(?: {_HAVING})?)\W*$"
)
"""Agrees that there is none: "no tengo", "ninguna", "no tengo no"."""
_MOST_TIMES_OFF = 3


def _said_instead(seen: Grammar, context: Context) -> Found | None:
    """The one number that is said in place of the amount that is asked about: "9.400 exactos" when it was 9,000."""
    candidate, key = context.candidate, _key(context.awaiting)
    said = [number for number in seen.numbers if not number.rejected]
    if key not in MONEY_KEYS or isinstance(candidate, bool) or not isinstance(candidate, int | float) or len(said) != 1:
        return None
    value, number = as_number(said[0].value), said[0]
    near = candidate and candidate / _MOST_TIMES_OFF <= value <= candidate * _MOST_TIMES_OFF
    alone = len([token for token in seen.tokens if token.kind == "word"]) <= _FEW_WORDS
    if not near or value == candidate or number.unit not in ("", "money") or number.period or not alone:
        return None
    return Found(key, value, seen.wording.evidence(number.start, number.end), correction=True)


_FEW_WORDS = 4
