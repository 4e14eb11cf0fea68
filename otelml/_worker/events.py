"""Log events of predictions."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Mapping
from typing import Any

from otelml import semconv
from otelml._features import table
from otelml._records.prediction import PredictionRecord
from otelml._spans import status_description
from otelml._worker.log_records import EVENT_NAME, write_record
from otelml.config import LogOptions

_prediction_log = logging.getLogger("otelml.prediction")
_logger = logging.getLogger("otelml")
_MAX_FEATURES = 100
_SHORT = 1000


def warn(prediction: PredictionRecord, message: str, *args: object) -> None:
    """Warn about a prediction, with its ids."""
    extra = _model(prediction)
    write_record(_logger, logging.WARNING, message % args, extra, prediction.span, time.time_ns())


def log_prediction(
    prediction: PredictionRecord, attributes: Mapping[str, Any], options: LogOptions
) -> None:
    """Log the ``ml.prediction`` event, and the exception of a failed one."""
    extra = dict(attributes)
    extra[semconv.ML_PREDICTION_DURATION.name] = (prediction.end_ns - prediction.start_ns) / 1e9
    if options.features:
        extra[semconv.ML_FEATURES] = _features(prediction, options)
    level = logging.ERROR if prediction.error else logging.INFO
    extra[EVENT_NAME] = semconv.EVENT_PREDICTION
    label = attributes.get(semconv.ML_PREDICTION_LABEL, "done")
    result = "failed" if prediction.error else label
    message = f"prediction of {prediction.model}: {result}"
    clean = not options.features and all(
        type(value) is not str or (value.isascii() and len(value) < _SHORT)
        for value in (message, *extra.values())
    )
    write_record(
        _prediction_log, level, message, extra, prediction.span, prediction.end_ns, is_clean=clean
    )
    if prediction.exception is not None:
        _log_exception(prediction, prediction.exception)


def _log_exception(prediction: PredictionRecord, error: BaseException) -> None:
    extra: dict[str, Any] = {
        **_model(prediction),
        EVENT_NAME: semconv.EVENT_EXCEPTION,
        semconv.EXCEPTION_TYPE: prediction.error,
        semconv.EXCEPTION_MESSAGE: status_description(prediction).partition(": ")[2],
        semconv.EXCEPTION_STACKTRACE: "".join(traceback.format_exception(error)),
    }
    message = f"prediction of {prediction.model} raised {prediction.error}"
    write_record(_prediction_log, logging.ERROR, message, extra, prediction.span, prediction.end_ns)


def _model(prediction: PredictionRecord) -> dict[str, str]:
    """Return the fields by which lines of a model are found."""
    fields = {
        semconv.ML_MODEL_NAME: prediction.model,
        semconv.ML_MODEL_VERSION: prediction.version,
        semconv.ML_MODEL_VARIANT: prediction.variant,
    }
    return {name: value for name, value in fields.items() if value}


def _features(prediction: PredictionRecord, options: LogOptions) -> dict[str, Any]:
    data = prediction.features.data if prediction.features is not None else None
    if isinstance(data, dict):
        pairs = list(data.items())
    else:
        columns = table(data)
        if columns is None or not len(columns.values):
            return {}
        names = columns.names or prediction.feature_names or range(columns.values.shape[1])
        pairs = list(zip(names, columns.values[-1].tolist(), strict=False))
    hidden = set(options.redact)
    return {str(n): "[redacted]" if str(n) in hidden else v for n, v in pairs[:_MAX_FEATURES]}
