"""How our people and our messages look in Chatwoot: their ids there, the marker on all that we write, texts fit to be stored.

Whoever reads Chatwoot's events recognises our own writing by the marker; whoever writes there makes texts here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from src.desk.crm import File, Mirrored
from src.desk.jobs import FROM_CRM, crm_message_id
from src.messages import Contact

MARKER = "iagente_id"
"""The key of `content_attributes` that holds the id of the message or note here. Nobody else writes it."""
SOURCE_PREFIX = "wa:"
TEXT_LIMIT = 150_000
FILES_LIMIT = 15
"""Characters and files that Chatwoot takes in one message."""
NAME_LIMIT = 255

_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LIQUID = re.compile(r"\{(?=[{%`])")
_WORD_JOINER = "\u2060"
_MIME = re.compile(r"[a-z0-9.+-]{1,64}/[a-z0-9.+-]{1,64}(?:; ?[a-z]+=[a-z0-9.+-]+)?")
_CUT = "…"

_KINDS = {
    "image": "🖼️ Imagen",
    "audio": "🎤 Audio",
    "video": "🎬 Vídeo",
    "document": "📄 Documento",
    "sticker": "Sticker",
    "location": "📍 Ubicación",
    "contacts": "👤 Contacto",
    "reaction": "Reacción",
    "order": "🛒 Pedido",
    "system": "Aviso de WhatsApp",
    "edit": "✏️ Mensaje corregido",
    "revoke": "🗑️ Mensaje eliminado",
    "unsupported": "Mensaje que WhatsApp no deja ver aquí",
    "unknown": "Mensaje de un tipo desconocido",
    "welcome": "👋 Ha abierto el chat",
    "template": "Plantilla",
}
"""What stands before the words of a message that is more than words. Kinds that are not here are words only."""
_SHOWN_BY_FILE = ("image", "audio", "video", "document", "sticker")


OURS_PREFIX = "ia:"
"""How the `source_id` begins of what we write out there: our id follows. What people wrote bears the vendor's."""


def quote_of(reply_to: str) -> dict[str, Any]:
    """How Chatwoot is told which message is quoted, by our id or the vendor's; it finds the other one itself."""
    if number := crm_message_id(reply_to):
        return {"in_reply_to": int(number)}
    return {"in_reply_to_external_id": reply_to if reply_to.startswith("wamid.") else OURS_PREFIX + reply_to}


def quoted_in(attributes: Mapping[str, Any]) -> str:
    """Which message somebody quotes there: the vendor's id of a person's, our id of anybody else's; "" for none."""
    external, number = attributes.get("in_reply_to_external_id"), attributes.get("in_reply_to")
    if isinstance(external, str) and 0 < len(external) <= 255:
        return external.removeprefix(OURS_PREFIX)
    return f"{FROM_CRM}{number}" if str(number).isdigit() and number else ""


def source_id_of(contact: Contact) -> str:
    """The id that names a person in our inbox for ever."""
    way, _, address = contact.key.partition(":")
    return SOURCE_PREFIX + (contact.key if "@" in way else address)  # whoever writes to two lines is there twice


def contact_key_of(source_id: str) -> str | None:
    """Whose that id is, as a contact key; None when it was not made by us."""
    address = source_id.removeprefix(SOURCE_PREFIX)
    if not address or address == source_id:
        return None
    return address if "@" in address.partition(":")[0] else f"whatsapp:{address}"


def text_of(message: Mirrored, files: Sequence[File]) -> str:
    """The words of a message as agents are to read them; never empty unless a file says it all."""
    label = "" if files and message.kind in _SHOWN_BY_FILE else _KINDS.get(message.kind, "")
    words = ": ".join(part for part in (label, message.text.strip()) if part)
    return words or ("" if files else "(mensaje vacío)")


def escaped(text: str) -> str:
    """The same to the eye, but nothing for Liquid, by which Chatwoot renders whatever goes out, as in `{{contact.email}}`.

    Also between backticks, where Chatwoot itself would leave it alone: a `{% endraw %}` there would end that. And before one,
    because Chatwoot puts a `{% raw %}` there, with which the brace would begin something.
    """
    return _LIQUID.sub("{" + _WORD_JOINER, text)


def storable(text: str) -> str:
    """The text without what Postgres cannot keep, cut to what one message may hold."""
    text = _UNSTORABLE.sub("", text)
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - len(_CUT)] + _CUT


def request_of(fields: Mapping[str, Any], files: Sequence[File]) -> dict[str, Any]:
    """The fields of a message as a request takes them: JSON, or a form when there are files."""
    if not files:
        return {"json": fields}
    form = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
    return {"data": form, "files": [("attachments[]", (_filename(file), file.data, _mime(file))) for file in files]}


def _filename(file: File) -> str:
    return re.sub(r"[^\w. ()-]", "_", file.filename)[-100:].strip(" .") or "archivo"


def _mime(file: File) -> str:
    mime = file.mime_type.lower()
    return mime if _MIME.fullmatch(mime) else "application/octet-stream"
