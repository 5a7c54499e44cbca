"""Composition root: settings in, services out. The only place that picks implementations. Constructing connects to nothing."""

from __future__ import annotations

import functools
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from src import logs
from src.agent.agenda import PROMISE
from src.agent.model import Answer as ModelAnswer
from src.agent.model import Assistance
from src.agent.state import Conversation, House, new_conversation
from src.data_dir import admin_token, chatwoot_of, keep_provisioned, lead_page_address, provisioning_alone, verify_token
from src.desk.checks import Check, Question, SetupStep, run_checks
from src.desk.crm import File, Lead
from src.desk.delivery import Deliveries
from src.desk.desk import Desk
from src.desk.handoff import Handoffs
from src.desk.house import HouseDesk, VendorAccess
from src.desk.human_side import HumanSide
from src.desk.lead import lead_of
from src.desk.lead_rules import Rules, load_rules, read_rules
from src.desk.mirror import Mirror
from src.desk.operators import Operators
from src.desk.person import Person
from src.desk.ports import CLOCKS_APART, Agent, Alarm, Alert, Channel, Claim, Ledger, Revocations
from src.desk.turns import Turns
from src.errors import AccessDenied, IntegrationError, LedgerUnavailable, Rejected, RejectedRequest
from src.house.hours import ALWAYS, Hours, house_hours, opens_of
from src.house.settings import HouseSettings
from src.integrations.chatwoot import events as chatwoot_events
from src.integrations.chatwoot.api import ChatwootApi
from src.integrations.chatwoot.channel import ChatwootChannel, ChatwootLine
from src.integrations.chatwoot.client import ChatwootClient
from src.integrations.chatwoot.files import ChatwootFiles
from src.integrations.chatwoot.links import show_link
from src.integrations.chatwoot.poll import AT_ONCE_S, EVERY_S, ChatwootPoll
from src.integrations.chatwoot.provisioning import Provisioning, show_templates
from src.integrations.identity import contact_key, typed_key
from src.integrations.ledger.embedded_valkey import EmbeddedValkey
from src.integrations.ledger.house import LOOK_EVERY_S, CurrentHouse, RedisHouse
from src.integrations.ledger.purse import RedisPurse
from src.integrations.ledger.redis_ledger import RedisLedger
from src.integrations.ledger.revocations import RedisRevocations
from src.integrations.ledger.sightings import RedisSightings
from src.integrations.ledger.store import connect
from src.integrations.ledger.views import RedisRecords
from src.integrations.lines import addresses_of
from src.integrations.mail import Mail
from src.integrations.openai.check import ModelCheck
from src.integrations.openai.dialect import Learnt
from src.integrations.openai.keys import KeyCommand
from src.integrations.openai.moderation import Moderator
from src.integrations.process_metrics import VENDOR_CALL, MeasuredChannel, ProcessMetrics
from src.integrations.simulator_channel import SimulatorChannel
from src.integrations.twilio.client import TwilioClient
from src.integrations.whatsapp.client import WhatsAppClient
from src.messages import PLAYED, Contact, Content, Inbound, Outbound, Template, is_played
from src.settings import GROUPS, Chatwoot, Llm, Provisioned, Settings, Twilio, WhatsApp, read_group
from src.vendors import make_seals, with_stored_vendors

CLOCK_LOOK_S = 30.0
CLOCK_TELL_AGAIN_S = 3600.0
TEMPLATES_EVERY_S = 3600.0
_WAITING_IN_BACKGROUND = 200
_BACK_WITHIN_S = 60.0
"""After this long nobody waits any more for a process that left to begin anew."""
_ALARMS = {
    "conversation.handed_over": "Una persona espera respuesta",
    "conversation.unanswered": "Nadie ha contestado todavía",
    "conversation.undelivered": "Un mensaje no ha llegado: hay una persona esperando respuesta",
    "agenda.due": "Ha llegado la hora de algo apuntado en la agenda",
    "agenda.no_way": "Hay que escribir a alguien que lo pidió, y WhatsApp ya no deja sin plantilla",
    "agenda.failed": "Algo apuntado en la agenda no se ha podido hacer",
    "crm.poll_behind": "Lo que se escribe en Chatwoot puede no estar llegando a WhatsApp",
    "crm.poll_passed_over": "Una conversación de Chatwoot no se puede leer: mire si falta alguna respuesta por enviar",
    "clock.disagrees": "El reloj del almacén y el nuestro no van a la vez: no se borra a nadie hasta que se arregle",
}


ShowLeadLink = Callable[[str, Callable[[str], str | None]], bool]
"""Shows in a conversation of Chatwoot, by its number there, the link that is made for its person's contact key; False when none
is made. May raise IntegrationError, and what making the link raises."""


class Services(msgspec.Struct, frozen=True):
    """What the doors of one process share."""

    settings: Settings
    ledger: RedisLedger
    records: RedisRecords
    desk: Desk
    operators: Operators
    humans: HumanSide | None
    channels: Mapping[str, Channel]
    checks: Callable[[], list[Check]]
    metrics: ProcessMetrics
    revocations: Revocations
    show_lead_link: ShowLeadLink
    admin_token: Callable[[], str]
    verify_token: Callable[[], str]
    house: Callable[[], HouseSettings]
    house_desk: HouseDesk


class Lanes(msgspec.Struct, frozen=True):
    """What a worker process does with the claims of each lane."""

    turns: TurnsOfTheHouse
    deliveries: Deliveries
    mirror: Mirror | None
    metrics: ProcessMetrics
    beside: Sequence[Callable[[threading.Event], None]] = ()


def make_services(settings: Settings, ledger: RedisLedger | None = None, metrics: ProcessMetrics | None = None) -> Services:
    """For web processes: light, without the agent. Tests give their own ledger."""
    ledger = ledger or make_ledger(settings)
    records = RedisRecords(ledger)
    metrics = metrics or make_metrics(settings)
    house = make_house(settings, ledger)
    channels = make_channels(settings, metrics)
    return Services(
        settings=settings,
        ledger=ledger,
        records=records,
        desk=Desk(ledger, records, person=make_person(settings, ledger, channels, house), typed_key=typed_key),
        operators=_operators(ledger, channels, house),
        humans=make_human_side(settings, ledger, channels, house),
        channels=channels,
        checks=lambda: run_checks(
            ledger,
            _vendors(settings, house(), channels, metrics),
            clock=lambda: datetime.now(UTC),
            embedded=not settings.redis_url,
        ),
        metrics=metrics,
        revocations=RedisRevocations(ledger),
        show_lead_link=_lead_links(settings, metrics),
        admin_token=functools.cache(lambda: admin_token(settings)),
        verify_token=functools.cache(lambda: verify_token(settings)),
        house=house,
        house_desk=make_house_desk(settings, ledger, metrics, house),
    )


def make_house(settings: Settings, ledger: RedisLedger) -> CurrentHouse:
    """What the house decides, as it is now."""
    return CurrentHouse(RedisHouse(ledger), settings.given, time.monotonic)


def now_stored(settings: Settings, ledger: RedisLedger) -> Settings:
    """The settings with the vendors that are stored now. Raises LedgerUnavailable."""
    return with_stored_vendors(settings, RedisHouse(ledger))


def make_house_desk(settings: Settings, ledger: RedisLedger, metrics: ProcessMetrics, house: CurrentHouse) -> HouseDesk:
    """What changes it. Access to a vendor is tried at the vendor, by what asks it otherwise whether it is well."""

    def tried(group: str, values: Mapping[str, str]) -> None:
        _ask_vendor(group, read_group(settings, group, values), house(), metrics)

    def access(group: str) -> VendorAccess:
        source = settings.sources.get(group, "")
        return VendorAccess(
            variable="" if source == "stored" else source,
            check=lambda values: read_group(settings, group, values),
            test=lambda values: tried(group, values),
            off=settings.off.get(group, ""),
        )

    return HouseDesk(
        RedisHouse(ledger),
        make_seals(settings),
        settings.given,
        {group: access(group) for group in GROUPS},
        checks={"lead_rules": read_rules},
        changed=house.look_again,
    )


def _ask_vendor(group: str, settings: Settings, house: HouseSettings, metrics: ProcessMetrics) -> None:
    """Asks the vendor of that group whether these settings get us in. Raises IntegrationError."""
    if group == "whatsapp" and settings.whatsapp:
        _whatsapp_client(settings.whatsapp).check()
    elif group == "twilio" and settings.twilio:
        _twilio_client(settings, settings.twilio).check()
    elif group == "chatwoot" and settings.chatwoot:
        make_chatwoot_api(settings.chatwoot, metrics).call("check", "GET", "inboxes")
    elif group == "openai" and settings.llm:
        _model_check(settings, settings.llm).check()
    elif group == "mail":
        Mail(settings.smtp_url, house.alert_email or "nobody@localhost").check()


def make_person(
    settings: Settings, ledger: RedisLedger, channels: Mapping[str, Channel], house: Callable[[], HouseSettings]
) -> Person:
    """Whoever writes to several of our lines is one person."""
    ways = ("whatsapp", *settings.lines)
    return Person(ledger, RedisRecords(ledger), _operators(ledger, channels, house), ways=ways, addresses=addresses_of)


def _operators(ledger: RedisLedger, channels: Mapping[str, Channel], house: Callable[[], HouseSettings]) -> Operators:
    records = RedisRecords(ledger)
    return Operators(ledger, records, channels, ledger.server_time, retention_days=lambda: house().retention_days)


def make_human_side(
    settings: Settings, ledger: RedisLedger, channels: Mapping[str, Channel], house: Callable[[], HouseSettings]
) -> HumanSide | None:
    """What humans do in Chatwoot, done here; None where there is no Chatwoot."""
    if settings.chatwoot is None:
        return None
    return HumanSide(
        ledger,
        RedisRecords(ledger),
        _operators(ledger, channels, house),
        channels,
        sightings=RedisSightings(ledger),
        clock=ledger.server_time,
        key_of=chatwoot_events.key_of,
    )


def _lead_links(settings: Settings, metrics: ProcessMetrics) -> ShowLeadLink:
    def show(conversation_id: str, link_of: Callable[[str], str | None]) -> bool:
        chatwoot = chatwoot_of(settings)
        return chatwoot is not None and show_link(make_chatwoot_api(chatwoot, metrics), conversation_id, link_of)

    return show


def make_ledger(settings: Settings) -> RedisLedger:
    """The ledger on the configured store, or on the embedded one."""
    url = settings.redis_url or EmbeddedValkey(settings.data_dir).url
    return RedisLedger(
        functools.cache(lambda: connect(url)),
        shards=settings.ledger_shards,
        lease_s=settings.lease_s,
        debounce_s=settings.debounce_s,
        debounce_max_s=settings.debounce_max_s,
        messages_per_s=10_000,
        rates={line.phone_number_id: line.messages_per_s for line in settings.whatsapps.values()},
        wait_replicas=settings.wait_replicas,
        clock=time.time,
        mirrors=settings.chatwoot is not None or "chatwoot" in settings.off,
    )


def make_metrics(settings: Settings) -> ProcessMetrics:
    """Where this process writes down how long things took."""
    return ProcessMetrics(settings.data_dir / "metrics")


def make_channels(settings: Settings, metrics: ProcessMetrics) -> Mapping[str, Channel]:
    """Who speaks on which channel. Calls to vendors are measured.

    Those whom operators play are never spoken to by a vendor, and while no channel is configured nobody is.
    """
    channels: dict[str, Channel] = {}
    for way, whatsapp in settings.whatsapps.items():
        channels[way] = MeasuredChannel(_whatsapp_client(whatsapp), metrics, "whatsapp")
    for way, twilio in settings.twilios.items():
        channels[way] = MeasuredChannel(_twilio_client(settings, twilio), metrics, "twilio")
    if settings.twilio:
        # Whoever writes first from our side, and has no other way to WhatsApp, writes through Twilio.
        channels.setdefault("whatsapp", channels["twilio"])
    if settings.chatwoot and settings.chatwoot.mode == "agent-bot":
        line = ChatwootChannel(make_crm(settings, metrics), settings.chatwoot.base_url)
        channels["whatsapp"] = MeasuredChannel(line, metrics, "chatwoot")
    if settings.is_tried_out:
        channels["whatsapp"] = channels["twilio"] = SimulatorChannel()
    return {**channels, PLAYED: SimulatorChannel()}


def _whatsapp_client(whatsapp: WhatsApp) -> WhatsAppClient:
    return WhatsAppClient(
        token=whatsapp.token,
        number_id=whatsapp.phone_number_id,
        base_url=whatsapp.api_base_url,
        api_version=whatsapp.api_version,
    )


def _twilio_client(settings: Settings, twilio: Twilio) -> TwilioClient:
    return TwilioClient(
        account_sid=twilio.account_sid,
        auth_token=twilio.auth_token,
        sender=twilio.sender,
        base_url=twilio.api_base,
        status_url=f"{settings.public_base_url}/webhook/twilio/status" if settings.public_base_url else "",
    )


def make_lanes(settings: Settings, ledger: RedisLedger) -> Lanes:
    """For worker processes: with the agent, which takes seconds to import. Raises DamagedCatalogue."""
    from src.agent import knowledge  # noqa: PLC0415
    from src.agent.graph import SalesAgent  # noqa: PLC0415 - the web process never imports the graph
    from src.agent.texts import phrasebook  # noqa: PLC0415
    from src.desk.notes import Notes  # noqa: PLC0415 - they know the tariff
    from src.integrations.tracing import rule_langsmith  # noqa: PLC0415
    from src.quoting import load_catalogue  # noqa: PLC0415

    rule_langsmith(enabled=settings.langsmith_tracing)
    house = make_house(settings, ledger)
    metrics = _traced(make_metrics(settings), settings)
    channels = make_channels(settings, metrics)
    answers = knowledge.load([Path(settings.knowledge_dir)] if settings.knowledge_dir else [])
    for fault in answers.faults:
        logs.get_logger().error("knowledge.file_refused", detail=str(fault))
    catalogue = load_catalogue("", tariff_folder(settings))
    _rehearse(SalesAgent(told_of(house()), catalogue, search=answers.search))
    think = make_assistance(settings, ledger, metrics, channels)
    alarm, courtesy = make_alarm(settings, ledger, channels, house), _in_background(2)
    person = make_person(settings, ledger, channels, house)

    def turns(now: HouseSettings) -> Turns:
        told = told_of(now)
        agent = SalesAgent(told, catalogue, search=answers.search, assistance=think(now) if think else None)
        return Turns(
            ledger,
            agent,
            channels,
            apology=Content(text=phrasebook("es", now.agent_address).say("desk.apology")),
            retention_days=now.retention_days,
            courtesy=courtesy,
            handoffs=Handoffs(
                timeout_s=now.handoff_timeout_s, address=now.agent_address, alarm=alarm, office=told.hours or ALWAYS
            ),
            notes=Notes(catalogue, timezone=now.timezone, dashboard_url=_dashboard_url(settings)),
            opens=opens_of(told.writing_hours),
            templates={PROMISE: follow_up} if (follow_up := follow_up_template(now)) else {},
            person=person,
        )

    return Lanes(
        turns=TurnsOfTheHouse(house, turns),
        deliveries=Deliveries(ledger, channels, monotonic=time.monotonic, elsewhere=settings.off, ready=_files(settings)),
        mirror=make_mirror(settings, ledger, channels, metrics, house),
        metrics=metrics,
        beside=[
            *_polls(settings, ledger, channels, metrics, house),
            *_template_pickers(settings, ledger, metrics),
            watch_clocks(ledger, alarm),
        ],
    )


def watch_vendors(
    found: Settings, at_start: Settings, ledger: RedisLedger, leave: Callable[[], None], *, every_s: float = LOOK_EVERY_S
) -> Callable[[threading.Event], None]:
    """Has this process `leave` in good order when the vendors that are stored are others than those it was made with, so that
    whoever looks after it starts it anew: our own supervisor does. On one machine the next leaves when the one before is back.

    `found` are the settings by the environment alone, `at_start` those with what was stored.
    """
    log, leaving = logs.get_logger(), f"leaves {socket.gethostname()}"

    def run(stopping: threading.Event) -> None:
        with suppress(LedgerUnavailable):
            ledger.once_more(leaving)
        while not stopping.wait(every_s):
            with suppress(LedgerUnavailable):  # the poller says it
                if now_stored(found, ledger) != at_start and ledger.once(leaving, for_s=_BACK_WITHIN_S):
                    log.info("vendors.changed")
                    leave()
                    return

    return run


class TurnsOfTheHouse:
    """Turns by what the house decides at that moment: what a claim began with holds until it ends."""

    def __init__(self, house: Callable[[], HouseSettings], make: Callable[[HouseSettings], Turns]) -> None:
        self._house, self._make = house, make
        self._made: tuple[HouseSettings, Turns] | None = None

    def work(self, claim: Claim) -> str:
        """See `Turns`."""
        return self.now().work(claim)

    def give_up(self, claim: Claim, reason: str) -> None:
        """See `Turns`."""
        self.now().give_up(claim, reason)

    def now(self) -> Turns:
        """Those by what is decided at this moment."""
        house, made = self._house(), self._made
        if made is None or made[0] is not house:
            self._made = made = (house, self._make(house))
        return made[1]


def _files(settings: Settings) -> Callable[[Outbound], Content]:
    """What humans attach in Chatwoot is stored at Meta, for the line's own number, before it is sent; any other vendor fetches
    it by its link."""
    if settings.chatwoot is None:
        return lambda outbound: outbound.content
    address, lines = settings.chatwoot.base_url, settings.whatsapps.items()
    files = {way: ChatwootFiles(address, _whatsapp_client(whatsapp).upload) for way, whatsapp in lines}

    def ready(outbound: Outbound) -> Content:
        at_meta = files.get(outbound.contact.channel)
        return at_meta.ready(outbound.content) if at_meta else outbound.content

    return ready


def _polls(
    settings: Settings,
    ledger: RedisLedger,
    channels: Mapping[str, Channel],
    metrics: ProcessMetrics,
    house: Callable[[], HouseSettings],
) -> Sequence[Callable[[threading.Event], None]]:
    humans = make_human_side(settings, ledger, channels, house)
    if humans is None:
        return ()

    def connect() -> tuple[ChatwootApi, int] | None:
        chatwoot = chatwoot_of(settings)
        return (make_chatwoot_api(chatwoot, metrics), chatwoot.inbox_id) if chatwoot and chatwoot.inbox_id else None

    def told(reason: str, detail: str) -> None:
        log.error("crm.poll", reason=reason, detail=detail)
        alarm(Alert("crm.poll_behind" if reason == "behind" else "crm.poll_passed_over", "", reason, urgent=False))

    log, alarm = logs.get_logger(), make_alarm(settings, ledger, channels, house)
    inboxes = [*settings.line_inboxes.values()]
    desk = Desk(ledger, RedisRecords(ledger))
    owns_line = settings.chatwoot is not None and settings.chatwoot.mode == "agent-bot"
    poll = ChatwootPoll(
        connect,
        humans,
        RedisSightings(ledger),
        clock=lambda: ledger.server_time().timestamp(),
        told=told,
        further_inboxes=inboxes,
        hear=(lambda inbound: desk.receive([inbound], []).accepted == 1) if owns_line else None,
    )

    def run(stopping: threading.Event) -> None:
        while not stopping.wait(AT_ONCE_S if poll.has_more else EVERY_S):
            try:
                if found := poll.look_alone():
                    log.info("crm.polled", found=found)
            except (IntegrationError, LedgerUnavailable) as failure:
                log.warning("crm.poll_failed", detail=str(failure))
            except Exception:  # nobody else would tell of it, and the next look may do better
                log.exception("crm.poll_failed")

    return (run,)


def watch_clocks(ledger: Ledger, alarm: Alarm, *, every_s: float = CLOCK_LOOK_S) -> Callable[[threading.Event], None]:
    """Says so when the store's clock and this machine's disagree: nobody is forgotten as long as they do."""
    log = logs.get_logger()

    def run(stopping: threading.Event) -> None:
        while not stopping.wait(every_s):
            with suppress(LedgerUnavailable):  # the poller says it
                off_s = ledger.clock_off_s()
                if abs(off_s) > CLOCKS_APART.total_seconds():
                    log.error("clock.off", ahead_s=round(off_s))
                    if ledger.once("clock", for_s=CLOCK_TELL_AGAIN_S):
                        alarm(Alert("clock.disagrees", "", "clock", urgent=True))

    return run


def make_mirror(
    settings: Settings,
    ledger: Ledger,
    channels: Mapping[str, Channel],
    metrics: ProcessMetrics,
    house: Callable[[], HouseSettings],
) -> Mirror | None:
    """What tells Chatwoot of everything; None when there is none."""
    if settings.chatwoot is None:
        return None
    crm = make_crm(settings, metrics)
    of_file = make_lead_rules(settings) if settings.lead_rules else None

    def judged(conversation: Conversation) -> Lead:
        return lead_of(conversation, of_file or make_lead_rules(settings, house().lead_rules))

    return Mirror(ledger, crm, lead_of=judged, channels=channels, monotonic=time.monotonic)


def _traced(metrics: ProcessMetrics, settings: Settings) -> ProcessMetrics:
    """The same measurements, sent to a collector as well where one is configured."""
    if not settings.otlp_endpoint:
        return metrics
    from src.integrations.tracing import TracedMetrics, otlp  # noqa: PLC0415

    try:
        span = otlp(settings.otlp_endpoint, "iagente-vida")
    except ImportError:
        logs.get_logger().error(
            "tracing.unavailable",
            detail="OTEL_EXPORTER_OTLP_ENDPOINT is set: pip install opentelemetry-exporter-otlp-proto-http",
        )
        return metrics
    return TracedMetrics(settings.data_dir / "metrics", span)


def make_crm(settings: Settings, metrics: ProcessMetrics) -> Callable[..., ChatwootClient]:
    """Chatwoot's client for a contact: in the inbox of its line, which is the first line's where it has none of its own. It is
    made when it is first asked for: until then it may be provisioned. Raises AccessDenied before that."""
    made: dict[int, ChatwootClient] = {}

    def crm(contact: str = "") -> ChatwootClient:
        chatwoot = chatwoot_of(settings)
        inbox_id = settings.line_inboxes.get(contact.partition(":")[0]) or (chatwoot.inbox_id if chatwoot else 0)
        if chatwoot is None or not inbox_id:
            raise AccessDenied("chatwoot", "setup", detail="no inbox is known: run provision-chatwoot")
        if inbox_id not in made:
            kind = ChatwootLine if chatwoot.mode == "agent-bot" else ChatwootClient
            made[inbox_id] = kind(make_chatwoot_api(chatwoot, metrics), inbox_id=inbox_id)
        return made[inbox_id]

    return crm


def make_chatwoot_api(chatwoot: Chatwoot, metrics: ProcessMetrics) -> ChatwootApi:
    """Calls to that account."""
    return ChatwootApi(
        base_url=chatwoot.base_url,
        account_id=chatwoot.account_id,
        user_token=chatwoot.user_token,
        bot_token=chatwoot.bot_token,
        measure=metrics.vendor_call,
    )


def set_up_chatwoot(
    settings: Settings, chatwoot: Chatwoot, told: Callable[[SetupStep], None] = lambda _step: None
) -> list[SetupStep]:
    """Makes in that account what is missing there, and keeps what was made in the data directory; each step as it is done.

    One at a time on this machine: the second finds what the first one made.
    """
    steps: list[SetupStep] = []
    try:
        with provisioning_alone(settings):
            run = Provisioning(
                ChatwootApi(base_url=chatwoot.base_url, account_id=chatwoot.account_id, user_token=chatwoot.user_token),
                inbox_id=chatwoot.inbox_id,
                owns_line=chatwoot.mode == "agent-bot",
                webhook_url=f"{settings.public_base_url}/webhook/chatwoot" if settings.public_base_url else "",
                teams=make_lead_rules(settings, make_house(settings, make_ledger(settings))().lead_rules).team,
                lead_page_url=lead_page_address(settings),
                bot_token=chatwoot.bot_token,
                agents=chatwoot.agents,
                templates=_approved_templates(settings),
            )
            steps = run.run(told)
            if len(steps) == 1:  # without access what an earlier run kept stays
                return steps
            made = Provisioned(
                base_url=chatwoot.base_url,
                account_id=chatwoot.account_id,
                inbox_id=run.made.inbox_id or chatwoot.inbox_id,
                bot_token=run.made.bot_token or chatwoot.bot_token,
                webhook_secrets=run.made.webhook_secrets or chatwoot.webhook_secrets,
            )
            file, changed = keep_provisioned(settings, made)
            kept = SetupStep("kept", "changed" if changed else "unchanged", str(file))
    except OSError as fault:
        by_hand = f"make {settings.data_dir} writable for this program, and run it again"
        kept = SetupStep("kept", "failed", fault.strerror or type(fault).__name__, by_hand)
    told(kept)
    return [*steps, kept]


def _approved_templates(settings: Settings) -> Callable[[], list[dict[str, Any]]] | None:
    """Asks Meta; None where it is not known of which account. Without a number of ours at Meta there are none."""
    whatsapp = settings.whatsapp
    if whatsapp is None:
        return list
    if not whatsapp.business_account_id:
        return None
    return lambda: _whatsapp_client(whatsapp).approved_templates(whatsapp.business_account_id)


def _template_pickers(
    settings: Settings, ledger: Ledger, metrics: ProcessMetrics, *, every_s: float = TEMPLATES_EVERY_S
) -> Sequence[Callable[[threading.Event], None]]:
    """Keeps the templates that people choose from in Chatwoot as they are at Meta."""
    approved = _approved_templates(settings)
    if settings.chatwoot is None or settings.chatwoot.mode == "agent-bot" or settings.whatsapp is None or approved is None:
        return ()
    log = logs.get_logger()

    def run(stopping: threading.Event) -> None:
        while not stopping.wait(every_s / 60):
            try:
                chatwoot = chatwoot_of(settings)
                if chatwoot and chatwoot.inbox_id and ledger.once("chatwoot templates", for_s=every_s):
                    changed, number = show_templates(make_chatwoot_api(chatwoot, metrics), chatwoot.inbox_id, approved())
                    log.info("crm.templates", changed=changed, number=number)
            except (IntegrationError, LedgerUnavailable) as failure:
                log.warning("crm.templates_failed", detail=str(failure))

    return (run,)


def _dashboard_url(settings: Settings) -> str:
    return f"{settings.public_base_url}/dashboard" if settings.public_base_url else ""


def make_lead_rules(settings: Settings, stored: str = "") -> Rules:
    """What is thought of leads: the brokerage's own rules, in its file or `stored`, or ours when it has none or its file is
    broken, which is logged."""
    if stored and not settings.lead_rules:
        with suppress(ValueError):  # stored by another version
            return read_rules(stored)
    rules, fault = load_rules(Path(settings.lead_rules) if settings.lead_rules else None)
    if fault:
        logs.get_logger().error("lead_rules.file_refused", detail=fault)
    return rules


def make_assistance(
    settings: Settings, ledger: RedisLedger, metrics: ProcessMetrics, channels: Mapping[str, Channel]
) -> Callable[[HouseSettings], Assistance] | None:
    """The language model, used as the house wants it, or None without a key: then rules read and texts answer, as they do
    whenever it fails."""
    llm = settings.llm
    if llm is None:
        return None
    from src.integrations.openai.client import OpenAiModel  # noqa: PLC0415 - seconds of import that only this needs

    purse = RedisPurse(ledger, daily_usd=llm.daily_usd, monthly_usd=llm.monthly_usd)
    model = OpenAiModel(
        purse_is_empty=purse.is_empty,
        spent=purse.spend,
        api_key=_model_key(llm),
        base_url=llm.base_url,
        model=llm.model,
        provider=llm.provider,
        deployment=llm.deployment,
        api_version=llm.api_version,
        learnt=_learnt(settings),
        timeout_s=llm.timeout_s,
        threads=settings.worker_threads,
        resting=ledger.paused,
        measured=lambda task, outcome, took_s: metrics.observe(VENDOR_CALL, ("model", task, outcome), took_s),
        ears=_ears(llm, channels),
        moderator=_moderator(llm),
    )
    return lambda house: Assistance(
        model,
        phrasing=house.agent_style == "model",
        daily_tokens=llm.daily_tokens_per_contact,
        moderation=llm.moderation,
    )


def _ears(llm: Llm, channels: Mapping[str, Channel]) -> Callable[[Inbound, float], ModelAnswer] | None:
    """Who listens to voice notes: nobody where that is switched off."""
    if not llm.transcription_model:
        return None
    from src.integrations.openai.transcription import MOST_BYTES, Transcriber  # noqa: PLC0415

    def fetch(voice: Inbound) -> File:
        assert voice.media is not None  # noqa: S101 - only voice notes are listened to
        channel = channels.get(voice.contact.channel)
        if channel is None:
            raise Rejected(voice.contact.channel, "download", detail="the channel is not configured any more")
        return channel.download(voice.media, max_bytes=MOST_BYTES)

    key = llm.transcription_api_key or _model_key(llm)
    return Transcriber(api_key=key, base_url=llm.transcription_base_url, model=llm.transcription_model, fetch=fetch)


def _moderator(llm: Llm) -> Moderator | None:
    if not llm.moderation:
        return None
    return Moderator(api_key=llm.moderation_api_key or _model_key(llm), base_url=llm.moderation_base_url)


def _model_key(llm: Llm) -> str | KeyCommand:
    return KeyCommand(llm.api_key_command) if llm.api_key_command else llm.api_key


def _learnt(settings: Settings) -> Learnt:
    """What was learnt of how servers want to be asked, beside the store."""
    return Learnt(settings.data_dir / "model-dialects.json")


def tariff_folder(settings: Settings) -> Path:
    """Where the tariffs are that this house sells by: its own, or those that come with the program."""
    from src.quoting.products import PACKAGE  # noqa: PLC0415 - see make_lanes

    return Path(settings.tariff_dir) if settings.tariff_dir else PACKAGE


def _rehearse(agent: Agent) -> None:
    """One turn that nobody sees, so that the first person does not wait for patterns and texts to be made ready."""
    now = datetime.now(UTC)
    nobody = Contact(key="rehearsal:0", channel="rehearsal")
    question = Inbound(id="rehearsal", contact=nobody, kind="text", at=now, text="Hola, ¿qué cubre? Tengo 35 años y no fumo")
    agent.advance(new_conversation(nobody, now), [question], now)


def follow_up_template(house: HouseSettings) -> Template | None:
    """What is sent to somebody who asked to be written to and whose reply window is closed, or None."""
    name, _, language = house.follow_up_template.partition("/")
    return Template(name=name, language=language or "es") if name else None


def hours_of(house: HouseSettings) -> Hours | None:
    """When people of the house answer, as far as that was told in words that can be understood."""
    hours = house_hours(house.business_hours, zone=house.timezone, holidays=house.holidays, off=house.days_off)
    if house.business_hours and hours is None:
        logs.get_logger().error("hours.not_understood", detail="BUSINESS_HOURS is shown as it stands; nothing waits for it")
    return hours


def told_of(house: HouseSettings) -> House:
    """What the agent is told of the business."""
    return House(
        company_name=house.company_name,
        legal_notice=house.company_legal_notice,
        privacy_url=house.privacy_url,
        address=house.agent_address,
        timezone=house.timezone,
        business_hours=house.business_hours,
        hours=hours_of(house),
        retention_days=house.retention_days,
        contact_per_minute=house.limit_contact_per_minute,
        contact_per_day=house.limit_contact_per_day,
    )


def make_alarm(
    settings: Settings, ledger: RedisLedger, channels: Mapping[str, Channel], house: Callable[[], HouseSettings]
) -> Alarm:
    """Tells the people on duty: a line in the log always, an e-mail and a WhatsApp message where they are configured.

    Neither says whose conversation it is: only the pseudonym that the log uses, and where to look.
    """
    log = logs.get_logger()
    operators = _operators(ledger, channels, house)
    background = _in_background(1)

    def alarm(alert: Alert) -> None:
        log.warning(alert.name, reason=alert.reason, urgent=alert.urgent)
        if is_played(alert.contact):
            return
        subject, text = _notice(alert, ledger.pseudonym(alert.contact), settings.public_base_url)
        now = house()
        if mail := make_mail(settings, now):
            background(lambda: write_mail(mail, subject, text))
        if now.alert_whatsapp:
            background(lambda: write_whatsapp(now.alert_whatsapp, f"{subject}\n\n{text}"))

    def write_mail(mail: Mail, subject: str, text: str) -> None:
        try:
            mail.send(subject, text)
        except IntegrationError as failure:
            log.warning("alarm.not_sent", by="mail", detail=str(failure))

    def write_whatsapp(phone: str, text: str) -> None:
        try:
            operators.say(contact_key(phone, None), {"text": text}, to_anybody=True)
        except (RejectedRequest, LedgerUnavailable) as failure:
            log.warning("alarm.not_sent", by="whatsapp", detail=str(failure))

    return alarm


def _vendors(
    settings: Settings, house: HouseSettings, channels: Mapping[str, Channel], metrics: ProcessMetrics
) -> Mapping[str, Question]:
    """Whom to ask whether they are well."""
    vendors: dict[str, Question] = {f"channel {name}": channel.check for name, channel in channels.items() if name != PLAYED}
    if settings.chatwoot:
        crm = make_crm(settings, metrics)
        vendors["chatwoot"] = lambda: crm().check()
    if llm := settings.llm:
        vendors["language model"] = _model_check(settings, llm).check
    if mail := make_mail(settings, house):
        vendors["alarm mail"] = mail.check
    elif settings.smtp_url or house.alert_email:
        vendors["alarm mail"] = _half_configured
    return vendors


def _model_check(settings: Settings, llm: Llm) -> ModelCheck:
    return ModelCheck(
        api_key=_model_key(llm),
        base_url=llm.base_url,
        model=llm.model,
        provider=llm.provider,
        deployment=llm.deployment,
        api_version=llm.api_version,
        learnt=_learnt(settings),
        timeout_s=llm.timeout_s,
    )


def _half_configured() -> Mapping[str, str]:
    raise AccessDenied("mail", "check", detail="SMTP_URL and ALERT_EMAIL work together: one of them is missing")


def make_mail(settings: Settings, house: HouseSettings) -> Mail | None:
    """The way to the people on duty by e-mail, or None when it is not configured."""
    return Mail(settings.smtp_url, house.alert_email) if settings.smtp_url and house.alert_email else None


def _notice(alert: Alert, pseudonym: str, public_base_url: str) -> tuple[str, str]:
    """Subject and text in Spanish, as those who read it are the house's own people."""
    what = _ALARMS[alert.name]
    if alert.contact:
        where = f"{public_base_url}/dashboard/conversations?owner=human" if public_base_url else "la lista de conversaciones"
        text = f"{what}.\n\nMotivo: {alert.reason}\nConversación: {pseudonym} (como en webhook.log)\nDónde: {where}\n"
    else:
        text = f"{what}.\n\nMotivo: {alert.reason}\nDónde: webhook.log y docs/operations.md\n"
    return f"{'URGENTE: ' if alert.urgent else ''}{what} ({alert.reason})", text


def _in_background(threads: int) -> Callable[[Callable[[], None]], None]:
    """Runs what nobody waits for: when too much waits already, it is dropped."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="background")
    places = threading.BoundedSemaphore(_WAITING_IN_BACKGROUND)

    def run(task: Callable[[], None]) -> None:
        if places.acquire(blocking=False):
            pool.submit(task).add_done_callback(lambda _: places.release())

    return run
