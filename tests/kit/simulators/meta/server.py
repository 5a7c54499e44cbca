"""Simulator of Meta's WhatsApp Cloud API.

Facts come from Meta's public documentation and OpenAPI description; what is inferred is listed in `tests/kit/README.md`.
"""

from __future__ import annotations

from aiohttp import web

from tests.kit.simulators.simulator import cut

from .messages import MessagesApi
from .nodes import NodesApi
from .templates import TemplatesApi


class MetaSim(MessagesApi, NodesApi, TemplatesApi):
    """The whole simulator."""

    def routes(self, app: web.Application) -> None:
        r = app.router
        r.add_get("/whatsapp_business/attachments/", self.h_download)
        for v in (r"/{version:v\d+\.\d+}", ""):
            r.add_post(v + r"/{node:[0-9A-Za-z_.-]+}/messages", self.h_messages)
            r.add_post(v + r"/{node:[0-9]+}/media", self.h_upload)
            r.add_route("*", v + r"/{node:[0-9]+}/message_templates", self.h_templates)
            r.add_route(
                "*",
                v + r"/{node:[0-9]+}/{edge:phone_numbers|subscribed_apps|whatsapp_business_profile|register}",
                self.h_edges,
            )
            r.add_route("*", v + r"/{node:[0-9]+}", self.h_node)
        r.add_route("*", "/{tail:.*}", self.h_unknown)

    def ledger_view(
        self, since: int = 0, limit: int | None = None, contact: str | None = None, kind: str | None = None, **_
    ) -> dict:
        rows = [
            e
            for e in self.ledger
            if (not contact or e.get("contact") == contact or e.get("wa_id") == contact) and (not kind or e["kind"] == kind)
        ]
        return {
            "accepted": cut(rows, since, limit),
            "rejected": self.rejected[-(limit or 100000) :],
            "inbound": cut(self.inbound_log, since, limit),
        }

    def state_view(self) -> dict:
        return {
            "contacts": list(self.contacts.values()),
            "templates": list(self.templates.values()),
            "media": len(self.media),
            "fail_rules": self.fail_rules,
            "webhooks": self.outbox.stats(),
            "requests": self.n_requests,
            "accepted_messages": sum(1 for e in self.ledger if e["kind"] == "message"),
            "rejected": len(self.rejected),
        }
