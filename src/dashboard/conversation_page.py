"""The page of one conversation, and what operators do on it: take over, hand back, write, correct, reset, erase."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import structlog
from flask import abort, render_template, request
from flask import url_for as address_of

from src.dashboard import forms, frame
from src.dashboard.frame import NOT_FOUND, t
from src.desk.desk import Desk
from src.desk.operators import Operators
from src.errors import Conflict, InvalidRequest

_NOTHING: Mapping[str, str] = MappingProxyType({})


class ConversationPage:
    """The views of one conversation. A reference is a phone as people type it, or a contact key; nobody's is a 404."""

    def __init__(self, desk: Desk, operators: Operators, typed_key: Callable[[str], str | None]) -> None:
        self._desk = desk
        self._operators = operators
        self._typed_key = typed_key
        self._log = structlog.stdlib.get_logger()

    def conversation(self, reference: str) -> Any:
        """Transcript, facts with where they came from, offers, consents, and the forms."""
        return self._page(self._find(reference))

    def take_over(self, reference: str) -> Any:
        """The bot is silent here from now on."""
        key = self._find(reference)
        self._operators.take_over(key)
        return self._done(key, "taken_over")

    def hand_back(self, reference: str) -> Any:
        """The bot goes on."""
        key = self._find(reference)
        self._operators.hand_back(key)
        return self._done(key, "handed_back")

    def write(self, reference: str) -> Any:
        """A message by hand. What was typed is shown again with the reason when it may not go."""
        key = self._find(reference)
        try:
            self._operators.say(key, forms.message(request.form))
        except InvalidRequest as fault:
            return self._page(key, fault.status, request.form.to_dict(), forms.by_field(fault.faults))
        except Conflict as fault:
            return self._page(
                key, fault.status, request.form.to_dict(), {"text": frame.words().refusal(fault.code, str(fault))}
            )
        return self._done(key, "said", part="newest")

    def correct(self, reference: str) -> Any:
        """Profile values by hand: all that were changed, or none when one of them cannot be."""
        key = self._find(reference)
        changes = forms.profile_changes(request.form)
        if not changes:
            return frame.done("unchanged", address_of("dashboard.conversation", reference=key))
        try:
            self._operators.correct(key, changes)
        except InvalidRequest as fault:
            return self._page(key, fault.status, request.form.to_dict(), forms.by_field(fault.faults))
        return self._done(key, "corrected")

    def reset(self, reference: str) -> Any:
        """The state is forgotten, the transcript stays."""
        key = self._confirmed(reference)
        self._desk.reset(key)
        return self._done(key, "reset")

    def erase(self, reference: str) -> Any:
        """Everything about the person goes."""
        self._desk.erase(self._confirmed(reference))
        self._log.info("dashboard.conversation_erased")
        return frame.done("erased", address_of("dashboard.conversations"))

    def _page(
        self, key: str, status: int = 200, typed: Mapping[str, str] = _NOTHING, faults: Mapping[str, str] = _NOTHING
    ) -> Any:
        shown = self._desk.conversation(key)
        if shown is None:
            abort(404, t(NOT_FOUND))
        return (
            render_template(
                "conversation.html",
                **shown,
                obstacle=self._operators.obstacle(key),
                fields=forms.profile_fields(shown["profile"], typed),
                typed=typed,
                faults=faults,
            ),
            status,
        )

    def _done(self, key: str, what: str, *, part: str | None = None) -> Any:
        self._log.info(f"dashboard.conversation_{what}")
        return frame.done(what, address_of("dashboard.conversation", reference=key, _anchor=part))

    def _confirmed(self, reference: str) -> str:
        key = self._find(reference)
        if request.form.get("confirmed") != "yes":
            abort(400, t("Marca la casilla para confirmarlo."))
        return key

    def _find(self, reference: str) -> str:
        key = self._desk.known(reference)
        if key is None:
            abort(404, t(NOT_FOUND))
        return key
