"""scikit-learn: every top-level call of an estimator is a prediction."""

from __future__ import annotations

from otelml.instrumentors.sklearn.instrumentor import SklearnInstrumentor

__all__ = ["SklearnInstrumentor"]
