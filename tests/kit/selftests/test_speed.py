"""The Meta simulator must not be the bottleneck. It runs in its own process (one core); this process only loads it."""

import asyncio
import itertools
import time

from tests.kit.rig import Rig

SEND = b'{"messaging_product":"whatsapp","to":"+346%08d","type":"text","text":{"body":"hola %d"}}'
NUMBER = itertools.count(1)


async def post_repeatedly(port: int, path: bytes, body: bytes, times: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(times):
        number = next(NUMBER)
        payload = body % (number, number) if body else body
        writer.write(
            b"POST %b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer rig-wa-token\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (path, len(payload), payload)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
    writer.close()
    await writer.wait_closed()


def seconds(port: int, path: bytes, body: bytes = b"") -> float:
    async def load(times: int) -> float:
        start = time.perf_counter()
        await asyncio.gather(*[post_repeatedly(port, path, body, times) for _ in range(8)])
        return time.perf_counter() - start

    asyncio.run(load(20))  # warm up
    return min(asyncio.run(load(150)) for _ in range(3))


def test_a_send_costs_little_more_than_an_empty_request():
    config = {"meta": {"throughput_limit": False, "pair_limit": False, "window_mode": "off"}}
    with Rig(config=config) as rig:
        floor = seconds(rig.ports["control"], b"/clock")
        send = seconds(rig.ports["meta"], b"/v23.0/106540352242922/messages", SEND)
        assert len(rig.meta.sent()) == 8 * (20 + 3 * 150)
        assert send < 4 * floor, f"a send costs {send / floor:.2f} empty requests"
