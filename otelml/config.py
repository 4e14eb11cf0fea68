"""Option objects: frozen, validated, and the one place that says what can be configured.

Where values come from is the business of :mod:`otelml._startup.sources`; what they mean is said
here, in each option's ``doc``, from which ``docs/configuration.md`` is generated.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from otelml import environment_variables as env
from otelml._drift_options import DriftOptions
from otelml._option_fields import Options as _Options
from otelml._option_fields import option_field as _option
from otelml.exceptions import ConfigurationError

__all__ = [
    "Config",
    "CostOptions",
    "DriftOptions",
    "FeedbackOptions",
    "LogOptions",
    "MetricOptions",
    "TraceOptions",
]


_CURRENCY_LETTERS = 3


@dataclass(frozen=True, kw_only=True)
class TraceOptions(_Options):
    """Options of spans."""

    enabled: bool = _option(True, "Emit spans.", env.OTELML_TRACES)
    queue_size: int = _option(
        8192,
        "Most finished predictions that may wait for the worker; further ones are dropped and "
        "counted.",
        env.OTELML_QUEUE_SIZE,
        low=1,
    )
    flush_timeout_s: float = _option(
        5.0,
        "Seconds in which all signals together must be flushed at exit or on SIGTERM.",
        env.OTELML_FLUSH_TIMEOUT,
        low=0.0,
        high=3600.0,
    )


@dataclass(frozen=True, kw_only=True)
class MetricOptions(_Options):
    """Options of metrics."""

    enabled: bool = _option(True, "Emit metrics.", env.OTELML_METRICS)
    low_confidence: float = _option(
        0.6,
        "Predictions with a confidence below this count as low-confidence.",
        env.OTELML_LOW_CONFIDENCE,
        low=0.0,
        high=1.0,
    )
    cardinality_limit: int = _option(
        2000,
        "Most streams of one instrument; further ones are counted together as `_other`.",
        env.OTELML_CARDINALITY_LIMIT,
        low=1,
    )
    attribute_values_limit: int = _option(
        100,
        "Most different values of one attribute of one instrument.",
        env.OTELML_ATTRIBUTE_VALUES_LIMIT,
        low=1,
    )
    feature_window_rows: int = _option(
        1000,
        "Number of latest rows that `ml.feature.min`, `.max` and `.mean` are computed from.",
        low=1,
    )
    prometheus: bool = _option(
        False, "Serve `/metrics` for Prometheus beside OTLP.", env.OTELML_PROMETHEUS
    )
    prometheus_host: str = _option("127.0.0.1", "Address that `/metrics` listens on.")
    prometheus_port: int = _option(
        9464,
        "Port of `/metrics`; 0 opens none, so that the application serves it itself.",
        low=0,
        high=65535,
    )


@dataclass(frozen=True, kw_only=True)
class LogOptions(_Options):
    """Options of logs."""

    enabled: bool = _option(True, "Emit logs.", env.OTELML_LOGS)
    json: bool = _option(True, "Write JSON lines to stdout.", env.OTELML_LOGS_JSON)
    otlp: bool = _option(True, "Export the same records over OTLP.")
    level: str = _option(
        "INFO",
        "Lowest level that is written to stdout and exported.",
        env.OTELML_LOG_LEVEL,
        choices=tuple(logging.getLevelName(n) for n in (10, 20, 30, 40, 50)),
    )
    sample_ratio: float = _option(
        0.01,
        "Share of predictions that write an `ml.prediction` event; failed and low-confidence "
        "ones always do.",
        env.OTELML_LOGS_SAMPLE_RATIO,
        low=0.0,
        high=1.0,
    )
    features: bool = _option(
        False, "Put feature values into `ml.prediction` events.", env.OTELML_LOGS_FEATURES
    )
    redact: tuple[str, ...] = _option((), "Features whose values are replaced by `[redacted]`.")


@dataclass(frozen=True, kw_only=True)
class FeedbackOptions(_Options):
    """Options of prediction ids and feedback."""

    enabled: bool = _option(True, "Make prediction ids and accept feedback.", env.OTELML_FEEDBACK)
    header: bool = _option(
        True, "Send the id as the response header `X-Prediction-Id`.", env.OTELML_HEADER
    )
    secret: str | None = _option(
        None, "Key that signs prediction ids; the same in every replica.", env.OTELML_SECRET
    )
    remember: int = _option(
        100_000, "Labels remembered to recognise duplicates and conflicts.", low=1
    )

    def __repr__(self) -> str:
        """Keep the secret out of logs."""
        secret = "'***'" if self.secret else "None"
        return (
            f"FeedbackOptions(enabled={self.enabled}, header={self.header}, secret={secret}, "
            f"remember={self.remember})"
        )


@dataclass(frozen=True, kw_only=True)
class CostOptions(_Options):
    """Options of what the service costs; without a rate or a bill, nothing is reported."""

    enabled: bool = _option(
        True, "Emit `ml.cost` if a rate or a bill is configured.", env.OTELML_COST
    )
    hourly_rate: float | None = _option(
        None,
        "What this process costs an hour. With 4 workers on a machine that is a quarter of its "
        "price; with `gunicorn --preload` a fifth, because the master process counts too.",
        env.OTELML_COST_HOURLY_RATE,
        low=0.0,
        high=1e9,
    )
    currency: str = _option(
        "USD", "Three-letter code of the currency, the unit of `ml.cost`.", env.OTELML_COST_CURRENCY
    )
    aws: bool = _option(
        False,
        "Take the rate from AWS Cost Explorer as well (extra `aws`); each request costs 0.01 USD.",
        env.OTELML_COST_AWS,
    )
    aws_tag: str | None = _option(
        None,
        "Cost allocation tag, `key=value`, of the service's part of the bill; without it, all.",
        env.OTELML_COST_AWS_TAG,
    )
    aws_service: str | None = _option(
        None,
        "The AWS service whose part of the bill counts, named as in Cost Explorer.",
        env.OTELML_COST_AWS_SERVICE,
    )
    aws_days: int = _option(
        7,
        "Whole days that the rate is the mean of, up to the day before yesterday.",
        low=1,
        high=90,
    )
    aws_interval_s: float = _option(
        86_400.0, "Seconds between two requests for the bill.", low=3600.0, high=2_592_000.0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        code = self.currency
        if not (len(code) == _CURRENCY_LETTERS and code.isascii() and code.isalpha()
                and code.isupper()):  # fmt: skip
            raise ConfigurationError(
                f"CostOptions.currency is {code!r}; it must be three capital letters, such as USD"
            )
        if self.aws_tag is not None and not all(self.aws_tag.partition("=")):
            raise ConfigurationError(
                f"CostOptions.aws_tag is {self.aws_tag!r}; it must be key=value"
            )


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that ``init`` was told, resolved.

    Args:
        service_name: ``service.name``; None leaves it to ``OTEL_SERVICE_NAME``.
        service_version: ``service.version``.
        environment: ``deployment.environment.name``.
        model: Default model name.
        model_version: Default model version.
        traces: Options of spans.
        metrics: Options of metrics.
        logs: Options of logs.
        feedback: Options of prediction ids.
        cost: Options of what the service costs.
        drift: Options of the drift monitor.
        reference: Path of the model's reference, or what names the one that was given.
        system: Whether process and host metrics are collected.
        instrument: Names of instrumentors, or ``("auto",)``.
        resource_attributes: Further resource attributes, as pairs.
    """

    service_name: str | None = None
    service_version: str | None = None
    environment: str | None = None
    model: str | None = None
    model_version: str | None = None
    traces: TraceOptions = field(default_factory=TraceOptions)
    metrics: MetricOptions = field(default_factory=MetricOptions)
    logs: LogOptions = field(default_factory=LogOptions)
    feedback: FeedbackOptions = field(default_factory=FeedbackOptions)
    cost: CostOptions = field(default_factory=CostOptions)
    drift: DriftOptions = field(default_factory=DriftOptions)
    reference: str | None = None
    system: bool = True
    instrument: tuple[str, ...] = ("auto",)
    resource_attributes: tuple[tuple[str, Any], ...] = ()
