"""The operators' doors: is it up, what is waiting, who said what, forget somebody."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from src import __version__, logs
from src.agent.state import STAGES
from src.bootstrap import Services
from src.desk.checks import WORKER_SILENCE_S
from src.desk.operators import dead_letter_id
from src.errors import InvalidRequest, LedgerUnavailable, UnknownContact
from src.integrations.identity import typed_key
from src.webhooks import security
from src.webhooks.lead_page.links import Links
from src.webhooks.security import ANYONE, OPERATOR

MOST_PER_PAGE = 200
_FILTERS: dict[str, tuple[str, ...]] = {"stage": STAGES, "owner": ("bot", "human")}
_DIGITS = re.compile("[0-9]{1,9}")
_YES_OR_NO = {"1": True, "true": True, "yes": True, "": False, "0": False, "false": False, "no": False}


def doors(services: Services) -> Blueprint:
    """Everything that is not a vendor's door, with who may use it."""
    here = _Operations(services)
    blueprint = Blueprint("operations", __name__)
    for method, rule, view, who in (
        ("GET", "/healthz", here.healthz, ANYONE),
        ("GET", "/readyz", here.readyz, ANYONE),
        ("GET", "/webhook/status", here.status, ANYONE),
        ("GET", "/webhook/conversations", here.conversations, OPERATOR),
        ("GET", "/webhook/conversation/<path:reference>", here.conversation, OPERATOR),
        ("DELETE", "/webhook/conversation/<path:reference>", here.forget, OPERATOR),
        ("POST", "/webhook/conversation/<path:reference>/messages", here.say, OPERATOR),
        ("POST", "/webhook/conversation/<path:reference>/takeover", here.takeover, OPERATOR),
        ("POST", "/webhook/conversation/<path:reference>/handback", here.handback, OPERATOR),
        ("PATCH", "/webhook/conversation/<path:reference>/profile", here.correct, OPERATOR),
        ("DELETE", "/webhook/conversation/<path:reference>/lead-links", here.revoke_links, OPERATOR),
        ("POST", "/webhook/pause", here.pause, OPERATOR),
        ("POST", "/webhook/resume", here.resume, OPERATOR),
        ("GET", "/webhook/dead-letters", here.dead_letters, OPERATOR),
        ("POST", "/webhook/dead-letters/<letter_id>/replay", here.replay, OPERATOR),
        ("GET", "/webhook/diag", here.diag, OPERATOR),
        ("POST", "/webhook/diag/test", here.diag_test, OPERATOR),
        ("POST", "/webhook/diag/send", here.diag_send, OPERATOR),
    ):
        guarded = security.guard(view, who, services.admin_token)
        blueprint.add_url_rule(rule, view.__name__, guarded, methods=[method])
    return blueprint


class _Operations:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._desk = services.desk
        self._operators = services.operators
        self._ledger = services.ledger
        self._links = Links(services.admin_token, services.revocations, services.ledger.server_time)
        self._log = logs.get_logger()

    def healthz(self) -> Any:
        """The process answers."""
        return _json({"status": "ok"})

    def readyz(self) -> Any:
        """Messages can be kept, and somebody is there to answer them."""
        try:
            self._ledger.ping()
            alive = sum(age_s < WORKER_SILENCE_S for age_s in self._ledger.workers().values())
        except LedgerUnavailable:
            return security.error(503, "ledger_unavailable", "The message store cannot be reached.")
        if not alive:
            return security.error(503, "no_worker", "No worker is alive: messages are kept, but nobody answers them.")
        return _json({"status": "ready", "workers": alive})

    def status(self) -> Any:
        """For anyone: that it is up. For the operator: everything at a glance."""
        short = {"status": "ok", "version": __version__}
        if not security.is_operator(request, self._services.admin_token()):
            return _json(short)
        workers = [
            {"id": name, "last_seen_s": age_s, "alive": age_s < WORKER_SILENCE_S}
            for name, age_s in self._ledger.workers().items()
        ]
        return _json(
            {
                **short,
                "channels": self._channels(),
                "workers": workers,
                "paused": self._operators.paused(),
                "unknown_numbers": self._ledger.unknown_numbers(),
                **self._desk.figures(),
            }
        )

    def conversations(self) -> Any:
        """A page of summaries, newest first."""
        limit, query = request.args.get("limit", "50"), request.args.get("q", "").strip()
        if not _DIGITS.fullmatch(limit) or not 1 <= int(limit) <= MOST_PER_PAGE:
            return security.error(400, "bad_limit", f"limit is a whole number from 1 to {MOST_PER_PAGE}.")
        wanted = {name: request.args.get(name, "") for name in _FILTERS}
        for name, value in wanted.items():
            if value and value not in _FILTERS[name]:
                return security.error(400, f"bad_{name}", f"{name} is one of {', '.join(_FILTERS[name])}.")
        try:
            page = self._desk.conversations(
                cursor=request.args.get("cursor", ""), limit=int(limit), query=typed_key(query) or query, **wanted
            )
        except ValueError as fault:
            return security.error(400, "bad_query", f"{fault}.")
        return _json(page)

    def conversation(self, reference: str) -> Any:
        """One conversation with its transcript."""
        return _json(self._desk.conversation(self._known(reference)))

    def forget(self, reference: str) -> Any:
        """Resets a conversation, or erases the person."""
        erase = _YES_OR_NO.get(request.args.get("erase", "").casefold())
        if erase is None:
            return security.error(400, "bad_erase", "erase is true or false.")
        contact = self._known(reference)
        (self._desk.erase if erase else self._desk.reset)(contact)
        done = "erased" if erase else "reset"
        self._log.info(f"conversation.{done}", contact=self._ledger.pseudonym(contact))
        return _json({"status": done})

    def say(self, reference: str) -> Any:
        """A person's own message: text, or a template when the person last wrote more than 24 hours ago."""
        contact = self._known(reference)
        message_id = self._operators.say(contact, _body())
        self._log.info("conversation.said", contact=self._ledger.pseudonym(contact))
        return _json({"status": "queued", "id": message_id}, 202)

    def takeover(self, reference: str) -> Any:
        """The conversation is a human's; the bot is silent at once."""
        return self._changed(reference, "taken_over", self._operators.take_over)

    def handback(self, reference: str) -> Any:
        """The conversation is the bot's again."""
        return self._changed(reference, "handed_back", self._operators.hand_back)

    def correct(self, reference: str) -> Any:
        """Profile values by hand: {"age": 45}; null takes a value out."""
        changes = _body()
        return self._changed(reference, "corrected", lambda contact: self._operators.correct(contact, changes))

    def revoke_links(self, reference: str) -> Any:
        """Takes back every link to that person's lead. Whoever may see the conversation in Chatwoot gets a new one there."""
        contact = self._known(reference)
        self._links.revoke(contact)
        self._log.info("lead_links.revoked", contact=self._ledger.pseudonym(contact))
        return _json({"status": "revoked"})

    def pause(self) -> Any:
        """The bot falls silent everywhere; messages are still recorded."""
        self._operators.pause()
        self._log.warning("bot.paused")
        return _json({"status": "paused"})

    def resume(self) -> Any:
        """The bot speaks again."""
        self._operators.resume()
        self._log.warning("bot.resumed")
        return _json({"status": "running"})

    def dead_letters(self) -> Any:
        """What was given up, newest first, with the reason."""
        letters = [
            {
                "id": dead_letter_id(letter),
                "lane": letter.lane,
                "contact": letter.contact,
                "reason": letter.reason,
                "attempts": letter.attempts,
                "at": letter.at,
            }
            for letter in self._operators.dead_letters()
        ]
        return _json({"dead_letters": letters})

    def replay(self, letter_id: str) -> Any:
        """Tries a dead letter again."""
        if not self._operators.replay(letter_id):
            return security.error(404, "unknown_dead_letter", "There is no dead letter by that id.")
        self._log.info("dead_letter.replayed")
        return _json({"status": "queued"}, 202)

    def diag(self) -> Any:
        """How this process is configured; of secrets only that they are set."""
        return _json(
            {
                "version": __version__,
                "channels": self._channels(),
                "settings": self._services.settings.shown(self._services.house()),
            }
        )

    def diag_test(self) -> Any:
        """Asks the store and every configured vendor now."""
        return _json({"checks": [msgspec.structs.asdict(result) for result in self._services.checks()]})

    def diag_send(self) -> Any:
        """A test message: {"to": "+34…", "text": "…"}. Somebody who never wrote can get only a template."""
        # The name that older installations have for this door says it in the address.
        body = dict(request.args) if request.args and not request.content_length else _body()
        to = body.pop("to", None)
        contact = typed_key(to.strip().removeprefix("whatsapp:")) if isinstance(to, str) else None
        if contact is None:
            raise InvalidRequest(["to: a phone number with its country code"])
        return _json({"status": "queued", "id": self._operators.say(contact, body, to_anybody=True)}, 202)

    def _changed(self, reference: str, done: str, change: Callable[[str], None]) -> Any:
        contact = self._known(reference)
        change(contact)
        self._log.info(f"conversation.{done}", contact=self._ledger.pseudonym(contact))
        return _json(self._desk.conversation(contact))

    def _known(self, reference: str) -> str:
        contact = self._desk.known(reference)
        if contact is None:
            raise UnknownContact("Nobody is known by that phone or key.")
        return contact

    def _channels(self) -> dict[str, Any]:
        settings, channels = self._services.settings, {}
        if whatsapp := settings.whatsapp:
            channels["whatsapp"] = {
                "state": "on",
                "phone_number_id": whatsapp.phone_number_id,
                "api_version": whatsapp.api_version,
                "token": "set",
                "app_secrets": len(whatsapp.app_secrets),
            }
        if twilio := settings.twilio:
            channels["twilio"] = {
                "state": "on", "account_sid": twilio.account_sid, "token": "set", "reply": twilio.reply,
                "webhook": f"{settings.public_base_url}/webhook/twilio",
            }  # fmt: skip
        for way in settings.lines:
            channels[way] = {"state": "on", "number": self._services.channels[way].number, "token": "set"}
        if chatwoot := settings.chatwoot:
            channels["chatwoot"] = {"state": "on", "mode": chatwoot.mode}
        note = "no keys are set: messages from this machine are answered here"
        return channels or {"whatsapp": {"state": "simulator", "note": note}}


def _body() -> dict[str, Any]:
    """The JSON object that was sent. Numbers that are none and characters that are none make it no JSON."""
    if request.is_json:
        with suppress(msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return msgspec.json.decode(security.whole_body(request), type=dict[str, Any])
    raise InvalidRequest(["the body is a JSON object, sent as application/json"])


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, mimetype="application/json")
