"""Speaking to people on WhatsApp through Twilio: messages, files, templates, and what each refusal means.

Facts are from Twilio's "Messages" resource, "Content API" and error dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
import requests

from src.desk.crm import File
from src.errors import AccessDenied, IntegrationError, PermanentFailure, Rejected, TemporaryFailure, Unreachable, WindowClosed
from src.integrations.http import AllowedHosts, Answer, Outgoing, new_session
from src.integrations.parts import split_text
from src.integrations.twilio.payloads import OUTBOX_ID
from src.messages import Contact, Content, Media, Outbound, Template

VENDOR = "twilio"
API_BASE = "https://api.twilio.com"
CONTENT_BASE, TYPING_BASE = "https://content.twilio.com", "https://messaging.twilio.com"
MEDIA_HOSTS = frozenset({"api.twilio.com", "mcs.us1.twilio.com", "media.twiliocdn.com"})
BODY_LIMIT = 1600
_CONTENT_PAGE = 500
_SID = re.compile(r"[A-Za-z0-9]{2,64}")

# Twilio's error codes by what they mean for us.
_TEMPORARY = frozenset({20429, 20500, 20503, 63012, 63017, 63018, 63038})
_DENIED = frozenset({20003, 20005, 20403, 20404, 21212, 21606, 63007, 63010})
_UNREACHABLE = frozenset({21211, 21610, 21614, 63003, 63024, 63032})
_WINDOW_CLOSED = 63016


class TwilioClient:
    """One WhatsApp sender at Twilio. Constructing never connects; threads share it.

    Statuses come to `status_url`; without one (no public address) nothing is heard of a message after it was taken. Every
    call raises TemporaryFailure or one of PermanentFailure's children, and nothing else.
    """

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        sender: str,
        base_url: str = API_BASE,
        status_url: str = "",
        session_factory: Callable[..., requests.Session] = new_session,
        timeout_s: float = 6.0,
    ) -> None:
        self._account, self._sender, self._timeout_s = account_sid, sender, timeout_s
        self._base, self._status_url = base_url.rstrip("/"), status_url
        own_host = self._base != API_BASE
        self._content_base = self._base if own_host else CONTENT_BASE
        self._typing_base = self._base if own_host else TYPING_BASE
        self._headers = {"Authorization": requests.auth._basic_auth_str(account_sid, auth_token)}
        self._allowed = AllowedHosts(MEDIA_HOSTS, home=base_url)
        self._http = Outgoing(VENDOR, session_factory)

    @property
    def number(self) -> str:
        """The sender's address, which its limits belong to."""
        return self._sender

    @property
    def confirms(self) -> bool:
        """Statuses follow every send, and a 24 h window holds."""
        return True

    def parts(self, content: Content) -> Sequence[Content]:
        """The same content in as many messages as Twilio's limit asks for; what can be chosen is written below the text."""
        if content.kind in ("template", "reaction"):
            return [content]
        if content.kind in ("text", "buttons", "list", "cta_url"):
            return [Content(text=part) for part in split_text(_written_out(content), BODY_LIMIT)]
        caption, *rest = split_text(content.text, BODY_LIMIT) or [""]
        return [msgspec.structs.replace(content, text=caption), *(Content(text=part) for part in rest)]

    def send(self, outbound: Outbound, *, opaque: str, timeout_s: float | None = None) -> str:
        """Send one message; Twilio's id of it. Taken is not delivered: statuses follow.

        Twilio knows no idempotency key: after a TemporaryFailure with `maybe_done` a second try may be a second message.
        `opaque` ends in our id of the message: it travels in the address for statuses, the person does not.
        """
        form = {"From": self._sender, "To": _address(outbound.contact), **self._message(outbound.content)}
        if self._status_url:
            form["StatusCallback"] = f"{self._status_url}?{urlencode({OUTBOX_ID: opaque.rpartition(' ')[2]})}"
        answer = self._call("send", "POST", self._of_account("Messages"), timeout_s, data=form)
        sid = answer.json_object().get("sid")
        if not isinstance(sid, str) or not _SID.fullmatch(sid):
            raise TemporaryFailure(VENDOR, "send", status=answer.status, detail="no message id", maybe_done=True)
        return sid

    def mark_read(self, message_id: str, *, typing: bool) -> None:
        """Shows the typing indicator, which marks the message as read. Twilio has no mark alone."""
        if typing and _SID.fullmatch(message_id):
            form = {"messageId": message_id, "channel": "whatsapp"}
            self._call("mark_read", "POST", f"{self._typing_base}/v3/Indicators/Typing.json", None, data=form)

    def download(self, media: Media, *, max_bytes: int) -> File:
        """The bytes of a file that somebody sent. Raises Rejected when larger than `max_bytes`."""
        answer = self._http.fetch(
            "download", media.url, allowed=self._allowed, timeout_s=self._timeout_s, headers=self._headers, max_bytes=max_bytes
        )
        if answer.status in (301, 302, 303, 307, 308):  # to the file itself; its address is a secret, ours is not needed
            location = answer.headers.get("Location", "")
            answer = self._http.fetch(
                "download", location, allowed=self._allowed, timeout_s=self._timeout_s, headers={}, max_bytes=max_bytes
            )
        if answer.status != 200:
            raise _failure("download", answer)
        mime = media.mime_type or answer.headers.get("Content-Type", "").lower()
        return File(data=answer.body, filename=media.filename, mime_type=mime)

    def check(self) -> dict[str, str]:
        """Ask Twilio about the account, as a live test of its credentials."""
        found = self._call("check", "GET", f"{self._base}/2010-04-01/Accounts/{self._account}.json", None).json_object()
        return {key: value for key in ("friendly_name", "status", "type") if isinstance(value := found.get(key), str)}

    def _message(self, content: Content) -> dict[str, Any]:
        if content.kind == "template" and content.template is not None:
            variables = {str(n): value for n, value in enumerate(_parameters(content.template), start=1)}
            sid = self._content_sid(content.template)
            return {"ContentSid": sid, "ContentVariables": msgspec.json.encode(variables).decode()}
        if content.kind == "reaction":
            raise Rejected(VENDOR, "send", detail="Twilio sends no reactions")
        if content.kind in ("image", "audio", "video", "document", "sticker"):
            if not content.link:
                raise Rejected(VENDOR, "send", detail="a file goes out by its address only")
            return {"MediaUrl": content.link, **({"Body": content.text} if content.text else {})}
        return {"Body": _written_out(content)}

    def _content_sid(self, template: Template) -> str:
        """Templates are known here by their names, at Twilio by ids."""
        url = f"{self._content_base}/v1/Content"
        listed = self._call("templates", "GET", url, None, params={"PageSize": _CONTENT_PAGE}).json_object().get("contents")
        rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
        named = [row for row in rows if row.get("friendly_name") == template.name and isinstance(row.get("sid"), str)]
        in_language = [row for row in named if str(row.get("language", "")).replace("-", "_") == template.language]
        if not named:
            raise Rejected(VENDOR, "send", detail="no template has that name")
        return str((in_language or named)[0]["sid"])

    def _of_account(self, resource: str) -> str:
        return f"{self._base}/2010-04-01/Accounts/{self._account}/{resource}.json"

    def _call(self, action: str, method: str, url: str, timeout_s: float | None, **content: Any) -> Answer:
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        answer = self._http.call(action, method, url, timeout_s=limit_s, headers=self._headers, **content)
        if not 200 <= answer.status < 300:
            raise _failure(action, answer)
        return answer


def _address(contact: Contact) -> str:
    address = contact.phone or contact.bsuid or contact.key.partition(":")[2]
    return f"whatsapp:{address}"


def _written_out(content: Content) -> str:
    """A message with choices as plain text: what would be on the buttons stands below, to be answered in words."""
    text = "\n\n".join(part for part in (content.header, content.text, content.footer) if part)
    options = "\n".join(f"▸ {option.title}" for option in content.options)
    return "\n\n".join(part for part in (text, options, content.link if content.kind == "cta_url" else "") if part)


def _parameters(template: Template) -> list[str]:
    """What fills a template's blanks, in their order."""
    given = [part for component in template.components for part in component.get("parameters", ()) if isinstance(part, dict)]
    return [str(part.get("text", "")) for part in given]


def _failure(action: str, answer: Answer) -> IntegrationError:
    found = answer.json_object().get("code")
    code = found if type(found) is int else None
    status = answer.status
    facts: dict[str, Any] = {"status": status, "vendor_code": "" if code is None else str(code)}
    if code in _TEMPORARY or status in (408, 425, 429) or status >= 500:
        # A server that failed half-way may still have accepted the message.
        return TemporaryFailure(VENDOR, action, **facts, retry_after_s=answer.retry_after_s, maybe_done=status >= 500)
    return _permanent_class(code, status)(VENDOR, action, **facts)


def _permanent_class(code: int | None, status: int) -> type[PermanentFailure]:
    if code == _WINDOW_CLOSED:
        return WindowClosed
    if code in _UNREACHABLE:
        return Unreachable
    return AccessDenied if code in _DENIED or status in (401, 403) or status < 400 else Rejected
