"""What the other rooms hand to each other: rows of each signal, and OTLP values as plain ones."""

from __future__ import annotations

from otelml.viewer.records.rows import (
    COUNTER,
    FEEDBACK,
    GAUGE,
    HISTOGRAM,
    LEVELS,
    MAX_INT64,
    PREDICTION,
    STAGE,
    SUMMARY,
    UPDOWN,
    Batch,
    Buckets,
    Exemplar,
    LogRow,
    MetricRows,
    Origin,
    PointRow,
    SpanRow,
)
from otelml.viewer.records.values import (
    attribute_key,
    attributes,
    attributes_of,
    label,
    plain,
    text,
)

__all__ = [
    "COUNTER",
    "FEEDBACK",
    "GAUGE",
    "HISTOGRAM",
    "LEVELS",
    "MAX_INT64",
    "PREDICTION",
    "STAGE",
    "SUMMARY",
    "UPDOWN",
    "Batch",
    "Buckets",
    "Exemplar",
    "LogRow",
    "MetricRows",
    "Origin",
    "PointRow",
    "SpanRow",
    "attribute_key",
    "attributes",
    "attributes_of",
    "label",
    "plain",
    "text",
]
