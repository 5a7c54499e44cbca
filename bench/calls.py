"""What it costs to call the ledger's scripts by names: `python -m bench.calls` prints a table, then JSON.

The calls of one message (accept, claim, renew, commit), with their real keys and documents, given to scripts that do nothing
with them: once by position (KEYS and ARGV into locals, what is nested as JSON), once by names (`K` and `A`, as all scripts have
them), in turns; beside it, what the whole script takes. One thread. `--quick` is for trying it out: its figures mean nothing.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from redis import Redis

from src.desk.ports import Arrival, Settlement
from src.integrations.ledger import store as redis_store
from src.integrations.ledger.embedded_valkey import EmbeddedValkey
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import Scripts, connect
from src.messages import Contact, Inbound

ROUNDS = 1_000
CONTACT = "whatsapp:34600000001"
_PREFIX_OF_A_TEXT = 5


class Recorded:
    """Scripts; notes the last call of each and how long each took."""

    def __init__(self, scripts: Scripts) -> None:
        self.scripts = scripts
        self.calls: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}
        self.took: dict[str, list[float]] = {}

    def run(self, name: str, keys: Mapping[str, str], asked: Mapping[str, Any]) -> Any:
        started_s = time.perf_counter()
        answer = self.scripts.run(name, keys, asked)
        self.took.setdefault(name, []).append(time.perf_counter() - started_s)
        self.calls[name] = (dict(keys), dict(asked))
        return answer

    def run_many(self, name: str, calls: Sequence[tuple[Mapping[str, str], Mapping[str, Any]]], *, replicas: int) -> list[Any]:
        assert not replicas
        return [self.run(name, keys, asked) for keys, asked in calls]


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedValkey(Path(folder))
        store.start()
        client = connect(store.url)
        recorded = _a_message(client, rounds)
        table = {name: _compare(client, *recorded.calls[name], rounds) for name in ("accept", "claim", "renew", "commit")}
        client.close()
        store.stop()
    print(f"{'script':<10}{'keys':>5}{'by position µs':>16}{'by names µs':>13}{'ratio':>7}{'whole script µs':>17}")
    rows = {}
    for name, (position_s, names_s, ratio) in table.items():
        whole_s = statistics.median(recorded.took[name])
        keys = len(recorded.calls[name][0])
        print(f"{name:<10}{keys:>5}{position_s * 1e6:>16.0f}{names_s * 1e6:>13.0f}{ratio:>7.2f}{whole_s * 1e6:>17.0f}")
        rows[name] = {"keys": keys, "ratio": round(ratio, 3), "share": round((names_s - position_s) / whole_s, 3)}
    print(json.dumps({"bench": "calls", "scripts": rows}))


def _a_message(client: Any, rounds: int) -> Recorded:
    """Messages from the door to the end of their turn, so that there are real calls."""
    ledger = RedisLedger(lambda: client, debounce_s=0.0)
    scripts: Any = ledger._store._scripts
    recorded: Any = Recorded(scripts)
    ledger._store._scripts = recorded
    for number in range(rounds // 4 or 1):
        inbound = Inbound(
            id=f"wamid.{number}",
            contact=Contact(key=CONTACT, channel="whatsapp", phone="+34600000001"),
            kind="text",
            at=ledger.server_time(),
            text="Quiero 150.000 euros a 20 años, tengo 41 y no fumo",
        )
        row = msgspec.json.encode({"id": inbound.id, "role": "prospect", "text": inbound.text})
        ledger.accept([Arrival(inbound=inbound, job=msgspec.json.encode(inbound), row=row)])
        claim = ledger.claim("turns", CONTACT)
        assert claim is not None
        ledger.renew(claim)
        state = json.dumps({"profile": {f"fact{place}": place for place in range(60)}}).encode()
        settlement = Settlement(
            done=[job.id for job in claim.jobs], state=state, stage="COTIZACION", name="ana", rows=[row, row],
            deliveries=[(f"o{number}", msgspec.json.encode(inbound))], events=[row, row], counts={"turns": 1, "quotes": 1},
        )  # fmt: skip
        ledger.commit(claim, settlement)
        sending = ledger.claim("delivery", CONTACT)
        assert sending is not None
        ledger._store._scripts = scripts  # the delivery's own commit is another one
        ledger.commit(sending, Settlement(done=[job.id for job in sending.jobs]))
        ledger._store._scripts = recorded
    return recorded


def _compare(client: Redis, keys: dict[str, str], asked: dict[str, Any], rounds: int) -> tuple[float, float, float]:
    """Median seconds by position and by names, and the median of their ratios."""
    plain = [_plain(value) for value in asked.values()]
    nested = [isinstance(value, (dict, list)) for value in plain]
    arguments = [f"cjson.decode(ARGV[{n}])" if is_nested else f"ARGV[{n}]" for n, is_nested in enumerate(nested, 1)]
    by_position = client.script_load(
        f"{_locals('k', [f'KEYS[{n}]' for n in range(1, len(keys) + 1)])}\n{_locals('a', arguments)}\nreturn 1"
    )
    prelude = (redis_store._LUA / "_prelude.lua").read_text(encoding="utf-8")
    constants = "local C = { bell = 'iv:bell', lanes = { turns = { debounce_ms = 1000, cap_ms = 4000, timed = true } } }"
    by_names = client.script_load(f"{redis_store._places_of(tuple(keys))}\n{constants}\n{prelude}\nreturn 1")
    encode = msgspec.json.encode
    took: list[tuple[float, float]] = []
    for _ in range(rounds):
        started_s = time.perf_counter()
        given = [encode(value) if is_nested else value for value, is_nested in zip(plain, nested, strict=True)]
        client.evalsha(by_position, len(keys), *keys.values(), *given)
        between_s = time.perf_counter()
        client.evalsha(by_names, len(keys), *keys.values(), redis_store._pack(asked))
        took.append((between_s - started_s, time.perf_counter() - between_s))
    position_s, names_s = (statistics.median(times) for times in zip(*took, strict=True))
    return position_s, names_s, statistics.median(names / position for position, names in took)


def _locals(letter: str, values: list[str]) -> str:
    return f"local {', '.join(f'{letter}{n}' for n in range(len(values)))} = {', '.join(values)}"


def _plain(value: Any) -> Any:
    """As it goes by itself, or within JSON."""
    if isinstance(value, msgspec.Raw):
        return bytes(value)[_PREFIX_OF_A_TEXT:].decode()
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return "" if value is None else int(value) if isinstance(value, bool) else value


if __name__ == "__main__":
    main(20 if "--quick" in sys.argv else ROUNDS)
