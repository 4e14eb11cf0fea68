"""Kolmogorov-Smirnov: the largest distance of two empirical distribution functions."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from otelml.drift.ordered import ordered
from otelml.drift.pairs import MIN_ROWS, samples
from otelml.drift.statistic import Statistic
from otelml.drift.survival import kolmogorov_tail
from otelml.exceptions import MissingDependencyError
from otelml.reference import Sample
from otelml.reference.columns import Floats


def ks(
    reference: Any,
    current: Any,
    *,
    min_rows: int = MIN_ROWS,
    method: Literal["auto", "exact"] = "auto",
) -> Statistic:
    """Return D = sup |F_reference(x) - F_current(x)| and its p-value.

    Args:
        reference: Values of the reference; numbers, booleans or times.
        current: Values now.
        min_rows: Usable values that each side needs; with less, the value is NaN.
        method: ``auto`` is within 0.005 of the exact p-value; ``exact`` asks scipy.

    Raises:
        MissingDependencyError: ``method="exact"`` without scipy.

    >>> ks(range(100), range(50, 150)).value
    0.5
    """
    pair = samples(reference, current, min_rows)
    if isinstance(pair, Statistic):
        return pair
    sample, values = pair
    distance = float(ordered([sample], values[None]).distances[0])
    if method == "exact":
        return Statistic(distance, _exact(sample, values))
    return Statistic(distance, kolmogorov_tail(distance, sample.rows, len(values)))


def _exact(sample: Sample, values: Floats) -> float:
    try:
        from scipy.stats import ks_2samp
    except ImportError as error:
        raise MissingDependencyError('method="exact"', "exact") from error
    rows = np.repeat(sample.values, sample.counts.astype(np.int64))
    found: Any = ks_2samp(rows, values, method="exact")
    return float(found.pvalue)
