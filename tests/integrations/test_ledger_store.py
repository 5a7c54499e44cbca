"""What the ledger asks of a store and how it bears one that is full, slow, read-only, forgetful, restarted or a Cluster."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from redis.crc import key_slot

from src.desk.ports import LANES, Amendment, Lane, Settlement
from src.errors import LedgerUnavailable, StaleCommit
from src.integrations.ledger import store as redis_store
from src.integrations.ledger.embedded_valkey import EmbeddedValkey
from src.integrations.ledger.house import RedisHouse
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.store import SOCKET_TIMEOUT_S, Document, connect
from src.integrations.ledger.views import RedisRecords
from src.messages import Receipt
from tests.conftest import wait_for_store
from tests.integrations.ledger_kit import (
    ANA,
    ANA_BY_ID,
    NOW,
    NewLedger,
    arrival,
    audit,
    done,
    due,
    queued,
    take,
    texts,
    traces,
)

LUA = Path(redis_store.__file__).parent / "lua"
ONLY_ON_A_SINGLE_NODE = {"accept": ("iv:id:", "iv:alias:"), "sent": ("iv:sent:", "iv:parked:")}
"""Keys of other slots: a Cluster's scripts are not given them."""
OUR_SCRIPTS = {path.stem for path in LUA.glob("*.lua") if not path.stem.startswith("_")}


def everything_once(ledger: RedisLedger) -> None:
    """Goes through every script, the branches with other keys included."""
    ledger.accept([arrival("uno", bsuid="ES.99"), arrival("dos", urgent=True), arrival("tres", ANA_BY_ID, bsuid="ES.99")])
    assert set(due(ledger)) == {ANA}
    turn = take(ledger)
    ledger.renew(turn)
    ledger.retry(turn, after_s=0, uncount=True)
    turn = take(ledger)
    ledger.commit(
        turn,
        Settlement(
            done=[turn.jobs[0].id], buried=[turn.jobs[1].id], reason="hopeless", state=b"{}", stage="INICIO", name="ana",
            owner="bot", timer=ledger.server_time(), rows=[b"{}"], statuses={"o0": ("queued", "", "")},
            deliveries=[("o1", b"1"), ("o2", b"2")], mirrors=[("m1", b"1")], events=[b"{}"], counts={"turns": 1},
        ),
    )  # fmt: skip
    assert ledger.replay(ANA, "turns", turn.jobs[1].id)
    sent = take(ledger, "delivery")
    ledger.renew(sent, sending="o1")
    settlement = done(sent, statuses={"o1": ("sent", "wamid.o1", "")}, hold_s=3, wait_for="o1")
    ledger.commit(sent, settlement)
    ledger.commit(sent, settlement)
    with pytest.raises(StaleCommit):
        ledger.renew(sent)
    ledger.remember_sent(ANA, "o1", "wamid.o1")
    assert ledger.receive_receipt(Receipt(message_id="wamid.o1", status="delivered", at=NOW)) == "applied"
    other = "whatsapp:34600000002"
    ledger.accept([arrival("cuatro", other)])
    hopeless = take(ledger, "turns", other)
    ledger.commit(hopeless, Settlement(buried=[hopeless.jobs[0].id], reason="hopeless", state=b"{}", stage="INICIO"))
    assert ledger.merge(other, ANA) == ANA
    ledger.accept([arrival("cinco", other)])
    assert ledger.alias(ANA, "whatsapp:ES.100") == ANA
    ledger.speak(ANA, [("o9", b"1", b"{}")])
    amendment = Amendment(expected=b"{}", state=b'{"x":1}', stage="INICIO", name="", owner="human", timer=None, row=b"{}")
    assert ledger.amend(ANA, amendment)
    assert not ledger.amend(ANA, amendment)
    assert ledger.await_replies(ANA, for_s=0)
    RedisRecords(ledger).search("ana", cursor="", limit=5)
    RedisHouse(ledger).write({"company_name": "Casa"}, by="somebody", seen=None)
    ledger.wait_for_number("n")
    ledger.pause_number("n", for_s=1, reason="r")
    ledger.forget(ANA, erase=False)
    ledger.forget(ANA, erase=True, farewell=("bye", b"b"))
    bye = take(ledger, "delivery")
    ledger.commit(bye, done(bye))
    assert traces(ledger.client, "34600000001", "34600000002", "ES.") == []


GUARD = """
local declared = {}
for _, key in ipairs(KEYS) do declared[key] = true end
local real = redis
local redis = setmetatable({ call = function(command, ...)
  local keys = { (...) }
  if command == 'TIME' or command == 'PUBLISH' then keys = {} end
  if command == 'DEL' then keys = { ... } end
  if command == 'ZUNIONSTORE' then keys = { (...), select(3, ...), (select(4, ...)) } end
  for _, key in ipairs(keys) do
    if not declared[key] then error('undeclared key for ' .. command .. ': ' .. tostring(key)) end
  end
  return real.call(command, ...)
end }, { __index = real })
"""


def test_every_script_keeps_to_its_declared_keys_in_one_slot(new_ledger: NewLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: dict[str, list[Sequence[str]]] = {name: [] for name in OUR_SCRIPTS}
    ledger = new_ledger(debounce_s=0.0)
    plain = ledger._store._scripts

    class Guarded:
        def run(self, name: str, keys: Mapping[str, str], asked: Document) -> Any:
            ran[name].append(list(keys.values()))
            text = GUARD + plain.load(name, tuple(keys))[0]
            return ledger.client.eval(text, len(keys), *keys.values(), msgspec.msgpack.encode(asked))

        def run_many(self, name: str, calls: Sequence[tuple[Mapping[str, str], Document]], *, replicas: int = 0) -> list[Any]:
            return [self.run(name, keys, asked) for keys, asked in calls]

    monkeypatch.setattr(ledger._store, "_scripts", Guarded())
    everything_once(ledger)
    assert [name for name, calls in ran.items() if not calls] == []
    for name, calls in ran.items():
        for keys in calls:
            own = [key for key in keys if not key.startswith(ONLY_ON_A_SINGLE_NODE.get(name, ("-",)))]
            assert len({key_slot(key.encode()) for key in own}) == 1, f"{name}: {own}"
            assert len(keys) == len(set(keys)), f"{name} takes a key twice"


@pytest.fixture
def cluster_url(tmp_path: Path) -> Iterator[str]:
    """One node that is a whole Cluster: it refuses whatever touches two slots."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = min(probe.getsockname()[1], 50_000)  # the bus takes the port 10,000 above
    command = [
        binary,
        "--port",
        str(port),
        "--cluster-enabled",
        "yes",
        "--dir",
        str(tmp_path),
        "--save",
        "",
        "--bind",
        "127.0.0.1",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for_store(f"redis://127.0.0.1:{port}")
        with redis.Redis(port=port) as node:
            node.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            deadline_s = time.monotonic() + 20
            while node.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                assert time.monotonic() < deadline_s
                time.sleep(0.05)
        yield f"redis+cluster://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_ledger_runs_on_a_cluster(cluster_url: str) -> None:
    client = connect(cluster_url)
    ledger = RedisLedger(lambda: client, debounce_s=0.0)
    everything_once(ledger)
    item = arrival("again", message_id="wamid.again", bsuid="ES.7")
    assert ledger.accept([item, item]) == ["accepted", "duplicate"]
    assert ledger.accept([arrival("again", "whatsapp:ES.7", message_id="wamid.again", bsuid="ES.7")]) == ["duplicate"]
    client.close()


def test_a_store_that_forgot_the_scripts_is_given_them_again(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    for _ in range(2):
        ledger.client.script_flush()
        assert ledger.accept([arrival("a"), arrival("b"), arrival("c")]) == ["accepted"] * 3
        ledger.client.script_flush()
        turn = take(ledger)
        ledger.client.script_flush()
        ledger.commit(turn, done(turn))
    assert queued(ledger, "turns", ANA) == []


def test_racing_workers_never_share_a_contact(store_url: str, new_ledger: NewLedger) -> None:
    """Doors and workers as threads with connections of their own: each message once, in order, never two at a time."""
    door = new_ledger(debounce_s=0.0, shards=4)
    contacts = [f"whatsapp:346000001{number:02d}" for number in range(12)]
    each = 8
    finished = threading.Event()
    holders: dict[str, str] = {}
    seen: dict[str, list[str]] = {contact: [] for contact in contacts}
    overlaps: list[str] = []
    guard = threading.Lock()

    def accepts(contact: str) -> None:
        ledger = new_ledger(debounce_s=0.0, shards=4)
        for number in range(each):
            item = arrival(str(number), contact)
            ledger.accept([item])
            ledger.accept([item])

    def works(name: str) -> int:
        ledger = new_ledger(debounce_s=0.0, shards=4)
        lost = 0
        while not finished.is_set():
            offered = [contact for shard in range(4) for contact in ledger.offer(shard, {"turns": 5}).contacts["turns"]]
            for contact in offered or contacts:  # also those that somebody else is at
                claim = ledger.claim("turns", contact)
                if claim is None:
                    lost += 1
                    continue
                with guard:
                    if contact in holders:
                        overlaps.append(contact)
                    holders[contact] = name
                    seen[contact] += texts(claim)
                ledger.renew(claim)
                with guard:
                    del holders[contact]
                ledger.commit(claim, done(claim))
        return lost

    with ThreadPoolExecutor(20) as threads:
        workers = [threads.submit(works, f"w{number}") for number in range(6)]
        for accepting in [threads.submit(accepts, contact) for contact in contacts]:
            accepting.result()
        deadline_s = time.monotonic() + 30
        while any(queued(door, "turns", contact) for contact in contacts) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        finished.set()
        assert sum(worker.result() for worker in workers) > 0, "nobody raced"
    assert overlaps == []
    assert seen == {contact: [str(number) for number in range(each)] for contact in contacts}


@pytest.fixture
def private_store(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A server that a test may hurt."""
    server = EmbeddedValkey(tmp_path, fsync="always")
    server.start()
    yield server
    server.stop()


def test_a_store_that_hangs_is_given_up_in_time(private_store: EmbeddedValkey) -> None:
    client = connect(private_store.url)
    ledger = RedisLedger(lambda: client, debounce_s=0.0)
    ledger.accept([arrival("hola")])
    client.execute_command("CLIENT PAUSE", 60_000, "ALL")
    for attempt in (lambda: ledger.accept([arrival("otra")]), lambda: ledger.claim("turns", ANA)):
        began_s = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            attempt()
        assert time.monotonic() - began_s < 1.5 * SOCKET_TIMEOUT_S, "it was asked more than once"
    client.close()


def test_a_restarted_store_goes_on_where_it_was(private_store: EmbeddedValkey) -> None:
    client = connect(private_store.url)
    ledger = RedisLedger(lambda: client, debounce_s=0.0)
    ledger.accept([arrival("uno")])
    turn = take(ledger)
    assert private_store.process is not None
    private_store.process.kill()
    private_store.process.wait()
    with pytest.raises(LedgerUnavailable):
        ledger.accept([arrival("dos")])
    with pytest.raises(LedgerUnavailable):
        ledger.commit(turn, done(turn, state=b"after"))
    private_store.start()
    ledger.commit(turn, done(turn, state=b"after"))
    ledger.accept([arrival("tres")])
    again = take(ledger)
    assert (texts(again), again.state) == (["tres"], b"after")
    client.close()


def test_a_read_only_replica_is_no_ledger(private_store: EmbeddedValkey) -> None:
    client = connect(private_store.url)
    ledger = RedisLedger(lambda: client, debounce_s=0.0)
    ledger.accept([arrival("uno"), arrival("dos")])
    client.execute_command("REPLICAOF", "127.0.0.1", 1)
    fresh = RedisLedger(lambda: client)
    for attempt in (
        lambda: ledger.accept([arrival("tres"), arrival("cuatro")]),
        lambda: ledger.accept([arrival("cinco")]),
        lambda: ledger.claim("turns", ANA),
        fresh.ping,
    ):
        with pytest.raises(LedgerUnavailable):
            attempt()
    plain = redis.Redis.from_url(private_store.url)  # our own client refuses a replica
    plain.execute_command("REPLICAOF", "NO", "ONE")
    plain.close()
    assert texts(take(ledger)) == ["uno", "dos"]
    client.close()


def test_waiting_for_replicas_that_are_not_there(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0, wait_replicas=1)
    item = arrival("hola")
    with pytest.raises(LedgerUnavailable, match="0 of 1 replicas"):
        ledger.accept([item])
    ledger.client.script_flush()
    with pytest.raises(LedgerUnavailable, match="0 of 1 replicas"):
        ledger.accept([item])
    assert texts(take(ledger)) == ["hola"], "it is written all the same, once"


def test_nothing_is_sent_that_no_replica_knows_of(new_ledger: NewLedger) -> None:
    ledger, careful = new_ledger(debounce_s=0.0), new_ledger(debounce_s=0.0, wait_replicas=1)
    ledger.accept([arrival("hola")])
    turn = take(ledger)
    careful.renew(turn)
    careful.commit(turn, done(turn, deliveries=[("o1", b"1")]))
    message = take(ledger, "delivery")
    with pytest.raises(LedgerUnavailable, match="0 of 1 replicas"):
        careful.renew(message, sending="o1")


def test_a_full_store_refuses_items_and_finishes_its_work(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0)
    client: Any = ledger.client
    ledger.accept([arrival("uno"), arrival("dos")])
    used = int(client.info("memory")["used_memory"])
    try:
        client.config_set("maxmemory", round(used / 0.9))
        with pytest.raises(LedgerUnavailable, match="85%"):
            new_ledger(debounce_s=0.0).accept([arrival("tres")])
        client.config_set("maxmemory", used // 2)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("x", "y")
        # Even over the brim what was accepted is worked off: that is what makes room.
        turn = take(ledger)
        ledger.renew(turn)
        ledger.retry(turn, after_s=0)
        turn = take(ledger)
        ledger.commit(turn, done(turn, state=b"{}" * 100, deliveries=[("o1", b"1")]))
        rest = take(ledger)
        ledger.commit(rest, done(rest))
        sent = take(ledger, "delivery")
        ledger.renew(sent, sending="o1")
        ledger.commit(sent, done(sent))
        assert audit(ledger, round(ledger.server_time().timestamp() * 1000)) == []
        ledger.forget(ANA, erase=False)
        ledger.forget(ANA, erase=True)
        assert traces(client, ANA) == []
    finally:
        client.config_set("maxmemory", 0)
    assert ledger.accept([arrival("tres")]) == ["accepted"]


def test_no_error_tells_anything_personal(new_ledger: NewLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = new_ledger(debounce_s=0.0)
    client: Any = ledger.client
    monkeypatch.setattr(ledger, "_refuse_when_full", lambda: None)
    try:
        client.config_set("maxmemory", 1)
        for items in ([arrival("un secreto")], [arrival("un secreto"), arrival("otro secreto")]):
            with pytest.raises(LedgerUnavailable) as refused:
                ledger.accept(items)
            told: BaseException | None = refused.value
            while told is not None:
                assert not re.search(r"secreto|34600000001|wamid", repr(told))
                told = told.__cause__ or told.__context__
    finally:
        client.config_set("maxmemory", 0)


def test_every_lane_is_offered_in_one_look(new_ledger: NewLedger) -> None:
    ledger = new_ledger(debounce_s=0.0, shards=1)
    for number in range(5):
        contact = f"whatsapp:3460000020{number}"
        ledger.accept([arrival("hola", contact)])
        turn = take(ledger, "turns", contact)
        ledger.commit(turn, done(turn, deliveries=[("o", b"1")], mirrors=[("m", b"1")]))
        ledger.accept([arrival("otra", contact)])
    room: dict[Lane, int] = {"turns": 2, "delivery": 5, "mirror": 0}
    offers = ledger.offer(0, room)
    assert {lane: len(offers.contacts[lane]) for lane in LANES} == {"turns": 2, "delivery": 5, "mirror": 0}
    assert offers.more == {"turns", "mirror"}, "three more turns are due already, and nobody could take a mirror job"
    assert offers.next_in_s is not None
    assert offers.next_in_s > 0.0, "in the other lane nothing is due any more"
    again = ledger.offer(0, room)
    assert not set(again.contacts["turns"]) & set(offers.contacts["turns"]), "what was offered is put off a little"
