"""What was learnt from the corpus: linear scores over sparse features, read from one file that `make train` writes.

Training is integer arithmetic from the first to the last step, so the same corpus gives the same bytes on any processor.
Here the weights are only added up. Loaded on first use: whoever imports this module without reading a message pays nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zlib import crc32

MODEL_FILE = Path(__file__).with_name("learnt.bin")
MAGIC = b"iagente-reader-1\n"
UNIT = 4096
"""A stored score of this many units is a log-odds of 1."""


@dataclass(frozen=True, slots=True)
class Head:
    """One question asked of a set of features: a log-odds for each label.

    `keys` are the sorted checksums of the features known, `weights` their rows (int8, times `step` units), `bias` in units.
    `words` are those it was taught with, where that matters.
    """

    labels: tuple[str, ...]
    keys: Any
    weights: Any
    bias: Any
    step: int
    words: frozenset[str] = frozenset()

    def knows(self, feature: str) -> bool:
        """Whether that feature was met in training and says anything."""
        wanted = checksum(feature)
        place = int(self.keys.searchsorted(wanted))
        return place < len(self.keys) and int(self.keys[place]) == wanted

    def probabilities(self, features: Iterable[str]) -> dict[str, float]:
        """How likely each label is by itself, given the features; those never seen in training say nothing."""
        return self.odds(*self._sum(features))

    def shares(self, groups: Groups) -> dict[str, float]:
        """How likely each label is where exactly one of them holds, given groups of features."""
        import numpy as np  # noqa: PLC0415 - only processes that read messages load it

        score = self.bias.astype(np.int64)
        for share, features in groups:
            total, count = self._sum(features)
            score = score + ((total * self.step * evened(count) >> SPREAD_BITS) * share // SIXTEENTHS)
        powers = np.exp((score - score.max()) / UNIT)
        return dict(zip(self.labels, (powers / powers.sum()).tolist(), strict=True))

    def sums(self, groups: Sequence[Collection[str]]) -> tuple[Any, Any]:
        """For each group of features (none empty) the sum of its weights and how many of it are known: parts of several
        questions that are asked at once, to be added up."""
        import numpy as np  # noqa: PLC0415 - only processes that read messages load it

        asked = np.array([_known_checksum(feature) for group in groups for feature in group], dtype=np.uint32)
        starts = np.cumsum([0, *(len(group) for group in groups[:-1])])
        places = np.minimum(np.searchsorted(self.keys, asked), len(self.keys) - 1)
        known = self.keys[places] == asked
        weights = self.weights[places].astype(np.int64) * known[:, None]
        return np.add.reduceat(weights, starts, axis=0), np.add.reduceat(known.astype(np.int64), starts)

    def odds(self, total: Any, count: int) -> dict[str, float]:
        """How likely each label is by itself, given the sum of the weights of so many features."""
        spread = self.step * evened(count)
        scored = zip(self.labels, self.bias.tolist(), total.tolist(), strict=True)
        return {label: _logistic((bias + (weight * spread >> SPREAD_BITS)) / UNIT) for label, bias, weight in scored}

    def _sum(self, features: Iterable[str]) -> tuple[Any, int]:
        import numpy as np  # noqa: PLC0415 - only processes that read messages load it

        asked = np.array(sorted(set(map(_known_checksum, features))), dtype=np.uint32)
        places = np.searchsorted(self.keys, asked)
        places[places == len(self.keys)] = 0
        known = places[self.keys[places] == asked] if len(self.keys) else places[:0]
        return self.weights[known].sum(axis=0, dtype=np.int64), len(known)


Groups = Sequence[tuple[int, Iterable[str]]]
"""Kinds of features, and how much each kind counts in sixteenths."""
SIXTEENTHS = 16
SPREAD_BITS = 12
_FARTHEST = 30


def _logistic(odds: float) -> float:
    return 1 / (1 + math.exp(-max(min(odds, _FARTHEST), -_FARTHEST)))


def evened(count: int) -> int:
    """What a sum of so many features is multiplied with (in 1/4096), so that long messages do not shout."""
    return (1 << (SPREAD_BITS + 3)) // max(math.isqrt(count << 6), 1) if count else 0


def checksum(feature: str) -> int:
    """The 32 bits under which a feature is known."""
    return crc32(feature.encode())


_known_checksum = lru_cache(maxsize=1 << 17)(checksum)
"""Messages are made of the same few pieces."""


@cache
def head(name: str) -> Head:
    """One of the heads of the model file. Raises KeyError when there is none of that name."""
    return _heads()[name]


@cache
def _heads() -> dict[str, Head]:
    return read_heads(MODEL_FILE.read_bytes())


def read_heads(stored: bytes) -> dict[str, Head]:
    """The heads of a model file. Raises ValueError when it is none."""
    import numpy as np  # noqa: PLC0415

    if not stored.startswith(MAGIC):
        raise ValueError("this is no model file of the reader; make it with: make train")
    length = int.from_bytes(stored[len(MAGIC) : len(MAGIC) + 4], "little")
    place = len(MAGIC) + 4
    header = json.loads(stored[place : place + length])
    place += length
    heads: dict[str, Head] = {}
    for described in header["heads"]:
        labels, rows = tuple(described["labels"]), described["rows"]
        keys = np.frombuffer(stored, dtype="<u4", count=rows, offset=place)
        place += 4 * rows
        weights = np.frombuffer(stored, dtype=np.int8, count=rows * len(labels), offset=place).reshape(rows, len(labels))
        place += rows * len(labels)
        bias = np.array(described["bias"], dtype=np.int64)
        heads[described["name"]] = Head(labels, keys, weights, bias, described["step"], frozenset(described["words"]))
    return heads


def write_heads(heads: dict[str, Head], **facts: Any) -> bytes:
    """The model file of those heads; `facts` go into its header."""
    described = [
        {
            "name": name,
            "labels": list(each.labels),
            "rows": len(each.keys),
            "bias": [int(value) for value in each.bias],
            "step": each.step,
            "words": sorted(each.words),
        }
        for name, each in heads.items()
    ]
    header = json.dumps({**facts, "heads": described}, sort_keys=True).encode()
    parts = [MAGIC, len(header).to_bytes(4, "little"), header]
    for each in heads.values():
        parts += [each.keys.astype("<u4").tobytes(), each.weights.tobytes()]
    return b"".join(parts)


def header_of(stored: bytes) -> dict[str, Any]:
    """The header of a model file: what it was made of."""
    length = int.from_bytes(stored[len(MAGIC) : len(MAGIC) + 4], "little")
    found: dict[str, Any] = json.loads(stored[len(MAGIC) + 4 : len(MAGIC) + 4 + length])
    return found
