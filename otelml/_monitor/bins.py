"""The bins of a feature as metrics name them: few, each once, with what is missing apart."""

from __future__ import annotations

import numpy as np

from otelml import semconv
from otelml._monitor.hidden import shown_bins
from otelml.reference import Feature, LevelBins
from otelml.reference.sample import Counts

_LEVELS = 20


class MetricBins:
    """Folds a feature's bins, missing and non-finite ones last, into those that are exported.

    Args:
        feature: The reference's.
    """

    def __init__(self, feature: Feature) -> None:
        names = list(shown_bins(feature))
        if isinstance(feature.cut, LevelBins) and len(names) - 1 > _LEVELS:
            frequent = set(np.argsort(-feature.counts[:-1], kind="stable")[:_LEVELS].tolist())
            names = [
                name if place in frequent or place == len(names) - 1 else semconv.OVERFLOW_VALUE
                for place, name in enumerate(names)
            ]
        names += [semconv.BIN_MISSING, semconv.BIN_NON_FINITE]
        place_of = {name: place for place, name in enumerate(dict.fromkeys(names))}
        self.names = tuple(place_of)
        self._places = np.array([place_of[name] for name in names], np.intp)
        usable, rows = float(feature.counts.sum()), max(1, feature.rows)
        shares = np.append(
            feature.counts / (usable or 1.0),
            [feature.missing / rows, feature.non_finite / rows],
        )
        self.ratios: list[float] = self.fold(shares)
        self.values = usable

    def fold(self, counts: Counts) -> list[float]:
        """Return counts of the exported bins from those of all."""
        folded: list[float] = np.bincount(self._places, counts, len(self.names)).tolist()
        return folded
