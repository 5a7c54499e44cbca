"""Voice notes become text at a server that speaks OpenAI's protocol (POST /audio/transcriptions).

The recording is taken from the vendor of the channel, handed on, and kept nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from src.agent.model import Answer as ModelAnswer
from src.agent.model import Failure
from src.desk.crm import File
from src.errors import AccessDenied, IntegrationError, TemporaryFailure
from src.integrations.http import Answer, Outgoing
from src.integrations.openai.keys import bearer
from src.messages import Inbound

VENDOR = "transcription"
MOST_BYTES = 2 * 1024 * 1024
"""A quarter of an hour of a WhatsApp voice note; whoever talks longer is asked to write."""
LONGEST_TEXT = 20_000
BYTES_PER_TOKEN = 200
"""What a recording counts towards a person's daily limit when the provider names no tokens: about ten for a second."""
_ENDINGS = {
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/aac": "m4a",
    "audio/wav": "wav",
    "audio/webm": "webm",
}


class Transcriber:
    """Listens to voice notes. Threads share it; constructing connects nowhere. `fetch` gets the file behind a voice note."""

    def __init__(
        self, *, api_key: str | Callable[[], str], base_url: str, model: str, fetch: Callable[[Inbound], File]
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/audio/transcriptions"
        self._api_key = api_key
        self._model, self._fetch = model, fetch
        self._http = Outgoing(VENDOR)

    def __call__(self, voice: Inbound, timeout_s: float) -> ModelAnswer:
        """The text that was heard as {"text": …}, or why there is none. Never raises IntegrationError."""
        try:
            file = self._fetch(voice)
        except IntegrationError:
            return ModelAnswer(failure="no_recording")
        ending = _ENDINGS.get(file.mime_type.partition(";")[0].strip(), "ogg")
        try:
            answer = self._http.call(
                "transcribe",
                "POST",
                self._url,
                timeout_s=timeout_s,
                headers=bearer(self._api_key),
                data={"model": self._model, "response_format": "json"},
                files={"file": (f"voice.{ending}", file.data, file.mime_type or "audio/ogg")},
            )
        except AccessDenied:
            return ModelAnswer(failure="access_denied", calls=1)
        except TemporaryFailure as failure:
            return ModelAnswer(failure="timeout" if "Timeout" in failure.detail else "unreachable", calls=1)
        return _read(answer, len(file.data))


def _read(answer: Answer, recorded_bytes: int) -> ModelAnswer:
    if answer.status != 200:
        return ModelAnswer(failure=_failure(answer.status), calls=1)
    said = answer.json_object()
    usage, text = said.get("usage"), said.get("text")
    counted = usage if isinstance(usage, dict) else {}
    input_tokens = _count(counted.get("input_tokens")) or math.ceil(recorded_bytes / BYTES_PER_TOKEN)
    failure: Failure | None = None
    if not isinstance(text, str):
        failure = "garbage"
    elif not text.strip():
        failure = "empty"
    elif len(text) > LONGEST_TEXT:
        failure = "too_large"
    return ModelAnswer(
        content=None if failure else {"text": text},
        failure=failure,
        calls=1,
        input_tokens=input_tokens,
        output_tokens=_count(counted.get("output_tokens")),
    )


def _failure(status: int) -> Failure:
    if status in (401, 403):
        return "access_denied"
    if status == 429:
        return "rate_limited"
    return "server_error" if status >= 500 else "rejected"


def _count(tokens: Any) -> int:
    return min(tokens, 10**9) if isinstance(tokens, int) and tokens > 0 else 0
