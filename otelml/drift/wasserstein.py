"""Wasserstein: how far rows have to be moved, on average."""

from __future__ import annotations

from typing import Any

import numpy as np

from otelml.drift.pairs import MIN_ROWS, samples
from otelml.drift.statistic import Statistic
from otelml.reference import Sample
from otelml.reference.columns import Floats


def wasserstein(reference: Any, current: Any, *, min_rows: int = MIN_ROWS) -> Statistic:
    """Return W1 = ∫ |Q_reference(u) - Q_current(u)| du, in the unit of the values.

    Args:
        reference: Values of the reference; numbers, booleans or times (seconds).
        current: Values now.
        min_rows: Usable values that each side needs; with less, the value is NaN.

    >>> wasserstein(range(100), range(50, 150)).value
    50.0
    """
    pair = samples(reference, current, min_rows)
    return pair if isinstance(pair, Statistic) else Statistic(wasserstein_distance(*pair))


def wasserstein_distance(sample: Sample, values: Floats) -> float:
    """Return W1 between a sample and sorted values.

    Each current value stands for a range of ranks; the reference's values in that range lie
    below it or above it, and both parts are differences of sums made beforehand.
    """
    rows, count = sample.below[-1], len(values)
    ranks = np.arange(count + 1) * (rows / count)
    ranks[-1] = rows
    ends = np.interp(ranks, sample.below, sample.sums)
    middle = np.searchsorted(sample.values, values)
    middle_rank = np.clip(sample.below[middle], ranks[:-1], ranks[1:])
    middle_sum = np.interp(middle_rank, sample.below, sample.sums)
    moved = values - sample.centre
    under = moved * (middle_rank - ranks[:-1]) - (middle_sum - ends[:-1])
    over = (ends[1:] - middle_sum) - moved * (ranks[1:] - middle_rank)
    return float((np.maximum(under, 0).sum() + np.maximum(over, 0).sum()) / rows)
