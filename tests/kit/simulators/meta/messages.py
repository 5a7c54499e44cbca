"""`POST /<phone number id>/messages`: sending, mark as read, typing indicator."""

from __future__ import annotations

from aiohttp import web

from tests.kit.simulators.simulator import ENTRY, jdumps

from .errors import GraphError
from .graph import GraphApi
from .rules import bad, check_content, check_envelope, check_product, check_recipient, check_type, describe, digits_of, missing
from .signing import wamid
from .templates import check_template


class MessagesApi(GraphApi):
    """Accepts or refuses what the product sends."""

    async def h_messages(self, request):
        t_arr = self.clock.now()
        version = self.auth(request)
        node = request.match_info["node"]
        if node != self.cfg["phone_number_id"]:
            raise self.wrong_node(node, "post")
        p = await self.params(request)
        check_product(p)
        if "status" in p:
            return self.mark_read(p, t_arr, request)
        if "typing_indicator" in p and "type" not in p:
            raise missing("status")
        to, user_id = check_recipient(p)
        t = check_type(p)
        wa = self.cfg["wa_id_map"].get(digits_of(to), digits_of(to)) if to else None
        tpl = check_template(self, p[t], version) if t == "template" else None
        check_content(self, t, p[t])
        cb = check_envelope(p)
        if wa and wa == digits_of(self.cfg["display_phone_number"]):
            raise GraphError(131021)
        if wa and self.cfg["allowed_recipients"] is not None and wa not in self.cfg["allowed_recipients"]:
            raise GraphError(
                131030,
                "Recipient phone number not in allowed list: Add recipient phone number to recipient list and try again.",
            )
        if user_id and not wa and tpl and tpl.get("category") == "AUTHENTICATION":
            raise GraphError(131062)
        if self.cfg["throughput_limit"] and not self._take_throughput():
            raise GraphError(130429)
        k = self.key(wa, user_id)
        c = self.contacts[k]
        if self.cfg["pair_limit"] and not self._take_pair(k):
            raise GraphError(131056)
        li = c["last_inbound"]
        inside = li is not None and self.clock.now() - li < float(self.cfg["window_hours"]) * 3600
        late = t != "template" and not inside and self.cfg["window_mode"] != "off"
        if late and self.cfg["window_mode"] == "sync":
            raise GraphError(131047)
        mid = wamid(wa or user_id or "", False, self.idrng)
        self.seq += 1
        entry = {
            "seq": self.seq,
            "t": t_arr,
            "kind": "message",
            "contact": k,
            "to": to,
            "recipient": user_id,
            "wa_id": wa,
            "type": t,
            "text": describe(p),
            "id": mid,
            "turn": c["turn"],
            "inside_window": inside,
            "payload": p,
            "response": "ok",
            "to_has_plus": bool(to and to.startswith("+")),
            "version": request.match_info.get("version"),
            "callback_data": cb,
            "statuses": [],
        }
        self.ledger.append(entry)
        self.out_ids[mid] = entry
        self.last_out[k] = mid
        if wa:
            self.last_out[wa] = mid
        request[ENTRY] = entry
        co: dict = {"input": to or user_id}
        if wa:
            co["wa_id"] = wa
        if user_id:
            co["user_id"] = user_id
        m: dict = {"id": mid}
        if t == "template":
            m["message_status"] = "accepted"
        self.plan_statuses(entry, c, late)
        return web.Response(
            body=jdumps({"messaging_product": "whatsapp", "contacts": [co], "messages": [m]}),
            content_type="application/json",
        )

    def mark_read(self, p: dict, t_arr: float, request) -> web.Response:
        if p["status"] != "read":
            raise GraphError(100, message='(#100) Param status must be one of {{READ}} - got "{}".'.format(p["status"]))
        mid = p.get("message_id")
        if not isinstance(mid, str) or not mid:
            raise GraphError(100, message="(#100) The parameter message_id is required.")
        ti = p.get("typing_indicator")
        if ti is not None and (not isinstance(ti, dict) or ti.get("type") != "text"):
            raise bad("typing_indicator['type'] must be text")
        if self.cfg["check_message_ids"] and mid not in self.known_in:
            raise GraphError(131009, "Invalid WhatsApp message id")
        k = next((i["contact"] for i in reversed(self.inbound_log) if i["id"] == mid), None)
        self.seq += 1
        e = {
            "seq": self.seq,
            "t": t_arr,
            "kind": "typing" if ti else "read",
            "message_id": mid,
            "contact": k,
            "payload": p,
            "response": "ok",
        }
        self.ledger.append(e)
        request[ENTRY] = e
        return web.Response(body=b'{"success":true}', content_type="application/json")
