"""The first season of serving: how far windows stray by themselves, and from what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from otelml._monitor.baseline import Baseline, Seen
from otelml.drift import discrete_distance, discrete_reference_margin, reference_margin
from otelml.reference import Sample, excess
from otelml.reference.columns import Floats
from otelml.reference.feature import KEEP_VALUES
from otelml.reference.sample import Counts

AT_LEAST = 24
_MOST = 256
_GRID = np.linspace(0, 1, 65)


class Learning:
    """What one feature's first windows show.

    Args:
        baseline: The reference.
    """

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._windows: list[tuple[Floats, float]] = []
        self._stride = 1
        self._sample: Sample | None = None
        self._counts: Counts = np.zeros(len(baseline.counts))
        self._largest = 0.0
        self.windows = 0

    def add(self, values: Floats, counts: Counts, seen: Seen) -> None:
        """Take in a window; see :meth:`Baseline.look`."""
        self._largest = max(self._largest, seen.excess)
        self._counts = self._counts + counts
        if self._baseline.sample is not None and len(values):
            own = Sample.of(values)
            both = own if self._sample is None else self._sample.merge(own)
            self._sample = both.thinned(KEEP_VALUES)
        if self.windows % self._stride == 0:
            kept = counts if self._is_discrete else np.quantile(values, _GRID)
            self._windows.append((kept, seen.rows))
        self.windows += 1
        if len(self._windows) > _MOST:
            self._windows = self._windows[::2]
            self._stride *= 2

    @property
    def _is_discrete(self) -> bool:
        return self._baseline.feature.discrete or self._baseline.sample is None

    def learned(self) -> tuple[Baseline, bool]:
        """Return the baseline from now on, and whether serving differs from the reference.

        It does where windows lie nearer to each other than to the reference, by more than the
        errors of both. Then serving is the baseline: drift is change from what was there.
        """
        kept = replace(self._baseline, excess=self._largest)
        if not self.windows or (self._sample is None and not self._is_discrete):
            return kept, False
        own = Baseline(self._baseline.feature, self._sample, self._counts)
        inner = max((self._from_own(own, *window) for window in self._windows), default=0.0)
        if self._largest <= inner + self._error(self._baseline.rows) + self._error(own.rows):
            return kept, False
        return replace(own, excess=inner), True

    def _error(self, rows: int) -> float:
        if self._is_discrete:
            return discrete_reference_margin(len(self._counts) - 1, max(1, rows))
        return reference_margin(max(1, rows))

    def _from_own(self, own: Baseline, window: Floats, rows: float) -> float:
        if self._is_discrete:
            return Seen(discrete_distance(own.counts, window, rows), rows).excess
        assert own.sample is not None  # noqa: S101 - seen to by the caller
        at = own.sample.below[np.searchsorted(own.sample.values, window, side="right")]
        under = own.sample.below[np.searchsorted(own.sample.values, window, side="left")]
        size = own.sample.below[-1]
        outside = np.maximum(np.maximum(under / size - _GRID, _GRID - at / size), 0)
        step = float(_GRID[1]) / 2  # between two quantiles D may be larger, by so much
        found = float(outside.max()) + step
        return excess(np.array([found]), max(1, round(rows)))
