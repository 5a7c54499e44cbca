"""The control API: how a test in another process looks into the simulators and turns their switches."""

from __future__ import annotations

import gc
from typing import Any

import orjson
from aiohttp import web

from tests.kit.simulators.chatwoot.person import NotPossible
from tests.kit.simulators.counters import counters
from tests.kit.simulators.meta.server import MetaSim
from tests.kit.simulators.simulator import HOST, Sim, jdumps
from tests.kit.simulators.twilio.server import TwilioSim
from tests.kit.simulators.vendors import Vendors


def answer(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=jdumps(value), status=status, content_type="application/json")


async def body_of(request: web.Request) -> Any:
    raw = await request.read()
    return orjson.loads(raw) if raw else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class Control:
    """Serves the calls listed in `tests/kit/README.md`."""

    def __init__(self, vendors: Vendors) -> None:
        self.vendors = vendors
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> int:
        self._runner = web.AppRunner(self.app(), access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, port).start()
        self.vendors.ports["control"] = self._runner.addresses[0][1]
        return self.vendors.ports["control"]

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[explain_bad_calls])
        app.add_routes(
            [
                web.get("/health", self.health),
                web.get("/env", self.env),
                web.get("/counters", self.counters),
                web.route("*", "/wait-quiet", self.wait_quiet),
                web.post("/reset", self.reset),
                web.post("/clock", self.clock),
                web.post("/meta/verify", self.verify),
                web.post("/meta/templates", self.templates),
                web.post("/chatwoot/agent", self.person),
                web.post("/llm/script", self.script),
                web.post("/llm/rules", self.rules),
                web.post("/llm/search", self.search),
                web.get("/{sim}/ledger", self.ledger),
                web.get("/{sim}/state", self.state),
                web.get("/{sim}/deliveries", self.deliveries),
                web.route("*", "/{sim}/config", self.config),
                web.route("*", "/{sim}/faults", self.faults),
                web.post("/{sim}/reset", self.reset),
                web.post("/{sim}/clock", self.clock),
                web.post("/{sim:meta|twilio}/inbound", self.inbound),
                web.post("/{sim:meta|twilio}/fail", self.fail),
            ]
        )
        return app

    def sim(self, request: web.Request) -> Sim:
        name = request.match_info["sim"]
        if name not in self.vendors.sims:
            raise web.HTTPNotFound(text="no such simulator")
        return self.vendors.sims[name]

    def channel(self, request: web.Request) -> MetaSim | TwilioSim:
        return self.vendors.meta if request.match_info["sim"] == "meta" else self.vendors.twilio

    def chosen(self, request: web.Request) -> list[Sim]:
        return [self.sim(request)] if "sim" in request.match_info else list(self.vendors.sims.values())

    # all vendors

    async def health(self, _: web.Request) -> web.Response:
        errors = {name: sim.errors[-5:] for name, sim in self.vendors.sims.items() if sim.errors}
        return answer({"ok": True, "ports": self.vendors.ports, "errors": errors})

    async def env(self, _: web.Request) -> web.Response:
        return answer(self.vendors.env())

    async def counters(self, request: web.Request) -> web.Response:
        v = self.vendors
        return answer(counters(v.meta, v.twilio, v.chatwoot, v.llm, request.query.get("contact")))

    async def wait_quiet(self, request: web.Request) -> web.Response:
        asked = {**request.query, **(await body_of(request))}
        only = asked.get("only")
        seen = await self.vendors.wait_quiet(
            float(asked.get("idle_ms", 1500)),
            float(asked.get("timeout_s", 60)),
            str(asked.get("ignore_retries", "")).lower() in ("1", "true"),
            only.split(",") if isinstance(only, str) else only,
        )
        return answer(seen, 200 if seen["quiet"] else 408)

    async def reset(self, request: web.Request) -> web.Response:
        keep = bool((await body_of(request)).get("keep_config"))
        for sim in self.chosen(request):
            sim.reset(keep_config=keep)
        gc.collect()  # here rather than in the middle of a measurement
        return answer({"reset": [sim.name for sim in self.chosen(request)]})

    async def clock(self, request: web.Request) -> web.Response:
        seconds = float((await body_of(request)).get("advance", 0))
        for sim in self.chosen(request):
            sim.clock.advance(seconds)
        return answer({sim.name: sim.clock.now() for sim in self.chosen(request)})

    # one vendor

    async def ledger(self, request: web.Request) -> web.Response:
        asked = request.query
        view = self.sim(request).ledger_view(
            since=int(asked.get("since", 0)),
            limit=int(asked["limit"]) if "limit" in asked else None,
            contact=asked.get("contact"),
            kind=asked.get("kind"),
            conversation=asked.get("conversation"),
        )
        return answer(view)

    async def state(self, request: web.Request) -> web.Response:
        return answer(self.sim(request).state_view())

    async def deliveries(self, request: web.Request) -> web.Response:
        since, limit = int(request.query.get("since", 0)), int(request.query.get("limit", 100_000))
        return answer([d for d in self.sim(request).outbox.log if d["seq"] > since or d["seq"] < 0][-limit:])

    async def config(self, request: web.Request) -> web.Response:
        sim = self.sim(request)
        if request.method == "POST":
            sim.configure(await body_of(request))
        return answer(sim.cfg)

    async def faults(self, request: web.Request) -> web.Response:
        faults = self.sim(request).faults
        if request.method == "POST":
            return answer([faults.add(switch) for switch in as_list(await body_of(request))])
        if request.method == "DELETE":
            faults.clear(int(request.query["id"]) if "id" in request.query else None)
        return answer(faults.view())

    async def inbound(self, request: web.Request) -> web.Response:
        return answer(await self.channel(request).send_inbound(await body_of(request)))

    async def fail(self, request: web.Request) -> web.Response:
        rules = self.channel(request).fail_rules
        rules += as_list(await body_of(request))
        return answer(rules)

    # one vendor's own

    async def verify(self, request: web.Request) -> web.Response:
        return answer(await self.vendors.meta.verify_webhook(**(await body_of(request))))

    async def templates(self, request: web.Request) -> web.Response:
        wanted, meta = await body_of(request), self.vendors.meta
        known = meta.templates.get((wanted.get("name"), wanted.get("language", "es")))
        if known:
            known.update(wanted)
            return answer(known)
        text = [{"type": "BODY", "text": "Hola"}]
        new = {"category": "UTILITY", "language": "es", "status": "APPROVED", "components": text, **wanted}
        return answer(meta.put_template(new))

    async def person(self, request: web.Request) -> web.Response:
        try:
            return answer(self.vendors.chatwoot.agent(await body_of(request)))
        except NotPossible as why:
            return web.json_response({"error": f"Chatwoot does not offer that: {why}"}, status=409)

    async def script(self, request: web.Request) -> web.Response:
        given = await body_of(request)
        replies = given if isinstance(given, list) else given.get("replies", [given])
        self.vendors.llm.scripted.extend(reply if "reply" in reply else {"reply": reply} for reply in replies)
        return answer({"queued": len(self.vendors.llm.scripted)})

    async def rules(self, request: web.Request) -> web.Response:
        given, llm = await body_of(request), self.vendors.llm
        llm.rules = given if isinstance(given, list) else [*llm.rules, given]
        return answer(llm.rules)

    async def search(self, request: web.Request) -> web.Response:
        return answer(self.vendors.llm.search((await body_of(request))["patterns"]))


@web.middleware
async def explain_bad_calls(request: web.Request, handler: Any) -> Any:
    """A test's mistake comes back as 400 with the reason, not as a 500 without one."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:  # noqa: BLE001 whatever it was, the test must see it
        return answer({"error": getattr(error, "body", None) or repr(error)}, 400)
