"""An office with operators, and an alarm that notes whom it told what."""

from __future__ import annotations

from src.agent.state import Handoff
from src.desk.handoff import Handoffs
from src.desk.operators import Operators
from src.desk.ports import Alert
from src.desk.turns import Turns
from src.messages import Content
from src.worker import Worker
from tests.desk.fakes import ANA, APOLOGY, RETENTION_DAYS, Office
from tests.integrations.ledger_kit import audit

DAY_S = 86_400.0
TIMEOUT_S = 300.0


class Counter(Office):
    """What the desk can do, and what people there do."""

    def __init__(self, office: Office) -> None:
        super().__init__(office.ledger, office.skew)
        self.alerts: list[Alert] = []
        self.people = Operators(
            office.ledger,
            office.records,
            {"whatsapp": self.channel},
            office.ledger.server_time,
            retention_days=lambda: RETENTION_DAYS,
        )
        self.use(Handoffs(timeout_s=TIMEOUT_S, alarm=self.alerts.append))

    def use(self, handoffs: Handoffs) -> None:
        self.turns = Turns(
            self.ledger,
            self.agent,
            {"whatsapp": self.channel},
            apology=APOLOGY,
            retention_days=RETENTION_DAYS,
            courtesy=lambda courtesy: courtesy(),
            handoffs=handoffs,
        )
        self.worker = Worker(self.ledger, self.turns, self.deliveries, threads=1)

    def greets(self, contact: str = ANA) -> None:
        """A person wrote and was answered."""
        self.hears("hola", contact=contact)
        self.turn(contact)
        self.deliver(contact)
        self.skew.advance(4)  # the next message waits no more for a receipt

    def hands_over(self, reason: str = "asked", *, urgent: bool = False) -> None:
        """The bot calls a human in a turn."""
        self.agent.decides(
            replies=(Content(text="Le paso con una persona."),),
            handoff=Handoff(reason=reason, urgent=urgent),
            changes={"owner": "human", "outcome": "handed_over", "awaiting": "age"},
        )
        self.hears("quiero una persona")
        self.skew.advance(1)
        self.turn()
        self.deliver()
        self.skew.advance(4)
        self.agent.decide = self.agent.echo

    def rows(self, contact: str = ANA) -> list[tuple[str, str, str]]:
        record = self.records.record(contact)
        assert record is not None
        return [(row["role"], row["text"], row["status"]) for row in record.rows]

    def counts(self, name: str) -> int:
        return sum(hour.get(name, 0) for hour in self.records.figures()["hours"].values())

    def faults(self) -> list[str]:
        return audit(self.ledger, round(self.ledger.server_time().timestamp() * 1000))


def turns_of_another_process(counter: Counter) -> None:
    """A process may believe for a second what it last looked up."""
    counter.ledger._paused = (0.0, False)
