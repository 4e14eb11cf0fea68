"""Chi-squared: Pearson's test that two histograms come from one distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from otelml.drift.pairs import MIN_ROWS, Histograms, Tested, histograms
from otelml.drift.statistic import Statistic


def chi_squared(
    reference: Any, current: Any, bins: int = 10, *, min_rows: int = MIN_ROWS
) -> Statistic:
    """Return Pearson's χ² of the 2 x B table and its p-value, without a continuity correction.

    Bins that are empty on both sides are left out.

    Args:
        reference: Values or levels of the reference.
        current: Values or levels now.
        bins: Quantile bins of numbers with more than 20 distinct values.
        min_rows: Usable values that each side needs; with less, the value is NaN.

    >>> round(chi_squared(["a"] * 50 + ["b"] * 50, ["a"] * 60 + ["b"] * 40).value, 6)
    2.020202
    """
    pair = histograms(reference, current, bins, min_rows)
    return pair if isinstance(pair, Statistic) else pair.statistic(chi_squared_of(pair))


def chi_squared_of(pair: Histograms) -> Tested:
    """Return Pearson's χ² of two histograms."""
    both = pair.reference + pair.current
    both = np.where(both > 0, both, 1.0)
    rows, current = pair.rows
    found = np.zeros_like(rows)
    for counts, size in ((pair.reference, rows), (pair.current, current)):
        expected = both * (size / (rows + current))[..., None]
        # A bin that is empty on both sides has the count 0, not the 1 expected of it.
        left = np.where(pair.reference + pair.current > 0, counts - expected, 0.0)
        found = found + (left**2 / expected).sum(axis=-1)
    return Tested(found, found)
