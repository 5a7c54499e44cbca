"""Simulator of Twilio's WhatsApp API: Messages, media, Content templates, typing indicator.

Facts come from Twilio's public documentation; what is inferred is listed in `tests/kit/README.md`.
"""

from __future__ import annotations

import json
import re
import time
from email.utils import formatdate
from urllib.parse import parse_qs

from aiohttp import web

from tests.kit.simulators.simulator import ENTRY, cut, jdumps

from .contents import check_created, check_variables, shown
from .rules import WA_TO, TwilioError
from .webhooks import TwilioWebhooks


class TwilioSim(TwilioWebhooks):
    """The HTTP API."""

    def routes(self, app: web.Application) -> None:
        r = app.router
        a = "/2010-04-01/Accounts/{sid}"
        r.add_post(a + "/Messages.json", self.h_send)
        r.add_get(a + "/Messages.json", self.h_list)
        r.add_get(a + "/Messages/{mid}.json", self.h_fetch)
        r.add_post(a + "/Messages/{mid}.json", self.h_update)
        r.add_delete(a + "/Messages/{mid}.json", self.h_delete)
        r.add_get(a + "/Messages/{mid}/Media.json", self.h_media_list)
        r.add_get(a + "/Messages/{mid}/Media/{me}", self.h_media)
        r.add_get(a + "/Balance.json", self.h_balance)
        r.add_get(a + "/IncomingPhoneNumbers.json", self.h_numbers)
        r.add_get(a + ".json", self.h_account)
        r.add_post("/{v:v2|v3}/Indicators/Typing.json", self.h_typing)
        r.add_get("/v1/Content", self.h_contents)
        r.add_get("/v1/Content/{hx}", self.h_content)
        r.add_post("/v1/Content", self.h_content_create)
        r.add_route("*", "/{tail:.*}", self.h_404)

    async def h_404(self, request):
        raise TwilioError(20404, message=f"The requested resource {request.path} was not found")

    async def h_account(self, request):
        self.auth(request)
        s = self.cfg["account_sid"]
        return web.json_response(
            {
                "sid": s,
                "friendly_name": "Rig",
                "status": "active",
                "type": "Full",
                "owner_account_sid": s,
                "date_created": formatdate(usegmt=False),
                "date_updated": formatdate(usegmt=False),
                "auth_token": self.cfg["auth_token"],
                "uri": f"/2010-04-01/Accounts/{s}.json",
                "subresource_uris": {"messages": f"/2010-04-01/Accounts/{s}/Messages.json"},
            }
        )

    async def h_balance(self, request):
        self.auth(request)
        return web.json_response({"account_sid": self.cfg["account_sid"], "balance": "12.34", "currency": "USD"})

    async def h_numbers(self, request):
        self.auth(request)
        rows = [
            {"sid": "PN" + "d4" * 16, "phone_number": number, "friendly_name": "Rig", "capabilities": {"sms": True}}
            for number in self.cfg["phone_numbers"]
        ]
        return web.json_response({"incoming_phone_numbers": rows, "page": 0, "page_size": 50, "next_page_uri": None})

    async def h_send(self, request):
        t_arr = self.clock.now()
        self.auth(request)
        raw = await request.read()
        if not request.content_type.startswith("application/x-www-form-urlencoded"):
            f: dict = {}  # Twilio ignores a JSON body
        else:
            f = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True)

        def g(k):
            return (f.get(k) or [None])[0]

        to, frm, ms, body, hx = g("To"), g("From"), g("MessagingServiceSid"), g("Body"), g("ContentSid")
        media = [x for x in f.get("MediaUrl", []) if x]
        if not to:
            raise TwilioError(21604)
        if not frm and not ms:
            raise TwilioError(21603)
        if frm and frm.startswith("whatsapp:") != to.startswith("whatsapp:"):
            raise TwilioError(21910)
        if not WA_TO.match(to):
            raise TwilioError(21211, to)
        if frm and frm != self.cfg["from"]:
            raise TwilioError(63007)
        if ms and not frm and ms not in self.cfg["messaging_services"]:
            raise TwilioError(20404, message=f"The requested resource {ms} was not found")
        cv = None
        if hx:
            if hx not in self.cfg["contents"]:
                raise TwilioError(21655)
            if g("ContentVariables") is not None:
                try:
                    cv = json.loads(g("ContentVariables"))
                except ValueError:
                    raise TwilioError(21656) from None
                check_variables(cv)
        elif not body and not media:
            raise TwilioError(21619)
        if body and len(body) > 1600:
            raise TwilioError(21617)
        if len(media) > 1:
            raise TwilioError(21623)
        if any(not re.match(r"^https?://", u) for u in media):
            raise TwilioError(21620)
        cb = g("StatusCallback")
        if cb and not re.match(r"^https?://[^/\s]+", cb):
            raise TwilioError(21609, cb)
        if to in self.stopped:
            raise TwilioError(21610)
        if self.cfg["rate_limit"]:
            n = time.monotonic()
            self.window = [x for x in self.window if n - x < 1.0]
            if len(self.window) >= int(self.cfg["rate_limit_mps"]):
                raise TwilioError(20429)
            self.window.append(n)
        c = self.contact(to)
        inside = c["last_inbound"] is not None and self.clock.now() - c["last_inbound"] < float(self.cfg["window_hours"]) * 3600
        content = self.cfg["contents"].get(hx) if hx else None
        code = None
        if not inside and self.cfg["window_mode"] != "off" and not (content and content.get("approved")):
            code = 63016
        text, options, button = body or "", [], ""
        if content:
            text, options, button, refused = shown(content, cv or {})
            if code is None and set(content.get("variables") or {}) - set(cv or {}):
                code = 63028
            code = code or refused
        m = self.record(
            text, to, frm or self.cfg["from"], "outbound-api", t_arr, c, inside, media=media, hx=hx, cv=cv, ms=ms, cb=cb
        )
        if options:
            m["entry"].update(options=options, button=button)
        request[ENTRY] = m["entry"]
        self.plan(m, code)
        return web.Response(body=jdumps(self.view(m)), status=201, content_type="application/json")

    async def h_list(self, request):
        self.auth(request)
        rows = [
            self.view(m)
            for m in reversed(self.messages.values())
            if (not request.query.get("To") or m["to"] == request.query["To"])
            and (not request.query.get("From") or m["from"] == request.query["From"])
        ]
        n = max(1, min(1000, int(request.query.get("PageSize", 50))))
        p = int(request.query.get("Page", 0))
        return web.json_response(
            {
                "messages": rows[p * n : (p + 1) * n],
                "page": p,
                "page_size": n,
                "start": p * n,
                "end": min(len(rows), (p + 1) * n) - 1,
                "uri": request.path_qs,
                "first_page_uri": request.path + f"?PageSize={n}&Page=0",
                "previous_page_uri": None,
                "next_page_uri": request.path + f"?PageSize={n}&Page={p + 1}" if (p + 1) * n < len(rows) else None,
            }
        )

    def get(self, request) -> dict:
        m = self.messages.get(request.match_info["mid"])
        if not m:
            raise TwilioError(20404, message=f"The requested resource {request.path} was not found")
        return m

    async def h_fetch(self, request):
        self.auth(request)
        return web.json_response(self.view(self.get(request)))

    async def h_update(self, request):
        self.auth(request)
        m = self.get(request)
        f = await request.post()
        if "Body" in f:
            m["body"] = f["Body"]
        return web.json_response(self.view(m))

    async def h_delete(self, request):
        self.auth(request)
        self.messages.pop(self.get(request)["sid"], None)
        return web.Response(status=204)

    async def h_media_list(self, request):
        self.auth(request)
        mid = request.match_info["mid"]
        rows = [{"sid": k, "content_type": v["type"], "parent_sid": mid} for k, v in self.media.items() if v["mid"] == mid]
        return web.json_response({"media_list": rows, "page": 0, "page_size": 50, "next_page_uri": None})

    async def h_media(self, request):
        if self.cfg["media_auth"]:
            self.auth(request)
        v = self.media.get(request.match_info["me"].removesuffix(".json"))
        if not v:
            raise TwilioError(20404)
        return web.Response(body=v["data"], headers={"Content-Type": v["type"]})

    async def h_typing(self, request):
        self.auth(request)
        f = await request.post()
        mid = f.get("messageId")
        if f.get("channel") not in (None, "whatsapp") or not mid:
            raise TwilioError(20001, message="messageId is required", http=400)
        if mid not in {i["id"] for i in self.inbound_log[-5000:]}:
            raise TwilioError(20404, message="Message not found", http=404)
        self.seq += 1
        self.ledger.append(
            {
                "seq": self.seq,
                "t": self.clock.now(),
                "kind": "typing",
                "message_id": mid,
                "response": "ok",
                "contact": next((i["contact"] for i in reversed(self.inbound_log) if i["id"] == mid), None),
            }
        )
        return web.json_response({"success": True})

    async def h_contents(self, request):
        self.auth(request)
        rows = [{"sid": k, **v} for k, v in self.cfg["contents"].items()]
        n, p = max(1, min(500, int(request.query.get("PageSize", 50)))), int(request.query.get("Page", 0))
        more = f"{self.base_url}/v1/Content?PageSize={n}&Page={p + 1}" if (p + 1) * n < len(rows) else None
        return web.json_response(
            {
                "contents": rows[p * n : (p + 1) * n],
                "meta": {"key": "contents", "page": p, "page_size": n, "next_page_url": more},
            }
        )

    async def h_content(self, request):
        self.auth(request)
        k = request.match_info["hx"]
        if k not in self.cfg["contents"]:
            raise TwilioError(20404)
        return web.json_response({"sid": k, **self.cfg["contents"][k]})

    async def h_content_create(self, request):
        self.auth(request)
        b = await request.json()
        check_created(b)
        k = self.sid("HX")
        types = b.get("types") or {}
        body = next((v.get("body", "") for v in types.values() if isinstance(v, dict)), "")
        self.cfg["contents"] = {
            **self.cfg["contents"],
            k: {
                "friendly_name": b.get("friendly_name"),
                "language": b.get("language"),
                "variables": b.get("variables") or {},
                "types": types,
                "body": body,
                "approved": False,
            },
        }
        return web.json_response({"sid": k, **self.cfg["contents"][k]}, status=201)

    def ledger_view(
        self, since: int = 0, limit: int | None = None, contact: str | None = None, kind: str | None = None, **_
    ) -> dict:
        rows = [e for e in self.ledger if (not contact or e.get("contact") == contact) and (not kind or e["kind"] == kind)]
        return {
            "accepted": cut(rows, since, limit),
            "rejected": self.rejected[-(limit or 100000) :],
            "inbound": cut(self.inbound_log, since, limit),
        }

    def state_view(self) -> dict:
        return {
            "contacts": list(self.contacts.values()),
            "alerts": self.alerts,
            "webhooks": self.outbox.stats(),
            "requests": self.n_requests,
            "accepted_messages": sum(1 for e in self.ledger if e["kind"] == "message"),
            "rejected": len(self.rejected),
        }
