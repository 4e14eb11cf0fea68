"""What is given away before testing, because the reference is a sample too."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from otelml.drift.survival import chi_squared_tail, kolmogorov_series
from otelml.reference import excess

_C = 1.0


def reference_margin(rows: int, c: float = _C) -> float:
    """Return c/√m: how far a reference of m rows may lie from the truth.

    >>> reference_margin(10_000)
    0.01
    """
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


def chi_squared_p_value(value: float, dof: int, rows: float, reference_rows: int) -> float:
    """Return the p-value of a window's chi-squared against shares of a reference.

    The reference's own error adds (n/m)·dof to the statistic on average, and the same error in
    every window: that much is taken off before testing.

    Args:
        value: Pearson's Σ (observed - expected)²/expected against the reference's shares.
        dof: Bins less one.
        rows: Effective rows of the window.
        reference_rows: Rows of the reference.
    """
    return chi_squared_tail(max(0.0, value - dof * rows / reference_rows), dof)


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
        distances: D and the rows of each window so far.

    >>> learned = LearnedMargin(windows=2)
    >>> learned.add(0.15, 400), learned.add(0.10, 400)
    (True, False)
    >>> round(learned.excess, 6)
    0.09
    """

    windows: int = 24
    distances: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

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
        return max((excess(np.array([d]), round(n)) for d, n in self.distances), default=0.0)

    def merge(self, other: LearnedMargin) -> LearnedMargin:
        """Return what two replicas learned: the largest excess of both holds."""
        return LearnedMargin(max(self.windows, other.windows), [*self.distances, *other.distances])
