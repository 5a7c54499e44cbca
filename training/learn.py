"""Learns one head: logistic regression by stochastic descent, in whole numbers only.

No floating point takes part, so the result does not depend on the processor, the library or the order of its additions.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from decimal import Context as DecimalContext

import numpy as np
import numpy.typing as npt

from src.agent.understanding.learnt import SPREAD_BITS, UNIT, Head, checksum, evened

Whole = npt.NDArray[np.int64]

_FINE_BITS = 8
FINE = 1 << _FINE_BITS
"""Weights are kept so much finer than units while they are learnt."""
_REACH = 8
_STEPS_PER_ODDS = 256
_FARTHEST = _REACH * _STEPS_PER_ODDS
_ONE_BITS = 16
_ONE = 1 << _ONE_BITS
_SCORE_PER_STEP = UNIT * FINE // _STEPS_PER_ODDS
_ERROR_TO_WEIGHT = UNIT * FINE >> _ONE_BITS
_PACE_BITS = 5
_BIAS_BITS = 4
"""The bias learns so many times (as a power of two) slower than the weights."""


@dataclass(frozen=True, slots=True)
class Example:
    """Features, the labels that hold, and the labels about which it says nothing."""

    features: Collection[str]
    labels: Collection[str]
    silent: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How a head is learnt: so many times through all examples, in steps of `rate` that shrink to nothing, weights fading by
    1 / 2^decay_bits each time. Features seen less often than `least_seen` are left out."""

    rate: int
    epochs: int = 14
    least_seen: int = 2
    decay_bits: int = 7


def learn(examples: Iterable[Example], pace: Pace) -> Head:
    """The head whose labels are all those of the examples."""
    told = _Told.of(examples)
    labels, keys = told.labels, told.keys(pace.least_seen)
    rows = told.rows(keys)
    spreads = [evened(len(row)) for row in rows]
    truth, heard = told.truth(labels)
    weights, bias = np.zeros((len(keys), len(labels)), dtype=np.int64), np.zeros(len(labels), dtype=np.int64)
    summed, summed_bias, times = np.zeros_like(weights), np.zeros_like(bias), 0
    for epoch, order in enumerate(orders(len(rows), pace.epochs)):
        step_size = max(pace.rate * (pace.epochs - epoch) // pace.epochs, 1) * _ERROR_TO_WEIGHT
        for place in order:
            row, spread = rows[place], spreads[place]
            touched = weights[row]
            score = (np.add.reduce(touched, axis=0) * spread >> SPREAD_BITS) + bias
            step = ((truth[place] - _probabilities(score)) * heard[place]) * step_size >> _PACE_BITS
            touched += step * spread >> SPREAD_BITS
            weights[row] = touched
            bias += step >> _BIAS_BITS
        weights -= weights >> pace.decay_bits
        if epoch >= pace.epochs // 2:  # the mean of the later ones is steadier than the last
            summed += weights
            summed_bias += bias
            times += 1
    return stored(labels, keys, summed // times, summed_bias // times)


def _logistic_table() -> Whole:
    """Probabilities (of 65,536) for log-odds from -8 to 8."""
    exact = DecimalContext(prec=28)
    odds = [exact.exp(exact.divide(Decimal(-step), _STEPS_PER_ODDS)) for step in range(-_FARTHEST, _FARTHEST + 1)]
    shares = [exact.divide(_ONE, exact.add(1, each)) for each in odds]
    return np.array([int(share.to_integral_value(ROUND_HALF_EVEN)) for share in shares], dtype=np.int64)


_LOGISTIC = _logistic_table()


def _probabilities(score: Whole) -> Whole:
    steps = np.minimum(np.maximum(score // _SCORE_PER_STEP, -_FARTHEST), _FARTHEST)
    shares: Whole = _LOGISTIC[steps + _FARTHEST]
    return shares


@dataclass(slots=True)
class _Told:
    """The examples in little room: checksums instead of features, and how often each feature was seen."""

    seen: Counter[str] = field(default_factory=Counter)
    checksums: list[array[int]] = field(default_factory=list)
    labels_of: list[tuple[frozenset[str], frozenset[str]]] = field(default_factory=list)

    @classmethod
    def of(cls, examples: Iterable[Example]) -> _Told:
        told = cls()
        for each in examples:
            told.seen.update(each.features)
            told.checksums.append(array("I", sorted({checksum(feature) for feature in each.features})))
            told.labels_of.append((frozenset(each.labels), frozenset(each.silent)))
        return told

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted({label for labels, _ in self.labels_of for label in labels}))

    def keys(self, least_seen: int) -> npt.NDArray[np.uint32]:
        """The checksums of the features that were seen so often, sorted."""
        return np.array(
            sorted({checksum(feature) for feature, times in self.seen.items() if times >= least_seen}), dtype=np.uint32
        )

    def rows(self, keys: npt.NDArray[np.uint32]) -> list[npt.NDArray[np.intp]]:
        """For each example the places of its features among the keys."""
        place_of = {int(key): place for place, key in enumerate(keys)}
        return [np.array([place_of[key] for key in sums if key in place_of], dtype=np.intp) for sums in self.checksums]

    def truth(self, labels: tuple[str, ...]) -> tuple[Whole, Whole]:
        """For each example and label whether it holds (65,536 or 0), and whether it says anything about it (1 or 0)."""
        column = {label: place for place, label in enumerate(labels)}
        truth = np.zeros((len(self.labels_of), len(labels)), dtype=np.int64)
        heard = np.ones_like(truth)
        for place, (holding, silent) in enumerate(self.labels_of):
            truth[place, [column[label] for label in holding]] = _ONE
            heard[place, [column[label] for label in silent if label in column]] = 0
        return truth, heard


def stored(labels: tuple[str, ...], keys: npt.NDArray[np.uint32], weights: Whole, bias: Whole) -> Head:
    """The weights in eight bits each, rows that say nothing left out."""
    largest = int(np.abs(weights).max()) if weights.size else 0
    step = max(-(-largest // (127 * FINE)), 1)
    coarse = np.sign(weights) * ((np.abs(weights) + step * FINE // 2) // (step * FINE))
    telling = np.abs(coarse).max(axis=1, initial=0) > 0
    return Head(labels, keys[telling], coarse[telling].astype(np.int8), bias // FINE, step)


def orders(count: int, times: int) -> Iterator[list[int]]:
    """The places in another order each time, the same ones on every machine and with every version of any library."""
    state = 1
    for _ in range(times):
        places = list(range(count))
        for last in range(count - 1, 0, -1):
            state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
            other = (state >> 33) % (last + 1)
            places[last], places[other] = places[other], places[last]
        yield places
