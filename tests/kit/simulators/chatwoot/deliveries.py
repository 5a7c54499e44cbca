"""Webhooks to the product: who gets which event, signatures, retries, and the switches of rule 70."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import time
import uuid
from urllib.parse import urlsplit

from tests.kit.simulators.simulator import jdumps

from .rails import present
from .shapes import Shapes
from .vocabulary import WEBHOOK_EVENTS


def sign(secret: str, ts: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), ts.encode() + b"." + body, hashlib.sha256).hexdigest()


def is_private(url: str) -> bool:
    h = urlsplit(url).hostname or ""
    if h == "localhost" or h.endswith((".local", ".internal")):
        return True
    try:
        ip = ipaddress.ip_address(h)
    except ValueError:
        return False
    return ip.is_private or ip.is_loopback or ip.is_link_local


class Deliveries(Shapes):
    """Fans events out and posts them."""

    def emit(self, event: str, *, conv=None, msg=None, contact=None, changed="none", inbox=None, typing=None) -> None:
        """R60: account webhooks, API inbox webhook and agent bots each get their own delivery with its own id."""
        acc = (conv or msg or contact or inbox)["account_id"]
        self.seq += 1
        self.event_log.append(
            {
                "seq": self.seq,
                "t": self.clock.now(),
                "event": event,
                "message_id": msg["id"] if msg else None,
                "conversation_id": (conv["display_id"] if conv else self.convs[msg["conv"]]["display_id"] if msg else None),
                "contact_id": contact["id"] if contact else None,
                "changed": None if changed == "none" else changed,
            }
        )

        def build() -> dict:
            if event.startswith("conversation_typing"):
                return {
                    "event": event,
                    "user": typing["user"],
                    "conversation": self.conv_webhook(conv),
                    "is_private": typing["private"],
                }
            p = (
                self.message_webhook(msg)
                if msg
                else self.conv_webhook(conv)
                if conv
                else self.contact_webhook(contact)
                if contact
                else {"id": inbox["id"], "name": inbox["name"]}
            )
            p = {**p, "event": event}
            if changed != "none":
                p["changed_attributes"] = changed
            return p

        ib = inbox or (self.inboxes[(conv or msg)["inbox_id"]] if (conv or msg) else None)
        targets = []
        if event in WEBHOOK_EVENTS and not (self.cfg["free_plan"] and self.since(4, 16)):  # R80
            targets += [
                ("account_webhook", h["url"], h["secret"])
                for h in self.hooks.values()
                if h["account_id"] == acc and event in h["subscriptions"]
            ]
            if (
                ib
                and not contact
                and ib["channel_type"] == "Channel::Api"
                and present(ib["channel"]["webhook_url"])
                and event != "inbox_created"
            ):
                targets.append(("api_inbox_webhook", ib["channel"]["webhook_url"], ib["channel"]["secret"]))
        bots = []
        if event in (
            "message_created",
            "message_updated",
            "conversation_opened",
            "conversation_resolved",
            "conversation_status_changed",
            "conversation_updated",
        ):
            cv = conv or self.convs[msg["conv"]]
            for b in (cv["assignee_agent_bot_id"], ib["bot_id"]):
                if b and b not in bots:
                    bots.append(b)
        for kind, url, sec in targets:
            self.outbox.spawn(self._dispatch(kind, url, sec, event, build, msg))
        for b in bots:
            bot = self.bots[b]
            if present(bot["outgoing_url"]):
                p = build()  # the bot listener is synchronous: the payload is of this moment
                self.outbox.spawn(
                    self._dispatch("agent_bot_webhook", bot["outgoing_url"], bot["secret"], event, lambda p=p: p, msg)
                )

    async def _dispatch(self, kind: str, url: str, secret: str | None, event: str, build, msg) -> None:
        info = {"what": kind, "event": event, "target": kind, "message_id": msg["id"] if msg else None}
        if kind != "agent_bot_webhook":
            await asyncio.sleep(float(self.cfg["dispatch_delay"]))
            f = self.faults.pick({"late_snapshot"}, url, info)  # R70: the payload is built later and shows later state
            if f:
                await asyncio.sleep(float(f.options.get("seconds", 0.5)))
        payload = build()
        f = self.faults.pick({"stale_snapshot"}, url, info)  # R70: built now, delivered much later
        if f:
            payload = json.loads(jdumps(payload))
            await asyncio.sleep(float(f.options.get("seconds", 0.5)))
        if self.faults.pick({"lost_delivery"}, url, info):  # R70
            info["lost"] = True
            self.outbox.log.append(
                {"seq": -1, "t": self.clock.now(), "url": url, **info, "status": None, "error": "lost", "ms": None}
            )
            return
        f = self.faults.pick({"reorder"}, url, info)  # R70: held back until the next `n` deliveries went out
        if f:
            await asyncio.sleep(float(f.options.get("seconds", 0.3)))
        f = self.faults.pick({"duplicate_delivery"}, url, info)  # R70; same delivery id, or a new one with "new_id"
        copies = 1 + (int(f.options.get("n", 1)) if f else 0)
        body = jdumps(payload)
        did = str(uuid.uuid4())
        for i in range(copies):
            if i and f.options.get("gap_s"):
                await asyncio.sleep(float(f.options["gap_s"]))
            await self._send(
                kind, url, secret, event, body, str(uuid.uuid4()) if (i and f.options.get("new_id")) else did, payload, info
            )

    async def _send(self, kind, url, secret, event, body, did, payload, info) -> None:
        tries = 3 if kind == "agent_bot_webhook" else 1  # R67, R68
        err = None
        for k in range(1, tries + 1):
            if is_private(url) and not self.cfg["allow_private_network"]:  # R69
                err = "URL resolves to a private network address"
                self.outbox.log.append(
                    {
                        "seq": -1,
                        "t": self.clock.now(),
                        "url": url,
                        **info,
                        "status": None,
                        "error": "private_network_refused",
                        "ms": None,
                    }
                )
                break
            h = {"Content-Type": "application/json", "Accept": "application/json", "X-Chatwoot-Delivery": did}
            if present(secret) and self.cfg["sign_webhooks"]:  # R66
                ts = str(int(time.time()))
                h["X-Chatwoot-Timestamp"] = ts
                h["X-Chatwoot-Signature"] = sign(secret, ts, body)
            r = await self.outbox.post(
                url, body, h, float(self.cfg["webhook_timeout"]), {**info, "delivery": did, "attempt": k}
            )
            if r["status"] is not None and 200 <= r["status"] < 300:
                return
            err = str(r["status"] or r["error"])
            if kind == "agent_bot_webhook" and r["status"] in (429, 500) and k < tries:
                self.outbox.retrying += 1
                try:
                    await asyncio.sleep(float(self.cfg["bot_retry_wait"]))
                finally:
                    self.outbox.retrying = max(0, self.outbox.retrying - 1)
                continue
            break
        if event not in ("message_created", "message_updated") or payload.get("id") not in self.msgs:
            return
        self.delivery_failed(kind, payload["id"], err)

    def delivery_failed(self, kind: str, message_id: int, error: str | None) -> None:
        """What the failed delivery of a message event does to the message and its conversation."""
        raise NotImplementedError
