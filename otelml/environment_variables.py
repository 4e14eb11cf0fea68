"""The environment variables that otelml reads beside ``OTEL_*``, each documented.

``OTEL_*`` variables mean what the OpenTelemetry specification says and are listed there; the ones
here exist for what it lacks. Options that have a variable name it in :mod:`otelml.config`.
"""

from __future__ import annotations

from typing import Final

OTELML_MODEL: Final = "OTELML_MODEL"
"""Name of the model, for predictions that give none (``init(model=)``)."""

OTELML_MODEL_VERSION: Final = "OTELML_MODEL_VERSION"
"""Version of that model (``init(model_version=)``)."""

OTELML_TRACES: Final = "OTELML_TRACES"
"""``false`` turns traces off (``init(traces=)``)."""

OTELML_METRICS: Final = "OTELML_METRICS"
"""``false`` turns metrics off (``init(metrics=)``)."""

OTELML_LOGS: Final = "OTELML_LOGS"
"""``false`` turns logs off (``init(logs=)``)."""

OTELML_FEEDBACK: Final = "OTELML_FEEDBACK"
"""``false`` turns prediction ids and feedback off (``init(feedback=)``)."""

OTELML_SYSTEM: Final = "OTELML_SYSTEM"
"""``false`` turns process and host metrics off (``init(system=)``)."""

OTELML_INSTRUMENT: Final = "OTELML_INSTRUMENT"
"""Comma-separated instrumentors, ``auto`` or ``none`` (``init(instrument=)``)."""

OTELML_COST: Final = "OTELML_COST"
"""``false`` turns costs off (``init(cost=)``)."""

OTELML_COST_HOURLY_RATE: Final = "OTELML_COST_HOURLY_RATE"
"""What this process costs an hour, in ``OTELML_COST_CURRENCY``."""

OTELML_COST_CURRENCY: Final = "OTELML_COST_CURRENCY"
"""Three-letter code of the currency of costs; ``USD`` by default."""

OTELML_COST_AWS: Final = "OTELML_COST_AWS"
"""``true`` takes the cost from AWS Cost Explorer."""

OTELML_COST_AWS_TAG: Final = "OTELML_COST_AWS_TAG"
"""Cost allocation tag of the service's part of the bill, as ``key=value``."""

OTELML_COST_AWS_SERVICE: Final = "OTELML_COST_AWS_SERVICE"
"""The AWS service whose part of the bill counts, named as in Cost Explorer."""

OTELML_SECRET: Final = "OTELML_SECRET"  # noqa: S105 - the variable's name, not a secret
"""Key that signs prediction ids; the same in every replica."""

OTELML_FLUSH_TIMEOUT: Final = "OTELML_FLUSH_TIMEOUT"
"""Seconds in which all signals together must be flushed at exit."""

OTELML_QUEUE_SIZE: Final = "OTELML_QUEUE_SIZE"
"""Most finished predictions that may wait for the worker."""

OTELML_LOW_CONFIDENCE: Final = "OTELML_LOW_CONFIDENCE"
"""Predictions with a confidence below this count as low-confidence."""

OTELML_CARDINALITY_LIMIT: Final = "OTELML_CARDINALITY_LIMIT"
"""Most streams of one instrument."""

OTELML_ATTRIBUTE_VALUES_LIMIT: Final = "OTELML_ATTRIBUTE_VALUES_LIMIT"
"""Most different values of one attribute of a metric."""

OTELML_PROMETHEUS: Final = "OTELML_PROMETHEUS"
"""``true`` serves ``/metrics`` for Prometheus beside OTLP."""

OTELML_LOGS_JSON: Final = "OTELML_LOGS_JSON"
"""``false`` leaves stdout to the application's own log format."""

OTELML_LOGS_SAMPLE_RATIO: Final = "OTELML_LOGS_SAMPLE_RATIO"
"""Share of predictions that write an ``ml.prediction`` log event, 0 to 1."""

OTELML_LOGS_FEATURES: Final = "OTELML_LOGS_FEATURES"
"""``true`` puts feature values into ``ml.prediction`` log events."""

OTELML_LOG_LEVEL: Final = "OTELML_LOG_LEVEL"
"""Lowest level that is written to stdout and exported."""

OTELML_HEADER: Final = "OTELML_HEADER"
"""``false`` leaves out the ``X-Prediction-Id`` response header."""

OTELML_REFERENCE: Final = "OTELML_REFERENCE"
"""Path of the model's reference (``init(reference=)``)."""

OTELML_DRIFT: Final = "OTELML_DRIFT"
"""``false`` turns the drift monitor off (``init(drift=)``)."""

OTELML_DRIFT_EVERY: Final = "OTELML_DRIFT_EVERY"
"""Time between two drift checks, seconds or ``30s``, ``5m``, ``1h``."""

OTELML_DRIFT_AT: Final = "OTELML_DRIFT_AT"
"""``HH:MM`` in UTC: check for drift once a day at that time."""

OTELML_DRIFT_WINDOW_ROWS: Final = "OTELML_DRIFT_WINDOW_ROWS"
"""Rows that a drift check needs."""

OTELML_DRIFT_VERDICT: Final = "OTELML_DRIFT_VERDICT"
"""``budget`` or ``thresholds``: what decides a drift alarm."""

OTELML_DRIFT_FALSE_ALARM_EVERY: Final = "OTELML_DRIFT_FALSE_ALARM_EVERY"
"""Expected time between two false drift alarms of a model."""

OTELML_DRIFT_CRITICAL_FEATURES: Final = "OTELML_DRIFT_CRITICAL_FEATURES"
"""Comma-separated features whose drift is always significant."""

OTELML_DRIFT_CALIBRATE_FOR: Final = "OTELML_DRIFT_CALIBRATE_FOR"
"""How long a model is watched to learn how much its data swings by itself."""

OTELML_ADMIN_TOKEN: Final = "OTELML_ADMIN_TOKEN"  # noqa: S105 - the variable's name, not a secret
"""Bearer token that the monitor's endpoints of the blueprint ask for."""
