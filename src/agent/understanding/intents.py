"""What somebody wants with a message, apart from the facts in it: wishes, choices and questions, and which of them stand."""

from __future__ import annotations

import re

from src.agent.understanding.choices import offer_on_the_table, read_choice
from src.agent.understanding.occupations import known_occupations
from src.agent.understanding.questions import read_questions
from src.agent.understanding.reading import Context, Intent
from src.agent.understanding.wishes import RULES
from src.agent.understanding.wording import Wording, fold

_DONT_KNOW_KEYS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("sum_assured", re.compile(r"\b(?:capital|cantidad|cuanto (?:poner|asegurar|pedir|necesito)|suma|cobertura)\b")),
    ("monthly_budget", re.compile(r"\bpresupuesto|cuanto (?:pagar|gastar)\b")),
    ("mortgage_balance", re.compile(r"\bhipoteca\b")),
    ("monthly_income", re.compile(r"\b(?:sueldo|ingresos|cuanto (?:gano|cobro))\b")),
)

_ENDS_IT = frozenset(("opt_out", "data_erase", "withdraw_consent"))
_OUTRANKED: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (_ENDS_IT, frozenset(("decline", "objection", "question", "data_copy", "accept", "interest"))),
    (frozenset(("human", "data_copy", "are_you_a_robot", "restart", "resume")), frozenset(("question", "interest"))),
    (frozenset(("resume",)), frozenset(("objection",))),
    (frozenset(("objection",)), frozenset(("interest",))),
    (frozenset(("decline",)), frozenset(("accept", "interest"))),
    (frozenset(("interest",)), frozenset(("accept",))),
)
"""Where the first are read, the second were read from the same words and go."""


def read_intents(wording: Wording, context: Context) -> list[Intent]:
    """Every intent the rules find, most urgent first."""
    found: list[Intent] = []
    for rule in RULES:
        match = rule.pattern.search(wording.plain)
        if match and not (rule.unless and rule.unless.search(wording.plain)):
            found.append(Intent(rule.name, rule.topic, rule.confidence, wording.evidence(*match.span())))
    choice = read_choice(wording, context)
    if choice:
        found.append(choice)
    found.extend(read_questions(wording))
    return _settled([intent for intent in found if _possible(intent, found, context)])


def leaves(wording: Wording) -> bool:
    """Whether the words say that somebody wants no insurance, whatever was asked."""
    return bool(_LEAVES.search(wording.plain))


_LEAVES = re.compile(
    r"\bno (?:me|nos) interesa|\b(?:deja(?:lo|mos)|dejemoslo|dejelo)\b|\bya no (?:lo )?quiero\b|\bolvida(?:lo|os|te)\b|"
    r"\bno (?:lo )?quiero (?:seguir|continuar|ningun seguro|el seguro|seguro|nada|mas)\b"
)


def dont_know_topic(plain: str) -> str:
    """The key somebody does not know, when the words name it."""
    return next((key for key, pattern in _DONT_KNOW_KEYS if pattern.search(plain)), "")


def _possible(intent: Intent, found: list[Intent], context: Context) -> bool:
    """What only makes sense with something else: accepting without an offer, a "?" after a greeting."""
    names = {other.name for other in found}
    if intent.name == "accept" or intent.topic == "other_sum":
        return offer_on_the_table(context)
    if intent.name == "decline" and intent.evidence.lower().startswith("ningun"):
        return offer_on_the_table(context)
    if intent.name == "human" and (context.awaiting or "") in ("occupation", "occupation_class"):
        return fold(intent.evidence.strip(" .!")) not in known_occupations()  # "comercial" says what somebody does
    if intent.name == "human" and "are_you_a_robot" in names:
        return any(other.name == "human" and "habl" in other.evidence.lower() for other in found)
    if intent.name == "question" and names == {"greeting", "question"}:
        return bool(intent.topic) or len(intent.evidence) >= 3
    if intent.name == "opt_out" and "data_erase" in names:
        return not _about_data(found)
    if intent.name == "data_erase" and "opt_out" in names:
        return _about_data(found)
    return True


def _about_data(found: list[Intent]) -> bool:
    words = next((intent.evidence.lower() for intent in found if intent.name == "data_erase"), "")
    return bool(re.search(r"dato|todo|conversaci|informaci", words))


def _settled(found: list[Intent]) -> list[Intent]:
    """The same words must not want two things: the more urgent reading stands."""
    names = {intent.name for intent in found}
    dropped = {loser for winners, losers in _OUTRANKED if winners & names for loser in losers}
    topics = {(intent.name, intent.topic) for intent in found if intent.name not in dropped}
    has_topic = any(name == "question" and topic for name, topic in topics)
    kept: list[Intent] = []
    for intent in found:
        generic = (intent.name, intent.topic) == ("question", "")
        said_already = (
            (generic and "interest" in names and "interest" not in dropped and not has_topic)
            or (intent.name == "interest" and has_topic)
            or (("objection", "price") in topics and (intent.name, intent.topic) == ("question", "price"))
            or (("objection", "competitor") in topics and intent.name == "objection" and intent.topic != "competitor")
            or ("choice" in names and intent.name == "objection" and intent.topic != "competitor")
        )
        if intent.name not in dropped and not said_already:
            kept.append(intent)
    return kept
