"""Stateful simulator of Chatwoot: v4.16.2, or the `version` that is configured (4.15.1, 4.17.0).

`# R<n>` names the rule of the list in `tests/kit/README.md` that a line enforces.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.kit.simulators.simulator import cut, jdumps

from .access import PARAMS, WHO, Call
from .contacts import ContactsApi
from .conversations import ConversationsApi
from .person import Person
from .rails import Http, unauthorized
from .settings import SettingsApi
from .staff import StaffApi


def route(methods: str, path: str, action: str, handler: str) -> tuple[str, re.Pattern[str], str, str]:
    """`{n}` is a number, `{id}` anything (what is no number is then not found), `{...}` all the rest."""
    pattern = path.replace("{n}", r"(\d+)").replace("{id}", "([^/]+)").replace("/{...}", "(?:/(.*))?")
    return methods, re.compile(pattern), action, handler


ROUTES = [
    route("GET", "contacts", "contacts#index", "contacts_index"),
    route("POST", "contacts", "contacts#create", "contacts_create"),
    route("GET", "contacts/search", "contacts#search", "contacts_search"),
    route("POST", "contacts/filter", "contacts#filter", "contacts_filter"),
    route("GET", "contacts/{n}", "contacts#show", "contacts_show"),
    route("PATCH PUT", "contacts/{n}", "contacts#update", "contacts_update"),
    route("DELETE", "contacts/{n}", "contacts#destroy", "contacts_destroy"),
    route("GET", "contacts/{n}/conversations", "contacts/conversations", "contact_convs"),
    route("GET", "contacts/{n}/contactable_inboxes", "contacts/contactable_inboxes", "contactable"),
    route("POST", "contacts/{n}/contact_inboxes", "contacts/contact_inboxes", "ci_create"),
    route("GET POST", "contacts/{n}/labels", "contacts/labels", "clabels"),
    route("POST", "contacts/{n}/destroy_custom_attributes", "contacts/destroy_custom_attributes", "c_destroy_attrs"),
    route("GET POST", "contacts/{n}/notes", "contacts/notes", "c_notes"),
    route("POST", "contact_inboxes/filter", "contact_inboxes#filter", "ci_filter"),
    route("POST", "actions/contact_merge", "contact_merges#create", "merge"),
    route("GET", "conversations", "conversations#index", "conv_index"),
    route("POST", "conversations", "conversations#create", "conv_create"),
    route("GET", "conversations/meta", "conversations#meta", "conv_meta"),
    route("GET", "conversations/search", "conversations#search", "conv_index"),
    route("POST", "conversations/filter", "conversations#filter", "conv_filter"),
    route("GET", "conversations/{id}", "conversations#show", "conv_show"),
    route("PATCH PUT", "conversations/{id}", "conversations#update", "conv_update"),
    route("DELETE", "conversations/{id}", "conversations#destroy", "conv_destroy"),
    route("POST", "conversations/{id}/toggle_status", "conversations#toggle_status", "toggle_status"),
    route("POST", "conversations/{id}/toggle_priority", "conversations#toggle_priority", "toggle_priority"),
    route("POST", "conversations/{id}/toggle_typing_status", "conversations#toggle_typing_status", "toggle_typing"),
    route("POST", "conversations/{id}/custom_attributes", "conversations#custom_attributes", "conv_attrs"),
    route("POST", "conversations/{id}/assignments", "assignments#create", "assign"),
    route("GET", "conversations/{id}/labels", "labels#index", "conv_labels"),
    route("POST", "conversations/{id}/labels", "labels#create", "conv_labels"),
    route("GET", "conversations/{id}/messages", "messages#index", "msg_index"),
    route("POST", "conversations/{id}/messages", "messages#create", "msg_create"),
    route("POST", "conversations/{id}/mute", "conversations#mute", "mute"),
    route("POST", "conversations/{id}/unmute", "conversations#mute", "mute"),
    route("POST", "conversations/{id}/update_last_seen", "conversations#update_last_seen", "last_seen"),
    route("POST", "conversations/{id}/unread", "conversations#unread", "last_seen"),
    route("POST", "conversations/{id}/messages/{id}/retry", "messages#retry", "msg_retry"),
    route("PATCH PUT", "conversations/{id}/messages/{id}", "messages#update", "msg_update"),
    route("DELETE", "conversations/{id}/messages/{id}", "messages#destroy", "msg_destroy"),
    route("*", "labels/{...}", "labels#admin", "labels_crud"),
    route("*", "custom_attribute_definitions/{...}", "custom_attribute_definitions#admin", "defs_crud"),
    route("*", "webhooks/{...}", "webhooks#admin", "hooks_crud"),
    route("*", "inboxes/{...}", "inboxes#admin", "inboxes_crud"),
    route("*", "agent_bots/{...}", "agent_bots#admin", "bots_crud"),
    route("*", "teams/{...}", "teams#admin", "teams_crud"),
    route("*", "canned_responses/{...}", "canned_responses#admin", "canned_crud"),
    route("*", "dashboard_apps/{...}", "dashboard_apps#admin", "apps_crud"),
    route("*", "agents/{...}", "agents#admin", "agents_crud"),
    route("*", "inbox_members/{...}", "inbox_members", "inbox_members"),
    route("*", "", "accounts#show", "account_show"),
]


class ChatwootSim(ContactsApi, ConversationsApi, SettingsApi, StaffApi, Person):
    """The whole simulator."""

    def routes(self, app) -> None:
        app.router.add_get("/api", self.h_version)
        app.router.add_get("/api/v1/profile", self.h_profile)
        app.router.add_get("/rails/active_storage/blobs/redirect/{key}/{fn}", self.h_blob)
        app.router.add_route("*", "/api/v1/accounts/{acc:[0-9]+}/{tail:.*}", self.h_api)
        app.router.add_route("*", "/api/v1/accounts/{acc:[0-9]+}", self.h_api)

    async def h_version(self, request):
        return web.json_response(
            {
                "version": self.cfg["version"],
                "timestamp": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
                "queue_services": "ok",
                "data_services": "ok",
            }
        )

    async def h_profile(self, request):
        w = self.who(request)
        if w[0] == "AgentBot":
            raise unauthorized("Access to this endpoint is not authorized for bots")
        u = w[1]
        return web.json_response(
            {
                **self.agent_json(u),
                "access_token": u["token"],
                "accounts": [{"id": u["account_id"], "name": self.accounts[u["account_id"]]["name"], "role": u["role"]}],
            }
        )

    async def h_blob(self, request):
        b = self.blobs.get(request.match_info["key"])
        return web.Response(body=b["data"], headers={"Content-Type": b["type"]}) if b else web.Response(status=404)

    async def h_api(self, request):
        acc = int(request.match_info["acc"])
        path = "/".join(part for part in request.match_info.get("tail", "").split("/") if part)
        if self.throttled(request, acc, path):
            return web.Response(status=429, text="Retry later\n")
        w = self.who(request)
        request[WHO] = w
        action, handler, args = self.resolve(request.method, path)
        self.admit(w, acc, action)
        bodyless = request.method in ("GET", "DELETE") and not request.can_read_body
        p, form = ({}, False) if bodyless else await self.read_params(request)
        request[PARAMS] = {k: str(v)[:500] if form else getattr(v, "filename", v) for k, v in p.items()}
        before = set(self.outbox.tasks)
        res = handler(Call(acc, w, p, form, request), *args)
        f = self.faults.pick({"webhook_before_response"}, request.method + " " + request.path, {"action": action})  # R70
        if f:
            mine = [t for t in self.outbox.tasks if t not in before]
            if mine:
                await asyncio.wait(mine, timeout=float(f.options.get("seconds", 5)))
        if isinstance(res, web.Response):
            return res
        return web.Response(body=jdumps(res), content_type="application/json")

    def resolve(self, method: str, path: str) -> tuple[str, Callable[..., Any], list[str]]:
        """The vendor's name of the action, what serves it, and the ids in the path."""
        for methods, pattern, action, handler in ROUTES:
            if (methods == "*" or method in methods.split()) and (found := pattern.fullmatch(path)):
                ids = [part for group in found.groups() if group for part in group.split("/")]
                return action, getattr(self, handler), ids
        raise Http(404, {"status": 404, "error": "Not Found"})

    def account_show(self, call: Call):
        return {
            "id": call.account_id,
            "name": self.accounts[call.account_id]["name"],
            "status": "active",
            "locale": "es",
            "features": {},
            "latest_chatwoot_version": self.cfg["version"],
        }

    def ledger_view(self, since: int = 0, limit: int | None = None, conversation: Any = None, **_) -> dict:
        ms = [
            self.message_json(m) | {"seq": m["id"], "t": m["created_at"], "sender_type": m["sender_type"]}
            for m in self.msgs.values()
            if conversation is None or self.convs[m["conv"]]["display_id"] == int(conversation)
        ]
        return {
            "messages": cut(ms, since, limit),
            "requests": self.requests_log[-(limit or 100000) :],
            "events": self.event_log[-(limit or 100000) :],
            "lines": self.line_log[-(limit or 100000) :],
        }

    def state_view(self) -> dict:
        return {
            "contacts": [self.contact_json(c, True) for c in self.contacts.values()],
            "conversations": [self.conv_json(c) for c in self.convs.values()],
            "webhooks_configured": list(self.hooks.values()),
            "bots": list(self.bots.values()),
            "labels": [label["title"] for label in self.labels.values()],
            "definitions": [d["attribute_key"] for d in self.defs.values()],
            "inboxes": [self.inbox_json(i, True) for i in self.inboxes.values()],
            "webhooks": self.outbox.stats(),
            "requests": self.n_requests,
            "by_status": {
                str(s): sum(1 for r in self.requests_log if r["status"] == s) for s in {r["status"] for r in self.requests_log}
            },
        }
