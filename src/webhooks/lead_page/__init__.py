"""The lead beside its conversation in Chatwoot: a page in a frame there, and the doors that it asks.

Chatwoot shows the page by the address that was registered, and tells it whose conversation is open. Behind the `#` of that
address, so that no server and no log on the way sees it, is a proof that lets the page ask for a link to the lead (`links`).
The link is not the answer: it is written into the conversation in Chatwoot, which shows it to the page of whoever may see that
conversation. So neither the address, wherever it was copied to, nor a link that is an hour old opens anything, and without
cookies no other site can ask in an agent's name. Only the configured Chatwoot may frame the page.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import msgspec
from flask import Blueprint, Response, request

from src import logs
from src.bootstrap import Services
from src.data_dir import lead_token
from src.desk.lead_card import card_of
from src.errors import IntegrationError, InvalidRequest, UnknownContact
from src.integrations.chatwoot.messages import contact_key_of
from src.integrations.identity import typed_key
from src.webhooks import security
from src.webhooks.lead_page.links import Links

_NO_LINK = "This needs a link to this lead: open the conversation in Chatwoot."
_FILES = {"lead.js": "text/javascript", "lead.css": "text/css"}


class Wanted(msgspec.Struct):
    """Which conversation is open and whose it is, as Chatwoot names them."""

    conversation: str = ""
    source_id: str = ""
    phone: str = ""


def doors(services: Services) -> Blueprint:
    """The page, its files, and what it asks for."""
    door, here = Blueprint("lead", __name__), _LeadPage(services)
    for path, view, method, who in (
        ("/chatwoot/lead", here.page, "GET", security.ANYONE),
        ("/chatwoot/lead/files/<name>", here.file, "GET", security.ANYONE),
        ("/chatwoot/lead/link", here.show_link, "POST", security.LEAD_PAGE),
        ("/chatwoot/lead/card", here.card, "POST", security.LEAD_LINK),
        ("/chatwoot/lead/takeover", here.take_over, "POST", security.LEAD_LINK),
        ("/chatwoot/lead/handback", here.hand_back, "POST", security.LEAD_LINK),
    ):
        guarded = security.guard(view, who, lambda: lead_token(services.admin_token()))
        door.add_url_rule(path, view.__name__, guarded, methods=[method])
    return door


class _LeadPage:
    def __init__(self, services: Services) -> None:
        self._desk, self._operators, self._pseudonym = services.desk, services.operators, services.ledger.pseudonym
        self._links = Links(services.admin_token, services.revocations, services.ledger.server_time)
        self._show_lead_link = services.show_lead_link
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

    def show_link(self) -> Any:
        """Has Chatwoot show a link to the lead of that conversation to whoever may see it there."""
        conversation = _wanted().conversation
        try:
            shown = self._show_lead_link(conversation, lambda key: self._link(conversation, key))
        except IntegrationError as failure:
            self._log.warning("lead_link.not_shown", detail=str(failure))
            return security.error(502, "chatwoot_unavailable", "Chatwoot does not take the link now.")
        if not shown:
            raise UnknownContact("Nobody is known by that conversation.")
        return Response(status=202)

    def card(self) -> Any:
        """The lead of the open conversation."""
        return self._for_who_has_a_link(lambda _contact: None)

    def take_over(self) -> Any:
        """From now on a human has it."""
        return self._for_who_has_a_link(self._take_over)

    def hand_back(self) -> Any:
        """The bot goes on."""
        return self._for_who_has_a_link(self._hand_back)

    def _take_over(self, contact: str) -> None:
        self._operators.take_over(contact)
        self._log.info("conversation.taken_over", contact=self._pseudonym(contact), by="lead_page")

    def _hand_back(self, contact: str) -> None:
        self._operators.hand_back(contact)
        self._log.info("conversation.handed_back", contact=self._pseudonym(contact), by="lead_page")

    def _link(self, conversation: str, key: str) -> str | None:
        contact = self._desk.find(key)
        return self._links.make(conversation, contact) if contact else None

    def _for_who_has_a_link(self, act: Callable[[str], None]) -> Any:
        """Does it for the person that the link leads to, and shows their card. Whoever has none does not learn who is known."""
        link = security.bearer(request).decode("ascii", "replace")
        if not link:
            return security.unauthorized(_NO_LINK)
        wanted = _wanted()
        contact = self._found(wanted)
        if contact is None or not self._links.open(link, wanted.conversation, contact):
            return security.unauthorized(_NO_LINK)
        act(contact)
        return self._card(contact)

    def _found(self, wanted: Wanted) -> str | None:
        for key in (contact_key_of(wanted.source_id), typed_key(wanted.phone)):
            if key and (contact := self._desk.find(key)):
                return contact
        return None

    def _card(self, contact: str) -> Any:
        shown = self._desk.conversation(contact)
        if shown is None:
            raise UnknownContact("Nobody is known by that conversation.")
        return Response(msgspec.json.encode(card_of(shown)), mimetype="application/json")


def _wanted() -> Wanted:
    try:
        return msgspec.json.decode(security.whole_body(request), type=Wanted)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as fault:
        raise InvalidRequest(["the body is a JSON object with conversation, source_id and phone"]) from fault


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
