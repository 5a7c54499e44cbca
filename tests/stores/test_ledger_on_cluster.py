"""The ledger's own tests once more, on three masters: what they say is said of a Cluster too."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from src.desk.ports import Page, Settlement
from src.errors import LedgerUnavailable
from src.integrations.ledger.dossier import dossier
from src.integrations.ledger.views import RedisRecords
from tests.conftest import Skew
from tests.integrations import (
    test_ledger_erasure,
    test_ledger_identity,
    test_ledger_machine,
    test_ledger_promises,
    test_ledger_store,
    test_redis_ledger,
)
from tests.integrations.ledger_kit import NewLedger, arrival, done, take
from tests.stores.servers import Cluster

MODULES = (test_redis_ledger, test_ledger_promises, test_ledger_store, test_ledger_identity, test_ledger_erasure)
OF_ONE_SERVER = {
    "test_the_ledger_runs_on_a_cluster",
    "test_a_store_that_hangs_is_given_up_in_time",
    "test_a_restarted_store_goes_on_where_it_was",
    "test_a_read_only_replica_is_no_ledger",
    "test_a_full_store_refuses_items_and_finishes_its_work",
    "test_no_error_tells_anything_personal",
}
"""They hurt their server, or make one. What a Cluster does when one of its own is hurt stands in test_failover.py."""


def again(test: Callable[..., None]) -> Callable[..., None]:
    """The same test under the same name. Those that interrupt an operation at every command of it take long."""

    @functools.wraps(test)
    def on_a_cluster(*given: Any, **named: Any) -> None:
        test(*given, **named)

    at_every_moment = "valkey_url" in inspect.signature(test).parameters
    return pytest.mark.faults(on_a_cluster) if at_every_moment else on_a_cluster


globals().update(
    {
        name: again(test)
        for module in MODULES
        for name, test in vars(module).items()
        if name.startswith("test_") and name not in OF_ONE_SERVER
    }
)


def test_no_master_may_be_full(cluster: Cluster, new_ledger: NewLedger) -> None:
    for master in cluster.servers:
        used = int(master.client.info("memory")["used_memory"])
        master.client.config_set("maxmemory", round(used / 0.9))
        try:
            with pytest.raises(LedgerUnavailable, match="85%"):
                new_ledger().accept([arrival("hola")])
        finally:
            master.client.config_set("maxmemory", 0)
    assert new_ledger().accept([arrival("hola")]) == ["accepted"]


def test_people_are_looked_at_across_all_masters(cluster: Cluster, new_ledger: NewLedger, skew: Skew) -> None:
    ledger = new_ledger(debounce_s=0.0)
    records = RedisRecords(ledger)
    people = [f"whatsapp:346000004{number:02d}" for number in range(12)]
    assert len({cluster.master_of(ledger.keys.of_contact(person, "record")) for person in people}) == 3
    for person in people:
        ledger.accept([arrival("hola", person)])
        turn = take(ledger, "turns", person)
        settlement = done(turn, state=b"{}", stage="INICIO", name=f"ana {person[-2:]}", counts={"turns": 1})
        ledger.commit(turn, settlement)
        skew.advance(1)
    hopeless = "whatsapp:34600000499"
    ledger.accept([arrival("algo raro", hopeless)])
    turn = take(ledger, "turns", hopeless)
    ledger.commit(turn, Settlement(buried=[turn.jobs[0].id], reason="hopeless", owner="human", stage="COTIZACION", state=b"{}"))

    def page(**asked: Any) -> Page:
        return records.page(**{"cursor": "", "limit": 5, "stage": "INICIO", "owner": "", "query": "", **asked})

    seen, shown = [], page()
    while True:
        seen += [record.contact for record in shown.records]
        if shown.next_cursor is None:
            break
        shown = page(cursor=shown.next_cursor)
    assert seen == people[::-1]
    assert [record.contact for record in page(query="ana 07").records] == [people[7]]
    assert [record.contact for record in page(stage="", owner="human").records] == [hopeless]
    assert [letter.contact for letter in records.dead_letters()] == [hopeless]
    figures = records.figures()
    assert figures["conversations"]["by_stage"] | {"INICIO": 12, "COTIZACION": 1} == figures["conversations"]["by_stage"]
    assert (figures["dead_letters"], figures["totals"]["turns"], figures["totals"]["inbound"]) == (1, 12, 13)
    everything = dossier(ledger, hopeless)
    assert everything is not None
    assert everything["dead_letters"][0]["reason"] == "hopeless"


@pytest.mark.faults
@pytest.mark.timeout(1_200)
def test_the_ledger_does_what_the_model_does_on_a_cluster(cluster: Cluster) -> None:
    test_ledger_machine.run(cluster.url, 40)
