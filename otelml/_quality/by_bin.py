"""Which bin of each feature a prediction was in, kept until its label comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otelml._monitor import PendingRows, places, read_as
from otelml.reference import Column, Feature, LevelBins
from otelml.reference.bins import QuantileBins

_NO_BIN = 255
MOST_ROWS = 1024
Codes8 = npt.NDArray[np.uint8]


class Coded(NamedTuple):
    """A prediction's bins.

    Args:
        bins: One a feature, 255 where it has none; shape (features,).
        value: What its label said; NaN until it comes.
    """

    bins: Codes8
    value: float


def bins_of(
    features: Mapping[str, Feature], data: Any, rows: int, names: tuple[str, ...] | None
) -> Codes8 | None:
    """Return the bin of each row and feature, shape (rows, features); None where they do not fit.

    Args:
        features: Of the reference.
        data: What a snapshot kept of the rows.
        rows: How many the prediction has.
        names: Names of its features, where the data has none.
    """
    if rows > MOST_ROWS:
        return None
    pending = PendingRows()
    blocks = [*pending.add(data, rows, names), *pending.read()]
    if len(blocks) != 1 or blocks[0].kept != rows:
        return None
    block = blocks[0]
    found = places(tuple(features), block)
    if found is None:
        return None
    bins = np.full((rows, len(features)), _NO_BIN, np.uint8)
    for place, (name, feature) in enumerate(features.items()):
        if name in found and len(feature.cut.names) < _NO_BIN:
            values = block.columns[found[name]]
            for row in range(rows):
                column, _ = read_as(feature, values[row : row + 1])
                bins[row, place] = _bin(feature, column)
    return bins


def _bin(feature: Feature, column: Column) -> int:
    cut = feature.cut
    if column.kind == "empty" or column.usable != 1:
        return _NO_BIN
    if isinstance(cut, LevelBins):
        return int(cut.codes(column.levels)[0])
    if isinstance(cut, QuantileBins):
        return int(np.searchsorted(cut.edges, column.values[0], side="left"))
    place = int(np.searchsorted(cut.values, column.values[0]))
    seen = place < len(cut.values) and cut.values[place] == column.values[0]
    return place if seen else len(cut.values)
