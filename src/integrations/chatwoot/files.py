"""Files that humans attach in Chatwoot, on their way to WhatsApp: fetched there, stored at Meta, sent by their id at Meta.

By link Meta would have to reach Chatwoot, which often sits where only its people do. So a link is what remains for a file
that we may not or cannot fetch. Facts: Meta, "Media" (sizes and types); Chatwoot shows a file by an address of its own
that leads on to where files are stored.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import msgspec
import requests

from src.errors import Rejected, TemporaryFailure
from src.integrations.http import AllowedHosts, Answer, Outgoing, new_session
from src.messages import Content, ContentKind

VENDOR = "chatwoot"
LARGEST_BYTES = 40 * 1024 * 1024
"""What Chatwoot takes by default; it is held in memory here."""
FETCH_S = 20.0
_HOPS = 4
_REMEMBERED = 256
_REDIRECTS = (301, 302, 303, 307, 308)
_MB = 1024 * 1024
_SHOWN_AS: dict[str, tuple[ContentKind, int]] = {
    "image/jpeg": ("image", 5 * _MB),
    "image/png": ("image", 5 * _MB),
    "video/mp4": ("video", 16 * _MB),
    "video/3gpp": ("video", 16 * _MB),
    "audio/aac": ("audio", 16 * _MB),
    "audio/amr": ("audio", 16 * _MB),
    "audio/mpeg": ("audio", 16 * _MB),
    "audio/mp4": ("audio", 16 * _MB),
    "audio/ogg": ("audio", 16 * _MB),
}
"""What WhatsApp shows as more than a document, and up to which size."""

_UNPLAYABLE = ("audio/webm", "video/webm")
"""What browsers record: no phone plays it, also not as a document."""

Upload = Callable[[bytes, str, str], str]
"""Stores bytes of a type under a name at the vendor; the id they have there. May raise IntegrationError."""


class ChatwootFiles:
    """Files of the Chatwoot at `base_url`, made ready to be sent. Shared by threads; constructing connects nowhere."""

    def __init__(
        self, base_url: str, upload: Upload, *, session_factory: Callable[..., requests.Session] = new_session
    ) -> None:
        self._base_url, self._upload = base_url, upload
        self._http = Outgoing(VENDOR, session_factory)
        self._ready: OrderedDict[str, Content] = OrderedDict()
        self._lock = threading.Lock()

    def ready(self, content: Content) -> Content:
        """The content with its file stored at Meta; unchanged when it has none of Chatwoot's.

        A file is stored once, so that a second attempt has it at hand. Raises TemporaryFailure, and Rejected with the
        code `file` or `file_webm`, by which the people in Chatwoot are told.
        """
        if not content.link or content.kind not in ("image", "audio", "video", "document"):
            return content
        if _origin(content.link) != _origin(self._base_url):
            return content
        with self._lock:
            known = self._ready.get(content.link)
        if known is None:
            known = self._stored(content)
            with self._lock:
                self._ready[content.link] = known
                while len(self._ready) > _REMEMBERED:
                    self._ready.popitem(last=False)
        # What was put beside the file belongs to this message.
        return msgspec.structs.replace(known, text=content.text, reply_to=content.reply_to)

    def _stored(self, content: Content) -> Content:
        try:
            answer = fetched(self._http, self._base_url, content.link)
        except Rejected:
            if content.link.startswith("https://"):
                return content  # Meta may be let in where we are not, and takes larger documents
            raise
        mime = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower() or "application/octet-stream"
        if mime in _UNPLAYABLE:
            raise _refused("WhatsApp plays no webm", code="file_webm")
        kind, limit = _SHOWN_AS.get(mime, ("document", LARGEST_BYTES))
        if len(answer.body) > limit:
            kind = "document"
        if not answer.body:
            raise _refused("the file is empty")
        filename = content.filename or "archivo"
        media_id = self._upload(answer.body, mime, filename)
        return Content(kind=kind, media_id=media_id, mime_type=mime, filename=filename)


def fetched(http: Outgoing, base_url: str, url: str, *, max_bytes: int = LARGEST_BYTES) -> Answer:
    """A file of the Chatwoot at `base_url`, by whatever way it points: to itself, or to a store with a public address.

    Raises TemporaryFailure, and Rejected when it cannot be had or is larger than `max_bytes`.
    """
    if _origin(url) != _origin(base_url):
        raise _refused("the file is not Chatwoot's")
    deadline_s = time.monotonic() + FETCH_S
    for _ in range(_HOPS):
        answer = http.fetch(
            "file",
            url,
            allowed=AllowedHosts(frozenset({urlsplit(url).hostname or ""}), home=base_url),
            timeout_s=max(0.1, deadline_s - time.monotonic()),
            headers={},  # the address itself is the key to the file
            max_bytes=max_bytes,
        )
        if answer.status not in _REDIRECTS:
            break
        url = urljoin(url, answer.headers.get("Location", ""))
    if answer.status == 200:
        return answer
    if answer.status in (408, 425, 429) or answer.status >= 500:
        raise TemporaryFailure(VENDOR, "file", status=answer.status, retry_after_s=answer.retry_after_s)
    raise _refused("the file is not there", answer.status)


def _refused(detail: str, status: int = 0, code: str = "file") -> Rejected:
    return Rejected(VENDOR, "file", status=status, vendor_code=code, detail=detail)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", None, None
