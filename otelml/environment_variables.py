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

OTELML_FEEDBACK_STORE: Final = "OTELML_FEEDBACK_STORE"
"""Database that keeps labels, as SQLAlchemy writes it (``FeedbackOptions.store``)."""

OTELML_FEEDBACK_TRUST: Final = "OTELML_FEEDBACK_TRUST"
"""Comma-separated sources of labels, the most trusted first (``FeedbackOptions.trust``)."""

OTELML_REVIEW_BELOW: Final = "OTELML_REVIEW_BELOW"
"""Predictions with a confidence below this are kept for reviewers (``FeedbackOptions``)."""
OTELML_FEEDBACK_MATURE_AFTER: Final = "OTELML_FEEDBACK_MATURE_AFTER"
"""Age from which on labels count as complete (``FeedbackOptions.mature_after``)."""

OTELML_REVIEW_FEATURES: Final = "OTELML_REVIEW_FEATURES"
"""Comma-separated features that reviewers see; ``*`` for all (``FeedbackOptions``)."""

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
"""Key of prediction ids, the same in every replica; several by commas, the newest first."""

OTELML_IDS: Final = "OTELML_IDS"
"""``auto``, ``encrypted``, ``signed`` or ``opaque`` prediction ids."""

OTELML_FEEDBACK_UNSIGNED: Final = "OTELML_FEEDBACK_UNSIGNED"
"""``accept`` takes labels for prediction ids that anybody can have made."""

OTELML_FEEDBACK_MAX_AGE: Final = "OTELML_FEEDBACK_MAX_AGE"
"""Age from which on prediction ids are refused, such as ``90d``."""

OTELML_FEEDBACK_CLIENT_SOURCES: Final = "OTELML_FEEDBACK_CLIENT_SOURCES"
"""Sources of labels that clients may name, by commas."""

OTELML_FLUSH_TIMEOUT: Final = "OTELML_FLUSH_TIMEOUT"
"""Seconds in which all signals together must be flushed at exit."""

OTELML_QUEUE_SIZE: Final = "OTELML_QUEUE_SIZE"
"""Most finished predictions that may wait for the worker."""

OTELML_TRUST_INCOMING: Final = "OTELML_TRUST_INCOMING"
"""``false`` begins a new trace with a link where a caller names one."""

OTELML_TRACE_OUTGOING: Final = "OTELML_TRACE_OUTGOING"
"""``false`` leaves calls by ``requests``, ``httpx`` and ``urllib3`` alone."""

OTELML_LOW_CONFIDENCE: Final = "OTELML_LOW_CONFIDENCE"
"""Predictions with a confidence below this count as low-confidence."""

OTELML_CARDINALITY_LIMIT: Final = "OTELML_CARDINALITY_LIMIT"
"""Most streams of one instrument."""

OTELML_ATTRIBUTE_VALUES_LIMIT: Final = "OTELML_ATTRIBUTE_VALUES_LIMIT"
"""Most different values of one attribute of a metric."""

OTELML_PROMETHEUS: Final = "OTELML_PROMETHEUS"
"""``true`` serves ``/metrics`` for Prometheus beside OTLP."""

OTELML_PROMETHEUS_TOKEN: Final = "OTELML_PROMETHEUS_TOKEN"  # noqa: S105 - a name, not a secret
"""Bearer token that ``/metrics`` asks for; ``none`` for none on an address that others reach."""

OTELML_VIEWER_TOKEN: Final = "OTELML_VIEWER_TOKEN"  # noqa: S105 - a name, not a secret
"""What ``otelml view`` asks for: of senders as a bearer token, of browsers as the password."""

OTELML_LOGS_JSON: Final = "OTELML_LOGS_JSON"
"""``false`` leaves stdout to the application's own log format."""

OTELML_LOGS_SAMPLE_RATIO: Final = "OTELML_LOGS_SAMPLE_RATIO"
"""Share of predictions that write an ``ml.prediction`` log event, 0 to 1."""

OTELML_LOGS_FEATURES: Final = "OTELML_LOGS_FEATURES"
"""``true`` puts feature values into ``ml.prediction`` log events."""

OTELML_PRIVACY: Final = "OTELML_PRIVACY"
"""What of the customers' data may leave: ``private``, ``internal`` or ``open``."""

OTELML_REDACT: Final = "OTELML_REDACT"
"""Features and fields whose values are sent at no level of privacy, separated by commas."""

OTELML_ALLOW: Final = "OTELML_ALLOW"
"""Features whose values are sent at ``private`` too, separated by commas."""

OTELML_ALLOW_QUERIES: Final = "OTELML_ALLOW_QUERIES"
"""Parameters of query strings that are sent, separated by commas."""

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

OTELML_DRIFT_WINDOW: Final = "OTELML_DRIFT_WINDOW"
"""``new`` or ``last``: a drift check looks at the rows since the last one, or at the last ones."""

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

OTELML_DRIFT_KEEP_LEARNED: Final = "OTELML_DRIFT_KEEP_LEARNED"
"""``false`` leaves the reference's file as it is: a restart learns margins anew."""

OTELML_DRIFT_REPORT_FOLDER: Final = "OTELML_DRIFT_REPORT_FOLDER"
"""Folder into which the drift monitor writes its reports."""

OTELML_RETRAINING: Final = "OTELML_RETRAINING"
"""``false`` lets nothing say whether a model should be retrained."""

OTELML_RETRAINING_RULES: Final = "OTELML_RETRAINING_RULES"
"""Comma-separated rules, each of which recommends a retraining (``RetrainingOptions.rules``)."""

OTELML_RETRAINING_COOLDOWN: Final = "OTELML_RETRAINING_COOLDOWN"
"""Least time between two triggers of one model, seconds or ``1h``, ``1d``."""

OTELML_RETRAINING_STATE: Final = "OTELML_RETRAINING_STATE"
"""File that keeps the history of triggers and the cooldown over restarts."""

OTELML_RETRAINING_DRY_RUN: Final = "OTELML_RETRAINING_DRY_RUN"
"""``true`` decides and tells, but triggers nothing."""

OTELML_RETRAINING_WEBHOOK: Final = "OTELML_RETRAINING_WEBHOOK"
"""URL that is told of a retraining by a signed POST."""

OTELML_RETRAINING_SECRET: Final = "OTELML_RETRAINING_SECRET"  # noqa: S105 - a name, not a secret
"""Key of the signature of that POST."""

OTELML_RETRAINING_COMMAND: Final = "OTELML_RETRAINING_COMMAND"
"""Comma-separated program and arguments that are run to retrain."""

OTELML_RETRAINING_ID: Final = "OTELML_RETRAINING_ID"
"""Set for that command: the id of the trigger, the same in each attempt."""

OTELML_RETRAINING_BODY: Final = "OTELML_RETRAINING_BODY"
"""Set for that command: what the webhook is told, the reasons in it, as JSON."""

OTELML_TRAINED_AT: Final = "OTELML_TRAINED_AT"
"""When the model was trained, ISO 8601 (``RetrainingOptions.trained_at``)."""

OTELML_ADMIN_TOKEN: Final = "OTELML_ADMIN_TOKEN"  # noqa: S105 - the variable's name, not a secret
"""Bearer token that the monitor's endpoints of the blueprint ask for."""
