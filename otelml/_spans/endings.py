"""Ending the spans of a prediction: on the spot, or later on the worker, with the same result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from opentelemetry.context import Context
from opentelemetry.trace import Status, StatusCode

from otelml._records.prediction import PredictionRecord, StageRecord
from otelml._records.results import Results
from otelml._spans.attributes import prediction_attributes, stage_attributes, status_description
from otelml._spans.current import with_span
from otelml._spans.deferred import DeferredSpan


class LateStage(NamedTuple):
    """A stage that ended after its prediction."""

    prediction: PredictionRecord
    stage: StageRecord


def end_stage(record: PredictionRecord, stage: StageRecord) -> None:
    """End a stage's span; the deferred kind is completed on the worker."""
    span = stage.span
    if span is None:
        return
    if not record.spans.deferred:
        span.set_attributes(stage_attributes(record, stage))
        if stage.error:
            span.set_status(Status(StatusCode.ERROR))
    record.spans.end(span, stage.end_ns)


def end_now(record: PredictionRecord, results: Results, id_text: str) -> None:
    """End the ordinary span of a prediction, and make those of its inferred stages."""
    infer_spans(record)
    record.span.set_attributes(prediction_attributes(record, results, id_text))
    status = _status(record)
    if status is not None:
        record.span.set_status(status)
    record.spans.end(record.span, record.end_ns)


def complete_spans(record: PredictionRecord, attributes: Mapping[str, Any]) -> None:
    """Complete the deferred spans of a prediction and hand them over, in the order they ended.

    Args:
        record: The prediction.
        attributes: Those of its own span.
    """
    if not record.records or not record.spans.deferred:
        return
    infer_spans(record)
    for stage in record.stages:
        complete_stage(record, stage)
    if isinstance(record.span, DeferredSpan):
        record.span.complete(attributes, _status(record))


def complete_stage(record: PredictionRecord, stage: StageRecord) -> None:
    """Complete the deferred span of one stage and hand it over."""
    if isinstance(stage.span, DeferredSpan):
        status = Status(StatusCode.ERROR) if stage.error else None
        stage.span.complete(stage_attributes(record, stage), status)


def infer_spans(record: PredictionRecord) -> None:
    """Make the spans of stages that were inferred, below the prediction's."""
    context: Context | None = None
    for stage in record.stages:
        if stage.inferred and stage.span is None:
            context = context or with_span(Context(), record.span)
            stage.span = record.spans.start(stage.name, context, stage.start_ns)
            end_stage(record, stage)


def _status(record: PredictionRecord) -> Status | None:
    if not record.error:
        return None
    return Status(StatusCode.ERROR, status_description(record))
