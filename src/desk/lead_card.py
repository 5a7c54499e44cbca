"""A lead on one small card, for whoever has its conversation open in the CRM: words in Spanish, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from src.agent.texts import phrasebook
from src.desk.lead import option_line

_WORDS = phrasebook("es", "usted")
_STAGES = {
    "INICIO": "Primer contacto",
    "NEEDS_ANALYSIS": "Preguntas sobre lo que necesita",
    "COTIZACION": "Cálculo del precio",
    "PRESENTACION_PROPUESTA": "Tiene la propuesta delante",
    "FINALIZADO": "Venta terminada",
}
_OUTCOMES = {
    "accepted": "aceptada",
    "declined": "rechazada",
    "ineligible": "no asegurable",
    "opted_out": "no quiere más mensajes",
    "consent_refused": "sin permiso para usar sus datos",
    "handed_over": "la lleva una persona",
    "expired": "el precio ha caducado",
}
_NEXT = {
    "consent": "Que dé permiso para usar sus datos",
    "choice": "Que elija una opción",
    "accept": "Que confirme la opción elegida",
}


class Card(msgspec.Struct, frozen=True):
    """`owner` is bot or human; the rest is to be read. `quotes` are one line each, `next_step` what the sale waits for."""

    title: str
    stage: str
    owner: str
    facts: list[str]
    need: str
    quotes: list[str]
    next_step: str


def card_of(shown: Mapping[str, Any]) -> Card:
    """The card of a conversation as the desk shows it."""
    profile, outcome = shown["profile"], shown["outcome"]
    stage = _STAGES[shown["stage"]]
    need = shown["need"]
    return Card(
        title=str(profile.get("name") or shown["contact"]["name"] or "Sin nombre todavía"),
        stage=f"{stage}: {_OUTCOMES.get(outcome, outcome)}" if outcome else stage,
        owner=shown["owner"],
        facts=[f"{_WORDS.say(f'label.{key}')}: {_WORDS.value(key, value)}" for key, value in profile.items()],
        need=f"{_WORDS.money(need['capital'])} de capital" if need else "",
        quotes=[
            f"{option_line(quote)}{' (elegida)' if quote['id'] == shown['selected_quote'] else ''}" for quote in shown["quotes"]
        ],
        next_step=_next_step(shown["awaiting"] or ""),
    )


def _next_step(awaiting: str) -> str:
    key = awaiting.removeprefix("confirm:")
    if not awaiting or awaiting in _NEXT:
        return _NEXT.get(awaiting, "Nada pendiente")
    label = _WORDS.say(f"label.{key}").lower() if f"label.{key}" in _WORDS else key
    return f"Que {'confirme' if awaiting != key else 'diga'} este dato: {label}"
