"""Metrics of models that run beside the champion: names, units and attributes."""

from __future__ import annotations

from typing import Final

from otelml._metric import Kind, Metric
from otelml.semconv import ML_MODEL_NAME, ML_MODEL_VERSION

VARIANT_SHADOW: Final = "shadow"
ML_SHADOW_VERSION: Final = "ml.shadow.version"
ML_SHADOW_REASON: Final = "ml.shadow.reason"

REASON_QUEUE_FULL: Final = "queue_full"
REASON_TOO_MANY_ROWS: Final = "too_many_rows"
REASON_FAILED: Final = "failed"
REASON_NOT_COMPARABLE: Final = "not_comparable"

DISTANCE_BUCKETS: Final = (
    0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0,
    2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0, 10000.0,
)  # fmt: skip
"""A distance of probabilities ends at 1; one of values has the unit of the values."""

_PAIR = (ML_MODEL_NAME, ML_MODEL_VERSION, ML_SHADOW_VERSION)

ML_SHADOW_ROWS: Final = Metric(
    "ml.shadow.rows",
    Kind.OBSERVABLE_COUNTER,
    "{row}",
    "Rows for which the champion and the shadow both gave a label.",
    _PAIR,
)
ML_SHADOW_DISAGREEMENTS: Final = Metric(
    "ml.shadow.disagreements",
    Kind.OBSERVABLE_COUNTER,
    "{row}",
    "Rows for which the shadow gave another label than the champion.",
    _PAIR,
)
ML_SHADOW_DISTANCE: Final = Metric(
    "ml.shadow.distance",
    Kind.HISTOGRAM,
    "{distance}",
    "Distance of a row's two results: total variation of probabilities, difference of values.",
    _PAIR,
    DISTANCE_BUCKETS,
)
ML_SHADOW_DROPPED: Final = Metric(
    "ml.shadow.dropped",
    Kind.OBSERVABLE_COUNTER,
    "{prediction}",
    "Predictions of the champion that were not compared with the shadow.",
    (ML_MODEL_NAME, ML_SHADOW_VERSION, ML_SHADOW_REASON),
)

VARIANT_METRICS: Final = (
    ML_SHADOW_ROWS,
    ML_SHADOW_DISAGREEMENTS,
    ML_SHADOW_DISTANCE,
    ML_SHADOW_DROPPED,
)
