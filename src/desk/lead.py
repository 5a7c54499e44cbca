"""What a CRM shows of a lead: labels, attributes, priority and team; and what a person's edit there means for the profile.

The names of labels and attributes are promises: brokerages filter, report and automate by them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from src.agent.corrections import fault_of
from src.agent.profile import FIELDS, Kind
from src.agent.redaction import clean
from src.agent.state import Conversation
from src.agent.texts import phrasebook
from src.desk.crm import Lead
from src.desk.lead_rules import Rules, handoff_reason, objections
from src.desk.words import HANDED_OVER, LABELS, OBJECTIONS, OUTCOMES, REASONS, STAGES, TEMPERATURES, UNANSWERED
from src.quoting import StoredQuote

LONGEST_TEXT = 1500
LONGEST_NAME = 255
LARGEST_NUMBER = 9_999_999_999
"""Chatwoot refuses attributes beyond these."""
TIERS = ("esencial", "equilibrada", "completa")
_COMPARED = 100
"""Signs of a text that tell whether it is another one."""
_FORM = "v1"
"""How the checksums are made, for a version that makes them otherwise."""
_WORDS = phrasebook("es", "usted")

AttributeKind = Literal["text", "number", "date", "list", "checkbox"]


class Attribute(msgspec.Struct, frozen=True):
    """An attribute of ours, as it is to be defined in the CRM. `values` are those of a list; `of` is whose it is."""

    key: str
    name: str
    kind: AttributeKind
    of: Literal["person", "conversation"]
    values: tuple[str, ...] = ()
    description: str = ""


STAGE_LABELS = {stage: words.label.title for stage, words in STAGES.items()}
TEMPERATURE_LABELS = {temperature: label.title for temperature, label in TEMPERATURES.items()}
OUTCOME_LABELS = {outcome: words.label.title for outcome, words in OUTCOMES.items() if words.label}
OURS = tuple(label.title for label in LABELS)

_KINDS: Mapping[Kind, AttributeKind] = {
    "text": "text",
    "date": "date",
    "yes_or_no": "checkbox",
    "choice": "list",
    "count": "number",
    "amount": "number",
}
_OF_THE_CRM = ("name", "email")
"""Of the person the CRM has fields of its own for these."""
PERSON_KEYS = tuple(key for key in FIELDS if key not in _OF_THE_CRM)
_CODES = {
    key: {_WORDS.value(key, code): code for code in field.choices} for key, field in FIELDS.items() if field.kind == "choice"
}
"""Of values that the CRM shows in words, what the words stand for."""


def _person_attribute(key: str) -> Attribute:
    field = FIELDS[key]
    unit = (
        " (€)"
        if field.kind == "amount"
        else f" ({field.bounds[0]} a {field.bounds[1]})"
        if field.bounds and field.choices
        else ""
    )
    name = f"{_WORDS.say(field.label)}{unit}"
    values = tuple(_CODES.get(key, ()))
    return Attribute(key, name, _KINDS[field.kind], "person", values, "Si lo cambia, el asistente usará el valor nuevo")


ATTRIBUTES = (
    *(_person_attribute(key) for key in PERSON_KEYS),
    Attribute("stage", "Fase de la venta", "list", "conversation", tuple(STAGE_LABELS.values())),
    Attribute("outcome", "Resultado", "list", "conversation", tuple(words.listed for words in OUTCOMES.values())),
    Attribute("temperature", "Temperatura", "list", "conversation", tuple(TEMPERATURE_LABELS)),
    Attribute("score", "Puntuación (0 a 100)", "number", "conversation"),
    Attribute("handoff_reason", "Motivo de la derivación", "text", "conversation"),
    Attribute("objections", "Objeciones", "text", "conversation"),
    Attribute("need_capital", "Capital que necesita (€)", "number", "conversation"),
    Attribute("quoted_capital", "Capital propuesto (€)", "number", "conversation"),
    *(
        Attribute(f"price_{tier}", f"{_WORDS.say(f'tier.{tier}')} (€ al mes)", "number", "conversation")
        for tier in (*TIERS, "own")
    ),
    Attribute("selected_quote", "Opción elegida", "text", "conversation"),
    Attribute("selected_price", "Prima elegida (€ al mes)", "number", "conversation"),
    Attribute("tariff", "Tarifa", "text", "conversation"),
    Attribute("valid_until", "Precios válidos hasta", "date", "conversation"),
    Attribute("consent", "Permiso para usar sus datos", "checkbox", "conversation"),
    Attribute("consent_at", "Fecha del permiso", "date", "conversation"),
    Attribute("consent_text", "Texto del permiso", "text", "conversation"),
)
"""Every attribute that this program writes."""
WRITTEN = "iagente_written"
"""An attribute of the person that says what this program wrote last, by a checksum for each key. Without a definition in the
CRM nobody sees it. What differs from it was edited by a human; whatever else comes back, however late, is an echo."""
CONVERSATION_KEYS = tuple(attribute.key for attribute in ATTRIBUTES if attribute.of == "conversation")


def lead_of(conversation: Conversation, rules: Rules) -> Lead:
    """How the lead is to be shown now. An attribute of ours that has no value now is there as None: it is to be taken away.

    `conversation.owner` must be the ledger's, which knows best who has the conversation.
    """
    verdict = rules.judge(conversation)
    labels = [STAGE_LABELS[conversation.stage]]
    if verdict.temperature:
        labels.append(TEMPERATURE_LABELS[verdict.temperature])
    if conversation.owner == "human":
        labels.append(HANDED_OVER.title)
    if conversation.memory.undelivered:
        labels.append(UNANSWERED.title)
    if conversation.outcome in OUTCOME_LABELS:
        labels.append(OUTCOME_LABELS[conversation.outcome])
    told: dict[str, Any] = {
        "stage": STAGE_LABELS[conversation.stage],
        "outcome": OUTCOMES[conversation.outcome].listed if conversation.outcome else None,
        "temperature": verdict.temperature or None,
        "score": verdict.score,
        "handoff_reason": REASONS.get(handoff_reason(conversation)),
        "objections": ", ".join(OBJECTIONS[topic] for topic in objections(conversation)) or None,
        **_sold(conversation),
        **_agreed(conversation),
    }
    profile = conversation.profile
    person = {key: _allowed(_shown(key, profile[key])) if key in profile else None for key in PERSON_KEYS}
    name, email = str(profile.get("name") or conversation.contact.name or "")[:LONGEST_NAME], str(profile.get("email", ""))
    return Lead(
        labels=tuple(labels),
        ours=OURS,
        person=person | written(person | {"name": name, "email": email}),
        conversation={key: _allowed(told.get(key)) for key in CONVERSATION_KEYS},
        name=name,
        email=email,
        priority=verdict.priority,
        team=verdict.team,
    )


class Edits(msgspec.Struct, frozen=True):
    """What humans changed in the CRM: values for the profile, and why others were left alone."""

    changes: dict[str, Any]
    ignored: dict[str, str]


def profile_from_attributes(attributes: Mapping[str, Any], conversation: Conversation, today: date) -> Edits:
    """The profile values that a human edited in the CRM. `attributes` are those of the person there, with name and e-mail.

    What we wrote ourselves changes nothing, also when it comes back late. An attribute that was emptied or taken away there
    changes nothing either: it is written again with the lead's next change. A name counts where one of ours was.
    """
    written = _read_checksums(attributes.get(WRITTEN))
    edits = Edits({}, {})
    if written is None:  # never described by us: whatever is there means something else
        return edits
    for key in (*PERSON_KEYS, *_OF_THE_CRM):
        told = _told(key, attributes.get(key))
        if told in (None, "") or not _is_edit(key, told, written, conversation):
            continue
        if fault := fault_of(key, told, today):
            edits.ignored[key] = fault
        else:
            edits.changes[key] = told
    if "birth_date" in edits.changes and edits.changes.pop("age", None) is not None:
        edits.ignored["age"] = "it follows from birth_date"
    return edits


def is_as_written(key: str, attributes: Mapping[str, Any]) -> bool:
    """Whether the CRM shows under that key what this program wrote last, or nothing: it may write again."""
    told = _told(key, attributes.get(key))
    return told in (None, "") or _checksum(told) == (_read_checksums(attributes.get(WRITTEN)) or {}).get(key)


def written(values: Mapping[str, Any]) -> dict[str, str]:
    """The attribute that is to be written along with these values of a person, so that they are known as ours."""
    return {WRITTEN: _checksums(values)}


def _is_edit(key: str, told: Any, written: Mapping[str, str], conversation: Conversation) -> bool:
    """Whether a human wrote that value: neither what is known, nor what we wrote there, nor something that was replaced."""
    known, source = conversation.profile.get(key), conversation.profile_sources.get(key)
    known_checksum = _checksum(_told(key, known))
    if _checksum(told) in (known_checksum, written.get(key)):
        return False
    if key == "name" and key not in written:  # a person there always has one: it may be made up, or what is left of ours
        return False
    is_behind = written.get(key, _checksum(None)) != known_checksum
    return not (is_behind and source is not None and told in source.replaced)


def _told(key: str, value: Any) -> Any:
    """What an attribute says, as a profile value of that key; as it is when it cannot be understood."""
    kind = _KINDS[FIELDS[key].kind] if key in PERSON_KEYS else "text"
    if not isinstance(value, str):
        return int(value) if isinstance(value, float) and value.is_integer() else value
    value = value.strip().lower() if key == "email" else value.strip()  # as Chatwoot writes it
    if kind == "checkbox":
        return {"true": True, "false": False}.get(value.casefold(), value)
    if kind == "number" and re.fullmatch(r"[0-9]{1,12}(?:[.,][0-9]{1,2})?", value):
        number = float(value.replace(",", "."))
        return int(number) if number.is_integer() else number
    if kind == "date" and len(value) > len("2000-01-01"):
        return _day(value)
    return _CODES[key].get(value, value) if kind == "list" else value


def _day(moment: str) -> str:
    """The day that somebody chose in a calendar: midnight of their own time zone, told in UTC, is less than 12 hours off."""
    try:
        return f"{datetime.fromisoformat(moment) + timedelta(hours=12):%Y-%m-%d}"
    except (ValueError, OverflowError):
        return moment


def _checksum(value: Any) -> str:
    """The same for what means the same: on its way there and back a text may lose what cannot be seen, and its end."""
    same = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(same, str):
        same = "".join(sign for sign in clean(same) if sign.isprintable() and not sign.isspace())[:_COMPARED]
    return f"{zlib.crc32(msgspec.json.encode(same)):08x}"


def _checksums(values: Mapping[str, Any]) -> str:
    pairs = (f"{key}={_checksum(_told(key, value))}" for key, value in values.items() if value not in (None, ""))
    return " ".join((_FORM, *pairs))


def _read_checksums(written: Any) -> dict[str, str] | None:
    """What `_checksums` wrote, or None when it did not."""
    form, *pairs = written.split() if isinstance(written, str) and written.strip() else [""]
    return {key: checksum for key, _, checksum in (pair.partition("=") for pair in pairs)} if form == _FORM else None


def option_line(tier: str, sum_assured: Decimal | float, monthly_premium: Decimal | float) -> str:
    """One option of a proposal in a few words."""
    named = _WORDS.say(f"tier.{tier or 'own'}")
    return f"{named}: {_WORDS.money(sum_assured)} de capital por {_WORDS.money(monthly_premium)} al mes"


def option_of(quote: StoredQuote) -> str:
    """The same of a quote that is kept."""
    return option_line(quote.tier, quote.sum_assured, quote.monthly_premium)


def chosen_quote(conversation: Conversation) -> StoredQuote | None:
    """The option of the proposal that was chosen, or None."""
    return next((quote for quote in conversation.quotes if quote.id == conversation.selected_quote), None)


def _sold(conversation: Conversation) -> dict[str, Any]:
    """The need, and the prices that were shown."""
    told: dict[str, Any] = {"need_capital": conversation.need.capital} if conversation.need else {}
    quotes = conversation.quotes
    if not quotes:
        return told
    first = quotes[0]
    told |= {f"price_{quote.tier or 'own'}": float(quote.monthly_premium) for quote in quotes}
    told |= {"tariff": first.tariff, "valid_until": first.valid_until.isoformat(), "quoted_capital": first.sum_assured}
    if chosen := chosen_quote(conversation):
        told |= {
            "selected_quote": option_of(chosen),
            "selected_price": float(chosen.monthly_premium),
            "quoted_capital": chosen.sum_assured,
        }
    return told


def _agreed(conversation: Conversation) -> dict[str, Any]:
    consent = conversation.consents.get("quote")
    if consent is None:
        return {}
    return {"consent": consent.given, "consent_at": f"{consent.at:%Y-%m-%d}", "consent_text": consent.text_version}


def _shown(key: str, value: Any) -> Any:
    """A profile value as the CRM shows it."""
    return _WORDS.value(key, value) if FIELDS[key].kind == "choice" else value


def _allowed(value: Any) -> Any:
    """The value within what Chatwoot takes."""
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    return min(value, LARGEST_NUMBER) if isinstance(value, int | float) and not isinstance(value, bool) else value
