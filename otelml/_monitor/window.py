"""One feature in the current window: exact counts by bin, and values for what needs them."""

from __future__ import annotations

import numpy as np

from otelml._monitor.kept import Kept
from otelml.reference import Column, Feature, LevelBins
from otelml.reference.columns import Floats
from otelml.reference.sample import Counts

_UNSEEN = "\0"  # no level has such a name
_NO_VALUES: Floats = np.empty(0)


def whole_counts(counts: Counts, rows: int) -> Counts:
    """Return counts of a part as whole counts of so many rows, their sum exact.

    >>> whole_counts(np.array([2.0, 1.0]), 10).tolist()
    [7.0, 3.0]
    """
    total = float(counts.sum())
    if not total or total == rows:
        return counts
    scaled = counts * (rows / total)
    floors = np.floor(scaled)
    short = round(rows - float(floors.sum()))
    floors[np.argsort(floors - scaled, kind="stable")[:short]] += 1
    return floors


class FeatureWindow:
    """Values of one feature since the last check.

    Args:
        feature: The reference's.
        limit: Values to keep.
    """

    def __init__(self, feature: Feature, limit: int) -> None:
        self.feature = feature
        self.counts: Counts = np.zeros(len(feature.cut.names))
        self.missing = 0
        self.non_finite = 0
        self._limit = limit
        self._kept = Kept(limit)

    def add(self, column: Column, rows: int) -> Counts:
        """Take in a column of the reference's kind, or an empty one.

        Args:
            column: The values, in the order of time.
            rows: How many rows they stand for.

        Returns:
            Rows in each bin, then missing, then non-finite ones: what was added.
        """
        cut = self.feature.cut
        if column.kind == "empty":
            counts = np.zeros(len(self.counts))
        elif isinstance(cut, LevelBins):
            codes = cut.codes(column.levels)
            counts = np.bincount(codes, minlength=len(self.counts)).astype(np.float64)
            self._kept.add(codes.astype(np.float64))
        else:
            counts = cut.count_unsorted(column.values)
            self._kept.add(column.values)
        apart = [float(column.missing), float(column.non_finite)]
        added = whole_counts(np.append(counts, apart), rows)
        self.counts = self.counts + added[:-2]
        self.missing += int(added[-2])
        self.non_finite += int(added[-1])
        return added

    @property
    def usable(self) -> int:
        """Rows with a usable value."""
        return int(self.counts.sum())

    @property
    def missing_share(self) -> float:
        """The share of rows without one."""
        apart = self.missing + self.non_finite
        rows = self.usable + apart
        return apart / rows if rows else 0.0

    @property
    def values(self) -> Floats:
        """The kept values in the order of time; of levels, the number of the bin."""
        return self._kept.values()

    @property
    def column(self) -> Column:
        """The kept values, as a column of the reference's kind."""
        cut, values = self.feature.cut, self.values
        if not isinstance(cut, LevelBins):
            return Column(self.feature.kind, values)
        names = np.array([*cut.levels, _UNSEEN], object)
        return Column("categorical", _NO_VALUES, tuple(names[values.astype(np.intp)].tolist()))

    def joined(self, before: FeatureWindow) -> FeatureWindow:
        """Return the window of both, ``before`` the earlier one."""
        both = FeatureWindow(self.feature, 2 * self._limit)
        both.counts = before.counts + self.counts
        both.missing = before.missing + self.missing
        both.non_finite = before.non_finite + self.non_finite
        both._kept.add(before.values)
        both._kept.add(self.values)
        return both
