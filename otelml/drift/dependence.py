"""Rows that resemble the rows before them count for less."""

from __future__ import annotations

from otelml.reference.columns import Floats


def lag_1_autocorrelation(values: Floats) -> float:
    """Return the correlation of values with the ones before them; 0 where they do not vary.

    Args:
        values: Finite values in the order of time.

    >>> import numpy as np
    >>> round(lag_1_autocorrelation(np.array([1.0, 2.0, 3.0, 4.0])), 3)
    0.25
    """
    centred = values - values.mean() if len(values) else values
    spread = float((centred**2).sum())
    return float((centred[1:] * centred[:-1]).sum() / spread) if spread > 0 else 0.0


def effective_rows(rows: int, autocorrelation: float) -> float:
    """Return n (1 - r)/(1 + r): how many independent rows they are worth, n at most.

    Args:
        rows: Rows of the window.
        autocorrelation: r; a negative one counts as 0.

    >>> effective_rows(500, 0.6)
    125.0
    """
    r = min(max(0.0, autocorrelation), 1 - 1 / max(rows, 2))
    return rows * (1 - r) / (1 + r)
