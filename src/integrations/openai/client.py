"""A language model behind any server that speaks OpenAI's protocol, as the agent's port `Model`.

All calls of a turn share one budget of time, retries and their pauses included. Whatever goes wrong becomes an `Answer`
with its reason. A server that keeps failing is left alone for a while (a circuit breaker for each process). Importing this
module costs seconds: it is done by workers, and only when there is a key.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2
import msgspec
import openai
from langchain_openai import AzureChatOpenAI, ChatOpenAI

from src.agent.model import Answer, Failure, Prompt, Task
from src.errors import AccessDenied
from src.integrations.openai.dialect import Dialect, Learnt, first_dialect, object_in, text_of
from src.integrations.openai.prices import Tokens, price_of
from src.messages import Inbound

LEAST_CALL_S = 0.3
"""With less time left a question is not worth asking."""
RETRY_PAUSE_S = 0.2
MOST_CALLS = 3
BODY_LIMIT_BYTES = 256 * 1024
CONTENT_LIMIT = 20_000
"""Characters of an answer: every answer that is asked for is far shorter."""
CONNECT_S = 2.0
_WORTH_RETRYING: frozenset[Failure] = frozenset(("unreachable", "rate_limited", "server_error"))
_THE_SERVERS_FAULT: frozenset[Failure] = _WORTH_RETRYING | {"timeout", "access_denied"}
_What = TypeVar("_What")


class OpenAiModel:
    """The port `Model`. Shared by the threads of one process; constructing connects nowhere.

    `timeout_s` is the budget of one turn. `threads` is how many turns may think at the same time. While `resting` says so
    nothing is asked. `measured` is told of each question: its task, "ok" or why it failed, and the seconds it took. `ears` put
    words into a voice note within the seconds they are given, `moderator` looks for danger in a text; None: nobody does.
    Nothing is asked either while `purse_is_empty`; `spent` is told the cost of each question, in millionths of a dollar.
    `provider` is what kind of server it is, as far as that is known; how it wants to be asked is kept in `learnt`.
    """

    def __init__(
        self,
        *,
        api_key: str | Callable[[], str],
        base_url: str,
        model: str,
        timeout_s: float,
        threads: int = 16,
        sleep: Callable[[float], None] = time.sleep,
        breaker: Breaker | None = None,
        resting: Callable[[], bool] = lambda: False,
        measured: Callable[[str, str, float], None] = lambda _task, _outcome, _seconds: None,
        ears: Callable[[Inbound, float], Answer] | None = None,
        moderator: Callable[[str, float], Answer] | None = None,
        provider: str = "",
        deployment: str = "",
        api_version: str = "",
        learnt: Learnt | None = None,
        purse_is_empty: Callable[[], bool] = lambda: False,
        spent: Callable[[int], None] = lambda _millionths: None,
    ) -> None:
        self._timeout_s, self._sleep = timeout_s, sleep
        self._breaker = breaker or Breaker()
        self._resting, self._measured = resting, measured
        self._purse_is_empty, self._spent = purse_is_empty, spent
        self._ears, self._moderator = ears, moderator
        self._price = price_of(model)
        # A thread of its own for each call: a server that drips byte after byte must not hold the turn beyond its budget.
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="model")
        kept = httpx2.Limits(max_connections=threads, max_keepalive_connections=threads)
        # As in `http`: nothing from the environment, no redirects.
        self._client = httpx2.Client(transport=_Bounded(limits=kept), trust_env=False, follow_redirects=False)
        self._name, self._learnt = f"{base_url} {deployment or model}", learnt or Learnt(None)
        self._dialect = self._learnt.of(self._name) or first_dialect(provider, model)
        shared: dict[str, Any] = {
            "model": model, "api_key": api_key, "http_client": self._client, "max_retries": 0, "use_responses_api": False,
        }  # fmt: skip
        self._chat = (
            AzureChatOpenAI(azure_endpoint=base_url, azure_deployment=deployment or model, api_version=api_version, **shared)
            if provider == "azure"
            else ChatOpenAI(base_url=base_url, **shared)
        )

    def close(self) -> None:
        """Lets go of threads and connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def begin(self) -> _Turn:
        """A turn begins, and its budget of time with it."""
        return _Turn(self, time.monotonic() + self._timeout_s)

    def ask_by(self, prompt: Prompt, deadline_s: float) -> Answer:
        """The answer, or why there is none, by that time of the monotonic clock."""
        if self._resting():
            return Answer(failure="paused")
        if self._purse_is_empty():
            return Answer(failure="spent")
        started_s = time.monotonic()
        answer = self._answer_by(prompt, deadline_s)
        self._spent(answer.cost_usd_millionths or 0)
        self._measured(prompt.task, answer.failure or "ok", time.monotonic() - started_s)
        return answer

    def listen_by(self, voice: Inbound, deadline_s: float) -> Answer:
        """What is said in a voice note, or why nobody knows, by that time of the monotonic clock. Tried once."""
        return self._once("listen", self._ears, voice, deadline_s)

    def moderate_by(self, text: str, deadline_s: float) -> Answer:
        """Whether somebody is in danger, or why nobody knows, by that time of the monotonic clock. Tried once."""
        return self._once("moderate", self._moderator, text, deadline_s)

    def _once(self, task: Task, work: Callable[[_What, float], Answer] | None, what: _What, deadline_s: float) -> Answer:
        if work is None:
            return Answer(failure="deaf")
        if self._resting():
            return Answer(failure="paused")
        if self._purse_is_empty():
            return Answer(failure="spent")
        started_s = time.monotonic()
        answer = self._worked(work, what, deadline_s - started_s)
        self._measured(task, answer.failure or "ok", time.monotonic() - started_s)
        return answer

    def _worked(self, work: Callable[[_What, float], Answer], what: _What, left_s: float) -> Answer:
        if left_s < LEAST_CALL_S:
            return Answer(failure="no_time")
        if not self._breaker.lets_through():
            return Answer(failure="open")
        future = self._threads.submit(work, what, left_s)
        try:
            answer = future.result(left_s)
        except TimeoutError:
            future.cancel()
            answer = Answer(failure="timeout", calls=1)
        except Exception:  # noqa: BLE001 - as with a question: whatever goes wrong is a value
            answer = Answer(failure="garbage", calls=1)
        if answer.calls:
            self._breaker.note(failed=answer.failure in _THE_SERVERS_FAULT)
        return answer

    def _answer_by(self, prompt: Prompt, deadline_s: float) -> Answer:
        total = Answer()
        while True:
            left_s = deadline_s - time.monotonic()
            if left_s < LEAST_CALL_S:
                return total if total.failure else _failed(total, "no_time")
            if not self._breaker.lets_through():
                return total if total.failure else _failed(total, "open")
            attempt = self._attempt(prompt, left_s)
            self._breaker.note(failed=attempt.answer.failure in _THE_SERVERS_FAULT)
            total = _summed(total, attempt.answer)
            if total.failure not in _WORTH_RETRYING or total.calls >= MOST_CALLS or attempt.final:
                return total
            if time.monotonic() + attempt.wait_s + LEAST_CALL_S > deadline_s:
                return total
            self._sleep(attempt.wait_s)

    def _attempt(self, prompt: Prompt, left_s: float) -> _Attempt:
        future: Future[_Attempt] = self._threads.submit(self._call, prompt, left_s)
        try:
            return future.result(left_s)
        except TimeoutError:
            future.cancel()
            return _Attempt(Answer(failure="timeout", calls=1))

    def _call(self, prompt: Prompt, left_s: float) -> _Attempt:
        """One question, in another dialect when the server refuses this one."""
        until_s, dialect, refused = time.monotonic() + left_s, self._dialect, 0
        tried = {dialect}
        while True:
            spent = Answer(calls=refused)
            try:
                message = self._ask_in(dialect, prompt, until_s - time.monotonic())
            except Exception as error:  # noqa: BLE001 - what a library makes of a server's garbage can be anything
                other = dialect.after_refusal(_words_of(error)) if isinstance(error, _REFUSALS) else None
                failed = _Attempt(_summed(spent, Answer(failure=_failure_of(error), calls=1)), _wait_s(error), _is_final(error))
            else:
                answer = self._answer(message)
                other = dialect.after_silence() if answer.failure in ("truncated", "empty") and _was_silent(message) else None
                failed = _Attempt(_summed(spent, answer))
                if answer.failure is None:
                    self._learn(dialect)
            if other is None or other in tried or until_s - time.monotonic() < LEAST_CALL_S:
                return failed
            tried.add(other)
            dialect, refused = other, failed.answer.calls

    def _ask_in(self, dialect: Dialect, prompt: Prompt, left_s: float) -> Any:
        return self._chat.invoke(
            dialect.messages(prompt),
            # Not as arguments that the library knows: it would walk through the whole schema each time, and rename others.
            extra_body=dialect.parameters(prompt),
            timeout=httpx2.Timeout(left_s, connect=min(CONNECT_S, left_s)),
        )

    def _learn(self, dialect: Dialect) -> None:
        """That is how this server wants to be asked."""
        if dialect != self._dialect:
            self._dialect = dialect
            self._learnt.keep(self._name, dialect)

    def _answer(self, message: Any) -> Answer:
        content, failure = _content_of(message)
        usage = message.usage_metadata or {}
        tokens = Tokens(
            input=_count(usage.get("input_tokens")),
            cached=_count((usage.get("input_token_details") or {}).get("cache_read")),
            output=_count(usage.get("output_tokens")),
        )
        return Answer(
            content=content,
            failure=failure,
            calls=1,
            input_tokens=tokens.input,
            cached_tokens=tokens.cached,
            output_tokens=tokens.output,
            cost_usd_millionths=self._price.of(tokens) if self._price else None,
        )


_REFUSALS = (openai.BadRequestError, openai.UnprocessableEntityError)
"""A request that was understood and not wanted."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """The model during one turn."""

    model: OpenAiModel
    deadline_s: float

    def ask(self, prompt: Prompt) -> Answer:
        """The answer, or why there is none, before the turn's deadline."""
        return self.model.ask_by(prompt, self.deadline_s)

    def listen(self, voice: Inbound) -> Answer:
        """What is said in the voice note, or why nobody knows, before the turn's deadline."""
        return self.model.listen_by(voice, self.deadline_s)

    def moderate(self, text: str) -> Answer:
        """Whether somebody seems to be in danger, or why nobody knows, before the turn's deadline."""
        return self.model.moderate_by(text, self.deadline_s)


@dataclass(slots=True)
class Breaker:
    """Leaves a server alone that failed `after` times in a row, for `rest_s`; then one call tries whether it is well."""

    after: int = 5
    rest_s: float = 30.0
    clock: Callable[[], float] = time.monotonic
    _failures: int = 0
    _tried_at_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lets_through(self) -> bool:
        """Whether a call may be made now."""
        with self._lock:
            if self._failures < self.after:
                return True
            if self.clock() - self._tried_at_s < self.rest_s:
                return False
            self._tried_at_s = self.clock()  # this one tries; the others rest on
            return True

    def note(self, *, failed: bool) -> None:
        """What came of a call."""
        with self._lock:
            self._failures = self._failures + 1 if failed else 0
            if failed and self._failures >= self.after:
                self._tried_at_s = self.clock()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One request: its answer, how long to wait before another, and whether there is no point in one."""

    answer: Answer
    wait_s: float = RETRY_PAUSE_S
    final: bool = False


class _Bounded(httpx2.HTTPTransport):
    """The usual transport, which reads no more of an answer than its limit, however it is packed or dripped."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["Accept-Encoding"] = "identity"
        until_s = time.monotonic() + float(request.extensions.get("timeout", {}).get("read") or 0.0)
        response = super().handle_request(request)
        response.stream = _BoundedStream(response.stream, until_s)  # type: ignore[arg-type]
        return response


class _BoundedStream(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, until_s: float) -> None:
        self._stream, self._until_s = stream, until_s

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        for chunk in self._stream:
            read += len(chunk)
            if read > BODY_LIMIT_BYTES:
                raise _TooLarge
            if time.monotonic() > self._until_s:
                raise httpx2.ReadTimeout("the answer takes too long")
            yield chunk

    def close(self) -> None:
        self._stream.close()


class _TooLarge(Exception):
    """More than any answer needs."""


# --- what an answer or an error means ---------------------------------------------------------------------------------


def _content_of(message: Any) -> tuple[dict[str, Any] | None, Failure | None]:
    """The JSON object that the model wrote, or what is wrong with it."""
    text, more = text_of(message.content), message.additional_kwargs
    if more.get("refusal") or message.response_metadata.get("finish_reason") == "content_filter":
        return None, "refused"
    if message.response_metadata.get("finish_reason") == "length":
        return None, "truncated"
    if not text.strip():
        return None, "empty"
    if len(text) > CONTENT_LIMIT:
        return None, "too_large"
    content = object_in(text)
    return (content, None) if content is not None else (None, "garbage")


def _was_silent(message: Any) -> bool:
    """Whether the limit was used up, and nothing was said: it went into thinking."""
    said = object_in(text_of(message.content)) is None and not re.sub(r"(?s)<think.*", "", text_of(message.content)).strip()
    return bool(said and message.response_metadata.get("finish_reason") == "length")


def _words_of(error: Any) -> str:
    """What a server said of a request that it refused, for looking only: nobody is shown it."""
    return f"{error} {getattr(error, 'param', '') or ''}"[:4000]


def _failure_of(error: BaseException) -> Failure:
    """What an error of the library means; by its class, for its message may hold anything."""
    causes = [error, *(cause for cause in (error.__cause__, error.__context__) if cause)]
    if any(isinstance(cause, _TooLarge) for cause in causes):
        return "too_large"
    kinds: tuple[tuple[type[BaseException], Failure], ...] = (
        (AccessDenied, "access_denied"),  # no key was to be had
        (openai.APITimeoutError, "timeout"),
        (openai.APIConnectionError, "unreachable"),
        (openai.RateLimitError, "rate_limited"),
        (openai.AuthenticationError, "access_denied"),
        (openai.PermissionDeniedError, "access_denied"),
        (openai.InternalServerError, "server_error"),
        (openai.APIStatusError, "rejected"),
        (httpx2.TimeoutException, "timeout"),
        (httpx2.TransportError, "unreachable"),
    )
    if isinstance(error, openai.BadRequestError) and _WRONG_KEY.search(_words_of(error)):
        return "access_denied"  # as Google says it
    return next((failure for kind, failure in kinds if isinstance(error, kind)), "garbage")


_WRONG_KEY = re.compile(r"api[ _-]?key (not valid|is invalid|invalid|expired)|API_KEY_INVALID", re.IGNORECASE)


def _is_final(error: BaseException) -> bool:
    """A used-up quota is no matter of seconds, although it comes as "too many requests"."""
    return isinstance(error, openai.RateLimitError) and error.code == "insufficient_quota"


def _wait_s(error: BaseException) -> float:
    """How long the server wants to be left alone, at least the usual pause."""
    response = getattr(error, "response", None)
    headers: Mapping[str, str] = response.headers if isinstance(error, openai.APIStatusError) and response is not None else {}
    try:
        asked_s = float(headers.get("retry-after", ""))
    except ValueError:
        return RETRY_PAUSE_S
    return max(RETRY_PAUSE_S, asked_s)  # in this order also for "nan"


def _count(tokens: Any) -> int:
    """A provider's figure, if it is one."""
    return min(tokens, 10**9) if isinstance(tokens, int) and tokens > 0 else 0


def _failed(total: Answer, failure: Failure) -> Answer:
    return msgspec.structs.replace(total, failure=failure)


def _summed(total: Answer, last: Answer) -> Answer:
    """The last answer, with what the attempts before it cost."""
    costs = [cost for cost in (total.cost_usd_millionths, last.cost_usd_millionths) if cost is not None]
    return msgspec.structs.replace(
        last,
        calls=total.calls + last.calls,
        input_tokens=total.input_tokens + last.input_tokens,
        cached_tokens=total.cached_tokens + last.cached_tokens,
        output_tokens=total.output_tokens + last.output_tokens,
        cost_usd_millionths=sum(costs) if costs else None,
    )
