"""Signed form posts from Twilio to the product: prospects' messages and status callbacks."""

from __future__ import annotations

import asyncio
import base64
import re
import time
import xml.etree.ElementTree as ET
from email.utils import formatdate
from urllib.parse import urlencode, urlsplit

from .rules import ASYNC_ERRORS, ERRORS, signature, split_overrides
from .state import TwilioState


class TwilioWebhooks(TwilioState):
    """Posts, follows redirects of its retry policy, reads TwiML answers."""

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
                seq = [(n, d) for (n, _), d in zip(seq, ds, strict=True)]
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
            h["X-Twilio-Signature"] = signature(self.cfg["auth_token"], signed_url, [*params, ("Extra", "1")])
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
        """req: {message(s): {from: '+34…'|'US.x', body, name, media:[{type,data_b64}], button_text, button_payload,
        latitude, longitude, label, address, replied_sid, user_id, fields:{…}}, duplicates, reorder, wait,
        signature: ok|wrong|missing|other_url|other_params}"""
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
            if s.get("list_id"):
                p += [("ListId", s["list_id"]), ("ListTitle", s.get("list_title", s["list_id"]))]
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
                self.cfg["fallback_url"], [*p, ("ErrorCode", "11200"), ("ErrorUrl", pub)], {"what": "fallback"}
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
            if len(body) > 1600:
                self.alerts.append({"t": self.clock.now(), "code": 21617, "text": body[:200]})
                continue
            media = [one.text for one in m.findall("Media") if one.text]
            cb = m.get("statusCallback")
            reply = self.record(body, addr, self.cfg["from"], "outbound-reply", self.clock.now(), c, True, media=media, cb=cb)
            self.plan(reply, None)
