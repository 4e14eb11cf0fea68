"""What tells one stream of a metric from another: the part that names the model."""

from __future__ import annotations

from otelml import semconv
from otelml._metrics.cardinality import Key
from otelml._records.prediction import PredictionRecord
from otelml._records.request import FailedRequest


def model_key(record: PredictionRecord | FailedRequest) -> Key:
    """Return the model part of a metric stream: name and version."""
    return (
        (semconv.ML_MODEL_NAME, record.model),
        (semconv.ML_MODEL_VERSION, record.version),
    )


def variant_key(record: PredictionRecord | FailedRequest) -> Key:
    """Return the model part of a metric stream, with the variant where there is one."""
    if record.variant:
        return (*model_key(record), (semconv.ML_MODEL_VARIANT, record.variant))
    return model_key(record)
