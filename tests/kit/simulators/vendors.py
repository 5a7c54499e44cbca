"""The four simulators together: started, stopped, reset and waited for as one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

from tests.kit.simulators.chatwoot.server import ChatwootSim
from tests.kit.simulators.llm.server import LlmSim
from tests.kit.simulators.meta.server import MetaSim
from tests.kit.simulators.simulator import HOST, Sim
from tests.kit.simulators.twilio.server import TwilioSim


class Vendors:
    """Meta, Twilio, Chatwoot and an OpenAI-compatible server on loopback ports.

    `product_url`: where their webhooks go, none when empty; `public_base_url`: what Twilio signs, when that differs;
    `options`: per simulator, survive a reset; `environ`: the product's variables, whose credentials are then expected."""

    def __init__(
        self,
        product_url: str = "",
        ports: Mapping[str, int] | None = None,
        *,
        public_base_url: str = "",
        options: Mapping[str, dict[str, Any]] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        env = dict(environ or {}).get
        product, public = product_url.rstrip("/"), (public_base_url or env("PUBLIC_BASE_URL") or "").rstrip("/")
        self.meta = MetaSim(
            token=env("WHATSAPP_TOKEN"),
            phone_number_id=env("WHATSAPP_PHONE_NUMBER_ID"),
            waba_id=env("WHATSAPP_BUSINESS_ACCOUNT_ID"),
            app_secret=env("WHATSAPP_APP_SECRET"),
            verify_token=env("WHATSAPP_VERIFY_TOKEN"),
            webhook_url=product and product + "/webhook/whatsapp",
        )
        self.twilio = TwilioSim(
            account_sid=env("TWILIO_ACCOUNT_SID"),
            auth_token=env("TWILIO_AUTH_TOKEN"),
            **{"from": env("TWILIO_WHATSAPP_FROM")},
            webhook_url=product and product + "/webhook/twilio",
            signing_url=public and public + "/webhook/twilio",
            status_signing_base=public,
            status_callback_url=product and (public or product) + "/webhook/twilio/status",
        )
        self.chatwoot = ChatwootSim(
            account_id=int(env("CHATWOOT_ACCOUNT_ID") or 1),
            user_token=env("CHATWOOT_USER_TOKEN"),
            bot_token=env("CHATWOOT_BOT_TOKEN"),
            inbox_id=int(env("CHATWOOT_WHATSAPP_INBOX_ID") or 1),
            webhook_secret=env("CHATWOOT_WEBHOOK_SECRET"),
            webhook_url=product and product + "/webhook/chatwoot",
        )
        self.llm = LlmSim(api_key=env("OPENAI_API_KEY"))
        model = env("OPENAI_MODEL")
        if model and model not in self.llm.cfg["models"]:
            self.llm.set_lasting_options({"models": [*self.llm.cfg["models"], model]})
        self.sims: dict[str, Sim] = {s.name: s for s in (self.meta, self.twilio, self.chatwoot, self.llm)}
        for name, chosen in (options or {}).items():
            self.sims[name].set_lasting_options(chosen)
        self.ports = dict.fromkeys(self.sims, 0) | dict(ports or {})

    async def start(self) -> dict[str, int]:
        """Listens on the given ports, on free ones for 0; returns the real ones."""
        for name, sim in self.sims.items():
            self.ports[name] = await sim.serve(self.ports[name])
        return self.ports

    async def stop(self) -> None:
        for sim in self.sims.values():
            await sim.close()

    def env(self) -> dict[str, str]:
        """The environment that a product needs to talk to these vendors."""
        meta, twilio, chatwoot, llm = self.meta.cfg, self.twilio.cfg, self.chatwoot.cfg, self.llm.cfg
        url = {name: f"http://{HOST}:{port}" for name, port in self.ports.items()}
        return {
            "WHATSAPP_TOKEN": meta["token"],
            "WHATSAPP_PHONE_NUMBER_ID": meta["phone_number_id"],
            "WHATSAPP_VERIFY_TOKEN": meta["verify_token"],
            "WHATSAPP_APP_SECRET": meta["app_secret"],
            "WHATSAPP_BUSINESS_ACCOUNT_ID": meta["waba_id"],
            "WHATSAPP_API_BASE_URL": url["meta"],
            "WHATSAPP_API_VERSION": "v23.0",
            "TWILIO_ACCOUNT_SID": twilio["account_sid"],
            "TWILIO_AUTH_TOKEN": twilio["auth_token"],
            "TWILIO_WHATSAPP_FROM": twilio["from"],
            "TWILIO_API_BASE": url["twilio"],
            "CHATWOOT_BASE_URL": url["chatwoot"],
            "CHATWOOT_ACCOUNT_ID": str(chatwoot["account_id"]),
            "CHATWOOT_USER_TOKEN": chatwoot["user_token"],
            "CHATWOOT_BOT_TOKEN": chatwoot["bot_token"],
            "CHATWOOT_WHATSAPP_INBOX_ID": str(chatwoot["inbox_id"]),
            "CHATWOOT_WEBHOOK_SECRET": chatwoot["webhook_secret"],
            "OPENAI_API_KEY": llm["api_key"],
            "OPENAI_BASE_URL": url["llm"] + "/v1",
            "OPENAI_MODEL": llm["models"][0],
        }

    async def wait_quiet(
        self,
        idle_ms: float = 1500,
        timeout_s: float = 60,
        ignore_retries: bool = False,
        only: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        """Quiet: no request under way, no webhook waiting, and nothing happened for `idle_ms`."""
        start = time.monotonic()
        sims = [sim for name, sim in self.sims.items() if not only or name in only]
        while True:
            now = time.monotonic()
            busy = {sim.name: sim.busy(ignore_retries) for sim in sims}
            idle = min(now - sim.last_activity for sim in sims) * 1000
            seen = {"waited_ms": round((now - start) * 1000), "idle_ms": round(idle)}
            if not any(count > 0 for count in busy.values()) and idle >= idle_ms:
                return {"quiet": True, **seen}
            if now - start > timeout_s:
                return {"quiet": False, **seen, "busy": busy}
            await asyncio.sleep(0.02)
