"""A lead on one small card, for whoever has its conversation open in the CRM: words in Spanish, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from src.agent.texts import phrasebook
from src.desk.lead import option_line
from src.desk.words import AWAITED, OUTCOMES, REASONS, STAGES

_WORDS = phrasebook("es", "usted")


class Card(msgspec.Struct, frozen=True):
    """`owner` is bot or human; the rest is to be read. `why` says why a person has it, or what did not arrive;
    `quotes` are one line each, `next_step` is what a person there would do now."""

    title: str
    stage: str
    owner: str
    why: str
    facts: list[str]
    need: str
    quotes: list[str]
    next_step: str


def card_of(shown: Mapping[str, Any]) -> Card:
    """The card of a conversation as the desk shows it."""
    profile, outcome = shown["profile"], shown["outcome"]
    stage = STAGES[shown["stage"]].title
    need = shown["need"]
    return Card(
        title=str(profile.get("name") or shown["contact"]["name"] or "Sin nombre todavía"),
        stage=f"{stage}: {OUTCOMES[outcome].of_the_sale}" if outcome else stage,
        owner=shown["owner"],
        why=_why(shown),
        facts=[f"{_WORDS.say(f'label.{key}')}: {_WORDS.value(key, value)}" for key, value in profile.items()],
        need=f"{_WORDS.money(need['capital'])} de capital" if need else "",
        quotes=[
            f"{_option(quote)}{' (elegida)' if quote['id'] == shown['selected_quote'] else ''}" for quote in shown["quotes"]
        ],
        next_step=_persons_step(shown) or _next_step(shown["awaiting"] or ""),
    )


def _why(shown: Mapping[str, Any]) -> str:
    handoff = shown["handoff"]
    reason = REASONS.get(handoff["reason"], "") if handoff else ""
    failed = [row["error"]["reason"] for row in shown["messages"] if row.get("error")]
    lost = f"El último mensaje no le ha llegado: {failed[-1]}" if shown["unanswered"] == "undelivered" and failed else ""
    return ". ".join(part for part in (f"{reason[:1].upper()}{reason[1:]}", lost) if part)


def _persons_step(shown: Mapping[str, Any]) -> str:
    """What a person is to do before the sale goes on; nothing when it is the bot's turn."""
    if shown["outcome"] == "accepted":
        return "Enviarle el cuestionario de salud y la documentación para firmar"
    if shown["unanswered"] == "undelivered":
        return "Llamarle, o escribirle con una plantilla"
    if shown["owner"] != "human":
        return ""
    spoke = next((row["role"] for row in reversed(shown["messages"]) if row["role"] in ("prospect", "human")), "")
    return (
        "Contestarle: el último mensaje es suyo" if spoke == "prospect" else "Esperar a que conteste, o devolverlo al asistente"
    )


def _option(quote: Mapping[str, Any]) -> str:
    return option_line(quote["tier"], quote["sum_assured"], quote["monthly_premium"])


def _next_step(awaiting: str) -> str:
    key = awaiting.removeprefix("confirm:")
    if not awaiting:
        return "Nada pendiente"
    if awaiting in AWAITED:
        return AWAITED[awaiting].next_step
    label = _WORDS.say(f"label.{key}").lower() if f"label.{key}" in _WORDS else key
    return f"Que {'confirme' if awaiting != key else 'diga'} este dato: {label}"
