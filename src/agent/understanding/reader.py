"""One turn of the prospect, read: the grammar finds numbers, dates and persons, what was learnt says what they are about.

What the law or somebody's safety hangs on is found by rules beside it. Doubt is a result: what is likely is asked about.
"""

from __future__ import annotations

import re

import msgspec

from src.agent.guardrails import inspect
from src.agent.redaction import CANCER_OVERCOME_MARK, HEALTH_MARK
from src.agent.understanding.deciding import (
    LIKELY,
    SURE,
    Acts,
    Role,
    acts_of,
    all_known,
    option_of,
    roles_of,
    topic_of,
    values_of,
)
from src.agent.understanding.grammar import Grammar, grammar_of
from src.agent.understanding.language import detect_language, wished_language
from src.agent.understanding.occupations import known_occupations, risky_sport
from src.agent.understanding.reading import Context, Found, Intent, IntentName, Reading, Whole
from src.agent.understanding.replies import confirmed_candidate, read_reply
from src.agent.understanding.safety import urgent_wishes
from src.agent.understanding.wording import Wording, clean


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
    seen = grammar_of(text, context.awaiting, context.today, context.birth_year)
    language = detect_language(seen.wording.text, context.language)
    guarded = _guarded(seen.wording)
    if any(intent.name == "injection" for intent in guarded):
        return Reading(tuple(guarded), (), language, seen.wording.text)
    acts, roles = acts_of(seen, context), roles_of(seen, context)
    values = _line_by_line(text, values_of(seen, acts, roles, context), context)
    sport = risky_sport(seen.wording)
    values += [sport] if sport else []
    urgent = [intent for intent in urgent_wishes(seen.wording) if not _is_a_trade(intent, seen, context)]
    learnt = _learnt(seen, _pointing(seen, acts, roles, context), values, context)
    intents = [*guarded, *urgent, *(intent for intent in learnt if not _outranked(intent, [*guarded, *urgent]))]
    intents += _asides(seen, language, context)
    whole = _whole(seen, acts, intents, values)
    values = _after_confirmation(values, intents, context, whole)
    if not intents and not values:
        intents = [Intent("unclear", confidence=0.5)]
    unique = {(intent.name, intent.topic): intent for intent in reversed(intents)}
    return Reading(tuple(unique.values())[::-1], tuple(values), language, seen.wording.text, whole)


_MOST_LINES = 8


def _line_by_line(text: str, found: list[Found], context: Context) -> list[Found]:
    """What was found in all lines of a burst together, with what each line tells by itself and tells more plainly."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not 1 < len(lines) <= _MOST_LINES:
        return found
    told = {value.key: value for value in found}
    for line in lines:
        alone = msgspec.structs.replace(context, awaiting=None, candidate=None)
        seen = grammar_of(line, None, context.today)
        for value in values_of(seen, acts_of(seen, alone), roles_of(seen, alone), alone):
            earlier = told.get(value.key)
            if value.key != "name" and (
                earlier is None or (earlier.confidence < value.confidence and earlier.value == value.value)
            ):
                told[value.key] = value
    return list(told.values())


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
        elif label in _TALKED_OVER:
            found.append(Intent("question", _TALKED_OVER[label], likely, text))
        elif name in _LEARNT:
            found.append(Intent(_LEARNT[name], topic, likely, text))
    found = [intent for intent in found if _possible(intent, found, values, context)]
    return [_with_topic(intent, seen) for intent in found]


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
    if intent.name in ("choice", "accept"):
        return offer_on_the_table(context)
    if intent.name in ("affirm", "deny") and told:
        return False
    if intent.name == "deny":
        return not any(other.name in ("decline", "choice") and other.confidence > intent.confidence for other in found)
    if intent.name == "human":
        return intent.confidence >= SURE and not told
    return intent.name not in _ONLY_BY_RULE


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


def _guarded(wording: Wording) -> list[Intent]:
    """What the guardrails found, as intents; the marks that redaction left stand for what was there."""
    found: list[Intent] = []
    for finding in inspect(wording.text).findings:
        name = _GUARD_INTENTS.get(finding.name)
        if name:
            topic = "exfiltration" if finding.name == "exfiltration" else ""
            found.append(Intent(name, topic, evidence=finding.evidence))
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
    r"en cuanto|cuando|antes|primero|sin|quitando|menos|solo si|but|if|unless|when)\b|\bsi\b(?![\s.!]*$)"
)
_YES_TO_BEGIN_WITH = re.compile(
    r"(?:\W|(?:claro|bueno|pues|que|ah|ay|vale|venga|ok|hombre|mujer|rapido|por favor|gracias)\b|"
    r"si\b(?=\W*(?:$|[^\w\s]|si\b|claro|por favor|gracias|vale|venga|rapido|ok\b|adelante|quiero|acepto|perfecto|de acuerdo)))*"
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


def _hedged(seen: Grammar) -> bool:
    """A question, a condition, a "but": with one of them nothing is agreed to. "sí", which is no "if", may stand anywhere."""
    start = _YES_TO_BEGIN_WITH.match(seen.plain)
    if "?" in seen.plain or "¿" in seen.plain:
        return True
    for match in _HEDGED.finditer(seen.plain, start.end() if start else 0):
        if match[0] != "si" or seen.wording.evidence(*match.span()).lower() != "sí":
            return True
    return False


def _after_confirmation(values: list[Found], intents: list[Intent], context: Context, whole: Whole) -> list[Found]:
    """A yes to a proposed value makes it certain; the same value said again does, too."""
    key = _key(context.awaiting)
    if not (context.awaiting or "").startswith("confirm:"):
        return values
    if context.candidate is True and whole == "no":
        return [Found(key, False, intents[0].evidence)]  # a "no" to "he or she smokes" says the opposite
    agreed = any(intent.name in _YES for intent in intents) and not any(intent.name == "deny" for intent in intents)
    if agreed and not any(value.key == key for value in values):
        return [*values, *confirmed_candidate(context, intents[0].evidence)]
    return [
        msgspec.structs.replace(value, confidence=1.0) if value.key == key and value.value == context.candidate else value
        for value in values
    ]
