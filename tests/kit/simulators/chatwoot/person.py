"""The human side, for tests: a person works in the dashboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .messages import MessagesApi
from .rails import truthy

Row = dict[str, Any]


class NotPossible(ValueError):
    """The dashboard does not offer that now."""


class Person(MessagesApi):
    """Does what a click in the dashboard does."""

    def agent(self, d: Row) -> Row:
        """`action` with `conversation_id` or `phone` (the latest conversation), `user_id` (2, Beto) and its arguments:

        reply(content, content_attributes) | note(content) | template(template_params, content) | retry(message_id) |
        assign(assignee_id) | assign_bot(bot_id) | assign_captain |
        unassign | team(team_id) | resolve | open | pending | snooze(seconds) | labels([…]) |
        add_label(label) | remove_label(label) | attributes({…}) | contact(name, email, custom_attributes …) | priority |
        typing(on|off) | delete_message(message_id) | block | unblock | external_echo(content) | automation(content) |
        online(online) | new_conversation(phone, content, inbox_id) |
        customer(phone, content, inbox_id): a person writes on a line that Chatwoot owns

        Raises NotPossible for what the dashboard does not offer: the reply editor outside the window (R72), a template that the
        picker does not list (R72), a reply in a pending conversation since 4.17 (R78), a conversation out of sight (R71).
        """
        user, action = self.users[int(d.get("user_id", 2))], d["action"]
        if action == "online":
            user["online"] = truthy(d.get("online", True))
            return {"ok": True}
        if action == "new_conversation":
            return self._start_conversation(d, user)
        if action == "customer":
            return self._hear_customer(d)
        conv = self._meant(d)
        if action in ("reply", "template"):
            self._check_editor(conv, d)
        if action in WRITING:
            return {"message": self.message_json(WRITING[action](self, conv, d, user))}
        if action in CHANGES:
            self.save_conv(conv, CHANGES[action](self, conv, d), user)
            if action == "open":
                self.opened_by(conv, user)
        elif action == "contact":
            self.edit_contact(self.contacts[conv["contact_id"]], d)
        elif action == "typing":
            who = {"id": user["id"], "name": user["name"], "email": user["email"], "type": "user"}
            event = "conversation_typing_" + d.get("typing", "on")
            self.emit(event, conv=conv, typing={"user": who, "private": False})
        elif action == "delete_message":
            self.blank_message(self.msgs[int(d["message_id"])])
        elif action == "retry":
            self.retry_message(self.msgs[int(d["message_id"])])
        elif action in ("block", "unblock"):
            self.contacts[conv["contact_id"]]["blocked"] = action == "block"
            if action == "block":
                self.save_conv(conv, {"status": "resolved"}, user)
        else:
            raise ValueError(f"unknown action {action}")
        return {"conversation": self.conv_json(conv, user)}

    def _check_editor(self, conv: Row, d: Row) -> None:
        inbox, user = self.inboxes[conv["inbox_id"]], self.users[int(d.get("user_id", 2))]
        if not self.visible(conv, ("User", user)):
            raise NotPossible(f"{user['name']} does not see this conversation")  # R71
        if self.since(4, 17) and conv["status"] == "pending":
            raise NotPossible("a pending conversation takes private notes only: take over first")  # R78
        if d["action"] == "reply" and not self.can_reply(conv):
            raise NotPossible("the reply window is closed: the editor is locked")  # R72
        if d["action"] == "template" and inbox["channel_type"] == "Channel::Api":
            listed = inbox["channel"]["additional_attributes"].get("message_templates") or []
            wanted = (d["template_params"]["name"], d["template_params"]["language"])
            if wanted not in [(one.get("name"), one.get("language")) for one in listed if one.get("status") == "APPROVED"]:
                raise NotPossible("the template picker does not show that template")  # R72

    def _meant(self, d: Row) -> Row:
        if d.get("conversation_id"):
            return self.by_display[(int(self.cfg["account_id"]), int(d["conversation_id"]))]
        phone = "+" + str(d["phone"]).lstrip("+")
        people = [c["id"] for c in self.contacts.values() if c["phone_number"] == phone]
        return [conv for conv in self.convs.values() if conv["contact_id"] in people][-1]

    def _start_conversation(self, d: Row, user: Row) -> Row:
        """From the dashboard: a contact that the inbox does not know yet gets a random UUID there."""
        contact = next(c for c in self.contacts.values() if c["phone_number"] == d["phone"])
        inbox = self.inboxes[int(d.get("inbox_id", self.cfg["inbox_id"]))]
        own = [x for x in self.cis.values() if x["contact_id"] == contact["id"] and x["inbox_id"] == inbox["id"]]
        identity = own[-1] if own else self.build_ci(contact, inbox, None)
        conv = self.create_conv(int(self.cfg["account_id"]), identity, {"assignee_id": user["id"]})
        first = {"content": d.get("content", "Hola"), "template_params": d.get("template_params")}
        message = self.post_message(conv, ("User", user), first)
        return {"conversation_id": conv["display_id"], "message": self.message_json(message)}

    def _hear_customer(self, d: Row) -> Row:
        """What Chatwoot makes of WhatsApp's own webhook."""
        account, inbox = int(self.cfg["account_id"]), self.inboxes[int(d["inbox_id"])]
        known = [c for c in self.contacts.values() if c["phone_number"] == d["phone"]]
        contact = known[0] if known else self.new_contact(account, {"name": d["phone"], "phone_number": d["phone"]})
        identity = self.build_ci(contact, inbox, None)
        open_ones = [
            one for one in self.convs.values() if one["contact_inbox_id"] == identity["id"] and one["status"] != "resolved"
        ]
        conv = open_ones[-1] if open_ones else self.create_conv(account, identity, {})
        message = self.create_message(conv, {"content": d["content"], "message_type": 0}, ("Contact", contact["id"]))
        return {"conversation_id": conv["display_id"], "message": self.message_json(message)}

    def _write(self, conv: Row, d: Row, user: Row) -> Row:
        given = {k: d.get(k) for k in ("content", "content_attributes", "template_params")}
        return self.post_message(conv, ("User", user), {**given, "private": d["action"] == "note"})

    def _write_without_sender(self, conv: Row, d: Row, attributes: Row) -> Row:
        message = {"content": d.get("content"), "message_type": 1, "content_attributes": attributes}
        return self.create_message(conv, message, None)

    def _assign(self, conv: Row, d: Row) -> Row:
        change: Row = {"assignee_id": int(d["assignee_id"]), "assignee_agent_bot_id": None, "captain_id": None}
        if self.bots_own and conv["status"] == "pending" and conv["assignee_agent_bot_id"]:
            change["status"] = "open"
        return change

    def _assign_bot(self, _: Row, d: Row) -> Row:
        change: Row = {"assignee_id": None, "assignee_agent_bot_id": int(d.get("bot_id", 1)), "captain_id": None}
        return change | ({"status": "pending"} if self.bots_own else {})

    def _assign_captain(self, *_: Row) -> Row:
        """R77: its AI is the owner."""
        if not self.since(4, 17):
            raise NotPossible("Captain owns conversations since 4.17")
        return {"assignee_id": None, "assignee_agent_bot_id": None, "captain_id": 1, "status": "pending"}

    def _snooze(self, _: Row, d: Row) -> Row:
        return {"status": "snoozed", "snoozed_until": self.clock.now() + float(d.get("seconds", 3600))}


WRITING: dict[str, Callable[[Person, Row, Row, Row], Row]] = {
    "reply": Person._write,
    "note": Person._write,
    "template": Person._write,
    # sent from the phone's WhatsApp app, or by an automation rule: no sender
    "external_echo": lambda me, conv, d, _: me._write_without_sender(conv, d, {"external_echo": True}),
    "automation": lambda me, conv, d, _: me._write_without_sender(conv, d, {"automation_rule_id": 1}),
}

CHANGES: dict[str, Callable[[Person, Row, Row], Row]] = {
    "assign": Person._assign,
    "assign_bot": Person._assign_bot,
    "assign_captain": Person._assign_captain,
    "unassign": lambda *_: {"assignee_id": None, "assignee_agent_bot_id": None, "captain_id": None},
    "team": lambda _me, _conv, d: {"team_id": int(d["team_id"]) if d.get("team_id") else None},
    "resolve": lambda *_: {"status": "resolved"},
    "open": lambda *_: {"status": "open"},
    "pending": lambda *_: {"status": "pending"},
    "snooze": Person._snooze,
    "labels": lambda me, _conv, d: {"labels": me.tag_list(d["labels"])},
    "add_label": lambda me, conv, d: {"labels": me.tag_list([*conv["labels"], d["label"]])},
    "remove_label": lambda _me, conv, d: {"labels": [label for label in conv["labels"] if label != d["label"]]},
    "attributes": lambda _me, _conv, d: {"custom_attributes": dict(d["attributes"])},
    "priority": lambda _me, _conv, d: {"priority": d.get("priority")},
}
