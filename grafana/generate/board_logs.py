"""The row of log lines that a dashboard ends with."""

from __future__ import annotations

from typing import Final

from grafana.generate.boards import Row
from grafana.generate.panels import LogsSpec, logs
from grafana.generate.shown_lines import OF_MODEL, OF_SERVICE

__all__ = ["model_row", "service_row"]

_EMPTY: Final = "no lines"


def service_row() -> Row:
    """Return the row of a service's lines."""
    spec = LogsSpec(
        "Log lines",
        "What the service logs, the newest first. A line leads to its trace in Jaeger.",
        OF_SERVICE,
        _EMPTY,
    )
    return Row("Logs", [logs(spec)])


def model_row() -> Row:
    """Return the row of a model's lines."""
    spec = LogsSpec(
        "Log lines",
        "Events of predictions and labels, the newest first: all that failed or had a low "
        "confidence, a sample of the others. A line leads to its trace in Jaeger.",
        OF_MODEL,
        _EMPTY,
        runbooks=("PredictionFailureRateHigh",),
    )
    return Row("Logs", [logs(spec)])
