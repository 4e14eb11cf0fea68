"""The rule: windows of one feature become p-values that may be summed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from otelml.drift.dependence import (
    effective_rows,
    lag_1_autocorrelation,
    level_autocorrelation,
    level_codes,
    repeats,
    unbiased,
)
from otelml.drift.margin import (
    LearnedMargin,
    as_distance,
    chi_squared_noncentrality,
    chi_squared_p_value,
    chi_squared_quantile,
    ks_p_value,
    reference_margin,
    smallest_shift_seen,
)
from otelml.drift.pairs import MIN_ROWS
from otelml.drift.survival import kolmogorov_series
from otelml.reference import CHANCE, Column, Feature, margin_at, margins_cover
from otelml.reference.columns import Floats

_WEIGHT = 0.1
_EXPECTED = 5
_JOINED = 200


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

    @property
    def beyond_chance(self) -> float:
        """How much more than chance the window strays; NaN where it has no value."""
        if not self.dof:
            return max(0.0, self.value - CHANCE / math.sqrt(self.rows))
        chance = chi_squared_quantile(kolmogorov_series(CHANCE), self.dof)
        return math.sqrt(max(0.0, self.value - chance) / self.rows)

    def smallest_shift(self, features: int, alpha: float) -> float:
        """Return the least distance that one such window would show at a level; NaN without one.

        Of a chi-squared it is the root of the statistic divided by rows.

        Args:
            features: How many features the model has.
            alpha: The level.
        """
        if math.isnan(self.value) or math.isnan(self.excess):
            return math.nan
        if not self.dof:
            margin = reference_margin(self.reference_rows, window=self.rows, features=features)
            return smallest_shift_seen(self.rows, margin + self.excess, alpha)
        noncentrality = chi_squared_noncentrality(
            self.dof, self.rows, self.reference_rows, features, self.excess
        )
        # The upper bound of a chi-squared's quantile by Laurent and Massart (2000); roots add up.
        x = -math.log(alpha)
        quantile = self.dof + 2 * math.sqrt(self.dof * x) + 2 * x
        return (math.sqrt(noncentrality) + math.sqrt(quantile)) / math.sqrt(self.rows)


@dataclass
class FeatureRule:
    """What is given away before a feature's windows are tested, so that their evidence adds up.

    The reference's own error; rows that resemble the ones before them; and the pattern of a day:
    from the reference where it is in order and has enough windows, else learned from the first
    windows, which have no p-value. Short windows are learned from once more, joined to 200 rows:
    alone they show too little of a pattern.

    Args:
        feature: Of the reference.
        features: How many features the model has.
        min_rows: Usable values that a window needs.
        learned: What was learned so far, where the reference does not tell; its ``windows`` are
            those of a season.
        joined: What was learned of joined windows.
        autocorrelation: Of the windows so far: the next one counts a tenth.
        repeated: How many times as long as by chance runs of equal values were, in the same way.
        learning: Whether the last window was only learned from.

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
    joined: LearnedMargin = field(default_factory=LearnedMargin)
    autocorrelation: float = math.nan
    repeated: float = math.nan
    learning: bool = False
    _held: list[Column] = field(default_factory=list[Column], repr=False)

    def __post_init__(self) -> None:
        self.learned.reference_rows = self.joined.reference_rows = max(1, self.feature.usable)

    def p_value(self, column: Column) -> float:
        """Take in a window, and return its p-value; NaN where it has none.

        Args:
            column: In the order of time; one of another kind than the feature's has no p-value.
        """
        return self.observe(column).p_value(self.features)

    def observe(self, column: Column) -> Observed:
        """Take in a window, and return what its p-value is made of.

        Args:
            column: Of the feature's kind, in the order of time.
        """
        reference_rows = self.feature.usable
        few = min(column.usable, reference_rows) < max(1, self.min_rows)
        if few or column.kind != self.feature.kind:
            return Observed(math.nan, 1.0, math.nan, reference_rows)
        rows = max(1.0, self._effective_rows(column))
        value, dof = self._tested(column, rows)
        return Observed(value, rows, self._excess(column, value, dof, rows), reference_rows, dof)

    def peek(self, column: Column) -> Observed:
        """Return what :meth:`observe` would, and take nothing in."""
        learned = replace(self.learned, distances=[*self.learned.distances])
        joined = replace(self.joined, distances=[*self.joined.distances])
        again = replace(self, learned=learned, joined=joined, _held=[*self._held])
        return again.observe(column)

    def rebased(self, feature: Feature, excess: float) -> FeatureRule:
        """Return the rule of another normal, which learns no more.

        Args:
            feature: What is normal from now on.
            excess: Margin beyond the error of that.
        """
        learned = LearnedMargin(0, known=excess)
        return replace(self, feature=feature, learned=learned, joined=LearnedMargin(0), _held=[])

    def known_excess(self, rows: int) -> float:
        """Return the margin beyond the reference's error, as far as it is known.

        Args:
            rows: Usable values of a window.
        """
        feature = self.feature
        if not feature.discrete and margins_cover(feature.margins, rows, feature.usable):
            return margin_at(feature.margins, rows)
        return 0.0 if self.learned.learning else max(self.learned.excess, self.joined.excess)

    def _tested(self, column: Column, rows: float) -> tuple[float, int]:
        """Return a distance and 0, or a chi-squared and its degrees of freedom."""
        if self.feature.sample is None or self.feature.discrete:
            return self._chi_squared(column, rows)
        distance = self.feature.sample.distance(np.sort(column.values))
        return max(0.0, distance - self.feature.rank_error), 0

    def _excess(self, column: Column, value: float, dof: int, rows: float) -> float:
        feature = self.feature
        covered = margins_cover(feature.margins, column.usable, feature.usable)
        self.learning = (not covered or feature.discrete) and self.learned.learning
        if covered and not feature.discrete:
            return margin_at(feature.margins, column.usable)
        if not self.learning:
            return max(self.learned.excess, self.joined.excess)
        self.learned.add(as_distance(value, dof, rows) if dof else value, rows)
        if column.usable < _JOINED:
            self._join(column, rows / column.usable)
        return math.nan

    def _join(self, column: Column, worth: float) -> None:
        self._held.append(column)
        total = sum(one.usable for one in self._held)
        if total >= _JOINED:
            levels = tuple(level for one in self._held for level in one.levels)
            values = np.concatenate([one.values for one in self._held])
            value, dof = self._tested(Column(column.kind, values, levels), total * worth)
            distance = as_distance(value, dof, total * worth) if dof else value
            self.joined.add(distance, total * worth)
            self._held.clear()
        if not self.learned.learning:
            self._held.clear()

    def _effective_rows(self, column: Column) -> float:
        if column.kind == "categorical":
            codes = level_codes(column.levels)
            found, again = level_autocorrelation(codes), repeats(codes)
        else:
            found, again = self._autocorrelation(column.values), repeats(column.values)
        found = unbiased(found, column.usable)
        self.autocorrelation = _pooled(self.autocorrelation, found)
        self.repeated = _pooled(self.repeated, again)
        return effective_rows(column.usable, self.autocorrelation, max(again, self.repeated))

    def _autocorrelation(self, values: Floats) -> float:
        """Return that of the values or of their ranks, whichever is larger.

        One far value would hide that others resemble the ones before them.
        """
        found = lag_1_autocorrelation(values)
        sample = self.feature.sample
        if sample is None or self.feature.discrete:
            return found
        ranks = sample.values.searchsorted(values, side="right").astype(np.float64)
        return max(found, lag_1_autocorrelation(ranks))

    def _chi_squared(self, column: Column, rows: float) -> tuple[float, int]:
        """Return Pearson's statistic against the reference's shares, for effective rows."""
        before, now = self.feature.counts, self.feature.count(column)
        expected = before / before.sum() * now.sum()
        # Pearson's statistic is a chi-squared where some rows are expected, and the reference has
        # some: rare and unseen levels are one bin, which tells nothing up to as many rows. The
        # last bin is always in it: of very many levels the reference kept those that it happened
        # to see most.
        common = np.minimum(expected, before) >= _EXPECTED
        common[-1] = False
        value = float(((now[common] - expected[common]) ** 2 / expected[common]).sum())
        dof = int(common.sum())
        rare = float(expected[~common].sum())
        more = float(now[~common].sum()) - max(rare, _EXPECTED)
        value += (more if rare >= _EXPECTED else max(0.0, more)) ** 2 / max(rare, _EXPECTED)
        return value * rows / column.usable, max(1, dof)


def _pooled(before: float, found: float) -> float:
    return found if math.isnan(before) else (1 - _WEIGHT) * before + _WEIGHT * found
