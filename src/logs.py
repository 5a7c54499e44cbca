"""webhook.log and stdout: one line per event, with time, level, event, correlation id and figures; nothing personal.

Whoever logs gives figures and codes. As a second line of defence everything that looks like a phone number, a token or a
long number is masked here, and of an exception only its type, the place it came from and our own wording are written.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from concurrent_log_handler import ConcurrentRotatingFileHandler
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from src.errors import SalesAgentError

MAX_BYTES = 10_000_000
BACKUPS = 5
_OUR_LINES = "iagente"
_WRITE_EVERY_S = 0.1
_LINES_AT_ONCE = 50
_LONG_NUMBER = re.compile(r"\+?\d[\d .-]{5,}\d")
_CREDENTIAL = re.compile(
    r"(?i)\b(bearer|token|secret|password)[=: ]+\S+|\bEAA[A-Za-z0-9]{8,}|\bsk-[A-Za-z0-9_-]{8,}|://[^/\s@]+@"
)
_HARMLESS = re.compile(r"[a-z_.]*")
"""Words of our own making: most values of most lines, and nothing in them needs a second look."""
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LARGEST_FIGURE = 10**8
"""A larger number is somebody's phone, card or id rather than a figure."""
_OURS = {
    "at": re.compile(r"[0-9T:.Z-]+"),
    "cid": re.compile(r"[0-9a-f]{12}|[0-9]{16}\.[0-9]+"),  # of a request; of a turn, by its claim
    "contact": re.compile(r"[0-9a-f]{10}"),  # a pseudonym
}
"""Names of our making that tie lines together. They may consist of digits, and must not be masked."""


def configure(*, log_file: str, log_format: str, debug: bool = False, process: str, stdout: bool = True) -> None:
    """Sets up logging for this process. Several processes may write the same file; it rotates at 10 MB, five kept."""
    shared: list[Processor] = [
        _named(process),
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _short_exception,
        _mask,
    ]
    if log_format == "json":
        shared.append(_severity)
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.processors.LogfmtRenderer(key_order=["at", "level", "process", "event"], bool_as_flag=False)
    )
    formatter = _Formatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    )
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)] if stdout else []
    if log_file:
        Path(log_file).parent.mkdir(parents=True, exist_ok=True)
        handlers.append(ConcurrentRotatingFileHandler(log_file, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8"))
    root = logging.getLogger()
    flush()
    for before in root.handlers:
        if isinstance(before, ConcurrentRotatingFileHandler):
            before.close()
    root.handlers = handlers
    for handler in handlers:
        handler.setFormatter(formatter)
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    quiet = ("urllib3", "werkzeug", "redis", "asyncio", "portalocker", "concurrent_log_handler", "flask-limiter")
    for noisy in (*quiet, "httpx2", "httpcore2", "openai", "langchain", "langsmith"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    global _lines  # noqa: PLW0603 - one way out for a process, as with the handlers of `logging`
    _lines = _Lines(root)
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=lambda *_: _lines,
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        cache_logger_on_first_use=True,
    )


def get_logger() -> FilteringBoundLogger:
    """A logger: `log.info("webhook.received", accepted=1)`."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


class _Lines:
    """Hands finished lines to the handlers, some at a time, from a thread of its own.

    Whoever logs waits for no file and no lock on it: with several threads in a process that wait cost more than the line.
    A process that is killed loses the lines of its last tenth of a second; `flush` and an ordinary end lose none.
    """

    def __init__(self, root: logging.Logger) -> None:
        self._root = root
        self._waiting: deque[tuple[int, str]] = deque()
        self._starting = threading.Lock()
        self._writing = threading.Lock()
        self._process = 0

    def _add(self, level: int, line: str) -> None:
        self._waiting.append((level, line))
        if self._process != os.getpid():  # threads do not survive a fork
            with self._starting:
                if self._process != os.getpid():
                    self._process = os.getpid()
                    threading.Thread(target=self._write_on, name="log", daemon=True).start()

    def _write_on(self) -> None:
        """Writes as long as this is the process's way out; one that was replaced writes what it was handed and ends."""
        while self is _lines:
            time.sleep(_WRITE_EVERY_S)
            self.write()
        with self._starting:
            self._process = 0  # whoever still holds it and logs starts it again
        time.sleep(_WRITE_EVERY_S)
        self.write()

    def write(self) -> None:
        """Everything that waits: one lock and one write for many lines."""
        with self._writing:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _LINES_AT_ONCE))]
                level = max(level for level, _ in batch)
                text = "\n".join(line for _, line in batch)
                record = logging.LogRecord(_OUR_LINES, level, "", 0, text, None, None)
                for handler in self._root.handlers:
                    handler.handle(record)

    def debug(self, line: str) -> None:
        self._add(logging.DEBUG, line)

    def info(self, line: str) -> None:
        self._add(logging.INFO, line)

    def warning(self, line: str) -> None:
        self._add(logging.WARNING, line)

    def error(self, line: str) -> None:
        self._add(logging.ERROR, line)

    critical = error


_lines: _Lines | None = None


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Our own lines are finished; those of libraries get the same form."""

    def format(self, record: logging.LogRecord) -> str:
        return record.msg if record.name == _OUR_LINES else super().format(record)


def _named(process: str) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return add


def _severity(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """As clouds sort lines: the level, in their spelling."""
    return {"severity": str(event.get("level", "info")).upper(), **event}


def flush() -> None:
    """Writes out what still waits."""
    if _lines is not None:
        _lines.write()
    for handler in logging.getLogger().handlers:
        with contextlib.suppress(ValueError):  # its stream was closed before us
            handler.flush()


def _short_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    if not given:
        return event
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else sys.exc_info()[1]
    if error is not None:
        event["error"] = type(error).__name__
        event["where"] = _places(error)
        if isinstance(error, SalesAgentError):
            event["detail"] = str(error)
    return event


def _places(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))


def _mask(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if key not in _OURS or not _OURS[key].fullmatch(str(value)):
            event[key] = masked(value)
    return event


def masked(value: Any) -> Any:
    """The value with phone numbers, long numbers and credentials masked and on one line, in lists and dicts too."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < _LARGEST_FIGURE else "[number]"
    if isinstance(value, Mapping):
        return {masked(str(key)): masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(inner) for inner in value]
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if _HARMLESS.fullmatch(text):
        return text
    text = _LONG_NUMBER.sub("[number]", _CREDENTIAL.sub("[secret]", text))
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


atexit.register(flush)
