"""The six statistics of many features at once: counts and sorted arrays, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat

import numpy as np

from otelml.drift.chi_squared import chi_squared_of
from otelml.drift.js import js_of
from otelml.drift.kl import kl_of
from otelml.drift.ordered import ordered
from otelml.drift.pairs import Histograms
from otelml.drift.psi import psi_of
from otelml.drift.statistic import Statistic
from otelml.drift.survival import chi_squared_tails, kolmogorov_tails
from otelml.reference import Column, Feature, Sample
from otelml.reference.columns import Floats
from otelml.reference.sample import Counts

# Numbers in one array: what is worked on at a time stays in the cache, and memory is bounded.
_AT_ONCE = 1 << 14

Pair = tuple[Feature, Column]


@dataclass(frozen=True)
class Measured:
    """One feature of a window beside its reference.

    Args:
        feature: Of the reference.
        statistics: Each statistic by name; ``wasserstein`` in standard deviations.
        counts: Rows of the window in each bin.
        shares: Shares of the reference and of the window in each bin.
    """

    feature: Feature
    statistics: dict[str, Statistic]
    counts: Counts
    shares: tuple[Floats, Floats]

    @property
    def bins(self) -> tuple[tuple[str, float, float], ...]:
        """Name, share of the reference, share of the window of each bin."""
        before, now = self.shares
        return tuple(zip(self.feature.bin_names, before.tolist(), now.tolist(), strict=True))


def measured(pairs: Sequence[Pair], epsilon: float) -> Iterator[Measured]:
    """Yield the statistics of each feature, in an order of their own.

    Args:
        pairs: Features with columns of their kind that have a usable value.
        epsilon: What an empty bin counts as in PSI and KL.
    """
    numeric = [pair for pair in pairs if pair[0].sample is not None]
    numeric.sort(key=lambda pair: pair[1].usable)
    for rows, group in groupby(numeric, key=lambda pair: pair[1].usable):
        for part in _parts(list(group), rows):
            values = np.stack([column.values for _, column in part])
            values.sort(axis=1)
            features = [feature for feature, _ in part]
            counts = [f.count_sorted(row) for f, row in zip(features, values, strict=True)]
            yield from _numeric(features, values, counts, epsilon)
    levels = [pair for pair in pairs if pair[0].sample is None]
    levels.sort(key=lambda pair: len(pair[0].counts))
    widest = max((len(feature.counts) for feature, _ in levels), default=1)
    for part in _parts(levels, widest):
        features = [feature for feature, _ in part]
        counts = [feature.count(column) for feature, column in part]
        yield from _with_bins(features, counts, [{} for _ in part], epsilon)


def _parts(pairs: list[Pair], width: int) -> Iterator[list[Pair]]:
    step = max(1, _AT_ONCE // max(width, 1))
    for start in range(0, len(pairs), step):
        yield pairs[start : start + step]


def measured_one(feature: Feature, values: Floats, counts: Counts, epsilon: float) -> Measured:
    """Return the statistics of one feature.

    Args:
        feature: The reference's.
        values: The window's finite values, sorted; not looked at of a categorical feature.
        counts: The window's rows in each bin of the reference.
        epsilon: What an empty bin counts as in PSI and KL.
    """
    if feature.sample is None:
        return next(_with_bins([feature], [counts], [{}], epsilon))
    return next(_numeric([feature], values[None, :], [counts], epsilon))


def _numeric(
    features: list[Feature], values: Floats, counts: list[Counts], epsilon: float
) -> Iterator[Measured]:
    samples: list[Sample] = [feature.sample for feature in features if feature.sample is not None]
    rows = values.shape[1]
    distances, moved = ordered(samples, values)
    statistics: list[dict[str, Statistic]] = []
    p_values = _p_values(samples, distances, rows)
    columns = (samples, distances.tolist(), moved.tolist(), p_values)
    for sample, distance, far, p_value in zip(*columns, strict=True):
        spread = sample.deviation
        scaled = far / spread if spread > 0 else (0.0 if far == 0 else math.inf)
        statistics.append({"ks": Statistic(distance, p_value), "wasserstein": Statistic(scaled)})
    return _with_bins(features, counts, statistics, epsilon)


def _p_values(samples: list[Sample], distances: Floats, rows: int) -> list[float]:
    sizes = [sample.rows for sample in samples]
    if len(set(sizes)) == 1:  # as of columns that miss nothing
        return kolmogorov_tails(distances.tolist(), sizes[0], rows)
    each, found = np.array(sizes), np.empty(len(samples))
    for size in np.unique(each).tolist():
        found[each == size] = kolmogorov_tails(distances[each == size].tolist(), size, rows)
    return [float(one) for one in found]


def _with_bins(
    features: list[Feature],
    counts: list[Counts],
    statistics: list[dict[str, Statistic]],
    epsilon: float,
) -> Iterator[Measured]:
    width = max(len(one) for one in counts)
    before, now = np.zeros((2, len(features), width))
    for place, (feature, one) in enumerate(zip(features, counts, strict=True)):
        before[place, : len(one)] = feature.counts
        now[place, : len(one)] = one
    pair = Histograms(before, now)
    tested = {
        "psi": psi_of(pair, epsilon),
        "kl": kl_of(pair, epsilon),
        "js": js_of(pair),
        "chi_squared": chi_squared_of(pair),
    }
    tails = chi_squared_tails(np.stack([one.scaled for one in tested.values()]), pair.dof)
    columns = [
        map(Statistic._make, zip(found.values.tolist(), tail, repeat(""), strict=False))
        for found, tail in zip(tested.values(), tails.tolist(), strict=True)
    ]
    shares = pair.shares
    for place, (feature, one) in enumerate(zip(features, counts, strict=True)):
        binned = dict(zip(tested, map(next, columns), strict=True))
        size = len(one)
        of_both = shares[0][place, :size], shares[1][place, :size]
        yield Measured(feature, binned | statistics[place], one, of_both)
