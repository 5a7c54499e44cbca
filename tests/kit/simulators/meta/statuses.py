"""Status webhooks of accepted messages: sent, delivered, read, failed."""

from __future__ import annotations

import asyncio

from .errors import DETAILS, ERRORS
from .payloads import envelope, unique_contacts, value
from .webhooks import MetaWebhooks


class MetaStatuses(MetaWebhooks):
    """Plans and posts the statuses of each accepted message."""

    def plan_statuses(self, entry: dict, c: dict, late: bool) -> None:
        if not self.cfg["webhook_url"]:
            return
        code = None
        for r in self.fail_rules:
            if (
                r.get("times", 1) != 0
                and (not r.get("to") or r["to"] in (entry["contact"], entry["wa_id"]))
                and (not r.get("type") or r["type"] == entry["type"])
            ):
                r["times"] = r.get("times", 1) - 1
                code = int(r.get("code", 131026))
                break
        if late:
            code = 131047
        loop = asyncio.get_running_loop()
        epoch = self.outbox.epoch
        dl = self.cfg["status_delays"]
        if code:
            seq = [("failed", dl.get("failed", dl.get("sent", 0.05)))]
        else:
            names = ["sent"] if entry["type"] == "reaction" else list(self.cfg["statuses"])
            if "read" in names and "delivered" in names and self.rng.random() < self.cfg["omit_delivered_when_read"]:
                names.remove("delivered")
            seq = [(n, dl.get(n, 0.2)) for n in names]
            if self.cfg["status_shuffle"]:
                ds = [d for _, d in seq]
                self.rng.shuffle(ds)
                seq = [(n, d) for (n, _), d in zip(seq, ds, strict=True)]
            seq += [(n, d + 0.1) for n, d in seq if self.rng.random() < self.cfg["status_duplicate"]]
        for n, d in seq:
            self.outbox.pending += 1
            loop.call_later(d, self._status_due, epoch, entry, c, n, code)

    def status_obj(self, entry: dict, c: dict, status: str, code: int | None) -> tuple[dict, dict | None]:
        s: dict = {"id": entry["id"], "status": status, "timestamp": str(int(self.clock.now()))}
        if entry["wa_id"] or c.get("wa_id"):
            s["recipient_id"] = entry["wa_id"] or c["wa_id"]
        if entry["recipient"] or (c.get("user_id") and status != "failed"):
            s["recipient_user_id"] = entry["recipient"] or c["user_id"]
        if entry["callback_data"] is not None:
            s["biz_opaque_callback_data"] = entry["callback_data"]
        if status == "failed":
            title = ERRORS.get(code, (0, "Message undeliverable"))[1]
            s["errors"] = [
                {
                    "code": code,
                    "title": title,
                    "message": title,
                    "error_data": {"details": DETAILS.get(code, title)},
                    "href": "/documentation/business-messaging/whatsapp/support/error-codes",
                }
            ]
            return s, None
        if self.cfg["pricing_in_statuses"] and (status == "sent" or status == "delivered"):
            tpl = entry["type"] == "template"
            s["pricing"] = {
                "billable": tpl,
                "pricing_model": "PMP",
                "type": "regular" if tpl else "free_customer_service",
                "category": "utility" if tpl else "service",
            }
        co = None
        if self.cfg["contacts_in_statuses"]:
            co = {"profile": {"name": c.get("name") or "Cliente Prueba"}}
            if s.get("recipient_id"):
                co["wa_id"] = s["recipient_id"]
            if s.get("recipient_user_id"):
                co["user_id"] = s["recipient_user_id"]
        return s, co

    def _status_due(self, epoch, entry, c, status, code) -> None:
        if epoch != self.outbox.epoch:
            return
        if entry["response"] == "drop_after" and self.cfg.get("silent_after_drop"):
            self.outbox.pending -= 1
            return
        entry["statuses"].append(status)
        self.status_queue.append(self.status_obj(entry, c, status, code))
        # one POST per status, unless asked to batch or far behind (Meta batches up to 1000 updates)
        if not self.status_due:
            self.status_due = True
            asyncio.get_running_loop().call_soon(self._flush_statuses)

    def _flush_statuses(self) -> None:
        self.status_due = False
        q = self.status_queue
        size = int(self.cfg["status_batch"])
        if self.cfg["batch_under_load"] and (len(q) > 64 or self.outbox.pending > 4000):
            size = max(size, 200)
        while q:
            part = [q.popleft() for _ in range(min(size, len(q)))]
            v = value(self.business, statuses=[s for s, _ in part], contacts=unique_contacts([co for _, co in part]))
            self.outbox.pending -= len(part)
            self.deliver(envelope(self.business, [[v]]), {"what": "status", "n": len(part)})
