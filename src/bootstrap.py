"""Composition root: settings in, services out. The only place that picks implementations. Constructing connects to nothing."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import msgspec

from src.agent.state import House, new_conversation
from src.desk.checks import Check, run_checks
from src.desk.delivery import Deliveries
from src.desk.desk import Desk
from src.desk.operators import Operators
from src.desk.ports import Agent, Channel
from src.desk.turns import Turns
from src.integrations.embedded_valkey import EmbeddedValkey
from src.integrations.redis_ledger import RedisLedger
from src.integrations.redis_store import connect
from src.integrations.redis_views import RedisRecords
from src.integrations.simulator_channel import SimulatorChannel
from src.integrations.whatsapp_client import WhatsAppClient
from src.messages import Contact, Content, Inbound
from src.settings import Settings, admin_token, verify_token

_COURTESIES_WAITING = 200


class Services(msgspec.Struct, frozen=True):
    """What the doors of one process share."""

    settings: Settings
    ledger: RedisLedger
    records: RedisRecords
    desk: Desk
    operators: Operators
    channels: Mapping[str, Channel]
    checks: Callable[[], list[Check]]
    admin_token: Callable[[], str]
    verify_token: Callable[[], str]


class Lanes(msgspec.Struct, frozen=True):
    """What a worker process does with the claims of each lane."""

    turns: Turns
    deliveries: Deliveries


def make_services(settings: Settings, ledger: RedisLedger | None = None) -> Services:
    """For web processes: light, without the agent. Tests give their own ledger."""
    ledger = ledger or make_ledger(settings)
    records = RedisRecords(ledger)
    channels = make_channels(settings)
    return Services(
        settings=settings,
        ledger=ledger,
        records=records,
        desk=Desk(ledger, records),
        operators=Operators(ledger, records, channels, ledger.server_time),
        channels=channels,
        checks=lambda: run_checks(ledger, channels, embedded=not settings.redis_url),
        admin_token=functools.cache(lambda: admin_token(settings)),
        verify_token=functools.cache(lambda: verify_token(settings)),
    )


def make_ledger(settings: Settings) -> RedisLedger:
    """The ledger on the configured store, or on the embedded one."""
    url = settings.redis_url or EmbeddedValkey(settings.data_dir).url
    return RedisLedger(
        functools.cache(lambda: connect(url)),
        shards=settings.ledger_shards,
        lease_s=settings.lease_s,
        debounce_s=settings.debounce_s,
        debounce_max_s=settings.debounce_max_s,
        messages_per_s=settings.whatsapp.messages_per_s if settings.whatsapp else 10_000,
        wait_replicas=settings.wait_replicas,
    )


def make_channels(settings: Settings) -> Mapping[str, Channel]:
    """Who speaks on which channel. Without vendor keys the simulator does."""
    whatsapp = settings.whatsapp
    if whatsapp is None:
        return {"whatsapp": SimulatorChannel()}
    client = WhatsAppClient(
        token=whatsapp.token,
        number_id=whatsapp.phone_number_id,
        base_url=whatsapp.api_base_url,
        api_version=whatsapp.api_version,
    )
    return {"whatsapp": client}


def make_lanes(settings: Settings, ledger: RedisLedger) -> Lanes:
    """For worker processes: with the agent, which takes seconds to import. Raises DamagedCatalogue."""
    from src.agent.graph import SalesAgent  # noqa: PLC0415 - the web process never imports the graph
    from src.agent.texts import phrasebook  # noqa: PLC0415
    from src.quoting import load_catalogue  # noqa: PLC0415

    house = house_of(settings)
    channels = make_channels(settings)
    agent = SalesAgent(house, load_catalogue())
    _rehearse(agent)
    return Lanes(
        turns=Turns(
            ledger,
            agent,
            channels,
            apology=Content(text=phrasebook("es", house.address).say("desk.apology")),
            retention_days=settings.retention_days,
            courtesy=_courtesies(),
        ),
        deliveries=Deliveries(ledger, channels, monotonic=time.monotonic),
    )


def _rehearse(agent: Agent) -> None:
    """One turn that nobody sees, so that the first person does not wait for patterns and texts to be made ready."""
    now = datetime.now(UTC)
    nobody = Contact(key="rehearsal:0", channel="rehearsal")
    question = Inbound(id="rehearsal", contact=nobody, kind="text", at=now, text="Hola, ¿qué cubre? Tengo 35 años y no fumo")
    agent.advance(new_conversation(nobody, now), [question], now)


def house_of(settings: Settings) -> House:
    """What the agent is told of the business."""
    return House(
        company_name=settings.company_name,
        legal_notice=settings.company_legal_notice,
        privacy_url=settings.privacy_url,
        address="usted" if settings.agent_address == "usted" else "tu",
        timezone=settings.timezone,
        business_hours=settings.business_hours,
        retention_days=settings.retention_days,
        contact_per_minute=settings.limit_contact_per_minute,
        contact_per_day=settings.limit_contact_per_day,
    )


def _courtesies() -> Callable[[Callable[[], None]], None]:
    """Runs what may be dropped: when too much waits already, it is."""
    pool = ThreadPoolExecutor(2, thread_name_prefix="courtesy")
    places = threading.BoundedSemaphore(_COURTESIES_WAITING)

    def run(courtesy: Callable[[], None]) -> None:
        if places.acquire(blocking=False):
            pool.submit(courtesy).add_done_callback(lambda _: places.release())

    return run
