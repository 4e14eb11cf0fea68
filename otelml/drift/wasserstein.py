"""Wasserstein: how far rows have to be moved, on average."""

from __future__ import annotations

from typing import Any

from otelml.drift.ordered import ordered
from otelml.drift.pairs import MIN_ROWS, samples
from otelml.drift.statistic import Statistic


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
    if isinstance(pair, Statistic):
        return pair
    sample, values = pair
    return Statistic(float(ordered([sample], values[None]).moved[0]))
