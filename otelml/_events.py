"""Log events of predictions and labels, and the span of a label."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import Context, attach
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from otelml import _attributes, semconv
from otelml._context import detach
from otelml._deferred import DeferredSpan
from otelml._record import PredictionRecord
from otelml.windows.snapshot import table

if TYPE_CHECKING:
    from otelml._feedback import FeedbackRecord
    from otelml._runtime import Runtime
    from otelml.config import LogOptions

_prediction_log = logging.getLogger("otelml.prediction")
_feedback_log = logging.getLogger("otelml.feedback")
_logger = logging.getLogger("otelml")
_EVENT_NAME = "otel.event.name"  # the key that the logging handler turns into the record's field
_MAX_FEATURES = 100
_SHORT = 1000
CLEAN_PARTS = "_otelml_clean_parts"
"""Attribute of a log record whose message and fields need no cleaning."""


def _write(
    logger: logging.Logger,
    level: int,
    message: str,
    extra: Mapping[str, Any],
    span: trace.Span | None,
    time_ns: int,
    *,
    is_clean: bool = False,
) -> None:
    """Log a record as if at ``time_ns`` inside ``span``.

    Args:
        logger: The logger.
        level: The level.
        message: The message, complete.
        extra: Further fields.
        span: Whose ids the record has.
        time_ns: Nanoseconds since the epoch.
        is_clean: Whether ``extra`` holds short texts and finite numbers alone, so that our
            handlers need not look at each.
    """
    if not logger.isEnabledFor(level):
        return
    record = logger.makeRecord(
        logger.name, level, "otelml", 0, message, (), None, extra=dict(extra)
    )
    record.created = time_ns / 1e9
    record.msecs = (time_ns // 1_000_000) % 1000
    if is_clean:
        fields = {key: value for key, value in extra.items() if key != _EVENT_NAME}
        # With its size: a filter of the application's may add fields, which then need a look.
        size = len(record.__dict__) + 1
        record.__dict__[CLEAN_PARTS] = (size, message, fields, extra.get(_EVENT_NAME))
    token = attach(trace.set_span_in_context(span, Context())) if span is not None else None
    try:
        logger.handle(record)
    finally:
        detach(token)


def warn(prediction: PredictionRecord, message: str, *args: object) -> None:
    """Warn about a prediction, with its ids."""
    _write(_logger, logging.WARNING, message % args, {}, prediction.span, time.time_ns())


def log_prediction(
    prediction: PredictionRecord, attributes: Mapping[str, Any], options: LogOptions
) -> None:
    """Log the ``ml.prediction`` event, and the exception of a failed one."""
    extra = dict(attributes)
    extra[semconv.ML_PREDICTION_DURATION.name] = (prediction.end_ns - prediction.start_ns) / 1e9
    if options.features:
        extra[semconv.ML_FEATURES] = _features(prediction, options)
    level = logging.ERROR if prediction.error else logging.INFO
    extra[_EVENT_NAME] = semconv.EVENT_PREDICTION
    label = attributes.get(semconv.ML_PREDICTION_LABEL, "done")
    result = "failed" if prediction.error else label
    message = f"prediction of {prediction.model}: {result}"
    clean = not options.features and all(
        type(value) is not str or (value.isascii() and len(value) < _SHORT)
        for value in (message, *extra.values())
    )
    _write(
        _prediction_log, level, message, extra, prediction.span, prediction.end_ns, is_clean=clean
    )
    if prediction.exception is not None:
        _log_exception(prediction, prediction.exception)


def _log_exception(prediction: PredictionRecord, error: BaseException) -> None:
    extra: dict[str, Any] = {
        _EVENT_NAME: semconv.EVENT_EXCEPTION,
        semconv.EXCEPTION_TYPE: prediction.error,
        semconv.EXCEPTION_MESSAGE: _attributes.description_of(prediction).partition(": ")[2],
        semconv.EXCEPTION_STACKTRACE: "".join(traceback.format_exception(error)),
    }
    message = f"prediction of {prediction.model} raised {prediction.error}"
    _write(_prediction_log, logging.ERROR, message, extra, prediction.span, prediction.end_ns)


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


def log_conflict(record: FeedbackRecord) -> None:
    """Log that one source gave two labels for one prediction."""
    result = record.result
    extra = {
        _EVENT_NAME: semconv.EVENT_FEEDBACK_CONFLICT,
        semconv.ML_MODEL_NAME: result.model,
        semconv.ML_LABEL_ACTUAL: result.actual,
        semconv.ML_FEEDBACK_SOURCE: record.source,
    }
    message = (
        f"two labels from {record.source} for one prediction of {result.model}: "
        f"{record.previous}, now {result.actual}"
    )
    span = trace.NonRecordingSpan(_context_of(record))
    _write(_feedback_log, logging.WARNING, message, extra, span, time.time_ns())


def _context_of(record: FeedbackRecord) -> SpanContext:
    token = record.token
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(token.trace_id, token.span_id, is_remote=True, trace_flags=flags)


class FeedbackSpans:
    """Makes the span of a label: a trace of its own, linked to the prediction's.

    Args:
        runtime: Gives the way to make spans.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def emit(self, record: FeedbackRecord) -> None:
        """Emit the span."""
        spans = self._runtime.choose_spans()
        target = _context_of(record)
        links = (Link(target),) if target.is_valid and record.token.traced else ()
        name = semconv.SPAN_FEEDBACK.format(model=record.token.model)
        now = time.time_ns()
        span = spans.start(name, Context(), now, links)
        if not span.is_recording():
            return
        attributes = self._attributes(record)
        end = max(time.time_ns(), now + 1)  # a span of no length is a negative one to Jaeger
        if isinstance(span, DeferredSpan):
            spans.end(span, end)
            span.complete(attributes, None)
            return
        span.set_attributes(attributes)
        span.set_status(Status(StatusCode.UNSET))
        spans.end(span, end)

    @staticmethod
    def _attributes(record: FeedbackRecord) -> dict[str, Any]:
        token, result = record.token, record.result
        attributes: dict[str, Any] = {
            semconv.ML_MODEL_NAME: token.model,
            semconv.ML_FEEDBACK_SOURCE: record.source,
            semconv.ML_FEEDBACK_DELAY_ATTRIBUTE: result.delay_s,
            semconv.ML_LABEL_ACTUAL: result.actual,
            semconv.ML_FEEDBACK_OUTCOME: result.outcome,
        }
        if token.version:
            attributes[semconv.ML_MODEL_VERSION] = token.version
        if token.variant:
            attributes[semconv.ML_MODEL_VARIANT] = token.variant
        if token.label:
            attributes[semconv.ML_LABEL_PREDICTED] = token.label
        if record.reviewer:
            attributes[semconv.ML_FEEDBACK_REVIEWER] = record.reviewer
        return attributes
