"""Mean and deviation of values that come in parts, exact where the values are not kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from otelml.reference.columns import Floats
from otelml.reference.sample import Sample, pooled


class Moments:
    """Rows, mean and deviation (population) so far; parts are pooled as Chan et al. (1979) do."""

    def __init__(self) -> None:
        self._known = (0.0, 0.0, 0.0)

    def add(self, values: Floats) -> None:
        """Take in finite values."""
        if len(values):
            mean, deviation = float(values.mean()), _deviation(values)
            self._known = pooled(self._known, (float(len(values)), mean, deviation))

    def of(self, sample: Sample) -> Sample:
        """Return a sample of these values with their mean and deviation."""
        return replace(sample, moments=self._known[1:])


def _deviation(values: Floats) -> float:
    centred = values - values.mean()
    largest = float(np.abs(centred).max())
    if not 0 < largest < np.inf:
        return largest
    return largest * float(np.sqrt(np.mean((centred / largest) ** 2)))
