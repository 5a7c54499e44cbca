import asyncio
import json

import aiohttp
import pytest_asyncio
from aiohttp import web

from tests.kit.simulators.control import Control
from tests.kit.simulators.vendors import Vendors


class Stub:
    """Stands for the product: records what the vendors post, and answers as told."""

    def __init__(self):
        self.got = []
        self.answer = lambda path, n, req: (200, b"")
        self.delay = 0.0

    async def handle(self, request):
        raw = await request.read()
        self.got.append(
            {
                "path": request.path,
                "method": request.method,
                "headers": dict(request.headers),
                "raw": raw,
                "query": dict(request.query),
            }
        )
        if request.method == "GET":
            q = request.query
            if q.get("hub.verify_token") == "rig-verify" and q.get("hub.mode") == "subscribe":
                return web.Response(text=q["hub.challenge"])
            return web.Response(status=403)
        if self.delay:
            await asyncio.sleep(self.delay)
        st, body = self.answer(request.path, len([g for g in self.got if g["path"] == request.path]), request)[:2]
        extra = self.answer(request.path, 0, request)[2:] if len(self.answer(request.path, 0, request)) > 2 else ()
        return web.Response(status=st, body=body, content_type=extra[0] if extra else "text/plain")

    def json(self, path):
        return [json.loads(g["raw"]) for g in self.got if g["path"] == path]


class Api:
    def __init__(self, session, rig, stub):
        self.s, self.rig, self.stub = session, rig, stub

    def url(self, name, path):
        return f"http://127.0.0.1:{self.rig.ports[name]}{path}"

    async def call(self, name, method, path, headers=None, **kw):
        async with self.s.request(method, self.url(name, path), headers=headers, **kw) as r:
            b = await r.read()
            try:
                return r.status, json.loads(b)
            except ValueError:
                return r.status, b

    async def ctl(self, method, path, body=None):
        return (await self.call("control", method, path, json=body))[1]

    async def quiet(self, idle_ms=120, timeout_s=15, **kw):
        return await self.rig.wait_quiet(idle_ms, timeout_s, **kw)

    @property
    def stub_url(self):
        return self.rig.meta.cfg["webhook_url"].rsplit("/webhook", 1)[0]

    # Meta
    async def open_window(self, phone="34600111222"):
        await self.rig.meta.send_inbound({"from": phone, "type": "text", "body": "hola"})

    async def statuses(self):
        await self.quiet(250)
        bodies = self.stub.json("/webhook/whatsapp")
        values = [change["value"] for body in bodies for entry in body["entry"] for change in entry["changes"]]
        return [status for value in values for status in value.get("statuses", [])]

    async def send(self, body, token="rig-wa-token", path="/v23.0/106540352242922/messages"):
        if isinstance(body, dict):
            body = {"messaging_product": "whatsapp", **body}
        return await self.call("meta", "POST", path, {"Authorization": "Bearer " + token}, json=body)

    async def text(self, to="+34600111222", body="hola", **kw):
        return await self.send({"to": to, "type": "text", "text": {"body": body}, **kw})

    # Chatwoot
    async def cw(self, method, path, body=None, token="rig-cw-admin", acc=1, **kw):
        h = {"api_access_token": token} if token else {}
        if body is not None:
            kw["json"] = body
        return await self.call("chatwoot", method, f"/api/v1/accounts/{acc}/{path}", h, **kw)

    async def new_conv(self, phone="+34600111222", source=None, inbox=1, **kw):
        st, c = await self.cw(
            "POST",
            "contacts",
            {
                "name": "ana lopez",
                "phone_number": phone,
                "inbox_id": inbox,
                **({"source_id": source} if source else {}),
            },
        )
        assert st == 200, c
        cid = c["payload"]["contact"]["id"]
        st, v = await self.cw(
            "POST",
            "conversations",
            {"inbox_id": inbox, "contact_id": cid, "source_id": c["payload"]["contact_inbox"]["source_id"], **kw},
        )
        assert st == 200, v
        return cid, v["id"]

    async def message(self, did, content="hola", token="rig-cw-admin", **kw):
        st, b = await self.cw("POST", f"conversations/{did}/messages", {"content": content, **kw}, token=token)
        assert st == 200, b
        return b

    async def incoming(self, did, content="hola", **kw):
        return await self.message(did, content, message_type="incoming", **kw)

    def events(self, name=None):
        return [j for j in self.stub.json("/webhook/chatwoot") if not name or j["event"] == name]

    async def drain(self):
        await self.quiet(80)

    # Twilio
    def tw_auth(self, token=None):
        cfg = self.rig.twilio.cfg
        return {"Authorization": aiohttp.encode_basic_auth(cfg["account_sid"], token or cfg["auth_token"])}

    async def tw(self, form, auth=True, sid=None):
        path = f"/2010-04-01/Accounts/{sid or self.rig.twilio.cfg['account_sid']}/Messages.json"
        return await self.call("twilio", "POST", path, self.tw_auth(None if auth else "no"), data=form)

    # LLM
    async def chat(self, body, token="rig-openai-key"):
        return await self.call("llm", "POST", "/v1/chat/completions", {"Authorization": "Bearer " + token}, json=body)


@pytest_asyncio.fixture
async def api():
    stub = Stub()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{tail:.*}", stub.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    rig = Vendors(f"http://127.0.0.1:{port}")
    rig.meta.configure(
        {
            "status_delays": {"sent": 0.01, "delivered": 0.03, "read": 0.05, "failed": 0.01},
            "retry_schedule": [0.0, 0.05, 0.1],
            "throughput_limit": False,
        }
    )
    rig.twilio.configure({"status_delays": {"sent": 0.01, "delivered": 0.03, "read": 0.05, "failed": 0.01}})
    rig.chatwoot.configure({"bot_retry_wait": 0.05, "dispatch_delay": 0.002})
    control = Control(rig)
    await rig.start()
    await control.start()
    async with aiohttp.ClientSession() as s:
        yield Api(s, rig, stub)
    await rig.stop()
    await control.stop()
    await runner.cleanup()
