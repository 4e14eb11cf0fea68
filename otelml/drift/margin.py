"""What is given away before testing, because the reference is a sample too."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from otelml.drift.survival import (
    chi_squared_tail,
    kolmogorov_series,
    noncentral_chi_squared_tail,
)
from otelml.reference import CHANCE, excess

_C = 1.0
_UNCOVERED = 0.05


def reference_margin(
    rows: int, c: float = _C, *, window: float | None = None, features: int = 1
) -> float:
    """Return c/√m: how far a reference of m rows may lie from the truth.

    The reference's error is the same in every window, and large windows see it. With ``window``,
    c grows as far as evidence needs: so that windows without a change have a mean e-value of 1 at
    most beside the reference's error, of whichever feature has the largest one, in 95 of 100
    references. That c is K - 0.38 (m/n)^(3/8), K the Kolmogorov quantile (simulated, to 0.1).

    Args:
        rows: Rows of the reference.
        c: The least c.
        window: Effective rows of the window.
        features: How many features the model has.

    >>> reference_margin(10_000), round(reference_margin(1_000, window=5_000, features=30), 4)
    (0.01, 0.053)
    """
    if window is not None:
        largest = math.sqrt(math.log(2 * features / _UNCOVERED) / 2)
        c = max(c, largest - 0.38 * (rows / window) ** 0.375)
    return c / math.sqrt(rows)


def ks_p_value(distance: float, rows: float, margin: float) -> float:
    """Return the p-value of D' = max(0, D - margin) against a known distribution.

    The Kolmogorov series with Stephens' correction (1970), at the window's rows alone.

    Args:
        distance: D between the reference and the window.
        rows: Effective rows of the window.
        margin: What is given away.

    >>> ks_p_value(0.01, 500, 0.01)
    1.0
    """
    root = math.sqrt(rows)
    left = max(0.0, distance - margin)
    return kolmogorov_series((root + 0.12 + 0.11 / root) * left) if left else 1.0


def chi_squared_p_value(
    value: float,
    dof: int,
    rows: float,
    reference_rows: int,
    *,
    features: int = 1,
    excess: float = 0.0,
) -> float:
    """Return the p-value of a window's chi-squared against shares of a reference.

    The reference's own error is the same in every window, and makes the statistic noncentral: by
    n/m times the error's own chi-squared, of whichever feature has the largest one, in 95 of 100
    references.

    Args:
        value: Pearson's Σ (observed - expected)²/expected against the reference's shares.
        dof: Bins less one.
        rows: Effective rows of the window.
        reference_rows: Rows of the reference.
        features: How many features the model has.
        excess: Of a margin that was learned with ``as_distance``.
    """
    noncentrality = chi_squared_noncentrality(dof, rows, reference_rows, features, excess)
    return noncentral_chi_squared_tail(value, dof, noncentrality)


def chi_squared_noncentrality(
    dof: int, rows: float, reference_rows: int, features: int, excess: float
) -> float:
    """Return how noncentral a chi-squared may be without a change; see the p-value of it."""
    largest = chi_squared_quantile(_UNCOVERED / features, dof)
    return rows * (largest / reference_rows + excess**2)


def as_distance(value: float, dof: int, rows: float) -> float:
    """Return a chi-squared as the distance that a margin learns from.

    It is as far beyond chance as a KS distance of the same p-value, and what is left of it above
    chance is √(noncentrality / n).

    Args:
        value: Pearson's statistic against the reference's shares.
        dof: Bins less one.
        rows: Effective rows of the window.

    >>> round(as_distance(9.0, 9, 100.0), 3)
    0.087
    """
    chance = chi_squared_quantile(kolmogorov_series(CHANCE), dof)
    if value > chance:
        return CHANCE / math.sqrt(rows) + math.sqrt((value - chance) / rows)
    p_value = chi_squared_tail(value, dof)
    return _between(lambda x: kolmogorov_series(x) > p_value, 0.0, CHANCE) / math.sqrt(rows)


@lru_cache(maxsize=1024)
def chi_squared_quantile(p_value: float, dof: int) -> float:
    """Return the value that a chi-squared variable reaches with this probability.

    >>> round(chi_squared_quantile(0.05, 1), 4)
    3.8415
    """
    if dof < 1:
        return 0.0
    high = dof - 2 * math.log(p_value) + 2 * math.sqrt(-dof * math.log(p_value))
    return _between(lambda x: chi_squared_tail(x, dof) > p_value, 0.0, high)


def _between(below: Callable[[float], bool], low: float, high: float) -> float:
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return high


def smallest_shift_seen(rows: float, margin: float, alpha: float) -> float:
    """Return the least distance D that one window of these rows would show at a level.

    >>> round(smallest_shift_seen(500, 0.01, 1e-5), 3)
    0.12
    """
    root = math.sqrt(rows)
    scaled = math.sqrt(-math.log(alpha / 2) / 2)
    return margin + scaled / (root + 0.12 + 0.11 / root)


@dataclass
class LearnedMargin:
    """The margin of a reference without order, learned from the first season of serving.

    Args:
        windows: Windows to learn from.
        distances: D and the effective rows of each window so far.
        reference_rows: Rows of the reference: what its own error explains is no excess.
        known: An excess that is known beforehand; what is learned can only be more.

    >>> learned = LearnedMargin(windows=2)
    >>> learned.add(0.15, 400), learned.add(0.10, 400)
    (True, False)
    >>> round(learned.excess, 6)
    0.09

    Where distances are no larger than chance makes them, there is no excess, and small shifts
    stay in sight.

    >>> LearnedMargin(2, [(0.05, 400), (0.03, 400)]).excess
    0.0
    """

    windows: int = 24
    distances: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    reference_rows: float = math.inf
    known: float = 0.0

    @property
    def learning(self) -> bool:
        """Whether more windows are needed."""
        return len(self.distances) < self.windows

    def add(self, distance: float, rows: float) -> bool:
        """Take in a window, and return whether more are needed; a full one takes in no more."""
        if self.learning:
            self.distances.append((distance, rows))
        return self.learning

    @property
    def excess(self) -> float:
        """How much more than chance the windows strayed; 0 while there are none."""
        found = np.array(self.distances).reshape(-1, 2)
        return max(self.known, excess(found[:, 0], found[:, 1], self.reference_rows))

    def halve(self) -> None:
        """Forget every second window but the one that strayed most: memory is bounded."""
        if self.distances:
            largest = max(self.distances, key=lambda one: one[0] - CHANCE / math.sqrt(one[1]))
            self.distances = [largest, *self.distances[1::2]]

    def merge(self, other: LearnedMargin) -> LearnedMargin:
        """Return what two replicas learned: the largest excess of both holds."""
        return LearnedMargin(
            max(self.windows, other.windows),
            [*self.distances, *other.distances],
            min(self.reference_rows, other.reference_rows),
            max(self.known, other.known),
        )
