"""The human side, for tests: a person works in the dashboard."""

from __future__ import annotations

from typing import Any

from .messages import MessagesApi
from .rails import truthy


class Person(MessagesApi):
    """Does what a click in the dashboard does."""

    def agent(self, d: dict) -> Any:
        """A person works in the dashboard. d: {action, conversation_id | phone, user_id=2, …}

        reply(content, content_attributes, attachments?) | note(content) | template(template_params, content) | assign(assignee_id) | assign_bot(bot_id) | unassign |
        team(team_id) | resolve | open | pending | snooze(until) | labels([…]) | add_label | remove_label | attributes({…}) | priority | typing(on|off) |
        delete_message(message_id) | block | unblock | contact(fields) | external_echo(content) | online(user_id, online) | new_conversation(phone, content)
        """
        acc = int(self.cfg["account_id"])
        u = self.users[int(d.get("user_id", 2))]
        w = ("User", u)
        a = d["action"]
        if a == "online":
            u["online"] = truthy(d.get("online", True))
            return {"ok": True}
        if a == "new_conversation":  # from the dashboard: an unknown contact inbox gets a random UUID
            ct = next(c for c in self.contacts.values() if c["phone_number"] == d["phone"])
            ib = self.inboxes[int(d.get("inbox_id", self.cfg["inbox_id"]))]
            own = [x for x in self.cis.values() if x["contact_id"] == ct["id"] and x["inbox_id"] == ib["id"]]
            ci = own[-1] if own else self.build_ci(ct, ib, None)
            conv = self.create_conv(acc, ci, {"assignee_id": u["id"]})
            m = self.post_message(conv, w, {"content": d.get("content", "Hola"), "template_params": d.get("template_params")})
            return {"conversation_id": conv["display_id"], "message": self.message_json(m)}
        if d.get("conversation_id"):
            c = self.by_display[(acc, int(d["conversation_id"]))]
        else:
            ph = "+" + str(d["phone"]).lstrip("+")
            ids = [x["id"] for x in self.contacts.values() if x["phone_number"] == ph]
            c = [x for x in self.convs.values() if x["contact_id"] in ids][-1]
        if a in ("reply", "note", "template"):
            m = self.post_message(
                c,
                w,
                {
                    "content": d.get("content"),
                    "private": a == "note",
                    "content_attributes": d.get("content_attributes"),
                    "template_params": d.get("template_params"),
                },
            )
            return {"message": self.message_json(m)}
        if a == "external_echo":  # sent from the phone's WhatsApp app: no sender
            return {
                "message": self.message_json(
                    self.create_message(
                        c,
                        {"content": d.get("content"), "message_type": 1, "content_attributes": {"external_echo": True}},
                        None,
                    )
                )
            }
        if a == "automation":  # automation rule: no sender
            return {
                "message": self.message_json(
                    self.create_message(
                        c,
                        {
                            "content": d.get("content"),
                            "message_type": 1,
                            "content_attributes": {"automation_rule_id": 1},
                        },
                        None,
                    )
                )
            }
        if a == "assign":
            ch = {"assignee_id": int(d["assignee_id"]), "assignee_agent_bot_id": None}
            if self.cfg["ownership_mode"] and c["status"] == "pending" and c["assignee_agent_bot_id"]:
                ch["status"] = "open"
            self.save_conv(c, ch, u)
        elif a == "assign_bot":
            self.save_conv(
                c,
                {
                    "assignee_id": None,
                    "assignee_agent_bot_id": int(d.get("bot_id", 1)),
                    **({"status": "pending"} if self.cfg["ownership_mode"] else {}),
                },
                u,
            )
        elif a == "unassign":
            self.save_conv(c, {"assignee_id": None, "assignee_agent_bot_id": None}, u)
        elif a == "team":
            self.save_conv(c, {"team_id": int(d["team_id"]) if d.get("team_id") else None}, u)
        elif a in ("resolve", "open", "pending", "snooze"):
            ch = {"status": {"resolve": "resolved", "snooze": "snoozed"}.get(a, a)}
            if a == "snooze":
                ch["snoozed_until"] = self.clock.now() + float(d.get("seconds", 3600))
            if self.cfg["ownership_mode"] and a == "open":
                ch["assignee_agent_bot_id"] = None
            self.save_conv(c, ch, u)
            if c["status"] == "open" and u["role"] == "agent" and a == "open":
                self.save_conv(c, {"assignee_id": u["id"]}, u)
        elif a == "labels":
            self.save_conv(c, {"labels": self.tag_list(d["labels"])}, u)
        elif a == "add_label":
            self.save_conv(c, {"labels": self.tag_list(c["labels"] + [d["label"]])}, u)
        elif a == "remove_label":
            self.save_conv(c, {"labels": [x for x in c["labels"] if x != d["label"]]}, u)
        elif a == "attributes":
            self.save_conv(c, {"custom_attributes": dict(d["attributes"])}, u)
        elif a == "priority":
            self.save_conv(c, {"priority": d.get("priority")}, u)
        elif a == "typing":
            self.emit(
                "conversation_typing_" + d.get("typing", "on"),
                conv=c,
                typing={
                    "user": {"id": u["id"], "name": u["name"], "email": u["email"], "type": "user"},
                    "private": False,
                },
            )
        elif a == "delete_message":
            m = self.msgs[int(d["message_id"])]
            m.update(
                {
                    "content": "This message was deleted",
                    "content_type": "text",
                    "content_attributes": {"deleted": True},
                    "attachments": [],
                    "updated_at": self.clock.now(),
                }
            )
            self.emit("message_updated", msg=m)
        elif a in ("block", "unblock"):
            self.contacts[c["contact_id"]]["blocked"] = a == "block"
            if a == "block":
                self.save_conv(c, {"status": "resolved"}, u)
        else:
            raise ValueError("unknown action " + a)
        return {"conversation": self.conv_json(c, u)}
