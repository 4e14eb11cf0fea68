"""The questions that the web API asks the store, one subject a module."""

from __future__ import annotations

from otelml.viewer.queries.logs import list_logs
from otelml.viewer.queries.metrics import list_metrics, query_metric
from otelml.viewer.queries.model import get_model
from otelml.viewer.queries.models import list_models
from otelml.viewer.queries.predictions import list_predictions
from otelml.viewer.queries.search import search_all
from otelml.viewer.queries.trace import get_trace
from otelml.viewer.queries.traces import list_traces, services
from otelml.viewer.queries.window import BadParameterError, NotFoundError, oldest_ms

__all__ = [
    "BadParameterError",
    "NotFoundError",
    "get_model",
    "get_trace",
    "list_logs",
    "list_metrics",
    "list_models",
    "list_predictions",
    "list_traces",
    "oldest_ms",
    "query_metric",
    "search_all",
    "services",
]
