"""Why a message did not reach somebody, in plain words for those who wrote it or read the conversation."""

from __future__ import annotations

PASSING = frozenset(
    # Meta's, and from 20429 on Twilio's
    ("1", "2", "4", "80007", "130429", "131000", "131016", "131056", "131057", "133004", "20429", "63012", "63018")
)
"""What may go well another time."""
MOST_RESENDS = 3
"""So often it is tried again what the vendor took and then did not deliver."""
_REASONS = {
    "131047": "Han pasado más de 24 horas desde su último mensaje: WhatsApp solo admite ahora una plantilla.",
    "131026": "WhatsApp no puede entregarle mensajes a este número.",
    "131049": "WhatsApp ha decidido no entregarlo, para no cansar a esta persona: prueba mañana, o llama.",
    "130472": "WhatsApp no entrega mensajes de empresa a este número durante una prueba suya.",
    "131048": "WhatsApp ha limitado este número porque hay quien lo ha marcado como spam.",
    "131050": "Esta persona no quiere recibir publicidad por WhatsApp.",
    "131000": "WhatsApp ha fallado al entregarlo.",
    "131016": "WhatsApp no estaba disponible.",
    "130429": "Se han enviado demasiados mensajes a la vez.",
    "63013": "WhatsApp no lo ha entregado porque va contra sus normas.",
    "63018": "Se han enviado demasiados mensajes a la vez.",
    "63003": "Este número no tiene WhatsApp.",
    "63005": "WhatsApp no acepta este contenido.",
    "63024": "WhatsApp no puede entregarle mensajes a este número.",
    "21610": "Esta persona ha pedido que no se le escriba.",
    "withheld": "No se ha enviado: la conversación ya la llevaba una persona.",
    "too_late": "No se ha podido entregar en un día.",
    "no_channel": "Este canal no está configurado.",
    "file": "El archivo no se ha podido enviar.",
    "file_webm": "WhatsApp no reproduce grabaciones del navegador (webm): mándala en mp3 u ogg.",
    "unreadable": "Estaba guardado de forma que no se puede leer.",
}
_REASONS |= {"window_closed": _REASONS["131047"], "63016": _REASONS["131047"], "131057": _REASONS["131016"]}
_REASONS |= {"131056": _REASONS["130429"], "63012": _REASONS["131016"]}


def first_code(codes: str) -> str:
    """The code that tells the most of several, as they are stored: separated by commas."""
    return codes.partition(",")[0]


def is_passing(codes: str) -> bool:
    """Whether what failed with these codes may be tried again."""
    return first_code(codes) in PASSING


def reason_of(codes: str) -> str:
    """What the codes of a failed message mean; nothing when there are none."""
    return _REASONS.get(first_code(codes), f"WhatsApp no lo ha aceptado (código {codes})." if codes else "")
