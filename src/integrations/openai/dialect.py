"""How one server is spoken to for one model: which parameters it takes, and how it is told the form of an answer.

Nobody knows that beforehand for certain. So a server is first spoken to as is known of its kind, and where it refuses a
parameter the next way is tried at once; what worked is kept. A refusal costs one request once, and never the turn.
"""

from __future__ import annotations

import json
import re
import tempfile
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from src.agent.model import Prompt

Form = Literal["strict", "schema", "object", "words"]
FORMS: tuple[Form, ...] = ("strict", "schema", "object", "words")
"""How the form of an answer is asked for, from the surest to what every server takes."""
ROOM_TO_THINK = 1_500
"""Tokens beside the answer's own for models that think before they answer."""
_PROVIDERS = Path(__file__).with_name("providers.toml")
_IN_WORDS = "\n\nAnswer with one JSON object and nothing else: no text around it, no code fence. It follows this JSON schema:\n"


class Dialect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to put a question. `room` is tokens for thinking, `effort` how much of that is wanted ("": not said)."""

    limit: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    temperature: bool = True
    form: Form = "strict"
    effort: Literal["", "low"] = ""
    roles: Literal["system", "user"] = "system"
    room: int = 0

    def messages(self, prompt: Prompt) -> list[dict[str, str]]:
        """The question as messages."""
        system = prompt.system
        if self.form in ("object", "words"):
            system += _IN_WORDS + json.dumps(prompt.schema, ensure_ascii=False)
        if self.roles == "user":
            return [{"role": "user", "content": f"{system}\n\n{prompt.facts}"}]
        return [{"role": "system", "content": system}, {"role": "user", "content": prompt.facts}]

    def parameters(self, prompt: Prompt) -> dict[str, Any]:
        """What else the request says."""
        said: dict[str, Any] = {self.limit: prompt.answer_tokens + self.room}
        if self.temperature:
            said["temperature"] = 0.0
        if self.effort:
            said["reasoning_effort"] = self.effort
        if self.form in ("strict", "schema"):
            form = {"name": prompt.version.replace(".", "_"), "schema": prompt.schema}
            strict = {"strict": True} if self.form == "strict" else {}
            said["response_format"] = {"type": "json_schema", "json_schema": form | strict}
        elif self.form == "object":
            said["response_format"] = {"type": "json_object"}
        return said

    def after_refusal(self, told: str) -> Dialect | None:
        """How to ask instead, when the server refused the request in these words; None when they name nothing of it."""
        for named, without in self._alternatives():
            if re.search(named, told, re.IGNORECASE):
                return without
        return None

    def _alternatives(self) -> list[tuple[str, Dialect]]:
        """What may be named in a refusal, and what to do without it; what is surest first."""
        change = msgspec.structs.replace
        found: list[tuple[str, Dialect]] = []
        other: Literal["max_tokens", "max_completion_tokens"] = (
            "max_tokens" if self.limit == "max_completion_tokens" else "max_completion_tokens"
        )
        # Who refuses one of the two names the other in the same breath: what counts is what was sent.
        found.append((rf"\b{self.limit}\b", change(self, limit=other)))
        if self.temperature:
            found.append((r"\btemperature\b", change(self, temperature=False)))
        if self.effort:
            found.append((r"reasoning|\beffort\b|thinking", change(self, effort="")))
        if self.form == "strict":
            found.append((r"\bstrict\b", change(self, form="schema")))
        if self.form != "words":
            weaker: Form = "object" if self.form in ("strict", "schema") else "words"
            found.append(
                (r"json_?schema|json_object|response_?format|\bschema\b|structured|grammar", change(self, form=weaker))
            )
        if self.roles == "system":
            found.append(
                (r"system (role|message|instruction)|developer|\brole\b|roles must alternate", change(self, roles="user"))
            )
        return found

    def after_silence(self) -> Dialect | None:
        """How to ask instead, when the limit was used up and nothing was said: room to think, and little thinking."""
        if self.room:
            return None
        return msgspec.structs.replace(self, effort="low", room=ROOM_TO_THINK)


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a kind of server; see providers.toml."""

    base_url: str
    model: str
    key: bool = True
    hears: str = ""
    limit: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    form: Form = "strict"
    thinks: tuple[str, ...] = ()
    own_temperature: bool = False

    def dialect_for(self, model: str) -> Dialect:
        """How to begin."""
        if not model.startswith(self.thinks or ("\0",)):
            return Dialect(limit=self.limit, form=self.form)
        return Dialect(limit=self.limit, form=self.form, temperature=not self.own_temperature, effort="low", room=ROOM_TO_THINK)


@cache
def providers() -> dict[str, Provider]:
    """Every kind of server that is known, by its name."""
    return msgspec.convert(tomllib.loads(_PROVIDERS.read_text(encoding="utf-8")), dict[str, Provider])


def first_dialect(provider: str, model: str) -> Dialect:
    """How a server of that kind is spoken to at first; any other as OpenAI's own."""
    return providers().get(provider, providers()["openai"]).dialect_for(model)


class Learnt:
    """What was learnt of servers, in a file, so that each thing is learnt once. Without a file nothing is kept."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def of(self, name: str) -> Dialect | None:
        """The dialect of that server and model."""
        return self._all().get(name)

    def keep(self, name: str, dialect: Dialect) -> None:
        """From now on that is how it is spoken to."""
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._file.parent, delete=False) as new:
                new.write(msgspec.json.encode(self._all() | {name: dialect}))
            Path(new.name).replace(self._file)
        except OSError:
            return

    def _all(self) -> dict[str, Dialect]:
        if self._file is None:
            return {}
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Dialect])
        except (OSError, msgspec.MsgspecError):
            return {}


# --- what a model wrote -----------------------------------------------------------------------------------------------

_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_INSIDE = re.compile(r'(?:[\[{,]|"\s*:)\s*\Z')
"""What stands before an object that is only a part of another one, perhaps of one that was cut off."""
_MOST_TRIES = 20


def text_of(content: Any) -> str:
    """The text of a message's content, which may come in parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part if isinstance(part, str) else part.get("text") for part in parts if isinstance(part, str | dict)]
    return "".join(text for text in texts if isinstance(text, str))


def object_in(text: str) -> dict[str, Any] | None:
    """The JSON object that was meant: alone, in a code fence, behind thoughts or between sentences; the largest of several."""
    text = text.lstrip("\ufeff")
    whole = _decoded(text, json.loads)
    if whole is not None:
        return whole if isinstance(whole, dict) else None
    said = _THOUGHTS.sub("", text)
    found: list[tuple[int, dict[str, Any]]] = []
    place, tries = said.find("{"), 0
    while place >= 0 and tries < _MOST_TRIES:
        tries += 1
        inside = _INSIDE.search(said, max(0, place - 40), place)
        read = None if inside else _decoded(said[place:], json.JSONDecoder().raw_decode)
        if read is not None and isinstance(read[0], dict):
            found.append((read[1], read[0]))
            place = said.find("{", place + read[1])
        else:
            place = said.find("{", place + 1)
    return max(found, key=lambda one: one[0])[1] if found else None


def _decoded(text: str, decode: Callable[[str], Any]) -> Any:
    try:
        return decode(text)
    except (ValueError, RecursionError):
        return None
