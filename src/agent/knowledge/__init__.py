"""What the agent can answer beside the sale itself: short texts that people wrote, found by what is asked.

An answer quotes its entry word for word. Nothing found is an empty tuple: then the agent says so and offers a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from src.agent.knowledge.entries import OWN_ENTRIES, Entry, Fault, read_entries
from src.agent.knowledge.index import Index

__all__ = ["Entry", "Fault", "Knowledge", "load", "search"]


class Knowledge:
    """The entries that can be found, and the `faults` of the files that could not be used."""

    def __init__(self, entries: Iterable[Entry], faults: Iterable[Fault] = ()) -> None:
        self.entries = tuple(entries)
        self.faults = tuple(faults)
        languages = {entry.language for entry in self.entries}
        self._by_language = {
            language: Index([entry for entry in self.entries if entry.language == language], language)
            for language in sorted(languages)
        }

    def search(self, query: str, language: str = "es") -> tuple[Entry, ...]:
        """The entries in that language that answer the query, best first; empty when nothing fits."""
        index = self._by_language.get(language)
        return index.search(query) if index else ()


def load(extra_dirs: Iterable[Path] = ()) -> Knowledge:
    """The entries that come along, and those of the operator's folders, which replace ours of the same id and language."""
    entries, faults = read_entries((OWN_ENTRIES, *extra_dirs))
    return Knowledge(entries, faults)


@cache
def _own() -> Knowledge:
    return load()


def search(query: str, language: str = "es") -> tuple[Entry, ...]:
    """The entries that come along and answer the query, best first; empty when nothing fits. Read once, when first used."""
    return _own().search(query, language)
