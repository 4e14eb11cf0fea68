"""What a feature's own windows of time stray from the whole, beyond chance."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from otelml.reference.columns import Floats
from otelml.reference.sample import Sample

_WINDOWS = (50, 100, 200, 500, 1_000, 2_000, 5_000)
_AT_LEAST = 4
_COVERED = 24
CHANCE = 1.2
# Of the Kolmogorov distribution: its mean and deviation, and what one in a thousand exceeds.
_MEAN, _DEVIATION, _RARE = 0.8687, 0.2603, 1.95


def excess(distances: Floats, rows: float | Floats, reference_rows: float = math.inf) -> float:
    """Return max(0, largest of distance - 1.2/√n) of windows of n rows.

    It is 0 where the distances are no larger than those of rows without a pattern: their mean
    within a standard error of chance, and none that one window in a thousand would have.

    Args:
        distances: KS distances of windows from the whole.
        rows: Effective rows of all windows, or of each.
        reference_rows: Rows of the reference.
    """
    if not len(distances):
        return 0.0
    rows = np.maximum(rows, 1.0)
    scaled = distances * np.sqrt(rows / (1 + rows / reference_rows))
    likely = _MEAN + _DEVIATION / math.sqrt(len(distances))
    if scaled.mean() <= likely and scaled.max() <= _RARE:
        return 0.0
    return max(0.0, float((distances - CHANCE / np.sqrt(rows)).max()))


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
        distances = np.array([whole.distance(part) for part in parts])
        # A window is part of the whole, and by that nearer to it.
        learned[rows] = excess(distances, rows, -len(values))
    # A pattern that long windows show is in short ones too, where chance may hide it.
    largest = 0.0
    for rows in reversed(learned):
        learned[rows] = largest = max(largest, learned[rows])
    return learned


def margins_cover(margins: Mapping[int, float], rows: int, reference_rows: int) -> bool:
    """Return whether margins from a reference can be relied on for windows of these rows.

    A reference of less than 24 such windows says little of how they differ: each may span more
    time than a window of serving does, and so hide what changes within it.

    >>> margins_cover({100: 0.2}, 200, 10_000), margins_cover({100: 0.2}, 5_000, 10_000)
    (True, False)
    """
    return bool(margins) and rows * _COVERED <= reference_rows


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
