"""Where Chatwoot owns the WhatsApp line: we answer as its bot, and what people and bot say is there without being mirrored.

Facts: Chatwoot v4.15 to v4.17 sends `input_select` on as buttons or a list and keeps of the answer only the title; of several
files the first; outside the 24 h window a message without a template fails there, which we are not told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from src.desk import jobs
from src.desk.crm import File, Mirrored, Place, Status
from src.errors import AccessDenied, Rejected
from src.integrations.chatwoot.api import VENDOR, NotThere
from src.integrations.chatwoot.client import ChatwootClient
from src.integrations.chatwoot.files import fetched
from src.integrations.chatwoot.messages import escaped, storable
from src.integrations.http import Outgoing
from src.integrations.parts import distinct, numbered, parts_of
from src.messages import Contact, Content, Media, Outbound

_MOST_PLACES = 10_000


class ChatwootLine(ChatwootClient):
    """The inbox of a WhatsApp line that Chatwoot owns. Implements `Crm` for everything but what is said."""

    def post(self, place: Place, message: Mirrored, files: Sequence[File], *, again: bool = False) -> str:
        """It is there already: it came from there, or went out through there."""
        del place, message, files, again
        return ""

    def settle(self, place: Place, message_id: str, status: Status) -> None:
        """Chatwoot knows better than we do what became of it."""
        del place, message_id, status

    def speak(self, place: Place, outbound: Outbound) -> str:
        """Writes a message as the bot, which Chatwoot sends on; its id there. One that is there already is not written again:
        a person would hear it twice."""
        fields = fields_of(outbound.content, pressable=not self._is_twilios())
        return self._say("send", place, outbound.id, fields, (), since=outbound.at, again=True)

    def _is_twilios(self) -> bool:
        """Twilio's lines carry the body alone, and name people otherwise."""
        inbox = self._once_in_a_while("line", lambda: self._api.call("check", "GET", f"inboxes/{self._inbox_id}"))
        return isinstance(inbox, dict) and inbox.get("channel_type") == "Channel::TwilioSms"

    def check(self) -> dict[str, str]:
        """Asks, now, whether the inbox may be seen: its name and kind."""
        inbox: Any = self._api.call("check", "GET", f"inboxes/{self._inbox_id}")
        found = inbox if isinstance(inbox, dict) else {}
        return {name: str(found[name]) for name in ("name", "channel_type") if name in found}

    def _by_source(self, contact: Contact) -> dict[str, Any] | None:
        """The line's own source ids are the addresses."""
        address = contact.key.partition(":")[2]
        if self._is_twilios():
            address = f"whatsapp:{contact.phone or address}"
        wanted = {"inbox_id": self._inbox_id, "source_id": address}
        try:
            found: Any = self._api.call("find_by_source", "POST", "contact_inboxes/filter", json=wanted)
        except NotThere:
            return None
        return found if isinstance(found, dict) else None

    def _by_phone(self, contact: Contact) -> dict[str, Any] | None:
        """Somebody who never wrote on this line has no conversation to be answered in, and only people begin one there."""
        del contact
        raise Rejected(VENDOR, "find", detail="the person never wrote on this line")


class ChatwootChannel:
    """Implements `desk.ports.Channel`. `line` is asked for at each call: until then it may be provisioned."""

    def __init__(self, line: Callable[[], ChatwootClient], base_url: str) -> None:
        self._line, self._base_url = line, base_url
        self._http = Outgoing(VENDOR)
        self._places: OrderedDict[str, Place] = OrderedDict()

    @property
    def number(self) -> str:
        """There is one line."""
        return "chatwoot"

    @property
    def confirms(self) -> bool:
        """We are told neither of receipts nor of the window."""
        return False

    def parts(self, content: Content) -> Sequence[Content]:
        """As WhatsApp takes them."""
        return parts_of(content)

    def send(self, outbound: Outbound, *, opaque: str, timeout_s: float | None = None) -> str:
        """See the port. What a human wrote in Chatwoot went out from there."""
        del opaque, timeout_s
        if jobs.crm_message_id(outbound.id):
            return outbound.id
        line = self._line()
        if not isinstance(line, ChatwootLine):
            raise AccessDenied(VENDOR, "send", detail="the inbox is not answered in agent-bot mode")
        place = line.place(outbound.contact, "", self._places.get(outbound.contact.key))
        self._places[outbound.contact.key] = place
        if len(self._places) > _MOST_PLACES:
            self._places.popitem(last=False)
        return f"chatwoot.{line.speak(place, outbound)}"

    def download(self, media: Media, *, max_bytes: int) -> File:
        """A file that a person sent, from Chatwoot."""
        answer = fetched(self._http, self._base_url, media.url, max_bytes=max_bytes)
        mime = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return File(data=answer.body, filename=media.filename, mime_type=mime or media.mime_type)

    def check(self) -> dict[str, str]:
        """See the port."""
        return self._line().check()

    def mark_read(self, message_id: str, *, typing: bool) -> None:
        """Chatwoot's people see what is read there."""
        del message_id, typing


def fields_of(content: Content, *, pressable: bool = True) -> dict[str, Any]:
    """A message as Chatwoot takes it. What can be pressed becomes its selection, which it sends on as buttons or a list; where
    nothing is `pressable`, it is counted below the words."""
    choices = "" if pressable or not content.options else numbered(distinct(content.options))
    words = "\n\n".join(part for part in (content.header, content.text, choices, content.footer, content.link) if part)
    fields: dict[str, Any] = {"content": storable(escaped(words)), "message_type": "outgoing"}
    if content.options and pressable:
        items = [{"title": option.title, "value": option.id} for option in content.options]
        fields |= {"content_type": "input_select", "content_attributes": {"items": items}}
    if content.template is not None:
        texts = [
            str(parameter.get("text", ""))
            for component in content.template.components
            if component.get("type") == "body"
            for parameter in component.get("parameters", ())
        ]
        fields["content"] = content.template.name
        fields["template_params"] = {
            "name": content.template.name,
            "language": content.template.language,
            "processed_params": {"body": {str(number): escaped(text) for number, text in enumerate(texts, 1)}},
        }
    return fields
