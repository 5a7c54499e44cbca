"""Whether the language model's server answers as the sale asks: for the doctor, light enough for a web process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from src.agent.model import Prompt
from src.errors import AccessDenied, Rejected, TemporaryFailure
from src.integrations.http import Answer, Outgoing
from src.integrations.openai.dialect import Dialect, Learnt, first_dialect, object_in, text_of
from src.integrations.openai.keys import bearer

VENDOR = "model"
_MOST_WAYS = 8
_QUESTION = Prompt(
    task="read",
    version="doctor.v1",
    system="You read what somebody wrote to an insurance agent, and give back the age that they tell. The age is a number.",
    facts=json.dumps({"message": "Hola, tengo 45 años y no fumo"}, ensure_ascii=False),
    schema={
        "type": "object",
        "properties": {"age": {"anyOf": [{"$ref": "#/$defs/years"}, {"type": "null"}]}},
        "required": ["age"],
        "additionalProperties": False,
        "$defs": {"years": {"type": "integer"}},
    },
    answer_tokens=100,
)
"""One real question, with a schema of the kind that the sale asks with."""


class ModelCheck:
    """Puts one small question in the dialect that the sale uses, or finds one. Constructing connects nowhere."""

    def __init__(
        self,
        *,
        api_key: str | Callable[[], str],
        base_url: str,
        model: str,
        provider: str = "",
        deployment: str = "",
        api_version: str = "",
        learnt: Learnt | None = None,
        timeout_s: float = 8.0,
    ) -> None:
        base = base_url.rstrip("/")
        self._azure = provider == "azure"
        self._url = (
            f"{base}/openai/deployments/{deployment or model}/chat/completions" if self._azure else f"{base}/chat/completions"
        )
        self._query = {"api-version": api_version} if self._azure else {}
        self._api_key, self._model, self._timeout_s = api_key, model, timeout_s
        self._name, self._learnt = f"{base_url} {deployment or model}", learnt or Learnt(None)
        self._first = self._learnt.of(self._name) or first_dialect(provider, model)
        self._http = Outgoing(VENDOR)

    def check(self) -> dict[str, str]:
        """The model, how it is asked, and how long it took.

        Raises AccessDenied for a refused key, Rejected when questions are refused or answered with something else,
        TemporaryFailure when there is no answer.
        """
        dialect, tried = self._first, set[Dialect]()
        started_s = time.monotonic()
        while True:
            tried.add(dialect)
            answer = self._ask(dialect)
            other = self._other_way(dialect, answer)
            if other is None or other in tried or len(tried) >= _MOST_WAYS:
                break
            dialect = other
        self._judge(answer)
        if dialect != self._first:
            self._learnt.keep(self._name, dialect)
        spoken = [
            dialect.limit,
            {"strict": "json_schema, strict", "schema": "json_schema", "object": "json_object"}.get(
                dialect.form, "schema in words"
            ),
        ]
        return {
            "model": self._model,
            "asked with": ", ".join((*spoken, *(["no temperature"] if not dialect.temperature else []))),
            "answered in": f"{time.monotonic() - started_s:.1f} s",
        }

    def _ask(self, dialect: Dialect) -> Answer:
        headers = bearer(self._api_key)
        if self._azure:
            headers["api-key"] = headers["Authorization"].removeprefix("Bearer ")
        body = {"model": self._model, "messages": dialect.messages(_QUESTION), **dialect.parameters(_QUESTION)}
        return self._http.call(
            "check", "POST", self._url, timeout_s=self._timeout_s, headers=headers, json=body, params=self._query
        )

    @staticmethod
    def _other_way(dialect: Dialect, answer: Answer) -> Dialect | None:
        if answer.status in (400, 422):
            return dialect.after_refusal(answer.body.decode("utf-8", "replace")[:4000])
        choice = _choice(answer)
        silent = choice.get("finish_reason") == "length" and object_in(_said(choice)) is None
        return dialect.after_silence() if answer.status == 200 and silent else None

    @staticmethod
    def _judge(answer: Answer) -> None:
        told = answer.body.decode("utf-8", "replace")[:4000]
        if answer.status in (401, 403) or (answer.status == 400 and "api key" in told.casefold()):
            raise AccessDenied(VENDOR, "check", status=answer.status, detail="OPENAI_API_KEY is refused")
        if answer.status == 404:
            raise Rejected(VENDOR, "check", status=404, detail="OPENAI_MODEL is not known at OPENAI_BASE_URL")
        if 400 <= answer.status < 500 and answer.status != 429:
            raise Rejected(VENDOR, "check", status=answer.status, detail="questions of the kind that the sale asks are refused")
        if answer.status != 200:
            raise TemporaryFailure(VENDOR, "check", status=answer.status, detail="no answer to a question")
        found = object_in(_said(_choice(answer)))
        if found is None or "age" not in found:
            raise Rejected(
                VENDOR, "check", status=200, detail="a question was answered, but not in the form that was asked for"
            )


def _choice(answer: Answer) -> dict[str, Any]:
    choices = answer.json_object().get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _said(choice: dict[str, Any]) -> str:
    message = choice.get("message")
    return text_of(message.get("content")) if isinstance(message, dict) else ""
