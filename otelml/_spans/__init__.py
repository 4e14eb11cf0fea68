"""Spans that are cheap on the request thread, and how a prediction ends its own."""

from __future__ import annotations

from otelml._spans.attributes import SharedAttributes, prediction_attributes, status_description
from otelml._spans.choice import AutoSpans, OrdinarySpans, create_spans, create_tracer
from otelml._spans.deferred import DeferredSpan
from otelml._spans.endings import LateStage, complete_spans, complete_stage, end_now, end_stage

__all__ = [
    "AutoSpans",
    "DeferredSpan",
    "LateStage",
    "OrdinarySpans",
    "SharedAttributes",
    "complete_spans",
    "complete_stage",
    "create_spans",
    "create_tracer",
    "end_now",
    "end_stage",
    "prediction_attributes",
    "status_description",
]
