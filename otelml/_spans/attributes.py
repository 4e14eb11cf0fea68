"""Attributes of the spans of a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from otelml import _guard, semconv
from otelml._privacy import Cleaned, current_policy
from otelml._records.prediction import PredictionRecord, StageRecord
from otelml._records.results import Results


def model_attributes(record: PredictionRecord) -> dict[str, Any]:
    """Return the attributes that every span of a prediction has."""
    return _of_model(record.model, record.version, record.variant)


def _of_model(model: str, version: str, variant: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {semconv.ML_MODEL_NAME: model}
    if version:
        attributes[semconv.ML_MODEL_VERSION] = version
    if variant:
        attributes[semconv.ML_MODEL_VARIANT] = variant
    return attributes


def stage_attributes(record: PredictionRecord, stage: StageRecord) -> Mapping[str, Any]:
    """Return the attributes of a stage's span: one object for equal stages, never changed."""
    return _of_stage(
        record.model, record.version, record.variant, stage.name, stage.inferred, stage.error
    )


class SharedAttributes(dict[str, Any]):
    """Attributes that many spans have in one object; nobody changes them."""


@lru_cache(maxsize=1024)
def _of_stage(
    model: str, version: str, variant: str, stage: str, inferred: bool, error: str
) -> Mapping[str, Any]:
    attributes = SharedAttributes(_of_model(model, version, variant))
    attributes[semconv.ML_STAGE_NAME] = stage
    if inferred:
        attributes[semconv.ML_STAGE_INFERRED] = True
    if error:
        attributes[semconv.ERROR_TYPE] = error
    return attributes


def prediction_attributes(
    record: PredictionRecord, results: Results, id_text: str
) -> dict[str, Any]:
    """Return the attributes of a prediction's span."""
    attributes = model_attributes(record)
    attributes[semconv.ML_PREDICTION_ROWS_ATTRIBUTE] = record.rows
    if id_text:
        attributes[semconv.ML_PREDICTION_ID] = id_text
    if record.framework:
        attributes[semconv.ML_MODEL_FRAMEWORK] = record.framework
    if record.features is not None:
        width = feature_count(record.features.data)
        if width is not None:
            attributes[semconv.ML_FEATURE_COUNT] = width
    if any(stage.inferred for stage in record.stages):
        attributes[semconv.ML_PREDICTION_INFERRED_STAGES] = True
    _add_result(attributes, results)
    if record.error:
        attributes[semconv.ERROR_TYPE] = record.error
    return attributes


def _add_result(attributes: dict[str, Any], results: Results) -> None:
    labels, values = results.labels, results.values
    if len(labels) == 1 or (labels and len(set(labels)) == 1):
        attributes[semconv.ML_PREDICTION_LABEL] = labels[0]
    if values is not None and len(values) == 1 and np.isfinite(values[0]):
        attributes[semconv.ML_PREDICTION_VALUE_ATTRIBUTE] = float(values[0])
    if results.confidence is not None:
        # The least sure row of a batch is the one worth finding.
        attributes[semconv.ML_PREDICTION_CONFIDENCE_ATTRIBUTE] = results.confidence


def feature_count(data: Any) -> int | None:
    """Return how many features a copy of them has; None where that is not known."""
    if isinstance(data, dict):
        return len(data)
    shape = getattr(data, "shape", None)
    if shape is not None:
        return int(shape[-1])
    if isinstance(data, list) and data:
        return len(data[0])
    return len(data) if isinstance(data, tuple) else None


def status_description(record: PredictionRecord) -> str:
    """Return the description of a failed prediction's status, as the SDK words it."""
    error = record.exception
    if error is None:
        return record.error
    text = _guard.quietly(str, error)  # a hostile __str__ must not cost the span
    if text is None:
        return Cleaned(type(error).__name__)
    policy = current_policy()
    said = f"{type(error).__name__}: {policy.message_of(error, text)}"
    return Cleaned(said) if policy.is_private else said
