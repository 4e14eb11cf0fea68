"""Bins of one feature, made once from the reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise, repeat

import numpy as np
import numpy.typing as npt

from otelml.reference.columns import Floats
from otelml.reference.sample import Counts, Sample

DISCRETE_UP_TO = 20
_COUNT_UP_TO = 16


@dataclass(frozen=True)
class QuantileBins:
    """Bins ``(-inf, e1], (e1, e2], …, (eB-1, inf)`` between quantiles of the reference.

    Args:
        edges: Interior edges, increasing; equal ones are merged.
    """

    edges: Floats

    @classmethod
    def of(cls, sample: Sample, bins: int) -> QuantileBins:
        """Return ``bins`` quantile bins, fewer where quantiles are equal."""
        return cls(np.unique(sample.quantiles(np.linspace(0, 1, bins + 1)[1:-1])))

    @property
    def names(self) -> list[str]:
        """The bins, as a person writes them."""
        ends = ["-inf", *(f"{edge:.6g}" for edge in self.edges), "inf"]
        return [f"({low}, {high}]" for low, high in pairwise(ends)]

    def count(self, values: Floats) -> Counts:
        """Return rows in each bin.

        Args:
            values: Sorted finite values.
        """
        ends = np.zeros(len(self.edges) + 2)
        ends[1:-1] = values.searchsorted(self.edges, side="right")
        ends[-1] = len(values)
        return ends[1:] - ends[:-1]

    def count_unsorted(self, values: Floats) -> Counts:
        """Return rows in each bin of finite values in any order.

        With few edges, counting what is at or below each costs less than sorting.
        """
        if len(self.edges) > _COUNT_UP_TO:
            return self.count(np.sort(values))
        ends = [0, *(np.count_nonzero(values <= edge) for edge in self.edges), len(values)]
        return np.diff(np.array(ends, np.float64))

    def count_sample(self, sample: Sample) -> Counts:
        """Return rows of the sample in each bin."""
        place = np.searchsorted(sample.values, self.edges, side="right")
        return np.diff(np.concatenate([[0.0], sample.below[place], sample.below[-1:]]))


@dataclass(frozen=True)
class ValueBins:
    """One bin for each distinct value of the reference, and one for values it never had.

    Args:
        values: The values, increasing.
    """

    values: Floats

    @property
    def names(self) -> list[str]:
        """The bins, as a person writes them."""
        return [*(f"{value:.12g}" for value in self.values), "unseen"]

    def count(self, values: Floats) -> Counts:
        """Return rows in each bin, unseen last.

        Args:
            values: Sorted finite values.
        """
        found = np.searchsorted(values, self.values, side="right")
        found = found - np.searchsorted(values, self.values, side="left")
        return np.append(found, len(values) - found.sum()).astype(np.float64)

    def count_unsorted(self, values: Floats) -> Counts:
        """Return rows in each bin of finite values in any order, unseen last."""
        return self.count(np.sort(values))

    def count_sample(self, sample: Sample) -> Counts:
        """Return rows of the sample in each bin, unseen last."""
        place = np.searchsorted(sample.values, self.values)
        inside = np.minimum(place, len(sample.values) - 1)
        found = np.where(sample.values[inside] == self.values, sample.counts[inside], 0.0)
        return np.append(found, sample.below[-1] - found.sum())


@dataclass(frozen=True)
class LevelBins:
    """One bin for each level of the reference, and one for levels it never had.

    Args:
        levels: The levels, in order.
    """

    levels: tuple[str, ...]
    _place: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._place.update({level: place for place, level in enumerate(self.levels)})

    @property
    def names(self) -> list[str]:
        """The bins, as a person writes them."""
        return [*self.levels, "unseen"]

    def count(self, levels: tuple[str, ...]) -> Counts:
        """Return rows in each bin, unseen last."""
        return self.count_levels(Counter(levels))

    def codes(self, levels: tuple[str, ...]) -> npt.NDArray[np.intp]:
        """Return the number of each level's bin."""
        found = map(self._place.get, levels, repeat(len(self.levels)))
        return np.fromiter(found, np.intp, len(levels))

    def count_levels(self, levels: Mapping[str, float]) -> Counts:
        """Return rows in each bin, unseen last, from rows of each level."""
        counts = np.zeros(len(self.levels) + 1)
        for level, rows in levels.items():
            counts[self._place.get(level, -1)] += rows
        return counts


NumericBins = QuantileBins | ValueBins
Bins = QuantileBins | ValueBins | LevelBins


def numeric_bins(sample: Sample, bins: int = 10) -> NumericBins:
    """Return the bins of a numeric column: a bin a value up to 20 distinct ones, else quantiles.

    >>> numeric_bins(Sample.of(np.arange(100.0)), bins=4).edges
    array([24.75, 49.5 , 74.25])
    """
    if len(sample.values) <= DISCRETE_UP_TO:
        return ValueBins(sample.values)
    return QuantileBins.of(sample, bins)
