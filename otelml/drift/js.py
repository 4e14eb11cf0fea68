"""Jensen-Shannon: a bounded distance of two distributions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from otelml.drift.pairs import MIN_ROWS, Histograms, Tested, histograms
from otelml.drift.statistic import Statistic
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
    return pair if isinstance(pair, Statistic) else pair.statistic(js_of(pair))


def js_of(pair: Histograms) -> Tested:
    """Return the Jensen-Shannon distance of two histograms."""
    p, q = pair.shares
    middle = (p + q) / 2
    middle = np.where(middle > 0, middle, 1.0)
    squared = np.clip((_divergence(p, middle) + _divergence(q, middle)) / 2, 0.0, 1.0)
    return Tested(np.sqrt(squared), 8 * math.log(2) * squared * pair.harmonic)


def _divergence(shares: Floats, middle: Floats) -> Floats:
    found: Floats = (shares * np.log2(np.where(shares > 0, shares / middle, 1.0))).sum(axis=-1)
    return found
