"""Stateful simulator of Chatwoot (behaviour of v4.15.1 unless `ownership_mode` is on).

`# R<n>` names the rule of the list in `tests/kit/README.md` that a line enforces.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.kit.simulators.simulator import cut, jdumps

from .access import BOT_ACTIONS, PARAMS, WHO
from .contacts import ContactsApi
from .conversations import ConversationsApi
from .person import Person
from .rails import Http, not_found, unauthorized
from .settings import SettingsApi
from .staff import StaffApi


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
        parts = [x for x in request.match_info.get("tail", "").split("/") if x]
        if self.cfg["rack_attack"]:  # R10
            if self.limited("ip:" + str(request.remote), int(self.cfg["ip_limit_per_min"])) or (
                parts[:2] == ["contacts", "search"] and self.limited(f"search:{acc}", int(self.cfg["search_limit_per_min"]))
            ):
                return web.Response(status=429, text="Retry later\n", headers={"Retry-After": "60"})
        w = self.who(request)
        request[WHO] = w
        action, fn, args = self.resolve(request.method, parts)
        if w[0] == "AgentBot" and action not in BOT_ACTIONS:
            raise unauthorized("Access to this endpoint is not authorized for bots")  # R2
        if acc not in self.accounts:
            raise not_found()
        if w[0] == "User" and w[1]["account_id"] != acc:
            raise unauthorized("You are not authorized to access this account")
        if (
            w[0] == "AgentBot"
            and w[1]["account_id"] != acc
            and not any(i["bot_id"] == w[1]["id"] and i["account_id"] == acc for i in self.inboxes.values())
        ):
            raise unauthorized("Bot is not authorized to access this account")  # R3
        p, form = (
            ({}, False)
            if request.method in ("GET", "DELETE") and not request.can_read_body
            else await self.read_params(request)
        )
        request[PARAMS] = (
            {k: (v if not hasattr(v, "filename") else v.filename) for k, v in p.items()}
            if not form
            else {k: str(v)[:500] for k, v in p.items()}
        )
        before = set(self.outbox.tasks)
        res = fn(acc, w, p, form, request, *args)
        if asyncio.iscoroutine(res):
            res = await res
        f = self.faults.pick({"webhook_before_response"}, request.method + " " + request.path, {"action": action})  # R70
        if f:
            mine = [t for t in self.outbox.tasks if t not in before]
            if mine:
                await asyncio.wait(mine, timeout=float(f.d.get("seconds", 5)))
        if isinstance(res, web.Response):
            return res
        return web.Response(body=jdumps(res), content_type="application/json")

    def resolve(self, method: str, s: list[str]):
        """(rails action, function, args)"""
        k = len(s)
        m = method
        a0 = s[0] if k else ""
        put = m in ("PATCH", "PUT")
        if a0 == "contacts":
            if k == 1:
                return (
                    ("contacts#index", self.contacts_index, ()) if m == "GET" else ("contacts#create", self.contacts_create, ())
                )
            if s[1] == "search" and m == "GET":
                return "contacts#search", self.contacts_search, ()
            if s[1] == "filter" and m == "POST":
                return "contacts#filter", self.contacts_filter, ()
            if k == 2 and s[1].isdigit():
                if m == "GET":
                    return "contacts#show", self.contacts_show, (s[1],)
                if put:
                    return "contacts#update", self.contacts_update, (s[1],)
                if m == "DELETE":
                    return "contacts#destroy", self.contacts_destroy, (s[1],)
            if k == 3 and s[1].isdigit():
                t = {
                    ("GET", "conversations"): self.contact_convs,
                    ("GET", "contactable_inboxes"): self.contactable,
                    ("POST", "contact_inboxes"): self.ci_create,
                    ("GET", "labels"): self.clabels,
                    ("POST", "labels"): self.clabels,
                    ("POST", "destroy_custom_attributes"): self.c_destroy_attrs,
                    ("GET", "notes"): self.c_notes,
                    ("POST", "notes"): self.c_notes,
                }.get((m, s[2]))
                if t:
                    return f"contacts/{s[2]}", t, (s[1],)
        if a0 == "contact_inboxes" and s[1:] == ["filter"] and m == "POST":
            return "contact_inboxes#filter", self.ci_filter, ()
        if a0 == "actions" and s[1:] == ["contact_merge"] and m == "POST":
            return "contact_merges#create", self.merge, ()
        if a0 == "conversations":
            if k == 1:
                return (
                    ("conversations#index", self.conv_index, ())
                    if m == "GET"
                    else ("conversations#create", self.conv_create, ())
                )
            if s[1] in ("meta", "search") and m == "GET":
                return "conversations#" + s[1], self.conv_index if s[1] == "search" else self.conv_meta, ()
            if s[1] == "filter" and m == "POST":
                return "conversations#filter", self.conv_filter, ()
            if k == 2:
                if m == "GET":
                    return "conversations#show", self.conv_show, (s[1],)
                if put:
                    return "conversations#update", self.conv_update, (s[1],)
            if k == 3:
                t = {
                    ("POST", "toggle_status"): ("conversations#toggle_status", self.toggle_status),
                    ("POST", "toggle_priority"): ("conversations#toggle_priority", self.toggle_priority),
                    ("POST", "toggle_typing_status"): ("conversations#toggle_typing_status", self.toggle_typing),
                    ("POST", "custom_attributes"): ("conversations#custom_attributes", self.conv_attrs),
                    ("POST", "assignments"): ("assignments#create", self.assign),
                    ("GET", "labels"): ("labels#index", self.conv_labels),
                    ("POST", "labels"): ("labels#create", self.conv_labels),
                    ("GET", "messages"): ("messages#index", self.msg_index),
                    ("POST", "messages"): ("messages#create", self.msg_create),
                    ("POST", "mute"): ("conversations#mute", self.mute),
                    ("POST", "unmute"): ("conversations#mute", self.mute),
                    ("POST", "update_last_seen"): ("conversations#update_last_seen", self.last_seen),
                    ("POST", "unread"): ("conversations#unread", self.last_seen),
                }.get((m, s[2]))
                if t:
                    return t[0], t[1], (s[1],)
            if k == 4 and s[2] == "messages":
                if put:
                    return "messages#update", self.msg_update, (s[1], s[3])
                if m == "DELETE":
                    return "messages#destroy", self.msg_destroy, (s[1], s[3])
        crud = {
            "labels": self.labels_crud,
            "custom_attribute_definitions": self.defs_crud,
            "webhooks": self.hooks_crud,
            "inboxes": self.inboxes_crud,
            "agent_bots": self.bots_crud,
            "teams": self.teams_crud,
            "canned_responses": self.canned_crud,
            "dashboard_apps": self.apps_crud,
            "agents": self.agents_crud,
        }
        if a0 in crud:
            return a0 + "#admin", crud[a0], tuple(s[1:])
        if a0 == "inbox_members":
            return "inbox_members", self.inbox_members, tuple(s[1:])
        if a0 == "":
            return "accounts#show", self.account_show, ()
        raise Http(404, {"status": 404, "error": "Not Found"})

    def account_show(self, acc, w, p, form, request):
        return {
            "id": acc,
            "name": self.accounts[acc]["name"],
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
        }

    def state_view(self) -> dict:
        return {
            "contacts": [self.contact_json(c, True) for c in self.contacts.values()],
            "conversations": [self.conv_json(c) for c in self.convs.values()],
            "webhooks_configured": list(self.hooks.values()),
            "bots": list(self.bots.values()),
            "labels": [l["title"] for l in self.labels.values()],
            "definitions": [d["attribute_key"] for d in self.defs.values()],
            "inboxes": [self.inbox_json(i, True) for i in self.inboxes.values()],
            "webhooks": self.outbox.stats(),
            "requests": self.n_requests,
            "by_status": {
                str(s): sum(1 for r in self.requests_log if r["status"] == s) for s in {r["status"] for r in self.requests_log}
            },
        }
