"""The client against the OpenAI-compatible simulator over HTTP: every way of a server to fail becomes a value, in time."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from src.agent.model import Answer, Prompt
from src.agent.thinking.asking import schema_of, system_prompt
from src.agent.thinking.reading import ModelReading
from src.integrations.openai.client import Breaker, OpenAiModel
from src.integrations.openai.prices import price_of
from tests.kit.rig import Rig, free_port

NOTHING_READ = {"values": [], "intents": []}
BUDGET_S = 2.0
MARGIN_S = 0.5


@pytest.fixture(scope="module")
def running() -> Iterator[Rig]:
    with Rig(f"http://127.0.0.1:{free_port()}") as rig:
        yield rig


@pytest.fixture
def rig(running: Rig) -> Rig:
    running.reset()
    return running


MADE: list[OpenAiModel] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while MADE:
        MADE.pop().close()


def model_of(rig: Rig, **changes: Any) -> OpenAiModel:
    env = rig.env("llm")
    chosen = {
        "api_key": env["OPENAI_API_KEY"],
        "base_url": env["OPENAI_BASE_URL"],
        "model": env["OPENAI_MODEL"],
        "timeout_s": BUDGET_S,
    }
    MADE.append(OpenAiModel(**{**chosen, **changes}))
    return MADE[-1]


def prompt(text: str = "tengo 45") -> Prompt:
    return Prompt(
        task="read",
        version="read.es.v1",
        system=system_prompt("read"),
        facts=json.dumps({"mensaje": text}),
        schema=schema_of(ModelReading),
        answer_tokens=100,
    )


def timed(model: OpenAiModel) -> tuple[Answer, float]:
    started_s = time.monotonic()
    answer = model.begin().ask(prompt())
    return answer, time.monotonic() - started_s


def test_an_answer_comes_with_its_tokens_and_its_cost(rig: Rig) -> None:
    said = {"values": [{"key": "age", "value": 45, "evidence": "45"}], "intents": []}
    rig.llm.script({"reply": {"content": json.dumps(said)}})
    answer = model_of(rig, model="gpt-4o-mini").begin().ask(prompt())
    assert answer.content == said
    assert (answer.failure, answer.calls) == (None, 1)
    assert answer.input_tokens > 100
    assert answer.output_tokens > 0
    price = price_of("gpt-4o-mini")
    assert price is not None
    assert answer.cost_usd_millionths == pytest.approx(
        answer.input_tokens * price.input + answer.output_tokens * price.output, abs=1
    )


def test_what_is_sent_is_the_schema_and_two_messages(rig: Rig) -> None:
    model_of(rig).begin().ask(prompt("hola"))
    (request,) = rig.llm.ledger()
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert request["messages"][0]["content"] == system_prompt("read")
    assert request["response_format"] == "json_schema"
    assert request["max_tokens"] == 100
    assert request["stream"] is False
    assert not request["user"]


def test_a_model_without_a_known_price_is_counted_in_tokens(rig: Rig) -> None:
    answer = model_of(rig, model="rig-model").begin().ask(prompt())
    assert answer.input_tokens
    assert answer.cost_usd_millionths is None


def test_a_dated_name_costs_what_its_model_costs() -> None:
    assert price_of("gpt-4o-mini-2024-07-18") == price_of("gpt-4o-mini")
    assert price_of("gpt-4o-mini") != price_of("gpt-4o-2024-08-06")
    assert price_of("llama") is None


@pytest.mark.parametrize(
    ("mode", "failure"),
    [
        ("malformed_json", "garbage"),
        ("text_instead_of_json", "garbage"),
        ("empty", "empty"),
        ("null", "empty"),
        ("refusal", "refused"),
        ("truncated", "truncated"),
        ("garbage_http", "garbage"),
        ("bad_tool", "empty"),
    ],
)
def test_what_cannot_be_used_has_its_reason(rig: Rig, mode: str, failure: str) -> None:
    rig.llm.config(mode=mode)
    answer = model_of(rig).begin().ask(prompt())
    assert (answer.content, answer.failure, answer.calls) == (None, failure, 1)


def test_another_shape_is_passed_on_for_the_agent_to_refuse(rig: Rig) -> None:
    rig.llm.config(mode="wrong_schema")
    assert model_of(rig).begin().ask(prompt()).content == {"inesperado": True, "lista": [1, "dos"]}


@pytest.mark.parametrize("body", ["[1, 2]", '"hola"', "7", "null", "[" * 20_000, "NaN"])
def test_json_that_is_no_object_is_garbage(rig: Rig, body: str) -> None:
    rig.llm.script({"reply": {"content": body}})
    answer = model_of(rig).begin().ask(prompt())
    assert (answer.content, answer.failure) == (None, "garbage")


def test_an_endless_content_is_too_large(rig: Rig) -> None:
    rig.llm.script({"reply": {"content": json.dumps({"values": "x" * 30_000})}})
    assert model_of(rig).begin().ask(prompt()).failure == "too_large"


def test_an_endless_body_is_not_read_to_its_end(rig: Rig) -> None:
    rig.llm.script({"reply": {"content": "x" * 1_000_000}})
    assert model_of(rig).begin().ask(prompt()).failure == "too_large"


def test_a_wrong_key_is_said_so(rig: Rig) -> None:
    answer = model_of(rig, api_key="wrong").begin().ask(prompt())
    assert (answer.failure, answer.calls) == ("access_denied", 1)


def test_a_server_error_is_tried_again(rig: Rig) -> None:
    rig.llm.faults({"kind": "error", "status": 500, "times": 1})
    answer = model_of(rig).begin().ask(prompt())
    assert (answer.content, answer.calls) == (NOTHING_READ, 2)


def test_a_server_that_stays_down_is_asked_three_times(rig: Rig) -> None:
    rig.llm.faults({"kind": "error", "status": 503, "times": -1})
    answer, took_s = timed(model_of(rig))
    assert (answer.failure, answer.calls) == ("server_error", 3)
    assert took_s < BUDGET_S


def test_a_bad_request_is_not_repeated(rig: Rig) -> None:
    rig.llm.faults({"kind": "error", "status": 400, "times": -1})
    answer = model_of(rig).begin().ask(prompt())
    assert (answer.failure, answer.calls) == ("rejected", 1)


def test_a_rate_limit_is_waited_for_when_there_is_time(rig: Rig) -> None:
    rig.llm.faults({"kind": "error", "status": 429, "retry_after": 1, "times": 1})
    answer, took_s = timed(model_of(rig))
    assert (answer.content, answer.calls) == (NOTHING_READ, 2)
    assert took_s >= 1


@pytest.mark.parametrize("retry_after", [30, "inf"])
def test_a_rate_limit_beyond_the_budget_is_not_waited_for(rig: Rig, retry_after: Any) -> None:
    rig.llm.faults({"kind": "error", "status": 429, "retry_after": retry_after, "times": -1})
    answer, took_s = timed(model_of(rig))
    assert (answer.failure, answer.calls) == ("rate_limited", 1)
    assert took_s < 1


@pytest.mark.parametrize("retry_after", ["nan", "-3", "tomorrow"])
def test_a_senseless_retry_after_is_the_usual_pause(rig: Rig, retry_after: str) -> None:
    rig.llm.faults({"kind": "error", "status": 429, "retry_after": retry_after, "times": 1})
    assert model_of(rig).begin().ask(prompt()).calls == 2


def test_a_used_up_quota_is_not_tried_again(rig: Rig) -> None:
    rig.llm.faults({"kind": "error", "status": 429, "code": "insufficient_quota", "retry_after": 0, "times": -1})
    assert model_of(rig).begin().ask(prompt()).calls == 1


@pytest.mark.parametrize("kind", ["hang", "hang_after"])
def test_a_server_that_hangs_costs_the_budget_and_no_more(rig: Rig, kind: str) -> None:
    rig.llm.faults({"kind": kind, "seconds": 20, "times": 1})
    answer, took_s = timed(model_of(rig))
    assert answer.failure == "timeout"
    assert took_s < BUDGET_S + MARGIN_S


def test_a_slow_answer_within_the_budget_is_taken(rig: Rig) -> None:
    rig.llm.faults({"kind": "slow", "seconds": 1, "times": 1})
    assert model_of(rig).begin().ask(prompt()).content == NOTHING_READ


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_cut_connection_is_tried_again(rig: Rig, kind: str) -> None:
    rig.llm.faults({"kind": kind, "times": 1})
    answer = model_of(rig).begin().ask(prompt())
    assert (answer.content, answer.calls) == (NOTHING_READ, 2)


def test_all_questions_of_a_turn_share_one_budget(rig: Rig) -> None:
    rig.llm.config(latency=1.2)
    turn = model_of(rig).begin()
    started_s = time.monotonic()
    answers = [turn.ask(prompt()) for _ in range(4)]
    assert time.monotonic() - started_s < BUDGET_S + MARGIN_S
    assert answers[0].content == NOTHING_READ
    assert answers[-1] == Answer(failure="no_time")


# --- servers that the simulator cannot play ---------------------------------------------------------------------------


class Dripping:
    """Answers every request with the same bytes, one at a time."""

    def __init__(self, answer: bytes, pause_s: float) -> None:
        self._answer, self._pause_s = answer, pause_s
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Dripping:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with socket.create_connection(self._socket.getsockname()):
            pass
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            connection, _ = self._socket.accept()
            with connection:
                for byte in self._answer:
                    if self._ended.wait(self._pause_s):
                        break
                    try:
                        connection.sendall(bytes([byte]))
                    except OSError:
                        break


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000, id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000, id="body"),
    ],
)
def test_a_server_that_drips_costs_the_budget_and_no_more(rig: Rig, answer: bytes) -> None:
    with Dripping(answer, pause_s=0.02) as server:
        found, took_s = timed(model_of(rig, base_url=server.address, timeout_s=1.0))
    assert found.failure == "timeout"
    assert took_s < 1.0 + MARGIN_S


def test_nobody_there_is_unreachable(rig: Rig) -> None:
    answer = model_of(rig, base_url=f"http://127.0.0.1:{free_port()}/v1").begin().ask(prompt())
    assert (answer.failure, answer.calls) == ("unreachable", 3)


# --- the circuit breaker ----------------------------------------------------------------------------------------------


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_server_that_keeps_failing_is_left_alone_then_tried_by_one() -> None:
    clock = Clock()
    breaker = Breaker(after=3, rest_s=30, clock=clock)
    for _ in range(3):
        assert breaker.lets_through()
        breaker.note(failed=True)
    assert not breaker.lets_through()
    clock.now_s += 30
    assert [breaker.lets_through() for _ in range(3)] == [True, False, False]
    breaker.note(failed=True)
    clock.now_s += 29
    assert not breaker.lets_through()
    clock.now_s += 1
    assert breaker.lets_through()
    breaker.note(failed=False)
    assert [breaker.lets_through() for _ in range(3)] == [True, True, True]


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(after=2, clock=Clock())
    for failed in (True, False, True, False, True):
        assert breaker.lets_through()
        breaker.note(failed=failed)
    assert breaker.lets_through()


def test_an_open_circuit_costs_nothing(rig: Rig) -> None:
    rig.llm.faults({"kind": "error", "status": 500, "times": -1})
    model = model_of(rig, breaker=Breaker(after=2, rest_s=60))
    assert model.begin().ask(prompt()).calls == 2
    requests = rig.llm.state()["requests"]
    assert model.begin().ask(prompt()) == Answer(failure="open")
    assert rig.llm.state()["requests"] == requests


def test_answers_that_cannot_be_used_do_not_open_it(rig: Rig) -> None:
    rig.llm.config(mode="refusal")
    model = model_of(rig, breaker=Breaker(after=2, rest_s=60))
    assert [model.begin().ask(prompt()).failure for _ in range(4)] == ["refused"] * 4


# --- around it --------------------------------------------------------------------------------------------------------


def test_while_the_bot_is_paused_nothing_is_sent(rig: Rig) -> None:
    assert model_of(rig, resting=lambda: True).begin().ask(prompt()) == Answer(failure="paused")
    assert rig.llm.state()["requests"] == 0


def test_each_question_is_measured_by_what_came_of_it(rig: Rig) -> None:
    seen: list[tuple[str, str]] = []
    model = model_of(rig, measured=lambda task, outcome, _took_s: seen.append((task, outcome)))
    model.begin().ask(prompt())
    rig.llm.config(mode="refusal")
    model.begin().ask(prompt())
    assert seen == [("read", "ok"), ("read", "refused")]
