"""One feature of a reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from otelml.exceptions import InvalidReferenceError
from otelml.reference.bins import Bins, LevelBins, QuantileBins, ValueBins, numeric_bins
from otelml.reference.columns import Column, Floats, Kind, level_name
from otelml.reference.sample import Counts, Sample

KEEP_VALUES = 20_000
KEEP_LEVELS = 1_000


@dataclass(frozen=True)
class Feature:
    """What one column looked like.

    Args:
        name: The column.
        kind: What its values are.
        missing: Rows without a value.
        non_finite: Rows with an infinite value.
        sample: The distribution of numbers or times.
        levels: Rows of each level of a categorical column; the most frequent 1,000.
        other: Rows of rarer levels.
        bins: Quantile bins wanted of numbers with more than 20 distinct values.
        importance: How much the model relies on it, if that is known.
        margins: Rows of a window, and by how much more than chance the reference's own
            windows of that size stray from the whole.
        rank_error: By how much the share at or below a value, or that of a level, may be off,
            where not all values or levels were kept.
    """

    name: str
    kind: Kind
    missing: int = 0
    non_finite: int = 0
    sample: Sample | None = None
    levels: Mapping[str, int] = field(default_factory=dict)
    other: int = 0
    bins: int = 10
    importance: float | None = None
    margins: Mapping[int, float] = field(default_factory=dict)
    rank_error: float = 0.0

    @classmethod
    def of(cls, name: str, column: Column, bins: int = 10) -> Feature:
        """Return the feature of a column."""
        feature = cls(name, column.kind, column.missing, column.non_finite, bins=bins)
        if column.kind == "categorical":
            return _with_levels(feature, Counter(column.levels), 0)
        if column.kind == "empty":
            return feature
        return _with_sample(feature, Sample.of(column.values), 0.0)

    @property
    def usable(self) -> int:
        """Rows with a value that can be used."""
        if self.sample is not None:
            return self.sample.rows
        return sum(self.levels.values()) + self.other

    @property
    def rows(self) -> int:
        """All rows."""
        return self.usable + self.missing + self.non_finite

    @cached_property
    def cut(self) -> Bins:
        """The bins, made once."""
        if self.sample is None:
            return LevelBins(tuple(sorted(self.levels)))
        return numeric_bins(self.sample, self.bins)

    @cached_property
    def counts(self) -> Counts:
        """Rows in each bin."""
        cut = self.cut
        if isinstance(cut, LevelBins):
            counts = cut.count_levels(self.levels)
            counts[-1] += self.other
            return counts
        return cut.count_sample(self._sample)

    @cached_property
    def bin_names(self) -> list[str]:
        """The bins, as a person writes them, made once."""
        return self.cut.names

    @property
    def _sample(self) -> Sample:
        return self.sample or Sample.of(np.empty(0))

    def count(self, column: Column) -> Counts:
        """Return rows of a column of the same kind in each bin."""
        cut = self.cut
        if isinstance(cut, LevelBins):
            return cut.count(column.levels)
        return cut.count(np.sort(column.values))

    def count_sorted(self, values: Floats) -> Counts:
        """Return rows of sorted finite values in each bin of a numeric feature."""
        cut = self.cut
        return np.zeros(0) if isinstance(cut, LevelBins) else cut.count(values)

    @property
    def discrete(self) -> bool:
        """Whether each bin is one value or level."""
        return isinstance(self.cut, (ValueBins, LevelBins))

    @property
    def edges(self) -> list[float]:
        """Interior edges of quantile bins; none of others."""
        return self.cut.edges.tolist() if isinstance(self.cut, QuantileBins) else []

    def merge(self, other: Feature) -> Feature:
        """Return the feature over the rows of both; numbers and levels together are levels.

        Raises:
            InvalidReferenceError: One holds times and the other does not.
        """
        first, second = self, other
        if first.kind == "empty" or second.kind == "empty":
            full = second if first.kind == "empty" else first
            merged = full
        elif first.sample is not None and second.sample is not None and first.kind == second.kind:
            merged = _with_sample(first, first.sample.merge(second.sample), self._error(other))
        elif "datetime" in {first.kind, second.kind}:
            raise InvalidReferenceError(f"{self.name} is {first.kind} here and {second.kind} there")
        else:
            first, second = first.as_levels(), second.as_levels()
            levels = Counter(first.levels) + Counter(second.levels)
            known_error = replace(first, rank_error=self._error(other))
            merged = _with_levels(known_error, levels, first.other + second.other)
        known = [x for x in (self.importance, other.importance) if x is not None]
        sizes = {*self.margins, *other.margins}
        return replace(
            merged,
            missing=self.missing + other.missing,
            non_finite=self.non_finite + other.non_finite,
            importance=sum(known) / len(known) if known else None,
            margins={n: max(self.margins.get(n, 0), other.margins.get(n, 0)) for n in sizes},
        )

    def _error(self, other: Feature) -> float:
        """Return the rank error of the rows of both, before any are left out."""
        rows = self.usable + other.usable
        errors = self.rank_error * self.usable + other.rank_error * other.usable
        return errors / rows if rows else 0.0

    def as_levels(self) -> Feature:
        """Return the feature with its numbers as levels."""
        if self.sample is None:
            return self
        pairs = zip(self.sample.values.tolist(), self.sample.counts.tolist(), strict=True)
        levels = Counter({level_name(value): round(count) for value, count in pairs})
        return _with_levels(replace(self, kind="categorical", sample=None), levels, 0)


def _with_levels(feature: Feature, levels: Counter[str], other: int) -> Feature:
    kept = dict(levels.most_common(KEEP_LEVELS))
    rest = sum(levels.values()) - sum(kept.values())
    error = feature.rank_error
    if rest:  # a level that is left out here may be one that is kept of other rows
        most = max(rows for level, rows in levels.items() if level not in kept)
        error += most / (sum(levels.values()) + other)
    return replace(feature, kind="categorical", levels=kept, other=other + rest, rank_error=error)


def _with_sample(feature: Feature, sample: Sample, error: float) -> Feature:
    thinned = sample.thinned(KEEP_VALUES)
    error += 0.0 if thinned is sample else 1 / KEEP_VALUES
    return replace(feature, sample=thinned, rank_error=error)
