"""How long things took in this process and what came in, in a file that the web process reads when somebody asks for /metrics.

Workers have no port of their own, so every process of a host writes its figures into a file of its own below the data
directory: prometheus_client's memory-mapped dictionary of numbers, which survives a killed process and costs microseconds. Its
multi-process mode is not used: that is one registry for a whole program, set up through the environment before the first
import. A file's writer holds a lock on it; what a dead process left is added to one file of sums, so that totals only grow
and files stay few.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import struct
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import msgspec
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.mmap_dict import MmapedDict

from src.desk.crm import File
from src.desk.ports import Channel
from src.errors import IntegrationError
from src.messages import Content, Media, Outbound

FILE_BYTES = 256 * 1024
"""Written out when a file is made: a disk that fills up later must not end a process that writes to a mapped page."""
_SUMS = "sums.db"
_Mapped: Any = MmapedDict
"""The library says nothing about the types of this one."""


class Durations(msgspec.Struct, frozen=True):
    """A histogram of seconds: its name and what it is about, the names of its labels, the upper bounds of its buckets."""

    name: str
    about: str
    labels: tuple[str, ...]
    bounds_s: tuple[float, ...]

    @property
    def bounds(self) -> tuple[str, ...]:
        """The bounds as Prometheus writes them, with that of the bucket for everything longer."""
        return (*map(str, self.bounds_s), "+Inf")


DOOR = Durations(
    "iagente_door_duration_seconds",
    "Time to answer a request, by method, rule of the door and status.",
    ("method", "door", "status"),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
WORK = Durations(
    "iagente_work_duration_seconds",
    "Time to work on one claim of a lane, by what came of it.",
    ("lane", "outcome"),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
VENDOR_CALL = Durations(
    "iagente_vendor_call_duration_seconds",
    "Time of one call to a vendor; the outcome is ok or the class of the error.",
    ("vendor", "action", "outcome"),
    (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
ALL = (DOOR, WORK, VENDOR_CALL)


class Counts(msgspec.Struct, frozen=True):
    """A count that only grows: its name (Prometheus adds an ending), what it is about, the names of its labels."""

    name: str
    about: str
    labels: tuple[str, ...]


ITEMS = Counts(
    "iagente_webhook_items",
    "Items of proven webhooks, by what became of them; docs/operations.md explains the outcomes.",
    ("vendor", "outcome"),
)


class ProcessMetrics:
    """One for each process; threads share it. Constructing touches nothing, the first observation makes the file.

    A directory that cannot be written leaves the figures of this process out, and nothing else is wrong.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._file: Any = None
        self._unwritable = False
        self._values: dict[str, float] = {}
        self._keys: dict[tuple[Durations, tuple[str, ...]], tuple[str, list[str]]] = {}

    def observe(self, what: Durations, labels: tuple[str, ...], seconds: float) -> None:
        """Adds one duration; `labels` in the order of `what.labels`."""
        with self._lock:
            if self._unwritable:
                return
            try:
                total, buckets = self._keys.get((what, labels)) or self._begin(what, labels)
            except OSError:
                self._unwritable = True
                return
            place = next((place for place, bound_s in enumerate(what.bounds_s) if seconds <= bound_s), -1)
            self._add(total, seconds)
            self._add(buckets[place], 1.0)

    def count_items(self, vendor: str, **outcomes: int) -> None:
        """What became of the items of one webhook: so many of each outcome of `ITEMS`."""
        with self._lock:
            if self._unwritable:
                return
            try:
                self._open()
            except OSError:
                self._unwritable = True
                return
            for outcome, number in outcomes.items():
                if number:
                    self._add(json.dumps([ITEMS.name, vendor, outcome, "total"]), float(number))

    @contextmanager
    def vendor_call(self, vendor: str, action: str) -> Iterator[None]:
        """Measures what is done inside as one call to a vendor, and by which of our errors it ended."""
        started_s, outcome = time.monotonic(), "ok"
        try:
            yield
        except IntegrationError as error:
            outcome = type(error).__name__
            raise
        finally:
            self.observe(VENDOR_CALL, (vendor, action, outcome), time.monotonic() - started_s)

    def collect(self) -> list[Metric]:
        """What all processes of this data directory observed since it was made. Unreadable files are left out."""
        with suppress(OSError), _directory_lock(self._directory, exclusive=False):
            return _metrics(_summed(sorted(self._directory.glob("*.db"))))
        return _metrics({})

    def _begin(self, what: Durations, labels: tuple[str, ...]) -> tuple[str, list[str]]:
        """The keys of a new histogram; buckets that stay empty must be there too."""
        self._open()
        total = json.dumps([what.name, *labels, "sum"])
        buckets = [json.dumps([what.name, *labels, bound]) for bound in what.bounds]
        for key in (total, *buckets):
            self._add(key, 0.0)
        self._keys[what, labels] = (total, buckets)
        return total, buckets

    def _open(self) -> None:
        if self._file is None:
            self._file, held = _new_file(self._directory)
            weakref.finalize(self, _close, self._file, held)

    def _add(self, key: str, amount: float) -> None:
        value = self._values[key] = self._values.get(key, 0.0) + amount
        self._file.write_value(key, value, 0.0)


class MeasuredChannel:
    """A channel whose calls to the vendor are measured. Implements `desk.ports.Channel`."""

    def __init__(self, channel: Channel, metrics: ProcessMetrics, vendor: str) -> None:
        self._channel = channel
        self._metrics = metrics
        self._vendor = vendor

    @property
    def number(self) -> str:
        """See the port."""
        return self._channel.number

    @property
    def confirms(self) -> bool:
        """See the port."""
        return self._channel.confirms

    def parts(self, content: Content) -> Sequence[Content]:
        """See the port."""
        return self._channel.parts(content)

    def send(self, outbound: Outbound, *, opaque: str, timeout_s: float | None = None) -> str:
        """See the port."""
        with self._metrics.vendor_call(self._vendor, "send"):
            return self._channel.send(outbound, opaque=opaque, timeout_s=timeout_s)

    def download(self, media: Media, *, max_bytes: int) -> File:
        """See the port."""
        with self._metrics.vendor_call(self._vendor, "download"):
            return self._channel.download(media, max_bytes=max_bytes)

    def check(self) -> dict[str, str]:
        """See the port."""
        with self._metrics.vendor_call(self._vendor, "check"):
            return self._channel.check()

    def mark_read(self, message_id: str, *, typing: bool) -> None:
        """See the port."""
        with self._metrics.vendor_call(self._vendor, "mark_read"):
            self._channel.mark_read(message_id, typing=typing)


def _new_file(directory: Path) -> tuple[Any, IO[bytes]]:
    """A file of our own, locked for as long as we live; first, what dead processes left is added up."""
    directory.mkdir(parents=True, exist_ok=True)
    with _directory_lock(directory, exclusive=True):
        _add_up_the_dead(directory)
        path = directory / f"{os.getpid()}-{secrets.token_hex(4)}.db"
        held = path.open("xb")
        held.write(bytes(FILE_BYTES))
        held.flush()
        with suppress(OSError):  # without locks here, nobody can take it for a dead one's either
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _Mapped(str(path)), held


def _close(file: Any, held: IO[bytes]) -> None:
    file.close()
    held.close()


def _add_up_the_dead(directory: Path) -> None:
    dead = [path for path in directory.glob("*.db") if path.name != _SUMS and _is_dead(path)]
    if not dead:
        return
    sums = _summed([directory / _SUMS, *dead])
    fresh = directory / f".{_SUMS}"
    fresh.write_bytes(bytes(FILE_BYTES * (1 + sum(len(key) + 32 for key in sums) // FILE_BYTES)))
    file = _Mapped(str(fresh))
    for key, value in sums.items():
        file.write_value(key, value, 0.0)
    file.close()
    fresh.replace(directory / _SUMS)
    for path in dead:
        path.unlink()


def _is_dead(path: Path) -> bool:
    """Whether nobody holds the file's lock. It holds across containers on one volume, where process ids mean nothing."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _directory_lock(directory: Path, *, exclusive: bool) -> Iterator[None]:
    """While files are added up and removed nobody reads, so that nothing is counted twice or not at all."""
    with (directory / "lock").open("a") as lock:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield


def _summed(files: Sequence[Path]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for path in files:
        try:
            values = list(_Mapped.read_all_values_from_file(str(path)))
        except (OSError, ValueError, RuntimeError, struct.error):  # torn by a crash of the machine, or none of ours
            continue
        for key, value, _, _ in values:
            sums[key] = sums.get(key, 0.0) + value
    return sums


def _metrics(sums: dict[str, float]) -> list[Metric]:
    """Histograms and counts in Prometheus' form, of those that this version knows."""
    values_of: dict[tuple[str, ...], float] = {}
    for key, value in sums.items():
        with suppress(ValueError, TypeError):  # of a file that is none of ours
            values_of[tuple(map(str, json.loads(key)))] = value
    return [*(_histogram(what, values_of) for what in ALL), _counter(ITEMS, values_of)]


def _counter(what: Counts, values_of: dict[tuple[str, ...], float]) -> Metric:
    metric = CounterMetricFamily(what.name, what.about, labels=what.labels)
    for parts, value in sorted(values_of.items()):
        if parts[:1] == (what.name,) and len(parts) == 2 + len(what.labels):
            metric.add_metric(parts[1:-1], value)
    return metric


def _histogram(what: Durations, values_of: dict[tuple[str, ...], float]) -> Metric:
    metric = Metric(what.name, what.about, "histogram")
    length = 2 + len(what.labels)
    for values in sorted({parts[1:-1] for parts in values_of if parts[:1] == (what.name,) and len(parts) == length}):
        labels = dict(zip(what.labels, values, strict=True))
        counted = 0.0
        for bound in what.bounds:
            counted += values_of.get((what.name, *values, bound), 0.0)
            metric.add_sample(f"{what.name}_bucket", {**labels, "le": bound}, counted)
        metric.add_sample(f"{what.name}_count", labels, counted)
        metric.add_sample(f"{what.name}_sum", labels, values_of.get((what.name, *values, "sum"), 0.0))
    return metric
