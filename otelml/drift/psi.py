"""PSI: the population stability index."""

from __future__ import annotations

from typing import Any

import numpy as np

from otelml.drift.chi_squared import chi_squared_of
from otelml.drift.pairs import EPSILON, MIN_ROWS, Histograms, histograms
from otelml.drift.statistic import Statistic
from otelml.drift.survival import chi_squared_tail

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
    return pair if isinstance(pair, Statistic) else psi_of(pair, epsilon)


def psi_of(pair: Histograms, epsilon: float = EPSILON) -> Statistic:
    """Return PSI of two histograms."""
    p, q = pair.filled(epsilon)
    value = float(((q - p) * np.log(q / p)).sum())
    rows, current = pair.rows
    if current < _ASYMPTOTIC_FROM:
        return Statistic(value, chi_squared_of(pair).p_value)
    return Statistic(value, chi_squared_tail(value * rows * current / (rows + current), pair.dof))
