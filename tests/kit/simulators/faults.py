"""Fault switches and delays that a test turns on."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Collection
from typing import Any

Json = dict[str, Any]


def sample_delay(spec: Any, rng: random.Random) -> float:
    """A delay in seconds from a number or a distribution description.

    0.2 | {"dist":"fixed","s":0.2} | {"dist":"uniform","min":0.1,"max":2} | {"dist":"normal","mean":1,"sd":0.3}
    | {"dist":"lognormal","median":0.8,"sigma":0.6,"max":30} | {"dist":"exp","mean":0.5}
    | {"dist":"choice","values":[0.1,5],"weights":[9,1]}
    """
    if not spec:
        return 0.0
    if isinstance(spec, (int, float)):
        return max(0.0, float(spec))
    d = spec.get("dist", "fixed")
    if d == "fixed":
        v = float(spec.get("s", 0))
    elif d == "uniform":
        v = rng.uniform(float(spec.get("min", 0)), float(spec.get("max", 1)))
    elif d == "normal":
        v = rng.gauss(float(spec.get("mean", 0)), float(spec.get("sd", 0)))
    elif d == "lognormal":
        v = rng.lognormvariate(math.log(float(spec.get("median", 1))), float(spec.get("sigma", 0.5)))
    elif d == "exp":
        v = rng.expovariate(1.0 / max(1e-9, float(spec.get("mean", 1))))
    elif d == "choice":
        v = float(rng.choices(spec["values"], weights=spec.get("weights"))[0])
    else:
        raise ValueError("unknown distribution " + d)
    if "max" in spec:
        v = min(v, float(spec["max"]))
    return max(0.0, v)


class Fault:
    """One switch. `times` -1 = until removed; `for_s` limits it in real time; `match` is a substring of 'METHOD /path';
    `where` is a dict of equality tests against facts that the simulator extracts (to, type, event, ...)."""

    _ids = itertools.count(1)

    def __init__(self, options: Json) -> None:
        self.id = next(Fault._ids)
        self.options = dict(options)
        self.kind: str = options["kind"]
        lasting = self.kind == "outage" or "for_s" in options
        self.times = int(options.get("times", -1 if lasting else 1))
        self.skip = int(options.get("skip", 0))
        self.match: str = options.get("match", "")
        self.where: Json = options.get("where") or {}
        self.p = float(options.get("p", 1.0))
        self.until = time.monotonic() + float(options["for_s"]) if "for_s" in options else None
        self.hits = 0

    def alive(self) -> bool:
        in_time = self.until is None or time.monotonic() <= self.until
        return in_time and self.times != 0

    def wants(self, label: str, facts: Json | None) -> bool:
        return self.match in label and all((facts or {}).get(name) == value for name, value in self.where.items())

    def take(self, rng: random.Random) -> bool:
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.p < 1.0 and rng.random() >= self.p:
            return False
        if self.times > 0:
            self.times -= 1
        self.hits += 1
        return True

    def view(self) -> Json:
        return {"id": self.id, **self.options, "left": self.times, "hits": self.hits, "alive": self.alive()}


class Faults:
    """The switches of one vendor, in the order they were added."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.items: list[Fault] = []

    def add(self, options: Json) -> Json:
        fault = Fault(options)
        self.items.append(fault)
        return fault.view()

    def clear(self, fault_id: int | None = None) -> None:
        self.items = [] if fault_id is None else [fault for fault in self.items if fault.id != fault_id]

    def pick(self, kinds: Collection[str], label: str = "", facts: Json | None = None) -> Fault | None:
        """The first switch of these kinds that applies now; it counts as used."""
        for fault in self.items:
            if fault.kind in kinds and fault.alive() and fault.wants(label, facts) and fault.take(self.rng):
                return fault
        return None

    def view(self) -> list[Json]:
        return [fault.view() for fault in self.items]
