"""The rig as a whole: control API, quiet detection, counters, and a run with a tiny honest product and a careless one."""

import asyncio
import json
import subprocess
import sys

import aiohttp

from tests.kit.rig import PROJECT
from tests.kit.simulators.counters import match


def test_match():
    assert match(["hola", "elige"], ["hola", "elige\n1. a"]) == ([], [], [])
    assert match(["a", "b"], ["a", "a"]) == (["b"], ["a"], ["a"])


async def test_control_basics(api):
    h = await api.ctl("GET", "/health")
    assert h["ok"]
    assert set(h["ports"]) == {"meta", "twilio", "chatwoot", "llm", "control"}
    e = await api.ctl("GET", "/env")
    assert e["OPENAI_BASE_URL"].endswith("/v1")
    assert e["WHATSAPP_APP_SECRET"]
    assert (await api.ctl("POST", "/meta/config", {"window_mode": "sync"}))["window_mode"] == "sync"
    assert (await api.ctl("POST", "/meta/config", {"status_delays": {"sent": 9}}))["status_delays"][
        "delivered"
    ] == 0.03  # nested values merge
    f = await api.ctl("POST", "/meta/faults", {"kind": "error", "status": 500, "times": 3})
    assert f[0]["left"] == 3
    assert len(await api.ctl("GET", "/meta/faults")) == 1
    assert await api.ctl("DELETE", f"/meta/faults?id={f[0]['id']}") == []
    out = await api.ctl("POST", "/meta/inbound", {"from": "34600111222", "type": "text", "body": "x"})
    assert out["results"][0][0]["status"] == 200
    assert len((await api.ctl("GET", "/meta/ledger"))["inbound"]) == 1
    assert (await api.ctl("GET", "/meta/deliveries"))[0]["what"] == "inbound"
    assert (await api.ctl("POST", "/meta/inbound", {"message": {"from": "1", "type": "nada"}}))["error"]
    await api.ctl("POST", "/reset", {})
    assert (await api.ctl("GET", "/meta/ledger"))["inbound"] == []
    assert (await api.ctl("GET", "/meta/config"))["window_mode"] == "async"
    await api.ctl("POST", "/clock", {"advance": 3600})
    assert all(s.clock.offset == 3600 for s in api.rig.sims.values())
    for n in ("meta", "twilio", "chatwoot", "llm"):
        assert isinstance(await api.ctl("GET", f"/{n}/state"), dict)
    assert (await api.ctl("POST", "/meta/verify", {}))["ok"]


async def test_wait_quiet(api):
    api.rig.meta.configure({"status_delays": {"sent": 0.1, "delivered": 0.3, "read": 0.5}})
    await api.ctl("POST", "/meta/inbound", {"from": "34600111222", "type": "text", "body": "x"})
    await api.text()
    q = await api.ctl("GET", "/wait-quiet?idle_ms=150&timeout_s=5")
    assert q["quiet"]
    assert q["waited_ms"] >= 550
    assert len(api.stub.got) == 4
    api.rig.meta.cfg["retry_schedule"] = [5]
    api.stub.answer = lambda p, n, r: (500, b"")
    await api.ctl("POST", "/meta/inbound", {"from": "34600111222", "type": "text", "body": "y", "wait": False})
    await asyncio.sleep(0.2)
    assert (await api.ctl("GET", "/wait-quiet?idle_ms=50&timeout_s=0.3"))["quiet"] is False
    assert (await api.ctl("GET", "/wait-quiet?idle_ms=50&timeout_s=2&ignore_retries=1"))["quiet"] is True


class TinyProduct:
    """Answers each text once, mirrors both sides to Chatwoot. `dedupe=False` makes it careless."""

    def __init__(self, api, dedupe=True, mirror=True):
        self.api, self.seen, self.convs, self.dedupe, self.mirror = api, set(), {}, dedupe, mirror
        self.lock = asyncio.Lock()
        api.stub.answer = self.answer
        self.tasks = []

    def answer(self, path, n, req):
        if path == "/webhook/whatsapp" and n:
            body = json.loads(self.api.stub.got[-1]["raw"])
            for e in body["entry"]:
                for c in e["changes"]:
                    for m in c["value"].get("messages", []):
                        if self.dedupe and m["id"] in self.seen:
                            continue
                        self.seen.add(m["id"])
                        self.tasks.append(asyncio.ensure_future(self.turn(m)))
        return 200, b""

    async def conv(self, phone):
        async with self.lock:
            if phone not in self.convs:
                self.convs[phone] = (await self.api.new_conv("+" + phone, source="wa:" + phone))[1]
            return self.convs[phone]

    async def turn(self, m):
        api, phone = self.api, m["from"]
        st, b = await api.chat({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": m["text"]["body"]}]})
        reply = b["choices"][0]["message"]["content"] + " #" + m["text"]["body"]
        for _ in range(3):
            try:
                st, _b = await api.text(to="+" + phone, body=reply)
                if st == 200:
                    break
            except aiohttp.ClientError:
                pass
        if self.mirror:
            did = await self.conv(phone)
            await api.cw(
                "POST",
                f"conversations/{did}/messages",
                {"content": m["text"]["body"], "message_type": "incoming", "source_id": m["id"]},
            )
            await api.cw(
                "POST",
                f"conversations/{did}/messages",
                {"content": reply, "message_type": "outgoing"},
                token="rig-cw-bot",
            )


async def test_end_to_end_honest(api):
    TinyProduct(api)
    for i in range(3):
        await api.ctl(
            "POST",
            "/meta/inbound",
            {
                "messages": [{"from": f"3460000000{p}", "type": "text", "body": f"m{i}"} for p in range(4)],
                "layout": "entries",
                "duplicates": 1,
            },
        )
        assert (await api.quiet(150))["quiet"]
    c = await api.ctl("GET", "/counters")
    assert c["totals"] == {
        "sends": 12,
        "inbound": 12,
        "duplicates": 0,
        "responses_lost": 0,
        "rejected_meta": 0,
        "rejected_twilio": 0,
        "missing_mirror_out": 0,
        "missing_mirror_in": 0,
    }
    p = c["contacts"]["34600000000"]
    assert p["sends"] == 3
    assert p["sends_per_turn"] == {"1": 1, "2": 1, "3": 1}
    assert [o["text"][-2:] for o in p["order"]] == ["m0", "m1", "m2"]
    assert p["outside_window_freeform"] == 0
    assert len(p["first_reply_s"]) == 3
    m = c["mirror"]["34600000000"]
    assert m["conversations"] == 1
    assert m["cw_in"] == 3
    assert m["cw_out"] == 3
    assert not m["duplicate_out"]
    assert not c["rig_errors"]
    assert c["llm"]["calls"] == 12
    assert sum(t["calls"] for t in c["llm"]["per_turn"]) == 12
    assert next(iter(c["messages_per_conversation"].values()))["incoming"] == 3
    assert (await api.ctl("GET", "/counters?contact=%2B34600000001"))["totals"]["sends"] == 3


async def test_end_to_end_careless(api):
    TinyProduct(api, dedupe=False, mirror=False)
    await api.ctl(
        "POST", "/meta/inbound", {"message": {"from": "34600111222", "type": "text", "body": "hola"}, "duplicates": 1}
    )
    await api.quiet(150)
    await api.ctl("POST", "/meta/faults", {"kind": "drop_after"})
    await api.ctl("POST", "/meta/inbound", {"message": {"from": "34600111222", "type": "text", "body": "otra"}})
    await api.quiet(150)
    c = await api.ctl("GET", "/counters")
    d = {x["turn"]: x["count"] for x in c["contacts"]["34600111222"]["duplicates"]}
    assert d == {1: 2, 2: 2}
    assert c["totals"]["duplicates"] == 2
    assert c["totals"]["responses_lost"] == 1
    assert c["mirror"]["34600111222"]["missing_out"]
    assert c["totals"]["missing_mirror_in"] == 2


def test_command_line_builds_a_signed_body():
    out = subprocess.run(
        [sys.executable, "-m", "tests.kit.simulators.meta", "print", "--text", "a\u00f1o"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "a\\u00f1o" in out.stdout
    assert "sha256=" in out.stderr


async def test_listens_on_loopback_only(api):
    for s in api.rig.sims.values():
        assert [host for host, _ in s._runner.addresses] == ["127.0.0.1"]


async def test_rig_bug_is_not_a_vendor_error(api):
    async def boom(request):
        raise RuntimeError("x")

    api.rig.meta.mark_read = lambda *a: 1 / 0
    st, b = await api.send({"status": "read", "message_id": "x"})
    assert st == 599
    assert "rig_bug" in b
    assert api.rig.meta.errors
    assert (await api.ctl("GET", "/counters"))["rig_errors"]["meta"]
