"""`/conversations/<id>/messages`."""

from __future__ import annotations

import contextlib
import json

from .access import Access, Call
from .rails import Http, not_found, present, to_i, truthy
from .vocabulary import MTYPE


class MessagesApi(Access):
    """Messages as the API takes and gives them."""

    def msg_index(self, call: Call, did):  # R54
        c = self.conv(call.account_id, did, call.who)
        rows = self.conv_msgs(c)
        q = call.request.query
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

    def msg_create(self, call: Call, did):
        p = call.params
        c = self.conv(call.account_id, did, call.who)
        if isinstance(p.get("message"), dict) and not ({"content", "attachments"} & set(p)):
            p = p["message"]
        m = self.post_message(c, call.who, p)
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
                with contextlib.suppress(ValueError):
                    tp = json.loads(tp)
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
            key = f"{self.idrng.getrandbits(128):032x}"
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

    def msg_update(self, call: Call, did, mid):  # R53
        c = self.conv(call.account_id, did, call.who)
        if self.inboxes[c["inbox_id"]]["channel_type"] != "Channel::Api":
            raise Http(403, {"error": "Message status update is only allowed for API inboxes"})
        m = self.message(c, mid)
        self.set_msg_status(m, str(call.params.get("status")), call.params.get("external_error"))
        return self.message_json(m)

    def msg_destroy(self, call: Call, did, mid):
        m = self.message(self.conv(call.account_id, did, call.who), mid)
        self.blank_message(m)
        return self.message_json(m)

    def blank_message(self, m: dict) -> None:
        """Deleted for everyone: the row stays, its content goes."""
        deleted = {"content": "This message was deleted", "content_type": "text", "content_attributes": {"deleted": True}}
        m.update(deleted, attachments=[], updated_at=self.clock.now())
        self.emit("message_updated", msg=m)
