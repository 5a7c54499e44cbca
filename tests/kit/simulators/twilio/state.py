"""What Twilio remembers, and what all its calls share."""

from __future__ import annotations

import base64
from email.utils import formatdate
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from aiohttp import web

from tests.kit.simulators.faults import Fault
from tests.kit.simulators.simulator import Sim, jdumps

from .rules import ERRORS, TwilioError


class TwilioState(Sim):
    """Options, memory, errors, faults."""

    name = "twilio"

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "account_sid": "AC" + "a1" * 16,
        "auth_token": "rig-twilio-token",
        "from": "whatsapp:+14155238886",
        "messaging_services": {},
        "phone_numbers": ["+14155238886"],
        "webhook_url": "",
        "signing_url": "",  # signing_url: the public URL configured in the console, when it differs from the real one
        "fallback_url": "",
        "status_callback_url": "",
        "status_signing_base": "",
        "statuses": ["sent", "delivered", "read"],
        "status_delays": {"sent": 0.05, "delivered": 0.15, "read": 0.4},
        "status_shuffle": False,
        "status_duplicate": 0.0,
        "window_mode": "async",
        "window_hours": 24,
        "rate_limit_mps": 80,
        "rate_limit": False,
        "connect_timeout": 5.0,
        "read_timeout": 15.0,
        "total_timeout": 15.0,
        "retry_count": 1,
        "retry_policy": "ct",
        "webhook_concurrency": 64,
        "seed": 7,
        "latency": 0,
        "media_auth": True,
        "duplicate_webhooks": 0.0,
        "contents": {
            "HX" + "b2" * 16: {
                "friendly_name": "rig_seguimiento",
                "variables": {"1": "", "2": ""},
                "approved": True,
                "body": "Hola {{1}}, retomamos tu consulta sobre {{2}}.",
            }
        },
        "status_extra_fields": True,
    }

    def init_state(self) -> None:
        self.ledger: list[dict] = []
        self.rejected: list[dict] = []
        self.inbound_log: list[dict] = []
        self.alerts: list[dict] = []
        self.messages: dict[str, dict] = {}
        self.contacts: dict[str, dict] = {}
        self.media: dict[str, dict] = {}
        self.stopped: set[str] = set()
        self.fail_rules: list[dict] = []
        self.seq = 0
        self.window: list[float] = []

    def sid(self, prefix: str) -> str:
        return prefix + f"{self.idrng.getrandbits(128):032x}"

    def contact(self, addr: str) -> dict:
        return self.contacts.setdefault(addr, {"address": addr, "last_inbound": None, "turn": 0})

    def err(self, e: TwilioError) -> web.Response:
        h = (
            {"Retry-After": "1"}
            if e.code == 20429
            else ({"WWW-Authenticate": 'Basic realm="Twilio API"'} if e.http == 401 else None)
        )
        return web.Response(
            body=jdumps(
                {
                    "code": e.code,
                    "message": e.message,
                    "more_info": f"https://www.twilio.com/docs/errors/{e.code}",
                    "status": e.http,
                }
            ),
            status=e.http,
            content_type="application/json",
            headers=h,
        )

    def fault_response(self, f: Fault, request):
        code = int(f.options.get("code") or {401: 20003, 429: 20429, 404: 20404}.get(int(f.options.get("status", 500)), 20500))
        return self.err(
            TwilioError(
                code,
                message=f.options.get("message") or ERRORS.get(code, (0, "Internal Server Error"))[1],
                http=f.options.get("status") or ERRORS.get(code, (500, ""))[0],
            )
        )

    def on_fault(self, f, request, facts):
        self.rejected.append(
            {
                "t": self.clock.now(),
                "fault": f.kind,
                "path": request.path,
                "facts": facts,
                "code": f.options.get("code"),
                "http": f.options.get("status"),
            }
        )

    def facts(self, request):
        q = dict(parse_qsl((request._read_bytes or b"").decode("utf-8", "replace")))
        return {"to": q.get("To", "").replace("whatsapp:", "").lstrip("+"), "body": q.get("Body")}

    async def around(self, request, handler):
        try:
            return await handler(request)
        except TwilioError as e:
            self.seq += 1
            self.rejected.append(
                {
                    "seq": self.seq,
                    "t": self.clock.now(),
                    "method": request.method,
                    "path": request.path,
                    "http": e.http,
                    "code": e.code,
                    "message": e.message,
                    "body": (request._read_bytes or b"")[:4000].decode("utf-8", "replace"),
                }
            )
            return self.err(e)

    def auth(self, request) -> None:
        h = request.headers.get("Authorization", "")
        want = base64.b64encode(f"{self.cfg['account_sid']}:{self.cfg['auth_token']}".encode()).decode()
        if h != "Basic " + want:
            raise TwilioError(20003)
        if "sid" in request.match_info and request.match_info["sid"] != self.cfg["account_sid"]:
            raise TwilioError(20404, message=f"The requested resource {request.path} was not found")

    def view(self, m: dict) -> dict:
        s = self.cfg["account_sid"]
        return {
            "account_sid": s,
            "api_version": "2010-04-01",
            "body": m["body"],
            "date_created": m["date"],
            "date_sent": m.get("date_sent"),
            "date_updated": m["date"],
            "direction": m["direction"],
            "error_code": m.get("error_code"),
            "error_message": m.get("error_message"),
            "from": m["from"],
            "messaging_service_sid": m.get("messaging_service_sid"),
            "num_media": str(m.get("num_media", 0)),
            "num_segments": "1",
            "price": None,
            "price_unit": None,
            "sid": m["sid"],
            "status": m["status"],
            "subresource_uris": {"media": f"/2010-04-01/Accounts/{s}/Messages/{m['sid']}/Media.json"},
            "to": m["to"],
            "uri": f"/2010-04-01/Accounts/{s}/Messages/{m['sid']}.json",
        }

    def record(self, text, to, frm, direction, t, c, inside, media=(), hx=None, cv=None, ms=None, cb=None) -> dict:
        sid = self.sid("MM" if media else "SM")
        m = {
            "sid": sid,
            "body": text,
            "to": to,
            "from": frm,
            "direction": direction,
            "status": "accepted" if ms else "queued",
            "date": formatdate(t),
            "num_media": len(media),
            "messaging_service_sid": ms,
            "cb": cb,
        }
        self.messages[sid] = m
        self.seq += 1
        m["entry"] = {
            "seq": self.seq,
            "t": t,
            "kind": "message",
            "contact": to.replace("whatsapp:", "").lstrip("+"),
            "to": to,
            "from": frm,
            "text": text,
            "id": sid,
            "content_sid": hx,
            "content_variables": cv,
            "media": list(media),
            "via": direction,
            "turn": c["turn"],
            "inside_window": inside,
            "response": "ok",
            "statuses": [],
            "type": "template" if hx else "media" if media else "text",
        }
        self.ledger.append(m["entry"])
        return m
