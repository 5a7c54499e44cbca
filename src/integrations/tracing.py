"""What may be watched from outside, only where an operator asks for it: how long things took, never what was said.

OpenTelemetry gets a span for everything that is measured: its name, its outcome, its seconds. LangSmith, which would record
every prompt, gets runs without inputs, outputs, metadata and errors. Without its variable nothing is sent anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import langsmith

from src.integrations.process_metrics import Durations, ProcessMetrics

Span = Callable[[str, dict[str, str], float], None]
"""Told of something that has just ended: its name, its labels, and the seconds it took."""


def rule_langsmith(*, enabled: bool) -> None:
    """Decides for this process what langchain's own tracing does, whatever other variables of the environment say."""
    langsmith.configure(enabled=enabled, client=_Reticent() if enabled else None)


class _Reticent(langsmith.Client):
    """A client that says that something ran, and how long."""

    def __init__(self, **more: Any) -> None:
        super().__init__(
            hide_inputs=True,
            hide_outputs=True,
            hide_metadata=True,
            omit_traced_runtime_info=True,
            tracing_mode="langsmith",
            **more,
        )

    def create_run(self, *args: Any, **run: Any) -> None:
        super().create_run(*args, **_without_words(run))

    def update_run(self, *args: Any, **run: Any) -> None:
        super().update_run(*args, **_without_words(run))


def _without_words(run: dict[str, Any]) -> dict[str, Any]:
    """An error may repeat what was asked, an event what was answered, and what is traced is described by itself."""
    kept = {key: value for key, value in run.items() if key not in ("events", "serialized", "attachments")}
    return {**kept, "error": "failed"} if kept.get("error") else kept


def otlp(endpoint: str, service: str) -> Span:
    """Sends spans to an OpenTelemetry collector over HTTP, in the background. Raises ImportError without its packages."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    provider = TracerProvider(resource=Resource({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    tracer = provider.get_tracer(service)

    def span(name: str, labels: dict[str, str], seconds: float) -> None:
        ended_ns = time.time_ns()
        started_ns = ended_ns - round(seconds * 1e9)
        tracer.start_span(name, start_time=started_ns, attributes=labels).end(ended_ns)

    return span


class TracedMetrics(ProcessMetrics):
    """The usual measurements, each of them also a span. Labels are words of ours: lanes, vendors, actions, outcomes."""

    def __init__(self, directory: Path, span: Span) -> None:
        super().__init__(directory)
        self._span = span

    def observe(self, what: Durations, labels: tuple[str, ...], seconds: float) -> None:
        """Notes it, and passes it on."""
        super().observe(what, labels, seconds)
        self._span(what.name, dict(zip(what.labels, labels, strict=True)), seconds)
