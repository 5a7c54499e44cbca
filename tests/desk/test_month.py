"""A month in compressed time: many people, the real sale, the store's clock moved by hours. Who got what, and when.

October has the night in which the clocks go back, a national holiday (the 12th) and one of the house's own.
"""

from __future__ import annotations

from collections import Counter as Tally
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import pytest

from src.agent.agenda import CALL, PROMISE
from src.agent.graph import SalesAgent
from src.agent.state import House
from src.desk.handoff import Handoffs
from src.desk.ports import Alert
from src.desk.turns import Turns
from src.house.hours import house_hours, opens_of
from src.messages import Contact, Outbound, Template
from src.quoting import load_catalogue
from src.worker import Worker
from tests.conftest import Skew
from tests.desk.fakes import APOLOGY, Office
from tests.integrations.ledger_kit import audit

HOURS = house_hours("L-J 9-14 y 16-19, V 8-15", zone="Europe/Madrid", holidays="ES", off="10-13")
BEGINS = datetime(2026, 10, 9, 10, 0, tzinfo=UTC)
DAYS = 40
RETENTION_DAYS = 10


class Got(NamedTuple):
    """Something that reached somebody without being asked just then."""

    contact: str
    at: datetime
    what: str


class Month(Office):
    """An office with the real sale, a clock that starts in October, and a book of all that went out."""

    def __init__(self, ledger: Any, skew: Skew, *, template: bool) -> None:
        super().__init__(ledger, skew)
        self.template = template
        self.alerts: list[tuple[datetime, Alert]] = []
        self.got: list[Got] = []
        self.house = House(hours=HOURS, business_hours="L-J 9-14 y 16-19, V 8-15", retention_days=RETENTION_DAYS)
        self.begin()
        self.skew.advance((BEGINS - self.now).total_seconds())

    def begin(self) -> None:
        """A process starts: nothing of the one before is left but the store."""
        agent = SalesAgent(self.house, load_catalogue())
        self.turns = Turns(
            self.ledger,
            agent,
            {"whatsapp": self.channel},
            apology=APOLOGY,
            retention_days=RETENTION_DAYS,
            courtesy=lambda _courtesy: None,
            handoffs=Handoffs(office=self.house.writing_hours, alarm=lambda alert: self.alerts.append((self.now, alert))),
            opens=opens_of(self.house.hours),
            templates={PROMISE: Template(name="seguimiento", language="es")} if self.template else {},
        )
        self.worker = Worker(self.ledger, self.turns, self.deliveries, threads=1)

    @property
    def now(self) -> datetime:
        return self.ledger.server_time()

    def works(self, *, unasked: bool = True) -> None:
        """Everything that is due now is done."""
        for _ in range(200):
            done = False
            for shard in range(self.ledger.shards):
                offered = self.ledger.offer(shard, {"turns": 100, "delivery": 100, "mirror": 0}).contacts
                for lane in ("turns", "delivery"):
                    for contact in offered[lane]:  # type: ignore[index]
                        before = len(self.channel.sent)
                        self.attend(lane, contact)  # type: ignore[arg-type]
                        done = True
                        self.got += [Got(contact, self.now, self._what(one)) for one in self.channel.sent[before:] if unasked]
            if not done:
                return
            self.skew.advance(4)  # receipts are waited for, an offer is put off
        raise AssertionError("there is no end of it")

    @staticmethod
    def _what(outbound: Outbound) -> str:
        return outbound.content.template.name if outbound.content.template else outbound.content.text

    def says(self, contact: str, *lines: str) -> None:
        for line in lines:
            self.hears(
                line, contact=contact, who=Contact(key=contact, channel="whatsapp", phone="+" + contact.partition(":")[2])
            )
            self.works(unasked=False)

    def passes(self, hours: float, *, killed: bool) -> None:
        """Time, hour by hour; `killed`: each hour a worker takes what is due and dies, before the one that does it."""
        ends = self.now + timedelta(hours=hours)
        while self.now < ends:
            self.skew.advance(3600)
            if killed:
                for shard in range(self.ledger.shards):
                    for contact in self.ledger.offer(shard, {"turns": 100, "delivery": 0, "mirror": 0}).contacts["turns"]:
                        self.ledger.claim("turns", contact)
                self.begin()
                self.skew.advance(self.ledger.lease_s + 1)
            self.works()


WISHES = {
    "más tarde": ("avísame más tarde", True),
    "semana": ("avísame la semana que viene", True),
    "cobre": ("escríbeme cuando cobre", True),
    "festivo": ("recuérdamelo el 12 de octubre", True),
    "cambio de hora": ("avísame el 25 de octubre", True),
    "no": ("no me interesa, gracias", False),
    "calla": ("", False),
}


def person(number: int) -> str:
    return f"whatsapp:346{number:08d}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("template", "killed"), [(True, False), (False, True)], ids=["with a template", "killed all the time"])
def test_a_month_of_promises(new_ledger: Any, skew: Skew, template: bool, killed: bool) -> None:
    month = Month(new_ledger(debounce_s=0, shards=2), skew, template=template)
    people = {person(number): wish for number, wish in enumerate([*WISHES] * 3)}
    stopped, back = {person(7), person(8), person(9)}, {person(14), person(15), person(16)}
    for contact, wish in people.items():
        month.says(contact, "hola", "sí, acepto", *filter(None, [WISHES[wish][0]]))
    promised = {contact: entry for contact in people if (entry := month.conversation(contact).agenda.get(PROMISE))}
    assert {people[contact] for contact in promised} == {wish for wish, (_, wants) in WISHES.items() if wants}
    for contact in stopped:
        month.says(contact, "BAJA")
    for contact in back:
        month.says(contact, "hola otra vez, ¿cuánto cuesta?")
    month.passes(24 * DAYS, killed=killed)

    assert HOURS is not None
    written = Tally(got.contact for got in month.got)
    told = Tally(alert.contact for _, alert in month.alerts if alert.name == "agenda.no_way")
    assert set(written) | set(told) == set(promised) - stopped - back, "to those who asked, and to nobody else"
    assert {*written.values(), *told.values()} == {1}, "once"
    assert set(written).isdisjoint(told), "either way"
    for got in month.got:
        assert HOURS.is_open(got.at - timedelta(minutes=2)), f"{got} outside hours"
        assert promised[got.contact].due <= got.at < promised[got.contact].due + timedelta(hours=2, minutes=5), "at its time"
        inside = got.at - BEGINS < timedelta(hours=24)
        assert inside or got.what == "seguimiento", f"{got} outside the window"
    if template:
        assert not told
    else:
        assert all(people[contact] == "más tarde" for contact in written)
    assert [contact for contact in people if month.records.record(contact) is not None] == [], "and forgotten in their time"
    assert audit(month.ledger, round(month.now.timestamp() * 1000)) == []


def test_a_time_to_call_alarms_a_person_once_within_hours(new_ledger: Any, skew: Skew) -> None:
    month = Month(new_ledger(debounce_s=0, shards=2), skew, template=False)
    month.says(person(1), "hola", "sí, acepto", "quiero hablar con una persona", "llamadme el lunes por la tarde")
    entry = month.conversation(person(1)).agenda.get(CALL)
    assert entry is not None
    assert entry.due == datetime(2026, 10, 14, 7, 0, tzinfo=UTC), "the first hour after a holiday and a day off"
    month.passes(24 * 7, killed=False)
    calls = [(at, alert) for at, alert in month.alerts if alert.name == "agenda.due"]
    assert [alert.reason for _, alert in calls] == [CALL]
    assert timedelta() <= calls[0][0] - entry.due < timedelta(hours=1, minutes=5)


def test_the_window_is_judged_when_it_is_sent(new_ledger: Any, skew: Skew) -> None:
    """Just inside: written. Just outside: a person is told, and the person who asked hears nothing."""
    month = Month(new_ledger(debounce_s=0, shards=2), skew, template=False)
    month.house = msgspec.structs.replace(month.house, hours=house_hours("24/7", zone="Europe/Madrid"))
    month.begin()
    month.says(person(1), "hola", "sí, acepto", "avísame en 20 horas")
    month.says(person(2), "hola", "sí, acepto", "avísame en 25 horas")
    month.passes(30, killed=False)
    assert [got.contact for got in month.got] == [person(1)]
    assert [alert.contact for _, alert in month.alerts if alert.name == "agenda.no_way"] == [person(2)]
