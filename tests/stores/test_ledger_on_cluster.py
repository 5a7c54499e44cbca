"""The ledger's own tests once more, on three masters: what they say is said of a Cluster too."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from tests.integrations import (
    test_ledger_erasure,
    test_ledger_identity,
    test_ledger_machine,
    test_ledger_promises,
    test_ledger_store,
    test_redis_ledger,
)
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
"""They hurt their server. What a Cluster does then stands in test_cluster.py."""


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


@pytest.mark.faults
@pytest.mark.timeout(1_200)
def test_the_ledger_does_what_the_model_does_on_a_cluster(cluster: Cluster) -> None:
    test_ledger_machine.run(cluster.url, 40)
