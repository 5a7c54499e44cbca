"""What the people of the brokerage read about a lead, in Spanish: when it is handed to them, and when it was won.

The notes are Markdown as Chatwoot shows it, in short lines that can also be read aloud. Nothing in them is new: what was
redacted at the door is not here either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote as url_quoted
from zoneinfo import ZoneInfo

from src.agent.profile import MASKED, TOLD
from src.agent.state import Consent, Conversation, Line, ProfileSource
from src.agent.texts import phrasebook
from src.desk.lead import chosen_quote, option_of
from src.desk.lead_rules import objections
from src.desk.words import AWAITED, CONSENTS, OBJECTIONS, REASONS, SPEAKERS, STAGES
from src.errors import DamagedCatalogue
from src.quoting import Catalogue, Offer, Refusal, StoredQuote, explain

ACCEPTED = "accepted"
LINES_SHOWN = 8
LONGEST_LINE = 280
LONGEST_OF_OURS = 160
"""Characters shown of a line: what we said ourselves need not be told at length."""
_WORDS = phrasebook("es", "usted")
_ADVICE = {
    "self_harm": (
        "Antes que nada, escríbale o llámele usted. Ya se le han dado el 024 y el 112, que atienden a cualquier hora.",
        "No le hable de seguros.",
    ),
    "threat": ("Valore si hay que avisar a alguien más antes de contestar.",),
    "health": ("No le pregunte por su salud en este chat ni la apunte aquí: para eso está el cuestionario de la aseguradora.",),
    "medical_selection": ("Puede ofrecer el capital que necesita solo con las pruebas que pida la aseguradora.",),
    "occupation": ("Consulte con la aseguradora si acepta el riesgo y con qué recargo.",),
    "over_age": ("Mire si otro producto le sirve.",),
    "changed_after_acceptance": ("El precio se calculó con los datos de antes: mire qué ha cambiado antes de cerrar nada.",),
    "second_thoughts": ("Lea lo último que ha escrito antes de seguir: puede que ya no lo quiera, o que quiera otra opción.",),
    "language": ("Contéstele alguien que hable su idioma.",),
}
_MARKED = re.compile(r"([\\`*_\[\]<>~])")


class Notes:
    """Writes the notes. `dashboard_url` is where operators find the dashboard, "" when it has no public address."""

    def __init__(self, catalogue: Catalogue, *, timezone: str = "Europe/Madrid", dashboard_url: str = "") -> None:
        self._catalogue = catalogue
        self._zone = ZoneInfo(timezone)
        self._dashboard_url = dashboard_url.rstrip("/")

    def about(self, conversation: Conversation, reason: str, now: datetime, *, urgent: bool = False) -> str:
        """What whoever takes the lead over has to know. `reason` is that of the handoff; `accepted` is a sale."""
        chosen = chosen_quote(conversation)
        won = reason == ACCEPTED and chosen is not None
        sections = [
            self._title(conversation, reason, now, urgent=urgent),
            _list("Qué hacer ahora", self._to_do(conversation, chosen) if won else _ADVICE.get(reason, ())),
            _list("Qué se sabe", self._facts(conversation)),
            _list("Qué necesita", _need_lines(conversation)),
            self._options(conversation),
            _list("Objeciones", [OBJECTIONS[topic] for topic in objections(conversation)]),
            _list("Permisos", self._consents(conversation)),
            _list("Lo último que se ha dicho", _last_lines(conversation)),
            "" if won else f"**Qué queda abierto**\n{_open(conversation)}",
            self._price(chosen) if won and chosen else "",
            self._link(conversation),
        ]
        return "\n\n".join(section for section in sections if section)

    def heard(self, transcript: str) -> str:
        """What a voice note said, as it was written down by a machine."""
        return f"**Nota de voz, transcrita automáticamente**\n> {_plain(transcript, len(transcript))}"

    def _title(self, conversation: Conversation, reason: str, now: datetime, *, urgent: bool) -> str:
        chosen = chosen_quote(conversation)
        if reason == ACCEPTED and chosen:
            title = f"Solicitud aceptada. {option_of(chosen)}"
        else:
            why = REASONS.get(reason, _plain(reason))
            title = f"{'URGENTE. ' if urgent else ''}Para una persona del equipo: {why}"
        return f"**{title}**\n{self._moment(now)}. Fase: {STAGES[conversation.stage].within}."

    def _to_do(self, conversation: Conversation, chosen: StoredQuote | None) -> list[str]:
        missing = [_WORDS.say(f"label.{key}").lower() for key in MASKED if key not in conversation.profile]
        return [
            "Escribirle hoy por aquí para cerrar la contratación.",
            *([f"Pedirle lo que falta para los papeles: {_WORDS.listing(missing)}."] if missing else []),
            "Enviarle el cuestionario de salud de la aseguradora y la nota informativa previa.",
            f"Cerrarlo antes del {_WORDS.date(chosen.valid_until)}, que es hasta cuando vale el precio." if chosen else "",
            "Recordarle que tras la firma tiene 30 días para echarse atrás.",
        ]

    def _facts(self, conversation: Conversation) -> list[str]:
        known = [
            _fact(key, conversation.profile[key], conversation.profile_sources.get(key))
            for key in TOLD
            if key in conversation.profile
        ]
        return known + [f"{_detail_name(key)}: {_detail(value, key)}" for key, value in conversation.details.items()]

    def _options(self, conversation: Conversation) -> str:
        quotes, chosen = conversation.quotes, chosen_quote(conversation)
        if not quotes:
            return ""
        tariff, valid_until = quotes[0].tariff, _WORDS.date(quotes[0].valid_until)
        title = f"Opciones de {quotes[0].product_name}, tarifa {tariff}, válidas hasta el {valid_until}"
        lines = [f"{option_of(one)}{', elegida' if one is chosen else ''}. {self._covers(one)}" for one in quotes]
        return _list(title, lines)

    def _covers(self, shown: StoredQuote) -> str:
        names = _WORDS.listing([self._cover(name) for name in shown.coverages])
        return f"Cubre {names}. Al año, {_WORDS.money(shown.annual_premium)}."

    def _cover(self, name: str) -> str:
        """The name of a line of the receipt; what the tariff does not know any more keeps its own."""
        if name == "consorcio":
            return "recargo del Consorcio"
        terms, known = self._catalogue.book.tariff.covers.get(name), self._catalogue.book.coverages.get(name)
        if f"cover.{name}" in _WORDS:
            return _WORDS.say(f"cover.{name}", limit=_WORDS.money((terms and terms.sublimit) or 0))
        return known.name if known else name

    def _consents(self, conversation: Conversation) -> list[str]:
        return [self._consent(CONSENTS.get(name, name), consent) for name, consent in conversation.consents.items()]

    def _consent(self, name: str, consent: Consent) -> str:
        answer = "sí" if consent.given else "no"
        return f"{name}: {answer}, {self._moment(consent.at)}, texto {_plain(consent.text_version)}"

    def _price(self, chosen: StoredQuote) -> str:
        """How the premium came about: the receipt line by line, then every step as it was reckoned.

        "" when that was not kept and the tariff is there no more: the sale must not fail for that.
        """
        offer = chosen.offer() or self._priced_again(chosen)
        return f"{_list('De qué se compone la prima', self._receipt(offer))}\n\n{_steps(offer)}" if offer else ""

    def _priced_again(self, chosen: StoredQuote) -> Offer | None:
        """The offer of a quote that was kept without its working, or None."""
        try:
            offer = self._catalogue.reprice(chosen)
        except (DamagedCatalogue, ValueError):
            return None
        return None if isinstance(offer, Refusal) else offer

    def _receipt(self, offer: Offer) -> list[str]:
        lines = []
        for line in offer.working.lines:
            taxes = [f"{_exact(tax)} de {name}" for tax, name in _taxes(line.insurance_tax, line.lea_levy)]
            with_taxes = f" más {_WORDS.listing(taxes)}" if taxes else ""
            name = self._cover(line.name)
            lines.append(f"{name[:1].upper()}{name[1:]}: {_exact(line.premium)}{with_taxes}. Al mes, {_exact(line.monthly)}")
        surcharge = f"{offer.working.monthly_surcharge * 100:.1f}".rstrip("0").rstrip(".").replace(".", ",")
        total = f"Total: {_exact(offer.annual_premium)} al año o {_exact(offer.monthly_premium)} al mes"
        return [*lines, f"{total}, con un {surcharge} % de recargo por pagar cada mes"]

    def _link(self, conversation: Conversation) -> str:
        if not self._dashboard_url:
            return ""
        where = f"{self._dashboard_url}/conversations/{url_quoted(conversation.contact.key, safe='')}"
        return f"[Ver la conversación completa]({where})"

    def _moment(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%d/%m/%Y a las %H:%M}"


def _list(title: str, lines: Iterable[str]) -> str:
    points = [f"- {line}" for line in lines if line]
    return "\n".join((f"**{title}**", *points)) if points else ""


def _plain(text: str, longest: int = LONGEST_LINE) -> str:
    """Somebody else's words on one line, with nothing that Markdown would act upon."""
    words = " ".join(text.split())
    shown = f"{words[: longest - 1]}…" if len(words) > longest else words
    return _MARKED.sub(r"\\\1", shown)


def _fact(key: str, value: Any, source: ProfileSource | None) -> str:
    line = f"{_WORDS.say(f'label.{key}')}: {_plain(_WORDS.value(key, value))}"
    if source and source.replaced and source.by != "system":
        line += f" (antes: {_plain(_WORDS.value(key, source.replaced[-1]))})"
    return f"{line}, corregido por el equipo" if source and source.by == "human" else line


def _detail_name(key: str) -> str:
    label = next((name for name in (f"detail.{key}", f"label.{key}") if name in _WORDS), "")
    return _WORDS.say(label) if label else _plain(key.replace("_", " ").capitalize())


def _detail(value: Any, key: str = "") -> str:
    if isinstance(value, dict):
        parts = [f"{_detail_name(key).lower()} {_plain(_WORDS.value(key, inner))}" for key, inner in value.items()]
        return ", ".join(parts)
    if isinstance(value, list | tuple):
        return _WORDS.listing([_detail(one) for one in value])
    return _plain(_WORDS.value(key, value))


def _need_lines(conversation: Conversation) -> list[str]:
    need = conversation.need
    if not need:
        return []
    parts = need.parts
    named = {
        "Hipoteca": parts.mortgage,
        "Otras deudas": parts.debts,
        f"Ingresos de {need.years} años, al {need.income_share * 100:.0f} %": parts.income,
        "Estudios de los hijos": parts.education,
        "Menos lo ahorrado": parts.savings,
        "Menos lo que ya tiene asegurado": parts.existing_cover,
    }
    reckoned = [f"{name}: {_WORDS.money(abs(amount))}" for name, amount in named.items() if amount]
    return [f"Capital calculado: {_WORDS.money(need.capital)}", *reckoned]


def _last_lines(conversation: Conversation) -> list[str]:
    said = [line for line in conversation.history if line.text][-LINES_SHOWN:]
    return [f"{SPEAKERS.get(line.speaker, SPEAKERS['system'])}: {_line(line)}" for line in said]


def _line(line: Line) -> str:
    """What was said, without WhatsApp's bold where it is ours."""
    return _plain(line.text.replace("*", ""), LONGEST_OF_OURS) if line.speaker == "bot" else _plain(line.text)


def _open(conversation: Conversation) -> str:
    awaiting = conversation.awaiting or ""
    asked = awaiting.removeprefix("confirm:")
    if awaiting in AWAITED:
        return AWAITED[awaiting].missing
    if f"label.{asked}" not in _WORDS:
        return "No hay ninguna pregunta pendiente."
    label = _WORDS.say(f"label.{asked}").lower()
    return f"Falta que confirme este dato: {label}." if awaiting != asked else f"Falta que conteste a esto: {label}."


def _taxes(insurance_tax: Any, lea_levy: Any) -> list[tuple[Any, str]]:
    named = [(insurance_tax, "impuesto sobre primas"), (lea_levy, "recargo de liquidación")]
    return [(tax, name) for tax, name in named if tax]


def _exact(amount: Any) -> str:
    """An amount with its cents, as on a receipt."""
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,")) + " €"


def _steps(offer: Offer) -> str:
    return "\n".join(("**El cálculo, paso a paso** (en inglés, como lo da el tarifario)", "```", *explain(offer), "```"))
