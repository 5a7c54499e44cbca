"""The desk on the real ledger, with a channel and an agent that do as they are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from src.integrations.redis_ledger import RedisLedger
from tests.conftest import Skew
from tests.desk.fakes import Office


@pytest.fixture
def store_url(valkey_url: str) -> str:
    """The desk does not care which server it is: the ledger's own tests run on both."""
    return valkey_url


@pytest.fixture
def office(new_ledger: Callable[..., RedisLedger], skew: Skew) -> Office:
    return Office(new_ledger(debounce_s=0), skew)
