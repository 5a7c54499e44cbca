"""Simulator of Twilio's Programmable Messaging API for WhatsApp senders, and of its signed callbacks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
import xml.etree.ElementTree as ET
from email.utils import formatdate
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from .common import ENTRY, Fault, Sim, cut, jdumps


def signature(token: str, url: str, params: list[tuple[str, str]]) -> str:
    """Twilio's scheme: URL, then name+value for every POST field, names sorted, repeated values de-duplicated and sorted."""
    by: dict[str, set] = {}
    for k, v in params:
        by.setdefault(k, set()).add(v)
    s = url + "".join(k + v for k in sorted(by) for v in sorted(by[k]))
    return base64.b64encode(hmac.new(token.encode(), s.encode("utf-8"), hashlib.sha1).digest()).decode()


def split_overrides(url: str) -> tuple[str, dict]:
    """Twilio reads connection overrides (#ct=…&rt=…&tt=…&rc=…&rp=…) from the fragment of a webhook URL."""
    p = urlsplit(url)
    ov = dict(parse_qsl(p.fragment)) if p.fragment else {}
    return urlunsplit((p.scheme, p.netloc, p.path, p.query, "")), ov


# code -> (http status, message)
ERRORS = {
    20001: (400, "Unknown parameters"),
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    21211: (400, "Invalid 'To' Phone Number: {x}"),
    21212: (400, "Invalid From Number (caller ID): {x}"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21609: (400, "Invalid 'StatusCallback' URL: {x}"),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21619: (400, "A text message body or media urls must be specified."),
    21620: (400, "Invalid media URL(s)"),
    21623: (400, "Number of media files exceeds allowed limit"),
    21655: (400, "The ContentSid is Invalid."),
    21656: (400, "The ContentVariables Parameter is invalid"),
    21910: (400, "Invalid From and To pair. From and To should be of the same channel"),
    63007: (400, "Twilio could not find a Channel with the specified From address"),
}
ASYNC_ERRORS = {
    63003: "Channel could not find To address",
    63005: "Channel did not accept given content",
    63012: "Channel provider returned an internal service error",
    63013: "Violation of Channel provider's policy",
    63016: "Failed to send freeform message because you are outside the allowed window.",
    63018: "Rate limit exceeded for Channel",
    63019: "Media failed to download",
    63024: "Invalid message recipient",
    63027: "Template does not exist for a language and locale",
    63032: "We cannot send this message to this user because of a WhatsApp limitation",
    63038: "Account exceeded the daily messages limit",
    30008: "Unknown error",
}
WA_TO = re.compile(r"^whatsapp:(\+[1-9]\d{6,14}|[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128})$")


class TwilioError(Exception):
    def __init__(self, code: int, x: str = "", message: str | None = None, http: int | None = None) -> None:
        st, msg = ERRORS.get(code, (http or 400, "Error"))
        self.code, self.http, self.message = code, http or st, (message or msg).replace("{x}", x)


class TwilioSim(Sim):
    name = "twilio"
    DEFAULTS = {
        "account_sid": "AC" + "a1" * 16,
        "auth_token": "rig-twilio-token",
        "from": "whatsapp:+14155238886",
        "messaging_services": {},
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
        return prefix + "%032x" % self.idrng.getrandbits(128)

    def contact(self, addr: str) -> dict:
        return self.contacts.setdefault(addr, {"address": addr, "last_inbound": None, "turn": 0})

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
        r.add_get(a + ".json", self.h_account)
        r.add_post("/{v:v2|v3}/Indicators/Typing.json", self.h_typing)
        r.add_get("/v1/Content", self.h_contents)
        r.add_get("/v1/Content/{hx}", self.h_content)
        r.add_post("/v1/Content", self.h_content_create)
        r.add_route("*", "/{tail:.*}", self.h_404)

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
        code = int(f.d.get("code") or {401: 20003, 429: 20429, 404: 20404}.get(int(f.d.get("status", 500)), 20500))
        return self.err(
            TwilioError(
                code,
                message=f.d.get("message") or ERRORS.get(code, (0, "Internal Server Error"))[1],
                http=f.d.get("status") or ERRORS.get(code, (500, ""))[0],
            )
        )

    def on_fault(self, f, request, facts):
        self.rejected.append(
            {
                "t": self.clock.now(),
                "fault": f.kind,
                "path": request.path,
                "facts": facts,
                "code": f.d.get("code"),
                "http": f.d.get("status"),
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

    async def h_send(self, request):
        t_arr = self.clock.now()
        self.auth(request)
        raw = await request.read()
        if not request.content_type.startswith("application/x-www-form-urlencoded"):
            f: dict = {}  # Twilio ignores a JSON body
        else:
            f = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True)
        g = lambda k: (f.get(k) or [None])[0]
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
                    if not isinstance(cv, dict) or any(not isinstance(v, (str, int, float)) for v in cv.values()):
                        raise ValueError
                except ValueError:
                    raise TwilioError(21656)
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
        text = body or ""
        if content:
            text = re.sub(
                r"\{\{(\w+)\}\}",
                lambda m: str((cv or {}).get(m.group(1), content.get("variables", {}).get(m.group(1), ""))),
                content.get("body", ""),
            )
            if code is None and set(content.get("variables") or {}) - set(cv or {}):
                code = 63028
        m = self.record(
            text, to, frm or self.cfg["from"], "outbound-api", t_arr, c, inside, media=media, hx=hx, cv=cv, ms=ms, cb=cb
        )
        request[ENTRY] = m["entry"]
        self.plan(m, code)
        return web.Response(body=jdumps(self.view(m)), status=201, content_type="application/json")

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
        return web.json_response(
            {
                "contents": [{"sid": k, **v} for k, v in self.cfg["contents"].items()],
                "meta": {"page": 0, "page_size": 50, "next_page_url": None},
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

    # ---- status callbacks
    def plan(self, m: dict, code: int | None) -> None:
        for r in self.fail_rules:
            if r.get("times", 1) != 0 and (not r.get("to") or r["to"] in (m["to"], m["entry"]["contact"])):
                r["times"] = r.get("times", 1) - 1
                code = int(r.get("code", 63003))
                break
        dl = self.cfg["status_delays"]
        if code:
            seq = [("failed" if code in (63016, 63028) else "undelivered", dl.get("failed", dl.get("sent", 0.05)))]
        else:
            seq = [(n, dl.get(n, 0.2)) for n in self.cfg["statuses"]]
            if self.cfg["status_shuffle"]:
                ds = [d for _, d in seq]
                self.rng.shuffle(ds)
                seq = [(n, d) for (n, _), d in zip(seq, ds)]
            seq += [(n, d + 0.1) for n, d in seq if self.rng.random() < self.cfg["status_duplicate"]]
        for n, d in seq:
            self.outbox.spawn(self._status(m, n, d, code))

    async def _status(self, m, status, delay, code) -> None:
        await asyncio.sleep(delay)
        m["status"] = status
        m["entry"]["statuses"].append(status)
        if status == "sent":
            m["date_sent"] = formatdate(self.clock.now())
        if code:
            m["error_code"], m["error_message"] = code, ASYNC_ERRORS.get(code, ERRORS.get(code, (0, "Error"))[1])
        url = m["cb"] or self.cfg["status_callback_url"]
        if not url:
            return
        p = [
            ("SmsSid", m["sid"]),
            ("SmsStatus", status),
            ("MessageStatus", status),
            ("To", m["to"]),
            ("MessageSid", m["sid"]),
            ("AccountSid", self.cfg["account_sid"]),
            ("From", m["from"]),
            ("ApiVersion", "2010-04-01"),
        ]
        if m.get("messaging_service_sid"):
            p.append(("MessagingServiceSid", m["messaging_service_sid"]))
        if self.cfg["status_extra_fields"]:
            p += [
                ("ChannelPrefix", "whatsapp"),
                ("ChannelInstallSid", "XE" + "c3" * 16),
                ("ChannelToAddress", m["to"].replace("whatsapp:", "")[:-4] + "XXXX"),
                ("StructuredMessage", "false"),
            ]
            if status == "read":
                p.append(("EventType", "READ"))
        if code:
            p += [
                ("ErrorCode", str(code)),
                ("ErrorMessage", str(m["error_message"])),
                ("ChannelStatusMessage", str(m["error_message"])),
            ]
        await self._post(url, p, {"what": "status", "status_value": status, "sid": m["sid"]}, real=self._real_for(url))

    def _real_for(self, url: str) -> str:
        """A public callback URL is posted to the product on loopback, but signed as given."""
        base = self.cfg["status_signing_base"]
        if base and url.startswith(base):
            w = urlsplit(self.cfg["webhook_url"])
            return f"{w.scheme}://{w.netloc}" + url[len(base.rstrip("/")) :]
        return url

    # ---- delivering
    async def _post(self, url: str, params: list, meta: dict, real: str | None = None, sig: str = "ok") -> list[dict]:
        signed_url, ov = split_overrides(url)
        target, _ = split_overrides(real or url)
        # fragments are stripped before signing (a fragment left in the URL makes the check fail)
        h = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "I-Twilio-Idempotency-Token": self.sid(""),
        }
        if sig == "ok":
            h["X-Twilio-Signature"] = signature(self.cfg["auth_token"], signed_url, params)
        elif sig == "wrong":
            h["X-Twilio-Signature"] = signature(self.cfg["auth_token"] + "x", signed_url, params)
        elif sig == "other_url":
            h["X-Twilio-Signature"] = signature(self.cfg["auth_token"], signed_url + "/", params)
        elif sig == "other_params":
            h["X-Twilio-Signature"] = signature(self.cfg["auth_token"], signed_url, params + [("Extra", "1")])
        body = urlencode(params).encode()
        rt = int(ov["rt"]) / 1000 if "rt" in ov else float(self.cfg["read_timeout"])
        ct = int(ov["ct"]) / 1000 if "ct" in ov else float(self.cfg["connect_timeout"])
        tt = int(ov["tt"]) / 1000 if "tt" in ov else float(self.cfg["total_timeout"])
        rc = int(ov.get("rc", self.cfg["retry_count"]))
        rp = {x.strip() for x in str(ov.get("rp", self.cfg["retry_policy"])).split(",")}
        t_end = time.monotonic() + tt
        recs = []
        for attempt in range(1, rc + 2):
            left = t_end - time.monotonic()
            if left <= 0.02:
                break
            r = await self.outbox.post(
                target, body, h, min(rt, left), {**meta, "attempt": attempt}, connect_timeout=min(ct, left)
            )
            recs.append(r)
            st = r["status"]
            if st is not None and st < 400:
                break
            why = r["kind_of_failure"] or ("4xx" if st and st < 500 else "5xx")
            if sig != "ok" or not ("all" in rp or why in rp):
                break
        last = recs[-1]
        if sig == "ok" and (last["status"] is None or last["status"] >= 400):
            code = 11200
            self.alerts.append(
                {
                    "t": self.clock.now(),
                    "code": code,
                    "url": url,
                    "status": last["status"],
                    "error": last["error"],
                    **meta,
                }
            )
        return recs

    async def send_inbound(self, req: dict) -> dict:
        """req: {message(s): {from: '+34…'|'US.x', body, name, media:[{type,data_b64}], button_text, button_payload, latitude, longitude, label, address,
        replied_sid, user_id, fields:{…}}, signature: ok|wrong|missing|other_url|other_params, duplicates, reorder, wait}"""
        specs = req.get("messages") or [
            req.get("message") or {k: v for k, v in req.items() if k not in ("signature", "duplicates", "wait", "reorder")}
        ]
        sig = req.get("signature", "ok")
        jobs, ids = [], []
        for s in specs:
            frm = str(s["from"])
            addr = (
                frm
                if frm.startswith("whatsapp:")
                else "whatsapp:" + (frm if frm.startswith("+") or re.match(r"^[A-Z]{2}\.", frm) else "+" + frm)
            )
            sid = s.get("id") or self.sid("MM" if s.get("media") else "SM")
            med = s.get("media") or []
            typ = (
                "location"
                if "latitude" in s
                else "button"
                if s.get("button_text")
                else (med[0].get("type", "image/jpeg").split("/")[0] if med else "text")
            )
            p = [
                ("SmsMessageSid", sid),
                ("NumMedia", str(len(med))),
                ("ProfileName", s.get("name", "Cliente Prueba")),
                ("MessageType", typ),
                ("SmsSid", sid),
            ]
            if not re.match(r"^whatsapp:[A-Z]{2}\.", addr):
                p.append(("WaId", addr.replace("whatsapp:", "").lstrip("+")))
            p += [
                ("SmsStatus", "received"),
                ("Body", s.get("body", s.get("button_text", ""))),
                ("To", self.cfg["from"]),
                ("NumSegments", "1"),
                ("ReferralNumMedia", "0"),
                ("MessageSid", sid),
                ("AccountSid", self.cfg["account_sid"]),
                ("From", addr),
                ("ApiVersion", "2010-04-01"),
            ]
            if s.get("user_id"):
                p.append(("ExternalUserId", "whatsapp:" + s["user_id"]))
            if s.get("button_text"):
                p += [("ButtonText", s["button_text"]), ("ButtonPayload", s.get("button_payload", s["button_text"]))]
            if "latitude" in s:
                p += [("Latitude", str(s["latitude"])), ("Longitude", str(s["longitude"]))] + [
                    (k.title(), s[k]) for k in ("label", "address") if s.get(k)
                ]
            if s.get("replied_sid"):
                p += [
                    ("OriginalRepliedMessageSid", s["replied_sid"]),
                    ("OriginalRepliedMessageSender", self.cfg["from"]),
                ]
            for i, m in enumerate(med):
                me = self.sid("ME")
                data = base64.b64decode(m["data_b64"]) if m.get("data_b64") else b"rig-media"
                self.media[me] = {"data": data, "type": m.get("type", "image/jpeg"), "mid": sid}
                p += [
                    (f"MediaContentType{i}", m.get("type", "image/jpeg")),
                    (
                        f"MediaUrl{i}",
                        f"{self.base_url}/2010-04-01/Accounts/{self.cfg['account_sid']}/Messages/{sid}/Media/{me}",
                    ),
                ]
            p += [(k, str(v)) for k, v in (s.get("fields") or {}).items()]
            c = self.contact(addr)
            if sig == "ok":
                c["last_inbound"] = self.clock.now()
                c["turn"] += 1
                self.seq += 1
                self.inbound_log.append(
                    {
                        "seq": self.seq,
                        "t": self.clock.now(),
                        "contact": addr.replace("whatsapp:", "").lstrip("+"),
                        "id": sid,
                        "turn": c["turn"],
                        "body": s.get("body", s.get("button_text", "")),
                        "type": typ,
                    }
                )
                if s.get("body", "").strip().upper() in ("STOP", "BAJA") and self.cfg.get("handle_stop"):
                    self.stopped.add(addr)
            ids.append(sid)
            jobs.append((p, addr))
        todo = jobs * (1 + int(req.get("duplicates", 0)))
        if req.get("reorder"):
            self.rng.shuffle(todo)
        tasks = []
        for p, addr in todo:
            tasks.append(self.outbox.spawn(self._inbound(p, addr, sig)))
            if req.get("gap_s"):
                await asyncio.sleep(float(req["gap_s"]))
        out: dict = {"ids": ids, "posts": len(todo)}
        if req.get("wait", True):
            res = await asyncio.gather(*tasks, return_exceptions=True)
            out["results"] = [
                [{k: r.get(k) for k in ("status", "error", "ms", "attempt")} for r in rs] if isinstance(rs, list) else repr(rs)
                for rs in res
            ]
        return out

    async def _inbound(self, p: list, addr: str, sig: str) -> list[dict]:
        if self.faults.pick({"lost_webhook"}, "", {"what": "inbound"}):
            return []
        real = self.cfg["webhook_url"]
        pub = self.cfg["signing_url"] or real
        n = 1 + (1 if self.rng.random() < float(self.cfg["duplicate_webhooks"]) else 0)
        recs = []
        for _ in range(n):
            recs += await self._post(pub, p, {"what": "inbound"}, real=real, sig=sig)
        last = recs[-1]
        if sig == "ok" and (last["status"] is None or last["status"] >= 400) and self.cfg["fallback_url"]:
            recs += await self._post(
                self.cfg["fallback_url"], p + [("ErrorCode", "11200"), ("ErrorUrl", pub)], {"what": "fallback"}
            )
            last = recs[-1]
        if sig == "ok" and last["status"] and last["status"] < 300:
            self._twiml(last, addr)
        return recs

    def _twiml(self, rec: dict, addr: str) -> None:
        """A reply in TwiML is a message too, so it has to be counted."""
        txt = (rec.get("response") or "").strip()
        if not txt:
            return
        if "xml" not in rec.get("response_type", ""):
            if rec.get("response_type", "").startswith("text/plain"):
                c = self.contact(addr)
                self.plan(self.record(txt, addr, self.cfg["from"], "outbound-reply", self.clock.now(), c, True), None)
            else:
                self.alerts.append({"t": self.clock.now(), "code": 12300, "type": rec.get("response_type")})
            return
        try:
            root = ET.fromstring(txt)
        except ET.ParseError:
            self.alerts.append({"t": self.clock.now(), "code": 12100, "text": txt[:200]})
            return
        for m in root.iter("Message"):
            b = m.find("Body")
            body = (b.text if b is not None else m.text) or ""
            c = self.contact(addr)
            self.plan(self.record(body, addr, self.cfg["from"], "outbound-reply", self.clock.now(), c, True), None)

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
