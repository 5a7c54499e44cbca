"""What an operator may watch from outside: nothing unless asked for, and never a word of anybody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import langsmith
import pytest
import zstandard
from langchain_core.runnables import RunnableLambda
from langsmith.utils import get_env_var, tracing_is_enabled

from src.bootstrap import make_lanes, make_ledger
from src.integrations import tracing
from src.integrations.process_metrics import WORK
from src.settings import load
from tests.kit.product import eventually
from tests.webhooks.log_kit import logging_to, written_to

SAID = "me llamo Ana Ibarrondo y vivo en el 28013"


class Collector:
    """Whatever is posted to it, unpacked."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, bytes]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Content-Encoding") == "zstd":
                    body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
                collector.posted.append((self.path, body))
                self._answer()

            def do_GET(self) -> None:
                self._answer()

            def _answer(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    get_env_var.cache_clear()
    langsmith.configure(enabled=False, client=None)


def lanes_with(tmp_path: Path, **environment: str) -> None:
    settings = load({"DATA_DIR": str(tmp_path), **environment}, dotenv=None)
    make_lanes(settings, make_ledger(settings))


def test_langsmith_is_off_whatever_else_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    langsmith.configure(enabled=None, client=None)
    monkeypatch.setenv("LANGCHAIN_TRACING_V2", "true")
    get_env_var.cache_clear()
    assert tracing_is_enabled(), "the library alone would trace"
    lanes_with(tmp_path)
    assert not tracing_is_enabled()
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(bool(tracing_is_enabled())))
    thread.start()
    thread.join()
    assert seen == [False], "workers' threads ask the same"


def test_langsmith_hears_that_something_ran_and_no_word_of_it(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_ENDPOINT", collector.url)
    monkeypatch.setenv("LANGSMITH_API_KEY", "key-for-tests")
    get_env_var.cache_clear()
    tracing.rule_langsmith(enabled=True)

    def fails(said: str) -> str:
        raise ValueError(f"cannot read: {said}")

    assert RunnableLambda(lambda said: said.upper(), name="reads").invoke(SAID) == SAID.upper()
    with pytest.raises(ValueError, match="cannot read"):
        RunnableLambda(fails, name="fails").invoke(SAID)
    langsmith.run_trees.get_cached_client().flush()
    sent = b"".join(eventually(lambda: [body for _, body in collector.posted]))
    assert b"reads" in sent
    assert b"fails" in sent
    for word in SAID.split():
        if len(word) > 4:
            assert word.encode() not in sent
            assert word.upper().encode() not in sent


def test_without_the_packages_of_opentelemetry_a_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(endpoint: str, service: str) -> tracing.Span:
        raise ImportError("opentelemetry")

    monkeypatch.setattr(tracing, "otlp", missing)
    with logging_to(tmp_path / "webhook.log"):
        lanes_with(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318")
        assert "pip install opentelemetry-exporter-otlp-proto-http" in written_to(tmp_path / "webhook.log")


def test_a_measurement_is_a_span_with_its_labels_and_nothing_else(tmp_path: Path) -> None:
    spans: list[tuple[str, dict[str, str], float]] = []
    metrics = tracing.TracedMetrics(tmp_path, lambda *span: spans.append(span))
    metrics.observe(WORK, ("turns", "answered"), 0.25)
    assert spans == [("iagente_work_duration_seconds", {"lane": "turns", "outcome": "answered"}, 0.25)]
    assert metrics.collect()


def test_spans_reach_a_collector(collector: Collector) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="OpenTelemetry is optional")
    span = tracing.otlp(collector.url, "iagente-vida")
    span("iagente_work_duration_seconds", {"lane": "turns"}, 0.25)
    (path, body) = eventually(lambda: collector.posted)[0]
    assert path == "/v1/traces"
    assert b"iagente_work_duration_seconds" in body
