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
from otelml._durations import seconds
from otelml._id_options import keys_of
from otelml._label_options import KafkaLabels, LabelsFrom, RestLabels, SqlLabels, sources_of
from otelml._option_fields import Options as _Options
from otelml._option_fields import option_field as _option
from otelml._privacy_options import PrivacyOptions
from otelml._retraining_options import RetrainingOptions
from otelml._shown import shown
from otelml.exceptions import ConfigurationError

__all__ = [
    "Config",
    "CostOptions",
    "DriftOptions",
    "FeedbackOptions",
    "KafkaLabels",
    "LogOptions",
    "MetricOptions",
    "PrivacyOptions",
    "RestLabels",
    "RetrainingOptions",
    "SqlLabels",
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
    trust_incoming: bool = _option(
        True,
        "Go on with the trace that a caller names. Where clients are strangers, say `False`: a new "
        "trace begins with a link to theirs, whatever they say of its id, sampling and baggage.",
        env.OTELML_TRUST_INCOMING,
    )
    outgoing: bool = _option(
        True,
        "Trace calls that the service makes by requests, httpx and urllib3, and send "
        "`traceparent` along (extra `clients`).",
        env.OTELML_TRACE_OUTGOING,
    )
    flush_timeout_s: float = _option(
        5.0,
        "Seconds in which all signals together must be flushed at exit or on SIGTERM.",
        env.OTELML_FLUSH_TIMEOUT,
        low=0.0,
        high=3600.0,
    )


@dataclass(frozen=True, kw_only=True, repr=False)
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
    prometheus_token: str | None = _option(
        None,
        "Bearer token that `/metrics` asks for. Where others can reach `prometheus_host`, nothing "
        "is served without one; `none` asks for none there.",
        env.OTELML_PROMETHEUS_TOKEN,
        secret=True,
    )
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
        False,
        "Put feature values into `ml.prediction` events: those that privacy allows.",
        env.OTELML_LOGS_FEATURES,
    )
    redact: tuple[str, ...] = _option(
        (), "More names for `PrivacyOptions.redact`: it holds for all signals."
    )


@dataclass(frozen=True, kw_only=True)
class FeedbackOptions(_Options):
    """Options of prediction ids and feedback."""

    enabled: bool = _option(True, "Make prediction ids and accept feedback.", env.OTELML_FEEDBACK)
    header: bool = _option(
        True, "Send the id as the response header `X-Prediction-Id`.", env.OTELML_HEADER
    )
    secret: str | None = _option(
        None,
        "Key of prediction ids, the same in every replica. Several, by commas: the first makes "
        "ids, the others read older ones.",
        env.OTELML_SECRET,
        secret=True,
    )
    ids: str = _option(
        "auto",
        "`encrypted` (extra `ids`), `signed` (anybody can read them), `opaque` (their content is "
        "in the `store`), or `auto`: encrypted where the extra is installed, else signed.",
        env.OTELML_IDS,
        choices=("auto", "encrypted", "signed", "opaque"),
    )
    unsigned: str = _option(
        "refuse",
        "`accept` takes labels for ids that anybody can have made, and makes such ids where there "
        "is no `secret`.",
        env.OTELML_FEEDBACK_UNSIGNED,
        choices=("refuse", "accept"),
    )
    max_age: str | None = _option(
        None,
        "Labels for ids older than that are refused, such as `90d`; by default of any age.",
        env.OTELML_FEEDBACK_MAX_AGE,
    )
    services: tuple[str, ...] = _option(
        (), "Other services whose ids, made with the same key, are taken here."
    )
    client_sources: tuple[str, ...] = _option(
        (),
        "Sources that a client of `POST /feedback` may name; every other label is of the source "
        "`api`.",
        env.OTELML_FEEDBACK_CLIENT_SOURCES,
    )
    remember: int = _option(
        100_000, "Labels remembered to recognise duplicates and conflicts.", low=1
    )
    quality_rows: int = _option(
        1000,
        "Labelled predictions of each model version that `ml.quality` is of.",
        low=1,
        high=10_000,
    )
    positive: str | None = _option(
        None, "The positive one of two labels; by default `docs/quality.md` says which."
    )
    store: str | None = _option(
        None,
        "Database that keeps labels, as SQLAlchemy writes it (extra `labels`, `postgresql`): "
        "`sqlite:///labels.db`.",
        env.OTELML_FEEDBACK_STORE,
        secret=True,
    )
    store_days: float = _option(400.0, "Labels older than that are removed from it.", low=1)
    store_rows: int = _option(10_000_000, "Labels and keys that it keeps at most.", low=1)
    sources: tuple[LabelsFrom, ...] = _option(
        (),
        "Where labels are fetched from: `SqlLabels`, `RestLabels`, `KafkaLabels`, or tables with a "
        "`kind`; needs a `store`.",
    )
    trust: tuple[str, ...] = _option(
        (),
        "Sources of labels, the most trusted first: where sources differ, the first one here "
        "decides, and among those that are not named the newest label.",
        env.OTELML_FEEDBACK_TRUST,
    )
    review_below: float = _option(
        0.0,
        "Predictions with a confidence below this are kept in the store for reviewers; 0 keeps "
        "none.",
        env.OTELML_REVIEW_BELOW,
        low=0.0,
        high=1.0,
    )
    review_features: tuple[str, ...] = _option(
        (),
        "Features that are kept with them, for reviewers to see; `*` keeps all.",
        env.OTELML_REVIEW_FEATURES,
    )
    mature_after: str | None = _option(
        None,
        "Age of predictions from which on their labels count as complete, such as `30d`; by "
        "default it is learned from how long labels take.",
        env.OTELML_FEEDBACK_MATURE_AFTER,
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", sources_of(self.sources))
        super().__post_init__()
        if self.mature_after is not None:
            seconds("FeedbackOptions.mature_after", self.mature_after)
        if self.max_age is not None:
            seconds("FeedbackOptions.max_age", self.max_age)
        keys_of(self.secret)

    @property
    def max_age_s(self) -> float | None:
        """Seconds after which an id is too old; None where none is."""
        return None if self.max_age is None else seconds("FeedbackOptions.max_age", self.max_age)

    @property
    def mature_after_s(self) -> float | None:
        """Seconds after which labels count as complete; None where it is learned."""
        if self.mature_after is None:
            return None
        return seconds("FeedbackOptions.mature_after", self.mature_after)

    def __repr__(self) -> str:
        """Keep the secret out of logs."""
        secret = "'***'" if self.secret else "None"
        store = "'***'" if self.store else "None"
        return (
            f"FeedbackOptions(enabled={self.enabled}, header={self.header}, secret={secret}, "
            f"ids={self.ids!r}, unsigned={self.unsigned!r}, max_age={self.max_age!r}, "
            f"services={self.services!r}, client_sources={self.client_sources!r}, "
            f"remember={self.remember}, quality_rows={self.quality_rows}, "
            f"positive={self.positive!r}, store={store}, store_days={self.store_days}, "
            f"store_rows={self.store_rows}, sources={self.sources!r}, trust={self.trust!r}, "
            f"review_below={self.review_below}, review_features={self.review_features!r}, "
            f"mature_after={self.mature_after!r})"
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
                f"CostOptions.currency is {shown(code)}; "
                "it must be three capital letters, such as USD"
            )
        if self.aws_tag is not None and not all(self.aws_tag.partition("=")):
            raise ConfigurationError(
                f"CostOptions.aws_tag is {shown(self.aws_tag)}; it must be key=value"
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
        privacy: What of the customers' data may leave the process.
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
    privacy: PrivacyOptions = field(default_factory=PrivacyOptions)
    reference: str | None = None
    system: bool = True
    instrument: tuple[str, ...] = ("auto",)
    resource_attributes: tuple[tuple[str, Any], ...] = ()
