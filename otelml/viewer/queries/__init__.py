"""The questions that the web API asks the store, one subject a module."""

from __future__ import annotations

from otelml.viewer.queries.calls import get_calls
from otelml.viewer.queries.compare_models import compare_models
from otelml.viewer.queries.compare_traces import compare_traces
from otelml.viewer.queries.download import download_trace
from otelml.viewer.queries.drift import get_drift
from otelml.viewer.queries.drift_feature import get_drift_feature
from otelml.viewer.queries.logs import list_logs
from otelml.viewer.queries.metrics import list_metrics, query_metric
from otelml.viewer.queries.model import get_model
from otelml.viewer.queries.models import has_models, list_models
from otelml.viewer.queries.predictions import list_predictions
from otelml.viewer.queries.quality import get_quality
from otelml.viewer.queries.search import search_all
from otelml.viewer.queries.services import get_service, list_services
from otelml.viewer.queries.spans import list_spans
from otelml.viewer.queries.trace import get_trace, get_trace_version
from otelml.viewer.queries.trace_labels import get_trace_labels
from otelml.viewer.queries.traces import list_traces, services
from otelml.viewer.queries.window import BadParameterError, NotFoundError, oldest_ms

__all__ = [
    "BadParameterError",
    "NotFoundError",
    "compare_models",
    "compare_traces",
    "download_trace",
    "get_calls",
    "get_drift",
    "get_drift_feature",
    "get_model",
    "get_quality",
    "get_service",
    "get_trace",
    "get_trace_labels",
    "get_trace_version",
    "has_models",
    "list_logs",
    "list_metrics",
    "list_models",
    "list_predictions",
    "list_services",
    "list_spans",
    "list_traces",
    "oldest_ms",
    "query_metric",
    "search_all",
    "services",
]
