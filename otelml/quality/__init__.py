"""Quality: measures of labelled predictions as plain functions, without OpenTelemetry."""

from __future__ import annotations

from otelml.quality.classification import classification
from otelml.quality.estimated import cbpe
from otelml.quality.intervals import wilson
from otelml.quality.maturity import Maturity, maturity
from otelml.quality.positive import positive_of
from otelml.quality.ranking import pr_auc, roc_auc
from otelml.quality.regression import regression
from otelml.quality.result import Classification, Regression
from otelml.quality.score import Score
from otelml.quality.sequential import Sequential, sequential
from otelml.quality.unlabelled import Bounds, Coverage, Weighted, bounds, coverage, weighted

__all__ = [
    "Bounds",
    "Classification",
    "Coverage",
    "Maturity",
    "Regression",
    "Score",
    "Sequential",
    "Weighted",
    "bounds",
    "cbpe",
    "classification",
    "coverage",
    "maturity",
    "positive_of",
    "pr_auc",
    "regression",
    "roc_auc",
    "sequential",
    "weighted",
    "wilson",
]
