"""In this folder the store is a Cluster: the ledger's own tests, run once more here, find it where they expect a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stores.servers import Cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three masters without replicas."""
    servers = Cluster(tmp_path_factory.mktemp("cluster") / "nodes")
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


@pytest.fixture
def store_url(cluster: Cluster) -> str:
    return cluster.url


@pytest.fixture(scope="session")
def valkey_url(cluster: Cluster) -> str:
    return cluster.url
