"""What is stopped on its way in, and what is never let out.

In: `inspect` finds attempts to steer the program, to get at other people's data, abuse, threats and words of somebody who
may be in danger. Swearing at a price is an objection, not abuse. Out: `check_reply` lets a figure, link or address through
only when it comes from the facts. Both look at the folded text, so that look-alike letters hide nothing, and give the words
that convinced them as evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

import msgspec

from src.agent.figures import Figure, Figures, date_spellings, figures, plain_link, spelled
from src.agent.forbidden_phrases import (
    ADVICE,
    DENIED_BEFORE,
    EXFILTRATION,
    INJECTION,
    INSULT,
    PROMISES,
    SELF_HARM,
    THREAT,
)
from src.agent.lookalikes import fold, rule
from src.agent.redaction import redact
from src.agent.state import Conversation, House

FindingName = Literal[
    # in
    "injection",
    "exfiltration",
    "insult",
    "threat",
    "self_harm",
    # out
    "amount",
    "percentage",
    "date",
    "link",
    "personal_data",
    "promise",
    "recommendation",
    "canary",
    "length",
]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was found; `evidence` are the words, never to be stored or logged."""

    name: FindingName
    evidence: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What was found; nothing found means that the text may pass."""

    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Nothing was found."""
        return not self.findings

    def has(self, *names: FindingName) -> bool:
        """Whether any of these was found."""
        return any(finding.name in names for finding in self.findings)


# --- in ---------------------------------------------------------------------------------------------------------------

_INBOUND: Mapping[FindingName, str] = {
    "self_harm": SELF_HARM,
    "threat": THREAT,
    "injection": INJECTION,
    "exfiltration": EXFILTRATION,
    "insult": INSULT,
}
_LEET = str.maketrans("013457@$!|", "oieastasii")
_SPACED_OUT = r"\b(?:[a-z][ .*_-]){3,}[a-z]\b"


def inspect(text: str) -> Verdict:
    """What in a prospect's message needs an answer of its own, most serious first; one finding of each kind."""
    readings = _readings(text)
    findings: list[Finding] = []
    for name, pattern in _INBOUND.items():
        match = next(filter(None, (rule(pattern).search(reading) for reading in readings)), None)
        if match:
            findings.append(Finding(name, match[0].strip()))
    return Verdict(tuple(findings))


def _readings(text: str) -> tuple[str, ...]:
    """The text as it looks, and, where letters are spaced out or written as digits, as it is meant."""
    seen = rule(r"[ \t\r\f\v]+").sub(" ", fold(text).text).strip()
    joined = rule(_SPACED_OUT).sub(lambda match: rule(r"[ .*_-]").sub("", match[0]), seen)
    meant = rule(r"\b(?=[a-z0-9@$!|]{0,39}[a-z])(?=[a-z]{0,39}[0-9@$])[a-z0-9@$!|]{3,40}").sub(
        lambda m: m[0].translate(_LEET), joined
    )
    return (seen,) if meant == seen else (seen, meant)


class AbuseStep(msgspec.Struct, frozen=True):
    """What to do about one more abusive message: warn, or leave it to a human, and then the bot stays silent."""

    to_human: bool


def abuse_step(earlier_offences: int, *, threat: bool = False) -> AbuseStep:
    """The policy: the first insult is met with calm and an offer, the second one or any threat ends the bot's part."""
    return AbuseStep(to_human=threat or earlier_offences >= 1)


# --- out --------------------------------------------------------------------------------------------------------------

USUAL_MAX_CHARACTERS = 600
"""A chat message that is read; proposals are longer and give their own limit."""


class Facts(msgspec.Struct, frozen=True):
    """What a reply may name, in the spellings of `figures`. `canary` is a secret word that no reply may hold."""

    amounts: frozenset[str] = frozenset()
    percentages: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    canary: str = ""

    def and_texts(self, *texts: str) -> Facts:
        """These facts and every figure of texts that are true as they stand: raw templates, knowledge entries."""
        return self.and_figures(figures(text) for text in texts)

    def and_figures(self, true: Iterable[Figures]) -> Facts:
        """These facts and what was found in texts that are true as they stand."""
        found = list(true)

        def joined(kind: str) -> frozenset[str]:
            known: frozenset[str] = getattr(self, kind)
            return known.union(*({figure.value for figure in getattr(one, kind)} for one in found))

        return Facts(**{kind: joined(kind) for kind in Figures.__struct_fields__}, canary=self.canary)


def facts_of(
    conversation: Conversation,
    house: House,
    *,
    templates: Iterable[str] = (),
    texts: Iterable[str] = (),
    catalogue_figures: Iterable[object] = (),
    links: Iterable[str] = (),
    today: str = "",
    canary: str = "",
) -> Facts:
    """What may be said in this conversation.

    The amounts and dates of its quotes, need, profile and details; the house's links and notices; `templates`, the same in
    every conversation, and `texts` of this one that are true as they stand; `catalogue_figures` such as the limits of
    capital; `today` as an ISO date.
    """
    amounts = {spelled(str(figure)) for figure in catalogue_figures}
    percentages: set[str] = set()
    days = {today[:10]} if today else set()
    for quote in conversation.quotes:
        amounts.update(map(spelled, quote.amounts))
        days |= {quote.quoted_on.isoformat(), quote.valid_until.isoformat()}
    need = conversation.need.to_json() if conversation.need else {}
    known = (need, conversation.profile, conversation.details)
    for key, value in (pair for part in known for pair in _leaves("", part)):
        if isinstance(value, str) and rule(r"^\d{4}-\d\d-\d\d").match(value):
            days.add(value[:10])
        elif _is_number(value):
            if rule(_SHARE_KEY).search(key):
                percentages |= {spelled(value), spelled(round(100 * float(value), 6))}
            elif not rule(_COUNTED_KEY).search(key):
                amounts.add(spelled(value))
    if "monthly_income" in conversation.profile:
        amounts.add(spelled(12 * float(conversation.profile["monthly_income"])))
    contact = conversation.contact
    own = " ".join(
        str(part) for part in (contact.phone, conversation.details.get("phone"), conversation.profile.get("email")) if part
    )
    facts = Facts(
        amounts=frozenset(amounts),
        percentages=frozenset(percentages),
        dates=frozenset(spelling for day in days for spelling in date_spellings(day)),
        links=frozenset(plain_link(link) for link in links if link),
        canary=canary,
    )
    always = (house.privacy_url, house.legal_notice, house.business_hours, *templates)
    return facts.and_figures((*map(_figures_of_template, always), *map(figures, (own, *texts))))


_figures_of_template = lru_cache(maxsize=4096)(figures)
"""Read once: there are so many texts of ours, and most turns say some of them."""


_COUNTED_KEY = r"(?:^|_)(?:ages?|years?|term|dependents|children|class|count|code|phone|number|tariff|version|id)(?:_|$)"
_SHARE_KEY = r"(?:^|_)(?:share|rate|percent|percentage|ratio)(?:_|$)"


def _leaves(key: str, value: Any) -> Iterable[tuple[str, Any]]:
    """Every plain value below, with the name it stands under."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(str(name), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(key, inner)
    else:
        yield key, value


def _is_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and bool(rule(r"^-?\d+(?:\.\d+)?$").match(value)))


def check_reply(text: str, facts: Facts, *, max_characters: int = USUAL_MAX_CHARACTERS) -> Verdict:
    """What keeps this reply from being sent; if anything does, SAFE_REPLY goes out and `guard.reply_replaced` is counted.

    Every amount, percentage, date, link, address and phone number must be among the facts. No promise, no advice (the
    sale is informed, not advised: RDL 3/2020), no identity or account number, no canary.
    """
    findings: list[Finding] = []
    if not text.strip() or len(text) > max_characters:
        findings.append(Finding("length", f"{len(text)} characters"))
    found = figures(text)
    findings += _unknown("amount", found.amounts, facts.amounts)
    findings += _unknown("percentage", found.percentages, facts.percentages)
    findings += _unknown("date", found.dates, facts.dates)
    findings += _unknown("link", found.links, facts.links)
    findings += _unknown("personal_data", found.emails, facts.emails)
    known_phones = {phone[-9:] for phone in facts.phones}  # with or without the country's prefix
    findings += [Finding("personal_data", phone.evidence) for phone in found.phones if phone.value[-9:] not in known_phones]
    findings += [Finding("personal_data", kind) for kind in redact(text).kinds]
    seen = rule(r"\s+").sub(" ", fold(text).text)
    findings += _said(PROMISES, "promise", seen)
    findings += _said(ADVICE, "recommendation", seen)
    if facts.canary and rule(r"\W").sub("", fold(facts.canary).text) in rule(r"\W").sub("", seen):
        findings.append(Finding("canary"))
    return Verdict(tuple(findings))


def _unknown(name: FindingName, found: Iterable[Figure], known: frozenset[str]) -> list[Finding]:
    return [Finding(name, figure.evidence) for figure in found if figure.value not in known]


def _said(pattern: str, name: FindingName, text: str) -> list[Finding]:
    """What is said and not denied: "no podemos garantizar" is the opposite of a promise."""
    matches = rule(pattern).finditer(text)
    return [Finding(name, m[0]) for m in matches if not rule(DENIED_BEFORE).search(text[max(0, m.start() - 40) : m.start()])]


SAFE_REPLY: Mapping[str, str] = {
    "es": (
        "Prefiero no dar un dato que no pueda comprobar. Una persona del equipo puede confirmarlo: escribe "
        "«persona» y le paso la conversación."
    ),
    "en": (
        "I'd rather not give a figure I can't verify. Someone on the team can confirm it: write “person” and "
        "I'll hand the conversation over."
    ),
}
"""What goes out instead of a reply that did not pass, by language."""
