"""TwiML: what a webhook of Twilio's may be answered with, so that the reply goes out with the response itself.

Facts are from Twilio's "TwiML for Programmable Messaging".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from src.integrations.twilio.contents import written_out
from src.integrations.twilio.payloads import OUTBOX_ID
from src.messages import Content, Outbound

MIME = "text/xml"
BODY_LIMIT = 1600
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FILES = ("image", "audio", "video", "document", "sticker")


def can_say(content: Content) -> bool:
    """Whether TwiML has words for it: text, choices as text, and files by their address."""
    return content.kind in ("text", "buttons", "list", "cta_url") or (content.kind in _FILES and bool(content.link))


def twiml(messages: Sequence[Outbound], *, status_url: str = "") -> str:
    """The response that says these. Statuses of each come to `status_url`, which says of which; none without one."""
    said = "".join(_message(outbound, status_url) for outbound in messages)
    return f'<?xml version="1.0" encoding="UTF-8"?>{f"<Response>{said}</Response>" if said else "<Response/>"}'


def _message(outbound: Outbound, status_url: str) -> str:
    content = outbound.content
    callback = quoteattr(f"{status_url}?{urlencode({OUTBOX_ID: outbound.id})}") if status_url else ""
    told = f" statusCallback={callback}" if callback else ""
    text = content.text if content.kind in _FILES else written_out(content)
    body = f"<Body>{_safe(text[:BODY_LIMIT])}</Body>" if text else ""
    media = f"<Media>{_safe(content.link)}</Media>" if content.kind in _FILES else ""
    return f"<Message{told}>{body}{media}</Message>"


def _safe(text: str) -> str:
    return escape(_NO_XML.sub("", text))
