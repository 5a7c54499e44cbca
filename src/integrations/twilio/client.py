"""Speaking to people on WhatsApp through Twilio: messages, files, templates, and what each refusal means.

Facts are from Twilio's "Messages" resource, "Content API" and error dictionary.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import msgspec
import requests

from src.desk.crm import File
from src.errors import IntegrationError, Rejected, TemporaryFailure
from src.integrations.http import AllowedHosts, Answer, Outgoing, new_session
from src.integrations.parts import split_text
from src.integrations.twilio.codes import CONTENT_REFUSED, class_of, meaning_of
from src.integrations.twilio.contents import BODY_ROOM, Contents, body_of, shape_of, written_out
from src.integrations.twilio.payloads import OUTBOX_ID
from src.messages import Contact, Content, Media, Outbound, Template

VENDOR = "twilio"
API_BASE = "https://api.twilio.com"
CONTENT_BASE, TYPING_BASE = "https://content.twilio.com", "https://messaging.twilio.com"
MEDIA_HOSTS = frozenset({"api.twilio.com", "mcs.us1.twilio.com", "media.twiliocdn.com"})
BODY_LIMIT = 1600
_SID = re.compile(r"[A-Za-z0-9]{2,64}")


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
        self._contents = Contents(self._call, self._content_base)

    @property
    def number(self) -> str:
        """The sender's address, which its limits belong to."""
        return self._sender

    @property
    def confirms(self) -> bool:
        """Statuses follow every send, and a 24 h window holds."""
        return True

    def parts(self, content: Content) -> Sequence[Content]:
        """The same content in as many messages as Twilio's limits ask for; only the last can be pressed.

        What cannot be shown as buttons or as a list is written below the text.
        """
        if content.kind in ("template", "reaction") or shape_of(content):
            return [content]
        if content.kind in ("buttons", "list") and len(body_of(content)) > BODY_ROOM:
            ending = split_text(content.text, BODY_ROOM)[-1]
            first = split_text(content.text.strip()[: -len(ending)], BODY_LIMIT)
            return [
                *(Content(text=part) for part in first),
                *self.parts(msgspec.structs.replace(content, text=ending, header="")),
            ]
        if content.kind in ("text", "buttons", "list", "cta_url"):
            return [Content(text=part) for part in split_text(written_out(content), BODY_LIMIT)]
        caption, *rest = split_text(content.text, BODY_LIMIT) or [""]
        return [msgspec.structs.replace(content, text=caption), *(Content(text=part) for part in rest)]

    def send(self, outbound: Outbound, *, opaque: str, timeout_s: float | None = None) -> str:
        """Send one message; Twilio's id of it. Taken is not delivered: statuses follow.

        Twilio knows no idempotency key: after a TemporaryFailure with `maybe_done` a second try may be a second message.
        `opaque` ends in our id of the message: it travels in the address for statuses, the person does not.
        """
        until_s = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        form = {"From": self._sender, "To": _address(outbound.contact)}
        if self._status_url:
            form["StatusCallback"] = f"{self._status_url}?{urlencode({OUTBOX_ID: opaque.rpartition(' ')[2]})}"
        pressed = self._pressed(outbound.content, until_s)
        message = pressed or self._message(outbound.content, until_s)
        try:
            answer = self._post(form | message, until_s)
        except Rejected as refusal:
            if not pressed or refusal.vendor_code not in map(str, CONTENT_REFUSED):
                raise
            self._contents.rest()  # nothing was sent: the same goes out in words
            answer = self._post(form | self._message(outbound.content, until_s), until_s)
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
        """Ask Twilio about the account, as a live test of its credentials; what it says of balance, numbers and last messages.

        Numbers are shown by their last digits, messages by what became of them.
        """
        found = self._call("check", "GET", f"{self._base}/2010-04-01/Accounts/{self._account}.json", None).json_object()
        account = {key: value for key in ("friendly_name", "status", "type") if isinstance(value := found.get(key), str)}
        return account | {name: told for name, look in self._looks().items() if (told := self._told(look))}

    def _looks(self) -> dict[str, Callable[[], str]]:
        def asked(resource: str, **query: Any) -> dict[str, Any]:
            return self._call("check", "GET", self._of_account(resource), None, params=query).json_object()

        def balance() -> str:
            answer = asked("Balance")
            return f"{answer['balance']} {answer['currency']}"

        def numbers() -> str:
            listed = asked("IncomingPhoneNumbers", PageSize=20)["incoming_phone_numbers"]
            return ", ".join(f"…{str(row['phone_number'])[-4:]}" for row in listed) or "none of its own"

        def last_messages() -> str:
            listed = asked("Messages", PageSize=5, From=self._sender)["messages"]
            return ", ".join(f"{row['status']} {row['error_code'] or ''}".strip() for row in listed) or "none yet"

        return {
            "sender": lambda: f"…{self._sender[-4:]}",
            "balance": balance,
            "numbers": numbers,
            "last messages": last_messages,
        }

    @staticmethod
    def _told(look: Callable[[], str]) -> str:
        """What is good to know; an account that may not say it is well all the same."""
        with suppress(IntegrationError, KeyError, TypeError):
            return look()
        return ""

    def _pressed(self, content: Content, until_s: float) -> dict[str, Any]:
        """Choices to press, or nothing where they can only be written."""
        shape = shape_of(content)
        sid = self._contents.id_of(shape, until_s - time.monotonic()) if shape else ""
        return {"ContentSid": sid, "ContentVariables": _json(shape.variables)} if shape and sid else {}

    def _message(self, content: Content, until_s: float) -> dict[str, Any]:
        if content.kind == "template" and content.template is not None:
            variables = {str(n): value for n, value in enumerate(_parameters(content.template), start=1)}
            sid = self._contents.id_of_template(content.template, (until_s - time.monotonic()) / 2)
            return {"ContentSid": sid, "ContentVariables": _json(variables)}
        if content.kind == "reaction":
            raise Rejected(VENDOR, "send", detail="Twilio sends no reactions")
        if content.kind in ("image", "audio", "video", "document", "sticker"):
            if not content.link:
                raise Rejected(VENDOR, "send", detail="a file goes out by its address only")
            return {"MediaUrl": content.link, **({"Body": content.text} if content.text else {})}
        return {"Body": written_out(content)[:BODY_LIMIT]}

    def _post(self, form: dict[str, Any], until_s: float) -> Answer:
        return self._call("send", "POST", self._of_account("Messages"), max(0.1, until_s - time.monotonic()), data=form)

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


def _json(variables: dict[str, str]) -> str:
    return msgspec.json.encode(variables).decode()


def _parameters(template: Template) -> list[str]:
    """What fills a template's blanks, in their order."""
    given = [part for component in template.components for part in component.get("parameters", ()) if isinstance(part, dict)]
    return [str(part.get("text", "")) for part in given]


def _failure(action: str, answer: Answer) -> IntegrationError:
    found = answer.json_object().get("code")
    code = found if type(found) is int else None
    kind, status = class_of(code, answer.status), answer.status
    facts: dict[str, Any] = {"status": status, "vendor_code": "" if code is None else str(code), "detail": meaning_of(code)}
    if kind is TemporaryFailure:
        # A server that failed half-way may still have accepted the message.
        return TemporaryFailure(VENDOR, action, **facts, retry_after_s=answer.retry_after_s, maybe_done=status >= 500)
    return kind(VENDOR, action, **facts)
