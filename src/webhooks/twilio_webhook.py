"""The doors that Twilio knocks at: what people write, and what became of our messages. The form says which."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from src import logs
from src.bootstrap import Services
from src.desk.answering import Answering
from src.errors import BadSignature, MalformedPayload
from src.integrations.lines import on_line, receipt_on_line
from src.integrations.twilio.payloads import CHANNEL, OUTBOX_ID, NotForUs, Proof, form_of, parse, proven_fields
from src.integrations.twilio.twiml import MIME, can_say, twiml
from src.messages import Inbound
from src.settings import Twilio
from src.webhooks import security, unsigned

REPLY_WITHIN_S = 8.0
"""So long Twilio's request waits for its reply. Twilio itself waits for 15 s."""
WAITING_SHARE = 4
"""One of so many threads may wait with it: the others must be free for what comes in."""
_FORM = ("", "application/x-www-form-urlencoded")


def doors(services: Services) -> Blueprint:
    """Both answer 200 once what was sent is written durably; a form that tells nothing to us is 200, too."""
    here = _Door(services)
    door = Blueprint("twilio", __name__)
    guarded = security.guard(here.receive, security.VENDOR, services.admin_token)
    for path, name in (("/webhook/twilio", "receive"), ("/webhook/twilio/status", "status")):
        door.add_url_rule(path, name, guarded, methods=["POST"])
    return door


class _Door:
    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._services, self._settings = services, settings
        self._log = logs.get_logger()
        waits = settings.is_tried_out or any(line.reply == "twiml" for line in settings.twilios.values())
        least = 1 if settings.is_tried_out else 0
        self._answering = Answering(
            services.ledger,
            CHANNEL,
            places=max(least, settings.web_threads // WAITING_SHARE) if waits else 0,
            can_say=can_say,
            confirms=not settings.is_tried_out,
        )

    def receive(self) -> Any:
        """What somebody wrote, or what became of a message. The answer is TwiML: the reply where it is given here."""
        raw = security.whole_body(request)
        if self._settings.twilios:
            return self._from_twilio(raw)
        if "twilio" in self._settings.off:
            raise security.closed_here("twilio", self._settings)
        if self._settings.is_tried_out and unsigned.is_from_here(request):
            return self._from_here(raw)
        if self._settings.is_tried_out:
            raise BadSignature("without keys, forms are taken from this machine only, from no proxy and no page in a browser")
        raise BadSignature("no Twilio keys are set, and where another channel is, nothing unsigned is taken")

    def _from_twilio(self, raw: bytes) -> Response:
        proof = Proof(
            url=self._address(),
            signature=request.headers.get("X-Twilio-Signature", ""),
            settings=request.headers.get("X-Twilio-Webhooks-Signature-Settings", ""),
        )
        fields, lines = self._proven(raw, proof)
        inbounds: Sequence[Inbound] = ()
        why = ""
        for way, twilio in lines.items():
            try:
                inbounds = self._take(fields, twilio.account_sid, twilio.sender, way)
                break
            except NotForUs as reason:
                why = str(reason)
        else:
            self._log.warning("webhook.passed_over", vendor="twilio", why=why)
            self._services.metrics.count_items("twilio", passed_over=1)
            return Response(twiml([]), mimetype=MIME)
        return self._answer(inbounds, f"{self._settings.public_base_url}/webhook/twilio/status")

    def _proven(self, raw: bytes, proof: Proof) -> tuple[dict[str, str], dict[str, Twilio]]:
        """What the form says, and the lines whose secret proves it: for another line it proves nothing. Raises BadSignature."""
        fields: dict[str, str] = {}
        lines: dict[str, Twilio] = {}
        refused: BadSignature | None = None
        for way, twilio in self._settings.twilios.items():
            known = (twilio.auth_token, twilio.signing_key)
            try:
                fields = proven_fields(raw, proof, is_form=request.mimetype in _FORM, secrets=known)
                lines[way] = twilio
            except BadSignature as fault:
                refused = fault
        if refused and not lines:
            raise refused
        return fields, lines

    def _from_here(self, raw: bytes) -> Response:
        """A newcomer's curl: of Twilio's form who writes and what is enough, and what is wrong with it is said."""
        fields = dict(form_of(raw))
        sender = fields.get("From", "").strip()
        if sender and not sender.startswith("whatsapp:"):
            fields["From"] = f"whatsapp:{sender}"
        fields.setdefault("MessageSid", f"SM{secrets.token_hex(16)}")
        if not any(
            fields.get(name) for name in ("Body", "MediaUrl0", "ButtonText", "ButtonPayload", "Latitude", "MessageStatus")
        ):
            raise MalformedPayload("Body: what somebody writes is missing")
        try:
            inbounds = self._take(fields, fields.get("AccountSid", ""), fields.get("To", ""), CHANNEL)
        except NotForUs as reason:
            raise MalformedPayload(f"From: {reason}; it is whatsapp:+ and a number with its country code") from reason
        return self._answer(inbounds, "")

    def _take(self, fields: Mapping[str, str], account_sid: str, number: str, way: str) -> Sequence[Inbound]:
        """Writes down what the form says; the messages in it. Raises NotForUs."""
        now = datetime.now(UTC)  # noqa: TID251 - Twilio sends no time; the ledger's own clock decides the rest
        outbox_id = request.args.get(OUTBOX_ID, "")
        heard, receipts = parse(
            {"AccountSid": "", "To": "", **fields}, account_sid=account_sid, number=number, outbox_id=outbox_id, now=now
        )
        inbounds = [on_line(inbound, way) for inbound in heard]
        receipts = [receipt_on_line(receipt, way) for receipt in receipts]
        received = self._services.desk.receive(inbounds, receipts)
        self._log.info(
            "webhook.received",
            vendor="twilio",
            accepted=received.accepted,
            duplicates=received.duplicates,
            receipts=dict(received.receipts),
        )
        self._services.metrics.count_items(
            "twilio",
            accepted=received.accepted,
            duplicate=received.duplicates,
            receipt=len(receipts),
            unreadable=sum(inbound.kind == "unsupported" for inbound in inbounds),
        )
        return inbounds if received.accepted else ()

    def _answer(self, inbounds: Sequence[Inbound], status_url: str) -> Response:
        """The reply, when it is given in the response. What was not waited for, or is ready too late, Twilio is sent."""
        if not inbounds:
            return Response(twiml([]), mimetype=MIME)
        contact = self._services.records.resolve(inbounds[0].contact.key)
        replies = self._answering.replies_to(contact, within_s=REPLY_WITHIN_S)
        if replies:
            self._log.info("webhook.answered", vendor="twilio", replies=len(replies))
        return Response(twiml(replies, status_url=status_url), mimetype=MIME)

    def _address(self) -> str:
        """This request's address as Twilio knows it. What a request says of its host is the caller's word: no proof."""
        path = request.full_path if request.query_string else request.path
        return f"{self._settings.public_base_url}{path}"
