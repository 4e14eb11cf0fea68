"""What a feature's own windows of time stray from the whole, beyond chance."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from otelml.reference.columns import Floats
from otelml.reference.sample import Sample

_WINDOWS = (100, 200, 500, 1_000, 2_000, 5_000)
_AT_LEAST = 4
_CHANCE = 1.2


def excess(distances: Floats, rows: int) -> float:
    """Return max(0, largest distance - 1.2/√n) of windows of n rows."""
    return max(0.0, float(distances.max()) - _CHANCE / math.sqrt(rows))


def learn_margins(values: Floats) -> dict[int, float]:
    """Return the excess of a column's own windows, by rows of a window.

    Args:
        values: Finite values in the order of time.
    """
    whole = Sample.of(values)
    learned: dict[int, float] = {}
    for rows in _WINDOWS:
        windows = len(values) // rows
        if windows < _AT_LEAST:
            break
        parts = np.sort(values[: windows * rows].reshape(windows, rows), axis=1)
        learned[rows] = excess(np.array([whole.distance(part) for part in parts]), rows)
    return learned


def margin_at(margins: Mapping[int, float], rows: int) -> float:
    """Return the margin of a window of these rows, interpolated in 1/√n.

    >>> margin_at({100: 0.2, 400: 0.1}, 225)
    0.13333333333333333
    """
    if not margins:
        return 0.0
    sizes = sorted(margins, reverse=True)
    places = [1 / math.sqrt(size) for size in sizes]
    return float(np.interp(1 / math.sqrt(rows), places, [margins[size] for size in sizes]))
