"""What Chatwoot remembers, and what it starts with."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from tests.kit.simulators.simulator import Sim

from .rails import present
from .vocabulary import DEFAULT_EVENTS


class Store(Sim):
    """Options, tables and the seeded account."""

    name = "chatwoot"

    DEFAULTS: ClassVar[dict[str, Any]] = {
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
        "version": "4.16.2",  # also 4.15.1 and 4.17.0: what a version brought is asked for by `since`
        "free_plan": False,  # R80: Cloud without a paid plan
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
        "deletion_delay_s": 0,  # Chatwoot deletes conversations in a job
        "greeting_message": "",
        "csat": False,
        "out_of_office": False,
        "sign_webhooks": True,
        "ip_limit_per_min": 3000,
        "search_limit_per_min": 100,
        "deletion_limit_per_min": 60,
    }

    def since(self, *version: int) -> bool:
        """Whether the configured version is that one or later."""
        return tuple(map(int, re.findall(r"\d+", self.cfg["version"]))) >= version

    @property
    def bots_own(self) -> bool:
        """R31, R38: a bot can be a conversation's owner."""
        return self.since(4, 16, 2)

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
        self.line_log: list[dict] = []
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
                "identifier": f"inbx{self.idrng.getrandbits(48):012x}",
                "hmac_token": f"h{self.idrng.getrandbits(48):012x}",
                "secret": self.cfg["webhook_secret"],
                "hmac_mandatory": False,
                "additional_attributes": dict(extra or {}),
                "medium": "whatsapp",
            },
        }

    def conv_msgs(self, conv: dict) -> list[dict]:
        return [self.msgs[i] for i in conv["message_ids"] if i in self.msgs]

    def forget_conv(self, conv: dict) -> None:
        """The conversation and its messages; nothing when it is gone already."""
        if self.convs.pop(conv["id"], None) is None:
            return
        self.by_display.pop((conv["account_id"], conv["display_id"]), None)
        for i in conv["message_ids"]:
            self.msgs.pop(i, None)

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
        if conv["captain_id"]:  # R77
            return "Captain::Assistant", {"id": conv["captain_id"], "name": "Captain"}
        if conv["assignee_agent_bot_id"]:
            return "AgentBot", self.bots[conv["assignee_agent_bot_id"]]
        if conv["assignee_id"]:
            return "User", self.users[conv["assignee_id"]]
        return None

    def sender_obj(self, m: dict) -> tuple[str, dict] | None:
        t, i = m["sender_type"], m["sender_id"]
        o = {"Contact": self.contacts, "User": self.users, "AgentBot": self.bots}.get(t, {}).get(i)
        return (t, o) if o else None

    def online_member(self, conv: dict, pool) -> int | None:
        ib = self.inboxes[conv["inbox_id"]]
        return next((u for u in pool if u in ib["members"] and self.users[u]["online"]), None)
