"""What all simulators share: the clock, options, faults, ledgers, and the HTTP server around them."""

from __future__ import annotations

import asyncio
import copy
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar

import orjson
from aiohttp import web

from .faults import Fault, Faults, Json, sample_delay
from .outbox import Outbox

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HOST = "127.0.0.1"

# Where a handler leaves its ledger entry, so that a fault after the commit can be marked in it.
ENTRY: web.RequestKey[Json] = web.RequestKey("entry", dict)


def jdumps(value: Any) -> bytes:
    """JSON as bytes; orjson, because the simulators must not be the bottleneck of a load run."""
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)


def json_object(raw: bytes | None) -> dict[str, Any]:
    """The object in a body; empty when there is none."""
    try:
        value = orjson.loads(raw or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class Clock:
    """Wall clock with an offset, so that 24 h windows and 5-minute URLs can be tested without waiting."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        return time.time() + self.offset

    def advance(self, seconds: float) -> None:
        self.offset += float(seconds)

    def reset(self) -> None:
        self.offset = 0.0


def cut(items: Iterable[Json], since: int = 0, limit: int | None = None) -> list[Json]:
    """The newest `limit` rows with a higher sequence number."""
    out = [i for i in items if i.get("seq", 0) > since]
    return out[-limit:] if limit else out


class Sim:
    """One vendor: options, faults, outgoing webhooks, request counting and the HTTP application."""

    name: str
    DEFAULTS: ClassVar[dict[str, Any]]

    def __init__(self, **cfg: Any) -> None:
        self.base_cfg = {**self.DEFAULTS, **{k: v for k, v in cfg.items() if v is not None}}
        self.cfg = copy.deepcopy(self.base_cfg)
        self.clock = Clock()
        self.rng = random.Random(int(self.cfg.get("seed", 7)))  # behaviour: repeatable
        self.idrng = random.Random()  # identifiers: never repeated, also not after a reset
        self.faults = Faults(self.rng)
        self.errors: list[str] = []
        self.outbox = Outbox(self.clock.now, self.touch, self.errors.append)
        self.inflight = 0
        self.last_activity = time.monotonic()
        self.n_requests = 0
        self.base_url = ""
        self._runner: web.AppRunner | None = None
        self.init_state()

    # what a vendor fills in

    def init_state(self) -> None:
        """Empty ledgers and tables; also called by a reset."""
        raise NotImplementedError

    def routes(self, app: web.Application) -> None:
        raise NotImplementedError

    def fault_response(self, f: Fault, request: web.Request) -> web.Response:
        return web.json_response(
            f.options.get("body", {"error": "simulated fault"}),
            status=int(f.options.get("status", 500)),
            headers=f.options.get("headers"),
        )

    def facts(self, request: web.Request) -> Json:
        """What a fault switch's `where` may ask about this request."""
        return {}

    def ledger_view(self, **filters: Any) -> Any:
        raise NotImplementedError

    def state_view(self) -> Json:
        raise NotImplementedError

    # what all have

    def touch(self) -> None:
        self.last_activity = time.monotonic()

    def configure(self, options: Json) -> Json:
        """Nested options merge."""
        for k, v in options.items():
            if isinstance(v, dict) and isinstance(self.cfg.get(k), dict):
                self.cfg[k] = {**self.cfg[k], **v}
            else:
                self.cfg[k] = v
        return self.cfg

    def set_lasting_options(self, options: dict[str, Any]) -> None:
        """Options that a reset returns to; the simulator starts anew with them."""
        self.base_cfg.update(options)
        self.cfg = copy.deepcopy(self.base_cfg)
        self.init_state()

    def reset(self, keep_config: bool = False) -> None:
        self.outbox.cancel()
        self.outbox.log.clear()
        self.outbox.seq = 0
        self.faults.clear()
        self.errors.clear()
        self.n_requests = 0
        self.clock.reset()
        self.rng.seed(int(self.base_cfg.get("seed", 7)))
        if not keep_config:
            self.cfg = copy.deepcopy(self.base_cfg)
        self.init_state()
        self.touch()

    def busy(self, ignore_retries: bool = False) -> int:
        return self.inflight + self.outbox.pending - (self.outbox.retrying if ignore_retries else 0)

    def app(self) -> web.Application:
        # A bare handler in front of the router keeps the cost per request low.
        app = web.Application(client_max_size=160 * 1024 * 1024, middlewares=[self._gate])
        self.routes(app)

        async def up(_: web.Application) -> None:
            await self.outbox.start(int(self.cfg.get("webhook_concurrency", 64)))

        async def down(_: web.Application) -> None:
            await self.outbox.stop()

        app.on_startup.append(up)
        app.on_cleanup.append(down)
        return app

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.inflight += 1
        self.n_requests += 1
        self.last_activity = time.monotonic()
        try:
            if not self.faults.items and not self.cfg.get("latency"):
                return await self.around(request, handler)
            return await self._gate_slow(request, handler)
        except (web.HTTPException, asyncio.CancelledError, ConnectionError):
            raise
        except Exception as e:  # noqa: BLE001 a fault of the simulator must never look like one of the vendor
            self.errors.append(f"{request.method} {request.path}: {e!r}\n{traceback.format_exc()[-1500:]}")
            return web.json_response({"rig_bug": repr(e)}, status=599)
        finally:
            self.inflight -= 1
            self.last_activity = time.monotonic()

    async def around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Where a vendor turns its errors into answers."""
        return await handler(request)

    async def _gate_slow(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        label = request.method + " " + request.path_qs
        facts: Json | None = None
        if self.faults.items:
            if not request.content_type.startswith("multipart/"):  # reading it here would leave nothing for the form parser
                await request.read()
            facts = self.facts(request)
        delay = sample_delay(self.cfg.get("latency"), self.rng)
        if delay:
            await asyncio.sleep(delay)
        f = self.faults.pick({"slow"}, label, facts)
        if f:
            await asyncio.sleep(sample_delay(f.options.get("delay", f.options.get("seconds", 1)), self.rng))
        f = self.faults.pick({"hang", "drop_before", "error", "outage"}, label, facts)
        if f:
            self.on_fault(f, request, facts)
            return await self._spoiled(f, request)
        response = await self.around(request, handler)
        if response.status >= 300:
            return response
        f = self.faults.pick({"drop_after", "error_after_commit", "hang_after"}, label, facts)
        if not f:
            return response
        entry = request.get(ENTRY)
        if entry is not None:
            entry["response"] = f.kind
        self.on_fault(f, request, facts)
        return await self._spoiled(f, request)

    async def _spoiled(self, f: Fault, request: web.Request) -> web.StreamResponse:
        if f.kind in ("hang", "hang_after"):
            self.inflight -= 1  # a hanging call must not keep the whole from becoming quiet
            try:
                await asyncio.sleep(float(f.options.get("seconds", 3600)))
            finally:
                self.inflight += 1
        cut_off = f.kind.startswith(("hang", "drop")) or (f.kind == "outage" and f.options.get("mode") == "drop")
        if cut_off:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        if f.kind == "outage":
            return self.fault_response(Fault({"status": 503, **f.options, "kind": "error"}), request)
        return self.fault_response(f, request)

    def on_fault(self, f: Fault, request: web.Request, facts: Json | None) -> None:
        """Notes it in the ledgers."""

    async def serve(self, port: int) -> int:
        """Listens on that port of loopback (0: a free one); returns the real one."""
        self._runner = web.AppRunner(self.app(), access_log=None, handler_cancellation=False, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, port, backlog=2048).start()
        real: int = self._runner.addresses[0][1]
        self.base_url = f"http://{HOST}:{real}"
        return real

    async def close(self) -> None:
        if self._runner:
            await self._runner.cleanup()
