"""What an administrator sets up once: labels, attribute definitions, webhooks, canned responses, dashboard apps."""

from __future__ import annotations

import re

from aiohttp import web

from .access import Access, Call
from .rails import Http, invalid, iso, present
from .vocabulary import ATTR_MODELS, ATTR_TYPES, DEFAULT_EVENTS, LABEL, STANDARD_ATTRS, WEBHOOK_EVENTS


class SettingsApi(Access):
    """Plain tables of the account."""

    def labels_crud(self, call: Call, *s):
        shown = ("id", "title", "description", "color", "show_on_sidebar")
        if call.request.method == "GET" and s:
            label = self.find(self.labels, call.account_id, s[0])
            return {k: label[k] for k in shown}
        if call.request.method == "GET":
            mine = [label for label in self.labels.values() if label["account_id"] == call.account_id]
            return {"payload": [{k: label[k] for k in shown} for label in sorted(mine, key=lambda label: label["title"])]}
        self.admin(call.who)  # R6
        if call.request.method == "DELETE":
            del self.labels[self.find(self.labels, call.account_id, s[0])["id"]]
            return web.Response(status=200)
        given = self.root(call.params, call.form, "label")
        new = {"id": 0, "account_id": call.account_id, "title": None, "description": None, "color": "#1f93ff"}
        label = dict(self.find(self.labels, call.account_id, s[0])) if s else {**new, "show_on_sidebar": None}
        label |= {k: given[k] for k in shown[1:] if k in given}
        label["title"] = str(label["title"]).lower() if label["title"] else label["title"]  # R57
        errs = []
        if not present(label["title"]):
            errs.append(("title", "Title must not be blank"))
        if not LABEL.match(label["title"] or ""):
            errs.append(("title", "Title is invalid"))
        if any(
            x["title"] == label["title"] and x["id"] != label["id"] and x["account_id"] == call.account_id
            for x in self.labels.values()
        ):
            errs.append(("title", "Title has already been taken"))
        if errs:
            raise invalid(errs)
        label["id"] = label["id"] or self.nid("label")
        self.labels[label["id"]] = label
        return {k: label[k] for k in shown}

    def defs_crud(self, call: Call, *s):
        m = call.request.method

        def pub(d):
            return {k: v for k, v in d.items() if k != "account_id"}

        if m == "GET":
            if s:
                return pub(self.find(self.defs, call.account_id, s[0]))
            am = call.request.query.get("attribute_model")
            am = ATTR_MODELS[int(am)] if am and am.isdigit() else am
            return [
                pub(d)
                for d in self.defs.values()
                if d["account_id"] == call.account_id and (not am or d["attribute_model"] == am)
            ]
        self.admin(call.who)
        if m == "DELETE":
            del self.defs[self.find(self.defs, call.account_id, s[0])["id"]]
            return web.Response(status=204)
        v = self.root(call.params, call.form, "custom_attribute_definition")
        t = iso(self.clock.now())
        d = (
            dict(self.find(self.defs, call.account_id, s[0]))
            if s
            else {
                "id": 0,
                "account_id": call.account_id,
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
            and x["account_id"] == call.account_id
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

    def hooks_crud(self, call: Call, *s):
        self.admin(call.who)
        m = call.request.method

        def pub(h):
            return {k: h[k] for k in ("id", "name", "url", "account_id", "subscriptions", "secret")}

        if m == "GET":
            return {"payload": {"webhooks": [pub(h) for h in self.hooks.values() if h["account_id"] == call.account_id]}}
        if m == "DELETE":
            del self.hooks[self.find(self.hooks, call.account_id, s[0])["id"]]
            return web.Response(status=200)
        v = self.root(call.params, call.form, "webhook")  # R11
        h = (
            dict(self.find(self.hooks, call.account_id, s[0]))
            if s
            else {
                "id": 0,
                "name": None,
                "url": None,
                "account_id": call.account_id,
                "subscriptions": list(DEFAULT_EVENTS),
                "secret": f"whs-{self.idrng.getrandbits(64):016x}",
                "inbox_id": None,
            }
        )
        for k in ("name", "url", "inbox_id"):
            if k in v:
                h[k] = v[k]
        if "subscriptions" in v and v["subscriptions"] is not None:
            h["subscriptions"] = v["subscriptions"]
        errs = []  # R59
        if any(x["url"] == h["url"] and x["id"] != h["id"] and x["account_id"] == call.account_id for x in self.hooks.values()):
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

    def canned_crud(self, call: Call, *s):
        m = call.request.method
        if m == "GET":
            q = call.request.query.get("search", "").lower()
            return [
                c
                for c in self.canned.values()
                if c["account_id"] == call.account_id and (q in c["short_code"].lower() or q in c["content"].lower())
            ]
        if m == "DELETE":
            del self.canned[self.find(self.canned, call.account_id, s[0])["id"]]
            return web.Response(status=200)
        v = self.root(call.params, call.form, "canned_response")
        c = (
            self.find(self.canned, call.account_id, s[0])
            if s
            else {
                "id": 0,
                "account_id": call.account_id,
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
            x["short_code"] == n["short_code"] and x["id"] != n["id"] and x["account_id"] == call.account_id
            for x in self.canned.values()
        ):
            raise invalid([("short_code", "Short code has already been taken")])
        n["id"] = n["id"] or self.nid("canned")
        self.canned[n["id"]] = n
        return n

    def apps_crud(self, call: Call, *s):
        m = call.request.method

        def pub(a):
            return {k: a[k] for k in ("id", "title", "content", "created_at")}

        if m == "GET":
            return (
                pub(self.find(self.apps, call.account_id, s[0]))
                if s
                else [pub(a) for a in self.apps.values() if a["account_id"] == call.account_id]
            )
        if m == "DELETE" and self.since(4, 16):
            self.admin(call.who)  # R82
        if m == "DELETE":
            del self.apps[self.find(self.apps, call.account_id, s[0])["id"]]
            return web.Response(status=204)
        if self.since(4, 16):
            self.admin(call.who)  # R82
        v = self.root(call.params, call.form, "dashboard_app")
        a = (
            dict(self.find(self.apps, call.account_id, s[0]))
            if s
            else {"id": 0, "account_id": call.account_id, "title": None, "content": [], "created_at": iso(self.clock.now())}
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
