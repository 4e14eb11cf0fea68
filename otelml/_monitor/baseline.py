"""What a window is tested against: the reference, or the new normal that was accepted or learned.

Distances are those of KS for continuous features, roots of chi-squared divided by rows for
discrete ones. Both add up as distances do, so a margin may be taken off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from otelml.drift import (
    Distance,
    discrete_distance,
    discrete_excess,
    discrete_p_value,
    discrete_reference_margin,
    effective_rows,
    ks_p_value,
    lag_1_autocorrelation,
    reference_margin,
    smallest_shift_seen,
)
from otelml.reference import Feature, Sample, excess, margin_at
from otelml.reference.columns import Floats
from otelml.reference.sample import Counts


class Seen(NamedTuple):
    """How far a window strays from a baseline.

    Args:
        distance: D, or the distance of two histograms.
        rows: How many independent rows the window is worth.
    """

    distance: float | Distance
    rows: float

    @property
    def excess(self) -> float:
        """How much more than chance the window strays."""
        if isinstance(self.distance, Distance):
            return discrete_excess(self.distance, self.rows)
        return excess(np.array([self.distance]), max(1, round(self.rows)))


@dataclass(frozen=True)
class Baseline:
    """The distribution of one feature that a window is tested against.

    Args:
        feature: The reference's feature: its bins.
        sample: The values; None of levels.
        counts: Rows in each bin.
        excess: The learned part of the margin; of an ordered reference, its own windows give it.
    """

    feature: Feature
    sample: Sample | None
    counts: Counts
    excess: float = 0.0

    @classmethod
    def of(cls, feature: Feature) -> Baseline:
        """Return the reference itself as the baseline."""
        return cls(feature, feature.sample, feature.counts)

    @property
    def rows(self) -> int:
        """Rows it was made from."""
        return int(self.counts.sum())

    @property
    def knows_its_margin(self) -> bool:
        """Whether the reference's own windows gave the margin."""
        return bool(self.feature.margins) and not self.feature.discrete

    def look(self, values: Floats, counts: Counts) -> Seen:
        """Return how far a window strays.

        Args:
            values: Kept values in the order of time; of levels, the number of the bin.
            counts: Rows in each bin.
        """
        if self.feature.discrete or self.sample is None:
            rows = effective_rows(len(values), _agreement(values))
            return Seen(discrete_distance(self.counts, counts, rows), rows)
        # Of ranks: one far value would hide that others resemble the ones before them.
        ranks = np.searchsorted(self.sample.values, values, side="right").astype(np.float64)
        rows = effective_rows(len(values), lag_1_autocorrelation(ranks))
        return Seen(self.sample.distance(np.sort(values)), rows)

    def margin(self, seen: Seen) -> float:
        """Return what is given away before testing."""
        if isinstance(seen.distance, Distance):
            return self.excess + discrete_reference_margin(seen.distance.dof, self.rows)
        own = margin_at(self.feature.margins, max(1, round(seen.rows)))
        return reference_margin(max(1, self.rows)) + max(own, self.excess)

    def p_value(self, seen: Seen) -> float:
        """Return how probable so large a distance is where nothing changed."""
        margin = self.margin(seen)
        if isinstance(seen.distance, Distance):
            return discrete_p_value(seen.distance, seen.rows, margin)
        return ks_p_value(seen.distance, seen.rows, margin)

    def smallest_shift(self, seen: Seen, alpha: float) -> float:
        """Return the least distance that one such window would show at a level."""
        margin = self.margin(seen)
        if not isinstance(seen.distance, Distance):
            return smallest_shift_seen(seen.rows, margin, alpha)
        # The upper bound of a chi-squared's quantile by Laurent and Massart (2000).
        dof, x = max(1, seen.distance.dof), -math.log(alpha)
        return margin + math.sqrt((dof + 2 * math.sqrt(dof * x) + 2 * x) / max(seen.rows, 1.0))


def _agreement(codes: Floats) -> float:
    """Return how much more often than chance a row has the value of the row before."""
    if len(codes) < 2:  # noqa: PLR2004 - no pair
        return 0.0
    _, counts = np.unique(codes, return_counts=True)
    chance = float(((counts / len(codes)) ** 2).sum())
    same = float((codes[1:] == codes[:-1]).mean())
    return (same - chance) / (1 - chance) if chance < 1 else 0.0
