"""Learns a head of which exactly one label holds: what a question is about. In whole numbers only, like the other heads.

Each time an example is shown, half of its features are hidden, and others every time, so that no label comes to rest on a few
of them: what is said in other words is then still recognized, and doubt is told as doubt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from decimal import Context as DecimalContext

import numpy as np
import numpy.typing as npt

from src.agent.understanding.learnt import SIXTEENTHS, SPREAD_BITS, UNIT, Groups, Head, checksum, evened
from training.learn import FINE, Whole, orders, stored

_ONE_BITS = 16
_ONE = 1 << _ONE_BITS
_STEPS_PER_ODDS = 256
_FARTHEST = 16 * _STEPS_PER_ODDS
_SCORE_PER_STEP = UNIT * FINE // _STEPS_PER_ODDS
_ERROR_TO_WEIGHT = UNIT * FINE >> _ONE_BITS
_PACE_BITS = 6
_BIAS_SLOWER = 10
_FADING = 9
"""Weights fade by one part in so many each time, less as the steps shrink."""
_MOST_IN_A_GROUP = 4096


@dataclass(frozen=True, slots=True)
class Asked:
    """Groups of features, the labels of which any one is right, and the words it was said with."""

    groups: Groups
    labels: Collection[str]
    words: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class ChoosingPace:
    """How it is learnt: so many times through all examples, in steps of `rate` (64 is one) that shrink to nothing, every label
    given `doubt` (of 65,536) in common. Features and words seen less often than `least_seen` are left out."""

    rate: int = 64
    epochs: int = 20
    least_seen: int = 2
    doubt: int = 6_500


def learn_one_of(examples: Iterable[Asked], pace: ChoosingPace) -> Head:
    """The head whose labels are all those of the examples."""
    told = list(examples)
    labels = tuple(sorted({label for each in told for label in each.labels}))
    keys = _keys(told, pace.least_seen)
    rows = [_Row.of(each, keys) for each in told]
    column = {label: place for place, label in enumerate(labels)}
    right = [np.array(sorted(column[label] for label in each.labels), dtype=np.intp) for each in told]
    weights, bias = np.zeros((len(keys), len(labels)), dtype=np.int64), np.zeros(len(labels), dtype=np.int64)
    summed, summed_bias, times, turn = np.zeros_like(weights), np.zeros_like(bias), 0, 0
    for epoch, order in enumerate(orders(len(rows), pace.epochs)):
        rate = max(pace.rate * (pace.epochs - epoch) // pace.epochs, 1)
        for place in order:
            turn += 1
            seen, spread = rows[place].half(turn)
            score = np.add.reduce(weights[seen] * spread >> SPREAD_BITS, axis=0) + bias
            shares = _shares(score)
            wanted = np.full(len(labels), pace.doubt // len(labels), dtype=np.int64)
            likely = shares[right[place]] + 1
            wanted[right[place]] += (_ONE - pace.doubt) * likely // likely.sum()
            step = (wanted - shares) * rate * _ERROR_TO_WEIGHT >> _PACE_BITS
            weights[seen] += step * spread >> SPREAD_BITS
            bias += step // _BIAS_SLOWER
        weights -= weights * rate // (pace.rate * _FADING)
        if epoch >= pace.epochs // 2:  # the mean of the later ones is steadier than the last
            summed += weights
            summed_bias += bias
            times += 1
    words = Counter(word for each in told for word in each.words)
    head = stored(labels, keys, summed // times, summed_bias // times)
    return replace(head, words=frozenset(word for word, seen in words.items() if seen >= pace.least_seen))


def _keys(told: Iterable[Asked], least_seen: int) -> npt.NDArray[np.uint32]:
    """The checksums of the features that were seen so often, sorted."""
    seen = Counter(checksum(feature) for each in told for _, group in each.groups for feature in set(group))
    return np.array(sorted(key for key, times in seen.items() if times >= least_seen), dtype=np.uint32)


@dataclass(frozen=True, slots=True)
class _Row:
    """An example in little room: the places of its features among the keys, the group of each, and what each group counts."""

    places: npt.NDArray[np.intp]
    groups: npt.NDArray[np.intp]
    shares: Whole

    @classmethod
    def of(cls, example: Asked, keys: npt.NDArray[np.uint32]) -> _Row:
        places: list[int] = []
        groups: list[int] = []
        for number, (_, features) in enumerate(example.groups):
            sums = np.array(sorted({checksum(feature) for feature in features}), dtype=np.uint32)
            found = np.searchsorted(keys, sums)
            known = [int(at) for at, key in zip(found, sums, strict=True) if at < len(keys) and keys[at] == key]
            places += known
            groups += [number] * len(known)
        shares = np.array([share for share, _ in example.groups], dtype=np.int64)
        return cls(np.array(places, dtype=np.intp), np.array(groups, dtype=np.intp), shares)

    def half(self, turn: int) -> tuple[npt.NDArray[np.intp], Whole]:
        """The places of about half of the features, others in every turn, and what each is multiplied with (in 1/4096)."""
        shown = _coins(self.places, turn)
        places, groups = self.places[shown], self.groups[shown]
        counts = np.bincount(groups, minlength=len(self.shares))
        spreads = _EVENED[counts] * self.shares // SIXTEENTHS
        return places, spreads[groups][:, None]


_EVENED = np.array([evened(count) for count in range(_MOST_IN_A_GROUP)], dtype=np.int64)


def _coins(places: npt.NDArray[np.intp], turn: int) -> npt.NDArray[np.bool_]:
    """A coin for each place and turn, the same ones on every machine and with every version of any library."""
    mixed = (places.astype(np.uint64) + np.uint64(turn * 2_654_435_761 % (1 << 64))) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(63)).astype(np.bool_)


def _power_table() -> Whole:
    """e to the power of log-odds from -16 to 0, in units of 1/2^24."""
    exact = DecimalContext(prec=28)
    powers = [
        exact.multiply(exact.exp(exact.divide(Decimal(-step), _STEPS_PER_ODDS)), 1 << 24) for step in range(_FARTHEST + 1)
    ]
    return np.array([int(power.to_integral_value(ROUND_HALF_EVEN)) for power in powers], dtype=np.int64)


_POWERS = _power_table()


def _shares(score: Whole) -> Whole:
    """How likely each label is (of 65,536)."""
    behind = np.minimum((score.max() - score) // _SCORE_PER_STEP, _FARTHEST)
    powers = _POWERS[behind]
    shares: Whole = powers * _ONE // powers.sum()
    return shares
