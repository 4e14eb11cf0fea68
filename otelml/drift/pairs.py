"""A reference and a current column, made comparable."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otelml.drift.statistic import Statistic, nothing
from otelml.drift.survival import chi_squared_tail
from otelml.reference import Column, LevelBins, Sample, numeric_bins, read_column
from otelml.reference.columns import Floats
from otelml.reference.sample import Counts

MIN_ROWS = 50
EPSILON = 1e-4


@dataclass(frozen=True)
class Histograms:
    """Rows in the same bins, in the reference and now, of one feature or of several.

    A bin that is empty on both sides changes nothing, so that features of fewer bins fit in.

    Args:
        reference: Rows of the reference in each bin, of shape (bins,) or (features, bins).
        current: Rows of the window in each bin, of the same shape.
    """

    reference: Counts
    current: Counts
    _by_epsilon: dict[float, tuple[Floats, Floats, Floats]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def dof(self) -> npt.NDArray[np.int64]:
        """Bins that are not empty on both sides, less one; one a feature, as all below."""
        return np.asarray(np.count_nonzero(self.reference + self.current, axis=-1) - 1)

    @cached_property
    def rows(self) -> tuple[Floats, Floats]:
        """Rows of the reference and of the window."""
        return self.reference.sum(axis=-1), self.current.sum(axis=-1)

    @cached_property
    def harmonic(self) -> Floats:
        """nm/(n+m) of the rows of both: what scales a divergence to a chi-squared."""
        rows, current = self.rows
        return rows * current / (rows + current)

    @cached_property
    def shares(self) -> tuple[Floats, Floats]:
        """The share of each bin in the reference and in the window."""
        rows, current = self.rows
        return self.reference / rows[..., None], self.current / current[..., None]

    def filled(self, epsilon: float) -> tuple[Floats, Floats]:
        """Return the shares with ``epsilon`` for empty bins, not scaled again."""
        p, q, _ = self._filled(epsilon)
        return p, q

    def logs(self, epsilon: float) -> Floats:
        """Return ln(q / p) of the filled shares."""
        return self._filled(epsilon)[2]

    def _filled(self, epsilon: float) -> tuple[Floats, Floats, Floats]:
        found = self._by_epsilon.get(epsilon)
        if found is None:
            p, q = self.shares
            p, q = np.where(p > 0, p, epsilon), np.where(q > 0, q, epsilon)
            found = self._by_epsilon[epsilon] = p, q, np.log(q / p)
        return found

    def statistic(self, found: Tested) -> Statistic:
        """Return the statistic of the one feature that this is."""
        scaled = float(found.scaled)
        return Statistic(float(found.values), chi_squared_tail(scaled, int(self.dof)))


class Tested(NamedTuple):
    """A statistic of each feature, and what of it has a chi-squared distribution.

    Args:
        values: The statistic.
        scaled: What is chi-squared with the histograms' degrees of freedom without a change.
    """

    values: Floats
    scaled: Floats


def _usable(reference: Column, current: Column, min_rows: int) -> Statistic | None:
    for name, column in (("reference", reference), ("current", current)):
        if column.usable < max(1, min_rows):
            return nothing(f"the {name} has {column.usable} usable values, not {min_rows}")
    if reference.kind != current.kind:
        return nothing(f"the reference is {reference.kind}, the current values {current.kind}")
    return None


def samples(reference: Any, current: Any, min_rows: int) -> tuple[Sample, Floats] | Statistic:
    """Return the reference's sample and the sorted current numbers, or why there are none."""
    before, now = read_column(reference), read_column(current)
    refused = _usable(before, now, min_rows)
    if refused is not None:
        return refused
    if before.kind == "categorical":
        return nothing("it needs numbers, and these are categories")
    return Sample.of(before.values), np.sort(now.values)


def histograms(reference: Any, current: Any, bins: int, min_rows: int) -> Histograms | Statistic:
    """Return rows in the reference's bins on both sides, or why there are none."""
    before, now = read_column(reference), read_column(current)
    refused = _usable(before, now, min_rows)
    if refused is not None:
        return refused
    if before.kind == "categorical":
        levels = Counter(before.levels)
        found = LevelBins(tuple(sorted(levels)))
        return Histograms(found.count_levels(levels), found.count(now.levels))
    sample = Sample.of(before.values)
    cut = numeric_bins(sample, bins)
    return Histograms(cut.count_sample(sample), cut.count(np.sort(now.values)))
