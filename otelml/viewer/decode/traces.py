"""OTLP spans to rows."""

from __future__ import annotations

import time
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otelml import semconv
from otelml.viewer.decode.ids import is_span_id, valid_ids
from otelml.viewer.decode.origin import origin_of
from otelml.viewer.decode.weight import HEAVY, LIGHT_BYTES, Heavy
from otelml.viewer.records import (
    CALLS,
    EXCESSIVE,
    FEEDBACK,
    PREDICTION,
    STAGE,
    TITLE_KEYS,
    Batch,
    SpanRow,
    label,
    peer_of,
    plain,
    times_of,
    title_of,
)

_PREDICT_PREFIX = semconv.SPAN_PREDICT.partition("{")[0]
_FEEDBACK_PREFIX = semconv.SPAN_FEEDBACK.partition("{")[0]
_KINDS = frozenset(Span.SpanKind.values())
_STATUS = frozenset(Status.StatusCode.values())
_is_heavy = Heavy(Span.DESCRIPTOR)
_FAILED = Status.STATUS_CODE_ERROR
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
_WANTED_OF_ROOT = _WANTED | TITLE_KEYS


def decode_traces(request: ExportTraceServiceRequest, now_ns: int | None = None) -> Batch:
    """Return the request's spans as rows; spans with an invalid id are rejected and counted."""
    batch = Batch()
    received_ns = time.time_ns() if now_ns is None else now_ns
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            origin = origin_of(resource_spans.resource, scope_spans.scope)
            for span in scope_spans.spans:
                ids = span.trace_id, span.span_id
                if not valid_ids(*ids):
                    batch.reject("a span has no valid trace id or span id")
                    continue
                kind, code = span.kind, span.status.code
                if kind not in _KINDS or code not in _STATUS:
                    batch.reject(f"a span's kind or status is none: {kind}, {code}")
                    continue
                raw = span.SerializeToString()
                if len(raw) > LIGHT_BYTES and _is_heavy(raw):
                    batch.reject(HEAVY, EXCESSIVE)
                    continue
                start_ns, duration_ns, timed = times_of(span, received_ns)
                row = SpanRow(
                    *ids,
                    None,
                    span.name,
                    kind,
                    start_ns,
                    duration_ns,
                    code == _FAILED,
                    raw,
                    origin,
                    timed=timed,
                )
                _fill(row, span)
                batch.spans.append(row)
    _inherit_models(batch.spans)
    return batch


def _fill(row: SpanRow, span: Span) -> None:
    """Set what a span has not always: a parent, links, a peer, and what its attributes say."""
    parent_id = span.parent_span_id
    wanted = _WANTED
    if is_span_id(parent_id):
        row.parent_id = parent_id
    else:
        wanted = _WANTED_OF_ROOT
    if row.kind in CALLS:
        row.peer = peer_of(span)
    if span.links:
        row.links = [
            (each.trace_id, each.span_id)
            for each in span.links
            if valid_ids(each.trace_id, each.span_id)
        ]
    found: dict[str, Any] = {}
    for pair in span.attributes:
        key = pair.key
        if key in wanted:
            found[key] = plain(pair.value)
    if wanted is _WANTED_OF_ROOT and found:
        row.title = title_of(row.name, found)
        found = {key: value for key, value in found.items() if key in _WANTED}
    if found or row.name.startswith(_PREDICT_PREFIX) or row.name in semconv.STAGES:
        _classify(row, found)


def _classify(row: SpanRow, found: dict[str, Any]) -> None:
    row.model = _name(found.get(semconv.ML_MODEL_NAME))
    row.version = _name(found.get(semconv.ML_MODEL_VERSION))
    row.variant = _name(found.get(semconv.ML_MODEL_VARIANT))
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


def _name(value: Any) -> str:
    """Return a name; a version of 0 is one."""
    return "" if value is None else label(value)


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
