"""References: what the features of a model looked like when it was trained."""

from __future__ import annotations

from otelml.reference.bins import (
    Bins,
    LevelBins,
    NumericBins,
    QuantileBins,
    ValueBins,
    numeric_bins,
)
from otelml.reference.columns import Column, read_column
from otelml.reference.sample import Sample

__all__ = [
    "Bins",
    "Column",
    "LevelBins",
    "NumericBins",
    "QuantileBins",
    "Sample",
    "ValueBins",
    "numeric_bins",
    "read_column",
]
