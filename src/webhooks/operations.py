"""The operators' doors: is it up, what is waiting, who said what, forget somebody."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from src import __version__, logs
from src.agent.state import STAGES
from src.bootstrap import Services
from src.errors import LedgerUnavailable
from src.integrations.whatsapp_identity import CHANNEL, contact_key
from src.webhooks import security
from src.webhooks.security import ANYONE, OPERATOR

WORKER_SILENCE_S = 15.0
"""A worker says every two seconds that it is alive."""
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
    ):
        guarded = security.guard(view, who, services.admin_token)
        blueprint.add_url_rule(rule, view.__name__, guarded, methods=[method])
    return blueprint


class _Operations:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._desk = services.desk
        self._ledger = services.ledger
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
        return _json({**short, "channels": self._channels(), "workers": workers, **self._desk.figures()})

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
                cursor=request.args.get("cursor", ""), limit=int(limit), query=_key(query) or query, **wanted
            )
        except ValueError as fault:
            return security.error(400, "bad_query", f"{fault}.")
        return _json(page)

    def conversation(self, reference: str) -> Any:
        """One conversation with its transcript."""
        contact = self._find(reference)
        shown = self._desk.conversation(contact) if contact else None
        return _json(shown) if shown else _unknown()

    def forget(self, reference: str) -> Any:
        """Resets a conversation, or erases the person."""
        erase = _YES_OR_NO.get(request.args.get("erase", "").casefold())
        if erase is None:
            return security.error(400, "bad_erase", "erase is true or false.")
        contact = self._find(reference)
        if contact is None:
            return _unknown()
        (self._desk.erase if erase else self._desk.reset)(contact)
        done = "erased" if erase else "reset"
        self._log.info(f"conversation.{done}", contact=self._ledger.pseudonym(contact))
        return _json({"status": done})

    def _find(self, reference: str) -> str | None:
        return self._desk.find(_key(reference) or reference) or self._desk.find(f"{CHANNEL}:{reference}")

    def _channels(self) -> dict[str, Any]:
        whatsapp = self._services.settings.whatsapp
        if whatsapp is None:
            note = "no WhatsApp keys are set: messages from this machine are answered here"
            return {"whatsapp": {"state": "simulator", "note": note}}
        return {
            "whatsapp": {
                "state": "on",
                "phone_number_id": whatsapp.phone_number_id,
                "api_version": whatsapp.api_version,
                "token": f"…{whatsapp.token[-4:]}" if len(whatsapp.token) > 12 else "set",
                "app_secrets": len(whatsapp.app_secrets),
            }
        }


def _key(reference: str) -> str | None:
    """The contact key for a phone as people type it, or None."""
    digits = "".join(character for character in reference if character not in " -.()")
    try:
        return contact_key(digits, None)
    except ValueError:
        return None


def _unknown() -> Any:
    return security.error(404, "unknown_contact", "Nobody is known by that phone or key.")


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")
