"""Writing webhook.log in a test, and reading it strictly."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from src import logs

_PAIR = re.compile(r'([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?: |$)')


def logfmt(line: str) -> dict[str, str]:
    """One line, read strictly."""
    pairs, at = {}, 0
    while at < len(line):
        match = _PAIR.match(line, at)
        assert match, f"not logfmt from {at}: {line[at : at + 80]!r}"
        assert match[1] not in pairs, f"{match[1]} twice: {line!r}"
        value = match[2]
        pairs[match[1]] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        at = match.end()
    return pairs


READERS: dict[str, Callable[[str], dict[str, Any]]] = {"text": logfmt, "json": json.loads}


def written_to(log_file: Path) -> str:
    """All of the log so far, also what still waits to be written."""
    logs.flush()
    return log_file.read_text(encoding="utf-8")


def lines_of(log_file: Path) -> list[str]:
    """As any reader would split them: by every character that some reader takes for the end of a line."""
    return written_to(log_file).splitlines()


@contextmanager
def logging_to(log_file: Path, *, log_format: str = "text", debug: bool = False) -> Iterator[Path]:
    """What the program logs goes there, as in production; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure(log_file=str(log_file), log_format=log_format, debug=debug, process="web", stdout=False)
    try:
        yield log_file
    finally:
        logs.flush()
        for handler in root.handlers:
            handler.close()
        root.handlers, root.level = handlers, level
