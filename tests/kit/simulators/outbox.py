"""Webhooks on their way to the product, and the record of every attempt."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import aiohttp

from .faults import Json

Result = TypeVar("Result")


class Outbox:
    """Posts webhooks to the product and remembers every attempt."""

    def __init__(self, now: Callable[[], float], touch: Callable[[], None], report: Callable[[str], None]) -> None:
        """`now`: the vendor's clock; `touch`: something happened; `report`: a mistake of the simulator itself."""
        self.now, self.touch, self.report = now, touch, report
        self.session: aiohttp.ClientSession  # from `start` on, as is `sem`: both need the running loop
        self.sem: asyncio.Semaphore
        self.pending = 0  # deliveries under way or waiting for their time
        self.retrying = 0  # the part of them that waits for a retry
        self.log: deque[Json] = deque(maxlen=200_000)
        self.seq = 0
        self.tasks: set[asyncio.Task[Any]] = set()
        self.epoch = 0

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
        await self.session.close()

    def cancel(self) -> None:
        self.epoch += 1
        for t in list(self.tasks):
            t.cancel()
        self.tasks.clear()
        self.pending = 0
        self.retrying = 0

    def spawn(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Runs a coroutine that counts as pending work until it ends."""
        self.pending += 1
        epoch = self.epoch
        t = asyncio.get_running_loop().create_task(work)
        self.tasks.add(t)

        def done(task: asyncio.Task[Result]) -> None:
            self.tasks.discard(task)
            if epoch == self.epoch:
                self.pending -= 1
            self.touch()
            if not task.cancelled() and task.exception():
                self.report(repr(task.exception()))

        t.add_done_callback(done)
        return t

    async def post(
        self,
        url: str,
        body: bytes,
        headers: dict[str, str],
        timeout: float,
        meta: Json,
        connect_timeout: float | None = None,
    ) -> Json:
        """One attempt. The returned record is also in the log."""
        self.seq += 1
        rec: Json = {
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

    def stats(self) -> Json:
        ms = sorted(rec["ms"] for rec in self.log if rec["ms"] is not None and rec["status"] is not None)

        def quantile(share: float) -> float | None:
            return ms[min(len(ms) - 1, int(share * len(ms)))] if ms else None

        return {
            "posts": len(self.log),
            "by_result": dict(Counter(str(rec["status"] or rec["error"]) for rec in self.log)),
            "ms_p50": quantile(0.5),
            "ms_p95": quantile(0.95),
            "ms_p99": quantile(0.99),
            "ms_max": ms[-1] if ms else None,
            "over_1s": sum(1 for m in ms if m > 1000),
            "pending": self.pending,
            "retrying": self.retrying,
        }
