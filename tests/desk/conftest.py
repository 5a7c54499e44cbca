"""The desk on the real ledger, with a channel and an agent that do as they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from src.integrations.ledger.redis_ledger import RedisLedger
from tests.conftest import Skew
from tests.desk.fakes import Office
from tests.webhooks.log_kit import logging_to


@pytest.fixture
def store_url(valkey_url: str) -> str:
    """The desk does not care which server it is: the ledger's own tests run on both."""
    return valkey_url


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """webhook.log of this test."""
    with logging_to(tmp_path / "webhook.log") as path:
        yield path


@pytest.fixture
def office(new_ledger: Callable[..., RedisLedger], skew: Skew, log_file: Path) -> Office:
    del log_file
    return Office(new_ledger(debounce_s=0), skew)
