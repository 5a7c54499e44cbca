"""The desk: everything that doors and operators may ask for. It knows no vendor and no store, only its ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from src.agent.agenda import UNANSWERED
from src.agent.state import Conversation
from src.desk import jobs
from src.desk.failures import first_code, reason_of
from src.desk.loading import shown_conversation
from src.desk.person import Person
from src.desk.ports import Ledger, Record, Records
from src.errors import Conflict
from src.messages import PLAYED, Contact, Inbound, Receipt, channel_of, line_of

MESSAGES_SHOWN = 1_000
UNANSWERED_KINDS = frozenset(("reaction", "revoke", "system"))
"""What somebody does without saying anything."""


class Received(msgspec.Struct, frozen=True):
    """What became of the items of one webhook: how many were new, known before, and receipts by what was done with them."""

    accepted: int
    duplicates: int
    receipts: Mapping[str, int]


class Desk:
    """One per process. Every method may raise LedgerUnavailable."""

    def __init__(
        self,
        ledger: Ledger,
        records: Records,
        *,
        person: Person | None = None,
        typed_key: Callable[[str], str | None] = lambda _typed: None,
    ) -> None:
        self._ledger = ledger
        self._records = records
        self._person = person
        self._typed_key = typed_key

    def receive(self, inbounds: Sequence[Inbound], receipts: Sequence[Receipt]) -> Received:
        """Writes everything durably before it returns. What must not be stored is taken out first."""
        mirrored = self._ledger.mirrors
        answers = self._ledger.accept([jobs.arrival(inbound, mirrored=mirrored) for inbound in inbounds]) if inbounds else []
        outcomes: dict[str, int] = {}
        for receipt in receipts:
            outcome = self._ledger.receive_receipt(receipt)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        return Received(answers.count("accepted"), answers.count("duplicate"), outcomes)

    def find(self, reference: str) -> str | None:
        """The contact key for what an operator typed: a phone with or without plus, a user id, or a key."""
        key = self._records.resolve(reference)
        return key if self._records.record(key) is not None else None

    def known(self, reference: str) -> str | None:
        """The same for a phone as people type it, too: it means the person's only conversation, on whatever line.

        Raises Conflict when there are several: their keys tell them apart.
        """
        typed = self._typed_key(reference)
        if typed is None and (key := self.find(reference)):
            return key
        address = (typed or reference).rpartition(":")[2]
        keys = self._person.on_lines(address) if self._person else [key] if typed and (key := self.find(typed)) else []
        if len(keys) > 1:
            raise Conflict(
                "several_conversations", "That person writes on several lines; say which by its key.", {"keys": keys}
            )
        return keys[0] if keys else self.find(f"{PLAYED}:{address.removeprefix('+')}")

    def conversation(self, contact: str) -> dict[str, Any] | None:
        """One conversation as the outside sees it, or None."""
        record = self._records.record(contact)
        if record is None:
            return None
        conversation = shown_conversation(record)
        return {**_shown(record, conversation), "unanswered": self._unanswered(record, conversation)}

    def _unanswered(self, record: Record, conversation: Conversation) -> str | None:
        """Why the last message has no answer yet: a stable word, or None where it needs none."""
        if conversation.memory.undelivered:
            return "undelivered"
        last = record.rows[-1] if record.rows else None
        if last is None or last.get("role") != "prospect" or last.get("kind") in UNANSWERED_KINDS:
            return None
        if record.owner == "human":
            return "human"
        if conversation.agenda.get(UNANSWERED) or self._ledger.paused():
            return "paused"
        if conversation.outcome == "opted_out":
            return "opted_out"
        return "limit" if conversation.memory.limit_noticed else "waiting"

    def version(self, contact: str) -> str:
        """Another one whenever anything changed that is shown of that conversation."""
        return self._records.version(contact)

    def conversations(
        self, *, cursor: str = "", limit: int = 50, stage: str = "", owner: str = "", query: str = ""
    ) -> dict[str, Any]:
        """A page of summaries, newest first. Raises ValueError for a cursor that is none of ours."""
        page = self._records.page(cursor=cursor, limit=limit, stage=stage, owner=owner, query=query)
        summaries = [_summary(record, shown_conversation(record)) for record in page.records]
        if query:  # such a page comes in the order of names and of all stages
            summaries = [summary for summary in summaries if stage in ("", summary["stage"])]
            summaries.sort(key=lambda summary: (summary["updated_at"], summary["contact"]["key"]), reverse=True)
        return {"conversations": summaries, "next_cursor": page.next_cursor}

    def reset(self, contact: str) -> None:
        """The state is forgotten, the transcript stays; the next message starts at INICIO."""
        self._ledger.forget(contact, erase=False)

    def erase(self, contact: str) -> None:
        """Everything about the person goes, on all lines; an old webhook that comes again brings nothing back."""
        record = self._records.record(contact) if self._person else None
        if self._person and record:
            who = msgspec.structs.replace(shown_conversation(record).contact, key=record.contact)
            self._person.erase_elsewhere(who)
        self._ledger.forget(contact, erase=True)

    def figures(self) -> dict[str, Any]:
        """What is waiting, what went wrong, who is where."""
        return self._records.figures()


def _contact(contact: Contact) -> dict[str, Any]:
    return {
        "key": contact.key,
        "channel": channel_of(contact.channel),
        "phone": contact.phone,
        "bsuid": contact.bsuid,
        "name": contact.name,
    }


def _head(record: Record, conversation: Conversation) -> dict[str, Any]:
    return {
        "contact": _contact(conversation.contact),
        "line": line_of(record.contact),
        "stage": conversation.stage,
        "owner": record.owner,
        "outcome": conversation.outcome,
        "awaiting": conversation.awaiting,
        "handoff": _handoff(record, conversation),
    }


def _handoff(record: Record, conversation: Conversation) -> dict[str, Any] | None:
    """Why a person has it, and since when."""
    called = conversation.memory.handoff
    if record.owner != "human" or not called:
        return None
    return {"reason": called.reason, "since": called.at.isoformat(), "urgent": called.urgent}


def _shown(record: Record, conversation: Conversation) -> dict[str, Any]:
    return {
        **_head(record, conversation),
        "profile": conversation.profile,
        "profile_sources": {
            key: {"message_id": source.message_id, "at": source.at, "by": source.by, "replaced": source.replaced}
            for key, source in conversation.profile_sources.items()
        },
        "details": conversation.details,
        "need": conversation.need.to_json() if conversation.need else None,
        "quotes": [quote.to_json() for quote in conversation.quotes],
        "selected_quote": conversation.selected_quote,
        "consents": conversation.consents,
        "messages": [_message(row) for row in record.rows[-MESSAGES_SHOWN:]],
        "created_at": record.created_at,
        "updated_at": conversation.updated_at,
    }


def _message(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """One that failed says why: a code, and what it means."""
    codes = row.get("codes")
    if codes is None:
        return row
    shown = {name: value for name, value in row.items() if name != "codes"}
    return {**shown, "error": {"code": first_code(codes), "reason": reason_of(codes)}} if codes else shown


def _summary(record: Record, conversation: Conversation) -> dict[str, Any]:
    return {
        **_head(record, conversation),
        "name": conversation.profile.get("name") or conversation.contact.name,
        "created_at": record.created_at,
        "updated_at": conversation.updated_at,
    }
