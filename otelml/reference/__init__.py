"""References: what the features of a model looked like when it was trained."""

from __future__ import annotations

from otelml.reference.acceptance import accepted
from otelml.reference.bins import (
    Bins,
    LevelBins,
    NumericBins,
    QuantileBins,
    ValueBins,
    numeric_bins,
)
from otelml.reference.columns import Column, read_column
from otelml.reference.feature import Feature
from otelml.reference.frames import read_frame
from otelml.reference.learned import Learned, thinned
from otelml.reference.margins import CHANCE, excess, margin_at, margins_cover
from otelml.reference.reference import Reference
from otelml.reference.sample import Sample
from otelml.reference.sources import read_table

__all__ = [
    "CHANCE",
    "Bins",
    "Column",
    "Feature",
    "Learned",
    "LevelBins",
    "NumericBins",
    "QuantileBins",
    "Reference",
    "Sample",
    "ValueBins",
    "accepted",
    "excess",
    "margin_at",
    "margins_cover",
    "numeric_bins",
    "read_column",
    "read_frame",
    "read_table",
    "thinned",
]
