"""What somebody wants with a message, apart from the facts in it: one table of rules, most urgent first."""

from __future__ import annotations

import re
from dataclasses import dataclass

from src.agent.understanding.reading import Intent, IntentName
from src.agent.understanding.wording import Wording


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern on the comparable form that means this intent."""

    name: IntentName
    topic: str
    pattern: re.Pattern[str]
    confidence: float = 0.95


def _rule(name: IntentName, pattern: str, topic: str = "", confidence: float = 0.95) -> Rule:
    return Rule(name, topic, re.compile(pattern), confidence)


RULES: tuple[Rule, ...] = (
    _rule("self_harm", r"\b(?:me (?:mato|quiero matar|voy a matar|suicido|quito la vida|tiro)\b|quiero (?:morir(?:me)?|matarme|suicidarme)|suicidarme|quitarme la vida|no quiero (?:seguir )?vivir|acabar con (?:mi vida|todo))"),
    _rule("health", r"\[cancer superado hace mas de 5 anos\]", "cancer_over_5_years"),
    _rule("health", r"\[dato de salud\]", "other"),
    _rule("sensitive_ids", r"\[(?:dni|iban|tarjeta)\]"),
    _rule("opt_out", r"^\W*(?:baja|stop|unsubscribe)\W*$|\bno me (?:escrib|mand|contact|molest|envi|llam)\w+ mas\b|\bdejad? de (?:escribirme|molestar|mandarme)"),
    _rule("human", r"\b(?:hablar|habla|hable|pasame|paseme|ponme|llamadme|llamame|llamen|atienda|contactar)\b.{0,30}\b(?:persona|humano|alguien|agente|asesor|operador|comercial|gestor)\b|\b(?:una persona|un humano|un agente|un asesor)\b(?=.{0,12}$)"),
    _rule("injection", r"\b(?:ignora|olvida|ignore|forget)\b.{0,30}\b(?:instrucciones|reglas|instructions|rules|prompt)|\bsystem ?:|\bprompt\b|\bdeveloper mode\b"),
    _rule("are_you_a_robot", r"\b(?:eres|es|hablo con|sos)\b.{0,25}\b(?:robot|bot|maquina|persona real|humano|ia|inteligencia artificial)\b"),
    _rule("data_erase", r"\b(?:borra|borrad|elimina|eliminad|suprim)\w*\b.{0,25}\b(?:todo|datos|conversacion|informacion)\b|\bborralo todo\b"),
    _rule("data_copy", r"\b(?:que datos|copia de mis datos|mis datos)\b"),
    _rule("restart", r"\b(?:empezar de nuevo|empezamos de nuevo|empezar de cero|desde cero|reiniciar|volver a empezar)\b"),
    _rule("greeting", r"^\W*(?:hola|buenas|buenos dias|hey|hello|hi|que tal|bon dia|👋)"),
    _rule("thanks", r"\b(?:gracias|thanks|thank you)\b"),
    _rule("bye", r"\b(?:adios|hasta luego|chao|bye|nos vemos)\b"),
    _rule("objection", r"\b(?:caro|carisimo|mucho dinero|es mucho|barato)\b", "price"),
    _rule("accept", r"\b(?:lo contrato|contratar|me la quedo|me lo quedo|acepto la|lo acepto|me interesa esa)\b"),
    _rule("decline", r"\bno me interesa\b"),
    _rule("dont_know", r"\bno (?:lo )?se\b"),
    _rule("question", r"\b(?:cuanto (?:cuesta|seria|vale|sale|pagaria)|precio)\b", "price"),
)


def read_intents(wording: Wording) -> list[Intent]:
    """Every intent the rules find, in the order of the table."""
    found: list[Intent] = []
    for rule in RULES:
        match = rule.pattern.search(wording.plain)
        if match:
            found.append(Intent(rule.name, rule.topic, rule.confidence, wording.evidence(*match.span())))
    return found
