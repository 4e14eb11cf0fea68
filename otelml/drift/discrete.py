"""The test of a discrete feature's window against shares that are known but for a margin."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from otelml.drift.survival import chi_squared_tail
from otelml.reference.sample import Counts

_EXPECTED_AT_LEAST = 5.0
_CHANCE = 1.23  # of the standard deviation of chi-squared: as rare as 1.2/root n is of D


class Distance(NamedTuple):
    """How far a window's shares lie from the reference's.

    Args:
        pearson: Pearson's chi-squared divided by rows.
        likelihood: The likelihood ratio's, which is right far out in the tail.
        dof: Bins less one.
    """

    pearson: float
    likelihood: float
    dof: int

    @property
    def root(self) -> float:
        """The root of the smaller: it adds up as distances do."""
        return math.sqrt(min(self.pearson, self.likelihood))


def distance(reference: Counts, current: Counts, rows: float) -> Distance:
    """Return the distance of two histograms.

    Bins too rare for a test are taken together. What is expected of them is the most that the
    reference allows for, so that one level that it never saw is no finding. The last bin is
    always one of them: it holds what has no bin, and of very many levels the reference kept the
    ones that it happened to see most.

    Args:
        reference: Rows of the reference in each bin, what has no bin last.
        current: Rows of the window in each bin.
        rows: How many independent rows the window is worth.

    >>> found = distance(np.array([500.0, 500.0, 0.0]), np.array([60.0, 40.0, 0.0]), 100)
    >>> round(found.pearson, 3), found.dof
    (0.04, 1)
    """
    size, count = float(reference.sum()), float(current.sum())
    if size <= 0 or count <= 0:
        return Distance(0.0, 0.0, 0)
    p, q = reference / size, current / count
    rare = p * rows < _EXPECTED_AT_LEAST
    rare[-1] = True
    few = float(reference[rare].sum())
    most = (few + 2 * math.sqrt(few) + 3) / size
    seen = float(q[rare].sum())
    p, q = np.append(p[~rare], max(few / size, min(most, seen))), np.append(q[~rare], seen)
    p = p / p.sum()
    has = p > 0
    p, q = p[has], q[has]
    pearson = float(((q - p) ** 2 / p).sum())
    filled = np.where(q > 0, q, 1.0)
    likelihood = 2 * float((q * np.log(filled / p)).sum())
    return Distance(pearson, max(0.0, likelihood), len(p) - 1)


def discrete_p_value(found: Distance, rows: float, margin: float) -> float:
    """Return the p-value of a distance of which a margin is given away; the larger of two tests.

    Args:
        found: The distance.
        rows: Effective rows of the window.
        margin: Subtracted from the root of chi-squared divided by rows.
    """
    if found.dof < 1:
        return 1.0
    left = max(0.0, found.root - margin)
    return chi_squared_tail(rows * left * left, found.dof)


def discrete_reference_margin(dof: int, rows: int) -> float:
    """Return how far a reference of so many rows may lie from the truth, as a root."""
    return math.sqrt(dof / rows) if rows else 0.0


def discrete_excess(found: Distance, rows: float) -> float:
    """Return how much more than chance a window of so many effective rows strays."""
    chance = max(0.0, found.dof + _CHANCE * math.sqrt(2 * found.dof)) / max(rows, 1.0)
    return max(0.0, found.root - math.sqrt(chance))
