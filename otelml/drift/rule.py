"""The rule: windows of one feature become p-values that may be summed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from otelml.drift.dependence import (
    effective_rows,
    lag_1_autocorrelation,
    level_autocorrelation,
    repeats,
    unbiased,
)
from otelml.drift.margin import (
    LearnedMargin,
    as_distance,
    chi_squared_p_value,
    ks_p_value,
    reference_margin,
)
from otelml.drift.pairs import MIN_ROWS
from otelml.reference import Column, Feature, margin_at, margins_cover

_WEIGHT = 0.1


class Observed(NamedTuple):
    """One window of a feature.

    Args:
        value: KS distance, or chi-squared against the reference's shares; NaN without enough rows.
        rows: Effective rows.
        excess: Margin beyond the reference's error; NaN while it is learned.
        reference_rows: Rows of the reference.
        dof: Degrees of freedom of a chi-squared; 0 of a distance.
    """

    value: float
    rows: float
    excess: float
    reference_rows: int
    dof: int = 0

    def p_value(self, features: int) -> float:
        """Return the p-value; NaN where there is none.

        Args:
            features: How many features the model has.
        """
        if math.isnan(self.value) or math.isnan(self.excess):
            return math.nan
        if not self.dof:
            margin = reference_margin(self.reference_rows, window=self.rows, features=features)
            return ks_p_value(self.value, self.rows, margin + self.excess)
        return chi_squared_p_value(
            self.value,
            self.dof,
            self.rows,
            self.reference_rows,
            features=features,
            excess=self.excess,
        )


@dataclass
class FeatureRule:
    """What is given away before a feature's windows are tested, so that their evidence adds up.

    The reference's own error; rows that resemble the ones before them; and the pattern of a day:
    from the reference where it is in order and has enough windows, else learned from the first
    windows, which have no p-value.

    Args:
        feature: Of the reference.
        features: How many features the model has.
        min_rows: Usable values that a window needs.
        learned: What was learned so far, where the reference does not tell; its ``windows`` are
            those of a season.
        autocorrelation: Of the windows so far: the next one counts a tenth.
        repeated: How many times as long as by chance runs of equal values were, in the same way.

    >>> import numpy as np
    >>> from otelml.reference import Column, Reference
    >>> rng = np.random.default_rng(0)
    >>> reference = Reference.from_data({"age": rng.normal(40, 9, 20_000)}, ordered=True)
    >>> rule = FeatureRule(reference.features["age"])
    >>> rule.p_value(Column("numeric", rng.normal(40, 9, 500))) > 0.05
    True
    >>> rule.p_value(Column("numeric", rng.normal(45, 9, 500))) < 1e-9
    True
    """

    feature: Feature
    features: int = 1
    min_rows: int = MIN_ROWS
    learned: LearnedMargin = field(default_factory=LearnedMargin)
    autocorrelation: float = math.nan
    repeated: float = math.nan

    def __post_init__(self) -> None:
        self.learned.reference_rows = max(1, self.feature.usable)

    def p_value(self, column: Column) -> float:
        """Take in a window, and return its p-value; NaN where it has none.

        Args:
            column: Of the feature's kind, in the order of time.
        """
        return self.observe(column).p_value(self.features)

    def observe(self, column: Column) -> Observed:
        """Take in a window, and return what its p-value is made of.

        Args:
            column: Of the feature's kind, in the order of time.
        """
        reference_rows = self.feature.usable
        if min(column.usable, reference_rows) < max(1, self.min_rows):
            return Observed(math.nan, 1.0, math.nan, reference_rows)
        rows = max(1.0, self._effective_rows(column))
        if self.feature.sample is not None and not self.feature.discrete:
            distance = self.feature.sample.distance(np.sort(column.values))
            excess = self._excess(column, distance, rows)
            return Observed(distance, rows, excess, reference_rows)
        value, dof = self._chi_squared(column, rows)
        excess = self._excess(column, as_distance(value, dof, rows), rows)
        return Observed(value, rows, excess, reference_rows, dof)

    @property
    def learning(self) -> bool:
        """Whether windows are still learned from, where the reference does not tell."""
        return self.learned.learning

    def _excess(self, column: Column, distance: float, rows: float) -> float:
        feature = self.feature
        covered = margins_cover(feature.margins, column.usable, feature.usable)
        if covered and not feature.discrete:
            return margin_at(feature.margins, column.usable)
        if self.learned.learning:
            self.learned.add(distance, rows)
            return math.nan
        return self.learned.excess

    def _effective_rows(self, column: Column) -> float:
        if column.kind == "categorical":
            found, again = level_autocorrelation(column.levels), repeats(column.levels)
        else:
            found, again = lag_1_autocorrelation(column.values), repeats(column.values)
        found = unbiased(found, column.usable)
        self.autocorrelation = _pooled(self.autocorrelation, found)
        self.repeated = _pooled(self.repeated, again)
        return effective_rows(column.usable, self.autocorrelation, max(again, self.repeated))

    def _chi_squared(self, column: Column, rows: float) -> tuple[float, int]:
        """Return Pearson's statistic against the reference's shares, for effective rows."""
        before, now = self.feature.counts, self.feature.count(column)
        # What neither side has, such as unseen levels, tells nothing; half a row stands for
        # a bin that only the window has.
        known = (before > 0) | (now > 0)
        expected = np.maximum(before[known], 0.5) / before.sum() * now.sum()
        value = float(((now[known] - expected) ** 2 / expected).sum())
        return value * rows / column.usable, int(known.sum()) - 1


def _pooled(before: float, found: float) -> float:
    return found if math.isnan(before) else (1 - _WEIGHT) * before + _WEIGHT * found
