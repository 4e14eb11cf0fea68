"""A sorted sample: the empirical distribution of a column, exact and mergeable."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, reduce

import numpy as np
import numpy.typing as npt

from otelml.reference.columns import Floats

Counts = npt.NDArray[np.float64]
_KEEP_STEPS = 2_000


@lru_cache(maxsize=4)
def _even(values: int, each: float) -> Counts:
    """Return ``below`` of values that have as many rows each: the columns of a table share it."""
    below: Counts = np.arange(values + 1, dtype=np.float64) * each
    below.flags.writeable = False
    return below


def _below(counts: Counts) -> Counts:
    each = float(counts[0]) if len(counts) else 0.0
    if each.is_integer() and (counts == each).all():
        return _even(len(counts), each)
    return np.concatenate([[0.0], np.cumsum(counts)])


@dataclass(frozen=True)
class Sample:
    """Distinct values in order, with how many rows are at or below each.

    Args:
        values: The distinct values, increasing.
        below: Rows below each value, and all rows at the end; one longer than ``values``.
        sums: Sum of the values before each place, less ``centre`` each; as long as ``below``.
        centre: What was taken away from each value, so that sums lose no digits.
        moments: Mean and deviation of the rows, where the values are only some of them.
    """

    values: Floats
    below: Counts
    sums: Floats
    centre: float
    moments: tuple[float, float] | None = None
    _steps: dict[int, Floats] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, values: Floats) -> Sample:
        """Take in finite values in any order.

        >>> Sample.of(np.array([2.0, 1.0, 2.0])).below
        array([0., 1., 3.])
        """
        distinct, counts = np.unique(values, return_counts=True)
        return cls.from_counts(distinct, counts.astype(np.float64))

    @classmethod
    def from_counts(cls, values: Floats, counts: Counts) -> Sample:
        """Take in distinct values, increasing, and how many rows each has."""
        below = _below(counts)
        centre = float(values[len(values) // 2]) if len(values) else 0.0
        # Wide sums: a difference of two of them is later weighed against single values.
        wide = (values.astype(np.longdouble) - centre) * counts
        sums = np.concatenate([[0.0], np.cumsum(wide)]).astype(np.float64)
        return cls(values, below, sums, centre)

    @property
    def rows(self) -> int:
        """How many rows the sample stands for."""
        return round(float(self.below[-1]))

    @property
    def counts(self) -> Counts:
        """How many rows each value has."""
        return np.diff(self.below)

    @cached_property
    def each(self) -> float:
        """How many rows each value has, where all have as many; else 0."""
        counts = self.counts
        first = float(counts[0]) if len(counts) else 0.0
        return first if first.is_integer() and bool((counts == first).all()) else 0.0

    @cached_property
    def mean(self) -> float:
        """The mean of the rows."""
        if self.moments is not None:
            return self.moments[0]
        return self.centre + float(self.sums[-1] / self.below[-1]) if self.rows else float("nan")

    @cached_property
    def deviation(self) -> float:
        """The standard deviation of the rows (population)."""
        if not self.rows:
            return float("nan")
        if self.moments is not None:
            return self.moments[1]
        centred = self.values - self.mean
        largest = float(np.abs(centred).max())
        if not 0 < largest < np.inf:
            return 0.0 if largest == 0 else largest
        # In parts of the largest, whose square may be beyond the largest float.
        spread = np.average((centred / largest) ** 2, weights=self.counts)
        return largest * float(np.sqrt(spread))

    def quantiles(self, shares: Floats) -> Floats:
        """Return the quantiles at these shares, as ``numpy.quantile`` (linear) does.

        >>> Sample.of(np.array([1.0, 2.0, 4.0, 8.0])).quantiles(np.array([0.5]))
        array([3.])
        """
        place = shares * (self.below[-1] - 1)
        low = np.floor(place)
        under, over = self._at(low), self._at(np.minimum(low + 1, self.below[-1] - 1))
        share = place - low
        step = over - under
        # From the nearer end, as numpy does, so that equal ends give exactly their value.
        found: Floats = np.where(share < 0.5, under + step * share, over - step * (1 - share))  # noqa: PLR2004 - the middle
        return found

    def _at(self, places: Floats) -> Floats:
        found: Floats = self.values[np.searchsorted(self.below, places, side="right") - 1]
        return found

    def distance(self, values: Floats) -> float:
        """Return the largest distance of the distribution functions of this and sorted values.

        It is found at one of the values, or just below one: between them the function of the
        values is level, and this one only rises.
        """
        place = self.values.searchsorted(values, side="right")
        # Distinct values: an equal one stands just before; place -1 never equals one below all.
        before = place - (self.values[place - 1] == values)
        steps = np.arange(len(values) + 1) / len(values)
        over = np.abs(self.below[place] / self.below[-1] - steps[1:])
        under = np.abs(self.below[before] / self.below[-1] - steps[:-1])
        # Of equal values the last has all of them at or below it, the first none below.
        tied = values[1:] == values[:-1]
        if tied.any():
            over[:-1][tied] = 0.0
            under[1:][tied] = 0.0
        return float(max(over.max(), under.max()))

    def sums_at_steps(self, count: int) -> Floats:
        """Return ``sums`` at ``count`` equal steps of rank, from 0 to all rows; few are kept.

        Args:
            count: Steps, such as the rows of a window; windows in turn mostly have as many.
        """
        found = self._steps.get(count)
        if found is None:
            step, rest = divmod(len(self.values), count)
            if self.each and not rest:  # each step ends at a value
                found = self.sums[::step]
            else:
                ranks = np.arange(count + 1) * (self.below[-1] / count)
                found = np.interp(ranks, self.below, self.sums)
            self._steps.clear()
            if count <= _KEEP_STEPS:
                self._steps[count] = found
        return found

    def merge(self, other: Sample) -> Sample:
        """Return the sample of the rows of both."""
        both = np.concatenate([self.values, other.values])
        counts = np.concatenate([self.counts, other.counts])
        values, place = np.unique(both, return_inverse=True)
        merged = np.bincount(place, counts, minlength=len(values)).astype(np.float64)
        found = Sample.from_counts(values, merged)
        if self.moments is None and other.moments is None:
            return found
        both_moments = (
            (float(one.rows), one.mean, one.deviation) for one in (self, other) if one.rows
        )
        return replace(found, moments=reduce(pooled, both_moments)[1:])

    def thinned(self, keep: int) -> Sample:
        """Return at most ``keep`` values at equal steps of rank; its CDF is off by 1/keep at most.

        Args:
            keep: Values to keep; a smaller sample is returned as it is.
        """
        if len(self.values) <= keep:
            return self
        middles = (np.arange(keep) + 0.5) * (self.below[-1] / keep)
        place = np.searchsorted(self.below, middles, side="right") - 1
        kept, counts = np.unique(place, return_counts=True)
        weights = counts.astype(np.float64) * float(self.below[-1] / keep)
        found = Sample.from_counts(self.values[kept], weights)
        return replace(found, moments=(self.mean, self.deviation))


def pooled(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return rows, mean and deviation of the rows of two parts, from those of each.

    >>> pooled((2.0, 1.0, 1.0), (2.0, 5.0, 1.0))
    (4.0, 3.0, 2.23606797749979)
    """
    rows = first[0] + second[0]
    share = second[0] / rows
    gap = second[1] - first[1]
    spread = np.hypot(np.sqrt(1 - share) * first[2], np.sqrt(share) * second[2])
    apart = np.sqrt(share * (1 - share)) * abs(gap)
    return rows, first[1] + share * gap, float(np.hypot(spread, apart))
