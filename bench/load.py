"""A small load generator: prepared HTTP/1.1 requests over kept-alive connections, from a process of its own.

It is told what to send as raw bytes, so that signing costs nothing while the clock runs.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from typing import NamedTuple


class Measured(NamedTuple):
    """What a run came to."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One request as bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(path: str) -> bytes:
    """One request as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def run(port: int, requests: Sequence[bytes], *, connections: int) -> Measured:
    """Sends all requests, shared among the connections, from another process."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return Measured(*pool.apply(_run, (port, list(requests), connections)))


def _run(port: int, requests: list[bytes], connections: int) -> tuple[float, float, float, int]:
    return asyncio.run(_send_all(port, requests, connections))


async def _send_all(port: int, requests: list[bytes], connections: int) -> tuple[float, float, float, int]:
    waiting = iter(requests)
    times_s: list[float] = []
    failed = 0

    async def one_connection() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            start_s = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            if length:
                await reader.readexactly(length)
            times_s.append(time.perf_counter() - start_s)
            failed += not head.startswith(b"HTTP/1.1 200")
        writer.close()

    started_s = time.perf_counter()
    await asyncio.gather(*(one_connection() for _ in range(connections)))
    took_s = time.perf_counter() - started_s
    times_s.sort()
    return len(times_s) / took_s, times_s[len(times_s) // 2] * 1000, times_s[int(len(times_s) * 0.99)] * 1000, failed
