"""`/conversations`: lists, status, assignment, labels, attributes."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from .access import Call
from .filters import CONV_STD, Filters
from .limits import check_jsonb
from .messages import MessagesApi
from .rails import Http, NotUnique, iso, not_found, present, to_i, truthy, unauthorized
from .vocabulary import PRIORITY, STATUS


class ConversationsApi(Filters, MessagesApi):
    """Conversations, but not their messages."""

    def conv_rows(self, acc, w, request):
        q = request.query
        rows = [c for c in self.convs.values() if c["account_id"] == acc and self.listed(c, w)]
        if q.get("inbox_id"):
            rows = [c for c in rows if str(c["inbox_id"]) == q["inbox_id"]]
        if not q.get("q"):
            st = q.get("status") or "open"  # R40
            if st != "all":
                rows = [c for c in rows if c["status"] == st]
        if q.get("team_id"):
            rows = [c for c in rows if str(c["team_id"]) == q["team_id"]]
        lb = q.getall("labels[]", []) or q.getall("labels", [])
        if lb:
            rows = [c for c in rows if set(lb) & set(c["labels"])]
        if q.get("source_id"):
            rows = [c for c in rows if self.cis[c["contact_inbox_id"]]["source_id"] == q["source_id"]]
        if q.get("q"):
            t = q["q"].lower()
            rows = [
                c
                for c in rows
                if any(t in (m["content"] or "").lower() and m["message_type"] in (0, 1) for m in self.conv_msgs(c))
            ]
        me = w[1]["id"]
        cnt = {
            "mine_count": sum(1 for c in rows if c["assignee_id"] == me),
            "assigned_count": sum(1 for c in rows if c["assignee_id"]),
            "unassigned_count": sum(1 for c in rows if not c["assignee_id"]),
            "all_count": len(rows),
        }
        at = q.get("assignee_type")
        if at == "me":
            rows = [c for c in rows if c["assignee_id"] == me]
        elif at == "unassigned":
            rows = [c for c in rows if not c["assignee_id"]]
        elif at == "assigned":
            rows = [c for c in rows if c["assignee_id"]]
        key = {
            "created_at_asc": (lambda c: c["created_at"]),
            "last_activity_at_asc": (lambda c: c["last_activity_at"]),
        }.get(q.get("sort_by", ""))
        rows.sort(key=key or (lambda c: (-c["last_activity_at"], -c["id"])))
        if q.get("sort_by") == "created_at_desc":
            rows.sort(key=lambda c: -c["created_at"])
        return rows, cnt

    def conv_index(self, call: Call):
        rows, cnt = self.conv_rows(call.account_id, call.who, call.request)
        n = self.page(call.request)
        part = (
            [c for c in rows if c["updated_at"] > self.clock.now() - to_i(call.request.query["updated_within"])]
            if call.request.query.get("updated_within")
            else rows[(n - 1) * 25 : n * 25]
        )
        body = {"meta": cnt, "payload": [self.conv_json(c, call.who[1]) for c in part]}
        return body if call.request.path.endswith("/search") else {"data": body}

    def conv_meta(self, call: Call):
        return {"meta": self.conv_rows(call.account_id, call.who, call.request)[1]}

    def conv_filter(self, call: Call):
        rows = [c for c in self.convs.values() if c["account_id"] == call.account_id and self.visible(c, call.who)]
        rows = self.do_filter(
            call.account_id,
            call.params,
            CONV_STD,
            rows,
            lambda c, k, s: (c.get(k) if k in c else c["additional_attributes"].get(k)) if s else c["custom_attributes"].get(k),
            "conversation_attribute",
        )
        rows.sort(key=lambda c: -c["last_activity_at"])
        n = self.page(call.request)
        me = call.who[1]["id"]
        return {
            "meta": {
                "mine_count": sum(1 for c in rows if c["assignee_id"] == me),
                "unassigned_count": sum(1 for c in rows if not c["assignee_id"]),
                "all_count": len(rows),
            },
            "payload": [self.conv_json(c, call.who[1]) for c in rows[(n - 1) * 25 : n * 25]],
        }

    def conv_create(self, call: Call):
        p = call.params
        p = (
            p.get("conversation")
            if isinstance(p.get("conversation"), dict) and "source_id" not in p and "contact_id" not in p
            else p
        )
        ib = self.inbox(call.account_id, p["inbox_id"], call.who) if present(p.get("inbox_id")) else None
        ct = self.contact(call.account_id, p["contact_id"]) if present(p.get("contact_id")) else None
        if ib and ct:
            try:
                ci = self.build_ci(ct, ib, p.get("source_id"))
            except NotUnique:
                raise Http(422, {"error": "source_id should be unique"}) from None  # R25
        else:
            ci = (
                next((x for x in self.cis.values() if x["source_id"] == str(p.get("source_id"))), None)
                if present(p.get("source_id"))
                else None
            )
            if not ci:
                raise not_found()
            if self.inboxes[ci["inbox_id"]]["account_id"] != call.account_id:
                raise unauthorized()
            self.inbox(call.account_id, ci["inbox_id"], call.who)
        old = None
        if self.inboxes[ci["inbox_id"]]["lock_to_single_conversation"]:  # R29
            mine = [c for c in self.convs.values() if c["contact_inbox_id"] == ci["id"]]
            old = mine[-1] if mine else None
        conv = old or self.create_conv(call.account_id, ci, p)
        if isinstance(p.get("message"), dict) and p["message"]:
            self.post_message(conv, call.who, p["message"])
        return self.conv_json(conv, call.who[1])

    def conv_show(self, call: Call, did):
        return self.conv_json(self.conv(call.account_id, did, call.who), call.who[1])

    def conv_update(self, call: Call, did):
        p = call.params
        c = self.conv(call.account_id, did, call.who)
        p = p.get("conversation") if isinstance(p.get("conversation"), dict) else p
        if "priority" in p:
            if p["priority"] is not None and p["priority"] not in PRIORITY:
                raise Http(500, {"status": 500, "error": "Internal Server Error"})
            self.save_conv(c, {"priority": p["priority"]}, call.who[1])
        return self.conv_json(c, call.who[1])

    def conv_destroy(self, call: Call, did):
        """Says so at once; a job does it after `deletion_delay_s`. (v4.3 and later)"""
        conv = self.conv(call.account_id, did, call.who)
        self.admin(call.who)
        delay_s = float(self.cfg["deletion_delay_s"])
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self.forget_conv, conv)
        else:
            self.forget_conv(conv)
        return web.Response(status=200)

    def toggle_status(self, call: Call, did):
        c = self.conv(call.account_id, did, call.who)
        st = call.params.get("status")
        ok: bool | None = True
        u = call.who[1] if call.who[0] == "User" else None
        if call.who[0] == "AgentBot" and c["status"] == "pending" and st == "open":  # R34
            if not c["waiting_since"]:
                self.save_conv(c, {"waiting_since": self.clock.now()}, None)
            ch: dict = {"status": "open"}
            if self.bots_own:
                ch["assignee_agent_bot_id"] = None  # R31
            self.save_conv(c, ch, None)
            ok = None
        elif present(st):
            if st not in STATUS:
                raise Http(500, {"status": 500, "error": "Internal Server Error"})  # R9
            ch = {"status": st}
            if call.params.get("snoozed_until"):
                with contextlib.suppress(TypeError, ValueError):
                    ch["snoozed_until"] = float(call.params["snoozed_until"])
            self.save_conv(c, ch, u)
        else:  # R35
            self.save_conv(c, {"status": "resolved" if c["status"] == "open" else "open"}, u)
        if c["status"] == "open" and u:
            self.opened_by(c, u)
        return {
            "meta": {},
            "payload": {
                "success": ok,
                "conversation_id": c["display_id"],
                "current_status": c["status"],
                "snoozed_until": iso(c["snoozed_until"]) if c["snoozed_until"] else None,
            },
        }

    def toggle_priority(self, call: Call, did):
        c = self.conv(call.account_id, did, call.who)
        v = call.params.get("priority") or None
        if v is not None and v not in PRIORITY:
            raise Http(500, {"status": 500, "error": "Internal Server Error"})
        self.save_conv(c, {"priority": v}, call.who[1])
        return web.Response(status=200)

    def toggle_typing(self, call: Call, did):
        c = self.conv(call.account_id, did, call.who)
        ev = {"on": "conversation_typing_on", "off": "conversation_typing_off"}.get(call.params.get("typing_status"))
        if ev:
            who = {
                "id": call.who[1]["id"],
                "name": call.who[1]["name"],
                "type": "user" if call.who[0] == "User" else "agent_bot",
            }
            if call.who[0] == "User":
                who["email"] = call.who[1]["email"]
            self.emit(ev, conv=c, typing={"user": who, "private": truthy(call.params.get("is_private"))})
        return web.Response(status=200)

    def conv_attrs(self, call: Call, did):  # R33: replaces
        c = self.conv(call.account_id, did, call.who)
        if "custom_attributes" not in call.params:
            raise Http(500, {"status": 500, "error": "Internal Server Error"})
        v = call.params["custom_attributes"] if isinstance(call.params["custom_attributes"], dict) else {}
        check_jsonb("custom_attributes", v)
        self.save_conv(c, {"custom_attributes": dict(v)}, call.who[1])
        return {"custom_attributes": c["custom_attributes"]}

    def conv_labels(self, call: Call, did):  # R33
        c = self.conv(call.account_id, did, call.who)
        if call.request.method == "POST":
            self.save_conv(c, {"labels": self.tag_list(call.params.get("labels"))}, call.who[1])
        return {"payload": list(c["labels"])}

    def assign(self, call: Call, did):
        c = self.conv(call.account_id, did, call.who)
        actor = call.who[1] if call.who[0] == "User" else None
        if call.params.get("assignee_type") == "AgentBot":
            b = self.bots.get(int(call.params["assignee_id"])) if str(call.params.get("assignee_id") or "").isdigit() else None
            if not b or b["account_id"] != call.account_id:
                return None
            ch: dict = {"assignee_id": None, "assignee_agent_bot_id": b["id"], "captain_id": None}
            if self.bots_own:
                ch["status"] = "pending"  # R38
            self.save_conv(c, ch, actor)
            return self.bot_slim(b)
        if "assignee_id" in call.params:  # R37
            u = self.users.get(int(call.params["assignee_id"])) if str(call.params["assignee_id"] or "").isdigit() else None
            if u and u["account_id"] != call.account_id:
                u = None
            ch = {"assignee_id": u["id"] if u else None, "assignee_agent_bot_id": None, "captain_id": None}
            if u and self.bots_own and c["status"] == "pending" and c["assignee_agent_bot_id"]:
                ch["status"] = "open"  # R38
            self.save_conv(c, ch, actor)
            return self.agent_json(u) if u else None
        if "team_id" in call.params:  # R39
            t = self.teams.get(int(call.params["team_id"])) if str(call.params["team_id"] or "").isdigit() else None
            self.save_conv(c, {"team_id": t["id"] if t else None}, actor)
            return self.team_json(t, call.who[1]) if t else None
        return None

    def msg_retry(self, call: Call, did, mid):
        m = self.message(self.conv(call.account_id, did, call.who), mid)
        self.retry_message(m)
        return self.message_json(m)

    def mute(self, call: Call, did):
        c = self.conv(call.account_id, did, call.who)
        on = call.request.path.endswith("/mute")
        self.contacts[c["contact_id"]]["blocked"] = on
        if on:
            self.save_conv(c, {"status": "resolved"}, call.who[1])
        return web.Response(status=200)

    def last_seen(self, call: Call, did):
        c = self.conv(call.account_id, did, call.who)
        c["agent_last_seen_at"] = self.clock.now()
        return self.conv_json(c, call.who[1])
