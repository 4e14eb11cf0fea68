"""OTLP spans to rows."""

from __future__ import annotations

import time
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otelml import semconv
from otelml.viewer.decode.ids import is_span_id, valid_ids
from otelml.viewer.decode.origin import origin_of
from otelml.viewer.records import (
    FEEDBACK,
    MAX_INT64,
    PREDICTION,
    STAGE,
    Batch,
    Origin,
    SpanRow,
    label,
    plain,
)

_PREDICT_PREFIX = semconv.SPAN_PREDICT.partition("{")[0]
_FEEDBACK_PREFIX = semconv.SPAN_FEEDBACK.partition("{")[0]
_RESULT_KEYS = frozenset(
    {
        semconv.ML_PREDICTION_ID,
        semconv.ML_PREDICTION_LABEL,
        semconv.ML_PREDICTION_VALUE_ATTRIBUTE,
        semconv.ML_PREDICTION_CONFIDENCE_ATTRIBUTE,
        semconv.ML_PREDICTION_ROWS_ATTRIBUTE,
    }
)
_WANTED = _RESULT_KEYS | {
    semconv.ML_MODEL_NAME,
    semconv.ML_MODEL_VERSION,
    semconv.ML_MODEL_VARIANT,
    semconv.ML_MODEL_FRAMEWORK,
    semconv.ML_STAGE_NAME,
    semconv.ML_STAGE_INFERRED,
    semconv.ML_LABEL_ACTUAL,
    semconv.ML_LABEL_PREDICTED,
    semconv.ML_FEEDBACK_OUTCOME,
    semconv.ERROR_TYPE,
}


def decode_traces(request: ExportTraceServiceRequest, now_ns: int | None = None) -> Batch:
    """Return the request's spans as rows; spans with an invalid id are rejected and counted."""
    batch = Batch()
    received_ns = time.time_ns() if now_ns is None else now_ns
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            origin = origin_of(resource_spans.resource, scope_spans.scope)
            for span in scope_spans.spans:
                if not valid_ids(span.trace_id, span.span_id):
                    batch.reject("a span has no valid trace id or span id")
                    continue
                batch.spans.append(_row(span, origin, received_ns))
    _inherit_models(batch.spans)
    return batch


def _row(span: Span, origin: Origin, received_ns: int) -> SpanRow:
    start_ns = span.start_time_unix_nano
    if not 0 < start_ns <= MAX_INT64:
        start_ns = received_ns
    duration_ns = min(max(0, span.end_time_unix_nano - start_ns), MAX_INT64 - start_ns)
    parent_id = span.parent_span_id
    row = SpanRow(
        span.trace_id,
        span.span_id,
        parent_id if is_span_id(parent_id) else None,
        span.name,
        span.kind,
        start_ns,
        duration_ns,
        span.status.code == Status.STATUS_CODE_ERROR,
        span.SerializeToString(),
        origin,
    )
    if span.links:
        row.links = [
            (each.trace_id, each.span_id)
            for each in span.links
            if valid_ids(each.trace_id, each.span_id)
        ]
    found = {pair.key: plain(pair.value) for pair in span.attributes if pair.key in _WANTED}
    if found or row.name.startswith(_PREDICT_PREFIX) or row.name in semconv.STAGES:
        _classify(row, found)
    return row


def _classify(row: SpanRow, found: dict[str, Any]) -> None:
    row.model = label(found.get(semconv.ML_MODEL_NAME) or "")
    row.version = label(found.get(semconv.ML_MODEL_VERSION) or "")
    row.variant = label(found.get(semconv.ML_MODEL_VARIANT) or "")
    row.ml = found
    stage = found.get(semconv.ML_STAGE_NAME)
    if stage or row.name in semconv.STAGES:
        row.role = STAGE
        row.stage = label(stage or row.name)
    elif row.name.startswith(_FEEDBACK_PREFIX) and row.model:
        row.role = FEEDBACK
    elif row.name.startswith(_PREDICT_PREFIX) or (row.model and not _RESULT_KEYS.isdisjoint(found)):
        row.role = PREDICTION
        row.model = row.model or row.name[len(_PREDICT_PREFIX) :]


def _inherit_models(rows: list[SpanRow]) -> None:
    """Give stages that name no model that of their prediction, where it came with them."""
    orphans = [row for row in rows if row.role == STAGE and not row.model]
    if not orphans:
        return
    predictions = {(r.trace_id, r.span_id): r for r in rows if r.role == PREDICTION}
    for row in orphans:
        parent = predictions.get((row.trace_id, row.parent_id or b""))
        if parent is not None:
            row.model, row.version, row.variant = parent.model, parent.version, parent.variant
