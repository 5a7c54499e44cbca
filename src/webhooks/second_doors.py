"""Doors under the names that older installations call them by: the same views, the same proof, the same answers."""

from __future__ import annotations

from typing import Any

from flask import Flask

from src.bootstrap import Services
from src.webhooks import security

SECOND_NAMES: tuple[tuple[str, str, str], ...] = (
    ("GET", "/webhook", "whatsapp.verify"),
    ("POST", "/webhook", "whatsapp.receive"),
    ("POST", "/api/v1/bot/whatsapp/", "twilio.receive"),
    ("POST", "/api/v1/twilio/webhook/receive", "twilio.receive"),
    ("POST", "/api/v1/twilio/webhook/status", "twilio.status"),
    ("POST", "/api/v1/whatsapp/webhook", "twilio.receive"),
    ("GET", "/api/v1/bot/health/", "operations.healthz"),
    ("GET", "/api/v1/whatsapp/test", "operations.diag_test"),
    ("GET", "/api/v1/whatsapp/diag", "operations.diag"),
    ("POST", "/api/v1/whatsapp/send-test", "operations.diag_send"),
    ("GET", "/whatsapp/sessions", "operations.conversations"),
    ("DELETE", "/whatsapp/sessions/<path:reference>", "operations.forget"),
)
"""Method, path, and the view by its own name."""


def install(app: Flask, services: Services) -> None:
    """Opens them. A GET that would send is refused with the way that works."""
    for method, path, endpoint in SECOND_NAMES:
        view = app.view_functions[endpoint]
        # The address that Twilio signs is the one it was given, with or without the stroke at its end: no redirect.
        app.add_url_rule(path, endpoint, view, methods=[method], strict_slashes=False)

    def send_test_by_get() -> Any:
        """Refused: what a link does, anybody's browser does."""
        answer, status = security.error(405, "method_not_allowed", "This sends a message: use POST, with the admin token.")
        answer.headers["Allow"] = "POST"
        return answer, status

    guarded = security.guard(send_test_by_get, security.OPERATOR, services.admin_token)
    app.add_url_rule("/api/v1/whatsapp/send-test", "operations.send_test_by_get", guarded, methods=["GET"])
