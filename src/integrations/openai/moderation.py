"""A provider's second look for danger: POST /moderations of a server that speaks OpenAI's protocol."""

from __future__ import annotations

from collections.abc import Callable

from src.agent.model import Answer as ModelAnswer
from src.agent.model import Failure
from src.errors import AccessDenied, TemporaryFailure
from src.integrations.http import Answer, Outgoing
from src.integrations.openai.keys import bearer

VENDOR = "moderation"
_DANGER = ("self-harm", "self-harm/intent", "self-harm/instructions")


class Moderator:
    """Threads share it; constructing connects nowhere."""

    def __init__(self, *, api_key: str | Callable[[], str], base_url: str) -> None:
        self._url = f"{base_url.rstrip('/')}/moderations"
        self._api_key = api_key
        self._http = Outgoing(VENDOR)

    def __call__(self, text: str, timeout_s: float) -> ModelAnswer:
        """Whether somebody seems to be in danger, as {"self_harm": …}, or why nobody knows."""
        try:
            answer = self._http.call(
                "moderate", "POST", self._url, timeout_s=timeout_s, headers=bearer(self._api_key), json={"input": text}
            )
        except AccessDenied:
            return ModelAnswer(failure="access_denied", calls=1)
        except TemporaryFailure as failure:
            return ModelAnswer(failure="timeout" if "Timeout" in failure.detail else "unreachable", calls=1)
        return _read(answer)


def _read(answer: Answer) -> ModelAnswer:
    if answer.status != 200:
        return ModelAnswer(failure=_failure(answer.status), calls=1)
    results = answer.json_object().get("results")
    first = results[0] if isinstance(results, list) and results else None
    categories = first.get("categories") if isinstance(first, dict) else None
    if not isinstance(categories, dict):
        return ModelAnswer(failure="garbage", calls=1)
    return ModelAnswer(content={"self_harm": any(categories.get(name) is True for name in _DANGER)}, calls=1)


def _failure(status: int) -> Failure:
    if status in (401, 403):
        return "access_denied"
    if status == 429:
        return "rate_limited"
    return "server_error" if status >= 500 else "rejected"
