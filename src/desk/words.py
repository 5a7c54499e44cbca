"""What codes of ours are called for people: stages, outcomes, reasons, temperatures and the rest, each in one row.

Spanish, as brokers read it in a CRM, in notes and on their pages; in English it stands in the pages' `english.toml`. The titles
of labels and the values that a CRM lists are promises: brokerages filter, report and automate by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from src.agent.state import Outcome, Stage

Temperature = Literal["caliente", "templado", "frio"]
Objection = Literal["price", "trust", "need", "timing", "competitor"]


class Label(msgspec.Struct, frozen=True):
    """A label of ours, as it is to be made in the CRM. `colour` is #rrggbb."""

    title: str
    description: str
    colour: str


class StageWords(msgspec.Struct, frozen=True):
    """`title` stands by itself, `short` where there is little room, `within` inside a sentence."""

    title: str
    short: str
    within: str
    label: Label


class OutcomeWords(msgspec.Struct, frozen=True):
    """`of_the_sale` is said of the conversation, `listed` is the CRM's value."""

    of_the_sale: str
    listed: str
    label: Label | None


STAGES: Mapping[Stage, StageWords] = {
    "INICIO": StageWords(
        "Primer contacto",
        "Saludo y permiso",
        "primer contacto",
        Label("inicio", "Primer contacto: todavía no ha dado permiso para usar sus datos", "#90a4ae"),
    ),
    "NEEDS_ANALYSIS": StageWords(
        "Preguntas sobre lo que necesita",
        "Qué necesita",
        "preguntas sobre lo que necesita",
        Label("needs_analysis", "El asistente está preguntando qué necesita", "#64b5f6"),
    ),
    "COTIZACION": StageWords(
        "Cálculo del precio",
        "Cálculo del precio",
        "cálculo del precio",
        Label("cotizacion", "Falta algo para poder dar un precio", "#1e88e5"),
    ),
    "PRESENTACION_PROPUESTA": StageWords(
        "Tiene la propuesta delante",
        "Propuesta",
        "propuesta",
        Label("presentacion_propuesta", "Tiene precios delante y está decidiendo", "#5e35b1"),
    ),
    "FINALIZADO": StageWords(
        "Venta terminada",
        "Cierre",
        "venta terminada",
        Label("finalizado", "La conversación de venta ha terminado", "#546e7a"),
    ),
}
TEMPERATURES: Mapping[Temperature, Label] = {
    "caliente": Label("lead-caliente", "Muy cerca de contratar", "#d32f2f"),
    "templado": Label("lead-templado", "Con interés: merece seguimiento", "#f57c00"),
    "frio": Label("lead-frio", "Sin interés claro, o terminado sin venta", "#0288d1"),
}
HANDED_OVER = Label("derivar", "Espera a una persona, o la está atendiendo una", "#c2185b")
"""Whoever a person talks to carries it, for as long as that lasts; the outcome `handed_over` needs none of its own."""
UNANSWERED = Label("sin-respuesta", "El último mensaje no le ha llegado: está esperando respuesta", "#e65100")
"""Until they write again, or a person does."""
OUTCOMES: Mapping[Outcome, OutcomeWords] = {
    "accepted": OutcomeWords(
        "aceptada",
        "aceptado",
        Label("aceptado", "Ha aceptado una opción: faltan cuestionario de salud y firma", "#2e7d32"),
    ),
    "declined": OutcomeWords("rechazada", "rechazado", Label("rechazado", "Ha dicho que no", "#757575")),
    "ineligible": OutcomeWords(
        "no asegurable",
        "no asegurable",
        Label("no-asegurable", "No se le puede ofrecer este seguro", "#6d4c41"),
    ),
    "opted_out": OutcomeWords("no quiere más mensajes", "baja", Label("baja", "Ha pedido que no se le escriba más", "#212121")),
    "consent_refused": OutcomeWords(
        "sin permiso para usar sus datos",
        "sin consentimiento",
        Label("sin-consentimiento", "No ha dado permiso para usar sus datos", "#9e9e9e"),
    ),
    "handed_over": OutcomeWords("la lleva una persona", "en manos de una persona", None),
    "expired": OutcomeWords(
        "el precio ha caducado",
        "propuesta caducada",
        Label("caducado", "Los precios de su propuesta ya no valen", "#8d6e63"),
    ),
}
LABELS = (
    *(words.label for words in STAGES.values()),
    *TEMPERATURES.values(),
    HANDED_OVER,
    UNANSWERED,
    *(words.label for words in OUTCOMES.values() if words.label),
)
"""Every label that this program sets or takes away; all others are left as people set them."""
REASONS: Mapping[str, str] = {
    "asked": "ha pedido hablar con una persona",
    "health": "ha contado algo de su salud (no se guarda)",
    "medical_selection": "el capital necesita selección médica",
    "occupation": "trabajo o deporte de riesgo",
    "over_age": "supera la edad de contratación",
    "not_understood": "el asistente no le entendía",
    "language": "escribe en un idioma que el asistente no habla",
    "abuse": "insultos",
    "threat": "amenazas",
    "self_harm": "posible riesgo para su vida",
    "claim": "comunica un fallecimiento o un siniestro",
    "policy": "pregunta por una póliza que ya tiene",
    "renewal": "pregunta por la renovación de su póliza",
    "cancellation": "quiere cancelar una póliza",
    "other_insurance": "busca otro seguro, no uno de vida",
    "supplier": "escribe como proveedor",
    "job": "busca trabajo",
    "bot_failed": "fallo técnico del asistente",
    "operator": "una persona ha tomado la conversación",
    "accepted": "ha aceptado una opción",
    "changed_after_acceptance": "ha cambiado un dato después de aceptar",
    "second_thoughts": "quiere otra cosa después de aceptar",
    "call_due": "ha llegado la hora a la que quería que le llamaran",
}
"""By `HandoffReason`."""
OBJECTIONS: Mapping[str, str] = {
    "price": "el precio",
    "trust": "la confianza",
    "need": "si lo necesita",
    "timing": "el momento",
    "competitor": "otra oferta",
}
"""By `Objection`."""
CONSENTS = {"quote": "Uso de sus datos para el presupuesto", "follow_up": "Que se le escriba más adelante"}
SPEAKERS = {"prospect": "Cliente", "bot": "Asistente", "human": "Equipo", "system": "Sistema"}


class Awaited(msgspec.Struct, frozen=True):
    """What the sale waits for besides values of the profile: as the next step, and as what is still missing."""

    next_step: str
    missing: str


AWAITED = {
    "consent": Awaited("Que dé permiso para usar sus datos", "Falta su permiso para usar sus datos."),
    "choice": Awaited("Que elija una opción", "Tiene las opciones delante y falta que elija una."),
    "accept": Awaited("Que confirme la opción elegida", "Ha elegido una opción y falta que la confirme."),
}
