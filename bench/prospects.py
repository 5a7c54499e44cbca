"""Meta with prospects behind it, in a process of its own: `python -m bench.prospects PRODUCT_URL` prints where it listens.

Each prospect says the next line of the sale some seconds after the reply to the last one, and when the sale is over somebody
else begins one. So the load is what so many people make of it; who is answered slowly writes less often.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from tests.kit.simulators.__main__ import end_with_parent
from tests.kit.simulators.meta.server import MetaSim

UNLIMITED = {"throughput_limit": False, "pair_limit": False, "statuses": ["sent", "delivered", "read"]}
DRAINED_WITHIN_S = 60.0


class Prospects(MetaSim):
    """The Meta simulator, with doors to start and stop the prospects and to read what they saw."""

    def init_state(self) -> None:
        super().init_state()
        self._people = random.Random(7)
        self._phones = 0
        self._lines: list[str] = []
        self._think_s = 0.0
        self._crowd = 0
        self._said: dict[str, int] = {}
        self._to_hear: dict[str, int] = {}
        self._writing = False
        self._wrote_s: dict[str, float] = {}
        self._measure()

    def _measure(self) -> None:
        self._since = (time.monotonic(), self.clock.now())
        self._answered_s: list[float] = []
        self._replies = 0

    def routes(self, app: web.Application) -> None:
        for name, door in (("start", self._start), ("measure", self._begin), ("report", self._report), ("stop", self._stop)):
            app.router.add_post(f"/prospects/{name}", door)
        super().routes(app)

    # -- what the bench asks for -----------------------------------------------------------------------------------

    async def _start(self, request: web.Request) -> web.Response:
        """{"lines": what each says, "replies": how many messages answer each line, "people": how many talk at the same time,
        "think_s": the mean time they take to answer}"""
        wanted = await request.json()
        self._lines, self._think_s = wanted["lines"], float(wanted["think_s"])
        self._answered_by = wanted["replies"]
        self._writing = True
        for _ in range(int(wanted["people"])):
            self._somebody_new()
        return web.json_response({})

    async def _begin(self, _: web.Request) -> web.Response:
        """Figures are counted from now on."""
        self._measure()
        return web.json_response({})

    async def _report(self, _: web.Request) -> web.Response:
        since_s, since = self._since
        took_s = time.monotonic() - since_s
        posts = [post for post in self.outbox.log if post["t"] >= since and post["ms"] is not None]
        door_ms = sorted(post["ms"] for post in posts)
        waited_ms = sorted(waited_s * 1000 for waited_s in self._answered_s)
        figures = {
            "replies_per_s": self._replies / took_s,
            "webhooks_per_s": len(posts) / took_s,
            "first_reply_ms": {name: quantile(waited_ms, share) for name, share in QUANTILES.items()},
            "door_ms": {name: quantile(door_ms, share) for name, share in QUANTILES.items()},
            "webhooks_refused": sum(post["status"] != 200 for post in posts),
            "sends_refused": len(self.rejected),
        }
        return web.json_response(figures)

    async def _stop(self, _: web.Request) -> web.Response:
        """Nobody writes any more. Answers when everybody has their reply and every status is out, with who never had one."""
        self._crowd, self._writing = self._crowd + 1, False
        give_up_s = time.monotonic() + DRAINED_WITHIN_S
        while (self._wrote_s or self.outbox.pending) and time.monotonic() < give_up_s:
            await asyncio.sleep(0.05)
        unanswered = len(self._wrote_s)
        self._wrote_s.clear()
        self._said.clear()
        self._to_hear.clear()
        return web.json_response({"unanswered": unanswered})

    # -- people ----------------------------------------------------------------------------------------------------

    def _somebody_new(self) -> None:
        self._phones += 1
        self._soon(f"346{self._phones:08d}")

    def _soon(self, phone: str) -> None:
        if not self._writing:
            return
        think_s = self._people.uniform(0.5, 1.5) * self._think_s
        asyncio.get_running_loop().call_later(think_s, self._say, phone, self._crowd)

    def _say(self, phone: str, crowd: int) -> None:
        if crowd != self._crowd:
            return  # whoever was still thinking went home with the others
        position = self._said.get(phone, 0)
        self._said[phone] = position + 1
        self._to_hear[phone] = self._answered_by[position]
        spec = {"from": phone, "body": self._lines[position]}
        body = self.inbound_body([spec])
        self.note_inbound(spec, body["entry"][0]["changes"][0]["value"]["messages"][0])
        self._wrote_s[phone] = time.monotonic()
        self.deliver(body, {"what": "inbound"})

    def plan_statuses(self, entry: dict[str, Any], c: dict[str, Any], late: bool) -> None:
        """Here a message of the product has been accepted: somebody reads it."""
        super().plan_statuses(entry, c, late)
        self._replies += 1
        phone = entry["wa_id"]
        wrote_s = self._wrote_s.pop(phone, None)
        if wrote_s is not None:
            self._answered_s.append(time.monotonic() - wrote_s)
        if phone not in self._to_hear:
            return  # went home
        self._to_hear[phone] -= 1
        if self._to_hear[phone]:
            return  # people hear somebody out before they answer
        if self._said[phone] < len(self._lines):
            self._soon(phone)
        else:
            self._somebody_new()


QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of ordered figures; 0 when there are none."""
    return round(ordered[int(len(ordered) * share)], 1) if ordered else 0.0


async def serve(product_url: str) -> None:
    """Until the parent ends."""
    prospects = Prospects(webhook_url=f"{product_url}/webhook/whatsapp")
    prospects.set_lasting_options(UNLIMITED)
    await prospects.serve(0)
    known = {
        "WHATSAPP_TOKEN": "token",
        "WHATSAPP_PHONE_NUMBER_ID": "phone_number_id",
        "WHATSAPP_VERIFY_TOKEN": "verify_token",
        "WHATSAPP_APP_SECRET": "app_secret",
    }
    env = {name: prospects.cfg[option] for name, option in known.items()} | {"WHATSAPP_API_BASE_URL": prospects.base_url}
    print(json.dumps({"url": prospects.base_url, "env": env}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(serve(sys.argv[1]))
