"""The lead beside its conversation in Chatwoot: a page in a frame there, and the doors that it asks.

Chatwoot shows the page by the address that was registered, and tells it whose conversation is open. The proof that it may
ask travels behind the `#` of that address, so that no server and no log on the way sees it, and from there in a header:
without cookies no other site can ask in an agent's name. Only the configured Chatwoot may frame the page.
"""

from __future__ import annotations

from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import msgspec
from flask import Blueprint, Response, request

from src import logs
from src.bootstrap import Services
from src.desk.lead_card import card_of
from src.errors import InvalidRequest, UnknownContact
from src.integrations.chatwoot_messages import contact_key_of
from src.integrations.whatsapp_identity import typed_key
from src.settings import lead_token
from src.webhooks import security

_FILES = {"lead.js": "text/javascript", "lead.css": "text/css"}


class Wanted(msgspec.Struct):
    """Whose conversation is open, as Chatwoot names it."""

    source_id: str = ""
    phone: str = ""


def doors(services: Services) -> Blueprint:
    """The page, its files, and what it asks for."""
    door, here = Blueprint("lead", __name__), _LeadPage(services)
    for path, view, method, who in (
        ("/chatwoot/lead", here.page, "GET", security.ANYONE),
        ("/chatwoot/lead/files/<name>", here.file, "GET", security.ANYONE),
        ("/chatwoot/lead/card", here.card, "POST", security.LEAD_PAGE),
        ("/chatwoot/lead/takeover", here.take_over, "POST", security.LEAD_PAGE),
        ("/chatwoot/lead/handback", here.hand_back, "POST", security.LEAD_PAGE),
    ):
        guarded = security.guard(view, who, lambda: lead_token(services.admin_token()))
        door.add_url_rule(path, view.__name__, guarded, methods=[method])
    return door


class _LeadPage:
    def __init__(self, services: Services) -> None:
        self._desk, self._operators, self._pseudonym = services.desk, services.operators, services.ledger.pseudonym
        chatwoot = services.settings.chatwoot
        self._chatwoot = _origin(chatwoot.base_url) if chatwoot else ""
        self._log = logs.get_logger()

    def page(self) -> Any:
        """The empty page: what fills it is asked for with the proof behind the #."""
        answer = Response(_file("lead.html").replace("{{origin}}", self._chatwoot), mimetype="text/html")
        framed_by = self._chatwoot or "'none'"
        answer.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            f"frame-ancestors {framed_by}"
        )
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    def file(self, name: str) -> Any:
        """Script and style of the page."""
        if name not in _FILES:
            return security.error(404, "not_found", "There is no such file.")
        return Response(_file(name), mimetype=_FILES[name])

    def card(self) -> Any:
        """The lead of the open conversation."""
        return self._card(self._found())

    def take_over(self) -> Any:
        """From now on a human has it."""
        contact = self._found()
        self._operators.take_over(contact)
        self._log.info("conversation.taken_over", contact=self._pseudonym(contact), by="lead_page")
        return self._card(contact)

    def hand_back(self) -> Any:
        """The bot goes on."""
        contact = self._found()
        self._operators.hand_back(contact)
        self._log.info("conversation.handed_back", contact=self._pseudonym(contact), by="lead_page")
        return self._card(contact)

    def _found(self) -> str:
        try:
            wanted = msgspec.json.decode(security.whole_body(request), type=Wanted)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as fault:
            raise InvalidRequest(["the body is a JSON object with source_id and phone"]) from fault
        for key in (contact_key_of(wanted.source_id), typed_key(wanted.phone)):
            if key and (contact := self._desk.find(key)):
                return contact
        raise UnknownContact("Nobody is known by that conversation.")

    def _card(self, contact: str) -> Any:
        shown = self._desk.conversation(contact)
        if shown is None:
            raise UnknownContact("Nobody is known by that conversation.")
        return Response(msgspec.json.encode(card_of(shown)), mimetype="application/json")


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
