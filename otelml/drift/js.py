"""Jensen-Shannon: a bounded distance of two distributions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from otelml.drift.pairs import MIN_ROWS, Histograms, histograms
from otelml.drift.statistic import Statistic
from otelml.drift.survival import chi_squared_tail
from otelml.reference.columns import Floats


def js(reference: Any, current: Any, bins: int = 10, *, min_rows: int = MIN_ROWS) -> Statistic:
    """Return the Jensen-Shannon distance, base 2, in [0, 1], and its p-value.

    JS² = (KL(p‖m) + KL(q‖m)) / 2 with m = (p + q) / 2; an empty bin needs no epsilon.
    8 ln2 · JS² · nm/(n+m) ~ χ²(B - 1) (Lin, 1991; Grosse and others, 2002).

    Args:
        reference: Values or levels of the reference.
        current: Values or levels now.
        bins: Quantile bins of numbers with more than 20 distinct values.
        min_rows: Usable values that each side needs; with less, the value is NaN.

    >>> js(["a"] * 50, ["b"] * 50).value
    1.0
    """
    pair = histograms(reference, current, bins, min_rows)
    return pair if isinstance(pair, Statistic) else js_of(pair)


def js_of(pair: Histograms) -> Statistic:
    """Return the Jensen-Shannon distance of two histograms."""
    p, q = pair.shares
    middle = (p + q) / 2
    squared = min(1.0, max(0.0, (_divergence(p, middle) + _divergence(q, middle)) / 2))
    rows, current = pair.rows
    scaled = 8 * math.log(2) * squared * rows * current / (rows + current)
    return Statistic(math.sqrt(squared), chi_squared_tail(scaled, pair.dof))


def _divergence(shares: Floats, middle: Floats) -> float:
    has = shares > 0
    return float((shares[has] * np.log2(shares[has] / middle[has])).sum())
