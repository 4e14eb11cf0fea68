"""Drift: statistics of two samples as plain functions, without OpenTelemetry."""

from __future__ import annotations

from otelml.drift.chi_squared import chi_squared
from otelml.drift.js import js
from otelml.drift.kl import kl
from otelml.drift.ks import ks
from otelml.drift.psi import psi
from otelml.drift.statistic import Statistic
from otelml.drift.wasserstein import wasserstein

__all__ = ["Statistic", "chi_squared", "js", "kl", "ks", "psi", "wasserstein"]
