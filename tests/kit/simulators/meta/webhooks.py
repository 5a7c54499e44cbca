"""Signed webhooks from Meta to the product: prospects' messages, retries, the GET handshake."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os

from . import payloads
from .signing import escape_body, sign, wamid
from .state import MetaState

TINY_PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
TINY_OGG = b"OggS\x00\x02" + b"\x00" * 20 + b"OpusHead\x01\x01" + b"\x00" * 40
SMALL_FILES = {"image": TINY_PNG, "audio": TINY_OGG, "voice": TINY_OGG, "document": b"%PDF-1.4 rig\n"}


def messages_of(body: dict) -> list[dict]:
    return [m for entry in body["entry"] for change in entry["changes"] for m in change["value"].get("messages", [])]


class MetaWebhooks(MetaState):
    """Posts to the product and tries again as Meta does."""

    def deliver(self, payload: dict | bytes, meta: dict, signature: str = "ok", url: str | None = None) -> asyncio.Task:
        body = payload if isinstance(payload, bytes) else escape_body(payload)
        return self.outbox.spawn(self._deliver(body, meta, signature, url or self.cfg["webhook_url"]))

    def headers_for(self, body: bytes, signature: str) -> dict:
        h = {"Content-Type": "application/json", "User-Agent": "facebookexternalua", "Accept": "*/*"}
        if signature == "ok":
            h["X-Hub-Signature-256"] = sign(self.cfg["app_secret"], body)
            h["X-Hub-Signature"] = "sha1=" + hmac.new(self.cfg["app_secret"].encode(), body, hashlib.sha1).hexdigest()
        elif signature == "wrong":
            h["X-Hub-Signature-256"] = sign(self.cfg["app_secret"] + "x", body)
        elif signature == "sha1_only":
            h["X-Hub-Signature"] = "sha1=" + hmac.new(self.cfg["app_secret"].encode(), body, hashlib.sha1).hexdigest()
        elif signature == "garbage":
            h["X-Hub-Signature-256"] = "sha256=zz"
        elif signature == "other_body":
            h["X-Hub-Signature-256"] = sign(self.cfg["app_secret"], body + b" ")
        elif signature == "reserialised":  # signed over parse+dump: must be refused, the bytes differ
            h["X-Hub-Signature-256"] = sign(self.cfg["app_secret"], json.dumps(json.loads(body)).encode())
        return h

    async def _deliver(self, body: bytes, meta: dict, signature: str, url: str) -> list[dict]:
        """Meta: any answer but 200, or none, is a failure and is retried with decreasing frequency."""
        recs = []
        f = self.faults.pick({"lost_webhook"}, "", meta)
        if f:
            return recs
        f = self.faults.pick({"delay_webhook"}, "", meta)
        if f:
            await asyncio.sleep(float(f.options.get("seconds", 1)))
        copies = 1 + (1 if self.rng.random() < float(self.cfg["duplicate_webhooks"]) else 0)
        f = self.faults.pick({"duplicate_webhook"}, "", meta)
        if f:
            copies += int(f.options.get("n", 1))
        for i in range(copies):
            r = await self.outbox.post(
                url,
                body,
                self.headers_for(body, signature),
                float(self.cfg["webhook_timeout"]),
                {**meta, "attempt": 1, "copy": i},
            )
            recs.append(r)
        sched = self.cfg["retry_schedule"] if signature == "ok" else []
        attempt = 1
        for wait in sched:
            if recs[-1]["status"] == 200:
                break
            self.outbox.retrying += 1
            try:
                await asyncio.sleep(float(wait))
            finally:
                self.outbox.retrying = max(0, self.outbox.retrying - 1)
            attempt += 1
            recs.append(
                await self.outbox.post(
                    url,
                    body,
                    self.headers_for(body, signature),
                    float(self.cfg["webhook_timeout"]),
                    {**meta, "attempt": attempt, "copy": 0},
                )
            )
        recs[-1]["gave_up"] = recs[-1]["status"] != 200 and bool(sched)
        return recs

    def inbound_message(self, spec: dict) -> dict:
        """A prospect's message from a short description; files get stored, ids and times filled in."""
        phone, kind = spec.get("from") or "", spec.get("type", "text")
        return payloads.message(
            spec,
            self.business,
            message_id=spec.get("id") or wamid(phone or spec.get("user_id", "0"), True, self.idrng),
            timestamp_s=float(spec.get("timestamp", self.clock.now())),
            answered_id=spec.get("context_id") or self.last_out.get(phone) or wamid(phone, False, self.idrng),
            media=self._stored_file(spec, kind) if kind in payloads.MEDIA_TYPES else None,
        )

    def _stored_file(self, spec: dict, kind: str) -> dict:
        data = base64.b64decode(spec["data_b64"]) if spec.get("data_b64") else SMALL_FILES.get(kind, b"RIG" + os.urandom(5))
        mime = spec.get("mime_type") or payloads.MEDIA_TYPES[kind]
        media_id = self.add_media(data, mime, days=7)
        file = {"mime_type": mime, "sha256": self.media[media_id]["sha256"], "id": media_id}
        return file | ({"url": self.media_url(media_id, "webhook")} if self.cfg["webhook_media_url"] else {})

    def inbound_body(self, specs: list[dict], layout: str = "batch", statuses: list | None = None) -> dict:
        pairs = [
            (self.inbound_message(spec), None if spec.get("type") == "system" else payloads.contact(spec)) for spec in specs
        ]
        return payloads.inbound(self.business, pairs, layout, statuses)

    async def send_inbound(self, req: dict) -> dict:
        """req: {messages:[spec…] | message fields at top level, layout, signature, duplicates, reorder, split, statuses,
        wait, raw}. split: one webhook per message; reorder: shuffled and concurrent; duplicates N: everything N extra
        times; gap_s: wait between posts; wait: return after the answers."""
        specs = self._specs(req)
        sig = req.get("signature", "ok")
        url = req.get("url") or self.cfg["webhook_url"]
        if not url:
            raise ValueError("no webhook_url configured")
        bodies = self._bodies(req, specs)
        sent = [m for b in bodies if isinstance(b, dict) for m in messages_of(b)]
        if sig == "ok":
            for spec, m in zip(specs, sent, strict=True):
                self.note_inbound(spec, m)
        todo = bodies * (1 + int(req.get("duplicates", 0)))
        if req.get("reorder"):
            self.rng.shuffle(todo)
        tasks = []
        for body in todo:
            tasks.append(self.deliver(body, {"what": "inbound", "signature": sig}, sig, url))
            if req.get("gap_s"):
                await asyncio.sleep(float(req["gap_s"]))
        out: dict = {"ids": [m["id"] for m in sent], "posts": len(todo)}
        if req.get("wait", True):
            # for a wrong signature there are no retries, so this ends after one attempt
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            out["results"] = [
                [{k: r.get(k) for k in ("status", "error", "ms", "attempt")} for r in tries]
                if isinstance(tries, list)
                else repr(tries)
                for tries in answers
            ]
        return out

    @staticmethod
    def _specs(req: dict) -> list[dict]:
        if "raw" in req:
            return []
        if req.get("messages") is not None:
            return req["messages"]
        if "message" in req:
            return [req["message"]]
        if "from" in req or "user_id" in req:
            return [{k: v for k, v in req.items() if k not in ("wait", "signature", "duplicates", "layout")}]
        return []

    def _bodies(self, req: dict, specs: list[dict]) -> list[dict | bytes]:
        if "raw" in req:
            raw = req["raw"]
            return [raw.encode() if isinstance(raw, str) else escape_body(raw)]
        if req.get("split"):
            return [self.inbound_body([spec]) for spec in specs]
        if specs:
            return [self.inbound_body(specs, req.get("layout", "batch"), req.get("statuses"))]
        if req.get("statuses"):
            return [payloads.envelope(self.business, [[payloads.value(self.business, statuses=req["statuses"])]])]
        return []

    async def verify_webhook(self, token: str | None = None, challenge: str = "1158201444", mode: str = "subscribe") -> dict:
        """The GET handshake. ok is true when the product answered 200 with the bare challenge."""
        async with self.outbox.session.get(
            self.cfg["webhook_url"],
            params={
                "hub.mode": mode,
                "hub.challenge": challenge,
                "hub.verify_token": self.cfg["verify_token"] if token is None else token,
            },
        ) as r:
            t = await r.text()
            return {
                "status": r.status,
                "body": t,
                "ok": r.status == 200 and t == challenge,
                "content_type": r.headers.get("Content-Type"),
            }
