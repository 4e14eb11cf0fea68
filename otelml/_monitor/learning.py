"""The first season of serving: what it looks like itself, beside the rule that learns from it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from otelml.drift import FeatureRule, Observed, reference_margin
from otelml.reference import Column, Feature, Sample
from otelml.reference.columns import Floats
from otelml.reference.margins import excess

AT_LEAST = 24
_MOST = 128
_MOST_DISTANCES = 1024
_MOST_VALUES = 2_000  # of each window: what all of them look like needs no more
_MOST_OWN = 2_500  # of all of them, each standing for as many rows
_GRID = np.linspace(0, 1, 65)


class Learning:
    """What one feature's first windows look like.

    Args:
        feature: The reference's.
    """

    def __init__(self, feature: Feature) -> None:
        self._feature = feature
        self._windows: list[tuple[Column | Floats, float]] = []
        self._stride = 1
        self._own: Feature | None = None
        self.windows = 0
        self.least_rows = 0

    def add(self, column: Column, seen: Observed, rule: FeatureRule) -> None:
        """Take in a window.

        Args:
            column: Its values in the order of time.
            seen: What the rule made of it.
            rule: The rule, which learned from it.
        """
        if math.isnan(seen.value):
            return
        part = _part(column)
        own = Feature.of(self._feature.name, part)
        self._own = own if self._own is None else _bounded(self._own.merge(own))
        if self.windows % self._stride == 0:
            kept = part if self._feature.discrete else np.quantile(column.values, _GRID)
            self._windows.append((kept, seen.rows))
        self.windows += 1
        self.least_rows = min(self.least_rows or column.usable, column.usable)
        if len(self._windows) > _MOST:
            self._windows = self._windows[::2]
            self._stride *= 2
        for learned in (rule.learned, rule.joined):
            if len(learned.distances) > _MOST_DISTANCES:
                learned.halve()

    def learned(self, rule: FeatureRule) -> tuple[FeatureRule, bool]:
        """Return the rule from now on, and whether serving differs from the reference.

        It does where windows lie nearer to each other than to the reference, by more than the
        errors of both. Then serving is the normal: drift is change from what was there.
        """
        outer = max(rule.learned.excess, rule.joined.excess)
        kept = rule.rebased(rule.feature, outer)
        own = self._own
        if not outer or own is None:
            return kept, False
        if self._feature.discrete:
            inner = self._inner_of_bins(rule.rebased(own, 0.0))
        else:
            inner = self._inner_of_values(own.sample) if own.sample is not None else outer
        dof = len(self._feature.counts) - 1 if self._feature.discrete else 0
        errors = _error(dof, rule.feature.usable) + _error(dof, own.usable)
        if outer <= inner + errors:
            return kept, False
        return rule.rebased(own, inner), True

    def _inner_of_bins(self, own: FeatureRule) -> float:
        found = [own.peek(one).beyond_chance for one, _ in self._windows if isinstance(one, Column)]
        return max((one for one in found if not math.isnan(one)), default=0.0)

    def _inner_of_values(self, own: Sample) -> float:
        found = [_distance(own, one) for one, _ in self._windows if not isinstance(one, Column)]
        rows = np.array([rows for _, rows in self._windows])
        return excess(np.array(found), rows, own.rows)


def _part(column: Column) -> Column:
    """Return an even part of a long column, still in the order of time."""
    step = -(-column.usable // _MOST_VALUES)
    if step <= 1:
        return column
    return Column(column.kind, column.values[::step], column.levels[::step])


def _bounded(own: Feature) -> Feature:
    """Return a feature of few values: a reference may have more, but there is one besides."""
    return own if own.sample is None else replace(own, sample=own.sample.thinned(_MOST_OWN))


def _distance(own: Sample, quantiles: Floats) -> float:
    """Return the most that a window of these quantiles may stray from a sample."""
    at = own.below[np.searchsorted(own.values, quantiles, side="right")]
    under = own.below[np.searchsorted(own.values, quantiles, side="left")]
    size = own.below[-1]
    outside = np.maximum(np.maximum(under / size - _GRID, _GRID - at / size), 0)
    return float(outside.max()) + float(_GRID[1]) / 2  # between two quantiles it may be larger


def _error(dof: int, rows: int) -> float:
    return math.sqrt(dof / max(1, rows)) if dof else reference_margin(max(1, rows))
