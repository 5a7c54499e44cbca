"""What Meta remembers: contacts, media, templates, limits, and the ledgers a test reads."""

from __future__ import annotations

import base64
import hashlib
import time
from collections import deque
from typing import Any, ClassVar

from tests.kit.simulators.simulator import Sim

from .payloads import Business

SEED_TEMPLATES = [
    {
        "name": "hello_world",
        "language": "en_US",
        "category": "UTILITY",
        "components": [
            {"type": "HEADER", "format": "TEXT", "text": "Hello World"},
            {"type": "BODY", "text": "Welcome and congratulations!!"},
            {"type": "FOOTER", "text": "WhatsApp Business Platform sample message"},
        ],
    },
    {
        "name": "rig_seguimiento",
        "language": "es",
        "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Hola {{1}}, retomamos tu consulta sobre {{2}}."}],
    },
    {
        "name": "rig_sin_variables",
        "language": "es",
        "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Hola, ¿seguimos con tu consulta?"}],
    },
    {
        "name": "rig_promo",
        "language": "es",
        "category": "MARKETING",
        "components": [
            {"type": "HEADER", "format": "IMAGE"},
            {"type": "BODY", "text": "Hola {{nombre}}, tenemos novedades."},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "No recibir más"}]},
        ],
    },
    {
        "name": "rig_codigo",
        "language": "es",
        "category": "AUTHENTICATION",
        "components": [{"type": "BODY", "text": "{{1}} es tu código."}],
    },
]


class MetaState(Sim):
    """Options and memory of the simulator."""

    name = "meta"

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "token": "rig-wa-token",
        "phone_number_id": "106540352242922",
        "waba_id": "102290129340398",
        "display_phone_number": "15550783881",
        "app_secret": "rig-app-secret",
        "verify_token": "rig-verify",
        "webhook_url": "",
        "seed": 7,
        "latency": 0,
        # statuses
        "statuses": ["sent", "delivered", "read"],
        "status_delays": {"sent": 0.05, "delivered": 0.15, "read": 0.4},
        "status_batch": 1,
        "status_shuffle": False,
        "status_duplicate": 0.0,
        "omit_delivered_when_read": 0.0,
        "contacts_in_statuses": True,
        "pricing_in_statuses": True,
        # limits
        "window_mode": "async",
        "window_hours": 24,
        "pair_limit": True,
        "pair_burst": 45,
        "pair_interval_s": 6.0,
        "throughput_limit": True,
        "throughput_mps": 80,
        # checks
        "check_media_ids": True,
        "check_templates": True,
        "check_message_ids": True,
        "allowed_recipients": None,
        "wa_id_map": {},
        "expired_versions_below": 21.0,
        "latest_version": 26.0,
        # webhooks
        "webhook_timeout": 10.0,
        "webhook_concurrency": 64,
        "retry_schedule": [0.0, 0.5, 1.5, 4.0, 10.0, 20.0],
        "duplicate_webhooks": 0.0,
        "webhook_media_url": True,
        "template_review_s": 0.5,
        "template_review": "APPROVED",
        "batch_under_load": True,
    }

    def init_state(self) -> None:
        self.ledger: list[dict] = []
        self.rejected: list[dict] = []
        self.inbound_log: list[dict] = []
        self.seq = 0
        self.contacts: dict[str, dict] = {}  # key -> {name, wa_id, user_id, last_inbound, turn}
        self.alias: dict[str, str] = {}  # phone or BSUID -> key
        self.pair: dict[str, tuple[float, float]] = {}
        self.bucket = (float(self.cfg["throughput_mps"]), time.monotonic())
        self.media: dict[str, dict] = {}
        self.media_tokens: dict[str, tuple[str, float]] = {}
        self.templates: dict[tuple, dict] = {}
        self.known_in: set[str] = set()
        self.out_ids: dict[str, dict] = {}
        self.last_out: dict[str, str] = {}
        self.fail_rules: list[dict] = []
        self.status_queue: deque = deque()
        self.status_due = False
        self.next_id = getattr(self, "next_id", 1000000000000000 + self.idrng.randint(1, 10**14))
        self.subscribed = True
        for t in SEED_TEMPLATES:
            self.put_template({**t, "status": "APPROVED"})

    @property
    def business(self) -> Business:
        return Business(self.cfg["phone_number_id"], self.cfg["display_phone_number"], self.cfg["waba_id"])

    def new_id(self) -> str:
        self.next_id += self.idrng.randint(1, 9999)
        return str(self.next_id)

    def put_template(self, t: dict) -> dict:
        t = {"id": self.new_id(), "quality_score": {"score": "UNKNOWN"}, "parameter_format": "POSITIONAL", **t}
        self.templates[(t["name"], t["language"])] = t
        return t

    def add_media(self, data: bytes, mime: str, days: int) -> str:
        mid = self.new_id()
        self.media[mid] = {
            "id": mid,
            "data": data,
            "mime_type": mime,
            "sha256": base64.b64encode(hashlib.sha256(data).digest()).decode(),
            "expires": self.clock.now() + days * 86400,
        }
        return mid

    def media_url(self, mid: str, source: str = "getMedia") -> str:
        tok = f"{self.idrng.getrandbits(128):032x}"
        self.media_tokens[tok] = (mid, self.clock.now() + 300)
        query = f"mid={mid}&source={source}&ext={int(self.clock.now()) + 300}&hash={tok}"
        return f"{self.base_url}/whatsapp_business/attachments/?{query}"

    def key(self, phone: str | None, user_id: str | None = None) -> str:
        for a in (phone, user_id):
            if a and a in self.alias:
                k = self.alias[a]
                break
        else:
            k = phone or user_id or ""
        c = self.contacts.setdefault(
            k, {"key": k, "wa_id": None, "user_id": None, "name": None, "last_inbound": None, "turn": 0}
        )
        if phone:
            c["wa_id"] = phone
            self.alias[phone] = k
        if user_id:
            c["user_id"] = user_id
            self.alias[user_id] = k
        return k

    def note_inbound(self, spec: dict, msg: dict) -> None:
        k = self.key(spec.get("from"), spec.get("user_id"))
        c = self.contacts[k]
        c["name"] = spec.get("name") or c["name"]
        if msg.get("type") == "system":
            new = (msg.get("system") or {}).get("wa_id")
            if new:
                self.key(new)
            return
        c["last_inbound"] = self.clock.now()
        c["turn"] += 1
        self.known_in.add(msg["id"])
        self.seq += 1
        self.inbound_log.append(
            {
                "seq": self.seq,
                "t": self.clock.now(),
                "contact": k,
                "turn": c["turn"],
                "id": msg["id"],
                "type": msg.get("type"),
                "body": (msg.get("text") or {}).get("body") or spec.get("title") or spec.get("text") or "",
                "spec": spec,
            }
        )
        if self.cfg["throughput_limit"]:
            self._take_throughput()

    def _take_throughput(self) -> bool:
        cap = float(self.cfg["throughput_mps"])
        level, t = self.bucket
        n = time.monotonic()
        level = min(cap, level + (n - t) * cap)
        if level < 1:
            self.bucket = (level, n)
            return False
        self.bucket = (level - 1, n)
        return True

    def _take_pair(self, k: str) -> bool:
        cap, every = float(self.cfg["pair_burst"]), float(self.cfg["pair_interval_s"])
        n = self.clock.now()
        level, t = self.pair.get(k, (cap, n))
        level = min(cap, level + (n - t) / every)
        if level < 1:
            self.pair[k] = (level, n)
            return False
        self.pair[k] = (level - 1, n)
        return True
