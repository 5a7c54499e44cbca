"""Shared parts of the simulators: clock, fault switches, latency, outgoing webhooks, HTTP plumbing."""

from __future__ import annotations

import asyncio
import json
import random
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

try:  # speed only; the plain module gives the same results
    import orjson

    def jloads(b):
        return orjson.loads(b)

    def jdumps(o) -> bytes:
        return orjson.dumps(o, default=str, option=orjson.OPT_NON_STR_KEYS)
except ImportError:  # pragma: no cover

    def jloads(b):
        return json.loads(b)

    def jdumps(o) -> bytes:
        return json.dumps(o, default=str, ensure_ascii=False, separators=(",", ":")).encode()


# Where a handler leaves its ledger entry, so that a fault after the commit can be marked in it.
ENTRY: web.RequestKey[dict] = web.RequestKey("entry", dict)


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


def sample_delay(spec: Any, rng: random.Random) -> float:
    """A delay in seconds from a number or a distribution description.

    0.2 | {"dist":"fixed","s":0.2} | {"dist":"uniform","min":0.1,"max":2} | {"dist":"normal","mean":1,"sd":0.3}
    | {"dist":"lognormal","median":0.8,"sigma":0.6,"max":30} | {"dist":"exp","mean":0.5}
    | {"dist":"choice","values":[0.1,5],"weights":[9,1]}
    """
    if not spec:
        return 0.0
    if isinstance(spec, (int, float)):
        return max(0.0, float(spec))
    d = spec.get("dist", "fixed")
    if d == "fixed":
        v = float(spec.get("s", 0))
    elif d == "uniform":
        v = rng.uniform(float(spec.get("min", 0)), float(spec.get("max", 1)))
    elif d == "normal":
        v = rng.gauss(float(spec.get("mean", 0)), float(spec.get("sd", 0)))
    elif d == "lognormal":
        import math

        v = rng.lognormvariate(math.log(float(spec.get("median", 1))), float(spec.get("sigma", 0.5)))
    elif d == "exp":
        v = rng.expovariate(1.0 / max(1e-9, float(spec.get("mean", 1))))
    elif d == "choice":
        v = float(rng.choices(spec["values"], weights=spec.get("weights"))[0])
    else:
        raise ValueError("unknown distribution " + d)
    if "max" in spec:
        v = min(v, float(spec["max"]))
    return max(0.0, v)


REQUEST_FAULTS = {"error", "error_after_commit", "slow", "hang", "drop_before", "drop_after", "outage"}


class Fault:
    """One switch. `times` -1 = until removed; `for_s` limits it in real time; `match` is a substring of 'METHOD /path';
    `where` is a dict of equality tests against facts that the simulator extracts (to, type, event, ...)."""

    _n = 0

    def __init__(self, d: dict) -> None:
        Fault._n += 1
        self.id = Fault._n
        self.d = dict(d)
        self.kind = d["kind"]
        self.times = int(d.get("times", -1 if (self.kind == "outage" or "for_s" in d) else 1))
        self.skip = int(d.get("skip", 0))
        self.match = d.get("match", "")
        self.where = d.get("where") or {}
        self.p = float(d.get("p", 1.0))
        self.until = time.monotonic() + float(d["for_s"]) if "for_s" in d else None
        self.hits = 0

    def alive(self) -> bool:
        if self.until is not None and time.monotonic() > self.until:
            return False
        return self.times != 0

    def wants(self, label: str, facts: dict | None) -> bool:
        if self.match and self.match not in label:
            return False
        for k, v in self.where.items():
            if (facts or {}).get(k) != v:
                return False
        return True

    def take(self, rng: random.Random) -> bool:
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.p < 1.0 and rng.random() >= self.p:
            return False
        if self.times > 0:
            self.times -= 1
        self.hits += 1
        return True

    def view(self) -> dict:
        return {"id": self.id, **self.d, "left": self.times, "hits": self.hits, "alive": self.alive()}


class Faults:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.items: list[Fault] = []

    def add(self, d: dict) -> dict:
        f = Fault(d)
        self.items.append(f)
        return f.view()

    def clear(self, fid: int | None = None) -> None:
        self.items = [] if fid is None else [f for f in self.items if f.id != fid]

    def pick(self, kinds, label: str = "", facts: dict | None = None) -> Fault | None:
        if not self.items:
            return None
        for f in self.items:
            if f.kind in kinds and f.alive() and f.wants(label, facts) and f.take(self.rng):
                return f
        return None

    def view(self) -> list[dict]:
        return [f.view() for f in self.items]


class Outbox:
    """Posts webhooks to the product and remembers every attempt."""

    def __init__(self, owner: Sim) -> None:
        self.owner = owner
        self.session: aiohttp.ClientSession | None = None
        self.pending = 0  # deliveries under way or waiting for their time
        self.retrying = 0  # the part of them that waits for a retry
        self.log: deque = deque(maxlen=200_000)
        self.seq = 0
        self.tasks: set[asyncio.Task] = set()
        self.epoch = 0
        self.sem: asyncio.Semaphore | None = None

    async def start(self) -> None:
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=False),
            auto_decompress=True,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self.sem = asyncio.Semaphore(int(self.owner.cfg.get("webhook_concurrency", 64)))

    async def stop(self) -> None:
        self.cancel()
        if self.session:
            await self.session.close()

    def cancel(self) -> None:
        self.epoch += 1
        for t in list(self.tasks):
            t.cancel()
        self.tasks.clear()
        self.pending = 0
        self.retrying = 0

    def spawn(self, coro: Awaitable) -> asyncio.Task:
        """Runs a coroutine that counts as pending work until it ends."""
        self.pending += 1
        epoch = self.epoch
        t = asyncio.ensure_future(coro)
        self.tasks.add(t)

        def done(task):
            self.tasks.discard(task)
            if epoch == self.epoch:
                self.pending -= 1
            self.owner.touch()
            if not task.cancelled() and task.exception():
                self.owner.errors.append(repr(task.exception()))

        t.add_done_callback(done)
        return t

    async def post(
        self, url: str, body: bytes, headers: dict, timeout: float, meta: dict, connect_timeout: float | None = None
    ) -> dict:
        """One attempt. The returned record is also in the log."""
        self.seq += 1
        rec = {
            "seq": self.seq,
            "t": self.owner.clock.now(),
            "url": url,
            "bytes": len(body),
            **meta,
            "status": None,
            "error": None,
            "ms": None,
            "kind_of_failure": None,
        }
        self.log.append(rec)
        self.owner.touch()
        t0 = time.perf_counter()
        try:
            async with self.sem:
                rec["t"] = self.owner.clock.now()
                t0 = time.perf_counter()
                to = aiohttp.ClientTimeout(total=timeout, sock_connect=connect_timeout or timeout)
                async with self.session.post(url, data=body, headers=headers, timeout=to, allow_redirects=False) as r:
                    txt = await r.read()
                    rec["status"] = r.status
                    rec["response"] = txt[:2000].decode("utf-8", "replace")
                    rec["response_type"] = r.headers.get("Content-Type", "")
        except TimeoutError as e:
            rec["kind_of_failure"] = "ct" if isinstance(e, aiohttp.ConnectionTimeoutError) else "rt"
            rec["error"] = "timeout"
        except aiohttp.ClientConnectorError as e:
            rec["kind_of_failure"] = "ct"
            rec["error"] = type(e).__name__
        except (aiohttp.ClientError, OSError) as e:
            rec["kind_of_failure"] = "rt"
            rec["error"] = type(e).__name__
        rec["ms"] = round((time.perf_counter() - t0) * 1000, 2)
        self.owner.touch()
        return rec

    def stats(self) -> dict:
        ms = sorted(r["ms"] for r in self.log if r["ms"] is not None and r["status"] is not None)

        def q(p):
            return ms[min(len(ms) - 1, int(p * len(ms)))] if ms else None

        codes: dict[str, int] = {}
        for r in self.log:
            k = str(r["status"] or r["error"])
            codes[k] = codes.get(k, 0) + 1
        return {
            "posts": len(self.log),
            "by_result": codes,
            "ms_p50": q(0.5),
            "ms_p95": q(0.95),
            "ms_p99": q(0.99),
            "ms_max": ms[-1] if ms else None,
            "over_1s": sum(1 for m in ms if m > 1000),
            "pending": self.pending,
            "retrying": self.retrying,
        }


class Sim:
    """Base: config, faults, ledgers, request counting and the aiohttp application."""

    name = "sim"
    DEFAULTS: dict = {}

    def __init__(self, **cfg: Any) -> None:
        self.base_cfg = {**self.DEFAULTS, **{k: v for k, v in cfg.items() if v is not None}}
        self.cfg = dict(self.base_cfg)
        self.clock = Clock()
        self.rng = random.Random(int(self.cfg.get("seed", 7)))  # behaviour: repeatable
        self.idrng = random.Random()  # identifiers: never repeated, also not after a reset
        self.faults = Faults(self.rng)
        self.outbox = Outbox(self)
        self.errors: list[str] = []
        self.inflight = 0
        self.last_activity = time.monotonic()
        self.n_requests = 0
        self.base_url = ""
        self._runner: web.AppRunner | None = None
        self.init_state()

    # -- to be overridden
    def init_state(self) -> None:
        pass

    def routes(self, app: web.Application) -> None:
        pass

    def fault_response(self, f: Fault, request: web.Request) -> web.Response:
        return web.json_response(
            f.d.get("body", {"error": "simulated fault"}),
            status=int(f.d.get("status", 500)),
            headers=f.d.get("headers"),
        )

    def facts(self, request: web.Request) -> dict:
        return {}

    def ledger_view(self, **kw) -> Any:
        return []

    def state_view(self) -> dict:
        return {}

    # -- common
    def touch(self) -> None:
        self.last_activity = time.monotonic()

    def configure(self, d: dict) -> dict:
        for k, v in d.items():
            if isinstance(v, dict) and isinstance(self.cfg.get(k), dict):
                self.cfg[k] = {**self.cfg[k], **v}
            else:
                self.cfg[k] = v
        return self.cfg

    def reset(self, keep_config: bool = False) -> None:
        self.outbox.cancel()
        self.outbox.log.clear()
        self.outbox.seq = 0
        self.faults.clear()
        self.errors = []
        self.n_requests = 0
        self.clock.reset()
        self.rng.seed(int(self.base_cfg.get("seed", 7)))
        if not keep_config:
            self.cfg = dict(self.base_cfg)
        self.init_state()
        self.touch()

    def busy(self, ignore_retries: bool = False) -> int:
        return self.inflight + self.outbox.pending - (self.outbox.retrying if ignore_retries else 0)

    def app(self) -> web.Application:
        # A bare handler in front of the router keeps the cost per request low.
        app = web.Application(client_max_size=160 * 1024 * 1024, middlewares=[self._gate])
        self.routes(app)

        async def up(_):
            await self.outbox.start()
            await self.on_start()

        async def down(_):
            await self.outbox.stop()

        app.on_startup.append(up)
        app.on_cleanup.append(down)
        return app

    async def on_start(self) -> None:
        pass

    @web.middleware
    async def _gate(self, request: web.Request, handler: Callable):
        self.inflight += 1
        self.n_requests += 1
        self.last_activity = time.monotonic()
        try:
            if not self.faults.items and not self.cfg.get("latency"):
                return await self.around(request, handler)
            return await self._gate_slow(request, handler)
        except (web.HTTPException, asyncio.CancelledError, ConnectionError):
            raise
        except Exception as e:  # a fault of the rig must never look like a fault of the vendor
            self.errors.append(f"{request.method} {request.path}: {e!r}\n{traceback.format_exc()[-1500:]}")
            return web.json_response({"rig_bug": repr(e)}, status=599)
        finally:
            self.inflight -= 1
            self.last_activity = time.monotonic()

    async def around(self, request, handler):
        return await handler(request)

    async def _gate_slow(self, request: web.Request, handler: Callable):
        label = request.method + " " + request.path_qs
        facts: dict | None = None
        if self.faults.items:
            if not request.content_type.startswith("multipart/"):  # reading it here would leave nothing for the form parser
                await request.read()
            facts = self.facts(request)
        d = sample_delay(self.cfg.get("latency"), self.rng)
        if d:
            await asyncio.sleep(d)
        f = self.faults.pick({"slow"}, label, facts)
        if f:
            await asyncio.sleep(sample_delay(f.d.get("delay", f.d.get("seconds", 1)), self.rng))
        f = self.faults.pick({"hang", "drop_before", "error", "outage"}, label, facts)
        if f:
            self.on_fault(f, request, facts)
            if f.kind == "hang":
                self.inflight -= 1  # a hanging call must not keep the rig from becoming quiet
                try:
                    await asyncio.sleep(float(f.d.get("seconds", 3600)))
                finally:
                    self.inflight += 1
                return self._abort(request)
            if f.kind == "drop_before" or (f.kind == "outage" and f.d.get("mode") == "drop"):
                return self._abort(request)
            if f.kind == "outage":
                return self.fault_response(
                    Fault({"kind": "error", "status": 503, **{k: v for k, v in f.d.items() if k != "kind"}}), request
                )
            return self.fault_response(f, request)
        resp = await self.around(request, handler)
        if getattr(resp, "status", 500) < 300:
            f = self.faults.pick({"drop_after", "error_after_commit", "hang_after"}, label, facts)
            if f:
                entry = request.get(ENTRY)
                if entry is not None:
                    entry["response"] = f.kind
                self.on_fault(f, request, facts)
                if f.kind == "drop_after":
                    return self._abort(request)
                if f.kind == "hang_after":
                    self.inflight -= 1
                    try:
                        await asyncio.sleep(float(f.d.get("seconds", 3600)))
                    finally:
                        self.inflight += 1
                    return self._abort(request)
                return self.fault_response(f, request)
        return resp

    def on_fault(self, f: Fault, request: web.Request, facts: dict | None) -> None:
        pass

    @staticmethod
    def _abort(request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    async def serve(self, host: str, port: int) -> int:
        self._runner = web.AppRunner(self.app(), access_log=None, handler_cancellation=False, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=2048)
        await site.start()
        real = site._server.sockets[0].getsockname()[1]
        self.base_url = f"http://{host}:{real}"
        return real

    async def close(self) -> None:
        if self._runner:
            await self._runner.cleanup()


def cut(items, since: int = 0, limit: int | None = None) -> list:
    out = [i for i in items if i.get("seq", 0) > since]
    return out[-limit:] if limit else out
