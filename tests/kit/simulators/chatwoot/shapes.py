"""The JSON of each object: in answers (`_json`), in webhooks (`_webhook`), and as pushed to browsers (`_push`)."""

from __future__ import annotations

from .rails import iso
from .store import Store
from .vocabulary import MTYPE


class Shapes(Store):
    """Every object has up to three shapes, as in the vendor's code."""

    def acc_data(self, acc: int) -> dict:
        return {"id": acc, "name": self.accounts[acc]["name"]}

    def contact_json(self, c: dict, with_ci: bool = False) -> dict:
        o = {
            "additional_attributes": c["additional_attributes"],
            "availability_status": "offline",
            "email": c["email"],
            "id": c["id"],
            "name": c["name"],
            "phone_number": c["phone_number"],
            "blocked": c["blocked"],
            "identifier": c["identifier"],
            "thumbnail": "",
            "custom_attributes": c["custom_attributes"],
        }
        if c["last_activity_at"]:
            o["last_activity_at"] = int(c["last_activity_at"])
        o["created_at"] = int(c["created_at"])
        if with_ci:
            o["contact_inboxes"] = [self.ci_json(x) for x in self.cis.values() if x["contact_id"] == c["id"]]
        return o

    def ci_json(self, x: dict) -> dict:
        return {"source_id": x["source_id"], "inbox": self.inbox_slim(self.inboxes[x["inbox_id"]])}

    @staticmethod
    def inbox_slim(i: dict) -> dict:
        return {
            "id": i["id"],
            "avatar_url": "",
            "channel_id": i["channel"]["id"],
            "name": i["name"],
            "channel_type": i["channel_type"],
            "provider": None,
        }

    def inbox_json(self, i: dict, admin: bool) -> dict:
        o = {
            "id": i["id"],
            "avatar_url": "",
            "channel_id": i["channel"]["id"],
            "name": i["name"],
            "channel_type": i["channel_type"],
            "greeting_enabled": i["greeting_enabled"],
            "greeting_message": i["greeting_message"],
            "working_hours_enabled": i["working_hours_enabled"],
            "enable_email_collect": True,
            "csat_survey_enabled": i["csat_survey_enabled"],
            "csat_config": {},
            "enable_auto_assignment": i["enable_auto_assignment"],
            "auto_assignment_config": {},
            "out_of_office_message": i["out_of_office_message"],
            "working_hours": [],
            "timezone": "UTC",
            "callback_webhook_url": None,
            "allow_messages_after_resolved": True,
            "lock_to_single_conversation": i["lock_to_single_conversation"],
            "sender_name_type": "friendly",
            "business_name": None,
            "hmac_mandatory": i["channel"]["hmac_mandatory"],
        }
        if i["channel_type"] == "Channel::Api":
            if admin:
                o.update({"hmac_token": i["channel"]["hmac_token"], "secret": i["channel"]["secret"]})
            o.update(
                {
                    "webhook_url": i["channel"]["webhook_url"],
                    "inbox_identifier": i["channel"]["identifier"],
                    "additional_attributes": i["channel"]["additional_attributes"],
                }
            )
        o["provider"] = None
        return o

    def contact_push(self, c: dict) -> dict:
        return {
            "additional_attributes": c["additional_attributes"],
            "custom_attributes": c["custom_attributes"],
            "email": c["email"],
            "id": c["id"],
            "identifier": c["identifier"],
            "name": c["name"],
            "phone_number": c["phone_number"],
            "thumbnail": "",
            "blocked": c["blocked"],
            "type": "contact",
        }

    def contact_webhook(self, c: dict) -> dict:  # R62: no "type"
        return {
            "account": self.acc_data(c["account_id"]),
            "additional_attributes": c["additional_attributes"],
            "avatar": "",
            "custom_attributes": c["custom_attributes"],
            "email": c["email"],
            "id": c["id"],
            "identifier": c["identifier"],
            "name": c["name"],
            "phone_number": c["phone_number"],
            "thumbnail": "",
            "blocked": c["blocked"],
        }

    def user_push(self, u: dict) -> dict:
        return {
            "id": u["id"],
            "name": u["name"],
            "available_name": u["name"],
            "avatar_url": "",
            "type": "user",
            "availability_status": "online" if u["online"] else "offline",
            "thumbnail": "",
        }

    def agent_json(self, u: dict) -> dict:
        return {
            "id": u["id"],
            "account_id": u["account_id"],
            "availability_status": "online" if u["online"] else "offline",
            "auto_offline": True,
            "confirmed": True,
            "email": u["email"],
            "provider": "email",
            "available_name": u["name"],
            "name": u["name"],
            "role": u["role"],
            "thumbnail": "",
        }

    @staticmethod
    def bot_push(b: dict) -> dict:
        return {"id": b["id"], "name": b["name"], "avatar_url": "", "type": "agent_bot"}

    def sender_push(self, m: dict) -> dict | None:
        s = self.sender_obj(m)
        return (
            None
            if not s
            else self.contact_push(s[1])
            if s[0] == "Contact"
            else self.user_push(s[1])
            if s[0] == "User"
            else self.bot_push(s[1])
        )

    def sender_webhook(self, m: dict) -> dict | None:
        s = self.sender_obj(m)
        if not s:
            return None
        if s[0] == "Contact":
            return self.contact_webhook(s[1])
        return (
            {"id": s[1]["id"], "name": s[1]["name"], "email": s[1]["email"], "type": "user"}
            if s[0] == "User"
            else {"id": s[1]["id"], "name": s[1]["name"], "type": "agent_bot"}
        )

    def message_json(self, m: dict, echo: str | None = None) -> dict:
        o = {"id": m["id"], "content": m["content"], "inbox_id": m["inbox_id"]}
        if echo:
            o["echo_id"] = echo  # R46
        o.update(
            {
                "conversation_id": self.convs[m["conv"]]["display_id"],
                "message_type": m["message_type"],
                "content_type": m["content_type"],
                "status": m["status"],
                "content_attributes": m["content_attributes"],
                "created_at": int(m["created_at"]),
                "private": m["private"],
                "source_id": m["source_id"],
            }
        )
        s = self.sender_push(m)
        if s:
            o["sender"] = s
        if m["attachments"]:
            o["attachments"] = m["attachments"]
        return o

    def message_push(self, m: dict) -> dict:
        conv = self.convs[m["conv"]]
        o = {
            "id": m["id"],
            "content": m["content"],
            "account_id": m["account_id"],
            "inbox_id": m["inbox_id"],
            "conversation_id": conv["display_id"],
            "message_type": m["message_type"],
            "created_at": int(m["created_at"]),
            "updated_at": iso(m["updated_at"]),
            "private": m["private"],
            "status": m["status"],
            "source_id": m["source_id"],
            "content_type": m["content_type"],
            "content_attributes": m["content_attributes"],
            "sender_type": m["sender_type"],
            "sender_id": m["sender_id"],
            "external_source_ids": {},
            "additional_attributes": m["additional_attributes"],
            "processed_message_content": m["content"],
            "sentiment": {},
            "conversation": {
                "assignee_id": conv["assignee_id"],
                "unread_count": self.unread(conv),
                "last_activity_at": int(conv["last_activity_at"]),
                "contact_inbox": {"source_id": self.cis[conv["contact_inbox_id"]]["source_id"]},
            },
        }
        if m["attachments"]:
            o["attachments"] = m["attachments"]
        s = self.sender_push(m)
        if s:
            o["sender"] = s
        return o

    @staticmethod
    def owner_json(owner: tuple[str, dict], of_user, of_bot) -> dict:
        kind, row = owner
        if kind == "Captain::Assistant":  # R77
            return {"id": row["id"], "name": row["name"], "avatar_url": "", "type": "captain_assistant"}
        return of_user(row) if kind == "User" else of_bot(row)

    def conv_json(self, conv: dict, user: dict | None = None) -> dict:
        ms = self.conv_msgs(conv)
        a = self.assigned(conv)
        meta: dict = {
            "sender": self.contact_json(self.contacts[conv["contact_id"]]),
            "channel": self.inboxes[conv["inbox_id"]]["channel_type"],
        }
        if a:
            meta["assignee"] = self.owner_json(a, self.agent_json, self.bot_slim)
            meta["assignee_type"] = a[0]
        if conv["team_id"]:
            meta["team"] = self.team_json(self.teams[conv["team_id"]], user)
        meta["hmac_verified"] = self.cis[conv["contact_inbox_id"]]["hmac_verified"]
        lna = next((m for m in reversed(ms) if m["message_type"] != 2), None)
        return {
            "meta": meta,
            "id": conv["display_id"],
            "messages": [self.message_push(ms[-1])] if ms else [],
            "account_id": conv["account_id"],
            "uuid": conv["uuid"],
            "additional_attributes": conv["additional_attributes"],
            "agent_last_seen_at": int(conv["agent_last_seen_at"] or 0),
            "assignee_last_seen_at": int(conv["assignee_last_seen_at"] or 0),
            "can_reply": self.can_reply(conv),
            "contact_last_seen_at": 0,
            "custom_attributes": conv["custom_attributes"],
            "inbox_id": conv["inbox_id"],
            "labels": list(conv["labels"]),
            "muted": self.contacts[conv["contact_id"]]["blocked"],
            "snoozed_until": iso(conv["snoozed_until"]) if conv["snoozed_until"] else None,
            "status": conv["status"],
            "created_at": int(conv["created_at"]),
            "updated_at": conv["updated_at"],
            "timestamp": int(conv["last_activity_at"]),
            "first_reply_created_at": int(conv["first_reply_created_at"] or 0),
            "unread_count": self.unread(conv),
            "last_non_activity_message": self.message_push(lna) if lna else None,
            "last_activity_at": int(conv["last_activity_at"]),
            "priority": conv["priority"],
            "waiting_since": int(conv["waiting_since"] or 0),
            "sla_policy_id": None,
        }

    def conv_webhook(self, conv: dict) -> dict:
        a = self.assigned(conv)
        ci = self.cis[conv["contact_inbox_id"]]
        chat = next(
            (
                self.msgs[i]
                for i in reversed(conv["message_ids"])
                if i in self.msgs and self.msgs[i]["message_type"] != 2 and not self.msgs[i]["private"]
            ),
            None,
        )
        return {
            "additional_attributes": conv["additional_attributes"],
            "can_reply": self.can_reply(conv),
            "channel": self.inboxes[conv["inbox_id"]]["channel_type"],
            "contact_inbox": {
                "id": ci["id"],
                "contact_id": ci["contact_id"],
                "inbox_id": ci["inbox_id"],
                "source_id": ci["source_id"],
                "created_at": iso(ci["created_at"]),
                "updated_at": iso(ci["created_at"]),
                "hmac_verified": ci["hmac_verified"],
                "pubsub_token": ci["pubsub_token"],
            },
            "id": conv["display_id"],
            "inbox_id": conv["inbox_id"],
            "messages": [self.message_push(chat)] if chat else [],  # R63
            "labels": list(conv["labels"]),
            "meta": {
                "sender": self.contact_push(self.contacts[conv["contact_id"]]),
                "assignee": self.owner_json(a, self.user_push, self.bot_push) if a else None,
                "assignee_type": a[0] if a else None,
                "team": {"id": conv["team_id"], "name": self.teams[conv["team_id"]]["name"]} if conv["team_id"] else None,
                "hmac_verified": ci["hmac_verified"],
            },
            "status": conv["status"],
            "custom_attributes": conv["custom_attributes"],
            "snoozed_until": iso(conv["snoozed_until"]) if conv["snoozed_until"] else None,
            "unread_count": self.unread(conv),
            "first_reply_created_at": iso(conv["first_reply_created_at"]) if conv["first_reply_created_at"] else None,
            "priority": conv["priority"],
            "waiting_since": int(conv["waiting_since"] or 0),
            "agent_last_seen_at": int(conv["agent_last_seen_at"] or 0),
            "contact_last_seen_at": 0,
            "last_activity_at": int(conv["last_activity_at"]),
            "timestamp": int(conv["last_activity_at"]),
            "created_at": int(conv["created_at"]),
            "updated_at": conv["updated_at"],
            "account": self.acc_data(conv["account_id"]),
        }

    def webhook_content(self, content: str | None) -> str | None:
        """R73: the editor's hard breaks are normalised in webhooks, since 4.13; its Markdown is not, and REST shows all raw."""
        return content.replace("\\\n", "\n") if content and self.since(4, 13) else content

    def message_webhook(self, m: dict) -> dict:  # R62: outer message_type is a string and there is no status, R46: no echo_id
        ib = self.inboxes[m["inbox_id"]]
        o = {
            "account": self.acc_data(m["account_id"]),
            "additional_attributes": m["additional_attributes"],
            "content_attributes": m["content_attributes"],
            "content_type": m["content_type"],
            "content": self.webhook_content(m["content"]),
            "conversation": self.conv_webhook(self.convs[m["conv"]]),
            "created_at": iso(m["created_at"]),
            "id": m["id"],
            "inbox": {"id": ib["id"], "name": ib["name"]},
            "message_type": next(k for k, v in MTYPE.items() if v == m["message_type"]),
            "private": m["private"],
            "sender": self.sender_webhook(m),
            "source_id": m["source_id"],
        }
        if m["attachments"]:
            o["attachments"] = m["attachments"]
        return o

    @staticmethod
    def bot_slim(b: dict) -> dict:
        return {
            "id": b["id"],
            "name": b["name"],
            "description": b["description"],
            "thumbnail": "",
            "outgoing_url": b["outgoing_url"],
            "bot_type": b["bot_type"],
        }

    def bot_json(self, b: dict, admin: bool) -> dict:
        o = {
            **self.bot_slim(b),
            "bot_config": b["bot_config"],
            "account_id": b["account_id"],
        }
        if admin or not self.since(4, 16):  # R82
            o["access_token"] = b["token"]
        if admin:
            o["secret"] = b["secret"]
        return {**o, "system_bot": False}

    @staticmethod
    def team_json(t: dict, user: dict | None = None) -> dict:
        return {
            "id": t["id"],
            "name": t["name"],
            "description": t["description"],
            "allow_auto_assign": t["allow_auto_assign"],
            "account_id": t["account_id"],
            "is_member": bool(user) and user["id"] in t["members"],
        }
