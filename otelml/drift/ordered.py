"""Sorted windows of several features beside their presorted references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from otelml.reference import Sample
from otelml.reference.columns import Floats


class Ordered(NamedTuple):
    """What the order of the values tells, one number a feature.

    Args:
        distances: KS: the largest distance of the distribution functions.
        moved: W1: the area between them, in the unit of the values.
    """

    distances: Floats
    moved: Floats


def ordered(samples: Sequence[Sample], values: Floats) -> Ordered:
    """Return KS and W1 of several features at once.

    Args:
        samples: The reference of each feature.
        values: Sorted finite values, of shape (features, rows).
    """
    features, count = values.shape
    rights, before = np.empty((features, count), np.intp), np.empty((features, count))
    sums, ends = np.empty((features, count)), np.empty((features, count + 1))
    rows = np.array([[sample.below[-1]] for sample in samples])
    ranks = np.arange(count + 1) * (rows / count)
    ranks[:, -1] = rows[:, 0]
    for place, (sample, window) in enumerate(zip(samples, values, strict=True)):
        rights[place] = sample.values.searchsorted(window, side="right")
        ends[place] = sample.sums_at_steps(count)
    lefts = rights - 1
    for place, sample in enumerate(samples):
        # Distinct values: an equal one stands just before; the last one (place -1) never equals
        # a value below all.
        sample.values.take(lefts[place], out=before[place], mode="wrap")
    ties = before == values
    lefts = rights - ties if ties.any() else rights
    below = _rows_below(samples, lefts)
    for place, sample in enumerate(samples):
        sample.sums.take(lefts[place], out=sums[place], mode="clip")
    upto = below if lefts is rights else _rows_below(samples, rights)
    moved = values - np.array([[sample.centre] for sample in samples])
    area = _area(moved, ranks, ends, below, sums)
    under: Floats = below / rows
    over: Floats = under if upto is below else upto / rows
    return Ordered(_distances(values, under, over), area / rows[:, 0])


def _rows_below(samples: Sequence[Sample], places: npt.NDArray[np.intp]) -> Floats:
    """Return the rows of each reference below its places."""
    each = samples[0].each
    if each and all(sample.each == each for sample in samples):
        return np.multiply(places, each, dtype=np.float64)
    return np.stack([one.below[at] for one, at in zip(samples, places, strict=True)])


def _distances(values: Floats, below: Floats, upto: Floats) -> Floats:
    """Return KS: it is found at a value, or just below one.

    Between them the function of the window is level, and the reference's only rises.
    """
    count = values.shape[1]
    steps = np.arange(count + 1) / count
    over, under = np.abs(upto - steps[1:]), np.abs(below - steps[:-1])
    tied = values[:, 1:] == values[:, :-1]
    if tied.any():
        over[:, :-1][tied] = 0.0
        under[:, 1:][tied] = 0.0
    found: Floats = np.maximum(over.max(axis=1), under.max(axis=1))
    return found


def _area(moved: Floats, ranks: Floats, ends: Floats, below: Floats, sums: Floats) -> Floats:
    """Return W1 times the rows of the reference.

    Each current value stands for a range of ranks; the reference's values in that range lie
    below it or above it, and both parts are differences of sums made beforehand.
    """
    low, high = ranks[:, :-1], ranks[:, 1:]
    first, last = ends[:, :-1], ends[:, 1:]
    # All of a range lies on one side of nearly every value: one difference says both parts.
    apart = np.abs((last - first) - moved * (high - low))
    # Counted in one row after the other: a single number for each place is faster to use.
    inside = np.flatnonzero((below > low) & (below < high))
    if len(inside):
        width = below.shape[1]
        before = inside + inside // width  # ranks and ends are longer by one
        at, split, value = below.take(inside), sums.take(inside), moved.take(inside)
        under = value * (at - ranks.take(before)) - (split - ends.take(before))
        over = (ends.take(before + 1) - split) - value * (ranks.take(before + 1) - at)
        apart.put(inside, np.maximum(under, 0) + np.maximum(over, 0))
    found: Floats = apart.sum(axis=1)
    return found
