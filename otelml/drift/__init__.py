"""Drift: statistics of two samples as plain functions, without OpenTelemetry."""

from __future__ import annotations

from otelml.drift.budget import AlarmBudget
from otelml.drift.chi_squared import chi_squared
from otelml.drift.compare import compare
from otelml.drift.dependence import (
    effective_rows,
    lag_1_autocorrelation,
    level_autocorrelation,
    repeats,
)
from otelml.drift.evidence import Evidence, e_value
from otelml.drift.js import js
from otelml.drift.kl import kl
from otelml.drift.ks import ks
from otelml.drift.loss import Loss, mean_loss, share_loss
from otelml.drift.margin import (
    LearnedMargin,
    as_distance,
    chi_squared_p_value,
    ks_p_value,
    reference_margin,
    smallest_shift_seen,
)
from otelml.drift.measure import measure, too_few
from otelml.drift.multivariate import Projection, reconstruction
from otelml.drift.psi import psi
from otelml.drift.result import DriftResult, FeatureDrift, ranks
from otelml.drift.rule import FeatureRule, Observed
from otelml.drift.severity import BANDS, Severity, worst
from otelml.drift.statistic import Statistic
from otelml.drift.wasserstein import wasserstein

__all__ = [
    "BANDS",
    "AlarmBudget",
    "DriftResult",
    "Evidence",
    "FeatureDrift",
    "FeatureRule",
    "LearnedMargin",
    "Loss",
    "Observed",
    "Projection",
    "Severity",
    "Statistic",
    "as_distance",
    "chi_squared",
    "chi_squared_p_value",
    "compare",
    "e_value",
    "effective_rows",
    "js",
    "kl",
    "ks",
    "ks_p_value",
    "lag_1_autocorrelation",
    "level_autocorrelation",
    "mean_loss",
    "measure",
    "psi",
    "ranks",
    "reconstruction",
    "reference_margin",
    "repeats",
    "share_loss",
    "smallest_shift_seen",
    "too_few",
    "wasserstein",
    "worst",
]
