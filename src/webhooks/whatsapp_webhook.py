"""The web application, and the door that Meta knocks at.

The module's `app` is what `gunicorn "src.webhooks.whatsapp_webhook:app"` serves. Making it connects to nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, request

from src import logs
from src.bootstrap import Services, make_services, now_stored, set_up_chatwoot
from src.dashboard.pages import Backstage, pages
from src.data_dir import chatwoot_of
from src.desk.desk import Received
from src.desk.inbox import Inbox
from src.errors import BadSignature
from src.integrations.lines import on_line
from src.integrations.process_metrics import ProcessMetrics
from src.integrations.whatsapp.payloads import Parsed, check_signature, parse
from src.settings import Settings, WhatsApp, load
from src.webhooks import (
    chatwoot_webhook,
    lead_page,
    limits,
    metrics,
    openapi,
    operations,
    second_doors,
    security,
    settings_doors,
    twilio_webhook,
    unsigned,
)
from src.webhooks.changing import Changing, Wsgi


def create_app(services: Services | None = None) -> Flask:
    """The application with every door. Without services they are made from the environment."""
    if services is None:
        settings = load()
        logs.configure(
            log_file=settings.log_file,
            log_format=settings.log_format,
            debug=settings.debug,
            process="web",
            stdout=settings.log_stdout,
        )
        return _changing(settings, make_services(settings))
    return _application(services)


def _changing(settings: Settings, services: Services) -> Flask:
    """The application by the environment, and by what is stored of vendors, as it changes."""
    app = _application(services)

    def build(settings_now: Settings) -> Wsgi:
        return _application(make_services(settings_now, metrics=services.metrics)).wsgi_app

    changing = Changing(app.wsgi_app, settings, lambda: now_stored(settings, services.ledger), build)
    app.wsgi_app = changing  # type: ignore[method-assign]
    return app


def _application(services: Services) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    metrics.install(app, services)
    security.install(app)
    limits.install(app, services)
    app.register_blueprint(_whatsapp_door(services))
    app.register_blueprint(twilio_webhook.doors(services))
    app.register_blueprint(chatwoot_webhook.doors(services))
    app.register_blueprint(lead_page.doors(services))
    app.register_blueprint(operations.doors(services))
    app.register_blueprint(settings_doors.doors(services))
    app.register_blueprint(openapi.doors(services))
    app.register_blueprint(pages(_backstage(services)))
    second_doors.install(app, services)
    return app


def _whatsapp_door(services: Services) -> Blueprint:
    door = Blueprint("whatsapp", __name__)
    log = logs.get_logger()
    lines = services.settings.whatsapps
    verify_tokens = [line.verify_token for way, line in lines.items() if "@" in way]

    def verify() -> Any:
        """Meta's handshake: the bare challenge for who knows our verify token."""
        given = request.args.get("hub.verify_token", "").encode("utf-8", "replace")
        known = max(security.same_secret(given, token) for token in (services.verify_token(), *verify_tokens))
        challenge = request.args.get("hub.challenge", "")
        if request.args.get("hub.mode") != "subscribe" or not known:
            log.warning("webhook.verification_refused")
            return security.error(403, "verification_refused", "hub.mode or hub.verify_token is wrong.")
        log.info("webhook.verified")
        return Response(challenge[:1024], mimetype="text/plain")

    def receive() -> Any:
        """200 once every valid item is written durably. A repeated webhook changes nothing."""
        raw = security.whole_body(request)
        now = datetime.now(UTC)  # noqa: TID251 - the time a message is known here; the ledger's own clock decides the rest
        if lines:
            proven = _lines_that_signed(raw, request.headers.get("X-Hub-Signature-256"), lines)
            parsed = _on_their_lines(parse(raw, numbers=proven, now=now), proven)
        elif "whatsapp" in services.settings.off:
            raise security.closed_here("whatsapp", services.settings)
        elif services.settings.is_tried_out and unsigned.is_from_here(request):
            parsed = _heard_now(parse(raw, numbers=None, lenient=True, now=now), now)
        elif services.settings.is_tried_out:
            raise BadSignature(
                "without keys, messages are taken from this machine only, from no proxy and no page in a browser"
            )
        else:
            raise BadSignature("no WhatsApp keys are set, and where another channel is, nothing unsigned is taken")
        for echo in parsed.echoes:  # before what the person answered to it
            services.operators.overhear(echo)
        received = services.desk.receive(parsed.inbounds, parsed.receipts)
        for number in parsed.unknown_numbers:
            log.warning("line.unknown", number=number)
            services.ledger.note_unknown_number(number, parsed.foreign)
        _report(services.metrics, parsed, received)
        return Response(status=200)

    for method, view in (("GET", verify), ("POST", receive)):
        guarded = security.guard(view, security.VENDOR, services.admin_token)
        door.add_url_rule("/webhook/whatsapp", view.__name__, guarded, methods=[method])
    return door


def _lines_that_signed(raw: bytes, header: str | None, lines: Mapping[str, WhatsApp]) -> dict[str, str]:
    """Lines whose secret proves the body, by Meta's name of their number: for another line it proves nothing. Raises
    BadSignature when there is none."""
    proven: dict[str, str] = {}
    refused: BadSignature | None = None
    for way, line in lines.items():
        try:
            check_signature(raw, header, line.app_secrets)
            proven[line.phone_number_id] = way
        except BadSignature as fault:
            refused = fault
    if not proven and refused:
        raise refused
    return proven


def _on_their_lines(parsed: Parsed, ways: Mapping[str, str]) -> Parsed:
    inbounds = tuple(on_line(inbound, ways[inbound.number_id]) for inbound in parsed.inbounds)
    echoes = tuple(on_line(echo, ways[echo.number_id]) for echo in parsed.echoes)
    return msgspec.structs.replace(parsed, inbounds=inbounds, echoes=echoes)


def _backstage(services: Services) -> Backstage:
    settings = services.settings
    chatwoot = chatwoot_of(settings)
    return Backstage(
        desk=services.desk,
        inbox=Inbox(services.records, shows_played=settings.is_tried_out),
        operators=services.operators,
        checks=services.checks,
        set_up_chatwoot=functools.partial(set_up_chatwoot, settings, chatwoot) if chatwoot else None,
        admin_token=services.admin_token,
        workers=services.ledger.workers,
        channels=settings.channels_in_words,
        now=services.ledger.server_time,
        revocations=services.revocations,
        secure=settings.public_base_url.startswith("https://"),
        timezone=lambda: services.house().timezone,
        is_tried_out=settings.is_tried_out,
    )


def _heard_now(parsed: Parsed, now: datetime) -> Parsed:
    """In the mode without keys any timestamp is legal, so none means anything."""
    inbounds = tuple(msgspec.structs.replace(inbound, at=now) for inbound in parsed.inbounds)
    return msgspec.structs.replace(parsed, inbounds=inbounds)


def _report(metrics: ProcessMetrics, parsed: Parsed, received: Received) -> None:
    log = logs.get_logger()
    for notice in parsed.notices:
        log.info("account.notice", field=notice.field, summary=notice.summary)
    for event, items in (("webhook.item_broken", parsed.broken), ("webhook.item_unreadable", parsed.unreadable)):
        for item in items:
            log.warning(event, where=item.where, why=item.why)
    log.info(
        "webhook.received",
        accepted=received.accepted,
        duplicates=received.duplicates,
        receipts=dict(received.receipts),
        broken=len(parsed.broken),
        unreadable=len(parsed.unreadable),
        foreign=parsed.foreign,
    )
    metrics.count_items(
        "whatsapp",
        accepted=received.accepted,
        duplicate=received.duplicates,
        receipt=len(parsed.receipts),
        noticed=len(parsed.notices),
        echo=len(parsed.echoes),
        broken=len(parsed.broken),
        unreadable=len(parsed.unreadable),
        foreign=parsed.foreign,
    )


app = create_app()
