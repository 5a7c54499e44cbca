"""A worker process: asks the ledger who needs attention, takes claims, does the work, again. `python -m src.worker`

One poller; a pool of threads for each lane, so that a slow vendor starves nobody. Threads are for waiting: for more turns
per second start more processes. SIGTERM finishes what is in hand and gives the rest back.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import FrameType

import structlog

from src import logs
from src.bootstrap import make_lanes, make_ledger, now_stored, watch_vendors
from src.desk.delivery import Deliveries, backoff_s
from src.desk.mirror import Mirror
from src.desk.ports import LANES, Claim, Lane, Ledger, TurnWork
from src.desk.turns import MOST_ATTEMPTS
from src.errors import ConfigurationError, DamagedCatalogue, LedgerUnavailable, StaleCommit
from src.integrations.process_metrics import WORK
from src.settings import Settings, load

POLL_S = 1.0
"""A lost ring of the doorbell costs at most this."""
BEAT_S = 2.0
STOP_WITHIN_S = 20.0
LONGEST_TURN_S = 60.0
BEGINS_ANEW = 3
"""The exit code of a process that is to be started anew."""
NICENESS = 5
"""Doors and store come first: on a machine that cannot keep up, replies wait longer, webhooks do not."""
_NUMBER_WAIT_S = 0.3
_AT_ONCE_S = 0.0
"""Monotonic seconds that are always past."""


class Worker:
    """`run` returns after `stop`, when everything in hand is finished or given back.

    `measured` is told of every claim worked on: its lane, what came of it in a word, and the seconds it took. What runs
    `beside` gets a thread of its own, and the event upon which it is to return.
    """

    def __init__(
        self,
        ledger: Ledger,
        turns: TurnWork,
        deliveries: Deliveries,
        mirror: Mirror | None = None,
        *,
        threads: int,
        beside: Sequence[Callable[[threading.Event], None]] = (),
        measured: Callable[[Lane, str, float], None] = lambda *_: None,
    ) -> None:
        self.name = f"{socket.gethostname()}.{os.getpid()}"
        self.begins_anew = False
        self._ledger = ledger
        self._turns = turns
        self._deliveries = deliveries
        self._mirror = mirror
        self._measured = measured
        self._beside = beside
        sizes: dict[Lane, int] = {"turns": threads, "delivery": threads, "mirror": max(2, threads // 4)}
        self._pools = {lane: ThreadPoolExecutor(size, thread_name_prefix=lane) for lane, size in sizes.items()}
        # Twice as many contacts as threads are taken in hand, so that a thread that gets free finds one waiting.
        self._most = {lane: 2 * size for lane, size in sizes.items()}
        self._busy: dict[Lane, int] = dict.fromkeys(LANES, 0)
        self._claims: dict[str, tuple[Claim, float]] = {}
        self._next_look_s = [_AT_ONCE_S] * ledger.shards
        # Shards on which more is due than could be taken in hand. They take turns, before any bell that rings meanwhile.
        self._backlog: dict[Lane, deque[int]] = {lane: deque() for lane in LANES}
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._log = logs.get_logger()

    # -- the poller ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Works until told to stop."""
        self._log.info("worker.started", threads=self._most["turns"] // 2)
        helpers = [threading.Thread(target=helper, daemon=True) for helper in (self._listen, self._beat, self._renew)]
        helpers += [threading.Thread(target=task, args=(self._stopping,), daemon=True) for task in self._beside]
        for helper in helpers:
            helper.start()
        trouble = 0
        while not self._stopping.is_set():
            try:
                self._look()
                trouble = 0
            except LedgerUnavailable as error:
                trouble += 1
                self._log.warning("ledger.unavailable", detail=str(error), times=trouble)
                self._stopping.wait(min(0.1 * 2**trouble, 2.0))
            self._sleep()
        self._finish()

    def stop(self, *, to_begin_anew: bool = False) -> None:
        """May be called from a signal handler's thread. `to_begin_anew` is for whoever looks after the process."""
        self.begins_anew = to_begin_anew
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()

    def _look(self) -> None:
        """Hands the contacts that need attention to the pools, as far as there is room."""
        for shard in range(len(self._next_look_s)):
            with self._changed:
                if self._next_look_s[shard] > time.monotonic() or self._stopping.is_set():
                    continue
                room = {lane: self._room(lane, its_turn=self._next_look_s[shard] == _AT_ONCE_S) for lane in LANES}
                self._next_look_s[shard] = time.monotonic() + POLL_S
            offers = self._ledger.offer(shard, room)
            with self._changed:
                for lane in LANES:
                    for contact in offers.contacts[lane]:
                        self._busy[lane] += 1
                        self._pools[lane].submit(self._attend, lane, contact)
                    if lane in offers.more and shard not in self._backlog[lane]:
                        self._backlog[lane].append(shard)
                    self._go_on(lane)
                if offers.next_in_s is not None:
                    self._next_look_s[shard] = min(self._next_look_s[shard], time.monotonic() + offers.next_in_s)

    def _room(self, lane: Lane, *, its_turn: bool) -> int:
        """How many contacts may be taken in hand. Those of other shards wait longer than what has just become due."""
        return self._most[lane] - self._busy[lane] if its_turn or not self._backlog[lane] else 0

    def _go_on(self, lane: Lane) -> None:
        """When half of what was in hand is done, the next shard has its turn: one look for many contacts."""
        if self._backlog[lane] and self._busy[lane] <= self._most[lane] // 2:
            self._next_look_s[self._backlog[lane].popleft()] = _AT_ONCE_S
            self._changed.notify_all()

    def _sleep(self) -> None:
        with self._changed:
            wait_s = min(self._next_look_s) - time.monotonic()
            if wait_s > 0 and not self._stopping.is_set():
                self._changed.wait(wait_s)

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                self._ledger.listen(self._ring, self._stopping.is_set)
            except LedgerUnavailable:
                self._stopping.wait(0.5)

    def _ring(self, shard: int, in_s: float) -> None:
        at_s = time.monotonic() + in_s
        with self._changed:
            if at_s < self._next_look_s[shard]:
                self._next_look_s[shard] = at_s
                self._changed.notify_all()

    # -- the work --------------------------------------------------------------------------------------------------

    def _attend(self, lane: Lane, contact: str) -> None:
        try:
            if not self._stopping.is_set():
                self._claim_and_work(lane, contact)
        except LedgerUnavailable as error:
            self._log.warning("ledger.unavailable", lane=lane, detail=str(error))
        finally:
            with self._changed:
                self._busy[lane] -= 1
                self._go_on(lane)

    def _claim_and_work(self, lane: Lane, contact: str) -> None:
        if lane == "delivery" and not self._number_is_free(contact):
            return
        claim = self._ledger.claim(lane, contact)
        if claim is None:
            return
        started_s, outcome = time.monotonic(), "failed"
        with structlog.contextvars.bound_contextvars(
            lane=lane, contact=self._ledger.pseudonym(contact), cid=claim.turn_id, jobs=len(claim.jobs)
        ):
            with self._changed:
                self._claims[lane + contact] = (claim, started_s)
            try:
                outcome = self._work(claim)
                self._log.info("work.done", outcome=outcome, ms=round((time.monotonic() - started_s) * 1000, 1))
            except StaleCommit:
                outcome = "lost"
                self._log.info("work.lost", ms=round((time.monotonic() - started_s) * 1000, 1))
            except LedgerUnavailable:
                outcome = "store_unavailable"
                raise
            except Exception:  # noqa: BLE001 - the worker loop: whatever went wrong concerns this claim alone
                self._log.error("work.failed", exc_info=True)
                self._fail(claim)
            finally:
                self._measured(lane, outcome, time.monotonic() - started_s)
                with self._changed:
                    self._claims.pop(lane + contact, None)

    def _work(self, claim: Claim) -> str:
        if claim.lane == "turns":
            return self._turns.work(claim)
        if claim.lane == "delivery":
            return self._deliveries.work(claim)
        if self._mirror is None:  # left over from when there was a CRM
            self._ledger.retry(claim, after_s=LONGEST_TURN_S, uncount=True)
            return "no_crm"
        return self._mirror.work(claim)

    def _number_is_free(self, contact: str) -> bool:
        """Takes a place in the number's limit. Without one the contact is offered again within a second."""
        channel = self._deliveries.channel_of(contact)
        deadline_s = time.monotonic() + _NUMBER_WAIT_S
        while channel is not None:
            wait_s = self._ledger.wait_for_number(channel.number)
            if wait_s == 0:
                return True
            if time.monotonic() + wait_s > deadline_s:
                return False
            time.sleep(wait_s)
        return True

    def _fail(self, claim: Claim) -> None:
        """A bug or a newer state: tried again a little later, then given up so that it stops nobody else."""
        # A timer that fails counts no attempts: it is looked at again now and then, until somebody mends it.
        attempts = max((job.attempts for job in claim.jobs), default=8)
        try:
            if claim.lane == "turns" and claim.jobs and attempts >= MOST_ATTEMPTS:
                self._turns.give_up(claim, "its turn failed three times")
            else:
                self._ledger.retry(claim, after_s=backoff_s(attempts, claim.turn_id))
        except StaleCommit:
            self._log.info("work.lost")
        except LedgerUnavailable:
            raise
        except Exception:  # noqa: BLE001 - nobody above would tell of it; the lease ends, and somebody tries again
            self._log.error("work.not_put_away", exc_info=True)

    # -- around the work -------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        """Keeps the leases of long turns and slow calls. One that never ends loses its lease, and somebody else tries."""
        every_s = self._ledger.lease_s / 3
        while not self._stopping.wait(every_s):
            with self._changed:
                held = list(self._claims.values())
            for claim, started_s in held:
                age_s = time.monotonic() - started_s
                if claim.lane != "delivery" and every_s < age_s < LONGEST_TURN_S:
                    try:
                        self._ledger.renew(claim)
                    except (StaleCommit, LedgerUnavailable) as error:
                        self._log.warning("lease.not_renewed", lane=claim.lane, error=type(error).__name__)

    def _beat(self) -> None:
        while True:
            with suppress(LedgerUnavailable):  # the poller says it
                self._ledger.beat(self.name)
                self._ledger.tidy()
            if self._stopping.wait(BEAT_S):
                return

    def _finish(self) -> None:
        self._log.info("worker.stopping", in_hand=len(self._claims))
        deadline_s = time.monotonic() + STOP_WITHIN_S
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        with self._changed:
            while self._claims and time.monotonic() < deadline_s:
                self._changed.wait(0.1)
            left = [claim for claim, _ in self._claims.values()]
        for claim in left:
            try:
                # What was being told to the CRM may have arrived: the next attempt is a second one.
                self._ledger.retry(claim, after_s=0.0, uncount=claim.lane != "mirror")
            except LedgerUnavailable:
                break
        with suppress(LedgerUnavailable):
            self._ledger.leave(self.name)
        self._log.info("worker.stopped", given_back=len(left))


def main() -> int:
    """Runs one worker until SIGTERM or SIGINT. Exit codes: 0 stopped, 2 the configuration cannot work, 3 access to vendors has
    changed, so that it is to be started anew."""
    try:
        settings = load()
        logs.configure(
            log_file=settings.log_file,
            log_format=settings.log_format,
            debug=settings.debug,
            process="worker",
            stdout=settings.log_stdout,
        )
        ledger = make_ledger(settings)
        found = settings
        settings = _await_store(lambda: now_stored(found, ledger))
        for name, why in settings.off.items():
            logs.get_logger().error("vendor.off", vendor=name, why=why)
        ledger = make_ledger(settings)  # with a CRM or without
        lanes = make_lanes(settings, ledger)
    except (ConfigurationError, DamagedCatalogue) as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    worker = Worker(
        ledger,
        lanes.turns,
        lanes.deliveries,
        lanes.mirror,
        threads=settings.worker_threads,
        beside=[*lanes.beside, watch_vendors(found, settings, ledger, lambda: worker.stop(to_begin_anew=True))],
        measured=lambda lane, outcome, took_s: lanes.metrics.observe(WORK, (lane, outcome), took_s),
    )
    _on_signals(lambda: threading.Thread(target=worker.stop).start(), (signal.SIGTERM, signal.SIGINT))
    os.nice(NICENESS)
    worker.run()
    # A thread that hangs in a vendor's answer must not keep the process: its claim was given back.
    logs.flush()
    os._exit(BEGINS_ANEW if worker.begins_anew else 0)


def _await_store(ask: Callable[[], Settings]) -> Settings:
    """Waits for the store as long as it takes, until it answers what it is asked. Raises ConfigurationError, of a store that
    was made with other settings."""
    log = logs.get_logger()
    tries = 0
    while True:
        try:
            return ask()
        except LedgerUnavailable as error:
            tries += 1
            log.warning("ledger.unavailable", detail=str(error), times=tries)
            time.sleep(min(0.1 * 2**tries, 2.0))


def _on_signals(stop: Callable[[], None], numbers: tuple[signal.Signals, ...]) -> None:
    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()

    for number in numbers:
        signal.signal(number, handle)


if __name__ == "__main__":
    raise SystemExit(main())
