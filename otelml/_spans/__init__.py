"""Spans that are cheap on the request thread, and how a prediction ends its own."""

from __future__ import annotations

from otelml._spans.attributes import (
    SharedAttributes,
    feature_count,
    prediction_attributes,
    status_description,
)
from otelml._spans.choice import (
    AutoSpans,
    OrdinarySpans,
    create_deferred_spans,
    create_spans,
    create_tracer,
)
from otelml._spans.current import SPAN_KEY, attach, get_current, reset, with_span
from otelml._spans.deferred import UNSET, DeferredSpan, DeferredSpans
from otelml._spans.endings import (
    LateStage,
    complete_spans,
    complete_stage,
    end_now,
    end_stage,
)
from otelml._spans.incoming import INCOMING_KEY, links_of
from otelml._spans.marks import Mark, Marks, Template, TextTemplate, field
from otelml._spans.templates import (
    ID_ATTRIBUTES,
    NUMBER_ATTRIBUTES,
    EncodedSink,
    Sinks,
    build_template,
    outline,
)

__all__ = [
    "ID_ATTRIBUTES",
    "INCOMING_KEY",
    "NUMBER_ATTRIBUTES",
    "SPAN_KEY",
    "UNSET",
    "AutoSpans",
    "DeferredSpan",
    "DeferredSpans",
    "EncodedSink",
    "LateStage",
    "Mark",
    "Marks",
    "OrdinarySpans",
    "SharedAttributes",
    "Sinks",
    "Template",
    "TextTemplate",
    "attach",
    "build_template",
    "complete_spans",
    "complete_stage",
    "create_deferred_spans",
    "create_spans",
    "create_tracer",
    "end_now",
    "end_stage",
    "feature_count",
    "field",
    "get_current",
    "links_of",
    "outline",
    "prediction_attributes",
    "reset",
    "status_description",
    "with_span",
]
