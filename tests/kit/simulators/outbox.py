"""Webhooks on their way to the product, and the record of every attempt."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import aiohttp


class Outbox:
    """Posts webhooks to the product and remembers every attempt."""

    def __init__(self, now: Callable[[], float], touch: Callable[[], None], report: Callable[[str], None]) -> None:
        """`now`: the vendor's clock; `touch`: something happened; `report`: a mistake of the simulator itself."""
        self.now, self.touch, self.report = now, touch, report
        self.session: aiohttp.ClientSession | None = None
        self.pending = 0  # deliveries under way or waiting for their time
        self.retrying = 0  # the part of them that waits for a retry
        self.log: deque = deque(maxlen=200_000)
        self.seq = 0
        self.tasks: set[asyncio.Task] = set()
        self.epoch = 0
        self.sem: asyncio.Semaphore | None = None

    async def start(self, concurrency: int) -> None:
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=False),
            auto_decompress=True,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self.sem = asyncio.Semaphore(concurrency)

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
            self.touch()
            if not task.cancelled() and task.exception():
                self.report(repr(task.exception()))

        t.add_done_callback(done)
        return t

    async def post(
        self, url: str, body: bytes, headers: dict, timeout: float, meta: dict, connect_timeout: float | None = None
    ) -> dict:
        """One attempt. The returned record is also in the log."""
        self.seq += 1
        rec = {
            "seq": self.seq,
            "t": self.now(),
            "url": url,
            "bytes": len(body),
            **meta,
            "status": None,
            "error": None,
            "ms": None,
            "kind_of_failure": None,
        }
        self.log.append(rec)
        self.touch()
        t0 = time.perf_counter()
        try:
            async with self.sem:
                rec["t"] = self.now()
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
        self.touch()
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
