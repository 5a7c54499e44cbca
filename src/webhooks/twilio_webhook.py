"""The doors that Twilio knocks at: what people write, and what became of our messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from src import logs
from src.bootstrap import Services
from src.errors import BadSignature
from src.integrations.twilio_payloads import OUTBOX_ID, NotForUs, check_signature, form_of, parse_message, parse_status
from src.messages import Inbound, Receipt
from src.settings import Twilio
from src.webhooks import security

_EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
Read = Callable[[dict[str, str], Twilio, datetime], tuple[list[Inbound], list[Receipt]]]


def doors(services: Services) -> Blueprint:
    """Both answer 200 once what was sent is written durably; a form that tells nothing to us is 200, too."""
    door = Blueprint("twilio", __name__)
    log = logs.get_logger()
    settings = services.settings

    def take(read: Read) -> Any:
        raw = security.whole_body(request)
        twilio = settings.twilio
        if twilio is None:
            raise BadSignature("no Twilio keys are set")
        form = form_of(raw)
        check_signature(_address(), form, request.headers.get("X-Twilio-Signature"), twilio.auth_token)
        now = datetime.now(UTC)  # noqa: TID251 - Twilio sends no time; the ledger's own clock decides the rest
        try:
            inbounds, receipts = read(dict(form), twilio, now)
        except NotForUs as reason:
            log.warning("webhook.passed_over", vendor="twilio", why=str(reason))
        else:
            received = services.desk.receive(inbounds, receipts)
            log.info(
                "webhook.received",
                vendor="twilio",
                accepted=received.accepted,
                duplicates=received.duplicates,
                receipts=dict(received.receipts),
            )
        return Response(_EMPTY_TWIML, mimetype="text/xml")

    def receive() -> Any:
        """What somebody wrote."""
        return take(_message)

    def status() -> Any:
        """What became of a message."""
        return take(_status)

    def _address() -> str:
        """This request's address as Twilio knows it: behind a proxy only the settings know the beginning."""
        path = request.full_path if request.query_string else request.path
        return f"{settings.public_base_url or request.host_url.rstrip('/')}{path}"

    for path, view in (("/webhook/twilio", receive), ("/webhook/twilio/status", status)):
        guarded = security.guard(view, security.VENDOR, services.admin_token)
        door.add_url_rule(path, view.__name__, guarded, methods=["POST"])
    return door


def _message(fields: dict[str, str], twilio: Twilio, now: datetime) -> tuple[list[Inbound], list[Receipt]]:
    return parse_message(fields, account_sid=twilio.account_sid, number=twilio.sender, now=now), []


def _status(fields: dict[str, str], twilio: Twilio, now: datetime) -> tuple[list[Inbound], list[Receipt]]:
    outbox_id = request.args.get(OUTBOX_ID, "")
    return [], [parse_status(fields, account_sid=twilio.account_sid, number=twilio.sender, outbox_id=outbox_id, now=now)]
