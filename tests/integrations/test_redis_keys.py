"""Who makes the names of keys, who writes, and what the scripts do not know."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.agent.state import STAGES
from src.desk.ports import LANES
from src.integrations.ledger import store as redis_store
from src.integrations.ledger.keys import FACETS, LISTS, Keys, lane_names
from src.integrations.ledger.store import Scripts, as_text
from tests.kit.rig import PROJECT

LUA = Path(redis_store.__file__).parent / "lua"
SOURCES = sorted((PROJECT / "src").rglob("*.py"))
WRITES = """
    append copy decr decrby delete eval evalsha expire expireat flushall flushdb getdel getex getset
    hdel hincrby hincrbyfloat hmset hset hsetnx incr incrby linsert lmove lock lpop lpush lrem lset ltrim mset msetnx
    persist pexpire psetex publish rename restore rpop rpush sadd script_load set setex setnx setrange smove spop srem
    unlink xadd xdel xtrim zadd zincrby zpopmax zpopmin zrem zremrangebyrank zremrangebyscore zunionstore
"""
WRITERS = {"opening.py", "store.py"}
"""Single commands, and scripts."""


def code_of(script: Path) -> str:
    """Without what is said about it."""
    return re.sub(r"--.*", "", script.read_text(encoding="utf-8"))


def direct_writes(source: str) -> Iterator[str]:
    """Commands that change something, given to a client of the store or to its pipeline."""
    commands = frozenset(WRITES.split())
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in commands:
            asked = ast.unparse(node.func.value)
            if re.search(r"(client|pipeline|redis|node|server)(\(\))?$", asked):
                yield f"{asked}.{node.func.attr}"


def test_a_direct_write_would_be_found() -> None:
    written = "self._ledger.client.set('k', 1); pipeline.zadd(k, m); client().lock(k); self.write.set(k, 1); seen.append(2)"
    assert list(direct_writes(written)) == ["self._ledger.client.set", "pipeline.zadd", "client().lock"]


def test_nothing_is_written_but_by_scripts_and_single_commands() -> None:
    found = {path.name: list(direct_writes(path.read_text(encoding="utf-8"))) for path in SOURCES if path.name not in WRITERS}
    assert {name: writes for name, writes in found.items() if writes} == {}


def test_names_of_keys_are_made_in_one_place() -> None:
    literal = re.compile(r"""["'](?:iv:|iv:\{)""")
    files = [*SOURCES, *LUA.glob("*.lua")]
    assert {path.name for path in files if literal.search(path.read_text(encoding="utf-8"))} == {"keys.py"}


def test_scripts_know_no_position_no_lane_no_stage_and_no_crm() -> None:
    code = {path.name: code_of(path) for path in LUA.glob("*.lua")}
    for words in (LANES, STAGES, ("crm", "conversation", "by_stage", "by_human")):
        assert {name: word for name, text in code.items() for word in words if re.search(rf"\b{word}\b", text)} == {}
    positions = {name: re.findall(r"\b(?:KEYS|ARGV)\b.*", text) for name, text in code.items()}
    assert {name: found for name, found in positions.items() if found} == {"_prelude.lua": ["ARGV[1])"]}


def test_every_key_of_a_contact_lies_in_its_shard() -> None:
    keys = Keys(16)
    names = ("record", "log", "out", "seen", "letters", "depth", "dead", "events", *LISTS, *lane_names(*LANES))
    contact = "whatsapp:34600000001"
    named = keys.named(contact, *names)
    tag = f"iv:{{s{keys.shard(contact):02d}}}:"
    assert len(set(named.values())) == len(names)
    assert all(key.startswith(tag) for key in named.values())
    assert named["record"] == keys.of_contact(contact, "record")
    assert [named[f"lane.turns.{name}"] for name in ("queue", "jobs", "due")] == keys.lane(contact, "turns")
    lists = {facet: {value: named[f"facet.{facet}.{value}"] for value in values} for facet, values in FACETS.items()}
    assert lists["stage"]["INICIO"] == f"{tag}by_stage:INICIO"


@pytest.mark.parametrize("name", ["", "a.", "a b", "a]", "lane..due", "a'"])
def test_a_name_that_is_none_never_gets_into_a_script(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a key"):
        Scripts(lambda: pytest.fail("nobody is asked"), {}).load("retry", ("record", name))


def test_a_document_holds_any_bytes(valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was damaged in the store must come back as it was, or nobody could amend it."""
    client = redis_store.connect(valkey_url)
    for part in ("_prelude", "_contact"):
        (tmp_path / f"{part}.lua").write_text((LUA / f"{part}.lua").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "echo.lua").write_text("return { A.data, K.lane.turns.due, K.aliases[2], C.a.b, C.a.c }", encoding="utf-8")
    monkeypatch.setattr(redis_store, "_LUA", tmp_path)
    keys = {"lane.turns.due": "one", "aliases.1": "two", "aliases.2": "three"}
    for data in (b"", b"\xff\xfe\x00", "ñ".encode(), bytes(range(256)) * 300):
        scripts = Scripts(lambda: client, {"a": {"b": "iv:bell", "c": True}})
        assert scripts.run("echo", keys, {"data": as_text(data)}) == [data, b"one", b"three", b"iv:bell", 1]
    client.close()
