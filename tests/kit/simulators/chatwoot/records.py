"""Saving contacts, conversations and messages with the callbacks that the vendor's models have."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

from .deliveries import Deliveries
from .limits import check_jsonb, content_attribute_errors
from .liquid import LiquidError, liquid
from .rails import Http, NotUnique, human, invalid, iso, present, to_i, truthy
from .vocabulary import CTYPES, EMAIL, MSTATUS, PHONE, STATUS, TW_SRC, WA_SRC


class Records(Deliveries):
    """Create and update, validated, with the events they cause."""

    def delivery_failed(self, kind: str, message_id: int, error: str | None) -> None:
        m = self.msgs[message_id]
        if kind == "agent_bot_webhook":  # R68
            conv = self.convs[m["conv"]]
            if conv["status"] == "pending" and not self.cfg["keep_pending_on_bot_failure"]:
                self.save_conv(conv, {"status": "open"}, None)
                self.activity(conv, "Conversation was marked open by system due to an error with the agent bot.")
        elif kind == "api_inbox_webhook":  # R67
            self.set_msg_status(m, "failed", error)

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

    def retry_message(self, m: dict) -> None:
        """R74: back to sent, with empty content_attributes, in two saves; an API inbox sends nothing itself."""
        self.set_msg_status(m, "sent", None)
        m["content_attributes"], m["updated_at"] = {}, self.clock.now()
        self.emit("message_updated", msg=m)

    def opened_by(self, conv: dict, user: dict) -> None:
        """R76: a person opened it. The bot's ownership ends in a save of its own; agents, not admins, are assigned (R34)."""
        if conv["assignee_agent_bot_id"] or conv["captain_id"]:
            self.save_conv(conv, {"assignee_agent_bot_id": None, "captain_id": None}, user)
        if user["role"] == "agent":
            self.save_conv(conv, {"assignee_id": user["id"]}, user)

    def activity(self, conv: dict, text: str) -> None:
        """Activity messages are stored but never reach webhooks (R61)."""
        m = self.raw_message(conv, {"content": text, "message_type": 2})
        conv["message_ids"].append(m["id"])
        conv["last_activity_at"] = m["created_at"]  # as every message does

    TRACKED = (
        "team_id",
        "assignee_id",
        "assignee_agent_bot_id",
        "captain_id",
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
            ch |= {"assignee_agent_bot_id": None, "captain_id": None}
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
        owned = conv["assignee_agent_bot_id"] or conv["captain_id"]
        if opened and not owned and self.inboxes[conv["inbox_id"]]["enable_auto_assignment"] and self.cfg["auto_assign_online"]:
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
        errs += [
            (f, f"{human(f)} is too long (maximum is 255 characters)")  # R18
            for f in ("name", "identifier", "email", "phone_number")
            if c[f] is not None and len(str(c[f])) > 255
        ]
        if errs:
            raise invalid(errs)

    def edit_contact(self, c: dict, p: dict) -> None:  # R17
        n = dict(c)
        for k in ("name", "identifier", "email", "phone_number"):
            if k in p:
                n[k] = p[k] if k == "name" else (p[k] or None)
        if "blocked" in p:
            n["blocked"] = truthy(p["blocked"])
        for k in ("custom_attributes", "additional_attributes"):
            if isinstance(p.get(k), dict):
                n[k] = {**c[k], **p[k]}
        self.validate_contact(n, c["account_id"], c["id"])
        diff = [{k: {"previous_value": c[k], "current_value": n[k]}} for k in n if n[k] != c[k]]
        c.update(n)
        if diff:
            self.emit("contact_updated", contact=c, changed=diff)

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
            "pubsub_token": f"{self.idrng.getrandbits(128):032x}",
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
        errs += content_attribute_errors(ct, ca)  # R55
        tp = (p.get("additional_attributes") or {}).get("template_params")
        if tp is not None and (not isinstance(tp, dict) or not isinstance(tp.get("name"), str)):
            errs.append("Additional attributes template_params is invalid")
        if errs:
            raise Http(422, {"error": "Validation failed: " + ", ".join(errs)})  # R8
        if tp is not None:
            filled = {**tp, "processed_params": self.rendered(tp.get("processed_params"), conv, sender)}  # R81
            p = {**p, "additional_attributes": {**p["additional_attributes"], "template_params": filled}}
        if content and mt in (1, 3):  # R49
            content = self.rendered(content, conv, sender)
        ca = self.quoting(conv, ca)
        m = self.raw_message(
            conv,
            {
                **p,
                "content_attributes": ca,
                "content": content,
                "content_type": ct,
                "sender_type": sender[0] if sender else None,
                "sender_id": sender[1] if sender else None,
            },
        )
        conv["message_ids"].append(m["id"])
        self.send_on_line(conv, m)
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

    def quoting(self, conv: dict, ca: dict) -> dict:
        """R84: of a quote by either id the other one is filled in; one that is not found stays as it is."""
        ours = self.conv_msgs(conv)
        external, quoted = ca.get("in_reply_to_external_id"), ca.get("in_reply_to")
        if external:
            found = next((x for x in ours if x["source_id"] == external), None)
        else:
            found = next((x for x in ours if quoted and str(x["id"]) == str(quoted)), None)
        return {**ca, "in_reply_to": found["id"], "in_reply_to_external_id": found["source_id"]} if found else ca

    def send_on_line(self, conv: dict, m: dict) -> None:
        """R83: what goes out on a line that Chatwoot owns. WhatsApp's shows a selection as buttons, Twilio's the body alone."""
        kind = self.inboxes[conv["inbox_id"]]["channel_type"]
        if m["message_type"] not in (1, 3) or m["private"] or m["content_attributes"].get("external_echo"):
            return
        if kind in ("Channel::Whatsapp", "Channel::TwilioSms"):
            items = m["content_attributes"].get("items", []) if kind == "Channel::Whatsapp" else []
            to = self.cis[conv["contact_inbox_id"]]["source_id"]
            self.line_log.append(
                {"to": to, "text": m["content"], "options": [one["title"] for one in items], "message_id": m["id"]}
            )

    def rendered(self, value: Any, conv: dict, sender: tuple[str, int] | None) -> Any:
        """Liquid over a text, or over every text of a structure; one that cannot be parsed stays as it is."""
        if isinstance(value, dict):
            return {k: self.rendered(v, conv, sender) for k, v in value.items()}
        if isinstance(value, list):
            return [self.rendered(v, conv, sender) for v in value]
        if not isinstance(value, str):
            return value
        c = self.contacts[conv["contact_id"]]
        ag = self.users.get(sender[1]) if sender and sender[0] == "User" else self.users.get(conv["assignee_id"] or 0)
        nm = " ".join(w.capitalize() for w in (c["name"] or "").split())
        drops = {
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
            "conversation": {"display_id": conv["display_id"], "custom_attribute": conv["custom_attributes"]},
            "inbox": {"name": self.inboxes[conv["inbox_id"]]["name"]},
            "account": {"name": self.accounts[conv["account_id"]]["name"]},
        }
        with contextlib.suppress(LiquidError):
            return liquid(value, drops)
        return value

    def create_conv(self, acc: int, ci: dict, p: dict) -> dict:
        contact, ib = self.contacts[ci["contact_id"]], self.inboxes[ci["inbox_id"]]
        st = p.get("status") or "open"
        if st not in STATUS:
            raise Http(500, {"status": 500, "error": "Internal Server Error"})  # R9
        aa = p.get("additional_attributes") if isinstance(p.get("additional_attributes"), dict) else {}
        ca = p.get("custom_attributes") if isinstance(p.get("custom_attributes"), dict) else {}
        check_jsonb("additional_attributes", aa)
        check_jsonb("custom_attributes", ca)
        if contact["blocked"]:  # R30
            st = "resolved"
        elif ib["bot_id"]:
            st = "pending"
        t = self.clock.now()
        asg = p.get("assignee_id")
        conv = {
            "id": self.nid("conv"),
            "display_id": self.nid(f"display{acc}"),
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
            "captain_id": None,
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
        if self.bots_own and ib["bot_id"] and st == "pending" and not conv["assignee_id"]:  # R31
            conv["assignee_agent_bot_id"] = ib["bot_id"]
        if st == "open" and not conv["assignee_id"] and ib["enable_auto_assignment"] and self.cfg["auto_assign_online"]:
            conv["assignee_id"] = self.online_member(conv, ib["members"])
        self.convs[conv["id"]] = conv
        self.by_display[(acc, conv["display_id"])] = conv
        self.emit("conversation_created", conv=conv)
        return conv
