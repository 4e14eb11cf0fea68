"""Log events of predictions."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from otelml import _guard, semconv
from otelml._features import table
from otelml._guard import quietly
from otelml._privacy import HIDDEN, current_policy
from otelml._records.prediction import PredictionRecord
from otelml._spans import ID_ATTRIBUTES, NUMBER_ATTRIBUTES, Mark, Marks, status_description
from otelml._worker.log_records import (
    EVENT_NAME,
    EventTemplate,
    EventWriter,
    event_writer,
    make_record,
    write_record,
)
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
    seconds = (prediction.end_ns - prediction.start_ns) / 1e9
    level, message, extra = _event(prediction, attributes, seconds)
    if options.features:
        extra[semconv.ML_FEATURES] = _features(prediction)
    write_record(
        _prediction_log,
        level,
        message,
        extra,
        prediction.span,
        prediction.end_ns,
        is_clean=not options.features and _is_clean(message, extra),
    )
    if prediction.exception is not None:
        _log_exception(prediction, prediction.exception)


def _event(
    prediction: PredictionRecord, attributes: Mapping[str, Any], seconds: float
) -> tuple[int, str, dict[str, Any]]:
    """Return level, message and fields of the event of a prediction."""
    extra = dict(attributes)
    extra[semconv.ML_PREDICTION_DURATION.name] = seconds
    extra[EVENT_NAME] = semconv.EVENT_PREDICTION
    level = logging.ERROR if prediction.error else logging.INFO
    label = attributes.get(semconv.ML_PREDICTION_LABEL, "done")
    result = "failed" if prediction.error else label
    return level, f"prediction of {prediction.model}: {result}", extra


def _is_clean(message: str, extra: Mapping[str, Any]) -> bool:
    texts = [message, *(value for value in extra.values() if type(value) is str)]
    return "".join(texts).isascii() and max(map(len, texts)) < _SHORT


class EventLines:
    """Writes the events of planned predictions, from a template where that can be done."""

    def __init__(self) -> None:
        self._looked = False
        self._writer: EventWriter | None = None
        self._holds_for: object = None

    def after_chunk(self) -> None:
        """Write what waits; how logging is configured is looked at anew."""
        if self._looked and self._writer is not None:
            self._writer.flush()
        self._looked = False

    def clear(self) -> None:
        """Let go of what waits, in a child."""
        self._looked = False
        if event_writer.value is not None:
            event_writer.value.forget()

    def write(self, plan: EventPlan, record: PredictionRecord, values: Sequence[Any]) -> bool:
        """Log the event of a prediction; False where that takes a record.

        Args:
            plan: What it has in common with others.
            record: The prediction.
            values: Its id, value and confidence, those that there are.
        """
        if not self._looked:
            self._looked = True
            self._writer = writer = event_writer.value
            opened = writer.open(_prediction_log, logging.INFO) if writer is not None else None
            self._holds_for = opened
        holds_for = self._holds_for
        if holds_for is None or self._writer is None:
            return False
        if plan.holds_for is not holds_for:
            plan.holds_for = holds_for
            plan.template = _guard.quietly(plan.make, self._writer, holds_for)
        if plan.template is None:
            return False
        trace_id, span_id, *_ = record.span.get_span_context()
        seconds = (record.end_ns - record.start_ns) / 1e9
        plan.template.write(record.end_ns, trace_id, span_id, (*values, seconds))
        return True


class EventPlan:
    """The log event that predictions have in common.

    Args:
        prediction: One of them.
        attributes: Those of its span.
    """

    __slots__ = ("_attributes", "_flags", "_names", "holds_for", "template")

    def __init__(self, prediction: PredictionRecord, attributes: Mapping[str, Any]) -> None:
        self._attributes = dict(attributes)
        self._names = (prediction.model, prediction.version, prediction.variant)
        self._flags = int(prediction.span.get_span_context().trace_flags)
        self.holds_for: object = None
        self.template: EventTemplate | None = None

    def make(self, writer: EventWriter, holds_for: object) -> EventTemplate:
        """Return the template.

        Raises:
            ValueError: It cannot be had.
        """
        return writer.template(holds_for, self._specimen, self._flags)

    def _specimen(self, time_ns: int, marks: Marks) -> tuple[logging.LogRecord, list[Mark]]:
        found: list[Mark] = []
        attributes = dict(self._attributes)
        for key, value in attributes.items():
            if key in ID_ATTRIBUTES:
                found.append(marks.id(len(value)))
                attributes[key] = found[-1].value.decode()
            elif key in NUMBER_ATTRIBUTES:
                found.append(marks.number())
                attributes[key] = found[-1].value
        found.append(marks.number())
        prediction = PredictionRecord(*self._names)
        level, message, extra = _event(prediction, attributes, found[-1].value)
        clean = _is_clean(message, extra)
        made = make_record(_prediction_log, level, message, extra, time_ns, is_clean=clean)
        return made, found


def _log_exception(prediction: PredictionRecord, error: BaseException) -> None:
    text = quietly(str, error) or ""
    stack = current_policy().trace_of(error, "".join(traceback.format_exception(error)), text)
    extra: dict[str, Any] = {
        **_model(prediction),
        EVENT_NAME: semconv.EVENT_EXCEPTION,
        semconv.EXCEPTION_TYPE: prediction.error,
        semconv.EXCEPTION_MESSAGE: status_description(prediction).partition(": ")[2],
        semconv.EXCEPTION_STACKTRACE: stack,
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


def last_features(prediction: PredictionRecord) -> list[tuple[Any, Any]]:
    """Return names and values of the last row's features, at most 100."""
    data = prediction.features.data if prediction.features is not None else None
    if isinstance(data, dict):
        pairs = list(data.items())
    else:
        columns = table(data)
        if columns is None or not len(columns.values):
            return []
        names = columns.names or prediction.feature_names or range(columns.values.shape[1])
        pairs = list(zip(names, columns.values[-1].tolist(), strict=False))
    return pairs[:_MAX_FEATURES]


def _features(prediction: PredictionRecord) -> dict[str, Any]:
    shown = current_policy().shows_value
    pairs = last_features(prediction)
    return {str(n): v if shown(str(n)) else HIDDEN for n, v in pairs}
