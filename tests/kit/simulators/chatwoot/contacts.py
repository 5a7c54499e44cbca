"""`/contacts`, `/contact_inboxes/filter`, `/actions/contact_merge`."""

from __future__ import annotations

import uuid

from aiohttp import web

from .access import Call
from .filters import CONTACT_STD, Filters
from .rails import Http, NotUnique, present


class ContactsApi(Filters):
    """People and their identities per inbox."""

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

    def contacts_index(self, call: Call):
        rows = self.sorted_contacts(self.resolved(call.account_id), call.request)
        lb = call.request.query.getall("labels[]", [])
        if lb:
            rows = [c for c in rows if set(lb) & set(c["labels"])]
        n = self.page(call.request)
        return {
            "meta": {"count": len(rows), "current_page": call.request.query.get("page", 1)},
            "payload": [self.contact_json(c, self.with_ci(call.request)) for c in rows[(n - 1) * 15 : n * 15]],
        }

    def contacts_search(self, call: Call):  # R19
        q = call.request.query.get("q", "").strip()
        if not q:
            return {
                "meta": {"count": 0, "current_page": call.request.query.get("page", 1), "has_more": False},
                "payload": [],
            }
        lo = q.lower()
        rows = [
            c
            for c in self.contacts.values()
            if c["account_id"] == call.account_id
            and (
                lo in (c["name"] or "").lower()
                or lo in (c["email"] or "").lower()
                or lo in (c["phone_number"] or "").lower()
                or q in (c["identifier"] or "")
            )
        ]
        rows = self.sorted_contacts(rows, call.request)
        n = self.page(call.request)
        part = rows[(n - 1) * 15 : (n - 1) * 15 + 16]
        return {
            "meta": {
                "count": min(15, len(part)),
                "current_page": call.request.query.get("page", 1),
                "has_more": len(part) > 15,
            },
            "payload": [self.contact_json(c, self.with_ci(call.request)) for c in part[:15]],
        }

    def contacts_filter(self, call: Call):
        rows = self.do_filter(
            call.account_id,
            call.params,
            CONTACT_STD,
            self.resolved(call.account_id),
            lambda c, k, s: (c.get(k) if k in c else c["additional_attributes"].get(k)) if s else c["custom_attributes"].get(k),
            "contact_attribute",
        )
        n = self.page(call.request)
        return {
            "meta": {"count": len(rows), "current_page": call.request.query.get("page", 1)},
            "payload": [self.contact_json(c, self.with_ci(call.request)) for c in rows[(n - 1) * 15 : n * 15]],
        }

    def contacts_create(self, call: Call):
        p = call.params
        p = (
            p.get("contact")
            if isinstance(p.get("contact"), dict) and not (set(p) & {"name", "phone_number", "inbox_id"})
            else p
        )
        ib = (
            self.inbox(call.account_id, p["inbox_id"], ("User", {"role": "administrator"}))
            if present(p.get("inbox_id"))
            else None
        )
        c = self.new_contact(call.account_id, p)
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

    def contacts_show(self, call: Call, cid):
        return {"payload": self.contact_json(self.contact(call.account_id, cid), self.with_ci(call.request))}

    def contacts_update(self, call: Call, cid):  # R17
        c = self.contact(call.account_id, cid)
        self.edit_contact(c, call.params)
        return {"payload": self.contact_json(c, self.with_ci(call.request))}

    def contacts_destroy(self, call: Call, cid):
        self.admin(call.who)
        c = self.contact(call.account_id, cid)
        for conv in [x for x in self.convs.values() if x["contact_id"] == c["id"]]:
            self.forget_conv(conv)
        for i in [i for i, x in self.cis.items() if x["contact_id"] == c["id"]]:
            del self.cis[i]
        del self.contacts[c["id"]]
        return web.Response(status=200)

    def contact_convs(self, call: Call, cid):
        c = self.contact(call.account_id, cid)
        rows = sorted(
            (x for x in self.convs.values() if x["contact_id"] == c["id"] and self.visible(x, call.who)),
            key=lambda x: -x["id"],
        )[:20]
        return {"payload": [self.conv_json(x, call.who[1]) for x in rows]}

    def contactable(self, call: Call, cid):
        c = self.contact(call.account_id, cid)
        out = []
        for ib in self.inboxes.values():
            if ib["account_id"] != call.account_id or (
                call.who[1].get("role") != "administrator" and call.who[1]["id"] not in ib["members"]
            ):
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

    def ci_create(self, call: Call, cid):
        c = self.contact(call.account_id, cid)
        ib = self.inbox(call.account_id, call.params.get("inbox_id"), call.who)
        return self.ci_json(self.build_ci(c, ib, call.params.get("source_id")))

    def ci_filter(self, call: Call):  # R21
        ib = self.inbox(call.account_id, call.params.get("inbox_id"), call.who)
        x = next(
            (x for x in self.cis.values() if x["inbox_id"] == ib["id"] and x["source_id"] == str(call.params.get("source_id"))),
            None,
        )
        if not x:
            raise Http(404, None)
        return self.contact_json(self.contacts[x["contact_id"]], True)

    def clabels(self, call: Call, cid):  # R22
        c = self.contact(call.account_id, cid)
        if call.request.method == "POST":
            c["labels"] = self.tag_list(call.params.get("labels"))
        return {"payload": c["labels"]}

    def c_destroy_attrs(self, call: Call, cid):
        c = self.contact(call.account_id, cid)
        ks = call.params.get("custom_attributes") or []
        c["custom_attributes"] = {k: v for k, v in c["custom_attributes"].items() if k not in ks}
        return {"payload": self.contact_json(c, True)}

    def c_notes(self, call: Call, cid):
        c = self.contact(call.account_id, cid)
        if call.request.method == "GET":
            return [n for n in self.notes.values() if n["contact_id"] == c["id"]]
        n = {
            "id": self.nid("note"),
            "content": call.params.get("content"),
            "contact_id": c["id"],
            "user": self.agent_json(call.who[1]),
            "created_at": int(self.clock.now()),
        }
        self.notes[n["id"]] = n
        return n

    def merge(self, call: Call):
        base, other = (
            self.contact(call.account_id, call.params.get("base_contact_id")),
            self.contact(call.account_id, call.params.get("mergee_contact_id")),
        )
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
