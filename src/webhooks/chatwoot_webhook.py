"""The door that Chatwoot knocks at: what humans do there, and, where it owns the line, what people write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from src import logs
from src.bootstrap import Services
from src.data_dir import chatwoot_of
from src.errors import BadSignature
from src.integrations.chatwoot.events import check_signature, parse
from src.webhooks import security


def doors(services: Services) -> Blueprint:
    """200 once what was told is durable; what tells nothing to us is 200, too.

    Chatwoot tells everything once and to every webhook that is set up, so the same may come several times at once. What is
    refused here, or lost on its way, the poll finds.
    """
    door = Blueprint("chatwoot", __name__)
    log = logs.get_logger()
    humans = services.humans

    def receive() -> Any:
        """What happened in Chatwoot."""
        raw = security.whole_body(request)
        chatwoot = chatwoot_of(services.settings)
        if "chatwoot" in services.settings.off:
            raise security.closed_here("chatwoot", services.settings)
        if chatwoot is None or humans is None:
            raise BadSignature("no Chatwoot keys are set")
        signature, signed_at = (request.headers.get(f"X-Chatwoot-{name}") for name in ("Signature", "Timestamp"))
        now = datetime.now(UTC)  # noqa: TID251 - only whether the signature is fresh
        check_signature(raw, signature, signed_at, chatwoot.webhook_secrets, now=now)
        parsed = parse(
            raw,
            account_id=chatwoot.account_id,
            inbox_id=chatwoot.inbox_id,
            further_inboxes=[*services.settings.line_inboxes.values()],
            as_bot=chatwoot.mode == "agent-bot",
        )
        if parsed.inbounds:
            received = services.desk.receive(parsed.inbounds, [])
            log.info("webhook.received", vendor="chatwoot", accepted=received.accepted, duplicates=received.duplicates)
            services.metrics.count_items(
                "chatwoot",
                accepted=received.accepted,
                duplicate=received.duplicates,
                unreadable=sum(inbound.kind == "unsupported" for inbound in parsed.inbounds),
            )
        for event in parsed.events:
            log.info("crm.event", what=event.__struct_config__.tag, done=humans.take(event))
        if parsed.passed_over:
            log.debug("webhook.passed_over", vendor="chatwoot", why=parsed.passed_over)
        services.metrics.count_items("chatwoot", noticed=len(parsed.events), passed_over=int(bool(parsed.passed_over)))
        return Response(status=200)

    guarded = security.guard(receive, security.VENDOR, services.admin_token)
    door.add_url_rule("/webhook/chatwoot", "receive", guarded, methods=["POST"])
    return door
