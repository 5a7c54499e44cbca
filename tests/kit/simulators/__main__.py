"""All simulators in one process plus a JSON control API:  python -m tests.kit.simulators --help"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
import time

from aiohttp import web

from .chatwoot import ChatwootSim
from .common import jdumps, jloads
from .counters import counters
from .llm import LLMSim
from .meta.server import MetaSim
from .twilio import TwilioSim

HOST = "127.0.0.1"


class Rig:
    """Starts the four simulators. Also usable from a test: `rig = Rig(product_url=…); await rig.start()`."""

    def __init__(self, product_url: str = "", ports: dict | None = None, **over) -> None:
        env = os.environ.get
        product_url = product_url.rstrip("/")
        pub = (over.get("public_base_url") or env("PUBLIC_BASE_URL") or "").rstrip("/")
        u = lambda path: product_url + path if product_url else ""
        self.meta = MetaSim(
            token=env("WHATSAPP_TOKEN"),
            phone_number_id=env("WHATSAPP_PHONE_NUMBER_ID"),
            waba_id=env("WHATSAPP_BUSINESS_ACCOUNT_ID"),
            app_secret=env("WHATSAPP_APP_SECRET"),
            verify_token=env("WHATSAPP_VERIFY_TOKEN"),
            webhook_url=u("/webhook/whatsapp"),
        )
        self.twilio = TwilioSim(
            account_sid=env("TWILIO_ACCOUNT_SID"),
            auth_token=env("TWILIO_AUTH_TOKEN"),
            **{"from": env("TWILIO_WHATSAPP_FROM")},
            webhook_url=u("/webhook/twilio"),
            signing_url=(pub + "/webhook/twilio") if pub else "",
            status_signing_base=pub,
            status_callback_url=(pub or product_url) + "/webhook/twilio/status" if product_url else "",
        )
        self.chatwoot = ChatwootSim(
            account_id=int(env("CHATWOOT_ACCOUNT_ID") or 1),
            user_token=env("CHATWOOT_USER_TOKEN"),
            bot_token=env("CHATWOOT_BOT_TOKEN"),
            inbox_id=int(env("CHATWOOT_WHATSAPP_INBOX_ID") or 1),
            webhook_secret=env("CHATWOOT_WEBHOOK_SECRET"),
            webhook_url=u("/webhook/chatwoot"),
        )
        self.llm = LLMSim(api_key=env("OPENAI_API_KEY"))
        if env("OPENAI_MODEL") and env("OPENAI_MODEL") not in self.llm.cfg["models"]:
            self.llm.cfg["models"] = self.llm.base_cfg["models"] = self.llm.cfg["models"] + [env("OPENAI_MODEL")]
        self.sims = {s.name: s for s in (self.meta, self.twilio, self.chatwoot, self.llm)}
        for n, s in self.sims.items():  # options given at start survive a reset
            if over.get(n):
                s.base_cfg.update(over[n])
                s.cfg = dict(s.base_cfg)
                s.init_state()
        self.ports = {"meta": 0, "twilio": 0, "chatwoot": 0, "llm": 0, "control": 0, **(ports or {})}
        self._control: web.AppRunner | None = None

    async def start(self) -> dict:
        for n, s in self.sims.items():
            self.ports[n] = await s.serve(HOST, self.ports[n])
        self._control = web.AppRunner(self.control_app(), access_log=None)
        await self._control.setup()
        site = web.TCPSite(self._control, HOST, self.ports["control"])
        await site.start()
        self.ports["control"] = site._server.sockets[0].getsockname()[1]
        return self.ports

    async def stop(self) -> None:
        for s in self.sims.values():
            await s.close()
        if self._control:
            await self._control.cleanup()

    def env(self) -> dict:
        """The environment the product under test needs to talk to this rig."""
        m, t, c, l = self.meta.cfg, self.twilio.cfg, self.chatwoot.cfg, self.llm.cfg
        b = lambda n: f"http://{HOST}:{self.ports[n]}"
        return {
            "WHATSAPP_TOKEN": m["token"],
            "WHATSAPP_PHONE_NUMBER_ID": m["phone_number_id"],
            "WHATSAPP_VERIFY_TOKEN": m["verify_token"],
            "WHATSAPP_APP_SECRET": m["app_secret"],
            "WHATSAPP_BUSINESS_ACCOUNT_ID": m["waba_id"],
            "WHATSAPP_API_BASE_URL": b("meta"),
            "WHATSAPP_API_VERSION": "v23.0",
            "TWILIO_ACCOUNT_SID": t["account_sid"],
            "TWILIO_AUTH_TOKEN": t["auth_token"],
            "TWILIO_WHATSAPP_FROM": t["from"],
            "TWILIO_API_BASE": b("twilio"),
            "CHATWOOT_BASE_URL": b("chatwoot"),
            "CHATWOOT_ACCOUNT_ID": str(c["account_id"]),
            "CHATWOOT_USER_TOKEN": c["user_token"],
            "CHATWOOT_BOT_TOKEN": c["bot_token"],
            "CHATWOOT_WHATSAPP_INBOX_ID": str(c["inbox_id"]),
            "CHATWOOT_WEBHOOK_SECRET": c["webhook_secret"],
            "OPENAI_API_KEY": l["api_key"],
            "OPENAI_BASE_URL": b("llm") + "/v1",
            "OPENAI_MODEL": l["models"][0],
        }

    async def wait_quiet(
        self, idle_ms: float = 1500, timeout_s: float = 60, ignore_retries: bool = False, only: list | None = None
    ) -> dict:
        """Quiet: no request under way, no webhook waiting, and nothing happened for idle_ms."""
        t0 = time.monotonic()
        sims = [s for n, s in self.sims.items() if not only or n in only]
        while True:
            now = time.monotonic()
            busy = {s.name: s.busy(ignore_retries) for s in sims}
            idle = min(now - s.last_activity for s in sims) * 1000
            if not any(v > 0 for v in busy.values()) and idle >= idle_ms:
                return {"quiet": True, "waited_ms": round((now - t0) * 1000), "idle_ms": round(idle)}
            if now - t0 > timeout_s:
                return {"quiet": False, "waited_ms": round((now - t0) * 1000), "idle_ms": round(idle), "busy": busy}
            await asyncio.sleep(0.02)

    # ------------------------------------------------------------------ control API
    def control_app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        r = app.router

        def js(o, status=200):
            return web.Response(body=jdumps(o), status=status, content_type="application/json")

        async def body(q):
            raw = await q.read()
            return jloads(raw) if raw else {}

        def sim(q):
            s = self.sims.get(q.match_info["sim"])
            if not s:
                raise web.HTTPNotFound(text="no such simulator")
            return s

        async def health(q):
            return js(
                {
                    "ok": True,
                    "ports": self.ports,
                    "errors": {n: s.errors[-5:] for n, s in self.sims.items() if s.errors},
                }
            )

        async def env(q):
            return js(self.env())

        async def ledger(q):
            x = q.query
            return js(
                sim(q).ledger_view(
                    since=int(x.get("since", 0)),
                    limit=int(x["limit"]) if "limit" in x else None,
                    contact=x.get("contact"),
                    kind=x.get("kind"),
                    conversation=x.get("conversation"),
                )
            )

        async def state(q):
            return js(sim(q).state_view())

        async def deliveries(q):
            since, lim = int(q.query.get("since", 0)), int(q.query.get("limit", 100000))
            return js([d for d in sim(q).outbox.log if d["seq"] > since or d["seq"] < 0][-lim:])

        async def config(q):
            s = sim(q)
            if q.method == "POST":
                s.configure(await body(q))
            return js(s.cfg)

        async def faults(q):
            s = sim(q)
            if q.method == "POST":
                b = await body(q)
                return js([s.faults.add(f) for f in (b if isinstance(b, list) else [b])])
            if q.method == "DELETE":
                s.faults.clear(int(q.query["id"]) if "id" in q.query else None)
            return js(s.faults.view())

        async def reset(q):
            b = await body(q)
            names = [q.match_info["sim"]] if "sim" in q.match_info else list(self.sims)
            for n in names:
                self.sims[n].reset(keep_config=bool(b.get("keep_config")))
            gc.collect()
            return js({"reset": names})

        async def clock(q):
            b = await body(q)
            names = [q.match_info["sim"]] if "sim" in q.match_info else list(self.sims)
            for n in names:
                self.sims[n].clock.advance(float(b.get("advance", 0)))
            return js({n: self.sims[n].clock.now() for n in names})

        async def inbound(q):
            s = sim(q)
            if s.name not in ("meta", "twilio"):
                raise web.HTTPNotFound(text="no inbound here")
            try:
                return js(await s.send_inbound(await body(q)))
            except (ValueError, KeyError) as e:
                return js({"error": repr(e)}, 400)

        async def fail(q):
            s = sim(q)
            b = await body(q)
            s.fail_rules += b if isinstance(b, list) else [b]
            return js(s.fail_rules)

        async def verify(q):
            b = await body(q)
            return js(await self.meta.verify_webhook(**b))

        async def templates(q):
            b = await body(q)
            t = self.meta.templates.get((b.get("name"), b.get("language", "es")))
            if t:
                t.update(b)
            else:
                t = self.meta.put_template(
                    {
                        "category": "UTILITY",
                        "language": "es",
                        "status": "APPROVED",
                        "components": [{"type": "BODY", "text": "Hola"}],
                        **b,
                    }
                )
            return js(t)

        async def agent(q):
            try:
                return js(self.chatwoot.agent(await body(q)))
            except Exception as e:
                b = getattr(e, "body", None)
                return js({"error": b if b is not None else repr(e)}, 400)

        async def script(q):
            b = await body(q)
            reps = b if isinstance(b, list) else b.get("replies", [b])
            for x in reps:
                self.llm.scripted.append(x if "reply" in x else {"reply": x})
            return js({"queued": len(self.llm.scripted)})

        async def rules(q):
            b = await body(q)
            self.llm.rules = b if isinstance(b, list) else self.llm.rules + [b]
            return js(self.llm.rules)

        async def search(q):
            return js(self.llm.search((await body(q))["patterns"]))

        async def wait(q):
            x = {**q.query, **(await body(q))}
            o = await self.wait_quiet(
                float(x.get("idle_ms", 1500)),
                float(x.get("timeout_s", 60)),
                str(x.get("ignore_retries", "")).lower() in ("1", "true"),
                x["only"].split(",") if isinstance(x.get("only"), str) else x.get("only"),
            )
            return js(o, 200 if o["quiet"] else 408)

        async def cnt(q):
            return js(counters(self.meta, self.twilio, self.chatwoot, self.llm, q.query.get("contact")))

        r.add_get("/health", health)
        r.add_get("/env", env)
        r.add_get("/counters", cnt)
        r.add_route("*", "/wait-quiet", wait)
        r.add_post("/reset", reset)
        r.add_post("/clock", clock)
        r.add_post("/meta/verify", verify)
        r.add_post("/meta/templates", templates)
        r.add_post("/chatwoot/agent", agent)
        r.add_post("/llm/script", script)
        r.add_post("/llm/rules", rules)
        r.add_post("/llm/search", search)
        for path, h in (("ledger", ledger), ("state", state), ("deliveries", deliveries)):
            r.add_get("/{sim}/" + path, h)
        r.add_route("*", "/{sim}/config", config)
        r.add_route("*", "/{sim}/faults", faults)
        r.add_post("/{sim}/reset", reset)
        r.add_post("/{sim}/clock", clock)
        r.add_post("/{sim}/inbound", inbound)
        r.add_post("/{sim}/fail", fail)
        return app


async def amain(a) -> None:
    rig = Rig(
        a.product_url,
        {
            "meta": a.meta_port,
            "twilio": a.twilio_port,
            "chatwoot": a.chatwoot_port,
            "llm": a.llm_port,
            "control": a.control_port,
        },
        public_base_url=a.public_base_url,
        **(json.loads(a.config) if a.config else {}),
    )
    await rig.start()
    print(json.dumps({"ports": rig.ports, "env": rig.env()}), flush=True)
    stop = asyncio.Event()
    for s in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(s, stop.set)
    await stop.wait()
    await rig.stop()


def end_with_parent() -> None:
    """Asks Linux for SIGTERM at the parent's death, so that a killed test run leaves nothing behind."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGTERM)
    if os.getppid() != parent:  # it died in between
        sys.exit(1)


def main() -> None:
    ap = argparse.ArgumentParser(
        prog="python -m tests.kit.simulators", description="Vendor simulators; everything listens on 127.0.0.1 only."
    )
    ap.add_argument("--meta-port", type=int, default=8101)
    ap.add_argument("--twilio-port", type=int, default=8102)
    ap.add_argument("--chatwoot-port", type=int, default=8103)
    ap.add_argument("--llm-port", type=int, default=8104)
    ap.add_argument("--control-port", type=int, default=8100)
    ap.add_argument(
        "--product-url",
        default="http://127.0.0.1:%s" % os.environ.get("WEBHOOK_PORT", "5000"),
        help="where the product listens (webhooks are posted there)",
    )
    ap.add_argument("--public-base-url", default="", help="the URL that Twilio signs, when it differs (PUBLIC_BASE_URL)")
    ap.add_argument("--config", default="", help='JSON, e.g. {"chatwoot":{"ownership_mode":true}}')
    ap.add_argument("--end-with-parent", action="store_true", help="end when the starting thread ends (Linux)")
    a = ap.parse_args()
    if a.end_with_parent:
        end_with_parent()
    asyncio.run(amain(a))


if __name__ == "__main__":
    main()
