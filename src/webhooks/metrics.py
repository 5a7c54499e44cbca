"""/metrics, in Prometheus' words: what the ledger counts, and how long things took in every process of this data directory.

What the ledger knows is true for the whole installation, whichever web process is asked. Durations are those of the processes
that share this one's data directory; processes on other hosts show theirs where their web process is asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import Metric

from src import __version__
from src.bootstrap import Services
from src.desk.checks import WORKER_SILENCE_S
from src.errors import LedgerUnavailable
from src.integrations.ledger.sightings import RedisSightings
from src.integrations.process_metrics import DOOR
from src.messages import PLAYED
from src.webhooks import security
from src.webhooks.security import OPERATOR

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_COUNTED = {
    "inbound": "Messages of prospects that were accepted, each once.",
    "turns": "Turns of the sale.",
    "replies": "Replies that turns decided on.",
    "heard_in_silence": "Messages recorded without an answer: a human has the conversation, or the bot is paused.",
    "sent": "Messages that a vendor took.",
    "put_off": "Sends that a vendor did not take for now, to be tried again.",
    "buried": "Jobs that were given up and became dead letters.",
    "errors": "Turns and sends that ended in a dead letter, by a fault of ours or of the vendor's.",
    "stale_commits": "Commits refused because somebody else had the conversation by then.",
    "handed_over": "Conversations handed over to a human.",
    "handoff_timeouts": "Hand-overs that nobody answered in time.",
    "model_calls": "Requests to the language model, retries included.",
    "model_input_tokens": "Tokens that the language model read.",
    "model_cached_tokens": "Of those, the ones that the provider read from its cache.",
    "model_output_tokens": "Tokens that the language model wrote.",
    "model_cost_usd_millionths": "What that cost, in millionths of a US dollar; 0 for a model whose price is not known.",
    "model_failed": "Questions to the language model that came to nothing: rules and texts went on alone.",
    "waited_turns": "Turns whose waiting time is in iagente_waited_seconds_total.",
}
"""Counts of the ledger that always have a line, so that the first increase is seen as one. Others appear once counted."""
_STATUSES = ("sent", "delivered", "read", "failed", "unknown")


def install(app: Flask, services: Services) -> None:
    """The door, and a stopwatch on every door of this application. To be called before anything else that looks at requests."""
    metrics = services.metrics

    @app.before_request
    def start() -> None:
        g.started_s = time.perf_counter()

    @app.after_request
    def stop(answer: Response) -> Response:
        if "started_s" in g:
            # Callers may make up methods and paths: what they make up becomes no series of its own.
            method = request.method if request.method in _METHODS else "other"
            door = request.url_rule.rule if request.url_rule else "none"
            metrics.observe(DOOR, (method, door, str(answer.status_code)), time.perf_counter() - g.started_s)
        return answer

    def expose() -> Any:
        """Figures of the ledger and of the processes, for Prometheus."""
        return Response(generate_latest(_Collector(services)), content_type=CONTENT_TYPE_LATEST)

    door = Blueprint("metrics", __name__)
    door.add_url_rule("/metrics", "metrics", security.guard(expose, OPERATOR, services.admin_token), methods=["GET"])
    app.register_blueprint(door)


class _Collector:
    """One look at everything. Without the store the durations still come, and `iagente_store_up` is 0."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        yield _gauges("iagente_build", "The version of the process that was asked.", "version", {__version__: 1})
        try:
            found, up = list(self._of_the_ledger()), 1
        except LedgerUnavailable:
            found, up = [], 0
        yield Gauge("iagente_store_up", "Whether the store answers this process.", value=up)
        yield from found
        yield from self._services.metrics.collect()

    def _of_the_ledger(self) -> Iterator[Metric]:
        ledger, figures = self._services.ledger, self._services.desk.figures()
        used, most = ledger.memory_bytes()
        yield Gauge("iagente_store_memory_bytes", "Memory that the store uses.", value=used)
        yield Gauge("iagente_store_memory_limit_bytes", "Memory that the store may use; 0: no limit.", value=most)
        alive = sum(age_s < WORKER_SILENCE_S for age_s in ledger.workers().values())
        yield Gauge("iagente_workers_alive", "Worker processes heard of lately, on all hosts.", value=alive)
        yield Gauge("iagente_bot_paused", "Whether an operator silenced the bot.", value=int(ledger.paused()))
        about = "Whether a channel rests because the vendor refused its credentials."
        channels = {name: channel for name, channel in self._services.channels.items() if name != PLAYED}
        paused = {name: int(ledger.number_paused(channel.number)) for name, channel in channels.items()}
        yield _gauges("iagente_channel_paused", about, "channel", paused)
        about = "How far the store's clock is ahead of that of the process that was asked."
        yield Gauge("iagente_clock_ahead_seconds", about, value=ledger.clock_off_s())
        about = "Since the poll of the CRM last saw everything that humans did there; 0 without a CRM."
        behind_s = RedisSightings(ledger).behind_s(ledger.server_time().timestamp())
        yield Gauge("iagente_crm_poll_behind_seconds", about, value=behind_s)
        yield from _lanes_and_lists(figures)
        yield from _totals(figures["totals"])


def _lanes_and_lists(figures: dict[str, Any]) -> Iterator[Metric]:
    lanes, conversations = figures["lanes"], figures["conversations"]
    depths = {name: lane["depth"] for name, lane in lanes.items()}
    yield _gauges("iagente_lane_depth", "Jobs that are waiting or being worked on.", "lane", depths)
    about = "How long the contact that is due first in a lane has been due."
    overdue_s = {name: lane["oldest_age_s"] for name, lane in lanes.items()}
    yield _gauges("iagente_lane_oldest_due_seconds", about, "lane", overdue_s)
    yield Gauge("iagente_dead_letters", "Jobs given up that nobody replayed or erased.", value=figures["dead_letters"])
    about = "Conversations, by the stage of the sale."
    yield _gauges("iagente_conversations_by_stage", about, "stage", conversations["by_stage"])
    humans = conversations["with_human"]
    by_owner = {"human": humans, "bot": conversations["total"] - humans}
    yield _gauges("iagente_conversations", "Conversations, by who has them.", "owner", by_owner)


def _totals(totals: Mapping[str, int]) -> Iterator[Metric]:
    """Counts since the store was made; they only grow."""
    receipts = dict.fromkeys(_STATUSES, 0)
    for name, count in (dict.fromkeys(_COUNTED, 0) | dict(totals)).items():
        kind, _, status = name.partition(".")
        if kind == "receipt":
            receipts[status] = count
        elif name.isidentifier() and name != "waited_ms":
            yield Counter(f"iagente_{name}", _COUNTED.get(name, "Counted by the ledger under this name."), value=count)
    waited_s = totals.get("waited_ms", 0) / 1000
    yield Counter("iagente_waited_seconds", "Time from a message to the turn that took it up, summed.", value=waited_s)
    about = "Receipts applied, by status; unknown ones came before their message was known, or never had one."
    by_status = Counter("iagente_receipts", about, labels=["status"])
    for status, count in receipts.items():
        by_status.add_metric([status], count)
    yield by_status


def _gauges(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = Gauge(name, about, labels=[label])
    for label_value, value in values.items():
        family.add_metric([label_value], value)
    return family
