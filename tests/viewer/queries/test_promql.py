"""The PromQL of a chart names what Prometheus has."""

from __future__ import annotations

import pytest

from otelml.viewer.queries.promql import promql


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("ml.predictions", "{prediction}", "counter", "rate", ["ml.model.name"], [], 60),
         "sum by (ml_model_name) (rate(ml_predictions_total[1m]))"),
        (("ml.prediction.duration", "s", "histogram", "p95", [], [("ml.model.name", 'a"b')], 10),
         ('histogram_quantile(0.95, sum by (le) (rate('
         'ml_prediction_duration_seconds_bucket{ml_model_name="a\\"b"}[1m])))')),
        (("ml.feature.reference.ratio", "1", "gauge", "last", [], [], 300),
         "avg (ml_feature_reference_ratio)"),
        (("process.memory.usage", "By", "updown", "last", [], [], 300),
         "sum (process_memory_usage_bytes)"),
    ],
)  # fmt: skip
def test_promql_has_the_names_that_prometheus_gives(arguments, expected):
    """By the default OTLP translation."""
    assert promql(*arguments) == expected
