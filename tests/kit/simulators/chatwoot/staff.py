"""Inboxes and who works in them: members, bots, teams, agents."""

from __future__ import annotations

from aiohttp import web

from .access import Access, Call
from .limits import check_window
from .rails import invalid, present, truthy


class StaffApi(Access):
    """Inboxes, agent bots, teams and users."""

    def inboxes_crud(self, call: Call, *s):
        m = call.request.method
        adm = call.who[0] == "User" and call.who[1]["role"] == "administrator"
        if m == "GET" and not s:
            return {
                "payload": [
                    self.inbox_json(i, adm)
                    for i in sorted(self.inboxes.values(), key=lambda i: i["name"])
                    if i["account_id"] == call.account_id and (adm or call.who[1]["id"] in i["members"])
                ]
            }
        if s:
            ib = self.inbox(call.account_id, s[0], call.who)
            if len(s) == 1 and m == "GET":
                return self.inbox_json(ib, adm)
            if len(s) == 2 and s[1] == "agent_bot" and m == "GET":
                b = self.bots.get(ib["bot_id"] or 0)
                return {"agent_bot": self.bot_json(b, adm) if b else {}}
            if len(s) == 2 and s[1] == "assignable_agents":
                return {"payload": [self.agent_json(self.users[u]) for u in ib["members"]]}
            self.admin(call.who)
            if len(s) == 2 and s[1] == "set_agent_bot" and m == "POST":
                v = call.params.get("agent_bot")
                if v is not None:
                    ib["bot_id"] = self.find(self.bots, call.account_id, str(v))["id"]
                else:
                    ib["bot_id"] = None
                return web.Response(status=200)
            if len(s) == 2 and s[1] == "reset_secret":
                ib["channel"]["secret"] = f"sec{self.idrng.getrandbits(64):016x}"
                return self.inbox_json(ib, adm)
            if m == "DELETE":
                del self.inboxes[ib["id"]]
                return {"message": "Your inbox deletion request will be processed in some time."}
        else:
            self.admin(call.who)  # R6
            ch = call.params.get("channel") or {}
            if ch.get("type") != "api":
                raise invalid([("channel", "Channel must exist")])
            check_window(ch.get("additional_attributes") or {})
            ib = self.new_inbox(
                self.nid("inbox"), call.account_id, call.params.get("name") or "API", "Channel::Api", members=[]
            )
            if not present(call.params.get("name")):
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
            if k in call.params:
                ib[k] = truthy(call.params[k]) if isinstance(ib[k], bool) else call.params[k]
        ch = call.params.get("channel")
        if isinstance(ch, dict):
            if isinstance(ch.get("additional_attributes"), dict):
                check_window(ch["additional_attributes"])
                ib["channel"]["additional_attributes"] = dict(ch["additional_attributes"])  # replaces the whole hash
            for k in ("webhook_url", "hmac_mandatory"):
                if k in ch:
                    ib["channel"][k] = ch[k]
        return self.inbox_json(ib, adm)

    def inbox_members(self, call: Call, *s):
        ib = self.inbox(call.account_id, s[0] if s else call.params.get("inbox_id"), call.who)
        if call.request.method != "GET":
            self.admin(call.who)
            ids = [int(x) for x in call.params.get("user_ids") or []]
            ib["members"] = (
                list(dict.fromkeys(ib["members"] + ids))
                if call.request.method == "POST"
                else [u for u in ib["members"] if u not in ids]
                if call.request.method == "DELETE"
                else ids
            )
        return {"payload": [self.agent_json(self.users[u]) for u in ib["members"] if u in self.users]}

    def bots_crud(self, call: Call, *s):
        m = call.request.method
        adm = call.who[0] == "User" and call.who[1]["role"] == "administrator"
        if m == "GET":
            return (
                self.bot_json(self.find(self.bots, call.account_id, s[0]), adm)
                if s
                else [self.bot_json(b, adm) for b in self.bots.values() if b["account_id"] == call.account_id]
            )
        self.admin(call.who)  # R6
        if m == "DELETE":
            b = self.find(self.bots, call.account_id, s[0])
            for i in self.inboxes.values():
                if i["bot_id"] == b["id"]:
                    i["bot_id"] = None
            del self.bots[b["id"]]
            return web.Response(status=200)
        if len(s) == 2 and s[1] == "reset_access_token":
            b = self.find(self.bots, call.account_id, s[0])
            b["token"] = f"bot{self.idrng.getrandbits(80):020x}"
            return self.bot_json(b, adm)
        b = (
            self.find(self.bots, call.account_id, s[0])
            if s
            else {
                "id": self.nid("bot"),
                "account_id": call.account_id,
                "name": None,
                "description": None,
                "outgoing_url": None,
                "bot_type": "webhook",
                "bot_config": {},
                "token": f"bot{self.idrng.getrandbits(80):020x}",
                "secret": f"bs{self.idrng.getrandbits(64):016x}",
            }
        )
        if len(str(call.params.get("outgoing_url") or "")) > 2048:
            raise invalid([("outgoing_url", "Outgoing url is too long (maximum is 2048 characters)")])
        for k in ("name", "description", "outgoing_url", "bot_config"):
            if k in call.params:
                b[k] = call.params[k]
        self.bots[b["id"]] = b
        return self.bot_json(b, adm)

    def teams_crud(self, call: Call, *s):
        m = call.request.method
        if len(s) == 2 and s[1] == "team_members":
            t = self.find(self.teams, call.account_id, s[0])
            if m != "GET":
                self.admin(call.who)
                ids = [int(x) for x in call.params.get("user_ids") or []]
                t["members"] = (
                    [u for u in t["members"] if u not in ids]
                    if m == "DELETE"
                    else list(dict.fromkeys((t["members"] if m == "POST" else []) + ids))
                )
            return [self.agent_json(self.users[u]) for u in t["members"] if u in self.users]
        if m == "GET":
            return (
                self.team_json(self.find(self.teams, call.account_id, s[0]), call.who[1])
                if s
                else [self.team_json(t, call.who[1]) for t in self.teams.values() if t["account_id"] == call.account_id]
            )
        self.admin(call.who)  # R6
        if m == "DELETE":
            del self.teams[self.find(self.teams, call.account_id, s[0])["id"]]
            return web.Response(status=200)
        v = self.root(call.params, call.form, "team")
        name = str(v.get("name") or "").lower().strip()
        if not s:
            if not name:
                raise invalid([("name", "Name must not be blank")])
            if any(t["name"] == name and t["account_id"] == call.account_id for t in self.teams.values()):
                raise invalid([("name", "Name has already been taken")])
        t = (
            self.find(self.teams, call.account_id, s[0])
            if s
            else {
                "id": self.nid("team"),
                "account_id": call.account_id,
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
        return self.team_json(t, call.who[1])

    def agents_crud(self, call: Call, *s):
        if call.request.method == "GET":
            return [self.agent_json(u) for u in self.users.values() if u["account_id"] == call.account_id]
        self.admin(call.who)
        u = {
            "id": max(self.users) + 1,
            "name": call.params.get("name", "Agent"),
            "email": call.params.get("email"),
            "role": call.params.get("role", "agent"),
            "token": f"usr{self.idrng.getrandbits(80):020x}",
            "account_id": call.account_id,
            "online": False,
        }
        self.users[u["id"]] = u
        return self.agent_json(u)
