"""Confidences of a batch, by label."""

from __future__ import annotations

import otelml
from otelml import semconv


def test_each_label_has_its_own_confidences(capture_telemetry):
    """Labels in any order keep their rows; a confidence that is no number is left out."""
    labels = ["b", "a", "b", "c", "a", "b"]
    confidences = [0.5, 0.25, float("nan"), 1.0, 0.5, 0.75]
    with otelml.prediction("loan", features=[{"x": 1.0}] * 6) as prediction:
        prediction.set_result(label=labels, confidence=confidences)
    points = capture_telemetry.metric(semconv.ML_PREDICTION_CONFIDENCE.name)
    found = {}
    for label in "abc":
        of = points.where(**{semconv.ML_PREDICTION_LABEL: label})
        found[label] = of.count(), of.sum()
    assert found == {"a": (2, 0.75), "b": (2, 1.25), "c": (1, 1.0)}
