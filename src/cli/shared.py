"""What every command needs: the settings, the product's parts, a person by phone or key, a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console

from src.bootstrap import Services, make_ledger, make_services, now_stored
from src.errors import (
    ConfigurationError,
    DamagedCatalogue,
    LedgerUnavailable,
    SalesAgentError,
    UnknownContact,
)
from src.settings import Settings, load

ROOT = Path(__file__).resolve().parents[2]
console = Console(highlight=False)


@contextlib.contextmanager
def services_at_hand() -> Iterator[Services]:
    """The product's parts, straight on the store: the web process may be down. Known faults are told in one line."""
    try:
        settings = load()
        with contextlib.suppress(LedgerUnavailable):  # what needs the store says so
            settings = now_stored(settings, make_ledger(settings))
        yield make_services(settings)
    except ConfigurationError as fault:
        raise click.ClickException(str(fault)) from fault
    except LedgerUnavailable as fault:
        raise click.ClickException(f"the store does not answer ({fault}); start it (make run) or set REDIS_URL") from fault
    except SalesAgentError as fault:
        raise click.ClickException(str(fault)) from fault


def settings_at_hand() -> Settings:
    try:
        return load()
    except ConfigurationError as fault:
        raise click.ClickException(str(fault)) from fault


def known_contact(services: Services, who: str) -> str:
    contact = found_contact(services, who)
    if contact is None:
        raise UnknownContact("nobody is known by that phone or key")
    return contact


def found_contact(services: Services, who: str) -> str | None:
    return services.desk.known(who)


@contextlib.contextmanager
def file_faults_told() -> Iterator[None]:
    """Known faults of the files are told in one line."""
    try:
        yield
    except FileExistsError as fault:
        raise click.ClickException(f"{fault.filename} is there already; give another name") from fault
    except OSError as fault:
        raise click.ClickException(f"{fault.filename}: {fault.strerror}") from fault
    except DamagedCatalogue as fault:
        raise click.ClickException(str(fault)) from fault
