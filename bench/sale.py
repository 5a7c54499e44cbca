"""One sale that all benches play, and stores filled with conversations that have come as far as somewhere in it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from src.agent import state as states
from src.agent.graph import SalesAgent
from src.agent.state import Conversation, House, Step, new_conversation
from src.desk import jobs
from src.desk.finding import listed_under
from src.desk.ports import Arrival, Settlement
from src.integrations.ledger.redis_ledger import RedisLedger
from src.messages import Contact, Inbound, Outbound
from src.quoting import load_catalogue

ANSWERS = {
    "consent": "sí",
    "name": "Marta",
    "birth_date": "12/03/1991",
    "age": "35",
    "smoker": "no",
    "occupation": "administrativa",
    "occupation_class": "1",
    "dependents": "dos",
    "marital_status": "casada",
    "monthly_income": "1900 al mes",
    "mortgage_balance": "120.000",
    "savings": "no",
    "existing_cover": "no",
    "choice": "la de en medio",
    "accept": "sí, la acepto",
}
"""What the prospect says to each question."""
PORTION = 50
"""Conversations whose messages are accepted in one round trip."""


class Turn(NamedTuple):
    """One turn of the sale: the conversation before it, what was said, and what came of it."""

    before: Conversation
    said: Inbound
    step: Step


def make_agent() -> SalesAgent:
    """The real one. Nobody is too fast for it."""
    return SalesAgent(House(contact_per_minute=1_000_000, contact_per_day=1_000_000), load_catalogue())


def contact_of(number: int) -> Contact:
    """The person of that number."""
    return Contact(key=f"whatsapp:346{number:08d}", channel="whatsapp", phone=f"+346{number:08d}")


def play(agent: SalesAgent, number: int = 0, *, tail: str = "") -> list[Turn]:
    """The sale from the first word to the acceptance. With `tail` people say that, too, with every fact."""
    contact = contact_of(number)
    conversation = new_conversation(contact, datetime.now(UTC))
    turns: list[Turn] = []
    while conversation.outcome is None:
        assert len(turns) < 2 * len(ANSWERS), f"the sale does not end; it waits for {conversation.awaiting}"
        asked = (conversation.awaiting or "").removeprefix("confirm:")
        words = ANSWERS[asked] + (tail if asked not in ("consent", "choice", "accept") else "") if turns else "hola"
        message_id = f"{contact.key}.{len(turns)}"
        said = Inbound(id=message_id, contact=contact, kind="text", at=datetime.now(UTC), text=words)
        step = agent.advance(conversation, [said], said.at)
        turns.append(Turn(conversation, said, step))
        conversation = step.conversation
    return turns


def bare_invokes_per_s(agent: SalesAgent, sale: Sequence[Turn], *, seconds: float) -> float:
    """What one core makes of the graph alone, turn after turn of the sale: the floor that everything else stands on."""
    invoked, spent_s = 0, 0.0
    while spent_s < seconds:
        for turn in sale:
            flow = agent.flow_of(turn.before, [turn.said], turn.said.at)
            start_s = time.perf_counter()
            agent.graph.invoke(flow)
            spent_s += time.perf_counter() - start_s
        invoked += len(sale)
    return invoked / spent_s


class StoredSale:
    """The same sale as that of many people, each of whom has come a different way: from one turn to all but the last.

    What is stored is made once, for the person of number 0, and then written with the number of each.
    """

    def __init__(self, sale: Sequence[Turn]) -> None:
        self._sale = sale
        self._arrivals = [jobs.arrival(turn.said) for turn in sale]
        self._replies = [list(_outbounds(turn, place)) for place, turn in enumerate(sale)]

    def turns_of(self, number: int) -> int:
        """How many turns the conversation of that number has behind it; all numbers that differ by `lengths` are alike."""
        return 1 + number % self.lengths

    @property
    def lengths(self) -> int:
        """How many different lengths there are."""
        return len(self._sale) - 1

    def fill(self, ledger: RedisLedger, numbers: range) -> None:
        """Writes the conversations of these numbers through the ledger's scripts: every message is accepted on its own, one
        commit for each conversation settles them with state, transcript and replies that were read."""
        for start in range(numbers.start, numbers.stop, PORTION):
            portion = range(start, min(start + PORTION, numbers.stop))
            ledger.accept([self.arrival(number, turn) for number in portion for turn in range(self.turns_of(number))])
            for number in portion:
                self._settle(ledger, number)

    def next_arrival(self, number: int) -> Arrival:
        """What the person of that number says next."""
        return self.arrival(number, self.turns_of(number))

    def arrival(self, number: int, turn: int) -> Arrival:
        """What the person of that number says in that turn."""
        told = self._arrivals[turn]
        said = msgspec.structs.replace(told.inbound, id=f"{contact_of(number).key}.{turn}", contact=contact_of(number))
        return Arrival(inbound=said, job=_renamed(told.job, number), row=_renamed(told.row, number), urgent=told.urgent)

    def _settle(self, ledger: RedisLedger, number: int) -> None:
        claim = ledger.claim("turns", contact_of(number).key)
        assert claim is not None
        done = self.turns_of(number)
        conversation = self._sale[done - 1].step.conversation
        replies = [reply for turn in self._replies[:done] for reply in turn]
        settlement = Settlement(
            done=[job.id for job in claim.jobs],
            state=_renamed(states.encode(conversation), number),
            stage=conversation.stage,
            name=listed_under(conversation),
            timer=claim.now + timedelta(days=10),
            rows=[_renamed(jobs.outbound_row(reply), number) for reply in replies],
            statuses={_renamed(reply.id.encode(), number).decode(): ("read", f"wamid.{reply.id}", "") for reply in replies},
            counts={"turns": done, "replies": len(replies)},
        )
        ledger.commit(claim, settlement)


def _outbounds(turn: Turn, place: int) -> list[Outbound]:
    contact = turn.said.contact
    return [
        Outbound(id=f"{contact.key}.{place}.{part}", contact=contact, content=content, at=turn.said.at)
        for part, content in enumerate(turn.step.replies)
    ]


def _renamed(stored: bytes, number: int) -> bytes:
    return stored.replace(b"34600000000", b"346%08d" % number)
