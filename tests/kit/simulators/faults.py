"""Fault switches and delays that a test turns on."""

from __future__ import annotations

import math
import random
import time
from typing import Any


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

    _n = 0

    def __init__(self, d: dict) -> None:
        Fault._n += 1
        self.id = Fault._n
        self.d = dict(d)
        self.kind = d["kind"]
        self.times = int(d.get("times", -1 if (self.kind == "outage" or "for_s" in d) else 1))
        self.skip = int(d.get("skip", 0))
        self.match = d.get("match", "")
        self.where = d.get("where") or {}
        self.p = float(d.get("p", 1.0))
        self.until = time.monotonic() + float(d["for_s"]) if "for_s" in d else None
        self.hits = 0

    def alive(self) -> bool:
        if self.until is not None and time.monotonic() > self.until:
            return False
        return self.times != 0

    def wants(self, label: str, facts: dict | None) -> bool:
        if self.match and self.match not in label:
            return False
        return all((facts or {}).get(k) == v for k, v in self.where.items())

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

    def view(self) -> dict:
        return {"id": self.id, **self.d, "left": self.times, "hits": self.hits, "alive": self.alive()}


class Faults:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.items: list[Fault] = []

    def add(self, d: dict) -> dict:
        f = Fault(d)
        self.items.append(f)
        return f.view()

    def clear(self, fid: int | None = None) -> None:
        self.items = [] if fid is None else [f for f in self.items if f.id != fid]

    def pick(self, kinds, label: str = "", facts: dict | None = None) -> Fault | None:
        if not self.items:
            return None
        for f in self.items:
            if f.kind in kinds and f.alive() and f.wants(label, facts) and f.take(self.rng):
                return f
        return None

    def view(self) -> list[dict]:
        return [f.view() for f in self.items]
