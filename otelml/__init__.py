"""OpenTelemetry for services that serve machine-learning models.

One call, and a service emits traces, metrics and logs of its predictions::

    import otelml

    otelml.init("loan-api")
"""

from __future__ import annotations

from otelml._feedback import feedback
from otelml._prediction import Prediction as prediction  # noqa: N813 - read as a verb, `with prediction(...)`
from otelml._prediction import current_prediction, not_serving, predict, stage
from otelml._requests import register_model
from otelml._startup import Telemetry, init, shutdown
from otelml._version import __version__
from otelml.config import (
    CostOptions,
    DriftOptions,
    FeedbackOptions,
    LogOptions,
    MetricOptions,
    TraceOptions,
)

__all__ = [
    "CostOptions",
    "DriftOptions",
    "FeedbackOptions",
    "LogOptions",
    "MetricOptions",
    "Telemetry",
    "TraceOptions",
    "__version__",
    "current_prediction",
    "feedback",
    "init",
    "not_serving",
    "predict",
    "prediction",
    "register_model",
    "shutdown",
    "stage",
]
