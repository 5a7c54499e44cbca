"""Simulator of an OpenAI-compatible server: chat completions (tools, JSON schemas, streaming), transcriptions, moderations."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import re
import time
from collections.abc import Callable
from typing import Any, ClassVar

import orjson
from aiohttp import web

from tests.kit.simulators.faults import Fault, sample_delay
from tests.kit.simulators.simulator import ENTRY, Sim, cut, jdumps, json_object

from .dialects import IMITATIONS, refused, wrapped
from .modes import apply_mode
from .policy import count_tokens, default_policy, flat_text
from .requests import problem

AUDIO_FORMATS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")


class LlmSim(Sim):
    """The HTTP API."""

    name = "llm"

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "api_key": "rig-openai-key",
        "models": ["gpt-4o-mini", "gpt-4o", "rig-model", "whisper-1", "omni-moderation-latest"],
        "latency": 0,
        "seed": 7,
        "policy": "default",
        "mode": "normal",
        "tools_always": True,
        "transcript": "hola, quería información de la tarifa",
        "stream_chunk": 12,
        "stream_gap": 0.0,
        "strict_models": False,
        "flag_words": ["suicid", "matar"],
        "imitates": "",  # a name of IMITATIONS: its options are set, too
        "refuses": [],  # parameters, by the names of `dialects`
        "thinks": 0,  # tokens that go into thinking, a fifth of it with little effort
        "wraps": "",
        "lists_only": False,  # GET /models, and no model by its name
        "keyless": False,
        "wrong_key_status": 401,
    }

    def init_state(self) -> None:
        self.ledger: list[dict] = []
        self.seq = 0
        if not hasattr(self, "policies"):
            self.policies: dict[str, Callable] = {}
        self.policies["default"] = default_policy
        self.scripted: list[dict] = []  # replies queued by the control API; used before the policy
        self.rules: list[dict] = []  # [{match: regex over the last user text, reply: {...}}]

    def set_policy(self, fn: Callable, name: str = "custom") -> None:
        self.policies[name] = fn
        self.cfg["policy"] = name

    def policy(self) -> Callable:
        p = self.cfg["policy"]
        if p in self.policies:
            return self.policies[p]
        mod, _, fn = p.partition(":")  # "package.module:function"
        self.policies[p] = getattr(importlib.import_module(mod), fn or "policy")
        return self.policies[p]

    def routes(self, app) -> None:
        app.router.add_post("/openai/deployments/{deployment}/chat/completions", self.h_chat)  # Azure
        for pre in ("/v1", ""):
            app.router.add_post(pre + "/chat/completions", self.h_chat)
            app.router.add_post(pre + "/audio/transcriptions", self.h_audio)
            app.router.add_post(pre + "/moderations", self.h_mod)
            app.router.add_post(pre + "/embeddings", self.h_emb)
            app.router.add_get(pre + "/models", self.h_models)
            app.router.add_get(pre + "/models/{m:.+}", self.h_model)
        app.router.add_route("*", "/{tail:.*}", self.h_404)

    @staticmethod
    def err(
        status: int, message: str, typ: str = "invalid_request_error", code: str | None = None, param=None, headers=None
    ) -> web.Response:
        return web.Response(
            body=jdumps({"error": {"message": message, "type": typ, "param": param, "code": code}}),
            status=status,
            content_type="application/json",
            headers=headers,
        )

    def fault_response(self, f: Fault, request):
        st = int(f.options.get("status", 500))
        if "body" in f.options:
            b = f.options["body"]
            return web.Response(
                body=b.encode() if isinstance(b, str) else jdumps(b),
                status=st,
                content_type=f.options.get("content_type", "application/json"),
            )
        if st == 429:
            h = {"Retry-After": str(f.options.get("retry_after", 2)), "x-ratelimit-remaining-requests": "0"}
            if f.options.get("code") == "insufficient_quota":
                return self.err(
                    429,
                    "You exceeded your current quota, please check your plan and billing details.",
                    "insufficient_quota",
                    "insufficient_quota",
                    headers=h,
                )
            return self.err(429, "Rate limit reached for requests", "requests", "rate_limit_exceeded", headers=h)
        return self.err(
            st,
            "The server had an error while processing your request. Sorry about that!",
            "server_error",
            headers=f.options.get("headers"),
        )

    def on_fault(self, f, request, facts):
        self.note(request, "fault:" + f.kind, None, None, {"fault": f.options})

    def facts(self, request):
        b = json_object(request._read_bytes)
        return {
            "model": b.get("model"),
            "kind": "json" if b.get("response_format") else "tools" if b.get("tools") else "text",
        }

    def note(self, request, outcome: str, body: dict | None, answer, extra: dict | None = None) -> dict:
        self.seq += 1
        e: dict = {"seq": self.seq, "t": self.clock.now(), "path": request.path, "outcome": outcome}
        if body is None and request._read_bytes and request.path.endswith("completions"):
            try:
                body = orjson.loads(request._read_bytes)
            except ValueError:
                body = None
        if body is not None:
            txt = flat_text(body.get("messages"))
            e.update(
                {
                    "model": body.get("model"),
                    "messages": body.get("messages"),
                    "n_messages": len(body.get("messages") or []),
                    "prompt_chars": len(txt),
                    "prompt_tokens": count_tokens(txt),
                    "stream": bool(body.get("stream")),
                    "tools": [t.get("function", {}).get("name") for t in body.get("tools") or []],
                    "response_format": (body.get("response_format") or {}).get("type"),
                    "max_tokens": body.get("max_tokens") or body.get("max_completion_tokens"),
                    "parameters": sorted(set(body) - {"messages", "model", "stream"}),
                    "temperature": body.get("temperature"),
                    "user": body.get("user"),
                    "store": body.get("store"),
                }
            )
        e["answer"] = answer
        e["completion_tokens"] = (
            count_tokens(answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False, default=str))
            if answer is not None
            else 0
        )
        e.update(extra or {})
        self.ledger.append(e)
        return e

    def auth(self, request) -> web.Response | None:
        given = {request.headers.get("Authorization", "").removeprefix("Bearer "), request.headers.get("api-key", "")}
        if self.cfg["keyless"] or self.cfg["api_key"] in given:
            return None
        if self.cfg["wrong_key_status"] == 400:
            return self.err(400, "API key not valid. Please pass a valid API key.", code="INVALID_ARGUMENT")
        return self.err(401, "Incorrect API key provided.", code="invalid_api_key")

    def configure(self, options: dict) -> dict:
        """As with every simulator; `imitates` sets all that belongs to it."""
        if name := options.get("imitates"):
            plain = {
                key: self.DEFAULTS[key] for key in ("refuses", "thinks", "wraps", "lists_only", "keyless", "wrong_key_status")
            }
            options = {**plain, **IMITATIONS[name], **options}
        return super().configure(options)

    async def h_404(self, request):
        return self.err(404, f"Invalid URL ({request.method} {request.path})")

    async def h_models(self, request):
        return self.auth(request) or web.json_response(
            {
                "object": "list",
                "data": [{"id": m, "object": "model", "created": 1700000000, "owned_by": "rig"} for m in self.cfg["models"]],
            }
        )

    async def h_model(self, request):
        m = request.match_info["m"]
        if self.cfg["lists_only"]:
            return self.err(404, f"Invalid URL (GET {request.path})")
        if m not in self.cfg["models"]:
            return self.err(404, f"The model '{m}' does not exist", code="model_not_found")
        return self.auth(request) or web.json_response({"id": m, "object": "model", "created": 1700000000, "owned_by": "rig"})

    def decide(self, b: dict) -> dict:
        if self.scripted:
            s = self.scripted[0]
            s["times"] = s.get("times", 1) - 1
            if s["times"] <= 0:
                self.scripted.pop(0)
            return s["reply"]
        last = next((flat_text([m]) for m in reversed(b["messages"]) if m.get("role") == "user"), "")
        for r in self.rules:
            if re.search(r["match"], last, re.IGNORECASE):
                return r["reply"]
        return self.policy()({**b, "_tools_always": self.cfg["tools_always"]})

    async def h_chat(self, request):
        a = self.auth(request)
        if a:
            self.note(request, "401", None, None)
            return a
        raw = await request.read()
        try:
            b = orjson.loads(raw)
        except ValueError:
            b = None
        wrong = problem(b, self.cfg["models"] if self.cfg["strict_models"] else None)
        if wrong:
            self.note(request, str(wrong.status), b if isinstance(b, dict) else None, None, {"error": wrong.message})
            return self.err(wrong.status, wrong.message, code=wrong.code, param=wrong.param)
        if wrong := refused(b, self.cfg["refuses"]):
            self.note(request, str(wrong.status), b, None, {"error": wrong.message})
            return self.err(wrong.status, wrong.message, code=wrong.code, param=wrong.param)
        d = self.decide(b)
        if asyncio.iscoroutine(d):
            d = await d
        if d.get("delay"):
            await asyncio.sleep(sample_delay(d["delay"], self.rng))
        f = self.faults.pick({"mode"}, request.path, self.facts(request))
        mode = d.get("mode") or (f.options["mode"] if f else self.cfg["mode"])
        if mode == "garbage_http":
            self.note(request, "garbage_http", b, None)
            return web.Response(body=b"<html>502 Bad Gateway</html>", status=200, content_type="text/html")
        d, fin, refusal = apply_mode(mode, d, b)
        content = d.get("content")
        thought = self.cfg["thinks"] // (5 if b.get("reasoning_effort") in ("low", "minimal", "none") else 1)
        limit = b.get("max_tokens") or b.get("max_completion_tokens")
        if thought and limit and thought + count_tokens(content or "") > limit:
            content, fin = "", "length"
        elif isinstance(content, str) and self.cfg["wraps"]:
            content = wrapped(content, self.cfg["wraps"])
        calls = [
            {
                "id": f"call_{self.idrng.getrandbits(96):024x}",
                "type": "function",
                "function": {"name": n, "arguments": x if isinstance(x, str) else json.dumps(x, ensure_ascii=False)},
            }
            for n, x in d.get("tool_calls") or []
        ]
        e = self.note(request, "ok" if mode == "normal" else "ok:" + mode, b, calls or content)
        request[ENTRY] = e
        usage = {
            "prompt_tokens": e["prompt_tokens"],
            "completion_tokens": e["completion_tokens"],
            "total_tokens": e["prompt_tokens"] + e["completion_tokens"],
        }
        cid, now = f"chatcmpl-{self.idrng.getrandbits(96):024x}", int(time.time())
        if b.get("stream"):
            return await self.stream(request, b, cid, now, content, calls, fin, usage)
        msg: dict = {"role": "assistant", "content": content if not calls else d.get("content"), "refusal": refusal}
        if self.cfg["thinks"]:
            msg["reasoning_content"] = "El usuario dice {algo} y yo pienso."
        if calls:
            msg["tool_calls"] = calls
        return web.Response(
            body=jdumps(
                {
                    "id": cid,
                    "object": "chat.completion",
                    "created": now,
                    "model": b["model"],
                    "choices": [{"index": 0, "message": msg, "logprobs": None, "finish_reason": fin}],
                    "usage": usage,
                    "system_fingerprint": "fp_rig",
                }
            ),
            content_type="application/json",
            headers={"x-request-id": cid},
        )

    async def stream(self, request, b, cid, now, content, calls, fin, usage):
        r = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"})
        await r.prepare(request)

        async def send(delta, finish=None, extra=None):
            o = {
                "id": cid,
                "object": "chat.completion.chunk",
                "created": now,
                "model": b["model"],
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            }
            o.update(extra or {})
            await r.write(b"data: " + jdumps(o) + b"\n\n")
            if self.cfg["stream_gap"]:
                await asyncio.sleep(float(self.cfg["stream_gap"]))

        await send({"role": "assistant", "content": "" if not calls else None})
        n = int(self.cfg["stream_chunk"])
        cutoff = self.faults.pick({"stream_cut"}, request.path, None)
        if calls:
            for i, c in enumerate(calls):
                await send(
                    {
                        "tool_calls": [
                            {
                                "index": i,
                                "id": c["id"],
                                "type": "function",
                                "function": {"name": c["function"]["name"], "arguments": ""},
                            }
                        ]
                    }
                )
                s = c["function"]["arguments"]
                for j in range(0, len(s), n):
                    await send({"tool_calls": [{"index": i, "function": {"arguments": s[j : j + n]}}]})
        else:
            s = content or ""
            for j in range(0, len(s), n):
                if cutoff and j > len(s) // 2:
                    request.transport.abort()
                    return r
                await send({"content": s[j : j + n]})
        await send({}, fin)
        if (b.get("stream_options") or {}).get("include_usage"):
            await r.write(
                b"data: "
                + jdumps(
                    {
                        "id": cid,
                        "object": "chat.completion.chunk",
                        "created": now,
                        "model": b["model"],
                        "choices": [],
                        "usage": usage,
                    }
                )
                + b"\n\n"
            )
        await r.write(b"data: [DONE]\n\n")
        await r.write_eof()
        return r

    async def h_audio(self, request):
        a = self.auth(request)
        if a:
            return a
        f = await request.post()
        up = f.get("file")
        if up is None or isinstance(up, str):
            return self.err(400, "file is required", param="file")
        data = up.file.read()
        if not f.get("model"):
            return self.err(400, "you must provide a model parameter")
        if len(data) > 25 * 1024 * 1024:
            return self.err(413, "Maximum content size limit (26214400) exceeded")
        ext = (up.filename or "").rsplit(".", 1)[-1].lower()
        if ext not in AUDIO_FORMATS:
            return self.err(
                400,
                f"Unrecognized file format. Supported formats: {list(AUDIO_FORMATS)}",
                param="file",
            )
        t = self.cfg["transcript"]
        e = self.note(
            request,
            "ok",
            None,
            t,
            {"bytes": len(data), "model": f.get("model"), "language": f.get("language"), "filename": up.filename},
        )
        request[ENTRY] = e
        fmt = f.get("response_format", "json")
        if fmt == "text":
            return web.Response(text=t + "\n")
        if fmt == "verbose_json":
            return web.json_response({"task": "transcribe", "language": "spanish", "duration": 2.0, "text": t, "segments": []})
        return web.json_response({"text": t})

    async def h_mod(self, request):
        a = self.auth(request)
        if a:
            return a
        b = await request.json()
        inp = b.get("input", "")
        items = inp if isinstance(inp, list) else [inp]
        res = []
        for x in items:
            s = x if isinstance(x, str) else json.dumps(x)
            hit = any(w in s.lower() for w in self.cfg["flag_words"])
            res.append(
                {
                    "flagged": hit,
                    "categories": {
                        "violence": hit,
                        "self-harm": hit,
                        "sexual": False,
                        "hate": False,
                        "harassment": False,
                    },
                    "category_scores": {
                        "violence": 0.9 if hit else 0.01,
                        "self-harm": 0.9 if hit else 0.01,
                        "sexual": 0.0,
                        "hate": 0.0,
                        "harassment": 0.0,
                    },
                }
            )
        self.note(request, "ok", None, [r["flagged"] for r in res], {"input": inp})
        return web.json_response({"id": "modr-rig", "model": b.get("model", "omni-moderation-latest"), "results": res})

    async def h_emb(self, request):
        a = self.auth(request)
        if a:
            return a
        b = await request.json()
        items = b["input"] if isinstance(b.get("input"), list) else [b.get("input", "")]
        self.note(request, "ok", None, None, {"input": b.get("input"), "model": b.get("model")})
        return web.json_response(
            {
                "object": "list",
                "model": b.get("model"),
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
                "data": [
                    {
                        "object": "embedding",
                        "index": i,
                        "embedding": [x / 255 for x in hashlib.sha256(str(s).encode()).digest()],
                    }
                    for i, s in enumerate(items)
                ],
            }
        )

    def search(self, patterns: list[str]) -> dict:
        """Which requests carried a given text (regular expressions), e.g. personal data."""
        out = {}
        for p in patterns:
            rx = re.compile(p, re.IGNORECASE)
            out[p] = [
                e["seq"]
                for e in self.ledger
                if rx.search(flat_text(e.get("messages") or [])) or rx.search(str(e.get("input") or ""))
            ]
        return out

    def ledger_view(self, since: int = 0, limit: int | None = None, **_) -> list:
        return cut(self.ledger, since, limit)

    def state_view(self) -> dict:
        return {
            "requests": self.n_requests,
            "chat_calls": sum(1 for e in self.ledger if e["path"].endswith("completions")),
            "prompt_tokens": sum(e.get("prompt_tokens", 0) for e in self.ledger),
            "completion_tokens": sum(e.get("completion_tokens", 0) for e in self.ledger),
            "by_outcome": {o: sum(1 for e in self.ledger if e["outcome"] == o) for o in {e["outcome"] for e in self.ledger}},
            "scripted_left": len(self.scripted),
            "rules": self.rules,
        }
