"""One person with conversations on several lines of the house: what holds for the person holds on all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from src.desk.loading import readable_conversation
from src.desk.operators import Operators
from src.desk.ports import Ledger, Record, Records
from src.errors import UnknownContact, UnreadableState
from src.messages import Contact


class Person:
    """Finds somebody's other conversations, and does there what was asked for in one. May raise LedgerUnavailable.

    `ways` are what contact keys begin with, one for each line; `addresses` gives what follows it in every key that somebody may
    have. With one line there is nothing to find, and the store is not asked.
    """

    def __init__(
        self,
        ledger: Ledger,
        records: Records,
        operators: Operators,
        *,
        ways: Sequence[str] = (),
        addresses: Callable[[Contact], Sequence[str]] = lambda contact: (contact.key.partition(":")[2],),
    ) -> None:
        self._ledger, self._records, self._operators = ledger, records, operators
        self._ways, self._addresses = tuple(ways), addresses

    def elsewhere(self, contact: Contact) -> list[str]:
        """The keys of that person's conversations on the other lines. Whoever is played is nobody's other self."""
        here = contact.key.partition(":")[0]
        if here not in self._ways:
            return []
        wanted = [f"{way}:{address}" for way in self._ways if way != here for address in self._addresses(contact)]
        return [record.contact for record in self._found(wanted) if record.contact != contact.key]

    def on_lines(self, address: str) -> list[str]:
        """The keys of all conversations with whoever has that phone or user id."""
        return [record.contact for record in self._found([f"{way}:{address}" for way in self._ways])]

    def has_opted_out(self, contact: Contact) -> bool:
        """Whether they want no more messages, whichever line they said so on."""
        records = [self._records.record(key) for key in (contact.key, *self.elsewhere(contact))]
        return any(known is not None and known.outcome == "opted_out" for known in map(readable_conversation, records))

    def opt_out_elsewhere(self, contact: Contact) -> None:
        """The sale is over on the other lines, too. May be repeated. Raises Conflict when a conversation kept changing."""
        for key in self.elsewhere(contact):
            with suppress(UnknownContact, UnreadableState):  # erased just now, or nothing that this version would go on with
                self._operators.opt_out(key)

    def erase_elsewhere(self, contact: Contact) -> None:
        """Everything about the person goes on the other lines. May be repeated."""
        for key in self.elsewhere(contact):
            self._ledger.forget(key, erase=True)

    def _found(self, keys: Sequence[str]) -> list[Record]:
        records = [self._records.record(self._records.resolve(key)) for key in dict.fromkeys(keys)]
        return [*{record.contact: record for record in records if record}.values()]
