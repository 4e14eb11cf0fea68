"""What the worker does with a label: its span, its log event, its measurements."""

from __future__ import annotations

import logging
import time
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from otelml import semconv, semconv_quality
from otelml._feedback import FeedbackRecord, RejectedRecord
from otelml._metrics import Instruments, Key, Sums
from otelml._prediction import Runtime
from otelml._spans import DeferredSpan
from otelml._worker.label_counts import LabelCounts
from otelml._worker.log_records import EVENT_NAME, write_record

_feedback_log = logging.getLogger("otelml.feedback")


class Labels:
    """Turns labels into spans, log events and measurements.

    Args:
        runtime: Gives the way to make spans.
        instruments: None where metrics are turned off.
        sums: Counts that are written a chunk at a time.
    """

    def __init__(self, runtime: Runtime, instruments: Instruments | None, sums: Sums) -> None:
        self._runtime = runtime
        self._to = instruments
        self._sums = sums
        self._counts = None if instruments is None else LabelCounts(instruments, sums)

    def take(self, record: FeedbackRecord) -> None:
        """Take one label."""
        _emit_span(record, self._runtime.choose_spans())
        if record.result.outcome == semconv.OUTCOME_CONFLICT:
            _log_conflict(record)
        if self._to is not None:
            self._measure(record, self._to)

    def reject(self, record: RejectedRecord) -> None:
        """Count a label that was refused."""
        if self._to is not None:
            self._count_rejected(self._to, record.reason)

    def _count_rejected(self, to: Instruments, reason: str) -> None:
        self._sums.add(to.feedback_rejected, ((semconv.ML_FEEDBACK_REASON, reason),))

    def _measure(self, record: FeedbackRecord, to: Instruments) -> None:
        result = record.result
        if result.outcome == semconv.OUTCOME_DUPLICATE:
            self._count_rejected(to, "duplicate")
            return
        if record.differs:
            self._count_difference(record, to)
        if result.outcome == semconv.OUTCOME_CONFLICT:
            # The first label is counted and a counter cannot take it back: two would be too many.
            self._count_rejected(to, "conflict")
            return
        key = model_of(record)
        origin = (semconv.ML_FEEDBACK_SOURCE, record.source)
        to.feedback_delay.write(result.delay_s, (*key, origin))
        if self._counts is not None:
            self._counts.add(record, key)

    def _count_difference(self, record: FeedbackRecord, to: Instruments) -> None:
        key: Key = (
            *model_of(record),
            (semconv.ML_FEEDBACK_SOURCE, record.source),
            (semconv_quality.ML_FEEDBACK_DECIDED_BY, record.decided_by),
        )
        self._sums.add(to.feedback_disagreements, key)


def model_of(record: FeedbackRecord) -> Key:
    """Return the attributes of the model that a label is for."""
    token = record.token
    key: Key = ((semconv.ML_MODEL_NAME, token.model), (semconv.ML_MODEL_VERSION, token.version))
    return (*key, (semconv.ML_MODEL_VARIANT, token.variant)) if token.variant else key


def _log_conflict(record: FeedbackRecord) -> None:
    """Log that one source gave two labels for one prediction."""
    result = record.result
    extra = {
        EVENT_NAME: semconv.EVENT_FEEDBACK_CONFLICT,
        semconv.ML_MODEL_NAME: result.model,
        semconv.ML_LABEL_ACTUAL: result.actual,
        semconv.ML_FEEDBACK_SOURCE: record.source,
    }
    if result.version:
        extra[semconv.ML_MODEL_VERSION] = result.version
    if record.token.variant:
        extra[semconv.ML_MODEL_VARIANT] = record.token.variant
    message = (
        f"two labels from {record.source} for one prediction of {result.model}: "
        f"{record.previous}, now {result.actual}"
    )
    span = trace.NonRecordingSpan(_context_of(record))
    write_record(_feedback_log, logging.WARNING, message, extra, span, time.time_ns())


def _context_of(record: FeedbackRecord) -> SpanContext:
    token = record.token
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(token.trace_id, token.span_id, is_remote=True, trace_flags=flags)


def _emit_span(record: FeedbackRecord, spans: Any) -> None:
    """Emit the span of a label, linked to the prediction's.

    It is a child of the request that brought the label, and sampled if that is; outside a request
    it is a trace of its own.
    """
    target = _context_of(record)
    links = (Link(target),) if target.is_valid and record.token.traced else ()
    name = semconv.SPAN_FEEDBACK.format(model=record.token.model)
    span = spans.start(name, record.context, record.start_ns, links)
    if not span.is_recording():
        return
    attributes = _attributes(record)
    if isinstance(span, DeferredSpan):
        spans.end(span, record.end_ns)
        span.complete(attributes, None)
        return
    span.set_attributes(attributes)
    span.set_status(Status(StatusCode.UNSET))
    spans.end(span, record.end_ns)


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
