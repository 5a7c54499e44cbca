"""Where each part of a turn may go on: what the graph is made of, for who draws it without running it."""

from __future__ import annotations

from src.agent.state import STAGES

WAYS: dict[str, tuple[str, ...]] = {
    "guarding_in": ("reading", "guarding_out"),
    "reading": ("duties",),
    "duties": (*STAGES, "guarding_out"),
    "INICIO": ("NEEDS_ANALYSIS", "guarding_out"),
    "NEEDS_ANALYSIS": ("COTIZACION", "guarding_out"),
    "COTIZACION": ("PRESENTACION_PROPUESTA", "guarding_out"),
    "PRESENTACION_PROPUESTA": ("COTIZACION", "FINALIZADO", "guarding_out"),
    "FINALIZADO": ("INICIO", "NEEDS_ANALYSIS", "PRESENTACION_PROPUESTA", "guarding_out"),
}
