"""Why a message did not reach somebody, in plain words for those who wrote it or read the conversation."""

from __future__ import annotations

_REASONS = {
    "131047": "Han pasado más de 24 horas desde su último mensaje: WhatsApp solo admite ahora una plantilla.",
    "131026": "WhatsApp no puede entregarle mensajes a este número.",
    "withheld": "No se ha enviado: la conversación ya la llevaba una persona.",
    "too_late": "No se ha podido entregar en un día.",
    "no_channel": "Este canal no está configurado.",
    "file": "El archivo no se ha podido enviar.",
    "unreadable": "Estaba guardado de forma que no se puede leer.",
}
_REASONS |= {"window_closed": _REASONS["131047"], "63016": _REASONS["131047"]}


def first_code(codes: str) -> str:
    """The code that tells the most of several, as they are stored: separated by commas."""
    return codes.partition(",")[0]


def reason_of(codes: str) -> str:
    """What the codes of a failed message mean; nothing when there are none."""
    return _REASONS.get(first_code(codes), f"WhatsApp no lo ha aceptado (código {codes})." if codes else "")
