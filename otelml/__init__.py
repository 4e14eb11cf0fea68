"""OpenTelemetry for services that serve machine-learning models.

One call, and a service emits traces, metrics and logs of its predictions::

    import otelml

    otelml.init("loan-api")
"""

from __future__ import annotations

from otelml._batch import BatchJob as batch  # noqa: N813 - read as a verb, `with batch(...)`
from otelml._batch import BatchResult
from otelml._feedback import feedback, feedback_many, register_key
from otelml._prediction import Prediction as prediction  # noqa: N813 - read as a verb, `with prediction(...)`
from otelml._prediction import current_prediction, not_serving, predict, stage
from otelml._requests import register_model
from otelml._startup import Telemetry, init, shutdown
from otelml._variants import Shadow, shadow, split
from otelml._version import __version__
from otelml.config import (
    CostOptions,
    DriftOptions,
    FeedbackOptions,
    LogOptions,
    MetricOptions,
    PrivacyOptions,
    TraceOptions,
)

__all__ = [
    "BatchResult",
    "CostOptions",
    "DriftOptions",
    "FeedbackOptions",
    "LogOptions",
    "MetricOptions",
    "PrivacyOptions",
    "Shadow",
    "Telemetry",
    "TraceOptions",
    "__version__",
    "batch",
    "current_prediction",
    "feedback",
    "feedback_many",
    "init",
    "not_serving",
    "predict",
    "prediction",
    "register_key",
    "register_model",
    "shadow",
    "shutdown",
    "split",
    "stage",
]
