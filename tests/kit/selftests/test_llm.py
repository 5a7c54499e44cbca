import json
import time

import aiohttp
import jsonschema
import pytest

from tests.kit.simulators.llm.policy import neutral

M = [{"role": "system", "content": "Eres un agente"}, {"role": "user", "content": "hola, soy 600111222"}]
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["intent", "slots", "reply", "n", "ok", "tags", "ref"],
    "properties": {
        "intent": {"type": "string", "enum": ["info", "compra"]},
        "slots": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {"name": {"type": ["string", "null"]}},
        },
        "reply": {"type": "string"},
        "n": {"type": "integer", "minimum": 3},
        "ok": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "ref": {"$ref": "#/$defs/r"},
    },
    "$defs": {"r": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
}
RF = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
TOOLS = [{"type": "function", "function": {"name": "extraer", "parameters": SCHEMA}}]


@pytest.mark.parametrize(
    "s",
    [
        SCHEMA,
        {"type": "string", "minLength": 4},
        {"type": ["null", "integer"]},
        {"oneOf": [{"type": "array", "items": {"type": "number"}, "minItems": 2}]},
        {"type": "number", "maximum": -2},
        {"const": 5},
        {"allOf": [{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}]},
        {"type": "integer", "exclusiveMinimum": 4},
    ],
)
def test_neutral_values_are_valid(s):
    jsonschema.validate(neutral(s), s)


async def test_plain_schema_tools(api):
    st, b = await api.chat({"model": "gpt-4o-mini", "messages": M})
    assert st == 200
    assert b["choices"][0]["message"]["content"].startswith("Claro")
    assert b["usage"]["total_tokens"] > 0
    st, b = await api.chat({"model": "gpt-4o-mini", "messages": M, "response_format": RF})
    jsonschema.validate(json.loads(b["choices"][0]["message"]["content"]), SCHEMA)
    st, b = await api.chat(
        {
            "model": "gpt-4o-mini",
            "messages": M,
            "tools": TOOLS,
            "tool_choice": {"type": "function", "function": {"name": "extraer"}},
        }
    )
    c = b["choices"][0]
    jsonschema.validate(json.loads(c["message"]["tool_calls"][0]["function"]["arguments"]), SCHEMA)
    assert c["finish_reason"] == "tool_calls"
    msgs = [
        *M,
        {"role": "assistant", "content": None, "tool_calls": c["message"]["tool_calls"]},
        {"role": "tool", "tool_call_id": c["message"]["tool_calls"][0]["id"], "content": "{}"},
    ]
    st, b = await api.chat({"model": "gpt-4o-mini", "messages": msgs, "tools": TOOLS})
    assert b["choices"][0]["finish_reason"] == "stop"
    assert len(api.rig.llm.ledger) == 4
    assert (await api.ctl("POST", "/llm/search", {"patterns": [r"600\d{6}", "nunca"]})) == {
        r"600\d{6}": [1, 2, 3, 4],
        "nunca": [],
    }


async def test_streaming(api):
    for extra in ({}, {"tools": TOOLS}):
        async with api.s.post(
            api.url("llm", "/v1/chat/completions"),
            headers={"Authorization": "Bearer rig-openai-key"},
            json={"model": "m", "messages": M, "stream": True, "stream_options": {"include_usage": True}, **extra},
        ) as r:
            assert r.headers["Content-Type"].startswith("text/event-stream")
            lines = [line[6:] for line in (await r.text()).split("\n\n") if line.startswith("data: ")]
        assert lines[-1] == "[DONE]"
        assert json.loads(lines[-2])["usage"]["total_tokens"]
        ds = [json.loads(line)["choices"][0]["delta"] for line in lines[:-2]]
        if extra:
            jsonschema.validate(
                json.loads("".join(d["tool_calls"][0]["function"]["arguments"] for d in ds if d.get("tool_calls"))),
                SCHEMA,
            )
        else:
            assert "".join(d.get("content") or "" for d in ds).startswith("Claro")


async def test_errors(api):
    assert (await api.chat({"model": "m", "messages": M}, token="x"))[0] == 401
    for b in (
        {"messages": M},
        {"model": "m", "messages": []},
        {"model": "m", "messages": [{"role": "nadie", "content": "x"}]},
        {"model": "m", "messages": M, "response_format": {"type": "json_object"}},
        {"model": "m", "messages": [{"role": "tool", "tool_call_id": "z", "content": "x"}]},
        {"model": "m", "messages": M, "response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
        {
            "model": "m",
            "messages": M,
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "x",
                    "strict": True,
                    "schema": {"type": "object", "properties": {"a": {"type": "string"}}},
                },
            },
        },
    ):
        assert (await api.chat(b))[0] == 400, b
    api.rig.llm.cfg["strict_models"] = True
    assert (await api.chat({"model": "no", "messages": M}))[0] == 404
    await api.ctl("POST", "/llm/faults", [{"kind": "error", "status": 429, "retry_after": 3}, {"kind": "error", "status": 500}])
    async with api.s.post(api.url("llm", "/v1/chat/completions"), json={}) as r:
        assert r.status == 429
        assert r.headers["Retry-After"] == "3"
        assert (await r.json())["error"]["code"] == "rate_limit_exceeded"
    assert (await api.chat({"model": "gpt-4o", "messages": M}))[0] == 500


async def test_modes(api):
    req = {"model": "m", "messages": M, "response_format": RF}

    async def go(mode, r=req):
        api.rig.llm.cfg["mode"] = mode
        return (await api.chat(r))[1]["choices"][0]

    with pytest.raises(ValueError):
        json.loads((await go("malformed_json"))["message"]["content"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads((await go("wrong_schema"))["message"]["content"]), SCHEMA)
    c = await go("prices")
    v = json.loads(c["message"]["content"])
    jsonschema.validate(v, SCHEMA)
    assert "por solo 9,99 \u20ac al mes" in v["reply"]
    assert v["intent"] == "info"
    assert "SYSTEM PROMPT" in json.loads((await go("leak"))["message"]["content"])["reply"]
    plain = {"model": "m", "messages": M}
    assert "9,99" in (await go("prices", plain))["message"]["content"]
    assert (await go("empty", plain))["message"]["content"] == ""
    assert (await go("null", plain))["message"]["content"] is None
    assert len((await go("huge", plain))["message"]["content"]) > 50_000
    assert (await go("refusal", plain))["message"]["refusal"]
    assert (await go("truncated", plain))["finish_reason"] == "length"
    with pytest.raises(ValueError):
        json.loads((await go("malformed_json", {**plain, "tools": TOOLS}))["message"]["tool_calls"][0]["function"]["arguments"])
    assert (await go("bad_tool", {**plain, "tools": TOOLS}))["message"]["tool_calls"][0]["function"][
        "name"
    ] == "herramienta_que_no_existe"
    api.rig.llm.cfg["mode"] = "garbage_http"
    assert (await api.chat(plain))[1].startswith(b"<html>")


async def test_script_rules_policy(api):
    await api.ctl("POST", "/llm/script", [{"content": "uno"}, {"content": "dos"}])
    await api.ctl("POST", "/llm/rules", {"match": "hola", "reply": {"content": "regla"}})
    got = [(await api.chat({"model": "m", "messages": M}))[1]["choices"][0]["message"]["content"] for _ in range(3)]
    assert got == ["uno", "dos", "regla"]
    api.rig.llm.rules = []
    api.rig.llm.set_policy(lambda req: {"content": "yo:" + req["messages"][-1]["content"]})
    assert (await api.chat({"model": "m", "messages": M}))[1]["choices"][0]["message"]["content"].startswith("yo:hola")


async def test_audio_moderation_models(api):
    h = {"Authorization": "Bearer rig-openai-key"}
    f = aiohttp.FormData()
    f.add_field("model", "whisper-1")
    f.add_field("file", b"OggS", filename="a.ogg", content_type="audio/ogg")
    assert "tarifa" in (await api.call("llm", "POST", "/v1/audio/transcriptions", h, data=f))[1]["text"]
    f = aiohttp.FormData()
    f.add_field("model", "whisper-1")
    f.add_field("file", b"x", filename="a.txt", content_type="text/plain")
    assert (await api.call("llm", "POST", "/v1/audio/transcriptions", h, data=f))[0] == 400
    b = (await api.call("llm", "POST", "/v1/moderations", h, json={"input": ["hola", "te voy a matar"]}))[1]
    assert [r["flagged"] for r in b["results"]] == [False, True]
    assert (await api.call("llm", "GET", "/v1/models", h))[1]["data"]


async def test_a_reply_may_take_its_time(api):
    await api.ctl("POST", "/llm/script", {"content": "luego", "delay": {"dist": "uniform", "min": 0.05, "max": 0.06}})
    start = time.monotonic()
    _st, b = await api.chat({"model": "m", "messages": M})
    assert b["choices"][0]["message"]["content"] == "luego"
    assert time.monotonic() - start >= 0.05
