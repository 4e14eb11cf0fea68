"""PSI: the population stability index."""

from __future__ import annotations

from typing import Any

import numpy as np

from otelml.drift.chi_squared import chi_squared_of
from otelml.drift.pairs import EPSILON, MIN_ROWS, Histograms, Tested, histograms
from otelml.drift.statistic import Statistic

_ASYMPTOTIC_FROM = 200


def psi(
    reference: Any,
    current: Any,
    bins: int = 10,
    epsilon: float = EPSILON,
    *,
    min_rows: int = MIN_ROWS,
) -> Statistic:
    """Return PSI = Σ (q - p) ln(q / p) over the reference's bins, and its p-value.

    The p-value is that of nm/(n+m) · PSI ~ χ²(B - 1), and for less than 200 current rows that of
    the chi-squared test (Yurdakul and Naranjo, 2020).

    Args:
        reference: Values or levels of the reference.
        current: Values or levels now.
        bins: Quantile bins of numbers with more than 20 distinct values.
        epsilon: What an empty bin counts as; shares are not scaled again.
        min_rows: Usable values that each side needs; with less, the value is NaN.

    >>> round(psi(["a"] * 50 + ["b"] * 50, ["a"] * 60 + ["b"] * 40).value, 6)
    0.040547
    """
    pair = histograms(reference, current, bins, min_rows)
    return pair if isinstance(pair, Statistic) else pair.statistic(psi_of(pair, epsilon))


def psi_of(pair: Histograms, epsilon: float = EPSILON) -> Tested:
    """Return PSI of two histograms."""
    p, q = pair.filled(epsilon)
    values = ((q - p) * pair.logs(epsilon)).sum(axis=-1)
    few = pair.rows[1] < _ASYMPTOTIC_FROM
    scaled = values * pair.harmonic
    return Tested(
        values, np.where(few, chi_squared_of(pair).scaled, scaled) if few.any() else scaled
    )
