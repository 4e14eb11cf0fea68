"""Ending the spans of a prediction: on the spot, or later on the worker, with the same result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Status, StatusCode

from otelml import _attributes
from otelml._deferred import DeferredSpan

if TYPE_CHECKING:
    from otelml._stage import Stage
    from otelml.prediction import Prediction


class LateStage(NamedTuple):
    """A stage that ended after its prediction."""

    owner: Prediction
    stage: Stage


def end_stage(owner: Prediction, stage: Stage) -> None:
    """End a stage's span; the deferred kind is completed on the worker."""
    span = stage.span
    if span is None:
        return
    if not owner.spans.deferred:
        span.set_attributes(_attributes.of_stage(owner, stage))
        if stage.error:
            span.set_status(Status(StatusCode.ERROR))
    owner.spans.end(span, stage.end_ns)


def end_prediction(owner: Prediction) -> None:
    """End a prediction's span; the deferred kind is completed on the worker."""
    span = owner.span
    if not owner.spans.deferred:
        infer_spans(owner)
        span.set_attributes(_attributes.of_prediction(owner, _attributes.results_of(owner)))
        status = _status(owner)
        if status is not None:
            span.set_status(status)
    owner.spans.end(span, owner.end_ns)


def infer_spans(owner: Prediction) -> None:
    """Make the spans of stages that were inferred, below the prediction's."""
    context = trace.set_span_in_context(owner.span, Context())
    for stage in owner.stages:
        if stage.inferred and stage.span is None:
            stage.span = owner.spans.start(stage.name, context, stage.start_ns)
            end_stage(owner, stage)


def complete(owner: Prediction, attributes: Mapping[str, Any]) -> None:
    """Complete the deferred spans of a prediction and hand them over, in the order they ended.

    Args:
        owner: The prediction.
        attributes: Those of its own span.
    """
    if not owner.records or not owner.spans.deferred:
        return
    infer_spans(owner)
    for stage in owner.stages:
        complete_stage(owner, stage)
    if isinstance(owner.span, DeferredSpan):
        owner.span.complete(attributes, _status(owner))


def complete_stage(owner: Prediction, stage: Stage) -> None:
    """Complete the deferred span of one stage and hand it over."""
    if isinstance(stage.span, DeferredSpan):
        status = Status(StatusCode.ERROR) if stage.error else None
        stage.span.complete(_attributes.of_stage(owner, stage), status)


def _status(owner: Prediction) -> Status | None:
    if not owner.error:
        return None
    return Status(StatusCode.ERROR, _attributes.description_of(owner))
