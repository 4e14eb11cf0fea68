"""Drift: statistics of two samples as plain functions, without OpenTelemetry."""

from __future__ import annotations

from otelml.drift.budget import AlarmBudget
from otelml.drift.chi_squared import chi_squared
from otelml.drift.compare import compare
from otelml.drift.dependence import effective_rows, lag_1_autocorrelation
from otelml.drift.evidence import Evidence, e_value
from otelml.drift.js import js
from otelml.drift.kl import kl
from otelml.drift.ks import ks
from otelml.drift.margin import (
    LearnedMargin,
    ks_p_value,
    reference_margin,
    smallest_shift_seen,
)
from otelml.drift.psi import psi
from otelml.drift.result import DriftResult, FeatureDrift
from otelml.drift.statistic import Statistic
from otelml.drift.wasserstein import wasserstein

__all__ = [
    "AlarmBudget",
    "DriftResult",
    "Evidence",
    "FeatureDrift",
    "LearnedMargin",
    "Statistic",
    "chi_squared",
    "compare",
    "e_value",
    "effective_rows",
    "js",
    "kl",
    "ks",
    "ks_p_value",
    "lag_1_autocorrelation",
    "psi",
    "reference_margin",
    "smallest_shift_seen",
    "wasserstein",
]
