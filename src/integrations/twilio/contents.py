"""Choices as Twilio's Content API shows them: buttons and lists to press.

A content is made once for each shape (so many buttons, so many rows) and filled by variables, the ids included: nothing of a
conversation is kept at Twilio, and a start finds what an earlier one made. Limits are those of messages within the 24 h window,
which need no approval.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from src.errors import IntegrationError, Rejected
from src.integrations.http import Answer
from src.integrations.parts import cut, distinct
from src.messages import Content, Option, Template

BODY_ROOM, BUTTONS, ROWS = 1024, 3, 10
_BUTTON_TITLE, _ROW_TITLE, _ROW_DESCRIPTION, _ROW_ID, _LABEL = 20, 24, 72, 200, 20
_NAME = "iagente_{kind}_{count}_v1"
_PAGE, _MOST_PAGES = 500, 20
REST_S = 600.0
"""So long choices go out in words after the Content API failed."""


class Shape(msgspec.Struct, frozen=True):
    """A content's name, what it is made of, and the variables that make one message of it."""

    name: str
    types: dict[str, Any]
    values: tuple[str, ...]

    @property
    def variables(self) -> dict[str, str]:
        """As Twilio counts them: from one."""
        return {str(number): value for number, value in enumerate(self.values, start=1)}


def shape_of(content: Content) -> Shape | None:
    """How that content can be pressed at Twilio; None where it can only be written."""
    options, text = distinct(content.options), body_of(content)
    if content.kind not in ("buttons", "list") or not 0 < len(text) <= BODY_ROOM or not options:
        return None
    room = _BUTTON_TITLE if content.kind == "buttons" and len(options) <= BUTTONS else _ROW_TITLE
    titles = [cut(option.title, room) for option in options]
    if len(options) > ROWS or len(set(titles)) < len(titles) or any(len(option.id) > _ROW_ID for option in options):
        return None
    if room == _BUTTON_TITLE:
        return _buttons(text, options, titles)
    return _rows(text, cut(content.action, _LABEL) or "Ver opciones", options, titles)


def body_of(content: Content) -> str:
    """What stands above the choices."""
    return "\n\n".join(part.strip() for part in (content.header, content.text, content.footer) if part.strip())


def written_out(content: Content) -> str:
    """A message with choices as plain text: what would be on the buttons stands below, to be answered in words or by number."""
    options = "\n".join(
        f"{number}. {option.title}" if content.numbered else f"▸ {option.title}"
        for number, option in enumerate(content.options, start=1)
    )
    return "\n\n".join(part for part in (body_of(content), options, content.link if content.kind == "cta_url" else "") if part)


def _buttons(text: str, options: list[Option], titles: list[str]) -> Shape:
    actions = [{"title": f"{{{{{2 * n}}}}}", "id": f"{{{{{2 * n + 1}}}}}"} for n in range(1, len(options) + 1)]
    values = (text, *(part for option, title in zip(options, titles, strict=True) for part in (title, option.id)))
    types = {"twilio/quick-reply": {"body": "{{1}}", "actions": actions}}
    return Shape(_NAME.format(kind="buttons", count=len(options)), types, values)


def _rows(text: str, label: str, options: list[Option], titles: list[str]) -> Shape:
    # A variable may not be empty, so rows have descriptions all or none.
    described = all(option.description.strip() for option in options)
    fields = ("item", "id", "description") if described else ("item", "id")
    items = [
        {field: f"{{{{{3 + len(fields) * n + place}}}}}" for place, field in enumerate(fields)} for n in range(len(options))
    ]
    values = [text, label]
    for option, title in zip(options, titles, strict=True):
        values += [title, option.id, cut(option.description, _ROW_DESCRIPTION)][: len(fields)]
    types = {"twilio/list-picker": {"body": "{{1}}", "button": "{{2}}", "items": items}}
    return Shape(_NAME.format(kind="rows_described" if described else "rows", count=len(options)), types, tuple(values))


class Contents:
    """The contents of one account. `call` speaks to Twilio: action, method, address and more, as `TwilioClient` has it."""

    def __init__(self, call: Callable[..., Answer], base: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._call, self._url, self._monotonic = call, f"{base}/v1/Content", monotonic
        self._made: dict[str, str] = {}
        self._rests_until_s = 0.0

    def id_of(self, shape: Shape, timeout_s: float) -> str:
        """Twilio's id of that shape, made when there is none; "" while the Content API does not do its work."""
        if shape.name not in self._made and self._monotonic() >= self._rests_until_s:
            try:
                self._made[shape.name] = self._found(shape.name, timeout_s / 3) or self._create(shape, timeout_s / 3)
            except IntegrationError:
                self.rest()
        return self._made.get(shape.name, "")

    def rest(self) -> None:
        """Something is wrong with what was made: it is looked for anew, later."""
        self._made.clear()
        self._rests_until_s = self._monotonic() + REST_S

    def id_of_template(self, template: Template, timeout_s: float) -> str:
        """Templates are known here by their names, at Twilio by ids. Raises Rejected for one that is not there."""
        named = [row for row in self._rows(timeout_s) if row.get("friendly_name") == template.name]
        in_language = [row for row in named if str(row.get("language", "")).replace("-", "_") == template.language]
        if not named:
            raise Rejected("twilio", "send", detail="no template has that name")
        return str((in_language or named)[0]["sid"])

    def _found(self, name: str, timeout_s: float) -> str:
        return next((str(row["sid"]) for row in self._rows(timeout_s) if row.get("friendly_name") == name), "")

    def _create(self, shape: Shape, timeout_s: float) -> str:
        samples = dict.fromkeys(shape.variables, "–")
        made = {"friendly_name": shape.name, "language": "es", "variables": samples, "types": shape.types}
        sid = self._call("make_content", "POST", self._url, timeout_s, json=made).json_object().get("sid")
        if not isinstance(sid, str) or not sid:
            raise Rejected("twilio", "make_content", detail="no content id")
        return sid

    def _rows(self, timeout_s: float) -> Iterator[dict[str, Any]]:
        for page in range(_MOST_PAGES):
            query = {"PageSize": _PAGE, "Page": page}
            answer = self._call("contents", "GET", self._url, timeout_s, params=query).json_object()
            listed, meta = answer.get("contents"), answer.get("meta")
            rows = listed if isinstance(listed, list) else []
            yield from (row for row in rows if isinstance(row, dict) and isinstance(row.get("sid"), str))
            if not rows or not (isinstance(meta, dict) and meta.get("next_page_url")):
                return
