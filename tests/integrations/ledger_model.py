"""The ledger as plain Python: what must be true, with no thought for how. The machine compares the real one with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from src.desk.ports import LANES, Claim, Lane

DEBOUNCE_S, CAP_S, LEASE_S = 10.0, 40.0, 80.0
RANKS = {"queued": 0, "sending": 1, "sent": 2, "failed": 3, "delivered": 4, "read": 5}


@dataclass
class Work:
    """One lane of one person. Times in milliseconds; `claim` is the one claim that may still be settled."""

    queue: list[str] = field(default_factory=list)
    attempts: dict[str, int] = field(default_factory=dict)
    claim: Claim | None = None
    lease: int = 0
    hold: int = 0
    wait: str = ""
    first: int | None = None
    last: int = 0
    urgent: bool = False
    committed: str = ""

    def drop(self, job: str) -> None:
        self.queue.remove(job)
        self.attempts.pop(job, None)

    def give_back(self) -> None:
        self.claim, self.lease = None, 0


@dataclass
class Person:
    """`stage` is what the lists have them under: None while they are on none."""

    key: str
    names: set[str] = field(default_factory=set)
    lanes: dict[Lane, Work] = field(default_factory=lambda: {lane: Work() for lane in LANES})
    state: bytes | None = None
    stage: str | None = None
    owner: str = ""
    timer: int | None = None
    statuses: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    letters: set[tuple[Lane, str]] = field(default_factory=set)
    erased: bool = False

    def due_at(self, lane: Lane) -> int | None:
        """When this lane needs attention; 0 for at once."""
        work, at = self.lanes[lane], None
        if work.queue:
            at = 0
            if lane == "turns" and work.first is not None and not work.urgent:
                at = round(min(work.first + CAP_S * 1000, work.last + DEBOUNCE_S * 1000))
        if lane == "turns" and self.timer is not None and (at is None or self.timer < at):
            at = self.timer
        return None if at is None else max(at, work.hold)

    def handed(self, lane: Lane) -> list[str]:
        """What a claim gives: a job that was tried before comes alone."""
        work = self.lanes[lane]
        most = {"turns": 50, "delivery": 1, "mirror": 20}[lane]
        if not work.queue or work.attempts.get(work.queue[0]):
            return work.queue[:1]
        untried = [job for job in work.queue if not work.attempts.get(job)]
        fresh = next((place for place, job in enumerate(work.queue) if work.attempts.get(job)), len(untried))
        return work.queue[: min(most, fresh)]

    def take(self, lane: Lane, claim: Claim, now: int) -> None:
        work = self.lanes[lane]
        for job in claim.jobs:
            work.attempts[job.id] = work.attempts.get(job.id, 0) + 1
        work.claim, work.lease = claim, now + round(LEASE_S * 1000)
        work.hold, work.wait, work.first, work.urgent = 0, "", None, False
        if len(claim.jobs) < len(work.queue):
            work.first, work.urgent = now, True

    def say(self, outbox_id: str, status: str) -> bool:
        """The status of a message from our side. It may go back to "queued" only before the vendor had it."""
        before = self.statuses.get(outbox_id)
        if before is not None and RANKS[before] > RANKS["sending"] and RANKS[status] <= RANKS[before]:
            return False
        self.statuses[outbox_id] = status
        return True

    def hear(self, outbox_id: str, status: str) -> str:
        """The vendor's receipt."""
        if outbox_id not in self.statuses:
            return "unknown"
        work = self.lanes["delivery"]
        if work.wait == outbox_id or work.queue[:1] == [outbox_id]:
            work.wait, work.hold = "", 0
        self.told.add(outbox_id)
        if RANKS[status] <= RANKS[self.statuses[outbox_id]]:
            return "older"
        self.statuses[outbox_id] = status
        return "applied"

    def interrupt_turn(self, now: int) -> None:
        """Somebody changed the state: a turn under way is taken again, and its attempt does not count."""
        work = self.lanes["turns"]
        if work.lease > now:
            for place, job in enumerate(work.queue):
                tried = work.attempts.get(job, 0)
                if not tried:
                    break
                work.attempts[job] = tried - 1
                if place == 0 and tried > 1:
                    break
        work.give_back()

    def reset(self, finished: list[str]) -> None:
        for outbox_id in self.lanes["delivery"].queue:
            self.say(outbox_id, "failed")
        for lane, work in self.lanes.items():
            kept = Work(queue=work.queue, attempts=work.attempts)
            if lane == "turns":
                kept.first, kept.last = work.first, work.last
                for job in finished:
                    kept.drop(job)
            self.lanes[lane] = Work() if lane == "delivery" else kept
        self.state = None  # the timer stays: that is how the transcript will go one day
        self.stage, self.owner = "INICIO", ""

    def absorb(self, other: Person) -> bytes | None:
        """Returns the state that was left over, of two."""
        left_over = other.state if self.state is not None else None
        if other.state is not None and self.state is None:
            self.state = other.state
            self.stage, self.owner = other.stage or self.stage, other.owner or self.owner
            self.timer = other.timer if other.timer is not None else self.timer
            if self.lanes["turns"].lease:
                self.lanes["turns"].give_back()
        elif other.owner == "human":
            self.owner = "human"
        for lane, work in other.lanes.items():
            self.lanes[lane].queue += work.queue
            self.lanes[lane].attempts |= work.attempts
        self.statuses |= other.statuses
        self.told |= other.told
        self.letters |= other.letters
        self.names |= {*other.names, other.key}
        self.erased = False
        return left_over


def planned(state: bytes | None) -> dict[str, int]:
    """The entries that a state of the machine's holds: name → when they are due, in milliseconds."""
    entries: dict[str, int] = json.loads(state)["agenda"] if state else {}
    return entries
