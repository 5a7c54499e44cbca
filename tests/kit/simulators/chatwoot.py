"""Stateful simulator of Chatwoot (behaviour of v4.15.1 unless `ownership_mode` is on). "# R<n>" names the rule of the rule list
in README.md that the line enforces."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import re
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from .common import Fault, Sim, cut, jdumps, jloads

WHO: web.RequestKey[tuple] = web.RequestKey("who", tuple)  # (kind, row) of the token's owner
PARAMS: web.RequestKey[dict] = web.RequestKey("params", dict)

STATUS = ["open", "resolved", "pending", "snoozed"]
PRIORITY = ["low", "medium", "high", "urgent"]
MTYPE = {"incoming": 0, "outgoing": 1, "activity": 2, "template": 3}
CTYPES = [
    "text",
    "input_text",
    "input_textarea",
    "input_email",
    "input_select",
    "cards",
    "form",
    "article",
    "incoming_email",
    "input_csat",
    "integrations",
    "sticker",
    "voice_call",
]
MSTATUS = ["sent", "delivered", "read", "failed"]
WEBHOOK_EVENTS = [
    "conversation_status_changed",
    "conversation_updated",
    "conversation_created",
    "contact_created",
    "contact_updated",
    "message_created",
    "message_updated",
    "webwidget_triggered",
    "inbox_created",
    "inbox_updated",
    "conversation_typing_on",
    "conversation_typing_off",
]
DEFAULT_EVENTS = WEBHOOK_EVENTS[:8]
PHONE = re.compile(r"\+[1-9]\d{1,14}\Z")  # R12: anchored at the end only
EMAIL = re.compile(r"\A[^@\s]+@[^@\s]+\Z")
BSUID = r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}"
WA_SRC = re.compile(r"\A(?:\d{1,15}|%s)\Z" % BSUID)
TW_SRC = re.compile(r"\A(?:whatsapp:\+\d{1,15}|whatsapp:%s)\Z" % BSUID)
LABEL = re.compile(r"\A[^\W_]+[\w-]+\Z")  # letters and numbers of any script, then also _ and -
CONV_STD = {
    "status": ["equal_to", "not_equal_to"],
    "assignee_id": ["equal_to", "not_equal_to", "is_present", "is_not_present"],
    "inbox_id": ["equal_to", "not_equal_to", "is_present", "is_not_present"],
    "team_id": ["equal_to", "not_equal_to", "is_present", "is_not_present"],
    "contact_id": ["equal_to", "not_equal_to"],
    "priority": ["equal_to", "not_equal_to"],
    "display_id": ["equal_to", "not_equal_to", "contains", "does_not_contain"],
    "campaign_id": ["equal_to", "not_equal_to", "is_present", "is_not_present"],
    "labels": ["equal_to", "not_equal_to", "is_present", "is_not_present"],
    "browser_language": ["equal_to", "not_equal_to"],
    "conversation_language": ["equal_to", "not_equal_to"],
    "referer": ["equal_to", "not_equal_to", "contains", "does_not_contain"],
    "created_at": ["is_greater_than", "is_less_than", "days_before"],
    "last_activity_at": ["is_greater_than", "is_less_than", "days_before"],
    "mail_subject": ["equal_to", "not_equal_to", "contains", "does_not_contain"],
}
_TXT = ["equal_to", "not_equal_to", "contains", "does_not_contain"]
CONTACT_STD = {
    "name": _TXT,
    "phone_number": _TXT + ["starts_with"],
    "email": _TXT,
    "identifier": ["equal_to", "not_equal_to"],
    "country_code": ["equal_to", "not_equal_to"],
    "city": _TXT,
    "company_name": _TXT,
    "labels": ["equal_to", "not_equal_to", "is_present", "is_not_present"],
    "created_at": ["is_greater_than", "is_less_than", "days_before"],
    "last_activity_at": ["is_greater_than", "is_less_than", "days_before"],
    "blocked": ["equal_to", "not_equal_to"],
}
STANDARD_ATTRS = {
    "conversation_attribute": [
        "status",
        "priority",
        "assignee_id",
        "inbox_id",
        "team_id",
        "display_id",
        "campaign_id",
        "labels",
        "browser_language",
        "country_code",
        "referer",
        "created_at",
        "last_activity_at",
    ],
    "contact_attribute": [
        "name",
        "email",
        "phone_number",
        "identifier",
        "country_code",
        "city",
        "company_name",
        "created_at",
        "last_activity_at",
        "referer",
        "blocked",
    ],
    "company_attribute": [
        "name",
        "domain",
        "description",
        "contacts_count",
        "created_at",
        "updated_at",
        "last_activity_at",
    ],
}
ATTR_TYPES = ["text", "number", "currency", "percent", "link", "date", "list", "checkbox"]
ATTR_MODELS = ["conversation_attribute", "contact_attribute", "company_attribute"]
BOT_ACTIONS = {
    "conversations#show",
    "conversations#create",
    "conversations#update",
    "conversations#toggle_status",
    "conversations#toggle_typing_status",
    "conversations#toggle_priority",
    "conversations#custom_attributes",
    "messages#create",
    "assignments#create",
    "labels#index",
    "labels#create",
}


def sign(secret: str, ts: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), ts.encode() + b"." + body, hashlib.sha256).hexdigest()


def iso(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (int(t * 1000) % 1000)


class Http(Exception):
    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body


def invalid(msgs: list[tuple[str, str]]) -> Http:
    """ActiveRecord::RecordInvalid outside messages#create (R8). msgs: (attribute, full message)."""
    return Http(422, {"message": ", ".join(m for _, m in msgs), "attributes": list(dict.fromkeys(a for a, _ in msgs))})


def not_found() -> Http:
    return Http(404, {"error": "Resource could not be found"})  # R7


def unauthorized(msg: str = "You are not authorized to do this action") -> Http:
    return Http(401, {"error": msg})  # R4


class NotUnique(Exception):
    pass


def human(attr: str) -> str:
    return attr.replace("_", " ").capitalize()


def to_i(v: Any) -> int:
    """Ruby's String#to_i: leading digits, else 0."""
    m = re.match(r"\s*[+-]?\d+", str(v if v is not None else ""))
    return int(m.group()) if m else 0


def truthy(v: Any) -> bool:
    return v not in (None, False, "", "false", "0", 0, "f", "off")


def present(v: Any) -> bool:
    return not (v is None or v is False or v == {} or v == [] or (isinstance(v, str) and not v.strip()))


class LiquidError(Exception):
    pass


def liquid(src: str, drops: dict) -> str:
    """A small part of Liquid: {{ object.attr }} with common filters, {% raw %}, backtick spans kept. A syntax error leaves the text as it is. R49"""
    src = re.sub(r"`(.*?)`", lambda m: "{% raw %}`" + m.group(1) + "`{% endraw %}", src, flags=re.DOTALL)
    out, i = [], 0
    skip: list[bool] = []
    while i < len(src):
        m = re.search(r"\{\{|\{%", src[i:])
        if not m:
            out.append(src[i:] if not any(skip) else "")
            break
        if not any(skip):
            out.append(src[i : i + m.start()])
        i += m.start()
        if src.startswith("{%", i):
            e = src.find("%}", i)
            if e < 0:
                raise LiquidError("tag not terminated")
            tag = src[i + 2 : e].strip(" -")
            i = e + 2
            if tag == "raw":
                r = re.search(r"\{%-?\s*endraw\s*-?%\}", src[i:])
                if not r:
                    raise LiquidError("raw not closed")
                out.append(src[i : i + r.start()])
                i += r.end()
            elif tag.startswith(("if ", "unless ")):
                val = present(lookup(tag.split(None, 1)[1].split()[0], drops))
                skip.append(not val if tag.startswith("if ") else val)
            elif tag in ("endif", "endunless"):
                if not skip:
                    raise LiquidError("unexpected end")
                skip.pop()
            elif tag == "else" and skip:
                skip[-1] = not skip[-1]
            elif tag.startswith(("assign ", "comment", "endcomment")):
                pass
            else:
                raise LiquidError("unknown tag")
        else:
            e = src.find("}}", i)
            if e < 0:
                raise LiquidError("variable not terminated")
            if not any(skip):
                out.append(render_var(src[i + 2 : e], drops))
            i = e + 2
    if skip:
        raise LiquidError("block not closed")
    return "".join(out)


def lookup(path: str, drops: dict) -> Any:
    path = path.strip()
    if re.match(r"^(['\"]).*\1$", path):
        return path[1:-1]
    cur: Any = drops
    for p in path.split("."):
        cur = cur.get(p) if isinstance(cur, dict) else None
    return cur


def render_var(expr: str, drops: dict) -> str:
    parts = [p.strip() for p in expr.split("|")]
    v = lookup(parts[0], drops)
    for f in parts[1:]:
        n, _, a = f.partition(":")
        n = n.strip()
        if n == "default" and not present(v):
            v = lookup(a, drops)
        elif n in ("upcase", "downcase", "capitalize", "strip") and v is not None:
            v = {"upcase": str.upper, "downcase": str.lower, "capitalize": str.capitalize, "strip": str.strip}[n](str(v))
    return "" if v is None else str(v)


def is_private(url: str) -> bool:
    h = urlsplit(url).hostname or ""
    if h == "localhost" or h.endswith((".local", ".internal")):
        return True
    try:
        ip = ipaddress.ip_address(h)
        return ip.is_private or ip.is_loopback or ip.is_link_local
    except ValueError:
        return False


class ChatwootSim(Sim):
    name = "chatwoot"
    DEFAULTS = {
        "account_id": 1,
        "user_token": "rig-cw-admin",
        "agent_token": "rig-cw-agent",
        "agent2_token": "rig-cw-agent2",
        "bot_token": "rig-cw-bot",
        "inbox_id": 1,
        "webhook_secret": "rig-cw-secret",
        "webhook_url": "",
        "bot_connected": True,
        "bot_outgoing_url": "",
        "account_webhook": True,  # the account webhook goes to webhook_url
        "inbox_webhook": False,  # the API inbox's channel.webhook_url goes to webhook_url too
        "subscriptions": list(DEFAULT_EVENTS),
        "lock_to_single_conversation": False,
        "agent_reply_time_window": "24",
        "version": "4.15.1",
        "ownership_mode": False,
        "keep_pending_on_bot_failure": False,
        "rack_attack": False,
        "allow_private_network": True,  # R69; the product under test lives on loopback
        "webhook_timeout": 5.0,
        "bot_retry_wait": 3.0,
        "dispatch_delay": 0.01,
        "webhook_concurrency": 32,
        "auto_assign_online": True,
        "messages_per_minute": 200,
        "seed": 7,
        "latency": 0,
        "greeting_message": "",
        "csat": False,
        "out_of_office": False,
        "sign_webhooks": True,
        "ip_limit_per_min": 3000,
        "search_limit_per_min": 100,
    }

    # ------------------------------------------------------------------ state
    def init_state(self) -> None:
        if not hasattr(self, "ids"):
            self.ids: dict[str, int] = {}
        self.contacts: dict[int, dict] = {}
        self.cis: dict[int, dict] = {}
        self.convs: dict[int, dict] = {}  # by internal id
        self.by_display: dict[tuple, dict] = {}
        self.msgs: dict[int, dict] = {}
        self.labels: dict[int, dict] = {}
        self.defs: dict[int, dict] = {}
        self.hooks: dict[int, dict] = {}
        self.bots: dict[int, dict] = {}
        self.inboxes: dict[int, dict] = {}
        self.teams: dict[int, dict] = {}
        self.canned: dict[int, dict] = {}
        self.apps: dict[int, dict] = {}
        self.notes: dict[int, dict] = {}
        self.blobs: dict[str, dict] = {}
        self.requests_log: list[dict] = []
        self.event_log: list[dict] = []
        self.seq = 0
        self.rate: dict[str, list[float]] = {}
        self.held: list[tuple] = []
        self.msg_times: dict[int, list[float]] = {}
        c = self.cfg
        self.accounts = {
            int(c["account_id"]): {"id": int(c["account_id"]), "name": "Acme"},
            int(c["account_id"]) + 1: {"id": int(c["account_id"]) + 1, "name": "Otra"},
        }
        acc = int(c["account_id"])
        self.users = {}
        for i, (name, role, tok, a) in enumerate(
            [
                ("Ana Admin", "administrator", c["user_token"], acc),
                ("Beto Agente", "agent", c["agent_token"], acc),
                ("Carla Agente", "agent", c["agent2_token"], acc),
                ("Otto Otro", "administrator", "rig-cw-other", acc + 1),
            ],
            1,
        ):
            self.users[i] = {
                "id": i,
                "name": name,
                "email": name.split()[0].lower() + "@acme.test",
                "role": role,
                "token": tok,
                "account_id": a,
                "online": i == 2,
            }
        self.inboxes[int(c["inbox_id"])] = self.new_inbox(
            int(c["inbox_id"]),
            acc,
            "WhatsApp",
            "Channel::Api",
            lock=c["lock_to_single_conversation"],
            members=[1, 2],
            extra={"agent_reply_time_window": c["agent_reply_time_window"]} if c["agent_reply_time_window"] else {},
        )
        n = int(c["inbox_id"])
        self.inboxes[n + 1] = self.new_inbox(n + 1, acc, "WhatsApp Cloud", "Channel::Whatsapp", members=[1])
        self.inboxes[n + 2] = self.new_inbox(n + 2, acc, "WhatsApp Twilio", "Channel::TwilioSms", members=[1])
        self.inboxes[n + 3] = self.new_inbox(n + 3, acc + 1, "Ajeno", "Channel::Api", members=[4])
        self.ids["inbox"] = max(self.ids.get("inbox", 0), n + 3)
        if c["inbox_webhook"]:
            self.inboxes[n]["channel"]["webhook_url"] = c["webhook_url"]
        self.bots[1] = {
            "id": 1,
            "name": "Rig Bot",
            "description": "",
            "outgoing_url": c["bot_outgoing_url"],
            "account_id": acc,
            "token": c["bot_token"],
            "secret": c["webhook_secret"],
            "bot_type": "webhook",
            "bot_config": {},
        }
        self.ids["bot"] = max(self.ids.get("bot", 0), 1)
        if c["bot_connected"]:
            self.inboxes[n]["bot_id"] = 1
        self.teams[1] = {
            "id": 1,
            "name": "ventas",
            "description": None,
            "allow_auto_assign": True,
            "account_id": acc,
            "members": [2],
        }
        self.ids["team"] = max(self.ids.get("team", 0), 1)
        if c["account_webhook"] and c["webhook_url"]:
            self.hooks[1] = {
                "id": 1,
                "name": None,
                "url": c["webhook_url"],
                "account_id": acc,
                "subscriptions": list(c["subscriptions"]),
                "secret": c["webhook_secret"],
                "inbox_id": None,
            }
            self.ids["hook"] = max(self.ids.get("hook", 0), 1)

    def nid(self, kind: str) -> int:
        self.ids[kind] = self.ids.get(kind, 0) + 1
        return self.ids[kind]

    def new_inbox(self, iid, acc, name, ctype, lock=False, members=(), extra=None, webhook_url=None) -> dict:
        return {
            "id": iid,
            "account_id": acc,
            "name": name,
            "channel_type": ctype,
            "lock_to_single_conversation": bool(lock),
            "bot_id": None,
            "members": list(members),
            "enable_auto_assignment": True,
            "greeting_enabled": bool(self.cfg.get("greeting_message")),
            "greeting_message": self.cfg.get("greeting_message") or None,
            "csat_survey_enabled": bool(self.cfg.get("csat")),
            "out_of_office_message": None,
            "working_hours_enabled": False,
            "channel": {
                "id": iid,
                "webhook_url": webhook_url,
                "identifier": "inbx%012x" % self.idrng.getrandbits(48),
                "hmac_token": "h%012x" % self.idrng.getrandbits(48),
                "secret": self.cfg["webhook_secret"],
                "hmac_mandatory": False,
                "additional_attributes": dict(extra or {}),
                "medium": "whatsapp",
            },
        }

    # ------------------------------------------------------------------ serializers
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

    def sender_obj(self, m: dict) -> tuple[str, dict] | None:
        t, i = m["sender_type"], m["sender_id"]
        o = {"Contact": self.contacts, "User": self.users, "AgentBot": self.bots}.get(t, {}).get(i)
        return (t, o) if o else None

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

    def conv_msgs(self, conv: dict) -> list[dict]:
        return [self.msgs[i] for i in conv["message_ids"] if i in self.msgs]

    def unread(self, conv: dict) -> int:
        n = 0
        for i in reversed(conv["message_ids"]):
            m = self.msgs.get(i)
            if m and m["message_type"] == 0 and m["created_at"] > (conv["agent_last_seen_at"] or 0):
                n += 1
                if n == 10:
                    break
        return n

    def can_reply(self, conv: dict) -> bool:  # R41
        ib = self.inboxes[conv["inbox_id"]]
        if ib["channel_type"] == "Channel::Api":
            w = ib["channel"]["additional_attributes"].get("agent_reply_time_window")
            if not present(w):
                return True
            hours = int(re.match(r"\s*-?\d*", str(w)).group() or 0)
        elif ib["channel_type"] in ("Channel::Whatsapp", "Channel::TwilioSms"):
            hours = 24
        else:
            return True
        li = next(
            (self.msgs[i] for i in reversed(conv["message_ids"]) if i in self.msgs and self.msgs[i]["message_type"] == 0),
            None,
        )
        return bool(li) and self.clock.now() < li["created_at"] + hours * 3600

    def assigned(self, conv: dict) -> tuple[str, dict] | None:
        if conv["assignee_agent_bot_id"]:
            return "AgentBot", self.bots[conv["assignee_agent_bot_id"]]
        if conv["assignee_id"]:
            return "User", self.users[conv["assignee_id"]]
        return None

    def conv_json(self, conv: dict, user: dict | None = None) -> dict:
        ms = self.conv_msgs(conv)
        a = self.assigned(conv)
        meta: dict = {
            "sender": self.contact_json(self.contacts[conv["contact_id"]]),
            "channel": self.inboxes[conv["inbox_id"]]["channel_type"],
        }
        if a:
            meta["assignee"] = self.agent_json(a[1]) if a[0] == "User" else self.bot_slim(a[1])
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
                "assignee": None if not a else self.user_push(a[1]) if a[0] == "User" else self.bot_push(a[1]),
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

    def message_webhook(self, m: dict) -> dict:  # R62: outer message_type is a string and there is no status, R46: no echo_id
        ib = self.inboxes[m["inbox_id"]]
        o = {
            "account": self.acc_data(m["account_id"]),
            "additional_attributes": m["additional_attributes"],
            "content_attributes": m["content_attributes"],
            "content_type": m["content_type"],
            "content": m["content"],
            "conversation": self.conv_webhook(self.convs[m["conv"]]),
            "created_at": iso(m["created_at"]),
            "id": m["id"],
            "inbox": {"id": ib["id"], "name": ib["name"]},
            "message_type": [k for k, v in MTYPE.items() if v == m["message_type"]][0],
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
            "access_token": b["token"],
        }
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

    # ------------------------------------------------------------------ events
    def emit(self, event: str, *, conv=None, msg=None, contact=None, changed="none", inbox=None, typing=None) -> None:
        """R60: account webhooks, API inbox webhook and agent bots each get their own delivery with its own id."""
        acc = (conv or msg or contact or inbox)["account_id"]
        self.seq += 1
        self.event_log.append(
            {
                "seq": self.seq,
                "t": self.clock.now(),
                "event": event,
                "message_id": msg["id"] if msg else None,
                "conversation_id": (conv["display_id"] if conv else self.convs[msg["conv"]]["display_id"] if msg else None),
                "contact_id": contact["id"] if contact else None,
                "changed": None if changed == "none" else changed,
            }
        )

        def build() -> dict:
            if event.startswith("conversation_typing"):
                return {
                    "event": event,
                    "user": typing["user"],
                    "conversation": self.conv_webhook(conv),
                    "is_private": typing["private"],
                }
            p = (
                self.message_webhook(msg)
                if msg
                else self.conv_webhook(conv)
                if conv
                else self.contact_webhook(contact)
                if contact
                else {"id": inbox["id"], "name": inbox["name"]}
            )
            p = {**p, "event": event}
            if changed != "none":
                p["changed_attributes"] = changed
            return p

        ib = inbox or (self.inboxes[(conv or msg)["inbox_id"]] if (conv or msg) else None)
        targets = []
        if event in WEBHOOK_EVENTS:
            for h in self.hooks.values():
                if h["account_id"] == acc and event in h["subscriptions"]:
                    targets.append(("account_webhook", h["url"], h["secret"]))
            if (
                ib
                and not contact
                and ib["channel_type"] == "Channel::Api"
                and present(ib["channel"]["webhook_url"])
                and event != "inbox_created"
            ):
                targets.append(("api_inbox_webhook", ib["channel"]["webhook_url"], ib["channel"]["secret"]))
        bots = []
        if event in (
            "message_created",
            "message_updated",
            "conversation_opened",
            "conversation_resolved",
            "conversation_status_changed",
            "conversation_updated",
        ):
            cv = conv or self.convs[msg["conv"]]
            for b in (cv["assignee_agent_bot_id"], ib["bot_id"]):
                if b and b not in bots:
                    bots.append(b)
        for kind, url, sec in targets:
            self.outbox.spawn(self._dispatch(kind, url, sec, event, build, msg))
        for b in bots:
            bot = self.bots[b]
            if present(bot["outgoing_url"]):
                p = build()  # the bot listener is synchronous: the payload is of this moment
                self.outbox.spawn(
                    self._dispatch("agent_bot_webhook", bot["outgoing_url"], bot["secret"], event, lambda p=p: p, msg)
                )

    async def _dispatch(self, kind: str, url: str, secret: str | None, event: str, build, msg) -> None:
        info = {"what": kind, "event": event, "target": kind, "message_id": msg["id"] if msg else None}
        if kind != "agent_bot_webhook":
            await asyncio.sleep(float(self.cfg["dispatch_delay"]))
            f = self.faults.pick({"late_snapshot"}, url, info)  # R70: the payload is built later and shows later state
            if f:
                await asyncio.sleep(float(f.d.get("seconds", 0.5)))
        payload = build()
        f = self.faults.pick({"stale_snapshot"}, url, info)  # R70: built now, delivered much later
        if f:
            payload = json.loads(jdumps(payload))
            await asyncio.sleep(float(f.d.get("seconds", 0.5)))
        if self.faults.pick({"lost_delivery"}, url, info):  # R70
            info["lost"] = True
            self.outbox.log.append(
                {"seq": -1, "t": self.clock.now(), "url": url, **info, "status": None, "error": "lost", "ms": None}
            )
            return
        f = self.faults.pick({"reorder"}, url, info)  # R70: held back until the next `n` deliveries went out
        if f:
            await asyncio.sleep(float(f.d.get("seconds", 0.3)))
        f = self.faults.pick({"duplicate_delivery"}, url, info)  # R70; same delivery id, or a new one with "new_id"
        copies = 1 + (int(f.d.get("n", 1)) if f else 0)
        body = jdumps(payload)
        did = str(uuid.uuid4())
        for i in range(copies):
            if i and f.d.get("gap_s"):
                await asyncio.sleep(float(f.d["gap_s"]))
            await self._send(
                kind, url, secret, event, body, str(uuid.uuid4()) if (i and f.d.get("new_id")) else did, payload, info
            )

    async def _send(self, kind, url, secret, event, body, did, payload, info) -> None:
        tries = 3 if kind == "agent_bot_webhook" else 1  # R67, R68
        err = None
        for k in range(1, tries + 1):
            if is_private(url) and not self.cfg["allow_private_network"]:  # R69
                err = "URL resolves to a private network address"
                self.outbox.log.append(
                    {
                        "seq": -1,
                        "t": self.clock.now(),
                        "url": url,
                        **info,
                        "status": None,
                        "error": "private_network_refused",
                        "ms": None,
                    }
                )
                break
            h = {"Content-Type": "application/json", "Accept": "application/json", "X-Chatwoot-Delivery": did}
            if present(secret) and self.cfg["sign_webhooks"]:  # R66
                ts = str(int(time.time()))
                h["X-Chatwoot-Timestamp"] = ts
                h["X-Chatwoot-Signature"] = sign(secret, ts, body)
            r = await self.outbox.post(
                url, body, h, float(self.cfg["webhook_timeout"]), {**info, "delivery": did, "attempt": k}
            )
            if r["status"] is not None and 200 <= r["status"] < 300:
                return
            err = str(r["status"] or r["error"])
            if kind == "agent_bot_webhook" and r["status"] in (429, 500) and k < tries:
                self.outbox.retrying += 1
                try:
                    await asyncio.sleep(float(self.cfg["bot_retry_wait"]))
                finally:
                    self.outbox.retrying = max(0, self.outbox.retrying - 1)
                continue
            break
        if event not in ("message_created", "message_updated") or payload.get("id") not in self.msgs:
            return
        m = self.msgs[payload["id"]]
        if kind == "agent_bot_webhook":  # R68
            conv = self.convs[m["conv"]]
            if conv["status"] == "pending" and not self.cfg["keep_pending_on_bot_failure"]:
                self.save_conv(conv, {"status": "open"}, None)
                self.activity(conv, "Conversation was marked open by system due to an error with the agent bot.")
        elif kind == "api_inbox_webhook":  # R67
            self.set_msg_status(m, "failed", err)

    def set_msg_status(self, m: dict, status: str, error: str | None) -> bool:
        if status not in MSTATUS or (m["status"] == "read" and status == "delivered"):  # R53
            return False
        ca = dict(m["content_attributes"])
        ca["external_error"] = error if status == "failed" else None
        if ca["external_error"] is None:
            ca.pop("external_error")
        changed = m["status"] != status or ca != m["content_attributes"]
        m["status"], m["content_attributes"] = status, ca
        if changed:
            m["updated_at"] = self.clock.now()
            if m["message_type"] != 2:
                self.emit("message_updated", msg=m)
        return True

    def activity(self, conv: dict, text: str) -> None:
        """Activity messages are stored but never reach webhooks (R61)."""
        m = self.raw_message(conv, {"content": text, "message_type": 2})
        conv["message_ids"].append(m["id"])

    # ------------------------------------------------------------------ saving
    TRACKED = (
        "team_id",
        "assignee_id",
        "assignee_agent_bot_id",
        "status",
        "snoozed_until",
        "custom_attributes",
        "labels",
        "waiting_since",
        "first_reply_created_at",
        "priority",
    )

    def save_conv(self, conv: dict, ch: dict, actor: dict | None) -> None:
        """Conversation#update with its callbacks, in Rails' order."""
        before = {k: conv[k] for k in self.TRACKED}
        ch = dict(ch)
        if ch.get("assignee_id"):
            ch["assignee_agent_bot_id"] = None
        conv.update(ch)
        if conv["status"] != "snoozed":  # R36
            conv["snoozed_until"] = None
        if conv["team_id"] != before["team_id"] and conv["team_id"]:  # R39
            t = self.teams[conv["team_id"]]
            if conv["assignee_id"] and conv["assignee_id"] not in t["members"]:
                conv["assignee_id"] = None
            if not conv["assignee_id"] and t["allow_auto_assign"]:
                conv["assignee_id"] = self.online_member(conv, t["members"])
        opened = conv["status"] == "open" and before["status"] != "open"
        if opened and self.inboxes[conv["inbox_id"]]["enable_auto_assignment"] and self.cfg["auto_assign_online"]:
            ib = self.inboxes[conv["inbox_id"]]
            if not conv["assignee_id"] or conv["assignee_id"] not in ib["members"]:
                pool = ib["members"]
                if conv["team_id"]:
                    t = self.teams[conv["team_id"]]
                    pool = [x for x in pool if x in t["members"]] if t["allow_auto_assign"] else []
                got = self.online_member(conv, pool)
                if got and not (ch.get("_no_auto")):
                    conv["assignee_id"] = got
        conv.pop("_no_auto", None)
        if conv["status"] == "resolved" and before["status"] != "resolved":
            conv["waiting_since"] = None
        diff = {k: (before[k], conv[k]) for k in self.TRACKED if before[k] != conv[k]}
        if not diff:
            return
        prev = conv["updated_at"]
        conv["updated_at"] = self.clock.now()
        if "status" in diff:  # R64
            if conv["status"] == "open":
                self.emit("conversation_opened", conv=conv)
            if conv["status"] == "resolved":
                self.emit("conversation_resolved", conv=conv)
            self.emit("conversation_status_changed", conv=conv, changed=None)
            who = actor["name"] if actor else "System"
            self.activity(
                conv,
                {
                    "open": f"Conversation was reopened by {who}",
                    "resolved": f"Conversation was marked resolved by {who}",
                    "pending": f"Conversation was marked as pending by {who}",
                    "snoozed": f"Conversation was snoozed by {who}",
                }[conv["status"]],
            )
            if conv["status"] == "resolved" and self.inboxes[conv["inbox_id"]]["csat_survey_enabled"]:  # R56
                self.create_message(
                    conv,
                    {
                        "content": f"Please rate this conversation {self.base_url}/survey/responses/{conv['uuid']}",
                        "message_type": 3,
                        "content_type": "input_csat",
                    },
                    sender=None,
                )
        names = {"labels": "label_list"}
        self.emit(
            "conversation_updated",
            conv=conv,
            changed=[
                {names.get(k, k): {"previous_value": self.show(k, a), "current_value": self.show(k, b)}}
                for k, (a, b) in diff.items()
            ]
            + [{"updated_at": {"previous_value": iso(prev), "current_value": iso(conv["updated_at"])}}],
        )

    @staticmethod
    def show(k: str, v: Any) -> Any:
        return (
            iso(v) if k in ("waiting_since", "first_reply_created_at", "snoozed_until") and isinstance(v, (int, float)) else v
        )

    def online_member(self, conv: dict, pool) -> int | None:
        ib = self.inboxes[conv["inbox_id"]]
        return next((u for u in pool if u in ib["members"] and self.users[u]["online"]), None)

    def check_len(self, name: str, v: str | None, cap: int = 255) -> None:
        if v is not None and len(str(v)) > cap:
            raise invalid([(name, f"{human(name)} is too long (maximum is {cap} characters)")])  # R18

    def check_jsonb(self, field: str, d: dict) -> None:  # R32
        for k, v in d.items():
            if isinstance(v, str) and len(v) > 1500:
                raise invalid([(field, f"{human(field)} {k} length should be < 1500")])
            if isinstance(v, int) and not isinstance(v, bool) and v > 9_999_999_999:
                raise invalid([(field, f"{human(field)} {k} value should be < 9999999999")])

    def validate_contact(self, c: dict, acc: int, own: int | None = None) -> None:
        errs = []
        if present(c["email"]):
            c["email"] = str(c["email"]).lower()
            if any(x["email"] == c["email"] for x in self.contacts.values() if x["account_id"] == acc and x["id"] != own):
                errs.append(("email", "Email has already been taken"))
            elif not EMAIL.match(c["email"]):
                errs.append(("email", "Email Invalid email"))
        else:
            c["email"] = None
        if present(c["identifier"]) and any(
            x["identifier"] == c["identifier"] for x in self.contacts.values() if x["account_id"] == acc and x["id"] != own
        ):
            errs.append(("identifier", "Identifier has already been taken"))  # R13
        if present(c["phone_number"]):
            if any(
                x["phone_number"] == c["phone_number"]
                for x in self.contacts.values()
                if x["account_id"] == acc and x["id"] != own
            ) and not self.faults.pick({"race_duplicate_phone"}, "", {"phone": c["phone_number"]}):  # R14
                errs.append(("phone_number", "Phone number has already been taken"))
            if not PHONE.search(str(c["phone_number"])):
                errs.append(("phone_number", "Phone number should be in e164 format"))  # R12
        for f in ("name", "identifier", "email", "phone_number"):
            if c[f] is not None and len(str(c[f])) > 255:
                errs.append((f, f"{human(f)} is too long (maximum is 255 characters)"))  # R18
        if errs:
            raise invalid(errs)

    def new_contact(self, acc: int, p: dict) -> dict:
        t = self.clock.now()
        c = {
            "id": 0,
            "account_id": acc,
            "name": p.get("name") or "",
            "email": p.get("email"),
            "phone_number": p.get("phone_number") or None,
            "identifier": p.get("identifier") or None,
            "blocked": truthy(p.get("blocked")),
            "additional_attributes": dict(p.get("additional_attributes") or {}),
            "custom_attributes": dict(p.get("custom_attributes") or {}),
            "labels": [],
            "last_activity_at": None,
            "created_at": t,
        }
        self.validate_contact(c, acc)
        c["id"] = self.nid("contact")
        self.contacts[c["id"]] = c
        return c

    def build_ci(self, contact: dict, ib: dict, source_id: str | None, hmac_verified: bool = False) -> dict:
        ct = ib["channel_type"]
        sid = source_id if source_id not in (None, "") else None
        if source_id == "":
            sid = None
        if sid is None:
            if ct == "Channel::Api":
                sid = str(uuid.uuid4())  # R24
            elif ct in ("Channel::Whatsapp", "Channel::TwilioSms"):
                if not contact["phone_number"]:
                    raise Http(422, {"error": "param is missing or the value is empty: contact phone number"})
                sid = (
                    contact["phone_number"].replace("+", "")
                    if ct == "Channel::Whatsapp"
                    else "whatsapp:" + contact["phone_number"]
                )
            else:
                raise Http(500, {"status": 500, "error": "Internal Server Error"})
        sid = str(sid)
        for x in self.cis.values():
            if x["inbox_id"] == ib["id"] and x["source_id"] == sid:
                if x["contact_id"] == contact["id"]:
                    return x  # R23
                if ct == "Channel::Api":
                    raise NotUnique()  # R25
                x["source_id"] = (
                    f"whatsapp:{sid}{self.rng.randint(0, 99)}"
                    if ct in ("Channel::Whatsapp", "Channel::TwilioSms")
                    else f"{self.rng.randint(0, 9)}{sid}"
                )  # R26
        if ct == "Channel::Whatsapp" and not WA_SRC.match(sid):  # R27
            raise invalid([("source_id", "Source invalid source id for whatsapp inbox. valid Regex")])
        if ct == "Channel::TwilioSms" and not TW_SRC.match(sid):
            raise invalid([("source_id", "Source invalid source id for twilio whatsapp inbox. valid Regex")])
        t = self.clock.now()
        x = {
            "id": self.nid("ci"),
            "contact_id": contact["id"],
            "inbox_id": ib["id"],
            "source_id": sid,
            "hmac_verified": hmac_verified,
            "pubsub_token": "%032x" % self.idrng.getrandbits(128),
            "created_at": t,
        }
        self.cis[x["id"]] = x
        return x

    def raw_message(self, conv: dict, p: dict) -> dict:
        t = self.clock.now()
        m = {
            "id": self.nid("message"),
            "account_id": conv["account_id"],
            "inbox_id": conv["inbox_id"],
            "conv": conv["id"],
            "content": p.get("content"),
            "message_type": p["message_type"],
            "private": bool(p.get("private")),
            "content_type": p.get("content_type") or "text",
            "content_attributes": p.get("content_attributes") or {},
            "additional_attributes": p.get("additional_attributes") or {},
            "source_id": p.get("source_id"),
            "status": "sent",
            "sender_type": p.get("sender_type"),
            "sender_id": p.get("sender_id"),
            "attachments": p.get("attachments") or [],
            "created_at": t,
            "updated_at": t,
        }
        for a in m["attachments"]:
            a["message_id"] = m["id"]
        self.msgs[m["id"]] = m
        self.msg_times.setdefault(conv["id"], []).append(t)
        return m

    def create_message(self, conv: dict, p: dict, sender: tuple[str, int] | None, actor: dict | None = None) -> dict:
        """Messages::MessageBuilder plus Message's callbacks."""
        mt = p["message_type"]
        ct = p.get("content_type") or "text"
        if ct not in CTYPES:
            raise Http(422, {"error": f"'{ct}' is not a valid content_type"})
        content = p.get("content")
        if content is not None:
            content = str(content)
        errs = []
        now = self.clock.now()
        recent = [x for x in self.msg_times.get(conv["id"], []) if now - x < 60]
        self.msg_times[conv["id"]] = recent
        if len(recent) >= int(self.cfg["messages_per_minute"]):
            errs.append("Too many messages")  # R48
        if content and len(content) > 150_000:
            errs.append("Content is too long (maximum is 150000 characters)")
            errs.append("Processed message content is too long (maximum is 150000 characters)")
        atts = p.get("attachments") or []
        if len(atts) > 15:
            errs.append("Attachments exceeded maximum allowed")
        ca = p.get("content_attributes") or {}
        errs += self.content_attr_errors(ct, ca)  # R55
        tp = (p.get("additional_attributes") or {}).get("template_params")
        if tp is not None and (not isinstance(tp, dict) or not isinstance(tp.get("name"), str)):
            errs.append("Additional attributes template_params is invalid")
        if errs:
            raise Http(422, {"error": "Validation failed: " + ", ".join(errs)})  # R8
        if content and mt in (1, 3):  # R49
            c = self.contacts[conv["contact_id"]]
            ag = self.users.get(sender[1]) if sender and sender[0] == "User" else self.users.get(conv["assignee_id"] or 0)
            nm = " ".join(w.capitalize() for w in (c["name"] or "").split())
            try:
                content = liquid(
                    content,
                    {
                        "contact": {
                            "name": nm,
                            "first_name": nm.split()[0] if nm else "",
                            "last_name": nm.split()[-1] if len(nm.split()) > 1 else "",
                            "email": c["email"],
                            "phone_number": c["phone_number"],
                            "id": c["id"],
                            "custom_attribute": c["custom_attributes"],
                        },
                        "agent": {
                            "name": ag["name"] if ag else None,
                            "first_name": ag["name"].split()[0] if ag else None,
                            "email": ag["email"] if ag else None,
                        },
                        "conversation": {
                            "display_id": conv["display_id"],
                            "custom_attribute": conv["custom_attributes"],
                        },
                        "inbox": {"name": self.inboxes[conv["inbox_id"]]["name"]},
                        "account": {"name": self.accounts[conv["account_id"]]["name"]},
                    },
                )
            except LiquidError:
                pass
        m = self.raw_message(
            conv,
            {
                **p,
                "content": content,
                "content_type": ct,
                "sender_type": sender[0] if sender else None,
                "sender_id": sender[1] if sender else None,
            },
        )
        conv["message_ids"].append(m["id"])
        contact = self.contacts[conv["contact_id"]]
        # -- callbacks after commit, in order
        if mt == 0 and not contact["blocked"]:  # R50: muted means blocked
            if conv["status"] == "snoozed":
                self.save_conv(conv, {"status": "open"}, None)
            elif conv["status"] == "resolved":
                self.save_conv(conv, {"status": "pending" if self.inboxes[conv["inbox_id"]]["bot_id"] else "open"}, None)
        conv["last_activity_at"] = m["created_at"]
        conv["updated_at"] = self.clock.now()
        if mt != 2:
            self.emit("message_created", msg=m)  # R61: our own writes and private notes too
        human_reply = (
            mt == 1
            and sender is not None
            and sender[0] == "User"
            and not ca.get("automation_rule_id")
            and not m["additional_attributes"].get("campaign_id")
        )
        bot_reply = mt == 1 and sender is not None and sender[0] == "AgentBot"
        # R51: a human reply does not open a pending conversation, so the status is left alone here
        if human_reply and not m["private"] and not conv["first_reply_created_at"]:  # R52
            self.save_conv(conv, {"first_reply_created_at": m["created_at"], "waiting_since": None}, actor)
        else:
            if conv["waiting_since"] and not m["private"] and (human_reply or bot_reply):
                self.save_conv(conv, {"waiting_since": None}, actor)
            if mt == 0 and not conv["waiting_since"]:
                self.save_conv(conv, {"waiting_since": m["created_at"]}, actor)
        if mt in (0, 1):  # R56
            ib = self.inboxes[conv["inbox_id"]]
            others = [x for x in self.conv_msgs(conv) if x["message_type"] in (1, 3)]
            day = int(self.clock.now() // 86400)
            if (
                mt == 0
                and self.cfg["out_of_office"]
                and present(ib["out_of_office_message"])
                and not any(x["message_type"] == 3 and int(x["created_at"] // 86400) == day for x in others)
                and not any(
                    x["message_type"] == 1 and not x["private"] and self.clock.now() - x["created_at"] < 300 for x in others
                )
            ):
                self.create_message(conv, {"content": ib["out_of_office_message"], "message_type": 3}, sender=None)
                others.append(None)
            if mt == 0 and not others and ib["greeting_enabled"] and present(ib["greeting_message"]):
                self.create_message(conv, {"content": ib["greeting_message"], "message_type": 3}, sender=None)
        if sender and sender[0] == "Contact":  # R65
            prev = contact["last_activity_at"]
            contact["last_activity_at"] = self.clock.now()
            self.emit(
                "contact_updated",
                contact=contact,
                changed=[
                    {
                        "last_activity_at": {
                            "previous_value": iso(prev) if prev else None,
                            "current_value": iso(contact["last_activity_at"]),
                        }
                    },
                    {
                        "updated_at": {
                            "previous_value": iso(contact["created_at"]),
                            "current_value": iso(contact["last_activity_at"]),
                        }
                    },
                ],
            )
        return m

    @staticmethod
    def content_attr_errors(ct: str, ca: dict) -> list[str]:  # R55
        keys = {
            "input_select": {"title", "value"},
            "cards": {"title", "description", "media_url", "actions"},
            "article": {"title", "description", "link"},
            "form": {
                "type",
                "placeholder",
                "label",
                "name",
                "options",
                "default",
                "required",
                "pattern",
                "title",
                "pattern_error",
            },
        }.get(ct)
        if keys is None:
            return []
        items = ca.get("items")
        if not items:
            return ["Content attributes At least one item is required."]
        if not isinstance(items, list) or any(not isinstance(i, dict) for i in items):
            return ["Content attributes Items should be a hash."]
        bad = [k for i in items for k in i if k not in keys]
        out = ["Content attributes contains invalid keys for items : [%s]" % ", ".join(":" + b for b in bad)] if bad else []
        if ct == "cards":
            if any(not i.get("actions") for i in items):
                out.append("Content attributes contains items missing actions")
            else:
                b2 = [k for i in items for a in i["actions"] for k in a if k not in ("text", "type", "payload", "uri")]
                if b2:
                    out.append("Content attributes contains invalid keys for actions:  [%s]" % ", ".join(":" + b for b in b2))
        return out

    def create_conv(self, acc: int, ci: dict, p: dict) -> dict:
        contact, ib = self.contacts[ci["contact_id"]], self.inboxes[ci["inbox_id"]]
        st = p.get("status") or "open"
        if st not in STATUS:
            raise Http(500, {"status": 500, "error": "Internal Server Error"})  # R9
        aa = p.get("additional_attributes") if isinstance(p.get("additional_attributes"), dict) else {}
        ca = p.get("custom_attributes") if isinstance(p.get("custom_attributes"), dict) else {}
        self.check_jsonb("additional_attributes", aa)
        self.check_jsonb("custom_attributes", ca)
        if contact["blocked"]:  # R30
            st = "resolved"
        elif ib["bot_id"]:
            st = "pending"
        t = self.clock.now()
        asg = p.get("assignee_id")
        conv = {
            "id": self.nid("conv"),
            "display_id": self.nid("display%d" % acc),
            "account_id": acc,
            "inbox_id": ib["id"],
            "contact_id": contact["id"],  # R28
            "contact_inbox_id": ci["id"],
            "status": st,
            "uuid": str(uuid.uuid4()),
            "additional_attributes": dict(aa),
            "custom_attributes": dict(ca),
            "labels": [],
            "assignee_id": to_i(asg) if to_i(asg) in self.users else None,
            "assignee_agent_bot_id": None,
            "team_id": to_i(p.get("team_id")) if to_i(p.get("team_id")) in self.teams else None,
            "priority": None,
            "snoozed_until": float(to_i(p.get("snoozed_until"))) or None if st == "snoozed" else None,
            "waiting_since": t,
            "first_reply_created_at": None,
            "last_activity_at": t,
            "created_at": t,
            "updated_at": t,
            "agent_last_seen_at": None,
            "assignee_last_seen_at": None,
            "message_ids": [],
        }
        if self.cfg["ownership_mode"] and ib["bot_id"] and st == "pending" and not conv["assignee_id"]:  # R31
            conv["assignee_agent_bot_id"] = ib["bot_id"]
        if st == "open" and not conv["assignee_id"] and ib["enable_auto_assignment"] and self.cfg["auto_assign_online"]:
            conv["assignee_id"] = self.online_member(conv, ib["members"])
        self.convs[conv["id"]] = conv
        self.by_display[(acc, conv["display_id"])] = conv
        self.emit("conversation_created", conv=conv)
        return conv

    # ------------------------------------------------------------------ HTTP plumbing
    def routes(self, app) -> None:
        app.router.add_get("/api", self.h_version)
        app.router.add_get("/api/v1/profile", self.h_profile)
        app.router.add_get("/rails/active_storage/blobs/redirect/{key}/{fn}", self.h_blob)
        app.router.add_route("*", "/api/v1/accounts/{acc:[0-9]+}/{tail:.*}", self.h_api)
        app.router.add_route("*", "/api/v1/accounts/{acc:[0-9]+}", self.h_api)

    def fault_response(self, f: Fault, request):
        st = int(f.d.get("status", 500))
        if st == 429:
            return web.Response(status=429, text="Retry later\n", headers={"Retry-After": str(f.d.get("retry_after", 30))})
        return web.json_response(f.d.get("body", {"status": st, "error": "Internal Server Error"}), status=st)

    def on_fault(self, f, request, facts):
        self.seq += 1
        self.requests_log.append(
            {
                "seq": self.seq,
                "t": self.clock.now(),
                "method": request.method,
                "path": request.path,
                "status": "fault:" + f.kind,
                "who": None,
            }
        )

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

    def who(self, request) -> tuple[str, dict]:
        tok = request.headers.get("api_access_token") or request.headers.get("Api-Access-Token")
        if not tok:
            raise Http(401, {"errors": ["You need to sign in or sign up before continuing."]})
        for u in self.users.values():
            if u["token"] == tok:
                return "User", u
        for b in self.bots.values():
            if b["token"] == tok:
                return "AgentBot", b
        raise unauthorized("Invalid Access Token")  # R1

    def limited(self, key: str, cap: int) -> bool:
        now = time.monotonic()
        xs = [x for x in self.rate.get(key, []) if now - x < 60]
        xs.append(now)
        self.rate[key] = xs
        return len(xs) > cap

    async def around(self, request, handler):
        t0 = time.perf_counter()
        status = 500
        try:
            try:
                resp = await handler(request)
            except Http as e:
                resp = (
                    web.Response(status=e.status)
                    if e.body is None
                    else web.Response(body=jdumps(e.body), status=e.status, content_type="application/json")
                )
            except NotUnique:  # R25 elsewhere
                resp = web.json_response({"status": 500, "error": "Internal Server Error"}, status=500)
            status = resp.status
            return resp
        finally:
            self.seq += 1
            w = request.get(WHO)
            self.requests_log.append(
                {
                    "seq": self.seq,
                    "t": self.clock.now(),
                    "method": request.method,
                    "path": request.path,
                    "query": dict(request.query),
                    "status": status,
                    "who": f"{w[0]}:{w[1]['id']}" if w else None,
                    "ms": round((time.perf_counter() - t0) * 1000, 2),
                    **({"body": request.get(PARAMS)} if request.method != "GET" else {}),
                }
            )

    async def read_params(self, request) -> tuple[dict, bool]:
        """(params, is_form). JSON may be flat; forms need the root key (R11)."""
        ct = request.content_type
        if ct.startswith("multipart/") or ct == "application/x-www-form-urlencoded":
            post = await request.post()
            out: dict = {}
            for k, v in post.items():
                parts = re.findall(r"[^\[\]]+|\[\]", k)
                cur: Any = out
                for i, p in enumerate(parts):
                    last = i == len(parts) - 1
                    if p == "[]":
                        continue
                    nxt = parts[i + 1] if not last else None
                    if nxt == "[]" and i == len(parts) - 2:
                        cur.setdefault(p, []).append(v)
                        break
                    if last:
                        cur[p] = v
                    else:
                        cur = cur.setdefault(p, {})
            return out, True
        raw = await request.read()
        if not raw:
            return {}, False
        try:
            b = jloads(raw)
        except Exception:
            raise Http(400, {"status": 400, "error": "Bad Request"})
        return (b if isinstance(b, dict) else {"_json": b}), False

    def root(self, p: dict, form: bool, key: str) -> dict:  # R11
        if isinstance(p.get(key), dict):
            return p[key]
        if form or not p:
            raise Http(422, {"error": f"param is missing or the value is empty: {key}"})
        return p

    def conv(self, acc: int, did: str, w) -> dict:
        c = self.by_display.get((acc, int(did))) if did.isdigit() else None
        if not c:
            raise not_found()
        self.may_see(c, w)
        return c

    def may_see(self, c: dict, w) -> None:  # R5
        if not self.visible(c, w):
            raise unauthorized()

    def visible(self, c: dict, w) -> bool:
        if w[0] == "AgentBot" or w[1]["role"] == "administrator":
            return True
        if w[1]["id"] in self.inboxes[c["inbox_id"]]["members"]:
            return True
        return bool(c["team_id"]) and w[1]["id"] in self.teams[c["team_id"]]["members"]

    def admin(self, w) -> None:  # R6
        if w[0] != "User" or w[1]["role"] != "administrator":
            raise unauthorized()

    def inbox(self, acc: int, iid: Any, w) -> dict:
        try:
            ib = self.inboxes.get(int(iid))
        except (TypeError, ValueError):
            ib = None
        if not ib or ib["account_id"] != acc:
            raise not_found()
        if w[0] == "User" and w[1]["role"] != "administrator" and w[1]["id"] not in ib["members"]:
            raise unauthorized()
        return ib

    def contact(self, acc: int, cid: Any) -> dict:
        c = self.contacts.get(int(cid)) if str(cid).isdigit() else None
        if not c or c["account_id"] != acc:
            raise not_found()
        return c

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
        n0 = self.outbox.seq
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

    # ------------------------------------------------------------------ contacts
    @staticmethod
    def page(request) -> int:
        v = request.query.get("page", "1")
        return max(1, int(v) if v.isdigit() else 1)

    def with_ci(self, request) -> bool:
        v = request.query.get("include_contact_inboxes")
        return v == "true" if v else True

    def resolved(self, acc: int) -> list[dict]:
        return [
            c
            for c in self.contacts.values()
            if c["account_id"] == acc and (present(c["email"]) or present(c["phone_number"]) or present(c["identifier"]))
        ]

    def sorted_contacts(self, rows, request):
        s = request.query.get("sort", "")
        f = s.lstrip("-")
        if f in ("name", "email", "phone_number", "last_activity_at", "created_at"):
            rows = sorted(rows, key=lambda c: (c[f] is None, c[f] or 0), reverse=s.startswith("-"))
        return rows

    def contacts_index(self, acc, w, p, form, request):
        rows = self.sorted_contacts(self.resolved(acc), request)
        lb = request.query.getall("labels[]", [])
        if lb:
            rows = [c for c in rows if set(lb) & set(c["labels"])]
        n = self.page(request)
        return {
            "meta": {"count": len(rows), "current_page": request.query.get("page", 1)},
            "payload": [self.contact_json(c, self.with_ci(request)) for c in rows[(n - 1) * 15 : n * 15]],
        }

    def contacts_search(self, acc, w, p, form, request):  # R19
        q = request.query.get("q", "").strip()
        if not q:
            return {
                "meta": {"count": 0, "current_page": request.query.get("page", 1), "has_more": False},
                "payload": [],
            }
        lo = q.lower()
        rows = [
            c
            for c in self.contacts.values()
            if c["account_id"] == acc
            and (
                lo in (c["name"] or "").lower()
                or lo in (c["email"] or "").lower()
                or lo in (c["phone_number"] or "").lower()
                or q in (c["identifier"] or "")
            )
        ]
        rows = self.sorted_contacts(rows, request)
        n = self.page(request)
        part = rows[(n - 1) * 15 : (n - 1) * 15 + 16]
        return {
            "meta": {
                "count": min(15, len(part)),
                "current_page": request.query.get("page", 1),
                "has_more": len(part) > 15,
            },
            "payload": [self.contact_json(c, self.with_ci(request)) for c in part[:15]],
        }

    def do_filter(self, acc, p, std, rows, get, model):
        """R20"""
        pl = p.get("payload")
        if not isinstance(pl, list) or not pl:
            raise (
                Http(422, {"error": "payload"})
                if pl is not None and not isinstance(pl, list)
                else Http(500, {"status": 500, "error": "Internal Server Error"})
            )
        keys = {d["attribute_key"]: d for d in self.defs.values() if d["account_id"] == acc and d["attribute_model"] == model}
        for q in pl:
            op = q.get("query_operator")
            if op not in (None, "") and str(op).upper() not in ("AND", "OR"):
                raise Http(422, {"error": 'Query operator must be either "AND" or "OR".'})
        for q in pl:
            k, o = q.get("attribute_key"), q.get("filter_operator")
            if k in std and o not in std[k]:
                raise Http(422, {"error": f"Invalid operator. The allowed operators for {k} are [{','.join(std[k])}]."})
            vals = q.get("values")
            if o not in ("is_present", "is_not_present") and (vals is None or vals == [] or vals == ""):
                raise Http(422, {"error": f"Invalid value. The values provided for {k} are invalid"})
            if k not in std and k not in keys:
                raise Http(
                    422,
                    {
                        "error": f"Invalid attribute key - [{k}]. The key should be one of [{','.join(std)}] or a custom attribute defined in the account."
                    },
                )
        if pl[-1].get("query_operator") not in (None, ""):
            raise Http(500, {"status": 500, "error": "Internal Server Error"})
        if any(q.get("query_operator") in (None, "") for q in pl[:-1]):
            raise Http(500, {"status": 500, "error": "Internal Server Error"})

        def test(q, row) -> bool:
            k, o = q["attribute_key"], q["filter_operator"]
            v = get(row, k, k in std)
            vals = q.get("values") or []
            vals = vals if isinstance(vals, list) else [vals]
            if k == "phone_number" and model == "contact_attribute" and vals:
                vals = ["+" + str(vals[0]).replace("+", "")]
            if k == "status" and "all" in vals:
                return True
            if k == "labels":
                hit = bool(set(map(str, vals)) & set(v)) if vals else bool(v)
                return hit if o in ("equal_to", "is_present") else not (hit if vals else bool(v))
            if o == "is_present":
                return v is not None and v != ""
            if o == "is_not_present":
                return v is None or v == ""
            sv = None if v is None else str(v).lower() if not isinstance(v, bool) else str(v).lower()
            ls = [str(x).lower() for x in vals]
            if o == "equal_to":
                return sv in ls
            if o == "not_equal_to":
                return sv not in ls
            if o == "contains":
                return sv is not None and any(x in sv for x in ls)
            if o == "does_not_contain":
                return sv is None or not any(x in sv for x in ls)
            if o == "starts_with":
                return sv is not None and sv.startswith(ls[0])
            if o in ("is_greater_than", "is_less_than", "days_before"):
                try:
                    if k in ("created_at", "last_activity_at"):
                        x = float(v or 0)
                        y = (
                            self.clock.now() - float(ls[0]) * 86400
                            if o == "days_before"
                            else datetime.fromisoformat(ls[0]).replace(tzinfo=UTC).timestamp()
                        )
                    else:
                        x, y = float(v), float(ls[0])
                except (TypeError, ValueError):
                    if v is None:
                        return False
                    raise Http(422, {"error": f"Invalid value. The values provided for {k} are invalid"})
                return x > y if o == "is_greater_than" else x < y
            return False

        out = []
        for r in rows:  # SQL precedence: AND binds before OR
            groups, cur = [], True
            for i, q in enumerate(pl):
                cur = cur and test(q, r)
                if str(q.get("query_operator") or "").upper() == "OR" or i == len(pl) - 1:
                    groups.append(cur)
                    cur = True
            if any(groups):
                out.append(r)
        return out

    def contacts_filter(self, acc, w, p, form, request):
        rows = self.do_filter(
            acc,
            p,
            CONTACT_STD,
            self.resolved(acc),
            lambda c, k, s: (c.get(k) if k in c else c["additional_attributes"].get(k)) if s else c["custom_attributes"].get(k),
            "contact_attribute",
        )
        n = self.page(request)
        return {
            "meta": {"count": len(rows), "current_page": request.query.get("page", 1)},
            "payload": [self.contact_json(c, self.with_ci(request)) for c in rows[(n - 1) * 15 : n * 15]],
        }

    def contacts_create(self, acc, w, p, form, request):
        p = (
            p.get("contact")
            if isinstance(p.get("contact"), dict) and not (set(p) & {"name", "phone_number", "inbox_id"})
            else p
        )
        ib = self.inbox(acc, p["inbox_id"], ("User", {"role": "administrator"})) if present(p.get("inbox_id")) else None
        c = self.new_contact(acc, p)
        ci = None
        if ib:
            try:
                ci = self.build_ci(c, ib, p.get("source_id"))
            except (Http, NotUnique):
                del self.contacts[c["id"]]  # R16: one transaction
                raise
        self.emit("contact_created", contact=c)
        inbox_raw = {k: v for k, v in ib.items() if k not in ("channel", "members", "bot_id")} if ci else None
        return {
            "payload": {
                "contact": self.contact_json(c, True),
                "contact_inbox": {"inbox": inbox_raw, "source_id": ci["source_id"] if ci else None},
            }
        }  # R15

    def contacts_show(self, acc, w, p, form, request, cid):
        return {"payload": self.contact_json(self.contact(acc, cid), self.with_ci(request))}

    def contacts_update(self, acc, w, p, form, request, cid):  # R17
        c = self.contact(acc, cid)
        n = dict(c)
        for k in ("name", "identifier", "email", "phone_number"):
            if k in p:
                n[k] = p[k] if k == "name" else (p[k] or None)
        if "blocked" in p:
            n["blocked"] = truthy(p["blocked"])
        for k in ("custom_attributes", "additional_attributes"):
            if isinstance(p.get(k), dict):
                n[k] = {**c[k], **p[k]}
        self.validate_contact(n, acc, c["id"])
        diff = [{k: {"previous_value": c[k], "current_value": n[k]}} for k in n if n[k] != c[k]]
        c.update(n)
        if diff:
            self.emit("contact_updated", contact=c, changed=diff)
        return {"payload": self.contact_json(c, self.with_ci(request))}

    def contacts_destroy(self, acc, w, p, form, request, cid):
        self.admin(w)
        c = self.contact(acc, cid)
        for conv in [x for x in self.convs.values() if x["contact_id"] == c["id"]]:
            self.by_display.pop((acc, conv["display_id"]), None)
            for i in conv["message_ids"]:
                self.msgs.pop(i, None)
            del self.convs[conv["id"]]
        for i in [i for i, x in self.cis.items() if x["contact_id"] == c["id"]]:
            del self.cis[i]
        del self.contacts[c["id"]]
        return web.Response(status=200)

    def contact_convs(self, acc, w, p, form, request, cid):
        c = self.contact(acc, cid)
        rows = sorted(
            (x for x in self.convs.values() if x["contact_id"] == c["id"] and self.visible(x, w)),
            key=lambda x: -x["id"],
        )[:20]
        return {"payload": [self.conv_json(x, w[1]) for x in rows]}

    def contactable(self, acc, w, p, form, request, cid):
        c = self.contact(acc, cid)
        out = []
        for ib in self.inboxes.values():
            if ib["account_id"] != acc or (w[1].get("role") != "administrator" and w[1]["id"] not in ib["members"]):
                continue
            own = [x for x in self.cis.values() if x["contact_id"] == c["id"] and x["inbox_id"] == ib["id"]]
            if ib["channel_type"] == "Channel::Api":
                out.append({"inbox": self.inbox_slim(ib), "source_id": own[-1]["source_id"] if own else str(uuid.uuid4())})
            elif c["phone_number"]:
                out.append(
                    {
                        "inbox": self.inbox_slim(ib),
                        "source_id": c["phone_number"].lstrip("+")
                        if ib["channel_type"] == "Channel::Whatsapp"
                        else "whatsapp:" + c["phone_number"],
                    }
                )
        return {"payload": out}

    def ci_create(self, acc, w, p, form, request, cid):
        c = self.contact(acc, cid)
        ib = self.inbox(acc, p.get("inbox_id"), w)
        return self.ci_json(self.build_ci(c, ib, p.get("source_id")))

    def ci_filter(self, acc, w, p, form, request):  # R21
        ib = self.inbox(acc, p.get("inbox_id"), w)
        x = next(
            (x for x in self.cis.values() if x["inbox_id"] == ib["id"] and x["source_id"] == str(p.get("source_id"))),
            None,
        )
        if not x:
            raise Http(404, None)
        return self.contact_json(self.contacts[x["contact_id"]], True)

    def clabels(self, acc, w, p, form, request, cid):  # R22
        c = self.contact(acc, cid)
        if request.method == "POST":
            c["labels"] = self.tag_list(p.get("labels"))
        return {"payload": c["labels"]}

    @staticmethod
    def tag_list(v: Any) -> list[str]:
        if not isinstance(v, list):
            return []
        return list(dict.fromkeys(str(x).strip() for x in v if x is not None and str(x).strip()))

    def c_destroy_attrs(self, acc, w, p, form, request, cid):
        c = self.contact(acc, cid)
        ks = p.get("custom_attributes") or []
        c["custom_attributes"] = {k: v for k, v in c["custom_attributes"].items() if k not in ks}
        return {"payload": self.contact_json(c, True)}

    def c_notes(self, acc, w, p, form, request, cid):
        c = self.contact(acc, cid)
        if request.method == "GET":
            return [n for n in self.notes.values() if n["contact_id"] == c["id"]]
        n = {
            "id": self.nid("note"),
            "content": p.get("content"),
            "contact_id": c["id"],
            "user": self.agent_json(w[1]),
            "created_at": int(self.clock.now()),
        }
        self.notes[n["id"]] = n
        return n

    def merge(self, acc, w, p, form, request):
        base, other = self.contact(acc, p.get("base_contact_id")), self.contact(acc, p.get("mergee_contact_id"))
        for t in (self.cis, self.convs):
            for x in t.values():
                if x["contact_id"] == other["id"]:
                    x["contact_id"] = base["id"]
        for m in self.msgs.values():
            if m["sender_type"] == "Contact" and m["sender_id"] == other["id"]:
                m["sender_id"] = base["id"]
        for k in ("email", "phone_number", "identifier"):
            base[k] = base[k] or other[k]
        base["custom_attributes"] = {**other["custom_attributes"], **base["custom_attributes"]}
        del self.contacts[other["id"]]
        return self.contact_json(base, True)

    # ------------------------------------------------------------------ conversations
    def conv_rows(self, acc, w, request):
        q = request.query
        rows = [c for c in self.convs.values() if c["account_id"] == acc and self.visible(c, w)]
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

    def conv_index(self, acc, w, p, form, request):
        rows, cnt = self.conv_rows(acc, w, request)
        n = self.page(request)
        part = (
            [c for c in rows if c["updated_at"] > self.clock.now() - to_i(request.query["updated_within"])]
            if request.query.get("updated_within")
            else rows[(n - 1) * 25 : n * 25]
        )
        body = {"meta": cnt, "payload": [self.conv_json(c, w[1]) for c in part]}
        return body if request.path.endswith("/search") else {"data": body}

    def conv_meta(self, acc, w, p, form, request):
        return {"meta": self.conv_rows(acc, w, request)[1]}

    def conv_filter(self, acc, w, p, form, request):
        rows = [c for c in self.convs.values() if c["account_id"] == acc and self.visible(c, w)]
        rows = self.do_filter(
            acc,
            p,
            CONV_STD,
            rows,
            lambda c, k, s: (c.get(k) if k in c else c["additional_attributes"].get(k)) if s else c["custom_attributes"].get(k),
            "conversation_attribute",
        )
        rows.sort(key=lambda c: -c["last_activity_at"])
        n = self.page(request)
        me = w[1]["id"]
        return {
            "meta": {
                "mine_count": sum(1 for c in rows if c["assignee_id"] == me),
                "unassigned_count": sum(1 for c in rows if not c["assignee_id"]),
                "all_count": len(rows),
            },
            "payload": [self.conv_json(c, w[1]) for c in rows[(n - 1) * 25 : n * 25]],
        }

    def conv_create(self, acc, w, p, form, request):
        p = (
            p.get("conversation")
            if isinstance(p.get("conversation"), dict) and "source_id" not in p and "contact_id" not in p
            else p
        )
        ib = self.inbox(acc, p["inbox_id"], w) if present(p.get("inbox_id")) else None
        ct = self.contact(acc, p["contact_id"]) if present(p.get("contact_id")) else None
        if ib and ct:
            try:
                ci = self.build_ci(ct, ib, p.get("source_id"))
            except NotUnique:
                raise Http(422, {"error": "source_id should be unique"})  # R25
        else:
            ci = (
                next((x for x in self.cis.values() if x["source_id"] == str(p.get("source_id"))), None)
                if present(p.get("source_id"))
                else None
            )
            if not ci:
                raise not_found()
            if self.inboxes[ci["inbox_id"]]["account_id"] != acc:
                raise unauthorized()
            self.inbox(acc, ci["inbox_id"], w)
        old = None
        if self.inboxes[ci["inbox_id"]]["lock_to_single_conversation"]:  # R29
            mine = [c for c in self.convs.values() if c["contact_inbox_id"] == ci["id"]]
            old = mine[-1] if mine else None
        conv = old or self.create_conv(acc, ci, p)
        if isinstance(p.get("message"), dict) and p["message"]:
            self.post_message(conv, w, p["message"])
        return self.conv_json(conv, w[1])

    def conv_show(self, acc, w, p, form, request, did):
        return self.conv_json(self.conv(acc, did, w), w[1])

    def conv_update(self, acc, w, p, form, request, did):
        c = self.conv(acc, did, w)
        p = p.get("conversation") if isinstance(p.get("conversation"), dict) else p
        if "priority" in p:
            if p["priority"] is not None and p["priority"] not in PRIORITY:
                raise Http(500, {"status": 500, "error": "Internal Server Error"})
            self.save_conv(c, {"priority": p["priority"]}, w[1])
        return self.conv_json(c, w[1])

    def toggle_status(self, acc, w, p, form, request, did):
        c = self.conv(acc, did, w)
        st = p.get("status")
        ok: bool | None = True
        u = w[1] if w[0] == "User" else None
        if w[0] == "AgentBot" and c["status"] == "pending" and st == "open":  # R34
            if not c["waiting_since"]:
                self.save_conv(c, {"waiting_since": self.clock.now()}, None)
            ch: dict = {"status": "open"}
            if self.cfg["ownership_mode"]:
                ch["assignee_agent_bot_id"] = None  # R31
            self.save_conv(c, ch, None)
            ok = None
        elif present(st):
            if st not in STATUS:
                raise Http(500, {"status": 500, "error": "Internal Server Error"})  # R9
            ch = {"status": st}
            if p.get("snoozed_until"):
                try:
                    ch["snoozed_until"] = float(p["snoozed_until"])
                except (TypeError, ValueError):
                    pass
            if self.cfg["ownership_mode"] and st == "open" and u:
                ch["assignee_agent_bot_id"] = None
            self.save_conv(c, ch, u)
        else:  # R35
            self.save_conv(c, {"status": "resolved" if c["status"] == "open" else "open"}, u)
        if c["status"] == "open" and u and u["role"] == "agent":  # R34
            self.save_conv(c, {"assignee_id": u["id"]}, u)
        return {
            "meta": {},
            "payload": {
                "success": ok,
                "conversation_id": c["display_id"],
                "current_status": c["status"],
                "snoozed_until": iso(c["snoozed_until"]) if c["snoozed_until"] else None,
            },
        }

    def toggle_priority(self, acc, w, p, form, request, did):
        c = self.conv(acc, did, w)
        v = p.get("priority") or None
        if v is not None and v not in PRIORITY:
            raise Http(500, {"status": 500, "error": "Internal Server Error"})
        self.save_conv(c, {"priority": v}, w[1])
        return web.Response(status=200)

    def toggle_typing(self, acc, w, p, form, request, did):
        c = self.conv(acc, did, w)
        ev = {"on": "conversation_typing_on", "off": "conversation_typing_off"}.get(p.get("typing_status"))
        if ev:
            who = {"id": w[1]["id"], "name": w[1]["name"], "type": "user" if w[0] == "User" else "agent_bot"}
            if w[0] == "User":
                who["email"] = w[1]["email"]
            self.emit(ev, conv=c, typing={"user": who, "private": truthy(p.get("is_private"))})
        return web.Response(status=200)

    def conv_attrs(self, acc, w, p, form, request, did):  # R33: replaces
        c = self.conv(acc, did, w)
        if "custom_attributes" not in p:
            raise Http(500, {"status": 500, "error": "Internal Server Error"})
        v = p["custom_attributes"] if isinstance(p["custom_attributes"], dict) else {}
        self.check_jsonb("custom_attributes", v)
        self.save_conv(c, {"custom_attributes": dict(v)}, w[1])
        return {"custom_attributes": c["custom_attributes"]}

    def conv_labels(self, acc, w, p, form, request, did):  # R33
        c = self.conv(acc, did, w)
        if request.method == "POST":
            self.save_conv(c, {"labels": self.tag_list(p.get("labels"))}, w[1])
        return {"payload": list(c["labels"])}

    def assign(self, acc, w, p, form, request, did):
        c = self.conv(acc, did, w)
        actor = w[1] if w[0] == "User" else None
        if p.get("assignee_type") == "AgentBot":
            b = self.bots.get(int(p["assignee_id"])) if str(p.get("assignee_id") or "").isdigit() else None
            if not b or b["account_id"] != acc:
                return None
            ch: dict = {"assignee_id": None, "assignee_agent_bot_id": b["id"]}
            if self.cfg["ownership_mode"]:
                ch["status"] = "pending"  # R38
            self.save_conv(c, ch, actor)
            return self.bot_slim(b)
        if "assignee_id" in p:  # R37
            u = self.users.get(int(p["assignee_id"])) if str(p["assignee_id"] or "").isdigit() else None
            if u and u["account_id"] != acc:
                u = None
            ch = {"assignee_id": u["id"] if u else None, "assignee_agent_bot_id": None}
            if u and self.cfg["ownership_mode"] and c["status"] == "pending" and c["assignee_agent_bot_id"]:
                ch["status"] = "open"  # R38
            self.save_conv(c, ch, actor)
            return self.agent_json(u) if u else None
        if "team_id" in p:  # R39
            t = self.teams.get(int(p["team_id"])) if str(p["team_id"] or "").isdigit() else None
            self.save_conv(c, {"team_id": t["id"] if t else None}, actor)
            return self.team_json(t, w[1]) if t else None
        return None

    def mute(self, acc, w, p, form, request, did):
        c = self.conv(acc, did, w)
        on = request.path.endswith("/mute")
        self.contacts[c["contact_id"]]["blocked"] = on
        if on:
            self.save_conv(c, {"status": "resolved"}, w[1])
        return web.Response(status=200)

    def last_seen(self, acc, w, p, form, request, did):
        c = self.conv(acc, did, w)
        c["agent_last_seen_at"] = self.clock.now()
        return self.conv_json(c, w[1])

    # ------------------------------------------------------------------ messages
    def msg_index(self, acc, w, p, form, request, did):  # R54
        c = self.conv(acc, did, w)
        rows = self.conv_msgs(c)
        q = request.query
        if present(q.get("filter_internal_messages")):
            rows = [m for m in rows if not m["private"] and m["message_type"] != 2]
        a, b = q.get("after"), q.get("before")
        if a and b:
            rows = [m for m in rows if to_i(a) <= m["id"] < to_i(b)][:1000]
        elif b:
            rows = [m for m in rows if m["id"] < to_i(b)][-20:]
        elif a:
            rows = [m for m in rows if m["id"] > to_i(a)][:100]
        else:
            rows = rows[-20:]
        meta = {
            "labels": list(c["labels"]),
            "additional_attributes": c["additional_attributes"],
            "contact": self.contact_push(self.contacts[c["contact_id"]]),
        }
        if c["assignee_id"]:
            meta["assignee"] = self.user_push(self.users[c["assignee_id"]])
        meta.update({"agent_last_seen_at": c["agent_last_seen_at"], "assignee_last_seen_at": c["assignee_last_seen_at"]})
        return {"meta": meta, "payload": [self.message_json(m) for m in rows]}

    async def msg_create(self, acc, w, p, form, request, did):
        c = self.conv(acc, did, w)
        if isinstance(p.get("message"), dict) and not ({"content", "attachments"} & set(p)):
            p = p["message"]
        m = self.post_message(c, w, p)
        return self.message_json(m, p.get("echo_id"))

    def post_message(self, c: dict, w, p: dict) -> dict:
        mt = p.get("message_type") or "outgoing"
        ib = self.inboxes[c["inbox_id"]]
        if ib["channel_type"] != "Channel::Api" and mt == "incoming":  # R43
            raise Http(422, {"error": "Incoming messages are only allowed in Api inboxes"})
        if mt not in MTYPE:
            raise Http(422, {"error": f"'{mt}' is not a valid message_type"})
        ca = p.get("content_attributes") or {}
        if isinstance(ca, str):
            try:
                ca = json.loads(ca)
            except ValueError:
                ca = {}
        ca = dict(ca) if isinstance(ca, dict) else {}  # R47
        aa: dict = {}
        if present(p.get("campaign_id")):
            aa["campaign_id"] = p["campaign_id"]
        tp = p.get("template_params")
        if present(tp):
            if isinstance(tp, str):
                try:
                    tp = json.loads(tp)
                except ValueError:
                    pass
            aa["template_params"] = tp
        if present(p.get("external_created_at")):
            ca["external_created_at"] = p["external_created_at"]
        if mt == "outgoing":  # R44
            s: tuple = (w[0], w[1]["id"])
            if p.get("sender_type") == "AgentBot" and str(p.get("sender_id") or "").isdigit():
                b = self.bots.get(int(p["sender_id"]))
                if b and b["account_id"] == c["account_id"]:
                    s = ("AgentBot", b["id"])
        else:
            s = ("Contact", c["contact_id"])
        raw_atts = p.get("attachments") or []
        raw_atts = raw_atts if isinstance(raw_atts, list) else [raw_atts]
        atts = []
        for a in raw_atts:
            if not hasattr(a, "file"):
                continue
            data, typ = a.file.read(), a.content_type or "application/octet-stream"
            key = "%032x" % self.idrng.getrandbits(128)
            self.blobs[key] = {"data": data, "type": typ}
            ft = typ.split("/")[0] if typ.split("/")[0] in ("image", "audio", "video") else "file"
            url = f"{self.base_url}/rails/active_storage/blobs/redirect/{key}/{a.filename}"
            atts.append(
                {
                    "id": self.nid("att"),
                    "message_id": None,
                    "file_type": ft,
                    "account_id": c["account_id"],
                    "extension": None,
                    "content_type": typ,
                    "data_url": url,
                    "thumb_url": url if ft == "image" else "",
                    "file_size": len(data),
                    "width": None,
                    "height": None,
                }
            )
        return self.create_message(
            c,
            {
                "content": p.get("content"),
                "message_type": MTYPE[mt],
                "private": truthy(p.get("private")),
                "content_type": p.get("content_type") or "text",
                "content_attributes": ca,
                "additional_attributes": aa,
                "source_id": p.get("source_id"),
                "attachments": atts,
            },
            s,  # R45: no dedupe
            w[1] if w[0] == "User" else None,
        )

    def message(self, c: dict, mid: str) -> dict:
        m = self.msgs.get(int(mid)) if mid.isdigit() else None
        if not m or m["conv"] != c["id"]:
            raise not_found()
        return m

    def msg_update(self, acc, w, p, form, request, did, mid):  # R53
        c = self.conv(acc, did, w)
        if self.inboxes[c["inbox_id"]]["channel_type"] != "Channel::Api":
            raise Http(403, {"error": "Message status update is only allowed for API inboxes"})
        m = self.message(c, mid)
        self.set_msg_status(m, str(p.get("status")), p.get("external_error"))
        return self.message_json(m)

    def msg_destroy(self, acc, w, p, form, request, did, mid):
        c = self.conv(acc, did, w)
        m = self.message(c, mid)
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
        return self.message_json(m)

    # ------------------------------------------------------------------ setup objects
    def find(self, table: dict, acc: int, oid: str) -> dict:
        o = table.get(int(oid)) if str(oid).isdigit() else None
        if not o or o["account_id"] != acc:
            raise not_found()
        return o

    def labels_crud(self, acc, w, p, form, request, *s):
        m = request.method
        pub = lambda l: {k: l[k] for k in ("id", "title", "description", "color", "show_on_sidebar")}
        if m == "GET":
            return (
                pub(self.find(self.labels, acc, s[0]))
                if s
                else {
                    "payload": [
                        pub(l) for l in sorted(self.labels.values(), key=lambda l: l["title"]) if l["account_id"] == acc
                    ]
                }
            )
        self.admin(w)  # R6
        if m == "DELETE":
            del self.labels[self.find(self.labels, acc, s[0])["id"]]
            return web.Response(status=200)
        v = self.root(p, form, "label")
        l = (
            dict(self.find(self.labels, acc, s[0]))
            if s
            else {
                "id": 0,
                "account_id": acc,
                "title": None,
                "description": None,
                "color": "#1f93ff",
                "show_on_sidebar": None,
            }
        )
        for k in ("title", "description", "color", "show_on_sidebar"):
            if k in v:
                l[k] = v[k]
        l["title"] = str(l["title"]).lower() if l["title"] else l["title"]  # R57
        errs = []
        if not present(l["title"]):
            errs.append(("title", "Title must not be blank"))
        if not LABEL.match(l["title"] or ""):
            errs.append(("title", "Title is invalid"))
        if any(x["title"] == l["title"] and x["id"] != l["id"] and x["account_id"] == acc for x in self.labels.values()):
            errs.append(("title", "Title has already been taken"))
        if errs:
            raise invalid(errs)
        l["id"] = l["id"] or self.nid("label")
        self.labels[l["id"]] = l
        return pub(l)

    def defs_crud(self, acc, w, p, form, request, *s):
        m = request.method
        pub = lambda d: {k: v for k, v in d.items() if k != "account_id"}
        if m == "GET":
            if s:
                return pub(self.find(self.defs, acc, s[0]))
            am = request.query.get("attribute_model")
            am = ATTR_MODELS[int(am)] if am and am.isdigit() else am
            return [pub(d) for d in self.defs.values() if d["account_id"] == acc and (not am or d["attribute_model"] == am)]
        self.admin(w)
        if m == "DELETE":
            del self.defs[self.find(self.defs, acc, s[0])["id"]]
            return web.Response(status=204)
        v = self.root(p, form, "custom_attribute_definition")
        t = iso(self.clock.now())
        d = (
            dict(self.find(self.defs, acc, s[0]))
            if s
            else {
                "id": 0,
                "account_id": acc,
                "attribute_display_name": None,
                "attribute_display_type": "text",
                "attribute_description": None,
                "attribute_key": None,
                "regex_pattern": None,
                "regex_cue": None,
                "attribute_values": [],
                "attribute_model": "conversation_attribute",
                "default_value": None,
                "created_at": t,
                "updated_at": t,
            }
        )
        for k in (
            "attribute_display_name",
            "attribute_description",
            "attribute_key",
            "regex_pattern",
            "regex_cue",
            "attribute_values",
        ):
            if k in v:
                d[k] = v[k]
        for k, names in (("attribute_display_type", ATTR_TYPES), ("attribute_model", ATTR_MODELS)):
            if k in v:
                x = v[k]
                if isinstance(x, int) or str(x).isdigit():
                    if int(x) >= len(names):
                        raise Http(500, {"status": 500, "error": "Internal Server Error"})
                    x = names[int(x)]
                if x not in names:
                    raise Http(500, {"status": 500, "error": "Internal Server Error"})
                d[k] = x
        errs = []  # R58
        if not present(d["attribute_display_name"]):
            errs.append(("attribute_display_name", "Attribute display name can't be blank"))
        key = (d["attribute_key"] or "").strip()
        d["attribute_key"] = key
        if not key:
            errs.append(("attribute_key", "Attribute key can't be blank"))
        elif any(
            x["attribute_key"] == key
            and x["attribute_model"] == d["attribute_model"]
            and x["id"] != d["id"]
            and x["account_id"] == acc
            for x in self.defs.values()
        ):
            errs.append(("attribute_key", "Attribute key has already been taken"))
        if not re.fullmatch(r"[\w.\-]+", key) or (key and not re.fullmatch(r"(?:[^\W_]|[_.\-])+", key)):
            errs.append(("attribute_key", "Attribute key must only contain letters, numbers, underscores, hyphens, and dots"))
        if not s and key in STANDARD_ATTRS[d["attribute_model"]]:
            errs.append(
                (
                    "attribute_key",
                    "Attribute key The provided key is not allowed as it might conflict with default attributes.",
                )
            )
        if errs:
            raise invalid(errs)
        d["id"] = d["id"] or self.nid("def")
        self.defs[d["id"]] = d
        return pub(d)

    def hooks_crud(self, acc, w, p, form, request, *s):
        self.admin(w)
        m = request.method
        pub = lambda h: {k: h[k] for k in ("id", "name", "url", "account_id", "subscriptions", "secret")}
        if m == "GET":
            return {"payload": {"webhooks": [pub(h) for h in self.hooks.values() if h["account_id"] == acc]}}
        if m == "DELETE":
            del self.hooks[self.find(self.hooks, acc, s[0])["id"]]
            return web.Response(status=200)
        v = self.root(p, form, "webhook")  # R11
        h = (
            dict(self.find(self.hooks, acc, s[0]))
            if s
            else {
                "id": 0,
                "name": None,
                "url": None,
                "account_id": acc,
                "subscriptions": list(DEFAULT_EVENTS),
                "secret": "whs-%016x" % self.idrng.getrandbits(64),
                "inbox_id": None,
            }
        )
        for k in ("name", "url", "inbox_id"):
            if k in v:
                h[k] = v[k]
        if "subscriptions" in v and v["subscriptions"] is not None:
            h["subscriptions"] = v["subscriptions"]
        errs = []  # R59
        if any(x["url"] == h["url"] and x["id"] != h["id"] and x["account_id"] == acc for x in self.hooks.values()):
            errs.append(("url", "Url has already been taken"))
        if not re.match(r"^https?://[^\s/]+", str(h["url"] or "")):
            errs.append(("url", "Url is invalid"))
        subs = h["subscriptions"]
        if not isinstance(subs, list) or not subs or set(subs) - set(WEBHOOK_EVENTS):
            errs.append(("subscriptions", "Subscriptions Invalid events"))
        if errs:
            raise invalid(errs)
        h["id"] = h["id"] or self.nid("hook")
        self.hooks[h["id"]] = h
        return {"payload": {"webhook": pub(h)}}

    def inboxes_crud(self, acc, w, p, form, request, *s):
        m = request.method
        adm = w[0] == "User" and w[1]["role"] == "administrator"
        if m == "GET" and not s:
            return {
                "payload": [
                    self.inbox_json(i, adm)
                    for i in sorted(self.inboxes.values(), key=lambda i: i["name"])
                    if i["account_id"] == acc and (adm or w[1]["id"] in i["members"])
                ]
            }
        if s:
            ib = self.inbox(acc, s[0], w)
            if len(s) == 1 and m == "GET":
                return self.inbox_json(ib, adm)
            if len(s) == 2 and s[1] == "agent_bot" and m == "GET":
                b = self.bots.get(ib["bot_id"] or 0)
                return {"agent_bot": self.bot_json(b, adm) if b else {}}
            if len(s) == 2 and s[1] == "assignable_agents":
                return {"payload": [self.agent_json(self.users[u]) for u in ib["members"]]}
            self.admin(w)
            if len(s) == 2 and s[1] == "set_agent_bot" and m == "POST":
                v = p.get("agent_bot")
                if v is not None:
                    ib["bot_id"] = self.find(self.bots, acc, str(v))["id"]
                else:
                    ib["bot_id"] = None
                return web.Response(status=200)
            if len(s) == 2 and s[1] == "reset_secret":
                ib["channel"]["secret"] = "sec%016x" % self.idrng.getrandbits(64)
                return self.inbox_json(ib, adm)
            if m == "DELETE":
                del self.inboxes[ib["id"]]
                return {"message": "Your inbox deletion request will be processed in some time."}
        else:
            self.admin(w)  # R6
            ch = p.get("channel") or {}
            if ch.get("type") != "api":
                raise invalid([("channel", "Channel must exist")])
            self.check_window(ch.get("additional_attributes") or {})
            ib = self.new_inbox(self.nid("inbox"), acc, p.get("name") or "API", "Channel::Api", members=[])
            if not present(p.get("name")):
                pass
            self.inboxes[ib["id"]] = ib
        for k in (
            "name",
            "lock_to_single_conversation",
            "enable_auto_assignment",
            "greeting_enabled",
            "greeting_message",
            "csat_survey_enabled",
            "out_of_office_message",
            "working_hours_enabled",
        ):
            if k in p:
                ib[k] = truthy(p[k]) if isinstance(ib[k], bool) else p[k]
        ch = p.get("channel")
        if isinstance(ch, dict):
            if isinstance(ch.get("additional_attributes"), dict):
                self.check_window(ch["additional_attributes"])
                ib["channel"]["additional_attributes"] = dict(ch["additional_attributes"])  # replaces the whole hash
            for k in ("webhook_url", "hmac_mandatory"):
                if k in ch:
                    ib["channel"][k] = ch[k]
        return self.inbox_json(ib, adm)

    def check_window(self, aa: dict) -> None:  # R42
        v = aa.get("agent_reply_time_window")
        if present(v):
            mm = re.match(r"\s*([+-]?\d+)", str(v))
            if not mm or int(mm.group(1)) <= 0:
                raise invalid(
                    [
                        (
                            "agent_reply_time_window",
                            "Agent reply time window agent_reply_time_window must be greater than 0",
                        )
                    ]
                )

    def inbox_members(self, acc, w, p, form, request, *s):
        ib = self.inbox(acc, s[0] if s else p.get("inbox_id"), w)
        if request.method != "GET":
            self.admin(w)
            ids = [int(x) for x in p.get("user_ids") or []]
            ib["members"] = (
                list(dict.fromkeys(ib["members"] + ids))
                if request.method == "POST"
                else [u for u in ib["members"] if u not in ids]
                if request.method == "DELETE"
                else ids
            )
        return {"payload": [self.agent_json(self.users[u]) for u in ib["members"] if u in self.users]}

    def bots_crud(self, acc, w, p, form, request, *s):
        m = request.method
        adm = w[0] == "User" and w[1]["role"] == "administrator"
        if m == "GET":
            return (
                self.bot_json(self.find(self.bots, acc, s[0]), adm)
                if s
                else [self.bot_json(b, adm) for b in self.bots.values() if b["account_id"] == acc]
            )
        self.admin(w)  # R6
        if m == "DELETE":
            b = self.find(self.bots, acc, s[0])
            for i in self.inboxes.values():
                if i["bot_id"] == b["id"]:
                    i["bot_id"] = None
            del self.bots[b["id"]]
            return web.Response(status=200)
        if len(s) == 2 and s[1] == "reset_access_token":
            b = self.find(self.bots, acc, s[0])
            b["token"] = "bot%020x" % self.idrng.getrandbits(80)
            return self.bot_json(b, adm)
        b = (
            self.find(self.bots, acc, s[0])
            if s
            else {
                "id": self.nid("bot"),
                "account_id": acc,
                "name": None,
                "description": None,
                "outgoing_url": None,
                "bot_type": "webhook",
                "bot_config": {},
                "token": "bot%020x" % self.idrng.getrandbits(80),
                "secret": "bs%016x" % self.idrng.getrandbits(64),
            }
        )
        if len(str(p.get("outgoing_url") or "")) > 2048:
            raise invalid([("outgoing_url", "Outgoing url is too long (maximum is 2048 characters)")])
        for k in ("name", "description", "outgoing_url", "bot_config"):
            if k in p:
                b[k] = p[k]
        self.bots[b["id"]] = b
        return self.bot_json(b, adm)

    def teams_crud(self, acc, w, p, form, request, *s):
        m = request.method
        if len(s) == 2 and s[1] == "team_members":
            t = self.find(self.teams, acc, s[0])
            if m != "GET":
                self.admin(w)
                ids = [int(x) for x in p.get("user_ids") or []]
                t["members"] = (
                    [u for u in t["members"] if u not in ids]
                    if m == "DELETE"
                    else list(dict.fromkeys((t["members"] if m == "POST" else []) + ids))
                )
            return [self.agent_json(self.users[u]) for u in t["members"] if u in self.users]
        if m == "GET":
            return (
                self.team_json(self.find(self.teams, acc, s[0]), w[1])
                if s
                else [self.team_json(t, w[1]) for t in self.teams.values() if t["account_id"] == acc]
            )
        self.admin(w)  # R6
        if m == "DELETE":
            del self.teams[self.find(self.teams, acc, s[0])["id"]]
            return web.Response(status=200)
        v = self.root(p, form, "team")
        name = str(v.get("name") or "").lower().strip()
        if not s:
            if not name:
                raise invalid([("name", "Name must not be blank")])
            if any(t["name"] == name and t["account_id"] == acc for t in self.teams.values()):
                raise invalid([("name", "Name has already been taken")])
        t = (
            self.find(self.teams, acc, s[0])
            if s
            else {
                "id": self.nid("team"),
                "account_id": acc,
                "name": name,
                "description": None,
                "allow_auto_assign": True,
                "members": [],
            }
        )
        if name:
            t["name"] = name
        for k in ("description", "allow_auto_assign"):
            if k in v:
                t[k] = v[k]
        self.teams[t["id"]] = t
        return self.team_json(t, w[1])

    def canned_crud(self, acc, w, p, form, request, *s):
        m = request.method
        if m == "GET":
            q = request.query.get("search", "").lower()
            return [
                c
                for c in self.canned.values()
                if c["account_id"] == acc and (q in c["short_code"].lower() or q in c["content"].lower())
            ]
        if m == "DELETE":
            del self.canned[self.find(self.canned, acc, s[0])["id"]]
            return web.Response(status=200)
        v = self.root(p, form, "canned_response")
        c = (
            self.find(self.canned, acc, s[0])
            if s
            else {
                "id": 0,
                "account_id": acc,
                "short_code": "",
                "content": "",
                "created_at": iso(self.clock.now()),
                "updated_at": iso(self.clock.now()),
            }
        )
        n = {**c, **{k: v[k] for k in ("short_code", "content") if k in v}}
        if not present(n["short_code"]) or not present(n["content"]):
            raise invalid(
                [
                    (
                        "short_code" if not present(n["short_code"]) else "content",
                        ("Short code" if not present(n["short_code"]) else "Content") + " must not be blank",
                    )
                ]
            )
        if any(
            x["short_code"] == n["short_code"] and x["id"] != n["id"] and x["account_id"] == acc for x in self.canned.values()
        ):
            raise invalid([("short_code", "Short code has already been taken")])
        n["id"] = n["id"] or self.nid("canned")
        self.canned[n["id"]] = n
        return n

    def apps_crud(self, acc, w, p, form, request, *s):
        m = request.method
        pub = lambda a: {k: a[k] for k in ("id", "title", "content", "created_at")}
        if m == "GET":
            return pub(self.find(self.apps, acc, s[0])) if s else [pub(a) for a in self.apps.values() if a["account_id"] == acc]
        if m == "DELETE":
            del self.apps[self.find(self.apps, acc, s[0])["id"]]
            return web.Response(status=204)
        v = self.root(p, form, "dashboard_app")
        a = (
            dict(self.find(self.apps, acc, s[0]))
            if s
            else {"id": 0, "account_id": acc, "title": None, "content": [], "created_at": iso(self.clock.now())}
        )
        for k in ("title", "content"):
            if k in v:
                a[k] = v[k]
        ct = a["content"]
        if not isinstance(ct, list) or any(
            not isinstance(x, dict) or x.get("type") != "frame" or not re.match(r"^https?://", str(x.get("url"))) for x in ct
        ):
            raise invalid([("content", "Content : Invalid data")])
        a["id"] = a["id"] or self.nid("app")
        self.apps[a["id"]] = a
        return pub(a)

    def agents_crud(self, acc, w, p, form, request, *s):
        if request.method == "GET":
            return [self.agent_json(u) for u in self.users.values() if u["account_id"] == acc]
        self.admin(w)
        u = {
            "id": max(self.users) + 1,
            "name": p.get("name", "Agent"),
            "email": p.get("email"),
            "role": p.get("role", "agent"),
            "token": "usr%020x" % self.idrng.getrandbits(80),
            "account_id": acc,
            "online": False,
        }
        self.users[u["id"]] = u
        return self.agent_json(u)

    # ------------------------------------------------------------------ the human side, for tests
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

    # ------------------------------------------------------------------ views
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
