"""The doors that Twilio knocks at: what people write, and what became of our messages. The form says which."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from src import logs
from src.bootstrap import Services
from src.errors import BadSignature
from src.integrations.twilio.payloads import OUTBOX_ID, NotForUs, Proof, parse, proven_fields
from src.webhooks import security

_EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_FORM = ("", "application/x-www-form-urlencoded")


def doors(services: Services) -> Blueprint:
    """Both answer 200 once what was sent is written durably; a form that tells nothing to us is 200, too."""
    door = Blueprint("twilio", __name__)
    log = logs.get_logger()
    settings = services.settings

    def receive() -> Any:
        """What somebody wrote, or what became of a message."""
        raw = security.whole_body(request)
        twilio = settings.twilio
        if twilio is None:
            raise BadSignature("no Twilio keys are set")
        proof = Proof(
            url=_address(),
            signature=request.headers.get("X-Twilio-Signature", ""),
            settings=request.headers.get("X-Twilio-Webhooks-Signature-Settings", ""),
        )
        secrets = (twilio.auth_token, twilio.signing_key)
        fields = proven_fields(raw, proof, is_form=request.mimetype in _FORM, secrets=secrets)
        now = datetime.now(UTC)  # noqa: TID251 - Twilio sends no time; the ledger's own clock decides the rest
        outbox_id = request.args.get(OUTBOX_ID, "")
        try:
            inbounds, receipts = parse(
                fields, account_sid=twilio.account_sid, number=twilio.sender, outbox_id=outbox_id, now=now
            )
        except NotForUs as reason:
            log.warning("webhook.passed_over", vendor="twilio", why=str(reason))
            services.metrics.count_items("twilio", passed_over=1)
        else:
            received = services.desk.receive(inbounds, receipts)
            log.info(
                "webhook.received",
                vendor="twilio",
                accepted=received.accepted,
                duplicates=received.duplicates,
                receipts=dict(received.receipts),
            )
            services.metrics.count_items(
                "twilio",
                accepted=received.accepted,
                duplicate=received.duplicates,
                receipt=len(receipts),
                unreadable=sum(inbound.kind == "unsupported" for inbound in inbounds),
            )
        return Response(_EMPTY_TWIML, mimetype="text/xml")

    def _address() -> str:
        """This request's address as Twilio knows it. What a request says of its host is the caller's word: no proof."""
        path = request.full_path if request.query_string else request.path
        return f"{settings.public_base_url}{path}"

    guarded = security.guard(receive, security.VENDOR, services.admin_token)
    for path, name in (("/webhook/twilio", "receive"), ("/webhook/twilio/status", "status")):
        door.add_url_rule(path, name, guarded, methods=["POST"])
    return door
